/* drive.c - the code of the chapter "What drives it?"
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <weft.h>

/* [workers] */
static int workers(void)
{
    weft_stats stats;
    int rc = weft_stats_get(&stats);

    if (rc == 0 && stats.workers >= 1 && weft_cpus() >= 1)
        printf("there are workers, and CPUs for them\n");
    return rc;
}
/* [/workers] */

/* [switching] */
static int step(void *arg)
{
    for (int i = 1; i <= 3; i++) {
        printf("%s %d\n", *(const char **)arg, i);
        if (weft_sleep(10 * WEFT_MS) < 0) /* the worker runs another task meanwhile */
            return -WEFT_ECANCELED;
    }
    return 0;
}

static int switching(void)
{
    const char *left = "left", *right = "         right";
    weft_scope scope;

    weft_scope_open(&scope);
    weft_go(&scope, step, &left);
    if (weft_sleep(5 * WEFT_MS) == 0)
        weft_go(&scope, step, &right);
    return weft_scope_close(&scope);
}
/* [/switching] */

static int on_thread(void *arg)
{
    pthread_t *ret_thread = *(pthread_t **)arg;

    *ret_thread = pthread_self();
    if (weft_sleep(1 * WEFT_MS) < 0)
        return -WEFT_ECANCELED;
    return pthread_equal(*ret_thread, pthread_self()) ? 0 : -EPROTO; /* the same for life */
}

static int thread(void)
{
    pthread_t its_thread, *where = &its_thread;
    weft_scope scope;

    weft_scope_open(&scope);
    /* [thread] */
    int rc = weft_go_with(&scope, on_thread, &where, sizeof where,
                          &(weft_task_options){.on = WEFT_THREAD});
    /* [/thread] */
    int closed = weft_scope_close(&scope);
    printf("on my thread: %s\n", pthread_equal(its_thread, pthread_self()) ? "yes" : "no");
    return rc < 0 ? rc : closed;
}

/* [blocks] */
static int host_name(void *arg) /* stands for any call of libc that may block */
{
    return gethostname(arg, 64) == 0 ? 0 : -errno;
}
/* [/blocks] */

static int blocking(void)
{
    char name[65] = "";
    /* [blocking] */
    int rc = weft_blocking(host_name, name); /* on a thread of a pool; this task sleeps */
    /* [/blocking] */

    if (rc == 0)
        printf("this host has a name: %s\n", name[0] != '\0' ? "yes" : "no");
    return rc;
}

/* [plain] */
struct question { weft_chan *asked, *answered; };

static void *old_code(void *arg) /* an OS thread, started by pthread_create */
{
    struct question *q = arg;
    int n = 6;

    if (weft_chan_send(q->asked, &n) == 0 && weft_chan_recv(q->answered, &n) == 0)
        printf("the task says %d\n", n);
    return NULL;
}

static int plain(void)
{
    struct question q = {weft_chan_new(sizeof(int), 0), weft_chan_new(sizeof(int), 0)};
    int n, rc = q.asked != NULL && q.answered != NULL ? 0 : -WEFT_ENOMEM;
    pthread_t its_thread;

    if (rc == 0 && (rc = -pthread_create(&its_thread, NULL, old_code, &q)) == 0) {
        rc = weft_chan_recv(q.asked, &n);
        n *= 7;
        if (rc == 0)
            rc = weft_chan_send(q.answered, &n);
        weft_chan_close(q.answered);
        pthread_join(its_thread, NULL);
    }
    weft_chan_free(q.asked);
    weft_chan_free(q.answered);
    return rc;
}
/* [/plain] */

static int compute(void *arg)
{
    unsigned digest = 0;

    /* [long] */
    for (unsigned i = 0; i < 1000000; i++) {
        digest = 31 * digest + i;
        if (i % 10000 == 0 && weft_yield() < 0) /* polite, and notices a cancel */
            return -WEFT_ECANCELED;
    }
    /* [/long] */
    **(unsigned **)arg = digest;
    return 0;
}

static int computing(void)
{
    unsigned digest = 0, *where = &digest;
    weft_scope scope;

    weft_scope_open(&scope);
    weft_go(&scope, compute, &where);
    int rc = weft_scope_close(&scope);
    printf("%08x\n", digest);
    return rc;
}

static int app(void *arg)
{
    static const struct { const char *name; int (*run)(void); } parts[] = {
        {"workers", workers}, {"switching", switching}, {"thread", thread},
        {"blocking", blocking}, {"plain", plain}, {"long", computing}};
    int rc = 0;

    (void)arg;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && rc == 0; i++) {
        printf("-- %s\n", parts[i].name);
        rc = parts[i].run();
    }
    return rc;
}

int main(void)
{
    return weft_run_with(app, NULL, &(weft_options){.virtual_clock = true}) < 0;
}
