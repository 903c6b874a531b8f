#!/bin/sh
# fuzz.sh - builds the fuzz targets (x_fuzz.c) with clang's libFuzzer, and runs each for a while.
#
#   scripts/fuzz.sh DIR SECONDS [NAME...]
#
# Each begins with tests/corpus/NAME, where an input stays that once told something.  What a run
# finds of its own goes to DIR/corpus/NAME, for the next run; `DIR/NAME_fuzz -merge=1
# tests/corpus/NAME DIR/corpus/NAME` keeps the best of it.  An input that fails lies in DIR/found.
# Exit status 77 without clang.
# SPDX-License-Identifier: MIT
set -eu
cd "$(dirname "$0")/.."
[ $# -ge 2 ] || { sed -n 's/^#   //p' "$0" >&2; exit 2; }
dir=$1
seconds=$2
shift 2

command -v clang >/dev/null || { echo "fuzz: no clang"; exit 77; }
cmake --preset fuzz -B "$dir" >"$dir.log" 2>&1 || { cat "$dir.log"; exit 1; }
cmake --build "$dir" --target fuzz >"$dir.log" 2>&1 || { cat "$dir.log"; exit 1; }
mkdir -p "$dir/found"

if [ $# -eq 0 ]; then
    for target in "$dir"/*_fuzz; do
        name=${target##*/}
        set -- "$@" "${name%_fuzz}"
    done
fi

# tls needs a certificate; what comes of it is not secret.
if command -v openssl >/dev/null && [ ! -e "$dir/cert.pem" ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 9 \
        -subj /CN=example.org -keyout "$dir/key.tmp" -out "$dir/cert.tmp" 2>"$dir/openssl.log"
    cat "$dir/cert.tmp" "$dir/key.tmp" >"$dir/cert.pem"
fi
export WEFT_FUZZ_CERT="$dir/cert.pem"

failed=
for name; do
    if [ ! -x "$dir/${name}_fuzz" ]; then
        echo "fuzz: $name is not built"
        failed="$failed $name"
        continue
    fi
    mkdir -p "$dir/corpus/$name" "tests/corpus/$name"
    code=0
    "$dir/${name}_fuzz" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -verbosity=1 \
        -print_final_stats=0 -artifact_prefix="$dir/found/$name-" \
        "$dir/corpus/$name" "tests/corpus/$name" >"$dir/$name.log" 2>&1 || code=$?
    if [ "$code" -eq 0 ]; then
        echo "fuzz: $name: $(tail -n 1 "$dir/$name.log")"
    else
        tail -n 60 "$dir/$name.log"
        echo "fuzz: $name FAILED; the input is in $dir/found"
        failed="$failed $name"
    fi
done
[ -z "$failed" ] || { echo "fuzz: failed:$failed"; exit 1; }
