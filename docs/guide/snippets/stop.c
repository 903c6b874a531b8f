/* stop.c - the code of the chapter "How do I stop it?"
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>

#include <weft.h>

static int wait_long(void *arg)
{
    (void)arg;
    int rc = weft_sleep(3600 * WEFT_SECOND); /* an hour, or until it is cancelled */

    return rc < 0 ? rc : 0;
}

static int cancel(void)
{
    weft_scope scope;

    /* [cancel] */
    weft_scope_open(&scope);
    for (int i = 0; i < 3; i++)
        weft_go(&scope, wait_long, NULL);
    weft_scope_cancel(&scope);
    int rc = weft_scope_close(&scope); /* waits until all three are back */
    printf("%s\n", weft_strerror(rc));
    /* [/cancel] */
    return rc == -WEFT_ECANCELED ? 0 : rc;
}

static int deadline(void)
{
    weft_scope scope;

    /* [deadline] */
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(2 * WEFT_SECOND));
    weft_go(&scope, wait_long, NULL);
    int rc = weft_scope_close(&scope); /* -WEFT_ETIMEDOUT */
    /* [/deadline] */
    printf("%s\n", weft_strerror(rc));
    return rc == -WEFT_ETIMEDOUT ? 0 : rc;
}

/* [one_call] */
/* Receives, but waits for a second at the most: -WEFT_ETIMEDOUT. */
static int recv_soon(weft_chan *ch, int *ret_value)
{
    weft_scope scope;

    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(1 * WEFT_SECOND));
    int rc = weft_chan_recv(ch, ret_value);
    int closed = weft_scope_close(&scope);
    return rc < 0 && closed < 0 ? closed : rc;
}
/* [/one_call] */

static int one_call(void)
{
    weft_chan *silent = weft_chan_new(sizeof(int), 0);
    int value, rc = silent != NULL ? recv_soon(silent, &value) : -WEFT_ENOMEM;

    printf("%s\n", weft_strerror(rc));
    weft_chan_free(silent);
    return rc == -WEFT_ETIMEDOUT ? 0 : rc;
}

static int search(void *arg)
{
    uint64_t *looked_at = *(uint64_t **)arg;

    /* [busy] */
    for (;; ++*looked_at) {
        /* No call here sleeps, so nothing would tell us.  We ask now and then. */
        if (*looked_at % 1000 == 0 && weft_yield() < 0)
            return -WEFT_ECANCELED;
    }
    /* [/busy] */
}

struct cleaned { weft_mutex *lock; int *balance; };

static int transfer(void *arg)
{
    struct cleaned *t = arg;

    /* [cleanup] */
    int rc = weft_mutex_lock(t->lock);
    if (rc < 0)
        return rc;                          /* we do not hold it */
    *t->balance -= 10;
    rc = weft_sleep(1 * WEFT_SECOND);       /* cancelled here … */
    *t->balance += rc < 0 ? 10 : 0;         /* … so undo what was begun */
    weft_mutex_unlock(t->lock);             /* never cancelled */
    return rc;
    /* [/cleanup] */
}

static int cleanup(void)
{
    weft_mutex lock = WEFT_MUTEX_INIT;
    int balance = 100;
    weft_scope scope;

    weft_scope_open(&scope);
    weft_go(&scope, transfer, &((struct cleaned){&lock, &balance}));
    weft_scope_deadline(&scope, weft_after(10 * WEFT_MS));
    weft_scope_close(&scope);
    printf("balance %d\n", balance);
    return 0;
}

/* [shield] */
static int say_goodbye(weft_chan *peer)
{
    weft_scope scope;
    int goodbye = 0;

    weft_scope_open(&scope);
    weft_scope_shield(&scope);                               /* outer cancels do not reach in */
    weft_scope_deadline(&scope, weft_after(1 * WEFT_SECOND)); /* but not for ever */
    int rc = weft_chan_send(peer, &goodbye);
    weft_scope_close(&scope);
    return rc;
}
/* [/shield] */

static int polite(void *arg)
{
    int rc = weft_sleep(3600 * WEFT_SECOND), said = say_goodbye(*(weft_chan **)arg);

    printf("goodbye: %s\n", said == 0 ? "said" : "not said");
    return rc;
}

static int shield(void)
{
    weft_chan *peer = weft_chan_new(sizeof(int), 1);
    weft_scope scope;

    if (peer == NULL)
        return -WEFT_ENOMEM;
    weft_scope_open(&scope);
    weft_go(&scope, polite, &peer);
    weft_scope_cancel(&scope);
    weft_scope_close(&scope);
    weft_chan_free(peer);
    return 0;
}

static int ticks(void *arg)
{
    int *count = *(int **)arg;

    while (weft_sleep(1 * WEFT_SECOND) == 0)
        ++*count;
    return 0;
}

static int service(void)
{
    weft_scope scope;
    int count = 0, *where = &count;

    weft_scope_open(&scope);
    /* [service] */
    int rc = weft_go_with(&scope, ticks, &where, sizeof where,
                          &(weft_task_options){.service = true});
    weft_go(&scope, wait_long, NULL);
    int closed = weft_scope_close(&scope); /* the hour is over: the service is cancelled */
    /* [/service] */
    printf("about an hour in seconds: %s\n", count >= 3598 && count <= 3600 ? "yes" : "no");
    return rc < 0 ? rc : closed;
}

static int busy(void)
{
    uint64_t looked_at = 0, *where = &looked_at;
    weft_scope scope;

    weft_scope_open(&scope);
    weft_go(&scope, search, &where);
    weft_scope_cancel(&scope);
    printf("%s\n", weft_strerror(weft_scope_close(&scope)));
    return 0;
}

static int app(void *arg)
{
    static const struct { const char *name; int (*run)(void); } parts[] = {
        {"cancel", cancel}, {"deadline", deadline}, {"one_call", one_call}, {"busy", busy},
        {"cleanup", cleanup}, {"shield", shield}, {"service", service}};
    int rc = 0;

    (void)arg;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && rc == 0; i++) {
        printf("-- %s\n", parts[i].name);
        rc = parts[i].run();
    }
    return rc;
}

int main(void)
{
    return weft_run_with(app, NULL, &(weft_options){.virtual_clock = true}) < 0;
}
