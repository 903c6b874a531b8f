/* file.h - reading and writing, for the rest of the room.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_IO_FILE_H
#define WEFT_IO_FILE_H

#include "base/base.h"

#define WEFT__FILE_OWN INT64_C(-1) /* an offset: where the open file stands */

/* Sleep.  weft_pread and weft_pwrite, weft_read and weft_write, called from `site`. */
ssize_t weft__file_read(int fd, void *buffer, size_t size, int64_t offset, const void *site);
ssize_t weft__file_write(int fd, const void *buffer, size_t size, int64_t offset,
                         const void *site);

/* Never sleeps, but gives others their turn.  The beginning of a call that moves so many bytes by
 * itself.  0, or -WEFT_ECANCELED. */
int weft__file_begin(size_t size, const void *site);

#endif
