/* forkpool.h - what a runtime and a seat keep for tasks that fork: see forks.h.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CORE_FORKPOOL_H
#define WEFT_CORE_FORKPOOL_H

#include "base/lock.h"

struct weft__forks;

struct weft__forks_pool {
    struct weft__lock lock;
    struct weft__forks *free;
    struct weft__forks_arena *arenas; /* kept until the run ends */
};

/* The sitter's alone. */
struct weft__forks_seat {
    struct weft__forks *kept; /* one at hand for the next task that forks, or NULL */
    uint32_t ease;            /* how often in a row a wake-up for a piece was in vain */
    int64_t rest_until;       /* and until when there are to be none */
    int64_t part_at;          /* when it may next leave the CPU that it shares with its victim */
    bool is_hot;              /* pieces went to and fro here: the next one is near */
};

#endif
