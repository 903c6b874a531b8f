/* input.c - the code of the chapter "How does information get in?"
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>

#include <weft.h>

/* [copied] */
struct page { int number; const char *title; };

static int print_page(void *arg)
{
    struct page *page = arg; /* this task's own copy */

    page->number += 100; /* nobody else sees that */
    printf("%d %s\n", page->number, page->title);
    return 0;
}

static int copied(void)
{
    weft_scope scope;
    struct page page = {1, "on weaving"};

    weft_scope_open(&scope);
    weft_go(&scope, print_page, &page);
    page.number = 7; /* too late to matter */
    int rc = weft_scope_close(&scope);
    printf("%d %s\n", page.number, page.title);
    return rc;
}
/* [/copied] */

struct sum { const int *numbers; size_t count; long *ret_sum; };

static int add_up(void *arg)
{
    struct sum *s = arg;

    for (size_t i = 0; i < s->count; i++)
        *s->ret_sum += s->numbers[i];
    return 0;
}

/* [pointed] */
static int pointed(void)
{
    int numbers[1000]; /* too many to copy twice, and there until the scope is closed */
    long sums[2] = {0, 0};
    weft_scope scope;

    for (int i = 0; i < 1000; i++)
        numbers[i] = i;
    weft_scope_open(&scope);
    weft_go(&scope, add_up, &((struct sum){numbers, 500, &sums[0]}));
    weft_go(&scope, add_up, &((struct sum){numbers + 500, 500, &sums[1]}));
    int rc = weft_scope_close(&scope);
    printf("%ld\n", sums[0] + sums[1]);
    return rc;
}
/* [/pointed] */

/* [fed] */
static int echo(void *arg)
{
    weft_chan *lines = *(weft_chan **)arg;
    const char *line;
    int rc;

    while ((rc = weft_chan_recv(lines, &line)) == 0)
        printf("%s\n", line);
    return rc == -WEFT_EPIPE ? 0 : rc; /* closed and empty: that was all */
}

/* [/fed] */

static int fed(void)
{
    static const char *const verse[] = {"warp and weft", "over and under"};
    weft_chan *lines = weft_chan_new(sizeof(const char *), 1);
    weft_scope scope;
    int rc = lines == NULL ? -WEFT_ENOMEM : 0;

    weft_scope_open(&scope);
    weft_go(&scope, echo, &lines);
    /* [feeding] */
    for (int i = 0; i < 2 && rc == 0; i++)
        rc = weft_chan_send(lines, &verse[i]); /* waits while the task is behind */
    weft_chan_close(lines);
    /* [/feeding] */
    int closed = weft_scope_close(&scope);
    weft_chan_free(lines);
    return rc < 0 ? rc : closed;
}

/* [local] */
static const weft_local user = {"user"};

static int log_line(const char *what) /* anywhere below: no argument passed down for this */
{
    return printf("%s: %s\n", (const char *)weft_local_get(&user), what) < 0 ? -EIO : 0;
}

static int deep_inside(void *arg)
{
    (void)arg;
    return log_line("read the file"); /* inherited from the task that started this one */
}

static int local(void)
{
    weft_scope scope;
    int rc = weft_local_set(&user, (void *)"ada");

    if (rc < 0)
        return rc;
    weft_scope_open(&scope);
    weft_go(&scope, deep_inside, NULL);
    return weft_scope_close(&scope);
}
/* [/local] */

static int app(void *arg)
{
    static const struct { const char *name; int (*run)(void); } parts[] = {
        {"copied", copied}, {"pointed", pointed}, {"fed", fed}, {"local", local}};
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
    return weft_run(app, NULL) < 0;
}
