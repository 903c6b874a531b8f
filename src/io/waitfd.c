/* waitfd.c - waiting for descriptors of others, without touching what is in them.
 *
 * SPDX-License-Identifier: MIT
 */
#include <poll.h>

#include "base/panic.h"
#include "io/driver.h"
#include "weft/err.h"
#include "weft/io.h"

_Static_assert((int)WEFT_FD_READ == POLLIN && (int)WEFT_FD_WRITE == POLLOUT &&
                  (int)WEFT_FD_ERROR == POLLERR && (int)WEFT_FD_HANGUP == POLLHUP,
              "the kernel's own bits");

int weft_wait_fd(int fd, unsigned events)
{
    static const struct weft__wait_kind kind = {.what = "descriptor"};
    const unsigned asked = WEFT_FD_READ | WEFT_FD_WRITE;
    if (!(events & asked) || events & ~(asked | WEFT_FD_ERROR | WEFT_FD_HANGUP)) {
        return -WEFT_EINVAL;
    }
    int rc = (int)weft__io_do(&(struct weft__io_op){.code = WEFT__IO_POLL,
                                                    .fd = fd,
                                                    .flags = (int)events,
                                                    .kind = &kind,
                                                    .site = __builtin_return_address(0)});
    return rc == -EPERM ? (int)(events & asked) : rc; /* epoll's word for a file; poll's is this */
}
