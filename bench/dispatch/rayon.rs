// rayon.rs - a loop of as many items as there are threads, an item for each.
//
// For Rayon: when the other thread is late, the first runs both items; `apart` shows how often.
//
// SPDX-License-Identifier: MIT
#[path = "../common/par.rs"]
mod par;

use par::Loop;
use rayon::prelude::*;
use std::time::Instant;

fn run(l: &Loop) {
    (0..l.items).into_par_iter().with_max_len(1).for_each(|i| l.item(i));
}

fn main() {
    let args = par::parse();
    par::on_workers(args.workers, || {
        let beyond = if args.name == "apart" { 2000.0 } else { 0.0 };
        let rounds = if beyond > 0.0 { par::rounds_of(beyond) } else { 0 };
        let l = Loop { items: args.workers, rounds, uneven: false };
        (0..args.n / 10 + 1).for_each(|_| run(&l));
        let batch = |_| {
            let start = Instant::now();
            (0..100).for_each(|_| run(&l));
            start.elapsed().as_nanos() as f64 / 100.0
        };
        let mut batches: Vec<f64> = (0..args.n / 100 + 1).map(batch).collect();
        batches.sort_by(|a, b| a.partial_cmp(b).unwrap());
        par::report(&args.name, batches[batches.len() / 2] - beyond, "ns");
    });
}
