/* prints.c - printf into memory, by programs compiled with the hooks.
 *
 * What is written is told after it has been, since its length is known only then; what is read for
 * it (the strings of %s) is not told.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdarg.h>
#include <stdio.h>

#include "check/preload/hooks.h"

/* result characters and their end went to `to`, as far as there was room. */
static int prints_told(char *to, size_t room, int result, uintptr_t pc)
{
    if (result >= 0 && room > 0)
        weft__hook_libc(WEFT__OP_WRITE, to, weft__min((size_t)result + 1, room), pc);
    return result;
}

WEFT__EXPORT int vsnprintf(char *to, size_t room, const char *format, va_list list);
int vsnprintf(char *to, size_t room, const char *format, va_list list)
{
    static int (*real)(char *, size_t, const char *, va_list);

    return prints_told(to, room, WEFT__REAL(real, "vsnprintf")(to, room, format, list), WEFT__PC());
}

WEFT__EXPORT int vsprintf(char *to, const char *format, va_list list);
int vsprintf(char *to, const char *format, va_list list)
{
    static int (*real)(char *, const char *, va_list);

    return prints_told(to, SIZE_MAX, WEFT__REAL(real, "vsprintf")(to, format, list), WEFT__PC());
}

WEFT__EXPORT int __vsnprintf_chk(char *to, size_t room, int flag, size_t size, const char *format,
                                 va_list list);
int __vsnprintf_chk(char *to, size_t room, int flag, size_t size, const char *format, va_list list)
{
    static int (*real)(char *, size_t, int, size_t, const char *, va_list);

    return prints_told(
        to, room, WEFT__REAL(real, "__vsnprintf_chk")(to, room, flag, size, format, list),
        WEFT__PC());
}

#define PRINTS_CALL(name, parameters, type, real_name, call, room, last)                           \
    WEFT__EXPORT int name parameters;                                                              \
    int name parameters                                                                            \
    {                                                                                              \
        static int(*real) type;                                                                    \
        va_list list;                                                                              \
        int result;                                                                                \
        va_start(list, last);                                                                      \
        result = WEFT__REAL(real, real_name) call;                                                 \
        va_end(list);                                                                              \
        return prints_told(to, room, result, WEFT__PC());                                          \
    }

PRINTS_CALL(snprintf, (char *to, size_t size, const char *f, ...),
            (char *, size_t, const char *, va_list), "vsnprintf", (to, size, f, list), size, f)
PRINTS_CALL(sprintf, (char *to, const char *f, ...), (char *, const char *, va_list), "vsprintf",
            (to, f, list), SIZE_MAX, f)
PRINTS_CALL(__snprintf_chk, (char *to, size_t size, int flag, size_t limit, const char *f, ...),
            (char *, size_t, int, size_t, const char *, va_list), "__vsnprintf_chk",
            (to, size, flag, limit, f, list), size, f)
PRINTS_CALL(__sprintf_chk, (char *to, int flag, size_t limit, const char *f, ...),
            (char *, int, size_t, const char *, va_list), "__vsprintf_chk",
            (to, flag, limit, f, list), SIZE_MAX, f)
