/* ctx.h - switches from one stack to another.
 *
 * Called by core/worker.c (every suspension) and core/task.c (every new stack).  One of three files
 * fills it, chosen by the build: ctx_x86_64.c, ctx_aarch64.c, or ctx_ucontext.c for the rest.
 *
 * A parked context is one pointer: all that must survive lies on its own stack, in one frame that
 * weft__ctx_switch writes.  What survives is what the ABI promises across a call: the callee-saved
 * registers, and the control part of the floating point state (rounding, traps, precision).  The
 * sticky exception flags do not, as across any call.  The signal mask and every thread-local
 * belong to the OS thread, not to the context.
 *
 * A context may be resumed by another OS thread than the one that parked it, but only once: the
 * caller orders the two, release after the switch away and acquire before the switch back.  The
 * switch itself is no fence.
 *
 * Rejected: setjmp/longjmp (glibc checks and mangles what it saves), swapcontext (a system call
 * each time, for the signal mask; kept as the fall-back), saving nothing and letting each call site
 * declare all registers lost (faster by a nanosecond, and unreadable to every unwinder).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_ARCH_CTX_H
#define WEFT_ARCH_CTX_H

#include "base/base.h"

/* While its context runs, sp is stale. */
struct weft__ctx {
    void *sp;
};

/* "x86_64", "aarch64" or "ucontext". */
extern const char weft__ctx_name[];

/* Never sleeps.  Prepares a context that will call entry(arg) when it is first switched to.  Writes
 * below stack_top, which must be a multiple of 16; needs 8 KiB at least.  The new context starts
 * with the default floating point control state, because the maker is whichever task happened to
 * run here (the ucontext fall-back copies the maker's).  entry must not return: it would trap. */
void weft__ctx_make(struct weft__ctx *c, void *stack_top, void (*entry)(void *), void *arg);

/* Parks the running context in *from, goes on in *to.  Returns when somebody switches to *from,
 * with what they passed.  A context that starts has no call to return from, so the first `pass`
 * is dropped. */
void *weft__ctx_switch(struct weft__ctx *from, struct weft__ctx *to, void *pass);

/* Is the floating point control state what a new context starts with? */
static inline bool weft__ctx_is_fresh(void)
{
#if defined(__x86_64__)
    uint32_t mxcsr;
    uint16_t x87;
    __asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(mxcsr), "=m"(x87));
    return (mxcsr & 0xffc0) == 0x1f80 && x87 == 0x037f;
#elif defined(__aarch64__)
    uint64_t fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    return fpcr == 0;
#else
    return true;
#endif
}

#endif
