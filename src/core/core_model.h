/* core_model.h - what the models of this room share: fewer steps for what no protocol depends on.
 *
 * Included by each x_model.c after tests/model.h and before the file that it explores.  Every
 * atomic operation is a step, and steps multiply; so here
 *   - a lock is taken in one step and dropped in one (base/lock.h takes two to look whether it is
 *     held).  What it guards is plain memory, of which the explorer sees no stale value: the models
 *     show that the protocols hold, not that the lock does (lock_test.c).
 *   - what the model calls noise (counters, clocks) is plain memory, too.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CORE_CORE_MODEL_H
#define WEFT_CORE_CORE_MODEL_H

#define WEFT_BASE_LOCK_H /* instead of base/lock.h */

#include "base/base.h"
#include "base/lockrank.h"
#include "base/soloword.h"

struct weft__lock {
    ATOMIC(uint32_t) word;
};

#define LOCK_INIT(rank) {0}

static inline void model_lock_init(struct weft__lock *l, enum weft__lockrank rank)
{
    (void)rank;
    a_store(&l->word, 0, relaxed);
}

static inline void model_lock_take(struct weft__lock *l)
{
    while (a_xchg(&l->word, 1, acquire) != 0) {
        model_block_while(&l->word, 1u);
    }
}

static inline bool model_lock_try(struct weft__lock *l)
{
    return a_xchg(&l->word, 1, acquire) == 0;
}

static inline void model_lock_drop(struct weft__lock *l)
{
    a_store(&l->word, 0, release);
}

static inline bool model_lock_is_held(const struct weft__lock *l)
{
    return l->word != 0;
}

#define lock_init    model_lock_init
#define lock_take    model_lock_take
#define lock_take_object model_lock_take
#define lock_try     model_lock_try
#define lock_drop    model_lock_drop
#define lock_is_held model_lock_is_held

/* Each model says what it takes for noise. */
static bool model_is_noise(const void *at);

#undef a_load
#undef a_store
#undef a_add
#define a_load(p, order)                                                                          \
    (model_is_noise(p) ? *(p)                                                                     \
                       : weft__atomic_back(p, weft__atomic_operate(LOAD, p, #p, 0, order)))
#define a_store(p, v, order)                                                                      \
    (model_is_noise(p) ? (void)(*(p) = (v))                                                       \
                       : (void)weft__atomic_operate(STORE, p, #p, v, order))
#define a_add(p, v, order)                                                                        \
    (model_is_noise(p) ? (*(p) += (v)) - (v)                                                      \
                       : weft__atomic_back(p, weft__atomic_operate(ADD, p, #p, v, order)))

#include "core/control.h"

/* Nobody steers a model but its explorer. */
const struct weft__control *weft__control;

void weft__control_op(struct weft__thread *self, enum weft__deed deed, const void *object,
                      const void *second, const void *site)
{
    (void)self, (void)object, (void)second, (void)site;
    model_fail("steered: deed %d", (int)deed);
}

void weft__control_meet(enum weft__deed deed, const void *object, const void *second,
                        const void *site)
{
    weft__control_op(NULL, deed, object, second, site);
}

void weft__control_park(struct weft__thread *self, const struct weft__parking *parking)
{
    (void)parking;
    weft__control_op(self, WEFT__DEED_COUNT, NULL, NULL, NULL);
}

bool weft__control_wait(ATOMIC(uint32_t) *word, int64_t deadline)
{
    (void)word, (void)deadline;
    weft__control_op(NULL, WEFT__DEED_COUNT, NULL, NULL, NULL);
    return false;
}

void weft__control_say_order(const void *object)
{
    weft__control_op(NULL, WEFT__DEED_COUNT, object, NULL, NULL);
}

void weft__control_say_refused(void)
{
    weft__control_op(NULL, WEFT__DEED_COUNT, NULL, NULL, NULL);
}

#endif
