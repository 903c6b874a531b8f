/* plain.h - an operation of a plain OS thread: the system call itself, which blocks that thread.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_IO_PLAIN_H
#define WEFT_IO_PLAIN_H

#include "io/op.h"

/* Sleeps, the OS thread: also on descriptors that are set not to wait. */
ssize_t weft__io_plain(struct weft__io_op *op);

#endif
