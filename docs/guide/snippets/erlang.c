/* erlang.c - the lines of the chapter "Coming from Erlang".
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>

#include <weft.h>

/* [server] */
enum message { PUT, GET };

struct request {
    enum message what;
    int value;
    weft_future *reply; /* for GET: whoever asks waits for it */
};

static int server(void *arg)                       /* loop(Value) -> */
{
    weft_chan *mailbox = *(weft_chan **)arg;
    struct request r;
    int value = 0, rc;                             /* its state: nobody else's */

    while ((rc = weft_chan_recv(mailbox, &r)) == 0) { /* receive */
        switch (r.what) {
        case PUT:                                  /* {put, V} -> loop(V); */
            value = r.value;
            break;
        case GET:                                  /* {get, From} -> From ! Value, loop(Value) */
            weft_future_set(r.reply, &value);
            weft_future_setter_unref(r.reply);
            break;
        }
    }
    return rc == -WEFT_EPIPE ? 0 : rc;
}
/* [/server] */

/* [call] */
static int call(weft_chan *mailbox, int *ret_value) /* gen_server:call(Pid, get) */
{
    struct request r = {GET, 0, weft_future_new(sizeof(int))};
    int rc = r.reply != NULL ? weft_chan_send(mailbox, &r) : -WEFT_ENOMEM;

    if (rc == 0)
        rc = weft_future_get(r.reply, ret_value);
    else
        weft_future_setter_unref(r.reply); /* it was not sent: both references are ours */
    weft_future_unref(r.reply);
    return rc;
}
/* [/call] */

static int talk(void)
{
    weft_chan *mailbox = weft_chan_new(sizeof(struct request), 16);
    weft_scope scope;
    int value = 0, rc;

    if (mailbox == NULL)
        return -WEFT_ENOMEM;
    weft_scope_open(&scope);
    weft_go(&scope, server, &mailbox);
    rc = weft_chan_send(mailbox, &((struct request){PUT, 7, NULL}));
    if (rc == 0)
        rc = call(mailbox, &value);
    weft_chan_close(mailbox);
    int closed = weft_scope_close(&scope);
    weft_chan_free(mailbox);
    printf("%d\n", value);
    return rc < 0 ? rc : closed;
}

static int receive_after(void)
{
    weft_chan *mailbox = weft_chan_new(sizeof(struct request), 16);
    struct request r;
    weft_arm arms[] = {WEFT_RECV(mailbox, &r)};
    int rc = mailbox != NULL ? weft_select(arms, 1, 1000 * WEFT_MS) : -WEFT_ENOMEM;

    printf("%s\n", rc == -WEFT_ETIMEDOUT ? "after 1000 ms" : "a message");
    weft_chan_free(mailbox);
    return rc == -WEFT_ETIMEDOUT ? 0 : rc;
}

static int crash(void *arg)
{
    (void)arg;
    return weft_fail(-EIO, "badmatch");
}

static int wait_long(void *arg)
{
    (void)arg;
    return weft_sleep(3600 * WEFT_SECOND);
}

static int linked(void)
{
    weft_scope scope;

    weft_scope_open(&scope);
    weft_go(&scope, wait_long, NULL);
    weft_go(&scope, crash, NULL);
    int rc = weft_scope_close(&scope);
    printf("linked: %s\n", weft_strerror(rc));
    return rc == -EIO ? 0 : rc;
}

static int monitored(void)
{
    weft_scope scope;
    weft_future *down;

    weft_scope_open(&scope);
    int rc = weft_future_go(&scope, crash, &down, NULL);
    if (rc == 0) {
        rc = weft_future_get(down, NULL);
        weft_future_unref(down);
    }
    int closed = weft_scope_close(&scope);
    printf("down: %s; the scope: %d\n", weft_strerror(rc), closed);
    return rc == -EIO ? closed : rc;
}

/* [supervised] */
static int supervise(int (*child)(void *arg), int restarts_max)
{
    for (int restarts = 0;; restarts++) {
        weft_scope scope;
        weft_scope_open(&scope);
        weft_go(&scope, child, NULL);
        int rc = weft_scope_close(&scope);
        if (rc >= 0 || rc == -WEFT_ECANCELED || restarts == restarts_max)
            return rc; /* ended well, or we are to end ourselves, or too often */
        printf("restart\n");
    }
}
/* [/supervised] */

static int app(void *arg)
{
    int (*const parts[])(void) = {talk, receive_after, linked, monitored};
    int rc = 0;

    (void)arg;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && rc == 0; i++)
        rc = parts[i]();
    return rc == 0 && supervise(crash, 1) == -EIO ? 0 : rc;
}

int main(void)
{
    return weft_run_with(app, NULL, &(weft_options){.virtual_clock = true}) < 0;
}
