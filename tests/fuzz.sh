#!/bin/sh
# fuzz.sh - a short slice of each fuzz target, from its corpus on; scripts/night.sh runs more.
#
#   fuzz.sh BUILD_DIR SOURCE_DIR
#
# SPDX-License-Identifier: MIT
set -eu
exec sh "$2/scripts/fuzz.sh" "$1/fuzz" 1
