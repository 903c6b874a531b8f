/* stack.c - stacks by class, arena and slot; see stack.h.
 *
 * Invariant, per class: carved = promised + credits (the class's and the workers'), and every
 * carved stack is bound to a task or lies in exactly one of: dirty, clean, a worker's cache.  So
 * a promise can always be redeemed: with one promise unredeemed, one carved stack is free
 * somewhere.
 *
 * Rejected: one mapping per stack (65,530 mappings are all that Linux grants by default);
 * unmapping idle stacks (the next task pays for the mapping and the guard again: discarding their
 * memory is enough).
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/stack.h"

#include "base/alloc.h"
#include "base/sys.h"
#include "core/core.h"
#include "weft/err.h"

#define STACK_PATH_MAX_MAPS  "/proc/sys/vm/max_map_count"
#define STACK_MAPS_DEFAULT   65530
#define STACK_MAPS_PER_GUARD 3 /* a guard makes two mappings of one; the rest is for the program */

struct weft__stack_arena {
    struct weft__stack_arena *older;
    unsigned char *base;
    size_t size;
    size_t slots, used;
};

static int64_t stack_map_limit(void)
{
    char text[32];
    if (weft__sys_read_file(STACK_PATH_MAX_MAPS, text, sizeof text) <= 0) {
        return STACK_MAPS_DEFAULT;
    }
    int64_t n = 0;
    for (const char *at = text; *at >= '0' && *at <= '9'; at++) {
        n = n * 10 + (*at - '0');
    }
    return n;
}

int weft__stack_class_for(size_t size)
{
    if (size < WEFT_STACK_MIN || size > WEFT_STACK_MAX) {
        return -WEFT_EINVAL;
    }
    int index = 0;
    while (((size_t)WEFT_STACK_MIN << index) < size) {
        index++;
    }
    WEFT_CHECK(index < WEFT_STACK_CLASSES);
    return index;
}

int weft__stacks_init(struct weft__stacks *stacks, size_t default_size, size_t idle_max)
{
    int index = weft__stack_class_for(default_size);
    if (index < 0) {
        return index;
    }
    memset(stacks, 0, sizeof *stacks);
    stacks->default_class = (uint32_t)index;
    stacks->idle_max = idle_max;
    a_store(&stacks->guards_left, stack_map_limit() / STACK_MAPS_PER_GUARD, relaxed);
    a_store(&stacks->contexts_left, WEFT__SAN_CONTEXTS_MAX, relaxed);
    for (size_t i = 0; i < WEFT_STACK_CLASSES; i++) {
        lock_init(&stacks->classes[i].lock, WEFT_RANK_STACKS);
        stacks->classes[i].size = (size_t)WEFT_STACK_MIN << i;
    }
    return 0;
}

void weft__stacks_fini(struct weft__stacks *stacks)
{
    for (size_t i = 0; i < WEFT_STACK_CLASSES; i++) {
        struct weft__stack_class *c = &stacks->classes[i];
        struct weft__stack_arena *arena = c->arenas;
        while (arena) {
            struct weft__stack_arena *older = arena->older;
            weft__sys_unmap(arena->base, arena->size);
            weft__free(arena);
            arena = older;
        }
        weft__free(c->dirty);
        weft__free(c->clean);
    }
}

void weft__stacks_recall(struct weft__stacks *stacks)
{
    for (size_t i = 0; i < WEFT_STACK_CLASSES; i++) {
        struct weft__stack_class *c = &stacks->classes[i];
        lock_init(&c->lock, WEFT_RANK_STACKS);
        c->dirty_first = c->dirty_count = c->clean_count = 0;
        for (struct weft__stack_arena *arena = c->arenas; arena; arena = arena->older) {
            for (size_t slot = arena->used; slot-- > 0;) { /* the first carved goes first */
                c->dirty[c->dirty_count++] =
                    arena->base + slot * (WEFT_STACK_GUARD + c->size) + WEFT_STACK_GUARD;
            }
        }
        WEFT_CHECK(c->dirty_count == c->carved);
        c->credits = (int64_t)c->carved;
    }
}

/* ---- carving; under the class's lock, so the heap is asked for little and seldom ---- */

static int stack_add_arena(struct weft__stack_class *c)
{
    size_t stride = WEFT_STACK_GUARD + c->size;
    size_t wanted = c->arenas ? c->arenas->size * 2 : WEFT_STACK_ARENA_MIN;
    wanted = weft__min(wanted, (size_t)WEFT_STACK_ARENA_MAX);
    size_t slots = weft__max(wanted / stride, (size_t)1);
    struct weft__stack_arena *arena = weft__alloc(sizeof *arena);
    if (!arena) {
        return -WEFT_ENOMEM;
    }
    void *base;
    int rc = weft__sys_map(slots * stride, &base);
    if (rc < 0) {
        weft__free(arena);
        return -WEFT_ENOMEM;
    }
    weft__sys_no_huge_pages(base, slots * stride); /* one would commit many stacks at once */
    *arena = (struct weft__stack_arena){c->arenas, base, slots * stride, slots, 0};
    c->arenas = arena;
    return 0;
}

static int stack_grow_lists(struct weft__stack_class *c)
{
    if (c->carved < c->capacity) {
        return 0;
    }
    size_t capacity = weft__max(c->capacity * 2, (size_t)64);
    unsigned char **dirty = weft__alloc(capacity * sizeof *dirty);
    unsigned char **clean = weft__alloc(capacity * sizeof *clean);
    if (!dirty || !clean) {
        weft__free(dirty);
        weft__free(clean);
        return -WEFT_ENOMEM;
    }
    for (size_t i = 0; i < c->dirty_count; i++) {
        dirty[i] = c->dirty[(c->dirty_first + i) % c->capacity];
    }
    if (c->clean_count) {
        memcpy(clean, c->clean, c->clean_count * sizeof *clean);
    }
    weft__free(c->dirty);
    weft__free(c->clean);
    c->dirty = dirty;
    c->dirty_first = 0;
    c->clean = clean;
    c->capacity = capacity;
    return 0;
}

static int stack_guard(struct weft__stacks *stacks, unsigned char *at)
{
    if (!a_load(&stacks->guards_by_mprotect, relaxed)) {
        int rc = weft__sys_guard_install(at, WEFT_STACK_GUARD);
        if (rc != -WEFT_EINVAL) {
            return rc;
        }
        a_store(&stacks->guards_by_mprotect, 1, relaxed); /* an older kernel */
    }
    if (a_sub(&stacks->guards_left, 1, relaxed) <= 0 ||
        weft__sys_protect_none(at, WEFT_STACK_GUARD) < 0) {
        a_add(&stacks->guards_left, 1, relaxed);
        return -WEFT_ENOMEM;
    }
    return 0;
}

static int stack_carve(struct weft__stacks *stacks, struct weft__stack_class *c)
{
    int rc;
    if ((rc = stack_grow_lists(c)) < 0) {
        return rc;
    }
    if ((!c->arenas || c->arenas->used == c->arenas->slots) && (rc = stack_add_arena(c)) < 0) {
        return rc;
    }
    if (a_sub(&stacks->contexts_left, 1, relaxed) <= 0) {
        a_add(&stacks->contexts_left, 1, relaxed);
        return -WEFT_EAGAIN;
    }
    struct weft__stack_arena *arena = c->arenas;
    unsigned char *slot = arena->base + arena->used * (WEFT_STACK_GUARD + c->size);
    if ((rc = stack_guard(stacks, slot)) < 0) {
        a_add(&stacks->contexts_left, 1, relaxed);
        return rc;
    }
    arena->used++;
    c->carved++;
    c->credits++;
    c->clean[c->clean_count++] = slot + WEFT_STACK_GUARD;
    return 0;
}

/* ---- promises ---- */

int weft__stack_promise(struct weft__runtime *rt, struct weft__worker *seat, uint32_t class_index)
{
    struct weft__stacks *stacks = &rt->stacks;
    struct weft__stack_class *c = &stacks->classes[class_index];
    bool by_worker = seat && class_index == stacks->default_class;
    int rc = 0;
    if (by_worker && seat->stack_credit > 0) {
        seat->stack_credit--;
        return 0;
    }
    lock_take(&c->lock);
    if (c->credits == 0) {
        rc = stack_carve(stacks, c);
    }
    if (rc == 0) {
        WEFT_CHECK(c->credits > 0);
        c->credits--;
        if (by_worker) {
            int64_t more = weft__min(c->credits, (int64_t)WEFT_STACK_CREDITS);
            c->credits -= more;
            seat->stack_credit += (int32_t)more;
        }
    }
    lock_drop(&c->lock);
    return rc;
}

void weft__stack_unpromise(struct weft__runtime *rt, struct weft__worker *seat,
                           uint32_t class_index)
{
    struct weft__stack_class *c = &rt->stacks.classes[class_index];
    int64_t back = 1;
    if (seat && class_index == rt->stacks.default_class) {
        if (++seat->stack_credit <= 2 * WEFT_STACK_CREDITS) {
            return;
        }
        seat->stack_credit -= WEFT_STACK_CREDITS;
        back = WEFT_STACK_CREDITS;
    }
    lock_take(&c->lock);
    c->credits += back;
    lock_drop(&c->lock);
}

/* ---- stacks going round ---- */

/* The dirty ring; under the class's lock. */
static void stack_dirty_push(struct weft__stack_class *c, unsigned char *lo)
{
    WEFT_CHECK(c->dirty_count < c->capacity);
    c->dirty[(c->dirty_first + c->dirty_count) % c->capacity] = lo;
    c->dirty_count++;
}

static unsigned char *stack_dirty_pop_hottest(struct weft__stack_class *c)
{
    c->dirty_count--;
    return c->dirty[(c->dirty_first + c->dirty_count) % c->capacity];
}

static unsigned char *stack_dirty_pop_coldest(struct weft__stack_class *c)
{
    unsigned char *lo = c->dirty[c->dirty_first];
    c->dirty_first = (c->dirty_first + 1) % c->capacity;
    c->dirty_count--;
    return lo;
}

static unsigned char *stack_cache_pop(struct weft__stack_cache *cache)
{
    unsigned char *lo = NULL;
    lock_take(&cache->lock);
    if (cache->count > 0) {
        lo = cache->stacks[--cache->count];
    }
    lock_drop(&cache->lock);
    return lo;
}

static bool stack_cache_push(struct weft__stack_cache *cache, unsigned char *lo)
{
    bool has_room;
    lock_take(&cache->lock);
    has_room = cache->count < WEFT_STACK_CACHE;
    if (has_room) {
        cache->stacks[cache->count++] = lo;
    }
    lock_drop(&cache->lock);
    return has_room;
}

static unsigned char *stack_class_pop(struct weft__stack_class *c)
{
    unsigned char *lo = NULL;
    lock_take(&c->lock);
    if (c->dirty_count > 0) {
        lo = stack_dirty_pop_hottest(c);
    } else if (c->clean_count > 0) {
        lo = c->clean[--c->clean_count];
    }
    lock_drop(&c->lock);
    return lo;
}

static unsigned char *stack_pop_anywhere(struct weft__runtime *rt, uint32_t class_index)
{
    for (;;) { /* a promised stack is free somewhere; it may just be changing places */
        unsigned char *lo = stack_class_pop(&rt->stacks.classes[class_index]);
        for (size_t i = 0; !lo && i < rt->worker_count; i++) {
            if (class_index == rt->stacks.default_class) {
                lo = stack_cache_pop(&rt->workers[i].stacks);
            }
        }
        if (lo) {
            return lo;
        }
        a_relax();
    }
}

struct weft__stack weft__stack_bind(struct weft__runtime *rt, struct weft__worker *seat,
                                    uint32_t class_index)
{
    unsigned char *lo = NULL;
    if (seat && class_index == rt->stacks.default_class) {
        lo = stack_cache_pop(&seat->stacks);
    }
    if (!lo) {
        lo = stack_pop_anywhere(rt, class_index);
    }
    size_t size = rt->stacks.classes[class_index].size;
    uint32_t colour = (uint32_t)((uintptr_t)lo / (WEFT_STACK_GUARD + size)) % WEFT_STACK_COLOURS;
    return (struct weft__stack){lo, size, class_index, colour};
}

void weft__stack_release(struct weft__runtime *rt, struct weft__worker *seat,
                         struct weft__stack stack)
{
    struct weft__stack_class *c = &rt->stacks.classes[stack.class_index];
    bool is_default = stack.class_index == rt->stacks.default_class;
    if (!(seat && is_default && stack_cache_push(&seat->stacks, stack.lo))) {
        lock_take(&c->lock);
        stack_dirty_push(c, stack.lo);
        lock_drop(&c->lock);
    }
    weft__stack_unpromise(rt, seat, stack.class_index);
}

/* Takes one that is too many, NULL when none is. */
static unsigned char *stack_take_excess(struct weft__stacks *stacks, struct weft__stack_class *c)
{
    unsigned char *lo = NULL;
    lock_take(&c->lock);
    if (c->dirty_count > stacks->idle_max) {
        lo = stack_dirty_pop_coldest(c);
    }
    lock_drop(&c->lock);
    return lo;
}

bool weft__stacks_trim(struct weft__stacks *stacks)
{
    size_t left = WEFT_STACK_TRIM;
    for (size_t i = 0; i < WEFT_STACK_CLASSES; i++) {
        struct weft__stack_class *c = &stacks->classes[i];
        unsigned char *lo;
        while (left > 0 && (lo = stack_take_excess(stacks, c)) != NULL) {
            int rc = weft__sys_discard(lo, c->size);
            lock_take(&c->lock);
            if (rc == 0) {
                c->clean[c->clean_count++] = lo;
            } else {
                stack_dirty_push(c, lo); /* it stays committed; nothing is lost */
            }
            lock_drop(&c->lock);
            left--;
        }
    }
    return left == 0;
}

bool weft__stack_guard_hit(const struct weft__stack *stack, const void *address)
{
    uintptr_t at = (uintptr_t)address, lo = (uintptr_t)stack->lo;
    return stack->lo && at < lo && at >= lo - WEFT_STACK_GUARD;
}

void weft__stacks_count(struct weft__stacks *stacks, size_t *ret_carved, size_t *ret_idle)
{
    *ret_carved = *ret_idle = 0;
    for (size_t i = 0; i < WEFT_STACK_CLASSES; i++) {
        struct weft__stack_class *c = &stacks->classes[i];
        lock_take(&c->lock);
        *ret_carved += c->carved;
        *ret_idle += c->dirty_count + c->clean_count;
        lock_drop(&c->lock);
    }
}
