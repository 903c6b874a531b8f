/* cpu.h - what a processor offers and C does not say.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_ARCH_CPU_H
#define WEFT_ARCH_CPU_H

#include "base/base.h"

/* Never sleeps.  One turn of a loop that waits for another CPU: tells the core to spend less on us
 * for some 10 to 140 cycles.  On Arm `isb`, since `yield` does nothing on most cores. */
static inline void weft__cpu_relax(void)
{
#if defined(__x86_64__)
    __asm__ volatile("pause" : : : "memory");
#elif defined(__aarch64__)
    __asm__ volatile("isb" : : : "memory");
#else
    __asm__ volatile("" : : : "memory");
#endif
}

/* Never sleeps.  A counter that grows steadily, at a rate of its own and alike on all CPUs; good to
 * compare two moments, not to tell time.  Not ordered against the loads around it.  0 where there
 * is none. */
static inline uint64_t weft__cpu_ticks(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
#else
    return 0;
#endif
}

#endif
