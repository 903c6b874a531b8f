// rayon.rs - fib by `join`, without a cut-off.
//
// SPDX-License-Identifier: MIT
#[path = "../common/par.rs"]
mod par;

fn fib(n: u64) -> u64 {
    if n < 2 {
        return n;
    }
    let (first, second) = rayon::join(|| fib(n - 1), || fib(n - 2));
    first + second
}

fn main() {
    let args = par::parse();
    let (mut k, mut value, mut before) = (1, 1, 0);
    let (mut calls, mut calls_before) = (1, 1);
    while calls + calls_before + 1 <= args.n {
        let (next, more) = (value + before, calls + calls_before + 1);
        k += 1;
        before = value;
        value = next;
        calls_before = calls;
        calls = more;
    }
    par::on_workers(args.workers, || {
        let ns = par::mean_ns(|| assert_eq!(fib(k), value));
        par::report("fib", ns / calls as f64, "ns");
    });
}
