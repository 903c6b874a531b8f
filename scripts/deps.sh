#!/bin/sh
# deps.sh - the only list of Debian packages: what each purpose needs; installs what is missing.
#
#   scripts/deps.sh [build|demo|test|bench|night]...
#
# Says nothing and is done at once when all is there.
# SPDX-License-Identifier: MIT
set -eu

packages_for() {
    case $1 in
    build | demo) echo gcc libc6-dev make cmake ninja-build ;;
    test | night) packages_for build
        echo g++ clang libclang-rt-14-dev gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
        echo python3 pkg-config gdb binutils valgrind procps coreutils groff-base
        echo pigz zstd xz-utils plzip bzip2 pbzip2 memcached
        echo libssl-dev openssl node-llhttp curl wrk # for libweft-tls, -http, left out without
        echo nginx-light redis-tools ;;
    bench) packages_for build
        echo g++ golang-go erlang-base libtbb-dev libboost-fiber-dev valgrind linux-perf
        echo librust-rayon-dev rustc cargo libuv1-dev libasio-dev python3
        echo nginx-light nodejs wrk node-llhttp redis-server redis-tools ;;
    *) echo "deps.sh: build, demo, test, bench or night, not $1" >&2; return 2 ;;
    esac
}

is_installed() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

[ $# -gt 0 ] || set -- build
wanted=
for purpose; do
    list=$(packages_for "$purpose")
    wanted="$wanted $list"
done

if ! command -v dpkg-query >/dev/null; then
    echo "deps.sh: this is not Debian; needed are the likes of:" $wanted >&2
    exit 0
fi

missing=
for package in $wanted; do
    is_installed "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "deps.sh: to $* these packages are missing:$missing"
as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "deps.sh: not root, and no sudo; as root, run: apt-get install$missing" >&2
        exit 1
    fi
    echo "deps.sh: installing them with sudo"
    as_root="sudo"
fi

export DEBIAN_FRONTEND=noninteractive
apt="$as_root apt-get -q -y -o DPkg::Lock::Timeout=300"
# Lists that are absent or old name files that the mirrors no longer have.
$apt install --no-install-recommends $missing || {
    $apt update
    $apt install --no-install-recommends $missing
}
