/* tbb.cpp - counts the ways to place n queens: a task for each free place of each row.
 *
 * SPDX-License-Identifier: MIT
 */
#include <tbb/global_control.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include "common/par.h"

static int queens; /* on as many columns */

static int64_t count(par_board board, int row)
{
    int64_t counts[32], solutions = 0;
    int places = 0;

    if (row == queens)
        return 1;
    tbb::task_group group;
    for (uint32_t left = par_free(queens, board); left; left &= left - 1) {
        par_board next = par_place(board, left & -left);
        int64_t *into = &counts[places++];

        group.run([next, into, row] { *into = count(next, row + 1); });
    }
    group.wait();
    for (int i = 0; i < places; i++)
        solutions += counts[i];
    return solutions;
}

static void run(void *)
{
    par_check_queens(queens, count(par_board{}, 0));
}

int main(int argc, char **argv)
{
    bench_args args = bench_parse(argc, argv);
    tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                              std::size_t(args.workers));
    tbb::task_arena arena(args.workers);

    queens = int(args.n);
    arena.execute([] {
        bench_report("nqueens", par_mean_ns(run, nullptr) / par_boards(queens), "ns");
    });
    return 0;
}
