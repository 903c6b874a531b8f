/* spawn_test.c - children that end, or do not, that many wait for, and what they inherit.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weft.h>
#include <weft/proc.h>

#include "base/fault.h"
#include "proc/proc.h"
#include "tests/test.h"

static weft_proc *spawn_options(const char *script, const weft_proc_options *options)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    weft_proc *proc = NULL;
    EXPECT_EQ(weft_proc_start(argv, options, &proc), 0);
    EXPECT(weft_proc_pid(proc) > 0);
    return proc;
}

static weft_proc *spawn(const char *script)
{
    return spawn_options(script, NULL);
}

static weft_proc_end spawn_wait(weft_proc *proc)
{
    weft_proc_end end;
    EXPECT_EQ(weft_proc_wait(proc, &end), 0);
    return end;
}

static void spawn_expect_no_children(void)
{
    EXPECT_EQ(waitpid(-1, NULL, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
}

/* All that comes from fd until its end, as a string. */
static void spawn_read(int fd, char *buf, size_t size)
{
    size_t done = 0;
    for (;;) {
        ssize_t n = weft_read(fd, buf + done, size - 1 - done);
        EXPECT(n >= 0);
        if (n == 0) {
            break;
        }
        done += (size_t)n;
    }
    buf[done] = '\0';
}

/* What a script says, and that it ends well. */
static void spawn_say(const char *script, weft_proc_options options, char *buf, size_t size)
{
    options.out = WEFT_PROC_PIPE;
    weft_proc *proc = spawn_options(script, &options);
    spawn_read(weft_proc_fd(proc, 1, false), buf, size);
    EXPECT_EQ(spawn_wait(proc).exit_code, 0);
    weft_proc_close(proc);
}

/* ---- the end ---- */

IO_TEST_REAL(proc_end_is_told)
{
    weft_proc *proc = spawn("exit 7");
    for (int i = 0; i < 2; i++) {
        weft_proc_end end = spawn_wait(proc);
        EXPECT_EQ(end.exit_code, 7);
        EXPECT_EQ(end.signal, 0);
        EXPECT(!end.dumped_core);
        EXPECT(end.memory_max_bytes > 0);
        EXPECT(end.user_ns >= 0 && end.system_ns >= 0 && end.user_ns + end.system_ns > 0);
    }
    EXPECT_EQ(weft_proc_signal(proc, SIGTERM), -ESRCH);
    weft_proc_close(proc);

    proc = spawn("kill -USR1 $$");
    weft_proc_end end = spawn_wait(proc);
    EXPECT_EQ(end.exit_code, -1);
    EXPECT_EQ(end.signal, SIGUSR1);
    weft_proc_close(proc);
    weft_proc_close(NULL);
    spawn_expect_no_children();
}

static int spawn_code(const char *name, const weft_proc_options *options)
{
    const char *const argv[] = {name, NULL};
    weft_proc *proc = NULL;
    int rc = weft_proc_start(argv, options, &proc);
    EXPECT(rc == 0 || proc == NULL);
    weft_proc_close(proc);
    return rc;
}

IO_TEST_REAL(proc_cannot_start)
{
    char text[] = "/tmp/weft-proc-XXXXXX";
    int fd = mkstemp(text);
    EXPECT(fd >= 0 && write(fd, "garbage\n", 8) == 8);
    EXPECT_EQ(spawn_code(text, NULL), -EACCES);
    EXPECT_EQ(fchmod(fd, 0700), 0);
    close(fd);
    EXPECT_EQ(spawn_code(text, NULL), -ENOEXEC);
    EXPECT_EQ(unlink(text), 0);
    EXPECT_EQ(spawn_code("weft-no-such-program", NULL), -ENOENT);
    EXPECT_EQ(spawn_code("/no/such/program", NULL), -ENOENT);
    EXPECT_EQ(spawn_code("/tmp", NULL), -EACCES);
    EXPECT_EQ(spawn_code("true", &(weft_proc_options){.dir = "/no/such"}), -ENOENT);
    EXPECT_EQ(spawn_code("true", &(weft_proc_options){.dir = "/dev/null"}), -ENOTDIR);
    EXPECT_EQ(spawn_code("true", &(weft_proc_options){.in = 987}), -EBADF);
    EXPECT_EQ(spawn_code("true", &(weft_proc_options){.in = WEFT_PROC_STDOUT}), -WEFT_EINVAL);
    EXPECT_EQ(spawn_code("true", &(weft_proc_options){.out = WEFT_PROC_STDOUT}), -WEFT_EINVAL);
    EXPECT_EQ(spawn_code("true", &(weft_proc_options){.err = -5}), -WEFT_EINVAL);
    EXPECT_EQ(spawn_code("true", &(weft_proc_options){.grace_ns = -1}), -WEFT_EINVAL);
    EXPECT_EQ(spawn_code(NULL, NULL), -WEFT_EINVAL);
    EXPECT_EQ(weft_proc_start(NULL, NULL, &(weft_proc *){NULL}), -WEFT_EINVAL);
    spawn_expect_no_children();
}

/* The argument list of a program has a limit in the kernel, of 128 KB for each. */
IO_TEST_REAL(proc_argument_too_long)
{
    char *word = malloc(1 << 18);
    memset(word, 'x', 1 << 18);
    word[(1 << 18) - 1] = '\0';
    const char *const argv[] = {"true", word, NULL};
    weft_proc *proc;
    EXPECT_EQ(weft_proc_start(argv, NULL, &proc), -E2BIG);
    free(word);
}

/* ---- what it inherits ---- */

IO_TEST_REAL(proc_env_and_dir)
{
    char said[256];
    const char *const env[] = {"WEFT_WORD=warp", NULL};
    spawn_say("echo $WEFT_WORD-$HOME; pwd", (weft_proc_options){.env = env, .dir = "/usr"}, said,
              sizeof said);
    EXPECT_STR(said, "warp-\n/usr\n");
    EXPECT_EQ(setenv("WEFT_WORD", "weft", 1), 0);
    spawn_say("echo $WEFT_WORD", (weft_proc_options){0}, said, sizeof said);
    EXPECT_STR(said, "weft\n");
}

/* A descriptor of a library that knows of no close-on-exec, and the other ends of our own pipes. */
IO_TEST_REAL(proc_inherits_no_descriptor)
{
    char said[256];
    int fd = open("/dev/null", O_RDONLY);
    int high = fcntl(fd, F_DUPFD, 200);
    EXPECT(fd >= 0 && high >= 200);
    weft_proc *other = spawn_options("cat", &(weft_proc_options){.in = WEFT_PROC_PIPE});
    spawn_say("n=0; for fd in /proc/$$/fd/*; do n=$((n+1)); done; echo $n",
              (weft_proc_options){.in = WEFT_PROC_PIPE, .err = WEFT_PROC_NULL}, said, sizeof said);
    close(high);
    close(fd);
    weft_proc_close(other);
    /* the shell itself may hold one: the directory that it lists */
    EXPECT(strcmp(said, "3\n") == 0 || strcmp(said, "4\n") == 0);
}

static uint64_t spawn_mask(const char *status, const char *which)
{
    const char *at = strstr(status, which);
    EXPECT(at != NULL);
    return strtoull(at + strlen(which), NULL, 16);
}

static void spawn_ignore(int signo, void (*handler)(int))
{
    EXPECT(signal(signo, handler) != SIG_ERR);
}

IO_TEST_REAL(proc_signals_are_as_expected)
{
    char said[4096];
    spawn_ignore(SIGPIPE, SIG_IGN);
    spawn_ignore(SIGHUP, SIG_IGN);
    const char *const argv[] = {"cat", "/proc/self/status", NULL};
    weft_proc *proc;
    EXPECT_EQ(weft_proc_start(argv, &(weft_proc_options){.out = WEFT_PROC_PIPE}, &proc), 0);
    spawn_read(weft_proc_fd(proc, 1, false), said, sizeof said);
    weft_proc_close(proc);
    spawn_ignore(SIGPIPE, SIG_DFL);
    spawn_ignore(SIGHUP, SIG_DFL);
    EXPECT_EQ(spawn_mask(said, "SigBlk:"), 0);
    EXPECT_EQ(spawn_mask(said, "SigCgt:"), 0);
    uint64_t ignored = spawn_mask(said, "SigIgn:");
    EXPECT(!(ignored & UINT64_C(1) << (SIGPIPE - 1)));
    EXPECT(ignored & UINT64_C(1) << (SIGHUP - 1)); /* as after nohup */
}

IO_TEST_REAL(proc_pipes)
{
    char said[64];
    weft_proc *proc = spawn_options("cat; echo end >&2",
                                    &(weft_proc_options){.in = WEFT_PROC_PIPE,
                                                         .out = WEFT_PROC_PIPE,
                                                         .err = WEFT_PROC_PIPE});
    int in = weft_proc_fd(proc, 0, true), out = weft_proc_fd(proc, 1, false);
    EXPECT(in >= 0 && out >= 0);
    EXPECT_EQ(weft_proc_fd(proc, 0, true), -EBADF);
    EXPECT_EQ(weft_proc_fd(proc, 3, false), -EBADF);
    EXPECT_EQ(weft_proc_fd(proc, -1, false), -EBADF);
    EXPECT_EQ(weft_write(in, "warp", 4), 4);
    EXPECT_EQ(weft_read(out, said, sizeof said), 4);
    EXPECT_EQ(weft_close(in), 0);
    spawn_read(weft_proc_fd(proc, 2, false), said, sizeof said);
    EXPECT_STR(said, "end\n");
    spawn_read(out, said, sizeof said);
    EXPECT_STR(said, "");
    EXPECT_EQ(spawn_wait(proc).exit_code, 0);
    weft_proc_close(proc);
}

/* Nobody reads any more: a code, and no SIGPIPE. */
IO_TEST_REAL(proc_write_to_one_that_has_ended)
{
    weft_proc *proc = spawn_options("exit 0", &(weft_proc_options){.in = WEFT_PROC_PIPE});
    EXPECT_EQ(spawn_wait(proc).exit_code, 0);
    EXPECT_EQ(weft_write(weft_proc_fd(proc, 0, false), "warp", 4), -EPIPE);
    weft_proc_close(proc);
}

IO_TEST_REAL(proc_err_goes_where_out_goes)
{
    char said[64];
    spawn_say("echo 1; echo 2 >&2; echo 3", (weft_proc_options){.err = WEFT_PROC_STDOUT}, said,
              sizeof said);
    EXPECT_STR(said, "1\n2\n3\n");
}

/* One's stdout is another's stdin, by way of a pipe that does not wait; that must not show. */
IO_TEST_REAL(proc_pipeline)
{
    char said[64];
    weft_proc *first = spawn_options("sleep 0.05; echo warp", &(weft_proc_options){
                                                                  .out = WEFT_PROC_PIPE});
    int fd = weft_proc_fd(first, 1, true);
    EXPECT(fcntl(fd, F_GETFL) & O_NONBLOCK);
    weft_proc *second = spawn_options("tr a-z A-Z", &(weft_proc_options){.in = fd,
                                                                        .out = WEFT_PROC_PIPE});
    EXPECT_EQ(weft_close(fd), 0);
    spawn_read(weft_proc_fd(second, 1, false), said, sizeof said);
    EXPECT_STR(said, "WARP\n");
    EXPECT_EQ(spawn_wait(second).exit_code, 0);
    weft_proc_close(second);
    weft_proc_close(first);
}

/* Puts pipes in the place of descriptors 1 and 2, and has a child whose stdout is our 2 and whose
 * stderr is our 1. */
IO_TEST_REAL(proc_crossed)
{
    int kept[2] = {fcntl(1, F_DUPFD_CLOEXEC, 100), fcntl(2, F_DUPFD_CLOEXEC, 100)};
    int pipes[2][2];
    char said[2][16];
    EXPECT(pipe(pipes[0]) == 0 && pipe(pipes[1]) == 0);
    dup2(pipes[0][1], 1);
    dup2(pipes[1][1], 2);
    const char *const argv[] = {"sh", "-c", "echo out; echo err >&2", NULL};
    weft_proc *proc = NULL;
    int rc = weft_proc_start(argv, &(weft_proc_options){.out = 2, .err = 1}, &proc);
    dup2(kept[0], 1);
    dup2(kept[1], 2);
    close(kept[0]);
    close(kept[1]);
    EXPECT_EQ(rc, 0);
    for (int i = 0; i < 2; i++) {
        close(pipes[i][1]);
        spawn_read(pipes[i][0], said[i], sizeof said[i]);
        close(pipes[i][0]);
    }
    EXPECT_STR(said[0], "err\n");
    EXPECT_STR(said[1], "out\n");
    EXPECT_EQ(spawn_wait(proc).exit_code, 0);
    weft_proc_close(proc);
}

/* A daemon has closed its stdin; new descriptors, pipes among them, get its number. */
IO_TEST_REAL(proc_of_a_parent_without_stdin)
{
    char said[64];
    int kept = fcntl(0, F_DUPFD_CLOEXEC, 100);
    close(0);
    spawn_say("cat; echo read", (weft_proc_options){0}, said, sizeof said);
    EXPECT_STR(said, "read\n");
    weft_proc *proc = spawn_options("cat", &(weft_proc_options){.in = WEFT_PROC_PIPE,
                                                                .out = WEFT_PROC_PIPE});
    int in = weft_proc_fd(proc, 0, true);
    EXPECT_EQ(weft_write(in, "warp", 4), 4);
    EXPECT_EQ(weft_close(in), 0);
    spawn_read(weft_proc_fd(proc, 1, false), said, sizeof said);
    EXPECT_STR(said, "warp");
    EXPECT_EQ(spawn_wait(proc).exit_code, 0);
    weft_proc_close(proc);
    if (kept >= 0) {
        dup2(kept, 0);
        close(kept);
    }
}

/* ---- waiting ---- */

static int spawn_waiter(void *arg)
{
    weft_proc_end end;
    int rc = weft_proc_wait(*(weft_proc **)arg, &end);
    return rc < 0 ? rc : end.exit_code == 3 ? 0 : -EIO;
}

IO_TEST_REAL(proc_many_wait)
{
    weft_proc *proc = spawn_options("read line; exit 3", &(weft_proc_options){
                                                             .in = WEFT_PROC_PIPE});
    weft_scope scope, impatient;
    weft_scope_open(&scope);
    for (int i = 0; i < 20; i++) {
        EXPECT_EQ(weft_go(&scope, spawn_waiter, &proc), 0);
    }
    weft_scope_open(&impatient);
    EXPECT_EQ(weft_go(&impatient, spawn_waiter, &proc), 0);
    weft_scope_deadline(&impatient, weft_after(5 * WEFT_MS));
    EXPECT_EQ(weft_proc_wait(proc, NULL), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&impatient), -WEFT_ETIMEDOUT);
    EXPECT_EQ(weft_proc_signal(proc, 0), 0); /* it still runs */
    EXPECT_EQ(weft_close(weft_proc_fd(proc, 0, true)), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    weft_proc_close(proc);
    spawn_expect_no_children();
}

IO_TEST_REAL(proc_calls_in_a_cancelled_scope)
{
    weft_proc *proc = spawn("exit 3"), *other = NULL;
    const char *const argv[] = {"true", NULL};
    weft_scope scope;
    weft_scope_open(&scope);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_proc_start(argv, NULL, &other), -WEFT_ECANCELED);
    EXPECT_EQ(weft_proc_wait(proc, NULL), -WEFT_ECANCELED);
    weft_proc_end end;
    weft_proc_stop(proc, &end);
    EXPECT(end.exit_code == 3 || end.signal == SIGTERM);
    EXPECT_EQ(weft_proc_wait(proc, NULL), -WEFT_ECANCELED); /* also if it need not sleep */
    weft_proc_close(proc);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    spawn_expect_no_children();
}

static int spawn_one_of_many(void *arg)
{
    const int wanted = *(int *)arg;
    char script[64];
    snprintf(script, sizeof script, "read line; exit %d", wanted % 100);
    weft_proc *proc = spawn_options(script, &(weft_proc_options){.in = WEFT_PROC_PIPE});
    EXPECT_EQ(weft_yield(), 0);
    EXPECT_EQ(weft_close(weft_proc_fd(proc, 0, true)), 0);
    EXPECT_EQ(spawn_wait(proc).exit_code, wanted % 100);
    weft_proc_close(proc);
    return 0;
}

IO_TEST_REAL(proc_two_hundred_at_once)
{
    weft_scope scope;
    weft_scope_open(&scope);
    for (int i = 0; i < 200; i++) {
        EXPECT_EQ(weft_go(&scope, spawn_one_of_many, &i), 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    spawn_expect_no_children();
}

/* ---- ending it ---- */

/* Dead but not reaped: a signal would reach it, and mean nothing. */
IO_TEST_REAL(proc_signal_to_one_that_has_ended)
{
    weft_proc *proc = spawn("exit 0");
    siginfo_t info;
    EXPECT_EQ(waitid(P_PID, (id_t)weft_proc_pid(proc), &info, WEXITED | WNOWAIT), 0);
    EXPECT_EQ(weft_proc_signal(proc, SIGTERM), -ESRCH);
    EXPECT_EQ(weft_proc_signal(proc, -1), -WEFT_EINVAL);
    EXPECT_EQ(weft_proc_signal(proc, 1000), -WEFT_EINVAL);
    EXPECT_EQ(spawn_wait(proc).exit_code, 0);
    weft_proc_close(proc);
}

IO_TEST_REAL(proc_stop_asks_first)
{
    char said[16];
    weft_proc *proc = spawn_options("trap 'exit 9' TERM; echo; while :; do sleep 0.01; done",
                                    &(weft_proc_options){.out = WEFT_PROC_PIPE,
                                                         .grace_ns = 1000 * WEFT_SECOND});
    EXPECT_EQ(weft_read(weft_proc_fd(proc, 1, false), said, sizeof said), 1);
    weft_proc_end end;
    weft_proc_stop(proc, &end);
    EXPECT_EQ(end.exit_code, 9);
    weft_proc_stop(proc, &end);
    EXPECT_EQ(end.exit_code, 9);
    weft_proc_close(proc);
}

IO_TEST_REAL(proc_stop_kills_after_the_grace)
{
    char said[16];
    weft_proc *proc = spawn_options("trap '' TERM; echo; exec sleep 1000",
                                    &(weft_proc_options){.out = WEFT_PROC_PIPE,
                                                         .grace_ns = 30 * WEFT_MS});
    EXPECT_EQ(weft_read(weft_proc_fd(proc, 1, false), said, sizeof said), 1);
    int64_t before = weft_now();
    weft_proc_end end;
    weft_proc_stop(proc, &end);
    EXPECT(weft_now() - before >= 30 * WEFT_MS);
    EXPECT_EQ(end.signal, SIGKILL);
    EXPECT_EQ(end.exit_code, -1);
    weft_proc_close(proc);
    spawn_expect_no_children();
}

IO_TEST_REAL(proc_stop_of_a_stopped_one)
{
    weft_proc *proc = spawn("exec sleep 1000");
    EXPECT_EQ(weft_proc_signal(proc, SIGSTOP), 0);
    weft_proc_end end;
    weft_proc_stop(proc, &end);
    EXPECT_EQ(end.signal, SIGTERM);
    weft_proc_close(proc);
}

static bool spawn_is_gone(pid_t pid)
{
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (!file) {
        return true;
    }
    bool is_zombie = fgets(text, sizeof text, file) && strstr(text, ") Z ");
    fclose(file);
    return is_zombie; /* its new parent has not looked yet */
}

/* The child has a child, and both ignore SIGTERM at first, then only the grandchild does. */
IO_TEST_REAL(proc_group_goes_as_a_whole)
{
    static const char *const scripts[] = {
        "trap '' TERM; sleep 1000 & echo $!; wait",
        "(trap '' TERM; exec sleep 1000) & echo $!; wait",
        "sleep 1000 & echo $!",
    };
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        char said[32] = "";
        weft_proc *proc = spawn_options(scripts[i], &(weft_proc_options){
                                                        .out = WEFT_PROC_PIPE,
                                                        .new_group = true,
                                                        .grace_ns = 30 * WEFT_MS});
        EXPECT(weft_read(weft_proc_fd(proc, 1, false), said, sizeof said - 1) > 0);
        EXPECT_EQ(getpgid(weft_proc_pid(proc)), weft_proc_pid(proc));
        if (i == 2) {
            EXPECT_EQ(spawn_wait(proc).exit_code, 0); /* it has left its child behind */
        }
        weft_proc_close(proc);
        while (!spawn_is_gone((pid_t)atoi(said))) {
            EXPECT_EQ(weft_sleep(WEFT_MS), 0);
        }
    }
    spawn_expect_no_children();
}

/* ---- odd surroundings ---- */

/* The kernel reaps for whoever ignores SIGCHLD: that it ended is known, but not how. */
IO_TEST_REAL(proc_while_sigchld_is_ignored)
{
    spawn_ignore(SIGCHLD, SIG_IGN);
    weft_proc *proc = spawn("exit 3");
    weft_proc_end end = spawn_wait(proc);
    EXPECT(end.exit_code == -1 && end.signal == 0);
    weft_proc_close(proc);
    proc = spawn("exec sleep 1000");
    weft_proc_stop(proc, &end);
    EXPECT(end.exit_code == -1 && end.signal == 0);
    weft_proc_close(proc);
    spawn_ignore(SIGCHLD, SIG_DFL);
}

static ATOMIC(uint32_t) spawn_sigchlds;

static void spawn_on_sigchld(int signo)
{
    (void)signo;
    a_add(&spawn_sigchlds, 1, relaxed);
}

IO_TEST_REAL(proc_with_a_handler_of_sigchld)
{
    spawn_ignore(SIGCHLD, spawn_on_sigchld);
    weft_proc *proc = spawn("exit 3");
    EXPECT_EQ(spawn_wait(proc).exit_code, 3);
    weft_proc_close(proc);
    spawn_ignore(SIGCHLD, SIG_DFL);
}

/* From now on pidfd_open is a call that this kernel does not have. */
static void spawn_forbid_pidfds(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 434, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0) {
        SKIP("no seccomp filters here");
    }
}

IO_TEST_REAL(proc_without_pidfds)
{
    spawn_forbid_pidfds();
    weft_proc *proc = spawn("exit 3");
    EXPECT_EQ(proc->pidfd, -1);
    EXPECT_EQ(spawn_wait(proc).exit_code, 3);
    EXPECT_EQ(weft_proc_signal(proc, SIGTERM), -ESRCH);
    weft_proc_close(proc);
    proc = spawn_options("trap '' TERM; exec sleep 1000",
                         &(weft_proc_options){.grace_ns = 20 * WEFT_MS, .new_group = true});
    weft_scope scope;
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(20 * WEFT_MS));
    EXPECT_EQ(weft_proc_wait(proc, NULL), -WEFT_ECANCELED);
    weft_proc_end end;
    weft_proc_stop(proc, &end);
    EXPECT_EQ(end.exit_code, -1);
    weft_proc_close(proc);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
    weft_proc_result result;
    EXPECT_EQ(weft_proc_run((const char *const[]){"echo", "warp", NULL}, NULL, &result), 0);
    EXPECT_STR(result.out, "warp\n");
    weft_proc_result_free(&result);
    spawn_expect_no_children();
}

/* Each call that can fail fails once; nothing is left, whatever came of it. */
IO_TEST_REAL(proc_every_call_fails_once)
{
    for (uint64_t n = 1;; n++) {
        weft_proc *proc = NULL;
        const char *const argv[] = {"sh", "-c", "exit 3", NULL};
        weft__fault_arm(WEFT_FAULT_MASK(WEFT_FAULT_ALLOC) | WEFT_FAULT_MASK(WEFT_FAULT_SYS), n);
        int rc = weft_proc_start(argv, &(weft_proc_options){.in = WEFT_PROC_PIPE,
                                                            .out = WEFT_PROC_PIPE,
                                                            .err = 2}, &proc);
        if (rc == 0) {
            weft_proc_end end;
            weft_proc_stop(proc, &end);
            EXPECT(end.exit_code == 3 || end.signal == SIGTERM);
        }
        weft_proc_close(proc);
        EXPECT((rc == 0) == (proc != NULL));
        if (weft__fault_disarm() < n) {
            EXPECT_EQ(rc, 0);
            break;
        }
    }
    spawn_expect_no_children();
}

/* No runtime, no scope: the calls are the same. */
TEST(proc_in_a_plain_program)
{
    char said[64];
    spawn_say("echo $((6*7))", (weft_proc_options){0}, said, sizeof said);
    EXPECT_STR(said, "42\n");
    weft_proc *proc = spawn_options("trap '' TERM; echo; exec sleep 1000",
                                    &(weft_proc_options){.out = WEFT_PROC_PIPE,
                                                         .grace_ns = 20 * WEFT_MS});
    EXPECT_EQ(weft_read(weft_proc_fd(proc, 1, false), said, sizeof said), 1);
    weft_proc_end end;
    weft_proc_stop(proc, &end);
    EXPECT_EQ(end.signal, SIGKILL);
    weft_proc_close(proc);
    spawn_expect_no_children();
}

IO_TEST(proc_is_not_simulated)
{
    const char *const argv[] = {"true", NULL};
    weft_proc *proc = NULL;
    weft_proc_result result;
    if (!weft__proc_is_simulated()) {
        return;
    }
    EXPECT_EQ(weft_proc_start(argv, NULL, &proc), -WEFT_ENOTSUP);
    EXPECT_EQ(weft_proc_run(argv, NULL, &result), -WEFT_ENOTSUP);
    weft_proc_result_free(&result);
}

static int spawn_close_under(void *arg)
{
    weft_proc *proc = *(weft_proc **)arg;
    while (proc->users == 0) {
        (void)weft_yield();
    }
    weft_proc_close(proc);
    return 0;
}

static int spawn_close_early(void *arg)
{
    const char *const argv[] = {"cat", NULL};
    weft_proc *proc = NULL;
    weft_scope scope;
    (void)arg;
    EXPECT_EQ(weft_proc_start(argv, &(weft_proc_options){.in = WEFT_PROC_PIPE}, &proc), 0);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, spawn_close_under, &proc), 0);
    (void)!weft_proc_wait(proc, NULL);
    return weft_scope_close(&scope);
}

PANIC_TEST(proc_closed_under_a_waiter, "weft_proc_close: 1 others still wait")
{
    (void)!weft_run_with(spawn_close_early, NULL, &(weft_options){.workers = 1});
}

NIGHT_TEST(proc_ten_thousand_in_a_row)
{
    const char *const argv[] = {"true", NULL};
    for (int i = 0; i < 10000; i++) {
        weft_proc *proc = NULL;
        EXPECT_EQ(weft_proc_start(argv, NULL, &proc), 0);
        EXPECT_EQ(spawn_wait(proc).exit_code, 0);
        weft_proc_close(proc);
    }
    spawn_expect_no_children();
}
