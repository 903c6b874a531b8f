/* map.c - each element by itself: another one in its place, or only those that are wanted.
 *
 * A filter asks `keep` once for each element and remembers the answers, a bit each, and how many of
 * each block are wanted; then it knows where each block's begin, and copies.  If there is no memory
 * for the bits, or nobody to share with, one task does it in one pass.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/alloc.h"
#include "par/loop.h"
#include "weft/err.h"
#include "weft/loop.h"

/* ---- map ---- */

struct map {
    const unsigned char *in;
    unsigned char *out;
    size_t in_size, out_size;
    int (*fn)(const void *in, void *out, void *arg);
    void *arg;
};

static int map_range(int64_t from, int64_t to, void *arg)
{
    const struct map *map = arg;
    const unsigned char *in = map->in + (size_t)from * map->in_size;
    unsigned char *out = map->out + (size_t)from * map->out_size;
    int rc = 0;
    for (int64_t i = from; i < to && rc >= 0; i++) {
        rc = map->fn(in, out, map->arg);
        in += map->in_size;
        out += map->out_size;
    }
    return rc;
}

int weft_map(const void *in, size_t in_size, void *out, size_t out_size, size_t n,
             int (*fn)(const void *in, void *out, void *arg), void *arg)
{
    struct map map = {.in = in, .out = out, .in_size = in_size, .out_size = out_size,
                      .fn = fn, .arg = arg};
    return weft_for(0, (int64_t)n, map_range, &map);
}

/* ---- filter ---- */

#define MAP_BLOCK 1024u /* elements whose answers stand together */

struct map_filter {
    const unsigned char *in;
    unsigned char *out;
    size_t n, size;
    int (*keep)(const void *element, void *arg);
    void *arg;
    uint64_t *bits;
    size_t *begins; /* of each block: how many are wanted, later how many before it */
    size_t kept;    /* by the one-pass form */
};

static int map_ask_blocks(int64_t from, int64_t to, void *arg)
{
    const struct map_filter *f = arg;
    for (size_t block = (size_t)from; block < (size_t)to; block++) {
        size_t begin = block * MAP_BLOCK, end = weft__min(begin + MAP_BLOCK, f->n), kept = 0;
        for (size_t i = begin; i < end; i++) {
            int rc = f->keep(f->in + i * f->size, f->arg);
            if (rc < 0) {
                return rc;
            }
            uint64_t bit = rc > 0;
            f->bits[i / 64] |= bit << i % 64;
            kept += bit;
        }
        f->begins[block] = kept;
    }
    return 0;
}

static int map_copy_blocks(int64_t from, int64_t to, void *arg)
{
    const struct map_filter *f = arg;
    for (size_t block = (size_t)from; block < (size_t)to; block++) {
        size_t begin = block * MAP_BLOCK, end = weft__min(begin + MAP_BLOCK, f->n);
        unsigned char *out = f->out + f->begins[block] * f->size;
        for (size_t i = begin; i < end; i++) {
            if (f->bits[i / 64] >> i % 64 & 1) {
                memcpy(out, f->in + i * f->size, f->size);
                out += f->size;
            }
        }
    }
    return 0;
}

static int map_filter_range(int64_t from, int64_t to, void *arg)
{
    struct map_filter *f = arg;
    for (size_t i = (size_t)from; i < (size_t)to; i++) {
        int rc = f->keep(f->in + i * f->size, f->arg);
        if (rc < 0) {
            return rc;
        }
        if (rc > 0) {
            memcpy(f->out + f->kept * f->size, f->in + i * f->size, f->size);
            f->kept++;
        }
    }
    return 0;
}

static int map_filter_chunk(const struct weft__loop *loop, int64_t from, int64_t to, void *acc)
{
    (void)acc;
    return map_filter_range(from, to, loop->arg);
}

static int map_filter_in_one(struct map_filter *f, size_t *ret_n)
{
    struct weft__loop loop = {.chunk = map_filter_chunk, .arg = f, .is_whole = true};
    int rc = weft__loop_strip(&loop, 0, (int64_t)f->n, NULL);
    if (rc == 0) {
        *ret_n = f->kept;
    }
    return rc;
}

static int map_filter_in_two(struct map_filter *f, size_t blocks, size_t *ret_n)
{
    size_t kept = 0;
    int rc = weft_for(0, (int64_t)blocks, map_ask_blocks, f);
    if (rc != 0) {
        return rc;
    }
    for (size_t block = 0; block < blocks; block++) {
        size_t here = f->begins[block];
        f->begins[block] = kept;
        kept += here;
    }
    rc = weft_for(0, (int64_t)blocks, map_copy_blocks, f);
    if (rc == 0) {
        *ret_n = kept;
    }
    return rc;
}

int weft_filter(const void *in, void *out, size_t n, size_t size,
                int (*keep)(const void *element, void *arg), void *arg, size_t *ret_n)
{
    struct map_filter f = {.in = in, .out = out, .n = n, .size = size, .keep = keep, .arg = arg};
    size_t blocks = (n + MAP_BLOCK - 1) / MAP_BLOCK;
    if (weft__par_width() == 1 || blocks < 2) {
        return map_filter_in_one(&f, ret_n);
    }
    f.bits = weft__alloc_zero(blocks * (MAP_BLOCK / 8));
    f.begins = weft__alloc(blocks * sizeof *f.begins);
    int rc = f.bits && f.begins ? map_filter_in_two(&f, blocks, ret_n)
                                : map_filter_in_one(&f, ret_n);
    weft__free(f.begins);
    weft__free(f.bits);
    return rc;
}
