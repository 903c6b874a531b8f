/* resolve_test.c - names: what is answered without asking, what a silent name server may hold up,
 * and what a cancel leaves behind.
 *
 * No test asks a real name server: weft__resolve_how is replaced.
 *
 * SPDX-License-Identifier: MIT
 */
#include "io/resolve.h"

#include <netinet/in.h>

#include "tests/probe.h"

#include "base/alloc.h"
#include "base/fault.h"
#include "base/text.h"
#include "core/core_probe.h"

/* ---- name servers ---- */

static struct {
    ATOMIC(uint32_t) asked, at_once, at_once_max, let_go;
    ATOMIC(int) code; /* not 0: the answer */
} names;

static void names_reset(uint32_t let_go)
{
    a_store(&names.asked, 0, relaxed);
    a_store(&names.at_once, 0, relaxed);
    a_store(&names.at_once_max, 0, relaxed);
    a_store(&names.let_go, let_go, relaxed);
    a_store(&names.code, 0, relaxed);
}

/* Silent until it is let go; then every name is 192.0.2.1, .2 and so on. */
static int names_answer(const struct weft__question *question, weft_addr *ret_addrs, size_t max)
{
    char text[32];
    uint32_t now = a_add(&names.at_once, 1, acq_rel) + 1;
    uint32_t most = a_load(&names.at_once_max, relaxed);
    while (now > most && !a_cas(&names.at_once_max, &most, now, relaxed, relaxed)) {
    }
    a_add(&names.asked, 1, release);
    probe_await(&names.let_go, 1);
    int code = a_load(&names.code, relaxed);
    for (size_t i = 0; i < max && code == 0; i++) {
        struct weft__text t;
        weft__text_init(&t, text, sizeof text);
        weft__text_add(&t, "192.0.2.%u:%s", (unsigned)i + 1, question->port);
        EXPECT_EQ(weft_addr_parse(text, &ret_addrs[i]), 0);
    }
    a_sub(&names.at_once, 1, acq_rel);
    return code ? code : (int)max;
}

static int names_forbidden(const struct weft__question *question, weft_addr *ret_addrs, size_t max)
{
    (void)ret_addrs, (void)max;
    test_fail(__FILE__, __LINE__, "'%s' was looked up", question->host);
}

/* ---- no question ---- */

static void resolve_expect(const char *host, const char *port, const weft_resolve_options *options,
                           const char *first, int n)
{
    char text[WEFT_ADDR_TEXT_MAX];
    weft_addr addrs[4];
    EXPECT_EQ(weft_resolve(host, port, options, addrs, 4), n);
    EXPECT(weft_addr_text(&addrs[0], text, sizeof text) > 0);
    EXPECT_STR(text, first);
}

static void resolve_expect_here(void)
{
    resolve_expect("127.0.0.1", "80", NULL, "127.0.0.1:80", 1);
    resolve_expect("::1", "0", NULL, "[::1]:0", 1);
    resolve_expect("fe80::1%2", "80", NULL, "[fe80::1%2]:80", 1);
    resolve_expect("10.0.0.1", NULL, NULL, "10.0.0.1:0", 1);
    resolve_expect(NULL, "80", NULL, "[::1]:80", 2);
    resolve_expect("", "80", NULL, "[::1]:80", 2);
    resolve_expect(NULL, "80", &(weft_resolve_options){.passive = true}, "[::]:80", 2);
    resolve_expect(NULL, "80", &(weft_resolve_options){.family = AF_INET}, "127.0.0.1:80", 1);
    resolve_expect("1.2.3.4", "80", &(weft_resolve_options){.numeric = true}, "1.2.3.4:80", 1);
}

TASK_TEST(resolve_numbers_without_asking)
{
    weft__resolve_how = names_forbidden;
    resolve_expect_here();
}

TEST(resolve_numbers_in_a_plain_thread)
{
    weft__resolve_how = names_forbidden;
    resolve_expect_here();
    weft__fault_arm(WEFT_FAULT_ALL, 0);
    resolve_expect_here();
    EXPECT_EQ(weft__fault_disarm(), 0);
}

TASK_TEST(resolve_refuses_nonsense)
{
    weft_addr addr;
    char port[WEFT__PORT_MAX + 1], host[WEFT__HOST_MAX + 1];
    memset(port, 'p', sizeof port - 1);
    memset(host, 'h', sizeof host - 1);
    port[sizeof port - 1] = host[sizeof host - 1] = 0;
    weft__resolve_how = names_forbidden;
    EXPECT_EQ(weft_resolve(NULL, NULL, NULL, &addr, 1), -WEFT_EINVAL);
    EXPECT_EQ(weft_resolve("", "", NULL, &addr, 1), -WEFT_EINVAL);
    EXPECT_EQ(weft_resolve("1.2.3.4", "80", NULL, &addr, 0), -WEFT_EINVAL);
    EXPECT_EQ(weft_resolve("x", port, NULL, &addr, 1), -WEFT_EINVAL);
    EXPECT_EQ(weft_resolve(host, "80", NULL, &addr, 1), -ENOENT);
    EXPECT_EQ(weft_resolve("x", "80", &(weft_resolve_options){.family = AF_UNIX}, &addr, 1),
              -WEFT_EINVAL);
    EXPECT_EQ(weft_resolve("1.2.3.4", "80", &(weft_resolve_options){.family = AF_INET6}, &addr, 1),
              -ENOENT);
}

TASK_TEST(resolve_does_nothing_when_cancelled)
{
    weft_addr addr;
    weft_scope scope;
    weft__resolve_how = names_forbidden;
    weft_scope_open(&scope);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_resolve("127.0.0.1", "80", NULL, &addr, 1), -WEFT_ECANCELED);
    EXPECT_EQ(weft_resolve("name", "80", NULL, &addr, 1), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
}

/* ---- questions ---- */

TASK_TEST_FREE(resolve_asks_for_names)
{
    weft_addr addrs[100];
    names_reset(1);
    weft__resolve_how = names_answer;
    resolve_expect("name", "80", NULL, "192.0.2.1:80", 4);
    EXPECT_EQ(weft_resolve("name", "80", NULL, addrs, 1), 1);
    EXPECT_EQ(weft_resolve("name", "80", NULL, addrs, 100), WEFT__RESOLVE_MAX);
    EXPECT_EQ(a_load(&names.asked, acquire), 3);
    a_store(&names.code, -WEFT_EAGAIN, relaxed);
    EXPECT_EQ(weft_resolve("name", "80", NULL, addrs, 1), -WEFT_EAGAIN);
    a_store(&names.code, -ENOENT, relaxed);
    EXPECT_EQ(weft_resolve("name", "80", NULL, addrs, 1), -ENOENT);
}

TEST(resolve_asks_for_names_in_a_plain_thread)
{
    names_reset(1);
    weft__resolve_how = names_answer;
    resolve_expect("name", "80", NULL, "192.0.2.1:80", 4);
    a_store(&names.code, -EIO, relaxed);
    weft_addr addr;
    EXPECT_EQ(weft_resolve("name", "80", NULL, &addr, 1), -EIO);
}

/* The system itself, as far as it can be asked without a network: /etc/hosts and /etc/services. */
static int resolve_by_hosts(void *arg)
{
    weft_addr addrs[8];
    (void)arg;
    int n = weft_resolve("localhost", "80", NULL, addrs, 8);
    EXPECT(n > 0);
    for (int i = 0; i < n; i++) {
        EXPECT_EQ(weft_addr_port(&addrs[i]), 80);
        for (int k = 0; k < i; k++) {
            EXPECT(!weft__addr_equal(&addrs[i], &addrs[k]));
        }
    }
    EXPECT_EQ(weft_resolve("127.0.0.1", "no-such-service", NULL, addrs, 8), -WEFT_EINVAL);
    EXPECT_EQ(weft_resolve("a-name", "80", &(weft_resolve_options){.numeric = true}, addrs, 8),
              -ENOENT);
    EXPECT_EQ(weft_resolve("127.1", "80", NULL, addrs, 8), 1); /* a number to the system */
    return 0;
}

TEST(resolve_asks_the_system)
{
    EXPECT_EQ(resolve_by_hosts(NULL), 0);
    EXPECT_EQ(weft_run(resolve_by_hosts, NULL), 0);
}

/* ---- a silent name server ---- */

struct asker {
    const char *host;
    ATOMIC(uint32_t) *back;
    int want;
};

static int resolve_task(void *arg)
{
    const struct asker *asker = arg;
    weft_addr addr;
    EXPECT_EQ(weft_resolve(asker->host, "80", NULL, &addr, 1), asker->want);
    a_add(asker->back, 1, release);
    return 0;
}

static void resolve_await(ATOMIC(uint32_t) *word, uint32_t at_least)
{
    while (a_load(word, acquire) < at_least) {
        EXPECT_EQ(weft_sleep(100 * WEFT_US), 0);
    }
}

static int resolve_return_7(void *arg)
{
    (void)arg;
    return 7;
}

/* What was abandoned has been let go, and is freed at the end by its thread. */
static void resolve_await_freed(size_t live)
{
    a_store(&names.let_go, 1, release);
    while (weft__alloc_live() != live) {
        EXPECT_EQ(weft_sleep(WEFT_MS), 0);
    }
}

/* Runs fn on 1 worker and on 4, and waits for the end of all that it has abandoned. */
static void resolve_run_and_settle(int (*fn)(void *arg))
{
    size_t live = weft__alloc_live();
    int threads = weft__sys_thread_count();
    weft__resolve_how = names_answer;
    for (size_t workers = 1; workers <= 4; workers += 3) {
        names_reset(0);
        EXPECT_EQ(weft_run_with(fn, NULL, &(weft_options){.workers = workers}), 0);
        resolve_await_freed(live);
        while (weft__sys_thread_count() > threads) {
            sched_yield();
        }
    }
    EXPECT_EQ(weft_run(resolve_return_7, NULL), 7); /* then glibc frees the stack of the last one */
}

TASK_TEST_REAL(resolve_silence_holds_up_names_alone)
{
    ATOMIC(uint32_t) back = 0;
    weft_scope scope;
    struct stat st;
    names_reset(0);
    weft__resolve_how = names_answer;
    weft_scope_open(&scope);
    for (int i = 0; i < 20; i++) {
        weft_go(&scope, resolve_task, &(struct asker){"silent", &back, 1});
    }
    resolve_await(&names.asked, WEFT__RESOLVE_AT_ONCE);

    resolve_expect_here();
    EXPECT_EQ(weft_blocking(resolve_return_7, NULL), 7);
    EXPECT_EQ(weft_stat("/", &st), 0);
    EXPECT_EQ(a_load(&back, acquire), 0);
    EXPECT_EQ(a_load(&names.asked, acquire), WEFT__RESOLVE_AT_ONCE); /* not one more */

    a_store(&names.let_go, 1, release);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(a_load(&back, acquire), 20);
    EXPECT_EQ(a_load(&names.asked, acquire), 20);
    EXPECT(a_load(&names.at_once_max, acquire) <= WEFT__RESOLVE_AT_ONCE);
}

static int resolve_cancel_and_ask_again(void *arg)
{
    ATOMIC(uint32_t) back = 0;
    weft_scope scope;
    (void)arg;
    weft_scope_open(&scope);
    for (int i = 0; i < 12; i++) { /* 8 are asked, 4 wait for their turn */
        weft_go(&scope, resolve_task, &(struct asker){"silent", &back, -WEFT_ECANCELED});
    }
    resolve_await(&names.asked, WEFT__RESOLVE_AT_ONCE);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(a_load(&back, acquire), 12);
    EXPECT_EQ(a_load(&names.at_once, acquire), WEFT__RESOLVE_AT_ONCE); /* they go on */

    /* Until one of those has ended there is no turn for others, and that is no deadlock. */
    weft_scope_open(&scope);
    weft_go(&scope, resolve_task, &(struct asker){"another", &back, 1});
    EXPECT_EQ(weft_sleep(10 * WEFT_MS), 0);
    EXPECT_EQ(a_load(&names.asked, acquire), WEFT__RESOLVE_AT_ONCE);
    a_store(&names.let_go, 1, release);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(a_load(&back, acquire), 13);
    return 0;
}

TEST(resolve_cancel_leaves_the_question_to_itself)
{
    resolve_run_and_settle(resolve_cancel_and_ask_again);
}

static int resolve_abandon(void *arg)
{
    ATOMIC(uint32_t) back = 0;
    weft_scope scope;
    (void)arg;
    weft_scope_open(&scope);
    weft_go(&scope, resolve_task, &(struct asker){"silent", &back, -WEFT_ECANCELED});
    resolve_await(&names.asked, 1);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    return 0;
}

TEST(resolve_question_outlives_the_run)
{
    resolve_run_and_settle(resolve_abandon);
}

/* ---- races and faults ---- */

static int resolve_any(void *arg)
{
    weft_addr addr;
    (void)arg;
    int rc = weft_resolve("name", "80", NULL, &addr, 1);
    EXPECT(rc == 1 || rc == -WEFT_ECANCELED);
    return rc == 1 ? 0 : rc;
}

static int resolve_race(void *arg)
{
    (void)arg;
    a_store(&names.let_go, 1, release);
    for (int round = 0; round < TEST_ROUNDS(300, 30000); round++) {
        weft_scope scope;
        weft_scope_open(&scope);
        for (int i = 0; i < 3; i++) {
            weft_go(&scope, resolve_any, NULL);
        }
        for (int i = 0; i < round % 7; i++) {
            EXPECT_EQ(weft_yield(), 0);
        }
        weft_scope_cancel(&scope);
        int rc = weft_scope_close(&scope);
        EXPECT(rc == 0 || rc == -WEFT_ECANCELED);
    }
    return 0;
}

TEST(resolve_races_with_cancel)
{
    resolve_run_and_settle(resolve_race);
}

static int resolve_once_more(void *arg)
{
    weft_addr addr;
    (void)arg;
    return weft_resolve("name", "80", NULL, &addr, 1);
}

TEST(resolve_when_anything_fails)
{
    weft__resolve_how = names_answer;
    for (uint64_t n = 1;; n++) {
        size_t live = weft__alloc_live();
        names_reset(1);
        weft__fault_arm(WEFT_FAULT_ALL, n);
        int rc = weft_run_with(resolve_once_more, NULL, &(weft_options){.workers = 1});
        uint64_t made = weft__fault_disarm();
        EXPECT(rc == 1 || rc == -WEFT_ENOMEM || rc == -WEFT_EAGAIN || rc == -EIO ||
               rc == -EMFILE || rc == -WEFT_ENOTSUP);
        resolve_await_freed(live);
        if (made < n) {
            EXPECT_EQ(rc, 1);
            return;
        }
    }
}
