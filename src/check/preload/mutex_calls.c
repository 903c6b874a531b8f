/* mutex_calls.c - mutexes and spin locks, as models.
 *
 * Who gets a free mutex is the engine's choice: there is no queue.  The kind is read from the
 * object's own bytes at each call, so static initialisers of all kinds work; libc writes -1 there
 * when a mutex is destroyed.  What a wrong use means depends on the kind: where the standard says
 * that an error is returned we return it, where it leaves everything open we say so and stop.
 *
 * Process-shared mutexes are modelled like any other; that another process takes one is not seen.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/preload/calls.h"

#define MUTEX_TYPE       3
#define MUTEX_NORMAL     0
#define MUTEX_RECURSIVE  1
#define MUTEX_ERRORCHECK 2
#define MUTEX_ROBUST     16
#define MUTEX_DEAD       (-1) /* libc's mark */

enum { MUTEX_ORPHANED = 1, MUTEX_LOST = 2 };

static bool mutex_any_robust;

static int mutex_type(const pthread_mutex_t *mutex)
{
    return mutex->__data.__kind & MUTEX_TYPE;
}

/* The bytes as libc would have them; see model.h. */
static void mutex_mirror(pthread_mutex_t *mutex, const struct weft__model *m)
{
    bool held = m->owner != WEFT__NOBODY;

    mutex->__data.__lock = held;
    mutex->__data.__owner = held ? m->owner + 1 : 0;
    mutex->__data.__count = held && mutex_type(mutex) == MUTEX_RECURSIVE ? m->count : 0;
}

static struct weft__model *mutex_model(pthread_mutex_t *mutex)
{
    bool is_new;
    struct weft__model *m = weft__model_get(WEFT__MODEL_MUTEX, mutex, 0, &is_new);

    if (is_new && mutex->__data.__lock == 1 && mutex->__data.__kind != MUTEX_DEAD) {
        m->owner = 0; /* locked by main before it came under control */
        m->count = mutex->__data.__count > 0 ? mutex->__data.__count : 1;
    } else if (!is_new && m->owner != WEFT__NOBODY && mutex->__data.__lock == 0) {
        m->owner = WEFT__NOBODY; /* the memory was made anew */
        m->state = 0;
    }
    if (mutex->__data.__kind & MUTEX_ROBUST && mutex->__data.__kind != MUTEX_DEAD)
        mutex_any_robust = true;
    return m;
}

static void mutex_check_alive(const pthread_mutex_t *mutex, const char *what)
{
    if (mutex->__data.__kind == MUTEX_DEAD)
        weft__misuse(mutex, "%s of a mutex that was destroyed", what);
}

bool weft__mutex_is_free(const struct weft__model *model)
{
    return model->owner == WEFT__NOBODY;
}

static bool mutex_can(const struct weft__strand *strand)
{
    return weft__mutex_is_free(strand->next.arg);
}

static bool mutex_never(const struct weft__strand *strand)
{
    (void)strand;
    return false;
}

static void mutex_take(pthread_mutex_t *mutex, struct weft__model *m, uint32_t depth, bool tried)
{
    m->owner = weft__strand_self()->id;
    m->count = depth;
    mutex_mirror(mutex, m);
    weft__lock_taken((uintptr_t)mutex, false, tried);
    weft__changed((uintptr_t)mutex);
}

static void mutex_give(pthread_mutex_t *mutex, struct weft__model *m)
{
    weft__lock_given((uintptr_t)mutex);
    m->owner = WEFT__NOBODY;
    if (m->state == MUTEX_ORPHANED)
        m->state = MUTEX_LOST; /* its owner died, and nobody has made it consistent */
    mutex_mirror(mutex, m);
    weft__changed((uintptr_t)mutex);
}

/* ---- making ---- */

int weft__mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attr, uintptr_t pc)
{
    static int (*real)(pthread_mutex_t *, const pthread_mutexattr_t *);
    bool is_new;

    weft__call_simple(WEFT__OP_OBJECT_INIT, mutex, pc);
    struct weft__model *m = weft__model_get(WEFT__MODEL_MUTEX, mutex, 0, &is_new);
    if (m->owner != WEFT__NOBODY && mutex->__data.__lock == 1 &&
        m->owner != weft__strand_self()->id &&
        weft__strand_of(m->owner)->state != WEFT__STRAND_ENDED) {
        weft__misuse(mutex, "init of a mutex that thread %u holds", m->owner);
    }
    m->owner = WEFT__NOBODY;
    m->state = 0;
    return weft__call_done(WEFT__REAL(real, "pthread_mutex_init")(mutex, attr));
}

int weft__mutex_destroy(pthread_mutex_t *mutex, uintptr_t pc)
{
    static int (*real)(pthread_mutex_t *);

    weft__call_simple(WEFT__OP_OBJECT_FINI, mutex, pc);
    struct weft__model *m = mutex_model(mutex);
    mutex_check_alive(mutex, "destroy");
    if (m->owner != WEFT__NOBODY)
        weft__misuse(mutex, "destroy of a mutex that thread %u holds", m->owner);
    return weft__call_done(WEFT__REAL(real, "pthread_mutex_destroy")(mutex));
}

/* ---- taking and giving ---- */

/* The running strand holds it already. */
static int mutex_relock(pthread_mutex_t *mutex, struct weft__model *m, int64_t deadline,
                        uintptr_t pc)
{
    struct weft__operation op = weft__call(WEFT__OP_MUTEX_LOCK, mutex, pc);
    bool for_ever =
        mutex_type(mutex) != MUTEX_RECURSIVE && mutex_type(mutex) != MUTEX_ERRORCHECK;

    if (for_ever && deadline != WEFT__NO_DEADLINE) {
        op.can = mutex_never;
        op.deadline = deadline;
    }
    (void)weft__call_point(&op);
    if (mutex_type(mutex) == MUTEX_RECURSIVE) {
        m->count++;
        mutex_mirror(mutex, m);
        return 0;
    }
    if (mutex_type(mutex) == MUTEX_ERRORCHECK)
        return weft__call_done(EDEADLK);
    if (deadline != WEFT__NO_DEADLINE)
        return weft__call_done(ETIMEDOUT);
    weft__self_deadlock(mutex, "locks a mutex that it holds already");
}

/* 0, or what a robust mutex says to its new owner. */
static int mutex_robust_code(struct weft__model *m)
{
    if (m->state == MUTEX_ORPHANED)
        return EOWNERDEAD;
    return m->state == MUTEX_LOST ? ENOTRECOVERABLE : 0;
}

int weft__mutex_lock(pthread_mutex_t *mutex, int64_t deadline, uintptr_t pc)
{
    struct weft__model *m = mutex_model(mutex);

    if (m->owner == weft__strand_self()->id)
        return mutex_relock(mutex, m, deadline, pc);
    struct weft__operation op = weft__call(WEFT__OP_MUTEX_LOCK, mutex, pc);
    op.can = mutex_can;
    op.arg = m;
    op.deadline = deadline;
    m->waiting++;
    enum weft__go go = weft__call_point(&op);
    m->waiting--;
    mutex_check_alive(mutex, "lock");
    if (go == WEFT__GO_TIMED_OUT && !weft__mutex_is_free(m))
        return weft__call_done(ETIMEDOUT);
    if (m->state == MUTEX_LOST)
        return weft__call_done(ENOTRECOVERABLE);
    mutex_take(mutex, m, 1, false);
    return mutex_robust_code(m);
}

int weft__mutex_try_lock(pthread_mutex_t *mutex, uintptr_t pc)
{
    weft__call_simple(WEFT__OP_MUTEX_TRY_LOCK, mutex, pc);
    struct weft__model *m = mutex_model(mutex);
    mutex_check_alive(mutex, "try_lock");
    if (m->owner == weft__strand_self()->id && mutex_type(mutex) == MUTEX_RECURSIVE) {
        m->count++;
        mutex_mirror(mutex, m);
        return weft__call_done(0);
    }
    if (m->owner != WEFT__NOBODY)
        return weft__call_done(EBUSY);
    if (m->state == MUTEX_LOST)
        return weft__call_done(ENOTRECOVERABLE);
    mutex_take(mutex, m, 1, true);
    return weft__call_done(mutex_robust_code(m));
}

/* Not held by the running strand: an error, or worse. */
static int mutex_wrong_unlock(pthread_mutex_t *mutex, const struct weft__model *m)
{
    mutex_check_alive(mutex, "unlock");
    if (mutex_type(mutex) == MUTEX_RECURSIVE || mutex_type(mutex) == MUTEX_ERRORCHECK ||
        mutex->__data.__kind & MUTEX_ROBUST) {
        return weft__call_done(EPERM);
    }
    if (m->owner == WEFT__NOBODY)
        weft__misuse(mutex, "unlock of a mutex that is not locked");
    weft__misuse(mutex, "unlock of a mutex that another thread holds (thread %u)", m->owner);
}

int weft__mutex_unlock(pthread_mutex_t *mutex, uintptr_t pc)
{
    weft__call_simple(WEFT__OP_MUTEX_UNLOCK, mutex, pc);
    struct weft__model *m = mutex_model(mutex);
    if (m->owner != weft__strand_self()->id)
        return mutex_wrong_unlock(mutex, m);
    mutex_check_alive(mutex, "unlock");
    if (--m->count > 0) {
        mutex_mirror(mutex, m);
        return 0;
    }
    mutex_give(mutex, m);
    return 0;
}

/* ---- for conditions ---- */

struct weft__model *weft__mutex_leave(pthread_mutex_t *mutex, uint32_t *ret_depth)
{
    struct weft__model *m = mutex_model(mutex);

    if (m->owner == WEFT__NOBODY)
        weft__misuse(mutex, "wait with a mutex that is not locked");
    if (m->owner != weft__strand_self()->id)
        weft__misuse(mutex, "wait with a mutex that another thread holds (thread %u)", m->owner);
    *ret_depth = m->count;
    mutex_give(mutex, m);
    return m;
}

void weft__mutex_enter(pthread_mutex_t *mutex, struct weft__model *model, uint32_t depth)
{
    mutex_take(mutex, model, depth, false);
}

static const struct weft__strand *mutex_dead_strand;

static void mutex_orphan(struct weft__model *m)
{
    pthread_mutex_t *mutex = (pthread_mutex_t *)m->address;

    if (m->owner != mutex_dead_strand->id || mutex->__data.__lock == 0 ||
        mutex->__data.__kind == MUTEX_DEAD || !(mutex->__data.__kind & MUTEX_ROBUST)) {
        return;
    }
    weft__lock_given(m->address);
    m->owner = WEFT__NOBODY;
    m->state = MUTEX_ORPHANED;
    mutex_mirror(mutex, m);
    weft__changed(m->address);
}

void weft__mutexes_orphan(const struct weft__strand *strand)
{
    if (!mutex_any_robust)
        return;
    mutex_dead_strand = strand;
    weft__models_each(WEFT__MODEL_MUTEX, mutex_orphan);
}

/* ---- the names ---- */

WEFT__EXPORT int pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attr)
{
    static int (*real)(pthread_mutex_t *, const pthread_mutexattr_t *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_mutex_init")(mutex, attr);
    return weft__mutex_init(mutex, attr, WEFT__PC());
}

WEFT__EXPORT int pthread_mutex_destroy(pthread_mutex_t *mutex)
{
    static int (*real)(pthread_mutex_t *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_mutex_destroy")(mutex);
    return weft__mutex_destroy(mutex, WEFT__PC());
}

WEFT__EXPORT int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    static int (*real)(pthread_mutex_t *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_mutex_lock")(mutex);
    return weft__mutex_lock(mutex, WEFT__NO_DEADLINE, WEFT__PC());
}

WEFT__EXPORT int pthread_mutex_trylock(pthread_mutex_t *mutex)
{
    static int (*real)(pthread_mutex_t *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_mutex_trylock")(mutex);
    return weft__mutex_try_lock(mutex, WEFT__PC());
}

WEFT__EXPORT int pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *time)
{
    static int (*real)(pthread_mutex_t *, const struct timespec *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_mutex_timedlock")(mutex, time);
    if (!weft__time_is_valid(time))
        return EINVAL;
    return weft__mutex_lock(mutex, weft__deadline_at(CLOCK_REALTIME, time), WEFT__PC());
}

WEFT__EXPORT int pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock,
                                         const struct timespec *time)
{
    static int (*real)(pthread_mutex_t *, clockid_t, const struct timespec *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_mutex_clocklock")(mutex, clock, time);
    if (!weft__time_is_valid(time))
        return EINVAL;
    return weft__mutex_lock(mutex, weft__deadline_at(clock, time), WEFT__PC());
}

WEFT__EXPORT int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    static int (*real)(pthread_mutex_t *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_mutex_unlock")(mutex);
    return weft__mutex_unlock(mutex, WEFT__PC());
}

WEFT__EXPORT int pthread_mutex_consistent(pthread_mutex_t *mutex)
{
    static int (*real)(pthread_mutex_t *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_mutex_consistent")(mutex);
    struct weft__model *m = mutex_model(mutex);
    if (m->state != MUTEX_ORPHANED || m->owner != weft__strand_self()->id)
        return EINVAL;
    m->state = 0;
    return 0;
}
