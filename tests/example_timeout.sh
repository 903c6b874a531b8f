#!/bin/sh
# example_timeout.sh - examples/timeout.c gives up what is late, and tidies up, at the right times.
#
#   example_timeout.sh BUILD_DIR SOURCE_DIR
#
# SPDX-License-Identifier: MIT
set -eu
program=$1/examples/timeout
[ -x "$program" ] || { echo "no $program"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

"$program" > "$tmp/said"
diff "$tmp/said" - <<'END'
  0 ms  the folder is locked
 10 ms  the title is ready
 30 ms  the table is ready
 50 ms  the graph is given up
 70 ms  the report is saved, with 2 of 3 parts
 70 ms  the folder is unlocked
 70 ms  the result is: ETIMEDOUT: the deadline came first
END
