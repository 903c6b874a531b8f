/* hook.c - compiling and linking programs whose accesses of memory `weft check` can see.
 *
 * The compilers' own instrumentation for ThreadSanitizer calls a function before each access.  We
 * compile with it and link without it: libweft-check.so defines these functions.  By and by:
 *
 *   -fno-builtin     else gcc copies and clears small blocks without a call that could be seen
 *   clang            drops the read of a read-modify-write unless told otherwise
 *   volatile         has functions of its own only when asked for; without, clang drops some reads
 *   __SANITIZE_…     is not true of what we link with, and programs ask for it
 *   _FORTIFY_SOURCE  would call checking forms of memcpy and printf that stand nowhere else
 *
 * SPDX-License-Identifier: MIT
 */
#include "hook.h"

#include <string.h>

#include "disk.h"

bool hook_is_clang(const struct words *compiler)
{
    for (size_t i = 0; i < compiler->n; i++) {
        const char *real = disk_real_path(compiler->at[i]);
        const char *name = real ? real : compiler->at[i];
        const char *slash = strrchr(name, '/');
        if (strstr(slash ? slash + 1 : name, "clang"))
            return true;
    }
    return false;
}

static void hook_push(struct words *to, const char *const *flags)
{
    for (; *flags; flags++)
        words_push(to, *flags);
}

void hook_compile_flags(const struct words *compiler, struct words *to)
{
    static const char *const both[] = {"-g", "-fno-omit-frame-pointer", "-fsanitize=thread",
                                       "-fno-builtin", "-U_FORTIFY_SOURCE",
                                       "-U__SANITIZE_THREAD__", NULL};
    static const char *const gcc[] = {"--param", "tsan-distinguish-volatile=1", NULL};
    static const char *const clang[] = {"-mllvm", "-tsan-instrument-read-before-write=1", "-mllvm",
                                        "-tsan-distinguish-volatile=1", NULL};
    hook_push(to, both);
    hook_push(to, hook_is_clang(compiler) ? clang : gcc);
}

void hook_link_flags(const char *library, struct words *to)
{
    const char *slash = strrchr(library, '/');
    words_push(to, library);
    words_push(to, words_print("-Wl,-rpath,%.*s", slash ? (int)(slash - library) : 1,
                               slash ? library : "."));
    /* by which the library finds the tasks of a program that has libweft.a in it */
    words_push(to, "-Wl,--export-dynamic-symbol=weft__control_set");
    hook_push(to, (const char *const[]){"-pthread", "-lm", "-lrt", "-ldl", NULL});
}

static bool hook_ends(const char *path, const char *const *suffixes)
{
    const char *slash = strrchr(path, '/');
    const char *dot = strrchr(slash ? slash + 1 : path, '.');
    for (; dot && *suffixes; suffixes++) {
        if (strcmp(dot, *suffixes) == 0)
            return true;
    }
    return false;
}

bool hook_is_cxx(const char *path)
{
    static const char *const suffixes[] = {".cc", ".cpp", ".cxx", ".c++", ".C", NULL};
    return hook_ends(path, suffixes);
}

bool hook_is_source(const char *path)
{
    static const char *const suffixes[] = {".c", NULL};
    return hook_ends(path, suffixes) || hook_is_cxx(path);
}

bool hook_is_level(const char *level)
{
    return (strlen(level) == 1 && strchr("0123gsz", level[0])) || strcmp(level, "fast") == 0;
}

const char *hook_library(const char *libweft)
{
    const char *slash = strrchr(libweft, '/');
    const char *path = words_print("%.*slibweft-check.so",
                                   slash ? (int)(slash - libweft) + 1 : 0, libweft);
    return disk_is_file(path) ? path : NULL;
}
