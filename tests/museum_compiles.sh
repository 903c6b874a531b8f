#!/bin/sh
# museum_compiles.sh - every program of examples/bugs compiles without a warning, and has its twin.
#
#   museum_compiles.sh BUILD_DIR SOURCE_DIR      the compiler in CC
#
# SPDX-License-Identifier: MIT
set -u
source_dir=$2
compiler=${CC:-cc}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0

fail()
{
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# expects FILE: the words of its line "expects:", parted by |.
expects()
{
    sed -n '2,20s/^ \* expects: \([a-z|-]*\)$/\1/p' "$1"
}

known=$(sed -n 's/^ *X([A-Z_]*, "\([a-z-]*\)",.*/\1/p' "$source_dir/src/check/plan.h")
bugs=0
for bug in "$source_dir"/examples/bugs/*/*.c; do
    case $bug in
    *_fixed.c)
        [ -f "${bug%_fixed.c}.c" ] || fail "$bug: a correction without its bug"
        [ "$(expects "$bug")" = none ] || fail "$bug: should say 'expects: none'"
        continue
        ;;
    esac
    bugs=$((bugs + 1))
    [ -f "${bug%.c}_fixed.c" ] || fail "$bug: no corrected twin"
    words=$(expects "$bug" | tr '|' ' ')
    [ -n "$words" ] || fail "$bug: no line 'expects: CLASS'"
    for word in $words; do
        echo "$known" | grep -qx -e "$word" || fail "$bug: there is no class $word"
    done
done
[ $bugs -ge 44 ] || fail "only $bugs bugs"

# One call for each half: objects of the same name must not meet.
for half in "$source_dir"/examples/bugs/*/; do
    mkdir -p "$work/$half" && cd "$work/$half" || exit 1
    "$compiler" -std=gnu11 -O1 -g -c -pthread -I "$source_dir/include" -Werror -Wall -Wextra \
        -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wpointer-arith -Wvla \
        -Wimplicit-fallthrough "$half"*.c || fail "$half does not compile without warnings"
done
[ $failures -eq 0 ] || exit 1
echo "$bugs bugs and their twins compile"
