/* start.c - the code of the chapter "How do I start a task?"
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>

#include <weft.h>

/* [task] */
struct greeting { const char *whom; int times; };

static int greet(void *arg) /* runs as a task */
{
    struct greeting *g = arg; /* a copy of its own, there as long as the task is */

    for (int i = 0; i < g->times; i++)
        printf("hello, %s\n", g->whom);
    return 0;
}
/* [/task] */

/* [one] */
static int start_one(void)
{
    weft_scope scope;

    weft_scope_open(&scope);
    weft_go(&scope, greet, &((struct greeting){"world", 2}));
    return weft_scope_close(&scope); /* waits for it */
}
/* [/one] */

struct square { int n; int *ret_square; };

static int square(void *arg)
{
    struct square *s = arg;

    *s->ret_square = s->n * s->n;
    return 0;
}

/* [many] */
static int start_many(void)
{
    int squares[5];
    weft_scope scope;

    weft_scope_open(&scope);
    for (int i = 0; i < 5; i++)
        weft_go(&scope, square, &((struct square){i, &squares[i]}));
    int rc = weft_scope_close(&scope); /* waits for all five */
    for (int i = 0; i < 5 && rc == 0; i++)
        printf("%d\n", squares[i]);
    return rc;
}
/* [/many] */

static int tell_name(void *arg)
{
    (void)arg;
    printf("I am %s\n", weft_task_name());
    return 0;
}

static int start_with_options(void)
{
    weft_scope scope;

    weft_scope_open(&scope);
    /* [options] */
    weft_task_options options = {.name = "clerk", .stack_size = 64 * 1024};
    int rc = weft_go_with(&scope, tell_name, NULL, 0, &options);
    /* [/options] */
    int closed = weft_scope_close(&scope);
    return rc < 0 ? rc : closed;
}

static int counter(void *arg)
{
    weft_chan *questions = weft_chan_new(sizeof(int), 1);
    int answer = 0, n, rc = 0;

    (void)arg;
    /* [started] */
    if (questions == NULL)
        return -WEFT_ENOMEM;   /* the caller of weft_start gets this code */
    weft_started(questions);   /* from here on others may ask */
    /* [/started] */
    while ((rc = weft_chan_recv(questions, &n)) == 0)
        answer += n;
    printf("%d\n", answer);
    weft_chan_free(questions);
    return rc == -WEFT_EPIPE ? 0 : rc;
}

static int start_and_wait_until_ready(void)
{
    weft_scope scope;
    void *questions;

    weft_scope_open(&scope);
    /* [ready] */
    int rc = weft_start(&scope, counter, &questions, NULL);
    for (int n = 1; n <= 3 && rc == 0; n++)
        rc = weft_chan_send(questions, &n);
    /* [/ready] */
    if (rc == 0)
        weft_chan_close(questions);
    else
        weft_scope_cancel(&scope);
    return weft_scope_close(&scope);
}

static int app(void *arg)
{
    static const struct { const char *name; int (*run)(void); } parts[] = {
        {"one", start_one}, {"many", start_many}, {"options", start_with_options},
        {"ready", start_and_wait_until_ready}};
    int rc = 0;

    (void)arg;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && rc == 0; i++) {
        printf("-- %s\n", parts[i].name);
        rc = parts[i].run();
    }
    return rc;
}

/* [main] */
int main(void)
{
    return weft_run(app, NULL) < 0;
}
/* [/main] */
