/* odd_test.c - ranges, sizes and numbers that nobody would pass on purpose; and misuse of pieces.
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <string.h>

#include "par/kinds_probe.h"
#include "tests/probe.h"

/* ---- ranges ---- */

static int odd_never(int64_t from, int64_t to, void *arg)
{
    (void)arg;
    test_fail(__FILE__, __LINE__, "called for %lld to %lld", (long long)from, (long long)to);
}

static int odd_fails(int64_t from, int64_t to, void *arg)
{
    (void)arg;
    return from < to ? -7 : 0;
}

static int odd_adds(int64_t from, int64_t to, void *arg)
{
    EXPECT(from < to);
    a_add((ATOMIC(uint64_t) *)arg, (uint64_t)to - (uint64_t)from, relaxed);
    return 0;
}

static const weft_for_options odd_ways[] = {
    {0, WEFT_FOR_ADAPTIVE}, {INT64_MAX, WEFT_FOR_ADAPTIVE}, {0, WEFT_FOR_STATIC},
    {INT64_MAX, WEFT_FOR_STATIC}, {0, WEFT_FOR_DYNAMIC}, {INT64_MAX, WEFT_FOR_DYNAMIC},
};

/* Each begins in the most distant corner and fails at once, or has few calls to make. */
TASK_TEST(odd_ranges_of_for)
{
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(odd_ways); i++) {
        const weft_for_options *way = &odd_ways[i];
        ATOMIC(uint64_t) sum = 0;
        EXPECT_EQ(weft_for_with(0, 0, odd_never, NULL, way), 0);
        EXPECT_EQ(weft_for_with(1, 0, odd_never, NULL, way), 0);
        EXPECT_EQ(weft_for_with(INT64_MAX, INT64_MIN, odd_never, NULL, way), 0);
        EXPECT_EQ(weft_for_with(INT64_MIN, INT64_MIN, odd_never, NULL, way), 0);
        EXPECT_EQ(weft_for_with(INT64_MIN, INT64_MAX, odd_fails, NULL, way), -7);
        EXPECT_EQ(weft_for_with(INT64_MIN, INT64_MIN + 5, odd_adds, &sum, way), 0);
        EXPECT_EQ(weft_for_with(INT64_MAX - 5, INT64_MAX, odd_adds, &sum, way), 0);
        EXPECT_EQ(a_load(&sum, relaxed), 10);
        if (way->grain == INT64_MAX || way->schedule == WEFT_FOR_STATIC) {
            EXPECT_EQ(weft_for_with(INT64_MIN, INT64_MAX, odd_adds, &sum, way), 0);
            EXPECT(a_load(&sum, relaxed) == 9); /* of 2^64 - 1 more */
        }
    }
}

TASK_TEST(odd_options_of_for)
{
    static const weft_for_options wrong[] = {
        {-1, WEFT_FOR_ADAPTIVE}, {INT64_MIN, WEFT_FOR_STATIC}, {-5, WEFT_FOR_DYNAMIC},
        {0, (enum weft_schedule)3}, {1, (enum weft_schedule)0x7fffffff},
        {0, (enum weft_schedule)-1},
    };
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(wrong); i++) {
        EXPECT_EQ(weft_for_with(0, 9, odd_never, NULL, &wrong[i]), -WEFT_EINVAL);
        EXPECT_EQ(weft_for_with(9, 0, odd_never, NULL, &wrong[i]), -WEFT_EINVAL);
    }
}

static int odd_calls(int64_t from, int64_t to, void *arg)
{
    a_add((ATOMIC(int) *)arg, 1, relaxed);
    return (int)(to - from); /* more than 0 is no failure */
}

TASK_TEST(odd_codes_of_bodies)
{
    ATOMIC(int) calls = 0;
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(odd_ways); i++) {
        EXPECT_EQ(weft_for_with(0, 100, odd_calls, &calls, &odd_ways[i]), 0);
    }
    EXPECT(a_load(&calls, relaxed) >= (int)WEFT_ARRAY_SIZE(odd_ways));
}

/* ---- accumulators ---- */

static int odd_body(int64_t from, int64_t to, void *acc, void *arg)
{
    (void)acc;
    (void)arg;
    return from < to ? -7 : 0;
}

static int odd_scan_body(int64_t from, int64_t to, void *acc, bool writes, void *arg)
{
    (void)writes;
    return odd_body(from, to, acc, arg);
}

static void odd_combine(void *acc, const void *other, void *arg)
{
    (void)acc;
    (void)other;
    (void)arg;
}

TASK_TEST(odd_numbers_of_reduce)
{
    static unsigned char none[WEFT_REDUCE_SIZE_MAX], ret[WEFT_REDUCE_SIZE_MAX];
    weft_reduce_ops good = {.size = 8, .identity = none, .body = odd_body,
                            .combine = odd_combine};
    for (int repeatable = 0; repeatable < 2; repeatable++) {
        weft_reduce_ops ops = good;
        ops.repeatable = repeatable;
        ret[0] = 9;
        EXPECT_EQ(weft_reduce(0, 0, &ops, ret, NULL), 0);
        EXPECT_EQ(ret[0], 0); /* the identity */
        ret[0] = 9;
        EXPECT_EQ(weft_reduce(5, INT64_MIN, &ops, ret, NULL), 0);
        EXPECT_EQ(ret[0], 0);
        EXPECT_EQ(weft_reduce(INT64_MIN, INT64_MAX, &ops, ret, NULL), -7);
        ops.grain = INT64_MAX;
        EXPECT_EQ(weft_reduce(INT64_MIN, INT64_MAX, &ops, ret, NULL), -7);
        ops.grain = -1;
        EXPECT_EQ(weft_reduce(0, 9, &ops, ret, NULL), -WEFT_EINVAL);
        ops.grain = 0;
        ops.size = WEFT_REDUCE_SIZE_MAX;
        ret[0] = ret[WEFT_REDUCE_SIZE_MAX - 1] = 9;
        EXPECT_EQ(weft_reduce(0, 0, &ops, ret, NULL), 0);
        EXPECT(ret[0] == 0 && ret[WEFT_REDUCE_SIZE_MAX - 1] == 0);
        ops.size++;
        EXPECT_EQ(weft_reduce(0, 9, &ops, ret, NULL), -WEFT_EINVAL);
        ops.size = SIZE_MAX;
        EXPECT_EQ(weft_reduce(0, 9, &ops, ret, NULL), -WEFT_EINVAL);
        ops.size = 0;
        EXPECT_EQ(weft_reduce(0, 0, &ops, ret, NULL), -WEFT_EINVAL);
    }
}

TASK_TEST(odd_numbers_of_scan)
{
    static unsigned char none[WEFT_REDUCE_SIZE_MAX];
    weft_scan_ops good = {.size = 8, .identity = none, .body = odd_scan_body,
                          .combine = odd_combine};
    int64_t ret = 9;
    for (int repeatable = 0; repeatable < 2; repeatable++) {
        weft_scan_ops ops = good;
        ops.repeatable = repeatable;
        EXPECT_EQ(weft_scan(0, 0, &ops, NULL, NULL), 0);
        ret = 9;
        EXPECT_EQ(weft_scan(5, INT64_MIN, &ops, &ret, NULL), 0);
        EXPECT_EQ(ret, 0);
        EXPECT_EQ(weft_scan(INT64_MIN, INT64_MAX, &ops, &ret, NULL), -7);
        ops.grain = INT64_MAX;
        EXPECT_EQ(weft_scan(INT64_MIN, INT64_MAX, &ops, &ret, NULL), -7);
        ops.grain = -1;
        EXPECT_EQ(weft_scan(0, 9, &ops, &ret, NULL), -WEFT_EINVAL);
        ops.grain = 0;
        ops.size = (size_t)WEFT_REDUCE_SIZE_MAX + 1;
        EXPECT_EQ(weft_scan(0, 9, &ops, &ret, NULL), -WEFT_EINVAL);
        ops.size = 0;
        EXPECT_EQ(weft_scan(0, 0, &ops, &ret, NULL), -WEFT_EINVAL);
    }
    /* A block for each index, which is more than there can be; and whose sum of sizes wraps. */
    good.repeatable = true;
    good.grain = 1;
    EXPECT_EQ(weft_scan(0, INT64_MAX, &good, &ret, NULL), -WEFT_ENOMEM);
    EXPECT_EQ(weft_scan(INT64_MIN, INT64_MAX, &good, &ret, NULL), -WEFT_ENOMEM);
    good.size = WEFT_REDUCE_SIZE_MAX;
    EXPECT_EQ(weft_scan(0, INT64_C(1) << 44, &good, &ret, NULL), -WEFT_ENOMEM);
    EXPECT_EQ(ret, 0);
}

/* ---- arrays ---- */

static int odd_map(const void *in, void *out, void *arg)
{
    (void)in;
    (void)out;
    a_add((ATOMIC(int) *)arg, 1, relaxed);
    return 0;
}

static int odd_keep(const void *element, void *arg)
{
    (void)element;
    return odd_map(NULL, NULL, arg) == 0;
}

TASK_TEST(odd_arrays)
{
    ATOMIC(int) calls = 0;
    size_t kept = 77;
    int one = 1, other = 2;
    EXPECT_EQ(weft_map(NULL, 4, NULL, 4, 0, odd_map, &calls), 0);
    EXPECT_EQ(weft_map(NULL, 0, NULL, 0, 40, odd_map, &calls), 0); /* of nothing, forty times */
    EXPECT_EQ(a_load(&calls, relaxed), 40);
    EXPECT_EQ(weft_filter(NULL, NULL, 0, 4, odd_keep, &calls, &kept), 0);
    EXPECT_EQ(kept, 0);
    EXPECT_EQ(weft_filter(&one, &other, 1, sizeof one, odd_keep, &calls, &kept), 0);
    EXPECT_EQ(kept, 1);
    EXPECT_EQ(other, 1);
    EXPECT_EQ(weft_filter(&one, &other, 3000, 0, odd_keep, &calls, &kept), 0);
    EXPECT_EQ(kept, 3000);
    EXPECT_EQ(a_load(&calls, relaxed), 40 + 1 + 3000);
}

static int odd_compare(const void *a, const void *b, void *arg)
{
    (void)arg;
    EXPECT(a != NULL && b != NULL);
    return memcmp(a, b, 1);
}

TASK_TEST(odd_sorts)
{
    unsigned char two[2] = {2, 1};
    int64_t number = 5;
    EXPECT_EQ(weft_sort(NULL, 0, 8, odd_compare, NULL), 0);
    EXPECT_EQ(weft_sort(&number, 1, 8, odd_compare, NULL), 0);
    EXPECT_EQ(weft_sort(two, 2, 1, odd_compare, NULL), 0);
    EXPECT(two[0] == 1 && two[1] == 2);
    EXPECT_EQ(weft_sort(NULL, 0, 0, odd_compare, NULL), -WEFT_EINVAL);
    EXPECT_EQ(weft_sort(two, SIZE_MAX, 1, odd_compare, NULL), -WEFT_EINVAL);
    EXPECT_EQ(weft_sort(two, 1, SIZE_MAX, odd_compare, NULL), -WEFT_EINVAL);
    EXPECT_EQ(weft_sort(two, SIZE_MAX / 2, 3, odd_compare, NULL), -WEFT_EINVAL);
    EXPECT_EQ(weft_sort(two, (size_t)PTRDIFF_MAX / 2, 2, odd_compare, NULL), -WEFT_ENOMEM);
    EXPECT_EQ(weft_sort_by(NULL, 0, 8, WEFT_KEY_INT64, 0), 0);
    EXPECT_EQ(weft_sort_by(&number, 1, 8, WEFT_KEY_INT64, 0), 0);
    EXPECT_EQ(number, 5);
    EXPECT_EQ(weft_sort_by(NULL, 0, 0, WEFT_KEY_INT64, 0), -WEFT_EINVAL);
    EXPECT_EQ(weft_sort_by(&number, 1, 8, (enum weft_key)6, 0), -WEFT_EINVAL);
    EXPECT_EQ(weft_sort_by(&number, 1, 8, (enum weft_key)-1, 0), -WEFT_EINVAL);
    EXPECT_EQ(weft_sort_by(&number, 1, 8, WEFT_KEY_INT32, 5), -WEFT_EINVAL);
    EXPECT_EQ(weft_sort_by(&number, 1, 8, WEFT_KEY_INT32, SIZE_MAX), -WEFT_EINVAL);
    EXPECT_EQ(weft_sort_by(&number, 1, 8, WEFT_KEY_INT32, SIZE_MAX - 3), -WEFT_EINVAL);
    EXPECT_EQ(weft_sort_by(&number, SIZE_MAX / 4, 8, WEFT_KEY_INT64, 0), -WEFT_EINVAL);
    EXPECT_EQ(weft_sort_by(&number, (size_t)PTRDIFF_MAX / 8, 8, WEFT_KEY_INT64, 0),
              -WEFT_ENOMEM);
}

/* Elements as large as pages, with the key not aligned. */
TASK_TEST_FREE(odd_sizes_of_elements)
{
    enum { ODD_ELEMENTS = 300, ODD_SIZE = 20001, ODD_AT = 19997 };
    unsigned char *rows = malloc((size_t)ODD_ELEMENTS * ODD_SIZE);
    EXPECT(rows != NULL);
    for (int by = 0; by < 2; by++) {
        for (int i = 0; i < ODD_ELEMENTS; i++) {
            int32_t key = i * 7919 % ODD_ELEMENTS;
            memset(rows + (size_t)i * ODD_SIZE, key, ODD_SIZE);
            memcpy(rows + (size_t)i * ODD_SIZE + ODD_AT, &key, sizeof key);
        }
        EXPECT_EQ(by ? weft_sort_by(rows, ODD_ELEMENTS, ODD_SIZE, WEFT_KEY_INT32, ODD_AT)
                     : weft_sort(rows, ODD_ELEMENTS, ODD_SIZE, odd_compare, NULL), 0);
        for (int i = 0; i < ODD_ELEMENTS; i++) {
            int32_t key;
            memcpy(&key, rows + (size_t)i * ODD_SIZE + ODD_AT, sizeof key);
            EXPECT(!by || key == i);
            EXPECT_EQ(rows[(size_t)i * ODD_SIZE], (unsigned char)key);
            EXPECT_EQ(rows[(size_t)i * ODD_SIZE + ODD_AT - 1], (unsigned char)key);
        }
    }
    free(rows);
}

/* ---- pipelines ---- */

static int odd_no_item(void **item, void *arg)
{
    (void)item;
    (void)arg;
    return 0;
}

static int odd_null_items(void **item, void *arg)
{
    int *left = arg;
    EXPECT(*item == NULL);
    return (*left)-- > 0 ? 99 : 0; /* any number above 0 */
}

static int odd_count_item(void **item, void *arg)
{
    EXPECT(*item == NULL);
    a_add((ATOMIC(int) *)arg, 1, relaxed);
    return 5;
}

static int odd_first_fails(void **item, void *arg)
{
    (void)item;
    (void)arg;
    return -7;
}

TASK_TEST(odd_pipelines)
{
    ATOMIC(int) count = 0;
    int left = 10;
    weft_stage none[] = {{odd_no_item, NULL, false}, {odd_count_item, &count, true}};
    EXPECT_EQ(weft_pipeline(none, 2, NULL), 0);
    EXPECT_EQ(weft_pipeline(NULL, 1, NULL), -WEFT_EINVAL);
    EXPECT_EQ(weft_pipeline(none, SIZE_MAX, NULL), -WEFT_EINVAL);
    EXPECT_EQ(weft_pipeline(none, 2, &(weft_pipeline_options){.items_max = SIZE_MAX}),
              -WEFT_EINVAL);
    weft_stage nulls[] = {{odd_null_items, &left, false}, {odd_count_item, &count, true},
                          {odd_count_item, &count, false}};
    EXPECT_EQ(weft_pipeline(nulls, 3, &(weft_pipeline_options){.items_max = 3}), 0);
    EXPECT_EQ(a_load(&count, relaxed), 20);
    weft_stage fails[] = {{odd_first_fails, NULL, true}, {odd_count_item, &count, true}};
    EXPECT_EQ(weft_pipeline(fails, 2, NULL), -7);
    weft_stage most[WEFT_PIPELINE_STAGES_MAX] = {{odd_null_items, &left, true}};
    for (size_t i = 1; i < WEFT_PIPELINE_STAGES_MAX; i++) {
        most[i] = (weft_stage){odd_count_item, &count, i % 2};
    }
    left = 5;
    EXPECT_EQ(weft_pipeline(most, WEFT_PIPELINE_STAGES_MAX, NULL), 0);
    EXPECT_EQ(a_load(&count, relaxed), 20 + 5 * ((int)WEFT_PIPELINE_STAGES_MAX - 1));
}

/* ---- threads, and tasks on threads of their own: all kinds ---- */

static void *odd_thread(void *arg)
{
    struct kinds *k = kinds_new(NULL, NULL);
    for (enum kinds_kind kind = 0; kind < KINDS_N; kind++) {
        EXPECT_EQ(kinds_run(k, kind), 0);
    }
    free(k);
    return arg;
}

static int odd_thread_task(void *arg)
{
    odd_thread(arg);
    return 0;
}

TEST(odd_without_a_run)
{
    odd_thread(NULL);
}

TASK_TEST_FREE(odd_in_plain_threads)
{
    pthread_t threads[3];
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(threads); i++) {
        EXPECT_EQ(pthread_create(&threads[i], NULL, odd_thread, NULL), 0);
    }
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(threads); i++) {
        EXPECT_EQ(pthread_join(threads[i], NULL), 0);
    }
}

TASK_TEST(odd_in_tasks_on_threads)
{
    weft_scope scope;
    weft_scope_open(&scope);
    for (int i = 0; i < (test_is_steered ? 1 : 3); i++) {
        EXPECT_EQ(weft_go_with(&scope, odd_thread_task, NULL, 0,
                               &(weft_task_options){.on = WEFT_THREAD}), 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
}

/* ---- misuse of pieces ---- */

static int odd_piece(void *arg)
{
    (void)arg;
    return weft_yield();
}

/* What is misused lies where it stays, so that only the mistake itself is told. */
static int odd_forgets(void *arg)
{
    static weft_piece a, b;
    weft_fork(&a, odd_piece, arg);
    weft_fork(&b, odd_piece, arg);
    return weft_join(&b);
}

/* Has fn run in a stolen piece, sooner or later, and says 1 as it must then; not in two, as the
 * second may run while the first one's panic is still being written. */
static int odd_until_stolen(int (*fn)(void *arg))
{
    int rc = 0;
    while (rc == 0) {
        weft_piece piece;
        weft_fork(&piece, fn, NULL);
        EXPECT_EQ(weft_sleep(WEFT_MS), 0);
        rc = weft_join(&piece);
    }
    return rc;
}

static int odd_forgets_if_stolen(void *arg)
{
    if (!probe_is_stolen()) {
        return 0;
    }
    (void)odd_forgets(arg);
    return 1;
}

static int odd_forgets_in_a_piece(void *arg)
{
    (void)arg;
    return odd_until_stolen(odd_forgets_if_stolen);
}

PANIC_TEST(odd_piece_forgotten_by_one_worker, "a task ended with a piece that it had not joined")
{
    (void)weft_run_with(odd_forgets, NULL, &(weft_options){.workers = 1});
}

PANIC_TEST(odd_piece_forgotten_by_many, "a task ended with a piece that it had not joined")
{
    (void)weft_run_with(odd_forgets, NULL, &(weft_options){.workers = 4});
}

PANIC_TEST(odd_piece_forgotten_by_a_piece, "a task ended with a piece that it had not joined")
{
    (void)weft_run_with(odd_forgets_in_a_piece, NULL, &(weft_options){.workers = 4});
}

static int odd_wrong_order(void *arg)
{
    weft_piece pieces[8];
    for (int i = 0; i < 8; i++) {
        weft_fork(&pieces[i], odd_piece, arg);
    }
    for (int i = 0; i < 8; i++) { /* the first one may have been stolen, but not all of them */
        (void)weft_join(&pieces[i]);
    }
    return 0;
}

PANIC_TEST(odd_join_in_the_wrong_order, "a piece was joined that was not the last one forked")
{
    (void)weft_run_with(odd_wrong_order, NULL, &(weft_options){.workers = 1});
}

static int odd_join_twice(void *arg)
{
    weft_piece below, piece;
    weft_fork(&below, odd_piece, arg);
    weft_fork(&piece, odd_piece, arg);
    (void)weft_join(&piece);
    (void)weft_join(&piece);
    (void)weft_join(&below);
    return 0;
}

PANIC_TEST(odd_join_of_one_twice, "a piece was joined that was not the last one forked")
{
    (void)weft_run_with(odd_join_twice, NULL, &(weft_options){.workers = 1});
}

static int odd_join_of_none(void *arg)
{
    weft_piece piece;
    weft_fork(&piece, odd_piece, arg);
    (void)weft_join(&piece);
    (void)weft_join(&piece);
    return 0;
}

PANIC_TEST(odd_join_when_there_is_none, "a piece was joined that was not the last one forked")
{
    (void)weft_run_with(odd_join_of_none, NULL, &(weft_options){.workers = 1});
}

static int odd_keeps_scope(void *arg)
{
    static weft_scope scope;
    (void)arg;
    if (!probe_is_stolen()) {
        return 0;
    }
    weft_scope_open(&scope);
    return 1;
}

static int odd_keeps_scopes(void *arg)
{
    (void)arg;
    return odd_until_stolen(odd_keeps_scope);
}

PANIC_TEST(odd_piece_with_a_scope_open, "a task ended with a scope open")
{
    (void)weft_run_with(odd_keeps_scopes, NULL, &(weft_options){.workers = 4});
}
