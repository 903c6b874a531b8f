/* actors_fixed.c - two actors, each with one question for the other.
 *
 * While it waits to be heard, it also listens.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

enum { GO_AND_ASK, QUESTION };

static weft_chan *mailbox[2], *reply[2]; /* to actor 0 and 1; a mailbox holds nothing */
static weft_latch answers = WEFT_LATCH_INIT(2);

static int ask(int me)
{
    int other = 1 - me, question = QUESTION, value = 0;
    int rc = 0, arm = 1, asked;

    while (rc == 0 && arm == 1) { /* the first arm ends it */
        weft_arm arms[] = {WEFT_SEND(mailbox[other], &question), WEFT_RECV(mailbox[me], &asked)};
        arm = weft_select(arms, 2, -1);
        rc = arm == 1 ? weft_chan_send(reply[other], &me) : arm;
    }
    if (rc == 0)
        rc = weft_chan_recv(reply[me], &value);
    if (rc == 0) {
        assert(value == other);
        weft_latch_down(&answers, 1);
    }
    return rc;
}

static int actor(void *arg)
{
    int me = *(int *)arg, message, rc;

    while ((rc = weft_chan_recv(mailbox[me], &message)) == 0) {
        rc = message == GO_AND_ASK ? ask(me) : weft_chan_send(reply[1 - me], &me);
        if (rc < 0)
            break;
    }
    return rc == -WEFT_EPIPE ? 0 : rc;
}

static int app(void *arg)
{
    weft_scope scope;
    int rc = 0;

    (void)arg;
    weft_scope_open(&scope);
    for (int i = 0; i < 2; i++) {
        mailbox[i] = weft_chan_new(sizeof(int), 0);
        reply[i] = weft_chan_new(sizeof(int), 1);
    }
    for (int i = 0; i < 2; i++)
        weft_go(&scope, actor, &i);
    for (int i = 0; i < 2 && rc == 0; i++)
        rc = weft_chan_send(mailbox[i], &(int){GO_AND_ASK});
    if (rc == 0)
        rc = weft_latch_wait(&answers);
    weft_chan_close(mailbox[0]);
    weft_chan_close(mailbox[1]);
    int closed = weft_scope_close(&scope);
    return rc < 0 ? rc : closed;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
