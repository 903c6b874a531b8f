#!/bin/sh
# example_echo.sh - examples/echo.c says back what it is told, to many, until its time is over.
#
#   example_echo.sh BUILD_DIR SOURCE_DIR
#
# SPDX-License-Identifier: MIT
. "$2/tests/serving.inc"
[ -x "$examples/echo" ] || { echo "no examples/echo"; exit 77; }
needs python3

cat > "$tmp/ask.py" <<'END'
import socket
import sys

peers = [socket.create_connection(("127.0.0.1", int(sys.argv[1])), 30) for i in range(100)]
for round in range(3):
    for i, peer in enumerate(peers):
        peer.sendall(b"%d says %d" % (i, round))
    for i, peer in enumerate(peers):
        wanted = b"%d says %d" % (i, round)
        got = b""
        while len(got) < len(wanted):
            more = peer.recv(100)
            assert more, got
            got += more
        assert got == wanted, got
for peer in peers:
    peer.shutdown(socket.SHUT_WR)
    assert peer.recv(1) == b""
END

for io in $(backends); do
    serve echo 127.0.0.1:0
    python3 "$tmp/ask.py" "$port"
    leave echo "$pid"
    WEFT_IO=$io "$examples/echo" 127.0.0.1:0 1 > "$tmp/said" # ends by itself, with 0
done
