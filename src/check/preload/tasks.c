/* tasks.c - programs of Weft under control: their tasks are strands beside the plain threads.
 *
 * libweft, linked in whichever way, has one function by which somebody may steer its runs
 * (core/control.h).  It is looked for by name before main; where it is not, the program has no
 * tasks and nothing here happens.  A statically linked program shows it only if it was linked with
 * --export-dynamic-symbol=weft__control_set.
 *
 * All tasks run on the fiber of the thread that called weft_run: they share that carrier, and what
 * belongs to a thread.  Its stack of calls is changed with the task.  Plain threads that call Weft
 * sleep here, at a point, not in the kernel.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/preload/tasks.h"

#include <dlfcn.h>

#include "base/sys.h"
#include "check/preload/hooks.h"
#include "check/steer.h"

#define TASKS_FRAMES_MAX 24

typedef int tasks_set_call(const struct weft__control *, uint32_t);

static tasks_set_call *tasks_set; /* NULL: no program of Weft */
static struct weft__control tasks_control;
static unsigned char *tasks_calls; /* the stacks of calls of strands that are away */

/* ---- who runs next ---- */

static unsigned char *tasks_calls_of(const struct weft__strand *strand)
{
    return tasks_calls + strand->id * weft__calls_size();
}

static struct weft__runnable *tasks_pick(int64_t next_timer)
{
    const struct weft__strand *from = weft__strand_self();
    weft__calls_save(tasks_calls_of(from));
    struct weft__runnable *item = weft__steer.pick(next_timer);
    weft__calls_load(tasks_calls_of(weft__strand_self()));
    return item;
}

/* What Weft does to its object is not seen by the hooks: it must not be in freed memory. */
static void tasks_passed(enum weft__deed deed, const void *object, const void *second)
{
    if (object && !weft__heap_allows((uintptr_t)object, 1)) {
        weft__heap_refused(weft__steer_op(deed), (uintptr_t)object, 1,
                           (uintptr_t)weft__site_address(weft__strand_self()->site));
    }
    weft__steer.passed(deed, object, second);
}

/* ---- plain threads ---- */

static void tasks_thread_point(enum weft__deed deed, const void *object, const void *second,
                               const void *site, int64_t next_timer)
{
    weft__steer_timer(next_timer);
    weft__point(&(struct weft__operation){
        .op = weft__steer_op(deed),
        .object = (uintptr_t)object,
        .pc = (uintptr_t)site,
        .caller = weft__caller(),
        .deadline = WEFT__NO_DEADLINE,
        .second = (uintptr_t)second,
    });
    tasks_passed(deed, object, second);
}

static bool tasks_is_woken(const struct weft__strand *strand)
{
    const ATOMIC(uint32_t) *word = strand->next.arg;
    return a_load(word, acquire) != 0;
}

/* It waits in the operation that it last told, and for its word. */
static bool tasks_thread_wait(ATOMIC(uint32_t) *word, int64_t deadline, int64_t next_timer)
{
    struct weft__operation op = weft__strand_self()->next;
    weft__steer_timer(next_timer);
    if (op.op == WEFT__OP_COND_WAIT) {
        op.op = WEFT__OP_COND_WAKE;
    }
    const void *site = weft__site_address(weft__strand_self()->site);
    op.pc = (uintptr_t)site;
    op.can = tasks_is_woken;
    op.arg = word;
    op.second = (uintptr_t)word;
    op.deadline = deadline > 0 ? deadline : WEFT__NO_DEADLINE;
    enum weft__go go = weft__point(&op);
    weft__happened_acquire((uintptr_t)word);
    weft__happened_acquire(op.object);
    return go == WEFT__GO_TIMED_OUT;
}

static void tasks_thread_wake(ATOMIC(uint32_t) *word)
{
    weft__happened_release((uintptr_t)word);
    weft__changed((uintptr_t)word);
}

/* ---- whose call it was ---- */

/* The innermost function with hooks is known by its return address: what is in the frame before is
 * where it called out. */
uintptr_t weft__tasks_site(uintptr_t pc, const void *frame)
{
    if (tasks_set == NULL || weft__engine == NULL) {
        return pc;
    }
    const struct weft__strand *self = weft__strand_self();
    uintptr_t at = (uintptr_t)frame, caller = weft__caller(), last = pc;
    for (int i = 0; i < TASKS_FRAMES_MAX && caller != 0; i++) {
        if (at % sizeof at != 0 || at < self->stack_low || at + 2 * sizeof at > self->stack_high) {
            break;
        }
        const uintptr_t *words = (const uintptr_t *)at;
        if (words[1] == caller) {
            return last;
        }
        last = words[1];
        if (words[0] <= at) {
            break;
        }
        at = words[0];
    }
    return pc;
}

static void tasks_panicked(const char *text)
{
    if (weft__engine) {
        uintptr_t site = weft__tasks_site(0, __builtin_frame_address(0));
        if (site != 0) {
            weft__strand_self()->site = weft__site_of(site);
        }
    }
    weft__steer.panicked(text);
}

/* ---- a schedule ---- */

bool weft__tasks_are_inside(void)
{
    return weft__steer_is_inside();
}

void weft__tasks_leave(void)
{
    weft__steer_leave();
}

void weft__tasks_find(void)
{
    weft__busy++;
    tasks_set = (tasks_set_call *)dlsym(RTLD_DEFAULT, "weft__control_set");
    weft__busy--;
}

void weft__tasks_begin(void)
{
    void *memory;
    if (tasks_set == NULL || weft__sys_map(WEFT__STRANDS_MAX * weft__calls_size(), &memory) < 0) {
        return;
    }
    tasks_calls = memory;
    tasks_control = weft__steer;
    tasks_control.pick = tasks_pick;
    tasks_control.passed = tasks_passed;
    tasks_control.panicked = tasks_panicked;
    tasks_control.thread_point = tasks_thread_point;
    tasks_control.thread_wait = tasks_thread_wait;
    tasks_control.thread_wake = tasks_thread_wake;
    weft__steer_init(&(struct weft__steer_options){
        .orders = true, .caller = weft__caller, .site = weft__tasks_site});
    weft__busy++;
    /* refused by another version, whose workers are then threads like all others */
    (void)tasks_set(&tasks_control, WEFT__CONTROL_VERSION);
    weft__busy--;
}
