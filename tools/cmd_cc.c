/* cmd_cc.c - weft cc …: a compiler for build systems (CC="weft cc") that puts the hooks in.
 *
 * Everything is passed on to the real compiler, but for three things: what compiles gets the flags
 * of hook.c and a level of its own, what links gets libweft-check.so and no -fsanitize, and what
 * does both in one call is taken apart. Calls that do neither (-E, --version) are passed on as they
 * are: configure scripts make many.
 *
 * The real compiler is --cc, $WEFT_CC, or cc, gcc, clang; never $CC, which is likely to be us.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "compiler.h"
#include "disk.h"
#include "hook.h"
#include "out.h"
#include "report.h"
#include "spawn.h"

struct cmd_cc {
    struct words compiler;
    const char *level;   /* NULL: the build system's own */
    const char *library;
    const char *wanted;
    bool cxx;
    struct words words;  /* of the call, -fsanitize and levels taken out */
    bool compiles_only;  /* -c, -S */
    bool passes;         /* -E, --version, …: nothing is made that runs */
    size_t sources, inputs;
};

/* Options of compilers whose value is a word of its own. */
static bool cmd_cc_takes_value(const char *word)
{
    static const char *const two[] = {
        "-o", "-I", "-D", "-U", "-L", "-l", "-x", "-T", "-u", "-z", "-e", "-B", "-include",
        "-imacros", "-isystem", "-idirafter", "-iquote", "-iprefix", "-iwithprefix", "-isysroot",
        "-Xlinker", "-Xassembler", "-Xpreprocessor", "-Xclang", "-mllvm", "--param", "-MF", "-MT",
        "-MQ", "-arch", "-aux-info", "-target", "--sysroot", NULL,
    };
    for (const char *const *one = two; *one; one++) {
        if (strcmp(word, *one) == 0)
            return true;
    }
    return false;
}

static bool cmd_cc_is_one_of(const char *word, const char *const *list)
{
    for (; *list; list++) {
        if (strcmp(word, *list) == 0)
            return true;
    }
    return false;
}

static bool cmd_cc_begins(const char *word, const char *with)
{
    return strncmp(word, with, strlen(with)) == 0;
}

static bool cmd_cc_passes(const char *word)
{
    static const char *const words[] = {"-E", "-M", "-MM", "-fsyntax-only", "-###", "--version",
                                        "-V", "--help", "-dumpversion", "-dumpmachine",
                                        "-dumpspecs", "-dumpfullversion", NULL};
    return cmd_cc_is_one_of(word, words) || cmd_cc_begins(word, "-print-") ||
           cmd_cc_begins(word, "--print-") || cmd_cc_begins(word, "--help=");
}

/* Reads our own options, which stand in front, and sorts the rest. */
static int cmd_cc_read_own(struct cmd_cc *cc, const char *const **words)
{
    const char *const *at = *words;
    for (; *at; at++) {
        if (cmd_cc_begins(*at, "--cc="))
            cc->wanted = *at + 5;
        else if (strcmp(*at, "--c++") == 0)
            cc->cxx = true;
        else if (cmd_cc_begins(*at, "--level="))
            cc->level = strcmp(*at + 8, "keep") == 0 ? NULL : *at + 8;
        else
            break;
    }
    *words = at;
    if (cc->level && !hook_is_level(cc->level))
        return out_error("--level=%s: no such level; keep leaves the one that is given", cc->level);
    return 0;
}

static void cmd_cc_read(struct cmd_cc *cc, const char *const *words)
{
    for (; *words; words++) {
        const char *word = *words;
        if (cmd_cc_begins(word, "-fsanitize") || cmd_cc_begins(word, "-fno-sanitize") ||
            (cc->level && cmd_cc_begins(word, "-O")))
            continue;
        words_push(&cc->words, word);
        cc->compiles_only |= strcmp(word, "-c") == 0 || strcmp(word, "-S") == 0;
        cc->passes |= cmd_cc_passes(word);
        if (cmd_cc_takes_value(word) && words[1]) {
            words_push(&cc->words, *++words);
        } else if (word[0] != '-' || !word[1]) {
            cc->inputs++;
            cc->sources += hook_is_source(word);
        }
    }
    cc->passes |= cc->inputs == 0;
}

static int cmd_cc_find(struct cmd_cc *cc)
{
    struct home home;
    if (!cc->wanted)
        cc->wanted = getenv("WEFT_CC");
    if (cc->wanted && !*cc->wanted)
        cc->wanted = NULL;
    if (!cc->wanted && cc->cxx)
        cc->wanted = "c++";
    unsetenv("CC");
    if (!compiler_find(cc->wanted, &cc->compiler))
        return out_error("%s: no such compiler; name one by --cc=CC or WEFT_CC",
                         cc->wanted ? cc->wanted : "cc, gcc, clang");
    if (!home_find(&home))
        return home_missing();
    cc->library = hook_library(home.library);
    return cc->library ? 0 : report_refusal("", -ELIBACC);
}

static int cmd_cc_become(const struct words *argv)
{
    int rc = spawn_become(argv->at[0], -1, argv);
    return out_error("%s: cannot be started: %s", argv->at[0], disk_reason(rc));
}

static int cmd_cc_wait(const struct words *argv)
{
    int status = spawn_wait(argv);
    if (status < 0)
        return out_error("%s: cannot be started: %s", argv->at[0], disk_reason(status));
    return status;
}

static void cmd_cc_begin_compile(const struct cmd_cc *cc, struct words *argv)
{
    words_append(argv, &cc->compiler);
    if (cc->level)
        words_push(argv, words_print("-O%s", cc->level));
    hook_compile_flags(&cc->compiler, argv);
}

/* For the linker alone, in a call that compiles and links. */
static bool cmd_cc_is_for_linker(const char *word)
{
    static const char *const words[] = {"-shared", "-static", "-static-libgcc", "-rdynamic", "-pie",
                                        "-no-pie", "-s", "-static-libstdc++", "-Xlinker", "-T",
                                        "-u", "-z", "-e", NULL};
    return cmd_cc_is_one_of(word, words) || cmd_cc_begins(word, "-l") ||
           cmd_cc_begins(word, "-L") || cmd_cc_begins(word, "-Wl,") || strcmp(word, "-o") == 0;
}

/* One source of a call that also links. */
static int cmd_cc_compile(const struct cmd_cc *cc, const char *source, const char *object)
{
    struct words argv = {0};
    cmd_cc_begin_compile(cc, &argv);
    for (size_t i = 0; i < cc->words.n; i++) {
        const char *word = cc->words.at[i];
        bool pair = cmd_cc_takes_value(word) && i + 1 < cc->words.n;
        bool take = word[0] == '-' && word[1] && !cmd_cc_is_for_linker(word);
        if (take)
            words_push(&argv, word);
        if (take && pair)
            words_push(&argv, cc->words.at[i + 1]);
        i += pair;
    }
    words_push(&argv, "-c");
    words_push(&argv, "-o");
    words_push(&argv, object);
    words_push(&argv, source);
    return cmd_cc_wait(&argv);
}

static int cmd_cc_link(const struct cmd_cc *cc, const char *scratch)
{
    struct words argv = {0};
    size_t n = 0;
    bool cxx = false;
    words_append(&argv, &cc->compiler);
    for (size_t i = 0; i < cc->words.n; i++) {
        const char *word = cc->words.at[i];
        bool pair = cmd_cc_takes_value(word) && i + 1 < cc->words.n;
        if (strcmp(word, "-x") == 0) { /* objects are in no language */
            i++;
            continue;
        }
        if (word[0] != '-' && hook_is_source(word)) {
            const char *object = words_print("%s/object%zu.o", scratch, n++);
            int status = cmd_cc_compile(cc, word, object);
            if (status != 0)
                return status;
            cxx |= hook_is_cxx(word);
            word = object;
        }
        words_push(&argv, word);
        if (pair)
            words_push(&argv, cc->words.at[++i]);
    }
    if (cxx && !cc->cxx)
        words_push(&argv, "-lstdc++");
    hook_link_flags(cc->library, &argv);
    return scratch ? cmd_cc_wait(&argv) : cmd_cc_become(&argv);
}

static int cmd_cc_compile_and_link(const struct cmd_cc *cc)
{
    const char *temporary = getenv("TMPDIR"), *scratch;
    if (!temporary || !*temporary)
        temporary = "/tmp";
    int rc = disk_make_unique(words_print("%s/weft-cc-XXXXXX", temporary), &scratch);
    if (rc < 0)
        return out_error("%s: %s; set TMPDIR to a directory that can be written", temporary,
                         disk_reason(rc));
    int status = cmd_cc_link(cc, scratch);
    disk_remove(scratch);
    return status;
}

static int cmd_cc_main(const char *const *words)
{
    struct cmd_cc cc = {.level = "1"};
    struct words argv = {0};
    bool help = words[0] && (strcmp(words[0], "--help") == 0 || strcmp(words[0], "-h") == 0);
    if (!words[0] || (help && !words[1]))
        return command_help(&cmd_cc);
    if (cmd_cc_read_own(&cc, &words) != 0 || cmd_cc_find(&cc) != 0)
        return OUT_COULD_NOT;
    cmd_cc_read(&cc, words);
    if (cc.passes) {
        words_append(&argv, &cc.compiler);
        for (; *words; words++)
            words_push(&argv, *words);
        return cmd_cc_become(&argv);
    }
    if (cc.compiles_only) {
        cmd_cc_begin_compile(&cc, &argv);
        words_append(&argv, &cc.words);
        return cmd_cc_become(&argv);
    }
    return cc.sources ? cmd_cc_compile_and_link(&cc) : cmd_cc_link(&cc, NULL);
}

const struct command cmd_cc = {
    .name = "cc",
    .usage = "[--cc=CC] [--c++] [--level=LEVEL] [ARG…]",
    .summary = "a compiler for build systems: CC=\"weft cc\"",
    .help = "Compiles and links as CC would, so that `weft check` sees each access of memory in\n"
            "the program. Without `weft check` the program runs as usual, a little slower.\n"
            "\n"
            "  --cc=CC         the real compiler; else $WEFT_CC, else cc, gcc or clang from PATH\n"
            "  --c++           for CXX=\"weft cc --c++\": the compiler is c++, if none is named\n"
            "  --level=LEVEL   the level of -O, whatever is given (1); keep: what is given\n"
            "  ARG…            as for CC\n"
            "\n"
            "As in: make CC=\"weft cc\" && weft check ./prog\n",
    .run = cmd_cc_main,
};
