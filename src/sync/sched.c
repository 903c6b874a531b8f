/* sched.c - an agenda of functions to be called at times, and those who follow it.
 *
 * Entries lie in slots, the waiting ones also in a heap with four children to a place, whose places
 * hold what is compared, so that a step of four comparisons touches little memory.  Both grow by
 * chunks that never move, so that nothing is copied and nothing is allocated under the lock; a
 * freed slot is used again, with another generation in its id.
 *
 * Who follows the agenda takes the first entry if it is due, and calls it outside the lock.  Else
 * he waits, in a queue and with a timer, until the first one is due.  Whatever makes another entry
 * the first, or the agenda empty, or stops it, wakes all of them: they are few, and look again.
 *
 * A repeated entry is put back when its call is over, so it never overlaps with itself.  Its times
 * lie on a grid from the first one on: being late moves none of them.
 *
 * Rejected: a task for each entry (a stack for each, and no order at equal times); one array that
 * is copied when it grows (megabytes, under the lock).
 *
 * SPDX-License-Identifier: MIT
 */
#include "weft/sched.h"

#include "base/alloc.h"
#include "base/panic.h"
#include "core/clock.h"
#include "core/runtime.h"
#include "core/waitq.h"
#include "core/worker.h"
#include "weft/err.h"

#define SCHED_MAGIC UINT32_C(0x65686373)
#define SCHED_CHUNK 256 /* entries by which an agenda grows */
#define SCHED_WIDTH 4   /* children of a place in the heap */
#define SCHED_NONE  UINT32_MAX

enum sched_state {
    SCHED_FREE = 0,
    SCHED_WAITING, /* in the heap */
    SCHED_RUNNING,
    SCHED_LAST_RUN /* being called, and cancelled meanwhile */
};

struct sched_slot {
    int64_t when, period_ns;
    uint64_t entered;
    int (*fn)(void *arg);                        /* one of the two */
    int (*fn_every)(void *arg, uint64_t missed);
    void *arg;
    int priority;
    uint32_t generation;
    uint32_t place; /* waiting: in the heap; free: the next free slot */
    enum sched_state state;
};

/* A place in the heap: an entry's slot, and copies of what comes first in the order. */
struct sched_place {
    int64_t when;
    int priority;
    uint32_t slot;
};

/* Slots of one range of numbers, and places of the heap of the same range. */
struct sched_chunk {
    struct sched_place heap[SCHED_CHUNK];
    struct sched_slot slots[SCHED_CHUNK];
};

struct weft_sched {
    struct weft__lock lock; /* guards all below */
    uint32_t magic;
    uint32_t entries_max;
    uint32_t waiting, running, inside; /* inside: calls of run and serve */
    uint32_t free;                     /* the first free slot */
    uint32_t chunk_count;
    bool stopped;
    uint64_t entered;
    struct weft__waitq followers; /* value: the site of the call */
    struct weft_sched_counts counts;
    struct sched_chunk *chunks[];
};

/* What to call, taken from a slot. */
struct sched_call {
    int (*fn)(void *arg);
    int (*fn_every)(void *arg, uint64_t missed);
    void *arg;
    uint64_t missed;
    uint32_t slot;
};

static const struct weft__wait_kind sched_kind = {.what = "the next entry of an agenda"};

static weft_sched *sched_look(const weft_sched *sched)
{
    WEFT_CHECK(sched != NULL);
    WEFT_CHECK(sched->magic == SCHED_MAGIC);
    return (weft_sched *)(uintptr_t)sched; /* the lock is all that a look changes */
}

/* ---- slots ---- */

static struct sched_slot *sched_slot(const weft_sched *s, uint32_t index)
{
    return &s->chunks[index / SCHED_CHUNK]->slots[index % SCHED_CHUNK];
}

static uint64_t sched_id(const struct sched_slot *slot, uint32_t index)
{
    return (uint64_t)slot->generation << 32 | index;
}

/* The slot of an entry that has not ended, or SCHED_NONE. */
static uint32_t sched_find(const weft_sched *s, uint64_t id)
{
    uint32_t index = (uint32_t)id;
    if (index / SCHED_CHUNK >= s->chunk_count) {
        return SCHED_NONE;
    }
    const struct sched_slot *slot = sched_slot(s, index);
    return slot->state != SCHED_FREE && slot->generation == id >> 32 ? index : SCHED_NONE;
}

static void sched_slot_free(weft_sched *s, uint32_t index)
{
    struct sched_slot *slot = sched_slot(s, index);
    slot->state = SCHED_FREE;
    slot->place = s->free;
    s->free = index;
}

/* The lowest number of the chunk will be taken first. */
static void sched_chunk_use(weft_sched *s, struct sched_chunk *chunk)
{
    uint32_t first = s->chunk_count * SCHED_CHUNK;
    s->chunks[s->chunk_count++] = chunk;
    for (uint32_t i = SCHED_CHUNK; i-- > 0;) {
        chunk->slots[i].generation = 0;
        sched_slot_free(s, first + i);
    }
}

/* ---- the heap: places are numbers from 0 to waiting - 1 ---- */

static struct sched_place *sched_heap(const weft_sched *s, uint32_t place)
{
    return &s->chunks[place / SCHED_CHUNK]->heap[place % SCHED_CHUNK];
}

static bool sched_is_before(const weft_sched *s, const struct sched_place *a,
                            const struct sched_place *b)
{
    if (a->when != b->when) {
        return a->when < b->when;
    }
    if (a->priority != b->priority) {
        return a->priority < b->priority;
    }
    return sched_slot(s, a->slot)->entered < sched_slot(s, b->slot)->entered;
}

static void sched_heap_put(weft_sched *s, uint32_t place, const struct sched_place *entry)
{
    *sched_heap(s, place) = *entry;
    sched_slot(s, entry->slot)->place = place;
}

static uint32_t sched_heap_above(uint32_t place)
{
    return (place - 1) / SCHED_WIDTH;
}

/* From the free place upwards, to where the entry belongs. */
static void sched_heap_up(weft_sched *s, uint32_t place, struct sched_place entry)
{
    while (place > 0 && sched_is_before(s, &entry, sched_heap(s, sched_heap_above(place)))) {
        sched_heap_put(s, place, sched_heap(s, sched_heap_above(place)));
        place = sched_heap_above(place);
    }
    sched_heap_put(s, place, &entry);
}

/* The child that comes first, or the number of places when there is none. */
static uint32_t sched_heap_below(const weft_sched *s, uint32_t place)
{
    uint32_t first = SCHED_WIDTH * place + 1, end = weft__min(first + SCHED_WIDTH, s->waiting);
    if (first >= s->waiting) {
        return s->waiting;
    }
    for (uint32_t child = first + 1; child < end; child++) {
        if (sched_is_before(s, sched_heap(s, child), sched_heap(s, first))) {
            first = child;
        }
    }
    return first;
}

/* From the free place downwards. */
static void sched_heap_down(weft_sched *s, uint32_t place, struct sched_place entry)
{
    uint32_t below;
    while ((below = sched_heap_below(s, place)) < s->waiting &&
           sched_is_before(s, sched_heap(s, below), &entry)) {
        sched_heap_put(s, place, sched_heap(s, below));
        place = below;
    }
    sched_heap_put(s, place, &entry);
}

static const struct sched_slot *sched_first(const weft_sched *s)
{
    return s->waiting > 0 ? sched_slot(s, sched_heap(s, 0)->slot) : NULL;
}

static void sched_heap_add(weft_sched *s, uint32_t index)
{
    struct sched_slot *slot = sched_slot(s, index);
    slot->state = SCHED_WAITING;
    sched_heap_up(s, s->waiting++, (struct sched_place){slot->when, slot->priority, index});
    s->counts.waiting_peak = weft__max(s->counts.waiting_peak, (uint64_t)s->waiting);
}

/* The last one takes the place, and goes up or down from there. */
static void sched_heap_remove(weft_sched *s, uint32_t place)
{
    struct sched_place last = *sched_heap(s, --s->waiting);
    if (place == s->waiting) {
        return;
    }
    if (place > 0 && sched_is_before(s, &last, sched_heap(s, sched_heap_above(place)))) {
        sched_heap_up(s, place, last);
    } else {
        sched_heap_down(s, place, last);
    }
}

/* ---- new and free ---- */

weft_sched *weft_sched_new(size_t entries_max)
{
    size_t max = entries_max > 0 ? entries_max : WEFT_SCHED_ENTRIES;
    if (max > WEFT_SCHED_ENTRIES_MAX) {
        return NULL;
    }
    size_t chunks = (max + SCHED_CHUNK - 1) / SCHED_CHUNK;
    weft_sched *s = weft__alloc_zero(sizeof *s + chunks * sizeof s->chunks[0]);
    if (!s) {
        return NULL;
    }
    lock_init(&s->lock, WEFT_RANK_SYNC);
    s->magic = SCHED_MAGIC;
    s->entries_max = (uint32_t)max;
    s->free = SCHED_NONE;
    return s;
}

static bool sched_panics_are_contained(void)
{
    const struct weft__runtime *rt = weft__self_task()->runtime;
    return rt && rt->options.panic == WEFT_PANIC_TASK;
}

void weft_sched_free(weft_sched *sched)
{
    if (!sched) {
        return;
    }
    weft_sched *s = sched_look(sched);
    struct weft__thread *self = weft__enter();
    lock_take_object(&s->lock);
    if (s->followers.head) {
        weft__panic_sites("weft_sched_free: a task still follows the agenda", "freed at",
                          __builtin_return_address(0), "follows it at", s->followers.head->value);
    }
    /* else an entry frees the agenda that calls it; but one that has panicked does not come back */
    WEFT_CHECK(s->inside == 0 || sched_panics_are_contained());
    s->magic = 0;
    lock_drop(&s->lock);
    weft__leave(self);
    for (uint32_t i = 0; i < s->chunk_count; i++) {
        weft__free(s->chunks[i]);
    }
    weft__free(s);
}

/* ---- entries ---- */

/* The agenda has another first entry, or none, or is stopped: all look again. */
static struct weft__waiter *sched_wake_all(weft_sched *s)
{
    return weft__waitq_claim_all(&s->followers);
}

/* 0: one more entry may come, and has a slot if s->free says so. */
static int sched_has_room(const weft_sched *s)
{
    if (s->stopped) {
        return -WEFT_EPIPE;
    }
    return s->waiting + s->running < s->entries_max ? 0 : -WEFT_EAGAIN;
}

/* Makes room for one more entry, whose slot is s->free.  The lock is held on entry and on return,
 * but dropped meanwhile.  *ret_spare: a chunk that somebody else has made superfluous. */
static int sched_make_room(weft_sched *s, struct sched_chunk **ret_spare)
{
    int rc = sched_has_room(s);
    if (rc < 0 || s->free != SCHED_NONE) {
        return rc;
    }
    lock_drop(&s->lock);
    struct sched_chunk *chunk = weft__alloc_zero(sizeof *chunk);
    lock_take_object(&s->lock);
    rc = sched_has_room(s);
    if (rc == 0 && s->free == SCHED_NONE && !chunk) {
        rc = -WEFT_ENOMEM;
    } else if (rc == 0 && s->free == SCHED_NONE) {
        sched_chunk_use(s, chunk);
        chunk = NULL;
    }
    *ret_spare = chunk;
    return rc;
}

/* Puts the entry into the slot s->free; returns whom to make ready. */
static struct weft__waiter *sched_enter(weft_sched *s, const struct sched_slot *entry,
                                        uint64_t *ret_id)
{
    uint32_t index = s->free;
    struct sched_slot *slot = sched_slot(s, index);
    uint32_t generation = slot->generation + 1;
    s->free = slot->place;
    *slot = *entry;
    slot->generation = generation > 0 ? generation : 1;
    slot->entered = ++s->entered;
    s->counts.added++;
    sched_heap_add(s, index);
    if (ret_id) {
        *ret_id = sched_id(slot, index);
    }
    return slot->place == 0 ? sched_wake_all(s) : NULL;
}

static int sched_add(weft_sched *sched, const struct sched_slot *entry, uint64_t *ret_id,
                     const void *site)
{
    weft_sched *s = sched_look(sched);
    struct weft__waiter *followers = NULL;
    struct sched_chunk *spare = NULL;
    weft__control_point(WEFT__DEED_SCHED_ADD, s, site);
    struct weft__thread *self = weft__enter();
    lock_take_object(&s->lock);
    int rc = sched_make_room(s, &spare);
    if (rc == 0) {
        followers = sched_enter(s, entry, ret_id);
    } else {
        s->counts.refused++;
    }
    lock_drop(&s->lock);
    weft__waitq_ready_chain(followers);
    weft__leave(self);
    weft__free(spare);
    return weft__control_result(rc);
}

int weft_sched_at(weft_sched *sched, int64_t when, int priority, int (*fn)(void *arg), void *arg,
                  uint64_t *ret_id)
{
    struct sched_slot entry = {.when = when, .priority = priority, .fn = fn, .arg = arg};
    return fn ? sched_add(sched, &entry, ret_id, __builtin_return_address(0)) : -WEFT_EINVAL;
}

int weft_sched_after(weft_sched *sched, int64_t delay_ns, int priority, int (*fn)(void *arg),
                     void *arg, uint64_t *ret_id)
{
    struct sched_slot entry = {.when = weft_after(delay_ns), .priority = priority, .fn = fn,
                               .arg = arg};
    return fn ? sched_add(sched, &entry, ret_id, __builtin_return_address(0)) : -WEFT_EINVAL;
}

int weft_sched_every(weft_sched *sched, int64_t first, int64_t period_ns, int priority,
                     int (*fn)(void *arg, uint64_t missed), void *arg, uint64_t *ret_id)
{
    struct sched_slot entry = {.when = first, .period_ns = period_ns, .priority = priority,
                               .fn_every = fn, .arg = arg};
    if (!fn || period_ns < 1) {
        return -WEFT_EINVAL;
    }
    return sched_add(sched, &entry, ret_id, __builtin_return_address(0));
}

int weft_sched_cancel(weft_sched *sched, uint64_t id)
{
    weft_sched *s = sched_look(sched);
    struct weft__waiter *followers = NULL;
    int rc = -ENOENT;
    weft__control_point(WEFT__DEED_SCHED_CANCEL, s, __builtin_return_address(0));
    struct weft__thread *self = weft__enter();
    lock_take_object(&s->lock);
    uint32_t index = sched_find(s, id);
    struct sched_slot *slot = index != SCHED_NONE ? sched_slot(s, index) : NULL;
    if (slot && slot->state == SCHED_WAITING) {
        bool was_first = slot->place == 0;
        sched_heap_remove(s, slot->place);
        sched_slot_free(s, index);
        s->counts.cancelled++;
        followers = was_first ? sched_wake_all(s) : NULL;
        rc = 0;
    } else if (slot) {
        s->counts.cancelled += slot->state == SCHED_RUNNING && slot->fn_every;
        slot->state = SCHED_LAST_RUN;
        rc = -WEFT_EBUSY;
    }
    lock_drop(&s->lock);
    weft__waitq_ready_chain(followers);
    weft__leave(self);
    return weft__control_result(rc);
}

/* ---- one call ---- */

/* Under the lock: takes the first entry out, which is due at `now`. */
static void sched_take(weft_sched *s, int64_t now, struct sched_call *ret_call)
{
    uint32_t index = sched_heap(s, 0)->slot;
    struct sched_slot *slot = sched_slot(s, index);
    WEFT_CHECK(slot->state == SCHED_WAITING);
    WEFT_CHECK(slot->when <= now);
    sched_heap_remove(s, 0);
    slot->state = SCHED_RUNNING;
    s->running++;
    s->counts.called++;
    *ret_call = (struct sched_call){
        .fn = slot->fn, .fn_every = slot->fn_every, .arg = slot->arg, .slot = index};
    if (slot->fn_every) {
        /* unsigned: now - when may be more than an int64_t holds */
        uint64_t late = (uint64_t)now - (uint64_t)slot->when;
        ret_call->missed = late / (uint64_t)slot->period_ns;
        s->counts.missed += ret_call->missed;
        int64_t passed = (int64_t)((uint64_t)slot->when +
                                   ret_call->missed * (uint64_t)slot->period_ns);
        if (__builtin_add_overflow(passed, slot->period_ns, &slot->when)) {
            slot->when = WEFT_NEVER;
        }
    }
}

/* The entry's call is over. */
static void sched_put_back(weft_sched *s, const struct sched_call *call, int rc)
{
    struct weft__waiter *followers = NULL;
    struct weft__thread *self = weft__enter();
    lock_take_object(&s->lock);
    struct sched_slot *slot = sched_slot(s, call->slot);
    s->running--;
    s->counts.failed += rc < 0;
    if (slot->fn_every && rc == 0 && slot->state == SCHED_RUNNING) {
        sched_heap_add(s, call->slot);
        followers = slot->place == 0 ? sched_wake_all(s) : NULL;
    } else {
        sched_slot_free(s, call->slot);
    }
    lock_drop(&s->lock);
    weft__waitq_ready_chain(followers);
    weft__leave(self);
}

/* The caller is not inside: this is the user's code.  The code of the entry. */
static int sched_do(weft_sched *s, const struct sched_call *call)
{
    int rc = call->fn_every ? call->fn_every(call->arg, call->missed) : call->fn(call->arg);
    sched_put_back(s, call, rc);
    return rc;
}

/* ---- following the agenda ---- */

/* Sleeps until `when`, or until the agenda has changed: 0, or -WEFT_ECANCELED.  The lock is held on
 * entry and dropped on return. */
static int sched_wait(weft_sched *s, int64_t when, struct weft__thread **self, const void *site)
{
    struct weft__task *task = (*self)->task;
    struct weft__runtime *pinned = task->runtime ? NULL : weft__runtime_pin();
    struct weft__runtime *rt = task->runtime ? task->runtime : pinned;
    struct weft__waiter waiter;
    s->counts.waits++;
    weft__waiter_init(&waiter, *self);
    waiter.value = (void *)(uintptr_t)site;
    weft__waitq_push(&s->followers, &waiter);
    struct weft__parking parking = {
        .kind = &sched_kind, .object = s, .site = site, .lock = &s->lock};
    struct weft__timer timer = {.task = task, .ticket = waiter.ticket};
    if (when != WEFT_NEVER && rt && (!pinned || rt->options.virtual_clock)) {
        weft__clock_arm(*self, rt, &timer, when);
    } else if (when != WEFT_NEVER) {
        parking.deadline = weft__max(when, INT64_C(1)); /* a plain thread: the system's clock */
    }
    if (pinned) {
        weft__runtime_unpin(); /* by a virtual clock all our timers fire when the run ends */
    }
    int rc = weft__park(self, &parking);
    if (rc < 0) {
        lock_take_object(&s->lock);
        weft__waitq_remove(&s->followers, &waiter);
        lock_drop(&s->lock);
    }
    weft__timer_stop(&timer);
    return rc == -WEFT_ETIMEDOUT ? 0 : rc;
}

enum sched_step { SCHED_CALL, SCHED_AGAIN, SCHED_OVER };

/* Sleeps.  Takes the next entry, if it is due; else waits for it.  SCHED_CALL and *ret_call,
 * SCHED_AGAIN after a wait, SCHED_OVER, or -WEFT_ECANCELED. */
static int sched_step(weft_sched *s, bool serves, struct sched_call *ret_call, const void *site)
{
    struct weft__thread *self = weft__op_begin(WEFT__DEED_SCHED_NEXT, s, site);
    if (weft__op_cancelled(self)) {
        return weft__op_refuse(self);
    }
    int64_t now = weft_now();
    int rc = SCHED_OVER;
    lock_take_object(&s->lock);
    const struct sched_slot *first = sched_first(s);
    if (!s->stopped && first && first->when <= now) {
        sched_take(s, now, ret_call);
        rc = SCHED_CALL;
    }
    if (s->stopped || rc == SCHED_CALL || (!first && !serves)) {
        lock_drop(&s->lock);
    } else {
        rc = sched_wait(s, first ? first->when : WEFT_NEVER, &self, site);
        rc = rc < 0 ? rc : SCHED_AGAIN;
    }
    weft__leave(self);
    return rc;
}

/* Who calls entries is counted, for weft_sched_free.  Returns how many are waiting. */
static uint32_t sched_count_inside(weft_sched *s, bool comes)
{
    struct weft__thread *self = weft__enter();
    lock_take_object(&s->lock);
    s->inside = comes ? s->inside + 1 : s->inside - 1;
    uint32_t waiting = s->waiting;
    lock_drop(&s->lock);
    weft__leave(self);
    return waiting;
}

static int sched_follow(weft_sched *s, bool serves, const void *site)
{
    struct sched_call call;
    int step, rc = 0;
    (void)sched_count_inside(s, true);
    while (rc >= 0 && (step = sched_step(s, serves, &call, site)) != SCHED_OVER) {
        if (step < 0) {
            rc = step;
        } else if (step == SCHED_CALL) {
            rc = sched_do(s, &call);
        }
    }
    (void)sched_count_inside(s, false);
    return rc < 0 ? rc : 0;
}

int weft_sched_run(weft_sched *sched)
{
    return sched_follow(sched_look(sched), false, __builtin_return_address(0));
}

int weft_sched_serve(weft_sched *sched)
{
    return sched_follow(sched_look(sched), true, __builtin_return_address(0));
}

/* True: *ret_call is due at `now`.  *ret_next is when the first one is due. */
static bool sched_take_due(weft_sched *s, int64_t now, bool may_take, struct sched_call *ret_call,
                           int64_t *ret_next)
{
    struct weft__thread *self = weft__enter();
    lock_take_object(&s->lock);
    const struct sched_slot *first = s->stopped ? NULL : sched_first(s);
    bool takes = may_take && first && first->when <= now;
    *ret_next = first ? first->when : WEFT_NEVER;
    if (takes) {
        sched_take(s, now, ret_call);
    }
    lock_drop(&s->lock);
    weft__leave(self);
    return takes;
}

/* How long until then: 0 when it has passed, -1 for never. */
static int64_t sched_delay(int64_t next)
{
    int64_t delay;
    if (next == WEFT_NEVER) {
        return -1;
    }
    return __builtin_sub_overflow(next, weft_now(), &delay) || delay < 0 ? 0 : delay;
}

int weft_sched_run_due(weft_sched *sched, int64_t *ret_delay_ns)
{
    weft_sched *s = sched_look(sched);
    struct sched_call call;
    int64_t next, now = weft_now();
    int rc = 0, called = 0;
    weft__control_point(WEFT__DEED_SCHED_NEXT, s, __builtin_return_address(0));
    uint32_t most = sched_count_inside(s, true);
    while (rc >= 0 && sched_take_due(s, now, (uint32_t)called < most, &call, &next)) {
        called++;
        rc = sched_do(s, &call);
    }
    (void)sched_count_inside(s, false);
    if (rc < 0) {
        return rc;
    }
    if (ret_delay_ns) {
        *ret_delay_ns = sched_delay(next);
    }
    return called;
}

void weft_sched_stop(weft_sched *sched)
{
    weft_sched *s = sched_look(sched);
    weft__control_point(WEFT__DEED_SCHED_CANCEL, s, __builtin_return_address(0));
    struct weft__thread *self = weft__enter();
    lock_take_object(&s->lock);
    s->stopped = true;
    struct weft__waiter *followers = sched_wake_all(s);
    lock_drop(&s->lock);
    weft__waitq_ready_chain(followers);
    weft__leave(self);
}

/* ---- looking ---- */

size_t weft_sched_len(const weft_sched *sched)
{
    weft_sched *s = sched_look(sched);
    weft__control_point(WEFT__DEED_SCHED_LOOK, s, __builtin_return_address(0));
    struct weft__thread *self = weft__enter();
    lock_take_object(&s->lock);
    size_t len = s->waiting;
    lock_drop(&s->lock);
    weft__leave(self);
    return len;
}

int64_t weft_sched_next(const weft_sched *sched)
{
    weft_sched *s = sched_look(sched);
    weft__control_point(WEFT__DEED_SCHED_LOOK, s, __builtin_return_address(0));
    struct weft__thread *self = weft__enter();
    lock_take_object(&s->lock);
    const struct sched_slot *first = sched_first(s);
    int64_t when = first ? first->when : WEFT_NEVER;
    lock_drop(&s->lock);
    weft__leave(self);
    return when;
}

/* The caller's array, as a heap with the last one on top, so that the first n of all stay in it. */
struct sched_listing {
    weft_sched_entry *entries;
    size_t n, count, total;
};

static bool sched_listed_before(const weft_sched_entry *a, const weft_sched_entry *b)
{
    if (a->when != b->when) {
        return a->when < b->when;
    }
    if (a->priority != b->priority) {
        return a->priority < b->priority;
    }
    return a->entered < b->entered;
}

static void sched_listing_sift_down(struct sched_listing *list, weft_sched_entry entry)
{
    size_t at = 0;
    for (size_t below; (below = 2 * at + 1) < list->count; at = below) {
        if (below + 1 < list->count &&
            sched_listed_before(&list->entries[below], &list->entries[below + 1])) {
            below++;
        }
        if (!sched_listed_before(&entry, &list->entries[below])) {
            break;
        }
        list->entries[at] = list->entries[below];
    }
    list->entries[at] = entry;
}

static void sched_listing_offer(struct sched_listing *list, const weft_sched_entry *entry)
{
    list->total++;
    if (list->count == list->n) {
        if (list->n > 0 && sched_listed_before(entry, &list->entries[0])) {
            sched_listing_sift_down(list, *entry);
        }
        return;
    }
    size_t at = list->count++;
    while (at > 0 && sched_listed_before(&list->entries[(at - 1) / 2], entry)) {
        list->entries[at] = list->entries[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    list->entries[at] = *entry;
}

/* Turns the heap into the order of the agenda; returns how many there are. */
static size_t sched_listing_sort(struct sched_listing *list)
{
    size_t count = list->count;
    while (list->count > 1) {
        weft_sched_entry last = list->entries[--list->count];
        list->entries[list->count] = list->entries[0];
        sched_listing_sift_down(list, last);
    }
    list->count = count;
    return list->total;
}

/* One chunk's entries, under the lock. */
static void sched_list_chunk(const weft_sched *s, uint32_t chunk, struct sched_listing *list)
{
    for (uint32_t i = 0; i < SCHED_CHUNK; i++) {
        const struct sched_slot *slot = &s->chunks[chunk]->slots[i];
        if (slot->state == SCHED_FREE) {
            continue;
        }
        const void *fn = slot->fn ? (const void *)(uintptr_t)slot->fn
                                  : (const void *)(uintptr_t)slot->fn_every;
        sched_listing_offer(list, &(weft_sched_entry){.id = sched_id(slot, chunk * SCHED_CHUNK + i),
                                                      .when = slot->when,
                                                      .period_ns = slot->period_ns,
                                                      .entered = slot->entered,
                                                      .fn = fn,
                                                      .arg = slot->arg,
                                                      .priority = slot->priority,
                                                      .is_running = slot->state != SCHED_WAITING});
    }
}

size_t weft_sched_list(const weft_sched *sched, weft_sched_entry *ret_entries, size_t n)
{
    weft_sched *s = sched_look(sched);
    struct sched_listing list = {.entries = ret_entries, .n = n};
    WEFT_CHECK(ret_entries != NULL || n == 0);
    weft__control_point(WEFT__DEED_SCHED_LOOK, s, __builtin_return_address(0));
    bool more = true;
    for (uint32_t chunk = 0; more; chunk++) {
        struct weft__thread *self = weft__enter();
        lock_take_object(&s->lock); /* anew for each, so that nobody is held up for long */
        more = chunk < s->chunk_count;
        if (more) {
            sched_list_chunk(s, chunk, &list);
        }
        lock_drop(&s->lock);
        weft__leave(self);
    }
    return sched_listing_sort(&list);
}

void weft_sched_stats(const weft_sched *sched, struct weft_sched_counts *ret_counts)
{
    weft_sched *s = sched_look(sched);
    WEFT_CHECK(ret_counts != NULL);
    struct weft__thread *self = weft__enter();
    lock_take_object(&s->lock);
    *ret_counts = s->counts;
    ret_counts->waiting = s->waiting;
    ret_counts->running = s->running;
    lock_drop(&s->lock);
    weft__leave(self);
}
