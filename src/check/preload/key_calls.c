/* key_calls.c - thread-specific data.
 *
 * The values live in libc's own descriptors, one of which each strand has; only the destructors are
 * noted here, because the end of a thread is ours (thread_calls.c).
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/preload/calls.h"

#include <limits.h>

#define KEYS_MAX PTHREAD_KEYS_MAX

static void (*key_destructors[KEYS_MAX])(void *);
static pthread_key_t key_highest; /* with a destructor */

int weft__key_create(pthread_key_t *ret, void (*destructor)(void *))
{
    static int (*real)(pthread_key_t *, void (*)(void *));
    int rc = WEFT__REAL(real, "pthread_key_create")(ret, destructor);

    if (rc == 0 && *ret < KEYS_MAX && (destructor != NULL || *ret <= key_highest)) {
        key_destructors[*ret] = destructor;
        key_highest = weft__max(key_highest, *ret);
    }
    return rc;
}

static int key_forget(pthread_key_t key)
{
    static int (*real)(pthread_key_t);

    if (key < KEYS_MAX && key <= key_highest)
        key_destructors[key] = NULL;
    return WEFT__REAL(real, "pthread_key_delete")(key);
}

void weft__keys_run_destructors(void)
{
    bool again = true;

    for (int round = 0; round < PTHREAD_DESTRUCTOR_ITERATIONS && again; round++) {
        again = false;
        for (pthread_key_t key = 0; key <= key_highest; key++) {
            void *value;
            if (key_destructors[key] == NULL || (value = pthread_getspecific(key)) == NULL)
                continue;
            (void)pthread_setspecific(key, NULL);
            key_destructors[key](value);
            again = true;
        }
    }
}

WEFT__EXPORT int pthread_key_create(pthread_key_t *ret, void (*destructor)(void *))
{
    return weft__key_create(ret, destructor);
}

WEFT__EXPORT int __pthread_key_create(pthread_key_t *ret, void (*destructor)(void *));
int __pthread_key_create(pthread_key_t *ret, void (*destructor)(void *))
{
    return weft__key_create(ret, destructor);
}

WEFT__EXPORT int pthread_key_delete(pthread_key_t key)
{
    return key_forget(key);
}
