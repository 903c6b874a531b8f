/* start.c - weft_start: a task is started, and says itself when it is ready.
 *
 * Until then the new task reads a cancel word of its own, so that the starter, when cancelled, can
 * take back this one task without touching its siblings.
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/task.h"
#include "core/worker.h"
#include "scope/go.h"
#include "scope/scope.h"
#include "weft/err.h"

static const struct weft__wait_kind start_kind = {.what = "start of a task"};

/* Tells the starter, if it still waits.  After the lock is dropped `start` may be gone. */
static void start_tell(struct weft__start *start)
{
    struct weft__waiter *waiter = weft__waitq_claim(&start->starter);
    lock_drop(&start->lock);
    if (waiter) {
        weft__ready(waiter->task);
    }
}

/* From now on the task is one like any other. */
static struct weft__start *start_detach(struct weft__task *task)
{
    struct weft__scope *home = task->home;
    lock_take_object(&home->lock);
    struct weft__start *start = task->start;
    task->start = NULL;
    start->task = NULL; /* it may end before a starter who was cancelled looks for it */
    if (task->scope == home) {
        task->cancel = weft__scope_home_word(task);
    }
    lock_drop(&home->lock);
    return start;
}

void weft_started(void *value)
{
    struct weft__thread *self = weft__enter();
    struct weft__task *task = self->task;
    if (task->home && task->start) {
        weft__control_point(WEFT__DEED_STARTED, task->start, __builtin_return_address(0));
    }
    if (task->home && task->start) {
        struct weft__start *start = start_detach(task);
        lock_take_object(&start->lock);
        start->has_started = true;
        start->value = value;
        start_tell(start);
    }
    weft__leave(self);
}

bool weft__start_ended(struct weft__task *task, int rc)
{
    if (!task->start) {
        return false;
    }
    struct weft__start *start = start_detach(task);
    lock_take_object(&start->lock);
    start->has_ended = true;
    start->rc = rc;
    start_tell(start);
    return true;
}

/* Sleeps until the task has started or ended. */
static int start_wait(struct weft__start *start, struct weft__thread **self, bool is_firm,
                      const void *site)
{
    struct weft__waiter waiter;
    lock_take_object(&start->lock);
    if (start->has_started || start->has_ended) {
        lock_drop(&start->lock);
        return 0;
    }
    weft__waiter_init_locked(&waiter, *self);
    weft__waitq_push(&start->starter, &waiter);
    int rc = weft__park(self, &(struct weft__parking){.kind = &start_kind,
                                                      .object = start,
                                                      .site = site,
                                                      .lock = &start->lock,
                                                      .ticket = waiter.ticket,
                                                      .is_uncancellable = is_firm});
    if (rc < 0) {
        lock_take_object(&start->lock);
        weft__waitq_remove(&start->starter, &waiter);
        lock_drop(&start->lock);
    }
    return rc;
}

int weft_start_with(weft_scope *scope, int (*fn)(void *arg), const void *arg, size_t arg_size,
                    const weft_task_options *options, void **ret_value)
{
    const void *site = __builtin_return_address(0);
    struct weft__start start;
    struct weft__scope *s = weft__scope_of(scope);
    memset(&start, 0, sizeof start);
    lock_init(&start.lock, WEFT_RANK_WAITQ);
    struct weft__thread *self = weft__op_begin(WEFT__DEED_START, s, site);
    if (weft__op_cancelled(self)) {
        return weft__op_refuse(self);
    }
    int rc = weft__go(self, s, &(struct weft__birth_request){.fn = fn,
                                                             .arg = arg,
                                                             .arg_size = arg_size,
                                                             .options = options,
                                                             .home = s,
                                                             .site = site,
                                                             .start = &start});
    if (rc == 0 && start_wait(&start, &self, false, site) < 0) {
        weft__scope_cancel_start(s, &start);
        (void)start_wait(&start, &self, true, site);
        rc = start.has_started ? 0 : -WEFT_ECANCELED;
    } else if (rc == 0 && !start.has_started) {
        rc = start.rc < 0 ? start.rc : -WEFT_EINVAL;
    }
    weft__leave(self);
    if (rc == 0 && ret_value) {
        *ret_value = start.value;
    }
    return rc;
}
