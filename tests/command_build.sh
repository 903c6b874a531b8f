# command_build.sh - weft build, weft version, weft help.
# SPDX-License-Identifier: MIT
. "$2/tests/command.inc"

cat >one.c <<'EOF'
#include <stdio.h>
#include <weft.h>
int two(void);
int main(void)
{
    printf("%s %d\n", weft_version(), two());
    return 0;
}
EOF
cat >two.c <<'EOF'
#!/usr/bin/env -S weft run
#ifndef TWO
#define TWO 2
#endif
int two(void) { return TWO; }
EOF
"$weft" build one.c two.c -o "a program" || fail "two files"
version=$("$weft" version | sed -n '1s/^weft //p')
same "two files" "$version 2" "$("./a program")"
"$weft" build -o p -DTWO=3 one.c two.c || fail "-D"
same "-D" "$version 3" "$(./p)"
"$weft" build one.c -o p two.c -- -D TWO=4 -O0 -lm || fail "flags behind --"
same "flags behind --" "$version 4" "$(./p)"
echo 'int two(void) { return 5; }' >five.c
"$weft" build --verbose one.c five.c -o p 2>messages || fail "--verbose"
holds "--verbose" "one.c five.c" "$(cat messages)"
same "nothing is left" "" "$(ls tmp)"
if command -v ldd >/dev/null; then
    case $(ldd ./p) in
    *libweft*) fail "the program needs libweft.so" ;;
    esac
fi
for compiler in gcc clang; do
    grep -q '^WEFT_SANITIZE:[A-Z]*=.' "$build/CMakeCache.txt" && continue
    grep -q '^WEFT_COVERAGE:[A-Z]*=ON' "$build/CMakeCache.txt" && continue
    command -v $compiler >/dev/null || continue
    "$weft" build --cc $compiler one.c five.c -o p || fail "--cc $compiler"
    same "--cc $compiler" "$version 5" "$(./p)"
    rm p
    CC="$compiler -Dx=y" "$weft" build one.c five.c -o p || fail "CC=$compiler with words"
    same "CC=$compiler with words" "$version 5" "$(./p)"
done

holds "weft version" "library   $build/libweft.a" "$("$weft" version)"
same "weft --version" "$("$weft" version)" "$("$weft" --version)"
"$weft" version --json | python3 -c '
import json, sys
about = json.load(sys.stdin)
assert sorted(about) == ["built", "compiler", "headers", "library", "version"], about
assert about["version"] == sys.argv[1], about' "$version" || fail "weft version --json"

for command in run build version; do
    got=$("$weft" help $command) || fail "status of weft help $command"
    holds "weft help $command" "usage: weft $command" "$got"
    same "weft $command --help" "$got" "$("$weft" $command --help)"
    holds "weft help" "  $command" "$("$weft" help)"
done
same "weft --help" "$("$weft" help)" "$("$weft" --help)"
finish
