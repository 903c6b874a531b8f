/* sysfile.c - the door to what the kernel does between two files.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/sysfile.h"

#include <errno.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/sys.h"

/* Takes back the SIGPIPE that the calling thread, which blocks it, has just got. */
static void sysfile_forget_sigpipe(const sigset_t *pipes)
{
    const struct timespec none = {0, 0};

    while (sigtimedwait(pipes, NULL, &none) < 0 && errno == EINTR)
        continue;
}

/* There is no MSG_NOSIGNAL for sendfile, so the signal is blocked meanwhile.  If one was pending
 * before, the thread blocks it anyway, and nobody can tell the two apart. */
ssize_t weft__sys_sendfile(int to, int from, int64_t offset, size_t n)
{
    sigset_t pipes, before;
    off_t at = offset;
    ssize_t done;

    if (weft__fault(WEFT_FAULT_SYS))
        return -EIO;
    sigemptyset(&pipes);
    sigaddset(&pipes, SIGPIPE);
    weft__sys_sigmask(SIG_BLOCK, &pipes, &before);
    do {
        done = sendfile(to, from, &at, n);
        if (done < 0)
            done = -errno;
    } while (done == -EINTR);
    if (done == -EPIPE && !sigismember(&before, SIGPIPE))
        sysfile_forget_sigpipe(&pipes);
    weft__sys_sigmask(SIG_SETMASK, &before, NULL);
    return done;
}

/* A read into no memory says what a read would find: 0 is the end, which a FIFO is at while nobody
 * writes; and bytes that cannot be copied stay where they are. */
int weft__sys_fifo_has_writer(int fd)
{
    char *volatile nowhere = NULL;
    ssize_t n;

    if (weft__fault(WEFT_FAULT_SYS))
        return -EIO;
    n = read(fd, nowhere, 1);
    if (n == 0)
        return 0;
    return errno == EAGAIN || errno == EFAULT || errno == EINTR ? 1 : -errno;
}
