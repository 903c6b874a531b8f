# check_tasks.sh - weft check sees the tasks of a program of Weft, and what they do to memory.
# SPDX-License-Identifier: MIT
. "$2/tests/check.inc"

cat >tasks_locks.c <<'END'
#include <weft.h>
static weft_mutex a, b;
static int both(weft_mutex *first, weft_mutex *second)
{
    if (weft_mutex_lock(first) < 0)
        return -1;
    if (weft_mutex_lock(second) == 0)
        weft_mutex_unlock(second);
    weft_mutex_unlock(first);
    return 0;
}
static int left(void *arg) { (void)arg; return both(&a, &b); }
static int right(void *arg) { (void)arg; return both(&b, &a); }
static int app(void *arg)
{
    weft_scope scope;
    (void)arg;
    weft_scope_open(&scope);
    weft_go(&scope, left, NULL);
    weft_go(&scope, right, NULL);
    return weft_scope_close(&scope);
}
int main(void) { return weft_run(app, NULL) != 0; }
END

cat >tasks_count.c <<'END'
#include <assert.h>
#include <weft.h>
static int x;
static int add(void *arg) { (void)arg; x++; return 0; }
static int app(void *arg)
{
    weft_scope scope;
    (void)arg;
    weft_scope_open(&scope);
    weft_go(&scope, add, NULL);
    weft_go(&scope, add, NULL);
    int rc = weft_scope_close(&scope);
    assert(x == 2);
    return rc;
}
int main(void) { return weft_run(app, NULL) != 0; }
END

# A plain thread and tasks, with locks of both kinds, a channel, an event, time: all in order.
cat >tasks_kept.c <<'END'
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <weft.h>
static pthread_mutex_t outer = PTHREAD_MUTEX_INITIALIZER;
static weft_mutex inner;
static weft_event event;
static weft_sem sem;
static weft_chan *chan;
static int x, y, told;
static void add(void)
{
    pthread_mutex_lock(&outer);
    x++;
    pthread_mutex_unlock(&outer);
    if (weft_mutex_lock(&inner) == 0)
        y++;
    weft_mutex_unlock(&inner);
}
static void *thread(void *arg)
{
    int value = 7, *box = malloc(sizeof *box);
    (void)arg;
    add();
    *box = value;
    assert(weft_chan_send(chan, &box) == 0);
    assert(weft_event_wait(&event) == 0);
    assert(told == 1);
    return NULL;
}
static int taker(void *arg)
{
    int *box;
    (void)arg;
    add();
    assert(weft_chan_recv(chan, &box) == 0);
    assert(*box == 7);
    free(box);
    assert(weft_sleep(WEFT_SECOND) == 0);
    told = 1;
    weft_event_set(&event);
    weft_sem_post(&sem);
    return 0;
}
static int waiter(void *arg)
{
    (void)arg;
    add();
    assert(weft_sem_wait(&sem) == 0);
    assert(told == 1);
    return 0;
}
static int app(void *arg)
{
    pthread_t handle;
    weft_scope scope;
    (void)arg;
    chan = weft_chan_new(sizeof(int *), 0);
    pthread_create(&handle, NULL, thread, NULL);
    weft_scope_open(&scope);
    weft_go(&scope, taker, NULL);
    weft_go(&scope, waiter, NULL);
    int rc = weft_scope_close(&scope);
    pthread_join(handle, NULL);
    assert(x == 3 && y == 3);
    weft_chan_free(chan);
    return rc;
}
int main(void) { return weft_run(app, NULL) != 0; }
END

# found CLASS FILE
found()
{
    for seed in 1 2 3; do
        json=$("$weft" check --json --seed $seed --schedules 1000 "$2" </dev/null)
        same "status of $2" 1 $?
        same "class of $2" "$1" "$(member class "$json")"
        same "preemptions of $2" 1 "$(member preemptions "$json")"
    done
    "$weft" replay "$(member replay "$json")" >replayed 2>&1 </dev/null
    same "status of the replay of $2" 1 $?
}

found deadlock tasks_locks.c
# They are called tasks, and nothing that Weft itself does is told.
text=$("$weft" check tasks_locks.c </dev/null)
holds "text of tasks_locks.c" "DEADLOCK (2 tasks, 2 locks)" "$text"
case $text in
*weft__* | *task.c:* | *root.c:*) fail "Weft's own code is in «$text»" ;;
esac
found assertion tasks_count.c
json=$("$weft" check --json --schedules 1000 tasks_kept.c </dev/null)
same "status of tasks_kept.c" 0 $?
same "class of tasks_kept.c" none "$(member class "$json")"
