/* soak_waits.c - the plays of the soak around locks, counts, flags and the clock.
 *
 * Called by soak.c.  Some use what all walkers share, and check that nobody else is inside; the
 * others bring their own partners, and check that none passed before its time.
 *
 * SPDX-License-Identifier: MIT
 */
#include "soak.h"

#include <string.h>
#include <time.h>

/* ---- what all share: the caller may be cancelled at each wait, and then has nothing ---- */

static void pair_add(uint64_t pair[2], struct weft__rng *rng)
{
    weft_scope shielded;

    SOAK_EQ(pair[0], pair[1]);
    pair[0]++;
    if (soak_one_in(rng, 4)) {
        weft_scope_open_with(&shielded, &(weft_scope_options){.shield = true});
        SOAK_EQ(soak_one_in(rng, 2) ? weft_yield()
                                    : weft_sleep((int64_t)weft__rng_below(rng, 5000)), 0);
        SOAK_EQ(weft_scope_close(&shielded), 0);
    }
    pair[1]++;
    SOAK_EQ(pair[0], pair[1]);
}

static void play_mutex(struct soak_world *world, struct weft__rng *rng)
{
    for (int i = 0; i < 8; i++) {
        int rc = soak_one_in(rng, 4) ? weft_mutex_try_lock(&world->mutex)
                                     : weft_mutex_lock(&world->mutex);
        if (rc == -WEFT_EAGAIN || SOAK_CUT(rc)) {
            continue;
        }
        pair_add(world->under_mutex, rng);
        weft_mutex_unlock(&world->mutex);
    }
}

static void play_rmutex(struct soak_world *world, struct weft__rng *rng)
{
    int depth = 0;

    for (uint64_t i = 1 + weft__rng_below(rng, 4); i > 0; i--) {
        depth += !SOAK_CUT(weft_rmutex_lock(&world->rmutex));
    }
    if (depth > 0) {
        pair_add(world->under_rmutex, rng);
    }
    while (depth-- > 0) {
        weft_rmutex_unlock(&world->rmutex);
    }
}

static void play_rwlock(struct soak_world *world, struct weft__rng *rng)
{
    for (int i = 0; i < 8; i++) {
        if (soak_one_in(rng, 4)) {
            if (!SOAK_CUT(weft_rwlock_write_lock(&world->rwlock))) {
                pair_add(world->under_rwlock, rng);
                weft_rwlock_write_unlock(&world->rwlock);
            }
        } else if (!SOAK_CUT(weft_rwlock_read_lock(&world->rwlock))) {
            SOAK_EQ(world->under_rwlock[0], world->under_rwlock[1]);
            if (soak_one_in(rng, 4)) {
                (void)weft_yield();
            }
            SOAK_EQ(world->under_rwlock[0], world->under_rwlock[1]);
            weft_rwlock_read_unlock(&world->rwlock);
        }
    }
}

static void units_use(ATOMIC(uint32_t) *inside, struct weft__rng *rng)
{
    SOAK(a_add(inside, 1, relaxed) < SOAK_UNITS);
    if (soak_one_in(rng, 2)) {
        (void)weft_yield();
    }
    a_sub(inside, 1, relaxed);
}

static void play_units(struct soak_world *world, struct weft__rng *rng)
{
    for (int i = 0; i < 4; i++) {
        if (!SOAK_CUT(weft_sem_wait(&world->sem))) {
            units_use(&world->in_sem, rng);
            weft_sem_post(&world->sem);
        }
        if (!SOAK_CUT(weft_sem_wait(&world->bounded))) {
            units_use(&world->in_bounded, rng);
            weft_sem_post(&world->bounded);
        }
        if (!SOAK_CUT(weft_limiter_take(&world->limiter))) {
            units_use(&world->in_limiter, rng);
            weft_limiter_give(&world->limiter);
        }
        int rc = weft_rate_wait(&world->rate, 1 + weft__rng_below(rng, 3));
        SOAK_CUT(rc);
    }
}

static void play_bank(struct soak_world *world, struct weft__rng *rng)
{
    for (int i = 0; i < 8; i++) {
        size_t from = weft__rng_below(rng, SOAK_ACCOUNTS);
        size_t to = (from + 1 + weft__rng_below(rng, SOAK_ACCOUNTS - 1)) % SOAK_ACCOUNTS;
        int64_t cents = (int64_t)weft__rng_below(rng, 100);
        WEFT_GUARD2(a, &world->accounts[from], b, &world->accounts[to]) {
            a->cents -= cents;
            b->cents += cents;
            soak_moved();
        }
        if (soak_one_in(rng, 3)) {
            WEFT_WRITE_GUARD(s, &world->shared) {
                s->cents += 2;
            }
        } else {
            WEFT_READ_GUARD(s, &world->shared) {
                SOAK_EQ(s->cents % 2, 0);
            }
        }
    }
}

/* ---- a buffer behind a mutex and two conditions ---- */

struct buffer {
    weft_mutex lock;
    weft_cond not_full, not_empty;
    uint32_t items, room, to_put, to_take;
};

static int buffer_put(void *arg)
{
    struct buffer *b = *(struct buffer **)arg;
    int rc = weft_mutex_lock(&b->lock);

    if (rc != 0) {
        return rc;
    }
    while (b->to_put > 0 && rc == 0) {
        if (b->items == b->room) {
            rc = weft_cond_wait(&b->not_full, &b->lock);
            continue;
        }
        b->items++;
        if (--b->to_put == 0) {
            weft_cond_broadcast(&b->not_full);
        }
        weft_cond_signal(&b->not_empty);
        soak_moved();
    }
    weft_mutex_unlock(&b->lock);
    return rc;
}

static int buffer_take(void *arg)
{
    struct buffer *b = *(struct buffer **)arg;
    int rc = weft_mutex_lock(&b->lock);

    if (rc != 0) {
        return rc;
    }
    while (b->to_take > 0 && rc == 0) {
        if (b->items == 0) {
            rc = weft_cond_wait(&b->not_empty, &b->lock);
            continue;
        }
        b->items--;
        if (--b->to_take == 0) {
            weft_cond_broadcast(&b->not_empty);
        }
        weft_cond_signal(&b->not_full);
        soak_moved();
    }
    weft_mutex_unlock(&b->lock);
    return rc;
}

static void play_buffer(struct soak_world *world, struct weft__rng *rng)
{
    uint32_t n = (uint32_t)weft__rng_below(rng, 60);
    struct buffer b = {.room = 1 + (uint32_t)weft__rng_below(rng, 3), .to_put = n, .to_take = n};
    struct buffer *arg = &b;
    weft_scope scope;

    soak_open(world, rng, &scope);
    for (uint64_t i = 1 + weft__rng_below(rng, 3); i > 0; i--) {
        soak_go(world, rng, &scope, buffer_put, &arg, sizeof arg);
        soak_go(world, rng, &scope, buffer_take, &arg, sizeof arg);
    }
    bool cut = soak_close(&scope);
    SOAK(cut || (b.items == 0 && b.to_put == 0 && b.to_take == 0));
    SOAK_EQ(b.to_take, b.to_put + b.items);
    weft_cond_fini(&b.not_full);
    weft_cond_fini(&b.not_empty);
    weft_mutex_fini(&b.lock);
}

/* ---- event, latch, barrier, once ---- */

enum { ROUNDS = 6 };

struct race {
    weft_event start;
    weft_latch ready, done;
    weft_barrier barrier;
    weft_once once;
    uint32_t parties, inits;
    ATOMIC(uint32_t) lasts, arrived[ROUNDS];
};

static int race_init(void *arg)
{
    struct race *r = arg;
    if (r->inits++ == 0) {
        (void)weft_yield();
        return -EXDEV; /* the first one fails: the next does it again */
    }
    return 0;
}

static int race_run(void *arg)
{
    struct race *r = *(struct race **)arg;
    int rc;

    weft_latch_down(&r->ready, 1);
    rc = weft_event_wait(&r->start);
    if (rc == 0) {
        rc = weft_once_call(&r->once, race_init, r);
        if (rc == -EXDEV) {
            rc = weft_once_call(&r->once, race_init, r);
        }
        SOAK(rc != 0 || r->inits == 2);
    }
    for (size_t i = 0; i < ROUNDS && rc == 0; i++) {
        a_add(&r->arrived[i], 1, relaxed);
        rc = weft_barrier_wait(&r->barrier);
        SOAK(rc < 0 || a_load(&r->arrived[i], relaxed) == r->parties);
        a_add(&r->lasts, rc == 1, relaxed);
        rc = rc == 1 ? 0 : rc;
        soak_moved();
    }
    weft_latch_down(&r->done, 1);
    SOAK(rc == 0 || soak_is_cut(rc));
    return rc;
}

static void play_race(struct soak_world *world, struct weft__rng *rng)
{
    uint32_t n = 1 + (uint32_t)weft__rng_below(rng, 6);
    struct race r = {.ready = WEFT_LATCH_INIT(n), .done = WEFT_LATCH_INIT(n),
                     .barrier = WEFT_BARRIER_INIT(n), .parties = n};
    struct race *arg = &r;
    weft_scope scope;

    soak_open(world, rng, &scope);
    for (uint32_t i = 0; i < n; i++) {
        soak_go(world, rng, &scope, race_run, &arg, sizeof arg);
    }
    int rc = weft_latch_wait(&r.ready);
    if (rc == 0) {
        weft_event_set(&r.start);
        rc = weft_latch_wait(&r.done);
    }
    SOAK(rc == 0 || soak_is_cut(rc));
    bool cut = soak_close(&scope);
    SOAK(cut || a_load(&r.lasts, relaxed) == ROUNDS);
    SOAK(a_load(&r.lasts, relaxed) <= ROUNDS);
    weft_event_fini(&r.start);
    weft_latch_fini(&r.ready);
    weft_latch_fini(&r.done);
    weft_barrier_fini(&r.barrier);
    weft_once_fini(&r.once);
}

/* ---- the clock ---- */

static void play_clock(struct soak_world *world, struct weft__rng *rng)
{
    int64_t period = 20000 + (int64_t)weft__rng_below(rng, 50000);
    weft_ticker ticker;
    weft_scope scope;
    uint64_t missed;
    int rc = 0;

    weft_ticker_init_with(&ticker, &(weft_ticker_options){.period_ns = period,
                                                          .burst = soak_one_in(rng, 2)});
    soak_open(world, rng, &scope);
    int64_t before = weft_now();
    for (uint64_t i = weft__rng_below(rng, 5); i > 0 && rc == 0; i--) {
        rc = weft_ticker_wait(&ticker, &missed);
        SOAK_CUT(rc);
    }
    if (rc == 0) {
        int64_t ns = (int64_t)weft__rng_below(rng, 200000);
        before = weft_now();
        rc = soak_one_in(rng, 2) ? weft_sleep(ns) : weft_sleep_until(before + ns);
        SOAK(SOAK_CUT(rc) || weft_now() >= before + ns);
    }
    soak_close(&scope);
    weft_ticker_fini(&ticker);
}

/* ---- a task that does not let go of its worker: computes, or sleeps in the kernel ---- */

static int hog_run(void *arg)
{
    uint64_t how = *(uint64_t *)arg;
    int64_t end = weft_now() + (int64_t)(how % 20) * WEFT_MS;

    if (how & 1024) {
        nanosleep(&(struct timespec){.tv_nsec = (long)(how % 20) * WEFT_MS}, NULL);
    }
    while (weft_now() < end) {
        soak_moved();
    }
    return weft_yield();
}

static void play_hog(struct soak_world *world, struct weft__rng *rng)
{
    weft_scope scope;

    if (!soak_one_in(rng, 5)) { /* not many: while it lasts nothing else is tried */
        return;
    }
    soak_open(world, rng, &scope);
    for (uint64_t i = 1 + weft__rng_below(rng, 2); i > 0; i--) {
        uint64_t how = weft__rng_next(rng);
        soak_go(world, rng, &scope, hog_run, &how, sizeof how);
    }
    soak_close(&scope);
}

struct soak_play soak_waits[] = {
    {.name = "mutex", .run = play_mutex, .weight = 6},
    {.name = "rmutex", .run = play_rmutex, .weight = 4},
    {.name = "rwlock", .run = play_rwlock, .weight = 6},
    {.name = "units", .run = play_units, .weight = 5},
    {.name = "bank", .run = play_bank, .weight = 5},
    {.name = "buffer", .run = play_buffer, .weight = 5},
    {.name = "race", .run = play_race, .weight = 5},
    {.name = "clock", .run = play_clock, .weight = 3},
    {.name = "hog", .run = play_hog, .weight = 1},
    {.name = NULL},
};
