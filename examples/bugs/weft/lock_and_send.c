/* lock_and_send.c - a producer counts what it sends, and a consumer looks at the count.
 *
 * The producer sends under the lock. When the channel is full it waits for the consumer, which
 * waits for the lock.
 *
 * expects: deadlock
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

#define VALUES 2

static weft_chan *values;
static weft_mutex lock;
static int sent;

static int producer(void *arg)
{
    (void)arg;
    for (int i = 0; i < VALUES; i++) {
        int rc = weft_mutex_lock(&lock);

        if (rc < 0)
            return rc;
        sent++;
        rc = weft_chan_send(values, &i);
        weft_mutex_unlock(&lock);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int consumer(void *arg)
{
    int value, rc = 0;

    (void)arg;
    for (int i = 0; i < VALUES && rc == 0; i++) {
        rc = weft_mutex_lock(&lock);
        if (rc < 0)
            return rc;
        assert(sent <= VALUES);
        weft_mutex_unlock(&lock);
        rc = weft_chan_recv(values, &value);
    }
    return rc;
}

static int app(void *arg)
{
    weft_scope scope;

    (void)arg;
    values = weft_chan_new(sizeof(int), 1);
    weft_scope_open(&scope);
    weft_go(&scope, producer, NULL);
    weft_go(&scope, consumer, NULL);
    int rc = weft_scope_close(&scope);
    weft_chan_free(values);
    return rc;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
