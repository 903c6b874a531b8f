/* uring_test.c - what is particular to io_uring: full rings, busy seats, guests, threads that end.
 *
 * What every driver must do is in driver_test.c.  Here runs are started by the tests themselves,
 * with as many workers as the case needs, and on the real clock where the kernel's own time counts.
 *
 * SPDX-License-Identifier: MIT
 */
#include "io/uring_request.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/sys.h"
#include "base/time.h"
#include "io/driver.h"
#include "io/driver_probe.h"
#include "tests/test.h"
#include "weft/chan.h"
#include "weft/err.h"
#include "weft/run.h"
#include "weft/sync.h"

static const struct weft__wait_kind ring_kind = {.what = "test"};

static weft_options ring_options(size_t workers)
{
    return (weft_options){.workers = workers, .io = WEFT_IO_URING, .quiet = true};
}

/* The run of a test; skips it where there is no ring. */
static void ring_run(int (*fn)(void *), void *arg, size_t workers)
{
    weft_options options = ring_options(workers);
    unsetenv("WEFT_IO");
    int rc = weft_run_with(fn, arg, &options);
    if (rc == -WEFT_ENOTSUP) {
        SKIP("there is no io_uring here");
    }
    EXPECT_EQ(rc, 0);
}

/* Without the calls' own attempts. */
static ssize_t ring_do(enum weft__io_code code, int fd, void *buffer, size_t size, int flags)
{
    struct weft__io_op op = {.code = code, .fd = fd, .buffer = buffer, .size = size, .offset = -1,
                             .flags = flags, .kind = &ring_kind};
    return weft__io_do(&op);
}

static ssize_t ring_open_path(const char *path, int flags)
{
    struct weft__io_op op = {.code = WEFT__IO_OPEN, .fd = -1, .path = path, .flags = flags,
                             .kind = &ring_kind};
    return weft__io_do(&op);
}

static bool ring_is_to_be_had(void)
{
    int code;
    return weft__io_of(weft__self()->task->runtime, &code) != NULL;
}

/* ---- more than a ring holds ---- */

/* More than all rooms for completions together; ThreadSanitizer counts tasks as threads. */
enum { RING_MANY = WEFT_TSAN ? 1000 : 6000 };

struct ring_many {
    int fds[2];
    ATOMIC(size_t) woken, begun;
    bool is_cancelled;
};

static int ring_wait_readable(void *arg)
{
    struct ring_many *many = *(struct ring_many **)arg;
    a_add(&many->begun, 1, relaxed);
    ssize_t n = ring_do(WEFT__IO_POLL, many->fds[0], NULL, 0, POLLIN);
    if (many->is_cancelled) {
        EXPECT_EQ(n, -WEFT_ECANCELED);
    } else {
        EXPECT_EQ(n, POLLIN);
    }
    a_add(&many->woken, 1, relaxed);
    return 0;
}

static int ring_many_body(void *arg)
{
    struct ring_many *many = arg;
    weft_scope scope, outer;
    if (!ring_is_to_be_had()) {
        return -WEFT_ENOTSUP;
    }
    EXPECT_EQ(weft_socketpair(many->fds), 0);
    probe_shield(&outer);
    weft_scope_open(&scope);
    for (int i = 0; i < RING_MANY; i++) {
        EXPECT_EQ(weft_go(&scope, ring_wait_readable, &many), 0);
    }
    while (a_load(&many->begun, relaxed) < RING_MANY) {
        EXPECT_EQ(weft_sleep(WEFT_MS), 0);
    }
    EXPECT_EQ(weft_sleep(WEFT_MS), 0);
    if (many->is_cancelled) {
        weft_scope_cancel(&scope);
    } else {
        probe_send_all(many->fds[1], "x", 1);
    }
    (void)weft_scope_close(&scope);
    (void)weft_scope_close(&outer);
    EXPECT_EQ(a_load(&many->woken, relaxed), RING_MANY);
    probe_close_both(many->fds);
    return 0;
}

TEST(uring_all_rings_are_full_at_once)
{
    for (size_t workers = 1; workers <= 4; workers += 3) {
        for (int is_cancelled = 0; is_cancelled < 2; is_cancelled++) {
            struct ring_many many = {.is_cancelled = is_cancelled};
            ring_run(ring_many_body, &many, workers);
        }
    }
}

/* ---- cancels ---- */

/* The bytes are there, and the request is written, but not submitted. */
static int ring_unsubmitted_body(void *arg)
{
    int fds[2];
    (void)arg;
    if (!ring_is_to_be_had()) {
        return -WEFT_ENOTSUP;
    }
    probe_pair(fds);
    int taken = 0;
    for (int i = 0; i < 100; i++) {
        struct probe_call call = {.fd = fds[1], .size = 4};
        weft_scope scope;
        probe_send_all(fds[0], "abcd", 4);
        weft_scope_open(&scope);
        probe_go(&scope, probe_recv, &call);
        EXPECT_EQ(weft_yield(), 0);
        weft_scope_cancel(&scope);
        (void)weft_scope_close(&scope);
        EXPECT(call.result == 4 || call.result == -WEFT_ECANCELED);
        if (call.result == 4) {
            taken++; /* the worker looked around in between */
        } else {
            char bytes[4];
            probe_recv_all(fds[1], bytes, 4);
        }
    }
    EXPECT(taken < 20);
    probe_close_both(fds);
    return 0;
}

TEST(uring_what_was_not_submitted_never_begins)
{
    ring_run(ring_unsubmitted_body, NULL, 1);
}

/* Reader, writer and canceller on workers of their own. */
struct ring_race {
    int fds[2];
    weft_scope scope;
    ATOMIC(uint32_t) phase;
    size_t sent, got;
    int rounds;
};

static int ring_race_write(void *arg)
{
    struct ring_race *race = *(struct ring_race **)arg;
    for (int i = 0; i < race->rounds; i++) {
        EXPECT_EQ(weft_send(race->fds[0], "12", 2, 0), 2);
        race->sent += 2;
        if (i % 3 == 0) {
            EXPECT_EQ(weft_yield(), 0);
        }
        while (race->sent > 1000 + a_load(&race->phase, relaxed)) {
            EXPECT_EQ(weft_yield(), 0);
        }
    }
    return weft_shutdown(race->fds[0], SHUT_WR);
}

static int ring_race_read(void *arg)
{
    struct ring_race *race = *(struct ring_race **)arg;
    char byte[3];
    ssize_t n;
    while ((n = weft_recv(race->fds[1], byte, sizeof byte, 0)) > 0) {
        race->got += (size_t)n;
        a_store(&race->phase, (uint32_t)race->got, relaxed);
    }
    return n == 0 ? 1 : 0;
}

static int ring_cancel_soon(void *arg)
{
    weft_scope *scope = *(weft_scope **)arg;
    (void)weft_yield();
    weft_scope_cancel(scope);
    return 0;
}

static int ring_race_body(void *arg)
{
    struct ring_race *race = arg;
    weft_scope outer;
    size_t before = 1;
    if (!ring_is_to_be_had()) {
        return -WEFT_ENOTSUP;
    }
    probe_pair(race->fds);
    weft_scope_open(&outer);
    EXPECT_EQ(weft_go(&outer, ring_race_write, &race), 0);
    while (before != race->got || race->got < 2 * (size_t)race->rounds) {
        weft_scope *scope = &race->scope;
        before = race->got;
        weft_scope_open(scope);
        EXPECT_EQ(weft_go(scope, ring_race_read, &race), 0);
        EXPECT_EQ(weft_go(scope, ring_cancel_soon, &scope), 0);
        (void)weft_scope_close(scope);
    }
    EXPECT_EQ(weft_scope_close(&outer), 0);
    EXPECT_EQ(race->got, race->sent);
    EXPECT_EQ(race->got, 2 * (size_t)race->rounds);
    probe_close_both(race->fds);
    return 0;
}

TEST(uring_no_byte_is_lost_between_workers) /* T38 */
{
    for (size_t workers = 1; workers <= 4; workers++) {
        /* with ThreadSanitizer each of their tasks costs some hundred times as much */
        struct ring_race race = {.rounds = TEST_ROUNDS(WEFT_TSAN ? 1000 : 25000, 250000)};
        ring_run(ring_race_body, &race, workers);
    }
}

/* ---- packets ---- */

enum { RING_SENDERS = 4, RING_LETTERS = 1000 };

static int ring_send_letters(void *arg)
{
    const struct sockaddr_un *to = *(struct sockaddr_un **)arg;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    EXPECT(fd >= 0);
    EXPECT_EQ(connect(fd, (const struct sockaddr *)to, sizeof *to), 0);
    for (int i = 0; i < RING_LETTERS; i++) {
        EXPECT_EQ(weft_send(fd, &i, sizeof i, 0), sizeof i);
    }
    return weft_close(fd);
}

/* Who has waited for room may find that another was faster; its letter is sent whole all the same:
 * at the next time. */
static int ring_letters_body(void *arg)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX}, *at = &name;
    weft_scope scope;
    int got, n = 0;
    (void)arg;
    if (!ring_is_to_be_had()) {
        return -WEFT_ENOTSUP;
    }
    snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "weft-uring-%d", (int)getpid());
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    EXPECT_EQ(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    weft_scope_open(&scope);
    for (int i = 0; i < RING_SENDERS; i++) {
        EXPECT_EQ(weft_go(&scope, ring_send_letters, &at), 0);
    }
    for (; n < RING_SENDERS * RING_LETTERS; n++) {
        EXPECT_EQ(weft_recv(fd, &got, sizeof got, 0), sizeof got);
        if (n % 16 == 0) {
            EXPECT_EQ(weft_yield(), 0);
        }
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(weft_close(fd), 0);
    return 0;
}

TEST(uring_packets_are_sent_whole)
{
    ring_run(ring_letters_body, NULL, 1);
    ring_run(ring_letters_body, NULL, 4);
}

/* ---- busy seats ---- */

struct ring_busy {
    int fds[2];
    ATOMIC(int64_t) sent_at, got_at;
    ATOMIC(uint32_t) is_waiting;
};

static int ring_busy_recv(void *arg)
{
    struct ring_busy *busy = *(struct ring_busy **)arg;
    char byte;
    a_store(&busy->is_waiting, 1, release);
    EXPECT_EQ(weft_recv(busy->fds[1], &byte, 1, 0), 1);
    a_store(&busy->got_at, weft__time_now(), release);
    return 0;
}

static void *ring_busy_send(void *arg)
{
    struct ring_busy *busy = arg;
    int64_t start = weft__time_now();
    while (weft__time_now() < start + 10 * WEFT_MS) {
        a_relax();
    }
    a_store(&busy->sent_at, weft__time_now(), release);
    EXPECT_EQ(send(busy->fds[0], "x", 1, 0), 1);
    return NULL;
}

/* Computes, on the seat where the receive was begun, until the byte is there. */
static int ring_busy_body(void *arg)
{
    struct ring_busy *busy = arg;
    weft_scope scope;
    pthread_t thread;
    if (!ring_is_to_be_had()) {
        return -WEFT_ENOTSUP;
    }
    probe_pair(busy->fds);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, ring_busy_recv, &busy), 0);
    while (a_load(&busy->is_waiting, acquire) == 0) {
        EXPECT_EQ(weft_yield(), 0);
    }
    EXPECT_EQ(weft_yield(), 0);
    EXPECT_EQ(pthread_create(&thread, NULL, ring_busy_send, busy), 0);
    while (a_load(&busy->got_at, acquire) == 0) {
        a_relax(); /* for ever, if nobody else delivers */
    }
    EXPECT_EQ(pthread_join(thread, NULL), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    probe_close_both(busy->fds);
    return 0;
}

TEST(uring_a_busy_worker_holds_nothing_up)
{
    for (size_t workers = 1; workers <= 4; workers++) {
        struct ring_busy busy = {.fds = {-1, -1}};
        ring_run(ring_busy_body, &busy, workers);
    }
}

/* ---- guests ---- */

static int ring_echo_until_end(void *arg)
{
    int fd = *(int *)arg;
    char buffer[64];
    ssize_t n;
    while ((n = ring_do(WEFT__IO_RECV, fd, buffer, sizeof buffer, 0)) > 0) {
        ssize_t sent = ring_do(WEFT__IO_SEND, fd, buffer, (size_t)n, MSG_WAITALL);
        EXPECT(sent == n || sent == -EPIPE);
    }
    return 0;
}

/* The first operation of all may be one of a thread without a seat, while the workers sleep. */
static int ring_guest_body(void *arg)
{
    const bool *guest_first = arg;
    weft_scope scope;
    int fds[2];
    char got[8];
    if (!ring_is_to_be_had()) {
        return -WEFT_ENOTSUP;
    }
    probe_pair(fds);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go_with(&scope, ring_echo_until_end, &fds[1], sizeof fds[1],
                           &(weft_task_options){.on = WEFT_THREAD}),
              0);
    if (*guest_first) {
        EXPECT_EQ(weft_sleep(20 * WEFT_MS), 0);
    }
    for (int i = 0; i < 2000; i++) {
        EXPECT_EQ(ring_do(WEFT__IO_SEND, fds[0], "abc", 3, MSG_WAITALL), 3);
        EXPECT_EQ(ring_do(WEFT__IO_RECV, fds[0], got, 3, MSG_WAITALL), 3);
    }
    EXPECT_EQ(weft_shutdown(fds[0], SHUT_WR), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    probe_close_both(fds);
    return 0;
}

TEST(uring_threads_without_a_seat)
{
    for (size_t workers = 1; workers <= 4; workers += 3) {
        for (int guest_first = 0; guest_first < 2; guest_first++) {
            bool first = guest_first;
            ring_run(ring_guest_body, &first, workers);
        }
    }
}

/* Both ends on threads: the workers only sleep, in the ring. */
static int ring_two_guests_body(void *arg)
{
    weft_scope scope;
    int fds[2];
    (void)arg;
    if (!ring_is_to_be_had()) {
        return -WEFT_ENOTSUP;
    }
    probe_pair(fds);
    weft_scope_open(&scope);
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ(weft_go_with(&scope, ring_echo_until_end, &fds[i], sizeof fds[i],
                               &(weft_task_options){.on = WEFT_THREAD}),
                  0);
    }
    EXPECT_EQ(weft_send(fds[0], "ball", 4, 0), 4);
    EXPECT_EQ(weft_sleep(50 * WEFT_MS), 0);
    EXPECT_EQ(weft_shutdown(fds[0], SHUT_RDWR), 0);
    (void)weft_scope_close(&scope);
    probe_close_both(fds);
    return 0;
}

TEST(uring_two_threads_without_a_seat)
{
    ring_run(ring_two_guests_body, NULL, 1);
    ring_run(ring_two_guests_body, NULL, 4);
}

/* ---- rouses ---- */

/* Threads that ask, and tasks that answer: in between all workers sleep in their rings. */
struct ring_asker {
    weft_chan *questions, *answers;
    pthread_t thread;
    int rounds;
};

static void *ring_ask(void *arg)
{
    struct ring_asker *asker = arg;
    for (int i = 0; i < asker->rounds; i++) {
        int got = -1;
        EXPECT_EQ(weft_chan_send(asker->questions, &i), 0);
        EXPECT_EQ(weft_chan_recv(asker->answers, &got), 0);
        EXPECT_EQ(got, i);
    }
    weft_chan_close(asker->questions);
    return NULL;
}

static int ring_answer(void *arg)
{
    struct ring_asker *asker = *(struct ring_asker **)arg;
    int got, fds[2];
    probe_pair(fds);
    while (weft_chan_recv(asker->questions, &got) == 0) {
        if (got % 4 == 0) { /* so that each seat has a ring, and its ring something in it */
            int back;
            EXPECT_EQ(ring_do(WEFT__IO_SEND, fds[0], &got, sizeof got, MSG_WAITALL), sizeof got);
            EXPECT_EQ(ring_do(WEFT__IO_RECV, fds[1], &back, sizeof back, 0), sizeof back);
            EXPECT_EQ(back, got);
        }
        EXPECT_EQ(weft_chan_send(asker->answers, &got), 0);
    }
    probe_close_both(fds);
    return 0;
}

static int ring_rouse_body(void *arg)
{
    struct ring_asker askers[3], *at;
    weft_scope scope;
    (void)arg;
    if (!ring_is_to_be_had()) {
        return -WEFT_ENOTSUP;
    }
    weft_scope_open(&scope);
    for (size_t i = 0; i < 3; i++) {
        at = &askers[i];
        *at = (struct ring_asker){.questions = weft_chan_new(sizeof(int), i),
                                  .answers = weft_chan_new(sizeof(int), i),
                                  .rounds = TEST_ROUNDS(3000, 100000)};
        EXPECT_EQ(weft_go(&scope, ring_answer, &at), 0);
        EXPECT_EQ(pthread_create(&at->thread, NULL, ring_ask, at), 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    for (size_t i = 0; i < 3; i++) {
        EXPECT_EQ(pthread_join(askers[i].thread, NULL), 0);
        weft_chan_free(askers[i].questions);
        weft_chan_free(askers[i].answers);
    }
    return 0;
}

TEST(uring_no_rouse_is_lost)
{
    ring_run(ring_rouse_body, NULL, 1);
    ring_run(ring_rouse_body, NULL, 3);
    ring_run(ring_rouse_body, NULL, 4);
}

/* ---- threads that end ---- */

static int ring_burn_until(void *arg)
{
    ATOMIC(uint32_t) *word = *(ATOMIC(uint32_t) **)arg;
    while (a_load(word, acquire) == 0) {
        a_relax();
    }
    return 0;
}

static uint64_t ring_spares(void)
{
    return a_load(&weft__runtime()->spare_count, relaxed);
}

static uint64_t ring_handovers(void)
{
    return a_load(&weft__runtime()->handovers, relaxed);
}

/* The seat goes to another thread. */
static void ring_hand_over(void)
{
    ATOMIC(uint32_t) stop = 0, *at = &stop;
    uint64_t before = ring_handovers();
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, ring_burn_until, &at), 0);
    while (ring_handovers() == before) {
        EXPECT_EQ(weft_sleep(WEFT_MS), 0);
    }
    a_store(&stop, 1, release);
    EXPECT_EQ(weft_scope_close(&scope), 0);
}

/* What a thread has submitted ends with it, and is begun again. */
static int ring_heir_body(void *arg)
{
    struct ring_busy *busy = arg;
    weft_scope scope;
    if (!ring_is_to_be_had()) {
        return -WEFT_ENOTSUP;
    }
    probe_pair(busy->fds);
    weft_scope_open(&scope);
    ring_hand_over(); /* from the first thread, which stays, to another */
    EXPECT_EQ(weft_go(&scope, ring_busy_recv, &busy), 0);
    while (a_load(&busy->is_waiting, acquire) == 0) {
        EXPECT_EQ(weft_sleep(WEFT_MS), 0);
    }
    EXPECT_EQ(weft_sleep(2 * WEFT_MS), 0); /* submitted, by that one */
    while (ring_spares() > 0) { /* a thread without a seat ends after a second */
        ring_hand_over();
        for (int i = 0; i < 150 && ring_spares() > 0; i++) {
            EXPECT_EQ(weft_sleep(10 * WEFT_MS), 0);
        }
    }
    probe_send_all(busy->fds[0], "x", 1);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT(a_load(&busy->got_at, acquire) != 0);
    probe_close_both(busy->fds);
    return 0;
}

TEST(uring_what_a_thread_began_outlives_it)
{
    struct ring_busy busy = {.fds = {-1, -1}};
    ring_run(ring_heir_body, &busy, 1);
}

/* ---- files that are not files ---- */

struct ring_fifo {
    char path[64];
    ssize_t result;
    ATOMIC(uint32_t) is_over;
    int flags;
};

static int ring_open_fifo(void *arg)
{
    struct ring_fifo *fifo = *(struct ring_fifo **)arg;
    fifo->result = ring_open_path(fifo->path, fifo->flags);
    a_store(&fifo->is_over, 1, release);
    return 0;
}

/* An open waits for the other side, whichever it is, and can be cancelled meanwhile. */
static int ring_fifo_body(void *arg)
{
    struct ring_fifo *fifo = arg, *other = fifo;
    weft_scope scope;
    if (!ring_is_to_be_had()) {
        return -WEFT_ENOTSUP;
    }
    for (int i = 0; i < 4; i++) {
        fifo->flags = i & 1 ? O_WRONLY : O_RDONLY;
        a_store(&fifo->is_over, 0, relaxed);
        weft_scope_open(&scope);
        EXPECT_EQ(weft_go(&scope, ring_open_fifo, &other), 0);
        EXPECT_EQ(weft_sleep(5 * WEFT_MS), 0);
        EXPECT_EQ(a_load(&fifo->is_over, acquire), 0);
        if (i & 2) {
            weft_scope_cancel(&scope);
            (void)weft_scope_close(&scope);
            EXPECT_EQ(fifo->result, -WEFT_ECANCELED);
        } else {
            int fd = (int)ring_open_path(fifo->path, i & 1 ? O_RDONLY : O_WRONLY);
            EXPECT(fd >= 0);
            EXPECT_EQ(weft_scope_close(&scope), 0);
            EXPECT(fifo->result >= 0);
            EXPECT_EQ(weft_close(fd), 0);
            EXPECT_EQ(weft_close((int)fifo->result), 0);
        }
    }
    EXPECT_EQ(ring_open_path("/nonexistent/file", O_RDONLY), -ENOENT);
    int fd = (int)ring_open_path("/proc/self/status", O_RDONLY);
    EXPECT(fd >= 0);
    EXPECT_EQ(weft_close(fd), 0);
    return 0;
}

TEST(uring_open_of_a_fifo_waits) /* T43 */
{
    struct ring_fifo fifo = {.result = 0};
    snprintf(fifo.path, sizeof fifo.path, "/tmp/weft-uring-%d", (int)getpid());
    EXPECT_EQ(mkfifo(fifo.path, 0600), 0);
    ring_run(ring_fifo_body, &fifo, 1);
    ring_run(ring_fifo_body, &fifo, 4);
    EXPECT_EQ(unlink(fifo.path), 0);
}

/* Kernels say of some descriptors that do not wait -EAGAIN, instead of waiting for them. */
struct ring_tty {
    int fd;
    ssize_t result;
    char byte;
};

static int ring_read_tty(void *arg)
{
    struct ring_tty *tty = *(struct ring_tty **)arg;
    tty->result = ring_do(WEFT__IO_READ, tty->fd, &tty->byte, 1, 0);
    return 0;
}

static int ring_tty_body(void *arg)
{
    weft_scope scope;
    (void)arg;
    if (!ring_is_to_be_had()) {
        return -WEFT_ENOTSUP;
    }
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    EXPECT(fd >= 0);
    EXPECT_EQ(grantpt(fd), 0);
    EXPECT_EQ(unlockpt(fd), 0);
    int end = open(ptsname(fd), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    EXPECT(end >= 0);
    for (int i = 0; i < 2; i++) {
        struct ring_tty tty = {.fd = fd}, *at = &tty;
        weft_scope_open(&scope);
        EXPECT_EQ(weft_go(&scope, ring_read_tty, &at), 0);
        EXPECT_EQ(weft_sleep(2 * WEFT_MS), 0);
        if (i == 0) {
            EXPECT_EQ(write(end, "x", 1), 1);
            EXPECT_EQ(weft_scope_close(&scope), 0);
            EXPECT_EQ(tty.result, 1);
            EXPECT_EQ(tty.byte, 'x');
        } else {
            weft_scope_cancel(&scope);
            (void)weft_scope_close(&scope);
            EXPECT_EQ(tty.result, -WEFT_ECANCELED);
        }
    }
    close(end);
    EXPECT_EQ(weft_close(fd), 0);
    return 0;
}

TEST(uring_reads_of_a_terminal_wait)
{
    ring_run(ring_tty_body, NULL, 1);
}

/* ---- forks ---- */

static int ring_fork_body(void *arg)
{
    struct ring_busy *busy = arg;
    weft_scope scope;
    int status;
    if (!ring_is_to_be_had()) {
        return -WEFT_ENOTSUP;
    }
    probe_pair(busy->fds);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, ring_busy_recv, &busy), 0);
    EXPECT_EQ(weft_sleep(2 * WEFT_MS), 0);
    pid_t pid = fork();
    EXPECT(pid >= 0);
    if (pid == 0) { /* neither may reach the parent's ring */
        char byte;
        int rc = weft_close(busy->fds[1]);
        ssize_t n = weft_recv(busy->fds[0], &byte, 1, 0);
        _exit(rc == 0 && n == -WEFT_ESHUTDOWN ? 0 : 1);
    }
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
    EXPECT_EQ(a_load(&busy->got_at, acquire), 0);
    probe_send_all(busy->fds[0], "x", 1);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    probe_close_both(busy->fds);
    return 0;
}

TEST(uring_stays_with_the_parent) /* T58 */
{
    struct ring_busy busy = {.fds = {-1, -1}};
    ring_run(ring_fork_body, &busy, 1);
}

/* ---- the kernel's own threads ---- */

/* They stay for a while, and can wake nobody: a deadlock is one all the same. */
static int ring_deadlock_body(void *arg)
{
    const char *path = arg;
    weft_event event;
    if (!ring_is_to_be_had()) {
        return -WEFT_ENOTSUP;
    }
    int fd = (int)ring_open_path(path, O_WRONLY | O_CREAT | O_EXCL); /* always made by one */
    EXPECT(fd >= 0);
    EXPECT_EQ(weft_close(fd), 0);
    weft_event_init(&event);
    return weft_event_wait(&event);
}

TEST(uring_deadlock_is_seen_beside_the_kernels_threads)
{
    char path[64];
    weft_options options = ring_options(1);
    snprintf(path, sizeof path, "/tmp/weft-uring-%d", (int)getpid());
    int rc = weft_run_with(ring_deadlock_body, path, &options);
    EXPECT(unlink(path) == 0 || rc == -WEFT_ENOTSUP);
    if (rc == -WEFT_ENOTSUP) {
        SKIP("there is no io_uring here");
    }
    EXPECT_EQ(rc, -WEFT_EDEADLK);
}

/* ---- failures ---- */

struct ring_fault {
    uint64_t n, calls;
    enum weft_io io;
};

static int ring_send_one(void *arg)
{
    int fd = *(int *)arg;
    ssize_t n;
    do {
        n = weft_send(fd, "x", 1, 0);
    } while (n < 0 && n != -WEFT_ENOTSUP); /* then the run has no I/O at all */
    EXPECT(n == 1 || n == -WEFT_ENOTSUP);
    return 0;
}

/* Whatever fails, every call returns, and what did not fail works. */
static int ring_fault_body(void *arg)
{
    struct ring_fault *fault = arg;
    weft_scope scope, cancelled;
    weft_stats stats;
    int fds[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    weft__fault_arm(WEFT_FAULT_ALL, fault->n);
    char byte;
    ssize_t n;
    weft_scope_open(&cancelled);
    weft_scope_deadline(&cancelled, weft_after(WEFT_MS));
    n = ring_do(WEFT__IO_RECV, fds[1], &byte, 1, 0);
    EXPECT(n < 0);
    (void)weft_scope_close(&cancelled);
    weft_scope_open(&scope);
    if (weft_go(&scope, ring_send_one, &fds[0]) == 0) {
        do {
            n = ring_do(WEFT__IO_RECV, fds[1], &byte, 1, 0);
        } while (n < 0 && n != -WEFT_ENOTSUP);
        EXPECT(n == 1 || n == -WEFT_ENOTSUP);
    }
    (void)weft_scope_close(&scope);
    fault->calls = weft__fault_disarm();
    EXPECT_EQ(weft_stats_get(&stats), 0);
    fault->io = stats.io;
    close(fds[0]);
    close(fds[1]);
    return 0;
}

static void ring_fail_each(enum weft_io io, size_t workers)
{
    struct ring_fault fault = {.n = 0};
    do { /* until there are fewer calls, and none has failed */
        weft_options options = ring_options(workers);
        options.io = io;
        fault.n++;
        EXPECT_EQ(weft_run_with(ring_fault_body, &fault, &options), 0);
        if (fault.n > fault.calls && io == WEFT_IO_URING) {
            EXPECT_EQ(fault.io, WEFT_IO_URING);
        }
    } while (fault.n <= fault.calls && fault.n < 60);
    EXPECT(fault.n > 5);
}

static int ring_nothing(void *arg)
{
    (void)arg;
    return ring_is_to_be_had() ? 0 : -WEFT_ENOTSUP;
}

TEST(uring_nth_failure_is_survived)
{
    ring_run(ring_nothing, NULL, 1);
    ring_fail_each(WEFT_IO_URING, 1);
    ring_fail_each(WEFT_IO_AUTO, 1);
    ring_fail_each(WEFT_IO_URING, 4);
}
