/* evcount_model.c - every interleaving of waiters and makers on an event count.
 *
 * Each maker makes one piece of work, each waiter wants one: a lost wake-up is a deadlock.  The
 * futex is the explorer's own: it compares and sleeps in one step, and wakes whomever it likes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "lockfree/evcount.h"
#include "tests/model.h"

static struct weft__evcount events;
static ATOMIC(uint32_t) work;

static void models_reset(void)
{
    evcount_init(&events);
    a_store(&work, 0, relaxed);
}

static void models_reset_wrap(void)
{
    models_reset();
    a_store(&events.epoch, UINT32_MAX, relaxed);
}

static bool work_take(void)
{
    uint32_t n = a_load(&work, relaxed);

    while (n > 0) {
        if (a_cas(&work, &n, n - 1, relaxed, relaxed))
            return true;
    }
    return false;
}

static void waiter(void)
{
    while (!work_take()) {
        uint32_t key = evcount_prepare(&events);

        if (work_take()) {
            evcount_cancel(&events);
            break;
        }
        evcount_commit(&events, key, -1);
    }
}

static void maker_one(void)
{
    a_add(&work, 1, relaxed);
    evcount_notify_one(&events);
}

static void maker_two(void)
{
    maker_one();
    maker_one();
}

static void maker_all(void)
{
    a_add(&work, 2, relaxed);
    evcount_notify_all(&events);
}

/* A waiter with a deadline may leave with nothing, and takes itself off. */
static void waiter_deadline(void)
{
    uint32_t key;

    if (work_take())
        return;
    key = evcount_prepare(&events);
    if (work_take())
        evcount_cancel(&events);
    else
        evcount_commit(&events, key, 1);
}

/* A condition that stays true, stored and not counted: nothing orders it but the fences. */
static void waiter_flag(void)
{
    while (a_load(&work, relaxed) == 0) {
        uint32_t key = evcount_prepare(&events);

        if (a_load(&work, relaxed) != 0) {
            evcount_cancel(&events);
            break;
        }
        evcount_commit(&events, key, -1);
    }
}

static void maker_flag(void)
{
    a_store(&work, 1, relaxed);
    evcount_notify_all(&events);
}

static void all_left(void)
{
    model_assert(evcount_waiters(&events) == 0);
}

static void all_taken(void)
{
    all_left();
    model_assert(a_load(&work, relaxed) == 0);
}

/* ---- broken ---- */

static void waiter_looks_once(void)
{
    while (!work_take())
        evcount_commit(&events, evcount_prepare(&events), -1);
}

static void waiter_key_last(void)
{
    while (!work_take()) {
        evcount_prepare(&events);
        if (work_take()) {
            evcount_cancel(&events);
            break;
        }
        evcount_commit(&events, a_load(&events.epoch, relaxed), -1);
    }
}

static void maker_keeps_epoch(void)
{
    a_add(&work, 1, relaxed);
    a_fence(seq_cst);
    if (a_load(&events.waiters, relaxed) > 0)
        weft__sys_futex_wake(&events.epoch, 1);
}

static const struct model models[] = {
    MODEL("evcount_pair", models_reset, all_taken, waiter, maker_one),
    MODEL("evcount_wrap", models_reset_wrap, all_taken, waiter, maker_one),
    MODEL("evcount_flag", models_reset, all_left, waiter_flag, maker_flag),
    MODEL("evcount_flags", models_reset, all_left, waiter_flag, waiter_flag, maker_flag),
    MODEL("evcount_two_waiters", models_reset, all_taken, waiter, waiter, maker_two),
    MODEL("evcount_two_makers", models_reset, all_left, waiter, maker_one, maker_one),
    MODEL("evcount_all", models_reset, all_taken, waiter, waiter, maker_all),
    MODEL("evcount_deadline", models_reset, all_left, waiter_deadline, maker_one),
    MODEL_NIGHT("evcount_deadlines", models_reset, all_left, waiter_deadline, waiter, maker_two),
    MODEL_BROKEN("evcount_looks_once",
                 "a waiter that does not look between prepare and commit sleeps beside the work",
                 models_reset, all_taken, waiter_looks_once, maker_one),
    MODEL_BROKEN("evcount_key_last",
                 "a key read after the look is the new epoch, and the wake has been",
                 models_reset, all_taken, waiter_key_last, maker_one),
    MODEL_BROKEN("evcount_keeps_epoch",
                 "a wake without a new epoch misses the waiter that is about to sleep",
                 models_reset, all_taken, waiter, maker_keeps_epoch),
};

int main(int argc, char **argv)
{
    return model_main(argc, argv, models, WEFT_ARRAY_SIZE(models), NULL, 0);
}
