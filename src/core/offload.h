/* offload.h - the pool of threads that may block.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CORE_OFFLOAD_H
#define WEFT_CORE_OFFLOAD_H

#include "core/park.h"

/* 0 or -WEFT_ENOMEM. */
int weft__offload_start(struct weft__runtime *rt);

/* Sleeps.  Ends the idle threads; those that run an abandoned call end by themselves. */
void weft__offload_stop(struct weft__runtime *rt);

/* Sleeps.  weft_blocking_with, told what to call the sleep in reports. */
int weft__offload(int (*fn)(void *arg), void *arg, const weft_blocking_options *options,
                  const struct weft__wait_kind *kind, const void *site);

void weft__offload_count(struct weft__runtime *rt, uint64_t *ret_threads, uint64_t *ret_peak);

#endif
