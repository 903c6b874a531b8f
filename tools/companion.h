/* companion.h - the libraries beside libweft, for programs that include their headers.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_TOOLS_COMPANION_H
#define WEFT_TOOLS_COMPANION_H

#include "words.h"

/* What the sources must be linked with, to stand before libweft.a; most need nothing.  library:
 * libweft.a itself.  0, or OUT_COULD_NOT: one is not here, and out_error has said so. */
int companion_find(const char *library, const struct words *sources, struct words *ret_libraries);

#endif
