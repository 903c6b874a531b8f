/* unit_returned_twice_fixed.c - one printer, and jobs that may be taken back.
 *
 * The printer is given up in one place, to which all jobs come.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_sem printers = WEFT_SEM_BOUNDED_INIT(1, 1);
static weft_mutex lock;
static int is_taken_back, printed;

static int print(void *arg)
{
    int rc = weft_sem_wait(&printers);

    (void)arg;
    if (rc < 0)
        return rc;
    rc = weft_mutex_lock(&lock);
    if (rc == 0) {
        if (!is_taken_back)
            printed++;
        weft_mutex_unlock(&lock);
    }
    weft_sem_post(&printers);
    return rc;
}

static int take_back(void *arg)
{
    int rc = weft_mutex_lock(&lock);

    (void)arg;
    if (rc < 0)
        return rc;
    is_taken_back = 1;
    weft_mutex_unlock(&lock);
    return 0;
}

static int app(void *arg)
{
    weft_scope scope;

    (void)arg;
    weft_scope_open(&scope);
    weft_go(&scope, print, NULL);
    weft_go(&scope, take_back, NULL);
    int rc = weft_scope_close(&scope);
    assert(weft_sem_value(&printers) == 1);
    return rc;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
