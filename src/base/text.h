/* text.h - building a text in a buffer of fixed size.
 *
 * Never writes past the end and is a C string after every call.  What does not fit is cut and
 * `cut` says so; nobody has to check after each piece.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_BASE_TEXT_H
#define WEFT_BASE_TEXT_H

#include <stdarg.h>

#include "base/base.h"

struct weft__text {
    char *start;
    char *at;  /* here stands the terminating zero */
    char *end; /* one past the last byte of the buffer */
    bool cut;
};

/* Never sleeps.  The buffer belongs to the caller; size is at least 1. */
void weft__text_init(struct weft__text *t, char *buf, size_t size);

/* Never sleeps.  Appends. */
void weft__text_add(struct weft__text *t, const char *fmt, ...) WEFT_PRINTF(2, 3);
void weft__text_add_va(struct weft__text *t, const char *fmt, va_list ap) WEFT_PRINTF(2, 0);
void weft__text_add_bytes(struct weft__text *t, const char *bytes, size_t n);

/* Makes the last byte a newline, even when that overwrites the end of a cut text. */
void weft__text_end_line(struct weft__text *t);

/* Bytes so far, the zero not counted. */
size_t weft__text_len(const struct weft__text *t);

#endif
