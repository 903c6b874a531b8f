# python.py - run the program `true` and take what it says, on subprocess, in a thread each.
# SPDX-License-Identifier: MIT
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor


def run_some(n):
    for _ in range(n):
        subprocess.run(["true"], stdin=subprocess.DEVNULL, capture_output=True, check=True)


def run_all(n, at_once):
    each = n // at_once + 1
    start = time.monotonic()
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(run_some, [each] * at_once))
    return (time.monotonic() - start) * 1e6 / (each * at_once)


at_once, n = int(sys.argv[1]), int(sys.argv[3])
run_all(n // 10, at_once)
print(f"proc {run_all(n, at_once):.6g} us")
