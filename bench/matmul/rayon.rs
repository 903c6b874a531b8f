// rayon.rs - a product of matrices by recursive halves, two at once.
//
// SPDX-License-Identifier: MIT
#[path = "../common/par.rs"]
mod par;

const BLOCK: usize = 32;
const PAD: usize = 8;

#[derive(Clone, Copy)]
struct Product {
    a: *const f64,
    b: *const f64,
    c: *mut f64,
    rows: usize,
    columns: usize,
    inner: usize,
    stride: usize,
}

// Two products that run at once write to parts of c that have nothing in common.
unsafe impl Send for Product {}
unsafe impl Sync for Product {}

impl Product {
    // As par_block of common/par.h.
    unsafe fn compute(self) {
        use std::slice::{from_raw_parts, from_raw_parts_mut};
        for i in 0..BLOCK {
            let c = from_raw_parts_mut(self.c.add(i * self.stride), BLOCK);
            for k in (0..BLOCK).step_by(4) {
                let a = from_raw_parts(self.a.add(i * self.stride + k), 4);
                let row = |r| from_raw_parts(self.b.add((k + r) * self.stride), BLOCK);
                let (b0, b1, b2, b3) = (row(0), row(1), row(2), row(3));
                for j in 0..BLOCK {
                    c[j] += (a[0] * b0[j] + a[1] * b1[j]) + (a[2] * b2[j] + a[3] * b3[j]);
                }
            }
        }
    }

    unsafe fn multiply(self) {
        if self.rows <= BLOCK && self.columns <= BLOCK && self.inner <= BLOCK {
            return self.compute();
        }
        let (mut first, mut second) = (self, self);
        if self.rows >= self.columns && self.rows >= self.inner {
            first.rows /= 2;
            second.rows = first.rows;
            second.a = self.a.add(first.rows * self.stride);
            second.c = self.c.add(first.rows * self.stride);
        } else if self.columns >= self.inner {
            first.columns /= 2;
            second.columns = first.columns;
            second.b = self.b.add(first.columns);
            second.c = self.c.add(first.columns);
        } else {
            first.inner /= 2;
            second.inner = first.inner;
            second.a = self.a.add(first.inner);
            second.b = self.b.add(first.inner * self.stride);
            first.multiply();
            return second.multiply();
        }
        rayon::join(move || first.run(), move || second.run());
    }

    fn run(self) {
        unsafe { self.multiply() }
    }
}

fn main() {
    let args = par::parse();
    let n = args.n;
    let stride = n + PAD;
    let a: Vec<f64> = (0..n * stride).map(|i| (i * 7 % 8) as f64).collect();
    let b: Vec<f64> = (0..n * stride).map(|i| (i * 5 % 8) as f64).collect();
    let mut c = vec![0.0; n * stride];
    let p = Product {
        a: a.as_ptr(),
        b: b.as_ptr(),
        c: c.as_mut_ptr(),
        rows: n,
        columns: n,
        inner: n,
        stride,
    };
    let mut times = 0.0;
    let ns = par::on_workers(args.workers, || {
        par::mean_ns(|| {
            p.run();
            times += 1.0;
        })
    });
    // Each row of c sums up to that row of a, times b's row sums.
    let sums: Vec<f64> = b.chunks(stride).map(|row| row[..n].iter().sum()).collect();
    for (a, c) in a.chunks(stride).zip(c.chunks(stride)) {
        let (a, c) = (&a[..n], &c[..n]);
        let wanted: f64 = a.iter().zip(&sums).map(|(a, sum)| a * sum * times).sum();
        assert_eq!(wanted, c.iter().sum::<f64>());
    }
    par::report("matmul", ns / 1e6, "ms");
}
