/* thread_calls.c - threads: their life, their end, and who waits for it.
 *
 * A thread is a strand on a fiber.  Its end runs where libc would run it: cleanup handlers first,
 * then destructors of thread-local objects and of keys, all under control, and only then the strand
 * ends.  The last thread of all ends the process, as in libc.
 *
 * pthread_exit and cancellation unwind with libc's own unwinder, which stops at the cleanup handler
 * that lies around each thread's function here.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/preload/calls.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "check/lockorder.h"
#include "check/preload/serve.h"
#include "check/preload/signals.h"
#include "check/shadow.h"

#define THREAD_LOOP_POINTS 24

static uint32_t threads_alive;
uint32_t weft__moves;

/* By the carrier: strands that share one are tasks of one thread. */
static struct weft__thread *thread_of_strand(const struct weft__strand *strand)
{
    struct weft__fiber *fiber = strand->carrier;

    return &fiber->thread;
}

struct weft__thread *weft__thread_self(void)
{
    return thread_of_strand(weft__strand_self());
}

struct weft__thread *weft__thread_of_strand(uint16_t id)
{
    return thread_of_strand(weft__strand_of(id));
}

static struct weft__thread *thread_of(pthread_t thread)
{
    struct weft__fiber *fiber = weft__fiber_of(thread);

    return fiber != NULL ? &fiber->thread : NULL;
}

struct weft__strand *weft__strand_of_thread(pthread_t thread)
{
    struct weft__thread *t = thread_of(thread);

    return t != NULL && t->state != WEFT__THREAD_GONE ? t->strand : NULL;
}

void weft__threads_begin(void)
{
    struct weft__strand *strand = weft__strand_self();

    struct weft__fiber *fiber = weft__fiber_main();
    fiber->thread = (struct weft__thread){.strand = strand, .state = WEFT__THREAD_LIVE};
    strand->user = &fiber->thread;
    strand->carrier = fiber;
    strand->detached = true; /* nobody need join it: no leak when another thread ends the process */
    strand->stack_low = fiber->low;
    strand->stack_high = fiber->high;
    threads_alive = 1;
}

/* ---- points ---- */

/* Woken for no reason, with nothing changed, and it has not waited again since. */
static void thread_found_no_loop(struct weft__thread *self)
{
    struct weft__finding *f = weft__found(
        WEFT__CLASS_WAIT_WITHOUT_LOOP, self->loop_cond,
        "woken without a signal, as is allowed, and went on though nothing had changed");

    f->parties[0].site = weft__site_of(self->loop_pc);
    f->parties[0].op = WEFT__OP_COND_WAIT;
    f->parties[0].object = self->loop_cond;
    self->loop_cond = 0;
}

/* The loop may be a wide one, so it has a while to come back. */
static void thread_check_loop(struct weft__thread *self, const struct weft__operation *op)
{
    if (op->op == WEFT__OP_COND_WAIT && op->object == self->loop_cond)
        self->loop_cond = 0;
    else if (++self->loop_points > THREAD_LOOP_POINTS)
        thread_found_no_loop(self);
}

enum weft__go weft__call_point(const struct weft__operation *op)
{
    struct weft__thread *self = weft__thread_self();

    if (WEFT_UNLIKELY(weft__signals_waiting))
        weft__signals_deliver(op->pc);
    if (WEFT_UNLIKELY(self->loop_cond != 0))
        thread_check_loop(self, op);
    enum weft__go go = weft__point(op);
    if (WEFT_UNLIKELY(self->cancel_wanted && self->cancel_async))
        weft__cancel_point();
    return go;
}

void weft__call_simple(enum weft__op op, const void *object, uintptr_t pc)
{
    struct weft__operation operation = weft__call(op, object, pc);

    (void)weft__call_point(&operation);
}

int weft__call_done(int code)
{
    weft__value((uint64_t)code, code != 0 ? WEFT__EVENT_FAILED : 0);
    return code;
}

void weft__misuse(const void *object, const char *format, ...)
{
    char text[200];
    va_list args;

    weft__busy++;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)weft__found(WEFT__CLASS_MISUSE, (uintptr_t)object, "%s", text);
    weft__engine_over();
}

void weft__self_deadlock(const void *object, const char *text)
{
    struct weft__finding *f = weft__found(WEFT__CLASS_DEADLOCK, (uintptr_t)object, "%s", text);
    weft__site taken = 0;

    (void)weft__lockorder_holder((uint64_t)(uintptr_t)object, &taken);
    f->parties[0].object = (uintptr_t)object;
    f->parties[0].holder = weft__strand_self()->id;
    f->parties[0].taken = taken;
    weft__engine_over();
}

/* ---- the end ---- */

/* Destructors of C++'s thread-local objects: libc runs them in a thread that it ends itself. */
static void thread_run_local_destructors(void)
{
    static void (*real)(void);

    WEFT__REAL(real, "__call_tls_dtors")();
}

void weft__threads_prepare(void)
{
    thread_run_local_destructors(); /* there are none; finds the function */
}

static void thread_finish(struct weft__thread *self) __attribute__((noreturn));
static void thread_finish(struct weft__thread *self)
{
    if (weft__engine != NULL && self->loop_cond != 0)
        thread_found_no_loop(self);
    thread_run_local_destructors();
    weft__keys_run_destructors();
    if (weft__engine == NULL || --threads_alive == 0)
        exit(0);
    weft__mutexes_orphan(self->strand);
    if (self->detached) {
        self->state = WEFT__THREAD_GONE;
        weft__fiber_give(weft__fiber_under(self));
    } else {
        self->state = WEFT__THREAD_ENDED;
    }
    weft__strand_end();
    WEFT_CHECK(!"an ended thread goes on");
    __builtin_unreachable();
}

static void thread_unwound(void *arg)
{
    thread_finish(arg);
}

/* First function on the fiber. */
static void thread_main(void *arg)
{
    struct weft__thread *self = arg;

    pthread_cleanup_push(thread_unwound, self);
    if (self->fn_c11 != NULL)
        self->result = (void *)(intptr_t)self->fn_c11(self->arg);
    else
        self->result = self->fn(self->arg);
    pthread_cleanup_pop(0);
    thread_finish(self);
}

/* Around main: returns what it returned, unless it left by pthread_exit. */
int weft__thread_run_main(int (*fn)(int, char **, char **), int argc, char **argv, char **env)
{
    int status;

    pthread_cleanup_push(thread_unwound, &weft__fiber_main()->thread);
    status = fn(argc, argv, env);
    pthread_cleanup_pop(0);
    if (weft__engine != NULL && weft__busy == 0) { /* as exit: others may run until it is done */
        weft__point(&(struct weft__operation){
            .op = WEFT__OP_EXIT, .pc = (uintptr_t)fn, .deadline = WEFT__NO_DEADLINE});
    }
    return status;
}

void weft__thread_exit(void *result)
{
    static void (*real)(void *);
    struct weft__thread *self = weft__thread_self();

    self->result = result;
    self->cancel_off = true;
    weft__server_note_unwinding();
    WEFT__REAL(real, "pthread_exit")(result);
    __builtin_unreachable();
}

/* ---- create, join, detach ---- */

static bool thread_is_detached(const pthread_attr_t *attr)
{
    int state = PTHREAD_CREATE_JOINABLE;

    if (attr != NULL)
        (void)pthread_attr_getdetachstate(attr, &state);
    return state == PTHREAD_CREATE_DETACHED;
}

int weft__thread_create(pthread_t *ret, const pthread_attr_t *attr, void *(*fn)(void *),
                        int (*fn_c11)(void *), void *arg, uintptr_t pc)
{
    struct weft__operation op = weft__call(WEFT__OP_SPAWN, NULL, pc);
    uintptr_t function = fn != NULL ? (uintptr_t)fn : (uintptr_t)fn_c11;

    op.object = (uintptr_t)weft__strand_count() + 1;
    (void)weft__call_point(&op);
    weft__busy++;
    struct weft__fiber *fiber = weft__fiber_take(attr);
    weft__busy--;
    if (fiber == NULL)
        return weft__call_done(EAGAIN);
    struct weft__strand *strand = weft__strand_new(NULL, function, pc, fiber);
    if (strand == NULL) {
        weft__fiber_give(fiber);
        (void)weft__found(WEFT__CLASS_UNCONTROLLED, 0, "more than %d threads", WEFT__STRANDS_MAX);
        return weft__call_done(EAGAIN);
    }
    struct weft__thread *thread = &fiber->thread;
    if (thread->strand != NULL) { /* another one before it */
        thread->strand->carrier = NULL;
        weft__shadow_reset(fiber->low, fiber->high - fiber->low);
    }
    *thread = (struct weft__thread){.strand = strand,
                                    .fn = fn,
                                    .fn_c11 = fn_c11,
                                    .arg = arg,
                                    .state = WEFT__THREAD_LIVE,
                                    .detached = thread_is_detached(attr)};
    strand->user = thread;
    strand->detached = thread->detached;
    strand->stack_low = fiber->low;
    strand->stack_high = fiber->high;
    threads_alive++;
    weft__fiber_start(fiber, thread_main, thread);
    *ret = weft__fiber_thread(fiber);
    weft__value(strand->id, 0);
    return 0;
}

static bool thread_can_join(const struct weft__strand *strand)
{
    const struct weft__thread *target = strand->next.arg;

    return target->state == WEFT__THREAD_ENDED || weft__cancel_due(strand);
}

/* What is wrong with a thread that is to be joined or detached, at the time of the call. */
static void thread_check_joinable(const struct weft__thread *target, const char *what)
{
    if (target == NULL || target->state == WEFT__THREAD_NONE)
        weft__misuse(NULL, "%s of something that is no thread", what);
    if (target->detached)
        weft__misuse(NULL, "%s of a thread that is detached (thread %u)", what,
                     target->strand->id);
    if (target->state == WEFT__THREAD_GONE)
        weft__misuse(NULL, "%s of a thread that was joined already (thread %u)", what,
                     target->strand->id);
}

static void thread_gone(struct weft__thread *target)
{
    weft__happened_join(target->strand);
    target->state = WEFT__THREAD_GONE;
    target->strand->detached = true; /* as to leaks: it was cared for */
    weft__fiber_give(weft__fiber_under(target));
}

int weft__thread_join(pthread_t thread, void **ret_result, bool wait, int64_t deadline,
                      uintptr_t pc)
{
    struct weft__operation op = weft__call(WEFT__OP_JOIN, NULL, pc);
    struct weft__thread *target = thread_of(thread);

    if (target == weft__thread_self())
        return EDEADLK;
    weft__cancel_point();
    op.object = target != NULL && target->strand != NULL ? (uintptr_t)target->strand->id + 1 : 0;
    op.can = wait && target != NULL && target->state != WEFT__THREAD_GONE &&
                     target->state != WEFT__THREAD_NONE && !target->detached
                 ? thread_can_join
                 : NULL;
    op.arg = target;
    op.deadline = deadline;
    if (op.can != NULL && target->is_joined)
        weft__misuse(NULL, "two joins of one thread (thread %u)", target->strand->id);
    if (op.can != NULL)
        target->is_joined = true;
    (void)weft__call_point(&op);
    if (op.can != NULL)
        target->is_joined = false;
    thread_check_joinable(target, "join");
    weft__cancel_point();
    if (target->state != WEFT__THREAD_ENDED)
        return weft__call_done(wait ? ETIMEDOUT : EBUSY);
    if (ret_result != NULL)
        *ret_result = target->result;
    thread_gone(target);
    return 0;
}

int weft__thread_detach(pthread_t thread, uintptr_t pc)
{
    struct weft__operation op = weft__call(WEFT__OP_DETACH, NULL, pc);
    struct weft__thread *target = thread_of(thread);

    op.object = target != NULL && target->strand != NULL ? (uintptr_t)target->strand->id + 1 : 0;
    (void)weft__call_point(&op);
    thread_check_joinable(target, "detach");
    target->detached = target->strand->detached = true;
    if (target->state == WEFT__THREAD_ENDED) {
        target->state = WEFT__THREAD_GONE;
        weft__fiber_give(weft__fiber_under(target));
    }
    return 0;
}

/* ---- cancellation ---- */

bool weft__cancel_due(const struct weft__strand *strand)
{
    const struct weft__thread *thread = thread_of_strand(strand);

    return thread->cancel_wanted && !thread->cancel_off;
}

void weft__cancel_point(void)
{
    if (WEFT_UNLIKELY(weft__cancel_due(weft__strand_self())))
        weft__thread_exit(PTHREAD_CANCELED);
}

static int thread_cancel(pthread_t thread, uintptr_t pc)
{
    struct weft__thread *target = thread_of(thread);

    weft__call_simple(WEFT__OP_CANCEL, target != NULL ? target->strand : NULL, pc);
    if (target == NULL || target->state == WEFT__THREAD_NONE)
        weft__misuse(NULL, "cancel of something that is no thread");
    if (target->state == WEFT__THREAD_GONE)
        weft__misuse(NULL, "cancel of a thread that is gone (thread %u)", target->strand->id);
    target->cancel_wanted = true;
    if (target == weft__thread_self() && target->cancel_async)
        weft__cancel_point();
    else if (target->strand->next.object != 0)
        weft__changed(target->strand->next.object);
    return 0;
}

/* ---- the names ---- */

WEFT__EXPORT int pthread_create(pthread_t *ret, const pthread_attr_t *attr, void *(*fn)(void *),
                                void *arg)
{
    static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

    if (!weft__is_libc(WEFT__PC()))
        weft__server_arm(); /* a thread that is older than main */
    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_create")(ret, attr, fn, arg);
    return weft__thread_create(ret, attr, fn, NULL, arg, WEFT__PC());
}

WEFT__EXPORT int pthread_join(pthread_t thread, void **ret_result)
{
    static int (*real)(pthread_t, void **);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_join")(thread, ret_result);
    return weft__thread_join(thread, ret_result, true, WEFT__NO_DEADLINE, WEFT__PC());
}

WEFT__EXPORT int pthread_tryjoin_np(pthread_t thread, void **ret_result)
{
    static int (*real)(pthread_t, void **);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_tryjoin_np")(thread, ret_result);
    return weft__thread_join(thread, ret_result, false, WEFT__NO_DEADLINE, WEFT__PC());
}

WEFT__EXPORT int pthread_timedjoin_np(pthread_t thread, void **ret_result,
                                      const struct timespec *time)
{
    static int (*real)(pthread_t, void **, const struct timespec *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_timedjoin_np")(thread, ret_result, time);
    int64_t deadline = time != NULL ? weft__deadline_at(CLOCK_REALTIME, time) : WEFT__NO_DEADLINE;
    return weft__thread_join(thread, ret_result, true, deadline, WEFT__PC());
}

WEFT__EXPORT int pthread_clockjoin_np(pthread_t thread, void **ret_result, clockid_t clock,
                                      const struct timespec *time)
{
    static int (*real)(pthread_t, void **, clockid_t, const struct timespec *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_clockjoin_np")(thread, ret_result, clock, time);
    int64_t deadline = time != NULL ? weft__deadline_at(clock, time) : WEFT__NO_DEADLINE;
    return weft__thread_join(thread, ret_result, true, deadline, WEFT__PC());
}

WEFT__EXPORT int pthread_detach(pthread_t thread)
{
    static int (*real)(pthread_t);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_detach")(thread);
    return weft__thread_detach(thread, WEFT__PC());
}

WEFT__EXPORT void pthread_exit(void *result)
{
    static void (*real)(void *) __attribute__((noreturn));

    if (WEFT__CONTROLLED())
        weft__thread_exit(result);
    WEFT__REAL(real, "pthread_exit")(result);
    __builtin_unreachable();
}

WEFT__EXPORT int pthread_cancel(pthread_t thread)
{
    static int (*real)(pthread_t);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_cancel")(thread);
    return thread_cancel(thread, WEFT__PC());
}

WEFT__EXPORT int pthread_setcancelstate(int state, int *ret_old)
{
    static int (*real)(int, int *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_setcancelstate")(state, ret_old);
    if (state != PTHREAD_CANCEL_ENABLE && state != PTHREAD_CANCEL_DISABLE)
        return EINVAL;
    struct weft__thread *self = weft__thread_self();
    if (ret_old != NULL)
        *ret_old = self->cancel_off ? PTHREAD_CANCEL_DISABLE : PTHREAD_CANCEL_ENABLE;
    self->cancel_off = state == PTHREAD_CANCEL_DISABLE;
    if (self->cancel_async)
        weft__cancel_point();
    return 0;
}

WEFT__EXPORT int pthread_setcanceltype(int type, int *ret_old)
{
    static int (*real)(int, int *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_setcanceltype")(type, ret_old);
    if (type != PTHREAD_CANCEL_DEFERRED && type != PTHREAD_CANCEL_ASYNCHRONOUS)
        return EINVAL;
    struct weft__thread *self = weft__thread_self();
    if (ret_old != NULL)
        *ret_old = self->cancel_async ? PTHREAD_CANCEL_ASYNCHRONOUS : PTHREAD_CANCEL_DEFERRED;
    self->cancel_async = type == PTHREAD_CANCEL_ASYNCHRONOUS;
    if (self->cancel_async)
        weft__cancel_point();
    return 0;
}

WEFT__EXPORT void pthread_testcancel(void)
{
    static void (*real)(void);

    if (WEFT__CONTROLLED())
        weft__cancel_point();
    else
        WEFT__REAL(real, "pthread_testcancel")();
}

WEFT__EXPORT int pthread_setname_np(pthread_t thread, const char *name)
{
    static int (*real)(pthread_t, const char *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_setname_np")(thread, name);
    struct weft__strand *strand = weft__strand_of_thread(thread);
    size_t n = strlen(name);
    if (n > 15)
        return ERANGE;
    if (strand == NULL)
        return ESRCH;
    memcpy(strand->name, name, n + 1);
    return 0;
}

WEFT__EXPORT int pthread_getname_np(pthread_t thread, char *ret_name, size_t size)
{
    static int (*real)(pthread_t, char *, size_t);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_getname_np")(thread, ret_name, size);
    const struct weft__strand *strand = weft__strand_of_thread(thread);
    if (strand == NULL)
        return ESRCH;
    if (size < 16)
        return ERANGE;
    memcpy(ret_name, strand->name, 15);
    ret_name[15] = '\0';
    return 0;
}

/* Where and how urgently a thread runs is ours to say: yes to everything. */

WEFT__EXPORT int pthread_setaffinity_np(pthread_t thread, size_t size, const cpu_set_t *set)
{
    static int (*real)(pthread_t, size_t, const cpu_set_t *);

    if (WEFT__CONTROLLED())
        return 0;
    return WEFT__REAL(real, "pthread_setaffinity_np")(thread, size, set);
}

WEFT__EXPORT int pthread_setschedparam(pthread_t thread, int policy,
                                       const struct sched_param *param)
{
    static int (*real)(pthread_t, int, const struct sched_param *);

    if (WEFT__CONTROLLED())
        return 0;
    return WEFT__REAL(real, "pthread_setschedparam")(thread, policy, param);
}

WEFT__EXPORT int pthread_setschedprio(pthread_t thread, int priority)
{
    static int (*real)(pthread_t, int);

    if (WEFT__CONTROLLED())
        return 0;
    return WEFT__REAL(real, "pthread_setschedprio")(thread, priority);
}
