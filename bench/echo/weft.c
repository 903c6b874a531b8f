/* weft.c - an echo server: a task for each connection.
 *
 * SPDX-License-Identifier: MIT
 */
#include <weft.h>
#include <weft/net.h>

#include "common/socket.h"

static int attend(void *arg)
{
    const int fd = *(const int *)arg;
    char buffer[ECHO_BUFFER];
    ssize_t n, sent;

    do {
        n = weft_recv(fd, buffer, sizeof buffer, 0);
        sent = n > 0 ? weft_send(fd, buffer, (size_t)n, 0) : 0;
        if (sent > 0 && sent < n)
            sent = weft_write_all(fd, buffer + sent, (size_t)(n - sent), NULL) == 0;
    } while (sent > 0);
    weft_close(fd);
    return 0;
}

static int serve(void *arg)
{
    const struct bench_args *args = arg;
    weft_scope scope;
    char where[32];
    int listener, fd;

    snprintf(where, sizeof where, "127.0.0.1:%ld", args->n);
    listener = weft_listen(where, NULL);
    bench_ok(listener < 0, "listen");
    weft_scope_open(&scope);
    while ((fd = weft_accept(listener, NULL)) >= 0)
        weft_go(&scope, attend, &fd);
    weft_close(listener);
    return weft_scope_close(&scope);
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);

    return weft_run_with(serve, &args, &(weft_options){.workers = (size_t)args.workers});
}
