/* sort_test.c - in order, stable, complete, whatever happens meanwhile.
 *
 * SPDX-License-Identifier: MIT
 */
#include "par/loop_probe.h"

/* `place` is where it was. */
struct sort_row {
    int32_t key;
    uint32_t place;
};

struct sort_wide {
    char text[20];
    int32_t key;
    uint32_t place;
};

struct sort_probe {
    ATOMIC(int64_t) calls;
    int64_t cancel_at;
    weft_scope *scope;
};

static int sort_compare(const void *a, const void *b, void *arg)
{
    struct sort_probe *p = arg;
    const struct sort_row *left = a, *right = b;
    if (p && a_add(&p->calls, 1, relaxed) == p->cancel_at) {
        weft_scope_cancel(p->scope);
    }
    return left->key < right->key ? -1 : left->key > right->key;
}

static int sort_compare_wide(const void *a, const void *b, void *arg)
{
    const struct sort_wide *left = a, *right = b;
    (void)arg;
    return left->key < right->key ? -1 : left->key > right->key;
}

/* Without rhyme or reason, but without harm. */
static int sort_compare_madly(const void *a, const void *b, void *arg)
{
    (void)a;
    (void)b;
    return (int)(weft__rng_next(arg) % 3) - 1;
}

static struct sort_row *sort_rows(int64_t n, uint64_t seed, uint64_t keys)
{
    struct sort_row *rows = malloc((size_t)(n + 1) * sizeof *rows);
    int64_t *numbers = probe_numbers(n, seed, keys);
    EXPECT(rows != NULL);
    for (int64_t i = 0; i < n; i++) {
        rows[i] = (struct sort_row){(int32_t)numbers[i], (uint32_t)i};
    }
    free(numbers);
    return rows;
}

static void sort_expect_sorted(const struct sort_row *rows, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        EXPECT(rows[i - 1].key < rows[i].key ||
               (rows[i - 1].key == rows[i].key && rows[i - 1].place < rows[i].place));
    }
}

static void sort_expect_complete(const struct sort_row *rows, int64_t n)
{
    uint8_t *seen = calloc((size_t)n + 1, 1);
    EXPECT(seen != NULL);
    for (int64_t i = 0; i < n; i++) {
        EXPECT(rows[i].place < n && !seen[rows[i].place]);
        seen[rows[i].place] = 1;
    }
    free(seen);
}

static void sort_tries(int64_t n, uint64_t keys)
{
    struct sort_row *rows = sort_rows(n, (uint64_t)n + keys, keys);
    EXPECT_EQ(weft_sort(rows, (size_t)n, sizeof *rows, sort_compare, NULL), 0);
    sort_expect_sorted(rows, n);
    sort_expect_complete(rows, n);
    EXPECT_EQ(weft_sort(rows, (size_t)n, sizeof *rows, sort_compare, NULL), 0);
    sort_expect_sorted(rows, n); /* what is sorted already */
    for (int64_t i = 0; i < n; i++) {
        rows[i].key = -rows[i].key;
        rows[i].place = (uint32_t)i;
    }
    EXPECT_EQ(weft_sort(rows, (size_t)n, sizeof *rows, sort_compare, NULL), 0);
    sort_expect_sorted(rows, n); /* backwards */
    free(rows);
}

TASK_TEST(sort_is_stable)
{
    for (size_t k = 0; k < PROBE_SIZES; k++) {
        sort_tries(probe_sizes[k], 1);
        sort_tries(probe_sizes[k], 10);
        sort_tries(probe_sizes[k], UINT64_C(1) << 31);
    }
}

TASK_TEST_FREE(sort_is_stable_when_large)
{
    sort_tries(700001, 1000);
}

TEST(sort_works_without_a_run)
{
    sort_tries(5000, 100);
}

TASK_TEST_FREE(sort_takes_any_size)
{
    int64_t n = 20000, *numbers = probe_numbers(n, 9, 50);
    struct sort_wide *rows = malloc((size_t)n * sizeof *rows);
    EXPECT(rows != NULL);
    for (int64_t i = 0; i < n; i++) {
        rows[i] = (struct sort_wide){"text", (int32_t)numbers[i], (uint32_t)i};
    }
    EXPECT_EQ(weft_sort(rows, (size_t)n, sizeof *rows, sort_compare_wide, NULL), 0);
    for (int64_t i = 1; i < n; i++) {
        EXPECT_STR(rows[i].text, "text");
        EXPECT(rows[i - 1].key < rows[i].key ||
               (rows[i - 1].key == rows[i].key && rows[i - 1].place < rows[i].place));
    }
    EXPECT_EQ(weft_sort(rows, 2, 0, sort_compare_wide, NULL), -WEFT_EINVAL);
    EXPECT_EQ(weft_sort(rows, SIZE_MAX / 2, 8, sort_compare_wide, NULL), -WEFT_EINVAL);
    free(rows);
    free(numbers);
}

TEST(sort_survives_contradictions)
{
    int64_t n = 30000;
    struct sort_row *rows = sort_rows(n, 1, 100);
    struct weft__rng rng;
    weft__rng_seed(&rng, 2);
    EXPECT_EQ(weft_sort(rows, (size_t)n, sizeof *rows, sort_compare_madly, &rng), 0);
    sort_expect_complete(rows, n);
    free(rows);
}

TASK_TEST(sort_keeps_all_when_cancelled)
{
    int64_t n = test_is_steered ? 6000 : 60000;
    for (int i = 0; i < (test_is_steered ? 3 : 30); i++) {
        struct sort_row *rows = sort_rows(n, (uint64_t)i, 1000);
        weft_scope scope;
        struct sort_probe p = {.cancel_at = 1 + (n * i) / 2, .scope = &scope};
        weft_scope_open(&scope);
        int rc = weft_sort(rows, (size_t)n, sizeof *rows, sort_compare, &p);
        if (rc == 0) {
            sort_expect_sorted(rows, n);
        } else {
            EXPECT_EQ(rc, -WEFT_ECANCELED);
        }
        sort_expect_complete(rows, n);
        EXPECT_EQ(weft_sort(rows, (size_t)n, sizeof *rows, sort_compare, NULL),
                  weft_cancelled() ? -WEFT_ECANCELED : 0);
        rc = weft_scope_close(&scope);
        EXPECT(rc == 0 || rc == -WEFT_ECANCELED);
        free(rows);
    }
}

TASK_TEST_FREE(sort_without_memory)
{
    int64_t n = 1000;
    struct sort_row *rows = sort_rows(n, 1, 1000);
    weft__fault_arm(WEFT_FAULT_MASK(WEFT_FAULT_ALLOC), 1);
    int rc = weft_sort(rows, (size_t)n, sizeof *rows, sort_compare, NULL);
    bool is_refused = test_was_refused(rc, -WEFT_ENOMEM);
    for (int64_t i = 0; i < n && is_refused; i++) {
        EXPECT_EQ(rows[i].place, i);
    }
    free(rows);
    n = 1000000;
    rows = sort_rows(n, 1, 1000);
    EXPECT_EQ(weft_sleep(WEFT_MS), 0); /* all workers are there: each maps a stack for signals */
    weft__fault_arm(WEFT_FAULT_MASK(WEFT_FAULT_MAP), 1);
    rc = weft_sort_by(rows, (size_t)n, sizeof *rows, WEFT_KEY_INT32, 0);
    (void)test_was_refused(rc, -WEFT_ENOMEM);
    free(rows);
}
