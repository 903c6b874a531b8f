/* talk.c - the code of the chapter "How do tasks talk?"
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>

#include <weft.h>

/* [sender] */
static int count_to_three(void *arg)
{
    weft_chan *numbers = *(weft_chan **)arg;
    int rc = 0;

    for (int n = 1; n <= 3 && rc == 0; n++)
        rc = weft_chan_send(numbers, &n); /* waits until there is room */
    weft_chan_close(numbers);             /* by the sender: no more will come */
    return rc;
}
/* [/sender] */

static int channel(void)
{
    weft_chan *numbers = weft_chan_new(sizeof(int), 2); /* room for two */
    weft_scope scope;
    int n;

    if (numbers == NULL)
        return -WEFT_ENOMEM;
    /* [receiver] */
    weft_scope_open(&scope);
    weft_go(&scope, count_to_three, &numbers);
    while (weft_chan_recv(numbers, &n) == 0) /* until it is closed and empty */
        printf("%d\n", n);
    int rc = weft_scope_close(&scope);
    weft_chan_free(numbers); /* now nobody can use it any more */
    /* [/receiver] */
    return rc;
}

static int send_after(void *arg)
{
    struct { weft_chan *to; int ms, value; } *s = arg;
    int rc = weft_sleep(s->ms * WEFT_MS);

    return rc == 0 ? weft_chan_send(s->to, &s->value) : rc;
}

static int attend(weft_chan *news, weft_chan *orders)
{
    int paper, order;

    for (;;) {
        /* [select] */
        weft_arm arms[] = {WEFT_RECV(news, &paper), WEFT_RECV(orders, &order)};
        int arm = weft_select(arms, 2, 1 * WEFT_SECOND);
        switch (arm) {
        case 0:
            printf("news %d\n", paper);
            break;
        case 1:
            printf("order %d\n", order);
            break;
        case -WEFT_ETIMEDOUT:
            printf("nothing for a second\n");
            return 0;
        default:
            return arm; /* cancelled */
        }
        /* [/select] */
    }
}

static int selecting(void)
{
    weft_chan *news = weft_chan_new(sizeof(int), 0), *orders = weft_chan_new(sizeof(int), 0);
    struct { weft_chan *to; int ms, value; } first = {orders, 10, 7}, second = {news, 20, 24};
    weft_scope scope;
    int rc = news == NULL || orders == NULL ? -WEFT_ENOMEM : 0;

    if (rc == 0) {
        weft_scope_open(&scope);
        weft_go(&scope, send_after, &first);
        weft_go(&scope, send_after, &second);
        rc = attend(news, orders);
        int closed = weft_scope_close(&scope);
        rc = rc < 0 ? rc : closed;
    }
    weft_chan_free(news);
    weft_chan_free(orders);
    return rc;
}

/* [actor] */
struct request { int add; weft_chan *reply; }; /* reply: NULL, or where the sum is wanted */

static int counter(void *arg) /* owns its sum: nobody else can touch it, so there is no lock */
{
    weft_chan *mailbox = *(weft_chan **)arg;
    struct request request;
    int sum = 0, rc;

    while ((rc = weft_chan_recv(mailbox, &request)) == 0) {
        sum += request.add;
        if (request.reply != NULL && (rc = weft_chan_send(request.reply, &sum)) < 0)
            break;
    }
    return rc == -WEFT_EPIPE ? 0 : rc;
}
/* [/actor] */

static int ask(weft_chan *mailbox, int *ret_sum)
{
    /* [ask] */
    struct request request = {0, weft_chan_new(sizeof(int), 1)};
    int rc = request.reply != NULL ? weft_chan_send(mailbox, &request) : -WEFT_ENOMEM;
    if (rc == 0)
        rc = weft_chan_recv(request.reply, ret_sum);
    /* [/ask] */
    weft_chan_free(request.reply);
    return rc;
}

static int actor(void)
{
    weft_chan *mailbox = weft_chan_new(sizeof(struct request), 8);
    weft_scope scope;
    int sum = 0, rc = mailbox != NULL ? 0 : -WEFT_ENOMEM;

    weft_scope_open(&scope);
    weft_go(&scope, counter, &mailbox);
    for (int i = 1; i <= 4 && rc == 0; i++)
        rc = weft_chan_send(mailbox, &((struct request){i, NULL}));
    if (rc == 0)
        rc = ask(mailbox, &sum);
    printf("%d\n", sum);
    weft_chan_close(mailbox);
    int closed = weft_scope_close(&scope);
    weft_chan_free(mailbox);
    return rc < 0 ? rc : closed;
}

/* Leaves a value, unless the channel is full: then the reader is behind, and it is dropped. */
static bool leave(weft_chan *samples, int sample)
{
    return weft_chan_try_send(samples, &sample) == 0; /* never sleeps */
}

static int drop(void)
{
    weft_chan *samples = weft_chan_new(sizeof(int), 3);
    int kept = 0;

    if (samples == NULL)
        return -WEFT_ENOMEM;
    for (int i = 0; i < 10; i++)
        kept += leave(samples, i);
    printf("%d of 10 kept\n", kept);
    weft_chan_free(samples);
    return 0;
}

/* [subscriber] */
static int watch(void *arg)
{
    weft_chan *prices = *(weft_chan **)arg; /* a subscription is a channel */
    int price, lost, sum = 0;

    while ((lost = weft_chan_recv(prices, &price)) >= 0)
        sum += price; /* lost > 0 would say that so many were missed before this one */
    printf("%d\n", sum);
    weft_chan_free(prices); /* ends the subscription */
    return lost == -WEFT_EPIPE ? 0 : lost;
}
/* [/subscriber] */

static int broadcast(void)
{
    weft_bcast *board = weft_bcast_new(sizeof(int), 8);
    weft_scope scope;
    int rc = 0;

    if (board == NULL)
        return -WEFT_ENOMEM;
    /* [broadcast] */
    weft_scope_open(&scope);
    for (int i = 0; i < 2 && rc == 0; i++) {
        weft_chan *prices = weft_bcast_subscribe(board);
        rc = prices != NULL ? weft_go(&scope, watch, &prices) : -WEFT_ENOMEM;
        if (rc < 0)
            weft_chan_free(prices);
    }
    for (int price = 1; price <= 5 && rc >= 0; price++)
        rc = weft_bcast_send(board, &price); /* to all who have subscribed; so many */
    weft_bcast_close(board);
    /* [/broadcast] */
    int closed = weft_scope_close(&scope);
    weft_bcast_free(board);
    return rc < 0 ? rc : closed;
}

static int start_together(void *arg)
{
    weft_event *gun = *(weft_event **)arg;
    int rc = weft_event_wait(gun);

    return rc == 0 && weft_event_is_set(gun) ? 0 : rc;
}

static int race(void)
{
    weft_event gun = WEFT_EVENT_INIT, *where = &gun;
    weft_scope scope;

    weft_scope_open(&scope);
    /* [event] */
    for (int i = 0; i < 3; i++)
        weft_go(&scope, start_together, &where); /* each begins with weft_event_wait */
    weft_event_set(&gun); /* all go on, and who comes later does not wait */
    /* [/event] */
    int rc = weft_scope_close(&scope);
    printf("%s\n", rc == 0 ? "all have run" : weft_strerror(rc));
    return rc;
}

static int app(void *arg)
{
    static const struct { const char *name; int (*run)(void); } parts[] = {
        {"channel", channel}, {"select", selecting}, {"actor", actor}, {"drop", drop},
        {"broadcast", broadcast}, {"event", race}};
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
