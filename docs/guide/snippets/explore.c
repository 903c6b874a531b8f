/* explore.c - the code of the chapter "Finding bugs", "In your own tests".
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <stdio.h>

#include <weft.h>
#include <weft/check.h>

static weft_mutex lock;
static int left, right;

static int transfer(void *arg)
{
    (void)arg;
    int rc = weft_mutex_lock(&lock);
    if (rc < 0)
        return rc;
    left--;
    rc = weft_yield();
    right++;
    weft_mutex_unlock(&lock);
    return rc;
}

static int transfers_keep_the_sum(void *arg)
{
    weft_scope scope;

    (void)arg;
    left = 10;
    right = 0;
    weft_scope_open(&scope);
    weft_go(&scope, transfer, NULL);
    weft_go(&scope, transfer, NULL);
    int rc = weft_scope_close(&scope);
    return rc < 0 ? rc : left + right == 10 ? 0 : -EPROTO;
}

int main(void)
{
    weft_check_options options = {.schedules = 1000};
    assert(weft_explore(transfers_keep_the_sum, NULL, &options) == 0);
    printf("nothing found\n");
    return 0;
}
