/* once.c - something that is to be done one time, by whoever comes first.
 *
 * A gate that opens when it is done.  Its value says whether nobody has come yet, one is at it, or
 * it is done.  When fn fails, the longest-waiting one gets the turn in the same step, so that
 * nobody can come between; it knows so because it finds itself named as the one whose turn it is.
 *
 * The one at it has left Weft while fn runs, so fn may do anything, but not call this once again:
 * it would wait for itself.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/panic.h"
#include "base/text.h"
#include "core/worker.h"
#include "sync/gate.h"
#include "sync/onceword.h"
#include "weft/sync.h"

struct once {
    struct weft__gate gate;
    ATOMIC(const struct weft__task *) runner; /* whose turn it is, while one is at it */
    ATOMIC(const void *) site;                /* of its call */
    struct weft__stat calls, failures;        /* the runner's */
};

_Static_assert(sizeof(struct once) <= sizeof(weft_once), "fits its public box");
_Static_assert(_Alignof(struct once) <= _Alignof(weft_once), "lies well in its public box");

static struct once *once_of(const weft_once *once)
{
    return (struct once *)(uintptr_t)once;
}

static const struct weft__task *once_runner(const void *object)
{
    return a_load(&once_of(object)->runner, relaxed);
}

static const struct weft__wait_kind once_kind = {.what = "once", .holder = once_runner};

static WEFT_NORETURN WEFT_NOINLINE void once_panic(struct once *o, const char *what,
                                                   const char *label, const void *site)
{
    weft__panic_sites(what, label, site, "first called at", a_load(&o->site, relaxed));
}

/* 0: done, or the caller's turn. */
static WEFT_NOINLINE int once_wait(struct once *o, struct weft__thread **self, const void *site,
                                   bool *ret_turn)
{
    const struct weft__task *me = (*self)->task;
    struct weft__waiter waiter;
    lock_take_object(&o->gate.lock);
    enum onceword_turn turn = onceword_begin_or_wait(&o->gate.word);
    if (turn != ONCEWORD_WAITS) {
        lock_drop(&o->gate.lock);
        *ret_turn = turn == ONCEWORD_BEGINS;
        return 0;
    }
    weft__gate_queue(&o->gate, &waiter, *self, site);
    int rc = weft__gate_park(&o->gate, &waiter, self, &once_kind);
    *ret_turn = rc == 0 && once_runner(o) == me;
    return rc;
}

/* The turn goes to the longest-waiting one, or to whoever comes next. */
static void once_fail(struct once *o)
{
    struct weft__thread *self = weft__enter();
    struct weft__waiter *next;
    weft__stat_add(&o->failures, 1);
    do {
        lock_take_object(&o->gate.lock);
        next = weft__waitq_claim(&o->gate.waiters);
        a_store(&o->runner, next ? next->task : NULL, relaxed); /* seen by its wake */
        weft__stat_add(&o->gate.wakes, next != NULL);
        if (weft__waitq_is_empty(&o->gate.waiters)) {
            gateword_unwait(&o->gate.word);
        }
        lock_drop(&o->gate.lock);
    } while (!next && !onceword_fail(&o->gate.word));
    if (next) {
        weft__ready(next->task);
    }
    weft__leave(self);
}

static int once_run(struct once *o, int (*fn)(void *), void *arg, const void *site)
{
    a_store(&o->site, site, relaxed);
    weft__stat_add(&o->calls, 1);
    int rc = fn(arg);
    weft__control_point(WEFT__DEED_ONCE_END, o, site);
    if (rc < 0) {
        once_fail(o);
        return rc;
    }
    a_store(&o->runner, NULL, relaxed);
    weft__gate_open(&o->gate, a_load(&o->gate.word, relaxed), ONCEWORD_DONE);
    return 0;
}

void weft_once_init(weft_once *once)
{
    memset(once, 0, sizeof *once);
    weft__gate_init(&once_of(once)->gate, 0);
}

int weft_once_call(weft_once *once, int (*fn)(void *arg), void *arg)
{
    const void *site = __builtin_return_address(0);
    struct once *o = once_of(once);
    struct weft__thread *self = weft__op_begin(WEFT__DEED_ONCE, once, site);
    if (weft__op_cancelled(self)) {
        return weft__op_refuse(self);
    }
    uint64_t w = a_load(&o->gate.word, acquire); /* pairs with gateword_replace */
    bool is_my_turn = false;
    int rc = 0;
    if (WEFT_UNLIKELY(!onceword_is_done(w))) {
        const struct weft__task *me = self->task;
        if (w != 0 && once_runner(once) == me) {
            once_panic(o, "weft_once_call: called by its own function", "called again at", site);
        }
        is_my_turn = onceword_begin(&o->gate.word, &w);
        if (!is_my_turn) {
            rc = once_wait(o, &self, site, &is_my_turn);
        }
        if (is_my_turn) {
            a_store(&o->runner, me, relaxed);
        }
    }
    weft__leave(self);
    return is_my_turn ? once_run(o, fn, arg, site) : rc;
}

bool weft_once_is_done(const weft_once *once)
{
    weft__control_point(WEFT__DEED_ONCE_LOOK, once, __builtin_return_address(0));
    return weft__control_seen(onceword_is_done(weft__gate_value(&once_of(once)->gate)));
}

void weft_once_stats(const weft_once *once, weft_once_counts *ret)
{
    struct once *o = once_of(once);
    *ret = (weft_once_counts){.calls = weft__stat_read(&o->calls),
                              .failures = weft__stat_read(&o->failures),
                              .waits = weft__stat_read(&o->gate.waits),
                              .cancels = weft__stat_read(&o->gate.cancels),
                              .waiting = weft__gate_waiting(&o->gate)};
}

void weft_once_fini(weft_once *once)
{
    struct once *o = once ? once_of(once) : NULL;
    if (o && (a_load(&o->gate.word, acquire) & ONCEWORD_RUNS)) {
        once_panic(o, "weft_once_fini: its function is running", "destroyed at",
                   __builtin_return_address(0));
    }
}
