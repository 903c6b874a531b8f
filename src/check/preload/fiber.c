/* fiber.c - threads without kernel threads.
 *
 * A pthread program expects of each thread a stack, thread-local memory and a descriptor of libc's
 * (errno, pthread_self, the keys), but not that the kernel knows of it.  So real threads are made,
 * in the server, before the fork: each notes where its descriptor is and sleeps for ever.  fork
 * leaves the kernel threads behind and takes the memory along.  In the child the memory is taken
 * over: to move to a thread is to save the registers, set the thread pointer, load the registers.
 *
 *   low                            start                     tp                     high
 *    | guard | the strand's stack   | the sleeper's frames | descriptor, locals      |
 *
 * When the pool is too small, another thread is made in the child itself, where it costs a few
 * times as much; its kernel thread sleeps on, with all signals blocked, and has nothing below
 * `start`.  The server hears of it and has a larger pool next time.
 *
 * A fiber whose strand has ended and was joined serves again; then the image of the descriptor and
 * of the thread-local memory is put back, as libc does for a stack from its cache.
 *
 * Rejected: a helper thread for each descriptor and swapcontext (two system calls for each switch);
 * making up a descriptor ourselves (its layout is libc's secret).
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/preload/fiber.h"

#include <signal.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/sys.h"

#define FIBER_STACK_MIN ((size_t)256 << 10)
#define FIBER_STACK_MAX ((size_t)8 << 20)
#define FIBER_FRAMES    2048 /* for the sleeper's own frames, where its kernel thread lives on */
#define FIBER_FRAMES_ASLEEP 64 /* ... and where it is left behind by the fork */
#define FIBER_REGION    ((size_t)2 << 20) /* what one page of the page table maps */

typedef int fiber_create_call(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

static struct weft__fiber *fibers;        /* WEFT__FIBERS_MAX; the first of them in one page */
static uint32_t fiber_count;              /* with the main one */
static uint32_t fibers_in_use, fibers_in_use_max;
static size_t fiber_stack_size;
static size_t fiber_frames = FIBER_FRAMES_ASLEEP;
static ATOMIC(uint32_t) fiber_captured;   /* how many have gone to sleep */

/* ---- the thread pointer ---- */

#if defined(__x86_64__)

#include <asm/prctl.h>

#define FIBER_DTV 1 /* the word of the descriptor's head that libc may replace */

static bool fiber_has_wrfsbase;

static void fiber_tp_init(void)
{
    fiber_has_wrfsbase = (getauxval(AT_HWCAP2) & 2) != 0;
}

static inline void fiber_tp_set(uintptr_t tp)
{
    if (WEFT_LIKELY(fiber_has_wrfsbase)) {
        __asm__ volatile("wrfsbase %0" : : "r"(tp) : "memory");
    } else {
        long rc = SYS_arch_prctl; /* not by libc, which would look for errno in between */
        __asm__ volatile("syscall"
                         : "+a"(rc)
                         : "D"((long)ARCH_SET_FS), "S"(tp)
                         : "rcx", "r11", "memory");
        WEFT_CHECK(rc == 0);
    }
}

#elif defined(__aarch64__)

#define FIBER_DTV 0

static void fiber_tp_init(void)
{
}

static inline void fiber_tp_set(uintptr_t tp)
{
    __asm__ volatile("msr tpidr_el0, %0" : : "r"(tp) : "memory");
}

#endif

/* ---- making them ---- */

/* libc's pthread_t is the address of the descriptor: on x86-64 that is the thread pointer, on
 * aarch64 a constant below it. */
static ptrdiff_t fiber_handle_offset;

void weft__fibers_init(void)
{
    void *memory;
    int rc = weft__sys_map(WEFT__FIBERS_MAX * sizeof *fibers, &memory);

    WEFT_CHECK(rc == 0);
    fibers = memory;
    struct weft__fiber *main_fiber = &fibers[0];
    fiber_tp_init();
    main_fiber->tp = (uintptr_t)__builtin_thread_pointer();
    fiber_handle_offset = (ptrdiff_t)((uintptr_t)pthread_self() - main_fiber->tp);
    main_fiber->was_used = true;
    fiber_count = 1;
    fibers_in_use = fibers_in_use_max = 0;
    if (weft__sys_thread_stack((void **)&main_fiber->low, &main_fiber->high) < 0)
        main_fiber->low = main_fiber->high = 0;
    main_fiber->high += main_fiber->low;
    pthread_attr_t attr;
    size_t size = FIBER_STACK_MAX;
    if (pthread_getattr_default_np(&attr) == 0) {
        (void)pthread_attr_getstacksize(&attr, &size);
        (void)pthread_attr_destroy(&attr);
    }
    size = (size + 0xffff) & ~(size_t)0xffff;
    fiber_stack_size = weft__min(weft__max(size, FIBER_STACK_MIN), FIBER_STACK_MAX);
}

/* The thread's whole life.  It is on its own descriptor and stack, which others take over; it must
 * not come back into user space. */
static void *fiber_capture(void *arg)
{
    struct weft__fiber *fiber = arg;
    uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
    ATOMIC(uint32_t) never = 0;

    fiber->tp = (uintptr_t)__builtin_thread_pointer();
    fiber->start = (frame - fiber_frames) & ~(uintptr_t)15;
    fiber->image_size = fiber->high - frame;
    if (weft__sys_map(fiber->image_size, &fiber->image) == 0)
        memcpy(fiber->image, (void *)frame, fiber->image_size);
    else
        fiber->image = NULL; /* then it serves once */
    a_add(&fiber_captured, 1, release);
    (void)weft__sys_futex_wake(&fiber_captured, 1);
    for (;;)
        (void)weft__sys_futex_wait(&never, 0, -1);
    return NULL;
}

/* Starts the kernel thread of a fiber whose low and high are known, and waits until it sleeps. */
static int fiber_make(struct weft__fiber *fiber, const pthread_attr_t *attr)
{
    static fiber_create_call *create;
    uint32_t before = a_load(&fiber_captured, acquire);
    sigset_t all, old;
    pthread_t thread;

    (void)sigfillset(&all);
    weft__sys_sigmask(SIG_SETMASK, &all, &old);
    int rc = WEFT__REAL(create, "pthread_create")(&thread, attr, fiber_capture, fiber);
    weft__sys_sigmask(SIG_SETMASK, &old, NULL);
    if (rc != 0)
        return -rc;
    while (a_load(&fiber_captured, acquire) == before)
        (void)weft__sys_futex_wait(&fiber_captured, before, -1);
    fiber->is_free = true;
    fiber->was_used = false;
    fiber->busy = 0;
    return 0;
}

static int fiber_make_in(struct weft__fiber *fiber, uintptr_t low, size_t size)
{
    pthread_attr_t attr;

    fiber->low = low;
    fiber->high = low + size;
    int rc = pthread_attr_init(&attr);
    if (rc == 0)
        rc = pthread_attr_setstack(&attr, (void *)low, size);
    rc = rc == 0 ? fiber_make(fiber, &attr) : -rc;
    (void)pthread_attr_destroy(&attr);
    return rc;
}

/* n stacks in one mapping.  The guard of each and the top of the one below share a page of the page
 * table, which is what fork pays for. */
static int fiber_make_many(uint32_t n)
{
    size_t page = weft__sys_page_size(), total = n * fiber_stack_size + 2 * FIBER_REGION;
    void *memory;
    int rc = weft__sys_map(total, &memory);

    if (rc < 0)
        return rc;
    weft__sys_no_huge_pages(memory, total);
    uintptr_t low = ((uintptr_t)memory + FIBER_REGION) & ~(FIBER_REGION - 1);
    low += FIBER_REGION / 2;
    for (uint32_t i = 0; i < n && rc == 0; i++, low += fiber_stack_size) {
        if (weft__sys_guard_install((void *)low, page) < 0)
            rc = weft__sys_protect_none((void *)low, page);
        if (rc == 0)
            rc = fiber_make_in(&fibers[fiber_count], low + page, fiber_stack_size - page);
        if (rc == 0)
            fiber_count++;
    }
    return rc;
}

void weft__fibers_grow(uint32_t n)
{
    n = weft__min(n, (uint32_t)WEFT__FIBERS_MAX - 1);
    if (n + 1 > fiber_count)
        (void)fiber_make_many(n + 1 - fiber_count);
}

/* A stack that the program gives itself is not used but for its size: it may be freed after the
 * join, and libc's descriptor would lie in it. */
static size_t fiber_wanted_size(const pthread_attr_t *attr)
{
    size_t size = 0;

    if (attr != NULL)
        (void)pthread_attr_getstacksize(attr, &size);
    return size;
}

/* In the child: one more, of the size that the program wishes. */
static struct weft__fiber *fiber_make_one(const pthread_attr_t *attr)
{
    struct weft__fiber *fiber = &fibers[fiber_count];
    size_t page = weft__sys_page_size(), size = fiber_wanted_size(attr);
    void *stack;

    if (fiber_count == WEFT__FIBERS_MAX)
        return NULL;
    fiber_frames = FIBER_FRAMES;
    size = (weft__max(size, fiber_stack_size) + 0xffff) & ~(size_t)0xffff;
    if (weft__sys_map(size, &stack) < 0)
        return NULL;
    weft__sys_no_huge_pages(stack, size);
    int guarded = weft__sys_guard_install(stack, page);
    WEFT_CHECK(guarded == 0 || weft__sys_protect_none(stack, page) == 0);
    if (fiber_make_in(fiber, (uintptr_t)stack + page, size - page) < 0) {
        weft__sys_unmap(stack, size);
        return NULL;
    }
    fiber_count++;
    return fiber;
}

/* ---- using them ---- */

struct weft__fiber *weft__fiber_main(void)
{
    return &fibers[0];
}

uint32_t weft__fibers_used(void)
{
    return fibers_in_use_max;
}

struct weft__fiber *weft__fiber_of(pthread_t thread)
{
    uintptr_t tp = (uintptr_t)thread - (uintptr_t)fiber_handle_offset;

    for (uint32_t i = 0; i < fiber_count; i++) {
        if (fibers[i].tp == tp)
            return &fibers[i];
    }
    return NULL;
}

pthread_t weft__fiber_thread(const struct weft__fiber *fiber)
{
    return (pthread_t)(fiber->tp + (uintptr_t)fiber_handle_offset);
}

static bool fiber_suits(const struct weft__fiber *fiber, const pthread_attr_t *attr)
{
    size_t size = fiber_wanted_size(attr);

    return size <= fiber_stack_size || size <= fiber->high - fiber->low;
}

/* As at first, but for the vector of dynamic thread-local memory, which may have been moved. */
static void fiber_restore(struct weft__fiber *fiber)
{
    uintptr_t *head = (uintptr_t *)fiber->tp, dtv = head[FIBER_DTV];

    memcpy((void *)(fiber->high - fiber->image_size), fiber->image, fiber->image_size);
    head[FIBER_DTV] = dtv;
}

struct weft__fiber *weft__fiber_take(const pthread_attr_t *attr)
{
    struct weft__fiber *found = NULL;

    /* A fresh one first: then a stale pthread_t stays stale for longer. */
    for (uint32_t i = 1; i < fiber_count; i++) {
        struct weft__fiber *fiber = &fibers[i];
        if (!fiber->is_free || !fiber_suits(fiber, attr))
            continue;
        if (found == NULL || (found->was_used && !fiber->was_used))
            found = fiber;
        if (!found->was_used)
            break;
    }
    if (found == NULL)
        found = fiber_make_one(attr);
    if (found == NULL)
        return NULL;
    if (found->was_used)
        fiber_restore(found);
    found->is_free = false;
    found->was_used = true;
    fibers_in_use++;
    fibers_in_use_max = weft__max(fibers_in_use_max, fibers_in_use);
    return found;
}

void weft__fiber_give(struct weft__fiber *fiber)
{
    WEFT_CHECK(!fiber->is_free);
    if (fiber == &fibers[0] || fiber->image == NULL)
        return;
    fiber->is_free = true;
    fibers_in_use--;
}

void weft__fiber_start(struct weft__fiber *fiber, void (*entry)(void *), void *arg)
{
    weft__ctx_make(&fiber->ctx, (void *)fiber->start, entry, arg);
    fiber->busy = 0;
}

WEFT_NOINLINE void weft__fiber_move(struct weft__fiber *from, struct weft__fiber *to)
{
    from->busy = weft__busy;
    weft__busy = to->busy;
    fiber_tp_set(to->tp);
    (void)weft__ctx_switch(&from->ctx, &to->ctx, NULL);
}
