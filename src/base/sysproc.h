/* sysproc.h - the door to the kernel's processes.
 *
 * As sys.h: 0 or a descriptor, or a negative code; an interrupted call is repeated.  All
 * descriptors that come from here are close-on-exec.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_BASE_SYSPROC_H
#define WEFT_BASE_SYSPROC_H

#include "base/base.h"

/* In the place of a descriptor of ours. */
enum weft__proc_source {
    WEFT__PROC_SOURCE_NULL = -1,  /* /dev/null */
    WEFT__PROC_SOURCE_STDOUT = -2 /* for stderr: what stdout has become */
};

/* What a program is started with. */
struct weft__proc_order {
    const char *const *argv;
    const char *const *env; /* NULL: this process's */
    const char *dir;        /* NULL: this process's */
    int sources[3];         /* of its stdin, stdout, stderr: our descriptors, of which those below 3
                             * stay what they are, or enum weft__proc_source */
    bool new_group;
};

/* How a process has ended. */
struct weft__proc_fate {
    int exit_code; /* -1: it did not exit */
    int signal;    /* 0, or the one that ended it; 0 and -1: nobody knows */
    bool dumped_core;
    int64_t user_ns, system_ns;
    uint64_t memory_max_bytes;
};

/* Sleeps until the program has begun, or could not: some 50 us.  It has no descriptors but the
 * three, no signal blocked or handled, and SIGPIPE as usual; signals that this process ignores it
 * ignores too. */
WEFT_MUST_USE int weft__sys_proc_start(const struct weft__proc_order *order, pid_t *ret_pid);

/* Of a child that nobody has waited for.  -ENOSYS before Linux 5.3, and where it is forbidden. */
WEFT_MUST_USE int weft__sys_pidfd_open(pid_t pid);

/* Never sleeps.  1: it has ended, and *ret_fate says how; it is no more.  0: it still runs.
 * `pidfd` may be -1. */
int weft__sys_proc_reap(pid_t pid, int pidfd, struct weft__proc_fate *ret_fate);

/* Never sleep.  To the process, or to all that are left of its group.  Of a child that has been
 * reaped `pid` is 0: then only the descriptor is left to name it.  -ESRCH: there is none. */
int weft__sys_proc_signal(pid_t pid, int pidfd, int signo);
int weft__sys_proc_signal_group(pid_t pid, int pidfd, int signo);

/* May a program inherit it?  If it is open, and not close-on-exec. */
bool weft__sys_is_inheritable(int fd);

/* Another descriptor of the same file, of a number above 2. */
WEFT_MUST_USE int weft__sys_dup_above(int fd);

/* The signal, which the calling thread blocks, if it waits for that. */
void weft__sys_forget_signal(int signo);

/* As weft__sys_write, to what may be a pipe without a reader: -EPIPE, and no SIGPIPE. */
WEFT_MUST_USE ssize_t weft__sys_write_unsignalled(int fd, const void *buf, size_t n);

#endif
