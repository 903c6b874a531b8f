// par.rs - as bench.h, par.h and loop.h, for the peers in Rust.
//
// SPDX-License-Identifier: MIT
#![allow(dead_code)]
use std::time::{Duration, Instant};

pub struct Args {
    pub name: String,
    pub workers: usize,
    pub n: usize,
}

pub fn parse() -> Args {
    let words: Vec<String> = std::env::args().collect();
    let number = |i: usize| words[i].parse().expect("program CASE WORKERS N");
    Args { name: words[1].clone(), workers: number(2), n: number(3) }
}

/// The pool's threads, and one of them runs this.
pub fn on_workers<R: Send>(workers: usize, body: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(workers).build().unwrap().install(body)
}

pub fn mean_ns(mut run: impl FnMut()) -> f64 {
    run();
    let (start, mut runs) = (Instant::now(), 0.0);
    loop {
        run();
        runs += 1.0;
        let passed = start.elapsed();
        if passed >= Duration::from_millis(100) {
            return passed.as_nanos() as f64 / runs;
        }
    }
}

pub fn report(name: &str, value: f64, unit: &str) {
    println!("{} {} {}", name, value, unit);
}

// ---- the unbalanced tree, and numbers without order ----

pub const UTS_DEPTH: u64 = 18;
pub const UTS_ROOT: u64 = 26;
pub const UTS_NODES: u64 = 1016680;

pub fn uts_child(node: u64, i: u64) -> u64 {
    let mut x = node.wrapping_add(i);
    for _ in 0..16 {
        x = x.wrapping_add(0x9E3779B97F4A7C15);
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58476D1CE4E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D049BB133111EB);
        x ^= x >> 31;
    }
    x
}

pub fn uts_children(mut node: u64, depth: u64) -> u64 {
    let less = 4 * (UTS_DEPTH - depth);
    let limit = 65536 * less / (UTS_DEPTH + less);
    for children in 0..100 {
        node = node.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        if node >> 48 >= limit {
            return children;
        }
    }
    100
}

// ---- loops over items of a known time ----

#[derive(Clone, Copy)]
pub struct Loop {
    pub items: usize,
    pub rounds: usize,
    pub uneven: bool,
}

pub fn work(rounds: usize) {
    let mut x = rounds as u64 | 1;
    for _ in 0..rounds {
        x = x.wrapping_mul(6364136223846793005).wrapping_add(1);
    }
    unsafe { std::arch::asm!("/* {0} is wanted */", in(reg) x) };
}

pub fn rounds_of(ns: f64) -> usize {
    let mut best = f64::MAX;
    for _ in 0..3 {
        let start = Instant::now();
        work(1_000_000);
        best = best.min(start.elapsed().as_nanos() as f64 / 1e6);
    }
    (ns / best) as usize + 1
}

impl Loop {
    pub fn item(&self, i: usize) {
        work(if self.uneven { 2 * self.rounds * i / self.items } else { self.rounds });
    }

    pub fn over_serial(&self, run: impl Fn(&Loop)) -> f64 {
        let (mut serial, mut shared) = (f64::MAX, f64::MAX);
        for _ in 0..4 {
            let start = Instant::now();
            (0..self.items).for_each(|i| self.item(i));
            serial = serial.min(start.elapsed().as_secs_f64());
            let start = Instant::now();
            run(self);
            shared = shared.min(start.elapsed().as_secs_f64());
        }
        shared / serial
    }
}
