/* https_hello.c - the smallest server, over TLS: nobody in between reads its thirteen bytes.
 *
 *   https_hello CERT KEY [WHERE]     two files of PEM; ":8443" if not said; Ctrl-C drains
 *
 * For a try at home, a certificate of one's own, and who believes in it:
 *
 *   openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 30
 *           -subj /CN=localhost -addext subjectAltName=DNS:localhost
 *   curl --cacert cert.pem https://localhost:8443/
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <string.h>

#include <weft.h>
#include <weft/http.h>
#include <weft/net.h>
#include <weft/tls.h>

static int hello(weft_http_request *request, void *arg) /* runs in the connection's task */
{
    (void)arg;
    return weft_http_send(request, 200, "text/plain", "Hello, world\n", 13);
}

static void complain(void *arg, const weft_http_event *event) /* in the connection's task, too */
{
    bool is_handshake = strcmp(event->what, "handshake") == 0;

    (void)arg;
    fprintf(stderr, "%s: %s\n", event->what,
            is_handshake ? weft_tls_wrap_error() : weft_strerror(event->code));
}

static int app(void *arg)
{
    char **words = arg;
    const weft_tls_options shown = {.cert_file = words[1], .key_file = words[2],
                                    .alpn = "http/1.1"};
    weft_http_options options = {.drain_on_cancel = true, .wrap = weft_tls_wrap, .log = complain};
    const char *why;
    weft_tls *tls;
    int rc = weft_tls_server(&shown, &tls, &why);

    if (rc < 0) {
        fprintf(stderr, "https_hello: %s: %s\n", words[1], why);
        return 1;
    }
    options.wrap_arg = tls;
    int listener = rc = weft_listen(words[3] ? words[3] : ":8443", NULL);
    if (listener >= 0) {
        rc = weft_http_serve(listener, hello, NULL, &options);
        weft_close(listener);
    }
    weft_tls_free(tls);
    return rc;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: https_hello CERT KEY [WHERE]\n");
        return 2;
    }
    int rc = weft_run(app, argv);
    if (rc < 0)
        fprintf(stderr, "https_hello: %s\n", weft_strerror(rc));
    return rc < 0 ? 1 : rc;
}
