/* model_inside.h - what the three files of the explorer share.
 *
 * model.c searches and switches, model_memory.c knows what an operation may see and when two
 * states are one, model_main.c prints and mutates.  All of an execution is in one struct,
 * model_world; models themselves include model.h only.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_TESTS_MODEL_INSIDE_H
#define WEFT_TESTS_MODEL_INSIDE_H

#include <ucontext.h>

#include "tests/model.h"

enum {
    PLACES = 48,       /* atomic places that one execution touches */
    MESSAGES = 64,     /* stores to one place in one execution, weak mode */
    BUFFER = 4,        /* stores waiting in one thread's buffer, tso mode */
    STEPS = 4096,      /* in one execution: more is a loop without bound */
    CHOICES = 256,     /* ways to go on from one state */
    SITES = 128,       /* operations in the source */
    SPURIOUS = 4,      /* weak compare-and-swaps that fail for no reason, in one thread */
    STALE_REPEATS = 2, /* how often a loop sees the same stale value: see model.h */
    STACK_BYTES = 65536,
    DIRECTOR = MODEL_THREADS, /* runs reset() and finally() */
    STATES_DAY = 1 << 21,
    STATES_NIGHT = 1 << 24
};

enum model_mode { MODEL_SC, MODEL_TSO, MODEL_WEAK, MODEL_MODES };

enum op_kind { /* continues weft__atomic_kind */
    OP_BLOCK = WEFT__ATOMIC_FENCE + 1,
    OP_FUTEX_WAIT,
    OP_FUTEX_WAKE,
    OP_ASLEEP, /* in the futex */
    OP_WOKEN,
    OP_DRAIN, /* only in the list of events */
    OP_DONE
};

struct op {
    const struct weft__atomic_site *site;
    int kind; /* weft__atomic_kind or op_kind */
    enum weft__atomic_order order;
    enum weft__atomic_order failure;
    int place; /* index, -1 for a fence */
    uint64_t operand;
    uint64_t expected;
    bool may_time_out;
};

struct view {
    uint8_t at[PLACES]; /* the oldest message that may still be read */
};

struct message {
    uint64_t value;
    bool replaces; /* by a read-modify-write: nothing comes between it and the one before */
    struct view view;
};

struct place {
    void *address;
    size_t size;
    uint64_t first; /* value at the start of the execution */
    int last;       /* the newest message; weak only, as the rest */
    int base;       /* no living thread can read an older one */
    struct message messages[MESSAGES];
};

struct waiting_store {
    int place;
    uint64_t value;
};

struct stale { /* what one operation in the source has seen again and again */
    const struct weft__atomic_site *site;
    int message;
    int count;
};

struct hash {
    uint64_t a, b;
};

struct thread {
    ucontext_t context;
    void (*body)(void);
    struct op op; /* what it is about to do */
    uint64_t result;
    struct hash seen; /* of all results */
    uint64_t made;    /* operations */
    struct waiting_store buffer[BUFFER];
    int buffer_count;
    struct view current, acquired, released;
    struct stale stale[PLACES];
    const struct weft__atomic_site *spurious[SPURIOUS]; /* where it has failed for no reason */
    int spurious_count;
};

enum act { ACT_OP, ACT_DRAIN, ACT_SPURIOUS, ACT_STALE, ACT_TIME_OUT };

struct choice {
    uint8_t thread;
    uint8_t act;
    int16_t arg; /* message to read or to write, thread to wake (-1: as many as asked) */
};

struct event {
    struct op op;
    int thread;
    uint64_t result;
    const char *note;
};

enum outcome { RUNNING, ENDED, PRUNED, FAILED };

struct model_world {
    /* this exploration */
    const struct model *model;
    enum model_mode mode;
    uint64_t executions;
    size_t states;
    bool night;
    /* this execution */
    enum outcome outcome;
    char failure[512];
    struct thread threads[MODEL_THREADS + 1];
    int threads_count;
    struct place places[PLACES];
    int places_count;
    struct view seq_cst_view;
    struct event events[STEPS];
    int events_count;
    struct choice choices[CHOICES];
    int choices_count;
};

struct model_site {
    const struct weft__atomic_site *site;
    uint64_t models; /* bit set: who passes here */
};

struct model_mutant {
    const struct weft__atomic_site *site; /* NULL: none */
    enum weft__atomic_order order, failure;
};

extern struct model_world model_world;

/* model.c */
extern struct model_site model_sites[SITES];
extern int model_sites_count;
extern uint64_t model_bit; /* of the model being explored */
extern struct model_mutant model_mutant;
/* Explores; true if a failure was found, and then the world still shows that execution. */
bool model_explore(const struct model *m, enum model_mode mode);
/* Ends the execution as failed.  Unlike model_fail it returns, so the explorer may call it. */
WEFT_PRINTF(1, 2) void execution_fail(const char *format, ...);
void event_add(int thread, const struct op *op, uint64_t result, const char *note);
void choice_add(int thread, enum act act, int arg);
bool model_on_stack(const void *address);

/* model_memory.c */
int place_find(void *address, size_t size, int kind);
uint64_t word_read(const void *address, size_t size);
void word_write(void *address, size_t size, uint64_t value);
uint64_t word_cut(size_t size, uint64_t value);
uint64_t word_modify(int kind, uint64_t old, uint64_t operand);
/* All ways in which the pending atomic operation of a thread may take effect now. */
void memory_choices(int thread);
/* Makes it take effect in one way.  Returns its result, for a compare-and-swap 1 or 0. */
uint64_t memory_operate(struct thread *t, struct op *op, struct choice way);
void memory_drain(int thread);
void hash_mix(struct hash *h, uint64_t word);
struct hash state_hash(void);

#endif
