/* fd.c - what Weft knows of descriptors: who waits on each, and whether it is ours.
 *
 * An entry for each descriptor that an operation has been begun on, found by its number.  Entries
 * are made by the page and live as long as the run, so that whoever has found one may lock it; what
 * is known of a descriptor is forgotten when it is closed, or when a new one of its number is made.
 *
 * The kernel's own queues would do for waiting.  They would not do for closing: a close wakes
 * nobody who waits in the kernel, and what io_uring has not yet been told of it would look up by
 * number, when another file may stand there.  Nor for order: two readers of one socket are served
 * here in the order of their calls.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/alloc.h"
#include "base/panic.h"
#include "core/runtime.h"
#include "core/solo.h"
#include "io/driver.h"
#include "weft/err.h"

#define FD_PAGE_BITS 6
#define FD_PAGE_SIZE (1 << FD_PAGE_BITS)
#define FD_PAGES_MAX (1 << 14) /* together as many as the kernel allows by default: 2^20 */

static ATOMIC(struct weft__fd *) fd_pages[FD_PAGES_MAX];

static struct weft__fd *fd_page_new(ATOMIC(struct weft__fd *) *place)
{
    struct weft__fd *page = weft__alloc_aligned(WEFT_CACHE_LINE, FD_PAGE_SIZE * sizeof *page);
    struct weft__fd *other = NULL;
    if (!page) {
        return NULL;
    }
    memset(page, 0, FD_PAGE_SIZE * sizeof *page);
    for (size_t i = 0; i < FD_PAGE_SIZE; i++) {
        lock_init(&page[i].lock, WEFT_RANK_FD);
        list_init(&page[i].in);
        list_init(&page[i].out);
        list_init(&page[i].polls);
    }
    if (!a_cas(place, &other, page, acq_rel, acquire)) { /* somebody was faster */
        weft__free(page);
        return other;
    }
    return page;
}

struct weft__fd *weft__fd_entry(int fd)
{
    if (fd < 0 || fd >> FD_PAGE_BITS >= FD_PAGES_MAX) {
        return NULL;
    }
    ATOMIC(struct weft__fd *) *place = &fd_pages[fd >> FD_PAGE_BITS];
    struct weft__fd *page = a_load(place, acquire);
    if (WEFT_UNLIKELY(page == NULL)) {
        page = fd_page_new(place);
    }
    return page ? &page[fd & (FD_PAGE_SIZE - 1)] : NULL;
}

/* The caller holds the lock. */
static void fd_reset(struct weft__fd *entry)
{
    entry->is_ours = false;
    entry->home = NULL;
    entry->events = entry->ready = entry->hint = 0;
}

void weft__fd_made(int fd)
{
    struct weft__thread *self = weft__enter();
    struct weft__runtime *rt = self->task->runtime;
    int code;
    /* Outside a run, or in one that can have no driver, nobody would ever free it. */
    struct weft__fd *entry = rt && weft__io_of(rt, &code) ? weft__fd_entry(fd) : NULL;
    if (entry) {
        lock_take_object(&entry->lock);
        fd_reset(entry);
        entry->is_ours = true;
        lock_drop(&entry->lock);
    }
    weft__leave(self);
}

static void fd_end(struct weft__io *io, struct weft__list *queue)
{
    struct weft__list *node;
    while ((node = list_pop_front(queue)) != NULL) {
        struct weft__io_op *op = container_of(node, struct weft__io_op, in_fd);
        op->is_closed = true;
        if (op->stage == WEFT__IO_QUEUED) {
            op->stage = WEFT__IO_DONE;
            weft__io_complete(op, -EBADF);
        } else {
            weft__io_ask(io, op);
        }
    }
}

static void fd_let_go(struct weft__io *io, struct weft__fd *entry, int fd)
{
    lock_take_object(&entry->lock);
    fd_end(io, &entry->in);
    fd_end(io, &entry->out);
    fd_end(io, &entry->polls);
    io->driver->forget(io->runtime, fd, entry);
    fd_reset(entry);
    entry->closing++;
    entry->closes++;
    lock_drop(&entry->lock);
}

static void fd_end_doubtful(struct weft__io *io, struct weft__list *queue)
{
    LIST_FOR_EACH (queue, it) {
        struct weft__io_op *op = container_of(it, struct weft__io_op, in_fd);
        if (op->is_in_close) {
            weft__io_ask(io, op);
        }
    }
}

/* The descriptor is closed, perhaps made anew.  What began in between may be of the old file, which
 * it would keep open and wait for: it is ended, and begun again by its caller, on whatever the
 * number means by now. */
static void fd_gone(struct weft__io *io, struct weft__fd *entry)
{
    lock_take_object(&entry->lock);
    WEFT_CHECK(entry->closing > 0);
    entry->closing--;
    fd_end_doubtful(io, &entry->in);
    fd_end_doubtful(io, &entry->out);
    fd_end_doubtful(io, &entry->polls);
    lock_drop(&entry->lock);
}

int weft__fd_close(int fd)
{
    struct weft__thread *self = weft__enter();
    struct weft__runtime *rt = self->task->runtime;
    bool is_pinned = !rt && (rt = weft__runtime_pin()) != NULL;
    struct weft__io *io = rt && weft__poll_of(rt) ? rt->io : NULL;
    /* Made, if nothing has been begun on it yet: what begins during the close must be seen. */
    struct weft__fd *entry = io ? weft__fd_entry(fd) : NULL;
    if (entry) {
        fd_let_go(io, entry, fd);
    }
    weft__leave(self);
    int rc = weft__outside()->close(fd);
    self = weft__enter();
    if (entry) {
        fd_gone(io, entry);
    }
    if (is_pinned) {
        weft__runtime_unpin();
    }
    weft__leave(self);
    return rc;
}

void weft__fd_forget_all(void)
{
    for (size_t i = 0; i < FD_PAGES_MAX; i++) {
        struct weft__fd *page = a_load(&fd_pages[i], relaxed);
        if (page) {
            a_store(&fd_pages[i], NULL, relaxed);
            weft__free(page);
        }
    }
}
