/* log.h - one line on the standard error, in one write.
 *
 * For what the operator of a program must know and no caller can be told: a limit reached, a task
 * that holds its worker.  An error that is returned is not logged too.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_BASE_LOG_H
#define WEFT_BASE_LOG_H

#include "base/atomic.h"

/* One per place that logs: it admits `per_second` lines in each second, and says with the next
 * line it lets through how many it kept back. */
struct weft__log_limit {
    uint32_t per_second;
    ATOMIC(uint32_t) count; /* lines in this second */
    ATOMIC(uint64_t) dropped;
    ATOMIC(int64_t) since_ns; /* when this second began */
};

#define WEFT_LOG_LIMIT(n)                                                                          \
    {                                                                                              \
        (n), 0, 0, 0                                                                               \
    }

/* Never parks.  "weft: ..." and a newline; cut at about a thousand bytes. */
void weft__log(const char *fmt, ...) WEFT_PRINTF(1, 2);

/* Never parks.  The same, within the limit. */
void weft__log_limited(struct weft__log_limit *limit, const char *fmt, ...) WEFT_PRINTF(2, 3);

/* The time is given, so that a test need not wait: admits this line?  If so *ret_dropped is how
 * many were kept back before it. */
bool weft__log_admit(struct weft__log_limit *limit, int64_t now_ns, uint64_t *ret_dropped);

#endif
