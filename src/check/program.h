/* program.h - a program that runs schedules for us: found, looked at, started, asked.
 *
 *     program_file.c   which file is meant, and can it be put under control at all?
 *     program_input.c  its standard input, the same for each schedule
 *     program_jobs.c   the fork servers: a runner for each
 *     program.c        weft_check_program, weft_replay_program
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_PROGRAM_H
#define WEFT_CHECK_PROGRAM_H

#include "check/search.h"

#define WEFT__PATH_MAX 4096
#define WEFT__JOBS_MAX 256

/* ---- the file ---- */

/* The path of the program, looked for in PATH if it has no slash.  0, -ENOENT, or -EACCES: there,
 * but not to be run. */
int weft__program_find(const char *name, char ret_path[WEFT__PATH_MAX]);

/* Can it be put under control?  0; -ENOEXEC: no program of this machine (a script, for one);
 * -ENOTSUP: without a loader, so that nothing can be preloaded; -EPERM: it runs with other rights,
 * and then the loader ignores what is preloaded. */
int weft__program_look(const char *path);

/* Where libweft-check.so is: `given`, or beside this program or this library, or in the lib
 * directory next to it.  0 or -ELIBACC. */
int weft__program_library(const char *given, char ret_path[WEFT__PATH_MAX]);

/* ---- without control ---- */

struct weft_check_report;

/* Sleeps.  Runs the program with delays until it fails, or the options' bounds; fills the report,
 * its limits too. */
WEFT_MUST_USE int weft__delays_search(struct weft__runner *runner,
                                      const weft_check_options *options, char *const argv[],
                                      struct weft_check_report *report);

/* Says in the report what such a run cannot promise. */
void weft__delays_limits(struct weft_check_report *report);

/* ---- its input ---- */

/* What every schedule is to read.  fd < 0: nothing. */
struct weft__input {
    int fd;
    int64_t offset;
    bool silent; /* nothing came through the pipe for a while, so it was taken as empty */
};

int weft__input_open(struct weft__input *ret);
void weft__input_close(struct weft__input *input);

/* Another descriptor with a position of its own, at the beginning. */
WEFT_MUST_USE int weft__input_copy(const struct weft__input *input);
WEFT_MUST_USE int weft__input_rewind(const struct weft__input *input, int copy);

/* ---- the servers ---- */

struct weft__jobs;

struct weft__jobs_order {
    const char *path;          /* of the program */
    char *const *argv;
    const char *library;
    const struct weft__input *input;
    uint32_t n;
    bool show_output;
    bool gdb;
    const volatile int *stop;  /* NULL, or: not 0 ends every run with -ECANCELED */
    int64_t end_ns;            /* so does this moment; 0: none */
};

/* Sleeps.  Starts the first server and waits until its program has come to main; the others are
 * started when they are first used.  0; -ECHILD: the program ended before; -ETIMEDOUT: it did not
 * come there; -EPROTO: the library is of another version. */
WEFT_MUST_USE int weft__jobs_open(const struct weft__jobs_order *order, struct weft__jobs **ret);

/* Ends all of them, and whatever they have started. */
void weft__jobs_close(struct weft__jobs *jobs);

/* n of them. */
struct weft__runner *const *weft__jobs_runners(struct weft__jobs *jobs);

/* What was out of control, in words, for the report; "" if nothing was. */
void weft__jobs_limits(const struct weft__jobs *jobs, char *ret, size_t size);

/* From now on each run gets a server of its own: a fresh process in every respect. */
void weft__jobs_restart(struct weft__jobs *jobs, bool each_time);

/* The search is over; what follows is not stopped, neither by the word nor by the time. */
void weft__jobs_go_on(struct weft__jobs *jobs);

#endif
