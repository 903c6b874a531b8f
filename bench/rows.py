# rows.py - of each row: what it should reach, and what the machine alone takes for it.
#
# A target is a ratio to a peer in the same run, or a figure; there may be several.  A floor is
# worked out from the rows of bench/floors, in the row's own unit: the steps that nobody can leave
# out, never a guess of how fast one could be.  Rows without an entry have neither.
# SPDX-License-Identifier: MIT

NAMES = {"weft": "Weft", "go": "Go", "erlang": "Erlang", "boost": "Boost", "tbb": "TBB",
         "pthread": "pthreads", "epoll": "epoll", "uring": "io_uring", "libuv": "libuv",
         "asio": "Asio", "python": "Python", "nginx": "nginx", "node": "node", "seq": "sequential",
         "omp": "OpenMP", "rayon": "Rayon", "floor": "floor",
         "redis": "redis", "redis_io": "redis, I/O threads"}

# The tables of REPORT.md, and whom each compares.  A row belongs to the table whose name it begins
# with, else to the first; those of PAR to `par`.
PAR = ("fib", "nqueens", "uts", "skynet", "sum", "saxpy", "sort", "matmul", "grain", "dispatch",
       "crowd")
GROUPS = {"peers": ["go", "erlang", "boost", "tbb", "pthread"],
          "echo": ["epoll", "uring", "libuv", "asio", "go", "erlang", "python"],
          "http": ["nginx", "go", "node"],
          "resp": ["redis", "redis_io"],
          "par": ["seq", "omp", "tbb", "go", "rayon"],
          "files": ["seq", "pthread", "go"],
          "proc": ["go", "python"]}


def group_of(row):
    if row.startswith(PAR):
        return "par"
    return next((name for name in GROUPS if row.startswith(name)), "peers")


class Row:
    """also: further targets, (limit, peer) each; all are to be met."""

    def __init__(self, limit, peer=None, floor=None, why="", also=()):
        self.targets, self.floor_of, self.why = [(limit, peer), *also], floor, why

    def target(self, unit=""):
        """In words: `0.12 × Go`, `3 %`, `1 × epoll, 0.82 × Go`, `0.526 × fib_1w`."""
        return ", ".join(f"{limit:.3g} × {NAMES.get(peer, peer)}" if peer
                         else f"{limit:.4g} {unit}".strip() for limit, peer in self.targets)

    def judge(self, medians):
        """([what is held against a limit, a ratio or a figure], are all met?), of the targets whose
        peers have a figure; the answer is None when none has.  medians are by peer, and beside the
        peers' there is `floor`, and Weft's own of other rows by their names."""
        weft, found = medians.get("weft"), []
        for limit, peer in self.targets:
            other = medians.get(peer) if peer else 1
            if weft is not None and other:
                found.append((weft / other, limit))
        met = all(value <= limit for value, limit in found) if found else None
        return [value for value, _ in found], met

    def floor(self, floors):
        try:
            return self.floor_of(floors) if self.floor_of else None
        except KeyError:
            return None


def on_two(limit, of, floor=None, why=""):
    """A load that two CPUs share: so much of its own figure, or floor, and no peer is better."""
    return Row(limit, of, floor, why, also=[(1.0, peer) for peer in ("omp", "tbb", "go", "rayon")])


KB = 1024
DOUBLES_KB = 100_000_000 * 8 / KB  # of an array of the rows sum and saxpy
TASKS = 1_000_000  # of the rows that say 1m

ROWS = {
    "switch_1w": Row(0.12, "go", lambda f: f["floor_switch"], "one switch of stacks"),
    "spawn_1w": Row(0.08, "go", lambda f: 2 * f["floor_switch"], "to the task and back"),
    "spawn_2w": Row(0.14, "go", lambda f: 2 * f["floor_switch"] + f["floor_rmw"],
                    "and its end is counted"),
    "rendezvous_1w": Row(0.16, "go", lambda f: 2 * f["floor_switch"], "two switches"),
    "rendezvous_2w": Row(0.2, "go", lambda f: 2 * f["floor_switch"], "two switches"),
    "chan128_1p1c_1w": Row(0.5, "go", lambda f: 2 * f["floor_switch"] / 128,
                           "two switches each time that it is full"),
    "chan128_1p1c_2w": Row(0.5, "go", lambda f: f["floor_cache_line"] / 16,
                           "8 values come in a line"),
    "chan128_4p4c_1w": Row(0.5, "go", lambda f: 2 * f["floor_switch"] / 128,
                           "two switches each time that it is full"),
    "chan128_4p4c_2w": Row(0.5, "go", lambda f: f["floor_rmw"], "many may send"),
    "select8_1w": Row(0.2, "go", lambda f: f["floor_switch"], "each sender runs for each value"),
    "mutex_uncontended": Row(1.2, "pthread", lambda f: f["floor_rmw"], "one atomic operation"),
    "mutex4_2w": Row(0.6, "go", lambda f: f["floor_rmw"], "one atomic operation"),
    "sleepers_1m_bytes": Row(4.4 * KB, None, lambda f: 4 * KB, "one page"),
    "sleepers_1m_create": Row(0.7, "go", lambda f: f["floor_page_touch"], "a page's first touch"),
    "sleepers_1m_wake": Row(0.3, "go", lambda f: f["floor_switch"], "one switch"),
    "sleepers_dense_1m_bytes": Row(2.4 * KB, None, lambda f: 2 * KB, "its stack"),
    "timers_1m_cpu": Row(0.5, "go", lambda f: TASKS * f["floor_page_touch"] / 1e9,
                         "the pages of the tasks"),
    "timers_1m_late": Row(0.3, "go", lambda f: f["floor_futex_wake"] / 1e6, "one wake"),
    "timer_arm_cancel": Row(0.1, "go", lambda f: f["floor_clock"], "the clock is read"),
    "sleep_1ms": Row(0.5, "go", lambda f: f["floor_sleep"], "the kernel's own, without slack"),
    "idle_parked": Row(0.05, None, lambda f: 0.0),
    "idle_1khz": Row(3.0, None, lambda f: f["floor_tick"], "a thread that sleeps each ms"),
    "hog_one": Row(1.0),
    "hog_all": Row(20.0),
    "thread_1w": Row(1.0, "pthread"),
    "thread_2w": Row(1.0, "pthread"),
    **{f"echo{n}_cpu": Row(1.0, "epoll", also=[(0.82, "go"), (0.92, "libuv")])
       for n in (100, 1000)},
    **{f"echo{n}_p99": Row(1.0, "epoll", also=[(1.0, "go"), (1.0, "libuv")]) for n in (100, 1000)},
    **{f"echo{n}_2w_cpu": Row(0.82, "go") for n in (100, 1000)},
    **{f"echo_idle10k_{what}": Row(5 * KB, None, lambda f: 4 * KB, "one page")
       for what in ("bytes", "used_bytes")},
    "http100_cpu": Row(1 / 0.9, "nginx", also=[(1 / 1.5, "go")]),
    "http100_2w_cpu": Row(1 / 0.9, "nginx", also=[(1 / 1.5, "go")]),
    **{f"resp_{name}_2w_wall": Row(1.0, "redis", lambda f: f["floor_syscall"] / 16 / 1e3,
                                   "two system calls for 16 commands, on two CPUs",
                                   also=[(1.0, "redis_io")])
       for name in ("get", "hot")},
    "fib_1w": Row(2.5),
    "fib_2w": on_two(1 / 1.9, "fib_1w"),
    "fib_inline_1w": Row(1.8),
    "fib_inline_2w": Row(1 / 1.9, "fib_inline_1w"),
    **{f"{load}_2w": on_two(1 / 1.85, f"{load}_1w")
       for load in ("nqueens", "uts", "skynet", "sort", "matmul")},
    # What two CPUs read is less than twice what one does, so the memory itself is the measure.
    "sum_1w": Row(1.15, "floor", lambda f: DOUBLES_KB * f["floor_read_1w"] / 1e6, "memory, read"),
    "sum_2w": on_two(1.15, "floor", lambda f: DOUBLES_KB * f["floor_read_2w"] / 1e6,
                     "memory, read by two"),
    "saxpy_1w": Row(1.15, "floor", lambda f: DOUBLES_KB * f["floor_update_1w"] / 1e6,
                    "memory, read and written"),
    "saxpy_2w": on_two(1.15, "floor", lambda f: DOUBLES_KB * f["floor_update_2w"] / 1e6,
                       "memory, read and written by two"),
    "grain_1us_1w": Row(1.03),
    "grain_auto_2w": on_two(1 / 1.85, "grain_auto_1w"),
    "dispatch_empty_2w": Row(350.0),
    "crowd_workers_2w": Row(1.0, "omp"),
    "crowd_hog_2w": Row(1.0, "omp"),
    **{f"files_{case}_1w": Row(1.1, "seq") for case in ("warm4k", "warm64k")},
    **{f"files_cold64k_{n}w": Row(0.4, "seq") for n in (1, 2)},
}
