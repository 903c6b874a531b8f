/* command.h - what main.c knows of each command.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_TOOLS_COMMAND_H
#define WEFT_TOOLS_COMMAND_H

struct command {
    const char *name;
    const char *usage;   /* what follows "weft NAME" */
    const char *summary; /* in a few words */
    const char *help;    /* the rest of `weft help NAME` */

    /* Gets the words behind its name, ended by NULL.  Returns an exit status. */
    int (*run)(const char *const *words);
};

extern const struct command cmd_run;
extern const struct command cmd_build;
extern const struct command cmd_check;
extern const struct command cmd_replay;
extern const struct command cmd_cc;
extern const struct command cmd_doctor;
extern const struct command cmd_version;

/* Prints `weft help NAME`.  Returns OUT_NOTHING. */
int command_help(const struct command *command);

#endif
