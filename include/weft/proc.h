/* proc.h - other programs: started, talked to, waited for, and never left behind.
 *
 * A weft_proc stands for one child.  Whoever started it closes it; a child that still runs then is
 * ended: SIGTERM, a while of grace, SIGKILL, and it is waited for.  So there are no zombies,
 * whatever way a task leaves.  A child inherits the descriptors it is given, and no others; signals
 * are as a program expects them.
 *
 * There is no timeout: give the scope a deadline.
 *
 *     const char *const argv[] = {"sort", "-u", NULL};
 *     weft_proc_result out;
 *     int rc = weft_proc_run(argv, &(weft_proc_options){.input = text, .input_size = size}, &out);
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_PROC_H
#define WEFT_PROC_H

#include "weft/api.h"

WEFT_BEGIN_DECLS

typedef struct weft_proc weft_proc;

/* What a descriptor of the child is; a number > 0 is a descriptor of the caller's, who may close it
 * when the child has started.  It is made to wait: O_NONBLOCK is taken off it, for all who share
 * it. */
enum weft_proc_stdio {
    WEFT_PROC_INHERIT = -1, /* the caller's own; /dev/null if that is closed or close-on-exec */
    WEFT_PROC_NULL = -2,    /* /dev/null */
    WEFT_PROC_PIPE = -3,    /* a pipe, whose other end weft_proc_fd tells */
    WEFT_PROC_STDOUT = -4,  /* for stderr: where stdout goes */
    WEFT_PROC_DEFAULT = 0   /* weft_proc_start: INHERIT; weft_proc_run: stdin NULL, else PIPE */
};

typedef struct weft_proc_options {
    const char *const *env; /* "NAME=value", NULL at the end; NULL: the caller's */
    const char *dir;        /* where it starts; NULL: where the caller is */
    int in, out, err;       /* enum weft_proc_stdio, or a descriptor (not 0, which is DEFAULT) */
    int64_t grace_ns;       /* between SIGTERM and SIGKILL; 0: 5 s */
    bool new_group;         /* a process group of its own: signals go to all of it, a Ctrl-C does
                             * not, and whoever is left of it is killed with the child */
    /* of weft_proc_run alone: */
    const void *input;      /* what it reads on stdin, if in is DEFAULT */
    size_t input_size;
    size_t output_max;      /* of each of stdout and stderr; 0: 64 MB */
} weft_proc_options;

/* How it ended. */
typedef struct weft_proc_end {
    int exit_code; /* 0 to 255; -1: a signal ended it */
    int signal;    /* 0, or that signal; 0 with exit_code -1: nobody knows */
    bool dumped_core;
    int64_t user_ns, system_ns; /* CPU time of it and its children */
    uint64_t memory_max_bytes;
} weft_proc_end;

/* Sleeps, while the program starts.  argv[0] is looked for in PATH if it has no slash; options may
 * be NULL.
 *
 * 0, or the code for which it could not be started: -ENOENT, -EACCES (also of dir), -EMFILE,
 * -E2BIG, -WEFT_EAGAIN, -WEFT_ENOMEM, -WEFT_EINVAL, -WEFT_ECANCELED */
WEFT_API WEFT_MUST_USE int weft_proc_start(const char *const argv[],
                                           const weft_proc_options *options, weft_proc **ret_proc);

/* Never sleeps. */
WEFT_API pid_t weft_proc_pid(const weft_proc *proc);

/* Never sleeps.  The caller's end of the child's stdin (0), stdout (1) or stderr (2), if that is a
 * pipe; else -EBADF.  It is for weft_read and weft_write: O_NONBLOCK is set.  Closed by
 * weft_proc_close, or by the caller (take = true: it is the caller's from now on). */
WEFT_API int weft_proc_fd(weft_proc *proc, int which, bool take);

/* Sleeps until it has ended.  0, or -WEFT_ECANCELED: it still runs.  Any number of tasks, any
 * number of times. */
WEFT_API WEFT_MUST_USE int weft_proc_wait(weft_proc *proc, weft_proc_end *ret_end);

/* Never sleeps.  0, -ESRCH: it has ended (with new_group: and so have all of its group), -EPERM: it
 * runs with other rights, -WEFT_EINVAL.  Never hits another process of the same pid. */
WEFT_API int weft_proc_signal(weft_proc *proc, int signo);

/* Sleeps until it has ended, helping by SIGTERM, and SIGKILL after the grace.  Not cancelled. */
WEFT_API void weft_proc_stop(weft_proc *proc, weft_proc_end *ret_end);

/* Sleeps if it still runs: stops it.  Closes its pipes before that, and frees; NULL is allowed.
 * Not cancelled.  Panics when others still wait for it. */
WEFT_API void weft_proc_close(weft_proc *proc);

/* ---- in one call ---- */

typedef struct weft_proc_result {
    weft_proc_end end;
    char *out, *err; /* a byte 0 stands behind each; NULL if it was no pipe */
    size_t out_size, err_size;
    bool out_cut, err_cut; /* there was more than output_max: the rest was read and dropped */
} weft_proc_result;

/* Sleeps.  Starts it, feeds its stdin, gathers its stdout and stderr, waits for its end.  That it
 * does not read all of its input is no failure.  Whoever it leaves behind with its pipes is
 * listened to for 100 ms.  Not for tasks with WEFT_STACK_DENSE.
 *
 * 0                  it has ended, whatever its exit code
 * -WEFT_ECANCELED    the scope was cancelled (its deadline passed), and it was stopped as by
 *                    weft_proc_stop, if it had been started; the result says what came until then
 * -WEFT_ENOMEM, -EIO it has ended, but not all that it said could be kept, or read
 * a code             as from weft_proc_start: it did not begin
 *
 * The result is to be freed in any case. */
WEFT_API WEFT_MUST_USE int weft_proc_run(const char *const argv[], const weft_proc_options *options,
                                         weft_proc_result *ret_result);

/* Never sleeps.  May be called again. */
WEFT_API void weft_proc_result_free(weft_proc_result *result);

WEFT_END_DECLS

#endif
