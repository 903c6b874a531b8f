/* args.c - reads a command line, word by word.
 *
 * Rejected: getopt_long.  It would have to know the compiler's options, and it reads past FILE into
 * the arguments of the user's program.
 *
 * SPDX-License-Identifier: MIT
 */
#include "args.h"

#include <string.h>

#include "out.h"
#include "words.h"

/* The compiler's options that may stand apart from their value. */
static const char *const args_two_words[] = {
    "-D", "-U", "-I", "-L", "-l", "-include", "-isystem", "-iquote", "-Xlinker", NULL,
};

static bool args_flag_takes_value(const char *flag)
{
    for (const char *const *known = args_two_words; *known; known++) {
        if (strcmp(flag, *known) == 0)
            return true;
    }
    return false;
}

static const struct args_option *args_find(const struct args *args, const char *word)
{
    for (const struct args_option *option = args->options; option->name; option++) {
        size_t length = strlen(option->name);
        bool joined = strncmp(word, option->name, length) == 0 && word[length] == '=' &&
                      option->takes_value && word[1] == '-';
        if (joined || strcmp(word, option->name) == 0)
            return option;
    }
    return NULL;
}

static struct args_word args_unknown(const struct args *args, const char *word)
{
    struct words names = {0};
    for (const struct args_option *option = args->options; option->name; option++)
        words_push(&names, option->name);
    const char *nearest = words_nearest(word, &names);
    if (nearest)
        out_error("%s: unknown option; did you mean %s?", word, nearest);
    else
        out_error("%s: unknown option; --help lists them (flags for the compiler: --flags \"%s\")",
                  word, word);
    return (struct args_word){.kind = ARGS_WRONG};
}

/* Fills in the value of the word: the next one on the line. */
static struct args_word args_with_value(struct args *args, struct args_word word)
{
    if (!*args->next) {
        out_error("%s: a value must follow it", word.text);
        return (struct args_word){.kind = ARGS_WRONG};
    }
    word.value = *args->next++;
    return word;
}

struct args_word args_next(struct args *args)
{
    const char *text = *args->next;
    if (!text)
        return (struct args_word){.kind = ARGS_END};
    args->next++;
    if (strcmp(text, "--") == 0)
        return (struct args_word){.kind = ARGS_END};
    if (text[0] != '-' || !text[1])
        return (struct args_word){.kind = ARGS_FILE, .text = text};

    const struct args_option *option = args_find(args, text);
    if (option) {
        struct args_word word = {.kind = ARGS_OPTION, .id = option->id, .text = text};
        if (!option->takes_value)
            return word;
        const char *equals = text[1] == '-' ? strchr(text, '=') : NULL;
        if (!equals)
            return args_with_value(args, word);
        word.value = equals + 1;
        return word;
    }
    if (text[1] == '-')
        return args_unknown(args, text);
    struct args_word flag = {.kind = ARGS_FLAG, .text = text};
    return args_flag_takes_value(text) ? args_with_value(args, flag) : flag;
}
