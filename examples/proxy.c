/* proxy.c - stands between clients and a server: what one says, the other hears.
 *
 *     proxy WHERE TO [IDLE-SECONDS]        proxy :8080 example.org:80
 *
 * A connection is two tasks, one for each direction, in one scope.  When a side has said all it had
 * to say, the other is told so, and the way back stays open.  When a direction fails, its scope
 * cancels the other.  When nothing has been said for a while the deadline comes: each piece that
 * passes puts it off.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>

#include <weft.h>

static const char *target;
static int64_t idle = 60 * WEFT_SECOND;

struct way { int from, to; weft_scope *pair; };

static int carry(void *arg)
{
    struct way *way = arg;
    char buffer[16 << 10];
    ssize_t n;

    while ((n = weft_recv(way->from, buffer, sizeof buffer, 0)) > 0) {
        weft_scope_deadline(way->pair, weft_after(idle));
        int rc = weft_write_all(way->to, buffer, (size_t)n, NULL);
        if (rc < 0)
            return rc;
    }
    return n < 0 ? (int)n : weft_shutdown(way->to, SHUT_WR);
}

/* The deadline holds for a connect that nobody answers, too. */
static int join(int client)
{
    weft_scope pair;

    weft_scope_open(&pair);
    weft_scope_deadline(&pair, weft_after(idle));
    int server = weft_connect(target, NULL);
    if (server >= 0) {
        weft_go(&pair, carry, &(struct way){client, server, &pair});
        weft_go(&pair, carry, &(struct way){server, client, &pair});
    }
    int rc = weft_scope_close(&pair);
    if (server >= 0)
        weft_close(server);
    return server < 0 && rc == 0 ? server : rc;
}

static int serve(void *arg)
{
    int client = *(int *)arg, rc = join(client);

    if (rc < 0 && rc != -WEFT_ECANCELED) /* one line for what went wrong, whatever it was */
        fprintf(stderr, "proxy: %s: %s\n", target, weft_strerror(rc));
    weft_close(client);
    return 0;
}

static int app(void *arg)
{
    char text[WEFT_ADDR_TEXT_MAX];
    weft_addr here;
    weft_scope clients;
    int fd, listener = weft_listen(arg, NULL);

    if (listener < 0)
        return listener;
    if (weft_sock_here(listener, &here) == 0 && weft_addr_text(&here, text, sizeof text) > 0)
        printf("listening on %s\n", text);
    fflush(stdout);
    weft_scope_open(&clients);
    while ((fd = weft_accept(listener, NULL)) >= 0)
        if (weft_go(&clients, serve, &fd) < 0)
            weft_close(fd);
    weft_close(listener);
    return weft_scope_close(&clients);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "proxy WHERE TO [IDLE-SECONDS]\n");
        return 2;
    }
    target = argv[2];
    if (argc > 3)
        idle = (int64_t)(atof(argv[3]) * (double)WEFT_SECOND);
    int rc = weft_run(app, argv[1]);
    if (rc < 0)
        fprintf(stderr, "proxy: %s\n", weft_strerror(rc));
    return rc < 0 ? 1 : rc;
}
