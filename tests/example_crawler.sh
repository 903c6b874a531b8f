#!/bin/sh
# example_crawler.sh - examples/crawler.c visits each page of a small web once, at its rate.
#
#   example_crawler.sh BUILD_DIR SOURCE_DIR
#
# SPDX-License-Identifier: MIT
set -eu
program=$1/examples/crawler
[ -x "$program" ] || { echo "no $program"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# page NAME LINK…
page()
{
    name=$1
    shift
    printf '<p>this is %s\n' "$name" > "$tmp/$name.html"
    for link; do
        printf '<a href="%s.html">\n' "$link" >> "$tmp/$name.html"
    done
}

page index warp weft
page warp loom yarn index nowhere
page weft shuttle yarn
page loom loom
page yarn wool flax
page shuttle
page wool
page flax index
page unlinked index

"$program" "$tmp" > "$tmp/said"
diff "$tmp/said" - <<END
9 pages, politely: yes
flax.html: 38 bytes
index.html: 59 bytes
loom.html: 37 bytes
nowhere.html: -2 ENOENT: no such file or directory
shuttle.html: 19 bytes
warp.html: 104 bytes
weft.html: 61 bytes
wool.html: 16 bytes
yarn.html: 58 bytes
END
