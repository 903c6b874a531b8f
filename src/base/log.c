/* log.c - one line on the standard error, in one write.
 *
 * Called from any thread, under any lock.  Takes none itself: one write of less than a page comes
 * out whole.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/log.h"

#include "base/sys.h"
#include "base/text.h"
#include "base/time.h"

enum { LOG_LINE_MAX = 1024 };

static WEFT_PRINTF(2, 0) void log_line(uint64_t dropped, const char *fmt, va_list ap)
{
    char buf[LOG_LINE_MAX];
    struct weft__text text;

    weft__text_init(&text, buf, sizeof buf);
    weft__text_add(&text, "weft: ");
    weft__text_add_va(&text, fmt, ap);
    if (dropped > 0)
        weft__text_add(&text, " (and %llu more before)", (unsigned long long)dropped);
    weft__text_end_line(&text);
    weft__sys_say(text.start, weft__text_len(&text));
}

void weft__log(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    log_line(0, fmt, ap);
    va_end(ap);
}

void weft__log_limited(struct weft__log_limit *limit, const char *fmt, ...)
{
    uint64_t dropped;
    va_list ap;

    if (!weft__log_admit(limit, weft__time_now(), &dropped))
        return;
    va_start(ap, fmt);
    log_line(dropped, fmt, ap);
    va_end(ap);
}

/* Exactly one thread begins a new second: the one whose exchange of since_ns succeeds.  Until it
 * has reset the count the others still see the old one, and keep back rather than let through. */
bool weft__log_admit(struct weft__log_limit *limit, int64_t now_ns, uint64_t *ret_dropped)
{
    int64_t since_ns = a_load(&limit->since_ns, relaxed);
    bool admitted;

    WEFT_CHECK(limit->per_second > 0);
    if (now_ns - since_ns >= WEFT_NS_PER_SECOND &&
        a_cas(&limit->since_ns, &since_ns, now_ns, relaxed, relaxed)) {
        a_store(&limit->count, 1, relaxed);
        admitted = true;
    } else {
        admitted = a_load(&limit->count, relaxed) < limit->per_second &&
                   a_add(&limit->count, 1, relaxed) < limit->per_second;
    }
    if (admitted)
        *ret_dropped = a_xchg(&limit->dropped, 0, relaxed);
    else
        a_add(&limit->dropped, 1, relaxed);
    return admitted;
}
