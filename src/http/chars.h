/* chars.h - the alphabets of HTTP, comparing without case, and text put together without printf.
 *
 * libc's tolower and strcasecmp ask the locale; the protocol does not.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_HTTP_CHARS_H
#define WEFT_HTTP_CHARS_H

#include "base/base.h"
#include "weft/task.h"

/* As WEFT_CHECK, whose other end libweft.so does not show. */
#define HTTP_CHECK(cond)                                                                           \
    do {                                                                                           \
        if (WEFT_UNLIKELY(!(cond)))                                                                \
            weft_panic("%s:%d: check failed: %s", __FILE__, __LINE__, #cond);                      \
    } while (0)

static inline bool chars_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline char chars_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 32) : c;
}

static inline bool chars_is_letter(char c)
{
    return chars_lower(c) >= 'a' && chars_lower(c) <= 'z';
}

/* The value of a hexadecimal digit, or -1. */
static inline int chars_hex(char c)
{
    if (chars_is_digit(c))
        return c - '0';
    c = chars_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Of a header's name, of a method. */
static inline bool chars_is_token(char c)
{
    return chars_is_digit(c) || chars_is_letter(c) ||
           (c > 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static inline bool chars_is_token_text(const char *text)
{
    const char *p = text;

    while (chars_is_token(*p))
        p++;
    return p > text && *p == '\0';
}

/* A header's value: no control byte but the tab. */
static inline bool chars_is_value_text(const char *text)
{
    for (; *text != '\0'; text++) {
        if (((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7f)
            return false;
    }
    return true;
}

static inline bool chars_is_same(const char *a, const char *b, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (chars_lower(a[i]) != chars_lower(b[i]))
            return false;
    }
    return true;
}

static inline bool chars_is_word(const char *a, const char *b)
{
    size_t size = strlen(a);

    return size == strlen(b) && chars_is_same(a, b, size);
}

/* Is the word one of those in a list with commas? */
static inline bool chars_has_word(const char *list, const char *word)
{
    size_t size = strlen(word);

    while (*list != '\0') {
        list += strspn(list, " \t,");
        size_t n = strcspn(list, " \t,");
        if (n == size && chars_is_same(list, word, n))
            return true;
        list += strcspn(list, ",");
    }
    return false;
}

/* A number in decimal digits at `at`, which has room for 20; returns its end. */
static inline char *chars_put_number(char *at, uint64_t number)
{
    char digits[20];
    size_t n = 0;

    do {
        digits[n++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (n > 0)
        *at++ = digits[--n];
    return at;
}

static inline char *chars_put(char *at, const char *text, size_t size)
{
    memcpy(at, text, size);
    return at + size;
}

#define CHARS_PUT(at, literal) chars_put((at), literal, sizeof(literal) - 1)

#endif
