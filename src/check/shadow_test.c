/* shadow_test.c - races in little traces, and 10,000 random traces against a naive judge.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/shadow.h"

#include "base/rng.h"
#include "tests/test.h"

/* ---- traces as text ----
 *
 * Words of a trace, each begins with the strand's digit:
 *   0>1 spawn    0<1 join    1La acquire object a    1Ua release it    1Fb fence
 *   1Wa04        plain write of place a, 4 bytes from byte 0;  1Ra04 plain read
 *   1la04r       atomic load; 1sa04e store; 1xa04q read-modify-write; 1Fb fence
 *                orders: r relaxed, a acquire, e release, b both, q sequentially consistent
 *   1Za08        the bytes are new
 * A trailing ! says that the access must be told as a race, its absence that it must not. */

#define SHADOW_TEST_BASE ((uintptr_t)0x7f0000001000)

static int shadow_test_order(char letter)
{
    switch (letter) {
    case 'a':
        return __ATOMIC_ACQUIRE;
    case 'e':
        return __ATOMIC_RELEASE;
    case 'b':
        return __ATOMIC_ACQ_REL;
    case 'q':
        return __ATOMIC_SEQ_CST;
    default:
        return __ATOMIC_RELAXED;
    }
}

static enum weft__op shadow_test_op(char letter)
{
    switch (letter) {
    case 'R':
        return WEFT__OP_READ;
    case 'W':
        return WEFT__OP_WRITE;
    case 'l':
        return WEFT__OP_ATOMIC_LOAD;
    case 's':
        return WEFT__OP_ATOMIC_STORE;
    default:
        return WEFT__OP_ATOMIC_RMW;
    }
}

static void shadow_test_access(const char *trace, const char *word, uint32_t step)
{
    uint16_t strand = (uint16_t)(word[0] - '0');
    uintptr_t place = SHADOW_TEST_BASE + 8 * (uintptr_t)(word[2] - 'a');
    uintptr_t address = place + (uintptr_t)(word[3] - '0');
    size_t size = (size_t)(word[4] - '0');
    size_t length = strcspn(word, " ");
    bool races = word[length - 1] == '!';
    struct weft__seen seen;

    if (word[1] == 'Z') {
        weft__shadow_reset(address, size);
        return;
    }
    weft__shadow_access(strand, shadow_test_op(word[1]), shadow_test_order(word[5]), address, size,
                        step, 0, step, &seen);
    if (seen.race != races)
        test_fail(__FILE__, __LINE__, "\"%s\" at \"%.*s\": race %d", trace, (int)length, word,
                  seen.race);
    if (seen.race)
        EXPECT(seen.other.strand != strand && seen.other.step < step);
}

static void shadow_test_word(const char *trace, const char *word, uint32_t step)
{
    uint16_t strand = (uint16_t)(word[0] - '0');

    switch (word[1]) {
    case '>':
        weft__clock_spawn(strand, (uint16_t)(word[2] - '0'));
        break;
    case '<':
        weft__clock_join(strand, (uint16_t)(word[2] - '0'));
        break;
    case 'L':
        weft__clock_acquire(strand, SHADOW_TEST_BASE + 4096 + 40 * (uintptr_t)(word[2] - 'a'));
        break;
    case 'U':
        weft__clock_release(strand, SHADOW_TEST_BASE + 4096 + 40 * (uintptr_t)(word[2] - 'a'));
        break;
    case 'F':
        weft__clock_fence(strand, shadow_test_order(word[2]));
        break;
    default:
        shadow_test_access(trace, word, step);
    }
}

static void shadow_test_run(const char *trace)
{
    uint32_t step = 0;

    EXPECT_EQ(weft__shadow_init(), 0);
    for (const char *word = trace; *word != '\0';) {
        shadow_test_word(trace, word, ++step);
        word += strcspn(word, " ");
        word += strspn(word, " ");
    }
}

static void shadow_test_run_all(const char *const *traces, size_t n)
{
    for (size_t i = 0; i < n; i++)
        shadow_test_run(traces[i]);
    weft__shadow_fini();
}

TEST(shadow_spawn_and_join_order)
{
    static const char *const traces[] = {
        "0Wa04 0>1 1Wa04 0<1 0Wa04",
        "0>1 0Wa04 1Wa04!",
        "0>1 0Wa04 1Ra04!",
        "0>1 0Ra04 1Ra04 0Ra04",
        "0>1 0Ra04 1Wa04!",
        "0>1 1Wa04 0Wa04!",
        "0>1 1Wa04 0<1 0Ra04 0>2 2Ra04 2Wa04",
        "0>1 0>2 1Wa04 2Wa04! 0<1 0<2 0Wa04",
        "0>1 1>2 1Wa04 2Ra04!",
        "0>1 1Wa04 1>2 2Ra04 2Wa04 0<1 0Ra04!",
        "0>1 1Wa04 1>2 2Wa04 0<1 0<2 0Ra04",
        "0>1 1Wa04 0<1 0>2 2Wa04 0<2 0>3 3Wa04 0Ra04!",
        "0>1 1Ra04 1Wa04 1Ra04 0Ra04!",
    };
    shadow_test_run_all(traces, WEFT_ARRAY_SIZE(traces));
}

TEST(shadow_locks_order)
{
    static const char *const traces[] = {
        "0>1 0La 0Wa04 0Ua 1La 1Wa04 1Ua 0La 0Wa04 0Ua",
        "0>1 0La 0Wa04 0Ua 1Lb 1Wa04! 1Ub",
        "0>1 0La 0Ua 0Wa04 1La 1Ra04! 1Ua",
        "0>1 0Wa04 0La 0Ua 1La 1Ua 1Ra04",
        "0>1 1La 1Ua 1Ra04 0Wa04! 0La 0Ua",
        "0>1 0>2 0La 0Wa04 0Ua 1La 1Ua 1Lb 1Ub 2Lb 2Ra04",
        "0>1 0>2 0La 0Wa04 0Ua 1La 1Ub 2Lb 2Wa04 0Ra04!",
        "0>1 0>2 1La 1Ra04 1Ua 2La 2Ra04 2Ua 0La 0Wa04 0Ua",
        "0>1 0>2 1La 1Ra04 1Ua 0La 0Ua 2Ra04 0Wa04!",
        /* Both posts count for the waiter: a release adds. */
        "0>1 0>2 1Wa04 1Ua 2Wb04 2Ua 0La 0Ra04 0Rb04",
        "0>1 0Lb 1Ua 0Wa04 1Wa04!",
    };
    shadow_test_run_all(traces, WEFT_ARRAY_SIZE(traces));
}

TEST(shadow_is_byte_precise)
{
    static const char *const traces[] = {
        "0>1 0Wa04 1Wa44 0Ra04 1Ra44",
        "0>1 0Wa01 1Wa11 0Wa21 1Wa31 0Wa41 1Wa51 0Wa61 1Wa71",
        "0>1 0Wa01 1Wa11 0Wa02!",
        "0>1 0Wa08 1Ra71!",
        "0>1 0Wa01 1Ra08!",
        "0>1 0Wa71 1Ra07",
        "0>1 0Wa24 1Wa02 1Wa62 1Ra52!",
        "0>1 0Wa68 1Wb01!",
        "0>1 0Wa68 1Wb61 1Wa51 1Ra71!",
        "0>1 0Ra08 1Wa31! 0Ra31! 1Ra04",
        /* What is written over in part is known in part. */
        "0>1 0Wa08 0Ua 0Wa04 1La 1Wa44 1Ra31!",
        "0>1 0Wa08 0Ua 0Ra04 1La 1Ra08 1Wa44 1Wa04!",
    };
    shadow_test_run_all(traces, WEFT_ARRAY_SIZE(traces));
}

TEST(shadow_atomics_order_as_told)
{
    static const char *const traces[] = {
        "0>1 0Wb04 0sa04e 1la04a 1Rb04",
        "0>1 0Wb04 0sa04e 1la04r 1Rb04!",
        "0>1 0Wb04 0sa04r 1la04a 1Rb04!",
        "0>1 0Wb04 0sa04q 1la04q 1Wb04",
        "0>1 0sa04e 0Wb04 1la04a 1Rb04!",
        "0>1 0xa04r 1xa04r 0xa04q 1la04r 1sa04r",
        "0>1 0Wb04 0xa04e 1xa04a 1Rb04",
        "0>1 0Wb04 0xa04r 1xa04b 1Rb04!",
        /* Release sequences. */
        "0>1 0>2 0Wb04 0sa04e 1xa04r 2la04a 2Rb04",
        "0>1 0>2 0Wb04 0sa04e 1sa04r 2la04a 2Rb04!",
        "0>1 0>2 0Wb04 0sa04e 0sa04r 2la04a 2Rb04",
        "0>1 0>2 0Wb04 0sa04e 1Wc04 1sa04e 2la04a 2Rc04 2Rb04!",
        "0>1 0>2 0Wb04 0sa04e 1Wc04 1xa04e 2la04a 2Rc04 2Rb04",
        "0>1 0>2 0Wb04 0sa04e 1Wc04 1xa04e 0sa04r 2la04a 2Rb04 2Rc04!",
        /* A plain write of the atomic ends the sequence. */
        "0>1 0Wb04 0sa04e 0Wa04 0Uc 1Lc 1la04a 1Rb04",
        "0>1 0>2 0Wb04 0sa04e 1la04a 1Wa04 1Uc 2Lc 2la04a 2Rb04",
        "0>1 0>2 0Wb04 0sa04e 0Ud 1Ld 1Wa04 2la04a! 2Rb04!",
        /* Reference counts. */
        "0>1 0>2 1Wb04 1xa04e 2Wc04 2xa04e 2Fa 2Wb04 2Wc04",
        "0>1 0>2 1Wb04 1xa04r 2xa04e 2Fa 2Wb04!",
        "0>1 0>2 1Wb04 1xa04b 2xa04b 2Rb04",
        /* Of other sizes. */
        "0>1 0Wb04 0sa08e 1la44a 1Rb04",
        "0>1 0Wb04 0sa04e 1la44a 1Rb04!",
        "0>1 0Wb04 0sa04e 1la08a 1Rb04",
        "0>1 0>2 0Wb04 0sa08e 1sa04r 2la44a 2Rb04",
        "0>1 0>2 0Wb04 0sa08e 1sa04r 2la04a 2Rb04!",
    };
    shadow_test_run_all(traces, WEFT_ARRAY_SIZE(traces));
}

TEST(shadow_fences_order)
{
    static const char *const traces[] = {
        "0>1 0Wb04 0Fe 0sa04r 1la04r 1Fa 1Rb04",
        "0>1 0Wb04 0sa04r 1la04r 1Fa 1Rb04!",
        "0>1 0Wb04 0Fe 0sa04r 1la04r 1Rb04!",
        "0>1 0Fe 0Wb04 0sa04r 1la04r 1Fa 1Rb04!",
        "0>1 0Wb04 0Fe 0sa04r 1Fa 1la04r 1Rb04!",
        "0>1 0Wb04 0Fe 0sa04r 1la04a 1Rb04",
        "0>1 0Wb04 0sa04e 1la04r 1Fa 1Rb04",
        "0>1 0Wb04 0Fq 0sa04r 1la04r 1Fq 1Wb04",
        "0>1 0Wb04 0Fq 1Fq 1Wb04!",
        "0>1 0Wb04 0Fa 0sa04r 1la04r 1Fe 1Wb04!",
        "0>1 0>2 0Wb04 0Fe 0sa04r 1xa04r 2la04a 2Rb04",
        "0>1 0>2 1Wb04 1Fe 1xa04r 2Fe 2xa04r 2Fa 2Wb04",
    };
    shadow_test_run_all(traces, WEFT_ARRAY_SIZE(traces));
}

TEST(shadow_atomic_against_plain)
{
    static const char *const traces[] = {
        "0>1 0Wa04 1la04q!",
        "0>1 0la04q 1Wa04!",
        "0>1 0Ra04 1la04q",
        "0>1 0Ra04 1sa04q!",
        "0>1 0sa04q 1Ra04!",
        "0>1 0xa04q 1Wa04!",
        "0>1 0sa04q 1sa04r 0<1 0Wa04",
        "0>1 0>2 0xa04r 1xa04r 2La 1Ua 2La 2Ra04!",
        /* The earlier plain write is not forgotten behind an ordered atomic one. */
        "0>1 0>2 0Wa04 0Ua 1La 1sa04r 2la04a!",
        "0>1 0>2 0Ra04 0Ua 1La 1sa04r 2sa04r!",
        "0>1 0>2 0la04r 0Ua 1La 1la04r 2Wa04!",
        /* All that wrote atomically are remembered, not the last one only. */
        "0>1 0>2 0>3 1sa04r 2sa04r 2Ua 3La 3Ra04!",
        "0>1 0>2 0>3 1la04r 2la04r 2Ua 3La 3Wa04!",
    };
    shadow_test_run_all(traces, WEFT_ARRAY_SIZE(traces));
}

TEST(shadow_new_bytes_have_no_past)
{
    static const char *const traces[] = {
        "0>1 0Wa08 1Za08 1Wa08",
        "0>1 0Wa08 1Za04 1Wa04 1Wa41!",
        "0>1 0Wa24 1Za04 1Ra04 1Ra42!",
        "0>1 0Wb04 0sa04e 1Za04 1la04a 1Rb04!",
        "0>1 0Ra08 1Za08 1Wa08 0Ra31!",
        /* Objects keep their order, whoever says that their memory is new. */
        "0>1 0Wb04 0Ua 0Za08 1La 1Rb04",
    };
    shadow_test_run_all(traces, WEFT_ARRAY_SIZE(traces));
}

/* ---- what else is told ---- */

static struct weft__seen shadow_test_do(uint16_t strand, enum weft__op op, unsigned at, size_t size,
                                        weft__site site)
{
    struct weft__seen seen;

    weft__shadow_access(strand, op, __ATOMIC_RELAXED, SHADOW_TEST_BASE + at, size, site, site + 1,
                        site + 2, &seen);
    return seen;
}

TEST(shadow_tells_the_writer)
{
    struct weft__seen seen;

    EXPECT_EQ(weft__shadow_init(), 0);
    weft__clock_spawn(0, 1);
    EXPECT(!shadow_test_do(0, WEFT__OP_READ, 0, 4, 10).has_writer);
    seen = shadow_test_do(0, WEFT__OP_WRITE, 0, 4, 20);
    EXPECT(!seen.has_writer && !seen.shared && !seen.written);
    EXPECT(!weft__shadow_is_shared(SHADOW_TEST_BASE, 8));
    (void)shadow_test_do(0, WEFT__OP_WRITE, 0, 4, 30); /* the fast path notes the new site */
    seen = shadow_test_do(1, WEFT__OP_READ, 2, 1, 40);
    EXPECT(seen.has_writer && seen.shared && seen.written && seen.race);
    EXPECT_EQ(seen.writer.site, 30);
    EXPECT_EQ(seen.writer.caller, 31);
    EXPECT_EQ(seen.writer.step, 32);
    EXPECT_EQ(seen.writer.strand, 0);
    EXPECT_EQ(seen.writer.size, 4);
    EXPECT_EQ(seen.writer.op, WEFT__OP_WRITE);
    EXPECT_EQ(seen.other.site, 30);
    EXPECT(weft__shadow_is_shared(SHADOW_TEST_BASE, 8));
    EXPECT(!weft__shadow_is_shared(SHADOW_TEST_BASE, 2));
    seen = shadow_test_do(1, WEFT__OP_READ, 4, 4, 50);
    EXPECT(!seen.has_writer && !seen.shared && !seen.written);
    (void)shadow_test_do(1, WEFT__OP_ATOMIC_RMW, 4, 4, 60);
    (void)shadow_test_do(0, WEFT__OP_ATOMIC_STORE, 4, 4, 70);
    EXPECT_EQ(shadow_test_do(1, WEFT__OP_ATOMIC_LOAD, 4, 4, 80).writer.site, 70);
    (void)shadow_test_do(0, WEFT__OP_WRITE, 5, 1, 90);
    EXPECT_EQ(shadow_test_do(1, WEFT__OP_READ, 5, 2, 81).writer.site, 90);
    EXPECT_EQ(shadow_test_do(1, WEFT__OP_READ, 6, 2, 82).writer.site, 70);
    weft__shadow_fini();
}

/* Who tested a flag and is ordered before its write is no race, but its site is worth a point. */
TEST(shadow_tells_a_reader)
{
    struct weft__seen seen;

    EXPECT_EQ(weft__shadow_init(), 0);
    weft__clock_spawn(0, 1);
    (void)shadow_test_do(1, WEFT__OP_READ, 0, 4, 10);
    weft__clock_join(0, 1);
    seen = shadow_test_do(0, WEFT__OP_WRITE, 4, 4, 12);
    EXPECT(!seen.has_reader);
    seen = shadow_test_do(0, WEFT__OP_WRITE, 2, 4, 13);
    EXPECT(seen.has_reader && !seen.race);
    EXPECT_EQ(seen.reader.site, 10);
    EXPECT_EQ(seen.reader.strand, 1);
    seen = shadow_test_do(0, WEFT__OP_READ, 1, 1, 11);
    EXPECT(seen.has_reader && !seen.written);
    EXPECT(!shadow_test_do(0, WEFT__OP_WRITE, 2, 2, 14).has_reader);
    weft__shadow_fini();
}

/* Two only read: shared, but not written. */
TEST(shadow_tells_what_is_shared)
{
    struct weft__seen seen;

    EXPECT_EQ(weft__shadow_init(), 0);
    weft__clock_spawn(0, 1);
    (void)shadow_test_do(0, WEFT__OP_READ, 0, 8, 10);
    seen = shadow_test_do(1, WEFT__OP_READ, 4, 2, 11);
    EXPECT(seen.shared && !seen.written && !seen.race);
    seen = shadow_test_do(0, WEFT__OP_READ, 5, 1, 12);
    EXPECT(seen.shared && !seen.written);
    seen = shadow_test_do(0, WEFT__OP_WRITE, 0, 4, 13);
    EXPECT(!seen.shared && !seen.written);
    seen = shadow_test_do(0, WEFT__OP_READ, 0, 8, 14);
    EXPECT(seen.shared && !seen.written); /* bytes 4, 5 are shared, bytes 0 to 3 written */
    seen = shadow_test_do(0, WEFT__OP_WRITE, 5, 1, 15);
    EXPECT(seen.shared && seen.written && seen.race);
    seen = shadow_test_do(1, WEFT__OP_READ, 4, 1, 16);
    EXPECT(seen.shared && !seen.written);
    weft__shadow_reset(SHADOW_TEST_BASE, 8);
    seen = shadow_test_do(1, WEFT__OP_WRITE, 0, 8, 17);
    EXPECT(!seen.shared && !seen.written && !seen.race && !seen.has_writer);
    weft__shadow_fini();
}

TEST(shadow_begins_anew)
{
    EXPECT_EQ(weft__shadow_init(), 0);
    for (uint16_t i = 1; i < 40; i++)
        weft__clock_spawn(0, i);
    for (unsigned i = 0; i < 100000; i++)
        (void)shadow_test_do(0, WEFT__OP_WRITE, i * 8, 8, 10);
    weft__clock_release(0, SHADOW_TEST_BASE);
    EXPECT(shadow_test_do(1, WEFT__OP_READ, 8 * 99999, 1, 11).race);
    EXPECT_EQ(weft__shadow_init(), 0);
    for (unsigned i = 0; i < 100000; i++) {
        struct weft__seen seen = shadow_test_do(1, WEFT__OP_READ, i * 8, 8, 10);
        EXPECT(!seen.race && !seen.shared && !seen.has_writer);
    }
    weft__shadow_fini();
    EXPECT_EQ(weft__shadow_init(), 0);
    weft__shadow_fini();
    weft__shadow_fini();
}

TEST(shadow_ranges)
{
    EXPECT_EQ(weft__shadow_init(), 0);
    weft__clock_spawn(0, 1);
    EXPECT(!shadow_test_do(0, WEFT__OP_WRITE, 3, 1000, 10).race);
    EXPECT(!shadow_test_do(1, WEFT__OP_WRITE, 0, 3, 11).race);
    EXPECT(!shadow_test_do(1, WEFT__OP_WRITE, 1003, 500, 12).race);
    struct weft__seen seen = shadow_test_do(1, WEFT__OP_READ, 1002, 100, 13);
    EXPECT(seen.race && seen.shared && seen.written && seen.has_writer);
    EXPECT_EQ(seen.other.size, 255);
    weft__shadow_reset(SHADOW_TEST_BASE + 100, 800);
    EXPECT(!shadow_test_do(1, WEFT__OP_WRITE, 100, 800, 14).race);
    EXPECT(shadow_test_do(1, WEFT__OP_WRITE, 99, 1, 15).race);
    EXPECT(shadow_test_do(1, WEFT__OP_WRITE, 900, 1, 16).race);
    weft__shadow_reset(SHADOW_TEST_BASE - 100000, 1000000); /* more than there is */
    EXPECT(!shadow_test_do(1, WEFT__OP_READ, 0, 1000, 17).has_writer);
    weft__shadow_fini();
}

/* As many strands as there may be: all read, then the first one writes after joining them, but for
 * one. */
TEST(shadow_many_strands)
{
    EXPECT_EQ(weft__shadow_init(), 0);
    weft__clock_fence(0, __ATOMIC_RELEASE);
    for (uint16_t i = 1; i < WEFT__STRANDS_MAX; i++)
        weft__clock_spawn(0, i);
    for (int round = 0; round < 5; round++) {
        for (uint16_t i = 1; i < WEFT__STRANDS_MAX; i++) {
            EXPECT(!shadow_test_do(i, WEFT__OP_READ, 0, 4, 10).race);
            weft__clock_release(i, SHADOW_TEST_BASE + 8 * i);
        }
    }
    for (uint16_t i = 1; i < WEFT__STRANDS_MAX; i++) {
        if (i != 700)
            weft__clock_join(0, i);
    }
    struct weft__seen seen = shadow_test_do(0, WEFT__OP_WRITE, 0, 4, 11);
    EXPECT(seen.race);
    EXPECT_EQ(seen.other.strand, 700);
    weft__clock_acquire(0, SHADOW_TEST_BASE + 8 * 700);
    (void)shadow_test_do(700, WEFT__OP_READ, 8, 4, 10);
    EXPECT(!shadow_test_do(0, WEFT__OP_WRITE, 16, 4, 12).race);
    weft__shadow_fini();
}

/* The clocks are spread while objects, fences and strands hold counts. */
TEST(shadow_spreads_clocks)
{
    EXPECT_EQ(weft__shadow_init(), 0);
    weft__clock_spawn(0, 1);
    (void)shadow_test_do(0, WEFT__OP_WRITE, 0, 4, 10);
    weft__clock_release(0, SHADOW_TEST_BASE + 64);
    (void)shadow_test_do(0, WEFT__OP_WRITE, 4, 4, 10);
    weft__clock_fence(0, __ATOMIC_RELEASE);
    for (uint16_t i = 2; i < 200; i++)
        weft__clock_spawn(1, i);
    (void)shadow_test_do(0, WEFT__OP_ATOMIC_STORE, 8, 4, 11); /* relaxed */
    EXPECT(shadow_test_do(150, WEFT__OP_READ, 0, 1, 12).race);
    weft__clock_acquire(150, SHADOW_TEST_BASE + 64);
    EXPECT(!shadow_test_do(150, WEFT__OP_READ, 1, 1, 13).race);
    EXPECT(shadow_test_do(150, WEFT__OP_READ, 4, 1, 14).race);
    (void)shadow_test_do(150, WEFT__OP_ATOMIC_LOAD, 8, 4, 15);
    for (uint16_t i = 200; i < 400; i++)
        weft__clock_spawn(1, i);
    weft__clock_fence(150, __ATOMIC_ACQUIRE);
    EXPECT(!shadow_test_do(150, WEFT__OP_READ, 5, 1, 16).race);
    weft__shadow_fini();
}

/* More strands have released one atomic than have rows of their own. */
TEST(shadow_many_heads)
{
    enum { HEADS = 30, READER = HEADS + 1 };

    EXPECT_EQ(weft__shadow_init(), 0);
    for (uint16_t i = 1; i <= READER + 1; i++)
        weft__clock_spawn(0, i);
    struct weft__seen seen;
    for (uint16_t i = 1; i <= HEADS; i++) {
        (void)shadow_test_do(i, WEFT__OP_WRITE, i * 8, 8, 10);
        weft__shadow_access(i, WEFT__OP_ATOMIC_RMW, __ATOMIC_RELEASE, SHADOW_TEST_BASE, 4, 11, 0,
                            11, &seen);
    }
    weft__shadow_access(READER, WEFT__OP_ATOMIC_LOAD, __ATOMIC_ACQUIRE, SHADOW_TEST_BASE, 4, 12, 0,
                        12, &seen);
    for (uint16_t i = 1; i <= HEADS; i++)
        EXPECT(!shadow_test_do(READER, WEFT__OP_READ, i * 8, 8, 13).race);
    (void)shadow_test_do(HEADS, WEFT__OP_ATOMIC_STORE, 0, 4, 14); /* goes on with its own */
    weft__shadow_access(READER + 1, WEFT__OP_ATOMIC_LOAD, __ATOMIC_ACQUIRE, SHADOW_TEST_BASE, 4, 15,
                        0, 15, &seen);
    EXPECT(!shadow_test_do(READER + 1, WEFT__OP_READ, HEADS * 8, 8, 16).race);
    EXPECT(shadow_test_do(READER + 1, WEFT__OP_READ, 16, 8, 17).race);
    weft__shadow_fini();
}

TEST(vclock_forked_is_spawn_and_join_alone)
{
    EXPECT_EQ(weft__shadow_init(), 0);
    uint32_t before = weft__clock_segment(0);
    weft__clock_spawn(0, 1);
    uint32_t after = weft__clock_segment(0), child = weft__clock_segment(1);
    weft__clock_release(0, SHADOW_TEST_BASE);
    weft__clock_acquire(1, SHADOW_TEST_BASE);
    EXPECT(weft__clock_forked(0, before, 1));
    EXPECT(!weft__clock_forked(0, after, 1));
    EXPECT(!weft__clock_forked(1, child, 0));
    weft__clock_join(0, 1);
    EXPECT(weft__clock_forked(1, child, 0));
    EXPECT(!weft__clock_forked(1, weft__clock_segment(1), 0));
    weft__shadow_fini();
    EXPECT_EQ(weft__clock_segment(0), 0);
}

/* More rows than there is room for at the full width: what is forgotten orders too much, never too
 * little. */
TEST(shadow_forgets_objects_safely)
{
    enum { STRANDS = 600, OBJECTS = 20000 };

    EXPECT_EQ(weft__shadow_init(), 0);
    for (uint16_t i = 1; i < STRANDS; i++)
        weft__clock_spawn(0, i);
    for (unsigned i = 0; i < OBJECTS; i++) {
        uint16_t strand = (uint16_t)(1 + i % (STRANDS - 1));
        EXPECT(!shadow_test_do(strand, WEFT__OP_WRITE, i * 8, 4, 10).race);
        weft__clock_release(strand, SHADOW_TEST_BASE + i * 8);
    }
    for (unsigned i = 0; i < OBJECTS; i++) {
        weft__clock_acquire(0, SHADOW_TEST_BASE + i * 8);
        EXPECT(!shadow_test_do(0, WEFT__OP_WRITE, i * 8, 4, 11).race);
    }
    weft__shadow_fini();
}

/* ---- the naive judge ---- */

enum { JUDGE_STRANDS = 6, JUDGE_BYTES = 40, JUDGE_OBJECTS = 3, JUDGE_EVENTS = 120 };

struct judge_clock {
    uint32_t of[JUDGE_STRANDS];
};

struct judge_access {
    uint16_t strand;
    bool writes, atomic;
    struct judge_clock clock;
    bool bytes[JUDGE_BYTES]; /* that are still the same memory */
};

struct judge_byte {
    bool touched[JUDGE_STRANDS], written;
    int writer; /* an access; -1: never */
    bool has[JUDGE_STRANDS]; /* a release sequence of this strand */
    struct judge_clock carries[JUDGE_STRANDS];
};

struct judge {
    struct judge_clock now[JUDGE_STRANDS], released[JUDGE_STRANDS], pending[JUDGE_STRANDS];
    struct judge_clock objects[JUDGE_OBJECTS];
    struct judge_byte bytes[JUDGE_BYTES];
    struct judge_access accesses[JUDGE_EVENTS];
    int n;
    bool has_released[JUDGE_STRANDS];
    bool raced; /* before this */
};

static void judge_add(struct judge_clock *into, const struct judge_clock *from)
{
    for (int i = 0; i < JUDGE_STRANDS; i++)
        into->of[i] = weft__max(into->of[i], from->of[i]);
}

static void judge_load(struct judge *j, uint16_t s, unsigned at, size_t size, int order)
{
    bool acquires = order == __ATOMIC_ACQUIRE || order == __ATOMIC_ACQ_REL ||
                    order == __ATOMIC_SEQ_CST;

    for (size_t i = at; i < at + size; i++) {
        for (int head = 0; head < JUDGE_STRANDS; head++) {
            if (j->bytes[i].has[head])
                judge_add(acquires ? &j->now[s] : &j->pending[s], &j->bytes[i].carries[head]);
        }
    }
}

static void judge_store(struct judge *j, uint16_t s, unsigned at, size_t size, int order, bool rmw)
{
    bool releases = order == __ATOMIC_RELEASE || order == __ATOMIC_ACQ_REL ||
                    order == __ATOMIC_SEQ_CST;

    for (size_t i = at; i < at + size; i++) {
        struct judge_byte *byte = &j->bytes[i];
        for (int head = 0; head < JUDGE_STRANDS && !rmw; head++)
            byte->has[head] = byte->has[head] && head == s && !releases;
        if (!releases && !j->has_released[s])
            continue;
        if (!byte->has[s])
            byte->carries[s] = (struct judge_clock){.of = {0}};
        byte->has[s] = true;
        judge_add(&byte->carries[s], releases ? &j->now[s] : &j->released[s]);
    }
}

static bool judge_conflict(const struct judge_access *a, const struct judge_access *b)
{
    bool same = false;

    for (int i = 0; i < JUDGE_BYTES; i++)
        same |= a->bytes[i] && b->bytes[i];
    return same && (a->writes || b->writes) && !(a->atomic && b->atomic) &&
           a->clock.of[a->strand] > b->clock.of[a->strand];
}

static void judge_fail(uint64_t seed, int n, const char *what)
{
    test_fail(__FILE__, __LINE__, "seed %llu, access %d: %s", (unsigned long long)seed, n, what);
}

/* Compares everything that the shadow has told with what it should. */
static void judge_compare(struct judge *j, const struct judge_access *a, unsigned at, size_t size,
                          const struct weft__seen *seen, uint64_t seed)
{
    bool races = false, shared = false, written = false;

    for (int i = 0; i < j->n; i++)
        races |= judge_conflict(&j->accesses[i], a);
    for (size_t i = at; i < at + size; i++) {
        bool others = false;
        for (uint16_t s = 0; s < JUDGE_STRANDS; s++)
            others |= s != a->strand && j->bytes[i].touched[s];
        shared |= others;
        written |= others && (a->writes || j->bytes[i].written);
    }
    if (seen->race && !races)
        judge_fail(seed, j->n, "a false race");
    if (races && !seen->race && !j->raced)
        judge_fail(seed, j->n, "the first race was missed");
    if (seen->race && !judge_conflict(&j->accesses[seen->other.step], a))
        judge_fail(seed, j->n, "a race with the wrong one");
    if (seen->shared != shared || seen->written != written)
        judge_fail(seed, j->n, "shared or written is wrong");
    if (seen->has_writer != (j->bytes[at].writer >= 0))
        judge_fail(seed, j->n, "has_writer is wrong");
    if (seen->has_writer && (int)seen->writer.step != j->bytes[at].writer)
        judge_fail(seed, j->n, "the wrong writer");
    j->raced |= races;
}

static void judge_do_access(struct judge *j, uint16_t s, enum weft__op op, int order, unsigned at,
                            size_t size, uint64_t seed)
{
    struct judge_access *a = &j->accesses[j->n];
    struct weft__seen seen;

    weft__shadow_access(s, op, order, SHADOW_TEST_BASE + at, size, 1, 1, (uint32_t)j->n, &seen);
    *a = (struct judge_access){.strand = s,
                               .writes = weft__op_does(op) & WEFT__OP_WRITES,
                               .atomic = op != WEFT__OP_READ && op != WEFT__OP_WRITE};
    for (size_t i = at; i < at + size; i++)
        a->bytes[i] = true;
    if (a->atomic && op != WEFT__OP_ATOMIC_STORE)
        judge_load(j, s, at, size, order);
    a->clock = j->now[s];
    judge_compare(j, a, at, size, &seen, seed);
    for (size_t i = at; i < at + size; i++) {
        j->bytes[i].touched[s] = true;
        j->bytes[i].written |= a->writes;
        if (a->writes)
            j->bytes[i].writer = j->n;
        if (op == WEFT__OP_WRITE)
            memset(j->bytes[i].has, 0, sizeof j->bytes[i].has);
    }
    if (a->atomic && a->writes)
        judge_store(j, s, at, size, order, op == WEFT__OP_ATOMIC_RMW);
    j->n++;
}

static void judge_do_reset(struct judge *j, unsigned at, size_t size)
{
    weft__shadow_reset(SHADOW_TEST_BASE + at, size);
    for (size_t i = at; i < at + size; i++) {
        j->bytes[i] = (struct judge_byte){.writer = -1};
        for (int k = 0; k < j->n; k++)
            j->accesses[k].bytes[i] = false;
    }
}

static void judge_do_order(struct judge *j, uint16_t s, unsigned which, unsigned object, int order)
{
    uintptr_t address = SHADOW_TEST_BASE + 4096 + 5 * object; /* two in one cell */
    bool acquires = order == __ATOMIC_ACQUIRE || order >= __ATOMIC_ACQ_REL;
    bool releases = order == __ATOMIC_RELEASE || order >= __ATOMIC_ACQ_REL;

    if (which == 0) {
        weft__clock_acquire(s, address);
        judge_add(&j->now[s], &j->objects[object]);
    } else if (which == 1) {
        weft__clock_release(s, address);
        judge_add(&j->objects[object], &j->now[s]);
    } else {
        weft__clock_fence(s, order);
        if (acquires)
            judge_add(&j->now[s], &j->pending[s]);
        if (releases) {
            j->released[s] = j->now[s];
            j->has_released[s] = true;
        }
    }
}

/* What a trace is made of, so that not all traces race at once. */
struct judge_mix {
    unsigned strands, order, atomics, atomic_writes, plain_writes, resets, relaxed, places, own;
};

static int judge_random_order(struct weft__rng *rng, const struct judge_mix *mix)
{
    static const int orders[] = {__ATOMIC_ACQUIRE, __ATOMIC_RELEASE, __ATOMIC_ACQ_REL,
                                 __ATOMIC_SEQ_CST};

    if (weft__rng_below(rng, 100) < mix->relaxed)
        return __ATOMIC_RELAXED;
    return orders[weft__rng_below(rng, 4)];
}

static void judge_random_access(struct judge *j, struct weft__rng *rng, const struct judge_mix *mix,
                                uint16_t s, uint64_t seed)
{
    static const unsigned sizes[] = {1, 2, 4, 8, 3, 12};
    unsigned size = sizes[weft__rng_below(rng, 6)];
    unsigned at = (unsigned)weft__rng_below(rng, mix->places);
    bool writes = weft__rng_below(rng, 100) < mix->plain_writes;
    enum weft__op op = writes ? WEFT__OP_WRITE : WEFT__OP_READ;
    int order = __ATOMIC_RELAXED;

    if (weft__rng_below(rng, 100) < mix->own) /* a place of its own: no race */
        at = s * 4u, size = 1 + (unsigned)weft__rng_below(rng, 4);
    if (weft__rng_below(rng, 100) < mix->atomics) {
        op = WEFT__OP_ATOMIC_LOAD;
        if (weft__rng_below(rng, 100) < mix->atomic_writes)
            op = weft__rng_below(rng, 2) ? WEFT__OP_ATOMIC_STORE : WEFT__OP_ATOMIC_RMW;
        order = judge_random_order(rng, mix);
        size = weft__rng_below(rng, 4) ? 4 : 8;
        at = 24 + size * (unsigned)weft__rng_below(rng, 16 / size);
    }
    judge_do_access(j, s, op, order, at, weft__min(size, JUDGE_BYTES - at), seed);
}

/* Returns whether the trace raced. */
static bool judge_random_trace(struct judge *j, uint64_t seed)
{
    struct weft__rng rng;
    bool lives[JUDGE_STRANDS] = {true};
    struct judge_mix mix;

    weft__rng_seed(&rng, seed);
    memset(j, 0, sizeof *j);
    for (int i = 0; i < JUDGE_BYTES; i++)
        j->bytes[i].writer = -1;
    mix = (struct judge_mix){.strands = 2 + (unsigned)weft__rng_below(&rng, JUDGE_STRANDS - 1),
                             .order = (unsigned)weft__rng_below(&rng, 80),
                             .atomics = (unsigned)weft__rng_below(&rng, 100),
                             .atomic_writes = (unsigned)weft__rng_below(&rng, 100),
                             .plain_writes = (unsigned)weft__rng_below(&rng, 60),
                             .resets = (unsigned)weft__rng_below(&rng, 5),
                             .relaxed = (unsigned)weft__rng_below(&rng, 100),
                             .places = weft__rng_below(&rng, 2) ? JUDGE_BYTES : 24,
                             .own = (unsigned)weft__rng_below(&rng, 101)};
    EXPECT_EQ(weft__shadow_init(), 0);
    j->now[0].of[0] = 1;
    for (int i = 0; i < JUDGE_EVENTS; i++) {
        uint16_t s = (uint16_t)weft__rng_below(&rng, mix.strands);
        uint16_t other = (uint16_t)weft__rng_below(&rng, mix.strands);
        if (!lives[s])
            continue;
        if (!lives[other] && j->now[other].of[other] == 0) {
            weft__clock_spawn(s, other);
            judge_add(&j->now[other], &j->now[s]);
            lives[other] = true;
        } else if (other != s && other != 0 && weft__rng_below(&rng, 100) < 3) {
            weft__clock_join(s, other);
            judge_add(&j->now[s], &j->now[other]);
            lives[other] = false;
        } else if (weft__rng_below(&rng, 100) < mix.order) {
            judge_do_order(j, s, (unsigned)weft__rng_below(&rng, 3),
                           (unsigned)weft__rng_below(&rng, JUDGE_OBJECTS),
                           judge_random_order(&rng, &mix));
        } else if (weft__rng_below(&rng, 100) < mix.resets) {
            judge_do_reset(j, (unsigned)weft__rng_below(&rng, 30), weft__rng_below(&rng, 11));
        } else {
            judge_random_access(j, &rng, &mix, s, seed);
        }
        j->now[s].of[s]++;
        if (lives[other])
            j->now[other].of[other]++;
    }
    return j->raced;
}

TEST(shadow_agrees_with_the_naive_judge)
{
    static struct judge judge;
    int rounds = TEST_ROUNDS(10000, 300000), raced = 0;

    if (WEFT_TSAN)
        rounds /= 5;
    for (int i = 0; i < rounds; i++)
        raced += judge_random_trace(&judge, (uint64_t)i);
    EXPECT(raced > rounds / 10); /* the traces are neither all alike */
    EXPECT(raced < rounds / 10 * 9);
    weft__shadow_fini();
}
