/* heap.c - malloc and its kin for programs under control.
 *
 * A heap of our own, in one reserved region whose place is the same in each child, so that blocks
 * have the same addresses in each run of a schedule.  What is freed is kept in quarantine, filled
 * with a pattern, and not used again before QUARANTINE_MAX bytes have been freed after it: a stale
 * pointer stays stale, and is noticed.
 *
 *   | head | the block ... | guard: at least 16 bytes, up to the end of the slot |
 *
 * Small slots come from lists, one for each class of sizes; large ones are pages of their own,
 * which nobody may touch once they are freed, with the hooks or without.
 *
 * Where no engine runs (another program, the server before its first child), and for our own calls,
 * libc's allocator does the work.  Which of the two a block came from is told by its address, so it
 * may be freed at any time.
 *
 * Rejected: wrapping libc's allocator.  What it does depends on threads and arenas, its blocks have
 * no room for a guard, and it cannot be told to wait before it reuses memory.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/preload/heap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "check/blocks.h"
#include "check/preload/hooks.h"
#include "check/shadow.h"
#include "check/preload/tasks.h"

/* Weft allocates for the program: where that called is what a report should say. */
#define HEAP_PC() weft__tasks_site(WEFT__PC(), __builtin_frame_address(0))

#define HEAP_PLACE     0x200000000000ul /* no one else's, on x86-64 and aarch64 alike */
#define HEAP_SPAN      (64ul << 30)     /* reserved; less when it cannot be had */
#define HEAP_SPAN_MIN  (1ul << 30)
#define HEAP_GUARD     16
#define HEAP_LARGE     (256ul << 10)    /* the smallest slot that has pages of its own */
#define HEAP_CLASSES   96
#define HEAP_FILL_MAX  4096             /* bytes of a freed block that are filled, and looked at */
#define HEAP_PAGE      4096ul
#define HEAP_TOLD_MAX  16384            /* bytes of a block whose free is told as an access */
#define QUARANTINE_MAX (64ul << 20)

#define HEAP_LIVE      UINT64_C(0x57656674206c6976)
#define HEAP_FREED     UINT64_C(0x5765667420667265)
#define HEAP_FILL      0xfd
#define HEAP_GUARD_FILL 0xa5

struct heap_head {
    uint64_t state;          /* HEAP_LIVE or HEAP_FREED, and the block's address mixed in */
    size_t size;             /* as asked for */
    size_t slot_size;
    struct heap_head *next;  /* in the quarantine, or in its class's list */
    uintptr_t slot;          /* where the slot begins; before the head if alignment was asked for */
    uint64_t guard;          /* HEAP_LIVE: nobody wrote before the block */
};

_Static_assert(sizeof(struct heap_head) % 16 == 0, "blocks are aligned");

uintptr_t weft__heap_low, weft__heap_span;
uint8_t *weft__heap_marks;

static uintptr_t heap_low, heap_top, heap_end; /* the region; used up to top */
static struct heap_head *heap_lists[HEAP_CLASSES];
static struct heap_head *heap_oldest, *heap_newest; /* the quarantine */
static size_t heap_quarantined;
static char heap_lock;

static const char heap_text_before[] = "the bytes before a heap block were overwritten";

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *block);

/* Strands run one at a time, but threads out of control do not. */
static void heap_take(void)
{
    while (__atomic_test_and_set(&heap_lock, __ATOMIC_ACQUIRE))
        continue;
}

static void heap_drop(void)
{
    __atomic_clear(&heap_lock, __ATOMIC_RELEASE);
}

static bool heap_has(const void *block)
{
    return (uintptr_t)block - heap_low < heap_top - heap_low;
}

static struct heap_head *heap_head_of(const void *block)
{
    return (struct heap_head *)((uintptr_t)block - sizeof(struct heap_head));
}


static uint64_t heap_state(const struct heap_head *head, uint64_t state)
{
    return state ^ ((uint64_t)(uintptr_t)head << 8);
}

void weft__heap_reserve(bool with_marks)
{
    size_t span = HEAP_SPAN;
    void *place = MAP_FAILED;

    if (heap_low != 0)
        return;
    while (place == MAP_FAILED && span >= HEAP_SPAN_MIN) {
        place = mmap((void *)HEAP_PLACE, span, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (place == MAP_FAILED)
            span /= 2;
    }
    if (place == MAP_FAILED)
        return; /* libc's allocator serves, without a quarantine */
    heap_low = heap_top = (uintptr_t)place;
    heap_end = heap_low + span;
    if (!with_marks)
        return;
    place = mmap(NULL, span >> HEAP_GRANULE_SHIFT, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (place == MAP_FAILED)
        return;
    weft__heap_marks = place;
    weft__heap_low = heap_low;
    weft__heap_span = span;
}

/* ---- marks ---- */

static void heap_mark(uintptr_t address, size_t size, bool living)
{
    uint8_t *mark;

    if (weft__heap_span == 0)
        return;
    mark = weft__heap_marks + ((address - weft__heap_low) >> HEAP_GRANULE_SHIFT);
    memset(mark, living ? 16 : 0, size / 16);
    if (size % 16 != 0)
        mark[size / 16] = living ? (uint8_t)(size % 16) : 0;
}

bool weft__heap_allows_range(uintptr_t address, size_t size)
{
    while (size > 0) {
        size_t piece = weft__min(size, 16 - (address & 15));
        uintptr_t offset = address - weft__heap_low;
        if (offset < weft__heap_span &&
            (address & 15) + piece > weft__heap_marks[offset >> HEAP_GRANULE_SHIFT]) {
            return false;
        }
        address += piece;
        size -= piece;
    }
    return true;
}

/* ---- what went wrong ---- */

#define HEAP_NEAR 64 /* how far beside a block an address still has to do with it */

/* The block that holds the address, or the one before or behind it.  NULL: none is near. */
static const struct weft__block *heap_near(uintptr_t address)
{
    const struct weft__block *block = weft__block_around(address);

    for (uintptr_t by = 1; by <= HEAP_NEAR && block == NULL; by++)
        block = weft__block_around(address - by);
    for (uintptr_t by = 1; by <= HEAP_NEAR && block == NULL; by++)
        block = weft__block_around(address + by);
    return block;
}

bool weft__heap_describe(uintptr_t address, char *ret, size_t size)
{
    const struct weft__block *block;
    const char *freed;

    if (!heap_has((void *)address))
        return false;
    block = heap_near(address);
    if (block == NULL) {
        snprintf(ret, size, "between blocks of the heap");
        return true;
    }
    freed = block->freed_site != 0 ? "freed " : "";
    if (address < block->address)
        snprintf(ret, size, "%zu bytes before a %sblock of %zu bytes", block->address - address,
                 freed, block->size);
    else if (address < block->address + block->size)
        snprintf(ret, size, "%zu bytes into a %sblock of %zu bytes", address - block->address,
                 freed, block->size);
    else
        snprintf(ret, size, "%zu bytes behind a %sblock of %zu bytes",
                 address - block->address - block->size, freed, block->size);
    return true;
}

void weft__heap_refused(enum weft__op op, uintptr_t address, size_t size, uintptr_t pc)
{
    const struct weft__block *block;
    struct weft__finding *finding;
    char where[128];
    bool freed;

    weft__busy++;
    block = heap_near(address);
    freed = block != NULL && block->freed_site != 0;
    if (!weft__heap_describe(address, where, sizeof where))
        where[0] = '\0';
    finding = weft__found(freed ? WEFT__CLASS_USE_AFTER_FREE : WEFT__CLASS_MISUSE, address,
                          "%s%s of %zu byte%s, %s", freed ? "" : "heap overflow: ",
                          weft__op_words(op), size, size == 1 ? "" : "s", where);
    finding->parties[0].site = weft__site_of(pc);
    if (block != NULL)
        weft__found_block(finding, block);
    weft__engine_over();
}

/* pc: of the free that showed it, 0: none. */
static void heap_misused(enum weft__class class, const void *block, const char *what, uintptr_t pc)
{
    const struct weft__block *known = weft__block_around((uintptr_t)block);
    struct weft__finding *finding;

    weft__busy++;
    finding = weft__found(class, (uintptr_t)block, "%s", what);
    finding->parties[0].op = pc != 0 ? WEFT__OP_FREE : WEFT__OP_NONE;
    finding->parties[0].size = 0;
    finding->parties[0].object = (uintptr_t)block;
    finding->parties[0].site = pc != 0 ? weft__site_of(pc) : 0;
    if (known != NULL)
        weft__found_block(finding, known);
    weft__engine_over();
}

/* How many bytes behind the block are not as we left them; guards are looked at when a block is
 * freed, since without the hooks there is no earlier time. */
static size_t heap_guard_broken(const struct heap_head *head, const void *block)
{
    const uint8_t *guard = (const uint8_t *)block + head->size;
    size_t length = head->slot + head->slot_size - (uintptr_t)guard;
    size_t broken = 0;

    length = weft__min(length, (size_t)HEAP_GUARD);
    for (size_t i = 0; i < length; i++) {
        if (guard[i] != HEAP_GUARD_FILL)
            broken = i + 1;
    }
    return broken;
}

static void heap_check_fill(const struct heap_head *head)
{
    const uint8_t *block = (const uint8_t *)(head + 1);
    size_t length = weft__min(head->size, (size_t)HEAP_FILL_MAX);

    if (head->slot_size >= HEAP_LARGE)
        return; /* nobody could have touched it */
    for (size_t i = 0; i < length; i++) {
        if (block[i] != HEAP_FILL)
            heap_misused(WEFT__CLASS_USE_AFTER_FREE, block + i,
                         "a block was written to after it had been freed (seen later)", 0);
    }
}

void weft__heap_end(void)
{
    for (const struct heap_head *head = heap_oldest; head != NULL; head = head->next)
        heap_check_fill(head);
}

/* ---- slots ---- */

/* Classes: steps of 16 up to 512, then four to each doubling. */
static unsigned heap_class_of(size_t size, size_t *ret_slot_size)
{
    unsigned shift;
    size_t step;

    if (size <= 512) {
        *ret_slot_size = (size + 15) & ~(size_t)15;
        return (unsigned)(*ret_slot_size / 16);
    }
    shift = 63 - (unsigned)__builtin_clzl(size - 1); /* 2^shift < size <= 2^(shift+1) */
    step = (size_t)1 << (shift - 2);
    *ret_slot_size = (size + step - 1) & ~(step - 1);
    return 32 + (shift - 9) * 4 + (unsigned)(*ret_slot_size >> (shift - 2)) - 4;
}

/* A slot is taken back from the quarantine's old end, when it is too full. */
static void heap_release_oldest(void)
{
    struct heap_head *head = heap_oldest;
    struct weft__block *known;
    size_t slot_size;
    unsigned class;

    heap_oldest = head->next;
    if (heap_oldest == NULL)
        heap_newest = NULL;
    heap_quarantined -= head->slot_size;
    if (head->slot_size >= HEAP_LARGE)
        return; /* its addresses are not used again */
    if (weft__engine != NULL) {
        heap_check_fill(head);
        known = weft__block_at((uintptr_t)(head + 1));
        if (known != NULL)
            weft__block_forget(known);
    }
    class = heap_class_of(head->slot_size, &slot_size);
    head = (struct heap_head *)head->slot;
    head->next = heap_lists[class];
    head->slot_size = slot_size;
    heap_lists[class] = head;
}

static uintptr_t heap_new_slot(size_t *size, bool *ret_fresh)
{
    struct heap_head *head;
    uintptr_t slot;
    unsigned class = 0;

    *ret_fresh = true;
    if (*size >= HEAP_LARGE) {
        *size = (*size + HEAP_PAGE - 1) & ~(HEAP_PAGE - 1);
        slot = (heap_top + HEAP_PAGE - 1) & ~(HEAP_PAGE - 1);
    } else {
        class = heap_class_of(*size, size);
        WEFT_CHECK(class < HEAP_CLASSES);
        head = heap_lists[class];
        if (head != NULL) {
            heap_lists[class] = head->next;
            *ret_fresh = false;
            return (uintptr_t)head;
        }
        slot = heap_top;
    }
    if (heap_low == 0 || *size > heap_end - slot)
        return 0;
    heap_top = slot + *size;
    return slot;
}

static void heap_guard_fill(struct heap_head *head)
{
    uintptr_t guard = (uintptr_t)(head + 1) + head->size;
    size_t length = head->slot + head->slot_size - guard;

    memset((void *)guard, HEAP_GUARD_FILL, weft__min(length, (size_t)HEAP_GUARD));
}

static void *heap_make(size_t alignment, size_t size, bool zero, uintptr_t pc)
{
    size_t slot_size = size + sizeof(struct heap_head) + HEAP_GUARD +
                       (alignment > 16 ? alignment : 0);
    struct heap_head *head;
    uintptr_t slot, block;
    bool fresh;

    if (slot_size < size || slot_size > HEAP_SPAN) {
        errno = ENOMEM;
        return NULL;
    }
    heap_take();
    slot = heap_new_slot(&slot_size, &fresh);
    heap_drop();
    if (slot == 0) { /* the region is used up, which a small one may be */
        void *other = __libc_memalign(alignment, size);
        return other != NULL && zero ? memset(other, 0, size) : other;
    }
    block = (slot + sizeof(struct heap_head) + alignment - 1) & ~(alignment - 1);
    head = heap_head_of((void *)block);
    *head = (struct heap_head){.state = heap_state(head, HEAP_LIVE),
                               .size = size,
                               .slot_size = slot_size,
                               .slot = slot,
                               .guard = HEAP_LIVE};
    if (zero && !fresh)
        memset((void *)block, 0, size);
    heap_guard_fill(head);
    if (weft__engine != NULL) {
        heap_mark(block, size, true);
        weft__busy++;
        weft__stack_shallow(true);
        weft__block_made(block, size, pc);
        weft__stack_shallow(false);
        weft__busy--;
    }
    return (void *)block;
}

/* ---- freeing ---- */

static void heap_quarantine(struct heap_head *head)
{
    void *block = head + 1;
    size_t large = head->slot_size >= HEAP_LARGE ? head->slot_size : 0;

    heap_mark((uintptr_t)block, head->size, false);
    if (large == 0)
        memset(block, HEAP_FILL, weft__min(head->size, (size_t)HEAP_FILL_MAX));
    heap_take();
    head->state = heap_state(head, HEAP_FREED);
    head->next = NULL;
    if (large == 0) {
        if (heap_newest != NULL)
            heap_newest->next = head;
        else
            heap_oldest = head;
        heap_newest = head;
        heap_quarantined += head->slot_size;
        while (heap_quarantined > QUARANTINE_MAX)
            heap_release_oldest();
    }
    heap_drop();
    if (large != 0) { /* all but the page with the head, which tells a second free */
        uintptr_t page = ((uintptr_t)block + HEAP_PAGE - 1) & ~(HEAP_PAGE - 1);
        size_t length = head->slot + large - page;
        (void)madvise((void *)page, length, MADV_DONTNEED);
        (void)mprotect((void *)page, length, PROT_NONE);
    }
}

/* The block goes away, by the program's or libc's wish; told: the engine was asked already. */
static void heap_unmake(void *block, uintptr_t pc)
{
    struct heap_head *head = heap_head_of(block);
    size_t broken;

    if (weft__engine == NULL) { /* a child that the program made itself, or the very end */
        if (head->state == heap_state(head, HEAP_LIVE))
            heap_quarantine(head);
        return;
    }
    weft__busy++;
    weft__settle(); /* what was written last is looked at before it is gone */
    if (((uintptr_t)block & 15) != 0 || (head->state != heap_state(head, HEAP_LIVE) &&
                                         head->state != heap_state(head, HEAP_FREED))) {
        heap_misused(WEFT__CLASS_MISUSE, block,
                     weft__block_at((uintptr_t)block) != NULL
                         ? heap_text_before
                         : "free of an address that is not the begin of a heap block", pc);
    }
    if (head->guard != HEAP_LIVE)
        heap_misused(WEFT__CLASS_MISUSE, block, heap_text_before, pc);
    if (head->state == heap_state(head, HEAP_FREED))
        heap_misused(WEFT__CLASS_DOUBLE_FREE, block, "a block is freed a second time", pc);
    (void)weft__block_freed((uintptr_t)block, pc);
    broken = heap_guard_broken(head, block);
    if (broken > 0) {
        char text[96];
        snprintf(text, sizeof text, "heap overflow: %zu byte%s behind a block of %zu bytes written",
                 broken, broken == 1 ? "" : "s", head->size);
        heap_misused(WEFT__CLASS_MISUSE, block, text, pc);
    }
    heap_quarantine(head);
    weft__busy--;
}

/* Ours to serve?  Not for our own calls; libc's for the program are: it frees what they return. */
static bool heap_serves(void)
{
    return weft__engine != NULL && weft__busy == 0 && heap_low != 0;
}

/* A global, or on the running strand's stack: libc's free would only say that it is unhappy. */
static bool heap_is_elsewhere(const void *block)
{
    const struct weft__strand *self = weft__strand_self();

    return weft__site_of((uintptr_t)block) != 0 ||
           (uintptr_t)block - self->stack_low < self->stack_high - self->stack_low;
}

/* The program's own call.  With the hooks a free is an access like others: it may race, and it is a
 * point where memory of that kind is shared. */
static void heap_free_point(void *block, uintptr_t pc)
{
    struct heap_head *head = heap_head_of(block);
    uintptr_t address = (uintptr_t)block;
    struct weft__operation op = {.op = WEFT__OP_FREE,
                                 .object = address,
                                 .pc = pc,
                                 .caller = weft__caller(),
                                 .deadline = WEFT__NO_DEADLINE};

    if (weft__strand_count() == 1)
        return;
    if (!weft__has_hooks() || !heap_has(block) || head->state != heap_state(head, HEAP_LIVE)) {
        weft__point(&op);
        return;
    }
    for (size_t at = 0; at < head->size && at < HEAP_TOLD_MAX; at += HOOKS_PIECE) {
        size_t piece = weft__min(head->size - at, (size_t)HOOKS_PIECE);
        if (at == 0 || weft__shadow_is_shared(address + at, piece))
            weft__access(WEFT__OP_FREE, address + at, piece, 0, pc);
    }
}

static void heap_free(void *block, uintptr_t pc)
{
    if (block == NULL)
        return;
    if (heap_serves() && !weft__is_libc(pc))
        heap_free_point(block, pc);
    if (heap_has(block))
        heap_unmake(block, pc);
    else if (heap_serves() && heap_is_elsewhere(block))
        heap_misused(WEFT__CLASS_MISUSE, block, "free of an address that is not of the heap", pc);
    else
        __libc_free(block);
}

/* ---- what the program calls ---- */

static void *heap_realloc(void *block, size_t size, uintptr_t pc)
{
    struct heap_head *head;
    void *grown;

    if (block == NULL)
        return heap_serves() ? heap_make(16, size, false, pc) : __libc_realloc(NULL, size);
    if (!heap_has(block))
        return __libc_realloc(block, size);
    if (size == 0) {
        heap_free(block, pc);
        return NULL;
    }
    head = heap_head_of(block);
    if (head->state != heap_state(head, HEAP_LIVE)) {
        heap_free(block, pc); /* tells what is wrong */
        return NULL;
    }
    grown = heap_make(16, size, false, pc);
    if (grown == NULL)
        return NULL;
    if (HOOKS_ON())
        weft__hook_libc(WEFT__OP_READ, block, weft__min(size, head->size), pc);
    memcpy(grown, block, weft__min(size, head->size));
    heap_free(block, pc);
    return grown;
}

static void *heap_aligned(size_t alignment, size_t size, uintptr_t pc)
{
    if (!heap_serves())
        return __libc_memalign(alignment, size);
    return heap_make(weft__max(alignment, (size_t)16), size, false, pc);
}

WEFT__EXPORT void *malloc(size_t size);
void *malloc(size_t size)
{
    return heap_serves() ? heap_make(16, size, false, HEAP_PC()) : __libc_malloc(size);
}

WEFT__EXPORT void free(void *block);
void free(void *block)
{
    heap_free(block, HEAP_PC());
}

WEFT__EXPORT void *calloc(size_t n, size_t size);
void *calloc(size_t n, size_t size)
{
    size_t total;

    if (!heap_serves())
        return __libc_calloc(n, size);
    if (__builtin_mul_overflow(n, size, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    return heap_make(16, total, true, HEAP_PC());
}

WEFT__EXPORT void *realloc(void *block, size_t size);
void *realloc(void *block, size_t size)
{
    return heap_realloc(block, size, HEAP_PC());
}

WEFT__EXPORT void *reallocarray(void *block, size_t n, size_t size);
void *reallocarray(void *block, size_t n, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(n, size, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    return heap_realloc(block, total, HEAP_PC());
}

WEFT__EXPORT void *aligned_alloc(size_t alignment, size_t size);
void *aligned_alloc(size_t alignment, size_t size)
{
    return heap_aligned(alignment, size, HEAP_PC());
}

WEFT__EXPORT void *memalign(size_t alignment, size_t size);
void *memalign(size_t alignment, size_t size)
{
    return heap_aligned(alignment, size, HEAP_PC());
}

WEFT__EXPORT void *valloc(size_t size);
void *valloc(size_t size)
{
    return heap_aligned(HEAP_PAGE, size, HEAP_PC());
}

WEFT__EXPORT int posix_memalign(void **ret, size_t alignment, size_t size);
int posix_memalign(void **ret, size_t alignment, size_t size)
{
    int before = errno;
    void *block;

    if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0)
        return EINVAL;
    block = heap_aligned(alignment, size, HEAP_PC());
    errno = before;
    if (block == NULL)
        return ENOMEM;
    *ret = block;
    return 0;
}

WEFT__EXPORT size_t malloc_usable_size(void *block);
size_t malloc_usable_size(void *block)
{
    static size_t (*real)(void *);

    if (heap_has(block))
        return heap_head_of(block)->size;
    return block == NULL ? 0 : WEFT__REAL(real, "malloc_usable_size")(block);
}

/* ---- C++: so that the site is the program's, not the library's ---- */

#define HEAP_NEW(name)                                                                             \
    WEFT__EXPORT void *name(size_t size);                                                          \
    void *name(size_t size)                                                                        \
    {                                                                                              \
        static void *(*real)(size_t);                                                              \
        void *block = heap_serves() ? heap_make(16, size, false, HEAP_PC()) : NULL;               \
        return block != NULL ? block : WEFT__REAL(real, #name)(size); /* which throws */           \
    }

#define HEAP_DELETE(name, ...)                                                                     \
    WEFT__EXPORT void name(__VA_ARGS__);                                                           \
    void name(__VA_ARGS__)                                                                         \
    {                                                                                              \
        heap_free(block, HEAP_PC());                                                              \
    }

HEAP_NEW(_Znwm)
HEAP_NEW(_Znam)
HEAP_DELETE(_ZdlPv, void *block)
HEAP_DELETE(_ZdaPv, void *block)
HEAP_DELETE(_ZdlPvm, void *block, WEFT_UNUSED size_t size)
HEAP_DELETE(_ZdaPvm, void *block, WEFT_UNUSED size_t size)
