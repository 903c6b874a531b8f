/* stack.h - stacks for a million tasks: reserved in arenas, guarded, committed as they are touched.
 *
 * Sizes come in classes, powers of two from 16 KB.  A class owns arenas: large reservations, cut
 * into slots of guard + stack.  A slot is carved (its guard put up) once, and from then on goes
 * round: to a task, back to a worker's cache, to the class's list.
 *
 * A stack is PROMISED when a task is spawned and bound when it first runs.  All that can fail
 * (address space, guards, the mapping limit) happens at the promise, so that a task that was
 * accepted runs.
 *
 * Guards: MADV_GUARD_INSTALL (Linux 6.13) costs no mapping.  On older kernels mprotect splits the
 * mapping; at most a third of vm.max_map_count such guards are put up, then a promise fails with
 * -WEFT_ENOMEM.  There is never a stack without a guard.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CORE_STACK_H
#define WEFT_CORE_STACK_H

#include "base/atomic.h"
#include "base/base.h"
#include "base/lock.h"

#define WEFT_STACK_MIN       (16 * 1024)
#define WEFT_STACK_DEFAULT   (256 * 1024)
#define WEFT_STACK_MAX       (1024 * 1024 * 1024)
#define WEFT_STACK_GUARD     (16 * 1024) /* wider than the frames of most functions */
#define WEFT_STACK_CLASSES   17          /* 16 KB << 0 … 16 KB << 16 = 1 GB */
#define WEFT_STACK_CACHE     16          /* hot ones kept by each worker */
#define WEFT_STACK_TRIM      128 /* stacks emptied at one look of the watchdog */
#define WEFT_STACK_CREDITS   64          /* promises a worker takes from the class at once */
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
    struct weft__stack_arena *arenas; /* newest first */
    size_t carved;                    /* slots with a guard, in all arenas */
    int64_t credits;                  /* carved and not promised */
    unsigned char **dirty;            /* ring of free stacks that hold memory, hottest last */
    size_t dirty_first, dirty_count;
    unsigned char **clean;            /* free stacks that hold none */
    size_t clean_count;
    size_t capacity;                  /* of both arrays: at least as many as are carved */
};

struct weft__stacks {
    struct weft__stack_class classes[WEFT_STACK_CLASSES];
    size_t idle_max;
    uint32_t default_class;
    ATOMIC(uint32_t) guards_by_mprotect;
    ATOMIC(int64_t) guards_left;   /* of the mprotect kind */
    ATOMIC(int64_t) contexts_left; /* what a sanitizer has numbers for */
};

/* A worker's own few of the default class.  Locked, since a class in need looks here too. */
struct weft__stack_cache {
    struct weft__lock lock;
    size_t count;
    unsigned char *stacks[WEFT_STACK_CACHE];
};

struct weft__worker;
struct weft__runtime;

/* 0, or -WEFT_EINVAL when default_size is out of range. */
int weft__stacks_init(struct weft__stacks *stacks, size_t default_size, size_t idle_max);
void weft__stacks_fini(struct weft__stacks *stacks);

/* No task is left: every stack that was carved is free again, whoever had it. */
void weft__stacks_recall(struct weft__stacks *stacks);

/* Never sleeps.  The class for a size, or -WEFT_EINVAL. */
int weft__stack_class_for(size_t size);

/* Never sleeps.  Makes sure that a stack of the class will be there.  seat may be NULL.  0,
 * -WEFT_ENOMEM, or under ThreadSanitizer -WEFT_EAGAIN beyond 8,000 tasks. */
int weft__stack_promise(struct weft__runtime *rt, struct weft__worker *seat, uint32_t class_index);
void weft__stack_unpromise(struct weft__runtime *rt, struct weft__worker *seat,
                           uint32_t class_index);

/* Never sleeps.  Redeems a promise; cannot fail. */
struct weft__stack weft__stack_bind(struct weft__runtime *rt, struct weft__worker *seat,
                                    uint32_t class_index);

/* Never sleeps.  Gives the stack back, and the promise with it. */
void weft__stack_release(struct weft__runtime *rt, struct weft__worker *seat,
                         struct weft__stack stack);

/* Never sleeps.  Gives back the memory of some of the coldest free stacks beyond the bound on idle
 * ones; returns whether there are more.  The watchdog's work, so that no task pays for it. */
bool weft__stacks_trim(struct weft__stacks *stacks);

/* Async-signal-safe.  Does the address lie in the guard below the stack? */
bool weft__stack_guard_hit(const struct weft__stack *stack, const void *address);

/* Counters: slots carved, and of those lying idle in the classes. */
void weft__stacks_count(struct weft__stacks *stacks, size_t *ret_carved, size_t *ret_idle);

#endif
