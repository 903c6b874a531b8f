# doctor_tls.sh - weft doctor --tls finds what compilers keep, and nothing in the clean twins.
# SPDX-License-Identifier: MIT
. "$2/tests/command.inc"

if ! command -v objdump >/dev/null; then
    echo "skipped: no objdump"
    exit 77
fi

# kept FILE FUNCTION VARIABLE CALL PLACE: it is found there
kept()
{
    got=$("$weft" doctor --tls "$1" 2>&1)
    same "status for $1" 1 $?
    holds "$1" "$2 keeps the address of $3 across $4" "$got"
    holds "$1" "$5" "$got"
}

# clean FILE [OPTION…]
clean()
{
    file=$1
    shift
    got=$("$weft" doctor --tls "$@" "$file" 2>&1)
    same "status for $file: $got" 0 $?
    holds "$file" ": 0 kept" "$got"
}

# count FILE: how many are kept
count()
{
    "$weft" doctor --tls "$1" | sed -n 's/.*: \([0-9]*\) kept, .*/\1/p'
}

# ---- the known mistake: __errno_location is declared const
cat >errno.c <<'EOF'
#include <errno.h>
#include <unistd.h>
int weft_yield(void);
int one_errno(int fd)
{
    errno = 0;
    if (read(fd, 0, 0) < 0 && errno == EAGAIN) {
        weft_yield();
        return errno;
    }
    return 0;
}
int loop_errno(int n)
{
    int sum = 0;
    for (int i = 0; i < n; i++) {
        sum += errno;
        weft_yield();
    }
    return sum;
}
EOF
# Through a function that parks, spilled to the stack, handed on, chosen by a switch.
cat >more.c <<'EOF'
#include <errno.h>
int weft_sleep(long ns);
int weft_chan_send(void *ch, const void *value);
void take(int *p, int a, int b, int c, int d, int e, int f, int g);
extern int get(int i);
__attribute__((noinline)) int helper(int n)
{
    return weft_sleep(n) + n;
}
int transitive(void)
{
    errno = 1;
    helper(3);
    return errno;
}
int spilled(int n)
{
    int a = get(1), b = get(2), c = get(3), d = get(4), e = get(5), f = get(6), g = get(n);
    errno = a;
    weft_sleep(1);
    take(&errno, a, b, c, d, e, f, g);
    return 0;
}
int chosen(int n)
{
    errno = n;
    switch (n) {
    case 0: get(5); break;
    case 1: get(7); break;
    case 2: get(9); break;
    case 3: weft_sleep(1); break;
    case 4: get(11); break;
    case 5: get(13); break;
    default: return 0;
    }
    return errno;
}
EOF
cat >variable.c <<'EOF'
int weft_chan_send(void *ch, const void *value);
__thread int counter;
int keeps(void *ch)
{
    counter++;
    weft_chan_send(ch, "x");
    return ++counter;
}
EOF
# The same, right.
cat >good.c <<'EOF'
#include <weft.h>
int one_errno(int n)
{
    errno = n;
    weft_yield();
    return errno;
}
int copied(int n)
{
    int code = errno;
    weft_yield();
    return code + n;
}
EOF
cat >good_variable.c <<'EOF'
#include <errno.h>
#include <stdlib.h>
int weft_yield(void);
int weft_sem_post(void *sem);
int after_the_park(void)
{
    weft_yield();
    return errno;
}
int nothing_parks(void *sem)
{
    errno = 0;
    weft_sem_post(sem);
    return errno;
}
int never_comes_back(int n)
{
    errno = 0;
    if (n) {
        weft_yield();
        abort();
    }
    return errno;
}
EOF
cat >pointer.c <<'EOF'
#include <errno.h>
int through(int (*fn)(void))
{
    errno = 0;
    fn();
    return errno;
}
EOF

for cc in gcc clang aarch64-linux-gnu-gcc; do
    command -v $cc >/dev/null || continue
    case $cc in
    aarch64*) command -v aarch64-linux-gnu-objdump >/dev/null || continue ;;
    esac
    include="-I$source_dir/include"
    for level in 1 2 3; do
        $cc -O$level -g -c errno.c -o errno-$cc.o || fail "$cc errno.c"
        kept errno-$cc.o one_errno errno weft_yield errno.c:9:
        kept errno-$cc.o loop_errno errno weft_yield errno.c:17:
        $cc -O$level -g -c more.c -o more-$cc.o || fail "$cc more.c"
        kept more-$cc.o transitive errno helper more.c:1
        kept more-$cc.o spilled errno weft_sleep more.c:2
        kept more-$cc.o chosen errno weft_sleep more.c:36:
        $cc -O$level -g $include -c good.c -o good-$cc.o || fail "$cc good.c"
        clean good-$cc.o --all
        $cc -O$level -g -c good_variable.c -o good_variable-$cc.o || fail "$cc good_variable.c"
        clean good_variable-$cc.o
        $cc -O$level -g -c pointer.c -o pointer-$cc.o || fail "$cc pointer.c"
        clean pointer-$cc.o
        got=$("$weft" doctor --tls --all pointer-$cc.o)
        same "status with --all" 1 $?
        holds "--all" "through keeps the address of errno across what may park" "$got"
    done
    $cc -O2 -g -fPIC -c variable.c -o variable-$cc.o || fail "$cc variable.c"
    case $cc in
    gcc) kept variable-$cc.o keeps counter weft_chan_send variable.c:7: ;;
    aarch64*) kept variable-$cc.o keeps "a thread-local variable" weft_chan_send variable.c:7: ;;
    esac
    # Linked, and with what -fcf-protection and a PLT of its own bring.
    $cc -O2 -g -fPIC -shared -o both-$cc.so errno-$cc.o more-$cc.o -Wl,-z,lazy 2>/dev/null ||
        $cc -O2 -g -fPIC -shared -o both-$cc.so errno.c more.c
    kept both-$cc.so one_errno errno weft_yield errno.c:9:
    same "findings in both-$cc.so" 5 "$(count both-$cc.so)"
done

# ---- archives, several files, words for programs
ar rc all.a errno-gcc.o good-gcc.o more-gcc.o variable-gcc.o 2>/dev/null &&
    same "findings in an archive" 6 "$(count all.a)"
if [ -f errno-gcc.o ]; then
    "$weft" doctor --tls good-gcc.o errno-gcc.o good_variable-gcc.o >out
    same "status for three" 1 $?
    same "lines for three" 3 "$(grep -c ' kept, ' out)"
    got=$("$weft" doctor --tls --json errno-gcc.o)
    same "status with --json" 1 $?
    holds "--json" '"function":"one_errno","variable":"errno","call":"weft_yield","sure":true' \
        "$got"
    holds "--json" 'errno.c","line":9,' "$got"
    if command -v python3 >/dev/null; then
        echo "$got" | python3 -c 'import json, sys; json.load(sys.stdin)' || fail "no JSON: $got"
    fi
    strip -g errno-gcc.o -o bare.o
    holds "without lines" "address 0x" "$("$weft" doctor --tls bare.o)"
fi

# ---- the table of what may park is what the headers say
cat "$source_dir"/include/weft/*.h | awk '
    /^\/\*/ { sleeps = /^\/\* Sleeps/ }
    /^WEFT_API/ { api = 1 }
    sleeps && api && match($0, /weft_[a-z0-9_]+\(/) {
        print substr($0, RSTART, RLENGTH - 1)
        api = 0
    }
    /;[ \t]*$/ { api = 0 }' >headers
printf 'weft_scope_end\nweft_scope_leave\n' >>headers
LC_ALL=C sort -u headers >wanted
"$weft" doctor --tls --list >table
diff wanted table >differ || fail "tools/tlssleep.c and the headers differ: $(cat differ)"

# ---- what cannot be done
refused()
{
    wanted=$1
    shift
    got=$("$weft" doctor "$@" 2>&1 >stdout)
    same "status of weft doctor $*" 2 $?
    holds "weft doctor $*" "$wanted" "$got"
    same "stdout of weft doctor $*" "" "$(cat stdout)"
}

refused "say what to look for: --tls"
refused "no PROG given" --tls
refused "no such file" --tls missing.o
refused "is no program, object or archive" --tls errno.c
refused "unknown option" --tls -x errno.c
refused "did you mean --objdump?" --tls --objdum x
: >empty
refused "is no program, object or archive" --tls empty
for object in errno-*.o; do
    refused "no-such-objdump: not found" --tls --objdump no-such-objdump "$object"
    mkdir -p nothing
    got=$(PATH=$work/nothing "$weft" doctor --tls "$object" 2>&1)
    same "status without objdump" 2 $?
    holds "without objdump" "apt install binutils" "$got"
    head -c 700 "$object" >cut.o
    got=$("$weft" doctor --tls cut.o 2>&1)
    same "status for half a file" 2 $?
    break
done
finish
