/* idle_model.c - every interleaving of makers, searchers and sleepers: no work is left lying.
 *
 * It is idle.c itself.  Around it the smallest worker that will do: it takes a piece of work if
 * there is one, searches if it may, and goes to sleep.  Each piece wants one worker; if one is
 * lost, a worker sleeps for ever beside it, which the explorer calls a deadlock.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tests/model.h"

#include "core/core_model.h"

#include "core/idle.c"

static struct weft__runtime rt;
static struct weft__worker seats[2];
static struct weft__thread self; /* nobody asks which */
static ATOMIC(uint32_t) work; /* pieces, in a queue that all look at */

static bool model_is_noise(const void *at)
{
    return at == &rt.wakes || at == &rt.coarse_now || at == &rt.idle.unsure ||
           at == &rt.stopping || at == &rt.external || at == &rt.idle.keeper_until ||
           at == &seats[0].wheel.next_at || at == &seats[1].wheel.next_at ||
           at == &rt.idle.lead || at == &rt.service_until || at == &weft__enter_fences ||
           at == &self.inside;
}

static void models_reset_workers(size_t count)
{
    memset(&rt, 0, sizeof rt);
    memset(seats, 0, sizeof seats);
    rt.workers = seats;
    rt.worker_count = count;
    weft__idle_init(&rt.idle);
    for (size_t i = 0; i < count; i++) {
        seats[i].runtime = &rt;
        seats[i].index = i;
        list_init(&seats[i].idle_link);
        a_store(&seats[i].wheel.next_at, WEFT_NEVER, relaxed);
    }
    a_store(&work, 0, relaxed);
}

static void models_reset(void)
{
    models_reset_workers(1);
}

static void models_reset_two(void)
{
    models_reset_workers(2);
}

/* The first one searches, and there is a piece for it; the second one sleeps. */
static void models_reset_search(void)
{
    models_reset_workers(2);
    a_store(&work, 1, relaxed);
    a_store(&rt.idle.searching, 1, relaxed);
    a_store(&rt.idle.sleeping, 1, relaxed);
    list_push_front(&rt.idle.list, &seats[1].idle_link);
    seats[1].is_idle = seats[1].is_committed = true;
    rt.idle.committed = 1;
}

static void models_reset_asleep(void)
{
    models_reset_workers(2);
    for (size_t i = 0; i < 2; i++) {
        list_push_front(&rt.idle.list, &seats[i].idle_link);
        seats[i].is_idle = seats[i].is_committed = true;
    }
    a_store(&rt.idle.sleeping, 2, relaxed);
    rt.idle.committed = 2;
}

/* ---- what idle.c asks of its neighbours ---- */

ATOMIC(uint32_t) weft__enter_fences;

struct weft__thread *weft__self(void)
{
    return &self;
}

/* Where there is none, makers on a seat have a fence: as here. */
int weft__sys_membarrier(void)
{
    return -1;
}

int64_t weft__wheel_next(struct weft__wheel *wheel)
{
    (void)wheel;
    return WEFT_NEVER;
}

bool weft__worker_has_private(struct weft__worker *w)
{
    (void)w;
    return false;
}

void weft__watch_mind(struct weft__runtime *runtime, int64_t due)
{
    (void)runtime, (void)due; /* its tick is as it should be: weft__watch_is_slow */
}

bool weft__worker_has_work(struct weft__worker *w)
{
    return w->index == 0 && a_load(&work, relaxed) > 0;
}

bool weft__forks_has_more(struct weft__worker *w)
{
    (void)w; /* a piece that is shared is like a task in a queue: shared first, then told */
    return false;
}

void weft__forks_ask(struct weft__runtime *runtime)
{
    (void)runtime;
}

bool weft__inject_is_empty(struct weft__runtime *runtime)
{
    (void)runtime;
    return true;
}

enum weft__quiet weft__runtime_quiescent(struct weft__runtime *runtime)
{
    (void)runtime;
    return WEFT__QUIET_SLEEP;
}

void weft__watch_stir(struct weft__runtime *runtime)
{
    (void)runtime; /* watch_model.c has it */
}

int64_t weft__now(struct weft__runtime *runtime)
{
    (void)runtime;
    return 0;
}

int64_t weft__time_now(void)
{
    return 0;
}

/* ---- workers: worker_find, cut down ---- */

static bool work_take(void)
{
    uint32_t n = a_load(&work, relaxed);
    while (n > 0) {
        if (a_cas(&work, &n, n - 1, relaxed, relaxed)) {
            return true;
        }
    }
    return false;
}

/* Two pieces at once, for which others must come. */
static void worker_makes_two(void)
{
    a_add(&work, 2, relaxed);
    weft__idle_wake(&rt);
}

/* Until it has run so many pieces. */
static void worker_run_pieces(struct weft__worker *w, uint32_t pieces)
{
    bool is_searching = false;
    while (pieces > 0) {
        bool found = work_take();
        if (!found && (is_searching || (is_searching = weft__idle_may_search(w)))) {
            found = work_take();
        }
        if (!found) {
            weft__idle_sleep(w, is_searching);
            is_searching = true;
            continue;
        }
        if (is_searching) {
            weft__idle_found(w);
            is_searching = false;
        }
        pieces--;
    }
}

static void worker_of_one(void)
{
    worker_run_pieces(&seats[0], 1);
}

static void worker_of_two(void)
{
    worker_run_pieces(&seats[0], 2);
}

static void worker_second(void)
{
    worker_run_pieces(&seats[1], 1);
}

static void worker_searches(void)
{
    model_assert(work_take());
    weft__idle_found(&seats[0]);
}

static void worker_gets_up(struct weft__worker *w)
{
    idle_wait_for_call(w, false);
    while (!work_take()) {
        weft__idle_sleep(w, true);
    }
    weft__idle_found(w);
}

static void worker_first_sleeps(void)
{
    worker_gets_up(&seats[0]);
}

static void worker_sleeps(void)
{
    worker_gets_up(&seats[1]);
}

/* Makes two pieces and runs one of them. */
static void worker_makes_and_runs(void)
{
    worker_makes_two();
    model_assert(work_take());
}

static void maker(void)
{
    a_add(&work, 1, relaxed);
    weft__idle_wake(&rt);
}

static void all_taken(void)
{
    model_assert(a_load(&work, relaxed) == 0);
    model_assert(a_load(&rt.idle.searching, relaxed) == 0);
    model_assert(a_load(&rt.idle.sleeping, relaxed) == 0);
    model_assert(rt.idle.committed == 0);
    model_assert(list_empty(&rt.idle.list));
}

/* ---- broken ---- */

static void maker_without_fence(void)
{
    a_add(&work, 1, relaxed);
    if (a_load(&rt.idle.searching, relaxed) == 0 && a_load(&rt.idle.sleeping, relaxed) != 0) {
        weft__idle_wake_all(&rt);
    }
}

/* It counts as searching before it has found somebody to search; the next maker relies on it. */
static void maker_phantom(void)
{
    uint32_t none = 0;
    struct weft__worker *w = NULL;
    a_add(&work, 1, relaxed);
    a_fence(seq_cst);
    if (a_load(&rt.idle.sleeping, relaxed) == 0 ||
        !a_cas(&rt.idle.searching, &none, 1, seq_cst, relaxed)) {
        return;
    }
    lock_take(&rt.idle.lock);
    if (!list_empty(&rt.idle.list)) {
        w = container_of(rt.idle.list.next, struct weft__worker, idle_link);
        idle_take_off(&rt.idle, w);
    }
    lock_drop(&rt.idle.lock);
    if (w) {
        idle_call(&rt, w);
    } else {
        a_sub(&rt.idle.searching, 1, seq_cst);
    }
}

/* On the list, and asleep, without looking once more. */
static void worker_looks_once(void)
{
    while (!work_take()) {
        lock_take(&rt.idle.lock);
        list_push_front(&rt.idle.list, &seats[0].idle_link);
        seats[0].is_idle = true;
        a_add(&rt.idle.sleeping, 1, seq_cst);
        lock_drop(&rt.idle.lock);
        idle_wait_for_call(&seats[0], false);
        a_sub(&rt.idle.searching, 1, seq_cst);
    }
}

/* The last searcher leaves with one piece and does not look for the other. */
static void worker_leaves(struct weft__worker *w)
{
    bool is_searching = weft__idle_may_search(w);
    while (!work_take()) {
        weft__idle_sleep(w, is_searching);
        is_searching = true;
    }
    if (is_searching) {
        a_sub(&rt.idle.searching, 1, seq_cst);
    }
}

static void worker_leaves_first(void)
{
    worker_leaves(&seats[0]);
}

static void worker_leaves_second(void)
{
    worker_leaves(&seats[1]);
}

static const struct model models[] = {
    MODEL("idle_one", models_reset, all_taken, worker_of_one, maker),
    MODEL("idle_pieces", models_reset, all_taken, worker_of_two, worker_makes_two),
    MODEL_NIGHT("idle_two_makers", models_reset, all_taken, worker_of_two, maker, maker),
    MODEL("idle_last_searcher", models_reset_search, all_taken, worker_searches, worker_sleeps,
          maker),
    MODEL("idle_two_sleepers", models_reset_asleep, all_taken, worker_first_sleeps, worker_sleeps,
          worker_makes_two),
    MODEL("idle_busy_maker", models_reset_two, all_taken, worker_makes_and_runs, worker_second),
    MODEL_BROKEN("idle_without_fence", "a maker that looks before its work is seen wakes nobody",
                 models_reset, all_taken, worker_of_one, maker_without_fence),
    MODEL_BROKEN("idle_phantom", "a maker relies on a searcher whom another maker only announced",
                 models_reset, all_taken, worker_of_two, maker_phantom, maker_phantom),
    MODEL_BROKEN("idle_looks_once", "a sleeper that does not look again sleeps beside the work",
                 models_reset, all_taken, worker_looks_once, maker),
    MODEL_BROKEN("idle_leaves", "the last searcher takes one piece, and nobody comes for the next",
                 models_reset_two, all_taken, worker_leaves_first, worker_leaves_second,
                 worker_makes_two),
};

#define COUNTS "the fences carry the order; seq_cst says that the count is part of the protocol"
#define PLAIN  "what it guards is plain memory"

static const struct model_spared spared[] = {
    {"weft__poll_at", "&w->polled", "acquire -> relaxed", "no driver is played here"},
    {"model_lock_take", "&l->word", "acquire -> relaxed", PLAIN},
    {"model_lock_drop", "&l->word", "release -> relaxed", PLAIN},
    {"idle_wait_for_call", "&w->call", "acquire -> relaxed", PLAIN},
    {"idle_call", "&w->call", "release -> relaxed", PLAIN},
    {"weft__idle_may_search", "&idle->searching", "seq_cst -> acq_rel", COUNTS},
    {"weft__idle_sleep", "&idle->sleeping", "seq_cst -> acq_rel", COUNTS},
    {"weft__idle_sleep", "&idle->searching", "seq_cst -> acq_rel", COUNTS},
    {"weft__idle_wake", "&idle->searching", "seq_cst -> acq_rel", COUNTS},
    {"weft__idle_found", "&rt->idle.sleeping", "seq_cst -> acquire",
     "keeps a load behind the count before it, on processors whose swaps do not"},
    {"weft__idle_found", "&rt->idle.searching", "seq_cst -> acq_rel", COUNTS},
    {"idle_withdraw", "&idle->searching", "seq_cst -> acq_rel", COUNTS},
    {"idle_take_off", "&idle->sleeping", "seq_cst -> acq_rel", "watch_model.c needs it"},
};

int main(int argc, char **argv)
{
    return model_main(argc, argv, models, WEFT_ARRAY_SIZE(models), spared, WEFT_ARRAY_SIZE(spared));
}
