/* park_model.c - every interleaving of a sleeper, its settler, wakers, a canceller and a timer.
 *
 * It is park.c and waitq.c themselves.  The switch away from the sleeper's stack is played by two
 * threads: the sleeper hands over to the settler, which is what the OS thread does next, and goes
 * on when it has been made ready.  Must hold:
 *
 *   - exactly one of those who want to end a sleep wins, and what the others brought is still there
 *   - nobody is made ready twice, nor before the settler has begun: that is, off his stack
 *   - no wake-up and no cancel is lost: the sleeper would sleep for ever, a deadlock
 *   - the settler reads nothing of a frame that is gone (its parking is overwritten at once)
 *
 * SPDX-License-Identifier: MIT
 */
#include "tests/model.h"

#include "core/core_model.h"

#include "core/park.c"
#include "core/waitq.c"

static struct weft__thread sleeper_thread;
static struct weft__task task;
static ATOMIC(uint32_t) cancel_word;
static struct weft__lock object_lock;
static struct weft__waitq waiters;
static ATOMIC(uint32_t) permits;    /* what the sleeper waits for; under the lock */
static ATOMIC(uint64_t) ticket_now; /* for the timer */
static ATOMIC(uint32_t) settle_now; /* 1: settle, 2: it never slept */
static ATOMIC(uint32_t) ready_now;
static struct weft__parking frame; /* the sleeper's */
static bool is_off_stack; /* a thread stays on its own */
static uint32_t times_ready, got, refused, timed_out;

static bool model_is_noise(const void *at)
{
    return at == &weft__forked || at == &weft__enter_fences || at == &weft__foreign_parked;
}

/* The kernel's membarrier is played as a fence of the settler's, which is where it takes effect. */
static void models_reset_task(bool on_thread)
{
    memset(&sleeper_thread, 0, sizeof sleeper_thread);
    memset(&task, 0, sizeof task);
    sleeper_thread.task = &task;
    task.cancel = &cancel_word;
    task.driven = on_thread ? WEFT__BY_THREAD : WEFT__BY_WORKER;
    lock_init(&object_lock, WEFT_RANK_NONE);
    waiters = (struct weft__waitq){NULL, NULL};
    a_store(&cancel_word, 0, relaxed);
    a_store(&permits, 0, relaxed);
    a_store(&ticket_now, 0, relaxed);
    a_store(&settle_now, 0, relaxed);
    a_store(&ready_now, 0, relaxed);
    a_store(&weft__enter_fences, 1, relaxed);
    is_off_stack = on_thread;
    times_ready = got = refused = timed_out = 0;
}

static void models_reset(void)
{
    models_reset_task(false);
}

static void models_reset_thread(void)
{
    models_reset_task(true);
}

/* ---- what park.c asks of its neighbours ---- */

ATOMIC(uint32_t) weft__forked;
ATOMIC(uint64_t) weft__foreign_parked;
ATOMIC(uint32_t) weft__enter_fences;

struct weft__thread *weft__self(void)
{
    return &sleeper_thread;
}

void weft__ready(struct weft__task *t)
{
    model_assert(t == &task);
    model_assert(is_off_stack);
    model_assert(times_ready == 0);
    times_ready++;
    if (t->driven == WEFT__BY_THREAD) { /* as in worker.c */
        a_store(&task.woken, 1, release);
        weft__sys_futex_wake(&task.woken, 1);
    } else {
        a_store(&ready_now, 1, release);
    }
}

struct weft__thread *weft__switch_away(struct weft__thread *self, enum weft__left_kind kind)
{
    (void)self;
    model_assert(kind == WEFT__LEFT_PARKED);
    a_store(&settle_now, 1, release);
    model_block_while(&ready_now, 0u);
    return self;
}

void weft__stack_check(const struct weft__task *t)
{
    (void)t;
}

int weft__sys_membarrier(void)
{
    return 0;
}

static void owner_enroll(struct weft__task *t)
{
    (void)t;
}

static void owner_delivered(struct weft__task *t)
{
    (void)t;
}

const struct weft__owner_ops weft__owner_ops = {.enroll = owner_enroll,
                                                .delivered = owner_delivered};

void weft__runtime_external_end(struct weft__runtime *rt)
{
    (void)rt;
}

void weft__panic(const char *format, ...)
{
    model_fail("panic: %s", format);
}

/* ---- those who take part ---- */

static const struct weft__wait_kind kind = {.what = "model"};

static void sleeper_note(int rc)
{
    got += rc == 0;
    refused += rc == -WEFT_ECANCELED;
    timed_out += rc == -WEFT_ETIMEDOUT;
}

/* The frame is gone: whoever still reads it falls over the lock that nobody drops. */
static void sleeper_leaves_frame(void)
{
    static struct weft__lock nowhere = {1};
    frame = (struct weft__parking){.lock = &nowhere};
    if (task.driven != WEFT__BY_THREAD) {
        uint32_t none = 0;
        a_cas(&settle_now, &none, 2, release, relaxed);
    }
}

static void sleep_on_object(bool is_firm)
{
    struct weft__thread *self = &sleeper_thread;
    struct weft__waiter waiter;
    int rc = 0;
    lock_take(&object_lock);
    if (a_load(&permits, relaxed) > 0) {
        a_store(&permits, 0, relaxed);
        lock_drop(&object_lock);
    } else {
        weft__waiter_init_locked(&waiter, self);
        weft__waitq_push(&waiters, &waiter);
        frame = (struct weft__parking){
            .kind = &kind, .lock = &object_lock, .ticket = waiter.ticket,
            .is_uncancellable = is_firm};
        rc = weft__park(&self, &frame);
        if (rc < 0) {
            lock_take(&object_lock);
            weft__waitq_remove(&waiters, &waiter);
            lock_drop(&object_lock);
        }
    }
    sleeper_note(rc);
    sleeper_leaves_frame();
}

static void sleeper(void)
{
    sleep_on_object(false);
}

static void sleeper_firm(void)
{
    sleep_on_object(true);
}

/* A plain thread that sleeps by the system's clock: the futex may time out at any moment. */
static void thread_by_time(void)
{
    struct weft__thread *self = &sleeper_thread;
    weft__park_arm(&task);
    frame = (struct weft__parking){.kind = &kind, .deadline = 1};
    sleeper_note(weft__park(&self, &frame));
}

/* As weft_sleep: nothing but a timer, and no lock to hold the sleeper back. */
static void sleeper_by_time(void)
{
    struct weft__thread *self = &sleeper_thread;
    a_store(&ticket_now, weft__park_arm(&task), release);
    frame = (struct weft__parking){.kind = &kind};
    sleeper_note(weft__park(&self, &frame));
    sleeper_leaves_frame();
}

static void settler(void)
{
    model_block_while(&settle_now, 0u);
    if (a_load(&settle_now, acquire) == 1) {
        is_off_stack = true;
        weft__park_settle(&task);
    }
}

static void waker(void)
{
    lock_take(&object_lock);
    struct weft__waiter *waiter = weft__waitq_claim(&waiters);
    if (!waiter) {
        a_store(&permits, 1, relaxed);
    }
    lock_drop(&object_lock);
    if (waiter) {
        weft__ready(waiter->task);
    }
}

static void canceller(void)
{
    a_store(&cancel_word, 1, relaxed);
    weft__cancel_barrier();
    if (weft__claim_cancel(&task) == WEFT__CLAIM_MUST_READY) {
        weft__ready(&task);
    }
}

/* Fires at once when it is armed. */
static void timer(void)
{
    model_block_while(&ticket_now, 0u);
    uint64_t ticket = a_load(&ticket_now, acquire);
    if (weft__claim(&task, ticket, WEFT__OUTCOME_TIMED_OUT) == WEFT__CLAIM_MUST_READY) {
        weft__ready(&task);
    }
}

/* ---- what must hold ---- */

static void one_end(void)
{
    model_assert(got + refused + timed_out == 1);
    model_assert(weft__waitq_is_empty(&waiters));
    model_assert(wait_state(task.wait) == WEFT__RUNNING);
}

static void woken(void)
{
    one_end();
    model_assert(got == 1 && permits == 0);
}

static void cancelled(void)
{
    one_end();
    model_assert(refused == 1);
}

/* Either it got the permit or the permit is still there. */
static void conserved(void)
{
    one_end();
    model_assert(got + permits == 1);
}

/* ---- broken ---- */

/* It looks whether anybody sleeps before it says that all are cancelled. */
static void canceller_looks_first(void)
{
    bool must_ready = weft__claim_cancel(&task) == WEFT__CLAIM_MUST_READY;
    a_store(&cancel_word, 1, relaxed);
    if (must_ready) {
        weft__ready(&task);
    }
}

/* It reads what it needs after others may wake the sleeper. */
static void settler_reads_late(void)
{
    model_block_while(&settle_now, 0u);
    if (a_load(&settle_now, acquire) == 1) {
        uint64_t armed = wait_ticket(a_load(&task.wait, relaxed)) | WEFT__ARMED;
        is_off_stack = true;
        bool parked =
            a_cas(&task.wait, &armed, wait_ticket(armed) | WEFT__PARKED, seq_cst, acquire);
        (void)a_load(&cancel_word, relaxed); /* here others may go on */
        model_assert(!frame.lock);
        if (!parked) {
            weft__ready(&task);
        }
    }
}

/* Whoever wakes makes ready, even one that is still on its stack. */
static void waker_in_a_hurry(void)
{
    if (weft__claim_cancel(&task) != WEFT__CLAIM_LOST) {
        weft__ready(&task);
    }
    a_store(&cancel_word, 1, relaxed);
}

/* It claims by looking and storing: two may win. */
static void timer_without_swap(void)
{
    model_block_while(&ticket_now, 0u);
    uint64_t ticket = a_load(&ticket_now, acquire);
    uint64_t word = a_load(&task.wait, acquire);
    if (wait_ticket(word) == ticket && wait_state(word) == WEFT__PARKED) {
        a_store(&task.wait, wait_claimed(ticket, WEFT__OUTCOME_TIMED_OUT), seq_cst);
        weft__ready(&task);
    } else if (weft__claim(&task, ticket, WEFT__OUTCOME_TIMED_OUT) == WEFT__CLAIM_MUST_READY) {
        weft__ready(&task);
    }
}

/* A settler that does not look at the cancel word after it has parked the sleeper. */
static void settler_does_not_look(void)
{
    task.cancel = NULL;
    settler();
}

static const struct model models[] = {
    MODEL("park_wake", models_reset, woken, sleeper, settler, waker),
    MODEL("park_cancel", models_reset, cancelled, sleeper, settler, canceller),
    MODEL("park_wake_cancel", models_reset, conserved, sleeper, settler, waker, canceller),
    MODEL("park_firm", models_reset, woken, sleeper_firm, settler, waker, canceller),
    MODEL("park_time", models_reset, one_end, sleeper_by_time, settler, timer),
    MODEL("park_time_cancel", models_reset, one_end, sleeper_by_time, settler, timer, canceller),
    MODEL("park_only_cancel", models_reset, cancelled, sleeper_by_time, settler, canceller),
    MODEL("park_thread_wake", models_reset_thread, woken, sleeper, waker),
    MODEL("park_thread_cancel", models_reset_thread, conserved, sleeper, waker, canceller),
    MODEL("park_thread_time", models_reset_thread, one_end, thread_by_time, canceller),
    MODEL_BROKEN("park_canceller_looks_first", "a cancel word that is set after the look is missed",
                 models_reset, cancelled, sleeper, settler, canceller_looks_first),
    MODEL_BROKEN("park_settler_looks_not", "a cancel between the call and the park is missed",
                 models_reset, cancelled, sleeper, settler_does_not_look, canceller),
    MODEL_BROKEN("park_settler_reads_late", "the frame is gone when the settler reads it",
                 models_reset, one_end, sleeper_by_time, settler_reads_late, timer),
    MODEL_BROKEN("park_hurry", "a sleeper is made ready while it is on its stack", models_reset,
                 one_end, sleeper_by_time, settler, waker_in_a_hurry, timer),
    MODEL_BROKEN("park_without_swap", "two of them win one sleep", models_reset, one_end,
                 sleeper_by_time, settler, timer_without_swap, canceller),
};

#define BY_READY "what the claimer brought comes with the queue of ready tasks, too"
#define BY_LOCK  "the node comes with the queue's lock; for ThreadSanitizer, see there"

static const struct model_spared spared[] = {
    {"weft__park_arm", "&task->wait", "release -> relaxed", BY_LOCK},
    {"park_look_armed", "&task->wait", "release -> relaxed", BY_LOCK},
    {"weft__park", "&task->wait", "acquire -> relaxed", BY_READY},
    {"park_settle_word", "&task->wait", "failure acquire -> relaxed", BY_READY},
    {"park_settle_word", "&task->wait", "acq_rel -> release", BY_READY},
    {"weft__claim", "&task->wait", "acquire -> relaxed", "the swap that follows decides"},
    {"wait_swap", "&task->wait", "acq_rel -> acquire", BY_READY},
    {"weft__claim_parked", "wait", "acq_rel -> acquire", BY_READY},
    {"weft__claim_parked", "wait", "acq_rel -> release", BY_LOCK},
};

int main(int argc, char **argv)
{
    return model_main(argc, argv, models, WEFT_ARRAY_SIZE(models), spared, WEFT_ARRAY_SIZE(spared));
}
