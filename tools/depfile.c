/* depfile.c - the list of files that a compiler says it has read.
 *
 * It is a rule in the language of make: "program: a.c b\ c.h \", over several lines.  A blank and
 * a # in a name are written with a backslash before, a $ twice; a backslash right before a blank
 * is itself doubled, others are not.
 *
 * A name that this misreads (one with a newline, say) names a file that is not there; the cache
 * then takes the program for one that it must not keep.
 *
 * SPDX-License-Identifier: MIT
 */
#include "depfile.h"

#include <errno.h>
#include <string.h>

#include "disk.h"

static bool depfile_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Backslashes at s that stand before a blank or a #: half of them stay, and an odd one makes that
 * letter part of the name.  Returns where to go on; NULL when they are ordinary letters. */
static const char *depfile_backslashes(const char *s, char **to)
{
    size_t n = strspn(s, "\\");
    if (s[n] != ' ' && s[n] != '#')
        return NULL;
    memset(*to, '\\', n / 2);
    *to += n / 2;
    if (n % 2)
        *(*to)++ = s[n++];
    return s + n;
}

/* One name; leaves *from behind it. */
static const char *depfile_name(const char **from)
{
    const char *s = *from;
    char *name = words_alloc(strlen(s) + 1);
    char *to = name;
    while (*s && !depfile_is_blank(*s)) {
        const char *next = *s == '\\' ? depfile_backslashes(s, &to) : NULL;
        if (next) {
            s = next;
            continue;
        }
        s += s[0] == '$' && s[1] == '$';
        *to++ = *s++;
    }
    *from = s;
    return name;
}

int depfile_read(const char *path, struct words *ret_files)
{
    char *data;
    size_t size;
    int rc = disk_read(path, &data, &size);
    if (rc < 0)
        return rc;
    const char *s = strchr(data, ':');
    if (!s)
        return -EINVAL;
    s++;
    for (;;) {
        while (depfile_is_blank(*s) || (s[0] == '\\' && depfile_is_blank(s[1]) && s[1] != ' '))
            s++;
        if (!*s)
            return 0;
        words_push(ret_files, depfile_name(&s));
    }
}
