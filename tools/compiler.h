/* compiler.h - which C compiler, and the command line that it gets.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_TOOLS_COMPILER_H
#define WEFT_TOOLS_COMPILER_H

#include <stdbool.h>

#include "args.h"
#include "digest.h"
#include "home.h"
#include "words.h"

/* Options that `weft run` and `weft build` share.  A command's own ids come from COMPILER_OWN. */
enum compiler_option { COMPILER_CC, COMPILER_FLAGS, COMPILER_VERBOSE, COMPILER_HELP, COMPILER_OWN };

#define COMPILER_OPTIONS                                                           \
    {"--cc", true, COMPILER_CC}, {"--flags", true, COMPILER_FLAGS},                \
    {"--verbose", false, COMPILER_VERBOSE}, {"--help", false, COMPILER_HELP},      \
    {"-h", false, COMPILER_HELP}

#define COMPILER_OPTIONS_HELP                                                                \
    "  --cc CC         the compiler; else $CC, else cc, gcc or clang from PATH\n"            \
    "  --flags FLAGS   more flags for it, cut at blanks as by a shell\n"                     \
    "  -D… -I… -l… …   what begins with one dash is for the compiler, too\n"                 \
    "  --verbose       show the command lines\n"

/* What to compile and how. */
struct compiler_order {
    struct home home;
    struct words compiler; /* its path, then words that came with it: CC="ccache gcc" */
    struct words flags;    /* of the user, to stand before the sources */
    struct words libraries; /* -l and -Wl, which must stand behind what needs them */
    struct words companions; /* libraries of Weft's that the sources' includes ask for */
    struct words sources;
    const char *wanted;    /* the value of --cc, or NULL */
    bool verbose;
    bool takes_files;      /* a flag names a file whose changes a cache would not see */
    const char *hooked;    /* for `weft check`: the level of -O; NULL: compile as usual */
    const char *hook_library; /* libweft-check.so; with `hooked` only */
};

/* Takes a shared option or a flag of the compiler.  0, or OUT_COULD_NOT. */
int compiler_take(struct compiler_order *order, const struct args_word *word);

/* Takes a list of flags for the compiler, ended by NULL.  0, or OUT_COULD_NOT. */
int compiler_take_flags(struct compiler_order *order, const char *const *flags);

/* Finds Weft and the compiler, when all options are read.  0, or OUT_COULD_NOT. */
int compiler_ready(struct compiler_order *order);

/* Looks for a compiler; says nothing.  False: none. */
bool compiler_find(const char *wanted, struct words *ret_compiler);

/* Feeds all that the result depends on, but for the contents of the files that are read. */
void compiler_digest(const struct compiler_order *order, struct digest *digest);

/* Sleeps.  Compiles and links to `program`.  scratch: a directory for what is needed meanwhile.
 * ret_reads, if not NULL, gets every file that was read; none of them when that is not known.
 * 0, or OUT_COULD_NOT: the compiler or out_error has said why. */
int compiler_make(const struct compiler_order *order, const char *scratch, const char *program,
                  struct words *ret_reads);

#endif
