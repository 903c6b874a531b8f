#!/bin/sh
# tls_openssl.sh - libweft-tls against the openssl command, as a client and as a server.
# SPDX-License-Identifier: MIT
. "$2/tests/command.inc"
if [ ! -e "$build/libweft-tls.a" ] || ! command -v openssl >/dev/null; then
    echo "skipped: no libweft-tls, or no openssl"
    exit 77
fi

cat >peer.c <<'EOC'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weft.h>
#include <weft/tls.h>

static char **words;

/* client WHERE HOST CA ALPN: sends a line, prints the line that comes back. */
static int client(void *arg)
{
    (void)arg;
    weft_tls *tls;
    weft_stream *stream;
    char *line, subject[WEFT_TLS_SUBJECT_MAX];
    const char *why = "no connection";
    weft_tls_options o = {.ca_file = words[3], .alpn = words[4][0] ? words[4] : NULL};
    int rc = weft_tls_client(&o, &tls, &why);
    if (rc < 0) {
        printf("failed: %s\n", why);
        return 0;
    }
    rc = weft_stream_fd(weft_connect(words[1], NULL), &stream);
    rc = rc < 0 ? rc : weft_tls_connect(tls, stream, words[2], &stream, &why);
    if (rc < 0) {
        printf("failed: %s\n", why);
        weft_tls_free(tls);
        return 0;
    }
    const char *alpn = weft_tls_alpn(stream);
    (void)weft_tls_peer_subject(stream, subject, sizeof subject);
    printf("%s %s %s\n", weft_tls_version(stream), alpn ? alpn : "-", subject);
    rc = weft_stream_print(stream, "hello\n");
    rc = rc < 0 ? rc : weft_stream_flush(stream);
    ssize_t n = rc < 0 ? rc : weft_stream_line(stream, &line);
    printf("%s\n", n < 0 ? weft_strerror((int)n) : line);
    weft_stream_close(stream);
    weft_tls_free(tls);
    return 0;
}

static weft_tls *server_tls;

/* Says each line again, in capitals the word "bulk" a megabyte. */
static int serve(void *arg)
{
    int fd = *(int *)arg;
    weft_stream *stream;
    char *line;
    const char *why;
    ssize_t n;
    int rc = weft_stream_fd(fd, &stream);
    rc = rc < 0 ? rc : weft_tls_accept(server_tls, stream, &stream, &why);
    if (rc < 0) {
        printf("refused: %s\n", why);
        fflush(stdout);
        return 0;
    }
    while ((n = weft_stream_line(stream, &line)) >= 0) {
        if (strcmp(line, "bulk") == 0) {
            for (int i = 0; rc == 0 && i < 16384; i++)
                rc = weft_stream_print(stream, "%062d\r\n", i);
        } else {
            rc = weft_stream_print(stream, "again: %s\n", line);
        }
        rc = rc < 0 ? rc : weft_stream_flush(stream);
        if (rc < 0)
            break;
    }
    weft_tls_counts counts;
    weft_tls_stats(server_tls, &counts);
    const char *alpn = weft_tls_alpn(stream);
    printf("served: %s %s, %d resumed, end %s\n", weft_tls_version(stream), alpn ? alpn : "-",
           (int)counts.resumed, n < 0 ? weft_strerror((int)n) : "none");
    fflush(stdout);
    weft_stream_close(stream);
    return 0;
}

/* server CERT KEY COUNT ALPN: prints its port, serves so many connections. */
static int server(void *arg)
{
    (void)arg;
    weft_tls_options o = {.cert_file = words[1], .key_file = words[2], .alpn = words[4]};
    weft_addr here;
    weft_scope scope;
    const char *why;
    int rc = weft_tls_server(&o, &server_tls, &why);
    if (rc < 0) {
        printf("failed: %s\n", why);
        return 1;
    }
    int fd = weft_listen("127.0.0.1:0", NULL);
    if (fd < 0 || weft_sock_here(fd, &here) < 0)
        return 1;
    printf("port %d\n", weft_addr_port(&here));
    fflush(stdout);
    weft_scope_open(&scope);
    for (int i = 0; i < atoi(words[3]); i++) {
        int one = weft_accept(fd, NULL);
        if (one >= 0)
            weft_go(&scope, serve, &one);
    }
    weft_scope_close(&scope);
    weft_close(fd);
    weft_tls_free(server_tls);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 6)
        return 2;
    words = argv + 1;
    return weft_run(strcmp(argv[1], "client") == 0 ? client : server, NULL);
}
EOC
"$weft" build -Wall -Werror peer.c -o peer || { fail "weft build with <weft/tls.h>"; finish; }

# ---- an authority of our own, and a certificate for example.org, RSA as the others have
{
    openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj "/CN=Test CA"
    openssl req -newkey rsa:2048 -nodes -keyout key.pem -out cert.csr -subj "/CN=example.org"
    echo "subjectAltName=DNS:example.org,IP:127.0.0.1" >ext
    openssl x509 -req -in cert.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext \
        -out cert.pem
} >openssl.log 2>&1 || { cat openssl.log; fail "making certificates"; finish; }

# ---- our client, their server
# s_server OUT FLAG…: starts it on a port that is free, in $port; $server is its process.
s_server()
{
    out=$1
    shift
    mkfifo "$out.in"
    : >"$out"
    openssl s_server -accept 127.0.0.1:0 -cert cert.pem -key key.pem -rev "$@" \
        <"$out.in" >"$out" 2>&1 &
    server=$!
    exec 9>"$out.in"
    await "s_server" grep -q "^ACCEPT" "$out" || return 1
    port=$(sed -n 's/^ACCEPT .*:\([0-9]*\).*/\1/p' "$out" | head -1)
}

s_server_end()
{
    kill $server 2>/dev/null
    wait $server 2>/dev/null
    exec 9>&-
}

s_server one -alpn h2,http/1.1
same "a client" "TLSv1.3 http/1.1 CN=example.org
olleh" "$(./peer client 127.0.0.1:$port example.org ca.pem http/1.1)"
same "a client that knows the address" "TLSv1.3 - CN=example.org
olleh" "$(./peer client 127.0.0.1:$port 127.0.0.1 ca.pem '')"
same "another host" "failed: hostname mismatch" \
    "$(./peer client 127.0.0.1:$port example.com ca.pem '')"
holds "another authority" "issuer certificate" \
    "$(./peer client 127.0.0.1:$port example.org cert.pem '')"
s_server_end
s_server two -tls1_2
same "TLS 1.2" "TLSv1.2 - CN=example.org
olleh" "$(./peer client 127.0.0.1:$port example.org ca.pem '')"
s_server_end
s_server three -tls1_1 -cipher ALL:@SECLEVEL=0
holds "TLS 1.1 is refused" "failed: " "$(./peer client 127.0.0.1:$port example.org ca.pem '')"
s_server_end

# ---- our server, their client
: >served
./peer server cert.pem key.pem 6 http/1.1 >served &
ours=$!
await "our server" grep -q "^port" served || finish
port=$(sed -n 's/^port //p' served)
connect="openssl s_client -connect 127.0.0.1:$port -CAfile ca.pem -verify_return_error
    -verify_hostname example.org -servername example.org"

# said COUNT: the server has said what became of so many connections.  What it says of one counts
# the tickets of all, so the next one waits for that.
said()
{
    await "$1 connections' ends" test_said "$1"
}

test_said()
{
    [ "$(grep -c '^served\|^refused' served)" -ge "$1" ]
}

# With a change of keys in the middle, which a line of K alone asks for.
mkfifo in
$connect -alpn h2,http/1.1 <in >talk 2>&1 &
theirs=$!
exec 8>in
echo "first" >&8
await "an answer" grep -q "^again: first" talk
echo "K" >&8
await "a change of keys" grep -q "^KEYUPDATE" talk
echo "second" >&8
await "an answer with other keys" grep -q "^again: second" talk
echo "Q" >&8
exec 8>&-
wait $theirs
said 1
holds "s_client verifies us" "Verify return code: 0 (ok)" "$(cat talk)"
holds "s_client's ALPN" "ALPN protocol: http/1.1" "$(cat talk)"

# A megabyte.
mkfifo in2
$connect -tls1_2 -quiet <in2 >bulk 2>bulk.log &
theirs=$!
exec 8>in2
echo "bulk" >&8
await "a megabyte" grep -q "^0*16383" bulk
exec 8>&-
kill $theirs
wait $theirs 2>/dev/null
said 2
same "a megabyte" 16384 "$(grep -c '^0' bulk)"

# A ticket of one connection opens the next.
echo "Q" | $connect -tls1_2 -sess_out ticket >first 2>&1
said 3
echo "Q" | $connect -tls1_2 -sess_in ticket >second 2>&1
holds "a ticket" "Reused, TLSv1.2" "$(cat second)"
# What is too old, and what is not TLS at all.
echo "GET / HTTP/1.0" | openssl s_client -connect 127.0.0.1:$port -tls1_1 \
    -cipher ALL:@SECLEVEL=0 >old 2>&1 && fail "TLS 1.1 was served"
python3 -c '
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.sendall(b"GET / HTTP/1.0\r\n\r\n")
while s.recv(100):
    pass' "$port" || fail "a plain connection"
wait $ours
same "our server's end" 0 $?
same "what was served" "refused: http request
refused: unsupported protocol
served: TLSv1.2 -, 0 resumed, end EPIPE
served: TLSv1.2 -, 0 resumed, end EPROTO
served: TLSv1.2 -, 1 resumed, end EPIPE
served: TLSv1.3 http/1.1, 0 resumed, end EPIPE" \
    "$(sed '/^port/d; s/\(end E[A-Z]*\).*/\1/' served | sort)"
finish
