/* rmutex.c - a mutex that its holder may lock again.
 *
 * A mutex and a depth.  Only the first lock and the last unlock are the mutex's; what lies between
 * nobody else can notice, so it is no point of weft check either.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/panic.h"
#include "base/stat.h"
#include "core/park.h"
#include "sync/mutex.h"
#include "weft/err.h"
#include "weft/sync.h"

struct rmutex {
    weft_mutex mutex; /* first: reports know it by its address */
    ATOMIC(uint32_t) depth; /* the holder's; others read it for people */
    struct weft__stat relocks;
};

_Static_assert(sizeof(struct rmutex) <= sizeof(weft_rmutex), "fits its public box");
_Static_assert(_Alignof(struct rmutex) <= _Alignof(weft_rmutex), "lies well in its public box");

static struct rmutex *rmutex_of(const weft_rmutex *mutex)
{
    return (struct rmutex *)(uintptr_t)mutex;
}

static bool rmutex_is_mine(const struct rmutex *r)
{
    return weft__mutex_holder(&r->mutex) == weft__self_task();
}

/* The caller holds it. */
static void rmutex_deepen(struct rmutex *r, const char *call)
{
    uint32_t depth = a_load(&r->depth, relaxed);
    if (WEFT_UNLIKELY(depth == WEFT_RMUTEX_DEPTH_MAX)) {
        weft__panic("%s: locked %u times by one task", call, (unsigned)depth);
    }
    a_store(&r->depth, depth + 1, relaxed);
    weft__stat_add(&r->relocks, 1);
}

/* The caller has just taken it. */
static void rmutex_begin(struct rmutex *r)
{
    WEFT_CHECK(a_load(&r->depth, relaxed) == 0);
    a_store(&r->depth, 1, relaxed);
}

void weft_rmutex_init(weft_rmutex *mutex)
{
    memset(mutex, 0, sizeof *mutex);
    weft_mutex_init(&rmutex_of(mutex)->mutex);
}

int weft_rmutex_lock(weft_rmutex *mutex)
{
    struct rmutex *r = rmutex_of(mutex);
    if (rmutex_is_mine(r)) {
        struct weft__thread *self = weft__enter();
        if (weft__op_cancelled(self)) {
            return weft__op_refuse(self);
        }
        weft__leave(self);
        rmutex_deepen(r, "weft_rmutex_lock");
        return 0;
    }
    int rc = weft__mutex_lock(&r->mutex, "weft_rmutex_lock", __builtin_return_address(0));
    if (rc == 0) {
        rmutex_begin(r);
    }
    return rc;
}

int weft_rmutex_try_lock(weft_rmutex *mutex)
{
    struct rmutex *r = rmutex_of(mutex);
    if (rmutex_is_mine(r)) {
        rmutex_deepen(r, "weft_rmutex_try_lock");
        return 0;
    }
    int rc = weft__mutex_try_lock(&r->mutex, __builtin_return_address(0));
    if (rc == 0) {
        rmutex_begin(r);
    }
    return rc;
}

void weft_rmutex_unlock(weft_rmutex *mutex)
{
    struct rmutex *r = rmutex_of(mutex);
    if (rmutex_is_mine(r)) {
        uint32_t depth = a_load(&r->depth, relaxed);
        WEFT_CHECK(depth > 0);
        a_store(&r->depth, depth - 1, relaxed);
        if (depth > 1) {
            return;
        }
    }
    weft__mutex_unlock(&r->mutex, "weft_rmutex_unlock", __builtin_return_address(0));
}

void weft_rmutex_stats(const weft_rmutex *mutex, weft_rmutex_counts *ret)
{
    struct rmutex *r = rmutex_of(mutex);
    weft_rmutex_counts counts = {.relocks = weft__stat_read(&r->relocks),
                                 .depth = a_load(&r->depth, relaxed)};
    weft_mutex_stats(&r->mutex, &counts.mutex);
    *ret = counts;
}

void weft_rmutex_fini(weft_rmutex *mutex)
{
    if (mutex) {
        weft__mutex_fini(&rmutex_of(mutex)->mutex, "weft_rmutex_fini", __builtin_return_address(0));
    }
}
