/* stream.c - stdio under control.
 *
 * A stream has a lock inside libc that each call takes and drops; nothing of ours comes in between,
 * so that it is always free.  Only flockfile holds it longer.  So flockfile is a lock of ours and
 * never libc's, and each stdio call waits for it while another strand has it; at other times the
 * call is no point at all.
 *
 * A stream on a pipe may have to wait for its bytes: that is asked for before libc would block.
 *
 * Inside the real call we are busy: what libc calls from there is its own affair.
 *
 * SPDX-License-Identifier: MIT
 */
#define __NO_INLINE__ 1 /* libc's header would define some of these itself */

#include <stdarg.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <wchar.h>

#include "check/preload/block.h"
#include "check/preload/hooks.h"

#define STREAM_LOCKS 32

struct stream_lock {
    FILE *stream; /* NULL: free */
    struct weft__strand *owner;
    unsigned depth;
};

static struct stream_lock stream_locks[STREAM_LOCKS];
static unsigned stream_n_locks; /* held */

static struct stream_lock *stream_find(const FILE *stream)
{
    for (size_t i = 0; i < STREAM_LOCKS; i++)
        if (stream_locks[i].stream == stream)
            return &stream_locks[i];
    return NULL;
}

static bool stream_can(const struct weft__strand *strand)
{
    const struct stream_lock *lock = stream_find(strand->next.arg);

    return lock == NULL || lock->owner == strand;
}

static void stream_point(FILE *stream, uintptr_t pc)
{
    struct weft__operation op = {.op = WEFT__OP_STREAM,
                                 .object = (uintptr_t)stream,
                                 .pc = pc,
                                 .caller = weft__caller(),
                                 .deadline = WEFT__NO_DEADLINE,
                                 .can = stream_can,
                                 .arg = stream};

    weft__point(&op);
}

/* ---- flockfile ---- */

static bool stream_take(FILE *stream)
{
    struct stream_lock *lock = stream_find(stream);

    if (lock != NULL && lock->owner != weft__strand_self())
        return false;
    if (lock == NULL) {
        lock = stream_find(NULL);
        WEFT_CHECK(lock != NULL);
        *lock = (struct stream_lock){.stream = stream, .owner = weft__strand_self()};
        stream_n_locks++;
        weft__changed((uintptr_t)stream); /* the others that came wait now */
    }
    if (lock->depth++ == 0)
        weft__lock_taken((uintptr_t)stream, false, false);
    return true;
}

WEFT__EXPORT void flockfile(FILE *stream);
void flockfile(FILE *stream)
{
    static void (*real)(FILE *);

    if (!WEFT__CONTROLLED()) {
        WEFT__REAL(real, "flockfile")(stream);
        return;
    }
    stream_point(stream, WEFT__PC());
    (void)stream_take(stream);
}

WEFT__EXPORT int ftrylockfile(FILE *stream);
int ftrylockfile(FILE *stream)
{
    static int (*real)(FILE *);
    struct weft__operation op = {.op = WEFT__OP_STREAM,
                                 .object = (uintptr_t)stream,
                                 .pc = WEFT__PC(),
                                 .deadline = WEFT__NO_DEADLINE};
    bool taken;

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "ftrylockfile")(stream);
    weft__point(&op);
    taken = stream_take(stream);
    weft__value(taken ? 0 : 1, taken ? 0 : WEFT__EVENT_FAILED);
    return taken ? 0 : 1;
}

WEFT__EXPORT void funlockfile(FILE *stream);
void funlockfile(FILE *stream)
{
    static void (*real)(FILE *);
    struct stream_lock *lock;

    if (!WEFT__CONTROLLED()) {
        WEFT__REAL(real, "funlockfile")(stream);
        return;
    }
    lock = stream_find(stream);
    if (lock == NULL || lock->owner != weft__strand_self()) {
        (void)weft__found(WEFT__CLASS_MISUSE, (uintptr_t)stream,
                          "funlockfile of a stream that the thread has not locked");
        weft__busy++;
        weft__engine_over();
    }
    if (--lock->depth > 0)
        return;
    *lock = (struct stream_lock){0};
    stream_n_locks--;
    weft__lock_given((uintptr_t)stream);
    weft__changed((uintptr_t)stream);
}

/* ---- every other call ---- */

/* Before the real call: waits for the stream, if somebody keeps it; then libc works undisturbed.
 * True: stream_leave must follow. */
static bool stream_enter(FILE *stream, uintptr_t pc)
{
    if (weft__engine == NULL || weft__busy != 0 || weft__is_libc(pc))
        return false;
    if (stream_n_locks > 0 && stream != NULL)
        stream_point(stream, pc);
    weft__busy++;
    return true;
}

static bool stream_enter_read(FILE *stream, uintptr_t pc)
{
    if (weft__engine != NULL && weft__busy == 0 && !weft__is_libc(pc) && stream != NULL &&
        stream->_IO_read_ptr >= stream->_IO_read_end && fileno(stream) >= 0) {
        weft__block_readable(fileno(stream), pc);
    }
    return stream_enter(stream, pc);
}

static void stream_leave(bool entered)
{
    if (entered)
        weft__busy--;
}

/* STREAM(result, name, (parameters), (arguments), stream, how to enter) */
#define STREAM_CALL(type, name, parameters, arguments, stream, enter)                              \
    WEFT__EXPORT type name parameters;                                                             \
    type name parameters                                                                           \
    {                                                                                              \
        static type(*real) parameters;                                                             \
        bool entered = enter(stream, WEFT__PC());                                                  \
        type result = WEFT__REAL(real, #name) arguments;                                           \
        stream_leave(entered);                                                                     \
        return result;                                                                             \
    }

#define STREAM_WRITE(type, name, parameters, arguments, stream)                                    \
    STREAM_CALL(type, name, parameters, arguments, stream, stream_enter)
#define STREAM_READ(type, name, parameters, arguments, stream)                                     \
    STREAM_CALL(type, name, parameters, arguments, stream, stream_enter_read)

#undef putc
#undef getc
#undef putchar
#undef getchar

STREAM_WRITE(int, puts, (const char *text), (text), stdout)
STREAM_WRITE(int, fputs, (const char *text, FILE *to), (text, to), to)
STREAM_WRITE(int, putchar, (int c), (c), stdout)
STREAM_WRITE(int, putc, (int c, FILE *to), (c, to), to)
STREAM_WRITE(int, fputc, (int c, FILE *to), (c, to), to)
STREAM_WRITE(int, _IO_putc, (int c, FILE *to), (c, to), to)
STREAM_WRITE(int, fflush, (FILE *to), (to), to)
STREAM_WRITE(int, fclose, (FILE *to), (to), to)
STREAM_WRITE(int, fseek, (FILE *to, long at, int from), (to, at, from), to)
STREAM_WRITE(long, ftell, (FILE *to), (to), to)
STREAM_WRITE(int, vprintf, (const char *f, va_list a), (f, a), stdout)
STREAM_WRITE(int, vfprintf, (FILE *to, const char *f, va_list a), (to, f, a), to)
STREAM_WRITE(int, __vprintf_chk, (int flag, const char *f, va_list a), (flag, f, a), stdout)
STREAM_WRITE(int, __vfprintf_chk, (FILE *to, int flag, const char *f, va_list a),
             (to, flag, f, a), to)

STREAM_READ(int, getchar, (void), (), stdin)
STREAM_READ(int, getc, (FILE *from), (from), from)
STREAM_READ(int, fgetc, (FILE *from), (from), from)
STREAM_READ(int, _IO_getc, (FILE *from), (from), from)
STREAM_READ(int, ungetc, (int c, FILE *from), (c, from), from)
STREAM_READ(char *, fgets, (char *to, int size, FILE *from), (to, size, from), from)
STREAM_READ(ssize_t, getline, (char **line, size_t *size, FILE *from), (line, size, from), from)
STREAM_READ(ssize_t, __getdelim, (char **line, size_t *size, int end, FILE *from),
            (line, size, end, from), from)
STREAM_READ(char *, __fgets_chk, (char *to, size_t room, int size, FILE *from),
            (to, room, size, from), from)
STREAM_READ(size_t, __fread_chk, (void *to, size_t room, size_t size, size_t n, FILE *from),
            (to, room, size, n, from), from)
STREAM_READ(wint_t, fgetwc, (FILE *from), (from), from)
STREAM_READ(ssize_t, getdelim, (char **line, size_t *size, int end, FILE *from),
            (line, size, end, from), from)

WEFT__EXPORT size_t fwrite(const void *from, size_t size, size_t n, FILE *to);
size_t fwrite(const void *from, size_t size, size_t n, FILE *to)
{
    static size_t (*real)(const void *, size_t, size_t, FILE *);
    bool entered;
    size_t result;

    weft__hook_libc(WEFT__OP_READ, from, size * n, WEFT__PC());
    entered = stream_enter(to, WEFT__PC());
    result = WEFT__REAL(real, "fwrite")(from, size, n, to);
    stream_leave(entered);
    return result;
}

WEFT__EXPORT size_t fread(void *to, size_t size, size_t n, FILE *from);
size_t fread(void *to, size_t size, size_t n, FILE *from)
{
    static size_t (*real)(void *, size_t, size_t, FILE *);
    bool entered = stream_enter_read(from, WEFT__PC());
    size_t result = WEFT__REAL(real, "fread")(to, size, n, from);

    stream_leave(entered);
    weft__hook_libc(WEFT__OP_WRITE, to, size * result, WEFT__PC());
    return result;
}

/* ---- with a list of arguments: by way of their v forms ---- */

#define STREAM_FORMAT(name, parameters, stream, enter, type, real_name, call, last)                \
    WEFT__EXPORT int name parameters;                                                              \
    int name parameters                                                                            \
    {                                                                                              \
        static int(*real) type;                                                                    \
        bool entered = enter(stream, WEFT__PC());                                                  \
        va_list list;                                                                              \
        int result;                                                                                \
        va_start(list, last);                                                                      \
        result = WEFT__REAL(real, real_name) call;                                                 \
        va_end(list);                                                                              \
        stream_leave(entered);                                                                     \
        return result;                                                                             \
    }

STREAM_FORMAT(printf, (const char *f, ...), stdout, stream_enter, (const char *, va_list),
              "vprintf", (f, list), f)
STREAM_FORMAT(fprintf, (FILE *to, const char *f, ...), to, stream_enter,
              (FILE *, const char *, va_list), "vfprintf", (to, f, list), f)
STREAM_FORMAT(__printf_chk, (int flag, const char *f, ...), stdout, stream_enter,
              (int, const char *, va_list), "__vprintf_chk", (flag, f, list), f)
STREAM_FORMAT(__fprintf_chk, (FILE *to, int flag, const char *f, ...), to, stream_enter,
              (FILE *, int, const char *, va_list), "__vfprintf_chk", (to, flag, f, list), f)
STREAM_FORMAT(scanf, (const char *f, ...), stdin, stream_enter_read, (const char *, va_list),
              "__isoc99_vscanf", (f, list), f)
STREAM_FORMAT(fscanf, (FILE *from, const char *f, ...), from, stream_enter_read,
              (FILE *, const char *, va_list), "__isoc99_vfscanf", (from, f, list), f)
