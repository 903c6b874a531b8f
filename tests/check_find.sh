# check_find.sh - weft check finds what is there, in sources and in programs, and nothing else.
# SPDX-License-Identifier: MIT
. "$2/tests/check.inc"

# found WANTED-CLASS PREEMPTIONS ARG…: by every seed, and shrunk.
found()
{
    wanted=$1
    preemptions=$2
    shift 2
    for seed in 1 2 3; do
        json=$("$weft" check --json --seed $seed --schedules 2000 "$@" </dev/null)
        same "status of $*" 1 $?
        same "verdict of $*" found "$(member verdict "$json")"
        same "class of $*" "$wanted" "$(member class "$json")"
        same "preemptions of $*" "$preemptions" "$(member preemptions "$json")"
        same "lines of $*" 1 "$(printf '%s\n' "$json" | wc -l | tr -d ' ')"
        [ "$(member schedule "$json")" -le 200 ] || fail "$*: only at $(member schedule "$json")"
    done
}

found assertion 1 lost.c
found deadlock 1 opposite.c
found deadlock 1 -O 2 opposite.c

"$cc" -g -O1 opposite.c -o opposite -pthread || exit 1
found deadlock 1 ./opposite
PATH="$PATH:$work" found deadlock 1 opposite

# Nothing, and each schedule was run.
json=$("$weft" check --json --schedules 500 kept.c </dev/null)
same "status of kept.c" 0 $?
same "verdict of kept.c" "nothing found" "$(member verdict "$json")"
same "class of kept.c" none "$(member class "$json")"
same "schedules of kept.c" 500 "$(member schedules "$json")"
same "replay of kept.c" "" "$(member replay "$json")"
same "preemptions of kept.c" -1 "$(member preemptions "$json")"

# The same seed finds the same, however many jobs there are.
one=$("$weft" check --json --seed 7 --jobs 1 opposite.c | grep -o '"schedule":[0-9]*')
four=$("$weft" check --json --seed 7 --jobs 4 opposite.c | grep -o '"schedule":[0-9]*')
same "the schedule found by one job and by four" "$one" "$four"

# Arguments reach the program, stdin each of its schedules, anew; its output nobody.
cat >reads.c <<'END'
#include <pthread.h>
#include <stdio.h>
#include <string.h>
static void *nothing(void *arg)
{
    return arg;
}
int main(int argc, char **argv)
{
    char line[100] = "";
    pthread_t t;
    pthread_create(&t, NULL, nothing, NULL);
    pthread_join(t, NULL);
    printf("noise\n");
    fprintf(stderr, "noise\n");
    if (argc != 3 || strcmp(argv[1], "-x") != 0 || strcmp(argv[2], "two words") != 0)
        return 3;
    return fgets(line, sizeof line, stdin) && strcmp(line, "in\n") == 0 ? 0 : 4;
}
END
echo in >input
for way in pipe file; do
    case $way in
    pipe) text=$(cat input | "$weft" check --schedules 50 reads.c -x "two words" 2>&1) ;;
    file) text=$("$weft" check --schedules 50 reads.c -x "two words" 2>&1 <input) ;;
    esac
    same "status with stdin from a $way" 0 $?
    holds "stdin from a $way" "nothing found" "$text"
    case $text in
    *noise*) fail "what the program prints is shown" ;;
    esac
done
"$weft" check --schedules 50 reads.c -x "two words" </dev/null >text
same "status without input" 1 $?
holds "what is said without input" "status 4" "$(cat text)"

# Several sources, one of them C++ if there is a compiler for it; a library of the compiler's.
echo 'int one(void) { return 1; }' >one.c
printf '#include <math.h>\nint one(void);\nint main(int c, char **v) {\n'\
'(void)v; return one() + (int)sqrt(c) == 2 ? 0 : 1; }\n' >two.c
"$weft" check --schedules 20 two.c one.c >text
same "status of two sources" 0 $?
"$weft" check --schedules 20 two.c one.c -- one.c x y >text
same "status of two sources with arguments" 1 $?

# Time, and Ctrl-C, end it with what was found so far.  How long ten schedules take, only the
# machine knows.
for seconds in 0.3 3 30; do
    json=$("$weft" check --json --time $seconds --schedules 1000000000 kept.c 2>said)
    status=$?
    [ $status -ne 0 ] || [ "$(member schedules "$json")" -le 10 ] || break
    [ $status -ne 2 ] || grep -q 'no schedule of it ended in time' said || break
done
same "status after its time: $(cat said)" 0 $status
[ "$(member schedules "$json")" -gt 10 ] || fail "after $seconds s: $(member schedules "$json")"
"$weft" check --json --schedules 1000000000 --time 500 kept.c >json &
pid=$!
started() { pgrep -P $pid kept >/dev/null; }
ended() { ! kill -0 $pid 2>/dev/null || [ -s json ]; }
await "the program under control" started
kill -INT $pid # once: a second one would end it as usual
await "the end after SIGINT" ended
wait $pid
same "status after SIGINT" 0 $?
same "verdict after SIGINT" "nothing found" "$(member verdict "$(cat json)")"

# The page and the file for CI systems.
"$weft" check --html page.html --sarif found.sarif lost.c >text
same "status with --html and --sarif" 1 $?
holds "the page" "</html>" "$(cat page.html)"
holds "the SARIF file" '"2.1.0"' "$(cat found.sarif)"
holds "the text beside them" "weft replay w1-" "$(cat text)"
finish
