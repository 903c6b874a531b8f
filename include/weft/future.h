/* future.h - a result that is not there yet: set once, got by as many as like.
 *
 * A future has two sides.  The SETTER's makes it done, once: with a value, with a failure code, or
 * by going away without a word (then it is broken).  The GETTER's waits for that and gets a copy,
 * every getter the same.  Each side has its own count of references, because the two usually live
 * on different stacks: weft_future_new gives one of each, and memory is freed when all of both are
 * given back.  Any task and any plain OS thread may use either side.
 *
 *     weft_future *f;
 *     int rc = weft_future_go(&scope, fetch, &f, &request);   fetch runs; its code comes into f
 *     ...
 *     rc = weft_future_get(f, NULL);                          waits for it
 *     weft_future_unref(f);
 *
 * -WEFT_ECANCELED from a call here means what it means everywhere: the CALLER's scope is cancelled.
 * A future that was cancelled, or whose producer was, says -WEFT_ESHUTDOWN.
 *
 * From Baker and Hewitt's futures (1977); the sides as in C++'s promise and future, the calls as in
 * Python's concurrent.futures.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_FUTURE_H
#define WEFT_FUTURE_H

#include "weft/api.h"
#include "weft/task.h"

typedef struct weft_future weft_future;

#define WEFT_FUTURE_VALUE_MAX (1u << 20) /* bytes of the value */
#define WEFT_FUTURE_ARMS_MAX  65536      /* futures in one weft_future_each */

WEFT_BEGIN_DECLS

/* Never sleeps.  A future for a value of value_size bytes (0: it only succeeds or fails), with one
 * getter's and one setter's reference.  NULL: no memory, or over WEFT_FUTURE_VALUE_MAX. */
WEFT_API weft_future *weft_future_new(size_t value_size);

/* Never sleep.  One more reference of the getters' side, which is returned; one less.  NULL is
 * allowed to unref. */
WEFT_API weft_future *weft_future_ref(weft_future *future);
WEFT_API void weft_future_unref(weft_future *future);

/* Never sleep.  The same for the setters' side.  When its last reference goes and the future is not
 * done, it is broken: done with -WEFT_EPIPE. */
WEFT_API weft_future *weft_future_setter_ref(weft_future *future);
WEFT_API void weft_future_setter_unref(weft_future *future);

/* ---- setters ---- */

/* Never sleep.  Makes it done: with a copy of the value (NULL only for a value of 0 bytes), or with
 * a code < 0 (-WEFT_ECANCELED becomes -WEFT_ESHUTDOWN).  Wakes all who wait.  The reference is
 * still yours.
 *
 * 0                 it is done by this call
 * -WEFT_ESHUTDOWN   it was cancelled before; nobody will see this
 * -WEFT_EBUSY       it was done before by another setter, and stays as it is
 * -WEFT_EINVAL      code is not negative
 */
WEFT_API int weft_future_set(weft_future *future, const void *value);
WEFT_API int weft_future_fail(weft_future *future, int code);

/* Never sleeps.  Is the result still of use?  False when it is done or cancelled, and when no
 * getter holds it any more. */
WEFT_API bool weft_future_is_wanted(const weft_future *future);

/* ---- getters ---- */

/* Sleeps.  Waits until it is done.  *ret_value, if ret_value is not NULL, gets the value.
 *
 * >= 0              it succeeded: 0, or what the function of weft_future_go returned
 * a code            it failed with this code
 * -WEFT_EPIPE       broken: its setters went away
 * -WEFT_ESHUTDOWN   it was cancelled, or its producer was
 * -WEFT_ECANCELED   the caller's scope is cancelled; nothing was got
 */
WEFT_API WEFT_MUST_USE int weft_future_get(weft_future *future, void *ret_value);

/* Never sleeps.  As get, or -WEFT_EAGAIN when it is not done. */
WEFT_API WEFT_MUST_USE int weft_future_try_get(weft_future *future, void *ret_value);

/* Sleeps.  Waits until it is done: 0, however it ended.  -WEFT_ECANCELED: the caller's scope is
 * cancelled. */
WEFT_API WEFT_MUST_USE int weft_future_wait(weft_future *future);

/* Never sleep.  Is it done?  Was it cancelled, or did its producer end with -WEFT_ECANCELED? */
WEFT_API bool weft_future_is_done(const weft_future *future);
WEFT_API bool weft_future_is_cancelled(const weft_future *future);

/* Never sleeps.  The value itself, not to be changed, as long as the caller's reference is held;
 * NULL: not done, or failed. */
WEFT_API const void *weft_future_value(const weft_future *future);

/* Never sleeps.  The result is not wanted any more: the future is done at once, with
 * -WEFT_ESHUTDOWN, and the producer can see it (is_wanted; a set is refused).  A function of
 * weft_future_go that has not begun will not run; in one that runs, every call that sleeps returns
 * -WEFT_ECANCELED, and its scope waits for its end.  False: it was done before. */
WEFT_API bool weft_future_cancel(weft_future *future);

/* ---- submit: a task whose result is a future ---- */

/* Never sleep.  Start a task in the scope, as weft_go_with does, and give a getter's reference to
 * the future of its result.  go: what fn returns.  go_value: the same, and the value_size bytes at
 * ret_value, aligned to 16, that fn fills in place; they are part of the result if it is >= 0.
 *
 * 0 or the codes of weft_go_with; *ret_future is untouched if it fails.  (arg_size is limited to 64
 * KB, but not by the stack; -WEFT_EINVAL also when value_size is over WEFT_FUTURE_VALUE_MAX.)
 *
 * A failure of fn does not fail the scope, for which the task succeeds: it comes out of the
 * future.  Only when no getter holds that any more, so that nobody could see it, it fails the
 * scope as with weft_go.  A fn that ends by a contained panic breaks the future and fails the
 * scope.
 */
WEFT_API WEFT_MUST_USE int weft_future_go_with(weft_scope *scope, int (*fn)(void *arg),
                                               weft_future **ret_future, const void *arg,
                                               size_t arg_size, const weft_task_options *options);
WEFT_API WEFT_MUST_USE int weft_future_go_value_with(weft_scope *scope, size_t value_size,
                                                     int (*fn)(void *arg, void *ret_value),
                                                     weft_future **ret_future, const void *arg,
                                                     size_t arg_size,
                                                     const weft_task_options *options);

/* ---- then ---- */

/* Never sleeps.  Starts a task in the scope which waits until the future is done, however, and then
 * runs fn(future, arg) with a copy of arg; fn's code is the task's.  The task holds a getter's
 * reference.  If the scope is cancelled first, fn does not run.  0 or the codes of weft_go_with. */
WEFT_API WEFT_MUST_USE int weft_future_then_with(weft_future *future, weft_scope *scope,
                                                 int (*fn)(weft_future *future, void *arg),
                                                 const void *arg, size_t arg_size,
                                                 const weft_task_options *options);

/* A call made by whoever makes the future done.  In your memory, zeroed (WEFT_FUTURE_HOOK_INIT). */
typedef struct weft_future_hook {
    uint64_t opaque[5];
} weft_future_hook;

#define WEFT_FUTURE_HOOK_INIT {{0}}

/* Never sleeps.  Has fn(future, arg) called INSIDE the call that makes the future done, by the task
 * or thread that does (the setter, the canceller); or at once, here, if it is done.  For a few
 * instructions: fn must not sleep, and holds up those who come after it.  The hook must stay
 * where it is until fn is called or unhook says 0; fn may free it.  Hooks are called in the order
 * in which they came.  The caller holds a reference of either side as long. */
WEFT_API void weft_future_hook_in_setter(weft_future *future, weft_future_hook *hook,
                                         void (*fn)(weft_future *future, void *arg), void *arg);

/* Never sleeps.  0: the hook will not be called.  -WEFT_EAGAIN: it has been, or is just being. */
WEFT_API WEFT_MUST_USE int weft_future_unhook(weft_future *future, weft_future_hook *hook);

/* ---- many ---- */

/* Sleeps.  Waits until all n are done.  ret_codes, if not NULL, gets what get would say of each; a
 * NULL future counts as done, with 0.
 *
 * >= 0              all are done, so many of them with a failure
 * -WEFT_ECANCELED   the caller's scope is cancelled; ret_codes is untouched
 */
WEFT_API WEFT_MUST_USE int weft_future_gather(weft_future *const *futures, size_t n,
                                              int *ret_codes);

/* One of several to wait for: WEFT_FUTURE_ARM(f), or {f}.  NULL: never done. */
typedef struct weft_future_arm {
    weft_future *future;
    uint64_t opaque[5];
} weft_future_arm;

#define WEFT_FUTURE_ARM(future) {(future), {0}}

/* Sleeps.  Waits until one of the n is done, and returns its index: of several, the one that was
 * done first, as far as they became so during the call, else the first in the array.
 *
 * i >= 0            arms[i].future is done
 * -WEFT_EPIPE       there is none to wait for
 * -WEFT_EINVAL      n is over WEFT_FUTURE_ARMS_MAX
 * -WEFT_ECANCELED   the caller's scope is cancelled
 */
WEFT_API WEFT_MUST_USE int weft_future_wait_any(weft_future_arm *arms, size_t n);

/* Futures in the order in which they are done:
 *
 *     weft_future_each each;
 *     if (weft_future_each_open(&each, arms, n) == 0) {
 *         while ((i = weft_future_each_next(&each)) >= 0)
 *             use(arms[i].future);
 *         weft_future_each_close(&each);
 *     }
 */
typedef struct weft_future_each {
    uint64_t opaque[10];
} weft_future_each;

/* Never sleeps.  From here to the close the arms are not to be touched, but for reading `future`,
 * and the caller's references to be held.  -WEFT_EINVAL: n is over WEFT_FUTURE_ARMS_MAX. */
WEFT_API WEFT_MUST_USE int weft_future_each_open(weft_future_each *each, weft_future_arm *arms,
                                                 size_t n);

/* Sleeps.  The index of the next one that is done; each is told once.  Several tasks may take from
 * one each.  -WEFT_EPIPE: all have been told.  -WEFT_ECANCELED: the caller's scope is cancelled. */
WEFT_API WEFT_MUST_USE int weft_future_each_next(weft_future_each *each);

/* Never sleeps.  Panics when a task is inside weft_future_each_next.  A second close does
 * nothing. */
WEFT_API void weft_future_each_close(weft_future_each *each);

/* ---- counts ---- */

struct weft_future_counts {
    uint64_t getters, setters; /* references now */
    uint64_t waits;            /* calls that had to sleep, in all */
    uint64_t waiting;          /* who sleeps on it now, arms of an each included */
    uint64_t refused;          /* sets and cancels that came too late */
    uint64_t hooks;            /* hooks called */
};

/* Never sleeps. */
WEFT_API void weft_future_stats(const weft_future *future, struct weft_future_counts *ret_counts);

WEFT_END_DECLS

/* weft_future_go(scope, fn, ret_future, argp), weft_future_go_value(scope, value_size, fn,
 * ret_future, argp) and weft_future_then(future, scope, fn, argp) copy *argp; argp may be NULL, and
 * may be a compound literal, as with weft_go.  The results are those of the _with forms. */
#ifdef __cplusplus
template <class T> inline size_t weft_future_sizeof(const T *) { return sizeof(T); }
inline size_t weft_future_sizeof(decltype(nullptr)) { return 0; }
#define WEFT_FUTURE_SIZEOF(...) weft_future_sizeof(__VA_ARGS__)
#else
#define WEFT_FUTURE_SIZEOF(...) __extension__(sizeof(*(__VA_ARGS__)))
#endif
#define weft_future_go(scope, fn, ret_future, ...)                            \
    weft_future_go_with((scope), (fn), (ret_future), (__VA_ARGS__),           \
                        WEFT_FUTURE_SIZEOF(__VA_ARGS__), NULL)
#define weft_future_go_value(scope, value_size, fn, ret_future, ...)          \
    weft_future_go_value_with((scope), (value_size), (fn), (ret_future),      \
                              (__VA_ARGS__), WEFT_FUTURE_SIZEOF(__VA_ARGS__), NULL)
#define weft_future_then(future, scope, fn, ...)                              \
    weft_future_then_with((future), (scope), (fn), (__VA_ARGS__),             \
                          WEFT_FUTURE_SIZEOF(__VA_ARGS__), NULL)

#endif
