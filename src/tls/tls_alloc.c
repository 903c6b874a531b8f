/* tls_alloc.c - the one door of libweft-tls to the heap.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tls/tls_alloc.h"

#include <stdlib.h>

bool (*weft__tls_alloc_fails)(void);

static bool tls_alloc_fails(void)
{
    return weft__tls_alloc_fails && weft__tls_alloc_fails();
}

void *weft__tls_alloc_zero(size_t size_bytes)
{
    return tls_alloc_fails() ? NULL : calloc(1, size_bytes);
}

void *weft__tls_alloc_larger(void *p, size_t size_bytes)
{
    return tls_alloc_fails() ? NULL : realloc(p, size_bytes);
}

void weft__tls_free(void *p)
{
    free(p);
}
