#!/bin/sh
# example_chat.sh - in examples/chat.c guests hear each other; who does not listen stops nobody.
#
#   example_chat.sh BUILD_DIR SOURCE_DIR
#
# SPDX-License-Identifier: MIT
. "$2/tests/serving.inc"
[ -x "$examples/chat" ] || { echo "no examples/chat"; exit 77; }
needs python3

cat > "$tmp/talk.py" <<'END'
import socket
import sys


class Guest:
    def __init__(self):
        self.peer = socket.socket()
        self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.peer.settimeout(60)
        self.peer.connect(("127.0.0.1", int(sys.argv[1])))
        self.lines = self.peer.makefile("r")

    def say(self, line):
        self.peer.sendall(line.encode() + b"\n")

    def hears(self, *wanted):
        for line in wanted:
            got = self.lines.readline()
            while got.startswith("* you missed "): # of ann's own, who speaks fast
                got = self.lines.readline()
            assert got == line + "\n", (line, got)


ann = Guest()
ann.hears("* you are guest1; /nick NAME, /quit")
bob = Guest()
bob.hears("* you are guest2; /nick NAME, /quit")
ann.hears("guest2 is here")
ann.say("hello?")
bob.hears("guest1: hello?")
bob.say("/nick bob")
ann.hears("guest2 is now called bob")
bob.say("hello!\r")
ann.hears("bob: hello!")

# Nobody reads what comes to the third; ann speaks all the same, and hears it leave.
deaf = Guest()
ann.hears("guest3 is here")
bob.hears("guest3 is here")
for i in range(20000):
    ann.say("word %d %s" % (i, "x" * 300))
    if i % 10 == 9:
        while not bob.lines.readline().startswith("guest1: word %d " % i):
            pass
deaf.peer.settimeout(60)
said = next(line for line in deaf.lines if line.startswith("* you missed "))
assert int(said.split()[3]) > 0
deaf.say("/quit")
bob.hears("guest3 has left")
bob.say("/quit")
assert bob.lines.readline() == ""
ann.hears("guest3 has left", "bob has left")
ann.peer.close()
END

for io in $(backends); do
    serve chat 127.0.0.1:0
    python3 "$tmp/talk.py" "$port"
    leave chat "$pid"
done
