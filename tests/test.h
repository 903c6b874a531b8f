/* test.h - what a test says: TEST, TASK_TEST, EXPECT and their few relatives.
 *
 * A test is a record that the linker gathers (section weft_tests), so there is no list to keep.
 * The runner, test_main.c, forks a process for each test, kills it after its timeout (30 s, times
 * the environment's TEST_TIMEOUT) and fails it if it leaves a descriptor, an allocation of ours, a
 * thread or a mapping behind.  Every EXPECT may be said from any thread and any task: a failure
 * prints one line and ends the test's process at once, running nothing more.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_TESTS_TEST_H
#define WEFT_TESTS_TEST_H

#include <stdbool.h>
#include <stddef.h>

struct test_record;

/* How the bodies of one style run.  prepare() comes before the census of what is open, run() is
 * measured by it.  workers is 0 for a style without a runtime, which is then run once. */
struct test_style {
    bool has_workers;   /* 1, 4 and TEST_STEERED */
    bool has_back_ends; /* and these on each of them; see TEST_ON */
    void (*prepare)(const struct test_record *test, size_t workers);
    void (*run)(const struct test_record *test, size_t workers);
};

struct test_record {
    const char *name;
    const char *file;
    int line;
    bool night;                     /* only under --night, and with a timeout of its own */
    bool real_clock;                /* tasks only: do not run on the virtual clock */
    bool not_steered;               /* tasks only: what decides is not only which task runs */
    bool not_simulated;             /* I/O only: it is about what the kernel does */
    const char *panics_with;        /* not NULL: must abort, and say this */
    const struct test_style *style;
    void (*body)(void);
};

extern const struct test_style test_plain_style; /* test_main.c */
extern const struct test_style test_task_style;  /* test_task.c, which needs a runtime */
extern const struct test_style test_io_style;    /* likewise */

/* The pointer, not the record, goes into the section: an array of pointers has no padding. */
#define TEST_DEFINE(test_name, ...)                                                              \
    static void test_body_##test_name(void);                                                     \
    static const struct test_record test_record_##test_name = {                                  \
        .name = #test_name, .file = __FILE__, .line = __LINE__,                                  \
        .body = test_body_##test_name, __VA_ARGS__};                                             \
    static const struct test_record *const test_entry_##test_name                                \
        __attribute__((section("weft_tests"), used)) = &test_record_##test_name;                 \
    static void test_body_##test_name(void)

/* In a plain thread, with no runtime but the one the body may start. */
#define TEST(name) TEST_DEFINE(name, .style = &test_plain_style)
/* As the root task of a runtime: once with 1 worker (name/1w), once with 4 (name/4w), and under
 * random schedules (name/check), as many as WEFT_CHECK_SCHEDULES in the environment says: 20, by
 * night 1,000.  So the body runs more than once in a process and must begin anew each time.
 * TASK_TEST_FREE is not for schedules: it has plain threads, looks at workers, or takes long. */
#define TASK_TEST(name) TEST_DEFINE(name, .style = &test_task_style)
#define TASK_TEST_FREE(name) TEST_DEFINE(name, .style = &test_task_style, .not_steered = true)
#define TASK_TEST_REAL(name) TEST_DEFINE(name, .style = &test_task_style, .real_clock = true)

#define TEST_STEERED ((size_t)1000) /* in the place of a number of workers */

/* As TASK_TEST, on each back end of the outside: name/1w/uring, /4w/uring, /1w/epoll, /4w/epoll,
 * name/1w/sim, and under schedules on the simulated one, name/check.  Skipped where the kernel has
 * no ring.  IO_TEST_KERNEL is never simulated, and neither is IO_TEST_REAL, on the real clock. */
#define IO_TEST(name) TEST_DEFINE(name, .style = &test_io_style)
#define IO_TEST_FREE(name) TEST_DEFINE(name, .style = &test_io_style, .not_steered = true)
#define IO_TEST_KERNEL(name) TEST_DEFINE(name, .style = &test_io_style, .not_simulated = true)
#define IO_TEST_REAL(name) \
    TEST_DEFINE(name, .style = &test_io_style, .not_simulated = true, .real_clock = true)
#define NIGHT_IO_TEST(name) TEST_DEFINE(name, .style = &test_io_style, .night = true)

/* Workers on a back end, in the place of a number of workers; it is an enum weft_io. */
#define TEST_ON(back_end, workers) ((size_t)(back_end) * 10000 + (workers))
#define TEST_BACK_END(variant) ((unsigned)((variant) / 10000))
#define TEST_WORKERS(variant) ((size_t)(variant) % 10000)
/* Only under --night. */
#define NIGHT_TEST(name) TEST_DEFINE(name, .style = &test_plain_style, .night = true)
#define NIGHT_TASK_TEST(name) TEST_DEFINE(name, .style = &test_task_style, .night = true)
/* Must end by abort() after printing text. */
#define PANIC_TEST(name, text) TEST_DEFINE(name, .style = &test_plain_style, .panics_with = text)
#define PANIC_TASK_TEST(name, text) \
    TEST_DEFINE(name, .style = &test_task_style, .panics_with = text)

__attribute__((noreturn, format(printf, 3, 4)))
void test_fail(const char *file, int line, const char *format, ...);
__attribute__((noreturn))
void test_skip(const char *file, int line, const char *why);
void test_expect_eq(const char *file, int line, const char *text, long long a, long long b);
void test_expect_str(const char *file, int line, const char *text, const char *a, const char *b);
/* True under --night. */
bool test_is_night(void);

/* True while the body runs under schedules; then a race goes on for fewer rounds, as each schedule
 * is another race, and has room for a thousand tasks in all. */
extern bool test_is_steered;
#define TEST_FEWER(n) (test_is_steered && (n) > 20 ? 20 : (n))

/* Of rounds that each start tasks, which cost ThreadSanitizer 130 KB of clocks each. */
#define TEST_FEWER_TASKS(n) TEST_FEWER(WEFT_TSAN ? (n) / 5 : (n))

/* Between them nothing may be allocated or mapped, in any thread; but for spare threads, which the
 * watchdog starts when the machine is slow.  In a TASK_TEST. */
void test_watch_allocations(void);
void test_expect_no_allocations(void);

/* Has the watchdog started one in this run?  That allocates and maps as well. */
bool test_has_spares(void);
/* So many blocks of ours are alive; but for those of spare threads. */
void test_expect_live(size_t live);
/* After a call whose first allocation, mapping or thread was armed to fail: has it failed, with
 * this code?  False if it went well because a spare thread's failed instead. */
bool test_was_refused(int rc, int code);

/* Called before a failed test ends, to say more; set by test_task.c. */
extern void (*test_say_more)(void);

#define EXPECT(cond) \
    ((cond) ? (void)0 : test_fail(__FILE__, __LINE__, "expected %s", #cond))
/* Any two integers; both are evaluated once and both are printed. */
#define EXPECT_EQ(a, b) \
    test_expect_eq(__FILE__, __LINE__, #a " == " #b, (long long)(a), (long long)(b))
#define EXPECT_STR(a, b) test_expect_str(__FILE__, __LINE__, #a " == " #b, (a), (b))
/* Ends the test as neither passed nor failed; for what a machine cannot do, never for a bug. */
#define SKIP(why) test_skip(__FILE__, __LINE__, (why))
/* How often to repeat: the first number by day, the second under --night. */
#define TEST_ROUNDS(by_day, by_night) (test_is_night() ? (by_night) : (by_day))

#endif
