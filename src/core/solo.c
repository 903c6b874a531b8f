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
    a_store(&solo_sitter, sitter, relaxed);
    a_store(&weft__solo, 1, seq_cst);
    /* A thread that attaches counts itself first and then ends this: it is seen here, or sees. */
    if (a_load(&weft__foreign_seen, seq_cst) > 1) {
        a_store(&weft__solo, 0, relaxed); /* an ender that does not see it takes the long way */
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
    if (weft__self_or_null() == a_load(&solo_sitter, relaxed)) {
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
