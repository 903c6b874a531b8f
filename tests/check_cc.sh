# check_cc.sh - weft cc stands in for the compiler of a build system, and the hooks are in.
# SPDX-License-Identifier: MIT
. "$2/tests/check.inc"
export WEFT_CC="$cc"

# finds WHAT PROG: the lost update, which without hooks nobody sees.
finds()
{
    json=$("$weft" check --json "$2" </dev/null)
    same "$1: status" 1 $?
    same "$1: class" assertion "$(member class "$json")"
}

"$weft" cc -O2 lost.c -o in-one -pthread || fail "in one call"
finds "in one call" ./in-one
./in-one || fail "in-one does not run by itself"
"$weft" cc -Wall -c -O2 lost.c && "$weft" cc lost.o -o in-two || fail "in two calls"
finds "in two calls" ./in-two
"$weft" cc --level=keep -O0 lost.c -o kept-level || fail "with its own level"
finds "with its own level" ./kept-level
"$weft" cc -fsanitize=thread -g lost.c -o with-sanitizer || fail "with -fsanitize"
finds "with -fsanitize" ./with-sanitizer

# A library on the way, flags with values, a dependency file.
mkdir inc
echo '#define ARG arg' >inc/name.h
sed 's/return arg/return ARG/; 1i #include "name.h"' lost.c >uses.c
"$weft" cc -I inc -MD -MF uses.d -c uses.c -o uses.o && ar rc libuses.a uses.o &&
    echo >empty.c && "$weft" cc -c empty.c && "$weft" cc empty.o -L . -luses -o by-library ||
    fail "by a library"
finds "by a library" ./by-library
holds "the dependency file" "inc/name.h" "$(cat uses.d)"

# make, with CC as build systems give it.
printf 'prog: lost.o\n\t$(CC) $(LDFLAGS) lost.o -o prog\n' >makefile
if command -v make >/dev/null; then
    rm -f lost.o
    make CC="$weft cc" >text 2>&1 || fail "make: $(cat text)"
    finds "by make" ./prog
    # CC in the environment is us: it must not call itself.
    rm -f lost.o prog
    CC="$weft cc" make -e >text 2>&1 || fail "make -e: $(cat text)"
fi

# What only asks is passed on; what fails, fails.
same "--version" "$("$cc" --version | head -n 1)" "$("$weft" cc --version | head -n 1)"
same "-E" 0 "$(echo | "$weft" cc -E - >text 2>&1; echo $?)"
holds "-dumpmachine" "-" "$("$weft" cc -dumpmachine)"
echo 'int main(void) { return x; }' >wrong.c
"$weft" cc wrong.c -o wrong >text 2>&1 && fail "a wrong source compiles"
"$weft" cc -c wrong.c >text 2>&1 && fail "a wrong source compiles to an object"
[ ! -e wrong ] || fail "there is a program from a wrong source"
"$weft" cc --cc=no-such-cc -c lost.c >text 2>&1
same "status of an unknown compiler" 2 $?
holds "an unknown compiler" "no such compiler" "$(cat text)"

# C++, if there is a compiler for it.
cxx=$(command -v c++ || true)
if [ -n "$cxx" ]; then
    printf '#include <cassert>\n#include <thread>\nint x;\nint main() {\n'\
'std::thread a([] { x++; }), b([] { x++; });\na.join(); b.join(); assert(x == 2); }\n' >lost.cpp
    WEFT_CC='' "$weft" cc --c++ -std=c++17 lost.cpp -o cxx || fail "C++"
    finds "C++" ./cxx
    json=$("$weft" check --json lost.cpp </dev/null)
    same "a C++ source: status" 1 $?
fi
ls "$TMPDIR" | grep -q . && fail "left in TMPDIR: $(ls "$TMPDIR")"
finish
