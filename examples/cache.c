/* cache.c - a cache that many read at the same time, and in which each answer is computed once.
 *
 * Most questions have been asked before.  Their answers are looked up under the read side of a
 * rwlock, by any number of tasks at once.  Only who asks something new takes the write side, alone,
 * to make an empty entry; and looks again, for somebody else may have been first.  The slow work is
 * done without any lock: an entry has a weft_once, so that one computes and others wait for that.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdatomic.h>
#include <stdio.h>

#include <weft.h>

enum { TASKS = 8, QUESTIONS = 200, KEYS = 25 };

struct entry { long key, answer; weft_once computed; };

static struct { weft_rwlock lock; int count; struct entry entries[KEYS]; } cache;
static atomic_int computations, wrong;

static int compute(void *arg)
{
    struct entry *entry = arg;
    int rc = weft_sleep(5 * WEFT_MS); /* it is hard work to multiply */

    if (rc == 0) {
        entry->answer = entry->key * entry->key;
        atomic_fetch_add(&computations, 1);
    }
    return rc; /* a failure leaves it undone, for the next who asks */
}

static struct entry *find(long key) /* under the lock, whichever side */
{
    for (int i = 0; i < cache.count; i++) {
        if (cache.entries[i].key == key)
            return &cache.entries[i];
    }
    return NULL;
}

static int entry_for(long key, struct entry **ret_entry)
{
    int rc = weft_rwlock_read_lock(&cache.lock);
    if (rc < 0)
        return rc;
    struct entry *entry = find(key);
    weft_rwlock_read_unlock(&cache.lock);
    if (entry == NULL) {
        if ((rc = weft_rwlock_write_lock(&cache.lock)) < 0)
            return rc;
        if ((entry = find(key)) == NULL) { /* look again */
            entry = &cache.entries[cache.count++];
            entry->key = key;
        }
        weft_rwlock_write_unlock(&cache.lock);
    }
    *ret_entry = entry;
    return 0;
}

static int user(void *arg)
{
    unsigned chance = *(unsigned *)arg;
    int rc = 0;

    for (int i = 0; i < QUESTIONS && rc == 0; i++) {
        chance = chance * 1103515245 + 12345;
        long key = (chance >> 16) % KEYS;
        struct entry *entry;
        if ((rc = entry_for(key, &entry)) == 0 &&
            (rc = weft_once_call(&entry->computed, compute, entry)) == 0)
            wrong += entry->answer != key * key;
    }
    return rc;
}

static int app(void *arg)
{
    weft_scope scope;

    (void)arg;
    weft_scope_open(&scope);
    for (unsigned seed = 1; seed <= TASKS; seed++)
        weft_go(&scope, user, &seed);
    return weft_scope_close(&scope);
}

int main(void)
{
    int rc = weft_run_with(app, NULL, &(weft_options){.virtual_clock = true});

    printf("%d questions, %d computations, %d wrong answers\n", TASKS * QUESTIONS,
           atomic_load(&computations), atomic_load(&wrong));
    return rc == 0 ? 0 : 1;
}
