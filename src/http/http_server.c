/* http_server.c - a server: accepting, the times of all connections, draining.
 *
 * Scopes, from the outside in: `outer` lies in the caller's and holds the task that accepts; `all`
 * holds the connections and two services.  With drain_on_cancel `all` is shielded, so that a cancel
 * of the caller stops the accepting and nothing else; then it is given drain_ns.
 *
 *   sweeper    looks at every connection a few times a second, and cancels who is late, or idle
 *              when the server drains.  One timer for all connections.
 *   drainer    waits for weft_http_drain, which may be called from anywhere, and stops the
 *              accepting.
 *
 * Rejected: a deadline of its own for each step of each connection (exchange.c says why).
 *
 * SPDX-License-Identifier: MIT
 */
#include "http/http_server.h"

#include "http/chars.h"
#include "weft/err.h"
#include "weft/io.h"
#include "weft/net.h"
#include "weft/task.h"
#include "weft/time.h"

#define SERVE_TICK_MIN (10 * WEFT_MS)
#define SERVE_TICK_MAX WEFT_SECOND

/* ---- making one ---- */

#define SERVE_DEFAULT(field, value) ((field) = (field) != 0 ? (field) : (value))

static void serve_fill(weft_http_options *o)
{
    SERVE_DEFAULT(o->request_line_max, 8 * 1024);
    SERVE_DEFAULT(o->header_size_max, 16 * 1024);
    SERVE_DEFAULT(o->header_count_max, 100);
    SERVE_DEFAULT(o->body_size_max, 64 * 1024 * 1024);
    SERVE_DEFAULT(o->body_drop_max, 256 * 1024);
    SERVE_DEFAULT(o->connections_max, 10000);
    SERVE_DEFAULT(o->requests_max, 1000000);
    SERVE_DEFAULT(o->first_byte_ns, 20 * WEFT_SECOND);
    SERVE_DEFAULT(o->header_ns, 20 * WEFT_SECOND);
    SERVE_DEFAULT(o->body_ns, 20 * WEFT_SECOND);
    SERVE_DEFAULT(o->body_rate_min, 1000);
    SERVE_DEFAULT(o->write_ns, 60 * WEFT_SECOND);
    SERVE_DEFAULT(o->idle_ns, 60 * WEFT_SECOND);
    SERVE_DEFAULT(o->drain_ns, 10 * WEFT_SECOND);
}

static int64_t serve_tick(const weft_http_options *o)
{
    const int64_t limits[] = {o->first_byte_ns, o->header_ns, o->body_ns, o->write_ns, o->idle_ns,
                              o->handler_ns > 0 ? o->handler_ns : WEFT_NEVER};
    int64_t least = WEFT_NEVER;

    for (size_t i = 0; i < WEFT_ARRAY_SIZE(limits); i++)
        least = weft__min(least, limits[i]);
    return weft__min(weft__max(least / 8, SERVE_TICK_MIN), SERVE_TICK_MAX);
}

int weft_http_server_new(weft_http_handler handler, void *arg, const weft_http_options *options,
                         weft_http_server **ret_server)
{
    weft_http_server *server;

    if (handler == NULL)
        return -WEFT_EINVAL;
    server = weft__http_alloc_zero(sizeof *server);
    if (server == NULL)
        return -WEFT_ENOMEM;
    server->handler = handler;
    server->arg = arg;
    if (options != NULL)
        server->options = *options;
    serve_fill(&server->options);
    weft_http_options *o = &server->options;
    if (o->first_byte_ns < 0 || o->header_ns < 0 || o->body_ns < 0 || o->write_ns < 0 ||
        o->idle_ns < 0 || o->handler_ns < 0 || o->drain_ns < 0 ||
        o->connections_max > WEFT_SEM_MAX) {
        weft__http_release(server);
        return -WEFT_EINVAL;
    }
    server->tick_ns = serve_tick(o);
    weft_event_init(&server->drain);
    weft_sem_init(&server->room, (uint32_t)o->connections_max);
    *ret_server = server;
    return 0;
}

void weft_http_server_free(weft_http_server *server)
{
    if (server == NULL)
        return;
    HTTP_CHECK(server->conns == NULL);
    weft_event_fini(&server->drain);
    weft_sem_fini(&server->room);
    weft_mutex_fini(&server->lock);
    weft__http_release(server);
}

void weft_http_drain(weft_http_server *server)
{
    a_store(&server->is_draining, true, release); /* pairs with the acquire in exchange.c */
    weft_event_set(&server->drain);
}

void weft_http_server_stats(const weft_http_server *server, weft_http_counts *ret_counts)
{
    weft_http_server *s = (weft_http_server *)server;

    *ret_counts = (weft_http_counts){.connections = a_load(&s->connections, relaxed),
                                     .requests = a_load(&s->requests, relaxed),
                                     .open = a_load(&s->open, relaxed),
                                     .refused = a_load(&s->refused, relaxed),
                                     .timed_out = a_load(&s->timed_out, relaxed),
                                     .handler_errors = a_load(&s->handler_errors, relaxed)};
}

/* ---- connections ---- */

/* The lock is taken whatever has been cancelled. */
static void serve_lock(weft_http_server *server)
{
    weft_scope shield;

    weft_scope_open_with(&shield, &(weft_scope_options){.name = "http lock", .shield = true});
    int rc = weft_mutex_lock(&server->lock);
    HTTP_CHECK(rc == 0);
    weft_scope_close(&shield);
}

static void serve_enlist(weft_http_server *server, struct http_conn *conn)
{
    serve_lock(server);
    conn->next = server->conns;
    if (conn->next != NULL)
        conn->next->prev = conn;
    server->conns = conn;
    weft_mutex_unlock(&server->lock);
    a_add(&server->connections, 1, relaxed);
    a_add(&server->open, 1, relaxed);
}

static void serve_strike(weft_http_server *server, struct http_conn *conn)
{
    serve_lock(server);
    if (conn->prev != NULL)
        conn->prev->next = conn->next;
    else
        server->conns = conn->next;
    if (conn->next != NULL)
        conn->next->prev = conn->prev;
    weft_mutex_unlock(&server->lock);
    a_sub(&server->open, 1, relaxed);
}

int weft_http_server_attend(weft_http_server *server, weft_stream *stream)
{
    struct http_conn conn = {.server = server, .stream = stream};
    int fd = weft_stream_get_fd(stream);

    conn.is_plain = fd >= 0 && strcmp(weft_stream_carrier(stream)->name, "fd") == 0;
    conn.request.fd = fd >= 0 ? fd : -1;
    conn.request.path = "";
    weft_scope_open(&conn.scope);
    weft__http_conn_phase(&conn, CONN_FIRST, server->options.first_byte_ns);
    a_store(&conn.handler_due, WEFT_NEVER, relaxed);
    serve_enlist(server, &conn);
    int rc = weft__http_talk(&conn);
    serve_strike(server, &conn); /* nobody else cancels it from here on */
    weft_scope_close(&conn.scope);
    if (a_load(&conn.late, acquire) != 0) {
        weft__http_tell_late(&conn);
        rc = -WEFT_ETIMEDOUT;
    }
    weft__http_arena_fini(&conn.arena);
    if (rc == 0)
        weft_stream_close(stream);
    else
        weft__http_abandon(stream);
    return rc;
}

struct serve_accepted {
    weft_http_server *server;
    int fd;
};

/* Sleeps.  A fresh connection's stream, within first_byte_ns if there is a handshake. */
static int serve_open(weft_http_server *server, int fd, weft_stream **ret_stream)
{
    const weft_http_options *o = &server->options;
    weft_stream *plain;
    weft_scope scope;
    int rc = weft_stream_fd(fd, &plain);

    if (rc != 0 || o->wrap == NULL) {
        *ret_stream = rc == 0 ? plain : NULL;
        return rc;
    }
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(o->first_byte_ns));
    rc = o->wrap(o->wrap_arg, plain, NULL, ret_stream);
    weft_scope_close(&scope);
    return rc;
}

static void serve_log(const weft_http_server *server, const char *what, int code)
{
    const weft_http_options *o = &server->options;

    if (o->log != NULL)
        o->log(o->log_arg, &(weft_http_event){what, 0, code, ""});
}

static int serve_connection(void *arg)
{
    const struct serve_accepted *accepted = arg;
    weft_http_server *server = accepted->server;
    weft_stream *stream;
    int rc = serve_open(server, accepted->fd, &stream);

    if (rc == 0)
        (void)weft_http_server_attend(server, stream); /* what went wrong has been logged */
    else
        serve_log(server, "handshake", rc);
    weft_sem_post(&server->room);
    return 0;
}

/* ---- the tasks of a run ---- */

struct serve_run {
    weft_http_server *server;
    int listener;
    weft_scope outer, all;
    weft_scope accepting; /* in the task that accepts */
    bool is_accepting;    /* that scope is open; under the server's lock */
    int code;             /* why the accepting ended */
    weft_event ended;     /* the accepting has */
};

/* Sleeps.  The next connection gets its task.  0 or a code; room has been taken for it. */
static int serve_accept_one(struct serve_run *run)
{
    weft_http_server *server = run->server;
    int fd = weft_accept(run->listener, NULL);

    if (fd < 0)
        return fd;
    int rc = weft_go(&run->all, serve_connection, &((struct serve_accepted){server, fd}));
    if (rc == 0)
        return 0;
    weft_close(fd);
    if (rc != -WEFT_ENOMEM && rc != -WEFT_EAGAIN)
        return rc;
    serve_log(server, "accept", rc); /* one less; the others go on */
    weft_sem_post(&server->room);
    return weft_sleep(10 * WEFT_MS);
}

static int serve_accept_all(struct serve_run *run)
{
    weft_http_server *server = run->server;
    int rc = 0;

    while (rc == 0 && !a_load(&server->is_draining, acquire)) {
        rc = weft_sem_wait(&server->room);
        if (rc == 0) {
            rc = serve_accept_one(run);
            if (rc != 0)
                weft_sem_post(&server->room);
        }
    }
    return rc;
}

static int serve_accept(void *arg)
{
    struct serve_run *run = *(struct serve_run **)arg;
    weft_http_server *server = run->server;

    weft_scope_open(&run->accepting);
    serve_lock(server);
    run->is_accepting = true;
    weft_mutex_unlock(&server->lock);
    run->code = serve_accept_all(run);
    serve_lock(server);
    run->is_accepting = false;
    weft_mutex_unlock(&server->lock);
    weft_scope_close(&run->accepting);
    if (run->code != 0 && run->code != -WEFT_ECANCELED)
        serve_log(server, "accept", run->code);
    weft_event_set(&run->ended);
    return 0;
}

/* Late, or idle in a server that drains?  Then it is ended, whatever it is in. */
static void serve_sweep_one(weft_http_server *server, struct http_conn *conn, int64_t now)
{
    int phase = a_load(&conn->phase, acquire); /* pairs with the release in exchange.c */
    bool is_late = now > a_load(&conn->due, relaxed) || now > a_load(&conn->handler_due, relaxed);
    bool is_idle = phase == CONN_IDLE || phase == CONN_FIRST;

    if (a_load(&conn->late, relaxed) != 0 || phase == CONN_CLOSING)
        return;
    if (is_idle) {
        /* If a request comes this very moment, it is the one who was first that counts. */
        bool ends = is_late || a_load(&server->is_draining, relaxed);
        if (ends && a_cas(&conn->phase, &phase, CONN_CLOSING, acq_rel, relaxed))
            weft_scope_cancel(&conn->scope);
    } else if (is_late) {
        if (now > a_load(&conn->handler_due, relaxed) && phase != CONN_BODY)
            phase = CONN_HANDLER;
        a_store(&conn->late, phase + 1, release); /* pairs with the acquires of its task */
        weft_scope_cancel(&conn->scope);
    }
}

static void serve_sweep(weft_http_server *server)
{
    int64_t now = weft_now();

    a_store(&server->now, now, relaxed);
    serve_lock(server);
    for (struct http_conn *conn = server->conns; conn != NULL; conn = conn->next)
        serve_sweep_one(server, conn, now);
    weft_mutex_unlock(&server->lock);
}

static int serve_sweeper(void *arg)
{
    struct serve_run *run = *(struct serve_run **)arg;

    do
        serve_sweep(run->server);
    while (weft_sleep(run->server->tick_ns) == 0);
    return 0;
}

static int serve_drainer(void *arg)
{
    struct serve_run *run = *(struct serve_run **)arg;
    weft_http_server *server = run->server;

    if (weft_event_wait(&server->drain) != 0)
        return 0;
    serve_lock(server);
    if (run->is_accepting)
        weft_scope_cancel(&run->accepting);
    weft_mutex_unlock(&server->lock);
    serve_sweep(server); /* the idle ones need not wait for the next tick */
    return 0;
}

/* Sleeps.  Until nothing is accepted any more. */
static void serve_wait(struct serve_run *run)
{
    weft_scope shield;

    weft_scope_open_with(&shield, &(weft_scope_options){.name = "http", .shield = true});
    int rc = weft_event_wait(&run->ended);
    HTTP_CHECK(rc == 0);
    weft_scope_close(&shield);
}

int weft_http_server_run(weft_http_server *server, int listener)
{
    struct serve_run run = {.server = server, .listener = listener, .ended = WEFT_EVENT_INIT};
    struct serve_run *at = &run;
    const weft_task_options service = {.name = "http service", .service = true};
    const weft_task_options accepts = {.name = "http accept"};

    a_store(&server->now, weft_now(), relaxed);
    weft_scope_open_with(&run.outer,
                         &(weft_scope_options){.name = "http accept", .policy = WEFT_COLLECT});
    weft_scope_open_with(&run.all,
                         &(weft_scope_options){.name = "http connections",
                                               .policy = WEFT_COLLECT,
                                               .shield = server->options.drain_on_cancel});
    int rc = weft_go_with(&run.all, serve_sweeper, &at, sizeof at, &service);
    if (rc == 0)
        rc = weft_go_with(&run.all, serve_drainer, &at, sizeof at, &service);
    if (rc == 0)
        rc = weft_go_with(&run.outer, serve_accept, &at, sizeof at, &accepts);
    if (rc == 0)
        serve_wait(&run);
    bool drains = a_load(&server->is_draining, acquire);
    weft_http_drain(server);
    weft_scope_deadline(&run.all, weft_after(server->options.drain_ns));
    int ended = weft_scope_close(&run.all);
    weft_scope_close(&run.outer);
    weft_event_fini(&run.ended);
    if (rc != 0 || !drains)
        return rc != 0 ? rc : run.code;
    return ended == -WEFT_ETIMEDOUT ? ended : 0;
}

int weft_http_serve(int listener, weft_http_handler handler, void *arg,
                    const weft_http_options *options)
{
    weft_http_server *server;
    int rc = weft_http_server_new(handler, arg, options, &server);

    if (rc != 0)
        return rc;
    rc = weft_http_server_run(server, listener);
    weft_http_server_free(server);
    return rc;
}
