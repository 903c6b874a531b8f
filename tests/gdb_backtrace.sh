#!/bin/sh
# gdb_backtrace.sh - gdb's bt ends cleanly at a context's entry, and walks a parked context.
#
# Usage: gdb_backtrace.sh BUILD_DIR SOURCE_DIR
#
# Stops in trace_leaf of src/arch/ctx_test.c, which runs in a context of its own while the test's
# own stack is parked.  Skipped (77) without gdb, or where tracing is not allowed.  gdb takes a
# name with two underscores and no debug information for Ada: it writes weft.ctx_start.
# SPDX-License-Identifier: MIT
set -eu
build=$1

command -v gdb >/dev/null 2>&1 || { echo "skipped: no gdb"; exit 77; }

# The test's own patience does not know how slow gdb is.
out=$(TEST_TIMEOUT=20 ASAN_OPTIONS=detect_leaks=0 gdb -nx -batch -iex 'set debuginfod enabled off' \
    -ex 'set follow-fork-mode child' \
    -ex 'set width 0' -ex 'set confirm off' -ex 'break trace_leaf' -ex 'run' \
    -ex 'echo == running\n' -ex 'bt' \
    -ex 'echo == parked\n' -ex 'set $parked = (unsigned long)trace_parked->sp' \
    -ex 'set $sp = $parked' -ex 'set $pc = (unsigned long)&weft__ctx_resumed' -ex 'bt' \
    -ex 'echo == end\n' -ex 'kill' \
    --args "$build/test-weft" --run ctx_backtrace 2>&1) || true

fail() {
    echo "$out"
    echo "gdb_backtrace: $1"
    exit 1
}

case $out in
*"Operation not permitted"* | *"ptrace: "*) echo "skipped: may not trace"; exit 77 ;;
*weft__ctx_resumed*"in current context"*) echo "skipped: no context of our own"; exit 77 ;;
esac

running=$(printf '%s\n' "$out" | sed -n '/^== running/,/^== parked/p' | grep '^#' | head -20)
parked=$(printf '%s\n' "$out" | sed -n '/^== parked/,/^== end/p' | grep '^#')

case $out in
*orrupt* | *"Backtrace stopped"* | *"previous frame"*) fail "gdb complains" ;;
esac
for name in trace_leaf trace_middle trace_entry ctx_start; do
    case $running in
    *$name*) ;;
    *) fail "bt in a context does not show $name" ;;
    esac
done
case $(printf '%s\n' "$running" | grep -v '^#0\|trace_' | head -1) in
*weft?*ctx_start*) ;;
*) fail "bt in a context does not end at its entry" ;;
esac
for name in side_switch test_body_ctx_backtrace main; do
    case $parked in
    *$name*) ;;
    *) fail "bt of a parked context does not show $name" ;;
    esac
done
echo "$running"
