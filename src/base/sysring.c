/* sysring.c - the door to the kernel's rings; see sysring.h.
 *
 * Raw system calls, because libc has none for them and liburing would be our first dependency, for
 * the three hundred lines that we need: docs/decisions/0024.  The kernel's header may be older than
 * the kernel, so what it may lack is said here by number.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/sysring.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/sys.h"
#include "base/time.h"
#include "weft/err.h"

#ifndef IORING_SETUP_NO_SQARRAY
#define IORING_SETUP_NO_SQARRAY (1U << 16) /* Linux 6.6 */
#endif

#ifndef IORING_FEAT_NO_IOWAIT
#define IORING_FEAT_NO_IOWAIT (1U << 17) /* Linux 6.15 */
#endif

#ifndef IORING_ENTER_NO_IOWAIT
#define IORING_ENTER_NO_IOWAIT (1U << 7) /* likewise */
#endif

/* NODROP: what does not fit is kept.  EXT_ARG: waits with a timeout.  FAST_POLL: what would wait
 * holds no thread.  RW_CUR_POS: reads at the file's own position. */
#define SYSRING_FEATURES                                                                           \
    (IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG | IORING_FEAT_FAST_POLL |  \
     IORING_FEAT_RW_CUR_POS)

/* COOP_TASKRUN: a completion does not interrupt who submitted, TASKRUN_FLAG tells that one waits.
 * Not DEFER_TASKRUN, not SINGLE_ISSUER: the thread on a seat changes, and others must be able to
 * come to the help of one that is stuck.  SUBMIT_ALL: a bad entry does not stop those behind it. */
#define SYSRING_FLAGS                                                                              \
    (IORING_SETUP_CQSIZE | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG |                 \
     IORING_SETUP_SUBMIT_ALL)

/* As in sys.c. */
static WEFT_NOINLINE WEFT_NO_SANITIZE int sysring_code(void)
{
    return -errno;
}

static int sysring_setup(uint32_t sq_size, uint32_t cq_size, struct io_uring_params *params)
{
    static const uint32_t tries[] = {SYSRING_FLAGS | IORING_SETUP_NO_SQARRAY, SYSRING_FLAGS};
    int rc = -EINVAL;

    for (size_t i = 0; i < WEFT_ARRAY_SIZE(tries) && rc == -EINVAL; i++) {
        memset(params, 0, sizeof *params);
        params->flags = tries[i];
        params->cq_entries = cq_size;
        rc = (int)syscall(SYS_io_uring_setup, sq_size, params);
        rc = rc < 0 ? sysring_code() : rc;
    }
    return rc;
}

static int sysring_map(int fd, size_t size_bytes, uint64_t offset, void **ret)
{
    void *p;

    if (weft__fault(WEFT_FAULT_MAP))
        return -ENOMEM;
    p = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
    if (p == MAP_FAILED)
        return sysring_code();
    /* advice, but for a child that would take the parent's words for its own */
    if (madvise(p, size_bytes, MADV_DONTFORK) != 0) {
        int rc = sysring_code();

        munmap(p, size_bytes);
        return rc;
    }
    *ret = p;
    return 0;
}

static int sysring_map_both(struct weft__sys_ring *ring)
{
    int rc = sysring_map(ring->fd, ring->map_size, IORING_OFF_SQ_RING, &ring->map);

    if (rc < 0)
        return rc;
    void *sqes;
    rc = sysring_map(ring->fd, ring->sqes_size, IORING_OFF_SQES, &sqes);
    if (rc < 0) {
        munmap(ring->map, ring->map_size);
        return rc;
    }
    ring->sqes = sqes;
    return 0;
}

static ATOMIC(uint32_t) *sysring_word(const struct weft__sys_ring *ring, uint32_t offset)
{
    return (ATOMIC(uint32_t) *)(void *)((char *)ring->map + offset);
}

static void sysring_find_words(struct weft__sys_ring *ring, const struct io_uring_params *params)
{
    ring->sq_head = sysring_word(ring, params->sq_off.head);
    ring->sq_tail = sysring_word(ring, params->sq_off.tail);
    ring->sq_flags = sysring_word(ring, params->sq_off.flags);
    ring->cq_head = sysring_word(ring, params->cq_off.head);
    ring->cq_tail = sysring_word(ring, params->cq_off.tail);
    ring->cqes = (const void *)((char *)ring->map + params->cq_off.cqes);
    if (!(params->flags & IORING_SETUP_NO_SQARRAY)) { /* entries are used in their own order */
        uint32_t *array = (void *)((char *)ring->map + params->sq_off.array);

        for (uint32_t i = 0; i < ring->sq_size; i++)
            array[i] = i;
    }
}

int weft__sys_ring_open(uint32_t sq_size, uint32_t cq_size, struct weft__sys_ring *ret)
{
    struct io_uring_params params;
    struct weft__sys_ring ring = {.fd = -1};
    size_t sq_end = 0, cq_end;

    if (weft__fault(WEFT_FAULT_SYS))
        return -EMFILE;
    ring.fd = sysring_setup(sq_size, cq_size, &params);
    if (ring.fd < 0)
        return ring.fd;
    int rc = (params.features & SYSRING_FEATURES) == SYSRING_FEATURES ? 0 : -WEFT_ENOTSUP;
    if (rc == 0) {
        ring.features = params.features;
        ring.sq_size = params.sq_entries;
        ring.cq_size = params.cq_entries;
        ring.sqes_size = ring.sq_size * sizeof *ring.sqes;
        if (!(params.flags & IORING_SETUP_NO_SQARRAY))
            sq_end = params.sq_off.array + ring.sq_size * sizeof(uint32_t);
        cq_end = params.cq_off.cqes + ring.cq_size * sizeof *ring.cqes;
        ring.map_size = weft__max(sq_end, cq_end);
        rc = sysring_map_both(&ring);
    }
    if (rc < 0) {
        weft__sys_close(ring.fd);
        return rc;
    }
    sysring_find_words(&ring, &params);
    *ret = ring;
    return 0;
}

void weft__sys_ring_close(struct weft__sys_ring *ring)
{
    munmap(ring->sqes, ring->sqes_size);
    munmap(ring->map, ring->map_size);
    weft__sys_close(ring->fd);
    ring->fd = -1;
}

int weft__sys_ring_can(const struct weft__sys_ring *ring, const uint8_t *ops, size_t n)
{
    enum { OPS_MAX = 64 };
    uint64_t room[(sizeof(struct io_uring_probe) + OPS_MAX * sizeof(struct io_uring_probe_op)) / 8];
    struct io_uring_probe *probe = (void *)room;

    if (weft__fault(WEFT_FAULT_SYS))
        return -EIO;
    memset(room, 0, sizeof room);
    if (syscall(SYS_io_uring_register, ring->fd, IORING_REGISTER_PROBE, probe, OPS_MAX) < 0)
        return sysring_code();
    for (size_t i = 0; i < n; i++) {
        WEFT_CHECK(ops[i] < OPS_MAX);
        if (!(probe->ops[ops[i]].flags & IO_URING_OP_SUPPORTED))
            return -WEFT_ENOTSUP;
    }
    return 0;
}

static int sysring_enter(const struct weft__sys_ring *ring, uint32_t submit, uint32_t wait,
                         uint32_t flags, const struct io_uring_getevents_arg *arg)
{
    int kept = errno; /* as in weft__sys_futex_wait */
    long n;

    if (weft__fault(WEFT_FAULT_SYS))
        return -EAGAIN;
    n = syscall(SYS_io_uring_enter, ring->fd, submit, wait, flags | IORING_ENTER_GETEVENTS, arg,
                arg ? sizeof *arg : 0);
    if (n >= 0)
        return (int)n;
    int rc = sysring_code();
    if (WEFT_TSAN && rc == -EINTR)
        weft__time_sleep_until(0); /* as in sys_take_signals */
    errno = kept;
    WEFT_CHECK(rc != -EBADR); /* completions are lost: their callers would wait for ever */
    return rc;
}

int weft__sys_ring_enter(const struct weft__sys_ring *ring, uint32_t submit)
{
    return sysring_enter(ring, submit, 0, 0, NULL);
}

int weft__sys_ring_wait(const struct weft__sys_ring *ring, uint32_t submit, int64_t timeout_ns)
{
    struct __kernel_timespec time = {.tv_sec = timeout_ns / WEFT_NS_PER_SECOND,
                                     .tv_nsec = timeout_ns % WEFT_NS_PER_SECOND};
    struct io_uring_getevents_arg arg = {.ts = timeout_ns < 0 ? 0 : (uint64_t)(uintptr_t)&time};
    /* a CPU whose threads wait for sockets does not wait for a disk */
    uint32_t iowait = ring->features & IORING_FEAT_NO_IOWAIT ? IORING_ENTER_NO_IOWAIT : 0;

    return sysring_enter(ring, submit, 1, IORING_ENTER_EXT_ARG | iowait, &arg);
}

/* By its flags, the seventh word behind its name: /proc/PID/task/TID/stat. */
static bool sysring_is_worker(const char *tid)
{
    enum { WORDS = 7, FLAG_IO_WORKER = 0x10 }; /* PF_IO_WORKER of the kernel's sched.h */
    char path[64], stat[512];
    char *at;

    snprintf(path, sizeof path, "/proc/self/task/%.16s/stat", tid);
    if (weft__sys_read_file(path, stat, sizeof stat) < 0 || (at = strrchr(stat, ')')) == NULL)
        return false;
    for (int i = 0; i < WORDS && at; i++)
        at = strchr(at + 1, ' ');
    return at && (strtoul(at + 1, NULL, 10) & FLAG_IO_WORKER);
}

int weft__sys_ring_threads(void)
{
    DIR *dir = opendir("/proc/self/task");
    const struct dirent *entry;
    int n = 0;

    while (dir && (entry = readdir(dir)) != NULL)
        n += entry->d_name[0] != '.' && sysring_is_worker(entry->d_name);
    if (dir)
        closedir(dir);
    return n;
}

int weft__sys_ring_cancel(const struct weft__sys_ring *ring, uint64_t user_data)
{
    struct io_uring_sync_cancel_reg cancel = {.addr = user_data, .fd = -1};
    int kept = errno;
    int rc = 0;

    if (syscall(SYS_io_uring_register, ring->fd, IORING_REGISTER_SYNC_CANCEL, &cancel, 1) < 0)
        rc = sysring_code();
    errno = kept;
    return rc;
}
