/* shadow.c - what is known of each byte: who wrote it, who read it, when; and the vector clocks.
 *
 * Called by access.c and engine.c, for the one strand that runs.
 *
 * A CELL stands for 8 bytes of the program, a CHUNK for 4 cells that lie in a row; an index (open
 * addressing, doubled when half full) finds the chunk.  A cell holds four lists of RECORDS, newest
 * first, one list for each kind of access, and each record says by a mask which bytes it is about:
 * so neighbours in one word never meet.  A record is superfluous after a later one of the same kind
 * that it happened before, and after a plain write: what races with it races with the write too.
 *
 *     this access      races with unordered        and then
 *     plain write      all four kinds              clears all four of its bytes
 *     atomic write     plain writes and reads      joins the atomic writes
 *     plain read       plain and atomic writes     joins the plain reads
 *     atomic read      plain writes                joins the atomic reads
 *
 * The three lists that grow are pruned when they have doubled since the last time, so an access
 * costs O(1) amortized, however many strands read the same.  Twice the same access by one strand,
 * with nobody between and no release between, is the fast path: nothing to do.
 *
 * The clocks lie in vclock.c.  An object of weft__clock_release has a row of counts, and so has
 * each strand that began a release sequence of an atomic (by its bytes: atomics of different sizes
 * that overlap give what they have).  As C11 and C17 have it: the sequence goes on with
 * read-modify-writes of all, and with stores of the strand that began it; a relaxed store carries
 * the last release fence, a relaxed load waits for an acquire fence; a plain write ends all.
 * When too many strands have begun, their rows become one, which orders more than it should.
 *
 * A lost record is a missed race; a lost row is folded (vclock.c), so that it is no false one.
 *
 * Memory is reserved once and taken from its beginning, so a forked child touches few pages, and a
 * new schedule in the same process clears what the last one used: the index and the rows, the rest
 * is cleared when it is taken.
 *
 * Rejected: one record per cell with a mask of strands (cannot say where the other access was);
 * words instead of bytes (false races on neighbours, measured: 6 correct programs of 24).
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/shadow.h"

#include "base/sys.h"
#include "check/vclock.h"

#define SHADOW_LINE_SHIFT    5 /* a chunk stands for 32 bytes */
#define SHADOW_CELLS         4
#define SHADOW_CHUNKS_MAX    (UINT32_C(1) << 21)
#define SHADOW_RECORDS_MAX   (UINT32_C(1) << 22)
#define SHADOW_INDEX_FIRST   UINT32_C(64) /* entries */
#define SHADOW_INDEX_MAX     (2 * SHADOW_CHUNKS_MAX)
#define SHADOW_PRUNE_FIRST   8
#define SHADOW_HEADS_MAX     16 /* rows of atomics in a cell; then they are put together */
#define SHADOW_CLEAR_MAX     (256 * 1024) /* bytes: more are given back instead of being cleared */

#define SHADOW_NOBODY 0xffff

enum { SHADOW_PLAIN_WRITE, SHADOW_ATOMIC_WRITE, SHADOW_PLAIN_READ, SHADOW_ATOMIC_READ,
       SHADOW_KINDS };

/* An access of some bytes of one cell. */
struct shadow_record {
    uint32_t next; /* in its list, or among the free ones; 0: none */
    uint32_t clock;
    uint32_t step;
    weft__site site, caller;
    uint32_t cell;
    uint16_t strand;
    uint8_t op, size;
    uint8_t mask; /* 0: free */
};

struct shadow_cell {
    uint16_t owner[8];            /* of each byte, its first strand plus one; 0: nobody yet */
    uint32_t head[SHADOW_KINDS];  /* records */
    uint32_t rows;                /* of atomics and objects that begin here */
    uint32_t last_clock;          /* who came last, and what it did then: */
    uint16_t last_strand;
    uint8_t last[SHADOW_KINDS];   /* masks */
    uint16_t n, limit;            /* records; as many as that, and they are pruned */
    uint8_t shared;               /* masks: two strands came */
    uint8_t written;
    uint8_t atomic_newer;         /* the last write was an atomic one */
};

struct shadow_chunk {
    uint64_t line; /* of addresses, plus one */
    struct shadow_cell cell[SHADOW_CELLS];
};

struct shadow_entry {
    uint64_t line; /* as the chunk's; 0: free */
    uint32_t chunk;
};

static struct {
    char *memory;

    struct shadow_entry *index;  /* a table of size n lies at index + n, but for the first: */
    struct shadow_entry first_index[SHADOW_INDEX_FIRST]; /* with all else that is always touched */
    uint32_t index_size;
    struct shadow_chunk *chunks;
    uint32_t n_chunks, chunk_cursor;
    struct shadow_chunk *hot; /* the one used last */

    struct shadow_record *records;
    uint32_t n_records, record_free, record_cursor;

    uint8_t covered[WEFT__STRANDS_MAX]; /* for pruning, else zero */
} shadow;

/* ---- cells ---- */

static struct shadow_cell *shadow_cell_of(uint32_t number)
{
    return &shadow.chunks[number / SHADOW_CELLS].cell[number % SHADOW_CELLS];
}

static uint32_t shadow_cell_number(const struct shadow_chunk *chunk, uint32_t i)
{
    return (uint32_t)(chunk - shadow.chunks) * SHADOW_CELLS + i;
}

/* ---- records ---- */

static void shadow_record_free(uint32_t number)
{
    struct shadow_record *record = &shadow.records[number];

    record->mask = 0;
    record->next = shadow.record_free;
    shadow.record_free = number;
}

static void shadow_record_forget(uint32_t number)
{
    struct shadow_cell *cell = shadow_cell_of(shadow.records[number].cell);

    for (int kind = 0; kind < SHADOW_KINDS; kind++) {
        uint32_t *link = &cell->head[kind];
        while (*link != 0 && *link != number)
            link = &shadow.records[*link].next;
        if (*link == 0)
            continue;
        *link = shadow.records[number].next;
        cell->n--;
        shadow_record_free(number);
        return;
    }
    WEFT_CHECK(false); /* a record in use is in a list of its cell */
}

static uint32_t shadow_record_new(void)
{
    if (shadow.record_free == 0 && shadow.n_records == SHADOW_RECORDS_MAX) {
        shadow.record_cursor =
            shadow.record_cursor + 1 < SHADOW_RECORDS_MAX ? shadow.record_cursor + 1 : 1;
        shadow_record_forget(shadow.record_cursor);
    }
    if (shadow.record_free == 0)
        return shadow.n_records++;
    uint32_t number = shadow.record_free;
    shadow.record_free = shadow.records[number].next;
    return number;
}

/* Takes the bytes from all records of a list. */
static void shadow_list_clear(struct shadow_cell *cell, int kind, uint8_t mask)
{
    uint32_t *link = &cell->head[kind];

    while (*link != 0) {
        uint32_t number = *link;
        struct shadow_record *record = &shadow.records[number];
        record->mask &= (uint8_t)~mask;
        if (record->mask != 0) {
            link = &record->next;
            continue;
        }
        *link = record->next;
        cell->n--;
        shadow_record_free(number);
    }
}

/* Each strand keeps its newest record of a byte; and those that happened before what the running
 * strand will add, bytes `added`, go. */
static void shadow_list_prune(struct shadow_cell *cell, int kind, uint8_t added,
                              const uint32_t *now)
{
    uint32_t *link = &cell->head[kind];

    while (*link != 0) {
        uint32_t number = *link;
        struct shadow_record *record = &shadow.records[number];
        uint8_t mask = record->mask & (uint8_t)~shadow.covered[record->strand];
        if (record->clock <= now[record->strand])
            mask &= (uint8_t)~added;
        if (mask != 0) {
            shadow.covered[record->strand] |= mask;
            record->mask = mask;
            link = &record->next;
            continue;
        }
        *link = record->next;
        cell->n--;
        shadow_record_free(number);
    }
    for (uint32_t i = cell->head[kind]; i != 0; i = shadow.records[i].next)
        shadow.covered[shadow.records[i].strand] = 0;
}

/* ---- chunks ---- */

static void shadow_cell_clear(struct shadow_cell *cell, bool fold_rows)
{
    for (int kind = 0; kind < SHADOW_KINDS; kind++)
        shadow_list_clear(cell, kind, 0xff);
    for (uint32_t row = cell->rows; row != 0;) {
        uint32_t next = weft__row_of(row)->next;
        if (fold_rows)
            weft__row_fold(row);
        else if (weft__row_of(row)->use == WEFT__ROW_ATOMIC)
            weft__row_drop(row);
        row = next;
    }
    uint32_t rows = cell->rows;
    memset(cell, 0, sizeof *cell);
    cell->rows = rows;
    cell->limit = SHADOW_PRUNE_FIRST;
    cell->last_strand = SHADOW_NOBODY;
}

static uint32_t shadow_slot(uint64_t line, uint32_t size)
{
    return (uint32_t)(line * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (size - 1);
}

static struct shadow_entry *shadow_table(uint32_t size)
{
    return size == SHADOW_INDEX_FIRST ? shadow.first_index : shadow.index + size;
}

static void shadow_index_put(uint64_t line, uint32_t chunk)
{
    struct shadow_entry *table = shadow_table(shadow.index_size);
    uint32_t slot = shadow_slot(line, shadow.index_size);

    while (table[slot].line != 0)
        slot = (slot + 1) & (shadow.index_size - 1);
    table[slot] = (struct shadow_entry){.line = line, .chunk = chunk};
}

static void shadow_index_double(void)
{
    struct shadow_entry *old = shadow_table(shadow.index_size);
    uint32_t old_size = shadow.index_size;

    shadow.index_size *= 2;
    for (uint32_t i = 0; i < old_size; i++) {
        if (old[i].line != 0)
            shadow_index_put(old[i].line, old[i].chunk);
    }
}

/* Closes the gap, so that no chain of neighbours is broken. */
static void shadow_index_remove(uint64_t line)
{
    struct shadow_entry *table = shadow_table(shadow.index_size);
    uint32_t wrap = shadow.index_size - 1;
    uint32_t gap = shadow_slot(line, shadow.index_size);

    while (table[gap].line != line)
        gap = (gap + 1) & wrap;
    for (uint32_t i = (gap + 1) & wrap; table[i].line != 0; i = (i + 1) & wrap) {
        uint32_t home = shadow_slot(table[i].line, shadow.index_size);
        if (((i - home) & wrap) < ((i - gap) & wrap))
            continue;
        table[gap] = table[i];
        gap = i;
    }
    table[gap].line = 0;
}

static void shadow_chunk_forget(struct shadow_chunk *chunk)
{
    for (uint32_t i = 0; i < SHADOW_CELLS; i++)
        shadow_cell_clear(&chunk->cell[i], true);
    shadow_index_remove(chunk->line);
    shadow.hot = NULL;
}

static WEFT_NOINLINE struct shadow_chunk *shadow_chunk_new(uint64_t line)
{
    struct shadow_chunk *chunk;

    if (shadow.n_chunks == SHADOW_CHUNKS_MAX) {
        chunk = &shadow.chunks[shadow.chunk_cursor++ % SHADOW_CHUNKS_MAX];
        shadow_chunk_forget(chunk);
    } else {
        if (shadow.n_chunks == shadow.index_size / 2)
            shadow_index_double();
        chunk = &shadow.chunks[shadow.n_chunks++];
    }
    memset(chunk, 0, sizeof *chunk);
    chunk->line = line;
    for (uint32_t i = 0; i < SHADOW_CELLS; i++) {
        chunk->cell[i].limit = SHADOW_PRUNE_FIRST;
        chunk->cell[i].last_strand = SHADOW_NOBODY;
    }
    shadow_index_put(line, (uint32_t)(chunk - shadow.chunks));
    return chunk;
}

/* The chunk of an address; NULL: there is none. */
static struct shadow_chunk *shadow_chunk_find(uintptr_t address)
{
    uint64_t line = ((uint64_t)address >> SHADOW_LINE_SHIFT) + 1;

    if (shadow.hot != NULL && shadow.hot->line == line)
        return shadow.hot;
    const struct shadow_entry *table = shadow_table(shadow.index_size);
    uint32_t slot = shadow_slot(line, shadow.index_size);
    for (; table[slot].line != 0; slot = (slot + 1) & (shadow.index_size - 1)) {
        if (table[slot].line == line)
            return shadow.hot = &shadow.chunks[table[slot].chunk];
    }
    return NULL;
}

static struct shadow_chunk *shadow_chunk_at(uintptr_t address)
{
    struct shadow_chunk *chunk = shadow_chunk_find(address);

    if (WEFT_UNLIKELY(chunk == NULL))
        chunk = shadow.hot = shadow_chunk_new(((uint64_t)address >> SHADOW_LINE_SHIFT) + 1);
    return chunk;
}

/* Of the bytes from `address` on: how many lie in its cell, and as a mask. */
static size_t shadow_span(uintptr_t address, size_t size, uint8_t *ret_mask)
{
    unsigned offset = (unsigned)address % 8;
    size_t n = weft__min((size_t)(8 - offset), size);

    *ret_mask = (uint8_t)(((1u << n) - 1) << offset);
    return n;
}

/* ---- objects ---- */

static uint32_t shadow_object(uintptr_t object, bool make)
{
    uint8_t mask = (uint8_t)(1u << object % 8);
    struct shadow_chunk *chunk = make ? shadow_chunk_at(object) : shadow_chunk_find(object);

    if (chunk == NULL)
        return 0;
    uint32_t i = (uint32_t)(object / 8 % SHADOW_CELLS);
    for (uint32_t row = chunk->cell[i].rows; row != 0; row = weft__row_of(row)->next) {
        if (weft__row_of(row)->use == WEFT__ROW_OBJECT && weft__row_of(row)->mask == mask)
            return row;
    }
    return make ? weft__row_new(&chunk->cell[i].rows, mask, WEFT__ROW_OBJECT) : 0;
}

void weft__clock_release(uint16_t strand, uintptr_t object)
{
    weft__vclock_know(strand);
    uint32_t row = shadow_object(object, true);
    weft__vclock_add(weft__row_counts(row), weft__vclock_of(WEFT__VCLOCK_NOW, strand));
    weft__vclock_tick(strand);
}

void weft__clock_acquire(uint16_t strand, uintptr_t object)
{
    weft__vclock_know(strand);
    uint32_t row = shadow_object(object, false);
    if (row != 0)
        weft__vclock_add(weft__vclock_of(WEFT__VCLOCK_NOW, strand), weft__row_counts(row));
    if (weft__vclocks.has_lost)
        weft__vclock_add(weft__vclock_of(WEFT__VCLOCK_NOW, strand), weft__vclocks.lost);
}

/* ---- atomics ---- */

static void shadow_atomic_load(const struct shadow_cell *cell, uint8_t mask, uint16_t strand,
                               bool acquires)
{
    if (cell->rows == 0 && !weft__vclocks.has_lost)
        return;
    uint32_t *into =
        weft__vclock_of(acquires ? WEFT__VCLOCK_NOW : WEFT__VCLOCK_PENDING, strand);
    for (uint32_t row = cell->rows; row != 0; row = weft__row_of(row)->next) {
        const struct weft__row *r = weft__row_of(row);
        if (r->use != WEFT__ROW_ATOMIC || !(r->mask & mask))
            continue;
        /* Who has the head's clock of that time has all that it had. */
        if (r->head == WEFT__ROW_MANY || into[r->head] < r->clock)
            weft__vclock_add(into, weft__row_counts(row));
    }
    if (weft__vclocks.has_lost)
        weft__vclock_add(into, weft__vclocks.lost);
}

/* The bytes are overwritten: ends the release sequences of atomics there, but for those that
 * `keeper` began and may go on with. */
static void shadow_atomic_overwrite(struct shadow_cell *cell, uint8_t mask, uint16_t keeper)
{
    for (uint32_t row = cell->rows; row != 0;) {
        struct weft__row *r = weft__row_of(row);
        uint32_t next = r->next;
        bool keep = keeper != WEFT__ROW_NOBODY &&
                    (r->head == keeper || r->head == WEFT__ROW_MANY);
        if (r->use == WEFT__ROW_ATOMIC && !keep) {
            r->mask &= (uint8_t)~mask;
            if (r->mask == 0)
                weft__row_drop(row);
        }
        row = next;
    }
}

/* The row of these bytes that carries what `strand` began; made if there is none. */
static uint32_t shadow_atomic_row(struct shadow_cell *cell, uint8_t mask, uint16_t strand)
{
    uint32_t same_bytes = 0, n = 0;

    for (uint32_t row = cell->rows; row != 0; row = weft__row_of(row)->next) {
        const struct weft__row *r = weft__row_of(row);
        if (r->use != WEFT__ROW_ATOMIC)
            continue;
        n++;
        if (r->mask != mask)
            continue;
        same_bytes = row;
        if (r->head == strand || r->head == WEFT__ROW_MANY)
            break;
    }
    if (same_bytes == 0 || (n < SHADOW_HEADS_MAX && weft__row_of(same_bytes)->head != strand &&
                            weft__row_of(same_bytes)->head != WEFT__ROW_MANY))
        same_bytes = weft__row_new(&cell->rows, mask, WEFT__ROW_ATOMIC);
    struct weft__row *r = weft__row_of(same_bytes);
    r->head = r->head == strand || r->head == WEFT__ROW_NOBODY ? strand : WEFT__ROW_MANY;
    return same_bytes;
}

/* The store of an atomic, the read-modify-write's too, carries `from`, a clock of the strand.  The
 * row comes to the front: who acquires it first may find the others superfluous. */
static void shadow_atomic_give(struct shadow_cell *cell, uint8_t mask, uint16_t strand,
                               const uint32_t *from)
{
    uint32_t row = shadow_atomic_row(cell, mask, strand);
    struct weft__row *r = weft__row_of(row);

    weft__vclock_add(weft__row_counts(row), from);
    r->clock = weft__max(r->clock, from[strand]);
    weft__row_to_front(row);
}

static void shadow_atomic_store(struct shadow_cell *cell, uint8_t mask, uint16_t strand,
                                enum weft__op op, bool releases)
{
    if (op != WEFT__OP_ATOMIC_RMW)
        shadow_atomic_overwrite(cell, mask, releases ? WEFT__ROW_NOBODY : strand);
    if (releases)
        shadow_atomic_give(cell, mask, strand, weft__vclock_of(WEFT__VCLOCK_NOW, strand));
    else if (weft__vclock_of(WEFT__VCLOCK_RELEASED, strand)[strand] != 0) /* was there a fence? */
        shadow_atomic_give(cell, mask, strand, weft__vclock_of(WEFT__VCLOCK_RELEASED, strand));
}

/* ---- accesses ---- */

/* One access, as far as it concerns one cell. */
struct shadow_access {
    struct shadow_record as; /* mask: of this cell */
    int kind;
    const uint32_t *now;
};

static struct weft__seen_access shadow_told(const struct shadow_record *record)
{
    return (struct weft__seen_access){.strand = record->strand,
                                      .op = record->op,
                                      .size = record->size,
                                      .site = record->site,
                                      .caller = record->caller,
                                      .step = record->step};
}

static void shadow_find_writer(const struct shadow_cell *cell, uint8_t first,
                               struct weft__seen *ret)
{
    int kind = cell->atomic_newer & first ? SHADOW_ATOMIC_WRITE : SHADOW_PLAIN_WRITE;

    for (uint32_t i = cell->head[kind]; i != 0; i = shadow.records[i].next) {
        if (!(shadow.records[i].mask & first))
            continue;
        ret->has_writer = true;
        ret->writer = shadow_told(&shadow.records[i]);
        return;
    }
}

/* Is there a record in the list that is not ordered with the access? */
static void shadow_find_race(const struct shadow_cell *cell, int kind,
                             const struct shadow_access *access, struct weft__seen *ret)
{
    for (uint32_t i = cell->head[kind]; i != 0 && !ret->race; i = shadow.records[i].next) {
        const struct shadow_record *record = &shadow.records[i];
        if (!(record->mask & access->as.mask) || record->clock <= access->now[record->strand])
            continue;
        ret->race = true;
        ret->other = shadow_told(record);
    }
}

static void shadow_look_for_race(const struct shadow_cell *cell, const struct shadow_access *access,
                                 struct weft__seen *ret)
{
    shadow_find_race(cell, SHADOW_PLAIN_WRITE, access, ret);
    if (access->kind == SHADOW_ATOMIC_READ)
        return;
    if (access->kind != SHADOW_ATOMIC_WRITE)
        shadow_find_race(cell, SHADOW_ATOMIC_WRITE, access, ret);
    if (access->kind != SHADOW_PLAIN_READ)
        shadow_find_race(cell, SHADOW_PLAIN_READ, access, ret);
    if (access->kind == SHADOW_PLAIN_WRITE)
        shadow_find_race(cell, SHADOW_ATOMIC_READ, access, ret);
}

static void shadow_find_reader(const struct shadow_cell *cell, int kind,
                               const struct shadow_access *access, struct weft__seen *ret)
{
    for (uint32_t i = cell->head[kind]; i != 0 && !ret->has_reader; i = shadow.records[i].next) {
        const struct shadow_record *record = &shadow.records[i];
        if (!(record->mask & access->as.mask) || record->strand == access->as.strand)
            continue;
        ret->has_reader = true;
        ret->reader = shadow_told(record);
    }
}

static void shadow_prune(struct shadow_cell *cell, const struct shadow_access *access)
{
    shadow_list_prune(cell, access->kind, access->as.mask, access->now);
    uint32_t limit = weft__max(2 * (uint32_t)cell->n, (uint32_t)SHADOW_PRUNE_FIRST);
    cell->limit = (uint16_t)weft__min(limit, (uint32_t)UINT16_MAX);
}

/* Puts the access at the head of its list. */
static void shadow_remember(struct shadow_cell *cell, const struct shadow_access *access)
{
    uint32_t *head = &cell->head[access->kind];
    struct shadow_record *newest = &shadow.records[*head];

    if (*head != 0 && (newest->mask & ~access->as.mask) == 0 &&
        newest->clock <= access->now[newest->strand]) {
        uint32_t next = newest->next;
        *newest = access->as;
        newest->next = next;
        return;
    }
    if (WEFT_UNLIKELY(cell->n >= cell->limit))
        shadow_prune(cell, access);
    uint32_t number = shadow_record_new();
    shadow.records[number] = access->as;
    shadow.records[number].next = *head;
    *head = number;
    cell->n++;
}

/* Marks the bytes as the strand's, or as shared. */
static void shadow_own(struct shadow_cell *cell, uint16_t strand, uint8_t mask)
{
    uint8_t rest = mask & (uint8_t)~cell->shared;
    uint16_t self = (uint16_t)(strand + 1);

    for (unsigned i = 0; rest >> i != 0; i++) {
        if (!(rest >> i & 1) || cell->owner[i] == self)
            continue;
        if (cell->owner[i] == 0)
            cell->owner[i] = self;
        else
            cell->shared |= (uint8_t)(1u << i);
    }
}

/* Another strand came since, or another epoch, or it was not the same. */
static WEFT_NOINLINE void shadow_cell_slow(struct shadow_cell *cell,
                                           const struct shadow_access *access,
                                           struct weft__seen *ret)
{
    uint8_t mask = access->as.mask;
    bool writes = access->kind <= SHADOW_ATOMIC_WRITE;

    if (cell->last_strand != access->as.strand || cell->last_clock != access->as.clock) {
        cell->last_strand = access->as.strand;
        cell->last_clock = access->as.clock;
        memset(cell->last, 0, sizeof cell->last);
    }
    cell->last[access->kind] |= mask;
    shadow_own(cell, access->as.strand, mask);
    if (!ret->race)
        shadow_look_for_race(cell, access, ret);
    if (cell->shared & mask) {
        shadow_find_reader(cell, SHADOW_PLAIN_READ, access, ret);
        shadow_find_reader(cell, SHADOW_ATOMIC_READ, access, ret);
    }
    if (access->kind == SHADOW_PLAIN_WRITE) {
        for (int kind = 0; kind < SHADOW_KINDS; kind++)
            shadow_list_clear(cell, kind, mask);
        if (cell->rows != 0)
            shadow_atomic_overwrite(cell, mask, WEFT__ROW_NOBODY);
        cell->atomic_newer &= (uint8_t)~mask;
    } else if (access->kind == SHADOW_ATOMIC_WRITE) {
        cell->atomic_newer |= mask;
    }
    if (writes)
        cell->written |= mask;
    shadow_remember(cell, access);
}

/* The same strand in the same epoch, nobody between, and what it does now is no more than it did
 * then.  A write is noted all the same: who reads next wants to know where it was. */
static bool shadow_cell_fast(struct shadow_cell *cell, const struct shadow_access *access)
{
    const uint8_t *last = cell->last;
    uint8_t mask = access->as.mask;

    if (cell->last_strand != access->as.strand || cell->last_clock != access->as.clock)
        return false;
    if (access->kind == SHADOW_PLAIN_READ)
        return (mask & ~(last[SHADOW_PLAIN_READ] | last[SHADOW_PLAIN_WRITE])) == 0;
    if (access->kind == SHADOW_ATOMIC_READ) {
        return (mask & ~(last[SHADOW_ATOMIC_READ] | last[SHADOW_PLAIN_READ] |
                         last[SHADOW_ATOMIC_WRITE] | last[SHADOW_PLAIN_WRITE])) == 0;
    }
    uint8_t atomic = access->kind == SHADOW_ATOMIC_WRITE ? mask : 0;
    if ((mask & ~last[access->kind]) != 0 || (cell->atomic_newer & mask) != atomic)
        return false;
    for (uint32_t i = cell->head[access->kind]; i != 0; i = shadow.records[i].next) {
        struct shadow_record *record = &shadow.records[i];
        if (!(record->mask & mask))
            continue;
        if (record->mask != mask || record->strand != access->as.strand)
            return false;
        record->site = access->as.site;
        record->caller = access->as.caller;
        record->step = access->as.step;
        record->op = access->as.op;
        record->size = access->as.size;
        return true;
    }
    return false;
}

static int shadow_kind(enum weft__op op)
{
    switch (op) {
    case WEFT__OP_READ:
        return SHADOW_PLAIN_READ;
    case WEFT__OP_ATOMIC_LOAD:
        return SHADOW_ATOMIC_READ;
    case WEFT__OP_ATOMIC_STORE:
    case WEFT__OP_ATOMIC_RMW:
        return SHADOW_ATOMIC_WRITE;
    default:
        return SHADOW_PLAIN_WRITE;
    }
}

static void shadow_acquire_all(uint16_t strand, uintptr_t address, size_t size, bool acquires)
{
    while (size > 0) {
        uint8_t mask;
        size_t n = shadow_span(address, size, &mask);
        const struct shadow_chunk *chunk = shadow_chunk_at(address);
        shadow_atomic_load(&chunk->cell[address / 8 % SHADOW_CELLS], mask, strand, acquires);
        address += n;
        size -= n;
    }
}

static void shadow_release_all(uint16_t strand, enum weft__op op, uintptr_t address, size_t size,
                               bool releases)
{
    while (size > 0) {
        uint8_t mask;
        size_t n = shadow_span(address, size, &mask);
        struct shadow_chunk *chunk = shadow_chunk_at(address);
        shadow_atomic_store(&chunk->cell[address / 8 % SHADOW_CELLS], mask, strand, op, releases);
        address += n;
        size -= n;
    }
    if (releases)
        weft__vclock_tick(strand);
}

static void shadow_touch_all(struct shadow_access *access, uintptr_t address, size_t size,
                             struct weft__seen *ret)
{
    bool writes = access->kind <= SHADOW_ATOMIC_WRITE;
    bool first = true;

    while (size > 0) {
        size_t n = shadow_span(address, size, &access->as.mask);
        struct shadow_chunk *chunk = shadow_chunk_at(address);
        uint32_t i = (uint32_t)(address / 8 % SHADOW_CELLS);
        struct shadow_cell *cell = &chunk->cell[i];
        access->as.cell = shadow_cell_number(chunk, i);
        if (first && cell->written)
            shadow_find_writer(cell, (uint8_t)(1u << address % 8), ret);
        first = false;
        if (!shadow_cell_fast(cell, access))
            shadow_cell_slow(cell, access, ret);
        uint8_t shared = cell->shared & access->as.mask;
        ret->shared |= shared != 0;
        ret->written |= (shared & (writes ? 0xff : cell->written)) != 0;
        address += n;
        size -= n;
    }
}

void weft__shadow_access(uint16_t strand, enum weft__op op, int order, uintptr_t address,
                         size_t size, weft__site site, weft__site caller, uint32_t step,
                         struct weft__seen *ret)
{
    int kind = shadow_kind(op);
    bool is_atomic = kind == SHADOW_ATOMIC_WRITE || kind == SHADOW_ATOMIC_READ;

    if (WEFT_UNLIKELY(strand >= weft__vclocks.n_strands))
        weft__vclock_know(strand);
    ret->shared = ret->written = ret->race = ret->has_writer = ret->has_reader = false;
    if (is_atomic && op != WEFT__OP_ATOMIC_STORE)
        shadow_acquire_all(strand, address, size, weft__order_acquires(order));
    const uint32_t *now = weft__vclock_of(WEFT__VCLOCK_NOW, strand);
    struct shadow_access access = {
        .as = {.clock = now[strand],
               .step = step,
               .site = site,
               .caller = caller,
               .strand = strand,
               .op = (uint8_t)op,
               .size = (uint8_t)weft__min(size, (size_t)255)},
        .kind = kind,
        .now = now};
    shadow_touch_all(&access, address, size, ret);
    if (is_atomic && op != WEFT__OP_ATOMIC_LOAD)
        shadow_release_all(strand, op, address, size, weft__order_releases(order));
}

bool weft__shadow_is_shared(uintptr_t address, size_t size)
{
    while (size > 0) {
        uint8_t mask;
        size_t n = shadow_span(address, size, &mask);
        const struct shadow_chunk *chunk = shadow_chunk_find(address);
        if (chunk != NULL && (chunk->cell[address / 8 % SHADOW_CELLS].shared & mask))
            return true;
        address += n;
        size -= n;
    }
    return false;
}

/* ---- new bytes ---- */

/* Only some of the cell's bytes are new. */
static void shadow_cell_cut(struct shadow_cell *cell, uint8_t mask)
{
    for (int kind = 0; kind < SHADOW_KINDS; kind++) {
        shadow_list_clear(cell, kind, mask);
        cell->last[kind] &= (uint8_t)~mask;
    }
    shadow_atomic_overwrite(cell, mask, WEFT__ROW_NOBODY);
    cell->shared &= (uint8_t)~mask;
    cell->written &= (uint8_t)~mask;
    cell->atomic_newer &= (uint8_t)~mask;
    for (unsigned i = 0; i < 8; i++) {
        if (mask >> i & 1)
            cell->owner[i] = 0;
    }
}

static void shadow_chunk_cut(struct shadow_chunk *chunk, uintptr_t address, uintptr_t end)
{
    uintptr_t low = (uintptr_t)(chunk->line - 1) << SHADOW_LINE_SHIFT;
    uintptr_t from = weft__max(address, low);
    /* The last byte, not the end: the line may be the last one there is. */
    uintptr_t last = weft__min(end - 1, low + SHADOW_CELLS * 8 - 1);

    for (size_t size = last - from + 1; from <= last && size > 0;) {
        uint8_t mask;
        size_t n = shadow_span(from, size, &mask);
        struct shadow_cell *cell = &chunk->cell[from / 8 % SHADOW_CELLS];
        if (mask == 0xff)
            shadow_cell_clear(cell, false);
        else
            shadow_cell_cut(cell, mask);
        from += n;
        size -= n;
    }
}

void weft__shadow_reset(uintptr_t address, size_t size)
{
    uint64_t lines = (size >> SHADOW_LINE_SHIFT) + 2;

    if (size == 0)
        return;
    if (lines > shadow.n_chunks) { /* more than there are: look at those that are */
        for (uint32_t i = 0; i < shadow.n_chunks; i++) {
            uintptr_t low = (uintptr_t)(shadow.chunks[i].line - 1) << SHADOW_LINE_SHIFT;
            if (low + SHADOW_CELLS * 8 > address && low < address + size)
                shadow_chunk_cut(&shadow.chunks[i], address, address + size);
        }
        return;
    }
    uintptr_t end = address + size;
    for (uintptr_t at = address; at < end;
         at = ((at >> SHADOW_LINE_SHIFT) + 1) << SHADOW_LINE_SHIFT) {
        struct shadow_chunk *chunk = shadow_chunk_find(at);
        if (chunk != NULL)
            shadow_chunk_cut(chunk, address, end);
    }
}

/* ---- life ---- */

/* Takes the next part of the mapping; NULL as base: only counts. */
static void *shadow_part(size_t *offset, size_t size)
{
    char *part = shadow.memory == NULL ? NULL : shadow.memory + *offset;

    *offset += (size + 4095) / 4096 * 4096;
    return part;
}

static size_t shadow_lay_out(void)
{
    size_t at = 0;

    shadow.index = shadow_part(&at, 2 * (size_t)SHADOW_INDEX_MAX * sizeof *shadow.index);
    shadow.chunks = shadow_part(&at, (size_t)SHADOW_CHUNKS_MAX * sizeof *shadow.chunks);
    shadow.records = shadow_part(&at, (size_t)SHADOW_RECORDS_MAX * sizeof *shadow.records);
    return at;
}

static void shadow_wipe(void *p, size_t size)
{
    if (size <= SHADOW_CLEAR_MAX || weft__sys_discard(p, size) != 0)
        memset(p, 0, size);
}

int weft__shadow_map(void)
{
    void *memory;
    int rc = weft__vclock_map();

    if (rc < 0 || shadow.memory != NULL)
        return rc;
    size_t size = shadow_lay_out();
    rc = weft__sys_map(size, &memory);
    if (rc < 0)
        return rc;
    weft__sys_no_huge_pages(memory, size);
    shadow.memory = memory;
    (void)shadow_lay_out();
    return 0;
}

int weft__shadow_init(void)
{
    int rc = weft__shadow_map();

    if (rc == 0)
        rc = weft__vclock_init();
    if (rc < 0)
        return rc;
    if (shadow.n_chunks != 0) {
        /* The tables that were in use lie one behind the other, the last at its own size. */
        for (uint32_t size = SHADOW_INDEX_FIRST; size <= shadow.index_size; size *= 2)
            shadow_wipe(shadow_table(size), size * sizeof *shadow.index);
    }
    shadow.index_size = SHADOW_INDEX_FIRST;
    shadow.n_chunks = shadow.chunk_cursor = 0;
    shadow.hot = NULL;
    shadow.n_records = 1; /* 0 is no record */
    shadow.record_free = shadow.record_cursor = 0;
    return 0;
}

void weft__shadow_fini(void)
{
    weft__vclock_fini();
    if (shadow.memory == NULL)
        return;
    void *memory = shadow.memory;
    shadow.memory = NULL;
    weft__sys_unmap(memory, shadow_lay_out());
}
