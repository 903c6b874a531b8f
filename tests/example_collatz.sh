#!/bin/sh
# example_collatz.sh - examples/collatz.c says the same on one worker and on four.
#
#   example_collatz.sh BUILD_DIR SOURCE_DIR
#
# SPDX-License-Identifier: MIT
set -eu
program=$1/examples/collatz
[ -x "$program" ] || { echo "no $program"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

for workers in 1 4; do
    WEFT_WORKERS=$workers "$program" 100000 > "$tmp/said"
    diff "$tmp/said" - <<END
107 steps on average
77031 needs the most: 350
25 need more than 315, first 60169
END
done
