/* select.c - doing that one of several sends and receives which can happen first.
 *
 * First it looks, without a lock, which arms seem able to happen, draws one of them by lot, and
 * does that one alone, under the lock of its channel.  That is a send or receive like any other,
 * and as good as a select of which this arm could happen; if it turns out that it could not, or
 * none seemed to, all channels are locked at once, in the order of their addresses, so that "none
 * can happen" is true of one moment.  If some arm can happen it is done; chance decides among
 * several, each with the same share.  Otherwise the task parks with one node per arm, all with the
 * same ticket: the first peer to claim it does that arm for it, the others find the ticket claimed
 * and go on to the next in the queue.
 *
 * The nodes, and the order of the locks, lie in the arms' own opaque words: nothing is allocated.
 *
 * The locks are dropped, one after the other, by whoever settles the sleeper (core/park.h), who
 * reads the sleeper's frame and the arms for it.  They stay valid so long because the sleeper,
 * however it was woken, takes every one of those locks once more, to take its nodes out, before it
 * returns.
 *
 * Rejected: to start at an arm drawn by lot and go round (an arm behind one that cannot happen
 * would get twice the share); to lock one channel after the other (a value could be missed that was
 * there all the time).
 *
 * SPDX-License-Identifier: MIT
 */
#include "chan/chan.h"

#include "core/clock.h"
#include "core/runtime.h"
#include "weft/err.h"
#include "weft/time.h"

#define SELECT_SEND     1
#define SELECT_RECV     2
#define SELECT_LOOK_MAX 64 /* arms that are looked at without a lock: bits of a word */

/* What lies in weft_arm.opaque. */
struct select_arm {
    struct weft__chan_node node;
    weft_chan *locked; /* of the arm at index k: the k-th channel by address, each once */
};

_Static_assert(sizeof(struct select_arm) <= sizeof(((weft_arm *)0)->opaque), "fits its box");
_Static_assert(WEFT_SELECT_ARMS_MAX <= WEFT__OUTCOME_MAX, "an index fits the wait word");

struct select {
    weft_arm *arms;
    size_t arm_count;
    size_t lock_count;
};

static const struct weft__wait_kind select_kind = {.what = "select"};

static struct select_arm *select_inside(weft_arm *arm)
{
    return (struct select_arm *)(void *)arm->opaque;
}

/* ---- without a lock ---- */

/* The waiter at a queue's head, seen from outside of the lock: a hint. */
static inline WEFT_NO_SANITIZE bool select_sees_waiter(const struct weft__waitq *q)
{
    return *(struct weft__waiter *const volatile *)&q->head != NULL;
}

/* Values in it; the two are read at different moments: a hint. */
static WEFT_NO_SANITIZE size_t select_sees_len(const weft_chan *ch)
{
    uint64_t put = *(const volatile uint64_t *)&ch->put;
    return (size_t)(put - *(const volatile uint64_t *)&ch->taken);
}

static WEFT_NO_SANITIZE bool select_sees_closed(const weft_chan *ch)
{
    return *(const volatile bool *)&ch->is_closed;
}

/* Can it happen now?  All the same not, if those who wait have all been claimed by a cancel.  With
 * the lock it is true, without it a hint.  Told of an arm with a channel. */
static inline bool select_can(const weft_arm *arm)
{
    const weft_chan *ch = arm->ch;
    if (arm->op == SELECT_SEND) {
        return select_sees_waiter(&ch->receivers) || select_sees_len(ch) < ch->capacity ||
               ch->drops_oldest || select_sees_closed(ch);
    }
    return select_sees_waiter(&ch->senders) || select_sees_len(ch) > 0 || select_sees_closed(ch);
}

static void select_expect(const weft_arm *arm)
{
    if (arm->op == SELECT_SEND) {
        weft__chan_expect_send(arm->ch, arm->value);
    } else {
        weft__chan_expect(arm->ch, arm->ret_value);
    }
}

/* Which arms seem able to happen, of the first SELECT_LOOK_MAX; 0, or -WEFT_EINVAL for an arm that
 * no one could mean. */
static inline int select_look(const weft_arm *arms, size_t n, uint64_t *ret_can)
{
    uint64_t can = 0, bit = 1;
    for (const weft_arm *arm = arms, *end = arms + n; arm < end; arm++, bit <<= 1) {
        if (!arm->ch) {
            continue;
        }
        if (arm->op != SELECT_SEND && arm->op != SELECT_RECV) {
            return -WEFT_EINVAL;
        }
        select_expect(arm);
        can |= select_can(arm) ? bit : 0;
    }
    *ret_can = can;
    return 0;
}

/* A number in [0, n), all equally likely. */
static size_t select_chance(struct weft__thread *self, size_t n)
{
    static ATOMIC(uint64_t) draws; /* of threads without a seat, which have no generator */
    struct weft__worker *w = weft__seat(self);
    if (n == 1) {
        return 0;
    }
    if (WEFT_UNLIKELY(weft__control != NULL)) {
        uint32_t choice = weft__control_choose((uint32_t)n);
        if (choice < n) {
            return choice;
        }
    }
    if (w) {
        return (size_t)weft__rng_below(&w->rng, n);
    }
    struct weft__rng rng;
    weft__rng_seed(&rng, a_add(&draws, 1, relaxed));
    return (size_t)weft__rng_below(&rng, n);
}

/* Does the arm if it can be done now. */
static int select_do(weft_arm *arm, struct weft__chan_after *ret_after)
{
    return arm->op == SELECT_SEND ? weft__chan_send_now(arm->ch, arm->value, ret_after)
                                  : weft__chan_recv_now(arm->ch, arm->ret_value, ret_after);
}

/* One of the arms in the set `can`, by lot, if it can be done indeed: its index.  Else
 * -WEFT_EAGAIN. */
static int select_seen(weft_arm *arms, uint64_t can, struct weft__thread *self)
{
    size_t skip = select_chance(self, (size_t)__builtin_popcountll(can));
    while (skip-- > 0) {
        can &= can - 1;
    }
    int i = __builtin_ctzll(can);
    struct weft__chan_after after;
    lock_take_object(&arms[i].ch->lock);
    int rc = select_do(&arms[i], &after);
    lock_drop(&arms[i].ch->lock);
    if (rc == -WEFT_EAGAIN) {
        return rc;
    }
    weft__chan_finish(&after);
    arms[i].result = rc;
    return i;
}

/* ---- order: by address, so that two selects cannot wait for each other's locks ---- */

/* Shell sort with Ciura's gaps: insertion sort for a few arms, near n log n for a thousand, no
 * memory. */
static void select_sort(weft_arm *arms, size_t n)
{
    static const uint16_t gaps[] = {701, 301, 132, 57, 23, 1};
    for (size_t g = 0; g < WEFT_ARRAY_SIZE(gaps); g++) {
        for (size_t k = gaps[g]; k < n; k++) {
            weft_chan *ch = select_inside(&arms[k])->locked;
            size_t to = k;
            while (to >= gaps[g] &&
                   (uintptr_t)select_inside(&arms[to - gaps[g]])->locked > (uintptr_t)ch) {
                select_inside(&arms[to])->locked = select_inside(&arms[to - gaps[g]])->locked;
                to -= gaps[g];
            }
            select_inside(&arms[to])->locked = ch;
        }
    }
}

static void select_init(struct select *s, weft_arm *arms, size_t n)
{
    size_t live = 0, distinct = 0;
    bool is_sorted = true;
    const weft_chan *last = NULL;
    for (weft_arm *arm = arms, *end = arms + n; arm < end; arm++) {
        weft_chan *ch = arm->ch;
        if (ch) {
            select_inside(&arms[live++])->locked = ch;
            is_sorted &= (uintptr_t)ch > (uintptr_t)last;
            last = ch;
        }
    }
    *s = (struct select){arms, n, live};
    if (is_sorted) { /* as they are when they were made one after the other */
        return;
    }
    select_sort(arms, live);
    for (size_t k = 0; k < live; k++) {
        weft_chan *ch = select_inside(&arms[k])->locked;
        if (distinct == 0 || select_inside(&arms[distinct - 1])->locked != ch) {
            select_inside(&arms[distinct++])->locked = ch;
        }
    }
    s->lock_count = distinct;
}

static weft_chan *select_locked(const struct select *s, size_t k)
{
    return k < s->lock_count ? select_inside(&s->arms[k])->locked : NULL;
}

static void select_lock(const struct select *s)
{
    weft_arm *arms = s->arms;
    for (size_t k = 0, count = s->lock_count; k < count; k++) {
        lock_take_object(&select_inside(&arms[k])->locked->lock);
    }
}

/* Also called by the settler.  Once the last lock is dropped, s and the arms may be gone; before
 * that the sleeper is held back by the next lock: so the next is read before this one is
 * dropped. */
static void select_unlock(void *arg)
{
    const struct select *s = arg;
    weft_chan *next, *ch = select_locked(s, 0);
    for (size_t k = 1; ch; k++, ch = next) {
        next = select_locked(s, k);
        lock_drop(&ch->lock);
    }
}

/* For whoever steers: the point has named the first channel only. */
static void select_order(const struct select *s)
{
    for (size_t k = 0; weft__control && k < s->lock_count; k++) {
        weft__control_order(select_locked(s, k));
    }
}

/* ---- with all locks ---- */

/* The index of one of the arms that can happen, -WEFT_EAGAIN when there is none. */
static int select_draw(const struct select *s, struct weft__thread *self)
{
    size_t count = 0;
    for (weft_arm *arm = s->arms, *end = arm + s->arm_count; arm < end; arm++) {
        count += arm->ch && select_can(arm);
    }
    if (count == 0) {
        return -WEFT_EAGAIN;
    }
    size_t skip = select_chance(self, count);
    weft_arm *arm = s->arms;
    while (!arm->ch || !select_can(arm) || skip-- > 0) {
        arm++;
    }
    return (int)(arm - s->arms);
}

/* Does one arm if one can happen, and returns its index, else -WEFT_EAGAIN. */
static int select_now(const struct select *s, struct weft__thread *self,
                      struct weft__chan_after *ret_after)
{
    int i, rc = -WEFT_EAGAIN;
    while (rc == -WEFT_EAGAIN && (i = select_draw(s, self)) >= 0) {
        rc = select_do(&s->arms[i], ret_after);
        /* -WEFT_EAGAIN: the claimed ones are out of that queue now, so this comes to an end */
    }
    if (rc != -WEFT_EAGAIN) {
        s->arms[i].result = rc;
    }
    return i;
}

/* ---- waiting ---- */

static void select_push(const struct select *s, struct weft__task *task, uint64_t ticket,
                        const void *site)
{
    uint32_t index = 0;
    for (weft_arm *arm = s->arms, *end = arm + s->arm_count; arm < end; arm++, index++) {
        weft_chan *ch = arm->ch;
        if (!ch) {
            continue;
        }
        struct weft__chan_node *node = &select_inside(arm)->node;
        node->waiter.task = task;
        node->waiter.ticket = ticket;
        node->waiter.index = index;
        node->waiter.queued = false;
        node->site = site;
        node->result = 0;
        if (arm->op == SELECT_SEND) {
            node->waiter.value = (void *)(uintptr_t)arm->value;
            ch->send_waits++;
            weft__waitq_push(&ch->senders, &node->waiter);
        } else {
            node->waiter.value = arm->ret_value;
            ch->recv_waits++;
            weft__waitq_push(&ch->receivers, &node->waiter);
        }
    }
}

/* Takes each lock once, even where no node of ours is left: see the head of this file. */
static void select_remove(const struct select *s)
{
    for (weft_arm *arm = s->arms, *end = arm + s->arm_count; arm < end; arm++) {
        weft_chan *ch = arm->ch;
        if (ch) {
            bool is_send = arm->op == SELECT_SEND;
            lock_take_object(&ch->lock);
            weft__waitq_remove(is_send ? &ch->senders : &ch->receivers,
                               &select_inside(arm)->node.waiter);
            lock_drop(&ch->lock);
        }
    }
}

/* Arms the timer of a sleep that has one.  A plain thread sleeps by the system's clock, to
 * *ret_deadline. */
static void select_clock(struct weft__thread *self, struct weft__timer *timer, int64_t timeout_ns,
                         int64_t *ret_deadline)
{
    struct weft__task *task = self->task;
    struct weft__runtime *pinned = task->runtime ? NULL : weft__runtime_pin();
    struct weft__runtime *rt = task->runtime ? task->runtime : pinned;
    int64_t when = 0;
    if (!__builtin_add_overflow(weft__now(rt), timeout_ns, &when)) {
        if (rt && (!pinned || rt->options.virtual_clock)) {
            weft__clock_arm(self, rt, timer, when);
        } else {
            *ret_deadline = when;
        }
    }
    if (pinned) {
        weft__runtime_unpin(); /* by a virtual clock all our timers fire when the run ends */
    }
}

/* Sleeps.  All is locked on entry and nothing on return. */
static int select_wait(struct select *s, int64_t timeout_ns, struct weft__thread **self,
                       const void *site)
{
    struct weft__task *task = (*self)->task;
    bool must_arm = timeout_ns > 0 || s->lock_count == 0; /* see weft__park_ticket */
    struct weft__parking parking = {.kind = &select_kind, .site = site};
    struct weft__timer timer = {.task = task};
    timer.ticket = must_arm ? weft__park_arm(task) : weft__park_ticket(task);
    parking.ticket = must_arm ? 0 : timer.ticket;
    select_push(s, task, timer.ticket, site);
    if (s->lock_count > 0) { /* else nothing would hold the sleeper back for the settler */
        parking.object = select_locked(s, 0);
        parking.release = select_unlock;
        parking.release_arg = s;
    }
    if (timeout_ns > 0) {
        select_clock(*self, &timer, timeout_ns, &parking.deadline);
    }
    int rc = weft__park(self, &parking);
    select_remove(s);
    if (timeout_ns > 0) {
        weft__timer_stop(&timer);
    }
    if (rc >= 0) {
        s->arms[rc].result = select_inside(&s->arms[rc])->node.result;
    }
    return rc;
}

static WEFT_NOINLINE int select_all(weft_arm *arms, size_t n, int64_t timeout_ns,
                                    struct weft__thread **self, const void *site)
{
    struct select s;
    struct weft__chan_after after = {NULL, NULL};
    select_init(&s, arms, n);
    select_order(&s);
    select_lock(&s);
    int rc = select_now(&s, *self, &after);
    if (rc == -WEFT_EAGAIN && timeout_ns != 0) {
        return select_wait(&s, timeout_ns, self, site);
    }
    select_unlock(&s);
    weft__chan_finish(&after);
    return rc;
}

/* For reports. */
static const weft_chan *select_first(const weft_arm *arms, size_t n)
{
    const weft_chan *ch = NULL;
    for (size_t i = 0; i < n && !ch; i++) {
        ch = arms[i].ch;
    }
    return ch;
}

int weft_select(weft_arm *arms, size_t n, int64_t timeout_ns)
{
    uint64_t can;
    WEFT_CHECK(arms != NULL || n == 0);
    if (n > WEFT_SELECT_ARMS_MAX || timeout_ns < -1 || select_look(arms, n, &can) != 0) {
        return -WEFT_EINVAL;
    }
    /* Without a wait it is a try_ form: never cancelled, and no turn for others. */
    const void *site = __builtin_return_address(0), *first = select_first(arms, n);
    struct weft__thread *self;
    if (timeout_ns == 0) {
        weft__control_point(WEFT__DEED_TRY_SELECT, first, site);
        self = weft__enter();
    } else {
        self = weft__op_begin(WEFT__DEED_SELECT, first, site);
    }
    if (timeout_ns != 0 && weft__op_cancelled(self)) {
        return weft__op_refuse(self);
    }
    int rc = -WEFT_EAGAIN;
    if (can && n <= SELECT_LOOK_MAX && !weft__control) {
        rc = select_seen(arms, can, self);
    }
    if (rc == -WEFT_EAGAIN) {
        rc = select_all(arms, n, timeout_ns, &self, site);
    }
    weft__leave(self);
    return timeout_ns == 0 ? weft__control_result(rc) : rc;
}
