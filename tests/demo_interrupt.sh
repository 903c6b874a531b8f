#!/bin/sh
# demo_interrupt.sh - Ctrl-C in the middle: the demo ends cleanly, with what was done so far.
#
#   demo_interrupt.sh BUILD_DIR SOURCE_DIR
#
# Runs the demo on a terminal of its own, reads the progress line until the strategy in question is
# at work, and then types Ctrl-C there.
# SPDX-License-Identifier: MIT
set -eu
demo=$1/weft-demo
[ -x "$demo" ] || { echo "no $demo"; exit 77; }
command -v python3 > /dev/null || { echo 'no python3'; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# Files with holes: much to hash, nothing to store.  The endless ones are only read, at gigabytes a
# second, and that must not be over before Ctrl-C is typed.
mkdir "$tmp/large" "$tmp/medium" "$tmp/endless"
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
    truncate -s 128M "$tmp/large/$i"
    truncate -s 16M "$tmp/medium/$i"
    truncate -s 200G "$tmp/endless/$i"
done

cat > "$tmp/interrupt.py" <<'PYTHON'
import os
import pty
import re
import signal
import sys

status_wanted, how, progress, expected = sys.argv[1:5]
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[5], sys.argv[5:])

seen = b""
sent = False
signal.alarm(300)
while True:
    try:
        data = os.read(terminal, 4096)
    except OSError:  # the other side is closed
        break
    if not data:
        break
    seen += data
    if not sent and re.search(progress.encode() + rb" +\d+ files  [1-9]\d* MB", seen):
        sent = True
        if how == "type":
            os.write(terminal, b"\x03")
        else:
            os.kill(pid, signal.SIGTERM)
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
text = seen.decode(errors="replace").replace("\r\n", "\n")
last = re.sub(r".*\x1b\[K", "", text.rstrip("\n").split("\n")[-1])
if not sent or status != int(status_wanted) or not re.fullmatch(expected, last):
    print(text)
    sys.exit(f"FAILED: {progress}: sent {sent}, exit status {status}, last line {last!r}")
if "\r\x1b[K" not in text:
    sys.exit(f"FAILED: {progress}: the progress line was not cleared")
print(f"{progress}: {last}")
PYTHON

# interrupt STATUS HOW PROGRESS LAST_LINE ARGUMENT...
interrupt() {
    status=$1 how=$2 progress=$3 last=$4
    shift 4
    python3 "$tmp/interrupt.py" "$status" "$how" "$progress" "$last" "$demo" "$@" || exit 1
}

partial='had done \d+ files, \d+\.\d MB in \d+\.\d+ s'
interrupt 130 type 'reading once' \
    "interrupted: 0 of \d+ strategies done; reading once $partial" "$tmp/endless"
interrupt 130 type 'sequential' \
    "interrupted: 0 of \d+ strategies done; sequential $partial" "$tmp/large"
interrupt 143 kill 'sequential' \
    "interrupted: 0 of \d+ strategies done; sequential $partial" "$tmp/large"
interrupt 130 type 'threads and locks' \
    "interrupted: 0 of 1 strategies done; threads and locks $partial" \
    --strategy threads "$tmp/large"
interrupt 130 type 'tasks and channels' \
    "interrupted: 0 of 1 strategies done; tasks and channels $partial" \
    --strategy tasks "$tmp/large"
interrupt 130 type 'parallel for' \
    "interrupted: 0 of 1 strategies done; parallel for $partial" \
    --strategy loops "$tmp/large"
interrupt 143 kill 'parallel for' \
    "interrupted: 1 of 2 strategies done; parallel for $partial" \
    --strategy sequential --strategy loops --workers 1 "$tmp/medium"
interrupt 130 type 'tasks and channels' \
    "interrupted: 1 of 2 strategies done; tasks and channels $partial" \
    --strategy sequential --strategy tasks --workers 1 "$tmp/medium"
