/* vclock.c - vector clocks: of strands, and rows of counts for whatever carries an order.
 *
 * A forgotten row would be an order forgotten, and so a false race: the rows that must go are
 * folded into one that every acquire joins.
 *
 * The rows begin narrow, 16 counts, and are spread to twice the width when more strands come:
 * in a forked child each page that is touched for the first time costs a copy, and most programs
 * have few threads.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/vclock.h"

#include <assert.h>

#include "base/sys.h"

#define VCLOCK_STRIDE_FIRST UINT32_C(16)
#define VCLOCK_ROW_WORDS    (UINT32_C(1) << 24) /* of all rows together */
#define VCLOCK_ROWS_MAX(stride) (VCLOCK_ROW_WORDS / (WEFT__ROW_HEAD + (stride)))

static_assert(sizeof(struct weft__row) <= WEFT__ROW_HEAD * sizeof(uint32_t), "it fits");

struct weft__vclocks weft__vclocks;

/* ---- rows ---- */

void weft__vclock_add(uint32_t *into, const uint32_t *from)
{
    uint32_t n = weft__vclocks.n_strands;

    for (uint32_t i = 0; i < n; i++)
        into[i] = into[i] > from[i] ? into[i] : from[i];
}

static void vclock_unlink(uint32_t row)
{
    uint32_t *link = weft__row_of(row)->list;

    while (*link != row)
        link = &weft__row_of(*link)->next;
    *link = weft__row_of(row)->next;
}

void weft__row_to_front(uint32_t row)
{
    struct weft__row *r = weft__row_of(row);

    vclock_unlink(row);
    r->next = *r->list;
    *r->list = row;
}

void weft__row_drop(uint32_t row)
{
    struct weft__row *r = weft__row_of(row);

    WEFT_CHECK(r->use != WEFT__ROW_FREE);
    vclock_unlink(row);
    r->use = WEFT__ROW_FREE;
    r->next = weft__vclocks.row_free;
    weft__vclocks.row_free = row;
}

void weft__row_fold(uint32_t row)
{
    weft__vclock_add(weft__vclocks.lost, weft__row_counts(row));
    weft__vclocks.has_lost = true;
    weft__row_drop(row);
}

uint32_t weft__row_new(uint32_t *list, uint8_t mask, enum weft__row_use use)
{
    struct weft__vclocks *v = &weft__vclocks;
    uint32_t rows_max = VCLOCK_ROWS_MAX(v->stride);
    uint32_t row;

    if (v->row_free == 0 && v->n_rows == rows_max) {
        v->row_cursor = v->row_cursor + 1 < rows_max ? v->row_cursor + 1 : 1;
        weft__row_fold(v->row_cursor);
    }
    if (v->row_free != 0) {
        row = v->row_free;
        v->row_free = weft__row_of(row)->next;
    } else {
        row = v->n_rows++;
    }
    *weft__row_of(row) = (struct weft__row){
        .list = list, .next = *list, .head = WEFT__ROW_NOBODY, .mask = mask, .use = (uint8_t)use};
    *list = row;
    memset(weft__row_counts(row), 0, v->stride * sizeof(uint32_t));
    return row;
}

/* Those beyond what fits at the new width go; the free list is made anew without them. */
static void vclock_rows_shrink(uint32_t rows_max)
{
    struct weft__vclocks *v = &weft__vclocks;

    for (uint32_t row = rows_max; row < v->n_rows; row++) {
        if (weft__row_of(row)->use != WEFT__ROW_FREE)
            weft__row_fold(row);
    }
    v->n_rows = rows_max;
    v->row_free = 0;
    for (uint32_t row = 1; row < rows_max; row++) {
        if (weft__row_of(row)->use != WEFT__ROW_FREE)
            continue;
        weft__row_of(row)->next = v->row_free;
        v->row_free = row;
    }
}

/* n rows of `width` words grow by `more` words, which are zero; from the last one on, in place. */
static void vclock_spread(uint32_t *rows, size_t n, uint32_t width, uint32_t more)
{
    for (size_t i = n; i-- > 0;) {
        uint32_t *to = rows + i * (width + more);
        memmove(to, rows + i * width, width * sizeof *rows);
        memset(to + width, 0, more * sizeof *rows);
    }
}

static void vclock_stride_double(void)
{
    struct weft__vclocks *v = &weft__vclocks;
    uint32_t rows_max = VCLOCK_ROWS_MAX(2 * v->stride);

    if (v->n_rows > rows_max)
        vclock_rows_shrink(rows_max);
    vclock_spread(v->clocks, (size_t)v->n_strands * WEFT__VCLOCK_SETS, v->stride, v->stride);
    vclock_spread(v->rows, v->n_rows, WEFT__ROW_HEAD + v->stride, v->stride);
    v->stride *= 2;
}

/* ---- strands ---- */

void weft__vclock_know(uint16_t strand)
{
    struct weft__vclocks *v = &weft__vclocks;

    WEFT_CHECK(strand < WEFT__STRANDS_MAX);
    while (v->stride <= strand)
        vclock_stride_double();
    while (v->n_strands <= strand) {
        uint32_t i = v->n_strands++;
        memset(weft__vclock_of(0, i), 0, WEFT__VCLOCK_SETS * v->stride * sizeof(uint32_t));
        weft__vclock_of(WEFT__VCLOCK_NOW, i)[i] = 1;
        weft__vclock_of(WEFT__VCLOCK_FORKED, i)[i] = 1;
    }
}

/* What `from` has, `to` has, in both clocks; and what `from` does next is not among it. */
static void vclock_hand_on(uint16_t from, uint16_t to)
{
    static const int sets[] = {WEFT__VCLOCK_NOW, WEFT__VCLOCK_FORKED};

    weft__vclock_know(weft__max(from, to));
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(sets); i++) {
        weft__vclock_add(weft__vclock_of(sets[i], to), weft__vclock_of(sets[i], from));
        weft__vclock_of(sets[i], from)[from]++;
    }
}

void weft__clock_spawn(uint16_t parent, uint16_t child)
{
    vclock_hand_on(parent, child);
}

void weft__clock_join(uint16_t strand, uint16_t ended)
{
    vclock_hand_on(ended, strand); /* comes the ended one back under its number, it is another */
}

void weft__clock_fence(uint16_t strand, int order)
{
    weft__vclock_know(strand);
    uint32_t *now = weft__vclock_of(WEFT__VCLOCK_NOW, strand);

    if (weft__order_acquires(order))
        weft__vclock_add(now, weft__vclock_of(WEFT__VCLOCK_PENDING, strand));
    if (weft__order_releases(order)) {
        memcpy(weft__vclock_of(WEFT__VCLOCK_RELEASED, strand), now,
               weft__vclocks.stride * sizeof *now);
        weft__vclock_tick(strand);
    }
}

uint32_t weft__clock_segment(uint16_t strand)
{
    if (strand >= weft__vclocks.n_strands)
        return 0;
    return weft__vclock_of(WEFT__VCLOCK_FORKED, strand)[strand];
}

bool weft__clock_forked(uint16_t before, uint32_t segment, uint16_t strand)
{
    if (before == strand)
        return true;
    if (before >= weft__vclocks.n_strands || strand >= weft__vclocks.n_strands)
        return false;
    return segment <= weft__vclock_of(WEFT__VCLOCK_FORKED, strand)[before];
}

/* ---- life ---- */

#define VCLOCK_CLOCKS_SIZE                                                                         \
    ((size_t)WEFT__STRANDS_MAX * WEFT__VCLOCK_SETS * WEFT__STRANDS_MAX * sizeof(uint32_t))
#define VCLOCK_ROWS_SIZE (VCLOCK_ROW_WORDS * sizeof(uint32_t))
#define VCLOCK_LOST_SIZE (WEFT__STRANDS_MAX * sizeof(uint32_t))
#define VCLOCK_SIZE      (VCLOCK_CLOCKS_SIZE + VCLOCK_ROWS_SIZE + VCLOCK_LOST_SIZE)

int weft__vclock_map(void)
{
    struct weft__vclocks *v = &weft__vclocks;

    if (v->memory != NULL)
        return 0;
    int rc = weft__sys_map(VCLOCK_SIZE, &v->memory);
    if (rc < 0)
        return rc;
    weft__sys_no_huge_pages(v->memory, VCLOCK_SIZE);
    v->clocks = v->memory;
    v->rows = (uint32_t *)(void *)((char *)v->memory + VCLOCK_CLOCKS_SIZE);
    v->lost = (uint32_t *)(void *)((char *)v->rows + VCLOCK_ROWS_SIZE);
    return 0;
}

int weft__vclock_init(void)
{
    struct weft__vclocks *v = &weft__vclocks;
    int rc = weft__vclock_map();

    if (rc < 0)
        return rc;
    if (v->has_lost)
        memset(v->lost, 0, VCLOCK_LOST_SIZE);
    v->n_rows = 1; /* 0 is no row */
    v->row_free = v->row_cursor = 0;
    v->has_lost = false;
    v->n_strands = 0;
    v->stride = VCLOCK_STRIDE_FIRST;
    weft__vclock_know(0);
    return 0;
}

void weft__vclock_fini(void)
{
    if (weft__vclocks.memory != NULL)
        weft__sys_unmap(weft__vclocks.memory, VCLOCK_SIZE);
    memset(&weft__vclocks, 0, sizeof weft__vclocks);
}
