/* tls_stream_test.c - bytes through TLS: both ways at once, cut off, cancelled, and said farewell.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tls/tls_probe.h"

#include "base/rng.h"

/* ---- both ways at once ---- */

struct bulk {
    weft_stream *stream;
    size_t size;
    uint64_t seed;
    bool changes_keys;
};

static char bulk_byte(size_t at)
{
    return (char)(at * 31 + (at >> 8));
}

static int bulk_send(void *arg)
{
    struct bulk *b = arg;
    struct weft__rng rng;
    static char data[40000];
    weft__rng_seed(&rng, b->seed);
    char *mine = data + (b->seed & 1) * 20000;
    for (size_t at = 0; at < b->size;) {
        size_t n = 1 + (size_t)weft__rng_below(&rng, weft__rng_below(&rng, 8) ? 900 : 20000);
        n = n < b->size - at ? n : b->size - at;
        for (size_t i = 0; i < n; i++) {
            mine[i] = bulk_byte(at + i);
        }
        EXPECT_EQ(weft_stream_write(b->stream, mine, n, NULL), 0);
        if (weft__rng_below(&rng, 4) == 0) {
            EXPECT_EQ(weft_stream_flush(b->stream), 0);
        }
        at += n;
    }
    EXPECT_EQ(weft_stream_close_write(b->stream), 0);
    return 0;
}

static int bulk_receive(void *arg)
{
    struct bulk *b = arg;
    struct weft__rng rng;
    char data[3000];
    size_t at = 0;
    weft__rng_seed(&rng, b->seed);
    for (;;) {
        ssize_t n = weft_stream_read(b->stream, data, 1 + weft__rng_below(&rng, sizeof data));
        EXPECT(n >= 0);
        for (ssize_t i = 0; i < n; i++) {
            EXPECT_EQ(data[i], bulk_byte(at + (size_t)i));
        }
        at += (size_t)n;
        if (n == 0) {
            break;
        }
        if (b->changes_keys && weft__rng_below(&rng, 4) == 0) {
            /* Answered, and asked for, by the readers; under no lock, so with one worker only. */
            (void)SSL_key_update(weft__tls_ssl(b->stream), SSL_KEY_UPDATE_REQUESTED);
        }
    }
    EXPECT_EQ(at, b->size);
    return 0;
}

struct bulk_side {
    struct probe *p;
    weft_stream *under;
    bool is_server;
    size_t size;
    bool changes_keys;
};

/* Shakes hands, and then sends and receives at once: with little room in between, nobody's
 * handshake ends before the other reads. */
static int bulk_run(void *arg)
{
    struct bulk_side *s = arg;
    weft_stream *stream;
    weft_scope scope;
    const char *why = NULL;
    int rc = s->is_server ? weft_tls_accept(s->p->server, s->under, &stream, &why)
                          : weft_tls_connect(s->p->client, s->under, "example.org", &stream, &why);
    if (rc < 0) {
        test_fail(__FILE__, __LINE__, "handshake: %d: %s", rc, why);
    }
    struct bulk send = {stream, s->size, 2 + s->is_server, false};
    struct bulk receive = {stream, s->size, 4 + s->is_server, s->changes_keys};
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, bulk_send, &send), 0);
    EXPECT_EQ(weft_go(&scope, bulk_receive, &receive), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(weft_stream_close(stream), 0);
    return 0;
}

static void bulk_both_ways(struct probe *p, size_t capacity, size_t size, bool changes_keys)
{
    weft_stream *under[2];
    weft_scope scope;
    EXPECT_EQ(weft_stream_pair(capacity, under), 0);
    weft_scope_open(&scope);
    for (int i = 0; i < 2; i++) {
        struct bulk_side side = {p, under[i], i == 1, size, changes_keys};
        EXPECT_EQ(weft_go(&scope, bulk_run, &side), 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
}

TASK_TEST(tls_carries_both_ways)
{
    struct probe p;
    probe_make(&p, NULL, NULL, NULL);
    bulk_both_ways(&p, 0, test_is_steered ? 30000 : 1000000, false);
    bulk_both_ways(&p, 700, test_is_steered ? 3000 : 100000, false);
    if (!test_is_steered) {
        bulk_both_ways(&p, 1, 2000, false); /* one byte at a time */
    }
    probe_free(&p);
}

static int keys_main(void *arg)
{
    (void)arg;
    struct probe p;
    probe_make(&p, NULL, NULL, NULL);
    bulk_both_ways(&p, 0, 500000, true);
    bulk_both_ways(&p, 900, 100000, true);
    probe_free(&p);
    return 0;
}

TEST(tls_changes_its_keys)
{
    EXPECT_EQ(weft_run_with(keys_main, NULL, &(weft_options){.workers = 1}), 0);
}

static int thread_client(void *arg)
{
    struct probe_side *s = arg;
    weft_stream *stream;
    char *line;
    EXPECT_EQ(weft_tls_connect(s->p->client, s->under, "example.org", &stream, NULL), 0);
    EXPECT_EQ(weft_stream_print(stream, "from a thread\n"), 0);
    EXPECT_EQ(weft_stream_flush(stream), 0);
    EXPECT_EQ(weft_stream_line(stream, &line), 9);
    return weft_stream_close(stream);
}

TASK_TEST_FREE(tls_with_a_thread)
{
    struct probe p;
    weft_stream *under[2], *stream;
    weft_scope scope;
    char *line;
    probe_make(&p, NULL, NULL, NULL);
    EXPECT_EQ(weft_stream_pair(0, under), 0);
    weft_scope_open(&scope);
    struct probe_side side = {.p = &p, .under = under[0]};
    EXPECT_EQ(weft_go_with(&scope, thread_client, &side, sizeof side,
                           &(weft_task_options){.on = WEFT_THREAD}),
              0);
    EXPECT_EQ(weft_tls_accept(p.server, under[1], &stream, NULL), 0);
    EXPECT_EQ(weft_stream_line(stream, &line), 13);
    EXPECT_EQ(weft_stream_print(stream, "to a task\n"), 0);
    EXPECT_EQ(weft_stream_flush(stream), 0);
    EXPECT_EQ(weft_stream_line(stream, &line), -WEFT_EPIPE);
    EXPECT_EQ(weft_stream_close(stream), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    probe_free(&p);
}

/* ---- the end ---- */

/* Passes bytes on from one stream to another until it is told to stop. */
static int wire(void *arg)
{
    weft_stream **s = arg;
    int rc = weft_stream_copy(s[0], s[1], 0, NULL);
    return rc == -WEFT_ECANCELED ? 0 : rc;
}

TASK_TEST(tls_cut_off_is_no_end)
{
    struct probe p;
    struct probe_ends e;
    weft_stream *a[2], *b[2], *under[2];
    weft_scope scope;
    char buffer[64];
    probe_make(&p, NULL, NULL, NULL);
    EXPECT_EQ(weft_stream_pair(0, a), 0);
    EXPECT_EQ(weft_stream_pair(0, b), 0);
    weft_scope_open(&scope);
    struct { weft_stream *s[2]; } there = {{b[0], a[1]}}, back = {{a[1], b[0]}};
    EXPECT_EQ(weft_go(&scope, wire, &there), 0);
    EXPECT_EQ(weft_go(&scope, wire, &back), 0);
    under[0] = a[0];
    under[1] = b[1];
    probe_ends_over(&p, under, "example.org", &e);
    probe_ends_expect_good(&e);
    EXPECT_EQ(weft_stream_print(e.server, "all that"), 0);
    EXPECT_EQ(weft_stream_flush(e.server), 0);
    EXPECT_EQ(weft_stream_read(e.client, buffer, 3), 3);
    EXPECT_EQ(weft_sleep(WEFT_MS), 0);
    weft_scope_cancel(&scope); /* somebody in between cuts the wire */
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(weft_stream_close(a[1]), 0);
    EXPECT_EQ(weft_stream_close(b[0]), 0);
    EXPECT_EQ(weft_stream_read(e.client, buffer, 64), 5); /* what had come */
    EXPECT_EQ(weft_stream_read(e.client, buffer, 64), -EPROTO);
    EXPECT_STR(weft_tls_error(e.client), "the peer is gone without a farewell");
    EXPECT_EQ(weft_stream_read(e.client, buffer, 64), -EPROTO);
    EXPECT_EQ(weft_stream_print(e.client, "x"), 0);
    EXPECT_EQ(weft_stream_flush(e.client), -EPROTO);
    EXPECT_EQ(weft_stream_close(e.client), -EPROTO);
    EXPECT_EQ(weft_stream_close(e.server), 0);
    probe_free(&p);
}

/* A bit that somebody has changed. */
TASK_TEST(tls_changed_on_its_way)
{
    struct probe p;
    struct probe_ends e;
    weft_stream *a[2], *b[2], *under[2];
    weft_scope scope;
    char buffer[64];
    const void *shown;
    probe_make(&p, NULL, NULL, NULL);
    EXPECT_EQ(weft_stream_pair(0, a), 0);
    EXPECT_EQ(weft_stream_pair(0, b), 0);
    weft_scope_open(&scope);
    struct { weft_stream *s[2]; } there = {{b[0], a[1]}}, back = {{a[1], b[0]}};
    EXPECT_EQ(weft_go(&scope, wire, &there), 0);
    EXPECT_EQ(weft_go(&scope, wire, &back), 0);
    under[0] = a[0];
    under[1] = b[1];
    probe_ends_over(&p, under, "example.org", &e);
    probe_ends_expect_good(&e);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(weft_stream_print(e.client, "a secret"), 0);
    EXPECT_EQ(weft_stream_flush(e.client), 0);
    ssize_t n = weft_stream_peek(a[1], 5 + 8 + 17, &shown);
    EXPECT_EQ(n, 5 + 8 + 17); /* a record: its head, the text, kind and seal */
    memcpy(buffer, shown, (size_t)n);
    buffer[8] ^= 1;
    EXPECT_EQ(weft_stream_write(b[0], buffer, (size_t)n, NULL), 0);
    EXPECT_EQ(weft_stream_flush(b[0]), 0);
    EXPECT_EQ(weft_stream_read(e.server, buffer, 64), -EPROTO);
    EXPECT(strstr(weft_tls_error(e.server), "bad record mac") != NULL);
    EXPECT_EQ(weft_stream_close(a[1]), 0);
    EXPECT_EQ(weft_stream_close(b[0]), 0);
    EXPECT_EQ(weft_stream_close(e.client), 0);
    EXPECT_EQ(weft_stream_close(e.server), 0);
    probe_free(&p);
}

TASK_TEST(tls_closes_one_way)
{
    struct probe p;
    struct probe_ends e;
    char *line;
    probe_make(&p, NULL, NULL, NULL);
    probe_ends_make(&p, 0, "example.org", &e);
    probe_ends_expect_good(&e);
    EXPECT_EQ(weft_stream_print(e.client, "question"), 0);
    EXPECT_EQ(weft_stream_close_write(e.client), 0);
    EXPECT_EQ(weft_stream_print(e.client, "x"), -WEFT_EPIPE);
    EXPECT_EQ(weft_stream_line(e.server, &line), 8);
    EXPECT_EQ(weft_stream_line(e.server, &line), -WEFT_EPIPE);
    EXPECT(weft_tls_error(e.server) == NULL);
    EXPECT_EQ(weft_stream_print(e.server, "answer"), 0);
    EXPECT_EQ(weft_stream_close(e.server), 0);
    EXPECT_EQ(weft_stream_line(e.client, &line), 6);
    EXPECT_EQ(weft_stream_line(e.client, &line), -WEFT_EPIPE);
    EXPECT_EQ(weft_stream_close(e.client), 0);
    probe_free(&p);
}

/* The peer says nothing, so the close waits for its farewell: 1 s, or as long as the options say,
 * or, in a cancelled scope, not at all (T47). */
TASK_TEST(tls_close_waits_no_longer_than_it_should)
{
    static const int64_t waits[] = {0, 30 * WEFT_MS, -1};
    static const int64_t expected[] = {WEFT_SECOND, 30 * WEFT_MS, 0};
    for (size_t i = 0; i < 4; i++) {
        struct probe p;
        struct probe_ends e;
        weft_scope scope;
        weft_tls_options client = {.farewell_ns = waits[i % 3]};
        probe_make(&p, NULL, &client, NULL);
        probe_ends_make(&p, 0, "example.org", &e);
        probe_ends_expect_good(&e);
        EXPECT_EQ(weft_stream_print(e.client, "x"), 0);
        EXPECT_EQ(weft_stream_flush(e.client), 0);
        int64_t before = weft_now();
        weft_scope_open(&scope);
        if (i == 3) {
            weft_scope_cancel(&scope);
        }
        EXPECT_EQ(weft_stream_close(e.client), 0);
        int rc = weft_scope_close(&scope);
        EXPECT(rc == 0 || (i == 3 && rc == -WEFT_ECANCELED));
        int64_t waited = weft_now() - before - (i == 3 ? 0 : expected[i]);
        EXPECT(waited >= 0 && waited < WEFT_MS); /* the virtual clock ticks a little by itself */
        char byte;
        EXPECT_EQ(weft_stream_read(e.server, &byte, 1), 1);
        EXPECT_EQ(weft_stream_read(e.server, &byte, 1), i == 3 ? -EPROTO : 0);
        EXPECT_EQ(weft_stream_close(e.server), 0);
        probe_free(&p);
    }
}

TASK_TEST(tls_close_with_something_unsent)
{
    struct probe p;
    struct probe_ends e;
    weft_scope scope;
    probe_make(&p, NULL, NULL, NULL);
    probe_ends_make(&p, 0, "example.org", &e);
    probe_ends_expect_good(&e);
    EXPECT_EQ(weft_stream_print(e.client, "never sent"), 0);
    weft_scope_open(&scope);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_stream_close(e.client), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(weft_stream_close(e.server), 0);
    probe_free(&p);
}

/* ---- cancel ---- */

/* A stream below that cancels a scope at its n-th call. */
struct trap {
    weft_stream *under;
    weft_scope *scope;
    int *calls_left;
};

static void trap_step(struct trap *t)
{
    if (*t->calls_left > 0 && --*t->calls_left == 0) {
        weft_scope_cancel(t->scope);
    }
}

static ssize_t trap_read(void *state, void *buffer, size_t size)
{
    struct trap *t = state;
    trap_step(t);
    return weft_stream_read(t->under, buffer, size);
}

static ssize_t trap_write(void *state, const void *data, size_t size)
{
    struct trap *t = state;
    size_t done;
    trap_step(t);
    int rc = weft_stream_write(t->under, data, size < 7 ? size : size / 2, &done);
    if (rc == 0) {
        rc = weft_stream_flush(t->under);
    }
    return done > 0 ? (ssize_t)done : rc;
}

static int trap_close(void *state)
{
    struct trap *t = state;
    int rc = weft_stream_close(t->under);
    free(t);
    return rc;
}

static const weft_stream_ops trap_ops = {
    .name = "trap", .read = trap_read, .write = trap_write, .close = trap_close};

static weft_stream *trap_open(weft_stream *under, weft_scope *scope, int *calls_left)
{
    struct trap *t = malloc(sizeof *t);
    weft_stream *stream;
    EXPECT(t != NULL);
    *t = (struct trap){under, scope, calls_left};
    EXPECT_EQ(weft_stream_open(&trap_ops, t, NULL, &stream), 0);
    return stream;
}

static int trap_peer(void *arg)
{
    struct probe_side *s = arg;
    weft_stream *stream;
    int rc = weft_tls_accept(s->p->server, s->under, &stream, NULL);
    if (rc == 0) {
        rc = weft_stream_copy(stream, stream, 0, NULL); /* says all again */
        (void)weft_stream_close(stream);
    }
    return 0;
}

/* What one task sends, though it is cancelled in the middle, and goes on. */
static void trap_talk(weft_stream *stream, weft_scope *scope)
{
    static char data[3000], back[3000];
    size_t sent = 0, got = 0, done;
    bool is_open = true;
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = bulk_byte(i);
    }
    while (got < sizeof data) {
        int rc = 0;
        if (sent < sizeof data) {
            size_t n = sizeof data - sent < 1000 ? sizeof data - sent : 1000;
            rc = weft_stream_write(stream, data + sent, n, &done);
            sent += done;
        }
        rc = rc < 0 ? rc : weft_stream_flush(stream);
        if (rc == 0 && got < sent) {
            rc = weft_stream_read_full(stream, back + got, sent - got, &done);
            got += done;
        }
        EXPECT(rc == 0 || (rc == -WEFT_ECANCELED && is_open));
        if (rc < 0) {
            is_open = false;
            EXPECT_EQ(weft_scope_close(scope), -WEFT_ECANCELED);
        }
    }
    EXPECT(memcmp(back, data, sizeof data) == 0);
    if (is_open) {
        int rc = weft_scope_close(scope);
        EXPECT(rc == 0 || rc == -WEFT_ECANCELED);
    }
}

/* A cancel at each call of the stream below, in the handshake (which is lost then) or later (when
 * nothing is lost). */
TASK_TEST(tls_cancelled_at_each_step)
{
    struct probe p;
    probe_make(&p, NULL, NULL, NULL);
    bool is_over = false;
    for (int nth = 1; !is_over; nth += test_is_steered ? 7 : 1) {
        weft_stream *under[2], *stream;
        weft_scope scope, peers;
        const char *why = NULL;
        int calls_left = 0;
        EXPECT(nth < 200);
        EXPECT_EQ(weft_stream_pair(0, under), 0);
        weft_scope_open(&peers);
        EXPECT_EQ(weft_go(&peers, trap_peer, &(struct probe_side){.p = &p, .under = under[1]}), 0);
        weft_scope_open(&scope);
        calls_left = nth;
        int rc = weft_tls_connect(p.client, trap_open(under[0], &scope, &calls_left),
                                  "example.org", &stream, &why);
        if (rc < 0) {
            EXPECT_EQ(rc, -WEFT_ECANCELED);
            EXPECT(why != NULL);
            EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
        } else {
            trap_talk(stream, &scope);
            is_over = calls_left > 0;
            calls_left = 0;
            EXPECT_EQ(weft_stream_close(stream), 0);
        }
        EXPECT_EQ(weft_scope_close(&peers), 0);
    }
    probe_free(&p);
}

/* ---- memory ---- */

static int talk_echo(void *arg)
{
    weft_stream *stream = *(weft_stream **)arg;
    int rc = weft_stream_copy(stream, stream, 0, NULL);
    EXPECT(rc <= 0);
    (void)weft_stream_close(stream);
    return 0;
}

TASK_TEST(tls_talk_without_memory)
{
    static char data[10000], back[10000];
    struct probe p;
    probe_make(&p, NULL, NULL, NULL);
    bool is_over = false;
    for (int64_t nth = 1; !is_over; nth++) {
        struct probe_ends e;
        weft_scope scope;
        EXPECT(nth < 100);
        probe_ends_make(&p, 0, "example.org", &e);
        probe_ends_expect_good(&e);
        weft_scope_open(&scope);
        probe_fail_at(nth);
        EXPECT_EQ(weft_go(&scope, talk_echo, &e.server), 0);
        int rc = weft_stream_write(e.client, data, sizeof data, NULL);
        rc = rc < 0 ? rc : weft_stream_close_write(e.client);
        rc = rc < 0 ? rc : weft_stream_read_full(e.client, back, sizeof back, NULL);
        (void)weft_stream_close(e.client);
        (void)weft_scope_close(&scope);
        is_over = !probe_has_failed();
        EXPECT(!is_over || rc == 0);
    }
    probe_free(&p);
}

/* ---- a peer that asks for new keys all the time, and does not read the answers ---- */

static int flood_write(void *arg)
{
    static char data[100000];
    weft_stream *stream = *(weft_stream **)arg;
    int rc = weft_stream_write(stream, data, sizeof data, NULL);
    EXPECT(rc < 0);
    return 0;
}

static int flood_read(void *arg)
{
    weft_stream *stream = *(weft_stream **)arg;
    char data[100];
    ssize_t n;
    while ((n = weft_stream_read(stream, data, sizeof data)) > 0) {
    }
    EXPECT_EQ(n, -WEFT_ENOMEM);
    return -EIO; /* and so the writer ends */
}

static int flood_ask(void *arg)
{
    weft_stream *stream = *(weft_stream **)arg;
    int rc = 0;
    for (int i = 0; rc == 0; i++) {
        EXPECT(i < 100000);
        EXPECT_EQ(SSL_key_update(weft__tls_ssl(stream), SSL_KEY_UPDATE_REQUESTED), 1);
        rc = weft_stream_print(stream, "x");
        rc = rc < 0 ? rc : weft_stream_flush(stream);
    }
    return rc;
}

TASK_TEST_FREE(tls_flood_of_new_keys)
{
    struct probe p;
    struct probe_ends e;
    weft_scope scope;
    probe_make(&p, NULL, NULL, NULL);
    probe_ends_make(&p, 0, "example.org", &e);
    probe_ends_expect_good(&e);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, flood_write, &e.server), 0);
    EXPECT_EQ(weft_sleep(WEFT_MS), 0); /* it waits for room: else who reads would answer */
    EXPECT_EQ(weft_go(&scope, flood_read, &e.server), 0);
    EXPECT_EQ(weft_go(&scope, flood_ask, &e.client), 0);
    EXPECT_EQ(weft_scope_close(&scope), -EIO);
    EXPECT_EQ(weft_stream_close(e.server), -WEFT_ENOMEM); /* of all that was written some is lost */
    (void)weft_stream_close(e.client);
    probe_free(&p);
}

/* ---- over sockets ---- */

IO_TEST(tls_over_sockets)
{
    struct probe p;
    weft_scope scope;
    int fds[2];
    probe_make(&p, NULL, NULL, NULL);
    EXPECT_EQ(weft_socketpair(fds), 0);
    weft_scope_open(&scope);
    for (int i = 0; i < 2; i++) {
        struct bulk_side side = {&p, NULL, i == 1, test_is_steered ? 10000 : 1000000, false};
        EXPECT_EQ(weft_stream_fd(fds[i], &side.under), 0);
        EXPECT_EQ(weft_go(&scope, bulk_run, &side), 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    probe_free(&p);
}
