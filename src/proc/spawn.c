/* spawn.c - a child: started, waited for, signalled, and ended if nobody else does.
 *
 * A child is known by its descriptor (pidfd), which becomes readable when it has ended: any number
 * of tasks wait on that, and the first to look afterwards reaps it, under the lock; so a signal can
 * never meet a stranger that has got the number of one that is gone.  SIGCHLD plays no part:
 * whoever handles it for children of his own may, as long as he waits for those alone.
 *
 * Without a pidfd (Linux before 5.3, a seccomp filter, no descriptor to be had) waiting is looking,
 * in steps of PROC_STEP_NS; on a virtual clock those pass at once.  Rejected: a thread of the pool
 * for each, blocked in waitid: 64 children would stop all the files.
 *
 * Starting holds up the worker for the 50 us of posix_spawn; a hop to the pool costs as much.
 *
 * SPDX-License-Identifier: MIT
 */
#include <fcntl.h>
#include <signal.h>

#include "base/alloc.h"
#include "base/panic.h"
#include "base/sys.h"
#include "base/sysnet.h"
#include "io/driver.h"
#include "proc/proc.h"
#include "weft/err.h"
#include "weft/io.h"
#include "weft/scope.h"
#include "weft/time.h"

#define PROC_GRACE_NS (5 * WEFT_SECOND)
#define PROC_STEP_NS  (5 * WEFT_MS)
#define PROC_FDS      3

_Static_assert(POLLIN == WEFT_FD_READ, "the bits of poll");

static const struct weft__wait_kind proc_wait_kind = {.what = "process", .holder = NULL};

static struct weft__thread *proc_lock(weft_proc *proc)
{
    struct weft__thread *self = weft__enter();
    lock_take_object(&proc->lock);
    return self;
}

static void proc_unlock(struct weft__thread *self, weft_proc *proc)
{
    lock_drop(&proc->lock);
    weft__leave(self);
}

bool weft__proc_is_simulated(void)
{
    return weft__control != NULL || weft__outside() != &weft__outside_kernel;
}

/* ---- what the child gets ---- */

/* Descriptors that are only for the way into the child. */
struct proc_plan {
    struct weft__proc_order order;
    int temporary[2 * PROC_FDS];
    int count;
};

static void proc_plan_note(struct proc_plan *plan, int fd)
{
    WEFT_CHECK(plan->count < 2 * PROC_FDS);
    plan->temporary[plan->count++] = fd;
}

static void proc_plan_close(struct proc_plan *plan)
{
    while (plan->count > 0) {
        weft__sys_close(plan->temporary[--plan->count]);
    }
}

/* Whoever did not write it for that expects its descriptors to wait. */
static int proc_make_wait(int fd)
{
    int flags = weft__sys_get_flags(fd);
    if (flags < 0 || !(flags & O_NONBLOCK)) {
        return flags < 0 ? flags : 0;
    }
    return weft__sys_set_flags(fd, flags & ~O_NONBLOCK);
}

/* fd becomes the child's i-th: not by way of a number below 3 that is another's target. */
static int proc_plan_source(struct proc_plan *plan, int i, int fd)
{
    int rc = proc_make_wait(fd);
    if (rc < 0) {
        return rc;
    }
    if (fd < PROC_FDS && fd != i) {
        fd = weft__sys_dup_above(fd);
        if (fd < 0) {
            return fd;
        }
        proc_plan_note(plan, fd);
    }
    plan->order.sources[i] = fd;
    return 0;
}

static int proc_plan_pipe(struct proc_plan *plan, weft_proc *proc, int i)
{
    int fds[2];
    int rc = weft__sys_pipe(fds);
    if (rc < 0) {
        return rc;
    }
    const int theirs = i == 0 ? fds[0] : fds[1];
    proc->fds[i] = i == 0 ? fds[1] : fds[0];
    weft__fd_made(proc->fds[i]);
    proc_plan_note(plan, theirs);
    return proc_plan_source(plan, i, theirs);
}

static int proc_plan_one(struct proc_plan *plan, weft_proc *proc, int i, int wanted)
{
    switch (wanted) {
    case WEFT_PROC_DEFAULT:
    case WEFT_PROC_INHERIT:
        plan->order.sources[i] = weft__sys_is_inheritable(i) ? i : WEFT__PROC_SOURCE_NULL;
        return 0;
    case WEFT_PROC_NULL:
        plan->order.sources[i] = WEFT__PROC_SOURCE_NULL;
        return 0;
    case WEFT_PROC_STDOUT:
        plan->order.sources[i] = WEFT__PROC_SOURCE_STDOUT;
        return 0;
    case WEFT_PROC_PIPE:
        return proc_plan_pipe(plan, proc, i);
    default:
        return proc_plan_source(plan, i, wanted);
    }
}

static int proc_plan_all(struct proc_plan *plan, weft_proc *proc, const weft_proc_options *options)
{
    const int wanted[PROC_FDS] = {options->in, options->out, options->err};
    int rc = 0;
    for (int i = 0; rc == 0 && i < PROC_FDS; i++) {
        rc = proc_plan_one(plan, proc, i, wanted[i]);
    }
    return rc;
}

static bool proc_is_sensible(const char *const argv[], const weft_proc_options *options)
{
    return argv && argv[0] && options->in >= WEFT_PROC_PIPE && options->out >= WEFT_PROC_PIPE &&
           options->err >= WEFT_PROC_STDOUT && options->grace_ns >= 0;
}

/* ---- starting ---- */

static weft_proc *proc_new(const weft_proc_options *options)
{
    weft_proc *proc = weft__alloc_zero(sizeof *proc);
    if (!proc) {
        return NULL;
    }
    lock_init(&proc->lock, WEFT_RANK_SYNC);
    proc->pidfd = -1;
    for (int i = 0; i < PROC_FDS; i++) {
        proc->fds[i] = -1;
    }
    proc->new_group = options->new_group;
    proc->grace_ns = options->grace_ns > 0 ? options->grace_ns : PROC_GRACE_NS;
    return proc;
}

static void proc_close_pipes(weft_proc *proc)
{
    for (int i = 0; i < PROC_FDS; i++) {
        if (proc->fds[i] >= 0) {
            weft__fd_close(proc->fds[i]);
            proc->fds[i] = -1;
        }
    }
}

static int proc_begin(weft_proc *proc, const char *const argv[], const weft_proc_options *options)
{
    struct proc_plan plan = {.order = {.argv = argv,
                                       .env = options->env,
                                       .dir = options->dir,
                                       .new_group = options->new_group}};
    int rc = proc_plan_all(&plan, proc, options);
    if (rc == 0) {
        rc = weft__sys_proc_start(&plan.order, &proc->pid);
    }
    proc_plan_close(&plan);
    if (rc < 0) {
        return rc;
    }
    int pidfd = weft__sys_pidfd_open(proc->pid);
    if (pidfd >= 0) { /* else it has to do without */
        weft__fd_made(pidfd);
        proc->pidfd = pidfd;
    }
    return 0;
}

/* Is the calling task cancelled?  Of a call that need not sleep in the end. */
static int proc_enter(const void *site)
{
    struct weft__thread *self = weft__op_begin(WEFT__DEED_IO, NULL, site);
    if (weft__op_cancelled(self)) {
        return weft__op_refuse(self);
    }
    weft__leave(self);
    return 0;
}

int weft_proc_start(const char *const argv[], const weft_proc_options *options,
                    weft_proc **ret_proc)
{
    static const weft_proc_options defaults;
    options = options ? options : &defaults;
    if (!proc_is_sensible(argv, options)) {
        return -WEFT_EINVAL;
    }
    int rc = proc_enter(__builtin_return_address(0));
    if (rc < 0) {
        return rc;
    }
    if (weft__proc_is_simulated()) {
        return -WEFT_ENOTSUP;
    }
    weft_proc *proc = proc_new(options);
    if (!proc) {
        return -WEFT_ENOMEM;
    }
    rc = proc_begin(proc, argv, options);
    if (rc < 0) {
        proc_close_pipes(proc);
        weft__free(proc);
        return rc;
    }
    *ret_proc = proc;
    return 0;
}

pid_t weft_proc_pid(const weft_proc *proc)
{
    return proc->pid;
}

int weft_proc_fd(weft_proc *proc, int which, bool take)
{
    if (which < 0 || which >= PROC_FDS) {
        return -EBADF;
    }
    struct weft__thread *self = proc_lock(proc);
    int fd = proc->fds[which];
    if (take) {
        proc->fds[which] = -1;
    }
    proc_unlock(self, proc);
    return fd >= 0 ? fd : -EBADF;
}

/* ---- waiting ---- */

bool weft__proc_reap(weft_proc *proc)
{
    struct weft__thread *self = proc_lock(proc);
    if (!proc->has_ended) {
        proc->has_ended = weft__sys_proc_reap(proc->pid, proc->pidfd, &proc->fate) == 1;
    }
    bool has_ended = proc->has_ended;
    proc_unlock(self, proc);
    return has_ended;
}

void weft__proc_tell(weft_proc *proc, weft_proc_end *ret_end)
{
    const struct weft__proc_fate *fate = &proc->fate;
    WEFT_CHECK(proc->has_ended);
    *ret_end = (weft_proc_end){.exit_code = fate->exit_code,
                               .signal = fate->signal,
                               .dumped_core = fate->dumped_core,
                               .user_ns = fate->user_ns,
                               .system_ns = fate->system_ns,
                               .memory_max_bytes = fate->memory_max_bytes};
}

/* A plain thread, which no scope's deadline would wake when no run is on. */
static int proc_sleep_plain(int fd, int64_t until)
{
    struct pollfd what = {.fd = fd, .events = POLLIN};
    int64_t left = until == WEFT_NEVER ? -1 : weft__max(until - weft_now(), INT64_C(0));
    int n = weft__sys_poll(&what, fd >= 0, left);
    WEFT_CHECK(n >= 0 || n == -EINTR);
    return 0;
}

static int proc_sleep_once(int fd, int64_t until, const void *site)
{
    if (fd < 0) {
        return weft_sleep(weft__min(until - weft_now(), PROC_STEP_NS));
    }
    ssize_t rc = weft__io_do(&(struct weft__io_op){.code = WEFT__IO_POLL,
                                                   .fd = fd,
                                                   .flags = WEFT_FD_READ,
                                                   .kind = &proc_wait_kind,
                                                   .site = site});
    if (rc >= 0 || rc == -WEFT_ECANCELED) {
        return rc < 0 ? (int)rc : 0;
    }
    return weft_sleep(PROC_STEP_NS); /* no memory to wait with; it will not be so for long */
}

int weft__proc_sleep(int fd, int64_t until, bool is_firm, const void *site)
{
    if (!weft__self_task()->runtime) {
        return proc_sleep_plain(fd, fd >= 0 ? until : weft_after(PROC_STEP_NS));
    }
    if (until == WEFT_NEVER && !is_firm) {
        return proc_sleep_once(fd, until, site);
    }
    weft_scope scope;
    weft_scope_open_with(&scope,
                         &(weft_scope_options){.name = "process",
                                               .shield = is_firm,
                                               .deadline = until == WEFT_NEVER ? 0 : until});
    (void)proc_sleep_once(fd, until, site);
    int rc = weft_scope_close(&scope);
    return rc == -WEFT_ECANCELED && !is_firm ? rc : 0;
}

static void proc_use(weft_proc *proc, int change)
{
    struct weft__thread *self = proc_lock(proc);
    proc->users += (uint32_t)change;
    proc_unlock(self, proc);
}

static int proc_wait_until(weft_proc *proc, int64_t until, bool is_firm, const void *site)
{
    int rc = 0;
    bool has_ended = weft__proc_reap(proc);
    while (!has_ended && rc == 0 && (until == WEFT_NEVER || weft_now() < until)) {
        rc = weft__proc_sleep(proc->pidfd, until, is_firm, site);
        has_ended = weft__proc_reap(proc);
    }
    return has_ended ? 0 : rc < 0 ? rc : -WEFT_ETIMEDOUT;
}

int weft_proc_wait(weft_proc *proc, weft_proc_end *ret_end)
{
    const void *site = __builtin_return_address(0);
    int rc = proc_enter(site);
    if (rc < 0) {
        return rc;
    }
    proc_use(proc, 1);
    rc = proc_wait_until(proc, WEFT_NEVER, false, site);
    if (rc == 0 && ret_end) {
        weft__proc_tell(proc, ret_end);
    }
    proc_use(proc, -1);
    return rc;
}

/* ---- ending ---- */

/* To the child and, if it has one of its own, to all of its group; those may outlive it. */
int weft_proc_signal(weft_proc *proc, int signo)
{
    if (signo < 0 || signo >= NSIG) {
        return -WEFT_EINVAL;
    }
    bool has_ended = weft__proc_reap(proc);
    int rc = -ESRCH;
    struct weft__thread *self = proc_lock(proc);
    pid_t pid = proc->has_ended ? 0 : proc->pid;
    if (proc->new_group) {
        rc = weft__sys_proc_signal_group(pid, proc->pidfd, signo);
    } else if (!has_ended && pid > 0) {
        rc = weft__sys_proc_signal(pid, proc->pidfd, signo);
    }
    proc_unlock(self, proc);
    return rc;
}

void weft_proc_stop(weft_proc *proc, weft_proc_end *ret_end)
{
    const void *site = __builtin_return_address(0);
    int rc = 0;
    proc_use(proc, 1);
    if (!weft__proc_reap(proc)) {
        (void)weft_proc_signal(proc, SIGTERM);
        (void)weft_proc_signal(proc, SIGCONT); /* or it would not hear it, being stopped */
        rc = proc_wait_until(proc, weft_after(proc->grace_ns), true, site);
    }
    if (rc < 0) {
        (void)weft_proc_signal(proc, SIGKILL);
        rc = proc_wait_until(proc, WEFT_NEVER, true, site);
        WEFT_CHECK(rc == 0);
    }
    if (proc->new_group) {
        (void)weft_proc_signal(proc, SIGKILL); /* whoever of the group is left */
    }
    if (ret_end) {
        weft__proc_tell(proc, ret_end);
    }
    proc_use(proc, -1);
}

/* The pipes first: who writes to one learns that nobody reads. */
void weft_proc_close(weft_proc *proc)
{
    if (!proc) {
        return;
    }
    struct weft__thread *self = proc_lock(proc);
    uint32_t users = proc->users;
    proc_unlock(self, proc);
    if (users > 0) {
        weft__panic("weft_proc_close: %u others still wait for the process", users);
    }
    proc_close_pipes(proc);
    weft_proc_stop(proc, NULL);
    if (proc->pidfd >= 0) {
        weft__fd_close(proc->pidfd);
    }
    weft__free(proc);
}
