#!/bin/sh
# symbols.sh - what the library shows of itself: its exports, its names, its stack's flag.
# SPDX-License-Identifier: MIT
set -eu
build=$1
src=$2
status=0

fail() {
    echo "symbols: $*"
    status=1
}

# Names of other people's making: the sanitizers', gcov's, the linker's.
theirs='^(__asan_|__odr_asan|__tsan_|__ubsan_|__gcov_|_GLOBAL__|DW\.ref\.|WEFT_[0-9])'

exported=$(nm -D --defined-only "$build/libweft.so" | awk '{print $NF}' | sed 's/@.*//' |
    grep -Ev "$theirs" | sort -u)
[ -n "$exported" ] || fail "libweft.so exports nothing"
for name in $exported; do
    case $name in
    weft__control_set) ;; # for libweft-check.so, which finds it by its name
    weft__*) fail "libweft.so exports $name, which is internal" ;;
    weft_*) grep -rqw "$name" "$src/include" || fail "no public header declares $name" ;;
    *) fail "libweft.so exports $name, which is not ours to name" ;;
    esac
done

# Each WEFT_API declaration up to its semicolon; the function's name is the first before a bracket.
promised=$(cat "$src"/include/*.h "$src"/include/weft/*.h | sed 's/^#.*//' | tr '\n' ' ' |
    tr ';' '\n' | grep -w WEFT_API | sed 's/.*WEFT_API//; s/WEFT_PRINTF *([^)]*)//' |
    grep -o 'weft_[a-z0-9_]* *(.*' | sed 's/ *(.*//' | sort -u)
for name in $promised; do
    echo "$exported" | grep -qx "$name" || fail "$name is promised in a header, but not exported"
done

# In the objects every name that is not static is weft_ or weft__.
strangers=$(nm -g --defined-only "$build/libweft.a" | awk 'NF == 3 {print $3}' |
    grep -Ev "$theirs" | grep -v '^weft_' | sort -u) || true
[ -z "$strangers" ] || fail "libweft.a has names outside weft_:" $strangers

# No executable stack, in the library and in all programs.
for file in "$build/libweft.so" "$build/weft" "$build/weft-demo" "$build/test-weft"; do
    [ -e "$file" ] || continue
    flags=$(readelf -lW "$file" | awk '/GNU_STACK/ {print $7}')
    [ "$flags" = RW ] || fail "$file: the stack is ${flags:-not marked}, not RW"
done

# Everything is bound at start: no lazy binding in the middle of a switch of stacks.
readelf -dW "$build/libweft.so" | grep -q 'BIND_NOW\|FLAGS_1.*NOW' || fail "libweft.so binds lazily"
exit $status
