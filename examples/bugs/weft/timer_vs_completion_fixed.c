/* timer_vs_completion_fixed.c - answer and timer both come after 10 ms, and settle a request.
 *
 * One stay under the lock.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_mutex lock;
static bool settled;
static int callbacks;

static int settle(void *arg)
{
    int rc = weft_sleep(10 * WEFT_MS); /* the timer's time, and the server's */

    (void)arg;
    if (rc == 0)
        rc = weft_mutex_lock(&lock);
    if (rc < 0)
        return rc;
    bool mine = !settled;
    if (mine) {
        settled = true;
        callbacks++;
    }
    weft_mutex_unlock(&lock);
    return 0;
}

static int app(void *arg)
{
    weft_scope scope;

    (void)arg;
    weft_scope_open(&scope);
    weft_go_with(&scope, settle, NULL, 0, &(weft_task_options){.name = "answer"});
    weft_go_with(&scope, settle, NULL, 0, &(weft_task_options){.name = "timer"});
    int rc = weft_scope_close(&scope);
    assert(callbacks == 1);
    return rc;
}

int main(void)
{
    return weft_run_with(app, NULL, &(weft_options){.virtual_clock = true}) < 0;
}
