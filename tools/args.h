/* args.h - reads a command line, word by word.
 *
 * A command has long options (--cc CC, --cc=CC); what begins with one dash is the compiler's, and
 * what has no dash is a file.  "--" ends the options.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_TOOLS_ARGS_H
#define WEFT_TOOLS_ARGS_H

#include <stdbool.h>

/* A table of them ends with name NULL. */
struct args_option {
    const char *name; /* "--cc", or a short one that is ours and not the compiler's: "-o" */
    bool takes_value;
    int id;           /* of the caller's choosing */
};

enum args_kind {
    ARGS_END,    /* no word is left, or "--" was read */
    ARGS_OPTION, /* id, and value if it takes one */
    ARGS_FLAG,   /* for the compiler: text, and value for those in two words: -D NAME */
    ARGS_FILE,   /* text */
    ARGS_WRONG   /* out_error has said why */
};

struct args {
    const struct args_option *options;
    const char *const *next;
};

struct args_word {
    enum args_kind kind;
    int id;
    const char *text;
    const char *value;
};

struct args_word args_next(struct args *args);

#endif
