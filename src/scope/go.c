/* go.c - a task begins and ends in its scope: the table that core calls.
 *
 * The fast way out of a scope takes no lock: a task that ends well, was never enrolled and is not
 * the last one just counts itself down.  The last one takes the lock, under which alone the
 * closer looks at the count: so the scope cannot vanish under the one who counts to zero.
 *
 * SPDX-License-Identifier: MIT
 */
#include "scope/go.h"

#include "base/panic.h"
#include "core/birth.h"
#include "core/control.h"
#include "core/local.h"
#include "core/worker.h"
#include "weft/err.h"

/* ---- begin ---- */

static void go_note_failed_start(struct weft__scope *s, const struct weft__birth_request *request,
                                 int rc)
{
    weft_error error = {.code = rc,
                        .task_name = request->options ? request->options->name : NULL,
                        .why = "it could not be started",
                        .fn = (const void *)(uintptr_t)request->fn,
                        .site = request->site};
    lock_take_object(&s->lock);
    weft__scope_note_error(s, &error);
    lock_drop(&s->lock);
    if (s->policy == WEFT_FAIL_FAST) {
        weft__scope_cancel(s, WEFT__CAUSE_POLICY);
    }
}

static ATOMIC(uint32_t) *go_count(struct weft__scope *s, bool service)
{
    return service ? &s->services : &s->alive;
}

static inline void go_count_up(struct weft__scope *s, bool service)
{
    ATOMIC(uint32_t) *count = go_count(s, service);
    if (weft__is_solo()) {
        a_store(count, a_load(count, relaxed) + 1, relaxed);
    } else {
        a_add(count, 1, relaxed);
    }
}

static void go_count_down(struct weft__scope *s, bool service);

WEFT_NOINLINE int weft__go(struct weft__thread *self, struct weft__scope *s,
             const struct weft__birth_request *request)
{
    struct weft__runtime *rt = weft__runtime();
    struct weft__birth *birth;
    if (!rt || a_load(&weft__forked, relaxed) || s->magic != WEFT__SCOPE_OPEN || !s->in_run) {
        return -WEFT_ESHUTDOWN;
    }
    enum weft_on on = request->options ? request->options->on : WEFT_TASK;
    bool service = request->options && request->options->service;
    if (a_load(&s->cancel, acquire) || a_load(&s->service_cancel, acquire)) {
        return -WEFT_ECANCELED;
    }
    int rc = weft__birth_new(self, rt, request, &birth);
    if (rc == 0) {
        go_count_up(s, service);
        rc = weft__birth_launch(self, rt, birth, on);
        if (rc < 0) {
            go_note_failed_start(s, request, rc);
            go_count_down(s, service);
            return rc;
        }
        return 0;
    }
    go_note_failed_start(s, request, rc);
    return rc;
}

/* The way of most tasks: like the others, started from a task, in a scope that lives.  False: it
 * takes the long one. */
static inline bool go_quickly(struct weft__thread *self, struct weft__scope *s,
                              int (*fn)(void *arg), const void *arg, size_t arg_size,
                              const void *site)
{
    struct weft__worker *w = weft__seat(self); /* so there is a runtime, and no fork */
    if (!w || weft__control || s->magic != WEFT__SCOPE_OPEN || !s->in_run ||
        (a_load(&s->cancel, relaxed) | a_load(&s->service_cancel, relaxed)) || !fn ||
        (arg && arg_size > WEFT_BIRTH_ROOM) || self->task->locals) {
        return false;
    }
    struct weft__birth *birth = weft__birth_take(w);
    if (!birth) {
        return false;
    }
    birth->run.kind = WEFT__BIRTH;
    birth->run.is_dense = false;
    birth->fn = fn;
    birth->home = s;
    birth->name = NULL;
    birth->site = site;
    birth->locals = NULL;
    birth->start = NULL;
    birth->stack_class = w->runtime->stacks.default_class;
    birth->arg_size = 0;
    birth->has_arg = arg != NULL;
    birth->service = false;
    birth->owns_tls = false;
    birth->strand = NULL;
    if (arg) {
        birth->arg_size = (uint32_t)arg_size;
        memcpy(birth->arg, arg, arg_size);
    }
    weft__san_release(birth); /* for the new task; see weft__ready */
    go_count_up(s, false);
    weft__worker_push_birth(w, birth);
    return true;
}

int weft_go_with(weft_scope *scope, int (*fn)(void *arg), const void *arg, size_t arg_size,
                 const weft_task_options *options)
{
    weft__control_point(WEFT__DEED_GO, scope, __builtin_return_address(0));
    struct weft__thread *self = weft__enter();
    if (WEFT_LIKELY(!options) && go_quickly(self, weft__scope_of(scope), fn, arg, arg_size,
                                            __builtin_return_address(0))) {
        weft__leave(self);
        return 0;
    }
    int rc = weft__go(self, weft__scope_of(scope),
                      &(struct weft__birth_request){.fn = fn,
                                                    .arg = arg,
                                                    .arg_size = arg_size,
                                                    .options = options,
                                                    .home = scope,
                                                    .site = __builtin_return_address(0)});
    weft__leave(self);
    return rc;
}

static void go_enroll(struct weft__task *task)
{
    struct weft__scope *s = task->home;
    lock_take_object(&s->lock);
    list_push_back(&s->tasks, &task->in_home);
    task->enrolled = true;
    lock_drop(&s->lock);
}

static void go_begun(struct weft__task *task)
{
    struct weft__scope *s = task->home;
    task->scope = s;
    if (task->start) { /* it has a word of its own; the canceller must find it */
        lock_take_object(&s->lock);
        task->start->task = task;
        if (a_load(task->service ? &s->service_cancel : &s->cancel, relaxed)) {
            a_store(&task->start->cancel, 1, relaxed);
        }
        list_push_back(&s->tasks, &task->in_home);
        task->enrolled = true;
        lock_drop(&s->lock);
    }
    task->cancel = weft__scope_home_word(task);
}

/* ---- cancelled ---- */

/* Every scope from the innermost up to the one cancelled by itself has cut a call short.  One that
 * is not cancelled has not: it was the starter, or only services remain.  acquire: a child's word
 * was set after its parent's. */
static void go_delivered(struct weft__task *task)
{
    for (struct weft__scope *s = task->scope; s && a_load(&s->cancel, acquire); s = s->parent) {
        a_store(&s->delivered, 1, relaxed);
        if (a_load(&s->cause, relaxed) != WEFT__CAUSE_NONE || s->shield) {
            return;
        }
    }
}

/* ---- end ---- */

/* Counts down under the lock and wakes the closer if it was the last. */
static void go_count_down(struct weft__scope *s, bool service)
{
    struct weft__waiter *closer = NULL;
    bool is_root = s->owner == NULL;
    lock_take_object(&s->lock);
    uint32_t before = a_sub(go_count(s, service), 1, acq_rel);
    WEFT_CHECK(before > 0);
    if (before == 1) {
        closer = weft__waitq_claim(&s->closer);
    }
    lock_drop(&s->lock);
    if (closer) {
        weft__ready(closer->task);
    }
    if (is_root && before == 1) {
        weft__root_finished(s);
    }
}

/* Counts down without the lock unless it is the last. */
static inline bool go_count_down_fast(struct weft__scope *s, bool service)
{
    ATOMIC(uint32_t) *count = go_count(s, service);
    uint32_t n = a_load(count, relaxed);
    if (n > 1 && weft__is_solo()) {
        a_store(count, n - 1, relaxed);
        return true;
    }
    while (n > 1) {
        /* release: what the task did is seen by the closer, whose look at zero is an acquire */
        if (a_cas_weak(count, &n, n - 1, acq_rel, relaxed)) {
            return true;
        }
    }
    return false;
}

void weft__scope_let_go(struct weft__scope *s)
{
    if (!go_count_down_fast(s, false)) {
        go_count_down(s, false);
    }
}

static bool go_is_failure(struct weft__scope *s, const struct weft__task *task, int rc)
{
    if (rc >= 0) {
        return false;
    }
    ATOMIC(uint32_t) *word = task->service ? &s->service_cancel : &s->cancel;
    return rc != -WEFT_ECANCELED || !a_load(word, relaxed);
}

/* What the outcome does to the scope.  The task still counts, so the scope is there. */
static void go_settle(struct weft__scope *s, struct weft__task *task, int rc)
{
    bool cancel = false;
    lock_take_object(&s->lock);
    if (go_is_failure(s, task, rc)) {
        weft_error error = {.code = rc,
                            .task_name = task->name,
                            .why = task->why,
                            .fn = (const void *)(uintptr_t)task->fn,
                            .site = task->site};
        weft__scope_note_error(s, &error);
        cancel = s->policy == WEFT_FAIL_FAST;
    } else if (rc >= 0 && s->policy == WEFT_FIRST_OK && !s->has_success && !task->is_piece) {
        s->has_success = true;
        cancel = true;
    } else if (rc == -WEFT_ECANCELED) {
        go_delivered(task); /* it gave up by itself, having asked weft_cancelled */
    }
    lock_drop(&s->lock);
    if (cancel) {
        weft__scope_cancel(s, WEFT__CAUSE_POLICY);
    }
}

static void go_undefer(struct weft__task *task)
{
    if (WEFT_UNLIKELY(task->defers != NULL)) {
        weft__defer_run((struct weft__defer **)&task->defers);
    }
}

static struct weft__thread *go_finished(struct weft__task *task, int rc)
{
    struct weft__scope *s = task->home;
    if (task->scope != s) {
        weft__panic_sites("a task ended with a scope open", "task started", task->site,
                          "scope opened", ((struct weft__scope *)task->scope)->site);
    }
    go_undefer(task);
    struct weft__thread *self = weft__enter();
    bool is_starters = WEFT_UNLIKELY(task->start != NULL) && weft__start_ended(task, rc);
    if (!is_starters && (rc < 0 || s->policy == WEFT_FIRST_OK)) {
        go_settle(s, task, rc);
    }
    task->cancel = NULL;
    weft__control_order(s);
    if (task->enrolled) {
        lock_take_object(&s->lock);
        list_remove(&task->in_home);
        lock_drop(&s->lock);
    }
    if (!go_count_down_fast(s, task->service)) {
        go_count_down(s, task->service);
    }
    return self;
}

/* Of a piece that another task has forked in it, and so it is open. */
static void go_adopt(void *home, bool service)
{
    go_count_up(home, service);
}

static void go_cancel_root(void *root)
{
    weft__scope_cancel(root, WEFT__CAUSE_EXPLICIT);
}

static void go_visit(void *root, void (*visit)(struct weft__task *, void *), void *arg)
{
    weft__scope_visit(root, visit, arg);
}

const struct weft__owner_ops weft__owner_ops = {
    .enroll = go_enroll,
    .delivered = go_delivered,
    .begun = go_begun,
    .undefer = go_undefer,
    .finished = go_finished,
    .adopt = go_adopt,
    .cancel_root = go_cancel_root,
    .visit = go_visit,
};
