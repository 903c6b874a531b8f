#!/bin/sh
# example_redis.sh - examples/redis.c serves redis-cli, redis-benchmark, and whoever types by hand.
#
#   example_redis.sh BUILD_DIR SOURCE_DIR
#
# SPDX-License-Identifier: MIT
. "$2/tests/serving.inc"
[ -x "$examples/redis" ] || { echo "no examples/redis"; exit 77; }
needs redis-cli redis-benchmark python3

cat > "$tmp/ask.py" <<'END'
import socket
import sys

server = socket.create_connection(("127.0.0.1", int(sys.argv[1])))


def ask(request, wanted, pieces=1):
    """Sends it in so many pieces, and reads as much as is wanted."""
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for i in range(pieces):
        server.sendall(request[i * len(request) // pieces:(i + 1) * len(request) // pieces])
    got = b""
    while len(got) < len(wanted):
        more = server.recv(65536)
        if not more:
            break
        got += more
    assert got == wanted, (request[:100], got[:100])


def words(*parts):
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)


# Typed by hand; in pieces of a byte; many at once.
ask(b"PING\r\nset hand  made\r\n\r\nget hand\n", b"+PONG\r\n+OK\r\n$4\r\nmade\r\n")
request = words(b"SET", b"a", b"x\r\ny\0z") + words(b"GET", b"a")
ask(request, b"+OK\r\n$6\r\nx\r\ny\0z\r\n", len(request))
ask(words(b"INCR", b"many") * 10000, b"".join(b":%d\r\n" % i for i in range(1, 10001)), 7)
ask(words(b"SET", b"long", b"v" * 16000), b"+OK\r\n")
ask(words(b"GET", b"long") * 200, (b"$16000\r\n" + b"v" * 16000 + b"\r\n") * 200)
ask(words(b"SET", b"", b""), b"+OK\r\n")
ask(words(b"GET", b""), b"$0\r\n\r\n")
ask(b"*0\r\n" + words(b"INCR", b"a") + words(b"SET", b"a"),
    b"-ERR value is not an integer or out of range\r\n-ERR wrong number of arguments\r\n")
ask(words(b"SET", b"n", b"9223372036854775807") + words(b"INCR", b"n") + words(b"INCR", b"none"),
    b"+OK\r\n-ERR value is not an integer or out of range\r\n:1\r\n")

# What is no command, or too long, ends the connection.
for wrong in b"*x\r\n", b"*1\r\n$-1\r\n", b"*1\r\n:1\r\n", words(*[b"a"] * 65), b"x" * 17000:
    server = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    try:
        server.sendall(wrong)
        assert server.recv(1) == b"", wrong[:20]
    except ConnectionError:
        pass # closed with bytes unread
END

requests=160000 # a multiple of -P, or a few more are sent
[ -z "${WEFT_SANITIZE:-}" ] || requests=3200
for io in $(backends); do
    serve redis 127.0.0.1:0
    cli() { redis-cli -p "$port" "$@"; }
    expect "$(cli ping)" PONG
    expect "$(cli set key 'a value')" OK
    expect "$(cli get key)" 'a value'
    expect "$(cli get other)" ''
    expect "$(cli exists key)$(cli exists other)" 10
    expect "$(cli incr n) $(cli incr n)" '1 2'
    expect "$(cli del key)$(cli del key)" 10
    expect "$(cli incr)" 'ERR wrong number of arguments'
    python3 "$tmp/ask.py" "$port"
    redis-benchmark -p "$port" -q -P 16 -n $requests -r 1000 -t ping,set,get,incr \
        > "$tmp/bench" 2>&1
    tr '\r' '\n' < "$tmp/bench" > "$tmp/lines"
    expect "$(grep -c 'requests per second' "$tmp/lines")" 5
    cli set counter 0 > /dev/null
    redis-benchmark -p "$port" -q -P 16 -n $requests incr counter > /dev/null 2>&1
    expect "$(cli get counter)" $requests
    leave redis "$pid"
done
