/* probe.h - tasks that sleep, clean up or count, and tell what happened to them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_TESTS_PROBE_H
#define WEFT_TESTS_PROBE_H

#include <string.h>
#include <weft.h>

#include "base/atomic.h"
#include "tests/test.h"

/* A timer fires in the first tick at or after its time, so times are met within a few ticks. */
#define EXPECT_TOOK(start, ns)                    \
    do {                                          \
        int64_t took_ = weft_now() - (start);     \
        EXPECT(took_ >= (ns));                    \
        EXPECT(took_ < (ns) + WEFT_MS);           \
    } while (0)

/* Does the calling task run a piece that it has taken from another one? */
static inline bool probe_is_stolen(void)
{
    return strcmp(weft_task_name(), "piece") == 0;
}

struct probe {
    int64_t ns;      /* how long to sleep */
    int code;        /* what to return when the sleep was not cut short */
    int *ret_rc;     /* what the sleep said; or NULL */
    int64_t *ret_at; /* when it was over; or NULL */
};

static inline int probe_sleep(void *arg)
{
    const struct probe *p = arg;
    int rc = weft_sleep(p->ns);
    if (p->ret_rc) {
        *p->ret_rc = rc;
    }
    if (p->ret_at) {
        *p->ret_at = weft_now();
    }
    return rc < 0 ? rc : p->code;
}

/* Sleeps; when it is cut short it cleans up for clean_ns under a shield, then returns code. */
struct tidy_probe {
    int64_t ns, clean_ns;
    int code;
    int64_t *ret_at;
};

static inline int probe_clean_up(void *arg)
{
    const struct tidy_probe *p = arg;
    weft_scope shield;
    int rc = weft_sleep(p->ns);
    if (rc == 0) {
        return 0;
    }
    weft_scope_open_with(&shield, &(weft_scope_options){.shield = true});
    EXPECT_EQ(weft_sleep(p->clean_ns), 0);
    EXPECT_EQ(weft_scope_close(&shield), 0);
    EXPECT_EQ(weft_sleep(1), -WEFT_ECANCELED);
    if (p->ret_at) {
        *p->ret_at = weft_now();
    }
    return p->code;
}

static inline int probe_nothing(void *arg)
{
    (void)arg;
    return 0;
}

/* Adds one to the counter that the argument points to. */
static inline int probe_count(void *arg)
{
    a_add(*(ATOMIC(int) **)arg, 1, relaxed);
    return 0;
}

static inline int probe_return(void *arg)
{
    return *(int *)arg;
}

#endif
