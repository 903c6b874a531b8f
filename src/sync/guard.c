/* guard.c - a lock that owns its data.
 *
 * The macros of weft/guard.h know the types and call these, which do not.  A guard begins with its
 * data; where its mutex lies the macros say.  Functions, not inline: so the places that reports
 * name are the user's lines, for the unlock of a block, too, which no user has written.
 *
 * SPDX-License-Identifier: MIT
 */
#include "weft/guard.h"

#include "sync/mutex.h"
#include "weft/err.h"

static weft_mutex *guard_mutex(void *guard, size_t lock_at)
{
    WEFT_CHECK(lock_at % _Alignof(weft_mutex) == 0);
    return (weft_mutex *)(void *)((char *)guard + lock_at);
}

struct weft_guard_hold weft_guard_enter(void *guard, size_t lock_at)
{
    struct weft_guard_hold hold = {.lock = {NULL}};
    weft_mutex *mutex = guard_mutex(guard, lock_at);
    if (weft__mutex_lock(mutex, "WEFT_GUARD", __builtin_return_address(0)) == 0) {
        hold.lock[0] = mutex;
        hold.data[0] = guard;
    }
    return hold;
}

struct weft_guard_hold weft_guard_enter2(void *guard_a, size_t lock_a_at, void *guard_b,
                                         size_t lock_b_at)
{
    const void *site = __builtin_return_address(0);
    struct weft_guard_hold hold = {.lock = {NULL}};
    weft_mutex *a = guard_mutex(guard_a, lock_a_at), *b = guard_mutex(guard_b, lock_b_at);
    weft_mutex *first = (uintptr_t)a < (uintptr_t)b ? a : b;
    weft_mutex *second = first == a ? b : a; /* the same one, if they are: that panics */
    if (weft__mutex_lock(first, "WEFT_GUARD2", site) < 0) {
        return hold;
    }
    if (weft__mutex_lock(second, "WEFT_GUARD2", site) < 0) {
        weft__mutex_unlock(first, "WEFT_GUARD2", site);
        return hold;
    }
    hold = (struct weft_guard_hold){.lock = {first, second}, .data = {guard_a, guard_b}};
    return hold;
}

void weft_guard_leave(struct weft_guard_hold *hold)
{
    const void *site = __builtin_return_address(0);
    if (hold->lock[1]) {
        weft__mutex_unlock(hold->lock[1], "the end of a WEFT_GUARD2", site);
    }
    if (hold->lock[0]) {
        weft__mutex_unlock(hold->lock[0], "the end of a WEFT_GUARD", site);
    }
}

int weft_guard_take(void *guard, size_t lock_at, void *ret_data)
{
    int rc = weft__mutex_lock(guard_mutex(guard, lock_at), "weft_guard_lock",
                              __builtin_return_address(0));
    if (rc == 0) {
        memcpy(ret_data, &guard, sizeof guard); /* a pointer of a type that only the caller knows */
    }
    return rc;
}

int weft_guard_try_take(void *guard, size_t lock_at, void *ret_data)
{
    int rc = weft__mutex_try_lock(guard_mutex(guard, lock_at), __builtin_return_address(0));
    if (rc == 0) {
        memcpy(ret_data, &guard, sizeof guard);
    }
    return rc;
}

void weft_guard_drop(void *guard, size_t lock_at, void *data)
{
    memset(data, 0, sizeof guard);
    weft__mutex_unlock(guard_mutex(guard, lock_at), "weft_guard_unlock",
                       __builtin_return_address(0));
}

static void guard_fill(void *guard, size_t lock_at, const void *value, size_t size)
{
    WEFT_CHECK(size <= lock_at);
    if (value) {
        memcpy(guard, value, size);
    } else {
        memset(guard, 0, size);
    }
}

void weft_guard_fill(void *guard, size_t lock_at, const void *value, size_t size)
{
    guard_fill(guard, lock_at, value, size);
    weft_mutex_init(guard_mutex(guard, lock_at));
}

void *weft_guard_end(void *guard, size_t lock_at)
{
    if (guard) {
        weft__mutex_fini(guard_mutex(guard, lock_at), "weft_guard_fini",
                         __builtin_return_address(0));
    }
    return guard;
}

/* ---- readers and writers: the macro itself calls weft_rwlock's, so that its line is named ---- */

static weft_rwlock *guard_rwlock(void *guard, size_t lock_at)
{
    WEFT_CHECK(lock_at % _Alignof(weft_rwlock) == 0);
    return (weft_rwlock *)(void *)((char *)guard + lock_at);
}

struct weft_rwguard_hold weft_rwguard_of(void *guard, size_t lock_at)
{
    return (struct weft_rwguard_hold){.lock = guard_rwlock(guard, lock_at), .data = guard};
}

struct weft_rwguard_hold *weft_rwguard_had(struct weft_rwguard_hold *hold, int rc)
{
    if (rc < 0) {
        *hold = (struct weft_rwguard_hold){.lock = NULL};
    }
    return hold;
}

void weft_rwguard_leave_read(struct weft_rwguard_hold *hold)
{
    if (hold->lock) {
        weft_rwlock_read_unlock(hold->lock);
    }
}

void weft_rwguard_leave_write(struct weft_rwguard_hold *hold)
{
    if (hold->lock) {
        weft_rwlock_write_unlock(hold->lock);
    }
}

void weft_rwguard_fill(void *guard, size_t lock_at, const void *value, size_t size)
{
    guard_fill(guard, lock_at, value, size);
    weft_rwlock_init(guard_rwlock(guard, lock_at));
}

void *weft_rwguard_end(void *guard, size_t lock_at)
{
    if (guard) {
        weft_rwlock_fini(guard_rwlock(guard, lock_at));
    }
    return guard;
}
