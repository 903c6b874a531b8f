/* double_close_fixed.c - two threads may both find that the log is to be closed.
 *
 * Who takes the descriptor out closes it; there is nothing left for the second.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

static atomic_int log_fd = -1;

static void close_log(void)
{
    int fd = atomic_exchange(&log_fd, -1);

    if (fd >= 0)
        close(fd);
}

static void *closer(void *arg)
{
    (void)arg;
    close_log();
    return NULL;
}

static void *closer_and_saver(void *arg)
{
    (void)arg;
    close_log();
    int fd = open("/dev/null", O_WRONLY);
    ssize_t n = write(fd, "saved", 5);
    assert(n == 5);
    close(fd);
    return NULL;
}

int main(void)
{
    pthread_t one, two;

    atomic_store(&log_fd, open("/dev/null", O_WRONLY));
    pthread_create(&one, NULL, closer, NULL);
    pthread_create(&two, NULL, closer_and_saver, NULL);
    pthread_join(one, NULL);
    pthread_join(two, NULL);
    return 0;
}
