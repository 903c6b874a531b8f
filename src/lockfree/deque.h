/* deque.h - a worker's bounded run queue, which others may rob of half.
 *
 * Called by core: the owner (the OS thread that sits on the seat) pushes at the tail and takes from
 * the head; thieves take up to half from the head in one step.  Items are pointers, never NULL.
 *
 *   struct weft__deque d;                    void *loot[DEQUE_CAPACITY / 2];
 *   deque_init(&d);
 *   owner:  if (!deque_push(&d, task)) {     thief:  n = deque_steal_half(&d, loot, 128);
 *               n = deque_take_half(&d, loot, 128);          run loot[0], push the others
 *               put the task on the overflow list behind it
 *           }
 *
 * Everybody takes the oldest item, the owner too: a run queue of tasks that yield must be first
 * in, first out, or one task starves the others (promise S4).  That is why this is not the deque
 * of Chase and Lev, whose owner takes the youngest; theirs needs a full fence in each take and can
 * give only one item to a thief.  Here both ends pay one compare-and-swap on the head instead.
 *
 * How it works.  Index i lives in slot i & (DEQUE_CAPACITY - 1); the items are those of the indices
 * head .. tail - 1.  Only the owner moves tail.  Whoever moves head from h to h + n owns the items
 * h .. h + n - 1.  He has copied them BEFORE his compare-and-swap, because the owner may put new
 * items into these slots as soon as the head has passed them; that the swap succeeds proves that it
 * had not.
 *
 *   D1  0 <= tail - head <= DEQUE_CAPACITY, at every moment of the order in which both are written.
 *   D2  slot i is written only by the owner, only while i - head < DEQUE_CAPACITY.
 *   D3  head never goes back; so a stale head makes a compare-and-swap fail and does nothing else.
 *
 * From D1 and D3: if a thief's two loads say tail - head > DEQUE_CAPACITY, then his head is stale
 * and his swap will fail.  So that case has no branch of its own: what he copied is thrown away.
 *
 * Indices have 64 bits.  With 32, a thief could fall asleep before his swap, the owner pass 2^32
 * items meanwhile (half a minute at 8 ns each) and the swap succeed by mistake; with 64 that
 * takes 4,000 years.
 *
 * Orders.  deque_model.c weakens each and demands a failure; it finds the first two.  The last two
 * keep a load before a store, which its explorer never swaps: it shows the thief that claims first
 * instead.
 *   tail   release in push, acquire in steal    the thief sees what the slots hold, and what the
 *                                               items point to
 *   head   release in steal, acquire in push    the owner overwrites a slot after the thief read it
 * The owner's own compare-and-swap is relaxed: the slots it frees are his to overwrite anyway; and
 * a read-modify-write keeps the release of the thief before it.
 *
 * The seat may change its thread.  Old and new owner must synchronise outside (the hand-over does),
 * nothing here depends on the thread's identity.
 *
 * Before sleeping: after a seq_cst fence, deque_size() == 0 means that no item whose push came
 * before its maker's own seq_cst fence is still here.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_LOCKFREE_DEQUE_H
#define WEFT_LOCKFREE_DEQUE_H

#include "base/atomic.h"
#include "base/base.h"

#ifndef DEQUE_CAPACITY
#define DEQUE_CAPACITY 1024 /* models and check builds say 2 or 4 */
#endif

_Static_assert(DEQUE_CAPACITY >= 2 && (DEQUE_CAPACITY & (DEQUE_CAPACITY - 1)) == 0,
               "indices become slots by a mask, and half of the items must be at least one");

struct weft__deque {
    WEFT_ALIGNED(WEFT_CACHE_LINE) ATOMIC(uint64_t) head; /* written by whoever takes */
    WEFT_ALIGNED(WEFT_CACHE_LINE) ATOMIC(uint64_t) tail; /* written by the owner */
    WEFT_ALIGNED(WEFT_CACHE_LINE) ATOMIC(void *) slots[DEQUE_CAPACITY];
};

/* Nobody else may know d yet. */
static inline void deque_init(struct weft__deque *d)
{
    a_store(&d->head, 0, relaxed);
    a_store(&d->tail, 0, relaxed);
    for (size_t i = 0; i < DEQUE_CAPACITY; i++)
        a_store(&d->slots[i], NULL, relaxed);
}

static inline size_t deque_slot(uint64_t index)
{
    return index & (DEQUE_CAPACITY - 1);
}

/* Any thread.  Exact for the owner when no thief is about, for others a guess. */
static inline size_t deque_size(struct weft__deque *d)
{
    uint64_t tail = a_load(&d->tail, relaxed);
    uint64_t head = a_load(&d->head, relaxed);
    int64_t size = (int64_t)(tail - head);

    if (size <= 0) /* the items went between the two loads */
        return 0;
    return size > DEQUE_CAPACITY ? DEQUE_CAPACITY : (size_t)size;
}

/* Asserts D1.  Owner only, or when nobody else is about. */
static inline void deque_check(struct weft__deque *d)
{
    uint64_t tail = a_load(&d->tail, relaxed);
    uint64_t head = a_load(&d->head, relaxed);

    WEFT_CHECK(tail - head <= DEQUE_CAPACITY);
}

/* Owner only.  Puts as many of the n items as have room behind the tail, in order; returns how
 * many.  Thieves see all of them at once. */
static inline size_t deque_push_batch(struct weft__deque *d, void *const *items, size_t n)
{
    uint64_t tail = a_load(&d->tail, relaxed);
    /* acquire pairs with the release in deque_steal_half: who freed these slots has read them */
    uint64_t head = a_load(&d->head, acquire);
    size_t room = DEQUE_CAPACITY - (size_t)(tail - head);

    WEFT_CHECK(room <= DEQUE_CAPACITY);
    if (n > room)
        n = room;
    for (size_t i = 0; i < n; i++) {
        WEFT_CHECK(items[i] != NULL);
        a_store(&d->slots[deque_slot(tail + i)], items[i], relaxed);
    }
    /* release pairs with the acquire of tail in deque_steal_half */
    a_store(&d->tail, tail + n, release);
    return n;
}

/* Owner only.  False when full: nothing was done.  Orders: as deque_push_batch. */
static inline bool deque_push(struct weft__deque *d, void *item)
{
    uint64_t tail = a_load(&d->tail, relaxed);
    uint64_t head = a_load(&d->head, acquire);

    WEFT_CHECK(item != NULL);
    if (tail - head >= DEQUE_CAPACITY)
        return false;
    a_store(&d->slots[deque_slot(tail)], item, relaxed);
    a_store(&d->tail, tail + 1, release);
    return true;
}

/* Owner only.  Takes the oldest n items, or fewer if there are fewer. */
static inline size_t deque_take_batch(struct weft__deque *d, void **ret_items, size_t n)
{
    uint64_t tail = a_load(&d->tail, relaxed);
    uint64_t head = a_load(&d->head, relaxed);

    do {
        size_t size = (size_t)(tail - head);

        WEFT_CHECK(size <= DEQUE_CAPACITY);
        if (n > size)
            n = size;
        if (n == 0)
            return 0;
        for (size_t i = 0; i < n; i++)
            ret_items[i] = a_load(&d->slots[deque_slot(head + i)], relaxed);
    } while (!a_cas(&d->head, &head, head + n, relaxed, relaxed));
    return n;
}

/* Owner only.  The oldest item, or NULL when empty. */
static inline void *deque_take(struct weft__deque *d)
{
    void *item;

    return deque_take_batch(d, &item, 1) == 1 ? item : NULL;
}

/* Owner only, where there are no thieves at all. */
static inline void *deque_take_alone(struct weft__deque *d)
{
    uint64_t tail = a_load(&d->tail, relaxed);
    uint64_t head = a_load(&d->head, relaxed);

    if (head == tail)
        return NULL;
    a_store(&d->head, head + 1, relaxed);
    return a_load(&d->slots[deque_slot(head)], relaxed);
}

/* The same, for one that has been peeked at. */
static inline void deque_drop_alone(struct weft__deque *d)
{
    a_store(&d->head, a_load(&d->head, relaxed) + 1, relaxed);
}

/* Owner only, where there are no thieves.  The i-th oldest item, NULL when there are fewer. */
static inline void *deque_peek(struct weft__deque *d, uint64_t i)
{
    uint64_t at = a_load(&d->head, relaxed) + i;
    return at < a_load(&d->tail, relaxed) ? a_load(&d->slots[deque_slot(at)], relaxed) : NULL;
}

/* Owner only.  Takes the older half (rounded up), at most max: what leaves when it overflows. */
static inline size_t deque_take_half(struct weft__deque *d, void **ret_items, size_t max)
{
    size_t half = (deque_size(d) + 1) / 2;

    return deque_take_batch(d, ret_items, half < max ? half : max);
}

/* Any thread.  Takes the older half (rounded up), at most max, into ret_items; returns how many.
 * 0 means that there was nothing; a lost race is tried again here, and somebody has won it.
 * ret_items may be written up to max even where the call returns less. */
static inline size_t deque_steal_half(struct weft__deque *d, void **ret_items, size_t max)
{
    uint64_t head = a_load(&d->head, relaxed);
    uint64_t n;

    do {
        /* acquire pairs with the release in deque_push_batch */
        uint64_t tail = a_load(&d->tail, acquire);
        int64_t size = (int64_t)(tail - head);

        if (size <= 0 || max == 0)
            return 0;
        n = ((uint64_t)size + 1) / 2;
        if (n > max)
            n = max;
        for (size_t i = 0; i < n; i++)
            ret_items[i] = a_load(&d->slots[deque_slot(head + i)], relaxed);
        /* release pairs with the acquire of head in deque_push_batch: the reads above are over */
    } while (!a_cas(&d->head, &head, head + n, release, relaxed));
    return (size_t)n;
}

#endif
