/* tls_none.c - no thread pointer that could be set: for processors without a file of their own.
 *
 * SPDX-License-Identifier: MIT
 */
#include "arch/tls.h"

const char weft__tls_name[] = "none";

bool weft__tls_can_set(void)
{
    return false;
}

void *weft__tls_get(void)
{
    return NULL;
}

void weft__tls_set(void *tp)
{
    WEFT_CHECK(tp == NULL);
}

bool weft__tls_looks_right(const void *tp, const void *handle)
{
    (void)tp;
    (void)handle;
    return false;
}

void weft__tls_fill_head(void *tp, void *handle, const void *like)
{
    (void)handle;
    (void)like;
    WEFT_CHECK(tp == NULL);
}
