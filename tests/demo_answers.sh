#!/bin/sh
# demo_answers.sh - each strategy of the demo says what sha256sum and wc say, whatever the files.
#
#   demo_answers.sh BUILD_DIR SOURCE_DIR
#
# The tree holds what has broken such programs before: empty files, every size around the edges of a
# block and of a piece, 100 MB, names with spaces, newlines, backslashes and bytes that are not
# UTF-8, a FIFO, links in a circle, deep directories, and a file and a directory that it must not
# read.
# SPDX-License-Identifier: MIT
set -eu
umask 022
LC_ALL=C
export LC_ALL

[ -x "$1/weft-demo" ] || { echo "no $1/weft-demo"; exit 77; }
tmp=$(mktemp -d)
trap 'chmod -R u+rwx "$tmp"; rm -rf "$tmp"' EXIT
tree=$tmp/tree
mkdir -m 777 "$tree" "$tmp/out"
chmod 755 "$tmp"

# Root may read everything; nobody may not, and gets a copy of the program where it can reach it.
demo=$tmp/weft-demo
cp "$1/weft-demo" "$demo"
as_other=
secrets=yes
if [ "$(id -u)" -eq 0 ]; then
    as_other='setpriv --reuid=65534 --regid=65534 --clear-groups'
    $as_other test -x "$demo" 2> "$tmp/setpriv.err" || { as_other=; secrets=; }
fi

fail() {
    echo "FAILED: $*"
    cat "$tmp/out/report" 2> /dev/null || true
    exit 1
}

# Runs the demo on the tree; what it prints goes to out/report, its exit status to $status.
run_demo() {
    status=0
    timeout 500 $as_other "$demo" "$@" "$tree" > "$tmp/out/report" 2>&1 || status=$?
}

# ---- the tree

: > "$tree/empty"
mkdir -p "$tree/empty dir" "$tree/sub dir/ two  spaces "
i=0
while [ $i -le 130 ]; do # every length around one block of SHA-256 and two
    head -c $i "$demo" > "$tree/size-$i"
    i=$((i + 1))
done
for size in 131071 131072 131073 262144 1000000; do # around the pieces in which files are read
    yes 'a word, and others' | head -c $size > "$tree/text-$size"
done
size=100000000
[ "${WEFT_SANITIZE:-}" != thread ] || size=10000000 # a tenth of it takes as long there
yes 'the quick brown fox  jumps over the lazy dog' | head -c $size > "$tree/100 MB"
cp "$demo" "$tree/binary"
printf 'one\v two\f three\r\n\tfour\001 \377 \033[m  five' > "$tree/odd white space"
printf 'x y' > "$tree/sub dir/ two  spaces /a name with spaces "
printf 'new line' > "$tree/$(printf 'new\nline')"
printf 'back slash' > "$tree/back\\slash\\n"
printf 'carriage return' > "$tree/$(printf 'carriage\rreturn')"
printf 'not utf eight' > "$tree/$(printf 'latin-\344\366\374-\377')"
printf 'a dash' > "$tree/-n"
printf 'hidden' > "$tree/.hidden"
printf 'quotes' > "$tree/'single' \"double\" \$dollar \`tick\`"
deep=$tree
for level in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    deep=$deep/a/directory/in/level/$level
done
mkdir -p "$deep"
echo 'down here' > "$deep/deep file"
mkfifo "$tree/fifo"
ln -s loop-b "$tree/loop-a"
ln -s loop-a "$tree/loop-b"
ln -s .. "$tree/sub dir/up"
ln -s nowhere "$tree/broken"
ln -s empty "$tree/link to a file"

# ---- what is to be expected: a line for each file, in the order of the paths' bytes

find "$tree" -type f -print0 | sort -z > "$tmp/files"
xargs -0 sha256sum < "$tmp/files" > "$tmp/sums"
words='wc -w'
# Later versions of wc count bytes that do not print as words; see demo/README.md.
[ "$(printf '\001' | wc -w)" -eq 0 ] || words='tr -d "\000-\010\016-\037\177-\377" | wc -w'
xargs -0 sh -c 'for f; do echo "$(wc -c < "$f") $(cat "$f" | '"$words"')"; done' sh \
    < "$tmp/files" > "$tmp/counts"
files=$(wc -l < "$tmp/sums")
bytes=$(awk '{ sum += $1 } END { printf "%d", sum }' "$tmp/counts")
[ "$(wc -l < "$tmp/counts")" -eq "$files" ] || fail 'the test itself lost count'

unreadable=0
if [ -n "$secrets" ]; then
    echo secret > "$tree/secret file"
    mkdir "$tree/secret dir"
    echo secret > "$tree/secret dir/inside"
    chmod 000 "$tree/secret file" "$tree/secret dir"
    unreadable=2
else
    echo 'SKIPPED: unreadable files (this is root, and cannot be anybody else)'
fi

# ---- each strategy alone, then all

check_answers() {
    [ "$status" -eq 0 ] || fail "$1: exit status $status"
    sed -E 's/^(\\?[0-9a-f]{64})  [0-9]+ [0-9]+ /\1  /' "$tmp/out/answers" > "$tmp/out/sums"
    sed -E 's/^\\?[0-9a-f]{64}  ([0-9]+ [0-9]+) .*/\1/' "$tmp/out/answers" > "$tmp/out/counts"
    cmp "$tmp/sums" "$tmp/out/sums" || fail "$1: not what sha256sum says"
    cmp "$tmp/counts" "$tmp/out/counts" || fail "$1: not what wc says"
    last=$(tail -n 1 "$tmp/out/report")
    [ "$last" = "identical: yes ($files files, $bytes bytes, $2 strategies)" ] || fail "$1: $last"
    [ $unreadable -eq 0 ] && return
    grep -q '^could not be read: 2$' "$tmp/out/report" || fail "$1: unreadable files not counted"
    for secret in dir file; do
        grep -q "secret $secret: ." "$tmp/out/report" || fail "$1: the secret $secret is not named"
    done
}

names=$("$demo" --help | sed -n 's/.*more than once: *//p' | tr -d ',')
count=0
for name in $names; do
    count=$((count + 1))
    run_demo --strategy "$name" --answers "$tmp/out/answers"
    check_answers "$name" 1
done
[ $count -ge 4 ] || fail "--help names only: $names"
run_demo --answers "$tmp/out/answers" --workers 3
check_answers 'all together' $count
run_demo --json
[ "$status" -eq 0 ] || fail "--json: exit status $status"
grep -q "\"files\":$files,\"bytes\":$bytes,.*\"identical\":true}\$" "$tmp/out/report" ||
    fail '--json'
[ "$(grep -o '"speedup":[0-9.]*,"efficiency":[0-9.]*}' "$tmp/out/report" | wc -l)" -eq $count ] ||
    fail '--json: a speed-up and an efficiency for each strategy'
cat "$tmp/out/report"

# ---- directories with nothing in them, with too much of depth, and with files that never stay

tree=$tmp/nothing
mkdir "$tree"
run_demo
grep -q "^identical: yes (0 files, 0 bytes, $count strategies)\$" "$tmp/out/report" || fail 'empty'

i=0
while [ $i -lt 150 ]; do
    mkdir "$tree/d"
    cd "$tree/d"
    tree=.
    i=$((i + 1))
done
cd "$tmp"
tree=$tmp/nothing
: > "$tree/shallow"
run_demo
grep -q "^identical: yes (1 files, 0 bytes, $count strategies)\$" "$tmp/out/report" || fail 'depth'
grep -q '^could not be read: 1$' "$tmp/out/report" || fail 'the directory too deep is not counted'

tree=/proc/sys/kernel/random
if [ -r $tree/uuid ]; then # another one at each reading: no two strategies can agree
    run_demo
    [ "$status" -eq 1 ] || fail "files that change: exit status $status"
    tail -n 1 "$tmp/out/report" | grep -q '^identical: no (.*/uuid: .* differ in sha256)$' ||
        fail 'files that change'
fi
echo "$files files, $bytes bytes, $count strategies"
