/* home.c - where Weft's headers and library are, seen from this very program.
 *
 * Three kinds of place: the build tree (libweft.a beside the command), an installed prefix
 * (bin/weft, include/, lib/…, which may be moved as a whole), and $WEFT_HOME.
 *
 * tools/CMakeLists.txt says where things lie; each definition is a path relative to the command's
 * directory, but for WEFT_SOURCE_INCLUDE, which only a build tree outside the sources needs and
 * which is looked at only when libweft.a lies beside the command.
 *
 * Rejected: asking pkg-config.  It would find some Weft, not the one that this command came with.
 *
 * SPDX-License-Identifier: MIT
 */
#include "home.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "disk.h"
#include "out.h"
#include "words.h"

/* A build by hand, `cc tools/?.c libweft.a`, gives none of them. */
#ifndef WEFT_SOURCE_INCLUDE
#define WEFT_SOURCE_INCLUDE ""
#endif
#ifndef WEFT_INSTALL_INCLUDEDIR
#define WEFT_INSTALL_INCLUDEDIR "../include"
#endif
#ifndef WEFT_INSTALL_LIBDIR
#define WEFT_INSTALL_LIBDIR "../lib"
#endif

struct home_layout {
    const char *include;
    const char *library;
};

/* From the command's directory.  The first that holds both files is taken. */
static const struct home_layout home_layouts[] = {
    {WEFT_SOURCE_INCLUDE, "."},
    {"../include", "."},
    {"../../include", "."},
    {WEFT_INSTALL_INCLUDEDIR, WEFT_INSTALL_LIBDIR},
};

/* From $WEFT_HOME: a prefix, or a source tree that was built by `make`. */
static const struct home_layout home_given_layouts[] = {
    {"include", "bin/" WEFT_INSTALL_LIBDIR},
    {"include", "lib"},
    {"include", "lib64"},
    {"include", "build"},
};

static const char *home_join(const char *base, const char *path)
{
    return path[0] == '/' ? path : words_print("%s/%s", base, path);
}

static bool home_try(const char *base, const struct home_layout *layout, struct home *ret_home)
{
    if (!*layout->include)
        return false;
    const char *include = home_join(base, layout->include);
    const char *library = words_print("%s/libweft.a", home_join(base, layout->library));
    if (!disk_is_file(words_print("%s/weft.h", include)) || !disk_is_file(library))
        return false;
    ret_home->include = disk_real_path(include);
    ret_home->library = disk_real_path(library);
    return ret_home->include && ret_home->library;
}

static const char *home_command_dir(void)
{
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length <= 0)
        return NULL;
    path[length] = 0;
    *strrchr(path, '/') = 0;
    return words_print("%s/", path);
}

bool home_find(struct home *ret_home)
{
    const char *base = getenv("WEFT_HOME");
    bool given = base && *base;
    const struct home_layout *layouts = given ? home_given_layouts : home_layouts;
    size_t n = given ? sizeof home_given_layouts / sizeof *home_given_layouts
                     : sizeof home_layouts / sizeof *home_layouts;
    if (!given)
        base = home_command_dir();
    for (size_t i = 0; base && i < n; i++) {
        if (home_try(base, &layouts[i], ret_home))
            return true;
    }
    return false;
}

int home_missing(void)
{
    const char *given = getenv("WEFT_HOME");
    if (given && *given)
        return out_error("WEFT_HOME=%s: has no include/weft.h with a libweft.a in lib/ or build/; "
                         "unset it, or set it to the prefix that Weft is installed in", given);
    return out_error("weft.h and libweft.a are not where this command was built or installed; "
                     "install Weft anew, or set WEFT_HOME to its prefix");
}
