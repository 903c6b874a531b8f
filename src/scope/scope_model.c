/* scope_model.c - every interleaving of a cancel's walk with opens, closes, sleeps and starts.
 *
 * It is cancel.c, scope.c, go.c, start.c and park.c themselves.  One task of scope `home` opens
 * and closes scopes and at last sleeps, with nothing to wake it but a cancel; it is on a thread of
 * its own, so that it settles itself.  If the walk misses it it sleeps for ever, which the explorer
 * calls a deadlock.
 *
 * The lists and links lie in plain memory under the scopes' locks.  The explorer takes two states
 * for one when all operations have returned the same, so each critical section counts itself: in
 * another order they are other states.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tests/model.h"

#include "core/core_model.h"

static ATOMIC(uint32_t) sections;

static inline void section_take(struct weft__lock *l)
{
    model_lock_take(l);
    a_add(&sections, 1, relaxed);
}

#undef lock_take_object
#define lock_take_object section_take

#include "core/park.c"
#include "core/waitq.c"
#include "scope/cancel.c"
#include "scope/go.c"
#include "scope/scope.c"
#include "scope/start.c"

static struct weft__scope home, outer, inner;
static struct weft__thread thread;
static struct weft__task *const task = &thread.own;
static struct weft__start start;
static ATOMIC(uint32_t) is_open;
static ATOMIC(uint32_t) outer_done; /* a scope stays open for as long as it is cancelled */
static uint32_t times_ready;
static const weft_scope_options model_options;

static bool noise_of_scope(const struct weft__scope *s, const void *at)
{
    return at == &s->cause || at == &s->delivered || at == &s->alive || at == &s->services ||
           at == &s->deadline || at == &s->timer.state || at == &s->service_cancel;
}

static bool model_is_noise(const void *at)
{
    return at == &thread.inside || at == &weft__forked || at == &weft__enter_fences ||
           at == &weft__foreign_parked || at == &weft__runtime_now || noise_of_scope(&home, at) ||
           noise_of_scope(&outer, at) || noise_of_scope(&inner, at);
}

static void models_reset_task(void)
{
    memset(&thread, 0, sizeof thread);
    memset(&start, 0, sizeof start);
    thread.task = task;
    weft__scope_init_root(&home, NULL);
    task->driven = WEFT__BY_THREAD;
    list_init(&task->in_home);
    task->home = &home;
    a_store(&weft__enter_fences, 1, relaxed); /* as in park_model.c */
    a_store(&sections, 0, relaxed);
    a_store(&is_open, 0, relaxed);
    a_store(&outer_done, 0, relaxed);
    times_ready = 0;
}

static void models_reset(void)
{
    models_reset_task();
    go_begun(task);
}

/* It has slept before. */
static void models_reset_enrolled(void)
{
    models_reset();
    go_enroll(task);
}

/* And has a scope open. */
static void models_reset_inside(void)
{
    models_reset_enrolled();
    weft__scope_open(&outer, &thread, &model_options, NULL);
    a_store(&is_open, 1, relaxed);
}

static void models_reset_starting(void)
{
    models_reset_task();
    task->start = &start;
}

/* ---- what they ask of their neighbours ---- */

ATOMIC(uint32_t) weft__forked;
ATOMIC(uint32_t) weft__fault_mask;
ATOMIC(uint64_t) weft__foreign_parked;
ATOMIC(uint32_t) weft__enter_fences;
ATOMIC(struct weft__runtime *) weft__runtime_now;

struct weft__thread *weft__self(void)
{
    return &thread;
}

struct weft__task *weft__self_task(void)
{
    return task;
}

int weft__sys_membarrier(void)
{
    return 0;
}

void weft__ready(struct weft__task *t)
{
    model_assert(t == task);
    model_assert(times_ready == 0);
    times_ready++;
    a_store(&task->woken, 1, release);
    weft__sys_futex_wake(&task->woken, 1);
}

void weft__panic(const char *format, ...)
{
    model_fail("panic: %s", format);
}

void weft__panic_sites(const char *what, const char *a_label, const void *a, const char *b_label,
                       const void *b)
{
    (void)a_label;
    (void)a;
    (void)b_label;
    (void)b;
    model_fail("panic: %s", what);
}

struct weft__thread *weft__switch_away(struct weft__thread *self, enum weft__left_kind kind)
{
    (void)self;
    (void)kind;
    model_fail("it is on a thread of its own");
}

void weft__defer_run(struct weft__defer **list)
{
    (void)list;
}

void weft__scope_set_deadline(struct weft__scope *s, int64_t when)
{
    (void)s;
    (void)when;
}

void weft__scope_drop_deadline(struct weft__scope *s)
{
    (void)s;
}

struct weft__runtime *weft__runtime_pin(void)
{
    return NULL;
}

void weft__runtime_unpin(void)
{
}

void weft__root_finished(struct weft__scope *root)
{
    (void)root;
    model_fail("nobody ends the run");
}

int weft__birth_new(struct weft__thread *self, struct weft__runtime *rt,
                    const struct weft__birth_request *request, struct weft__birth **ret_birth)
{
    (void)self;
    (void)rt;
    (void)request;
    (void)ret_birth;
    return -WEFT_ENOMEM;
}

int weft__birth_launch(struct weft__thread *self, struct weft__runtime *rt,
                       struct weft__birth *birth, enum weft_on on)
{
    (void)self;
    (void)rt;
    (void)birth;
    (void)on;
    return -WEFT_ENOMEM;
}

void weft__stack_check(const struct weft__task *t)
{
    (void)t;
}

void weft__worker_push(struct weft__worker *w, struct weft__runnable *item)
{
    (void)w;
    (void)item;
}

void weft__idle_wake(struct weft__runtime *rt)
{
    (void)rt;
}

void weft__runtime_external_end(struct weft__runtime *rt)
{
    (void)rt;
}

void weft__log(const char *format, ...)
{
    (void)format;
}

void weft__symbol_name(const void *pc, char *buf, size_t size)
{
    (void)pc;
    (void)size;
    buf[0] = '\0';
}

void weft__symbol_site(const void *pc, char *buf, size_t size)
{
    weft__symbol_name(pc, buf, size);
}

const char *weft_strerror(int code)
{
    (void)code;
    return "";
}

/* ---- the task ---- */

static const struct weft__wait_kind model_kind = {.what = "model"};

/* As weft_sleep, with no timer. */
static void task_sleep(void)
{
    struct weft__thread *self = &thread;
    int rc = -WEFT_ECANCELED;
    if (weft__op_cancelled(self)) {
        go_delivered(task);
    } else {
        weft__park_arm(task);
        rc = weft__park(&self, &(struct weft__parking){.kind = &model_kind});
    }
    model_assert(rc == -WEFT_ECANCELED);
}

static void task_sleeps(void)
{
    task_sleep();
}

static void task_sleeps_in_a_scope(void)
{
    weft__scope_open(&outer, &thread, &model_options, NULL);
    task_sleep();
}

/* Both of them are cancelled, and it closes the one that it opened. */
static void task_closes_a_scope(void)
{
    weft__scope_open(&outer, &thread, &model_options, NULL);
    a_store(&is_open, 1, release);
    task_sleep();
    model_block_while(&outer_done, 0u);
    weft__scope_close(&outer, NULL);
    times_ready = 0;
    task_sleep();
}

static void task_sleeps_in_two(void)
{
    weft__scope_open(&outer, &thread, &model_options, NULL);
    weft__scope_open(&inner, &thread, &model_options, NULL);
    task_sleep();
}

static void task_sleeps_after_a_scope(void)
{
    weft__scope_open(&outer, &thread, &model_options, NULL);
    weft__scope_open(&inner, &thread, &model_options, NULL);
    weft__scope_close(&inner, NULL);
    task_sleep();
}

static void task_sleeps_at_home_again(void)
{
    weft__scope_open(&outer, &thread, &model_options, NULL);
    weft__scope_close(&outer, NULL);
    task_sleep();
}

/* Its first sleep is that of a close: it enrolls at home, which is above the scope. */
static void task_closes_around_a_child(void)
{
    weft__scope_open(&outer, &thread, &model_options, NULL);
    a_store(&outer.alive, 1, relaxed);
    a_store(&is_open, 1, release);
    weft__scope_close(&outer, NULL);
}


/* Its first turn, on which it finds out whether its starter has been cancelled. */
static void task_starts(void)
{
    go_begun(task);
    task_sleep();
}

static void task_starts_in_a_scope(void)
{
    go_begun(task);
    weft__scope_open(&outer, &thread, &model_options, NULL);
    task_sleep();
}

/* It says that it has started, and is gone: nobody may look at it any more. */
static void task_started_and_gone(void)
{
    go_begun(task);
    weft_started(NULL);
    lock_take_object(&home.lock);
    list_remove(&task->in_home);
    lock_drop(&home.lock);
    memset(task, 0xee, sizeof *task);
}

/* ---- who cancels ---- */

static void cancel_home(void);

static void cancel_home_and_end_the_child(void)
{
    cancel_home();
    model_block_while(&is_open, 0u);
    (void)a_load(&is_open, acquire);
    go_count_down(&outer, false);
}

static void cancel_home(void)
{
    weft__scope_cancel(&home, WEFT__CAUSE_EXPLICIT);
}

static void cancel_outer(void)
{
    model_block_while(&is_open, 0u);
    weft__scope_cancel(&outer, WEFT__CAUSE_EXPLICIT);
    a_store(&outer_done, 1, release);
}

/* Two cancellers at once have more states than can be told apart; so one after the other. */
static void cancel_outer_then_home(void)
{
    cancel_outer();
    cancel_home();
}

static void cancel_home_then_outer(void)
{
    cancel_home();
    cancel_outer();
}

static void cancel_start(void)
{
    weft__scope_cancel_start(&home, &start);
}

/* ---- what must hold ---- */

static void all_cancelled(void)
{
    model_assert(task->cancel && *task->cancel == 1);
    model_assert(wait_state(task->wait) == WEFT__RUNNING);
}

/* And the scope from which it came knows that it has cut a call short. */
static void all_delivered(void)
{
    all_cancelled();
    model_assert(home.delivered == 1);
}

/* ---- broken ---- */

/* It looks at the word, then goes on the list. */
static void task_opens_without_lock(void)
{
    scope_init(&outer, &model_options, NULL);
    uint32_t word = a_load(&home.cancel, relaxed);
    lock_take_object(&home.lock);
    outer.owner = task;
    outer.parent = &home;
    list_push_back(&home.children, &outer.in_parent);
    task->scope = &outer;
    lock_drop(&home.lock);
    a_store(&outer.cancel, word, relaxed);
    task->cancel = &outer.cancel;
    task_sleep();
}

/* It enrols, and does not look at its word once more. */
static void task_parks_blindly(void)
{
    if (!weft__op_cancelled(&thread)) {
        weft__park_arm(task);
        go_enroll(task);
        task->parking = &(struct weft__parking){.kind = &model_kind};
        task->cancel = NULL;
        park_thread(task, task->parking);
        task->cancel = &home.cancel;
        a_store(&task->wait, 0, relaxed);
    }
}

/* It has its tasks on no list: a sleep that nobody finds. */
static void task_never_enrols(void)
{
    task->enrolled = true;
    task_sleep();
}

/* It wakes the sleepers first, and then says why. */
static void cancel_home_too_late(void)
{
    struct cancel_walk walk = {.kicks = true};
    lock_take_object(&home.lock);
    weft__cancel_barrier();
    cancel_meet_tasks(&walk, &home, false);
    a_store(&home.cancel, 1, release);
    lock_drop(&home.lock);
    cancel_ready_all(walk.woken);
}

/* It sets the word and looks who sleeps, with nothing in between. */
static void cancel_home_without_barrier(void)
{
    struct cancel_walk walk = {.kicks = false};
    lock_take_object(&home.lock);
    cancel_meet(&walk, &home);
    walk.kicks = true;
    cancel_meet(&walk, &home);
    lock_drop(&home.lock);
    cancel_ready_all(walk.woken);
}

static const struct model models[] = {
    MODEL("scope_first_sleep", models_reset, all_cancelled, task_sleeps, cancel_home),
    MODEL("scope_later_sleep", models_reset_enrolled, all_cancelled, task_sleeps,
          cancel_home),
    MODEL("scope_open", models_reset, all_delivered, task_sleeps_in_a_scope, cancel_home),
    MODEL_NIGHT("scope_open_two", models_reset, all_delivered, task_sleeps_in_two, cancel_home),
    MODEL("scope_close", models_reset, all_delivered, task_sleeps_after_a_scope, cancel_home),
    MODEL("scope_close_all", models_reset, all_cancelled, task_sleeps_at_home_again, cancel_home),
    MODEL_NIGHT("scope_close_waits", models_reset, NULL, task_closes_around_a_child,
                cancel_home_and_end_the_child),
    MODEL("scope_two_cancels", models_reset_inside, all_cancelled, task_sleeps,
          cancel_outer_then_home),
    MODEL("scope_two_cancels_down", models_reset_inside, all_cancelled, task_sleeps,
          cancel_home_then_outer),
    MODEL_NIGHT("scope_two_cancels_open_close", models_reset, all_cancelled, task_closes_a_scope,
                cancel_home_then_outer),
    MODEL("scope_start", models_reset_starting, all_cancelled, task_starts, cancel_start),
    MODEL("scope_start_open", models_reset_starting, all_cancelled, task_starts_in_a_scope,
          cancel_start),
    MODEL("scope_start_home", models_reset_starting, all_cancelled, task_starts, cancel_home),
    MODEL("scope_started_gone", models_reset_starting, NULL, task_started_and_gone, cancel_start),
    MODEL_BROKEN("scope_open_looks_first", "a scope opened while its parent is cancelled is missed",
                 models_reset, NULL, task_opens_without_lock, cancel_home),
    MODEL_BROKEN("scope_parks_blindly", "a cancel that came before the list was joined is missed",
                 models_reset, NULL, task_parks_blindly, cancel_home),
    MODEL_BROKEN("scope_never_enrols", "a task on no list is not woken", models_reset, NULL,
                 task_never_enrols, cancel_home),
    MODEL_BROKEN("scope_word_too_late", "a task that parks between the walk and the word sleeps on",
                 models_reset_enrolled, NULL, task_sleeps, cancel_home_too_late),
    MODEL_BROKEN("scope_without_barrier", "the word and the sleep pass each other",
                 models_reset_enrolled, NULL, task_sleeps, cancel_home_without_barrier),
};

#define BY_PARK "park_model.c has the wakers that need it, or says why it stands"

static const struct model_spared spared[] = {
    {"weft__park_arm", "&task->wait", "release -> relaxed", BY_PARK},
    {"weft__enter", "", "seq_cst -> acq_rel", "watch_model.c has the seat that needs it"},
    {"park_settle_word", "&task->wait", "acq_rel -> release", BY_PARK},
    {"park_settle_word", "&task->wait", "release -> relaxed", BY_PARK},
    {"weft__claim_parked", "wait", "acq_rel -> acquire", BY_PARK},
    {"weft__claim_parked", "wait", "acq_rel -> release", BY_PARK},
    {"go_count_down", "go_count(s, service)", "acq_rel -> acquire", "it is under the lock"},
    {"go_count_down", "go_count(s, service)", "acq_rel -> release", "it is under the lock"},
    {"park_settle_word", "&task->wait", "failure acquire -> relaxed", BY_PARK},
    {"weft__claim", "&task->wait", "acquire -> relaxed", BY_PARK},
    {"wait_swap", "&task->wait", "acq_rel -> acquire", BY_PARK},
    {"weft__park", "&task->wait", "acquire -> relaxed", BY_PARK},
};

int main(int argc, char **argv)
{
    return model_main(argc, argv, models, WEFT_ARRAY_SIZE(models), spared, WEFT_ARRAY_SIZE(spared));
}
