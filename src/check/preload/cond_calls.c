/* cond_calls.c - condition variables, as models.
 *
 * A wait is two points: COND_WAIT gives the mutex and joins the queue, COND_WAKE goes on when the
 * strand was signalled and the mutex is free.  Whom a signal wakes is a choice; so is a wake-up for
 * no reason, which the standard allows.
 *
 * A strand that was woken for no reason, before anybody else has moved, must find what it waits for
 * as it was, and wait again.  If it does something else first it has no loop, and we say so.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/preload/calls.h"

#define COND_CLOCK_MONOTONIC 2 /* in libc's __wrefs */

static struct weft__model *cond_model(pthread_cond_t *cond)
{
    bool is_new;

    return weft__model_get(WEFT__MODEL_COND, cond, 0, &is_new);
}

static void cond_enqueue(struct weft__model *m, struct weft__thread *thread)
{
    uint16_t id = thread->strand->id;

    thread->signalled = thread->strand->signalled = false;
    thread->wait_next = WEFT__NOBODY;
    if (m->first == WEFT__NOBODY)
        m->first = id;
    else
        weft__thread_of_strand(m->last)->wait_next = id;
    m->last = id;
    m->waiting++;
}

/* Takes the n-th of the queue out. */
static struct weft__thread *cond_dequeue(struct weft__model *m, uint32_t n)
{
    uint16_t before = WEFT__NOBODY, id = m->first;

    for (; n > 0; n--) {
        before = id;
        id = weft__thread_of_strand(id)->wait_next;
    }
    struct weft__thread *thread = weft__thread_of_strand(id);
    if (before == WEFT__NOBODY)
        m->first = thread->wait_next;
    else
        weft__thread_of_strand(before)->wait_next = thread->wait_next;
    if (m->last == id)
        m->last = before;
    m->waiting--;
    return thread;
}

static void cond_wake_one(struct weft__model *m, uint32_t n)
{
    struct weft__thread *thread = cond_dequeue(m, n);

    thread->signalled = thread->strand->signalled = true;
}

/* Its place in the queue. */
static uint32_t cond_place(const struct weft__model *m, const struct weft__thread *thread)
{
    uint32_t n = 0;

    for (uint16_t id = m->first; id != thread->strand->id; n++)
        id = weft__thread_of_strand(id)->wait_next;
    return n;
}

int weft__cond_init(pthread_cond_t *cond, const pthread_condattr_t *attr, uintptr_t pc)
{
    static int (*real)(pthread_cond_t *, const pthread_condattr_t *);

    weft__call_simple(WEFT__OP_OBJECT_INIT, cond, pc);
    struct weft__model *m = cond_model(cond);
    if (m->waiting > 0)
        weft__misuse(cond, "init of a condition that %u threads wait for", m->waiting);
    return weft__call_done(WEFT__REAL(real, "pthread_cond_init")(cond, attr));
}

int weft__cond_destroy(pthread_cond_t *cond, uintptr_t pc)
{
    weft__call_simple(WEFT__OP_OBJECT_FINI, cond, pc);
    struct weft__model *m = cond_model(cond);
    if (m->waiting > 0)
        weft__misuse(cond, "destroy of a condition that %u threads wait for", m->waiting);
    return weft__call_done(0);
}

/* ---- waiting ---- */

struct cond_wait {
    const struct weft__thread *thread;
    const struct weft__model *mutex;
    bool no_reason;
};

static bool cond_can(const struct weft__strand *strand)
{
    const struct cond_wait *wait = strand->next.arg;

    return (wait->thread->signalled || wait->no_reason || weft__cancel_due(strand)) &&
           weft__mutex_is_free(wait->mutex);
}

static bool cond_can_enter(const struct weft__strand *strand)
{
    const struct cond_wait *wait = strand->next.arg;

    return weft__mutex_is_free(wait->mutex);
}

/* Waits, and comes back when the mutex is free, whatever ended the wait.  True: the deadline
 * came. */
static bool cond_wake(pthread_cond_t *cond, pthread_mutex_t *mutex, struct cond_wait *wait,
                      int64_t deadline, uintptr_t pc)
{
    struct weft__operation op = weft__call(WEFT__OP_COND_WAKE, cond, pc);

    op.second = (uintptr_t)mutex;
    op.arg = wait;
    op.can = cond_can;
    op.deadline = deadline;
    uint32_t moves = weft__moves;
    enum weft__go go = weft__call_point(&op);
    if (go == WEFT__GO_TIMED_OUT && !weft__mutex_is_free(wait->mutex)) {
        op.can = cond_can_enter;
        op.deadline = WEFT__NO_DEADLINE;
        (void)weft__call_point(&op);
    }
    wait->no_reason = wait->no_reason && weft__moves == moves;
    return go == WEFT__GO_TIMED_OUT;
}

int weft__cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t deadline, uintptr_t pc)
{
    struct weft__operation op = weft__call(WEFT__OP_COND_WAIT, cond, pc);
    struct weft__thread *self = weft__thread_self();
    struct cond_wait wait = {.thread = self};
    uint32_t depth;

    weft__cancel_point();
    op.second = (uintptr_t)mutex;
    (void)weft__call_point(&op);
    struct weft__model *m = cond_model(cond);
    struct weft__model *held = weft__mutex_leave(mutex, &depth);
    wait.mutex = held;
    cond_enqueue(m, self);
    wait.no_reason = weft__choose(WEFT__CHOICE_FAIL, 2) == 1;
    bool timed_out = cond_wake(cond, mutex, &wait, deadline, pc);
    weft__mutex_enter(mutex, held, depth);
    int code = 0;
    if (self->signalled) {
        weft__happened_acquire((uintptr_t)cond);
    } else {
        (void)cond_dequeue(m, cond_place(m, self));
        weft__cancel_point();
        if (timed_out) {
            code = ETIMEDOUT;
        } else if (wait.no_reason && deadline == WEFT__NO_DEADLINE) {
            self->loop_cond = (uintptr_t)cond;
            self->loop_points = 0;
            self->loop_pc = pc;
        }
    }
    return weft__call_done(code);
}

int weft__cond_signal(pthread_cond_t *cond, bool all, uintptr_t pc)
{
    weft__call_simple(all ? WEFT__OP_COND_BROADCAST : WEFT__OP_COND_SIGNAL, cond, pc);
    struct weft__model *m = cond_model(cond);
    uint32_t waiting = m->waiting;
    weft__happened_release((uintptr_t)cond);
    if (waiting > 0 && !all)
        cond_wake_one(m, weft__choose(WEFT__CHOICE_WAITER, waiting));
    while (all && m->waiting > 0)
        cond_wake_one(m, 0);
    if (waiting > 0)
        weft__changed((uintptr_t)cond);
    weft__value(waiting, 0); /* 0: nobody was there to hear it */
    return 0;
}

/* ---- the names ---- */

WEFT__EXPORT int pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attr)
{
    static int (*real)(pthread_cond_t *, const pthread_condattr_t *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_cond_init")(cond, attr);
    return weft__cond_init(cond, attr, WEFT__PC());
}

WEFT__EXPORT int pthread_cond_destroy(pthread_cond_t *cond)
{
    static int (*real)(pthread_cond_t *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_cond_destroy")(cond);
    return weft__cond_destroy(cond, WEFT__PC());
}

WEFT__EXPORT int pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
    static int (*real)(pthread_cond_t *, pthread_mutex_t *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_cond_wait")(cond, mutex);
    return weft__cond_wait(cond, mutex, WEFT__NO_DEADLINE, WEFT__PC());
}

WEFT__EXPORT int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
                                        const struct timespec *time)
{
    static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_cond_timedwait")(cond, mutex, time);
    if (!weft__time_is_valid(time))
        return EINVAL;
    clockid_t clock = cond->__data.__wrefs & COND_CLOCK_MONOTONIC ? CLOCK_MONOTONIC
                                                                  : CLOCK_REALTIME;
    return weft__cond_wait(cond, mutex, weft__deadline_at(clock, time), WEFT__PC());
}

WEFT__EXPORT int pthread_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
                                        clockid_t clock, const struct timespec *time)
{
    static int (*real)(pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_cond_clockwait")(cond, mutex, clock, time);
    if (!weft__time_is_valid(time))
        return EINVAL;
    return weft__cond_wait(cond, mutex, weft__deadline_at(clock, time), WEFT__PC());
}

WEFT__EXPORT int pthread_cond_signal(pthread_cond_t *cond)
{
    static int (*real)(pthread_cond_t *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_cond_signal")(cond);
    return weft__cond_signal(cond, false, WEFT__PC());
}

WEFT__EXPORT int pthread_cond_broadcast(pthread_cond_t *cond)
{
    static int (*real)(pthread_cond_t *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_cond_broadcast")(cond);
    return weft__cond_signal(cond, true, WEFT__PC());
}
