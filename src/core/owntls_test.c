/* owntls_test.c - tests of thread-locals that belong to a task.
 *
 * The first half moves the test's own thread onto a block and back, without a runtime; a word of
 * the test's stands for Weft's own.  The second half are tasks with .own_tls; they are skipped
 * where a spawn says -WEFT_ENOTSUP, but the first test fails where that should not be said.
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/owntls.h"

#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <locale.h>
#include <malloc.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "arch/tls.h"
#include "base/alloc.h"
#include "base/atomic.h"
#include "base/fault.h"
#include "base/sys.h"
#include "core/self.h"
#include "tests/test.h"
#include "weft/chan.h"
#include "weft/err.h"
#include "weft/run.h"
#include "weft/scope.h"
#include "weft/sync.h"
#include "weft/task.h"
#include "weft/time.h"

/* glibc's own: where a thread_local of C++ leaves its destructor. */
int __cxa_thread_atexit_impl(void (*destroy)(void *), void *object, void *dso);
extern void *__dso_handle;

static _Thread_local struct weft__thread *owntls_word;
static _Thread_local int owntls_data = 42;
static _Thread_local char owntls_zeroes[100];
static struct weft__thread owntls_thread; /* only its address counts */

/* ---- on the test's own thread ---- */

static struct weft__owntls *owntls_take_one(void)
{
    struct weft__owntls *block = NULL;
    owntls_word = &owntls_thread;
    int rc = weft__owntls_new(&owntls_word, &block);
    if (rc == -WEFT_ENOTSUP) {
        SKIP("no thread-locals of one's own here");
    }
    EXPECT_EQ(rc, 0);
    return block;
}

static int owntls_run_on(struct weft__owntls *block, int (*fn)(void *), void *arg)
{
    weft__owntls_switch(NULL, block, &owntls_thread);
    int rc = weft__owntls_run(block, fn, arg);
    weft__owntls_switch(block, NULL, &owntls_thread);
    return rc;
}

static int owntls_once(int (*fn)(void *), void *arg)
{
    struct weft__owntls *block = owntls_take_one();
    int rc = owntls_run_on(block, fn, arg);
    weft__owntls_free(block);
    return rc;
}

/* A body in a process of its own, since what blocks are made of stays until the end. */
static void owntls_in_child(void (*body)(void))
{
    int status;
    owntls_take_one();
    pid_t pid = fork();
    EXPECT(pid >= 0);
    if (pid == 0) {
        body();
        _exit(0);
    }
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        SKIP("the child was skipped");
    }
    EXPECT_EQ(status, 0);
}

TEST(owntls_is_there)
{
    struct weft__owntls *block = NULL;
    owntls_word = &owntls_thread;
    int rc = weft__owntls_new(&owntls_word, &block);
    EXPECT_EQ(rc, weft__tls_can_set() ? 0 : -WEFT_ENOTSUP);
    weft__owntls_free(block);
}

static int owntls_check_variables(void *arg)
{
    EXPECT(&owntls_data != arg);
    EXPECT_EQ(owntls_data, 42);
    for (size_t i = 0; i < sizeof owntls_zeroes; i++) {
        EXPECT_EQ(owntls_zeroes[i], 0);
    }
    EXPECT(owntls_word == &owntls_thread);
    owntls_data = 1;
    memset(owntls_zeroes, 1, sizeof owntls_zeroes);
    return 5;
}

TEST(owntls_variables)
{
    owntls_data = 43;
    owntls_zeroes[3] = 3;
    for (int i = 0; i < 3; i++) { /* the second time it is a used one */
        EXPECT_EQ(owntls_once(owntls_check_variables, &owntls_data), 5);
    }
    EXPECT_EQ(owntls_data, 43);
    EXPECT_EQ(owntls_zeroes[3], 3);
    EXPECT_EQ(owntls_zeroes[4], 0);
}

static int owntls_check_errno(void *arg)
{
    EXPECT(__errno_location() != arg);
    EXPECT(weft_errno_location() == __errno_location());
    EXPECT_EQ(*__errno_location(), 0);
    EXPECT_EQ(close(-1), -1);
    EXPECT_EQ(*__errno_location(), EBADF);
    return 0;
}

TEST(owntls_errno_apart)
{
    *__errno_location() = ENOENT;
    for (int i = 0; i < 2; i++) {
        owntls_once(owntls_check_errno, __errno_location());
    }
    EXPECT_EQ(*__errno_location(), ENOENT);
}

/* What holds its state in thread-locals or in the descriptor. */
static int owntls_use_libc(void *arg)
{
    char text[100], *rest;
    struct addrinfo *list = NULL;
    (void)arg;
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    EXPECT(c != (locale_t)0);
    EXPECT(uselocale(c) == LC_GLOBAL_LOCALE);
    EXPECT(isalpha('x') && !isalpha('1') && toupper('a') == 'A');
    EXPECT_EQ(snprintf(text, sizeof text, "%d %.2f", 42, 2.5), 7);
    EXPECT_STR(text, "42 2.50");
    EXPECT_STR(strtok_r(text, " ", &rest), "42");
    EXPECT(uselocale(LC_GLOBAL_LOCALE) == c);
    freelocale(c);
    EXPECT(strstr(strerror(123456), "123456") != NULL);
    EXPECT(strlen(strsignal(SIGUSR1)) > 0);
    EXPECT_EQ(getaddrinfo("127.0.0.1", "80", NULL, &list), 0);
    freeaddrinfo(list);
    EXPECT(sched_getcpu() >= 0);
    EXPECT(dlsym(RTLD_DEFAULT, "no_such_function_at_all") == NULL);
    EXPECT(dlerror() != NULL);
    FILE *file = fopen("/dev/null", "w");
    EXPECT(file != NULL);
    flockfile(file);
    fprintf(file, "%s\n", "words");
    funlockfile(file);
    fclose(file);
    EXPECT_EQ(raise(0), 0);
    return 0;
}

TEST(owntls_c_library)
{
    for (int i = 0; i < 3; i++) {
        owntls_once(owntls_use_libc, NULL);
    }
}

static int owntls_use_heap(void *arg)
{
    void *kept[64] = {NULL};
    (void)arg;
    for (size_t i = 0; i < 100000; i++) {
        size_t at = i % 64;
        free(kept[at]);
        kept[at] = malloc(i % 3000 + 1);
        EXPECT(kept[at] != NULL);
        memset(kept[at], (int)i, i % 3000 + 1);
    }
    for (size_t i = 0; i < 64; i++) {
        free(kept[i]);
    }
    return 0;
}

TEST(owntls_heap)
{
    owntls_once(owntls_use_heap, NULL);
    owntls_once(owntls_use_heap, NULL);
}

static int owntls_use_little(void *arg)
{
    void *p = malloc(200);
    (void)arg;
    free(p);
    return p ? 0 : -WEFT_ENOMEM;
}

/* Blocks go round: as many as were in use at once, however many tasks there were. */
TEST(owntls_goes_round)
{
    size_t made, idle, made_now;
    owntls_once(owntls_use_little, NULL);
    weft__owntls_count(&made, &idle);
    EXPECT_EQ(made, idle);
    size_t before = mallinfo2().uordblks;
    for (int i = 0; i < 10000; i++) {
        EXPECT_EQ(owntls_once(owntls_use_little, NULL), 0);
    }
    weft__owntls_count(&made_now, &idle);
    EXPECT_EQ(made_now, made);
    EXPECT_EQ(idle, made);
    EXPECT_EQ(mallinfo2().uordblks, before);
}

/* ---- the end of a task ---- */

static pthread_key_t owntls_key, owntls_other_key;
static int owntls_destroyed;

static void owntls_destroy_value(void *value)
{
    owntls_destroyed++;
    if (value == &owntls_destroyed) {
        EXPECT_EQ(pthread_setspecific(owntls_other_key, &owntls_data), 0); /* one more round */
    }
}

static void owntls_destroy_object(void *object)
{
    EXPECT(object == &owntls_data); /* still the task's own */
    owntls_destroyed += 10;
}

static int owntls_use_destructors(void *arg)
{
    (void)arg;
    EXPECT(pthread_getspecific(owntls_key) == NULL);
    EXPECT_EQ(pthread_setspecific(owntls_key, &owntls_destroyed), 0);
    EXPECT_EQ(__cxa_thread_atexit_impl(owntls_destroy_object, &owntls_data, &__dso_handle), 0);
    return 0;
}

TEST(owntls_destructors)
{
    EXPECT_EQ(pthread_key_create(&owntls_key, owntls_destroy_value), 0);
    EXPECT_EQ(pthread_key_create(&owntls_other_key, owntls_destroy_value), 0);
    for (int i = 1; i <= 3; i++) {
        owntls_once(owntls_use_destructors, NULL);
        EXPECT_EQ(owntls_destroyed, 12 * i);
    }
    EXPECT(pthread_getspecific(owntls_key) == NULL);
    pthread_key_delete(owntls_key);
    pthread_key_delete(owntls_other_key);
}

/* One whose task never came to its end is not used again. */
TEST(owntls_ended_in_the_middle)
{
    size_t made, idle, made_now;
    struct weft__owntls *a = owntls_take_one(), *b = owntls_take_one();
    EXPECT(a != b);
    weft__owntls_count(&made, &idle);
    weft__owntls_free(b); /* never begun */
    EXPECT(owntls_take_one() == b);
    weft__owntls_free(b);
    weft__owntls_free(a);
    weft__owntls_free(NULL);
    weft__owntls_count(&made_now, &idle);
    EXPECT_EQ(made_now, made);
    EXPECT_EQ(idle, made);
}

/* ---- locks, threads, signals, processes ---- */

static int owntls_try_lock(void *arg)
{
    return -pthread_mutex_trylock(arg);
}

static int owntls_hold_lock(void *arg)
{
    EXPECT_EQ(pthread_mutex_lock(arg), 0);
    EXPECT_EQ(pthread_mutex_lock(arg), 0);
    EXPECT_EQ(pthread_mutex_unlock(arg), 0);
    return 0;
}

/* A recursive lock is the block's: not the carrier's, and not another block's. */
TEST(owntls_recursive_locks)
{
    pthread_mutexattr_t kind;
    pthread_mutex_t mutex;
    struct weft__owntls *a = owntls_take_one(), *b = owntls_take_one();
    EXPECT_EQ(pthread_mutexattr_init(&kind), 0);
    EXPECT_EQ(pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE), 0);
    EXPECT_EQ(pthread_mutex_init(&mutex, &kind), 0);
    EXPECT_EQ(owntls_run_on(a, owntls_hold_lock, &mutex), 0);
    EXPECT_EQ(owntls_run_on(b, owntls_try_lock, &mutex), -EBUSY);
    EXPECT_EQ(pthread_mutex_trylock(&mutex), EBUSY);
    EXPECT_EQ(pthread_mutex_unlock(&mutex), EPERM);
    EXPECT_EQ(owntls_run_on(a, owntls_try_lock, &mutex), 0);
    weft__owntls_free(a);
    weft__owntls_free(b);
}

static int owntls_robust_lock(void *arg)
{
    pthread_mutex_t *mutex = arg;
    EXPECT_EQ(pthread_mutex_lock(mutex), 0);
    EXPECT_EQ(pthread_mutex_unlock(mutex), 0);
    return 0;
}

TEST(owntls_robust_locks)
{
    pthread_mutexattr_t kind;
    pthread_mutex_t mutex;
    EXPECT_EQ(pthread_mutexattr_init(&kind), 0);
    EXPECT_EQ(pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST), 0);
    EXPECT_EQ(pthread_mutex_init(&mutex, &kind), 0);
    owntls_once(owntls_robust_lock, &mutex);
    owntls_robust_lock(&mutex);
    EXPECT_EQ(pthread_mutex_destroy(&mutex), 0);
}

static void *owntls_thread_body(void *arg)
{
    owntls_use_heap(NULL);
    return arg;
}

static int owntls_start_threads(void *arg)
{
    pthread_t threads[4];
    void *result;
    for (size_t i = 0; i < 4; i++) {
        EXPECT_EQ(pthread_create(&threads[i], NULL, owntls_thread_body, arg), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        EXPECT_EQ(pthread_join(threads[i], &result), 0);
        EXPECT(result == arg);
    }
    return 0;
}

TEST(owntls_starts_threads)
{
    owntls_once(owntls_start_threads, &owntls_data);
}

static volatile sig_atomic_t owntls_signals;

static void owntls_on_signal(int signo)
{
    (void)signo;
    owntls_signals += owntls_word == &owntls_thread;
}

static int owntls_signal_itself(void *arg)
{
    (void)arg;
    for (int i = 0; i < 100; i++) {
        EXPECT_EQ(raise(SIGUSR1), 0);
        EXPECT_EQ(pthread_kill(pthread_self(), SIGUSR1), 0);
    }
    return 0;
}

TEST(owntls_signals_find_us)
{
    struct sigaction action = {.sa_handler = owntls_on_signal};
    EXPECT_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    owntls_once(owntls_signal_itself, NULL);
    owntls_once(owntls_signal_itself, NULL);
    EXPECT_EQ(owntls_signals, 400);
}

/* A timer interrupts moves and beginnings, too. */
TEST(owntls_signals_at_any_time)
{
    struct sigaction action = {.sa_handler = owntls_on_signal};
    struct itimerspec often = {{0, 50000}, {0, 50000}};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    timer_t timer;
    owntls_once(owntls_use_little, NULL);
    EXPECT_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    EXPECT_EQ(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    EXPECT_EQ(timer_settime(timer, 0, &often, NULL), 0);
    for (int i = 0; i < 10000 || owntls_signals < 50; i++) {
        EXPECT_EQ(owntls_once(owntls_use_little, NULL), 0);
    }
    timer_delete(timer);
}

static int owntls_fork_inside(void *arg)
{
    int status;
    pid_t pid = fork();
    EXPECT(pid >= 0);
    if (pid == 0) {
        pthread_t thread;
        void *result = NULL;
        owntls_use_libc(NULL);
        EXPECT_EQ(pthread_create(&thread, NULL, owntls_thread_body, arg), 0);
        EXPECT_EQ(pthread_join(thread, &result), 0);
        _exit(result == arg ? 7 : 8);
    }
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 7);
    EXPECT_EQ(system("exit 3"), 3 << 8);
    return 0;
}

TEST(owntls_fork)
{
    owntls_once(owntls_fork_inside, &owntls_data);
    owntls_once(owntls_fork_inside, &owntls_data);
}

/* ---- what may go wrong ---- */

TEST(owntls_faults)
{
    size_t before, after, idle;
    uint64_t failed = 0;
    weft__owntls_free(owntls_take_one());
    struct weft__owntls *last = owntls_take_one(); /* so that another has to be made */
    weft__owntls_count(&before, &idle);
    for (uint64_t n = 1;; n++) {
        struct weft__owntls *blocks[16];
        size_t got = 0;
        int rc = 0;
        weft__fault_arm(WEFT_FAULT_ALL, n);
        while (got < 16 && (rc = weft__owntls_new(&owntls_word, &blocks[got])) == 0) {
            got++;
        }
        uint64_t counted = weft__fault_disarm();
        EXPECT(rc == 0 || rc == -WEFT_ENOMEM);
        failed += rc != 0;
        while (got > 0) {
            weft__owntls_free(blocks[--got]);
        }
        if (counted < n) {
            break;
        }
    }
    weft__owntls_count(&after, &idle);
    EXPECT_EQ(idle + 1, after);
    EXPECT(failed >= 2);
    weft__owntls_free(last);
}

/* A block from before an object was loaded may lack its thread-locals. */
TEST(owntls_after_dlopen)
{
    struct weft__owntls *a = owntls_take_one();
    size_t before, after, idle;
    weft__owntls_free(a);
    weft__owntls_count(&before, &idle);
    void *object = dlopen("libBrokenLocale.so.1", RTLD_NOW);
    if (!object) {
        SKIP("libBrokenLocale.so.1 is not here");
    }
    owntls_once(owntls_use_libc, NULL);
    weft__owntls_count(&after, &idle);
    EXPECT_EQ(after, 1);
    EXPECT_EQ(idle, 1);
    dlclose(object);
}

/* ---- tasks ---- */

static void owntls_go(weft_scope *scope, int (*fn)(void *), const void *arg, size_t size)
{
    int rc = weft_go_with(scope, fn, arg, size, &(weft_task_options){.own_tls = true});
    if (rc == -WEFT_ENOTSUP) {
        SKIP("no thread-locals of one's own here");
    }
    EXPECT_EQ(rc, 0);
}

/* As a compiler does: the address is asked for once. */
static int owntls_keep_errno(void *arg)
{
    int *place = __errno_location(), mine = *(int *)arg;
    for (int i = 0; i < TEST_FEWER(100); i++) {
        *place = mine;
        owntls_data = mine + i;
        EXPECT_EQ(i % 8 == 0 ? weft_sleep(1000) : weft_yield(), 0);
        EXPECT(__errno_location() == place);
        EXPECT_EQ(*place, mine);
        EXPECT_EQ(owntls_data, mine + i);
    }
    return 0;
}

static void owntls_many_keep_errno(int n)
{
    weft_scope scope;
    weft_scope_open(&scope);
    for (int i = 1; i <= n; i++) {
        owntls_go(&scope, owntls_keep_errno, &i, sizeof i);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
}

TASK_TEST(owntls_errno_kept)
{
    owntls_many_keep_errno(5);
}

static int owntls_crowd(void *arg)
{
    (void)arg;
    owntls_many_keep_errno(100);
    return 0;
}

static void owntls_crowd_body(void)
{
    EXPECT_EQ(weft_run_with(owntls_crowd, NULL, &(weft_options){.workers = 4}), 0);
}

TEST(owntls_errno_kept_by_a_hundred)
{
    owntls_in_child(owntls_crowd_body);
}

struct owntls_pipe {
    weft_chan *in, *out;
};

static int owntls_relay(void *arg)
{
    struct owntls_pipe *pipe = arg;
    int value;
    owntls_data = 1000;
    while (weft_chan_recv(pipe->in, &value) == 0) {
        value++;
        owntls_data++;
        EXPECT_EQ(weft_chan_send(pipe->out, &value), 0);
    }
    weft_chan_close(pipe->out);
    return owntls_data;
}

static int owntls_plain_relay(void *arg)
{
    struct owntls_pipe *pipe = arg;
    int value;
    while (weft_chan_recv(pipe->in, &value) == 0) {
        value++;
        EXPECT_EQ(weft_chan_send(pipe->out, &value), 0);
    }
    weft_chan_close(pipe->out);
    return 0;
}

/* Tasks with and without hand values on to each other. */
TASK_TEST(owntls_mixed)
{
    enum { OWNTLS_STAGES = 4 };
    weft_chan *chans[OWNTLS_STAGES + 1];
    weft_scope scope;
    int value, rounds = TEST_FEWER(200);
    for (int i = 0; i <= OWNTLS_STAGES; i++) {
        chans[i] = weft_chan_new(sizeof(int), (size_t)i % 2);
        EXPECT(chans[i] != NULL);
    }
    weft_scope_open(&scope);
    for (int i = 0; i < OWNTLS_STAGES; i++) {
        struct owntls_pipe pipe = {chans[i], chans[i + 1]};
        if (i % 2) {
            EXPECT_EQ(weft_go(&scope, owntls_plain_relay, &pipe), 0);
        } else {
            owntls_go(&scope, owntls_relay, &pipe, sizeof pipe);
        }
    }
    for (int i = 0; i < rounds; i++) {
        EXPECT_EQ(weft_chan_send(chans[0], &i), 0);
        EXPECT_EQ(weft_chan_recv(chans[OWNTLS_STAGES], &value), 0);
        EXPECT_EQ(value, i + OWNTLS_STAGES);
    }
    weft_chan_close(chans[0]);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    for (int i = 0; i <= OWNTLS_STAGES; i++) {
        weft_chan_free(chans[i]);
    }
}

static int owntls_sleep_for_ever(void *arg)
{
    (void)arg;
    owntls_data = 9;
    EXPECT_EQ(weft_sleep(WEFT_NEVER), -WEFT_ECANCELED);
    EXPECT_EQ(owntls_data, 9);
    return -WEFT_ECANCELED;
}

TASK_TEST(owntls_cancelled)
{
    weft_scope scope;
    weft_scope_open(&scope);
    for (int i = 0; i < 3; i++) {
        owntls_go(&scope, owntls_sleep_for_ever, NULL, 0);
    }
    EXPECT_EQ(weft_yield(), 0);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
}

static int owntls_block(void *arg)
{
    (void)arg;
    return owntls_data == 42 ? 0 : -EIO; /* on a thread of the pool, with that one's */
}

static int owntls_call_blocking(void *arg)
{
    (void)arg;
    owntls_data = 8;
    EXPECT_EQ(weft_blocking(owntls_block, NULL), 0);
    EXPECT_EQ(owntls_data, 8);
    return 0;
}

TASK_TEST_FREE(owntls_blocking)
{
    weft_scope scope;
    weft_scope_open(&scope);
    owntls_go(&scope, owntls_call_blocking, NULL, 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
}

/* By nature. */
TASK_TEST_FREE(owntls_on_a_thread)
{
    weft_scope scope;
    int mine = 6;
    weft_scope_open_with(&scope, &(weft_scope_options){.policy = WEFT_COLLECT});
    int rc = weft_go_with(&scope, owntls_keep_errno, &mine, sizeof mine,
                          &(weft_task_options){.own_tls = true, .on = WEFT_THREAD});
    EXPECT(rc == 0 || rc == -WEFT_ENOTSUP);
    EXPECT_EQ(weft_scope_close(&scope), rc);
}

static int owntls_fork_task(void *arg)
{
    int status, *place = __errno_location();
    (void)arg;
    EXPECT_EQ(weft_yield(), 0);
    *place = EDOM;
    pid_t pid = fork();
    EXPECT(pid >= 0);
    if (pid == 0) {
        owntls_use_libc(NULL);
        owntls_use_heap(NULL);
        _exit(__errno_location() == place && owntls_data == 42 ? 7 : 8);
    }
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 7);
    EXPECT_EQ(weft_yield(), 0);
    EXPECT_EQ(*place, EDOM);
    return 0;
}

TASK_TEST_FREE(owntls_fork_in_a_task)
{
    weft_scope scope;
    weft_scope_open(&scope);
    for (int i = 0; i < 3; i++) {
        owntls_go(&scope, owntls_fork_task, NULL, 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
}

static int owntls_panics(void *arg)
{
    (void)arg;
    owntls_data = 1;
    weft_panic("on purpose");
}

static int owntls_check_fresh(void *arg)
{
    (void)arg;
    EXPECT_EQ(owntls_data, 42);
    return 0;
}

static int owntls_panic_root(void *arg)
{
    weft_scope scope;
    (void)arg;
    for (int i = 0; i < 3; i++) {
        weft_scope_open_with(&scope, &(weft_scope_options){.policy = WEFT_COLLECT});
        owntls_go(&scope, owntls_panics, NULL, 0);
        EXPECT_EQ(weft_scope_close(&scope), -WEFT_EPANIC);
        weft_scope_open(&scope);
        owntls_go(&scope, owntls_check_fresh, NULL, 0);
        EXPECT_EQ(weft_scope_close(&scope), 0);
    }
    return 0;
}

static void owntls_panic_body(void)
{
    EXPECT_EQ(weft_run_with(owntls_panic_root, NULL,
                            &(weft_options){.workers = 2, .panic = WEFT_PANIC_TASK}), 0);
}

TEST(owntls_panic_contained)
{
    owntls_in_child(owntls_panic_body);
}

static int owntls_brief(void *arg)
{
    (void)arg;
    EXPECT_EQ(owntls_data, 42);
    owntls_data = 0;
    free(malloc(100));
    return weft_yield();
}

static int owntls_thousands(void *arg)
{
    size_t made, idle;
    (void)arg;
    for (int round = 0; round < 40; round++) {
        weft_scope scope;
        weft_scope_open(&scope);
        for (int i = 0; i < 100; i++) {
            owntls_go(&scope, owntls_brief, NULL, 0);
        }
        EXPECT_EQ(weft_scope_close(&scope), 0);
    }
    weft__owntls_count(&made, &idle);
    EXPECT(made <= 110); /* a scope may close a moment before its last tasks give theirs back */
    return 0;
}

static void owntls_thousands_body(void)
{
    for (int run = 0; run < 3; run++) {
        EXPECT_EQ(weft_run_with(owntls_thousands, NULL, &(weft_options){.workers = 4}), 0);
    }
}

TEST(owntls_thousands_of_tasks)
{
    owntls_in_child(owntls_thousands_body);
}
