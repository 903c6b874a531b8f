/* queens.c - places N queens so that none attacks another: search of a huge tree that nobody has
 * built, split at every corridor, given up everywhere as soon as somebody has found the way.
 *
 * A place in the tree is a board with some rows filled; its corridors are the free squares of the
 * next row.  Each becomes a piece.  Most are never taken by anybody and cost next to nothing; a
 * worker with nothing to do takes the oldest, which is a large part of the tree.  Who finds a
 * solution cancels the scope: then no piece begins any more.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <weft.h>

enum { MAX = 30 };

struct board {
    int size, rows;
    unsigned columns, up, down; /* attacked squares of the next row */
    unsigned char queen[MAX];
};

static weft_scope searchers;
static atomic_bool found;
static struct board solution;

static int search(void *arg) /* 0, or -WEFT_ECANCELED */
{
    const struct board *b = arg;
    unsigned all = (1u << b->size) - 1, free = all & ~(b->columns | b->up | b->down);
    struct board next[MAX];
    weft_piece pieces[MAX];
    int n = 0, rc = 0;

    if (b->rows == b->size) {
        if (!atomic_exchange(&found, true)) {
            solution = *b;
            weft_scope_cancel(&searchers);
        }
        return 0;
    }
    for (; free; free &= free - 1) {
        unsigned square = free & -free;
        next[n] = *b;
        next[n].queen[next[n].rows++] = (unsigned char)__builtin_ctz(square);
        next[n].columns |= square;
        next[n].up = (b->up | square) << 1;
        next[n].down = (b->down | square) >> 1;
        weft_fork(&pieces[n], search, &next[n]);
        n++;
    }
    while (n > 0) {
        int rc_piece = weft_join(&pieces[--n]);
        rc = rc_piece < 0 ? rc_piece : rc;
    }
    return rc;
}

static int app(void *arg)
{
    weft_scope_open(&searchers);
    search(arg);
    return weft_scope_close(&searchers);
}

int main(int argc, char **argv)
{
    struct board empty = {.size = argc > 1 ? atoi(argv[1]) : 20};

    if (empty.size < 1 || empty.size > MAX)
        return fprintf(stderr, "queens: 1 to %d\n", MAX), 2;
    int rc = weft_run_with(app, &empty, &(weft_options){.stack_size = 1024 * 1024});
    if (rc < 0 && rc != -WEFT_ECANCELED)
        return fprintf(stderr, "queens: %s\n", weft_strerror(rc)), 1;
    if (!atomic_load(&found))
        return printf("there is no way to place %d queens\n", empty.size), 0;
    for (int row = 0; row < empty.size; row++) {
        for (int column = 0; column < empty.size; column++)
            printf("%s", column == solution.queen[row] ? " Q" : " .");
        printf("\n");
    }
    return 0;
}
