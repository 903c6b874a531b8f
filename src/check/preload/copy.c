/* copy.c - the functions of <string.h> that touch memory for a program compiled with the hooks.
 *
 * libc's own code has no hooks, so what memcpy reads and writes is told here.  A long copy is told,
 * and done, in pieces: another strand may come between two of them and see half of it.
 *
 * Calls from code without the hooks go straight on: a library's own use of its own memory, ordered
 * by what we do not see, would look like a race.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/preload/hooks.h"
#include "check/preload/tasks.h"

#include <stdlib.h>
#include <strings.h>

/* Must the call from there be told?  Not Weft's own, in a program that is linked with it: between
 * entering and leaving a call of Weft no other task may run. */
static inline bool copy_told(uintptr_t pc)
{
    return HOOKS_ON() && weft__is_hooked(pc) && !weft__tasks_are_inside();
}

static size_t copy_length(const char *text)
{
    static size_t (*real)(const char *);

    return WEFT__REAL(real, "strlen")(text);
}

static size_t copy_length_within(const char *text, size_t max)
{
    static size_t (*real)(const char *, size_t);

    return WEFT__REAL(real, "strnlen")(text, max);
}

static void *copy_pieces(void *to, const void *from, size_t size, uintptr_t pc)
{
    static void *(*real)(void *, const void *, size_t);

    for (size_t at = 0; at < size; at += HOOKS_PIECE) {
        size_t piece = weft__min(size - at, (size_t)HOOKS_PIECE);
        weft__hook_access(WEFT__OP_READ, (uintptr_t)from + at, piece, 0, pc);
        weft__hook_access(WEFT__OP_WRITE, (uintptr_t)to + at, piece, 0, pc);
        WEFT__REAL(real, "memmove")((char *)to + at, (const char *)from + at, piece);
    }
    return to;
}

static void *copy_overlapping(void *to, const void *from, size_t size, uintptr_t pc)
{
    static void *(*real)(void *, const void *, size_t);

    weft__hook_range(WEFT__OP_READ, from, size, pc);
    weft__hook_range(WEFT__OP_WRITE, to, size, pc);
    return WEFT__REAL(real, "memmove")(to, from, size);
}

static void *copy_filled(void *to, int byte, size_t size, uintptr_t pc)
{
    static void *(*real)(void *, int, size_t);

    for (size_t at = 0; at < size; at += HOOKS_PIECE) {
        size_t piece = weft__min(size - at, (size_t)HOOKS_PIECE);
        weft__hook_access(WEFT__OP_WRITE, (uintptr_t)to + at, piece, 0, pc);
        WEFT__REAL(real, "memset")((char *)to + at, byte, piece);
    }
    return to;
}

/* ---- memory ---- */

#define COPY_LIKE(name, how)                                                                       \
    WEFT__EXPORT void *name(void *to, const void *from, size_t size);                              \
    void *name(void *to, const void *from, size_t size)                                            \
    {                                                                                              \
        static void *(*real)(void *, const void *, size_t);                                        \
        if (copy_told(WEFT__PC()))                                                                 \
            return how(to, from, size, WEFT__PC());                                                \
        return WEFT__REAL(real, #name)(to, from, size);                                            \
    }

#define COPY_LIKE_CHECKED(name, how)                                                               \
    WEFT__EXPORT void *name(void *to, const void *from, size_t size, size_t room);                 \
    void *name(void *to, const void *from, size_t size, size_t room)                               \
    {                                                                                              \
        static void *(*real)(void *, const void *, size_t, size_t);                                \
        if (copy_told(WEFT__PC()) && size <= room)                                                 \
            return how(to, from, size, WEFT__PC());                                                \
        return WEFT__REAL(real, #name)(to, from, size, room);                                      \
    }

COPY_LIKE(memcpy, copy_pieces)
COPY_LIKE(memmove, copy_overlapping)
COPY_LIKE_CHECKED(__memcpy_chk, copy_pieces)
COPY_LIKE_CHECKED(__memmove_chk, copy_overlapping)

/* clang 19 calls these instead of the plain ones. */
WEFT__EXPORT void *__tsan_memcpy(void *to, const void *from, size_t size);
void *__tsan_memcpy(void *to, const void *from, size_t size)
{
    return HOOKS_ON() ? copy_pieces(to, from, size, WEFT__PC()) : memcpy(to, from, size);
}

WEFT__EXPORT void *__tsan_memmove(void *to, const void *from, size_t size);
void *__tsan_memmove(void *to, const void *from, size_t size)
{
    return HOOKS_ON() ? copy_overlapping(to, from, size, WEFT__PC()) : memmove(to, from, size);
}

WEFT__EXPORT void *__tsan_memset(void *to, int byte, size_t size);
void *__tsan_memset(void *to, int byte, size_t size)
{
    return HOOKS_ON() ? copy_filled(to, byte, size, WEFT__PC()) : memset(to, byte, size);
}

WEFT__EXPORT void *memset(void *to, int byte, size_t size);
void *memset(void *to, int byte, size_t size)
{
    static void *(*real)(void *, int, size_t);

    if (copy_told(WEFT__PC()))
        return copy_filled(to, byte, size, WEFT__PC());
    return WEFT__REAL(real, "memset")(to, byte, size);
}

WEFT__EXPORT void *__memset_chk(void *to, int byte, size_t size, size_t room);
void *__memset_chk(void *to, int byte, size_t size, size_t room)
{
    static void *(*real)(void *, int, size_t, size_t);

    if (copy_told(WEFT__PC()) && size <= room)
        return copy_filled(to, byte, size, WEFT__PC());
    return WEFT__REAL(real, "__memset_chk")(to, byte, size, room);
}

WEFT__EXPORT void bzero(void *to, size_t size);
void bzero(void *to, size_t size)
{
    static void (*real)(void *, size_t);

    if (copy_told(WEFT__PC()))
        (void)copy_filled(to, 0, size, WEFT__PC());
    else
        WEFT__REAL(real, "bzero")(to, size);
}

/* Reads both; all of it, though the answer may be known earlier. */
#define COPY_COMPARE(name)                                                                         \
    WEFT__EXPORT int name(const void *a, const void *b, size_t size);                              \
    int name(const void *a, const void *b, size_t size)                                            \
    {                                                                                              \
        static int (*real)(const void *, const void *, size_t);                                    \
        if (copy_told(WEFT__PC())) {                                                               \
            weft__hook_range(WEFT__OP_READ, a, size, WEFT__PC());                                  \
            weft__hook_range(WEFT__OP_READ, b, size, WEFT__PC());                                  \
        }                                                                                          \
        return WEFT__REAL(real, #name)(a, b, size);                                                \
    }

COPY_COMPARE(memcmp)
COPY_COMPARE(bcmp)

WEFT__EXPORT void *memchr(const void *block, int byte, size_t size);
void *memchr(const void *block, int byte, size_t size)
{
    static void *(*real)(const void *, int, size_t);
    void *found = WEFT__REAL(real, "memchr")(block, byte, size);

    if (copy_told(WEFT__PC())) {
        size = found != NULL ? (size_t)((const char *)found - (const char *)block) + 1 : size;
        weft__hook_range(WEFT__OP_READ, block, size, WEFT__PC());
        found = real(block, byte, size);
    }
    return found;
}

/* ---- strings ---- */

WEFT__EXPORT size_t strlen(const char *text);
size_t strlen(const char *text)
{
    if (copy_told(WEFT__PC()))
        weft__hook_range(WEFT__OP_READ, text, copy_length(text) + 1, WEFT__PC());
    return copy_length(text);
}

WEFT__EXPORT size_t strnlen(const char *text, size_t max);
size_t strnlen(const char *text, size_t max)
{
    if (copy_told(WEFT__PC())) {
        size_t length = copy_length_within(text, max);
        weft__hook_range(WEFT__OP_READ, text, weft__min(length + 1, max), WEFT__PC());
    }
    return copy_length_within(text, max);
}

WEFT__EXPORT char *strcpy(char *to, const char *from);
char *strcpy(char *to, const char *from)
{
    static char *(*real)(char *, const char *);

    if (copy_told(WEFT__PC()))
        return copy_pieces(to, from, copy_length(from) + 1, WEFT__PC());
    return WEFT__REAL(real, "strcpy")(to, from);
}

WEFT__EXPORT char *__strcpy_chk(char *to, const char *from, size_t room);
char *__strcpy_chk(char *to, const char *from, size_t room)
{
    static char *(*real)(char *, const char *, size_t);

    if (copy_told(WEFT__PC()) && copy_length(from) < room)
        return copy_pieces(to, from, copy_length(from) + 1, WEFT__PC());
    return WEFT__REAL(real, "__strcpy_chk")(to, from, room);
}

WEFT__EXPORT char *stpcpy(char *to, const char *from);
char *stpcpy(char *to, const char *from)
{
    static char *(*real)(char *, const char *);

    if (copy_told(WEFT__PC())) {
        size_t length = copy_length(from);
        return (char *)copy_pieces(to, from, length + 1, WEFT__PC()) + length;
    }
    return WEFT__REAL(real, "stpcpy")(to, from);
}

WEFT__EXPORT char *strncpy(char *to, const char *from, size_t size);
char *strncpy(char *to, const char *from, size_t size)
{
    static char *(*real)(char *, const char *, size_t);

    if (copy_told(WEFT__PC())) {
        size_t length = copy_length_within(from, size);
        weft__hook_range(WEFT__OP_READ, from, weft__min(length + 1, size), WEFT__PC());
        weft__hook_range(WEFT__OP_WRITE, to, size, WEFT__PC());
    }
    return WEFT__REAL(real, "strncpy")(to, from, size);
}

WEFT__EXPORT char *strcat(char *to, const char *from);
char *strcat(char *to, const char *from)
{
    static char *(*real)(char *, const char *);

    if (copy_told(WEFT__PC())) {
        size_t length = copy_length(to);
        weft__hook_range(WEFT__OP_READ, to, length + 1, WEFT__PC());
        (void)copy_pieces(to + length, from, copy_length(from) + 1, WEFT__PC());
        return to;
    }
    return WEFT__REAL(real, "strcat")(to, from);
}

WEFT__EXPORT char *strncat(char *to, const char *from, size_t max);
char *strncat(char *to, const char *from, size_t max)
{
    static char *(*real)(char *, const char *, size_t);

    if (copy_told(WEFT__PC())) {
        size_t length = copy_length(to);
        size_t added = copy_length_within(from, max);
        weft__hook_range(WEFT__OP_READ, to, length + 1, WEFT__PC());
        weft__hook_range(WEFT__OP_READ, from, added, WEFT__PC());
        weft__hook_range(WEFT__OP_WRITE, to + length, added + 1, WEFT__PC());
    }
    return WEFT__REAL(real, "strncat")(to, from, max);
}

/* As far as two strings are alike, and one further. */
static size_t copy_alike(const char *a, const char *b, size_t max)
{
    size_t n = 0;

    while (n < max && a[n] == b[n] && a[n] != '\0')
        n++;
    return weft__min(n + 1, max);
}

WEFT__EXPORT int strcmp(const char *a, const char *b);
int strcmp(const char *a, const char *b)
{
    static int (*real)(const char *, const char *);

    if (copy_told(WEFT__PC())) {
        size_t length = copy_alike(a, b, SIZE_MAX);
        weft__hook_range(WEFT__OP_READ, a, length, WEFT__PC());
        weft__hook_range(WEFT__OP_READ, b, length, WEFT__PC());
    }
    return WEFT__REAL(real, "strcmp")(a, b);
}

WEFT__EXPORT int strncmp(const char *a, const char *b, size_t max);
int strncmp(const char *a, const char *b, size_t max)
{
    static int (*real)(const char *, const char *, size_t);

    if (copy_told(WEFT__PC())) {
        size_t length = copy_alike(a, b, max);
        weft__hook_range(WEFT__OP_READ, a, length, WEFT__PC());
        weft__hook_range(WEFT__OP_READ, b, length, WEFT__PC());
    }
    return WEFT__REAL(real, "strncmp")(a, b, max);
}

/* Reads the whole string, wherever what is sought may stand. */
#define COPY_SEARCH(name, type)                                                                    \
    WEFT__EXPORT char *name(const char *text, type sought);                                        \
    char *name(const char *text, type sought)                                                      \
    {                                                                                              \
        static char *(*real)(const char *, type);                                                  \
        if (copy_told(WEFT__PC()))                                                                 \
            weft__hook_range(WEFT__OP_READ, text, copy_length(text) + 1, WEFT__PC());              \
        return WEFT__REAL(real, #name)(text, sought);                                              \
    }

COPY_SEARCH(strchr, int)
COPY_SEARCH(strrchr, int)
COPY_SEARCH(strstr, const char *)

/* libc's would allocate and copy where nothing is seen. */
WEFT__EXPORT char *strdup(const char *text);
char *strdup(const char *text)
{
    static char *(*real)(const char *);

    if (copy_told(WEFT__PC())) {
        size_t size = copy_length(text) + 1;
        char *copy = malloc(size);
        return copy != NULL ? copy_pieces(copy, text, size, WEFT__PC()) : NULL;
    }
    return WEFT__REAL(real, "strdup")(text);
}
