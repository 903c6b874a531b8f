/* sim_disk.c - the simulated disk, and whatever else is not of the simulated machine.
 *
 * Called by sim.c.  A file is a real one: the operation is done at once, by the plain system call,
 * and its result is told after the delay of the disk.  What was written lies in the file from the
 * beginning, as it might; a cancel does not shorten the delay, since the operation has happened.
 *
 * A descriptor that leads elsewhere (a terminal, a process) is tried, and tried again after a
 * millisecond of the run's clock.  When that is a virtual one it would fly: so it waits for the
 * descriptor a little, in the kernel.
 *
 * An operation that waits has a timer, of a fixed number.  When all are taken it is told at once.
 *
 * SPDX-License-Identifier: MIT
 */
#include <fcntl.h>
#include <poll.h>

#include "base/panic.h"
#include "base/sys.h"
#include "base/sysnet.h"
#include "core/runtime.h"
#include "io/sim.h"
#include "weft/err.h"
#include "weft/time.h"

#define SIMDISK_SLOTS   128
#define SIMDISK_AGAIN_NS (1 * WEFT_MS)

struct simdisk_slot {
    struct weft__timer timer;
    struct weft__io_op *op; /* under the machine's lock; NULL: none */
    ssize_t result;
};

static struct simdisk_slot simdisk_slots[SIMDISK_SLOTS];

/* ---- files ---- */

static bool simdisk_is_file(int fd)
{
    struct stat st;
    return weft__sys_fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) ||
                                             S_ISBLK(st.st_mode));
}

static ssize_t simdisk_read(struct weft__io_op *op, size_t size)
{
    return op->offset >= 0 ? weft__sys_pread(op->fd, op->buffer, size, op->offset)
                           : weft__sys_read(op->fd, op->buffer, size);
}

static ssize_t simdisk_write(struct weft__io_op *op, size_t size)
{
    return op->offset >= 0 ? weft__sys_pwrite(op->fd, op->buffer, size, op->offset)
                           : weft__sys_write(op->fd, op->buffer, size);
}

/* A FIFO opens at once, for reading; for writing it is tried until there is a reader. */
static ssize_t simdisk_open(const struct weft__io_op *op)
{
    struct stat st;
    if (weft__sys_stat(op->path, &st) < 0 || !S_ISFIFO(st.st_mode) || op->flags & O_NONBLOCK) {
        return weft__sys_open(op->path, op->flags, op->mode);
    }
    int fd = weft__sys_open(op->path, op->flags | O_NONBLOCK, op->mode);
    if (fd < 0) {
        return fd == -ENXIO ? -WEFT_EAGAIN : fd;
    }
    int rc = weft__sys_set_flags(fd, op->flags);
    WEFT_CHECK(rc == 0);
    return fd;
}

/* How much of it is done; or a code. */
static ssize_t simdisk_size(const struct weft__io_op *op)
{
    const weft_sim_options *o = &weft__sim.options;
    weft_sim_counts *counts = &weft__sim.counts;
    uint64_t max = o->disk_bytes_max, room = UINT64_MAX;
    size_t size = op->size;
    weft__sim_lock();
    bool fails = op->code != WEFT__IO_OPEN && weft__sim_fault(o->disk_error, WEFT__MISHAP_DISK);
    if (fails) {
        counts->disk_errors++;
    } else if (op->code == WEFT__IO_READ) {
        size = weft__sim_part(size, o->short_read, WEFT__MISHAP_PART_RECEIVED);
    } else if (op->code == WEFT__IO_WRITE) {
        size = weft__sim_part(size, o->short_write, WEFT__MISHAP_PART_TAKEN);
        room = max == 0 ? room : max - weft__min(max, counts->disk_bytes);
        size = (size_t)weft__min((uint64_t)size, room);
        counts->disk_bytes += size;
    }
    weft__sim_note('D', (uint64_t)op->code, size);
    weft__sim_unlock(false);
    if (fails) {
        return -EIO;
    }
    return room == 0 && op->size > 0 ? -ENOSPC : (ssize_t)size;
}

static ssize_t simdisk_do(struct weft__io_op *op)
{
    ssize_t size = simdisk_size(op);
    if (size < 0) {
        return size;
    }
    switch (op->code) {
    case WEFT__IO_READ:
        return simdisk_read(op, (size_t)size);
    case WEFT__IO_WRITE:
        return simdisk_write(op, (size_t)size);
    case WEFT__IO_OPEN:
        return simdisk_open(op);
    case WEFT__IO_FSYNC:
        return weft__sys_fsync(op->fd);
    default:
        return -WEFT_EINVAL;
    }
}

/* ---- waiting ---- */

static void simdisk_came(struct weft__timer *timer)
{
    struct simdisk_slot *slot = container_of(timer, struct simdisk_slot, timer);
    weft__sim_lock();
    struct weft__io_op *op = slot->op;
    slot->op = NULL;
    if (op) {
        op->home = NULL;
        weft__io_complete(op, slot->result);
    }
    weft__sim_unlock(true);
}

/* True: the operation will be told its result then. */
static bool simdisk_wait(struct weft__io_op *op, int64_t until, ssize_t result)
{
    bool is_found = false;
    weft__sim_lock();
    for (size_t i = 0; i < SIMDISK_SLOTS && !is_found; i++) {
        struct simdisk_slot *slot = &simdisk_slots[i];
        /* pairs with the release by which the firer touches it for the last time */
        if (!slot->op && a_load(&slot->timer.state, acquire) == WEFT__TIMER_OFF) {
            is_found = true;
            op->word = (uint32_t)i + 1;
            slot->op = op;
            slot->result = result;
            slot->timer.call = simdisk_came;
            weft__sim_arm(&slot->timer, until);
        }
    }
    weft__sim_unlock(false);
    return is_found;
}

static int simdisk_events(const struct weft__io_op *op)
{
    switch (op->code) {
    case WEFT__IO_SEND:
    case WEFT__IO_SENDMSG:
    case WEFT__IO_WRITE:
    case WEFT__IO_CONNECT:
        return POLLOUT;
    case WEFT__IO_POLL:
        return op->flags;
    default:
        return POLLIN;
    }
}

/* It has to be tried again. */
static int simdisk_later(struct weft__io_op *op)
{
    if (weft__sim.runtime->options.virtual_clock) {
        bool has_fd = op->code != WEFT__IO_OPEN;
        struct pollfd fd = {.fd = has_fd ? op->fd : -1, .events = (short)simdisk_events(op)};
        int rc = weft__sys_poll(&fd, 1, SIMDISK_AGAIN_NS / 10);
        WEFT_CHECK(rc <= 1);
    }
    return simdisk_wait(op, weft__sim_now() + SIMDISK_AGAIN_NS, -EINTR) ? 0 : -EINTR;
}

/* Neither a file nor of the machine. */
static int simdisk_begin_foreign(struct weft__io_op *op)
{
    ssize_t result = weft__outside_kernel.attempt(op);
    if (result == -WEFT_EAGAIN) {
        return simdisk_later(op);
    }
    weft__sim_lock();
    bool is_new = result < 0 && weft__sim_find(op->fd); /* the machine has it since the look */
    weft__sim_unlock(false);
    op->result = is_new ? -EINTR : result;
    return 1;
}

int weft__sim_disk_begin(struct weft__io_op *op)
{
    const weft_sim_options *o = &weft__sim.options;
    bool has_fd = op->code != WEFT__IO_OPEN;
    op->is_bounded = false; /* what ends it is a timer, for which a virtual clock has to go on */
    if (has_fd && op->code != WEFT__IO_FSYNC && !simdisk_is_file(op->fd)) {
        return simdisk_begin_foreign(op);
    }
    if (has_fd && op->code != WEFT__IO_READ && op->code != WEFT__IO_WRITE &&
        op->code != WEFT__IO_FSYNC) {
        op->result = weft__outside_kernel.attempt(op); /* the kernel knows what is wrong */
        return 1;
    }
    ssize_t result = simdisk_do(op);
    if (result == -WEFT_EAGAIN) {
        return simdisk_later(op);
    }
    weft__sim_lock();
    int64_t until = weft__sim_arrival(o->disk_delay_min_ns, o->disk_delay_max_ns);
    weft__sim_unlock(false);
    if (until > weft__sim_now() && simdisk_wait(op, until, result)) {
        return 0;
    }
    op->result = result;
    return 1;
}

void weft__sim_disk_cancel(struct weft__io_op *op)
{
    weft__sim_lock();
    struct simdisk_slot *slot = op->word != 0 ? &simdisk_slots[op->word - 1] : NULL;
    bool is_foreign = slot && slot->op == op && slot->result == -EINTR;
    if (is_foreign) {
        slot->op = NULL;
    }
    weft__sim_unlock(false);
    if (is_foreign) {
        weft__io_complete(op, -WEFT_ECANCELED);
    }
}

ssize_t weft__sim_disk_attempt(struct weft__io_op *op)
{
    return weft__outside_kernel.attempt(op);
}

void weft__sim_disk_stop(void)
{
    for (size_t i = 0; i < SIMDISK_SLOTS; i++) {
        weft__timer_stop(&simdisk_slots[i].timer);
        simdisk_slots[i].op = NULL;
    }
}
