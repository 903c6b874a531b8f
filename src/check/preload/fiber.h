/* fiber.h - threads without kernel threads: their memory, and the move from one to the other.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_FIBER_H
#define WEFT_CHECK_FIBER_H

#include <pthread.h>

#include "arch/ctx.h"
#include "check/preload/preload.h"

enum weft__thread_state {
    WEFT__THREAD_NONE,  /* no thread has this fiber */
    WEFT__THREAD_LIVE,
    WEFT__THREAD_ENDED, /* to be joined */
    WEFT__THREAD_GONE   /* joined, or ended and detached: its pthread_t means nothing any more */
};

/* The pthread that runs on a fiber, or did last; the strand's `user`. */
struct weft__thread {
    struct weft__strand *strand;
    void *(*fn)(void *);
    int (*fn_c11)(void *);
    void *arg, *result;
    uint8_t state;       /* enum weft__thread_state */
    bool detached;
    bool is_joined;      /* somebody is in a join */
    bool cancel_wanted, cancel_off, cancel_async;
    /* in a wait for a condition */
    bool signalled;
    uint16_t wait_next;  /* the strand that came next */
    /* woken without a signal, and nobody has moved: does it wait again? */
    uintptr_t loop_cond, loop_pc;
    uint32_t loop_points; /* since then */
};

struct weft__fiber {
    struct weft__ctx ctx;
    uintptr_t tp;         /* the thread pointer: its libc's descriptor, and its pthread_t */
    uintptr_t start;      /* a context may begin here and grow down */
    uintptr_t low, high;  /* stack and descriptor */
    void *image;          /* [start of the descriptor, high) as it was at first */
    size_t image_size;
    int busy;             /* weft__busy of the strand that is away */
    bool is_free, was_used;
    struct weft__thread thread; /* thread_calls.c's */
};

static inline struct weft__fiber *weft__fiber_under(struct weft__thread *thread)
{
    return container_of(thread, struct weft__fiber, thread);
}

/* The calling thread becomes the main fiber.  Before any other call. */
void weft__fibers_init(void);

/* Makes sure that n fibers besides the main one are there.  To be called where real threads can be
 * had: in the server.  Fewer if the system refuses. */
void weft__fibers_grow(uint32_t n);

/* Most fibers that were in use at once, besides the main one. */
uint32_t weft__fibers_used(void);

struct weft__fiber *weft__fiber_main(void);

/* A free one, as a new thread would find it; one is made if there is none, or none that suits attr
 * (may be NULL).  NULL: the system refuses. */
struct weft__fiber *weft__fiber_take(const pthread_attr_t *attr);

/* Its strand has ended, or will do nothing more on it than to move away. */
void weft__fiber_give(struct weft__fiber *fiber);

/* Whose pthread_t is that?  NULL: none of ours. */
struct weft__fiber *weft__fiber_of(pthread_t thread);

/* Its pthread_t. */
pthread_t weft__fiber_thread(const struct weft__fiber *fiber);

#define WEFT__FIBERS_MAX (WEFT__STRANDS_MAX + 1)

/* It will call entry(arg), which must not return, when it is first moved to. */
void weft__fiber_start(struct weft__fiber *fiber, void (*entry)(void *), void *arg);

void weft__fiber_move(struct weft__fiber *from, struct weft__fiber *to);

#endif
