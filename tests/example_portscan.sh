#!/bin/sh
# example_portscan.sh - examples/portscan.c finds the ports that are open, and no others.
#
#   example_portscan.sh BUILD_DIR SOURCE_DIR
#
# SPDX-License-Identifier: MIT
. "$2/tests/serving.inc"
[ -x "$examples/portscan" ] || { echo "no examples/portscan"; exit 77; }

. "$2/tests/host.inc"
for io in $(backends); do
    serve echo $host:0
    echoing=$pid first=$port
    cp "$tmp/echo.err" "$tmp/first.err"
    serve echo $host:0
    WEFT_IO=$io "$examples/portscan" $host "$port" > "$tmp/said"
    diff "$tmp/said" - <<END
$port open
0 closed, 0 silent
END
    # All of them: others on this machine may listen, too.  Under ThreadSanitizer it takes a minute.
    if [ "${WEFT_SANITIZE:-}" != thread ]; then
        WEFT_IO=$io "$examples/portscan" $host > "$tmp/said"
        grep -qx "$first open" "$tmp/said"
        grep -qx "$port open" "$tmp/said"
        sum=$(awk '/ open$/ { n++ } / closed, / { n += $1 + $3 } END { print n }' "$tmp/said")
        expect "$sum" 65535
    fi
    leave echo "$pid"
    leave first "$echoing"
    WEFT_IO=$io "$examples/portscan" $host "$port" > "$tmp/said"
    expect "$(cat "$tmp/said")" '1 closed, 0 silent'
    status=0
    WEFT_IO=$io "$examples/portscan" $host 0 2> /dev/null || status=$?
    expect $status 2
done
