#!/bin/sh
# example_check.sh - weft check finds nothing in the examples, and each is short.
#
#   example_check.sh BUILD_DIR SOURCE_DIR
#
# Those that would take long get a small size as argument, or few schedules.  Not among them:
# seeker, which starts more tasks than a schedule may have, philosophers, whose thousand equal
# meals are taken for a livelock, and servers, which do not end.
#
# SPDX-License-Identifier: MIT
. "$2/tests/command.inc"
if [ ! -e "$build/libweft-check.so" ]; then
    echo "skipped: libweft-check.so was not built (a sanitizer, or another machine)"
    exit 77
fi

# clean SCHEDULES EXAMPLE ARG…
clean()
{
    schedules=$1
    name=$2
    shift 2
    "$weft" check --schedules "$schedules" "$source_dir/examples/$name.c" "$@" >said 2>&1 </dev/null
    status=$?
    [ $status -eq 0 ] || { fail "$name: status $status"; cat said; }
}

clean 200 hello
clean 200 pipeline
clean 200 producer_consumer
clean 200 workerpool
clean 200 timeout
clean 200 corridors
clean 200 agents 2 2
clean 100 collatz 40
clean 100 resize
clean 200 futures
clean 50 cache
clean 20 bank
mkdir web
printf '<a href="warp.html"><a href="weft.html">' >web/index.html
printf '<a href="weft.html"><a href="nowhere.html">' >web/warp.html
: >web/weft.html
clean 200 crawler "$work/web"
clean 200 files200 web/index.html web/warp.html web/weft.html

for file in "$source_dir"/examples/*.c; do
    name=$(basename "$file" .c)
    case $name in
    redis) lines=280 ;;
    fetch) lines=165 ;;
    chat | portscan) lines=150 ;;
    *) lines=100 ;;
    esac
    [ "$(wc -l <"$file")" -le $lines ] || fail "$file has more than $lines lines"
    [ -e "$source_dir/tests/example_$name.sh" ] || fail "there is no tests/example_$name.sh"
    grep -q "]($name.c)" "$source_dir/examples/README.md" || fail "README.md does not list $name.c"
done
finish
