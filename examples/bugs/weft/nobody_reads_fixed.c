/* nobody_reads_fixed.c - two mirrors are asked, and the first answer counts.
 *
 * The channel has room for both answers, so that nobody has to wait for a reader.
 *
 * expects: none
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
    answers = weft_chan_new(sizeof(int), 2);
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
