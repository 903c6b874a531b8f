/* collatz.c - a loop over a million numbers on all CPUs: count, add up, choose, sort.
 *
 *     collatz [NUMBERS]
 *
 * Halve an even number, triple an odd one and add 1: how many steps is it to 1?  Some need ten,
 * others hundreds, and nobody knows before.  So whoever is idle gets half of what another has left.
 *
 * SPDX-License-Identifier: MIT
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <weft.h>

struct way {
    int64_t from, steps;
};

static int count(int64_t from, int64_t to, void *arg)
{
    struct way *ways = arg;

    for (int64_t i = from; i < to; i++) {
        ways[i] = (struct way){.from = i + 1};
        for (uint64_t n = (uint64_t)i + 1; n != 1; n = n % 2 ? 3 * n + 1 : n / 2)
            ways[i].steps++;
    }
    return 0;
}

struct total {
    int64_t steps;
    struct way longest; /* the first of them */
};

static void combine(void *acc, const void *other, void *arg)
{
    struct total *total = acc;
    const struct total *right = other;
    (void)arg;
    total->steps += right->steps;
    if (right->longest.steps > total->longest.steps)
        total->longest = right->longest;
}

static int add(int64_t from, int64_t to, void *acc, void *arg)
{
    for (struct way *way = arg, *end = way + to, *at = way + from; at < end; at++)
        combine(acc, &(struct total){at->steps, *at}, NULL);
    return 0;
}

static int is_long(const void *element, void *arg)
{
    return ((const struct way *)element)->steps > *(const int64_t *)arg;
}

static int report(struct way *ways, struct way *chosen, int64_t n)
{
    static const struct total none = {.longest.steps = -1};
    const weft_reduce_ops ops = {sizeof none, &none, add, combine, 0, false};
    struct total sum;
    size_t k = 0;
    int rc = weft_for(0, n, count, ways);

    if (rc == 0)
        rc = weft_reduce(0, n, &ops, &sum, ways);
    if (rc != 0)
        return rc;
    int64_t limit = sum.longest.steps * 9 / 10;
    printf("%" PRId64 " steps on average\n", sum.steps / n);
    printf("%" PRId64 " needs the most: %" PRId64 "\n", sum.longest.from, sum.longest.steps);
    rc = weft_filter(ways, chosen, (size_t)n, sizeof *ways, is_long, &limit, &k);
    if (rc == 0)
        rc = weft_sort_by(chosen, k, sizeof *chosen, WEFT_KEY_INT64, offsetof(struct way, steps));
    if (rc == 0 && k > 0)
        printf("%zu need more than %" PRId64 ", first %" PRId64 "\n", k, limit, chosen[0].from);
    return rc;
}

static int app(void *arg)
{
    int64_t n = *(int64_t *)arg;
    struct way *ways = malloc(2 * (size_t)n * sizeof *ways);
    int rc = ways ? report(ways, ways + n, n) : -WEFT_ENOMEM;

    free(ways);
    return rc;
}

int main(int argc, char **argv)
{
    int64_t n = argc > 1 ? atoll(argv[1]) : 1000000;
    int rc = n > 0 ? weft_run(app, &n) : -WEFT_EINVAL;

    if (rc < 0)
        fprintf(stderr, "collatz: %s\n", weft_strerror(rc));
    return rc < 0;
}
