/* addr_fuzz.c - any bytes as an address: what is understood must come back from its own text.
 *
 * For libFuzzer; the corpus is tests/corpus/addr.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/base.h"
#include "io/addr.h"
#include "weft/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes as the kernel might hand them out: of any family, and of any size. */
static void fuzz_addr_raw(const uint8_t *data, size_t size)
{
    char text[WEFT_ADDR_TEXT_MAX];
    weft_addr addr = {.size = 0};
    size = weft__min(size, sizeof addr.raw);
    memcpy(&addr.raw, data, size);
    addr.size = (socklen_t)size;
    int n = weft_addr_text(&addr, text, sizeof text);
    WEFT_CHECK(n == -WEFT_EINVAL || (n > 0 && (size_t)n == strlen(text)));
    WEFT_CHECK(weft_addr_port(&addr) >= -WEFT_EINVAL);
    weft__addr_unmap(&addr);
}

static void fuzz_addr_text(const char *text)
{
    char first[WEFT_ADDR_TEXT_MAX], second[WEFT_ADDR_TEXT_MAX];
    weft_addr addr, again;
    if (weft_addr_parse(text, &addr) < 0) {
        return;
    }
    int n = weft_addr_text(&addr, first, sizeof first);
    WEFT_CHECK(n > 0);
    WEFT_CHECK(weft_addr_parse(first, &again) == 0);
    WEFT_CHECK(weft_addr_text(&again, second, sizeof second) == n);
    WEFT_CHECK(strcmp(first, second) == 0);
    WEFT_CHECK(weft__addr_equal(&addr, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[512];
    struct weft__where where;
    fuzz_addr_raw(data, size);
    size = weft__min(size, sizeof text - 1);
    memcpy(text, data, size);
    text[size] = 0;
    int ignored WEFT_UNUSED = weft__where_parse(text, &where);
    fuzz_addr_text(text);
    return 0;
}
