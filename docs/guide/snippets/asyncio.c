/* asyncio.c - the lines of the chapter "Coming from asyncio".
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <unistd.h>

#include <weft.h>

static weft_mutex lock = WEFT_MUTEX_INIT;
static weft_sem slots = WEFT_SEM_INIT(3);
static weft_event opened = WEFT_EVENT_INIT;
static const weft_local request = {"request"};

/* [coroutine] */
static int fetch(void *arg)                   /* async def fetch(ms): */
{
    int ms = *(int *)arg;
    int rc = weft_sleep(ms * WEFT_MS);        /*     await asyncio.sleep(ms / 1000) */

    return rc < 0 ? rc : ms;                  /*     return ms */
}
/* [/coroutine] */

/* [gathering] */
static int fetch_three(void)
{
    int times[] = {30, 10, 20}, codes[3], rc = 0;
    weft_future *f[3] = {NULL};
    weft_scope scope;

    weft_scope_open(&scope);
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = weft_future_go(&scope, fetch, &f[i], &times[i]);
    if (rc == 0)
        rc = weft_future_gather(f, 3, codes);
    for (int i = 0; i < 3; i++) {
        if (rc == 0)
            printf("%d\n", codes[i]);
        weft_future_unref(f[i]);
    }
    int closed = weft_scope_close(&scope);
    return rc < 0 ? rc : closed;
}
/* [/gathering] */

static int first_of_two(void)
{
    int slow = 300, fast = 100, rc, got = 0;
    weft_future_arm arms[2] = {{0}};
    weft_scope scope;

    weft_scope_open(&scope);
    rc = weft_future_go(&scope, fetch, &arms[0].future, &slow);
    if (rc == 0)
        rc = weft_future_go(&scope, fetch, &arms[1].future, &fast);
    if (rc == 0)
        rc = weft_future_wait_any(arms, 2);
    if (rc >= 0)
        got = weft_future_get(arms[rc].future, NULL);
    if (arms[0].future != NULL)
        weft_future_cancel(arms[0].future);
    weft_future_unref(arms[0].future);
    weft_future_unref(arms[1].future);
    weft_scope_close(&scope);
    printf("the first took %d ms\n", got);
    return rc < 0 ? rc : 0;
}

static int block(void *arg)
{
    (void)arg;
    return getppid() > 0 ? 0 : -ESRCH;
}

static int ring(void *arg)
{
    printf("%s\n", (const char *)arg);
    return 0;
}

static int use_locks(void)
{
    int rc = weft_mutex_lock(&lock);
    if (rc < 0)
        return rc;
    weft_mutex_unlock(&lock);
    if ((rc = weft_sem_wait(&slots)) < 0)
        return rc;
    weft_sem_post(&slots);
    weft_event_set(&opened);
    if ((rc = weft_event_wait(&opened)) < 0)
        return rc;
    if ((rc = weft_local_set(&request, (void *)"17")) < 0)
        return rc;
    rc = weft_blocking(block, NULL);
    return rc;
}

static int use_queue(void)
{
    weft_chan *queue = weft_chan_new(sizeof(int), 3);
    int item = 7, rc = queue != NULL ? 0 : -WEFT_ENOMEM;

    if (rc == 0 && (rc = weft_chan_send(queue, &item)) == 0)
        rc = weft_chan_recv(queue, &item);
    weft_chan_free(queue);
    return rc;
}

static int use_timeout(void)
{
    weft_scope scope;
    int ms = 1000;

    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(200 * WEFT_MS));
    int rc = fetch(&ms);
    int closed = weft_scope_close(&scope);
    printf("%s\n", weft_strerror(closed));
    return rc == -WEFT_ECANCELED && closed == -WEFT_ETIMEDOUT ? 0 : -EPROTO;
}

static int use_plan(void)
{
    weft_sched *plan = weft_sched_new(0);
    int rc = plan != NULL ? 0 : -WEFT_ENOMEM;

    if (rc == 0)
        rc = weft_sched_after(plan, 5 * WEFT_SECOND, 0, ring, (void *)"five seconds later", NULL);
    if (rc == 0)
        rc = weft_sched_run(plan);
    weft_sched_free(plan);
    return rc;
}

static int use_future(void)
{
    weft_future *answer = weft_future_new(sizeof(int));
    int value = 42, rc = answer != NULL ? 0 : -WEFT_ENOMEM;

    if (rc == 0 && (rc = weft_future_set(answer, &value)) == 0)
        rc = weft_future_get(answer, &value);
    weft_future_setter_unref(answer);
    weft_future_unref(answer);
    return rc;
}

static int use_streams(void)
{
    weft_stream *ends[2];
    char *line;
    int rc = weft_stream_pair(0, ends);

    if (rc < 0)
        return rc;
    rc = weft_stream_print(ends[0], "hello\n");
    if (rc == 0)
        rc = weft_stream_flush(ends[0]);
    if (rc == 0 && weft_stream_line(ends[1], &line) >= 0)
        printf("%s\n", line);
    weft_stream_close(ends[0]);
    weft_stream_close(ends[1]);
    return rc;
}

static int app(void *arg)
{
    int (*const parts[])(void) = {fetch_three, first_of_two, use_locks, use_queue, use_timeout,
                                  use_plan, use_future, use_streams};
    int rc = 0;

    (void)arg;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && rc == 0; i++)
        rc = parts[i]();
    return rc;
}

int main(void)
{
    return weft_run_with(app, NULL, &(weft_options){.virtual_clock = true}) < 0;
}
