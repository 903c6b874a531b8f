#!/bin/sh
# example_http_hello.sh - examples/http_hello.c answers, and drains when terminated.
#
#   example_http_hello.sh BUILD_DIR SOURCE_DIR
#
# SPDX-License-Identifier: MIT
set -eu
program=$1/examples/http_hello
[ -x "$program" ] || { echo "no $program"; exit 77; }
command -v curl > /dev/null || { echo "no curl"; exit 77; }
tmp=$(mktemp -d)
server= # its number is somebody else's once it has been waited for
trap '[ -z "$server" ] || kill "$server" 2> /dev/null || true; rm -rf "$tmp"' EXIT

"$program" "unix:$tmp/sock" &
server=$!
ask() {
    curl --silent --show-error --max-time 20 --unix-socket "$tmp/sock" "$@"
}
tries=0
# The socket is there before it listens.
until ask --output /dev/null http://a/ 2> "$tmp/curl"; do
    tries=$((tries + 1))
    [ $tries -lt 1200 ] || { cat "$tmp/curl"; echo "no server"; exit 1; }
    sleep 0.05
done

[ "$(ask http://a/)" = 'Hello, world' ]
[ "$(ask http://a/ http://a/b http://a/c | wc -l)" = 3 ]
ask --head http://a/ | tr -d '\r' > "$tmp/head"
grep -qx 'HTTP/1.1 200 OK' "$tmp/head"
grep -qx 'Content-Length: 13' "$tmp/head"
[ "$(ask --output /dev/null --write-out '%{http_code}' -H 'Content-Length: x' http://a/)" = 400 ]

kill -TERM $server
status=0
wait $server || status=$?
server=
[ $status = 143 ] || { echo "status $status"; exit 1; }
