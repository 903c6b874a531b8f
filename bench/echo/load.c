/* load.c - the one who asks, the same for every echo server: a closed loop over many connections.
 *
 *     load CASE THREADS N PORT PID...
 *
 * CASE is a number of connections, each of which has one message of 64 bytes under way all the
 * time; N milliseconds are measured, after a while to warm up.  The PIDs are the server's
 * processes, whose CPU time, as the kernel counts it, is taken before and after.  This program uses
 * as much CPU for a message as a good server does, so it is often the slower of the two: `cpu` is
 * the figure that compares servers, `wall` is what the two of them reach together.
 *
 * CASE idle: N connections that do nothing.  First they are opened, and the server's memory is
 * looked at; then each has sent one message and had its answer.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>

#include "common/socket.h"

#define MESSAGE     64
#define THREADS_MAX 8
#define WARM_MS     300
#define STALL_MS    5000 /* without any answer */
#define EVENTS_MAX  256
#define TOGETHER    256 /* connections opened before one is waited for: less than any backlog */

/* Latencies, by octaves of 64 steps each: exact to 1.6 %. */
#define STEPS_LOG 6
#define STEPS     (1 << STEPS_LOG)
#define BUCKETS   (STEPS * 40)

enum phase { WARM, MEASURE, END };

struct conn {
    int fd;
    int64_t sent_at;
};

struct asker {
    pthread_t thread;
    struct conn *conns;
    int conn_count;
    uint64_t buckets[BUCKETS];
};

static int phase;
static struct asker askers[THREADS_MAX];
static long port;
static char **pids;

/* ---- the server, from outside ---- */

static double server_cpu_ns(void)
{
    double sum = 0;

    for (char **pid = pids; *pid; pid++) {
        struct timespec t;
        clockid_t clock;

        bench_ok(clock_getcpuclockid(atoi(*pid), &clock), "the server has ended");
        bench_ok(clock_gettime(clock, &t), "the server has ended");
        sum += (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
    }
    return sum;
}

static double server_memory(void)
{
    double sum = 0;

    for (char **pid = pids; *pid; pid++)
        sum += bench_memory_of(*pid);
    return sum;
}

/* ---- connections ---- */

static int conn_open(void)
{
    struct sockaddr_in addr = bench_loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    bench_ok(fd < 0, "socket: too few descriptors");
    bench_ok(connect(fd, (struct sockaddr *)&addr, sizeof addr), "connect");
    bench_no_delay(fd);
    return fd;
}

static void conn_ask(int fd)
{
    static const char message[MESSAGE];

    bench_ok(send(fd, message, MESSAGE, MSG_NOSIGNAL) != MESSAGE, "send");
}

/* A whole answer; the server may give it in pieces. */
static void conn_hear(int fd)
{
    char answer[MESSAGE];

    bench_ok(recv(fd, answer, MESSAGE, MSG_WAITALL) != MESSAGE, "the server has closed");
}

/* Whoever is answered was accepted, and so were all before it. */
static void conn_open_many(struct conn *conns, int count)
{
    for (int i = 0; i < count; i++) {
        conns[i].fd = conn_open();
        if (i % TOGETHER == 0 || i == count - 1) {
            conn_ask(conns[i].fd);
            conn_hear(conns[i].fd);
        }
    }
}

/* ---- latencies ---- */

static int bucket_of(uint64_t ns)
{
    int octave = 0, at;

    while (ns >> octave >= 2 * STEPS)
        octave++;
    at = octave * STEPS + (int)(ns >> octave);
    return at < BUCKETS ? at : BUCKETS - 1;
}

/* The greatest time of a bucket. */
static double bucket_top(int at)
{
    int octave = at < 2 * STEPS ? 0 : at / STEPS - 1;

    return (double)((uint64_t)(at - octave * STEPS + 1) << octave);
}

static uint64_t asked_count(void)
{
    uint64_t sum = 0;

    for (int i = 0; i < THREADS_MAX; i++) {
        for (int at = 0; at < BUCKETS; at++)
            sum += askers[i].buckets[at];
    }
    return sum;
}

static double latency_of(double part)
{
    uint64_t wanted = (uint64_t)((double)asked_count() * part), sum = 0;

    for (int at = 0; at < BUCKETS; at++) {
        for (int i = 0; i < THREADS_MAX; i++)
            sum += askers[i].buckets[at];
        if (sum > wanted)
            return bucket_top(at);
    }
    return 0;
}

/* ---- asking ---- */

static void asker_turn(struct asker *a, struct conn *c)
{
    int64_t now;

    conn_hear(c->fd);
    now = bench_now();
    if (__atomic_load_n(&phase, __ATOMIC_RELAXED) == MEASURE)
        a->buckets[bucket_of((uint64_t)(now - c->sent_at))]++;
    c->sent_at = now;
    conn_ask(c->fd);
}

static void *asker_run(void *arg)
{
    struct asker *a = arg;
    struct epoll_event events[EVENTS_MAX];
    int poller = epoll_create1(0);

    for (int i = 0; i < a->conn_count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &a->conns[i]};

        bench_ok(epoll_ctl(poller, EPOLL_CTL_ADD, a->conns[i].fd, &event), "epoll_ctl");
        a->conns[i].sent_at = bench_now();
        conn_ask(a->conns[i].fd);
    }
    while (__atomic_load_n(&phase, __ATOMIC_RELAXED) != END) {
        int n = epoll_wait(poller, events, EVENTS_MAX, STALL_MS);

        bench_ok(n == 0, "the server has stalled");
        for (int i = 0; i < n; i++)
            asker_turn(a, events[i].data.ptr);
    }
    return NULL;
}

static void wait_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};

    while (nanosleep(&t, &t) != 0 && errno == EINTR) {
    }
}

static void measure_requests(int conn_count, int threads, long ms)
{
    struct conn *conns = calloc((size_t)conn_count, sizeof *conns);
    double cpu, wall, count;

    conn_open_many(conns, conn_count);
    threads = threads < conn_count ? threads : conn_count;
    for (int i = 0; i < threads; i++) {
        int from = conn_count * i / threads, to = conn_count * (i + 1) / threads;

        askers[i].conns = conns + from;
        askers[i].conn_count = to - from;
        bench_ok(pthread_create(&askers[i].thread, NULL, asker_run, &askers[i]), "pthread_create");
    }
    wait_ms(WARM_MS);
    cpu = server_cpu_ns();
    wall = (double)bench_now();
    __atomic_store_n(&phase, MEASURE, __ATOMIC_RELAXED);
    wait_ms(ms);
    __atomic_store_n(&phase, END, __ATOMIC_RELAXED);
    cpu = server_cpu_ns() - cpu;
    wall = (double)bench_now() - wall;
    for (int i = 0; i < threads; i++)
        pthread_join(askers[i].thread, NULL);
    count = (double)asked_count();
    bench_ok(count == 0, "no request was answered");
    bench_report("cpu", cpu / count / 1e3, "us");
    bench_report("wall", wall / count / 1e3, "us");
    bench_report("p99", latency_of(0.99) / 1e3, "us");
    free(conns);
}

static void measure_idle(int count)
{
    struct conn *conns = calloc((size_t)count, sizeof *conns), first;
    double before;

    conn_open_many(&first, 1);
    wait_ms(WARM_MS);
    before = server_memory();
    conn_open_many(conns, count);
    wait_ms(WARM_MS);
    bench_report("bytes", (server_memory() - before) / count, "bytes");
    for (int i = 0; i < count; i++) {
        conn_ask(conns[i].fd);
        conn_hear(conns[i].fd);
    }
    wait_ms(WARM_MS);
    bench_report("used_bytes", (server_memory() - before) / count, "bytes");
    free(conns);
}

int main(int argc, char **argv)
{
    int threads = argc > 5 ? atoi(argv[2]) : 0;

    if (threads < 1 || threads > THREADS_MAX)
        bench_die("usage: load CASE THREADS N PORT PID...");
    port = atol(argv[4]);
    pids = argv + 5;
    if (strcmp(argv[1], "idle") == 0)
        measure_idle(atoi(argv[3]));
    else
        measure_requests(atoi(argv[1]), threads, atol(argv[3]));
    return 0;
}
