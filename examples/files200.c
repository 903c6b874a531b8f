/* files200.c - adds up the bytes of many files, all read at the same time.
 *
 *   weft run examples/files200.c FILE...
 *
 * A task for each file, written like plain blocking C.  The first file that cannot be read cancels
 * the others; so does the deadline of two seconds.
 *
 * SPDX-License-Identifier: MIT
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include <weft.h>

#define FILES_MAX 200

struct sum {
    const char *path;
    uint64_t *ret_bytes;
};

static int sum_file(void *arg)
{
    struct sum *s = arg;
    char buf[64 * 1024];
    int fd = weft_open(s->path, O_RDONLY, 0);

    if (fd < 0)
        return weft_fail(fd, s->path); /* a negative code fails the scope */
    ssize_t n;
    while ((n = weft_read(fd, buf, sizeof buf)) > 0)
        *s->ret_bytes += (uint64_t)n;
    weft_close(fd);
    return n < 0 ? weft_fail((int)n, s->path) : 0;
}

static int app(void *arg)
{
    char **paths = arg;
    uint64_t bytes[FILES_MAX] = {0}, total = 0;
    int files = 0;
    weft_scope scope;
    weft_error error;

    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(2 * WEFT_SECOND));
    for (; paths[files] != NULL; files++)
        weft_go(&scope, sum_file, &((struct sum){paths[files], &bytes[files]}));
    int rc = weft_scope_close(&scope); /* waits for all; the first failure, or -ETIMEDOUT */

    if (weft_scope_errors(&scope, &error, 1) > 0 && error.why != NULL)
        fprintf(stderr, "%s: ", error.why);
    for (int i = 0; i < files; i++)
        total += bytes[i];
    if (rc == 0)
        printf("%d files, %" PRIu64 " bytes\n", files, total);
    return rc;
}

int main(int argc, char **argv)
{
    if (argc - 1 > FILES_MAX) {
        fprintf(stderr, "%d files at most\n", FILES_MAX);
        return 2;
    }
    int rc = weft_run(app, argv + 1);

    if (rc < 0)
        fprintf(stderr, "%s\n", weft_strerror(rc));
    return rc < 0 ? 1 : rc;
}
