/* signal.h - signals as something that a task receives.
 *
 *     static const int numbers[] = {SIGHUP, SIGUSR1};
 *     weft_signals *signals;
 *     int rc = weft_signals_open(numbers, 2, &signals);
 *     while ((rc = weft_signals_next(signals, &info)) == 0) { ... }
 *     weft_signals_close(signals);
 *
 * While one is open its signals do nothing but this, for the whole process; the former handlers
 * come back when the last that asks for a signal is closed.  Several may ask for the same one: each
 * gets it.  Whoever asks for SIGINT or SIGTERM takes it from weft_run, which then does not cancel.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_SIGNAL_H
#define WEFT_SIGNAL_H

#include <signal.h>

#include "weft/api.h"

WEFT_BEGIN_DECLS

typedef struct weft_signals weft_signals;

typedef struct weft_signal_info {
    int signo;
    uint32_t times;   /* how often it came since it was received last, at least once; but the
                       * kernel itself makes one of several that it has not delivered yet (not of
                       * SIGRTMIN and above) */
    int code;         /* si_code of the last one: SI_USER, CLD_EXITED ... */
    pid_t pid;        /* who sent the last one, if a process did */
    uid_t uid;
    int value;        /* what sigqueue gave it; the exit status, of SIGCHLD */
} weft_signal_info;

/* Never sleeps.
 *
 * 0
 * -WEFT_EINVAL       SIGKILL, SIGSTOP, SIGSEGV and its like, SIGURG (Weft's own), or no signal
 * -WEFT_ENOMEM, -EMFILE
 * -WEFT_ESHUTDOWN    no runtime runs */
WEFT_API WEFT_MUST_USE int weft_signals_open(const int *numbers, size_t n,
                                             weft_signals **ret_signals);

/* Sleeps until one of them has come since it was last told; several have their turns.
 *
 * 0
 * -WEFT_ECANCELED    none was taken
 * -WEFT_ENOMEM       there is no memory to wait with
 *
 * Panics when another task is in it. */
WEFT_API WEFT_MUST_USE int weft_signals_next(weft_signals *signals, weft_signal_info *ret_info);

/* Never sleeps.  NULL is allowed.  Panics when a task still is in weft_signals_next. */
WEFT_API void weft_signals_close(weft_signals *signals);

WEFT_END_DECLS

#endif
