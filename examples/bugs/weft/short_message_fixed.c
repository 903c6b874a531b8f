/* short_message_fixed.c - a clerk receives orders of eight bytes, one after the other.
 *
 * The clerk reads on until the order is whole.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <string.h>

#include <weft.h>
#include <weft/check.h>
#include <weft/io.h>
#include <weft/net.h>

#define SIZE   8
#define ORDERS 2

static int fds[2];

static int clerk(void *arg)
{
    char order[SIZE];

    (void)arg;
    for (int i = 0; i < ORDERS; i++) {
        int rc = weft_read_full(fds[1], order, sizeof order, NULL);
        if (rc < 0)
            return rc;
        assert(memcmp(order, "12345678", SIZE) == 0);
    }
    return 0;
}

static int app(void *arg)
{
    weft_scope scope;

    (void)arg;
    int rc = weft_socketpair(fds);
    if (rc < 0)
        return rc;
    weft_scope_open(&scope);
    rc = weft_go(&scope, clerk, NULL);
    for (int i = 0; i < ORDERS && rc == 0; i++)
        rc = weft_write_all(fds[0], "12345678", SIZE, NULL);
    int closed = weft_scope_close(&scope);
    weft_close(fds[0]);
    weft_close(fds[1]);
    return rc < 0 ? rc : closed;
}

int main(void)
{
    /* Under weft check the network is a simulated one, and may do what a real one may. */
    int rc = weft_sim_set(&(weft_sim_options){.short_read = 0.1, .short_write = 0.1});
    return rc < 0 || weft_run(app, NULL) < 0;
}
