/* outside.c - the code of the chapter "How do I talk to the world?"
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <string.h>

#include <weft.h>

/* [answer] */
static int answer(void *arg) /* the task of one connection */
{
    weft_stream *stream = NULL;
    char *line;
    int rc = weft_stream_fd(*(int *)arg, &stream); /* the descriptor is the stream's from now on */

    while (rc == 0 && weft_stream_line(stream, &line) >= 0) {
        rc = weft_stream_print(stream, "you said %s\n", line);
        if (rc == 0)
            rc = weft_stream_flush(stream);
    }
    int closed = weft_stream_close(stream);
    return rc < 0 ? rc : closed;
}
/* [/answer] */

/* [ask] */
static int ask(weft_stream *server, const char *question, int64_t patience)
{
    weft_scope scope;
    char *line;

    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(patience));
    int rc = weft_stream_print(server, "%s\n", question);
    if (rc == 0)
        rc = weft_stream_flush(server);
    if (rc == 0 && weft_stream_line(server, &line) >= 0)
        printf("%s\n", line);
    return weft_scope_close(&scope); /* -WEFT_ETIMEDOUT: the deadline cut a call short */
}
/* [/ask] */

static int lines(void)
{
    weft_stream *server;
    weft_scope scope;
    int fds[2], rc = weft_socketpair(fds);

    if (rc < 0)
        return rc;
    weft_scope_open(&scope);
    if (weft_go(&scope, answer, &fds[1]) < 0)
        weft_close(fds[1]);
    rc = weft_stream_fd(fds[0], &server);
    if (rc == 0) {
        rc = ask(server, "hello", 10 * WEFT_SECOND);
        weft_stream_close(server);
    }
    int failed = weft_scope_close(&scope);
    return rc < 0 ? rc : failed;
}

static int silence(void)
{
    weft_stream *server;
    int fds[2], rc = weft_socketpair(fds);

    if (rc < 0 || (rc = weft_stream_fd(fds[0], &server)) < 0)
        return rc;
    printf("%s\n", weft_strerror(ask(server, "is there anybody?", 10 * WEFT_MS)));
    weft_stream_close(server);
    weft_close(fds[1]);
    return 0;
}

static int app(void *arg)
{
    (void)arg;
    printf("-- lines\n");
    int rc = lines();
    printf("-- silence\n");
    return rc < 0 ? rc : silence();
}

int main(void)
{
    return weft_run_with(app, NULL, &(weft_options){.virtual_clock = true}) == 0 ? 0 : 1;
}
