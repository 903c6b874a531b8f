/* delays.c - the program on its real threads, with delays here and there.
 *
 * Each interposed call, and with the hooks each access at some of the sites, may sleep before it is
 * done.  Which sites sleep long is drawn anew for each schedule, from its seed; most calls do not
 * sleep at all.  Then the real function runs.  What goes wrong shows by itself: the program dies,
 * or its status is not 0, or all of its threads wait for one another.
 *
 * The last is seen by the server from outside.  Each thread writes into shared memory which call it
 * is in; when no thread has come further for two seconds, and the kernel says that all of them
 * sleep in a futex, in calls that have no deadline, nobody is left to wake them.
 *
 * Rejected: waiting as a fraction of the run's time, which is what a slow machine changes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/preload/delays.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/symbol.h"
#include "base/text.h"

#define DELAYS_THREADS_MAX 256
#define DELAYS_BUDGET_US   200000 /* for each thread: a schedule must end */
#define DELAYS_LONG_US     2000
#define DELAYS_SHORT_US    50
#define DELAYS_GLANCE_NS   100000000L
#define DELAYS_STUCK       20 /* glances without progress */

struct delays_thread {
    ATOMIC(const char *) call; /* a constant: the function that was called last */
    ATOMIC(uintptr_t) pc;
    ATOMIC(uint32_t) count;
    ATOMIC(int32_t) tid;
};

/* Shared by the server and the child. */
struct delays_shared {
    ATOMIC(uint32_t) n_threads;
    ATOMIC(uint32_t) said;
    char text[200];
    struct delays_thread thread[DELAYS_THREADS_MAX];
};

struct delays_self {
    struct delays_thread *thread;
    uint64_t random;
    uint32_t spent_us;
};

bool weft__delays;

static struct weft__exchange *delays_exchange;
static struct delays_shared *delays_shared;
static uint64_t delays_seed;
static __thread struct delays_self delays_self;

/* ---- in the child ---- */

static uint64_t delays_mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static struct delays_self *delays_find_self(void)
{
    struct delays_self *self = &delays_self;

    if (WEFT_UNLIKELY(self->random == 0)) {
        uint32_t number = a_add(&delays_shared->n_threads, 1, relaxed);
        self->random = delays_mix(delays_seed + number) | 1;
        if (number < DELAYS_THREADS_MAX) {
            self->thread = &delays_shared->thread[number];
            a_store(&self->thread->tid, (int32_t)syscall(SYS_gettid), relaxed);
        }
    }
    return self;
}

static void delays_sleep(struct delays_self *self, uint32_t us)
{
    struct timespec time = {0, (long)us * 1000};

    if (us == 0 || self->spent_us + us > DELAYS_BUDGET_US)
        return;
    self->spent_us += us;
    (void)syscall(SYS_nanosleep, &time, NULL);
}

/* One site in four is a slow one in this schedule: every second time it takes long.  The others
 * sleep once in sixteen, and briefly.  Of accesses only the slow sites count, one in sixteen. */
static uint32_t delays_draw(struct delays_self *self, uintptr_t pc, bool is_access)
{
    uint64_t site = delays_mix(delays_seed ^ pc);
    uint64_t drawn = self->random = delays_mix(self->random);
    bool slow = (site & (is_access ? 15 : 3)) == 0;

    if (slow && (drawn & 1) == 0)
        return 1 + (uint32_t)((drawn >> 8) % DELAYS_LONG_US);
    if (!slow && !is_access && (drawn & 15) == 0)
        return 1 + (uint32_t)((drawn >> 8) % DELAYS_SHORT_US);
    return 0;
}

bool weft__delay(const char *call, uintptr_t pc)
{
    int code = errno;

    if (weft__is_system(pc))
        return false;
    struct delays_self *self = delays_find_self();
    if (self->thread != NULL) {
        if (call != NULL) {
            a_store(&self->thread->pc, pc, relaxed);
            a_store(&self->thread->call, call, relaxed);
        }
        (void)a_add(&self->thread->count, 1, relaxed);
    }
    delays_sleep(self, delays_draw(self, pc, call == NULL));
    errno = code;
    return false;
}

void weft__delays_begin(uint64_t seed)
{
    delays_seed = delays_mix(seed);
    weft__delays = true;
}

void weft__delays_note(const char *text, const char *file, unsigned line, const char *function)
{
    const char *slash = file != NULL ? strrchr(file, '/') : NULL;
    struct weft__text to;

    if (!weft__delays || a_xchg(&delays_shared->said, 1, acq_rel) != 0)
        return;
    weft__text_init(&to, delays_shared->text, sizeof delays_shared->text);
    weft__text_add(&to, "%s:%u: %s%sassertion `%s' failed",
                   slash != NULL ? slash + 1 : file != NULL ? file : "?", line,
                   function != NULL ? function : "", function != NULL ? ": " : "", text);
}

/* ---- in the server: does anybody go on? ---- */

void weft__delays_prepare(struct weft__exchange *exchange)
{
    void *p = mmap(NULL, sizeof *delays_shared, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    WEFT_CHECK(p != MAP_FAILED);
    delays_shared = p;
    delays_exchange = exchange;
}

void weft__delays_clear(void)
{
    memset(delays_shared, 0, sizeof *delays_shared);
}

/* Calls that only another thread ends. */
static bool delays_waits(const char *call)
{
    static const char *const calls[] = {
        "pthread_mutex_lock", "pthread_cond_wait",  "pthread_join", "pthread_rwlock_rdlock",
        "pthread_rwlock_wrlock", "pthread_barrier_wait", "sem_wait", "mtx_lock",
        "cnd_wait", "thrd_join"};

    for (size_t i = 0; call != NULL && i < WEFT_ARRAY_SIZE(calls); i++) {
        if (strcmp(call, calls[i]) == 0)
            return true;
    }
    return false;
}

static const struct delays_thread *delays_thread_of(int32_t tid)
{
    uint32_t n = weft__min(a_load(&delays_shared->n_threads, relaxed),
                           (uint32_t)DELAYS_THREADS_MAX);

    for (uint32_t i = 0; i < n; i++) {
        if (a_load(&delays_shared->thread[i].tid, relaxed) == tid)
            return &delays_shared->thread[i];
    }
    return NULL;
}

/* The kernel's word for it; a thread that it tells nothing about is not taken as waiting. */
static bool delays_in_futex(pid_t pid, int32_t tid)
{
    char path[64], word[32] = "";

    snprintf(path, sizeof path, "/proc/%d/task/%d/syscall", (int)pid, (int)tid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, word, sizeof word - 1);
    (void)close(fd);
    return n > 0 && word[0] != 'r' && strtol(word, NULL, 10) == SYS_futex;
}

/* All of them wait: their number, and in words where.  0: not all. */
static uint32_t delays_all_wait(pid_t pid, struct weft__text *to)
{
    char path[64], name[80];
    uint32_t n = 0;
    bool all = true;

    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    if (tasks == NULL)
        return 0;
    for (struct dirent *entry; all && (entry = readdir(tasks)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        int32_t tid = (int32_t)strtol(entry->d_name, NULL, 10);
        const struct delays_thread *thread = delays_thread_of(tid);
        const char *call = thread != NULL ? a_load(&thread->call, relaxed) : NULL;
        all = delays_waits(call) && delays_in_futex(pid, tid);
        if (all && to != NULL) {
            weft__symbol_name((const void *)(a_load(&thread->pc, relaxed) - 1), name, sizeof name);
            weft__text_add(to, "%s%s, called by %s", n > 0 ? "; " : "", call, name);
        }
        n += all;
    }
    (void)closedir(tasks);
    return all ? n : 0;
}

static uint64_t delays_progress(void)
{
    uint32_t n = weft__min(a_load(&delays_shared->n_threads, relaxed),
                           (uint32_t)DELAYS_THREADS_MAX);
    uint64_t sum = n;

    for (uint32_t i = 0; i < n; i++)
        sum += a_load(&delays_shared->thread[i].count, relaxed);
    return sum;
}

/* ---- in the server: what became of it? ---- */

static struct weft__finding *delays_found(enum weft__class class)
{
    struct weft__finding *finding = &delays_exchange->outcome.findings[0];

    memset(finding, 0, sizeof *finding);
    finding->class = class;
    delays_exchange->outcome.n_findings = 1;
    return finding;
}

static void delays_tell_end(int status)
{
    struct weft__outcome *outcome = &delays_exchange->outcome;
    struct weft__text to;

    if (WIFSIGNALED(status)) {
        int signo = WTERMSIG(status);
        bool asserted = signo == SIGABRT && a_load(&delays_shared->said, acquire) != 0;
        struct weft__finding *finding =
            delays_found(asserted ? WEFT__CLASS_ASSERT : WEFT__CLASS_CRASH);
        outcome->term_signal = (uint32_t)signo;
        weft__text_init(&to, finding->text, sizeof finding->text);
        if (asserted)
            weft__text_add(&to, "%s", delays_shared->text);
        else
            weft__text_add(&to, "ended by signal %d (%s)", signo, strsignal(signo));
    } else {
        outcome->exit_status = WEXITSTATUS(status);
        if (outcome->exit_status != 0) {
            struct weft__finding *finding = delays_found(WEFT__CLASS_EXIT_STATUS);
            weft__text_init(&to, finding->text, sizeof finding->text);
            weft__text_add(&to, "the program ended with status %d", outcome->exit_status);
        }
    }
}

/* True: it was stuck, is told of, and killed. */
static bool delays_end_stuck(pid_t pid)
{
    char text[256];
    struct weft__text to;

    weft__text_init(&to, text, sizeof text);
    weft__text_add(&to, "no thread goes on: ");
    if (delays_all_wait(pid, &to) == 0)
        return false;
    memcpy(delays_found(WEFT__CLASS_DEADLOCK)->text, text, sizeof text);
    (void)kill(pid, SIGKILL);
    return true;
}

int weft__delays_wait(pid_t pid, int socket)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0), status = 0, quiet = 0;
    struct pollfd fds[2] = {{.fd = fd, .events = POLLIN}, {.fd = socket}};
    uint64_t before = 0;
    bool stuck = false;

    while (fd >= 0 && !stuck && !(fds[0].revents & POLLIN)) {
        struct timespec glance = {0, DELAYS_GLANCE_NS}; /* the kernel writes what is left */
        if (syscall(SYS_ppoll, fds, 2, &glance, NULL, 0) < 0 && errno != EINTR)
            break;
        if (fds[1].revents & (POLLHUP | POLLERR)) {
            (void)kill(pid, SIGKILL);
            _exit(0);
        }
        uint64_t now = delays_progress();
        quiet = now == before && delays_all_wait(pid, NULL) > 0 ? quiet + 1 : 0;
        before = now;
        stuck = quiet >= DELAYS_STUCK && delays_end_stuck(pid);
    }
    if (fd >= 0)
        (void)syscall(SYS_close, fd);
    while (syscall(SYS_wait4, pid, &status, 0, NULL) < 0 && errno == EINTR)
        continue;
    delays_exchange->outcome.not_deterministic = 1;
    if (!stuck && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return status; /* by the searcher, after its patience: it says so itself */
    if (!stuck)
        delays_tell_end(status);
    delays_exchange->outcome.state = WEFT__OUTCOME_DONE;
    return status;
}
