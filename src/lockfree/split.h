/* split.h - the pieces that a task has forked: a stack with a part that others may take from.
 *
 * Called by core: the owner (the task) pushes a piece when it forks and takes it back when it
 * joins; thieves take the oldest one.  Items are addresses, even, never 0.
 *
 *        first        tail          split            head
 *          | stolen     | shared      | private        |  free
 *
 * The owner pushes and takes in the private part with plain loads and stores alone; that is the
 * point of it.  It moves the split when it is asked: up, to share half of what is private, when a
 * thief found nothing; down, to take back half of what is shared, when it joins its way into that.
 * What is worth a swap may be offered unasked, to be there even while the owner has no CPU.
 * tail and split lie in one word, `ends`, which is only changed as a whole.
 *
 *   S1  first <= tail <= split <= head.
 *   S2  While tail < split the slot at tail holds the item that was shared there.  So a thief reads
 *       it AFTER his compare-and-swap has won, and it may be the slot's third item since he looked.
 *   S3  A slot that was stolen is not used again before its owner has been told the item's end.
 *
 * A stolen slot is where the two who must know of its end meet: the thief swaps in 0 when he is
 * done; the owner, who wants to sleep until then, marks the item.  One of them comes second, and
 * knows it.
 *
 * To be asked costs the owner nothing: fork_to and join_from are bounds that it compares with
 * anyway, and a thief who wants something sets them so that no slot is within.  `asked` says that
 * they are set, for thieves who would like to leave the owner's cache line alone.
 *
 * From Lace (van Dijk and van de Pol, "Lace: Non-blocking Split Deque for Work-Stealing", 2014).
 * There the owner stores the split alone and needs a fence when it takes back; here a
 * compare-and-swap of the whole word, so that no word is accessed in two sizes.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_LOCKFREE_SPLIT_H
#define WEFT_LOCKFREE_SPLIT_H

#include "base/atomic.h"
#include "base/base.h"

typedef ATOMIC(uintptr_t) weft__split_slot;

struct weft__split {
    /* The owner's line.  The first four are known to inlined code: see weft/par.h. */
    ATOMIC(uintptr_t) fork_to;   /* a slot below this may be pushed into without more ado */
    ATOMIC(uintptr_t) join_from; /* likewise one from here on be taken from */
    weft__split_slot *head;      /* the owner's, as are the rest */
    void *note;                  /* for the owner's code, not used here */
    weft__split_slot *first;
    uint32_t capacity;
    uint32_t split; /* as in ends */
    uint32_t over;  /* items that found no room */

    WEFT_ALIGNED(WEFT_CACHE_LINE) ATOMIC(uint64_t) ends; /* tag:32 tail:16 split:16 */
    ATOMIC(uint32_t) asked;
};

#define SPLIT_CAPACITY_MAX UINT32_C(0xffff)
#define SPLIT_MASK         UINT64_C(0xffff)
#define SPLIT_TAIL_SHIFT   16
#define SPLIT_TAIL_UNIT    (UINT64_C(1) << SPLIT_TAIL_SHIFT)
#define SPLIT_TAG_SHIFT    32

/* What a stolen slot holds besides the item. */
#define SPLIT_DONE   ((uintptr_t)0)
#define SPLIT_WAITED ((uintptr_t)1) /* a bit: the owner sleeps */

enum split_taken {
    SPLIT_MINE,  /* the owner has it */
    SPLIT_STOLEN /* it stays until split_settle */
};

static inline uint32_t split_tail(uint64_t ends)
{
    return (uint32_t)(ends >> SPLIT_TAIL_SHIFT & SPLIT_MASK);
}

static inline uint32_t split_tag(uint64_t ends)
{
    return (uint32_t)(ends >> SPLIT_TAG_SHIFT);
}

static inline bool split_has_more(uint64_t ends)
{
    return split_tail(ends) < (uint32_t)(ends & SPLIT_MASK);
}

static inline uint32_t split_count(const struct weft__split *s)
{
    return (uint32_t)(s->head - s->first);
}

static inline bool split_is_wanted(struct weft__split *s)
{
    return a_load(&s->fork_to, relaxed) == 0;
}

/* ---- the owner ---- */

static inline void split_set_join_from(struct weft__split *s)
{
    uintptr_t from = s->over ? UINTPTR_MAX : (uintptr_t)(s->first + s->split);
    a_store(&s->join_from, from, relaxed);
}

/* Nobody is wanted any more. */
static inline void split_reopen(struct weft__split *s)
{
    a_store(&s->fork_to, (uintptr_t)(s->first + s->capacity), relaxed);
    split_set_join_from(s);
    a_store(&s->asked, 0, release); /* pairs with the acquire in split_ask */
}

/* Thieves of an earlier owner may know s.  tag: told to a thief with what he looks at. */
static inline void split_begin(struct weft__split *s, uint32_t tag)
{
    WEFT_CHECK(s->head == s->first);
    s->split = s->over = 0;
    a_store(&s->ends, (uint64_t)tag << SPLIT_TAG_SHIFT, relaxed);
    split_reopen(s);
}

/* Nobody else may know s yet. */
static inline void split_init(struct weft__split *s, weft__split_slot *slots, uint32_t capacity)
{
    WEFT_CHECK(capacity <= SPLIT_CAPACITY_MAX);
    s->head = s->first = slots;
    s->capacity = capacity;
    split_begin(s, 0);
}

/* False: somebody wants something, or there is no room; see split_push_slowly. */
static inline bool split_push(struct weft__split *s, uintptr_t item)
{
    weft__split_slot *at = s->head;
    if (WEFT_UNLIKELY((uintptr_t)at >= a_load(&s->fork_to, relaxed))) {
        return false;
    }
    a_store(at, item, relaxed);
    s->head = at + 1;
    return true;
}

/* False: there is no room, which the owner must remember of this item, to say split_forget instead
 * of taking it. */
static inline bool split_push_slowly(struct weft__split *s, uintptr_t item)
{
    if (s->head >= s->first + s->capacity) {
        s->over++;
        split_set_join_from(s);
        return false;
    }
    a_store(s->head, item, relaxed);
    s->head++;
    return true;
}

/* Takes the last item back.  False: it is not `item`, or somebody wants something: split_take. */
static inline bool split_pop(struct weft__split *s, uintptr_t item)
{
    weft__split_slot *at = s->head;
    if (WEFT_UNLIKELY((uintptr_t)at <= a_load(&s->join_from, relaxed)) ||
        WEFT_UNLIKELY(a_load(at - 1, relaxed) != item)) {
        return false;
    }
    s->head = at - 1;
    return true;
}

static inline void split_forget(struct weft__split *s)
{
    WEFT_CHECK(s->over > 0);
    s->over--;
    split_set_join_from(s);
}

static inline void split_share_to(struct weft__split *s, uint32_t to)
{
    uint64_t ends = a_load(&s->ends, relaxed);
    /* release pairs with the acquire in split_steal: the slots, and what their items point to */
    while (!a_cas(&s->ends, &ends, (ends & ~SPLIT_MASK) | to, release, relaxed)) {}
    s->split = to;
}

/* Shares half (rounded up) of what is private of the first `count`.  False: that is none. */
static inline bool split_share(struct weft__split *s, uint32_t count)
{
    if (count <= s->split) {
        return false;
    }
    split_share_to(s, (s->split + count + 1) / 2);
    split_reopen(s);
    return true;
}

/* Shares the first `count`, asked or not, which is no answer to who has asked. */
static inline void split_offer(struct weft__split *s, uint32_t count)
{
    split_share_to(s, count);
    split_set_join_from(s);
    if (split_is_wanted(s)) { /* who asks may be between his two stores */
        a_store(&s->join_from, UINTPTR_MAX, relaxed);
    }
}

/* Takes the last item back, which is not over; with half of what is shared, if not is_one. */
static inline enum split_taken split_take(struct weft__split *s, bool is_one)
{
    uint32_t at = split_count(s) - 1;
    WEFT_CHECK(s->head > s->first);
    if (at < s->split) {
        uint64_t ends = a_load(&s->ends, relaxed), to;
        do {
            uint32_t tail = split_tail(ends);
            if (tail > at) {
                return SPLIT_STOLEN;
            }
            to = is_one ? at : tail + (at - tail) / 2;
        } while (!a_cas(&s->ends, &ends, (ends & ~SPLIT_MASK) | to, relaxed, relaxed));
        s->split = (uint32_t)to;
        if (!split_is_wanted(s)) {
            split_set_join_from(s);
        }
    }
    s->head--;
    return SPLIT_MINE;
}

static inline weft__split_slot *split_last(struct weft__split *s)
{
    return s->head - 1;
}

/* The last item was stolen, and has ended. */
static inline void split_settle(struct weft__split *s)
{
    uint64_t ends = a_load(&s->ends, relaxed);
    uint32_t at = split_count(s) - 1;
    WEFT_CHECK(split_tail(ends) == at + 1);
    WEFT_CHECK(!split_has_more(ends)); /* so no thief's swap can succeed now */
    s->head--;
    s->split = at;
    ends = (uint64_t)split_tag(ends) << SPLIT_TAG_SHIFT | (uint64_t)at << SPLIT_TAIL_SHIFT | at;
    a_store(&s->ends, ends, relaxed);
    if (!split_is_wanted(s)) {
        split_set_join_from(s);
    }
}

/* The owner of a stolen item has settled to sleep.  False: it has ended, so nobody will wake it. */
static inline bool split_wait(weft__split_slot *slot, uintptr_t item)
{
    /* release pairs with split_finish: the sleeper can be found; acquire, when it has ended */
    return a_cas(slot, &item, item | SPLIT_WAITED, release, acquire);
}

static inline bool split_is_done(weft__split_slot *slot)
{
    return a_load(slot, acquire) == SPLIT_DONE; /* pairs with split_finish */
}

/* ---- thieves; any thread, at any time after split_init ---- */

/* Asks for something to be shared. */
static inline void split_ask(struct weft__split *s)
{
    /* acquire pairs with split_reopen: of its stores and ours to the bounds, ours come last */
    if (a_load(&s->asked, relaxed) == 0 && a_xchg(&s->asked, 1, acquire) == 0) {
        a_store(&s->fork_to, 0, relaxed);
        a_store(&s->join_from, UINTPTR_MAX, relaxed);
    }
}

static inline uint64_t split_look(struct weft__split *s)
{
    return a_load(&s->ends, relaxed);
}

/* Takes the oldest of `ends`, in which there were more.  NULL: something has changed since that was
 * looked at.  The slot is the thief's until split_finish. */
static inline weft__split_slot *split_steal(struct weft__split *s, uint64_t ends,
                                            uintptr_t *ret_item)
{
    uint32_t tail = split_tail(ends);
    /* acquire pairs with the release in split_share */
    if (!a_cas(&s->ends, &ends, ends + SPLIT_TAIL_UNIT, acquire, relaxed)) {
        return NULL;
    }
    *ret_item = a_load(&s->first[tail], relaxed) & ~SPLIT_WAITED;
    return &s->first[tail];
}

/* What was stolen has ended.  True: its owner sleeps, or is about to, and must be woken; else the
 * item may be gone already. */
static inline bool split_finish(weft__split_slot *slot)
{
    /* release: what the item's run has left; acquire: the sleeper; both pair with split_wait */
    return (a_xchg(slot, SPLIT_DONE, acq_rel) & SPLIT_WAITED) != 0;
}

#endif
