/* soak_plays.c - the plays of the soak around channels, futures, agendas and scopes.
 *
 * Called by soak.c.  Each opens a scope that chance may cut short at any moment, and afterwards
 * counts: what was sent has been received, lost, or lies there still.
 *
 * SPDX-License-Identifier: MIT
 */
#include "soak.h"

#include <string.h>

/* ---- tokens: senders, receivers, two channels of the same kind ---- */

enum { SENDERS_MAX = 4, CHANNELS = 2 };

struct token {
    int64_t rank; /* by which a priority channel orders */
    uint32_t sender, number;
};

struct tokens {
    struct soak_world *world;
    weft_chan *ch[CHANNELS];
    bool keeps_order, drops;
    ATOMIC(uint64_t) sent, sent_sum, got, got_sum, lost;
};

struct tokens_member {
    struct tokens *tokens;
    uint64_t seed;
    uint32_t index, count;
};

static void tokens_note_sent(struct tokens *t, const struct token *token)
{
    a_add(&t->sent, 1, relaxed);
    a_add(&t->sent_sum, (uint64_t)token->rank, relaxed);
    soak_moved();
}

static void tokens_note_got(struct tokens *t, const struct token *token, int lost)
{
    a_add(&t->got, 1, relaxed);
    a_add(&t->got_sum, (uint64_t)token->rank, relaxed);
    a_add(&t->lost, (uint64_t)lost, relaxed);
    SOAK(lost == 0 || t->drops);
    SOAK(token->sender < SENDERS_MAX);
    soak_moved();
}

/* Sends one token in a way that chance chooses.  *ret_at: the channel it went to. */
static int tokens_send_one(struct tokens *t, struct weft__rng *rng, const struct token *token)
{
    weft_chan **ch = t->ch;
    weft_arm both[] = {WEFT_SEND(ch[0], token), WEFT_SEND(ch[1], token)};
    weft_arm same[] = {WEFT_SEND(ch[1], token), WEFT_SEND(NULL, token), WEFT_SEND(ch[1], token)};
    size_t at = weft__rng_below(rng, CHANNELS);
    int rc;

    switch (weft__rng_below(rng, 4)) {
    case 0:
        rc = weft_select(both, 2, -1);
        return rc < 0 ? rc : both[rc].result;
    case 1:
        rc = weft_select(same, 3, -1);
        return rc < 0 ? rc : same[rc].result;
    case 2:
        rc = weft_chan_try_send(ch[at], token);
        if (rc != -WEFT_EAGAIN) {
            return rc;
        }
        rc = weft_select(both, 2, (int64_t)weft__rng_below(rng, 30000));
        if (rc != -WEFT_ETIMEDOUT && rc != -WEFT_EAGAIN) {
            return rc < 0 ? rc : both[rc].result;
        }
        return weft_chan_send(ch[at], token);
    default:
        return weft_chan_send(ch[at], token);
    }
}

static int tokens_sender(void *arg)
{
    struct tokens_member *m = arg;
    struct tokens *t = m->tokens;
    struct weft__rng rng;
    int rc = 0;

    weft__rng_seed(&rng, m->seed);
    for (uint32_t i = 1; i <= m->count && rc == 0; i++) {
        struct token token = {(int64_t)weft__rng_below(&rng, 1000), m->index, i};
        rc = tokens_send_one(t, &rng, &token);
        if (rc == 0) {
            tokens_note_sent(t, &token);
        }
    }
    SOAK(rc == 0 || soak_is_cut(rc) || rc == -WEFT_EPIPE);
    for (size_t i = 0; i < CHANNELS; i++) {
        weft_chan_sender_done(t->ch[i]);
    }
    return rc == -WEFT_EPIPE ? 0 : rc;
}

/* Takes one token.  *ret_at is the channel, also when it is closed. */
static int tokens_take_one(struct tokens *t, struct weft__rng *rng, const bool *closed,
                           struct token *ret_token, size_t *ret_at)
{
    weft_chan *a = closed[0] ? NULL : t->ch[0], *b = closed[1] ? NULL : t->ch[1];
    struct token same[2];
    weft_arm both[] = {WEFT_RECV(a, ret_token), WEFT_RECV(b, ret_token)};
    weft_arm twice[] = {WEFT_RECV(a, &same[0]), WEFT_RECV(a, &same[1])};
    int rc;

    if (a != NULL && soak_one_in(rng, 6)) {
        rc = weft_select(twice, 2, (int64_t)weft__rng_below(rng, 20000));
        *ret_at = 0;
        if (rc >= 0) {
            *ret_token = same[rc];
            return twice[rc].result;
        }
        if (rc != -WEFT_ETIMEDOUT && rc != -WEFT_EAGAIN) {
            return rc;
        }
    }
    if (a != NULL && b != NULL && !soak_one_in(rng, 4)) {
        rc = weft_select(both, 2, -1);
        *ret_at = rc > 0;
        return rc < 0 ? rc : both[rc].result;
    }
    *ret_at = a == NULL;
    rc = weft_chan_try_recv(t->ch[*ret_at], ret_token);
    if (rc == -WEFT_EAGAIN && a != NULL && b != NULL) { /* one alone might never come */
        rc = weft_select(both, 2, -1);
        *ret_at = rc > 0;
        return rc < 0 ? rc : both[rc].result;
    }
    return rc == -WEFT_EAGAIN ? weft_chan_recv(t->ch[*ret_at], ret_token) : rc;
}

static int tokens_receiver(void *arg)
{
    struct tokens_member *m = arg;
    struct tokens *t = m->tokens;
    struct weft__rng rng;
    uint32_t last[CHANNELS][SENDERS_MAX] = {{0}};
    bool closed[CHANNELS] = {false};

    weft__rng_seed(&rng, m->seed);
    while (!closed[0] || !closed[1]) {
        struct token token;
        size_t at;
        int rc = tokens_take_one(t, &rng, closed, &token, &at);
        if (rc == -WEFT_EPIPE) {
            closed[at] = true;
            continue;
        }
        if (rc < 0) {
            SOAK(soak_is_cut(rc));
            return rc;
        }
        tokens_note_got(t, &token, rc);
        SOAK(!t->keeps_order || token.number > last[at][token.sender]);
        last[at][token.sender] = token.number;
    }
    return 0;
}

static void *tokens_thread_sender(void *arg)
{
    SOAK_CUT(tokens_sender(arg));
    return NULL;
}

static void *tokens_thread_receiver(void *arg)
{
    SOAK_CUT(tokens_receiver(arg));
    return NULL;
}

static void tokens_init(struct tokens *t, struct weft__rng *rng)
{
    weft_chan_options options = {.element_size = sizeof(struct token),
                                 .capacity = weft__rng_below(rng, 6)};

    switch (weft__rng_below(rng, 5)) {
    case 0:
        options = (weft_chan_options){.element_size = sizeof(struct token), .capacity = 3,
                                      WEFT_CHAN_BY(struct token, rank)};
        options.largest_first = soak_one_in(rng, 2);
        break;
    case 1:
        options.capacity += 1;
        options.order = WEFT_CHAN_LIFO;
        break;
    case 2:
        options.capacity += 1;
        options.drops_oldest = t->drops = true;
        t->keeps_order = true;
        break;
    default:
        t->keeps_order = true;
    }
    for (size_t i = 0; i < CHANNELS; i++) {
        t->ch[i] = weft_chan_new_with(&options);
        SOAK(t->ch[i] != NULL);
    }
}

/* What lies there still, and then all must be accounted for. */
static void tokens_settle(struct tokens *t, bool cut)
{
    struct token token;
    uint64_t lost = 0;

    for (size_t i = 0; i < CHANNELS; i++) {
        weft_chan_counts counts;
        int rc;
        weft_chan_close(t->ch[i]);
        SOAK_EQ(cut || weft_chan_len(t->ch[i]) == 0, true);
        while ((rc = weft_chan_try_recv(t->ch[i], &token)) >= 0) {
            tokens_note_got(t, &token, rc);
        }
        SOAK_EQ(rc, -WEFT_EPIPE);
        weft_chan_stats(t->ch[i], &counts);
        lost += counts.lost;
        weft_chan_free(t->ch[i]);
    }
    SOAK_EQ(a_load(&t->lost, relaxed), lost);
    SOAK_EQ(a_load(&t->sent, relaxed), a_load(&t->got, relaxed) + lost);
    SOAK(lost != 0 || a_load(&t->sent_sum, relaxed) == a_load(&t->got_sum, relaxed));
}

static void play_tokens(struct soak_world *world, struct weft__rng *rng)
{
    struct tokens t = {.world = world};
    struct tokens_member members[2][SENDERS_MAX];
    uint32_t count[2] = {1 + (uint32_t)weft__rng_below(rng, SENDERS_MAX),
                         1 + (uint32_t)weft__rng_below(rng, SENDERS_MAX)};
    pthread_t threads[2 * SENDERS_MAX];
    size_t thread_count = 0;
    weft_scope scope;
    bool cut;

    tokens_init(&t, rng);
    soak_open(world, rng, &scope);
    for (uint32_t side = 0; side < 2; side++) {
        for (uint32_t i = 0; i < count[side]; i++) {
            members[side][i] = (struct tokens_member){
                &t, weft__rng_next(rng), i, (uint32_t)weft__rng_below(rng, 40)};
            for (size_t c = 0; c < CHANNELS && side == 0; c++) {
                weft_chan_sender(t.ch[c]);
            }
        }
    }
    for (uint32_t side = 0; side < 2; side++) {
        for (uint32_t i = 0; i < count[side]; i++) {
            if (soak_one_in(rng, 12)) {
                SOAK_EQ(pthread_create(&threads[thread_count++], NULL,
                                       side == 0 ? tokens_thread_sender : tokens_thread_receiver,
                                       &members[side][i]), 0);
            } else if (soak_go(world, rng, &scope, side == 0 ? tokens_sender : tokens_receiver,
                               &members[side][i], sizeof members[side][i]) && side == 0) {
                weft_chan_sender_done(t.ch[0]);
                weft_chan_sender_done(t.ch[1]);
            }
        }
    }
    cut = soak_close(&scope);
    if (cut) { /* threads are not cancelled, but nobody is there for them any more */
        weft_chan_close(t.ch[0]);
        weft_chan_close(t.ch[1]);
    }
    for (size_t i = 0; i < thread_count; i++) {
        soak_join(threads[i]);
    }
    tokens_settle(&t, cut);
}

/* ---- broadcast ---- */

enum { SUBSCRIBERS_MAX = 4 };

struct news {
    weft_bcast *bcast;
    ATOMIC(uint32_t) senders_left;
    ATOMIC(uint64_t) sent;
    struct news_reader {
        weft_chan *ch;
        uint64_t got;
    } readers[SUBSCRIBERS_MAX];
};

struct news_sender {
    struct news *news;
    uint32_t count;
};

static int news_send(void *arg)
{
    struct news_sender *s = arg;
    uint64_t value = 0;
    int rc = 0;

    for (uint32_t i = 0; i < s->count && rc >= 0; i++) {
        rc = weft_bcast_send(s->news->bcast, &value);
        if (rc >= 0) {
            a_add(&s->news->sent, 1, relaxed);
            soak_moved();
        }
    }
    SOAK(rc >= 0 || soak_is_cut(rc));
    if (a_sub(&s->news->senders_left, 1, acq_rel) == 1) {
        weft_bcast_close(s->news->bcast);
    }
    return rc < 0 ? rc : 0;
}

static int news_read(void *arg)
{
    struct news_reader *r = *(struct news_reader **)arg;
    uint64_t value;
    int rc;

    while ((rc = weft_chan_recv(r->ch, &value)) >= 0) {
        r->got += 1 + (uint64_t)rc;
        soak_moved();
    }
    SOAK(rc == -WEFT_EPIPE || soak_is_cut(rc));
    return rc == -WEFT_EPIPE ? 0 : rc;
}

static void play_news(struct soak_world *world, struct weft__rng *rng)
{
    struct news n = {.senders_left = 0};
    uint32_t senders = 1 + (uint32_t)weft__rng_below(rng, 3);
    uint32_t readers = 1 + (uint32_t)weft__rng_below(rng, SUBSCRIBERS_MAX);
    weft_scope scope;
    uint64_t value;

    n.bcast = weft_bcast_new_with(&(weft_bcast_options){
        sizeof(uint64_t), 1 + weft__rng_below(rng, 4), soak_one_in(rng, 2)});
    SOAK(n.bcast != NULL);
    for (uint32_t i = 0; i < readers; i++) {
        n.readers[i].ch = weft_bcast_subscribe(n.bcast);
        SOAK(n.readers[i].ch != NULL);
    }
    a_store(&n.senders_left, senders, relaxed);
    soak_open(world, rng, &scope);
    for (uint32_t i = 0; i < senders; i++) {
        struct news_sender s = {&n, (uint32_t)weft__rng_below(rng, 30)};
        if (soak_go(world, rng, &scope, news_send, &s, sizeof s)
            && a_sub(&n.senders_left, 1, acq_rel) == 1) {
            weft_bcast_close(n.bcast);
        }
    }
    for (uint32_t i = 0; i < readers; i++) {
        struct news_reader *r = &n.readers[i];
        soak_go(world, rng, &scope, news_read, &r, sizeof r);
    }
    soak_close(&scope);
    weft_bcast_free(n.bcast);
    for (uint32_t i = 0; i < readers; i++) {
        int rc;
        while ((rc = weft_chan_try_recv(n.readers[i].ch, &value)) >= 0) {
            n.readers[i].got += 1 + (uint64_t)rc;
        }
        SOAK_EQ(rc, -WEFT_EPIPE);
        SOAK_EQ(n.readers[i].got, a_load(&n.sent, relaxed));
        weft_chan_free(n.readers[i].ch);
    }
}

/* ---- futures ---- */

enum { FUTURES_MAX = 8 };

struct wishes {
    weft_future *futures[FUTURES_MAX];
    size_t count;
    ATOMIC(uint32_t) hooks, thens;
};

static int wish_grant(void *arg, void *ret_value)
{
    uint64_t seed = *(uint64_t *)arg;
    int rc = 0;

    for (uint64_t i = seed % 5; i > 0 && rc == 0; i--) {
        rc = seed & 64 ? weft_yield() : weft_sleep((int64_t)(seed % 50000));
    }
    soak_moved();
    *(uint64_t *)ret_value = ~seed;
    return rc < 0 ? rc : seed & 128 ? -EIO : (int)(seed % 7);
}

static void wish_hook(weft_future *future, void *arg)
{
    struct wishes *w = arg;
    SOAK(weft_future_is_done(future));
    a_add(&w->hooks, 1, relaxed);
}

static int wish_then(weft_future *future, void *arg)
{
    struct wishes *w = *(struct wishes **)arg;
    SOAK(weft_future_is_done(future));
    a_add(&w->thens, 1, relaxed);
    return 0;
}

/* Everyone gets the same of one future, and in an each every index is told once. */
static int wishes_look(void *arg)
{
    struct wishes *w = *(struct wishes **)arg;
    weft_future_arm arms[FUTURES_MAX];
    weft_future_each each;
    uint32_t told = 0;
    int i, rc;

    for (size_t k = 0; k < w->count; k++) {
        arms[k] = (weft_future_arm)WEFT_FUTURE_ARM(w->futures[k]);
    }
    SOAK_EQ(weft_future_each_open(&each, arms, w->count), 0);
    while ((i = weft_future_each_next(&each)) >= 0) {
        SOAK((size_t)i < w->count && (told & (1u << i)) == 0);
        SOAK(weft_future_is_done(w->futures[i]));
        told |= 1u << i;
        soak_moved();
    }
    weft_future_each_close(&each);
    SOAK(i == -WEFT_EPIPE || soak_is_cut(i));
    if (i != -WEFT_EPIPE) {
        return i;
    }
    SOAK_EQ(told, (1u << w->count) - 1);
    rc = weft_future_wait_any(arms, w->count);
    SOAK(rc >= 0 || soak_is_cut(rc));
    return rc < 0 ? rc : 0;
}

static int wishes_gather(void *arg)
{
    struct wishes *w = *(struct wishes **)arg;
    int codes[FUTURES_MAX], failed = 0;
    int rc = weft_future_gather(w->futures, w->count, codes);

    SOAK(rc >= 0 || soak_is_cut(rc));
    for (size_t k = 0; k < w->count && rc >= 0; k++) {
        SOAK(weft_future_is_done(w->futures[k]));
        SOAK_EQ(weft_future_try_get(w->futures[k], NULL), codes[k]);
        failed += codes[k] < 0;
    }
    SOAK(rc < 0 || rc == failed);
    return rc < 0 ? rc : 0;
}

static void wishes_settle(struct wishes *w, weft_future_hook *hooks, const uint64_t *seeds)
{
    uint32_t called = 0;

    for (size_t k = 0; k < w->count; k++) {
        uint64_t value = 0;
        int rc = weft_future_try_get(w->futures[k], &value);
        SOAK(rc >= 0 || rc == -EIO || rc == -WEFT_ESHUTDOWN);
        SOAK(rc < 0 || value == ~seeds[k]);
        SOAK_EQ(weft_future_unhook(w->futures[k], &hooks[k]), -WEFT_EAGAIN);
        called++;
        weft_future_unref(w->futures[k]);
    }
    SOAK_EQ(a_load(&w->hooks, relaxed), called);
}

static void play_wishes(struct soak_world *world, struct weft__rng *rng)
{
    struct wishes w = {.count = 0}, *arg = &w;
    weft_future_hook hooks[FUTURES_MAX];
    uint64_t seeds[FUTURES_MAX];
    uint32_t thens = 0;
    weft_scope scope;

    soak_open(world, rng, &scope);
    for (size_t n = 1 + weft__rng_below(rng, FUTURES_MAX); n > 0; n--) {
        size_t k = w.count;
        uint64_t seed = seeds[k] = weft__rng_next(rng);
        int rc = weft_future_go_value(&scope, sizeof(uint64_t), wish_grant, &w.futures[k], &seed);
        if (SOAK_CUT(rc)) {
            break;
        }
        hooks[k] = (weft_future_hook)WEFT_FUTURE_HOOK_INIT;
        weft_future_hook_in_setter(w.futures[k], &hooks[k], wish_hook, &w);
        w.count++;
        if (soak_one_in(rng, 3)) {
            thens += weft_future_then(w.futures[k], &scope, wish_then, &arg) == 0;
        }
    }
    for (size_t n = weft__rng_below(rng, 4); n > 0 && w.count > 0; n--) {
        soak_go(world, rng, &scope, soak_one_in(rng, 2) ? wishes_look : wishes_gather, &arg,
                sizeof arg);
    }
    if (w.count > 0 && soak_one_in(rng, 3)) {
        weft_future_cancel(w.futures[weft__rng_below(rng, w.count)]);
    }
    bool cut = soak_close(&scope);
    SOAK(cut || a_load(&w.thens, relaxed) == thens);
    wishes_settle(&w, hooks, seeds);
}

/* ---- an agenda ---- */

struct agenda {
    weft_sched *sched;
    ATOMIC(uint64_t) called;
};

static int agenda_call(void *arg)
{
    struct agenda *a = arg;
    a_add(&a->called, 1, relaxed);
    soak_moved();
    return 0;
}

static int agenda_repeat(void *arg, uint64_t missed)
{
    struct agenda *a = arg;
    (void)missed;
    soak_moved();
    return a_add(&a->called, 1, relaxed) > 20;
}

static int agenda_follow(void *arg)
{
    struct agenda *a = *(struct agenda **)arg;
    int rc = weft_sched_run(a->sched);
    return rc > 0 ? 0 : rc;
}

static void play_agenda(struct soak_world *world, struct weft__rng *rng)
{
    struct agenda a = {.sched = weft_sched_new(32)}, *arg = &a;
    struct weft_sched_counts counts;
    weft_scope scope;
    uint64_t ids[8];
    size_t n = 1 + weft__rng_below(rng, 8);
    uint64_t once = 0, taken = 0;

    SOAK(a.sched != NULL);
    for (size_t i = 0; i < n; i++) {
        SOAK_EQ(weft_sched_after(a.sched, (int64_t)weft__rng_below(rng, 300000),
                                 (int)weft__rng_below(rng, 3), agenda_call, &a, &ids[i]), 0);
        once++;
    }
    bool repeats = soak_one_in(rng, 3);
    if (repeats) {
        SOAK_EQ(weft_sched_every(a.sched, weft_now(), 20000, 0, agenda_repeat, &a, NULL), 0);
    }
    soak_open(world, rng, &scope);
    for (size_t i = 1 + weft__rng_below(rng, 2); i > 0; i--) {
        soak_go(world, rng, &scope, agenda_follow, &arg, sizeof arg);
    }
    for (size_t i = 0; i < n; i++) {
        if (soak_one_in(rng, 4)) {
            taken += weft_sched_cancel(a.sched, ids[i]) == 0;
        }
    }
    bool cut = soak_close(&scope);
    weft_sched_stats(a.sched, &counts);
    SOAK_EQ(counts.called, a_load(&a.called, relaxed));
    SOAK_EQ(counts.running, 0);
    SOAK(cut || repeats || counts.called == once - taken);
    SOAK(!cut || counts.called <= once - taken || repeats);
    weft_sched_stop(a.sched);
    weft_sched_free(a.sched);
}

/* ---- scopes: policies, shields, defers, starts ---- */

struct family {
    struct soak_world *world;
    ATOMIC(uint64_t) deferred, run, ended, begun;
};

struct family_child {
    struct family *family;
    uint64_t seed;
    int code;
};

static void family_deferred(void *arg)
{
    struct family *f = arg;
    a_add(&f->run, 1, relaxed);
    if (weft_sleep(1000) == -WEFT_ECANCELED) {
        SOAK(weft_cancelled());
    }
}

static int family_child(void *arg)
{
    struct family_child *c = arg;
    struct weft__rng rng;
    weft_scope shielded;
    int rc = 0;

    a_add(&c->family->begun, 1, relaxed);
    weft__rng_seed(&rng, c->seed);
    for (uint64_t i = weft__rng_below(&rng, 3); i > 0; i--) {
        SOAK_EQ(weft_defer(family_deferred, c->family), 0);
        a_add(&c->family->deferred, 1, relaxed);
    }
    if (soak_one_in(&rng, 4)) { /* inside a shield no outer cancel is felt */
        weft_scope_open_with(&shielded, &(weft_scope_options){.shield = true});
        SOAK_EQ(weft_yield(), 0);
        SOAK_EQ(weft_sleep((int64_t)weft__rng_below(&rng, 20000)), 0);
        SOAK_EQ(weft_scope_close(&shielded), 0);
    }
    for (uint64_t i = weft__rng_below(&rng, 4); i > 0 && rc == 0; i--) {
        rc = soak_one_in(&rng, 2) ? weft_yield() : weft_sleep(10000);
        SOAK_CUT(rc);
    }
    a_add(&c->family->ended, 1, relaxed);
    return rc < 0 ? rc : c->code;
}

static int family_starter(void *arg)
{
    weft_started(arg);
    int rc = weft_yield();
    return rc;
}

static void play_family(struct soak_world *world, struct weft__rng *rng)
{
    struct family f = {.world = world};
    enum weft_policy policy = (enum weft_policy)weft__rng_below(rng, 3);
    weft_scope outer, scope;
    uint64_t children = 0;
    int rc;

    soak_open(world, rng, &outer);
    weft_scope_open_with(&scope, &(weft_scope_options){.policy = policy});
    for (uint64_t i = weft__rng_below(rng, 10); i > 0; i--) {
        struct family_child c = {&f, weft__rng_next(rng), soak_one_in(rng, 4) ? -EXDEV : 0};
        children += !soak_go(world, rng, &scope, family_child, &c, sizeof c);
        if (soak_one_in(rng, 8)) {
            void *value = NULL;
            rc = weft_start(&scope, family_starter, &value, &c);
            SOAK(rc == 0 ? value != NULL : rc == -WEFT_ECANCELED);
        }
    }
    rc = weft_scope_close(&scope);
    SOAK(rc == 0 || rc == -EXDEV || soak_is_cut(rc));
    SOAK_EQ(a_load(&f.begun, relaxed), children);
    SOAK_EQ(a_load(&f.ended, relaxed), children);
    SOAK_EQ(a_load(&f.run, relaxed), a_load(&f.deferred, relaxed));
    soak_close(&outer);
}

/* ---- of their own kind: dense stacks, blocking calls, posts ---- */

struct dense {
    weft_sem up, down;
};

static int dense_task(void *arg)
{
    struct dense *d = *(struct dense **)arg;
    int rc = weft_sem_wait(&d->up);
    if (rc == 0) {
        weft_sem_post(&d->down);
    }
    soak_moved();
    return rc;
}

static void play_dense(struct soak_world *world, struct weft__rng *rng)
{
    struct dense d = {WEFT_SEM_INIT(0), WEFT_SEM_INIT(0)}, *arg = &d;
    weft_scope scope;
    uint32_t started = 0, back = 0;

    soak_open(world, rng, &scope);
    for (uint64_t i = weft__rng_below(rng, 40); i > 0; i--) {
        int rc = weft_go_with(&scope, dense_task, &arg, sizeof arg,
                              &(weft_task_options){.stack_size = WEFT_STACK_DENSE});
        if (SOAK_CUT(rc)) {
            break;
        }
        started++;
    }
    for (uint32_t i = 0; i < started; i++) {
        weft_sem_post(&d.up);
    }
    while (back < started && weft_sem_wait(&d.down) == 0) {
        back++;
    }
    bool cut = soak_close(&scope);
    SOAK(cut || back == started);
    SOAK_EQ(back + weft_sem_value(&d.down) + weft_sem_value(&d.up), started);
    weft_sem_fini(&d.up);
    weft_sem_fini(&d.down);
}

struct errand {
    ATOMIC(uint32_t) runs, releases;
    weft_event event;
    weft_scope *scope;
};

static int errand_call(void *arg)
{
    struct errand *e = arg;
    a_add(&e->runs, 1, relaxed);
    soak_moved();
    return 7;
}

static void errand_release(void *arg)
{
    struct errand *e = arg;
    weft_event_set(&e->event);
    a_add(&e->releases, 1, release);
}

static void play_errands(struct soak_world *world, struct weft__rng *rng)
{
    struct errand e = {.event = WEFT_EVENT_INIT};
    weft_blocking_options options = {.limiter = soak_one_in(rng, 2) ? &world->limiter : NULL};
    bool abandons = soak_one_in(rng, 2);
    weft_scope scope, shielded;
    int rc;

    if (abandons) {
        options.abandon = true;
        options.release = errand_release;
    }
    soak_open(world, rng, &scope);
    rc = weft_blocking_with(errand_call, &e, &options);
    SOAK(rc == 7 || soak_is_cut(rc));
    soak_close(&scope);
    if (abandons) { /* it may run still: e is its until the release */
        weft_scope_open_with(&shielded, &(weft_scope_options){.shield = true});
        SOAK_EQ(weft_event_wait(&e.event), 0);
        while (a_load(&e.releases, acquire) == 0) {
            SOAK_EQ(weft_sleep(1000), 0);
        }
        SOAK_EQ(weft_scope_close(&shielded), 0);
        SOAK_EQ(a_load(&e.releases, relaxed), 1);
    }
    SOAK(rc == 7 ? a_load(&e.runs, relaxed) == 1 : a_load(&e.runs, relaxed) <= abandons);
    weft_event_fini(&e.event);
}

static void post_set(void *arg)
{
    struct errand *e = arg;
    if (e->scope != NULL) {
        weft_scope_cancel(e->scope);
    }
    weft_event_set(&e->event);
    a_store(&e->releases, 1, release);
}

static void play_post(struct soak_world *world, struct weft__rng *rng)
{
    struct errand e = {.event = WEFT_EVENT_INIT};
    weft_scope outer, scope;
    int rc;

    soak_open(world, rng, &outer);
    weft_scope_open(&scope);
    e.scope = soak_one_in(rng, 2) ? &scope : NULL;
    rc = weft_post(post_set, &e);
    SOAK(rc == 0 || rc == -WEFT_EAGAIN);
    if (rc != 0) {
        post_set(&e);
    }
    rc = weft_event_wait(&e.event);
    SOAK(rc == 0 || soak_is_cut(rc));
    while (a_load(&e.releases, acquire) == 0) { /* the post uses the scope: it has to be open */
        weft_scope shielded;
        weft_scope_open_with(&shielded, &(weft_scope_options){.shield = true});
        SOAK_EQ(weft_sleep(1000), 0);
        SOAK_EQ(weft_scope_close(&shielded), 0);
    }
    SOAK_CUT(weft_scope_close(&scope));
    weft_event_fini(&e.event);
    soak_close(&outer);
}

struct soak_play soak_plays[] = {
    {.name = "tokens", .run = play_tokens, .weight = 8},
    {.name = "news", .run = play_news, .weight = 4},
    {.name = "wishes", .run = play_wishes, .weight = 5},
    {.name = "agenda", .run = play_agenda, .weight = 2},
    {.name = "family", .run = play_family, .weight = 5},
    {.name = "dense", .run = play_dense, .weight = 2},
    {.name = "errands", .run = play_errands, .weight = 3},
    {.name = "post", .run = play_post, .weight = 3},
    {.name = NULL},
};
