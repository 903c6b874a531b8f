/* scope.c - opening and closing, and asking a scope what happened.
 *
 * SPDX-License-Identifier: MIT
 */
#include "scope/scope.h"

#include "base/log.h"
#include "base/panic.h"
#include "base/symbol.h"
#include "core/runtime.h"
#include "core/worker.h"
#include "weft/err.h"

static const struct weft__wait_kind scope_close_kind = {.what = "the tasks of a scope"};

/* ---- open ---- */

static void scope_init(struct weft__scope *s, const weft_scope_options *options, const void *site)
{
    a_store(&s->cancel, 0, relaxed);
    a_store(&s->service_cancel, 0, relaxed);
    a_store(&s->cause, WEFT__CAUSE_NONE, relaxed);
    a_store(&s->delivered, 0, relaxed);
    a_store(&s->alive, 0, relaxed);
    a_store(&s->services, 0, relaxed);
    a_store(&s->deadline, WEFT_NEVER, relaxed);
    s->magic = WEFT__SCOPE_OPEN;
    s->policy = (uint8_t)options->policy;
    s->shield = options->shield;
    s->under_service = false;
    s->in_run = false;
    s->has_success = false;
    lock_init(&s->lock, WEFT_RANK_SCOPE);
    s->parent = NULL;
    s->owner = NULL;
    s->inner = NULL;
    list_init(&s->children);
    list_init(&s->in_parent);
    list_init(&s->tasks);
    s->closer = (struct weft__waitq){NULL, NULL};
    s->defers = NULL;
    s->name = options->name;
    s->site = site;
    lock_init(&s->deadline_lock, WEFT_RANK_NONE);
    a_store(&s->timer.state, WEFT__TIMER_OFF, relaxed);
    s->error_count = 0;
}

/* Below the innermost scope of the opener, from which it takes its word: under the parent's lock,
 * so that a cancel either finds it on the list or has set the word already. */
static void scope_link(struct weft__scope *s, struct weft__scope *parent, struct weft__task *owner)
{
    lock_take_object(&parent->lock);
    s->parent = parent;
    s->in_run = parent->in_run;
    list_push_back(&parent->children, &s->in_parent);
    if (parent->owner == owner) {
        parent->inner = s;
    }
    s->under_service = owner->service && parent == owner->home;
    if (!s->shield && owner->cancel) {
        a_store(&s->cancel, a_load(owner->cancel, relaxed), relaxed);
    }
    owner->scope = s;
    owner->cancel = &s->cancel;
    lock_drop(&parent->lock);
}

void weft__scope_open(struct weft__scope *s, struct weft__thread *self,
                      const weft_scope_options *options, const void *site)
{
    struct weft__task *owner = self->task;
    struct weft__runtime *rt = weft__runtime();
    struct weft__scope *parent = owner->scope;
    WEFT_CHECK(options->policy <= WEFT_FIRST_OK);
    scope_init(s, options, site);
    s->owner = owner;
    if (!parent && rt && !owner->home) { /* a plain thread: the run waits for it */
        parent = rt->root;
        a_add(&parent->alive, 1, relaxed);
    }
    if (parent) {
        if (!owner->cancel && !owner->scope) {
            owner->cancel = &parent->cancel;
        }
        scope_link(s, parent, owner);
    } else {
        owner->scope = s;
        owner->cancel = &s->cancel;
    }
}

void weft__scope_init_root(struct weft__scope *s, const void *site)
{
    scope_init(s, &(weft_scope_options){.name = "root", .shield = true}, site);
    s->in_run = true;
    a_store(&s->alive, 1, relaxed);
}

static const weft_scope_options scope_default_options;

void weft_scope_open_with(weft_scope *scope, const weft_scope_options *options)
{
    const void *site = __builtin_return_address(0);
    struct weft__thread *self = weft__enter();
    options = options ? options : &scope_default_options;
    weft__scope_open(weft__scope_of(scope), self, options, site);
    weft__leave(self);
    if (options->deadline) {
        weft__scope_set_deadline(weft__scope_of(scope), options->deadline);
    }
}

void weft_scope_open(weft_scope *scope)
{
    struct weft__thread *self = weft__enter();
    weft__scope_open(weft__scope_of(scope), self, &scope_default_options,
                     __builtin_return_address(0));
    weft__leave(self);
}

/* ---- close ---- */

static void scope_check_closer(const struct weft__scope *s, const struct weft__task *task,
                               const void *site)
{
    if (s->magic != WEFT__SCOPE_OPEN) {
        weft__panic_sites("a scope that is not open was closed", "closed", site, "opened",
                          s->magic == WEFT__SCOPE_CLOSED ? s->site : NULL);
    }
    if (s->owner != task) {
        weft__panic_sites("a scope was closed by another task than its owner", "closed", site,
                          "opened", s->site);
    }
    if (task->scope != s) {
        const struct weft__scope *later = task->scope;
        weft__panic_sites("scopes closed out of order: a later one is still open",
                          "this one opened", s->site, "later one opened",
                          later ? later->site : NULL);
    }
}

/* Sleeps until none of the counted tasks is left.  Not cancellable.  True: no task is left. */
static bool scope_wait(struct weft__scope *s, ATOMIC(uint32_t) *count, struct weft__thread **self,
                       const void *site)
{
    struct weft__task *task = (*self)->task;
    lock_take_object(&s->lock);
    while (a_load(count, acquire) > 0) { /* pairs with the count down of the last task */
        struct weft__waiter waiter;
        if (!task->enrolled && task->home) {
            lock_drop(&s->lock); /* its home is above this one: parent before child */
            weft__owner_ops.enroll(task);
            lock_take_object(&s->lock);
            continue;
        }
        weft__waiter_init_locked(&waiter, *self);
        weft__waitq_push(&s->closer, &waiter);
        (void)weft__park(self, &(struct weft__parking){.kind = &scope_close_kind,
                                                       .object = s,
                                                       .site = site,
                                                       .lock = &s->lock,
                                                       .ticket = waiter.ticket,
                                                       .is_uncancellable = true});
        lock_take_object(&s->lock);
    }
    bool is_empty = a_load(&s->alive, relaxed) == 0 && a_load(&s->services, relaxed) == 0;
    lock_drop(&s->lock);
    return is_empty;
}

/* The services are cancelled when only they remain; one that ends may start a task once more.  Each
 * count is looked at under the lock, which the last task holds while it counts itself down. */
static void scope_join(struct weft__scope *s, struct weft__thread **self, const void *site)
{
    while (!scope_wait(s, &s->alive, self, site)) {
        weft__scope_cancel_services(s);
        if (scope_wait(s, &s->services, self, site)) {
            return;
        }
    }
}

/* Would its owner be cancelled if it had not opened the scope? */
static bool scope_is_cancelled_outside(const struct weft__scope *s)
{
    if (!s->parent || s->shield) {
        return false;
    }
    bool is_home = s->parent == s->owner->home;
    return a_load(is_home ? weft__scope_home_word(s->owner) : &s->parent->cancel, relaxed) != 0;
}

static int scope_result(const struct weft__scope *s)
{
    struct weft__scope *m = (struct weft__scope *)(uintptr_t)s;
    enum weft__cause cause = (enum weft__cause)a_load(&m->cause, relaxed);
    if (s->policy == WEFT_FIRST_OK && s->has_success) {
        return 0;
    }
    if (s->error_count > 0) {
        return s->errors[0].code;
    }
    if (!a_load(&m->delivered, relaxed)) {
        return 0;
    }
    bool is_own = cause == WEFT__CAUSE_DEADLINE && !scope_is_cancelled_outside(s);
    return is_own ? -WEFT_ETIMEDOUT : -WEFT_ECANCELED;
}

static void scope_unlink(struct weft__scope *s, struct weft__task *owner)
{
    struct weft__scope *parent = s->parent;
    bool parent_is_mine = parent && (parent->owner == owner || parent == owner->home);
    if (parent) {
        lock_take_object(&parent->lock);
        list_remove(&s->in_parent);
        if (parent->inner == s) {
            parent->inner = NULL;
        }
    }
    owner->scope = parent_is_mine ? parent : NULL;
    owner->cancel = !parent_is_mine          ? NULL
                    : parent == owner->home ? weft__scope_home_word(owner)
                                            : &parent->cancel;
    if (parent) {
        lock_drop(&parent->lock);
    }
}

int weft__scope_close(struct weft__scope *s, const void *site)
{
    weft__control_point(WEFT__DEED_SCOPE_CLOSE, s, site);
    struct weft__thread *self = weft__enter();
    struct weft__task *owner = self->task;
    scope_check_closer(s, owner, site);
    scope_join(s, &self, site);
    weft__leave(self);
    weft__defer_run(&s->defers);
    self = weft__enter();
    scope_join(s, &self, site); /* a deferred call may have started a task */
    weft__scope_drop_deadline(s);
    int rc = scope_result(s);
    struct weft__scope *root = !owner->home && s->parent && !s->parent->owner ? s->parent : NULL;
    scope_unlink(s, owner);
    s->magic = WEFT__SCOPE_CLOSED;
    if (root) {
        (void)weft__runtime_pin(); /* this may end the run, and we go on a little longer */
        weft__scope_let_go(root);
        weft__runtime_unpin();
    }
    weft__leave(self);
    return rc;
}

int weft_scope_close(weft_scope *scope)
{
    return weft__scope_close(weft__scope_of(scope), __builtin_return_address(0));
}

static void scope_log_errors(const struct weft__scope *s)
{
    char fn[160], site[160];
    for (size_t i = 0; i < weft__min(s->error_count, (size_t)WEFT_SCOPE_ERRORS_MAX); i++) {
        const weft_error *error = &s->errors[i];
        weft__symbol_name(error->fn, fn, sizeof fn);
        weft__symbol_site(error->site, site, sizeof site);
        weft__log("a task failed and nobody looked: %s, started at %s: %s%s%s", fn, site,
                  weft_strerror(error->code), error->why ? ": " : "", error->why ? error->why : "");
    }
}

void weft_scope_end(weft_scope *scope)
{
    (void)weft__scope_close(weft__scope_of(scope), __builtin_return_address(0));
    scope_log_errors(weft__scope_of(scope));
}

void weft_scope_leave(weft_scope *scope)
{
    struct weft__scope *s = weft__scope_of(scope);
    if (s->magic == WEFT__SCOPE_OPEN) {
        weft_scope_cancel(scope);
        weft_scope_end(scope);
    }
}

/* ---- shield, and questions ---- */

void weft_scope_shield(weft_scope *scope)
{
    struct weft__scope *s = weft__scope_of(scope);
    struct weft__thread *self = weft__enter();
    WEFT_CHECK(s->magic == WEFT__SCOPE_OPEN);
    WEFT_CHECK(s->owner == self->task);
    if (s->parent) {
        lock_take_object(&s->parent->lock); /* no outer cancel is on its way in */
    }
    lock_take_object(&s->lock);
    s->shield = true;
    bool was_reached = a_load(&s->cancel, relaxed) && !list_empty(&s->children);
    if (a_load(&s->cause, relaxed) == WEFT__CAUSE_NONE) {
        a_store(&s->cancel, 0, seq_cst);
    }
    lock_drop(&s->lock);
    if (s->parent) {
        lock_drop(&s->parent->lock);
    }
    if (was_reached) {
        weft__scope_kick_below(s);
    }
    weft__leave(self);
}

bool weft_scope_cancelled(const weft_scope *scope)
{
    weft__control_point(WEFT__DEED_CANCEL_LOOK, scope, __builtin_return_address(0));
    return weft__control_seen(a_load(&weft__scope_of(scope)->cancel, acquire) != 0);
}

bool weft_scope_delivered(const weft_scope *scope)
{
    return a_load(&weft__scope_of(scope)->delivered, acquire) != 0;
}

bool weft_cancelled(void)
{
    const struct weft__task *task = weft__self_task();
    weft__control_point(WEFT__DEED_CANCEL_LOOK, task->scope, __builtin_return_address(0));
    return weft__control_seen(task->cancel && a_load(task->cancel, relaxed));
}

void weft__scope_note_error(struct weft__scope *s, const weft_error *error)
{
    WEFT_CHECK(lock_is_held(&s->lock));
    if (s->error_count < WEFT_SCOPE_ERRORS_MAX) {
        s->errors[s->error_count] = *error;
    }
    s->error_count++;
}

size_t weft_scope_errors(const weft_scope *scope, weft_error *ret_errors, size_t n)
{
    struct weft__scope *s = weft__scope_of(scope);
    struct weft__thread *self = weft__enter();
    lock_take_object(&s->lock);
    size_t count = s->error_count;
    size_t kept = weft__min(count, (size_t)WEFT_SCOPE_ERRORS_MAX);
    kept = weft__min(kept, n);
    if (kept) {
        memcpy(ret_errors, s->errors, kept * sizeof *ret_errors);
    }
    lock_drop(&s->lock);
    weft__leave(self);
    return count;
}
