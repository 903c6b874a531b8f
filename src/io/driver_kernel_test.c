/* driver_kernel_test.c - what the kernel's drivers must do beyond driver_test.c: descriptors of
 * others, numbers that are used again, threads, failures, a seat that is busy.
 *
 * SPDX-License-Identifier: MIT
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/fault.h"
#include "base/rng.h"
#include "io/driver_probe.h"
#include "io/wait_probe.h"
#include "tests/test.h"
#include "weft/err.h"
#include "weft/run.h"

/* ---- descriptors of others ---- */

static void foreign_pair(int ret_fds[2])
{
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ret_fds), 0);
}

IO_TEST_KERNEL(driver_foreign_socket_that_waits)
{
    int fds[2];
    char got[4];
    struct probe_call call = {.size = 4};
    weft_scope scope;
    foreign_pair(fds);
    EXPECT_EQ(weft_send(fds[0], "ab", 2, 0), 2);
    EXPECT_EQ(weft_recv(fds[1], got, 4, 0), 2);
    call.fd = fds[1];
    weft_scope_open(&scope);
    probe_go(&scope, probe_recv, &call); /* which would hold up its worker, were it a plain call */
    probe_settle();
    EXPECT_EQ(weft_write(fds[0], "cd", 2), 2);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(call.result, 2);
    probe_close_both(fds);
}

/* The library that owns it closes it and opens another, and Weft is told nothing. */
IO_TEST_KERNEL(driver_foreign_number_is_used_again)
{
    for (int i = 0; i < 200; i++) {
        int fds[2];
        struct probe_call call = {.size = 4};
        weft_scope scope;
        foreign_pair(fds);
        call.fd = fds[1];
        weft_scope_open(&scope);
        probe_go(&scope, probe_recv, &call);
        if (i % 4 == 0) {
            probe_settle();
        }
        if (i % 2) {
            EXPECT_EQ(weft_send(fds[0], "x", 1, 0), 1);
        } else {
            weft_scope_cancel(&scope);
        }
        int rc = weft_scope_close(&scope);
        EXPECT(i % 2 ? rc == 0 && call.result == 1 : call.result == -WEFT_ECANCELED);
        EXPECT_EQ(close(fds[0]), 0);
        EXPECT_EQ(close(fds[1]), 0);
    }
}

/* A descriptor of ours gets the number of one that others had, and back. */
IO_TEST_KERNEL(driver_number_changes_hands)
{
    for (int i = 0; i < 100; i++) {
        int fds[2];
        struct probe_call call = {.size = 1};
        weft_scope scope;
        if (i % 2) {
            foreign_pair(fds);
        } else {
            probe_pair(fds);
        }
        call.fd = fds[1];
        weft_scope_open(&scope);
        probe_go(&scope, probe_recv, &call);
        if (i % 3) {
            probe_settle();
        }
        EXPECT_EQ(weft_send(fds[0], "x", 1, 0), 1);
        EXPECT_EQ(weft_scope_close(&scope), 0);
        EXPECT_EQ(call.result, 1);
        if (i % 2) {
            EXPECT_EQ(close(fds[0]), 0);
            EXPECT_EQ(close(fds[1]), 0);
        } else {
            probe_close_both(fds);
        }
    }
}

IO_TEST_KERNEL(driver_foreign_both_directions)
{
    int fds[2];
    static char much[64 * 1024];
    char byte;
    struct probe_call reader = {.size = 4}, writer = {.buffer = much, .size = sizeof much};
    weft_scope scope;
    foreign_pair(fds);
    reader.fd = writer.fd = fds[1];
    weft_scope_open(&scope);
    probe_go(&scope, probe_recv, &reader);
    probe_go(&scope, probe_send_for_ever, &writer);
    probe_settle();
    size_t before = writer.done;
    EXPECT(!reader.is_over && !writer.is_over && before > 0);
    probe_send_all(fds[0], "data", 4);
    probe_await(reader.is_over);
    EXPECT_EQ(reader.result, 4);
    EXPECT_EQ(writer.done, before); /* one direction does not stir the other */
    for (size_t i = 0; i < before; i++) {
        probe_recv_all(fds[0], &byte, 1);
    }
    probe_await(writer.done > before);
    EXPECT_EQ(close(fds[0]), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT(writer.result == -EPIPE || writer.result == -ECONNRESET);
    EXPECT_EQ(close(fds[1]), 0);
}

static int kernel_write_pipe(void *arg)
{
    struct probe_call *call = *(struct probe_call **)arg;
    while (call->done < call->size) {
        ssize_t n = weft_write(call->fd, (char *)call->buffer + call->done,
                               call->size - call->done);
        EXPECT(n > 0);
        call->done += (size_t)n;
    }
    return 0;
}

IO_TEST_KERNEL(driver_foreign_pipe_that_waits)
{
    int fds[2];
    static char much[300 * 1024], got[300 * 1024];
    struct probe_call writer = {.buffer = much, .size = sizeof much};
    size_t done = 0;
    weft_scope scope;
    for (size_t i = 0; i < sizeof much; i++) {
        much[i] = (char)(i * 13);
    }
    EXPECT_EQ(pipe(fds), 0);
    writer.fd = fds[1];
    weft_scope_open(&scope);
    probe_go(&scope, kernel_write_pipe, &writer);
    while (done < sizeof got) {
        ssize_t n = weft_read(fds[0], got + done, sizeof got - done);
        EXPECT(n > 0);
        done += (size_t)n;
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT(memcmp(much, got, sizeof got) == 0);
    EXPECT_EQ(weft_close(fds[1]), 0);
    EXPECT_EQ(weft_read(fds[0], got, 1), 0);
    EXPECT_EQ(weft_close(fds[0]), 0);
}

/* ---- waiting for a descriptor ---- */

static int kernel_wait(void *arg)
{
    struct probe_call *call = *(struct probe_call **)arg;
    call->result = weft_wait_fd(call->fd, (unsigned)call->size);
    call->is_over = true;
    return 0;
}

static void kernel_wait_by_many(int fds[2])
{
    enum { WAITERS = 6 };
    struct probe_call calls[WAITERS];
    weft_scope scope;
    weft_scope_open(&scope);
    for (int i = 0; i < WAITERS; i++) {
        calls[i] = (struct probe_call){.fd = fds[1], .size = WEFT_FD_READ};
        probe_go(&scope, kernel_wait, &calls[i]);
    }
    probe_settle();
    EXPECT(!calls[0].is_over);
    EXPECT_EQ(weft_wait_fd(fds[1], WEFT_FD_WRITE), WEFT_FD_WRITE);
    EXPECT_EQ(weft_send(fds[0], "x", 1, 0), 1);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    for (int i = 0; i < WAITERS; i++) {
        EXPECT_EQ(calls[i].result, WEFT_FD_READ);
    }
    EXPECT_EQ(weft_wait_fd(fds[1], WEFT_FD_READ | WEFT_FD_WRITE), WEFT_FD_READ | WEFT_FD_WRITE);
}

IO_TEST_KERNEL(driver_many_wait_for_one)
{
    int fds[2];
    probe_pair(fds);
    kernel_wait_by_many(fds);
    probe_close_both(fds);
    foreign_pair(fds);
    kernel_wait_by_many(fds);
    probe_close_both(fds);
}

static void kernel_wait_ended(int fds[2], int how)
{
    struct probe_call call = {.fd = fds[1], .size = WEFT_FD_READ};
    weft_scope scope;
    weft_scope_open(&scope);
    probe_go(&scope, kernel_wait, &call);
    probe_settle();
    EXPECT(!call.is_over);
    if (how == 0) {
        weft_scope_cancel(&scope);
    } else {
        EXPECT_EQ(weft_close(fds[how - 1]), 0);
    }
    (void)weft_scope_close(&scope);
    if (how == 0) {
        EXPECT_EQ(call.result, -WEFT_ECANCELED);
        probe_close_both(fds);
    } else if (how == 1) { /* the peer */
        EXPECT(call.result > 0 && (call.result & (WEFT_FD_READ | WEFT_FD_HANGUP)));
        EXPECT_EQ(weft_close(fds[1]), 0);
    } else {
        EXPECT_EQ(call.result, -EBADF);
        EXPECT_EQ(weft_close(fds[0]), 0);
    }
}

IO_TEST_KERNEL(driver_wait_ends)
{
    for (int how = 0; how < 3; how++) {
        int fds[2];
        probe_pair(fds);
        kernel_wait_ended(fds, how);
        foreign_pair(fds);
        kernel_wait_ended(fds, how);
    }
    EXPECT_EQ(weft_wait_fd(-1, WEFT_FD_READ), -EBADF);
    EXPECT_EQ(weft_wait_fd(987, WEFT_FD_READ), -EBADF);
    EXPECT_EQ(weft_wait_fd(0, 0), -WEFT_EINVAL);
}

static int kernel_open(void *arg)
{
    const char *path = *(const char **)arg;
    int fd = weft_open(path, O_RDONLY, 0);
    EXPECT_EQ(fd, -WEFT_ECANCELED);
    return 0;
}

IO_TEST_REAL(driver_open_of_a_fifo_cancelled) /* T43 */
{
    char dir[] = "/tmp/weft-driver-XXXXXX", path[64];
    const char *at = path;
    weft_scope scope;
    EXPECT(mkdtemp(dir) != NULL);
    snprintf(path, sizeof path, "%s/fifo", dir);
    EXPECT_EQ(mkfifo(path, 0600), 0);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, kernel_open, &at), 0);
    probe_settle();
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(unlink(path), 0);
    EXPECT_EQ(rmdir(dir), 0);
}

IO_TEST_KERNEL(driver_file_is_always_ready)
{
    char path[] = "/tmp/weft-driver-XXXXXX", got[4];
    int fd = mkstemp(path);
    EXPECT(fd >= 0);
    EXPECT_EQ(weft_wait_fd(fd, WEFT_FD_READ), WEFT_FD_READ);
    EXPECT_EQ(weft_write(fd, "abc", 3), 3);
    EXPECT_EQ(weft_pread(fd, got, 4, 0), 3);
    EXPECT_EQ(weft_read(fd, got, 4), 0);
    EXPECT_EQ(unlink(path), 0);
    EXPECT_EQ(weft_close(fd), 0);
}

/* ---- connections ---- */

static int kernel_connect(void *arg)
{
    weft_addr addr = *(weft_addr *)arg;
    int fd = weft_connect_addr(&addr);
    return fd >= 0 ? weft_close(fd) : 0;
}

IO_TEST_KERNEL(driver_connect_into_a_hole) /* T42 */
{
    weft_addr addr;
    weft_scope fillers, scope;
    int fd = probe_listen(&addr, 1);
    weft_scope_open(&fillers);
    for (int i = 0; i < 8; i++) { /* nobody accepts them, and soon there is no more place */
        EXPECT_EQ(weft_go(&fillers, kernel_connect, &addr), 0);
    }
    probe_settle();
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(100 * WEFT_MS));
    EXPECT_EQ(weft_connect_addr(&addr), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
    weft_scope_cancel(&fillers);
    (void)weft_scope_close(&fillers);
    EXPECT_EQ(weft_close(fd), 0);
}

/* A read stops at the mark of urgent data, short of what is there. */
IO_TEST_KERNEL(driver_urgent_data)
{
    int fds[2];
    char got[16];
    probe_tcp_pair(fds);
    EXPECT_EQ(weft_recv(fds[1], got, 1, MSG_DONTWAIT), -WEFT_EAGAIN);
    for (int i = 0; i < 3; i++) {
        struct probe_call call = {.fd = fds[1], .size = 16};
        weft_scope scope;
        weft_scope_open(&scope);
        probe_go(&scope, probe_recv, &call);
        probe_settle();
        EXPECT_EQ(weft_send(fds[0], "ab!", 3, MSG_OOB), 3);
        probe_send_all(fds[0], "cd", 2);
        EXPECT_EQ(weft_scope_close(&scope), 0);
        size_t done = (size_t)call.result;
        EXPECT(call.result >= 2);
        if (done < 4) {
            probe_recv_all(fds[1], got, 4 - done); /* although the first one was short */
        }
    }
    probe_close_both(fds);
}

IO_TEST_KERNEL(driver_datagrams_one_by_one)
{
    weft_addr addr;
    char got[64];
    int to = weft_udp("127.0.0.1:0"), from = weft_udp("127.0.0.1:0");
    EXPECT(to >= 0 && from >= 0);
    EXPECT_EQ(weft_sock_here(to, &addr), 0);
    for (int i = 0; i < 3; i++) {
        struct probe_call call = {.fd = to, .size = 64};
        weft_scope scope;
        weft_scope_open(&scope);
        probe_go(&scope, probe_recv, &call);
        probe_settle();
        for (int j = 0; j < 3; j++) {
            EXPECT_EQ(weft_sendto(from, "abcde", (size_t)j + 1, 0, &addr), j + 1);
        }
        EXPECT_EQ(weft_scope_close(&scope), 0);
        EXPECT_EQ(call.result, 1); /* shorter than the buffer, and there are more */
        EXPECT_EQ(weft_recv(to, got, 64, 0), 2);
        EXPECT_EQ(weft_recv(to, got, 64, 0), 3);
    }
    EXPECT_EQ(weft_close(to), 0);
    EXPECT_EQ(weft_close(from), 0);
}

struct kernel_mail {
    int fd;
    weft_addr to;
};

enum { KERNEL_LETTERS = 60 };

static int kernel_send_letters(void *arg)
{
    struct kernel_mail *mail = arg;
    for (int i = 0; i < KERNEL_LETTERS; i++) {
        EXPECT_EQ(weft_sendto(mail->fd, &i, sizeof i, 0, &mail->to), sizeof i);
    }
    return 0;
}

static int kernel_send_connected(void *arg)
{
    int fd = *(int *)arg;
    for (int i = 0; i < KERNEL_LETTERS; i++) {
        struct iovec iov = {.iov_base = &i, .iov_len = sizeof i};
        ssize_t n = i % 2 ? weft_send(fd, &i, sizeof i, 0)
                          : weft_sendmsg(fd, &(struct msghdr){.msg_iov = &iov, .msg_iovlen = 1}, 0);
        EXPECT_EQ(n, sizeof i);
    }
    return 0;
}

static void kernel_read_letters(int fd)
{
    for (int i = 0; i < KERNEL_LETTERS; i++) {
        int got = -1;
        EXPECT_EQ(weft_recv(fd, &got, sizeof got, 0), sizeof got);
        EXPECT_EQ(got, i);
    }
}

IO_TEST_KERNEL(driver_letters_to_a_full_peer)
{
    int fds[2];
    weft_scope scope;
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fds), 0);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, kernel_send_connected, &fds[0]), 0);
    probe_settle();
    kernel_read_letters(fds[1]);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    probe_close_both(fds);
}

/* The kernel tells a sender that is not connected nothing of the receiver's room. */
IO_TEST_KERNEL(driver_letters_to_a_full_box)
{
    char here[64], there[64];
    struct kernel_mail mail;
    weft_scope scope;
    snprintf(here, sizeof here, "unix:@weft-driver-%d-a", (int)getpid());
    snprintf(there, sizeof there, "unix:@weft-driver-%d-b", (int)getpid());
    int to = weft_udp(there);
    mail.fd = weft_udp(here);
    EXPECT(to >= 0 && mail.fd >= 0);
    EXPECT_EQ(weft_sock_here(to, &mail.to), 0);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, kernel_send_letters, &mail), 0);
    probe_settle();
    kernel_read_letters(to);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(weft_close(mail.fd), 0);
    EXPECT_EQ(weft_close(to), 0);
}

/* ---- a file that lives on under no number, or another ---- */

IO_TEST_KERNEL(driver_closed_but_duplicated)
{
    for (int i = 0; i < 50; i++) {
        int fds[2], next[2];
        struct probe_call call = {.size = 4};
        weft_scope scope;
        probe_pair(fds);
        call.fd = fds[1];
        int keeps = dup(fds[1]); /* the socket does not end with the close */
        EXPECT(keeps >= 0);
        weft_scope_open(&scope);
        probe_go(&scope, probe_recv, &call);
        probe_settle();
        EXPECT_EQ(weft_close(fds[1]), 0);
        EXPECT_EQ(weft_scope_close(&scope), 0);
        EXPECT_EQ(call.result, -EBADF);
        probe_pair(next);
        probe_send_all(fds[0], "old", 3); /* comes in at a file whose number others have */
        call = (struct probe_call){.fd = next[1], .size = 4};
        weft_scope_open(&scope);
        probe_go(&scope, probe_recv, &call);
        probe_settle();
        EXPECT(!call.is_over);
        probe_send_all(next[0], "new!", 4);
        EXPECT_EQ(weft_scope_close(&scope), 0);
        EXPECT_EQ(call.result, 4);
        char got[4];
        EXPECT_EQ(read(keeps, got, 4), 3);
        EXPECT_EQ(close(keeps), 0);
        EXPECT_EQ(weft_close(fds[0]), 0);
        probe_close_both(next);
    }
}

IO_TEST_KERNEL(driver_child_of_a_fork_closes) /* T58 */
{
    int fds[2], status;
    struct probe_call call = {.size = 4};
    weft_scope scope;
    probe_pair(fds);
    call.fd = fds[1];
    weft_scope_open(&scope);
    probe_go(&scope, probe_recv, &call);
    probe_settle();
    pid_t pid = fork();
    if (pid == 0) {
        _exit(weft_close(fds[1]) == 0 ? 0 : 1);
    }
    EXPECT(pid > 0);
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
    probe_settle();
    EXPECT(!call.is_over);
    probe_send_all(fds[0], "data", 4);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(call.result, 4);
    probe_close_both(fds);
}

/* ---- threads ---- */

enum { KERNEL_PINGS = 300 };

static int kernel_ping(int fd)
{
    for (int i = 0; i < KERNEL_PINGS; i++) {
        char sent = (char)i, got = (char)~i;
        probe_send_all(fd, &sent, 1);
        probe_recv_all(fd, &got, 1);
        EXPECT_EQ(sent, got);
    }
    return 0;
}

static int kernel_pong(void *arg)
{
    int fd = *(int *)arg;
    char c;
    while (weft_recv(fd, &c, 1, 0) == 1) {
        probe_send_all(fd, &c, 1);
    }
    return 0;
}

static int kernel_ping_task(void *arg)
{
    return kernel_ping(*(int *)arg);
}

static void *kernel_ping_thread(void *arg)
{
    kernel_ping(*(int *)arg);
    return NULL;
}

IO_TEST_REAL(driver_threads_of_all_kinds)
{
    enum { EACH = 3 };
    int pairs[3 * EACH][2];
    pthread_t threads[EACH];
    weft_scope pings, pongs;
    weft_scope_open(&pongs);
    weft_scope_open(&pings);
    for (int i = 0; i < 3 * EACH; i++) {
        bool is_thread = i % 2;
        probe_pair(pairs[i]);
        EXPECT_EQ(weft_go_with(&pongs, kernel_pong, &pairs[i][1], sizeof(int),
                               &(weft_task_options){.on = is_thread ? WEFT_THREAD : WEFT_TASK}), 0);
        if (i < EACH) {
            EXPECT_EQ(pthread_create(&threads[i], NULL, kernel_ping_thread, &pairs[i][0]), 0);
        } else {
            weft_task_options options = {.on = i < 2 * EACH ? WEFT_THREAD : WEFT_TASK};
            EXPECT_EQ(weft_go_with(&pings, kernel_ping_task, &pairs[i][0], sizeof(int), &options),
                      0);
        }
    }
    EXPECT_EQ(weft_scope_close(&pings), 0);
    for (int i = 0; i < EACH; i++) {
        EXPECT_EQ(pthread_join(threads[i], NULL), 0); /* the workers go on meanwhile */
    }
    for (int i = 0; i < 3 * EACH; i++) {
        EXPECT_EQ(weft_shutdown(pairs[i][0], SHUT_WR), 0);
    }
    EXPECT_EQ(weft_scope_close(&pongs), 0);
    for (int i = 0; i < 3 * EACH; i++) {
        probe_close_both(pairs[i]);
    }
}

/* The first one to wait has no seat: its descriptor is at a seat whose sitter knows of nothing. */
IO_TEST_REAL(driver_first_by_a_thread)
{
    int fds[2];
    struct probe_call call = {.size = 1}, *place = &call;
    weft_scope scope;
    probe_pair(fds);
    call.fd = fds[1];
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go_with(&scope, probe_recv, &place, sizeof place,
                           &(weft_task_options){.on = WEFT_THREAD}), 0);
    EXPECT_EQ(weft_sleep(20 * WEFT_MS), 0);
    EXPECT(!call.is_over);
    probe_send_all(fds[0], "x", 1);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(call.result, 1);
    probe_close_both(fds);
}

static void *kernel_close_by_thread(void *arg)
{
    EXPECT_EQ(weft_close(*(int *)arg), 0);
    return NULL;
}

IO_TEST_REAL(driver_closed_by_a_thread)
{
    int fds[2];
    struct probe_call call = {.size = 1};
    pthread_t thread;
    weft_scope scope;
    probe_pair(fds);
    call.fd = fds[1];
    weft_scope_open(&scope);
    probe_go(&scope, probe_recv, &call);
    probe_await_waiting(fds[1], 1);
    EXPECT_EQ(pthread_create(&thread, NULL, kernel_close_by_thread, &fds[1]), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(call.result, -EBADF);
    EXPECT_EQ(pthread_join(thread, NULL), 0);
    EXPECT_EQ(weft_close(fds[0]), 0);
}

/* ---- data and deadlines, in real time ---- */

enum { KERNEL_PAIRS = 8 };

static int kernel_pour(void *arg)
{
    int fd = *(int *)arg;
    struct weft__rng rng;
    uint8_t chunk[64], next = 0;
    weft__rng_seed(&rng, (uint64_t)fd);
    for (int i = 0; i < TEST_ROUNDS(400, 40000); i++) {
        size_t size = 1 + weft__rng_below(&rng, sizeof chunk);
        for (size_t j = 0; j < size; j++) {
            chunk[j] = next++;
        }
        probe_send_all(fd, chunk, size);
        if (weft__rng_below(&rng, 4) == 0) {
            EXPECT_EQ(weft_sleep((int64_t)weft__rng_below(&rng, 100) * WEFT_US), 0);
        }
    }
    return weft_shutdown(fd, SHUT_WR);
}

/* Each read has a moment only, and goes on where the last one that had bytes ended. */
static int kernel_drink(void *arg)
{
    int fd = *(int *)arg;
    struct weft__rng rng;
    uint8_t chunk[64], next = 0;
    ssize_t n;
    weft__rng_seed(&rng, (uint64_t)fd);
    do {
        weft_scope scope;
        weft_scope_open(&scope);
        weft_scope_deadline(&scope, weft_after((int64_t)weft__rng_below(&rng, 60) * WEFT_US));
        n = weft_recv(fd, chunk, 1 + weft__rng_below(&rng, sizeof chunk), 0);
        (void)weft_scope_close(&scope);
        EXPECT(n >= 0 || n == -WEFT_ECANCELED);
        for (ssize_t i = 0; i < n; i++) {
            EXPECT_EQ(chunk[i], next);
            next++;
        }
    } while (n != 0);
    return 0;
}

IO_TEST_REAL(driver_deadlines_lose_nothing)
{
    int pairs[KERNEL_PAIRS][2];
    weft_scope scope;
    weft_scope_open(&scope);
    for (int i = 0; i < KERNEL_PAIRS; i++) {
        if (i % 2) {
            probe_pair(pairs[i]);
        } else {
            probe_tcp_pair(pairs[i]);
        }
        EXPECT_EQ(weft_go(&scope, kernel_pour, &pairs[i][0]), 0);
        EXPECT_EQ(weft_go(&scope, kernel_drink, &pairs[i][1]), 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    for (int i = 0; i < KERNEL_PAIRS; i++) {
        probe_close_both(pairs[i]);
    }
}

/* ---- a seat that is busy ---- */

static ATOMIC(int) kernel_has_got;

static int kernel_get(void *arg)
{
    char c;
    EXPECT_EQ(weft_recv(*(int *)arg, &c, 1, 0), 1);
    a_store(&kernel_has_got, 1, release);
    return 0;
}

/* Computes until the other has got its byte, which it does not before somebody else delivers it. */
IO_TEST_REAL(driver_busy_seat_hides_nothing)
{
    int fds[2];
    weft_scope scope;
    a_store(&kernel_has_got, 0, relaxed);
    probe_pair(fds);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, kernel_get, &fds[1]), 0);
    EXPECT_EQ(weft_sleep(5 * WEFT_MS), 0); /* it waits by now, where this task runs next: or not */
    EXPECT_EQ(send(fds[0], "x", 1, 0), 1);
    while (!a_load(&kernel_has_got, acquire)) {
        a_relax(); /* for ever, if nobody else delivers */
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    probe_close_both(fds);
}

/* ---- failures ---- */

/* Everything may fail; what must not is the accounting.  Returns the first code. */
static int kernel_small_talk(void)
{
    int fds[2], rc = weft_socketpair(fds);
    if (rc < 0) {
        return rc;
    }
    struct probe_call call = {.fd = fds[1], .size = 1}, *place = &call;
    weft_scope scope;
    weft_scope_open(&scope);
    rc = weft_go(&scope, probe_recv, &place);
    if (rc == 0) {
        (void)weft_yield();
        ssize_t n = weft_send(fds[0], "x", 1, 0);
        rc = (int)weft__min(n, (ssize_t)0);
    }
    EXPECT_EQ(weft_close(fds[0]), 0); /* so the reader ends in any case */
    int closed = weft_scope_close(&scope);
    rc = rc < 0 ? rc : closed < 0 ? closed : (int)weft__min(call.result, (ssize_t)0);
    EXPECT_EQ(weft_close(fds[1]), 0);
    return rc;
}

/* The same with a descriptor of others, for which two wait. */
static int kernel_foreign_talk(void)
{
    static char much[64 * 1024];
    int fds[2];
    foreign_pair(fds);
    struct probe_call reader = {.fd = fds[1], .size = 1}, *reads = &reader;
    struct probe_call writer = {.fd = fds[1], .buffer = much, .size = sizeof much};
    struct probe_call *writes = &writer;
    weft_scope scope;
    weft_scope_open(&scope);
    int rc = weft_go(&scope, probe_recv, &reads);
    if (rc == 0) {
        rc = weft_go(&scope, probe_send_for_ever, &writes);
    }
    if (rc == 0) {
        (void)weft_yield();
        ssize_t n = weft_send(fds[0], "x", 1, 0);
        (void)weft_yield();
        rc = (int)weft__min(n, (ssize_t)0);
    }
    EXPECT_EQ(weft_close(fds[0]), 0);
    int closed = weft_scope_close(&scope);
    EXPECT_EQ(weft_close(fds[1]), 0);
    return rc < 0 ? rc : closed < 0 ? closed : (int)weft__min(reader.result, (ssize_t)0);
}

static int kernel_small_run(void *arg)
{
    (void)arg;
    int rc = kernel_small_talk(), foreign = kernel_foreign_talk();
    return rc < 0 ? rc : foreign;
}

static void kernel_fail_each(enum weft_io io, size_t workers)
{
    const uint32_t kinds = WEFT_FAULT_MASK(WEFT_FAULT_SYS) | WEFT_FAULT_MASK(WEFT_FAULT_ALLOC) |
                           WEFT_FAULT_MASK(WEFT_FAULT_MAP);
    uint64_t n = 0, calls;
    do {
        n++;
        weft__fault_arm(kinds, n);
        int rc = weft_run_with(kernel_small_run, NULL,
                               &(weft_options){.workers = workers, .io = io, .quiet = true});
        calls = weft__fault_disarm();
        EXPECT(rc <= 0);
        EXPECT(calls >= n || rc == 0);
    } while (calls >= n && n < 400);
    EXPECT(n > 5);
}

TEST(driver_when_anything_fails_on_epoll)
{
    unsetenv("WEFT_IO");
    kernel_fail_each(WEFT_IO_EPOLL, 1);
    kernel_fail_each(WEFT_IO_EPOLL, 2);
}

TEST(driver_when_anything_fails_on_the_best)
{
    unsetenv("WEFT_IO");
    kernel_fail_each(WEFT_IO_AUTO, 1);
    kernel_fail_each(WEFT_IO_AUTO, 2);
}

IO_TEST_KERNEL(driver_stats)
{
    weft_stats before, after;
    int fds[2];
    struct probe_call call = {.size = 1};
    weft_scope scope;
    probe_pair(fds);
    EXPECT_EQ(weft_stats_get(&before), 0);
    call.fd = fds[1];
    weft_scope_open(&scope);
    probe_go(&scope, probe_recv, &call);
    probe_settle();
    probe_send_all(fds[0], "x", 1);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(weft_stats_get(&after), 0);
    EXPECT(after.io == WEFT_IO_EPOLL || after.io == WEFT_IO_URING);
    EXPECT(after.io_begun >= before.io_begun + 2);
    EXPECT(after.io_slept >= before.io_slept + 1);
    EXPECT(after.io_entered > before.io_entered);
    probe_close_both(fds);
}

/* ---- which one it is ---- */

static int kernel_tell(void *arg)
{
    weft_stats stats;
    int rc = kernel_small_talk();
    EXPECT_EQ(weft_stats_get(&stats), 0);
    *(enum weft_io *)arg = stats.io;
    return rc;
}

/* io_seccomp.sh forbids the ring, in several ways, and says so in the environment. */
static bool kernel_has_no_ring(void)
{
    return getenv("WEFT_TEST_NO_RING") != NULL;
}

TEST(driver_is_chosen)
{
    enum weft_io io = WEFT_IO_AUTO;
    EXPECT_EQ(unsetenv("WEFT_IO"), 0);
    EXPECT_EQ(weft_run_with(kernel_tell, &io, &(weft_options){.workers = 2}), 0);
    EXPECT(io == WEFT_IO_EPOLL || io == WEFT_IO_URING);
    EXPECT(!kernel_has_no_ring() || io == WEFT_IO_EPOLL);
    EXPECT_EQ(setenv("WEFT_IO", "epoll", 1), 0); /* stronger than the option */
    EXPECT_EQ(weft_run_with(kernel_tell, &io, &(weft_options){.io = WEFT_IO_URING}), 0);
    EXPECT_EQ(io, WEFT_IO_EPOLL);
    EXPECT_EQ(setenv("WEFT_IO", "uring", 1), 0);
    int rc = weft_run_with(kernel_tell, &io, &(weft_options){.workers = 2});
    EXPECT(rc == 0 || rc == -WEFT_ENOTSUP);
    EXPECT(!kernel_has_no_ring() || rc == -WEFT_ENOTSUP);
}
