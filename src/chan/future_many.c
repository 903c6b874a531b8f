/* future_many.c - waiting for several futures: all of them, any of them, each as it is done.
 *
 * An each is a list of what is done and not told yet, with those who wait for it.  Its arms stand
 * in their futures until these are done; then the setter, under the future's lock, moves the arm
 * over and claims a taker, if one waits.  So the arms come out in the order in which they were
 * done, whoever looks when, and n futures cost n steps however they end.  wait_any is an each of
 * which one arm is taken.
 *
 * Locks: a future's, then the each's.  After the close has held each future's lock once, no setter
 * knows the each any more.
 *
 * Rejected: one ticket in the queues of all futures, as in a select (who wakes must find out which
 * was first, and the next one again queues n nodes).
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/panic.h"
#include "chan/future.h"
#include "core/worker.h"
#include "weft/err.h"

/* What lies in weft_future_each. */
struct future_each {
    struct weft__lock lock; /* of what changes: left, ready, takers */
    weft_future_arm *arms;
    size_t n;
    size_t left; /* arms that have not been told */
    struct weft__list ready;
    struct weft__waitq takers;
};

enum future_place { FUTURE_ARM_OUT = 0, FUTURE_ARM_WAITS, FUTURE_ARM_READY };

/* What lies in weft_future_arm.opaque. */
struct future_arm {
    struct weft__list link;
    struct future_each *each;
    enum future_place place; /* under the future's lock */
};

struct future_taker {
    struct weft__waiter waiter; /* first */
    int result;                 /* the index of an arm, or -WEFT_EPIPE */
    const void *site;
};

_Static_assert(sizeof(struct future_each) <= sizeof(weft_future_each), "fits its public box");
_Static_assert(sizeof(struct future_arm) <= sizeof(((weft_future_arm *)0)->opaque),
               "fits its public box");

static const struct weft__wait_kind future_any_kind = {.what = "one of several futures"};

static struct future_each *future_each_of(weft_future_each *each)
{
    return (struct future_each *)(void *)each->opaque;
}

static struct future_arm *future_arm_of(weft_future_arm *arm)
{
    return (struct future_arm *)(void *)arm->opaque;
}

static int future_arm_index(const struct future_each *each, const struct future_arm *inside)
{
    const weft_future_arm *arm =
        (const weft_future_arm *)((uintptr_t)inside - offsetof(weft_future_arm, opaque));
    return (int)(arm - each->arms);
}

/* ---- told by the setter ---- */

static void future_taker_give(struct weft__waiter *waiter, int result)
{
    container_of(waiter, struct future_taker, waiter)->result = result;
}

/* The last arm has been told: who still waits does so in vain.  Under the each's lock. */
static struct weft__waiter **future_each_end(struct future_each *each, struct weft__waiter **tail)
{
    *tail = weft__waitq_claim_all(&each->takers);
    for (; *tail; tail = &(*tail)->next) {
        future_taker_give(*tail, -WEFT_EPIPE);
    }
    return tail;
}

/* The arm is done.  Returns the new end of the chain. */
static struct weft__waiter **future_each_tell(struct future_each *each, struct future_arm *arm,
                                              struct weft__waiter **tail)
{
    lock_take_object(&each->lock);
    struct weft__waiter *taker = weft__waitq_claim(&each->takers);
    if (taker) {
        WEFT_CHECK(list_empty(&each->ready));
        WEFT_CHECK(each->left > 0);
        future_taker_give(taker, future_arm_index(each, arm));
        each->left--;
        taker->next = NULL; /* here ends the chain, for now */
        *tail = taker;
        tail = &taker->next;
        if (each->left == 0) {
            tail = future_each_end(each, tail);
        }
    } else {
        list_push_back(&each->ready, &arm->link);
    }
    lock_drop(&each->lock);
    return tail;
}

void weft__future_tell_arms(weft_future *future, struct weft__waiter **tail)
{
    struct weft__list *link;
    while ((link = list_pop_front(&future->arms)) != NULL) {
        struct future_arm *arm = container_of(link, struct future_arm, link);
        arm->place = FUTURE_ARM_READY;
        tail = future_each_tell(arm->each, arm, tail);
    }
}

/* ---- open and close ---- */

/* From here on the setter may tell the arm. */
static void future_arm_stand(struct future_each *each, weft_future_arm *arm)
{
    struct future_arm *inside = future_arm_of(arm);
    weft_future *future = arm->future;
    struct weft__waiter *chain = NULL;
    *inside = (struct future_arm){.each = each};
    lock_take_object(&future->lock);
    if (a_load(&future->done, relaxed)) {
        inside->place = FUTURE_ARM_READY;
        (void)future_each_tell(each, inside, &chain);
    } else {
        inside->place = FUTURE_ARM_WAITS;
        list_push_back(&future->arms, &inside->link);
    }
    lock_drop(&future->lock);
    WEFT_CHECK(chain == NULL); /* nobody takes before the open has returned */
}

/* The caller is inside. */
static void future_each_start(struct future_each *each, weft_future_arm *arms, size_t n)
{
    memset(each, 0, sizeof *each);
    lock_init(&each->lock, WEFT_RANK_WAITQ);
    list_init(&each->ready);
    each->arms = arms;
    each->n = n;
    for (size_t i = 0; i < n; i++) {
        each->left += arms[i].future != NULL;
    }
    for (size_t i = 0; i < n; i++) {
        if (arms[i].future) {
            weft__future_expect(arms[i].future);
            future_arm_stand(each, &arms[i]);
        }
    }
}

/* The caller is inside. */
static void future_each_finish(struct future_each *each)
{
    for (size_t i = 0; i < each->n; i++) {
        weft_future *future = each->arms[i].future;
        struct future_arm *inside = future_arm_of(&each->arms[i]);
        if (!future) {
            continue;
        }
        lock_take_object(&future->lock);
        if (inside->place == FUTURE_ARM_WAITS) {
            list_remove(&inside->link);
        }
        inside->place = FUTURE_ARM_OUT;
        lock_drop(&future->lock);
    }
    each->n = each->left = 0;
    list_init(&each->ready);
}

int weft_future_each_open(weft_future_each *each, weft_future_arm *arms, size_t n)
{
    WEFT_CHECK(each != NULL);
    WEFT_CHECK(arms != NULL || n == 0);
    if (n > WEFT_FUTURE_ARMS_MAX) {
        return -WEFT_EINVAL;
    }
    struct weft__thread *self = weft__enter();
    future_each_start(future_each_of(each), arms, n);
    weft__leave(self);
    return 0;
}

void weft_future_each_close(weft_future_each *each)
{
    struct future_each *e = future_each_of(each);
    struct weft__thread *self = weft__enter();
    lock_take_object(&e->lock);
    struct weft__waiter *taker = e->takers.head;
    if (taker) {
        weft__panic_sites("weft_future_each closed while a task waits on it", "closed at",
                          __builtin_return_address(0), "waits at",
                          container_of(taker, struct future_taker, waiter)->site);
    }
    lock_drop(&e->lock);
    future_each_finish(e);
    weft__leave(self);
}

/* ---- taking ---- */

/* Sleeps.  The lock is held on entry and dropped on return. */
static int future_each_wait(struct future_each *each, struct weft__thread **self, const void *site)
{
    struct future_taker taker = {.site = site};
    weft__waiter_init_locked(&taker.waiter, *self);
    weft__waitq_push(&each->takers, &taker.waiter);
    int rc = weft__park(self, &(struct weft__parking){.kind = &future_any_kind,
                                                      .object = each->arms[0].future,
                                                      .site = site,
                                                      .lock = &each->lock,
                                                      .ticket = taker.waiter.ticket});
    if (rc < 0) {
        lock_take_object(&each->lock);
        weft__waitq_remove(&each->takers, &taker.waiter);
        lock_drop(&each->lock);
        return rc;
    }
    return taker.result;
}

/* Sleeps.  The index of an arm, or a code. */
static int future_each_take(struct future_each *each, struct weft__thread **self, const void *site)
{
    lock_take_object(&each->lock);
    struct weft__list *link = list_pop_front(&each->ready);
    if (!link && each->left > 0) {
        return future_each_wait(each, self, site);
    }
    int rc = -WEFT_EPIPE;
    if (link) {
        each->left--;
        rc = future_arm_index(each, container_of(link, struct future_arm, link));
    }
    lock_drop(&each->lock);
    return rc;
}

int weft_future_each_next(weft_future_each *each)
{
    const void *site = __builtin_return_address(0);
    struct future_each *e = future_each_of(each);
    const void *first = e->n > 0 ? e->arms[0].future : NULL;
    struct weft__thread *self = weft__op_begin(WEFT__DEED_FUTURE_NEXT, first, site);
    if (weft__op_cancelled(self)) {
        return weft__op_refuse(self);
    }
    int rc = future_each_take(e, &self, site);
    if (rc >= 0) {
        weft__control_order(e->arms[rc].future);
    }
    weft__leave(self);
    return rc;
}

/* The first that is done already, -WEFT_EPIPE when there is no future at all, else -WEFT_EAGAIN. */
static int future_any_now(const weft_future_arm *arms, size_t n)
{
    int rc = -WEFT_EPIPE;
    for (size_t i = 0; i < n; i++) {
        if (!arms[i].future) {
            continue;
        }
        weft__future_expect(arms[i].future);
        if (a_load(&arms[i].future->done, acquire)) { /* pairs with future_complete */
            return (int)i;
        }
        rc = -WEFT_EAGAIN;
    }
    return rc;
}

int weft_future_wait_any(weft_future_arm *arms, size_t n)
{
    const void *site = __builtin_return_address(0);
    struct future_each each;
    WEFT_CHECK(arms != NULL || n == 0);
    if (n > WEFT_FUTURE_ARMS_MAX) {
        return -WEFT_EINVAL;
    }
    struct weft__thread *self =
        weft__op_begin(WEFT__DEED_FUTURE_NEXT, n > 0 ? arms[0].future : NULL, site);
    if (weft__op_cancelled(self)) {
        return weft__op_refuse(self);
    }
    int rc = future_any_now(arms, n);
    if (rc == -WEFT_EAGAIN) {
        future_each_start(&each, arms, n);
        rc = future_each_take(&each, &self, site);
        future_each_finish(&each);
    }
    if (rc >= 0) {
        weft__control_order(arms[rc].future);
    }
    weft__leave(self);
    return rc;
}

/* ---- all ---- */

int weft_future_gather(weft_future *const *futures, size_t n, int *ret_codes)
{
    const void *site = __builtin_return_address(0);
    int failed = 0;
    WEFT_CHECK(futures != NULL || n == 0);
    for (size_t i = 0; i < n; i++) {
        int rc = futures[i] ? weft__future_await(futures[i], site) : 0;
        if (rc < 0) {
            return rc;
        }
    }
    for (size_t i = 0; i < n; i++) {
        int code = futures[i] ? futures[i]->code : 0;
        failed += code < 0;
        if (ret_codes) {
            ret_codes[i] = code;
        }
    }
    return failed;
}
