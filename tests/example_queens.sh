#!/bin/sh
# example_queens.sh - what examples/queens.c draws has no queen that attacks another.
#
#   example_queens.sh BUILD_DIR SOURCE_DIR
#
# SPDX-License-Identifier: MIT
set -eu
program=$1/examples/queens
[ -x "$program" ] || { echo "no $program"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

for workers in 1 4; do
    for size in 1 8 16; do
        WEFT_WORKERS=$workers "$program" $size > "$tmp/said"
        awk -v size=$size '
            { for (i = 1; i <= NF; i++) if ($i == "Q") { queens++; at = i } }
            column[at]++ || up[at - NR]++ || down[at + NR]++ { bad = 1 }
            END { exit bad || NR != size || queens != size }
        ' "$tmp/said" || { cat "$tmp/said"; exit 1; }
    done
    WEFT_WORKERS=$workers "$program" 3 | grep -q '^there is no way to place 3 queens$'
done
