/* selfword.h - reads the one thread-local word of Weft, anew each time.
 *
 * Compilers hold the address of a thread-local constant within a function: inlined into one that
 * parks, a plain read would go on using the thread it began on.  So it is either a function that is
 * not inlined, as core/self.c has it, or this: the read itself, said to the assembler, which no
 * compiler looks into and none repeats or leaves out.  Two instructions in place of a call and all
 * the registers that a call costs its caller.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_ARCH_SELFWORD_H
#define WEFT_ARCH_SELFWORD_H

#include "base/base.h"

#if defined(__x86_64__) && !defined(WEFT_ATOMIC_CHECK)
#define WEFT__SELFWORD_INLINE 1
static inline void *weft__selfword(void)
{
    void *word;
    __asm__ volatile("movq weft__self_pointer@gottpoff(%%rip), %0\n\t"
                     "movq %%fs:(%0), %0"
                     : "=r"(word));
    return word;
}
#elif defined(__aarch64__) && !defined(WEFT_ATOMIC_CHECK)
#define WEFT__SELFWORD_INLINE 1
static inline void *weft__selfword(void)
{
    void *word, *offset;
    __asm__ volatile("mrs %0, tpidr_el0\n\t"
                     "adrp %1, :gottprel:weft__self_pointer\n\t"
                     "ldr %1, [%1, :gottprel_lo12:weft__self_pointer]\n\t"
                     "ldr %0, [%0, %1]"
                     : "=&r"(word), "=&r"(offset));
    return word;
}
#else
#define WEFT__SELFWORD_INLINE 0
#endif

#endif
