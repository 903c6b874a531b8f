/* self.c - which thread am I: the only thread-local word of Weft.
 *
 * Asked by every public call, on entry and, where it may have parked, again.  Never a plain read:
 * compilers treat the address of a thread-local as constant within a function, and one that parks
 * would go on using the thread it began on.  See arch/selfword.h; where that has nothing, and for
 * ThreadSanitizer, the accessor is a function of this file, not inlined.
 *
 * A thread that is not ours is made known at its first call and forgotten when it ends.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/alloc.h"
#include "base/panic.h"
#include "base/sys.h"
#include "core/core.h"
#include "core/self.h"
#include "core/local.h"
#include "core/solo.h"
#include "core/task.h"

/* Read by one task after another, in which TSan sees no order; hence the NO_SANITIZE below. */
_Thread_local struct weft__thread *weft__self_pointer __attribute__((visibility("hidden"), used));

static struct weft__thread self_main; /* of main's thread: not on the heap */
static pthread_key_t self_key; /* its destructor tells us that a thread has ended */
static pthread_once_t self_once = PTHREAD_ONCE_INIT;

ATOMIC(uint64_t) weft__foreign_parked;
ATOMIC(uint32_t) weft__foreign_seen;
ATOMIC(struct weft__runtime *) weft__runtime_now;
ATOMIC(uint32_t) weft__forked;
ATOMIC(uint32_t) weft__enter_fences;

static WEFT_NO_SANITIZE struct weft__lockrank_stack *self_ranks(void)
{
    return weft__self_pointer ? &weft__self_pointer->ranks : NULL;
}

/* The child of a fork has one thread and no workers: whatever ran here runs in the parent. */
static void self_after_fork(void)
{
    weft__solo_forked();
    if (a_load(&weft__runtime_now, relaxed)) {
        a_store(&weft__forked, 1, relaxed);
        a_store(&weft__lock_forked, 1, relaxed);
        if (weft__self_pointer) {
            a_store(&weft__self_pointer->seat, NULL, relaxed); /* so that the next switch asks */
        }
    }
}

static WEFT_NO_SANITIZE void self_ended(void *arg)
{
    struct weft__thread *self = arg;
    weft__self_pointer = NULL;
    weft__locals_unref(self->own.locals);
    if (self != &self_main) {
        weft__free(self);
    }
}

static void self_init_process(void)
{
    WEFT_CHECK(pthread_key_create(&self_key, self_ended) == 0);
    WEFT_CHECK(weft__sys_atfork(self_after_fork) == 0);
    if (weft__sys_membarrier_register() != 0) { /* plain threads cancel, too, without any run */
        a_store(&weft__enter_fences, 1, seq_cst);
    }
    a_store(&weft__lockrank_held, self_ranks, release);
}

WEFT_NOINLINE WEFT_NO_SANITIZE struct weft__thread *weft__self_attach(void)
{
    struct weft__thread *self = &self_main;
    pthread_once(&self_once, self_init_process);
    if (weft__sys_gettid() != weft__sys_getpid()) {
        self = weft__alloc_zero(sizeof *self);
        if (!self) {
            weft__panic("no memory to make a thread known to Weft");
        }
    } else {
        memset(self, 0, sizeof *self);
    }
    self->is_foreign = true;
    weft__task_init_thread(&self->own, "thread");
    self->task = &self->own;
    list_init(&self->link);
    a_store(&self->tid, weft__sys_gettid(), relaxed);
    self->handle = pthread_self();
    WEFT_CHECK(pthread_setspecific(self_key, self) == 0);
    weft__self_pointer = self;
    a_add(&weft__foreign_seen, 1, seq_cst); /* pairs with the look in weft__solo_begin */
    weft__solo_end();
    return self;
}

#if !WEFT__SELF_INLINE
WEFT_NOINLINE WEFT_NO_SANITIZE struct weft__thread *weft__self(void)
{
    struct weft__thread *self = weft__self_pointer;
    return WEFT_LIKELY(self != NULL) ? self : weft__self_attach();
}

WEFT_NOINLINE WEFT_NO_SANITIZE struct weft__thread *weft__self_or_null(void)
{
    return weft__self_pointer;
}

WEFT_NOINLINE WEFT_NO_SANITIZE struct weft__task *weft__self_task_or_null(void)
{
    const struct weft__thread *self = weft__self_pointer;
    return self ? self->task : NULL;
}

WEFT_NOINLINE WEFT_NO_SANITIZE struct weft__task *weft__self_task(void)
{
    return weft__self()->task;
}
#endif

WEFT_NOINLINE struct weft__thread **weft__self_place(void)
{
    return &weft__self_pointer;
}

WEFT_NO_SANITIZE void weft__self_bind(struct weft__thread *thread)
{
    pthread_once(&self_once, self_init_process);
    weft__self_pointer = thread;
}
