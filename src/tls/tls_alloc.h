/* tls_alloc.h - the one door of libweft-tls to the heap.
 *
 * OpenSSL's own allocations are OpenSSL's.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_TLS_TLS_ALLOC_H
#define WEFT_TLS_TLS_ALLOC_H

#include <stddef.h>

#include "weft/api.h"

/* Never sleep.  NULL: no memory. */
WEFT_MUST_USE void *weft__tls_alloc_zero(size_t size_bytes);
WEFT_MUST_USE void *weft__tls_alloc_larger(void *p, size_t size_bytes);

/* NULL is fine. */
void weft__tls_free(void *p);

/* For tests: asked at each allocation whether it should fail.  NULL: none does. */
extern bool (*weft__tls_alloc_fails)(void);

#endif
