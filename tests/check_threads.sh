# check_threads.sh - every pthread and C11 primitive under control: right uses, and wrong ones.
# SPDX-License-Identifier: MIT
. "$2/tests/check.inc"

# clean ARG…: nothing is found, and what happens is the same each time.
clean()
{
    json=$("$weft" check --json --schedules 150 "$@" </dev/null)
    same "status of $*: $(member summary "$json")" 0 $?
    same "class of $*" none "$(member class "$json")"
    same "control of $*" true "$(member deterministic "$json")"
}

# ---- what must work ----------------------------------------------------------------------------

cat >right.c <<'END'
#define _GNU_SOURCE
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER,
                       again = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP,
                       strict = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static pthread_spinlock_t spin;
static pthread_barrier_t barrier;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static sem_t sem;
static mtx_t mtx;
static cnd_t cnd;
static tss_t tss;
static int n, left, right, gone, fd[2];
static _Thread_local int mine = 7;
static _Thread_local char room[3000];

static void add(void)
{
    pthread_mutex_lock(&m);
    n++;
    pthread_mutex_unlock(&m);
}
static void *locals(void *arg)
{
    long id = (long)arg;
    assert(mine == 7 && room[100] == 0);
    for (int i = 0; i < 5; i++) {
        mine += (int)id;
        errno = (int)id;
        memset(room, (int)id, sizeof room);
        add();
        assert(errno == (int)id && room[2999] == (char)id);
    }
    assert(mine == 7 + 5 * id);
    return (void *)(id * 2);
}
static void drop(void *value)
{
    add();
    gone++;
    if ((long)value < 3)
        pthread_setspecific(key, (char *)value + 1);
}
static void *keys(void *arg)
{
    assert(pthread_getspecific(key) == NULL);
    pthread_setspecific(key, (void *)1);
    if (arg != NULL)
        pthread_exit(arg);
    return arg;
}
static void *buffer(void *arg)
{
    for (int i = 0; i < 5; i++) {
        pthread_mutex_lock(&m);
        while (arg != NULL ? n == 2 : n == 0)
            pthread_cond_wait(&c, &m);
        n += arg != NULL ? 1 : -1;
        pthread_cond_broadcast(&c);
        pthread_mutex_unlock(&m);
    }
    return arg;
}
static void *kinds(void *arg)
{
    pthread_mutex_lock(&again);
    pthread_mutex_lock(&again);
    assert(pthread_mutex_trylock(&again) == 0);
    for (int i = 0; i < 3; i++)
        pthread_mutex_unlock(&again);
    assert(pthread_mutex_unlock(&again) == EPERM);
    pthread_mutex_lock(&strict);
    assert(pthread_mutex_lock(&strict) == EDEADLK);
    pthread_mutex_unlock(&strict);
    assert(pthread_mutex_unlock(&strict) == EPERM);
    pthread_spin_lock(&spin);
    n++;
    pthread_spin_unlock(&spin);
    return arg;
}
static void *readwrite(void *arg)
{
    for (int i = 0; i < 3; i++) {
        if (arg != NULL) {
            pthread_rwlock_wrlock(&rw);
            assert(pthread_rwlock_wrlock(&rw) == EDEADLK);
            left++;
            right++;
        } else {
            pthread_rwlock_rdlock(&rw);
            assert(left == right && pthread_rwlock_trywrlock(&rw) == EBUSY);
        }
        pthread_rwlock_unlock(&rw);
    }
    return arg;
}
static void *rounds(void *arg)
{
    static int round[3];
    for (int i = 0; i < 3; i++) {
        round[(long)arg] = i;
        pthread_barrier_wait(&barrier);
        for (int j = 0; j < 3; j++)
            assert(round[j] == i);
        pthread_barrier_wait(&barrier);
    }
    return arg;
}
static void *onces(void *arg)
{
    pthread_once(&once, add);
    assert(n == 1);
    return arg;
}
static void *post(void *arg)
{
    sem_post(&sem);
    return arg;
}
static void unlock(void *mutex)
{
    pthread_mutex_unlock(mutex);
}
static void *sleeper(void *arg)
{
    char byte;
    switch ((long)arg) {
    case 0:
        pthread_mutex_lock(&m);
        pthread_cleanup_push(unlock, &m);
        for (;;)
            pthread_cond_wait(&c, &m);
        pthread_cleanup_pop(1);
    case 1: for (;;) sleep(1000);
    case 2: for (;;) sem_wait(&sem);
    case 3: read(fd[0], &byte, 1); break;
    case 4:
        pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
        for (;;) sched_yield();
    case 5:
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
        sleep(5);
        pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
        pthread_testcancel();
    }
    return arg;
}
static void *holder(void *arg)
{
    pthread_mutex_lock(&m);
    sleep(86400);
    pthread_mutex_unlock(&m);
    return arg;
}
static struct timespec in(int seconds)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += seconds;
    return t;
}
static void times(void)
{
    struct timespec t = in(3600), start = in(0);
    pthread_t thread;
    pthread_mutex_lock(&m);
    while (pthread_cond_timedwait(&c, &m, &t) != ETIMEDOUT)
        continue;
    pthread_mutex_unlock(&m);
    assert(in(0).tv_sec - start.tv_sec >= 3600 && in(0).tv_sec - start.tv_sec < 3610);
    pthread_create(&thread, NULL, holder, NULL);
    sleep(1);
    t = in(10);
    assert(pthread_mutex_timedlock(&m, &t) == ETIMEDOUT);
    t = in(10);
    assert(pthread_timedjoin_np(thread, NULL, &t) == ETIMEDOUT);
    assert(pthread_tryjoin_np(thread, NULL) == EBUSY);
    t = in(10);
    assert(sem_timedwait(&sem, &t) == -1 && errno == ETIMEDOUT);
    pthread_join(thread, NULL);
    for (time_t until = time(NULL) + 3; time(NULL) < until;)
        continue;
}
static void dropped(void *value)
{
    (void)value;
    mtx_lock(&mtx);
    gone++;
    mtx_unlock(&mtx);
}
static int c11(void *arg)
{
    tss_set(tss, &n);
    mtx_lock(&mtx);
    n++;
    cnd_signal(&cnd);
    mtx_unlock(&mtx);
    thrd_yield();
    if (arg != NULL)
        thrd_exit(42);
    return 41;
}
static void c11_main(void)
{
    thrd_t t[3];
    int result;
    mtx_init(&mtx, mtx_plain);
    cnd_init(&cnd);
    tss_create(&tss, dropped);
    for (long i = 0; i < 3; i++)
        assert(thrd_create(&t[i], c11, i == 1 ? &n : NULL) == thrd_success);
    mtx_lock(&mtx);
    while (n < 3)
        cnd_wait(&cnd, &mtx);
    mtx_unlock(&mtx);
    for (int i = 0; i < 3; i++)
        assert(thrd_join(t[i], &result) == thrd_success && result == (i == 1 ? 42 : 41));
    assert(gone == 3);
}
static void many(void *(*fn)(void *), int count, int want)
{
    pthread_t t[100];
    for (long i = 0; i < count; i++)
        assert(pthread_create(&t[i], NULL, fn, (void *)i) == 0);
    for (int i = 0; i < count; i++)
        pthread_join(t[i], NULL);
    assert(n == want);
}
static void odd(void *(*fn)(void *), int count)
{
    pthread_t t[8];
    for (long i = 0; i < count; i++)
        pthread_create(&t[i], NULL, fn, i % 2 ? &n : NULL);
    for (int i = 0; i < count; i++)
        pthread_join(t[i], NULL);
}
static void detached(void)
{
    pthread_attr_t attr;
    pthread_t t;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    for (int i = 0; i < 8; i++)
        pthread_create(&t, &attr, post, NULL);
    for (int i = 0; i < 8; i++)
        sem_wait(&sem);
}
static void cancelled(void)
{
    pthread_t t[6];
    void *result;
    for (long i = 0; i < 6; i++)
        pthread_create(&t[i], NULL, sleeper, (void *)i);
    for (int i = 0; i < 6; i++)
        assert(pthread_cancel(t[i]) == 0);
    for (int i = 0; i < 6; i++)
        assert(pthread_join(t[i], &result) == 0 && result == PTHREAD_CANCELED);
}
static void *big(void *arg)
{
    volatile char space[20 << 20];
    for (size_t i = 0; i < sizeof space; i += 4096)
        space[i] = 1;
    add();
    return arg;
}
static void *last(void *arg)
{
    sleep(1);
    add();
    return arg;
}
int main(int argc, char **argv)
{
    pthread_attr_t attr;
    pthread_t t;
    void *result;
    (void)argc;
    pthread_spin_init(&spin, 0);
    pthread_barrier_init(&barrier, NULL, 3);
    pthread_key_create(&key, drop);
    sem_init(&sem, 0, 0);
    pipe(fd);
    switch (atoi(argv[1])) {
    case 1: many(locals, 3, 15); break;
    case 2: odd(keys, 3); assert(gone == 9); break;
    case 3: odd(buffer, 4); break;
    case 4: many(kinds, 3, 3); break;
    case 5: odd(readwrite, 4); break;
    case 6: many(rounds, 3, 0); break;
    case 7: many(onces, 3, 1); break;
    case 8: detached(); break;
    case 9: cancelled(); break;
    case 10: times(); break;
    case 11: c11_main(); break;
    case 12: many(locals, 60, 300); break;
    case 13:
        for (int i = 0; i < 40; i++) {
            pthread_create(&t, NULL, locals, (void *)3);
            assert(pthread_join(t, &result) == 0 && result == (void *)6);
        }
        break;
    case 14:
        pthread_attr_init(&attr);
        pthread_attr_setstacksize(&attr, 32 << 20);
        pthread_create(&t, &attr, big, NULL);
        pthread_join(t, NULL);
        break;
    case 15:
        pthread_create(&t, NULL, last, NULL);
        pthread_detach(t);
        pthread_exit(NULL);
    }
    return 0;
}
END
"$cc" -w -g -O1 -pthread right.c -o right || exit 1
for way in $(seq 1 15); do
    clean ./right "$way"
done

# ---- what must be found ------------------------------------------------------------------------

cat >wrong.c <<'END'
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
static pthread_spinlock_t spin;
static pthread_barrier_t barrier;
static sem_t sem;
static int way;
static void *other(void *arg)
{
    switch (way) {
    case 2: pthread_mutex_unlock(&m); break;
    case 8: pthread_mutex_lock(&m); break;
    case 9:
        pthread_mutex_lock(&m);
        pthread_cond_wait(&c, &m);
        pthread_mutex_unlock(&m);
        break;
    case 13: pthread_barrier_wait(&barrier); break;
    case 14: sem_wait(&sem); break;
    }
    return arg;
}
int main(int argc, char **argv)
{
    pthread_t t;
    (void)argc;
    way = atoi(argv[1]);
    pthread_barrier_init(&barrier, NULL, 3);
    pthread_spin_init(&spin, 0);
    sem_init(&sem, 0, 0);
    if (way == 2 || way == 4)
        pthread_mutex_lock(&m);
    pthread_create(&t, NULL, other, NULL);
    switch (way) {
    case 1: pthread_mutex_unlock(&m); break;
    case 3: pthread_join(t, NULL); break;
    case 4: pthread_mutex_destroy(&m); break;
    case 5: pthread_mutex_destroy(&m); pthread_mutex_lock(&m); break;
    case 6: pthread_mutex_lock(&m); pthread_mutex_lock(&m); break;
    case 7: pthread_rwlock_rdlock(&rw); pthread_rwlock_wrlock(&rw); break;
    case 8: pthread_join(t, NULL); pthread_mutex_lock(&m); return 0;
    case 10: pthread_cond_wait(&c, &m); break;
    case 11: pthread_detach(t); break;
    case 12: pthread_rwlock_unlock(&rw); break;
    case 13: pthread_barrier_wait(&barrier); break;
    case 15: pthread_spin_lock(&spin); pthread_spin_lock(&spin); break;
    }
    pthread_join(t, NULL);
    return 0;
}
END
"$cc" -w -g -O1 -pthread wrong.c -o wrong || exit 1
finds misuse "unlock of a mutex that is not locked" ./wrong 1
finds misuse "that another thread holds" ./wrong 2
finds misuse "joined already" ./wrong 3
finds misuse "destroy of a mutex that thread 0 holds" ./wrong 4
finds misuse "lock of a mutex that was destroyed" ./wrong 5
finds deadlock "" ./wrong 6
finds deadlock "" ./wrong 7
finds deadlock "" ./wrong 8
finds deadlock "" ./wrong 9
finds misuse "wait with a mutex that is not locked" ./wrong 10
finds misuse "detached" ./wrong 11
finds misuse "read-write lock that is not locked" ./wrong 12
finds deadlock "" ./wrong 13
finds deadlock "" ./wrong 14
finds deadlock "" ./wrong 15

# ---- processes, constructors, input ------------------------------------------------------------

cat >before.c <<'END'
#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
static int go, done;
static pthread_t t;
static void take(void)
{
    pthread_mutex_lock(&m);
}
static void give(void)
{
    pthread_mutex_unlock(&m);
}
static void *early(void *arg)
{
    pthread_mutex_lock(&m);
    while (!go)
        pthread_cond_wait(&c, &m);
    done = 1;
    pthread_mutex_unlock(&m);
    return arg;
}
__attribute__((constructor)) static void begin(void)
{
    pthread_create(&t, NULL, early, NULL);
    pthread_atfork(take, give, give);
}
int main(void)
{
    int status;
    char line[16];
    pid_t pid = fork();
    if (pid == 0) {
        take();
        give();
        _exit(7);
    }
    assert(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7);
    pthread_mutex_lock(&m);
    go = 1;
    pthread_cond_signal(&c);
    pthread_mutex_unlock(&m);
    pthread_join(t, NULL);
    assert(done == 1);
    assert(fgets(line, sizeof line, stdin) != NULL && line[0] == 'x');
    return 0;
}
END
"$cc" -w -g -O1 -pthread before.c -o before || exit 1
json=$(echo x | "$weft" check --json --schedules 50 ./before)
same "status of a program with threads before main and with processes" 0 $?
finish
