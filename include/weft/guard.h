/* guard.h - data that can be reached only while their lock is held.
 *
 *     struct account { long cents; };
 *     WEFT_GUARD_TYPE(guarded_account, struct account);     an account, and the lock it lies behind
 *
 *     static guarded_account alice = WEFT_GUARD_INIT({.cents = 100});
 *
 *     WEFT_GUARD(a, &alice) {     locks alice; a is a struct account *, known in this block alone
 *         a->cents -= 5;
 *     } else {                    may be left out: cancelled, and the block is not entered
 *         return -WEFT_ECANCELED;
 *     }
 *
 * The lock is a weft_mutex, and is let go on every way out of the block: its end, break, continue,
 * return, goto.  (So break and continue leave the block, not a loop around it; a longjmp unlocks
 * nothing.)  A guard lives in your memory and must not move; all-zero bytes are a valid one.  For
 * tasks and plain threads.
 *
 * The compiler refuses every other way to the data (clang warns).  It cannot see that the pointer
 * is kept and used after the block, that a whole guard is copied by an assignment, or a cast:
 * `weft check` finds the first, and the others have to be meant.
 *
 * The idea is that of Rust's Mutex<T>; the block stands where Rust has a guard's lifetime.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_GUARD_H
#define WEFT_GUARD_H

#include "weft/sync.h"

/* clang takes an initializer for a use, and cannot be told to forgive an unavailable one. */
#if !defined(__clang__) && __GNUC__ >= 12
#define WEFT_GUARD_HIDES __attribute__((unavailable("reached only in a block of its guard")))
#else
#define WEFT_GUARD_HIDES __attribute__((deprecated("reached only in a block of its guard")))
#endif

/* Initializes a guard, or a member that is one: WEFT_GUARD_INIT({.cents = 100}). */
#if defined(__clang__)
#define WEFT_GUARD_INIT(...)                                                                       \
    {                                                                                              \
        _Pragma("clang diagnostic push")                                                           \
        _Pragma("clang diagnostic ignored \"-Wdeprecated-declarations\"")                          \
        __VA_ARGS__                                                                                \
        _Pragma("clang diagnostic pop"), {WEFT_MUTEX_INIT}                                         \
    }
#else
#define WEFT_GUARD_INIT(...) {__VA_ARGS__, {WEFT_MUTEX_INIT}}
#endif

/* Makes the type `name`: a `type`, which must have a name of its own, behind a lock. */
#define WEFT_GUARD_TYPE(name, type)                                                                \
    typedef struct name {                                                                          \
        WEFT_GUARD_HIDES type weft_guarded;                                                        \
        union {                                                                                    \
            weft_mutex lock;                                                                       \
            type *holds; /* never set; says what lies behind the lock */                           \
        } weft_guard;                                                                              \
    } name

/* Sleeps.  WEFT_GUARD(name, guard) { ... } else { ... }: the block with the lock held, or the else
 * branch when it was not had, for the one reason that the scope is cancelled: -WEFT_ECANCELED. */
#define WEFT_GUARD(name, guard)                                                                    \
    for (struct weft_guard_hold weft_hold_##name __attribute__((cleanup(weft_guard_leave))) =      \
             weft_guard_enter((guard), WEFT_GUARD_LOCK_AT(guard)),                                 \
             *weft_once_##name = &weft_hold_##name;                                                \
         weft_once_##name; weft_once_##name = NULL)                                                \
        for (WEFT_GUARD_POINTER(guard) name =                                                      \
                 (WEFT_GUARD_POINTER(guard))weft_hold_##name.data[0];                              \
             weft_once_##name; weft_once_##name = NULL)                                            \
            if (name != NULL)

/* Sleeps.  The same with two guards, which may be of two types.  They are locked in the order of
 * their addresses, so that no two such blocks wait for each other.  Both are held, or none.  Panics
 * when the two are one. */
#define WEFT_GUARD2(name_a, guard_a, name_b, guard_b)                                              \
    for (struct weft_guard_hold weft_hold_##name_a __attribute__((cleanup(weft_guard_leave))) =    \
             weft_guard_enter2((guard_a), WEFT_GUARD_LOCK_AT(guard_a), (guard_b),                  \
                               WEFT_GUARD_LOCK_AT(guard_b)),                                       \
             *weft_once_##name_a = &weft_hold_##name_a;                                            \
         weft_once_##name_a; weft_once_##name_a = NULL)                                            \
        for (WEFT_GUARD_POINTER(guard_a) name_a =                                                  \
                 (WEFT_GUARD_POINTER(guard_a))weft_hold_##name_a.data[0];                          \
             weft_once_##name_a; weft_once_##name_a = NULL)                                        \
            for (WEFT_GUARD_POINTER(guard_b) name_b =                                              \
                     (WEFT_GUARD_POINTER(guard_b))weft_hold_##name_a.data[1];                      \
                 weft_once_##name_a; weft_once_##name_a = NULL)                                    \
                if (name_a != NULL && name_b != NULL)

/* ---- without a block, for those who want the code ---- */

/* Sleeps.  0: *ret_data points to the data until the unlock.  -WEFT_ECANCELED: it is as it was.
 * Panics if the caller holds it already. */
#define weft_guard_lock(guard, ret_data)                                                           \
    weft_guard_take((guard), WEFT_GUARD_LOCK_AT(guard), WEFT_GUARD_RET(guard, ret_data))

/* Never sleeps.  As weft_guard_lock; -WEFT_EAGAIN: somebody holds it. */
#define weft_guard_try_lock(guard, ret_data)                                                       \
    weft_guard_try_take((guard), WEFT_GUARD_LOCK_AT(guard), WEFT_GUARD_RET(guard, ret_data))

/* Never sleeps.  Sets *data to NULL and unlocks.  Panics when the caller does not hold it. */
#define weft_guard_unlock(guard, data)                                                             \
    weft_guard_drop((guard), WEFT_GUARD_LOCK_AT(guard), WEFT_GUARD_RET(guard, data))

/* ---- in either form ---- */

/* Sleeps, the lock let go meanwhile: weft_cond_wait with the guard's mutex.  In a loop within the
 * block, which tests the data anew. */
#define weft_guard_wait(guard, cond) weft_cond_wait((cond), &(guard)->weft_guard.lock)

/* Never sleeps.  A copy of *value behind a lock that is free; NULL: all zero. */
#define weft_guard_init(guard, value)                                                              \
    weft_guard_fill((guard), WEFT_GUARD_LOCK_AT(guard),                                            \
                    (1 ? (value) : (WEFT_GUARD_POINTER(guard))NULL),                               \
                    sizeof *(guard)->weft_guard.holds)

/* Never sleeps.  Ends the guard and gives a pointer to what it guarded, which is the caller's alone
 * from then on.  Panics when it is held or waited for.  NULL is allowed, and gives NULL. */
#define weft_guard_fini(guard)                                                                     \
    ((WEFT_GUARD_POINTER(guard))weft_guard_end((guard), WEFT_GUARD_LOCK_AT(guard)))

/* Never sleeps.  The figures of its mutex. */
#define weft_guard_stats(guard, ret) weft_mutex_stats(&(guard)->weft_guard.lock, (ret))

/* ---- many readers or one writer: a guard whose lock is a weft_rwlock.  WEFT_GUARD_INIT makes one,
 * too.  What is read is const: a writer in a block of readers does not compile.  A reader that
 * becomes a writer within its block waits for itself. ---- */

#define WEFT_RWGUARD_TYPE(name, type)                                                              \
    typedef struct name {                                                                          \
        WEFT_GUARD_HIDES type weft_guarded;                                                        \
        union {                                                                                    \
            weft_rwlock lock;                                                                      \
            type *holds;                                                                           \
        } weft_rwguard;                                                                            \
    } name

/* Sleeps.  As WEFT_GUARD: name is a pointer to const, and others may read meanwhile. */
#define WEFT_READ_GUARD(name, guard)                                                               \
    WEFT_RWGUARD_BLOCK(name, guard, weft_rwguard_leave_read, weft_rwlock_read_lock,                \
                       const __typeof__(*(guard)->weft_rwguard.holds) *)

/* Sleeps.  As WEFT_GUARD: nobody else is inside. */
#define WEFT_WRITE_GUARD(name, guard)                                                              \
    WEFT_RWGUARD_BLOCK(name, guard, weft_rwguard_leave_write, weft_rwlock_write_lock,              \
                       WEFT_RWGUARD_POINTER(guard))

/* As weft_guard_init, _fini, _stats. */
#define weft_rwguard_init(guard, value)                                                            \
    weft_rwguard_fill((guard), WEFT_RWGUARD_LOCK_AT(guard),                                        \
                      (1 ? (value) : (WEFT_RWGUARD_POINTER(guard))NULL),                           \
                      sizeof *(guard)->weft_rwguard.holds)
#define weft_rwguard_fini(guard)                                                                   \
    ((WEFT_RWGUARD_POINTER(guard))weft_rwguard_end((guard), WEFT_RWGUARD_LOCK_AT(guard)))
#define weft_rwguard_stats(guard, ret) weft_rwlock_stats(&(guard)->weft_rwguard.lock, (ret))

/* ---- what the macros are made of; not for use by themselves ---- */

#define WEFT_GUARD_POINTER(guard) __typeof__((guard)->weft_guard.holds)
#define WEFT_GUARD_LOCK_AT(guard) __builtin_offsetof(__typeof__(*(guard)), weft_guard)
/* A pointer to another type than the guard's is an error, or a warning in C. */
#define WEFT_GUARD_RET(guard, ret_data) (1 ? (ret_data) : (WEFT_GUARD_POINTER(guard) *)NULL)

#define WEFT_RWGUARD_POINTER(guard) __typeof__((guard)->weft_rwguard.holds)
#define WEFT_RWGUARD_LOCK_AT(guard) __builtin_offsetof(__typeof__(*(guard)), weft_rwguard)
#define WEFT_RWGUARD_BLOCK(name, guard, leave, take, pointer)                                      \
    for (struct weft_rwguard_hold weft_hold_##name __attribute__((cleanup(leave))) =               \
             weft_rwguard_of((guard), WEFT_RWGUARD_LOCK_AT(guard)),                                \
             *weft_once_##name = weft_rwguard_had(&weft_hold_##name, take(weft_hold_##name.lock)); \
         weft_once_##name; weft_once_##name = NULL)                                                \
        for (pointer name = (pointer)weft_hold_##name.data; weft_once_##name;                      \
             weft_once_##name = NULL)                                                              \
            if (name != NULL)

struct weft_guard_hold {
    weft_mutex *lock[2]; /* NULL: not held */
    void *data[2];
};

struct weft_rwguard_hold {
    weft_rwlock *lock; /* NULL: not held */
    void *data;
};

WEFT_BEGIN_DECLS

WEFT_API struct weft_guard_hold weft_guard_enter(void *guard, size_t lock_at);
WEFT_API struct weft_guard_hold weft_guard_enter2(void *guard_a, size_t lock_a_at, void *guard_b,
                                                  size_t lock_b_at);
WEFT_API void weft_guard_leave(struct weft_guard_hold *hold);
WEFT_API WEFT_MUST_USE int weft_guard_take(void *guard, size_t lock_at, void *ret_data);
WEFT_API WEFT_MUST_USE int weft_guard_try_take(void *guard, size_t lock_at, void *ret_data);
WEFT_API void weft_guard_drop(void *guard, size_t lock_at, void *data);
WEFT_API void weft_guard_fill(void *guard, size_t lock_at, const void *value, size_t size);
WEFT_API void *weft_guard_end(void *guard, size_t lock_at);

WEFT_API struct weft_rwguard_hold weft_rwguard_of(void *guard, size_t lock_at);
WEFT_API struct weft_rwguard_hold *weft_rwguard_had(struct weft_rwguard_hold *hold, int rc);
WEFT_API void weft_rwguard_leave_read(struct weft_rwguard_hold *hold);
WEFT_API void weft_rwguard_leave_write(struct weft_rwguard_hold *hold);
WEFT_API void weft_rwguard_fill(void *guard, size_t lock_at, const void *value, size_t size);
WEFT_API void *weft_rwguard_end(void *guard, size_t lock_at);

WEFT_END_DECLS

#endif
