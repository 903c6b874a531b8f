/* toy_programs_test.c - small wrong programs for the toy world, each with one classic bug.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/toy_probe.h"

#include "tests/test.h"

/* ---- two strands, one window ---- */

static void toy_bump(struct toy *t, int arg)
{
    (void)arg;
    int64_t x = LOAD(0);
    STORE(0, x + 1);
}

static void toy_lost_update(struct toy *t, int arg)
{
    (void)arg;
    SPAWN(toy_bump, 0);
    SPAWN(toy_bump, 0);
    JOIN_ALL();
    ASSERT(LOAD(0) == 2);
}

/* The right twin. */
static void toy_bump_locked(struct toy *t, int arg)
{
    (void)arg;
    LOCK(1);
    int64_t x = LOAD(0);
    STORE(0, x + 1);
    UNLOCK(1);
}

void toy_right_update(struct toy *t, int arg)
{
    (void)arg;
    SPAWN(toy_bump_locked, 0);
    SPAWN(toy_bump_locked, 0);
    JOIN_ALL();
    ASSERT(LOAD(0) == 2);
}

static void toy_init_once(struct toy *t, int arg)
{
    (void)arg;
    if (LOAD(0) == 0) {
        STORE(1, LOAD(1) + 1);
        STORE(0, 1);
    }
}

static void toy_check_then_act(struct toy *t, int arg)
{
    (void)arg;
    SPAWN(toy_init_once, 0);
    SPAWN(toy_init_once, 0);
    JOIN_ALL();
    ASSERT(LOAD(1) == 1);
}

/* Read under the lock, written under the lock, but not in one hold. */
static void toy_deposit(struct toy *t, int arg)
{
    LOCK(1);
    int64_t balance = LOAD(0);
    UNLOCK(1);
    LOCK(1);
    STORE(0, balance + arg);
    UNLOCK(1);
}

static void toy_account(struct toy *t, int arg)
{
    (void)arg;
    SPAWN(toy_deposit, 10);
    SPAWN(toy_deposit, 20);
    SPAWN(toy_deposit, 30);
    JOIN_ALL();
    LOCK(1);
    int64_t balance = LOAD(0);
    UNLOCK(1);
    ASSERT(balance == 60);
}

static void toy_publisher(struct toy *t, int arg)
{
    (void)arg;
    STORE(0, 1); /* the pointer, too early */
    STORE(1, 42);
}

static void toy_subscriber(struct toy *t, int arg)
{
    (void)arg;
    if (LOAD(0) != 0)
        ASSERT(LOAD(1) == 42);
}

static void toy_publication(struct toy *t, int arg)
{
    (void)arg;
    SPAWN(toy_publisher, 0);
    SPAWN(toy_subscriber, 0);
    JOIN_ALL();
}

static void toy_stopper(struct toy *t, int arg)
{
    (void)arg;
    STORE(0, 1);          /* stopping */
    if (ADD(1, -1) == 1)  /* pending work */
        STORE(2, 1);      /* stopped */
    DOWN(3);
    STORE(4, 1);          /* torn down */
}

static void toy_worker(struct toy *t, int arg)
{
    (void)arg;
    if (LOAD(0) == 0) {
        ADD(1, 1);
        ASSERT(LOAD(2) == 0);
        if (ADD(1, -1) == 1)
            STORE(2, 1);
    }
    UP(3);
}

static void toy_driver_stop(struct toy *t, int arg)
{
    (void)arg;
    STORE(1, 1);
    SPAWN(toy_worker, 0);
    toy_stopper(t, 0);
    JOIN_ALL();
}

/* ---- locks and conditions ---- */

static void toy_two_locks(struct toy *t, int arg)
{
    LOCK(arg);
    LOCK(1 - arg);
    UNLOCK(1 - arg);
    UNLOCK(arg);
}

static void toy_inversion(struct toy *t, int arg)
{
    (void)arg;
    SPAWN(toy_two_locks, 0);
    SPAWN(toy_two_locks, 1);
    JOIN_ALL();
}

static void toy_eat(struct toy *t, int arg)
{
    int n = arg / 100, i = arg % 100;

    for (int meal = 0; meal < 2; meal++) {
        LOCK(i);
        LOCK((i + 1) % n);
        UNLOCK((i + 1) % n);
        UNLOCK(i);
    }
}

static void toy_philosophers(struct toy *t, int n)
{
    for (int i = 0; i < n; i++)
        SPAWN(toy_eat, n * 100 + i);
    JOIN_ALL();
}

static void toy_philosophers_3(struct toy *t, int arg)
{
    (void)arg;
    toy_philosophers(t, 3);
}

static void toy_philosophers_7(struct toy *t, int arg)
{
    (void)arg;
    toy_philosophers(t, 7);
}

static void toy_sleeper(struct toy *t, int arg)
{
    (void)arg;
    if (LOAD(0) == 0) {
        LOCK(1);
        WAIT(2, 1);
        UNLOCK(1);
    }
}

static void toy_waker(struct toy *t, int arg)
{
    (void)arg;
    STORE(0, 1);
    LOCK(1);
    SIGNAL(2);
    UNLOCK(1);
}

static void toy_missed_signal(struct toy *t, int arg)
{
    (void)arg;
    SPAWN(toy_sleeper, 0);
    SPAWN(toy_waker, 0);
    JOIN_ALL();
}

/* One condition for both sides, and `if`: room for one item. */
static void toy_produce(struct toy *t, int arg)
{
    for (int i = 0; i < arg; i++) {
        LOCK(0);
        if (LOAD(1) == 1)
            WAIT(2, 0);
        int64_t n = LOAD(1);
        ASSERT(n == 0);
        STORE(1, n + 1);
        SIGNAL(2);
        UNLOCK(0);
    }
}

static void toy_consume(struct toy *t, int arg)
{
    for (int i = 0; i < arg; i++) {
        LOCK(0);
        if (LOAD(1) == 0)
            WAIT(2, 0);
        int64_t n = LOAD(1);
        ASSERT(n == 1);
        STORE(1, n - 1);
        SIGNAL(2);
        UNLOCK(0);
    }
}

static void toy_buffer_if(struct toy *t, int arg)
{
    (void)arg;
    SPAWN(toy_produce, 2);
    SPAWN(toy_produce, 2);
    SPAWN(toy_consume, 2);
    SPAWN(toy_consume, 2);
    JOIN_ALL();
}

/* With loops, but signal where broadcast is needed: the wrong side may be woken. */
static void toy_put(struct toy *t, int arg)
{
    for (int i = 0; i < arg; i++) {
        LOCK(0);
        while (LOAD(1) == 1)
            WAIT(2, 0);
        STORE(1, 1);
        SIGNAL(2);
        UNLOCK(0);
    }
}

static void toy_get(struct toy *t, int arg)
{
    for (int i = 0; i < arg; i++) {
        LOCK(0);
        while (LOAD(1) == 0)
            WAIT(2, 0);
        STORE(1, 0);
        SIGNAL(2);
        UNLOCK(0);
    }
}

static void toy_stolen_wakeup(struct toy *t, int arg)
{
    (void)arg;
    SPAWN(toy_put, 2);
    SPAWN(toy_put, 2);
    SPAWN(toy_get, 2);
    SPAWN(toy_get, 2);
    JOIN_ALL();
}

/* ---- lock-free ---- */

/* A stack of the nodes 10..13 as cells (value: the next one); 9 is its head.  Nodes are used
 * again. */
static int64_t toy_pop(struct toy *t)
{
    int64_t head, next;

    do {
        head = LOAD(9);
        if (head == 0)
            return 0;
        next = LOAD(head);
    } while (!CAS(9, head, next));
    return head;
}

static void toy_push(struct toy *t, int64_t node)
{
    int64_t head;

    do {
        head = LOAD(9);
        STORE(node, head);
    } while (!CAS(9, head, node));
}

static void toy_popper(struct toy *t, int arg)
{
    (void)arg;
    int64_t node = toy_pop(t);
    if (node != 0)
        ASSERT(ADD(node + 10, 1) == 0); /* nobody else owns it */
}

static void toy_swapper(struct toy *t, int arg)
{
    (void)arg;
    int64_t a = toy_pop(t), b = toy_pop(t);

    if (b != 0)
        ASSERT(ADD(b + 10, 1) == 0);
    if (a != 0)
        toy_push(t, a);
}

static void toy_aba(struct toy *t, int arg)
{
    (void)arg;
    STORE(9, 10);
    STORE(10, 11);
    STORE(11, 12);
    SPAWN(toy_popper, 0);
    SPAWN(toy_swapper, 0);
    JOIN_ALL();
    int64_t node = toy_pop(t);
    if (node != 0)
        ASSERT(LOAD(node + 10) == 0);
}

/* An owner's end and a thief's end, without the care for the last item: 0 head, 1 tail. */
static void toy_thief(struct toy *t, int arg)
{
    for (int i = 0; i < arg; i++) {
        int64_t head = LOAD(0);
        if (head < LOAD(1) && CAS(0, head, head + 1))
            ASSERT(ADD(20 + head, 1) == 0);
    }
}

static void toy_owner(struct toy *t, int arg)
{
    for (int i = 0; i < arg; i++)
        STORE(1, LOAD(1) + 1);
    for (int i = 0; i < arg; i++) {
        int64_t tail = LOAD(1) - 1;
        int64_t head = LOAD(0); /* too early: before the tail is drawn back */
        STORE(1, tail);
        if (head < tail)
            ASSERT(ADD(20 + tail, 1) == 0);
        else
            STORE(1, tail + 1);
    }
}

static void toy_stealing(struct toy *t, int arg)
{
    (void)arg;
    SPAWN(toy_owner, 4);
    SPAWN(toy_thief, 4);
    JOIN_ALL();
}

static void toy_drop(struct toy *t, int arg)
{
    (void)arg;
    int64_t n = LOAD(0) - 1;
    STORE(0, n);
    if (n == 0)
        ADD(1, 1);
}

static void toy_refcount(struct toy *t, int arg)
{
    (void)arg;
    STORE(0, 3);
    SPAWN(toy_drop, 0);
    SPAWN(toy_drop, 0);
    toy_drop(t, 0);
    JOIN_ALL();
    ASSERT(LOAD(1) == 1);
}

/* ---- many strands ---- */

static void toy_setter(struct toy *t, int arg)
{
    (void)arg;
    STORE(0, 1);
    STORE(1, -1);
}

static void toy_checker(struct toy *t, int arg)
{
    (void)arg;
    bool both_unset = LOAD(0) == 0 && LOAD(1) == 0;
    if (!both_unset)
        ASSERT(LOAD(0) == 1 && LOAD(1) == -1);
}

static void toy_reorder(struct toy *t, int n)
{
    for (int i = 0; i < n; i++)
        SPAWN(toy_setter, 0);
    SPAWN(toy_checker, 0);
    JOIN_ALL();
}

static void toy_reorder_3(struct toy *t, int arg)
{
    (void)arg;
    toy_reorder(t, 3);
}

static void toy_reorder_20(struct toy *t, int arg)
{
    (void)arg;
    toy_reorder(t, 20);
}

static void toy_reorder_100(struct toy *t, int arg)
{
    (void)arg;
    toy_reorder(t, 100);
}

static void toy_stager(struct toy *t, int arg)
{
    (void)arg;
    LOCK(2);
    STORE(0, 1);
    UNLOCK(2);
    LOCK(3);
    STORE(1, LOAD(0) + 1);
    UNLOCK(3);
}

static void toy_stage_reader(struct toy *t, int arg)
{
    (void)arg;
    LOCK(2);
    int64_t first = LOAD(0);
    UNLOCK(2);
    if (first == 0)
        return;
    LOCK(3);
    int64_t second = LOAD(1);
    UNLOCK(3);
    ASSERT(second == first + 1);
}

static void toy_twostage(struct toy *t, int n)
{
    for (int i = 0; i < n; i++)
        SPAWN(toy_stager, 0);
    SPAWN(toy_stage_reader, 0);
    JOIN_ALL();
}

static void toy_twostage_2(struct toy *t, int arg)
{
    (void)arg;
    toy_twostage(t, 2);
}

static void toy_twostage_20(struct toy *t, int arg)
{
    (void)arg;
    toy_twostage(t, 20);
}

static void toy_twostage_100(struct toy *t, int arg)
{
    (void)arg;
    toy_twostage(t, 100);
}

/* ---- deep ---- */

/* Each step needs the other strand's: three switches at the right places. */
static void toy_ping(struct toy *t, int arg)
{
    (void)arg;
    STORE(0, 1);
    if (LOAD(1) == 1) {
        STORE(2, 1);
        if (LOAD(3) == 1)
            STORE(4, 1);
    }
}

static void toy_pong(struct toy *t, int arg)
{
    (void)arg;
    if (LOAD(0) == 1) {
        STORE(1, 1);
        if (LOAD(2) == 1) {
            STORE(3, 1);
            ASSERT(LOAD(4) == 0);
        }
    }
}

static void toy_ladder(struct toy *t, int arg)
{
    (void)arg;
    SPAWN(toy_ping, 0);
    SPAWN(toy_pong, 0);
    JOIN_ALL();
}

/* A narrow window late in a long loop. */
static void toy_counter(struct toy *t, int arg)
{
    for (int i = 0; i < 30; i++) {
        ADD(0, 1);
        if (arg == 0 && i == 20) {
            STORE(1, 1);
            STORE(1, 0);
        }
        if (arg == 1 && i == 10)
            ASSERT(LOAD(1) == 0);
    }
}

static void toy_late_window(struct toy *t, int arg)
{
    (void)arg;
    SPAWN(toy_counter, 0);
    SPAWN(toy_counter, 1);
    JOIN_ALL();
}

/* Waits for the flag by yielding; the assertion needs the other order of two stores. */
static void toy_spinner(struct toy *t, int arg)
{
    (void)arg;
    while (LOAD(0) == 0)
        YIELD();
    ASSERT(LOAD(1) == 1);
}

static void toy_flag(struct toy *t, int arg)
{
    (void)arg;
    STORE(0, 1);
    STORE(1, 1);
}

static void toy_spin(struct toy *t, int arg)
{
    (void)arg;
    SPAWN(toy_spinner, 0);
    SPAWN(toy_flag, 0);
    JOIN_ALL();
}

const struct toy_program toy_programs[] = {
    {"lost_update", toy_lost_update, WEFT__CLASS_ASSERT},
    {"check_then_act", toy_check_then_act, WEFT__CLASS_ASSERT},
    {"account", toy_account, WEFT__CLASS_ASSERT},
    {"publication", toy_publication, WEFT__CLASS_ASSERT},
    {"driver_stop", toy_driver_stop, WEFT__CLASS_ASSERT},
    {"inversion", toy_inversion, WEFT__CLASS_DEADLOCK},
    {"philosophers_3", toy_philosophers_3, WEFT__CLASS_DEADLOCK},
    {"philosophers_7", toy_philosophers_7, WEFT__CLASS_DEADLOCK},
    {"missed_signal", toy_missed_signal, WEFT__CLASS_LOST_WAKEUP},
    {"buffer_if", toy_buffer_if, WEFT__CLASS_NONE}, /* an assertion, or all wait */
    {"stolen_wakeup", toy_stolen_wakeup, WEFT__CLASS_LOST_WAKEUP},
    {"aba", toy_aba, WEFT__CLASS_ASSERT},
    {"stealing", toy_stealing, WEFT__CLASS_ASSERT},
    {"refcount", toy_refcount, WEFT__CLASS_ASSERT},
    {"reorder_3", toy_reorder_3, WEFT__CLASS_ASSERT},
    {"reorder_20", toy_reorder_20, WEFT__CLASS_ASSERT},
    {"reorder_100", toy_reorder_100, WEFT__CLASS_ASSERT},
    {"twostage_2", toy_twostage_2, WEFT__CLASS_ASSERT},
    {"twostage_20", toy_twostage_20, WEFT__CLASS_ASSERT},
    {"twostage_100", toy_twostage_100, WEFT__CLASS_ASSERT},
    {"ladder", toy_ladder, WEFT__CLASS_ASSERT},
    {"late_window", toy_late_window, WEFT__CLASS_ASSERT},
    {"spin", toy_spin, WEFT__CLASS_ASSERT},
};

const size_t toy_programs_n = WEFT_ARRAY_SIZE(toy_programs);

toy_body *toy_program(const char *name)
{
    for (size_t i = 0; i < toy_programs_n; i++) {
        if (strcmp(toy_programs[i].name, name) == 0)
            return toy_programs[i].body;
    }
    test_fail(__FILE__, __LINE__, "no toy program %s", name);
}
