/* op_test.c - operations at moments that no driver has to itself: between their end and their
 * caller's return, in the middle of a close, after a number has changed hands, in a forked child.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/atomic.h"
#include "core/runtime.h"
#include "io/driver.h"
#include "io/driver_probe.h"
#include "tests/test.h"
#include "weft/err.h"
#include "weft/run.h"

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

/* ---- numbers that others use again ---- */

enum { AGAIN_SENDERS = 4, AGAIN_LETTERS = 200 };

static int again_send_letters(void *arg)
{
    const int *fd = *(int **)arg;
    for (int i = 0; i < AGAIN_LETTERS; i++) {
        EXPECT_EQ(weft_send(*fd, &i, sizeof i, 0), sizeof i);
    }
    return 0;
}

/* Sends, in vain: so it is known what type of socket it is. */
static void again_wait_for_room(int fd)
{
    static char much[4096];
    weft_scope scope;
    while (send(fd, much, sizeof much, MSG_DONTWAIT) > 0) {
    }
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(WEFT_MS));
    EXPECT_EQ(weft_send(fd, much, 1, 0), -WEFT_ECANCELED);
    (void)weft_scope_close(&scope);
}

/* All but [0] send to that, which has room for a few letters; in a pair they would be bounded by
 * bytes. */
static void again_mailbox(int ret_fds[AGAIN_SENDERS + 1])
{
    struct sockaddr_un name = {.sun_family = AF_UNIX}; /* the kernel gives it a name */
    socklen_t size = sizeof name;
    for (int i = 0; i <= AGAIN_SENDERS; i++) {
        ret_fds[i] = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        EXPECT(ret_fds[i] >= 0);
    }
    EXPECT_EQ(bind(ret_fds[0], (struct sockaddr *)&name, sizeof name.sun_family), 0);
    EXPECT_EQ(getsockname(ret_fds[0], (struct sockaddr *)&name, &size), 0);
    for (int i = 1; i <= AGAIN_SENDERS; i++) {
        EXPECT_EQ(connect(ret_fds[i], (struct sockaddr *)&name, size), 0);
    }
}

/* Streams are waited for and closed behind our back; then their numbers are of a socket whose
 * letters go whole or not at all.  Who has waited for room may find that another was faster. */
IO_TEST_KERNEL(op_letters_where_streams_were)
{
    int streams[2], letters[AGAIN_SENDERS + 1], fds[AGAIN_SENDERS], got;
    weft_scope scope;
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, streams), 0);
    for (int i = 0; i < AGAIN_SENDERS; i++) {
        fds[i] = dup(streams[1]);
        EXPECT(fds[i] >= 0);
        again_wait_for_room(fds[i]);
    }
    again_mailbox(letters);
    weft_scope_open(&scope);
    for (int i = 0; i < AGAIN_SENDERS; i++) {
        int *fd = &fds[i];
        EXPECT_EQ(dup2(letters[i + 1], *fd), *fd);
        EXPECT_EQ(weft_go(&scope, again_send_letters, &fd), 0);
    }
    for (int n = 0; n < AGAIN_SENDERS * AGAIN_LETTERS; n++) {
        EXPECT_EQ(weft_recv(letters[0], &got, sizeof got, 0), sizeof got);
        if (n % 16 == 0) {
            EXPECT_EQ(weft_yield(), 0);
        }
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    for (int i = 0; i < AGAIN_SENDERS; i++) {
        close(fds[i]);
    }
    for (int i = 0; i <= AGAIN_SENDERS; i++) {
        close(letters[i]);
    }
    close(streams[0]);
    close(streams[1]);
}

/* All send by one socket.  Who waits for room may be told while the worker that is to send has gone
 * to sleep, and another looks after its ring. */
IO_TEST_KERNEL(op_letters_by_one_socket)
{
    for (int i = 0; i < TEST_FEWER(TEST_ROUNDS(10, 1000)); i++) {
        int letters[AGAIN_SENDERS + 1], got;
        weft_scope scope;
        again_mailbox(letters);
        weft_scope_open(&scope);
        for (int k = 1; k <= AGAIN_SENDERS; k++) {
            int *fd = &letters[k];
            EXPECT_EQ(dup2(letters[1], *fd), *fd);
            EXPECT_EQ(weft_go(&scope, again_send_letters, &fd), 0);
        }
        for (int n = 0; n < AGAIN_SENDERS * AGAIN_LETTERS; n++) {
            EXPECT_EQ(weft_recv(letters[0], &got, sizeof got, 0), sizeof got);
            if (n % 16 == 0) {
                EXPECT_EQ(weft_yield(), 0);
            }
        }
        EXPECT_EQ(weft_scope_close(&scope), 0);
        for (int k = 0; k <= AGAIN_SENDERS; k++) {
            close(letters[k]);
        }
    }
}

/* A driver whose receives end before they have happened, until their number is another file's. */
static ATOMIC(bool) again_is_other;
static ATOMIC(uint32_t) again_begun;

static int again_begin(struct weft__thread *self WEFT_UNUSED, struct weft__io_op *op)
{
    op->result = a_load(&again_is_other, acquire) ? 1 : -ECANCELED;
    a_add(&again_begun, 1, relaxed);
    return 1;
}

static int again_recv(void *arg)
{
    char byte;
    EXPECT_EQ(weft_recv(**(int **)arg, &byte, 1, 0), -EBADF);
    return 0;
}

static int again_body(void *arg WEFT_UNUSED)
{
    struct weft__runtime *rt = weft__runtime();
    int fds[2], spare[2], code, *fd = &fds[1];
    weft_scope scope;
    EXPECT_EQ(weft_socketpair(fds), 0);
    EXPECT_EQ(weft_socketpair(spare), 0);
    struct weft__io *io = weft__io_of(rt, &code);
    const struct weft__io_driver *own = io->driver;
    struct weft__io_driver fake = *own;
    fake.begin = again_begin;
    io->driver = &fake;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, again_recv, &fd), 0);
    while (a_load(&again_begun, relaxed) < 1000) {
        EXPECT_EQ(weft_yield(), 0);
    }
    EXPECT_EQ(weft_close(fds[1]), 0);
    EXPECT_EQ(dup2(spare[1], fds[1]), fds[1]);
    a_store(&again_is_other, true, release);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    io->driver = own;
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ(weft_close(fds[i]), 0);
        EXPECT_EQ(weft_close(spare[i]), 0);
    }
    return 0;
}

/* What is begun once more does not go to whatever the number means since it was closed. */
TEST(op_begun_again_is_on_the_same_file)
{
    weft_options options = {.workers = 2, .io = WEFT_IO_EPOLL, .quiet = true};
    unsetenv("WEFT_IO");
    EXPECT_EQ(weft_run_with(again_body, NULL, &options), 0);
}

/* A driver that ends a connect before it is over, as a kernel does when the thread that began it is
 * gone; then says what is in the script. */
static const ssize_t *connect_script;

#define CONNECT_CLOSED (-ESTALE)

static int connect_begin(struct weft__thread *self WEFT_UNUSED, struct weft__io_op *op)
{
    EXPECT_EQ(op->code, *connect_script == POLLOUT ? WEFT__IO_POLL : WEFT__IO_CONNECT);
    op->result = *connect_script++;
    if (op->result == CONNECT_CLOSED) { /* on its way, and its number is closed meanwhile */
        op->result = -EALREADY;
        op->entry->closes++;
    }
    return 1;
}

static ssize_t connect_by(struct weft__io *io, int fd, const ssize_t *script)
{
    static const struct weft__wait_kind kind = {.what = "connect"};
    const struct weft__io_driver *own = io->driver;
    struct weft__io_driver fake = *own;
    fake.begin = connect_begin;
    connect_script = script;
    io->driver = &fake;
    ssize_t rc =
        weft__io_do(&(struct weft__io_op){.code = WEFT__IO_CONNECT, .fd = fd, .kind = &kind});
    io->driver = own;
    return rc;
}

static int connect_body(void *arg WEFT_UNUSED)
{
    int fds[2], code;
    EXPECT_EQ(weft_socketpair(fds), 0);
    struct weft__io *io = weft__io_of(weft__runtime(), &code);
#define BY(...) connect_by(io, fds[0], (const ssize_t[]){__VA_ARGS__})
    EXPECT_EQ(BY(-ECANCELED, -EALREADY, POLLOUT, 0), 0);
    EXPECT_EQ(BY(-ECANCELED, -EALREADY, POLLOUT, -ECANCELED, -EISCONN), 0);
    EXPECT_EQ(BY(-ECANCELED, -EALREADY, POLLOUT, -ECONNREFUSED), -ECONNREFUSED);
    EXPECT_EQ(BY(-ECANCELED, CONNECT_CLOSED), -EBADF);
    EXPECT_EQ(BY(-ECANCELED, -EISCONN), 0);
    EXPECT_EQ(BY(-EALREADY), -EALREADY); /* the caller's own mistakes are told as before */
    EXPECT_EQ(BY(-EISCONN), -EISCONN);
#undef BY
    EXPECT_EQ(weft_close(fds[0]), 0);
    EXPECT_EQ(weft_close(fds[1]), 0);
    return 0;
}

TEST(op_connect_goes_on_when_its_wait_has_ended)
{
    weft_options options = {.workers = 1, .io = WEFT_IO_EPOLL, .quiet = true};
    unsetenv("WEFT_IO");
    EXPECT_EQ(weft_run_with(connect_body, NULL, &options), 0);
}

/* ---- forks ---- */

static int fork_recv(void *arg)
{
    const int *fd = *(int **)arg;
    char byte;
    EXPECT_EQ(weft_recv(*fd, &byte, 1, 0), 1);
    return 0;
}

/* The child's operation must not change what the parent's driver knows of the same descriptor. */
static int fork_body(void *arg)
{
    int fds[2], status, *fd = &fds[1];
    weft_scope scope;
    (void)arg;
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, fork_recv, &fd), 0);
    EXPECT_EQ(weft_sleep(2 * WEFT_MS), 0);
    pid_t pid = fork();
    EXPECT(pid >= 0);
    if (pid == 0) {
        int rc = weft_wait_fd(fds[1], WEFT_FD_READ);
        _exit(rc == -WEFT_ESHUTDOWN ? 0 : 1);
    }
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    EXPECT_EQ(send(fds[0], "x", 1, 0), 1);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    close(fds[0]);
    close(fds[1]);
    return 0;
}

TEST(op_of_a_forked_child_leaves_the_parents_alone) /* T58 */
{
    weft_options options = {.workers = 1, .io = WEFT_IO_EPOLL, .quiet = true};
    unsetenv("WEFT_IO");
    EXPECT_EQ(weft_run_with(fork_body, NULL, &options), 0);
}

/* ---- plain threads and signals ---- */

enum { SIGNAL_TIMES = 200 };

struct signal_pair {
    int fds[2];
    pthread_t reader;
};

static void signal_nothing(int signo)
{
    (void)signo;
}

static void *signal_often(void *arg)
{
    struct signal_pair *pair = arg;
    for (int i = 0; i < SIGNAL_TIMES; i++) {
        EXPECT_EQ(pthread_kill(pair->reader, SIGUSR1), 0);
        sched_yield();
    }
    EXPECT_EQ(send(pair->fds[0], "x", 1, 0), 1);
    return NULL;
}

TEST(op_of_a_plain_thread_outlasts_signals)
{
    struct sigaction act = {.sa_handler = signal_nothing, .sa_flags = SA_RESTART};
    struct signal_pair pair = {.reader = pthread_self()};
    pthread_t thread;
    char byte;
    EXPECT_EQ(sigaction(SIGUSR1, &act, NULL), 0);
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.fds), 0);
    EXPECT_EQ(pthread_create(&thread, NULL, signal_often, &pair), 0);
    EXPECT_EQ(weft_recv(pair.fds[1], &byte, 1, 0), 1);
    EXPECT_EQ(pthread_join(thread, NULL), 0);
    close(pair.fds[0]);
    close(pair.fds[1]);
}

/* ---- one that begins while the descriptor is being closed ---- */

enum { CLOSE_TURNS = 97 }; /* so much later than the byte it is closed, at the most */

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
    if (n != -ENOTSOCK) { /* somebody may have opened something else meanwhile */
        EXPECT_EQ(n, -EBADF);
    }
    return 0;
}

/* Its reader comes back for more just as the socket is closed; nothing else would ever wake it, as
 * the other end stays open. */
static void close_race(int turns)
{
    struct close_race race = {.is_reading = false}, *at = &race;
    weft_scope scope;
    probe_pair(race.fds);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, close_read_on, &at), 0);
    while (!a_load(&race.is_reading, relaxed)) {
        EXPECT_EQ(weft_yield(), 0);
    }
    probe_send_all(race.fds[0], "x", 1);
    for (; turns > 0; turns--) {
        a_relax();
    }
    EXPECT_EQ(weft_close(race.fds[1]), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(weft_close(race.fds[0]), 0);
}

IO_TEST(op_begun_in_a_close_is_not_lost)
{
    for (int i = 0; i < TEST_FEWER(TEST_ROUNDS(2000, 200000)); i++) {
        close_race(i % CLOSE_TURNS);
    }
}

static int close_race_main(void *arg)
{
    close_race(*(int *)arg % CLOSE_TURNS);
    return 0;
}

/* Where a worker has not waited for a descriptor before, the driver opens some of its own then, one
 * of which may get the number that was closed. */
TEST(op_begun_in_a_close_meets_the_driver)
{
    weft_options options = {.workers = 4, .io = WEFT_IO_EPOLL};
    for (int i = 0; i < TEST_ROUNDS(300, 30000); i++) {
        EXPECT_EQ(weft_run_with(close_race_main, &i, &options), 0);
    }
}
