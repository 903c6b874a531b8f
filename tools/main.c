/* main.c - the command `weft`: finds which of its commands is meant, and helps.
 *
 * A new command is a file cmd_x.c and a line in the table.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "disk.h"
#include "out.h"
#include "words.h"

static const struct command *const main_commands[] = {
    &cmd_run, &cmd_build, &cmd_check, &cmd_replay, &cmd_cc, &cmd_doctor, &cmd_version, NULL,
};

static const struct command *main_find(const char *name)
{
    for (const struct command *const *one = main_commands; *one; one++) {
        if (strcmp(name, (*one)->name) == 0)
            return *one;
    }
    return NULL;
}

static void main_usage(FILE *to)
{
    fprintf(to, "usage: weft COMMAND …\n\n");
    for (const struct command *const *one = main_commands; *one; one++)
        fprintf(to, "  %-8s %s\n", (*one)->name, (*one)->summary);
    fprintf(to, "  %-8s %s\n", "help", "show the help of a command: weft help run");
}

int command_help(const struct command *command)
{
    printf("usage: weft %s %s\n\n%s", command->name, command->usage, command->help);
    return out_finish();
}

static int main_unknown(const char *name)
{
    struct words names = {0};
    for (const struct command *const *one = main_commands; *one; one++)
        words_push(&names, (*one)->name);
    words_push(&names, "help");
    const char *nearest = words_nearest(name, &names);
    if (nearest)
        return out_error("%s: no such command; did you mean `weft %s`?", name, nearest);
    if (disk_is_file(name))
        return out_error("%s: is a file, not a command; to run it: weft run %s", name,
                         words_quote(name));
    return out_error("%s: no such command; `weft help` lists them", name);
}

static int main_help(const char *const *words)
{
    if (!*words) {
        main_usage(stdout);
        return out_finish();
    }
    const struct command *command = main_find(*words);
    return command ? command_help(command) : main_unknown(*words);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        main_usage(stderr);
        return OUT_COULD_NOT;
    }
    const char *name = argv[1];
    const char *const *words = (const char *const *)argv + 2;
    if (strcmp(name, "--version") == 0)
        name = "version";
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return main_help(words);
    const struct command *command = main_find(name);
    if (!command)
        return main_unknown(name);
    out_speaker(words_print("weft %s", name));
    return command->run(words);
}
