#!/bin/sh
# headers.sh - each public header compiles alone, as C99 and as C++11, with every compiler here.
# SPDX-License-Identifier: MIT
set -eu
src=$2
warnings="-Wall -Wextra -Wshadow -Wundef -Wpointer-arith -Wvla -pedantic-errors -Werror"
count=0

cd "$src/include"
for header in *.h weft/*.h weft/unstable/*.h; do
    [ -e "$header" ] || continue
    for compiler in gcc clang; do
        command -v $compiler > /dev/null || continue
        echo "#include <$header>" |
            $compiler -x c -std=c99 -fsyntax-only -Wstrict-prototypes $warnings -I. -
    done
    for compiler in g++ clang++; do
        command -v $compiler > /dev/null || continue
        echo "#include <$header>" |
            $compiler -x c++ -std=c++11 -fsyntax-only $warnings -I. -
    done
    count=$((count + 1))
done
[ $count -gt 0 ]
echo "$count headers"
