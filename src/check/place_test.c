/* place_test.c - this very program and this very file are where the names are known.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/place.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "tests/test.h"

static uint64_t place_test_datum[4];

enum { PLACE_TEST_FIRST_LINE = __LINE__ };
static WEFT_NOINLINE void *place_test_return(void)
{
    __asm__ volatile("");
    return __builtin_return_address(0);
}

static WEFT_NOINLINE void *place_test_caller(void)
{
    void *site = place_test_return(); /* the words of this line */
    __asm__ volatile("" : "+r"(site));
    return site;
}
enum { PLACE_TEST_LAST_LINE = __LINE__ };

/* The site as the engine would count it: NULL modules, or one beyond 64 MiB, have none. */
static weft__site place_test_site(const struct weft__modules *modules, const void *address)
{
    for (uint32_t i = 0; i < modules->n; i++) {
        const struct weft__module *module = &modules->module[i];
        uint64_t at = (uint64_t)(uintptr_t)address;
        if (at - module->low < module->high - module->low) {
            EXPECT(at - module->base <= WEFT__SITE_OFFSET_MASK);
            return i << WEFT__SITE_MODULE_SHIFT | (weft__site)(at - module->base);
        }
    }
    return 0;
}

static struct weft__modules *place_test_modules(void)
{
    struct weft__modules *modules = weft__alloc_zero(sizeof *modules);

    EXPECT(modules != NULL);
    weft__modules_fill(modules);
    EXPECT(modules->n > 0);
    return modules;
}

TEST(place_knows_function_file_and_line)
{
    struct weft__modules *modules = place_test_modules();
    struct weft__names *names = weft__names_new(modules);
    weft__site site = place_test_site(modules, place_test_caller());
    struct weft__place place;

    for (int i = 0; i < 2; i++) { /* asked, then remembered */
        EXPECT(names->place(names, site, true, &place));
        EXPECT_STR(place.function, "place_test_caller");
        EXPECT_STR(place.file, "place_test.c");
        EXPECT(place.line > PLACE_TEST_FIRST_LINE && place.line < PLACE_TEST_LAST_LINE);
    }
    if (*place.path != '\0')
        EXPECT(strstr(place.source, "place_test_return(); /* the words of this line */") != NULL);
    EXPECT(!names->place(names, 0, true, &place));
    EXPECT(!names->place(names, UINT32_MAX, true, &place));
    weft__names_free(names);
    weft__free(modules);
}

TEST(place_knows_variables)
{
    struct weft__modules *modules = place_test_modules();
    struct weft__names *names = weft__names_new(modules);
    uint64_t offset = 0;
    const char *name =
        names->variable(names, place_test_site(modules, &place_test_datum[1]), &offset);

    EXPECT(name != NULL);
    EXPECT_STR(name, "place_test_datum");
    EXPECT_EQ(offset, 8);
    EXPECT(names->variable(names, 1, &offset) == NULL);
    weft__names_free(names);
    weft__names_free(NULL);
    weft__free(modules);
}

/* More sites than are remembered: slower, but right. */
TEST(place_forgets_nothing_it_never_knew)
{
    struct weft__modules *modules = place_test_modules();
    struct weft__names *names = weft__names_new(modules);
    weft__site site = place_test_site(modules, place_test_caller());
    struct weft__place place;

    modules->n = 2;
    memcpy(modules->module[1].path, "/nonexistent", sizeof "/nonexistent");
    for (weft__site i = 1; i < 2000; i++)
        EXPECT(!names->place(names, 1u << WEFT__SITE_MODULE_SHIFT | i, true, &place));
    EXPECT(names->place(names, site, true, &place));
    EXPECT_STR(place.function, "place_test_caller");
    weft__names_free(names);
    weft__free(modules);
}

TEST(place_cleans_texts)
{
    struct weft__pool pool = {NULL, false};

    EXPECT_STR(weft__pool_say(&pool, "a\tb%s", "\x1b[0m"), "a b\xef\xbf\xbd[0m");
    EXPECT_STR(weft__pool_clean(&pool, "\xc2\x9b\xe2\x82", 4),
               "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    EXPECT_STR(weft__pool_clean(&pool, "\xe2\x82\xac\xf0\x9f\x98\x80", 7),
               "\xe2\x82\xac\xf0\x9f\x98\x80");
    EXPECT_STR(weft__pool_clean(&pool, "", 0), "");
    weft__pool_free(&pool);
}
