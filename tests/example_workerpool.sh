#!/bin/sh
# example_workerpool.sh - examples/workerpool.c answers each job, the bad ones with an error.
#
#   example_workerpool.sh BUILD_DIR SOURCE_DIR
#
# SPDX-License-Identifier: MIT
set -eu
program=$1/examples/workerpool
[ -x "$program" ] || { echo "no $program"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

"$program" > "$tmp/said"
diff "$tmp/said" - <<'END'
27: 111 steps
97: 118 steps
wool: not a number above zero (EINVAL: an argument makes no sense)
871: 178 steps
0: not a number above zero (EINVAL: an argument makes no sense)
6171: 261 steps
-4: not a number above zero (EINVAL: an argument makes no sense)
1: 0 steps
77031: 350 steps
END
