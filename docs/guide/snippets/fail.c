/* fail.c - the code of the chapter "How does it fail?"
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>

#include <weft.h>

static int wait_second(void *arg)
{
    int rc = weft_sleep(1 * WEFT_SECOND);

    printf("%s: %s\n", *(const char **)arg, rc == 0 ? "done" : "called back");
    return rc;
}

static int break_down(void *arg)
{
    (void)arg;
    return weft_sleep(10 * WEFT_MS) < 0 ? -WEFT_ECANCELED : -EIO;
}

static int fast(void)
{
    const char *name = "the other";
    weft_scope scope;

    /* [fast] */
    weft_scope_open(&scope); /* WEFT_FAIL_FAST, if nothing is said */
    weft_go(&scope, wait_second, &name);
    weft_go(&scope, break_down, NULL);
    int rc = weft_scope_close(&scope);
    printf("%s\n", weft_strerror(rc));
    /* [/fast] */
    return rc == -EIO ? 0 : rc;
}

static int collect(void)
{
    const char *name = "the other";
    weft_scope scope;
    weft_error errors[2];

    /* [collect] */
    weft_scope_open_with(&scope, &(weft_scope_options){.policy = WEFT_COLLECT});
    weft_go(&scope, break_down, NULL);
    weft_go(&scope, wait_second, &name);
    weft_go(&scope, break_down, NULL);
    int rc = weft_scope_close(&scope);
    printf("failures: %zu\n", weft_scope_errors(&scope, errors, 2));
    /* [/collect] */
    return rc == -EIO ? 0 : rc;
}

struct mirror { int ms, code; int *ret_answer; };

static int ask_mirror(void *arg)
{
    struct mirror *m = arg;
    int rc = weft_sleep(m->ms * WEFT_MS);

    if (rc == 0 && (rc = m->code) == 0)
        *m->ret_answer = m->ms;
    return rc;
}

static int first(void)
{
    int answers[3] = {0};
    weft_scope scope;

    /* [first] */
    weft_scope_open_with(&scope, &(weft_scope_options){.policy = WEFT_FIRST_OK});
    weft_go(&scope, ask_mirror, &((struct mirror){10, -EHOSTUNREACH, &answers[0]}));
    weft_go(&scope, ask_mirror, &((struct mirror){20, 0, &answers[1]}));
    weft_go(&scope, ask_mirror, &((struct mirror){30, 0, &answers[2]}));
    int rc = weft_scope_close(&scope); /* the success at 20 ms cancels the third */
    /* [/first] */
    printf("%d %d %d\n", answers[0], answers[1], answers[2]);
    return rc == -WEFT_ECANCELED ? 0 : rc;
}

static int shaky(void *arg)
{
    int *tries_left = *(int **)arg;

    return --*tries_left > 0 ? -EAGAIN : 0;
}

/* Runs fn until it succeeds, five times at the most, and waits longer each time. */
static int persist(int (*fn)(void *arg), void *arg)
{
    for (int64_t tries = 1, pause = 10 * WEFT_MS;; tries++, pause *= 2) {
        weft_scope scope;
        weft_scope_open(&scope);
        weft_go(&scope, fn, &arg);
        int rc = weft_scope_close(&scope); /* whatever it had started has ended, too */
        if (rc >= 0 || rc == -WEFT_ECANCELED || tries == 5 || weft_sleep(pause) < 0)
            return rc;
        printf("again, after %d ms\n", (int)(pause / WEFT_MS));
    }
}

static int again(void)
{
    int tries_left = 3;

    return persist(shaky, &tries_left);
}

static void tell(void *arg)
{
    printf("%s\n", (const char *)arg);
}

/* [defer] */
static int build(bool fails)
{
    weft_scope scope;

    weft_scope_open(&scope);
    int rc = weft_defer(tell, (void *)"the first thing is undone last");
    if (rc == 0)
        rc = weft_defer(tell, (void *)"the last thing is undone first");
    if (rc == 0 && fails)
        rc = -EIO; /* an early way out passes by the close as well */
    int closed = weft_scope_close(&scope);
    return rc < 0 ? rc : closed;
}
/* [/defer] */

static int deferred(void)
{
    int rc = build(true);

    return rc == -EIO ? 0 : rc;
}

static int app(void *arg)
{
    static const struct { const char *name; int (*run)(void); } parts[] = {
        {"fast", fast}, {"collect", collect}, {"first", first}, {"again", again},
        {"defer", deferred}};
    int rc = 0;

    (void)arg;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && rc == 0; i++) {
        printf("-- %s\n", parts[i].name);
        rc = parts[i].run();
    }
    return rc;
}

int main(void)
{
    return weft_run_with(app, NULL, &(weft_options){.virtual_clock = true}) < 0;
}
