/* once_recursion.c - a log that sets itself up at the first line.
 *
 * If it was made verbose before, setting up writes a line of its own, and that line waits for the
 * setting up to end.
 *
 * expects: deadlock|misuse
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

static void say(void);

static void set_up(void)
{
    atomic_store(&is_open, true);
    if (atomic_load(&verbose))
        say(); /* "the log is open" */
}

static void say(void)
{
    pthread_once(&once, set_up);
    assert(atomic_load(&is_open));
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
