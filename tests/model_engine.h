/* model_engine.h - what lies between a model and the engine of weft check.
 *
 * A model compiles rooms of ours into itself (park.c, scope.c) with played atomics; the engine is
 * linked with the true ones.  So the two sides are two modules, and this is all that they share:
 * model_checked.c is with the model, model_engine.c in a library of its own that shows nothing
 * else.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_TESTS_MODEL_ENGINE_H
#define WEFT_TESTS_MODEL_ENGINE_H

#include "check/ops.h"

#define MODEL_ENGINE_THREADS 4
#define MODEL_ENGINE_API     __attribute__((visibility("default")))

struct model_engine_program {
    void (*reset)(void);
    void (*thread[MODEL_ENGINE_THREADS])(void); /* the rest NULL */
    void (*finally)(void);                      /* may be NULL */
};

struct model_engine_result {
    bool found;    /* an expectation failed, or all waited for ever */
    bool complete; /* every schedule within the bound was run */
    bool same;     /* played again, the shrunken schedule did the same */
    uint64_t schedules, behaviours;
    int preemptions;
    char text[256]; /* what was found */
};

/* Searches by strategy (weft/check.h).  tell, if not NULL, gets the events of the shrunken schedule
 * that failed, in their order.  0, or the code of the search. */
MODEL_ENGINE_API int model_engine_search(const struct model_engine_program *program,
                                         const char *strategy, uint64_t schedules,
                                         void (*tell)(unsigned thread, const char *words,
                                                      const void *site, uint64_t value),
                                         struct model_engine_result *ret);

/* ---- called by the model's threads; outside of them (reset, finally) they do nothing ---- */

/* Before an atomic operation.  A site is the address of its struct weft__atomic_site, or of code:
 * any that lies in the program. */
MODEL_ENGINE_API void model_engine_access(enum weft__op op, const void *at, size_t size, int order,
                                          const void *site);
MODEL_ENGINE_API void model_engine_swap(const void *at, size_t size, uint64_t expected, int order,
                                        int fail_order, const void *site);
MODEL_ENGINE_API void model_engine_fence(const void *site);
/* After a write. */
MODEL_ENGINE_API void model_engine_changed(const void *at);
/* Shall it fail for no reason?  Once for each thread and site at most. */
MODEL_ENGINE_API bool model_engine_fails(const void *site);
/* Waits until the word at `at` is not value. */
MODEL_ENGINE_API void model_engine_block(const void *at, size_t size, uint64_t value,
                                         const void *site);
/* Before it is looked whether to sleep: with the sleep, one step. */
MODEL_ENGINE_API void model_engine_compare(const void *at, const void *site);
/* Sleeps until woken (true), or until time is up (false), which may be at any moment. */
MODEL_ENGINE_API bool model_engine_sleep(const void *at, bool may_time_out, const void *site);
/* Returns how many it woke. */
MODEL_ENGINE_API int model_engine_wake(const void *at, int n, const void *site);
/* Ends the schedule as failed. */
MODEL_ENGINE_API WEFT_NORETURN void model_engine_fail(const char *text);

#endif
