/* model.h - what stands in for the program's locks: one small record for each address.
 *
 * No real lock is taken under control.  A record is made at the first use of an object, so static
 * initialisers need no call.  The object's own bytes are kept as libc would have them where that is
 * cheap (is it locked, by whom), for a process that is forked off and goes on without us, and to
 * notice that the memory holds another object now.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_MODEL_H
#define WEFT_CHECK_MODEL_H

#include "check/preload/preload.h"

#define WEFT__NOBODY 0xffff

enum weft__model_kind {
    WEFT__MODEL_MUTEX = 1, /* spin locks, too */
    WEFT__MODEL_COND,
    WEFT__MODEL_RWLOCK,
    WEFT__MODEL_READER,    /* of a rwlock: how often a strand holds it; key adds the strand */
    WEFT__MODEL_SEM,
    WEFT__MODEL_BARRIER,
    WEFT__MODEL_ONCE
};

struct weft__model {
    uintptr_t address;
    uint32_t next;      /* in the bucket; index + 1, 0: none */
    uint8_t kind;       /* enum weft__model_kind; 0: free */
    uint8_t state;      /* once: 0, 1 runs, 2 done; mutex: owner died (1), is lost (2) */
    uint16_t strand;    /* key of a READER */
    uint16_t owner;     /* mutex, rwlock (writer), once: a strand, or WEFT__NOBODY */
    uint16_t first, last; /* cond: strands that wait, in the order they came */
    uint32_t count;     /* mutex, reader: depth; rwlock: readers; sem: units; barrier: arrived */
    uint32_t waiting;   /* strands that wait for it, or in it */
    uint32_t limit;     /* barrier: how many */
    uint32_t round;     /* barrier */
};

/* In the server, once. */
void weft__models_init(void);

/* NULL: none. */
struct weft__model *weft__model_find(enum weft__model_kind kind, const void *object,
                                     uint16_t strand);

/* Makes it if need be, zeroed but for owner, first and last.  Never NULL. */
struct weft__model *weft__model_get(enum weft__model_kind kind, const void *object,
                                    uint16_t strand, bool *ret_is_new);

void weft__model_drop(struct weft__model *model);

/* Calls back for each record of a kind. */
void weft__models_each(enum weft__model_kind kind, void (*call)(struct weft__model *model));

#endif
