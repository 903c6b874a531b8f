/* sched_test.c - agendas: when, in which order, how often; who waits, and what cancels it.
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <weft.h>

#include "base/alloc.h"
#include "base/fault.h"
#include "base/rng.h"
#include "tests/probe.h"

static void entry_settle(void)
{
    EXPECT_EQ(weft_sleep(WEFT_MS), 0);
}

static weft_sched *entry_new(size_t entries_max)
{
    weft_sched *agenda = weft_sched_new(entries_max);
    EXPECT(agenda != NULL);
    return agenda;
}

/* What the entries have done: their names, and when. */
struct diary {
    char text[64];
    size_t len;
    int64_t at[64];
    uint64_t missed[64];
};

struct diarist {
    struct diary *diary;
    char name;
    int rc;
    int64_t takes_ns; /* by sleeping */
    size_t last;      /* a repeated one says 1 when the diary has so many */
};

static int entry_write(void *arg)
{
    const struct diarist *d = arg;
    d->diary->at[d->diary->len] = weft_now();
    d->diary->text[d->diary->len++] = d->name;
    if (d->takes_ns > 0) {
        EXPECT_EQ(weft_sleep(d->takes_ns), 0);
    }
    return d->rc;
}

static int entry_write_missed(void *arg, uint64_t missed)
{
    const struct diarist *d = arg;
    d->diary->missed[d->diary->len] = missed;
    int rc = entry_write(arg);
    return d->last > 0 && d->diary->len >= d->last ? 1 : rc;
}

static uint64_t entry_at(weft_sched *agenda, int64_t when, int priority, struct diarist *d)
{
    uint64_t id = 0;
    EXPECT_EQ(weft_sched_at(agenda, when, priority, entry_write, d, &id), 0);
    EXPECT(id != 0);
    return id;
}

/* A time is met in the first tick at or after it. */
static void expect_at(int64_t at, int64_t when)
{
    EXPECT(at >= when);
    EXPECT(at <= when + 2048);
}

/* ---- order ---- */

TASK_TEST(sched_order)
{
    weft_sched *agenda = entry_new(0);
    struct diary diary = {.len = 0};
    struct diarist d[6];
    int64_t now = weft_now();
    for (int i = 0; i < 6; i++) {
        d[i] = (struct diarist){.diary = &diary, .name = (char)('a' + i)};
    }
    entry_at(agenda, now + 3 * WEFT_SECOND, 0, &d[5]);
    entry_at(agenda, now + 2 * WEFT_SECOND, 1, &d[3]);
    entry_at(agenda, now + 2 * WEFT_SECOND, 1, &d[4]);
    entry_at(agenda, now + 2 * WEFT_SECOND, -1, &d[2]);
    entry_at(agenda, now - WEFT_SECOND, 7, &d[0]);
    entry_at(agenda, now + 1 * WEFT_SECOND, 9, &d[1]);
    EXPECT_EQ(weft_sched_len(agenda), 6);
    EXPECT_EQ(weft_sched_next(agenda), now - WEFT_SECOND);
    EXPECT_EQ(weft_sched_run(agenda), 0);
    EXPECT_STR(diary.text, "abcdef");
    expect_at(diary.at[0], now);
    expect_at(diary.at[1], now + WEFT_SECOND);
    expect_at(diary.at[4], now + 2 * WEFT_SECOND);
    expect_at(diary.at[5], now + 3 * WEFT_SECOND);
    EXPECT_EQ(weft_sched_len(agenda), 0);
    EXPECT_EQ(weft_sched_next(agenda), WEFT_NEVER);
    EXPECT_EQ(weft_sched_run(agenda), 0); /* nothing to do */
    weft_sched_free(agenda);
    weft_sched_free(NULL);
}

struct entry_numbered {
    const struct entry_numbered **last; /* called before this one; later ones lie behind it */
    int64_t when;
    int priority;
};

static int entry_expect_later(void *arg)
{
    const struct entry_numbered *n = arg, *last = *n->last;
    EXPECT(weft_now() >= n->when);
    if (last && last->when == n->when) {
        EXPECT(last->priority < n->priority || (last->priority == n->priority && last < n));
    } else if (last) {
        EXPECT(last->when < n->when);
    }
    *n->last = n;
    return 0;
}

/* Many, through several chunks, and a third of them cancelled. */
TASK_TEST(sched_many_in_order)
{
    enum { ENTRIES = 2000 };
    static struct entry_numbered numbers[ENTRIES];
    static uint64_t ids[ENTRIES];
    weft_sched *agenda = entry_new(ENTRIES);
    struct weft__rng rng;
    struct weft_sched_counts counts;
    const struct entry_numbered *last = NULL;
    int64_t now = weft_now();
    weft__rng_seed(&rng, 1);
    for (int i = 0; i < ENTRIES; i++) {
        numbers[i] = (struct entry_numbered){&last, now + (int64_t)weft__rng_below(&rng, 300),
                                             (int)weft__rng_below(&rng, 3) - 1};
        EXPECT_EQ(weft_sched_at(agenda, numbers[i].when, numbers[i].priority, entry_expect_later,
                                &numbers[i], &ids[i]), 0);
    }
    EXPECT_EQ(weft_sched_at(agenda, now, 0, entry_expect_later, &numbers[0], NULL), -WEFT_EAGAIN);
    for (int i = 0; i < ENTRIES; i += 3) {
        EXPECT_EQ(weft_sched_cancel(agenda, ids[i]), 0);
        EXPECT_EQ(weft_sched_cancel(agenda, ids[i]), -ENOENT);
    }
    EXPECT_EQ(weft_sched_run(agenda), 0);
    weft_sched_stats(agenda, &counts);
    EXPECT_EQ(counts.added, ENTRIES);
    EXPECT_EQ(counts.refused, 1);
    EXPECT_EQ(counts.cancelled, (ENTRIES + 2) / 3);
    EXPECT_EQ(counts.called, ENTRIES - (ENTRIES + 2) / 3);
    EXPECT_EQ(counts.waiting_peak, ENTRIES);
    EXPECT_EQ(counts.waiting, 0);
    EXPECT_EQ(counts.running, 0);
    weft_sched_free(agenda);
}

struct entry_adder {
    weft_sched *agenda;
    struct diarist *next;
    int64_t delay_ns;
};

static int entry_add_more(void *arg)
{
    const struct entry_adder *a = arg;
    return weft_sched_after(a->agenda, a->delay_ns, 0, entry_write, a->next, NULL);
}

/* An entry adds one to the agenda that calls it. */
TASK_TEST(sched_entry_adds)
{
    weft_sched *agenda = entry_new(0);
    struct diary diary = {.len = 0};
    struct diarist d = {.diary = &diary, .name = 'x'};
    struct entry_adder a = {agenda, &d, 2 * WEFT_SECOND};
    int64_t start = weft_now();
    EXPECT_EQ(weft_sched_after(agenda, WEFT_SECOND, 0, entry_add_more, &a, NULL), 0);
    EXPECT_EQ(weft_sched_run(agenda), 0);
    EXPECT_STR(diary.text, "x");
    EXPECT_TOOK(start, 3 * WEFT_SECOND);
    weft_sched_free(agenda);
}

/* ---- repetition ---- */

/* On its grid, though each call takes a third of the period. */
TASK_TEST(sched_every)
{
    weft_sched *agenda = entry_new(0);
    struct diary diary = {.len = 0};
    struct diarist d = {
        .diary = &diary, .name = 't', .takes_ns = WEFT_SECOND / 3, .last = 5};
    int64_t first = weft_after(WEFT_SECOND);
    EXPECT_EQ(weft_sched_every(agenda, first, WEFT_SECOND, 0, entry_write_missed, &d, NULL), 0);
    EXPECT_EQ(weft_sched_run(agenda), 0);
    EXPECT_EQ(diary.len, 5);
    for (int i = 0; i < 5; i++) {
        expect_at(diary.at[i], first + i * WEFT_SECOND);
        EXPECT_EQ(diary.missed[i], 0);
    }
    weft_sched_free(agenda);
}

/* A call that takes two and a half periods: two are missed each time, and the grid stays. */
TASK_TEST(sched_every_misses)
{
    weft_sched *agenda = entry_new(0);
    struct weft_sched_counts counts;
    struct diary diary = {.len = 0};
    struct diarist d = {
        .diary = &diary, .name = 't', .takes_ns = 5 * WEFT_SECOND / 2, .last = 4};
    int64_t first = weft_now();
    EXPECT_EQ(weft_sched_every(agenda, first, WEFT_SECOND, 0, entry_write_missed, &d, NULL), 0);
    EXPECT_EQ(weft_sched_run(agenda), 0);
    /* called at 0; at 2.5 for the one of 2 (that of 1 was missed), over at 5 ... */
    EXPECT_EQ(diary.missed[0], 0);
    expect_at(diary.at[1], first + 5 * WEFT_SECOND / 2);
    EXPECT_EQ(diary.missed[1], 1);
    expect_at(diary.at[2], first + 5 * WEFT_SECOND);
    EXPECT_EQ(diary.missed[2], 2);
    EXPECT_EQ(diary.missed[3], 1);
    weft_sched_stats(agenda, &counts);
    EXPECT_EQ(counts.missed, 4);
    EXPECT_EQ(counts.called, 4);
    weft_sched_free(agenda);
}

TASK_TEST(sched_every_ends_with_a_code)
{
    weft_sched *agenda = entry_new(0);
    struct diary diary = {.len = 0};
    struct diarist d = {.diary = &diary, .name = 't', .rc = -EIO};
    EXPECT_EQ(weft_sched_every(agenda, 5, 0, 0, entry_write_missed, &d, NULL), -WEFT_EINVAL);
    EXPECT_EQ(weft_sched_every(agenda, weft_now(), 1, 0, NULL, &d, NULL), -WEFT_EINVAL);
    EXPECT_EQ(weft_sched_every(agenda, weft_now(), 1, 0, entry_write_missed, &d, NULL), 0);
    EXPECT_EQ(weft_sched_run(agenda), -EIO);
    EXPECT_EQ(weft_sched_len(agenda), 0);
    weft_sched_free(agenda);
}

/* Times at the ends of what there is. */
TASK_TEST(sched_far_times)
{
    weft_sched *agenda = entry_new(0);
    struct diary diary = {.len = 0};
    struct diarist d = {.diary = &diary, .name = 'p', .last = 1};
    int64_t delay = 7;
    EXPECT_EQ(weft_sched_every(agenda, INT64_MIN, INT64_MAX, 0, entry_write_missed, &d, NULL), 0);
    entry_at(agenda, INT64_MIN, 0, &d);
    entry_at(agenda, WEFT_NEVER, 0, &d);
    entry_at(agenda, WEFT_NEVER - 1, 0, &d);
    EXPECT_EQ(weft_sched_run_due(agenda, &delay), 2);
    EXPECT(delay > 1000 * WEFT_SECOND);
    EXPECT_EQ(weft_sched_len(agenda), 2);
    weft_sched_free(agenda);
}

/* ---- codes ---- */

/* A code ends the run, and only that entry is over. */
TASK_TEST(sched_code_ends_run)
{
    weft_sched *agenda = entry_new(0);
    struct weft_sched_counts counts;
    struct diary diary = {.len = 0};
    struct diarist ok = {.diary = &diary, .name = 'a'};
    struct diarist bad = {.diary = &diary, .name = 'b', .rc = -EIO};
    int64_t now = weft_now();
    entry_at(agenda, now, 0, &ok);
    entry_at(agenda, now, 1, &bad);
    entry_at(agenda, now, 2, &ok);
    EXPECT_EQ(weft_sched_run(agenda), -EIO);
    EXPECT_STR(diary.text, "ab");
    EXPECT_EQ(weft_sched_len(agenda), 1);
    EXPECT_EQ(weft_sched_run(agenda), 0);
    EXPECT_STR(diary.text, "aba");
    weft_sched_stats(agenda, &counts);
    EXPECT_EQ(counts.failed, 1);
    weft_sched_free(agenda);
}

TASK_TEST(sched_limits)
{
    weft_sched *agenda = entry_new(2);
    struct diary diary = {.len = 0};
    struct diarist d = {.diary = &diary, .name = 'a'};
    EXPECT(weft_sched_new((size_t)WEFT_SCHED_ENTRIES_MAX + 1) == NULL);
    EXPECT_EQ(weft_sched_at(agenda, 0, 0, NULL, NULL, NULL), -WEFT_EINVAL);
    EXPECT_EQ(weft_sched_after(agenda, 0, 0, NULL, NULL, NULL), -WEFT_EINVAL);
    entry_at(agenda, 0, 0, &d);
    uint64_t id = entry_at(agenda, 0, 0, &d);
    EXPECT_EQ(weft_sched_at(agenda, 0, 0, entry_write, &d, NULL), -WEFT_EAGAIN);
    EXPECT_EQ(weft_sched_cancel(agenda, id), 0);
    EXPECT_EQ(weft_sched_cancel(agenda, id), -ENOENT);
    EXPECT_EQ(weft_sched_cancel(agenda, 0), -ENOENT);
    EXPECT_EQ(weft_sched_cancel(agenda, UINT64_MAX), -ENOENT);
    uint64_t other = entry_at(agenda, 0, 0, &d); /* in the same slot, with another id */
    EXPECT(other != id);
    EXPECT_EQ(weft_sched_cancel(agenda, id), -ENOENT);
    EXPECT_EQ(weft_sched_len(agenda), 2);
    weft_sched_free(agenda);
}

/* ---- without waiting ---- */

TASK_TEST(sched_run_due)
{
    weft_sched *agenda = entry_new(0);
    struct diary diary = {.len = 0};
    struct diarist d = {.diary = &diary, .name = 'a'};
    int64_t delay = 7, now = weft_now();
    EXPECT_EQ(weft_sched_run_due(agenda, &delay), 0);
    EXPECT_EQ(delay, -1);
    entry_at(agenda, now, 0, &d);
    entry_at(agenda, now, 0, &d);
    entry_at(agenda, now + WEFT_SECOND, 0, &d);
    EXPECT_EQ(weft_sched_run_due(agenda, &delay), 2);
    EXPECT(delay > WEFT_SECOND - WEFT_MS && delay <= WEFT_SECOND);
    EXPECT_EQ(weft_sched_run_due(agenda, NULL), 0);
    EXPECT_EQ(weft_sleep(WEFT_SECOND), 0);
    EXPECT_EQ(weft_sched_run_due(agenda, &delay), 1);
    EXPECT_EQ(delay, -1);
    weft_sched_free(agenda);
}

struct entry_again {
    weft_sched *agenda;
    int calls;
};

static int entry_add_itself(void *arg)
{
    struct entry_again *a = arg;
    a->calls++;
    return weft_sched_after(a->agenda, 0, 0, entry_add_itself, a, NULL);
}

/* It comes to an end though its entries do not. */
TASK_TEST(sched_run_due_is_bounded)
{
    weft_sched *agenda = entry_new(0);
    struct entry_again a = {agenda, 0};
    int64_t delay = 7;
    EXPECT_EQ(entry_add_itself(&a), 0);
    EXPECT_EQ(weft_sched_run_due(agenda, &delay), 1);
    EXPECT_EQ(delay, 0);
    EXPECT_EQ(a.calls, 2);
    weft_sched_free(agenda);
}

/* ---- who waits ---- */

struct entry_follower {
    weft_sched *agenda;
    bool serves;
    int rc;
    int64_t done_at;
};

static int entry_follow(void *arg)
{
    struct entry_follower *f = *(struct entry_follower **)arg;
    f->rc = f->serves ? weft_sched_serve(f->agenda) : weft_sched_run(f->agenda);
    f->done_at = weft_now();
    return 0;
}

static void entry_follow_go(weft_scope *scope, struct entry_follower *f, weft_sched *agenda,
                           bool serves)
{
    *f = (struct entry_follower){.agenda = agenda, .serves = serves, .rc = 99};
    EXPECT_EQ(weft_go(scope, entry_follow, &f), 0);
}

/* An earlier entry comes while a follower waits for a later one. */
TASK_TEST(sched_earlier_one_comes)
{
    weft_sched *agenda = entry_new(0);
    struct entry_follower f;
    struct diary diary = {.len = 0};
    struct diarist d[2] = {{.diary = &diary, .name = 'a'}, {.diary = &diary, .name = 'b'}};
    int64_t now = weft_now();
    weft_scope scope;
    weft_scope_open(&scope);
    entry_at(agenda, now + 10 * WEFT_SECOND, 0, &d[1]);
    entry_follow_go(&scope, &f, agenda, false);
    entry_settle();
    entry_at(agenda, now + 2 * WEFT_SECOND, 0, &d[0]);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(f.rc, 0);
    EXPECT_STR(diary.text, "ab");
    expect_at(diary.at[0], now + 2 * WEFT_SECOND);
    expect_at(diary.at[1], now + 10 * WEFT_SECOND);
    weft_sched_free(agenda);
}

/* The only entry is cancelled: run has nothing left and returns, now. */
TASK_TEST(sched_cancel_ends_run)
{
    weft_sched *agenda = entry_new(0);
    struct entry_follower f;
    struct diary diary = {.len = 0};
    struct diarist d = {.diary = &diary, .name = 'a'};
    int64_t start = weft_now();
    weft_scope scope;
    weft_scope_open(&scope);
    uint64_t id = entry_at(agenda, start + 10 * WEFT_SECOND, 0, &d);
    entry_follow_go(&scope, &f, agenda, false);
    EXPECT_EQ(weft_sleep(WEFT_SECOND), 0);
    EXPECT_EQ(weft_sched_cancel(agenda, id), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(f.rc, 0);
    EXPECT_TOOK(start, WEFT_SECOND);
    EXPECT_STR(diary.text, "");
    weft_sched_free(agenda);
}

TASK_TEST(sched_serve_until_stopped)
{
    weft_sched *agenda = entry_new(0);
    struct entry_follower f;
    struct diary diary = {.len = 0};
    struct diarist d = {.diary = &diary, .name = 'a'};
    int64_t start = weft_now(), delay = 7;
    weft_scope scope;
    weft_scope_open(&scope);
    entry_follow_go(&scope, &f, agenda, true);
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(weft_sleep(WEFT_SECOND), 0); /* meanwhile the agenda is empty */
        entry_at(agenda, weft_now(), 0, &d);
    }
    EXPECT_EQ(weft_sleep(WEFT_SECOND), 0);
    EXPECT_EQ(f.rc, 99);
    entry_at(agenda, start + 100 * WEFT_SECOND, 0, &d);
    weft_sched_stop(agenda);
    weft_sched_stop(agenda);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(f.rc, 0);
    EXPECT_TOOK(start, 4 * WEFT_SECOND);
    EXPECT_STR(diary.text, "aaa");
    EXPECT_EQ(weft_sched_at(agenda, 0, 0, entry_write, &d, NULL), -WEFT_EPIPE);
    EXPECT_EQ(weft_sched_run(agenda), 0);
    EXPECT_EQ(weft_sched_serve(agenda), 0);
    EXPECT_EQ(weft_sched_run_due(agenda, &delay), 0);
    EXPECT_EQ(delay, -1);
    EXPECT_EQ(weft_sched_len(agenda), 1);
    weft_sched_free(agenda);
}

TASK_TEST(sched_scope_cancelled)
{
    weft_sched *agenda = entry_new(0);
    struct diary diary = {.len = 0};
    struct diarist d = {.diary = &diary, .name = 'a'};
    weft_scope scope;
    entry_at(agenda, weft_after(10 * WEFT_SECOND), 0, &d);
    for (int serves = 0; serves < 2; serves++) {
        weft_scope_open(&scope);
        weft_scope_deadline(&scope, weft_after(WEFT_SECOND));
        EXPECT_EQ(serves ? weft_sched_serve(agenda) : weft_sched_run(agenda), -WEFT_ECANCELED);
        EXPECT_EQ(weft_sched_run(agenda), -WEFT_ECANCELED);
        EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
    }
    EXPECT_EQ(weft_sched_len(agenda), 1); /* nothing was lost */
    EXPECT_EQ(weft_sched_run(agenda), 0);
    EXPECT_STR(diary.text, "a");
    weft_sched_free(agenda);
}

/* ---- cancel ---- */

struct entry_canceller {
    weft_sched *agenda;
    uint64_t id;
    int rc[2];
    int calls;
};

static int entry_cancel_itself(void *arg, uint64_t missed)
{
    struct entry_canceller *c = arg;
    EXPECT_EQ(missed, 0);
    c->calls++;
    c->rc[0] = weft_sched_cancel(c->agenda, c->id);
    c->rc[1] = weft_sched_cancel(c->agenda, c->id);
    return 0;
}

/* It is running: that cannot be undone, but it does not run again. */
TASK_TEST(sched_cancel_running)
{
    weft_sched *agenda = entry_new(0);
    struct weft_sched_counts counts;
    struct entry_canceller c = {.agenda = agenda};
    EXPECT_EQ(weft_sched_every(agenda, weft_now(), WEFT_SECOND, 0, entry_cancel_itself, &c, &c.id),
              0);
    EXPECT_EQ(weft_sched_run(agenda), 0);
    EXPECT_EQ(c.calls, 1);
    EXPECT_EQ(c.rc[0], -WEFT_EBUSY);
    EXPECT_EQ(c.rc[1], -WEFT_EBUSY);
    EXPECT_EQ(weft_sched_cancel(agenda, c.id), -ENOENT);
    weft_sched_stats(agenda, &counts);
    EXPECT_EQ(counts.cancelled, 1);
    weft_sched_free(agenda);
}

struct entry_race {
    weft_sched *agenda;
    uint64_t id;
    int *ret_rc;
    ATOMIC(int) *calls;
};

static int entry_race_cancel(void *arg)
{
    const struct entry_race *r = arg;
    *r->ret_rc = weft_sched_cancel(r->agenda, r->id);
    return 0;
}

static int entry_race_call(void *arg)
{
    a_add((ATOMIC(int) *)arg, 1, relaxed);
    return 0;
}

/* Either it is called or the cancel says that it will not be; two follow the agenda. */
TASK_TEST(sched_cancel_race)
{
    for (int round = 0; round < TEST_FEWER(300); round++) {
        weft_sched *agenda = entry_new(0);
        ATOMIC(int) calls = 0;
        int rc = 99;
        struct entry_follower f[2];
        weft_scope scope;
        struct entry_race r = {agenda, 0, &rc, &calls};
        EXPECT_EQ(weft_sched_at(agenda, weft_now(), 0, entry_race_call, &calls, &r.id), 0);
        weft_scope_open(&scope);
        entry_follow_go(&scope, &f[0], agenda, false);
        EXPECT_EQ(weft_go(&scope, entry_race_cancel, &r), 0);
        entry_follow_go(&scope, &f[1], agenda, false);
        EXPECT_EQ(weft_scope_close(&scope), 0);
        EXPECT_EQ(f[0].rc, 0);
        EXPECT_EQ(f[1].rc, 0);
        EXPECT(rc == 0 || rc == -ENOENT || rc == -WEFT_EBUSY);
        EXPECT_EQ(a_load(&calls, relaxed), rc != 0);
        weft_sched_free(agenda);
    }
}

/* ---- many at once ---- */

struct entry_crowd {
    weft_sched *agenda;
    ATOMIC(int) *calls;
    int adds;
};

static int entry_crowd_add(void *arg)
{
    const struct entry_crowd *c = arg;
    for (int i = 0; i < c->adds; i++) {
        int64_t delay_ns = (i * 7 % 5) * 100;
        EXPECT_EQ(weft_sched_after(c->agenda, delay_ns, 0, entry_race_call, c->calls, NULL), 0);
        if (i % 8 == 0) {
            EXPECT_EQ(weft_yield(), 0);
        }
    }
    return 0;
}

/* Three add, three serve; each entry is called once. */
TASK_TEST(sched_crowd)
{
    int each = TEST_FEWER(300);
    weft_sched *agenda = entry_new(0);
    ATOMIC(int) calls = 0;
    struct entry_follower f[3];
    weft_scope scope, adders;
    weft_scope_open(&scope);
    for (int i = 0; i < 3; i++) {
        entry_follow_go(&scope, &f[i], agenda, true);
    }
    weft_scope_open(&adders);
    for (int i = 0; i < 3; i++) {
        struct entry_crowd c = {agenda, &calls, each};
        EXPECT_EQ(weft_go(&adders, entry_crowd_add, &c), 0);
    }
    EXPECT_EQ(weft_scope_close(&adders), 0);
    EXPECT_EQ(weft_sleep(WEFT_MS), 0);
    weft_sched_stop(agenda);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(a_load(&calls, relaxed), 3 * each);
    weft_sched_free(agenda);
}

static void *entry_thread_add(void *arg)
{
    const struct entry_crowd *c = arg;
    for (int i = 0; i < c->adds; i++) {
        EXPECT_EQ(weft_sched_after(c->agenda, i * 1000, 0, entry_race_call, c->calls, NULL), 0);
    }
    return NULL;
}

/* Without any runtime: one thread adds, this one serves. */
TEST(sched_plain_threads)
{
    weft_sched *agenda = entry_new(0);
    ATOMIC(int) calls = 0;
    struct entry_crowd c = {agenda, &calls, 200};
    struct diary diary = {.len = 0};
    struct diarist d = {.diary = &diary, .name = 'a'};
    pthread_t thread;
    int64_t start = weft_now();
    entry_at(agenda, start + 20 * WEFT_MS, 0, &d);
    EXPECT_EQ(pthread_create(&thread, NULL, entry_thread_add, &c), 0);
    EXPECT_EQ(weft_sched_run(agenda), 0);
    EXPECT(weft_now() >= start + 20 * WEFT_MS);
    pthread_join(thread, NULL);
    EXPECT_EQ(weft_sched_run(agenda), 0);
    EXPECT_EQ(a_load(&calls, relaxed), 200);
    EXPECT_STR(diary.text, "a");
    weft_sched_free(agenda);
}

/* A task serves what a plain thread adds, and the thread stops it. */
TASK_TEST_FREE(sched_thread_adds_to_task)
{
    weft_sched *agenda = entry_new(0);
    ATOMIC(int) calls = 0;
    struct entry_crowd c = {agenda, &calls, 200};
    struct entry_follower f;
    pthread_t thread;
    weft_scope scope;
    weft_scope_open(&scope);
    entry_follow_go(&scope, &f, agenda, true);
    EXPECT_EQ(pthread_create(&thread, NULL, entry_thread_add, &c), 0);
    while (a_load(&calls, relaxed) < 200) {
        EXPECT_EQ(weft_sleep(1000), 0);
    }
    pthread_join(thread, NULL);
    weft_sched_stop(agenda);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    weft_sched_free(agenda);
}

/* ---- listing ---- */

TASK_TEST(sched_list)
{
    enum { ENTRIES = 600 };
    static weft_sched_entry all[ENTRIES + 1];
    weft_sched *agenda = entry_new(0);
    struct diary diary = {.len = 0};
    struct diarist d = {.diary = &diary, .name = 'a'};
    EXPECT_EQ(weft_sched_list(agenda, NULL, 0), 0);
    for (int i = 0; i < ENTRIES; i++) {
        entry_at(agenda, 1000 + i * 7 % 100, i % 3, &d);
    }
    uint64_t id;
    EXPECT_EQ(weft_sched_every(agenda, 5, 10, -4, entry_write_missed, &d, &id), 0);
    EXPECT_EQ(weft_sched_list(agenda, all, ENTRIES + 1), ENTRIES + 1);
    EXPECT_EQ(all[0].id, id);
    EXPECT_EQ(all[0].when, 5);
    EXPECT_EQ(all[0].period_ns, 10);
    EXPECT_EQ(all[0].priority, -4);
    EXPECT_EQ(all[0].entered, ENTRIES + 1);
    EXPECT(all[0].fn == (const void *)(uintptr_t)entry_write_missed);
    EXPECT(all[0].arg == &d);
    EXPECT(!all[0].is_running);
    for (int i = 1; i <= ENTRIES; i++) {
        const weft_sched_entry *a = &all[i - 1], *b = &all[i];
        EXPECT(a->when < b->when ||
               (a->when == b->when && (a->priority < b->priority ||
                                       (a->priority == b->priority && a->entered < b->entered))));
    }
    weft_sched_entry some[10];
    EXPECT_EQ(weft_sched_list(agenda, some, 10), ENTRIES + 1);
    for (int i = 0; i < 10; i++) {
        EXPECT_EQ(some[i].id, all[i].id);
    }
    EXPECT_EQ(weft_sched_list(agenda, some, 1), ENTRIES + 1);
    EXPECT_EQ(some[0].id, id);
    weft_sched_free(agenda);
}

static int entry_list_itself(void *arg)
{
    weft_sched_entry entry;
    EXPECT_EQ(weft_sched_list(arg, &entry, 1), 1);
    EXPECT(entry.is_running);
    EXPECT_EQ(weft_sched_len(arg), 0);
    return 0;
}

TASK_TEST(sched_list_running)
{
    weft_sched *agenda = entry_new(0);
    EXPECT_EQ(weft_sched_after(agenda, 0, 0, entry_list_itself, agenda, NULL), 0);
    EXPECT_EQ(weft_sched_run(agenda), 0);
    weft_sched_free(agenda);
}

/* ---- faults and misuse ---- */

TEST(sched_without_memory)
{
    struct diary diary = {.len = 0};
    struct diarist d = {.diary = &diary, .name = 'a'};
    size_t live = weft__alloc_live();
    weft__fault_arm(WEFT_FAULT_MASK(WEFT_FAULT_ALLOC), 1);
    EXPECT(weft_sched_new(0) == NULL);
    weft__fault_disarm();
    weft_sched *agenda = entry_new(0);
    for (int i = 0; i < 3; i++) {
        entry_at(agenda, 0, 0, &d);
    }
    for (int i = 3; i < 256; i++) {
        entry_at(agenda, WEFT_NEVER, 0, &d);
    }
    weft__fault_arm(WEFT_FAULT_MASK(WEFT_FAULT_ALLOC), 1); /* the next chunk */
    uint64_t id = 5;
    EXPECT_EQ(weft_sched_at(agenda, 0, 0, entry_write, &d, &id), -WEFT_ENOMEM);
    EXPECT_EQ(id, 5);
    EXPECT_EQ(weft_sched_len(agenda), 256); /* nothing is lost */
    entry_at(agenda, 0, 0, &d); /* the fault was for once */
    EXPECT_EQ(weft__fault_disarm(), 2);
    EXPECT_EQ(weft_sched_run_due(agenda, NULL), 4);
    EXPECT_STR(diary.text, "aaaa");
    weft_sched_free(agenda);
    EXPECT_EQ(weft__alloc_live(), live);
}

PANIC_TASK_TEST(sched_freed_while_followed, "weft_sched_free: a task still follows the agenda")
{
    static struct entry_follower f;
    weft_sched *agenda = entry_new(0);
    weft_scope scope;
    weft_scope_open(&scope);
    entry_follow_go(&scope, &f, agenda, true);
    entry_settle();
    weft_sched_free(agenda);
}

static int entry_free_itself(void *arg)
{
    weft_sched_free(arg);
    return 0;
}

PANIC_TEST(sched_freed_by_its_entry, "check failed: s->inside == 0")
{
    weft_sched *agenda = entry_new(0);
    EXPECT_EQ(weft_sched_after(agenda, 0, 0, entry_free_itself, agenda, NULL), 0);
    EXPECT_EQ(weft_sched_run(agenda), 0);
}

PANIC_TEST(sched_null, "check failed: sched != NULL")
{
    weft_sched_stop(NULL);
}

static int entry_panic(void *arg)
{
    (void)arg;
    weft_panic("on purpose");
}

static int entry_panic_main(void *arg)
{
    weft_sched *agenda = entry_new(0);
    struct entry_follower f;
    weft_scope scope;
    (void)arg;
    EXPECT_EQ(weft_sched_after(agenda, 0, 0, entry_panic, NULL, NULL), 0);
    weft_scope_open(&scope);
    entry_follow_go(&scope, &f, agenda, false);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_EPANIC);
    EXPECT_EQ(weft_sched_run(agenda), 0); /* the agenda goes on without that entry */
    weft_sched_free(agenda);
    return 5;
}

TEST(sched_contained_panic)
{
    weft_options options = {.workers = 2, .virtual_clock = true, .panic = WEFT_PANIC_TASK};
    EXPECT_EQ(weft_run_with(entry_panic_main, NULL, &options), 5);
}
