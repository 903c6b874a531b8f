/* polite_diners.c - two diners share one spoon.
 *
 * Whoever has the spoon gives it away when the other is hungry too. When both are hungry the spoon
 * goes to and fro, and nobody eats.
 *
 * expects: livelock|starvation
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_mutex lock;
static int spoon; /* who has it */
static bool hungry[2];
static int meals;

static void turn_of(int me)
{
    int other = 1 - me;

    if (spoon != me)
        return;
    if (!hungry[other]) {
        meals++;
        hungry[me] = false;
    }
    spoon = other; /* after you */
}

static int diner(void *arg)
{
    int me = *(int *)arg, rc = weft_mutex_lock(&lock);

    if (rc < 0)
        return rc;
    hungry[me] = true;
    while (rc == 0 && hungry[me]) {
        turn_of(me);
        weft_mutex_unlock(&lock);
        rc = weft_yield();
        if (rc < 0 || (rc = weft_mutex_lock(&lock)) < 0)
            return rc;
    }
    weft_mutex_unlock(&lock);
    return rc;
}

static int app(void *arg)
{
    weft_scope scope;

    (void)arg;
    weft_scope_open(&scope);
    for (int i = 0; i < 2; i++)
        weft_go(&scope, diner, &i);
    int rc = weft_scope_close(&scope);
    assert(meals == 2);
    return rc;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
