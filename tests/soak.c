/* soak.c - all primitives at once, for as long as one likes: the soak of make night.
 *
 *   soak SECONDS [SEED [WORKERS [PLAYS]]]
 *
 * Round after round starts a runtime, with as many workers as chance says (1, 2, 4 or 8) unless
 * WORKERS does, over the kernel's ring or epoll unless WEFT_IO does.  In it tasks of all kinds and
 * plain threads, the walkers, take one play after the other from soak_plays.c, soak_waits.c,
 * soak_net.c and soak_files.c (only those whose names begin with PLAYS), while chance cancels them.
 * After each round the process must hold what it held before: descriptors, threads, mappings,
 * allocations, children.
 *
 * A watchdog ends the process when nothing has moved for 20 s, or a round lasts for ever; before,
 * it runs the command in SOAK_DUMP with the process's number behind it (a debugger's, say).
 *
 * The seed says what is done, not in which order the threads do it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "soak.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "arch/tls.h"
#include "base/time.h"
#include "core/blocked.h"
#include "core/self.h"
#include "tests/census.h"
#include "tests/test.h"

enum { WALKERS_MAX = 48, STEPS_MAX = 24, THREADS_MAX = 3, TABLES = 4, STILL_S = 20 };

ATOMIC(uint64_t) soak_moves;

static ATOMIC(uint64_t) soak_seed, soak_round_number, soak_round_workers;
static ATOMIC(uint32_t) soak_over;
static struct soak_play *const soak_tables[TABLES] = {soak_plays, soak_waits, soak_net,
                                                      soak_files};
static const char *soak_wanted = "";

/* ---- what soak.h promises ---- */

static void soak_print_plays(struct soak_play *plays)
{
    for (; plays->name != NULL; plays++) {
        fprintf(stderr, "  %-12s %8llu runs, %u now\n", plays->name,
                (unsigned long long)a_load(&plays->runs, relaxed),
                a_load(&plays->running, relaxed));
    }
}

static void soak_where(void)
{
    fprintf(stderr, "soak: seed %llu, round %llu, %llu workers\n",
            (unsigned long long)a_load(&soak_seed, relaxed),
            (unsigned long long)a_load(&soak_round_number, relaxed),
            (unsigned long long)a_load(&soak_round_workers, relaxed));
}

static void soak_dump(void)
{
    const char *command = getenv("SOAK_DUMP");
    struct weft__runtime *rt = weft__runtime();
    char line[512];

    for (size_t t = 0; t < TABLES; t++) {
        soak_print_plays(soak_tables[t]);
    }
    if (command != NULL) {
        snprintf(line, sizeof line, "%s %d", command, (int)getpid());
        if (system(line) != 0) {
            fprintf(stderr, "soak: %s failed\n", line);
        }
    }
    if (rt != NULL) { /* it takes locks, which may be what all wait for: SIGALRM ends us then */
        alarm(10);
        weft__blocked_print(rt, "the soak stands still");
    }
}

void soak_fail(const char *file, int line, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "soak: FAILED %s:%d: ", file, line);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
    soak_where();
    if (getenv("SOAK_DUMP") != NULL) {
        soak_dump();
    }
    abort();
}

/* What the census calls. */
void test_fail(const char *file, int line, const char *format, ...)
{
    char said[256];
    va_list args;

    va_start(args, format);
    vsnprintf(said, sizeof said, format, args);
    va_end(args);
    soak_fail(file, line, "%s", said);
}

bool soak_go(struct soak_world *world, struct weft__rng *rng, weft_scope *scope,
             int (*fn)(void *arg), const void *arg, size_t arg_size)
{
    weft_task_options options = {0};

    switch (weft__rng_below(rng, 24)) {
    case 0:
        options.own_tls = world->has_tls;
        break;
    case 1:
        options.on = WEFT_THREAD;
        break;
    case 2:
        options.stack_size = 256 * 1024;
        break;
    default:
        break;
    }
    return SOAK_CUT(weft_go_with(scope, fn, arg, arg_size, &options));
}

struct cutter {
    weft_scope *scope;
    uint32_t yields;
};

static int cutter_run(void *arg)
{
    struct cutter *c = arg;
    int rc = 0;

    while (c->yields-- > 0 && rc == 0) {
        rc = weft_yield();
    }
    weft_scope_cancel(c->scope);
    return 0;
}

void soak_open(struct soak_world *world, struct weft__rng *rng, weft_scope *scope)
{
    struct cutter cutter = {scope, (uint32_t)weft__rng_below(rng, 12)};

    weft_scope_open(scope);
    switch (weft__rng_below(rng, 12)) {
    case 0:
        weft_scope_deadline(scope, weft_after((int64_t)weft__rng_below(rng, WEFT_MS)));
        break;
    case 1:
        soak_go(world, rng, scope, cutter_run, &cutter, sizeof cutter);
        break;
    case 2:
        weft_scope_deadline(scope, weft_after(WEFT_SECOND));
        weft_scope_deadline(scope, WEFT_NEVER);
        break;
    default:
        break;
    }
}

bool soak_close(weft_scope *scope)
{
    bool cancelled = weft_scope_cancelled(scope);
    bool cut = SOAK_CUT(weft_scope_close(scope));

    return cut || cancelled || weft_scope_cancelled(scope);
}

static int soak_join_blocking(void *arg)
{
    return -pthread_join(*(pthread_t *)arg, NULL);
}

void soak_join(pthread_t thread)
{
    weft_scope shielded;

    weft_scope_open_with(&shielded, &(weft_scope_options){.shield = true});
    SOAK_EQ(weft_blocking(soak_join_blocking, &thread), 0);
    SOAK_EQ(weft_scope_close(&shielded), 0);
}

/* ---- walkers ---- */

struct walker {
    struct soak_world *world;
    uint64_t seed;
    uint32_t steps;
};

static uint32_t walker_weight(const struct soak_play *play)
{
    return strncmp(play->name, soak_wanted, strlen(soak_wanted)) == 0 ? play->weight : 0;
}

static struct soak_play *walker_choose(struct weft__rng *rng)
{
    uint32_t all = 0;

    for (size_t t = 0; t < TABLES; t++) {
        for (struct soak_play *p = soak_tables[t]; p->name != NULL; p++) {
            all += walker_weight(p);
        }
    }
    SOAK(all > 0);
    uint32_t left = (uint32_t)weft__rng_below(rng, all);
    for (size_t t = 0; t < TABLES; t++) {
        for (struct soak_play *p = soak_tables[t]; p->name != NULL; p++) {
            if (left < walker_weight(p)) {
                return p;
            }
            left -= walker_weight(p);
        }
    }
    return soak_plays;
}

static int walker_run(void *arg)
{
    struct walker *w = arg;
    struct weft__rng rng;

    weft__rng_seed(&rng, w->seed);
    for (uint32_t i = 0; i < w->steps && !weft_cancelled(); i++) {
        struct soak_play *play = walker_choose(&rng);
        a_add(&play->running, 1, relaxed);
        play->run(w->world, &rng);
        a_sub(&play->running, 1, relaxed);
        a_add(&play->runs, 1, relaxed);
        soak_moved();
    }
    return 0;
}

static void *walker_thread(void *arg)
{
    walker_run(arg);
    return NULL;
}

/* Some walkers stand under a scope that is cut short sooner or later; the threads never. */
static int soak_app(void *arg)
{
    struct soak_world *world = arg;
    struct walker walkers[THREADS_MAX];
    pthread_t threads[THREADS_MAX];
    struct weft__rng rng;
    weft_scope all, some;

    weft__rng_seed(&rng, world->seed);
    size_t thread_count = weft__rng_below(&rng, THREADS_MAX + 1);
    for (size_t i = 0; i < thread_count; i++) {
        walkers[i] = (struct walker){world, weft__rng_next(&rng),
                                     1 + (uint32_t)weft__rng_below(&rng, STEPS_MAX)};
        SOAK_EQ(pthread_create(&threads[i], NULL, walker_thread, &walkers[i]), 0);
    }
    weft_scope_open(&all);
    soak_open(world, &rng, &some);
    for (uint64_t n = 1 + weft__rng_below(&rng, WALKERS_MAX); n > 0; n--) {
        struct walker w = {world, weft__rng_next(&rng),
                           1 + (uint32_t)weft__rng_below(&rng, STEPS_MAX)};
        soak_go(world, &rng, soak_one_in(&rng, 3) ? &some : &all, walker_run, &w, sizeof w);
    }
    soak_close(&some);
    SOAK_EQ(weft_scope_close(&all), 0);
    for (size_t i = 0; i < thread_count; i++) {
        soak_join(threads[i]);
    }
    return 0;
}

/* ---- rounds ---- */

static void world_init(struct soak_world *world, uint64_t seed)
{
    memset(world, 0, sizeof *world);
    world->seed = seed;
    world->has_tls = weft__tls_can_set();
    weft_sem_init(&world->sem, SOAK_UNITS);
    weft_sem_init_bounded(&world->bounded, SOAK_UNITS, SOAK_UNITS);
    weft_limiter_init(&world->limiter, SOAK_UNITS);
    weft_rate_init(&world->rate, 1000000, WEFT_SECOND, 8);
}

static void world_fini(struct soak_world *world)
{
    int64_t cents = 0;

    weft_mutex_fini(&world->mutex);
    weft_rmutex_fini(&world->rmutex);
    weft_rwlock_fini(&world->rwlock);
    SOAK_EQ(weft_sem_value(&world->sem), SOAK_UNITS);
    SOAK_EQ(weft_sem_value(&world->bounded), SOAK_UNITS);
    SOAK_EQ(weft_limiter_used(&world->limiter), 0);
    weft_sem_fini(&world->sem);
    weft_sem_fini(&world->bounded);
    weft_limiter_fini(&world->limiter);
    weft_rate_fini(&world->rate);
    for (size_t i = 0; i < SOAK_ACCOUNTS; i++) {
        cents += weft_guard_fini(&world->accounts[i])->cents;
    }
    SOAK_EQ(cents, 0);
    SOAK_EQ(weft_rwguard_fini(&world->shared)->cents % 2, 0);
}

static void soak_round(uint64_t seed, size_t workers)
{
    static const size_t choice[] = {1, 2, 4, 8};
    struct soak_world world;
    struct census before;
    struct weft__rng rng;

    weft__rng_seed(&rng, seed);
    weft_options options = {
        .workers = workers != 0 ? workers : choice[weft__rng_below(&rng, 4)],
        .idle_stacks_max = soak_one_in(&rng, 3) ? 1 : 0,
        .spare_threads_max = soak_one_in(&rng, 4) ? 1 : 0,
        .stuck_after_ns = soak_one_in(&rng, 3) ? WEFT_MS : 0,
        .io = soak_one_in(&rng, 2) ? WEFT_IO_EPOLL : WEFT_IO_AUTO,
        .leave_signals = true,
        .quiet = true,
    };
    a_store(&soak_round_workers, options.workers, relaxed);
    world_init(&world, seed);
    census_take(&before);
    int rc = weft_run_with(soak_app, &world, &options);
    if (rc != 0) {
        soak_fail(__FILE__, __LINE__, "weft_run_with: %d: %s", rc, weft_strerror(rc));
    }
    census_compare(&before, __FILE__, __LINE__);
    SOAK(waitpid(-1, NULL, WNOHANG) < 0); /* no child is left, no zombie */
    world_fini(&world);
}

/* ---- the watchdog ---- */

static void *soak_watch(void *arg)
{
    uint64_t moves = 0, round = 0;
    int still = 0, long_round = 0;
    int limit = STILL_S * *(int *)arg;

    while (a_load(&soak_over, acquire) == 0) {
        nanosleep(&(struct timespec){.tv_nsec = 100 * 1000 * 1000}, NULL);
        uint64_t moves_now = a_load(&soak_moves, relaxed);
        uint64_t round_now = a_load(&soak_round_number, relaxed);
        still = moves_now == moves ? still + 1 : 0;
        long_round = round_now == round ? long_round + 1 : 0;
        moves = moves_now;
        round = round_now;
        if (still > limit * 10 || long_round > limit * 60) {
            fprintf(stderr, "soak: FAILED: %s\n", still > limit * 10 ? "nothing moves"
                                                                     : "a round has no end");
            soak_where();
            soak_dump();
            abort();
        }
    }
    return NULL;
}

/* Mappings are counted, and the C library keeps caches of them: it reads this when it begins. */
static void soak_start_again_without_caches(char **argv)
{
    if (getenv("GLIBC_TUNABLES") == NULL) {
        setenv("GLIBC_TUNABLES", "glibc.pthread.stack_cache_size=0:glibc.malloc.arena_max=1", 1);
        execv("/proc/self/exe", argv);
    }
}

static void soak_warm_up(void)
{
    struct rlimit files;

    SOAK_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = weft__min(files.rlim_max, (rlim_t)CENSUS_FDS_MAX);
    SOAK_EQ(setrlimit(RLIMIT_NOFILE, &files), 0);
    census_warm_up();
    (void)weft_now();
}

int main(int argc, char **argv)
{
    const char *factor_said = getenv("TEST_TIMEOUT");
    int factor = factor_said != NULL && atoi(factor_said) > 0 ? atoi(factor_said) : 1;
    double seconds = argc > 1 ? atof(argv[1]) : 5;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : weft__rng_entropy();
    size_t workers = argc > 3 ? strtoul(argv[3], NULL, 0) : 0;
    soak_wanted = argc > 4 ? argv[4] : "";
    struct weft__rng rng;
    pthread_t watchdog;

    soak_start_again_without_caches(argv);
    soak_warm_up();
    SOAK_EQ(pthread_create(&watchdog, NULL, soak_watch, &factor), 0);
    weft__rng_seed(&rng, seed);
    a_store(&soak_seed, seed, relaxed);
    printf("soak: seed %llu, %s\n", (unsigned long long)seed, weft_build_info());
    fflush(stdout);
    int64_t end = weft__time_now() + (int64_t)(seconds * 1e9);
    do {
        a_add(&soak_round_number, 1, relaxed);
        soak_round(weft__rng_next(&rng), workers);
    } while (weft__time_now() < end);
    a_store(&soak_over, 1, release);
    pthread_join(watchdog, NULL);
    printf("soak: %llu rounds, %llu moves: all is well\n",
           (unsigned long long)a_load(&soak_round_number, relaxed),
           (unsigned long long)a_load(&soak_moves, relaxed));
    return 0;
}
