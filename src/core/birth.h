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

/* Never sleeps.  Room for arg_size bytes; its fields are not filled.  seat may be NULL.  NULL: no
 * memory. */
static inline struct weft__birth *weft__birth_alloc(struct weft__worker *seat, size_t arg_size)
{
    struct weft__birth *birth = seat ? seat->births.free : NULL;
    if (WEFT_LIKELY(birth != NULL) && arg_size <= WEFT_BIRTH_ROOM) {
        if (WEFT_UNLIKELY(weft__fault(WEFT_FAULT_ALLOC))) {
            return NULL;
        }
        seat->births.free = birth->next_free;
        seat->births.count--;
        return birth;
    }
    return weft__alloc(sizeof *birth + weft__max(arg_size, (size_t)WEFT_BIRTH_ROOM));
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
    struct weft__birth *birth = seat->births.free;
    if (WEFT_UNLIKELY(!birth || seat->stack_credit <= 0 || weft__fault_is_armed())) {
        return NULL;
    }
    seat->births.free = birth->next_free;
    seat->births.count--;
    seat->stack_credit--;
    return birth;
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
