#!/bin/sh
# guide.sh - the code in docs/guide compiles, does what the chapters say, and stands in them.
#
#   guide.sh BUILD_DIR SOURCE_DIR
#
# Each docs/guide/snippets/NAME.c is compiled with all warnings, and what it prints is compared with
# NAME.out, from which the chapters quote.  weft check finds nothing in it.  scripts/snippets.py
# then compares chapters and sources.  Last, links must lead somewhere.
#
# SPDX-License-Identifier: MIT
. "$2/tests/command.inc"
snippets=$source_dir/docs/guide/snippets
strict='-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wpointer-arith
    -Wvla -Wimplicit-fallthrough -Werror'

# ---- the programs
for file in "$snippets"/*.c; do
    name=$(basename "$file" .c)
    "$weft" run --flags "$strict" "$file" >said 2>errors </dev/null ||
        { fail "$name: status $?"; cat errors; }
    diff "$snippets/$name.out" said || fail "$name says something else than $name.out"
done

if [ -e "$build/libweft-check.so" ]; then
    for file in "$snippets"/*.c; do
        [ "$file" != "$snippets/explore.c" ] || continue # explores by itself
        "$weft" check --schedules 50 "$file" >said 2>&1 </dev/null ||
            { fail "weft check $file: status $?"; cat said; }
    done
fi

# ---- the chapters
if ! command -v python3 >/dev/null; then
    echo "skipped: chapters are not compared, there is no python3"
    finish
fi
python3 "$source_dir/scripts/snippets.py" --check "$source_dir" || fail "a chapter differs"

# snippets.py itself: it must see each kind of mistake, and --update must mend what can be mended.
mkdir -p tree/docs/guide/snippets
printf '%s\n' '/* [part] */' 'int x;' '/* [/part] */' \
    '/* y. */' 'int y(void)' '{' '    return 1;' '}' >tree/docs/guide/snippets/a.c
printf '%s\n' '-- one' 'first' '-- two' 'second' >tree/docs/guide/snippets/a.out
chapter()
{
    printf '%s\n' "$@" >tree/docs/guide/chapter.md
}
complains()
{
    wanted=$1
    said=$(python3 "$source_dir/scripts/snippets.py" --check tree)
    same "status for «$wanted»" 1 $?
    holds "a mistake" "$wanted" "$said"
}
chapter '<!-- from a.c: snippet part -->' '```c' 'int z;' '```' '' '<!-- from a.c: function y -->' \
    '```c' '```' '' '<!-- output of a.c: two -->' '```' '```'
complains 'chapter.md:2: differs'
complains 'chapter.md:7: differs'
complains 'chapter.md:11: differs'
python3 "$source_dir/scripts/snippets.py" --update tree || fail "it cannot be updated"
python3 "$source_dir/scripts/snippets.py" --check tree || fail "it differs after the update"
same "the updated chapter" 'int x; /* y. */ int y(void) { return 1; } second' \
    "$(sed '/^```/d; /^<!--/d' tree/docs/guide/chapter.md | xargs)"
chapter 'Call `weft_go`, not `weft_gone`.'
mkdir -p tree/include/weft
echo 'int weft_go(void);' >tree/include/weft/a.h
complains 'no public header says weft_gone'
chapter '```c' 'int z;' '```'
complains 'says not where it comes from'
chapter '<!-- from a.c: snippet other -->' '```c' '```'
complains 'no snippet other'
chapter '<!-- from a.c: function other -->' '```c' '```'
complains 'no function other'
chapter '<!-- from b.c: snippet part -->' '```c' '```'
complains 'there is no docs/guide/snippets/b.c'
chapter '<!-- from a.c, the part -->' '```c' '```'
complains 'cannot be understood'
chapter '<!-- lines from a.c -->' '| a | b |' '|---|---|' '| x | `int x;` |' '| z | `int z;` |'
complains 'does not say: int z;'
chapter '<!-- from a.c: snippet part -->' '```c' 'int x;'
complains 'without an end'

# ---- the links
for page in "$source_dir"/docs/guide/*.md; do
    grep -o '](\([^)#:]*\)[)#]' "$page" | sed 's/^](//; s/[)#]$//' | LC_ALL=C sort -u >links
    while read -r link; do
        [ -e "$(dirname "$page")/$link" ] || fail "$(basename "$page"): there is no $link"
    done <links
done
for page in "$source_dir"/docs/guide/[!R]*.md; do
    grep -q "]($(basename "$page"))" "$source_dir/docs/guide/README.md" ||
        fail "README.md does not list $(basename "$page")"
done
finish
