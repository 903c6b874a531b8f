/* rwlock.c - many readers, or one writer.
 *
 * Who goes in when is one word, see rwlockword.h; who finds it shut puts itself into one of two
 * queues.  Phase-fair: a reader that comes while a writer waits, waits too; a writer that leaves
 * lets all waiting readers in, and only if there are none the next writer; the last reader lets the
 * next writer in.  So neither side starves, however many come.
 *
 * Whoever leaves puts those whom it lets in into the word in its own place (no barging): a waiter
 * that is claimed is inside, and need not try again.  From the claim to ready it sleeps for sure,
 * so that its call keeps the memory alive until the lock is dropped.
 *
 * Rejected: barging as in mutex.c (the phases would be chance); one queue in order of arrival (fair
 * as well, but readers and writers that come by turns then never read together); a list of readers
 * (to tell an upgrade from reading to writing: a node for each read).
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/panic.h"
#include "base/stat.h"
#include "base/text.h"
#include "core/task.h"
#include "core/waitq.h"
#include "core/worker.h"
#include "sync/rwlockword.h"
#include "weft/err.h"
#include "weft/sync.h"

struct rwlock {
    ATOMIC(uintptr_t) word;
    struct weft__lock lock; /* of the queues */
    struct weft__waitq readers, writers;
    ATOMIC(const void *) read_site, write_site; /* the last of each; for reports */
    struct weft__stat writes;                   /* the writer's */
    struct weft__stat read_waits, write_waits, wakes, cancels; /* under the lock */
};

_Static_assert(sizeof(struct rwlock) <= sizeof(weft_rwlock), "fits its public box");
_Static_assert(_Alignof(struct rwlock) <= _Alignof(weft_rwlock), "lies well in its public box");
_Static_assert(_Alignof(struct weft__task) > RWLOCKWORD_FLAGS, "there is room for the flags");

static struct rwlock *rwlock_of(const weft_rwlock *lock)
{
    return (struct rwlock *)(uintptr_t)lock;
}

static const struct weft__task *rwlock_writer(const void *object)
{
    uintptr_t w = a_load(&rwlock_of(object)->word, relaxed);
    return (const struct weft__task *)rwlockword_writer(w);
}

static const struct weft__wait_kind rwlock_read_kind = {.what = "read lock",
                                                        .holder = rwlock_writer};
static const struct weft__wait_kind rwlock_write_kind = {.what = "write lock",
                                                         .holder = rwlock_writer};

/* ---- mistakes ---- */

static WEFT_NORETURN WEFT_NOINLINE void rwlock_panic(const weft_rwlock *lock, const char *call,
                                                     const char *label, const void *site)
{
    char what[256], writer_label[96];
    struct weft__text text;
    struct rwlock *l = rwlock_of(lock);
    uintptr_t w = a_load(&l->word, relaxed);
    const struct weft__task *writer = (const struct weft__task *)rwlockword_writer(w);
    uintptr_t readers = rwlockword_readers(w);
    weft__text_init(&text, what, sizeof what);
    weft__text_add(&text, "%s: the lock is ", call);
    if (writer == weft__self_task()) {
        weft__text_add(&text, "held for writing by the caller");
    } else if (writer) {
        weft__text_add(&text, "held for writing by '%s'",
                       weft__task_label(writer, writer_label, sizeof writer_label));
    } else if (readers) {
        weft__text_add(&text, "held by %lu reader%s", (unsigned long)readers,
                       readers == 1 ? "" : "s");
    } else {
        weft__text_add(&text, "not locked");
    }
    if (readers) {
        weft__panic_sites(what, label, site, "last read-locked at", a_load(&l->read_site, relaxed));
    }
    weft__panic_sites(what, label, site, writer ? "write-locked at" : "last write-locked at",
                      a_load(&l->write_site, relaxed));
}

/* ---- letting in; under the lock, until the chain is made ready ---- */

static bool rwlock_is_waited_for(const struct rwlock *l)
{
    return !weft__waitq_is_empty(&l->readers) || !weft__waitq_is_empty(&l->writers);
}

/* All waiting readers, in the caller's place.  NULL: there were none. */
static struct weft__waiter *rwlock_let_readers(struct rwlock *l)
{
    uintptr_t n = 0;
    struct weft__waiter *chain = weft__waitq_claim_all(&l->readers);
    for (const struct weft__waiter *at = chain; at; at = at->next) {
        n++;
    }
    if (chain) {
        rwlockword_let_readers(&l->word, n, rwlock_is_waited_for(l));
        weft__stat_add(&l->wakes, n);
    }
    return chain;
}

/* The next writer, likewise. */
static struct weft__waiter *rwlock_let_writer(struct rwlock *l)
{
    struct weft__waiter *waiter = weft__waitq_claim(&l->writers);
    if (waiter) {
        waiter->next = NULL;
        rwlockword_let_writer(&l->word, (uintptr_t)waiter->task, rwlock_is_waited_for(l));
        weft__stat_add(&l->wakes, 1);
    }
    return waiter;
}

/* A waiter has been cancelled: if it was the last writer that waited, and readers are inside, those
 * who waited behind it go in. */
static struct weft__waiter *rwlock_close_gap(struct rwlock *l)
{
    struct weft__waiter *chain = NULL;
    uintptr_t n = 0;
    if (weft__waitq_is_empty(&l->writers) && !weft__waitq_is_empty(&l->readers) &&
        !rwlockword_writer(a_load(&l->word, relaxed))) {
        chain = weft__waitq_claim_all(&l->readers);
        for (const struct weft__waiter *at = chain; at; at = at->next) {
            n++;
        }
        rwlockword_join_readers(&l->word, n);
        weft__stat_add(&l->wakes, n);
    } else if (!rwlock_is_waited_for(l)) {
        rwlockword_unwait(&l->word);
    }
    return chain;
}

/* ---- waiting ---- */

/* The lock is held, and dropped. */
static int rwlock_sleep(struct rwlock *l, struct weft__waitq *q, struct weft__thread **self,
                        const struct weft__wait_kind *kind, const void *site)
{
    struct weft__waiter waiter;
    weft__waiter_init_locked(&waiter, *self);
    weft__waitq_push(q, &waiter);
    int rc = weft__park(self, &(struct weft__parking){.kind = kind,
                                                      .object = l,
                                                      .site = site,
                                                      .lock = &l->lock,
                                                      .ticket = waiter.ticket});
    if (rc < 0) {
        lock_take_object(&l->lock);
        weft__waitq_remove(q, &waiter);
        weft__stat_add(&l->cancels, 1);
        struct weft__waiter *chain = rwlock_close_gap(l);
        lock_drop(&l->lock);
        weft__waitq_ready_chain(chain);
    }
    return rc;
}

static WEFT_NOINLINE int rwlock_read_slowly(struct rwlock *l, struct weft__thread **self,
                                            const void *site)
{
    lock_take_object(&l->lock);
    if (rwlockword_read_or_wait(&l->word)) {
        lock_drop(&l->lock);
        return 0;
    }
    weft__stat_add(&l->read_waits, 1);
    return rwlock_sleep(l, &l->readers, self, &rwlock_read_kind, site);
}

static WEFT_NOINLINE int rwlock_write_slowly(struct rwlock *l, struct weft__thread **self,
                                             const void *site)
{
    lock_take_object(&l->lock);
    if (rwlockword_write_or_wait(&l->word, (uintptr_t)(*self)->task)) {
        lock_drop(&l->lock);
        return 0;
    }
    weft__stat_add(&l->write_waits, 1);
    return rwlock_sleep(l, &l->writers, self, &rwlock_write_kind, site);
}

/* ---- leaving ---- */

static WEFT_NOINLINE void rwlock_read_leave_slowly(struct rwlock *l)
{
    struct weft__thread *self = weft__enter();
    struct weft__waiter *chain = NULL;
    uintptr_t w;
    do {
        lock_take_object(&l->lock);
        if (rwlockword_is_mine_to_pass(&l->word)) {
            chain = rwlock_let_writer(l);
            chain = chain ? chain : rwlock_let_readers(l);
            if (!chain) { /* all who waited were cancelled */
                rwlockword_unwait(&l->word);
            }
        }
        lock_drop(&l->lock);
        w = chain ? 0 : a_load(&l->word, relaxed);
    } while (!chain && !rwlockword_read_done(&l->word, &w));
    weft__waitq_ready_chain(chain);
    weft__leave(self);
}

static WEFT_NOINLINE void rwlock_write_leave_slowly(struct rwlock *l)
{
    struct weft__thread *self = weft__enter();
    struct weft__waiter *chain;
    do {
        lock_take_object(&l->lock);
        chain = rwlock_let_readers(l);
        chain = chain ? chain : rwlock_let_writer(l);
        if (!chain) { /* all who waited were cancelled */
            rwlockword_unwait(&l->word);
        }
        lock_drop(&l->lock);
    } while (!chain && !rwlockword_write_done(&l->word, (uintptr_t)self->task));
    weft__waitq_ready_chain(chain);
    weft__leave(self);
}

/* ---- public ---- */

void weft_rwlock_init(weft_rwlock *lock)
{
    memset(lock, 0, sizeof *lock);
    lock_init(&rwlock_of(lock)->lock, WEFT_RANK_SYNC);
}

static void rwlock_note_read(struct rwlock *l, const void *site, bool tried)
{
    a_store(&l->read_site, site, relaxed);
    weft__control_rwlock_taken(l, true, tried);
}

static void rwlock_note_write(struct rwlock *l, const void *site, bool tried)
{
    a_store(&l->write_site, site, relaxed);
    weft__stat_add(&l->writes, 1);
    weft__control_rwlock_taken(l, false, tried);
}

int weft_rwlock_read_lock(weft_rwlock *lock)
{
    const void *site = __builtin_return_address(0);
    struct rwlock *l = rwlock_of(lock);
    struct weft__thread *self = weft__op_begin(WEFT__DEED_RWLOCK_READ, lock, site);
    if (weft__op_cancelled(self)) {
        return weft__op_refuse(self);
    }
    uintptr_t w = a_load(&l->word, relaxed);
    int rc = 0;
    if (WEFT_UNLIKELY(!rwlockword_read(&l->word, &w))) {
        if (rwlockword_writer(w) == (uintptr_t)self->task) {
            rwlock_panic(lock, "weft_rwlock_read_lock", "read-locked at", site);
        }
        rc = rwlock_read_slowly(l, &self, site);
    }
    if (rc == 0) {
        rwlock_note_read(l, site, false);
    }
    weft__leave(self);
    return rc;
}

int weft_rwlock_try_read_lock(weft_rwlock *lock)
{
    const void *site = __builtin_return_address(0);
    struct rwlock *l = rwlock_of(lock);
    weft__control_point(WEFT__DEED_RWLOCK_TRY_READ, lock, site);
    uintptr_t w = a_load(&l->word, relaxed);
    if (!rwlockword_read(&l->word, &w)) {
        return weft__control_result(-WEFT_EAGAIN);
    }
    rwlock_note_read(l, site, true);
    return 0;
}

void weft_rwlock_read_unlock(weft_rwlock *lock)
{
    const void *site = __builtin_return_address(0);
    struct rwlock *l = rwlock_of(lock);
    weft__control_point(WEFT__DEED_RWLOCK_READ_UNLOCK, lock, site);
    uintptr_t w = a_load(&l->word, relaxed);
    if (WEFT_UNLIKELY(rwlockword_readers(w) == 0)) {
        rwlock_panic(lock, "weft_rwlock_read_unlock", "unlocked at", site);
    }
    weft__control_rwlock_given(lock, true);
    if (WEFT_UNLIKELY(!rwlockword_read_done(&l->word, &w))) {
        rwlock_read_leave_slowly(l);
    }
}

int weft_rwlock_write_lock(weft_rwlock *lock)
{
    const void *site = __builtin_return_address(0);
    struct rwlock *l = rwlock_of(lock);
    struct weft__thread *self = weft__op_begin(WEFT__DEED_RWLOCK_WRITE, lock, site);
    if (weft__op_cancelled(self)) {
        return weft__op_refuse(self);
    }
    uintptr_t me = (uintptr_t)self->task, w = a_load(&l->word, relaxed);
    int rc = 0;
    if (WEFT_UNLIKELY(!rwlockword_write(&l->word, &w, me))) {
        if (rwlockword_writer(w) == me) {
            rwlock_panic(lock, "weft_rwlock_write_lock", "locked again at", site);
        }
        rc = rwlock_write_slowly(l, &self, site);
    }
    if (rc == 0) {
        rwlock_note_write(l, site, false);
    }
    weft__leave(self);
    return rc;
}

int weft_rwlock_try_write_lock(weft_rwlock *lock)
{
    const void *site = __builtin_return_address(0);
    struct rwlock *l = rwlock_of(lock);
    weft__control_point(WEFT__DEED_RWLOCK_TRY_WRITE, lock, site);
    uintptr_t w = a_load(&l->word, relaxed);
    if (!rwlockword_write(&l->word, &w, (uintptr_t)weft__self_task())) {
        return weft__control_result(-WEFT_EAGAIN);
    }
    rwlock_note_write(l, site, true);
    return 0;
}

void weft_rwlock_write_unlock(weft_rwlock *lock)
{
    const void *site = __builtin_return_address(0);
    struct rwlock *l = rwlock_of(lock);
    weft__control_point(WEFT__DEED_RWLOCK_WRITE_UNLOCK, lock, site);
    uintptr_t me = (uintptr_t)weft__self_task();
    if (WEFT_UNLIKELY(rwlockword_writer(a_load(&l->word, relaxed)) != me)) {
        rwlock_panic(lock, "weft_rwlock_write_unlock", "unlocked at", site);
    }
    weft__control_rwlock_given(lock, false);
    if (WEFT_UNLIKELY(!rwlockword_write_done(&l->word, me))) {
        rwlock_write_leave_slowly(l);
    }
}

void weft_rwlock_stats(const weft_rwlock *lock, weft_rwlock_counts *ret)
{
    struct rwlock *l = rwlock_of(lock);
    uint64_t ended = weft__stat_read(&l->wakes) + weft__stat_read(&l->cancels);
    uint64_t read_waits = weft__stat_read(&l->read_waits);
    uint64_t write_waits = weft__stat_read(&l->write_waits);
    uint64_t waits = read_waits + write_waits;
    *ret = (weft_rwlock_counts){.writes = weft__stat_read(&l->writes),
                                .write_waits = write_waits,
                                .read_waits = read_waits,
                                .cancels = weft__stat_read(&l->cancels),
                                .readers = rwlockword_readers(a_load(&l->word, relaxed)),
                                .waiting = waits > ended ? waits - ended : 0};
}

void weft_rwlock_fini(weft_rwlock *lock)
{
    if (lock && a_load(&rwlock_of(lock)->word, acquire) != 0) {
        rwlock_panic(lock, "weft_rwlock_fini", "destroyed at", __builtin_return_address(0));
    }
}
