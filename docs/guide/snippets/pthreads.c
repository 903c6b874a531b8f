/* pthreads.c - the lines of the chapter "Coming from pthreads".
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <weft.h>

/* [statics] */
static weft_mutex lock = WEFT_MUTEX_INIT;
static weft_rmutex deep = WEFT_RMUTEX_INIT;
static weft_rwlock prices = WEFT_RWLOCK_INIT;
static weft_cond changed = WEFT_COND_INIT;
static weft_once prepared = WEFT_ONCE_INIT;
static weft_sem seats = WEFT_SEM_INIT(2);
static const weft_local user = {"user"};
/* [/statics] */
static weft_barrier corner;
static int total, prepared_times;
static bool ready;

static int prepare(void *arg)
{
    (void)arg;
    prepared_times++;
    return 0;
}

static void tidy_up(void *arg)
{
    printf("tidied up: %s\n", (const char *)arg);
}

static int add(void *arg)
{
    int rc = weft_once_call(&prepared, prepare, NULL);
    if (rc < 0)
        return rc;
    if ((rc = weft_barrier_wait(&corner)) < 0)
        return rc;
    if ((rc = weft_sem_wait(&seats)) < 0)
        return rc;
    weft_sem_post(&seats);
    if ((rc = weft_rwlock_read_lock(&prices)) < 0)
        return rc;
    weft_rwlock_read_unlock(&prices);
    if ((rc = weft_rmutex_lock(&deep)) < 0)
        return rc;
    weft_rmutex_unlock(&deep);

    rc = weft_mutex_lock(&lock);
    if (rc < 0)
        return rc;
    total += *(int *)arg;
    ready = true;
    weft_cond_signal(&changed);
    weft_mutex_unlock(&lock);
    return 0;
}

static int wait_until_ready(void)
{
    int rc = weft_mutex_lock(&lock);
    if (rc < 0)
        return rc;
    while (rc == 0 && !ready)
        rc = weft_cond_wait(&changed, &lock);
    weft_mutex_unlock(&lock);
    return rc;
}

static int write_prices(void)
{
    int rc = weft_rwlock_write_lock(&prices);
    if (rc == 0)
        weft_rwlock_write_unlock(&prices);
    return rc;
}

/* [join] */
static int three_tasks(void)
{
    weft_scope scope;

    weft_scope_open(&scope);
    for (int i = 1; i <= 3; i++)
        weft_go(&scope, add, &i);          /* i is copied */
    int rc = weft_scope_close(&scope);     /* all three have ended */
    return rc;
}
/* [/join] */

static int square(int64_t from, int64_t to, void *arg)
{
    int64_t *squares = arg;

    for (int64_t i = from; i < to; i++)
        squares[i] = i * i;
    return 0;
}

static int compute(void)
{
    int64_t squares[100];
    int rc = weft_for(0, 100, square, squares);

    if (rc == 0)
        printf("%d\n", (int)squares[99]);
    return rc;
}

/* ---- the world outside ---- */

static int serve(void *arg) /* the task of one connection */
{
    char buffer[64];
    int fd = *(int *)arg;
    ssize_t n = weft_wait_fd(fd, WEFT_FD_READ);

    if (n >= 0)
        n = weft_read(fd, buffer, sizeof buffer);
    if (n > 0)
        n = weft_write(fd, buffer, (size_t)n);
    weft_close(fd);
    return n < 0 ? (int)n : 0;
}

static int accept_one(void *arg)
{
    int listener = *(int *)arg;
    int fd = weft_accept(listener, NULL);

    return fd < 0 ? fd : serve(&fd);
}

static int call_it(int listener)
{
    char text[WEFT_ADDR_TEXT_MAX] = "", *line;
    weft_stream *stream;
    weft_addr here;
    int rc = weft_sock_here(listener, &here);

    if (rc < 0 || (rc = weft_addr_text(&here, text, sizeof text)) < 0)
        return rc;
    int fd = weft_connect(text, NULL);
    if (fd < 0 || (rc = weft_stream_fd(fd, &stream)) < 0)
        return fd < 0 ? fd : rc;
    rc = weft_stream_print(stream, "hello\n");
    if (rc == 0 && (rc = weft_stream_flush(stream)) == 0)
        rc = (int)weft_stream_line(stream, &line);
    if (rc > 0)
        printf("%s\n", line);
    weft_stream_close(stream);
    return rc;
}

static int sockets(void)
{
    weft_scope scope;
    int listener = weft_listen("127.0.0.1:0", NULL);

    if (listener < 0)
        return listener;
    weft_scope_open(&scope);
    weft_go(&scope, accept_one, &listener);
    int rc = call_it(listener);
    if (rc < 0)
        weft_scope_cancel(&scope);
    int failed = weft_scope_close(&scope);
    weft_close(listener);
    return rc < 0 ? rc : failed;
}

static int programs(void)
{
    const char *const argv[] = {"echo", "done", NULL};
    weft_proc_result result;
    int rc = weft_proc_run(argv, NULL, &result);

    if (rc == 0)
        printf("%d: %s", result.end.exit_code, result.out);
    weft_proc_result_free(&result);
    return rc == -WEFT_ENOTSUP ? 0 : rc; /* under weft check there are no programs */
}

static int signals(void)
{
    static const int numbers[] = {SIGUSR1};
    weft_signals *asked;
    weft_signal_info info;
    int rc = weft_signals_open(numbers, 1, &asked);

    if (rc < 0)
        return rc;
    kill(getpid(), SIGUSR1);
    rc = weft_signals_next(asked, &info);
    if (rc == 0)
        printf("%s\n", strsignal(info.signo));
    weft_signals_close(asked);
    return rc;
}

static int look_up(void *arg)
{
    return *(int *)arg + 1;
}

static int outside(void)
{
    int number = 1, rc = sockets();

    if (rc < 0 || (rc = programs()) < 0 || (rc = signals()) < 0)
        return rc;
    rc = weft_blocking(look_up, &number);
    return rc < 0 ? rc : 0;
}

static int app(void *arg)
{
    weft_scope scope, soon;
    int rc;

    (void)arg;
    weft_barrier_init(&corner, 3);
    weft_scope_open(&scope);
    if ((rc = weft_defer(tidy_up, (void *)"the desk")) < 0 ||
        (rc = weft_local_set(&user, (void *)"ada")) < 0 || (rc = three_tasks()) < 0 ||
        (rc = wait_until_ready()) < 0 || (rc = write_prices()) < 0)
        weft_scope_cancel(&scope);
    weft_scope_close(&scope);

    weft_scope_open(&soon);
    weft_scope_deadline(&soon, weft_after(10 * WEFT_MS));
    rc = weft_sleep(1 * WEFT_SECOND);
    printf("%s, and the scope says %s\n", rc == -WEFT_ECANCELED ? "cut short" : "not cut short",
           weft_strerror(weft_scope_close(&soon)));

    weft_scope_open(&scope);
    rc = weft_go_with(&scope, prepare, NULL, 0,
                      &(weft_task_options){.name = "desk", .stack_size = 64 * 1024});
    if (rc == 0)
        rc = weft_yield();
    weft_scope_cancel(&scope);
    weft_scope_close(&scope);
    printf("%d, prepared %d times, for %s\n", total, prepared_times,
           (const char *)weft_local_get(&user));
    if (rc == 0)
        rc = compute();
    return rc < 0 ? rc : outside();
}

int main(void)
{
    return weft_run_with(app, NULL, &(weft_options){.virtual_clock = true}) < 0;
}
