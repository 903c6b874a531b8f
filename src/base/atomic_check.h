/* atomic_check.h - the atomics door filled with calls, for programs that explore interleavings.
 *
 * Included by atomic.h in its own place when WEFT_ATOMIC_CHECK is defined, which only the x_model.c
 * programs do.  Each operation becomes a call of weft__atomic_check->operate, so that whoever fills
 * the table (tests/model.c) decides who runs next and what the operation sees.
 *
 * A call carries its site: where it stands, what it says and the order it asks for.  The explorer
 * uses it twice: to print an interleaving in the words of the source, and to weaken one site at a
 * time and demand that some model notices (mutation), so that the headers need no hooks for it.
 *
 * ATOMIC(T) is a plain T here: only the macros give it meaning, and all threads of a model are
 * coroutines of one OS thread.  Values travel as 64-bit words; every T is an integer or a pointer.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_BASE_ATOMIC_CHECK_H
#define WEFT_BASE_ATOMIC_CHECK_H

#include "base/base.h"

enum weft__atomic_kind {
    WEFT__ATOMIC_LOAD,
    WEFT__ATOMIC_STORE,
    WEFT__ATOMIC_XCHG,
    WEFT__ATOMIC_ADD,
    WEFT__ATOMIC_SUB,
    WEFT__ATOMIC_OR,
    WEFT__ATOMIC_AND,
    WEFT__ATOMIC_CAS,
    WEFT__ATOMIC_CAS_WEAK,
    WEFT__ATOMIC_FENCE
};

enum weft__atomic_order {
    WEFT__ATOMIC_relaxed,
    WEFT__ATOMIC_acquire,
    WEFT__ATOMIC_release,
    WEFT__ATOMIC_acq_rel,
    WEFT__ATOMIC_seq_cst
};

struct weft__atomic_site {
    const char *file;
    const char *function;
    const char *text; /* the expression that gave the address */
    int line;
    enum weft__atomic_kind kind;
    enum weft__atomic_order order;
    enum weft__atomic_order failure; /* of the two kinds of compare-and-swap, else relaxed */
};

struct weft__atomic_check {
    /* Does what site says to the size bytes at `at`.  Returns the old value; for a compare-and-swap
     * 1 or 0, and in the second case sets *expected to what was found. */
    uint64_t (*operate)(const struct weft__atomic_site *site, void *at, size_t size,
                        uint64_t operand, uint64_t *expected);
    /* A waiting loop goes round. */
    void (*relax)(void);
};

extern const struct weft__atomic_check *weft__atomic_check;

#define ATOMIC(T) __typeof__(T)

/* The comma makes *(p) a value, and values have no qualifiers. */
#define weft__atomic_type(p) __typeof__(((void)0, *(p)))
#define weft__atomic_word(v) ((uint64_t)(uintptr_t)(v))
/* In braces, because callers may drop it. */
#define weft__atomic_back(p, word) __extension__({ (weft__atomic_type(p))(uintptr_t)(word); })

/* The site's own braces hold no word of the caller's, so calls may stand inside one another. */
#define weft__atomic_here(kind, text, order, failure)                                              \
    __extension__({                                                                                \
        static const struct weft__atomic_site weft__site = {                                       \
            __FILE__, __func__,                 text,                                              \
            __LINE__, WEFT__ATOMIC_##kind,      WEFT__ATOMIC_##order,                              \
            WEFT__ATOMIC_##failure};                                                               \
        &weft__site;                                                                               \
    })

#define weft__atomic_operate(kind, p, text, v, order)                                              \
    weft__atomic_check->operate(weft__atomic_here(kind, text, order, relaxed), (void *)(p),        \
                                sizeof(*(p)), weft__atomic_word(v), NULL)

#define weft__atomic_cas(kind, p, text, expected, desired, success, failure)                       \
    __extension__({                                                                                \
        __typeof__(expected) weft__wanted = (expected);                                            \
        uint64_t weft__found = weft__atomic_word(*weft__wanted);                                   \
        bool weft__swapped =                                                                       \
            weft__atomic_check->operate(weft__atomic_here(kind, text, success, failure),           \
                                        (void *)(p), sizeof(*(p)), weft__atomic_word(desired),     \
                                        &weft__found) != 0;                                        \
        if (!weft__swapped)                                                                        \
            *weft__wanted = weft__atomic_back(p, weft__found);                                     \
        weft__swapped;                                                                             \
    })

#define a_load(p, order) weft__atomic_back(p, weft__atomic_operate(LOAD, p, #p, 0, order))
#define a_store(p, v, order) ((void)weft__atomic_operate(STORE, p, #p, v, order))
#define a_xchg(p, v, order) weft__atomic_back(p, weft__atomic_operate(XCHG, p, #p, v, order))
#define a_add(p, v, order) weft__atomic_back(p, weft__atomic_operate(ADD, p, #p, v, order))
#define a_sub(p, v, order) weft__atomic_back(p, weft__atomic_operate(SUB, p, #p, v, order))
#define a_or(p, v, order) weft__atomic_back(p, weft__atomic_operate(OR, p, #p, v, order))
#define a_and(p, v, order) weft__atomic_back(p, weft__atomic_operate(AND, p, #p, v, order))
#define a_cas(p, expected, desired, success, failure)                                              \
    weft__atomic_cas(CAS, p, #p, expected, desired, success, failure)
#define a_cas_weak(p, expected, desired, success, failure)                                         \
    weft__atomic_cas(CAS_WEAK, p, #p, expected, desired, success, failure)
#define a_fence(order)                                                                             \
    ((void)weft__atomic_check->operate(weft__atomic_here(FENCE, "", order, relaxed), NULL, 0, 0,   \
                                       NULL))

/* The models have no signal handlers, and no other thread's membarrier to pair with. */
#define a_compiler_fence() ((void)0)

static inline void a_relax(void)
{
    weft__atomic_check->relax();
}

#endif
