/* c11_calls.c - <threads.h>: the same models under other names.
 *
 * libc's own functions of these names call its pthread functions from inside, past our names.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/preload/calls.h"

#include <threads.h>

static int c11_code(int code)
{
    switch (code) {
    case 0:
        return thrd_success;
    case EBUSY:
        return thrd_busy;
    case ENOMEM:
    case EAGAIN:
        return thrd_nomem;
    case ETIMEDOUT:
        return thrd_timedout;
    default:
        return thrd_error;
    }
}

/* ---- threads ---- */

WEFT__EXPORT int thrd_create(thrd_t *ret, thrd_start_t fn, void *arg)
{
    static int (*real)(thrd_t *, thrd_start_t, void *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "thrd_create")(ret, fn, arg);
    return c11_code(weft__thread_create(ret, NULL, NULL, fn, arg, WEFT__PC()));
}

WEFT__EXPORT int thrd_join(thrd_t thread, int *ret_result)
{
    static int (*real)(thrd_t, int *);
    void *result = NULL;

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "thrd_join")(thread, ret_result);
    int code = weft__thread_join(thread, &result, true, WEFT__NO_DEADLINE, WEFT__PC());
    if (code == 0 && ret_result != NULL)
        *ret_result = (int)(intptr_t)result;
    return c11_code(code);
}

WEFT__EXPORT int thrd_detach(thrd_t thread)
{
    static int (*real)(thrd_t);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "thrd_detach")(thread);
    return c11_code(weft__thread_detach(thread, WEFT__PC()));
}

WEFT__EXPORT void thrd_exit(int result)
{
    static void (*real)(int) __attribute__((noreturn));

    if (WEFT__CONTROLLED())
        weft__thread_exit((void *)(intptr_t)result);
    WEFT__REAL(real, "thrd_exit")(result);
    __builtin_unreachable();
}

WEFT__EXPORT int thrd_sleep(const struct timespec *time, struct timespec *ret_left)
{
    static int (*real)(const struct timespec *, struct timespec *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "thrd_sleep")(time, ret_left);
    int code = weft__nap(time, ret_left, WEFT__PC());
    return code == 0 ? 0 : code == EINTR ? -1 : -2;
}

WEFT__EXPORT void thrd_yield(void)
{
    static void (*real)(void);

    if (WEFT__CONTROLLED())
        weft__call_simple(WEFT__OP_YIELD, NULL, WEFT__PC());
    else
        WEFT__REAL(real, "thrd_yield")();
}

/* ---- mutexes: libc's mtx_t is its pthread_mutex_t ---- */

WEFT__EXPORT int mtx_init(mtx_t *mutex, int type)
{
    static int (*real)(mtx_t *, int);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "mtx_init")(mutex, type);
    int code = weft__mutex_init((pthread_mutex_t *)mutex, NULL, WEFT__PC());
    return code == 0 ? WEFT__REAL(real, "mtx_init")(mutex, type) : c11_code(code);
}

WEFT__EXPORT void mtx_destroy(mtx_t *mutex)
{
    static void (*real)(mtx_t *);

    if (WEFT__CONTROLLED())
        (void)weft__mutex_destroy((pthread_mutex_t *)mutex, WEFT__PC());
    else
        WEFT__REAL(real, "mtx_destroy")(mutex);
}

WEFT__EXPORT int mtx_lock(mtx_t *mutex)
{
    static int (*real)(mtx_t *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "mtx_lock")(mutex);
    return c11_code(
        weft__mutex_lock((pthread_mutex_t *)mutex, WEFT__NO_DEADLINE, WEFT__PC()));
}

WEFT__EXPORT int mtx_timedlock(mtx_t *restrict mutex, const struct timespec *restrict time)
{
    static int (*real)(mtx_t *restrict, const struct timespec *restrict);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "mtx_timedlock")(mutex, time);
    if (!weft__time_is_valid(time))
        return thrd_error;
    return c11_code(weft__mutex_lock((pthread_mutex_t *)mutex,
                                     weft__deadline_at(CLOCK_REALTIME, time), WEFT__PC()));
}

WEFT__EXPORT int mtx_trylock(mtx_t *mutex)
{
    static int (*real)(mtx_t *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "mtx_trylock")(mutex);
    return c11_code(weft__mutex_try_lock((pthread_mutex_t *)mutex, WEFT__PC()));
}

WEFT__EXPORT int mtx_unlock(mtx_t *mutex)
{
    static int (*real)(mtx_t *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "mtx_unlock")(mutex);
    return c11_code(weft__mutex_unlock((pthread_mutex_t *)mutex, WEFT__PC()));
}

/* ---- conditions ---- */

WEFT__EXPORT int cnd_init(cnd_t *cond)
{
    static int (*real)(cnd_t *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "cnd_init")(cond);
    return c11_code(weft__cond_init((pthread_cond_t *)cond, NULL, WEFT__PC()));
}

WEFT__EXPORT void cnd_destroy(cnd_t *cond)
{
    static void (*real)(cnd_t *);

    if (WEFT__CONTROLLED())
        (void)weft__cond_destroy((pthread_cond_t *)cond, WEFT__PC());
    else
        WEFT__REAL(real, "cnd_destroy")(cond);
}

WEFT__EXPORT int cnd_wait(cnd_t *cond, mtx_t *mutex)
{
    static int (*real)(cnd_t *, mtx_t *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "cnd_wait")(cond, mutex);
    return c11_code(weft__cond_wait((pthread_cond_t *)cond, (pthread_mutex_t *)mutex,
                                    WEFT__NO_DEADLINE, WEFT__PC()));
}

WEFT__EXPORT int cnd_timedwait(cnd_t *restrict cond, mtx_t *restrict mutex,
                               const struct timespec *restrict time)
{
    static int (*real)(cnd_t *restrict, mtx_t *restrict, const struct timespec *restrict);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "cnd_timedwait")(cond, mutex, time);
    if (!weft__time_is_valid(time))
        return thrd_error;
    return c11_code(weft__cond_wait((pthread_cond_t *)cond, (pthread_mutex_t *)mutex,
                                    weft__deadline_at(CLOCK_REALTIME, time), WEFT__PC()));
}

WEFT__EXPORT int cnd_signal(cnd_t *cond)
{
    static int (*real)(cnd_t *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "cnd_signal")(cond);
    return c11_code(weft__cond_signal((pthread_cond_t *)cond, false, WEFT__PC()));
}

WEFT__EXPORT int cnd_broadcast(cnd_t *cond)
{
    static int (*real)(cnd_t *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "cnd_broadcast")(cond);
    return c11_code(weft__cond_signal((pthread_cond_t *)cond, true, WEFT__PC()));
}

/* ---- the rest ---- */

WEFT__EXPORT int tss_create(tss_t *ret, tss_dtor_t destructor)
{
    return c11_code(weft__key_create(ret, destructor));
}

WEFT__EXPORT void tss_delete(tss_t key)
{
    (void)pthread_key_delete(key);
}

WEFT__EXPORT void call_once(once_flag *flag, void (*fn)(void))
{
    static void (*real)(once_flag *, void (*)(void));

    if (WEFT__CONTROLLED())
        (void)weft__once((int *)flag, fn, WEFT__PC());
    else
        WEFT__REAL(real, "call_once")(flag, fn);
}
