/* cmd_run.c - weft run FILE.c [ARG…]: compile, unless that was done before, and become the program.
 *
 * We become it by exec rather than start it: so arguments, stdin, signals, exit status, process id
 * and terminal are the program's own without any passing on.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <string.h>

#include "cache.h"
#include "command.h"
#include "disk.h"
#include "out.h"
#include "spawn.h"

enum cmd_run_option { CMD_RUN_KEEP = COMPILER_OWN, CMD_RUN_NO_CACHE };

static const struct args_option cmd_run_options[] = {
    COMPILER_OPTIONS,
    {"--keep", false, CMD_RUN_KEEP},
    {"--no-cache", false, CMD_RUN_NO_CACHE},
    {NULL, false, 0},
};

struct cmd_run_request {
    struct compiler_order order;
    const char *const *arguments; /* of the program, ended by NULL */
    bool keep;
    bool no_cache;
    bool help;
};

static int cmd_run_source_error(const char *source, int code)
{
    const char *with_suffix = words_print("%s.c", source);
    if (strcmp(source, "-") == 0)
        return out_error("-: stdin is the program's; put the source into a file");
    if (code == -ENOENT && disk_is_file(with_suffix))
        return out_error("%s: no such file; did you mean %s?", source, with_suffix);
    if (code == -EISDIR)
        return out_error("%s: is a directory; name one C file in it", source);
    if (code == -EINVAL)
        return out_error("%s: not a regular file; put the source into one", source);
    return out_error("%s: %s", source, disk_reason(code));
}

static int cmd_run_read(const char *const *words, struct cmd_run_request *request)
{
    struct args args = {cmd_run_options, words};
    struct args_word word;
    while ((word = args_next(&args)).kind != ARGS_END && word.kind != ARGS_FILE) {
        if (word.kind == ARGS_OPTION && word.id == CMD_RUN_KEEP)
            request->keep = true;
        else if (word.kind == ARGS_OPTION && word.id == CMD_RUN_NO_CACHE)
            request->no_cache = true;
        else if (compiler_take(&request->order, &word) != 0)
            return OUT_COULD_NOT;
        request->help |= word.kind == ARGS_OPTION && word.id == COMPILER_HELP;
    }
    if (request->help)
        return 0;
    const char *source = word.kind == ARGS_FILE ? word.text : *args.next;
    if (!source)
        return out_error("no FILE.c given; as in: weft run hello.c");
    request->arguments = word.kind == ARGS_FILE ? args.next : args.next + 1;
    int rc = disk_check_source(source);
    if (rc < 0)
        return cmd_run_source_error(source, rc);
    words_push(&request->order.sources, source);
    return 0;
}

static int cmd_run_keep(const struct cmd_run_request *request, const struct cache *cache,
                        const struct cache_program *program)
{
    const char *there = disk_real_path(cache->name);
    if (there && strcmp(there, disk_real_path(request->order.sources.at[0])) == 0)
        return out_error("--keep: ./%s would overwrite the source", cache->name);
    int rc = disk_copy_program(words_print("/proc/self/fd/%d", program->fd), cache->name);
    if (rc < 0)
        return out_error("%s: %s", cache->name, disk_reason(rc));
    out_note("kept as ./%s", cache->name);
    return 0;
}

/* Returns only on failure: a code. */
static int cmd_run_become(const struct cmd_run_request *request,
                          const struct cache_program *program)
{
    struct words argv = {0};
    words_push(&argv, program->path);
    for (const char *const *one = request->arguments; *one; one++)
        words_push(&argv, *one);
    return spawn_become(program->path, program->fd, &argv);
}

static int cmd_run_main(const char *const *words)
{
    struct cmd_run_request request = {0};
    struct cache cache;
    if (cmd_run_read(words, &request) != 0)
        return OUT_COULD_NOT;
    if (request.help)
        return command_help(&cmd_run);
    if (compiler_ready(&request.order) != 0 || cache_open(&cache, &request.order) != 0)
        return OUT_COULD_NOT;

    struct cache_program program;
    bool look = !request.no_cache && !request.order.takes_files;
    if (!look || !cache_find(&cache, &program)) {
        if (cache_make(&cache, &request.order, &program) != 0)
            return OUT_COULD_NOT;
    }
    if (request.keep && cmd_run_keep(&request, &cache, &program) != 0)
        return OUT_COULD_NOT;
    int rc = cmd_run_become(&request, &program);
    return out_error("%s: cannot be run: %s", program.path, disk_reason(rc));
}

const struct command cmd_run = {
    .name = "run",
    .usage = "[OPTION…] FILE.c [ARG…]",
    .summary = "compile against Weft (once) and run",
    .help = "Ends with the program's own status; 2 when it could not be compiled.\n"
            "A file that begins with `#!/usr/bin/env -S weft run` is a script.\n"
            "\n" COMPILER_OPTIONS_HELP
            "  --keep          leave the program here, too\n"
            "  --no-cache      compile anew, even if it was compiled before\n"
            "\n"
            "Compiled programs are kept in $WEFT_CACHE, else $XDG_CACHE_HOME/weft, else\n"
            "~/.cache/weft; the 64 used last ($WEFT_CACHE_MAX). $WEFT_HOME names the prefix of\n"
            "the Weft to compile against.\n",
    .run = cmd_run_main,
};
