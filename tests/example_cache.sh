#!/bin/sh
# example_cache.sh - examples/cache.c computes each of 25 answers once, however often it is asked.
#
#   example_cache.sh BUILD_DIR SOURCE_DIR
#
# SPDX-License-Identifier: MIT
set -eu
program=$1/examples/cache
[ -x "$program" ] || { echo "no $program"; exit 77; }

[ "$("$program")" = '1600 questions, 25 computations, 0 wrong answers' ]
