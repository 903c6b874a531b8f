/* answer.c - what the demo finds out about one file: its size, its words, its SHA-256.
 *
 * The counting is the same for all strategies; only who does it, when and on which CPU differs.
 *
 * SPDX-License-Identifier: MIT
 */
#include "answer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* How an answer lies in a file; path_size bytes of path follow. */
struct answer_record {
    uint64_t bytes;
    uint64_t words;
    uint32_t path_size;
    int32_t error;
    uint8_t sha256[SHA256_SIZE];
};

enum tally_class {
    TALLY_NEITHER = 0,
    TALLY_SPACE = 1,
    TALLY_PRINTS = 2
};

/* wc of coreutils 9.1 in the C locale: white space ends a word, a byte that prints begins one, and
 * any other byte does neither.  ("a\1b" is one word, "\1" is none.) */
static const uint8_t tally_class[256] = {
    ['\t'... '\r'] = TALLY_SPACE,
    [' '] = TALLY_SPACE,
    ['!'... '~'] = TALLY_PRINTS,
};

int answers_add(struct answers *answers, struct answer answer)
{
    if (answers->n == answers->room) {
        size_t room = answers->room > 0 ? 2 * answers->room : 256;
        struct answer *at = realloc(answers->at, room * sizeof *at);
        if (at == NULL) {
            free(answer.path);
            return -ENOMEM;
        }
        answers->at = at;
        answers->room = room;
    }
    answers->at[answers->n++] = answer;
    return 0;
}

int answers_add_error(struct answers *answers, const char *path, int error)
{
    struct answer answer = {.path = strdup(path), .error = error};

    return answer.path != NULL ? answers_add(answers, answer) : -ENOMEM;
}

static int answers_compare(const void *left, const void *right)
{
    const struct answer *a = left, *b = right;

    return strcmp(a->path, b->path);
}

void answers_sort(struct answers *answers)
{
    if (answers->n > 1)
        qsort(answers->at, answers->n, sizeof *answers->at, answers_compare);
}

void answers_free(struct answers *answers)
{
    for (size_t i = 0; i < answers->n; i++)
        free(answers->at[i].path);
    free(answers->at);
    *answers = (struct answers){0};
}

int answers_write(const struct answers *answers, FILE *file)
{
    for (size_t i = 0; i < answers->n; i++) {
        const struct answer *answer = &answers->at[i];
        struct answer_record record = {.bytes = answer->bytes,
                                       .words = answer->words,
                                       .path_size = (uint32_t)strlen(answer->path),
                                       .error = answer->error};
        memcpy(record.sha256, answer->sha256, sizeof record.sha256);
        if (fwrite(&record, sizeof record, 1, file) != 1 ||
            fwrite(answer->path, 1, record.path_size, file) != record.path_size)
            return -EIO;
    }
    return fflush(file) == 0 ? 0 : -EIO;
}

int answer_read(FILE *file, struct answer *answer)
{
    struct answer_record record;

    free(answer->path);
    answer->path = NULL;
    if (fread(&record, sizeof record, 1, file) != 1)
        return feof(file) ? 0 : -EIO;
    char *path = calloc(1, (size_t)record.path_size + 1);
    if (path == NULL)
        return -ENOMEM;
    if (fread(path, 1, record.path_size, file) != record.path_size) {
        free(path);
        return -EIO;
    }
    answer->path = path;
    answer->error = record.error;
    answer->bytes = record.bytes;
    answer->words = record.words;
    memcpy(answer->sha256, record.sha256, sizeof answer->sha256);
    return 1;
}

const char *answer_difference(const struct answer *a, const struct answer *b)
{
    if (strcmp(a->path, b->path) != 0)
        return "path";
    if (a->error != b->error)
        return "error";
    if (a->bytes != b->bytes)
        return "bytes";
    if (a->words != b->words)
        return "words";
    return memcmp(a->sha256, b->sha256, sizeof a->sha256) != 0 ? "sha256" : NULL;
}

void answer_print(const struct answer *answer, FILE *file)
{
    char hex[SHA256_HEX_SIZE];
    bool escape = strpbrk(answer->path, "\\\n\r") != NULL;

    sha256_hex(answer->sha256, hex);
    fprintf(file, "%s%s  %" PRIu64 " %" PRIu64 " ", escape ? "\\" : "", hex, answer->bytes,
            answer->words);
    for (const char *at = answer->path; *at != '\0'; at++) {
        if (*at == '\\')
            fputs("\\\\", file);
        else if (*at == '\n')
            fputs("\\n", file);
        else if (*at == '\r')
            fputs("\\r", file);
        else
            fputc(*at, file);
    }
    fputc('\n', file);
}

void answer_fold(const struct answer *answer, struct sha256 *sha)
{
    char hex[SHA256_HEX_SIZE], text[SHA256_HEX_SIZE + 64];

    sha256_hex(answer->sha256, hex);
    int size = snprintf(text, sizeof text, "%s %d  %" PRIu64 " %" PRIu64 " ", hex, answer->error,
                        answer->bytes, answer->words);
    sha256_add(sha, text, (size_t)size);
    sha256_add(sha, answer->path, strlen(answer->path) + 1);
}

void tally_init(struct tally *tally)
{
    sha256_init(&tally->sha);
    tally->bytes = 0;
    tally->words = 0;
    tally->in_word = false;
}

/* No branch depends on a byte: in text nobody could predict it. */
void tally_add(struct tally *tally, const void *data, size_t size)
{
    const uint8_t *at = data;
    uint64_t words = tally->words;
    unsigned in_word = tally->in_word;

    for (size_t i = 0; i < size; i++) {
        unsigned class = tally_class[at[i]];
        unsigned prints = class >> 1, space = class & 1;
        words += prints & ~in_word;
        in_word = prints | (in_word & ~space);
    }
    tally->words = words;
    tally->in_word = in_word;
    tally->bytes += size;
    sha256_add(&tally->sha, data, size);
}

void tally_done(struct tally *tally, struct answer *answer)
{
    answer->bytes = tally->bytes;
    answer->words = tally->words;
    sha256_done(&tally->sha, answer->sha256);
}
