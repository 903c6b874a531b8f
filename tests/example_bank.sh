#!/bin/sh
# example_bank.sh - examples/bank.c makes every payment and loses no cent.
#
#   example_bank.sh BUILD_DIR SOURCE_DIR
#
# SPDX-License-Identifier: MIT
set -eu
program=$1/examples/bank
[ -x "$program" ] || { echo "no $program"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

for turn in 1 2 3; do
    "$program" > "$tmp/said"
    diff "$tmp/said" - <<END
8000 payments, 5000000 cents in the bank
END
done
