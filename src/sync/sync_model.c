/* sync_model.c - every interleaving of lockers, wakers and cancellers on the words of this room.
 *
 * The steps of the words are the real ones (mutexword.h, gateword.h).  Around them stands, in
 * small, what mutex.c and gate.c do, and in queue_probe.h what core/park.c does: a queue under a
 * lock, sleeps that have one winner, a canceller.
 *
 * Freed memory: who may free it writes POISON over the word and the lock; a step that comes later
 * shows in the end.
 *
 * SPDX-License-Identifier: MIT
 */
#include "sync/gateword.h"
#include "sync/mutexword.h"
#include "sync/queue_probe.h"

static ATOMIC(uintptr_t) mutex;
static ATOMIC(uint64_t) gate;
static ATOMIC(uint32_t) queue, user_lock;
static ATOMIC(uint32_t) passes[TASKS], owner[TASKS];
static ATOMIC(uint32_t) inside, value, done[TASKS];
static uint32_t taken[TASKS];

static void models_reset(void)
{
    a_store(&mutex, 0, relaxed);
    a_store(&gate, 0, relaxed);
    a_store(&queue, 0, relaxed);
    sleeps_reset();
    a_store(&user_lock, 0, relaxed);
    a_store(&inside, 0, relaxed);
    a_store(&value, 0, relaxed);
    for (int i = 0; i < TASKS; i++) {
        a_store(&passes[i], 0, relaxed);
        a_store(&owner[i], 0, relaxed);
        a_store(&done[i], 0, relaxed);
        taken[i] = 0;
    }
}

/* ---- mutex, as mutex.c has it; a waiter is handed the lock once it has been passed ---- */

static uintptr_t task_of(int i)
{
    return (uintptr_t)(i + 1) << 2;
}

static void mutex_queue(int i)
{
    a_store(&owner[i], 0, relaxed);
    if (a_load(&passes[i], relaxed)) {
        queue_push_front(&queue, i);
    } else {
        queue_push(&queue, i);
    }
    settle(i);
}

static bool mutex_asleep(int i)
{
    bool woken = asleep(i);
    if (!woken) {
        take(&queue_lock);
        if (queue_remove(&queue, i)) {
            mutexword_unwait(&mutex);
        }
        drop(&queue_lock);
    }
    return woken;
}

static bool mutex_take_slowly(int i, bool is_queued)
{
    uintptr_t mine = 0, w;
    for (;; is_queued = false) {
        if (!is_queued) {
            take(&queue_lock);
            if (mutexword_take_or_wait(&mutex, task_of(i), mine)) {
                drop(&queue_lock);
                return true;
            }
            if (mine) {
                a_store(&passes[i], 1, relaxed);
            }
            mutex_queue(i);
        }
        if (!mutex_asleep(i)) {
            return false;
        }
        if (a_load(&owner[i], relaxed)) {
            return true;
        }
        mine = MUTEXWORD_WOKEN;
        w = a_load(&mutex, relaxed);
        if (mutexword_take(&mutex, &w, task_of(i), mine)) {
            return true;
        }
    }
}

static void critical_section(void)
{
    model_assert(a_load(&inside, relaxed) == 0);
    a_store(&inside, 1, relaxed);
    a_store(&value, a_load(&value, relaxed) + 1, relaxed);
    a_store(&inside, 0, relaxed);
}

static bool mutex_lock(int i)
{
    uintptr_t w = 0;
    return mutexword_take(&mutex, &w, task_of(i), 0) || mutex_take_slowly(i, false);
}

static void mutex_wake(int next)
{
    bool more = a_load(&queue, relaxed) != 0;
    if (a_load(&passes[next], relaxed)) {
        a_store(&owner[next], 1, relaxed);
        mutexword_hand_over(&mutex, task_of(next), more);
    } else {
        mutexword_let_go_waking(&mutex, more);
    }
    drop(&queue_lock);
    make_ready(next);
}

static void mutex_unlock(int i)
{
    uintptr_t w = task_of(i);
    while (!mutexword_let_go(&mutex, w)) {
        take(&queue_lock);
        int next = queue_claim(&queue);
        if (next >= 0) {
            mutex_wake(next);
            return;
        }
        mutexword_unwait(&mutex);
        drop(&queue_lock);
        w = a_load(&mutex, relaxed);
    }
}

static void mutex_use(int i)
{
    if (mutex_lock(i)) {
        critical_section();
        taken[i]++;
        mutex_unlock(i);
    }
}

static void locker_0(void)
{
    mutex_use(0);
}

static void locker_1(void)
{
    mutex_use(1);
}

static void locker_2(void)
{
    mutex_use(2);
}

static void locker_0_twice(void)
{
    mutex_use(0);
    mutex_use(0);
}

static void canceller_of_1(void)
{
    cancel(1);
}

/* Task 0 has it, 1 and 2 are asleep in the queue. */
static void models_reset_queued(void)
{
    models_reset();
    a_store(&mutex, task_of(0) | MUTEXWORD_WAITED, relaxed);
    queue_push(&queue, 1);
    queue_push(&queue, 2);
    a_store(&wait[1], PARKED, relaxed);
    a_store(&wait[2], PARKED, relaxed);
}

/* Task 0 has it, 1 is asleep in the queue. */
static void models_reset_one_queued(void)
{
    models_reset();
    a_store(&mutex, task_of(0) | MUTEXWORD_WAITED, relaxed);
    queue_push(&queue, 1);
    a_store(&wait[1], PARKED, relaxed);
}

static void unlocker_0(void)
{
    mutex_unlock(0);
}

/* The cancel may hit a waiter that is woken and passed. */
static void hog_cancels_1(void)
{
    mutex_unlock(0);
    if (mutex_lock(0)) {
        cancel(1);
        mutex_unlock(0);
    }
}

static void hog(void)
{
    mutex_unlock(0);
    mutex_use(0);
}

static void sleeper_use(int i)
{
    if (mutex_take_slowly(i, true)) {
        critical_section();
        taken[i]++;
        mutex_unlock(i);
    }
}

static void sleeper_1(void)
{
    sleeper_use(1);
}

static void sleeper_2(void)
{
    sleeper_use(2);
}

static void mutex_is_free(void)
{
    model_assert(a_load(&mutex, relaxed) == 0);
    model_assert(a_load(&queue, relaxed) == 0);
    model_assert(a_load(&value, relaxed) == taken[0] + taken[1] + taken[2]);
}

/* ---- freeing what the mutex lies in: the last of two users, counted under the mutex, does ---- */

static void poison(void)
{
    a_store(&mutex, POISON, relaxed);
    a_store(&gate, POISON, relaxed);
    a_store(&queue_lock, POISON, relaxed);
}

static void is_poisoned(void)
{
    model_assert(a_load(&mutex, relaxed) == POISON);
    model_assert(a_load(&gate, relaxed) == POISON);
    model_assert(a_load(&queue_lock, relaxed) == POISON);
}

static void mutex_unref(int i, void (*unlock)(int))
{
    bool locked = mutex_lock(i);
    model_assert(locked);
    uint32_t before = a_load(&value, relaxed);
    a_store(&value, before + 1, relaxed);
    unlock(i);
    if (before == 1) {
        poison();
    }
}

static void unref_0(void)
{
    mutex_unref(0, mutex_unlock);
}

static void waiter_1_done(void)
{
    if (mutex_lock(1)) {
        mutex_unlock(1);
    }
    a_store(&done[1], 1, release);
}

static void cancel_1_unref_2(void)
{
    cancel(1);
    model_block_while(&done[1], 0);
    mutex_unref(2, mutex_unlock);
}

/* Broken: frees the word while it has the queue's lock. */
static void mutex_unlock_early(int i)
{
    uintptr_t w = task_of(i);
    while (!mutexword_let_go(&mutex, w)) {
        take(&queue_lock);
        int next = queue_claim(&queue);
        if (next >= 0) {
            mutex_wake(next);
            return;
        }
        a_store(&mutex, 0, release);
        drop(&queue_lock);
        return;
    }
}

static void unref_0_early(void)
{
    mutex_unref(0, mutex_unlock_early);
}

/* Broken: notes that it waits without looking whether the mutex is still taken. */
static void locker_1_waits_blindly(void)
{
    uintptr_t w = 0;
    if (mutexword_take(&mutex, &w, task_of(1), 0)) {
        mutex_unlock(1);
        return;
    }
    take(&queue_lock);
    (void)a_or(&mutex, MUTEXWORD_WAITED, relaxed);
    mutex_queue(1);
    if (mutex_take_slowly(1, true)) {
        mutex_unlock(1);
    }
}

/* Broken: woken and passed it leaves, and keeps the wake-up to itself. */
static void sleeper_1_keeps_wake(void)
{
    if (!mutex_asleep(1)) {
        return;
    }
    uintptr_t w = a_load(&mutex, relaxed);
    if (mutexword_take(&mutex, &w, task_of(1), MUTEXWORD_WOKEN)) {
        mutex_unlock(1);
    }
}

/* ---- semaphore, as gate.c and sem.c have it ---- */

static bool gate_has_units(uint64_t w)
{
    return w != 0 && !(w & GATEWORD_WAITED);
}

static bool gate_sleep(int i)
{
    queue_push(&queue, i);
    settle(i);
    bool woken = asleep(i);
    if (!woken) {
        take(&queue_lock);
        if (queue_remove(&queue, i)) {
            gateword_unwait(&gate);
        }
        drop(&queue_lock);
    }
    return woken;
}

static bool gate_wait(int i, gateword_is_open_fn *is_open, uint64_t takes)
{
    uint64_t w = a_load(&gate, acquire);
    if (gateword_pass(&gate, &w, is_open, takes)) {
        return true;
    }
    take(&queue_lock);
    if (gateword_pass_or_wait(&gate, is_open, takes)) {
        drop(&queue_lock);
        return true;
    }
    return gate_sleep(i);
}

/* Whom it woke, or -1. */
static int gate_wake_one(void)
{
    take(&queue_lock);
    int next = queue_claim(&queue);
    if (a_load(&queue, relaxed) == 0) {
        gateword_unwait(&gate);
    }
    drop(&queue_lock);
    if (next >= 0) {
        make_ready(next);
    }
    return next;
}

static void sem_post(void)
{
    uint64_t w = a_load(&gate, relaxed);
    for (;;) {
        if (w & GATEWORD_WAITED) {
            if (gate_wake_one() >= 0) {
                return;
            }
            w = a_load(&gate, relaxed);
        } else if (gateword_replace(&gate, &w, w + 1)) {
            return;
        }
    }
}

/* What the poster wrote before, the one who takes the unit must see. */
static void poster(void)
{
    a_store(&value, 1, relaxed);
    sem_post();
}

static void poster_twice(void)
{
    poster();
    sem_post();
}

static void sem_use(int i)
{
    if (gate_wait(i, gate_has_units, 1)) {
        model_assert(a_load(&value, relaxed) == 1);
        taken[i]++;
    }
}

static void taker_0(void)
{
    sem_use(0);
}

static void taker_1(void)
{
    sem_use(1);
}

static void one_unit_conserved(void)
{
    model_assert(a_load(&queue, relaxed) == 0);
    model_assert(a_load(&gate, relaxed) + taken[0] + taken[1] == 1);
}

static void two_units_conserved(void)
{
    model_assert(a_load(&queue, relaxed) == 0);
    model_assert(a_load(&gate, relaxed) + taken[0] + taken[1] == 2);
}

/* The second unit comes when the first is taken.  Who takes it must see what came with it, even if
 * it has seen the first: to the word they are the same. */
static void poster_anew(void)
{
    poster();
    model_block_while(&inside, 0);
    a_store(&value, 2, relaxed);
    sem_post();
}

static void sem_note_turn(int i)
{
    uint32_t turn = a_add(&inside, 1, relaxed);
    model_assert(a_load(&value, relaxed) >= turn + 1);
    taken[i]++;
}

static void taker_0_in_turn(void)
{
    bool took = gate_wait(0, gate_has_units, 1);
    model_assert(took);
    sem_note_turn(0);
}

static void trier_1_in_turn(void)
{
    uint64_t w = a_load(&gate, relaxed);
    if (gateword_pass(&gate, &w, gate_has_units, 1)) {
        sem_note_turn(1);
    }
}

static void taker_1_done(void)
{
    sem_use(1);
    a_store(&done[1], taken[1] + 1, release);
}

/* Gets the unit by way of another waiter, or itself; then nobody needs the semaphore any more. */
static void cancel_1_take_and_free(void)
{
    cancel(1);
    if (model_block_while(&done[1], 0) == 1) {
        sem_use(0);
    }
    poison();
}

/* Broken: gives the unit before it drops the lock. */
static void poster_early(void)
{
    uint64_t w = a_load(&gate, relaxed);
    a_store(&value, 1, relaxed);
    while (!(w & GATEWORD_WAITED)) {
        if (gateword_replace(&gate, &w, w + 1)) {
            return;
        }
    }
    take(&queue_lock);
    int next = queue_claim(&queue);
    if (next < 0) {
        a_store(&gate, 1, release);
    } else if (a_load(&queue, relaxed) == 0) {
        gateword_unwait(&gate);
    }
    drop(&queue_lock);
    if (next >= 0) {
        make_ready(next);
    }
}

/* ---- event and latch ---- */

static bool gate_is_set(uint64_t w)
{
    return (w & 1) != 0;
}

static bool gate_is_zero(uint64_t w)
{
    return w == 0;
}

/* Claims all into a chain, a number like the queue. */
static void gate_claim_all(uint32_t *chain)
{
    take(&queue_lock);
    for (int next = queue_claim(&queue); next >= 0; next = queue_claim(&queue)) {
        *chain = *chain << DIGIT | (uint32_t)(next + 1);
    }
    gateword_unwait(&gate);
    drop(&queue_lock);
}

static void ready_chain(uint32_t chain)
{
    for (; chain; chain >>= DIGIT) {
        make_ready((int)(chain & 15) - 1);
    }
}

static void setter(void)
{
    uint64_t w = a_load(&gate, relaxed);
    uint32_t chain = 0;
    a_store(&value, 1, relaxed);
    do {
        if (w & GATEWORD_WAITED) {
            gate_claim_all(&chain);
            w = a_load(&gate, relaxed);
        }
    } while ((w & GATEWORD_WAITED) || !gateword_replace(&gate, &w, 1));
    ready_chain(chain);
}

/* Broken: sets while it has the lock. */
static void setter_early(void)
{
    a_store(&value, 1, relaxed);
    take(&queue_lock);
    int next = queue_claim(&queue);
    a_store(&gate, 1, release);
    drop(&queue_lock);
    if (next >= 0) {
        make_ready(next);
    }
}

static void event_waiter_0(void)
{
    bool woken = gate_wait(0, gate_is_set, 0);
    model_assert(woken);
    model_assert(a_load(&value, relaxed) == 1);
    a_store(&done[0], 1, release);
}

static void event_waiter_1(void)
{
    taken[1] = gate_wait(1, gate_is_set, 0);
    model_assert(!taken[1] || a_load(&value, relaxed) == 1);
}

static void event_waiter_2_frees(void)
{
    bool woken = gate_wait(2, gate_is_set, 0);
    model_assert(woken);
    model_block_while(&done[0], 0);
    poison();
}

static void event_is_set(void)
{
    model_assert(a_load(&gate, relaxed) == 1);
    model_assert(a_load(&queue, relaxed) == 0);
}

static void models_reset_latch(void)
{
    models_reset();
    a_store(&gate, 2, relaxed);
}

static void latch_down(void)
{
    uint64_t w = a_load(&gate, relaxed);
    uint32_t chain = 0;
    (void)a_add(&value, 1, relaxed);
    for (;;) {
        model_assert((w & GATEWORD_VALUE) >= 1);
        if (w - 1 == GATEWORD_WAITED) {
            gate_claim_all(&chain);
            w = a_load(&gate, relaxed);
        } else if (gateword_replace(&gate, &w, w - 1)) {
            break;
        }
    }
    ready_chain(chain);
}

static void latch_waiter_frees(void)
{
    bool woken = gate_wait(0, gate_is_zero, 0);
    model_assert(woken);
    model_assert(a_load(&value, relaxed) == 2);
    poison();
}

/* ---- condition; the mutex is a plain lock here ---- */

static bool gate_never_open(uint64_t w)
{
    (void)w;
    return false;
}

static bool cond_wait(int i)
{
    take(&queue_lock);
    (void)gateword_pass_or_wait(&gate, gate_never_open, 0);
    drop(&user_lock);
    bool woken = gate_sleep(i);
    take(&user_lock);
    return woken;
}

static void cond_signal(void)
{
    if (a_load(&gate, acquire) & GATEWORD_WAITED) {
        (void)gate_wake_one();
    }
}

/* Waits for what the signaller makes. */
static void cond_waiter_0(void)
{
    take(&user_lock);
    while (a_load(&value, relaxed) == 0) {
        bool woken = cond_wait(0);
        model_assert(woken);
    }
    drop(&user_lock);
}

/* Is cancelled; but a signal that it got it passes on. */
static void cond_waiter_1(void)
{
    take(&user_lock);
    if (a_load(&value, relaxed) == 0 && cond_wait(1)) {
        cond_signal();
    }
    drop(&user_lock);
}

static void cond_signal_cancel_1(void)
{
    take(&user_lock);
    a_store(&value, 1, relaxed);
    cond_signal();
    drop(&user_lock);
    cancel(1);
}

static void cond_cancel_1_signal(void)
{
    cancel(1);
    take(&user_lock);
    a_store(&value, 1, relaxed);
    drop(&user_lock);
    cond_signal();
}

static void cond_is_empty(void)
{
    model_assert(a_load(&gate, relaxed) == 0);
    model_assert(a_load(&queue, relaxed) == 0);
    model_assert(a_load(&user_lock, relaxed) == 0);
}

/* Broken: lets go of the mutex before it stands in the queue. */
static void cond_waiter_0_late(void)
{
    take(&user_lock);
    while (a_load(&value, relaxed) == 0) {
        drop(&user_lock);
        take(&queue_lock);
        (void)gateword_pass_or_wait(&gate, gate_never_open, 0);
        (void)gate_sleep(0);
        take(&user_lock);
    }
    drop(&user_lock);
}

/* Broken: a waiter that was cancelled before gets the signal, too. */
static void cond_cancel_1_signal_anyone(void)
{
    cancel(1);
    take(&user_lock);
    a_store(&value, 1, relaxed);
    take(&queue_lock);
    uint32_t q = a_load(&queue, relaxed);
    a_store(&queue, q >> DIGIT, relaxed);
    bool claimed = q && claim((int)(q & 15) - 1, WOKEN);
    drop(&queue_lock);
    if (claimed) {
        make_ready((int)(q & 15) - 1);
    }
    drop(&user_lock);
}

static const struct model models[] = {
    MODEL("mutex_two", models_reset, mutex_is_free, locker_0, locker_1),
    MODEL("mutex_newcomer", models_reset_one_queued, mutex_is_free, unlocker_0, sleeper_1,
          locker_2),
    MODEL_NIGHT("mutex_passed", models_reset, mutex_is_free, locker_0_twice, locker_1),
    MODEL("mutex_hog", models_reset_queued, mutex_is_free, hog, sleeper_1, sleeper_2),
    MODEL("mutex_cancel", models_reset, mutex_is_free, locker_0, locker_1, canceller_of_1),
    MODEL_NIGHT("mutex_cancel_woken", models_reset_queued, mutex_is_free, hog_cancels_1, sleeper_1,
                sleeper_2),
    MODEL_NIGHT("mutex_free", models_reset, is_poisoned, unref_0, waiter_1_done,
                cancel_1_unref_2),
    MODEL_NIGHT("sem_two", models_reset, two_units_conserved, taker_0, taker_1, poster_twice),
    MODEL("sem_anew", models_reset, two_units_conserved, taker_0_in_turn, trier_1_in_turn,
          poster_anew),
    MODEL("sem_cancel", models_reset, one_unit_conserved, poster, taker_1, canceller_of_1),
    MODEL("sem_free", models_reset, is_poisoned, cancel_1_take_and_free, taker_1_done, poster),
    MODEL_NIGHT("event_two", models_reset, event_is_set, event_waiter_0, event_waiter_1, setter),
    MODEL("event_cancel", models_reset, event_is_set, canceller_of_1, event_waiter_1, setter),
    MODEL("event_free", models_reset, is_poisoned, event_waiter_0, setter, event_waiter_2_frees),
    MODEL("latch_free", models_reset_latch, is_poisoned, latch_waiter_frees, latch_down,
          latch_down),
    MODEL("cond_signal_cancel", models_reset, cond_is_empty, cond_waiter_0, cond_waiter_1,
          cond_signal_cancel_1),
    MODEL_NIGHT("cond_cancel_signal", models_reset, cond_is_empty, cond_waiter_0, cond_waiter_1,
                cond_cancel_1_signal),
    MODEL_BROKEN("mutex_waits_blindly",
                 "a waiter that does not look again sleeps beside a free mutex", models_reset,
                 NULL, locker_0, locker_1_waits_blindly),
    MODEL_BROKEN("mutex_keeps_wake",
                 "a woken waiter that leaves without passing the wake-up on lets the next sleep",
                 models_reset_queued, NULL, hog_cancels_1, sleeper_1_keeps_wake, sleeper_2),
    MODEL_BROKEN("mutex_frees_early",
                 "an unlocker that frees the word under the queue's lock drops a lock that is gone",
                 models_reset, is_poisoned, unref_0_early, waiter_1_done, cancel_1_unref_2),
    MODEL_BROKEN("sem_gives_early",
                 "a poster that gives the unit under the lock drops a lock that is gone",
                 models_reset, is_poisoned, cancel_1_take_and_free, taker_1_done, poster_early),
    MODEL_BROKEN("event_sets_early",
                 "a setter that sets under the lock drops a lock that is gone", models_reset,
                 is_poisoned, event_waiter_0, setter_early, event_waiter_2_frees),
    MODEL_BROKEN("cond_queues_late",
                 "a waiter that lets go of the mutex before it is queued misses the signal",
                 models_reset, cond_is_empty, cond_waiter_0_late, cond_waiter_1,
                 cond_signal_cancel_1),
    MODEL_BROKEN("cond_signals_cancelled",
                 "a signal that goes to a cancelled waiter is lost for the next", models_reset,
                 cond_is_empty, cond_waiter_0, cond_waiter_1, cond_cancel_1_signal_anyone),
};

static const struct model_spared spared[] = {QUEUE_PROBE_SPARED};

int main(int argc, char **argv)
{
    return model_main(argc, argv, models, WEFT_ARRAY_SIZE(models), spared,
                      WEFT_ARRAY_SIZE(spared));
}
