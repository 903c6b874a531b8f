/* fatal.c - a fault in a stack's guard is told as what it is; SIGINT and SIGTERM cancel the run.
 *
 * A fault elsewhere is none of our business: the former action is put back and the instruction runs
 * again, so that debuggers, sanitizers and core dumps see it as if we had not been here.
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/fatal.h"

#include <signal.h>
#include <unistd.h>

#include "base/panic.h"
#include "base/symbol.h"
#include "base/sys.h"
#include "base/sysproc.h"
#include "base/text.h"
#include "base/time.h"
#include "core/runtime.h"
#include "core/task.h"
#include "core/watch.h"
#include "weft/err.h"
#include "weft/time.h"

#define FATAL_STACK_SIZE    (64 * 1024)
#define FATAL_SECOND_WITHIN (3 * WEFT_SECOND)

static const int fatal_faults[] = {SIGSEGV, SIGBUS};
static const int fatal_stops[] = {SIGINT, SIGTERM};
static struct sigaction fatal_old_faults[WEFT_ARRAY_SIZE(fatal_faults)];
static struct sigaction fatal_old_stops[WEFT_ARRAY_SIZE(fatal_stops)];
static bool fatal_has_stops, fatal_blocks_pipes;
static ATOMIC(int64_t) fatal_first_stop_at;

static void fatal_stack_overflow(const struct weft__task *task)
{
    char label[96], site[160];
    weft__symbol_site(task->site, site, sizeof site);
    weft__panic("stack overflow in task '%s', started at %s: its stack has %zu bytes "
                "(weft_task_options.stack_size)",
                weft__task_label(task, label, sizeof label), site, task->stack.size);
}

static void fatal_fault(int signo, siginfo_t *info, void *context)
{
    struct weft__thread *self = weft__self_or_null();
    (void)context;
    if (self && weft__stack_guard_hit(&self->task->stack, info->si_addr)) {
        fatal_stack_overflow(self->task);
    }
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(fatal_faults); i++) {
        if (fatal_faults[i] == signo) {
            int rc = weft__sys_sigaction(signo, &fatal_old_faults[i], NULL);
            WEFT_CHECK(rc == 0);
        }
    }
}

/* The first one cancels, by way of the service thread; a second one soon after ends the process. */
static void fatal_stop_asked(int signo)
{
    struct weft__runtime *rt = weft__runtime_pin();
    int64_t now = weft__time_now();
    int64_t first = a_load(&fatal_first_stop_at, seq_cst);
    if (!rt || a_load(&weft__forked, relaxed) || (first && now - first < FATAL_SECOND_WITHIN)) {
        _exit(128 + signo);
    }
    a_store(&fatal_first_stop_at, now, seq_cst);
    a_store(&rt->signal_seen, (uint32_t)signo | WEFT__SIGNAL_PENDING, seq_cst);
    weft__watch_call(rt);
    weft__runtime_unpin();
}

static void fatal_mask_pipes(int how, sigset_t *ret_before)
{
    sigset_t pipes;
    sigemptyset(&pipes);
    sigaddset(&pipes, SIGPIPE);
    weft__sys_sigmask(how, &pipes, ret_before);
}

/* A write to a pipe that nobody reads says so by its code.  The threads of a run block SIGPIPE
 * anyway, but for the caller's, which is made to. */
static void fatal_block_pipes(void)
{
    sigset_t before;
    fatal_mask_pipes(SIG_BLOCK, &before);
    fatal_blocks_pipes = sigismember(&before, SIGPIPE) == 0;
}

static void fatal_unblock_pipes(void)
{
    if (fatal_blocks_pipes) {
        weft__sys_forget_signal(SIGPIPE);
        fatal_mask_pipes(SIG_UNBLOCK, NULL);
    }
}

void weft__fatal_start(struct weft__runtime *rt)
{
    struct sigaction action;
    fatal_block_pipes();
    memset(&action, 0, sizeof action);
    action.sa_sigaction = fatal_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(fatal_faults); i++) {
        int rc = weft__sys_sigaction(fatal_faults[i], &action, &fatal_old_faults[i]);
        WEFT_CHECK(rc == 0);
    }
    fatal_has_stops = !rt->options.leave_signals;
    a_store(&fatal_first_stop_at, 0, seq_cst);
    memset(&action, 0, sizeof action);
    action.sa_handler = fatal_stop_asked;
    /* ThreadSanitizer only notes the signal; the thread has to come out of its wait to hear it. */
    action.sa_flags = (WEFT_TSAN ? 0 : SA_RESTART) | SA_ONSTACK;
    for (size_t i = 0; fatal_has_stops && i < WEFT_ARRAY_SIZE(fatal_stops); i++) {
        int rc = weft__sys_sigaction(fatal_stops[i], &action, &fatal_old_stops[i]);
        WEFT_CHECK(rc == 0);
        /* Ignored before us (nohup, a background job of a plain shell): leave it so. */
        if (fatal_old_stops[i].sa_handler == SIG_IGN) {
            rc = weft__sys_sigaction(fatal_stops[i], &fatal_old_stops[i], NULL);
            WEFT_CHECK(rc == 0);
        }
    }
}

void weft__fatal_stop(struct weft__runtime *rt)
{
    (void)rt;
    fatal_unblock_pipes();
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(fatal_faults); i++) {
        int rc = weft__sys_sigaction(fatal_faults[i], &fatal_old_faults[i], NULL);
        WEFT_CHECK(rc == 0);
    }
    for (size_t i = 0; fatal_has_stops && i < WEFT_ARRAY_SIZE(fatal_stops); i++) {
        int rc = weft__sys_sigaction(fatal_stops[i], &fatal_old_stops[i], NULL);
        WEFT_CHECK(rc == 0);
    }
}

int weft__fatal_thread_begin(struct weft__thread *self)
{
    void *stack;
    stack_t now, old;
    int rc = weft__sys_map(FATAL_STACK_SIZE, &stack);
    if (rc < 0) {
        return -WEFT_ENOMEM;
    }
    now = (stack_t){.ss_sp = stack, .ss_size = FATAL_STACK_SIZE};
    rc = weft__sys_sigaltstack(&now, &old);
    WEFT_CHECK(rc == 0);
    self->signal_stack = stack;
    self->old_signal_stack = old;
    return 0;
}

void weft__fatal_thread_end(struct weft__thread *self)
{
    if (!self->signal_stack) {
        return;
    }
    int rc = weft__sys_sigaltstack(&self->old_signal_stack, NULL);
    WEFT_CHECK(rc == 0);
    weft__sys_unmap(self->signal_stack, FATAL_STACK_SIZE);
    self->signal_stack = NULL;
}
