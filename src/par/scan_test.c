/* scan_test.c - running totals, as one after the other makes them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "par/loop_probe.h"

struct scan_probe {
    const int64_t *in;
    int64_t *out;
    int64_t fail_at;
    bool exclusive;
};

static int scan_body(int64_t from, int64_t to, void *acc, bool writes, void *arg)
{
    const struct scan_probe *p = arg;
    int64_t sum = *(int64_t *)acc;
    for (int64_t i = from; i < to; i++) {
        if (p->fail_at && i == p->fail_at) {
            return -7;
        }
        if (writes && p->exclusive) {
            p->out[i] = sum;
        }
        sum += p->in[i];
        if (writes && !p->exclusive) {
            p->out[i] = sum;
        }
    }
    *(int64_t *)acc = sum;
    return 0;
}

static void scan_combine(void *acc, const void *other, void *arg)
{
    (void)arg;
    *(int64_t *)acc += *(const int64_t *)other;
}

static void scan_is_right(int64_t n, const weft_scan_ops *ops, bool exclusive)
{
    int64_t *in = probe_numbers(n, 5, 1000), *out = probe_numbers(n, 6, 0);
    struct scan_probe p = {.in = in, .out = out, .exclusive = exclusive};
    int64_t total = -1, sum = 0;
    EXPECT_EQ(weft_scan(0, n, ops, &total, &p), 0);
    for (int64_t i = 0; i < n; i++) {
        EXPECT_EQ(out[i], exclusive ? sum : sum + in[i]);
        sum += in[i];
    }
    EXPECT_EQ(total, sum);
    EXPECT_EQ(weft_scan(0, n, ops, NULL, &p), 0);
    free(in);
    free(out);
}

TASK_TEST(scan_is_as_one_after_the_other)
{
    int64_t zero = 0;
    for (int way = 0; way < 8; way++) {
        weft_scan_ops ops = {.size = sizeof zero, .identity = &zero, .body = scan_body,
                             .combine = scan_combine, .repeatable = way & 1,
                             .grain = way & 2 ? 5 : 0};
        for (size_t i = 0; i < PROBE_SIZES; i++) {
            scan_is_right(probe_sizes[i], &ops, way & 4);
        }
    }
}

TEST(scan_works_without_a_run)
{
    int64_t zero = 0;
    weft_scan_ops ops = {.size = sizeof zero, .identity = &zero, .body = scan_body,
                         .combine = scan_combine};
    scan_is_right(1000, &ops, true);
    ops.repeatable = true;
    scan_is_right(1000, &ops, false);
}

TASK_TEST(scan_stops_at_a_failure)
{
    int64_t n = PROBE_MANY, zero = 0, total = -1;
    struct scan_probe p = {.in = probe_numbers(n, 5, 10), .out = probe_numbers(n, 5, 10)};
    for (int repeatable = 0; repeatable < 2; repeatable++) {
        weft_scan_ops ops = {.size = sizeof zero, .identity = &zero, .body = scan_body,
                             .combine = scan_combine, .repeatable = repeatable};
        for (int64_t at = 1; at < n; at += n / 3) {
            p.fail_at = at;
            EXPECT_EQ(weft_scan(0, n, &ops, &total, &p), -7);
            EXPECT_EQ(total, -1);
        }
        weft_scope scope;
        weft_scope_open(&scope);
        weft_scope_cancel(&scope);
        p.fail_at = 0;
        EXPECT_EQ(weft_scan(0, n, &ops, &total, &p), -WEFT_ECANCELED);
        EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    }
    free((void *)(uintptr_t)p.in);
    free(p.out);
}

/* The sum of floating-point numbers depends on where the blocks begin; not on who runs them. */
static int scan_double(int64_t from, int64_t to, void *acc, bool writes, void *arg)
{
    const double *in = arg;
    double *out = (double *)(uintptr_t)in + PROBE_MANY;
    for (int64_t i = from; i < to; i++) {
        *(double *)acc += in[i];
        if (writes) {
            out[i] = *(double *)acc;
        }
    }
    return 0;
}

static void scan_double_combine(void *acc, const void *other, void *arg)
{
    (void)arg;
    *(double *)acc += *(const double *)other;
}

TASK_TEST(scan_repeats_to_the_last_bit)
{
    int64_t n = PROBE_MANY, *numbers = probe_numbers(n, 8, 0);
    double *at = calloc(2 * (size_t)n, sizeof *at), zero = 0, first = 0, total;
    EXPECT(at != NULL);
    for (int64_t i = 0; i < n; i++) {
        at[i] = (double)numbers[i] * 1e-9;
    }
    weft_scan_ops ops = {.size = sizeof zero, .identity = &zero, .body = scan_double,
                         .combine = scan_double_combine, .repeatable = true};
    for (int i = 0; i < TEST_FEWER(30); i++) {
        EXPECT_EQ(weft_scan(0, n, &ops, &total, at), 0);
        first = i ? first : total;
        EXPECT(memcmp(&first, &total, sizeof total) == 0);
        EXPECT(memcmp(&at[2 * n - 1], &total, sizeof total) == 0);
    }
    free(at);
    free(numbers);
}

TASK_TEST_FREE(scan_without_memory)
{
    int64_t zero = 0, n = 1000, total = -1;
    struct scan_probe p = {.in = probe_numbers(n, 5, 10), .out = probe_numbers(n, 5, 10)};
    weft_scan_ops ops = {.size = sizeof zero, .identity = &zero, .body = scan_body,
                         .combine = scan_combine, .repeatable = true};
    weft__fault_arm(WEFT_FAULT_MASK(WEFT_FAULT_ALLOC), 1);
    bool is_refused = test_was_refused(weft_scan(0, n, &ops, &total, &p), -WEFT_ENOMEM);
    EXPECT(total == -1 || !is_refused);
    free((void *)(uintptr_t)p.in);
    free(p.out);
}
