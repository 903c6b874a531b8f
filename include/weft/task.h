/* task.h - start tasks, and what a task can say about itself.
 *
 * A task is a function that runs with its own stack, on whichever worker is free.  It is owned by a
 * scope (weft/scope.h), which waits for it.  Every call of Weft works in a task and in a plain OS
 * thread alike; where a plain thread has no scope, nothing cancels it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_TASK_H
#define WEFT_TASK_H

#include "weft/api.h"

typedef struct weft_scope weft_scope;

WEFT_BEGIN_DECLS

/* What drives a task. */
enum weft_on {
    WEFT_TASK = 0,    /* the workers */
    WEFT_THREAD = 1,  /* an OS thread of its own, for its whole life */
    WEFT_PROCESS = 2  /* not in this version: -WEFT_ENOTSUP */
};

/* A stack_size for very many small tasks: 2 KB in all.  A task that does nothing but wait needs
 * some 900 bytes of them; what is left is for its own frames.  Meant for tasks that only wait, and
 * wake others: no printf, no libc beyond string functions (weft_blocking takes those to a larger
 * stack), no buffers on the stack, an argument of at most 512 bytes, and no signal handler of yours
 * that lacks SA_ONSTACK.  There is no guard below it: instead, whenever the task sleeps and when it
 * ends, a word at its low end is looked at, and a task that has written over it panics by name.
 * WEFT_STACK_CENSUS=1 tells what was used.  Such stacks are kept until the run ends.
 *
 * The program must be linked with -Wl,-z,now (or run with LD_BIND_NOW=1): else the dynamic linker
 * needs more than that at the first call of a function, and such tasks get 16 KB.  A line on
 * stderr says so.  Under the sanitizers they get 64 KB. */
#define WEFT_STACK_DENSE 2048

typedef struct weft_task_options {
    const char *name;   /* for reports; kept by pointer, NULL: the function's name */
    size_t stack_size;  /* 0: weft_options.stack_size.  At least 16 KB, at most 1 GB;
                       * or WEFT_STACK_DENSE */
    bool service;       /* cancelled by the scope itself once only services remain */
    bool own_tls;       /* its own thread-locals, errno too; -WEFT_ENOTSUP but with glibc on
                         * x86-64 and aarch64.  With WEFT_THREAD it has them anyway */
    enum weft_on on;
} weft_task_options;

/* Never sleeps.  Starts a task in the scope: it will run fn with a copy of the arg_size bytes at
 * arg (NULL when arg is NULL), aligned to 16, that lives as long as the task.  A negative return
 * code of fn fails the scope.
 *
 * 0                  fn will run, even if the scope is cancelled a moment later
 * -WEFT_ECANCELED    the scope is cancelled; fn will not run, what arg points to is still yours
 * -WEFT_ESHUTDOWN    the scope is closed, or no runtime runs; likewise
 * -WEFT_EINVAL       fn is NULL, a stack size out of range, or arg_size over 64 KB or over a
 *                    quarter of the stack_size asked for, or WEFT_STACK_DENSE with own_tls
 * -WEFT_ENOTSUP      an option that this version or platform does not have
 * -WEFT_ENOMEM, -WEFT_EAGAIN   no memory, or no thread, for it
 *
 * So that a code which nobody looks at is not lost, every code but -WEFT_ECANCELED and
 * -WEFT_ESHUTDOWN also counts as a failure of the scope.  Any thread and any task may start tasks
 * in a scope that it knows to be open.
 */
WEFT_API int weft_go_with(weft_scope *scope, int (*fn)(void *arg), const void *arg,
                          size_t arg_size, const weft_task_options *options);

/* Sleeps.  As weft_go_with, and waits until the new task calls weft_started(value), or ends.
 *
 * 0                  it called weft_started; *ret_value, if ret_value is not NULL, holds the value
 * a code             what the task returned before weft_started: that does not fail the scope.
 *                    -WEFT_EINVAL when it returned >= 0 without having called weft_started
 * -WEFT_ECANCELED    the caller's scope is cancelled; the task was cancelled and has ended
 */
WEFT_API int weft_start_with(weft_scope *scope, int (*fn)(void *arg), const void *arg,
                             size_t arg_size, const weft_task_options *options, void **ret_value);

/* Never sleeps.  Tells the caller of weft_start that this task is ready.  A second call, or one
 * in a task that weft_go started, does nothing. */
WEFT_API void weft_started(void *value);

/* Sleeps.  Lets other ready tasks run.  0, or -WEFT_ECANCELED at once in a cancelled scope. */
WEFT_API int weft_yield(void);

/* Never sleeps.  Is an enclosing scope cancelled, so that the next sleeping call would say so? */
WEFT_API bool weft_cancelled(void);

/* Never sleeps.  The name of the calling task, "thread" in a plain OS thread.  Never NULL. */
WEFT_API const char *weft_task_name(void);

/* Never sleeps.  Remembers `why` (kept by pointer) for weft_scope_errors, and returns code:
 * `return weft_fail(-EIO, "the index is damaged");` */
WEFT_API int weft_fail(int code, const char *why);

/* Never sleeps.  Has fn(arg) called when the innermost scope that this task has opened is closed,
 * or else when the task ends; last deferred, first called, under a shield of 5 s.  0 or
 * -WEFT_ENOMEM (fn will not be called).  -WEFT_EINVAL: fn is NULL, or a plain thread with no
 * scope open. */
WEFT_API WEFT_MUST_USE int weft_defer(void (*fn)(void *arg), void *arg);

/* Never returns.  Something is wrong with the program itself: reports and aborts, or ends the
 * task alone under WEFT_PANIC_TASK. */
WEFT_API WEFT_NORETURN void weft_panic(const char *format, ...) WEFT_PRINTF(1, 2);

/* A value that belongs to a task and is inherited by the tasks it starts, as it was at that moment.
 * The key is the address of the weft_local, usually a static one.  Values are not freed for you. */
typedef struct weft_local {
    const char *name;
} weft_local;

/* Never sleeps.  The calling task's value for the key, or NULL. */
WEFT_API void *weft_local_get(const weft_local *key);

/* Never sleeps.  0 or -WEFT_ENOMEM (the old value stays); -WEFT_EINVAL: key is NULL. */
WEFT_API WEFT_MUST_USE int weft_local_set(const weft_local *key, void *value);

/* ---- limiter: so many at once, of weft_blocking calls or of whatever takes a unit ---- */

/* All-zero is no valid one: WEFT_LIMITER_INIT(n), or weft_limiter_init. */
typedef struct weft_limiter {
    uint64_t opaque[10];
} weft_limiter;

typedef struct weft_limiter_counts {
    uint64_t limit, used, used_max; /* used_max: the most at once so far */
    uint64_t waiting;               /* now */
    uint64_t taken, waited;         /* so far: units, and those who did not get theirs at once */
    uint64_t cancelled;             /* while waiting */
} weft_limiter_counts;

#define WEFT_LIMITER_INIT(n) {{(uint64_t)(n)}}

/* Never sleeps.  Panics when limit is 0. */
WEFT_API void weft_limiter_init(weft_limiter *limiter, size_t limit);

/* Sleeps.  Takes a unit, in the order of coming; tasks, plain threads and weft_blocking calls wait
 * in one queue.  0, or -WEFT_ECANCELED: none was taken.  A unit belongs to nobody in particular:
 * another task may give it back, and who takes two may wait for itself. */
WEFT_API WEFT_MUST_USE int weft_limiter_take(weft_limiter *limiter);

/* Never sleeps.  0, or -WEFT_EAGAIN: all are taken. */
WEFT_API WEFT_MUST_USE int weft_limiter_try_take(weft_limiter *limiter);

/* Never sleeps.  Gives a unit back, to the longest-waiting one if any.  Panics when none is
 * taken. */
WEFT_API void weft_limiter_give(weft_limiter *limiter);

/* Never sleeps.  Panics when units are taken or waited for.  NULL is allowed. */
WEFT_API void weft_limiter_fini(weft_limiter *limiter);

/* Never sleeps.  How many units are taken now: for people, a decision is made by take. */
WEFT_API size_t weft_limiter_used(const weft_limiter *limiter);

/* Never sleeps. */
WEFT_API void weft_limiter_stats(const weft_limiter *limiter, weft_limiter_counts *ret_counts);

typedef struct weft_blocking_options {
    weft_limiter *limiter;     /* a unit of it while the call runs; NULL: only
                                * weft_options.blocking_threads_max limits */
    bool abandon;              /* a cancel returns at once and leaves fn running; see release */
    void (*release)(void *);   /* with abandon: called once with arg when nobody uses it any more,
                                * whatever the result and whether fn ran or not (not after
                                * -WEFT_EINVAL); the place to free arg */
} weft_blocking_options;

/* Sleeps.  Runs fn(arg) on a thread that may block in libc or the kernel, and returns what fn
 * returned.  A cancel while it waits for its turn returns -WEFT_ECANCELED and fn does not run; once
 * fn runs it waits for it and returns its result, the next call says -WEFT_ECANCELED.  With
 * `abandon` a cancel returns -WEFT_ECANCELED at once, and fn goes on alone.
 *
 * -WEFT_EINVAL       fn is NULL
 * -WEFT_EAGAIN, -WEFT_ENOMEM   not even one thread could be had; fn does not run
 *
 * In a plain OS thread it calls fn directly.
 */
WEFT_API WEFT_MUST_USE int weft_blocking(int (*fn)(void *arg), void *arg);
WEFT_API WEFT_MUST_USE int weft_blocking_with(int (*fn)(void *arg), void *arg,
                                              const weft_blocking_options *options);

WEFT_END_DECLS

/* weft_go(scope, fn, argp) starts fn with a copy of *argp; argp may be NULL, and may be a compound
 * literal: weft_go(&scope, fetch, &(struct request){host, port}).  weft_start(scope, fn, ret_value,
 * argp) is the same for weft_start_with.  The results are those of the _with forms. */
#ifdef __cplusplus
template <class T> inline int weft_go(weft_scope *scope, int (*fn)(void *), const T *arg)
{
    return weft_go_with(scope, fn, arg, sizeof(T), nullptr);
}
inline int weft_go(weft_scope *scope, int (*fn)(void *), decltype(nullptr))
{
    return weft_go_with(scope, fn, nullptr, 0, nullptr);
}
template <class T>
inline int weft_start(weft_scope *scope, int (*fn)(void *), void **ret_value, const T *arg)
{
    return weft_start_with(scope, fn, arg, sizeof(T), nullptr, ret_value);
}
inline int weft_start(weft_scope *scope, int (*fn)(void *), void **ret_value, decltype(nullptr))
{
    return weft_start_with(scope, fn, nullptr, 0, nullptr, ret_value);
}
#else
#define weft_go(scope, fn, ...) \
    weft_go_with((scope), (fn), (__VA_ARGS__), __extension__(sizeof(*(__VA_ARGS__))), NULL)
#define weft_start(scope, fn, ret_value, ...)                                                  \
    weft_start_with((scope), (fn), (__VA_ARGS__), __extension__(sizeof(*(__VA_ARGS__))), NULL, \
                    (ret_value))
#endif

#endif
