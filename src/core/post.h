/* post.h - calls posted from anywhere, signal handlers too, for the service thread to make.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CORE_POST_H
#define WEFT_CORE_POST_H

#include "core/core.h"

/* Once per process, before the first runtime. */
void weft__post_init(void);

/* Never sleeps.  Makes the calls that are waiting: the service thread, and at the end the caller of
 * weft_run. */
void weft__post_run(struct weft__runtime *rt);

/* Never sleeps.  Forgets them: the run was given up. */
void weft__post_drop(struct weft__runtime *rt);

#endif
