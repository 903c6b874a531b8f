/* tls.h - the thread pointer: where the running code finds its thread-local memory.
 *
 * Called by core/owntls.c alone, for tasks that have thread-local memory of their own.  One of
 * three files fills it, chosen by the build: tls_x86_64.c, tls_aarch64.c, or tls_none.c for the
 * rest, which can do nothing and says so.
 *
 * What the C library keeps at and around the pointer is its secret, apart from what the ABI of each
 * processor fixes: that is what these files know.  All else is found out in owntls.c.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_ARCH_TLS_H
#define WEFT_ARCH_TLS_H

#include "base/base.h"

/* "x86_64", "aarch64" or "none". */
extern const char weft__tls_name[];

/* Never sleeps.  Can the thread pointer be set here?  To be asked before the first weft__tls_set.
 * Not under a sanitizer: its books of a thread lie in that thread's own thread-locals, and an
 * access without them ends in its own data.  Not under Valgrind, which follows no such change. */
bool weft__tls_can_set(void);

/* The calling thread's. */
void *weft__tls_get(void);

/* From here on the calling thread finds its thread-locals at tp.  No signal handler sees it half
 * done.  Whatever the compiler knew of an address of a thread-local is out of date: so the caller
 * keeps none.  A compiler's fence. */
void weft__tls_set(void *tp);

/* Does the memory at tp look as the ABI says of a living thread, the one that `handle` (its
 * pthread_t as an address) names? */
bool weft__tls_looks_right(const void *tp, const void *handle);

/* Gives the block at tp, fresh from the C library, what the ABI wants in its head: where it is
 * itself, and the secrets that are the same in all threads, from the living thread at `like`.
 * `handle` is what its pthread_t will be. */
void weft__tls_fill_head(void *tp, void *handle, const void *like);

#endif
