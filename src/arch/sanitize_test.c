/* sanitize_test.c - tests that the sanitizers see each context as what it is.
 *
 * Two kinds: what must not be reported (any report ends the test), and what must be, in a process
 * of its own whose words nobody reads.
 *
 * SPDX-License-Identifier: MIT
 */
#include "arch/sanitize.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arch/ctx.h"
#include "base/atomic.h"
#include "base/sys.h"
#include "tests/test.h"

enum {
    NOTED_STACK_SIZE = 128 * 1024,
};

struct noted {
    struct weft__ctx ctx;
    struct weft__san san;
    void (*body)(struct noted *);
};

static struct noted noted_home;
static void *noted_stack;
static ATOMIC(uint64_t) noted_order;
static long noted_plain; /* guarded by nothing, on purpose */

/* Each of the two below makes the order that a caller would have from its queues. */
static void noted_leave(struct noted *me, bool last)
{
    a_add(&noted_order, 1, release);
    weft__san_leave(&me->san, &noted_home.san, last);
    weft__ctx_switch(&me->ctx, &noted_home.ctx, NULL);
    weft__san_arrive(&me->san);
    a_load(&noted_order, acquire);
}

static void noted_resume(struct noted *n)
{
    a_add(&noted_order, 1, release);
    weft__san_leave(&noted_home.san, &n->san, false);
    weft__ctx_switch(&noted_home.ctx, &n->ctx, NULL);
    weft__san_arrive(&noted_home.san);
    a_load(&noted_order, acquire);
}

/* The same and no order made. */
static void noted_bare_switch(struct noted *from, struct noted *to)
{
    weft__san_leave(&from->san, &to->san, false);
    weft__ctx_switch(&from->ctx, &to->ctx, NULL);
    weft__san_arrive(&from->san);
}

static void noted_entry(void *arg)
{
    struct noted *me = arg;
    weft__san_arrive(&me->san);
    me->body(me);
    noted_leave(me, true);
}

static void noted_init(void)
{
    weft__san_init_thread(&noted_home.san);
    EXPECT_EQ(weft__sys_map(2 * NOTED_STACK_SIZE, &noted_stack), 0);
}

static void noted_fini(void)
{
    weft__sys_unmap(noted_stack, 2 * NOTED_STACK_SIZE);
}

static void noted_make(struct noted *n, int place, void (*body)(struct noted *))
{
    char *lo = (char *)noted_stack + place * NOTED_STACK_SIZE;
    n->body = body;
    weft__san_stack_reuse(lo, NOTED_STACK_SIZE);
    weft__ctx_make(&n->ctx, lo + NOTED_STACK_SIZE, noted_entry, n);
    weft__san_make(&n->san, lo, NOTED_STACK_SIZE);
}

/* Ends the process by a report, or with status 0.  ThreadSanitizer may report at the end only. */
static bool noted_reports(void (*wrong)(void))
{
    pid_t pid = fork();
    EXPECT(pid >= 0);
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        dup2(null, STDERR_FILENO);
        wrong();
        _exit(0);
    }
    int status = 0;
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    return status != 0;
}

/* ---- not to be reported -------------------------------------------------------------------- */

WEFT_NOINLINE static void noted_write(volatile char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        p[i] = (char)i;
    }
}

/* Leaves for ever with locals alive, that is, with red zones around them. */
WEFT_NOINLINE static void reuse_deep(struct noted *me, int depth)
{
    char local[200];
    noted_write(local, sizeof local);
    if (depth > 0) {
        reuse_deep(me, depth - 1);
    } else {
        noted_leave(me, true);
    }
}

static void reuse_body(struct noted *me)
{
    reuse_deep(me, 20);
}

/* The whole depth in one frame, so that old red zones would lie in it. */
static void reuse_flat_body(struct noted *me)
{
    char local[32 * 1024];
    noted_write(local, sizeof local);
    noted_leave(me, false);
    noted_write(local, sizeof local);
}

TEST(sanitize_stack_reuse)
{
    struct noted n;
    noted_init();
    for (int i = 0; i < 50; i++) {
        noted_make(&n, 0, reuse_body);
        noted_resume(&n);
        weft__san_free(&n.san);
        noted_make(&n, 0, reuse_flat_body);
        noted_resume(&n);
        noted_resume(&n);
        weft__san_free(&n.san);
    }
    noted_fini();
}

static ATOMIC(int) signal_count;
static pid_t signal_thread;

static void signal_heard(int signo)
{
    (void)signo;
    a_add(&signal_count, 1, relaxed);
}

/* By a bare system call, so that ThreadSanitizer takes it for anybody's.  It knows of atomics,
 * so none may come between that and the switch. */
static void signal_body(struct noted *me)
{
    for (;;) {
        if (weft__sys_tgkill(signal_thread, SIGUSR1) < 0) {
            return;
        }
        noted_bare_switch(me, &noted_home);
    }
}

/* What has come is handled, although its context leaves at once, and may never be resumed. */
TEST(sanitize_signal_before_a_switch)
{
    struct sigaction act = {.sa_handler = signal_heard}, old;
    struct noted n;
    noted_init();
    signal_thread = weft__sys_gettid();
    EXPECT_EQ(weft__sys_sigaction(SIGUSR1, &act, &old), 0);
    noted_make(&n, 0, signal_body);
    for (int i = 1; i <= 2; i++) {
        noted_bare_switch(&noted_home, &n);
        EXPECT_EQ(a_load(&signal_count, relaxed), i);
    }
    weft__san_free(&n.san);
    EXPECT_EQ(weft__sys_sigaction(SIGUSR1, &old, NULL), 0);
    noted_fini();
}

/* A longjmp makes AddressSanitizer clean the stack that it believes us to be on. */
static void jump_body(struct noted *me)
{
    jmp_buf back;
    for (volatile int i = 0; i < 10; i++) {
        if (setjmp(back) == 0) {
            char local[300];
            noted_write(local, sizeof local);
            noted_leave(me, false);
            longjmp(back, 1);
        }
        char after[300];
        noted_write(after, sizeof after);
    }
}

TEST(sanitize_longjmp_in_a_context)
{
    struct noted a, b;
    noted_init();
    noted_make(&a, 0, jump_body);
    noted_make(&b, 1, jump_body);
    for (int i = 0; i < 11; i++) {
        noted_resume(&a);
        noted_resume(&b);
    }
    weft__san_free(&a.san);
    weft__san_free(&b.san);
    noted_fini();
}

static void hidden_body(struct noted *me)
{
    weft__san_hide();
    for (int i = 0; i < 100; i++) {
        noted_plain++;
        noted_bare_switch(me, &noted_home);
    }
    weft__san_show();
}

TEST(sanitize_hidden_access_is_not_judged)
{
    struct noted a, b;
    noted_init();
    noted_make(&a, 0, hidden_body);
    noted_make(&b, 1, hidden_body);
    for (int i = 0; i < 100; i++) {
        noted_bare_switch(&noted_home, &a);
        noted_bare_switch(&noted_home, &b);
    }
    noted_resume(&a);
    noted_resume(&b);
    EXPECT_EQ(noted_plain, 200);
    weft__san_free(&a.san);
    weft__san_free(&b.san);
    noted_fini();
}

static void never_body(struct noted *me)
{
    (void)me;
    test_fail(__FILE__, __LINE__, "ran");
}

/* Made and freed without a first switch, as when a scope is cancelled early. */
TEST(sanitize_context_that_never_ran)
{
    struct noted n;
    noted_init();
    for (int i = 0; i < 100; i++) {
        noted_make(&n, 0, never_body);
        weft__san_free(&n.san);
    }
    noted_fini();
}

/* ---- to be reported ------------------------------------------------------------------------ */

static void race_body(struct noted *me)
{
    noted_plain++;
    noted_bare_switch(me, &noted_home);
}

static void race_of_two(void)
{
    struct noted a, b;
    noted_init();
    noted_make(&a, 0, race_body);
    noted_make(&b, 1, race_body);
    noted_bare_switch(&noted_home, &a);
    noted_bare_switch(&noted_home, &b);
}

/* One thread, two contexts, nothing that orders them: a race, though it never happens here. */
TEST(sanitize_race_on_one_thread_is_reported)
{
    if (!WEFT__SAN_THREAD) {
        SKIP("needs ThreadSanitizer");
    }
    EXPECT(noted_reports(race_of_two));
}

static void overflow_body(struct noted *me)
{
    char local[64];
    volatile size_t too_many = sizeof local + 1;
    noted_write(local, too_many);
    noted_leave(me, false);
}

static void overflow_in_context(void)
{
    struct noted n;
    noted_init();
    noted_make(&n, 0, overflow_body);
    noted_resume(&n);
}

TEST(sanitize_overflow_in_a_context_is_reported)
{
    if (!WEFT__SAN_ADDRESS) {
        SKIP("needs AddressSanitizer");
    }
    EXPECT(noted_reports(overflow_in_context));
}
