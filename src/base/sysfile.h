/* sysfile.h - the door to what the kernel does between two files.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_BASE_SYSFILE_H
#define WEFT_BASE_SYSFILE_H

#include "base/base.h"

/* Copies at most n bytes of the file `from`, at offset, to the descriptor `to`, within the kernel.
 * How many; 0: the file ends there.  -EAGAIN: `to` would wait, and is set not to.  -EINVAL: not
 * between these two.  May wait for the disk.  Raises no SIGPIPE. */
WEFT_MUST_USE ssize_t weft__sys_sendfile(int to, int from, int64_t offset, size_t n);

/* A FIFO that was opened for reading and does not wait.  1: somebody has opened it for writing.
 * 0: nobody has.  Takes nothing out of it. */
WEFT_MUST_USE int weft__sys_fifo_has_writer(int fd);

#endif
