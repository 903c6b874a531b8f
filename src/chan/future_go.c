/* future_go.c - tasks whose result is a future, and tasks that wait for one.
 *
 * The task of weft_future_go runs fn within a scope of its own, so that a cancel of the future
 * reaches it alone.  Its argument lies behind the value in the future's own block.
 *
 * Under WEFT_PANIC_TASK fn may end by a panic, whose unwinding closes the scope: there the future
 * is seen to by a deferred call.  Otherwise that call is made by hand, which costs no memory.
 *
 * Rejected: then as a call that the setter makes in a scope (the scope may be closed by then, and a
 * setter has no stack to lend): a task that waits is waited for and cancelled like any other.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/alloc.h"
#include "chan/future.h"
#include "core/worker.h"
#include "weft/err.h"
#include "weft/run.h"

static const struct weft__wait_kind future_end_kind = {.what = "the end of a cancel"};

/* ---- submit ---- */

/* The task's own notes, on its stack. */
struct future_run {
    weft_future *future;
    weft_scope scope;
    int rc; /* what comes into the future */
    bool has_failed_unseen;
};

/* False: it was cancelled before it began. */
static bool future_run_begin(struct future_run *run)
{
    weft_future *future = run->future;
    weft_scope_open_with(&run->scope, &(weft_scope_options){.name = "weft_future_go"});
    struct weft__thread *self = weft__enter();
    self->task->site = future->site; /* reports speak of the user's function, not of this one */
    self->task->fn = future->fn ? future->fn : (int (*)(void *))(void (*)(void))future->fn_value;
    lock_take_object(&future->lock);
    bool wanted = !a_load(&future->done, relaxed);
    future->scope = wanted ? &run->scope : NULL;
    lock_drop(&future->lock);
    weft__leave(self);
    return wanted;
}

/* Sleeps, until no canceller is on its way to the scope, or will be. */
static void future_run_take_back(weft_future *future)
{
    struct weft__waiter waiter;
    struct weft__thread *self = weft__enter();
    lock_take_object(&future->lock);
    future->scope = NULL;
    if (!future->cancelling) {
        lock_drop(&future->lock);
    } else {
        weft__waiter_init_locked(&waiter, self);
        weft__waitq_push(&future->ender, &waiter);
        (void)weft__park(&self, &(struct weft__parking){.kind = &future_end_kind,
                                                        .object = future,
                                                        .site = future->site,
                                                        .lock = &future->lock,
                                                        .ticket = waiter.ticket,
                                                        .is_uncancellable = true});
    }
    weft__leave(self);
}

/* Deferred, or called at the end.  What is said here of a broken future is what holds if fn has
 * not come back. */
static void future_run_end(void *arg)
{
    struct future_run *run = arg;
    weft_future *future = run->future;
    future_run_take_back(future);
    if (weft__future_finish(future, run->rc, NULL) == 0 && run->rc < 0) {
        run->has_failed_unseen = a_load(&future->getters, relaxed) == 0;
    }
    weft_future_setter_unref(future);
}

static bool future_ends_contained(void)
{
    const struct weft__task *task = weft__self_task();
    return task->runtime && task->runtime->options.panic == WEFT_PANIC_TASK;
}

static int future_run_call(const weft_future *future)
{
    void *value = (void *)(uintptr_t)future->value;
    return future->fn_value ? future->fn_value(future->arg, value) : future->fn(future->arg);
}

static int future_task(void *arg)
{
    struct future_run run = {.future = *(weft_future **)arg, .rc = -WEFT_EPIPE};
    bool runs = future_run_begin(&run);
    bool contained = runs && future_ends_contained();
    if (contained && weft_defer(future_run_end, &run) < 0) {
        run.rc = -WEFT_ENOMEM;
        runs = contained = false;
    }
    if (runs) {
        run.rc = future_run_call(run.future);
    }
    if (!contained) {
        future_run_end(&run);
    }
    (void)weft_scope_close(&run.scope); /* it has no tasks, and a cancel was the future's */
    return run.has_failed_unseen ? run.rc : 0;
}

static int future_go_new(size_t value_size, const void *arg, size_t arg_size,
                         weft_future **ret_future)
{
    void *room;
    if (value_size > WEFT_FUTURE_VALUE_MAX || arg_size > WEFT_TASK_ARG_MAX) {
        return -WEFT_EINVAL;
    }
    weft_future *future = weft__future_make(value_size, arg ? arg_size : 0, &room);
    if (!future) {
        return -WEFT_ENOMEM;
    }
    if (arg) {
        memcpy(room, arg, arg_size);
        future->arg = room;
    }
    *ret_future = future;
    return 0;
}

/* Lets the task begin.  The future is the caller's no more if this fails. */
static int future_go_start(weft_scope *scope, weft_future *future,
                           const weft_task_options *options)
{
    int rc = weft_go_with(scope, future_task, &future, sizeof future, options);
    if (rc < 0) {
        weft_future_setter_unref(future);
        weft_future_unref(future);
    }
    return rc;
}

int weft_future_go_with(weft_scope *scope, int (*fn)(void *arg), weft_future **ret_future,
                        const void *arg, size_t arg_size, const weft_task_options *options)
{
    weft_future *future;
    WEFT_CHECK(ret_future != NULL);
    int rc = fn ? future_go_new(0, arg, arg_size, &future) : -WEFT_EINVAL;
    if (rc < 0) {
        return rc;
    }
    future->fn = fn;
    future->site = __builtin_return_address(0);
    rc = future_go_start(scope, future, options);
    if (rc == 0) {
        *ret_future = future;
    }
    return rc;
}

int weft_future_go_value_with(weft_scope *scope, size_t value_size,
                              int (*fn)(void *arg, void *ret_value), weft_future **ret_future,
                              const void *arg, size_t arg_size, const weft_task_options *options)
{
    weft_future *future;
    WEFT_CHECK(ret_future != NULL);
    int rc = fn ? future_go_new(value_size, arg, arg_size, &future) : -WEFT_EINVAL;
    if (rc < 0) {
        return rc;
    }
    future->fn_value = fn;
    future->site = __builtin_return_address(0);
    rc = future_go_start(scope, future, options);
    if (rc == 0) {
        *ret_future = future;
    }
    return rc;
}

/* ---- then ---- */

struct future_then {
    weft_future *future;
    int (*fn)(weft_future *future, void *arg);
    void *arg;
    _Alignas(16) unsigned char room[];
};

static void future_then_free(void *arg)
{
    struct future_then *then = arg;
    weft_future_unref(then->future);
    weft__free(then);
}

static int future_then_task(void *arg)
{
    struct future_then *then = *(struct future_then **)arg;
    bool contained = future_ends_contained();
    int rc = contained ? weft_defer(future_then_free, then) : 0;
    contained = contained && rc == 0;
    if (rc == 0) {
        rc = weft_future_wait(then->future);
    }
    if (rc == 0) {
        rc = then->fn(then->future, then->arg);
    }
    if (!contained) {
        future_then_free(then);
    }
    return rc;
}

int weft_future_then_with(weft_future *future, weft_scope *scope,
                          int (*fn)(weft_future *future, void *arg), const void *arg,
                          size_t arg_size, const weft_task_options *options)
{
    weft__future_expect(future);
    size_t size = arg ? arg_size : 0;
    if (!fn || size > WEFT_TASK_ARG_MAX) {
        return -WEFT_EINVAL;
    }
    struct future_then *then = weft__alloc_aligned(16, sizeof *then + size);
    if (!then) {
        return -WEFT_ENOMEM;
    }
    then->fn = fn;
    then->arg = arg ? then->room : NULL;
    if (arg) {
        memcpy(then->room, arg, arg_size);
    }
    then->future = weft_future_ref(future);
    int rc = weft_go_with(scope, future_then_task, &then, sizeof then, options);
    if (rc < 0) {
        future_then_free(then);
    }
    return rc;
}
