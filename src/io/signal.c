/* signal.c - signals as something that a task receives.
 *
 * The handler writes down what came, for each weft_signals that asked for it, and raises an eventfd
 * on which its task sleeps.  The same words are read and changed by tasks, under a lock of their
 * own: a word with the holder's pid, which nobody holds but with all signals blocked, so that no
 * handler ever waits for the thread that it interrupts.  The child of a fork finds a word with
 * another's pid free, and what its parent asked for is nothing to it.
 *
 * The handler runs in the thread that called weft_run and in threads of others; those of Weft
 * block all signals.  Rejected: signalfd, which needs the signals blocked in every thread of the
 * program; and for kernels that are there, weft_post, of which there are 256 at a time.
 *
 * A simulated run has no kernel to wait for.  There the task waits for an event, and the handler
 * has it set by a posted call: what the program sends to itself comes, and under weft check at
 * each moment at which it might.
 *
 * SPDX-License-Identifier: MIT
 */
#include "weft/signal.h"

#include "base/alloc.h"
#include "base/list.h"
#include "base/panic.h"
#include "base/sys.h"
#include "base/sysnet.h"
#include "core/runtime.h"
#include "io/driver.h"
#include "sync/gate.h"
#include "weft/err.h"
#include "weft/io.h"
#include "weft/run.h"
#include "weft/sync.h"

#define SIGNALS_NUMBERS 65 /* 1 to 64 */

struct weft_signals {
    struct weft__list link;
    pid_t pid;             /* of the process that opened it */
    int event_fd;          /* raised whenever `come` becomes something; -1: simulated */
    weft_event event;      /* then this is set */
    ATOMIC(uint32_t) busy; /* 1: somebody is in next */
    uint64_t wanted;       /* a bit for each number */
    /* under the lock */
    uint64_t come;
    uint32_t refs;         /* its owner's, and a posted call's */
    bool is_posted;
    int told;              /* the number that next told last: the turn is that of those behind it */
    weft_signal_info infos[SIGNALS_NUMBERS];
};

static ATOMIC(uint32_t) signal_word; /* the lock */
static struct weft__list signal_all = {&signal_all, &signal_all};
static uint32_t signal_users[SIGNALS_NUMBERS];
static struct sigaction signal_before[SIGNALS_NUMBERS];
static const struct weft__wait_kind signal_kind = {.what = "signal", .holder = NULL};

static bool signal_has_come(uint64_t word)
{
    return word != 0;
}

static const struct weft__gate_kind signal_gate_kind = {
    .wait.what = "signal", .deed = WEFT__DEED_EVENT_WAIT, .is_open = signal_has_come, .takes = 0};

static uint64_t signal_bit(int signo)
{
    WEFT_CHECK(signo > 0 && signo < SIGNALS_NUMBERS);
    return UINT64_C(1) << (signo - 1);
}

/* ---- the lock ---- */

/* The caller has all signals blocked. */
static void signal_take(uint32_t pid)
{
    uint32_t seen = a_load(&signal_word, relaxed);
    while (seen == pid || !a_cas(&signal_word, &seen, pid, acquire, relaxed)) {
        weft__sys_yield();
        seen = a_load(&signal_word, relaxed);
    }
}

static void signal_drop(void)
{
    a_store(&signal_word, 0, release); /* pairs with the acquire in signal_take */
}

static void signal_lock(sigset_t *ret_before)
{
    sigset_t all;
    sigfillset(&all);
    weft__sys_sigmask(SIG_SETMASK, &all, ret_before);
    signal_take((uint32_t)weft__sys_getpid());
}

static void signal_unlock(const sigset_t *before)
{
    signal_drop();
    weft__sys_sigmask(SIG_SETMASK, before, NULL);
}

/* ---- waking ---- */

static void signal_unref(struct weft_signals *signals)
{
    sigset_t before;
    signal_lock(&before);
    bool is_last = --signals->refs == 0;
    signal_unlock(&before);
    if (is_last) {
        weft__free(signals);
    }
}

static void signal_posted(void *arg)
{
    struct weft_signals *signals = arg;
    sigset_t before;
    signal_lock(&before);
    signals->is_posted = false;
    signal_unlock(&before);
    weft_event_set(&signals->event);
    signal_unref(signals);
}

/* In the handler, the lock is held. */
static void signal_wake(struct weft_signals *signals)
{
    if (signals->event_fd >= 0) {
        if (signals->come == 0) {
            weft__sys_eventfd_raise(signals->event_fd);
        }
    } else if (!signals->is_posted && weft_post(signal_posted, signals) == 0) {
        signals->is_posted = true;
        signals->refs++;
    }
}

/* ---- the handler ---- */

/* Which fields mean something depends on who sent it. */
static void signal_describe(weft_signal_info *ret, const siginfo_t *info)
{
    bool is_child = info->si_signo == SIGCHLD && info->si_code > 0;
    bool is_queued = info->si_code == SI_QUEUE;
    bool is_sent = is_queued || info->si_code == SI_USER || info->si_code == SI_TKILL;
    ret->code = info->si_code;
    ret->pid = is_child || is_sent ? info->si_pid : 0;
    ret->uid = is_child || is_sent ? info->si_uid : 0;
    ret->value = is_child ? info->si_status : is_queued ? info->si_value.sival_int : 0;
}

static void signal_note(struct weft_signals *signals, int signo, const siginfo_t *info)
{
    weft_signal_info *known = &signals->infos[signo];
    known->times++;
    signal_describe(known, info);
    signal_wake(signals);
    signals->come |= signal_bit(signo);
}

static void signal_handle(int signo, siginfo_t *info, void *context)
{
    const pid_t pid = weft__sys_getpid();
    (void)context;
    signal_take((uint32_t)pid);
    LIST_FOR_EACH(&signal_all, it) {
        struct weft_signals *signals = container_of(it, struct weft_signals, link);
        if (signals->pid == pid && (signals->wanted & signal_bit(signo))) {
            signal_note(signals, signo, info);
        }
    }
    signal_drop();
}

/* ---- open and close ---- */

/* Those that stand for a mistake of the running thread have no other handler; SIGURG is the
 * watchdog's. */
static bool signal_may_be(int signo)
{
    static const int never[] = {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE,
                                SIGILL,  SIGTRAP, SIGSYS,  SIGABRT, SIGURG};
    struct sigaction now;
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(never); i++) {
        if (signo == never[i]) {
            return false;
        }
    }
    return signo > 0 && signo < SIGNALS_NUMBERS && weft__sys_sigaction(signo, NULL, &now) == 0;
}

static int signal_gather(const int *numbers, size_t n, uint64_t *ret_wanted)
{
    uint64_t wanted = 0;
    for (size_t i = 0; numbers && i < n; i++) {
        if (!signal_may_be(numbers[i])) {
            return -WEFT_EINVAL;
        }
        wanted |= signal_bit(numbers[i]);
    }
    *ret_wanted = wanted;
    return wanted ? 0 : -WEFT_EINVAL;
}

static void signal_install(int signo)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = signal_handle;
    /* As in core/fatal.c: ThreadSanitizer's threads must come out of their waits to hear it. */
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | (WEFT_TSAN ? 0 : SA_RESTART);
    sigfillset(&action.sa_mask);
    int rc = weft__sys_sigaction(signo, &action, &signal_before[signo]);
    WEFT_CHECK(rc == 0);
}

/* If somebody else has taken it meanwhile it is his. */
static void signal_uninstall(int signo)
{
    struct sigaction now;
    int rc = weft__sys_sigaction(signo, NULL, &now);
    WEFT_CHECK(rc == 0);
    if ((now.sa_flags & SA_SIGINFO) && now.sa_sigaction == signal_handle) {
        rc = weft__sys_sigaction(signo, &signal_before[signo], NULL);
        WEFT_CHECK(rc == 0);
    }
}

static void signal_begin(struct weft_signals *signals)
{
    sigset_t before;
    signal_lock(&before);
    list_push_back(&signal_all, &signals->link);
    for (int signo = 1; signo < SIGNALS_NUMBERS; signo++) {
        if ((signals->wanted & signal_bit(signo)) && signal_users[signo]++ == 0) {
            signal_install(signo);
        }
    }
    signal_unlock(&before);
}

static void signal_end(struct weft_signals *signals)
{
    sigset_t before;
    signal_lock(&before);
    list_remove(&signals->link);
    for (int signo = 1; signo < SIGNALS_NUMBERS; signo++) {
        if ((signals->wanted & signal_bit(signo)) && --signal_users[signo] == 0) {
            signal_uninstall(signo);
        }
    }
    signal_unlock(&before);
}

static bool signal_has_run(void)
{
    struct weft__runtime *rt = weft__runtime_pin();
    if (rt) {
        weft__runtime_unpin();
    }
    return rt != NULL;
}

static int signal_make_fd(struct weft_signals *signals)
{
    signals->event_fd = -1;
    if (weft__control || weft__outside() != &weft__outside_kernel) {
        return 0;
    }
    int fd = weft__sys_eventfd();
    if (fd < 0) {
        return fd;
    }
    weft__fd_made(fd);
    signals->event_fd = fd;
    return 0;
}

int weft_signals_open(const int *numbers, size_t n, weft_signals **ret_signals)
{
    uint64_t wanted = 0;
    int rc = signal_gather(numbers, n, &wanted);
    if (rc < 0) {
        return rc;
    }
    if (!signal_has_run()) {
        return -WEFT_ESHUTDOWN;
    }
    struct weft_signals *signals = weft__alloc_zero(sizeof *signals);
    if (!signals) {
        return -WEFT_ENOMEM;
    }
    rc = signal_make_fd(signals);
    if (rc < 0) {
        weft__free(signals);
        return rc;
    }
    signals->refs = 1;
    signals->pid = weft__sys_getpid();
    signals->wanted = wanted;
    signal_begin(signals);
    *ret_signals = signals;
    return 0;
}

/* ---- receiving ---- */

/* The next in turn of those that have come. */
static bool signal_pick(struct weft_signals *signals, weft_signal_info *ret_info)
{
    sigset_t before;
    signal_lock(&before);
    bool has_come = signals->come != 0;
    int signo = signals->told;
    if (has_come) {
        do {
            signo = signo + 1 < SIGNALS_NUMBERS ? signo + 1 : 1;
        } while (!(signals->come & signal_bit(signo)));
        *ret_info = signals->infos[signo];
        ret_info->signo = signo;
        signals->infos[signo].times = 0;
        signals->come &= ~signal_bit(signo);
        signals->told = signo;
    }
    signal_unlock(&before);
    return has_come;
}

/* Lowered after it was raised and before it is looked again, so that what comes after the look
 * raises it anew. */
static int signal_sleep(struct weft_signals *signals, const void *site)
{
    if (signals->event_fd < 0) {
        int rc = weft__gate_wait((struct weft__gate *)&signals->event, &signal_gate_kind, site);
        weft_event_clear(&signals->event);
        return rc;
    }
    ssize_t rc = weft__io_do(&(struct weft__io_op){.code = WEFT__IO_POLL,
                                                   .fd = signals->event_fd,
                                                   .flags = WEFT_FD_READ,
                                                   .kind = &signal_kind,
                                                   .site = site});
    if (rc >= 0) {
        weft__sys_eventfd_lower(signals->event_fd);
    }
    return rc < 0 ? (int)rc : 0;
}

static int signal_wait(struct weft_signals *signals, weft_signal_info *ret_info, const void *site)
{
    int rc = 0;
    while (rc == 0 && !signal_pick(signals, ret_info)) {
        rc = signal_sleep(signals, site);
    }
    return rc;
}

int weft_signals_next(weft_signals *signals, weft_signal_info *ret_info)
{
    const void *site = __builtin_return_address(0);
    struct weft__thread *self = weft__op_begin(WEFT__DEED_IO, NULL, site);
    if (weft__op_cancelled(self)) {
        return weft__op_refuse(self);
    }
    weft__leave(self);
    if (a_xchg(&signals->busy, 1, acquire)) {
        weft__panic("weft_signals_next: another task is in it");
    }
    int rc = signal_wait(signals, ret_info, site);
    a_store(&signals->busy, 0, release);
    return rc;
}

void weft_signals_close(weft_signals *signals)
{
    if (!signals) {
        return;
    }
    if (a_load(&signals->busy, acquire)) {
        weft__panic("weft_signals_close: a task still is in weft_signals_next");
    }
    signal_end(signals);
    if (signals->event_fd >= 0) {
        weft__fd_close(signals->event_fd);
    }
    signal_unref(signals);
}
