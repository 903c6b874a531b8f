/* stuck.c - naming a task that has held its worker too long, with its backtrace.
 *
 * A thread that runs is asked by SIGURG to write down its own frames.  One that is in a system
 * call is not disturbed, since a signal would cut libc's sleep() short: the kernel tells its
 * stack pointer (/proc/self/task/TID/syscall), and the frames are found on its stack from
 * outside, by looking for the first pair of saved frame pointer and return address.  libc's own
 * frames have none, so the list begins with the first frame of code that keeps frame pointers.
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/stuck.h"

#include <signal.h>

#include "arch/cpu.h"
#include "base/log.h"
#include "base/symbol.h"
#include "base/sys.h"
#include "base/text.h"
#include "base/time.h"
#include "core/task.h"
#include "weft/time.h"

#define STUCK_PER_SECOND 5
#define STUCK_ANSWER_NS  (5 * WEFT_MS)
#define STUCK_TEXT       4096

enum { TRACE_NONE = 0, TRACE_ASKED = 1, TRACE_DONE = 2 };

static struct weft__log_limit stuck_limit = WEFT_LOG_LIMIT(STUCK_PER_SECOND);
static struct sigaction stuck_old_action;

static void stuck_handler(int signo, siginfo_t *info, void *context)
{
    struct weft__thread *self = weft__self_or_null();
    (void)signo;
    (void)info;
    if (!self || a_load(&self->trace_state, acquire) != TRACE_ASKED) {
        return;
    }
    const struct weft__stack *stack = &self->task->stack;
    uintptr_t pc, fp;
    weft__cpu_interrupted(context, &pc, &fp);
    self->trace_count = (uint32_t)weft__symbol_walk(
        (const void *)fp, (const void *)pc, stack->lo, stack->lo + stack->size, self->trace,
        WEFT_ARRAY_SIZE(self->trace));
    a_store(&self->trace_state, TRACE_DONE, release); /* pairs with the acquire in stuck_ask */
}

void weft__stuck_start(struct weft__runtime *rt)
{
    struct sigaction action;
    (void)rt;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = stuck_handler;
    action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
    int rc = weft__sys_sigaction(SIGURG, &action, &stuck_old_action);
    WEFT_CHECK(rc == 0);
}

void weft__stuck_stop(struct weft__runtime *rt)
{
    (void)rt;
    int rc = weft__sys_sigaction(SIGURG, &stuck_old_action, NULL);
    WEFT_CHECK(rc == 0);
}

/* Is there a name for it?  An address of data has none. */
static bool stuck_is_code(const void *pc)
{
    char name[64];
    weft__symbol_name(pc, name, sizeof name);
    return strncmp(name, "0x", 2) != 0;
}

/* The frames of a thread that is in a system call, from its stack pointer up.  Its stack may change
 * while we read; all reads stay within it, and what is found is only printed. */
static WEFT_NO_SANITIZE size_t stuck_scan(const struct weft__stack *stack, uintptr_t sp,
                                          void **ret, size_t max)
{
    uintptr_t lo = (uintptr_t)stack->lo, hi = lo + stack->size;
    if (sp < lo || sp >= hi) {
        return 0;
    }
    for (uintptr_t at = (sp + 7) & ~(uintptr_t)7; at + 16 <= hi; at += 8) {
        uintptr_t saved_fp = *(const uintptr_t *)at;
        if (saved_fp > at && saved_fp < hi && saved_fp % 8 == 0) {
            size_t n = weft__symbol_walk((const void *)at, NULL, stack->lo, (const void *)hi, ret,
                                         max);
            if (n >= 2 && stuck_is_code(ret[0]) && stuck_is_code(ret[1])) {
                return n;
            }
        }
    }
    return 0;
}

void weft__stuck_look(struct weft__stuck_report *report, struct weft__thread *thread,
                      int64_t stuck_ns)
{
    const struct weft__task *task = thread->task;
    struct weft__text text;
    uintptr_t sp = 0, pc = 0;
    *report = (struct weft__stuck_report){
        .is_wanted = true, .thread = thread, .stuck_ns = stuck_ns, .site = task->site};
    weft__text_init(&text, report->name, sizeof report->name);
    if (task->name) {
        weft__text_add(&text, "%s", task->name);
    } else {
        char label[96];
        weft__text_add(&text, "%s", weft__task_label(task, label, sizeof label));
    }
    int rc = weft__sys_thread_state(a_load(&thread->tid, relaxed), &report->syscall, &sp, &pc);
    if (rc < 0) {
        report->syscall = -1;
    }
    if (report->syscall >= 0) {
        report->frame_count =
            stuck_scan(&task->stack, sp, report->frames, WEFT_ARRAY_SIZE(report->frames));
    } else {
        a_store(&thread->trace_state, TRACE_ASKED, release);
        if (weft__sys_tgkill(a_load(&thread->tid, relaxed), SIGURG) < 0) {
            a_store(&thread->trace_state, TRACE_NONE, relaxed);
        }
    }
}

/* Waits for the frames that the thread was asked for. */
static void stuck_ask(struct weft__stuck_report *report)
{
    struct weft__thread *thread = report->thread;
    int64_t until = weft__time_now() + STUCK_ANSWER_NS;
    if (report->syscall >= 0) {
        return;
    }
    while (a_load(&thread->trace_state, acquire) == TRACE_ASKED) {
        if (weft__time_now() > until) {
            return;
        }
        weft__sys_yield();
    }
    if (a_load(&thread->trace_state, acquire) == TRACE_DONE) {
        report->frame_count = weft__min((size_t)thread->trace_count,
                                        WEFT_ARRAY_SIZE(report->frames));
        memcpy(report->frames, thread->trace, report->frame_count * sizeof report->frames[0]);
    }
    a_store(&thread->trace_state, TRACE_NONE, relaxed);
}

void weft__stuck_tell(struct weft__stuck_report *report)
{
    char buffer[STUCK_TEXT], site[160];
    struct weft__text text;
    uint64_t dropped;
    if (!report->is_wanted) {
        return;
    }
    stuck_ask(report);
    if (!weft__log_admit(&stuck_limit, weft__time_now(), &dropped)) {
        return;
    }
    const char *call = report->syscall >= 0 ? weft__sys_syscall_name(report->syscall) : NULL;
    weft__symbol_site(report->site, site, sizeof site);
    weft__text_init(&text, buffer, sizeof buffer);
    weft__text_add(&text,
                   "weft: task '%s', started at %s, has held its worker for %lld ms, %s%s; others "
                   "go on without it\n",
                   report->name, site, (long long)(report->stuck_ns / WEFT_MS),
                   report->syscall >= 0 ? "blocked in " : "running",
                   report->syscall >= 0 ? (call ? call : "a system call") : "");
    weft__symbol_backtrace(report->frames, report->frame_count, &text);
    if (dropped) {
        weft__text_add(&text, "weft: %llu such reports were left out\n",
                       (unsigned long long)dropped);
    }
    weft__sys_say(buffer, weft__text_len(&text));
}
