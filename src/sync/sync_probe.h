/* sync_probe.h - what the tests of this room have in common.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_SYNC_SYNC_PROBE_H
#define WEFT_SYNC_SYNC_PROBE_H

#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weft.h>

#include "base/atomic.h"
#include "base/rng.h"
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
