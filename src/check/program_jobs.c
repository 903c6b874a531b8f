/* program_jobs.c - fork servers: each a runner that runs one schedule after the other.
 *
 * A job is a program stopped at main, the memory that it shares with us, and a socket to it.  What
 * is said over the socket stands in server.h.  A job is used by one thread of the search at a time,
 * so nothing here is locked; what the jobs have in common is read only.
 *
 * Wall time.  A schedule that waits for something that the library does not see would wait for
 * ever.  Each gets ten seconds; once some have ended by themselves, many times what the slowest of
 * them took, since then ten seconds would be lost for each.
 *
 * SPDX-License-Identifier: MIT
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/child.h"
#include "base/sys.h"
#include "base/text.h"
#include "base/time.h"
#include "check/program.h"
#include "check/server.h"
#include "weft/err.h"

#define JOBS_FD_MEMORY   198 /* as the program sees them: out of the way of its own */
#define JOBS_FD_SOCKET   199
#define JOBS_HELLO_NS    (30 * WEFT_NS_PER_SECOND)
#define JOBS_FORK_NS     (10 * WEFT_NS_PER_SECOND)
#define JOBS_HANG_NS     (10 * WEFT_NS_PER_SECOND)
#define JOBS_HANG_MIN_NS (3 * WEFT_NS_PER_SECOND)
#define JOBS_HANG_TIMES  200 /* the slowest schedule that ended by itself */
#define JOBS_STUCK       2   /* schedules that hang, before one has ended: it is hopeless */
#define JOBS_KNOWN       5   /* schedules after which that is trusted */
#define JOBS_FOREVER_NS  (INT64_C(1) << 60)
#define JOBS_GLANCE_NS   (100 * WEFT_NS_PER_MS) /* how often we look whether to stop */

struct jobs_one {
    struct weft__runner runner;
    struct weft__jobs *jobs;
    pid_t server;  /* 0: not started */
    int socket;    /* our end; -1 */
    int memory;    /* -1 */
    int input;     /* shares its position with the server's; -1 */
    uint32_t runs, hangs;
    int64_t slowest_ns;
    bool uncontrolled;
};

struct weft__jobs {
    struct weft__jobs_order order;
    char **environment;
    char *words; /* that the environment's own entries lie in */
    bool restart;
    struct weft__runner **runners;
    struct jobs_one *job;
};

/* ---- the program's environment ---- */

static bool jobs_begins(const char *word, const char *with)
{
    return strncmp(word, with, strlen(with)) == 0;
}

/* Ours, with the library in front of whatever is preloaded already, and the word for the server. */
static int jobs_environment(struct weft__jobs *jobs)
{
    /* What is bound in the server need not be bound in each child. */
    static char bind_now[] = "LD_BIND_NOW=1";
    char *const *all = weft__child_environment();
    const char *slash = strrchr(jobs->order.path, '/');
    const char *name = slash ? slash + 1 : jobs->order.path;
    const char *preloaded = getenv("LD_PRELOAD");
    size_t n = 0, size = 2 * WEFT__PATH_MAX + 256 + (preloaded ? strlen(preloaded) : 0);
    struct weft__text text;
    while (all && all[n])
        n++;
    jobs->environment = weft__alloc_zero((n + 4) * sizeof(char *));
    jobs->words = weft__alloc(size);
    if (!jobs->environment || !jobs->words)
        return -WEFT_ENOMEM;
    weft__text_init(&text, jobs->words, size);
    weft__text_add(&text, "LD_PRELOAD=%s%s%s", jobs->order.library,
                   preloaded && *preloaded ? ":" : "", preloaded ? preloaded : "");
    char *server = text.at + 1;
    weft__text_init(&text, server, size - (size_t)(server - jobs->words));
    weft__text_add(&text, WEFT__SERVER_ENV "=%d,%d,%s", JOBS_FD_MEMORY, JOBS_FD_SOCKET, name);
    size_t to = 0;
    jobs->environment[to++] = jobs->words;
    jobs->environment[to++] = server;
    jobs->environment[to++] = bind_now;
    for (size_t i = 0; i < n; i++) {
        if (!jobs_begins(all[i], "LD_PRELOAD=") && !jobs_begins(all[i], WEFT__SERVER_ENV "="))
            jobs->environment[to++] = all[i];
    }
    return text.cut ? -ENAMETOOLONG : 0;
}

/* ---- starting a server ---- */

static void jobs_stop(struct jobs_one *job)
{
    int status;
    if (job->socket >= 0)
        weft__sys_close(job->socket);
    if (job->input >= 0)
        weft__sys_close(job->input);
    job->socket = job->input = -1;
    if (job->server > 0) {
        weft__child_kill(job->jobs->order.gdb ? job->server : -job->server, SIGKILL);
        (void)weft__child_wait(job->server, &status);
    }
    job->server = 0;
}

/* gdb starts the program with the environment that is meant for it, and follows the child. */
static int jobs_spawn_gdb(const struct weft__jobs *jobs, struct weft__child_order *child,
                          pid_t *ret_pid)
{
    char path[WEFT__PATH_MAX], preload[WEFT__PATH_MAX + 64], server[WEFT__PATH_MAX + 64];
    struct weft__text text;
    char *argv[64] = {"gdb", "-q", "-ex", "set startup-with-shell off",
                      "-ex", "set follow-fork-mode child", "-ex", "set breakpoint pending on",
                      "-ex", "handle SIGTRAP stop print nopass", "-ex", preload, "-ex", server,
                      "-ex", "run", "--args"};
    size_t n = 17;
    int rc = weft__program_find("gdb", path);
    if (rc < 0)
        return rc;
    weft__text_init(&text, preload, sizeof preload);
    weft__text_add(&text, "set environment %s", jobs->environment[0]);
    *strchr(preload, '=') = ' ';
    weft__text_init(&text, server, sizeof server);
    weft__text_add(&text, "set environment %s", jobs->environment[1]);
    *strchr(server, '=') = ' ';
    argv[n++] = (char *)jobs->order.path;
    for (size_t i = 1; jobs->order.argv[i] && n < WEFT_ARRAY_SIZE(argv) - 1; i++)
        argv[n++] = jobs->order.argv[i];
    child->path = path;
    child->argv = argv;
    child->environment = weft__child_environment();
    child->own_group = false;
    return weft__child_start(child, ret_pid);
}

static int jobs_spawn(struct jobs_one *job, int theirs, int nowhere)
{
    const struct weft__jobs *jobs = job->jobs;
    bool show = jobs->order.show_output;
    struct weft__child_order child = {
        .path = jobs->order.path,
        .argv = jobs->order.argv,
        .environment = jobs->environment,
        .fixed_addresses = true,
        .own_group = true,
        .n_fds = 5,
        .fds = {{jobs->order.gdb ? 0 : job->input, 0},
                {show ? 1 : nowhere, 1},
                {show ? 2 : nowhere, 2},
                {job->memory, JOBS_FD_MEMORY},
                {theirs, JOBS_FD_SOCKET}},
    };
    return jobs->order.gdb ? jobs_spawn_gdb(jobs, &child, &job->server)
                           : weft__child_start(&child, &job->server);
}

static int64_t jobs_patience(const struct jobs_one *job, int64_t timeout_ns)
{
    return job->jobs->order.gdb ? JOBS_FOREVER_NS : timeout_ns;
}

/* A message, or a code; -ECHILD: the other end is gone. */
static int jobs_hear(struct jobs_one *job, struct weft__server_message *ret, int64_t timeout_ns)
{
    ssize_t n = weft__child_receive(job->socket, ret, sizeof *ret, timeout_ns);
    if (n < 0)
        return (int)n;
    if (n == 0)
        return -ECHILD;
    return n == (ssize_t)sizeof *ret ? 0 : -EPROTO;
}

static int jobs_start(struct jobs_one *job)
{
    int ends[2];
    WEFT_CHECK(job->server == 0);
    int nowhere = weft__sys_open("/dev/null", O_RDWR, 0);
    if (nowhere < 0)
        return nowhere;
    int rc = weft__child_socket(ends);
    if (rc == 0) {
        job->socket = ends[0];
        job->input = weft__input_copy(job->jobs->order.input);
        rc = job->input < 0 ? job->input : jobs_spawn(job, ends[1], nowhere);
        weft__sys_close(ends[1]);
    }
    weft__sys_close(nowhere);
    struct weft__server_message hello = {0, 0};
    if (rc == 0)
        rc = jobs_hear(job, &hello, jobs_patience(job, JOBS_HELLO_NS));
    if (rc == 0 && (hello.word != WEFT__SERVER_HELLO || hello.value != WEFT__SERVER_VERSION))
        rc = -EPROTO;
    if (rc < 0)
        jobs_stop(job);
    return rc;
}

/* ---- one schedule ---- */

static void jobs_add_finding(struct weft__outcome *outcome, enum weft__class class,
                             const char *text)
{
    uint32_t at = weft__min(outcome->n_findings, (uint32_t)WEFT__FINDINGS_MAX - 1);
    struct weft__finding *finding = &outcome->findings[at];
    struct weft__text to;
    memset(finding, 0, sizeof *finding);
    finding->class = class;
    finding->step = outcome->steps;
    weft__text_init(&to, finding->text, sizeof finding->text);
    weft__text_add(&to, "%s", text);
    outcome->n_findings = at + 1;
}

/* The child is gone; what it could not tell itself is told here. */
static void jobs_conclude(struct jobs_one *job, int status, bool hung)
{
    struct weft__outcome *outcome = &job->runner.exchange->outcome;
    char text[128];
    struct weft__text to;
    bool told = outcome->state == WEFT__OUTCOME_DONE;
    weft__text_init(&to, text, sizeof text);
    if (hung && !told) {
        job->hangs++;
        outcome->not_deterministic = 1;
        jobs_add_finding(outcome, WEFT__CLASS_HANG,
                         "waits for something that the controller does not see");
    } else if (!told && WIFSIGNALED(status)) {
        int signo = WTERMSIG(status);
        outcome->term_signal = (uint32_t)signo;
        weft__text_add(&to, "ended by signal %d (%s)", signo, strsignal(signo));
        jobs_add_finding(outcome, WEFT__CLASS_CRASH, text);
    } else if (!told) {
        /* It left by a way that the library does not see: _exit as a bare system call. */
        outcome->exit_status = WEXITSTATUS(status);
        outcome->not_deterministic = 1;
    }
    job->uncontrolled |= outcome->not_deterministic != 0;
    outcome->state = WEFT__OUTCOME_DONE;
}

static int64_t jobs_limit(const struct jobs_one *job)
{
    if (job->runs < JOBS_KNOWN)
        return JOBS_HANG_NS;
    int64_t limit = weft__max(job->slowest_ns * JOBS_HANG_TIMES, JOBS_HANG_MIN_NS);
    return weft__min(limit, JOBS_HANG_NS);
}

static bool jobs_is_stopped(const struct weft__jobs *jobs)
{
    if (jobs->order.stop && *jobs->order.stop)
        return true;
    return jobs->order.end_ns && weft__time_now() >= jobs->order.end_ns;
}

/* The end of the child, or a code.  Before, a child that lives on is told of. */
static int jobs_hear_end(struct jobs_one *job, struct weft__server_message *ret, pid_t *child,
                         int64_t timeout_ns)
{
    int rc = jobs_hear(job, ret, timeout_ns);
    if (rc == 0 && ret->word == WEFT__SERVER_STARTED) {
        *child = ret->value;
        rc = jobs_hear(job, ret, timeout_ns);
    }
    if (rc == 0 && ret->word == WEFT__SERVER_FAILED)
        return ret->value < 0 ? ret->value : -ret->value;
    return rc == 0 && ret->word != WEFT__SERVER_ENDED ? -EPROTO : rc;
}

/* Waits for the child's end, and brings it about when it takes too long. */
static int jobs_await(struct jobs_one *job)
{
    struct weft__server_message message = {0, 0};
    int64_t begin = weft__time_now(), limit = jobs_limit(job);
    bool hung = false, stopped = false;
    pid_t child = 0;
    int rc = jobs_hear_end(job, &message, &child, jobs_patience(job, JOBS_GLANCE_NS));
    while (rc == -WEFT_ETIMEDOUT && !hung && !stopped) {
        hung = weft__time_now() - begin >= limit;
        stopped = !hung && jobs_is_stopped(job->jobs);
        if ((hung || stopped) && child == 0) /* it is the server that hangs */
            return stopped ? -WEFT_ECANCELED : rc;
        if (hung || stopped)
            weft__child_kill(child, SIGKILL);
        rc = jobs_hear_end(job, &message, &child, hung || stopped ? JOBS_FORK_NS : JOBS_GLANCE_NS);
    }
    if (rc < 0)
        return rc;
    if (stopped)
        return -WEFT_ECANCELED;
    if (!hung) {
        job->slowest_ns = weft__max(job->slowest_ns, weft__time_now() - begin);
        job->runs++;
    }
    jobs_conclude(job, message.value, hung);
    return 0;
}

static int jobs_try(struct jobs_one *job)
{
    struct weft__server_message message = {WEFT__SERVER_RUN, 0};
    struct weft__outcome *outcome = &job->runner.exchange->outcome;
    if (job->server == 0) {
        int rc = jobs_start(job);
        if (rc < 0)
            return rc;
    }
    memset(outcome, 0, offsetof(struct weft__outcome, findings));
    outcome->exit_status = -1;
    int rc = weft__input_rewind(job->jobs->order.input, job->input);
    if (rc < 0)
        return rc;
    if (weft__child_send(job->socket, &message, sizeof message) < 0)
        return -ECHILD;
    return jobs_await(job);
}

/* A program may end its own parent (kill(0, …)): then the server is started anew, once. */
static int jobs_run(struct weft__runner *runner)
{
    struct jobs_one *job = runner->ctx;
    const struct weft__jobs *jobs = job->jobs;
    if (jobs_is_stopped(jobs))
        return -WEFT_ECANCELED;
    if (job->runs == 0 && job->hangs >= JOBS_STUCK)
        return -ETIME;
    if (jobs->restart)
        jobs_stop(job);
    int rc = jobs_try(job);
    if (rc == 0 || jobs->order.gdb)
        return rc;
    bool lost = rc == -ECHILD || rc == -EPROTO || rc == -WEFT_ETIMEDOUT;
    jobs_stop(job);
    if (!lost)
        return rc;
    rc = jobs_try(job);
    return rc == -ECHILD && job->server > 0 ? -ECONNRESET : rc;
}

/* ---- all of them ---- */

static int jobs_prepare(struct weft__jobs *jobs, uint32_t index)
{
    struct jobs_one *job = &jobs->job[index];
    void *memory;
    job->memory = weft__child_file("weft-check");
    if (job->memory < 0)
        return job->memory;
    int rc = weft__child_file_resize(job->memory, sizeof(struct weft__exchange));
    if (rc == 0)
        rc = weft__child_map(job->memory, sizeof(struct weft__exchange), &memory);
    if (rc == 0)
        job->runner = (struct weft__runner){jobs_run, memory, job};
    return rc;
}

static int jobs_fill(struct weft__jobs *jobs)
{
    int rc = jobs_environment(jobs);
    jobs->runners = weft__alloc_zero(jobs->order.n * sizeof *jobs->runners);
    jobs->job = weft__alloc_zero(jobs->order.n * sizeof *jobs->job);
    if (!jobs->runners || !jobs->job)
        return -WEFT_ENOMEM;
    for (uint32_t i = 0; i < jobs->order.n; i++) {
        jobs->job[i] = (struct jobs_one){.jobs = jobs, .socket = -1, .memory = -1, .input = -1};
        jobs->runners[i] = &jobs->job[i].runner;
    }
    for (uint32_t i = 0; rc == 0 && i < jobs->order.n; i++)
        rc = jobs_prepare(jobs, i);
    return rc;
}

int weft__jobs_open(const struct weft__jobs_order *order, struct weft__jobs **ret)
{
    WEFT_CHECK(order->n >= 1 && order->n <= WEFT__JOBS_MAX);
    struct weft__jobs *jobs = weft__alloc_zero(sizeof *jobs);
    if (!jobs)
        return -WEFT_ENOMEM;
    jobs->order = *order;
    int rc = jobs_fill(jobs);
    if (rc == 0)
        rc = jobs_start(&jobs->job[0]);
    if (rc < 0) {
        weft__jobs_close(jobs);
        return rc;
    }
    *ret = jobs;
    return 0;
}

void weft__jobs_close(struct weft__jobs *jobs)
{
    for (uint32_t i = 0; jobs->job && i < jobs->order.n; i++) {
        struct jobs_one *job = &jobs->job[i];
        jobs_stop(job);
        if (job->runner.exchange)
            weft__sys_unmap(job->runner.exchange, sizeof(struct weft__exchange));
        if (job->memory >= 0)
            weft__sys_close(job->memory);
    }
    weft__free(jobs->job);
    weft__free(jobs->runners);
    weft__free(jobs->environment);
    weft__free(jobs->words);
    weft__free(jobs);
}

struct weft__runner *const *weft__jobs_runners(struct weft__jobs *jobs)
{
    return jobs->runners;
}

void weft__jobs_restart(struct weft__jobs *jobs, bool each_time)
{
    jobs->restart = each_time;
}

void weft__jobs_go_on(struct weft__jobs *jobs)
{
    jobs->order.stop = NULL;
    jobs->order.end_ns = 0;
}

void weft__jobs_limits(const struct weft__jobs *jobs, char *ret, size_t size)
{
    struct weft__text text;
    bool hung = false, uncontrolled = false;
    for (uint32_t i = 0; i < jobs->order.n; i++) {
        hung |= jobs->job[i].hangs > 0;
        uncontrolled |= jobs->job[i].uncontrolled;
    }
    weft__text_init(&text, ret, size);
    if (hung)
        weft__text_add(&text, "Some schedules waited for something that cannot be seen from outside"
                              " (a loop that reads a variable until it changes, a call that blocks)"
                              " and were ended; compile the program by `weft cc` to have them "
                              "controlled. ");
    else if (uncontrolled)
        weft__text_add(&text, "Something in the program was out of control: a replay may differ. ");
    if (jobs->order.input->silent)
        weft__text_add(&text, "Standard input said nothing for a second and was taken as ended. ");
}
