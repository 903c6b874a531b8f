/* depfile.h - the list of files that a compiler says it has read.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_TOOLS_DEPFILE_H
#define WEFT_TOOLS_DEPFILE_H

#include "words.h"

/* Reads what -MD -MF wrote.  0, or a negative code. */
int depfile_read(const char *path, struct words *ret_files);

#endif
