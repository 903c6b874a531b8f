/* timer_test.c - the wheel against a list that is searched from end to end.
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/timer.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "tests/test.h"

#include "core/core_probe.h"
#include "tests/crowd.h"

#define TICK_NS (INT64_C(1) << WEFT_WHEEL_TICK_BITS)

struct probe_timer {
    struct weft__timer timer;
    int64_t at, due; /* due: not before it was armed */
    bool is_armed;
    uint32_t fired;
};

static int64_t timer_clock;
static size_t timer_fired_count;

static void timer_note(struct weft__timer *timer)
{
    struct probe_timer *probe = container_of(timer, struct probe_timer, timer);
    EXPECT(probe->is_armed);
    EXPECT(probe->at <= timer_clock); /* never early */
    probe->is_armed = false;
    probe->fired++;
    timer_fired_count++;
}

static void timer_arm(struct weft__wheel *wheel, struct probe_timer *probe, int64_t at)
{
    probe->timer.call = timer_note;
    probe->at = at;
    probe->due = weft__max(at, timer_clock);
    probe->is_armed = true;
    weft__timer_start(wheel, &probe->timer, at);
}

static size_t timer_fire_all(struct weft__wheel *wheel, int64_t now)
{
    size_t fired, sum = 0;
    timer_clock = now;
    while ((fired = weft__wheel_fire(wheel, now)) > 0) {
        EXPECT(fired <= WEFT_TIMER_BATCH);
        sum += fired;
        weft__wheel_check(wheel);
    }
    return sum;
}

/* Nothing that is due is left, and the wheel knows what is next. */
static void timer_compare(struct weft__wheel *wheel, const struct probe_timer *timers, size_t n)
{
    int64_t first = WEFT_NEVER;
    size_t armed = 0;
    for (size_t i = 0; i < n; i++) {
        if (timers[i].is_armed) {
            armed++;
            first = weft__min(first, timers[i].due);
            EXPECT(timers[i].due > timer_clock - 2 * TICK_NS); /* nor late */
        }
    }
    EXPECT_EQ(wheel->count, armed);
    int64_t next = weft__wheel_next(wheel);
    EXPECT_EQ(next == WEFT_NEVER, armed == 0);
    if (armed > 0) {
        EXPECT(next <= first + weft__min(2 * TICK_NS, WEFT_NEVER - first));
    }
    weft__wheel_check(wheel);
}

/* From a nanosecond to the end of time, each magnitude as often as any other. */
static int64_t timer_random_span(struct weft__rng *rng)
{
    unsigned bits = (unsigned)weft__rng_below(rng, 62);
    return (int64_t)(weft__rng_next(rng) >> (63 - bits) >> 1);
}

static void timer_random_run(uint64_t seed)
{
    enum { TIMERS = 400, STEPS = 3000 };
    static struct probe_timer timers[TIMERS];
    static struct weft__wheel wheel;
    struct weft__rng rng;
    weft__rng_seed(&rng, seed);
    memset(timers, 0, sizeof timers);
    timer_clock = timer_random_span(&rng) / 4;
    weft__wheel_init(&wheel, timer_clock);
    for (int step = 0; step < STEPS; step++) {
        struct probe_timer *probe = &timers[weft__rng_below(&rng, TIMERS)];
        int64_t span = timer_random_span(&rng);
        int64_t room = INT64_MAX - timer_clock;
        if (probe->is_armed) {
            EXPECT(weft__timer_stop(&probe->timer));
            EXPECT(!weft__timer_stop(&probe->timer));
            probe->is_armed = false;
        } else if (weft__rng_below(&rng, 20) == 0) {
            timer_arm(&wheel, probe, timer_clock - span); /* past */
        } else {
            timer_arm(&wheel, probe, timer_clock + weft__min(span, room - 1));
        }
        if (weft__rng_below(&rng, 4) == 0) {
            timer_fire_all(&wheel, timer_clock + weft__min(timer_random_span(&rng), room) / 64);
            timer_compare(&wheel, timers, TIMERS);
        }
    }
    timer_fire_all(&wheel, WEFT_NEVER - 1);
    EXPECT_EQ(wheel.count, 0);
}

TEST(timer_random_against_a_list)
{
    for (int seed = 0; seed < TEST_ROUNDS(20, 2000); seed++) {
        timer_random_run((uint64_t)seed);
    }
}

/* Each level, each side of its borders. */
TEST(timer_each_level)
{
    static struct weft__wheel wheel;
    for (unsigned bits = 0; bits < 63; bits++) {
        for (int64_t off = -1; off <= 1; off++) {
            struct probe_timer probe = {.is_armed = false};
            int64_t at = (INT64_C(1) << bits) + off;
            weft__wheel_init(&wheel, 0);
            timer_arm(&wheel, &probe, at);
            if (at > TICK_NS) {
                EXPECT_EQ(timer_fire_all(&wheel, at - 1), 0);
                timer_compare(&wheel, &probe, 1);
            }
            timer_fire_all(&wheel, at + TICK_NS);
            EXPECT_EQ(probe.fired, 1);
            EXPECT_EQ(weft__wheel_next(&wheel), WEFT_NEVER);
        }
    }
}

/* The last moments that an int64_t can name: not reached, and nobody is got up for them. */
TEST(timer_at_the_end_of_time)
{
    static struct weft__wheel wheel;
    struct probe_timer probes[5] = {{.is_armed = false}};
    weft__wheel_init(&wheel, 12345678);
    for (int i = 0; i < 5; i++) {
        timer_arm(&wheel, &probes[i], INT64_MAX - 1 - i * 700);
        EXPECT(a_load(&wheel.next_at, relaxed) > INT64_MAX - 10 * TICK_NS);
    }
    EXPECT_EQ(timer_fire_all(&wheel, INT64_MAX / 2), 0);
    EXPECT(weft__wheel_next(&wheel) > INT64_MAX - 10 * TICK_NS);
    weft__wheel_check(&wheel);
    for (int i = 0; i < 5; i++) {
        EXPECT(weft__timer_stop(&probes[i].timer));
    }
}

/* Two far timers beyond one turn of the eighth level: each in its own year. */
TEST(timer_decades)
{
    static struct weft__wheel wheel;
    struct probe_timer probes[4] = {{.is_armed = false}};
    const int64_t year = 365 * 24 * 3600 * WEFT_SECOND;
    weft__wheel_init(&wheel, 1000);
    for (int i = 0; i < 4; i++) {
        timer_arm(&wheel, &probes[i], (i + 1) * 7 * year);
    }
    for (int i = 0; i < 4; i++) {
        int64_t next = weft__wheel_next(&wheel);
        EXPECT(next >= probes[i].at && next < probes[i].at + 2 * TICK_NS);
        EXPECT_EQ(timer_fire_all(&wheel, next - 2 * TICK_NS), 0);
        EXPECT_EQ(timer_fire_all(&wheel, next), 1);
        EXPECT_EQ(probes[i].fired, 1);
    }
}

/* More than a batch due at the border of a slot of a higher level, others just behind them. */
TEST(timer_batch_at_a_border)
{
    enum { DUE = 3 * WEFT_TIMER_BATCH + 10 };
    static struct probe_timer due[DUE], later[8];
    static struct weft__wheel wheel;
    for (unsigned level = 1; level < 5; level++) {
        int64_t border = TICK_NS << (WEFT_WHEEL_BITS * level);
        weft__wheel_init(&wheel, 5);
        memset(due, 0, sizeof due);
        memset(later, 0, sizeof later);
        for (int i = 0; i < 4; i++) {
            timer_arm(&wheel, &later[i], border + (i + 1) * (border / 9));
        }
        for (size_t i = 0; i < DUE; i++) {
            timer_arm(&wheel, &due[i], border - (int64_t)(i % 3));
        }
        for (int i = 4; i < 8; i++) {
            timer_arm(&wheel, &later[i], border + (i + 1) * 5 * TICK_NS);
        }
        timer_clock = border;
        for (size_t left = DUE; left > 0;) {
            EXPECT(a_load(&wheel.next_at, relaxed) <= border); /* whoever looks sees the rest */
            size_t fired = weft__wheel_fire(&wheel, border);
            EXPECT_EQ(fired, weft__min(left, (size_t)WEFT_TIMER_BATCH));
            weft__wheel_check(&wheel);
            left -= fired;
        }
        EXPECT_EQ(weft__wheel_fire(&wheel, border), 0);
        EXPECT_EQ(timer_fire_all(&wheel, 2 * border + 100 * TICK_NS), 8);
    }
}

TEST(timer_hundred_thousand)
{
    enum { TIMERS = 100 * 1000, STEP = WEFT_MS };
    struct probe_timer *timers = weft__alloc_zero(TIMERS * sizeof *timers);
    static struct weft__wheel wheel;
    struct weft__rng rng;
    EXPECT(timers != NULL);
    weft__rng_seed(&rng, 7);
    weft__wheel_init(&wheel, 0);
    for (size_t i = 0; i < TIMERS; i++) {
        timer_arm(&wheel, &timers[i], (int64_t)weft__rng_below(&rng, 2 * WEFT_SECOND));
    }
    weft__wheel_check(&wheel);
    for (size_t i = 0; i < TIMERS; i += 3) {
        EXPECT(weft__timer_stop(&timers[i].timer));
        timers[i].is_armed = false;
    }
    timer_fired_count = 0;
    size_t seen = 0;
    for (int64_t now = 0; now <= 2 * WEFT_SECOND + STEP; now += STEP) {
        timer_clock = now;
        size_t fired;
        while ((fired = weft__wheel_fire(&wheel, now)) > 0) {
            seen += fired;
        }
    }
    EXPECT_EQ(seen, TIMERS - (TIMERS + 2) / 3);
    EXPECT_EQ(timer_fired_count, seen);
    EXPECT_EQ(wheel.count, 0);
    weft__free(timers);
}

/* ---- stopping what is just being fired ---- */

enum { RACE_THREADS = 3, RACE_ROUNDS = 20000 };

struct race_timer {
    struct weft__timer timer;
    ATOMIC(uint32_t) state; /* 1: its call runs */
    ATOMIC(uint32_t) calls;
};

static struct weft__wheel race_wheel;
static ATOMIC(uint32_t) race_left;

static void race_call(struct weft__timer *timer)
{
    struct race_timer *race = container_of(timer, struct race_timer, timer);
    a_store(&race->state, 1, seq_cst);
    a_add(&race->calls, 1, relaxed);
    a_store(&race->state, 0, seq_cst);
}

static void race_member(size_t index, void *arg)
{
    (void)arg;
    if (index == 0) {
        for (int64_t now = 0; a_load(&race_left, acquire) > 0; now += TICK_NS / 4) {
            weft__wheel_fire(&race_wheel, now);
        }
        return;
    }
    for (int i = 0; i < RACE_ROUNDS; i++) {
        struct race_timer race;
        memset(&race, 0, sizeof race);
        race.timer.call = race_call;
        weft__timer_start(&race_wheel, &race.timer, 1); /* due at once */
        for (int spin = i % 50; spin > 0; spin--) {
            a_relax();
        }
        bool was_armed = weft__timer_stop(&race.timer);
        EXPECT_EQ(a_load(&race.state, seq_cst), 0); /* its call is over, or never was */
        EXPECT_EQ(a_load(&race.calls, relaxed), was_armed ? 0 : 1);
    }
    a_sub(&race_left, 1, release);
}

TEST(timer_stop_waits_for_the_call)
{
    weft__wheel_init(&race_wheel, 0);
    a_store(&race_left, RACE_THREADS - 1, relaxed);
    crowd_run(RACE_THREADS, race_member, NULL);
    EXPECT_EQ(race_wheel.count, 0);
    weft__wheel_check(&race_wheel);
}
