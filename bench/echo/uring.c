/* uring.c - an echo server of one thread on the bare ring: a RECV, then a SEND, for each message.
 *
 * The fastest simple way found on Linux 6.18: COOP_TASKRUN and TASKRUN_FLAG, requests of one shot,
 * no POLL_FIRST, one enter for all that a turn has found.  A send that was not whole, or an accept
 * that failed, ends the connection, or the attempt.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "common/socket.h"

#define SQ_ENTRIES 2048
#define CQ_ENTRIES 32768

struct conn {
    int fd;
    int is_sending;
    unsigned size;
    char buffer[ECHO_BUFFER];
};

static struct {
    int fd;
    unsigned *sq_head, *sq_tail, sq_mask, pending;
    unsigned *cq_head, *cq_tail, cq_mask;
    struct io_uring_sqe *sqes;
    struct io_uring_cqe *cqes;
} ring;

static void *ring_map(size_t size, off_t offset)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring.fd, offset);

    bench_ok(at == MAP_FAILED, "mmap of the ring");
    return at;
}

static void ring_open(void)
{
    struct io_uring_params p = {.flags = IORING_SETUP_CQSIZE | IORING_SETUP_COOP_TASKRUN |
                                         IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_CLAMP,
                                .cq_entries = CQ_ENTRIES};
    unsigned *array;
    size_t size;
    char *base;

    ring.fd = (int)syscall(SYS_io_uring_setup, SQ_ENTRIES, &p);
    if (ring.fd < 0)
        bench_die("io_uring_setup");
    size = p.cq_off.cqes + p.cq_entries * sizeof *ring.cqes;
    if (size < p.sq_off.array + p.sq_entries * sizeof *array)
        size = p.sq_off.array + p.sq_entries * sizeof *array;
    base = ring_map(size, IORING_OFF_SQ_RING);
    ring.sqes = ring_map(p.sq_entries * sizeof *ring.sqes, IORING_OFF_SQES);
    ring.sq_head = (unsigned *)(base + p.sq_off.head);
    ring.sq_tail = (unsigned *)(base + p.sq_off.tail);
    ring.sq_mask = p.sq_entries - 1;
    ring.cq_head = (unsigned *)(base + p.cq_off.head);
    ring.cq_tail = (unsigned *)(base + p.cq_off.tail);
    ring.cq_mask = p.cq_entries - 1;
    ring.cqes = (struct io_uring_cqe *)(base + p.cq_off.cqes);
    array = (unsigned *)(base + p.sq_off.array);
    for (unsigned i = 0; i < p.sq_entries; i++)
        array[i] = i;
}

static void ring_enter(unsigned wait)
{
    long n = syscall(SYS_io_uring_enter, ring.fd, ring.pending, wait,
                     wait ? IORING_ENTER_GETEVENTS : 0, NULL, 0);

    if (n < 0 && errno != EINTR && errno != EAGAIN && errno != EBUSY)
        bench_die("io_uring_enter");
    ring.pending -= n > 0 ? (unsigned)n : 0;
}

static void ring_push(int op, struct conn *c, void *buffer, unsigned size)
{
    unsigned tail = *ring.sq_tail;
    struct io_uring_sqe *sqe = &ring.sqes[tail & ring.sq_mask];

    if (tail - __atomic_load_n(ring.sq_head, __ATOMIC_ACQUIRE) > ring.sq_mask)
        ring_enter(0);
    memset(sqe, 0, sizeof *sqe);
    sqe->opcode = (uint8_t)op;
    sqe->fd = c->fd;
    sqe->addr = (uintptr_t)buffer;
    sqe->len = size;
    sqe->msg_flags = op == IORING_OP_SEND ? MSG_NOSIGNAL : 0;
    sqe->user_data = (uintptr_t)c;
    __atomic_store_n(ring.sq_tail, tail + 1, __ATOMIC_RELEASE);
    ring.pending++;
}

static void conn_recv(struct conn *c)
{
    c->is_sending = 0;
    ring_push(IORING_OP_RECV, c, c->buffer, sizeof c->buffer);
}

static void conn_done(struct conn *c, int result)
{
    if (result <= 0 || (c->is_sending && (unsigned)result != c->size)) {
        close(c->fd);
        free(c);
    } else if (c->is_sending) {
        conn_recv(c);
    } else {
        c->is_sending = 1;
        c->size = (unsigned)result;
        ring_push(IORING_OP_SEND, c, c->buffer, c->size);
    }
}

static void conn_open(int fd)
{
    struct conn *c = malloc(sizeof *c);

    bench_ok(!c, "malloc");
    c->fd = fd;
    bench_no_delay(fd);
    conn_recv(c);
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);
    struct conn listener = {.fd = bench_listen(args.n, SOCK_STREAM)};

    ring_open();
    ring_push(IORING_OP_ACCEPT, &listener, NULL, 0);
    for (;;) {
        unsigned head = *ring.cq_head, tail;

        ring_enter(1);
        tail = __atomic_load_n(ring.cq_tail, __ATOMIC_ACQUIRE);
        for (; head != tail; head++) {
            struct io_uring_cqe cqe = ring.cqes[head & ring.cq_mask];
            struct conn *c = (struct conn *)(uintptr_t)cqe.user_data;

            __atomic_store_n(ring.cq_head, head + 1, __ATOMIC_RELEASE);
            if (c != &listener) {
                conn_done(c, cqe.res);
                continue;
            }
            if (cqe.res >= 0)
                conn_open(cqe.res);
            ring_push(IORING_OP_ACCEPT, &listener, NULL, 0);
        }
    }
}
