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
#include "core/census.h"
#include "core/control.h"
#include "core/idle.h"
#include "core/inject.h"
#include "core/local.h"
#include "core/park.h"
#include "core/runtime.h"
#include "core/worker.h"
#include "weft/err.h"

#define TASK_STEERED_THREAD_STACK (1024 * 1024) /* of what would have a thread of its own */

static const weft_task_options task_default_options;

static int task_check_request(const struct weft__birth_request *request,
                              const weft_task_options *options)
{
    if (!request->fn || request->arg_size > WEFT_TASK_ARG_MAX) {
        return -WEFT_EINVAL;
    }
    if (options->own_tls || (options->on != WEFT_TASK && options->on != WEFT_THREAD)) {
        return -WEFT_ENOTSUP;
    }
    return 0;
}

/* Steered, it is a task like the others, but large. */
static WEFT_NOINLINE size_t task_thread_stack(size_t asked)
{
    return weft__control ? weft__max(asked, (size_t)TASK_STEERED_THREAD_STACK) : asked;
}

int weft__birth_new(struct weft__thread *self, struct weft__runtime *rt,
                    const struct weft__birth_request *request, struct weft__birth **ret_birth)
{
    const weft_task_options *options = request->options ? request->options : &task_default_options;
    size_t arg_size = request->arg ? request->arg_size : 0;
    int rc = task_check_request(request, options);
    if (rc < 0) {
        return rc;
    }
    size_t stack_size = options->stack_size ? options->stack_size : rt->options.stack_size;
    if (WEFT_UNLIKELY(options->on != WEFT_TASK)) {
        stack_size = task_thread_stack(stack_size);
    }
    int class_index = weft__stack_class_for(stack_size);
    if (class_index < 0) {
        return class_index;
    }
    if (arg_size > ((size_t)WEFT_STACK_MIN << class_index) / WEFT_TASK_ARG_SHARE) {
        return -WEFT_EINVAL; /* it would leave too little of the stack for the task */
    }
    struct weft__birth *birth = weft__alloc(sizeof *birth + arg_size);
    if (!birth) {
        return -WEFT_ENOMEM;
    }
    if (WEFT_LIKELY(options->on == WEFT_TASK) || weft__control) {
        rc = weft__stack_promise(rt, weft__seat(self), (uint32_t)class_index);
        if (rc < 0) {
            weft__free(birth);
            return rc;
        }
    }
    *birth = (struct weft__birth){
        .run.kind = WEFT__BIRTH,
        .fn = request->fn,
        .home = request->home,
        .name = options->name,
        .site = request->site,
        .locals = weft__locals_ref(self->task->locals),
        .start = request->start,
        .stack_class = (uint32_t)class_index,
        .arg_size = (uint32_t)arg_size,
        .has_arg = request->arg != NULL,
        .service = options->service,
    };
    if (arg_size) {
        memcpy(birth->arg, request->arg, arg_size);
    }
    weft__san_release(birth); /* for the new task; see weft__ready */
    *ret_birth = birth;
    return 0;
}

int weft__birth_launch(struct weft__thread *self, struct weft__runtime *rt,
                       struct weft__birth *birth, enum weft_on on)
{
    if (WEFT_UNLIKELY(weft__control != NULL)) {
        weft__control_launch(self, rt, birth);
        return 0;
    }
    if (on == WEFT_THREAD) {
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
    struct weft__worker *w = weft__seat(self);
    if (!w) {
        weft__inject_from(self, rt, &birth->run);
        return 0;
    }
    weft__worker_push(w, &birth->run);
    if (deque_size(&w->deque) > 1 || a_load(&w->next, relaxed)) {
        weft__idle_wake(rt); /* more than this worker will run when the spawner parks */
    }
    return 0;
}

static void task_fill(struct weft__task *task, struct weft__runtime *rt,
                      const struct weft__birth *birth)
{
    task->run.kind = WEFT__STARTED;
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
    if (WEFT_UNLIKELY(birth->strand != NULL)) {
        task->strand = birth->strand;
        task->driven = WEFT__BY_CONTROL;
        weft__control->became(task->strand, &task->run, task->stack.lo, task->stack.size);
    }
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
    weft__owner_ops.begun(task); /* not before: it locks, and who left may have held a lock */
    weft__leave(self);
    weft__owner_ops.finished(task, task->fn(task->arg));
    weft__task_exit(weft__enter());
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
    at = (at - birth->arg_size) & ~(uintptr_t)15;
    if (birth->arg_size) {
        memcpy((void *)at, birth->arg, birth->arg_size);
    }
    task->arg = birth->has_arg ? (void *)at : NULL;
    weft__ctx_make(&task->ctx, (void *)at, task_entry, task);
    weft__san_make(&task->san, stack.lo, stack.size);
    weft__san_acquire(birth);
    weft__san_release(task);
    weft__free(birth);
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
    weft__census_end(rt, &stack, task);
    weft__san_free(&task->san);
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
        weft__owner_ops.finished(task, task->fn(task->arg));
        weft__task_exit(weft__enter());
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
    weft__switch_away(self, WEFT__LEFT_DEAD);
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
    weft__switch_away(self, WEFT__LEFT_YIELDED);
    weft__leave(weft__self());
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
