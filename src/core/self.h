/* self.h - which thread am I, and may I touch my seat.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CORE_SELF_H
#define WEFT_CORE_SELF_H

#include "arch/selfword.h"
#include "core/core.h"

/* ThreadSanitizer must not see the look at the word, which for it nothing orders after the thread's
 * beginning; nor that at the task, in calls that do not enter. */
#define WEFT__SELF_INLINE (WEFT__SELFWORD_INLINE && !WEFT_TSAN)

/* Makes the calling thread known, at its first call.  Panics when memory cannot be had. */
struct weft__thread *weft__self_attach(void);

#if WEFT__SELF_INLINE

static inline struct weft__thread *weft__self_or_null(void)
{
    return weft__selfword();
}

/* The calling thread as Weft knows it. */
static inline struct weft__thread *weft__self(void)
{
    struct weft__thread *self = weft__selfword();
    return WEFT_LIKELY(self != NULL) ? self : weft__self_attach();
}

/* The calling task, for calls that do not enter. */
static inline struct weft__task *weft__self_task(void)
{
    return weft__self()->task;
}

/* The same, NULL in a thread that has not called yet. */
static inline struct weft__task *weft__self_task_or_null(void)
{
    const struct weft__thread *self = weft__selfword();
    return WEFT_LIKELY(self != NULL) ? self->task : NULL;
}

#else
struct weft__thread *weft__self_or_null(void);
struct weft__task *weft__self_task_or_null(void);
struct weft__thread *weft__self(void);
struct weft__task *weft__self_task(void);
#endif

/* Where the calling thread's one thread-local word lies: for owntls.c, which copies it. */
struct weft__thread **weft__self_place(void);

void weft__self_bind(struct weft__thread *thread); /* the runtime's own threads; NULL unbinds */

/* Foreign threads parked in a wait of ours now: their number in the low half, and in the high half
 * how often that has changed, so that who looks twice knows what happened in between. */
extern ATOMIC(uint64_t) weft__foreign_parked;
#define WEFT__FOREIGN_CHANGE (UINT64_C(1) << 32)
extern ATOMIC(uint32_t) weft__foreign_seen; /* ever attached */

/* The runtime of this process, NULL outside weft_run. */
extern ATOMIC(struct weft__runtime *) weft__runtime_now;
extern ATOMIC(uint32_t) weft__forked;        /* this process was forked from a running runtime */
extern ATOMIC(uint32_t) weft__enter_fences;  /* 1: no membarrier here, so enter pays a fence */

static inline struct weft__runtime *weft__runtime(void)
{
    return a_load(&weft__runtime_now, acquire);
}

/* From here to leave the thread keeps its seat.  The plain store is ordered against the watchdog's
 * reading by the membarrier in watch_take (or, without that call, by the fence here). */
static inline struct weft__thread *weft__enter(void)
{
    struct weft__thread *self = weft__self();
    weft__san_hide(); /* what is private to a seat or thread has no order that TSan could see */
    a_store(&self->inside, WEFT__INSIDE, relaxed);
    a_compiler_fence();
    if (WEFT_UNLIKELY(a_load(&weft__enter_fences, relaxed))) {
        a_fence(seq_cst);
    }
    return self;
}

/* Pairs with the acquire in watch_take: what was done to the seat is seen by who gets it next. */
static inline void weft__leave(struct weft__thread *self)
{
    a_store(&self->inside, 0, release);
    weft__san_show();
}

static inline struct weft__worker *weft__seat(struct weft__thread *self)
{
    return a_load(&self->seat, acquire);
}

#endif
