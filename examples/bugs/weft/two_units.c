/* two_units.c - two buffers, and two tasks that need both.
 *
 * Each takes one and then another one. When each has one, each waits for the other's.
 *
 * expects: deadlock
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_sem buffers = WEFT_SEM_INIT(2);

static int take_two(void)
{
    int rc = weft_sem_wait(&buffers);

    if (rc < 0)
        return rc;
    rc = weft_sem_wait(&buffers);
    if (rc < 0)
        weft_sem_post(&buffers);
    return rc;
}

static int copier(void *arg)
{
    int rc = take_two();

    (void)arg;
    if (rc < 0)
        return rc;
    weft_sem_post(&buffers);
    weft_sem_post(&buffers);
    return 0;
}

static int app(void *arg)
{
    weft_scope scope;

    (void)arg;
    weft_scope_open(&scope);
    weft_go(&scope, copier, NULL);
    weft_go(&scope, copier, NULL);
    int rc = weft_scope_close(&scope);
    assert(weft_sem_value(&buffers) == 2);
    return rc;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
