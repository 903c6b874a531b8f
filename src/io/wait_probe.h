/* wait_probe.h - how many operations are under way on a descriptor.
 *
 * The run's own counters do not tell: an operation is not counted if its thread has lost its seat,
 * for instance by being without a CPU for a while.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_IO_WAIT_PROBE_H
#define WEFT_IO_WAIT_PROBE_H

#include "core/self.h"
#include "io/op.h"
#include "tests/test.h"
#include "weft/task.h"

static inline size_t probe_queue_length(struct weft__list *queue)
{
    size_t n = 0;
    LIST_FOR_EACH(queue, it) {
        n++;
    }
    return n;
}

/* Never sleeps.  Those that have begun, or wait for their turn, and are not over. */
static inline size_t probe_waiting(int fd)
{
    struct weft__thread *self = weft__enter();
    struct weft__fd *entry = weft__fd_entry(fd);
    EXPECT(entry != NULL);
    lock_take_object(&entry->lock);
    size_t n = probe_queue_length(&entry->in) + probe_queue_length(&entry->out) +
               probe_queue_length(&entry->polls);
    lock_drop(&entry->lock);
    weft__leave(self);
    return n;
}

/* Returns when so many are. */
static inline void probe_await_waiting(int fd, size_t at_least)
{
    while (probe_waiting(fd) < at_least) {
        EXPECT_EQ(weft_yield(), 0);
    }
}

#endif
