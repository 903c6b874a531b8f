// rayon.rs - loops over items of a known time: handed out singly, and as Rayon finds best.
//
// SPDX-License-Identifier: MIT
#[path = "../common/par.rs"]
mod par;

use par::Loop;
use rayon::prelude::*;

fn pieces(l: &Loop) {
    (0..l.items).into_par_iter().with_max_len(1).for_each(|i| l.item(i));
}

fn by_itself(l: &Loop) {
    (0..l.items).into_par_iter().for_each(|i| l.item(i));
}

fn main() {
    let args = par::parse();
    par::on_workers(args.workers, || {
        if args.name == "auto" {
            let items = args.n / 100 + 1;
            let l = Loop { items, rounds: par::rounds_of(100.0), uneven: true };
            return par::report("auto", l.over_serial(by_itself), "x");
        }
        for ns in [100, 300, 1000, 3000, 10_000, 30_000, 100_000] {
            let items = args.n / ns + 1;
            let l = Loop { items, rounds: par::rounds_of(ns as f64), uneven: false };
            par::report(&format!("grain_{}ns", ns), l.over_serial(pieces), "x");
        }
    });
}
