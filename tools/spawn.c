/* spawn.c - find programs on PATH, run them and wait, or become them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "disk.h"

extern char **environ;

static bool spawn_is_program(const char *path)
{
    return disk_is_file(path) && access(path, X_OK) == 0;
}

const char *spawn_find(const char *name)
{
    if (strchr(name, '/'))
        return spawn_is_program(name) ? name : NULL;
    const char *at = getenv("PATH");
    if (!at)
        at = "/usr/local/bin:/usr/bin:/bin";
    while (*name && at) {
        const char *colon = strchr(at, ':');
        size_t length = colon ? (size_t)(colon - at) : strlen(at);
        /* An empty member of PATH means the current directory. */
        const char *path = length ? words_print("%.*s/%s", (int)length, at, name)
                                  : words_print("./%s", name);
        if (spawn_is_program(path))
            return path;
        at = colon ? colon + 1 : NULL;
    }
    return NULL;
}

/* exec and posix_spawn promise not to write to the strings; their type does not say so. */
static char **spawn_argv(const struct words *argv)
{
    return (char **)argv->at;
}

static int spawn_status(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Starts argv[0].  The program to come owns stdin and stdout: what compiles it may neither eat the
 * one nor write into the other. */
static int spawn_start(const struct words *argv, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    int code = posix_spawn_file_actions_init(&actions);
    if (code)
        return -code;
    code = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!code)
        code = posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    if (!code)
        code = posix_spawn(ret_pid, argv->at[0], &actions, NULL, spawn_argv(argv), environ);
    posix_spawn_file_actions_destroy(&actions);
    return -code;
}

int spawn_wait(const struct words *argv)
{
    /* Started with SIGCHLD ignored, we would be told of no child's end; the program to come gets
     * back what we were given. */
    struct sigaction usual = {.sa_handler = SIG_DFL}, given;
    sigaction(SIGCHLD, &usual, &given);
    pid_t pid;
    int status = spawn_start(argv, &pid);
    if (status == 0)
        status = spawn_status(pid);
    sigaction(SIGCHLD, &given, NULL);
    return status;
}

/* The path is tried first, because under it debuggers and /proc show the program. */
int spawn_become(const char *path, int fd, const struct words *argv)
{
    execve(path, spawn_argv(argv), environ);
    if (errno == ENOENT)
        fexecve(fd, spawn_argv(argv), environ);
    return -errno;
}
