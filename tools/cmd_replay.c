/* cmd_replay.c - weft replay STRING: the schedule that `weft check` found, once more.
 *
 * The string holds the command, too; after -- another one may be given, such as the same program
 * built anew with more output, or its FILE.c.  What it prints is shown.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <signal.h>

#include <weft/check.h>

#include "args.h"
#include "command.h"
#include "disk.h"
#include "hook.h"
#include "hooked.h"
#include "out.h"
#include "report.h"

enum cmd_replay_option { CMD_REPLAY_GDB, CMD_REPLAY_JSON, CMD_REPLAY_HTML, CMD_REPLAY_HELP };

static const struct args_option cmd_replay_options[] = {
    {"--gdb", false, CMD_REPLAY_GDB},   {"--json", false, CMD_REPLAY_JSON},
    {"--html", true, CMD_REPLAY_HTML},  {"--help", false, CMD_REPLAY_HELP},
    {"-h", false, CMD_REPLAY_HELP},     {NULL, false, 0},
};

struct cmd_replay_request {
    const char *string;
    struct words argv; /* empty: as the string says */
    struct report_wishes wishes;
    bool gdb;
    bool help;
};

static int cmd_replay_take(struct cmd_replay_request *request, const struct args_word *word)
{
    if (word->kind == ARGS_WRONG)
        return OUT_COULD_NOT;
    if (word->kind == ARGS_FLAG)
        return out_error("%s: unknown option; --help lists them", word->text);
    if (word->kind == ARGS_FILE) {
        if (request->string)
            return out_error("%s: a command goes behind --; as in: weft replay STRING -- PROG",
                             word->text);
        request->string = word->text;
        return 0;
    }
    request->gdb |= word->id == CMD_REPLAY_GDB;
    request->wishes.json |= word->id == CMD_REPLAY_JSON;
    request->help |= word->id == CMD_REPLAY_HELP;
    if (word->id == CMD_REPLAY_HTML)
        request->wishes.html = word->value;
    return 0;
}

static int cmd_replay_read(const char *const *words, struct cmd_replay_request *request)
{
    struct args args = {cmd_replay_options, words};
    struct args_word word;
    while ((word = args_next(&args)).kind != ARGS_END) {
        if (cmd_replay_take(request, &word) != 0)
            return OUT_COULD_NOT;
    }
    for (; *args.next; args.next++)
        words_push(&request->argv, *args.next);
    if (!request->help && !request->string)
        return out_error("no STRING given; `weft check` prints it under \"replay\"");
    return 0;
}

/* A source stands for the program that `weft check` makes of it. */
static int cmd_replay_compile(struct cmd_replay_request *request)
{
    struct compiler_order order = {0};
    struct words argv = {0};
    const char *program, *library;
    size_t n = 0;
    for (; n < request->argv.n && hook_is_source(request->argv.at[n]); n++) {
        int rc = disk_check_source(request->argv.at[n]);
        if (rc < 0)
            return out_error("%s: %s", request->argv.at[n], disk_reason(rc));
        words_push(&order.sources, request->argv.at[n]);
    }
    if (n == 0)
        return 0;
    if (hooked_program(&order, false, &program, &library) != 0)
        return OUT_COULD_NOT;
    words_push(&argv, program);
    for (; n < request->argv.n; n++)
        words_push(&argv, request->argv.at[n]);
    request->argv = argv;
    return 0;
}

static int cmd_replay_main(const char *const *words)
{
    struct cmd_replay_request request = {0};
    struct home home;
    weft_check_report *report;
    if (cmd_replay_read(words, &request) != 0)
        return OUT_COULD_NOT;
    if (request.help)
        return command_help(&cmd_replay);
    if (cmd_replay_compile(&request) != 0)
        return OUT_COULD_NOT;
    const char *library = home_find(&home) ? hook_library(home.library) : NULL;
    char **argv = request.argv.n ? (char **)request.argv.at : NULL;
    if (request.gdb)
        signal(SIGINT, SIG_IGN); /* it is for gdb */
    int rc = weft_replay_program(request.string, argv, library, request.gdb, &report);
    if (rc == -EINVAL)
        return out_error("the string is damaged, or of another version of Weft: it must be whole, "
                         "from w1- to its last letter");
    if (rc == -ENOENT && !argv)
        return out_error("the program that the string speaks of is gone; name one: "
                         "weft replay STRING -- PROG|FILE.c [ARG…]");
    if (rc < 0)
        return report_refusal(argv ? argv[0] : "the program", rc);
    int status = report_show(report, &request.wishes);
    weft_check_report_free(report);
    return status;
}

const struct command cmd_replay = {
    .name = "replay",
    .usage = "STRING [OPTION…] [-- PROG|FILE.c ARG…]",
    .summary = "run a schedule that was found once more",
    .help = "STRING is what `weft check` prints as replay. Status 0: it did not fail, 1: it\n"
            "failed again, 2: could not run. What the program prints is shown.\n"
            "\n"
            "  --gdb           under gdb, stopped at each switch from thread to thread\n"
            "  --json          one JSON object on stdout, instead of the text\n"
            "  --html FILE     write a page with the timeline\n"
            "  -- PROG ARG…    this command instead of the one in the string; of a FILE.c, the\n"
            "                  program that `weft check FILE.c` makes\n",
    .run = cmd_replay_main,
};
