/* radix.c - the stable sort by a number: by its digits, without comparing.
 *
 * A digit is eight bits, so that the 256 places that elements go to fit the first cache.
 *
 *     look    which bits differ at all, and are they in order already?
 *     large   distribute by the highest digit that differs, in parts side by side: each part
 *             counts, then each knows its places.  Each digit's bucket is sorted by itself.
 *     medium  fits the second cache: distribute by some digits, the lowest of them first; as many
 *             as tell most elements apart.  Those that are still alike are sorted by themselves.
 *     small   by insertion
 *
 * Keys are made into unsigned numbers of the same order on the way: a signed one by its sign bit, a
 * negative floating-point one by all its bits.
 *
 * Stopped, it brings its elements to where they belong by a copy, as sort.c does.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/alloc.h"
#include "par/loop.h"
#include "par/sort.h"
#include "weft/err.h"
#include "weft/sort.h"

#define RADIX_BITS   8u
#define RADIX_DIGITS (1u << RADIX_BITS)
#define RADIX_SMALL  24u
#define RADIX_MEDIUM ((size_t)512 << 10) /* bytes: twice that is half of a second cache */
#define RADIX_PART   65536u              /* elements of one part of a large distribution */
#define RADIX_PARTS  256u
#define RADIX_SPARE  8                   /* more bits than it takes to number the elements */

struct radix {
    size_t size, offset;
    uint64_t flip, mask; /* what makes an ordered number of a key */
    bool is_wide;        /* 64 bits */
    ATOMIC(uint32_t) stopped;
};

/* ---- keys ---- */

static inline __attribute__((always_inline)) uint64_t
radix_key_of(const struct radix *r, const unsigned char *at, bool is_wide)
{
    if (is_wide) {
        int64_t key;
        memcpy(&key, at + r->offset, sizeof key);
        return (uint64_t)key ^ ((uint64_t)(key >> 63) & r->mask) ^ r->flip;
    }
    int32_t key;
    memcpy(&key, at + r->offset, sizeof key);
    return (uint32_t)key ^ ((uint32_t)(key >> 31) & (uint32_t)r->mask) ^ (uint32_t)r->flip;
}

static uint64_t radix_key(const struct radix *r, const unsigned char *at)
{
    return radix_key_of(r, at, r->is_wide);
}

static inline __attribute__((always_inline)) unsigned radix_digit(uint64_t key, unsigned shift)
{
    return (unsigned)(key >> shift) & (RADIX_DIGITS - 1);
}

/* ---- the inner loops, for elements that are but a key, and for all others ---- */

static inline __attribute__((always_inline)) void
radix_count_of(const struct radix *r, const unsigned char *at, size_t n, unsigned shift,
               uint64_t *counts, size_t size, bool is_wide)
{
    for (size_t i = 0; i < n; i++) {
        counts[radix_digit(radix_key_of(r, at + i * size, is_wide), shift)]++;
    }
}

static void radix_count(const struct radix *r, const unsigned char *at, size_t n, unsigned shift,
                        uint64_t *counts)
{
    if (r->size == 8 && r->is_wide) {
        radix_count_of(r, at, n, shift, counts, 8, true);
    } else if (r->size == 4) {
        radix_count_of(r, at, n, shift, counts, 4, false);
    } else {
        radix_count_of(r, at, n, shift, counts, r->size, r->is_wide);
    }
}

static inline __attribute__((always_inline)) void
radix_deal_of(const struct radix *r, const unsigned char *at, size_t n, unsigned shift,
              unsigned char *to, uint64_t *places, size_t size, bool is_wide)
{
    for (size_t i = 0; i < n; i++) {
        const unsigned char *from = at + i * size;
        unsigned digit = radix_digit(radix_key_of(r, from, is_wide), shift);
        sort_move(to + places[digit]++ * size, from, size);
    }
}

/* Each element to the next place of its digit. */
static void radix_deal(const struct radix *r, const unsigned char *at, size_t n, unsigned shift,
                       unsigned char *to, uint64_t *places)
{
    if (r->size == 8 && r->is_wide) {
        radix_deal_of(r, at, n, shift, to, places, 8, true);
    } else if (r->size == 4) {
        radix_deal_of(r, at, n, shift, to, places, 4, false);
    } else if (r->size == 16) {
        radix_deal_of(r, at, n, shift, to, places, 16, r->is_wide);
    } else {
        radix_deal_of(r, at, n, shift, to, places, r->size, r->is_wide);
    }
}

/* ---- small ---- */

static inline __attribute__((always_inline)) void
radix_insert_keys(const struct radix *r, unsigned char *at, size_t n, size_t size, bool is_wide)
{
    for (size_t i = 1; i < n; i++) {
        uint64_t raw = 0, key = radix_key_of(r, at + i * size, is_wide);
        size_t j = i;
        memcpy(&raw, at + i * size, size);
        for (; j > 0 && radix_key_of(r, at + (j - 1) * size, is_wide) > key; j--) {
            memcpy(at + j * size, at + (j - 1) * size, size);
        }
        memcpy(at + j * size, &raw, size);
    }
}

/* `spare` has room for one element. */
static void radix_insert(const struct radix *r, unsigned char *at, size_t n, unsigned char *spare)
{
    if (r->size == 8 && r->is_wide) {
        radix_insert_keys(r, at, n, 8, true);
        return;
    }
    if (r->size == 4) {
        radix_insert_keys(r, at, n, 4, false);
        return;
    }
    for (size_t i = 1; i < n; i++) {
        unsigned char *from = at + i * r->size, *to = from;
        uint64_t key = radix_key(r, from);
        while (to > at && radix_key(r, to - r->size) > key) {
            to -= r->size;
        }
        if (to != from) {
            memcpy(spare, from, r->size);
            memmove(to + r->size, to, (size_t)(from - to));
            memcpy(to, spare, r->size);
        }
    }
}

/* ---- a range whose keys are alike but for their lowest bits ---- */

struct radix_range {
    unsigned char *at, *other; /* where it is; room for as much */
    size_t n;
    unsigned bits;
    bool to_other;             /* where the result is to be */
};

static void radix_run(struct radix *r, struct radix_range range);

static void radix_copy(const struct radix *r, const struct radix_range *range)
{
    if (range->to_other) {
        memcpy(range->other, range->at, range->n * r->size);
    }
}

/* From counts to places. */
static void radix_places(uint64_t *counts)
{
    uint64_t sum = 0;
    for (unsigned digit = 0; digit < RADIX_DIGITS; digit++) {
        uint64_t count = counts[digit];
        counts[digit] = sum;
        sum += count;
    }
}

/* ---- medium ---- */

/* How many bits, the highest of those that differ, are worth distributing by. */
static unsigned radix_bits_for(size_t n, unsigned bits)
{
    unsigned wanted = RADIX_SPARE;
    for (size_t rest = n; rest > 1; rest /= 2) {
        wanted++;
    }
    wanted = (wanted + RADIX_BITS - 1) / RADIX_BITS * RADIX_BITS;
    return weft__min(wanted, bits);
}

/* Those that are alike in all but the lowest `bits` are neighbours now. */
static void radix_run_alike(struct radix *r, unsigned char *at, unsigned char *other, size_t n,
                            unsigned bits)
{
    uint64_t key = radix_key(r, at) >> bits;
    for (size_t begin = 0, i = 1; i <= n; i++) {
        uint64_t next = i < n ? radix_key(r, at + i * r->size) >> bits : ~key;
        if (next != key) {
            if (i - begin > 1) {
                radix_run(r, (struct radix_range){.at = at + begin * r->size,
                                                  .other = other + begin * r->size,
                                                  .n = i - begin, .bits = bits});
            }
            begin = i;
            key = next;
        }
    }
}

static void radix_medium(struct radix *r, struct radix_range range)
{
    unsigned taken = radix_bits_for(range.n, range.bits), low = range.bits - taken;
    for (unsigned shift = low; shift < range.bits; shift += RADIX_BITS) {
        uint64_t counts[RADIX_DIGITS] = {0};
        radix_count(r, range.at, range.n, shift, counts);
        if (counts[radix_digit(radix_key(r, range.at), shift)] < range.n) {
            unsigned char *from = range.at;
            radix_places(counts);
            radix_deal(r, from, range.n, shift, range.other, counts);
            range.at = range.other;
            range.other = from;
            range.to_other = !range.to_other;
        }
    }
    if (low > 0) {
        radix_run_alike(r, range.at, range.other, range.n, low);
    }
    radix_copy(r, &range);
}

/* ---- large ---- */

struct radix_large {
    struct radix *r;
    struct radix_range range;
    unsigned shift;
    size_t parts;
    uint64_t (*counts)[RADIX_DIGITS];   /* of each part; then its places */
    uint64_t ends[RADIX_DIGITS];        /* of the buckets */
};

static size_t radix_part_from(const struct radix_large *l, size_t part)
{
    return l->range.n / l->parts * part + weft__min(part, l->range.n % l->parts);
}

static void radix_count_part(size_t part, void *arg)
{
    struct radix_large *l = arg;
    size_t from = radix_part_from(l, part), to = radix_part_from(l, part + 1);
    memset(l->counts[part], 0, sizeof l->counts[part]);
    radix_count(l->r, l->range.at + from * l->r->size, to - from, l->shift, l->counts[part]);
    (void)weft__sort_pause(&l->r->stopped, (int32_t)weft__min(to - from, RADIX_PART) / 1024);
}

static void radix_deal_part(size_t part, void *arg)
{
    struct radix_large *l = arg;
    size_t from = radix_part_from(l, part), to = radix_part_from(l, part + 1);
    radix_deal(l->r, l->range.at + from * l->r->size, to - from, l->shift, l->range.other,
               l->counts[part]);
    (void)weft__sort_pause(&l->r->stopped, (int32_t)weft__min(to - from, RADIX_PART) / 512);
}

static void radix_run_bucket(size_t digit, void *arg)
{
    const struct radix_large *l = arg;
    size_t begin = digit ? (size_t)l->ends[digit - 1] : 0, n = (size_t)l->ends[digit] - begin;
    if (n > 0) {
        radix_run(l->r, (struct radix_range){.at = l->range.other + begin * l->r->size,
                                             .other = l->range.at + begin * l->r->size,
                                             .n = n, .bits = l->shift,
                                             .to_other = !l->range.to_other});
    }
}

/* From each part's counts to its places.  False: all are in one bucket. */
static bool radix_large_places(struct radix_large *l)
{
    uint64_t sum = 0;
    bool differ = true;
    for (unsigned digit = 0; digit < RADIX_DIGITS; digit++) {
        uint64_t before = sum;
        for (size_t part = 0; part < l->parts; part++) {
            uint64_t count = l->counts[part][digit];
            l->counts[part][digit] = sum;
            sum += count;
        }
        differ = differ && sum - before < l->range.n;
        l->ends[digit] = sum;
    }
    return differ;
}

static void radix_large(struct radix *r, struct radix_range range)
{
    struct radix_large l = {.r = r, .range = range};
    l.parts = weft__min(range.n / RADIX_PART + 1, RADIX_PARTS);
    l.counts = weft__alloc_aligned(64, l.parts * sizeof *l.counts);
    if (!l.counts) {
        radix_medium(r, range); /* slower, and just as good */
        return;
    }
    l.shift = range.bits > RADIX_BITS ? range.bits - RADIX_BITS : 0;
    (void)weft__par_each(l.parts, radix_count_part, &l);
    bool differ = radix_large_places(&l);
    if (differ) {
        (void)weft__par_each(l.parts, radix_deal_part, &l);
    }
    weft__free(l.counts);
    if (differ) {
        (void)weft__par_each(RADIX_DIGITS, radix_run_bucket, &l);
    } else {
        range.bits = l.shift;
        radix_run(r, range);
    }
}

static void radix_run(struct radix *r, struct radix_range range)
{
    size_t bytes = range.n * r->size;
    int32_t us = (int32_t)(weft__min(range.n, RADIX_PART) / 128);
    if ((us > 0 && weft__sort_pause(&r->stopped, us)) || range.bits == 0 || range.n < 2) {
        radix_copy(r, &range);
    } else if (range.n <= RADIX_SMALL) {
        radix_insert(r, range.at, range.n, range.other);
        radix_copy(r, &range);
    } else if (bytes <= RADIX_MEDIUM) {
        radix_medium(r, range);
    } else {
        radix_large(r, range);
    }
}

/* ---- look ---- */

struct radix_look {
    const struct radix *r;
    const unsigned char *at;
    size_t n, parts;
    uint64_t first;            /* the first key */
    ATOMIC(uint64_t) differ;   /* bits that are not in all keys as in the first */
    ATOMIC(uint32_t) disorder;
};

static void radix_look_part(size_t part, void *arg)
{
    struct radix_look *look = arg;
    const struct radix *r = look->r;
    size_t each = look->n / look->parts, from = each * part;
    size_t to = part + 1 < look->parts ? from + each : look->n;
    uint64_t differ = 0, disorder = 0;
    uint64_t before = radix_key(r, look->at + (from ? from - 1 : 0) * r->size);
    for (size_t i = from; i < to; i++) {
        uint64_t key = radix_key(r, look->at + i * r->size);
        differ |= key ^ look->first;
        disorder |= key < before;
        before = key;
    }
    (void)a_or(&look->differ, differ, relaxed);
    if (disorder) {
        a_store(&look->disorder, 1, relaxed);
    }
    (void)weft__par_pause((int32_t)(weft__min(to - from, 2 * RADIX_PART) / 1024));
}

/* How many of the lowest bits differ, 0 if nothing is to be done. */
static unsigned radix_look(const struct radix *r, const unsigned char *at, size_t n)
{
    struct radix_look look = {.r = r, .at = at, .n = n, .first = radix_key(r, at),
                              .parts = n / RADIX_PART + 1};
    unsigned bits = 0;
    (void)weft__par_each(look.parts, radix_look_part, &look);
    for (uint64_t differ = a_load(&look.differ, relaxed); differ; differ >>= 1) {
        bits++;
    }
    return a_load(&look.disorder, relaxed) ? bits : 0;
}

int weft_sort_by(void *base, size_t n, size_t size, enum weft_key key, size_t offset)
{
    bool is_wide = key >= WEFT_KEY_INT64;
    size_t width = is_wide ? 8 : 4;
    if ((unsigned)key > WEFT_KEY_DOUBLE || size < width || offset > size - width) {
        return -WEFT_EINVAL;
    }
    uint64_t sign = UINT64_C(1) << (8 * width - 1);
    bool is_unsigned = key == WEFT_KEY_UINT32 || key == WEFT_KEY_UINT64;
    bool is_floating = key == WEFT_KEY_FLOAT || key == WEFT_KEY_DOUBLE;
    struct radix r = {.size = size, .offset = offset, .is_wide = is_wide,
                      .flip = is_unsigned ? 0 : sign, .mask = is_floating ? sign - 1 : 0};
    struct weft__sort_room room;
    int rc = weft__sort_begin(&room, n, size);
    if (rc == 0) {
        unsigned bits = n > 1 ? radix_look(&r, base, n) : 0;
        radix_run(&r, (struct radix_range){.at = base, .other = room.at, .n = n, .bits = bits});
        rc = weft__sort_end(&room, &r.stopped);
    }
    return rc;
}
