# check_errors.sh - what weft check cannot do gets status 2 and a line that says what to do.
# SPDX-License-Identifier: MIT
. "$2/tests/check.inc"

# refused WANTED-TEXT ARG…
refused()
{
    wanted=$1
    shift
    got=$("$weft" check "$@" 2>&1 >stdout </dev/null)
    same "status of weft check $*" 2 $?
    holds "weft check $*" "$wanted" "$got"
    same "stdout of weft check $*" "" "$(cat stdout)"
}

refused "no PROG and no FILE.c given"
refused "did you mean --schedules?" --schedule 3 lost.c
refused "not a number" --seed x lost.c
refused "not a number" --seed -1 lost.c
refused "must be from 1" --schedules 0 lost.c
refused "must be from 1 to 256" --jobs 257 lost.c
refused "must be a number of seconds" --time soon lost.c
refused "must be a number of seconds" --time -1 lost.c
refused "did you mean random?" --strategy randm lost.c
refused "a value must follow" --strategy
refused "no such level" -O 9 lost.c
refused "no such file" missing.c
refused "no such program" ./missing
refused "no such program on PATH" no-such-program-anywhere
echo text >plain
refused "is not executable" ./plain
refused "did you mean ./plain?" plain
printf '#!/bin/sh\nexit 0\n' >script
chmod +x script
refused "is a script" ./script
printf 'not a program' >junk
chmod +x junk
refused "is not a program of this machine" ./junk
refused "flags for the compiler go with a FILE.c" -DX ./plain
echo 'int main(void) { return x; }' >wrong.c
refused "error" wrong.c
refused "no such compiler" --cc no-such-cc lost.c

echo 'int main(void) { return 0; }' >good.c
if "$cc" -static good.c -o static 2>/dev/null; then
    refused "is statically linked" ./static
fi
printf '#include <stdlib.h>\n__attribute__((constructor)) static void f(void) { _Exit(0); }\n'\
'int main(void) { return 0; }\n' >early.c
"$cc" early.c -o early || exit 1
refused "ended before its main was reached" ./early

# A file that cannot be written, a stdout that is full.
"$weft" check --html no/such/dir/x.html lost.c >text 2>&1
same "status with --html that cannot be written" 2 $?
if [ -w /dev/full ]; then
    "$weft" check --json lost.c >/dev/full 2>text
    same "status with a full stdout" 2 $?
fi

# --help of each command.
for command in check replay cc; do
    "$weft" $command --help >text
    same "status of $command --help" 0 $?
    holds "$command --help" "usage: weft $command" "$(cat text)"
    "$weft" help $command | cmp -s - text || fail "help $command is not $command --help"
done
finish
