/* out.h - what the command says, and the status it ends with.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_TOOLS_OUT_H
#define WEFT_TOOLS_OUT_H

/* Exit statuses of the command itself.  `weft run` ends with the program's own. */
enum out_status {
    OUT_NOTHING = 0,  /* did what it was asked to */
    OUT_FOUND = 1,    /* for commands that look for something: found it */
    OUT_COULD_NOT = 2 /* could not do it; stderr says why */
};

/* Who speaks: "weft run".  Before it is said: "weft". */
void out_speaker(const char *speaker);

/* One line on stderr, "weft run: …", in one write.  Returns OUT_COULD_NOT. */
int out_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same line where nothing went wrong. */
void out_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A string of JSON on stdout, quotes and all. */
void out_json_string(const char *text);

/* Stdout is complete: 0, or OUT_COULD_NOT when a write has failed. */
int out_finish(void);

#endif
