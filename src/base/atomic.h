/* atomic.h - the one door to atomic operations.
 *
 * The order is always named, as a bare word: a_load(&x, acquire).  There is no form without it,
 * because the default of the language (seq_cst) hides the question which order was meant.
 *
 * The same macros can be filled differently: a program built with WEFT_ATOMIC_CHECK gets
 * atomic_check.h, in which every operation is a point where the model explorer may switch.  So the
 * structures of lockfree/ are explored as they are, not as a copy.
 *
 * Fences and ThreadSanitizer: TSan does not model fences, so that it would report races in code
 * that a fence orders.  There a_fence becomes a read-modify-write of one shared word, which orders
 * at least as much and is understood.  The price: under TSan a missing pairing of two *different*
 * fences goes unseen; the models look for that.
 *
 * a_add and a_sub are for integers: the compilers disagree on whether a pointer is scaled.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_BASE_ATOMIC_H
#define WEFT_BASE_ATOMIC_H

#include "base/base.h"

#if defined(WEFT_ATOMIC_CHECK)
#include "base/atomic_check.h"
#else

#include <stdatomic.h>

#define ATOMIC(T) _Atomic(T)

#define a_load(p, order) atomic_load_explicit((p), memory_order_##order)
#define a_store(p, v, order) atomic_store_explicit((p), (v), memory_order_##order)

/* These return the old value. */
#define a_xchg(p, v, order) atomic_exchange_explicit((p), (v), memory_order_##order)
#define a_add(p, v, order) atomic_fetch_add_explicit((p), (v), memory_order_##order)
#define a_sub(p, v, order) atomic_fetch_sub_explicit((p), (v), memory_order_##order)
#define a_or(p, v, order) atomic_fetch_or_explicit((p), (v), memory_order_##order)
#define a_and(p, v, order) atomic_fetch_and_explicit((p), (v), memory_order_##order)

/* True if exchanged; else *expected becomes what was found.  The weak one may fail for no reason
 * and belongs in a loop. */
#define a_cas(p, expected, desired, success, failure)                                              \
    atomic_compare_exchange_strong_explicit((p), (expected), (desired), memory_order_##success,    \
                                            memory_order_##failure)
#define a_cas_weak(p, expected, desired, success, failure)                                         \
    atomic_compare_exchange_weak_explicit((p), (expected), (desired), memory_order_##success,      \
                                          memory_order_##failure)

/* Orders against a signal handler on this thread, or against another thread's membarrier. */
#define a_compiler_fence() atomic_signal_fence(memory_order_seq_cst)

#if WEFT_TSAN
/* Weak, because a header defines it: all files share the one word, as all fences are one order. */
__attribute__((weak)) ATOMIC(uint32_t) weft__atomic_fence_word;
#define a_fence(order) ((void)a_add(&weft__atomic_fence_word, 0, seq_cst))
#else
#define a_fence(order) atomic_thread_fence(memory_order_##order)
#endif

/* Tells the CPU that this is a waiting loop. */
static inline void a_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory"); /* yield is a no-op on most cores; isb really waits */
#else
    a_compiler_fence();
#endif
}

#endif /* WEFT_ATOMIC_CHECK */

#endif
