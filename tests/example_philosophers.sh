#!/bin/sh
# example_philosophers.sh - examples/philosophers.c lets everybody eat, with two forks each.
#
#   example_philosophers.sh BUILD_DIR SOURCE_DIR
#
# SPDX-License-Identifier: MIT
set -eu
program=$1/examples/philosophers
[ -x "$program" ] || { echo "no $program"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

"$program" > "$tmp/said"
diff "$tmp/said" - <<END
philosopher 0 ate 1000 meals
philosopher 1 ate 1000 meals
philosopher 2 ate 1000 meals
philosopher 3 ate 1000 meals
philosopher 4 ate 1000 meals
forks in two hands: 0
END
