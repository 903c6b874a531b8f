/* uring_request.h - what an operation says to the kernel's ring; see uring_request.c.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_IO_URING_REQUEST_H
#define WEFT_IO_URING_REQUEST_H

#include "base/sysring.h"
#include "io/op.h"

/* Never sleep.  Write a request, all but its user_data: for the operation (is_unready: it was tried
 * just now, in vain); that waits until it is worth trying; for an open that may wait as it likes.
 */
void weft__uring_fill(struct io_uring_sqe *sqe, const struct weft__io_op *op, bool is_unready);
void weft__uring_fill_poll(struct io_uring_sqe *sqe, const struct weft__io_op *op);
void weft__uring_fill_open(struct io_uring_sqe *sqe, const struct weft__io_op *op);

/* Never sleeps.  A send for which room must be waited for before it is asked for again. */
bool weft__uring_is_packet(const struct weft__io_op *op);

/* Never sleeps.  The kernel says -EAGAIN: is that because it was told not to wait?  Then the
 * descriptor has to be waited for. */
bool weft__uring_must_poll(const struct weft__io_op *op);

/* Never sleeps.  An open failed at its first attempt because a FIFO has no reader: it must be made
 * by weft__uring_fill_open, which waits for one. */
bool weft__uring_must_open(const struct weft__io_op *op, ssize_t result);

/* Never sleeps.  The operation by a plain system call, if that is likely to be the shortest way.
 * -EAGAIN: it is the ring's, and *ret_tried says whether it was tried in vain. */
ssize_t weft__uring_try(struct weft__io_op *op, bool *ret_tried);

/* Never sleeps.  What is to be known of the descriptor next time. */
void weft__uring_learn(struct weft__io_op *op, ssize_t result, uint32_t cqe_flags);

#endif
