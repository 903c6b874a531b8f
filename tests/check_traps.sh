# check_traps.sh - what a program under control may do besides locking: heap, signals, pipes, stdio.
# SPDX-License-Identifier: MIT
. "$2/tests/check.inc"

# clean ARG…: nothing is found, and what happens is the same each time.
clean()
{
    json=$("$weft" check --json --schedules 40 "$@" </dev/null)
    same "status of $*: $(member summary "$json")" 0 $?
    same "class of $*" none "$(member class "$json")"
}

# ---- one thread: the heap, and ways to die -----------------------------------------------------

cat >heap.c <<'END'
#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static volatile int caught;
static int on_stack(volatile int n)
{
    volatile char room[4096];
    room[n % 4096] = 1;
    return on_stack(n + 1) + room[3];
}
static void catch (int number)
{
    caught = number;
}
int main(int argc, char **argv)
{
    int way = atoi(argv[1]), fds[2];
    char *block = malloc(20), local[64];
    sigset_t set;
    (void)argc;
    switch (way) {
    case 1: block[20] = 1; break;
    case 2: free(block); block[3] = 1; break;
    case 3: free(block); free(block); break;
    case 4: free(block + 4); break;
    case 5: free(local + (way - 5)); break;
    case 6: memset(block, 0, 21); break;
    case 7: block[-1] = 1; break;
    case 8: block = realloc(block, 400); block[399] = 1; free(block); block = calloc(1, 1 << 20);
        free(block); block[5000] = 1; break;
    case 9: assert(way == 10); break;
    case 10: abort();
    case 11: *(volatile int *)8 = 1; break;
    case 12: on_stack(0); break;
    case 13: raise(SIGTERM); break;
    case 14: pipe(fds); close(fds[0]); write(fds[1], "x", 1); break;
    case 15: pipe(fds); read(fds[0], local, 1); break;
    case 16: sigemptyset(&set); sigaddset(&set, SIGUSR1); sigprocmask(SIG_BLOCK, &set, NULL);
        sigwait(&set, &way); break;
    case 17: funlockfile(stdout); break;
    case 20: signal(SIGUSR1, catch); raise(SIGUSR1); assert(caught == SIGUSR1); break;
    case 21: signal(SIGPIPE, SIG_IGN); pipe(fds); close(fds[0]);
        assert(write(fds[1], "x", 1) == -1); break;
    case 22: sigemptyset(&set); sigaddset(&set, SIGUSR1); sigprocmask(SIG_BLOCK, &set, NULL);
        kill(getpid(), SIGUSR1); assert(sigwait(&set, &way) == 0 && way == SIGUSR1); break;
    case 23: for (int i = 1; i < 3000; i++) {
            char *b = malloc((size_t)i), *c;
            memset(b, i, (size_t)i);
            c = realloc(b, (size_t)i * 2);
            assert(c[i - 1] == (char)i && (size_t)c % 16 == 0);
            free(c);
            c = aligned_alloc(256, (size_t)i);
            assert((size_t)c % 256 == 0);
            free(c);
        } break;
    }
    return 0;
}
END
finds misuse "0 bytes behind a block of 20 bytes" -w heap.c 1
finds use-after-free "freed it at" -w heap.c 2
finds double-free "freed it at" -w heap.c 3
finds misuse "not the begin of a heap block" -w heap.c 4
finds misuse "not of the heap" -w heap.c 5
finds misuse "write of 21 bytes" -w heap.c 6
finds misuse "1 bytes before a block of 20 bytes" -w heap.c 7
finds use-after-free "freed it at" -w heap.c 8
finds assertion "assertion" -w heap.c 9
finds crash "abort() was called" -w heap.c 10
finds crash "SIGSEGV at address 0x8: a null pointer" -w heap.c 11
finds crash "stack of the thread is used up" -w heap.c 12
finds crash "killed by SIGTERM" -w heap.c 13
finds crash "killed by SIGPIPE" -w heap.c 14
finds deadlock "" -w heap.c 15
finds deadlock "" -w heap.c 16
finds misuse "has not locked" -w heap.c 17
for way in 20 21 22 23; do
    clean -w heap.c $way
done
"$cc" -g -O0 -w heap.c -o heap || exit 1
finds use-after-free "" ./heap 2
finds double-free "" ./heap 3
finds misuse "" ./heap 4
finds misuse "" ./heap 5
finds use-after-free "" ./heap 8
finds crash "null pointer" ./heap 11
finds crash "stack of the thread is used up" ./heap 12
for way in 20 21 22 23; do
    clean ./heap $way
done

# ---- threads: what blocks, what spins ----------------------------------------------------------

cat >blocks.c <<'END'
#define _GNU_SOURCE
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
static int way, fds[2], both[2];
static int counted;
static volatile int heard;
static void hear(int number)
{
    heard = number;
}
static void *first(void *arg)
{
    char text[100], *line = NULL;
    size_t room = 0;
    struct pollfd poll_for = {both[0], POLLIN, 0};
    struct timeval second = {1, 0};
    fd_set set;
    sigset_t signals;
    int number;
    switch (way) {
    case 1:
        assert(read(fds[0], text, 3) == 3 && memcmp(text, "abc", 3) == 0);
        break;
    case 2:
        for (size_t n = 0; n < 200000;)
            n += (size_t)read(fds[0], text, sizeof text);
        break;
    case 3:
        number = poll(&poll_for, 1, 3600 * 1000);
        assert(number == 0 || recv(both[0], text, 10, 0) == 5);
        break;
    case 4: {
        FILE *in = fdopen(fds[0], "r");
        assert(getline(&line, &room, in) == 6 && strcmp(line, "hello\n") == 0);
        free(line);
        fclose(in);
        break;
    }
    case 5:
        FD_ZERO(&set);
        FD_SET(fds[0], &set);
        assert(select(fds[0] + 1, &set, NULL, NULL, &second) >= 0);
        break;
    case 6:
        sigemptyset(&signals);
        sigaddset(&signals, SIGUSR1);
        assert(sigwait(&signals, &number) == 0 && number == SIGUSR1);
        break;
    case 7:
        flockfile(stdout);
        printf("a");
        usleep(1);
        printf("b\n");
        funlockfile(stdout);
        break;
    case 8: {
        int file = open("locked", O_RDWR | O_CREAT, 0600);
        flock(file, LOCK_EX);
        number = counted;
        usleep(1);
        counted = number + 1;
        close(file);
        break;
    }
    case 9:
        while (!heard)
            pause();
        break;
    }
    return arg;
}
static void *second(void *arg)
{
    static char many[200000];
    switch (way) {
    case 1: case 5: assert(write(fds[1], "abc", 3) == 3); break;
    case 2: assert(write(fds[1], many, sizeof many) == sizeof many); break;
    case 3: assert(send(both[1], "hello", 5, 0) == 5); break;
    case 4: {
        FILE *out = fdopen(fds[1], "w");
        fprintf(out, "hel");
        fflush(out);
        fprintf(out, "lo\n");
        fclose(out);
        break;
    }
    case 7: puts("c"); break;
    case 8: first(arg); break;
    }
    return arg;
}
int main(int argc, char **argv)
{
    pthread_t a, b;
    struct epoll_event event = {EPOLLIN, {0}};
    sigset_t signals;
    (void)argc;
    way = atoi(argv[1]);
    pipe(fds);
    socketpair(AF_UNIX, SOCK_STREAM, 0, both);
    if (way == 6) {
        sigemptyset(&signals);
        sigaddset(&signals, SIGUSR1);
        pthread_sigmask(SIG_BLOCK, &signals, NULL);
    }
    signal(SIGUSR1, hear);
    if (way == 10) {
        int status, poller = epoll_create1(0);
        pid_t child = fork();
        if (child == 0)
            _exit(3);
        assert(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 3);
        assert(system("exit 4") >> 8 == 4);
        assert(epoll_ctl(poller, EPOLL_CTL_ADD, fds[0], &event) == 0);
        assert(epoll_wait(poller, &event, 1, 3600 * 1000) == 0);
        return 0;
    }
    pthread_create(&a, NULL, first, NULL);
    pthread_create(&b, NULL, second, NULL);
    if (way == 6 || way == 9)
        pthread_kill(a, SIGUSR1);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    assert(way != 8 || counted == 2);
    return 0;
}
END
"$cc" -g -O2 -w blocks.c -o blocks -pthread || exit 1
for way in 1 2 3 4 5 6 7 8 9 10; do
    clean -w blocks.c $way
    clean ./blocks $way
done

cat >spins.c <<'END'
#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
static atomic_int ready, owned;
static int data, counted;
static void *make(void *arg)
{
    data = 5;
    atomic_store_explicit(&ready, 1, memory_order_release);
    while (atomic_exchange(&owned, 1))
        continue;
    counted++;
    atomic_store(&owned, 0);
    return arg;
}
static void *take(void *arg)
{
    int free = 0;
    while (!atomic_load_explicit(&ready, memory_order_acquire))
        continue;
    assert(data == 5);
    while (!atomic_compare_exchange_weak(&owned, &free, 1)) {
        free = 0;
        sched_yield();
    }
    counted++;
    atomic_store(&owned, 0);
    return arg;
}
int main(void)
{
    pthread_t a, b;
    pthread_create(&a, NULL, take, NULL);
    pthread_create(&b, NULL, make, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    assert(counted == 2);
    return 0;
}
END
clean spins.c
sed 's/memory_order_release/memory_order_relaxed/' spins.c >relaxed.c
finds data-race "" relaxed.c

cat >stale.c <<'END'
#include <pthread.h>
#include <stdlib.h>
static struct thing { int uses; } *thing;
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static void *use(void *arg)
{
    pthread_mutex_lock(&m);
    struct thing *mine = thing;
    pthread_mutex_unlock(&m);
    if (mine)
        mine->uses++;
    return arg;
}
static void *drop(void *arg)
{
    pthread_mutex_lock(&m);
    struct thing *mine = thing;
    thing = NULL;
    pthread_mutex_unlock(&m);
    free(mine);
    return arg;
}
int main(void)
{
    pthread_t a, b;
    thing = calloc(1, sizeof *thing);
    pthread_create(&a, NULL, use, NULL);
    pthread_create(&b, NULL, drop, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return 0;
}
END
finds use-after-free "freed it at" stale.c

# ---- what libc keeps, and writes for the program -------------------------------------------------

cat >tokens.c <<'END'
#include <assert.h>
#include <pthread.h>
#include <string.h>
static void *count(void *arg)
{
    char text[] = "a b c d";
    int n = 0;
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
        n++;
    assert(n == 4);
    return arg;
}
int main(void)
{
    pthread_t a, b;
    pthread_create(&a, NULL, count, NULL);
    pthread_create(&b, NULL, count, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return 0;
}
END
finds assertion "n == 4" tokens.c

cat >prints.c <<'END'
#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
static char text[100], copy[100];
static void *print(void *arg)
{
    snprintf(text, sizeof text, "%d", *(int *)arg);
    memcpy(copy, text, 50);
    assert(atoi(copy) == *(int *)arg);
    return arg;
}
int main(void)
{
    pthread_t a, b;
    int one = 1, two = 22;
    pthread_create(&a, NULL, print, &one);
    pthread_create(&b, NULL, print, &two);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return 0;
}
END
sed -i 's/#include <string.h>/#include <stdlib.h>\n&/' prints.c
finds assertion "atoi" prints.c

# ---- C++ -----------------------------------------------------------------------------------------

if ! command -v c++ >/dev/null; then
    finish
    exit
fi
cat >cpp.cpp <<'END'
#include <atomic>
#include <cassert>
#include <condition_variable>
#include <future>
#include <iostream>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>
struct Slow {
    Slow() { std::this_thread::yield(); value = 7; }
    int value;
};
static Slow &slow()
{
    static Slow s;
    return s;
}
int main()
{
    std::once_flag once;
    int made = 0;
    std::mutex m;
    std::condition_variable cv;
    bool ready = false;
    std::atomic<int> sum{0};
    std::promise<int> promise;
    auto future = promise.get_future();
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; i++)
        threads.emplace_back([&] {
            std::call_once(once, [&] { made++; });
            sum += slow().value;
            std::unique_lock<std::mutex> lock(m);
            cv.wait(lock, [&] { return ready; });
        });
    auto later = std::async(std::launch::async, [&] {
        try {
            return future.get();
        } catch (std::runtime_error &) {
            return 1;
        }
    });
    threads.emplace_back([&] {
        promise.set_exception(std::make_exception_ptr(std::runtime_error("no")));
    });
    {
        std::lock_guard<std::mutex> lock(m);
        ready = true;
    }
    cv.notify_all();
    for (auto &t : threads)
        t.join();
    auto shared = std::make_shared<std::string>("hello");
    std::thread last([shared] { assert(shared->size() == 5); std::cout << *shared; });
    shared.reset();
    last.join();
    assert(later.get() == 1 && made == 1 && sum == 14);
    return 0;
}
END
clean cpp.cpp
c++ -g -O1 cpp.cpp -o cpp -pthread || exit 1
clean ./cpp
sed 's/sum += slow().value;/made++; &/' cpp.cpp >wrong.cpp
finds assertion "made == 1" wrong.cpp
finish
