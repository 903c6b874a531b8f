#!/bin/sh
# check_debian.sh - programs of Debian, as they are, run under control and do their work.
#
#   check_debian.sh BUILD_DIR SOURCE_DIR
#
# Each packs a file with several threads, under a few schedules: nothing may be found, and what the
# last schedule wrote must unpack to what was packed.  The schedules write one and the same file, so
# they run one after the other, and are given the time to end: one that is cut short leaves half.
# SPDX-License-Identifier: MIT
set -eu
build=$1 source=$2
weft=$build/weft
[ -e "$build/libweft-check.so" ] || { echo 'no libweft-check.so in this build'; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# Text that packs well, larger than one block of any of them when told to use small blocks.
cat "$source"/src/core/*.c "$source"/src/core/*.h > "$tmp/text"

# packs SUFFIX UNPACK... -- PACK...
packs() {
    suffix=$1 unpack=$2
    shift 3
    command -v "$1" > /dev/null || { echo "no $1: skipped"; return 0; }
    rm -f "$tmp"/text.*
    "$weft" check --json --jobs 1 --schedules "${SCHEDULES:-4}" --time 500 "$@" "$tmp/text" \
        > "$tmp/json" || {
        echo "FAILED: $1: exit status $?"
        cat "$tmp/json"
        exit 1
    }
    grep -q '"verdict":"nothing found"' "$tmp/json"
    $unpack < "$tmp/text.$suffix" | cmp - "$tmp/text" || {
        echo "FAILED: $1: what it packed is not what was given"
        exit 1
    }
    echo "$1: $(grep -o "\"behaviours\":[0-9]*" "$tmp/json")"
}

packs gz 'gzip -dc' -- pigz -p 3 -b 128 -k -f
packs zst 'zstd -dcq' -- zstd -q -T3 -B512K -k -f
packs xz 'xz -dc' -- xz -T 3 --block-size=128KiB -k -f
packs lz 'plzip -dc' -- plzip -n 3 -B 128KiB -k -f
packs bz2 'bzip2 -dc' -- pbzip2 -q -p3 -b1 -k -f
