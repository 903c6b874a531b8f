/* solo_model.c - every interleaving of a sitter that is alone, and of others who end that.
 *
 * It is solo.c itself, with the enter and leave of core.h.  A counter stands for all that tasks
 * share: the sitter raises it by a load and a store while it believes to be alone, and by an atomic
 * addition else; the others always by the latter.  Were both there at once, or one without sight of
 * what the other did, a count would be lost.
 *
 * The kernel's membarrier is played twice: as the fence of the ender, and as a fence of the
 * sitter's, where it takes effect (as in watch_model.c).
 *
 * SPDX-License-Identifier: MIT
 */
#define MODEL_SOLO
#include "tests/model.h"

#include "core/core_model.h"

#include "core/solo.h"

/* As in solo.c, but it must not loop. */
static void solo_wait_for(struct weft__thread *sitter)
{
    model_block_while(&sitter->inside, (uint32_t)WEFT__INSIDE);
    (void)a_load(&sitter->inside, acquire);
}

#include "core/solo.c"

static struct weft__runtime rt;
static struct weft__thread sitter;
static ATOMIC(uint32_t) shared; /* what tasks share */
static uint32_t times_touched;
static bool has_barrier;

static bool model_is_noise(const void *at)
{
    return at == &weft__enter_fences;
}

static void models_reset_all(bool with_barrier, bool is_solo)
{
    memset(&rt, 0, sizeof rt);
    memset(&sitter, 0, sizeof sitter);
    rt.worker_count = 1;
    lock_init(&solo_lock, WEFT_RANK_NONE);
    a_store(&solo_sitter, is_solo ? &sitter : NULL, relaxed);
    a_store(&weft__solo, is_solo, relaxed);
    a_store(&weft__enter_fences, with_barrier, relaxed);
    a_store(&weft__foreign_seen, 1, relaxed);
    has_barrier = with_barrier;
    a_store(&shared, 0, relaxed);
    times_touched = 0;
}

static void models_reset(void)
{
    models_reset_all(true, true);
}

static void models_reset_without_barrier(void)
{
    models_reset_all(false, true);
}

/* It has not begun.  Asked whether there is a membarrier, the model says yes. */
static void models_reset_before(void)
{
    models_reset_all(false, false);
    has_barrier = true;
}

/* ---- what it asks of its neighbours ---- */

ATOMIC(uint32_t) weft__solo;
ATOMIC(uint32_t) weft__enter_fences;
ATOMIC(uint32_t) weft__foreign_seen;
const struct weft__control *weft__control;
static bool is_sitter_asking;

struct weft__thread *weft__self(void)
{
    return &sitter;
}

struct weft__thread *weft__self_or_null(void)
{
    return is_sitter_asking ? &sitter : NULL;
}

int weft__sys_membarrier(void)
{
    if (has_barrier) {
        a_fence(seq_cst);
    }
    return 0;
}

void weft__sys_yield(void)
{
}

/* ---- those who take part ---- */

static void touch_by_store(void)
{
    uint32_t n = a_load(&shared, relaxed);
    a_store(&shared, n + 1, relaxed);
    times_touched++;
}

static void touch_by_add(void)
{
    a_add(&shared, 1, relaxed);
    times_touched++;
}

static void touch(void)
{
    if (weft__is_solo()) {
        touch_by_store();
    } else {
        touch_by_add();
    }
}

static void sitter_once(void)
{
    struct weft__thread *self = weft__enter();
    touch();
    weft__leave(self);
}

static void sitter_twice(void)
{
    sitter_once();
    sitter_once();
}

/* Idle: it is inside all the time, and rests. */
static void sitter_rests(void)
{
    struct weft__thread *self = weft__enter();
    touch();
    weft__solo_rest(self);
    weft__solo_stir(self);
    touch();
    weft__leave(self);
}

static void ender(void)
{
    weft__solo_end();
    touch();
}

/* As in runtime.c and then enter: the mark comes after the beginning. */
static void sitter_begins(void)
{
    weft__solo_begin(&rt, &sitter);
    a_store(&sitter.inside, WEFT__INSIDE, relaxed);
    a_fence(seq_cst); /* where membarrier takes effect */
    touch();
    weft__leave(&sitter);
}

/* A plain thread at its first call, as in self.c. */
static void stranger(void)
{
    a_add(&weft__foreign_seen, 1, seq_cst);
    weft__solo_end();
    touch();
}

/* One that was there before the run began. */
static void models_reset_attached(void)
{
    models_reset_before();
    a_store(&weft__foreign_seen, 2, relaxed);
}

static void old_stranger(void)
{
    touch();
}

static void all_counted(void)
{
    model_assert(shared == times_touched);
}

/* ---- broken ---- */

static void ender_does_not_wait(void)
{
    a_store(&weft__solo, 0, seq_cst);
    a_fence(seq_cst);
    touch_by_add();
}

static const struct model models[] = {
    MODEL("solo_end", models_reset, all_counted, sitter_once, ender),
    MODEL("solo_end_twice", models_reset, all_counted, sitter_twice, ender),
    MODEL("solo_end_rest", models_reset, all_counted, sitter_rests, ender),
    MODEL("solo_two_end", models_reset, all_counted, sitter_once, ender, ender),
    MODEL("solo_begin", models_reset_before, all_counted, sitter_begins, stranger),
    MODEL("solo_begin_attached", models_reset_attached, all_counted, sitter_begins, old_stranger),
    MODEL_BROKEN("solo_without_barrier", "the sitter's mark is seen late",
                 models_reset_without_barrier, all_counted, sitter_once, ender),
    MODEL_BROKEN("solo_without_wait", "the sitter is in the middle of it", models_reset,
                 all_counted, sitter_once, ender_does_not_wait),
};

#define BY_OBJECT "what tasks share has locks of its own, which order it"
#define BY_FENCE  "a fence follows, or the lock of the enders"

static const struct model_spared spared[] = {
    {"weft__leave", "&self->inside", "release -> relaxed", BY_OBJECT},
    {"weft__solo_rest", "&sitter->inside", "release -> relaxed", BY_OBJECT},
    {"weft__solo_end", "&weft__solo", "seq_cst -> release", BY_FENCE},
};

int main(int argc, char **argv)
{
    return model_main(argc, argv, models, WEFT_ARRAY_SIZE(models), spared, WEFT_ARRAY_SIZE(spared));
}
