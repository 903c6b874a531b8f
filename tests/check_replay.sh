# check_replay.sh - the string that weft check prints shows the same failure again, and no other.
# SPDX-License-Identifier: MIT
. "$2/tests/check.inc"

for program in lost.c opposite.c; do
    json=$("$weft" check --json $program </dev/null)
    string=$(member replay "$json")
    class=$(member class "$json")
    case $string in
    w1-*) ;;
    *) fail "$program: the string is «$string»" ;;
    esac
    same "$program: replays that are identical" "$(member replays "$json")" \
        "$(member replays_identical "$json")"
    for i in 1 2 3 4 5; do
        again=$("$weft" replay "$string" --json)
        same "$program: status of the replay" 1 $?
        same "$program: class of the replay" "$class" "$(member class "$again")"
    done
    holds "$program: the replay as text" "w1-" "$("$weft" replay "$string")"
done

# What it prints is shown, before the report; options may stand before the string.
sed 's/    assert/    puts("seen"); assert/; 1i #include <stdio.h>' lost.c >prints.c
string=$(member replay "$("$weft" check --json prints.c)")
holds "the program's output" "seen" "$("$weft" replay "$string" 2>&1)"

# A command of its own, a program that is gone.
cp lost.c other.c
"$weft" check --json --no-cache other.c >json
string=$(member replay "$(cat json)")
"$cc" -g opposite.c -o opposite -pthread || exit 1
"$weft" replay "$string" -- ./opposite >text 2>&1
same "status with another program" 0 $?
rm -rf "$WEFT_CACHE"
got=$("$weft" replay "$string" 2>&1)
same "status when the program is gone" 2 $?
holds "when the program is gone" "weft replay STRING -- PROG" "$got"
"$weft" replay "$string" -- other.c >text 2>&1
same "status with the source" 1 $?
holds "the replay of the source" "ASSERTION FAILED" "$(cat text)"
got=$("$weft" replay "$string" -- missing.c 2>&1)
same "status with a source that is missing" 2 $?

# Damage.
for wrong in w1- w1-AAAA w2-AAAA hello "${string}A" "${string%?}" "w1-${string#w1-?}"; do
    got=$("$weft" replay "$wrong" 2>&1)
    same "status of the string $wrong" 2 $?
    holds "the string $wrong" "damaged" "$got"
done
got=$("$weft" replay 2>&1)
same "status without a string" 2 $?
holds "without a string" "no STRING given" "$got"
got=$("$weft" replay "$string" ./opposite 2>&1)
same "status with a program without --" 2 $?
holds "with a program without --" "behind --" "$got"

# Under gdb it stops at each switch.
if command -v gdb >/dev/null; then
    string=$(member replay "$("$weft" check --json opposite.c)")
    printf 'continue\ncontinue\ncontinue\ncontinue\ncontinue\ncontinue\nquit\n' |
        "$weft" replay "$string" --gdb >text 2>&1
    holds "under gdb" "received signal SIGTRAP" "$(cat text)"
    holds "after gdb" "DEADLOCK" "$(cat text)"
fi
finish
