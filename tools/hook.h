/* hook.h - compiling and linking programs whose accesses of memory `weft check` can see.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_TOOLS_HOOK_H
#define WEFT_TOOLS_HOOK_H

#include <stdbool.h>

#include "words.h"

/* Is the compiler a clang?  By its name, links followed. */
bool hook_is_clang(const struct words *compiler);

/* What each source file is compiled with, but for -O. */
void hook_compile_flags(const struct words *compiler, struct words *to);

/* What the program is linked with, behind its objects: the library stands in for the
 * sanitizer's. */
void hook_link_flags(const char *library, struct words *to);

/* A file that a C or C++ compiler compiles; C++ only. */
bool hook_is_source(const char *path);
bool hook_is_cxx(const char *path);

/* "0" to "3", "g", "s", "z", "fast"? */
bool hook_is_level(const char *level);

/* The path of libweft-check.so beside libweft.a; NULL: it is not there. */
const char *hook_library(const char *libweft);

#endif
