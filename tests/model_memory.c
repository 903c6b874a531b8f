/* model_memory.c - what an operation may see, and when two states are the same.
 *
 * In sc and tso the memory of the process is the memory; tso adds a buffer of waiting stores to
 * each thread.  The weak mode follows the views of the promising semantics, without promises:
 *
 *   a place holds a list of messages in the order that C11 calls modification order, each with
 *   the view that its writer released; a thread has a view of each place, and may read any message
 *   that is not older, and put a store anywhere behind it (but a read-modify-write stays behind
 *   what it read); acquire joins the message's view to the thread's, a release store carries the
 *   thread's view; a release fence sets the view that later relaxed stores carry, an acquire fence
 *   joins the views of all messages read before; a seq_cst fence exchanges views with one global
 *   view, and seq_cst accesses of one place never go back behind each other.
 *
 * So each execution in which no value comes out of the future is found; the others (load
 * buffering) are not.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tests/model_inside.h"

#define W model_world

/* ---- words and places ---- */

uint64_t word_read(const void *address, size_t size)
{
    uint64_t value = 0;

    memcpy(&value, address, size); /* little end first, as on all our machines */
    return value;
}

void word_write(void *address, size_t size, uint64_t value)
{
    memcpy(address, &value, size);
}

uint64_t word_cut(size_t size, uint64_t value)
{
    return size >= 8 ? value : value & ((1ull << (8 * size)) - 1);
}

uint64_t word_modify(int kind, uint64_t old, uint64_t operand)
{
    switch (kind) {
    case WEFT__ATOMIC_ADD: return old + operand;
    case WEFT__ATOMIC_SUB: return old - operand;
    case WEFT__ATOMIC_OR: return old | operand;
    case WEFT__ATOMIC_AND: return old & operand;
    default: return operand;
    }
}

/* The index of the place at address, which begins its history if it is new. */
int place_find(void *address, size_t size, int kind)
{
    struct place *p;

    for (int i = 0; i < W.places_count; i++) {
        if (W.places[i].address != address)
            continue;
        if (W.places[i].size != size)
            model_fail("accesses of sizes %zu and %zu to %p", W.places[i].size, size, address);
        return i;
    }
    if (W.places_count == PLACES)
        model_fail("more than %d atomic places", PLACES);
    /* What another execution left on a stack is no part of the state. */
    if (kind == WEFT__ATOMIC_STORE && model_on_stack(address))
        word_write(address, size, 0);
    p = &W.places[W.places_count];
    p->address = address;
    p->size = size;
    p->first = word_read(address, size);
    p->last = 0;
    p->base = 0;
    p->messages[0] = (struct message){.value = p->first};
    return W.places_count++;
}

static bool order_acquires(enum weft__atomic_order order)
{
    return order == WEFT__ATOMIC_acquire || order >= WEFT__ATOMIC_acq_rel;
}

static bool order_releases(enum weft__atomic_order order)
{
    return order >= WEFT__ATOMIC_release;
}

/* ---- sc and tso ---- */

static uint64_t buffer_read(const struct thread *t, int place)
{
    for (int i = t->buffer_count - 1; i >= 0; i--) {
        if (t->buffer[i].place == place)
            return t->buffer[i].value;
    }
    return word_read(W.places[place].address, W.places[place].size);
}

static void buffer_write(int place, uint64_t value)
{
    word_write(W.places[place].address, W.places[place].size, value);
}

static void buffer_store(struct thread *t, const struct op *op)
{
    if (W.mode == MODEL_SC || op->order == WEFT__ATOMIC_seq_cst)
        buffer_write(op->place, op->operand);
    else
        t->buffer[t->buffer_count++] = (struct waiting_store){op->place, op->operand};
}

/* Must the buffer be empty first? */
static bool buffer_blocks(const struct op *op)
{
    switch (op->kind) {
    case WEFT__ATOMIC_LOAD:
    case OP_BLOCK:
    case OP_ASLEEP:
    case OP_WOKEN: return false;
    case WEFT__ATOMIC_STORE:
    case WEFT__ATOMIC_FENCE: return op->order == WEFT__ATOMIC_seq_cst;
    default: return true;
    }
}

void memory_drain(int thread)
{
    struct thread *t = &W.threads[thread];
    struct op op = {.kind = OP_DRAIN, .place = t->buffer[0].place, .operand = t->buffer[0].value};

    for (int j = W.events_count - 1; j >= 0 && op.site == NULL; j--) { /* for the reader's eye */
        if (W.events[j].thread == thread && W.events[j].op.place == op.place)
            op.site = W.events[j].op.site;
    }
    event_add(thread, &op, 0, NULL);
    buffer_write(op.place, op.operand);
    t->buffer_count--;
    memmove(&t->buffer[0], &t->buffer[1], sizeof t->buffer[0] * (size_t)t->buffer_count);
}

static uint64_t buffer_operate(struct thread *t, struct op *op, struct choice way)
{
    uint64_t old;

    switch (op->kind) {
    case WEFT__ATOMIC_FENCE: return 0;
    case WEFT__ATOMIC_STORE: buffer_store(t, op); return 0;
    case WEFT__ATOMIC_LOAD:
    case OP_BLOCK: return buffer_read(t, op->place);
    case WEFT__ATOMIC_CAS:
    case WEFT__ATOMIC_CAS_WEAK:
        old = buffer_read(t, op->place);
        if (old != op->expected || way.act == ACT_SPURIOUS) {
            op->expected = old;
            return 0;
        }
        buffer_write(op->place, op->operand);
        return 1;
    default:
        old = buffer_read(t, op->place);
        buffer_write(op->place, word_modify(op->kind, old, op->operand));
        return old;
    }
}

/* ---- weak ---- */

static void view_join(struct view *v, const struct view *other)
{
    for (int i = 0; i < PLACES; i++)
        v->at[i] = v->at[i] > other->at[i] ? v->at[i] : other->at[i];
}

static void view_raise(struct view *v, int place, int message)
{
    if (v->at[place] < message)
        v->at[place] = (uint8_t)message;
}

/* A message is about to come in before `message`. */
static void view_shift(struct view *v, int place, int message)
{
    if (v->at[place] >= message)
        v->at[place]++;
}

static void places_shift(int place, int message)
{
    view_shift(&W.seq_cst_view, place, message);
    for (int i = 0; i < W.threads_count; i++) {
        struct thread *t = &W.threads[i];

        view_shift(&t->current, place, message);
        view_shift(&t->acquired, place, message);
        view_shift(&t->released, place, message);
        if (t->stale[place].message >= message)
            t->stale[place].message++;
    }
    for (int i = 0; i < W.places_count; i++) {
        for (int j = 0; j <= W.places[i].last; j++)
            view_shift(&W.places[i].messages[j].view, place, message);
    }
}

static uint64_t weak_read(struct thread *t, int place, int message, enum weft__atomic_order order)
{
    const struct message *m = &W.places[place].messages[message];

    view_raise(&t->current, place, message);
    if (order_acquires(order))
        view_join(&t->current, &m->view);
    if (order == WEFT__ATOMIC_seq_cst)
        view_raise(&W.seq_cst_view, place, message);
    view_join(&t->acquired, &m->view);
    view_join(&t->acquired, &t->current);
    return m->value;
}

/* inherited: the view of the message that a read-modify-write replaces, else NULL. */
static void weak_write(struct thread *t, const struct op *op, uint64_t value, int message,
                       const struct view *inherited)
{
    struct place *p = &W.places[op->place];
    struct message *m = &p->messages[message];

    if (p->last + 1 == MESSAGES) {
        execution_fail("more than %d stores to one place", MESSAGES);
        return;
    }
    if (message <= p->last) {
        places_shift(op->place, message);
        memmove(m + 1, m, sizeof *m * (size_t)(p->last + 1 - message));
    } else {
        word_write(p->address, p->size, value);
    }
    p->last++;
    view_raise(&t->current, op->place, message);
    view_raise(&t->acquired, op->place, message);
    if (op->order == WEFT__ATOMIC_seq_cst)
        view_raise(&W.seq_cst_view, op->place, message);
    m->value = value;
    m->replaces = inherited != NULL;
    m->view = order_releases(op->order) ? t->current : t->released;
    view_raise(&m->view, op->place, message);
    if (inherited != NULL)
        view_join(&m->view, inherited);
}

static void weak_fence(struct thread *t, enum weft__atomic_order order)
{
    if (order_acquires(order))
        t->current = t->acquired;
    if (order == WEFT__ATOMIC_seq_cst) {
        view_join(&t->current, &W.seq_cst_view);
        W.seq_cst_view = t->current;
        t->acquired = t->current;
    }
    if (order_releases(order))
        t->released = t->current;
}

static uint64_t weak_load(struct thread *t, const struct op *op, int message)
{
    struct stale *s = &t->stale[op->place];

    if (s->site != op->site || s->message != message)
        *s = (struct stale){op->site, message, 0};
    s->count++;
    return weak_read(t, op->place, message, op->order);
}

static uint64_t weak_modify(struct thread *t, const struct op *op)
{
    struct place *p = &W.places[op->place];
    int last = p->last;
    uint64_t old = weak_read(t, op->place, last, op->order);
    uint64_t value = word_cut(p->size, word_modify(op->kind, old, op->operand));

    weak_write(t, op, value, last + 1, &p->messages[last].view);
    return old;
}

static uint64_t weak_operate(struct thread *t, struct op *op, struct choice way)
{
    struct place *p = op->place >= 0 ? &W.places[op->place] : NULL;

    switch (op->kind) {
    case WEFT__ATOMIC_FENCE: weak_fence(t, op->order); return 0;
    case WEFT__ATOMIC_STORE: weak_write(t, op, op->operand, way.arg, NULL); return 0;
    case WEFT__ATOMIC_LOAD:
    case OP_BLOCK: return weak_load(t, op, way.arg);
    case WEFT__ATOMIC_CAS:
    case WEFT__ATOMIC_CAS_WEAK:
        if (way.act == ACT_OP && p->messages[p->last].value == op->expected) {
            weak_modify(t, op);
            return 1;
        }
        op->expected = weak_read(t, op->place, way.act == ACT_STALE ? way.arg : p->last,
                                 op->failure);
        return 0;
    default: return weak_modify(t, op);
    }
}

uint64_t memory_operate(struct thread *t, struct op *op, struct choice way)
{
    return W.mode == MODEL_WEAK ? weak_operate(t, op, way) : buffer_operate(t, op, way);
}

/* ---- choices ---- */

/* The oldest message that op of t may read; its stores come behind that. */
static int weak_oldest(const struct thread *t, const struct op *op)
{
    int oldest = t->current.at[op->place];

    if (op->order == WEFT__ATOMIC_seq_cst && W.seq_cst_view.at[op->place] > oldest)
        oldest = W.seq_cst_view.at[op->place];
    return oldest;
}

/* Has this loop looked at this stale value often enough? */
static bool weak_is_worn_out(const struct thread *t, const struct op *op, int message)
{
    const struct stale *s = &t->stale[op->place];

    return message != W.places[op->place].last && s->site == op->site && s->message == message &&
           s->count >= STALE_REPEATS;
}

static void choices_of_load(int thread)
{
    const struct thread *t = &W.threads[thread];
    const struct op *op = &t->op;
    const struct place *p = &W.places[op->place];
    bool blocks = op->kind == OP_BLOCK;

    if (W.mode != MODEL_WEAK) {
        if (!blocks || buffer_read(t, op->place) != op->operand)
            choice_add(thread, ACT_OP, 0);
        return;
    }
    for (int i = p->last; i >= weak_oldest(t, op); i--) {
        if (blocks && p->messages[i].value == op->operand)
            continue;
        if (!weak_is_worn_out(t, op, i))
            choice_add(thread, ACT_OP, i);
    }
}

static void choices_of_store(int thread)
{
    const struct thread *t = &W.threads[thread];
    const struct op *op = &t->op;
    const struct place *p = &W.places[op->place];

    if (W.mode != MODEL_WEAK) {
        if (t->buffer_count < BUFFER)
            choice_add(thread, ACT_OP, 0);
        return;
    }
    for (int i = p->last + 1; i > weak_oldest(t, op); i--) {
        if (i > p->last || !p->messages[i].replaces)
            choice_add(thread, ACT_OP, i);
    }
}

static bool thread_was_spurious(const struct thread *t, const struct weft__atomic_site *site)
{
    for (int i = 0; i < t->spurious_count; i++) {
        if (t->spurious[i] == site)
            return true;
    }
    return t->spurious_count == SPURIOUS;
}

static void choices_of_cas(int thread)
{
    const struct thread *t = &W.threads[thread];
    const struct op *op = &t->op;
    const struct place *p = &W.places[op->place];

    choice_add(thread, ACT_OP, 0);
    if (op->kind == WEFT__ATOMIC_CAS_WEAK && word_read(p->address, p->size) == op->expected &&
        !thread_was_spurious(t, op->site))
        choice_add(thread, ACT_SPURIOUS, 0);
    if (W.mode != MODEL_WEAK)
        return;
    for (int i = p->last - 1; i >= weak_oldest(t, op); i--) {
        if (p->messages[i].value != op->expected)
            choice_add(thread, ACT_STALE, i);
    }
}

void memory_choices(int thread)
{
    const struct thread *t = &W.threads[thread];

    if (t->buffer_count > 0) {
        choice_add(thread, ACT_DRAIN, 0);
        if (buffer_blocks(&t->op))
            return;
    }
    switch (t->op.kind) {
    case WEFT__ATOMIC_LOAD:
    case OP_BLOCK: choices_of_load(thread); break;
    case WEFT__ATOMIC_STORE: choices_of_store(thread); break;
    case WEFT__ATOMIC_CAS:
    case WEFT__ATOMIC_CAS_WEAK: choices_of_cas(thread); break;
    default: choice_add(thread, ACT_OP, 0); break;
    }
}

/* ---- the state ---- */

static uint64_t hash_word(uint64_t h, uint64_t word, uint64_t factor)
{
    h = (h ^ word) * factor;
    h ^= h >> 29;
    h *= 0x94d049bb133111ebull;
    return h ^ (h >> 32);
}

void hash_mix(struct hash *h, uint64_t word)
{
    h->a = hash_word(h->a, word, 0xbf58476d1ce4e5b9ull);
    h->b = hash_word(h->b + 0x9e3779b97f4a7c15ull, word, 0xd6e8feb86659fd93ull);
}

/* Sums do not depend on the order: places are met in different orders on different ways. */
static void hash_sum(struct hash *total, struct hash h)
{
    total->a += h.a;
    total->b += h.b;
}

static struct hash view_hash(const struct view *v)
{
    struct hash total = {0, 0}, h;

    for (int i = 0; i < W.places_count; i++) {
        if (v->at[i] <= W.places[i].base)
            continue;
        h = (struct hash){1, 2};
        hash_mix(&h, (uintptr_t)W.places[i].address);
        hash_mix(&h, (uint64_t)(v->at[i] - W.places[i].base));
        hash_sum(&total, h);
    }
    return total;
}

/* Messages that nobody can read any more are forgotten, and the others counted from there. */
static void places_rebase(void)
{
    for (int i = 0; i < W.places_count; i++) {
        int base = W.places[i].last;

        for (int t = 0; t < W.threads_count; t++) {
            const struct thread *thread = &W.threads[t];

            if (thread->op.kind != OP_DONE && thread->current.at[i] < base)
                base = thread->current.at[i];
        }
        W.places[i].base = base;
    }
}

/* A place with its first value counts as if it had not been met. */
static struct hash place_hash(const struct place *p)
{
    struct hash h = {3, 4};
    uint64_t value = word_read(p->address, p->size);

    if (value != p->first) {
        hash_mix(&h, (uintptr_t)p->address);
        hash_mix(&h, value);
        return h;
    }
    return (struct hash){0, 0};
}

static struct hash place_hash_weak(const struct place *p)
{
    struct hash h = {3, 4}, view = view_hash(&p->messages[p->base].view);

    if (p->base == p->last && p->messages[p->last].value == p->first && view.a == 0 && view.b == 0)
        return (struct hash){0, 0};
    hash_mix(&h, (uintptr_t)p->address);
    for (int i = p->base; i <= p->last; i++) {
        view = view_hash(&p->messages[i].view);
        hash_mix(&h, p->messages[i].value);
        hash_mix(&h, p->messages[i].replaces);
        hash_mix(&h, view.a);
        hash_mix(&h, view.b);
    }
    return h;
}

static void thread_hash_weak(struct hash *h, const struct thread *t)
{
    const struct view *views[] = {&t->current, &t->acquired, &t->released};
    struct hash total = {0, 0};

    for (size_t i = 0; i < WEFT_ARRAY_SIZE(views); i++) {
        struct hash view = view_hash(views[i]);

        hash_mix(h, view.a);
        hash_mix(h, view.b);
    }
    for (int i = 0; i < W.places_count; i++) {
        const struct stale *s = &t->stale[i];
        struct hash one = {5, 6};

        if (s->count == 0 || s->message < W.places[i].base)
            continue;
        hash_mix(&one, (uintptr_t)W.places[i].address);
        hash_mix(&one, (uintptr_t)s->site);
        hash_mix(&one, (uint64_t)(s->message - W.places[i].base));
        hash_mix(&one, (uint64_t)weft__min(s->count, (int)STALE_REPEATS));
        hash_sum(&total, one);
    }
    hash_mix(h, total.a);
    hash_mix(h, total.b);
}

static struct hash thread_hash(int index)
{
    const struct thread *t = &W.threads[index];
    struct hash h = {7, 8};

    hash_mix(&h, (uint64_t)index);
    hash_mix(&h, t->seen.a);
    hash_mix(&h, t->seen.b);
    hash_mix(&h, t->made);
    hash_mix(&h, (uint64_t)t->op.kind);
    hash_mix(&h, t->result); /* what a woken thread will hear */
    for (int i = 0; i < t->spurious_count; i++)
        hash_mix(&h, (uintptr_t)t->spurious[i]);
    for (int i = 0; i < t->buffer_count; i++) {
        hash_mix(&h, (uintptr_t)W.places[t->buffer[i].place].address);
        hash_mix(&h, t->buffer[i].value);
    }
    if (W.mode == MODEL_WEAK && t->op.kind != OP_DONE)
        thread_hash_weak(&h, t);
    return h;
}

struct hash state_hash(void)
{
    struct hash total = {0, 0};

    if (W.mode == MODEL_WEAK) {
        places_rebase();
        total = view_hash(&W.seq_cst_view);
        hash_mix(&total, 9);
    }
    for (int i = 0; i < W.places_count; i++)
        hash_sum(&total, W.mode == MODEL_WEAK ? place_hash_weak(&W.places[i])
                                              : place_hash(&W.places[i]));
    for (int i = 0; i < W.threads_count; i++)
        hash_sum(&total, thread_hash(i));
    total.a += total.a == 0; /* 0 marks a free entry */
    return total;
}
