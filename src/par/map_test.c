/* map_test.c - elements in their places, and those that are kept in their order.
 *
 * SPDX-License-Identifier: MIT
 */
#include "par/loop_probe.h"

static int map_triple(const void *in, void *out, void *arg)
{
    (void)arg;
    int64_t n = *(const int64_t *)in;
    *(int32_t *)out = (int32_t)(3 * n);
    return n == 1001 ? -7 : 0;
}

static int map_negate(const void *in, void *out, void *arg)
{
    (void)arg;
    *(int64_t *)out = -*(const int64_t *)in;
    return 0;
}

TASK_TEST(map_makes_each_element)
{
    for (size_t k = 0; k < PROBE_SIZES; k++) {
        int64_t n = probe_sizes[k], *in = probe_numbers(n, 1, 1000);
        int32_t *out = malloc((size_t)n * 4 + 4);
        EXPECT(out != NULL);
        EXPECT_EQ(weft_map(in, 8, out, 4, (size_t)n, map_triple, NULL), 0);
        for (int64_t i = 0; i < n; i++) {
            EXPECT_EQ(out[i], 3 * in[i]);
        }
        EXPECT_EQ(weft_map(in, 8, in, 8, (size_t)n, map_negate, NULL), 0);
        for (int64_t i = 0; i < n; i++) {
            EXPECT_EQ(out[i], -3 * in[i]);
        }
        if (n > 0) {
            in[n / 2] = 1001;
            EXPECT_EQ(weft_map(in, 8, out, 4, (size_t)n, map_triple, NULL), -7);
        }
        free(in);
        free(out);
    }
}

/* ---- filter ---- */

struct map_keep {
    int64_t below;
    ATOMIC(int64_t) asked;
};

static int map_is_below(const void *element, void *arg)
{
    struct map_keep *keep = arg;
    int64_t n = *(const int64_t *)element;
    a_add(&keep->asked, 1, relaxed);
    return n == -1 ? -7 : n < keep->below;
}

static void map_filters(int64_t n, int64_t below)
{
    int64_t *in = probe_numbers(n, 2, 1000), *out = probe_numbers(n, 3, 0), *end = out;
    struct map_keep keep = {.below = below};
    size_t kept = 77;
    EXPECT_EQ(weft_filter(in, out, (size_t)n, 8, map_is_below, &keep, &kept), 0);
    EXPECT_EQ(a_load(&keep.asked, relaxed), n);
    for (int64_t i = 0; i < n; i++) {
        if (in[i] < below) {
            EXPECT_EQ(*end++, in[i]);
        }
    }
    EXPECT_EQ(kept, end - out);
    free(in);
    free(out);
}

TASK_TEST(filter_keeps_the_order)
{
    for (size_t k = 0; k < PROBE_SIZES; k++) {
        map_filters(probe_sizes[k], 0);
        map_filters(probe_sizes[k], 300);
        map_filters(probe_sizes[k], 1000);
    }
    map_filters(5000, 500);
}

TEST(filter_works_without_a_run)
{
    map_filters(5000, 500);
}

TASK_TEST(filter_stops_at_a_failure)
{
    int64_t n = test_is_steered ? 3000 : PROBE_MANY, *in = probe_numbers(n, 2, 1000);
    int64_t *out = probe_numbers(n, 3, 0);
    struct map_keep keep = {.below = 500};
    size_t kept = 77;
    weft_scope scope;
    in[n / 2] = -1;
    EXPECT_EQ(weft_filter(in, out, (size_t)n, 8, map_is_below, &keep, &kept), -7);
    weft_scope_open(&scope);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_filter(in, out, (size_t)n, 8, map_is_below, &keep, &kept), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(kept, 77);
    free(in);
    free(out);
}

TASK_TEST_FREE(filter_without_memory)
{
    for (unsigned k = 1; k <= 2; k++) {
        weft__fault_arm(WEFT_FAULT_MASK(WEFT_FAULT_ALLOC), k);
        map_filters(5000, 500);
        (void)weft__fault_disarm();
    }
}
