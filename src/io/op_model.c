/* op_model.c - every interleaving of an operation's caller, its completion, a cancel and a close.
 *
 * It is op.c, fd.c's way of closing, and park.c below them.  The driver is a thread that completes
 * what has begun: by itself at any moment, or only when it is asked.  As in park_model.c the switch
 * away from a stack is played by two threads, of which the second settles.  Must hold:
 *
 *   - the caller returns only after the completion, and with what that said
 *   - a cancel that finds the operation under way asks the driver for its end, and is not lost
 *   - after the caller has returned nobody touches the operation
 *   - nobody is made ready twice in one sleep
 *
 * SPDX-License-Identifier: MIT
 */
#include "tests/model.h"

#include "core/core_model.h"

#include "core/park.c"
#include "io/op.c"

#define SETTLER_DONE 3u

static struct weft__thread caller_thread;
static struct weft__task task;
static struct weft__task gone; /* what the caller's frame names once it is gone: sleeps never */
static struct weft__runtime runtime;
static struct weft__fd entry;
static struct weft__io io;
static struct weft__io_op op; /* the caller's frame */
static ATOMIC(uint32_t) cancel_word;
static ATOMIC(uint32_t) begun, asked; /* what the driver knows */
static ATOMIC(uint32_t) payload;      /* what the kernel has written, where all may be stale */
static ATOMIC(uint32_t) settle_now;   /* the number of the sleep to settle; or SETTLER_DONE */
static ATOMIC(uint32_t) ready_now;
static bool is_off_stack, has_returned;
static uint32_t times_ready, sleeps;
static ssize_t came_to;
static bool was_asked;

static bool model_is_noise(const void *at)
{
    return at == &weft__forked || at == &weft__enter_fences || at == &runtime.coarse_now;
}

/* ---- what op.c and park.c ask of their neighbours ---- */

ATOMIC(uint32_t) weft__forked;
ATOMIC(uint64_t) weft__foreign_parked;
ATOMIC(uint32_t) weft__enter_fences;

struct weft__thread *weft__self(void)
{
    return &caller_thread;
}

void weft__ready(struct weft__task *t)
{
    model_assert(t == &task);
    model_assert(is_off_stack);
    model_assert(times_ready == 0);
    times_ready++;
    a_store(&ready_now, 1, release);
}

struct weft__thread *weft__switch_away(struct weft__thread *self, enum weft__left_kind kind)
{
    model_assert(kind == WEFT__LEFT_PARKED);
    a_store(&settle_now, ++sleeps, release);
    model_block_while(&ready_now, 0u);
    a_store(&ready_now, 0, relaxed);
    is_off_stack = false;
    times_ready = 0;
    return self;
}

void weft__stack_check(const struct weft__task *t)
{
    (void)t;
}

int weft__sys_membarrier(void)
{
    return 0;
}

static void owner_nothing(struct weft__task *t)
{
    (void)t;
}

const struct weft__owner_ops weft__owner_ops = {.enroll = owner_nothing,
                                                .delivered = owner_nothing};

void weft__runtime_external_begin(struct weft__runtime *rt)
{
    (void)rt;
}

void weft__runtime_external_end(struct weft__runtime *rt)
{
    (void)rt;
}

void weft__panic(const char *format, ...)
{
    model_fail("panic: %s", format);
}

const struct weft__io_driver weft__io_sim;

struct weft__io *weft__io_of(struct weft__runtime *rt, int *ret_code)
{
    (void)rt, (void)ret_code;
    return &io;
}

const struct weft__outside *weft__outside(void)
{
    return NULL;
}

ssize_t weft__io_plain(struct weft__io_op *o)
{
    (void)o;
    return -EBADF;
}

struct weft__fd *weft__fd_entry(int fd)
{
    (void)fd;
    return &entry;
}

/* ---- the driver ---- */

static int driver_begin(struct weft__thread *self, struct weft__io_op *o)
{
    (void)self;
    model_assert(o == &op);
    a_store(&begun, 1, release);
    return 0;
}

static void driver_cancel(struct weft__io_op *o)
{
    model_assert(o == &op && !has_returned);
    model_assert(a_xchg(&asked, 1, acq_rel) == 0);
}

static const struct weft__io_driver driver = {.begin = driver_begin, .cancel = driver_cancel};

static void models_reset(void)
{
    memset(&caller_thread, 0, sizeof caller_thread);
    memset(&task, 0, sizeof task);
    memset(&op, 0, sizeof op);
    caller_thread.task = &task;
    task.cancel = &cancel_word;
    io.driver = &driver;
    io.runtime = &runtime;
    lock_init(&entry.lock, WEFT_RANK_NONE);
    list_init(&entry.in);
    list_init(&entry.out);
    list_init(&entry.polls);
    op.code = WEFT__IO_RECV;
    a_store(&cancel_word, 0, relaxed);
    a_store(&begun, 0, relaxed);
    a_store(&asked, 0, relaxed);
    a_store(&payload, 0, relaxed);
    a_store(&settle_now, 0, relaxed);
    a_store(&ready_now, 0, relaxed);
    a_store(&weft__enter_fences, 1, relaxed);
    is_off_stack = has_returned = was_asked = false;
    times_ready = sleeps = 0;
    came_to = 0;
}

/* An operation without a descriptor: no lock between the caller and whoever completes. */
static void models_reset_open(void)
{
    models_reset();
    op.code = WEFT__IO_OPEN;
}

/* ---- those who take part ---- */

static void caller(void)
{
    struct weft__thread *self = &caller_thread;
    came_to = op_once(&self, &io, &op, &was_asked);
    model_assert(a_load(&payload, relaxed) == 7);
    has_returned = true;
    op.task = &gone; /* so is the frame: who completes now loses its claim, and meets the state */
    a_store(&op.state, OP_DONE, relaxed);
    a_store(&settle_now, SETTLER_DONE, release);
}

static void settler(void)
{
    for (uint32_t sleep = 0; sleep < 2; sleep++) {
        model_block_while(&settle_now, sleep);
        if (a_load(&settle_now, acquire) == SETTLER_DONE) {
            return;
        }
        is_off_stack = true;
        weft__park_settle(&task);
    }
}

static void completer(void)
{
    model_block_while(&begun, 0u);
    a_store(&payload, 7, relaxed);
    weft__io_complete(&op, 7);
}

static void completer_when_asked(void)
{
    model_block_while(&asked, 0u);
    a_store(&payload, 7, relaxed);
    weft__io_complete(&op, -ECANCELED);
}

static void canceller(void)
{
    a_store(&cancel_word, 1, relaxed);
    weft__cancel_barrier();
    if (weft__claim_cancel(&task) == WEFT__CLAIM_MUST_READY) {
        weft__ready(&task);
    }
}

/* As fd_end: an operation that has begun is asked for its end, once. */
static void closer(void)
{
    model_block_while(&begun, 0u);
    lock_take(&entry.lock);
    struct weft__list *node = list_pop_front(&entry.in);
    if (node) {
        struct weft__io_op *o = container_of(node, struct weft__io_op, in_fd);
        o->is_closed = true;
        weft__io_ask(&io, o);
    }
    lock_drop(&entry.lock);
}

/* ---- what must hold ---- */

static void completed(void)
{
    model_assert(has_returned && came_to == 7);
    model_assert(list_empty(&entry.in));
    model_assert(wait_state(task.wait) == WEFT__RUNNING);
}

static void given_up(void)
{
    model_assert(has_returned && came_to == -ECANCELED);
    model_assert(list_empty(&entry.in));
}

/* ---- broken ---- */

/* It returns at the cancel, and does not wait for the end. */
static void caller_walks_away(void)
{
    struct weft__thread *self = &caller_thread;
    op.task = &task;
    op.ticket = weft__park_arm(&task);
    (void)op_begin(self, &io, &op);
    (void)weft__park(&self, &(struct weft__parking){.kind = op.kind});
    came_to = 7;
    has_returned = true;
    op.task = &gone;
    a_store(&op.state, OP_DONE, relaxed);
    a_store(&settle_now, SETTLER_DONE, release);
}

/* It looks whether it is completed, and only then says how to wake it. */
static void publish_by_looking(void *arg)
{
    struct weft__io_op *o = arg;
    if (a_load(&o->state, acquire) == OP_OPEN) {
        a_store(&o->state, o->second, release);
    } else if (weft__claim(&task, o->second, 0) == WEFT__CLAIM_MUST_READY) {
        weft__ready(&task);
    }
}

static void caller_looks(void)
{
    struct weft__thread *self = &caller_thread;
    op.task = &task;
    op.ticket = weft__park_arm(&task);
    (void)op_begin(self, &io, &op);
    if (weft__park(&self, &(struct weft__parking){.kind = op.kind}) < 0 && !op_ask(&io, &op)) {
        op.second = weft__park_ticket(&task);
        (void)weft__park(&self, &(struct weft__parking){.kind = op.kind,
                                                        .release = publish_by_looking,
                                                        .release_arg = &op,
                                                        .ticket = op.second,
                                                        .is_uncancellable = true});
    }
    has_returned = true;
    a_store(&settle_now, SETTLER_DONE, release);
}

static const struct model models[] = {
    MODEL("op_complete", models_reset_open, completed, caller, settler, completer),
    MODEL("op_complete_cancel", models_reset_open, completed, caller, settler, completer,
          canceller),
    MODEL("op_cancel_asked", models_reset_open, given_up, caller, settler, completer_when_asked,
          canceller),
    MODEL_NIGHT("op_queued_cancel", models_reset, completed, caller, settler, completer,
                canceller),
    MODEL("op_close", models_reset, given_up, caller, settler, completer_when_asked, closer),
    MODEL("op_close_complete", models_reset, completed, caller, settler, completer, closer),
    MODEL_BROKEN("op_walks_away", "the frame is gone when the operation completes",
                 models_reset_open, completed, caller_walks_away, settler, completer, canceller),
    MODEL_BROKEN("op_looks", "a completion between the look and the word is missed",
                 models_reset_open, NULL, caller_looks, settler, completer, canceller),
};

#define OF_PARK "park_model.c needs it, or says why it stands"
#define OF_LOCK "what it guards is plain memory here; the lock itself is lock_test.c's"

static const struct model_spared spared[] = {
    {"weft__seat", "&self->seat", "acquire -> relaxed", "of core: who sits is not played here"},
    {"weft__park_arm", "&task->wait", "release -> relaxed", OF_PARK},
    {"park_settle_word", "&task->wait", "acq_rel -> acquire", OF_PARK},
    {"park_settle_word", "&task->wait", "acq_rel -> release", OF_PARK},
    {"park_settle_word", "&task->wait", "failure acquire -> relaxed", OF_PARK},
    {"park_settle_word", "&task->wait", "release -> relaxed", OF_PARK},
    {"weft__claim", "&task->wait", "acquire -> relaxed", OF_PARK},
    {"wait_swap", "&task->wait", "acq_rel -> release", OF_PARK},
    {"weft__park", "&task->wait", "acquire -> relaxed", OF_PARK},
    {"op_publish", "&op->state", "acq_rel -> acquire",
     "the completion must see the sleep that it claims next; the explorer shows a stale word at "
     "most twice in a row, and the first claim has used that up"},
    {"op_publish", "&op->state", "acq_rel -> release", "a success reads nothing further"},
    {"model_lock_take", "&l->word", "acquire -> relaxed", OF_LOCK},
    {"model_lock_drop", "&l->word", "release -> relaxed", OF_LOCK},
};

int main(int argc, char **argv)
{
    return model_main(argc, argv, models, WEFT_ARRAY_SIZE(models), spared, WEFT_ARRAY_SIZE(spared));
}
