/* answer.h - what the demo finds out about one file, and lists of that.
 *
 * Every strategy fills the same list in its own order.  Sorted by path, two lists can be compared
 * answer by answer.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef DEMO_ANSWER_H
#define DEMO_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "sha256.h"

struct answer {
    char *path; /* owned by whoever holds the answer; released by free */
    int error;  /* 0, or the negative code of why this file or directory could not be read */
    uint64_t bytes;
    uint64_t words; /* as wc -w counts them in the C locale */
    uint8_t sha256[SHA256_SIZE];
};

struct answers {
    struct answer *at;
    size_t n;
    size_t room;
    uint64_t skipped; /* links, FIFOs, sockets and devices that were met and not opened */
};

/* The list takes the answer's path over, whatever it returns.  0 or -ENOMEM. */
int answers_add(struct answers *answers, struct answer answer);

/* Adds the answer of what could not be read; the path is copied.  0 or -ENOMEM. */
int answers_add_error(struct answers *answers, const char *path, int error);

void answers_sort(struct answers *answers);
void answers_free(struct answers *answers);

/* Lists go from a strategy's process to the demo's through a file.  0 or a negative code. */
int answers_write(const struct answers *answers, FILE *file);

/* Reads the next answer from such a file into *answer; its former path, which may be NULL, is
 * freed first.  1: there it is.  0: that was all.  Or a negative code; then, and at the end, path
 * is NULL. */
int answer_read(FILE *file, struct answer *answer);

/* Does something differ?  NULL, or the first thing that does: "sha256". */
const char *answer_difference(const struct answer *a, const struct answer *b);

/* Writes "sha256  bytes words path\n".  As sha256sum does, a backslash stands before a line whose
 * path holds a backslash, a newline or a carriage return, and these are written \\ \n \r. */
void answer_print(const struct answer *answer, FILE *file);

/* The whole answer, its error and its path's bytes as they are, into a digest. */
void answer_fold(const struct answer *answer, struct sha256 *sha);

/* The answer of one file, piece by piece. */
struct tally {
    struct sha256 sha;
    uint64_t bytes;
    uint64_t words;
    bool in_word; /* do the bytes so far end within a word? */
};

void tally_init(struct tally *tally);
void tally_add(struct tally *tally, const void *data, size_t size);

/* Fills in bytes, words and sha256, nothing else. */
void tally_done(struct tally *tally, struct answer *answer);

#endif
