/* post_test.c - calls posted from threads, tasks and signal handlers.
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/post.h"

#include "tests/test.h"

#include "core/core_probe.h"
#include "weft/run.h"

struct posted {
    ATOMIC(uint32_t) count;
    uint32_t seen[2 * WEFT_POSTS_MAX];
    ATOMIC(uint32_t) holds, let_go;
};

static struct posted post_state; /* a signal handler has no argument */

static void post_reset(void)
{
    a_store(&post_state.count, 0, relaxed);
    a_store(&post_state.holds, 0, relaxed);
    a_store(&post_state.let_go, 0, relaxed);
}

static void post_note(void *arg)
{
    uint32_t n = a_load(&post_state.count, relaxed);
    post_state.seen[n % WEFT_ARRAY_SIZE(post_state.seen)] = (uint32_t)(uintptr_t)arg;
    a_store(&post_state.count, n + 1, release);
}

static void post_hold(void *arg)
{
    (void)arg;
    a_store(&post_state.holds, 1, release);
    probe_await(&post_state.let_go, 1);
}

static void post_await(uint32_t count)
{
    while (a_load(&post_state.count, acquire) < count) {
        EXPECT_EQ(weft_yield(), 0);
    }
}

TEST(post_without_a_runtime)
{
    EXPECT_EQ(weft_post(post_note, NULL), -WEFT_ESHUTDOWN);
    EXPECT_EQ(weft_post(NULL, NULL), -WEFT_EINVAL);
}

TASK_TEST(post_in_order)
{
    post_reset();
    for (uint32_t i = 0; i < WEFT_POSTS_MAX; i++) {
        int rc;
        while ((rc = weft_post(post_note, (void *)(uintptr_t)i)) == -WEFT_EAGAIN) {
            EXPECT_EQ(weft_yield(), 0);
        }
        EXPECT_EQ(rc, 0);
    }
    post_await(WEFT_POSTS_MAX);
    for (uint32_t i = 0; i < WEFT_POSTS_MAX; i++) {
        EXPECT_EQ(post_state.seen[i], i);
    }
}

TASK_TEST_FREE(post_until_full)
{
    post_reset();
    EXPECT_EQ(weft_post(post_hold, NULL), 0);
    while (!a_load(&post_state.holds, acquire)) {
        EXPECT_EQ(weft_yield(), 0);
    }
    for (uint32_t i = 0; i < WEFT_POSTS_MAX; i++) {
        EXPECT_EQ(weft_post(post_note, (void *)(uintptr_t)i), 0);
    }
    EXPECT_EQ(weft_post(post_note, NULL), -WEFT_EAGAIN);
    EXPECT_EQ(weft_post(post_note, NULL), -WEFT_EAGAIN);
    a_store(&post_state.let_go, 1, release);
    post_await(WEFT_POSTS_MAX);
    EXPECT_EQ(weft_post(post_note, (void *)(uintptr_t)77), 0);
    post_await(WEFT_POSTS_MAX + 1);
    EXPECT_EQ(post_state.seen[WEFT_POSTS_MAX], 77);
}

/* A task that sleeps is woken by one; the run is no deadlock meanwhile. */
static void post_open_gate(void *arg)
{
    probe_gate_post(arg);
}

TASK_TEST(post_wakes_a_task)
{
    struct probe_gate gate = {.permits = 0};
    for (int i = 0; i < 200; i++) {
        EXPECT_EQ(weft_post(post_open_gate, &gate), 0);
        EXPECT_EQ(probe_gate_wait(&gate), 0);
    }
}

/* ---- from a handler, in a plain thread ---- */

static void post_count(void *arg)
{
    a_add((ATOMIC(uint32_t) *)arg, 1, release);
}

static ATOMIC(uint32_t) post_handled;

static void post_count_handler(int signo)
{
    (void)signo;
    int rc = weft_post(post_count, &post_handled);
    EXPECT(rc == 0 || rc == -WEFT_EAGAIN);
    if (rc == -WEFT_EAGAIN) {
        a_add(&post_handled, 1, release);
    }
}

/* Its handler interrupts its own calls of weft_post, at every place in turn. */
static void *post_interrupted(void *arg)
{
    ATOMIC(uint32_t) *posted = arg;
    for (int i = 0; i < 2000; i++) {
        int rc;
        while ((rc = weft_post(post_count, posted)) == -WEFT_EAGAIN) {
            sched_yield();
        }
        EXPECT_EQ(rc, 0);
    }
    return NULL;
}

TASK_TEST_REAL(post_from_a_signal_handler)
{
    enum { SIGNALS = 2000 };
    struct sigaction action = {.sa_handler = post_count_handler}, old;
    ATOMIC(uint32_t) posted = 0, sent = 0;
    pthread_t thread;
    sigset_t usr1;
    EXPECT_EQ(sigaction(SIGUSR1, &action, &old), 0);
    a_store(&post_handled, 0, relaxed);
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
    EXPECT_EQ(pthread_create(&thread, NULL, post_interrupted, &posted), 0);
    while (a_load(&posted, acquire) < 2000) {
        uint32_t before = a_load(&post_handled, acquire);
        if (a_load(&sent, relaxed) < SIGNALS && pthread_kill(thread, SIGUSR1) == 0) {
            a_add(&sent, 1, relaxed);
        }
        while (a_load(&post_handled, acquire) == before && a_load(&posted, acquire) < 2000) {
            EXPECT_EQ(weft_yield(), 0);
        }
    }
    pthread_join(thread, NULL);
    EXPECT_EQ(sigaction(SIGUSR1, &old, NULL), 0);
    EXPECT_EQ(a_load(&posted, acquire), 2000);
}

/* ---- many threads at once: none is lost, and nobody stumbles over an interrupted one ---- */

enum { POSTERS = 3, POSTS_EACH = 5000 };

static void *post_many(void *arg)
{
    for (int i = 0; i < POSTS_EACH; i++) {
        int rc;
        while ((rc = weft_post(post_count, arg)) == -WEFT_EAGAIN) {
            sched_yield();
        }
        EXPECT_EQ(rc, 0);
    }
    return NULL;
}

TASK_TEST_REAL(post_from_many_threads)
{
    ATOMIC(uint32_t) posted = 0;
    pthread_t threads[POSTERS];
    for (int i = 0; i < POSTERS; i++) {
        EXPECT_EQ(pthread_create(&threads[i], NULL, post_many, &posted), 0);
    }
    while (a_load(&posted, acquire) < POSTERS * POSTS_EACH) {
        EXPECT_EQ(weft_sleep(100 * WEFT_US), 0);
    }
    for (int i = 0; i < POSTERS; i++) {
        pthread_join(threads[i], NULL);
    }
}
