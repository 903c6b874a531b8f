// rayon.rs - sum and saxpy over long arrays, in chunks that are split as Rayon finds best.
//
// Against Rust: Vec does not ask for huge pages.
//
// SPDX-License-Identifier: MIT
#[path = "../common/par.rs"]
mod par;

use rayon::prelude::*;

const CHUNK: usize = 16 * 1024; // of the sum, whose kernel takes a slice

/// Eight sums side by side, so that one waits for memory and not for the adder.
fn sum_of(at: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let mut eights = at.chunks_exact(8);
    for eight in &mut eights {
        for k in 0..8 {
            sums[k] += eight[k];
        }
    }
    sums.iter().sum::<f64>() + eights.remainder().iter().sum::<f64>()
}

fn main() {
    let args = par::parse();
    par::on_workers(args.workers, || {
        let x: Vec<f64> = (0..args.n).into_par_iter().map(|_| 1.0).collect();
        let mut y: Vec<f64> = (0..args.n).into_par_iter().map(|_| 0.0).collect();
        let ns = par::mean_ns(|| {
            let sum: f64 = x.par_chunks(CHUNK).map(sum_of).sum();
            assert_eq!(sum, args.n as f64);
        });
        par::report("sum", ns / 1e6, "ms");
        let ns = par::mean_ns(|| {
            y.par_iter_mut().zip(&x).for_each(|(y, x)| *y += 0.5 * x);
        });
        assert!(y[0] >= 1.0 && y[0] == y[args.n - 1]);
        par::report("saxpy", ns / 1e6, "ms");
    });
}
