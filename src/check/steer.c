/* steer.c - the tasks of a run as strands of the engine; see steer.h.
 *
 * The strand that calls weft_run, the base, rests while the run is on: it joins the first task.  It
 * also stands for the run's timers: its deadline is that of the next one, so that the engine moves
 * time for tasks and plain threads alike, and lets a timer come early where the plan allows it.
 *
 * A task that parks keeps the operation that it waits in, so that a report can say what for.
 *
 * What orders memory (only told where memory is watched): each release is told before its operation
 * and each acquire after it, on the object; and whoever makes a task ready is ordered before what
 * that does next.  An operation that turns out to do nothing orders too much, never too little.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/steer.h"

#include "base/text.h"
#include "check/lockorder.h"
#include "check/shadow.h"
#include "weft/time.h"

#define STEER_TOLD_MAX 3

enum {
    STEER_RELEASES = 1,
    STEER_ACQUIRES = 2,
    STEER_SLEEPS = 4 /* where a lock held meanwhile is worth an advice */
};

struct steer_deed {
    enum weft__op op;
    unsigned does;
};

static const struct steer_deed steer_deeds[WEFT__DEED_COUNT] = {
    [WEFT__DEED_YIELD] = {WEFT__OP_YIELD, 0},
    [WEFT__DEED_SLEEP] = {WEFT__OP_SLEEP, STEER_SLEEPS},
    [WEFT__DEED_TICKER_WAIT] = {WEFT__OP_SLEEP, STEER_SLEEPS},
    [WEFT__DEED_RATE_WAIT] = {WEFT__OP_SEM_WAIT, STEER_SLEEPS},
    [WEFT__DEED_RATE_TRY] = {WEFT__OP_SEM_TRY_WAIT, 0},
    [WEFT__DEED_BLOCKING] = {WEFT__OP_SYSTEM, 0},
    [WEFT__DEED_IO] = {WEFT__OP_IO, 0},
    [WEFT__DEED_LIMITER] = {WEFT__OP_SEM_WAIT, STEER_RELEASES | STEER_ACQUIRES | STEER_SLEEPS},
    [WEFT__DEED_LIMITER_TRY] = {WEFT__OP_SEM_TRY_WAIT, STEER_ACQUIRES},
    [WEFT__DEED_LIMITER_GIVE] = {WEFT__OP_SEM_POST, STEER_RELEASES},
    [WEFT__DEED_LIMITER_LOOK] = {WEFT__OP_ATOMIC_LOAD, 0},
    [WEFT__DEED_GO] = {WEFT__OP_SPAWN, 0},
    [WEFT__DEED_START] = {WEFT__OP_SPAWN, STEER_SLEEPS},
    [WEFT__DEED_STARTED] = {WEFT__OP_UNPARK, STEER_RELEASES},
    [WEFT__DEED_SCOPE_CLOSE] = {WEFT__OP_SCOPE_CLOSE, STEER_ACQUIRES | STEER_SLEEPS},
    [WEFT__DEED_CANCEL] = {WEFT__OP_CANCEL, STEER_RELEASES},
    [WEFT__DEED_CANCEL_LOOK] = {WEFT__OP_ATOMIC_LOAD, STEER_ACQUIRES},
    [WEFT__DEED_POST] = {WEFT__OP_SPAWN, STEER_RELEASES},
    [WEFT__DEED_MUTEX_LOCK] = {WEFT__OP_MUTEX_LOCK, 0},
    [WEFT__DEED_MUTEX_TRY_LOCK] = {WEFT__OP_MUTEX_TRY_LOCK, 0},
    [WEFT__DEED_MUTEX_UNLOCK] = {WEFT__OP_MUTEX_UNLOCK, 0},
    [WEFT__DEED_COND_WAIT] = {WEFT__OP_COND_WAIT, 0},
    [WEFT__DEED_COND_SIGNAL] = {WEFT__OP_COND_SIGNAL, 0},
    [WEFT__DEED_COND_BROADCAST] = {WEFT__OP_COND_BROADCAST, 0},
    [WEFT__DEED_SEM_WAIT] = {WEFT__OP_SEM_WAIT, STEER_ACQUIRES | STEER_SLEEPS},
    [WEFT__DEED_SEM_TRY_WAIT] = {WEFT__OP_SEM_TRY_WAIT, STEER_ACQUIRES},
    [WEFT__DEED_SEM_POST] = {WEFT__OP_SEM_POST, STEER_RELEASES},
    [WEFT__DEED_SEM_LOOK] = {WEFT__OP_ATOMIC_LOAD, STEER_ACQUIRES},
    [WEFT__DEED_EVENT_WAIT] = {WEFT__OP_EVENT_WAIT, STEER_ACQUIRES | STEER_SLEEPS},
    [WEFT__DEED_EVENT_SET] = {WEFT__OP_EVENT_SET, STEER_RELEASES},
    [WEFT__DEED_EVENT_CLEAR] = {WEFT__OP_ATOMIC_RMW, 0},
    [WEFT__DEED_EVENT_LOOK] = {WEFT__OP_ATOMIC_LOAD, STEER_ACQUIRES},
    [WEFT__DEED_LATCH_WAIT] = {WEFT__OP_LATCH_WAIT, STEER_ACQUIRES | STEER_SLEEPS},
    [WEFT__DEED_LATCH_DOWN] = {WEFT__OP_LATCH_DOWN, STEER_RELEASES | STEER_ACQUIRES},
    [WEFT__DEED_LATCH_LOOK] = {WEFT__OP_ATOMIC_LOAD, STEER_ACQUIRES},
    [WEFT__DEED_RWLOCK_READ] = {WEFT__OP_RWLOCK_READ, 0},
    [WEFT__DEED_RWLOCK_TRY_READ] = {WEFT__OP_RWLOCK_TRY_READ, 0},
    [WEFT__DEED_RWLOCK_READ_UNLOCK] = {WEFT__OP_RWLOCK_UNLOCK, 0},
    [WEFT__DEED_RWLOCK_WRITE] = {WEFT__OP_RWLOCK_WRITE, 0},
    [WEFT__DEED_RWLOCK_TRY_WRITE] = {WEFT__OP_RWLOCK_TRY_WRITE, 0},
    [WEFT__DEED_RWLOCK_WRITE_UNLOCK] = {WEFT__OP_RWLOCK_UNLOCK, 0},
    [WEFT__DEED_ONCE] = {WEFT__OP_ONCE, STEER_RELEASES | STEER_ACQUIRES | STEER_SLEEPS},
    [WEFT__DEED_ONCE_END] = {WEFT__OP_ONCE, STEER_RELEASES | STEER_ACQUIRES},
    [WEFT__DEED_ONCE_LOOK] = {WEFT__OP_ATOMIC_LOAD, STEER_ACQUIRES},
    [WEFT__DEED_BARRIER_WAIT] = {WEFT__OP_BARRIER_WAIT, STEER_RELEASES | STEER_ACQUIRES},
    [WEFT__DEED_SEND] = {WEFT__OP_CHAN_SEND, STEER_RELEASES | STEER_ACQUIRES | STEER_SLEEPS},
    [WEFT__DEED_RECV] = {WEFT__OP_CHAN_RECV, STEER_RELEASES | STEER_ACQUIRES | STEER_SLEEPS},
    [WEFT__DEED_TRY_SEND] = {WEFT__OP_CHAN_TRY_SEND, STEER_RELEASES | STEER_ACQUIRES},
    [WEFT__DEED_TRY_RECV] = {WEFT__OP_CHAN_TRY_RECV, STEER_RELEASES | STEER_ACQUIRES},
    [WEFT__DEED_CLOSE] = {WEFT__OP_CHAN_CLOSE, STEER_RELEASES},
    [WEFT__DEED_CHAN_LOOK] = {WEFT__OP_ATOMIC_LOAD, 0},
    [WEFT__DEED_SELECT] = {WEFT__OP_SELECT, STEER_RELEASES | STEER_ACQUIRES | STEER_SLEEPS},
    [WEFT__DEED_TRY_SELECT] = {WEFT__OP_SELECT, STEER_RELEASES | STEER_ACQUIRES},
    [WEFT__DEED_SENDER] = {WEFT__OP_CHAN_SENDER, 0},
    [WEFT__DEED_SENDER_DONE] = {WEFT__OP_CHAN_SENDER_DONE, STEER_RELEASES},
    [WEFT__DEED_SUBSCRIBE] = {WEFT__OP_SUBSCRIBE, STEER_RELEASES | STEER_ACQUIRES},
    [WEFT__DEED_FUTURE_GET] = {WEFT__OP_FUTURE_GET, STEER_ACQUIRES | STEER_SLEEPS},
    [WEFT__DEED_FUTURE_SET] = {WEFT__OP_FUTURE_SET, STEER_RELEASES},
    [WEFT__DEED_FUTURE_DROP] = {WEFT__OP_FUTURE_DROP, STEER_RELEASES | STEER_ACQUIRES},
    [WEFT__DEED_FUTURE_LOOK] = {WEFT__OP_ATOMIC_LOAD, STEER_ACQUIRES},
    [WEFT__DEED_FUTURE_NEXT] = {WEFT__OP_FUTURE_NEXT, STEER_ACQUIRES | STEER_SLEEPS},
    [WEFT__DEED_SCHED_ADD] = {WEFT__OP_SCHED_ADD, STEER_RELEASES},
    [WEFT__DEED_SCHED_CANCEL] = {WEFT__OP_SCHED_CANCEL, STEER_RELEASES | STEER_ACQUIRES},
    [WEFT__DEED_SCHED_NEXT] = {WEFT__OP_SCHED_NEXT, STEER_ACQUIRES | STEER_SLEEPS},
    [WEFT__DEED_SCHED_LOOK] = {WEFT__OP_ATOMIC_LOAD, STEER_ACQUIRES},
    [WEFT__DEED_FORK] = {WEFT__OP_PIECE_FORK, 0},
    [WEFT__DEED_JOIN] = {WEFT__OP_PIECE_JOIN, STEER_ACQUIRES | STEER_SLEEPS},
};

static struct steer {
    struct weft__steer_options options;
    struct weft__strand *base; /* whose run it is; NULL: none is on */
    void *carrier;             /* of the base and of all tasks */
    struct weft__controlled run;
    uint32_t n_told;
    weft__site told[STEER_TOLD_MAX]; /* sites of advice given */
    struct weft__runnable *items[WEFT__STRANDS_MAX]; /* of each strand; its `user` is the base's */
} steer;

enum weft__op weft__steer_op(enum weft__deed deed)
{
    WEFT_CHECK(deed < WEFT__DEED_COUNT);
    return steer_deeds[deed].op;
}

void weft__steer_init(const struct weft__steer_options *options)
{
    memset(&steer, 0, offsetof(struct steer, items));
    steer.options = *options;
}

/* ---- the run ---- */

static void steer_adopt_base(void)
{
    steer.base = weft__strand_self();
    steer.carrier = steer.base->carrier;
}

static void steer_base_rests(void)
{
    steer.base->enabled = steer.base->timed_out = false;
}

static void steer_begin(const struct weft__controlled *run)
{
    if (!steer.base) {
        steer_adopt_base();
    }
    steer.run = *run;
    steer.base->next.op = WEFT__OP_JOIN; /* of the first task, which was born next to it */
    steer.base->next.object = (uintptr_t)steer.base->id + 2;
    steer.base->next.can = NULL;
    steer.base->next.deadline = WEFT__NO_DEADLINE;
    steer_base_rests();
}

static void steer_end(void)
{
    struct weft__strand *base = steer.base;
    steer.base = NULL;
    steer.run.inside = NULL;
    base->next.deadline = WEFT__NO_DEADLINE;
    base->enabled = true;
    while (weft__strand_self() != base && weft__strand_pick_shared(steer.carrier)) {
    }
    base->shared = false;
    if (steer.options.orders) {
        weft__happened_acquire((uintptr_t)base);
    }
}

/* ---- tasks ---- */

/* The running strand forks, and the newborn is to run the piece at once. */
static void steer_steals(struct weft__strand *strand)
{
    strand->piece = weft__strand_self()->next.object;
    weft__value(strand->id, WEFT__EVENT_HAS_VALUE);
}

static void *steer_born(const char *name, const void *fn, const void *site,
                        struct weft__runnable *item)
{
    if (!steer.base) {
        steer_adopt_base();
    }
    struct weft__strand *strand =
        weft__strand_new(name, (uintptr_t)fn, (uintptr_t)site, steer.carrier);
    if (!strand) { /* a code would look like a failure of the program */
        weft__found(WEFT__CLASS_UNCONTROLLED, 0, "more than %d tasks in one schedule",
                    WEFT__STRANDS_MAX - 1);
        weft__engine_over();
    }
    steer.items[strand->id] = item;
    strand->user = steer.base->user;
    strand->is_task = true;
    const struct weft__operation *next = &weft__strand_self()->next;
    if (next->op == WEFT__OP_PIECE_FORK && next->arg == site) {
        steer_steals(strand);
    }
    return strand;
}

static void steer_serves(void *strand)
{
    ((struct weft__strand *)strand)->detached = true;
}

static void steer_became(void *strand, struct weft__runnable *item, const void *stack, size_t size)
{
    struct weft__strand *s = strand;
    steer.items[s->id] = item;
    s->stack_low = (uintptr_t)stack;
    s->stack_high = s->stack_low + size;
    if (steer.options.orders) {
        weft__clock_acquire(s->id, s->stack_low); /* after whoever had this stack before */
    }
}

static void steer_ended(void)
{
    struct weft__strand *self = weft__strand_self();
    struct weft__held held;
    if (weft__lockorder_held(self->id, &held, 1) > 0) {
        weft__found(WEFT__CLASS_MISUSE, held.lock, "a task ends and leaves a mutex locked");
        weft__engine_over();
    }
    if (steer.options.orders) {
        weft__happened_release((uintptr_t)steer.base);
        weft__happened_release(self->stack_low);
    }
    steer.items[self->id] = NULL;
    weft__strand_end();
}

static struct weft__runnable *steer_at(size_t i, bool *ret_more)
{
    *ret_more = i + 1 < weft__strand_count();
    if (i >= weft__strand_count()) {
        return NULL;
    }
    return steer.items[i];
}

/* ---- points ---- */

bool weft__steer_is_inside(void)
{
    return steer.run.inside && a_load(steer.run.inside, relaxed) != 0 &&
           weft__strand_self()->carrier == steer.carrier;
}

void weft__steer_leave(void)
{
    steer.run.leave();
}

void weft__steer_timer(int64_t next_timer)
{
    if (steer.base) {
        steer.base->next.op = next_timer == WEFT_NEVER ? WEFT__OP_JOIN : WEFT__OP_SLEEP;
        steer.base->next.deadline = next_timer == WEFT_NEVER ? WEFT__NO_DEADLINE : next_timer;
    }
}

static bool steer_point(enum weft__deed deed, const void *object, const void *second,
                        const void *site, int64_t next_timer)
{
    bool is_of_piece = deed == WEFT__DEED_FORK || deed == WEFT__DEED_JOIN;
    uintptr_t pc = (uintptr_t)site; /* of a piece its function, for want of anything better */
    if (is_of_piece && steer.options.site) {
        pc = steer.options.site(pc, __builtin_frame_address(0));
    }
    weft__steer_timer(next_timer);
    return weft__point_shared(&(struct weft__operation){
        .op = weft__steer_op(deed),
        .object = (uintptr_t)object,
        .pc = pc,
        .arg = is_of_piece ? site : NULL,
        .caller = steer.options.caller ? steer.options.caller() : 0,
        .deadline = WEFT__NO_DEADLINE,
        .second = (uintptr_t)second,
    });
}

void weft__steer_order(enum weft__deed deed, const void *object)
{
    unsigned does = steer_deeds[deed].does;
    if (does & STEER_RELEASES) {
        weft__happened_release((uintptr_t)object);
    }
    if (does & STEER_ACQUIRES) {
        weft__happened_acquire((uintptr_t)object);
    }
}

/* Who closes a scope comes after all tasks that have ended.  (Of its scope would do; that more is
 * ordered here may hide a race, and shows no false one.) */
static void steer_order_close(void)
{
    if (steer.options.orders && steer.base &&
        weft__strand_self()->next.op == WEFT__OP_SCOPE_CLOSE) {
        weft__happened_acquire((uintptr_t)steer.base);
    }
}

static void steer_passed(enum weft__deed deed, const void *object, const void *second)
{
    (void)second;
    steer_order_close();
    if (deed == WEFT__DEED_MUTEX_UNLOCK) {
        weft__lock_given((uintptr_t)object);
    } else if (steer.options.orders) {
        weft__steer_order(deed, object);
    }
}

static void steer_released(const void *object)
{
    if (steer.options.orders) {
        weft__happened_release((uintptr_t)object);
    }
}

static void steer_acquired(const void *object)
{
    if (steer.options.orders) {
        weft__happened_acquire((uintptr_t)object);
    }
}

/* On one line, without what every panic begins with. */
static void steer_note_panic(struct weft__finding *finding, const char *text)
{
    static const char prefix[] = "weft: panic: ";
    struct weft__text out;
    if (strncmp(text, prefix, sizeof prefix - 1) == 0) {
        text += sizeof prefix - 1;
    }
    weft__text_init(&out, finding->text, sizeof finding->text);
    for (size_t n; *text; text += n) {
        n = strcspn(text, "\n");
        weft__text_add(&out, "%s", weft__text_len(&out) ? ", " : "");
        for (size_t i = 0; i < n; i++) {
            if (text[i] != ' ' || text[i + 1] != ' ') { /* columns of labels */
                weft__text_add_bytes(&out, text + i, 1);
            }
        }
        n += strspn(text + n, "\n ");
    }
}

static void steer_panicked(const char *text)
{
    if (weft__engine) {
        steer_note_panic(weft__found(WEFT__CLASS_MISUSE, 0, "%s", ""), text);
        weft__engine_over();
    }
}

static void steer_refused(void)
{
    weft__value(0, WEFT__EVENT_FAILED);
}

static void steer_befell(enum weft__mishap mishap)
{
    weft__value(WEFT__MISHAP_VALUE + mishap, WEFT__EVENT_HAS_VALUE);
}

/* ---- parking ---- */

static bool steer_sleeps(enum weft__op op)
{
    for (size_t i = 0; i < WEFT__DEED_COUNT; i++) {
        if (steer_deeds[i].op == op && (steer_deeds[i].does & STEER_SLEEPS)) {
            return true;
        }
    }
    return false;
}

/* A lock that is held while its holder sleeps keeps others out for as long. */
static void steer_advise(const struct weft__strand *self)
{
    struct weft__held held;
    if (!steer_sleeps(self->next.op) || weft__lockorder_held(self->id, &held, 1) == 0) {
        return;
    }
    for (uint32_t i = 0; i < steer.n_told; i++) {
        if (steer.told[i] == self->site) {
            return;
        }
    }
    if (steer.n_told < STEER_TOLD_MAX) {
        steer.told[steer.n_told++] = self->site;
        weft__found(WEFT__CLASS_LOCK_ACROSS_PARK, held.lock, "%s while a mutex is held",
                    weft__op_words(self->next.op));
    }
}

static void steer_parks(void)
{
    struct weft__strand *self = weft__strand_self();
    if (self->next.op == WEFT__OP_COND_WAIT) {
        self->next.op = WEFT__OP_COND_WAKE;
    } else if (self->next.op == WEFT__OP_BARRIER_WAIT) {
        self->next.op = WEFT__OP_BARRIER_LEAVE;
    }
    steer_advise(self);
    weft__strand_ready(self, false);
}

static void steer_ready(void *strand)
{
    if (steer.options.orders) {
        weft__happened_release((uintptr_t)strand);
    }
    weft__strand_ready(strand, true);
}

static void steer_woke(const void *object)
{
    steer_order_close();
    if (steer.options.orders) {
        weft__happened_acquire((uintptr_t)weft__strand_self());
        weft__happened_acquire((uintptr_t)object);
    }
}

/* ---- choices ---- */

static struct weft__runnable *steer_pick(int64_t next_timer)
{
    weft__steer_timer(next_timer);
    struct weft__strand *strand = weft__strand_pick_shared(steer.carrier);
    if (strand && strand == steer.base) {
        steer_base_rests();
        return steer.run.timers;
    }
    return strand ? steer.items[strand->id] : NULL;
}

static uint32_t steer_choose_arm(uint32_t n)
{
    return weft__choose(WEFT__CHOICE_ARM, n);
}

/* ---- the rest ---- */

static void steer_mutex_taken(const void *mutex, bool tried)
{
    weft__lock_taken((uintptr_t)mutex, false, tried);
}

static void steer_mutex_given(const void *mutex)
{
    weft__lock_given((uintptr_t)mutex);
}

/* Readers come after the last writer, and not after each other; a writer comes after all. */
static const void *steer_readers_of(const void *lock)
{
    return (const char *)lock + 1;
}

static void steer_rwlock_taken(const void *lock, bool shared, bool tried)
{
    weft__lock_taken((uintptr_t)lock, shared, tried);
    steer_acquired(lock);
    if (!shared) {
        steer_acquired(steer_readers_of(lock));
    }
}

static void steer_rwlock_given(const void *lock, bool shared)
{
    weft__lock_given((uintptr_t)lock);
    steer_released(shared ? steer_readers_of(lock) : lock);
}

static int64_t steer_now(void)
{
    return weft__virtual_now();
}

static void steer_stuck(void)
{
    weft__stuck();
}

const struct weft__control weft__steer = {
    .begin = steer_begin,
    .end = steer_end,
    .born = steer_born,
    .serves = steer_serves,
    .became = steer_became,
    .ended = steer_ended,
    .at = steer_at,
    .point = steer_point,
    .passed = steer_passed,
    .refused = steer_refused,
    .befell = steer_befell,
    .released = steer_released,
    .acquired = steer_acquired,
    .panicked = steer_panicked,
    .parks = steer_parks,
    .ready = steer_ready,
    .woke = steer_woke,
    .pick = steer_pick,
    .choose_arm = steer_choose_arm,
    .mutex_taken = steer_mutex_taken,
    .mutex_given = steer_mutex_given,
    .rwlock_taken = steer_rwlock_taken,
    .rwlock_given = steer_rwlock_given,
    .now = steer_now,
    .stuck = steer_stuck,
};
