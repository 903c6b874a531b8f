#!/bin/sh
# example_signals.sh - examples/signals.c reads its file again on SIGHUP, and leaves on SIGTERM.
#
#   example_signals.sh BUILD_DIR SOURCE_DIR
#
# SPDX-License-Identifier: MIT
. "$2/tests/serving.inc"
[ -x "$examples/signals" ] || { echo "no examples/signals"; exit 77; }

for io in $(backends); do
    echo good morning > "$tmp/config"
    export WEFT_IO="$io"
    keep "$examples/signals" "$tmp/config" > "$tmp/said"
    await grep -qx 'good morning' "$tmp/said"
    echo good evening > "$tmp/config"
    kill -HUP "$pid"
    await grep -qx 'good evening' "$tmp/said"
    rm "$tmp/config"
    kill -HUP "$pid"
    await grep -q "^$tmp/config: ENOENT" "$tmp/said"
    kill -TERM "$pid"
    ended 0
    expect "$(tail -n 1 "$tmp/said")" leaving
    expect "$(grep -c 'read again' "$tmp/said")" 1
done
