#!/bin/sh
# night.sh - what takes too long by day: races in the millions, models with larger bounds.
#
#   scripts/night.sh [PRESET...]      (make night)
#
# Goes on after a failure, so that a morning shows all of them; the exit status tells of any.
# SPDX-License-Identifier: MIT
set -eu
cd "$(dirname "$0")/.."

[ $# -gt 0 ] || set -- rel tsan
export CMAKE_BUILD_PARALLEL_LEVEL="${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}"
export TSAN_OPTIONS="halt_on_error=1:second_deadlock_stack=1:suppressions=$PWD/tests/tsan.supp"
failed=

# note WHAT STATUS: remembers what went wrong.
note() {
    [ "$2" -eq 0 ] || failed="$failed $1"
}

for preset; do
    if [ "$preset" = rel ]; then dir=build; else dir=build/$preset; fi
    cmake --preset "$preset" -DWEFT_WERROR=ON
    cmake --build "$dir"
    echo "== $preset: all tests, those of the night too"
    case $preset in tsan* | asan*) factor=6 ;; *) factor=1 ;; esac
    code=0
    TEST_TIMEOUT=$factor "$dir/test-weft" --night || code=$?
    note "$preset:test-weft" "$code"
done

# soak DIR SECONDS [WORKERS [CPUS [PLAYS]]]: all primitives mixed, from a seed of its own.
soak() {
    [ -x "$1/soak" ] || cmake --build "$1" --target soak
    seed=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
    echo "== $1/soak $2 $seed ${3:-} ${5:-}${4:+ on CPUs $4}"
    case $1 in *tsan* | *asan*) factor=6 ;; *) factor=1 ;; esac
    code=0
    ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=0 \
        UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 TEST_TIMEOUT=$factor \
        ${4:+taskset -c "$4"} "$1/soak" "$2" "$seed" "${3:-0}" "${5:-}" || code=$?
    note "$1/soak $2 $seed ${3:-} ${5:-}" "$code"
}

# Ten minutes in all: what is shipped, what checks itself, and what the sanitizers see.
for preset in dev asan tsan; do
    cmake --preset "$preset" -DWEFT_WERROR=ON
    cmake --build "build/$preset" --target soak
done
soak build 120
soak build 60 4 0,1
soak build/dev 120
soak build/asan 120
soak build/tsan 120
soak build/tsan 60 4 0,1

# Ten more of the outside world alone.
for io in auto epoll; do
    export WEFT_IO=$io
    soak build 60 0 '' net_
    soak build/dev 60 0 '' net_
    soak build/asan 60 0 '' net_
    soak build/tsan 60 0 '' net_
    soak build/tsan 60 4 0,1 net_
done
unset WEFT_IO

echo "== http_attack"
code=0
sh "$PWD/tests/http_attack.sh" "$PWD/build" "$PWD" 300 || code=$?
[ "$code" -eq 77 ] || note http_attack "$code"

echo "== fuzz"
code=0
scripts/fuzz.sh "$PWD/build/fuzz" 120 || code=$?
[ "$code" -eq 77 ] || note fuzz "$code"

# Once is enough: a model's atomics are played, not executed.
for model in build/models/*_model build/models/*_model_check; do
    [ -x "$model" ] || continue
    echo "== $model --night"
    code=0
    "$model" --night || code=$?
    note "$model" "$code"
done

echo "== museum --night"
code=0
sh "$PWD/tests/check_museum.sh" "$PWD/build" "$PWD" night || code=$?
[ "$code" -eq 77 ] || note museum "$code"

if [ -n "$failed" ]; then
    echo "night: failed:$failed"
    exit 1
fi
echo "night: all passed"
