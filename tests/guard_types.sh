#!/bin/sh
# guard_types.sh - what weft/guard.h allows compiles, and what it forbids does not.
#
#   guard_types.sh BUILD_DIR SOURCE_DIR
#
# As C99, C11 and C++11, with every compiler here; warnings are errors, and so is a clang's for data
# reached outside their block.
#
# SPDX-License-Identifier: MIT
set -u
src=$2
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
warnings="-Wall -Wextra -Wshadow -Wundef -Wpointer-arith -Wvla -pedantic-errors -Werror"
compiled=0
failures=0

cat >"$work/program.c" <<'END'
#include <weft.h>

struct account { long cents; int moves; };
struct other { int x; };
WEFT_GUARD_TYPE(account_guard, struct account);
WEFT_GUARD_TYPE(count_guard, int);
WEFT_RWGUARD_TYPE(table_guard, struct account);

static account_guard alice = WEFT_GUARD_INIT({100, 2});
static account_guard many[2] = {WEFT_GUARD_INIT({1, 2}), WEFT_GUARD_INIT({3, 4})};
static count_guard count = WEFT_GUARD_INIT(5);
static table_guard table = WEFT_GUARD_INIT({6, 7});
static account_guard zero;
static weft_cond cond;

int main(void)
{
    struct account *kept = NULL, value = {8, 9};
    account_guard local;
    weft_guard_init(&local, &value);
    weft_guard_init(&zero, NULL);
    for (int i = 0; i < 2; i++) {
        WEFT_GUARD(a, &many[i]) {
            if (a->cents == 1)
                continue;
            if (a->cents == 2)
                break;
            if (a->cents < 0)
                return 1;
        } else {
            return 2;
        }
    }
    WEFT_GUARD(a, &alice) {
        while (a->moves == 0)
            if (weft_guard_wait(&alice, &cond) < 0)
                break;
        a->cents--;
    }
    WEFT_GUARD2(a, &alice, n, &count)
        a->moves += *n;
    WEFT_READ_GUARD(t, &table) {
        if (t->cents == 0)
            return 3;
    }
    WEFT_WRITE_GUARD(t, &table)
        t->cents++;
    if (weft_guard_lock(&alice, &kept) == 0) {
        kept->cents++;
        weft_guard_unlock(&alice, &kept);
    }
    if (weft_guard_try_lock(&alice, &kept) == 0)
        weft_guard_unlock(&alice, &kept);
#ifdef BAD
    BAD
#endif
    return weft_guard_fini(&alice)->cents + *weft_guard_fini(&count) +
           weft_rwguard_fini(&table)->cents == 0;
}
END

# compile COMPILER LANGUAGE STANDARD [FLAG...]
compile()
{
    compiler=$1 language=$2 standard=$3
    shift 3
    "$compiler" -x "$language" -std="$standard" -c $warnings -I "$src/include" "$@" \
        -o "$work/program.o" "$work/program.c" >"$work/said" 2>&1
}

fail()
{
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# forbid CODE: what must not compile, put into main.
forbid()
{
    compile "$compiler" "$language" "$standard" "-DBAD=$1" &&
        fail "$compiler $standard: '$1' compiles"
    grep -q "BAD\|program.c" "$work/said" || fail "$compiler: '$1': $(head -n 1 "$work/said")"
}

for way in gcc:c:c99 gcc:c:gnu11 clang:c:c99 clang:c:gnu11 g++:c++:c++11 clang++:c++:c++11; do
    compiler=${way%%:*} standard=${way##*:} language=${way#*:}
    language=${language%:*}
    command -v "$compiler" >/dev/null || continue
    compile "$compiler" "$language" "$standard" ||
        fail "$compiler -std=$standard: $(cat "$work/said")"
    compiled=$((compiled + 1))
    forbid 'alice.weft_guarded.cents++;'
    forbid 'table.weft_guarded.cents++;'
    forbid 'alice.cents++;'
    forbid 'a->cents++;'
    forbid 'WEFT_READ_GUARD(t, &table) t->cents++;'
    forbid 'WEFT_GUARD(t, &table) t->cents++;'
    forbid 'WEFT_WRITE_GUARD(a, &alice) a->cents++;'
    forbid 'WEFT_GUARD(a, &alice.weft_guard.lock) (void)a;'
    forbid 'WEFT_GUARD(a, &alice) { struct other *o = a; o->x = 1; }'
    forbid 'struct other *o = NULL; if (weft_guard_try_lock(&alice, &o) == 0) return 5;'
    forbid 'weft_guard_lock(&alice, &kept);'
    forbid 'struct other o = {1}; weft_guard_init(&alice, &o);'
done
[ $compiled -gt 0 ] || { echo "skipped: no compiler"; exit 77; }
[ $failures -eq 0 ] || exit 1
echo "$compiled compilers and standards, each of them refuses what it must"
