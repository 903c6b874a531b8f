/* defer.c - calls put off until the end of a scope or task; and panics that end a task alone.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/panic.h"
#include "core/forks.h"
#include "core/task.h"
#include "scope/scope.h"
#include "weft/err.h"

#define DEFER_PANIC_TEXT 512

struct weft__defer {
    struct weft__defer *older;
    void (*fn)(void *);
    void *arg;
};

int weft_defer(void (*fn)(void *arg), void *arg)
{
    struct weft__task *task = weft__self_task();
    struct weft__scope *s = task->scope;
    bool has_own = s && task->scope != task->home;
    if (!fn || (!has_own && !task->home)) {
        return -WEFT_EINVAL;
    }
    struct weft__defer *made = weft__alloc(sizeof *made);
    if (!made) {
        return -WEFT_ENOMEM;
    }
    struct weft__defer *older = has_own ? s->defers : task->defers;
    *made = (struct weft__defer){older, fn, arg};
    if (has_own) {
        s->defers = made;
    } else {
        task->defers = made;
    }
    return 0;
}

void weft__defer_run(struct weft__defer **list)
{
    struct weft__scope shield;
    if (!*list) {
        return;
    }
    struct weft__thread *self = weft__enter();
    weft__scope_open(&shield, self, &(weft_scope_options){.name = "defer", .shield = true},
                     __builtin_return_address(0));
    weft__leave(self);
    if (shield.in_run) {
        weft__scope_set_deadline(&shield, weft_after(WEFT_DEFER_TIME_NS));
    }
    while (*list) {
        struct weft__defer defer = **list;
        weft__free(*list); /* first: a call that panics does not come back */
        *list = defer.older;
        defer.fn(defer.arg);
    }
    (void)weft__scope_close(&shield, __builtin_return_address(0)); /* no tasks, no failures */
}

/* Ends the calling task as if its function had returned -WEFT_EPANIC; frames are not unwound. */
static WEFT_NORETURN void defer_end_task(struct weft__task *task)
{
    task->panicking = true;
    if (weft__forks_are_out()) { /* they belong to scopes, which must not be closed before them */
        for (struct weft__scope *s = task->scope; s != task->home; s = s->parent) {
            weft_scope_cancel((weft_scope *)s);
        }
        weft__forks_abandon();
    }
    while (task->scope != task->home) {
        struct weft__scope *s = task->scope;
        weft_scope_cancel((weft_scope *)s);
        (void)weft__scope_close(s, __builtin_return_address(0));
    }
    weft__owner_ops.undefer(task);
    weft__forks_tell_panic();
    weft__task_exit(weft__owner_ops.finished(task, -WEFT_EPANIC));
}

void weft_panic(const char *format, ...)
{
    char text[DEFER_PANIC_TEXT], label[96];
    struct weft__task *task = weft__self_task();
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    bool contained = task->home && task->runtime->options.panic == WEFT_PANIC_TASK;
    if (!contained || task->panicking) {
        weft__panic("task '%s': %s", weft__task_label(task, label, sizeof label), text);
    }
    weft__log("panic in task '%s', which ends: %s", weft__task_label(task, label, sizeof label),
              text);
    defer_end_task(task);
}
