/* pthreads.c - the lines of the chapter "Coming from pthreads".
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>

#include <weft.h>

/* [statics] */
static weft_mutex lock = WEFT_MUTEX_INIT;
static weft_rmutex deep = WEFT_RMUTEX_INIT;
static weft_rwlock prices = WEFT_RWLOCK_INIT;
static weft_cond changed = WEFT_COND_INIT;
static weft_once prepared = WEFT_ONCE_INIT;
static weft_sem seats = WEFT_SEM_INIT(2);
static const weft_local user = {"user"};
/* [/statics] */
static weft_barrier corner;
static int total, prepared_times;
static bool ready;

static int prepare(void *arg)
{
    (void)arg;
    prepared_times++;
    return 0;
}

static void tidy_up(void *arg)
{
    printf("tidied up: %s\n", (const char *)arg);
}

static int add(void *arg)
{
    int rc = weft_once_call(&prepared, prepare, NULL);
    if (rc < 0)
        return rc;
    if ((rc = weft_barrier_wait(&corner)) < 0)
        return rc;
    if ((rc = weft_sem_wait(&seats)) < 0)
        return rc;
    weft_sem_post(&seats);
    if ((rc = weft_rwlock_read_lock(&prices)) < 0)
        return rc;
    weft_rwlock_read_unlock(&prices);
    if ((rc = weft_rmutex_lock(&deep)) < 0)
        return rc;
    weft_rmutex_unlock(&deep);

    rc = weft_mutex_lock(&lock);
    if (rc < 0)
        return rc;
    total += *(int *)arg;
    ready = true;
    weft_cond_signal(&changed);
    weft_mutex_unlock(&lock);
    return 0;
}

static int wait_until_ready(void)
{
    int rc = weft_mutex_lock(&lock);
    if (rc < 0)
        return rc;
    while (rc == 0 && !ready)
        rc = weft_cond_wait(&changed, &lock);
    weft_mutex_unlock(&lock);
    return rc;
}

static int write_prices(void)
{
    int rc = weft_rwlock_write_lock(&prices);
    if (rc == 0)
        weft_rwlock_write_unlock(&prices);
    return rc;
}

/* [join] */
static int three_tasks(void)
{
    weft_scope scope;

    weft_scope_open(&scope);
    for (int i = 1; i <= 3; i++)
        weft_go(&scope, add, &i);          /* i is copied */
    int rc = weft_scope_close(&scope);     /* all three have ended */
    return rc;
}
/* [/join] */

static int app(void *arg)
{
    weft_scope scope, soon;
    int rc;

    (void)arg;
    weft_barrier_init(&corner, 3);
    weft_scope_open(&scope);
    if ((rc = weft_defer(tidy_up, (void *)"the desk")) < 0 ||
        (rc = weft_local_set(&user, (void *)"ada")) < 0 || (rc = three_tasks()) < 0 ||
        (rc = wait_until_ready()) < 0 || (rc = write_prices()) < 0)
        weft_scope_cancel(&scope);
    weft_scope_close(&scope);

    weft_scope_open(&soon);
    weft_scope_deadline(&soon, weft_after(10 * WEFT_MS));
    rc = weft_sleep(1 * WEFT_SECOND);
    printf("%s, and the scope says %s\n", rc == -WEFT_ECANCELED ? "cut short" : "not cut short",
           weft_strerror(weft_scope_close(&soon)));

    weft_scope_open(&scope);
    rc = weft_go_with(&scope, prepare, NULL, 0,
                      &(weft_task_options){.name = "desk", .stack_size = 64 * 1024});
    if (rc == 0)
        rc = weft_yield();
    weft_scope_cancel(&scope);
    weft_scope_close(&scope);
    printf("%d, prepared %d times, for %s\n", total, prepared_times,
           (const char *)weft_local_get(&user));
    return rc;
}

int main(void)
{
    return weft_run_with(app, NULL, &(weft_options){.virtual_clock = true}) < 0;
}
