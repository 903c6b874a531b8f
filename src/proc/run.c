/* run.c - a program in one call: fed, listened to and waited for, all at the same time.
 *
 * One task does it all, in steps: it sleeps on an epoll descriptor that holds the pipes and the
 * child's pidfd, and then does whatever is ready, without waiting.  So neither side can block the
 * other, in a plain thread too, and there is nobody to be told to stop.  Rejected: a task for each
 * pipe, which a cancel must reach and must not reach, and which plain threads do not have.
 *
 *     RUNNING --cancelled--> ASKED (SIGTERM) --grace is over--> KILLED (SIGKILL)
 *        \_______________________|___________________________________|
 *                                v  it has ended
 *                             LEAVING: until its pipes are at their ends, or RUN_LINGER_NS
 *
 * The last is for programs that left somebody behind who holds a pipe: what the child itself wrote
 * is in the pipe when it has ended, and is read in any case; who writes later is not waited for.
 *
 * SPDX-License-Identifier: MIT
 */
#include <signal.h>

#include "base/alloc.h"
#include "base/sys.h"
#include "base/sysnet.h"
#include "io/op.h"
#include "proc/proc.h"
#include "weft/err.h"
#include "weft/time.h"

#define RUN_LINGER_NS  (100 * WEFT_MS)
#define RUN_OUTPUT_MAX ((size_t)64 << 20)
#define RUN_ROOM_FIRST 4096
#define RUN_WRITE_MAX  (64 * 1024)  /* at a time: what a pipe holds */
#define RUN_TURN_MAX   (256 * 1024) /* of one pipe, before the others have their turn */
#define RUN_LEFT_MAX   (1 << 20)    /* a pipe holds no more, unless root has made it so */
#define RUN_WASTE      4096
#define RUN_STEP_NS    (5 * WEFT_MS)
#define RUN_PER_OP     (16 * 1024)  /* bytes that count as an operation of the budget */

enum run_place {
    RUN_IN = 0,
    RUN_OUT = 1,
    RUN_ERR = 2,
    RUN_END = 3,
    RUN_PLACES
};

enum run_stage {
    RUN_RUNNING,
    RUN_ASKED,
    RUN_KILLED,
    RUN_LEAVING
};

/* What the child writes to stdout or stderr. */
struct run_output {
    bool is_wanted;
    char *data;
    size_t size, room; /* room for so many, and a byte 0 behind them */
    size_t size_max;
    bool is_cut;
};

struct run {
    weft_proc *proc;
    int epoll;
    int fds[RUN_END];                  /* our ends; -1: done */
    const char *input;
    size_t input_left;
    struct run_output outputs[RUN_END]; /* the first is none */
    enum run_stage stage;
    int64_t until;                     /* of the stage */
    int code;
    const void *site;
};

/* ---- output ---- */

static int run_output_grow(struct run_output *output, size_t room)
{
    room = weft__min(room, output->size_max);
    char *data = weft__alloc(room + 1);
    if (!data) {
        return -WEFT_ENOMEM;
    }
    if (output->size > 0) {
        memcpy(data, output->data, output->size);
    }
    weft__free(output->data);
    output->data = data;
    output->room = room;
    return 0;
}

/* Beyond size_max, or without memory, it is read and dropped: the program is not to hang. */
static ssize_t run_read(struct run *run, int place)
{
    struct run_output *output = &run->outputs[place];
    char waste[RUN_WASTE];
    if (output->size == output->room && output->room < output->size_max && !output->is_cut &&
        run_output_grow(output, 2 * output->room) < 0) {
        run->code = run->code < 0 ? run->code : -WEFT_ENOMEM;
        output->is_cut = true;
    }
    if (output->size == output->room || output->is_cut) {
        ssize_t dropped = weft__sys_read(run->fds[place], waste, sizeof waste);
        output->is_cut = output->is_cut || dropped > 0;
        return dropped;
    }
    ssize_t n = weft__sys_read(run->fds[place], output->data + output->size,
                               output->room - output->size);
    output->size += n > 0 ? (size_t)n : 0;
    return n;
}

static void run_finish(struct run *run, int place)
{
    weft__fd_close(run->fds[place]);
    run->fds[place] = -1;
}

/* Who copies much is to let others run, although there is always something to copy. */
static void run_charge(size_t size)
{
    struct weft__thread *self = weft__enter();
    self->task->budget -= (int32_t)(size / RUN_PER_OP);
    weft__leave(self);
}

/* As long as there is something, but at most size_max bytes and one read more; a pipe that cannot
 * be read is as one at its end. */
static void run_take(struct run *run, int place, size_t size_max)
{
    size_t size = 0;
    ssize_t n = 1;
    while (run->fds[place] >= 0 && size < size_max && n > 0) {
        n = run_read(run, place);
        size += n > 0 ? (size_t)n : 0;
    }
    if (n <= 0 && n != -EAGAIN) {
        run->code = n < 0 && run->code == 0 ? (int)n : run->code;
        run_finish(run, place);
    }
    run_charge(size);
}

/* ---- input ---- */

/* Whether the program wants all of its input is its own affair. */
static void run_feed(struct run *run)
{
    if (run->fds[RUN_IN] < 0) {
        return;
    }
    size_t size = weft__min(run->input_left, (size_t)RUN_WRITE_MAX);
    ssize_t n = size > 0 ? weft__sys_write_unsignalled(run->fds[RUN_IN], run->input, size) : 0;
    if (n == -EAGAIN) {
        return;
    }
    if (n > 0) {
        run->input += n;
        run->input_left -= (size_t)n;
        run_charge((size_t)n);
    }
    if (n < 0 && n != -EPIPE && run->code == 0) {
        run->code = (int)n;
    }
    if (n < 0 || run->input_left == 0) {
        run_finish(run, RUN_IN);
    }
}

/* ---- stages ---- */

static bool run_is_over(const struct run *run)
{
    return run->stage == RUN_LEAVING && run->fds[RUN_OUT] < 0 && run->fds[RUN_ERR] < 0;
}

static void run_enter(struct run *run, enum run_stage stage)
{
    run->stage = stage;
    run->until = WEFT_NEVER;
    switch (stage) {
    case RUN_ASKED:
        run->code = -WEFT_ECANCELED;
        (void)weft_proc_signal(run->proc, SIGTERM);
        (void)weft_proc_signal(run->proc, SIGCONT); /* or it would not hear it, being stopped */
        run->until = weft_after(run->proc->grace_ns);
        break;
    case RUN_KILLED:
        (void)weft_proc_signal(run->proc, SIGKILL);
        break;
    case RUN_LEAVING:
        run->until = weft_after(RUN_LINGER_NS);
        if (run->fds[RUN_IN] >= 0) {
            run_finish(run, RUN_IN);
        }
        if (run->proc->pidfd >= 0) { /* which stays readable from now on */
            int rc = weft__sys_epoll_ctl(run->epoll, EPOLL_CTL_DEL, run->proc->pidfd, 0, 0);
            WEFT_CHECK(rc == 0);
        }
        break;
    case RUN_RUNNING:
        break;
    }
}

/* Sleeps.  Until something is ready, or the stage is over. */
static void run_sleep(struct run *run)
{
    int64_t until = run->until;
    if (run->proc->pidfd < 0) {
        until = weft__min(until, weft_after(RUN_STEP_NS)); /* its end comes without a word */
    }
    int rc = weft__proc_sleep(run->epoll, until, run->stage != RUN_RUNNING, run->site);
    bool has_ended = run->stage != RUN_LEAVING && weft__proc_reap(run->proc);
    if (has_ended) {
        run_enter(run, RUN_LEAVING);
    } else if (rc == -WEFT_ECANCELED && run->stage == RUN_RUNNING) {
        run_enter(run, RUN_ASKED);
    } else if (run->stage == RUN_ASKED && weft_now() >= run->until) {
        run_enter(run, RUN_KILLED);
    }
}

static void run_serve(struct run *run)
{
    struct epoll_event events[RUN_PLACES];
    int n = weft__sys_epoll_wait(run->epoll, events, RUN_PLACES, 0);
    for (int i = 0; i < n; i++) {
        switch (events[i].data.u64) {
        case RUN_IN:
            run_feed(run);
            break;
        case RUN_OUT:
        case RUN_ERR:
            run_take(run, (int)events[i].data.u64, RUN_TURN_MAX);
            break;
        default: /* seen by run_sleep */
            break;
        }
    }
}

/* Sleeps until it has ended and all it wrote has come. */
static void run_work(struct run *run)
{
    run_enter(run, RUN_RUNNING);
    while (!run_is_over(run)) {
        run_sleep(run);
        run_serve(run);
        if (run->stage == RUN_LEAVING && weft_now() >= run->until) {
            break;
        }
    }
    for (int place = RUN_OUT; place <= RUN_ERR; place++) {
        run_take(run, place, RUN_LEFT_MAX);
    }
}

/* ---- begin and end ---- */

/* All that may fail for want of memory or descriptors, before the program begins. */
static int run_prepare(struct run *run, const weft_proc_options *options)
{
    size_t most = options->output_max ? options->output_max : RUN_OUTPUT_MAX;
    int rc = weft__sys_epoll_create();
    if (rc < 0) {
        return rc;
    }
    run->epoll = rc;
    weft__fd_made(run->epoll);
    rc = 0;
    for (int place = RUN_OUT; place <= RUN_ERR && rc == 0; place++) {
        struct run_output *output = &run->outputs[place];
        output->is_wanted = (place == RUN_OUT ? options->out : options->err) == WEFT_PROC_PIPE;
        output->size_max = weft__min(most, (size_t)PTRDIFF_MAX / 4);
        rc = output->is_wanted ? run_output_grow(output, RUN_ROOM_FIRST) : 0;
    }
    return rc;
}

static int run_watch(struct run *run)
{
    int rc = 0;
    for (int place = RUN_IN; place < RUN_END && rc == 0; place++) {
        run->fds[place] = weft_proc_fd(run->proc, place, true);
        if (run->fds[place] >= 0) {
            rc = weft__sys_epoll_ctl(run->epoll, EPOLL_CTL_ADD, run->fds[place],
                                     place == RUN_IN ? EPOLLOUT : EPOLLIN, (uint64_t)place);
        }
    }
    if (rc == 0 && run->proc->pidfd >= 0) {
        rc = weft__sys_epoll_ctl(run->epoll, EPOLL_CTL_ADD, run->proc->pidfd, EPOLLIN, RUN_END);
    }
    return rc;
}

static void run_end(struct run *run, weft_proc_result *ret)
{
    for (int place = RUN_IN; place < RUN_END; place++) {
        if (run->fds[place] >= 0) {
            run_finish(run, place);
        }
        if (run->outputs[place].is_wanted && run->outputs[place].data) {
            run->outputs[place].data[run->outputs[place].size] = '\0';
        }
    }
    if (run->proc) {
        weft_proc_stop(run->proc, &ret->end);
        weft_proc_close(run->proc);
    }
    if (run->epoll >= 0) {
        weft__fd_close(run->epoll);
    }
    ret->out = run->outputs[RUN_OUT].data;
    ret->out_size = run->outputs[RUN_OUT].size;
    ret->out_cut = run->outputs[RUN_OUT].is_cut;
    ret->err = run->outputs[RUN_ERR].data;
    ret->err_size = run->outputs[RUN_ERR].size;
    ret->err_cut = run->outputs[RUN_ERR].is_cut;
}

static weft_proc_options run_options(const weft_proc_options *options)
{
    weft_proc_options wanted = options ? *options : (weft_proc_options){0};
    if (wanted.in == WEFT_PROC_DEFAULT) {
        wanted.in = wanted.input ? WEFT_PROC_PIPE : WEFT_PROC_NULL;
    }
    wanted.out = wanted.out == WEFT_PROC_DEFAULT ? WEFT_PROC_PIPE : wanted.out;
    wanted.err = wanted.err == WEFT_PROC_DEFAULT ? WEFT_PROC_PIPE : wanted.err;
    return wanted;
}

int weft_proc_run(const char *const argv[], const weft_proc_options *options,
                  weft_proc_result *ret_result)
{
    weft_proc_options wanted = run_options(options);
    struct run run = {.epoll = -1,
                      .fds = {-1, -1, -1},
                      .input = wanted.input,
                      .input_left = wanted.input ? wanted.input_size : 0,
                      .site = __builtin_return_address(0)};
    *ret_result = (weft_proc_result){.end.exit_code = -1};
    if (weft__proc_is_simulated()) {
        return -WEFT_ENOTSUP;
    }
    int rc = run_prepare(&run, &wanted);
    if (rc == 0) {
        rc = weft_proc_start(argv, &wanted, &run.proc);
    }
    if (rc == 0) {
        rc = run_watch(&run);
    }
    if (rc == 0) {
        run_work(&run);
        rc = run.code;
    }
    run_end(&run, ret_result);
    return rc;
}

void weft_proc_result_free(weft_proc_result *result)
{
    weft__free(result->out);
    weft__free(result->err);
    result->out = result->err = NULL;
    result->out_size = result->err_size = 0;
}
