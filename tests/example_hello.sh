#!/bin/sh
# example_hello.sh - examples/hello.c greets three times, in any order, and ends last.
#
#   example_hello.sh BUILD_DIR SOURCE_DIR
#
# SPDX-License-Identifier: MIT
set -eu
program=$1/examples/hello
[ -x "$program" ] || { echo "no $program"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

"$program" > "$tmp/said"
[ "$(tail -n 1 "$tmp/said")" = 'all have said hello' ]
LC_ALL=C sort "$tmp/said" > "$tmp/sorted"
diff "$tmp/sorted" - <<END
all have said hello
hello, warp
hello, weft
hello, world
END
