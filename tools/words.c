/* words.c - strings and lists of strings for a command that lives briefly.
 *
 * The only file of the command that asks for memory.
 *
 * SPDX-License-Identifier: MIT
 */
#include "words.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "out.h"

#define WORDS_NEAR_MAX 32 /* longer words are not compared */

/* All that was ever allocated; a root, so that leak checkers see it as still in use. */
struct words_block {
    struct words_block *older;
    _Alignas(16) char bytes[];
};

static struct words_block *words_blocks;

void *words_alloc(size_t size)
{
    struct words_block *block = calloc(1, sizeof *block + size);
    if (!block) {
        out_error("out of memory");
        _Exit(OUT_COULD_NOT);
    }
    block->older = words_blocks;
    words_blocks = block;
    return block->bytes;
}

const char *words_print(const char *format, ...)
{
    va_list measured, printed;
    va_start(measured, format);
    va_copy(printed, measured);
    int length = vsnprintf(NULL, 0, format, measured);
    va_end(measured);
    size_t size = length < 0 ? 1 : (size_t)length + 1;
    char *text = words_alloc(size);
    vsnprintf(text, size, format, printed);
    va_end(printed);
    return text;
}

void words_push(struct words *words, const char *word)
{
    if (words->n + 1 >= words->room) {
        size_t room = words->room ? 2 * words->room : 16;
        const char **at = words_alloc(room * sizeof *at);
        for (size_t i = 0; i < words->n; i++)
            at[i] = words->at[i];
        words->at = at;
        words->room = room;
    }
    words->at[words->n++] = word;
    words->at[words->n] = NULL;
}

void words_append(struct words *words, const struct words *more)
{
    for (size_t i = 0; i < more->n; i++)
        words_push(words, more->at[i]);
}

static bool words_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

/* Copies one word and leaves *from behind it.  False: a quote was left open. */
static bool words_cut(const char **from, char *to)
{
    const char *s = *from;
    char quote = 0;
    for (; *s && (quote || !words_is_blank(*s)); s++) {
        if (!quote && (*s == '\'' || *s == '"')) {
            quote = *s;
        } else if (quote && *s == quote) {
            quote = 0;
        } else if (*s == '\\' && quote != '\'' && s[1]) {
            *to++ = *++s;
        } else {
            *to++ = *s;
        }
    }
    *to = 0;
    *from = s;
    return !quote;
}

bool words_split(const char *line, struct words *ret_words)
{
    struct words words = {0};
    for (;;) {
        while (words_is_blank(*line))
            line++;
        if (!*line)
            break;
        char *word = words_alloc(strlen(line) + 1);
        if (!words_cut(&line, word))
            return false;
        words_push(&words, word);
    }
    words_append(ret_words, &words);
    return true;
}

const char *words_quote(const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_-+=:,./@%^";
    if (*word && strspn(word, plain) == strlen(word))
        return word;
    char *quoted = words_alloc(4 * strlen(word) + 3);
    char *to = quoted;
    *to++ = '\'';
    for (; *word; word++) {
        if (*word == '\'') {
            memcpy(to, "'\\''", 4);
            to += 4;
        } else {
            *to++ = *word;
        }
    }
    *to = '\'';
    return quoted;
}

const char *words_stem(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    size_t length = dot ? (size_t)(dot - name) : strlen(name);
    return length ? words_print("%.*s", (int)length, name) : "program";
}

static size_t words_least(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* How many letters must be added, dropped, changed or swapped with a neighbour. */
static size_t words_distance(const char *a, const char *b)
{
    size_t table[WORDS_NEAR_MAX + 1][WORDS_NEAR_MAX + 1];
    size_t n = strlen(a), m = strlen(b);
    if (n > WORDS_NEAR_MAX || m > WORDS_NEAR_MAX)
        return SIZE_MAX;
    for (size_t i = 0; i <= n; i++) {
        for (size_t j = 0; j <= m; j++) {
            if (!i || !j) {
                table[i][j] = i + j;
                continue;
            }
            bool same = a[i - 1] == b[j - 1];
            table[i][j] = words_least(table[i - 1][j] + 1, table[i][j - 1] + 1,
                                      table[i - 1][j - 1] + !same);
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && table[i - 2][j - 2] + 1 < table[i][j])
                table[i][j] = table[i - 2][j - 2] + 1;
        }
    }
    return table[n][m];
}

const char *words_nearest(const char *word, const struct words *list)
{
    const char *nearest = NULL;
    size_t limit = strlen(word) / 2 < 3 ? strlen(word) / 2 : 3;
    for (size_t i = 0; i < list->n; i++) {
        size_t distance = words_distance(word, list->at[i]);
        if (distance <= limit) {
            nearest = list->at[i];
            limit = distance ? distance - 1 : 0;
        }
    }
    return nearest;
}
