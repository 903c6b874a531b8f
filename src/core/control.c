/* control.c - a run that somebody else steers; see control.h.
 *
 * One thread runs everything.  A task that leaves settles its own sleep first (nobody else runs, so
 * there is nothing to wait for), asks who is next, and switches there; nothing lies in a run queue.
 * The base stack runs when nobody is ready: it fires timers, moves the virtual clock to the next
 * one, makes the posted calls (they count as a strand of their own), and takes in what plain
 * threads have made ready.
 *
 * Giving up.  A deadlock, a panic or a livelock ends the run where it stands: the base stack comes
 * back as if the task had left, frees what the runtime knows of, and weft_run returns.  What the
 * tasks had allocated and locked themselves is lost.
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/control.h"

#include <setjmp.h>

#include "base/alloc.h"
#include "base/panic.h"
#include "base/sys.h"
#include "base/time.h"
#include "core/clock.h"
#include "core/idle.h"
#include "core/inject.h"
#include "core/local.h"
#include "core/owntls.h"
#include "core/park.h"
#include "core/post.h"
#include "core/runtime.h"
#include "core/task.h"
#include "core/worker.h"
#include "weft/err.h"
#include "weft/time.h"

/* What plain threads do: how soon to look again, and how often before one takes it that they will
 * wake nobody: while they all sleep, and at all. */
#define CONTROL_OUTSIDE_NS     (1 * WEFT_MS)
#define CONTROL_OUTSIDE_SLEEPS 200
#define CONTROL_OUTSIDE_LOOKS  10000

const struct weft__control *weft__control;

/* There is one runtime in a process, so one of these. */
static struct {
    struct weft__thread *self; /* whose run it is; NULL: none is on */
    struct weft__runtime *runtime;
    struct weft__runnable timers, posts; /* what is picked when it is their turn */
    struct weft__runnable *due;          /* picked, and not done yet */
    void *poster; /* the strand that makes the posted calls; NULL: nothing was ever posted */
    bool in_posts;
    bool given_up;
    jmp_buf base;
    int threads;     /* of the process, before the first run */
    uint32_t looks;  /* in a row, at what plain threads do; */
    uint32_t sleeps; /* of these, so many found all of them asleep */
    bool has_kept;
    struct weft__stacks kept;
} control_run;

static void control_panicked(const char *text)
{
    if (weft__control && weft__control->panicked) {
        weft__control->panicked(text);
    }
}

int weft__control_set(const struct weft__control *control, uint32_t version)
{
    if (control && version != WEFT__CONTROL_VERSION) {
        return -WEFT_EINVAL;
    }
    if (a_load(&weft__runtime_now, acquire)) {
        return -WEFT_EBUSY;
    }
    weft__control = control;
    a_store(&weft__panic_catch, control ? control_panicked : NULL, release);
    control_run.threads = control ? weft__sys_thread_count() : 0;
    return 0;
}

static bool control_is_mine(const struct weft__thread *self)
{
    return self && self == control_run.self;
}

/* Is the caller one whom the table's functions may be told of? */
static bool control_knows_caller(void)
{
    return weft__control->thread_wait || control_is_mine(weft__self_or_null());
}

void weft__control_say_refused(void)
{
    weft__san_hide(); /* the roof's books are of all tasks, in an order that TSan does not see */
    if (control_knows_caller()) {
        weft__control->refused();
    }
    weft__san_show();
}

void weft__control_say_mishap(enum weft__mishap mishap)
{
    weft__san_hide();
    if (control_knows_caller()) {
        weft__control->befell(mishap);
    }
    weft__san_show();
}

void weft__control_say_mutex(const void *mutex, bool taken, bool tried)
{
    weft__san_hide();
    if (control_knows_caller() && taken) {
        weft__control->mutex_taken(mutex, tried);
    } else if (control_knows_caller()) {
        weft__control->mutex_given(mutex);
    }
    weft__san_show();
}

void weft__control_say_rwlock_taken(const void *lock, bool shared, bool tried)
{
    weft__san_hide();
    if (control_knows_caller()) {
        weft__control->rwlock_taken(lock, shared, tried);
    }
    weft__san_show();
}

void weft__control_say_rwlock_given(const void *lock, bool shared)
{
    weft__san_hide();
    if (control_knows_caller()) {
        weft__control->rwlock_given(lock, shared);
    }
    weft__san_show();
}

void weft__control_say_order(const void *object)
{
    weft__san_hide();
    if (control_knows_caller()) {
        weft__control->released(object);
        weft__control->acquired(object);
    }
    weft__san_show();
}

uint32_t weft__control_choose(uint32_t n)
{
    weft__san_hide();
    uint32_t choice = control_knows_caller() ? weft__control->choose_arm(n) : n;
    weft__san_show();
    return choice;
}

/* ---- what came from outside ---- */

static void control_take_in(struct weft__runnable *item)
{
    if (item->kind == WEFT__STARTED) {
        weft__control->ready(container_of(item, struct weft__task, run)->strand);
        return;
    }
    struct weft__birth *birth = container_of(item, struct weft__birth, run);
    birth->strand = weft__control->born(birth->name, (const void *)(uintptr_t)birth->fn,
                                        birth->site, item);
}

/* True: there was something. */
static bool control_look_outside(void)
{
    struct weft__mpsc *queue = &control_run.runtime->inject.queue;
    struct weft__mpsc_node *node;
    bool any = false;
    while ((node = mpsc_pop(queue)) != NULL) {
        control_take_in(container_of(node, struct weft__runnable, node));
        any = true;
    }
    return any;
}

/* ---- leaving and coming back ---- */

/* When the next timer is due, or later; not earlier than that. */
static int64_t control_next_timer(void)
{
    if (!control_run.runtime) {
        return WEFT_NEVER;
    }
    return a_load(&control_run.runtime->workers[0].wheel.next_at, relaxed);
}

static void control_leave(struct weft__thread *self, enum weft__left_kind kind)
{
    weft__san_release(&control_run); /* should the run be given up, the base comes after us all */
    struct weft__runnable *item = weft__control->pick(control_next_timer());
    if (item == &control_run.posts || item == &control_run.timers) {
        control_run.due = item; /* the base stack's work */
        item = NULL;
    }
    if (item != &self->task->run || kind == WEFT__LEFT_DEAD) {
        weft__switch_to(self, item, kind);
    }
}

static void control_point(struct weft__thread *self, enum weft__deed deed, const void *object,
                          const void *second, const void *site)
{
    if (WEFT_UNLIKELY(!mpsc_is_empty(&control_run.runtime->inject.queue))) {
        control_look_outside();
    }
    if (weft__control->point(deed, object, second, site, control_next_timer())) {
        control_leave(self, WEFT__LEFT_NOTHING);
    }
    weft__control->passed(deed, object, second);
}

void weft__control_op(struct weft__thread *self, enum weft__deed deed, const void *object,
                      const void *second, const void *site)
{
    if (self->task->driven != WEFT__BY_CONTROL) {
        if (weft__control->thread_point && !control_is_mine(self)) {
            weft__control->thread_point(deed, object, second, site, control_next_timer());
        }
        return;
    }
    if (!control_run.in_posts) {
        uint32_t inside = a_load(&self->inside, relaxed);
        a_store(&self->inside, 1, relaxed);
        control_point(self, deed, object, second, site);
        a_store(&self->inside, inside, relaxed);
    }
}

/* In the middle of its own code: at an access of memory that somebody watches. */
static void control_leave_own_code(void)
{
    struct weft__thread *self = weft__self();
    uint32_t inside = a_load(&self->inside, relaxed);
    WEFT_CHECK(self->task->driven == WEFT__BY_CONTROL);
    a_store(&self->inside, 1, relaxed);
    weft__san_hide();
    control_leave(self, WEFT__LEFT_NOTHING);
    weft__san_show();
    a_store(&self->inside, inside, relaxed);
}

bool weft__control_wait(ATOMIC(uint32_t) *word, int64_t deadline)
{
    return weft__control->thread_wait(word, deadline, control_next_timer());
}

void weft__control_meet(enum weft__deed deed, const void *object, const void *second,
                        const void *site)
{
    struct weft__thread *self = weft__self_or_null();
    weft__san_hide();
    if (self) {
        weft__control_op(self, deed, object, second, site);
    }
    weft__san_show();
}

void weft__control_park(struct weft__thread *self, const struct weft__parking *parking)
{
    struct weft__task *task = self->task;
    WEFT_CHECK(control_is_mine(self));
    WEFT_CHECK(!control_run.in_posts);
    const void *object = parking->object;
    weft__control->parks();
    weft__park_settle(task);
    control_leave(self, WEFT__LEFT_NOTHING);
    weft__control->woke(object);
}

void weft__control_exit(struct weft__thread *self)
{
    weft__control->ended();
    control_leave(self, WEFT__LEFT_DEAD);
    __builtin_unreachable();
}

static void control_from_outside(struct weft__runtime *rt, struct weft__runnable *item)
{
    bool is_pinned = weft__runtime_pin() != NULL;
    weft__inject_push(rt, item);
    a_store(&rt->service_call, 1, release); /* pairs with control_wait_outside */
    weft__sys_futex_wake(&rt->service_call, 1);
    if (is_pinned) {
        weft__runtime_unpin();
    }
}

void weft__control_ready(struct weft__task *task)
{
    if (control_knows_caller()) {
        weft__control->ready(task->strand);
    } else {
        control_from_outside(task->runtime, &task->run);
    }
}

void weft__control_launch(struct weft__thread *self, struct weft__runtime *rt,
                          struct weft__birth *birth)
{
    if (!control_is_mine(self) && !weft__control->thread_wait) {
        control_from_outside(rt, &birth->run);
        return;
    }
    birth->strand = weft__control->born(birth->name, (const void *)(uintptr_t)birth->fn,
                                        birth->site, &birth->run);
}

/* ---- posts ---- */

static int control_posts_fn(void *arg)
{
    (void)arg;
    return 0;
}

void weft__control_posted(void)
{
    struct weft__thread *self = weft__self_or_null();
    if (!control_is_mine(self)) {
        return; /* a plain thread, or a signal handler on one: the base stack will look */
    }
    if (!control_run.poster) {
        control_run.poster = weft__control->born(
            "posts", (const void *)(uintptr_t)control_posts_fn, NULL, &control_run.posts);
        weft__control->serves(control_run.poster);
    }
    weft__control->ready(control_run.poster);
}

static void control_make_posts(struct weft__runtime *rt)
{
    control_run.in_posts = true;
    weft__post_run(rt);
    control_run.in_posts = false;
}

/* ---- the base stack ---- */

static void control_fire(struct weft__runtime *rt)
{
    int64_t now = weft__max((int64_t)a_load(&rt->virtual_now, relaxed), weft__control->now());
    a_store(&rt->virtual_now, now, release);
    a_store(&rt->coarse_now, now, relaxed);
    a_add(&rt->timers_fired, weft__wheel_fire(&rt->workers[0].wheel, now), relaxed);
}

/* A plain thread that was not there before may yet do something.  False: there is none, or it has
 * had time enough. */
static bool control_wait_outside(struct weft__runtime *rt)
{
    if (weft__control->thread_wait || weft__sys_thread_count() <= control_run.threads) {
        return false;
    }
    control_run.sleeps += weft__sys_ready_thread_count() <= 0;
    if (control_run.looks++ == CONTROL_OUTSIDE_LOOKS ||
        control_run.sleeps > CONTROL_OUTSIDE_SLEEPS) {
        return false;
    }
    if (a_load(&rt->service_call, acquire) == 0) {
        weft__sys_futex_wait(&rt->service_call, 0, weft__time_now() + CONTROL_OUTSIDE_NS);
    }
    a_store(&rt->service_call, 0, relaxed);
    return true;
}

/* Nobody is ready.  False: and nobody will be. */
static bool control_find(struct weft__runtime *rt)
{
    if (control_look_outside()) {
        control_run.looks = control_run.sleeps = 0;
        return true;
    }
    if (a_load(&rt->external, seq_cst) != 0) { /* a post from outside */
        control_make_posts(rt);
        return true;
    }
    /* One that is not there any more may have woken a task since the first look, and then ended. */
    return control_wait_outside(rt) || control_look_outside() ||
           a_load(&rt->external, seq_cst) != 0;
}

static void control_loop(struct weft__thread *self)
{
    struct weft__runtime *rt = self->runtime;
    while (!control_run.given_up) {
        struct weft__runnable *item = control_run.due;
        control_run.due = NULL;
        if (!item) {
            item = weft__control->pick(control_next_timer());
        }
        if (item == &control_run.posts) {
            control_make_posts(rt);
            weft__control->parks();
        } else if (item == &control_run.timers) {
            control_fire(rt);
        } else if (item) {
            weft__worker_run(self, &rt->workers[0], item);
            a_store(&self->inside, 1, relaxed);
        } else if (a_load(&rt->stopping, acquire)) { /* pairs with weft__runtime_stop */
            return;
        } else if (!control_find(rt)) {
            weft__control->stuck();
        }
    }
}

/* The tasks of a run that was given up are no more. */
static void control_drop_tasks(struct weft__thread *self)
{
    bool more = true;
    for (size_t i = 0; more; i++) {
        struct weft__runnable *item = weft__control->at(i, &more);
        if (!item || item == &control_run.posts) {
            continue;
        }
        if (item->kind == WEFT__BIRTH) {
            struct weft__birth *birth = container_of(item, struct weft__birth, run);
            weft__locals_unref(birth->locals);
            weft__owntls_free(birth->owns_tls ? birth->tls : NULL);
            weft__free(birth);
        } else {
            struct weft__task *task = container_of(item, struct weft__task, run);
            weft__locals_unref(task->locals);
            weft__owntls_free(task->tls);
            weft__san_free(&task->san);
        }
    }
    self->ranks.count = self->ranks.lost = 0;
}

void weft__control_start(struct weft__runtime *rt, struct weft__thread *self)
{
    control_run.self = self;
    control_run.runtime = rt;
    control_run.poster = NULL;
    control_run.due = NULL;
    control_run.in_posts = control_run.given_up = false;
    control_run.looks = control_run.sleeps = 0;
    control_run.threads = weft__min(control_run.threads, weft__sys_thread_count()); /* some end */
}

bool weft__control_work(struct weft__thread *self)
{
    WEFT_CHECK(control_is_mine(self));
    weft__san_hide();
    a_store(&self->inside, 1, relaxed);
    weft__control->begin(&(struct weft__controlled){.timers = &control_run.timers,
                                                    .inside = &self->inside,
                                                    .leave = control_leave_own_code});
    if (setjmp(control_run.base) == 0) {
        control_loop(self);
    }
    bool given_up = control_run.given_up;
    if (given_up) {
        weft__san_acquire(&control_run);
        control_drop_tasks(self);
        weft__post_drop(self->runtime);
    }
    weft__control->end();
    a_store(&self->inside, 0, release);
    weft__san_show();
    control_run.self = NULL;
    control_run.runtime = NULL;
    return !given_up;
}

void weft__control_give_up(void)
{
    struct weft__thread *self = weft__self();
    struct weft__task *prev = self->task;
    WEFT_CHECK(control_is_mine(self));
    WEFT_CHECK(!control_run.given_up);
    control_run.given_up = true;
    weft__san_release(&control_run);
    if (prev == &self->own) {
        longjmp(control_run.base, 1);
    }
    weft__switch_to(self, NULL, WEFT__LEFT_NOTHING);
    __builtin_unreachable();
}

/* ---- stacks, kept from run to run ---- */

bool weft__control_take_stacks(struct weft__stacks *stacks, uint32_t default_class)
{
    if (!control_run.has_kept || control_run.kept.default_class != default_class) {
        return false;
    }
    *stacks = control_run.kept;
    control_run.has_kept = false;
    return true;
}

void weft__control_keep_stacks(struct weft__stacks *stacks)
{
    weft__control_free_stacks();
    weft__stacks_recall(stacks);
    control_run.kept = *stacks;
    control_run.has_kept = true;
}

void weft__control_free_stacks(void)
{
    if (control_run.has_kept) {
        weft__stacks_fini(&control_run.kept);
        control_run.has_kept = false;
    }
}
