/* check_then_act.c - two customers want the last seat.
 *
 * Looking whether a seat is free and taking it are each done under the lock, but the lock is let
 * go in between: both see the seat, and both take it.
 *
 * expects: assertion
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>
#include <stdbool.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int seats = 1;

static bool seat_is_free(void)
{
    pthread_mutex_lock(&lock);
    bool yes = seats > 0;
    pthread_mutex_unlock(&lock);
    return yes;
}

static void take_seat(void)
{
    pthread_mutex_lock(&lock);
    seats--;
    pthread_mutex_unlock(&lock);
}

static void *customer(void *arg)
{
    bool *ret_seated = arg;

    if (seat_is_free()) {
        take_seat();
        *ret_seated = true;
    }
    return NULL;
}

int main(void)
{
    pthread_t first, second;
    bool seated[2] = {false, false};

    pthread_create(&first, NULL, customer, &seated[0]);
    pthread_create(&second, NULL, customer, &seated[1]);
    pthread_join(first, NULL);
    pthread_join(second, NULL);
    assert(seats == 0);
    assert(seated[0] + seated[1] == 1);
    return 0;
}
