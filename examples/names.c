/* names.c - the addresses of many names, asked for at once.
 *
 *     names [NAME...]        without a name: a name on each line of the input
 *
 * The system's resolver answers one question per thread; Weft has eight of its threads ask, and
 * whoever waits is a task.  A name that has no answer within five seconds is given up.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weft.h>

enum { ADDRS_MAX = 16 };

static weft_mutex output; /* so that the lines of two names do not mix */

static int find(void *arg)
{
    weft_addr addrs[ADDRS_MAX];
    char *name = *(char **)arg, text[WEFT_ADDR_TEXT_MAX];
    weft_scope patience;

    weft_scope_open(&patience);
    weft_scope_deadline(&patience, weft_after(5 * WEFT_SECOND));
    int n = weft_resolve(name, NULL, NULL, addrs, ADDRS_MAX), late = weft_scope_close(&patience);
    int rc = weft_mutex_lock(&output);
    if (rc == 0) {
        if (n < 0)
            printf("%s: %s\n", name, weft_strerror(late < 0 ? late : n));
        for (int i = 0; i < n; i++)
            if (weft_addr_text(&addrs[i], text, sizeof text) > 0)
                printf("%s: %.*s\n", name, (int)(strrchr(text, ':') - text), text);
        weft_mutex_unlock(&output);
    }
    free(name);
    return rc;
}

static int start(weft_scope *scope, const char *word)
{
    char *name = strdup(word);
    int rc = name ? weft_go(scope, find, &name) : -WEFT_ENOMEM;

    if (rc < 0)
        free(name);
    return rc;
}

static int app(void *arg)
{
    weft_stream *input = NULL;
    weft_scope scope;
    char *line;
    int rc = 0;

    weft_scope_open(&scope);
    for (char **name = arg; *name && rc == 0; name++)
        rc = start(&scope, *name);
    if (*(char **)arg == NULL)
        rc = weft_stream_fd(STDIN_FILENO, &input);
    while (input && rc == 0 && weft_stream_line(input, &line) >= 0)
        rc = start(&scope, line);
    weft_stream_close(input);
    int failed = weft_scope_close(&scope);
    return rc < 0 ? rc : failed;
}

int main(int argc, char **argv)
{
    (void)argc;
    return weft_run(app, argv + 1) == 0 ? 0 : 1;
}
