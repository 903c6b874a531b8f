/* sysring.h - the door to the kernel's rings (io_uring): making one, and entering it.
 *
 * As sys.h: 0 or a count, or a negative code.  What a ring holds, and who may touch it when, is
 * io/uring.c's business; here are the two mappings, their words, and the three system calls.
 *
 * The words that the kernel writes, or reads while we write, are atomics:
 *
 *     sq_tail   ours:       released after the entry is filled, acquired by the kernel
 *     sq_head   the kernel's: released after it has read the entry, acquired before we fill it anew
 *     cq_tail   the kernel's: released after it has written the entry, acquired before we read it
 *     cq_head   ours:       released after we have read the entry, acquired by the kernel
 *     sq_flags  the kernel's: hints
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_BASE_SYSRING_H
#define WEFT_BASE_SYSRING_H

#include <linux/io_uring.h>

#include "base/atomic.h"

struct weft__sys_ring {
    int fd;
    uint32_t features; /* IORING_FEAT_ */
    uint32_t sq_size, cq_size; /* in entries, powers of two */
    ATOMIC(uint32_t) *sq_head, *sq_tail, *sq_flags, *cq_head, *cq_tail;
    struct io_uring_sqe *sqes;
    const struct io_uring_cqe *cqes;
    void *map; /* both rings; the entries to submit have a mapping of their own */
    size_t map_size, sqes_size;
};

/* A ring with room for so many entries; other threads may enter it, and what completes is told when
 * the thread that submitted it next enters the kernel, without interrupting it.  The child of a
 * fork does not have it.
 *
 * -ENOSYS, -EPERM: forbidden here.  -EINVAL, -WEFT_ENOTSUP: the kernel is too old (before 6.0).
 * -WEFT_ENOMEM, -EMFILE, -ENFILE. */
WEFT_MUST_USE int weft__sys_ring_open(uint32_t sq_size, uint32_t cq_size,
                                      struct weft__sys_ring *ret);

/* What is under way in it is given up, and may still write for a moment. */
void weft__sys_ring_close(struct weft__sys_ring *ring);

/* 0 if the ring can do each of the n IORING_OP_, else -WEFT_ENOTSUP or what the kernel says. */
WEFT_MUST_USE int weft__sys_ring_can(const struct weft__sys_ring *ring, const uint8_t *ops,
                                     size_t n);

/* Never sleeps.  Submits as many entries, and has the kernel tell what has completed.  How many
 * were taken; -EAGAIN, -EBUSY: not now. */
WEFT_MUST_USE int weft__sys_ring_enter(const struct weft__sys_ring *ring, uint32_t submit);

/* Sleeps.  The same, and waits until something has completed, for at most timeout_ns (-1: for
 * ever).  Also -ETIME, and -EINTR, if nothing was to be submitted. */
WEFT_MUST_USE int weft__sys_ring_wait(const struct weft__sys_ring *ring, uint32_t submit,
                                      int64_t timeout_ns);

/* Threads of this process that are the kernel's own, and do for its rings what may wait.  They are
 * counted by weft__sys_thread_count, stay when their work is done, and run no code of ours. */
int weft__sys_ring_threads(void);

/* Never sleeps.  Any thread.  Has the request with these user_data given up; it completes all the
 * same.  0: it will, with -ECANCELED.  -ENOENT: it is not, or no longer, there.  -ETIME: it cannot
 * be stopped at once, and has been asked to. */
int weft__sys_ring_cancel(const struct weft__sys_ring *ring, uint64_t user_data);

#endif
