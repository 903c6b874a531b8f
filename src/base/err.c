/* err.c - words for codes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "weft/err.h"

#include "base/base.h"

struct err_word {
    int code;
    const char *text;
};

static const struct err_word err_words[] = {
    {WEFT_EAGAIN, "EAGAIN: it would have to wait, or a limit is reached"},
    {WEFT_EBUSY, "EBUSY: in use by another"},
    {WEFT_ECANCELED, "ECANCELED: cancelled by an enclosing scope"},
    {WEFT_EDEADLK, "EDEADLK: every task was blocked and nothing could wake one"},
    {WEFT_EINVAL, "EINVAL: an argument makes no sense"},
    {WEFT_ENOMEM, "ENOMEM: no memory"},
    {WEFT_ENOTSUP, "ENOTSUP: not supported here"},
    {WEFT_EPANIC, "EPANIC: the task panicked"},
    {WEFT_EPIPE, "EPIPE: the channel, or the other end, is closed"},
    {WEFT_ESHUTDOWN, "ESHUTDOWN: the scope is closed, or no runtime runs"},
    {WEFT_ETIMEDOUT, "ETIMEDOUT: the deadline came first"},
};

const char *weft_strerror(int code)
{
    if (code < 0) {
        code = -code;
    }
    if (code == 0) {
        return "0: no error";
    }
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(err_words); i++) {
        if (err_words[i].code == code) {
            return err_words[i].text;
        }
    }
    const char *text = strerrordesc_np(code);
    return text ? text : "an unknown error";
}
