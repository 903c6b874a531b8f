#!/bin/sh
# http_attack.sh - a server under load (wrk) and under attack (http_attack.py) keeps its limits.
#
#   http_attack.sh BUILD_DIR SOURCE_DIR [SECONDS]
#
# Clients that reset, go, half close, send garbage, heads and bodies without end, bad chunks, a byte
# now and then: good ones are answered all the while, slow ones are shut out in time, and neither
# memory nor descriptors are kept.  Then it drains.
# SPDX-License-Identifier: MIT
set -eu
program=$1/examples/http_hello
seconds=${3:-6}
[ -x "$program" ] || { echo "no $program"; exit 77; }
command -v python3 >/dev/null || { echo "no python3"; exit 77; }
tmp=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill $server 2>/dev/null || true; rm -rf "$tmp"' EXIT

# A port that nobody has just now; another one if somebody takes it meanwhile.
. "$2/tests/host.inc"
tries=0
until
    port=$(free_ports 1)
    "$program" "$host:$port" 2>"$tmp/said" &
    server=$!
    python3 - "$host" "$port" <<'END'
import socket, sys, time
for i in range(200):
    try:
        sys.exit(socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1).close())
    except OSError:
        time.sleep(0.05)
sys.exit(1)
END
do
    tries=$((tries + 1))
    [ $tries -lt 3 ] || { cat "$tmp/said"; echo "no server"; exit 1; }
done

load=
if command -v wrk >/dev/null; then
    wrk --threads 1 --connections 16 --duration "${seconds}s" --timeout 15s \
        "http://$host:$port/" >"$tmp/wrk" 2>&1 &
    load=$!
fi
memory=16384
[ -z "${WEFT_SANITIZE:-}" ] || memory=0 # what is freed stays, in its quarantine
status=0
python3 "$2/tests/http_attack.py" "$host" "$port" $server "$seconds" $memory || status=1
if [ -n "$load" ]; then
    wait $load || status=1
    cat "$tmp/wrk"
    ! grep -q 'Non-2xx' "$tmp/wrk" || status=1
    grep -q 'requests in' "$tmp/wrk" || status=1
    ! grep -q ' 0 requests in' "$tmp/wrk" || status=1
fi

kill -TERM $server
code=0
wait $server || code=$?
server=
[ $code = 143 ] || { echo "the server ended with $code"; status=1; }
cat "$tmp/said"
exit $status
