/* local.h - values that belong to a task and go on to its children.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CORE_LOCAL_H
#define WEFT_CORE_LOCAL_H

struct weft__locals;

/* Never sleep.  NULL in, NULL out. */
struct weft__locals *weft__locals_ref(struct weft__locals *locals);
void weft__locals_unref(struct weft__locals *locals);

#endif
