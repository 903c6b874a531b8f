/* core_probe.h - what the tests of this room share: a gate, a captured stderr, patience.
 *
 * Included after tests/test.h.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CORE_CORE_PROBE_H
#define WEFT_CORE_CORE_PROBE_H

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/sys.h"
#include "base/time.h"
#include "core/core.h"
#include "core/self.h"
#include "core/waitq.h"
#include "core/worker.h"
#include "weft/err.h"
#include "weft/run.h"
#include "weft/scope.h"
#include "weft/time.h"

enum { PROBE_TRIES = 20 }; /* for a time that a busy machine may spoil */

/* By what to multiply a limit of time: sanitizers cost, and so do other programs meanwhile. */
static inline int64_t probe_patience(void)
{
    double load = 0;
    bool is_busy = getloadavg(&load, 1) == 1 && load > (double)weft_cpus();
    return (WEFT_ASAN || WEFT_TSAN ? 10 : 1) * (is_busy ? 10 : 1);
}

/* ---- a gate: permits, waited for in order; the smallest user of park.h ---- */

struct probe_gate {
    struct weft__lock lock;
    struct weft__waitq waiters;
    uint32_t permits;
};

static const struct weft__wait_kind probe_gate_kind = {.what = "a gate of the test"};

static inline int probe_gate_wait(struct probe_gate *gate)
{
    struct weft__thread *self = weft__op_begin(WEFT__DEED_LIMITER, gate, NULL);
    struct weft__waiter waiter;
    int rc = 0;
    if (weft__op_cancelled(self)) {
        return weft__op_refuse(self);
    }
    lock_take(&gate->lock);
    if (gate->permits > 0) {
        gate->permits--;
        lock_drop(&gate->lock);
    } else {
        weft__waiter_init(&waiter, self);
        weft__waitq_push(&gate->waiters, &waiter);
        rc = weft__park(&self, &(struct weft__parking){.kind = &probe_gate_kind,
                                                       .object = gate,
                                                       .site = __builtin_return_address(0),
                                                       .lock = &gate->lock});
        if (rc < 0) {
            lock_take(&gate->lock);
            weft__waitq_remove(&gate->waiters, &waiter);
            lock_drop(&gate->lock);
        }
    }
    weft__leave(self);
    return rc;
}

static inline void probe_gate_post(struct probe_gate *gate)
{
    struct weft__thread *self = weft__enter();
    lock_take(&gate->lock);
    struct weft__waiter *waiter = weft__waitq_claim(&gate->waiters);
    if (!waiter) {
        gate->permits++;
    }
    lock_drop(&gate->lock);
    if (waiter) {
        weft__ready(waiter->task);
    }
    weft__leave(self);
}

/* ---- waiting for what another thread does, by its own word ---- */

static inline void probe_await(ATOMIC(uint32_t) *word, uint32_t at_least)
{
    while (a_load(word, acquire) < at_least) {
        sched_yield();
    }
}

/* Until so many foreign threads are parked. */
static inline void probe_await_foreign(uint32_t at_least)
{
    while ((uint32_t)a_load(&weft__foreign_parked, acquire) < at_least) {
        sched_yield();
    }
}

/* ---- stderr ---- */

struct probe_capture {
    int saved, file;
};

static inline struct probe_capture probe_capture_begin(void)
{
    struct probe_capture capture = {dup(STDERR_FILENO), memfd_create("capture", MFD_CLOEXEC)};
    EXPECT(capture.saved >= 0);
    EXPECT(capture.file >= 0);
    EXPECT_EQ(fcntl(capture.file, F_SETFL, O_APPEND), 0);
    EXPECT_EQ(dup2(capture.file, STDERR_FILENO), STDERR_FILENO);
    return capture;
}

/* Waits, for as long as the test may run, until that was written. */
static inline void probe_capture_await(const struct probe_capture *capture, const char *part)
{
    static char text[64 * 1024];
    ssize_t n;
    do {
        sched_yield();
        n = pread(capture->file, text, sizeof text - 1, 0);
        text[n > 0 ? n : 0] = '\0';
    } while (!strstr(text, part));
}

/* What was written since, as a string; also passed on to where it would have gone. */
static inline void probe_capture_end(struct probe_capture *capture, char *text, size_t size)
{
    EXPECT_EQ(dup2(capture->saved, STDERR_FILENO), STDERR_FILENO);
    ssize_t n = pread(capture->file, text, size - 1, 0);
    EXPECT(n >= 0);
    text[n] = '\0';
    close(capture->saved);
    close(capture->file);
    fputs(text, stderr);
}

#define EXPECT_SAYS(text, part)                                                                   \
    (strstr(text, part) ? (void)0                                                                 \
                        : test_fail(__FILE__, __LINE__, "\"%s\" is not in: %s", part, text))

#endif
