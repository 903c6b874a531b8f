/* proc.h - one child, as spawn.c keeps it and run.c uses it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_PROC_PROC_H
#define WEFT_PROC_PROC_H

#include "base/lock.h"
#include "base/sysproc.h"
#include "weft/proc.h"

struct weft_proc {
    struct weft__lock lock; /* WEFT_RANK_SYNC: all below that changes */
    pid_t pid;
    int pidfd;  /* -1: this system has none */
    int fds[3]; /* our ends of its pipes; -1: none, or taken */
    bool new_group;
    int64_t grace_ns;
    bool has_ended; /* and been reaped: its pid may be another's */
    struct weft__proc_fate fate;
    uint32_t users; /* calls that sleep for it */
};

/* Never sleeps.  Has it ended?  Then it is reaped. */
bool weft__proc_reap(weft_proc *proc);

/* How it ended; it has been reaped. */
void weft__proc_tell(weft_proc *proc, weft_proc_end *ret_end);

/* Sleeps until fd (-1: none) is readable, or perhaps is, or `until` has come on weft_now's clock.
 * 0, or -WEFT_ECANCELED, but not if it is firm. */
int weft__proc_sleep(int fd, int64_t until, bool is_firm, const void *site);

/* Processes are no part of a simulated run. */
bool weft__proc_is_simulated(void);

#endif
