/* words.h - strings and lists of strings for a command that lives briefly.
 *
 * Nothing is given back: all memory hangs on one list until the process ends or becomes the
 * user's program.  So nobody here has to think about who owns a string.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_TOOLS_WORDS_H
#define WEFT_TOOLS_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/* A list that grows; at[n] is NULL once something has been pushed, as exec wants it. */
struct words {
    const char **at;
    size_t n;
    size_t room;
};

/* Zeroed bytes.  Ends the process with status 2 when there are none. */
void *words_alloc(size_t size);

/* A new string, as printf. */
const char *words_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

void words_push(struct words *words, const char *word);
void words_append(struct words *words, const struct words *more);

/* Cuts a line at its blanks as a shell would, with '…', "…" and \ (no variables, no patterns).
 * False: a quote was left open. */
bool words_split(const char *line, struct words *ret_words);

/* The word as a shell would take it back. */
const char *words_quote(const char *word);

/* The last part of a path, without its last .suffix; "program" where nothing is left. */
const char *words_stem(const char *path);

/* The list member most like the word, by edits; NULL when none is near. */
const char *words_nearest(const char *word, const struct words *list);

#endif
