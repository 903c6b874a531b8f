/* start_test.c - weft_start, the handshake; and services, which outlive the others of their scope.
 *
 * SPDX-License-Identifier: MIT
 */
#include "scope/scope.h"
#include "tests/probe.h"

/* ---- weft_start ---- */

struct starting {
    int64_t before_ns, after_ns; /* sleeps this long before and after it says that it started */
    int early_code;              /* not 0: returns this instead of starting */
    int late_code;
    int *ret_late_rc;            /* what the second sleep said; or NULL */
};

static char start_value[] = "value";

static int start_service(void *arg)
{
    const struct starting *s = arg;
    int rc = s->before_ns ? weft_sleep(s->before_ns) : 0;
    if (rc < 0) {
        return rc;
    }
    if (s->early_code) {
        return s->early_code;
    }
    weft_started(start_value);
    weft_started("too late");
    rc = s->after_ns ? weft_sleep(s->after_ns) : 0;
    if (s->ret_late_rc) {
        *s->ret_late_rc = rc;
    }
    return rc < 0 ? rc : s->late_code;
}

TASK_TEST(start_waits_for_started)
{
    weft_scope scope;
    void *value = NULL;
    int64_t start = weft_now();
    weft_scope_open(&scope);
    EXPECT_EQ(weft_start(&scope, start_service, &value,
                         &(struct starting){WEFT_SECOND, 2 * WEFT_SECOND, 0, 0, NULL}), 0);
    EXPECT_STR(value, "value");
    EXPECT_TOOK(start, WEFT_SECOND);
    EXPECT_EQ(weft_start(&scope, start_service, NULL, &(struct starting){0, 0, 0, 0, NULL}), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_TOOK(start, 3 * WEFT_SECOND);
}

/* An error before it has started goes to the starter, and the scope is unaffected. */
TASK_TEST(t33_error_before_started)
{
    weft_scope scope;
    void *value = start_value;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_start(&scope, start_service, &value,
                         &(struct starting){WEFT_SECOND, 0, -EIO, 0, NULL}), -EIO);
    EXPECT(value == start_value);
    EXPECT(!weft_scope_cancelled(&scope));
    EXPECT_EQ(weft_scope_errors(&scope, NULL, 0), 0);
    EXPECT_EQ(weft_sleep(1), 0);
    EXPECT_EQ(weft_start(&scope, probe_nothing, &value, NULL), -WEFT_EINVAL);
    EXPECT_EQ(weft_start(&scope, probe_return, &value, &(int){-WEFT_ECANCELED}), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_errors(&scope, NULL, 0), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
}

/* After that its failure is the scope's. */
TASK_TEST(start_error_after_started)
{
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(weft_start(&scope, start_service, NULL,
                         &(struct starting){0, WEFT_SECOND, 0, -EIO, NULL}), 0);
    EXPECT_EQ(weft_sleep(2 * WEFT_SECOND), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -EIO);
}

/* The starter is cancelled first: the task was cancelled, and has ended before weft_start returns;
 * nothing happens to the scope that it was to live in. */
TASK_TEST(t34_starter_cancelled_before_started)
{
    weft_scope outer, inner;
    int64_t start = weft_now(), at = 0;
    int sibling = -1;
    weft_scope_open(&outer);
    EXPECT_EQ(weft_go(&outer, probe_sleep, &(struct probe){9 * WEFT_SECOND, 0, &sibling, NULL}), 0);
    weft_scope_open(&inner);
    weft_scope_deadline(&inner, weft_after(WEFT_SECOND));
    EXPECT_EQ(weft_start(&outer, probe_clean_up, NULL,
                         &(struct tidy_probe){99 * WEFT_SECOND, WEFT_SECOND, 0, &at}),
              -WEFT_ECANCELED);
    EXPECT_TOOK(start, 2 * WEFT_SECOND);
    EXPECT_EQ(at, weft_now());
    EXPECT_EQ(weft_scope_close(&inner), -WEFT_ETIMEDOUT);
    EXPECT(!weft_scope_cancelled(&outer));
    EXPECT(!weft_scope_delivered(&outer));
    EXPECT_EQ(weft_scope_close(&outer), 0);
    EXPECT_EQ(sibling, 0);
    EXPECT_TOOK(start, 9 * WEFT_SECOND);
}

static int start_in_nested_scopes(void *arg)
{
    weft_scope scopes[3];
    (void)arg;
    for (int i = 0; i < 3; i++) {
        weft_scope_open(&scopes[i]);
    }
    EXPECT_EQ(weft_go(&scopes[1], probe_sleep, &(struct probe){WEFT_NEVER, 0, NULL, NULL}), 0);
    int rc = weft_sleep(99 * WEFT_SECOND);
    EXPECT_EQ(rc, -WEFT_ECANCELED);
    for (int i = 2; i >= 0; i--) {
        EXPECT_EQ(weft_scope_close(&scopes[i]), -WEFT_ECANCELED);
    }
    return rc;
}

/* The cancel of the starter goes down into the scopes that the new task has open. */
TASK_TEST(start_cancel_reaches_nested_scopes)
{
    weft_scope outer, inner;
    int64_t start = weft_now();
    weft_scope_open(&outer);
    weft_scope_open(&inner);
    weft_scope_deadline(&inner, weft_after(WEFT_SECOND));
    EXPECT_EQ(weft_start(&outer, start_in_nested_scopes, NULL, NULL), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&inner), -WEFT_ETIMEDOUT);
    EXPECT_EQ(weft_scope_close(&outer), 0);
    EXPECT_TOOK(start, WEFT_SECOND);
}

static int start_late_but_still(void *arg)
{
    weft_scope shield;
    (void)arg;
    weft_scope_open_with(&shield, &(weft_scope_options){.shield = true});
    EXPECT_EQ(weft_sleep(2 * WEFT_SECOND), 0);
    weft_started(start_value);
    EXPECT_EQ(weft_scope_close(&shield), 0);
    EXPECT_EQ(weft_sleep(WEFT_SECOND), 0); /* now it obeys its scope, which is not cancelled */
    return 0;
}

/* The task took no notice of the cancel and started: then it has. */
TASK_TEST(start_cancelled_but_it_started)
{
    weft_scope outer, inner;
    int64_t start = weft_now();
    void *value = NULL;
    weft_scope_open(&outer);
    weft_scope_open(&inner);
    weft_scope_deadline(&inner, weft_after(WEFT_SECOND));
    EXPECT_EQ(weft_start(&outer, start_late_but_still, &value, NULL), 0);
    EXPECT(value == start_value);
    EXPECT_TOOK(start, 2 * WEFT_SECOND);
    EXPECT_EQ(weft_yield(), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&inner), -WEFT_ETIMEDOUT);
    EXPECT_EQ(weft_scope_close(&outer), 0);
    EXPECT_TOOK(start, 3 * WEFT_SECOND);
}

/* The scope itself is cancelled while a task of it starts. */
TASK_TEST(start_scope_cancelled_before_started)
{
    weft_scope scope;
    int64_t start = weft_now();
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(WEFT_SECOND));
    EXPECT_EQ(weft_start(&scope, start_service, NULL,
                         &(struct starting){9 * WEFT_SECOND, 0, 0, 0, NULL}), -WEFT_ECANCELED);
    EXPECT_EQ(weft_start(&scope, start_service, NULL,
                         &(struct starting){0, 0, 0, 0, NULL}), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
    EXPECT_TOOK(start, WEFT_SECOND);
}

static int start_from_child(void *arg)
{
    weft_scope *scope = *(weft_scope **)arg;
    EXPECT_EQ(weft_start(scope, start_service, NULL,
                         &(struct starting){WEFT_SECOND, WEFT_SECOND, 0, 0, NULL}), 0);
    return 0;
}

TASK_TEST(start_by_a_sibling_and_on_threads)
{
    weft_scope scope, *pointer = &scope;
    void *value = NULL;
    int64_t start = weft_now();
    struct starting on_thread = {WEFT_SECOND, WEFT_SECOND, 0, 0, NULL};
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, start_from_child, &pointer), 0);
    EXPECT_EQ(weft_go_with(&scope, start_from_child, &pointer, sizeof pointer,
                           &(weft_task_options){.on = WEFT_THREAD}), 0);
    EXPECT_EQ(weft_start_with(&scope, start_service, &on_thread, sizeof on_thread,
                              &(weft_task_options){.on = WEFT_THREAD}, &value), 0);
    EXPECT(value == start_value);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_TOOK(start, 2 * WEFT_SECOND);
}

/* weft_started outside of a weft_start does nothing. */
TASK_TEST(start_started_by_others)
{
    weft_scope scope;
    weft_started(NULL);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, start_service, &(struct starting){0, 0, 0, 0, NULL}), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(weft_start(&scope, start_service, NULL, NULL), -WEFT_ESHUTDOWN);
}

TASK_TEST(start_bad_requests)
{
    weft_scope scope;
    weft_scope_open_with(&scope, &(weft_scope_options){.policy = WEFT_COLLECT});
    EXPECT_EQ(weft_start_with(&scope, NULL, NULL, 0, NULL, NULL), -WEFT_EINVAL);
    EXPECT_EQ(weft_start_with(&scope, probe_nothing, NULL, 0,
                              &(weft_task_options){.on = WEFT_PROCESS}, NULL), -WEFT_ENOTSUP);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_EINVAL);
    EXPECT_EQ(weft_scope_errors(&scope, NULL, 0), 2);
}

TEST(start_in_a_plain_thread)
{
    weft_scope scope;
    weft_started(NULL);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_start(&scope, probe_nothing, NULL, NULL), -WEFT_ESHUTDOWN);
    EXPECT_EQ(weft_scope_close(&scope), 0);
}

/* ---- services ---- */

static const weft_task_options service_options = {.name = "service", .service = true};

static int service_go(weft_scope *scope, int (*fn)(void *), const void *arg, size_t size)
{
    return weft_go_with(scope, fn, arg, size, &service_options);
}

/* Outlives the normal tasks, is cancelled last, and its cleanup can still sleep. */
TASK_TEST(t35_service_goes_last)
{
    weft_scope scope;
    int64_t start = weft_now(), service_at = 0, normal_at = 0;
    struct tidy_probe service = {99 * WEFT_SECOND, WEFT_SECOND, 0, &service_at};
    weft_scope_open(&scope);
    EXPECT_EQ(service_go(&scope, probe_clean_up, &service, sizeof service), 0);
    EXPECT_EQ(weft_go(&scope, probe_sleep, &(struct probe){2 * WEFT_SECOND, 0, NULL, &normal_at}),
              0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT(!weft_scope_cancelled(&scope));
    EXPECT(!weft_scope_delivered(&scope));
    EXPECT_TOOK(start, 3 * WEFT_SECOND);
    EXPECT(normal_at - start < 2 * WEFT_SECOND + WEFT_MS);
    EXPECT_EQ(service_at, weft_now());
}

/* The scope's own cancel reaches a service only when the normal tasks have cleaned up. */
TASK_TEST(service_survives_the_cancel)
{
    weft_scope scope;
    int rc = 0;
    int64_t start = weft_now(), service_at = 0, normal_at = 0;
    struct probe service = {99 * WEFT_SECOND, 0, &rc, &service_at};
    weft_scope_open(&scope);
    EXPECT_EQ(service_go(&scope, probe_sleep, &service, sizeof service), 0);
    EXPECT_EQ(weft_go(&scope, probe_clean_up,
                      &(struct tidy_probe){99 * WEFT_SECOND, 3 * WEFT_SECOND, 0, &normal_at}), 0);
    EXPECT_EQ(weft_sleep(WEFT_SECOND), 0);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(rc, -WEFT_ECANCELED);
    EXPECT(service_at >= normal_at);
    EXPECT_TOOK(start, 4 * WEFT_SECOND);
}

static int service_with_scopes(void *arg)
{
    int64_t *ret_at = *(int64_t **)arg;
    weft_scope outer, inner;
    weft_scope_open(&outer);
    EXPECT_EQ(weft_go(&outer, probe_sleep, &(struct probe){99 * WEFT_SECOND, 0, NULL, NULL}), 0);
    weft_scope_open(&inner);
    int rc = weft_sleep(99 * WEFT_SECOND);
    *ret_at = weft_now();
    EXPECT_EQ(rc, -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&inner), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&outer), -WEFT_ECANCELED);
    return rc;
}

/* So do the scopes that a service has open. */
TASK_TEST(service_nested_scopes_survive_the_cancel)
{
    weft_scope scope;
    int64_t start = weft_now(), at = 0, *pointer = &at;
    weft_scope_open(&scope);
    EXPECT_EQ(service_go(&scope, service_with_scopes, &pointer, sizeof pointer), 0);
    EXPECT_EQ(weft_go(&scope, probe_clean_up,
                      &(struct tidy_probe){99 * WEFT_SECOND, 3 * WEFT_SECOND, 0, NULL}), 0);
    EXPECT_EQ(weft_sleep(WEFT_SECOND), 0);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT(at - start >= 4 * WEFT_SECOND);
    EXPECT_TOOK(start, 4 * WEFT_SECOND);
}

static int service_own_deadline(void *arg)
{
    weft_scope scope;
    (void)arg;
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(2 * WEFT_SECOND));
    EXPECT_EQ(weft_sleep(9 * WEFT_SECOND), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT); /* the outer cancel is not here yet */
    EXPECT_EQ(weft_sleep(WEFT_MS), 0);
    return 0;
}

TASK_TEST(service_own_deadline_in_a_cancelled_scope)
{
    weft_scope scope;
    weft_scope_open(&scope);
    EXPECT_EQ(service_go(&scope, service_own_deadline, NULL, 0), 0);
    EXPECT_EQ(weft_go(&scope, probe_clean_up,
                      &(struct tidy_probe){99 * WEFT_SECOND, 5 * WEFT_SECOND, 0, NULL}), 0);
    EXPECT_EQ(weft_sleep(WEFT_SECOND), 0);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
}

static int service_starts_tasks(void *arg)
{
    weft_scope *scope = ((void **)arg)[0];
    int64_t *ret_at = ((void **)arg)[1];
    EXPECT_EQ(weft_go(scope, probe_sleep, &(struct probe){WEFT_SECOND, 0, NULL, ret_at}), 0);
    EXPECT_EQ(weft_sleep(99 * WEFT_SECOND), -WEFT_ECANCELED);
    EXPECT_EQ(weft_go(scope, probe_nothing, NULL), -WEFT_ECANCELED);
    EXPECT_EQ(service_go(scope, probe_nothing, NULL, 0), -WEFT_ECANCELED);
    return 0;
}

/* A service may start tasks, which are waited for; but none once it is itself on its way out. */
TASK_TEST(service_starts_tasks_in_its_scope)
{
    weft_scope scope;
    int64_t start = weft_now(), at = 0;
    void *arg[2] = {&scope, &at};
    weft_scope_open(&scope);
    EXPECT_EQ(service_go(&scope, service_starts_tasks, arg, sizeof arg), 0);
    EXPECT_EQ(weft_sleep(WEFT_MS), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_TOOK(start, WEFT_SECOND);
    EXPECT_EQ(at, weft_now());
}

/* A service that fails fails the scope; one that ends well is no matter. */
TASK_TEST(service_fails)
{
    weft_scope scope;
    struct probe fails = {WEFT_SECOND, -EIO, NULL, NULL};
    weft_scope_open(&scope);
    EXPECT_EQ(service_go(&scope, probe_nothing, NULL, 0), 0);
    EXPECT_EQ(weft_sleep(WEFT_MS), 0);
    EXPECT_EQ(service_go(&scope, probe_sleep, &fails, sizeof fails), 0);
    EXPECT_EQ(weft_go(&scope, probe_sleep, &(struct probe){9 * WEFT_SECOND, 0, NULL, NULL}), 0);
    EXPECT_EQ(weft_scope_close(&scope), -EIO);
}

static int service_start_late(void *arg)
{
    int64_t *ret_at = *(int64_t **)arg;
    EXPECT_EQ(weft_sleep(2 * WEFT_SECOND), 0); /* the cancel at 1 s does not reach it */
    weft_started(start_value);
    int rc = weft_sleep(99 * WEFT_SECOND);
    *ret_at = weft_now();
    return rc;
}

static int service_starter(void *arg)
{
    weft_scope *scope = ((void **)arg)[0], shield;
    int64_t *at = ((void **)arg)[1];
    weft_scope_open_with(&shield, &(weft_scope_options){.shield = true});
    EXPECT_EQ(weft_start_with(scope, service_start_late, &at, sizeof at, &service_options, NULL),
              0);
    EXPECT_EQ(weft_start_with(scope, service_start_late, &at, sizeof at, &service_options, NULL),
              -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&shield), 0);
    return 0;
}

/* Protected already while it starts. */
TASK_TEST(service_starts_while_its_scope_is_cancelled)
{
    weft_scope scope;
    int64_t start = weft_now(), at = 0;
    void *arg[2] = {&scope, &at};
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, service_starter, &arg), 0);
    EXPECT_EQ(weft_sleep(WEFT_SECOND), 0);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT(at - start >= 2 * WEFT_SECOND);
    EXPECT_TOOK(start, 2 * WEFT_SECOND);
}

static int service_starter_by_chance(void *arg)
{
    weft_scope *scope = ((void **)arg)[0], shield;
    int64_t *at = ((void **)arg)[1];
    weft_scope_open_with(&shield, &(weft_scope_options){.shield = true});
    int rc = weft_start_with(scope, service_start_late, &at, sizeof at, &service_options, NULL);
    EXPECT(rc == 0 || rc == -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&shield), 0);
    return 0;
}

/* The cancel comes before its first turn; which it has while the owner is on its way to sleep. */
TASK_TEST(service_cancelled_before_its_first_turn)
{
    weft_scope scope;
    int64_t start = weft_now(), at = 0;
    void *arg[2] = {&scope, &at};
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, service_starter_by_chance, &arg), 0);
    EXPECT_EQ(weft_yield(), 0);
    weft_scope_cancel(&scope);
    (void)weft_scope_close(&scope);
    EXPECT_TOOK(start, at ? 2 * WEFT_SECOND : 0);
}

/* Services alone: cancelled at once. */
TASK_TEST(service_alone)
{
    weft_scope scope;
    struct probe forever = {WEFT_NEVER, 0, NULL, NULL};
    int64_t start = weft_now();
    weft_scope_open(&scope);
    for (int i = 0; i < 10; i++) {
        EXPECT_EQ(service_go(&scope, probe_sleep, &forever, sizeof forever), 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(weft_now(), start);
}
