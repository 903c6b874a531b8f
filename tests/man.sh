# man.sh - every symbol has its manual page, every page its symbol, and weft(1) says what weft says.
#
# What is looked for is found here without scripts/man.py, in the library, in the headers and in
# what the command prints.
# SPDX-License-Identifier: MIT
set -eu
build=$1
src=$2
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
unset DESTDIR
status=0

fail() {
    echo "man: $*"
    status=1
}

if ! command -v python3 > /dev/null; then
    echo "skipped: no python3, so no manual pages"
    exit 77
fi
python3 "$src/scripts/man.py" "$src" "$tmp/man"
man3=$tmp/man/man3
headers=$(cd "$src/include" && find weft.h weft -name '*.h' | sort)

# ---- what there is: symbols, macros that are called, types, headers
theirs='^(__asan_|__odr_asan|__tsan_|__ubsan_|__gcov_|_GLOBAL__|DW\.ref\.|WEFT_[0-9])'
{
    nm -D --defined-only "$build/libweft.so" | awk '{print $NF}' | sed 's/@.*//' |
        grep -Ev "$theirs|^weft__"
    # The companions, built or not; symbols.sh compares what they export with their headers.
    sed -n 's/^WEFT_API .*\(weft_[a-z0-9_]*\)(.*/\1/p' \
        "$src/include/weft/http.h" "$src/include/weft/tls.h"
} | sort -u > "$tmp/symbols"
(cd "$src/include" && cat $headers) > "$tmp/headers"
# Attributes are no calls.
sed -n 's/^# *define \([wW][eE][fF][tT]_[a-zA-Z0-9_]*\)(.*/\1/p' "$tmp/headers" |
    grep -v '^weft__' | sort -u > "$tmp/all-macros"
sed -n 's/^# *define \(WEFT_[A-Z_]*\)(.*__attribute__((format.*/\1/p' "$tmp/headers" |
    sort -u | comm -23 "$tmp/all-macros" - > "$tmp/macros"
grep -Eo '(struct|enum|union) weft_[a-z0-9_]+|^} weft_[a-z0-9_]+;|\} weft_[a-z0-9_]+;' \
    "$tmp/headers" | grep -o 'weft_[a-z0-9_]*' > "$tmp/types"
sed -n 's/^typedef .*[ *(]\(weft_[a-z0-9_]*\)[;)].*/\1/p' "$tmp/headers" >> "$tmp/types"
sort -u -o "$tmp/types" "$tmp/types"
for header in $headers; do
    stem=${header#weft/}
    stem=$(echo "${stem%.h}" | tr / _)
    [ "$stem" = weft ] && echo weft || echo "weft_$stem"
done | sort -u > "$tmp/of-headers"
[ -s "$tmp/symbols" ] && [ -s "$tmp/macros" ] && [ -s "$tmp/types" ] || fail "found too little"

# ---- both ways
(cd "$man3" && ls) | sed 's/\.3$//' | sort -u > "$tmp/pages"
for kind in symbols macros of-headers; do
    for name in $(comm -23 "$tmp/$kind" "$tmp/pages"); do
        fail "$name has no page ($kind)"
    done
done
for name in $(sort -u "$tmp/symbols" "$tmp/macros" "$tmp/types" "$tmp/of-headers" |
    comm -13 - "$tmp/pages"); do
    fail "$name.3 is a page of nothing"
done

# A page that leads to another is told of there.
for page in "$man3"/*.3; do
    name=$(basename "$page" .3)
    target=$(sed -n '1s/^\.so //p' "$page")
    if [ -n "$target" ]; then
        grep -qw "$name" "$tmp/man/$target" || fail "$target says nothing of $name"
    else
        for heading in NAME SYNOPSIS DESCRIPTION 'SEE ALSO'; do
            grep -q "^\.SH $heading\$" "$page" || fail "$name.3 lacks $heading"
        done
    fi
done

# ---- roff without complaints
if command -v groff > /dev/null; then
    for page in "$tmp"/man/man1/weft.1 $(grep -L '^\.so' "$man3"/*); do
        for device in utf8 ascii; do
            complaints=$(groff -man -ww -z -T$device "$page" 2>&1) || true
            [ -z "$complaints" ] || fail "groff -T$device: $complaints"
        done
    done
else
    echo "man: no groff here, so the pages are not set"
fi
if command -v mandoc > /dev/null; then # a page without a date is the same whenever it is built
    complaints=$(mandoc -Tlint -Wwarning "$tmp"/man/man1/weft.1 $(grep -L '^\.so' "$man3"/*) 2>&1 |
        grep -v 'missing date') || true
    [ -z "$complaints" ] || fail "mandoc: $complaints"
fi

# ---- weft(1) against `weft help`
plain() {
    sed 's/\\f[BIR]//g; s/\\[%&]//g; s/\\-/-/g; s/\\(aq/'"'"'/g; s/\\(ga/`/g; s/\\ / /g' "$1"
}
flags() {
    grep -Eo '(^|[^A-Za-z0-9$/._-])--?[A-Za-z+][A-Za-z0-9+-]*' | grep -Eo -e '--?[A-Za-z+].*' |
        sort -u || true
}
section_of() { # of the page: what stands below the heading `weft COMMAND`
    plain "$tmp/man/man1/weft.1" | awk -v want=".SS \"weft $1\"" \
        '/^\.S[SH] / {on = $0 == want; next} on && !/^\.(TP|PP|PD)/'
}

if [ -x "$build/weft" ]; then
    commands=$("$build/weft" help | awk '/^  [a-z]/ {print $1}')
    paged=$(plain "$tmp/man/man1/weft.1" | sed -n 's/^\.SS "weft \(.*\)"$/\1/p')
    [ "$commands" = "$paged" ] || fail "commands of weft help: $commands; of weft.1: $paged"
    echo --help > "$tmp/told"
    for name in $commands; do
        [ "$name" != help ] || continue
        "$build/weft" help "$name" > "$tmp/help"
        flags < "$tmp/help" > "$tmp/help-flags"
        section_of "$name" > "$tmp/section"
        flags < "$tmp/section" > "$tmp/page-flags"
        cmp -s "$tmp/help-flags" "$tmp/page-flags" ||
            fail "options of weft $name:" $(diff "$tmp/help-flags" "$tmp/page-flags")
        # Not one word is missing, either.
        for file in help section; do
            sed 's/^usage: //; s/…/.../g' "$tmp/$file" | grep -Eo '[A-Za-z0-9$-]+' |
                sort -u > "$tmp/$file-words"
        done
        words=$(comm -23 "$tmp/help-words" "$tmp/section-words" | tr '\n' ' ')
        [ -z "$words" ] || fail "weft $name: not on the page: $words"
        cat "$tmp/help-flags" >> "$tmp/told"
        [ -e "$tmp/man/man1/weft-$name.1" ] || fail "weft-$name.1 is missing"
    done
    sort -u -o "$tmp/told" "$tmp/told"
    unknown=$(plain "$tmp/man/man1/weft.1" | grep -v '^\.\\"' | flags | comm -13 "$tmp/told" -)
    [ -z "$unknown" ] || fail "weft.1 speaks of" $unknown "which no weft help knows"
fi
for name in $(cat "$src"/tools/*.c "$src"/src/core/*.c | grep -o 'getenv("WEFT_[A-Z_]*")' |
    grep -o 'WEFT_[A-Z_]*' | sort -u); do
    grep -qw "$name" "$tmp/man/man1/weft.1" || fail "weft.1 does not tell of the variable $name"
done

# ---- what is installed
if grep -q '^WEFT_PYTHON3:FILEPATH=/' "$build/CMakeCache.txt"; then
    cmake --install "$build" --component doc --prefix "$tmp/prefix" > "$tmp/log"
    installed=$(find "$tmp/prefix" -type d -name man3)
    [ -n "$installed" ] || fail "no manual pages are installed"
    for section in man1 man3; do
        (cd "$installed/../$section" && ls) > "$tmp/installed"
        (cd "$tmp/man/$section" && ls) | diff - "$tmp/installed" > "$tmp/log" ||
            fail "installed in $section:" $(cat "$tmp/log")
    done
fi
echo "$(wc -l < "$tmp/pages") pages for $(wc -l < "$tmp/symbols") symbols"
exit $status
