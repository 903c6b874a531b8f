/* cond.c - a condition: sleep until somebody says that it may have come true.
 *
 * A gate that is never open.  The waiter queues itself, then lets go of the mutex, then sleeps, all
 * under the gate's lock: who takes the mutex next and signals finds it in the queue, and asleep.  A
 * woken waiter takes the mutex again by itself, like any newcomer.
 *
 * Rejected: moving the woken from the condition's queue to the mutex's.  It saves a switch when the
 * signaller holds the mutex, but then a cancelled waiter would stand in a queue that it knows
 * nothing of.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/panic.h"
#include "core/worker.h"
#include "sync/gate.h"
#include "sync/mutex.h"
#include "weft/err.h"
#include "weft/sync.h"

struct cond {
    struct weft__gate gate;
    weft_mutex *mutex; /* of those who wait; under the gate's lock */
};

_Static_assert(sizeof(struct cond) <= sizeof(weft_cond), "fits its public box");
_Static_assert(_Alignof(struct cond) <= _Alignof(weft_cond), "lies well in its public box");

static const struct weft__wait_kind cond_kind = {.what = "condition"};

static struct cond *cond_of(const weft_cond *cond)
{
    return (struct cond *)(uintptr_t)cond;
}

static bool cond_is_waited_for(struct cond *c)
{
    return (a_load(&c->gate.word, acquire) & GATEWORD_WAITED) != 0;
}

static bool cond_never_open(uint64_t w)
{
    (void)w;
    return false;
}

/* Under the gate's lock: the caller will wait with this mutex, as the others do. */
static void cond_bind(struct cond *c, weft_mutex *mutex, const void *site)
{
    const struct weft__waiter *first = c->gate.waiters.head;
    if (first && c->mutex != mutex) {
        weft__panic_sites("weft_cond_wait: waited for with two different mutexes", "waited at",
                          site, "and at", first->value);
    }
    c->mutex = mutex;
    (void)gateword_pass_or_wait(&c->gate.word, cond_never_open, 0);
}

void weft_cond_init(weft_cond *cond)
{
    memset(cond, 0, sizeof *cond);
    weft__gate_init(&cond_of(cond)->gate, 0);
}

int weft_cond_wait(weft_cond *cond, weft_mutex *mutex)
{
    const void *site = __builtin_return_address(0);
    struct cond *c = cond_of(cond);
    struct weft__thread *self = weft__op_begin_two(WEFT__DEED_COND_WAIT, cond, mutex, site);
    struct weft__waiter waiter;
    weft__mutex_check_held(mutex, self->task, "weft_cond_wait", "waited at", site);
    if (weft__op_cancelled(self)) {
        return weft__op_refuse(self);
    }
    lock_take_object(&c->gate.lock);
    cond_bind(c, mutex, site);
    weft__gate_queue(&c->gate, &waiter, self, site);
    struct weft__task *next = weft__mutex_let_go(mutex, self->task);
    if (next) {
        weft__ready(next);
    }
    int rc = weft__gate_park(&c->gate, &waiter, &self, &cond_kind);
    if (WEFT_UNLIKELY(weft__control != NULL)) {
        weft__control_op(self, WEFT__DEED_MUTEX_LOCK, mutex, NULL, site);
        self = weft__self();
    }
    weft__mutex_retake(mutex, &self, site);
    weft__leave(self);
    return rc;
}

void weft_cond_signal(weft_cond *cond)
{
    struct cond *c = cond_of(cond);
    weft__control_point(WEFT__DEED_COND_SIGNAL, cond, __builtin_return_address(0));
    if (cond_is_waited_for(c)) {
        (void)weft__gate_wake_one(&c->gate);
    }
}

void weft_cond_broadcast(weft_cond *cond)
{
    struct cond *c = cond_of(cond);
    weft__control_point(WEFT__DEED_COND_BROADCAST, cond, __builtin_return_address(0));
    if (!cond_is_waited_for(c)) {
        return;
    }
    struct weft__thread *self = weft__enter();
    struct weft__waiter *chain = NULL;
    weft__gate_claim_all(&c->gate, &chain);
    weft__waitq_ready_chain(chain);
    weft__leave(self);
}

void weft_cond_stats(const weft_cond *cond, weft_cond_counts *ret)
{
    struct weft__gate *gate = &cond_of(cond)->gate;
    *ret = (weft_cond_counts){.waits = weft__stat_read(&gate->waits),
                              .wakes = weft__stat_read(&gate->wakes),
                              .cancels = weft__stat_read(&gate->cancels),
                              .waiting = weft__gate_waiting(gate)};
}

void weft_cond_fini(weft_cond *cond)
{
    if (cond) {
        weft__gate_fini(&cond_of(cond)->gate, "weft_cond_fini", __builtin_return_address(0));
    }
}
