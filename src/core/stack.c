/* stack.c - stacks by class, arena and slot; see stack.h.
 *
 * Invariant, per class: carved = promised + credits (the class's and the workers'), and every
 * carved stack is bound to a task or lies in exactly one of: dirty, clean, a worker's cache.  So
 * a promise can always be redeemed: with one promise unredeemed, one carved stack is free
 * somewhere.
 *
 * Free stacks go round last in first out, over a worker's cache and the class's list together: the
 * next task gets the hottest one, and a run that is steered gets the same ones each time.
 *
 * What it costs to have a million: a system call for each guard, a page fault for the first page of
 * each stack, a system call and an interrupt of every other CPU to empty it.  So guards are put up
 * by the dozen, ahead of need once dozens are in use; a worker that fetches untouched stacks has
 * their first pages committed in one go; and what has been idle for a while is emptied by the
 * hundred, by the watchdog.
 *
 * Rejected: one mapping per stack (65,530 mappings are all that Linux grants by default);
 * unmapping idle stacks (the next task pays for the mapping and the guard again: discarding their
 * memory is enough); emptying a stack as soon as there are too many (in a storm of tasks it is
 * wanted again at once).
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/stack.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/panic.h"
#include "base/sys.h"
#include "core/task.h"
#include "weft/err.h"
#include "weft/time.h"

#define STACK_PATH_MAX_MAPS  "/proc/sys/vm/max_map_count"
#define STACK_MAPS_DEFAULT   65530
#define STACK_MAPS_PER_GUARD 3 /* a guard makes two mappings of one; the rest is for the program */
#define STACK_AHEAD_SHARE    8 /* one of so many is carved ahead of its promise */
#define STACK_PANIC_ROOM     (64 * 1024)
#define STACK_POPULATE_MIN   8 /* fewer first pages are left to be touched */

/* The checkers of memory put redzones around what lies on a stack. */
#define STACK_CLASS_OF_DENSE (WEFT_ASAN || WEFT_TSAN ? 2 : WEFT__STACK_DENSE)

#define STACK_CANARY         UINT64_C(0x5eaf00d5ca1ab1e5)

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

/* A dense stack has no room for the dynamic linker. */
static WEFT_NOINLINE int stack_class_of_dense(void)
{
    enum { UNKNOWN, AS_ASKED, LARGER };
    static ATOMIC(uint32_t) answer;
    if (WEFT_UNLIKELY(a_load(&answer, relaxed) == UNKNOWN)) {
        bool is_lazy = weft__sys_binds_lazily((const void *)(uintptr_t)weft__stack_class_for);
        if (a_xchg(&answer, is_lazy ? LARGER : AS_ASKED, relaxed) == UNKNOWN && is_lazy) {
            weft__log("tasks that ask for WEFT_STACK_DENSE get 16 KB: the program is not linked "
                      "with -Wl,-z,now, and a call of another library for the first time needs "
                      "more than a dense stack");
        }
    }
    return a_load(&answer, relaxed) == LARGER ? 0 : STACK_CLASS_OF_DENSE;
}

int weft__stack_class_for(size_t size)
{
    if (size == WEFT_STACK_DENSE) {
        return stack_class_of_dense();
    }
    if (size < WEFT_STACK_MIN || size > WEFT_STACK_MAX) {
        return -WEFT_EINVAL;
    }
    int index = 0;
    while (((size_t)WEFT_STACK_MIN << index) < size) {
        index++;
    }
    WEFT_CHECK(index < WEFT__STACK_DENSE);
    return index;
}

size_t weft__stack_class_size(uint32_t class_index)
{
    return class_index == WEFT__STACK_DENSE ? WEFT_STACK_DENSE
                                            : (size_t)WEFT_STACK_MIN << class_index;
}

static size_t stack_stride(const struct weft__stack_class *c)
{
    return c->guard + c->size;
}

int weft__stacks_init(struct weft__stacks *stacks, size_t default_size, size_t idle_max)
{
    int index = weft__stack_class_for(default_size);
    if (index < 0 || default_size == WEFT_STACK_DENSE) {
        return -WEFT_EINVAL;
    }
    memset(stacks, 0, sizeof *stacks);
    stacks->default_class = (uint32_t)index;
    stacks->idle_max = idle_max;
    stacks->page = weft__sys_page_size();
    a_store(&stacks->guards_left, stack_map_limit() / STACK_MAPS_PER_GUARD, relaxed);
    a_store(&stacks->contexts_left, WEFT__SAN_CONTEXTS_MAX, relaxed);
    for (uint32_t i = 0; i < WEFT_STACK_CLASSES; i++) {
        struct weft__stack_class *c = &stacks->classes[i];
        lock_init(&c->lock, WEFT_RANK_STACKS);
        lock_init(&c->carving, WEFT_RANK_CARVING);
        c->size = weft__stack_class_size(i);
        c->guard = i == WEFT__STACK_DENSE ? 0 : WEFT_STACK_GUARD;
    }
    return 0;
}

void weft__stack_cache_init(struct weft__stack_cache *cache)
{
    weft__homelock_init(&cache->lock, WEFT_RANK_STACKS);
    cache->count = 0;
    cache->fetch = 1;
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
        c->dirty_first = c->dirty_count = c->clean_count = c->dirty_least = c->excess = 0;
        for (struct weft__stack_arena *arena = c->arenas; arena; arena = arena->older) {
            for (size_t slot = arena->used; slot-- > 0;) { /* the first carved goes first */
                c->dirty[c->dirty_count++] = arena->base + slot * stack_stride(c) + c->guard;
            }
        }
        WEFT_CHECK(c->dirty_count == c->carved);
        c->credits = (int64_t)c->carved;
    }
}

/* ---- carving; one at a time for each class, and only the last step under its lock ---- */

static int stack_add_arena(struct weft__stack_class *c)
{
    size_t stride = stack_stride(c);
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

/* Makes the lists hold so many. */
static int stack_grow_lists(struct weft__stack_class *c, size_t wanted)
{
    if (wanted <= c->capacity) { /* which only a carver changes */
        return 0;
    }
    size_t capacity = weft__max(c->capacity * 2, (size_t)64);
    capacity = weft__max(capacity, wanted);
    unsigned char **dirty = weft__alloc(capacity * sizeof *dirty);
    unsigned char **clean = weft__alloc(capacity * sizeof *clean);
    if (!dirty || !clean) {
        weft__free(dirty);
        weft__free(clean);
        return -WEFT_ENOMEM;
    }
    lock_take(&c->lock);
    for (size_t i = 0; i < c->dirty_count; i++) {
        dirty[i] = c->dirty[(c->dirty_first + i) % c->capacity];
    }
    if (c->clean_count) {
        memcpy(clean, c->clean, c->clean_count * sizeof *clean);
    }
    unsigned char **old_dirty = c->dirty, **old_clean = c->clean;
    c->dirty = dirty;
    c->dirty_first = 0;
    c->clean = clean;
    c->capacity = capacity;
    lock_drop(&c->lock);
    weft__free(old_dirty);
    weft__free(old_clean);
    return 0;
}

static int stack_guard_by_mprotect(struct weft__stacks *stacks, void *at)
{
    if (a_sub(&stacks->guards_left, 1, relaxed) <= 0 ||
        weft__sys_protect_none(at, WEFT_STACK_GUARD) < 0) {
        a_add(&stacks->guards_left, 1, relaxed);
        return -WEFT_ENOMEM;
    }
    return 0;
}

/* Puts up the guards of n slots in a row.  Returns of how many, or a code. */
static int stack_guard(struct weft__stacks *stacks, struct weft__stack_class *c,
                       unsigned char *slot, int n)
{
    struct iovec *guards = c->guards;
    if (c->guard == 0) {
        return n;
    }
    for (int i = 0; i < n; i++) {
        guards[i] = (struct iovec){slot + (size_t)i * stack_stride(c), WEFT_STACK_GUARD};
    }
    if (!a_load(&stacks->guards_by_mprotect, relaxed)) {
        int done = weft__sys_guard_install_each(guards, n);
        if (done != -WEFT_EINVAL) {
            return done;
        }
        a_store(&stacks->guards_by_mprotect, 1, relaxed); /* an older kernel */
    }
    int done = 0;
    while (done < n && stack_guard_by_mprotect(stacks, guards[done].iov_base) == 0) {
        done++;
    }
    return done ? done : -WEFT_ENOMEM;
}

/* How many to carve: one, and some ahead when many are in use.  A sanitizer that counts contexts
 * is asked for each. */
static int stack_carve_count(const struct weft__stack_class *c)
{
    size_t ahead = WEFT_TSAN ? 0 : c->carved / STACK_AHEAD_SHARE;
    return (int)weft__min(1 + ahead, (size_t)WEFT_STACK_CARVE);
}

/* The caller holds `carving`. */
static int stack_carve(struct weft__stacks *stacks, struct weft__stack_class *c)
{
    int n = stack_carve_count(c), rc;
    if ((rc = stack_grow_lists(c, c->carved + (size_t)n)) < 0) {
        return rc;
    }
    if ((!c->arenas || c->arenas->used == c->arenas->slots) && (rc = stack_add_arena(c)) < 0) {
        return rc;
    }
    struct weft__stack_arena *arena = c->arenas;
    n = (int)weft__min((size_t)n, arena->slots - arena->used);
    if (a_sub(&stacks->contexts_left, n, relaxed) < n) {
        a_add(&stacks->contexts_left, n, relaxed);
        return -WEFT_EAGAIN;
    }
    unsigned char *slot = arena->base + arena->used * stack_stride(c);
    int done = stack_guard(stacks, c, slot, n);
    a_add(&stacks->contexts_left, n - weft__max(done, 0), relaxed);
    if (done < 0) {
        return done;
    }
    arena->used += (size_t)done;
    lock_take(&c->lock);
    c->carved += (size_t)done;
    c->credits += done;
    for (int i = done; i-- > 0;) { /* the lowest goes first */
        c->clean[c->clean_count++] = slot + (size_t)i * stack_stride(c) + c->guard;
    }
    lock_drop(&c->lock);
    return 0;
}

/* ---- promises ---- */

/* Takes a credit of the class, and as many more for the worker as there are.  False: none. */
static bool stack_take_credit(struct weft__stack_class *c, struct weft__worker *by)
{
    lock_take(&c->lock);
    bool has = c->credits > 0;
    if (has) {
        c->credits--;
        if (by) {
            int64_t more = weft__min(c->credits, (int64_t)WEFT_STACK_CREDITS);
            c->credits -= more;
            by->stack_credit += (int32_t)more;
        }
    }
    lock_drop(&c->lock);
    return has;
}

int weft__stack_promise(struct weft__runtime *rt, struct weft__worker *seat, uint32_t class_index)
{
    struct weft__stacks *stacks = &rt->stacks;
    struct weft__stack_class *c = &stacks->classes[class_index];
    struct weft__worker *by = class_index == stacks->default_class ? seat : NULL;
    int rc = 0;
    if (by && by->stack_credit > 0) {
        by->stack_credit--;
        return 0;
    }
    if (stack_take_credit(c, by)) {
        return 0;
    }
    lock_take(&c->carving);
    while (rc == 0 && !stack_take_credit(c, by)) { /* another may be faster than its carver */
        rc = stack_carve(stacks, c);
    }
    lock_drop(&c->carving);
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

/* ---- the class's lists; under its lock ---- */

static void stack_dirty_push(struct weft__stack_class *c, unsigned char *lo)
{
    WEFT_CHECK(c->dirty_count < c->capacity);
    size_t at = c->dirty_first + c->dirty_count++;
    c->dirty[at < c->capacity ? at : at - c->capacity] = lo;
}

static unsigned char *stack_dirty_pop_hottest(struct weft__stack_class *c)
{
    size_t at = c->dirty_first + --c->dirty_count;
    c->dirty_least = weft__min(c->dirty_least, c->dirty_count);
    return c->dirty[at < c->capacity ? at : at - c->capacity];
}

static unsigned char *stack_dirty_pop_coldest(struct weft__stack_class *c)
{
    unsigned char *lo = c->dirty[c->dirty_first];
    c->dirty_first = (c->dirty_first + 1) % c->capacity;
    c->dirty_count--;
    return lo;
}

/* Takes at most max, the one to be used first last.  *ret_clean: the lowest so many of them hold no
 * memory. */
static size_t stack_class_pop(struct weft__stack_class *c, unsigned char **ret, size_t max,
                              size_t *ret_clean)
{
    lock_take(&c->lock);
    size_t dirty = weft__min(max, c->dirty_count);
    size_t clean = weft__min(max - dirty, c->clean_count);
    for (size_t i = 0; i < dirty; i++) {
        ret[clean + dirty - 1 - i] = stack_dirty_pop_hottest(c);
    }
    for (size_t i = 0; i < clean; i++) {
        ret[clean - 1 - i] = c->clean[--c->clean_count];
    }
    lock_drop(&c->lock);
    *ret_clean = clean;
    return dirty + clean;
}

static void stack_class_push(struct weft__stack_class *c, unsigned char *const *stacks, size_t n)
{
    lock_take(&c->lock);
    for (size_t i = 0; i < n; i++) {
        stack_dirty_push(c, stacks[i]);
    }
    lock_drop(&c->lock);
}

/* ---- a worker's cache ---- */

/* The page that holds the descriptor and the first frames, of each. */
static void stack_populate(size_t page, const struct weft__stack_class *c,
                           struct weft__stack_cache *cache, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        cache->pages[i] = (struct iovec){cache->moving[i] + c->size - page, page};
    }
    weft__sys_populate_each(cache->pages, (int)n);
}

/* Fetches some for the worker's empty cache, and returns one; NULL: the class has none. */
static WEFT_NOINLINE unsigned char *stack_cache_fetch(struct weft__stacks *stacks,
                                                      struct weft__stack_class *c,
                                                      struct weft__stack_cache *cache)
{
    unsigned char **got = cache->moving;
    size_t clean, wanted = cache->fetch;
    size_t n = stack_class_pop(c, got, wanted, &clean);
    if (n == 0) {
        return NULL;
    }
    cache->fetch = (uint32_t)weft__min(2 * wanted, (size_t)WEFT_STACK_FETCH);
    if (clean >= STACK_POPULATE_MIN) {
        stack_populate(stacks->page, c, cache, clean);
    }
    bool has_lock = homelock_enter(&cache->lock);
    WEFT_CHECK(cache->count == 0);
    memcpy(cache->stacks, got, (n - 1) * sizeof *got);
    cache->count = (uint32_t)(n - 1);
    homelock_leave(&cache->lock, has_lock);
    return got[n - 1];
}

static inline unsigned char *stack_cache_pop(struct weft__stack_cache *cache)
{
    unsigned char *lo = NULL;
    bool has_lock = homelock_enter(&cache->lock);
    if (WEFT_LIKELY(cache->count > 0)) {
        lo = cache->stacks[--cache->count];
    }
    homelock_leave(&cache->lock, has_lock);
    return lo;
}

/* The coldest go back to the class. */
static WEFT_NOINLINE void stack_cache_spill(struct weft__stack_class *c,
                                            struct weft__stack_cache *cache)
{
    unsigned char **cold = cache->moving;
    bool has_lock = homelock_enter(&cache->lock);
    size_t n = weft__min(cache->count, (uint32_t)WEFT_STACK_FETCH); /* a guest may have been */
    memcpy(cold, cache->stacks, n * sizeof *cold);
    cache->count -= (uint32_t)n;
    memmove(cache->stacks, cache->stacks + n, cache->count * sizeof *cache->stacks);
    homelock_leave(&cache->lock, has_lock);
    stack_class_push(c, cold, n);
}

static inline void stack_cache_push(struct weft__stack_class *c, struct weft__stack_cache *cache,
                                    unsigned char *lo)
{
    if (WEFT_UNLIKELY(cache->count == WEFT_STACK_CACHE)) { /* guests only take */
        stack_cache_spill(c, cache);
    }
    bool has_lock = homelock_enter(&cache->lock);
    cache->stacks[cache->count++] = lo;
    homelock_leave(&cache->lock, has_lock);
}

/* ---- stacks going round ---- */

static unsigned char *stack_cache_rob(struct weft__stack_cache *cache)
{
    unsigned char *lo = NULL;
    weft__homelock_take(&cache->lock);
    if (cache->count > 0) {
        lo = cache->stacks[--cache->count];
    }
    homelock_drop(&cache->lock);
    return lo;
}

static WEFT_NOINLINE unsigned char *stack_pop_anywhere(struct weft__runtime *rt,
                                                       uint32_t class_index)
{
    for (;;) { /* a promised stack is free somewhere; it may just be changing places */
        unsigned char *lo = NULL;
        size_t clean;
        (void)stack_class_pop(&rt->stacks.classes[class_index], &lo, 1, &clean);
        for (size_t i = 0; !lo && i < rt->worker_count; i++) {
            if (class_index == rt->stacks.default_class) {
                lo = stack_cache_rob(&rt->workers[i].stacks);
            }
        }
        if (lo) {
            return lo;
        }
        a_relax();
    }
}

static void stack_set_canary(unsigned char *lo)
{
    *(uint64_t *)(void *)lo = STACK_CANARY;
}

struct weft__stack weft__stack_bind(struct weft__runtime *rt, struct weft__worker *seat,
                                    uint32_t class_index)
{
    struct weft__stack_class *c = &rt->stacks.classes[class_index];
    unsigned char *lo = NULL;
    if (WEFT_LIKELY(seat && class_index == rt->stacks.default_class)) {
        lo = stack_cache_pop(&seat->stacks);
        if (WEFT_UNLIKELY(!lo)) {
            lo = stack_cache_fetch(&rt->stacks, c, &seat->stacks);
        }
    }
    if (WEFT_UNLIKELY(!lo)) {
        lo = stack_pop_anywhere(rt, class_index);
    }
    if (WEFT_UNLIKELY(class_index == WEFT__STACK_DENSE)) {
        stack_set_canary(lo);
        return (struct weft__stack){lo, c->size, class_index, 0};
    }
    /* a slot is an odd number of guards wide, so neighbours differ */
    uint32_t colour = (uint32_t)((uintptr_t)lo / WEFT_STACK_GUARD) % WEFT_STACK_COLOURS;
    return (struct weft__stack){lo, c->size, class_index, colour};
}

void weft__stack_release(struct weft__runtime *rt, struct weft__worker *seat,
                         struct weft__stack stack)
{
    struct weft__stack_class *c = &rt->stacks.classes[stack.class_index];
    if (WEFT_LIKELY(seat && stack.class_index == rt->stacks.default_class)) {
        stack_cache_push(c, &seat->stacks, stack.lo);
    } else {
        stack_class_push(c, &stack.lo, 1);
    }
    weft__stack_unpromise(rt, seat, stack.class_index);
}

/* ---- dense stacks ---- */

static void stack_panic(void *arg)
{
    const struct weft__task *task = arg;
    char label[128];
    const char *name = weft__task_label(task, label, sizeof label);
    weft__panic_sites("a task has used more than its dense stack: it needs a larger one", name,
                      weft__panic_site_of((uintptr_t)task->fn), "task started", task->site);
}

/* The report needs room, of which there is none. */
static WEFT_NOINLINE WEFT_NORETURN void stack_overrun(const struct weft__task *task)
{
    static struct weft__lock lock = LOCK_INIT(WEFT_RANK_NONE);
    static WEFT_ALIGNED(WEFT_CACHE_LINE) unsigned char room[STACK_PANIC_ROOM];
    struct weft__ctx here, there;
    lock_take(&lock); /* for good */
    weft__ctx_make(&there, room + sizeof room, stack_panic, (void *)(uintptr_t)task);
    (void)weft__ctx_switch(&here, &there, NULL);
    __builtin_unreachable();
}

void weft__stack_check(const struct weft__task *task)
{
    if (WEFT_UNLIKELY(weft__stack_is_dense(&task->stack)) &&
        *(const uint64_t *)(const void *)task->stack.lo != STACK_CANARY) {
        stack_overrun(task);
    }
}

/* ---- idle ones ---- */

/* When a period is over, what no task has wanted in it is too much.  True: there are more than the
 * bound says. */
static bool stack_count_excess(struct weft__stacks *stacks, struct weft__stack_class *c,
                               bool is_over)
{
    lock_take(&c->lock);
    if (is_over) {
        size_t idle = weft__min(c->dirty_least, c->dirty_count);
        c->excess = idle > stacks->idle_max ? idle - stacks->idle_max : 0;
        c->dirty_least = c->dirty_count;
    }
    bool is_watched = c->dirty_count > stacks->idle_max;
    lock_drop(&c->lock);
    return is_watched;
}

static size_t stack_take_excess(struct weft__stacks *stacks, struct weft__stack_class *c,
                                struct iovec *ret, size_t max)
{
    size_t n = 0;
    lock_take(&c->lock);
    while (n < max && c->excess > 0 && c->dirty_count > stacks->idle_max) {
        ret[n++] = (struct iovec){stack_dirty_pop_coldest(c), c->size};
        c->excess--;
    }
    if (n < max) {
        c->excess = 0; /* they are wanted again */
    }
    lock_drop(&c->lock);
    return n;
}

/* Empties some; returns how many. */
static size_t stack_empty_some(struct weft__stacks *stacks, struct weft__stack_class *c,
                               size_t max)
{
    struct iovec cold[WEFT_STACK_TRIM];
    size_t n = stack_take_excess(stacks, c, cold, max);
    if (n == 0) {
        return 0;
    }
    int rc = weft__sys_discard_each(cold, (int)n);
    size_t emptied = rc < 0 ? 0 : (size_t)rc;
    lock_take(&c->lock);
    for (size_t i = 0; i < n; i++) {
        if (i < emptied) {
            c->clean[c->clean_count++] = cold[i].iov_base;
        } else {
            stack_dirty_push(c, cold[i].iov_base); /* it stays committed; nothing is lost */
        }
    }
    lock_drop(&c->lock);
    return emptied;
}

/* Dense stacks stay as they are: two of them share a page. */
int64_t weft__stacks_trim(struct weft__stacks *stacks, int64_t now)
{
    size_t left = WEFT_STACK_TRIM;
    bool is_over = now >= stacks->period_end, is_watched = false;
    if (is_over) {
        stacks->period_end = now + WEFT_STACK_IDLE_NS;
    }
    for (size_t i = 0; i < WEFT__STACK_DENSE; i++) {
        struct weft__stack_class *c = &stacks->classes[i];
        if (stack_count_excess(stacks, c, is_over)) {
            is_watched = true;
            left -= stack_empty_some(stacks, c, left);
        }
    }
    if (left == 0) {
        return now + WEFT_TICK_NS; /* so as not to take the memory's lock for long */
    }
    return is_watched ? stacks->period_end : WEFT_NEVER;
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
