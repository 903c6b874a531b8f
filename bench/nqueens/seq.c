/* seq.c - counts the ways to place n queens, row by row, by plain calls.
 *
 * SPDX-License-Identifier: MIT
 */
#include "common/par.h"

static int queens; /* on as many columns */

static int64_t count(struct par_board board, int row)
{
    int64_t solutions = 0;

    if (row == queens)
        return 1;
    for (uint32_t left = par_free(queens, board); left; left &= left - 1) {
        solutions += count(par_place(board, left & -left), row + 1);
    }
    return solutions;
}

static void run(void *arg)
{
    (void)arg;
    par_check_queens(queens, count((struct par_board){0}, 0));
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);

    queens = (int)args.n;
    bench_report("nqueens", par_mean_ns(run, NULL) / par_boards(queens), "ns");
    return 0;
}
