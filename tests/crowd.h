/* crowd.h - a few OS threads that begin together and are joined.
 *
 * For stress tests of what lies below the tasks.  The threads wait for each other before they
 * begin, so that a short body meets the others at all.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_TESTS_CROWD_H
#define WEFT_TESTS_CROWD_H

#include "base/atomic.h"
#include "base/sys.h"
#include "tests/test.h"

enum { CROWD_MAX = 8 };

struct crowd {
    void (*body)(size_t index, void *arg);
    void *arg;
    size_t size;
    ATOMIC(size_t) arrived;
    ATOMIC(size_t) named;
};

static inline void *crowd_member(void *arg)
{
    struct crowd *c = arg;
    size_t index = a_add(&c->named, 1, relaxed);

    a_add(&c->arrived, 1, acq_rel);
    while (a_load(&c->arrived, acquire) < c->size)
        weft__sys_yield();
    c->body(index, c->arg);
    return NULL;
}

/* Runs body(0, arg) .. body(size - 1, arg), each in its thread, and waits for all. */
static inline void crowd_run(size_t size, void (*body)(size_t index, void *arg), void *arg)
{
    struct crowd c = {.body = body, .arg = arg, .size = size};
    pthread_t threads[CROWD_MAX];

    EXPECT(size <= CROWD_MAX);
    for (size_t i = 0; i < size; i++)
        EXPECT_EQ(weft__sys_thread_start(crowd_member, &c, 256 * 1024, "crowd", &threads[i]), 0);
    for (size_t i = 0; i < size; i++)
        weft__sys_thread_join(threads[i]);
}

#endif
