/* spin_calls.c - spin locks: a mutex of the simplest kind, as the engine sees it.
 *
 * libc's spin lock is an int: 1 free, 0 taken on some machines and the reverse on others, so the
 * bytes are left alone.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/preload/calls.h"

static struct weft__model *spin_model(pthread_spinlock_t *lock)
{
    bool is_new;

    return weft__model_get(WEFT__MODEL_MUTEX, (const void *)(uintptr_t)lock, 0, &is_new);
}

static bool spin_can(const struct weft__strand *strand)
{
    return weft__mutex_is_free(strand->next.arg);
}

static void spin_take(pthread_spinlock_t *lock, struct weft__model *m, bool tried)
{
    m->owner = weft__strand_self()->id;
    weft__lock_taken((uintptr_t)lock, false, tried);
    weft__changed((uintptr_t)lock);
}

static int spin_lock(pthread_spinlock_t *lock, uintptr_t pc)
{
    struct weft__operation op = weft__call(WEFT__OP_MUTEX_LOCK, (const void *)(uintptr_t)lock, pc);
    struct weft__model *m = spin_model(lock);
    bool is_mine = m->owner == weft__strand_self()->id;

    op.can = is_mine ? NULL : spin_can;
    op.arg = m;
    (void)weft__call_point(&op);
    if (is_mine)
        weft__self_deadlock((const void *)(uintptr_t)lock,
                            "locks a spin lock that it holds already");
    spin_take(lock, m, false);
    return 0;
}

static int spin_try(pthread_spinlock_t *lock, uintptr_t pc)
{
    weft__call_simple(WEFT__OP_MUTEX_TRY_LOCK, (const void *)(uintptr_t)lock, pc);
    struct weft__model *m = spin_model(lock);
    if (m->owner != WEFT__NOBODY)
        return weft__call_done(EBUSY);
    spin_take(lock, m, true);
    return weft__call_done(0);
}

static int spin_unlock(pthread_spinlock_t *lock, uintptr_t pc)
{
    weft__call_simple(WEFT__OP_MUTEX_UNLOCK, (const void *)(uintptr_t)lock, pc);
    struct weft__model *m = spin_model(lock);
    if (m->owner == WEFT__NOBODY)
        weft__misuse((const void *)(uintptr_t)lock, "unlock of a spin lock that is not locked");
    if (m->owner != weft__strand_self()->id)
        weft__misuse((const void *)(uintptr_t)lock,
                     "unlock of a spin lock that another thread holds (thread %u)", m->owner);
    m->owner = WEFT__NOBODY;
    weft__lock_given((uintptr_t)lock);
    weft__changed((uintptr_t)lock);
    return 0;
}

WEFT__EXPORT int pthread_spin_init(pthread_spinlock_t *lock, int shared)
{
    static int (*real)(pthread_spinlock_t *, int);

    if (WEFT__CONTROLLED()) {
        weft__call_simple(WEFT__OP_OBJECT_INIT, (const void *)(uintptr_t)lock, WEFT__PC());
        spin_model(lock)->owner = WEFT__NOBODY;
    }
    return WEFT__REAL(real, "pthread_spin_init")(lock, shared);
}

WEFT__EXPORT int pthread_spin_destroy(pthread_spinlock_t *lock)
{
    static int (*real)(pthread_spinlock_t *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_spin_destroy")(lock);
    weft__call_simple(WEFT__OP_OBJECT_FINI, (const void *)(uintptr_t)lock, WEFT__PC());
    struct weft__model *m = spin_model(lock);
    if (m->owner != WEFT__NOBODY)
        weft__misuse((const void *)(uintptr_t)lock, "destroy of a spin lock that thread %u holds",
                     m->owner);
    return 0;
}

WEFT__EXPORT int pthread_spin_lock(pthread_spinlock_t *lock)
{
    static int (*real)(pthread_spinlock_t *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_spin_lock")(lock);
    return spin_lock(lock, WEFT__PC());
}

WEFT__EXPORT int pthread_spin_trylock(pthread_spinlock_t *lock)
{
    static int (*real)(pthread_spinlock_t *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_spin_trylock")(lock);
    return spin_try(lock, WEFT__PC());
}

WEFT__EXPORT int pthread_spin_unlock(pthread_spinlock_t *lock)
{
    static int (*real)(pthread_spinlock_t *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_spin_unlock")(lock);
    return spin_unlock(lock, WEFT__PC());
}
