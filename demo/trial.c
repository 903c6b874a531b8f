/* trial.c - one strategy's run, in a process of its own, timed.
 *
 * The child leaves the terminal's foreground group: Ctrl-C then reaches the demo alone, which
 * passes on one signal.  Were it in the group it would get two, and to Weft a second SIGINT means
 * "at once".
 *
 * Only the strategy itself is timed; sorting and handing over the answers come after.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trial.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TRIAL_TICK_MS  100
#define TRIAL_STOP_NS  (INT64_C(4) * 1000000000) /* asks a child again that has not stopped */
#define TRIAL_LINE_MAX 160

/* What the child sends through the pipe. */
struct trial_report {
    int code;
    int64_t wall_ns;
    int64_t cpu_ns;
    int64_t queued_ns;
    uint64_t peak_bytes;
    uint64_t skipped;
};

/* What the parent knows of its child while it waits. */
struct trial_watch {
    struct trial *trial;
    const struct trial_setup *setup;
    pid_t pid;
    int64_t started_at;
    int64_t stop_sent_at; /* 0: not yet */
};

static int64_t trial_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t trial_cpu_ns(const struct rusage *usage)
{
    int64_t us = (int64_t)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000000 +
                 usage->ru_utime.tv_usec + usage->ru_stime.tv_usec;

    return us * 1000;
}

/* How long the first thread has waited for a CPU; 0 from a kernel that does not count it. */
static int64_t trial_queued_ns(void)
{
    int64_t queued_ns = 0;
    FILE *file = fopen("/proc/self/schedstat", "re");

    if (file == NULL)
        return 0;
    if (fscanf(file, "%*d %" SCNd64, &queued_ns) != 1)
        queued_ns = 0;
    fclose(file);
    return queued_ns;
}

/* ---- the child ---- */

static struct trial_report trial_measure(const struct trial *trial, struct job *job)
{
    struct rusage before, after;

    int64_t queued_ns = trial_queued_ns();
    getrusage(RUSAGE_SELF, &before);
    int64_t started_at = trial_now();
    int code = job_stop != 0 ? -ECANCELED : trial->strategy->run(job);
    int64_t wall_ns = trial_now() - started_at;
    getrusage(RUSAGE_SELF, &after);
    return (struct trial_report){.code = code,
                                 .wall_ns = wall_ns,
                                 .cpu_ns = trial_cpu_ns(&after) - trial_cpu_ns(&before),
                                 .queued_ns = trial_queued_ns() - queued_ns,
                                 .peak_bytes = (uint64_t)after.ru_maxrss * 1024,
                                 .skipped = job->answers->skipped};
}

static _Noreturn void trial_child(const struct trial *trial, const struct trial_setup *setup,
                                  int fd)
{
    struct answers answers = {0};
    struct job job = {.root = setup->root,
                      .workers = setup->workers,
                      .answers = &answers,
                      .progress = setup->progress};

    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct trial_report report = trial_measure(trial, &job);
    if (report.code >= 0) {
        answers_sort(&answers);
        report.code = answers_write(&answers, trial->answers);
    }
    answers_free(&answers);
    ssize_t n = write(fd, &report, sizeof report);
    _exit(n == (ssize_t)sizeof report ? 0 : 1); /* the stdio buffers are the parent's */
}

/* ---- the parent ---- */

static void trial_show(const struct trial_watch *watch)
{
    const struct trial_setup *setup = watch->setup;
    uint64_t files = atomic_load_explicit(&setup->progress->files, memory_order_relaxed);
    uint64_t bytes = atomic_load_explicit(&setup->progress->bytes, memory_order_relaxed);
    double seconds = trial_seconds(trial_now() - watch->started_at);
    double mb = (double)bytes / 1e6;
    char line[TRIAL_LINE_MAX], percent[16] = "";

    if (!setup->show)
        return;
    if (setup->bytes_total > 0) {
        double share = (double)bytes / (double)setup->bytes_total;
        snprintf(percent, sizeof percent, "  %3.0f %%", share < 1 ? share * 100 : 100);
    }
    snprintf(line, sizeof line, "\r%-20s %" PRIu64 " files  %.0f MB  %.0f MB/s%s\033[K",
             watch->trial->strategy->title, files, mb, seconds > 0 ? mb / seconds : 0, percent);
    fputs(line, stderr);
    fflush(stderr);
}

/* Passes a Ctrl-C on, once; again only to a child that seems to have been too young for it. */
static void trial_pass_stop(struct trial_watch *watch)
{
    int64_t now = trial_now();

    if (job_stop == 0 || (watch->stop_sent_at > 0 && now - watch->stop_sent_at < TRIAL_STOP_NS))
        return;
    kill(watch->pid, job_stop);
    watch->stop_sent_at = now;
}

/* Waits until the child has reported or died. */
static bool trial_wait_report(struct trial_watch *watch, int fd, struct trial_report *ret_report)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

    for (;;) {
        trial_pass_stop(watch);
        trial_show(watch);
        if (poll(&poll_fd, 1, TRIAL_TICK_MS) <= 0)
            continue;
        ssize_t n = read(fd, ret_report, sizeof *ret_report);
        if (n < 0 && errno == EINTR)
            continue;
        return n == (ssize_t)sizeof *ret_report;
    }
}

static void trial_settle(struct trial_watch *watch, int fd)
{
    struct trial *trial = watch->trial;
    struct trial_report report = {0};
    bool reported = trial_wait_report(watch, fd, &report);
    int status = 0;

    while (waitpid(watch->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (watch->setup->show)
        fputs("\r\033[K", stderr);
    trial->wall_ns = reported ? report.wall_ns : trial_now() - watch->started_at;
    trial->cpu_ns = report.cpu_ns;
    trial->queued_ns = report.queued_ns;
    trial->peak_bytes = report.peak_bytes;
    trial->skipped = report.skipped;
    trial->files = atomic_load(&watch->setup->progress->files);
    trial->bytes = atomic_load(&watch->setup->progress->bytes);
    trial->code = report.code;
    trial->signal = !reported && WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (reported && report.code >= 0)
        trial->state = TRIAL_DONE;
    else if (job_stop != 0 || (reported && report.code == -ECANCELED))
        trial->state = TRIAL_INTERRUPTED;
    else
        trial->state = TRIAL_FAILED;
}

static void trial_fail(struct trial *trial, int code)
{
    trial->state = TRIAL_FAILED;
    trial->code = code;
}

void trial_run(struct trial *trial, const struct trial_setup *setup)
{
    struct trial_watch watch = {.trial = trial, .setup = setup};
    int fd[2];

    atomic_store(&setup->progress->files, 0);
    atomic_store(&setup->progress->bytes, 0);
    trial->answers = tmpfile();
    if (trial->answers == NULL || pipe(fd) < 0) {
        trial_fail(trial, -errno);
        return;
    }
    fflush(NULL); /* or the child would hold a second copy of what is not yet written */
    watch.started_at = trial_now();
    watch.pid = fork();
    if (watch.pid == 0) {
        close(fd[0]);
        trial_child(trial, setup, fd[1]);
    }
    int code = -errno;
    close(fd[1]);
    if (watch.pid > 0)
        trial_settle(&watch, fd[0]);
    else
        trial_fail(trial, code);
    close(fd[0]);
    rewind(trial->answers);
}
