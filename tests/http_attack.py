# http_attack.py - clients of the worst manners against an http server (http_attack.sh).
# SPDX-License-Identifier: MIT
#
#   http_attack.py HOST PORT PID SECONDS MEMORY
#
# MEMORY: kilobytes by which the server may grow after the first third; 0: not looked at.
import os
import random
import socket
import struct
import sys
import threading
import time

HOST, PORT, PID = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
SECONDS, MEMORY = float(sys.argv[4]), int(sys.argv[5])
SLOW = 40  # connections of each slow kind
FIRST_S = 20  # the server's limits for a first byte and a head
GOOD = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
BODY = b"Hello, world\n"
failures, counts, lock = [], {}, threading.Lock()
end = time.monotonic() + SECONDS


def fail(text):
    with lock:
        if len(failures) < 20:
            print("FAILED:", text, flush=True)
        failures.append(text)


def connect():
    return socket.create_connection((HOST, PORT), timeout=15)


def read_all(s):
    """All until the end; a reset is one, too."""
    data = b""
    try:
        while piece := s.recv(65536):
            data += piece
    except (ConnectionResetError, BrokenPipeError):
        pass
    return data


def status(data):
    return int(data[9:12]) if data.startswith(b"HTTP/1.1 ") else 0


def exchange(data, wanted, what, half=True):
    """Sends it all and its end; the reply must be one of those wanted (0: none)."""
    with connect() as s:
        try:
            s.sendall(data)
            if half:
                s.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # refused before all was sent
        reply = read_all(s)
        if status(reply) not in wanted:
            fail(f"{what}: {reply[:200]!r}")
        return reply


def good():
    with connect() as s:
        n = random.randint(1, 5)
        s.sendall(GOOD * n)
        data = b""
        while data.count(BODY) < n:
            piece = s.recv(65536)
            if not piece:
                return fail(f"good: {n} wanted: {data[:300]!r}")
            data += piece


def half_closed():
    if not exchange(GOOD, {200}, "half closed").endswith(BODY):
        fail("half closed: no body")


def cut():
    exchange(GOOD[:random.randrange(1, len(GOOD) - 1)], {0, 400, 408}, "cut")


def reset():
    with connect() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.sendall((GOOD * 3)[:random.randrange(len(GOOD) * 3)])


def gone():
    with connect() as s:
        s.sendall(GOOD * random.randint(1, 100))  # and does not read


def flood():
    """More requests than their replies fit into the buffers, and nobody reads for a while."""
    with connect() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.setblocking(False)
        for _ in range(200):
            try:
                s.send(GOOD * 100)
            except BlockingIOError:
                time.sleep(0.001)


def garbage():
    with connect() as s:
        try:
            s.sendall(random.randbytes(random.randrange(1, 4000)) + b"\r\n\r\n")
            s.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        if status(reply := read_all(s)) not in {0, 400, 414, 431, 501, 505}:
            fail(f"garbage: {reply[:200]!r}")


def long_line():
    exchange(b"GET /" + b"a" * random.randrange(9000, 100000) + b" HTTP/1.1\r\nHost: a\r\n\r\n",
             {0, 414}, "long line")


def long_head():
    exchange(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * random.randrange(20000, 100000) +
             b"\r\n\r\n", {0, 431}, "long head")


def many_headers():
    exchange(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: 1\r\n" * 200 + b"\r\n", {431}, "many headers")


def smuggle():
    exchange(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n"
             b"\r\n0\r\n\r\n", {400}, "smuggle")


def bad_chunk():
    bad = random.choice([b"xyz\r\n", b"-1\r\nab\r\n", b"ffffffffffffffffff\r\n", b"3\r\nabcd\r\n",
                         b"3\nabc\n0\n\n", b"0\r\nX Y: 1\r\n\r\n", b"5\r\nab"])
    exchange(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + bad,
             {200, 400}, "bad chunk")  # nobody reads the body: the reply may be there already


def endless_body():
    with connect() as s:
        try:
            s.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999\r\n\r\n")
            for _ in range(500):  # the kernel alone takes up to 10 MB on loopback
                s.sendall(b"a" * 65536)
        except OSError:
            pass
        else:
            fail("endless body: 32 MB were taken")


ATTACKS = [good, half_closed, cut, reset, gone, flood, garbage, long_line, long_head, many_headers,
           smuggle, bad_chunk, endless_body]


def attacker(seed):
    choose = random.Random(seed)
    while time.monotonic() < end and len(failures) < 20:
        attack = choose.choice(ATTACKS)
        try:
            attack()
        except (ConnectionResetError, BrokenPipeError):
            if attack is good:
                fail("good: reset")
        except Exception as e:
            fail(f"{attack.__name__}: {e!r}")
        with lock:
            counts[attack.__name__] = counts.get(attack.__name__, 0) + 1


def slow(kind):
    """Many that say nothing, or a byte now and then: each is shut out when its time is over."""
    began = time.monotonic()
    sockets = [connect() for _ in range(SLOW)]
    for s in sockets:
        s.setblocking(False)
    left, head = set(sockets), GOOD[:-2] + b"X: " + b"a" * 1000
    at = 0
    while left and time.monotonic() - began < FIRST_S + 10:
        for s in list(left):
            try:
                if kind == "bytes":
                    s.send(head[at:at + 1])
                if not s.recv(4096):
                    left.remove(s)
            except BlockingIOError:
                pass
            except OSError:
                left.remove(s)
        at += 1
        time.sleep(0.5)
    took = time.monotonic() - began
    if left:
        fail(f"slow {kind}: {len(left)} of {SLOW} are still there")
    if took < FIRST_S - 1:
        fail(f"slow {kind}: shut out after {took:.1f} s")
    for s in sockets:
        s.close()


def prober():
    worst = 0
    while time.monotonic() < end:
        began = time.monotonic()
        try:
            good()
        except OSError as e:
            fail(f"prober: {e!r}")
        worst = max(worst, time.monotonic() - began)
        time.sleep(0.1)
    print(f"prober: worst {worst * 1000:.0f} ms", flush=True)
    if worst > 10:
        fail("a request waited for more than 10 s")


def memory_kb():
    with open(f"/proc/{PID}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


def fds():
    """How many sockets, and how many others."""
    sockets = others = 0
    for fd in os.listdir(f"/proc/{PID}/fd"):
        try:
            is_socket = os.readlink(f"/proc/{PID}/fd/{fd}").startswith("socket:")
        except OSError:
            continue  # closed meanwhile
        sockets += is_socket
        others += not is_socket
    return sockets, others


good()
others_before = fds()[1]
# A worker that has something to do for the first time opens two of its own.
others_max = others_before + 2 * len(os.sched_getaffinity(PID))
threads = [threading.Thread(target=attacker, args=(i,)) for i in range(6)]
threads += [threading.Thread(target=prober)]
threads += [threading.Thread(target=slow, args=(kind,)) for kind in ("nothing", "bytes")]
for t in threads:
    t.start()
time.sleep(SECONDS / 3)
memory = memory_kb()
for t in threads:
    t.join()
grown = memory_kb() - memory
print(f"{sum(counts.values())} attacks, memory {memory} KB, later {grown:+d} KB", flush=True)
if MEMORY and grown > MEMORY:
    fail(f"memory: {memory} KB, then {grown:+d} KB")
for _ in range(300):
    if fds()[0] <= 1:  # the one that listens
        break
    time.sleep(0.1)
else:
    fail(f"descriptors: {fds()[0]} sockets are open still")
if fds()[1] > others_max:
    fail(f"descriptors: {others_before} beside sockets at first, {fds()[1]} now")
sys.exit(1 if failures else 0)
