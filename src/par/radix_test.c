/* radix_test.c - by each kind of key, where the digits are few, many, or the same.
 *
 * SPDX-License-Identifier: MIT
 */
#include <math.h>

#include "par/loop_probe.h"

struct radix_row {
    char name[3];
    uint32_t place;
    int64_t key;
    int32_t other;
};

static int radix_compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

/* Against qsort. */
static void radix_tries(int64_t n, uint64_t below)
{
    int64_t *at = probe_numbers(n, (uint64_t)n, below), *copy = probe_numbers(n, 0, 0);
    memcpy(copy, at, (size_t)n * sizeof *at);
    qsort(copy, (size_t)n, sizeof *copy, radix_compare);
    EXPECT_EQ(weft_sort_by(at, (size_t)n, sizeof *at, WEFT_KEY_INT64, 0), 0);
    EXPECT(memcmp(at, copy, (size_t)n * sizeof *at) == 0);
    EXPECT_EQ(weft_sort_by(at, (size_t)n, sizeof *at, WEFT_KEY_INT64, 0), 0);
    EXPECT(memcmp(at, copy, (size_t)n * sizeof *at) == 0);
    free(at);
    free(copy);
}

TASK_TEST(sort_by_is_as_qsort)
{
    for (size_t k = 0; k < PROBE_SIZES; k++) {
        radix_tries(probe_sizes[k], 0);
        radix_tries(probe_sizes[k], 2);
        radix_tries(probe_sizes[k], 1000);
        radix_tries(probe_sizes[k], UINT64_C(1) << 40);
    }
}

TASK_TEST_FREE(sort_by_is_as_qsort_when_large)
{
    radix_tries(1000003, 0);
    radix_tries(500000, 3);
    radix_tries(500000, UINT64_C(1) << 20);
}

TEST(sort_by_works_without_a_run)
{
    radix_tries(200000, 0);
}

/* Few differ in the high digits, and all in the low ones. */
TASK_TEST_FREE(sort_by_digs_through_common_digits)
{
    int64_t n = 300000, *at = probe_numbers(n, 7, 1 << 20), *copy = probe_numbers(n, 0, 0);
    for (int64_t i = 0; i < n; i += 1000) {
        at[i] += INT64_C(1) << 60;
        at[i + 1] -= INT64_C(1) << 62;
    }
    memcpy(copy, at, (size_t)n * sizeof *at);
    qsort(copy, (size_t)n, sizeof *copy, radix_compare);
    EXPECT_EQ(weft_sort_by(at, (size_t)n, sizeof *at, WEFT_KEY_INT64, 0), 0);
    EXPECT(memcmp(at, copy, (size_t)n * sizeof *at) == 0);
    free(at);
    free(copy);
}

static void radix_rows_try(int64_t n, uint64_t below, enum weft_key key, size_t offset)
{
    struct radix_row *rows = calloc((size_t)n + 1, sizeof *rows);
    int64_t *numbers = probe_numbers(n, 9, below);
    EXPECT(rows != NULL);
    for (int64_t i = 0; i < n; i++) {
        rows[i] = (struct radix_row){"ab", (uint32_t)i, numbers[i], (int32_t)numbers[i]};
    }
    EXPECT_EQ(weft_sort_by(rows, (size_t)n, sizeof *rows, key, offset), 0);
    for (int64_t i = 1; i < n; i++) {
        int64_t left = key == WEFT_KEY_INT64 ? rows[i - 1].key : rows[i - 1].other;
        int64_t right = key == WEFT_KEY_INT64 ? rows[i].key : rows[i].other;
        EXPECT(left < right || (left == right && rows[i - 1].place < rows[i].place));
        EXPECT_STR(rows[i].name, "ab");
    }
    free(rows);
    free(numbers);
}

TASK_TEST(sort_by_is_stable)
{
    for (size_t k = 0; k < PROBE_SIZES; k++) {
        radix_rows_try(probe_sizes[k], 10, WEFT_KEY_INT64, offsetof(struct radix_row, key));
        radix_rows_try(probe_sizes[k], 0, WEFT_KEY_INT32, offsetof(struct radix_row, other));
        radix_rows_try(probe_sizes[k], 0, WEFT_KEY_INT64, offsetof(struct radix_row, key));
    }
}

#define RADIX_ORDER(name, type, kind, ...)                                           \
    TASK_TEST(name)                                                                  \
    {                                                                                \
        static const type sorted[] = {__VA_ARGS__};                                  \
        size_t n = WEFT_ARRAY_SIZE(sorted), many = 40 * n;                           \
        type *at = malloc(many * sizeof *at);                                        \
        EXPECT(at != NULL);                                                          \
        for (size_t i = 0; i < many; i++) {                                          \
            at[i] = sorted[i * 11 % n];                                               \
        }                                                                            \
        EXPECT_EQ(weft_sort_by(at, many, sizeof *at, kind, 0), 0);                   \
        for (size_t i = 0; i < many; i++) {                                          \
            EXPECT(memcmp(&at[i], &sorted[i / 40], sizeof *at) == 0);                \
        }                                                                            \
        EXPECT_EQ(weft_sort_by(at, many, sizeof *at - 1, kind, 0), -WEFT_EINVAL);    \
        EXPECT_EQ(weft_sort_by(at, many, sizeof *at, kind, 1), -WEFT_EINVAL);        \
        free(at);                                                                    \
    }

RADIX_ORDER(sort_by_int32, int32_t, WEFT_KEY_INT32, INT32_MIN, -70000, -1, 0, 1, 65536, INT32_MAX)
RADIX_ORDER(sort_by_uint32, uint32_t, WEFT_KEY_UINT32, 0, 1, 256, INT32_MAX, 3000000000, UINT32_MAX)
RADIX_ORDER(sort_by_int64, int64_t, WEFT_KEY_INT64, INT64_MIN, -1, 0, 1, 1 << 30, INT64_MAX)
RADIX_ORDER(sort_by_uint64, uint64_t, WEFT_KEY_UINT64, 0, 1, 1 << 30, INT64_MAX, UINT64_MAX)
RADIX_ORDER(sort_by_float, float, WEFT_KEY_FLOAT, -INFINITY, -3e30f, -1, -0.0f, 0, 1e-30f, 2,
            INFINITY)
RADIX_ORDER(sort_by_double, double, WEFT_KEY_DOUBLE, -INFINITY, -1e300, -2, -1e-300, -0.0, 0, 0.5,
            7, INFINITY, NAN)

static int radix_cancel_later(void *arg)
{
    int rc = weft_yield();
    weft_scope_cancel(*(weft_scope **)arg);
    return rc;
}

TASK_TEST(sort_by_keeps_all_when_cancelled)
{
    int64_t n = test_is_steered ? 3000 : 300000;
    for (int i = 0; i < (test_is_steered ? 2 : 20); i++) {
        int64_t *at = probe_numbers(n, (uint64_t)i, 0);
        uint64_t sum = 0;
        weft_scope scope, *its = &scope;
        for (int64_t k = 0; k < n; k++) {
            sum += (uint64_t)at[k];
        }
        weft_scope_open(&scope);
        EXPECT_EQ(weft_go(&scope, radix_cancel_later, &its), 0);
        int rc = weft_sort_by(at, (size_t)n, sizeof *at, WEFT_KEY_UINT64, 0);
        EXPECT(rc == 0 || rc == -WEFT_ECANCELED);
        rc = weft_scope_close(&scope);
        EXPECT(rc == 0 || rc == -WEFT_ECANCELED);
        for (int64_t k = 0; k < n; k++) {
            sum -= (uint64_t)at[k];
        }
        EXPECT_EQ(sum, 0);
        free(at);
    }
}
