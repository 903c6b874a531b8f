/* watch_model.c - every interleaving of a seat being taken with its sitter, and of the watchdog's
 * deep sleep with a worker that gets up.
 *
 * It is watch.c and idle.c themselves, with the enter and leave of core.h.  The seat stands for all
 * that its sitter may touch alone: a counter, raised by a load and a store.  Were two threads on
 * the seat at once, or the second one without sight of what the first one did, a count would be
 * lost.
 *
 * The kernel's membarrier is played as a fence in weft__enter, which is where it takes effect: at
 * some point between the sitter's mark and its look at the seat.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tests/model.h"

#include "core/core_model.h"

#include "core/idle.c"
#include "core/watch.c"

static struct weft__runtime rt;
static struct weft__worker seat;
static struct weft__thread sitter, spare;
static ATOMIC(uint32_t) on_seat; /* its sitter's alone */
static uint32_t times_touched, times_outside;
static bool has_barrier;

static bool model_is_noise(const void *at)
{
    return at == &rt.wakes || at == &rt.coarse_now || at == &rt.idle.unsure ||
           at == &rt.stopping || at == &rt.external || at == &rt.handovers ||
           at == &rt.idle.keeper_until || at == &seat.wheel.next_at || at == &weft__enter_fences ||
           at == &rt.service_until || at == &rt.idle.lead;
}

static void models_reset_all(bool with_barrier)
{
    memset(&rt, 0, sizeof rt);
    memset(&seat, 0, sizeof seat);
    memset(&sitter, 0, sizeof sitter);
    memset(&spare, 0, sizeof spare);
    rt.workers = &seat;
    rt.worker_count = 1;
    rt.options.quiet = true;
    list_init(&rt.spares);
    list_push_front(&rt.spares, &spare.spare_link);
    lock_init(&rt.threads_lock, WEFT_RANK_NONE);
    weft__idle_init(&rt.idle);
    list_init(&seat.idle_link);
    seat.runtime = sitter.runtime = spare.runtime = &rt;
    a_store(&seat.wheel.next_at, WEFT_NEVER, relaxed);
    a_store(&seat.thread, &sitter, relaxed);
    a_store(&sitter.seat, &seat, relaxed);
    a_store(&weft__enter_fences, with_barrier, relaxed);
    has_barrier = with_barrier;
    a_store(&on_seat, 0, relaxed);
    times_touched = times_outside = 0;
}

static void models_reset(void)
{
    models_reset_all(true);
}

static void models_reset_without_barrier(void)
{
    models_reset_all(false);
}

/* All workers sleep: one. */
static void models_reset_asleep(void)
{
    models_reset_all(true);
    list_push_front(&rt.idle.list, &seat.idle_link);
    seat.is_idle = seat.is_committed = true;
    rt.idle.committed = 1;
    a_store(&rt.idle.sleeping, 1, relaxed);
}

/* ---- what they ask of their neighbours ---- */

ATOMIC(uint32_t) weft__enter_fences;
ATOMIC(uint32_t) weft__forked;
const struct weft__owner_ops weft__owner_ops;

struct weft__thread *weft__self(void)
{
    return &sitter;
}

/* Where it is played by a fence of the sitter's, the taker has one of its own; the broken one says
 * that it has been, and has not. */
int weft__sys_membarrier(void)
{
    return has_barrier ? -1 : 0;
}

int64_t weft__time_now(void)
{
    return 0;
}

int64_t weft__now(struct weft__runtime *runtime)
{
    (void)runtime;
    return 0;
}

void weft__runtime_external_begin(struct weft__runtime *runtime)
{
    (void)runtime;
}

void weft__runtime_external_end(struct weft__runtime *runtime)
{
    (void)runtime;
}

/* The rest is said in watch.c and idle.c, but on no way that is taken here. */
#define NEVER_CALLED                                                                              \
    {                                                                                             \
        model_fail("%s: not expected here", __func__);                                            \
    }

bool weft__worker_has_work(struct weft__worker *w WEFT_UNUSED)
NEVER_CALLED
bool weft__worker_has_private(struct weft__worker *w WEFT_UNUSED)
NEVER_CALLED
bool weft__forks_has_more(struct weft__worker *w WEFT_UNUSED)
NEVER_CALLED
void weft__forks_ask(struct weft__runtime *r WEFT_UNUSED)
NEVER_CALLED
void weft__solo_begin(struct weft__runtime *r WEFT_UNUSED, struct weft__thread *t WEFT_UNUSED)
NEVER_CALLED
bool weft__inject_is_empty(struct weft__runtime *r WEFT_UNUSED)
NEVER_CALLED
enum weft__quiet weft__runtime_quiescent(struct weft__runtime *r WEFT_UNUSED)
NEVER_CALLED
int64_t weft__wheel_next(struct weft__wheel *wheel WEFT_UNUSED)
NEVER_CALLED
size_t weft__wheel_fire(struct weft__wheel *wheel WEFT_UNUSED, int64_t now WEFT_UNUSED)
NEVER_CALLED
void weft__post_run(struct weft__runtime *r WEFT_UNUSED)
NEVER_CALLED
void weft__runtime_reap_threads(struct weft__runtime *r WEFT_UNUSED, bool wait WEFT_UNUSED)
NEVER_CALLED
int weft__runtime_start_thread(struct weft__runtime *r WEFT_UNUSED,
                               struct weft__worker *w WEFT_UNUSED)
NEVER_CALLED
void weft__runtime_init_thread(struct weft__runtime *r WEFT_UNUSED,
                               struct weft__thread *t WEFT_UNUSED)
NEVER_CALLED
int64_t weft__stacks_trim(struct weft__stacks *stacks WEFT_UNUSED, int64_t now WEFT_UNUSED)
NEVER_CALLED
void weft__self_bind(struct weft__thread *t WEFT_UNUSED)
NEVER_CALLED
void weft__log_limited(struct weft__log_limit *limit WEFT_UNUSED, const char *format WEFT_UNUSED,
                       ...)
NEVER_CALLED
void weft__stuck_look(struct weft__stuck_report *report WEFT_UNUSED,
                      struct weft__thread *t WEFT_UNUSED, int64_t stuck_ns WEFT_UNUSED)
NEVER_CALLED
int weft__sys_membarrier_register(void)
NEVER_CALLED
pid_t weft__sys_gettid(void)
NEVER_CALLED
int weft__sys_thread_start(void *(*fn)(void *)WEFT_UNUSED, void *arg WEFT_UNUSED,
                           size_t size WEFT_UNUSED, const char *name WEFT_UNUSED,
                           pthread_t *ret WEFT_UNUSED)
NEVER_CALLED
void weft__sys_thread_join(pthread_t thread WEFT_UNUSED)
NEVER_CALLED

void weft__solo_end(void)
{
}

void weft__stuck_tell(struct weft__stuck_report *report)
{
    model_assert(!report->is_wanted);
}

/* ---- taking a seat ---- */

static void touch_seat(void)
{
    uint32_t n = a_load(&on_seat, relaxed);
    a_store(&on_seat, n + 1, relaxed);
    times_touched++;
}

/* One operation of a task: on the seat if it has one, as a plain thread if not. */
static void operate(bool confirms)
{
    struct weft__thread *self = weft__enter();
    struct weft__worker *w = weft__seat(self);
    if (!w && confirms) {
        w = weft__watch_confirm(self);
    }
    if (w) {
        touch_seat();
    } else {
        times_outside++;
    }
    weft__leave(self);
}

static void sitter_once(void)
{
    operate(false);
}

static void sitter_twice(void)
{
    operate(false);
    operate(false);
}

/* Leaves its task in the end, for which it must be sure. */
static void sitter_leaves_task(void)
{
    operate(false);
    operate(true);
}

static void taker(void)
{
    if (!watch_take(&rt, &seat, 0)) {
        a_store(&spare.call, 2, release);
    }
}

static void taker_twice(void)
{
    if (!watch_take(&rt, &seat, 0)) {
        taker();
    }
}

static void sitter_to_be(void)
{
    model_block_while(&spare.call, 0u);
    if (a_load(&spare.call, acquire) == 1) {
        struct weft__worker *w = weft__seat(&spare);
        model_assert(w == &seat);
        touch_seat();
    }
}

static void raider(void)
{
    if (weft__watch_borrow(&seat)) {
        touch_seat();
        weft__watch_give_back(&seat);
    }
}

static void all_counted(void)
{
    bool is_taken = spare.call == 1;
    model_assert(on_seat == times_touched);
    model_assert(sitter.seat == (is_taken ? NULL : &seat));
    model_assert(list_is_linked(&spare.spare_link) == !is_taken);
    model_assert(is_taken || times_touched + times_outside > 0);
}

/* ---- broken: the taker looks at the mark before it takes the seat away ---- */

static void taker_looks_first(void)
{
    bool is_inside = a_load(&sitter.inside, acquire) != 0;
    if (!is_inside) {
        a_store(&sitter.seat, NULL, seq_cst);
        a_fence(seq_cst);
        list_remove(&spare.spare_link);
        a_store(&spare.seat, &seat, release);
        weft__watch_call_spare(&spare);
    } else {
        a_store(&spare.call, 2, release);
    }
}

/* ---- the deep sleep ---- */

static void watchdog(void)
{
    while (watch_all_asleep(&rt)) {
        watch_rest(&rt, -1, WEFT_NEVER);
    }
}

/* One rest, so that both of its looks may be stale: see tests/model.h about loops. */
static void watchdog_once(void)
{
    watch_rest(&rt, -1, WEFT_NEVER);
}

static void maker(void)
{
    weft__idle_wake(&rt);
}

/* Gets up by itself, for a timer. */
static void keeper(void)
{
    bool was_idle = idle_withdraw(&seat);
    model_assert(was_idle);
}

static void nobody_sleeps(void)
{
    model_assert(rt.idle.sleeping == 0);
    model_assert(rt.service_deep == 0);
}

/* ---- broken: the watchdog says that it sleeps deep after it has looked ---- */

static void watchdog_looks_first(void)
{
    while (watch_all_asleep(&rt)) {
        a_store(&rt.service_deep, 1, seq_cst);
        if (a_load(&rt.service_call, acquire) == 0) {
            weft__sys_futex_wait(&rt.service_call, 0, -1);
        }
        a_store(&rt.service_deep, 0, seq_cst);
        a_store(&rt.service_call, 0, seq_cst);
    }
}

static const struct model models[] = {
    MODEL("watch_take", models_reset, all_counted, sitter_once, taker, sitter_to_be),
    MODEL("watch_take_twice", models_reset, all_counted, sitter_twice, taker, sitter_to_be),
    MODEL("watch_confirm", models_reset, all_counted, sitter_leaves_task, taker, sitter_to_be),
    MODEL_NIGHT("watch_two_takes", models_reset, all_counted, sitter_leaves_task, taker_twice,
                sitter_to_be),
    MODEL("watch_borrow", models_reset, all_counted, sitter_twice, raider),
    MODEL("watch_borrow_confirm", models_reset, all_counted, sitter_leaves_task, raider),
    MODEL_NIGHT("watch_borrow_take", models_reset, all_counted, sitter_leaves_task, raider, taker,
                sitter_to_be),
    MODEL("watch_deep", models_reset_asleep, nobody_sleeps, watchdog, maker),
    MODEL("watch_deep_once", models_reset_asleep, nobody_sleeps, watchdog_once, maker),
    MODEL("watch_deep_keeper", models_reset_asleep, nobody_sleeps, watchdog, keeper),
    MODEL_BROKEN("watch_without_barrier", "the sitter's mark is seen late: two on one seat",
                 models_reset_without_barrier, all_counted, sitter_once, taker, sitter_to_be),
    MODEL_BROKEN("watch_borrow_blindly", "the sitter's mark is seen late: two on one seat",
                 models_reset_without_barrier, all_counted, sitter_once, raider),
    MODEL_BROKEN("watch_looks_first", "the sitter comes in between the look and the taking",
                 models_reset, all_counted, sitter_once, taker_looks_first, sitter_to_be),
    MODEL_BROKEN("watch_deep_looks_first", "the watchdog sleeps deep while a worker is up",
                 models_reset_asleep, nobody_sleeps, watchdog_looks_first, maker),
};

#define PLAIN  "what it guards is plain memory"
#define CALL   "the call that brings the other thread orders it as well"
#define FENCE  "store and load are seq_cst, and a fence is between them: one would do"
#define COUNTS "the word is part of a protocol whose orders other models show"

static const struct model_spared spared[] = {
    {"model_lock_take", "&l->word", "acquire -> relaxed", PLAIN},
    {"model_lock_drop", "&l->word", "release -> relaxed", PLAIN},
    {"model_lock_try", "&l->word", "acquire -> relaxed", PLAIN},
    {"weft__watch_borrow", "&sitter->seat", "seq_cst -> release", FENCE},
    {"weft__watch_borrow", "&sitter->seat", "release -> relaxed", "it gets back what was its own"},
    {"watch_take", "&spare->seat", "release -> relaxed", CALL},
    {"watch_take", "&sitter->seat", "seq_cst -> release", FENCE},
    {"watch_take", "&sitter->seat", "release -> relaxed", "it gets back what it did itself"},
    {"watch_all_asleep", "&rt->idle.sleeping", "seq_cst -> acquire", FENCE},
    {"watch_rest", "&rt->service_deep", "seq_cst -> release", FENCE},
    {"watch_rest", "", "seq_cst -> acq_rel", FENCE},
    {"watch_rest", "&rt->service_call", "acquire -> relaxed", "the futex looks again"},
    {"watch_rest", "&rt->service_call", "acq_rel -> acquire", "it tells nobody anything"},
    {"watch_rest", "&rt->service_call", "acq_rel -> release", "posts go through a ring"},
    {"weft__watch_stir", "&rt->service_deep", "seq_cst -> acq_rel", "a swap is never stale"},
    {"weft__watch_call", "&rt->service_call", "release -> relaxed", "posts go through a ring"},
    {"weft__idle_wake", "", "seq_cst -> acq_rel", COUNTS},
    {"weft__idle_wake", "&idle->searching", "seq_cst -> acq_rel", COUNTS},
    {"idle_call", "&w->call", "release -> relaxed", COUNTS},
    {"idle_withdraw", "&idle->searching", "seq_cst -> acq_rel", COUNTS},
};

int main(int argc, char **argv)
{
    return model_main(argc, argv, models, WEFT_ARRAY_SIZE(models), spared, WEFT_ARRAY_SIZE(spared));
}
