/* atomics.c - the atomic operations of programs compiled with the hooks.
 *
 * The compiler calls us instead of doing the operation: a point first, then the operation itself.
 * Memory is sequentially consistent under control, since one strand runs at a time; the order that
 * the program asked for still decides what happens before what.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/preload/hooks.h"

#include "check/shadow.h"

typedef unsigned __int128 atomics_wide;

/* Sixteen bytes: no compiler does all of these without help, and a lock will do. */
static char atomics_lock;

static void atomics_take(void)
{
    while (__atomic_test_and_set(&atomics_lock, __ATOMIC_ACQUIRE))
        continue;
}

static void atomics_drop(void)
{
    __atomic_clear(&atomics_lock, __ATOMIC_RELEASE);
}

static void atomics_point(enum weft__op op, const volatile void *address, size_t size, int order,
                          uintptr_t pc)
{
    if (HOOKS_ON())
        weft__hook_access(op, (uintptr_t)address, size, order, pc);
}

/* A compare-and-swap that fails is a load; of sixteen bytes the engine cannot tell beforehand. */
static void atomics_swap_point(const volatile void *address, size_t size, uint64_t expected,
                               int order, int failure, uintptr_t pc)
{
    uintptr_t at = (uintptr_t)address;

    if (size > sizeof expected) {
        atomics_point(WEFT__OP_ATOMIC_RMW, address, size, order, pc);
    } else if (HOOKS_ON()) {
        weft__access_swap(at, size, expected, order, failure, pc);
        weft__hook_check(WEFT__OP_ATOMIC_RMW, at, size, pc);
    }
}

static void atomics_saw(uint64_t value, uint32_t flags)
{
    if (HOOKS_ON())
        weft__value(value, flags | WEFT__EVENT_HAS_VALUE);
}

/* Does a weak compare-and-swap fail for no reason?  Not twice in a row: a processor that does so
 * for ever is none that the program must work on. */
static bool atomics_fails(void)
{
    static __thread bool has_failed;

    has_failed = !has_failed && HOOKS_ON() && weft__choose(WEFT__CHOICE_FAIL, 2) == 1;
    return has_failed;
}

/* ---- the operations themselves, by width ---- */

#define ATOMICS_NARROW_OP(bits, name, type, builtin)                                               \
    static inline type atomics_##name##_##bits(volatile type *a, type v)                           \
    {                                                                                              \
        return builtin(a, v, __ATOMIC_SEQ_CST);                                                    \
    }

#define ATOMICS_NARROW(bits, type)                                                                 \
    static inline type atomics_load_##bits(const volatile type *a)                                 \
    {                                                                                              \
        return __atomic_load_n(a, __ATOMIC_SEQ_CST);                                               \
    }                                                                                              \
    static inline bool atomics_cas_##bits(volatile type *a, type *expected, type desired)          \
    {                                                                                              \
        return __atomic_compare_exchange_n(a, expected, desired, false, __ATOMIC_SEQ_CST,          \
                                           __ATOMIC_SEQ_CST);                                      \
    }                                                                                              \
    ATOMICS_NARROW_OP(bits, exchange, type, __atomic_exchange_n)                                   \
    ATOMICS_NARROW_OP(bits, fetch_add, type, __atomic_fetch_add)                                   \
    ATOMICS_NARROW_OP(bits, fetch_sub, type, __atomic_fetch_sub)                                   \
    ATOMICS_NARROW_OP(bits, fetch_and, type, __atomic_fetch_and)                                   \
    ATOMICS_NARROW_OP(bits, fetch_or, type, __atomic_fetch_or)                                     \
    ATOMICS_NARROW_OP(bits, fetch_xor, type, __atomic_fetch_xor)                                   \
    ATOMICS_NARROW_OP(bits, fetch_nand, type, __atomic_fetch_nand)

ATOMICS_NARROW(8, uint8_t)
ATOMICS_NARROW(16, uint16_t)
ATOMICS_NARROW(32, uint32_t)
ATOMICS_NARROW(64, uint64_t)

#define ATOMICS_WIDE(name, result)                                                                 \
    static inline atomics_wide atomics_##name##_128(volatile atomics_wide *a, atomics_wide v)      \
    {                                                                                              \
        atomics_wide old;                                                                          \
        atomics_take();                                                                            \
        old = *a;                                                                                  \
        *a = (result);                                                                             \
        atomics_drop();                                                                            \
        return old;                                                                                \
    }

ATOMICS_WIDE(exchange, v)
ATOMICS_WIDE(fetch_add, old + v)
ATOMICS_WIDE(fetch_sub, old - v)
ATOMICS_WIDE(fetch_and, old & v)
ATOMICS_WIDE(fetch_or, old | v)
ATOMICS_WIDE(fetch_xor, old ^ v)
ATOMICS_WIDE(fetch_nand, ~(old & v))

static inline atomics_wide atomics_load_128(const volatile atomics_wide *a)
{
    atomics_wide value;

    atomics_take();
    value = *a;
    atomics_drop();
    return value;
}

static inline bool atomics_cas_128(volatile atomics_wide *a, atomics_wide *expected,
                                   atomics_wide desired)
{
    atomics_wide old;
    bool same;

    atomics_take();
    old = *a;
    same = old == *expected;
    if (same)
        *a = desired;
    atomics_drop();
    *expected = old;
    return same;
}

/* ---- what the compilers call ---- */

#define ATOMICS_LOAD(bits, type)                                                                   \
    WEFT__EXPORT type __tsan_atomic##bits##_load(const volatile type *a, int order);               \
    type __tsan_atomic##bits##_load(const volatile type *a, int order)                             \
    {                                                                                              \
        type value;                                                                                \
        atomics_point(WEFT__OP_ATOMIC_LOAD, a, sizeof(type), order, WEFT__PC());                   \
        value = atomics_load_##bits(a);                                                            \
        atomics_saw((uint64_t)value, 0);                                                           \
        return value;                                                                              \
    }

#define ATOMICS_STORE(bits, type)                                                                  \
    WEFT__EXPORT void __tsan_atomic##bits##_store(volatile type *a, type v, int order);            \
    void __tsan_atomic##bits##_store(volatile type *a, type v, int order)                          \
    {                                                                                              \
        atomics_point(WEFT__OP_ATOMIC_STORE, a, sizeof(type), order, WEFT__PC());                  \
        (void)atomics_exchange_##bits(a, v);                                                       \
        atomics_saw((uint64_t)v, 0);                                                               \
    }

#define ATOMICS_RMW(name, bits, type)                                                              \
    WEFT__EXPORT type __tsan_atomic##bits##_##name(volatile type *a, type v, int order);           \
    type __tsan_atomic##bits##_##name(volatile type *a, type v, int order)                         \
    {                                                                                              \
        type old;                                                                                  \
        atomics_point(WEFT__OP_ATOMIC_RMW, a, sizeof(type), order, WEFT__PC());                    \
        old = atomics_##name##_##bits(a, v);                                                       \
        atomics_saw((uint64_t)old, 0);                                                             \
        return old;                                                                                \
    }

/* gcc hands the expected value by address and wants to know if it went well; clang hands it by
 * value and wants the old one, for the strong and the weak form alike. */
#define ATOMICS_CAS(bits, type)                                                                    \
    static bool atomics_exchange_if_##bits(volatile type *a, type *expected, type desired,         \
                                           bool weak, int order, int failure, uintptr_t pc)        \
    {                                                                                              \
        bool done;                                                                                 \
        atomics_swap_point(a, sizeof(type), (uint64_t)*expected, order, failure, pc);              \
        done = !(weak && atomics_load_##bits(a) == *expected && atomics_fails()) &&                \
               atomics_cas_##bits(a, expected, desired);                                           \
        atomics_saw((uint64_t)*expected, done ? 0 : WEFT__EVENT_FAILED);                           \
        return done;                                                                               \
    }                                                                                              \
    WEFT__EXPORT int __tsan_atomic##bits##_compare_exchange_strong(                                \
        volatile type *a, type *expected, type desired, int order, int failure);                   \
    int __tsan_atomic##bits##_compare_exchange_strong(volatile type *a, type *expected,            \
                                                      type desired, int order, int failure)        \
    {                                                                                              \
        return atomics_exchange_if_##bits(a, expected, desired, false, order, failure,             \
                                          WEFT__PC());                                             \
    }                                                                                              \
    WEFT__EXPORT int __tsan_atomic##bits##_compare_exchange_weak(                                  \
        volatile type *a, type *expected, type desired, int order, int failure);                   \
    int __tsan_atomic##bits##_compare_exchange_weak(volatile type *a, type *expected,              \
                                                    type desired, int order, int failure)          \
    {                                                                                              \
        return atomics_exchange_if_##bits(a, expected, desired, true, order, failure,              \
                                          WEFT__PC());                                             \
    }                                                                                              \
    WEFT__EXPORT type __tsan_atomic##bits##_compare_exchange_val(                                  \
        volatile type *a, type expected, type desired, int order, int failure);                    \
    type __tsan_atomic##bits##_compare_exchange_val(volatile type *a, type expected, type desired, \
                                                    int order, int failure)                        \
    {                                                                                              \
        (void)atomics_exchange_if_##bits(a, &expected, desired, false, order, failure,             \
                                         WEFT__PC());                                              \
        return expected;                                                                           \
    }

#define ATOMICS(bits, type)                                                                        \
    ATOMICS_LOAD(bits, type)                                                                       \
    ATOMICS_STORE(bits, type)                                                                      \
    ATOMICS_RMW(exchange, bits, type)                                                              \
    ATOMICS_RMW(fetch_add, bits, type)                                                             \
    ATOMICS_RMW(fetch_sub, bits, type)                                                             \
    ATOMICS_RMW(fetch_and, bits, type)                                                             \
    ATOMICS_RMW(fetch_or, bits, type)                                                              \
    ATOMICS_RMW(fetch_xor, bits, type)                                                             \
    ATOMICS_RMW(fetch_nand, bits, type)                                                            \
    ATOMICS_CAS(bits, type)

ATOMICS(8, uint8_t)
ATOMICS(16, uint16_t)
ATOMICS(32, uint32_t)
ATOMICS(64, uint64_t)
ATOMICS(128, atomics_wide)

WEFT__EXPORT void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_thread_fence(int order)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (HOOKS_ON())
        weft__clock_fence(weft__strand_self()->id, order);
}

WEFT__EXPORT void __tsan_atomic_signal_fence(int order);
void __tsan_atomic_signal_fence(int order)
{
    (void)order;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}
