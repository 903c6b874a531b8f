/* signal_test.c - signals received by tasks: counted, described, one after the other, none lost.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weft.h>
#include <weft/signal.h>

#include "base/atomic.h"
#include "base/fault.h"
#include "tests/test.h"

static weft_signals *signal_open(const int *numbers, size_t n)
{
    weft_signals *signals = NULL;
    EXPECT_EQ(weft_signals_open(numbers, n, &signals), 0);
    return signals;
}

static weft_signal_info signal_next(weft_signals *signals)
{
    weft_signal_info info = {0};
    EXPECT_EQ(weft_signals_next(signals, &info), 0);
    return info;
}

static void signal_send(int signo)
{
    EXPECT_EQ(kill(getpid(), signo), 0);
}

/* Has the handler run for what was sent?  It may run in another thread, a moment later. */
static int signal_expect_none(weft_signals *signals)
{
    weft_signal_info info;
    weft_scope scope;
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(5 * WEFT_MS));
    int rc = weft_signals_next(signals, &info);
    (void)weft_scope_close(&scope);
    return rc;
}

IO_TEST_REAL(signal_is_received)
{
    static const int numbers[] = {SIGUSR1, SIGUSR2, SIGUSR1};
    weft_signals *signals = signal_open(numbers, 3);
    signal_send(SIGUSR1);
    weft_signal_info info = signal_next(signals);
    EXPECT_EQ(info.signo, SIGUSR1);
    EXPECT_EQ(info.times, 1);
    EXPECT_EQ(info.code, SI_USER);
    EXPECT_EQ(info.pid, getpid());
    EXPECT_EQ(info.uid, getuid());
    EXPECT_EQ(signal_expect_none(signals), -WEFT_ECANCELED);
    EXPECT_EQ(sigqueue(getpid(), SIGUSR2, (union sigval){.sival_int = 42}), 0);
    info = signal_next(signals);
    EXPECT_EQ(info.signo, SIGUSR2);
    EXPECT_EQ(info.code, SI_QUEUE);
    EXPECT_EQ(info.value, 42);
    weft_signals_close(signals);
    weft_signals_close(NULL);
}

static int signal_send_later(void *arg)
{
    EXPECT_EQ(weft_sleep(2 * WEFT_MS), 0);
    signal_send(*(int *)arg);
    return 0;
}

IO_TEST_REAL(signal_wakes_who_waits)
{
    const int signo = SIGUSR1;
    weft_signals *signals = signal_open(&signo, 1);
    for (int i = 0; i < 20; i++) {
        weft_scope scope;
        weft_scope_open(&scope);
        EXPECT_EQ(weft_go(&scope, signal_send_later, &signo), 0);
        EXPECT_EQ(signal_next(signals).signo, SIGUSR1);
        EXPECT_EQ(weft_scope_close(&scope), 0);
    }
    weft_signals_close(signals);
}

IO_TEST_REAL(signal_wait_is_cancelled)
{
    const int signo = SIGUSR1;
    weft_signals *signals = signal_open(&signo, 1);
    EXPECT_EQ(signal_expect_none(signals), -WEFT_ECANCELED);
    weft_scope scope;
    weft_signal_info info;
    signal_send(SIGUSR1);
    weft_scope_open(&scope);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_signals_next(signals, &info), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(signal_next(signals).signo, SIGUSR1); /* it was not taken */
    weft_signals_close(signals);
}

/* Realtime signals queue up in the kernel, so each of them is counted. */
IO_TEST_REAL(signal_none_is_lost)
{
    const int signo = SIGRTMIN;
    const uint32_t wanted = 1000;
    if (WEFT_TSAN) {
        SKIP("ThreadSanitizer keeps one signal of a number until the thread does something else");
    }
    weft_signals *signals = signal_open(&signo, 1);
    uint32_t count = 0, sent = 0;
    while (count < wanted) {
        for (int i = 0; i < 7 && sent < wanted; i++, sent++) {
            EXPECT_EQ(sigqueue(getpid(), signo, (union sigval){.sival_int = (int)sent}), 0);
        }
        weft_signal_info info = signal_next(signals);
        EXPECT(info.times > 0);
        count += info.times;
    }
    EXPECT_EQ(count, wanted);
    EXPECT_EQ(signal_expect_none(signals), -WEFT_ECANCELED);
    weft_signals_close(signals);
}

enum { SIGNAL_STORM = 5000 };

static void *signal_storm(void *arg)
{
    (void)arg;
    for (int sent = 0; sent < SIGNAL_STORM;) {
        int rc = sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = sent});
        EXPECT(rc == 0 || errno == EAGAIN); /* the kernel keeps so many */
        sent += rc == 0;
    }
    return NULL;
}

/* Handlers run in several threads at once, while they are read, and others come and go. */
IO_TEST_REAL(signal_storm_of_threads)
{
    const int signo = SIGRTMIN;
    pthread_t threads[3];
    weft_signals *signals = signal_open(&signo, 1);
    if (WEFT_TSAN) {
        weft_signals_close(signals);
        SKIP("ThreadSanitizer keeps one signal of a number until the thread does something else");
    }
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(pthread_create(&threads[i], NULL, signal_storm, NULL), 0);
    }
    for (uint32_t count = 0; count < 3 * SIGNAL_STORM;) {
        weft_signals *other = signal_open(&signo, 1);
        count += signal_next(signals).times;
        weft_signals_close(other);
    }
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(pthread_join(threads[i], NULL), 0);
    }
    EXPECT_EQ(signal_expect_none(signals), -WEFT_ECANCELED);
    weft_signals_close(signals);
}

/* One that keeps coming does not hide another. */
IO_TEST_REAL(signal_each_has_its_turn)
{
    static const int numbers[] = {SIGUSR1, SIGUSR2};
    weft_signals *signals = signal_open(numbers, 2), *other = signal_open(numbers, 2);
    signal_send(SIGUSR2);
    EXPECT_EQ(signal_next(other).signo, SIGUSR2); /* so it has come to both */
    signal_send(SIGUSR1);
    EXPECT_EQ(signal_next(other).signo, SIGUSR1);
    EXPECT_EQ(signal_next(signals).signo, SIGUSR1);
    signal_send(SIGUSR1);
    EXPECT_EQ(signal_next(other).signo, SIGUSR1);
    EXPECT_EQ(signal_next(signals).signo, SIGUSR2);
    EXPECT_EQ(signal_next(signals).signo, SIGUSR1);
    weft_signals_close(other);
    weft_signals_close(signals);
}

static ATOMIC(uint32_t) signal_handled;

static void signal_handler(int signo)
{
    (void)signo;
    a_add(&signal_handled, 1, seq_cst);
}

IO_TEST_REAL(signal_former_handlers_come_back)
{
    const int signo = SIGUSR1;
    a_store(&signal_handled, 0, relaxed);
    EXPECT(signal(SIGUSR1, signal_handler) != SIG_ERR);
    weft_signals *first = signal_open(&signo, 1), *second = signal_open(&signo, 1);
    signal_send(SIGUSR1);
    EXPECT_EQ(signal_next(first).times, 1);
    EXPECT_EQ(signal_next(second).times, 1); /* each gets it */
    weft_signals_close(first);
    signal_send(SIGUSR1);
    EXPECT_EQ(signal_next(second).times, 1);
    EXPECT_EQ(a_load(&signal_handled, seq_cst), 0);
    weft_signals_close(second);
    signal_send(SIGUSR1);
    while (a_load(&signal_handled, seq_cst) == 0) {
        EXPECT_EQ(weft_sleep(WEFT_MS), 0);
    }
    /* who was there before is not put in the place of who came meanwhile */
    first = signal_open(&signo, 1);
    EXPECT(signal(SIGUSR1, SIG_IGN) != SIG_ERR);
    weft_signals_close(first);
    EXPECT(signal(SIGUSR1, SIG_DFL) == SIG_IGN);
}

IO_TEST_REAL(signal_refused)
{
    static const int never[] = {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP,
                                SIGSYS, SIGABRT, SIGURG, 0, -1, 32, 33, 65, 1000};
    weft_signals *signals = NULL;
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        EXPECT_EQ(weft_signals_open(&never[i], 1, &signals), -WEFT_EINVAL);
    }
    EXPECT_EQ(weft_signals_open(NULL, 0, &signals), -WEFT_EINVAL);
    EXPECT(signals == NULL);
}

IO_TEST_REAL(signal_every_call_fails_once)
{
    const int signo = SIGUSR1;
    for (uint64_t n = 1;; n++) {
        weft_signals *signals = NULL;
        weft__fault_arm(WEFT_FAULT_MASK(WEFT_FAULT_ALLOC) | WEFT_FAULT_MASK(WEFT_FAULT_SYS), n);
        int rc = weft_signals_open(&signo, 1, &signals);
        uint64_t calls = weft__fault_disarm();
        EXPECT((rc == 0) == (signals != NULL));
        weft_signals_close(signals);
        if (calls < n) {
            EXPECT_EQ(rc, 0);
            return;
        }
    }
}

/* How it ended is not taken away from who waits for it. */
IO_TEST_REAL(signal_of_a_child)
{
    const int signo = SIGCHLD;
    weft_signals *signals = signal_open(&signo, 1);
    pid_t pid = fork();
    if (pid == 0) {
        _exit(5);
    }
    weft_signal_info info = signal_next(signals);
    EXPECT_EQ(info.signo, SIGCHLD);
    EXPECT_EQ(info.code, CLD_EXITED);
    EXPECT_EQ(info.pid, pid);
    EXPECT_EQ(info.value, 5);
    int status;
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    weft_signals_close(signals);
}

/* ---- with the run ---- */

static int signal_take_stop(void *arg)
{
    const int signo = *(int *)arg;
    weft_signals *signals = signal_open(&signo, 1);
    for (int i = 0; i < 3; i++) { /* a second one would end the process, and a first the run */
        signal_send(signo);
        EXPECT_EQ(signal_next(signals).signo, signo);
    }
    weft_signals_close(signals);
    EXPECT(!weft_cancelled());
    return 7;
}

/* Afterwards it is the run's again. */
static int signal_give_back(void *arg)
{
    EXPECT_EQ(signal_take_stop(arg), 7);
    signal_send(*(int *)arg);
    return weft_sleep(20 * WEFT_SECOND);
}

TEST(signal_of_the_run_is_taken)
{
    int numbers[] = {SIGINT, SIGTERM};
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ(weft_run(signal_take_stop, &numbers[i]), 7);
        EXPECT_EQ(weft_run(signal_give_back, &numbers[i]), 128 + numbers[i]);
    }
}

TEST(signal_without_a_run)
{
    const int signo = SIGUSR1;
    weft_signals *signals = NULL;
    EXPECT_EQ(weft_signals_open(&signo, 1, &signals), -WEFT_ESHUTDOWN);
}

static int signal_send_now(void *arg)
{
    signal_send(*(int *)arg);
    return 0;
}

/* What the program sends itself comes in simulated runs, too.  Each is received before the next is
 * sent: one still on its way would find nobody to receive it, in the end. */
IO_TEST(signal_simulated)
{
    const int signo = SIGUSR1;
    weft_signals *signals = signal_open(&signo, 1);
    weft_scope scope;
    weft_scope_open(&scope);
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ(weft_go(&scope, signal_send_now, &signo), 0);
        EXPECT_EQ(signal_next(signals).times, 1);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    weft_signals_close(signals);
}

/* What it was woken for may be freed before the call that was posted for it is made. */
IO_TEST(signal_simulated_close)
{
    const int signo = SIGUSR1;
    EXPECT(signal(SIGUSR1, SIG_IGN) != SIG_ERR); /* it may come when it has been closed */
    weft_signals *signals = signal_open(&signo, 1);
    signal_send(SIGUSR1);
    weft_signals_close(signals);
    EXPECT(signal(SIGUSR1, SIG_DFL) == SIG_IGN);
}

/* The child of a fork has the handler and the words of its parent; they must not answer for it, nor
 * stop it. */
IO_TEST_REAL(signal_in_the_child_of_a_fork)
{
    const int signo = SIGUSR1;
    weft_signals *signals = signal_open(&signo, 1);
    pid_t pid = fork();
    if (pid == 0) {
        raise(SIGUSR1);
        _exit(0);
    }
    int status;
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(signal_expect_none(signals), -WEFT_ECANCELED);
    weft_signals_close(signals);
}

static int signal_other_next(void *arg)
{
    weft_signal_info info;
    return weft_signals_next(*(weft_signals **)arg, &info);
}

static int signal_two_nexts(void *arg)
{
    const int signo = SIGUSR1;
    weft_signals *signals = signal_open(&signo, 1);
    weft_scope scope;
    (void)arg;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, signal_other_next, &signals), 0);
    EXPECT_EQ(weft_go(&scope, signal_other_next, &signals), 0);
    return weft_scope_close(&scope);
}

PANIC_TEST(signal_two_receive, "weft_signals_next: another task is in it")
{
    (void)!weft_run(signal_two_nexts, NULL);
}

static int signal_break_a_pipe(void *arg)
{
    int fds[2];
    (void)arg;
    EXPECT_EQ(weft_pipe(fds), 0);
    EXPECT_EQ(weft_close(fds[0]), 0);
    EXPECT_EQ(weft_write(fds[1], "x", 1), -EPIPE);
    EXPECT_EQ(weft_close(fds[1]), 0);
    return 0;
}

/* No SIGPIPE in a run, and afterwards it is as it was, with none left over. */
TEST(signal_of_broken_pipes)
{
    sigset_t mask, pending;
    EXPECT_EQ(weft_run_with(signal_break_a_pipe, NULL, &(weft_options){.workers = 1}), 0);
    EXPECT(sigpending(&pending) == 0 && !sigismember(&pending, SIGPIPE));
    EXPECT(sigprocmask(SIG_BLOCK, NULL, &mask) == 0 && !sigismember(&mask, SIGPIPE));
}
