// rayon.rs - a tree of tens: a piece for each node.
//
// SPDX-License-Identifier: MIT
#[path = "../common/par.rs"]
mod par;

use rayon::prelude::*;

fn sum(first: u64, leaves: u64) -> u64 {
    if leaves == 1 {
        return first;
    }
    (0..10usize)
        .into_par_iter()
        .with_max_len(1)
        .map(|i| sum(first + i as u64 * (leaves / 10), leaves / 10))
        .sum()
}

fn main() {
    let args = par::parse();
    let mut leaves = 10;
    while leaves * 10 <= args.n as u64 {
        leaves *= 10;
    }
    par::on_workers(args.workers, || {
        let ns = par::mean_ns(|| assert_eq!(sum(0, leaves), leaves * (leaves - 1) / 2));
        par::report("skynet", ns / leaves as f64, "ns");
    });
}
