/* stream_mem.c - streams that never leave the process: over bytes in memory, and pairs of ends.
 *
 * A stream of weft_stream_mem writes without a buffer of its own, as its carrier is one.
 *
 * A pair is two rings of bytes, one for each direction, with a mutex and two conditions each.  The
 * last end to be closed frees both.  Closing takes the mutexes under a shield: it must be done in a
 * cancelled scope, too, and nobody holds them for longer than a copy.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/alloc.h"
#include "base/atomic.h"
#include "io/stream_core.h"
#include "weft/err.h"
#include "weft/scope.h"
#include "weft/sync.h"

#define PAIR_CAPACITY (16 * 1024)
#define MEM_FIRST     256 /* bytes written that room is made for first */

/* ---- over bytes ---- */

struct mem {
    const char *data;
    size_t size, at;
    char *written;
    size_t written_size, written_cap;
};

static ssize_t mem_read(void *state, void *buffer, size_t size)
{
    struct mem *m = state;
    WEFT_CHECK(m->at <= m->size);
    size = weft__min(size, m->size - m->at);
    if (size > 0) {
        memcpy(buffer, m->data + m->at, size);
    }
    m->at += size;
    return (ssize_t)size;
}

static ssize_t mem_write(void *state, const void *data, size_t size)
{
    struct mem *m = state;
    if (size > m->written_cap - m->written_size) {
        size_t cap = weft__max(m->written_size + size, 2 * m->written_cap);
        cap = weft__max(cap, (size_t)MEM_FIRST);
        char *larger = weft__alloc(cap);
        if (!larger) {
            return -WEFT_ENOMEM;
        }
        if (m->written) {
            memcpy(larger, m->written, m->written_size);
        }
        weft__free(m->written);
        m->written = larger;
        m->written_cap = cap;
    }
    memcpy(m->written + m->written_size, data, size);
    m->written_size += size;
    return (ssize_t)size;
}

static int mem_close_write(void *state)
{
    (void)state;
    return 0;
}

static int mem_close(void *state)
{
    struct mem *m = state;
    weft__free(m->written);
    weft__free(m);
    return 0;
}

static const weft_stream_ops mem_ops = {
    .name = "memory",
    .read = mem_read,
    .write = mem_write,
    .close_write = mem_close_write,
    .close = mem_close,
};

int weft_stream_mem(const void *data, size_t size, weft_stream **ret_stream)
{
    WEFT_CHECK(data != NULL || size == 0);
    struct mem *m = weft__alloc_zero(sizeof *m);
    if (!m) {
        return -WEFT_ENOMEM;
    }
    m->data = data;
    m->size = size;
    int rc = weft__stream_open_unbuffered(&mem_ops, m, ret_stream);
    if (rc < 0) {
        (void)mem_close(m);
    }
    return rc;
}

const void *weft_stream_written(weft_stream *stream, size_t *ret_size)
{
    WEFT_CHECK(weft_stream_carrier(stream) == &mem_ops);
    const struct mem *m = weft_stream_state(stream);
    *ret_size = m->written_size;
    return m->written;
}

/* ---- pairs ---- */

/* One direction. */
struct pair_pipe {
    weft_mutex lock; /* guards all that follows */
    weft_cond readable, writable;
    char *data;
    size_t cap, start, len;
    bool has_no_writer, has_no_reader;
};

struct pair;

struct pair_end {
    struct pair *pair;
    struct pair_pipe *in, *out;
};

struct pair {
    struct pair_pipe pipes[2];
    struct pair_end ends[2];
    ATOMIC(int) open; /* ends */
    char data[];
};

/* The place `at` bytes behind the first, and how many of `size` bytes lie before the ring wraps. */
static size_t pair_place(const struct pair_pipe *p, size_t at, size_t size, size_t *ret_first)
{
    size_t place = (p->start + at) % p->cap;
    *ret_first = weft__min(size, p->cap - place);
    return place;
}

static void pair_take(struct pair_pipe *p, char *to, size_t size)
{
    size_t first, place = pair_place(p, 0, size, &first);
    memcpy(to, p->data + place, first);
    memcpy(to + first, p->data, size - first);
    p->start = (p->start + size) % p->cap;
    p->len -= size;
}

static void pair_put(struct pair_pipe *p, const char *from, size_t size)
{
    size_t first, place = pair_place(p, p->len, size, &first);
    memcpy(p->data + place, from, first);
    memcpy(p->data, from + first, size - first);
    p->len += size;
}

static ssize_t pair_read(void *state, void *buffer, size_t size)
{
    struct pair_pipe *p = ((struct pair_end *)state)->in;
    int rc = weft_mutex_lock(&p->lock);
    if (rc < 0) {
        return rc;
    }
    while (rc == 0 && p->len == 0 && !p->has_no_writer) {
        rc = weft_cond_wait(&p->readable, &p->lock);
    }
    size = rc < 0 ? 0 : weft__min(size, p->len);
    if (size > 0) {
        pair_take(p, buffer, size);
        weft_cond_signal(&p->writable);
    }
    weft_mutex_unlock(&p->lock);
    return rc < 0 ? rc : (ssize_t)size;
}

static ssize_t pair_write(void *state, const void *data, size_t size)
{
    struct pair_pipe *p = ((struct pair_end *)state)->out;
    int rc = weft_mutex_lock(&p->lock);
    if (rc < 0) {
        return rc;
    }
    while (rc == 0 && p->len == p->cap && !p->has_no_reader) {
        rc = weft_cond_wait(&p->writable, &p->lock);
    }
    if (rc == 0 && p->has_no_reader) {
        rc = -WEFT_EPIPE;
    }
    size = rc < 0 ? 0 : weft__min(size, p->cap - p->len);
    if (size > 0) {
        pair_put(p, data, size);
        weft_cond_signal(&p->readable);
    }
    weft_mutex_unlock(&p->lock);
    return rc < 0 ? rc : (ssize_t)size;
}

/* Never cancelled. */
static void pair_end_one(struct pair_pipe *p, bool *which)
{
    weft_scope scope;
    weft_scope_open_with(&scope, &(weft_scope_options){.name = "stream pair", .shield = true});
    int rc = weft_mutex_lock(&p->lock);
    WEFT_CHECK(rc == 0);
    *which = true;
    weft_cond_signal(&p->readable);
    weft_cond_signal(&p->writable);
    weft_mutex_unlock(&p->lock);
    (void)weft_scope_close(&scope);
}

static int pair_close_write(void *state)
{
    struct pair_end *end = state;
    pair_end_one(end->out, &end->out->has_no_writer);
    return 0;
}

static void pair_free(struct pair *pair)
{
    for (int i = 0; i < 2; i++) {
        weft_cond_fini(&pair->pipes[i].readable);
        weft_cond_fini(&pair->pipes[i].writable);
        weft_mutex_fini(&pair->pipes[i].lock);
    }
    weft__free(pair);
}

static int pair_close(void *state)
{
    struct pair_end *end = state;
    struct pair *pair = end->pair;
    pair_end_one(end->out, &end->out->has_no_writer);
    pair_end_one(end->in, &end->in->has_no_reader);
    int before = a_sub(&pair->open, 1, acq_rel); /* pairs with itself: the last frees */
    WEFT_CHECK(before > 0);
    if (before == 1) {
        pair_free(pair);
    }
    return 0;
}

static const weft_stream_ops pair_ops = {
    .name = "pair",
    .read = pair_read,
    .write = pair_write,
    .close_write = pair_close_write,
    .close = pair_close,
};

static struct pair *pair_new(size_t capacity)
{
    struct pair *pair = capacity > SIZE_MAX / 4 ? NULL : weft__alloc(sizeof *pair + 2 * capacity);
    if (!pair) {
        return NULL;
    }
    memset(pair, 0, sizeof *pair);
    a_store(&pair->open, 2, relaxed);
    for (size_t i = 0; i < 2; i++) {
        struct pair_pipe *p = &pair->pipes[i];
        weft_mutex_init(&p->lock);
        weft_cond_init(&p->readable);
        weft_cond_init(&p->writable);
        p->data = pair->data + i * capacity;
        p->cap = capacity;
        pair->ends[i] = (struct pair_end){pair, &pair->pipes[i], &pair->pipes[1 - i]};
    }
    return pair;
}

int weft_stream_pair(size_t capacity, weft_stream *ret_streams[2])
{
    weft_stream *first, *second;
    struct pair *pair = pair_new(capacity > 0 ? capacity : PAIR_CAPACITY);
    if (!pair) {
        return -WEFT_ENOMEM;
    }
    int rc = weft_stream_open(&pair_ops, &pair->ends[0], NULL, &first);
    if (rc < 0) {
        pair_free(pair);
        return rc;
    }
    rc = weft_stream_open(&pair_ops, &pair->ends[1], NULL, &second);
    if (rc < 0) {
        (void)pair_close(&pair->ends[1]);
        (void)weft_stream_close(first);
        return rc;
    }
    ret_streams[0] = first;
    ret_streams[1] = second;
    return 0;
}
