/* tls_test.c - tests of reading and setting the thread pointer.
 *
 * Setting it to what it is already changes nothing, so that is what can be tried here without a
 * second block; core/owntls_test.c has the rest.
 *
 * SPDX-License-Identifier: MIT
 */
#include "arch/tls.h"

#include <pthread.h>

#include "tests/test.h"

static _Thread_local int tls_variable = 7;

static void *tls_other_thread(void *arg)
{
    *(void **)arg = weft__tls_get();
    return NULL;
}

TEST(tls_get_is_the_threads_own)
{
    pthread_t thread;
    void *other = NULL, *mine = weft__tls_get();
    if (!weft__tls_can_set()) {
        SKIP("the thread pointer is not to be set here");
    }
    EXPECT_EQ(pthread_create(&thread, NULL, tls_other_thread, &other), 0);
    EXPECT_EQ(pthread_join(thread, NULL), 0);
    EXPECT(mine != NULL);
    EXPECT(other != NULL);
    EXPECT(mine != other);
    EXPECT(weft__tls_get() == mine);
}

TEST(tls_set_to_the_same)
{
    if (!weft__tls_can_set()) {
        SKIP("the thread pointer is not to be set here");
    }
    void *tp = weft__tls_get();
    tls_variable++;
    for (int i = 0; i < 1000; i++) {
        weft__tls_set(tp);
    }
    EXPECT(weft__tls_get() == tp);
    EXPECT_EQ(tls_variable, 8);
}

TEST(tls_looks_right)
{
    if (!weft__tls_can_set()) {
        SKIP("the thread pointer is not to be set here");
    }
    const char *tp = weft__tls_get(), *handle = (const char *)(uintptr_t)pthread_self();
    EXPECT(weft__tls_looks_right(tp, handle));
    EXPECT(!weft__tls_looks_right(tp, tp + 8));
}
