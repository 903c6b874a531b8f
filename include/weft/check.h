/* check.h - run code under many schedules, find the one that fails, and run that one again.
 *
 * weft_explore is for unit tests: it runs a function as a Weft program, many times in this process,
 * each time with another order of its tasks.  weft_check_program does what `weft check` does: any
 * program, one child process for each schedule.
 *
 * A schedule that fails is shrunk to as few preemptions as can be found, and comes with a replay
 * string: the same schedule again, in any later process.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_H
#define WEFT_CHECK_H

#include <stdio.h>

#include "weft/api.h"

WEFT_BEGIN_DECLS

/* How far a search has come; see weft_check_options.progress. */
typedef struct weft_check_progress {
    uint64_t schedules;      /* done */
    uint64_t schedules_max;  /* 0: no bound */
    uint64_t behaviours;     /* distinct ones: schedules in which some read saw something else */
    double seconds;
    const char *phase;       /* "searching", "shrinking", "confirming" */
} weft_check_progress;

/* All zero means: the defaults. */
typedef struct weft_check_options {
    uint64_t seed;           /* the same seed finds the same; 0: 1 */
    uint64_t schedules;      /* at most; 0: 10,000 */
    int64_t time_ns;         /* at most; 0: 60 s in weft_check_program, no bound in weft_explore */
    const char *strategy;    /* "portfolio" (also NULL), "random", "pos", "pct", "surw", "rf",
                              * "exhaustive" */
    unsigned preemptions;    /* exhaustive: all schedules with up to so many; 0: 2 */
    unsigned jobs;           /* processes at a time; 0: one per usable CPU; weft_explore: 1 */
    bool early_timers;       /* a deadline may come although others could run */
    bool keep_searching;     /* do not stop at the first failure; report the gravest */
    bool quiet;              /* weft_explore: print no report on stderr */
    const char *replay;      /* run this one schedule instead of searching */
    void (*progress)(const weft_check_progress *progress, void *arg); /* about ten times a second */
    void *progress_arg;
    const volatile int *stop; /* not NULL: the search ends soon after *stop is no longer 0, and what
                               * was found so far is reported; for signal handlers */
    const char *mode;         /* weft_check_program: "control" (also NULL); "delays": on real
                               * threads, with delays, by chance; "auto": control, and delays
                               * when schedules hang out of control */
} weft_check_options;

typedef struct weft_check_report weft_check_report;

/* What a report says, in short.  Strings live as long as the report. */
typedef struct weft_check_result {
    bool found;              /* a failure; false for mere advice and suspicions */
    bool complete;           /* every schedule within the bound was run */
    bool deterministic;      /* false: something was out of control, a replay may differ */
    const char *verdict;     /* "found" or "nothing found" */
    const char *class_name;  /* "assertion", "data-race", "deadlock" …; "none" */
    const char *summary;     /* one line */
    uint64_t schedule;       /* the first that failed, from 1; 0: none */
    uint64_t schedules;      /* run while searching */
    uint64_t failing;        /* of these, how many failed */
    uint64_t behaviours;
    double seconds;
    int preemptions;         /* of the shrunken schedule; -1: nothing found */
    bool preemptions_minimal; /* proven: no schedule with fewer fails */
    const char *replay;      /* "" when nothing was found */
} weft_check_result;

/* Sleeps.  Runs fn(arg) in a runtime of its own under many schedules, in the calling thread; fn is
 * called once for each and must begin each time from the same state.  A schedule fails when fn
 * returns a negative code, when tasks are deadlocked, when Weft panics or the process would crash,
 * when fn leaves a task or a lock behind.  Prints a report on stderr.
 *
 * 0                  no schedule failed
 * 1                  one failed
 * -WEFT_EINVAL       fn is NULL, an option is out of range, or the replay string is not one
 * -WEFT_EBUSY        a runtime runs in this process
 * -WEFT_ENOMEM       no memory
 *
 * After a crash (a signal, abort) the replay string goes to stderr and the process dies.  Not in
 * control: plain threads, and memory accesses (only Weft's own calls are points).
 */
WEFT_API WEFT_MUST_USE int weft_explore(int (*fn)(void *arg), void *arg,
                                        const weft_check_options *options);

/* Sleeps.  As weft_explore, and hands the report out; free it with weft_check_report_free. */
WEFT_API WEFT_MUST_USE int weft_explore_report(int (*fn)(void *arg), void *arg,
                                               const weft_check_options *options,
                                               weft_check_report **ret_report);

/* Sleeps.  Runs the program argv[0] (looked for in PATH) with its arguments under many schedules.
 * `library` is the path of libweft-check.so; NULL: beside the running program or its library.
 * Standard input is read once and given to each schedule anew; what the program prints is thrown
 * away.
 *
 * 0                  done; the report says what was found
 * -WEFT_EINVAL       options out of range, a bad replay string
 * -ENOENT            no such program
 * -EACCES            it is there, but may not be run
 * -ENOEXEC           it is no program of this machine: a script, for one
 * -WEFT_ENOTSUP      it cannot be put under control: it is statically linked
 * -EPERM             nor this one, because it runs with another user's rights
 * -ELIBACC           no such library
 * -EPROTO            the library is of another version
 * -ECHILD            the program ended before its main was reached
 * -WEFT_ETIMEDOUT    it did not come to its main
 * -ECONNRESET        it ends those who watch it: kill of its process group, for one
 * -ETIME             no schedule ended, or none of the first by itself: it may wait for something
 *                    that cannot be seen
 * another code       it could not be started
 */
WEFT_API WEFT_MUST_USE int weft_check_program(char *const argv[], const char *library,
                                              const weft_check_options *options,
                                              weft_check_report **ret_report);

/* Sleeps.  Runs the program by a replay string.  gdb: stops (SIGTRAP) at each switch, in the
 * foreground of this terminal, with gdb attached.  argv may be NULL: the string knows the command.
 * Codes as weft_check_program's. */
WEFT_API WEFT_MUST_USE int weft_replay_program(const char *replay, char *const argv[],
                                               const char *library, bool gdb,
                                               weft_check_report **ret_report);

/* Never sleeps.  The short form. */
WEFT_API void weft_check_result_of(const weft_check_report *report, weft_check_result *ret_result);

enum weft_check_format {
    WEFT_CHECK_TEXT = 0, /* for a terminal */
    WEFT_CHECK_JSON = 1, /* one object, one line */
    WEFT_CHECK_SARIF = 2,
    WEFT_CHECK_HTML = 3  /* one self-contained page */
};

/* Sleeps (writes).  width: columns of the terminal, 0: 80; colour: with escape sequences; both for
 * text only.  0, or a code from writing. */
WEFT_API int weft_check_print(const weft_check_report *report, enum weft_check_format format,
                              FILE *file, unsigned width, bool colour);

/* Never sleeps.  NULL is accepted. */
WEFT_API void weft_check_report_free(weft_check_report *report);

/* ---- a simulated network and disk: what weft check explores instead of the kernel's, and any run
 * with weft_options.io = WEFT_IO_SIM, or WEFT_IO=sim in the environment, has.
 *
 * Sockets, pipes and datagrams are those of one machine that has every address.  Files are the
 * real ones, with a simulated delay and simulated errors.  Addresses set aside for documentation
 * (192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24, 2001:db8::/32) are somewhere that nobody answers
 * from.  Descriptors not made by Weft, other than files, are looked at every millisecond of the
 * run's clock, and a FIFO opens at once, for reading.  Not there: descriptors and credentials sent
 * over Unix sockets, SOCK_SEQPACKET.
 *
 * A wait that nothing simulated can end is a deadlock, and reported.
 *
 * All that goes wrong is drawn from one seed: a run with one worker and a virtual clock does the
 * same each time, unless a task runs so long that it loses its worker (weft_options.stuck_after_ns
 * puts that off).  Under weft check each fault that has a probability is a choice of the schedule,
 * whatever that probability is (but for 1), so that it is found, shrunk and replayed. ---- */

/* All zero: a network without faults, in which bytes arrive at once. */
typedef struct weft_sim_options {
    uint64_t seed;         /* 0: 1 */
    int64_t delay_min_ns;  /* of what goes by TCP or UDP, each way; between these two */
    int64_t delay_max_ns;
    double short_read;     /* from 0 to 1, how likely: a receive from a stream, or a read, gives a
                            * part of what is there */
    double short_write;    /* a send or a write takes a part of what there is room for */
    double drop;           /* a UDP datagram is lost */
    double reorder;        /* ... comes a millisecond later, and others before it */
    double reset;          /* a send breaks its TCP connection: -ECONNRESET on both sides */
    int64_t disk_delay_min_ns; /* of an operation on a file; between these two */
    int64_t disk_delay_max_ns;
    double disk_error;     /* an operation on a file says -EIO */
    uint64_t disk_bytes_max; /* that may be written to files in a run, then -ENOSPC; 0: no bound */
    uint64_t faults_max;   /* in a run; 0: no bound, under weft check 3 */
} weft_sim_options;

typedef struct weft_sim_counts {
    uint64_t sockets, bytes, datagrams; /* made; sent */
    uint64_t dropped, reordered, resets, short_reads, short_writes, disk_errors;
    uint64_t disk_bytes; /* written */
    uint64_t trace; /* a number made of all that has happened, and, on a virtual clock, when */
} weft_sim_counts;

/* Never sleeps.  For all runs to come, and the one that is on, which begins anew with its seed.
 * NULL: as the environment says: WEFT_SIM=drop=0.1,delay_max=1000000 (the names above, without _ns)
 * and WEFT_SIM_SEED=n.  Any thread.  0, or -WEFT_EINVAL: a number out of range. */
WEFT_API WEFT_MUST_USE int weft_sim_set(const weft_sim_options *options);

/* Never sleeps.  Cuts the network, or makes it whole.  While it is cut, datagrams are lost, and
 * what TCP sends waits until it is whole again.  Each run begins with a whole one. */
WEFT_API void weft_sim_partition(bool is_cut);

/* Never sleeps.  Since the run began, or weft_sim_set was called. */
WEFT_API void weft_sim_stats(weft_sim_counts *ret_counts);

WEFT_END_DECLS

#endif
