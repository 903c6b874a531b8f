/* cancel.c - a cancel walks down the tree.
 *
 * Called by whoever cancels a scope: the program, a deadline, a failure, a signal.  It goes down
 * twice.  First, under the locks of the path, it sets each scope's word.  Then comes a barrier
 * (core/park.c: what makes it that sleeping costs no fence), and the second time it claims the
 * sleep of every resident task; the sleepers are made ready when the locks are dropped.  It touches
 * nobody's stack and frees nothing: each sleeper's own frame unlinks its node and returns
 * -WEFT_ECANCELED.
 *
 * A scope opened meanwhile is not missed: it takes its word from its parent under the parent's
 * lock, so it is either on the list when we come by or sees the word set.  A task that sleeps for
 * the first time meanwhile is not either: it enrolls under the scope's lock, and then looks.
 *
 * The walk keeps its place in the tree itself (parent pointers), so that no depth of nesting can
 * overflow the stack it runs on.
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/worker.h"
#include "scope/scope.h"

struct cancel_walk {
    struct weft__task *woken; /* claimed, to be made ready at the end; linked by run.node */
    bool services;            /* the root of the walk cancels its services, not itself */
    bool kicks;               /* the second time */
    bool met_anyone;          /* who may sleep; else there is no second time */
};

static void cancel_kick(struct cancel_walk *walk, struct weft__task *task)
{
    if (!walk->kicks) {
        walk->met_anyone = true;
    } else if (weft__claim_cancel(task) == WEFT__CLAIM_MUST_READY) {
        struct weft__mpsc_node *next = walk->woken ? &walk->woken->run.node : NULL;
        a_store(&task->run.node.next, next, relaxed);
        walk->woken = task;
    }
}

static void cancel_ready_all(struct weft__task *task)
{
    while (task) {
        struct weft__mpsc_node *next = a_load(&task->run.node.next, relaxed);
        weft__ready(task);
        task = next ? container_of(next, struct weft__task, run.node) : NULL;
    }
}

static void cancel_meet_tasks(struct cancel_walk *walk, struct weft__scope *s, bool services)
{
    LIST_FOR_EACH(&s->tasks, it) {
        struct weft__task *task = container_of(it, struct weft__task, in_home);
        if (task->service != services) {
            continue;
        }
        if (task->start && !walk->kicks) {
            a_store(&task->start->cancel, 1, relaxed);
        }
        if (task->scope == s) {
            cancel_kick(walk, task);
        }
    }
}

/* The scope becomes cancelled, or those who sleep in it are woken; its lock is held. */
static void cancel_meet(struct cancel_walk *walk, struct weft__scope *s)
{
    if (!walk->kicks) {
        a_store(&s->cancel, 1, release);
    }
    if (s->owner && !s->inner) {
        cancel_kick(walk, s->owner);
    }
    cancel_meet_tasks(walk, s, false);
}

/* Does the cancel of the parent reach this child?  The second time, it has: or another one had. */
static bool cancel_reaches(const struct cancel_walk *walk, const struct weft__scope *top,
                           struct weft__scope *child)
{
    if (child->shield || (a_load(&child->cancel, relaxed) != 0) != walk->kicks) {
        return false;
    }
    bool wants_services = walk->services && child->parent == top;
    return child->under_service == wants_services;
}

/* Everything below `top`, whose lock is held.  A child's lock is held while we are below it. */
static void cancel_walk_down(struct cancel_walk *walk, struct weft__scope *top)
{
    struct weft__scope *s = top;
    struct weft__list *at = s->children.next;
    for (;;) {
        if (at == &s->children) {
            if (s == top) {
                return;
            }
            struct weft__scope *done = s;
            s = done->parent;
            at = done->in_parent.next;
            lock_drop(&done->lock);
            continue;
        }
        struct weft__scope *child = container_of(at, struct weft__scope, in_parent);
        at = at->next;
        if (cancel_reaches(walk, top, child)) {
            lock_take_object(&child->lock);
            cancel_meet(walk, child);
            s = child;
            at = s->children.next;
        }
    }
}

/* Between the two times.  False: there is nobody to wake. */
static bool cancel_turn(struct cancel_walk *walk)
{
    if (!walk->met_anyone) {
        return false;
    }
    weft__cancel_barrier();
    walk->kicks = true;
    return true;
}

void weft__scope_cancel(struct weft__scope *s, enum weft__cause cause)
{
    struct cancel_walk walk = {.services = false};
    bool is_held = false;
    lock_take_object(&s->lock);
    if (a_load(&s->cause, relaxed) == WEFT__CAUSE_NONE) {
        a_store(&s->cause, cause, relaxed);
    }
    if (!a_load(&s->cancel, relaxed)) {
        cancel_meet(&walk, s);
        cancel_walk_down(&walk, s);
        is_held = walk.met_anyone && s->owner; /* the root stays by itself */
    }
    if (is_held) { /* who has seen the word may close the scope: not before the second time */
        a_add(&s->alive, 1, relaxed);
    }
    lock_drop(&s->lock);
    if (cancel_turn(&walk)) {
        lock_take_object(&s->lock);
        cancel_meet(&walk, s);
        cancel_walk_down(&walk, s);
        lock_drop(&s->lock);
        cancel_ready_all(walk.woken);
    }
    if (is_held) {
        weft__scope_let_go(s);
    }
}

/* The scope has just been shielded from a cancel that may have come between its two times: what it
 * has reached below is woken by us. */
void weft__scope_kick_below(struct weft__scope *s)
{
    struct cancel_walk walk = {.kicks = true};
    weft__cancel_barrier();
    lock_take_object(&s->lock);
    cancel_walk_down(&walk, s);
    lock_drop(&s->lock);
    cancel_ready_all(walk.woken);
}

static void cancel_go_services(struct cancel_walk *walk, struct weft__scope *s)
{
    lock_take_object(&s->lock);
    a_store(&s->service_cancel, 1, release);
    cancel_meet_tasks(walk, s, true);
    cancel_walk_down(walk, s);
    lock_drop(&s->lock);
}

void weft__scope_cancel_services(struct weft__scope *s)
{
    struct cancel_walk walk = {.services = true};
    cancel_go_services(&walk, s);
    if (cancel_turn(&walk)) {
        cancel_go_services(&walk, s);
        cancel_ready_all(walk.woken);
    }
}

static void cancel_go_start(struct cancel_walk *walk, struct weft__scope *s,
                            struct weft__start *start)
{
    lock_take_object(&s->lock);
    a_store(&start->cancel, 1, relaxed);
    struct weft__task *task = start->task;
    if (task) {
        WEFT_CHECK(task->start == start);
        if (task->scope == s) {
            cancel_kick(walk, task);
        }
    }
    /* The second time the task may have detached itself: what is cancelled is met all the same. */
    LIST_FOR_EACH(&s->children, it) {
        struct weft__scope *child = container_of(it, struct weft__scope, in_parent);
        bool is_reached = walk->kicks ? a_load(&child->cancel, relaxed) != 0
                                      : task && child->owner == task;
        if (is_reached && !child->shield) {
            lock_take_object(&child->lock);
            cancel_meet(walk, child);
            cancel_walk_down(walk, child);
            lock_drop(&child->lock);
        }
    }
    lock_drop(&s->lock);
}

void weft__scope_cancel_start(struct weft__scope *s, struct weft__start *start)
{
    struct cancel_walk walk = {.services = false};
    cancel_go_start(&walk, s, start);
    if (cancel_turn(&walk)) {
        cancel_go_start(&walk, s, start);
        cancel_ready_all(walk.woken);
    }
}

void weft__scope_visit(struct weft__scope *top, void (*visit)(struct weft__task *, void *),
                       void *arg)
{
    struct weft__scope *s = top;
    lock_take_object(&top->lock);
    struct weft__list *at = s->children.next;
    LIST_FOR_EACH(&s->tasks, it) {
        visit(container_of(it, struct weft__task, in_home), arg);
    }
    for (;;) {
        if (at == &s->children) {
            struct weft__scope *done = s;
            if (s == top) {
                lock_drop(&top->lock);
                return;
            }
            s = done->parent;
            at = done->in_parent.next;
            lock_drop(&done->lock);
            continue;
        }
        s = container_of(at, struct weft__scope, in_parent);
        lock_take_object(&s->lock);
        LIST_FOR_EACH(&s->tasks, it) {
            visit(container_of(it, struct weft__task, in_home), arg);
        }
        at = s->children.next;
    }
}

void weft_scope_cancel(weft_scope *scope)
{
    struct weft__scope *s = weft__scope_of(scope);
    weft__control_point(WEFT__DEED_CANCEL, s, __builtin_return_address(0));
    struct weft__thread *self = weft__enter();
    WEFT_CHECK(s->magic == WEFT__SCOPE_OPEN);
    weft__scope_cancel(s, WEFT__CAUSE_EXPLICIT);
    weft__leave(self);
}
