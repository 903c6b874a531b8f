/* serve.c - the fork server inside the program; check/server.h has the protocol.
 *
 * It runs where the program would have begun: in main, or where a constructor makes the first
 * thread.  All that each schedule needs is made here once: the pool of fibers, reserved memory, the
 * addresses of libc's functions.  A child then costs a fork and what it touches.
 *
 * What one child lacked (fibers, the unwinder) it notes in a shared page, for the next.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/preload/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/panic.h"
#include "base/sys.h"
#include "check/preload/block.h"
#include "check/preload/calls.h"
#include "check/preload/delays.h"
#include "check/preload/hooks.h"
#include "check/preload/misc.h"
#include "check/preload/tasks.h"
#include "check/server.h"

#define SERVER_FD      600 /* ours lie from here on, out of the program's way */
#define SERVER_FIBERS  3   /* at first */
#define SERVER_NAME_MAX 256
#define SERVER_KEEP_MAX (4u << 20)
#define SERVER_SOON_NS  (20 * 1000 * 1000) /* a child that lives longer is told of */

struct server_notes {
    uint32_t fibers_wanted;
    uint32_t unwinds;
};

static struct weft__exchange *server_exchange;
static struct server_notes *server_notes; /* shared with the children */
static int server_socket = -1, server_null = -1, server_out = -1, server_err = -1;
static off_t server_stdin_at = -1;        /* of a regular file; -1: no such thing */
static bool server_was_armed;
static uint32_t server_fibers = SERVER_FIBERS; /* in the pool */
static pid_t server_pid;
static cpu_set_t server_cpus; /* the program's */
static bool server_stays;

/* ---- is it us who is meant? ---- */

static const char *server_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* What the program starts shall run as it is. */
static void server_leave_environment(void)
{
    const char *preload = getenv("LD_PRELOAD");
    char left[4096] = "";
    size_t n = 0;

    (void)unsetenv(WEFT__SERVER_ENV);
    while (preload != NULL && *preload != '\0') {
        size_t length = strcspn(preload, ": ");
        bool is_ours = memmem(preload, length, "libweft-check", 13) != NULL;
        if (!is_ours && length > 0 && n + length + 2 < sizeof left) {
            if (n > 0)
                left[n++] = ':';
            memcpy(left + n, preload, length);
            n += length;
        }
        preload += length + (preload[length] != '\0');
    }
    if (n > 0)
        (void)setenv("LD_PRELOAD", left, 1);
    else
        (void)unsetenv("LD_PRELOAD");
}

/* True: memory and socket are open, the environment is clean. */
static bool server_is_meant(int *ret_memory)
{
    const char *told = getenv(WEFT__SERVER_ENV);
    char name[SERVER_NAME_MAX];

    if (told == NULL ||
        sscanf(told, "%d,%d,%255[^\n]", ret_memory, &server_socket, name) != 3) {
        return false;
    }
    if (strcmp(name, program_invocation_short_name) != 0) {
        char path[4096];
        weft__sys_program_path(path, sizeof path);
        if (strcmp(name, server_base_name(path)) != 0)
            return false;
    }
    server_leave_environment();
    return true;
}

/* ---- speaking ----
 *
 * By bare system calls: libc's functions write to the thread's descriptor, and each page that the
 * server writes while a child lives is one more copy. */

static void server_say(enum weft__server_word word, int value)
{
    struct weft__server_message message = {(int32_t)word, value};

    if (syscall(SYS_sendto, server_socket, &message, sizeof message, MSG_NOSIGNAL, NULL, 0) !=
        sizeof message) {
        _exit(0); /* the searcher is gone */
    }
}

static bool server_hear(void)
{
    struct weft__server_message message;
    long n;

    do {
        n = syscall(SYS_recvfrom, server_socket, &message, sizeof message, 0, NULL, NULL);
    } while (n < 0 && errno == EINTR);
    return n == sizeof message && message.word == WEFT__SERVER_RUN;
}

/* ---- preparing ---- */

static int server_move_fd(int fd)
{
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, SERVER_FD);

    if (moved < 0)
        moved = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    WEFT_CHECK(moved >= 0);
    return moved;
}

static void server_map(int memory)
{
    void *p = mmap(NULL, sizeof *server_exchange, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);

    WEFT_CHECK(p != MAP_FAILED);
    server_exchange = p;
    (void)close(memory);
    p = mmap(NULL, sizeof *server_notes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    WEFT_CHECK(p != MAP_FAILED);
    server_notes = p;
}

static void server_take_streams(void)
{
    struct stat about;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    WEFT_CHECK(null >= 0);
    server_null = server_move_fd(null);
    (void)close(null);
    if (fcntl(1, F_GETFD) >= 0)
        server_out = server_move_fd(1);
    if (fcntl(2, F_GETFD) >= 0)
        server_err = server_move_fd(2);
    if (fstat(0, &about) == 0 && S_ISREG(about.st_mode))
        server_stdin_at = lseek(0, 0, SEEK_CUR);
}

static void server_quiet(bool quiet)
{
    (void)dup2(quiet || server_out < 0 ? server_null : server_out, 1);
    (void)dup2(quiet || server_err < 0 ? server_null : server_err, 2);
}

static void *server_unwind(void *arg)
{
    pthread_exit(arg);
}

/* libc loads its unwinder when it is first needed, which takes long.  Most programs never do, and
 * without it each fork is cheaper. */
static void server_load_unwinder(void)
{
    static bool is_loaded;
    pthread_t thread;
    uintptr_t frames[1];

    if (!is_loaded && pthread_create(&thread, NULL, server_unwind, NULL) == 0)
        (void)pthread_join(thread, NULL);
    (void)weft__walk(frames, 1);
    is_loaded = true;
}

/* A fork copies the page tables of memory that has private pages, and leaves those of plain files
 * to be found again, fault by fault.  So each part that is code gets one private page. */
static int server_keep_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    int memory = *(const int *)arg;

    (void)size;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uintptr_t low = (info->dlpi_addr + part->p_vaddr) & ~(uintptr_t)4095;
        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X) || part->p_memsz > SERVER_KEEP_MAX)
            continue;
        (void)!pwrite(memory, (const void *)low, 1, (off_t)low); /* what is there already */
    }
    return 0;
}

static void server_keep_pages(void)
{
    int memory = open("/proc/self/mem", O_RDWR | O_CLOEXEC);

    if (memory < 0)
        return;
    (void)dl_iterate_phdr(server_keep_object, &memory);
    (void)close(memory);
}

/* Functions of libc that each child calls: found here, once. */
static void server_find_functions(void)
{
    void *(*volatile set)(void *, int, size_t) = memset;
    void *(*volatile copy)(void *, const void *, size_t) = memcpy;
    char bytes[2];

    (void)set(bytes, 0, 1);
    (void)copy(bytes, bytes + 1, 1);
    (void)fflush(stderr);
    (void)syscall(SYS_getpid);
    weft__threads_prepare();
}

/* A server and its child take turns, so one processor is enough, and to wake another costs more
 * than a small schedule.  The child takes back what the program was given. */
static void server_stay(void)
{
    cpu_set_t one;
    int cpu = sched_getcpu();

    CPU_ZERO(&one);
    if (cpu < 0 || cpu >= CPU_SETSIZE ||
        syscall(SYS_sched_getaffinity, 0, sizeof server_cpus, &server_cpus) < 0)
        return;
    CPU_SET(cpu, &one);
    server_stays = syscall(SYS_sched_setaffinity, 0, sizeof one, &one) == 0;
}

static void server_prepare(int memory)
{
    int socket = server_socket;

    (void)prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    server_socket = server_move_fd(socket);
    (void)close(socket);
    server_map(memory);
    server_take_streams();
    server_pid = getpid();
    weft__modules_fill(&server_exchange->modules);
    server_exchange->modules.blind = !weft__has_hooks();
    weft__delays_prepare(server_exchange);
    weft__misc_prepare();
    weft__misc_start(); /* handlers are inherited */
    server_find_functions();
    weft__models_init();
    weft__tasks_find();
    weft__fibers_init();
    weft__fibers_grow(server_fibers);
    int rc = weft__engine_prepare();
    WEFT_CHECK(rc == 0);
    server_stay();
    server_keep_pages();
}

/* ---- one schedule ---- */

void weft__child_exit(void)
{
    if (server_notes != NULL && weft__fibers_used() > server_fibers)
        server_notes->fibers_wanted = weft__fibers_used();
    if (server_notes != NULL && server_exchange->outcome.n_findings > 0)
        server_notes->unwinds = 1; /* reports have stacks */
    (void)syscall(SYS_exit_group, WEFT__SERVER_EXIT_STATUS);
    __builtin_unreachable();
}

static void server_move(struct weft__strand *from, struct weft__strand *to)
{
    weft__moves++;
    weft__fiber_move(from->carrier, to->carrier);
}

static const struct weft__executor server_executor = {
    .move = server_move,
    .look = weft__block_look,
    .stack = weft__stack,
    .leave = weft__tasks_leave,
    .over = weft__child_exit,
};

static bool server_delays(void)
{
    return (server_exchange->plan.flags & WEFT__PLAN_DELAYS) != 0;
}

static void server_begin_child(void)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != server_pid)
        _exit(0);
    if (server_stays)
        (void)syscall(SYS_sched_setaffinity, 0, sizeof server_cpus, &server_cpus);
    (void)close(server_socket);
    if (server_exchange->plan.flags & WEFT__PLAN_SHOW_OUTPUT)
        server_quiet(false);
    if (server_stdin_at >= 0)
        (void)lseek(0, server_stdin_at, SEEK_SET);
    if (server_delays()) {
        weft__delays_begin(server_exchange->plan.seed);
        return;
    }
    int rc = weft__engine_init(server_exchange, &server_executor);
    WEFT_CHECK(rc == 0);
    weft__threads_begin();
    weft__tasks_begin();
}

/* The status of waitpid; when the searcher goes away, so do we. */
static int server_wait(pid_t pid)
{
    int status = 0, fd = (int)syscall(SYS_pidfd_open, pid, 0);
    bool is_told = fd < 0;

    if (is_told)
        server_say(WEFT__SERVER_STARTED, pid);
    if (fd >= 0) {
        struct pollfd fds[2] = {{.fd = fd, .events = POLLIN}, {.fd = server_socket}};
        struct timespec soon = {.tv_nsec = SERVER_SOON_NS};
        long n;
        do {
            n = syscall(SYS_ppoll, fds, 2, is_told ? NULL : &soon, NULL, 0);
            if (n == 0) {
                server_say(WEFT__SERVER_STARTED, pid);
                is_told = true;
            }
        } while (n == 0 || (n < 0 && errno == EINTR));
        if (fds[1].revents & (POLLHUP | POLLERR)) {
            (void)kill(pid, SIGKILL);
            _exit(0);
        }
        (void)syscall(SYS_close, fd);
    }
    while (syscall(SYS_wait4, pid, &status, 0, NULL) < 0 && errno == EINTR)
        continue;
    return status;
}

/* True in the child. */
static bool server_run(void)
{
    if (server_notes->fibers_wanted > server_fibers) {
        server_fibers = server_notes->fibers_wanted;
        weft__fibers_grow(server_fibers);
    }
    if (server_notes->unwinds)
        server_load_unwinder();
    if (server_delays())
        weft__delays_clear();
    /* libc's own fork forgets our fibers, so that only the program's threads count. */
    pid_t pid = server_delays() ? fork() : _Fork();
    if (pid == 0) {
        server_begin_child();
        return true;
    }
    if (pid < 0) {
        server_say(WEFT__SERVER_FAILED, errno);
        return false;
    }
    if (server_delays()) /* these take long */
        server_say(WEFT__SERVER_STARTED, pid);
    server_say(WEFT__SERVER_ENDED,
               server_delays() ? weft__delays_wait(pid, server_socket) : server_wait(pid));
    return false;
}

void weft__server_arm(void)
{
    int memory;

    if (server_was_armed)
        return;
    server_was_armed = true;
    if (!server_is_meant(&memory))
        return;
    weft__busy++;
    server_prepare(memory);
    server_quiet(true);
    server_say(WEFT__SERVER_HELLO, WEFT__SERVER_VERSION);
    while (server_hear()) {
        if (server_run()) {
            weft__busy--;
            return;
        }
    }
    _exit(0);
}

void weft__server_note_unwinding(void)
{
    if (server_notes != NULL)
        server_notes->unwinds = 1;
}

void weft__server_forget(void)
{
    weft__engine = NULL;
    weft__delays = false;
    server_notes = NULL;
    (void)prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
}
