#!/bin/sh
# example_agents.sh - examples/agents.c ends in the one possible state, on grids of all sizes.
#
#   example_agents.sh BUILD_DIR SOURCE_DIR
#
# Under a sanitizer the grid is small: a task's stack takes a thread's number of ThreadSanitizer's.
#
# SPDX-License-Identifier: MIT
set -eu
program=$1/examples/agents
[ -x "$program" ] || { echo "no $program"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# says FIRST-LINE ARG…
says()
{
    wanted=$1
    shift
    "$program" "$@" > "$tmp/said"
    diff "$tmp/said" - <<END
$wanted
a plain loop finds the same: yes
END
}

says '1 agents, 5 rounds: 00000000' 1 1
says '6 agents, 5 rounds: 5e477d93' 2 3
says '2000 agents, 5 rounds: 05a95696' 40 50
if [ -z "${WEFT_SANITIZE:-}" ]; then
    says '100000 agents, 5 rounds: e5e490d3'
fi
