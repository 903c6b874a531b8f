/* mutex.h - what a condition and a recursive mutex need of a mutex.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_SYNC_MUTEX_H
#define WEFT_SYNC_MUTEX_H

#include "core/core.h"
#include "weft/sync.h"

/* Never sleeps.  Panics, naming the holder, unless the task holds it. */
void weft__mutex_check_held(const weft_mutex *mutex, const struct weft__task *task,
                            const char *call, const char *label, const void *site);

/* Never sleeps.  Lets go of it, the task holding it.  Returns a task that the caller must make
 * ready (it is inside), or NULL. */
struct weft__task *weft__mutex_let_go(weft_mutex *mutex, const struct weft__task *task);

/* Sleeps.  Takes it, cancelled or not.  The caller is inside. */
void weft__mutex_retake(weft_mutex *mutex, struct weft__thread **self, const void *site);

/* As the public calls, for one of another name. */
int weft__mutex_lock(weft_mutex *mutex, const char *call, const void *site);
int weft__mutex_try_lock(weft_mutex *mutex, const void *site);
void weft__mutex_unlock(weft_mutex *mutex, const char *call, const void *site);
void weft__mutex_fini(const weft_mutex *mutex, const char *call, const void *site);

/* NULL: nobody.  Another one's answer may be old at once; one's own is not. */
const struct weft__task *weft__mutex_holder(const weft_mutex *mutex);

#endif
