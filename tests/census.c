/* census.c - reads /proc/self for census.h.
 *
 * An ended and joined thread may still be listed for a moment, since the kernel wakes the joiner
 * before it forgets the thread, and so may a thread of a ring that is closed; so the second count
 * is repeated for up to ten seconds until it agrees.  A real leak stays.
 *
 * SPDX-License-Identifier: MIT
 */
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "tests/census.h"
#include "tests/test.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CENSUS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CENSUS_SANITIZED 1
#endif
#endif
#ifndef CENSUS_SANITIZED
#define CENSUS_SANITIZED 0
#endif

enum {
    GROWTH_MAX = 64 * 1024,
    LOOKS_MAX = 1000,
    LOOK_PAUSE_NS = 10 * 1000 * 1000,
};

static void census_fds(struct census *census)
{
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;
    memset(census->fd_is_open, 0, sizeof census->fd_is_open);
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        int fd = atoi(entry->d_name);
        if (fd < CENSUS_FDS_MAX && fd != dirfd(dir)) {
            census->fd_is_open[fd] = entry->d_name[0] != '.';
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
}

static size_t census_threads(void)
{
    DIR *dir = opendir("/proc/self/task");
    struct dirent *entry;
    size_t count = 0;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        count += entry->d_name[0] != '.';
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return count;
}

static bool census_counts_memory(void)
{
    const char *tunables = getenv("GLIBC_TUNABLES");
    return !CENSUS_SANITIZED && tunables != NULL && getenv("TEST_EMULATED") == NULL
        && strstr(tunables, "stack_cache_size=0") != NULL;
}

/* A line of maps without a name is anonymous memory: "7f…-7f… rw-p 00000000 00:00 0". */
static size_t census_memory(void)
{
    char line[512], name[2];
    unsigned long from, to, inode;
    size_t bytes = 0;
    FILE *maps = census_counts_memory() ? fopen("/proc/self/maps", "re") : NULL;
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        int n = sscanf(line, "%lx-%lx %*s %*s %*s %lu %1s", &from, &to, &inode, name);
        if (n == 3 && inode == 0) {
            bytes += to - from;
        }
    }
    if (maps != NULL) {
        fclose(maps);
    }
    return bytes;
}

static void *census_say_tid(void *arg)
{
    *(pid_t *)arg = gettid();
    return NULL;
}

void census_warm_up(void)
{
    pthread_t thread;
    pid_t tid;

    if (pthread_create(&thread, NULL, census_say_tid, &tid) == 0) {
        pthread_join(thread, NULL);
        while (tgkill(getpid(), tid, 0) == 0)
            sched_yield();
    }
}

void census_take(struct census *census)
{
    census_fds(census);
    census->threads = census_threads();
    census->anonymous_bytes = census_memory();
    census->allocations = (size_t)weft__alloc_live();
}

/* The first descriptor that is open now and was not before, or -1. */
static int census_new_fd(const struct census *before, const struct census *now)
{
    for (int fd = 0; fd < CENSUS_FDS_MAX; fd++) {
        if (now->fd_is_open[fd] && !before->fd_is_open[fd]) {
            return fd;
        }
    }
    return -1;
}

static bool census_agrees(const struct census *before, const struct census *now)
{
    return now->threads <= before->threads
        && now->allocations <= before->allocations
        && now->anonymous_bytes < before->anonymous_bytes + GROWTH_MAX
        && census_new_fd(before, now) < 0;
}

void census_compare(const struct census *before, const char *file, int line)
{
    struct census now;
    census_take(&now);
    for (int look = 0; look < LOOKS_MAX && !census_agrees(before, &now); look++) {
        nanosleep(&(struct timespec){.tv_nsec = LOOK_PAUSE_NS}, NULL);
        census_take(&now);
    }
    int fd = census_new_fd(before, &now);
    if (fd >= 0) {
        char path[64], target[256] = "";
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        ssize_t n = readlink(path, target, sizeof target - 1);
        test_fail(file, line, "left behind: descriptor %d (%s)", fd, n > 0 ? target : "?");
    }
    if (now.allocations > before->allocations) {
        test_fail(file, line, "left behind: %zu allocations",
                  now.allocations - before->allocations);
    }
    if (now.threads > before->threads) {
        test_fail(file, line, "left behind: %zu threads", now.threads - before->threads);
    }
    if (now.anonymous_bytes >= before->anonymous_bytes + GROWTH_MAX) {
        test_fail(file, line, "left behind: %zu bytes of mappings",
                  now.anonymous_bytes - before->anonymous_bytes);
    }
}
