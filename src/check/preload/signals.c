/* signals.c - signals of a program under control.
 *
 * Each strand has a mask of its own here, though all of them may share one kernel thread.  What the
 * program sends to itself never reaches the kernel: it is noted, and the handler runs when the
 * strand that is meant comes to the end of a call of ours.  What comes from outside is noted by a
 * handler of ours and treated alike.
 *
 * Crashes are for us: the program's first mistake is reported where it happens, on a stack of our
 * own.  A program that handles SIGSEGV itself keeps its handler.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/preload/signals.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "check/blocks.h"
#include "check/preload/block.h"
#include "check/preload/heap.h"
#include "check/preload/hooks.h"
#include "check/preload/thread.h"

#define SIGNALS_MAX   64
#define SIGNALS_STACK (128 * 1024)
#define SIGNALS_FIRST_PAGES 65536 /* an address below this came from a null pointer */

struct signals_books {
    uint64_t mask, pending; /* bit n - 1: signal n */
    bool known;             /* else the mask is its parent's */
};

bool weft__signals_waiting;

static struct signals_books signals_books[WEFT__STRANDS_MAX];
static uint64_t signals_process;                       /* pending for anyone */
static struct sigaction signals_actions[SIGNALS_MAX + 1]; /* the program's wishes */
static char signals_stack[SIGNALS_STACK] WEFT_ALIGNED(16);
static bool signals_started, signals_dying;

static const int signals_crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

#if defined(__x86_64__)
#define SIGNALS_PC(context) ((uintptr_t)(context)->uc_mcontext.gregs[REG_RIP])
#else
#define SIGNALS_PC(context) ((uintptr_t)(context)->uc_mcontext.pc)
#endif

static uint64_t signals_bit(int number)
{
    return UINT64_C(1) << (number - 1);
}

static struct signals_books *signals_of(const struct weft__strand *strand)
{
    struct signals_books *books = &signals_books[strand->id];

    if (!books->known) {
        books->known = true;
        if (strand->id != 0)
            books->mask = signals_of(weft__strand_of(strand->parent))->mask;
    }
    return books;
}

static bool signals_is_crash(int number)
{
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(signals_crashes); i++)
        if (signals_crashes[i] == number)
            return true;
    return false;
}

static const char *signals_name(int number)
{
    const char *name = sigabbrev_np(number);

    return name != NULL ? name : "?";
}

/* ---- crashes ---- */

/* Where in the program it happened: libc may have been called with a bad pointer. */
static uintptr_t signals_site(uintptr_t pc)
{
    uintptr_t frames[2];

    if (!weft__is_system(pc))
        return pc + 1; /* as all others, which are where a call returns to */
    if (weft__has_hooks())
        return weft__strand_self()->next.pc;
    return weft__walk(frames, 1) > 0 ? frames[0] : pc;
}

static void signals_explain(uintptr_t address, int code, char *ret, size_t size)
{
    const struct weft__strand *self = weft__strand_self();
    char heap[128];

    if (code == SI_KERNEL) {
        snprintf(ret, size, "at an address that cannot exist, perhaps read from freed memory");
    } else if (address < SIGNALS_FIRST_PAGES) {
        snprintf(ret, size, "at address %#lx: a null pointer", (unsigned long)address);
    } else if (weft__heap_describe(address, heap, sizeof heap)) {
        snprintf(ret, size, "at %#lx: %s", (unsigned long)address, heap);
    } else if (self->stack_low != 0 && address - self->stack_low + 65536 < 65536) {
        snprintf(ret, size, "at %#lx: the stack of the thread is used up", (unsigned long)address);
    } else {
        snprintf(ret, size, "at %#lx", (unsigned long)address);
    }
}

static void signals_found_crash(int number, const siginfo_t *info, uintptr_t pc)
{
    uintptr_t address = (uintptr_t)info->si_addr;
    bool by_access = (number == SIGSEGV || number == SIGBUS) && info->si_code > 0;
    const struct weft__block *block = by_access ? weft__block_around(address) : NULL;
    bool freed = block != NULL && block->freed_site != 0;
    struct weft__finding *finding;
    char where[192] = "";

    if (by_access)
        signals_explain(address, info->si_code, where, sizeof where);
    finding = weft__found(freed ? WEFT__CLASS_USE_AFTER_FREE : WEFT__CLASS_CRASH,
                          by_access ? address : 0, "SIG%s %s", signals_name(number), where);
    finding->parties[0].site = weft__site_of(signals_site(pc));
    finding->parties[0].object = by_access ? address : 0;
    if (!weft__has_hooks() || number == SIGABRT)
        finding->parties[0].op = WEFT__OP_NONE;
    if (freed)
        weft__found_block(finding, block);
}

static int signals_install(int number, const struct sigaction *action, struct sigaction *old)
{
    static int (*real)(int, const struct sigaction *, struct sigaction *);

    return WEFT__REAL(real, "sigaction")(number, action, old);
}

static void signals_default(int number)
{
    struct sigaction action = {.sa_flags = 0};

    action.sa_handler = SIG_DFL;
    (void)signals_install(number, &action, NULL);
}

static void signals_crashed(int number, siginfo_t *info, void *context)
{
    static const char text[] = "weft: crash while a crash was being reported\n";

    if (weft__engine == NULL) { /* a process of the program's own: it crashes again, unseen */
        signals_default(number);
        return;
    }
    if (weft__is_walking() && !signals_dying) { /* up a stack that is not one any more */
        signals_dying = true;
        weft__stack_shallow(true);
        weft__engine_over();
    }
    if (signals_dying) {
        (void)!write(2, text, sizeof text - 1);
        weft__child_exit();
    }
    signals_dying = true;
    weft__busy++;
    signals_found_crash(number, info, SIGNALS_PC((ucontext_t *)context));
    weft__engine_over();
}

/* From outside the program, or from the kernel for it; noted only: we may be anywhere. */
static void signals_came(int number)
{
    if (weft__engine != NULL) {
        signals_process |= signals_bit(number);
        weft__signals_waiting = true;
    } else if (signals_actions[number].sa_handler == SIG_DFL) {
        signals_default(number);
        (void)raise(number);
    } else if (signals_actions[number].sa_handler != SIG_IGN) {
        signals_actions[number].sa_handler(number); /* a process of the program's own */
    }
}

static bool signals_is_default(int number)
{
    return signals_actions[number].sa_handler == SIG_DFL;
}

static void signals_note(int number)
{
    struct sigaction ours = {.sa_flags = SA_RESTART};

    ours.sa_handler = signals_came;
    (void)signals_install(number, &ours, NULL);
}

void weft__signals_prepare(void)
{
    static int (*real)(int, const sigset_t *, sigset_t *);
    sigset_t mask;

    for (int i = 1; i <= SIGNALS_MAX; i++)
        (void)signals_install(i, NULL, &signals_actions[i]);
    if (WEFT__REAL(real, "sigprocmask")(SIG_SETMASK, NULL, &mask) == 0)
        memcpy(&signals_books[0].mask, &mask, sizeof signals_books[0].mask);
}

void weft__signals_start(void)
{
    static int (*real)(int, const sigset_t *, sigset_t *);
    stack_t stack = {.ss_sp = signals_stack, .ss_size = sizeof signals_stack};
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    sigset_t none;

    action.sa_sigaction = signals_crashed;
    sigemptyset(&action.sa_mask);
    (void)sigaltstack(&stack, NULL);
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(signals_crashes); i++) {
        if (signals_is_default(signals_crashes[i]))
            (void)signals_install(signals_crashes[i], &action, NULL);
    }
    for (int i = 1; i <= SIGNALS_MAX; i++) {
        if (i == SIGPIPE ? signals_is_default(i)
                         : !signals_is_default(i) && !signals_is_crash(i) &&
                               signals_actions[i].sa_handler != SIG_IGN) {
            signals_note(i);
        }
    }
    sigemptyset(&none);
    WEFT__REAL(real, "sigprocmask")(SIG_SETMASK, &none, NULL);
    signals_started = true;
}

/* ---- sending and delivering ---- */

static void signals_count(void)
{
    uint64_t any = signals_process;

    for (uint32_t i = 0; i < weft__strand_count(); i++)
        any |= signals_books[i].pending;
    weft__signals_waiting = any != 0;
}

static bool signals_ignored(int number)
{
    if (signals_actions[number].sa_handler == SIG_IGN)
        return true;
    return signals_actions[number].sa_handler == SIG_DFL &&
           (number == SIGCHLD || number == SIGURG || number == SIGWINCH || number == SIGCONT);
}

bool weft__signals_has(const struct weft__strand *strand)
{
    struct signals_books *books = signals_of(strand);

    return ((books->pending | signals_process) & ~books->mask) != 0;
}

static void signals_killed(int number)
{
    weft__busy++;
    (void)weft__found(WEFT__CLASS_CRASH, 0, "killed by SIG%s", signals_name(number));
    weft__engine_over();
}

static void signals_handle(struct signals_books *books, int number, uintptr_t pc)
{
    struct sigaction *action = &signals_actions[number];
    struct sigaction now = *action;
    uint64_t mask = books->mask, blocked = 0;
    struct weft__operation op = {.op = WEFT__OP_SIGNAL,
                                 .pc = pc,
                                 .caller = weft__caller(),
                                 .deadline = WEFT__NO_DEADLINE};
    siginfo_t info = {.si_signo = number, .si_code = SI_USER};
    int before = errno;

    if (signals_ignored(number))
        return;
    if (now.sa_handler == SIG_DFL)
        signals_killed(number);
    memcpy(&blocked, &now.sa_mask, sizeof blocked);
    books->mask |= blocked | ((now.sa_flags & SA_NODEFER) ? 0 : signals_bit(number));
    if (now.sa_flags & (int)SA_RESETHAND)
        action->sa_handler = SIG_DFL;
    weft__point(&op);
    weft__value((uint64_t)number, WEFT__EVENT_HAS_VALUE);
    if (now.sa_flags & SA_SIGINFO) {
        ucontext_t context = {0};
        now.sa_sigaction(number, &info, &context);
    } else {
        now.sa_handler(number);
    }
    books->mask = mask;
    errno = before;
}

void weft__signals_deliver(uintptr_t pc)
{
    struct signals_books *books;

    if (WEFT_LIKELY(!weft__signals_waiting) || weft__engine == NULL || weft__busy != 0)
        return;
    books = signals_of(weft__strand_self());
    for (;;) {
        uint64_t due = (books->pending | signals_process) & ~books->mask;
        if (due == 0)
            break;
        int number = __builtin_ctzl(due) + 1;
        if (books->pending & signals_bit(number))
            books->pending &= ~signals_bit(number);
        else
            signals_process &= ~signals_bit(number);
        signals_handle(books, number, pc);
    }
    signals_count();
}

void weft__signals_send(struct weft__strand *strand, int number, uintptr_t pc)
{
    const struct weft__strand *receiver = strand != NULL ? strand : weft__strand_self();

    if (signals_ignored(number) && !(signals_of(receiver)->mask & signals_bit(number)))
        return;
    if (strand != NULL)
        signals_of(strand)->pending |= signals_bit(number);
    else
        signals_process |= signals_bit(number);
    weft__signals_waiting = true;
    weft__block_news();
    weft__signals_deliver(pc);
}

/* ---- what the program calls ---- */

static bool signals_controlled(uintptr_t pc)
{
    return weft__engine != NULL && weft__busy == 0 && signals_started && !weft__is_libc(pc);
}

static bool signals_is_number(int number)
{
    return number >= 1 && number <= SIGNALS_MAX;
}

static int signals_set(int number, const struct sigaction *action, struct sigaction *old)
{
    if (!signals_is_number(number) || number == SIGKILL || number == SIGSTOP) {
        errno = EINVAL;
        return -1;
    }
    if (old != NULL)
        *old = signals_actions[number];
    if (action == NULL)
        return 0;
    signals_actions[number] = *action;
    bool is_default = action->sa_handler == SIG_DFL, ignored = action->sa_handler == SIG_IGN;
    if (signals_is_crash(number) && (is_default || ignored))
        return 0;
    if (signals_is_crash(number) || ignored || (is_default && number != SIGPIPE))
        return signals_install(number, action, NULL);
    signals_note(number);
    return 0;
}

WEFT__EXPORT int sigaction(int number, const struct sigaction *action, struct sigaction *old);
int sigaction(int number, const struct sigaction *action, struct sigaction *old)
{
    static int (*real)(int, const struct sigaction *, struct sigaction *);

    if (signals_controlled(WEFT__PC()))
        return signals_set(number, action, old);
    return WEFT__REAL(real, "sigaction")(number, action, old);
}

WEFT__EXPORT sighandler_t signal(int number, sighandler_t handler);
sighandler_t signal(int number, sighandler_t handler)
{
    static sighandler_t (*real)(int, sighandler_t);
    struct sigaction action = {.sa_flags = SA_RESTART}, old;

    if (!signals_controlled(WEFT__PC()))
        return WEFT__REAL(real, "signal")(number, handler);
    action.sa_handler = handler;
    return signals_set(number, &action, &old) == 0 ? old.sa_handler : SIG_ERR;
}

static int signals_change_mask(int how, const sigset_t *set, sigset_t *old, uintptr_t pc)
{
    struct signals_books *books = signals_of(weft__strand_self());
    uint64_t bits = 0;

    if (old != NULL) {
        sigemptyset(old);
        memcpy(old, &books->mask, sizeof books->mask);
    }
    if (set == NULL)
        return 0;
    memcpy(&bits, set, sizeof bits);
    for (int i = 1; i <= SIGNALS_MAX && how != SIG_UNBLOCK; i++) { /* to be waited for, perhaps */
        if ((bits & ~books->mask & signals_bit(i)) && signals_is_default(i) && !signals_is_crash(i))
            signals_note(i);
    }
    if (how == SIG_BLOCK)
        books->mask |= bits;
    else if (how == SIG_UNBLOCK)
        books->mask &= ~bits;
    else if (how == SIG_SETMASK)
        books->mask = bits;
    else
        return EINVAL;
    weft__signals_deliver(pc);
    return 0;
}

WEFT__EXPORT int pthread_sigmask(int how, const sigset_t *set, sigset_t *old);
int pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
    static int (*real)(int, const sigset_t *, sigset_t *);

    if (signals_controlled(WEFT__PC()))
        return signals_change_mask(how, set, old, WEFT__PC());
    return WEFT__REAL(real, "pthread_sigmask")(how, set, old);
}

WEFT__EXPORT int sigprocmask(int how, const sigset_t *set, sigset_t *old);
int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
    static int (*real)(int, const sigset_t *, sigset_t *);
    int code;

    if (!signals_controlled(WEFT__PC()))
        return WEFT__REAL(real, "sigprocmask")(how, set, old);
    code = signals_change_mask(how, set, old, WEFT__PC());
    if (code == 0)
        return 0;
    errno = code;
    return -1;
}

WEFT__EXPORT int raise(int number);
int raise(int number)
{
    static int (*real)(int);

    if (!signals_controlled(WEFT__PC()) || !signals_is_number(number))
        return WEFT__REAL(real, "raise")(number);
    weft__signals_send(weft__strand_self(), number, WEFT__PC());
    return 0;
}

WEFT__EXPORT int kill(pid_t pid, int number);
int kill(pid_t pid, int number)
{
    static int (*real)(pid_t, int);

    if (!signals_controlled(WEFT__PC()) || !signals_is_number(number) || pid != getpid())
        return WEFT__REAL(real, "kill")(pid, number);
    weft__signals_send(NULL, number, WEFT__PC());
    return 0;
}

WEFT__EXPORT int pthread_kill(pthread_t thread, int number);
int pthread_kill(pthread_t thread, int number)
{
    static int (*real)(pthread_t, int);
    struct weft__strand *strand;

    if (!signals_controlled(WEFT__PC()))
        return WEFT__REAL(real, "pthread_kill")(thread, number);
    strand = weft__strand_of_thread(thread);
    if (strand == NULL)
        return ESRCH;
    if (number == 0)
        return 0;
    if (!signals_is_number(number))
        return EINVAL;
    weft__signals_send(strand, number, WEFT__PC());
    return 0;
}

WEFT__EXPORT int sigpending(sigset_t *set);
int sigpending(sigset_t *set)
{
    static int (*real)(sigset_t *);
    uint64_t bits;

    if (!signals_controlled(WEFT__PC()))
        return WEFT__REAL(real, "sigpending")(set);
    bits = signals_of(weft__strand_self())->pending | signals_process;
    sigemptyset(set);
    memcpy(set, &bits, sizeof bits);
    return 0;
}

/* ---- waiting for a signal ---- */

static bool signals_came_of(const struct weft__block_wait *wait)
{
    const uint64_t *set = wait->arg;

    return ((signals_of(wait->strand)->pending | signals_process) & *set) != 0;
}

/* The number of one that came, and is taken; 0: the deadline did. */
static int signals_wait(const sigset_t *set, int64_t deadline, uintptr_t pc)
{
    struct signals_books *books = signals_of(weft__strand_self());
    uint64_t bits, due;
    struct weft__block_wait wait = {.op = WEFT__OP_SYSTEM,
                                    .object = (uintptr_t)&signals_process,
                                    .deadline = deadline,
                                    .ready = signals_came_of,
                                    .arg = &bits,
                                    .inside = true};

    memcpy(&bits, set, sizeof bits);
    do {
        enum weft__block_end end = weft__block_until(&wait, pc);
        due = (books->pending | signals_process) & bits;
        if (due == 0 && end == WEFT__BLOCK_TIMED_OUT)
            return 0;
        if (end == WEFT__BLOCK_INTERRUPTED)
            weft__signals_deliver(pc);
    } while (due == 0);
    int number = __builtin_ctzl(due) + 1;
    if (books->pending & signals_bit(number))
        books->pending &= ~signals_bit(number);
    else
        signals_process &= ~signals_bit(number);
    signals_count();
    return number;
}

WEFT__EXPORT int sigwait(const sigset_t *set, int *ret);
int sigwait(const sigset_t *set, int *ret)
{
    static int (*real)(const sigset_t *, int *);

    if (!signals_controlled(WEFT__PC()))
        return WEFT__REAL(real, "sigwait")(set, ret);
    *ret = signals_wait(set, WEFT__NO_DEADLINE, WEFT__PC());
    return 0;
}

static int signals_wait_info(const sigset_t *set, siginfo_t *info, int64_t deadline, uintptr_t pc)
{
    int number = signals_wait(set, deadline, pc);

    if (number == 0) {
        errno = EAGAIN;
        return -1;
    }
    if (info != NULL)
        *info = (siginfo_t){.si_signo = number, .si_code = SI_USER};
    return number;
}

WEFT__EXPORT int sigwaitinfo(const sigset_t *set, siginfo_t *info);
int sigwaitinfo(const sigset_t *set, siginfo_t *info)
{
    static int (*real)(const sigset_t *, siginfo_t *);

    if (!signals_controlled(WEFT__PC()))
        return WEFT__REAL(real, "sigwaitinfo")(set, info);
    return signals_wait_info(set, info, WEFT__NO_DEADLINE, WEFT__PC());
}

WEFT__EXPORT int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout);
int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout)
{
    static int (*real)(const sigset_t *, siginfo_t *, const struct timespec *);
    int64_t deadline = WEFT__NO_DEADLINE;

    if (!signals_controlled(WEFT__PC()))
        return WEFT__REAL(real, "sigtimedwait")(set, info, timeout);
    if (timeout != NULL)
        deadline = weft__virtual_now() + timeout->tv_sec * INT64_C(1000000000) + timeout->tv_nsec;
    return signals_wait_info(set, info, deadline, WEFT__PC());
}

static bool signals_handler_due(const struct weft__block_wait *wait)
{
    return weft__signals_has(wait->strand);
}

static int signals_wait_handler(uintptr_t pc)
{
    struct weft__block_wait wait = {.op = WEFT__OP_SYSTEM,
                                    .object = (uintptr_t)&signals_process,
                                    .deadline = WEFT__NO_DEADLINE,
                                    .ready = signals_handler_due,
                                    .inside = true};

    (void)weft__block_until(&wait, pc);
    weft__signals_deliver(pc);
    errno = EINTR;
    return -1;
}

WEFT__EXPORT int sigsuspend(const sigset_t *set);
int sigsuspend(const sigset_t *set)
{
    static int (*real)(const sigset_t *);
    struct signals_books *books;
    uint64_t before;

    if (!signals_controlled(WEFT__PC()))
        return WEFT__REAL(real, "sigsuspend")(set);
    books = signals_of(weft__strand_self());
    before = books->mask;
    memcpy(&books->mask, set, sizeof books->mask);
    (void)signals_wait_handler(WEFT__PC());
    books->mask = before;
    return -1;
}

WEFT__EXPORT int pause(void);
int pause(void)
{
    static int (*real)(void);

    return signals_controlled(WEFT__PC()) ? signals_wait_handler(WEFT__PC())
                                          : WEFT__REAL(real, "pause")();
}

/* ---- timers that send signals: they would come in real time ---- */

static void signals_refuse(const char *what, uintptr_t pc)
{
    struct weft__finding *finding;

    weft__busy++;
    finding = weft__found(WEFT__CLASS_UNCONTROLLED, 0,
                          "%s was not set: its signal would come in real time, not in a schedule",
                          what);
    finding->parties[0].op = WEFT__OP_NONE;
    finding->parties[0].object = 0;
    finding->parties[0].site = weft__site_of(pc);
    weft__busy--;
}

WEFT__EXPORT unsigned alarm(unsigned seconds);
unsigned alarm(unsigned seconds)
{
    static unsigned (*real)(unsigned);

    if (!signals_controlled(WEFT__PC()))
        return WEFT__REAL(real, "alarm")(seconds);
    if (seconds != 0)
        signals_refuse("alarm()", WEFT__PC());
    return 0;
}

WEFT__EXPORT int setitimer(__itimer_which_t which, const struct itimerval *value,
                           struct itimerval *old);
int setitimer(__itimer_which_t which, const struct itimerval *value, struct itimerval *old)
{
    static int (*real)(__itimer_which_t, const struct itimerval *, struct itimerval *);

    if (!signals_controlled(WEFT__PC()))
        return WEFT__REAL(real, "setitimer")(which, value, old);
    if (value != NULL && (value->it_value.tv_sec != 0 || value->it_value.tv_usec != 0))
        signals_refuse("setitimer()", WEFT__PC());
    if (old != NULL)
        *old = (struct itimerval){0};
    return 0;
}

/* Signals at best; at worst a thread that libc starts by itself, beside all control. */
WEFT__EXPORT int timer_create(clockid_t clock, struct sigevent *event, timer_t *ret);
int timer_create(clockid_t clock, struct sigevent *event, timer_t *ret)
{
    static int (*real)(clockid_t, struct sigevent *, timer_t *);

    if (!signals_controlled(WEFT__PC()))
        return WEFT__REAL(real, "timer_create")(clock, event, ret);
    signals_refuse("timer_create()", WEFT__PC());
    errno = EAGAIN;
    return -1;
}
