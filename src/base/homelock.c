/* homelock.c - a lock that costs its home next to nothing; see homelock.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/homelock.h"

#include "base/sys.h"

#define HOMELOCK_CALM 1024 /* times that home must come alone before it is its own again */
#define HOMELOCK_SPIN 64

enum homelock_sharing {
    HOMELOCK_OWN = 0,
    HOMELOCK_SHARED,
    HOMELOCK_FOR_EVER /* there is no membarrier */
};

enum homelock_barrier {
    HOMELOCK_UNKNOWN = 0,
    HOMELOCK_HAS_BARRIER,
    HOMELOCK_HAS_NONE
};

static ATOMIC(uint32_t) homelock_barrier;

static bool homelock_has_barrier(void)
{
    uint32_t state = a_load(&homelock_barrier, relaxed);
    if (state == HOMELOCK_UNKNOWN) { /* two may both ask, and hear the same */
        bool has = weft__sys_membarrier_register() == 0 && weft__sys_membarrier() == 0;
        state = has ? HOMELOCK_HAS_BARRIER : HOMELOCK_HAS_NONE;
        a_store(&homelock_barrier, state, relaxed);
    }
    return state == HOMELOCK_HAS_BARRIER;
}

void weft__homelock_init(struct weft__homelock *l, enum weft__lockrank rank)
{
    lock_init(&l->lock, rank);
    a_store(&l->inside, 0, relaxed);
    a_store(&l->shared, homelock_has_barrier() ? HOMELOCK_OWN : HOMELOCK_FOR_EVER, relaxed);
    l->calm = 0;
}

WEFT_NOINLINE bool weft__homelock_enter_shared(struct weft__homelock *l)
{
    a_store(&l->inside, 0, release); /* it was not in; a guest waits for this */
    lock_take(&l->lock);
    if (++l->calm >= HOMELOCK_CALM && a_load(&l->shared, relaxed) == HOMELOCK_SHARED) {
        a_store(&l->shared, HOMELOCK_OWN, relaxed); /* the next guest will set it again */
    }
    return true;
}

/* Until home is out.  It may need our CPU to get there. */
static void homelock_await(struct weft__homelock *l)
{
#if defined(WEFT_ATOMIC_CHECK)
    (void)model_block_while(&l->inside, 1u);
#else
    unsigned turns = 0;
    while (a_load(&l->inside, acquire) != 0) { /* pairs with the release in homelock_leave */
        if (++turns % HOMELOCK_SPIN) {
            a_relax();
        } else if (weft__lock_is_orphan()) {
            a_store(&l->inside, 0, relaxed);
        } else {
            weft__sys_yield();
        }
    }
#endif
}

void weft__homelock_take(struct weft__homelock *l)
{
    lock_take(&l->lock);
    if (a_load(&l->shared, relaxed) == HOMELOCK_OWN) {
        a_store(&l->shared, HOMELOCK_SHARED, relaxed);
        int rc = weft__sys_membarrier();
        WEFT_CHECK(rc == 0); /* it has worked before */
        homelock_await(l);
    }
    l->calm = 0;
}
