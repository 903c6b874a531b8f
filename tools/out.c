/* out.c - what the command says, and the status it ends with.
 *
 * SPDX-License-Identifier: MIT
 */
#include "out.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define OUT_LINE_MAX 4096 /* a longer line is cut */

static const char *out_who = "weft";

void out_speaker(const char *speaker)
{
    out_who = speaker;
}

/* Uses no memory of its own: out_error reports the lack of it. */
static void out_line(const char *format, va_list values)
{
    char line[OUT_LINE_MAX];
    size_t at = (size_t)snprintf(line, sizeof line / 2, "%s: ", out_who);
    int length = vsnprintf(line + at, sizeof line - at - 1, format, values);
    if (length > 0)
        at += (size_t)length;
    if (at > sizeof line - 2)
        at = sizeof line - 2;
    line[at++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, at);
    (void)written; /* nobody is left to be told */
}

int out_error(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    out_line(format, values);
    va_end(values);
    return OUT_COULD_NOT;
}

void out_note(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    out_line(format, values);
    va_end(values);
}

void out_json_string(const char *text)
{
    putchar('"');
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\')
            printf("\\%c", *c);
        else if (*c < 0x20)
            printf("\\u%04x", *c);
        else
            putchar(*c);
    }
    putchar('"');
}

int out_finish(void)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        return out_error("stdout: could not be written");
    return OUT_NOTHING;
}
