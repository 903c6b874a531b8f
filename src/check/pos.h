/* pos.h - the priorities of partial order sampling, for the strategies that are built over them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_POS_H
#define WEFT_CHECK_POS_H

#include "check/strategy.h"

/* Of the operation that each strand will do next. */
struct weft__pos {
    uint32_t priority[WEFT__STRANDS_MAX];
};

void weft__pos_told(struct weft__pos *pos, const struct weft__strategy_view *view,
                    const struct weft__strand *strand);
void weft__pos_done(struct weft__pos *pos, const struct weft__strategy_view *view,
                    const struct weft__strand *strand);

#endif
