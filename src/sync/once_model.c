/* once_model.c - every interleaving of callers, failures and cancellers on a once's word, and of
 * arrivals and cancellers at a barrier.
 *
 * The steps of the once's word are the real ones (onceword.h); around them stands, in small, what
 * once.c and gate.c do.  A barrier has no word: all its steps are made under the lock, but for the
 * cancel, which wins a sleep without.
 *
 * SPDX-License-Identifier: MIT
 */
#include "sync/onceword.h"
#include "sync/queue_probe.h"

static ATOMIC(uint64_t) word;
static ATOMIC(uint32_t) queue, runner, running, made, fails;
static ATOMIC(uint32_t) done[TASKS], failed[TASKS];
static ATOMIC(uint32_t) arrived, rounds, serials, passed, came;

static void onces_reset(void)
{
    sleeps_reset();
    a_store(&word, 0, relaxed);
    a_store(&queue, 0, relaxed);
    a_store(&runner, 0, relaxed);
    a_store(&running, 0, relaxed);
    a_store(&made, 0, relaxed);
    a_store(&fails, 0, relaxed);
    a_store(&arrived, 0, relaxed);
    a_store(&rounds, 0, relaxed);
    a_store(&serials, 0, relaxed);
    a_store(&passed, 0, relaxed);
    a_store(&came, 0, relaxed);
    for (int i = 0; i < TASKS; i++) {
        a_store(&done[i], 0, relaxed);
        a_store(&failed[i], 0, relaxed);
    }
}

/* ---- once, as once.c has it ---- */

enum turn { TURN_NONE, TURN_MINE, TURN_CANCELED };

static enum turn once_wait(int i)
{
    take(&queue_lock);
    enum onceword_turn turn = onceword_begin_or_wait(&word);
    if (turn != ONCEWORD_WAITS) {
        drop(&queue_lock);
        return turn == ONCEWORD_BEGINS ? TURN_MINE : TURN_NONE;
    }
    queue_push(&queue, i);
    settle(i);
    if (asleep(i)) {
        return a_load(&runner, relaxed) == (uint32_t)i + 1 ? TURN_MINE : TURN_NONE;
    }
    take(&queue_lock);
    if (queue_remove(&queue, i)) {
        gateword_unwait(&word);
    }
    drop(&queue_lock);
    return TURN_CANCELED;
}

static void once_fail(void)
{
    int next;
    do {
        take(&queue_lock);
        next = queue_claim(&queue);
        a_store(&runner, (uint32_t)next + 1, relaxed);
        if (a_load(&queue, relaxed) == 0) {
            gateword_unwait(&word);
        }
        drop(&queue_lock);
    } while (next < 0 && !onceword_fail(&word));
    if (next >= 0) {
        make_ready(next);
    }
}

static void ready_all(uint32_t chain)
{
    for (; chain; chain >>= DIGIT) {
        make_ready((int)(chain & 15) - 1);
    }
}

static uint32_t claim_all(void)
{
    uint32_t chain = 0;
    for (int next = queue_claim(&queue); next >= 0; next = queue_claim(&queue)) {
        chain = chain << DIGIT | (uint32_t)(next + 1);
    }
    return chain;
}

static void once_open(void)
{
    uint64_t w = a_load(&word, relaxed);
    uint32_t chain = 0;
    a_store(&runner, 0, relaxed);
    do {
        if (w & GATEWORD_WAITED) {
            take(&queue_lock);
            chain = chain << 2 * DIGIT | claim_all();
            gateword_unwait(&word);
            drop(&queue_lock);
            w = a_load(&word, relaxed);
        }
    } while ((w & GATEWORD_WAITED) || !gateword_replace(&word, &w, ONCEWORD_DONE));
    ready_all(chain);
}

/* The first `fails` calls fail; each leaves a trace, which the next must see. */
static void once_run(int i)
{
    model_assert(a_load(&running, relaxed) == 0);
    a_store(&running, 1, relaxed);
    uint32_t call = a_load(&made, relaxed) + 1;
    a_store(&made, call, relaxed);
    a_store(&running, 0, relaxed);
    if (call <= a_load(&fails, relaxed)) {
        a_store(&failed[i], 1, relaxed);
        once_fail();
    } else {
        once_open();
        a_store(&done[i], 1, relaxed);
    }
}

static void once_call(int i)
{
    uint64_t w = a_load(&word, acquire);
    enum turn turn = TURN_NONE;
    if (!onceword_is_done(w)) {
        turn = onceword_begin(&word, &w) ? TURN_MINE : once_wait(i);
    }
    if (turn == TURN_MINE) {
        a_store(&runner, (uint32_t)i + 1, relaxed);
        once_run(i);
    } else if (turn == TURN_NONE) {
        model_assert(a_load(&made, relaxed) == a_load(&fails, relaxed) + 1);
        a_store(&done[i], 1, relaxed);
    }
}

static void caller_0(void)
{
    once_call(0);
}

static void caller_1(void)
{
    once_call(1);
}

static void caller_2(void)
{
    once_call(2);
}

static void canceller_of_1(void)
{
    cancel(1);
}

static void resets_one_fails(void)
{
    onces_reset();
    a_store(&fails, 1, relaxed);
}

/* 0 is at it and will fail; 1 and 2 are asleep. */
static void resets_two_wait(void)
{
    resets_one_fails();
    a_store(&word, ONCEWORD_RUNS | GATEWORD_WAITED, relaxed);
    a_store(&runner, 1, relaxed);
    queue_push(&queue, 1);
    queue_push(&queue, 2);
    a_store(&wait[1], PARKED, relaxed);
    a_store(&wait[2], PARKED, relaxed);
}

/* 0 is at it and will fail; 1 is asleep. */
static void resets_one_waits(void)
{
    resets_one_fails();
    a_store(&word, ONCEWORD_RUNS | GATEWORD_WAITED, relaxed);
    a_store(&runner, 1, relaxed);
    queue_push(&queue, 1);
    a_store(&wait[1], PARKED, relaxed);
}

static void runner_0(void)
{
    once_run(0);
}

static void sleeper(int i)
{
    if (!asleep(i)) {
        take(&queue_lock);
        if (queue_remove(&queue, i)) {
            gateword_unwait(&word);
        }
        drop(&queue_lock);
    } else if (a_load(&runner, relaxed) == (uint32_t)i + 1) {
        once_run(i);
    } else {
        model_assert(a_load(&made, relaxed) == a_load(&fails, relaxed) + 1);
        a_store(&done[i], 1, relaxed);
    }
}

static void sleeper_1(void)
{
    sleeper(1);
}

static void sleeper_2(void)
{
    sleeper(2);
}

static void all_done(void)
{
    model_assert(a_load(&word, relaxed) == ONCEWORD_DONE);
    model_assert(a_load(&queue, relaxed) == 0);
    model_assert(a_load(&made, relaxed) == a_load(&fails, relaxed) + 1);
}

/* Done, or undone because all who might have done it are gone; nobody is left behind. */
static void nobody_waits(void)
{
    uint64_t w = a_load(&word, relaxed);
    model_assert(w == ONCEWORD_DONE || w == 0);
    model_assert(a_load(&queue, relaxed) == 0);
}

/* Broken: who fails says so first, and looks afterwards whether somebody waits. */
static void runner_0_fails_blindly(void)
{
    a_store(&made, 1, relaxed);
    if (!(a_load(&word, relaxed) & GATEWORD_WAITED)) {
        a_store(&word, 0, release);
        return;
    }
    once_fail();
}

static void resets_runs(void)
{
    resets_one_fails();
    a_store(&word, ONCEWORD_RUNS, relaxed);
    a_store(&runner, 1, relaxed);
}

/* ---- barrier of two, as barrier.c has it ---- */

/* False: cancelled, and the arrival is taken back. */
static bool barrier_come(int i, bool looks_at_round)
{
    (void)a_add(&came, 1, relaxed);
    take(&queue_lock);
    uint32_t n = a_load(&arrived, relaxed) + 1, round = a_load(&rounds, relaxed);
    if (n == 2) {
        uint32_t chain = claim_all();
        a_store(&arrived, 0, relaxed);
        a_store(&rounds, round + 1, relaxed);
        drop(&queue_lock);
        ready_all(chain);
        (void)a_add(&serials, 1, relaxed);
    } else {
        a_store(&arrived, n, relaxed);
        queue_push(&queue, i);
        settle(i);
        if (!asleep(i)) {
            take(&queue_lock);
            bool is_open = !looks_at_round || a_load(&rounds, relaxed) == round;
            if (is_open) {
                (void)queue_remove(&queue, i);
                a_store(&arrived, a_load(&arrived, relaxed) - 1, relaxed);
            }
            drop(&queue_lock);
            if (is_open) {
                return false;
            }
        }
    }
    model_assert(a_load(&came, relaxed) >= 2); /* what was done before by the others is seen */
    (void)a_add(&passed, 1, relaxed);
    return true;
}

static void party_0(void)
{
    (void)barrier_come(0, true);
}

static void party_1(void)
{
    (void)barrier_come(1, true);
}

/* As party 1, who may be cancelled: says whether it has passed. */
static void party_1_tells(void)
{
    a_store(&done[1], barrier_come(1, true) ? 1 : 2, release);
}

/* Comes in the place of party 1, if that has left. */
static void party_2_stands_in(void)
{
    cancel(1);
    if (model_block_while(&done[1], 0) == 2) {
        (void)barrier_come(2, true);
    }
}

static void party_1_blind(void)
{
    a_store(&done[1], barrier_come(1, false) ? 1 : 2, release);
}

static void round_is_complete(void)
{
    model_assert(a_load(&rounds, relaxed) == 1);
    model_assert(a_load(&serials, relaxed) == 1);
    model_assert(a_load(&passed, relaxed) == 2);
    model_assert(a_load(&arrived, relaxed) == 0);
    model_assert(a_load(&queue, relaxed) == 0);
}

static const struct model models[] = {
    MODEL("once_two", onces_reset, all_done, caller_0, caller_1),
    MODEL("once_two_one_fails", resets_one_fails, nobody_waits, caller_0, caller_1),
    MODEL_NIGHT("once_two_newcomers", resets_runs, all_done, runner_0, caller_1, caller_2),
    MODEL("once_turn_passes", resets_two_wait, all_done, runner_0, sleeper_1, sleeper_2),
    MODEL("once_turn_and_newcomer", resets_one_waits, all_done, runner_0, sleeper_1, caller_2),
    MODEL("once_fail_cancel", resets_two_wait, all_done, runner_0, sleeper_1, sleeper_2,
          canceller_of_1),
    MODEL("once_fail_cancel_alone", resets_one_waits, nobody_waits, runner_0, sleeper_1,
          canceller_of_1),
    MODEL("once_fail_cancel_newcomer", resets_runs, nobody_waits, runner_0, caller_1,
          canceller_of_1),
    MODEL("barrier_two", onces_reset, round_is_complete, party_0, party_1),
    MODEL("barrier_cancel", onces_reset, round_is_complete, party_0, party_1_tells,
          party_2_stands_in),
    MODEL_BROKEN("once_fails_blindly",
                 "who fails and does not look in the same step leaves a waiter asleep", resets_runs,
                 NULL, runner_0_fails_blindly, caller_1),
    MODEL_BROKEN("barrier_takes_back_blindly",
                 "an arrival taken back from a complete round is missing in the next", onces_reset,
                 round_is_complete, party_0, party_1_blind, party_2_stands_in),
};

static const struct model_spared spared[] = {
    QUEUE_PROBE_SPARED,
    {"gateword_replace", "word", "acq_rel -> release", "the acquire is a latch's: sync_model.c"},
};

int main(int argc, char **argv)
{
    return model_main(argc, argv, models, WEFT_ARRAY_SIZE(models), spared,
                      WEFT_ARRAY_SIZE(spared));
}
