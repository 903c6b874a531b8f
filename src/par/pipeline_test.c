/* pipeline_test.c - in order where it is said, at the same time where it is not, never too many.
 *
 * SPDX-License-Identifier: MIT
 */
#include "par/loop_probe.h"

struct pipeline_probe {
    int n, made, fail_at, cancel_at;
    ATOMIC(int) now, peak, dropped, at_work;
    int next; /* of the last stage */
    weft_scope *scope;
    bool sleeps;
};

struct pipeline_item {
    int number, value;
};

static int pipeline_produce(void **item, void *arg)
{
    struct pipeline_probe *p = arg;
    struct pipeline_item *it;
    if (p->made == p->n) {
        return 0;
    }
    it = malloc(sizeof *it);
    EXPECT(it != NULL);
    *it = (struct pipeline_item){p->made++, 0};
    *item = it;
    int now = a_add(&p->now, 1, relaxed) + 1, peak = a_load(&p->peak, relaxed);
    while (now > peak && !a_cas(&p->peak, &peak, now, relaxed, relaxed)) {
    }
    return 1;
}

static int pipeline_square(void **item, void *arg)
{
    struct pipeline_probe *p = arg;
    struct pipeline_item *it = *item;
    if (p->sleeps) {
        int rc = weft_sleep((1 + it->number % 3) * WEFT_MS);
        if (rc != 0) {
            return rc;
        }
    }
    if (p->cancel_at && it->number == p->cancel_at) {
        weft_scope_cancel(p->scope);
    }
    it->value = it->number * it->number;
    return p->fail_at && it->number == p->fail_at ? -7 : 0;
}

static int pipeline_consume(void **item, void *arg)
{
    struct pipeline_probe *p = arg;
    struct pipeline_item *it = *item;
    EXPECT_EQ(a_add(&p->at_work, 1, relaxed), 0);
    EXPECT_EQ(it->number, p->next);
    EXPECT_EQ(it->value, p->next * p->next);
    p->next++;
    if (p->sleeps) {
        (void)weft_sleep(WEFT_MS);
    }
    a_sub(&p->at_work, 1, relaxed);
    a_sub(&p->now, 1, relaxed);
    free(it);
    *item = NULL;
    return 0;
}

static void pipeline_drop_it(void *item, void *arg)
{
    struct pipeline_probe *p = arg;
    a_add(&p->dropped, 1, relaxed);
    free(item);
}

static int pipeline_of(struct pipeline_probe *p, size_t items_max)
{
    weft_stage stages[] = {{pipeline_produce, p, true}, {pipeline_square, p, false},
                           {pipeline_consume, p, true}};
    weft_pipeline_options options = {items_max, pipeline_drop_it, p};
    return weft_pipeline(stages, 3, &options);
}

TASK_TEST(pipeline_keeps_the_order)
{
    static const size_t items[] = {0, 1, 2, 3, 17};
    for (size_t k = 0; k < WEFT_ARRAY_SIZE(items); k++) {
        for (int sleeps = 0; sleeps < 2; sleeps++) {
            struct pipeline_probe p = {.n = TEST_FEWER(300), .sleeps = sleeps};
            EXPECT_EQ(pipeline_of(&p, items[k]), 0);
            EXPECT_EQ(p.next, p.n);
            EXPECT_EQ(a_load(&p.dropped, relaxed), 0);
            EXPECT(items[k] == 0 || a_load(&p.peak, relaxed) <= (int)items[k]);
            EXPECT(!sleeps || items[k] < 2 || a_load(&p.peak, relaxed) > 1);
        }
    }
}

TEST(pipeline_works_without_a_run)
{
    struct pipeline_probe p = {.n = 100};
    EXPECT_EQ(pipeline_of(&p, 8), 0);
    EXPECT_EQ(p.next, 100);
}

TASK_TEST(pipeline_stops_at_a_failure)
{
    for (int sleeps = 0; sleeps < 2; sleeps++) {
        struct pipeline_probe p = {.n = 200, .fail_at = 10, .sleeps = sleeps};
        EXPECT_EQ(pipeline_of(&p, 8), -7);
        EXPECT(p.next <= 10);
        EXPECT_EQ(p.next + a_load(&p.dropped, relaxed), p.made);
    }
}

TASK_TEST(pipeline_stops_at_a_cancel)
{
    for (int sleeps = 0; sleeps < 2; sleeps++) {
        weft_scope scope;
        struct pipeline_probe p = {.n = 200, .cancel_at = 10, .scope = &scope, .sleeps = sleeps};
        weft_scope_open(&scope);
        EXPECT_EQ(pipeline_of(&p, 4), -WEFT_ECANCELED);
        EXPECT(p.made < 200);
        EXPECT_EQ(p.next + a_load(&p.dropped, relaxed), p.made);
        EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    }
}

TASK_TEST_FREE(pipeline_without_memory)
{
    for (unsigned k = 1; k <= 12; k++) {
        struct pipeline_probe p = {.n = 20};
        weft__fault_arm(WEFT_FAULT_MASK(WEFT_FAULT_ALLOC), k);
        int rc = pipeline_of(&p, 8);
        (void)weft__fault_disarm();
        EXPECT(rc == (k == 1 ? -WEFT_ENOMEM : 0) || test_has_spares());
        EXPECT(rc == 0 || rc == -WEFT_ENOMEM);
        EXPECT_EQ(p.next, rc == 0 ? 20 : 0);
    }
}

TASK_TEST(pipeline_says_what_is_wrong)
{
    struct pipeline_probe p = {0};
    weft_stage stages[] = {{pipeline_produce, &p, true}};
    weft_pipeline_options options = {.items_max = WEFT_PIPELINE_ITEMS_MAX + 1};
    EXPECT_EQ(weft_pipeline(stages, 0, NULL), -WEFT_EINVAL);
    EXPECT_EQ(weft_pipeline(stages, 65, NULL), -WEFT_EINVAL);
    EXPECT_EQ(weft_pipeline(stages, 1, &options), -WEFT_EINVAL);
    EXPECT_EQ(weft_pipeline(stages, 1, NULL), 0);
}
