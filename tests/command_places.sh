# command_places.sh - where weft run keeps programs, and where else when it cannot.
# SPDX-License-Identifier: MIT
. "$2/tests/command.inc"

echo 'int main(void) { return 4; }' >four.c

# kept WHERE: runs four.c, and the program must then lie there.
kept()
{
    messages=$("$weft" run four.c 2>&1)
    same "status with $1" 4 $?
    find "$1" -type f -name four | grep -q . || fail "nothing was kept in $1"
}

kept cache
same "messages" "" "$messages"
WEFT_CACHE=relative/deep
kept relative/deep
unset WEFT_CACHE
XDG_CACHE_HOME=$work/xdg
export XDG_CACHE_HOME
kept xdg/weft
unset XDG_CACHE_HOME
kept home/.cache/weft
unset HOME
kept "tmp/weft-$(id -u)"
same "messages without HOME" "" "$messages"
export HOME="$work/home"

# A directory that cannot be made, one that others can write to.
echo >file
export WEFT_CACHE="$work/file/cache"
rm -rf home/.cache
kept home/.cache/weft
holds "a place that cannot be" "WEFT_CACHE=$work/file/cache: " "$messages"
mkdir open
chmod 777 open
export WEFT_CACHE="$work/open"
rm -rf home/.cache
kept home/.cache/weft
holds "a place of everybody" "others can change" "$messages"
same "nothing in the place of everybody" "" "$(ls open)"
rm -rf home/.cache
echo >home/.cache
kept "tmp/weft-$(id -u)"
got=$(TMPDIR=$work/file "$weft" run four.c 2>&1)
same "status with no place at all" 2 $?
holds "no place at all" "set WEFT_CACHE" "$got"

# A directory that may be read only.  Root may write anywhere, so root becomes somebody else.
mkdir locked
export WEFT_CACHE="$work/locked" HOME="$work/locked"
as=
if [ "$(id -u)" = 0 ]; then
    chmod 755 "$work"
    chmod 777 tmp
    chown 65534 locked
    as="setpriv --reuid=65534 --regid=65534 --clear-groups"
    $as test -x "$weft" -a -r "$build/libweft.a" 2>/dev/null || finish
fi
chmod 555 locked
got=$($as "$weft" run four.c 2>&1)
same "status with a locked cache" 4 $?
holds "a locked cache" "permission denied" "$got"
chmod 755 locked
finish
