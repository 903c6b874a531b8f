/* litmus_model.c - the explorer itself, on programs of which the outcome is known.
 *
 * Each small shape stands twice: too weak, where the explorer must find the outcome that C11
 * allows, and strong enough, where it must not.  Names as in the literature: sb store buffering,
 * mp message passing, iriw two readers of two writers, 2+2w two writers of two places, rs release
 * sequence.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/atomic.h"
#include "base/sys.h"
#include "tests/model.h"

static ATOMIC(uint32_t) x, y;
static uint32_t seen[4]; /* what the threads' loads returned */

static void models_reset(void)
{
    a_store(&x, 0, relaxed);
    a_store(&y, 0, relaxed);
    memset(seen, 0, sizeof seen);
}

/* ---- store buffering ---- */

static void sb_x(void)
{
    a_store(&x, 1, release);
    seen[0] = a_load(&y, acquire);
}

static void sb_y(void)
{
    a_store(&y, 1, release);
    seen[1] = a_load(&x, acquire);
}

static void sb_x_fence(void)
{
    a_store(&x, 1, relaxed);
    a_fence(seq_cst);
    seen[0] = a_load(&y, relaxed);
}

static void sb_y_fence(void)
{
    a_store(&y, 1, relaxed);
    a_fence(seq_cst);
    seen[1] = a_load(&x, relaxed);
}

static void sb_y_half_fence(void)
{
    a_store(&y, 1, relaxed);
    a_fence(acq_rel);
    seen[1] = a_load(&x, relaxed);
}

static void sb_x_seq_cst(void)
{
    a_store(&x, 1, seq_cst);
    seen[0] = a_load(&y, seq_cst);
}

static void sb_y_seq_cst(void)
{
    a_store(&y, 1, seq_cst);
    seen[1] = a_load(&x, seq_cst);
}

static void sb_end(void)
{
    model_assert(seen[0] == 1 || seen[1] == 1);
}

/* ---- message passing ---- */

static void mp_write(void)
{
    a_store(&x, 1, relaxed);
    a_store(&y, 1, release);
}

static void mp_write_relaxed(void)
{
    a_store(&x, 1, relaxed);
    a_store(&y, 1, relaxed);
}

static void mp_write_fence(void)
{
    a_store(&x, 1, relaxed);
    a_fence(release);
    a_store(&y, 1, relaxed);
}

static void mp_read(void)
{
    seen[0] = a_load(&y, acquire);
    seen[1] = a_load(&x, relaxed);
}

static void mp_read_relaxed(void)
{
    seen[0] = a_load(&y, relaxed);
    seen[1] = a_load(&x, relaxed);
}

static void mp_read_fence(void)
{
    seen[0] = a_load(&y, relaxed);
    a_fence(acquire);
    seen[1] = a_load(&x, relaxed);
}

static void mp_read_block(void)
{
    seen[0] = model_block_while(&y, 0);
    seen[1] = a_load(&x, relaxed);
}

static void mp_end(void)
{
    model_assert(seen[0] == 0 || seen[1] == 1);
}

/* A relaxed read-modify-write goes on with the release before it, a relaxed store does not. */
static void rs_modify(void)
{
    a_add(&y, 1, relaxed);
}

static void rs_store(void)
{
    if (a_load(&y, relaxed) == 1)
        a_store(&y, 2, relaxed);
}

static void rs_end(void)
{
    model_assert(seen[0] != 2 || seen[1] == 1);
}

/* ---- one place: values never go back ---- */

static void coherence_write(void)
{
    a_store(&x, 1, relaxed);
    a_store(&x, 2, relaxed);
}

static void coherence_read(void)
{
    seen[0] = a_load(&x, relaxed);
    seen[1] = a_load(&x, relaxed);
}

static void coherence_end(void)
{
    model_assert(seen[0] <= seen[1]);
    model_assert(a_load(&x, relaxed) == 2);
}

/* ---- two writers, two places ---- */

static void writes_xy(void)
{
    a_store(&x, 1, relaxed);
    a_store(&y, 2, relaxed);
}

static void writes_yx(void)
{
    a_store(&y, 1, relaxed);
    a_store(&x, 2, relaxed);
}

static void writes_xy_fence(void)
{
    a_store(&x, 1, relaxed);
    a_fence(seq_cst);
    a_store(&y, 2, relaxed);
}

static void writes_yx_fence(void)
{
    a_store(&y, 1, relaxed);
    a_fence(seq_cst);
    a_store(&x, 2, relaxed);
}

static void writes_end(void)
{
    model_assert(a_load(&x, relaxed) == 2 || a_load(&y, relaxed) == 2);
}

/* ---- two readers of two writers ---- */

static void iriw_x(void)
{
    a_store(&x, 1, release);
}

static void iriw_y(void)
{
    a_store(&y, 1, release);
}

static void iriw_xy(void)
{
    seen[0] = a_load(&x, acquire);
    seen[1] = a_load(&y, acquire);
}

static void iriw_yx(void)
{
    seen[2] = a_load(&y, acquire);
    seen[3] = a_load(&x, acquire);
}

static void iriw_xy_fence(void)
{
    seen[0] = a_load(&x, relaxed);
    a_fence(seq_cst);
    seen[1] = a_load(&y, relaxed);
}

static void iriw_yx_fence(void)
{
    seen[2] = a_load(&y, relaxed);
    a_fence(seq_cst);
    seen[3] = a_load(&x, relaxed);
}

static void iriw_end(void)
{
    model_assert(!(seen[0] == 1 && seen[1] == 0 && seen[2] == 1 && seen[3] == 0));
}

/* ---- counting, swapping, sleeping ---- */

static void count_plainly(void)
{
    a_store(&x, a_load(&x, seq_cst) + 1, seq_cst);
}

static void count_add(void)
{
    a_add(&x, 1, relaxed);
}

static void count_swap(void)
{
    uint32_t n = a_load(&x, relaxed);

    while (!a_cas_weak(&x, &n, n + 1, relaxed, relaxed))
        ;
}

static void count_swap_once(void)
{
    uint32_t n = 0;

    if (!a_cas_weak(&x, &n, 1, seq_cst, relaxed))
        model_assert(n != 0); /* a weak one may fail for no reason */
}

static void count_end(void)
{
    model_assert(a_load(&x, relaxed) == 2);
}

static void sleeps(void)
{
    while (a_load(&x, relaxed) == 0)
        weft__sys_futex_wait(&x, 0, -1);
}

static void wakes(void)
{
    a_store(&x, 1, relaxed);
    weft__sys_futex_wake(&x, 1);
}

static void wakes_before(void)
{
    weft__sys_futex_wake(&x, 1);
    a_store(&x, 1, relaxed);
}

static const struct model models[] = {
    MODEL_BROKEN("sb_release", "both may miss each other", models_reset, sb_end, sb_x, sb_y),
    MODEL("sb_fences", models_reset, sb_end, sb_x_fence, sb_y_fence),
    MODEL_BROKEN("sb_half_fence",
                 "one fence is not enough",
                 models_reset, sb_end, sb_x_fence, sb_y_half_fence),
    MODEL("sb_seq_cst", models_reset, sb_end, sb_x_seq_cst, sb_y_seq_cst),
    MODEL("mp", models_reset, mp_end, mp_write, mp_read),
    MODEL("mp_fences", models_reset, mp_end, mp_write_fence, mp_read_fence),
    MODEL("mp_block", models_reset, mp_end, mp_write, mp_read_block),
    MODEL_BROKEN("mp_no_release",
                 "stores change places",
                 models_reset, mp_end, mp_write_relaxed, mp_read),
    MODEL_BROKEN("mp_no_acquire",
                 "loads change places",
                 models_reset, mp_end, mp_write, mp_read_relaxed),
    MODEL_BROKEN("mp_no_fence",
                 "loads change places",
                 models_reset, mp_end, mp_write_fence, mp_read_relaxed),
    MODEL("rs_modify", models_reset, rs_end, mp_write, rs_modify, mp_read),
    MODEL_BROKEN("rs_store",
                 "the store of another thread carries nobody's release",
                 models_reset, rs_end, mp_write, rs_store, mp_read),
    MODEL("coherence", models_reset, coherence_end, coherence_write, coherence_read),
    MODEL_BROKEN("2+2w",
                 "each place may keep its first store",
                 models_reset, writes_end, writes_xy, writes_yx),
    MODEL("2+2w_fences", models_reset, writes_end, writes_xy_fence, writes_yx_fence),
    MODEL_BROKEN("iriw",
                 "the readers may disagree",
                 models_reset, iriw_end, iriw_x, iriw_y, iriw_xy, iriw_yx),
    MODEL("iriw_fences", models_reset, iriw_end, iriw_x, iriw_y, iriw_xy_fence, iriw_yx_fence),
    MODEL_BROKEN("count_plainly",
                 "an update is lost",
                 models_reset, count_end, count_plainly, count_plainly),
    MODEL("count_add", models_reset, count_end, count_add, count_add),
    MODEL("count_swap", models_reset, count_end, count_swap, count_swap),
    MODEL_BROKEN("count_swap_once",
                 "a weak swap may fail for no reason",
                 models_reset, NULL, count_swap_once),
    MODEL("sleeps", models_reset, NULL, sleeps, wakes),
    MODEL_BROKEN("sleeps_for_ever",
                 "the wake comes too early",
                 models_reset, NULL, sleeps, wakes_before),
};

int main(int argc, char **argv)
{
    return model_main(argc, argv, models, WEFT_ARRAY_SIZE(models), NULL, 0);
}
