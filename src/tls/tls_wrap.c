/* tls_wrap.c - a handshake as others ask for it: by a pointer to a function of weft/http.h's shape.
 *
 * Such a function has nowhere to put the words of a failure, and who calls it is not who wants to
 * know them.  But both are the same task, so the words wait in a task-local.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tls/tls_inside.h"

static const weft_local wrap_why = {"why weft_tls_wrap failed"};

/* A success leaves what an earlier failure has said.  Without memory those older words stay. */
static int wrap_note(int code, const char *why)
{
    int noted = weft_local_set(&wrap_why, (void *)why);
    (void)noted;
    return code;
}

int weft_tls_wrap(void *tls, weft_stream *under, const char *host, weft_stream **ret_stream)
{
    const char *why = NULL;
    int rc = host ? weft_tls_connect(tls, under, host, ret_stream, &why)
                  : weft_tls_accept(tls, under, ret_stream, &why);
    return rc < 0 ? wrap_note(rc, why) : rc;
}

const char *weft_tls_wrap_error(void)
{
    return weft_local_get(&wrap_why);
}
