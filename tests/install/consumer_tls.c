/* consumer_tls.c - the smallest program of someone who uses the installed libweft-tls.
 *
 * SPDX-License-Identifier: MIT
 */
#include <weft.h>
#include <weft/tls.h>

static int consumer_tls(void *arg)
{
    weft_tls **tls = (weft_tls **)arg;
    return weft_tls_client(NULL, tls, NULL);
}

int main(void)
{
    weft_tls *tls = NULL;
    int rc = weft_run(consumer_tls, &tls);
    weft_tls_free(tls);
    return rc == 0 && tls ? 0 : 1;
}
