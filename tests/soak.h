/* soak.h - what the soak (soak.c) and its plays (soak_plays.c, soak_waits.c ...) share.
 *
 * A play is a small piece of concurrency that would end by itself, under a scope of its own that
 * chance may cancel or give a deadline, and whose books must balance either way.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_TESTS_SOAK_H
#define WEFT_TESTS_SOAK_H

#include <pthread.h>
#include <stdio.h>

#include <weft.h>

#include "base/atomic.h"
#include "base/rng.h"

struct soak_account {
    int64_t cents;
};
WEFT_GUARD_TYPE(soak_guarded, struct soak_account);
WEFT_RWGUARD_TYPE(soak_rwguarded, struct soak_account);

enum { SOAK_ACCOUNTS = 6, SOAK_UNITS = 3 };

/* What all walkers of a round use at once. */
struct soak_world {
    bool has_tls;
    uint64_t seed;
    weft_mutex mutex;
    weft_rmutex rmutex;
    weft_rwlock rwlock;
    uint64_t under_mutex[2], under_rmutex[2], under_rwlock[2]; /* each pair is equal outside */
    weft_sem sem, bounded;
    weft_limiter limiter;
    weft_rate rate;
    ATOMIC(uint32_t) in_sem, in_bounded, in_limiter;
    soak_guarded accounts[SOAK_ACCOUNTS]; /* together always 0 */
    soak_rwguarded shared;
};

/* Something goes on: the watchdog counts it. */
extern ATOMIC(uint64_t) soak_moves;
static inline void soak_moved(void)
{
    a_add(&soak_moves, 1, relaxed);
}

/* Says what is wrong and under which seed, and aborts where it stands. */
void soak_fail(const char *file, int line, const char *format, ...) WEFT_PRINTF(3, 4) WEFT_NORETURN;
#define SOAK(cond) ((cond) ? (void)0 : soak_fail(__FILE__, __LINE__, "not so: %s", #cond))
#define SOAK_EQ(a, b)                                                                              \
    do {                                                                                           \
        long long soak_a = (long long)(a), soak_b = (long long)(b);                                \
        if (soak_a != soak_b) {                                                                    \
            soak_fail(__FILE__, __LINE__, "%s is %lld, %s is %lld", #a, soak_a, #b, soak_b);       \
        }                                                                                          \
    } while (0)

static inline bool soak_is_cut(int rc)
{
    return rc == -WEFT_ECANCELED || rc == -WEFT_ETIMEDOUT;
}

/* 0, or cut short: anything else is a failure.  Returns whether it was cut. */
#define SOAK_CUT(rc) soak_cut(__FILE__, __LINE__, (rc))
static inline bool soak_cut(const char *file, int line, int rc)
{
    if (rc != 0 && !soak_is_cut(rc)) {
        soak_fail(file, line, "unexpected code %d: %s", rc, weft_strerror(rc));
    }
    soak_moved();
    return rc != 0;
}

static inline bool soak_one_in(struct weft__rng *rng, uint64_t n)
{
    return weft__rng_below(rng, n) == 0;
}

/* Starts a task of some kind by chance; true when the scope was cancelled and it will not run. */
bool soak_go(struct soak_world *world, struct weft__rng *rng, weft_scope *scope,
             int (*fn)(void *arg), const void *arg, size_t arg_size);

/* A scope for a play, which chance may cut short; the close of which returns whether it was. */
void soak_open(struct soak_world *world, struct weft__rng *rng, weft_scope *scope);
bool soak_close(weft_scope *scope);

/* Waits for a plain thread without holding up a worker, whatever is cancelled. */
void soak_join(pthread_t thread);

/* One play, with what it needs for its chances.  Nothing is returned: it has balanced its books. */
struct soak_play {
    const char *name;
    void (*run)(struct soak_world *world, struct weft__rng *rng);
    uint32_t weight;
    ATOMIC(uint32_t) running;
    ATOMIC(uint64_t) runs;
};
extern struct soak_play soak_plays[];   /* of several tasks; ended by one without a name */
extern struct soak_play soak_waits[];
extern struct soak_play soak_net[];
extern struct soak_play soak_files[];

#endif
