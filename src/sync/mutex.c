/* mutex.c - one task at a time.
 *
 * Free and taken is one word, see mutexword.h; who finds it taken puts itself into a queue.
 *
 * Barging.  An unlocker frees the word and wakes the longest-waiting one, who tries again; whoever
 * comes by meanwhile may be faster.  A lock that runs hot is thus passed on among those who run,
 * and nobody waits for a sleeper to come up.  At most one waiter is on its way at a time (WOKEN).
 *
 * Hand-off.  A woken waiter that finds it taken goes back to the head of the queue and notes since
 * when it has been passed.  Once that is 1 ms ago, or has happened MUTEX_PASSES_MAX times (a bound
 * that holds on a clock which stands still, too), the next unlocker makes it the owner.  That ends
 * with the very hand-over: whoever is next has not been passed yet.
 *
 * Rejected: hand-off as a state of the lock which lasts while waits are long (as in Go's): with a
 * long queue it never ends, and then each unlock is a switch.
 *
 * After the step that frees the word, or that makes the waiter ready, the unlocker does not touch
 * the mutex: whoever is next may be the last user, and free it.  Where the word is freed before the
 * queue's lock, a waiter has been claimed, whose call, still on its way, keeps the mutex alive.
 *
 * SPDX-License-Identifier: MIT
 */
#include "sync/mutex.h"

#include "base/panic.h"
#include "base/stat.h"
#include "base/text.h"
#include "core/clock.h"
#include "core/task.h"
#include "core/waitq.h"
#include "core/worker.h"
#include "sync/mutexword.h"
#include "weft/err.h"
#include "weft/time.h"

#define MUTEX_PASSED_NS  (1 * WEFT_MS)
#define MUTEX_PASSES_MAX 64
#define MUTEX_SPINS      32 /* about a microsecond */

struct mutex {
    ATOMIC(uintptr_t) word;
    ATOMIC(const void *) site; /* where it was taken last; for reports */
    struct weft__lock lock;    /* of the queue */
    struct weft__waitq waiters;
    struct weft__stat locks;   /* the owner's */
    struct weft__stat waits, wakes, handed_over, cancels; /* under the queue's lock */
};

/* On the sleeper's stack; under the queue's lock while queued, the waker's from claim to ready. */
struct mutex_waiter {
    struct weft__waiter waiter;
    const void *site;
    int64_t passed_since;
    uint32_t passes;
    bool is_owner; /* the lock was handed over */
};

_Static_assert(sizeof(struct mutex) <= sizeof(weft_mutex), "fits its public box");
_Static_assert(_Alignof(struct mutex) <= _Alignof(weft_mutex), "lies well in its public box");
_Static_assert(_Alignof(struct weft__task) > MUTEXWORD_FLAGS, "there is room for the flags");

static struct mutex *mutex_of(const weft_mutex *mutex)
{
    return (struct mutex *)(uintptr_t)mutex;
}

static uintptr_t mutex_word_of(const struct weft__task *task)
{
    return (uintptr_t)task;
}

static const struct weft__task *mutex_holder(const void *object)
{
    struct mutex *m = mutex_of(object);
    return (const struct weft__task *)mutexword_owner(a_load(&m->word, relaxed));
}

static const struct weft__wait_kind mutex_kind = {.what = "mutex", .holder = mutex_holder};

/* ---- mistakes ---- */

static WEFT_NORETURN WEFT_NOINLINE void mutex_panic(const weft_mutex *mutex, const char *call,
                                                    const char *label, const void *site)
{
    char what[256], holder_label[96];
    struct weft__text text;
    const struct weft__task *holder = mutex_holder(mutex);
    weft__text_init(&text, what, sizeof what);
    weft__text_add(&text, "%s: the mutex is ", call);
    if (!holder) {
        weft__text_add(&text, "not locked");
    } else if (holder == weft__self_task()) {
        weft__text_add(&text, "held by the caller");
    } else {
        weft__text_add(&text, "held by '%s'",
                       weft__task_label(holder, holder_label, sizeof holder_label));
    }
    weft__panic_sites(what, label, site, holder ? "locked at" : "last locked at",
                      a_load(&mutex_of(mutex)->site, relaxed));
}

void weft__mutex_check_held(const weft_mutex *mutex, const struct weft__task *task,
                            const char *call, const char *label, const void *site)
{
    if (WEFT_UNLIKELY(mutex_holder(mutex) != task)) {
        mutex_panic(mutex, call, label, site);
    }
}

const struct weft__task *weft__mutex_holder(const weft_mutex *mutex)
{
    return mutex_holder(mutex);
}

/* ---- taking ---- */

/* It is the caller's now. */
static inline void mutex_note(struct mutex *m, const void *site, bool tried)
{
    a_store(&m->site, site, relaxed);
    weft__stat_add(&m->locks, 1);
    weft__control_mutex_taken(m, tried);
}

/* What lock comes to nearly always: takes it if it is free and unwaited for, without entering, as
 * nothing of the seat is touched.  The budget is counted all the same, and with its last operation,
 * or when the caller is cancelled, there is more to do. */
static inline bool mutex_take_quickly(struct mutex *m)
{
    weft__san_hide();
    struct weft__task *task = weft__self()->task;
    const ATOMIC(uint32_t) *cancel = task->cancel;
    uintptr_t w = 0;
    bool took = task->budget > 1 && !(cancel && a_load(cancel, relaxed)) &&
                a_cas(&m->word, &w, mutex_word_of(task), acquire, relaxed);
    if (took) { /* pairs with the releases in mutexword.h */
        task->budget--;
    }
    weft__san_show();
    return took;
}

/* The calling task, for what does not enter. */
static inline struct weft__task *mutex_caller(void)
{
    weft__san_hide();
    struct weft__task *task = weft__self()->task;
    weft__san_show();
    return task;
}

/* The holder may be about to let go, if it runs: that is likely only when nobody waits yet, and
 * when each worker has a CPU. */
static bool mutex_spin(struct mutex *m, struct weft__thread *self, uintptr_t me)
{
    const struct weft__runtime *rt = self->task->runtime;
    if (!rt || !rt->spin) {
        return false;
    }
    for (unsigned i = 0; i < MUTEX_SPINS; i++) {
        uintptr_t w = a_load(&m->word, relaxed);
        if (mutexword_take(&m->word, &w, me, 0)) {
            return true;
        }
        if (w & MUTEXWORD_FLAGS) {
            return false;
        }
        a_relax();
    }
    return false;
}

/* A waiter that was woken and passed stays the first. */
static void mutex_push_front(struct weft__waitq *q, struct weft__waiter *waiter)
{
    WEFT_CHECK(!waiter->queued);
    waiter->queued = true;
    waiter->prev = NULL;
    waiter->next = q->head;
    if (q->head) {
        q->head->prev = waiter;
    } else {
        q->tail = waiter;
    }
    q->head = waiter;
}

/* Queues the caller, anew if it has been passed, and sleeps.  The queue's lock is held, and
 * dropped. */
static int mutex_sleep(struct mutex *m, struct weft__thread **self, struct mutex_waiter *mw,
                       bool is_uncancellable)
{
    struct weft__task *task = (*self)->task;
    weft__waiter_init_locked(&mw->waiter, *self);
    if (mw->passes) {
        mutex_push_front(&m->waiters, &mw->waiter);
    } else {
        weft__waitq_push(&m->waiters, &mw->waiter);
    }
    weft__stat_add(&m->waits, 1);
    int rc = weft__park(self, &(struct weft__parking){.kind = &mutex_kind,
                                                      .object = m,
                                                      .site = mw->site,
                                                      .lock = &m->lock,
                                                      .ticket = mw->waiter.ticket,
                                                      .is_uncancellable = is_uncancellable});
    WEFT_CHECK((*self)->task == task);
    if (rc < 0) {
        lock_take_object(&m->lock);
        if (mw->waiter.queued) {
            weft__waitq_remove(&m->waiters, &mw->waiter);
            if (weft__waitq_is_empty(&m->waiters)) {
                mutexword_unwait(&m->word);
            }
        }
        weft__stat_add(&m->cancels, 1);
        lock_drop(&m->lock);
    }
    return rc;
}

/* 0: taken.  The caller is inside, and stays so. */
static WEFT_NOINLINE int mutex_take_slowly(struct mutex *m, struct weft__thread **self,
                                           const void *site, bool is_uncancellable)
{
    uintptr_t me = mutex_word_of((*self)->task), mine = 0, w;
    struct mutex_waiter mw = {.site = site};
    if (mutex_spin(m, *self, me)) {
        return 0;
    }
    for (;;) {
        lock_take_object(&m->lock);
        if (mutexword_take_or_wait(&m->word, me, mine)) {
            lock_drop(&m->lock);
            return 0;
        }
        if (mine) {
            mw.passed_since = mw.passes ? mw.passed_since : weft__now((*self)->task->runtime);
            mw.passes++;
        }
        int rc = mutex_sleep(m, self, &mw, is_uncancellable);
        if (rc < 0 || mw.is_owner) {
            return rc;
        }
        mine = MUTEXWORD_WOKEN;
        w = a_load(&m->word, relaxed);
        if (mutexword_take(&m->word, &w, me, mine)) {
            return 0;
        }
    }
}

/* ---- letting go ---- */

static bool mutex_was_passed_long(const struct mutex_waiter *mw)
{
    if (mw->passes == 0) {
        return false;
    }
    return mw->passes >= MUTEX_PASSES_MAX ||
           weft__now(weft__self_task()->runtime) - mw->passed_since >= MUTEX_PASSED_NS;
}

static struct weft__task *mutex_let_go_slowly(struct mutex *m, uintptr_t w)
{
    for (;;) {
        if (mutexword_let_go(&m->word, w)) {
            return NULL;
        }
        lock_take_object(&m->lock);
        struct weft__waiter *waiter = weft__waitq_claim(&m->waiters);
        bool more = !weft__waitq_is_empty(&m->waiters);
        if (waiter) {
            struct weft__task *task = waiter->task;
            struct mutex_waiter *mw = container_of(waiter, struct mutex_waiter, waiter);
            mw->is_owner = mutex_was_passed_long(mw);
            weft__stat_add(&m->wakes, 1);
            weft__stat_add(&m->handed_over, mw->is_owner);
            if (mw->is_owner) {
                mutexword_hand_over(&m->word, mutex_word_of(task), more);
            } else {
                mutexword_let_go_waking(&m->word, more);
            }
            lock_drop(&m->lock);
            return task;
        }
        mutexword_unwait(&m->word); /* all who waited were cancelled */
        lock_drop(&m->lock);
        w = a_load(&m->word, relaxed);
    }
}

struct weft__task *weft__mutex_let_go(weft_mutex *mutex, const struct weft__task *task)
{
    struct mutex *m = mutex_of(mutex);
    uintptr_t w = a_load(&m->word, relaxed);
    WEFT_CHECK(mutexword_owner(w) == mutex_word_of(task));
    weft__control_mutex_given(mutex);
    return mutex_let_go_slowly(m, w);
}

void weft__mutex_retake(weft_mutex *mutex, struct weft__thread **self, const void *site)
{
    struct mutex *m = mutex_of(mutex);
    uintptr_t w = 0;
    if (!mutexword_take(&m->word, &w, mutex_word_of((*self)->task), 0)) {
        int rc = mutex_take_slowly(m, self, site, true);
        WEFT_CHECK(rc == 0);
    }
    mutex_note(m, site, false);
}


static WEFT_NOINLINE int mutex_lock_slowly(weft_mutex *mutex, const char *call, const void *site)
{
    struct mutex *m = mutex_of(mutex);
    struct weft__thread *self = weft__op_begin(WEFT__DEED_MUTEX_LOCK, mutex, site);
    if (weft__op_cancelled(self)) {
        return weft__op_refuse(self);
    }
    uintptr_t me = mutex_word_of(self->task), w = 0;
    int rc = 0;
    if (!mutexword_take(&m->word, &w, me, 0)) {
        if (mutexword_owner(w) == me) {
            mutex_panic(mutex, call, "locked again at", site);
        }
        rc = mutex_take_slowly(m, &self, site, false);
    }
    if (rc == 0) {
        mutex_note(m, site, false);
    }
    weft__leave(self);
    return rc;
}

int weft__mutex_try_lock(weft_mutex *mutex, const void *site)
{
    struct mutex *m = mutex_of(mutex);
    uintptr_t w = 0;
    weft__control_point(WEFT__DEED_MUTEX_TRY_LOCK, mutex, site);
    if (!mutexword_take(&m->word, &w, mutex_word_of(mutex_caller()), 0)) {
        return weft__control_result(-WEFT_EAGAIN);
    }
    mutex_note(m, site, true);
    return 0;
}

static WEFT_NOINLINE void mutex_unlock_slowly(weft_mutex *mutex, uintptr_t me, uintptr_t w,
                                              const char *call, const void *site)
{
    if (WEFT_UNLIKELY(mutexword_owner(w) != me)) {
        mutex_panic(mutex, call, "unlocked at", site);
    }
    struct weft__thread *self = weft__enter();
    struct weft__task *next = mutex_let_go_slowly(mutex_of(mutex), w);
    if (next) {
        weft__ready(next);
    }
    weft__leave(self);
}

/* *w is the caller's word, and becomes what is there.  From here on the mutex may be gone. */
static inline bool mutex_free(struct mutex *m, uintptr_t *w)
{
    return a_cas(&m->word, w, 0, release, relaxed); /* pairs with the acquire in mutexword_take */
}

void weft__mutex_unlock(weft_mutex *mutex, const char *call, const void *site)
{
    weft__control_point(WEFT__DEED_MUTEX_UNLOCK, mutex, site);
    uintptr_t me = mutex_word_of(mutex_caller()), w = me;
    if (WEFT_UNLIKELY(!mutex_free(mutex_of(mutex), &w))) {
        mutex_unlock_slowly(mutex, me, w, call, site);
    }
}

void weft__mutex_fini(const weft_mutex *mutex, const char *call, const void *site)
{
    uintptr_t w = a_load(&mutex_of(mutex)->word, acquire);
    char what[96];
    struct weft__text text;
    if (mutexword_owner(w) != 0) {
        mutex_panic(mutex, call, "destroyed at", site);
    }
    if (w != 0) {
        weft__text_init(&text, what, sizeof what);
        weft__text_add(&text, "%s: a task still waits for the mutex", call);
        weft__panic_sites(what, "destroyed at", site, "last locked at",
                          a_load(&mutex_of(mutex)->site, relaxed));
    }
}

/* ---- public ---- */

void weft_mutex_init(weft_mutex *mutex)
{
    memset(mutex, 0, sizeof *mutex);
    lock_init(&mutex_of(mutex)->lock, WEFT_RANK_WAITQ);
}

int weft__mutex_lock(weft_mutex *mutex, const char *call, const void *site)
{
    struct mutex *m = mutex_of(mutex);
    if (WEFT_UNLIKELY(!mutex_take_quickly(m))) {
        return mutex_lock_slowly(mutex, call, site);
    }
    mutex_note(m, site, false);
    return 0;
}

/* The return address is asked for where it is used: it need not be kept across the call inside. */
int weft_mutex_lock(weft_mutex *mutex)
{
    struct mutex *m = mutex_of(mutex);
    if (WEFT_UNLIKELY(!mutex_take_quickly(m))) {
        return mutex_lock_slowly(mutex, "weft_mutex_lock", __builtin_return_address(0));
    }
    mutex_note(m, __builtin_return_address(0), false);
    return 0;
}

int weft_mutex_try_lock(weft_mutex *mutex)
{
    return weft__mutex_try_lock(mutex, __builtin_return_address(0));
}

void weft_mutex_unlock(weft_mutex *mutex)
{
    if (WEFT_UNLIKELY(weft__control != NULL)) {
        weft__control_meet(WEFT__DEED_MUTEX_UNLOCK, mutex, NULL, __builtin_return_address(0));
    }
    uintptr_t me = mutex_word_of(mutex_caller()), w = me;
    if (WEFT_UNLIKELY(!mutex_free(mutex_of(mutex), &w))) {
        mutex_unlock_slowly(mutex, me, w, "weft_mutex_unlock", __builtin_return_address(0));
    }
}

void weft_mutex_stats(const weft_mutex *mutex, weft_mutex_counts *ret)
{
    struct mutex *m = mutex_of(mutex);
    uint64_t ended = weft__stat_read(&m->wakes) + weft__stat_read(&m->cancels);
    uint64_t waits = weft__stat_read(&m->waits);
    *ret = (weft_mutex_counts){.locks = weft__stat_read(&m->locks),
                               .waits = waits,
                               .handed_over = weft__stat_read(&m->handed_over),
                               .cancels = weft__stat_read(&m->cancels),
                               .waiting = waits > ended ? waits - ended : 0};
}

void weft_mutex_fini(weft_mutex *mutex)
{
    if (mutex) {
        weft__mutex_fini(mutex, "weft_mutex_fini", __builtin_return_address(0));
    }
}
