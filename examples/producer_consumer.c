/* producer_consumer.c - a maker, a user, and room for four items between them, in three ways.
 *
 * The producer waits while there is no room, the consumer while there is no item.  A channel does
 * that by itself.  With a mutex and conditions you test and wait in a loop.  Semaphores count the
 * room and the items, so that each side of the ring belongs to one task and needs no lock.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>

#include <weft.h>

enum { ITEMS = 100, ROOM = 4, LAST = 0 };

static weft_chan *chan;
static int chan_put(int item) { return weft_chan_send(chan, &item); }
static int chan_take(int *ret_item) { return weft_chan_recv(chan, ret_item); }

static struct { int items[ROOM]; unsigned in, out; } ring; /* for the other two ways */
static weft_mutex lock;
static weft_cond room_came, item_came;

static int cond_put(int item)
{
    int rc = weft_mutex_lock(&lock);
    if (rc < 0)
        return rc; /* cancelled: the lock is not ours */
    while (rc == 0 && ring.in - ring.out == ROOM)
        rc = weft_cond_wait(&room_came, &lock); /* lets go of the lock meanwhile */
    if (rc == 0)
        ring.items[ring.in++ % ROOM] = item;
    weft_cond_signal(&item_came);
    weft_mutex_unlock(&lock);
    return rc;
}
static int cond_take(int *ret_item)
{
    int rc = weft_mutex_lock(&lock);
    if (rc < 0)
        return rc;
    while (rc == 0 && ring.in == ring.out)
        rc = weft_cond_wait(&item_came, &lock);
    if (rc == 0)
        *ret_item = ring.items[ring.out++ % ROOM];
    weft_cond_signal(&room_came);
    weft_mutex_unlock(&lock);
    return rc;
}

static weft_sem room = WEFT_SEM_INIT(ROOM), items = WEFT_SEM_INIT(0);

static int sem_put(int item)
{
    if (weft_sem_wait(&room) < 0) /* one place less */
        return -WEFT_ECANCELED;
    ring.items[ring.in++ % ROOM] = item;
    return weft_sem_post(&items), 0; /* one item more */
}
static int sem_take(int *ret_item)
{
    if (weft_sem_wait(&items) < 0)
        return -WEFT_ECANCELED;
    *ret_item = ring.items[ring.out++ % ROOM];
    return weft_sem_post(&room), 0;
}

struct way { const char *name; int (*put)(int); int (*take)(int *); };

static int producer(void *arg)
{
    struct way *way = arg;
    int rc = 0;
    for (int item = ITEMS; item >= LAST && rc == 0; item--)
        rc = way->put(item);
    return rc;
}

static int run(struct way way)
{
    int item, sum = 0;
    weft_scope scope;
    weft_scope_open(&scope);
    weft_go(&scope, producer, &way);
    while (way.take(&item) == 0 && item != LAST)
        sum += item;
    printf("%-23s the items' sum is %d\n", way.name, sum);
    return weft_scope_close(&scope);
}

static int app(void *arg)
{
    int rc = (chan = weft_chan_new(sizeof(int), ROOM)) == NULL ? -WEFT_ENOMEM : 0;
    if (rc == 0 && (rc = run((struct way){"a channel:", chan_put, chan_take})) == 0)
        if ((rc = run((struct way){"a mutex and conditions:", cond_put, cond_take})) == 0)
            rc = run((struct way){"two semaphores:", sem_put, sem_take});
    weft_chan_free(chan);
    return (void)arg, rc;
}

int main(void) { return weft_run(app, NULL) == 0 ? 0 : 1; }
