/* block.h - calls that may block in the kernel.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_BLOCK_H
#define WEFT_CHECK_BLOCK_H

#include "check/preload/preload.h"

struct pollfd;

enum weft__block_end {
    WEFT__BLOCK_READY,
    WEFT__BLOCK_TIMED_OUT,
    WEFT__BLOCK_INTERRUPTED /* a signal handler is due; to be run by the caller */
};

/* A strand that waits for the kernel; lies on its stack. */
struct weft__block_wait {
    enum weft__op op;
    uintptr_t object;
    int64_t deadline;   /* virtual; WEFT__NO_DEADLINE */
    bool (*ready)(const struct weft__block_wait *wait); /* asks the kernel, changes nothing */
    const void *arg;
    struct pollfd *fds; /* what makes it ready; n_fds 0: only asking again tells */
    unsigned long n_fds;
    bool inside;        /* nobody outside the program can make it ready */
    bool restarts;      /* signal handlers are run, and it goes on waiting */
    struct weft__block_wait *next;
    struct weft__strand *strand;
};

/* A point, and then waits. */
enum weft__block_end weft__block_until(struct weft__block_wait *wait, uintptr_t pc);

/* For the executor: see there. */
bool weft__block_look(bool wait);

/* Something was written, closed, sent: whoever waits asks again. */
void weft__block_news(void);

/* Before libc reads from the descriptor by itself: waits until that would not block. */
void weft__block_readable(int fd, uintptr_t pc);

/* ---- for the calls in polls.c and waits.c ---- */

static inline bool weft__block_controlled(uintptr_t pc)
{
    return weft__engine != NULL && weft__busy == 0 && !weft__is_libc(pc);
}

/* libc's poll and fcntl. */
int weft__block_poll(struct pollfd *fds, unsigned long n, int timeout_ms);
int weft__block_fcntl(int fd, int command, void *arg);

/* A predicate: poll says so. */
bool weft__block_polled(const struct weft__block_wait *wait);

/* Can nobody outside the program touch its other end? */
bool weft__block_is_inside(int fd);

/* What stands for the descriptor among the objects. */
uintptr_t weft__block_channel(int fd);

/* A descriptor is about to be closed, and with it locks on its file may go. */
void weft__block_closing_file(void);

/* A process that the program made has ended, and was waited for. */
void weft__block_reaped(void);

/* The program has made another process: its pipes may be used from outside from now on. */
void weft__block_forked(void);

#endif
