/* signals_counted.c - each of two tasks sends a signal when its job is done.
 *
 * They are received one by one, as if each sending were one receiving. Two that come before the
 * first is received are one; the receiver waits for another for ever.
 *
 * expects: deadlock|lost-wakeup
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include <weft.h>

static atomic_int done;

static int work(void *arg)
{
    (void)arg;
    atomic_fetch_add(&done, 1);
    return kill(getpid(), SIGUSR1);
}

static int app(void *arg)
{
    static const int number = SIGUSR1;
    weft_signals *signals;
    weft_signal_info info;
    weft_scope scope;

    (void)arg;
    int rc = weft_signals_open(&number, 1, &signals);
    if (rc < 0)
        return rc;
    weft_scope_open(&scope);
    weft_go(&scope, work, NULL);
    weft_go(&scope, work, NULL);
    for (int i = 0; i < 2 && rc == 0; i++)
        rc = weft_signals_next(signals, &info);
    int closed = weft_scope_close(&scope);
    weft_signals_close(signals);
    assert(rc < 0 || atomic_load(&done) == 2);
    return rc < 0 ? rc : closed;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
