/* report.c - what the demo says at the end, for people and for programs.
 *
 * SPDX-License-Identifier: MIT
 */
#include "report.h"

#include <inttypes.h>
#include <string.h>

#include <weft/err.h>

#define REPORT_WIDTH 80 /* what any terminal has; the table is no wider */

const struct trial *report_base(const struct report *report)
{
    for (size_t i = 0; i < report->n; i++) {
        if (strcmp(report->trials[i].strategy->name, "sequential") == 0)
            return report->trials[i].state == TRIAL_DONE ? &report->trials[i] : NULL;
    }
    return NULL;
}

static size_t report_done(const struct report *report)
{
    size_t done = 0;

    for (size_t i = 0; i < report->n; i++)
        done += report->trials[i].state == TRIAL_DONE;
    return done;
}

double report_speedup(const struct trial *base, const struct trial *trial)
{
    return base != NULL && trial->wall_ns > 0 ? (double)base->wall_ns / (double)trial->wall_ns : 0;
}

double report_efficiency(const struct report *report, const struct trial *trial)
{
    const struct trial *base = report_base(report);

    return report_speedup(base, trial) / (double)(trial == base ? 1 : report_cpus(report));
}

static bool report_is_control(unsigned char byte)
{
    return byte < ' ' || byte == 127;
}

/* ---- for people ---- */

/* A path may hold anything; what a terminal would take for a command is written as \ooo. */
static void report_path(const char *path, FILE *file)
{
    for (const unsigned char *at = (const unsigned char *)path; *at != '\0'; at++) {
        if (report_is_control(*at) || *at == '\\')
            fprintf(file, "\\%03o", *at);
        else
            fputc(*at, file);
    }
}

static void report_print_head(const struct report *report, FILE *file)
{
    const struct verdict *verdict = report->verdict;

    report_path(report->root, file);
    fprintf(file, ": %" PRIu64 " files, %.1f MB", verdict->files, (double)verdict->bytes / 1e6);
    if (report->warm->skipped > 0)
        fprintf(file, "; %" PRIu64 " links and other things passed over", report->warm->skipped);
    fprintf(file, "\n%zu worker%s on %zu CPU%s\n", report->workers, report->workers == 1 ? "" : "s",
            report->cpus, report->cpus == 1 ? "" : "s");
    if (report->warm->state == TRIAL_DONE) {
        fprintf(file, "(before: all read once in %.3f s, so that each finds the same page cache)\n",
                trial_seconds(report->warm->wall_ns));
    }
    if (verdict->unreadable > 0)
        fprintf(file, "could not be read: %" PRIu64 "\n", verdict->unreadable);
    for (size_t i = 0; i < verdict->troubles; i++) {
        fputs("  ", file);
        report_path(verdict->trouble[i].path, file);
        fprintf(file, ": %s\n", weft_strerror(verdict->trouble[i].error));
    }
    if (verdict->unreadable > verdict->troubles)
        fprintf(file, "  and %" PRIu64 " more\n", verdict->unreadable - verdict->troubles);
    fputc('\n', file);
}

static void report_print_failure(const struct trial *trial, FILE *file)
{
    if (trial->signal > 0)
        fprintf(file, "ended by signal %d", trial->signal);
    else
        fprintf(file, "%s", trial->code < 0 ? weft_strerror(trial->code) : "ended without a word");
}

static void report_print_row(const struct report *report, const struct trial *trial, FILE *file)
{
    const struct trial *base = report_base(report);
    char hex[SHA256_HEX_SIZE], speedup[16] = "-", efficiency[16] = "-";

    if (trial->state == TRIAL_FAILED) {
        fprintf(file, "%-18s failed: ", trial->strategy->title);
        report_print_failure(trial, file);
        fputc('\n', file);
    }
    if (trial->state != TRIAL_DONE)
        return;
    if (base != NULL) {
        snprintf(speedup, sizeof speedup, "%.2f", report_speedup(base, trial));
        snprintf(efficiency, sizeof efficiency, "%.0f %%", 100 * report_efficiency(report, trial));
    }
    sha256_hex(trial->digest, hex);
    fprintf(file, "%-18s %8.3f s %8.3f s %8.1f MB %8s %10s %.7s\n", trial->strategy->title,
            trial_seconds(trial->wall_ns), trial_seconds(trial->cpu_ns),
            (double)trial->peak_bytes / 1e6, speedup, efficiency, hex);
}

static void report_print_interrupted(const struct report *report, FILE *file)
{
    const struct trial *partial = NULL;

    if (report->warm->state == TRIAL_INTERRUPTED)
        partial = report->warm;
    for (size_t i = 0; i < report->n; i++) {
        if (report->trials[i].state == TRIAL_INTERRUPTED)
            partial = &report->trials[i];
    }
    fprintf(file, "interrupted: %zu of %zu strategies done", report_done(report), report->n);
    if (partial != NULL) {
        fprintf(file, "; %s had done %" PRIu64 " files, %.1f MB in %.3f s",
                partial->strategy->title, partial->files, (double)partial->bytes / 1e6,
                trial_seconds(partial->wall_ns));
    }
    fputc('\n', file);
}

static void report_print_verdict(const struct report *report, FILE *file)
{
    const struct verdict *verdict = report->verdict;

    if (verdict->identical) {
        fprintf(file, "identical: yes (%" PRIu64 " files, %" PRIu64 " bytes, %zu strategies)\n",
                verdict->files, verdict->bytes, report_done(report));
    } else if (verdict->path != NULL) {
        fputs("identical: no (", file);
        report_path(verdict->path, file);
        fprintf(file, ": %s and %s differ in %s)\n", verdict->a->strategy->title,
                verdict->b->strategy->title, verdict->what);
    } else {
        fprintf(file, "identical: no (%s failed: ", verdict->b->strategy->title);
        report_print_failure(verdict->b, file);
        fputs(")\n", file);
    }
}

/* A text of words, in lines of at most REPORT_WIDTH characters. */
static void report_fill(const char *text, FILE *file)
{
    size_t column = 0;

    while (*text != '\0') {
        size_t size = strcspn(text, " ");
        if (column > 0 && column + 1 + size > REPORT_WIDTH) {
            fputc('\n', file);
            column = 0;
        }
        column += (size_t)fprintf(file, "%s%.*s", column > 0 ? " " : "", (int)size, text);
        text += size;
        text += strspn(text, " ");
    }
    fputc('\n', file);
}

void report_print(const struct report *report, FILE *file)
{
    char advice[REPORT_ADVICE_MAX];

    report_print_head(report, file);
    fprintf(file, "%-18s %10s %10s %11s %8s %10s %s\n", "strategy", "wall", "CPU", "peak memory",
            "speed-up", "efficiency", "answers");
    for (size_t i = 0; i < report->n; i++)
        report_print_row(report, &report->trials[i], file);
    fputc('\n', file);
    if (report->stop != 0) {
        report_print_interrupted(report, file);
        return;
    }
    report_advice(report, advice, sizeof advice);
    report_fill(advice, file);
    fputc('\n', file);
    report_print_verdict(report, file);
}

/* ---- for programs ---- */

/* How many bytes of UTF-8 begin here; 0: these are none. */
static size_t report_utf8_size(const unsigned char *at)
{
    size_t size = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    uint32_t point = size == 4 ? at[0] & 7u : size == 3 ? at[0] & 15u : at[0] & 31u;

    if (size == 1 || at[0] > 0xf4)
        return size == 1 ? 1 : 0;
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (at[i] & 0x3fu);
    }
    if ((size == 3 && point < 0x800) || (size == 4 && (point < 0x10000 || point > 0x10ffff)))
        return 0;
    return point >= 0xd800 && point < 0xe000 ? 0 : size;
}

/* A string in quotes.  A byte that is not UTF-8 becomes U+FFFD, for JSON knows no bytes. */
static void report_json_text(const char *text, FILE *file)
{
    const unsigned char *at = (const unsigned char *)text;

    fputc('"', file);
    while (*at != '\0') {
        size_t size = report_utf8_size(at);
        if (size == 0)
            fputs("\\ufffd", file);
        else if (*at == '"' || *at == '\\')
            fprintf(file, "\\%c", *at);
        else if (report_is_control(*at))
            fprintf(file, "\\u%04x", *at);
        else
            fwrite(at, 1, size, file);
        at += size > 0 ? size : 1;
    }
    fputc('"', file);
}

static void report_json_trial(const struct report *report, const struct trial *trial, FILE *file)
{
    static const char *const states[] = {
        [TRIAL_NOT_RUN] = "not run",
        [TRIAL_DONE] = "done",
        [TRIAL_INTERRUPTED] = "interrupted",
        [TRIAL_FAILED] = "failed",
    };
    const struct trial *base = report_base(report);
    char hex[SHA256_HEX_SIZE];

    fprintf(file, "{\"name\":\"%s\",\"state\":\"%s\",\"files\":%" PRIu64 ",\"bytes\":%" PRIu64,
            trial->strategy->name, states[trial->state], trial->files, trial->bytes);
    fprintf(file, ",\"wall_s\":%.6f,\"cpu_s\":%.6f,\"peak_bytes\":%" PRIu64,
            trial_seconds(trial->wall_ns), trial_seconds(trial->cpu_ns), trial->peak_bytes);
    if (trial->state == TRIAL_DONE) {
        sha256_hex(trial->digest, hex);
        fprintf(file, ",\"digest\":\"%s\"", hex);
        if (base != NULL) {
            fprintf(file, ",\"speedup\":%.4f,\"efficiency\":%.4f", report_speedup(base, trial),
                    report_efficiency(report, trial));
        }
    }
    if (trial->state == TRIAL_FAILED) {
        fprintf(file, ",\"code\":%d,\"signal\":%d", trial->code, trial->signal);
    }
    fputc('}', file);
}

static void report_json_troubles(const struct verdict *verdict, FILE *file)
{
    fprintf(file, ",\"unreadable\":%" PRIu64 ",\"unreadable_first\":[", verdict->unreadable);
    for (size_t i = 0; i < verdict->troubles; i++) {
        fputs(i > 0 ? ",{\"path\":" : "{\"path\":", file);
        report_json_text(verdict->trouble[i].path, file);
        fputs(",\"error\":", file);
        report_json_text(weft_strerror(verdict->trouble[i].error), file);
        fputc('}', file);
    }
    fputc(']', file);
}

void report_print_json(const struct report *report, FILE *file)
{
    const struct verdict *verdict = report->verdict;
    char advice[REPORT_ADVICE_MAX];

    fputs("{\"dir\":", file);
    report_json_text(report->root, file);
    fprintf(file, ",\"cpus\":%zu,\"workers\":%zu,\"files\":%" PRIu64 ",\"bytes\":%" PRIu64,
            report->cpus, report->workers, verdict->files, verdict->bytes);
    fprintf(file, ",\"passed_over\":%" PRIu64, report->warm->skipped);
    report_json_troubles(verdict, file);
    fprintf(file, ",\"first_reading_s\":%.6f,\"strategies\":[",
            trial_seconds(report->warm->wall_ns));
    for (size_t i = 0; i < report->n; i++) {
        fputs(i > 0 ? "," : "", file);
        report_json_trial(report, &report->trials[i], file);
    }
    report_advice(report, advice, sizeof advice);
    fputs("],\"advice\":", file);
    report_json_text(advice, file);
    fprintf(file, ",\"interrupted\":%s,\"identical\":%s", report->stop != 0 ? "true" : "false",
            verdict->identical ? "true" : "false");
    if (verdict->path != NULL) {
        fputs(",\"differs\":", file);
        report_json_text(verdict->path, file);
    }
    fputs("}\n", file);
}
