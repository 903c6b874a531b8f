/* rwlock_calls.c - read-write locks, as models.
 *
 * A read lock is granted whenever no writer has the lock, whatever kind the lock is of: the kinds
 * differ in who is preferred, and that is the engine's choice.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/preload/calls.h"

static struct weft__model *rwlock_model(const pthread_rwlock_t *lock)
{
    bool is_new;

    return weft__model_get(WEFT__MODEL_RWLOCK, lock, 0, &is_new);
}

/* How often the running strand has it for reading. */
static struct weft__model *rwlock_reader(const pthread_rwlock_t *lock)
{
    return weft__model_find(WEFT__MODEL_READER, lock, weft__strand_self()->id);
}

static bool rwlock_can_read(const struct weft__strand *strand)
{
    return ((const struct weft__model *)strand->next.arg)->owner == WEFT__NOBODY;
}

static bool rwlock_can_write(const struct weft__strand *strand)
{
    const struct weft__model *m = strand->next.arg;

    return m->owner == WEFT__NOBODY && m->count == 0;
}

static void rwlock_took_read(const pthread_rwlock_t *lock, struct weft__model *m, bool tried)
{
    bool is_new;
    struct weft__model *reader =
        weft__model_get(WEFT__MODEL_READER, lock, weft__strand_self()->id, &is_new);

    reader->count++;
    m->count++;
    if (is_new)
        weft__lock_taken((uintptr_t)lock, true, tried);
    weft__happened_acquire((uintptr_t)lock);
    weft__changed((uintptr_t)lock);
}

static void rwlock_took_write(const pthread_rwlock_t *lock, struct weft__model *m, bool tried)
{
    m->owner = weft__strand_self()->id;
    weft__lock_taken((uintptr_t)lock, false, tried);
    weft__happened_acquire((uintptr_t)lock + 1); /* after all readers */
    weft__changed((uintptr_t)lock);
}

static int rwlock_read(const pthread_rwlock_t *lock, int64_t deadline, uintptr_t pc)
{
    struct weft__model *m = rwlock_model(lock);
    struct weft__operation op = weft__call(WEFT__OP_RWLOCK_READ, lock, pc);

    op.can = m->owner == weft__strand_self()->id ? NULL : rwlock_can_read;
    op.arg = m;
    op.deadline = deadline;
    m->waiting++;
    enum weft__go go = weft__call_point(&op);
    m->waiting--;
    if (m->owner == weft__strand_self()->id)
        return weft__call_done(EDEADLK);
    if (go == WEFT__GO_TIMED_OUT && m->owner != WEFT__NOBODY)
        return weft__call_done(ETIMEDOUT);
    rwlock_took_read(lock, m, false);
    return 0;
}

static int rwlock_write(const pthread_rwlock_t *lock, int64_t deadline, uintptr_t pc)
{
    struct weft__model *m = rwlock_model(lock);
    struct weft__operation op = weft__call(WEFT__OP_RWLOCK_WRITE, lock, pc);
    bool is_mine = m->owner == weft__strand_self()->id;
    bool upgrade = rwlock_reader(lock) != NULL;

    op.can = is_mine || (upgrade && deadline == WEFT__NO_DEADLINE) ? NULL : rwlock_can_write;
    op.arg = m;
    op.deadline = deadline;
    m->waiting++;
    enum weft__go go = weft__call_point(&op);
    m->waiting--;
    if (is_mine)
        return weft__call_done(EDEADLK);
    if (upgrade && deadline == WEFT__NO_DEADLINE)
        weft__self_deadlock(lock, "wants to write under a lock that it holds for reading");
    if (go == WEFT__GO_TIMED_OUT && (m->owner != WEFT__NOBODY || m->count > 0))
        return weft__call_done(ETIMEDOUT);
    rwlock_took_write(lock, m, false);
    return 0;
}

static int rwlock_try_read(const pthread_rwlock_t *lock, uintptr_t pc)
{
    weft__call_simple(WEFT__OP_RWLOCK_TRY_READ, lock, pc);
    struct weft__model *m = rwlock_model(lock);
    if (m->owner != WEFT__NOBODY)
        return weft__call_done(EBUSY);
    rwlock_took_read(lock, m, true);
    return weft__call_done(0);
}

static int rwlock_try_write(const pthread_rwlock_t *lock, uintptr_t pc)
{
    weft__call_simple(WEFT__OP_RWLOCK_TRY_WRITE, lock, pc);
    struct weft__model *m = rwlock_model(lock);
    if (m->owner != WEFT__NOBODY || m->count > 0)
        return weft__call_done(EBUSY);
    rwlock_took_write(lock, m, true);
    return weft__call_done(0);
}

static int rwlock_unlock(const pthread_rwlock_t *lock, uintptr_t pc)
{
    weft__call_simple(WEFT__OP_RWLOCK_UNLOCK, lock, pc);
    struct weft__model *m = rwlock_model(lock), *reader = rwlock_reader(lock);
    if (m->owner == weft__strand_self()->id) {
        weft__lock_given((uintptr_t)lock);
        m->owner = WEFT__NOBODY;
    } else if (reader != NULL) {
        m->count--;
        if (--reader->count == 0) {
            weft__lock_given((uintptr_t)lock);
            weft__model_drop(reader);
        }
        weft__happened_release((uintptr_t)lock + 1); /* for writers: readers are not ordered */
    } else if (m->owner == WEFT__NOBODY && m->count == 0) {
        weft__misuse(lock, "unlock of a read-write lock that is not locked");
    } else {
        weft__misuse(lock, "unlock of a read-write lock that another thread holds");
    }
    weft__changed((uintptr_t)lock);
    return 0;
}

static int rwlock_fini(pthread_rwlock_t *lock, uintptr_t pc)
{
    static int (*real)(pthread_rwlock_t *);

    weft__call_simple(WEFT__OP_OBJECT_FINI, lock, pc);
    struct weft__model *m = rwlock_model(lock);
    if (m->owner != WEFT__NOBODY)
        weft__misuse(lock, "destroy of a read-write lock that thread %u holds", m->owner);
    if (m->count > 0)
        weft__misuse(lock, "destroy of a read-write lock that is held for reading");
    return weft__call_done(WEFT__REAL(real, "pthread_rwlock_destroy")(lock));
}

/* ---- the names ---- */

WEFT__EXPORT int pthread_rwlock_init(pthread_rwlock_t *lock, const pthread_rwlockattr_t *attr)
{
    static int (*real)(pthread_rwlock_t *, const pthread_rwlockattr_t *);

    if (WEFT__CONTROLLED()) {
        weft__call_simple(WEFT__OP_OBJECT_INIT, lock, WEFT__PC());
        struct weft__model *m = rwlock_model(lock);
        if (m->waiting > 0)
            weft__misuse(lock, "init of a read-write lock that %u threads wait for", m->waiting);
        m->owner = WEFT__NOBODY;
        m->count = 0;
    }
    return WEFT__REAL(real, "pthread_rwlock_init")(lock, attr);
}

WEFT__EXPORT int pthread_rwlock_destroy(pthread_rwlock_t *lock)
{
    static int (*real)(pthread_rwlock_t *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_rwlock_destroy")(lock);
    return rwlock_fini(lock, WEFT__PC());
}

WEFT__EXPORT int pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
    static int (*real)(pthread_rwlock_t *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_rwlock_rdlock")(lock);
    return rwlock_read(lock, WEFT__NO_DEADLINE, WEFT__PC());
}

WEFT__EXPORT int pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
    static int (*real)(pthread_rwlock_t *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_rwlock_wrlock")(lock);
    return rwlock_write(lock, WEFT__NO_DEADLINE, WEFT__PC());
}

WEFT__EXPORT int pthread_rwlock_tryrdlock(pthread_rwlock_t *lock)
{
    static int (*real)(pthread_rwlock_t *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_rwlock_tryrdlock")(lock);
    return rwlock_try_read(lock, WEFT__PC());
}

WEFT__EXPORT int pthread_rwlock_trywrlock(pthread_rwlock_t *lock)
{
    static int (*real)(pthread_rwlock_t *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_rwlock_trywrlock")(lock);
    return rwlock_try_write(lock, WEFT__PC());
}

WEFT__EXPORT int pthread_rwlock_timedrdlock(pthread_rwlock_t *lock, const struct timespec *time)
{
    static int (*real)(pthread_rwlock_t *, const struct timespec *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_rwlock_timedrdlock")(lock, time);
    if (!weft__time_is_valid(time))
        return EINVAL;
    return rwlock_read(lock, weft__deadline_at(CLOCK_REALTIME, time), WEFT__PC());
}

WEFT__EXPORT int pthread_rwlock_timedwrlock(pthread_rwlock_t *lock, const struct timespec *time)
{
    static int (*real)(pthread_rwlock_t *, const struct timespec *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_rwlock_timedwrlock")(lock, time);
    if (!weft__time_is_valid(time))
        return EINVAL;
    return rwlock_write(lock, weft__deadline_at(CLOCK_REALTIME, time), WEFT__PC());
}

WEFT__EXPORT int pthread_rwlock_clockrdlock(pthread_rwlock_t *lock, clockid_t clock,
                                            const struct timespec *time)
{
    static int (*real)(pthread_rwlock_t *, clockid_t, const struct timespec *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_rwlock_clockrdlock")(lock, clock, time);
    if (!weft__time_is_valid(time))
        return EINVAL;
    return rwlock_read(lock, weft__deadline_at(clock, time), WEFT__PC());
}

WEFT__EXPORT int pthread_rwlock_clockwrlock(pthread_rwlock_t *lock, clockid_t clock,
                                            const struct timespec *time)
{
    static int (*real)(pthread_rwlock_t *, clockid_t, const struct timespec *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_rwlock_clockwrlock")(lock, clock, time);
    if (!weft__time_is_valid(time))
        return EINVAL;
    return rwlock_write(lock, weft__deadline_at(clock, time), WEFT__PC());
}

WEFT__EXPORT int pthread_rwlock_unlock(pthread_rwlock_t *lock)
{
    static int (*real)(pthread_rwlock_t *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_rwlock_unlock")(lock);
    return rwlock_unlock(lock, WEFT__PC());
}
