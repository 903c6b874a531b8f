#!/bin/sh
# example_names.sh - examples/names.c finds the addresses of names, given or read.
#
#   example_names.sh BUILD_DIR SOURCE_DIR
#
# SPDX-License-Identifier: MIT
. "$2/tests/serving.inc"
[ -x "$examples/names" ] || { echo "no examples/names"; exit 77; }

for io in $(backends); do
    WEFT_IO=$io "$examples/names" 127.0.0.1 ::1 nowhere.invalid < /dev/null | sort > "$tmp/said"
    expect "$(grep -v invalid "$tmp/said")" "$(printf '127.0.0.1: 127.0.0.1\n::1: [::1]')"
    expect "$(grep -c '^nowhere.invalid: E' "$tmp/said")" 1
    printf '127.0.0.1\nlocalhost\n' | WEFT_IO=$io "$examples/names" | sort > "$tmp/said"
    grep -qx '127.0.0.1: 127.0.0.1' "$tmp/said"
    grep -q '^localhost: ' "$tmp/said"
done
