/* select.c - doing that one of several sends and receives which can happen first.
 *
 * All channels are locked at once, in the order of their addresses, so that "none can happen" is
 * true of one moment.  If some arm can happen it is done at once; chance decides among several,
 * each with the same share.  Otherwise the task parks with one node per arm, all with the same
 * ticket: the first peer to claim it does that arm for it, the others find the ticket claimed and
 * go on to the next in the queue.
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
#include "core/worker.h"
#include "weft/err.h"
#include "weft/time.h"

#define SELECT_SEND 1
#define SELECT_RECV 2

/* What lies in weft_arm.opaque. */
struct select_arm {
    struct weft__chan_node node;
    uint16_t nth; /* of the arm at index k: which arm is the k-th by address of its channel */
};

_Static_assert(sizeof(struct select_arm) <= sizeof(((weft_arm *)0)->opaque), "fits its box");
_Static_assert(WEFT_SELECT_ARMS_MAX <= UINT16_MAX, "an index fits struct select_arm");
_Static_assert(WEFT_SELECT_ARMS_MAX <= WEFT__OUTCOME_MAX, "an index fits the wait word");

struct select {
    weft_arm *arms;
    size_t arm_count;
    size_t live; /* those with a channel; NULL ones never happen */
};

static const struct weft__wait_kind select_kind = {.what = "select"};

static struct select_arm *select_inside(weft_arm *arm)
{
    return (struct select_arm *)(void *)arm->opaque;
}

/* ---- order: by address, so that two selects cannot wait for each other's locks ---- */

static weft_arm *select_nth(const struct select *s, size_t k)
{
    return &s->arms[select_inside(&s->arms[k])->nth];
}

/* Shell sort with Ciura's gaps: insertion sort for a few arms, near n log n for a thousand, no
 * memory. */
static void select_sort(const struct select *s)
{
    static const uint16_t gaps[] = {701, 301, 132, 57, 23, 10, 4, 1};
    for (size_t g = 0; g < WEFT_ARRAY_SIZE(gaps); g++) {
        for (size_t k = gaps[g]; k < s->live; k++) {
            uint16_t nth = select_inside(&s->arms[k])->nth;
            uintptr_t address = (uintptr_t)s->arms[nth].ch;
            size_t to = k;
            while (to >= gaps[g] && (uintptr_t)select_nth(s, to - gaps[g])->ch > address) {
                select_inside(&s->arms[to])->nth = select_inside(&s->arms[to - gaps[g]])->nth;
                to -= gaps[g];
            }
            select_inside(&s->arms[to])->nth = nth;
        }
    }
}

/* 0, or -WEFT_EINVAL for an arm that no one could mean. */
static int select_init(struct select *s, weft_arm *arms, size_t n)
{
    s->arms = arms;
    s->arm_count = n;
    s->live = 0;
    for (size_t i = 0; i < n; i++) {
        if (!arms[i].ch) {
            continue;
        }
        if (arms[i].op != SELECT_SEND && arms[i].op != SELECT_RECV) {
            return -WEFT_EINVAL;
        }
        weft__chan_expect(arms[i].ch,
                          arms[i].op == SELECT_SEND ? arms[i].value : arms[i].ret_value);
        select_inside(&arms[s->live++])->nth = (uint16_t)i;
    }
    select_sort(s);
    return 0;
}

/* Goes through the channels in order, each once: the next one from place *k on, NULL at the end. */
static weft_chan *select_next(const struct select *s, size_t *k)
{
    weft_chan *ch = *k < s->live ? select_nth(s, *k)->ch : NULL;
    while (*k < s->live && select_nth(s, *k)->ch == ch) {
        ++*k;
    }
    return ch;
}

static void select_lock(const struct select *s)
{
    weft_chan *ch;
    size_t k = 0;
    while ((ch = select_next(s, &k)) != NULL) {
        lock_take(&ch->lock);
    }
}

/* Also called by the settler.  Once the last lock is dropped, s and the arms may be gone; before
 * that the sleeper is held back by the next lock: so the next is read before this one is
 * dropped. */
static void select_unlock(void *arg)
{
    const struct select *s = arg;
    size_t k = 0;
    weft_chan *ch = select_next(s, &k);
    while (ch) {
        weft_chan *next = select_next(s, &k);
        lock_drop(&ch->lock);
        ch = next;
    }
}

/* ---- at once ---- */

/* Can it happen now?  All the same not, if those who wait have all been claimed by a cancel. */
static bool select_can(const weft_arm *arm)
{
    const weft_chan *ch = arm->ch;
    if (!ch) {
        return false;
    }
    if (arm->op == SELECT_SEND) {
        return ch->closed || ch->len < ch->capacity || !weft__waitq_is_empty(&ch->receivers);
    }
    return ch->closed || ch->len > 0 || !weft__waitq_is_empty(&ch->senders);
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

/* The index of one of the arms that can happen, -WEFT_EAGAIN when there is none. */
static int select_draw(const struct select *s, struct weft__thread *self)
{
    size_t count = 0;
    for (size_t i = 0; i < s->arm_count; i++) {
        count += select_can(&s->arms[i]);
    }
    if (count == 0) {
        return -WEFT_EAGAIN;
    }
    size_t skip = select_chance(self, count);
    size_t i = 0;
    while (!select_can(&s->arms[i]) || skip-- > 0) {
        i++;
    }
    return (int)i;
}

/* Does one arm if one can happen, and returns its index, else -WEFT_EAGAIN. */
static int select_now(const struct select *s, struct weft__thread *self,
                      struct weft__task **ret_peer)
{
    int i, rc = -WEFT_EAGAIN;
    while (rc == -WEFT_EAGAIN && (i = select_draw(s, self)) >= 0) {
        weft_arm *arm = &s->arms[i];
        rc = arm->op == SELECT_SEND ? weft__chan_send_now(arm->ch, arm->value, ret_peer)
                                    : weft__chan_recv_now(arm->ch, arm->ret_value, ret_peer);
        /* -WEFT_EAGAIN: the claimed ones are out of that queue now, so this comes to an end */
    }
    if (rc != -WEFT_EAGAIN) {
        s->arms[i].result = rc;
    }
    return i;
}

/* ---- waiting ---- */

static struct weft__waitq *select_queue(const weft_arm *arm)
{
    return arm->op == SELECT_SEND ? &arm->ch->senders : &arm->ch->receivers;
}

static void select_push(const struct select *s, struct weft__task *task, uint64_t ticket,
                        const void *site)
{
    for (size_t i = 0; i < s->arm_count; i++) {
        weft_arm *arm = &s->arms[i];
        if (!arm->ch) {
            continue;
        }
        struct weft__chan_node *node = &select_inside(arm)->node;
        bool is_send = arm->op == SELECT_SEND;
        *node = (struct weft__chan_node){
            .waiter = {.task = task,
                       .ticket = ticket,
                       .index = (uint32_t)i,
                       .value = is_send ? (void *)(uintptr_t)arm->value : arm->ret_value},
            .site = site};
        weft__waitq_push(select_queue(arm), &node->waiter);
    }
}

/* Takes each lock once, even where no node of ours is left: see the head of this file. */
static void select_remove(const struct select *s)
{
    for (size_t k = 0; k < s->live;) {
        weft_chan *ch = select_nth(s, k)->ch;
        lock_take(&ch->lock);
        for (weft_arm *arm; k < s->live && (arm = select_nth(s, k))->ch == ch; k++) {
            weft__waitq_remove(select_queue(arm), &select_inside(arm)->node.waiter);
        }
        lock_drop(&ch->lock);
    }
}

/* Sleeps.  All is locked on entry and nothing on return. */
static int select_wait(struct select *s, int64_t timeout_ns, struct weft__thread **self,
                       const void *site)
{
    struct weft__task *task = (*self)->task;
    struct weft__runtime *pinned = task->runtime ? NULL : weft__runtime_pin();
    struct weft__runtime *rt = task->runtime ? task->runtime : pinned;
    struct weft__parking parking = {.kind = &select_kind, .site = site};
    struct weft__timer timer = {.task = task, .ticket = weft__park_arm(task)};
    select_push(s, task, timer.ticket, site);
    if (s->live > 0) { /* else there is nothing that would hold the sleeper back for the settler */
        parking.object = select_nth(s, 0)->ch;
        parking.release = select_unlock;
        parking.release_arg = s;
    }
    int64_t when = 0;
    if (timeout_ns > 0 && !__builtin_add_overflow(weft__now(rt), timeout_ns, &when)) {
        if (rt && (!pinned || rt->options.virtual_clock)) {
            weft__clock_arm(*self, rt, &timer, when);
        } else {
            parking.deadline = when; /* a plain thread sleeps by the system's clock */
        }
    }
    if (pinned) {
        weft__runtime_unpin(); /* by a virtual clock all our timers fire when the run ends */
    }
    int rc = weft__park(self, &parking);
    select_remove(s);
    weft__timer_stop(&timer);
    if (rc >= 0) {
        s->arms[rc].result = select_inside(&s->arms[rc])->node.result;
    }
    return rc;
}

/* For whoever steers: the point has named the first channel only. */
static void select_order(const struct select *s)
{
    weft_chan *ch;
    size_t k = 0;
    while (weft__control && (ch = select_next(s, &k)) != NULL) {
        weft__control_order(ch);
    }
}

int weft_select(weft_arm *arms, size_t n, int64_t timeout_ns)
{
    struct select s;
    WEFT_CHECK(arms != NULL || n == 0);
    if (n > WEFT_SELECT_ARMS_MAX || timeout_ns < -1 || select_init(&s, arms, n) != 0) {
        return -WEFT_EINVAL;
    }
    /* Without a wait it is a try_ form: never cancelled, and no turn for others. */
    const void *site = __builtin_return_address(0), *first = s.live ? select_nth(&s, 0)->ch : NULL;
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
    struct weft__task *peer = NULL;
    select_order(&s);
    select_lock(&s);
    int rc = select_now(&s, self, &peer);
    if (rc == -WEFT_EAGAIN && timeout_ns != 0) {
        rc = select_wait(&s, timeout_ns, &self, site);
    } else {
        select_unlock(&s);
    }
    if (peer) {
        weft__ready(peer);
    }
    weft__leave(self);
    return timeout_ns == 0 ? weft__control_result(rc) : rc;
}
