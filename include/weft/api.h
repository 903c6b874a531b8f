/* api.h - the words that every public header of Weft is written with.
 *
 * Nothing here is a promise of its own: visibility, warnings, and the linkage block for C++.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_API_H
#define WEFT_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
#define WEFT_BEGIN_DECLS extern "C" {
#define WEFT_END_DECLS   }
#else
#define WEFT_BEGIN_DECLS
#define WEFT_END_DECLS
#endif

#define WEFT_API         __attribute__((visibility("default")))
#define WEFT_MUST_USE    __attribute__((warn_unused_result))
#define WEFT_NORETURN    __attribute__((noreturn))
#define WEFT_PRINTF(a, b) __attribute__((format(printf, a, b)))

#define WEFT_VERSION_MAJOR 0
#define WEFT_VERSION_MINOR 1
#define WEFT_VERSION_PATCH 0
#define WEFT_VERSION       "0.1.0"

WEFT_BEGIN_DECLS

/* Never sleeps.  The version of the library that is linked; it may be newer than WEFT_VERSION. */
WEFT_API const char *weft_version(void);

/* Never sleeps.  How the linked library was built: compiler, stack switch, sanitizers; one line. */
WEFT_API const char *weft_build_info(void);

WEFT_END_DECLS

#endif
