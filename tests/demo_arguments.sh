#!/bin/sh
# demo_arguments.sh - what the demo does not understand, it says clearly, with exit status 2.
#
#   demo_arguments.sh BUILD_DIR SOURCE_DIR
#
# SPDX-License-Identifier: MIT
set -eu
demo=$1/weft-demo
[ -x "$demo" ] || { echo "no $demo"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir "$tmp/dir"
echo 'two words' > "$tmp/dir/file"

# refuses PATTERN ARGUMENT...: exit status 2, nothing on stdout, the pattern on stderr.
refuses() {
    pattern=$1
    shift
    status=0
    timeout 60 "$demo" "$@" > "$tmp/stdout" 2> "$tmp/stderr" || status=$?
    if [ $status -ne 2 ] || [ -s "$tmp/stdout" ] || ! grep -q "$pattern" "$tmp/stderr"; then
        echo "FAILED: weft-demo $*: exit status $status, not 2 with: $pattern"
        cat "$tmp/stdout" "$tmp/stderr"
        exit 1
    fi
}

refuses 'nowhere: No such file or directory' "$tmp/nowhere"
refuses 'file: Not a directory' "$tmp/dir/file"
refuses 'is empty' ''
refuses 'one DIR is enough' "$tmp/dir" "$tmp/dir"
refuses '\-\-help' --what "$tmp/dir"
refuses '\-\-help' "$tmp/dir" --strategy
refuses 'no strategy is called that' --strategy magic "$tmp/dir"
for workers in 0 -1 1025 four 4x '' 99999999999999999999; do
    refuses 'from 1 to 1024' --workers "$workers" "$tmp/dir"
done
refuses 'nowhere/answers: No such file' --answers "$tmp/nowhere/answers" "$tmp/dir"

"$demo" --help > "$tmp/stdout" 2> "$tmp/stderr"
grep -q '^usage: weft-demo' "$tmp/stdout" && [ ! -s "$tmp/stderr" ]

# A slash too many changes no path; an option may come after the directory.
"$demo" "$tmp/dir//" --strategy sequential --answers "$tmp/answers" > "$tmp/stdout"
grep -q "  10 2 $tmp/dir/file\$" "$tmp/answers"
grep -q '^identical: yes (1 files, 10 bytes, 1 strategies)$' "$tmp/stdout"

status=0
"$demo" "$tmp/dir" > /dev/full 2> "$tmp/stderr" || status=$?
[ $status -eq 2 ] && grep -q 'standard output' "$tmp/stderr"
echo 'all refused'
