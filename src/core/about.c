/* about.c - which Weft this is and how it was built.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/base.h"
#include "weft/api.h"

#if WEFT_TSAN
#define ABOUT_SANITIZER ", ThreadSanitizer"
#elif WEFT_ASAN
#define ABOUT_SANITIZER ", AddressSanitizer"
#else
#define ABOUT_SANITIZER ""
#endif

#ifdef WEFT_DEBUG
#define ABOUT_DEBUG ", debug checks"
#else
#define ABOUT_DEBUG ""
#endif

#ifdef __clang__
#define ABOUT_COMPILER "clang " __clang_version__
#else
#define ABOUT_COMPILER "gcc " __VERSION__
#endif

const char *weft_version(void)
{
    return WEFT_VERSION;
}

const char *weft_build_info(void)
{
    return "weft " WEFT_VERSION ", " ABOUT_COMPILER ABOUT_SANITIZER ABOUT_DEBUG;
}
