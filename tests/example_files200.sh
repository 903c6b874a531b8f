#!/bin/sh
# example_files200.sh - examples/files200.c adds up 200 files, and names one that it cannot read.
#
#   example_files200.sh BUILD_DIR SOURCE_DIR
#
# SPDX-License-Identifier: MIT
set -eu
program=$1/examples/files200
[ -x "$program" ] || { echo "no $program"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

i=1
while [ $i -le 200 ]; do
    head -c $((i * 1000)) /dev/zero > "$tmp/file-$i"
    i=$((i + 1))
done

[ "$("$program" "$tmp"/file-*)" = '200 files, 20100000 bytes' ]
[ "$("$program")" = '0 files, 0 bytes' ]

status=0
"$program" "$tmp/file-1" "$tmp/nowhere" "$tmp/file-2" > "$tmp/said" 2> "$tmp/error" || status=$?
[ $status -eq 1 ] && [ ! -s "$tmp/said" ]
grep -q '/nowhere: ENOENT' "$tmp/error"

status=0
"$program" "$tmp"/file-* one-more 2> "$tmp/error" || status=$?
[ $status -eq 2 ] && grep -q '200 files at most' "$tmp/error"
