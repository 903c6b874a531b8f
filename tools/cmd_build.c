/* cmd_build.c - weft build FILE.c… -o PROG: compile against Weft and leave the program.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "compiler.h"
#include "disk.h"
#include "out.h"

enum cmd_build_option { CMD_BUILD_OUTPUT = COMPILER_OWN };

static const struct args_option cmd_build_options[] = {
    COMPILER_OPTIONS,
    {"-o", true, CMD_BUILD_OUTPUT},
    {NULL, false, 0},
};

struct cmd_build_request {
    struct compiler_order order;
    const char *program;
    bool help;
};

static int cmd_build_take_source(struct cmd_build_request *request, const char *source)
{
    int rc = disk_check_source(source);
    if (rc < 0)
        return out_error("%s: %s", source, disk_reason(rc));
    words_push(&request->order.sources, source);
    return 0;
}

static int cmd_build_read(const char *const *words, struct cmd_build_request *request)
{
    struct args args = {cmd_build_options, words};
    struct args_word word;
    int status = 0;
    while (status == 0 && (word = args_next(&args)).kind != ARGS_END) {
        if (word.kind == ARGS_FILE)
            status = cmd_build_take_source(request, word.text);
        else if (word.kind == ARGS_OPTION && word.id == CMD_BUILD_OUTPUT)
            request->program = word.value;
        else
            status = compiler_take(&request->order, &word);
        request->help |= word.kind == ARGS_OPTION && word.id == COMPILER_HELP;
    }
    return status == 0 ? compiler_take_flags(&request->order, args.next) : status;
}

static int cmd_build_check(const struct cmd_build_request *request)
{
    if (!request->order.sources.n)
        return out_error("no FILE.c given; as in: weft build hello.c -o hello");
    if (!request->program || !*request->program)
        return out_error("no -o PROG given; as in: weft build %s -o %s",
                         words_quote(request->order.sources.at[0]),
                         words_quote(words_stem(request->order.sources.at[0])));
    const char *program = disk_real_path(request->program);
    for (size_t i = 0; program && i < request->order.sources.n; i++) {
        if (strcmp(program, disk_real_path(request->order.sources.at[i])) == 0)
            return out_error("-o %s: would overwrite the source", request->program);
    }
    return 0;
}

static int cmd_build_main(const char *const *words)
{
    struct cmd_build_request request = {0};
    if (cmd_build_read(words, &request) != 0)
        return OUT_COULD_NOT;
    if (request.help)
        return command_help(&cmd_build);
    if (cmd_build_check(&request) != 0 || compiler_ready(&request.order) != 0)
        return OUT_COULD_NOT;

    const char *temporary = getenv("TMPDIR"), *scratch;
    if (!temporary || !*temporary)
        temporary = "/tmp";
    int rc = disk_make_unique(words_print("%s/weft-build-XXXXXX", temporary), &scratch);
    if (rc < 0)
        return out_error("%s: %s; set TMPDIR to a directory that can be written", temporary,
                         disk_reason(rc));
    int status = compiler_make(&request.order, scratch, request.program, NULL);
    disk_remove(scratch);
    return status;
}

const struct command cmd_build = {
    .name = "build",
    .usage = "[OPTION…] FILE.c… -o PROG [-- FLAG…]",
    .summary = "compile against Weft and leave the program",
    .help = "Weft is linked into the program, which then needs only libc.\n"
            "\n"
            "  -o PROG         the program\n" COMPILER_OPTIONS_HELP
            "  -- FLAG…        all that follows is for the compiler\n",
    .run = cmd_build_main,
};
