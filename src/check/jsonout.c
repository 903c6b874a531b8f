/* jsonout.c - writing JSON on one line, commas and quotes cared for.
 *
 * Called by report_json.c and report_sarif.c.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/jsonout.h"

static void json_quoted(FILE *file, const char *text)
{
    fputc('"', file);
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            fprintf(file, "\\%c", *at);
        else if (*at < 0x20 || *at == 0x7f || *at == '<')
            fprintf(file, "\\u%04x", *at);
        else
            fputc(*at, file);
    }
    fputc('"', file);
}

static void json_begin(struct weft__json *json, const char *key)
{
    if (json->has_before)
        fputc(',', json->file);
    json->has_before = true;
    if (key != NULL) {
        json_quoted(json->file, key);
        fputc(':', json->file);
    }
}

void weft__json_open(struct weft__json *json, const char *key, char bracket)
{
    WEFT_CHECK(bracket == '{' || bracket == '[');
    json_begin(json, key);
    fputc(bracket, json->file);
    json->has_before = false;
}

void weft__json_close(struct weft__json *json, char bracket)
{
    WEFT_CHECK(bracket == '}' || bracket == ']');
    fputc(bracket, json->file);
    json->has_before = true;
}

void weft__json_text(struct weft__json *json, const char *key, const char *value)
{
    json_begin(json, key);
    json_quoted(json->file, value);
}

void weft__json_number(struct weft__json *json, const char *key, int64_t value)
{
    json_begin(json, key);
    fprintf(json->file, "%lld", (long long)value);
}

/* Microseconds are enough, and a point must be a point whatever the locale says. */
void weft__json_real(struct weft__json *json, const char *key, double value)
{
    int64_t millionths = (int64_t)(value * 1e6 + 0.5);

    json_begin(json, key);
    if (value < 0)
        millionths = 0;
    fprintf(json->file, "%lld.%06lld", (long long)(millionths / 1000000),
            (long long)(millionths % 1000000));
}

void weft__json_bool(struct weft__json *json, const char *key, bool value)
{
    json_begin(json, key);
    fputs(value ? "true" : "false", json->file);
}
