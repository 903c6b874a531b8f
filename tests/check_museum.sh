#!/bin/sh
# check_museum.sh - weft check finds each bug of examples/bugs, and nothing in its corrected twin.
#
#   check_museum.sh BUILD_DIR SOURCE_DIR [night]
#
# Each bug must be found within 100 schedules, with a class that its line "expects:" names.  By day
# with one seed, and 100 schedules for each twin; by night with 20 seeds and 10,000.
# MUSEUM_SEEDS="1 2", MUSEUM_TWIN_SCHEDULES=n, MUSEUM_ONLY=pattern choose something else.
# MUSEUM_TABLE=file receives a line for each run: program, seed, class, schedule, preemptions.
#
# SPDX-License-Identifier: MIT

# As a child of itself (xargs below): one program.  Prints one line for each failure.
if [ "$1" = --one ]; then
    file=$2
    name=${file#"$MUSEUM_ROOT/examples/bugs/"}
    expects=$(sed -n '2,20s/^ \* expects: \([a-z|-]*\)$/\1/p' "$file")

    # The first of the name: the object's own fields come before the lists of findings.
    field() { grep -o "\"$1\":[^,}]*" "$out" | head -n 1 | sed 's/^[^:]*://; s/"//g'; }

    for seed in $MUSEUM_SEEDS; do
        out=$MUSEUM_OUT/$(echo "$name" | tr / -).$seed
        schedules=100
        [ "$expects" != none ] || schedules=$MUSEUM_TWIN_SCHEDULES
        status=0
        "$MUSEUM_WEFT" check --json --seed "$seed" --schedules "$schedules" "$file" \
            >"$out" 2>"$out.err" </dev/null || status=$?
        class=$(field class)
        echo "$name seed $seed: status $status, ${class:-nothing}, schedule $(field schedule) of" \
            "$(field schedules), $(field preemptions) preemptions, $(field seconds) s" \
            >>"$MUSEUM_TABLE"
        case $status:$expects in
        0:none) ;;
        1:none) echo "FAILED: $name seed $seed: $class is reported, and nothing is wrong" ;;
        0:*) echo "FAILED: $name seed $seed: nothing found, it should be $expects" ;;
        1:*)
            case "|$expects|" in
            *"|$class|"*) ;;
            *) echo "FAILED: $name seed $seed: $class, it should be $expects" ;;
            esac
            ;;
        *) echo "FAILED: $name seed $seed: status $status: $(tail -n 1 "$out.err")" ;;
        esac
        [ "$expects" != none ] || break # a twin needs no second seed, but many schedules
    done
    exit 0
fi

amount=${3:-day}
. "$2/tests/command.inc"
if [ -n "${WEFT_SANITIZE:-}" ]; then
    echo "skipped: a sanitized library cannot be put under control"
    exit 77
fi
if [ ! -e "$build/libweft-check.so" ]; then
    echo "skipped: libweft-check.so was not built"
    exit 77
fi
case $amount in
night) seeds="1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20" twin_schedules=10000 ;;
*) seeds=1 twin_schedules=100 ;;
esac
export MUSEUM_ROOT="$source_dir" MUSEUM_WEFT="$weft" MUSEUM_OUT="$work/out"
export MUSEUM_SEEDS="${MUSEUM_SEEDS:-$seeds}" MUSEUM_TABLE="${MUSEUM_TABLE:-$work/table}"
export MUSEUM_TWIN_SCHEDULES="${MUSEUM_TWIN_SCHEDULES:-$twin_schedules}"
mkdir "$MUSEUM_OUT"

find "$source_dir/examples/bugs" -name '*.c' -path "${MUSEUM_ONLY:-*}" | LC_ALL=C sort |
    xargs -P "$(nproc)" -n 1 sh "$source_dir/tests/check_museum.sh" --one >"$work/failures"
cat "$work/failures"
failures=$(grep -c . "$work/failures")
echo "$(grep -c . "$MUSEUM_TABLE") runs, $failures failed"
finish
