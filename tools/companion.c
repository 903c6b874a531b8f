/* companion.c - the libraries beside libweft, for programs that include their headers.
 *
 * Who includes <weft/tls.h> wants libweft-tls, and what that stands on; nobody else should need to
 * have it.  The sources named are looked at, not what they include in turn: whoever hides the
 * include in a header of their own says -lweft-tls, too.
 *
 * SPDX-License-Identifier: MIT
 */
#include "companion.h"

#include <string.h>

#include "disk.h"
#include "out.h"

struct companion {
    const char *header;
    const char *library;   /* beside libweft.a */
    const char *stands_on; /* for people, when it is missing */
    const char *flags[4];  /* behind it */
};

/* One that uses another stands before it. */
static const struct companion companions[] = {
    {"weft/http.h", "libweft-http.a", "llhttp", {NULL}},
    {"weft/tls.h", "libweft-tls.a", "OpenSSL", {"-lssl", "-lcrypto", NULL}},
};

/* Does the line that holds `at` begin with # and include? */
static bool companion_is_include(const char *text, const char *at)
{
    while (at > text && at[-1] != '\n')
        at--;
    at += strspn(at, " \t");
    if (*at++ != '#')
        return false;
    at += strspn(at, " \t");
    return strncmp(at, "include", strlen("include")) == 0;
}

static bool companion_is_included(const char *text, const char *header)
{
    size_t length = strlen(header);
    for (const char *at = text; (at = strstr(at, header)) != NULL; at += length) {
        bool is_named = at > text && ((at[-1] == '<' && at[length] == '>') ||
                                      (at[-1] == '"' && at[length] == '"'));
        if (is_named && companion_is_include(text, at))
            return true;
    }
    return false;
}

static int companion_add(const struct companion *c, const char *library,
                         struct words *ret_libraries)
{
    const char *slash = strrchr(library, '/');
    const char *path = words_print("%.*s%s", slash ? (int)(slash - library) + 1 : 0, library,
                                   c->library);
    if (!disk_is_file(path))
        return out_error("<%s> needs %s, which this Weft was built without, since there was no %s",
                         c->header, path, c->stands_on);
    words_push(ret_libraries, path);
    for (size_t i = 0; c->flags[i]; i++)
        words_push(ret_libraries, c->flags[i]);
    return 0;
}

int companion_find(const char *library, const struct words *sources, struct words *ret_libraries)
{
    bool is_wanted[sizeof companions / sizeof *companions] = {false};
    for (size_t i = 0; i < sources->n; i++) {
        char *text;
        size_t size;
        if (disk_read(sources->at[i], &text, &size) < 0)
            continue; /* it is the compiler who says so */
        for (size_t j = 0; j < sizeof companions / sizeof *companions; j++)
            is_wanted[j] |= companion_is_included(text, companions[j].header);
    }
    int status = 0;
    for (size_t j = 0; status == 0 && j < sizeof companions / sizeof *companions; j++) {
        if (is_wanted[j])
            status = companion_add(&companions[j], library, ret_libraries);
    }
    return status;
}
