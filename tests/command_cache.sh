# command_cache.sh - weft run compiles once, and again exactly when something has changed.
# SPDX-License-Identifier: MIT
. "$2/tests/command.inc"
counting_compiler

echo '#define CODE 1' >code.h
printf '#include "code.h"\n#include <weft.h>\nint main(void) { return CODE; }\n' >main.c

# run WHAT STATUS CALLS: runs main.c; by then the compiler must have been called CALLS times.
run()
{
    "$weft" run main.c
    same "$1: status" "$2" $?
    same "$1: calls of the compiler" "$3" "$(calls)"
}

run "first" 1 1
run "second" 1 1
echo '#define CODE 2' >code.h
run "header edited" 2 2
run "header edited, again" 2 2
touch code.h main.c
run "only touched" 2 2
sed -i 's/CODE;/CODE + 10;/' main.c
run "source edited" 12 3
sed -i 's/CODE + 10;/CODE;/' main.c
run "edit taken back" 2 3
"$weft" run -O1 main.c
same "other flags" 4 "$(calls)"
"$weft" run --no-cache main.c
same "--no-cache" 5 "$(calls)"
run "after --no-cache" 2 5
mkdir other
cp main.c other
echo '#define CODE 7' >other/code.h
(cd other && "$weft" run main.c)
same "same name in another directory" 7 $?
same "same name in another directory: calls" 6 "$(calls)"
printf '# changed\n' >>counting-cc
run "compiler replaced" 2 7
rm code.h
"$weft" run main.c 2>/dev/null
same "header gone" 2 $?
echo '#define CODE 2' >code.h
run "header back" 2 8

# A file that changes while the compiler runs must not stand for the program made before.
cat >meddling-cc <<EOF
#!/bin/sh
"$work/counting-cc" "\$@" && echo '#define CODE 5' >"$work/code.h"
EOF
chmod +x meddling-cc
"$weft" run --cc ./meddling-cc main.c
same "the program from before the edit" 2 $?
"$weft" run --cc ./meddling-cc main.c
same "the program from after the edit" 5 $?

# What the flags name is not watched, so it is compiled each time.
echo 'int part(void) { return 3; }' >part.c
printf 'int part(void);\nint main(void) { return part(); }\n' >whole.c
"$real" -c part.c -o part.o
"$weft" run --flags part.o whole.c
same "a file among the flags" 3 $?
echo 'int part(void) { return 4; }' >part.c
"$real" -c part.c -o part.o
"$weft" run --flags part.o whole.c
same "a file among the flags, changed" 4 $?

# Many at once.
rm -rf cache
echo 'int main(void) { return 0; }' >many.c
pids=
for i in 1 2 3 4 5 6 7 8; do
    "$weft" run many.c &
    pids="$pids $!"
done
for pid in $pids; do
    wait "$pid" || fail "one of many runs at once"
done
same "programs after many runs at once" 1 "$(find cache -type f -name many | wc -l | tr -d ' ')"
same "nothing half made" "" "$(find cache -name 'new-*')"

# The limit; and a limit of one among many, when each drops what the others have just made.
export WEFT_CACHE_MAX=3
for i in 1 2 3 4 5; do
    echo "int main(void) { return $i; }" >p$i.c
    "$weft" run p$i.c
    same "program $i" $i $?
done
"$weft" run p3.c
echo 'int main(void) { return 6; }' >p6.c
"$weft" run p6.c
got=$(find cache -type f -name 'p[0-9]' | sed 's/.*\///' | sort | tr '\n' ' ')
same "programs kept" "p3 p5 p6 " "$got"
same "lists kept" 3 "$(find cache -name '*.reads' | wc -l | tr -d ' ')"
export WEFT_CACHE_MAX=1
pids=
for i in 1 2 3 4 5 6; do
    "$weft" run p$i.c &
    pids="$pids $!"
done
i=0
for pid in $pids; do
    i=$((i + 1))
    wait "$pid"
    same "program $i among six with room for one" $i $?
done
unset WEFT_CACHE_MAX

# What a killed run has left goes after an hour.
mkdir -p cache/new-abcdef/program
echo x >cache/new-abcdef/program/many
touch -d '2 hours ago' cache/new-abcdef
mkdir cache/new-ghijkl
"$weft" run --no-cache many.c
[ -e cache/new-abcdef ] && fail "an abandoned directory is still there"
[ -e cache/new-ghijkl ] || fail "a directory in use was dropped"

# A damaged cache is a cold one.
for list in cache/*.reads; do
    printf 'nonsense' >"$list"
done
"$weft" run many.c || fail "damaged lists"
for list in cache/*.reads; do
    : >"$list"
done
"$weft" run many.c || fail "empty lists"
finish
