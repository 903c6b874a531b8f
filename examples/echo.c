/* echo.c - a server that says back what it is told; one task for each connection.
 *
 *     echo [WHERE [SECONDS]]        default: 127.0.0.1:0, which is any free port, until Ctrl-C
 *
 * Each task reads and writes as if it had the machine to itself.  A connection that has an error is
 * that task's business only; Ctrl-C, or the end of the time, cancels all of them.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>

#include <weft.h>

static int serve(void *arg)
{
    int fd = *(int *)arg;
    char buffer[4096];
    ssize_t n;

    while ((n = weft_recv(fd, buffer, sizeof buffer, 0)) > 0)
        if (weft_write_all(fd, buffer, (size_t)n, NULL) < 0)
            break;
    weft_close(fd);
    return 0;
}

static int app(void *arg)
{
    char **args = arg, text[WEFT_ADDR_TEXT_MAX];
    const char *where = args[0] ? args[0] : "127.0.0.1:0";
    double seconds = args[0] && args[1] ? atof(args[1]) : 0;
    weft_addr here;
    weft_scope clients;
    int fd, rc;

    int listener = weft_listen(where, NULL);
    if (listener < 0) {
        fprintf(stderr, "%s: %s\n", where, weft_strerror(listener));
        return listener;
    }
    if (weft_sock_here(listener, &here) == 0 && weft_addr_text(&here, text, sizeof text) > 0)
        printf("listening on %s\n", text);
    fflush(stdout);

    weft_scope_open(&clients);
    if (seconds > 0)
        weft_scope_deadline(&clients, weft_after((int64_t)(seconds * WEFT_SECOND)));
    while ((fd = weft_accept(listener, NULL)) >= 0)
        if (weft_go(&clients, serve, &fd) < 0)
            weft_close(fd);
    weft_close(listener);
    rc = weft_scope_close(&clients);
    return rc == -WEFT_ETIMEDOUT ? 0 : rc;
}

int main(int argc, char **argv)
{
    (void)argc;
    int rc = weft_run(app, argv + 1);
    return rc < 0 ? 1 : rc;
}
