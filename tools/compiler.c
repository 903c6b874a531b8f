/* compiler.c - which C compiler, and the command line that it gets.
 *
 * What the compiler prints is shown as it is; we add nothing to an error in the user's program.
 *
 * A source may begin with a #! line, which no compiler takes: then a copy without it is compiled,
 * told by #line and -iquote that it is still the file that it was.
 *
 * SPDX-License-Identifier: MIT
 */
#include "compiler.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "companion.h"
#include "depfile.h"
#include "disk.h"
#include "hook.h"
#include "out.h"
#include "spawn.h"

/* An instrumented library asks for flags, and for the same compiler, in all that links with it. */
#ifndef WEFT_BUILD_FLAGS
#define WEFT_BUILD_FLAGS ""
#endif
#ifndef WEFT_BUILD_CC
#define WEFT_BUILD_CC ""
#endif

/* Debuggers and profilers must be able to walk the stacks of tasks. */
static const char *const compiler_usual_flags[] = {"-O2", "-g", "-fno-omit-frame-pointer", NULL};

/* -ldl, -lm: nothing on a new libc, needed on an old one; and a newcomer's sqrt() just links. */
static const char *const compiler_usual_libraries[] = {"-pthread", "-lm", "-ldl",
                                                         "-Wl,-z,now", /* for dense stacks */
                                                         NULL};

/* By these the compiler reads files that no one names to it. */
static const char *const compiler_environment[] = {
    "CPATH", "C_INCLUDE_PATH", "LIBRARY_PATH", "COMPILER_PATH", "GCC_EXEC_PREFIX", NULL,
};

static bool compiler_begins(const char *word, const char *with)
{
    return strncmp(word, with, strlen(with)) == 0;
}

/* Flags that leave no program behind, or send it elsewhere.  -o is the only one beginning with o;
 * -M… write elsewhere what was read. */
static bool compiler_refuses(const char *flag)
{
    static const char *const refused[] = {"-c", "-S", "-E", "-fsyntax-only", "-###", NULL};
    for (const char *const *one = refused; *one; one++) {
        if (strcmp(flag, *one) == 0)
            return true;
    }
    return compiler_begins(flag, "-o") || compiler_begins(flag, "-M");
}

static bool compiler_ends(const char *word, const char *with)
{
    size_t length = strlen(word), tail = strlen(with);
    return length > tail && strcmp(word + length - tail, with) == 0;
}

static bool compiler_is_library(const char *flag)
{
    if (flag[0] == '-')
        return compiler_begins(flag, "-l") || compiler_begins(flag, "-Wl,") ||
               strcmp(flag, "-Xlinker") == 0;
    return compiler_ends(flag, ".a") || compiler_ends(flag, ".o") || compiler_ends(flag, ".so");
}

static int compiler_take_flag(struct compiler_order *order, const char *flag, const char *value)
{
    if (compiler_refuses(flag))
        return out_error("%s: cannot be given here: the result must be a program", flag);
    struct words *to = compiler_is_library(flag) ? &order->libraries : &order->flags;
    words_push(to, flag);
    if (value)
        words_push(to, value);
    if (flag[0] == '@' || (flag[0] != '-' && disk_is_file(flag)))
        order->takes_files = true;
    return 0;
}

int compiler_take_flags(struct compiler_order *order, const char *const *flags)
{
    static const struct args_option none[] = {{NULL, false, 0}};
    struct args args = {none, flags};
    while (*args.next) {
        const char *flag = *args.next;
        bool whole = flag[0] != '-' || compiler_begins(flag, "--");
        struct args_word word = {.text = flag};
        if (whole)
            args.next++;
        else
            word = args_next(&args);
        if (word.kind == ARGS_WRONG || compiler_take_flag(order, word.text, word.value) != 0)
            return OUT_COULD_NOT;
    }
    return 0;
}

static int compiler_take_line(struct compiler_order *order, const char *line)
{
    struct words flags = {0};
    if (!words_split(line, &flags))
        return out_error("--flags: a quote is left open: %s", line);
    return flags.n ? compiler_take_flags(order, flags.at) : 0;
}

int compiler_take(struct compiler_order *order, const struct args_word *word)
{
    if (word->kind == ARGS_FLAG)
        return compiler_take_flag(order, word->text, word->value);
    if (word->kind != ARGS_OPTION)
        return OUT_COULD_NOT; /* ARGS_WRONG, which has been reported */
    if (word->id == COMPILER_FLAGS)
        return compiler_take_line(order, word->value);
    if (word->id == COMPILER_CC)
        order->wanted = word->value;
    if (word->id == COMPILER_VERBOSE)
        order->verbose = true;
    return 0;
}

/* CC may hold more than the program's name. */
static bool compiler_try(const char *line, struct words *ret_compiler)
{
    struct words compiler = {0};
    if (!words_split(line, &compiler) || !compiler.n)
        return false;
    const char *path = spawn_find(compiler.at[0]);
    if (!path)
        return false;
    compiler.at[0] = path;
    words_append(ret_compiler, &compiler);
    return true;
}

bool compiler_find(const char *wanted, struct words *ret_compiler)
{
    const char *environment = getenv("CC");
    if (!wanted && environment && *environment)
        wanted = environment;
    if (wanted)
        return compiler_try(wanted, ret_compiler);
    static const char *const usual[] = {WEFT_BUILD_CC, "cc", "gcc", "clang", NULL};
    for (const char *const *one = usual; *one; one++) {
        if (compiler_try(*one, ret_compiler))
            return true;
    }
    return false;
}

static int compiler_missing(const char *wanted)
{
    const char *environment = getenv("CC");
    if (wanted)
        return out_error("--cc %s: no such compiler%s", wanted,
                         strchr(wanted, '/') ? "" : " on PATH; install it, or name another");
    if (environment && *environment)
        return out_error("CC=%s: no such compiler; unset CC, or set it to one that there is",
                         environment);
    return out_error("no C compiler: none of cc, gcc, clang is on PATH; install one "
                     "(Debian: apt install gcc libc6-dev), or name one with --cc");
}

int compiler_ready(struct compiler_order *order)
{
    if (!home_find(&order->home))
        return home_missing();
    if (!compiler_find(order->wanted, &order->compiler))
        return compiler_missing(order->wanted);
    if (companion_find(order->home.library, &order->sources, &order->companions) != 0)
        return OUT_COULD_NOT;
    return compiler_take_line(order, WEFT_BUILD_FLAGS);
}

static void compiler_digest_words(struct digest *digest, const struct words *words)
{
    for (size_t i = 0; i < words->n; i++)
        digest_word(digest, words->at[i]);
    digest_word(digest, NULL);
}

void compiler_digest(const struct compiler_order *order, struct digest *digest)
{
    const char *here = disk_real_path(".");
    digest_word(digest, here); /* relative paths, and debug information, depend on it */
    digest_word(digest, order->home.include);
    disk_digest_identity(order->home.library, digest);
    disk_digest_identity(order->compiler.at[0], digest);
    compiler_digest_words(digest, &order->compiler);
    compiler_digest_words(digest, &order->flags);
    compiler_digest_words(digest, &order->libraries);
    compiler_digest_words(digest, &order->companions);
    for (size_t i = 0; i < order->companions.n; i++)
        disk_digest_identity(order->companions.at[i], digest);
    compiler_digest_words(digest, &order->sources);
    digest_word(digest, order->hooked);
    if (order->hooked)
        disk_digest_identity(order->hook_library, digest);
    for (const char *const *name = compiler_environment; *name; name++)
        digest_word(digest, getenv(*name));
}

/* ---- making ---- */

static void compiler_push_all(struct words *argv, const char *const *more)
{
    for (; *more; more++)
        words_push(argv, *more);
}

static const char *compiler_line_name(const char *path)
{
    char *name = words_alloc(2 * strlen(path) + 1);
    char *to = name;
    for (; *path; path++) {
        if (*path == '"' || *path == '\\')
            *to++ = '\\';
        *to++ = *path;
    }
    return name;
}

/* A copy of the source without its #! line; *ret_copy is NULL when it has none. */
static int compiler_copy(const char *source, const char *scratch, size_t index,
                         const char **ret_copy)
{
    char *data;
    size_t size;
    int rc = disk_read(source, &data, &size);
    if (rc < 0)
        return out_error("%s: %s", source, disk_reason(rc));
    *ret_copy = NULL;
    if (!compiler_begins(data, "#!"))
        return 0;
    const char *rest = strchr(data, '\n');
    const char *head = words_print("#line 2 \"%s\"\n", compiler_line_name(source));
    const char *body = rest ? rest + 1 : "";
    char *text = words_alloc(strlen(head) + size + 1);
    size_t body_size = rest ? size - (size_t)(body - data) : 0;
    strcpy(text, head);
    memcpy(text + strlen(head), body, body_size);
    const char *copy = words_print("%s/source%zu.c", scratch, index);
    rc = disk_write(copy, text, strlen(head) + body_size);
    if (rc < 0)
        return out_error("%s: %s", copy, disk_reason(rc));
    *ret_copy = copy;
    return 0;
}

static const char *compiler_dir(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? words_print("%.*s", (int)(slash - path) + 1, path) : ".";
}

/* A file without a suffix would be taken for an object file; one that begins with - or @, for a
 * flag. */
static void compiler_push_source(struct words *argv, const char *source)
{
    const char *slash = strrchr(source, '/');
    bool bare = !strchr(slash ? slash + 1 : source, '.');
    if (bare)
        compiler_push_all(argv, (const char *const[]){"-x", "c", NULL});
    words_push(argv, source[0] == '-' || source[0] == '@' ? words_print("./%s", source) : source);
    if (bare)
        compiler_push_all(argv, (const char *const[]){"-x", "none", NULL});
}

/* given: what to compile for each source; argv gets what the copies need. */
static int compiler_copy_sources(const struct compiler_order *order, const char *scratch,
                                 struct words *argv, struct words *copies, struct words *given)
{
    for (size_t i = 0; i < order->sources.n; i++) {
        const char *copy = NULL;
        if (compiler_copy(order->sources.at[i], scratch, i, &copy) != 0)
            return OUT_COULD_NOT;
        words_push(given, copy ? copy : order->sources.at[i]);
        words_push(copies, copy);
        if (copy)
            compiler_push_all(argv, (const char *const[]){
                                        "-iquote", compiler_dir(order->sources.at[i]), NULL});
    }
    return 0;
}

static void compiler_show(const struct words *argv)
{
    for (size_t i = 0; i < argv->n; i++)
        fprintf(stderr, "%s%s", i ? " " : "", words_quote(argv->at[i]));
    fputc('\n', stderr);
}

static int compiler_run(const struct compiler_order *order, const struct words *argv)
{
    if (order->verbose)
        compiler_show(argv);
    int status = spawn_wait(argv);
    if (status < 0)
        return out_error("%s: cannot be started: %s", argv->at[0], disk_reason(status));
    if (status > 128)
        return out_error("%s: was ended by signal %d", argv->at[0], status - 128);
    return status ? OUT_COULD_NOT : 0;
}

/* What was read from a copy was read from the source. */
static void compiler_name_sources(struct words *reads, const struct compiler_order *order,
                                  const struct words *copies)
{
    for (size_t i = 0; i < reads->n; i++) {
        for (size_t j = 0; j < copies->n; j++) {
            if (copies->at[j] && strcmp(reads->at[i], copies->at[j]) == 0)
                reads->at[i] = order->sources.at[j];
        }
    }
}

/* In one go: the program from its sources. */
static int compiler_make_usual(const struct compiler_order *order, const char *scratch,
                               const char *program, struct words *ret_reads)
{
    const char *reads_path = words_print("%s/reads", scratch);
    struct words argv = {0}, copies = {0}, given = {0};
    words_append(&argv, &order->compiler);
    compiler_push_all(&argv, compiler_usual_flags);
    words_push(&argv, words_print("-I%s", order->home.include));
    if (ret_reads)
        compiler_push_all(&argv, (const char *const[]){"-MD", "-MT", "program", "-MF", reads_path,
                                                       NULL});
    words_append(&argv, &order->flags);
    compiler_push_all(&argv, (const char *const[]){"-o", program, NULL});
    if (compiler_copy_sources(order, scratch, &argv, &copies, &given) != 0)
        return OUT_COULD_NOT;
    for (size_t i = 0; i < given.n; i++)
        compiler_push_source(&argv, given.at[i]);
    words_append(&argv, &order->companions);
    words_push(&argv, order->home.library);
    words_append(&argv, &order->libraries);
    compiler_push_all(&argv, compiler_usual_libraries);
    int status = compiler_run(order, &argv);
    if (status == 0 && ret_reads && depfile_read(reads_path, ret_reads) == 0)
        compiler_name_sources(ret_reads, order, &copies);
    return status;
}

/* One object with hooks from one source. */
static int compiler_make_object(const struct compiler_order *order, const struct words *usual,
                                const char *source, const char *object, struct words *ret_reads)
{
    const char *reads_path = words_print("%s.reads", object);
    struct words argv = {0}, reads = {0};
    words_append(&argv, &order->compiler);
    words_push(&argv, words_print("-O%s", order->hooked));
    hook_compile_flags(&order->compiler, &argv);
    words_append(&argv, usual);
    if (ret_reads)
        compiler_push_all(&argv, (const char *const[]){"-MD", "-MT", "program", "-MF", reads_path,
                                                       NULL});
    words_append(&argv, &order->flags);
    compiler_push_all(&argv, (const char *const[]){"-c", "-o", object, NULL});
    compiler_push_source(&argv, source);
    int status = compiler_run(order, &argv);
    if (status == 0 && ret_reads && depfile_read(reads_path, &reads) == 0)
        words_append(ret_reads, &reads);
    return status;
}

/* Piece by piece: the hooks' flag must not be there when it is linked. */
static int compiler_make_hooked(const struct compiler_order *order, const char *scratch,
                                const char *program, struct words *ret_reads)
{
    struct words usual = {0}, link = {0}, copies = {0}, given = {0};
    bool cxx = false;
    words_push(&usual, words_print("-I%s", order->home.include));
    if (compiler_copy_sources(order, scratch, &usual, &copies, &given) != 0)
        return OUT_COULD_NOT;
    words_append(&link, &order->compiler);
    words_append(&link, &order->flags);
    compiler_push_all(&link, (const char *const[]){"-o", program, NULL});
    for (size_t i = 0; i < given.n; i++) {
        const char *object = words_print("%s/object%zu.o", scratch, i);
        if (compiler_make_object(order, &usual, given.at[i], object, ret_reads) != 0)
            return OUT_COULD_NOT;
        words_push(&link, object);
        cxx |= hook_is_cxx(given.at[i]);
    }
    words_append(&link, &order->companions);
    words_push(&link, order->home.library);
    words_append(&link, &order->libraries);
    if (cxx)
        words_push(&link, "-lstdc++");
    hook_link_flags(order->hook_library, &link);
    if (ret_reads)
        compiler_name_sources(ret_reads, order, &copies);
    return compiler_run(order, &link);
}

int compiler_make(const struct compiler_order *order, const char *scratch, const char *program,
                  struct words *ret_reads)
{
    return order->hooked ? compiler_make_hooked(order, scratch, program, ret_reads)
                         : compiler_make_usual(order, scratch, program, ret_reads);
}
