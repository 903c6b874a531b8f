/* once_recursion_fixed.c - a log that sets itself up at the first line.
 *
 * The setting up only notes that there is something to say; it is said afterwards.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_bool verbose, is_open;
static atomic_int lines;
static atomic_bool first_said;

static void set_up(void)
{
    atomic_store(&is_open, true);
}

static void say(void)
{
    pthread_once(&once, set_up);
    assert(atomic_load(&is_open));
    if (atomic_load(&verbose) && !atomic_exchange(&first_said, true))
        atomic_fetch_add(&lines, 1); /* "the log is open" */
    atomic_fetch_add(&lines, 1);
}

static void *worker(void *arg)
{
    (void)arg;
    say();
    return NULL;
}

static void *options(void *arg)
{
    (void)arg;
    atomic_store(&verbose, true);
    return NULL;
}

int main(void)
{
    pthread_t one, two;

    pthread_create(&one, NULL, worker, NULL);
    pthread_create(&two, NULL, options, NULL);
    pthread_join(one, NULL);
    pthread_join(two, NULL);
    assert(atomic_load(&lines) >= 1);
    return 0;
}
