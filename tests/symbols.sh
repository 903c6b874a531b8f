#!/bin/sh
# symbols.sh - what the libraries show of themselves: their exports, names, stack's flags.
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
theirs='^(__asan_|__odr_asan|__tsan_|__ubsan_|__gcov_|_GLOBAL__|DW\.ref\.|WEFT_([A-Z]*_)?[0-9])'

exports_of() {
    nm -D --defined-only "$1" | awk '{print $NF}' | sed 's/@.*//' | grep -Ev "$theirs" | sort -u
}

# Each WEFT_API declaration up to its semicolon; the function's name is the first before a bracket.
promises_of() {
    cat "$@" | sed 's/^#.*//' | tr '\n' ' ' | tr ';' '\n' | grep -w WEFT_API |
        sed 's/.*WEFT_API//; s/WEFT_PRINTF *([^)]*)//' | grep -o 'weft_[a-z0-9_]* *(.*' |
        sed 's/ *(.*//' | sort -u
}

exported=$(exports_of "$build/libweft.so")
[ -n "$exported" ] || fail "libweft.so exports nothing"
for name in $exported; do
    case $name in
    weft__control_set) ;; # for libweft-check.so, which finds it by its name
    weft__*) fail "libweft.so exports $name, which is internal" ;;
    weft_*) grep -rqw "$name" "$src/include" || fail "no public header declares $name" ;;
    *) fail "libweft.so exports $name, which is not ours to name" ;;
    esac
done

companions="http tls"
headers=$(ls "$src"/include/*.h "$src"/include/weft/*.h)
for name in $companions; do
    headers=$(echo "$headers" | grep -v "/weft/$name\.h$")
done
promised=$(promises_of $headers)
for name in $promised; do
    echo "$exported" | grep -qx "$name" || fail "$name is promised in a header, but not exported"
done

# A companion exports what its header promises, no more and no less.
for name in $companions; do
    [ -e "$build/libweft-$name.so" ] || continue
    promised=$(promises_of "$src/include/weft/$name.h")
    [ "$(exports_of "$build/libweft-$name.so")" = "$promised" ] ||
        fail "libweft-$name.so exports other things than weft/$name.h promises"
    strangers=$(nm -g --defined-only "$build/libweft-$name.a" | awk 'NF == 3 {print $3}' |
        grep -Ev "$theirs" | grep -v '^weft_' | sort -u) || true
    [ -z "$strangers" ] || fail "libweft-$name.a has names outside weft_:" $strangers
done

# In the objects every name that is not static is weft_ or weft__.
strangers=$(nm -g --defined-only "$build/libweft.a" | awk 'NF == 3 {print $3}' |
    grep -Ev "$theirs" | grep -v '^weft_' | sort -u) || true
[ -z "$strangers" ] || fail "libweft.a has names outside weft_:" $strangers

# No executable stack, in the library and in all programs.
for file in "$build"/libweft*.so "$build/weft" "$build/weft-demo" "$build/test-weft"; do
    [ -e "$file" ] || continue
    flags=$(readelf -lW "$file" | awk '/GNU_STACK/ {print $7}')
    [ "$flags" = RW ] || fail "$file: the stack is ${flags:-not marked}, not RW"
done

# Everything is bound at start: no lazy binding in the middle of a switch of stacks.
readelf -dW "$build/libweft.so" | grep -q 'BIND_NOW\|FLAGS_1.*NOW' || fail "libweft.so binds lazily"
exit $status
