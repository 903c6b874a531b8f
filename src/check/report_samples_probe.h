/* report_samples_probe.h - reports of what strands do to each other, as the engine would fill them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_REPORT_SAMPLES_PROBE_H
#define WEFT_CHECK_REPORT_SAMPLES_PROBE_H

#include "check/report_probe.h"

/* ---- an assertion after a lost update ---- */

static const char *const sample_lost_lines[] = {
    "|#include <assert.h>",
    "|static int x;",
    "adder|static void *adder(void *arg)",
    "adder|{",
    "adder|x++;",
    "adder|return arg;",
    "|}",
    "main|int main(void)",
    "main|{",
    "main|pthread_create(&a, NULL, adder, NULL);",
    "main|pthread_create(&b, NULL, adder, NULL);",
    "main|pthread_join(a, NULL);",
    "main|pthread_join(b, NULL);",
    "main|assert(x == 2);",
};
static const char *const sample_lost_variables[] = {"x"};

static void sample_lost_update(struct sample *s)
{
    uint64_t x = SAMPLE_ADDRESS(0);
    struct weft__party *party;

    SAMPLE_INIT(s, "lost.c", sample_lost_lines, sample_lost_variables);
    sample_found(s, WEFT__CLASS_ASSERT, 7, 1);
    sample_strand(s, 0, 8, 0, WEFT__STRAND_LIVE);
    sample_strand(s, 0, 3, 10, WEFT__STRAND_ENDED);
    sample_strand(s, 0, 3, 11, WEFT__STRAND_ENDED);
    sample_event(s, 0, 10, WEFT__OP_SPAWN, 2, 0, 0);
    sample_event(s, 0, 11, WEFT__OP_SPAWN, 3, 0, 0);
    sample_event(s, 1, 3, WEFT__OP_BEGIN, 2, 0, 0);
    s->report->critical.first_step = sample_access(s, 1, 5, WEFT__OP_READ, x, 0);
    sample_event(s, 2, 3, WEFT__OP_BEGIN, 3, 0, 0);
    sample_access(s, 2, 5, WEFT__OP_READ, x, 0);
    s->report->critical.second_step = sample_access(s, 2, 5, WEFT__OP_WRITE, x, 1);
    sample_event(s, 2, 6, WEFT__OP_END, 3, 0, 0);
    sample_access(s, 1, 5, WEFT__OP_WRITE, x, 1);
    sample_preempted(s);
    sample_event(s, 1, 6, WEFT__OP_END, 2, 0, 0);
    sample_event(s, 0, 12, WEFT__OP_JOIN, 2, WEFT__EVENT_WAITED, 0);
    sample_event(s, 0, 13, WEFT__OP_JOIN, 3, 0, 0);
    sample_access(s, 0, 14, WEFT__OP_READ, x, 1);
    s->report->critical.known = true;
    s->report->critical.opposite_runs = 100;
    s->report->result.schedules = 1000;
    s->report->result.failing = 311;
    party = sample_party(s, 0, 14, WEFT__OP_READ, x);
    party->step = s->outcome->steps;
    snprintf(s->report->finding.text, sizeof s->report->finding.text, "%s",
             "lost.c:14: main: Assertion `x == 2' failed.");
}

/* ---- AB-BA ---- */

static const char *const sample_abba_lines[] = {
    "|static pthread_mutex_t a, b;",
    "one|static void *one(void *arg)",
    "one|{",
    "one|pthread_mutex_lock(&a);",
    "one|pthread_mutex_lock(&b);",
    "one|pthread_mutex_unlock(&b);",
    "one|pthread_mutex_unlock(&a);",
    "two|static void *two(void *arg)",
    "two|{",
    "two|pthread_mutex_lock(&b);",
    "two|pthread_mutex_lock(&a);",
    "two|pthread_mutex_unlock(&a);",
    "two|pthread_mutex_unlock(&b);",
    "main|int main(void)",
    "main|pthread_create(&t1, NULL, one, NULL);",
    "main|pthread_create(&t2, NULL, two, NULL);",
    "main|pthread_join(t1, NULL);",
};
static const char *const sample_abba_variables[] = {"a", "b"};

static void sample_hold(struct weft__party *party, uint64_t lock, weft__site taken)
{
    party->held[party->n_held] = lock;
    party->held_at[party->n_held++] = taken;
}

static void sample_deadlock(struct sample *s)
{
    uint64_t a = SAMPLE_ADDRESS(0), b = SAMPLE_ADDRESS(1);
    struct weft__party *party;

    SAMPLE_INIT(s, "abba.c", sample_abba_lines, sample_abba_variables);
    sample_found(s, WEFT__CLASS_DEADLOCK, 10, 1);
    sample_strand(s, 0, 14, 0, WEFT__STRAND_LIVE);
    sample_strand(s, 0, 2, 15, WEFT__STRAND_LIVE);
    sample_strand(s, 0, 8, 16, WEFT__STRAND_LIVE);
    s->outcome->strand_notes[0].op = WEFT__OP_JOIN;
    s->outcome->strand_notes[0].object = 2;
    s->outcome->strand_notes[0].site = 17;
    s->outcome->strand_notes[1].op = WEFT__OP_MUTEX_LOCK;
    s->outcome->strand_notes[1].object = b;
    sample_event(s, 0, 15, WEFT__OP_SPAWN, 2, 0, 0);
    sample_event(s, 0, 16, WEFT__OP_SPAWN, 3, 0, 0);
    sample_event(s, 1, 2, WEFT__OP_BEGIN, 2, 0, 0);
    sample_event(s, 1, 4, WEFT__OP_MUTEX_LOCK, a, 0, 0);
    sample_event(s, 2, 8, WEFT__OP_BEGIN, 3, 0, 0);
    sample_event(s, 2, 10, WEFT__OP_MUTEX_LOCK, b, 0, 0);
    s->outcome->deviations[s->outcome->n_deviations++] = (struct weft__deviation){
        .strand = 1, .kind = WEFT__CHOICE_STRAND, .site = 5, .nth = 1, .pick = 2};
    party = sample_party(s, 1, 5, WEFT__OP_MUTEX_LOCK, b);
    party->holder = 2;
    party->taken = 10;
    sample_hold(party, a, 4);
    party = sample_party(s, 2, 11, WEFT__OP_MUTEX_LOCK, a);
    party->holder = 1;
    party->taken = 4;
    sample_hold(party, b, 10);
}

/* ---- a signal before the wait ---- */

static const char *const sample_missed_lines[] = {
    "|static bool ready;",
    "|static pthread_mutex_t m;",
    "|static pthread_cond_t c;",
    "waiter|static void *waiter(void *arg)",
    "waiter|if (!ready) {",
    "waiter|pthread_mutex_lock(&m);",
    "waiter|pthread_cond_wait(&c, &m); /* may come too late: the flag was read without the lock */",
    "setter|static void *setter(void *arg)",
    "setter|ready = true;",
    "setter|pthread_mutex_lock(&m);",
    "setter|pthread_cond_signal(&c);",
    "setter|pthread_mutex_unlock(&m);",
    "main|int main(void)",
    "main|start(&t1, waiter);",
    "main|start(&t2, setter);",
    "main|pthread_join(t1, NULL);",
};
static const char *const sample_missed_variables[] = {"ready", "m", "c"};

static void sample_lost_wakeup(struct sample *s)
{
    uint64_t ready = SAMPLE_ADDRESS(0), m = SAMPLE_ADDRESS(1), c = SAMPLE_ADDRESS(2);

    SAMPLE_INIT(s, "missed.c", sample_missed_lines, sample_missed_variables);
    sample_found(s, WEFT__CLASS_LOST_WAKEUP, 5, 1);
    sample_strand(s, 0, 13, 0, WEFT__STRAND_LIVE);
    sample_strand(s, 0, 4, 14, WEFT__STRAND_LIVE);
    sample_strand(s, 0, 8, 15, WEFT__STRAND_ENDED);
    s->outcome->strand_notes[0].op = WEFT__OP_JOIN;
    s->outcome->strand_notes[0].object = 2;
    s->outcome->strand_notes[0].site = 16;
    sample_event(s, 0, 14, WEFT__OP_SPAWN, 2, 0, 0);
    sample_event(s, 0, 15, WEFT__OP_SPAWN, 3, 0, 0);
    sample_event(s, 1, 4, WEFT__OP_BEGIN, 2, 0, 0);
    s->report->critical.first_step = sample_access(s, 1, 5, WEFT__OP_READ, ready, 0);
    sample_event(s, 2, 8, WEFT__OP_BEGIN, 3, 0, 0);
    sample_access(s, 2, 9, WEFT__OP_WRITE, ready, 1);
    sample_event(s, 2, 10, WEFT__OP_MUTEX_LOCK, m, 0, 0);
    s->report->critical.second_step = sample_event(s, 2, 11, WEFT__OP_COND_SIGNAL, c, 0, 0);
    sample_event(s, 2, 12, WEFT__OP_MUTEX_UNLOCK, m, 0, 0);
    sample_event(s, 2, 12, WEFT__OP_END, 3, 0, 0);
    sample_event(s, 1, 6, WEFT__OP_MUTEX_LOCK, m, 0, 0);
    sample_preempted(s);
    sample_event(s, 1, 7, WEFT__OP_COND_WAIT, c, 0, m);
    s->report->critical.known = true;
    s->report->critical.opposite_runs = 100;
    s->report->finding.object = c;
    sample_party(s, 1, 7, WEFT__OP_COND_WAKE, c)->step = s->outcome->steps;
}

/* ---- two that give way to each other for ever ---- */

static const char *const sample_polite_lines[] = {
    "polite|static void *polite(void *arg)",
    "polite|atomic_store(&wants[me], 1);",
    "polite|while (atomic_load(&wants[1 - me])) {",
    "polite|atomic_store(&wants[me], 0);",
    "polite|sched_yield();",
    "main|int main(void)",
};
static const char *const sample_polite_variables[] = {"wants"};

static void sample_livelock(struct sample *s)
{
    uint64_t wants = SAMPLE_ADDRESS(0);

    SAMPLE_INIT(s, "polite.c", sample_polite_lines, sample_polite_variables);
    sample_found(s, WEFT__CLASS_LIVELOCK, 3, 2);
    s->report->result.preemptions_minimal = false;
    s->report->replays_same = 99;
    sample_strand(s, 0, 6, 0, WEFT__STRAND_LIVE);
    sample_strand(s, 0, 1, 6, WEFT__STRAND_LIVE);
    sample_strand(s, 0, 1, 6, WEFT__STRAND_LIVE);
    s->outcome->object_notes[1] = s->outcome->object_notes[0];
    s->outcome->object_notes[1].address += 4;
    s->outcome->object_notes[1].site += 4;
    s->outcome->n_object_notes = 2;
    for (int round = 0; round < 10000; round++) {
        for (uint16_t me = 0; me < 2; me++)
            sample_access(s, 1 + me, 2, WEFT__OP_ATOMIC_STORE, wants + 4 * me, 1);
        for (uint16_t me = 0; me < 2; me++)
            sample_access(s, 1 + me, 3, WEFT__OP_ATOMIC_LOAD, wants + 4 * (1 - me), 1);
        for (uint16_t me = 0; me < 2; me++) {
            sample_access(s, 1 + me, 4, WEFT__OP_ATOMIC_STORE, wants + 4 * me, 0);
            sample_event(s, 1 + me, 5, WEFT__OP_YIELD, 0, 0, 0);
        }
    }
    sample_party(s, 1, 3, WEFT__OP_ATOMIC_LOAD, wants + 4);
    sample_party(s, 2, 3, WEFT__OP_ATOMIC_LOAD, wants);
    snprintf(s->report->finding.text, sizeof s->report->finding.text, "%s",
             "for 60000 steps nothing happened that had not happened before");
}

#endif
