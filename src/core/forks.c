/* forks.c - what a task has forked; see forks.h, and lockfree/split.h for the protocol.
 *
 * A stolen piece becomes a task of the scope that its forker was in when it forked it, so that
 * cancels, deadlines and reports reach it as they would the forker.  Its code is told to the join
 * alone.  The thief makes the birth before he takes the piece: afterwards nothing may fail.
 *
 * Waking.  Whoever goes to sleep asks at each seat first; so the next fork there shares something,
 * and wakes somebody.  For a fork and a join of a microsecond that is in vain: the sleeper comes
 * too late and finds nothing.  A seat that has seen it in vain lets sleepers sleep for a while,
 * each time twice as long.
 *
 * CPUs.  When none is idle the kernel puts a thread that we wake on the waker's CPU, and leaves it
 * there, since the others are as full: beside one busy process two workers then share one CPU by
 * turns.  So a thief that runs where its victim does goes elsewhere first.
 *
 * Rejected: to run other pieces on the stack of a join that must wait (a lock that the waiter holds
 * may be what they need, and the stack has no bound).
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/forks.h"

#include "base/alloc.h"
#include "base/panic.h"
#include "base/sys.h"
#include "base/syscpu.h"
#include "base/time.h"
#include "core/birth.h"
#include "core/control.h"
#include "core/idle.h"
#include "core/local.h"
#include "core/park.h"
#include "core/task.h"
#include "core/worker.h"
#include "weft/err.h"
#include "weft/time.h"

#define FORKS_ARENA    32 /* made at once */
#define FORKS_SLOTS    ((WEFT__FORKS_SIZE - sizeof(struct weft__forks)) / sizeof(weft__split_slot))
#define FORKS_ROOM     ((uint32_t)FORKS_SLOTS - 1) /* so that no place is beyond the end */
#define FORKS_REST_NS  (20 * WEFT_US) /* after a wake-up in vain; doubled each time, */
#define FORKS_EASE_MAX 8              /* so often at most */
#define FORKS_NEAR_LINES 3            /* of a piece and what lies behind it: its arguments */
#define FORKS_LINGER   36             /* looks of some 45 ns */
#define FORKS_PART_NS  (10 * WEFT_MS) /* so rarely a thread changes its CPU: it takes some 20 us */

struct weft__forks_arena {
    struct weft__forks_arena *next;
    void *map;
};

/* What a task that runs a stolen piece is told. */
struct forks_loot {
    struct weft__piece *piece;
    weft__split_slot *slot;
};

static const struct weft__wait_kind forks_wait_kind = {.what = "join"};

/* ---- what a piece is ---- */

WEFT_NOINLINE int weft__forks_refuse(void)
{
    return weft__op_refuse(weft__enter());
}

void weft__forks_run(struct weft__piece *piece)
{
    piece->rc = weft__forks_call(weft__self_task(), piece);
}

/* For reports: its function.  Where it was forked nobody wants to pay for. */
static const void *forks_site(const struct weft__piece *piece)
{
    bool is_inlined = piece->run != weft__forks_run;
    return weft__panic_site_of(is_inlined ? (uintptr_t)piece->run : (uintptr_t)piece->fn);
}

/* ---- where they come from ---- */

static bool forks_make_arena(struct weft__forks_pool *pool)
{
    struct weft__forks_arena *arena = weft__alloc(sizeof *arena);
    if (!arena || weft__sys_map((FORKS_ARENA + 1) * WEFT__FORKS_SIZE, &arena->map) != 0) {
        weft__free(arena);
        return false;
    }
    arena->next = pool->arenas;
    pool->arenas = arena;
    char *at = (char *)weft__forks_of_slot((char *)arena->map + WEFT__FORKS_SIZE - 1);
    for (size_t i = 0; i < FORKS_ARENA; i++) {
        struct weft__forks *forks = (struct weft__forks *)(at + i * WEFT__FORKS_SIZE);
        split_init(&forks->split, forks->slots, FORKS_ROOM);
        forks->next = pool->free;
        pool->free = forks;
    }
    return true;
}

static struct weft__forks *forks_fetch(struct weft__worker *w)
{
    struct weft__forks_pool *pool = &w->runtime->forks;
    struct weft__forks *forks = w->forking.kept;
    w->forking.kept = NULL;
    if (!forks) {
        lock_take(&pool->lock);
        if (pool->free || forks_make_arena(pool)) {
            forks = pool->free;
            pool->free = forks->next;
        }
        lock_drop(&pool->lock);
    }
    return forks;
}

void weft__forks_free(struct weft__forks_pool *pool)
{
    struct weft__forks_arena *arena;
    while ((arena = pool->arenas) != NULL) {
        pool->arenas = arena->next;
        weft__sys_unmap(arena->map, (FORKS_ARENA + 1) * WEFT__FORKS_SIZE);
        weft__free(arena);
    }
}

struct weft__forks *weft__forks_none(void)
{
    static unsigned char room[2 * WEFT__FORKS_SIZE];
    struct weft__forks *none = weft__forks_of_slot(room + WEFT__FORKS_SIZE - 1);
    a_store(&none->split.join_from, UINTPTR_MAX, relaxed); /* fork_to is 0 */
    return none;
}

/* Is a thief about, or could one be woken? */
static bool forks_have_takers(struct weft__runtime *rt)
{
    return a_load(&rt->idle.searching, relaxed) != 0 || a_load(&rt->idle.sleeping, relaxed) != 0;
}

/* Who went to sleep while these were at no seat has not asked here. */
static void forks_ask_for_others(struct weft__worker *w, struct weft__forks *forks)
{
    weft__idle_fence();
    if (!w->is_only && forks_have_takers(w->runtime)) {
        split_ask(&forks->split);
    }
}

static struct weft__forks *forks_attach(struct weft__thread *self)
{
    struct weft__task *task = self->task;
    struct weft__worker *w = weft__seat(self);
    struct weft__forks *forks = NULL;
    if (!w || task->driven != WEFT__BY_WORKER || (forks = forks_fetch(w)) == NULL) {
        return NULL;
    }
    weft__san_acquire(forks); /* who had it before, at this seat: the seat alone makes no order */
    uint32_t class_index = task->run.is_dense ? w->runtime->stacks.default_class
                                              : task->stack.class_index;
    split_begin(&forks->split, class_index);
    forks->split.note = &task->scope;
    forks->task = task;
    forks->held = forks->woken_at = 0;
    a_store(&forks->home, task->service ? task->home : NULL, relaxed);
    a_store(&forks->cpu, -1, relaxed);
    task->forks = forks;
    task->has_forks = true;
    a_store(&w->forks, forks, release); /* pairs with the acquire in weft__forks_rob */
    forks_ask_for_others(w, forks);
    return forks;
}

struct weft__forks *weft__forks_get(void)
{
    struct weft__forks *forks = weft__self_task()->forks;
    if (!forks) {
        struct weft__thread *self = weft__enter();
        forks = forks_attach(self);
        weft__leave(self);
    }
    return forks;
}

/* What is empty goes to the next who needs one. */
static void forks_detach(struct weft__worker *w, struct weft__task *task)
{
    struct weft__forks *forks = task->forks;
    weft__locals_unref(forks->locals);
    forks->locals = NULL;
    weft__san_release(forks);
    task->forks = NULL;
    task->has_forks = false;
    if (w && !w->forking.kept) {
        w->forking.kept = forks;
        return;
    }
    struct weft__forks_pool *pool = &task->runtime->forks;
    lock_take(&pool->lock);
    forks->next = pool->free;
    pool->free = forks;
    lock_drop(&pool->lock);
}

/* What is shared has the task's locals, as they were at some time between its fork and its join.  A
 * thief reads them when he has taken it, so they stay while anything is shared.  If the task has
 * set one since, what it has forked since is not shared before the older is joined. */
static bool forks_may_share(const struct weft__forks *forks)
{
    return forks->locals == forks->task->locals || forks->split.split == 0;
}

/* Of what is shared from now on. */
static void forks_set_locals(struct weft__forks *forks)
{
    WEFT_CHECK(forks_may_share(forks));
    if (forks->locals != forks->task->locals) {
        weft__locals_unref(forks->locals);
        forks->locals = weft__locals_ref(forks->task->locals);
    }
}

/* Whoever takes what is shared now should run elsewhere. */
static void forks_note_cpu(struct weft__forks *forks)
{
    a_store(&forks->cpu, weft__sys_cpu(), relaxed);
}

/* Offers the first `count`.  False: there is nothing new to take. */
static bool forks_show(struct weft__forks *forks, uint32_t count)
{
    if (count <= forks->split.split || !forks_may_share(forks)) {
        return false;
    }
    forks_set_locals(forks);
    split_offer(&forks->split, count);
    return true;
}

static bool forks_is_empty(const struct weft__forks *forks)
{
    return split_count(&forks->split) == 0 && forks->split.over == 0 && forks->held == 0;
}

void weft__forks_switch(struct weft__thread *self, struct weft__task *prev,
                        struct weft__task *next)
{
    struct weft__worker *w = weft__seat(self);
    if (prev->forks && forks_is_empty(prev->forks)) {
        forks_detach(w, prev);
    } else if (prev->forks && w) {
        a_store(&prev->forks->cpu, -1, relaxed);
        if (forks_show(prev->forks, split_count(&prev->forks->split))) {
            weft__idle_share(prev->runtime); /* it will not answer for a while */
        }
    }
    if (next->forks && w) {
        a_store(&w->forks, next->forks, release);
        forks_ask_for_others(w, next->forks);
    }
}

void weft__forks_drop(struct weft__thread *self, struct weft__task *task)
{
    if (!forks_is_empty(task->forks)) {
        weft__panic_sites("a task ended with a piece that it had not joined", "task started",
                          task->site, "its function", weft__panic_site_of((uintptr_t)task->fn));
    }
    forks_detach(weft__seat(self), task);
}

/* ---- steered: whether a piece is stolen is decided when it is forked ---- */

static int forks_run_piece(void *arg);

static void forks_push_steered(struct weft__thread *self, struct weft__piece *piece)
{
    struct forks_loot loot = {.piece = piece, .slot = &piece->word};
    struct weft__birth *birth;
    size_t stack_size = self->task->run.is_dense ? 0 : self->task->stack.size;
    weft__control_op(self, WEFT__DEED_FORK, piece, NULL, forks_site(piece));
    self = weft__self();
    if (weft__control_choose(2) != 1 || !piece->scope ||
        weft__birth_new(self, self->runtime,
                        &(struct weft__birth_request){.fn = forks_run_piece,
                                                      .arg = &loot,
                                                      .arg_size = sizeof loot,
                                                      .options = &(weft_task_options){
                                                          .name = "piece",
                                                          .stack_size = stack_size},
                                                      .home = piece->scope,
                                                      .site = forks_site(piece)},
                        &birth) != 0) {
        piece->run = NULL;
        return;
    }
    a_store(&piece->word, (uintptr_t)piece, relaxed);
    piece->ticket = (uintptr_t)self->task->stolen; /* the one before, until the join */
    self->task->stolen = piece;
    weft__owner_ops.adopt(piece->scope, false);
    (void)weft__birth_launch(self, self->runtime, birth, WEFT_TASK);
}

/* ---- fork ---- */

/* Is it worth waking somebody?  Not for a while, where it was in vain. */
static bool forks_may_wake(struct weft__worker *w)
{
    return w->forking.ease == 0 || weft__time_now() >= w->forking.rest_until;
}

static void forks_count_in_vain(struct weft__worker *w)
{
    w->forking.ease = weft__min(w->forking.ease + 1, (uint32_t)FORKS_EASE_MAX);
    w->forking.rest_until = weft__time_now() + (FORKS_REST_NS << w->forking.ease);
}

/* Shares some of the first `count`, and sees to it that somebody comes. */
static void forks_share(struct weft__forks *forks, uint32_t count)
{
    struct weft__thread *self = weft__enter();
    struct weft__worker *w = weft__seat(self);
    struct weft__runtime *rt = forks->task->runtime;
    a_fence(acquire); /* who was asked by a sleeper sees that it sleeps: see weft__idle_sleep */
    forks_note_cpu(forks);
    bool must_wake = a_load(&rt->idle.searching, relaxed) == 0;
    if (!forks_may_share(forks)) {
        weft__leave(self);
        return; /* and remains asked */
    }
    if (must_wake && w && !forks_may_wake(w)) {
        (void)forks_show(forks, count); /* for the watchdog to see */
        weft__leave(self);
        return; /* and remains asked */
    }
    forks_set_locals(forks);
    if (split_share(&forks->split, count) && w) {
        forks->woken_at = must_wake ? split_tail(split_look(&forks->split)) + 1 : 0;
        weft__idle_share(rt);
    } else if (!w) {
        weft__idle_wake(rt);
    }
    weft__leave(self);
}

void weft__forks_push_nowhere(struct weft__piece *piece)
{
    struct weft__thread *self = weft__enter();
    piece->ticket = 0;
    if (self->task->driven == WEFT__BY_CONTROL) {
        forks_push_steered(self, piece);
        self = weft__self();
    } else {
        piece->run = NULL;
    }
    weft__leave(self);
}

/* There is no room for it. */
static void forks_push_over(struct weft__piece *piece)
{
    piece->ticket = 1;
    piece->run = NULL;
}

void weft__forks_push(struct weft__forks *forks, struct weft__piece *piece)
{
    if (!forks && (forks = weft__forks_get()) == NULL) {
        weft__forks_push_nowhere(piece);
        return;
    }
    if (!split_push_slowly(&forks->split, (uintptr_t)piece)) {
        forks_push_over(piece);
        return;
    }
    if (split_is_wanted(&forks->split)) {
        forks_share(forks, split_count(&forks->split));
    }
}

/* ---- offers ---- */

bool weft__forks_may_offer(bool even_more)
{
    struct weft__forks *forks = weft__forks_get();
    if (WEFT_UNLIKELY(weft__control != NULL)) {
        return weft__control_choose(2) == 1;
    }
    return forks && forks->task->runtime->worker_count > 1 && forks_may_share(forks) &&
           !forks->task->run.is_dense && /* which has no room for a strip's frames */
           (even_more || !split_has_more(split_look(&forks->split)));
}

/* Shares all, and wakes somebody if nobody is about. */
static void forks_open(struct weft__forks *forks)
{
    struct weft__thread *self = weft__enter();
    struct weft__worker *w = weft__seat(self);
    struct weft__runtime *rt = forks->task->runtime;
    uint32_t count = split_count(&forks->split);
    forks_note_cpu(forks);
    if (w && forks_show(forks, count) && weft__idle_is_wanting(rt) && forks_may_wake(w)) {
        forks->woken_at = count;
        weft__idle_wake(rt);
    }
    weft__leave(self);
}

void weft__forks_offer(struct weft__piece *piece)
{
    struct weft__forks *forks = weft__forks_get();
    piece->scope = weft__self_task()->scope;
    if (!forks) {
        weft__forks_push_nowhere(piece);
    } else if (!split_push_slowly(&forks->split, (uintptr_t)piece)) {
        forks_push_over(piece);
    } else if (forks->task->runtime->worker_count > 1) {
        forks_open(forks);
    }
}

/* ---- join ---- */

struct forks_wait {
    struct weft__piece *piece;
    weft__split_slot *slot;
};

/* Of a piece that has ended, the joiner, which nobody else wakes. */
static void forks_wake(const struct weft__piece *piece)
{
    struct weft__task *joiner = piece->joiner;
    if (weft__claim(joiner, piece->ticket, 0) == WEFT__CLAIM_MUST_READY) {
        weft__ready(joiner);
    }
}

/* The joiner is off its stack.  Once it can be found *wait may be gone. */
static void forks_publish(void *arg)
{
    const struct forks_wait *wait = arg;
    struct weft__piece *piece = wait->piece;
    if (!split_wait(wait->slot, (uintptr_t)piece)) {
        forks_wake(piece);
    }
}

/* Pieces go to and fro: who has none here looks for the next one at once, and closely. */
static void forks_heat(struct weft__worker *w)
{
    if (w) {
        w->forking.is_hot = w->runtime->spin;
    }
}

/* For about as long as a park takes, if there is nothing else to do here.  True: it has ended. */
static bool forks_linger(struct weft__thread *self, weft__split_slot *slot)
{
    struct weft__worker *w = weft__seat(self);
    if (!w || !w->runtime->spin) {
        return false;
    }
    for (unsigned i = 0; i < FORKS_LINGER && !split_is_done(slot); i++) {
        if (weft__worker_has_work(w) || weft__worker_has_private(w)) {
            return false;
        }
        a_relax();
    }
    return split_is_done(slot);
}

static void forks_await(struct weft__piece *piece, weft__split_slot *slot)
{
    if (split_is_done(slot)) {
        return;
    }
    struct weft__thread *self = weft__enter();
    if (forks_linger(self, slot)) {
        weft__leave(self);
        return;
    }
    forks_heat(weft__seat(self));
    struct forks_wait wait = {.piece = piece, .slot = slot};
    piece->joiner = self->task;
    piece->ticket = weft__park_ticket(self->task);
    int rc = weft__park(&self, &(struct weft__parking){.kind = &forks_wait_kind,
                                                       .object = piece,
                                                       .site = forks_site(piece),
                                                       .release = forks_publish,
                                                       .release_arg = &wait,
                                                       .ticket = piece->ticket,
                                                       .is_uncancellable = true});
    WEFT_CHECK(rc == 0);
    weft__leave(self);
}

static bool forks_take_apart(struct weft__forks *forks, struct weft__piece *piece)
{
    if (!piece->run) {
        if (piece->ticket) {
            split_forget(&forks->split);
        }
        return true;
    }
    weft__self_task()->stolen = (struct weft__piece *)(uintptr_t)piece->ticket;
    weft__control_point(WEFT__DEED_JOIN, piece, forks_site(piece));
    forks_await(piece, &piece->word);
    return false;
}

/* What was stolen has ended, in the calling task. */
static void forks_end_piece(struct weft__piece *piece, weft__split_slot *slot)
{
    struct weft__thread *self = weft__enter();
    weft__control_order(piece);
    if (split_finish(slot)) {
        forks_wake(piece);
    }
    weft__leave(self);
}

static void forks_note_stolen(void)
{
    struct weft__thread *self = weft__enter();
    struct weft__worker *w = weft__seat(self);
    if (w) {
        w->forking.ease = 0;
    }
    weft__leave(self);
}

static void forks_note_taken(struct weft__forks *forks)
{
    uint64_t ends = split_look(&forks->split);
    if (forks->woken_at && !split_has_more(ends)) {
        struct weft__thread *self = weft__enter();
        struct weft__worker *w = weft__seat(self);
        if (w && split_tail(ends) < forks->woken_at) {
            forks_count_in_vain(w);
        }
        weft__leave(self);
        forks->woken_at = 0;
    }
}

/* is_offer: what lies below it is to remain on offer. */
static bool forks_take(struct weft__forks *forks, struct weft__piece *piece, bool is_offer)
{
    if (!piece->run || !forks) {
        return forks_take_apart(forks, piece);
    }
    weft__split_slot *slot = split_last(&forks->split);
    uintptr_t item = split_count(&forks->split) ? a_load(slot, relaxed) : 1;
    if (item != (uintptr_t)piece && item != SPLIT_DONE) {
        weft__panic_sites("a piece was joined that was not the last one forked", "its function",
                          forks_site(piece), "the task started", weft__self_task()->site);
    }
    if (split_is_wanted(&forks->split) && split_count(&forks->split) - 1 > forks->split.split) {
        forks_share(forks, split_count(&forks->split) - 1);
    }
    if (split_take(&forks->split, is_offer) == SPLIT_MINE) {
        forks_note_taken(forks);
        return true;
    }
    forks_note_stolen();
    forks->woken_at = 0;
    forks_await(piece, slot);
    split_settle(&forks->split);
    return false;
}

bool weft__forks_take(struct weft__forks *forks, struct weft__piece *piece)
{
    return forks_take(forks, piece, false);
}

bool weft__forks_take_back(struct weft__piece *piece)
{
    return forks_take(weft__self_task()->forks, piece, true);
}

bool weft__forks_are_out(void)
{
    const struct weft__task *task = weft__self_task();
    return task->stolen || (task->forks && !forks_is_empty(task->forks));
}

void weft__forks_abandon(void)
{
    struct weft__forks *forks = weft__self_task()->forks;
    while (forks && split_count(&forks->split) > 0) {
        weft__split_slot *slot = split_last(&forks->split);
        /* acquire pairs with split_finish: it may have ended */
        struct weft__piece *piece = (struct weft__piece *)a_load(slot, acquire);
        if (split_take(&forks->split, false) == SPLIT_STOLEN) {
            if (piece) {
                forks_await(piece, slot);
            }
            split_settle(&forks->split);
        }
    }
    if (forks) {
        forks->held = forks->split.over = 0;
    }
    struct weft__piece *stolen;
    while ((stolen = weft__self_task()->stolen) != NULL) {
        weft__self_task()->stolen = (struct weft__piece *)(uintptr_t)stolen->ticket;
        forks_await(stolen, &stolen->word);
    }
}

void weft__forks_tell_panic(void)
{
    if (weft__self_task()->is_piece) {
        const struct forks_loot *loot = weft__self_task()->arg;
        loot->piece->rc = -WEFT_EPANIC;
        forks_end_piece(loot->piece, loot->slot);
    }
}

/* ---- stealing ---- */

/* A task that runs a piece which it has stolen. */
static int forks_run_piece(void *arg)
{
    const struct forks_loot *loot = arg;
    struct weft__piece *piece = loot->piece;
    weft__split_slot *slot = loot->slot;
    weft__self_task()->is_piece = true;
    piece->run(piece);
    weft__owner_ops.undefer(weft__self_task()); /* it may know of the forker's frame */
    forks_end_piece(piece, slot);
    return 0;
}

static struct weft__birth *forks_new_birth(struct weft__worker *w, uint32_t class_index)
{
    struct weft__birth *birth = weft__birth_alloc(w, sizeof(struct forks_loot));
    if (birth && weft__stack_promise(w->runtime, w, class_index) != 0) {
        weft__free(birth);
        return NULL;
    }
    if (birth) {
        birth->arg_size = sizeof(struct forks_loot);
        birth->stack_class = class_index;
    }
    return birth;
}

static void forks_fill_birth(struct weft__birth *birth, struct weft__forks *forks,
                             struct weft__piece *piece, weft__split_slot *slot)
{
    birth->run.kind = WEFT__BIRTH;
    birth->run.is_dense = false;
    birth->fn = forks_run_piece;
    birth->home = piece->scope;
    birth->name = "piece";
    birth->site = forks_site(piece);
    birth->locals = weft__locals_ref(forks->locals);
    birth->start = NULL;
    birth->has_arg = true;
    birth->service = a_load(&forks->home, relaxed) == piece->scope;
    birth->owns_tls = false;
    birth->strand = NULL;
    memcpy(birth->arg, &(struct forks_loot){piece, slot}, sizeof(struct forks_loot));
    weft__san_release(birth);
}

/* All that lies in the owner's cache and not in ours, at the same time, while the birth is made. */
static inline void forks_prefetch(struct weft__forks *forks, uint64_t ends)
{
    __builtin_prefetch(&forks->split.ends, 1);
    __builtin_prefetch(&forks->locals);
    uintptr_t likely = a_load(&forks->slots[split_tail(ends)], relaxed);
    for (uintptr_t i = 0; i < FORKS_NEAR_LINES; i++) {
        __builtin_prefetch((const void *)(likely + i * WEFT_CACHE_LINE));
    }
}

/* Not when there are more workers than CPUs: then some CPU is shared anyhow. */
static void forks_part(struct weft__worker *w, struct weft__forks *forks)
{
    int cpu = a_load(&forks->cpu, relaxed);
    if (cpu < 0 || !w->runtime->spin || cpu != weft__sys_cpu()) {
        return;
    }
    int64_t now = weft__time_now();
    if (now >= w->forking.part_at) {
        w->forking.part_at = now + FORKS_PART_NS;
        (void)weft__sys_leave_cpu(cpu); /* if it may not it stays */
    }
}

struct weft__runnable *weft__forks_rob(struct weft__worker *w, struct weft__worker *victim)
{
    struct weft__forks *forks = a_load(&victim->forks, acquire); /* pairs with forks_attach */
    if (!forks) {
        return NULL;
    }
    uint64_t ends = split_look(&forks->split);
    if (!split_has_more(ends)) {
        split_ask(&forks->split);
        return NULL;
    }
    uint32_t class_index = split_tag(ends);
    forks_prefetch(forks, ends);
    forks_part(w, forks);
    struct weft__birth *birth = forks_new_birth(w, class_index);
    weft__split_slot *slot = NULL;
    uintptr_t item = 0;
    while (birth && !slot && split_has_more(ends) && split_tag(ends) == class_index) {
        slot = split_steal(&forks->split, ends, &item);
        ends = slot ? ends : split_look(&forks->split);
    }
    if (!slot) {
        if (birth) {
            weft__stack_unpromise(w->runtime, w, class_index);
            weft__birth_free(w, birth);
        }
        return NULL;
    }
    struct weft__piece *piece = (struct weft__piece *)item;
    forks_heat(w);
    forks_fill_birth(birth, forks, piece, slot);
    weft__owner_ops.adopt(piece->scope, birth->service);
    return &birth->run;
}

bool weft__forks_has_more(struct weft__worker *w)
{
    struct weft__forks *forks = a_load(&w->forks, acquire);
    return forks && split_has_more(split_look(&forks->split));
}

void weft__forks_ask(struct weft__runtime *rt)
{
    for (size_t i = 0; rt->worker_count > 1 && i < rt->worker_count; i++) {
        struct weft__forks *forks = a_load(&rt->workers[i].forks, acquire);
        if (forks) {
            split_ask(&forks->split);
        }
    }
}
