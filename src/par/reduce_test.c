/* reduce_test.c - the same as one after the other; floating point to the last bit.
 *
 * SPDX-License-Identifier: MIT
 */
#include "par/loop_probe.h"

/* Neither commutative nor without a memory of order: a run of numbers, from `first` to `last`. */
struct reduce_run {
    int64_t first, last, n;
};

static int reduce_run_body(int64_t from, int64_t to, void *acc, void *arg)
{
    struct reduce_run *run = acc;
    (void)arg;
    for (int64_t i = from; i < to; i++) {
        EXPECT(run->n == 0 || run->last + 1 == i);
        run->first = run->n ? run->first : i;
        run->last = i;
        run->n++;
    }
    return 0;
}

static void reduce_run_combine(void *acc, const void *other, void *arg)
{
    struct reduce_run *left = acc;
    const struct reduce_run *right = other;
    (void)arg;
    EXPECT(left->n == 0 || right->n == 0 || left->last + 1 == right->first);
    left->first = left->n ? left->first : right->first;
    left->last = right->n ? right->last : left->last;
    left->n += right->n;
}

TASK_TEST(reduce_keeps_the_order)
{
    struct reduce_run none = {0}, all;
    for (int way = 0; way < 4; way++) {
        weft_reduce_ops ops = {.size = sizeof none, .identity = &none, .body = reduce_run_body,
                               .combine = reduce_run_combine, .repeatable = way & 1,
                               .grain = way & 2 ? 3 : 0};
        for (size_t i = 0; i < PROBE_SIZES; i++) {
            all = (struct reduce_run){-1, -1, -1};
            EXPECT_EQ(weft_reduce(-2, probe_sizes[i] - 2, &ops, &all, NULL), 0);
            EXPECT_EQ(all.n, probe_sizes[i]);
            EXPECT(all.n == 0 || (all.first == -2 && all.last == probe_sizes[i] - 3));
        }
    }
}

static int reduce_sum(int64_t from, int64_t to, void *acc, void *arg)
{
    const double *at = arg;
    double sum = 0;
    for (int64_t i = from; i < to; i++) {
        sum += at[i];
    }
    *(double *)acc += sum;
    return 0;
}

static void reduce_add(void *acc, const void *other, void *arg)
{
    (void)arg;
    *(double *)acc += *(const double *)other;
}

/* Set by the first of the variants that runs: each is a process of its own, so they compare with a
 * sum over halves that is made here. */
static double reduce_by_hand(const double *at, int64_t from, int64_t to, int64_t leaf, double acc)
{
    if (to - from <= leaf) {
        reduce_sum(from, to, &acc, (void *)(uintptr_t)at);
        return acc;
    }
    int64_t middle = from + (to - from + 1) / 2;
    double left = reduce_by_hand(at, from, middle, leaf, acc);
    return left + reduce_by_hand(at, middle, to, leaf, 0);
}

TASK_TEST(reduce_repeats_to_the_last_bit)
{
    int64_t n = PROBE_MANY + 17;
    int64_t *numbers = probe_numbers(n, 3, 0);
    double *at = malloc((size_t)n * sizeof *at), zero = 0;
    EXPECT(at != NULL);
    for (int64_t i = 0; i < n; i++) {
        at[i] = (double)numbers[i] * 1e-9;
    }
    weft_reduce_ops ops = {.size = sizeof zero, .identity = &zero, .body = reduce_sum,
                           .combine = reduce_add, .repeatable = true};
    double expected = reduce_by_hand(at, 0, n, n / 256 + 1, 0);
    for (int i = 0; i < TEST_FEWER(50); i++) {
        double sum = -1;
        EXPECT_EQ(weft_reduce(0, n, &ops, &sum, at), 0);
        EXPECT(memcmp(&sum, &expected, sizeof sum) == 0);
    }
    free(at);
    free(numbers);
}

/* ---- large accumulators, failures ---- */

#define REDUCE_BINS 256

static int reduce_count(int64_t from, int64_t to, void *acc, void *arg)
{
    uint32_t *bins = acc;
    const int64_t *at = arg;
    for (int64_t i = from; i < to; i++) {
        bins[at[i]]++;
    }
    return 0;
}

static void reduce_merge(void *acc, const void *other, void *arg)
{
    uint32_t *bins = acc;
    const uint32_t *others = other;
    (void)arg;
    for (int i = 0; i < REDUCE_BINS; i++) {
        bins[i] += others[i];
    }
}

TASK_TEST(reduce_takes_large_accumulators)
{
    int64_t n = PROBE_MANY, *at = probe_numbers(n, 4, REDUCE_BINS);
    static const uint32_t none[REDUCE_BINS];
    uint32_t expected[REDUCE_BINS] = {0}, bins[REDUCE_BINS];
    reduce_count(0, n, expected, at);
    for (int repeatable = 0; repeatable < 2; repeatable++) {
        weft_reduce_ops ops = {.size = sizeof none, .identity = none, .body = reduce_count,
                               .combine = reduce_merge, .repeatable = repeatable};
        EXPECT_EQ(weft_reduce(0, n, &ops, bins, at), 0);
        EXPECT(memcmp(bins, expected, sizeof bins) == 0);
    }
    free(at);
}

TASK_TEST_FREE(reduce_without_memory)
{
    int64_t n = PROBE_MANY, *at = probe_numbers(n, 4, REDUCE_BINS);
    static const uint32_t none[REDUCE_BINS];
    uint32_t expected[REDUCE_BINS] = {0}, bins[REDUCE_BINS] = {17};
    weft_reduce_ops ops = {.size = sizeof none, .identity = none, .body = reduce_count,
                           .combine = reduce_merge};
    reduce_count(0, n, expected, at);
    for (unsigned k = 1; k < 8; k++) {
        for (int repeatable = 0; repeatable < 2; repeatable++) {
            ops.repeatable = repeatable;
            bins[0] = 17;
            weft__fault_arm(WEFT_FAULT_MASK(WEFT_FAULT_ALLOC), k);
            int rc = weft_reduce(0, n, &ops, bins, at);
            (void)weft__fault_disarm();
            EXPECT(rc == 0 || rc == -WEFT_ENOMEM);
            EXPECT(k > 1 || rc == -WEFT_ENOMEM || test_has_spares());
            EXPECT(rc != 0 || memcmp(bins, expected, sizeof bins) == 0);
            EXPECT(rc == 0 || bins[0] == 17);
        }
    }
    free(at);
}

static int reduce_fails(int64_t from, int64_t to, void *acc, void *arg)
{
    int64_t at = *(int64_t *)arg;
    (void)acc;
    return from <= at && at < to ? -7 : 0;
}

TASK_TEST(reduce_stops_at_a_failure)
{
    double zero = 0, sum = 5;
    int64_t fail_at = PROBE_MANY / 2;
    for (int repeatable = 0; repeatable < 2; repeatable++) {
        weft_reduce_ops ops = {.size = sizeof zero, .identity = &zero, .body = reduce_fails,
                               .combine = reduce_add, .repeatable = repeatable};
        EXPECT_EQ(weft_reduce(0, PROBE_MANY, &ops, &sum, &fail_at), -7);
        EXPECT(sum > 4);
        weft_scope scope;
        weft_scope_open(&scope);
        weft_scope_cancel(&scope);
        EXPECT_EQ(weft_reduce(0, PROBE_MANY, &ops, &sum, &fail_at), -WEFT_ECANCELED);
        EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
        ops.size = 0;
        EXPECT_EQ(weft_reduce(0, 1, &ops, &sum, &fail_at), -WEFT_EINVAL);
    }
}
