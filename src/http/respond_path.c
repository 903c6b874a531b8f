/* respond_path.c - what lies below a directory, by its path: a server of files in one call.
 *
 * The kernel itself sees to it that no name leads out of the directory, not by "..", not by a link
 * (openat2 with RESOLVE_BENEATH), so nothing has to be proved about the text of a path; kernels
 * before 5.6 cannot, and there the code is -WEFT_ENOTSUP.  Opening may wait for the disk, so it is
 * done by a thread that may block.
 *
 * SPDX-License-Identifier: MIT
 */
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "http/chars.h"
#include "http/exchange.h"
#include "weft/err.h"
#include "weft/io.h"

struct path_open {
    int root;
    const char *path; /* below it: no slash first */
};

static int path_open_blocking(void *arg)
{
    const struct path_open *o = arg;
    /* O_NONBLOCK: a FIFO must not hold us up. */
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    const char *path = o->path[0] != '\0' ? o->path : ".";
    long fd = syscall(SYS_openat2, o->root, path, &how, sizeof how);

    return fd >= 0 ? (int)fd : errno == ENOSYS ? -WEFT_ENOTSUP : -errno;
}

static int path_refuse(weft_http_request *request, int code)
{
    if (code == -ENOENT || code == -ENOTDIR || code == -ENAMETOOLONG)
        return weft_http_send_text(request, 404, "no such file\n");
    if (code == -EACCES || code == -EPERM || code == -EXDEV || code == -ELOOP)
        return weft_http_send_text(request, 403, "not for you\n");
    return code;
}

/* The path as it must stand in a Location header, with a slash at its end. */
static const char *path_encode(weft_http_request *request)
{
    static const char digits[] = "0123456789ABCDEF";
    char *text = weft_http_alloc(request, 3 * strlen(request->path) + 2), *at = text;

    for (const char *p = request->path; at != NULL && *p != '\0'; p++) {
        if (chars_is_letter(*p) || chars_is_digit(*p) || strchr("/-._~", *p) != NULL) {
            *at++ = *p;
        } else {
            *at++ = '%';
            *at++ = digits[(unsigned char)*p >> 4];
            *at++ = digits[*p & 15];
        }
    }
    if (at != NULL)
        memcpy(at, "/", 2);
    return text;
}

/* Its index.html; links in it lead astray unless the directory's path ends in a slash. */
static int path_send_index(weft_http_request *request, int root)
{
    const char *path = request->path, *to;
    size_t size = strlen(path);
    char *index;

    if (path[size - 1] != '/') {
        to = path_encode(request);
        if (to == NULL)
            return -WEFT_ENOMEM;
        int rc = weft_http_add_header(request, "Location", to);
        return rc != 0 ? rc : weft_http_send_text(request, 301, "a directory\n");
    }
    index = weft_http_alloc(request, size + sizeof "index.html");
    if (index == NULL)
        return -WEFT_ENOMEM;
    snprintf(index, size + sizeof "index.html", "%sindex.html", path);
    int fd = weft_blocking(path_open_blocking, &(struct path_open){root, index + 1});
    if (fd < 0)
        return path_refuse(request, fd);
    int rc = weft_http_send_file(request, fd, weft_http_type(index));
    weft_close(fd);
    return rc == -WEFT_EINVAL ? path_refuse(request, -EACCES) : rc;
}

int weft_http_send_path(weft_http_request *request, int root)
{
    struct stat st;

    if (strcmp(request->method, "GET") != 0 && !request->is_head) {
        int rc = weft_http_add_header(request, "Allow", "GET, HEAD");
        return rc != 0 ? rc : weft_http_send_text(request, 405, "only GET and HEAD\n");
    }
    if (request->path[0] != '/')
        return weft_http_send_text(request, 400, "no path\n");
    int fd = weft_blocking(path_open_blocking, &(struct path_open){root, request->path + 1});
    if (fd < 0)
        return path_refuse(request, fd);
    int rc = weft_fstat(fd, &st);
    if (rc == 0 && S_ISREG(st.st_mode))
        rc = weft_http_send_file(request, fd, weft_http_type(request->path));
    else if (rc == 0)
        rc = S_ISDIR(st.st_mode) ? path_send_index(request, root) : path_refuse(request, -EACCES);
    weft_close(fd);
    return rc;
}
