/* lockorder.c - which locks a strand holds, in which order locks are taken, which lock is hot.
 *
 * Called by engine.c when the running strand has taken or given a lock.
 *
 * When a strand takes lock B and holds A, that is an EDGE from A to B, with the strand, the modes
 * of both and all that it held then: the gates.  Edges that close a cycle are a deadlock that could
 * be, if the strands of the edges are all different, no lock is held by two of them (unless both
 * only read: a gate lets one in at a time), each lock of the cycle is held in a mode that keeps the
 * other one out, and no edge is ordered before the newest by spawn and join, which no schedule can
 * change.  The last is looked at against the newest edge only, not among the older ones.
 * (Goodlock: Havelund, SPIN 2000; gates and segments: Bensalem and Havelund, HVC 2005.)
 *
 * An edge is kept once for each strand, pair of locks, modes and gates, with its latest segment.
 * The search for a cycle follows at most LOCKORDER_LOOKS edges.  What does not fit into the fixed
 * tables is not seen: fewer cycles, no false ones.  All memory is one mapping, taken from its
 * beginning, because a forked child pays for each page that it touches.
 *
 * Rejected: one edge per pair of locks.  It costs the gates: the second strand that takes the pair
 * may be the one without a gate.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/lockorder.h"

#include "base/sys.h"
#include "check/vclock.h"

#define LOCKORDER_LOCKS_MAX 65536
#define LOCKORDER_SLOTS     (4 * LOCKORDER_LOCKS_MAX)
#define LOCKORDER_SLOTS_FIRST 64
#define LOCKORDER_HOLDS_MAX 16384
#define LOCKORDER_EDGES_MAX 16384
#define LOCKORDER_GATES_MAX 8     /* locks held at once that an edge remembers */
#define LOCKORDER_TOLD_MAX  64    /* cycles */
#define LOCKORDER_LOOKS     4096  /* edges that one search follows */
#define LOCKORDER_LENGTH    4
#define LOCKORDER_SERIAL_STEPS 100 /* in fewer, a share of them means nothing */

#define LOCKORDER_NOBODY 0xffff

/* Numbers of locks, holds and edges begin at 1; 0 is none. */
struct lockorder_lock {
    uint64_t lock;
    uint32_t holds; /* a list of those that hold it */
    uint32_t edges; /* from it */
    weft__site site; /* where it was taken first */
    uint32_t steps, others_steps; /* under it: all; not by the first strand */
    uint16_t first;
};

/* A strand holds a lock. */
struct lockorder_hold {
    uint32_t lock;
    uint32_t below;    /* what the strand took before, and holds */
    uint32_t sibling;  /* another hold of the lock; or free */
    uint32_t depth;    /* a recursive lock: how many times */
    weft__site site;
    uint32_t step;
    uint16_t strand;
    bool shared;
};

struct lockorder_gate {
    uint32_t lock;
    bool shared;
};

struct lockorder_edge {
    uint32_t from, to; /* locks */
    uint32_t next;     /* edge from the same lock */
    uint32_t segment;  /* of the strand, the latest */
    weft__site from_site, to_site;
    uint32_t step;
    uint16_t strand;
    bool from_shared, to_shared;
    uint8_t n_gates;   /* all that was held, `from` among it */
    struct lockorder_gate gates[LOCKORDER_GATES_MAX];
};

struct lockorder_memory {
    struct lockorder_hold holds[LOCKORDER_HOLDS_MAX];
    struct lockorder_lock locks[LOCKORDER_LOCKS_MAX];
    struct lockorder_edge edges[LOCKORDER_EDGES_MAX];
    /* By hash of the lock: a table of size n lies at slots + n, but the first is first_slots. */
    uint32_t slots[LOCKORDER_SLOTS];
};

static struct {
    struct lockorder_memory *memory;
    uint32_t n_strands, n_locks, n_holds, n_edges, n_slots, n_told;
    uint32_t hold_free;
    bool holds_lost; /* more were held than there was room for */
    uint32_t first_slots[LOCKORDER_SLOTS_FIRST];
    uint32_t told[LOCKORDER_TOLD_MAX][LOCKORDER_LENGTH]; /* locks, the lowest first */
    uint32_t top[WEFT__STRANDS_MAX]; /* the newest hold of each strand */
} lockorder;

/* A search in progress. */
struct lockorder_path {
    const struct lockorder_edge *edge[LOCKORDER_LENGTH];
    uint32_t n;
    uint32_t looks;
};

/* ---- locks ---- */

static struct lockorder_lock *lockorder_lock_of(uint32_t number)
{
    return &lockorder.memory->locks[number];
}

static uint32_t *lockorder_table(uint32_t n)
{
    return n == LOCKORDER_SLOTS_FIRST ? lockorder.first_slots : lockorder.memory->slots + n;
}

static uint32_t *lockorder_slot(uint64_t lock)
{
    uint32_t *table = lockorder_table(lockorder.n_slots);
    uint32_t wrap = lockorder.n_slots - 1;
    uint32_t slot = (uint32_t)(lock * UINT64_C(0x9e3779b97f4a7c15) >> 32) & wrap;

    while (table[slot] != 0 && lockorder_lock_of(table[slot])->lock != lock)
        slot = (slot + 1) & wrap;
    return &table[slot];
}

static uint32_t lockorder_find(uint64_t lock)
{
    return lockorder.memory == NULL ? 0 : *lockorder_slot(lock);
}

static void lockorder_slots_double(void)
{
    lockorder.n_slots *= 2;
    for (uint32_t i = 1; i < lockorder.n_locks; i++)
        *lockorder_slot(lockorder_lock_of(i)->lock) = i;
}

/* 0: no more room. */
static uint32_t lockorder_know(uint64_t lock, uint16_t strand, weft__site site)
{
    uint32_t number = lockorder_find(lock);

    if (number != 0 || lockorder.n_locks == LOCKORDER_LOCKS_MAX)
        return number;
    if (lockorder.n_locks >= lockorder.n_slots / 2 && lockorder.n_slots < LOCKORDER_SLOTS / 2)
        lockorder_slots_double();
    number = lockorder.n_locks++;
    *lockorder_lock_of(number) =
        (struct lockorder_lock){.lock = lock, .site = site, .first = strand};
    *lockorder_slot(lock) = number;
    return number;
}

/* ---- holds ---- */

static struct lockorder_hold *lockorder_hold_of(uint32_t number)
{
    return &lockorder.memory->holds[number];
}

static uint32_t lockorder_top(uint16_t strand)
{
    WEFT_CHECK(strand < WEFT__STRANDS_MAX);
    if (lockorder.memory == NULL || strand >= lockorder.n_strands)
        return 0;
    return lockorder.top[strand];
}

/* The hold of a lock by a strand, and who points to it in the strand's list; NULL: it has none. */
static uint32_t *lockorder_hold_link(uint16_t strand, uint32_t lock)
{
    if (lockorder_top(strand) == 0)
        return NULL;
    uint32_t *link = &lockorder.top[strand];
    while (*link != 0 && lockorder_hold_of(*link)->lock != lock)
        link = &lockorder_hold_of(*link)->below;
    return *link != 0 ? link : NULL;
}

static void lockorder_hold_add(uint16_t strand, uint32_t lock, bool shared, weft__site site,
                               uint32_t step)
{
    uint32_t number = lockorder.hold_free;

    while (lockorder.n_strands <= strand)
        lockorder.top[lockorder.n_strands++] = 0;
    if (number != 0) {
        lockorder.hold_free = lockorder_hold_of(number)->sibling;
    } else if (lockorder.n_holds < LOCKORDER_HOLDS_MAX) {
        number = lockorder.n_holds++;
    } else {
        lockorder.holds_lost = true;
        return;
    }
    *lockorder_hold_of(number) = (struct lockorder_hold){.lock = lock,
                                                         .below = lockorder.top[strand],
                                                         .sibling = lockorder_lock_of(lock)->holds,
                                                         .depth = 1,
                                                         .site = site,
                                                         .step = step,
                                                         .strand = strand,
                                                         .shared = shared};
    lockorder_lock_of(lock)->holds = number;
    lockorder.top[strand] = number;
}

static void lockorder_hold_remove(uint32_t *link)
{
    uint32_t number = *link;
    struct lockorder_hold *hold = lockorder_hold_of(number);
    uint32_t *sibling = &lockorder_lock_of(hold->lock)->holds;

    *link = hold->below;
    while (*sibling != number)
        sibling = &lockorder_hold_of(*sibling)->sibling;
    *sibling = hold->sibling;
    hold->sibling = lockorder.hold_free;
    lockorder.hold_free = number;
}

/* ---- edges ---- */

static bool lockorder_edges_alike(const struct lockorder_edge *a, const struct lockorder_edge *b)
{
    if (a->to != b->to || a->strand != b->strand || a->from_shared != b->from_shared ||
        a->to_shared != b->to_shared || a->n_gates != b->n_gates)
        return false;
    for (uint8_t i = 0; i < a->n_gates; i++) {
        if (a->gates[i].lock != b->gates[i].lock || a->gates[i].shared != b->gates[i].shared)
            return false;
    }
    return true;
}

/* The edge as kept; NULL: nothing new, or no room.  A later segment is news: what was ordered may
 * not be any more. */
static struct lockorder_edge *lockorder_edge_add(const struct lockorder_edge *edge)
{
    struct lockorder_lock *from = lockorder_lock_of(edge->from);
    struct lockorder_edge *kept;

    for (uint32_t i = from->edges; i != 0; i = kept->next) {
        kept = &lockorder.memory->edges[i];
        if (!lockorder_edges_alike(kept, edge))
            continue;
        if (kept->segment == edge->segment)
            return NULL;
        uint32_t next = kept->next;
        *kept = *edge;
        kept->next = next;
        return kept;
    }
    if (lockorder.n_edges == LOCKORDER_EDGES_MAX)
        return NULL;
    kept = &lockorder.memory->edges[lockorder.n_edges];
    *kept = *edge;
    kept->next = from->edges;
    from->edges = lockorder.n_edges++;
    return kept;
}

/* ---- cycles ---- */

/* Can the two be at these places at one time? */
static bool lockorder_exclude(const struct lockorder_edge *a, const struct lockorder_edge *b)
{
    if (a->strand == b->strand)
        return true;
    for (uint8_t i = 0; i < a->n_gates; i++) {
        for (uint8_t k = 0; k < b->n_gates; k++) {
            if (a->gates[i].lock == b->gates[k].lock &&
                !(a->gates[i].shared && b->gates[k].shared))
                return true;
        }
    }
    return false;
}

/* May `edge` follow in the path?  The strand of the last one waits for what this one holds. */
static bool lockorder_may_follow(const struct lockorder_path *path,
                                 const struct lockorder_edge *edge)
{
    const struct lockorder_edge *newest = path->edge[0], *last = path->edge[path->n - 1];

    if (last->to_shared && edge->from_shared)
        return false;
    if (weft__clock_forked(edge->strand, edge->segment, newest->strand))
        return false;
    for (uint32_t i = 0; i < path->n; i++) {
        if (lockorder_exclude(path->edge[i], edge))
            return false;
    }
    return true;
}

/* The locks of the path, turned so that the lowest is the first: each cycle has one form. */
static bool lockorder_is_told(const struct lockorder_path *path)
{
    uint32_t locks[LOCKORDER_LENGTH] = {0}, lowest = 0;

    for (uint32_t i = 1; i < path->n; i++) {
        if (path->edge[i]->from < path->edge[lowest]->from)
            lowest = i;
    }
    for (uint32_t i = 0; i < path->n; i++)
        locks[i] = path->edge[(lowest + i) % path->n]->from;
    for (uint32_t i = 0; i < lockorder.n_told; i++) {
        if (memcmp(lockorder.told[i], locks, sizeof locks) == 0)
            return true;
    }
    if (lockorder.n_told == LOCKORDER_TOLD_MAX)
        return true;
    memcpy(lockorder.told[lockorder.n_told++], locks, sizeof locks);
    return false;
}

/* Goes on from the last edge until one comes back to the first; the shorter cycles are not
 * preferred, as most have two locks anyway. */
static bool lockorder_search(struct lockorder_path *path)
{
    const struct lockorder_edge *first = path->edge[0], *last = path->edge[path->n - 1];
    uint32_t i = lockorder_lock_of(last->to)->edges;

    for (; i != 0; i = lockorder.memory->edges[i].next) {
        const struct lockorder_edge *edge = &lockorder.memory->edges[i];
        if (path->looks++ == LOCKORDER_LOOKS)
            return false;
        if (!lockorder_may_follow(path, edge))
            continue;
        path->edge[path->n++] = edge;
        if (edge->to == first->from) {
            if (!(edge->to_shared && first->from_shared) && !lockorder_is_told(path))
                return true;
        } else if (path->n < LOCKORDER_LENGTH && lockorder_search(path)) {
            return true;
        }
        path->n--;
    }
    return false;
}

static void lockorder_tell(const struct lockorder_path *path, struct weft__lock_cycle *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->n = path->n;
    for (uint32_t i = 0; i < path->n; i++) {
        const struct lockorder_edge *edge = path->edge[i];
        struct weft__party *party = &ret->party[i];
        party->strand = edge->strand;
        party->op = edge->to_shared ? WEFT__OP_RWLOCK_READ : WEFT__OP_MUTEX_LOCK;
        party->step = edge->step;
        party->site = edge->to_site;
        party->object = lockorder_lock_of(edge->to)->lock;
        party->holder = path->edge[(i + 1) % path->n]->strand;
        party->taken = edge->from_site;
        party->n_stack = 1;
        party->stack[0] = edge->to_site;
        party->n_held = 1;
        party->held[0] = lockorder_lock_of(edge->from)->lock;
        party->held_at[0] = edge->from_site;
    }
}

/* The edges from all that the strand holds to the lock, and what they close. */
static bool lockorder_edges(uint16_t strand, uint32_t lock, bool shared, weft__site site,
                            uint32_t step, struct weft__lock_cycle *ret)
{
    struct lockorder_edge edge = {.to = lock,
                                  .to_shared = shared,
                                  .to_site = site,
                                  .strand = strand,
                                  .step = step,
                                  .segment = weft__clock_segment(strand)};
    bool found = false;

    uint32_t i = lockorder_top(strand);
    for (; i != 0 && edge.n_gates < LOCKORDER_GATES_MAX; i = lockorder_hold_of(i)->below) {
        struct lockorder_gate *gate = &edge.gates[edge.n_gates++];
        memset(gate, 0, sizeof *gate);
        gate->lock = lockorder_hold_of(i)->lock;
        gate->shared = lockorder_hold_of(i)->shared;
    }
    for (uint32_t hold = lockorder_top(strand); hold != i && !found;
         hold = lockorder_hold_of(hold)->below) {
        edge.from = lockorder_hold_of(hold)->lock;
        edge.from_shared = lockorder_hold_of(hold)->shared;
        edge.from_site = lockorder_hold_of(hold)->site;
        struct lockorder_path path = {.edge = {lockorder_edge_add(&edge)}, .n = 1};
        if (path.edge[0] == NULL)
            continue;
        found = lockorder_search(&path);
        if (found)
            lockorder_tell(&path, ret);
    }
    return found;
}

/* ---- what the engine calls ---- */

int weft__lockorder_map(void)
{
    void *memory;

    if (lockorder.memory != NULL)
        return 0;
    int rc = weft__sys_map(sizeof *lockorder.memory, &memory);
    if (rc < 0)
        return rc;
    weft__sys_no_huge_pages(memory, sizeof *lockorder.memory);
    lockorder.memory = memory;
    return 0;
}

int weft__lockorder_init(void)
{
    int rc = weft__lockorder_map();

    if (rc < 0)
        return rc;
    if (lockorder.n_locks > 1) { /* has been used before */
        for (uint32_t n = LOCKORDER_SLOTS_FIRST; n <= lockorder.n_slots; n *= 2)
            memset(lockorder_table(n), 0, n * sizeof(uint32_t));
    }
    lockorder.n_strands = lockorder.n_told = lockorder.hold_free = 0;
    lockorder.n_locks = lockorder.n_holds = lockorder.n_edges = 1; /* 0 is none */
    lockorder.n_slots = LOCKORDER_SLOTS_FIRST;
    lockorder.holds_lost = false;
    return 0;
}

void weft__lockorder_fini(void)
{
    if (lockorder.memory != NULL)
        weft__sys_unmap(lockorder.memory, sizeof *lockorder.memory);
    memset(&lockorder, 0, sizeof lockorder);
}

bool weft__lockorder_taken(uint16_t strand, uint64_t lock, bool shared, bool tried, weft__site site,
                           uint32_t step, struct weft__lock_cycle *ret)
{
    WEFT_CHECK(strand < WEFT__STRANDS_MAX);
    uint32_t number = lockorder_know(lock, strand, site);
    if (number == 0) {
        lockorder.holds_lost = true;
        return false;
    }
    uint32_t *again = lockorder_hold_link(strand, number);
    if (again != NULL) {
        lockorder_hold_of(*again)->depth++;
        return false;
    }
    bool found = !tried && lockorder_top(strand) != 0 &&
                 lockorder_edges(strand, number, shared, site, step, ret);
    lockorder_hold_add(strand, number, shared, site, step);
    return found;
}

bool weft__lockorder_given(uint16_t strand, uint64_t lock, uint32_t step)
{
    uint32_t number = lockorder_find(lock);
    uint32_t *link = number != 0 ? lockorder_hold_link(strand, number) : NULL;

    if (link == NULL)
        return lockorder.holds_lost;
    struct lockorder_hold *hold = lockorder_hold_of(*link);
    if (--hold->depth > 0)
        return true;
    struct lockorder_lock *l = lockorder_lock_of(number);
    if (!hold->shared && step >= hold->step) {
        l->steps += step - hold->step + 1;
        l->others_steps += strand != l->first ? step - hold->step + 1 : 0;
    }
    lockorder_hold_remove(link);
    return true;
}

bool weft__lockorder_is_shared(uint16_t strand, uint64_t lock)
{
    uint32_t number = lockorder_find(lock);
    const uint32_t *link = number != 0 ? lockorder_hold_link(strand, number) : NULL;

    return link != NULL && lockorder_hold_of(*link)->shared;
}

/* Its number stays, with its edges, under a name that no lock has; a slot is never given up. */
void weft__lockorder_forget(uint64_t lock)
{
    uint32_t number = lockorder_find(lock);

    if (number != 0 && lockorder_lock_of(number)->holds == 0)
        lockorder_lock_of(number)->lock = UINT64_MAX - number;
}

uint32_t weft__lockorder_held(uint16_t strand, struct weft__held *ret, uint32_t n)
{
    uint32_t count = 0;

    for (uint32_t i = lockorder_top(strand); i != 0 && count < n; i = lockorder_hold_of(i)->below) {
        const struct lockorder_hold *hold = lockorder_hold_of(i);
        ret[count++] = (struct weft__held){.lock = lockorder_lock_of(hold->lock)->lock,
                                           .site = hold->site,
                                           .step = hold->step,
                                           .shared = hold->shared};
    }
    return count;
}

uint16_t weft__lockorder_holder(uint64_t lock, weft__site *ret_site)
{
    uint32_t number = lockorder_find(lock);

    if (number == 0 || lockorder_lock_of(number)->holds == 0)
        return LOCKORDER_NOBODY;
    const struct lockorder_hold *hold = lockorder_hold_of(lockorder_lock_of(number)->holds);
    *ret_site = hold->site;
    return hold->strand;
}

/* Which strand passed a step is not known here, only when the lock was held: so a lock counts that
 * was held nine tenths of the time, a tenth of that not by the strand that had it first. */
uint64_t weft__lockorder_serial(uint32_t steps, weft__site *ret_site)
{
    const struct lockorder_lock *most = NULL;

    for (uint32_t i = 1; lockorder.memory != NULL && i < lockorder.n_locks; i++) {
        const struct lockorder_lock *l = lockorder_lock_of(i);
        uint64_t held = l->steps, others = l->others_steps;
        if (held * 10 < (uint64_t)steps * 9 || others * 10 < held || (held - others) * 10 < held)
            continue;
        if (most == NULL || held > most->steps)
            most = l;
    }
    if (most == NULL || steps < LOCKORDER_SERIAL_STEPS)
        return 0;
    *ret_site = most->site;
    return most->lock;
}
