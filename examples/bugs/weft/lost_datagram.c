/* lost_datagram.c - a client asks the time, by a datagram, and waits for the answer.
 *
 * Datagrams may be lost: the question or its answer. Then the client waits for ever, and the server
 * for the next question.
 *
 * expects: deadlock
 *
 * SPDX-License-Identifier: MIT
 */
#include <weft.h>
#include <weft/check.h>
#include <weft/io.h>
#include <weft/net.h>

static int server, client;

static int timekeeper(void *arg)
{
    weft_addr from;
    char question;

    (void)arg;
    while (weft_recvfrom(server, &question, 1, 0, &from) == 1) {
        ssize_t n = weft_sendto(server, "noon", 4, 0, &from);
        if (n < 0)
            return (int)n;
    }
    return 0;
}

static int ask(const weft_addr *where)
{
    char answer[4];

    ssize_t n = weft_sendto(client, "?", 1, 0, where);
    if (n == 1)
        n = weft_recv(client, answer, sizeof answer, 0);
    return n < 0 ? (int)n : 0;
}

static int app(void *arg)
{
    weft_scope scope;
    weft_addr where;

    (void)arg;
    server = weft_udp("127.0.0.1:0");
    client = weft_udp(NULL);
    if (server < 0 || client < 0 || weft_sock_here(server, &where) < 0)
        return -1;
    weft_scope_open(&scope);
    int rc = weft_go(&scope, timekeeper, NULL);
    if (rc == 0)
        rc = ask(&where);
    weft_scope_cancel(&scope);
    int closed = weft_scope_close(&scope);
    weft_close(server);
    weft_close(client);
    return rc < 0 || closed == -WEFT_ECANCELED ? rc : closed;
}

int main(void)
{
    /* Under weft check the network is a simulated one, and may lose up to three datagrams. */
    int rc = weft_sim_set(&(weft_sim_options){.drop = 0.1});
    return rc < 0 || weft_run(app, NULL) < 0;
}
