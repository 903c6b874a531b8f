/* subprocess.c - other programs: three in a row, one that is listened to, one that takes too long.
 *
 * The first part is what a shell writes as  words | sort | uniq -c , with a task for `words`; the
 * others are one call each.  A program whose time is over is asked to go (SIGTERM), and after a
 * while of grace made to (SIGKILL).
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <string.h>

#include <weft.h>

#define WORDS 30000

/* The descriptor is this task's: its end is how sort learns that there are no more. */
static int say_words(void *arg)
{
    static const char *const words[] = {"weft\n", "warp\n", "loom\n", "warp\n", "weft\n", "warp\n"};
    int fd = *(int *)arg, rc = 0;

    for (int i = 0; i < WORDS && rc == 0; i++)
        rc = weft_write_all(fd, words[i % 6], strlen(words[i % 6]), NULL);
    weft_close(fd);
    return rc;
}

static int show(int fd)
{
    char text[4096];
    ssize_t n;

    while ((n = weft_read(fd, text, sizeof text)) > 0)
        fwrite(text, 1, (size_t)n, stdout);
    return (int)n;
}

static int count_words(void)
{
    const char *const sort[] = {"sort", NULL}, *const uniq[] = {"uniq", "-c", NULL};
    weft_proc *sorter = NULL, *counter = NULL;
    weft_proc_end end;
    weft_scope scope;

    int rc = weft_proc_start(sort, &(weft_proc_options){.in = WEFT_PROC_PIPE,
                                                        .out = WEFT_PROC_PIPE}, &sorter);
    if (rc == 0) {
        int sorted = weft_proc_fd(sorter, 1, true);
        rc = weft_proc_start(uniq, &(weft_proc_options){.in = sorted, .out = WEFT_PROC_PIPE},
                             &counter);
        weft_close(sorted); /* uniq has its own now */
    }
    if (rc == 0) {
        int words = weft_proc_fd(sorter, 0, true);
        weft_scope_open(&scope);
        if (weft_go(&scope, say_words, &words) < 0)
            weft_close(words);
        rc = show(weft_proc_fd(counter, 1, false));
        int failed = weft_scope_close(&scope);
        rc = failed < 0 ? failed : rc;
    }
    if (rc == 0 && (rc = weft_proc_wait(counter, &end)) == 0)
        printf("uniq ended with %d\n", end.exit_code);
    weft_proc_close(counter);
    weft_proc_close(sorter);
    return rc;
}

/* What it says, if it has ended in time. */
static int listen_to(const char *script, int64_t time)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    weft_proc_result result;
    weft_scope scope;

    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(time));
    int rc = weft_proc_run(argv, &(weft_proc_options){.input = "warp", .input_size = 4}, &result);
    int code = weft_scope_close(&scope);
    printf("%s: %s, exit code %d, signal %d, said '%s'\n", script,
           code < 0 ? weft_strerror(code) : "in time", result.end.exit_code, result.end.signal,
           result.out ? result.out : "");
    weft_proc_result_free(&result);
    return code == -WEFT_ETIMEDOUT ? 0 : rc;
}

static int app(void *arg)
{
    int rc = count_words();

    (void)arg;
    rc = rc < 0 ? rc : listen_to("tr a-z A-Z; exit 3", 60 * WEFT_SECOND);
    return rc < 0 ? rc : listen_to("exec sleep 1000", 100 * WEFT_MS);
}

int main(void)
{
    return weft_run(app, NULL) == 0 ? 0 : 1;
}
