/* futures.c - four libraries are asked for a book; what they answer, and who is first.
 *
 * Each question is a task whose result is a future.  First the answers as they come, then the same
 * question to all, of which only the quickest answer counts: the others are cancelled.
 *
 * The clock is virtual: it jumps when all tasks wait, so nothing here takes any time.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>

#include <weft.h>

#define LIBRARIES 4

struct question {
    const char *town;
    int64_t takes_ms;
    int price; /* negative: a code, they do not have it */
};

static const struct question questions[LIBRARIES] = {
    {"Basel", 300, 12}, {"Leiden", 100, 17}, {"Padua", 400, 9}, {"Toledo", 200, -ENOENT}};

/* Runs as a task; *ret_value is the future's own memory. */
static int ask(void *arg, void *ret_value)
{
    const struct question *q = arg;
    int rc = weft_sleep(q->takes_ms * WEFT_MS); /* the journey there and back */

    *(int *)ret_value = q->price;
    return rc < 0 || q->price >= 0 ? rc : q->price; /* rc < 0: it is not wanted any more */
}

static int ask_all(weft_scope *scope, weft_future_arm *arms)
{
    int rc = 0;

    for (int i = 0; i < LIBRARIES && rc == 0; i++)
        rc = weft_future_go_value(scope, sizeof(int), ask, &arms[i].future, &questions[i]);
    return rc;
}

static void as_they_come(weft_future_arm *arms)
{
    weft_future_each each;
    int i, price;

    if (weft_future_each_open(&each, arms, LIBRARIES) < 0)
        return;
    while ((i = weft_future_each_next(&each)) >= 0) {
        int rc = weft_future_get(arms[i].future, &price);
        if (rc < 0)
            printf("%s: %s\n", questions[i].town, weft_strerror(rc));
        else
            printf("%s: %d ducats\n", questions[i].town, price);
    }
    weft_future_each_close(&each);
}

static void only_the_first(weft_future_arm *arms)
{
    int first = weft_future_wait_any(arms, LIBRARIES), called_off = 0;

    for (int i = 0; i < LIBRARIES; i++)
        called_off += weft_future_cancel(arms[i].future);
    if (first >= 0)
        printf("%s was first, %d others were called off\n", questions[first].town, called_off);
}

static int app(void *arg)
{
    void (*const ways[])(weft_future_arm *) = {as_they_come, only_the_first};
    int rc = 0;

    (void)arg;
    for (int way = 0; way < 2 && rc == 0; way++) {
        weft_future_arm arms[LIBRARIES] = {{NULL, {0}}};
        weft_scope scope;
        weft_scope_open(&scope);
        rc = ask_all(&scope, arms);
        if (rc == 0)
            ways[way](arms);
        int closed = weft_scope_close(&scope); /* what failed is in the futures, not here */
        for (int i = 0; i < LIBRARIES; i++)
            weft_future_unref(arms[i].future);
        rc = rc < 0 ? rc : closed;
    }
    return rc;
}

int main(void)
{
    int rc = weft_run_with(app, NULL, &(weft_options){.virtual_clock = true});

    if (rc < 0)
        fprintf(stderr, "futures: %s\n", weft_strerror(rc));
    return rc < 0 ? 1 : rc;
}
