/* base.h - the words that every file of Weft may use.
 *
 * Included first by every internal header.  Holds no state and needs no .c file; the one function
 * it names, the end of a failed WEFT_CHECK, is defined in panic.c.
 *
 * WEFT_CHECK stands in every build, the release too: a runtime that goes on after its own
 * invariant broke destroys the evidence.  Rejected: <assert.h>, because NDEBUG turns it off and
 * because it cannot print the stack of a task.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_BASE_BASE_H
#define WEFT_BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#define WEFT_LIKELY(x) __builtin_expect(!!(x), 1)
#define WEFT_UNLIKELY(x) __builtin_expect(!!(x), 0)

#define WEFT_CACHE_LINE 64
#define WEFT_ALIGNED(n) __attribute__((aligned(n)))
#define WEFT_NOINLINE __attribute__((noinline))
#define WEFT_NORETURN __attribute__((noreturn))
#define WEFT_UNUSED __attribute__((unused))
#define WEFT_PRINTF(a, b) __attribute__((format(printf, a, b)))

/* The public headers say it too; both say the same thing, so the order of including is free. */
#ifndef WEFT_MUST_USE
#define WEFT_MUST_USE __attribute__((warn_unused_result))
#endif

/* 1 in a build under AddressSanitizer, under ThreadSanitizer; gcc and clang tell it differently. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WEFT_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define WEFT_TSAN 1
#endif
#endif
#if !defined(WEFT_ASAN) && defined(__SANITIZE_ADDRESS__)
#define WEFT_ASAN 1
#elif !defined(WEFT_ASAN)
#define WEFT_ASAN 0
#endif
#if !defined(WEFT_TSAN) && defined(__SANITIZE_THREAD__)
#define WEFT_TSAN 1
#elif !defined(WEFT_TSAN)
#define WEFT_TSAN 0
#endif

/* For code that reads words of a stack it does not own, which the sanitizers cannot judge. */
#define WEFT_NO_SANITIZE __attribute__((no_sanitize("address"), no_sanitize("thread")))

#define WEFT_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Each argument is evaluated once; both must have one type, else the compiler warns. */
#define weft__min(a, b)                                                                            \
    __extension__({                                                                                \
        __typeof__(a) weft__min_a = (a);                                                           \
        __typeof__(b) weft__min_b = (b);                                                           \
        weft__min_a < weft__min_b ? weft__min_a : weft__min_b;                                     \
    })
#define weft__max(a, b)                                                                            \
    __extension__({                                                                                \
        __typeof__(a) weft__max_a = (a);                                                           \
        __typeof__(b) weft__max_b = (b);                                                           \
        weft__max_a > weft__max_b ? weft__max_a : weft__max_b;                                     \
    })

/* Never returns: prints "weft: panic: FILE:LINE: check failed: TEXT" and the stack, then aborts. */
WEFT_NORETURN void weft__check_failed(const char *file, int line, const char *text);

/* One fact each; two facts are two checks, so that the message says which one broke. */
#define WEFT_CHECK(cond)                                                                           \
    do {                                                                                           \
        if (WEFT_UNLIKELY(!(cond)))                                                                \
            weft__check_failed(__FILE__, __LINE__, #cond);                                         \
    } while (0)

#endif
