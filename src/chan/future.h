/* future.h - what future.c, future_many.c and future_go.c share of a future; the contract is
 * weft/future.h.
 *
 * A future is one allocation: this header, room for the value, and for a task's argument.  Who
 * waits on it stands in `waiters` with a node on his own stack, or in `arms` with a node in the
 * caller's array.
 *
 * Once `done` is 1 nothing that a getter looks at changes any more, so that a look at a future that
 * is done takes no lock.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHAN_FUTURE_H
#define WEFT_CHAN_FUTURE_H

#include "base/list.h"
#include "core/waitq.h"
#include "weft/future.h"
#include "weft/scope.h"

#define WEFT_FUTURE_MAGIC UINT32_C(0x72757466)

struct weft_future {
    struct weft__lock lock;
    ATOMIC(uint32_t) done; /* release; then code, cancelled and value stand */
    int code;
    uint32_t value_size;
    uint32_t magic;
    bool cancelled;
    bool cancelling; /* a canceller is on its way to `scope`, which must stay open */
    ATOMIC(uint32_t) getters, setters;
    ATOMIC(uint32_t) sides; /* how many of the two are not 0 */
    struct weft__waitq waiters;
    struct weft__list arms, hooks;
    uint64_t waits, refused, hooks_called;

    /* of weft_future_go */
    weft_scope *scope; /* the task's own, while it runs */
    struct weft__waitq ender; /* the task, until its canceller is done */
    int (*fn)(void *arg);
    int (*fn_value)(void *arg, void *ret_value);
    void *arg;
    const void *site;

    _Alignas(16) unsigned char value[];
};

/* Is this a future?  Panics. */
void weft__future_expect(const weft_future *future);

/* Never sleeps.  A new one with `extra` bytes behind the value, aligned to 16, at *ret_extra. */
weft_future *weft__future_make(size_t value_size, size_t extra, void **ret_extra);

/* Never sleeps.  Makes it done, if it is not: value_size bytes are copied unless value is NULL.
 * 0, -WEFT_ESHUTDOWN or -WEFT_EBUSY.  The caller is not inside. */
int weft__future_finish(weft_future *future, int code, const void *value);

/* Sleeps.  Until it is done.  0 or -WEFT_ECANCELED. */
int weft__future_await(weft_future *future, const void *site);

/* Under the future's lock: it is done; all the arms that stand in it are told.  Whom to make ready
 * is put behind *tail. */
void weft__future_tell_arms(weft_future *future, struct weft__waiter **tail);

/* Asserts what must hold, see future.c; tests.  Takes the lock. */
void weft__future_check(weft_future *future);

#endif
