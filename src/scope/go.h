/* go.h - starting a task in a scope, for the files of this room.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_SCOPE_GO_H
#define WEFT_SCOPE_GO_H

#include "core/task.h"
#include "scope/scope.h"

/* Never sleeps.  The caller is inside.  0 or a code of weft_go_with. */
int weft__go(struct weft__thread *self, struct weft__scope *s,
             const struct weft__birth_request *request);

#endif
