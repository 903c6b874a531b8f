/* blocked_test.c - a deadlock is told, and only when it is one.
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/blocked.h"

#include "tests/test.h"

#include "core/core_probe.h"
#include "weft/run.h"

struct stall {
    struct probe_gate gate;
    size_t tasks, threads;
    ATOMIC(uint32_t) refused;
    ATOMIC(uint32_t) waiting;
};

static int stall_wait(void *arg)
{
    struct stall *stall = *(struct stall **)arg;
    a_add(&stall->waiting, 1, release);
    int rc = probe_gate_wait(&stall->gate);
    a_add(&stall->refused, rc == -WEFT_ECANCELED, relaxed);
    return rc;
}

static int stall_main(void *arg)
{
    struct stall *stall = arg;
    weft_scope scope;
    weft_scope_open(&scope);
    for (size_t i = 0; i < stall->tasks + stall->threads; i++) {
        weft_task_options options = {.name = "staller",
                                     .on = i < stall->tasks ? WEFT_TASK : WEFT_THREAD};
        EXPECT_EQ(weft_go_with(&scope, stall_wait, &stall, sizeof stall, &options), 0);
    }
    int rc = weft_scope_close(&scope);
    a_add(&stall->waiting, 1, release);
    return rc;
}

static void stall_expect_told(struct stall *stall, bool virtual_clock, size_t workers)
{
    char text[8192];
    struct probe_capture capture = probe_capture_begin();
    int rc = weft_run_with(stall_main, stall,
                           &(weft_options){.workers = workers, .virtual_clock = virtual_clock});
    probe_capture_end(&capture, text, sizeof text);
    EXPECT_EQ(rc, -WEFT_EDEADLK);
    EXPECT_EQ(a_load(&stall->refused, relaxed), stall->tasks + stall->threads);
    EXPECT_SAYS(text, "weft: deadlock: ");
    EXPECT_SAYS(text, "staller waits for a gate of the test");
    EXPECT_SAYS(text, "at stall_wait (blocked_test.c:");
    EXPECT_SAYS(text, "started at stall_main (blocked_test.c:");
    EXPECT_SAYS(text, "main waits for the tasks of a scope");
}

TEST(deadlock_of_tasks)
{
    for (size_t workers = 1; workers <= 4; workers += 3) {
        stall_expect_told(&(struct stall){.tasks = 3}, false, workers);
        stall_expect_told(&(struct stall){.tasks = 3}, true, workers);
    }
}

TEST(deadlock_of_tasks_on_threads)
{
    for (size_t workers = 1; workers <= 4; workers += 3) {
        stall_expect_told(&(struct stall){.threads = 3}, false, workers);
        stall_expect_told(&(struct stall){.threads = 2, .tasks = 2}, true, workers);
    }
}

TEST(deadlock_of_many)
{
    char text[64 * 1024];
    struct stall stall = {.tasks = 200};
    struct probe_capture capture = probe_capture_begin();
    EXPECT_EQ(weft_run_with(stall_main, &stall, &(weft_options){.workers = 2}), -WEFT_EDEADLK);
    probe_capture_end(&capture, text, sizeof text);
    EXPECT_SAYS(text, "(201 blocked)");
    EXPECT_SAYS(text, "and 151 more");
}

/* ---- plain threads ---- */

struct saviour {
    struct stall *stall;
    int64_t after_ns;
    bool knows_weft; /* it has called in before, and is known */
};

static void *saviour_thread(void *arg)
{
    struct saviour *s = arg;
    if (s->knows_weft) {
        (void)weft_now();
        EXPECT_STR(weft_task_name(), "thread");
    }
    probe_await(&s->stall->waiting, 2);
    weft__time_sleep_until(weft__time_now() + s->after_ns);
    probe_gate_post(&s->stall->gate);
    probe_gate_post(&s->stall->gate);
    return NULL;
}

/* A thread that Weft knows or does not know may wake them at any time: no deadlock. */
static void stall_expect_saved(size_t workers, bool knows_weft, bool virtual_clock)
{
    char text[8192];
    struct stall stall = {.tasks = 2};
    struct saviour saviour = {.stall = &stall, .after_ns = 20 * WEFT_MS, .knows_weft = knows_weft};
    struct probe_capture capture = probe_capture_begin();
    pthread_t thread;
    EXPECT_EQ(pthread_create(&thread, NULL, saviour_thread, &saviour), 0);
    weft_options options = {.workers = workers, .virtual_clock = virtual_clock,
                            .quiet = true}; /* of tasks that get no CPU for a while */
    int rc = weft_run_with(stall_main, &stall, &options);
    probe_capture_end(&capture, text, sizeof text);
    pthread_join(thread, NULL);
    EXPECT_STR(text, "");
    EXPECT_EQ(rc, 0);
}

TEST(deadlock_not_while_a_plain_thread_runs)
{
    for (size_t i = 0; i < 8; i++) {
        stall_expect_saved(i & 1 ? 1 : 4, i & 2, i & 4);
    }
}

struct asleep {
    struct probe_gate gate;
    ATOMIC(uint32_t) over;
};

static void *asleep_thread(void *arg)
{
    struct asleep *asleep = arg;
    EXPECT_EQ(probe_gate_wait(&asleep->gate), 0);
    a_store(&asleep->over, 1, release);
    return NULL;
}

/* One that sleeps in a wait of ours will not wake anybody. */
TEST(deadlock_with_a_plain_thread_asleep)
{
    struct asleep asleep = {.over = 0};
    pthread_t thread;
    EXPECT_EQ(pthread_create(&thread, NULL, asleep_thread, &asleep), 0);
    stall_expect_told(&(struct stall){.tasks = 2}, false, 2);
    EXPECT_EQ(a_load(&asleep.over, acquire), 0);
    probe_gate_post(&asleep.gate);
    pthread_join(thread, NULL);
}

/* ---- two plain threads that talk to one task without a pause: never a deadlock ---- */

struct talkers {
    struct probe_gate to_task, to_thread[2];
    uint32_t rounds;
};

struct talker {
    struct talkers *talkers;
    int index;
};

static void *talker_thread(void *arg)
{
    struct talker *t = arg;
    for (uint32_t i = 0; i < t->talkers->rounds; i++) {
        probe_gate_post(&t->talkers->to_task);
        EXPECT_EQ(probe_gate_wait(&t->talkers->to_thread[t->index]), 0);
    }
    return NULL;
}

static int talkers_main(void *arg)
{
    struct talkers *talkers = arg;
    struct talker args[2] = {{talkers, 0}, {talkers, 1}};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ(pthread_create(&threads[i], NULL, talker_thread, &args[i]), 0);
    }
    for (uint32_t i = 0; i < talkers->rounds; i++) {
        EXPECT_EQ(probe_gate_wait(&talkers->to_task), 0);
        EXPECT_EQ(probe_gate_wait(&talkers->to_task), 0);
        probe_gate_post(&talkers->to_thread[0]);
        probe_gate_post(&talkers->to_thread[1]);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    return 0;
}

TEST(deadlock_not_between_threads_and_a_task)
{
    for (size_t workers = 1; workers <= 3; workers++) {
        struct talkers talkers = {.rounds = (uint32_t)TEST_ROUNDS(3000, 300000)};
        EXPECT_EQ(weft_run_with(talkers_main, &talkers, &(weft_options){.workers = workers}), 0);
    }
}

/* ---- a pool thread that went away is not counted for a plain one ---- */

static int idle_code(void *arg)
{
    return *(int *)arg;
}

static int idle_pool_main(void *arg)
{
    struct saviour *saviour = arg;
    struct stall *stall = saviour->stall;
    weft_stats stats;
    int zero = 0;
    pthread_t thread;
    EXPECT_EQ(weft_blocking(idle_code, &zero), 0);
    do { /* it goes away after 2 s */
        EXPECT_EQ(weft_sleep(50 * WEFT_MS), 0);
        EXPECT_EQ(weft_stats_get(&stats), 0);
    } while (stats.blocking_threads > 0);
    EXPECT_EQ(pthread_create(&thread, NULL, saviour_thread, saviour), 0);
    EXPECT_EQ(stall_main(stall), 0);
    pthread_join(thread, NULL);
    return 0;
}

TEST(deadlock_not_mistaken_after_the_pool_has_shrunk)
{
    struct stall stall = {.tasks = 2};
    struct saviour saviour = {.stall = &stall, .after_ns = 30 * WEFT_MS};
    EXPECT_EQ(weft_run_with(idle_pool_main, &saviour, &(weft_options){.workers = 2}), 0);
}
