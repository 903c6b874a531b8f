/* err.h - how Weft says that something failed.
 *
 * Every call that can fail returns 0 or a count, or a NEGATIVE code: -ENOENT, -ECANCELED, and so
 * on, the numbers of <errno.h>.  Weft never reports through errno: a task may wake on another
 * thread, and compilers keep the address of the old thread's errno across the call.
 *
 * For the same reason code of yours that calls libc from a task and reads errno after a call that
 * may sleep would read the wrong thread's.  This header therefore replaces the errno macro by one
 * that asks for the address anew each time.  It is safe to include <errno.h> before or after it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_ERR_H
#define WEFT_ERR_H

#include <errno.h>

#include "weft/api.h"

WEFT_BEGIN_DECLS

/* The codes that Weft itself gives, beside those that the kernel gives.  Return values are
 * negative: `if (rc == -WEFT_ECANCELED)`.  Each is equal to the code of <errno.h> of the same
 * name. */
enum weft_code {
    WEFT_EAGAIN = EAGAIN,       /* a try_ form would have to sleep; a limit is reached */
    WEFT_EBUSY = EBUSY,         /* another user is in the way */
    WEFT_ECANCELED = ECANCELED, /* an enclosing scope wants you out; the operation did not happen */
    WEFT_EDEADLK = EDEADLK,     /* every task was blocked with nothing that could wake one */
    WEFT_EINVAL = EINVAL,       /* an argument that no call could mean */
    WEFT_ENOMEM = ENOMEM,       /* no memory, no address space or no more mappings */
    WEFT_ENOTSUP = ENOTSUP,     /* not on this platform, or not in this version */
    WEFT_EPIPE = EPIPE,         /* the channel is closed (and, for a receive, empty) */
    WEFT_ESHUTDOWN = ESHUTDOWN, /* the scope is closed, or no runtime runs in this process */
    WEFT_ETIMEDOUT = ETIMEDOUT, /* the scope's own deadline, or the select's timeout, came first */
    WEFT_EPANIC = 4001          /* a task ended by a contained panic (WEFT_PANIC_TASK) */
};

/* Never sleeps.  A word for a code, positive or negative: "ECANCELED: cancelled by an enclosing
 * scope".  The text is static and never NULL.  Any thread. */
WEFT_API const char *weft_strerror(int code);

/* Never sleeps.  The address of the calling thread's errno, found anew at every call. */
WEFT_API int *weft_errno_location(void);

WEFT_END_DECLS

#undef errno
#define errno (*weft_errno_location())

#endif
