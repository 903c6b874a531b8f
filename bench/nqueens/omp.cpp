/* omp.cpp - counts the ways to place n queens: a task for each free place of each row.
 *
 * SPDX-License-Identifier: MIT
 */
#include "common/par.h"

static int workers, queens;

static int64_t count(par_board board, int row)
{
    int64_t counts[32], solutions = 0;
    int places = 0;

    if (row == queens)
        return 1;
    for (uint32_t left = par_free(queens, board); left; left &= left - 1) {
        par_board next = par_place(board, left & -left);
        int64_t *into = &counts[places++];

#pragma omp task firstprivate(next, into)
        *into = count(next, row + 1);
    }
#pragma omp taskwait
    for (int i = 0; i < places; i++)
        solutions += counts[i];
    return solutions;
}

static void run(void *)
{
    int64_t solutions = 0;

#pragma omp parallel num_threads(workers)
#pragma omp single
    solutions = count(par_board{}, 0);
    par_check_queens(queens, solutions);
}

int main(int argc, char **argv)
{
    bench_args args = bench_parse(argc, argv);

    workers = args.workers;
    queens = int(args.n);
    bench_report("nqueens", par_mean_ns(run, nullptr) / par_boards(queens), "ns");
    return 0;
}
