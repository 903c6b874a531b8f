#!/bin/sh
# example_http_files.sh - examples/http_files.c serves what lies below its directory, and no more.
#
#   example_http_files.sh BUILD_DIR SOURCE_DIR
#
# SPDX-License-Identifier: MIT
set -eu
program=$1/examples/http_files
[ -x "$program" ] || { echo "no $program"; exit 77; }
command -v curl > /dev/null || { echo "no curl"; exit 77; }
tmp=$(mktemp -d)
server= # its number is somebody else's once it has been waited for
trap '[ -z "$server" ] || kill "$server" 2> /dev/null || true; rm -rf "$tmp"' EXIT

mkdir -p "$tmp/root/dir/deep" "$tmp/root/site" "$tmp/root/a b<c"
echo secret > "$tmp/secret"
echo plain > "$tmp/root/plain.txt"
echo '<p>index' > "$tmp/root/site/index.html"
echo deep > "$tmp/root/dir/deep/file"
head -c 3000000 /dev/urandom > "$tmp/root/large.bin"
ln -s ../secret "$tmp/root/out"
ln -s /etc/passwd "$tmp/root/away"
ln -s dir/deep/file "$tmp/root/in"
mkfifo "$tmp/root/fifo"

"$program" "$tmp/root" "unix:$tmp/sock" 2> "$tmp/log" &
server=$!
ask() {
    curl --silent --show-error --max-time 20 --path-as-is --unix-socket "$tmp/sock" "$@"
}
status() {
    ask --output /dev/null --write-out '%{http_code}' "$@"
}
expect() {
    [ "$1" = "$2" ] || { echo "expected $2, got $1"; exit 1; }
}
tries=0
# The socket is there before it listens.
until ask --output /dev/null http://a/health 2> "$tmp/curl"; do
    tries=$((tries + 1))
    [ $tries -lt 1200 ] || { cat "$tmp/curl"; echo "no server"; exit 1; }
    sleep 0.05
done

# Files, whole and in part.
expect "$(ask http://a/plain.txt)" plain
ask http://a/large.bin | cmp - "$tmp/root/large.bin"
expect "$(ask --range 1-3 http://a/plain.txt)" lai
expect "$(status --range 1-3 http://a/plain.txt)" 206
expect "$(status --range 100- http://a/plain.txt)" 416
ask --range 2999000- http://a/large.bin > "$tmp/part"
tail -c 1000 "$tmp/root/large.bin" | cmp - "$tmp/part"
ask --head http://a/plain.txt | tr -d '\r' > "$tmp/head"
grep -qx 'Content-Type: text/plain; charset=utf-8' "$tmp/head"
grep -qx 'Content-Length: 6' "$tmp/head"
since=$(sed -n 's/^Last-Modified: //p' "$tmp/head")
tag=$(sed -n 's/^ETag: //p' "$tmp/head")
expect "$(status -H "If-Modified-Since: $since" http://a/plain.txt)" 304
expect "$(status -H "If-None-Match: $tag" http://a/plain.txt)" 304
expect "$(status -H 'If-None-Match: "x"' http://a/plain.txt)" 200

# Directories.
expect "$(ask http://a/site/)" '<p>index'
expect "$(status http://a/site)" 301
expect "$(ask --location http://a/site)" '<p>index'
expect "$(status http://a/)" 404
expect "$(ask --output /dev/null --write-out '%{redirect_url}' 'http://a/a%20b%3cc')" \
    http://a/a%20b%3Cc/
expect "$(ask --output /dev/null --write-out '%{redirect_url}' http://a//dir)" http://a/dir/

# No way out.
expect "$(ask http://a/in)" deep
expect "$(status http://a/out)" 403
expect "$(status http://a/away)" 403
expect "$(status http://a/../secret)" 400
expect "$(status http://a/%2e%2e/secret)" 400
expect "$(status http://a/dir/..%2f..%2fsecret)" 400
expect "$(status http://a/dir/../../secret)" 400
expect "$(status http://a/dir/../plain.txt)" 200

# What is no file.
expect "$(ask http://a/health)" well
expect "$(status http://a/none)" 404
expect "$(status http://a/plain.txt/x)" 404
expect "$(status http://a/fifo)" 403
expect "$(status --request POST --data x http://a/plain.txt)" 405
expect "$(status http://a/a%00b)" 400

kill -TERM $server
wait $server || true
server=
