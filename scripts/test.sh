#!/bin/sh
# test.sh - builds every preset and runs every test of all of them in one ctest.
#
#   scripts/test.sh [PRESET...]      (make test)
#
# ctest prints the last lines: one count over both compilers, the sanitizers and aarch64.
# SPDX-License-Identifier: MIT
set -eu
cd "$(dirname "$0")/.."

[ $# -gt 0 ] || set -- rel dev-clang asan tsan aarch64
export CMAKE_BUILD_PARALLEL_LEVEL="${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}"

# Its findings are worth seeing before the long build; it counts as the test `tidy` later.
python3 scripts/tidy.py || true

binary_dir() {
    if [ "$1" = rel ]; then echo build; else echo "build/$1"; fi
}

mkdir -p build/all
: > build/all/CTestTestfile.cmake
for preset; do
    echo "== $preset"
    dir=$(binary_dir "$preset")
    cmake --preset "$preset" -DWEFT_WERROR=ON > "build/all/$preset.log" 2>&1 || {
        cat "build/all/$preset.log"
        exit 1
    }
    cmake --build "$dir"
    if [ "$preset" = rel ]; then
        cmake --build "$dir" --target all_verify_interface_header_sets
    fi
    echo "subdirs(\"$PWD/$dir\")" >> build/all/CTestTestfile.cmake
done

# One more than there are CPUs, since some tests wait for the disk or for time.
exec ctest --test-dir build/all --parallel $(($(nproc) + 1)) --output-on-failure --no-label-summary
