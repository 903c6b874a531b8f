/* blocks.c - the heap blocks of the program, those freed among them.
 *
 * Called by engine.c at each allocation and free, and by reports that ask what an address is.
 *
 * Which block holds an address?  Blocks fall into classes by size, class k for sizes above half of
 * 2^k and up to 2^k, and each is hashed by its class and its address divided by 2^k.  A block of
 * class k that holds the address begins in the address's own slice or in the one below: a question
 * costs two looks for each class that exists, an addition or a removal O(1), and nothing is sorted.
 * Rejected: a balanced tree (a page fault per level in a forked child, and slower); a sorted array
 * (100,000 blocks move at each addition).
 *
 * The memory is one mapping, taken from its beginning.  When it is full the oldest freed block is
 * forgotten, of those near the cursor, else the oldest.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/blocks.h"

#include "base/sys.h"

#define BLOCKS_MAX         (UINT32_C(1) << 20)
#define BLOCKS_FIRST       UINT32_C(64)  /* buckets */
#define BLOCKS_CLASS_FIRST 6             /* 64 bytes and less */
#define BLOCKS_CLASSES     64
#define BLOCKS_SITES_FIRST UINT32_C(64)  /* slots */
#define BLOCKS_SITES_MAX   UINT32_C(16384)
#define BLOCKS_LOOKS       64            /* for a freed one to forget */

struct blocks_entry {
    struct weft__block block; /* the first: its address is the entry's */
    uint32_t next;            /* in its bucket, or free; 0: none */
    uint8_t class;            /* 0: free */
};

struct blocks_site {
    weft__site site; /* plus one; 0: free */
    uint32_t n;
};

/* Of both tables: one of size n lies at n, but for the first. */
struct blocks_memory {
    struct blocks_site sites[2 * BLOCKS_SITES_MAX];
    uint32_t buckets[4 * BLOCKS_MAX];
    struct blocks_entry entries[BLOCKS_MAX];
};

static struct {
    struct blocks_memory *memory;
    uint32_t n_entries, n_buckets, n_slots, n_sites, entry_free, cursor;
    uint32_t of_class[BLOCKS_CLASSES]; /* blocks */
    uint64_t classes;                  /* bits of those that are not empty */
    struct blocks_site first_sites[BLOCKS_SITES_FIRST];
    uint32_t first_buckets[BLOCKS_FIRST];
} blocks;

static struct blocks_site *blocks_sites(uint32_t n)
{
    return n == BLOCKS_SITES_FIRST ? blocks.first_sites : blocks.memory->sites + n;
}

static uint32_t *blocks_buckets(uint32_t n)
{
    return n == BLOCKS_FIRST ? blocks.first_buckets : blocks.memory->buckets + n;
}

static struct blocks_entry *blocks_entry_of(uint32_t number)
{
    return &blocks.memory->entries[number];
}

/* The power of two that holds the size. */
static unsigned blocks_class(size_t size)
{
    if (size <= (size_t)1 << BLOCKS_CLASS_FIRST)
        return BLOCKS_CLASS_FIRST;
    return weft__min(64u - (unsigned)__builtin_clzll(size - 1), BLOCKS_CLASSES - 1u);
}

static uint32_t *blocks_bucket(unsigned class, uintptr_t slice)
{
    uint64_t hash = ((uint64_t)slice << 6 ^ class) * UINT64_C(0x9e3779b97f4a7c15);

    return &blocks_buckets(blocks.n_buckets)[(hash >> 32) & (blocks.n_buckets - 1)];
}

static uint32_t *blocks_bucket_of(const struct blocks_entry *entry)
{
    return blocks_bucket(entry->class, entry->block.address >> entry->class);
}

static void blocks_buckets_double(void)
{
    blocks.n_buckets *= 2;
    for (uint32_t i = 1; i < blocks.n_entries; i++) {
        struct blocks_entry *entry = blocks_entry_of(i);
        if (entry->class == 0)
            continue;
        uint32_t *bucket = blocks_bucket_of(entry);
        entry->next = *bucket;
        *bucket = i;
    }
}

static struct blocks_site *blocks_site_slot(weft__site site)
{
    struct blocks_site *table = blocks_sites(blocks.n_slots);
    uint32_t slot = site * UINT32_C(0x9e3779b1) >> 16;

    for (;; slot++) {
        struct blocks_site *counted = &table[slot & (blocks.n_slots - 1)];
        if (counted->site == 0 || counted->site == site + 1)
            return counted;
    }
}

static void blocks_sites_double(void)
{
    const struct blocks_site *old = blocks_sites(blocks.n_slots);
    uint32_t n = blocks.n_slots;

    blocks.n_slots *= 2;
    for (uint32_t i = 0; i < n; i++) {
        if (old[i].site != 0)
            *blocks_site_slot(old[i].site - 1) = old[i];
    }
}

/* How many blocks that site has made, this one included. */
static uint32_t blocks_count_site(weft__site site)
{
    struct blocks_site *counted = blocks_site_slot(site);

    if (counted->site == 0) {
        if (blocks.n_sites == BLOCKS_SITES_MAX / 2)
            return 1; /* too many sites: no longer counted */
        if (blocks.n_sites == blocks.n_slots / 2) {
            blocks_sites_double();
            counted = blocks_site_slot(site);
        }
        blocks.n_sites++;
        *counted = (struct blocks_site){.site = site + 1};
    }
    return ++counted->n;
}

static uint32_t blocks_number_new(void)
{
    if (blocks.entry_free == 0 && blocks.n_entries < BLOCKS_MAX) {
        blocks_entry_of(blocks.n_entries)->class = 0; /* in an earlier schedule it was in use */
        return blocks.n_entries++;
    }
    for (uint32_t looks = 0; blocks.entry_free == 0; looks++) {
        blocks.cursor = blocks.cursor + 1 < BLOCKS_MAX ? blocks.cursor + 1 : 1;
        struct weft__block *oldest = &blocks_entry_of(blocks.cursor)->block;
        if (oldest->freed_site != 0 || looks == BLOCKS_LOOKS)
            weft__block_forget(oldest);
    }
    uint32_t number = blocks.entry_free;
    blocks.entry_free = blocks_entry_of(number)->next;
    return number;
}

int weft__blocks_map(void)
{
    void *memory;

    if (blocks.memory != NULL)
        return 0;
    int rc = weft__sys_map(sizeof *blocks.memory, &memory);
    if (rc < 0)
        return rc;
    weft__sys_no_huge_pages(memory, sizeof *blocks.memory);
    blocks.memory = memory;
    return 0;
}

int weft__blocks_init(void)
{
    int rc = weft__blocks_map();

    if (rc < 0)
        return rc;
    if (blocks.n_entries > 1) { /* has been used before */
        for (uint32_t n = BLOCKS_FIRST; n <= blocks.n_buckets; n *= 2)
            memset(blocks_buckets(n), 0, n * sizeof(uint32_t));
        for (uint32_t n = BLOCKS_SITES_FIRST; n <= blocks.n_slots; n *= 2)
            memset(blocks_sites(n), 0, n * sizeof(struct blocks_site));
    }
    blocks.n_entries = 1; /* 0 is none */
    blocks.n_buckets = BLOCKS_FIRST;
    blocks.n_slots = BLOCKS_SITES_FIRST;
    blocks.n_sites = blocks.entry_free = blocks.cursor = 0;
    blocks.classes = 0;
    memset(blocks.of_class, 0, sizeof blocks.of_class);
    return 0;
}

void weft__blocks_fini(void)
{
    if (blocks.memory != NULL)
        weft__sys_unmap(blocks.memory, sizeof *blocks.memory);
    memset(&blocks, 0, sizeof blocks);
}

struct weft__block *weft__block_add(uintptr_t address, size_t size, weft__site site,
                                    uint16_t strand, uint32_t step)
{
    struct weft__block *stale;

    /* Memory that libc handed out again without our being told. */
    while ((stale = weft__block_at(address)) != NULL)
        weft__block_forget(stale);
    uint32_t number = blocks_number_new();
    if (blocks.n_entries > blocks.n_buckets && blocks.n_buckets < 2 * BLOCKS_MAX)
        blocks_buckets_double();
    struct blocks_entry *entry = blocks_entry_of(number);
    *entry = (struct blocks_entry){.block = {.address = address,
                                             .size = size,
                                             .site = site,
                                             .strand = strand,
                                             .step = step,
                                             .nth = blocks_count_site(site)},
                                   .class = (uint8_t)blocks_class(size)};
    uint32_t *bucket = blocks_bucket_of(entry);
    entry->next = *bucket;
    *bucket = number;
    blocks.of_class[entry->class]++;
    blocks.classes |= UINT64_C(1) << entry->class;
    return &entry->block;
}

struct weft__block *weft__block_at(uintptr_t address)
{
    if (blocks.memory == NULL)
        return NULL;
    for (uint64_t rest = blocks.classes; rest != 0; rest &= rest - 1) {
        unsigned class = (unsigned)__builtin_ctzll(rest);
        uint32_t i = *blocks_bucket(class, address >> class);
        for (; i != 0; i = blocks_entry_of(i)->next) {
            if (blocks_entry_of(i)->block.address == address)
                return &blocks_entry_of(i)->block;
        }
    }
    return NULL;
}

/* The block of the class that holds the address and begins in that slice; one that lives is
 * preferred. */
static struct weft__block *blocks_in_slice(unsigned class, uintptr_t slice, uintptr_t address)
{
    struct weft__block *found = NULL;
    uint32_t i = *blocks_bucket(class, slice);

    for (; i != 0; i = blocks_entry_of(i)->next) {
        struct weft__block *block = &blocks_entry_of(i)->block;
        if (address - block->address < weft__max(block->size, (size_t)1) &&
            (found == NULL || found->freed_site != 0))
            found = block;
    }
    return found;
}

struct weft__block *weft__block_around(uintptr_t address)
{
    struct weft__block *found = NULL;

    if (blocks.memory == NULL)
        return NULL;
    for (uint64_t rest = blocks.classes; rest != 0; rest &= rest - 1) {
        unsigned class = (unsigned)__builtin_ctzll(rest);
        for (uintptr_t below = 0; below < 2; below++) {
            struct weft__block *block =
                blocks_in_slice(class, (address >> class) - below, address);
            if (block != NULL && block->freed_site == 0)
                return block;
            found = block != NULL ? block : found;
        }
    }
    return found;
}

void weft__block_forget(struct weft__block *block)
{
    struct blocks_entry *entry = container_of(block, struct blocks_entry, block);
    uint32_t number = (uint32_t)(entry - blocks.memory->entries);

    WEFT_CHECK(entry->class != 0);
    uint32_t *link = blocks_bucket_of(entry);
    while (*link != number)
        link = &blocks_entry_of(*link)->next;
    *link = entry->next;
    if (--blocks.of_class[entry->class] == 0)
        blocks.classes &= ~(UINT64_C(1) << entry->class);
    entry->class = 0;
    entry->next = blocks.entry_free;
    blocks.entry_free = number;
}
