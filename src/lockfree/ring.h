/* ring.h - a bounded queue of pointers for many producers and many consumers.
 *
 * Called by whoever needs a fixed queue in memory of its own: free lists, trace events,
 * completions. Vyukov's bounded queue; nothing blocks, nothing allocates.
 *
 *   static struct weft__ring_slot slots[64];
 *   struct weft__ring r;
 *   ring_init(&r, slots, 64);
 *   if (!ring_push(&r, p))  full              if (!ring_pop(&r, &p))  empty
 *
 * How it works.  Producers draw positions from tail, consumers from head.  Position pos lives in
 * slot pos % capacity, in lap pos / capacity.  Each slot has a turn, that says whose move it is:
 *
 *   turn 2 * lap       the producer of that lap may write
 *   turn 2 * lap + 1   the consumer of that lap may read
 *
 * A producer that sees its turn claims the position by a compare-and-swap on tail, writes the
 * value and passes the turn; the consumer does the same with head.  An earlier turn than ours
 * means full (empty); a later one means that our position is stale.
 *
 * R1  a slot's turn only grows, by one at a time: by the producer, by the consumer, in alternation.
 * R2  between claim and pass the slot is the claimer's alone.
 *
 * Interrupted between claim and pass, a producer leaves a slot that nobody can read yet.  Others
 * go on: producers use the slots behind it until the ring is full, consumers find the ring empty
 * at it. Nobody ever waits for somebody, so all calls may be made in a signal handler, even one
 * that interrupted a call on the same ring in the same thread: its own call then works on another
 * position.  The price: a ring_pop that says "empty" has not proved that no push had returned; it
 * has proved that the OLDEST push has not.
 *
 * Orders, each shown necessary by ring_model.c:
 *   turn   release by who passes it, acquire by who gets it: the value (and what it points to) is
 *          written before it is read, and read before it is overwritten
 * head and tail are relaxed: they only say which slot to ask.
 *
 * Turns count from 0 in each slot by laps, unlike Vyukov's sequence numbers by positions: so a
 * ring of capacity 1 works too (with his, "full in lap 0" and "free in lap 1" would be the same
 * number).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_LOCKFREE_RING_H
#define WEFT_LOCKFREE_RING_H

#include "base/atomic.h"
#include "base/base.h"

struct weft__ring_slot {
    ATOMIC(uint64_t) turn;
    ATOMIC(void *) value;
};

struct weft__ring {
    WEFT_ALIGNED(WEFT_CACHE_LINE) struct weft__ring_slot *slots;
    uint64_t mask;
    uint32_t lap_shift;                                  /* capacity is 1 << lap_shift */
    WEFT_ALIGNED(WEFT_CACHE_LINE) ATOMIC(uint64_t) tail; /* the next position to write */
    WEFT_ALIGNED(WEFT_CACHE_LINE) ATOMIC(uint64_t) head; /* the next position to read */
};

/* Makes an empty ring of the caller's slots, which must live as long as it.  The capacity must be a
 * power of two.  Nobody else may know r yet. */
static inline void ring_init(struct weft__ring *r, struct weft__ring_slot *slots, size_t capacity)
{
    WEFT_CHECK(capacity > 0 && (capacity & (capacity - 1)) == 0);
    r->slots = slots;
    r->mask = capacity - 1;
    r->lap_shift = (uint32_t)__builtin_ctzll(capacity);
    a_store(&r->tail, 0, relaxed);
    a_store(&r->head, 0, relaxed);
    for (size_t i = 0; i < capacity; i++) {
        a_store(&slots[i].turn, 0, relaxed);
        a_store(&slots[i].value, NULL, relaxed);
    }
}

static inline size_t ring_capacity(const struct weft__ring *r)
{
    return (size_t)r->mask + 1;
}

/* Any thread; a guess that was true once. */
static inline size_t ring_size(struct weft__ring *r)
{
    uint64_t head = a_load(&r->head, relaxed);
    uint64_t tail = a_load(&r->tail, relaxed);
    int64_t size = (int64_t)(tail - head);

    if (size <= 0)
        return 0;
    return (uint64_t)size > r->mask ? ring_capacity(r) : (size_t)size;
}

/* Claims the next position of end (head or tail) at which the slot has reached the turn of that
 * position plus phase (0 to write, 1 to read).  NULL when the slot is behind: full, or empty. */
static inline struct weft__ring_slot *ring_claim(struct weft__ring *r, ATOMIC(uint64_t) *end,
                                                 uint64_t phase, uint64_t *ret_turn)
{
    uint64_t pos = a_load(end, relaxed);

    for (;;) {
        struct weft__ring_slot *slot = &r->slots[pos & r->mask];
        uint64_t want = 2 * (pos >> r->lap_shift) + phase;
        /* acquire pairs with the release in ring_push and ring_pop, whichever is the other one */
        uint64_t turn = a_load(&slot->turn, acquire);

        if (turn == want) {
            if (a_cas_weak(end, &pos, pos + 1, relaxed, relaxed)) {
                *ret_turn = turn;
                return slot;
            }
        } else if ((int64_t)(turn - want) < 0) {
            return NULL;
        } else { /* our position was taken long ago */
            pos = a_load(end, relaxed);
        }
    }
}

/* Any thread.  False when full. */
static inline bool ring_push(struct weft__ring *r, void *value)
{
    uint64_t turn;
    struct weft__ring_slot *slot = ring_claim(r, &r->tail, 0, &turn);

    if (slot == NULL)
        return false;
    a_store(&slot->value, value, relaxed);
    /* release pairs with the acquire in ring_claim, called by ring_pop */
    a_store(&slot->turn, turn + 1, release);
    return true;
}

/* Any thread.  False when empty, or when the oldest push has not returned yet. */
static inline bool ring_pop(struct weft__ring *r, void **ret_value)
{
    uint64_t turn;
    struct weft__ring_slot *slot = ring_claim(r, &r->head, 1, &turn);

    if (slot == NULL)
        return false;
    *ret_value = a_load(&slot->value, relaxed);
    /* release pairs with the acquire in ring_claim, called by ring_push a lap later */
    a_store(&slot->turn, turn + 1, release);
    return true;
}

#endif
