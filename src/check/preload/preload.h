/* preload.h - what the files of the preload library share.
 *
 * libweft-check.so lies between a pthread program and libc.  Each function that it puts itself
 * before is called in one of four states:
 *
 *   no engine       not under control (yet, or not this process): the real function
 *   delays          no engine either: the real function, but perhaps a little later
 *   busy            our own code, or libc on behalf of ours: the real function
 *   controlled      the program's own call: a point, and the model instead of the real object
 *
 * One kernel thread runs everything in a controlled child, so `weft__busy` is a plain counter; the
 * executor saves and restores it with each move from strand to strand.
 *
 * Rule: no point inside libc.  A call that comes from libc itself (printf calling malloc) is never
 * a point, since libc may hold a lock of its own there.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_PRELOAD_H
#define WEFT_CHECK_PRELOAD_H

#include "check/engine.h"

/* What programs see: these names, and nothing else, leave the library. */
#define WEFT__EXPORT __attribute__((visibility("default")))

extern int weft__busy;

/* The program runs without an engine, with delays (delays.c). */
extern bool weft__delays;

/* May sleep a little, and is false.  call: the function's name; NULL: an access of memory. */
bool weft__delay(const char *call, uintptr_t pc);

/* Is the call of the function that says this a controlled one?  Use at the top of an interposer. */
#define WEFT__CONTROLLED()                                                                         \
    (weft__engine                                                                                  \
         ? weft__busy == 0 && !weft__is_libc((uintptr_t)__builtin_return_address(0))               \
         : weft__delays && weft__delay(__func__, (uintptr_t)__builtin_return_address(0)))

#define WEFT__PC() ((uintptr_t)__builtin_return_address(0))

/* Is the address inside libc, the loader, or this library itself?  Fast: a few comparisons. */
bool weft__is_libc(uintptr_t pc);

/* Of the address alone: is it there? */
bool weft__is_system(uintptr_t address);

/* The real function behind an interposed one, found once and kept: never NULL (panics).
 *     static int (*real)(pthread_mutex_t *);
 *     WEFT__REAL(real, "pthread_mutex_lock")(mutex) */
#define WEFT__REAL(pointer, name)                                                                  \
    __extension__({                                                                                \
        static const struct weft__real weft__real_entry                                            \
            __attribute__((section("weft_reals"), used)) = {name, (void *)&(pointer)};             \
        if (!(pointer))                                                                            \
            (pointer) = (__typeof__(pointer))weft__real(name);                                     \
        (pointer);                                                                                 \
    })
void *weft__real(const char *name);

/* All uses of WEFT__REAL, so that the server can find their functions before it forks: misc.c. */
struct weft__real {
    const char *name;
    void *pointer; /* to the pointer */
};

/* The call site of the innermost function that holds pc, from the hooks' shadow stack (hooks.c),
 * for programs compiled with them; else 0. */
uintptr_t weft__caller(void);

/* The strands' shadow stacks, for reports: at most n return addresses, innermost first.  Falls back
 * to walking frame pointers. */
uint32_t weft__stack(uintptr_t *ret, uint32_t n);

/* Has the program been compiled with the hooks?  (Are accesses seen at all?) */
bool weft__has_hooks(void);

/* Ends this schedule's process at once, outcome written; see server.h. */
void weft__child_exit(void) __attribute__((noreturn));

#endif
