/* ctx_ucontext.c - the stack switch for every other machine, by way of the C library.
 *
 * Slow, since swapcontext asks the kernel for the signal mask each time, and with the maker's
 * floating point state in a new context; otherwise as ctx.h promises.  It exists so that porting
 * Weft begins with a program that runs.
 *
 * A parked context is a struct ctx_frame: for one that has run, a local variable on its own stack;
 * for one that has not, memory below its stack_top.
 *
 * SPDX-License-Identifier: MIT
 */
#include "arch/ctx.h"

#include <ucontext.h>

struct ctx_frame {
    ucontext_t machine;
    void *pass;
};

enum {
    CTX_STACK_CLAIMED = 4096,
};

const char weft__ctx_name[] = "ucontext";

/* makecontext passes on ints alone, so two pointers come in four halves. */
static void ctx_start(unsigned entry_high, unsigned entry_low, unsigned arg_high, unsigned arg_low)
{
    uint64_t entry = (uint64_t)entry_high << 32 | entry_low;
    uint64_t arg = (uint64_t)arg_high << 32 | arg_low;
    ((void (*)(void *))(uintptr_t)entry)((void *)(uintptr_t)arg);
    __builtin_trap();
}

/* The size claimed for the stack is not its true one, which we are not told: C libraries only add
 * it to the address, to find the top. */
WEFT_NO_SANITIZE
void weft__ctx_make(struct weft__ctx *c, void *stack_top, void (*entry)(void *), void *arg)
{
    WEFT_CHECK((uintptr_t)stack_top % 16 == 0);
    uintptr_t at = ((uintptr_t)stack_top - sizeof(struct ctx_frame)) & ~(uintptr_t)63;
    struct ctx_frame *frame = (struct ctx_frame *)at;
    WEFT_CHECK(getcontext(&frame->machine) == 0);
    frame->machine.uc_stack.ss_sp = (char *)frame - CTX_STACK_CLAIMED;
    frame->machine.uc_stack.ss_size = CTX_STACK_CLAIMED;
    frame->machine.uc_link = NULL;
    uint64_t entry_bits = (uintptr_t)entry, arg_bits = (uintptr_t)arg;
    makecontext(&frame->machine, (void (*)(void))ctx_start, 4, (unsigned)(entry_bits >> 32),
                (unsigned)entry_bits, (unsigned)(arg_bits >> 32), (unsigned)arg_bits);
    c->sp = frame;
}

WEFT_NO_SANITIZE
void *weft__ctx_switch(struct weft__ctx *from, struct weft__ctx *to, void *pass)
{
    struct ctx_frame here, *there = to->sp;
    /* AddressSanitizer's own swapcontext reads what the C library leaves unset. */
    here.machine.uc_stack = (stack_t){.ss_sp = NULL};
    from->sp = &here;
    there->pass = pass;
    WEFT_CHECK(swapcontext(&here.machine, &there->machine) == 0);
    return here.pass;
}
