/* report.c - showing what `weft check` found: on the terminal, as JSON, in files.
 *
 * SPDX-License-Identifier: MIT
 */
#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "disk.h"
#include "out.h"

static bool report_line_shown;

/* ---- the terminal ---- */

static unsigned report_width(int fd)
{
    struct winsize size;
    const char *columns = getenv("COLUMNS");
    unsigned long given = columns ? strtoul(columns, NULL, 10) : 0;
    if (given > 0 && given < 10000)
        return (unsigned)given;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static bool report_has_colour(int fd)
{
    const char *term = getenv("TERM"), *no = getenv("NO_COLOR");
    return isatty(fd) && !(no && *no) && !(term && strcmp(term, "dumb") == 0);
}

void report_progress(const weft_check_progress *progress, void *unused)
{
    char line[256];
    double rate = progress->seconds > 0 ? (double)progress->schedules / progress->seconds : 0;
    (void)unused;
    if (!isatty(STDERR_FILENO))
        return;
    int n = snprintf(line, sizeof line, "%s: %llu schedules", progress->phase,
                     (unsigned long long)progress->schedules);
    if (progress->schedules_max > 0 && n > 0 && (size_t)n < sizeof line)
        n += snprintf(line + n, sizeof line - (size_t)n, " of %llu",
                      (unsigned long long)progress->schedules_max);
    if (n > 0 && (size_t)n < sizeof line)
        (void)snprintf(line + n, sizeof line - (size_t)n, ", %.0f/s, %llu behaviours", rate,
                       (unsigned long long)progress->behaviours);
    unsigned width = report_width(STDERR_FILENO);
    if (width > 1 && width < sizeof line)
        line[width - 1] = 0;
    fprintf(stderr, "\r%s\033[K", line);
    fflush(stderr);
    report_line_shown = true;
}

void report_progress_clear(void)
{
    if (report_line_shown)
        fputs("\r\033[K", stderr);
    fflush(stderr);
    report_line_shown = false;
}

/* ---- files ---- */

static int report_write(const weft_check_report *report, enum weft_check_format format,
                        const char *path)
{
    if (strcmp(path, "-") == 0)
        return weft_check_print(report, format, stdout, 0, false) == 0 ? 0 : OUT_COULD_NOT;
    FILE *file = fopen(path, "we");
    if (!file)
        return out_error("%s: %s", path, disk_reason(errno));
    int rc = weft_check_print(report, format, file, 0, false);
    if (fclose(file) != 0 && rc == 0)
        rc = -errno;
    return rc == 0 ? 0 : out_error("%s: %s", path, disk_reason(rc));
}

int report_show(const weft_check_report *report, const struct report_wishes *wishes)
{
    weft_check_result result;
    bool on_stdout = (wishes->sarif && strcmp(wishes->sarif, "-") == 0) ||
                     (wishes->html && strcmp(wishes->html, "-") == 0);
    int status = 0, rc = 0;
    weft_check_result_of(report, &result);
    if (wishes->sarif)
        status |= report_write(report, WEFT_CHECK_SARIF, wishes->sarif);
    if (wishes->html)
        status |= report_write(report, WEFT_CHECK_HTML, wishes->html);
    if (wishes->json)
        rc = weft_check_print(report, WEFT_CHECK_JSON, stdout, 0, false);
    else if (!on_stdout)
        rc = weft_check_print(report, WEFT_CHECK_TEXT, stdout, report_width(STDOUT_FILENO),
                              report_has_colour(STDOUT_FILENO));
    if (rc != 0)
        status = out_error("stdout: %s", disk_reason(rc));
    if (out_finish() != 0 || status != 0)
        return OUT_COULD_NOT;
    return result.found ? OUT_FOUND : OUT_NOTHING;
}

/* ---- refusals ---- */

static bool report_is_script(const char *path)
{
    char begin[2] = {0, 0};
    FILE *file = fopen(path, "re");
    size_t n = file ? fread(begin, 1, sizeof begin, file) : 0;
    if (file)
        fclose(file);
    return n == sizeof begin && begin[0] == '#' && begin[1] == '!';
}

int report_refusal(const char *program, int code)
{
    switch (-code) {
    case ENOENT:
        if (!strchr(program, '/') && disk_is_file(program))
            return out_error("%s: no such program on PATH; did you mean ./%s?", program, program);
        return out_error("%s: no such program%s", program, strchr(program, '/') ? "" : " on PATH");
    case EACCES:
        return out_error("%s: is not executable", program);
    case ENOEXEC:
        if (report_is_script(program))
            return out_error("%s: is a script; name the program that it starts", program);
        return out_error("%s: is not a program of this machine", program);
    case ENOTSUP:
        return out_error("%s: is statically linked, so nothing can be put between it and libc; "
                         "link it dynamically, without -static", program);
    case EPERM:
        return out_error("%s: runs with another user's rights (set-user-id), so the loader lets "
                         "nothing be preloaded; check a copy without the bit", program);
    case ELIBACC:
        return out_error("libweft-check.so is not where this command was built or installed; "
                         "install Weft anew, or set WEFT_HOME to its prefix");
    case EPROTO:
        return out_error("libweft-check.so is of another version than this command; "
                         "install Weft anew");
    case ECHILD:
        return out_error("%s: ended before its main was reached; does it run by itself, and is it "
                         "free of sanitizers?", program);
    case ECONNRESET:
        return out_error("%s: ends the process that watches it, as by kill(0, …); it cannot be "
                         "checked while it does", program);
    case ETIMEDOUT:
        return out_error("%s: did not come to its main; does a constructor of it wait?", program);
    case ETIME:
        return out_error("%s: no schedule of it ended in time; if it waits for something that "
                         "cannot be seen from outside (a loop that reads a variable until it "
                         "changes, a call that blocks), compile it by `weft cc` or check its "
                         "FILE.c", program);
    default:
        return out_error("%s: cannot be checked: %s", program, disk_reason(code));
    }
}
