/* results.c - the code of the chapter "How do results get out?"
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <string.h>

#include <weft.h>

struct count { const char *text; size_t *ret_length; };

static int count_text(void *arg)
{
    struct count *c = arg;

    *c->ret_length = strlen(c->text);
    return 0;
}

/* [place] */
static int place(void)
{
    size_t lengths[2];
    weft_scope scope;

    weft_scope_open(&scope);
    weft_go(&scope, count_text, &((struct count){"warp", &lengths[0]}));
    weft_go(&scope, count_text, &((struct count){"weaving", &lengths[1]}));
    int rc = weft_scope_close(&scope);
    if (rc == 0) /* now both are there, and not before */
        printf("%zu and %zu\n", lengths[0], lengths[1]);
    return rc;
}
/* [/place] */

struct primes { weft_chan *found; int from, to; };

static bool is_prime(int n)
{
    int d = 2;

    while (d * d <= n && n % d != 0)
        d++;
    return d * d > n;
}

/* [sender] */
static int find_primes(void *arg)
{
    struct primes *p = arg;
    int rc = 0;

    for (int n = p->from; n < p->to && rc == 0; n++) {
        if (is_prime(n))
            rc = weft_chan_send(p->found, &n); /* as soon as it is known */
    }
    weft_chan_sender_done(p->found); /* the last one closes the channel */
    return rc;
}
/* [/sender] */

static int stream(void)
{
    weft_chan *found = weft_chan_new(sizeof(int), 4);
    int n, count = 0;
    weft_scope scope;

    if (found == NULL)
        return -WEFT_ENOMEM;
    /* [receiver] */
    weft_scope_open(&scope);
    weft_go(&scope, find_primes, &((struct primes){weft_chan_sender(found), 2, 50}));
    weft_go(&scope, find_primes, &((struct primes){weft_chan_sender(found), 50, 100}));
    while (weft_chan_recv(found, &n) == 0)
        count++;
    int rc = weft_scope_close(&scope);
    /* [/receiver] */
    weft_chan_free(found);
    printf("%d primes below 100\n", count);
    return rc;
}

/* [code] */
static int check_name(void *arg)
{
    const char *name = *(const char **)arg;

    if (strchr(name, ' ') != NULL)
        return weft_fail(-EINVAL, name); /* the code, and a word about it */
    return 0;
}
/* [/code] */

static int code(void)
{
    const char *names[] = {"ada", "grace h", "edsger"};
    weft_error errors[WEFT_SCOPE_ERRORS_MAX];
    weft_scope scope;

    /* [codes] */
    weft_scope_open(&scope);
    for (int i = 0; i < 3; i++)
        weft_go(&scope, check_name, &names[i]);
    int rc = weft_scope_close(&scope); /* the first failure, or 0 */
    if (weft_scope_errors(&scope, errors, WEFT_SCOPE_ERRORS_MAX) > 0)
        printf("\"%s\": %s\n", errors[0].why, weft_strerror(rc));
    /* [/codes] */
    return rc == -EINVAL ? 0 : rc;
}

static int slow_product(void *arg, void *ret_value)
{
    int *factors = arg, *product = ret_value;
    int rc = weft_sleep(10 * WEFT_MS);

    *product = factors[0] * factors[1];
    return rc;
}

static int future(void)
{
    int factors[] = {6, 7}, product = 0;
    weft_future *result;
    weft_scope scope;

    weft_scope_open(&scope);
    /* [future] */
    int rc = weft_future_go_value(&scope, sizeof(int), slow_product, &result, &factors);
    if (rc == 0) {
        /* … other work, while it computes … */
        rc = weft_future_get(result, &product); /* waits if it must */
        weft_future_unref(result);
    }
    /* [/future] */
    int closed = weft_scope_close(&scope);
    printf("%d\n", product);
    return rc < 0 ? rc : closed;
}

static int length_of(void *arg) /* a count, or a negative code */
{
    const char *text = *(const char **)arg;

    return *text == '\0' ? -ENODATA : (int)strlen(text);
}

static int gather(void)
{
    const char *texts[] = {"over", "", "under"};
    weft_future *lengths[3] = {NULL};
    int codes[3], rc = 0;
    weft_scope scope;

    weft_scope_open(&scope);
    /* [gather] */
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = weft_future_go(&scope, length_of, &lengths[i], &texts[i]);
    if (rc == 0)
        rc = weft_future_gather(lengths, 3, codes); /* waits for all; how many have failed */
    for (int i = 0; i < 3 && rc >= 0; i++)
        printf("\"%s\": %d\n", texts[i], codes[i]);
    /* [/gather] */
    for (int i = 0; i < 3; i++)
        weft_future_unref(lengths[i]);
    int closed = weft_scope_close(&scope);
    return rc < 0 ? rc : closed;
}

static int take_ms(void *arg)
{
    int ms = *(int *)arg, rc = weft_sleep(ms * WEFT_MS);

    return rc < 0 ? rc : ms;
}

static int completed(void)
{
    int times[] = {30, 10, 20}, i, rc = 0;
    weft_future_arm arms[3] = {{0}};
    weft_future_each each;
    weft_scope scope;

    weft_scope_open(&scope);
    for (i = 0; i < 3 && rc == 0; i++)
        rc = weft_future_go(&scope, take_ms, &arms[i].future, &times[i]);
    /* [completed] */
    if (rc == 0 && (rc = weft_future_each_open(&each, arms, 3)) == 0) {
        while ((i = weft_future_each_next(&each)) >= 0) /* in the order of their ends */
            printf("%d ms\n", weft_future_try_get(arms[i].future, NULL));
        weft_future_each_close(&each);
    }
    /* [/completed] */
    for (i = 0; i < 3; i++)
        weft_future_unref(arms[i].future);
    int closed = weft_scope_close(&scope);
    return rc < 0 ? rc : closed;
}

static int app(void *arg)
{
    static const struct { const char *name; int (*run)(void); } parts[] = {
        {"place", place}, {"stream", stream}, {"code", code}, {"future", future},
        {"gather", gather}, {"completed", completed}};
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
