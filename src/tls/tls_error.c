/* tls_error.c - what OpenSSL's queue of errors comes to: a code, and words for people.
 *
 * The queue belongs to the OS thread, so it is read in the same breath as the call that filled it:
 * no call of Weft that may sleep lies between, or the task might wake on another thread.  All words
 * are static text.
 *
 * SPDX-License-Identifier: MIT
 */
#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <openssl/x509_vfy.h>

#include "tls/tls_inside.h"

static const char *tls_error_verdict(const SSL *ssl)
{
    long verdict = SSL_get_verify_result(ssl);
    return verdict == X509_V_OK ? "no certificate was shown"
                                : X509_verify_cert_error_string(verdict);
}

static int tls_error_of_system(int code)
{
    return code > 0 ? -code : -EIO;
}

int weft__tls_explain(const SSL *ssl, const char **ret_why)
{
    unsigned long error = ERR_peek_error(); /* the first is the cause, the rest are who called it */
    const char *words = ERR_reason_error_string(error);
    int reason = ERR_GET_REASON(error), rc = ssl ? -EPROTO : -WEFT_EINVAL;
    if (ERR_SYSTEM_ERROR(error)) {
        rc = tls_error_of_system(reason);
        words = weft_strerror(rc);
    } else if (reason == ERR_R_MALLOC_FAILURE) {
        rc = -WEFT_ENOMEM;
    } else if (ssl && ERR_GET_LIB(error) == ERR_LIB_SSL &&
               (reason == SSL_R_CERTIFICATE_VERIFY_FAILED ||
                reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)) {
        rc = -EACCES;
        words = tls_error_verdict(ssl);
    }
    ERR_clear_error();
    *ret_why = words ? words : "the TLS library gives no reason";
    return rc;
}
