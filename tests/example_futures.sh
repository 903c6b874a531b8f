#!/bin/sh
# example_futures.sh - examples/futures.c has its answers in the order in which they come.
#
#   example_futures.sh BUILD_DIR SOURCE_DIR
#
# SPDX-License-Identifier: MIT
set -eu
program=$1/examples/futures
[ -x "$program" ] || { echo "no $program"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

"$program" > "$tmp/said"
diff "$tmp/said" - <<END
Leiden: 17 ducats
Toledo: ENOENT: no such file or directory
Basel: 12 ducats
Padua: 9 ducats
Leiden was first, 3 others were called off
END
