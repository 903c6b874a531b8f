/* panic_test.c - a panic says what, where and by which way.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/panic.h"

#include <ucontext.h>

#include "base/sys.h"
#include "tests/test.h"

PANIC_TEST(panic_says_what, "weft: panic: number 7, twice seven is 14\n")
{
    weft__panic("number %d, twice %s is %d", 7, "seven", 14);
}

/* Not inlined, and not a tail call, so that it has a frame. */
static WEFT_NOINLINE int panic_culprit(int number)
{
    if (number > 3)
        weft__panic("too large");
    return number + 1;
}

static WEFT_NOINLINE int panic_accomplice(int number)
{
    return panic_culprit(number) + 1;
}

PANIC_TEST(panic_names_the_place, "  #0  panic_culprit (panic_test.c:")
{
    EXPECT_EQ(panic_accomplice(4), 0);
}

PANIC_TEST(panic_names_the_way, "panic_accomplice (panic_test.c:")
{
    EXPECT_EQ(panic_accomplice(4), 0);
}

static WEFT_NOINLINE const void *panic_here(void)
{
    return __builtin_return_address(0);
}

PANIC_TEST(panic_names_the_first_site,
           "unlocked by a stranger\n"
           "  unlocked at  test_body_panic_names_the_first_site (panic_test.c:")
{
    weft__panic_sites("unlocked by a stranger", "unlocked at", panic_here(), "locked at", NULL);
}

PANIC_TEST(panic_names_the_second_site,
           "  unlocked at  unknown\n"
           "  locked at  test_body_panic_names_the_second_site (panic_test.c:")
{
    weft__panic_sites("unlocked by a stranger", "unlocked at", NULL, "locked at", panic_here());
}

PANIC_TEST(panic_check_tells_the_fact, "weft: panic: panic_test.c:")
{
    WEFT_CHECK(weft__sys_getpid() < 0);
}

PANIC_TEST(panic_check_names_the_place,
           "check failed: weft__sys_getpid() < 0\n"
           "  #0  test_body_panic_check_names_the_place (panic_test.c:")
{
    WEFT_CHECK(weft__sys_getpid() < 0);
}

static void panic_more(void)
{
    weft__sys_say("the tree\n", 9);
}

PANIC_TEST(panic_calls_the_hook, "\nthe tree\n")
{
    a_store(&weft__panic_extra, panic_more, release);
    weft__panic("and more");
}

static void panic_nested(void)
{
    weft__panic("in the hook");
}

PANIC_TEST(panic_inside_a_panic_ends, "weft: panic: once more")
{
    a_store(&weft__panic_extra, panic_nested, release);
    weft__panic("first");
}

static void *panic_thread(void *arg)
{
    weft__panic("from thread %p", arg);
}

PANIC_TEST(panic_from_many_threads, "weft: panic: from thread")
{
    pthread_t t[4];

    for (int i = 0; i < 4; i++)
        EXPECT_EQ(weft__sys_thread_start(panic_thread, &t[i], 65536, "panics", &t[i]), 0);
    weft__sys_thread_join(t[0]);
}

/* 8 KiB is the promise; instrumented code has larger frames. */
enum { PANIC_STACK = WEFT_ASAN || WEFT_TSAN ? 65536 : 8192 };

static void panic_on_small_stack(void)
{
    EXPECT_EQ(panic_accomplice(4), 0);
}

PANIC_TEST(panic_needs_little_stack, "panic_accomplice (panic_test.c:")
{
    size_t guard = 65536;
    ucontext_t here, there;
    void *p;

    EXPECT_EQ(weft__sys_map(guard + PANIC_STACK, &p), 0);
    EXPECT_EQ(weft__sys_protect_none(p, guard), 0);
    EXPECT_EQ(getcontext(&there), 0);
    there.uc_stack.ss_sp = (char *)p + guard;
    there.uc_stack.ss_size = PANIC_STACK;
    there.uc_link = &here;
    makecontext(&there, panic_on_small_stack, 0);
    EXPECT_EQ(swapcontext(&here, &there), 0);
}
