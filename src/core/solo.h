/* solo.h - one worker, and nobody else about: then nothing costs a read-modify-write.
 *
 * A run with one worker is SOLO as long as its sitter is the only thread that touches what tasks
 * share: channels, mutexes, scopes, wait words.  While weft__solo (base/lock.h) says so, the locks
 * of such objects are taken, and sleeps claimed, by plain stores.
 *
 * Whoever else wants to touch them ends it first, once and for the rest of the run: a plain
 * thread at its first call, a task on a thread of its own, a blocking call, a post, the watchdog
 * before it fires a timer or gives the seat away.
 *
 *   sitter:  inside := 1                     ender:   solo := 0
 *            look at solo, act accordingly            membarrier
 *            inside := 0 (release)                    wait until it is outside, or rests (acquire)
 *
 * So either the sitter sees that it is not alone, or the ender waits for it: Dekker's pattern, with
 * the fence on the side that is rarely taken, as in watch.c.  solo_model.c explores it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CORE_SOLO_H
#define WEFT_CORE_SOLO_H

#include "core/self.h"

/* The calling thread, which sits on the run's only seat, begins to be alone, if it is. */
void weft__solo_begin(struct weft__runtime *rt, struct weft__thread *sitter);

/* Never sleeps, but may wait for a moment.  The caller, any thread, holds no lock; afterwards it,
 * and those it starts, may touch what tasks share. */
void weft__solo_end(void);

/* In the child of a fork: its only thread is the one that forked, and the sitter may be gone. */
void weft__solo_forked(void);

/* The sitter sleeps from here to solo_stir, and touches nothing. */
static inline void weft__solo_rest(struct weft__thread *sitter)
{
    a_store(&sitter->inside, WEFT__INSIDE_AT_REST, release); /* as in weft__leave */
}

static inline void weft__solo_stir(struct weft__thread *sitter)
{
    a_store(&sitter->inside, WEFT__INSIDE, relaxed);
    a_compiler_fence(); /* made a fence by the ender's membarrier: we look at solo after it */
    if (WEFT_UNLIKELY(a_load(&weft__enter_fences, relaxed))) {
        a_fence(seq_cst);
    }
}

#endif
