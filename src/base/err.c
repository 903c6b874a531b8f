/* err.c - words for codes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "weft/err.h"

#include "base/base.h"

struct err_word {
    int code;
    const char *text;
};

static const struct err_word err_words[] = {
    {WEFT_EAGAIN, "EAGAIN: it would have to wait, or a limit is reached"},
    {WEFT_EBUSY, "EBUSY: in use by another"},
    {WEFT_ECANCELED, "ECANCELED: cancelled by an enclosing scope"},
    {WEFT_EDEADLK, "EDEADLK: every task was blocked and nothing could wake one"},
    {WEFT_EINVAL, "EINVAL: an argument makes no sense"},
    {WEFT_ENOMEM, "ENOMEM: no memory"},
    {WEFT_ENOTSUP, "ENOTSUP: not supported here"},
    {WEFT_EPANIC, "EPANIC: the task panicked"},
    {WEFT_EPIPE, "EPIPE: the channel, or the other end, is closed"},
    {WEFT_ESHUTDOWN, "ESHUTDOWN: the scope is closed, or no runtime runs"},
    {WEFT_ETIMEDOUT, "ETIMEDOUT: the deadline came first"},
    {EPERM, "EPERM: not permitted"},
    {ENOENT, "ENOENT: no such file or directory"},
    {EINTR, "EINTR: interrupted by a signal"},
    {EIO, "EIO: the device failed"},
    {E2BIG, "E2BIG: too many arguments"},
    {EBADF, "EBADF: no such open file"},
    {EACCES, "EACCES: access denied"},
    {EFAULT, "EFAULT: an address that is not ours"},
    {EEXIST, "EEXIST: it exists already"},
    {EXDEV, "EXDEV: on another file system"},
    {ENODEV, "ENODEV: no such device"},
    {ENOTDIR, "ENOTDIR: not a directory"},
    {EISDIR, "EISDIR: a directory"},
    {ENFILE, "ENFILE: too many open files in the system"},
    {EMFILE, "EMFILE: too many open files in the process"},
    {ENOTTY, "ENOTTY: not a terminal"},
    {EFBIG, "EFBIG: the file is too large"},
    {ENOSPC, "ENOSPC: no space left on the device"},
    {ESPIPE, "ESPIPE: no place in a pipe to seek to"},
    {EROFS, "EROFS: the file system is read-only"},
    {EMLINK, "EMLINK: too many links"},
    {EDOM, "EDOM: outside the domain"},
    {ERANGE, "ERANGE: too large for the type"},
    {ENAMETOOLONG, "ENAMETOOLONG: the name is too long"},
    {ENOSYS, "ENOSYS: the kernel lacks this call"},
    {ENOTEMPTY, "ENOTEMPTY: the directory is not empty"},
    {ELOOP, "ELOOP: too many symbolic links, or directories too deep"},
    {EOVERFLOW, "EOVERFLOW: too large for the type"},
    {ENXIO, "ENXIO: nobody at the other end"},
    {EADDRINUSE, "EADDRINUSE: the address is in use"},
    {ECONNREFUSED, "ECONNREFUSED: the connection was refused"},
    {ECONNRESET, "ECONNRESET: the connection was reset"},
    {ECHILD, "ECHILD: no such child"},
    {ESRCH, "ESRCH: no such process or thread"},
    {EDQUOT, "EDQUOT: the quota is used up"},
    {ESTALE, "ESTALE: the file is gone from its server"},
};

const char *weft_strerror(int code)
{
    if (code < 0) {
        code = -code;
    }
    if (code == 0) {
        return "0: no error";
    }
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(err_words); i++) {
        if (err_words[i].code == code) {
            return err_words[i].text;
        }
    }
    const char *name = strerrorname_np(code);
    return name ? name : "an unknown error";
}
