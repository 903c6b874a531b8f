/* sort.h - what both sorts need: memory as large as the array, and the word that they are to stop.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_PAR_SORT_H
#define WEFT_PAR_SORT_H

#include "base/atomic.h"
#include "base/base.h"
#include "weft/par.h"

/* Memory as large as the array. */
struct weft__sort_room {
    void *at;
    size_t mapped; /* 0: on the heap */
};

/* Sleeps.  Makes the room, mapped in huge pages if it is large.  0, -WEFT_ECANCELED, -WEFT_ENOMEM,
 * -WEFT_EINVAL. */
WEFT_MUST_USE int weft__sort_begin(struct weft__sort_room *room, size_t n, size_t size);

/* Never sleeps.  Gives the room back.  0, or the code for which it was stopped: *stopped, which is
 * not negative there. */
WEFT_MUST_USE int weft__sort_end(struct weft__sort_room *room, ATOMIC(uint32_t) *stopped);

/* Sleeps.  Lets others have their turns, as weft__par_pause; a cancel sets *stopped.  Returns
 * *stopped. */
bool weft__sort_pause(ATOMIC(uint32_t) *stopped, int32_t spent_us);

/* One element; the compiler knows the size where it is 4, 8 or 16, and moves it in registers. */
static inline __attribute__((always_inline)) void sort_move(void *to, const void *from, size_t size)
{
    switch (size) {
    case 4:
        memcpy(to, from, 4);
        break;
    case 8:
        memcpy(to, from, 8);
        break;
    case 16:
        memcpy(to, from, 16);
        break;
    default:
        memcpy(to, from, size);
    }
}

#endif
