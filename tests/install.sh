#!/bin/sh
# install.sh - installs into a temporary prefix, moves it, and builds consumers against it.
#
# Consumers: C by pkg-config, shared and static; C and C++ by find_package; C by add_subdirectory.
# Moving the prefix proves that nothing in it says where it was first put.
# SPDX-License-Identifier: MIT
set -eu
build=$1
src=$2
here=$src/tests/install
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
unset DESTDIR

cmake --install "$build" --prefix "$tmp/first" > "$tmp/log"
mv "$tmp/first" "$tmp/prefix"
prefix=$tmp/prefix
if grep -rIl "$tmp/first\|$build" "$prefix/lib"*/cmake "$prefix/lib"*/pkgconfig \
    "$prefix/lib"*/*/cmake "$prefix/lib"*/*/pkgconfig 2> /dev/null; then
    echo "install: these files know where they were built"
    exit 1
fi

libdir=$(dirname "$(find "$prefix" -name libweft.so)")
export LD_LIBRARY_PATH="$libdir" PKG_CONFIG_PATH="$libdir/pkgconfig"
run() {
    echo "install: $1"
    "$@"
}

# By pkg-config.
version=$(sed -n 's/^#define WEFT_VERSION  *"\(.*\)"$/\1/p' "$prefix/include/weft/api.h")
[ "$(pkg-config --modversion weft)" = "$version" ] || { echo "install: not $version"; exit 1; }
flags="-Wall -Wextra -Werror -std=c99"
cc=${CC:-cc}
$cc $flags "$here/consumer.c" $(pkg-config --cflags --libs weft) -o "$tmp/by-pkg-config"
run "$tmp/by-pkg-config"
$cc $flags -c "$here/consumer.c" $(pkg-config --cflags weft) -o "$tmp/consumer.o"
$cc "$tmp/consumer.o" -Wl,-Bstatic $(pkg-config --libs weft) -Wl,-Bdynamic \
    $(pkg-config --static --libs-only-other weft) -o "$tmp/by-pkg-config-static"
LD_LIBRARY_PATH='' run "$tmp/by-pkg-config-static"

# By find_package, in C and C++.
cmake -S "$here/package" -B "$tmp/package" -DCMAKE_PREFIX_PATH="$prefix" > "$tmp/log" ||
    { cat "$tmp/log"; exit 1; }
cmake --build "$tmp/package" > "$tmp/log" || { cat "$tmp/log"; exit 1; }
for program in c-shared c-static cxx-shared cxx-static; do
    run "$tmp/package/$program"
done

if [ -e "$libdir/libweft-tls.so" ]; then
    run "$tmp/package/tls-shared"
    run "$tmp/package/tls-static"
    $cc $flags "$here/consumer_tls.c" $(pkg-config --cflags --libs weft-tls) -o "$tmp/tls"
    run "$tmp/tls"
    $cc $flags "$here/consumer_tls.c" -c $(pkg-config --cflags weft-tls) -o "$tmp/tls.o"
    $cc "$tmp/tls.o" "$libdir/libweft-tls.a" "$libdir/libweft.a" \
        $(pkg-config --static --libs-only-l --libs-only-other libssl) -pthread -o "$tmp/tls-a"
    LD_LIBRARY_PATH='' run "$tmp/tls-a"
fi

# As a subdirectory of a project that has flags of its own, and must keep them.
cmake -S "$here/subproject" -B "$tmp/subproject" -DWEFT_SOURCE="$src" > "$tmp/log" ||
    { cat "$tmp/log"; exit 1; }
cmake --build "$tmp/subproject" --parallel 2 > "$tmp/log" || { cat "$tmp/log"; exit 1; }
run "$tmp/subproject/consumer"

# The installed command finds its library by itself.
if [ -x "$prefix/bin/weft" ]; then
    "$prefix/bin/weft" version
    (unset LD_LIBRARY_PATH PKG_CONFIG_PATH
        XDG_CACHE_HOME="$tmp/cache" HOME="$tmp" run "$prefix/bin/weft" run "$here/consumer.c"
        # ... and the library that it preloads, wherever the prefix was moved.
        if [ -e "$libdir/libweft-check.so" ]; then
            XDG_CACHE_HOME="$tmp/cache" HOME="$tmp" run "$prefix/bin/weft" check --schedules 50 \
                "$here/threads.c"
            "$prefix/bin/weft" cc "$here/threads.c" -o "$tmp/threads"
            run "$prefix/bin/weft" check --schedules 50 "$tmp/threads"
        fi)
fi
