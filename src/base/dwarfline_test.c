/* dwarfline_test.c - line tables written by hand, whole and damaged.
 *
 * Each table lies in a heap block of just its size, so that AddressSanitizer sees a read beyond.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/dwarfline.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "tests/test.h"

struct dwarf_bytes {
    uint8_t at[512];
    size_t size;
};

static void dwarf_put(struct dwarf_bytes *b, uint64_t value, size_t n)
{
    for (size_t i = 0; i < n; i++)
        b->at[b->size++] = (uint8_t)(value >> (8 * i));
}

static void dwarf_put_text(struct dwarf_bytes *b, const char *text)
{
    memcpy(b->at + b->size, text, strlen(text) + 1);
    b->size += strlen(text) + 1;
}

/* Writes over the 4 bytes at `at` how many follow them. */
static void dwarf_patch(struct dwarf_bytes *b, size_t at)
{
    size_t end = b->size;

    b->size = at;
    dwarf_put(b, end - at - 4, 4);
    b->size = end;
}

/* From the minimum instruction to the operand counts; version 4 and 5 alike. */
static void dwarf_put_machine(struct dwarf_bytes *b)
{
    static const uint8_t machine[] = {1, 1, 1, 0xfb /* line_base -5 */, 14, 13,
                                      0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1};

    for (size_t i = 0; i < sizeof machine; i++)
        dwarf_put(b, machine[i], 1);
}

/* 0x1000 line 10, 0x1004 line 12, 0x1014 line 10 of the second file, up to 0x1027. */
static void dwarf_put_program(struct dwarf_bytes *b, uint8_t first_file)
{
    static const uint8_t steps[] = {
        3,  9, 1,       /* advance_line 9, copy */
        76,             /* special: 4 bytes, 2 lines */
        10,             /* prologue_end, which says nothing to us */
        5,  3,          /* set_column */
        2,  0x10,       /* advance_pc */
        3,  0x7e,       /* advance_line -2 */
    };

    dwarf_put(b, 0x0900, 2);
    dwarf_put(b, 2, 1); /* set_address */
    dwarf_put(b, 0x1000, 8);
    dwarf_put(b, 4, 1);
    dwarf_put(b, first_file, 1);
    for (size_t i = 0; i < sizeof steps; i++)
        dwarf_put(b, steps[i], 1);
    dwarf_put(b, 4, 1);
    dwarf_put(b, first_file + 1u, 1);
    dwarf_put(b, 1, 1);          /* copy */
    dwarf_put(b, 8, 1);          /* const_add_pc: 17 bytes */
    dwarf_put(b, 9, 1);          /* fixed_advance_pc */
    dwarf_put(b, 2, 2);
    dwarf_put(b, 0x010100, 3);   /* end_sequence */
}

static void dwarf_put_version4(struct dwarf_bytes *b)
{
    size_t unit = b->size, header;

    dwarf_put(b, 0, 4);
    dwarf_put(b, 4, 2);
    header = b->size;
    dwarf_put(b, 0, 4);
    dwarf_put_machine(b);
    dwarf_put_text(b, "dir");
    dwarf_put_text(b, "");
    dwarf_put_text(b, "a.c");
    dwarf_put(b, 0x000001, 3);
    dwarf_put_text(b, "deep/er/b.c");
    dwarf_put(b, 0x000000, 3);
    dwarf_put_text(b, "");
    dwarf_patch(b, header);
    dwarf_put_program(b, 1);
    dwarf_patch(b, unit);
}

static const char dwarf_line_str[] = "/src\0a.c\0deep/b.c";

static void dwarf_put_version5(struct dwarf_bytes *b)
{
    size_t unit = b->size, header;

    dwarf_put(b, 0, 4);
    dwarf_put(b, 5, 2);
    dwarf_put(b, 8, 2); /* address size, no segments */
    header = b->size;
    dwarf_put(b, 0, 4);
    dwarf_put_machine(b);
    dwarf_put(b, 0x011f0101, 4); /* one part: a path as line_strp; one directory */
    dwarf_put(b, 0, 4);
    dwarf_put(b, 0x1e050b021f0103, 7); /* path, directory as data1, digest as data16 */
    dwarf_put(b, 2, 1);
    for (int i = 0; i < 2; i++) {
        dwarf_put(b, i == 0 ? 5 : 9, 4);
        dwarf_put(b, 0, 1);
        dwarf_put(b, 0, 8);
        dwarf_put(b, 0, 8);
    }
    dwarf_patch(b, header);
    dwarf_put_program(b, 0);
    dwarf_patch(b, unit);
}

static struct weft__dwarfline_sections dwarf_sections(const uint8_t *line, size_t size)
{
    return (struct weft__dwarfline_sections){
        .line = {line, size},
        .line_str = {(const uint8_t *)dwarf_line_str, sizeof dwarf_line_str},
    };
}

static void dwarf_expect(const struct dwarf_bytes *b, uint64_t addr, const char *file,
                         unsigned line)
{
    struct weft__dwarfline_sections s = dwarf_sections(b->at, b->size);
    struct weft__dwarfline found = {.file = NULL};

    EXPECT_EQ(weft__dwarfline_find(&s, addr, &found), file != NULL);
    if (file != NULL) {
        EXPECT_STR(found.file, file);
        EXPECT_EQ(found.line, line);
    }
}

static void dwarf_expect_all(const struct dwarf_bytes *b)
{
    dwarf_expect(b, 0, NULL, 0);
    dwarf_expect(b, 0xfff, NULL, 0);
    dwarf_expect(b, 0x1000, "a.c", 10);
    dwarf_expect(b, 0x1003, "a.c", 10);
    dwarf_expect(b, 0x1004, "a.c", 12);
    dwarf_expect(b, 0x1013, "a.c", 12);
    dwarf_expect(b, 0x1014, "b.c", 10);
    dwarf_expect(b, 0x1026, "b.c", 10);
    dwarf_expect(b, 0x1027, NULL, 0);
    dwarf_expect(b, UINT64_MAX, NULL, 0);
}

TEST(dwarfline_reads_version_4)
{
    struct dwarf_bytes b = {.size = 0};

    dwarf_put_version4(&b);
    dwarf_expect_all(&b);
}

TEST(dwarfline_reads_version_5)
{
    struct dwarf_bytes b = {.size = 0};

    dwarf_put_version5(&b);
    dwarf_expect_all(&b);
}

/* A unit of a version nobody knows yet is passed over by its length. */
TEST(dwarfline_passes_over_the_unknown)
{
    struct dwarf_bytes b = {.size = 0};

    dwarf_put(&b, 6, 4);
    dwarf_put(&b, 9, 2);
    dwarf_put(&b, 0, 4);
    dwarf_put_version5(&b);
    dwarf_expect_all(&b);
}

TEST(dwarfline_ignores_code_that_the_linker_dropped)
{
    struct dwarf_bytes b = {.size = 0};
    size_t address;

    dwarf_put_version4(&b);
    address = (size_t)((uint8_t *)memmem(b.at, b.size, "\0\x09\x02", 3) - b.at) + 3;
    memset(b.at + address, 0, 8);
    dwarf_expect(&b, 5, NULL, 0);
    memset(b.at + address, 0xff, 8);
    dwarf_expect(&b, 1, NULL, 0);
}

TEST(dwarfline_of_nothing)
{
    struct dwarf_bytes b = {.size = 0};

    dwarf_expect(&b, 0x1000, NULL, 0);
}

/* ---- damage ---- */

static void dwarf_must_return(const uint8_t *line, size_t size)
{
    struct weft__dwarfline_sections s = dwarf_sections(line, size);
    static const uint64_t addresses[] = {0, 0x1000, 0x1015, 0x1026, UINT64_MAX - 5};

    for (size_t i = 0; i < WEFT_ARRAY_SIZE(addresses); i++) {
        struct weft__dwarfline found;
        if (weft__dwarfline_find(&s, addresses[i], &found))
            EXPECT(strlen(found.file) > 0 && found.line > 0);
    }
}

static uint8_t *dwarf_copy(const struct dwarf_bytes *b, size_t size)
{
    uint8_t *copy = weft__alloc(size);

    EXPECT(copy != NULL);
    memcpy(copy, b->at, size);
    return copy;
}

TEST(dwarfline_survives_a_cut_at_every_byte)
{
    struct dwarf_bytes b = {.size = 0};

    dwarf_put_version4(&b);
    dwarf_put_version5(&b);
    for (size_t size = 0; size <= b.size; size++) {
        uint8_t *copy = dwarf_copy(&b, size);
        dwarf_must_return(copy, size);
        weft__free(copy);
    }
}

TEST(dwarfline_survives_damage)
{
    struct dwarf_bytes b = {.size = 0};
    struct weft__rng r;

    weft__rng_seed(&r, 2026);
    dwarf_put_version5(&b);
    dwarf_put_version4(&b);
    for (int round = 0; round < TEST_ROUNDS(20000, 2000000); round++) {
        uint8_t *copy = dwarf_copy(&b, b.size);
        for (uint64_t n = 1 + weft__rng_below(&r, 4); n > 0; n--)
            copy[weft__rng_below(&r, b.size)] = (uint8_t)weft__rng_next(&r);
        dwarf_must_return(copy, b.size);
        weft__free(copy);
    }
}
