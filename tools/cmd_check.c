/* cmd_check.c - weft check PROG|FILE.c… [ARG…]: many schedules, and the one that fails.
 *
 * A source is compiled first, with the hooks (hook.c), and kept as `weft run` keeps it.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <weft/check.h>

#include "command.h"
#include "disk.h"
#include "hook.h"
#include "hooked.h"
#include "out.h"
#include "report.h"

enum cmd_check_option {
    CMD_CHECK_SEED = COMPILER_OWN, CMD_CHECK_SCHEDULES, CMD_CHECK_TIME, CMD_CHECK_STRATEGY,
    CMD_CHECK_PREEMPTIONS, CMD_CHECK_JOBS, CMD_CHECK_EARLY_TIMERS, CMD_CHECK_KEEP_GOING,
    CMD_CHECK_JSON, CMD_CHECK_SARIF, CMD_CHECK_HTML, CMD_CHECK_LEVEL, CMD_CHECK_NO_CACHE,
    CMD_CHECK_MODE
};

static const struct args_option cmd_check_options[] = {
    COMPILER_OPTIONS,
    {"--seed", true, CMD_CHECK_SEED},
    {"--schedules", true, CMD_CHECK_SCHEDULES},
    {"--time", true, CMD_CHECK_TIME},
    {"--strategy", true, CMD_CHECK_STRATEGY},
    {"--mode", true, CMD_CHECK_MODE},
    {"--preemptions", true, CMD_CHECK_PREEMPTIONS},
    {"--jobs", true, CMD_CHECK_JOBS},
    {"--early-timers", false, CMD_CHECK_EARLY_TIMERS},
    {"--keep-going", false, CMD_CHECK_KEEP_GOING},
    {"--json", false, CMD_CHECK_JSON},
    {"--sarif", true, CMD_CHECK_SARIF},
    {"--html", true, CMD_CHECK_HTML},
    {"-O", true, CMD_CHECK_LEVEL},
    {"--no-cache", false, CMD_CHECK_NO_CACHE},
    {NULL, false, 0},
};

struct cmd_check_request {
    struct compiler_order order;
    weft_check_options options;
    struct report_wishes wishes;
    struct words argv;   /* of the program, which is missing in front while it is a source */
    const char *library; /* libweft-check.so; NULL: weft_check_program looks for it */
    bool no_cache;
    bool compiles;       /* a flag for the compiler was given */
    bool help;
};

/* ---- the command line ---- */

static const char *const cmd_check_strategies[] = {
    "portfolio", "random", "pos", "pct", "surw", "rf", "exhaustive", NULL,
};

static int cmd_check_strategy(struct cmd_check_request *request, const char *name)
{
    struct words names = {0};
    for (const char *const *one = cmd_check_strategies; *one; one++) {
        if (strcmp(name, *one) == 0) {
            request->options.strategy = *one;
            return 0;
        }
        words_push(&names, *one);
    }
    const char *nearest = words_nearest(name, &names);
    if (nearest)
        return out_error("--strategy %s: no such strategy; did you mean %s?", name, nearest);
    return out_error("--strategy %s: no such strategy; there are portfolio, random, pos, pct, "
                     "surw, rf and exhaustive", name);
}

static int cmd_check_mode(struct cmd_check_request *request, const char *name)
{
    static const char *const modes[] = {"control", "delays", "auto"};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(name, modes[i]) == 0)
            request->options.mode = modes[i];
    }
    return request->options.mode ? 0 : out_error("--mode %s: no such mode; there are control, "
                                                 "delays and auto", name);
}

static int cmd_check_number(const struct args_word *word, unsigned long long max,
                            unsigned long long *ret)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(word->value, &end, 10);
    bool is_number = word->value[0] >= '0' && word->value[0] <= '9' && !*end && errno == 0;
    if (!is_number)
        return out_error("%s %s: not a number", word->text, word->value);
    if (number < 1 || number > max)
        return out_error("%s %s: must be from 1 to %llu", word->text, word->value, max);
    *ret = number;
    return 0;
}

static int cmd_check_time(struct cmd_check_request *request, const struct args_word *word)
{
    char *end;
    double seconds = strtod(word->value, &end);
    bool is_number = end != word->value && !*end;
    if (!is_number || !(seconds > 0 && seconds <= 1e8))
        return out_error("--time %s: must be a number of seconds", word->value);
    request->options.time_ns = (int64_t)(seconds * 1e9);
    return request->options.time_ns > 0 ? 0 : out_error("--time %s: too short", word->value);
}

static int cmd_check_take_number(struct cmd_check_request *request, const struct args_word *word)
{
    unsigned long long number = 0;
    unsigned long long max = word->id == CMD_CHECK_PREEMPTIONS ? 16
                             : word->id == CMD_CHECK_JOBS      ? 256
                                                               : 1ULL << 62;
    if (cmd_check_number(word, max, &number) != 0)
        return OUT_COULD_NOT;
    if (word->id == CMD_CHECK_SEED)
        request->options.seed = number;
    else if (word->id == CMD_CHECK_SCHEDULES)
        request->options.schedules = number;
    else if (word->id == CMD_CHECK_PREEMPTIONS)
        request->options.preemptions = (unsigned)number;
    else
        request->options.jobs = (unsigned)number;
    return 0;
}

static int cmd_check_take(struct cmd_check_request *request, const struct args_word *word)
{
    if (word->kind != ARGS_OPTION || word->id < COMPILER_OWN) {
        request->compiles |= word->kind == ARGS_FLAG || word->id == COMPILER_FLAGS;
        request->help |= word->kind == ARGS_OPTION && word->id == COMPILER_HELP;
        return compiler_take(&request->order, word);
    }
    switch ((enum cmd_check_option)word->id) {
    case CMD_CHECK_TIME:
        return cmd_check_time(request, word);
    case CMD_CHECK_MODE:
        return cmd_check_mode(request, word->value);
    case CMD_CHECK_STRATEGY:
        return cmd_check_strategy(request, word->value);
    case CMD_CHECK_EARLY_TIMERS:
        request->options.early_timers = true;
        return 0;
    case CMD_CHECK_KEEP_GOING:
        request->options.keep_searching = true;
        return 0;
    case CMD_CHECK_JSON:
        request->wishes.json = true;
        return 0;
    case CMD_CHECK_SARIF:
        request->wishes.sarif = word->value;
        return 0;
    case CMD_CHECK_HTML:
        request->wishes.html = word->value;
        return 0;
    case CMD_CHECK_LEVEL:
        request->order.hooked = word->value;
        return hook_is_level(word->value) ? 0 : out_error("-O %s: no such level", word->value);
    case CMD_CHECK_NO_CACHE:
        request->no_cache = true;
        return 0;
    default:
        return cmd_check_take_number(request, word);
    }
}

static int cmd_check_take_source(struct cmd_check_request *request, const char *source)
{
    int rc = disk_check_source(source);
    if (rc < 0)
        return out_error("%s: %s", source, disk_reason(rc));
    words_push(&request->order.sources, source);
    return 0;
}

/* The sources, then what is the program's; or the program and what is its. */
static int cmd_check_take_rest(struct cmd_check_request *request, const char *first,
                               const char *const *rest)
{
    if (!first)
        return out_error("no PROG and no FILE.c given; as in: weft check hello.c");
    if (!hook_is_source(first)) {
        words_push(&request->argv, first);
    } else if (cmd_check_take_source(request, first) != 0) {
        return OUT_COULD_NOT;
    }
    while (request->order.sources.n && *rest && hook_is_source(*rest)) {
        if (cmd_check_take_source(request, *rest++) != 0)
            return OUT_COULD_NOT;
    }
    if (request->order.sources.n && *rest && strcmp(*rest, "--") == 0)
        rest++;
    for (; *rest; rest++)
        words_push(&request->argv, *rest);
    return 0;
}

static int cmd_check_read(const char *const *words, struct cmd_check_request *request)
{
    struct args args = {cmd_check_options, words};
    struct args_word word;
    while ((word = args_next(&args)).kind != ARGS_END && word.kind != ARGS_FILE) {
        if (word.kind == ARGS_WRONG || cmd_check_take(request, &word) != 0)
            return OUT_COULD_NOT;
    }
    if (request->help)
        return 0;
    const char *first = word.kind == ARGS_FILE ? word.text : *args.next;
    const char *const *rest = word.kind == ARGS_FILE ? args.next
                              : first                ? args.next + 1
                                                     : args.next;
    if (cmd_check_take_rest(request, first, rest) != 0)
        return OUT_COULD_NOT;
    if (request->compiles && !request->order.sources.n)
        return out_error("%s: is a program; flags for the compiler go with a FILE.c", first);
    return 0;
}

/* ---- compiling ---- */

static int cmd_check_compile(struct cmd_check_request *request)
{
    struct words argv = {0};
    const char *program;
    if (hooked_program(&request->order, request->no_cache, &program, &request->library) != 0)
        return OUT_COULD_NOT;
    words_push(&argv, program);
    words_append(&argv, &request->argv);
    request->argv = argv;
    return 0;
}

/* ---- checking ---- */

static volatile int cmd_check_stop;

static void cmd_check_interrupted(int signo)
{
    (void)signo;
    cmd_check_stop = 1;
}

/* A second Ctrl-C ends us as usual. */
static void cmd_check_listen(void)
{
    struct sigaction action = {.sa_handler = cmd_check_interrupted,
                               .sa_flags = (int)SA_RESETHAND | SA_RESTART};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static int cmd_check_run(struct cmd_check_request *request)
{
    weft_check_report *report;
    request->options.progress = report_progress;
    request->options.stop = &cmd_check_stop;
    cmd_check_listen();
    int rc = weft_check_program((char **)request->argv.at, request->library, &request->options,
                                &report);
    report_progress_clear();
    if (rc < 0)
        return report_refusal(request->argv.at[0], rc);
    int status = report_show(report, &request->wishes);
    weft_check_report_free(report);
    return status;
}

static int cmd_check_main(const char *const *words)
{
    struct cmd_check_request request = {0};
    if (cmd_check_read(words, &request) != 0)
        return OUT_COULD_NOT;
    if (request.help)
        return command_help(&cmd_check);
    if (request.order.sources.n && cmd_check_compile(&request) != 0)
        return OUT_COULD_NOT;
    return cmd_check_run(&request);
}

const struct command cmd_check = {
    .name = "check",
    .usage = "[OPTION…] PROG|FILE.c… [ARG…]",
    .summary = "run under many schedules, find the one that fails",
    .help = "Finds races, deadlocks, lost wake-ups, livelocks, leaks, failed assertions, crashes;\n"
            "shows the failing schedule with as few preemptions as can be found, and a string by\n"
            "which `weft replay` runs it again. Status 0: nothing found, 1: found, 2: could not.\n"
            "PROG is any program with threads; of a FILE.c each access of memory is seen, too.\n"
            "What the program prints is thrown away; what it reads, each schedule reads anew.\n"
            "Several schedules run at a time: where they would write to one file, say --jobs 1.\n"
            "\n"
            "  --seed N         another seed, another search; the same seed finds the same\n"
            "  --schedules N    at most so many (10000)\n"
            "  --time S         at most so many seconds (60)\n"
            "  --strategy NAME  portfolio (all by turns), random, pos, pct, surw, rf, exhaustive\n"
            "  --preemptions N  with exhaustive: every schedule with at most so many (2)\n"
            "  --mode MODE      control (usual); delays: real threads, delayed at random, and\n"
            "                   what fails by chance; auto: control, and delays if that hangs\n"
            "  --jobs N         so many at a time (one per CPU)\n"
            "  --early-timers   let deadlines come while others could run\n"
            "  --keep-going     do not stop at the first failure, report the gravest\n"
            "  --json           one JSON object on stdout, instead of the text\n"
            "  --sarif FILE     write SARIF for a CI system; - is stdout\n"
            "  --html FILE      write a page with the timeline; - is stdout\n"
            "\nFor a FILE.c:\n"
            "  -O LEVEL         the compiler's level (1)\n"
            "  --no-cache       compile anew, even if it was compiled before\n"
            COMPILER_OPTIONS_HELP,
    .run = cmd_check_main,
};
