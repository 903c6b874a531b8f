#!/bin/sh
# example_fib.sh - examples/fib.c computes the same number in both ways.
#
#   example_fib.sh BUILD_DIR SOURCE_DIR
#
# SPDX-License-Identifier: MIT
set -eu
program=$1/examples/fib
[ -x "$program" ] || { echo "no $program"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

for workers in 1 4; do
    WEFT_WORKERS=$workers "$program" 22 > "$tmp/said"
    diff "$tmp/said" - <<END
fib(22) = 17711
fib(22) = 17711, by functions
END
done
