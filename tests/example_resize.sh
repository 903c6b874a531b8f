#!/bin/sh
# example_resize.sh - examples/resize.c shows its pictures in order.
#
#   example_resize.sh BUILD_DIR SOURCE_DIR
#
# SPDX-License-Identifier: MIT
set -eu
program=$1/examples/resize
[ -x "$program" ] || { echo "no $program"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

"$program" > "$tmp/said"
diff "$tmp/said" - <<END
1 |###     |
2 |=###.   |
3 | -###:  |
4 |  :###- |
5 |   .###=|
6 |     ###|
END
