/* plan.h - what one schedule is told before it runs, and what it tells afterwards.
 *
 * Flat structs without pointers: they lie in memory shared between the process that searches (the
 * command, or a test) and the one that runs the schedule (a child for each, or the same process).
 * The searcher fills a plan; engine.c runs by it and fills the outcome.
 *
 * A schedule is not kept as the list of all its choices but as DEVIATIONS from a fixed default: the
 * running strand goes on; when it cannot, the enabled strand with the next higher number (round to
 * the lowest) runs; first come, first woken; nothing fails without cause; no deadline comes while a
 * strand can run.  So deleting a deviation always leaves a schedule.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_PLAN_H
#define WEFT_CHECK_PLAN_H

#include "check/ops.h"

#define WEFT__STRANDS_MAX     1024 /* in one schedule */
#define WEFT__DEVIATIONS_MAX  8192
#define WEFT__CONSTRAINTS_MAX 16
#define WEFT__HOT_MAX         1024
#define WEFT__PAIRS_MAX       2048
#define WEFT__TRACE_MAX       16384 /* events kept, the last ones */
#define WEFT__FINDINGS_MAX    8
#define WEFT__STACK_MAX       16
#define WEFT__HELD_MAX        8
#define WEFT__BLOCKED_MAX     64
#define WEFT__OBJECTS_MAX     256
#define WEFT__MODULES_MAX     64

/* ---- choices ---- */

enum weft__choice_kind {
    WEFT__CHOICE_STRAND = 1, /* who runs next: a strand's number */
    WEFT__CHOICE_WAITER,     /* whom a signal or a hand-over wakes: index among the waiting */
    WEFT__CHOICE_ARM,        /* which ready arm a select takes: index among the ready */
    WEFT__CHOICE_TIMER,      /* 1: a deadline comes though strands can run */
    WEFT__CHOICE_FAIL        /* 1: it fails without cause (weak compare-and-swap, spurious wake) */
};

/* The choice that belongs to the strand's nth arrival at the site was `pick`, not the default. */
struct weft__deviation {
    uint16_t strand;
    uint8_t kind;  /* enum weft__choice_kind */
    uint8_t index; /* the how-manieth choice of its kind at that point, from 0 */
    weft__site site;
    uint32_t nth;
    uint32_t pick;
};

/* ---- the plan ---- */

enum weft__strategy_id {
    WEFT__STRATEGY_DEFAULT = 0, /* the default policy and the plan's deviations: replay */
    WEFT__STRATEGY_REVERSE,     /* non-preemptive, next lower number */
    WEFT__STRATEGY_RANDOM,      /* random walk */
    WEFT__STRATEGY_POS,
    WEFT__STRATEGY_PCT,         /* depth in plan.depth */
    WEFT__STRATEGY_SURW,
    WEFT__STRATEGY_RF,          /* reads-from constraints over POS */
    WEFT__STRATEGY_COUNT
};

/* "the read at `reader` sees what was written at `writer`" (or must not), writer 0: initial value.
 * Both are sites, or weft__strategy_context of sites.  pass: so often the one that is to wait for
 * the other is let pass, before the constraint counts. */
struct weft__constraint {
    weft__site writer, reader;
    uint8_t negative;
    uint8_t late;  /* once it may, the one that waited goes when its turn comes, not at once */
    uint8_t fresh; /* what the other did before this one could go at all does not count */
    uint8_t pass;
};

enum {
    WEFT__PLAN_TRACE = 1,       /* keep the trace, with values */
    WEFT__PLAN_ALL_POINTS = 2,  /* each access of shared memory is a point; else hot sites only */
    WEFT__PLAN_EARLY_TIMERS = 4, /* deadlines may come at any time */
    WEFT__PLAN_STOP_AT_SWITCH = 8, /* raise SIGTRAP at each switch: weft replay --gdb */
    WEFT__PLAN_SHOW_OUTPUT = 16,   /* let the program write to its stdout and stderr */
    WEFT__PLAN_NO_RACES = 32,      /* do not look for races */
    WEFT__PLAN_DELAYS = 64         /* no control: the program's own threads, and delays */
};

struct weft__plan {
    uint64_t seed;
    uint32_t strategy; /* enum weft__strategy_id */
    uint32_t depth;    /* PCT: d */
    uint32_t flags;
    uint32_t steps_max;        /* more: livelock or too long, see WEFT__CLASS_LIVELOCK */
    uint32_t points_estimate;  /* from earlier schedules: how many points one has */
    uint32_t strands_estimate;
    uint32_t strand_points[64]; /* points of each of the first strands, from earlier schedules */
    uint32_t n_hot, n_constraints, n_deviations;
    weft__site hot[WEFT__HOT_MAX]; /* sites of accesses that are points; ascending */
    struct weft__constraint constraints[WEFT__CONSTRAINTS_MAX];
    weft__site focus[8];       /* SURW: the sites whose order it samples; 0: none */
    struct weft__deviation deviations[WEFT__DEVIATIONS_MAX];
};

/* Adds a site to such a list of hot ones, in its order; what is there, or has no room, is left. */
void weft__hot_add(weft__site hot[WEFT__HOT_MAX], uint32_t *n, weft__site site);

/* ---- the outcome ---- */

/* X(name, word for --json, title of the report, is it a failure (else an advice or a
 * suspicion)). */
#define WEFT__CLASSES(X) \
    X(NONE, "none", "nothing found", 0) \
    X(ASSERT, "assertion", "ASSERTION FAILED", 1) \
    X(CRASH, "crash", "CRASH", 1) \
    X(EXIT_STATUS, "exit-status", "FAILED EXIT STATUS", 1) \
    X(DEADLOCK, "deadlock", "DEADLOCK", 1) \
    X(LOST_WAKEUP, "lost-wakeup", "LOST WAKE-UP", 1) \
    X(LIVELOCK, "livelock", "LIVELOCK", 1) \
    X(STARVATION, "starvation", "STARVATION", 1) \
    X(LEAKED_STRAND, "leaked-thread", "LEAKED THREAD", 1) \
    X(USE_AFTER_FREE, "use-after-free", "USE AFTER FREE", 1) \
    X(DOUBLE_FREE, "double-free", "DOUBLE FREE", 1) \
    X(MISUSE, "misuse", "WRONG USE", 1) \
    X(RACE, "data-race", "DATA RACE", 1) \
    X(LOCK_ORDER, "lock-order", "LOCK-ORDER INVERSION", 0) \
    X(WAIT_WITHOUT_LOOP, "wait-without-loop", "CONDITION WAITED ON WITHOUT A LOOP", 0) \
    X(LOCK_ACROSS_PARK, "lock-across-park", "LOCK HELD ACROSS A PARK", 0) \
    X(SERIAL_LOCK, "serial-lock", "ONE LOCK MAKES EVERYTHING SEQUENTIAL", 0) \
    X(HANG, "hang", "HANG OUT OF CONTROL", 0) \
    X(UNCONTROLLED, "uncontrolled", "OUT OF CONTROL", 0)

#define WEFT__CLASS_ENUM(name, word, title, failure) WEFT__CLASS_##name,
enum weft__class { WEFT__CLASSES(WEFT__CLASS_ENUM) WEFT__CLASS_COUNT };

const char *weft__class_word(enum weft__class class);
const char *weft__class_title(enum weft__class class);
bool weft__class_is_failure(enum weft__class class);

/* One side of a finding: a strand, what it does, and how it came there. */
struct weft__party {
    uint16_t strand;
    uint8_t op, size;
    uint32_t step; /* of the event in the trace; 0: none */
    weft__site site;
    uint64_t object;    /* what it waits for, or accesses */
    uint16_t holder;    /* deadlock: the strand that has it; 0xffff: nobody */
    uint16_t n_stack, n_held;
    weft__site taken;   /* deadlock: where the holder took it */
    weft__site stack[WEFT__STACK_MAX];  /* innermost first */
    uint64_t held[WEFT__HELD_MAX];      /* locks */
    weft__site held_at[WEFT__HELD_MAX];
};

struct weft__finding {
    uint32_t class; /* enum weft__class */
    uint32_t step;  /* when it was seen */
    bool confirmed; /* race, lock order: a schedule that fails by it was run */
    uint32_t tries; /* ... how many were run to make it fail; 0: unknown */
    uint8_t n_parties;
    uint64_t object;
    char text[256]; /* the assertion's words, the signal's name, what was misused */
    struct weft__party parties[4];
};

/* A strand at the end of the schedule. */
struct weft__strand_note {
    uint16_t id, parent;
    uint8_t state;      /* enum weft__strand_state of engine.h */
    uint8_t op;         /* what it would do next */
    bool is_task;       /* one of Weft's, not a thread */
    bool is_piece;      /* that its parent has forked, at spawn_site's function */
    weft__site spawn_site, function, site;
    uint32_t points;
    uint64_t object;
    char name[24];
};

/* What an address is. */
enum weft__object_kind { WEFT__OBJECT_UNKNOWN, WEFT__OBJECT_GLOBAL, WEFT__OBJECT_HEAP,
                         WEFT__OBJECT_STACK, WEFT__OBJECT_TLS };

struct weft__object_note {
    uint64_t address;
    uint8_t kind;          /* enum weft__object_kind */
    uint8_t op_kind;       /* an op done on it: tells a mutex from a channel */
    uint16_t strand;       /* whose stack; who allocated */
    weft__site site;       /* global: module and offset of it; heap: where it was allocated */
    uint64_t base, size;   /* the block's */
    uint32_t nth;          /* heap: the n-th allocation of that site */
    uint16_t n_stack;
    weft__site stack[8];   /* of the allocation */
    char name[48];         /* if the program gave it one */
};

/* A value that travelled: written here, read there. */
struct weft__pair {
    weft__site writer, reader;
};

struct weft__module {
    uint64_t base;  /* load address */
    uint64_t low, high;
    char path[232];
};

enum weft__outcome_state { WEFT__OUTCOME_RUNNING = 1, WEFT__OUTCOME_DONE };

struct weft__outcome {
    uint32_t state;       /* enum weft__outcome_state */
    int32_t exit_status;  /* of the program; -1: it did not get so far */
    uint32_t term_signal; /* that ended it, or 0 */
    uint32_t steps, points, strands, preemptions;
    uint32_t not_deterministic; /* something could not be controlled: replay may differ */
    int64_t virtual_ns;
    uint64_t trace_hash;      /* of all events, without addresses */
    uint64_t behaviour_hash;  /* of what each read saw: two schedules with one hash did the same */
    uint32_t n_findings, n_deviations, deviations_lost;
    uint32_t n_pairs, n_hot, n_strand_notes, n_object_notes, n_trace, trace_first;
    uint32_t strand_points[64];
    struct weft__finding findings[WEFT__FINDINGS_MAX];
    struct weft__pair pairs[WEFT__PAIRS_MAX];
    weft__site hot[WEFT__HOT_MAX]; /* sites that touched shared, written memory; any order */
    struct weft__strand_note strand_notes[WEFT__STRANDS_MAX];
    struct weft__object_note object_notes[WEFT__OBJECTS_MAX];
    struct weft__deviation deviations[WEFT__DEVIATIONS_MAX];
    struct weft__event trace[WEFT__TRACE_MAX]; /* a ring: event i is trace[i % WEFT__TRACE_MAX] */
};

struct weft__modules {
    uint32_t n;
    uint32_t blind; /* not 0: the program's accesses of memory are not seen */
    struct weft__module module[WEFT__MODULES_MAX];
};

/* All modules of this process, the program itself first. */
void weft__modules_fill(struct weft__modules *modules);

/* What the searcher and one runner share. */
struct weft__exchange {
    struct weft__plan plan;
    struct weft__outcome outcome;
    struct weft__modules modules;
};

/* Whoever can run a plan: a fork server, or this very process.  ctx is the runner's own.
 * 0: the outcome is filled, whatever happened in the schedule.  A code: nothing could be run. */
struct weft__runner {
    int (*run)(struct weft__runner *runner);
    struct weft__exchange *exchange;
    void *ctx;
};

#endif
