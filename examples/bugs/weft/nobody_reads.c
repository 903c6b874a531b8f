/* nobody_reads.c - two mirrors are asked, and the first answer counts.
 *
 * The second answer is read only if it is there at once. If not, its mirror waits for a receiver
 * for ever, and the scope waits for the mirror.
 *
 * expects: deadlock|lost-wakeup
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_chan *answers;

static int mirror(void *arg)
{
    int answer = 7;

    (void)arg;
    return weft_chan_send(answers, &answer);
}

static int app(void *arg)
{
    weft_scope scope;
    int first = 0, second = 0;

    (void)arg;
    answers = weft_chan_new(sizeof(int), 0);
    weft_scope_open(&scope);
    weft_go(&scope, mirror, NULL);
    weft_go(&scope, mirror, NULL);
    int rc = weft_chan_recv(answers, &first);
    if (rc == 0 && weft_chan_try_recv(answers, &second) == 0)
        assert(first == second);
    int closed = weft_scope_close(&scope);
    weft_chan_free(answers);
    return rc < 0 ? rc : closed;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
