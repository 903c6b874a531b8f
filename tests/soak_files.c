/* soak_files.c - the plays of the soak around streams, files, names and other programs.
 *
 * Called by soak.c; soak_net.c has those of sockets, and says how they are cancelled.
 *
 * SPDX-License-Identifier: MIT
 */
#include "soak_net.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- lines through streams ---- */

struct soak_lines {
    weft_stream *ends[2];
    uint32_t count;
    uint32_t got;
    bool is_whole; /* all were written */
};

static int lines_width(uint32_t number)
{
    return (int)(number * 7 % 90);
}

static int lines_write_run(void *arg)
{
    struct soak_lines *l = *(struct soak_lines **)arg;
    char filler[91];
    int rc = 0;

    memset(filler, '.', sizeof filler);
    for (uint32_t i = 0; i < l->count && rc == 0; i++) {
        rc = weft_stream_print(l->ends[1], "%u %.*s\n", i, lines_width(i), filler);
        if (rc == 0 && i % 13 == 0) {
            rc = weft_stream_flush(l->ends[1]);
        }
        soak_moved();
    }
    if (rc == 0) {
        rc = weft_stream_close_write(l->ends[1]);
    }
    l->is_whole = !SOAK_CUT(rc);
    return 0;
}

/* The next line, under a deadline that may be near. */
static ssize_t lines_next(struct soak_lines *l, struct weft__rng *rng, char **ret_line)
{
    weft_scope near;

    weft_scope_open(&near);
    if (soak_one_in(rng, 3)) {
        weft_scope_deadline(&near, weft_after((int64_t)weft__rng_below(rng, 50000)));
    }
    ssize_t n = weft_stream_line(l->ends[0], ret_line);
    SOAK_CUT(weft_scope_close(&near));
    return n;
}

static int lines_read_run(void *arg)
{
    struct soak_lines *l = *(struct soak_lines **)arg;
    struct weft__rng rng;
    char *line, *rest;

    weft__rng_seed(&rng, l->count);
    for (;;) {
        ssize_t n = lines_next(l, &rng, &line);
        if (n == -EPIPE || (n < 0 && SOAK_CUT((int)n) && weft_cancelled())) {
            return 0;
        }
        if (n >= 0) {
            SOAK_EQ(strtoul(line, &rest, 10), l->got);
            SOAK_EQ(n - (rest - line), 1 + lines_width(l->got));
            l->got++;
        }
    }
}

static void play_lines(struct soak_world *world, struct weft__rng *rng)
{
    struct soak_lines lines = {.count = (uint32_t)weft__rng_below(rng, 400)}, *l = &lines;
    weft_scope scope;
    int fds[2];

    if (soak_one_in(rng, 3)) {
        SOAK_EQ(weft_stream_pair(weft__rng_below(rng, 2000), lines.ends), 0);
    } else {
        SOAK_EQ(weft_socketpair(fds), 0);
        SOAK_EQ(weft_stream_fd(fds[0], &lines.ends[0]), 0);
        SOAK_EQ(weft_stream_fd(fds[1], &lines.ends[1]), 0);
    }
    soak_open(world, rng, &scope);
    soak_go(world, rng, &scope, lines_write_run, &l, sizeof l);
    soak_go(world, rng, &scope, lines_read_run, &l, sizeof l);
    if (!soak_close(&scope)) {
        SOAK(lines.is_whole);
        SOAK_EQ(lines.got, lines.count);
    }
    weft_stream_close(lines.ends[0]);
    weft_stream_close(lines.ends[1]);
}

/* ---- files ---- */

enum { FILE_BLOCK = 20000, FILE_BLOCKS = 4 };

struct soak_file {
    int fd;
    uint64_t seed;
    ATOMIC(uint32_t) next, written;
};

/* Writes a block and reads it back; a write that is cut short may be shorter.  False: cut. */
static bool file_block(struct soak_file *f, uint8_t *buffer)
{
    uint64_t at = (uint64_t)a_add(&f->next, 1, relaxed) * FILE_BLOCK;

    net_fill(f->seed, at, buffer, FILE_BLOCK);
    ssize_t n = weft_pwrite(f->fd, buffer, FILE_BLOCK, (off_t)at);
    if (n < 0) {
        return !SOAK_CUT((int)n);
    }
    SOAK(n == FILE_BLOCK || weft_cancelled());
    for (size_t done = 0; done < (size_t)n;) {
        ssize_t back = weft_pread(f->fd, buffer, (size_t)n - done, (off_t)(at + done));
        if (back < 0) {
            return !SOAK_CUT((int)back);
        }
        SOAK(back > 0);
        net_check(f->seed, at + done, buffer, (size_t)back);
        done += (size_t)back;
    }
    return n == FILE_BLOCK;
}

static int file_write_run(void *arg)
{
    struct soak_file *f = *(struct soak_file **)arg;
    uint8_t *buffer = malloc(FILE_BLOCK);

    SOAK(buffer != NULL);
    for (int i = 0; i < FILE_BLOCKS && file_block(f, buffer); i++) {
        if (a_add(&f->written, 1, relaxed) % 8 == 0) {
            SOAK_CUT(weft_fsync(f->fd));
        }
        soak_moved();
    }
    free(buffer);
    return 0;
}

struct soak_sending {
    struct soak_file *file;
    struct net_flow *flow;
};

static int file_send_run(void *arg)
{
    struct soak_sending *s = arg;
    int rc = weft_sendfile(s->flow->out, s->file->fd, 0, s->flow->limit, &s->flow->sent);

    SOAK(SOAK_CUT(rc) || s->flow->sent == s->flow->limit);
    return 0;
}

static void file_send(struct soak_world *world, struct weft__rng *rng, struct soak_file *file,
                      uint64_t size)
{
    struct net_flow flow = {.seed = file->seed, .limit = size};
    struct soak_sending sending = {file, &flow};
    weft_scope scope;
    int fds[2];

    if (!soak_net_pair(rng, fds, &flow.is_socket)) {
        return;
    }
    flow.in = fds[0];
    flow.out = fds[1];
    soak_open(world, rng, &scope);
    struct net_flow_side reader = {&flow, weft__rng_next(rng)};
    soak_go(world, rng, &scope, file_send_run, &sending, sizeof sending);
    soak_go(world, rng, &scope, soak_flow_read_run, &reader, sizeof reader);
    soak_close(&scope);
    weft_close(flow.out);
    soak_flow_drain(&flow);
    weft_close(flow.in);
}

static void play_file(struct soak_world *world, struct weft__rng *rng)
{
    struct soak_file file = {.seed = weft__rng_next(rng)}, *f = &file;
    const char *dir = getenv("TMPDIR");
    char path[160], other[170];
    weft_scope scope;

    /* Not from the seed, nor the process's number alone: one that has died may have had both. */
    snprintf(path, sizeof path, "%s/weft-soak-%d-%016llx", dir != NULL ? dir : "/tmp",
             (int)getpid(), (unsigned long long)weft__rng_entropy());
    snprintf(other, sizeof other, "%s.b", path);
    file.fd = weft_open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (file.fd < 0) {
        SOAK_CUT(file.fd);
        return;
    }
    soak_open(world, rng, &scope);
    for (uint64_t i = 1 + weft__rng_below(rng, 4); i > 0; i--) {
        soak_go(world, rng, &scope, file_write_run, &f, sizeof f);
    }
    if (!soak_close(&scope)) {
        uint64_t size = (uint64_t)a_load(&file.written, relaxed) * FILE_BLOCK;
        struct stat about;
        SOAK(SOAK_CUT(weft_fstat(file.fd, &about)) || (uint64_t)about.st_size == size);
        file_send(world, rng, &file, size);
    }
    int rc = weft_rename(path, other);
    SOAK_EQ(unlink(SOAK_CUT(rc) ? path : other), 0);
    weft_close(file.fd);
}

/* ---- names and other programs ---- */

static int resolve_run(void *arg)
{
    weft_addr addrs[4];
    int n = weft_resolve(*(int *)arg ? "localhost" : "127.0.0.1", "80", NULL, addrs, 4);

    SOAK(n > 0 ? weft_addr_port(&addrs[0]) == 80 : SOAK_CUT(n));
    return 0;
}

static void play_resolve(struct soak_world *world, struct weft__rng *rng)
{
    weft_scope scope;

    soak_open(world, rng, &scope);
    for (int i = (int)weft__rng_below(rng, 4); i >= 0; i--) {
        soak_go(world, rng, &scope, resolve_run, &i, sizeof i);
    }
    soak_close(&scope);
}

/* A program that gives back what it gets, or one that has to be stopped. */
static int program_run(void *arg)
{
    static const char *const cat[] = {"cat", NULL}, *const asleep[] = {"sleep", "1000", NULL};
    uint64_t seed = *(uint64_t *)arg;
    bool sleeps = seed >> 20 & 1;
    size_t size = seed % 100000;
    uint8_t *input = malloc(size + 1);
    weft_proc_result result = {.out = NULL};
    weft_scope near;

    SOAK(input != NULL);
    net_fill(seed, 0, input, size);
    weft_scope_open(&near);
    if (sleeps) {
        weft_scope_deadline(&near, weft_after((int64_t)(seed % 3) * WEFT_MS));
    }
    int rc = weft_proc_run(sleeps ? asleep : cat,
                           &(weft_proc_options){.input = input, .input_size = size}, &result);
    SOAK_CUT(weft_scope_close(&near));
    net_check(seed, 0, (const uint8_t *)result.out, result.out_size);
    SOAK(SOAK_CUT(rc) || result.out_size == size);
    weft_proc_result_free(&result);
    free(input);
    return 0;
}

static void play_program(struct soak_world *world, struct weft__rng *rng)
{
    uint64_t seed = weft__rng_next(rng);
    weft_scope scope;

    soak_open(world, rng, &scope);
    soak_go(world, rng, &scope, program_run, &seed, sizeof seed);
    soak_close(&scope);
}

struct soak_play soak_files[] = {
    {.name = "net_lines", .run = play_lines, .weight = 4},
    {.name = "net_file", .run = play_file, .weight = 3},
    {.name = "net_resolve", .run = play_resolve, .weight = 2},
    {.name = "net_program", .run = play_program, .weight = 1},
    {.name = NULL},
};
