/* transfer_test.c - all of it, or how much: read_full, write_all, sendfile, on each back end.
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/atomic.h"
#include "base/fault.h"
#include "tests/test.h"
#include "weft/err.h"
#include "weft/io.h"
#include "weft/run.h"
#include "weft/scope.h"
#include "weft/task.h"
#include "weft/time.h"

enum { TRANSFER_MEGABYTE = 1 << 20, TRANSFER_FILE_SIZE = 700001 };

static char transfer_byte(size_t i)
{
    return (char)(i % 251);
}

static char *transfer_bytes(size_t size)
{
    char *bytes = malloc(size + 1);

    for (size_t i = 0; i < size; i++)
        bytes[i] = transfer_byte(i);
    return bytes;
}

static bool transfer_is_right(const char *bytes, size_t size, size_t offset)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != transfer_byte(offset + i))
            return false;
    return true;
}

/* A file without a name, of TRANSFER_FILE_SIZE bytes. */
static int transfer_file_make(void)
{
    char path[] = "/tmp/weft-transfer-XXXXXX", *bytes = transfer_bytes(TRANSFER_FILE_SIZE);
    int fd = mkstemp(path);

    EXPECT(fd >= 0);
    EXPECT_EQ(unlink(path), 0);
    EXPECT_EQ(write(fd, bytes, TRANSFER_FILE_SIZE), TRANSFER_FILE_SIZE);
    free(bytes);
    return fd;
}

/* Where bytes go through: ends[0] reads what ends[1] is given. */
enum transfer_way {
    TRANSFER_OUR_PIPE,
    TRANSFER_PIPE,
    TRANSFER_SOCKET,
    TRANSFER_PATIENT_SOCKET,
    TRANSFER_WAYS
};

static void transfer_open(enum transfer_way way, int ends[2])
{
    switch (way) {
    case TRANSFER_OUR_PIPE:
        EXPECT_EQ(weft_pipe(ends), 0);
        return;
    case TRANSFER_PIPE:
        EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
        return;
    default:
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC |
                             (way == TRANSFER_SOCKET ? SOCK_NONBLOCK : 0), 0, ends), 0);
    }
}

static void transfer_close(int ends[2])
{
    EXPECT_EQ(weft_close(ends[0]), 0);
    EXPECT_EQ(weft_close(ends[1]), 0);
}

struct transfer_job {
    int fd;
    int from; /* a file, or -1: memory */
    size_t size;
    int rc;
    size_t done;
    bool is_read;
    ATOMIC(uint32_t) has_ended;
};

static int transfer_job_run(void *arg)
{
    struct transfer_job *job = *(struct transfer_job **)arg;
    char *bytes = transfer_bytes(job->size);
    uint64_t done = 0;

    if (job->from >= 0) {
        job->rc = weft_sendfile(job->fd, job->from, 0, job->size, &done);
        job->done = (size_t)done;
    } else if (job->is_read) {
        memset(bytes, 0, job->size);
        job->rc = weft_read_full(job->fd, bytes, job->size, &job->done);
        EXPECT(transfer_is_right(bytes, job->done, 0));
    } else {
        job->rc = weft_write_all(job->fd, bytes, job->size, &job->done);
    }
    free(bytes);
    a_store(&job->has_ended, 1, release);
    return 0;
}

/* ---- memory ---- */

static void transfer_megabyte(int ends[2], size_t size)
{
    struct transfer_job in = {.fd = ends[0], .from = -1, .size = size, .is_read = true}, *pin = &in;
    struct transfer_job out = {.fd = ends[1], .from = -1, .size = size}, *pout = &out;
    weft_scope scope;
    char byte;

    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, transfer_job_run, &pin), 0);
    EXPECT_EQ(weft_go(&scope, transfer_job_run, &pout), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(in.rc, 0);
    EXPECT_EQ(out.rc, 0);
    EXPECT_EQ(in.done, size);
    EXPECT_EQ(out.done, size);
    EXPECT_EQ(weft_write_all(ends[1], "abc", 3, NULL), 0);
    EXPECT_EQ(weft_read_full(ends[0], &byte, 0, NULL), 0);
    EXPECT_EQ(weft_read_full(ends[0], &byte, 1, NULL), 0);
    EXPECT_EQ(byte, 'a');
    EXPECT_EQ(weft_close(ends[1]), 0);
    EXPECT_EQ(weft_read_full(ends[0], (char[8]){0}, 8, &in.done), -WEFT_EPIPE);
    EXPECT_EQ(in.done, 2);
    EXPECT_EQ(weft_read_full(ends[0], &byte, 1, NULL), -WEFT_EPIPE);
    EXPECT_EQ(weft_close(ends[0]), 0);
}

IO_TEST(transfer_memory_through_our_pipe)
{
    int ends[2];

    transfer_open(TRANSFER_OUR_PIPE, ends);
    transfer_megabyte(ends, test_is_steered ? 100000 : TRANSFER_MEGABYTE);
}

IO_TEST_KERNEL(transfer_memory_through_each)
{
    for (int way = 0; way < TRANSFER_WAYS; way++) {
        int ends[2];
        transfer_open((enum transfer_way)way, ends);
        transfer_megabyte(ends, TRANSFER_MEGABYTE);
    }
}

/* Bytes that can be read now; the descriptor may be of either kind. */
static size_t transfer_drain(int fd)
{
    static char buf[4096];
    size_t sum = 0;

    EXPECT_EQ(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    for (ssize_t n; (n = read(fd, buf, sizeof buf)) > 0; sum += (size_t)n)
        EXPECT(transfer_is_right(buf, (size_t)n, sum));
    return sum;
}

static void transfer_until_stuck(struct transfer_job *job, int reader)
{
    weft_stats stats;
    int before, after = 0;
    uint64_t slept;

    do {
        before = after;
        EXPECT_EQ(weft_stats_get(&stats), 0);
        slept = stats.io_slept;
        for (int i = 0; i < 20; i++)
            EXPECT_EQ(weft_yield(), 0);
        EXPECT_EQ(ioctl(reader, FIONREAD, &after), 0);
        EXPECT_EQ(weft_stats_get(&stats), 0);
    } while (after == 0 || after != before || stats.io_slept != slept);
    EXPECT_EQ(a_load(&job->has_ended, acquire), 0);
}

/* T40: what is said to be done is what the other side can read. */
static void transfer_cancelled(int from)
{
    for (int way = 0; way < TRANSFER_WAYS; way++) {
        struct transfer_job job = {.from = from, .size = TRANSFER_FILE_SIZE}, *pjob = &job;
        int ends[2];
        weft_scope scope;

        transfer_open((enum transfer_way)way, ends);
        job.fd = ends[1];
        weft_scope_open(&scope);
        EXPECT_EQ(weft_go(&scope, transfer_job_run, &pjob), 0);
        transfer_until_stuck(&job, ends[0]);
        weft_scope_cancel(&scope);
        EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
        EXPECT_EQ(job.rc, -WEFT_ECANCELED);
        EXPECT(job.done > 0 && job.done < job.size);
        EXPECT_EQ(transfer_drain(ends[0]), job.done);
        transfer_close(ends);
    }
}

IO_TEST_KERNEL(transfer_memory_cancelled_midway)
{
    transfer_cancelled(-1);
}

IO_TEST_KERNEL(transfer_read_full_cancelled_midway)
{
    for (int way = 0; way < TRANSFER_WAYS; way++) {
        struct transfer_job job = {.from = -1, .size = 100000, .is_read = true}, *pjob = &job;
        char *bytes = transfer_bytes(50000);
        int ends[2], left;
        weft_scope scope;

        transfer_open((enum transfer_way)way, ends);
        job.fd = ends[0];
        weft_scope_open(&scope);
        EXPECT_EQ(weft_go(&scope, transfer_job_run, &pjob), 0);
        EXPECT_EQ(weft_write_all(ends[1], bytes, 50000, NULL), 0);
        for (int i = 0; i < 10 * way; i++)
            EXPECT_EQ(weft_yield(), 0);
        weft_scope_cancel(&scope);
        EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
        EXPECT_EQ(job.rc, -WEFT_ECANCELED);
        EXPECT_EQ(ioctl(ends[0], FIONREAD, &left), 0);
        EXPECT_EQ(job.done + (size_t)left, 50000);
        transfer_close(ends);
        free(bytes);
    }
}

/* ---- files ---- */

static void transfer_chill(int file)
{
    EXPECT_EQ(fdatasync(file), 0);
    EXPECT_EQ(posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED), 0);
}

static int transfer_reader(void *arg)
{
    struct transfer_job *job = *(struct transfer_job **)arg;
    char *bytes = malloc(job->size);

    job->rc = weft_read_full(job->fd, bytes, job->size, &job->done);
    EXPECT(transfer_is_right(bytes, job->done, 1000));
    free(bytes);
    return 0;
}

static void transfer_file_through(int file, enum transfer_way way)
{
    struct transfer_job in = {.size = TRANSFER_FILE_SIZE - 1000}, *pin = &in;
    int ends[2];
    uint64_t done = 7;
    weft_scope scope;

    transfer_open(way, ends);
    in.fd = ends[0];
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, transfer_reader, &pin), 0);
    EXPECT_EQ(weft_sendfile(ends[1], file, 1000, UINT64_MAX, &done), 0); /* until its end */
    EXPECT_EQ(done, in.size);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(in.rc, 0);
    EXPECT_EQ(weft_sendfile(ends[1], file, TRANSFER_FILE_SIZE, 10, &done), 0);
    EXPECT_EQ(done, 0);
    EXPECT_EQ(weft_sendfile(ends[1], file, 3, 5, NULL), 0);
    EXPECT_EQ(weft_sendfile(ends[1], file, 3, 0, &done), 0);
    EXPECT_EQ(done, 0);
    char five[6] = {0};
    EXPECT_EQ(weft_read(ends[0], five, sizeof five), 5);
    EXPECT(transfer_is_right(five, 5, 3));
    EXPECT_EQ(weft_sendfile(ends[1], file, -1, 5, &done), -WEFT_EINVAL);
    EXPECT_EQ(weft_sendfile(ends[1], -1, 0, 5, &done), -EBADF);
    EXPECT_EQ(weft_sendfile(-1, file, 0, 5, &done), -EBADF);
    EXPECT_EQ(weft_sendfile(ends[1], ends[0], 0, 5, &done), -ESPIPE);
    EXPECT_EQ(done, 0);
    transfer_close(ends);
}

IO_TEST_KERNEL(transfer_file_to_each)
{
    int file = transfer_file_make();

    for (int way = 0; way < TRANSFER_WAYS; way++)
        for (int is_cold = 0; is_cold < 2; is_cold++) {
            if (is_cold)
                transfer_chill(file);
            transfer_file_through(file, (enum transfer_way)way);
        }
    EXPECT_EQ(weft_close(file), 0);
}

IO_TEST(transfer_file_to_a_file)
{
    int from = transfer_file_make(), to = transfer_file_make();
    uint64_t done = 0;
    char *bytes = malloc(TRANSFER_FILE_SIZE);

    EXPECT_EQ(ftruncate(to, 0), 0);
    EXPECT_EQ(lseek(to, 0, SEEK_SET), 0);
    EXPECT_EQ(weft_sendfile(to, from, 0, TRANSFER_FILE_SIZE, &done), 0);
    EXPECT_EQ(done, TRANSFER_FILE_SIZE);
    EXPECT_EQ(pread(to, bytes, TRANSFER_FILE_SIZE, 0), TRANSFER_FILE_SIZE);
    EXPECT(transfer_is_right(bytes, TRANSFER_FILE_SIZE, 0));
    free(bytes);
    EXPECT_EQ(weft_close(from), 0);
    EXPECT_EQ(weft_close(to), 0);
}

IO_TEST_KERNEL(transfer_file_cancelled_midway)
{
    int file = transfer_file_make();

    transfer_cancelled(file);
    EXPECT_EQ(weft_close(file), 0);
}

/* The other side is gone: a code, and no signal, which would end this process. */
IO_TEST_KERNEL(transfer_file_to_nobody)
{
    int file = transfer_file_make();
    uint64_t done = 7;

    for (int way = 0; way < TRANSFER_WAYS; way++) {
        int ends[2];
        if (way == TRANSFER_PIPE) /* which waits, so that it is written to as by weft_write */
            continue;
        transfer_open((enum transfer_way)way, ends);
        EXPECT_EQ(weft_close(ends[0]), 0);
        EXPECT_EQ(weft_sendfile(ends[1], file, 0, 100, &done), -WEFT_EPIPE);
        EXPECT_EQ(done, 0);
        EXPECT_EQ(weft_close(ends[1]), 0);
    }
    EXPECT_EQ(weft_close(file), 0);
}

IO_TEST(transfer_in_a_cancelled_scope_does_nothing)
{
    int file = transfer_file_make(), ends[2];
    size_t done = 7;
    uint64_t sent = 7;
    char byte;
    weft_scope scope;

    transfer_open(TRANSFER_OUR_PIPE, ends);
    EXPECT_EQ(weft_write_all(ends[1], "x", 1, NULL), 0);
    weft_scope_open(&scope);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_read_full(ends[0], &byte, 1, &done), -WEFT_ECANCELED);
    EXPECT_EQ(done, 0);
    done = 7;
    EXPECT_EQ(weft_write_all(ends[1], "y", 1, &done), -WEFT_ECANCELED);
    EXPECT_EQ(done, 0);
    EXPECT_EQ(weft_sendfile(ends[1], file, 0, 10, &sent), -WEFT_ECANCELED);
    EXPECT_EQ(sent, 0);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(weft_read(ends[0], &byte, 1), 1);
    EXPECT_EQ(byte, 'x');
    transfer_close(ends);
    EXPECT_EQ(weft_close(file), 0);
}

static void *transfer_plain_reader(void *arg)
{
    struct transfer_job *job = arg;

    return transfer_reader(&job) == 0 ? NULL : job;
}

TEST(transfer_file_by_plain_threads)
{
    int file = transfer_file_make();

    for (int way = 0; way < TRANSFER_WAYS; way++) {
        struct transfer_job in = {.size = TRANSFER_FILE_SIZE - 1000};
        int ends[2];
        pthread_t thread;
        uint64_t done;

        transfer_open((enum transfer_way)way, ends);
        in.fd = ends[0];
        EXPECT_EQ(pthread_create(&thread, NULL, transfer_plain_reader, &in), 0);
        EXPECT_EQ(weft_sendfile(ends[1], file, 1000, TRANSFER_FILE_SIZE, &done), 0);
        EXPECT_EQ(done, in.size);
        EXPECT_EQ(pthread_join(thread, NULL), 0);
        EXPECT_EQ(in.rc, 0);
        transfer_close(ends);
    }
    EXPECT_EQ(weft_close(file), 0);
}

/* ---- faults ---- */

struct transfer_faulty {
    int file;
    uint32_t kinds;
    uint64_t n, counted;
};

static int transfer_faulty_app(void *arg)
{
    struct transfer_faulty *faulty = arg;
    int ends[2];
    uint64_t done = 7;

    weft__fault_arm(faulty->kinds, faulty->n);
    if (weft_pipe(ends) == 0) {
        int rc = weft_sendfile(ends[1], faulty->file, 0, 30000, &done);
        EXPECT(rc == 0 ? done == 30000 : done < 30000);
        EXPECT_EQ(transfer_drain(ends[0]), done);
        EXPECT_EQ(weft_close(ends[0]), 0);
        EXPECT_EQ(weft_close(ends[1]), 0);
    }
    faulty->counted = weft__fault_disarm();
    return 0;
}

TEST(transfer_each_fault_is_a_code)
{
    static const uint32_t kinds[] = {WEFT_FAULT_MASK(WEFT_FAULT_SYS),
                                     WEFT_FAULT_MASK(WEFT_FAULT_ALLOC)};
    int file = transfer_file_make();

    for (int io = WEFT_IO_URING; io <= WEFT_IO_EPOLL; io++)
        for (size_t i = 0; i < WEFT_ARRAY_SIZE(kinds); i++) {
            struct transfer_faulty faulty = {.file = file, .kinds = kinds[i]};
            do {
                size_t live = weft__alloc_live();
                faulty.n++;
                EXPECT_EQ(weft_run_with(transfer_faulty_app, &faulty,
                                        &(weft_options){.workers = 1, .io = (enum weft_io)io}), 0);
                EXPECT_EQ(weft__alloc_live(), live);
                EXPECT(faulty.n < 1000);
            } while (faulty.counted >= faulty.n);
        }
    EXPECT_EQ(weft_close(file), 0);
}
