#!/bin/sh
# example_pipeline.sh - examples/pipeline.c has a producer that is held back.
#
#   example_pipeline.sh BUILD_DIR SOURCE_DIR
#
# SPDX-License-Identifier: MIT
set -eu
program=$1/examples/pipeline
[ -x "$program" ] || { echo "no $program"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

"$program" > "$tmp/said"
diff "$tmp/said" - <<END
100 squares, their sum is 338350
the producer could have made them in 100 ms, but was held back for longer: yes
it was never more than 11 numbers ahead: yes
END
