/* report_test.c - what a report says, word by word.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/fault.h"
#include "check/report_others_probe.h"
#include "weft/err.h"

/* An assertion, at last; main has one row only and so no column. */
static const char report_test_lost_update[] =
    "ASSERTION FAILED  lost.c:14: main: Assertion `x == 2' failed.\n"
    "found: schedule 7 of 1000 (0.012 s), 1 preemption (proven minimal), 100/100\n"
    "       replays identical; 31 % of schedules fail\n"
    "\n"
    "lost.c\n"
    "      T1 adder                                T2 adder\n"
    "A   5 x++;                      reads 0\n"
    "      ⇄ preempted here\n"
    "                                        B   5 x++;            reads 0, writes 1\n"
    "    5 x++;                     writes 1\n"
    "      T0 main\n"
    "✗  14 assert(x == 2);                      reads 1\n"
    "      ← the assertion fails\n"
    "\n"
    "why: fails iff A (T1 reads x = 0, lost.c:5) happens before B (T2 writes x := 1,\n"
    "     lost.c:5); with the opposite order all 100 runs pass\n"
    "\n"
    "replay: weft replay w1-abcdefgh\n";

TEST(report_lost_update)
{
    struct sample s;

    sample_lost_update(&s);
    sample_expect(&s, 80, report_test_lost_update);
    sample_free(&s);
}

/* Who waits for whom; the preempted strand never came back. */
static const char report_test_deadlock[] =
    "DEADLOCK (2 threads, 2 locks)\n"
    "  T1 waits to lock b (abba.c:5), T2 to lock a (abba.c:11)\n"
    "found: schedule 10 of 10 (0.012 s), 1 preemption (proven minimal), 100/100\n"
    "       replays identical\n"
    "\n"
    "abba.c\n"
    "      T1 one                                  T2 two\n"
    "    4 pthread_mutex_lock(&a);   locks a\n"
    "      ⇄ preempted here\n"
    "                                           10 pthread_mutex_lock(&b);   locks b\n"
    "✗   5 pthread_mutex_lock(&b);\n"
    "        waits to lock b\n"
    "      ← held by T2: for ever\n"
    "                                        ✗  11 pthread_mutex_lock(&a);\n"
    "                                                waits to lock a\n"
    "                                              ← held by T1: for ever\n"
    "\n"
    "who waits for whom\n"
    "  T1 one waits to lock b\n"
    "    #0 one (abba.c:5)\n"
    "    b is held by T2, taken at two (abba.c:10)\n"
    "    holds a, taken at one (abba.c:4)\n"
    "  T2 two waits to lock a\n"
    "    #0 two (abba.c:11)\n"
    "    a is held by T1, taken at one (abba.c:4)\n"
    "    holds b, taken at two (abba.c:10)\n"
    "  T0 main waits to join T1, at main (abba.c:17)\n"
    "\n"
    "replay: weft replay w1-abcdefgh\n";

TEST(report_deadlock)
{
    struct sample s;

    sample_deadlock(&s);
    sample_expect(&s, 80, report_test_deadlock);
    sample_free(&s);
}

static const char report_test_deadlock_wide[] =
    "DEADLOCK (2 threads, 2 locks)  T1 waits to lock b (abba.c:5), T2 to lock a (abba.c:11)\n"
    "found: schedule 10 of 10 (0.012 s), 1 preemption (proven minimal), 100/100 replays ident"
    "ical\n"
    "\n"
    "abba.c\n"
    "      T1 one                                                          T2 two\n"
    "    4 pthread_mutex_lock(&a);              locks a\n"
    "      ⇄ preempted here\n"
    "                                                                   10 pthread_mutex_lock"
    "(&b);              locks b\n"
    "✗   5 pthread_mutex_lock(&b);      waits to lock b\n"
    "      ← held by T2: for ever\n"
    "                                                                ✗  11 pthread_mutex_lock"
    "(&a);      waits to lock a\n"
    "                                                                      ← held by T1: for "
    "ever\n"
    "\n"
    "who waits for whom\n"
    "  T1 one waits to lock b\n"
    "    #0 one (abba.c:5)\n"
    "    b is held by T2, taken at two (abba.c:10)\n"
    "    holds a, taken at one (abba.c:4)\n"
    "  T2 two waits to lock a\n"
    "    #0 two (abba.c:11)\n"
    "    a is held by T1, taken at one (abba.c:4)\n"
    "    holds b, taken at two (abba.c:10)\n"
    "  T0 main waits to join T1, at main (abba.c:17)\n"
    "\n"
    "replay: weft replay w1-abcdefgh\n";

TEST(report_deadlock_wide)
{
    struct sample s;

    sample_deadlock(&s);
    sample_expect(&s, 132, report_test_deadlock_wide);
    sample_free(&s);
}

/* One column. */
static const char report_test_deadlock_narrow[] =
    "DEADLOCK (2 threads, 2 locks)\n"
    "  T1 waits to lock b (abba.c:5), T2 to lock a\n"
    "  (abba.c:11)\n"
    "found: schedule 10 of 10 (0.012 s), 1 preemption\n"
    "       (proven minimal), 100/100 replays identical\n"
    "\n"
    "abba.c\n"
    "T1       4 pthread_mutex_lock(&a);           locks a\n"
    "           ⇄ preempted here by T2\n"
    "T2      10 pthread_mutex_lock(&b);           locks b\n"
    "T1   ✗   5 pthread_mutex_lock(&b);   waits to lock b\n"
    "           ← held by T2: for ever\n"
    "T2   ✗  11 pthread_mutex_lock(&a);   waits to lock a\n"
    "           ← held by T1: for ever\n"
    "\n"
    "who waits for whom\n"
    "  T1 one waits to lock b\n"
    "    #0 one (abba.c:5)\n"
    "    b is held by T2, taken at two (abba.c:10)\n"
    "    holds a, taken at one (abba.c:4)\n"
    "  T2 two waits to lock a\n"
    "    #0 two (abba.c:11)\n"
    "    a is held by T1, taken at one (abba.c:4)\n"
    "    holds b, taken at two (abba.c:10)\n"
    "  T0 main waits to join T1, at main (abba.c:17)\n"
    "\n"
    "replay: weft replay w1-abcdefgh\n";

TEST(report_deadlock_narrow)
{
    struct sample s;

    sample_deadlock(&s);
    sample_expect(&s, 52, report_test_deadlock_narrow);
    sample_free(&s);
}

/* No width is too small. */
static const char report_test_deadlock_tiny[] =
    "DEADLOCK (2 threads, 2 locks)\n"
    "  T1 waits to lock b\n"
    "  (abba.c:5), T2 to\n"
    "  lock a (abba.c:11)\n"
    "found: schedule 10\n"
    "       of 10 (0.012\n"
    "       s), 1\n"
    "       preemption\n"
    "       (proven\n"
    "       minimal),\n"
    "       100/100\n"
    "       replays\n"
    "       identical\n"
    "\n"
    "abba.c\n"
    "T1       4 pthread_…\n"
    "             locks a\n"
    "           ⇄\n"
    "           preempted\n"
    "           here by\n"
    "           T2\n"
    "T2      10 pthread_…\n"
    "             locks b\n"
    "T1   ✗   5 pthread_…\n"
    "             waits\n"
    "             to lock\n"
    "             b\n"
    "           ← held by\n"
    "             T2: for\n"
    "             ever\n"
    "T2   ✗  11 pthread_…\n"
    "             waits\n"
    "             to lock\n"
    "             a\n"
    "           ← held by\n"
    "             T1: for\n"
    "             ever\n"
    "\n"
    "who waits for whom\n"
    "  T1 one waits to\n"
    "      lock b\n"
    "    #0 one\n"
    "       (abba.c:5)\n"
    "    b is held by T2,\n"
    "      taken at two\n"
    "      (abba.c:10)\n"
    "    holds a, taken\n"
    "      at one\n"
    "      (abba.c:4)\n"
    "  T2 two waits to\n"
    "      lock a\n"
    "    #0 two\n"
    "       (abba.c:11)\n"
    "    a is held by T1,\n"
    "      taken at one\n"
    "      (abba.c:4)\n"
    "    holds b, taken\n"
    "      at two\n"
    "      (abba.c:10)\n"
    "  T0 main waits to\n"
    "      join T1, at\n"
    "      main\n"
    "      (abba.c:17)\n"
    "\n"
    "replay: weft replay w1-abcdefgh\n";

TEST(report_deadlock_tiny)
{
    struct sample s;

    sample_deadlock(&s);
    sample_expect(&s, 20, report_test_deadlock_tiny);
    sample_free(&s);
}

static const char report_test_lost_wakeup[] =
    "LOST WAKE-UP  T1 waits for ever on c (missed.c:7)\n"
    "found: schedule 5 of 5 (0.012 s), 1 preemption (proven minimal), 100/100 replays\n"
    "       identical\n"
    "\n"
    "missed.c\n"
    "      T1 waiter                               T2 setter\n"
    "A   5 if (!ready) {             reads 0\n"
    "      ⇄ preempted here\n"
    "                                            9 ready = true;            writes 1\n"
    "                                           10 pthread_mutex_lock(&m);   locks m\n"
    "                                        B  11 pthread_cond_signal(&c);\n"
    "                                                signals c\n"
    "                                              ← nobody was waiting: it is lost\n"
    "                                           12 pthread_mutex_unlock(&m);\n"
    "                                                unlocks m\n"
    "    6 pthread_mutex_lock(&m);   locks m\n"
    "✗   7 pthread_cond_wait(&c, &m);\n"
    "        unlocks m, waits on c\n"
    "      ← nobody will wake it any more\n"
    "\n"
    "why: fails iff A (T1 reads ready = 0, missed.c:5) happens before B (T2 signals\n"
    "     c, missed.c:11); with the opposite order all 100 runs pass\n"
    "\n"
    "who waits\n"
    "  T1 waiter waits to be signalled on c\n"
    "    #0 waiter (missed.c:7)\n"
    "  T0 main waits to join T1, at main (missed.c:16)\n"
    "\n"
    "signals sent to c\n"
    "    signal by T2 at setter (missed.c:11): nobody was waiting\n"
    "\n"
    "replay: weft replay w1-abcdefgh\n";

TEST(report_lost_wakeup)
{
    struct sample s;

    sample_lost_wakeup(&s);
    sample_expect(&s, 80, report_test_lost_wakeup);
    sample_free(&s);
}

static const char report_test_data_race[] =
    "DATA RACE\n"
    "  T1 writes heap#1+48 (4 bytes) at queue.c:5, T2 reads heap#1+48 (4 bytes) at\n"
    "  queue.c:9, in no order\n"
    "found: schedule 1 of 1 (0.012 s), 0 preemptions, 100/100 replays identical\n"
    "confirmed: no; none of the schedules tried fails by it\n"
    "\n"
    "queue.c\n"
    "      T1 push                                 T2 count\n"
    "    6 pthread_mutex_lock(&q->lock);\n"
    "        locks heap#1+8\n"
    "✗   5 q->length++;  reads 41, writes 42\n"
    "    8 pthread_mutex_unlock(&q->lock);\n"
    "        unlocks heap#1+8\n"
    "                                        ✗   9 return q->length;        reads 42\n"
    "\n"
    "T1 push writes heap#1+48 (4 bytes)\n"
    "    #0 add (queue.c:5)\n"
    "    #1 push (queue.c:7)\n"
    "    holds heap#1+8, taken at push (queue.c:6)\n"
    "    T1 was started by T0 at main (queue.c:3)\n"
    "\n"
    "T2 count reads heap#1+48 (4 bytes)\n"
    "    #0 count (queue.c:9)\n"
    "    holds no lock\n"
    "    T2 was started by T0 at main (queue.c:4)\n"
    "\n"
    "heap#1+48 is byte 48 of a heap block of 56 bytes, allocated by T0 at new_queue\n"
    "    (queue.c:1)\n"
    "    #0 new_queue (queue.c:1)\n"
    "    #1 main (queue.c:2)\n"
    "\n"
    "replay: weft replay w1-abcdefgh\n";

TEST(report_data_race)
{
    struct sample s;

    sample_data_race(&s);
    sample_expect(&s, 80, report_test_data_race);
    sample_free(&s);
}

static const char report_test_confirmed_race[] =
    "DATA RACE\n"
    "  T1 reads x (4 bytes) at lost.c:5, T2 writes x (4 bytes) at lost.c:5, in no\n"
    "  order\n"
    "found: schedule 7 of 1000 (0.012 s), 1 preemption (proven minimal), 100/100\n"
    "       replays identical; 31 % of schedules fail\n"
    "confirmed: this schedule fails by it: ASSERTION FAILED: lost.c:14: main:\n"
    "           Assertion `x == 2' failed.\n"
    "\n"
    "lost.c\n"
    "      T1 adder                                T2 adder\n"
    "A   5 x++;                      reads 0\n"
    "      ⇄ preempted here\n"
    "                                        B   5 x++;            reads 0, writes 1\n"
    "    5 x++;                     writes 1\n"
    "      T0 main\n"
    "✗  14 assert(x == 2);                      reads 1\n"
    "      ← the assertion fails\n"
    "\n"
    "why: fails iff A (T1 reads x = 0, lost.c:5) happens before B (T2 writes x := 1,\n"
    "     lost.c:5); with the opposite order all 100 runs pass\n"
    "\n"
    "T1 adder reads x (4 bytes)\n"
    "    #0 adder (lost.c:5)\n"
    "    holds no lock\n"
    "    T1 was started by T0 at main (lost.c:10)\n"
    "\n"
    "T2 adder writes x (4 bytes)\n"
    "    #0 adder (lost.c:5)\n"
    "    holds no lock\n"
    "    T2 was started by T0 at main (lost.c:11)\n"
    "\n"
    "x is a global variable\n"
    "\n"
    "replay: weft replay w1-abcdefgh\n";

TEST(report_confirmed_race)
{
    struct sample s;

    sample_confirmed_race(&s);
    sample_expect(&s, 80, report_test_confirmed_race);
    sample_free(&s);
}

/* A trace longer than the ring. */
static const char report_test_livelock[] =
    "LIVELOCK  for 60000 steps nothing happened that had not happened before\n"
    "found: schedule 3 of 3 (0.012 s), 2 preemptions, 99/100 replays identical\n"
    "\n"
    "polite.c\n"
    "      T1 polite                               T2 polite\n"
    "    2 atomic_store(&wants[me], 1);\n"
    "        writes 1\n"
    "                                            2 atomic_store(&wants[me], 1);\n"
    "                                                writes 1\n"
    "    3 while (atomic_load(&wants[1 - me…\n"
    "        reads 1\n"
    "                                            3 while (atomic_load(&wants[1 - me…\n"
    "                                                reads 1\n"
    "    4 atomic_store(&wants[me], 0);\n"
    "        writes 0\n"
    "    5 sched_yield();             yields\n"
    "                                            4 atomic_store(&wants[me], 0);\n"
    "                                                writes 0\n"
    "                                            5 sched_yield();             yields\n"
    "      … and so on, for 16376 events of T1, T2 …\n"
    "✗   3 while (atomic_load(&wants[1 - me…\n"
    "      ← round and round, without\n"
    "        progress\n"
    "                                        ✗   3 while (atomic_load(&wants[1 - me…\n"
    "                                              ← round and round, without\n"
    "                                                progress\n"
    "\n"
    "T1 polite reads wants+4\n"
    "    #0 polite (polite.c:3)\n"
    "    T1 was started by T0 at main (polite.c:6)\n"
    "\n"
    "T2 polite reads wants\n"
    "    #0 polite (polite.c:3)\n"
    "    T2 was started by T0 at main (polite.c:6)\n"
    "\n"
    "replay: weft replay w1-abcdefgh\n";

TEST(report_livelock)
{
    struct sample s;

    sample_livelock(&s);
    sample_expect(&s, 80, report_test_livelock);
    sample_free(&s);
}

static const char report_test_use_after_free[] =
    "USE AFTER FREE\n"
    "  T1 reads heap#1+8 (8 bytes) at item.c:5, T2 has freed it at item.c:7\n"
    "found: schedule 4 of 4 (0.012 s), 1 preemption (proven minimal), 100/100 replays\n"
    "       identical\n"
    "\n"
    "item.c\n"
    "      T1 reader                               T2 killer\n"
    "    4 struct item *i = item;\n"
    "        reads heap#1\n"
    "      ⇄ preempted here\n"
    "                                            7 free(item);\n"
    "                                                reads item = heap#1, frees\n"
    "                                                heap#1\n"
    "✗   5 print(i->name);\n"
    "      ← this memory has been freed\n"
    "\n"
    "T1 reader reads heap#1+8 (8 bytes)\n"
    "    #0 reader (item.c:5)\n"
    "    T1 was started by T0 at main (item.c:2)\n"
    "\n"
    "T2 killer frees heap#1\n"
    "    #0 killer (item.c:7)\n"
    "    T2 was started by T0 at main (item.c:2)\n"
    "\n"
    "heap#1+8 is byte 8 of a heap block of 32 bytes, allocated by T0 at make\n"
    "    (item.c:1)\n"
    "    #0 make (item.c:1)\n"
    "    #1 main (item.c:2)\n"
    "\n"
    "replay: weft replay w1-abcdefgh\n";

TEST(report_use_after_free)
{
    struct sample s;

    sample_use_after_free(&s);
    sample_expect(&s, 80, report_test_use_after_free);
    sample_free(&s);
}

static const char report_test_leaked_task[] =
    "LEAKED TASK  the program ends while T1 waits to receive from jobs (jobs.c:2)\n"
    "found: schedule 1 of 1 (0.012 s), 0 preemptions, 100/100 replays identical\n"
    "\n"
    "jobs.c\n"
    "      T0 main                                 T1 worker\n"
    "    4 weft_go(scope, worker, NULL);\n"
    "        starts T1, ends the program\n"
    "                                        ✗   2 weft_chan_recv(jobs, &job);\n"
    "                                                waits to receive from jobs\n"
    "                                              ← still here when the program\n"
    "                                                ends\n"
    "\n"
    "who waits\n"
    "  T1 worker waits to receive from jobs\n"
    "    #0 worker (jobs.c:2)\n"
    "\n"
    "replay: .replay = \"w1-abcdefgh\"\n";

TEST(report_leaked_task)
{
    struct sample s;

    sample_leaked_task(&s);
    sample_expect(&s, 80, report_test_leaked_task);
    sample_free(&s);
}

static const char report_test_misuse[] =
    "WRONG USE  a mutex is unlocked by a thread that does not hold it\n"
    "found: schedule 1 of 1 (0.012 s), 0 preemptions, 100/100 replays identical\n"
    "\n"
    "thief.c\n"
    "      T0 main                                 T1 thief\n"
    "    2 pthread_mutex_lock(&m);\n"
    "        starts T1, locks m\n"
    "                                        ✗   4 pthread_mutex_unlock(&m);\n"
    "                                                unlocks m\n"
    "                                              ← wrong use\n"
    "\n"
    "not controlled: a child process was not followed\n"
    "\n"
    "replay: weft replay w1-abcdefgh\n";

TEST(report_misuse)
{
    struct sample s;

    sample_misuse(&s);
    sample_expect(&s, 80, report_test_misuse);
    sample_free(&s);
}

static const char report_test_notes[] =
    "nothing found  10000 schedules (2.25 s), 34 behaviours\n"
    "\n"
    "LOCK-ORDER INVERSION (not confirmed in 50 schedules)\n"
    "  2 locks are taken in a cycle\n"
    "  T1 locks b at one (abba.c:5)\n"
    "    holds a, taken at one (abba.c:4)\n"
    "  T2 locks a at two (abba.c:11)\n"
    "    holds b, taken at two (abba.c:10)\n"
    "\n"
    "ONE LOCK MAKES EVERYTHING SEQUENTIAL (advice)\n"
    "  a: nine tenths of all steps were made under this lock\n"
    "    at one (abba.c:4)\n"
    "\n"
    "not controlled: not everything was; a replay may differ\n";

TEST(report_notes)
{
    struct sample s;

    sample_notes(&s);
    sample_expect(&s, 80, report_test_notes);
    sample_free(&s);
}

static const char report_test_nothing[] =
    "nothing found  10000 schedules (2.25 s), 34 behaviours\n";

TEST(report_nothing)
{
    struct sample s;

    sample_nothing(&s);
    sample_expect(&s, 80, report_test_nothing);
    sample_free(&s);
}

static const char report_test_complete[] =
    "nothing found  every schedule within the bound was run: 120 schedules (0.031 s),\n"
    "    1 behaviour\n";

TEST(report_complete)
{
    struct sample s;

    sample_complete(&s);
    sample_expect(&s, 80, report_test_complete);
    sample_free(&s);
}

/* ---- for machines ---- */

/* Enough of a JSON reader to say whether it is JSON.  NULL: it is not. */
static const char *report_test_json_value(const char *s);

static const char *report_test_json_string(const char *s)
{
    if (*s++ != '"')
        return NULL;
    for (; *s != '"'; s++) {
        if ((unsigned char)*s < 0x20)
            return NULL;
        if (*s == '\\' && strchr("\"\\u", *++s) == NULL)
            return NULL;
    }
    return s + 1;
}

static const char *report_test_json_list(const char *s, char end)
{
    s++;
    if (*s == end)
        return s + 1;
    for (;;) {
        if (end == '}') {
            s = report_test_json_string(s);
            if (s == NULL || *s++ != ':')
                return NULL;
        }
        s = report_test_json_value(s);
        if (s == NULL || *s == end)
            return s != NULL ? s + 1 : NULL;
        if (*s++ != ',')
            return NULL;
    }
}

static const char *report_test_json_value(const char *s)
{
    size_t n;

    if (*s == '{' || *s == '[')
        return report_test_json_list(s, *s == '{' ? '}' : ']');
    if (*s == '"')
        return report_test_json_string(s);
    n = strspn(s, "-0123456789.truefalsn");
    return n > 0 ? s + n : NULL;
}

static void (*const report_test_samples[])(struct sample *) = {
    sample_lost_update, sample_deadlock,       sample_lost_wakeup, sample_data_race,
    sample_livelock,    sample_use_after_free, sample_leaked_task, sample_misuse,
    sample_notes,       sample_nothing,        sample_complete,    sample_confirmed_race,
};

TEST(report_json_is_json_on_one_line)
{
    static const enum weft_check_format formats[] = {WEFT_CHECK_JSON, WEFT_CHECK_SARIF};

    for (size_t i = 0; i < WEFT_ARRAY_SIZE(report_test_samples); i++) {
        for (size_t f = 0; f < WEFT_ARRAY_SIZE(formats); f++) {
            struct sample s;
            char *text;
            report_test_samples[i](&s);
            text = sample_print(&s, formats[f], 0);
            EXPECT_STR(report_test_json_value(text), "\n");
            free(text);
            sample_free(&s);
        }
    }
}

static void report_test_begins(void (*make)(struct sample *), enum weft_check_format format,
                               const char *expected)
{
    struct sample s;
    char *text;

    make(&s);
    text = sample_print(&s, format, 0);
    if (strncmp(text, expected, strlen(expected)) != 0)
        fprintf(stderr, "%s", text);
    EXPECT(strncmp(text, expected, strlen(expected)) == 0);
    free(text);
    sample_free(&s);
}

/* The members that scripts read, in their order. */
TEST(report_json_keeps_its_promise)
{
    report_test_begins(sample_deadlock, WEFT_CHECK_JSON,
                       "{\"verdict\":\"found\",\"class\":\"deadlock\",\"schedule\":10,"
                       "\"schedules\":10,\"seconds\":0.012000,\"preemptions\":1,"
                       "\"replay\":\"w1-abcdefgh\",");
    report_test_begins(sample_nothing, WEFT_CHECK_JSON,
                       "{\"verdict\":\"nothing found\",\"class\":\"none\",\"schedule\":0,"
                       "\"schedules\":10000,\"seconds\":2.250000,\"preemptions\":-1,"
                       "\"replay\":\"\",");
}

static bool report_test_says(void (*make)(struct sample *), enum weft_check_format format,
                             const char *what)
{
    struct sample s;
    char *text;
    bool says;

    make(&s);
    text = sample_print(&s, format, 0);
    says = strstr(text, what) != NULL;
    free(text);
    sample_free(&s);
    return says;
}

TEST(report_sarif_has_a_flow_for_each_strand)
{
    EXPECT(report_test_says(sample_deadlock, WEFT_CHECK_SARIF, "\"threadFlows\":[{\"id\":\"T1\""));
    EXPECT(report_test_says(sample_deadlock, WEFT_CHECK_SARIF, "\"ruleId\":\"deadlock\""));
    EXPECT(report_test_says(sample_notes, WEFT_CHECK_SARIF, "\"level\":\"note\""));
    EXPECT(report_test_says(sample_nothing, WEFT_CHECK_SARIF, "\"results\":[]"));
}

TEST(report_page_needs_nothing_else)
{
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(report_test_samples); i++) {
        EXPECT(!report_test_says(report_test_samples[i], WEFT_CHECK_HTML, "http"));
        EXPECT(!report_test_says(report_test_samples[i], WEFT_CHECK_HTML, "src="));
        EXPECT(report_test_says(report_test_samples[i], WEFT_CHECK_HTML, "</html>"));
    }
    EXPECT(report_test_says(sample_deadlock, WEFT_CHECK_HTML, "pthread_mutex_lock(&amp;b);"));
}

/* ---- what a program may say ---- */

static void report_test_nasty(struct sample *s)
{
    sample_misuse(s);
    snprintf(s->report->finding.text, sizeof s->report->finding.text, "%s",
             "\033[2J\"</script><b>\x9b\xff\xc3\xa4\t\\ \xe4\xb8\xad");
}

TEST(report_lets_no_escape_sequence_through)
{
    struct sample s;
    char *text;

    report_test_nasty(&s);
    text = sample_print(&s, WEFT_CHECK_TEXT, 0);
    EXPECT(strchr(text, '\033') == NULL && strchr(text, '\t') == NULL);
    EXPECT(strstr(text, "\xef\xbf\xbd[2J\"</script><b>\xef\xbf\xbd\xef\xbf\xbd\xc3\xa4 \\ "
                        "\xe4\xb8\xad\n") != NULL);
    free(text);
    sample_free(&s);
    EXPECT(report_test_says(report_test_nasty, WEFT_CHECK_JSON, "\\\"\\u003c/script>\\u003cb>"));
    EXPECT(report_test_says(report_test_nasty, WEFT_CHECK_HTML, "&quot;&lt;/script&gt;&lt;b&gt;"));
}

TEST(report_colours_only_when_asked)
{
    struct sample s;
    struct weft__story *story;
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    sample_deadlock(&s);
    story = weft__story_new(s.report, &s.names);
    EXPECT(story != NULL && file != NULL);
    weft__report_text(story, file, 80, true);
    fclose(file);
    EXPECT(strstr(text, "\033[1;31mDEADLOCK (2 threads, 2 locks)\033[0m\n") != NULL);
    EXPECT(strstr(text, "\033[1;35m⇄ preempted here\033[0m\n") != NULL);
    free(text);
    weft__story_free(story);
    sample_free(&s);
}

/* ---- an outcome that a dying child left half written ---- */

TEST(report_believes_no_count)
{
    for (uint32_t seed = 1; seed <= (uint32_t)TEST_ROUNDS(40, 2000); seed++) {
        struct sample s;
        uint64_t random = seed;
        unsigned char *bytes;
        sample_deadlock(&s);
        bytes = (unsigned char *)s.outcome;
        for (int i = 0; i < 400; i++) {
            random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            bytes[(random >> 33) % sizeof *s.outcome] = (unsigned char)(random >> 24);
        }
        s.outcome->n_trace = (uint32_t)random;
        s.outcome->trace_first = seed % 2 != 0 ? (uint32_t)random - 20 : (uint32_t)(random >> 32);
        s.outcome->n_strand_notes = s.outcome->n_object_notes = UINT32_MAX;
        s.outcome->n_deviations = s.outcome->n_findings = UINT32_MAX;
        for (int format = WEFT_CHECK_TEXT; format <= WEFT_CHECK_HTML; format++)
            free(sample_print(&s, (enum weft_check_format)format, 80));
        sample_free(&s);
    }
}

/* ---- from outside ---- */

TEST(report_result_of_what_was_found)
{
    struct sample s;
    weft_check_result result;

    sample_deadlock(&s);
    weft__report_complete(s.report);
    weft_check_result_of(s.report, &result);
    EXPECT(result.found && result.preemptions == 1 && result.schedule == 10);
    EXPECT_STR(result.verdict, "found");
    EXPECT_STR(result.class_name, "deadlock");
    EXPECT_STR(result.replay, "w1-abcdefgh");
    EXPECT(strstr(result.summary, "DEADLOCK (2 threads, 2 locks): T1 waits to lock ") != NULL);
    sample_free(&s);
    sample_nothing(&s);
    weft_check_result_of(s.report, &result);
    EXPECT(!result.found && result.preemptions == -1);
    EXPECT_STR(result.class_name, "none");
    EXPECT_STR(result.replay, "");
    sample_free(&s);
    weft_check_report_free(NULL);
}

TEST(report_print_says_when_writing_fails)
{
    struct sample s;
    FILE *full = fopen("/dev/full", "w");

    EXPECT(full != NULL);
    sample_nothing(&s);
    EXPECT(weft_check_print(s.report, WEFT_CHECK_TEXT, full, 0, false) < 0);
    EXPECT_EQ(weft_check_print(s.report, (enum weft_check_format)9, stderr, 0, false),
              -WEFT_EINVAL);
    fclose(full);
    sample_free(&s);
}

TEST(report_out_of_memory_is_told)
{
    struct sample s;
    FILE *nowhere = fopen("/dev/null", "w");
    bool failed = true;
    int rc = 0;

    EXPECT(nowhere != NULL);
    sample_livelock(&s);
    for (uint64_t n = 1; failed; n++) {
        weft__fault_arm(1u << WEFT_FAULT_ALLOC, n);
        rc = weft_check_print(s.report, WEFT_CHECK_HTML, nowhere, 0, false);
        failed = weft__fault_disarm() >= n;
        EXPECT(rc == 0 || rc == -WEFT_ENOMEM);
        EXPECT(n < 10000);
    }
    EXPECT_EQ(rc, 0);
    fclose(nowhere);
    sample_free(&s);
}

/* ---- words ---- */

TEST(report_effects)
{
    struct {
        enum weft__op op;
        uint32_t flags;
        uint64_t value;
        bool named;
        const char *words;
    } cases[] = {
        {WEFT__OP_READ, WEFT__EVENT_HAS_VALUE, 7, false, "reads 7"},
        {WEFT__OP_READ, WEFT__EVENT_HAS_VALUE, UINT32_MAX, true, "reads a = -1"},
        {WEFT__OP_WRITE, WEFT__EVENT_HAS_VALUE, 4000000000, true, "writes a := 4000000000"},
        {WEFT__OP_WRITE, 0, 0, false, "writes a"},
        {WEFT__OP_ATOMIC_RMW, WEFT__EVENT_HAS_VALUE, 3, false, "updates to 3"},
        {WEFT__OP_ATOMIC_RMW, WEFT__EVENT_HAS_VALUE, 3, true, "updates a to 3"},
        {WEFT__OP_MUTEX_TRY_LOCK, WEFT__EVENT_FAILED, 0, false, "try_lock a: refused"},
        {WEFT__OP_COND_WAIT, 0, SAMPLE_ADDRESS(1), false, "unlocks b, waits on a"},
        {WEFT__OP_COND_WAKE, WEFT__EVENT_TIMED_OUT, 0, false,
         "wakes from a: the deadline came"},
        {WEFT__OP_JOIN, 0, 0, false, "joins a thread"},
        {WEFT__OP_PIECE_FORK, 0, 0, false, "forks a piece"},
        {WEFT__OP_PIECE_FORK, WEFT__EVENT_HAS_VALUE, 2, false, "forks a piece that T2 takes"},
        {WEFT__OP_PIECE_JOIN, 0, 0, false, "joins a piece"},
        {WEFT__OP_COUNT, 0, 0, false, "nothing"},
    };
    struct sample s;
    struct weft__story *story;

    sample_deadlock(&s);
    story = weft__story_new(s.report, &s.names);
    EXPECT(story != NULL);
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(cases); i++) {
        struct weft__event event = {.op = (uint8_t)cases[i].op,
                                    .size = 4,
                                    .flags = cases[i].flags,
                                    .value = cases[i].value,
                                    .object = SAMPLE_ADDRESS(0)};
        EXPECT_STR(weft__story_effect(story, &event, cases[i].named), cases[i].words);
    }
    weft__story_free(story);
    sample_free(&s);
}
