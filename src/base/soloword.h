/* soloword.h - is one thread alone about?
 *
 * core/solo.h begins and ends it.  Then no lock is contended, and no claim, and a plain store does
 * what else takes a read-modify-write: some 6 ns each time.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_BASE_SOLOWORD_H
#define WEFT_BASE_SOLOWORD_H

#include "base/atomic.h"

extern ATOMIC(uint32_t) weft__solo;

/* Only between weft__enter and weft__leave, and to be asked anew at each step.  ThreadSanitizer
 * could not follow its end; of the models solo_model.c alone has it. */
static inline bool weft__is_solo(void)
{
#if WEFT_TSAN || (defined(WEFT_ATOMIC_CHECK) && !defined(MODEL_SOLO))
    return false;
#else
    return a_load(&weft__solo, relaxed) != 0;
#endif
}

#endif
