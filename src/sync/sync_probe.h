/* sync_probe.h - what the tests of this room have in common.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_SYNC_SYNC_PROBE_H
#define WEFT_SYNC_SYNC_PROBE_H

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weft.h>

#include "base/atomic.h"
#include "base/rng.h"
#include "base/time.h"
#include "tests/test.h"

#define PROBE_DAY   10000
#define PROBE_NIGHT 1000000

/* On the virtual clock: returns when everybody else is blocked. */
static inline void probe_settle(void)
{
    EXPECT_EQ(weft_sleep(WEFT_MS), 0);
}

/* Starts fn with a pointer to what arg points to, not a copy of it. */
static inline void probe_go(weft_scope *scope, int (*fn)(void *arg), void *arg)
{
    EXPECT_EQ(weft_go_with(scope, fn, &arg, sizeof arg, NULL), 0);
}

static inline void *probe_arg(void *arg)
{
    return *(void **)arg;
}

/* Lets some time pass, a few hundred nanoseconds at most. */
static inline void probe_dawdle(struct weft__rng *rng)
{
    for (uint64_t n = weft__rng_below(rng, 40); n > 0; n--) {
        a_relax();
    }
}

/* A plain thread that cancels scopes, so that they are cancelled at the very time at which
 * something else is done to their tasks. */
struct probe_canceller {
    pthread_t thread;
    ATOMIC(weft_scope *) box;
    ATOMIC(uint32_t) stop;
};

static inline void *probe_canceller_main(void *arg)
{
    struct probe_canceller *c = arg;
    struct weft__rng rng;
    weft__rng_seed(&rng, 1);
    while (!a_load(&c->stop, acquire)) {
        weft_scope *scope = a_load(&c->box, acquire);
        if (scope) {
            probe_dawdle(&rng);
            weft_scope_cancel(scope);
            a_store(&c->box, NULL, release);
        } else {
            sched_yield();
        }
    }
    return NULL;
}

static inline void probe_canceller_start(struct probe_canceller *c)
{
    *c = (struct probe_canceller){.box = NULL};
    EXPECT_EQ(pthread_create(&c->thread, NULL, probe_canceller_main, c), 0);
}

static inline void probe_canceller_stop(struct probe_canceller *c)
{
    a_store(&c->stop, 1, release);
    EXPECT_EQ(pthread_join(c->thread, NULL), 0);
}

/* By day a race goes on for so many rounds or for two seconds, whichever comes first: on a machine
 * with more to do, each round may cost a turn of the system's scheduler.  Without `since` (0) it is
 * no race, and all rounds are made. */
static inline bool probe_goes_on(int i, int rounds, int64_t since)
{
    bool is_in_time = !since || test_is_night() || weft__time_now() - since < 2 * WEFT_SECOND;
    return i < rounds && is_in_time;
}

/* Cancels the scope soon. */
static inline void probe_canceller_aim(struct probe_canceller *c, weft_scope *scope)
{
    a_store(&c->box, scope, release);
}

/* Returns when it has. */
static inline void probe_canceller_await(struct probe_canceller *c)
{
    while (a_load(&c->box, acquire)) {
        (void)weft_yield();
    }
}

/* Reads to the end, and closes. */
static inline void probe_read_all(int fd, char *text, size_t size)
{
    size_t length = 0;
    ssize_t n;
    while (length + 1 < size && (n = read(fd, text + length, size - 1 - length)) > 0) {
        length += (size_t)n;
    }
    text[length] = '\0';
    close(fd);
}

/* Runs body in a process of its own and returns its wait status; what it wrote on stderr is in
 * text. */
static inline int probe_capture(void (*body)(void), char *text, size_t size)
{
    int ends[2], status = 0;
    EXPECT_EQ(pipe(ends), 0);
    pid_t pid = fork();
    EXPECT(pid >= 0);
    if (pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        body();
        _exit(0);
    }
    close(ends[1]);
    probe_read_all(ends[0], text, size);
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    return status;
}

static inline void probe_said(const char *text, const char *part)
{
    if (!strstr(text, part)) {
        test_fail(__FILE__, __LINE__, "expected \"%s\" in: %s", part, text);
    }
}

/* The body must abort, and name both places. */
static inline void probe_panics(void (*body)(void), const char *what, const char *first_site,
                                const char *second_site)
{
    static char text[16384];
    int status = probe_capture(body, text, sizeof text);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT) {
        test_fail(__FILE__, __LINE__, "expected an abort, got status %#x: %s", (unsigned)status,
                  text);
    }
    probe_said(text, what);
    probe_said(text, first_site);
    probe_said(text, second_site);
}

#endif
