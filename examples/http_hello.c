/* http_hello.c - the smallest server: every request gets thirteen bytes.
 *
 *   http_hello [WHERE]           ":8080" if not said; Ctrl-C finishes what runs, and ends it
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>

#include <weft.h>
#include <weft/http.h>
#include <weft/net.h>

static int hello(weft_http_request *request, void *arg) /* runs in the connection's task */
{
    (void)arg;
    return weft_http_send(request, 200, "text/plain", "Hello, world\n", 13);
}

static int app(void *arg)
{
    int listener = weft_listen(arg, NULL);

    if (listener < 0)
        return listener;
    int rc = weft_http_serve(listener, hello, NULL, &(weft_http_options){.drain_on_cancel = true});
    weft_close(listener);
    return rc;
}

int main(int argc, char **argv)
{
    int rc = weft_run(app, argc > 1 ? argv[1] : ":8080");

    if (rc < 0)
        fprintf(stderr, "http_hello: %s\n", weft_strerror(rc));
    return rc < 0 ? 1 : rc;
}
