/* future.c - a result that is set once.
 *
 * Who makes it done copies the value and says `done` under the lock, claims all who wait, drops the
 * lock, and only then makes them ready.  They copy the value themselves, from the future, which
 * does not change any more: so a thousand getters hold up nobody, and a getter that comes later
 * looks at `done` and takes no lock.
 *
 * A getter that waits puts a node on its own stack into a queue, as in chan.c.  Arms of several
 * futures (future_many.c) are told under the lock as well, and hand on whom to make ready.
 *
 * Each side has its own count of references, and each side as a whole holds one of `sides`: so the
 * last setter can break the future while nobody knows whether a getter is left.
 *
 * A canceller that finds a task's scope marks that it is on its way there, and drops the lock
 * before it cancels the scope, since that is a call upstairs; the task, at its end, takes the scope
 * back and waits until no canceller is under way.
 *
 * Rejected: values copied to the getter's memory by the setter, as a channel does (each getter
 * would make the setter's stay longer); hooks as the only way to wait (they run in the setter,
 * whom they would hold up).
 *
 * SPDX-License-Identifier: MIT
 */
#include "chan/future.h"

#include "base/alloc.h"
#include "core/worker.h"
#include "weft/err.h"

/* What lies in weft_future_hook. */
struct future_hook {
    struct weft__list link;
    void (*fn)(weft_future *future, void *arg);
    void *arg;
    bool queued; /* under the future's lock */
};

_Static_assert(sizeof(struct future_hook) <= sizeof(weft_future_hook), "fits its public box");

static const struct weft__wait_kind future_kind = {.what = "future"};

/* ---- invariants, under the lock ----
 *
 *   1  done: no arms and hooks stand in it, and who stands in `waiters` has been claimed
 *   2  cancelled: it is done, and the code is negative
 *   3  no setter is left: it is done, or the last one is just about to see to that */

static bool future_is_done(const weft_future *future)
{
    weft_future *looked = (weft_future *)(uintptr_t)future;
    return a_load(&looked->done, acquire) != 0; /* pairs with the release in future_complete */
}

void weft__future_expect(const weft_future *future)
{
    WEFT_CHECK(future != NULL);
    WEFT_CHECK(future->magic == WEFT_FUTURE_MAGIC);
}

void weft__future_check(weft_future *future)
{
    weft__future_expect(future);
    struct weft__thread *self = weft__enter();
    lock_take_object(&future->lock);
    bool done = a_load(&future->done, relaxed) != 0;
    if (done) {
        WEFT_CHECK(list_empty(&future->arms));
        WEFT_CHECK(weft__waitq_is_empty(&future->waiters));
        WEFT_CHECK(future->scope == NULL || future->cancelled);
    }
    if (future->cancelled) {
        WEFT_CHECK(done);
        WEFT_CHECK(future->code == -WEFT_ESHUTDOWN);
    }
    WEFT_CHECK(!future->cancelling || future->cancelled);
    WEFT_CHECK(a_load(&future->sides, relaxed) <= 2);
    lock_drop(&future->lock);
    weft__leave(self);
}

/* ---- new, and references ---- */

weft_future *weft__future_make(size_t value_size, size_t extra, void **ret_extra)
{
    WEFT_CHECK(value_size <= WEFT_FUTURE_VALUE_MAX);
    size_t room = (value_size + 15) & ~(size_t)15;
    weft_future *future = weft__alloc_aligned(WEFT_CACHE_LINE, sizeof *future + room + extra);
    if (!future) {
        return NULL;
    }
    memset(future, 0, sizeof *future + room);
    lock_init(&future->lock, WEFT_RANK_CHAN);
    list_init(&future->arms);
    list_init(&future->hooks);
    future->value_size = (uint32_t)value_size;
    future->magic = WEFT_FUTURE_MAGIC;
    a_store(&future->getters, 1, relaxed);
    a_store(&future->setters, 1, relaxed);
    a_store(&future->sides, 2, relaxed);
    *ret_extra = future->value + room;
    return future;
}

weft_future *weft_future_new(size_t value_size)
{
    void *extra;
    return value_size > WEFT_FUTURE_VALUE_MAX ? NULL : weft__future_make(value_size, 0, &extra);
}

/* A side has given back its last reference. */
static void future_leave_side(weft_future *future)
{
    /* acq_rel: who frees has seen the last use of the other side */
    if (a_sub(&future->sides, 1, acq_rel) > 1) {
        return;
    }
    WEFT_CHECK(list_empty(&future->arms)); /* else somebody waits without a reference */
    WEFT_CHECK(weft__waitq_is_empty(&future->waiters));
    future->magic = 0;
    weft__free(future);
}

weft_future *weft_future_ref(weft_future *future)
{
    weft__future_expect(future);
    WEFT_CHECK(a_add(&future->getters, 1, relaxed) > 0);
    return future;
}

void weft_future_unref(weft_future *future)
{
    if (!future) {
        return;
    }
    weft__future_expect(future);
    weft__control_point(WEFT__DEED_FUTURE_DROP, future, __builtin_return_address(0));
    uint32_t before = a_sub(&future->getters, 1, acq_rel); /* as in future_leave_side */
    WEFT_CHECK(before > 0);
    if (before == 1) {
        future_leave_side(future);
    }
}

weft_future *weft_future_setter_ref(weft_future *future)
{
    weft__future_expect(future);
    WEFT_CHECK(a_add(&future->setters, 1, relaxed) > 0);
    return future;
}

void weft_future_setter_unref(weft_future *future)
{
    if (!future) {
        return;
    }
    weft__future_expect(future);
    weft__control_point(WEFT__DEED_FUTURE_DROP, future, __builtin_return_address(0));
    uint32_t before = a_sub(&future->setters, 1, acq_rel); /* as in future_leave_side */
    WEFT_CHECK(before > 0);
    if (before > 1) {
        return;
    }
    if (!future_is_done(future)) {
        (void)weft__future_finish(future, -WEFT_EPIPE, NULL);
    }
    future_leave_side(future);
}

/* ---- making it done ---- */

/* Under the lock.  Returns whom to make ready; *ret_hooks says whether there are hooks to call:
 * after this none is put in. */
static struct weft__waiter *future_complete(weft_future *future, int code, const void *value,
                                            bool *ret_hooks)
{
    *ret_hooks = !list_empty(&future->hooks);
    future->code = code;
    if (value && future->value_size > 0) {
        memcpy(future->value, value, future->value_size);
    }
    a_store(&future->done, 1, release); /* pairs with the acquire in future_is_done */
    struct weft__waiter *first = weft__waitq_claim_all(&future->waiters);
    struct weft__waiter **tail = &first;
    while (*tail) {
        tail = &(*tail)->next;
    }
    weft__future_tell_arms(future, tail);
    return first;
}

/* Takes the next hook off, under the lock; from then on its memory is its owner's again. */
static bool future_next_hook(weft_future *future, struct future_hook *ret_hook)
{
    lock_take_object(&future->lock);
    struct weft__list *link = list_pop_front(&future->hooks);
    if (link) {
        struct future_hook *hook = container_of(link, struct future_hook, link);
        hook->queued = false;
        *ret_hook = *hook;
        future->hooks_called++;
    }
    lock_drop(&future->lock);
    return link != NULL;
}

/* The caller is not inside: hooks are the user's code. */
static void future_call_hooks(weft_future *future)
{
    struct future_hook hook;
    struct weft__thread *self = weft__enter();
    while (future_next_hook(future, &hook)) {
        weft__leave(self);
        hook.fn(future, hook.arg);
        self = weft__enter();
    }
    weft__leave(self);
}

int weft__future_finish(weft_future *future, int code, const void *value)
{
    struct weft__waiter *chain = NULL;
    int rc = 0;
    bool has_hooks = false, was_cancelled = code == -WEFT_ECANCELED;
    struct weft__thread *self = weft__enter();
    lock_take_object(&future->lock);
    if (a_load(&future->done, relaxed)) {
        future->refused++;
        rc = future->cancelled ? -WEFT_ESHUTDOWN : -WEFT_EBUSY;
    } else {
        future->cancelled = was_cancelled;
        chain = future_complete(future, was_cancelled ? -WEFT_ESHUTDOWN : code, value,
                                &has_hooks);
    }
    lock_drop(&future->lock);
    weft__waitq_ready_chain(chain);
    weft__leave(self);
    if (has_hooks) {
        future_call_hooks(future);
    }
    return weft__control_result(rc);
}

int weft_future_set(weft_future *future, const void *value)
{
    weft__future_expect(future);
    WEFT_CHECK(value != NULL || future->value_size == 0);
    WEFT_CHECK(!future->fn && !future->fn_value); /* that is for the task alone */
    weft__control_point(WEFT__DEED_FUTURE_SET, future, __builtin_return_address(0));
    return weft__future_finish(future, 0, value);
}

int weft_future_fail(weft_future *future, int code)
{
    weft__future_expect(future);
    WEFT_CHECK(!future->fn && !future->fn_value); /* that is for the task alone */
    if (code >= 0) {
        return -WEFT_EINVAL;
    }
    weft__control_point(WEFT__DEED_FUTURE_SET, future, __builtin_return_address(0));
    return weft__future_finish(future, code, NULL);
}

bool weft_future_is_wanted(const weft_future *future)
{
    weft_future *looked = (weft_future *)(uintptr_t)future;
    weft__future_expect(future);
    weft__control_point(WEFT__DEED_FUTURE_LOOK, future, __builtin_return_address(0));
    bool is_held = a_load(&looked->getters, relaxed) > 0;
    return weft__control_seen(is_held && !future_is_done(future));
}

/* ---- getting it ---- */

/* Sleeps.  The lock is held on entry and dropped on return. */
static int future_wait(weft_future *future, struct weft__thread **self, const void *site)
{
    struct weft__waiter waiter;
    future->waits++;
    weft__waiter_init_locked(&waiter, *self);
    weft__waitq_push(&future->waiters, &waiter);
    int rc = weft__park(self, &(struct weft__parking){.kind = &future_kind,
                                                      .object = future,
                                                      .site = site,
                                                      .lock = &future->lock,
                                                      .ticket = waiter.ticket});
    if (rc < 0) {
        lock_take_object(&future->lock);
        weft__waitq_remove(&future->waiters, &waiter);
        lock_drop(&future->lock);
    }
    return rc;
}

int weft__future_await(weft_future *future, const void *site)
{
    struct weft__thread *self = weft__op_begin(WEFT__DEED_FUTURE_GET, future, site);
    if (weft__op_cancelled(self)) {
        return weft__op_refuse(self);
    }
    int rc = 0;
    if (!future_is_done(future)) {
        lock_take_object(&future->lock);
        if (a_load(&future->done, relaxed)) {
            lock_drop(&future->lock);
        } else {
            rc = future_wait(future, &self, site);
        }
    }
    weft__leave(self);
    return rc;
}

/* What a getter gets of a future that is done. */
static int future_result(const weft_future *future, void *ret_value)
{
    if (future->code >= 0 && ret_value && future->value_size > 0) {
        memcpy(ret_value, future->value, future->value_size);
    }
    return future->code;
}

int weft_future_get(weft_future *future, void *ret_value)
{
    weft__future_expect(future);
    int rc = weft__future_await(future, __builtin_return_address(0));
    return rc < 0 ? rc : future_result(future, ret_value);
}

int weft_future_try_get(weft_future *future, void *ret_value)
{
    weft__future_expect(future);
    weft__control_point(WEFT__DEED_FUTURE_LOOK, future, __builtin_return_address(0));
    if (!weft__control_seen(future_is_done(future))) {
        return -WEFT_EAGAIN;
    }
    return future_result(future, ret_value);
}

int weft_future_wait(weft_future *future)
{
    weft__future_expect(future);
    return weft__future_await(future, __builtin_return_address(0));
}

bool weft_future_is_done(const weft_future *future)
{
    weft__future_expect(future);
    weft__control_point(WEFT__DEED_FUTURE_LOOK, future, __builtin_return_address(0));
    return weft__control_seen(future_is_done(future));
}

bool weft_future_is_cancelled(const weft_future *future)
{
    weft__future_expect(future);
    weft__control_point(WEFT__DEED_FUTURE_LOOK, future, __builtin_return_address(0));
    return weft__control_seen(future_is_done(future) && future->cancelled);
}

const void *weft_future_value(const weft_future *future)
{
    weft__future_expect(future);
    weft__control_point(WEFT__DEED_FUTURE_LOOK, future, __builtin_return_address(0));
    bool is_there = weft__control_seen(future_is_done(future) && future->code >= 0);
    return is_there ? future->value : NULL;
}

/* ---- cancel ---- */

/* The task whose scope this was may end now. */
static void future_leave_scope(weft_future *future)
{
    struct weft__thread *self = weft__enter();
    lock_take_object(&future->lock);
    future->cancelling = false;
    struct weft__waiter *ender = weft__waitq_claim_all(&future->ender);
    lock_drop(&future->lock);
    weft__waitq_ready_chain(ender);
    weft__leave(self);
}

bool weft_future_cancel(weft_future *future)
{
    struct weft__waiter *chain = NULL;
    weft_scope *scope = NULL;
    bool has_hooks = false;
    weft__future_expect(future);
    weft__control_point(WEFT__DEED_FUTURE_SET, future, __builtin_return_address(0));
    struct weft__thread *self = weft__enter();
    lock_take_object(&future->lock);
    bool mine = !a_load(&future->done, relaxed);
    if (mine) {
        scope = future->scope;
        future->cancelling = scope != NULL;
        future->cancelled = true;
        chain = future_complete(future, -WEFT_ESHUTDOWN, NULL, &has_hooks);
    } else {
        future->refused++;
    }
    lock_drop(&future->lock);
    weft__waitq_ready_chain(chain);
    weft__leave(self);
    if (scope) {
        weft_scope_cancel(scope);
        future_leave_scope(future);
    }
    if (has_hooks) {
        future_call_hooks(future);
    }
    return mine;
}

/* ---- hooks ---- */

static struct future_hook *future_hook_of(weft_future_hook *hook)
{
    return (struct future_hook *)(void *)hook->opaque;
}

void weft_future_hook_in_setter(weft_future *future, weft_future_hook *hook,
                                void (*fn)(weft_future *future, void *arg), void *arg)
{
    struct future_hook *inside = future_hook_of(hook);
    weft__future_expect(future);
    WEFT_CHECK(fn != NULL);
    weft__control_point(WEFT__DEED_FUTURE_LOOK, future, __builtin_return_address(0));
    struct weft__thread *self = weft__enter();
    lock_take_object(&future->lock);
    bool done = a_load(&future->done, relaxed) != 0;
    WEFT_CHECK(!inside->queued); /* it stands in a future already, or was not zeroed */
    *inside = (struct future_hook){.fn = fn, .arg = arg, .queued = !done};
    if (done) {
        future->hooks_called++;
    } else {
        list_push_back(&future->hooks, &inside->link);
    }
    lock_drop(&future->lock);
    weft__leave(self);
    if (done) {
        fn(future, arg);
    }
}

int weft_future_unhook(weft_future *future, weft_future_hook *hook)
{
    struct future_hook *inside = future_hook_of(hook);
    weft__future_expect(future);
    weft__control_point(WEFT__DEED_FUTURE_LOOK, future, __builtin_return_address(0));
    struct weft__thread *self = weft__enter();
    lock_take_object(&future->lock);
    bool was_queued = inside->queued;
    if (was_queued) {
        list_remove(&inside->link);
        inside->queued = false;
    }
    lock_drop(&future->lock);
    weft__leave(self);
    return was_queued ? 0 : -WEFT_EAGAIN;
}

/* ---- counts ---- */

static uint64_t future_count_waiting(const weft_future *future)
{
    uint64_t n = 0;
    for (const struct weft__waiter *at = future->waiters.head; at; at = at->next) {
        n++;
    }
    LIST_FOR_EACH(&future->arms, link) {
        n++;
    }
    return n;
}

void weft_future_stats(const weft_future *future, struct weft_future_counts *ret_counts)
{
    weft_future *looked = (weft_future *)(uintptr_t)future;
    weft__future_expect(future);
    WEFT_CHECK(ret_counts != NULL);
    struct weft__thread *self = weft__enter();
    lock_take_object(&looked->lock);
    *ret_counts = (struct weft_future_counts){.getters = a_load(&looked->getters, relaxed),
                                              .setters = a_load(&looked->setters, relaxed),
                                              .waits = looked->waits,
                                              .waiting = future_count_waiting(looked),
                                              .refused = looked->refused,
                                              .hooks = looked->hooks_called};
    lock_drop(&looked->lock);
    weft__leave(self);
}
