/* report.h - showing what `weft check` found: on the terminal, as JSON, in files.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_TOOLS_REPORT_H
#define WEFT_TOOLS_REPORT_H

#include <stdbool.h>

#include <weft/check.h>

struct report_wishes {
    bool json;         /* on stdout, instead of the text */
    const char *sarif; /* files; NULL: none */
    const char *html;
};

/* Sleeps.  OUT_NOTHING, OUT_FOUND, or OUT_COULD_NOT when something could not be written. */
int report_show(const weft_check_report *report, const struct report_wishes *wishes);

/* One line on a terminal's stderr that is written over again and again; nothing elsewhere. */
void report_progress(const weft_check_progress *progress, void *unused);
void report_progress_clear(void);

/* Why a program could not be put under control.  Returns OUT_COULD_NOT. */
int report_refusal(const char *program, int code);

#endif
