/* driver.c - which driver a run has, from its first operation on the outside to its end.
 *
 * Nothing is started before it is needed: a run that never waits for the outside pays one load.
 * The kernel's ring is tried by using it; wherever that fails (an old kernel, a container that
 * forbids it, at whichever of the calls) it is epoll.  Whoever asks for the ring by name is told.
 *
 * SPDX-License-Identifier: MIT
 */
#include "io/driver.h"

#include "base/alloc.h"
#include "base/log.h"
#include "core/runtime.h"
#include "weft/err.h"

static struct weft__lock driver_lock;

/* Everybody else has left. */
static void driver_stop(struct weft__runtime *rt)
{
    struct weft__io *io = rt->io;
    io->driver->poll.stop(rt);
    a_store(&rt->poll, NULL, relaxed);
    rt->io = NULL;
    weft__fd_forget_all();
    weft__free(io);
}

static int driver_try(struct weft__io *io, const struct weft__io_driver *driver)
{
    io->driver = driver;
    io->poll = driver->poll;
    io->poll.stop = driver_stop;
    return driver->start(io->runtime, &io->state);
}

static int driver_choose(struct weft__io *io)
{
    int rc;
    switch (io->runtime->options.io) {
    case WEFT_IO_SIM:
        return driver_try(io, &weft__io_sim);
    case WEFT_IO_EPOLL:
        return driver_try(io, &weft__io_epoll);
    case WEFT_IO_URING:
        rc = driver_try(io, &weft__io_uring);
        if (rc < 0 && rc != -WEFT_ENOMEM && rc != -EMFILE) {
            weft__log("io_uring is not to be had here: %s", weft_strerror(rc));
            rc = -WEFT_ENOTSUP;
            a_store(&io->runtime->io_refused, rc, relaxed); /* it will not come back */
        }
        return rc;
    default:
        rc = driver_try(io, &weft__io_uring);
        return rc < 0 ? driver_try(io, &weft__io_epoll) : rc;
    }
}

static int driver_start(struct weft__runtime *rt)
{
    struct weft__io *io = weft__alloc_zero(sizeof *io);
    if (!io) {
        return -WEFT_ENOMEM;
    }
    io->runtime = rt;
    int rc = driver_choose(io);
    if (rc < 0) {
        weft__free(io);
        return rc;
    }
    rt->io = io;
    a_store(&rt->poll, &io->poll, release); /* pairs with the acquire in weft__poll_of */
    return 0;
}

struct weft__io *weft__io_of(struct weft__runtime *rt, int *ret_code)
{
    if (WEFT_LIKELY(weft__poll_of(rt) != NULL)) {
        return rt->io;
    }
    int rc = a_load(&rt->io_refused, relaxed);
    if (rc == 0) {
        lock_take(&driver_lock);
        rc = weft__poll_of(rt) ? 0 : driver_start(rt);
        lock_drop(&driver_lock);
    }
    if (rc < 0) {
        *ret_code = rc;
        return NULL;
    }
    return rt->io;
}

bool weft__io_is_played(struct weft__runtime *rt)
{
    int code;
    return rt->options.io == WEFT_IO_SIM && weft__io_of(rt, &code) != NULL;
}

const struct weft__outside *weft__outside(void)
{
    struct weft__runtime *rt = weft__self_task()->runtime; /* the caller need not be inside */
    return rt && weft__io_is_played(rt) ? &weft__outside_sim : &weft__outside_kernel;
}
