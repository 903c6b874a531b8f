/* symbol_test.c - this very file is where the names are known.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/symbol.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/rng.h"
#include "base/sys.h"
#include "tests/test.h"

enum { SYMBOL_TEST_FIRST_LINE = __LINE__ };
static WEFT_NOINLINE int symbol_test_target(int x)
{
    __asm__ volatile("" : "+r"(x));
    return x * 3;
}
enum { SYMBOL_TEST_LAST_LINE = __LINE__ };

/* "name (file:LINE)": checks all but the line and returns that. */
static int symbol_line_of(const char *text, const char *name_and_file)
{
    size_t n = strlen(name_and_file);
    char *end;
    long line;

    EXPECT_EQ(strncmp(text, name_and_file, n), 0);
    EXPECT_EQ(text[n], ':');
    line = strtol(text + n + 1, &end, 10);
    EXPECT_STR(end, ")");
    return (int)line;
}

TEST(symbol_names_a_static_function)
{
    char buf[200];
    int line;

    EXPECT_EQ(symbol_test_target(2), 6);
    weft__symbol_name((const void *)(uintptr_t)symbol_test_target, buf, sizeof buf);
    line = symbol_line_of(buf, "symbol_test_target (symbol_test.c");
    EXPECT(line > SYMBOL_TEST_FIRST_LINE && line < SYMBOL_TEST_LAST_LINE);
}

static WEFT_NOINLINE void symbol_call(const void **ret)
{
    *ret = __builtin_return_address(0);
}

TEST(symbol_site_is_the_line_of_the_call)
{
    const void *site;
    char buf[200];
    int line;

    symbol_call(&site), line = __LINE__;
    weft__symbol_site(site, buf, sizeof buf);
    EXPECT_EQ(symbol_line_of(buf, "test_body_symbol_site_is_the_line_of_the_call (symbol_test.c"),
              line);
}

TEST(symbol_of_no_object_is_a_number)
{
    char buf[200];

    weft__symbol_name((const void *)(uintptr_t)0x10, buf, sizeof buf);
    EXPECT_STR(buf, "0x10");
    weft__symbol_name(NULL, buf, sizeof buf);
    EXPECT_STR(buf, "0x0");
}

/* As the file of this program counts it. */
static uint64_t symbol_test_address(const void *address)
{
    struct link_map *map = NULL;
    Dl_info info;

    EXPECT(dladdr1(address, &info, (void **)&map, RTLD_DL_LINKMAP) != 0);
    return (uint64_t)((uintptr_t)address - map->l_addr);
}

TEST(symbol_place_comes_in_pieces)
{
    struct weft__symbol_place place;

    EXPECT(weft__symbol_place_in_file(
        "/proc/self/exe", symbol_test_address((const void *)(uintptr_t)symbol_test_target), false,
        &place));
    EXPECT_STR(place.function, "symbol_test_target");
    EXPECT_STR(place.file, "symbol_test.c");
    EXPECT(place.line > SYMBOL_TEST_FIRST_LINE && place.line < SYMBOL_TEST_LAST_LINE);
    EXPECT(strlen(place.path) >= strlen("base/symbol_test.c") &&
           strcmp(place.path + strlen(place.path) - strlen("base/symbol_test.c"),
                  "base/symbol_test.c") == 0);
    EXPECT(!weft__symbol_place_in_file("/proc/self/exe", 0, false, &place));
    EXPECT(!weft__symbol_place_in_file("/nonexistent", 4096, false, &place));
}

static uint32_t symbol_test_variable[3];

TEST(symbol_of_data_in_a_file)
{
    uint64_t offset = 0, size = 0;
    char name[64];

    EXPECT(weft__symbol_data_in_file("/proc/self/exe",
                                     symbol_test_address(&symbol_test_variable[2]), name,
                                     sizeof name, &offset, &size));
    EXPECT_STR(name, "symbol_test_variable");
    EXPECT_EQ(offset, 8);
    EXPECT_EQ(size, sizeof symbol_test_variable);
    EXPECT(!weft__symbol_data_in_file("/nonexistent", 4096, name, sizeof name, &offset, &size));
}

TEST(symbol_of_data_is_an_offset)
{
    static int datum;
    char buf[200];

    weft__symbol_name(&datum, buf, sizeof buf);
    EXPECT(strstr(buf, "+0x") != NULL);
}

TEST(symbol_is_cut_to_the_buffer)
{
    char buf[8] = "#######", one[2] = "##";

    weft__symbol_name((const void *)(uintptr_t)symbol_test_target, buf, 7);
    EXPECT_STR(buf, "symbol");
    weft__symbol_name((const void *)(uintptr_t)symbol_test_target, one, 1);
    EXPECT_EQ(one[0], 0);
    EXPECT_EQ(one[1], '#');
}

/* ---- walking ---- */

static WEFT_NOINLINE size_t symbol_walk_here(void **pcs, size_t max)
{
    size_t size_bytes;
    void *low;

    EXPECT_EQ(weft__sys_thread_stack(&low, &size_bytes), 0);
    return weft__symbol_walk(__builtin_frame_address(0), NULL, low, (char *)low + size_bytes, pcs,
                             max);
}

static WEFT_NOINLINE size_t symbol_outer(void **pcs, size_t max)
{
    size_t n = symbol_walk_here(pcs, max);

    __asm__ volatile("" : "+r"(n)); /* no tail call */
    return n;
}

TEST(symbol_backtrace_names_the_callers)
{
    char buf[4096];
    struct weft__text text;
    void *pcs[16];
    size_t n = symbol_outer(pcs, 16);

    EXPECT(n >= 2);
    weft__text_init(&text, buf, sizeof buf);
    weft__symbol_backtrace(pcs, n, &text);
    EXPECT_EQ(strncmp(buf, "  #0  symbol_outer (symbol_test.c:", 34), 0);
    EXPECT(strstr(buf, "\n  #1  test_body_symbol_backtrace_names_the_callers (symbol_test.c:") !=
           NULL);
}

TEST(symbol_walk_stops_at_max)
{
    void *pcs[2] = {NULL, NULL};

    EXPECT_EQ(symbol_outer(pcs, 1), 1);
    EXPECT(pcs[1] == NULL);
    EXPECT_EQ(symbol_outer(pcs, 0), 0);
}

/* Frames made by hand: each is {the next frame, a return address}. */
TEST(symbol_walk_stays_within_its_bounds)
{
    uintptr_t stack[8] = {0};
    const void *lo = stack, *hi = stack + 8;
    void *pcs[8];

    stack[0] = (uintptr_t)&stack[2], stack[1] = 0x11;
    stack[2] = (uintptr_t)&stack[6], stack[3] = 0x12;
    stack[6] = (uintptr_t)&stack[8], stack[7] = 0x13; /* its caller lies outside */
    EXPECT_EQ(weft__symbol_walk(stack, (void *)0x10, lo, hi, pcs, 8), 4);
    for (uintptr_t i = 0; i < 4; i++)
        EXPECT_EQ((uintptr_t)pcs[i], 0x10 + i);
    /* the last frame only half inside */
    EXPECT_EQ(weft__symbol_walk(stack, NULL, lo, stack + 7, pcs, 8), 2);
    /* starting outside */
    EXPECT_EQ(weft__symbol_walk(stack, (void *)0x10, stack + 1, hi, pcs, 8), 1);
    EXPECT_EQ(weft__symbol_walk(NULL, NULL, lo, hi, pcs, 8), 0);
    EXPECT_EQ(weft__symbol_walk((void *)UINTPTR_MAX, NULL, lo, hi, pcs, 8), 0);
    /* a loop, a frame below, a crooked one */
    stack[2] = (uintptr_t)&stack[0];
    EXPECT_EQ(weft__symbol_walk(stack, NULL, lo, hi, pcs, 8), 2);
    stack[2] = (uintptr_t)&stack[2];
    EXPECT_EQ(weft__symbol_walk(stack, NULL, lo, hi, pcs, 8), 2);
    stack[2] = (uintptr_t)&stack[4] + 1;
    EXPECT_EQ(weft__symbol_walk(stack, NULL, lo, hi, pcs, 8), 2);
    /* the outermost frame has no return address */
    stack[3] = 0;
    EXPECT_EQ(weft__symbol_walk(stack, NULL, lo, hi, pcs, 8), 1);
}

/* ---- damaged files ---- */

static void symbol_must_return(const char *path)
{
    static const uint64_t addresses[] = {0, 0x401000, 0x1234, 1u << 20, UINT64_MAX};
    char buf[300];
    struct weft__text text;

    for (size_t i = 0; i < WEFT_ARRAY_SIZE(addresses); i++) {
        weft__text_init(&text, buf, sizeof buf);
        weft__symbol_in_file(path, addresses[i], &text);
    }
}

static void symbol_write_file(const char *path, const void *bytes, size_t size)
{
    FILE *f = fopen(path, "we");

    EXPECT(f != NULL);
    EXPECT_EQ(fwrite(bytes, 1, size, f), size);
    EXPECT_EQ(fclose(f), 0);
}

TEST(symbol_survives_files_that_are_none)
{
    char path[] = "/tmp/weft-symbol-XXXXXX";
    unsigned char bytes[256];
    struct weft__rng r;
    int fd = mkstemp(path);

    EXPECT(fd >= 0);
    close(fd);
    symbol_must_return("/no/such/file");
    symbol_must_return("/");
    symbol_must_return(path); /* empty */
    weft__rng_seed(&r, 5);
    for (int i = 0; i < 200; i++) {
        for (size_t k = 0; k < sizeof bytes; k++)
            bytes[k] = (unsigned char)weft__rng_next(&r);
        memcpy(bytes, "\177ELF\2\1\1", 7);
        bytes[58] = 64, bytes[59] = 0; /* the size of a section header */
        if (i % 2 == 0)
            memset(bytes + 42, 0, 6); /* a section table within the first 64 KiB */
        symbol_write_file(path, bytes, sizeof bytes);
        symbol_must_return(path);
    }
    unlink(path);
}

/* Damages the section headers of this program itself, where the offsets and sizes are. */
TEST(symbol_survives_a_damaged_program)
{
    char path[] = "/tmp/weft-symbol-XXXXXX", buf[300];
    struct weft__text text;
    struct weft__rng r;
    uint64_t table;
    size_t size;
    void *program;
    int fd = mkstemp(path);

    EXPECT(fd >= 0);
    EXPECT_EQ(weft__sys_map_file("/proc/self/exe", &program, &size), 0);
    memcpy(&table, (char *)program + 40, sizeof table);
    EXPECT(table < size);
    symbol_write_file(path, program, size);
    weft__rng_seed(&r, 6);
    for (int i = 0; i < TEST_ROUNDS(40, 4000); i++) {
        uint64_t at = table + weft__rng_below(&r, size - table), bits = weft__rng_next(&r);
        size_t n = weft__min((size_t)weft__rng_below(&r, 8) + 1, size - (size_t)at);
        EXPECT_EQ(pwrite(fd, &bits, n, (off_t)at), n);
        weft__text_init(&text, buf, sizeof buf);
        weft__symbol_in_file(path, table / 2, &text);
        EXPECT_EQ(pwrite(fd, (char *)program + at, n, (off_t)at), n);
    }
    weft__sys_unmap(program, size);
    close(fd);
    unlink(path);
}
