/* portscan.c - which ports of a machine answer.  For machines of your own.
 *
 *     portscan [HOST [FIRST [LAST]]]        default: 127.0.0.1 1 65535
 *
 * A port is a task: it waits for a unit of the limiter, since descriptors are not without end, and
 * has half a second to be answered.  That a port is closed is a result and not a failure, so no
 * task ever fails, and the scope ends when the last has its answer.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>

#include <weft.h>

enum { PORTS = 65536, AT_ONCE = 500 };

static const char *host;
static long first, last;
static int results[PORTS]; /* 0: open; or why not */
static weft_limiter limiter = WEFT_LIMITER_INIT(AT_ONCE);

/* A port that is free just now may be lent to the very socket that asks for it; TCP then connects
 * the socket with itself. */
static bool is_own_echo(int fd)
{
    weft_addr here, peer;

    return weft_sock_here(fd, &here) == 0 && weft_sock_peer(fd, &peer) == 0 &&
           weft_addr_port(&here) == weft_addr_port(&peer);
}

static int knock(const weft_addr *addr)
{
    weft_scope patience;

    weft_scope_open(&patience);
    weft_scope_deadline(&patience, weft_after(500 * WEFT_MS));
    int fd = weft_connect_addr(addr), rc = weft_scope_close(&patience);
    if (fd < 0)
        return rc < 0 ? rc : fd; /* -WEFT_ETIMEDOUT, rather than that it was cancelled */
    rc = is_own_echo(fd) ? -ECONNREFUSED : 0;
    weft_close(fd);
    return rc;
}

struct door { weft_addr addr; long port; };

static int visit(void *arg)
{
    struct door *door = arg;
    int rc = weft_limiter_take(&limiter);

    if (rc < 0)
        return rc;
    results[door->port] = knock(&door->addr);
    weft_limiter_give(&limiter);
    return 0;
}

static int app(void *arg)
{
    weft_scope scan;
    weft_addr addr;
    char text[6];
    int rc = 0, code;

    (void)arg;
    weft_scope_open(&scan);
    for (long port = first; port <= last && rc == 0; port++) {
        snprintf(text, sizeof text, "%ld", port);
        if ((code = weft_resolve(host, text, NULL, &addr, 1)) < 0)
            rc = code;
        else
            rc = weft_go(&scan, visit, &(struct door){addr, port});
    }
    code = weft_scope_close(&scan);
    return rc < 0 ? rc : code;
}

int main(int argc, char **argv)
{
    long count[2] = {0, 0};

    host = argc > 1 ? argv[1] : "127.0.0.1";
    first = argc > 2 ? atol(argv[2]) : 1;
    last = argc > 3 ? atol(argv[3]) : argc > 2 ? first : PORTS - 1;
    if (first < 1 || last >= PORTS) {
        fprintf(stderr, "portscan: ports are 1 to %d\n", PORTS - 1);
        return 2;
    }
    int rc = weft_run(app, NULL);
    if (rc != 0) {
        fprintf(stderr, "portscan: %s\n", rc < 0 ? weft_strerror(rc) : "interrupted");
        return 1;
    }
    for (long port = first; port <= last; port++) {
        if (results[port] == 0)
            printf("%ld open\n", port);
        else
            count[results[port] == -WEFT_ETIMEDOUT]++;
    }
    printf("%ld closed, %ld silent\n", count[0], count[1]);
    return 0;
}
