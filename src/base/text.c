/* text.c - building a text in a buffer of fixed size.
 *
 * Called by everyone who prints; the text has one owner.
 *
 * Invariants: start <= at < end, and *at is the terminating zero.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/text.h"

#include <stdio.h>

void weft__text_init(struct weft__text *t, char *buf, size_t size)
{
    WEFT_CHECK(size > 0);
    t->start = buf;
    t->at = buf;
    t->end = buf + size;
    t->cut = false;
    *t->at = '\0';
}

void weft__text_add_va(struct weft__text *t, const char *fmt, va_list ap)
{
    size_t room = (size_t)(t->end - t->at);
    int n = vsnprintf(t->at, room, fmt, ap);

    WEFT_CHECK(n >= 0);
    if ((size_t)n < room) {
        t->at += n;
    } else {
        t->at = t->end - 1;
        t->cut = true;
    }
}

void weft__text_add(struct weft__text *t, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    weft__text_add_va(t, fmt, ap);
    va_end(ap);
}

void weft__text_add_bytes(struct weft__text *t, const char *bytes, size_t n)
{
    size_t room = (size_t)(t->end - t->at) - 1;

    if (n > room) {
        n = room;
        t->cut = true;
    }
    memcpy(t->at, bytes, n);
    t->at += n;
    *t->at = '\0';
}

void weft__text_end_line(struct weft__text *t)
{
    WEFT_CHECK(t->end - t->start > 1);
    if (t->at == t->end - 1)
        t->at--;
    *t->at++ = '\n';
    *t->at = '\0';
}

size_t weft__text_len(const struct weft__text *t)
{
    return (size_t)(t->at - t->start);
}
