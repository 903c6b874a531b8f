# command_companions.sh - weft run and weft build with libraries beside libweft.
# SPDX-License-Identifier: MIT
. "$2/tests/command.inc"

cat >plain.c <<'EOC'
/* #include <weft/tls.h> */
#include <stdio.h>
#include <weft.h>
int main(void) { return puts("<weft/tls.h>") < 0; }
EOC
cat >tls.c <<'EOC'
#include <stdio.h>
#include <weft.h>
  #  include <weft/tls.h>
int main(void)
{
    weft_tls *tls;
    int rc = weft_tls_client(NULL, &tls, NULL);
    printf("%d\n", rc);
    weft_tls_free(tls);
    return 0;
}
EOC

# Who does not include it needs none of it.
got=$("$weft" build --verbose plain.c -o plain 2>&1) || fail "plain.c"
case $got in
*ssl*) fail "plain.c: linked with OpenSSL: $got" ;;
esac

# A Weft that was built without.
mkdir -p bare/include bare/lib
cp -r "$source_dir/include/." bare/include
cp "$build/libweft.a" bare/lib
got=$(WEFT_HOME=$PWD/bare "$weft" build tls.c -o tls 2>&1) && fail "no libweft-tls.a, and built"
holds "no libweft-tls.a" "libweft-tls.a, which this Weft was built without" "$got"
WEFT_HOME=$PWD/bare "$weft" build plain.c -o plain || fail "plain.c without libweft-tls.a"

if [ ! -e "$build/libweft-tls.a" ]; then
    echo "skipped: no libweft-tls"
    [ $failures -eq 0 ] && exit 77
    finish
fi
same "weft run" 0 "$("$weft" run tls.c)"
same "weft run, again" 0 "$("$weft" run tls.c)"
"$weft" build tls.c -o tls || fail "weft build"
same "weft build" 0 "$(./tls)"
holds "weft build" "libweft-tls.a -lssl -lcrypto" "$("$weft" build --verbose tls.c -o tls 2>&1)"
finish
