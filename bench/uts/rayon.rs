// rayon.rs - counts the nodes of an unbalanced tree: the children of a node by halves.
//
// SPDX-License-Identifier: MIT
#[path = "../common/par.rs"]
mod par;

fn count(node: u64, depth: u64) -> u64 {
    1 + count_children(node, depth, 0, par::uts_children(node, depth))
}

fn count_children(node: u64, depth: u64, from: u64, to: u64) -> u64 {
    match to - from {
        0 => 0,
        1 => count(par::uts_child(node, from), depth + 1),
        children => {
            let middle = from + children / 2;
            let (first, second) = rayon::join(
                || count_children(node, depth, from, middle),
                || count_children(node, depth, middle, to),
            );
            first + second
        }
    }
}

fn main() {
    let args = par::parse();
    par::on_workers(args.workers, || {
        let ns = par::mean_ns(|| assert_eq!(count(par::UTS_ROOT, 0), par::UTS_NODES));
        par::report("uts", ns / par::UTS_NODES as f64, "ns");
    });
}
