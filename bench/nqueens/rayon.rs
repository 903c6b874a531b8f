// rayon.rs - counts the ways to place n queens: a piece for each free place of each row.
//
// SPDX-License-Identifier: MIT
#[path = "../common/par.rs"]
mod par;

use rayon::prelude::*;

#[derive(Clone, Copy)]
struct Board {
    columns: u32,
    left: u32,
    right: u32,
}

fn count(board: Board, row: usize, n: usize) -> u64 {
    if row == n {
        return 1;
    }
    let mut free = !(board.columns | board.left | board.right) & ((1 << n) - 1);
    let (mut columns, mut places) = ([0; 32], 0);
    while free != 0 {
        columns[places] = free & free.wrapping_neg();
        places += 1;
        free &= free - 1;
    }
    columns[..places]
        .par_iter()
        .with_max_len(1)
        .map(|column| {
            let next = Board {
                columns: board.columns | column,
                left: (board.left | column) << 1,
                right: (board.right | column) >> 1,
            };
            count(next, row + 1, n)
        })
        .sum()
}

fn main() {
    let args = par::parse();
    let known = [1, 1, 0, 0, 2, 10, 4, 40, 92, 352, 724, 2680, 14200];
    let boards = [1, 2, 3, 6, 17, 54, 153, 552, 2057, 8394, 35539, 166926, 856189];
    par::on_workers(args.workers, || {
        let ns = par::mean_ns(|| {
            let board = Board { columns: 0, left: 0, right: 0 };
            assert_eq!(count(board, 0, args.n), known[args.n])
        });
        par::report("nqueens", ns / boards[args.n] as f64, "ns");
    });
}
