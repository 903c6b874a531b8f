# io_interrupt.sh - Ctrl-C in the middle of much I/O: all tasks unwind, their files go, status 130.
# SPDX-License-Identifier: MIT
. "$2/tests/command.inc"

# A server and its clients in one program: each connection has a temporary file, which it removes
# by weft_defer, and sends without end; one more task has nothing but a file and sleeps.
cat >server.c <<'END'
#include <signal.h>
#include <stdio.h>
#include <weft.h>

enum { CLIENTS = 20 };

struct member {
    weft_scope *scope;
    int number, fd;
    char name[64]; /* deferred calls come when the task's function has returned: not on its stack */
};

static weft_addr addr;

static void remove_it(void *name)
{
    weft_scope shielded;
    weft_scope_open_with(&shielded, &(weft_scope_options){.shield = true});
    if (weft_unlink(name) != 0)
        fprintf(stderr, "%s stays\n", (char *)name);
    weft_scope_close(&shielded);
}

static int make_it(struct member *m, const char *what, int number)
{
    char *name = m->name;
    snprintf(name, sizeof m->name, "files/%s.%d", what, number);
    int fd = weft_open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0)
        return fd;
    int rc = weft_defer(remove_it, name);
    if (rc < 0) {
        remove_it(name);
        weft_close(fd);
        return rc;
    }
    return fd;
}

static int copy(int from, int to)
{
    char buffer[5000];
    ssize_t n;
    while ((n = weft_recv(from, buffer, sizeof buffer, 0)) > 0)
        if ((n = weft_write_all(from, buffer, (size_t)n, NULL)) < 0 ||
            (n = weft_pwrite(to, buffer, 100, 0)) < 0)
            break;
    return (int)n;
}

static int serve(void *arg)
{
    struct member *m = arg;
    int file = make_it(m, "served", m->fd), rc = file;
    if (file >= 0) {
        rc = copy(m->fd, file);
        weft_close(file);
    }
    weft_close(m->fd);
    return rc == -WEFT_ECANCELED ? rc : 0;
}

static int client(void *arg)
{
    struct member *m = arg;
    char buffer[5000] = "";
    int file = make_it(m, "asked", m->number);
    if (file < 0)
        return file;
    int fd = weft_connect_addr(&addr), rc = fd;
    while (rc >= 0) {
        rc = weft_write_all(fd, buffer, sizeof buffer, NULL);
        if (rc >= 0)
            rc = weft_read_full(fd, buffer, sizeof buffer, NULL);
        if (rc >= 0)
            rc = (int)weft_pwrite(file, buffer, 1000, 0);
    }
    weft_close(file);
    if (fd >= 0)
        weft_close(fd);
    return rc == -WEFT_ECANCELED ? rc : 0;
}

static int idle(void *arg)
{
    int file = make_it(arg, "idle", 0);
    if (file < 0)
        return file;
    weft_close(file);
    return weft_sleep_until(WEFT_NEVER);
}

static void say_end(void *arg)
{
    (void)arg;
    puts("unwound");
}

static int app(void *arg)
{
    weft_scope scope;
    int fd, rc = weft_defer(say_end, NULL), listener = weft_listen("127.0.0.1:0", NULL);
    (void)arg;
    if (rc < 0 || listener < 0 || (rc = weft_sock_here(listener, &addr)) < 0)
        return rc < 0 ? rc : listener;
    weft_scope_open(&scope);
    rc = weft_go(&scope, idle, &(struct member){.scope = &scope});
    for (int i = 0; i < CLIENTS && rc == 0; i++) {
        struct member m = {&scope, i, -1, ""};
        rc = weft_go_with(&scope, client, &m, sizeof m, NULL);
    }
    while (rc == 0 && (fd = weft_accept(listener, NULL)) >= 0) {
        struct member m = {&scope, 0, fd, ""};
        rc = weft_go_with(&scope, serve, &m, sizeof m, NULL);
        if (rc != 0)
            weft_close(fd);
    }
    weft_close(listener);
    return weft_scope_close(&scope);
}

int main(void)
{
    signal(SIGINT, SIG_DFL); /* a plain shell has its background jobs ignore it */
    int rc = weft_run_with(app, NULL, &(weft_options){.quiet = true});
    return rc < 0 ? 1 : rc;
}
END
"$weft" build server.c -o server >said 2>&1 || { cat said; fail "server.c is not built"; finish; }

all_are_there()
{
    [ "$(ls files | wc -l)" -ge 41 ]
}

# interrupted IO SIGNAL STATUS
interrupted()
{
    rm -rf files
    mkdir files
    WEFT_IO=$1 ./server >out 2>err &
    pid=$!
    await "$1: files" all_are_there || { kill -KILL $pid; cat err; return; }
    kill -s "$2" $pid
    wait $pid
    same "$1: status after SIG$2" "$3" $?
    same "$1: what is left after SIG$2" '' "$(ls files)"
    same "$1: what it said" unwound "$(cat out)"
    # on a machine with much to do its threads may get no turn, which is reported
    same "$1: what it complained of" '' "$(grep -v 'spare threads are stuck' err)"
}

for io in auto epoll; do
    for round in 1 2 3 4 5; do
        interrupted $io INT 130
    done
    interrupted $io TERM 143
done
finish
