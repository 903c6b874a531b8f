/* find_then_use_fixed.c - a user is looked up while another thread logs the user out.
 *
 * What is needed is copied under the lock.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

struct user {
    int age;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct user *logged_in;

static void *reader(void *arg)
{
    int age = 0;

    (void)arg;
    pthread_mutex_lock(&lock);
    if (logged_in != NULL)
        age = logged_in->age;
    pthread_mutex_unlock(&lock);
    assert(age == 0 || age == 33);
    return NULL;
}

static void *logout(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    struct user *gone = logged_in;
    logged_in = NULL;
    pthread_mutex_unlock(&lock);
    free(gone);
    return NULL;
}

int main(void)
{
    pthread_t one, two;

    logged_in = malloc(sizeof(*logged_in));
    logged_in->age = 33;
    pthread_create(&one, NULL, reader, NULL);
    pthread_create(&two, NULL, logout, NULL);
    pthread_join(one, NULL);
    pthread_join(two, NULL);
    return 0;
}
