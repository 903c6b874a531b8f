/* rw_counts_reads.c - a table that counts how often it is read.
 *
 * The count is kept under the lock for reading, which two may have at a time.
 *
 * expects: assertion|data-race
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_rwlock lock;
static int table[4] = {1, 2, 3, 4}, reads;

static int sum(void *arg)
{
    int rc = weft_rwlock_read_lock(&lock), total = 0;

    (void)arg;
    if (rc < 0)
        return rc;
    for (int i = 0; i < 4; i++)
        total += table[i];
    reads++;
    weft_rwlock_read_unlock(&lock);
    assert(total == 10);
    return 0;
}

static int app(void *arg)
{
    weft_scope scope;

    (void)arg;
    weft_scope_open(&scope);
    weft_go(&scope, sum, NULL);
    weft_go(&scope, sum, NULL);
    int rc = weft_scope_close(&scope);
    assert(rc < 0 || reads == 2);
    return rc;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
