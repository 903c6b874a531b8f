#!/bin/sh
# check_memcached.sh - a server of Debian, as it is, answers its clients rightly under control.
#
#   check_memcached.sh BUILD_DIR SOURCE_DIR
#
# memcached with two worker threads, one schedule after the other; a client sets and gets values in
# each, and then asks it to shut down, which ends the schedule.
# SPDX-License-Identifier: MIT
set -eu
build=$1
[ -e "$build/libweft-check.so" ] || { echo 'no libweft-check.so in this build'; exit 77; }
for program in memcached python3; do
    command -v $program > /dev/null || { echo "no $program"; exit 77; }
done
tmp=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill "$pid" 2> /dev/null || true; rm -rf "$tmp"' EXIT

cat > "$tmp/client.py" <<'PYTHON'
import socket
import sys
import time

host, port, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


def talk():
    connection = socket.create_connection((host, port), timeout=20)
    stream = connection.makefile("rwb")

    def ask(text, *answers):
        stream.write(text)
        stream.flush()
        for answer in answers:
            got = stream.readline()
            if not got:
                raise ConnectionError("it hung up")
            if got != answer:
                sys.exit(f"FAILED: {text!r}: {got!r}, not {answer!r}")

    for i in range(20):
        key, value = b"key%d" % i, b"value %d" % i
        ask(b"set %s 0 0 %d\r\n%s\r\n" % (key, len(value), value), b"STORED\r\n")
        head = b"VALUE %s 0 %d\r\n" % (key, len(value))
        ask(b"get %s\r\n" % key, head, value + b"\r\n", b"END\r\n")
    ask(b"shutdown\r\n")
    connection.close()


for number in range(rounds):
    give_up = time.monotonic() + 60
    while True:
        try:
            talk()
            break
        except OSError as error:  # not there yet, or the one before has not yet let go of the port
            if time.monotonic() > give_up:
                sys.exit(f"FAILED: round {number}: {error}")
            time.sleep(0.02)
PYTHON

. "$2/tests/host.inc"
port=$(free_ports 1)
user=
[ "$(id -u)" -ne 0 ] || user='-u root'
# shellcheck disable=SC2086
"$build/weft" check --json --jobs 1 --schedules 3 --time 120 \
    memcached -A -p "$port" -l "$host" -U 0 -t 2 $user > "$tmp/json" &
pid=$!
timeout 150 python3 "$tmp/client.py" "$host" "$port" 3
status=0
wait "$pid" || status=$?
pid=
if [ "$status" -ne 0 ] || ! grep -q '"verdict":"nothing found"' "$tmp/json"; then
    echo "FAILED: exit status $status"
    cat "$tmp/json"
    exit 1
fi
echo "memcached: 3 rounds of 20 values, $(grep -o '"schedules":[0-9]*' "$tmp/json")"
