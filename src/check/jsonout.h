/* jsonout.h - writing JSON on one line, commas and quotes cared for.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_JSONOUT_H
#define WEFT_CHECK_JSONOUT_H

#include <stdio.h>

#include "base/base.h"

struct weft__json {
    FILE *file;
    bool has_before; /* a comma is due before what comes next */
};

/* Never sleeps beyond the writing.  `key` is NULL inside an array and for the whole.  Texts are
 * UTF-8; '<' is written as an escape, so that the result may stand inside HTML. */
void weft__json_open(struct weft__json *json, const char *key, char bracket); /* '{' or '[' */
void weft__json_close(struct weft__json *json, char bracket);                 /* '}' or ']' */
void weft__json_text(struct weft__json *json, const char *key, const char *value);
void weft__json_number(struct weft__json *json, const char *key, int64_t value);
void weft__json_real(struct weft__json *json, const char *key, double value);
void weft__json_bool(struct weft__json *json, const char *key, bool value);

#endif
