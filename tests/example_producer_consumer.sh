#!/bin/sh
# example_producer_consumer.sh - examples/producer_consumer.c hands all over, in three ways.
#
#   example_producer_consumer.sh BUILD_DIR SOURCE_DIR
#
# SPDX-License-Identifier: MIT
set -eu
program=$1/examples/producer_consumer
[ -x "$program" ] || { echo "no $program"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

"$program" > "$tmp/said"
diff "$tmp/said" - <<'END'
a channel:              the items' sum is 5050
a mutex and conditions: the items' sum is 5050
two semaphores:         the items' sum is 5050
END
