/* lock.c - the short lock that guards the runtime's own structures.
 *
 * Here is what is rare: waiting, and in debug builds the order of ranks.  The free path is inline
 * in lock.h.  What is waited for, and why in three steps, is told there.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/lock.h"

#include "base/panic.h"
#include "base/sys.h"
#include "base/time.h"

ATOMIC(uint32_t) weft__solo;

ATOMIC(uint32_t) weft__lock_forked;

enum {
    LOCK_SPINS = 100,  /* some microseconds: longer than any holder that runs needs */
    LOCK_YIELDS = 32,  /* the holder is preempted, perhaps by us */
    LOCK_SLEEP_NS = 50 * 1000,
    LOCK_SLEEP_MAX_NS = 1000 * 1000,
};

/* Waits without writing, so that the line stays shared until the holder takes it back to drop. */
static bool lock_look(struct weft__lock *l)
{
    /* pairs with the release in lock_drop */
    return a_load(&l->word, relaxed) == 0 && a_xchg(&l->word, 1, acquire) == 0;
}

bool weft__lock_is_orphan(void)
{
    return a_load(&weft__lock_forked, relaxed) && weft__sys_thread_count() == 1;
}

void weft__lock_contended(struct weft__lock *l)
{
    int64_t pause_ns = LOCK_SLEEP_NS;

    for (int i = 0; i < LOCK_SPINS; i++) {
        if (lock_look(l))
            return;
        a_relax();
    }
    for (int i = 0; i < LOCK_YIELDS; i++) {
        if (lock_look(l))
            return;
        weft__sys_yield();
    }
    if (weft__lock_is_orphan()) {
        a_store(&l->word, 1, relaxed);
        return;
    }
    while (!lock_look(l)) {
        weft__time_sleep_until(weft__time_now() + pause_ns);
        pause_ns = weft__min(pause_ns * 2, (int64_t)LOCK_SLEEP_MAX_NS);
    }
}

/* ---- ranks ---- */

ATOMIC(weft__lockrank_held_fn *) weft__lockrank_held;

static const char *const lockrank_names[] = {
    [WEFT_RANK_NONE] = "none",       [WEFT_RANK_SCOPE] = "scope",
    [WEFT_RANK_FD] = "descriptor",   [WEFT_RANK_SIM] = "simulation",
    [WEFT_RANK_RING] = "ring",
    [WEFT_RANK_BCAST] = "broadcast", [WEFT_RANK_CHAN] = "chan",
    [WEFT_RANK_SYNC] = "sync",
    [WEFT_RANK_WAITQ] = "waitq",     [WEFT_RANK_LIMITER] = "limiter",
    [WEFT_RANK_OFFLOAD] = "offload", [WEFT_RANK_TIMER] = "timer",
    [WEFT_RANK_INJECT] = "inject",   [WEFT_RANK_IDLE] = "idle",
    [WEFT_RANK_CARVING] = "carving", [WEFT_RANK_STACKS] = "stacks",
    [WEFT_RANK_RUNTIME] = "runtime",
    [WEFT_RANK_LOG] = "log",
};

const char *weft__lockrank_name(uint32_t rank)
{
    return rank < WEFT_ARRAY_SIZE(lockrank_names) ? lockrank_names[rank] : "?";
}

static struct weft__lockrank_stack *lockrank_mine(void)
{
    /* pairs with the release by which core/self.c sets it */
    weft__lockrank_held_fn *held = a_load(&weft__lockrank_held, acquire);

    return held != NULL ? held() : NULL;
}

/* May `next` be taken while `held` is? */
static bool lockrank_allows(const struct weft__lock *held, const struct weft__lock *next)
{
    if (held->rank != next->rank)
        return held->rank < next->rank;
    if (next->rank == WEFT_RANK_CHAN)
        return (uintptr_t)held < (uintptr_t)next;
    return next->rank == WEFT_RANK_SCOPE && held != next;
}

void weft__lockrank_check(const struct weft__lock *l)
{
    struct weft__lockrank_stack *mine = lockrank_mine();

    if (mine == NULL || l->rank == WEFT_RANK_NONE)
        return;
    for (uint32_t i = 0; i < mine->count; i++) {
        const struct weft__lock *held = mine->held[i];
        if (held == l)
            weft__panic("lock of rank %s taken twice", weft__lockrank_name(l->rank));
        if (!lockrank_allows(held, l))
            weft__panic("lock of rank %s taken while rank %s is held",
                        weft__lockrank_name(l->rank), weft__lockrank_name(held->rank));
    }
}

void weft__lockrank_note(const struct weft__lock *l)
{
    struct weft__lockrank_stack *mine = lockrank_mine();

    if (mine == NULL || l->rank == WEFT_RANK_NONE)
        return;
    if (mine->count < WEFT_LOCKRANK_DEPTH)
        mine->held[mine->count++] = l;
    else
        mine->lost++;
}

/* Locks are mostly dropped in the reverse order, so it looks from the top.  One that is not there
 * was taken before the hook was set, or when the table was full. */
void weft__lockrank_forget(const struct weft__lock *l)
{
    struct weft__lockrank_stack *mine = lockrank_mine();

    if (mine == NULL || l->rank == WEFT_RANK_NONE)
        return;
    for (uint32_t i = mine->count; i-- > 0;) {
        if (mine->held[i] != l)
            continue;
        memmove(&mine->held[i], &mine->held[i + 1], (mine->count - i - 1) * sizeof mine->held[0]);
        mine->count--;
        return;
    }
    if (mine->lost > 0)
        mine->lost--;
}
