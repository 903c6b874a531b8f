#!/bin/sh
# example_https_hello.sh - examples/https_hello.c convinces curl and openssl, and says who failed.
#
#   example_https_hello.sh BUILD_DIR SOURCE_DIR
#
# SPDX-License-Identifier: MIT
. "$2/tests/serving.inc"
[ -x "$examples/https_hello" ] || { echo "no examples/https_hello"; exit 77; }
needs curl openssl

# An authority of our own, and a certificate for example.org.
{
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$tmp/ca.key" -out "$tmp/ca.pem" -days 2 \
        -subj '/CN=Test CA'
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$tmp/other.key" -out "$tmp/other.pem" \
        -days 2 -subj '/CN=Another CA'
    openssl req -newkey rsa:2048 -nodes -keyout "$tmp/key.pem" -out "$tmp/cert.csr" \
        -subj /CN=example.org
    echo 'subjectAltName=DNS:example.org' > "$tmp/ext"
    openssl x509 -req -in "$tmp/cert.csr" -CA "$tmp/ca.pem" -CAkey "$tmp/ca.key" -CAcreateserial \
        -days 2 -extfile "$tmp/ext" -out "$tmp/cert.pem"
} > "$tmp/openssl.log" 2>&1 || { cat "$tmp/openssl.log"; exit 1; }

ask()
{
    curl --silent --show-error --max-time 20 --unix-socket "$tmp/sock" --cacert "$tmp/ca.pem" "$@"
}

io=any
status=0
"$examples/https_hello" "$tmp/cert.pem" "$tmp/ca.key" "unix:$tmp/sock" 2> "$tmp/wrong" || status=$?
expect "$status" 1
grep -q 'key values mismatch' "$tmp/wrong" || { cat "$tmp/wrong"; exit 1; }

for io in uring epoll; do # uring: or what there is in its place
    rm -f "$tmp/sock"
    WEFT_IO=$io keep "$examples/https_hello" "$tmp/cert.pem" "$tmp/key.pem" "unix:$tmp/sock" \
        2> "$tmp/told"
    await ask https://example.org/ # the socket is there before it listens

    expect "$(ask https://example.org/)" 'Hello, world'
    ask --verbose https://example.org/a https://example.org/b > "$tmp/two" 2> "$tmp/verbose"
    expect "$(wc -l < "$tmp/two" | tr -d ' ')" 2
    expect "$(grep -c 'Re-using existing connection' "$tmp/verbose")" 1
    expect "$(grep -ci 'ALPN.*server accepted http/1.1' "$tmp/verbose")" 1
    expect "$(ask --tls-max 1.2 https://example.org/)" 'Hello, world'

    # Who wants somebody else, does not believe us, or speaks no TLS.
    status=0
    ask https://example.com/ > "$tmp/other" 2>&1 || status=$?
    expect "$status" 60
    status=0
    ask --cacert "$tmp/other.pem" https://example.org/ > "$tmp/other" 2>&1 || status=$?
    expect "$status" 60
    ask http://example.org/ > "$tmp/other" 2>&1 && { echo "$io: http at https"; exit 1; }
    await grep -qx 'handshake: http request' "$tmp/told"
    await grep -q '^handshake: .*alert' "$tmp/told"

    printf 'GET / HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n' |
        openssl s_client -unix "$tmp/sock" -CAfile "$tmp/ca.pem" -verify_return_error -ign_eof \
            -verify_hostname example.org -servername example.org > "$tmp/talk" 2>&1
    grep -q 'Verify return code: 0 (ok)' "$tmp/talk"
    grep -q '^Hello, world' "$tmp/talk"

    kill -TERM "$pid"
    ended 143
done
