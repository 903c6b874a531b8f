#!/bin/sh
# example_subprocess.sh - examples/subprocess.c has programs work for it, and leaves none behind.
#
#   example_subprocess.sh BUILD_DIR SOURCE_DIR
#
# SPDX-License-Identifier: MIT
set -eu
program=$1/examples/subprocess
[ -x "$program" ] || { echo "no $program"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

for io in uring epoll; do
    WEFT_IO=$io "$program" > "$tmp/said" 2> "$tmp/complained" || {
        grep -q 'io_uring is not to be had' "$tmp/complained" && continue
        cat "$tmp/complained"
        exit 1
    }
    diff "$tmp/said" - <<END
   5000 loom
  15000 warp
  10000 weft
uniq ended with 0
tr a-z A-Z; exit 3: in time, exit code 3, signal 0, said 'WARP'
exec sleep 1000: ETIMEDOUT: the deadline came first, exit code -1, signal 15, said ''
END
done
