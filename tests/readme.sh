# readme.sh - the program in README.md compiles as it stands, without a warning, and does its work.
#
#   readme.sh BUILD_DIR SOURCE_DIR
#
# SPDX-License-Identifier: MIT
. "$2/tests/command.inc"

sed -n '/^```c$/,/^```$/p' "$source_dir/README.md" | sed '/^```$/q' | sed '/^```/d' >program.c
[ -s program.c ] || fail "README.md holds no block of C"
lines=$(grep -c . program.c)
[ "$lines" -le 30 ] || fail "README.md promises a short program; it has $lines lines"

strict='-Wall -Wextra -Wshadow -Wstrict-prototypes -Wvla -Werror'

printf 'twelve bytes' >one
: >empty
head -c 300000 /dev/zero >large
"$weft" run --flags "$strict" program.c one empty large >said || fail "status $?"
same "what it says" "0 empty
12 one
300000 large" "$(sort -n said)"

"$weft" run --flags "$strict" program.c one missing >said 2>&1
same "status with a file that is missing" 1 $?
"$weft" run --flags "$strict" program.c
same "status without a file" 1 $?
finish
