/* weft.c - counts the ways to place n queens: a piece for each free place of each row.
 *
 * SPDX-License-Identifier: MIT
 */
#include <weft.h>

#include "common/par.h"

static int queens; /* on as many columns */

struct work {
    weft_piece piece;
    struct par_board board;
    int row;
    int64_t solutions;
};

static int count(void *arg)
{
    struct work *work = arg, next[32];
    int places = 0;

    work->solutions = work->row == queens;
    if (work->row == queens)
        return 0;
    for (uint32_t left = par_free(queens, work->board); left; left &= left - 1, places++) {
        next[places].board = par_place(work->board, left & -left);
        next[places].row = work->row + 1;
        weft_fork(&next[places].piece, count, &next[places]);
    }
    while (places-- > 0) {
        weft_join(&next[places].piece);
        work->solutions += next[places].solutions;
    }
    return 0;
}

static void run(void *arg)
{
    struct work all = {.row = 0};

    (void)arg;
    count(&all);
    par_check_queens(queens, all.solutions);
}

static int app(void *arg)
{
    (void)arg;
    bench_report("nqueens", par_mean_ns(run, NULL) / par_boards(queens), "ns");
    return 0;
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);

    queens = (int)args.n;
    return weft_run_with(app, NULL, &(weft_options){.workers = (size_t)args.workers});
}
