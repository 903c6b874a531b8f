/* program_input.c - the standard input of a program, the same for each schedule.
 *
 * A file is opened again, so that each server has a position of its own; what comes through a pipe
 * is read once into memory. A terminal gives nothing: nobody types the same ten thousand times.
 *
 * A pipe that nobody closes would keep us for ever, and such pipes are common: whoever starts us
 * from a script leaves one open. So one that says nothing for a second (or, later, for ten) is
 * taken as ended, and the report says so.
 *
 * SPDX-License-Identifier: MIT
 */
#include <fcntl.h>

#include "base/child.h"
#include "base/sys.h"
#include "base/text.h"
#include "base/time.h"
#include "check/program.h"
#include "weft/err.h"

#define INPUT_FIRST_NS  WEFT_NS_PER_SECOND
#define INPUT_LATER_NS  (10 * WEFT_NS_PER_SECOND)
#define INPUT_PIECE     65536
#define INPUT_BYTES_MAX (INT64_C(1) << 31)

static int input_write_all(int fd, const char *bytes, size_t n)
{
    while (n) {
        ssize_t written = weft__sys_write(fd, bytes, n);
        if (written < 0)
            return (int)written;
        bytes += written;
        n -= (size_t)written;
    }
    return 0;
}

/* Copies until the end, or until nothing has come for a while. */
static int input_fill(int from, int to, bool *ret_silent)
{
    static char piece[INPUT_PIECE]; /* one search at a time reads stdin */
    int64_t total = 0;
    for (;;) {
        int ready = weft__child_readable(from, total ? INPUT_LATER_NS : INPUT_FIRST_NS);
        if (ready <= 0) {
            *ret_silent = ready == 0;
            return ready;
        }
        ssize_t n = weft__sys_read(from, piece, sizeof piece);
        if (n <= 0)
            return (int)n;
        total += n;
        if (total > INPUT_BYTES_MAX)
            return -EFBIG;
        int rc = input_write_all(to, piece, (size_t)n);
        if (rc < 0)
            return rc;
    }
}

int weft__input_open(struct weft__input *ret)
{
    struct stat st;
    *ret = (struct weft__input){.fd = -1};
    if (weft__sys_fstat(0, &st) < 0 || S_ISCHR(st.st_mode) || S_ISDIR(st.st_mode))
        return 0;
    if (S_ISREG(st.st_mode)) {
        ret->offset = weft__sys_tell(0);
        ret->fd = weft__sys_open("/proc/self/fd/0", O_RDONLY, 0);
        if (ret->fd >= 0 && ret->offset >= 0)
            return 0;
        weft__input_close(ret); /* not ours to open again: read it */
    }
    int fd = weft__child_file("weft-input");
    if (fd < 0)
        return fd;
    int rc = input_fill(0, fd, &ret->silent);
    if (rc < 0) {
        weft__sys_close(fd);
        return rc;
    }
    *ret = (struct weft__input){.fd = fd, .silent = ret->silent};
    return 0;
}

void weft__input_close(struct weft__input *input)
{
    if (input->fd >= 0)
        weft__sys_close(input->fd);
    input->fd = -1;
    input->offset = 0;
}

int weft__input_copy(const struct weft__input *input)
{
    char path[64];
    struct weft__text text;
    weft__text_init(&text, path, sizeof path);
    if (input->fd < 0)
        return weft__sys_open("/dev/null", O_RDONLY, 0);
    weft__text_add(&text, "/proc/self/fd/%d", input->fd);
    int fd = weft__sys_open(path, O_RDONLY, 0);
    int rc = fd < 0 ? fd : weft__input_rewind(input, fd);
    if (rc < 0 && fd >= 0)
        weft__sys_close(fd);
    return rc < 0 ? rc : fd;
}

int weft__input_rewind(const struct weft__input *input, int copy)
{
    return input->fd < 0 ? 0 : weft__child_seek(copy, input->offset);
}
