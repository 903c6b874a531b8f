/* misc.h - what the server and the child do before main, besides threads and locks.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_MISC_H
#define WEFT_CHECK_MISC_H

#include "check/preload/preload.h"

/* In the server, before the first child: what need not be done in each. */
void weft__misc_prepare(void);

/* The program writes to its standard error.  True: they are the last words of a panic of Weft. */
bool weft__misc_heard(const char *text, size_t size);

/* In the child, before main. */
void weft__misc_start(void);

#endif
