/* sanitize.h - tells ThreadSanitizer, AddressSanitizer and Valgrind of every stack and switch.
 *
 * Each of them keeps books for the stack it believes to be running on; a switch behind its back
 * ends in false reports or a crash.  Called by core/ next to each call of ctx.h, and empty in a
 * build without them.  One struct weft__san for each context, one for each OS thread's own stack.
 *
 *     the thread:    weft__san_init_thread(&t->san)        once, on that thread
 *     a new task:    weft__san_stack_reuse(lo, size)       before anything is written there
 *                    weft__ctx_make(&a->ctx, lo + size, entry, a)
 *                    weft__san_make(&a->san, lo, size)
 *     each switch:   weft__san_leave(&me->san, &to->san, false)
 *                    weft__ctx_switch(&me->ctx, &to->ctx, x)
 *                    weft__san_arrive(&me->san)             me, not who left: this is our return
 *     at entry:      weft__san_arrive(&a->san)              before anything else
 *     last switch:   weft__san_leave(&me->san, &to->san, true), then the switch
 *     at death:      weft__san_free(&a->san)                by another context, after that switch
 *
 * Between leave and switch no other function may be called: the books are already the other's.
 *
 * ThreadSanitizer takes each context for a thread.  A switch makes no order between two contexts
 * (no_sync), else it would hide every race between tasks of one worker.  Order comes from real
 * synchronisation alone, that is, from atomics and locks.  Two things follow.  What is private to a
 * worker, and therefore plain, is touched by one context after the other with no order that it
 * could see: core puts weft__san_hide and _show around such code; plain accesses in between are not
 * judged, atomics still count.  And a stack that changes hands would look like a race between the
 * old task's locals and the new one's: so the last leave and free release it, make acquires it.
 * The struct itself is hidden by the functions here.
 *
 * To ThreadSanitizer a signal, too, is the context's that it finds running, and the handler runs at
 * that context's next call that TSan knows.  Not before it is resumed, if it parks; never, if it
 * ends.  So leave makes such a call (weft__san_hear), and who rests in a bare system call does it
 * before.  And a context is freed with all signals blocked: it is the running one meanwhile.
 *
 * AddressSanitizer may keep locals in a fake stack of the context; it is dropped at the last leave.
 *
 * All functions must be inlined, because ThreadSanitizer counts calls and returns per context: one
 * that was called in one context and returned in another would break the count.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_ARCH_SANITIZE_H
#define WEFT_ARCH_SANITIZE_H

#include "base/base.h"

/* gcc says it by a macro, clang by __has_feature, which gcc 12 does not have. */
#ifndef __has_feature
#define WEFT__SAN_FEATURE(x) 0
#else
#define WEFT__SAN_FEATURE(x) __has_feature(x)
#endif

#if defined(__SANITIZE_THREAD__) || WEFT__SAN_FEATURE(thread_sanitizer)
#define WEFT__SAN_THREAD 1
#include <sanitizer/tsan_interface.h>
#include <signal.h>

#include "base/sys.h"
/* In the library since ever, in no header. */
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);
#else
#define WEFT__SAN_THREAD 0
#endif

#if defined(__SANITIZE_ADDRESS__) || WEFT__SAN_FEATURE(address_sanitizer)
#define WEFT__SAN_ADDRESS 1
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>

#include "base/sys.h"
#else
#define WEFT__SAN_ADDRESS 0
#endif

#ifdef WEFT_HAVE_VALGRIND
#define WEFT__SAN_VALGRIND 1
#include <valgrind/memcheck.h>
#else
#define WEFT__SAN_VALGRIND 0
#endif

#define WEFT__SAN_INLINE static inline __attribute__((always_inline))

/* How many contexts may live at once: ThreadSanitizer gives out 8,128 numbers for threads. */
enum {
    WEFT__SAN_CONTEXTS_MAX = WEFT__SAN_THREAD ? 8000 : INT32_MAX,
};

struct weft__san {
#if WEFT__SAN_THREAD
    void *fiber;
#endif
#if WEFT__SAN_ADDRESS
    void *fake_stack;
    size_t stack_size;
#endif
#if WEFT__SAN_THREAD || WEFT__SAN_ADDRESS
    void *stack_lo;
#endif
#if WEFT__SAN_VALGRIND
    unsigned valgrind_id;
#endif
};

/* From here to weft__san_show, in this context, plain accesses are not judged by ThreadSanitizer.
 * They nest, may span a switch, and must be even when the context leaves for the last time. */
WEFT__SAN_INLINE void weft__san_hide(void)
{
#if WEFT__SAN_THREAD
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
#endif
}

WEFT__SAN_INLINE void weft__san_show(void)
{
#if WEFT__SAN_THREAD
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
#endif
}

/* For the stack that the calling OS thread was born with. */
WEFT__SAN_INLINE void weft__san_init_thread(struct weft__san *s)
{
    weft__san_hide();
    memset(s, 0, sizeof *s);
#if WEFT__SAN_THREAD
    s->fiber = __tsan_get_current_fiber();
#endif
#if WEFT__SAN_ADDRESS
    int code = weft__sys_thread_stack(&s->stack_lo, &s->stack_size);
    WEFT_CHECK(code == 0);
#endif
    weft__san_show();
}

/* The memory [lo, lo + size) will be a new context's stack, whatever it was before. */
WEFT__SAN_INLINE void weft__san_stack_reuse(void *lo, size_t size)
{
    (void)lo;
    (void)size;
#if WEFT__SAN_ADDRESS
    ASAN_UNPOISON_MEMORY_REGION(lo, size);
#endif
#if WEFT__SAN_VALGRIND
    (void)VALGRIND_MAKE_MEM_UNDEFINED(lo, size);
#endif
}

/* For a context just made on the stack [lo, lo + size). */
WEFT__SAN_INLINE void weft__san_make(struct weft__san *s, void *lo, size_t size)
{
    (void)lo;
    (void)size;
    weft__san_hide();
    memset(s, 0, sizeof *s);
#if WEFT__SAN_THREAD
    s->stack_lo = lo;
    s->fiber = __tsan_create_fiber(0);
    void *maker = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(s->fiber, __tsan_switch_to_fiber_no_sync);
    __tsan_acquire(lo);
    __tsan_switch_to_fiber(maker, __tsan_switch_to_fiber_no_sync);
#endif
#if WEFT__SAN_ADDRESS
    s->stack_lo = lo;
    s->stack_size = size;
#endif
#if WEFT__SAN_VALGRIND
    s->valgrind_id = VALGRIND_STACK_REGISTER(lo, (char *)lo + size);
#endif
    weft__san_show();
}

/* For a context that has left for the last time, or never ran. */
WEFT__SAN_INLINE void weft__san_free(struct weft__san *s)
{
    (void)s;
    weft__san_hide();
#if WEFT__SAN_THREAD
    sigset_t all, before;
    sigfillset(&all);
    weft__sys_sigmask(SIG_SETMASK, &all, &before);
    __tsan_destroy_fiber(s->fiber);
    weft__sys_sigmask(SIG_SETMASK, &before, NULL);
    __tsan_release(s->stack_lo);
#endif
#if WEFT__SAN_VALGRIND
    VALGRIND_STACK_DEREGISTER(s->valgrind_id);
#endif
    weft__san_show();
}

/* What this context has done so far is seen by whoever acquires `at` next: for a lock that another
 * context will drop on its behalf. */
WEFT__SAN_INLINE void weft__san_release(void *at)
{
    (void)at;
#if WEFT__SAN_THREAD
    __tsan_release(at);
#endif
}

/* The other side of weft__san_release. */
WEFT__SAN_INLINE void weft__san_acquire(void *at)
{
    (void)at;
#if WEFT__SAN_THREAD
    __tsan_acquire(at);
#endif
}

/* The handlers of the signals that have found this context running have run. */
WEFT__SAN_INLINE void weft__san_hear(void)
{
#if WEFT__SAN_THREAD
    /* any call that TSan knows, and the compiler does not; those of the system cost too much */
    int (*volatile compare)(const void *, const void *, size_t) = memcmp;
    (void)compare("", "", 0);
#endif
}

/* Right before the switch; `last` if `from` will never be resumed. */
WEFT__SAN_INLINE void weft__san_leave(struct weft__san *from, struct weft__san *to, bool last)
{
    (void)from;
    (void)to;
    (void)last;
#if WEFT__SAN_ADDRESS
    __sanitizer_start_switch_fiber(last ? NULL : &from->fake_stack, to->stack_lo, to->stack_size);
#endif
#if WEFT__SAN_THREAD
    weft__san_hide();
    void *fiber = to->fiber;
    if (last) {
        __tsan_release(from->stack_lo);
    }
    weft__san_show();
    weft__san_hear();
    __tsan_switch_to_fiber(fiber, __tsan_switch_to_fiber_no_sync);
#endif
}

/* Right after the switch, by the context that was switched to, about itself. */
WEFT__SAN_INLINE void weft__san_arrive(struct weft__san *self)
{
    (void)self;
#if WEFT__SAN_ADDRESS
    __sanitizer_finish_switch_fiber(self->fake_stack, NULL, NULL);
#endif
}

#endif
