/* chan_model.c - every interleaving of send, receive, select, close and cancel, in small.
 *
 * A copy of what chan.c, select.c, broadcast.c and park.c do together: the channel's lock is the
 * real one, the wait word has the transitions of park.c without tickets (each sleeper sleeps once),
 * a queue holds one node, and a value that crosses is an ATOMIC moved relaxed, so that a missing
 * order shows.  A sleep on one channel is not armed; a select's is, as if it had a timer.  The
 * membarrier of a cancel is played as a fence of the settler's.
 *
 * A sleeper may have a settler of its own, a thread that takes it off its stack after it has left:
 * that is the case of a task, where the settler goes on reading the sleeper's frame while a cancel
 * wakes it.  Without one the sleeper settles itself, as a plain thread does.
 *
 * Shown: a value arrives exactly once or is still its owner's; who should wake does (else the
 * explorer reports a deadlock); no node stays in a queue; nobody reads a frame that is gone.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/lock.h"
#include "tests/model.h"

enum { VALUE = 7, GONE = -1, REFUSED = -2, AGAIN = -3 }; /* -ECANCELED, -EPIPE, -EAGAIN */
enum { RUN = 0, ARMED = 1, PARKED = 2, CLAIMED = 3 };
enum { OUTCOME_CANCELED = 15 };
enum { LEFT_NOT = 0, LEFT_AWAKE, LEFT_PARKED };
enum { LOST = 0, WON, MUST_READY };

struct sleeper {
    ATOMIC(uint32_t) wait, cancel, woken, left, alive;
    int first, locks; /* which channels it locks: the first one, and how many */
    bool is_armed;
    int rc;
};

struct node {
    struct sleeper *sleeper;
    uint32_t index;
    ATOMIC(uint32_t) value;
    ATOMIC(uint32_t) refused;
};

struct chan {
    struct weft__lock lock;
    ATOMIC(uint32_t) closed, len, slot, sharers;
    ATOMIC(struct node *) sender, receiver; /* the queues */
};

static struct chan chans[2];
static uint32_t capacity;
static struct sleeper sender, receiver, chooser;
static struct node send_node, recv_node, arms[2];
static uint32_t tried_sent, tried_received; /* by the threads that only try */

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
    a_store(&s->woken, 1, release);
}

static void cancel(struct sleeper *s)
{
    a_store(&s->cancel, 1, relaxed);
    a_fence(seq_cst);
    uint32_t word = a_load(&s->wait, acquire);
    if ((word == ARMED || word == PARKED) && wait_claim(s, OUTCOME_CANCELED) == MUST_READY) {
        ready(s);
    }
}

static void frame_read(const struct sleeper *s)
{
    model_assert(a_load(&s->alive, relaxed) == 1);
}

static void settle(struct sleeper *s, bool looks)
{
    uint32_t armed = ARMED;
    bool must_ready = false;
    int first = s->first, locks = s->locks;
    if (!s->is_armed) {
        a_store(&s->wait, PARKED, release);
    } else if (!a_cas(&s->wait, &armed, PARKED, acq_rel, acquire)) {
        must_ready = true;
        looks = false;
    }
    a_fence(seq_cst);
    if (looks && a_load(&s->cancel, relaxed)) {
        must_ready = wait_claim(s, OUTCOME_CANCELED) == MUST_READY;
    }
    for (int i = 0; i < locks; i++) {
        frame_read(s); /* which lock is next */
        lock_drop(&chans[first + i].lock);
    }
    if (must_ready) {
        ready(s);
    }
}

/* Until somebody has made it ready; the outcome. */
static int park(struct sleeper *s, bool has_settler)
{
    if (has_settler) {
        a_store(&s->left, LEFT_PARKED, release);
    } else {
        settle(s, true);
    }
    model_block_while(&s->woken, 0);
    uint32_t word = a_load(&s->wait, acquire);
    model_assert((word & 3) == CLAIMED);
    return word >> 2 == OUTCOME_CANCELED ? GONE : (int)(word >> 2);
}

static void settler_of(struct sleeper *s, bool looks)
{
    if (model_block_while(&s->left, LEFT_NOT) == LEFT_PARKED) {
        settle(s, looks);
    }
}

/* ---- chan.c ---- */

static void queue_put(struct node **q, struct node *n, struct sleeper *s, uint32_t index)
{
    n->sleeper = s;
    n->index = index;
    a_store(q, n, relaxed);
}

static void queue_remove(struct node **q, struct node *n)
{
    if (a_load(q, relaxed) == n) {
        a_store(q, NULL, relaxed);
    }
}

static struct node *queue_claim(struct node **q)
{
    struct node *n = a_load(q, relaxed);
    if (!n) {
        return NULL;
    }
    frame_read(n->sleeper);
    a_store(q, NULL, relaxed);
    model_assert(a_load(&n->sleeper->wait, relaxed) != RUN); /* as it holds the lock till then */
    int claim = wait_claim(n->sleeper, n->index);
    model_assert(claim != WON); /* under the lock nobody is merely armed */
    return claim == MUST_READY ? n : NULL;
}

static int send_now(struct chan *ch, uint32_t value, struct sleeper **ret_peer)
{
    *ret_peer = NULL;
    if (a_load(&ch->closed, relaxed)) {
        return REFUSED;
    }
    struct node *peer = queue_claim(&ch->receiver);
    if (peer) {
        a_store(&peer->value, value, relaxed);
        frame_read(peer->sleeper);
        *ret_peer = peer->sleeper;
        return 0;
    }
    if (a_load(&ch->len, relaxed) == capacity) {
        return AGAIN;
    }
    a_store(&ch->slot, value, relaxed);
    a_store(&ch->len, 1, relaxed);
    return 0;
}

static int recv_now(struct chan *ch, uint32_t *ret_value, struct sleeper **ret_peer)
{
    *ret_peer = NULL;
    uint32_t len = a_load(&ch->len, relaxed);
    if (len > 0) {
        *ret_value = a_load(&ch->slot, relaxed);
        a_store(&ch->len, 0, relaxed);
    }
    struct node *peer = queue_claim(&ch->sender);
    if (peer) {
        uint32_t value = a_load(&peer->value, relaxed);
        frame_read(peer->sleeper);
        *ret_peer = peer->sleeper;
        if (len > 0) {
            a_store(&ch->slot, value, relaxed);
            a_store(&ch->len, 1, relaxed);
        } else {
            *ret_value = value;
        }
    }
    if (len > 0 || peer) {
        return 0;
    }
    return a_load(&ch->closed, relaxed) ? REFUSED : AGAIN;
}

static void finish(struct chan *ch, struct sleeper *peer)
{
    lock_drop(&ch->lock);
    if (peer) {
        ready(peer);
    }
}

/* The end of a sleep on one channel. */
static int wait_on(struct chan *ch, struct node **q, struct node *n, struct sleeper *s,
                   bool has_settler)
{
    s->first = (int)(ch - chans);
    s->locks = 1;
    queue_put(q, n, s, 0);
    int rc = park(s, has_settler);
    if (rc < 0) {
        lock_take(&ch->lock);
        queue_remove(q, n);
        lock_drop(&ch->lock);
    } else if (a_load(&n->refused, relaxed)) {
        rc = REFUSED;
    }
    return rc;
}

static void end(struct sleeper *s, int rc)
{
    s->rc = rc;
    a_store(&s->alive, 0, relaxed);
}

static int send_op(bool has_settler)
{
    struct chan *ch = &chans[0];
    struct sleeper *peer;
    if (a_load(&sender.cancel, relaxed)) {
        return GONE;
    }
    lock_take(&ch->lock);
    int rc = send_now(ch, VALUE, &peer);
    if (rc == AGAIN) {
        a_store(&send_node.value, VALUE, relaxed);
        return wait_on(ch, &ch->sender, &send_node, &sender, has_settler);
    }
    finish(ch, peer);
    return rc;
}

static int recv_op(bool has_settler)
{
    struct chan *ch = &chans[0];
    struct sleeper *peer;
    uint32_t value = 0;
    if (a_load(&receiver.cancel, relaxed)) {
        return GONE;
    }
    lock_take(&ch->lock);
    int rc = recv_now(ch, &value, &peer);
    if (rc == AGAIN) {
        rc = wait_on(ch, &ch->receiver, &recv_node, &receiver, has_settler);
        value = a_load(&recv_node.value, relaxed);
    } else {
        finish(ch, peer);
    }
    model_assert(value == (rc == 0 ? VALUE : 0));
    return rc;
}

/* ---- threads ---- */

static void thread_send(void)
{
    end(&sender, send_op(false));
}

static void thread_recv(void)
{
    end(&receiver, recv_op(false));
}

static void thread_recv_task(void)
{
    int rc = recv_op(true);
    if (a_load(&receiver.left, relaxed) == LEFT_NOT) {
        a_store(&receiver.left, LEFT_AWAKE, relaxed);
    }
    end(&receiver, rc);
}

static void thread_send_task(void)
{
    int rc = send_op(true);
    if (a_load(&sender.left, relaxed) == LEFT_NOT) {
        a_store(&sender.left, LEFT_AWAKE, relaxed);
    }
    end(&sender, rc);
}

static void settler_recv(void)
{
    settler_of(&receiver, true);
}

static void settler_send(void)
{
    settler_of(&sender, true);
}

static void cancel_both(void)
{
    cancel(&sender);
    cancel(&receiver);
}

static void cancel_recv(void)
{
    cancel(&receiver);
}

static void cancel_send(void)
{
    cancel(&sender);
}

static void try_send(struct chan *ch)
{
    struct sleeper *peer;
    lock_take(&ch->lock);
    tried_sent += send_now(ch, VALUE, &peer) == 0;
    finish(ch, peer);
}

static void try_recv(struct chan *ch)
{
    struct sleeper *peer;
    uint32_t value = 0;
    lock_take(&ch->lock);
    if (recv_now(ch, &value, &peer) == 0) {
        model_assert(value == VALUE);
        tried_received++;
    }
    finish(ch, peer);
}

static void thread_try_send(void)
{
    try_send(&chans[0]);
}

static void thread_try_recv(void)
{
    try_recv(&chans[0]);
}

/* The lock is held. */
static void close_locked(struct chan *ch, struct sleeper **ret_sender,
                         struct sleeper **ret_receiver)
{
    a_store(&ch->closed, 1, relaxed);
    struct node *s = queue_claim(&ch->sender), *r = queue_claim(&ch->receiver);
    if (s) {
        a_store(&s->refused, 1, relaxed);
    }
    if (r) {
        a_store(&r->refused, 1, relaxed);
    }
    *ret_sender = s ? s->sleeper : NULL;
    *ret_receiver = r ? r->sleeper : NULL;
}

static void closer(void)
{
    struct chan *ch = &chans[0];
    struct sleeper *s, *r;
    lock_take(&ch->lock);
    close_locked(ch, &s, &r);
    finish(ch, s);
    if (r) {
        ready(r);
    }
}

/* ---- select: a receive on each of two channels, or a send and a receive on one ---- */

static void select_unlink(int locks)
{
    for (int i = 0; i < locks; i++) {
        lock_take(&chans[i].lock);
        queue_remove(&chans[i].receiver, &arms[i]);
        queue_remove(&chans[i].sender, &arms[1]);
        lock_drop(&chans[i].lock);
    }
}

static int select_two(bool takes_all_locks)
{
    struct sleeper *peer = NULL;
    uint32_t value = 0;
    int rc = AGAIN;
    lock_take(&chans[0].lock);
    lock_take(&chans[1].lock);
    for (int i = 0; i < 2 && rc == AGAIN; i++) {
        rc = recv_now(&chans[i], &value, &peer) == 0 ? i : AGAIN;
    }
    if (rc != AGAIN) {
        lock_drop(&chans[0].lock);
        finish(&chans[1], peer);
        return rc;
    }
    chooser.locks = 2;
    chooser.is_armed = true;
    a_store(&chooser.wait, ARMED, relaxed);
    for (uint32_t i = 0; i < 2; i++) {
        queue_put(&chans[i].receiver, &arms[i], &chooser, i);
    }
    rc = park(&chooser, true);
    select_unlink(takes_all_locks ? 2 : 1);
    for (int i = 0; i < 2; i++) {
        model_assert(a_load(&arms[i].value, relaxed) == (i == rc ? VALUE : 0));
    }
    return rc;
}

static int select_one(void)
{
    struct chan *ch = &chans[0];
    struct sleeper *peer = NULL;
    uint32_t value = 0;
    lock_take(&ch->lock);
    if (send_now(ch, VALUE, &peer) == 0 || recv_now(ch, &value, &peer) == 0) {
        model_assert(false); /* the others only try, so nobody waits */
    }
    chooser.locks = 1;
    a_store(&arms[1].value, VALUE, relaxed);
    queue_put(&ch->receiver, &arms[0], &chooser, 0);
    queue_put(&ch->sender, &arms[1], &chooser, 1);
    int rc = park(&chooser, true);
    select_unlink(1);
    model_assert(a_load(&arms[0].value, relaxed) == (rc == 0 ? VALUE : 0));
    return rc;
}

/* Does the arm that seems able to happen, seen without a lock; if it cannot, all from the start. */
static int select_look(void)
{
    for (int i = 0; i < 2; i++) {
        struct chan *ch = &chans[i];
        struct sleeper *peer;
        uint32_t value = 0;
        if (!a_load(&ch->sender, relaxed) && !a_load(&ch->len, relaxed)) {
            continue;
        }
        lock_take(&ch->lock);
        int rc = recv_now(ch, &value, &peer);
        finish(ch, peer);
        if (rc == 0) {
            model_assert(value == VALUE);
            return i;
        }
    }
    return select_two(true);
}

static void chooser_end(int rc)
{
    if (a_load(&chooser.left, relaxed) == LEFT_NOT) {
        a_store(&chooser.left, LEFT_AWAKE, relaxed);
    }
    end(&chooser, rc);
}

static void thread_select_two(void)
{
    chooser_end(select_two(true));
}

static void thread_select_look(void)
{
    chooser_end(select_look());
}

static void thread_select_one(void)
{
    chooser_end(select_one());
}

static void settler_select(void)
{
    settler_of(&chooser, true);
}

static void cancel_select(void)
{
    cancel(&chooser);
}

static void try_send_both(void)
{
    try_send(&chans[0]);
    try_send(&chans[1]);
}

static void try_recv_and_send(void)
{
    try_recv(&chans[0]);
    try_send(&chans[0]);
}

/* What a look has seen may be gone. */
static void try_send_and_recv(void)
{
    try_send(&chans[0]);
    try_recv(&chans[0]);
}

/* ---- the last sender closes ---- */

static void sender_done(void)
{
    struct chan *ch = &chans[0];
    struct sleeper *s = NULL, *r = NULL;
    lock_take(&ch->lock);
    uint32_t left = a_load(&ch->sharers, relaxed) - 1;
    a_store(&ch->sharers, left, relaxed);
    if (left == 0) {
        close_locked(ch, &s, &r);
    }
    finish(ch, r);
    model_assert(!s); /* who sends has not yet said that it is done */
}

static void thread_send_done(void)
{
    thread_send();
    sender_done();
}

/* ---- broadcast.c, of the kind that waits: chans[1] is its lock and queue of senders, chans[0] the
 * only subscription, full at first ---- */

static int bcast_op(bool has_settler)
{
    struct chan *bcast = &chans[1], *ch = &chans[0];
    for (int i = 0; i < 2; i++) {
        lock_take(&bcast->lock);
        lock_take(&ch->lock);
        bool has_room = a_load(&ch->len, relaxed) < capacity;
        if (has_room) {
            a_store(&ch->slot, VALUE, relaxed);
            a_store(&ch->len, 1, relaxed);
        }
        lock_drop(&ch->lock);
        if (has_room) {
            lock_drop(&bcast->lock);
            return 0;
        }
        int rc = wait_on(bcast, &bcast->sender, &send_node, &sender, has_settler);
        if (rc < 0) {
            return rc;
        }
    }
    model_assert(false); /* woken, and still no room, though nobody else sends */
    return AGAIN;
}

static void thread_bcast(void)
{
    end(&sender, bcast_op(false));
}

static void thread_bcast_task(void)
{
    int rc = bcast_op(true);
    if (a_load(&sender.left, relaxed) == LEFT_NOT) {
        a_store(&sender.left, LEFT_AWAKE, relaxed);
    }
    end(&sender, rc);
}

static void bcast_has_room(void)
{
    struct chan *bcast = &chans[1];
    lock_take(&bcast->lock);
    struct node *n = queue_claim(&bcast->sender);
    finish(bcast, n ? n->sleeper : NULL);
}

static void subscriber(void)
{
    try_recv(&chans[0]);
    bcast_has_room();
}

/* ---- before and after ---- */

static void sleeper_reset(struct sleeper *s)
{
    a_store(&s->wait, RUN, relaxed);
    a_store(&s->cancel, 0, relaxed);
    a_store(&s->woken, 0, relaxed);
    a_store(&s->left, LEFT_NOT, relaxed);
    a_store(&s->alive, 1, relaxed);
    s->rc = AGAIN;
    s->first = s->locks = 0;
    s->is_armed = false;
}

static void reset_all(uint32_t room)
{
    struct node *nodes[] = {&send_node, &recv_node, &arms[0], &arms[1]};
    capacity = room;
    tried_sent = tried_received = 0;
    for (int i = 0; i < 2; i++) {
        lock_init(&chans[i].lock, WEFT_RANK_NONE);
        a_store(&chans[i].closed, 0, relaxed);
        a_store(&chans[i].len, 0, relaxed);
        a_store(&chans[i].slot, 0, relaxed);
        a_store(&chans[i].sharers, 2, relaxed);
        a_store(&chans[i].sender, NULL, relaxed);
        a_store(&chans[i].receiver, NULL, relaxed);
    }
    for (int i = 0; i < 4; i++) {
        a_store(&nodes[i]->value, 0, relaxed);
        a_store(&nodes[i]->refused, 0, relaxed);
    }
    sleeper_reset(&sender);
    sleeper_reset(&receiver);
    sleeper_reset(&chooser);
}

static void models_reset(void)
{
    reset_all(0);
}

static void models_reset_room(void)
{
    reset_all(1);
}

/* The receiver will have to move a waiting sender's value up. */
static void models_reset_full(void)
{
    reset_all(1);
    a_store(&chans[0].slot, VALUE, relaxed);
    a_store(&chans[0].len, 1, relaxed);
    tried_sent = 1;
}

static void nothing_queued(void)
{
    for (int i = 0; i < 2; i++) {
        model_assert(a_load(&chans[i].sender, relaxed) == NULL);
        model_assert(a_load(&chans[i].receiver, relaxed) == NULL);
    }
}

/* Sent is received, or lies in the channel. */
static void conserved(void)
{
    uint32_t sent = tried_sent + (sender.rc == 0) + (chooser.rc == 1);
    uint32_t received = tried_received + (receiver.rc == 0) + (chooser.rc == 0);
    nothing_queued();
    model_assert(sent == received + a_load(&chans[0].len, relaxed));
}

/* With nobody to stop them both succeed. */
static void both_done(void)
{
    conserved();
    model_assert(sender.rc == 0);
    model_assert(receiver.rc == 0);
}

static void chosen(void)
{
    conserved();
    model_assert(sender.rc == 0);
    model_assert(chooser.rc == 0);
}

static void select_conserved(void)
{
    nothing_queued();
    model_assert(tried_sent == (chooser.rc >= 0));
}

/* The sender got through: its value lies there, or has been received after the first. */
static void bcast_done(void)
{
    conserved();
    model_assert(sender.rc == 0);
}

/* ---- broken ---- */

/* The peer makes the sleeper ready and copies then. */
static void try_send_copies_late(void)
{
    struct chan *ch = &chans[0];
    lock_take(&ch->lock);
    struct node *peer = queue_claim(&ch->receiver);
    lock_drop(&ch->lock);
    if (peer) {
        ready(peer->sleeper);
        a_store(&peer->value, VALUE, relaxed);
        tried_sent++;
    }
}

/* The peer takes the node as a claim. */
static void try_send_claims_nothing(void)
{
    struct chan *ch = &chans[0];
    lock_take(&ch->lock);
    struct node *peer = a_load(&ch->receiver, relaxed);
    a_store(&ch->receiver, NULL, relaxed);
    if (peer) {
        a_store(&peer->value, VALUE, relaxed);
        tried_sent++;
        wait_claim(peer->sleeper, 0);
    }
    finish(ch, peer ? peer->sleeper : NULL);
}

static void settler_never_looks(void)
{
    settler_of(&receiver, false);
}

/* A cancelled receiver that returns without taking the lock. */
static void recv_leaves_at_once(void)
{
    struct chan *ch = &chans[0];
    receiver.locks = 1;
    lock_take(&ch->lock);
    queue_put(&ch->receiver, &recv_node, &receiver, 0);
    end(&receiver, park(&receiver, true));
}

static void select_forgets_a_lock(void)
{
    chooser_end(select_two(false));
}

/* A subscriber that tells of the room before it has made it. */
static void subscriber_tells_first(void)
{
    bcast_has_room();
    try_recv(&chans[0]);
}

static const struct model models[] = {
    MODEL("chan_pair", models_reset, both_done, thread_send, thread_recv),
    MODEL("chan_pair_room", models_reset_room, both_done, thread_send, thread_recv),
    MODEL("chan_pair_full", models_reset_full, conserved, thread_send, thread_recv),
    MODEL("chan_close", models_reset, conserved, thread_send, thread_recv, closer),
    MODEL("chan_close_room", models_reset_room, conserved, thread_send, thread_recv, closer),
    MODEL("chan_cancel", models_reset, conserved, thread_send, thread_recv, cancel_both),
    MODEL("chan_cancel_full", models_reset_full, conserved, thread_send, thread_try_recv,
          cancel_send),
    MODEL("chan_recv_task", models_reset, conserved, thread_recv_task, settler_recv,
          thread_try_send, cancel_recv),
    MODEL("chan_send_task", models_reset, conserved, thread_send_task, settler_send,
          thread_try_recv, cancel_send),
    MODEL("select_two_channels", models_reset, select_conserved, thread_select_two, settler_select,
          try_send_both, cancel_select),
    MODEL("select_one_channel", models_reset, conserved, thread_select_one, settler_select,
          try_recv_and_send, cancel_select),
    MODEL("select_looks_first", models_reset, chosen, thread_select_look, settler_select,
          thread_send),
    MODEL_NIGHT("select_looks_in_vain", models_reset_room, conserved, thread_select_look,
                settler_select, try_send_and_recv, cancel_select),
    MODEL("chan_last_sender", models_reset, conserved, thread_send_done, sender_done, thread_recv),
    MODEL("chan_last_sender_room", models_reset_room, conserved, thread_send_done, sender_done,
          thread_recv),
    MODEL("bcast_waits", models_reset_full, bcast_done, thread_bcast_task, settler_send,
          subscriber),
    MODEL("bcast_cancel", models_reset_full, conserved, thread_bcast_task, settler_send, subscriber,
          cancel_send),
    MODEL("bcast_two_take", models_reset_full, bcast_done, thread_bcast, subscriber, subscriber),
    MODEL_NIGHT("chan_cancel_close", models_reset, conserved, thread_send, thread_recv, closer,
                cancel_recv),
    MODEL_BROKEN("chan_copies_late", "a value that is copied after ready comes too late",
                 models_reset, conserved, thread_recv_task, settler_recv, try_send_copies_late,
                 cancel_recv),
    MODEL_BROKEN("chan_claims_nothing", "a node may belong to one whom a cancel has claimed",
                 models_reset, conserved, thread_recv_task, settler_recv, try_send_claims_nothing,
                 cancel_recv),
    MODEL_BROKEN("chan_settler_never_looks", "a cancel that came while it was on its way is lost",
                 models_reset, conserved, thread_recv_task, settler_never_looks, cancel_recv),
    MODEL_BROKEN("chan_leaves_at_once", "the settler and the peers still read the sleeper's frame",
                 models_reset, conserved, recv_leaves_at_once, settler_recv, cancel_recv),
    MODEL_BROKEN("bcast_tells_first", "the sender may find it full after it was told of",
                 models_reset_full, bcast_done, thread_bcast_task, settler_send,
                 subscriber_tells_first),
    MODEL_BROKEN("select_forgets_a_lock", "the settler reads the arms until it drops the last lock",
                 models_reset, select_conserved, select_forgets_a_lock, settler_select,
                 try_send_both, cancel_select),
};

int main(int argc, char **argv)
{
    return model_main(argc, argv, models, WEFT_ARRAY_SIZE(models), NULL, 0);
}
