#!/bin/sh
# example_proxy.sh - examples/proxy.c passes on all bytes and both ends, and gives up who is silent.
#
#   example_proxy.sh BUILD_DIR SOURCE_DIR
#
# SPDX-License-Identifier: MIT
. "$2/tests/serving.inc"
[ -x "$examples/proxy" ] || { echo "no examples/proxy"; exit 77; }
needs python3

cat > "$tmp/ask.py" <<'END'
import os
import socket
import sys
import threading
import time

what, port = sys.argv[1], int(sys.argv[2])


def connect():
    return socket.create_connection(("127.0.0.1", port), 30)


def read_all(peer):
    got = b""
    while True:
        more = peer.recv(65536)
        if not more:
            return got
        got += more


def echoed(data):
    peer = connect()
    sender = threading.Thread(target=lambda: (peer.sendall(data), peer.shutdown(socket.SHUT_WR)))
    sender.start() # our end passes the proxy, the server answers it by its own: that ends read_all
    assert read_all(peer) == data
    sender.join()


if what == "echo":
    echoed(b"")
    echoed(os.urandom(3000000))
    crowd = [threading.Thread(target=echoed, args=(os.urandom(1000 + i),)) for i in range(50)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
if what == "closed":
    assert read_all(connect()) == b""
if what == "silent":
    began = time.monotonic()
    peer = connect()
    try:
        peer.sendall(b"x")
        got = read_all(peer)
    except ConnectionError:
        got = b""
    took = time.monotonic() - began
    # Nothing: where nobody is run for so long, all are silent, and rightly given up.
    assert took >= 0.2 and got in (b"x", b""), (took, got)
END

for io in $(backends); do
    serve echo 127.0.0.1:0
    echoing=$pid behind=$port
    serve proxy 127.0.0.1:0 "127.0.0.1:$behind"
    python3 "$tmp/ask.py" echo "$port"
    leave proxy "$pid"

    serve proxy 127.0.0.1:0 "127.0.0.1:$behind" 0.2
    python3 "$tmp/ask.py" silent "$port"
    await grep -qx "proxy: 127.0.0.1:$behind: ETIMEDOUT: .*" "$tmp/proxy.err"
    sed -i '/ETIMEDOUT/d' "$tmp/proxy.err"
    leave proxy "$pid"
    leave echo "$echoing"

    serve proxy 127.0.0.1:0 "127.0.0.1:$behind"
    python3 "$tmp/ask.py" closed "$port"
    await grep -qx "proxy: 127.0.0.1:$behind: ECONNREFUSED.*" "$tmp/proxy.err"
    sed -i '/ECONNREFUSED/d' "$tmp/proxy.err"
    leave proxy "$pid"
done
