/* owntls.h - tasks with thread-local memory of their own (.own_tls).
 *
 * Such a task has a block as the C library makes one for each thread: errno, every __thread
 * variable, malloc's cache, the locale and the keys of pthread_setspecific travel with it from
 * thread to thread.  Blocks outlive their tasks: libc has no way that it shows to outsiders to free
 * all that hangs on one, so they go round, and there are as many as there were such tasks at once.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CORE_OWNTLS_H
#define WEFT_CORE_OWNTLS_H

#include "base/base.h"

struct weft__owntls;
struct weft__thread;

/* Never sleeps.  A block for a task to be.  `place` is where the calling thread's own word of Weft
 * lies (self.c): the block has the same word at the same distance.
 *
 * 0
 * -WEFT_ENOTSUP   another C library than glibc, or one that looks strange; a processor without a
 *                 filling of arch/tls.h; a sanitizer, Valgrind, a program under `weft check`, which
 *                 keep books in thread-locals
 * -WEFT_ENOMEM
 */
WEFT_MUST_USE int weft__owntls_new(struct weft__thread **place, struct weft__owntls **ret);

/* Never sleeps.  The task has ended, or never was.  The caller does not run on the block.  NULL is
 * fine. */
void weft__owntls_free(struct weft__owntls *block);

/* Runs the task's function as a thread's would be: with fresh thread-locals, and at the end the
 * destructors of thread-locals and keys.  The caller runs on the block, and not inside.  Where fn
 * never returns (a contained panic), the destructors are not called. */
int weft__owntls_run(struct weft__owntls *block, int (*fn)(void *), void *arg);

/* The unlikely half of weft__owntls_switch. */
void weft__owntls_change(struct weft__owntls *from, struct weft__owntls *to,
                         struct weft__thread *self);

/* Right before a switch of stacks: the thread `self`, which runs on `from`, will run on `to`; NULL
 * is its own.  Before weft__san_leave. */
static inline void weft__owntls_switch(struct weft__owntls *from, struct weft__owntls *to,
                                       struct weft__thread *self)
{
    if (WEFT_UNLIKELY(from != to)) {
        weft__owntls_change(from, to, self);
    }
}

/* How many blocks exist, and how many of them wait for a task. */
void weft__owntls_count(size_t *ret_made, size_t *ret_idle);

#endif
