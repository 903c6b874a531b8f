/* loop_panic_test.c - panics in the bodies of loops, in what sorts compare by, and in stages.
 *
 * In a task that has taken a part of the loop it is the loop's failure; in the caller it is the
 * caller's end.
 *
 * SPDX-License-Identifier: MIT
 */
#include <string.h>

#include "par/kinds_probe.h"
#include "tests/probe.h"

static struct kinds loop_panic_kinds; /* not on the heap, for who does not come back to free it */

static struct kinds *loop_panic_of(int (*hook)(struct kinds *k, int64_t index))
{
    struct kinds *k = &loop_panic_kinds;
    k->hook = hook;
    k->n = KINDS_MAX;
    return k;
}

static int loop_panic_run(int (*fn)(void *), size_t workers)
{
    return weft_run_with(fn, NULL, &(weft_options){.workers = workers, .virtual_clock = true,
                                                   .panic = WEFT_PANIC_TASK});
}

/* ---- in others ---- */

static int loop_panic_of_others(struct kinds *k, int64_t index)
{
    (void)k;
    if (strcmp(weft_task_name(), "caller") != 0 && index % 8 == 5) {
        weft_panic("in a body");
    }
    return weft_sleep(WEFT_MS);
}

static int loop_panic_until(void *arg)
{
    enum kinds_kind kind = *(enum kinds_kind *)arg;
    struct kinds *k = loop_panic_of(loop_panic_of_others);
    int rc = 0;
    while (rc == 0) { /* until a thief comes */
        rc = kinds_run(k, kind);
    }
    EXPECT_EQ(rc, -WEFT_EPANIC);
    loop_panic_of(NULL);
    EXPECT_EQ(kinds_run(k, kind), 0); /* and the caller goes on */
    return 0;
}

static int loop_panic_until_main(void *arg)
{
    (void)arg;
    for (enum kinds_kind kind = 0; kind < KINDS_SORT_BY; kind++) {
        weft_scope scope;
        if (kind == KINDS_REDUCE_LARGE || kind == KINDS_REDUCE_LARGE_TREE) {
            continue; /* what the frames of the panicked had allocated is lost */
        }
        weft_scope_open_with(&scope, &(weft_scope_options){.policy = WEFT_COLLECT});
        EXPECT_EQ(weft_go_with(&scope, loop_panic_until, &kind, sizeof kind,
                               &(weft_task_options){.name = "caller"}), 0);
        int rc = weft_scope_close(&scope);
        EXPECT_EQ(rc, kind == KINDS_PIPELINE ? 0 : -WEFT_EPANIC); /* has a scope of its own */
    }
    return 5;
}

TEST(loop_panic_is_its_failure)
{
    EXPECT_EQ(loop_panic_run(loop_panic_until_main, 4), 5);
}

/* ---- who makes the items of a pipeline, holding what the others wait for ---- */

static int loop_panic_make(void **item, void *arg)
{
    ATOMIC(int) *made = arg;
    if (a_add(made, 1, relaxed) > 10 && strcmp(weft_task_name(), "caller") != 0) {
        weft_panic("in the first stage");
    }
    *item = arg;
    return weft_sleep(WEFT_MS) < 0 ? -WEFT_ECANCELED : 1;
}

static int loop_panic_stage(void **item, void *arg)
{
    (void)item;
    (void)arg;
    return weft_sleep(WEFT_MS);
}

static int loop_panic_maker(void *arg)
{
    ATOMIC(int) made = 0;
    weft_stage stages[] = {{loop_panic_make, &made, true}, {loop_panic_stage, NULL, false},
                           {loop_panic_stage, NULL, true}};
    (void)arg;
    EXPECT_EQ(weft_pipeline(stages, 3, &(weft_pipeline_options){.items_max = 5}), -WEFT_EPANIC);
    return 0;
}

static int loop_panic_maker_main(void *arg)
{
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go_with(&scope, loop_panic_maker, arg, 0,
                           &(weft_task_options){.name = "caller"}), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    return 5;
}

TEST(loop_panic_in_the_first_stage)
{
    EXPECT_EQ(loop_panic_run(loop_panic_maker_main, 1), 5);
    EXPECT_EQ(loop_panic_run(loop_panic_maker_main, 4), 5);
}

/* ---- in the caller ---- */

static int loop_panic_in_caller(struct kinds *k, int64_t index)
{
    (void)k;
    if (index == 5) {
        weft_panic("in the caller's own part");
    }
    return 0;
}

static int loop_panic_caller(void *arg)
{
    (void)kinds_run(loop_panic_of(loop_panic_in_caller), *(enum kinds_kind *)arg);
    return 0; /* of one who has not panicked */
}

static int loop_panic_caller_main(void *arg)
{
    (void)arg;
    for (enum kinds_kind kind = 0; kind < KINDS_PIPELINE; kind++) {
        int slept = 0;
        weft_scope scope;
        if (kind >= KINDS_REDUCE_LARGE && kind <= KINDS_SCAN_LARGE && kind != KINDS_SCAN) {
            continue; /* as above */
        }
        weft_scope_open(&scope);
        EXPECT_EQ(weft_go(&scope, probe_sleep,
                          (&(struct probe){3600 * WEFT_SECOND, 0, &slept, NULL})), 0);
        EXPECT_EQ(weft_go(&scope, loop_panic_caller, &kind), 0);
        EXPECT_EQ(weft_scope_close(&scope), -WEFT_EPANIC);
        EXPECT_EQ(slept, -WEFT_ECANCELED);
    }
    return 5;
}

TEST(loop_panic_is_the_callers_end)
{
    EXPECT_EQ(loop_panic_run(loop_panic_caller_main, 1), 5);
}

/* ---- that ends the process ---- */

static int loop_panic_body(int64_t from, int64_t to, void *arg)
{
    (void)arg;
    weft_panic("the body for %lld to %lld", (long long)from, (long long)to);
}

PANIC_TASK_TEST(loop_panic_ends_the_process, ": the body for ")
{
    EXPECT_EQ(weft_for(0, 100, loop_panic_body, NULL), 0);
}
