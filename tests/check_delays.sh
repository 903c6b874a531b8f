# check_delays.sh - weft check --mode delays: real threads, and what fails by chance.
# SPDX-License-Identifier: MIT
. "$2/tests/check.inc"

# Looks under the lock, acts under the lock, and lets go in between.
cat >halves.c <<'END2'
#include <assert.h>
#include <pthread.h>
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static int x;
static void *add(void *arg)
{
    for (int i = 0; i < 5; i++) {
        pthread_mutex_lock(&m);
        int seen = x;
        pthread_mutex_unlock(&m);
        pthread_mutex_lock(&m);
        x = seen + 1;
        pthread_mutex_unlock(&m);
    }
    return arg;
}
int main(void)
{
    pthread_t a, b;
    pthread_create(&a, NULL, add, NULL);
    pthread_create(&b, NULL, add, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    assert(x == 10);
    return 0;
}
END2
# Waits for a signal that has mostly come already.
cat >missed.c <<'END2'
#include <pthread.h>
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
static void *wake(void *arg)
{
    pthread_mutex_lock(&m);
    pthread_cond_signal(&c);
    pthread_mutex_unlock(&m);
    return arg;
}
int main(void)
{
    pthread_t t;
    pthread_create(&t, NULL, wake, NULL);
    pthread_mutex_lock(&m);
    pthread_cond_wait(&c, &m);
    pthread_mutex_unlock(&m);
    pthread_join(t, NULL);
    return 0;
}
END2
# Spins on a flag: nobody sees it when it is compiled without the hooks.
cat >spins.c <<'END2'
#include <pthread.h>
static volatile int ready;
static void *set(void *arg)
{
    ready = 1;
    return arg;
}
int main(void)
{
    pthread_t t;
    pthread_create(&t, NULL, set, NULL);
    while (!ready)
        ;
    return pthread_join(t, NULL);
}
END2
for name in halves missed spins kept; do
    "$cc" -g -pthread $name.c -o $name || exit 1
done

# found CLASS ARG…: by delays, and the report is honest about it.
found()
{
    wanted=$1
    shift
    json=$("$weft" check --json --mode delays "$@" </dev/null)
    same "status of $*" 1 $?
    same "class of $*" "$wanted" "$(member class "$json")"
    same "deterministic of $*" false "$(member deterministic "$json")"
    holds "limits of $*" "may or may not fail" "$(member limits "$json")"
}

found assertion ./halves
holds "summary" "assertion \`x == 10' failed" "$(member summary "$json")"
replay=$(member replay "$json")
case $replay in w1-*) ;; *) fail "no replay string: $json" ;; esac
"$weft" replay "$replay" >text 2>&1 </dev/null
[ $? -le 1 ] || fail "the replay could not be run: $(cat text)"
holds "the replay" "may or may not fail" "$(tr '\n' ' ' <text | tr -s ' ')"
found assertion halves.c
if [ -r /proc/self/syscall ]; then
    found deadlock ./missed
    holds "the report" "pthread_cond_wait, called by main" "$json"
fi

# Nothing is wrong: nothing is found, in the one mode and in the other.
for program in ./kept kept.c; do
    json=$("$weft" check --json --mode delays --schedules 20 $program </dev/null)
    same "status of $program" 0 $?
    holds "limits of $program" "by chance" "$(member limits "$json")"
done
json=$("$weft" check --json --mode auto --jobs 1 --schedules 20 ./spins </dev/null)
same "status of spins, by itself" 0 $?
holds "limits of spins" "by chance" "$(member limits "$json")"
json=$("$weft" check --json --mode auto --schedules 20 ./kept </dev/null)
same "status of kept, by itself" 0 $?
case $(member limits "$json") in
*"by chance"*) fail "kept is controlled, and the report says it is not: $json" ;;
esac

"$weft" check --mode luck ./kept >text 2>&1
same "status of a mode that there is not" 2 $?
holds "the message" "no such mode" "$(cat text)"
finish
