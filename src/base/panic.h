/* panic.h - the end of a process that made a mistake.
 *
 * Prints "weft: panic: ..." in one write, the calling stack with names, whatever the hook adds (the
 * task tree), then aborts.  Callable from any thread, on any stack with 8 KiB left, under any
 * lock: it takes none, allocates nothing and keeps its text in static memory.  When two threads
 * panic at once the first one prints and the second waits for the end.
 *
 * Only for mistakes of the program or of Weft itself.  What the world does wrong returns a code.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_BASE_PANIC_H
#define WEFT_BASE_PANIC_H

#include "base/atomic.h"

typedef void weft__panic_extra_fn(void);

/* Called after the backtrace, before the abort; may print more on fd 2.  NULL: nothing. */
extern ATOMIC(weft__panic_extra_fn *) weft__panic_extra;

typedef void weft__panic_catch_fn(const char *text);

/* Called with what would be printed, before it is; if it leaves by another way than by returning,
 * the panic has not happened.  For who runs a program many times and wants to go on.  NULL:
 * nobody. */
extern ATOMIC(weft__panic_catch_fn *) weft__panic_catch;

/* Never returns. */
WEFT_NORETURN void weft__panic(const char *fmt, ...) WEFT_PRINTF(1, 2);

/* Never returns.  Says `what`, and names two places in the code, for mistakes that took two: where
 * the mutex was taken and where it was dropped.  Both are return addresses, as
 * __builtin_return_address(0) gives them; NULL reads "unknown".
 *
 *     weft: panic: mutex unlocked by a task that does not hold it
 *       unlocked at  worker_loop (app.c:41)
 *       locked at    app_main (app.c:12)
 */
WEFT_NORETURN void weft__panic_sites(const char *what, const char *a_label, const void *a_addr,
                                     const char *b_label, const void *b_addr);

/* A function as such a place: return addresses are looked up by the byte before. */
static inline const void *weft__panic_site_of(uintptr_t fn)
{
    return (const void *)(fn + 1);
}

#endif
