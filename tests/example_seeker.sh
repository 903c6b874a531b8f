#!/bin/sh
# example_seeker.sh - examples/seeker.c finds the treasure and enters no floor above it.
#
#   example_seeker.sh BUILD_DIR SOURCE_DIR
#
# SPDX-License-Identifier: MIT
set -eu
program=$1/examples/seeker
[ -x "$program" ] || { echo "no $program"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

"$program" > "$tmp/said"
diff "$tmp/said" - <<END
the treasure is in room 2024, on floor 7
rooms entered: at most the 3280 up to that floor: yes
END
