/* sem_calls.c - semaphores, as models.
 *
 * The count begins with what libc has written into the object, so semaphores made before control
 * began, and named ones, work; that another process posts to one is not seen.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/preload/calls.h"

static struct weft__model *sem_model(sem_t *sem)
{
    static int (*real)(sem_t *, int *);
    bool is_new;
    struct weft__model *m = weft__model_get(WEFT__MODEL_SEM, sem, 0, &is_new);
    int value = 0;

    if (is_new && WEFT__REAL(real, "sem_getvalue")(sem, &value) == 0 && value > 0)
        m->count = (uint32_t)value;
    return m;
}

static bool sem_can(const struct weft__strand *strand)
{
    return ((const struct weft__model *)strand->next.arg)->count > 0 || weft__cancel_due(strand);
}

static int sem_failed(int code)
{
    (void)weft__call_done(code);
    errno = code;
    return -1;
}

static int sem_take(sem_t *sem, struct weft__model *m)
{
    m->count--;
    weft__happened_acquire((uintptr_t)sem);
    weft__changed((uintptr_t)sem);
    return 0;
}

static int sem_wait_until(sem_t *sem, int64_t deadline, uintptr_t pc)
{
    struct weft__model *m = sem_model(sem);
    struct weft__operation op = weft__call(WEFT__OP_SEM_WAIT, sem, pc);

    op.can = sem_can;
    op.arg = m;
    op.deadline = deadline;
    m->waiting++;
    (void)weft__call_point(&op);
    m->waiting--;
    weft__cancel_point();
    if (m->count == 0)
        return sem_failed(ETIMEDOUT);
    return sem_take(sem, m);
}

static int sem_try(sem_t *sem, uintptr_t pc)
{
    weft__call_simple(WEFT__OP_SEM_TRY_WAIT, sem, pc);
    struct weft__model *m = sem_model(sem);
    if (m->count == 0)
        return sem_failed(EAGAIN);
    (void)weft__call_done(0);
    return sem_take(sem, m);
}

static int sem_give(sem_t *sem, uintptr_t pc)
{
    weft__call_simple(WEFT__OP_SEM_POST, sem, pc);
    struct weft__model *m = sem_model(sem);
    if (m->count >= INT32_MAX)
        return sem_failed(EOVERFLOW);
    m->count++;
    weft__happened_release((uintptr_t)sem);
    weft__changed((uintptr_t)sem);
    weft__value(m->count, 0);
    return 0;
}

/* ---- the names ---- */

WEFT__EXPORT int sem_init(sem_t *sem, int shared, unsigned value)
{
    static int (*real)(sem_t *, int, unsigned);
    int rc;

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "sem_init")(sem, shared, value);
    weft__call_simple(WEFT__OP_OBJECT_INIT, sem, WEFT__PC());
    rc = WEFT__REAL(real, "sem_init")(sem, shared, value);
    if (rc == 0) {
        struct weft__model *m = sem_model(sem);
        if (m->waiting > 0)
            weft__misuse(sem, "init of a semaphore that %u threads wait for", m->waiting);
        m->count = value;
    }
    return rc;
}

WEFT__EXPORT int sem_destroy(sem_t *sem)
{
    static int (*real)(sem_t *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "sem_destroy")(sem);
    weft__call_simple(WEFT__OP_OBJECT_FINI, sem, WEFT__PC());
    struct weft__model *m = sem_model(sem);
    if (m->waiting > 0 && m->count < m->waiting)
        weft__misuse(sem, "destroy of a semaphore that %u threads wait for", m->waiting);
    return 0;
}

WEFT__EXPORT int sem_wait(sem_t *sem)
{
    static int (*real)(sem_t *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "sem_wait")(sem);
    return sem_wait_until(sem, WEFT__NO_DEADLINE, WEFT__PC());
}

WEFT__EXPORT int sem_trywait(sem_t *sem)
{
    static int (*real)(sem_t *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "sem_trywait")(sem);
    return sem_try(sem, WEFT__PC());
}

WEFT__EXPORT int sem_timedwait(sem_t *sem, const struct timespec *time)
{
    static int (*real)(sem_t *, const struct timespec *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "sem_timedwait")(sem, time);
    if (!weft__time_is_valid(time))
        return sem_failed(EINVAL);
    return sem_wait_until(sem, weft__deadline_at(CLOCK_REALTIME, time), WEFT__PC());
}

WEFT__EXPORT int sem_clockwait(sem_t *sem, clockid_t clock, const struct timespec *time)
{
    static int (*real)(sem_t *, clockid_t, const struct timespec *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "sem_clockwait")(sem, clock, time);
    if (!weft__time_is_valid(time))
        return sem_failed(EINVAL);
    return sem_wait_until(sem, weft__deadline_at(clock, time), WEFT__PC());
}

WEFT__EXPORT int sem_post(sem_t *sem)
{
    static int (*real)(sem_t *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "sem_post")(sem);
    return sem_give(sem, WEFT__PC());
}

WEFT__EXPORT int sem_getvalue(sem_t *sem, int *ret_value)
{
    static int (*real)(sem_t *, int *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "sem_getvalue")(sem, ret_value);
    weft__call_simple(WEFT__OP_SEM_TRY_WAIT, sem, WEFT__PC());
    *ret_value = (int)sem_model(sem)->count;
    weft__value((uint64_t)*ret_value, 0);
    return 0;
}
