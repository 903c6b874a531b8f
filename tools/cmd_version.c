/* cmd_version.c - weft version: which Weft this is, and what it compiles with.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <string.h>

#include <weft.h>

#include "command.h"
#include "compiler.h"
#include "out.h"

static void cmd_version_text(const struct home *home, const char *compiler)
{
    printf("weft %s\n", weft_version());
    printf("  built     %s\n", weft_build_info());
    printf("  headers   %s\n", home->include ? home->include : "not found");
    printf("  library   %s\n", home->library ? home->library : "not found");
    printf("  compiler  %s\n", compiler ? compiler : "not found");
}

static void cmd_version_member(const char *before, const char *name, const char *value)
{
    printf("%s\"%s\":", before, name);
    if (value)
        out_json_string(value);
    else
        printf("null");
}

static void cmd_version_json(const struct home *home, const char *compiler)
{
    cmd_version_member("{", "version", weft_version());
    cmd_version_member(",", "built", weft_build_info());
    cmd_version_member(",", "headers", home->include);
    cmd_version_member(",", "library", home->library);
    cmd_version_member(",", "compiler", compiler);
    printf("}\n");
}

static int cmd_version_main(const char *const *words)
{
    enum { CMD_VERSION_JSON, CMD_VERSION_HELP };
    static const struct args_option options[] = {
        {"--json", false, CMD_VERSION_JSON}, {"--help", false, CMD_VERSION_HELP}, {NULL, false, 0}};
    struct args args = {options, words};
    struct args_word word;
    bool json = false;
    while ((word = args_next(&args)).kind != ARGS_END) {
        if (word.kind == ARGS_WRONG)
            return OUT_COULD_NOT;
        if (word.kind != ARGS_OPTION)
            return out_error("%s: not understood; only --json is", word.text);
        if (word.id == CMD_VERSION_HELP)
            return command_help(&cmd_version);
        json = true;
    }
    struct home home = {0};
    struct words compiler = {0};
    if (!home_find(&home))
        home = (struct home){0};
    const char *path = compiler_find(NULL, &compiler) ? compiler.at[0] : NULL;
    if (json)
        cmd_version_json(&home, path);
    else
        cmd_version_text(&home, path);
    return out_finish();
}

const struct command cmd_version = {
    .name = "version",
    .usage = "[--json]",
    .summary = "show the version, and what it compiles with",
    .help = "  --json          one object, for programs\n",
    .run = cmd_version_main,
};
