/* driver_test.c - what every driver must do: data, order, ends, cancels and closes.
 *
 * One body of tests, run on io_uring, epoll and the simulation, all by the public calls.  What is
 * about the kernel alone (numbers that are used again, signals, other people's descriptors) is in
 * driver_kernel_test.c; what must hold however a race ends is in both.
 *
 * On a virtual clock a sleep ends when all others are blocked: driver_settle is that.
 *
 * SPDX-License-Identifier: MIT
 */
#include <string.h>

#include "base/base.h"
#include "base/rng.h"
#include "io/driver_probe.h"
#include "io/own_probe.h"
#include "tests/test.h"
#include "weft/err.h"
#include "weft/io.h"
#include "weft/net.h"
#include "weft/scope.h"
#include "weft/sync.h"
#include "weft/task.h"
#include "weft/time.h"

#define DRIVER_STREAM (64 * 1024) /* bytes of the tests of order */

/* ---- data ---- */

static int driver_echo(void *arg)
{
    int fd = *(int *)arg;
    char buffer[512];
    ssize_t n;
    while ((n = weft_recv(fd, buffer, sizeof buffer, 0)) > 0) {
        probe_send_all(fd, buffer, (size_t)n);
    }
    return (int)n;
}

IO_TEST(driver_data_goes_both_ways)
{
    weft_scope scope;
    int fds[2];
    char sent[512], got[512];
    probe_pair(fds);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, driver_echo, &fds[1]), 0);
    for (size_t size = 1; size <= sizeof sent; size *= 2) {
        memset(sent, (int)size, size);
        memset(got, 0, size);
        probe_send_all(fds[0], sent, size);
        probe_recv_all(fds[0], got, size);
        EXPECT(memcmp(sent, got, size) == 0);
    }
    EXPECT_EQ(weft_shutdown(fds[0], SHUT_WR), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    probe_close_both(fds);
}

static uint8_t driver_byte(size_t at)
{
    return (uint8_t)(at * 7 + (at >> 8));
}

static int driver_write_stream(void *arg)
{
    int fd = *(int *)arg;
    struct weft__rng rng;
    uint8_t buffer[4096];
    weft__rng_seed(&rng, 11);
    for (size_t at = 0; at < DRIVER_STREAM;) {
        size_t size = 1 + weft__rng_below(&rng, sizeof buffer);
        size = weft__min(size, DRIVER_STREAM - at);
        for (size_t i = 0; i < size; i++) {
            buffer[i] = driver_byte(at + i);
        }
        probe_send_all(fd, buffer, size);
        at += size;
    }
    return weft_shutdown(fd, SHUT_WR);
}

/* Reads in sizes of its own, so that reads end before, at and behind what a write has brought. */
static void driver_read_stream(int fd)
{
    struct weft__rng rng;
    uint8_t buffer[4096];
    size_t at = 0;
    weft__rng_seed(&rng, 12);
    for (;;) {
        size_t size = 1 + weft__rng_below(&rng, sizeof buffer);
        ssize_t n = weft_recv(fd, buffer, size, 0);
        EXPECT(n >= 0);
        if (n == 0) {
            break;
        }
        for (size_t i = 0; i < (size_t)n; i++) {
            EXPECT_EQ(buffer[i], driver_byte(at + i));
        }
        at += (size_t)n;
    }
    EXPECT_EQ(at, DRIVER_STREAM);
}

static void driver_stream(int from, int to)
{
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, driver_write_stream, &from), 0);
    driver_read_stream(to);
    EXPECT_EQ(weft_scope_close(&scope), 0);
}

IO_TEST(driver_bytes_stay_in_order)
{
    int fds[2];
    probe_pair(fds);
    driver_stream(fds[0], fds[1]);
    probe_close_both(fds);
}

IO_TEST(driver_bytes_of_tcp_stay_in_order)
{
    int fds[2];
    probe_tcp_pair(fds);
    driver_stream(fds[0], fds[1]);
    probe_close_both(fds);
}

IO_TEST(driver_bytes_both_ways_at_once)
{
    int fds[2];
    weft_scope scope;
    probe_tcp_pair(fds);
    weft_scope_open(&scope); /* each descriptor is read by one task and written by another */
    EXPECT_EQ(weft_go(&scope, driver_write_stream, &fds[0]), 0);
    EXPECT_EQ(weft_go(&scope, driver_write_stream, &fds[1]), 0);
    driver_read_stream(fds[1]);
    driver_read_stream(fds[0]);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    probe_close_both(fds);
}

IO_TEST(driver_reads_what_was_left_over)
{
    int fds[2];
    char got[8];
    probe_tcp_pair(fds);
    for (int i = 0; i < 3; i++) {
        probe_send_all(fds[0], "abcdef", 6);
        EXPECT_EQ(weft_recv(fds[1], got, 4, 0), 4); /* a full read, and there is more */
        EXPECT_EQ(weft_recv(fds[1], got, 8, 0), 2); /* a short one, and there is no more */
    }
    probe_send_all(fds[0], "xy", 2);
    EXPECT_EQ(weft_shutdown(fds[0], SHUT_WR), 0);
    EXPECT_EQ(weft_recv(fds[1], got, 8, 0), 2); /* a short one, and there is the end */
    EXPECT_EQ(weft_recv(fds[1], got, 8, 0), 0);
    EXPECT_EQ(weft_recv(fds[1], got, 8, 0), 0);
    probe_close_both(fds);
}

IO_TEST(driver_looks_without_taking)
{
    int fds[2];
    char got[8];
    probe_tcp_pair(fds);
    EXPECT_EQ(weft_recv(fds[1], got, 8, MSG_DONTWAIT), -WEFT_EAGAIN);
    probe_send_all(fds[0], "abc", 3);
    EXPECT_EQ(weft_recv(fds[1], got, 8, MSG_PEEK), 3);
    EXPECT_EQ(weft_recv(fds[1], got, 8, MSG_PEEK), 3); /* short, and yet nothing was taken */
    EXPECT_EQ(weft_recv(fds[1], got, 8, 0), 3);
    probe_close_both(fds);
}

/* ---- ends ---- */

IO_TEST(driver_half_close)
{
    int fds[2];
    char got[8];
    probe_tcp_pair(fds);
    probe_send_all(fds[0], "ask", 3);
    EXPECT_EQ(weft_shutdown(fds[0], SHUT_WR), 0);
    probe_recv_all(fds[1], got, 3);
    EXPECT_EQ(weft_recv(fds[1], got, sizeof got, 0), 0);
    probe_send_all(fds[1], "answer", 6); /* the other direction is open */
    probe_recv_all(fds[0], got, 6);
    EXPECT_EQ(weft_close(fds[1]), 0);
    EXPECT_EQ(weft_recv(fds[0], got, sizeof got, 0), 0);
    EXPECT_EQ(weft_close(fds[0]), 0);
}

IO_TEST(driver_end_wakes_a_reader)
{
    int fds[2];
    struct probe_call call = {.size = 4};
    weft_scope scope;
    probe_pair(fds);
    call.fd = fds[1];
    weft_scope_open(&scope);
    probe_go(&scope, probe_recv, &call);
    probe_settle();
    EXPECT(!call.is_over);
    EXPECT_EQ(weft_close(fds[0]), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(call.result, 0);
    EXPECT_EQ(weft_close(fds[1]), 0);
}

/* SIGPIPE is not ignored: it would end the test. */
IO_TEST(driver_broken_pipe_is_a_code)
{
    int fds[2];
    probe_pair(fds);
    EXPECT_EQ(weft_close(fds[1]), 0);
    EXPECT_EQ(weft_send(fds[0], "x", 1, 0), -EPIPE);
    EXPECT_EQ(weft_close(fds[0]), 0);
}

IO_TEST(driver_broken_pipe_ends_a_writer)
{
    int fds[2];
    static char much[64 * 1024];
    struct probe_call call = {.buffer = much, .size = sizeof much};
    weft_scope scope;
    probe_pair(fds);
    call.fd = fds[0];
    weft_scope_open(&scope);
    probe_go(&scope, probe_send_for_ever, &call);
    probe_settle();
    EXPECT(!call.is_over);
    EXPECT_EQ(weft_close(fds[1]), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT(call.result == -EPIPE || call.result == -ECONNRESET);
    EXPECT_EQ(weft_close(fds[0]), 0);
}

IO_TEST(driver_nobody_listens)
{
    struct probe_port port = probe_port_take();
    weft_addr addr = probe_port_addr(&port);
    char where[WEFT_ADDR_TEXT_MAX];
    EXPECT(weft_addr_text(&addr, where, sizeof where) > 0);
    int fd = weft_listen(where, NULL);
    EXPECT(fd >= 0);
    EXPECT_EQ(weft_close(fd), 0);
    EXPECT_EQ(weft_connect_addr(&addr), -ECONNREFUSED);
    probe_port_give(&port);
}

/* ---- order of those that wait ---- */

IO_TEST(driver_readers_are_served_in_order)
{
    enum { READERS = 5 };
    int fds[2];
    struct probe_call calls[READERS];
    weft_scope scope;
    probe_pair(fds);
    weft_scope_open(&scope);
    for (int i = 0; i < READERS; i++) {
        calls[i] = (struct probe_call){.fd = fds[1], .size = 1};
        probe_go(&scope, probe_recv, &calls[i]);
        probe_settle(); /* the next one comes behind it */
    }
    for (int i = 0; i < READERS; i++) {
        char c = (char)('a' + i);
        probe_send_all(fds[0], &c, 1);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    for (int i = 0; i < READERS; i++) {
        EXPECT_EQ(calls[i].result, 1);
        EXPECT_EQ(calls[i].own[0], 'a' + i);
    }
    probe_close_both(fds);
}

IO_TEST(driver_cancel_in_the_middle_of_a_queue)
{
    int fds[2];
    struct probe_call calls[3];
    weft_scope scopes[3], shielded;
    probe_pair(fds);
    for (int i = 2; i >= 0; i--) {
        weft_scope_open(&scopes[i]);
    }
    for (int i = 0; i < 3; i++) {
        calls[i] = (struct probe_call){.fd = fds[1], .size = 1};
        probe_go(&scopes[i], probe_recv, &calls[i]);
        probe_settle();
    }
    weft_scope_cancel(&scopes[1]);
    probe_await(calls[1].is_over);
    EXPECT_EQ(calls[1].result, -WEFT_ECANCELED);
    weft_scope_cancel(&scopes[0]); /* the one that the driver has */
    probe_await(calls[0].is_over);
    EXPECT_EQ(calls[0].result, -WEFT_ECANCELED);
    probe_shield(&shielded);
    probe_send_all(fds[0], "z", 1);
    EXPECT_EQ(weft_scope_close(&shielded), 0);
    for (int i = 0; i < 3; i++) {
        (void)weft_scope_close(&scopes[i]);
    }
    EXPECT_EQ(calls[2].result, 1);
    EXPECT_EQ(calls[2].own[0], 'z');
    probe_close_both(fds);
}

/* ---- cancel ---- */

IO_TEST(driver_cancelled_recv_takes_nothing) /* T37 */
{
    int fds[2];
    char got[4];
    struct probe_call call = {.size = 4};
    weft_scope scope;
    probe_pair(fds);
    call.fd = fds[1];
    weft_scope_open(&scope);
    probe_go(&scope, probe_recv, &call);
    probe_settle();
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(call.result, -WEFT_ECANCELED);
    probe_send_all(fds[0], "late", 4);
    probe_recv_all(fds[1], got, 4);
    EXPECT(memcmp(got, "late", 4) == 0);
    probe_close_both(fds);
}

IO_TEST(driver_deadline_of_a_recv)
{
    int fds[2];
    char got[4];
    weft_scope scope;
    probe_pair(fds);
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(20 * WEFT_MS));
    EXPECT_EQ(weft_recv(fds[1], got, 4, 0), -WEFT_ECANCELED);
    EXPECT_EQ(weft_send(fds[0], "x", 1, 0), -WEFT_ECANCELED); /* although there is room */
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
    probe_send_all(fds[0], "x", 1);
    EXPECT_EQ(weft_recv(fds[1], got, 4, 0), 1);
    probe_close_both(fds);
}

static WEFT_NOINLINE int driver_recv_into_the_frame(int fd)
{
    char buffer[256];
    weft_scope scope;
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(WEFT_MS));
    ssize_t n = weft_recv(fd, buffer, sizeof buffer, 0);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
    return (int)n;
}

/* Lies where the buffer was. */
static WEFT_NOINLINE void driver_watch_the_frame(int from, int to)
{
    volatile char canary[512];
    char got[256];
    for (size_t i = 0; i < sizeof canary; i++) {
        canary[i] = 0x5a;
    }
    probe_send_all(from, "this must not land in the frame", 31);
    probe_settle();
    for (size_t i = 0; i < sizeof canary; i++) {
        EXPECT_EQ(canary[i], 0x5a);
    }
    probe_recv_all(to, got, 31);
}

IO_TEST(driver_buffer_on_the_stack) /* T39 */
{
    int fds[2];
    probe_pair(fds);
    for (int i = 0; i < 10; i++) {
        EXPECT_EQ(driver_recv_into_the_frame(fds[1]), -WEFT_ECANCELED);
        driver_watch_the_frame(fds[0], fds[1]);
    }
    probe_close_both(fds);
}

IO_TEST(driver_send_cancelled_midway) /* T40 */
{
    int fds[2];
    static char much[64 * 1024];
    struct probe_call call = {.buffer = much, .size = sizeof much};
    weft_scope scope;
    size_t got = 0;
    ssize_t n;
    probe_pair(fds);
    call.fd = fds[0];
    weft_scope_open(&scope);
    probe_go(&scope, probe_send_for_ever, &call);
    probe_settle();
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(call.result, -WEFT_ECANCELED);
    EXPECT_EQ(weft_close(fds[0]), 0);
    while ((n = weft_recv(fds[1], much, sizeof much, 0)) > 0) {
        got += (size_t)n;
    }
    EXPECT_EQ(n, 0);
    EXPECT_EQ(got, call.done);
    EXPECT_EQ(weft_close(fds[1]), 0);
}

static int driver_accept_once(void *arg)
{
    struct probe_call *call = *(struct probe_call **)arg;
    call->result = weft_accept(call->fd, NULL);
    call->is_over = true;
    return 0;
}

IO_TEST(driver_accept_cancelled) /* T41 */
{
    for (int i = 0; i < TEST_FEWER(200); i++) {
        weft_addr addr;
        weft_scope scope;
        struct probe_call call = {.fd = probe_listen(&addr, 8)};
        weft_scope_open(&scope);
        probe_go(&scope, driver_accept_once, &call);
        if (i % 2) {
            probe_settle();
        }
        int client = weft_connect_addr(&addr);
        EXPECT(client >= 0);
        if (i % 3) {
            (void)weft_yield();
        }
        weft_scope_cancel(&scope);
        (void)weft_scope_close(&scope);
        EXPECT(call.is_over);
        int server = (int)call.result;
        if (server < 0) { /* then the client is still in the backlog */
            EXPECT_EQ(server, -WEFT_ECANCELED);
            server = weft_accept(call.fd, NULL);
        }
        EXPECT(server >= 0);
        probe_send_all(client, "x", 1);
        char got;
        probe_recv_all(server, &got, 1);
        EXPECT_EQ(weft_close(client), 0);
        EXPECT_EQ(weft_close(server), 0);
        EXPECT_EQ(weft_close(call.fd), 0);
    }
}

/* ---- close ---- */

IO_TEST(driver_close_wakes_all) /* T44 */
{
    int fds[2];
    static char much[64 * 1024];
    struct probe_call readers[3], writer = {.buffer = much, .size = sizeof much};
    weft_scope scope;
    probe_pair(fds);
    weft_scope_open(&scope);
    for (int i = 0; i < 3; i++) {
        readers[i] = (struct probe_call){.fd = fds[1], .size = 1};
        probe_go(&scope, probe_recv, &readers[i]);
    }
    writer.fd = fds[1];
    probe_go(&scope, probe_send_for_ever, &writer);
    probe_settle();
    EXPECT(!writer.is_over && !readers[0].is_over);
    EXPECT_EQ(weft_close(fds[1]), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(readers[i].result, -EBADF);
    }
    EXPECT_EQ(writer.result, -EBADF);
    EXPECT_EQ(weft_close(fds[0]), 0);
}

IO_TEST(driver_close_wakes_an_acceptor)
{
    weft_addr addr;
    weft_scope scope;
    struct probe_call call = {.fd = probe_listen(&addr, 8)};
    weft_scope_open(&scope);
    probe_go(&scope, driver_accept_once, &call);
    probe_settle();
    EXPECT_EQ(weft_close(call.fd), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(call.result, -EBADF);
}

IO_TEST(driver_shutdown_wakes_a_reader)
{
    int fds[2];
    struct probe_call call = {.size = 4};
    weft_scope scope;
    probe_pair(fds);
    call.fd = fds[1];
    weft_scope_open(&scope);
    probe_go(&scope, probe_recv, &call);
    probe_settle();
    EXPECT_EQ(weft_shutdown(fds[1], SHUT_RD), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(call.result, 0);
    probe_close_both(fds);
}

/* ---- races ---- */

/* The reader is cancelled and sent to at once: what it did not get is still there. */
static void driver_race_once(int fds[2], int order, size_t *sent, size_t *got)
{
    struct probe_call call = {.fd = fds[1], .size = 4};
    weft_scope scope, shielded;
    weft_scope_open(&scope);
    probe_go(&scope, probe_recv, &call);
    if (order & 1) {
        (void)weft_yield();
    }
    probe_shield(&shielded);
    if (order & 2) {
        probe_send_all(fds[0], "a", 1);
        weft_scope_cancel(&scope);
    } else {
        weft_scope_cancel(&scope);
        probe_send_all(fds[0], "b", 1);
    }
    EXPECT_EQ(weft_scope_close(&shielded), 0);
    (void)weft_scope_close(&scope);
    *sent += 1;
    EXPECT(call.result > 0 || call.result == -WEFT_ECANCELED);
    *got += call.result > 0 ? (size_t)call.result : 0;
    if (order % 64 == 63) { /* so that the next ones find nothing */
        char rest[64];
        while (*got < *sent) {
            ssize_t n = weft_recv(fds[1], rest, sizeof rest, 0);
            EXPECT(n > 0);
            *got += (size_t)n;
        }
    }
}

static void driver_race(int fds[2], int rounds)
{
    size_t sent = 0, got = 0;
    for (int i = 0; i < rounds; i++) {
        driver_race_once(fds, i, &sent, &got);
    }
    EXPECT_EQ(weft_shutdown(fds[0], SHUT_WR), 0);
    for (;;) {
        char rest[64];
        ssize_t n = weft_recv(fds[1], rest, sizeof rest, 0);
        EXPECT(n >= 0);
        if (n == 0) {
            break;
        }
        got += (size_t)n;
    }
    EXPECT_EQ(got, sent);
    probe_close_both(fds);
}

IO_TEST(driver_no_byte_is_lost_in_races) /* T38 */
{
    int fds[2];
    probe_tcp_pair(fds);
    driver_race(fds, TEST_FEWER(TEST_ROUNDS(10000, 1000000)));
}

IO_TEST(driver_no_byte_of_a_pair_is_lost_in_races)
{
    int fds[2];
    probe_pair(fds);
    driver_race(fds, TEST_FEWER(TEST_ROUNDS(10000, 1000000)));
}

/* A close, a cancel and data, all at once; then a new descriptor, which likely has the number. */
IO_TEST(driver_number_is_used_again)
{
    for (int i = 0; i < TEST_FEWER(1000); i++) {
        int old[2], new[2];
        char got[4];
        struct probe_call call = {.size = 4};
        weft_scope scope, shielded;
        probe_pair(old);
        call.fd = old[1];
        weft_scope_open(&scope);
        probe_go(&scope, probe_recv, &call);
        if (i & 1) {
            (void)weft_yield();
        }
        probe_shield(&shielded);
        if (i & 2) {
            weft_scope_cancel(&scope);
        }
        if (i & 4) {
            probe_send_all(old[0], "old", 3);
        }
        probe_close_both(old);
        probe_pair(new);
        probe_send_all(new[0], "new", 3);
        EXPECT_EQ(weft_scope_close(&shielded), 0);
        weft_scope_cancel(&scope); /* it may have begun late, on anything that has the number now */
        (void)weft_scope_close(&scope);
        EXPECT(call.result >= 0 || call.result == -EBADF || call.result == -WEFT_ECANCELED ||
               call.result == -ECONNRESET || call.result == -ENOTSOCK);
        size_t taken = call.result > 0 && call.own[0] == 'n' ? (size_t)call.result : 0;
        probe_recv_all(new[1], got, 3 - taken);
        EXPECT(memcmp(got, &"new"[taken], 3 - taken) == 0);
        probe_close_both(new);
    }
}

/* ---- many ---- */

enum { DRIVER_IDLE = 1000 };

static int driver_idle_one(void *arg)
{
    int fd = *(int *)arg;
    char c;
    EXPECT_EQ(weft_recv(fd, &c, 1, 0), 1);
    EXPECT_EQ(weft_send(fd, &c, 1, 0), 1);
    return 0;
}

IO_TEST_FREE(driver_many_idle_connections)
{
    static int pairs[DRIVER_IDLE][2];
    weft_scope scope;
    probe_raise_limit(2 * DRIVER_IDLE + 64);
    weft_scope_open(&scope);
    for (int i = 0; i < DRIVER_IDLE; i++) {
        probe_pair(pairs[i]);
        EXPECT_EQ(weft_go(&scope, driver_idle_one, &pairs[i][1]), 0);
    }
    probe_settle();
    for (int i = DRIVER_IDLE - 1; i >= 0; i--) {
        probe_send_all(pairs[i][0], "x", 1);
    }
    for (int i = 0; i < DRIVER_IDLE; i++) {
        char c;
        probe_recv_all(pairs[i][0], &c, 1);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    for (int i = 0; i < DRIVER_IDLE; i++) {
        probe_close_both(pairs[i]);
    }
}

static int driver_client(void *arg)
{
    weft_addr addr = *(weft_addr *)arg;
    char got[6];
    int fd = weft_connect_addr(&addr);
    EXPECT(fd >= 0);
    for (int i = 0; i < 10; i++) {
        probe_send_all(fd, "hello", 6);
        probe_recv_all(fd, got, 6);
        EXPECT_STR(got, "hello");
    }
    return weft_close(fd);
}

static int driver_serve_one(void *arg)
{
    int fd = *(int *)arg;
    EXPECT_EQ(driver_echo(&fd), 0);
    return weft_close(fd);
}

static int driver_serve(void *arg)
{
    int fd = *(int *)arg, conn;
    weft_scope scope;
    weft_scope_open(&scope);
    while ((conn = weft_accept(fd, NULL)) >= 0) {
        EXPECT_EQ(weft_go(&scope, driver_serve_one, &conn), 0);
    }
    EXPECT_EQ(conn, -EBADF);
    return weft_scope_close(&scope);
}

IO_TEST(driver_server_and_clients)
{
    enum { CLIENTS = 40, ACCEPTORS = 3 };
    weft_addr addr;
    weft_scope servers, clients;
    struct probe_numbers low;
    probe_numbers_take(&low);
    int fd = probe_listen(&addr, CLIENTS);
    probe_numbers_give(&low); /* a server may come back to it once it is closed */
    weft_scope_open(&servers);
    weft_scope_open(&clients);
    for (int i = 0; i < ACCEPTORS; i++) {
        EXPECT_EQ(weft_go(&servers, driver_serve, &fd), 0);
    }
    for (int i = 0; i < TEST_FEWER(CLIENTS); i++) {
        EXPECT_EQ(weft_go(&clients, driver_client, &addr), 0);
    }
    EXPECT_EQ(weft_scope_close(&clients), 0);
    EXPECT_EQ(weft_close(fd), 0);
    EXPECT_EQ(weft_scope_close(&servers), 0);
}
