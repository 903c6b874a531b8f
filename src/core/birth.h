/* birth.h - the memory of tasks that have not begun.
 *
 * Births come and go with each spawn, so a worker keeps those that began on it, hottest first.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CORE_BIRTH_H
#define WEFT_CORE_BIRTH_H

#include "base/alloc.h"
#include "base/fault.h"
#include "core/core.h"

#define WEFT_BIRTH_ROOM  64   /* bytes of argument that every birth has room for */
#define WEFT_BIRTHS_KEPT 1024 /* free ones beside each worker */

/* For the two below: there is one. */
static inline struct weft__birth *birth_pop(struct weft__birth_cache *cache)
{
    struct weft__birth *birth = cache->free;
    cache->free = birth->next_free;
    cache->count--;
    return birth;
}

/* Never sleeps.  Room for arg_size bytes; its fields are not filled.  seat may be NULL.  NULL: no
 * memory. */
static inline struct weft__birth *weft__birth_alloc(struct weft__worker *seat, size_t arg_size)
{
    if (seat && WEFT_LIKELY(seat->births.free != NULL) && arg_size <= WEFT_BIRTH_ROOM) {
        return WEFT_UNLIKELY(weft__fault(WEFT_FAULT_ALLOC)) ? NULL : birth_pop(&seat->births);
    }
    return weft__alloc(sizeof(struct weft__birth) + weft__max(arg_size, (size_t)WEFT_BIRTH_ROOM));
}

/* Never sleeps. */
static inline void weft__birth_free(struct weft__worker *seat, struct weft__birth *birth)
{
    if (seat && birth->arg_size <= WEFT_BIRTH_ROOM && seat->births.count < WEFT_BIRTHS_KEPT) {
        birth->next_free = seat->births.free;
        seat->births.free = birth;
        seat->births.count++;
        return;
    }
    weft__free(birth);
}

/* Never sleeps.  A birth like most: for a stack of the default class, which is promised, and an
 * argument that has room.  NULL: the seat has none at hand, or base/fault.h must be
 * asked. */
static inline struct weft__birth *weft__birth_take(struct weft__worker *seat)
{
    if (WEFT_UNLIKELY(!seat->births.free || seat->stack_credit <= 0 || weft__fault_is_armed())) {
        return NULL;
    }
    seat->stack_credit--;
    return birth_pop(&seat->births);
}

/* The run is over. */
static inline void weft__births_drop(struct weft__birth_cache *cache)
{
    struct weft__birth *birth;
    while ((birth = cache->free) != NULL) {
        cache->free = birth->next_free;
        weft__free(birth);
    }
}

#endif
