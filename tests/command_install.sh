# command_install.sh - the installed command finds its library and headers, wherever it is moved.
# SPDX-License-Identifier: MIT
. "$2/tests/command.inc"

cat >show.c <<'EOF'
#include <stdio.h>
#include <weft.h>
int main(void)
{
    printf("%s\n", weft_version());
    return 6;
}
EOF

# works COMMAND PREFIX
works()
{
    got=$("$1" run show.c)
    same "status of $1" 6 $?
    same "output of $1" "$version" "$got"
    holds "library of $1" "library   $2/" "$("$1" version)"
    holds "headers of $1" "headers   $2/" "$("$1" version)"
    "$1" build show.c -o show || fail "$1 build"
    same "what $1 built" "$version" "$(./show)"
}

version=$("$weft" version | sed -n '1s/^weft //p')
cmake --install "$build" --prefix "$work/prefix" >install.log 2>&1 ||
    fail "install: $(cat install.log)"
works "$work/prefix/bin/weft" "$work/prefix"
mv prefix "moved here"
works "$work/moved here/bin/weft" "$work/moved here"
mkdir links
ln -s "$work/moved here/bin/weft" links/weft
works "$work/links/weft" "$work/moved here"
got=$(PATH="$work/links:$PATH" weft run show.c)
same "from PATH" "$version" "$got"

# WEFT_HOME: the installed prefix for the command of the build tree.
export WEFT_HOME="$work/moved here"
works "$weft" "$work/moved here"
finish
