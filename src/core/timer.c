/* timer.c - arming, stopping and firing timers; see timer.h for the structure.
 *
 * Called by sleeping tasks, by scopes with a deadline and by select; fired by workers between
 * turns, by idle workers, and by the watchdog for workers that are busy.
 *
 * Invariants, under the wheel's lock (weft__wheel_check):
 *   - a timer in level l, slot s differs from now_tick first in digit l, and that digit is s;
 *   - so every occupied slot of a level lies above now_tick's digit there; but on level 0 it may be
 *     that digit's own, after a batch that was full before the slot was empty;
 *   - used[l] has bit s exactly when a lane of slot[l][s] is not empty;
 *   - next_at is not later than any timer's time.
 *
 * Nothing is called under the lock but weft__claim, which never waits.
 *
 * Rejected for now: a 4-ary heap (10 levels of cache misses at a million timers; the decision
 * record has the figures).
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/timer.h"

#include "base/sys.h"
#include "core/park.h"
#include "core/self.h"
#include "core/worker.h"
#include "weft/time.h"

#define WHEEL_SCAN_MAX 8 /* timers looked at to find a slot's true first time */
#define WHEEL_TICK_MAX (((uint64_t)INT64_MAX >> WEFT_WHEEL_TICK_BITS)) /* its time is an int64_t */

_Static_assert(WHEEL_TICK_MAX >> (WEFT_WHEEL_BITS * WEFT_WHEEL_LEVELS) == 0,
               "the levels reach every tick");

static uint64_t wheel_digit(uint64_t tick, unsigned level)
{
    return (tick >> (WEFT_WHEEL_BITS * level)) & (WEFT_WHEEL_SLOTS - 1);
}

/* The first tick that begins at or after the time. */
static uint64_t wheel_tick_of(int64_t at)
{
    if (at <= 0) {
        return 0;
    }
    uint64_t tick = ((uint64_t)at + (1u << WEFT_WHEEL_TICK_BITS) - 1) >> WEFT_WHEEL_TICK_BITS;
    return weft__min(tick, WHEEL_TICK_MAX);
}

static int64_t wheel_time_of(uint64_t tick)
{
    return (int64_t)(tick << WEFT_WHEEL_TICK_BITS);
}

void weft__wheel_init(struct weft__wheel *wheel, int64_t now)
{
    weft__homelock_init(&wheel->lock, WEFT_RANK_TIMER);
    wheel->now_tick = (uint64_t)now >> WEFT_WHEEL_TICK_BITS;
    wheel->count = 0;
    a_store(&wheel->next_at, WEFT_NEVER, relaxed);
    for (unsigned level = 0; level < WEFT_WHEEL_LEVELS; level++) {
        wheel->used[level] = 0;
        for (unsigned slot = 0; slot < WEFT_WHEEL_SLOTS; slot++) {
            for (unsigned lane = 0; lane < WEFT_WHEEL_LANES; lane++) {
                list_init(&wheel->slot[level][slot].lane[lane]);
            }
        }
    }
}

/* ---- who is in ---- */

enum wheel_way {
    WHEEL_AT_HOME, /* without a lock */
    WHEEL_BY_LOCK,
    WHEEL_AS_GUEST
};

/* Only who is inside keeps its seat. */
static bool wheel_is_home(const struct weft__wheel *wheel)
{
    struct weft__thread *self = weft__self_or_null();
    struct weft__worker *w = self && a_load(&self->inside, relaxed) ? weft__seat(self) : NULL;
    return w && &w->wheel == wheel;
}

static inline enum wheel_way wheel_take(struct weft__wheel *wheel)
{
    if (WEFT_LIKELY(wheel_is_home(wheel))) {
        return homelock_enter(&wheel->lock) ? WHEEL_BY_LOCK : WHEEL_AT_HOME;
    }
    weft__homelock_take(&wheel->lock);
    return WHEEL_AS_GUEST;
}

static inline void wheel_drop(struct weft__wheel *wheel, enum wheel_way way)
{
    if (WEFT_LIKELY(way != WHEEL_AS_GUEST)) {
        homelock_leave(&wheel->lock, way == WHEEL_BY_LOCK);
    } else {
        homelock_drop(&wheel->lock);
    }
}

/* ---- slots ---- */

static bool wheel_slot_is_empty(const struct weft__wheel_slot *slot)
{
    bool is_empty = true;
    for (unsigned lane = 0; lane < WEFT_WHEEL_LANES; lane++) {
        is_empty &= list_empty(&slot->lane[lane]); /* one line of memory: no branches */
    }
    return is_empty;
}

/* All that is in a slot of level 0 is of one tick. */
static struct weft__list *wheel_lane_now(struct weft__wheel *wheel, unsigned slot)
{
    return &wheel->slot[0][slot].lane[slot % WEFT_WHEEL_LANES];
}

/* Into the slot of the tick, which is now_tick or later. */
static void wheel_put(struct weft__wheel *wheel, struct weft__timer *timer, uint64_t tick)
{
    uint64_t differs = (tick ^ wheel->now_tick) | 1; /* in no digit: then level 0, too */
    unsigned level = (63 - (unsigned)__builtin_clzll(differs)) / WEFT_WHEEL_BITS;
    WEFT_CHECK(level < WEFT_WHEEL_LEVELS);
    timer->level = (uint8_t)level;
    timer->slot = (uint8_t)wheel_digit(tick, level);
    timer->lane = (uint8_t)(tick % WEFT_WHEEL_LANES);
    wheel->used[level] |= UINT64_C(1) << timer->slot;
    list_push_back(&wheel->slot[level][timer->slot].lane[timer->lane], &timer->link);
}

static void wheel_unlink(struct weft__wheel *wheel, struct weft__timer *timer)
{
    struct weft__wheel_slot *slot = &wheel->slot[timer->level][timer->slot];
    list_remove(&timer->link);
    if (list_empty(&slot->lane[timer->lane]) && wheel_slot_is_empty(slot)) {
        wheel->used[timer->level] &= ~(UINT64_C(1) << timer->slot);
    }
    wheel->count--;
}

/* The earliest used slot; false when there is none.  Its first tick is a lower bound for what is in
 * it, and on level 0 exact. */
static bool wheel_first(const struct weft__wheel *wheel, unsigned *ret_level, unsigned *ret_slot,
                        uint64_t *ret_tick)
{
    for (unsigned level = 0; level < WEFT_WHEEL_LEVELS; level++) {
        if (wheel->used[level]) {
            unsigned slot = (unsigned)__builtin_ctzll(wheel->used[level]);
            unsigned shift = WEFT_WHEEL_BITS * level;
            uint64_t above = (wheel->now_tick >> shift >> WEFT_WHEEL_BITS) << WEFT_WHEEL_BITS;
            *ret_level = level;
            *ret_slot = slot;
            *ret_tick = (above | slot) << shift;
            return true;
        }
    }
    return false;
}

/* The first tick of a slot that has a timer, if it holds few; else its lower bound. */
static uint64_t wheel_slot_first(const struct weft__wheel *wheel, unsigned level, unsigned slot,
                                 uint64_t bound)
{
    uint64_t first = UINT64_MAX;
    unsigned seen = 0;
    for (unsigned lane = 0; lane < WEFT_WHEEL_LANES; lane++) {
        LIST_FOR_EACH(&wheel->slot[level][slot].lane[lane], it) {
            first = weft__min(first, container_of(it, struct weft__timer, link)->tick);
            if (++seen > WHEEL_SCAN_MAX) {
                return bound;
            }
        }
    }
    return weft__max(first, bound);
}

/* Not later than any timer, and exact when the first slot holds few: so that a single far timer
 * wakes nobody for its way down the levels. */
static void wheel_note_next(struct weft__wheel *wheel)
{
    unsigned level, slot;
    uint64_t tick;
    if (!wheel_first(wheel, &level, &slot, &tick)) {
        a_store(&wheel->next_at, WEFT_NEVER, relaxed);
        return;
    }
    uint64_t exact = WEFT_LIKELY(level == 0) ? tick : wheel_slot_first(wheel, level, slot, tick);
    a_store(&wheel->next_at, wheel_time_of(exact), relaxed);
}

static inline void timer_put_in(struct weft__wheel *wheel, struct weft__timer *timer, int64_t at)
{
    timer->tick = wheel_tick_of(at);
    timer->wheel = wheel;
    /* what is past fires at the next look */
    wheel_put(wheel, timer, weft__max(timer->tick, wheel->now_tick + 1));
    wheel->count++;
    int64_t when = wheel_time_of(timer->tick);
    if (when < a_load(&wheel->next_at, relaxed)) {
        a_store(&wheel->next_at, when, relaxed);
    }
    a_store(&timer->state, WEFT__TIMER_ARMED, release);
}

void weft__timer_start(struct weft__wheel *wheel, struct weft__timer *timer, int64_t at)
{
    WEFT_CHECK(a_load(&timer->state, relaxed) == WEFT__TIMER_OFF);
    enum wheel_way way = wheel_take(wheel);
    timer_put_in(wheel, timer, at);
    wheel_drop(wheel, way);
}

void weft__timer_set(struct weft__wheel *wheel, struct weft__timer *timer, int64_t at)
{
    /* pairs with the release by which the firer touches it for the last time */
    uint32_t state = a_load(&timer->state, acquire);
    if (WEFT_UNLIKELY(state == WEFT__TIMER_FIRING) ||
        (state == WEFT__TIMER_ARMED && timer->wheel != wheel)) {
        weft__timer_stop(timer);
    }
    bool has_lock = homelock_enter(&wheel->lock);
    state = a_load(&timer->state, acquire);
    if (state == WEFT__TIMER_ARMED) {
        wheel_unlink(wheel, timer);
        a_store(&timer->state, WEFT__TIMER_OFF, relaxed);
    }
    bool is_off = state != WEFT__TIMER_FIRING; /* a guest has come in between */
    if (WEFT_LIKELY(is_off) && at != WEFT_NEVER) {
        timer_put_in(wheel, timer, at);
    }
    homelock_leave(&wheel->lock, has_lock);
    if (WEFT_UNLIKELY(!is_off)) {
        weft__timer_stop(timer);
        if (at != WEFT_NEVER) {
            weft__timer_start(wheel, timer, at);
        }
    }
}

/* True if it was armed. */
static bool timer_take_out(struct weft__timer *timer)
{
    struct weft__wheel *wheel = timer->wheel;
    enum wheel_way way = wheel_take(wheel);
    bool was_armed = a_load(&timer->state, relaxed) == WEFT__TIMER_ARMED;
    if (was_armed) {
        wheel_unlink(wheel, timer);
        a_store(&timer->state, WEFT__TIMER_OFF, relaxed);
        if (way == WHEEL_AS_GUEST) {
            wheel_note_next(wheel); /* home looks by itself, before it sleeps */
        }
    }
    wheel_drop(wheel, way);
    return was_armed;
}

bool weft__timer_stop(struct weft__timer *timer)
{
    for (;;) {
        /* pairs with the release by which the firer touches it for the last time */
        uint32_t state = a_load(&timer->state, acquire);
        if (state == WEFT__TIMER_OFF) {
            return false;
        }
        if (state == WEFT__TIMER_ARMED) {
            if (timer_take_out(timer)) {
                return true;
            }
        } else {
            weft__sys_yield();
        }
    }
}

/* What one look at the wheel brought to light. */
struct wheel_due {
    struct weft__task *tasks[WEFT_TIMER_BATCH]; /* to be made ready */
    struct weft__timer *calls[WEFT_TIMER_BATCH];
    size_t task_count, call_count, fired;
};

static void wheel_due_add(struct weft__wheel *wheel, struct weft__timer *timer,
                          struct wheel_due *due)
{
    wheel_unlink(wheel, timer);
    due->fired++;
    if (timer->call) {
        a_store(&timer->state, WEFT__TIMER_FIRING, relaxed);
        due->calls[due->call_count++] = timer;
        return;
    }
    struct weft__task *task = timer->task;
    enum weft__claim claim = weft__claim(task, timer->ticket, WEFT__OUTCOME_TIMED_OUT);
    /* The last touch, before anybody may run the sleeper again: its frame holds the timer. */
    a_store(&timer->state, WEFT__TIMER_OFF, release);
    if (claim == WEFT__CLAIM_MUST_READY) {
        due->tasks[due->task_count++] = task;
    }
}

/* Fires what is in a slot of level 0 that has come; stops when the batch is full.  Meanwhile the
 * first one of the next used slot comes from memory. */
static void wheel_fire_slot(struct weft__wheel *wheel, unsigned slot, struct wheel_due *due)
{
    struct weft__list *head = wheel_lane_now(wheel, slot);
    uint64_t later = wheel->used[0] & ~(UINT64_C(1) << slot);
    if (later) {
        __builtin_prefetch(wheel_lane_now(wheel, (unsigned)__builtin_ctzll(later))->next, 1);
    }
    while (!list_empty(head) && due->fired < WEFT_TIMER_BATCH) {
        wheel_due_add(wheel, container_of(head->next, struct weft__timer, link), due);
    }
}

/* Lets down all that is in a slot of a higher level that has come.  All at once, so that what is
 * left by a full batch always lies on level 0, before everything else. */
static void wheel_let_down(struct weft__wheel *wheel, unsigned level, unsigned slot)
{
    struct weft__list *heads = wheel->slot[level][slot].lane;
    struct weft__list *at[WEFT_WHEEL_LANES];
    unsigned left = WEFT_WHEEL_LANES;
    for (unsigned lane = 0; lane < WEFT_WHEEL_LANES; lane++) {
        at[lane] = heads[lane].next;
        __builtin_prefetch(at[lane], 1);
    }
    while (left > 0) {
        left = 0;
        for (unsigned lane = 0; lane < WEFT_WHEEL_LANES; lane++) {
            struct weft__list *node = at[lane];
            if (node != &heads[lane]) {
                at[lane] = node->next; /* not unlinked one by one: that would touch the next */
                __builtin_prefetch(at[lane], 1);
                struct weft__timer *timer = container_of(node, struct weft__timer, link);
                wheel_put(wheel, timer, weft__max(timer->tick, wheel->now_tick));
                WEFT_CHECK(timer->level < level);
                left++;
            }
        }
    }
    for (unsigned lane = 0; lane < WEFT_WHEEL_LANES; lane++) {
        list_init(&heads[lane]);
    }
    wheel->used[level] &= ~(UINT64_C(1) << slot);
}

static void wheel_collect(struct weft__wheel *wheel, uint64_t target, struct wheel_due *due)
{
    unsigned level, slot;
    uint64_t tick;
    while (due->fired < WEFT_TIMER_BATCH && wheel_first(wheel, &level, &slot, &tick)) {
        if (tick > target) {
            break;
        }
        WEFT_CHECK(tick >= wheel->now_tick);
        wheel->now_tick = tick;
        if (level == 0) {
            wheel_fire_slot(wheel, slot, due);
        } else {
            wheel_let_down(wheel, level, slot);
        }
    }
    if (due->fired < WEFT_TIMER_BATCH && target > wheel->now_tick) {
        wheel->now_tick = target;
    }
    wheel_note_next(wheel);
}

size_t weft__wheel_fire(struct weft__wheel *wheel, int64_t now)
{
    if (now < a_load(&wheel->next_at, relaxed)) {
        return 0;
    }
    struct wheel_due due;
    due.task_count = due.call_count = due.fired = 0;
    enum wheel_way way = wheel_take(wheel);
    wheel_collect(wheel, (uint64_t)now >> WEFT_WHEEL_TICK_BITS, &due);
    wheel_drop(wheel, way);
    for (size_t i = 0; i < due.task_count; i++) {
        weft__ready(due.tasks[i]);
    }
    for (size_t i = 0; i < due.call_count; i++) {
        due.calls[i]->call(due.calls[i]);
        /* pairs with the acquire in weft__timer_stop: its owner may now let it go */
        a_store(&due.calls[i]->state, WEFT__TIMER_OFF, release);
    }
    return due.fired;
}

int64_t weft__wheel_next(struct weft__wheel *wheel)
{
    enum wheel_way way = wheel_take(wheel);
    wheel_note_next(wheel);
    int64_t at = a_load(&wheel->next_at, relaxed);
    wheel_drop(wheel, way);
    return at;
}

static size_t wheel_check_slot(struct weft__wheel *wheel, unsigned level, unsigned slot)
{
    size_t count = 0;
    bool used = wheel->used[level] >> slot & 1;
    WEFT_CHECK(used == !wheel_slot_is_empty(&wheel->slot[level][slot]));
    for (unsigned lane = 0; lane < WEFT_WHEEL_LANES; lane++) {
        LIST_FOR_EACH(&wheel->slot[level][slot].lane[lane], it) {
            struct weft__timer *timer = container_of(it, struct weft__timer, link);
            WEFT_CHECK(timer->level == level);
            WEFT_CHECK(timer->slot == slot);
            WEFT_CHECK(timer->lane == lane);
            WEFT_CHECK(level == 0 || slot > wheel_digit(wheel->now_tick, level));
            WEFT_CHECK(level > 0 || slot >= wheel_digit(wheel->now_tick, level));
            WEFT_CHECK(wheel_time_of(timer->tick) >= a_load(&wheel->next_at, relaxed) ||
                       timer->tick <= wheel->now_tick);
            count++;
        }
    }
    return count;
}

void weft__wheel_check(struct weft__wheel *wheel)
{
    size_t count = 0;
    enum wheel_way way = wheel_take(wheel);
    for (unsigned level = 0; level < WEFT_WHEEL_LEVELS; level++) {
        for (unsigned slot = 0; slot < WEFT_WHEEL_SLOTS; slot++) {
            count += wheel_check_slot(wheel, level, slot);
        }
    }
    WEFT_CHECK(count == wheel->count);
    wheel_drop(wheel, way);
}
