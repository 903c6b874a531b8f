# command_errors.sh - every mistake gets status 2 and a line that says what to do.
# SPDX-License-Identifier: MIT
. "$2/tests/command.inc"

# refused WANTED-TEXT ARG…
refused()
{
    wanted=$1
    shift
    got=$("$weft" "$@" 2>&1 >stdout </dev/null)
    same "status of weft $*" 2 $?
    holds "weft $*" "$wanted" "$got"
    same "stdout of weft $*" "" "$(cat stdout)"
}

echo 'int main(void) { return 0; }' >good.c
mkdir dir
mkfifo fifo.c

refused "usage: weft"
refused "did you mean \`weft run\`?" rnu
refused "did you mean \`weft version\`?" verison
refused "weft help" frobnicate
refused "weft run good.c" good.c
refused "did you mean \`weft build\`?" help biuld

refused "no FILE.c given" run
refused "weft run: hello.c: no such file" run hello.c
refused "did you mean good.c?" run good
refused "is a directory" run dir
refused "not a regular file" run fifo.c
refused "stdin is the program's" run -
refused "did you mean --verbose?" run --verbos good.c
refused "unknown option" run --frobnicate good.c
refused "a value must follow" run --cc
refused "the result must be a program" run -c good.c
refused "the result must be a program" run -o x good.c
refused "a quote is left open" run --flags "'-DX" good.c

refused "no FILE.c given" build -o x
refused "no -o PROG given; as in: weft build good.c -o good" build good.c
refused "missing.c: no such file" build missing.c -o x
refused "would overwrite the source" build good.c -o ./good.c
refused "would overwrite the source" build good.c -o "$work/good.c"
refused "only --json" version now
refused "did you mean --json?" version --jsn

# No compiler.
refused "no-such-cc: no such compiler" run --cc no-such-cc good.c
refused "no-such-cc -m64: no such compiler" build --cc "no-such-cc -m64" good.c -o x
CC=no-such-cc
export CC
refused "CC=no-such-cc: no such compiler; unset CC" run good.c
unset CC
if ! grep -q '^WEFT_SANITIZE:[A-Z]*=.' "$build/CMakeCache.txt" &&
    ! grep -q '^WEFT_COVERAGE:[A-Z]*=ON' "$build/CMakeCache.txt"; then
    got=$(PATH=$work/dir "$weft" run good.c 2>&1)
    same "status without any compiler" 2 $?
    holds "no compiler at all" "apt install gcc" "$got"
fi

# No Weft to compile against.
cp "$weft" dir/weft
got=$(dir/weft run good.c 2>&1)
same "status of a command on its own" 2 $?
holds "a command on its own" "set WEFT_HOME" "$got"
WEFT_HOME=$work/dir
export WEFT_HOME
refused "WEFT_HOME=$work/dir" run good.c
unset WEFT_HOME
holds "version still works" "not found" "$(dir/weft version)"

# The compiler's words stand alone and unchanged.
cat >bad.c <<'EOF'
int main(void)
{
    return no_such_name;
}
EOF
real=$("$weft" version --json | sed 's/.*"compiler":"\([^"]*\)".*/\1/')
"$real" -O2 -g -fno-omit-frame-pointer bad.c -o bad 2>expected </dev/null
"$weft" run bad.c 2>got >stdout
same "status of a compile error" 2 $?
cmp -s expected got || fail "a compile error was changed: $(cat got)"
same "stdout of a compile error" "" "$(cat stdout)"
"$weft" build bad.c -o bad 2>got
same "status of a compile error in build" 2 $?
cmp -s expected got || fail "a compile error in build was changed: $(cat got)"
printf 'int missing(void);\nint main(void) { return missing(); }\n' >link.c
holds "a link error" "missing" "$("$weft" run link.c 2>&1)"
printf '#warning look here\nint main(void) { return 3; }\n' >warn.c
got=$("$weft" run warn.c 2>&1)
same "a warning is no error" 3 $?
holds "a warning is shown" "look here" "$got"
same "nothing is left" "" "$(find cache tmp -name 'new-*' -o -name 'weft-build-*')"

printf '#!/bin/sh\nkill -9 $$\n' >killed-cc
chmod +x killed-cc
refused "was ended by signal 9" run --cc ./killed-cc good.c

[ -w /dev/full ] && "$weft" version >/dev/full 2>got
holds "a full disk" "stdout: could not be written" "$(cat got)"
finish
