/* home.h - where Weft's headers and library are, seen from this very program.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_TOOLS_HOME_H
#define WEFT_TOOLS_HOME_H

#include <stdbool.h>

struct home {
    const char *include; /* the directory that holds weft.h */
    const char *library; /* libweft.a itself */
};

/* Looks under $WEFT_HOME if that is set, else around /proc/self/exe.  False: not found. */
bool home_find(struct home *ret_home);

/* Says that it was not found, and what to do.  Returns OUT_COULD_NOT. */
int home_missing(void);

#endif
