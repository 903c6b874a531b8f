/* child.h - other programs: started, talked to over a socket, watched and ended.
 *
 * For whoever runs programs that are not ours (check/program.c).  Codes are 0 or negative.  Nothing
 * here keeps state; every descriptor is closed on exec unless it is handed over by name.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_BASE_CHILD_H
#define WEFT_BASE_CHILD_H

#include "base/base.h"

#define WEFT__CHILD_FDS_MAX 8

/* What a program is started with. */
struct weft__child_order {
    const char *path;
    char *const *argv;
    char *const *environment;
    bool fixed_addresses;  /* no randomisation of the address space */
    bool own_group;        /* of processes: a Ctrl-C at the terminal is not for it */
    uint32_t n_fds;
    struct {
        int ours, theirs;  /* our descriptor becomes theirs; the two may be equal */
    } fds[WEFT__CHILD_FDS_MAX];
};

/* Sleeps until the program has begun, or could not. */
WEFT_MUST_USE int weft__child_start(const struct weft__child_order *order, pid_t *ret_pid);

/* Sleeps until it has ended; *ret_status as waitpid tells it. */
int weft__child_wait(pid_t pid, int *ret_status);

/* The process, or with a negative pid the group.  That there is none is no failure. */
void weft__child_kill(pid_t pid, int signo);

/* The environment of this process. */
char *const *weft__child_environment(void);

/* ---- what two processes share ---- */

/* A file without a name. */
WEFT_MUST_USE int weft__child_file(const char *name);
WEFT_MUST_USE int weft__child_file_resize(int fd, size_t size_bytes);

/* The file as memory that all who map it share.  Ended by weft__sys_unmap. */
WEFT_MUST_USE int weft__child_map(int fd, size_t size_bytes, void **ret);

/* Two ends that keep messages apart. */
WEFT_MUST_USE int weft__child_socket(int ret_fds[2]);

/* Never sleeps. */
WEFT_MUST_USE ssize_t weft__child_send(int fd, const void *message, size_t size_bytes);

/* Sleeps.  The bytes of one message, 0 when the other end is closed, -ETIMEDOUT. */
WEFT_MUST_USE ssize_t weft__child_receive(int fd, void *message, size_t size_bytes,
                                          int64_t timeout_ns);

/* Sleeps until there is something to read, or the end.  1, or 0: not in time. */
WEFT_MUST_USE int weft__child_readable(int fd, int64_t timeout_ns);

/* The position that all copies of the descriptor share. */
WEFT_MUST_USE int weft__child_seek(int fd, int64_t offset);

bool weft__child_is_terminal(int fd);

/* What a link leads to, as a string; its length. */
WEFT_MUST_USE ssize_t weft__child_link(const char *path, char *buf, size_t size_bytes);

/* May this user run the file? */
bool weft__child_may_run(const char *path);

/* Would it run with another user's or group's rights than ours? */
bool weft__child_has_other_rights(const char *path);

#endif
