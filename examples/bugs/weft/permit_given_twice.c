/* permit_given_twice.c - one connection, shared by three tasks with a semaphore of one unit.
 *
 * A task whose query fails gives the unit back at once, and once more on its way out. From then on
 * two tasks may have the connection at the same time.
 *
 * expects: assertion
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_sem permits = WEFT_SEM_INIT(1);
static weft_event failed;
static weft_mutex lock;
static int users;

static int connection_enter(int change)
{
    int rc = weft_mutex_lock(&lock);

    if (rc < 0)
        return rc;
    users += change;
    assert(users <= 1);
    weft_mutex_unlock(&lock);
    return 0;
}

static int query(void *arg)
{
    bool fails = *(bool *)arg;
    int rc = weft_sem_wait(&permits);

    if (rc < 0)
        return rc;
    rc = connection_enter(1);
    if (rc == 0)
        rc = connection_enter(-1);
    if (fails) {
        weft_event_set(&failed);
        weft_sem_post(&permits);
    }
    weft_sem_post(&permits);
    return rc;
}

static int app(void *arg)
{
    weft_scope scope;

    (void)arg;
    weft_scope_open(&scope);
    for (int i = 0; i < 3; i++)
        weft_go(&scope, query, &(bool){i == 0});
    return weft_scope_close(&scope);
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
