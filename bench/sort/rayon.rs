// rayon.rs - Rayon's stable sort, as ours is.
//
// SPDX-License-Identifier: MIT
#[path = "../common/par.rs"]
mod par;

use rayon::prelude::*;
use std::time::Instant;

fn run(n: usize) -> f64 {
    let mut at: Vec<i64> = (0..n).map(|i| par::uts_child(i as u64, 0) as i64).collect();
    let sum = at.iter().fold(0i64, |sum, value| sum.wrapping_add(*value));
    let start = Instant::now();
    at.par_sort();
    let ns = start.elapsed().as_nanos() as f64;
    assert!(at.windows(2).all(|pair| pair[0] <= pair[1]));
    assert_eq!(at.iter().fold(0i64, |sum, value| sum.wrapping_add(*value)), sum);
    ns
}

fn main() {
    let args = par::parse();
    par::on_workers(args.workers, || {
        run(args.n / 100 + 1);
        par::report("sort", run(args.n) / 1e6, "ms");
    });
}
