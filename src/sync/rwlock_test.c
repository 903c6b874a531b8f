/* rwlock_test.c - readers together, writers alone, phase by phase, and every misuse named.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>

#include "base/fault.h"
#include "sync/sync_probe.h"

struct rwlock_probe {
    weft_rwlock lock;
    weft_scope scope, other;
    ATOMIC(int) readers, writers, most, reads, writes, stop;
    int counter, rounds, next;
    int64_t since; /* see probe_goes_on */
    char order[32]; /* who went in: r or w, in turn */
};

static weft_rwlock rwlock_static = WEFT_RWLOCK_INIT;

static void rwlock_expect(const weft_rwlock *lock, uint64_t readers, uint64_t waiting)
{
    weft_rwlock_counts counts;
    weft_rwlock_stats(lock, &counts);
    EXPECT_EQ(counts.readers, readers);
    EXPECT_EQ(counts.waiting, waiting);
}

TEST(rwlock_shares_and_excludes)
{
    weft_rwlock lock;
    memset(&lock, 0xff, sizeof lock);
    weft_rwlock_init(&lock);
    EXPECT_EQ(weft_rwlock_read_lock(&lock), 0);
    EXPECT_EQ(weft_rwlock_try_read_lock(&lock), 0);
    rwlock_expect(&lock, 2, 0);
    EXPECT_EQ(weft_rwlock_try_write_lock(&lock), -WEFT_EAGAIN);
    weft_rwlock_read_unlock(&lock);
    EXPECT_EQ(weft_rwlock_try_write_lock(&lock), -WEFT_EAGAIN);
    weft_rwlock_read_unlock(&lock);
    EXPECT_EQ(weft_rwlock_write_lock(&lock), 0);
    rwlock_expect(&lock, 0, 0);
    EXPECT_EQ(weft_rwlock_try_read_lock(&lock), -WEFT_EAGAIN);
    EXPECT_EQ(weft_rwlock_try_write_lock(&lock), -WEFT_EAGAIN);
    weft_rwlock_write_unlock(&lock);
    EXPECT_EQ(weft_rwlock_try_write_lock(&lock), 0);
    weft_rwlock_write_unlock(&lock);
    weft_rwlock_fini(&lock);
    weft_rwlock_fini(NULL);
    EXPECT_EQ(weft_rwlock_read_lock(&rwlock_static), 0);
    weft_rwlock_read_unlock(&rwlock_static);
    weft_rwlock_fini(&rwlock_static);
}

/* ---- exclusion ---- */

static void rwlock_read_once(struct rwlock_probe *p, bool yields)
{
    int now = a_add(&p->readers, 1, relaxed) + 1;
    EXPECT_EQ(a_load(&p->writers, relaxed), 0);
    if (now > a_load(&p->most, relaxed)) {
        a_store(&p->most, now, relaxed);
    }
    int seen = p->counter;
    if (yields) {
        EXPECT_EQ(weft_yield(), 0);
    }
    EXPECT_EQ(p->counter, seen);
    EXPECT_EQ(a_load(&p->writers, relaxed), 0);
    a_sub(&p->readers, 1, relaxed);
}

static void rwlock_write_once(struct rwlock_probe *p, bool yields)
{
    EXPECT_EQ(a_add(&p->writers, 1, relaxed), 0);
    EXPECT_EQ(a_load(&p->readers, relaxed), 0);
    int seen = p->counter;
    if (yields) {
        EXPECT_EQ(weft_yield(), 0);
    }
    p->counter = seen + 1;
    EXPECT_EQ(a_load(&p->readers, relaxed), 0);
    EXPECT_EQ(a_sub(&p->writers, 1, relaxed), 1);
}

static int rwlock_write_rounds(void *arg)
{
    struct rwlock_probe *p = probe_arg(arg);
    for (int i = 0; probe_goes_on(i, p->rounds, p->since); i++) {
        if (i % 5 != 2 || weft_rwlock_try_write_lock(&p->lock) < 0) {
            EXPECT_EQ(weft_rwlock_write_lock(&p->lock), 0);
        }
        rwlock_write_once(p, i % 20 == 0);
        weft_rwlock_write_unlock(&p->lock);
        a_add(&p->writes, 1, relaxed);
    }
    return 0;
}

static int rwlock_read_rounds(void *arg)
{
    struct rwlock_probe *p = probe_arg(arg);
    for (int i = 0; probe_goes_on(i, p->rounds, p->since); i++) {
        if (i % 5 != 2 || weft_rwlock_try_read_lock(&p->lock) < 0) {
            EXPECT_EQ(weft_rwlock_read_lock(&p->lock), 0);
        }
        rwlock_read_once(p, i % 10 == 0);
        weft_rwlock_read_unlock(&p->lock);
    }
    return 0;
}

static void *rwlock_read_thread(void *arg)
{
    void *p = arg;
    rwlock_read_rounds(&p);
    return NULL;
}

static void *rwlock_write_thread(void *arg)
{
    void *p = arg;
    rwlock_write_rounds(&p);
    return NULL;
}

TASK_TEST(rwlock_excludes)
{
    struct rwlock_probe p = {.rounds = TEST_FEWER(300)};
    weft_scope_open(&p.scope);
    for (int i = 0; i < 2; i++) {
        probe_go(&p.scope, rwlock_write_rounds, &p);
        probe_go(&p.scope, rwlock_read_rounds, &p);
        probe_go(&p.scope, rwlock_read_rounds, &p);
    }
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
    EXPECT_EQ(p.counter, 2 * p.rounds);
    rwlock_expect(&p.lock, 0, 0);
    weft_rwlock_fini(&p.lock);
}

TASK_TEST_REAL(rwlock_excludes_tasks_and_threads)
{
    struct rwlock_probe p = {.rounds = 1000, .since = weft__time_now()};
    pthread_t threads[4];
    weft_scope_open(&p.scope);
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ(pthread_create(&threads[2 * i], NULL, rwlock_read_thread, &p), 0);
        EXPECT_EQ(pthread_create(&threads[2 * i + 1], NULL, rwlock_write_thread, &p), 0);
        probe_go(&p.scope, rwlock_read_rounds, &p);
        probe_go(&p.scope, rwlock_write_rounds, &p);
    }
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
    for (int i = 0; i < 4; i++) {
        EXPECT_EQ(pthread_join(threads[i], NULL), 0);
    }
    EXPECT_EQ(p.counter, a_load(&p.writes, relaxed));
    weft_rwlock_fini(&p.lock);
}

static int rwlock_read_and_stay(void *arg)
{
    struct rwlock_probe *p = probe_arg(arg);
    EXPECT_EQ(weft_rwlock_read_lock(&p->lock), 0);
    rwlock_read_once(p, false);
    a_add(&p->readers, 1, relaxed);
    EXPECT_EQ(weft_sleep(WEFT_SECOND), 0);
    a_sub(&p->readers, 1, relaxed);
    weft_rwlock_read_unlock(&p->lock);
    return 0;
}

TASK_TEST(rwlock_lets_readers_in_together)
{
    struct rwlock_probe p = {0};
    weft_scope_open(&p.scope);
    for (int i = 0; i < 5; i++) {
        probe_go(&p.scope, rwlock_read_and_stay, &p);
    }
    probe_settle();
    EXPECT_EQ(a_load(&p.readers, relaxed), 5);
    rwlock_expect(&p.lock, 5, 0);
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
    weft_rwlock_fini(&p.lock);
}

/* ---- phases ---- */

static int rwlock_note_read(void *arg)
{
    struct rwlock_probe *p = probe_arg(arg);
    int rc = weft_rwlock_read_lock(&p->lock);
    if (rc < 0) {
        return rc == -WEFT_ECANCELED ? 0 : rc;
    }
    a_add(&p->reads, 1, relaxed);
    EXPECT_EQ(weft_sleep(WEFT_MS), 0); /* so that those let in with it have come */
    weft_rwlock_read_unlock(&p->lock);
    return 0;
}

static int rwlock_note_write(void *arg)
{
    struct rwlock_probe *p = probe_arg(arg);
    int rc = weft_rwlock_write_lock(&p->lock);
    if (rc < 0) {
        return rc == -WEFT_ECANCELED ? 0 : rc;
    }
    for (int n = a_xchg(&p->reads, 0, relaxed); n > 0; n--) {
        p->order[p->next++] = 'r';
    }
    p->order[p->next++] = 'w';
    weft_rwlock_write_unlock(&p->lock);
    return 0;
}

static void rwlock_expect_order(struct rwlock_probe *p, const char *order)
{
    for (int n = a_xchg(&p->reads, 0, relaxed); n > 0; n--) {
        p->order[p->next++] = 'r';
    }
    EXPECT_STR(p->order, order);
}

/* A reader is inside; w r r w r come.  The first writer, then all readers, then the second. */
TASK_TEST(rwlock_phases_take_turns)
{
    struct rwlock_probe p = {0};
    weft_scope_open(&p.scope);
    EXPECT_EQ(weft_rwlock_read_lock(&p.lock), 0);
    for (const char *who = "wrrwr"; *who; who++) {
        probe_go(&p.scope, *who == 'r' ? rwlock_note_read : rwlock_note_write, &p);
        probe_settle();
    }
    rwlock_expect(&p.lock, 1, 5);
    EXPECT_EQ(weft_rwlock_try_read_lock(&p.lock), -WEFT_EAGAIN); /* not past the writer */
    weft_rwlock_read_unlock(&p.lock);
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
    rwlock_expect_order(&p, "wrrrw");
    weft_rwlock_fini(&p.lock);
}

/* A writer is inside, and writers wait: readers that come last go in next all the same. */
TASK_TEST(rwlock_readers_pass_a_queue_of_writers)
{
    struct rwlock_probe p = {0};
    weft_scope_open(&p.scope);
    EXPECT_EQ(weft_rwlock_write_lock(&p.lock), 0);
    for (const char *who = "wwwrr"; *who; who++) {
        probe_go(&p.scope, *who == 'r' ? rwlock_note_read : rwlock_note_write, &p);
        probe_settle();
    }
    weft_rwlock_write_unlock(&p.lock);
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
    rwlock_expect_order(&p, "rrwww");
    weft_rwlock_fini(&p.lock);
}

/* Readers that overlap without end let the writer in all the same. */
static int rwlock_read_till_stop(void *arg)
{
    struct rwlock_probe *p = probe_arg(arg);
    while (!a_load(&p->stop, relaxed)) {
        EXPECT_EQ(weft_rwlock_read_lock(&p->lock), 0);
        EXPECT_EQ(weft_yield(), 0);
        weft_rwlock_read_unlock(&p->lock);
    }
    return 0;
}

static int rwlock_write_and_stop(void *arg)
{
    struct rwlock_probe *p = probe_arg(arg);
    EXPECT_EQ(weft_yield(), 0);
    EXPECT_EQ(weft_rwlock_write_lock(&p->lock), 0);
    a_store(&p->stop, 1, relaxed);
    weft_rwlock_write_unlock(&p->lock);
    return 0;
}

static int rwlock_write_till_stop(void *arg)
{
    struct rwlock_probe *p = probe_arg(arg);
    while (!a_load(&p->stop, relaxed)) {
        EXPECT_EQ(weft_rwlock_write_lock(&p->lock), 0);
        EXPECT_EQ(weft_yield(), 0);
        weft_rwlock_write_unlock(&p->lock);
    }
    return 0;
}

static int rwlock_read_and_stop(void *arg)
{
    struct rwlock_probe *p = probe_arg(arg);
    EXPECT_EQ(weft_yield(), 0);
    EXPECT_EQ(weft_rwlock_read_lock(&p->lock), 0);
    a_store(&p->stop, 1, relaxed);
    weft_rwlock_read_unlock(&p->lock);
    return 0;
}

TASK_TEST_REAL(rwlock_starves_nobody)
{
    struct rwlock_probe p = {0};
    weft_scope_open(&p.scope);
    for (int i = 0; i < 4; i++) {
        probe_go(&p.scope, rwlock_read_till_stop, &p);
    }
    probe_go(&p.scope, rwlock_write_and_stop, &p);
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
    a_store(&p.stop, 0, relaxed);
    weft_scope_open(&p.scope);
    for (int i = 0; i < 4; i++) {
        probe_go(&p.scope, rwlock_write_till_stop, &p);
    }
    probe_go(&p.scope, rwlock_read_and_stop, &p);
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
    weft_rwlock_fini(&p.lock);
}

/* ---- cancel ---- */

TASK_TEST(rwlock_refuses_in_a_cancelled_scope)
{
    weft_rwlock lock = WEFT_RWLOCK_INIT;
    weft_scope scope;
    weft_scope_open(&scope);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_rwlock_read_lock(&lock), -WEFT_ECANCELED);
    EXPECT_EQ(weft_rwlock_write_lock(&lock), -WEFT_ECANCELED);
    EXPECT_EQ(weft_rwlock_try_read_lock(&lock), 0);
    weft_rwlock_read_unlock(&lock);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    weft_rwlock_fini(&lock);
}

/* A reader is inside, a writer waits, readers wait behind it: the writer is cancelled. */
TASK_TEST(rwlock_cancelled_writer_lets_readers_go)
{
    struct rwlock_probe p = {0};
    weft_scope_open(&p.other);
    EXPECT_EQ(weft_rwlock_read_lock(&p.lock), 0);
    weft_scope_open(&p.scope);
    probe_go(&p.scope, rwlock_note_write, &p);
    probe_settle();
    probe_go(&p.other, rwlock_note_read, &p);
    probe_go(&p.other, rwlock_note_read, &p);
    probe_settle();
    rwlock_expect(&p.lock, 1, 3);
    weft_scope_cancel(&p.scope);
    EXPECT_EQ(weft_scope_close(&p.scope), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&p.other), 0); /* while the first reader is still inside */
    EXPECT_EQ(a_load(&p.reads, relaxed), 2);
    rwlock_expect(&p.lock, 1, 0);
    weft_rwlock_read_unlock(&p.lock);
    EXPECT_EQ(weft_rwlock_try_write_lock(&p.lock), 0);
    weft_rwlock_write_unlock(&p.lock);
    weft_rwlock_fini(&p.lock);
}

/* The same under a writer: they all go on waiting, and the reader that is cancelled as well. */
TASK_TEST(rwlock_cancelled_waiters_leave_nothing)
{
    struct rwlock_probe p = {0};
    weft_rwlock_counts counts;
    EXPECT_EQ(weft_rwlock_write_lock(&p.lock), 0);
    weft_scope_open(&p.scope);
    probe_go(&p.scope, rwlock_note_write, &p);
    probe_go(&p.scope, rwlock_note_read, &p);
    probe_settle();
    rwlock_expect(&p.lock, 0, 2);
    weft_scope_cancel(&p.scope);
    EXPECT_EQ(weft_scope_close(&p.scope), -WEFT_ECANCELED);
    weft_rwlock_write_unlock(&p.lock);
    weft_rwlock_stats(&p.lock, &counts);
    EXPECT_EQ(counts.cancels, 2);
    EXPECT_EQ(counts.read_waits, 1);
    EXPECT_EQ(counts.write_waits, 1);
    EXPECT_EQ(counts.writes, 1);
    EXPECT_EQ(counts.waiting, 0);
    EXPECT_EQ(p.next + a_load(&p.reads, relaxed), 0);
    weft_rwlock_fini(&p.lock);
}

/* Cancelled, but not run since: who leaves passes them by. */
TASK_TEST(rwlock_passes_by_the_cancelled)
{
    struct rwlock_probe p = {0};
    EXPECT_EQ(weft_rwlock_read_lock(&p.lock), 0);
    weft_scope_open(&p.other);
    weft_scope_open(&p.scope);
    probe_go(&p.scope, rwlock_note_write, &p);
    probe_settle();
    probe_go(&p.other, rwlock_note_read, &p);
    probe_settle();
    weft_scope_cancel(&p.scope);
    weft_rwlock_read_unlock(&p.lock);
    EXPECT_EQ(weft_scope_close(&p.scope), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&p.other), 0);
    rwlock_expect_order(&p, "r");
    weft_rwlock_fini(&p.lock);
}

static int rwlock_try_to(void *arg, int (*lock)(weft_rwlock *), void (*unlock)(weft_rwlock *))
{
    struct rwlock_probe *p = probe_arg(arg);
    int rc = lock(&p->lock);
    if (rc == 0) {
        unlock(&p->lock);
        a_add(&p->reads, 1, relaxed);
        return 0;
    }
    return rc == -WEFT_ECANCELED ? 0 : rc;
}

static int rwlock_try_to_read(void *arg)
{
    return rwlock_try_to(arg, weft_rwlock_read_lock, weft_rwlock_read_unlock);
}

static int rwlock_try_to_write(void *arg)
{
    return rwlock_try_to(arg, weft_rwlock_write_lock, weft_rwlock_write_unlock);
}

/* One writer is cancelled while the lock is let go; the others must always get it. */
static void rwlock_race_leave_cancel(int rounds)
{
    struct weft__rng rng;
    struct probe_canceller canceller;
    weft__rng_seed(&rng, 17);
    probe_canceller_start(&canceller);
    int64_t since = weft__time_now();
    for (int i = 0; probe_goes_on(i, rounds, since); i++) {
        struct rwlock_probe p = {0};
        EXPECT_EQ(i % 2 ? weft_rwlock_read_lock(&p.lock) : weft_rwlock_write_lock(&p.lock), 0);
        weft_scope_open(&p.other);
        weft_scope_open(&p.scope);
        probe_go(&p.scope, rwlock_try_to_write, &p);
        probe_go(&p.other, rwlock_try_to_read, &p);
        probe_go(&p.other, rwlock_try_to_write, &p);
        EXPECT_EQ(weft_yield(), 0);
        probe_canceller_aim(&canceller, &p.scope);
        probe_dawdle(&rng);
        (i % 2 ? weft_rwlock_read_unlock : weft_rwlock_write_unlock)(&p.lock);
        probe_canceller_await(&canceller);
        int rc = weft_scope_close(&p.scope);
        EXPECT(rc == 0 || rc == -WEFT_ECANCELED);
        EXPECT_EQ(weft_scope_close(&p.other), 0);
        EXPECT(a_load(&p.reads, relaxed) >= 2);
        EXPECT_EQ(weft_rwlock_try_write_lock(&p.lock), 0);
        weft_rwlock_write_unlock(&p.lock);
        weft_rwlock_fini(&p.lock);
    }
    probe_canceller_stop(&canceller);
}

TASK_TEST_FREE(rwlock_leave_against_cancel)
{
    rwlock_race_leave_cancel(PROBE_DAY);
}

NIGHT_TASK_TEST(rwlock_leave_against_cancel_night)
{
    rwlock_race_leave_cancel(PROBE_NIGHT);
}

/* Everybody comes, and any may be cancelled, under random schedules. */
TASK_TEST(rwlock_crowd_with_cancels)
{
    struct rwlock_probe p = {0};
    weft_scope_open(&p.other);
    weft_scope_open(&p.scope);
    for (int i = 0; i < 3; i++) {
        probe_go(&p.other, rwlock_try_to_read, &p);
        probe_go(&p.scope, rwlock_try_to_write, &p);
        probe_go(&p.other, rwlock_try_to_write, &p);
        probe_go(&p.scope, rwlock_try_to_read, &p);
    }
    EXPECT_EQ(weft_yield(), 0);
    weft_scope_cancel(&p.scope);
    int rc = weft_scope_close(&p.scope);
    EXPECT(rc == 0 || rc == -WEFT_ECANCELED); /* all may have been through */
    EXPECT_EQ(weft_scope_close(&p.other), 0);
    EXPECT(a_load(&p.reads, relaxed) >= 6);
    rwlock_expect(&p.lock, 0, 0);
    weft_rwlock_fini(&p.lock);
}

/* ---- the cost of waiting ---- */

TASK_TEST(rwlock_waiting_allocates_nothing)
{
    struct rwlock_probe p = {.rounds = 20};
    weft_scope_open(&p.scope);
    EXPECT_EQ(weft_rwlock_write_lock(&p.lock), 0);
    for (int i = 0; i < 3; i++) {
        probe_go(&p.scope, rwlock_read_rounds, &p);
        probe_go(&p.scope, rwlock_write_rounds, &p);
    }
    probe_settle();
    test_watch_allocations();
    weft_rwlock_write_unlock(&p.lock);
    for (int i = 0; i < 20; i++) {
        EXPECT_EQ(weft_rwlock_read_lock(&p.lock), 0);
        weft_rwlock_read_unlock(&p.lock);
        EXPECT_EQ(weft_yield(), 0);
    }
    test_expect_no_allocations();
    EXPECT_EQ(weft_scope_close(&p.scope), 0);
}

/* ---- who is the last user may free it ---- */

struct rwlock_shared {
    weft_rwlock lock;
    ATOMIC(int) refs;
};

static int rwlock_unref(void *arg)
{
    struct rwlock_shared *s = probe_arg(arg);
    EXPECT_EQ(weft_rwlock_write_lock(&s->lock), 0);
    int refs = a_load(&s->refs, relaxed) - 1;
    a_store(&s->refs, refs, relaxed);
    weft_rwlock_write_unlock(&s->lock);
    if (refs == 0) {
        weft_rwlock_fini(&s->lock);
        memset(s, 0xee, sizeof *s);
        free(s);
    }
    return 0;
}

static int rwlock_look_and_unref(void *arg)
{
    struct rwlock_shared *s = probe_arg(arg);
    EXPECT_EQ(weft_rwlock_read_lock(&s->lock), 0);
    EXPECT(a_load(&s->refs, relaxed) > 0);
    weft_rwlock_read_unlock(&s->lock);
    return rwlock_unref(arg);
}

TASK_TEST_REAL(rwlock_may_be_freed_by_the_last_user)
{
    for (int i = 0; i < 2000; i++) {
        struct rwlock_shared *s = calloc(1, sizeof *s);
        weft_scope scope;
        EXPECT(s != NULL);
        a_store(&s->refs, 4, relaxed);
        weft_scope_open(&scope);
        for (int k = 0; k < 4; k++) {
            probe_go(&scope, k % 2 ? rwlock_unref : rwlock_look_and_unref, s);
        }
        EXPECT_EQ(weft_scope_close(&scope), 0);
    }
}

/* ---- misuse ---- */

static __attribute__((noinline)) void rwlock_site_read(void)
{
    EXPECT_EQ(weft_rwlock_read_lock(&rwlock_static), 0);
    a_compiler_fence();
}

static __attribute__((noinline)) void rwlock_site_write(void)
{
    EXPECT_EQ(weft_rwlock_write_lock(&rwlock_static), 0);
    a_compiler_fence();
}

static __attribute__((noinline)) void rwlock_site_read_unlock(void)
{
    weft_rwlock_read_unlock(&rwlock_static);
    a_compiler_fence();
}

static __attribute__((noinline)) void rwlock_site_write_unlock(void)
{
    weft_rwlock_write_unlock(&rwlock_static);
    a_compiler_fence();
}

static __attribute__((noinline)) void rwlock_site_fini(void)
{
    weft_rwlock_fini(&rwlock_static);
    a_compiler_fence();
}

static void rwlock_misuse_unlock_free(void)
{
    rwlock_site_write();
    rwlock_site_write_unlock();
    rwlock_site_write_unlock();
}

static void rwlock_misuse_write_unlock_of_reader(void)
{
    rwlock_site_read();
    rwlock_site_write_unlock();
}

static void rwlock_misuse_read_unlock_of_writer(void)
{
    rwlock_site_write();
    rwlock_site_read_unlock();
}

static void rwlock_misuse_write_twice(void)
{
    rwlock_site_write();
    rwlock_site_write();
}

static void rwlock_misuse_read_in_write(void)
{
    rwlock_site_write();
    rwlock_site_read();
}

static void rwlock_misuse_fini(void)
{
    rwlock_site_read();
    rwlock_site_fini();
}

static void *rwlock_unlock_thread(void *arg)
{
    rwlock_site_write_unlock();
    return arg;
}

static void rwlock_misuse_unlock_other(void)
{
    pthread_t thread;
    rwlock_site_write();
    EXPECT_EQ(pthread_create(&thread, NULL, rwlock_unlock_thread, NULL), 0);
    (void)pthread_join(thread, NULL);
}

TEST(rwlock_misuse_panics)
{
    probe_panics(rwlock_misuse_unlock_free, "weft_rwlock_write_unlock: the lock is not locked",
                 "unlocked at  rwlock_site_write_unlock",
                 "last write-locked at  rwlock_site_write");
    probe_panics(rwlock_misuse_write_unlock_of_reader,
                 "weft_rwlock_write_unlock: the lock is held by 1 reader",
                 "unlocked at  rwlock_site_write_unlock", "last read-locked at  rwlock_site_read");
    probe_panics(rwlock_misuse_read_unlock_of_writer,
                 "weft_rwlock_read_unlock: the lock is held for writing by the caller",
                 "unlocked at  rwlock_site_read_unlock", "write-locked at  rwlock_site_write");
    probe_panics(rwlock_misuse_write_twice,
                 "weft_rwlock_write_lock: the lock is held for writing by the caller",
                 "locked again at  rwlock_site_write", "write-locked at  rwlock_site_write");
    probe_panics(rwlock_misuse_read_in_write,
                 "weft_rwlock_read_lock: the lock is held for writing by the caller",
                 "read-locked at  rwlock_site_read", "write-locked at  rwlock_site_write");
    probe_panics(rwlock_misuse_fini, "weft_rwlock_fini: the lock is held by 1 reader",
                 "destroyed at  rwlock_site_fini", "last read-locked at  rwlock_site_read");
    probe_panics(rwlock_misuse_unlock_other,
                 "weft_rwlock_write_unlock: the lock is held for writing by 'thread'",
                 "unlocked at  rwlock_site_write_unlock", "write-locked at  rwlock_site_write");
}
