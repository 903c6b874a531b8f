/* test_main.c - finds the tests, runs each in a process of its own, judges how it ended.
 *
 *   test-weft [--list] [--run NAME] [--filter TEXT] [--night] [--repeat N] [-j N] [-v]
 *
 * One process a test: a crash, a hang or a leak of one cannot touch the next.  Many processes run
 * at once, one per CPU.  A child writes into a memory file, never a pipe: a grandchild that lives
 * on cannot keep us waiting for its end of file.  A test that overstays is shown with gdb, if
 * there is one, then gets SIGABRT, then SIGKILL with all its process group.
 *
 * Exit status: 0 all passed, 1 some failed, 2 bad call, 77 the one test of --run was skipped.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/census.h"
#include "tests/test.h"

enum {
    EXIT_SKIPPED = 77,
    CASES_MAX = 8192,
    CHILDREN_MAX = 64,
    TIMEOUT_S = 30,
    NIGHT_TIMEOUT_S = 1800,
    GRACE_S = 3,                /* from SIGABRT to SIGKILL */
    OUTPUT_SHOWN_MAX = 256 * 1024,
};

/* A record as often as it must run: once, or once for each number of workers and back end. */
struct main_case {
    const struct test_record *test;
    size_t workers;
    char name[128];
};

struct main_child {
    pid_t pid;                  /* 0: this place is free */
    int output;
    bool overstayed;
    double started;
    double kill_at;
    const struct main_case *the_case;
};

struct main_options {
    const char *run, *filter;
    bool list, verbose;
    long repeat, jobs;
};

struct main_count {
    long passed, failed, skipped;
};

extern const struct test_record *const __start_weft_tests[];
extern const struct test_record *const __stop_weft_tests[];

static struct main_case main_cases[CASES_MAX];
static size_t main_case_count;
static bool main_is_night;

void (*test_say_more)(void);

/* ---- what tests call --------------------------------------------------------------------- */

bool test_is_night(void)
{
    return main_is_night;
}

/* One write, so that the line stays whole; _exit, so that nothing else of a broken state runs. */
static void main_say(const char *file, int line, const char *what, const char *text)
{
    char buf[1024];
    int n = snprintf(buf, sizeof buf - 1, "%s:%d: %s%s", file, line, what, text);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof buf - 1 ? (size_t)n : sizeof buf - 2;
    buf[len++] = '\n';
    if (write(STDERR_FILENO, buf, len) < 0) {
        _exit(1);
    }
}

void test_fail(const char *file, int line, const char *format, ...)
{
    char text[768];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    main_say(file, line, "", text);
    if (test_say_more != NULL) {
        test_say_more();
    }
    _exit(1);
}

void test_skip(const char *file, int line, const char *why)
{
    main_say(file, line, "skipped: ", why);
    _exit(EXIT_SKIPPED);
}

void test_expect_eq(const char *file, int line, const char *text, long long a, long long b)
{
    if (a != b) {
        test_fail(file, line, "expected %s, but %lld != %lld", text, a, b);
    }
}

void test_expect_str(const char *file, int line, const char *text, const char *a, const char *b)
{
    if (a == NULL || b == NULL || strcmp(a, b) != 0) {
        test_fail(file, line, "expected %s, but \"%s\" != \"%s\"", text, a ? a : "(null)",
                  b ? b : "(null)");
    }
}

/* ---- the two ways to run a body: here is the plain one, test_task.c has the other ---------- */

static void plain_prepare(const struct test_record *test, size_t workers)
{
    (void)test;
    (void)workers;
}

static void plain_run(const struct test_record *test, size_t workers)
{
    (void)workers;
    test->body();
}

const struct test_style test_plain_style = {.prepare = plain_prepare, .run = plain_run};

/* ---- the list of cases ------------------------------------------------------------------- */

/* The folder's name is the room: "…/src/core/idle_test.c" is of "core". */
static void main_room(const char *file, char *room, size_t size)
{
    const char *last = strrchr(file, '/');
    const char *first = last;
    while (first != NULL && first > file && first[-1] != '/') {
        first--;
    }
    size_t len = last ? (size_t)(last - first) : 0;
    snprintf(room, size, "%.*s", (int)len, len ? first : "");
}

static int main_compare(const void *left, const void *right)
{
    const struct main_case *a = left, *b = right;
    int files = strcmp(a->test->file, b->test->file);
    int lines = a->test->line - b->test->line;
    return files ? files : lines ? lines : (int)a->workers - (int)b->workers;
}

/* By enum weft_io; this file knows nothing of Weft. */
static const char *const main_back_ends[] = {"", "/uring", "/epoll", "/sim"};
enum { BACK_END_SIM = 3, BACK_ENDS };

static void main_add(const struct test_record *test, size_t workers)
{
    struct main_case *c = &main_cases[main_case_count++];
    *c = (struct main_case){.test = test, .workers = workers};
    if (workers == 0) {
        snprintf(c->name, sizeof c->name, "%s", test->name);
    } else if (workers == TEST_STEERED) {
        snprintf(c->name, sizeof c->name, "%s/check", test->name);
    } else {
        snprintf(c->name, sizeof c->name, "%s/%zuw%s", test->name, TEST_WORKERS(workers),
                 main_back_ends[TEST_BACK_END(workers)]);
    }
}

static bool main_is_steerable(const struct test_record *test)
{
    return !test->real_clock && !test->not_steered && !test->not_simulated && !test->night &&
           test->panics_with == NULL;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MAIN_IS_SLOW true
#else
#define MAIN_IS_SLOW false
#endif

static void main_add_back_ends(const struct test_record *test)
{
    for (unsigned i = 1; i < BACK_ENDS; i++) {
        if (i != BACK_END_SIM) {
            if (!MAIN_IS_SLOW || main_is_night) { /* by day the other builds have one worker */
                main_add(test, TEST_ON(i, 1));
            }
            main_add(test, TEST_ON(i, 4));
        } else if (!test->not_simulated) {
            main_add(test, TEST_ON(i, 1));
        }
    }
}

static void main_gather(void)
{
    for (const struct test_record *const *at = __start_weft_tests; at < __stop_weft_tests; at++) {
        if (main_case_count + 6 > CASES_MAX) {
            fprintf(stderr, "more than %d tests\n", CASES_MAX);
            exit(2);
        }
        if ((*at)->style->has_back_ends) {
            main_add_back_ends(*at);
        } else {
            main_add(*at, (*at)->style->has_workers ? 1 : 0);
            if ((*at)->style->has_workers) {
                main_add(*at, 4);
            }
        }
        if ((*at)->style->has_workers && main_is_steerable(*at)) {
            main_add(*at, TEST_STEERED);
        }
    }
    qsort(main_cases, main_case_count, sizeof main_cases[0], main_compare);
}

static bool main_wants(const struct main_case *c, const struct main_options *options)
{
    if (options->run != NULL) {
        return strcmp(c->name, options->run) == 0;
    }
    if (options->filter != NULL && strstr(c->name, options->filter) == NULL) {
        return false;
    }
    return main_is_night || !c->test->night;
}

/* Another test before it has its name. */
static const struct main_case *main_namesake(const struct main_case *c)
{
    for (const struct main_case *other = main_cases; other < c; other++) {
        if (strcmp(other->name, c->name) == 0) {
            return other;
        }
    }
    return NULL;
}

/* One line a case: name, room, timeout; cmake/discover.cmake reads it.  And as each build lists
 * them, names are compared here, not in each of the thousands of processes that run one test. */
static int main_list(const struct main_options *options)
{
    char room[64];
    for (size_t i = 0; i < main_case_count; i++) {
        const struct main_case *c = &main_cases[i], *other = main_namesake(c);
        if (other) {
            fprintf(stderr, "two tests are called %s: %s and %s\n", c->name, other->test->file,
                    c->test->file);
            return 2;
        }
        if (main_wants(c, options)) {
            main_room(c->test->file, room, sizeof room);
            printf("%s\t%s\t%d\n", c->name, room, c->test->night ? NIGHT_TIMEOUT_S : TIMEOUT_S);
        }
    }
    return 0;
}

/* ---- one child --------------------------------------------------------------------------- */

static double main_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double main_timeout(const struct main_case *c)
{
    const char *factor = getenv("TEST_TIMEOUT");
    double by = factor ? strtod(factor, NULL) : 1;
    return (c->test->night ? NIGHT_TIMEOUT_S : TIMEOUT_S) * (by > 0 ? by : 1);
}

__attribute__((noreturn))
static void child_main(const struct main_case *c, int output)
{
    struct census before;
    sigset_t none;
    unsetenv("WEFT_WORKERS"); /* it would override the number that the test asks for */
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGINT, SIG_DFL); /* which a plain shell has ignored for its jobs in the background */
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    c->test->style->prepare(c->test, c->workers);
    census_warm_up();
    census_take(&before);
    c->test->style->run(c->test, c->workers);
    if (c->test->panics_with != NULL) {
        test_fail(c->test->file, c->test->line, "the body came to its end without a panic");
    }
    census_compare(&before, c->test->file, c->test->line);
    exit(0); /* not _exit: LeakSanitizer and gcov work at exit */
}

static void child_start(struct main_child *child, const struct main_case *c)
{
    int output = memfd_create("test-output", MFD_CLOEXEC);
    if (output < 0) {
        perror("memfd_create");
        exit(2);
    }
    fcntl(output, F_SETFL, O_APPEND);
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) {
        perror("fork");
        exit(2);
    }
    if (pid == 0) {
        child_main(c, output);
    }
    double now = main_now();
    *child = (struct main_child){.pid = pid, .output = output, .the_case = c, .started = now,
                                 .kill_at = now + main_timeout(c)};
}

/* All stacks of a test that does not end; the most useful thing to know about it. */
static void child_show_stacks(const struct main_child *child)
{
    char number[32];
    snprintf(number, sizeof number, "%d", (int)child->pid);
    pid_t pid = fork();
    if (pid == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        dup2(child->output, STDOUT_FILENO);
        dup2(child->output, STDERR_FILENO);
        execlp("timeout", "timeout", "-k", "1", "30", "gdb", "-nx", "-batch", "-iex",
               "set debuginfod enabled off", "-p", number, "-ex", "thread apply all bt 40",
               (char *)NULL);
        _exit(127);
    }
    if (pid > 0) {
        waitpid(pid, NULL, 0);
    }
}

static void child_hurry(struct main_child *child, double now)
{
    if (now < child->kill_at) {
        return;
    }
    if (child->overstayed) {
        kill(-child->pid, SIGKILL);
        kill(child->pid, SIGKILL);
        child->kill_at = now + 60;
        return;
    }
    child->overstayed = true;
    child_show_stacks(child);
    kill(child->pid, SIGABRT);
    child->kill_at = main_now() + GRACE_S;
}

static bool child_said(const struct main_child *child, const char *text)
{
    struct stat info;
    bool said = false;
    if (fstat(child->output, &info) == 0 && info.st_size > 0) {
        size_t size = (size_t)info.st_size;
        void *all = mmap(NULL, size, PROT_READ, MAP_SHARED, child->output, 0);
        if (all != MAP_FAILED) {
            said = memmem(all, size, text, strlen(text)) != NULL;
            munmap(all, size);
        }
    }
    return said;
}

static void child_print_output(const struct main_child *child)
{
    char buf[4096];
    off_t at = 0;
    ssize_t n;
    while (at < OUTPUT_SHOWN_MAX && (n = pread(child->output, buf, sizeof buf, at)) > 0) {
        fwrite(buf, 1, (size_t)n, stdout);
        at += n;
    }
}

/* NULL: as it should.  Otherwise what is wrong, in words. */
static const char *child_verdict(const struct main_child *child, int status, char *buf, size_t size)
{
    const char *panic = child->the_case->test->panics_with;
    if (child->overstayed) {
        snprintf(buf, size, "still running after %.0f s", main_timeout(child->the_case));
    } else if (panic != NULL && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT) {
        if (child_said(child, panic)) {
            return NULL;
        }
        snprintf(buf, size, "aborted without saying \"%s\"", panic);
    } else if (WIFSIGNALED(status)) {
        snprintf(buf, size, "ended by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    } else if (panic != NULL) {
        snprintf(buf, size, "ended with status %d, not by a panic", WEXITSTATUS(status));
    } else if (WEXITSTATUS(status) != 0) {
        snprintf(buf, size, "ended with status %d", WEXITSTATUS(status));
    } else {
        return NULL;
    }
    return buf;
}

static void child_finish(struct main_child *child, int status, bool verbose,
                         struct main_count *count)
{
    char buf[256];
    const char *name = child->the_case->name;
    double took = main_now() - child->started;
    bool skipped = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIPPED;
    const char *wrong = skipped ? NULL : child_verdict(child, status, buf, sizeof buf);
    kill(-child->pid, SIGKILL); /* what it left running */
    if (wrong != NULL) {
        printf("FAIL %s (%.2f s): %s\n", name, took, wrong);
        count->failed++;
    } else if (skipped) {
        printf("skip %s\n", name);
        count->skipped++;
    } else {
        count->passed++;
        if (verbose) {
            printf("pass %s (%.2f s)\n", name, took);
        }
    }
    if (wrong != NULL || skipped || verbose) {
        child_print_output(child);
    }
    fflush(stdout);
    close(child->output);
    child->pid = 0;
}

/* ---- all children ------------------------------------------------------------------------ */

/* Looks at each child once: has it ended, has it overstayed?  Returns how many still run. */
static long main_look(struct main_child *children, long jobs, bool verbose,
                      struct main_count *count)
{
    long running = 0;
    for (long i = 0; i < jobs; i++) {
        int status;
        if (children[i].pid == 0) {
            continue;
        }
        if (waitpid(children[i].pid, &status, WNOHANG) == children[i].pid) {
            child_finish(&children[i], status, verbose, count);
        } else {
            child_hurry(&children[i], main_now());
            running++;
        }
    }
    return running;
}

static void main_wait_for_room(struct main_child *children, long jobs, long at_most,
                               const struct main_options *options, struct main_count *count)
{
    sigset_t chld;
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    while (main_look(children, jobs, options->verbose, count) > at_most) {
        sigtimedwait(&chld, NULL, &(struct timespec){.tv_nsec = 200 * 1000 * 1000});
    }
}

static struct main_count main_run_all(const struct main_options *options)
{
    struct main_child children[CHILDREN_MAX] = {{0}};
    struct main_count count = {0};
    sigset_t chld;
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    sigprocmask(SIG_BLOCK, &chld, NULL);
    for (long round = 0; round < options->repeat; round++) {
        for (size_t i = 0; i < main_case_count; i++) {
            if (!main_wants(&main_cases[i], options)) {
                continue;
            }
            main_wait_for_room(children, options->jobs, options->jobs - 1, options, &count);
            long place = 0;
            while (children[place].pid != 0) {
                place++;
            }
            child_start(&children[place], &main_cases[i]);
        }
    }
    main_wait_for_room(children, options->jobs, 0, options, &count);
    return count;
}

/* glibc keeps the stacks of ended threads, which a census of mappings takes for leaks; it can be
 * told not to only before it starts.  Where this cannot work (under qemu) nothing is lost. */
static void main_start_again_without_caches(char **argv)
{
    if (getenv("GLIBC_TUNABLES") == NULL) {
        setenv("GLIBC_TUNABLES", "glibc.pthread.stack_cache_size=0:glibc.malloc.arena_max=1", 1);
        execv("/proc/self/exe", argv);
    }
}

static long main_number(const char *text, long max)
{
    char *end = NULL;
    long n = text ? strtol(text, &end, 10) : 0;
    if (text == NULL || end == text || *end != '\0' || n < 1 || n > max) {
        fprintf(stderr, "a number from 1 to %ld is wanted, not %s\n", max, text ? text : "nothing");
        exit(2);
    }
    return n;
}

static struct main_options main_parse(char **argv)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    struct main_options o = {.repeat = 1, .jobs = cpus < CHILDREN_MAX ? cpus : CHILDREN_MAX};
    for (char **at = argv + 1; *at != NULL; at++) {
        if (strcmp(*at, "--list") == 0) {
            o.list = true;
        } else if (strcmp(*at, "--night") == 0) {
            main_is_night = true;
        } else if (strcmp(*at, "-v") == 0) {
            o.verbose = true;
        } else if (strcmp(*at, "--run") == 0 && at[1] != NULL) {
            o.run = *++at;
        } else if (strcmp(*at, "--filter") == 0 && at[1] != NULL) {
            o.filter = *++at;
        } else if (strcmp(*at, "--repeat") == 0 && at[1] != NULL) {
            o.repeat = main_number(*++at, 1000000000);
        } else if (strcmp(*at, "-j") == 0 && at[1] != NULL) {
            o.jobs = main_number(*++at, CHILDREN_MAX);
        } else {
            fprintf(stderr, "usage: %s [--list] [--run NAME] [--filter TEXT] [--night] "
                    "[--repeat N] [-j N] [-v]\n", argv[0]);
            exit(2);
        }
    }
    return o;
}

int main(int argc, char **argv)
{
    (void)argc;
    struct main_options options = main_parse(argv);
    main_gather();
    if (options.list) {
        return main_list(&options);
    }
    main_start_again_without_caches(argv);
    struct main_count count = main_run_all(&options);
    printf("%ld passed, %ld failed, %ld skipped\n", count.passed, count.failed, count.skipped);
    if (options.run != NULL && count.passed + count.failed + count.skipped == 0) {
        fprintf(stderr, "no test is called %s\n", options.run);
        return 2;
    }
    if (count.failed > 0) {
        return 1;
    }
    return options.run != NULL && count.skipped > 0 ? EXIT_SKIPPED : 0;
}
