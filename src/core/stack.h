/* stack.h - stacks for a million tasks: reserved in arenas, guarded, committed as they are touched.
 *
 * Sizes come in classes, powers of two from 16 KB, and one of 2 KB for DENSE stacks.  A class owns
 * arenas: large reservations, cut into slots of guard + stack.  A slot is carved (its guard put up)
 * once, and from then on goes round: to a task, back to a worker's cache, to the class's list.
 *
 * A stack is PROMISED when a task is spawned and bound when it first runs.  All that can fail
 * (address space, guards, the mapping limit) happens at the promise, so that a task that was
 * accepted runs.
 *
 * Guards: MADV_GUARD_INSTALL (Linux 6.13) costs no mapping.  On older kernels mprotect splits the
 * mapping; at most a third of vm.max_map_count such guards are put up, then a promise fails with
 * -WEFT_ENOMEM.  There is never a stack without a guard, but the dense ones: two of them share a
 * page.  These have a CANARY at the low end, which is looked at when the task parks or ends.
 *
 * What the kernel does for many stacks it is asked for in few calls: guards for some dozens ahead
 * of their promise, the first pages of those that a worker fetches, the memory of idle ones.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CORE_STACK_H
#define WEFT_CORE_STACK_H

#include <sys/uio.h>

#include "base/atomic.h"
#include "base/base.h"
#include "base/homelock.h"
#include "base/lock.h"

#define WEFT_STACK_MIN       (16 * 1024)
#define WEFT_STACK_DEFAULT   (128 * 1024)
#define WEFT_STACK_MAX       (1024 * 1024 * 1024)
#define WEFT_STACK_GUARD     (16 * 1024) /* wider than the frames of most functions */
#define WEFT_STACK_CLASSES   18          /* 16 KB << 0 … 16 KB << 16 = 1 GB; and the dense one */
#define WEFT__STACK_DENSE    (WEFT_STACK_CLASSES - 1)
#define WEFT_STACK_CACHE     64          /* hot ones kept by each worker */
#define WEFT_STACK_FETCH     32          /* fetched or given back by a worker at once */
#define WEFT_STACK_CARVE     64          /* carved at once, if so many are in use already */
#define WEFT_STACK_TRIM      256         /* emptied at one look of the watchdog */
#define WEFT_STACK_IDLE_NS   (200 * WEFT_MS) /* must have been idle so long to be emptied */
#define WEFT_STACK_CREDITS   512         /* promises a worker takes from the class at once */
#define WEFT_STACK_ARENA_MIN (64ull << 20)
#define WEFT_STACK_ARENA_MAX (8ull << 30)
#define WEFT_STACK_COLOURS   16          /* first frames are spread over so many cache lines */

struct weft__stack {
    unsigned char *lo;  /* lowest usable byte; the guard ends here */
    size_t size;
    uint32_t class_index;
    uint32_t colour;
};

struct weft__stack_arena;

struct weft__stack_class {
    struct weft__lock lock;
    size_t size;
    size_t guard;                     /* bytes below each; 0: dense */
    size_t carved;                    /* slots with a guard, in all arenas */
    int64_t credits;                  /* carved and not promised */
    unsigned char **dirty;            /* ring of free stacks that hold memory, hottest last */
    size_t dirty_first, dirty_count;
    size_t dirty_least;               /* the fewest there have been since the last period began */
    size_t excess;                    /* of the dirty ones, so many are to be emptied */
    unsigned char **clean;            /* free stacks that hold none */
    size_t clean_count;
    size_t capacity;                  /* of both arrays: at least as many as are carved */
    struct weft__lock carving;        /* taken before `lock`; held while guards are put up */
    struct weft__stack_arena *arenas; /* newest first; under `carving` */
    struct iovec guards[WEFT_STACK_CARVE]; /* likewise: not on the stack of a small task */
};

struct weft__stacks {
    struct weft__stack_class classes[WEFT_STACK_CLASSES];
    size_t idle_max, page;
    uint32_t default_class;
    int64_t period_end;            /* the watchdog's: when idle ones are counted again */
    ATOMIC(uint32_t) guards_by_mprotect;
    ATOMIC(int64_t) guards_left;   /* of the mprotect kind */
    ATOMIC(int64_t) contexts_left; /* what a sanitizer has numbers for */
};

/* A worker's own few of the default class.  Guests come when a class is in need. */
struct weft__stack_cache {
    struct weft__homelock lock;
    uint32_t count;
    unsigned char *stacks[WEFT_STACK_CACHE];
    uint32_t fetch; /* this and below home's alone: how many to fetch next time, 1, 2, 4 … */
    unsigned char *moving[WEFT_STACK_FETCH]; /* not on the stack of a small task */
    struct iovec pages[WEFT_STACK_FETCH];
};

struct weft__task;
struct weft__worker;
struct weft__runtime;

/* 0, or -WEFT_EINVAL when default_size is out of range. */
int weft__stacks_init(struct weft__stacks *stacks, size_t default_size, size_t idle_max);
void weft__stacks_fini(struct weft__stacks *stacks);
void weft__stack_cache_init(struct weft__stack_cache *cache);

/* No task is left: every stack that was carved is free again, whoever had it. */
void weft__stacks_recall(struct weft__stacks *stacks);

/* Never sleeps.  The class for a size, or -WEFT_EINVAL. */
int weft__stack_class_for(size_t size);
size_t weft__stack_class_size(uint32_t class_index);

/* Never sleeps.  Makes sure that a stack of the class will be there.  seat may be NULL.  0,
 * -WEFT_ENOMEM, or under ThreadSanitizer -WEFT_EAGAIN beyond 8,000 tasks. */
int weft__stack_promise(struct weft__runtime *rt, struct weft__worker *seat, uint32_t class_index);
void weft__stack_unpromise(struct weft__runtime *rt, struct weft__worker *seat,
                           uint32_t class_index);

/* Never sleeps.  Redeems a promise; cannot fail.  Who has a seat is inside. */
struct weft__stack weft__stack_bind(struct weft__runtime *rt, struct weft__worker *seat,
                                    uint32_t class_index);

/* Never sleeps.  Gives the stack back, and the promise with it. */
void weft__stack_release(struct weft__runtime *rt, struct weft__worker *seat,
                         struct weft__stack stack);

/* Never sleeps.  Panics when the task, on a dense stack, has written over its canary. */
void weft__stack_check(const struct weft__task *task);

static inline bool weft__stack_is_dense(const struct weft__stack *stack)
{
    return stack->class_index == WEFT__STACK_DENSE;
}

/* Never sleeps.  Gives back the memory of some of the coldest stacks beyond the bound that have
 * been idle for a while.  Returns when to come again, WEFT_NEVER if all is as it should be.  The
 * watchdog's work, so that no task pays for it. */
int64_t weft__stacks_trim(struct weft__stacks *stacks, int64_t now);

/* Async-signal-safe.  Does the address lie in the guard below the stack? */
bool weft__stack_guard_hit(const struct weft__stack *stack, const void *address);

/* Counters: slots carved, and of those lying idle in the classes. */
void weft__stacks_count(struct weft__stacks *stacks, size_t *ret_carved, size_t *ret_idle);

#endif
