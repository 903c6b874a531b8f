/* cpu.h - what only this kind of CPU knows, beside the switch of stacks.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_ARCH_CPU_H
#define WEFT_ARCH_CPU_H

#include <ucontext.h>

#include "base/base.h"

/* Async-signal-safe.  Where a signal has interrupted the thread: the third argument of its handler
 * tells the next instruction and the frame pointer.  Zeroes where we cannot tell. */
static inline void weft__cpu_interrupted(const void *context, uintptr_t *ret_pc, uintptr_t *ret_fp)
{
    const ucontext_t *uc = context;
#if defined(__x86_64__)
    *ret_pc = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
    *ret_fp = (uintptr_t)uc->uc_mcontext.gregs[REG_RBP];
#elif defined(__aarch64__)
    *ret_pc = (uintptr_t)uc->uc_mcontext.pc;
    *ret_fp = (uintptr_t)uc->uc_mcontext.regs[29];
#else
    (void)uc;
    *ret_pc = *ret_fp = 0;
#endif
}

#endif
