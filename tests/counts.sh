# counts.sh - no operation takes a tenth more instructions than bench/counts/recorded.txt says.
#
# Counts know no noise, so a change of a few instructions is seen that no clock would show.  A
# commit that makes an operation dearer on purpose brings the new figures along: `make counts`.
# SPDX-License-Identifier: MIT
set -eu
build=$1
src=$2

skip() {
    echo "skipped: $*"
    exit 77
}
setting() {
    sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt"
}

case $(setting WEFT_DEBUG),$(setting WEFT_COVERAGE),$(setting WEFT_SANITIZE) in
OFF,OFF,) ;;
*) skip "only what is shipped is counted" ;;
esac
[ "$(setting CMAKE_BUILD_TYPE)" = RelWithDebInfo ] || skip "only the preset rel is counted"
[ "$(setting WEFT_CTX)" = "" ] || skip "only the machine's own switch is counted"
command -v valgrind > /dev/null || skip "no valgrind"
command -v python3 > /dev/null || skip "no python3"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export CC="${CC:-cc}"
$CC -std=gnu11 -O2 -D_GNU_SOURCE -I"$src/include" -I"$src/bench" "$src/bench/counts/weft.c" \
    "$build/libweft.a" -pthread -o "$tmp/counts"
"$src/bench/run" --compare "$tmp/counts"
