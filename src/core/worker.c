/* worker.c - a worker's turn.
 *
 * What is ready waits in three places.  The deque, oldest first; others steal from it.  Behind it
 * two overflow lists, when more is ready than the deque holds: of tasks that were woken and of
 * births, each in order, so that FIFO fairness holds for any number.  And before it the next slot,
 * for the task that was woken last: a message is read while it is hot.  Two tasks that wake each
 * other would live in the next slot for ever, so after WEFT_NEXT_RUNS_MAX turns in a row the queue
 * comes first.
 *
 * A task that leaves switches straight to the next task.  The worker's own (base) stack runs only
 * when the local queue is empty, and every WEFT_GLOBAL_TURN turns: it looks at timers, the inject
 * queue and the other workers, and sleeps when there is nothing (idle.c).
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/worker.h"

#include "base/panic.h"
#include "base/sys.h"
#include "core/clock.h"
#include "core/control.h"
#include "core/forks.h"
#include "core/idle.h"
#include "core/inject.h"
#include "core/owntls.h"
#include "core/park.h"
#include "core/poll.h"
#include "core/runtime.h"
#include "core/task.h"
#include "core/watch.h"
#include "weft/time.h"

#define STEAL_ROUNDS     4
#define STEAL_MAX        128 /* at once */
#define REFILL_MAX       32  /* likewise; these lie on whatever stack there is */
#define SPIN_ROUNDS      12  /* of about 2 us each: together about what a wake-up costs */
#define SPIN_RELAXES     48
#define SPIN_SEATS       8 /* looked at all the while */
#define SPIN_RIPENS      6 /* of which so many between two looks at what has been forked */
#define SPIN_SCORE_MAX   8
#define PREFETCH_LINES   12 /* of a stack: an I/O call's frames */
#define PREFETCH_CROWD   48 /* so many that wait have left the nearest cache before their turn */

/* ---- the queue ---- */

static void overflow_append(struct weft__overflow *list, struct weft__runnable *item)
{
    a_store(&item->node.next, NULL, relaxed);
    lock_take(&list->lock);
    if (list->tail) {
        a_store(&list->tail->node.next, &item->node, relaxed);
    } else {
        list->head = item;
    }
    list->tail = item;
    a_add(&list->count, 1, relaxed);
    lock_drop(&list->lock);
}

/* Takes the oldest, at most max. */
static size_t overflow_take(struct weft__overflow *list, void **ret, size_t max)
{
    size_t n = 0;
    if (a_load(&list->count, relaxed) == 0) {
        return 0;
    }
    lock_take(&list->lock);
    while (n < max && list->head) {
        struct weft__runnable *item = list->head;
        struct weft__mpsc_node *next = a_load(&item->node.next, relaxed);
        list->head = next ? container_of(next, struct weft__runnable, node) : NULL;
        ret[n++] = item;
    }
    if (!list->head) {
        list->tail = NULL;
    }
    a_sub(&list->count, (uint32_t)n, relaxed);
    lock_drop(&list->lock);
    return n;
}

static bool worker_has_overflow(struct weft__worker *w)
{
    return a_load(&w->woken.count, relaxed) != 0 || a_load(&w->born.count, relaxed) != 0;
}

/* Tasks that have been woken come before those that have not begun: the spawning of a million must
 * not delay a timer by their number.  But now and then the births come first. */
static void worker_refill(struct weft__worker *w)
{
    void *items[REFILL_MAX];
    size_t n = 0;
    if (w->born_passed < WEFT_BORN_PASSED_MAX) {
        n = overflow_take(&w->woken, items, REFILL_MAX);
        w->born_passed++;
    }
    if (n == 0) {
        w->born_passed = 0;
        n = overflow_take(&w->born, items, REFILL_MAX);
    }
    size_t pushed = deque_push_batch(&w->deque, items, n);
    WEFT_CHECK(pushed == n);
}

static WEFT_NOINLINE void worker_push_slowly(struct weft__worker *w, struct weft__runnable *item)
{
    struct weft__overflow *list = item->kind == WEFT__BIRTH ? &w->born : &w->woken;
    if (worker_has_overflow(w)) { /* of either kind: else those that only yield keep it full */
        overflow_append(list, item);
        if (deque_size(&w->deque) <= DEQUE_CAPACITY - REFILL_MAX) {
            worker_refill(w);
        }
    } else if (!deque_push(&w->deque, item)) {
        overflow_append(list, item);
    }
}

void weft__worker_push(struct weft__worker *w, struct weft__runnable *item)
{
    if (WEFT_UNLIKELY(worker_has_overflow(w)) || WEFT_UNLIKELY(!deque_push(&w->deque, item))) {
        worker_push_slowly(w, item);
    }
}

bool weft__worker_has_work(struct weft__worker *w)
{
    return deque_size(&w->deque) > 0 || worker_has_overflow(w);
}

bool weft__worker_has_private(struct weft__worker *w)
{
    return a_load(&w->next, relaxed) || a_load(&w->batch_left, relaxed) > 0;
}

/* The saved registers of the task two turns ahead, and the head of the one after it: with many
 * tasks a turn costs what its memory does.  With very many, the frames that it will return through
 * as well. */
static inline void worker_prefetch(const struct weft__runnable *near,
                                   const struct weft__runnable *far, bool is_crowd)
{
    if (near && near->kind == WEFT__STARTED) {
        const char *sp = ((const struct weft__task *)near)->ctx.sp;
        __builtin_prefetch(sp);
        for (size_t i = 1; is_crowd && i < PREFETCH_LINES; i++) {
            __builtin_prefetch(sp + i * WEFT_CACHE_LINE);
        }
    }
    __builtin_prefetch(far);
}

/* Of a seat that nobody robs: what stands in the deque stays there. */
static inline struct weft__runnable *worker_take_alone(struct weft__worker *w)
{
    struct weft__runnable *item = deque_take_alone(&w->deque);
    bool is_crowd = deque_peek(&w->deque, PREFETCH_CROWD) != NULL;
    worker_prefetch(deque_peek(&w->deque, 1), deque_peek(&w->deque, 3), is_crowd);
    return item;
}

/* The oldest of the deque.  With thieves about, several at once: a compare-and-swap costs as much
 * as the rest of a turn. */
static struct weft__runnable *worker_take_batched(struct weft__worker *w)
{
    uint32_t left = a_load(&w->batch_left, relaxed);
    if (left == 0) {
        size_t share = deque_size(&w->deque) / WEFT_BATCH_SHARE;
        size_t n = weft__min(share, (size_t)WEFT_BATCH_MAX);
        left = (uint32_t)deque_take_batch(&w->deque, w->batch, n > 0 ? n : 1);
        if (left == 0) {
            return NULL;
        }
        w->batch_end = left;
    }
    a_store(&w->batch_left, left - 1, relaxed);
    void **at = &w->batch[w->batch_end - left];
    bool is_crowd = w->batch_end == WEFT_BATCH_MAX;
    worker_prefetch(left > 1 ? at[1] : NULL, left > 3 ? at[3] : NULL, is_crowd);
    return at[0];
}

static inline struct weft__runnable *worker_take_oldest(struct weft__worker *w)
{
    return w->is_only ? worker_take_alone(w) : worker_take_batched(w);
}

static WEFT_NOINLINE struct weft__runnable *worker_take_overflow(struct weft__worker *w)
{
    struct weft__runnable *item = NULL;
    while (!item && worker_has_overflow(w)) { /* a thief may take what a refill brought */
        worker_refill(w);
        item = worker_take_oldest(w);
    }
    return item;
}

static inline struct weft__runnable *worker_take_local(struct weft__worker *w)
{
    struct weft__runnable *item = a_load(&w->next, relaxed);
    if (item && w->next_runs < WEFT_NEXT_RUNS_MAX) {
        a_store(&w->next, NULL, relaxed);
        w->next_runs++;
        return item;
    }
    w->next_runs = 0;
    struct weft__runnable *oldest = worker_take_oldest(w);
    if (WEFT_UNLIKELY(!oldest) && worker_has_overflow(w)) {
        oldest = worker_take_overflow(w);
    }
    if (!oldest && item) {
        a_store(&w->next, NULL, relaxed);
        return item;
    }
    return oldest;
}

/* A thread task, or a plain thread: it waits on its own futex. */
static void worker_ready_thread(struct weft__task *task)
{
    if (task->runtime) {
        weft__runtime_external_begin(task->runtime);
    } else if (task->parking->deadline <= 0) { /* the same condition as in park_thread */
        a_add(&weft__foreign_parked, WEFT__FOREIGN_CHANGE - 1, seq_cst);
    }
    a_store(&task->woken, 1, release); /* pairs with the acquire in park_thread */
    if (WEFT_UNLIKELY(weft__control != NULL) && weft__control->thread_wake) {
        weft__control->thread_wake(&task->woken);
    } else {
        weft__sys_futex_wake(&task->woken, 1);
    }
}

static WEFT_NOINLINE void worker_ready_driven(struct weft__task *task)
{
    if (task->driven == WEFT__BY_CONTROL) {
        weft__control_ready(task);
    } else {
        worker_ready_thread(task);
    }
}

void weft__ready(struct weft__task *task)
{
    if (WEFT_UNLIKELY(task->driven != WEFT__BY_WORKER)) {
        worker_ready_driven(task);
        return;
    }
    struct weft__thread *self = weft__self();
    struct weft__worker *w = weft__seat(self);
    weft__san_release(task); /* on one worker the queue alone makes no order that TSan could see */
    if (WEFT_UNLIKELY(!w)) {
        weft__inject_from(self, task->runtime, &task->run);
        return;
    }
    /* The slot is the sitter's own; who borrows the seat (worker_raid) has seen it leave. */
    struct weft__runnable *older = a_load(&w->next, relaxed);
    a_store(&w->next, &task->run, relaxed);
    if (older) {
        weft__worker_push(w, older);
        weft__worker_share(w); /* there is more than this worker will run next */
    }
}

/* ---- switching ---- */

static inline struct weft__task *worker_task_of(struct weft__thread *self,
                                                struct weft__runnable *item)
{
    if (item->kind == WEFT__BIRTH) {
        return weft__task_from_birth(self, container_of(item, struct weft__birth, run));
    }
    WEFT_CHECK(item->kind == WEFT__STARTED);
    return container_of(item, struct weft__task, run);
}

static inline void worker_count_switch(struct weft__worker *w)
{
    weft__stat_add(&w->epoch, 1);
}

static WEFT_NOINLINE void worker_requeue(struct weft__thread *self, struct weft__task *left)
{
    struct weft__worker *w = weft__seat(self);
    if (w) {
        weft__worker_push(w, &left->run);
    } else {
        weft__inject_push(left->runtime, &left->run);
        weft__idle_wake(left->runtime);
    }
}

static inline void worker_arrive(struct weft__thread *self)
{
    enum weft__left_kind kind = self->left_kind;
    struct weft__task *left = self->left;
    if (kind == WEFT__LEFT_NOTHING) {
        return;
    }
    self->left_kind = WEFT__LEFT_NOTHING;
    if (kind == WEFT__LEFT_PARKED) {
        weft__park_settle(left);
    } else if (kind == WEFT__LEFT_YIELDED) {
        worker_requeue(self, left);
    } else {
        weft__task_bury(self, left);
    }
}

void weft__arrive(struct weft__thread *self)
{
    worker_arrive(self);
}

/* Leaves the thread's task for another one, or (its own) the base stack.  Returns the thread that
 * has come back to the task.  Inlined, as all that stands around a switch must be: see sanitize.h.
 */
static inline __attribute__((always_inline)) struct weft__thread *
worker_switch(struct weft__thread *self, struct weft__task *next, enum weft__left_kind kind)
{
    struct weft__task *prev = self->task;
    self->left = prev;
    self->task = next;
    self->left_kind = kind;
    bool to_base = next == &self->own;
    struct weft__san *next_san = to_base ? &self->base_san : &next->san;
    if (WEFT_UNLIKELY(prev->owns_tls | next->owns_tls)) {
        weft__owntls_switch(prev->tls, next->tls, self);
    }
    if (WEFT_UNLIKELY(prev->has_forks | next->has_forks)) {
        weft__forks_switch(self, prev, next);
    }
    if (kind == WEFT__LEFT_DEAD) {
        weft__san_show(); /* evens out the enter that has no leave */
    }
    weft__san_leave(&prev->san, next_san, kind == WEFT__LEFT_DEAD);
    self = weft__ctx_switch(&prev->ctx, to_base ? &self->base : &next->ctx, self);
    weft__san_arrive(&prev->san);
    weft__san_acquire(prev); /* what whoever made it ready had done */
    worker_arrive(self);
    return self;
}

static WEFT_NORETURN void worker_panic_forked(const struct weft__task *task,
                                              enum weft__left_kind kind)
{
    weft__panic("%s: this process was forked from inside a task: it has no runtime to go on in",
                kind == WEFT__LEFT_PARKED ? task->parking->kind->what : "a switch");
}

/* The thread has no seat: it was taken away (or given back just now), or this is the child of a
 * fork. */
static WEFT_NOINLINE struct weft__worker *worker_unseated(struct weft__thread *self,
                                                          enum weft__left_kind kind)
{
    if (a_load(&weft__forked, relaxed)) {
        worker_panic_forked(self->task, kind);
    }
    return weft__watch_confirm(self);
}

/* What the task leaves its worker for, straight away.  NULL: for the base stack, which has all the
 * room that choosing, settling and burying need, and so stands between any task and a dense one. */
static inline struct weft__runnable *worker_take_for(struct weft__worker *w,
                                                     const struct weft__task *task)
{
    struct weft__runnable *item;
    if (WEFT_UNLIKELY(task->run.is_dense)) {
        return NULL;
    }
    item = worker_take_local(w);
    if (item && WEFT_UNLIKELY(item->is_dense)) {
        w->handed = item;
        return NULL;
    }
    return item;
}

/* The one place from which tasks switch to tasks: see ctx_x86_64.c why there is only one. */
WEFT_NOINLINE struct weft__thread *weft__switch_away(struct weft__thread *self,
                                                     enum weft__left_kind kind)
{
    struct weft__worker *w = weft__seat(self);
    struct weft__runnable *item = NULL;
    struct weft__task *next = &self->own;
    if (WEFT_UNLIKELY(!w)) {
        w = worker_unseated(self, kind);
    }
    if (WEFT_LIKELY(w != NULL)) {
        if (WEFT_LIKELY(--w->turns_left > 0)) { /* else it is time to look at everything */
            item = worker_take_for(w, self->task);
            if (!item && kind == WEFT__LEFT_YIELDED && !w->handed && !self->task->run.is_dense) {
                return self; /* nobody else is ready here */
            }
        }
        /* Where nobody robs the queue the yielder goes there before it has left. */
        if (kind == WEFT__LEFT_YIELDED && w->is_only && !WEFT_TSAN) {
            weft__worker_push(w, &self->task->run);
            kind = WEFT__LEFT_NOTHING;
        }
        worker_count_switch(w);
    }
    if (item) {
        next = worker_task_of(self, item);
    }
    next->budget = WEFT_BUDGET;
    return worker_switch(self, next, kind);
}

void weft__switch_to(struct weft__thread *self, struct weft__runnable *item,
                     enum weft__left_kind kind)
{
    struct weft__task *next = item ? worker_task_of(self, item) : &self->own;
    worker_count_switch(weft__seat(self));
    next->budget = 0;
    (void)worker_switch(self, next, kind);
}

void weft__worker_run(struct weft__thread *self, struct weft__worker *w,
                      struct weft__runnable *item)
{
    struct weft__task *task = worker_task_of(self, item);
    worker_count_switch(w);
    task->budget = weft__control ? 0 : WEFT_BUDGET;
    self->task = task;
    self->left_kind = WEFT__LEFT_NOTHING;
    weft__owntls_switch(NULL, task->tls, self);
    if (WEFT_UNLIKELY(task->has_forks)) {
        weft__forks_switch(self, &self->own, task);
    }
    weft__san_leave(&self->base_san, &task->san, false);
    weft__ctx_switch(&self->base, &task->ctx, self);
    weft__san_arrive(&self->base_san);
    worker_arrive(self);
}

/* ---- looking for work, on the base stack ---- */

static bool worker_fire_timers(struct weft__worker *w, struct weft__worker *whose)
{
    struct weft__runtime *rt = w->runtime;
    if (a_load(&whose->wheel.next_at, relaxed) == WEFT_NEVER) {
        return false;
    }
    size_t fired = weft__wheel_fire(&whose->wheel, weft__now(rt));
    a_add(&rt->timers_fired, fired, relaxed);
    return fired > 0;
}

static struct weft__runnable *worker_rob(struct weft__worker *w, struct weft__worker *victim)
{
    void *items[STEAL_MAX];
    size_t n = deque_steal_half(&victim->deque, items, STEAL_MAX);
    if (n == 0) {
        n = overflow_take(&victim->woken, items, STEAL_MAX);
    }
    if (n == 0) {
        n = overflow_take(&victim->born, items, STEAL_MAX);
    }
    if (n == 0) {
        return NULL;
    }
    weft__stat_add(&w->steals, n);
    for (size_t i = 1; i < n; i++) {
        weft__worker_push(w, items[i]);
    }
    return items[0];
}

/* What is private to another seat (its next slot, its batch) is taken only from one that has not
 * switched since we came by before: a running worker will come to it by itself, and sooner. */
static struct weft__runnable *worker_raid(struct weft__worker *w, struct weft__worker *victim)
{
    void *items[WEFT_BATCH_MAX + 1];
    size_t n = 0;
    uint64_t epoch = weft__stat_read(&victim->epoch);
    if (!weft__worker_has_private(victim)) {
        return NULL;
    }
    for (unsigned i = 0; i < SPIN_RELAXES; i++) {
        a_relax();
    }
    if (weft__stat_read(&victim->epoch) != epoch || !weft__watch_borrow(victim)) {
        return NULL;
    }
    if ((items[n] = a_load(&victim->next, relaxed)) != NULL) {
        a_store(&victim->next, NULL, relaxed);
        n++;
    }
    uint32_t left = a_load(&victim->batch_left, relaxed);
    for (; left > 0; left--) {
        items[n++] = victim->batch[victim->batch_end - left];
    }
    a_store(&victim->batch_left, 0, relaxed);
    weft__watch_give_back(victim);
    for (size_t i = 1; i < n; i++) {
        weft__worker_push(w, items[i]);
    }
    weft__stat_add(&w->steals, n);
    return n ? items[0] : NULL;
}

/* What is due at a seat whose sitter does not come by.  True: something has become ready. */
static bool worker_help(struct weft__worker *w, struct weft__worker *victim)
{
    const struct weft__poll *poll = weft__poll_at(victim);
    bool has_more = worker_fire_timers(w, victim);
    return (poll && poll->help(victim)) || has_more;
}

static struct weft__runnable *worker_rob_piece(struct weft__worker *w, struct weft__worker *victim)
{
    struct weft__runnable *item = weft__forks_rob(w, victim);
    weft__stat_add(&w->steals, item != NULL);
    return item;
}

/* What a task has forked; or it is asked for some of that. */
static struct weft__runnable *worker_steal_piece(struct weft__worker *w, size_t start)
{
    struct weft__runtime *rt = w->runtime;
    struct weft__runnable *item = NULL;
    for (size_t i = 0; i < rt->worker_count && !item; i++) {
        item = worker_rob_piece(w, &rt->workers[(start + i) % rt->worker_count]);
    }
    return item;
}

static struct weft__runnable *worker_steal(struct weft__worker *w)
{
    struct weft__runtime *rt = w->runtime;
    struct weft__runnable *item;
    for (unsigned round = 0; round < STEAL_ROUNDS; round++) {
        size_t start = (size_t)weft__rng_below(&w->rng, rt->worker_count);
        bool is_last = round == STEAL_ROUNDS - 1;
        for (size_t i = 0; i < rt->worker_count; i++) {
            struct weft__worker *victim = &rt->workers[(start + i) % rt->worker_count];
            if (victim == w) {
                continue;
            }
            if ((item = worker_rob(w, victim)) != NULL ||
                (is_last && (item = worker_raid(w, victim)) != NULL)) {
                return item;
            }
            if (is_last && worker_help(w, victim) && (item = worker_take_local(w)) != NULL) {
                return item;
            }
        }
        if ((item = weft__inject_take(w)) != NULL ||
            (item = worker_steal_piece(w, start)) != NULL) {
            return item;
        }
    }
    return NULL;
}

/* Looks after what has happened outside.  True: there may be something to run. */
static bool worker_poll(struct weft__worker *w, bool is_last)
{
    const struct weft__poll *poll = weft__poll_at(w);
    return poll && poll->turn(w, is_last);
}

/* A searcher's breath between two rounds.  What has been forked may be worth no more than a breath,
 * so that is looked at all the while; twice, or its owner would have to wait for the end of what he
 * could have done himself meanwhile. */
static struct weft__runnable *worker_relax(struct weft__worker *w)
{
    struct weft__runtime *rt = w->runtime;
    size_t seats = weft__min(rt->worker_count, (size_t)SPIN_SEATS);
    size_t start = (size_t)weft__rng_below(&w->rng, rt->worker_count);
    for (unsigned i = 0; i < SPIN_RELAXES / SPIN_RIPENS; i++) {
        struct weft__worker *victim = &rt->workers[(start + i % seats) % rt->worker_count];
        bool is_there = weft__forks_has_more(victim);
        for (unsigned k = 0; k < SPIN_RIPENS; k++) {
            a_relax();
        }
        if (is_there && weft__forks_has_more(victim)) {
            return worker_rob_piece(w, victim);
        }
    }
    return NULL;
}

/* Spinning is worth about one wake-up, and only when it found work lately. */
static struct weft__runnable *worker_spin(struct weft__worker *w)
{
    struct weft__runtime *rt = w->runtime;
    bool is_hot = w->forking.is_hot;
    w->forking.is_hot = false; /* unless it is a piece that is found */
    struct weft__runnable *item = is_hot ? worker_relax(w) : NULL;
    bool may_spin = rt->spin && (w->spin_score > 0 || is_hot);
    unsigned rounds = may_spin ? SPIN_ROUNDS : 1;
    for (unsigned round = 0; round < rounds && !item; round++) {
        if (a_load(&rt->stopping, relaxed)) {
            return NULL;
        }
        item = worker_steal(w);
        if (!item && round + 1 < rounds) {
            item = worker_relax(w);
        }
    }
    if (item) {
        w->spin_score = SPIN_SCORE_MAX;
    } else if (w->spin_score > 0) {
        w->spin_score--;
    }
    return item;
}

/* What to run, from anywhere.  Sleeps when there is nothing.  NULL: the runtime stops. */
static struct weft__runnable *worker_find(struct weft__worker *w)
{
    struct weft__runtime *rt = w->runtime;
    bool is_searching = false;
    for (;;) {
        struct weft__runnable *item = w->handed;
        if (item) {
            w->handed = NULL;
            return item;
        }
        worker_fire_timers(w, w);
        if (w->turns_left <= 0) {
            w->turns_left = WEFT_GLOBAL_TURN;
            worker_poll(w, false);
            item = weft__inject_take(w);
        }
        if (!item) {
            item = worker_take_local(w);
        }
        if (!item) {
            item = weft__inject_take(w);
        }
        if (!item && worker_poll(w, w->is_only)) {
            item = worker_take_local(w);
        }
        if (!item && a_load(&rt->stopping, acquire)) {
            if (is_searching) {
                a_sub(&rt->idle.searching, 1, seq_cst);
            }
            return NULL;
        }
        if (!item && (is_searching || (is_searching = weft__idle_may_search(w)))) {
            item = worker_spin(w);
        }
        if (item) {
            if (is_searching) {
                weft__idle_found(w);
            }
            return item;
        }
        weft__idle_sleep(w, is_searching);
        is_searching = true;
    }
}

void weft__thread_loop(struct weft__thread *self)
{
    struct weft__worker *w;
    weft__san_hide();
    a_store(&self->inside, 1, relaxed);
    while ((w = weft__watch_sit(self)) != NULL) {
        struct weft__runnable *item;
        while (weft__seat(self) == w && (item = worker_find(w)) != NULL) {
            weft__worker_run(self, w, item);
        }
        if (a_load(&self->runtime->stopping, acquire)) {
            break;
        }
    }
    a_store(&self->inside, 0, release);
    weft__san_show();
}
