/* access.c - accesses of memory: which are points, what they see, and who raced.
 *
 * Most accesses are of memory that no other strand has touched, or at sites that never met another
 * strand: they cost a look into the shadow, and the controller is not asked.  A site is HOT once it
 * has touched memory that two strands touch and one writes; the searcher hands the hot sites of
 * earlier schedules down in the plan.  They do not grow within a schedule, or a replay would count
 * differently.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/blocks.h"
#include "check/lockorder.h"
#include "check/shadow.h"
#include "check/state.h"

#define ACCESS_COLD_MAX  2000 /* accesses in a row without a point: then one is, to see spinners */
#define ACCESS_FREED_MAX 512
#define ACCESS_COLD_SPUN 64   /* ... of a strand that has been one */

/* ---- values ---- */

uint64_t weft__peek(uintptr_t address, size_t size)
{
    uint64_t value = 0;

    memcpy(&value, (const void *)address, size < sizeof value ? size : sizeof value);
    return value;
}

void weft__write_done(struct weft__strand_books *books)
{
    struct weft__event *event = books->unvalued;
    uintptr_t written = books->written;

    if (event != NULL) {
        books->unvalued = NULL;
        event->value = weft__peek((uintptr_t)event->object, event->size);
        event->flags |= WEFT__EVENT_HAS_VALUE;
    }
    if (written == 0)
        return;
    books->written = 0;
    if (weft__peek(written, books->written_size) == books->written_old) {
        weft__spin_count(written); /* a lock that was taken already, a failed compare-and-swap */
    } else {
        weft__spin_end(weft__engine->self);
        weft__spin_wake(written);
    }
}

void weft__settle(void)
{
    struct weft__engine *e = weft__engine;

    if (!e->is_over)
        weft__write_done(&e->books[e->self->id]);
}

/* ---- pairs ---- */

static void access_note_pair(struct weft__engine *e, weft__site writer, weft__site reader)
{
    struct weft__outcome *out = e->outcome;

    if (out->n_pairs == WEFT__PAIRS_MAX ||
        !weft__table_add(&e->pairs, &e->arena, (uint64_t)writer << 32 | reader))
        return;
    out->pairs[out->n_pairs++] = (struct weft__pair){.writer = writer, .reader = reader};
}

static void access_note_behaviour(struct weft__engine *e, const struct weft__strand *reader,
                                  uint64_t writer)
{
    e->outcome->behaviour_hash +=
        weft__mix(weft__mix((uint64_t)reader->site << 32 | reader->nth) ^
                  ((uint64_t)reader->id << 48) ^ writer);
}

void weft__pair_of_object(const struct weft__strand *strand)
{
    struct weft__engine *e = weft__engine;
    const struct weft__operation *op = &strand->next;
    unsigned does = weft__op_does(op->op);

    if (!(does & WEFT__RW))
        return;
    uint64_t *last = weft__table_at(&e->last, &e->arena, op->object);
    if (last == NULL)
        return;
    if (does & WEFT__OP_READS) {
        access_note_pair(e, (weft__site)(*last >> 16), strand->site);
        access_note_behaviour(e, strand, *last);
    }
    if (does & WEFT__OP_WRITES)
        *last = (uint64_t)strand->site << 16 | strand->id;
}

/* ---- findings ---- */

static void access_found_race(struct weft__engine *e, const struct weft__seen *seen,
                              uintptr_t address)
{
    weft__site a = weft__min(seen->other.site, e->self->site);
    weft__site b = weft__max(seen->other.site, e->self->site);

    if ((e->plan->flags & WEFT__PLAN_NO_RACES) ||
        !weft__table_add(&e->races, &e->arena, (uint64_t)a << 32 | b))
        return;
    struct weft__finding *finding = weft__found(
        WEFT__CLASS_RACE, address, "%s and %s of the same memory, not ordered by anything",
        weft__op_words((enum weft__op)seen->other.op), weft__op_words(e->self->next.op));
    struct weft__party *other = &finding->parties[1];
    *other = (struct weft__party){.strand = seen->other.strand,
                                  .op = seen->other.op,
                                  .size = seen->other.size,
                                  .step = seen->other.step,
                                  .site = seen->other.site,
                                  .object = address,
                                  .holder = 0xffff};
    other->stack[0] = seen->other.site;
    other->stack[1] = seen->other.caller;
    other->n_stack = seen->other.caller != 0 ? 2 : 1;
    finding->n_parties = 2;
}

static uint32_t access_page_bit(uintptr_t address)
{
    return (uint32_t)weft__mix(address >> 12) % WEFT__FREED_BITS;
}

static void access_check_freed(struct weft__engine *e, uintptr_t address)
{
    uint32_t bit = access_page_bit(address);

    if (!(e->freed_pages[bit / 64] & UINT64_C(1) << (bit % 64)))
        return;
    const struct weft__block *block = weft__block_around(address);
    if (block == NULL || block->freed_site == 0)
        return;
    struct weft__finding *finding = weft__found(
        e->self->next.op == WEFT__OP_FREE ? WEFT__CLASS_DOUBLE_FREE : WEFT__CLASS_USE_AFTER_FREE,
        address, "%s of a block of %zu bytes that has been freed",
        weft__op_words(e->self->next.op), block->size);
    weft__found_block(finding, block);
    weft__engine_over();
}

/* ---- the access ---- */

static bool access_is_hot(struct weft__engine *e)
{
    return weft__table_find(&e->hot, e->self->site) != NULL;
}

static void access_tell_hot(struct weft__engine *e, weft__site site)
{
    struct weft__outcome *out = e->outcome;

    if (site == 0 || out->n_hot == WEFT__HOT_MAX ||
        !weft__table_add(&e->found_hot, &e->arena, site))
        return;
    out->hot[out->n_hot++] = site;
}

/* Does it see what the strand saw here before?  Then it may be spinning. */
static void access_look_for_spin(struct weft__engine *e, const struct weft__operation *op)
{
    struct weft__strand *self = e->self;
    uint64_t value = weft__peek(op->object, op->size);
    uint64_t *seen = weft__table_at(
        &e->seen_values, &e->arena,
        weft__mix((uint64_t)self->site << 16 | self->id) ^ (uint64_t)op->object);

    if (seen == NULL)
        return;
    weft__engine_news(((uint64_t)self->site << 32) ^ weft__mix(value));
    if (*seen == value + 1)
        weft__spin_count(op->object);
    else
        weft__spin_end(self);
    *seen = value + 1;
}

/* The access is about to happen: what does it see, and was there an order? */
static void access_happen(struct weft__engine *e, const struct weft__operation *op, int order)
{
    struct weft__strand *self = e->self;
    struct weft__seen seen;
    unsigned does = weft__op_does(op->op);

    weft__shadow_access(self->id, op->op, order, op->object, op->size, self->site,
                        self->caller_site, e->outcome->steps, &seen);
    if (seen.shared && seen.written) {
        access_tell_hot(e, self->site);
        if (seen.has_writer)
            access_tell_hot(e, seen.writer.site);
        if (seen.has_reader)
            access_tell_hot(e, seen.reader.site);
        if (seen.race)
            access_tell_hot(e, seen.other.site);
    }
    if (seen.shared && (does & WEFT__OP_READS)) {
        weft__site writer = seen.has_writer ? seen.writer.site : 0;
        access_note_pair(e, writer, self->site);
        access_note_behaviour(e, self, seen.has_writer
                                           ? (uint64_t)writer << 16 | seen.writer.strand
                                           : UINT64_MAX);
    }
    if (seen.race)
        access_found_race(e, &seen, op->object);
    if ((does & WEFT__OP_WRITES) && seen.shared) {
        struct weft__strand_books *books = &e->books[self->id];
        books->written = op->object;
        books->written_size = (uint8_t)weft__min(op->size, 8u);
        books->written_old = weft__peek(op->object, books->written_size);
    }
}

static void access_give_value(struct weft__engine *e, const struct weft__operation *op)
{
    struct weft__outcome *out = e->outcome;

    if (!(e->plan->flags & WEFT__PLAN_TRACE) || out->n_trace == 0 || op->size > 8)
        return;
    struct weft__event *event = &out->trace[(out->n_trace - 1) % WEFT__TRACE_MAX];
    if (weft__op_does(op->op) & WEFT__OP_WRITES) {
        e->books[e->self->id].unvalued = event;
    } else {
        event->value = weft__peek(op->object, op->size);
        event->flags |= WEFT__EVENT_HAS_VALUE;
    }
}

static bool access_is_point(struct weft__engine *e, const struct weft__operation *op)
{
    struct weft__strand_books *books = &e->books[e->self->id];

    if (e->n_strands == 1)
        return false;
    if (access_is_hot(e))
        return true;
    if (++books->cold > (books->has_spun ? ACCESS_COLD_SPUN : ACCESS_COLD_MAX)) {
        if (weft__op_does(op->op) & WEFT__OP_WRITES)
            e->news_step = e->outcome->steps; /* it works on something of its own */
        return true;
    }
    return (e->plan->flags & WEFT__PLAN_ALL_POINTS) && weft__shadow_is_shared(op->object, op->size);
}

/* Before the access: the point, if it is one. */
static void access_arrive(struct weft__engine *e, const struct weft__operation *operation)
{
    struct weft__strand *self = e->self;

    weft__strand_begin(self);
    weft__write_done(&e->books[self->id]);
    self->site = weft__site_of(operation->pc);
    if (!access_is_point(e, operation)) {
        self->next = *operation;
        self->caller_site = 0;
        self->nth = 0;
        return;
    }
    weft__point(operation);
    access_give_value(e, operation);
    if (!(weft__op_does(operation->op) & WEFT__OP_WRITES))
        access_look_for_spin(e, operation);
}

static struct weft__operation access_operation(enum weft__op op, uintptr_t address, size_t size,
                                               uintptr_t pc)
{
    return (struct weft__operation){.op = op,
                                    .size = (uint8_t)weft__min(size, (size_t)255),
                                    .object = address,
                                    .pc = pc,
                                    .deadline = WEFT__NO_DEADLINE};
}

void weft__access(enum weft__op op, uintptr_t address, size_t size, int order, uintptr_t pc)
{
    struct weft__engine *e = weft__engine;
    struct weft__operation operation = access_operation(op, address, size, pc);

    if (e->is_over)
        return;
    access_arrive(e, &operation);
    access_check_freed(e, address);
    access_happen(e, &operation, order);
}

void weft__access_swap(uintptr_t address, size_t size, uint64_t expected, int order, int fail_order,
                       uintptr_t pc)
{
    struct weft__engine *e = weft__engine;
    struct weft__operation operation = access_operation(WEFT__OP_ATOMIC_RMW, address, size, pc);

    if (e->is_over)
        return;
    access_arrive(e, &operation);
    access_check_freed(e, address);
    if (weft__peek(address, size) != expected) {
        operation.op = WEFT__OP_ATOMIC_LOAD;
        order = fail_order;
        weft__spin_count(address);
    }
    access_happen(e, &operation, order);
}

/* ---- locks ---- */

void weft__lock_taken(uintptr_t lock, bool shared, bool tried)
{
    struct weft__engine *e = weft__engine;
    struct weft__strand *self = e->self;
    struct weft__lock_cycle cycle;

    if (!shared)
        weft__clock_acquire(self->id, lock);
    uint32_t step = e->outcome->steps;
    if (!weft__lockorder_taken(self->id, lock, shared, tried, self->site, step, &cycle))
        return;
    struct weft__finding *finding =
        weft__found(WEFT__CLASS_LOCK_ORDER, lock, "%u locks are taken in a cycle", cycle.n);
    finding->n_parties = (uint8_t)cycle.n;
    memcpy(finding->parties, cycle.party, cycle.n * sizeof cycle.party[0]);
}

void weft__lock_given(uintptr_t lock)
{
    struct weft__engine *e = weft__engine;

    if (!weft__lockorder_is_shared(e->self->id, lock))
        weft__clock_release(e->self->id, lock);
    (void)weft__lockorder_given(e->self->id, lock, e->outcome->steps);
}

/* ---- blocks ---- */

void weft__block_made(uintptr_t address, size_t size, uintptr_t pc)
{
    struct weft__engine *e = weft__engine;
    struct weft__block *block =
        weft__block_add(address, size, weft__site_of(pc), e->self->id, e->outcome->steps);

    weft__shadow_reset(address, size);
    if (block != NULL && e->executor->stack != NULL) {
        uintptr_t stack[WEFT_ARRAY_SIZE(block->stack)];
        block->n_stack =
            (uint8_t)e->executor->stack(stack, (uint32_t)WEFT_ARRAY_SIZE(block->stack));
        for (uint32_t i = 0; i < block->n_stack; i++)
            block->stack[i] = weft__site_of(stack[i]);
    }
}

/* To free is to write all of it: whoever has accessed it did so at a site where much depends on the
 * order.  (Large blocks are looked at from the front.) */
static void access_free(struct weft__engine *e, const struct weft__block *block, weft__site site)
{
    struct weft__seen seen;

    weft__shadow_access(e->self->id, WEFT__OP_WRITE, 0, block->address,
                        weft__min(block->size, (size_t)ACCESS_FREED_MAX), site, 0,
                        e->outcome->steps, &seen);
    if (!seen.shared)
        return;
    access_tell_hot(e, site);
    if (seen.has_writer)
        access_tell_hot(e, seen.writer.site);
    if (seen.has_reader)
        access_tell_hot(e, seen.reader.site);
}

bool weft__block_freed(uintptr_t address, uintptr_t pc)
{
    struct weft__engine *e = weft__engine;
    struct weft__block *block = weft__block_at(address);

    if (block == NULL)
        return true; /* from before the engine */
    if (block->freed_site != 0) {
        struct weft__finding *finding =
            weft__found(WEFT__CLASS_DOUBLE_FREE, address,
                        "a block of %zu bytes is freed a second time", block->size);
        weft__found_block(finding, block);
        weft__engine_over();
    }
    weft__site site = weft__site_of(pc);
    access_free(e, block, site);
    block->freed_site = site != 0 ? site : 1;
    block->freed_strand = e->self->id;
    block->freed_step = e->outcome->steps;
    for (uintptr_t page = address & ~(uintptr_t)4095; page < address + block->size; page += 4096) {
        uint32_t bit = access_page_bit(page);
        e->freed_pages[bit / 64] |= UINT64_C(1) << (bit % 64);
    }
    return true;
}
