/* op_test.c - what happens to an operation between its end and its caller's return, and around a
 * close: moments that no driver has to itself.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <sys/socket.h>

#include "base/atomic.h"
#include "io/driver_probe.h"
#include "tests/test.h"

/* ---- the next one ends as it begins ---- */

struct ended_sends {
    int fds[2];
    ssize_t first, second;
};

static int ended_send_and_close(void *arg)
{
    struct ended_sends *sends = *(struct ended_sends **)arg;
    sends->first = weft_send(sends->fds[1], "x", 1, 0);
    EXPECT_EQ(weft_close(sends->fds[1]), 0);
    return 0;
}

static int ended_send_behind(void *arg)
{
    struct ended_sends *sends = *(struct ended_sends **)arg;
    sends->second = weft_send(sends->fds[1], "y", 1, 0);
    return 0;
}

/* The second one is begun by the first one's task, and has ended, but its caller has not run when
 * the descriptor is closed: the driver, which never had it, must not be asked for its end. */
IO_TEST(op_close_of_one_that_ended_as_it_began)
{
    static char much[4096];
    struct ended_sends sends, *at = &sends;
    weft_scope scope;
    probe_pair(sends.fds);
    while (weft_send(sends.fds[1], much, sizeof much, MSG_DONTWAIT) > 0) {
    }
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, ended_send_and_close, &at), 0);
    probe_settle();
    EXPECT_EQ(weft_go(&scope, ended_send_behind, &at), 0);
    probe_settle();
    while (weft_recv(sends.fds[0], much, sizeof much, MSG_DONTWAIT) > 0) {
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(sends.first, 1);
    EXPECT(sends.second == 1 || sends.second == -EBADF);
    EXPECT_EQ(weft_close(sends.fds[0]), 0);
}

/* ---- one that begins while the descriptor is being closed ---- */

enum { CLOSE_READERS = 2 };

struct close_race {
    int fds[2];
    ATOMIC(bool) is_reading;
};

static int close_read_on(void *arg)
{
    struct close_race *race = *(struct close_race **)arg;
    char byte;
    ssize_t n;
    do {
        a_store(&race->is_reading, true, relaxed);
        n = weft_recv(race->fds[1], &byte, 1, 0);
    } while (n == 1);
    EXPECT(n == -EBADF || n == -ENOTSOCK); /* a driver may have opened something meanwhile */
    return 0;
}

/* Its reader comes back for more just as the socket is closed; nothing else would ever wake it, as
 * the other end stays open. */
IO_TEST(op_begun_in_a_close_is_not_lost)
{
    for (int i = 0; i < TEST_FEWER(TEST_ROUNDS(2000, 200000)); i++) {
        struct close_race race = {.is_reading = false}, *at = &race;
        weft_scope scope;
        probe_pair(race.fds);
        weft_scope_open(&scope);
        EXPECT_EQ(weft_go(&scope, close_read_on, &at), 0);
        while (!a_load(&race.is_reading, relaxed)) {
            EXPECT_EQ(weft_yield(), 0);
        }
        probe_send_all(race.fds[0], "x", 1);
        for (int turns = i % 97; turns > 0; turns--) {
            a_relax();
        }
        EXPECT_EQ(weft_close(race.fds[1]), 0);
        EXPECT_EQ(weft_scope_close(&scope), 0);
        EXPECT_EQ(weft_close(race.fds[0]), 0);
    }
}
