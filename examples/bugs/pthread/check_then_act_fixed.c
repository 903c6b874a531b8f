/* check_then_act_fixed.c - two customers want the last seat.
 *
 * Looking and taking are one step under one lock.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>
#include <stdbool.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int seats = 1;

static bool take_seat_if_free(void)
{
    pthread_mutex_lock(&lock);
    bool yes = seats > 0;
    if (yes)
        seats--;
    pthread_mutex_unlock(&lock);
    return yes;
}

static void *customer(void *arg)
{
    bool *ret_seated = arg;

    *ret_seated = take_seat_if_free();
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
