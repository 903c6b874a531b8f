/* sysring_test.c - the door to the kernel's rings: what a ring must do before Weft relies on it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/sysring.h"

#include <errno.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/sys.h"
#include "base/sysnet.h"
#include "base/time.h"
#include "tests/test.h"
#include "weft/err.h"

static void ring_open(struct weft__sys_ring *ret, uint32_t entries)
{
    int rc = weft__sys_ring_open(entries, 4 * entries, ret);
    if (rc == -ENOSYS || rc == -EPERM || rc == -EINVAL || rc == -WEFT_ENOTSUP) {
        SKIP("there is no io_uring here");
    }
    EXPECT_EQ(rc, 0);
}

static void ring_put(struct weft__sys_ring *ring, uint8_t opcode, int fd, void *at, uint32_t size,
                     uint64_t user_data)
{
    uint32_t tail = a_load(ring->sq_tail, relaxed);
    struct io_uring_sqe *sqe = &ring->sqes[tail & (ring->sq_size - 1)];
    memset(sqe, 0, sizeof *sqe);
    sqe->opcode = opcode;
    sqe->fd = fd;
    sqe->addr = (uint64_t)(uintptr_t)at;
    sqe->len = size;
    sqe->off = UINT64_MAX;
    sqe->user_data = user_data;
    if (opcode == IORING_OP_NOP) {
        sqe->off = 0;
    }
    a_store(ring->sq_tail, tail + 1, release);
}

/* Takes one completion; there must be one. */
static int ring_get(struct weft__sys_ring *ring, uint64_t user_data)
{
    uint32_t head = a_load(ring->cq_head, relaxed);
    EXPECT(a_load(ring->cq_tail, acquire) != head);
    struct io_uring_cqe cqe = ring->cqes[head & (ring->cq_size - 1)];
    a_store(ring->cq_head, head + 1, release);
    EXPECT_EQ(cqe.user_data, user_data);
    return cqe.res;
}

TEST(sysring_takes_and_completes_in_order)
{
    struct weft__sys_ring ring;
    ring_open(&ring, 4);
    for (unsigned round = 0; round < 10; round++) {
        for (unsigned i = 0; i < 4; i++) {
            ring_put(&ring, IORING_OP_NOP, -1, NULL, 0, 100 + i);
        }
        EXPECT_EQ(weft__sys_ring_enter(&ring, 4), 4);
        EXPECT_EQ(a_load(ring.sq_head, acquire), a_load(ring.sq_tail, relaxed));
        for (unsigned i = 0; i < 4; i++) {
            EXPECT_EQ(ring_get(&ring, 100 + i), 0);
        }
    }
    weft__sys_ring_close(&ring);
}

TEST(sysring_waits_no_longer_than_it_is_told)
{
    struct weft__sys_ring ring;
    ring_open(&ring, 4);
    int64_t start = weft__time_now();
    EXPECT_EQ(weft__sys_ring_wait(&ring, 0, 2 * WEFT_NS_PER_MS), -ETIME);
    EXPECT(weft__time_now() - start >= 2 * WEFT_NS_PER_MS);
    EXPECT_EQ(weft__sys_ring_wait(&ring, 0, 0), -ETIME);
    ring_put(&ring, IORING_OP_NOP, -1, NULL, 0, 1);
    EXPECT_EQ(weft__sys_ring_wait(&ring, 1, -1), 1);
    EXPECT_EQ(ring_get(&ring, 1), 0);
    weft__sys_ring_close(&ring);
}

TEST(sysring_gives_up_what_it_is_told_to)
{
    struct weft__sys_ring ring;
    int fds[2];
    char byte;
    ring_open(&ring, 4);
    EXPECT_EQ(weft__sys_pipe(fds), 0);
    EXPECT_EQ(weft__sys_ring_cancel(&ring, 7), -ENOENT);
    ring_put(&ring, IORING_OP_READ, fds[0], &byte, 1, 7);
    EXPECT_EQ(weft__sys_ring_enter(&ring, 1), 1);
    EXPECT_EQ(weft__sys_ring_cancel(&ring, 8), -ENOENT);
    EXPECT_EQ(weft__sys_ring_cancel(&ring, 7), 0);
    EXPECT_EQ(weft__sys_ring_wait(&ring, 0, -1), 0);
    EXPECT_EQ(ring_get(&ring, 7), -ECANCELED);
    EXPECT_EQ(weft__sys_ring_cancel(&ring, 7), -ENOENT);
    weft__sys_close(fds[0]);
    weft__sys_close(fds[1]);
    weft__sys_ring_close(&ring);
}

TEST(sysring_knows_what_it_can)
{
    static const uint8_t all[] = {IORING_OP_NOP, IORING_OP_RECV}, odd[] = {IORING_OP_NOP, 63};
    struct weft__sys_ring ring;
    ring_open(&ring, 1);
    EXPECT_EQ(weft__sys_ring_can(&ring, all, sizeof all), 0);
    EXPECT_EQ(weft__sys_ring_can(&ring, odd, sizeof odd), -WEFT_ENOTSUP);
    weft__sys_ring_close(&ring);
}

/* Else it would take what its parent has asked for. */
TEST(sysring_is_not_the_childs)
{
    struct weft__sys_ring ring;
    int status;
    ring_open(&ring, 4);
    pid_t pid = fork();
    EXPECT(pid >= 0);
    if (pid == 0) {
        unsigned char there;
        bool has_map = mincore(ring.map, 1, &there) == 0;
        bool has_sqes = mincore(ring.sqes, 1, &there) == 0;
        _exit(has_map || has_sqes ? 1 : 0);
    }
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    ring_put(&ring, IORING_OP_NOP, -1, NULL, 0, 1);
    EXPECT_EQ(weft__sys_ring_enter(&ring, 1), 1);
    EXPECT_EQ(ring_get(&ring, 1), 0);
    weft__sys_ring_close(&ring);
}

TEST(sysring_nth_failure_is_a_code)
{
    struct weft__sys_ring ring;
    ring_open(&ring, 4);
    weft__sys_ring_close(&ring);
    for (uint64_t n = 1;; n++) {
        weft__fault_arm(WEFT_FAULT_ALL, n);
        int rc = weft__sys_ring_open(4, 16, &ring);
        uint64_t calls = weft__fault_disarm();
        if (rc == 0) {
            weft__sys_ring_close(&ring);
        }
        if (calls < n) {
            EXPECT_EQ(rc, 0);
            EXPECT(n > 3);
            break;
        }
        EXPECT(rc == -EMFILE || rc == -ENOMEM || (rc == 0 && calls > n));
    }
}
