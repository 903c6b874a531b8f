/* dial_test.c - connecting to a name: which address when, what wins, and who is closed.
 *
 * The names are made up (weft__resolve_how); the addresses are real ones of the loopback: one that
 * accepts, one that refuses, and one that says nothing, which is a listener whose backlog is full,
 * or, in the simulation, 192.0.2.1.
 *
 * SPDX-License-Identifier: MIT
 */
#include <netinet/in.h>

#include "tests/probe.h"

#include "base/fault.h"
#include "core/core_probe.h"
#include "io/driver.h"
#include "io/own_probe.h"
#include "io/resolve.h"
#include "weft/check.h"

/* ---- addresses ---- */

enum { DIAL_FILL = 2 };

static struct {
    weft_addr addrs[8]; /* what every name is */
    size_t n;
    int code; /* or what it says instead */
} dial_names;

static int dial_resolve(const struct weft__question *question, weft_addr *ret_addrs, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < dial_names.n && n < max; i++) {
        const weft_addr *addr = &dial_names.addrs[i];
        if (question->family == 0 || question->family == addr->raw.ss_family) {
            ret_addrs[n++] = *addr;
        }
    }
    return dial_names.code ? dial_names.code : n ? (int)n : -ENOENT;
}

static void dial_begin(void)
{
    weft__resolve_how = dial_resolve;
    dial_names.n = 0;
    dial_names.code = 0;
}

static void dial_add(const weft_addr *addr)
{
    EXPECT(dial_names.n < WEFT_ARRAY_SIZE(dial_names.addrs));
    dial_names.addrs[dial_names.n++] = *addr;
}

static int dial_add_listener(const char *where, int backlog)
{
    weft_addr addr;
    int fd = weft_listen(where, &(weft_listen_options){.backlog = backlog});
    EXPECT(fd >= 0);
    EXPECT_EQ(weft_sock_here(fd, &addr), 0);
    dial_add(&addr);
    return fd;
}

/* An address that nobody is at. */
static struct probe_port dial_add_refusing(void)
{
    struct probe_port port = probe_port_take();
    weft_addr addr = probe_port_addr(&port);
    dial_add(&addr);
    return port;
}

/* One that does not answer. */
struct dial_hole {
    int listener, fillers[DIAL_FILL];
};

static void dial_add_hole(struct dial_hole *hole)
{
    weft_addr nowhere;
    hole->listener = -1;
    if (weft__outside() == &weft__outside_sim) {
        EXPECT_EQ(weft_addr_parse("192.0.2.1:1", &nowhere), 0);
        dial_add(&nowhere);
        return;
    }
    hole->listener = dial_add_listener("127.0.0.1:0", DIAL_FILL - 1);
    for (int i = 0; i < DIAL_FILL; i++) { /* as many as Linux holds, for a backlog of one less */
        hole->fillers[i] = weft_connect_addr(&dial_names.addrs[dial_names.n - 1]);
        EXPECT(hole->fillers[i] >= 0);
    }
}

static void dial_close_hole(const struct dial_hole *hole)
{
    if (hole->listener < 0) {
        return;
    }
    for (int i = 0; i < DIAL_FILL; i++) {
        EXPECT_EQ(weft_close(hole->fillers[i]), 0);
    }
    EXPECT_EQ(weft_close(hole->listener), 0);
}

static void dial_expect_peer(int fd, size_t index)
{
    weft_addr peer;
    EXPECT(fd >= 0);
    EXPECT_EQ(weft_sock_peer(fd, &peer), 0);
    EXPECT_EQ(weft_addr_port(&peer), weft_addr_port(&dial_names.addrs[index]));
    EXPECT_EQ(weft_close(fd), 0);
}

/* ---- one address ---- */

IO_TEST(dial_localhost)
{
    char here[32], where[32];
    struct probe_port port = probe_port_take();
    weft__resolve_how = dial_resolve;
    snprintf(here, sizeof here, "127.0.0.1:%d", port.number);
    snprintf(where, sizeof where, ":%d", port.number); /* both families */
    int listener = weft_listen(here, NULL);
    EXPECT(listener >= 0);
    int fd = weft_connect(where, NULL);
    EXPECT(fd >= 0);
    EXPECT_EQ(weft_close(fd), 0);
    EXPECT_EQ(weft_close(listener), 0);
    EXPECT_EQ(weft_connect(where, NULL), -ECONNREFUSED);
    EXPECT_EQ(weft_connect(where, &(weft_connect_options){.family = AF_INET}), -ECONNREFUSED);
    probe_port_give(&port);
}

IO_TEST_KERNEL(dial_nonsense)
{
    dial_begin();
    EXPECT_EQ(weft_connect(NULL, NULL), -WEFT_EINVAL);
    EXPECT_EQ(weft_connect("127.0.0.1", NULL), -WEFT_EINVAL);
    EXPECT_EQ(weft_connect(":1", &(weft_connect_options){.next_after_ns = -1}), -WEFT_EINVAL);
    EXPECT_EQ(weft_connect(":1", &(weft_connect_options){.family = AF_UNIX}), -WEFT_EINVAL);
    EXPECT_EQ(weft_connect("name:1", NULL), -ENOENT);
    dial_names.code = -WEFT_EAGAIN;
    EXPECT_EQ(weft_connect("name:1", NULL), -WEFT_EAGAIN);
    EXPECT_EQ(weft_connect("unix:/nowhere/at/all", NULL), -ENOENT);
}

/* T42 */
IO_TEST(dial_into_a_hole)
{
    struct dial_hole hole;
    weft_scope scope;
    dial_begin();
    dial_add_hole(&hole);
    for (int i = 0; i < 2; i++) { /* alone, and with one that is tried beside it */
        int64_t start = weft_now();
        weft_scope_open(&scope);
        weft_scope_deadline(&scope, weft_after(400 * WEFT_MS));
        EXPECT_EQ(weft_connect("name:1", NULL), -WEFT_ECANCELED);
        EXPECT_EQ(weft_connect("name:1", NULL), -WEFT_ECANCELED);
        EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
        EXPECT_TOOK(start, 400 * WEFT_MS);
        dial_add(&dial_names.addrs[0]);
    }
    dial_close_hole(&hole);
}

/* ---- several ---- */

IO_TEST(dial_next_after_a_while)
{
    struct dial_hole hole;
    dial_begin();
    dial_add_hole(&hole);
    int listener = dial_add_listener("127.0.0.1:0", 0);
    int64_t start = weft_now();
    dial_expect_peer(weft_connect("name:1", NULL), 1);
    EXPECT_TOOK(start, 250 * WEFT_MS);
    start = weft_now();
    weft_connect_options soon = {.next_after_ns = 20 * WEFT_MS};
    dial_expect_peer(weft_connect("name:1", &soon), 1);
    EXPECT_TOOK(start, 20 * WEFT_MS);
    EXPECT_EQ(weft_close(listener), 0);
    dial_close_hole(&hole);
}

IO_TEST(dial_next_at_once_after_a_failure)
{
    dial_begin();
    struct probe_port refusing = dial_add_refusing(), other = dial_add_refusing();
    int listener = dial_add_listener("127.0.0.1:0", 0);
    int64_t start = weft_now();
    dial_expect_peer(weft_connect("name:1", NULL), 2);
    EXPECT_TOOK(start, 0);
    EXPECT_EQ(weft_close(listener), 0);
    probe_port_give(&refusing);
    probe_port_give(&other);
}

/* The first does not answer; the second refuses, and the third's turn comes at once. */
IO_TEST(dial_hole_and_refusal)
{
    struct dial_hole hole;
    dial_begin();
    dial_add_hole(&hole);
    struct probe_port refusing = dial_add_refusing();
    int listener = dial_add_listener("127.0.0.1:0", 0);
    int64_t start = weft_now();
    dial_expect_peer(weft_connect("name:1", NULL), 2);
    EXPECT_TOOK(start, 250 * WEFT_MS);
    EXPECT_EQ(weft_close(listener), 0);
    probe_port_give(&refusing);
    dial_close_hole(&hole);
}

/* Of hole, hole, listener the first two are of one family: the other one is tried between them. */
IO_TEST(dial_families_take_turns)
{
    struct dial_hole hole;
    dial_begin();
    dial_add_hole(&hole);
    dial_add(&dial_names.addrs[0]);
    dial_add(&dial_names.addrs[0]);
    int listener = weft_listen("[::1]:0", NULL);
    if (listener < 0) {
        dial_close_hole(&hole);
        return; /* no IPv6 here */
    }
    EXPECT_EQ(weft_sock_here(listener, &dial_names.addrs[dial_names.n++]), 0);
    int64_t start = weft_now();
    dial_expect_peer(weft_connect("name:1", NULL), 3);
    EXPECT_TOOK(start, 250 * WEFT_MS);
    start = weft_now();
    weft_connect_options only = {.family = AF_INET6};
    dial_expect_peer(weft_connect("name:1", &only), 3);
    EXPECT_TOOK(start, 0);
    EXPECT_EQ(weft_close(listener), 0);
    dial_close_hole(&hole);
}

IO_TEST_KERNEL(dial_all_fail)
{
    weft_addr far;
    dial_begin();
    EXPECT_EQ(weft_addr_parse("255.255.255.255:1", &far), 0);
    dial_add(&far);
    dial_add(&far);
    EXPECT_EQ(weft_connect("name:1", NULL), -ENETUNREACH);
    struct probe_port refusing = dial_add_refusing();
    EXPECT_EQ(weft_connect("name:1", NULL), -ECONNREFUSED); /* says more */
    probe_port_give(&refusing);
}

TEST(dial_in_a_plain_thread)
{
    dial_begin();
    struct probe_port refusing = dial_add_refusing();
    int listener = dial_add_listener("127.0.0.1:0", 0);
    dial_expect_peer(weft_connect("name:1", NULL), 1);
    EXPECT_EQ(weft_close(listener), 0);
    EXPECT_EQ(weft_connect("name:1", NULL), -ECONNREFUSED);
    probe_port_give(&refusing);
}

/* ---- races and faults ---- */

static int dial_accept_all(void *arg)
{
    int fd, listener = *(int *)arg;
    char byte;
    while ((fd = weft_accept(listener, NULL)) >= 0) {
        weft_scope shield;
        weft_scope_open_with(&shield, &(weft_scope_options){.shield = true});
        ssize_t n = weft_recv(fd, &byte, 1, 0); /* each is closed by its caller */
        EXPECT(n == 0 || n == -ECONNRESET);
        EXPECT_EQ(weft_scope_close(&shield), 0);
        EXPECT_EQ(weft_close(fd), 0);
    }
    EXPECT_EQ(fd, -WEFT_ECANCELED);
    return 0;
}

/* All connect, one wins; whoever accepted sees each of them closed, and so does the census. */
IO_TEST(dial_losers_are_closed)
{
    weft_scope servers;
    weft_task_options service = {.service = true};
    dial_begin();
    weft_scope_open(&servers);
    int listeners[4];
    for (int i = 0; i < 4; i++) {
        listeners[i] = dial_add_listener("127.0.0.1:0", 0);
        EXPECT_EQ(weft_go_with(&servers, dial_accept_all, &listeners[i], sizeof(int), &service), 0);
    }
    weft_connect_options at_once = {.next_after_ns = 1};
    /* In the simulation connecting takes a while, each time another. */
    EXPECT_EQ(weft_sim_set(&(weft_sim_options){.seed = 3, .delay_max_ns = WEFT_MS}), 0);
    for (int round = 0; round < TEST_FEWER(TEST_ROUNDS(200, 20000)); round++) {
        int fd = weft_connect("name:1", &at_once);
        EXPECT(fd >= 0);
        EXPECT_EQ(weft_close(fd), 0);
    }
    EXPECT_EQ(weft_scope_close(&servers), 0);
    for (int i = 0; i < 4; i++) {
        EXPECT_EQ(weft_close(listeners[i]), 0);
    }
    EXPECT_EQ(weft_sim_set(NULL), 0);
}

static int dial_task(void *arg)
{
    (void)arg;
    int fd = weft_connect("name:1", &(weft_connect_options){.next_after_ns = 1});
    EXPECT(fd >= 0 || fd == -WEFT_ECANCELED);
    return fd < 0 ? fd : weft_close(fd);
}

IO_TEST(dial_races_with_cancel)
{
    struct dial_hole hole;
    dial_begin();
    dial_add_hole(&hole);
    struct probe_port refusing = dial_add_refusing();
    int listener = dial_add_listener("127.0.0.1:0", 0);
    for (int round = 0; round < TEST_FEWER(TEST_ROUNDS(200, 20000)); round++) {
        weft_scope scope;
        weft_scope_open(&scope);
        weft_go(&scope, dial_task, NULL);
        for (int i = 0; i < round % 20; i++) {
            EXPECT_EQ(weft_yield(), 0);
        }
        weft_scope_cancel(&scope);
        int rc = weft_scope_close(&scope);
        EXPECT(rc == 0 || rc == -WEFT_ECANCELED);
    }
    EXPECT_EQ(weft_close(listener), 0);
    probe_port_give(&refusing);
    dial_close_hole(&hole);
}

IO_TEST_FREE(dial_when_anything_fails)
{
    dial_begin();
    struct probe_port refusing = dial_add_refusing();
    int listener = dial_add_listener("127.0.0.1:0", 0);
    for (uint64_t n = 1;; n++) {
        weft__fault_arm(WEFT_FAULT_ALL, n);
        int fd = weft_connect("name:1", NULL);
        uint64_t made = weft__fault_disarm();
        if (fd >= 0) {
            EXPECT_EQ(weft_close(fd), 0);
        }
        if (made < n) {
            EXPECT(fd >= 0);
            break;
        }
    }
    EXPECT_EQ(weft_close(listener), 0);
    probe_port_give(&refusing);
}
