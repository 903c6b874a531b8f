#!/bin/sh
# io_seccomp.sh - where the kernel's ring is forbidden, everything runs by epoll, by itself.
#
#   io_seccomp.sh BUILD_DIR SOURCE_DIR
#
# A launcher forbids io_uring by a seccomp filter, as containers do, and becomes the program.  In
# four ways: setup says EPERM, or ENOSYS; setup works and only enter, or register, says EPERM, which
# is found out not before the first use.  The last may leave a ring that is good enough.
#
# SPDX-License-Identifier: MIT
set -eu
build=$1
[ -x "$build/test-weft" ] || { echo "skipped: no test-weft"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat > "$work/forbid.c" <<'END'
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

/* forbid NUMBER ERROR PROGRAM [ARGUMENT...] */
int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)atoi(argv[1]), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)atoi(argv[2])),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {.len = sizeof code / sizeof *code, .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, 2, &filter)) {
        perror("seccomp");
        return 77;
    }
    execv(argv[3], argv + 3);
    perror(argv[3]);
    return 2;
}
END
${CC:-cc} -o "$work/forbid" "$work/forbid.c" || { echo "skipped: no compiler"; exit 77; }
"$work/forbid" 425 1 /bin/true || { echo "skipped: no seccomp here"; exit 77; }

setup=425 enter=426 register=427 epoll_pwait2=441 eperm=1 enosys=38

# forbidden NUMBER ERROR TEXT: the tests whose names hold TEXT pass, and none of the ring runs
forbidden() {
    if ! WEFT_TEST_NO_RING=1 "$work/forbid" "$1" "$2" \
        "$build/test-weft" -j 2 --filter "$3" > "$work/said" 2>&1; then
        cat "$work/said"
        echo "io_seccomp: call $1 with error $2: $3 failed"
        exit 1
    fi
}

for way in "$setup $eperm" "$setup $enosys" "$enter $eperm"; do
    forbidden ${way% *} ${way#* } driver_is_chosen
    forbidden ${way% *} ${way#* } driver_data_goes_both_ways
    grep -q 'skip driver_data_goes_both_ways/[14]w/uring' "$work/said" || {
        cat "$work/said"
        echo "io_seccomp: a ring was used although it is forbidden ($way)"
        exit 1
    }
    grep -q 'io_uring is not to be had here' "$work/said" || {
        cat "$work/said"
        echo "io_seccomp: who asked for the ring was not told why there is none ($way)"
        exit 1
    }
done

# Whatever is forbidden, what runs passes, on what there is.
"$work/forbid" $register $eperm "$build/test-weft" -j 2 --filter driver_d > "$work/said" 2>&1 || {
    cat "$work/said"
    echo "io_seccomp: failed without io_uring_register"
    exit 1
}
forbidden $setup $eperm driver_
for tests in driver_deadline sysnet_epoll_waits; do
    "$work/forbid" $epoll_pwait2 $enosys \
        "$build/test-weft" -j 2 --filter $tests > "$work/said" 2>&1 || {
        cat "$work/said"
        echo "io_seccomp: failed with the epoll of old kernels"
        exit 1
    }
done
forbidden $enter $eperm sock_
echo "by epoll: $(tail -n 1 "$work/said")"
