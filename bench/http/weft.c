/* weft.c - an HTTP server with one answer, on libweft-http.
 *
 * Its defaults: every limit and every timeout is on.
 *
 * SPDX-License-Identifier: MIT
 */
#include <weft.h>
#include <weft/http.h>
#include <weft/net.h>

#include "common/bench.h"

static int hello(weft_http_request *request, void *arg)
{
    (void)arg;
    return weft_http_send(request, 200, "text/plain", "Hello, world\n", 13);
}

static int serve(void *arg)
{
    const struct bench_args *args = arg;
    char where[32];
    int listener;

    snprintf(where, sizeof where, "127.0.0.1:%ld", args->n);
    listener = weft_listen(where, NULL);
    bench_ok(listener < 0, "listen");
    return weft_http_serve(listener, hello, NULL, NULL);
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);

    return weft_run_with(serve, &args, &(weft_options){.workers = (size_t)args.workers});
}
