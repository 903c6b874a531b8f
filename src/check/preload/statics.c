/* statics.c - functions of libc that keep something between calls: strtok, localtime, getenv ...
 *
 * Two threads that call them use one hidden variable, without a lock.  Where the calls come from
 * code with the hooks, each is told as an access of a variable of ours that stands for the hidden
 * one, so that the race is seen; and as these are points, what comes of it may be seen as well.
 *
 * SPDX-License-Identifier: MIT
 */
#include <netdb.h>
#include <stdlib.h>
#include <time.h>

#include "check/preload/hooks.h"

/* Their names are what a report shows. */
static char strtok_position, localtime_result, asctime_result, environment, gethostbyname_result;

#define STATICS_CALL(type, name, parameters, arguments, op, hidden)                                \
    WEFT__EXPORT type name parameters;                                                             \
    type name parameters                                                                           \
    {                                                                                              \
        static type(*real) parameters;                                                             \
        weft__hook_libc(op, &(hidden), 1, WEFT__PC());                                             \
        return WEFT__REAL(real, #name) arguments;                                                  \
    }

STATICS_CALL(char *, strtok, (char *text, const char *ends), (text, ends), WEFT__OP_WRITE,
             strtok_position)
STATICS_CALL(struct tm *, localtime, (const time_t *time), (time), WEFT__OP_WRITE, localtime_result)
STATICS_CALL(struct tm *, gmtime, (const time_t *time), (time), WEFT__OP_WRITE, localtime_result)
STATICS_CALL(char *, asctime, (const struct tm *time), (time), WEFT__OP_WRITE, asctime_result)
STATICS_CALL(char *, ctime, (const time_t *time), (time), WEFT__OP_WRITE, asctime_result)
STATICS_CALL(struct hostent *, gethostbyname, (const char *name), (name), WEFT__OP_WRITE,
             gethostbyname_result)
STATICS_CALL(char *, getenv, (const char *name), (name), WEFT__OP_READ, environment)
STATICS_CALL(int, setenv, (const char *name, const char *value, int over), (name, value, over),
             WEFT__OP_WRITE, environment)
STATICS_CALL(int, unsetenv, (const char *name), (name), WEFT__OP_WRITE, environment)
STATICS_CALL(int, putenv, (char *text), (text), WEFT__OP_WRITE, environment)
