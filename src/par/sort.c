/* sort.c - the stable sort by a function that compares.
 *
 * A merge sort between two arrays: the halves are sorted into the array that the result is not to
 * be in, side by side, and merged into the other.  A merge, too, is split: the middle of the longer
 * run is looked for in the shorter one, and the parts before and after it are merged side by side.
 * Where both runs have equal elements the left one's go first, wherever the split is.  What is left
 * to one task is merged from both ends, two chains that do not wait for each other: 1.6 times as
 * fast as one.
 *
 * Stopped, each step still brings its elements to where they belong, by a copy without comparing:
 * so the array holds what it held.  A piece cancelled before it began is run by its forker.
 *
 * SPDX-License-Identifier: MIT
 */
#include "par/sort.h"

#include "base/alloc.h"
#include "base/sys.h"
#include "par/loop.h"
#include "weft/err.h"
#include "weft/sort.h"

#define SORT_LEAF  12u  /* elements that are sorted by insertion */
#define SORT_FORK  2048u/* elements that are worth a piece of their own */
#define SORT_MERGE 4096u
#define SORT_HUGE  ((size_t)1 << 22) /* bytes */

struct sort {
    size_t size;
    int (*compare)(const void *a, const void *b, void *arg);
    void *arg;
    ATOMIC(uint32_t) stopped; /* 0, or the code for which, not negative */
};

/* ---- for both sorts ---- */

int weft__sort_begin(struct weft__sort_room *room, size_t n, size_t size)
{
    *room = (struct weft__sort_room){0};
    if (size == 0 || n > (size_t)PTRDIFF_MAX / size) {
        return -WEFT_EINVAL;
    }
    if (weft__par_pause(0) != 0) {
        return -WEFT_ECANCELED;
    }
    if (n * size < SORT_HUGE) {
        room->at = weft__alloc_aligned(64, weft__max(n * size, (size_t)64));
    } else if (weft__sys_map(n * size, &room->at) == 0) {
        room->mapped = n * size;
        weft__sys_huge_pages(room->at, n * size);
    }
    return room->at ? 0 : -WEFT_ENOMEM;
}

int weft__sort_end(struct weft__sort_room *room, ATOMIC(uint32_t) *stopped)
{
    if (room->mapped) {
        weft__sys_unmap(room->at, room->mapped);
    } else {
        weft__free(room->at);
    }
    return -(int)a_load(stopped, relaxed);
}

bool weft__sort_pause(ATOMIC(uint32_t) *stopped, int32_t spent_us)
{
    if (a_load(stopped, relaxed)) {
        return true;
    }
    if (weft__par_pause(spent_us) == 0) {
        return false;
    }
    a_store(stopped, WEFT_ECANCELED, relaxed);
    return true;
}

/* A piece in which compare has panicked said so; what it was at is lost. */
static void sort_note(struct sort *s, int code)
{
    if (code == -WEFT_EPANIC) {
        a_store(&s->stopped, WEFT_EPANIC, relaxed);
    }
}

/* ---- small ones ---- */

/* `spare` has room for one element. */
static void sort_insert(const struct sort *s, unsigned char *a, size_t n, unsigned char *spare)
{
    size_t size = s->size;
    for (size_t i = 1; i < n; i++) {
        unsigned char *from = a + i * size, *to = from;
        while (to > a && s->compare(from, to - size, s->arg) < 0) {
            to -= size;
        }
        if (to != from) {
            memcpy(spare, from, size);
            memmove(to + size, to, (size_t)(from - to));
            memcpy(to, spare, size);
        }
    }
}

/* ---- merge ---- */

/* Two runs, the left one's elements first if equal. */
struct sort_runs {
    const unsigned char *left, *right;
    size_t left_len, right_len;
    unsigned char *to;
};

/* As many as the shorter run has, from the front, and as many from the back: neither run can end
 * meanwhile, so there is no bound to look at, and the two go on side by side.  False: compare has
 * contradicted itself, so that both took the same element.  *runs is what is left between them. */
static inline __attribute__((always_inline)) bool
sort_merge_ends(const struct sort *s, struct sort_runs *runs, size_t size)
{
    size_t n = weft__min(runs->left_len, runs->right_len);
    const unsigned char *left = runs->left, *left_end = left + runs->left_len * size;
    const unsigned char *right = runs->right, *right_end = right + runs->right_len * size;
    unsigned char *to = runs->to, *to_end = to + (runs->left_len + runs->right_len) * size;
    for (size_t i = 0; i < n; i++) {
        size_t is_right = s->compare(right, left, s->arg) < 0;
        sort_move(to, is_right ? right : left, size);
        right += is_right * size;
        left += (1 - is_right) * size;
        to += size;
        size_t is_left = s->compare(right_end - size, left_end - size, s->arg) < 0;
        to_end -= size;
        sort_move(to_end, (is_left ? left_end : right_end) - size, size);
        left_end -= is_left * size;
        right_end -= (1 - is_left) * size;
    }
    if (left > left_end || right > right_end) {
        return false;
    }
    *runs = (struct sort_runs){.left = left, .right = right, .to = to,
                               .left_len = (size_t)(left_end - left) / size,
                               .right_len = (size_t)(right_end - right) / size};
    return true;
}

static inline __attribute__((always_inline)) void
sort_merge_sized(const struct sort *s, const struct sort_runs *runs, size_t size)
{
    struct sort_runs rest = *runs;
    if (!sort_merge_ends(s, &rest, size)) {
        rest = *runs;
    }
    const unsigned char *left = rest.left, *left_end = left + rest.left_len * size;
    const unsigned char *right = rest.right, *right_end = right + rest.right_len * size;
    unsigned char *to = rest.to;
    while (left < left_end && right < right_end) {
        size_t is_right = s->compare(right, left, s->arg) < 0;
        sort_move(to, is_right ? right : left, size);
        right += is_right * size;
        left += (1 - is_right) * size;
        to += size;
    }
    memcpy(to, left, (size_t)(left_end - left));
    memcpy(to + (left_end - left), right, (size_t)(right_end - right));
}

static void sort_merge_copy(const struct sort *s, const struct sort_runs *runs)
{
    memcpy(runs->to, runs->left, runs->left_len * s->size);
    memcpy(runs->to + runs->left_len * s->size, runs->right, runs->right_len * s->size);
}

static bool sort_runs_are_sorted(const struct sort *s, const struct sort_runs *runs)
{
    return runs->left_len == 0 || runs->right_len == 0 ||
           s->compare(runs->right, runs->left + (runs->left_len - 1) * s->size, s->arg) >= 0;
}

static void sort_merge_here(const struct sort *s, const struct sort_runs *runs)
{
    if (sort_runs_are_sorted(s, runs)) {
        sort_merge_copy(s, runs);
    } else if (s->size == 4) {
        sort_merge_sized(s, runs, 4);
    } else if (s->size == 8) {
        sort_merge_sized(s, runs, 8);
    } else if (s->size == 16) {
        sort_merge_sized(s, runs, 16);
    } else {
        sort_merge_sized(s, runs, s->size);
    }
}

/* How many of the n elements go before `than`; those that are equal, too, if `equal`. */
static size_t sort_before(const struct sort *s, const unsigned char *a, size_t n,
                          const unsigned char *than, bool equal)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const unsigned char *at = a + middle * s->size;
        bool is_before = equal ? s->compare(than, at, s->arg) >= 0
                               : s->compare(at, than, s->arg) < 0;
        if (is_before) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Splits the runs so that everything in *runs goes before everything in *ret_rest. */
static void sort_split(const struct sort *s, struct sort_runs *runs, struct sort_runs *ret_rest)
{
    size_t size = s->size, left, right;
    if (runs->left_len >= runs->right_len) {
        left = runs->left_len / 2;
        right = sort_before(s, runs->right, runs->right_len, runs->left + left * size, false);
    } else {
        right = runs->right_len / 2;
        left = sort_before(s, runs->left, runs->left_len, runs->right + right * size, true);
    }
    *ret_rest = (struct sort_runs){.left = runs->left + left * size,
                                   .right = runs->right + right * size,
                                   .left_len = runs->left_len - left,
                                   .right_len = runs->right_len - right,
                                   .to = runs->to + (left + right) * size};
    runs->left_len = left;
    runs->right_len = right;
}

struct sort_merging {
    weft_piece piece;
    struct sort *s;
    struct sort_runs runs;
    bool has_begun;
};

static void sort_merge(struct sort *s, struct sort_runs runs);

static int sort_merge_piece(void *arg)
{
    struct sort_merging *m = arg;
    m->has_begun = true;
    sort_merge(m->s, m->runs);
    return 0;
}

static void sort_merge(struct sort *s, struct sort_runs runs)
{
    size_t len = runs.left_len + runs.right_len;
    if (weft__sort_pause(&s->stopped, (int32_t)weft__min(len, SORT_MERGE) / 256)) {
        sort_merge_copy(s, &runs);
        return;
    }
    if (len <= SORT_MERGE) {
        sort_merge_here(s, &runs);
        return;
    }
    struct sort_merging rest = {.s = s};
    sort_split(s, &runs, &rest.runs);
    weft_fork(&rest.piece, sort_merge_piece, &rest);
    sort_merge(s, runs);
    sort_note(s, weft_join(&rest.piece));
    if (!rest.has_begun) {
        sort_merge(s, rest.runs);
    }
}

/* ---- sort ---- */

static bool sort_is_sorted(const struct sort *s, const unsigned char *at, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (s->compare(at + i * s->size, at + (i - 1) * s->size, s->arg) < 0) {
            return false;
        }
    }
    return true;
}

/* The n elements at `at`, sorted: there, or at `other`. */
struct sort_part {
    weft_piece piece;
    struct sort *s;
    unsigned char *at, *other;
    size_t n;
    bool to_other, has_begun;
};

/* By one task, without a pause. */
static void sort_part_here(const struct sort *s, unsigned char *at, unsigned char *other, size_t n,
                           bool to_other)
{
    if (n <= SORT_LEAF) {
        sort_insert(s, at, n, other);
        if (to_other) {
            memcpy(other, at, n * s->size);
        }
        return;
    }
    size_t half = n / 2, skip = half * s->size;
    sort_part_here(s, at, other, half, !to_other);
    sort_part_here(s, at + skip, other + skip, n - half, !to_other);
    unsigned char *from = to_other ? at : other;
    struct sort_runs runs = {.left = from, .right = from + skip, .left_len = half,
                             .right_len = n - half, .to = to_other ? other : at};
    sort_merge_here(s, &runs);
}

static void sort_part_run(const struct sort_part *part);

static int sort_part_piece(void *arg)
{
    struct sort_part *part = arg;
    part->has_begun = true;
    sort_part_run(part);
    return 0;
}

static void sort_part_run(const struct sort_part *part)
{
    struct sort *s = part->s;
    size_t half = part->n / 2, skip = half * s->size;
    bool is_stopped = weft__sort_pause(&s->stopped,
                                       (int32_t)weft__min(part->n, SORT_FORK) / 32);
    if (is_stopped || (part->n <= SORT_FORK && sort_is_sorted(s, part->at, part->n))) {
        if (part->to_other) {
            memcpy(part->other, part->at, part->n * s->size);
        }
    } else if (part->n <= SORT_FORK) {
        sort_part_here(s, part->at, part->other, part->n, part->to_other);
    } else {
        struct sort_part lower = {.s = s, .at = part->at, .other = part->other, .n = half,
                                  .to_other = !part->to_other};
        struct sort_part upper = {.s = s, .at = part->at + skip, .other = part->other + skip,
                                  .n = part->n - half, .to_other = !part->to_other};
        weft_fork(&upper.piece, sort_part_piece, &upper);
        sort_part_run(&lower);
        sort_note(s, weft_join(&upper.piece));
        if (!upper.has_begun) {
            sort_part_run(&upper);
        }
        unsigned char *from = part->to_other ? part->at : part->other;
        sort_merge(s, (struct sort_runs){.left = from, .right = from + skip, .left_len = half,
                                         .right_len = part->n - half,
                                         .to = part->to_other ? part->other : part->at});
    }
}

int weft_sort(void *base, size_t n, size_t size,
              int (*compare)(const void *a, const void *b, void *arg), void *arg)
{
    struct weft__sort_room room;
    struct sort s = {.size = size, .compare = compare, .arg = arg};
    int rc = weft__sort_begin(&room, n, size);
    if (rc == 0) {
        sort_part_run(&(struct sort_part){.s = &s, .at = base, .other = room.at, .n = n});
        rc = weft__sort_end(&room, &s.stopped);
    }
    return rc;
}
