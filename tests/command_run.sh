# command_run.sh - weft run passes arguments, stdin, stdout and exit status through.
# SPDX-License-Identifier: MIT
. "$2/tests/command.inc"

cat >show.c <<'EOF'
#include <stdio.h>
#include <weft.h>
int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        printf("<%s>", argv[i]);
    return argc - 1;
}
EOF
got=$("$weft" run show.c 'a b' "c'd" 'e"f' '' '$HOME' '*' 'ü
x' -o --verbose --)
same "exit status" 10 $?
same "arguments" "<a b><c'd><e\"f><><\$HOME><*><ü
x><-o><--verbose><-->" "$got"
got=$("$weft" run -- show.c -x)
same "-- before the file" "<-x>" "$got"

cat >cat.c <<'EOF'
#include <stdio.h>
int main(void)
{
    for (int c; (c = getchar()) != EOF;)
        putchar(c);
    fputs("to stderr\n", stderr);
    return 0;
}
EOF
head -c 300000 /dev/urandom >bytes
"$weft" run cat.c <bytes >first 2>messages || fail "cat.c, compiled"
"$weft" run cat.c <bytes >second 2>>messages || fail "cat.c, from the cache"
cmp -s bytes first || fail "stdin to stdout, compiled"
cmp -s bytes second || fail "stdin to stdout, from the cache"
same "stderr" "to stderr
to stderr" "$(cat messages)"

# A compiler that reads stdin and writes to stdout touches neither of the program's.
counting_compiler
sed -i 's/^exec/cat >\/dev\/null; echo from the compiler; exec/' counting-cc
same "stdin is the program's" "input" "$(echo input | "$weft" run cat.c 2>messages)"
holds "the compiler's stdout goes to stderr" "from the compiler" "$(cat messages)"
unset CC

for code in 0 1 42 255; do
    printf 'int main(void) { return %s; }\n' $code >code.c
    "$weft" run code.c
    same "exit status" $code $?
done

# Scripts: a first line of #!, lines still counted right, headers found beside the file.
mkdir sub
echo '#define ANSWER 42' >sub/answer.h
cat >sub/script <<'EOF'
#!/usr/bin/env -S weft run
#include <stdio.h>
#include "answer.h"
int main(int argc, char **argv) { printf("%d %s:%d ", ANSWER, __FILE__, __LINE__);
    puts(argc > 1 ? argv[1] : ""); return 0; }
EOF
chmod +x sub/script
same "script" "42 sub/script:4 x" "$("$weft" run sub/script x)"
same "script, again" "42 sub/script:4 y" "$("$weft" run sub/script y)"
got=$(PATH="$build:$PATH" ./sub/script z)
same "script, called by its name" "42 ./sub/script:4 z" "$got"
sed 's/ANSWER, /ANSWR, /' sub/script >sub/broken.c
holds "line of an error in a script" "sub/broken.c:4:" "$("$weft" run sub/broken.c 2>&1)"
printf '#!/bin/weft run' >only.c
"$weft" run only.c 2>/dev/null
same "nothing but a #! line" 2 $?

# Odd names.
for name in 'with space.c' 'qu"ote.c' 'dollar$x#y.c' '-dash.c' 'noext' 'back\slash.c'; do
    echo 'int main(void) { return 9; }' >"./$name"
    "$weft" run -- "$name"
    same "a file named $name" 9 $?
done

# Options.
cat >options.c <<'EOF'
#include <math.h>
#include <stdio.h>
#ifndef NUMBER
#define NUMBER 0
#endif
#ifndef TEXT
#define TEXT "none"
#endif
int main(int argc, char **argv)
{
    (void)argv;
    printf("%d %s %.0f\n", NUMBER, TEXT, sqrt(argc * 16));
    return 0;
}
EOF
same "no options" "0 none 4" "$("$weft" run options.c)"
same "-D" "1 none 4" "$("$weft" run -DNUMBER=1 options.c)"
same "-D in two words" "2 none 4" "$("$weft" run -D NUMBER=2 -O0 options.c)"
same "--flags" "3 a b 4" "$("$weft" run --flags "-D NUMBER=3 '-DTEXT=\"a b\"'" options.c)"
holds "--verbose" "options.c" "$("$weft" run --no-cache --verbose options.c 2>&1 >/dev/null)"
echo '#define HIDDEN 8' >sub/hidden.h
printf '#include <hidden.h>\nint main(void) { return HIDDEN; }\n' >include.c
"$weft" run -I sub include.c
same "-I" 8 $?
got=$("$weft" run --keep options.c 2>&1)
holds "--keep says so" "kept as ./options" "$got"
same "--keep" "0 none 4" "$(./options)"
finish
