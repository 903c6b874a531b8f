/* task.c - a task's life; see task.h.
 *
 * A birth lies on the heap and holds what was said at the spawn, the copied argument behind it.
 * At its first turn it becomes a task: at the top of the stack the descriptor, below it the
 * argument, below that the first frame; all in the page that is touched anyway.
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/task.h"

#include <setjmp.h>

#include "base/alloc.h"
#include "base/symbol.h"
#include "base/sys.h"
#include "core/birth.h"
#include "core/census.h"
#include "core/control.h"
#include "core/forks.h"
#include "core/idle.h"
#include "core/inject.h"
#include "core/local.h"
#include "core/owntls.h"
#include "core/park.h"
#include "core/runtime.h"
#include "core/worker.h"
#include "weft/err.h"

#define TASK_STEERED_THREAD_STACK (1024 * 1024) /* of what would have a thread of its own */

/* A sanitizer keeps books for each stack: there, each task has one of its own. */
#define TASK_IS_WATCHED (WEFT__SAN_THREAD || WEFT__SAN_ADDRESS)

/* The stack class of a task that is not like most, or a code. */
static WEFT_NOINLINE int task_class(struct weft__runtime *rt, const weft_task_options *options)
{
    if (options->on != WEFT_TASK && options->on != WEFT_THREAD) {
        return -WEFT_ENOTSUP;
    }
    size_t size = options->stack_size ? options->stack_size : rt->options.stack_size;
    if (options->own_tls && size == WEFT_STACK_DENSE) {
        return -WEFT_EINVAL; /* the C library needs room for what it does at their end */
    }
    if (options->on != WEFT_TASK && weft__control) {
        size = weft__max(size, (size_t)TASK_STEERED_THREAD_STACK); /* it is a task, but large */
    }
    return weft__stack_class_for(size);
}

/* Who has not said how large a stack gets one that the argument fits on. */
static WEFT_NOINLINE int task_class_for_arg(const weft_task_options *options, size_t arg_size)
{
    if (options && options->stack_size) {
        return -WEFT_EINVAL;
    }
    return weft__stack_class_for(arg_size * WEFT_TASK_ARG_SHARE);
}

/* A task on a thread of its own has that thread's. */
static WEFT_NOINLINE int task_take_tls(const weft_task_options *options, struct weft__birth *birth)
{
    birth->owns_tls = options->on == WEFT_TASK;
    return birth->owns_tls ? weft__owntls_new(weft__self_place(), &birth->tls) : 0;
}

int weft__birth_new(struct weft__thread *self, struct weft__runtime *rt,
                    const struct weft__birth_request *request, struct weft__birth **ret_birth)
{
    const weft_task_options *options = request->options;
    struct weft__worker *seat = weft__seat(self);
    size_t arg_size = request->arg ? request->arg_size : 0;
    int class_index = options ? task_class(rt, options) : (int)rt->stacks.default_class;
    if (class_index < 0) {
        return class_index;
    }
    /* a larger one would leave too little of the stack for the task */
    size_t arg_max = weft__stack_class_size((uint32_t)class_index) / WEFT_TASK_ARG_SHARE;
    if (WEFT_UNLIKELY(arg_size > arg_max)) {
        class_index = task_class_for_arg(options, arg_size);
    }
    if (!request->fn || arg_size > WEFT_TASK_ARG_MAX || class_index < 0) {
        return -WEFT_EINVAL;
    }
    struct weft__birth *birth = weft__birth_alloc(seat, arg_size);
    if (!birth) {
        return -WEFT_ENOMEM;
    }
    birth->owns_tls = false;
    if (options && WEFT_UNLIKELY(options->own_tls)) {
        int rc = task_take_tls(options, birth);
        if (rc < 0) {
            weft__free(birth);
            return rc;
        }
    }
    if (!options || options->on == WEFT_TASK || weft__control) {
        int rc = weft__stack_promise(rt, seat, (uint32_t)class_index);
        if (rc < 0) {
            weft__owntls_free(birth->owns_tls ? birth->tls : NULL);
            weft__free(birth);
            return rc;
        }
    }
    birth->run.kind = WEFT__BIRTH;
    birth->run.is_dense = class_index == WEFT__STACK_DENSE;
    birth->fn = request->fn;
    birth->home = request->home;
    birth->name = options ? options->name : NULL;
    birth->site = request->site;
    birth->locals = self->task->locals;
    birth->start = request->start;
    birth->stack_class = (uint32_t)class_index;
    birth->arg_size = (uint32_t)arg_size;
    birth->has_arg = request->arg != NULL;
    birth->service = options && options->service;
    birth->strand = NULL;
    if (birth->locals) {
        weft__locals_ref(birth->locals);
    }
    if (arg_size) {
        memcpy(birth->arg, request->arg, arg_size);
    }
    weft__san_release(birth); /* for the new task; see weft__ready */
    *ret_birth = birth;
    return 0;
}

static WEFT_NOINLINE int birth_launch_slowly(struct weft__thread *self, struct weft__runtime *rt,
                                             struct weft__birth *birth, enum weft_on on)
{
    if (weft__control != NULL) {
        weft__control_launch(self, rt, birth);
        return 0;
    }
    if (on != WEFT_THREAD) {
        weft__inject_from(self, rt, &birth->run);
        return 0;
    }
    size_t size = rt->stacks.classes[birth->stack_class].size;
    bool is_pinned = !self->runtime && weft__runtime_pin() != NULL; /* as weft__inject_from */
    int rc = weft__runtime_start_thread_task(rt, birth, size);
    if (is_pinned) {
        weft__runtime_unpin();
    }
    if (rc < 0) {
        weft__locals_unref(birth->locals);
        weft__free(birth);
    }
    return rc;
}

int weft__birth_launch(struct weft__thread *self, struct weft__runtime *rt,
                       struct weft__birth *birth, enum weft_on on)
{
    struct weft__worker *w = weft__seat(self);
    if (WEFT_UNLIKELY(!w || on == WEFT_THREAD || weft__control)) {
        return birth_launch_slowly(self, rt, birth, on);
    }
    weft__worker_push_birth(w, birth);
    return 0;
}

static void task_fill(struct weft__task *task, struct weft__runtime *rt,
                      const struct weft__birth *birth)
{
    task->run.kind = WEFT__STARTED;
    task->run.is_dense = birth->run.is_dense;
    task->budget = WEFT_BUDGET;
    task->runtime = rt;
    task->home = birth->home;
    list_init(&task->in_home);
    task->service = birth->service;
    task->fn = birth->fn;
    task->name = birth->name;
    task->site = birth->site;
    task->locals = birth->locals;
    task->start = birth->start;
    if (WEFT_UNLIKELY(birth->owns_tls)) {
        task->owns_tls = true;
        task->tls = birth->tls;
    }
    if (WEFT_UNLIKELY(birth->strand != NULL)) {
        task->strand = birth->strand;
        task->driven = WEFT__BY_CONTROL;
        weft__control->became(task->strand, &task->run, task->stack.lo, task->stack.size);
    }
}

/* Makes the birth the next task on the stack of one that has ended, all of whose frames but
 * task_entry's are gone.  False: the stack does not suit it, nothing was done. */
static inline bool task_renew(struct weft__worker *w, struct weft__task *task,
                              struct weft__birth *birth)
{
    if (TASK_IS_WATCHED || birth->stack_class != task->stack.class_index ||
        birth->arg_size > WEFT_BIRTH_ROOM || birth->strand || birth->owns_tls ||
        task->owns_tls || weft__census_is_on() || !weft__ctx_is_fresh()) {
        return false;
    }
    if (WEFT_LIKELY(w->stack_credit < WEFT_STACK_CREDITS) &&
        task->stack.class_index == w->runtime->stacks.default_class) {
        w->stack_credit++; /* one of the two stacks that were promised */
    } else {
        weft__stack_check(task); /* of the one that has ended */
        weft__stack_unpromise(w->runtime, w, task->stack.class_index);
    }
    task->budget = WEFT_BUDGET;
    task->enrolled = false;
    task->service = birth->service;
    task->home = birth->home;
    task->fn = birth->fn;
    task->name = birth->name;
    task->is_piece = false;
    task->why = NULL;
    task->site = birth->site;
    task->locals = birth->locals;
    task->start = birth->start;
    task->arg = NULL;
    if (birth->has_arg) {
        task->arg = task->arg_at;
        memcpy(task->arg, birth->arg, WEFT_BIRTH_ROOM); /* all there is: shorter than asking */
    }
    weft__birth_free(w, birth);
    weft__stat_add(&w->started, 1);
    weft__stat_add(&w->ended, 1);
    return true;
}

/* The task has ended; if what its worker runs next is a birth, it goes on as that, with no switch.
 * False: it has not. */
static inline bool task_goes_on(struct weft__thread *self, struct weft__task *task)
{
    struct weft__worker *w = weft__seat(self);
    struct weft__runnable *item = w ? weft__worker_peek(w) : NULL;
    if (!item || item->kind != WEFT__BIRTH || task->driven != WEFT__BY_WORKER ||
        !task_renew(w, task, container_of(item, struct weft__birth, run))) {
        return false;
    }
    weft__worker_take_peeked(w);
    return true;
}

static inline int task_run(struct weft__task *task)
{
    return WEFT_LIKELY(!task->owns_tls) ? task->fn(task->arg)
                                        : weft__owntls_run(task->tls, task->fn, task->arg);
}

/* First thing on a new stack. */
static void task_entry(void *arg)
{
    struct weft__task *task = arg;
    weft__san_arrive(&task->san);
    weft__san_acquire(task);
    weft__san_hide();
    struct weft__thread *self = weft__self();
    weft__arrive(self);
    self = weft__self();
    do {
        weft__owner_ops.begun(task); /* not before: it locks, and who left may have held a lock */
        weft__leave(self);
        self = weft__owner_ops.finished(task, task_run(task));
        if (WEFT_UNLIKELY(task->has_forks)) {
            weft__forks_drop(self, task);
        }
        if (WEFT_UNLIKELY(task->locals != NULL)) {
            weft__locals_unref(task->locals);
            task->locals = NULL;
        }
    } while (task_goes_on(self, task));
    weft__task_exit(self);
}

struct weft__task *weft__task_from_birth(struct weft__thread *self, struct weft__birth *birth)
{
    struct weft__runtime *rt = self->runtime;
    struct weft__worker *seat = weft__seat(self);
    struct weft__stack stack = weft__stack_bind(rt, seat, birth->stack_class);
    weft__san_stack_reuse(stack.lo, stack.size);
    weft__census_begin(rt, &stack);
    uintptr_t top = (uintptr_t)stack.lo + stack.size - stack.colour * WEFT_CACHE_LINE;
    uintptr_t at = (top - sizeof(struct weft__task)) & ~(uintptr_t)(WEFT_CACHE_LINE - 1);
    struct weft__task *task = (struct weft__task *)at;
    memset(task, 0, sizeof *task);
    task->stack = stack;
    task_fill(task, rt, birth);
    task->arg_room = weft__max(birth->arg_size, (uint32_t)WEFT_BIRTH_ROOM);
    at = (at - task->arg_room) & ~(uintptr_t)15;
    task->arg_at = (void *)at;
    if (birth->arg_size) {
        memcpy((void *)at, birth->arg, birth->arg_size);
    }
    task->arg = birth->has_arg ? (void *)at : NULL;
    weft__ctx_make(&task->ctx, (void *)at, task_entry, task);
    weft__san_make(&task->san, stack.lo, stack.size);
    weft__san_acquire(birth);
    weft__san_release(task);
    weft__birth_free(seat, birth);
    if (seat) {
        weft__stat_add(&seat->started, 1);
    } else {
        a_add(&rt->seatless_started, 1, relaxed);
    }
    return task;
}

void weft__task_bury(struct weft__thread *self, struct weft__task *task)
{
    struct weft__runtime *rt = task->runtime;
    struct weft__worker *seat = weft__seat(self);
    struct weft__stack stack = task->stack;
    weft__stack_check(task);
    weft__census_end(rt, &stack, task);
    weft__san_free(&task->san);
    weft__owntls_free(task->tls);
    weft__stack_release(rt, seat, stack);
    if (seat) {
        weft__stat_add(&seat->ended, 1);
    } else {
        a_add(&rt->seatless_ended, 1, relaxed);
    }
}

void weft__task_init_thread(struct weft__task *task, const char *name)
{
    memset(task, 0, sizeof *task);
    task->run.kind = WEFT__STARTED;
    task->driven = WEFT__BY_THREAD;
    task->budget = weft__control ? 0 : WEFT_BUDGET;
    task->name = name;
    list_init(&task->in_home);
}

/* ---- tasks on a thread of their own ---- */

void weft__task_run_on_thread(struct weft__thread *self, struct weft__birth *birth)
{
    struct weft__task *task = &self->own;
    jmp_buf end;
    task_fill(task, self->runtime, birth);
    task->driven = WEFT__BY_THREAD;
    void *lo;
    size_t size;
    if (weft__sys_thread_stack(&lo, &size) == 0) { /* so that an overflow can be told as one */
        task->stack = (struct weft__stack){.lo = lo, .size = size};
    }
    weft__owner_ops.begun(task);
    self->end = &end;
    if (setjmp(end) == 0) {
        task->arg = birth->has_arg ? birth->arg : NULL;
        weft__task_exit(weft__owner_ops.finished(task, task->fn(task->arg)));
    }
    weft__free(birth);
}

void weft__task_exit(struct weft__thread *self)
{
    struct weft__task *task = self->task;
    weft__locals_unref(task->locals);
    task->locals = NULL;
    if (task->driven == WEFT__BY_CONTROL) {
        weft__control_exit(self);
    }
    if (task->driven == WEFT__BY_THREAD) {
        weft__leave(self);
        longjmp(*(jmp_buf *)self->end, 1);
    }
    (void)weft__switch_away(self, WEFT__LEFT_DEAD);
    __builtin_unreachable();
}

const char *weft__task_label(const struct weft__task *task, char *buffer, size_t size)
{
    if (task->name) {
        return task->name;
    }
    if (!task->fn) {
        return "thread";
    }
    weft__symbol_name((const void *)(uintptr_t)task->fn, buffer, size);
    char *end = strchr(buffer, ' ');
    if (end) {
        *end = '\0';
    }
    return buffer;
}

/* ---- public ---- */

int weft_yield(void)
{
    struct weft__thread *self =
        weft__op_begin(WEFT__DEED_YIELD, NULL, __builtin_return_address(0));
    if (weft__op_cancelled(self)) {
        return weft__op_refuse(self);
    }
    if (self->task->driven != WEFT__BY_WORKER) {
        bool is_steered = self->task->driven == WEFT__BY_CONTROL; /* then that was it */
        weft__leave(self);
        if (!is_steered) {
            weft__sys_yield();
        }
        return 0;
    }
    weft__leave(weft__switch_away(self, WEFT__LEFT_YIELDED));
    return 0;
}

const char *weft_task_name(void)
{
    const struct weft__task *task = weft__self_task();
    return task->name ? task->name : "task";
}

int weft_fail(int code, const char *why)
{
    weft__self_task()->why = why;
    return code;
}
