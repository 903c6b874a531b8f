/* future_model.c - every interleaving of set, get, cancel, wait_any, unref and a task's end, small.
 *
 * A copy of what future.c, future_many.c, future_go.c and park.c do together: the locks are the
 * real ones, the wait word has the transitions of park.c without tickets (each sleeper sleeps
 * once), a queue holds one node, and what a future carries is an ATOMIC moved relaxed, so that a
 * missing order shows.  As in chan_model.c a sleeper may have a settler of its own.
 *
 * Shown: a future is done once, and who sees that sees its value; who should wake does (else the
 * explorer reports a deadlock); nobody reads a frame, an each or a scope that is gone; memory is
 * freed once, and after its last use.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/lock.h"
#include "tests/model.h"

enum { VALUE = 7, GONE = -1, BROKEN = -2, CANCELLED = -3, UNDONE = -4 };
enum { RUN = 0, ARMED = 1, PARKED = 2, CLAIMED = 3 };
enum { OUTCOME_CANCELED = 15 };
enum { LEFT_NOT = 0, LEFT_AWAKE, LEFT_PARKED };
enum { LOST = 0, WON, MUST_READY };

struct sleeper {
    ATOMIC(uint32_t) wait, cancel, woken, left, alive;
    struct weft__lock *lock; /* what its settler drops */
    int rc;
};

struct each {
    struct weft__lock lock;
    ATOMIC(uint32_t) ready[2], alive;
    ATOMIC(struct sleeper *) taker;
    ATOMIC(uint32_t) told; /* which arm, to the taker */
};

struct future {
    struct weft__lock lock;
    ATOMIC(uint32_t) done, value, cancelled, cancelling, armed, freed;
    ATOMIC(uint32_t) getters, setters, sides;
    ATOMIC(int32_t) code;
    ATOMIC(struct sleeper *) waiter, ender;
    ATOMIC(uint32_t) scope; /* 1: the task's is there to be cancelled */
};

static struct future futures[2];
static struct each each;
static struct sleeper getter, taker, ender;
static ATOMIC(uint32_t) scope_open, wins;

/* ---- what lock.h asks for ---- */

void weft__lock_contended(struct weft__lock *l)
{
    do {
        model_block_while(&l->word, 1);
    } while (a_xchg(&l->word, 1, acquire) != 0);
}

void weft__lockrank_check(const struct weft__lock *l)
{
    (void)l;
}

void weft__lockrank_note(const struct weft__lock *l)
{
    (void)l;
}

void weft__lockrank_forget(const struct weft__lock *l)
{
    (void)l;
}

/* ---- park.c ---- */

static int wait_claim(struct sleeper *s, uint32_t outcome)
{
    uint32_t word = a_load(&s->wait, acquire);
    while (word == ARMED || word == PARKED) {
        uint32_t state = word;
        if (a_cas(&s->wait, &word, outcome << 2 | CLAIMED, seq_cst, acquire)) {
            return state == PARKED ? MUST_READY : WON;
        }
    }
    return LOST;
}

static void ready(struct sleeper *s)
{
    if (s) {
        a_store(&s->woken, 1, release);
    }
}

static void cancel(struct sleeper *s)
{
    a_store(&s->cancel, 1, seq_cst);
    uint32_t word = a_load(&s->wait, seq_cst);
    if ((word == ARMED || word == PARKED) && wait_claim(s, OUTCOME_CANCELED) == MUST_READY) {
        ready(s);
    }
}

static void settle(struct sleeper *s)
{
    uint32_t armed = ARMED;
    bool must_ready = false;
    struct weft__lock *lock = s->lock;
    if (!a_cas(&s->wait, &armed, PARKED, seq_cst, acquire)) {
        must_ready = true;
    } else if (a_load(&s->cancel, seq_cst)) {
        must_ready = wait_claim(s, OUTCOME_CANCELED) == MUST_READY;
    }
    model_assert(a_load(&s->alive, relaxed) == 1);
    lock_drop(lock);
    if (must_ready) {
        ready(s);
    }
}

/* The lock is held on entry and dropped on return.  0, or GONE. */
static int park(struct sleeper *s, struct weft__lock *lock, bool has_settler)
{
    s->lock = lock;
    if (has_settler) {
        a_store(&s->left, LEFT_PARKED, release);
    } else {
        settle(s);
    }
    model_block_while(&s->woken, 0);
    uint32_t word = a_load(&s->wait, acquire);
    model_assert((word & 3) == CLAIMED);
    return word >> 2 == OUTCOME_CANCELED ? GONE : 0;
}

static void settler_of(struct sleeper *s)
{
    if (model_block_while(&s->left, LEFT_NOT) == LEFT_PARKED) {
        settle(s);
    }
}

/* Who stands in the queue, claimed and out of it, or NULL. */
static struct sleeper *queue_claim(struct sleeper **q)
{
    struct sleeper *s = a_load(q, relaxed);
    if (!s) {
        return NULL;
    }
    model_assert(a_load(&s->alive, relaxed) == 1);
    a_store(q, NULL, relaxed);
    int claim = wait_claim(s, 0);
    model_assert(claim != WON); /* under the lock nobody is merely armed */
    return claim == MUST_READY ? s : NULL;
}

static void queue_put(struct sleeper **q, struct sleeper *s)
{
    a_store(&s->wait, ARMED, relaxed);
    a_store(q, s, relaxed);
}

static void queue_remove(struct sleeper **q, const struct sleeper *s)
{
    if (a_load(q, relaxed) == s) {
        a_store(q, NULL, relaxed);
    }
}

static void end(struct sleeper *s, int rc)
{
    s->rc = rc;
    if (a_load(&s->left, relaxed) == LEFT_NOT) {
        a_store(&s->left, LEFT_AWAKE, relaxed);
    }
    a_store(&s->alive, 0, relaxed);
}

/* ---- future_many.c ---- */

static struct sleeper *each_tell(uint32_t arm)
{
    model_assert(a_load(&each.alive, relaxed) == 1);
    lock_take(&each.lock);
    struct sleeper *peer = queue_claim(&each.taker);
    if (peer) {
        a_store(&each.told, arm, relaxed);
    } else {
        a_store(&each.ready[arm], 1, relaxed);
    }
    lock_drop(&each.lock);
    return peer;
}

static int each_take(void)
{
    lock_take(&each.lock);
    for (int i = 0; i < 2; i++) {
        if (a_load(&each.ready[i], relaxed)) {
            a_store(&each.ready[i], 0, relaxed);
            lock_drop(&each.lock);
            return i;
        }
    }
    queue_put(&each.taker, &taker);
    int rc = park(&taker, &each.lock, true);
    if (rc < 0) {
        lock_take(&each.lock);
        queue_remove(&each.taker, &taker);
        lock_drop(&each.lock);
        return rc;
    }
    return (int)a_load(&each.told, relaxed);
}

static int any_op(int forgotten)
{
    for (uint32_t i = 0; i < 2; i++) {
        struct future *f = &futures[i];
        lock_take(&f->lock);
        if (a_load(&f->done, relaxed)) {
            model_assert(each_tell(i) == NULL);
        } else {
            a_store(&f->armed, 1, relaxed);
        }
        lock_drop(&f->lock);
    }
    int rc = each_take();
    for (int i = 0; i < 2; i++) {
        if (i != forgotten) {
            lock_take(&futures[i].lock);
            a_store(&futures[i].armed, 0, relaxed);
            lock_drop(&futures[i].lock);
        }
    }
    a_store(&each.alive, 0, relaxed);
    return rc;
}

/* ---- future.c ---- */

struct wakes {
    struct sleeper *getter, *taker;
};

static void complete(struct future *f, int code, uint32_t value, struct wakes *ret_wakes)
{
    model_assert(a_load(&f->freed, relaxed) == 0);
    a_store(&f->code, code, relaxed);
    a_store(&f->value, value, relaxed);
    a_store(&f->done, 1, release);
    ret_wakes->getter = queue_claim(&f->waiter);
    if (a_load(&f->armed, relaxed)) {
        a_store(&f->armed, 0, relaxed);
        ret_wakes->taker = each_tell((uint32_t)(f - futures));
    }
}

static bool finish(struct future *f, int code, uint32_t value)
{
    struct wakes wakes = {NULL, NULL};
    lock_take(&f->lock);
    bool mine = !a_load(&f->done, relaxed);
    if (mine) {
        complete(f, code, value, &wakes);
    }
    lock_drop(&f->lock);
    ready(wakes.getter);
    ready(wakes.taker);
    if (mine) {
        a_add(&wins, 1, relaxed);
    }
    return mine;
}

static void cancel_op(struct future *f)
{
    struct wakes wakes = {NULL, NULL};
    lock_take(&f->lock);
    bool mine = !a_load(&f->done, relaxed), goes = mine && a_load(&f->scope, relaxed);
    if (mine) {
        a_store(&f->cancelling, goes, relaxed);
        complete(f, CANCELLED, 0, &wakes);
    }
    lock_drop(&f->lock);
    ready(wakes.getter);
    ready(wakes.taker);
    if (goes) {
        model_assert(a_load(&scope_open, relaxed) == 1); /* weft_scope_cancel */
        lock_take(&f->lock);
        a_store(&f->cancelling, 0, relaxed);
        struct sleeper *peer = queue_claim(&f->ender);
        lock_drop(&f->lock);
        ready(peer);
    }
    if (mine) {
        a_add(&wins, 1, relaxed);
    }
}

/* The code; a value is seen with it. */
static int get_op(struct future *f, struct sleeper *s, bool has_settler)
{
    if (!a_load(&f->done, acquire)) {
        if (a_load(&s->cancel, relaxed)) {
            return GONE;
        }
        lock_take(&f->lock);
        if (a_load(&f->done, relaxed)) {
            lock_drop(&f->lock);
        } else {
            queue_put(&f->waiter, s);
            if (park(s, &f->lock, has_settler) < 0) {
                lock_take(&f->lock);
                queue_remove(&f->waiter, s);
                lock_drop(&f->lock);
                return GONE;
            }
        }
    }
    int code = a_load(&f->code, relaxed);
    model_assert(code != UNDONE);
    model_assert(a_load(&f->value, relaxed) == (code == 0 ? VALUE : 0));
    return code;
}

/* ---- references ---- */

static void leave_side(struct future *f)
{
    if (a_sub(&f->sides, 1, acq_rel) == 1) {
        model_assert(a_load(&f->done, relaxed) == 1);
        model_assert(a_add(&f->freed, 1, relaxed) == 0);
    }
}

static void getter_unref(struct future *f)
{
    model_assert(a_load(&f->freed, relaxed) == 0);
    if (a_sub(&f->getters, 1, acq_rel) == 1) {
        leave_side(f);
    }
}

static void setter_unref(struct future *f)
{
    model_assert(a_load(&f->freed, relaxed) == 0);
    if (a_sub(&f->setters, 1, acq_rel) == 1) {
        finish(f, BROKEN, 0);
        leave_side(f);
    }
}

/* ---- the end of a task ---- */

static void task_end(struct future *f)
{
    lock_take(&f->lock);
    a_store(&f->scope, 0, relaxed);
    if (a_load(&f->cancelling, relaxed)) {
        queue_put(&f->ender, &ender);
        (void)park(&ender, &f->lock, false);
    } else {
        lock_drop(&f->lock);
    }
    finish(f, 0, VALUE);
    a_store(&scope_open, 0, relaxed);
}

/* ---- threads ---- */

static void thread_get(void)
{
    end(&getter, get_op(&futures[0], &getter, false));
}

static void thread_get_task(void)
{
    end(&getter, get_op(&futures[0], &getter, true));
}

static void settler_get(void)
{
    settler_of(&getter);
}

static void thread_set(void)
{
    finish(&futures[0], 0, VALUE);
}

static void thread_set_other(void)
{
    finish(&futures[1], 0, VALUE);
}

static void thread_set_both(void)
{
    finish(&futures[1], 0, VALUE);
    finish(&futures[0], 0, VALUE);
}

static void thread_cancel(void)
{
    cancel_op(&futures[0]);
}

static void thread_cancel_getter(void)
{
    cancel(&getter);
}

static void thread_any(void)
{
    end(&taker, any_op(-1));
}

static void settler_any(void)
{
    settler_of(&taker);
}

static void thread_cancel_any(void)
{
    cancel(&taker);
}

static void thread_task(void)
{
    task_end(&futures[0]);
}

static void thread_setter_unref(void)
{
    setter_unref(&futures[0]);
}

static void thread_getter_unref(void)
{
    getter_unref(&futures[0]);
}

static void thread_get_unref(void)
{
    (void)get_op(&futures[0], &getter, false);
    model_assert(a_load(&futures[0].freed, relaxed) == 0);
    getter_unref(&futures[0]);
    end(&getter, 0);
}

/* ---- before and after ---- */

static void sleeper_reset(struct sleeper *s)
{
    a_store(&s->wait, RUN, relaxed);
    a_store(&s->cancel, 0, relaxed);
    a_store(&s->woken, 0, relaxed);
    a_store(&s->left, LEFT_NOT, relaxed);
    a_store(&s->alive, 1, relaxed);
    s->lock = NULL;
    s->rc = UNDONE;
}

static void future_reset(struct future *f, uint32_t getters)
{
    ATOMIC(uint32_t) *zeroes[] = {&f->done, &f->value, &f->cancelled, &f->cancelling, &f->armed,
                                  &f->freed};
    lock_init(&f->lock, WEFT_RANK_NONE);
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(zeroes); i++) {
        a_store(zeroes[i], 0, relaxed);
    }
    a_store(&f->code, UNDONE, relaxed);
    a_store(&f->getters, getters, relaxed);
    a_store(&f->setters, 1, relaxed);
    a_store(&f->sides, 2, relaxed);
    a_store(&f->waiter, NULL, relaxed);
    a_store(&f->ender, NULL, relaxed);
    a_store(&f->scope, 1, relaxed);
}

static void models_reset(void)
{
    future_reset(&futures[0], 2);
    future_reset(&futures[1], 2);
    lock_init(&each.lock, WEFT_RANK_NONE);
    a_store(&each.ready[0], 0, relaxed);
    a_store(&each.ready[1], 0, relaxed);
    a_store(&each.alive, 1, relaxed);
    a_store(&each.taker, NULL, relaxed);
    a_store(&each.told, 9, relaxed);
    a_store(&scope_open, 1, relaxed);
    a_store(&wins, 0, relaxed);
    sleeper_reset(&getter);
    sleeper_reset(&taker);
    sleeper_reset(&ender);
}

/* Without a task: a cancel goes nowhere. */
static void models_reset_plain(void)
{
    models_reset();
    a_store(&futures[0].scope, 0, relaxed);
}

static void nobody_left(void)
{
    for (int i = 0; i < 2; i++) {
        model_assert(a_load(&futures[i].waiter, relaxed) == NULL);
        model_assert(a_load(&futures[i].ender, relaxed) == NULL);
        model_assert(a_load(&futures[i].armed, relaxed) == 0);
    }
    model_assert(a_load(&each.taker, relaxed) == NULL);
}

static void got_it(void)
{
    nobody_left();
    model_assert(getter.rc == 0);
}

static void got_it_or_gone(void)
{
    nobody_left();
    model_assert(getter.rc == 0 || getter.rc == GONE);
}

static void done_once(void)
{
    nobody_left();
    model_assert(a_load(&wins, relaxed) == 1);
    model_assert(getter.rc == a_load(&futures[0].code, relaxed));
}

static void ended_once(void)
{
    nobody_left();
    model_assert(a_load(&wins, relaxed) == 1);
    model_assert(a_load(&scope_open, relaxed) == 0);
}

static void took_one(void)
{
    nobody_left();
    model_assert(taker.rc == 0 || taker.rc == 1);
}

static void took_first_or_gone(void)
{
    nobody_left();
    model_assert(taker.rc == 0 || taker.rc == GONE);
}

static void freed_once(void)
{
    nobody_left();
    model_assert(a_load(&futures[0].freed, relaxed) == 1);
}

/* ---- broken ---- */

/* Says done before the value is there. */
static void thread_set_hasty(void)
{
    struct future *f = &futures[0];
    lock_take(&f->lock);
    a_store(&f->code, 0, relaxed);
    a_store(&f->done, 1, release);
    a_store(&f->value, VALUE, relaxed);
    struct sleeper *peer = queue_claim(&f->waiter);
    lock_drop(&f->lock);
    ready(peer);
}

/* Looks without the lock, and does not look again under it. */
static void thread_get_unlooked(void)
{
    struct future *f = &futures[0];
    if (!a_load(&f->done, acquire)) {
        lock_take(&f->lock);
        queue_put(&f->waiter, &getter);
        (void)park(&getter, &f->lock, false);
    }
    end(&getter, a_load(&f->code, relaxed));
}

static void thread_any_forgets(void)
{
    end(&taker, any_op(1));
}

/* Does not wait for who is on his way to its scope. */
static void thread_task_hasty(void)
{
    struct future *f = &futures[0];
    lock_take(&f->lock);
    a_store(&f->scope, 0, relaxed);
    lock_drop(&f->lock);
    finish(f, 0, VALUE);
    a_store(&scope_open, 0, relaxed);
}

/* Gives its side back, and breaks the future then. */
static void thread_setter_unref_late(void)
{
    struct future *f = &futures[0];
    if (a_sub(&f->setters, 1, acq_rel) == 1) {
        if (a_sub(&f->sides, 1, acq_rel) == 1) {
            a_add(&f->freed, 1, relaxed);
        }
        finish(f, BROKEN, 0);
    }
}

static void thread_getter_unref_bare(void)
{
    struct future *f = &futures[0];
    if (a_sub(&f->getters, 2, acq_rel) == 2 && a_sub(&f->sides, 1, acq_rel) == 1) {
        a_add(&f->freed, 1, relaxed);
    }
}

static const struct model models[] = {
    MODEL("future_get_set", models_reset_plain, got_it, thread_get, thread_set),
    MODEL("future_get_task_set", models_reset_plain, got_it, thread_get_task, settler_get,
          thread_set),
    MODEL("future_get_set_cancel", models_reset_plain, done_once, thread_get, thread_set,
          thread_cancel),
    MODEL("future_getter_cancelled", models_reset_plain, got_it_or_gone, thread_get_task,
          settler_get, thread_set, thread_cancel_getter),
    MODEL("future_any", models_reset_plain, took_one, thread_any, settler_any, thread_set_both),
    MODEL_NIGHT("future_any_two", models_reset_plain, took_one, thread_any, settler_any, thread_set,
                thread_set_other),
    MODEL_NIGHT("future_any_cancelled", models_reset_plain, took_first_or_gone, thread_any,
                settler_any, thread_set, thread_cancel_any),
    MODEL("future_task_cancel", models_reset, ended_once, thread_task, thread_cancel),
    MODEL("future_task_get_cancel", models_reset, ended_once, thread_task, thread_cancel,
          thread_get),
    MODEL("future_unref", models_reset_plain, freed_once, thread_setter_unref,
          thread_getter_unref, thread_getter_unref),
    MODEL("future_break_get", models_reset_plain, freed_once, thread_setter_unref,
          thread_get_unref, thread_getter_unref),
    MODEL_BROKEN("future_set_hasty", "who sees that it is done must see the value",
                 models_reset_plain, got_it, thread_get, thread_set_hasty),
    MODEL_BROKEN("future_get_unlooked", "it may have been done since the look without the lock",
                 models_reset_plain, got_it, thread_get_unlooked, thread_set),
    MODEL_BROKEN("future_any_forgets", "an arm that stays in its future outlives its each",
                 models_reset_plain, took_one, thread_any_forgets, settler_any, thread_set,
                 thread_set_other),
    MODEL_BROKEN("future_task_hasty", "a canceller is on its way to the scope", models_reset,
                 ended_once, thread_task_hasty, thread_cancel),
    MODEL_BROKEN("future_unref_late", "the getters may have freed it meanwhile",
                 models_reset_plain, freed_once, thread_setter_unref_late,
                 thread_getter_unref_bare),
};

int main(int argc, char **argv)
{
    return model_main(argc, argv, models, WEFT_ARRAY_SIZE(models), NULL, 0);
}
