/* alarm_called_off_fixed.c - an alarm is to ring in 10 ms unless the guest comes down before.
 *
 * The guest looks at what weft_sched_cancel says.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

static weft_sched *alarms;
static weft_mutex lock;
static int rung;
static uint64_t alarm_id;

static int ring(void *arg)
{
    int rc = weft_mutex_lock(&lock);

    (void)arg;
    if (rc < 0)
        return rc;
    rung++;
    weft_mutex_unlock(&lock);
    return 0;
}

static int porter(void *arg)
{
    (void)arg;
    return weft_sched_run(alarms);
}

static int guest(void *arg)
{
    int rc = weft_sleep(10 * WEFT_MS);

    (void)arg;
    bool is_off = weft_sched_cancel(alarms, alarm_id) == 0;
    if (rc == 0)
        rc = weft_mutex_lock(&lock);
    if (rc < 0)
        return rc;
    assert(rung == 0 || !is_off);
    weft_mutex_unlock(&lock);
    return 0;
}

static int app(void *arg)
{
    weft_scope scope;

    (void)arg;
    alarms = weft_sched_new(0);
    int rc = weft_sched_after(alarms, 10 * WEFT_MS, 0, ring, NULL, &alarm_id);
    weft_scope_open(&scope);
    weft_go(&scope, guest, NULL);
    weft_go(&scope, porter, NULL);
    int closed = weft_scope_close(&scope);
    weft_sched_free(alarms);
    return rc < 0 ? rc : closed;
}

int main(void)
{
    return weft_run_with(app, NULL, &(weft_options){.virtual_clock = true}) < 0;
}
