# serve.py - servers, measured from outside: one process serves, another one asks.
#
# The server runs on the CPUs of its case, whoever asks on as many others.  A server is called
# `program CASE WORKERS PORT` and is ready when it accepts a connection.  LOADS says of each load
# who asks it.
# SPDX-License-Identifier: MIT
import os
import re
import resource
import signal
import socket
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

READY_S = 20    # a server has so long to accept its first connection
TIMEOUT_S = 60  # and whoever asks, for all of its asking
ODD_FDS = 1000  # beyond one for each connection


class Failed(Exception):
    pass


def cpus_of_asker(cpus, workers):
    """As many CPUs as the server has, none of them its own; None if there are not so many."""
    others = sorted(set(os.sched_getaffinity(0)) - set(cpus), reverse=True)
    return others[:workers] if len(others) >= workers else None


def environment(workers):
    return {**os.environ, "WEFT_WORKERS": str(workers), "GOMAXPROCS": str(workers),
            "ERL_FLAGS": f"+S {workers}:{workers} +P 4000000"}


def raise_fd_limit():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until_ready(server, port, said):
    ends = time.monotonic() + READY_S
    while time.monotonic() < ends:
        if server.poll() is not None:
            raise Failed(f"the server has ended: {said.read_text()[-500:].strip()}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise Failed(f"the server accepts nobody after {READY_S} s")


def family_of(pid):
    """The process and all that descends from it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += family_of(int(child))
    return found


@contextmanager
def serving(command, cpus):
    """Yields (port, pid) of a server; nothing of it is left afterwards."""
    port, workers = free_port(), len(cpus)
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder) / "stderr"  # a file, which takes all that is said
        server = subprocess.Popen(
            [*command, str(workers), str(port)], stdout=subprocess.DEVNULL, stderr=said.open("wb"),
            start_new_session=True, env={**environment(workers), "TMPDIR": folder},
            preexec_fn=lambda: (os.sched_setaffinity(0, cpus), raise_fd_limit()))
        try:
            wait_until_ready(server, port, said)
            yield port, server.pid
        finally:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def ask(command, cpus):
    """What a program that asks says on stdout."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=TIMEOUT_S, preexec_fn=lambda: (
                                  os.sched_setaffinity(0, cpus), raise_fd_limit()))
    except subprocess.TimeoutExpired:
        raise Failed(f"no end of asking after {TIMEOUT_S} s") from None
    if done.returncode != 0:
        raise Failed(f"{Path(command[0]).name}: {done.stderr.strip()[-200:]}")
    return done.stdout


def cpu_seconds(pids):
    """CPU time of processes, all of their threads, those that have ended too, to the nanosecond:
    the clock that clock_getcpuclockid(3) names."""
    return sum(time.clock_gettime(~pid << 3 | 2) for pid in pids)


# ---- who asks ------------------------------------------------------------------------------------


def ask_load(case, n, load, port, pid, cpus):
    """bench/LOAD/load.c, which prints the rows itself."""
    pids = map(str, family_of(pid))
    said = ask([*load, case.name, str(case.workers), str(n), str(port), *pids], cpus)
    words = [line.split() for line in said.splitlines()]
    return [(float(value), unit) for _, value, unit in words]


SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1}


def ask_wrk(case, n, load, port, pid, cpus):
    """wrk with as many connections as the case's name says, for n milliseconds."""
    url = f"http://127.0.0.1:{port}/"

    def run(ms):
        return ask(["wrk", "--latency", "--timeout", "30s", f"-t{case.workers}", f"-c{case.name}",
                    f"-d{max(1, round(ms / 1000))}s", url], cpus)

    run(1000)  # to warm up; and now all of its processes are there
    pids = family_of(pid)
    before = cpu_seconds(pids)
    said = run(n)
    cpu = cpu_seconds(pids) - before
    count, lasted = re.search(r"(\d+) requests in ([\d.]+)s", said).groups()
    late = re.search(r"99%\s+([\d.]+)(us|ms|s)", said)
    if int(count) == 0 or "Non-2xx" in said or "Socket errors" in said:
        raise Failed(f"wrk: {' '.join(said.split())[-200:]}")
    return [(cpu / int(count) * 1e6, "us"), (float(lasted) / int(count) * 1e6, "us"),
            (float(late.group(1)) * SECONDS[late.group(2)] * 1e6, "us")]


CLIENTS, PIPELINED, KEYS, FILL = 50, 16, 100_000, 500_000  # the last: so nearly every key is set


def ask_redis(case, n, load, port, pid, cpus):
    """redis-benchmark, PIPELINED commands at a time, n of them in all, over many keys; `hot`: GET
    of a single key, which is what it does by itself.

    A process of its own for each CPU: with --threads 2 it ends on a quarter of a second only, and
    its threads wait for each other.  Each reckons its own rate, from its first command to its last.
    """
    keys = [] if case.name == "hot" else ["-r", str(KEYS)]
    name = "GET" if case.name == "hot" else case.name.upper()

    def run(cpu, name, clients, count):
        said = ask(["redis-benchmark", "-h", "127.0.0.1", "-p", str(port), "-c", str(clients),
                    "-P", str(PIPELINED), "-n", str(count), "-t", name.lower(), "--csv", *keys],
                   [cpu])
        line = re.search(rf'^"{name}","([\d.]+)",' + r'"[\d.]+",' * 4 + r'"([\d.]+)"', said, re.M)
        if not line:
            raise Failed(f"redis-benchmark: {' '.join(said.split())[-200:]}")
        return [float(value) for value in line.groups()]

    run(cpus[0], "SET", CLIENTS, FILL)
    pids, count = family_of(pid), n // len(cpus) // PIPELINED * PIPELINED
    before = cpu_seconds(pids)
    with ThreadPoolExecutor(len(cpus)) as pool:
        found = list(pool.map(lambda cpu: run(cpu, name, CLIENTS // len(cpus), count), cpus))
    cpu = cpu_seconds(pids) - before
    return [(cpu / (count * len(cpus)) * 1e6, "us"), (1e6 / sum(rate for rate, _ in found), "us"),
            (max(late for _, late in found) * 1e3, "us")]


LOADS = {"echo": ask_load, "http": ask_wrk, "resp": ask_redis}


def sample(case, n, command, load, cpus):
    """One run: [(value, unit)], one for each row of the case."""
    askers = cpus_of_asker(cpus, case.workers)
    if not askers:
        raise Failed(f"{2 * case.workers} CPUs are needed")
    if case.name == "idle" and resource.getrlimit(resource.RLIMIT_NOFILE)[1] < n + ODD_FDS:
        raise Failed(f"{n + ODD_FDS} descriptors are needed (ulimit -Hn)")
    with serving([*command, case.name], cpus) as (port, pid):
        values = LOADS[case.load](case, n, load, port, pid, askers)
    if len(values) != len(case.rows):
        raise Failed("printed something else than its rows")
    return values
