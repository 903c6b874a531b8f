/* solo.c - one worker, and nobody else about; see solo.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/solo.h"

#include "base/sys.h"
#include "core/control.h"

static struct weft__lock solo_lock; /* between enders, and against the end of the run */
static ATOMIC(struct weft__thread *) solo_sitter;

void weft__solo_begin(struct weft__runtime *rt, struct weft__thread *sitter)
{
    if (WEFT_TSAN || rt->worker_count > 1 || weft__control ||
        a_load(&weft__enter_fences, relaxed)) {
        return;
    }
    lock_take(&solo_lock);
    /* A thread that attaches counts itself and then looks at the lock: it is counted here, or finds
     * the lock held, waits for it and ends this. */
    a_fence(seq_cst);
    if (a_load(&weft__foreign_seen, relaxed) <= 1) {
        a_store(&solo_sitter, sitter, relaxed);
        a_store(&weft__solo, 1, seq_cst);
    }
    lock_drop(&solo_lock);
}

#ifndef MODEL_SOLO
static void solo_wait_for(struct weft__thread *sitter)
{
    unsigned turns = 0;
    /* pairs with the releases in weft__leave and weft__solo_rest: what it did is seen */
    while (a_load(&sitter->inside, acquire) == WEFT__INSIDE) {
        if (++turns % 64) {
            a_relax();
        } else {
            weft__sys_yield(); /* it may need our CPU to get out */
        }
    }
}
#endif

/* The sitter itself waits for nobody, least of all for one who waits for it. */
void weft__solo_end(void)
{
    if (a_load(&weft__solo, seq_cst) == 0 && !lock_is_held(&solo_lock)) {
        return;
    }
    struct weft__thread *self = weft__self_or_null();
    if (self && self == a_load(&solo_sitter, relaxed)) {
        a_store(&weft__solo, 0, seq_cst); /* release: who sees it sees which locks we hold */
        return;
    }
    lock_take(&solo_lock);
    if (a_load(&weft__solo, relaxed)) {
        a_store(&weft__solo, 0, seq_cst);
        int rc = weft__sys_membarrier();
        WEFT_CHECK(rc == 0); /* it has worked before: else solo had not begun */
        solo_wait_for(a_load(&solo_sitter, relaxed));
    }
    lock_drop(&solo_lock);
}

void weft__solo_forked(void)
{
    a_store(&weft__solo, 0, relaxed);
    a_store(&solo_sitter, NULL, relaxed);
    lock_init(&solo_lock, WEFT_RANK_NONE);
}
