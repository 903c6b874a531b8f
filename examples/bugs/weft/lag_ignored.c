/* lag_ignored.c - a scoreboard adds up the goals that are broadcast.
 *
 * Its subscription holds two values. When the game is faster than the board, the oldest are dropped
 * and the next receive says how many; the board does not look, and shows too few.
 *
 * expects: assertion
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

#define GOALS 4

static weft_bcast *goals;

static int game(void *arg)
{
    int rc = 0;

    (void)arg;
    for (int i = 0; i < GOALS && rc >= 0; i++)
        rc = weft_bcast_send(goals, &i);
    weft_bcast_close(goals);
    return rc < 0 ? rc : 0;
}

static int board(void *arg)
{
    weft_chan *in = *(weft_chan **)arg;
    int goal, missed, shown = 0;

    while ((missed = weft_chan_recv(in, &goal)) >= 0) {
        shown++;
    }
    weft_chan_free(in);
    if (missed != -WEFT_EPIPE)
        return missed;
    assert(shown == GOALS);
    return 0;
}

static int app(void *arg)
{
    weft_chan *in;
    weft_scope scope;

    (void)arg;
    goals = weft_bcast_new(sizeof(int), 2);
    in = weft_bcast_subscribe(goals);
    weft_scope_open(&scope);
    weft_go(&scope, board, &in);
    weft_go(&scope, game, NULL);
    int rc = weft_scope_close(&scope);
    weft_bcast_free(goals);
    return rc;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
