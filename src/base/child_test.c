/* child_test.c - programs are started as ordered; what is shared is shared.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/sys.h"
#include "base/time.h"
#include "tests/test.h"

/* Runs sh -c text with fd 5 of ours as its fd 7; the exit status, or minus the signal. */
static int child_shell(const char *text, int fd, bool fixed)
{
    char *argv[] = {(char *)"sh", (char *)"-c", (char *)text, NULL};
    char *environment[] = {(char *)"WORD=said", NULL};
    struct weft__child_order order = {.path = "/bin/sh", .argv = argv, .environment = environment,
                                      .fixed_addresses = fixed, .own_group = true,
                                      .n_fds = fd >= 0 ? 1 : 0, .fds = {{fd, 7}}};
    pid_t pid;
    int status;
    EXPECT_EQ(weft__child_start(&order, &pid), 0);
    EXPECT_EQ(weft__child_wait(pid, &status), 0);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

TEST(child_gets_what_was_ordered)
{
    int fd = weft__child_file("child-test");
    char text[16] = "";
    EXPECT(fd >= 0);
    EXPECT_EQ(child_shell("exit 7", -1, false), 7);
    EXPECT_EQ(child_shell("test \"$WORD\" = said", -1, false), 0);
    EXPECT_EQ(child_shell("kill -TERM $$", -1, true), -SIGTERM);
    EXPECT_EQ(child_shell("echo hello >&7", fd, true), 0);
    EXPECT_EQ(weft__sys_pread(fd, text, sizeof text - 1, 0), 6);
    EXPECT_STR(text, "hello\n");
    weft__sys_close(fd);
}

TEST(child_that_is_not_there)
{
    char *argv[] = {(char *)"x", NULL};
    struct weft__child_order order = {.path = "/no/such/program", .argv = argv,
                                      .environment = weft__child_environment()};
    pid_t pid = -7;
    int status;
    if (getenv("TEST_EMULATED") != NULL) {
        SKIP("qemu-user forks where posix_spawn shares memory, and hears of no failure");
    }
    EXPECT_EQ(weft__child_start(&order, &pid), -ENOENT);
    EXPECT_EQ(weft__child_wait(weft__sys_getpid(), &status), -ECHILD);
}

TEST(child_is_ended)
{
    char *argv[] = {(char *)"sh", (char *)"-c", (char *)"sleep 1000 & sleep 1000", NULL};
    struct weft__child_order order = {.path = "/bin/sh", .argv = argv, .own_group = true,
                                      .environment = weft__child_environment()};
    pid_t pid;
    int status;
    if (getenv("TEST_EMULATED") != NULL) {
        SKIP("a group of processes is not what qemu-user makes of it");
    }
    EXPECT_EQ(weft__child_start(&order, &pid), 0);
    weft__child_kill(-pid, SIGKILL);
    EXPECT_EQ(weft__child_wait(pid, &status), 0);
    EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

TEST(child_messages)
{
    int ends[2];
    char got[8];
    EXPECT_EQ(weft__child_socket(ends), 0);
    int64_t begin = weft__time_now();
    EXPECT_EQ(weft__child_receive(ends[0], got, sizeof got, 20 * WEFT_NS_PER_MS), -ETIMEDOUT);
    EXPECT(weft__time_now() - begin >= 20 * WEFT_NS_PER_MS);
    EXPECT_EQ(weft__child_readable(ends[0], 0), 0);
    EXPECT_EQ(weft__child_send(ends[1], "abc", 3), 3);
    EXPECT_EQ(weft__child_send(ends[1], "de", 2), 2);
    EXPECT_EQ(weft__child_readable(ends[0], 0), 1);
    EXPECT_EQ(weft__child_receive(ends[0], got, sizeof got, 0), 3);
    EXPECT_EQ(weft__child_receive(ends[0], got, sizeof got, 0), 2);
    EXPECT_EQ(memcmp(got, "de", 2), 0);
    weft__sys_close(ends[1]);
    EXPECT_EQ(weft__child_receive(ends[0], got, sizeof got, WEFT_NS_PER_SECOND), 0);
    EXPECT_EQ(weft__child_send(ends[0], "x", 1), -EPIPE);
    weft__sys_close(ends[0]);
}

TEST(child_memory)
{
    void *one, *two;
    int fd = weft__child_file("child-test");
    EXPECT(fd >= 0);
    EXPECT_EQ(weft__child_file_resize(fd, 8192), 0);
    EXPECT_EQ(weft__child_map(fd, 8192, &one), 0);
    EXPECT_EQ(weft__child_map(fd, 8192, &two), 0);
    ((char *)one)[5000] = 'x';
    EXPECT_EQ(((char *)two)[5000], 'x');
    EXPECT_EQ(weft__child_seek(fd, 5000), 0);
    EXPECT_EQ(weft__sys_tell(fd), 5000);
    EXPECT(!weft__child_is_terminal(fd));
    EXPECT_EQ(weft__child_map(-1, 8192, &one), -EBADF);
    weft__sys_unmap(two, 8192);
    weft__sys_unmap(one, 8192);
    weft__sys_close(fd);
}

TEST(child_questions)
{
    char path[64];
    EXPECT(weft__child_may_run("/bin/sh"));
    EXPECT(!weft__child_may_run("/"));
    EXPECT(!weft__child_may_run("/no/such/program"));
    EXPECT(!weft__child_has_other_rights("/bin/sh"));
    EXPECT(!weft__child_has_other_rights("/no/such/program"));
    EXPECT(weft__child_link("/proc/self/exe", path, 1) < 0);
    EXPECT_EQ(weft__child_link("/no/such/link", path, sizeof path), -ENOENT);
}
