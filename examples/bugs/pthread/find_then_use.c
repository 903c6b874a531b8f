/* find_then_use.c - a user is looked up while another thread logs the user out.
 *
 * The lock is held while looking, and not while using what was found: it may be freed by then.
 *
 * expects: use-after-free|data-race
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
    struct user *found = logged_in;
    pthread_mutex_unlock(&lock);
    if (found != NULL)
        age = found->age;
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
