/* go.c - the lines of the chapter "Coming from Go".
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>

#include <weft.h>

static weft_mutex lock = WEFT_MUTEX_INIT;
static weft_rwlock table = WEFT_RWLOCK_INIT;
static weft_once prepared = WEFT_ONCE_INIT;
static weft_rate rate = WEFT_RATE_INIT(100, WEFT_SECOND, 10);

static int prepare(void *arg)
{
    (void)arg;
    return 0;
}

static void say_done(void *arg)
{
    printf("%s\n", (const char *)arg);
}

/* [worker] */
struct worker { weft_chan *jobs, *squares; };

static int worker(void *arg)
{
    struct worker *w = arg;
    int job, rc;

    while ((rc = weft_chan_recv(w->jobs, &job)) == 0) {    /* for job := range jobs */
        int square = job * job;
        if ((rc = weft_chan_send(w->squares, &square)) < 0)
            return rc;                                     /* return ctx.Err() */
    }
    return rc == -WEFT_EPIPE ? 0 : rc;
}
/* [/worker] */

static int use_locks(void)
{
    int rc = weft_mutex_lock(&lock);
    if (rc < 0)
        return rc;
    weft_mutex_unlock(&lock);
    if ((rc = weft_rwlock_read_lock(&table)) < 0)
        return rc;
    weft_rwlock_read_unlock(&table);
    if ((rc = weft_rate_wait(&rate, 1)) < 0)
        return rc;
    rc = weft_once_call(&prepared, prepare, NULL);
    return rc;
}

static int use_select(weft_chan *ch, weft_chan *done)
{
    int v = 0, x;
    weft_arm arms[] = {WEFT_RECV(ch, &v), WEFT_RECV(done, &x)};
    int arm = weft_select(arms, 2, 1 * WEFT_SECOND);
    printf("select: %s\n", arm == -WEFT_ETIMEDOUT ? "timeout" : "an arm");
    arm = weft_select(arms, 2, 0);
    printf("select: %s\n", arm == -WEFT_EAGAIN ? "default" : "an arm");
    return weft_chan_try_recv(ch, &v) == -WEFT_EAGAIN ? 0 : -EPROTO;
}

static int use_ticker(void)
{
    weft_ticker ticker;
    int rc = 0;

    weft_ticker_init(&ticker, 100 * WEFT_MS);
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = weft_ticker_wait(&ticker, NULL);
    weft_ticker_fini(&ticker);
    return rc;
}

static int use_context(void)
{
    weft_scope scope;

    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(2 * WEFT_SECOND));
    weft_scope_cancel(&scope);
    bool stop = weft_cancelled();
    weft_scope_close(&scope);
    return stop ? 0 : -EPROTO;
}

static int talk_over_a_socket(void)
{
    weft_stream *server;
    weft_scope soon;
    char *line;

    int listener = weft_listen("127.0.0.1:0", NULL);
    weft_addr here;
    int rc = listener < 0 ? listener : weft_sock_here(listener, &here);
    if (rc < 0)
        return rc;
    weft_scope_open(&soon);
    weft_scope_deadline(&soon, weft_after(2 * WEFT_SECOND));
    rc = weft_stream_fd(weft_connect_addr(&here), &server);
    if (rc == 0) {
        int fd = weft_accept(listener, NULL);
        rc = fd < 0 ? fd : weft_write_all(fd, "hello\n", 6, NULL);
        if (rc == 0 && weft_stream_line(server, &line) >= 0)
            printf("%s\n", line);
        weft_close(fd);
        weft_stream_close(server);
    }
    weft_close(listener);
    int late = weft_scope_close(&soon);
    return rc < 0 ? rc : late;
}

static int square(int64_t from, int64_t to, void *arg)
{
    int64_t *squares = arg;

    for (int64_t i = from; i < to; i++)
        squares[i] = i * i;
    return 0;
}

static int use_cpus(void)
{
    int64_t squares[100];
    int rc = weft_for(0, 100, square, squares);

    return rc < 0 ? rc : squares[99] == 9801 ? 0 : -EPROTO;
}

static int on_a_thread(void)
{
    weft_scope scope;

    weft_scope_open(&scope);
    int rc = weft_go_with(&scope, prepare, NULL, 0, &(weft_task_options){.on = WEFT_THREAD});
    int closed = weft_scope_close(&scope);
    return rc < 0 ? rc : closed;
}

static int app(void *arg)
{
    weft_chan *jobs = weft_chan_new(sizeof(int), 3), *squares = weft_chan_new(sizeof(int), 3);
    weft_scope scope;
    int rc, v, sum = 0;

    (void)arg;
    if (jobs == NULL || squares == NULL)
        return -WEFT_ENOMEM;
    weft_scope_open(&scope);
    rc = weft_defer(say_done, (void *)"done");
    for (int i = 0; i < 2; i++)
        weft_go(&scope, worker, &((struct worker){jobs, squares}));
    for (v = 1; v <= 3 && rc == 0; v++)
        rc = weft_chan_send(jobs, &v);
    weft_chan_close(jobs);
    for (int i = 0; i < 3 && rc == 0; i++) {
        rc = weft_chan_recv(squares, &v);
        sum += v;
    }
    int closed = weft_scope_close(&scope);
    printf("%d\n", sum);
    if (rc == 0 && (rc = closed) == 0 && (rc = use_locks()) == 0 &&
        (rc = use_select(squares, squares)) == 0 && (rc = use_ticker()) == 0 &&
        (rc = use_context()) == 0 && (rc = use_cpus()) == 0 && (rc = talk_over_a_socket()) == 0)
        rc = on_a_thread();
    weft_chan_free(jobs);
    weft_chan_free(squares);
    return rc;
}

int main(void)
{
    return weft_run_with(app, NULL, &(weft_options){.workers = 2, .virtual_clock = true}) < 0;
}
