/* census.h - how much stack the tasks of each spawn site really used; asked for by
 * WEFT_STACK_CENSUS=1.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CORE_CENSUS_H
#define WEFT_CORE_CENSUS_H

#include "core/core.h"

void weft__census_start(void);
void weft__census_report(void);

bool weft__census_is_on(void);

/* Around a task's life.  Nothing but a load when the census is off. */
void weft__census_begin(struct weft__runtime *rt, const struct weft__stack *stack);
void weft__census_end(struct weft__runtime *rt, const struct weft__stack *stack,
                      const struct weft__task *task);

#endif
