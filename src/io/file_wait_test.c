/* file_wait_test.c - files, FIFOs and pipes when a read or write has to wait: the task sleeps, and
 * nobody else; a cancel gives up what can be given up, and says how much was done.
 *
 * Where a test must know that a call is under way it looks at what the call has done so far, bytes
 * in a pipe or the other side of a FIFO, or at the run's counters, never at the clock.
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/sys.h"
#include "base/syscpu.h"
#include "io/file_probe.h"
#include "io/wait_probe.h"
#include "weft/err.h"
#include "weft/scope.h"
#include "weft/task.h"

enum { FILE_PIPE_SIZE = 64 * 1024 };

/* ---- pipes ---- */

struct file_pipe {
    int ends[2];
    size_t size;
    ssize_t got;
    int next;
    ATOMIC(uint32_t) done;
};

static int file_pipe_bytes(const struct file_pipe *p)
{
    int bytes;

    EXPECT_EQ(ioctl(p->ends[0], FIONREAD, &bytes), 0);
    return bytes;
}

static int file_pipe_writer(void *arg)
{
    struct file_pipe *p = *(struct file_pipe **)arg;
    char *bytes = malloc(p->size);

    for (size_t i = 0; i < p->size; i++)
        bytes[i] = (char)(i % 251);
    p->got = weft_write(p->ends[1], bytes, p->size);
    p->next = weft_yield();
    free(bytes);
    a_store(&p->done, 1, release);
    return 0;
}

static void file_pipe_drain(struct file_pipe *p, size_t size, size_t offset)
{
    char buf[1000];

    while (size > 0) {
        ssize_t n = read(p->ends[0], buf, size < sizeof buf ? size : sizeof buf);
        if (n < 0 && errno == EAGAIN) {
            EXPECT_EQ(weft_yield(), 0);
            continue;
        }
        EXPECT(n > 0);
        EXPECT(file_has_pattern(buf, (size_t)n, offset));
        offset += (size_t)n;
        size -= (size_t)n;
    }
}

static void file_pipe_open(struct file_pipe *p, bool is_ours)
{
    if (is_ours)
        EXPECT_EQ(weft_pipe(p->ends), 0);
    else
        EXPECT_EQ(pipe2(p->ends, O_CLOEXEC), 0);
}

static void file_pipe_close(struct file_pipe *p)
{
    EXPECT_EQ(weft_close(p->ends[0]), 0);
    EXPECT_EQ(weft_close(p->ends[1]), 0);
}

/* One write of a pipe is given up when it is cancelled, and told as what has gone into the pipe. */
IO_TEST_KERNEL(file_write_of_a_pipe_is_given_up_when_cancelled)
{
    for (int is_ours = 0; is_ours < 2; is_ours++) {
        struct file_pipe pipe_state = {.size = 4 * FILE_PIPE_SIZE}, *p = &pipe_state;
        weft_scope scope;

        file_pipe_open(p, is_ours);
        weft_scope_open(&scope);
        EXPECT_EQ(weft_go(&scope, file_pipe_writer, &p), 0);
        while (file_pipe_bytes(p) < FILE_PIPE_SIZE)
            EXPECT_EQ(weft_yield(), 0);
        weft_scope_cancel(&scope);
        EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
        EXPECT_EQ(p->got, file_pipe_bytes(p));
        EXPECT_EQ(p->next, -WEFT_ECANCELED);
        file_pipe_drain(p, (size_t)p->got, 0);
        EXPECT_EQ(file_pipe_bytes(p), 0);
        file_pipe_close(p);
    }
}

/* What fits is written at once, the rest as there is room: one count, the bytes in order. */
IO_TEST_KERNEL(file_write_of_a_pipe_takes_all)
{
    for (int is_ours = 0; is_ours < 2; is_ours++) {
        struct file_pipe pipe_state = {.size = 3 * FILE_PIPE_SIZE + 77}, *p = &pipe_state;
        char page[4096];
        weft_scope scope;

        file_pipe_open(p, is_ours);
        for (size_t i = 0; i < sizeof page; i++)
            page[i] = (char)(i % 251);
        EXPECT_EQ(weft_write(p->ends[1], page, sizeof page), sizeof page);
        weft_scope_open(&scope);
        EXPECT_EQ(weft_go(&scope, file_pipe_writer, &p), 0);
        while (file_pipe_bytes(p) < FILE_PIPE_SIZE)
            EXPECT_EQ(weft_yield(), 0);
        file_pipe_drain(p, sizeof page, 0);
        file_pipe_drain(p, p->size, 0);
        EXPECT_EQ(weft_scope_close(&scope), 0);
        EXPECT_EQ(p->got, (ssize_t)p->size);
        EXPECT_EQ(file_pipe_bytes(p), 0);
        file_pipe_close(p);
    }
}

static int file_pipe_reader(void *arg)
{
    struct file_pipe *p = *(struct file_pipe **)arg;
    char buf[16] = {0};

    p->got = weft_read(p->ends[0], buf, sizeof buf);
    a_store(&p->done, 1, release);
    return 0;
}

static int file_hold_thread(void *arg)
{
    struct file_pipe *p = arg;
    char byte;

    a_store(&p->done, 1, release);
    return (int)read(p->ends[0], &byte, 1);
}

static int file_hold(void *arg)
{
    struct file_pipe *p = *(struct file_pipe **)arg;

    return weft_blocking(file_hold_thread, p) == 1 ? 0 : -1;
}

/* The pool's one thread is kept busy, so that what comes stays in the queue. */
static int file_queued_app(void *arg)
{
    struct file_pipe busy_state = {.size = 0}, *busy = &busy_state;
    char path[128];
    struct stat st;
    weft_scope scope, inner;

    snprintf(path, sizeof path, "%s/new", (const char *)arg);
    file_pipe_open(busy, false);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, file_hold, &busy), 0);
    while (a_load(&busy->done, acquire) == 0)
        EXPECT_EQ(weft_yield(), 0);
    weft_scope_open_with(&inner, &(weft_scope_options){.deadline = weft_after(WEFT_MS)});
    EXPECT_EQ(weft_open(path, O_WRONLY | O_CREAT, 0600), -WEFT_ECANCELED); /* did not happen */
    EXPECT_EQ(weft_scope_close(&inner), -WEFT_ETIMEDOUT);
    weft_scope_open_with(&inner, &(weft_scope_options){.deadline = weft_after(WEFT_MS)});
    EXPECT_EQ(weft_mkdir(path, 0700), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&inner), -WEFT_ETIMEDOUT);
    EXPECT_EQ(stat(path, &st), -1);
    EXPECT_EQ(write(busy->ends[1], "x", 1), 1);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    file_pipe_close(busy);
    return 0;
}

TEST(file_calls_in_the_queue_did_not_happen_when_cancelled)
{
    file_dir_make();
    for (size_t workers = 1; workers <= 4; workers += 3)
        EXPECT_EQ(weft_run_with(file_queued_app, file_dir,
                                &(weft_options){.workers = workers, .blocking_threads_max = 1,
                                                .io = WEFT_IO_EPOLL}), 0);
    file_dir_remove();
}

/* ---- FIFOs and pipes hold up their task alone ---- */

struct file_fifo {
    const char *path;
    int fd;
    ssize_t got;
    char buf[16];
    void *data;
    size_t size;
    int next;
};

static int file_fifo_reader(void *arg)
{
    struct file_fifo *fifo = *(struct file_fifo **)arg;

    fifo->fd = weft_open(fifo->path, O_RDONLY, 0);
    EXPECT(fifo->fd >= 0);
    EXPECT_EQ(fcntl(fifo->fd, F_GETFL) & O_NONBLOCK, 0);
    fifo->got = weft_read(fifo->fd, fifo->buf, sizeof fifo->buf);
    return weft_close(fifo->fd);
}

static void file_fifo_comes_second(struct file_fifo *fifo)
{
    struct stat st;
    weft_scope scope;
    int fd;

    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, file_fifo_reader, &fifo), 0);
    /* With one worker nothing of this would be reached if the open held it up. */
    while ((fd = open(fifo->path, O_WRONLY | O_NONBLOCK | O_CLOEXEC)) < 0)
        EXPECT_EQ(weft_yield(), 0);
    EXPECT_EQ(weft_stat(fifo->path, &st), 0);
    EXPECT(S_ISFIFO(st.st_mode));
    for (int i = 0; i < 100; i++)
        EXPECT_EQ(weft_yield(), 0);
    EXPECT_EQ(weft_write(fd, "through", 7), 7);
    EXPECT_EQ(weft_close(fd), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(fifo->got, 7);
    EXPECT_STR(fifo->buf, "through");
}

static void file_fifo_waits_too(struct file_fifo *fifo)
{
    weft_scope scope;

    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, file_fifo_reader, &fifo), 0);
    int fd = weft_open(fifo->path, O_WRONLY, 0); /* waits for the reader */
    EXPECT(fd >= 0);
    EXPECT_EQ(weft_close(fd), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(fifo->got, 0);
}

IO_TEST_REAL(file_fifo_holds_up_its_task_alone)
{
    struct file_fifo fifo = {.fd = -1};
    char path[128];

    file_dir_make();
    fifo.path = path;
    for (int i = 0; i < 2; i++) {
        /* another one each time: a ring lets go of the last one's ends a moment late */
        snprintf(path, sizeof path, "%s/fifo%d", file_dir, i);
        EXPECT_EQ(mkfifo(path, 0600), 0);
        if (i == 0)
            file_fifo_comes_second(&fifo);
        else
            file_fifo_waits_too(&fifo);
    }
    fifo.fd = weft_open(path, O_RDONLY | O_NONBLOCK, 0);
    EXPECT(fifo.fd >= 0);
    EXPECT_EQ(weft_read(fifo.fd, fifo.buf, 1), 0);
    EXPECT_EQ(weft_close(fifo.fd), 0);
    /* a ring lets go of what it has read a moment after it has said what it read */
    while ((fifo.fd = weft_open(path, O_WRONLY | O_NONBLOCK, 0)) >= 0)
        EXPECT_EQ(weft_close(fifo.fd), 0);
    EXPECT_EQ(fifo.fd, -ENXIO);
    fifo.fd = weft_open(path, O_RDWR, 0); /* waits for nobody */
    EXPECT(fifo.fd >= 0);
    EXPECT_EQ(weft_close(fifo.fd), 0);
    file_dir_remove();
}

struct file_fifos {
    int count;
    ATOMIC(int) begun, met;
};

static int file_fifos_open(struct file_fifos *all, int number, int flags)
{
    char path[128];

    snprintf(path, sizeof path, "%s/fifo%d", file_dir, number);
    a_add(&all->begun, 1, relaxed);
    return weft_open(path, flags, 0);
}

struct file_fifos_side {
    struct file_fifos *all;
    int number;
};

static int file_fifos_reader(void *arg)
{
    struct file_fifos_side *side = arg;
    char byte = 0;
    int fd = file_fifos_open(side->all, side->number, O_RDONLY);

    EXPECT(fd >= 0);
    EXPECT_EQ(weft_read(fd, &byte, 1), 1);
    EXPECT_EQ(byte, (char)side->number);
    a_add(&side->all->met, 1, relaxed);
    return weft_close(fd);
}

static int file_fifos_writer(void *arg)
{
    struct file_fifos_side *side = arg;
    char byte = (char)side->number;
    int fd = file_fifos_open(side->all, side->number, O_WRONLY);

    EXPECT(fd >= 0);
    EXPECT_EQ(weft_write(fd, &byte, 1), 1);
    return weft_close(fd);
}

/* However many wait, others are opened: files, and the FIFOs' other sides. */
IO_TEST_REAL(file_opens_of_many_fifos)
{
    struct file_fifos all = {.count = (int)weft__min(4 * weft__sys_cpus(), 256u) + 8};
    char path[128];
    weft_scope scope;

    file_dir_make();
    weft_scope_open(&scope);
    for (int i = 0; i < all.count; i++) {
        snprintf(path, sizeof path, "%s/fifo%d", file_dir, i);
        EXPECT_EQ(mkfifo(path, 0600), 0);
        EXPECT_EQ(weft_go(&scope, file_fifos_reader, (&(struct file_fifos_side){&all, i})), 0);
    }
    while (a_load(&all.begun, relaxed) < all.count)
        EXPECT_EQ(weft_yield(), 0);
    snprintf(path, sizeof path, "%s/new", file_dir);
    int fd = weft_open(path, O_CREAT | O_RDWR, 0600);
    EXPECT(fd >= 0);
    EXPECT_EQ(weft_close(fd), 0);
    EXPECT_EQ(a_load(&all.met, relaxed), 0);
    for (int i = 0; i < all.count; i++)
        EXPECT_EQ(weft_go(&scope, file_fifos_writer, (&(struct file_fifos_side){&all, i})), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(a_load(&all.met, relaxed), all.count);
    file_dir_remove();
}

/* T43: cancelled by a deadline, with nothing on the other side. */
IO_TEST_REAL(file_open_of_a_fifo_is_given_up)
{
    static const int flags[] = {O_RDONLY, O_WRONLY, O_WRONLY | O_CREAT};
    char path[128];
    void *data;
    size_t size;
    int fd;

    file_dir_make();
    snprintf(path, sizeof path, "%s/fifo", file_dir);
    EXPECT_EQ(mkfifo(path, 0600), 0);
    for (int i = 0; i < 6; i++) {
        weft_scope scope;
        weft_scope_open_with(&scope, &(weft_scope_options){
            .deadline = weft_after(i < 3 ? WEFT_MS : 3 * WEFT_MS)});
        EXPECT_EQ(weft_open(path, flags[i % 3], 0600), -WEFT_ECANCELED);
        EXPECT_EQ(weft_yield(), -WEFT_ECANCELED);
        EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
        /* nobody is left waiting on either side */
        EXPECT_EQ(open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC), -1);
    }
    weft_scope scope;
    weft_scope_open_with(&scope, &(weft_scope_options){.deadline = weft_after(WEFT_MS)});
    EXPECT_EQ(weft_read_file(path, 0, &data, &size), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
    fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    EXPECT(fd >= 0);
    char byte;
    EXPECT_EQ(read(fd, &byte, 1), 0); /* nor a writer */
    close(fd);
    file_dir_remove();
}

static int file_fifo_whole(void *arg)
{
    struct file_fifo *fifo = *(struct file_fifo **)arg;

    fifo->got = weft_read_file(fifo->path, 0, &fifo->data, &fifo->size);
    fifo->next = weft_yield();
    return 0;
}

/* Has no size, and comes in pieces; and once it is cancelled meanwhile. */
IO_TEST_REAL(file_read_whole_from_a_fifo)
{
    enum { SIZE = 300000 };
    char *bytes = malloc(SIZE), path[128];

    file_dir_make();
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (char)(i % 251);
    for (int is_cancelled = 0; is_cancelled < 2; is_cancelled++) {
        struct file_fifo state = {.path = path, .got = -1}, *fifo = &state;
        size_t done = 0;
        weft_scope scope;

        /* another one each time: a ring lets go of the last one's ends a moment late */
        snprintf(path, sizeof path, "%s/fifo%d", file_dir, is_cancelled);
        EXPECT_EQ(mkfifo(path, 0600), 0);
        weft_scope_open(&scope);
        EXPECT_EQ(weft_go(&scope, file_fifo_whole, &fifo), 0);
        int fd = weft_open(path, O_WRONLY, 0);
        EXPECT(fd >= 0);
        EXPECT_EQ(weft_write_all(fd, bytes, is_cancelled ? SIZE / 2 : SIZE, &done), 0);
        if (is_cancelled)
            weft_scope_cancel(&scope);
        EXPECT_EQ(weft_close(fd), 0);
        int rc = weft_scope_close(&scope);
        EXPECT_EQ(rc, is_cancelled ? -WEFT_ECANCELED : 0);
        EXPECT_EQ(fifo->next, rc);
        EXPECT(fifo->got == 0 || is_cancelled);
        if (fifo->got == 0) { /* the end may have been there before the cancel */
            EXPECT_EQ(fifo->size, done);
            EXPECT(file_has_pattern(fifo->data, done, 0));
            weft_file_free(fifo->data);
        }
    }
    free(bytes);
    file_dir_remove();
}

IO_TEST_KERNEL(file_pipe_holds_up_its_task_alone)
{
    for (int is_ours = 0; is_ours < 2; is_ours++) {
        struct file_pipe pipe_state = {.size = 0}, *p = &pipe_state;
        weft_stats stats;
        weft_scope scope;

        file_pipe_open(p, is_ours);
        weft_scope_open(&scope);
        EXPECT_EQ(weft_go(&scope, file_pipe_reader, &p), 0);
        probe_await_waiting(p->ends[0], 1);
        EXPECT_EQ(a_load(&p->done, acquire), 0);
        EXPECT_EQ(weft_write(p->ends[1], "pipe", 4), 4);
        EXPECT_EQ(weft_scope_close(&scope), 0);
        EXPECT_EQ(p->got, 4);
        EXPECT_EQ(weft_stats_get(&stats), 0);
        EXPECT_EQ(stats.blocking_threads_peak, 0);
        file_pipe_close(p);
    }
}

/* T37 of a pipe: cancelled, and what comes later is there for the next. */
IO_TEST_KERNEL(file_read_of_a_pipe_is_given_up)
{
    for (int is_ours = 0; is_ours < 2; is_ours++) {
        struct file_pipe pipe_state = {.size = 0}, *p = &pipe_state;
        char buf[8] = {0};
        weft_scope scope;

        file_pipe_open(p, is_ours);
        weft_scope_open(&scope);
        EXPECT_EQ(weft_go(&scope, file_pipe_reader, &p), 0);
        probe_await_waiting(p->ends[0], 1);
        weft_scope_cancel(&scope);
        EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
        EXPECT_EQ(p->got, -WEFT_ECANCELED);
        EXPECT_EQ(weft_write(p->ends[1], "later", 5), 5);
        EXPECT_EQ(weft_read(p->ends[0], buf, sizeof buf), 5);
        EXPECT_STR(buf, "later");
        file_pipe_close(p);
    }
}

struct file_other {
    int in, out;
    size_t size;
    char buf[16];
};

static int file_other_reader(void *arg)
{
    struct file_other *other = *(struct file_other **)arg;

    EXPECT_EQ(weft_read(other->in, other->buf, sizeof other->buf), other->size);
    return 0;
}

/* It waits, is cancelled; waits, and gets what comes. */
static void file_other_check(int in, int out, const void *bytes, size_t size)
{
    struct file_other state = {.in = in, .out = out, .size = size}, *other = &state;
    struct file_pipe pipe_state = {.ends = {in, out}}, *p = &pipe_state;
    weft_scope scope;

    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, file_pipe_reader, &p), 0);
    probe_await_waiting(in, 1);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(p->got, -WEFT_ECANCELED);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, file_other_reader, &other), 0);
    probe_await_waiting(in, 1);
    EXPECT_EQ(weft_write(out, bytes, size), size);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(memcmp(other->buf, bytes, size), 0);
    EXPECT_EQ(weft_close(in), 0);
    if (in != out)
        EXPECT_EQ(weft_close(out), 0);
}

/* Whatever it is, whoever has made it, and whether it waits by itself or not. */
IO_TEST_KERNEL(file_reads_and_writes_anything)
{
    const uint64_t one = 1;
    char buf[4] = "abc";
    int ends[2], terminal;

    for (int flags = 0; flags <= SOCK_NONBLOCK; flags += SOCK_NONBLOCK) {
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0, ends), 0);
        file_other_check(ends[0], ends[1], "socket", 6);
    }
    for (int flags = 0; flags <= EFD_NONBLOCK; flags += EFD_NONBLOCK) {
        int event = eventfd(0, EFD_CLOEXEC | flags);
        file_other_check(event, event, &one, sizeof one);
    }
    for (int flags = 0; flags <= O_NONBLOCK; flags += O_NONBLOCK) {
        terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | flags);
        EXPECT(terminal >= 0);
        EXPECT_EQ(unlockpt(terminal), 0);
        int other = open(ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC | flags);
        EXPECT(other >= 0);
        file_other_check(other, terminal, "line\n", 5);
    }
    int null = weft_open("/dev/null", O_RDWR, 0), zero = weft_open("/dev/zero", O_RDONLY, 0);
    EXPECT(null >= 0 && zero >= 0);
    EXPECT_EQ(weft_write(null, buf, sizeof buf), sizeof buf);
    EXPECT_EQ(weft_read(null, buf, sizeof buf), 0);
    EXPECT_EQ(weft_read(zero, buf, sizeof buf), sizeof buf);
    EXPECT_EQ(buf[0], 0);
    EXPECT_EQ(weft_pread(zero, buf, sizeof buf, 100), sizeof buf);
    EXPECT_EQ(weft_close(null), 0);
    EXPECT_EQ(weft_close(zero), 0);
}

struct file_race {
    int ends[2];
    ATOMIC(uint64_t) got;
};

static int file_race_reader(void *arg)
{
    struct file_race *race = *(struct file_race **)arg;
    unsigned char byte;
    ssize_t n = weft_read(race->ends[0], &byte, 1);

    if (n == 1)
        a_add(&race->got, byte, relaxed);
    else
        EXPECT_EQ(n, -WEFT_ECANCELED);
    return 0;
}

static int file_race_writer(void *arg)
{
    struct file_race *race = *(struct file_race **)arg;

    EXPECT_EQ(weft_write(race->ends[1], &(unsigned char){1}, 1), 1);
    return 0;
}

/* T38 of a pipe: what comes while the reader is cancelled is read, or still there. */
static void file_race_round(struct file_race *race, int round)
{
    weft_scope readers, writers;

    weft_scope_open(&writers);
    weft_scope_open(&readers);
    EXPECT_EQ(weft_go(&readers, file_race_reader, &race), 0);
    for (int i = 0; i < round % 3; i++)
        EXPECT_EQ(weft_yield(), 0);
    EXPECT_EQ(weft_go(&writers, file_race_writer, &race), 0);
    for (int i = 0; i < round % 5; i++)
        EXPECT_EQ(weft_yield(), 0);
    weft_scope_cancel(&readers);
    int rc = weft_scope_close(&readers);
    EXPECT(rc == 0 || rc == -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&writers), 0);
}

IO_TEST_KERNEL(file_read_of_a_pipe_races_a_cancel)
{
    const int rounds = TEST_ROUNDS(2000, 100000);

    for (int is_ours = 0; is_ours < 2; is_ours++) {
        struct file_race state = {.got = 0}, *race = &state;
        int left = 0;
        uint64_t sum = 0;

        if (is_ours)
            EXPECT_EQ(weft_pipe(race->ends), 0);
        else
            EXPECT_EQ(pipe2(race->ends, O_CLOEXEC), 0);
        for (int round = 0; round < rounds; round++) {
            unsigned char bytes[64];
            file_race_round(race, round);
            EXPECT_EQ(ioctl(race->ends[0], FIONREAD, &left), 0);
            if (left > 32) {
                EXPECT_EQ(read(race->ends[0], bytes, sizeof bytes), left);
                sum += (uint64_t)left;
            }
        }
        EXPECT_EQ(ioctl(race->ends[0], FIONREAD, &left), 0);
        EXPECT_EQ(a_load(&race->got, relaxed) + sum + (uint64_t)left, rounds);
        EXPECT_EQ(weft_close(race->ends[0]), 0);
        EXPECT_EQ(weft_close(race->ends[1]), 0);
    }
}

/* T44 of a pipe. */
IO_TEST_KERNEL(file_read_of_a_pipe_that_is_closed)
{
    for (int is_ours = 0; is_ours < 2; is_ours++) {
        struct file_pipe pipe_state = {.size = 0}, *p = &pipe_state;
        weft_scope scope;

        file_pipe_open(p, is_ours);
        weft_scope_open(&scope);
        EXPECT_EQ(weft_go(&scope, file_pipe_reader, &p), 0);
        probe_await_waiting(p->ends[0], 1);
        EXPECT_EQ(weft_close(p->ends[0]), 0);
        EXPECT_EQ(weft_scope_close(&scope), 0);
        EXPECT_EQ(p->got, -EBADF);
        EXPECT_EQ(weft_close(p->ends[1]), 0);
    }
}

/* What another library has set not to wait is waited for all the same, by plain threads too. */
static void *file_patient_thread(void *arg)
{
    struct file_pipe *p = arg;

    return file_pipe_reader(&p) == 0 ? NULL : p;
}

TEST(file_read_of_what_does_not_wait)
{
    struct file_pipe p = {.size = 0};
    pthread_t thread;

    EXPECT_EQ(weft_pipe(p.ends), 0);
    EXPECT(fcntl(p.ends[0], F_GETFL) & O_NONBLOCK);
    EXPECT_EQ(pthread_create(&thread, NULL, file_patient_thread, &p), 0);
    sched_yield();
    EXPECT_EQ(weft_write(p.ends[1], "four", 4), 4);
    EXPECT_EQ(pthread_join(thread, NULL), 0);
    EXPECT_EQ(p.got, 4);
    file_pipe_close(&p);
}

/* ---- cold files ---- */

/* Puts the file out of the page cache.  False: it will not go (a file system in memory). */
static bool file_chill(const char *path)
{
    char byte;
    struct iovec part = {&byte, 1};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool is_cold = false;

    EXPECT(fd >= 0);
    for (int i = 0; i < 50000 && !is_cold; i++) { /* a page that is being read stays */
        EXPECT_EQ(fdatasync(fd), 0);
        EXPECT_EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
        is_cold = weft__sys_preadv_nowait(fd, &part, 1, 0) < 0;
    }
    close(fd);
    return is_cold;
}

struct file_cold {
    int fd;
    char *buf;
    size_t size;
    ssize_t got, next;
    ATOMIC(uint32_t) started;
};

static int file_cold_reader(void *arg)
{
    struct file_cold *cold = *(struct file_cold **)arg;

    a_store(&cold->started, 1, release);
    cold->got = weft_pread(cold->fd, cold->buf, cold->size, 0);
    cold->next = weft_pread(cold->fd, cold->buf, 1, 0);
    return 0;
}

/* T46: a read that has begun is finished and its count returned; the next call is told. */
IO_TEST_KERNEL(file_cold_read_in_flight_is_finished)
{
    enum { SIZE = 200000 };
    struct file_cold state = {.buf = malloc(SIZE), .size = SIZE}, *cold = &state;
    bool is_cold = true;

    file_dir_make();
    file_make(file_path("cold"), SIZE);
    cold->fd = weft_open(file_path("cold"), O_RDONLY, 0);
    for (int i = 0; i < 40 && is_cold; i++) {
        weft_scope scope;
        is_cold = file_chill(file_path("cold"));
        memset(cold->buf, 0, SIZE);
        a_store(&cold->started, 0, relaxed);
        weft_scope_open(&scope);
        EXPECT_EQ(weft_go(&scope, file_cold_reader, &cold), 0);
        while (a_load(&cold->started, acquire) == 0)
            EXPECT_EQ(weft_yield(), 0);
        for (int k = 0; k < i % 4; k++)
            EXPECT_EQ(weft_yield(), 0);
        weft_scope_cancel(&scope);
        int rc = weft_scope_close(&scope);
        EXPECT(rc == -WEFT_ECANCELED || (rc == 0 && cold->got > 0));
        EXPECT(cold->got > 0 || cold->got == -WEFT_ECANCELED);
        EXPECT(cold->next == 1 || cold->next == -WEFT_ECANCELED);
        if (cold->got > 1)
            EXPECT(file_has_pattern(cold->buf + 1, (size_t)cold->got - 1, 1));
    }
    EXPECT_EQ(weft_close(cold->fd), 0);
    free(cold->buf);
    file_dir_remove();
    if (!is_cold)
        SKIP("this file system keeps its files in memory");
}

struct file_tick {
    ATOMIC(uint64_t) turns;
    ATOMIC(uint32_t) stop;
};

static int file_ticker(void *arg)
{
    struct file_tick *tick = *(struct file_tick **)arg;

    while (a_load(&tick->stop, acquire) == 0) {
        a_add(&tick->turns, 1, relaxed);
        EXPECT_EQ(weft_yield(), 0);
    }
    return 0;
}

/* One worker: while a cold read is under way another task has turns. */
static int file_cold_app(void *arg)
{
    enum { SIZE = 250000 };
    struct file_tick state = {.turns = 0}, *tick = &state;
    char *buf = malloc(SIZE);
    weft_scope scope;
    uint64_t most = 0;

    (void)arg;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, file_ticker, &tick), 0);
    for (int i = 0; i < 20; i++) {
        EXPECT(file_chill(file_path("cold")));
        int fd = weft_open(file_path("cold"), O_RDONLY, 0);
        uint64_t before = a_load(&tick->turns, relaxed);
        EXPECT(weft_pread(fd, buf, SIZE, 0) > 0);
        uint64_t turns = a_load(&tick->turns, relaxed) - before;
        most = weft__max(most, turns);
        EXPECT_EQ(weft_close(fd), 0);
    }
    EXPECT(most > 2);
    a_store(&tick->stop, 1, release);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    free(buf);
    return 0;
}

TEST(file_cold_read_holds_up_its_task_alone)
{
    file_dir_make();
    file_make(file_path("cold"), 250000);
    bool is_cold = file_chill(file_path("cold"));
    for (int io = WEFT_IO_AUTO; is_cold && io <= WEFT_IO_EPOLL; io += WEFT_IO_EPOLL)
        EXPECT_EQ(weft_run_with(file_cold_app, NULL,
                                &(weft_options){.workers = 1, .io = (enum weft_io)io,
                                                .stuck_after_ns = 3600 * WEFT_SECOND}), 0);
    file_dir_remove();
    if (!is_cold)
        SKIP("this file system keeps its files in memory");
}

/* Whenever the cancel comes: it did not happen, or it did, and nothing is left behind. */
static void file_cancelled_round(int round, const char *path, size_t size)
{
    char buf[2000];
    void *data = NULL;
    size_t got = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC), out[2], other;
    uint64_t sent = 0;
    weft_scope scope;

    EXPECT_EQ(weft_pipe(out), 0);
    weft_scope_open_with(&scope, &(weft_scope_options){.deadline = weft_after(round * 5000)});
    ssize_t n = weft_read(fd, buf, sizeof buf);
    EXPECT(n == (ssize_t)sizeof buf || n == -WEFT_ECANCELED);
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), n < 0 ? 0 : n);
    n = weft_pread(fd, buf, sizeof buf, 100000);
    EXPECT(n == (ssize_t)sizeof buf || n == -WEFT_ECANCELED);
    if (n > 0)
        EXPECT(file_has_pattern(buf, sizeof buf, 100000));
    int rc = weft_sendfile(out[1], fd, 200000, 3000, &sent);
    EXPECT(rc == 0 ? sent == 3000 : rc == -WEFT_ECANCELED && sent < 3000);
    EXPECT_EQ(ioctl(out[0], FIONREAD, &other), 0);
    EXPECT_EQ(other, (int)sent);
    rc = weft_read_file(path, 0, &data, &got);
    EXPECT(rc == 0 ? got == size : rc == -WEFT_ECANCELED && !data);
    weft_file_free(data);
    other = weft_open(path, O_WRONLY, 0);
    EXPECT(other >= 0 || other == -WEFT_ECANCELED);
    rc = weft_fsync(fd);
    EXPECT(rc == 0 || rc == -WEFT_ECANCELED);
    if (other >= 0)
        EXPECT_EQ(weft_close(other), 0);
    rc = weft_scope_close(&scope);
    EXPECT(rc == 0 || rc == -WEFT_ETIMEDOUT);
    EXPECT_EQ(weft_close(fd), 0);
    EXPECT_EQ(weft_close(out[0]), 0);
    EXPECT_EQ(weft_close(out[1]), 0);
}

IO_TEST_REAL(file_calls_cancelled_at_any_time)
{
    enum { SIZE = 300000 };

    file_dir_make();
    file_make(file_path("cold"), SIZE);
    for (int round = 0; round < TEST_ROUNDS(120, 4000); round++) {
        if (round % 3)
            file_chill(file_path("cold"));
        file_cancelled_round(round % 400, file_path("cold"), SIZE);
    }
    file_dir_remove();
}

/* Tasks that read one descriptor at its own position share its bytes out, cold or not. */
struct file_share {
    int fd;
    ATOMIC(uint64_t) bytes, sum;
};

static int file_share_reader(void *arg)
{
    struct file_share *share = *(struct file_share **)arg;
    unsigned char buf[5000];
    ssize_t n;

    while ((n = weft_read(share->fd, buf, sizeof buf)) > 0) {
        uint64_t sum = 0;
        for (ssize_t i = 0; i < n; i++)
            sum += buf[i];
        a_add(&share->bytes, (uint64_t)n, relaxed);
        a_add(&share->sum, sum, relaxed);
    }
    EXPECT_EQ(n, 0);
    return 0;
}

IO_TEST_KERNEL(file_own_position_is_shared_out)
{
    enum { SIZE = 400000 };
    uint64_t sum = 0;

    file_dir_make();
    file_make(file_path("shared"), SIZE);
    for (size_t i = 0; i < SIZE; i++)
        sum += i % 251;
    for (int round = 0; round < 6; round++) {
        struct file_share state = {.fd = -1}, *share = &state;
        weft_scope scope;
        if (round % 2)
            file_chill(file_path("shared"));
        share->fd = weft_open(file_path("shared"), O_RDONLY, 0);
        weft_scope_open(&scope);
        for (int i = 0; i < 8; i++)
            EXPECT_EQ(weft_go(&scope, file_share_reader, &share), 0);
        EXPECT_EQ(weft_scope_close(&scope), 0);
        EXPECT_EQ(a_load(&share->bytes, relaxed), SIZE);
        EXPECT_EQ(a_load(&share->sum, relaxed), sum);
        EXPECT_EQ(weft_close(share->fd), 0);
    }
    file_dir_remove();
}

enum { FILE_COLD_MANY = WEFT_TSAN ? 200 : 2000, FILE_COLD_SIZE = 16 * 1024 };

static int file_cold_one(void *arg)
{
    char path[128];
    void *data;
    size_t size;

    snprintf(path, sizeof path, "%s/%d", file_dir, *(int *)arg);
    EXPECT_EQ(weft_read_file(path, 0, &data, &size), 0);
    EXPECT_EQ(size, FILE_COLD_SIZE);
    EXPECT(file_has_pattern(data, size, 0));
    weft_file_free(data);
    return 0;
}

IO_TEST_KERNEL(file_read_many_cold_files)
{
    weft_scope scope;
    char path[128];

    file_dir_make();
    for (int i = 0; i < FILE_COLD_MANY; i++) {
        snprintf(path, sizeof path, "%s/%d", file_dir, i);
        file_make(path, FILE_COLD_SIZE);
    }
    sync();
    for (int i = 0; i < FILE_COLD_MANY; i++) {
        snprintf(path, sizeof path, "%s/%d", file_dir, i);
        file_chill(path);
    }
    weft_scope_open(&scope);
    for (int i = 0; i < FILE_COLD_MANY; i++)
        EXPECT_EQ(weft_go(&scope, file_cold_one, &i), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    file_dir_remove();
}
