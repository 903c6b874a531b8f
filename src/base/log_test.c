/* log_test.c - one line, one write, and not too many of them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/log.h"

#include <unistd.h>

#include "base/time.h"
#include "tests/test.h"

/* What log_line writes to fd 2 while the body runs, as one read: a pipe keeps writes apart only
 * if they are read between, so each case logs once. */
static int log_caught(char *buf, size_t size, void (*body)(void))
{
    int ends[2], saved = dup(2);
    ssize_t n;

    EXPECT_EQ(pipe(ends), 0);
    dup2(ends[1], 2);
    body();
    dup2(saved, 2);
    close(saved);
    close(ends[1]);
    n = read(ends[0], buf, size - 1);
    close(ends[0]);
    EXPECT(n >= 0);
    buf[n] = '\0';
    return (int)n;
}

static void log_one(void)
{
    weft__log("limit of %s reached: %d", "spare threads", 64);
}

static void log_long(void)
{
    weft__log("%5000d", 1);
}

TEST(log_is_one_line)
{
    char buf[2048];

    log_caught(buf, sizeof buf, log_one);
    EXPECT_STR(buf, "weft: limit of spare threads reached: 64\n");
}

TEST(log_is_cut_and_still_a_line)
{
    char buf[2048];
    int n = log_caught(buf, sizeof buf, log_long);

    EXPECT_EQ(n, 1023);
    EXPECT_EQ(buf[n - 1], '\n');
}

TEST(log_limit_admits_n_a_second)
{
    struct weft__log_limit limit = WEFT_LOG_LIMIT(3);
    int64_t start = 100 * WEFT_NS_PER_SECOND;
    uint64_t dropped = 99;

    for (int i = 0; i < 3; i++) {
        EXPECT(weft__log_admit(&limit, start + i, &dropped));
        EXPECT_EQ(dropped, 0);
    }
    for (int i = 0; i < 5; i++)
        EXPECT(!weft__log_admit(&limit, start + WEFT_NS_PER_SECOND - 1, &dropped));
    EXPECT(weft__log_admit(&limit, start + WEFT_NS_PER_SECOND, &dropped));
    EXPECT_EQ(dropped, 5);
    EXPECT(weft__log_admit(&limit, start + WEFT_NS_PER_SECOND, &dropped));
    EXPECT_EQ(dropped, 0);
}

static struct weft__log_limit log_limit = WEFT_LOG_LIMIT(1);

static void log_three_with_limit(void)
{
    uint64_t dropped;

    /* far in the future, so that the second cannot end between the lines */
    EXPECT(weft__log_admit(&log_limit, weft__time_now() + 3600 * WEFT_NS_PER_SECOND, &dropped));
    for (int i = 0; i < 3; i++)
        weft__log_limited(&log_limit, "line %d", i);
    a_store(&log_limit.since_ns, 0, relaxed);
    weft__log_limited(&log_limit, "line %d", 3);
}

TEST(log_limited_tells_what_it_kept_back)
{
    char buf[2048];

    if (weft__time_now() < 2 * WEFT_NS_PER_SECOND)
        SKIP("the machine has just started");
    log_caught(buf, sizeof buf, log_three_with_limit);
    EXPECT_STR(buf, "weft: line 3 (and 3 more before)\n");
}
