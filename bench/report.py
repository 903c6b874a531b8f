# report.py - puts the figures of a run into the tables of REPORT.md, between their markers.
#
# A table lies between `<!-- bench:NAME -->` and `<!-- bench:end -->`; all else on the page is
# written by people and is left as it is.  So is the last column of the table of instructions, which
# says what they are spent on, and a row that the run did not measure.
# SPDX-License-Identifier: MIT
import json
import os
import platform
import re
import shlex
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import plot
from rows import GROUPS, NAMES, ROWS, group_of

GROWTH_MAX = 1.1  # of an operation's count over the recorded one
RECORDED = Path(__file__).resolve().parent / "counts" / "recorded.txt"


def show(value):
    if value >= 10_000:
        return f"{value:.0f}"
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def table(heads, rows):
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return lines + ["| " + " | ".join(cells) + " |" for cells in rows]


def cells_of(text):
    """{first cell: [cells]} of a table that is there already."""
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")]
            for line in text.splitlines() if line.startswith("|")]
    return {row[0]: row for row in rows[2:]}


# ---- the tables ----------------------------------------------------------------------------------


def version_of(command, pattern):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    except OSError:
        return None
    found = re.search(pattern, done.stdout)
    return found.group(1) if found else None


def version_query(package):
    return ["dpkg-query", "-W", "-f=${Version}", package]


def machine(run, old):
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    commit = version_of(["git", "-C", str(run.folder), "rev-parse", "--short", "HEAD"],
                        r"^([0-9a-f]+)$")
    versions = [("gcc", ["gcc", "--version"], r"(\d+\.\d+)"),
                ("Go", ["go", "version"], r"go(\d+\.\d+)"),
                ("Erlang/OTP", version_query("erlang-base"), r"(\d+)\."),
                ("Boost", version_query("libboost-fiber-dev"), r"(\d+\.\d+)"),
                ("TBB", version_query("libtbb-dev"), r"(\d+\.\d+)"),
                ("Rayon", version_query("librust-rayon-dev"), r"(\d+\.\d+)"),
                ("rustc", version_query("rustc"), r"(\d+\.\d+)"),
                ("libuv", version_query("libuv1-dev"), r"(\d+\.\d+)"),
                ("Asio", version_query("libasio-dev"), r"(\d+\.\d+\.\d+)"),
                ("Python", version_query("python3"), r"(\d+\.\d+)"),
                ("nginx", ["nginx", "-v"], r"/(\d+\.\d+)"),
                ("redis", ["redis-server", "--version"], r"v=(\d+\.\d+)"),
                ("node", ["node", "--version"], r"v(\d+)"),
                ("glibc", ["ldd", "--version"], r"(\d+\.\d+)\n")]
    versions = [f"{name} {found}" for name, *how in versions if (found := version_of(*how))]
    runs = sorted({line["runs"] for line in run.lines if line.get("runs")})
    runs = f"{runs[0]} to {runs[-1]}" if len(runs) > 1 else str(runs[0]) if runs else "?"
    return table(["", ""], [
        ["date, commit", f"{time.strftime('%Y-%m-%d', run.when)}, {commit or '?'}"],
        ["machine", f"{cpu.group(1).strip() if cpu else platform.machine()}, {os.cpu_count()} CPUs "
         f"of which each row uses 1 or 2, {memory:.0f} GB"],
        ["kernel", f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}"],
        ["compilers and peers", ", ".join(versions)],
        ["runs", f"{runs} of each, peers taking turns"]])


def floors(run, old):
    had = cells_of(old)
    for line in run.lines:
        if line["load"].startswith("floor_") and line["median"] is not None:
            had[line["load"]] = [line["load"], show(line["median"]), show(line["min"]),
                                 show(line["max"]), line["unit"]]
    return table(["floor", "median", "min", "max", "unit"], had.values())


def peers(run, old, group):
    had, names = cells_of(old), ["weft", *GROUPS[group]]
    own = {line["load"]: line["median"] for line in run.lines
           if line["peer"] == "weft" and line["median"]}
    heads = ["load", "unit", "floor", *[NAMES[peer] for peer in names], "reached", "target", "met"]
    found = {}
    for load in dict.fromkeys(line["load"] for line in run.lines):
        if load.startswith(("floor_", "counts_")) or group_of(load) != group:
            continue
        lines = {line["peer"]: line for line in run.lines if line["load"] == load}
        weft = lines.get("weft", {})
        unit = next((line["unit"] for line in lines.values() if line["unit"]), "")
        wanted = ROWS.get(load)
        medians = {peer: line["median"] for peer, line in lines.items() if line["median"]}
        reached, met = ([], None) if not wanted else wanted.judge(
            {**own, **medians, "floor": weft.get("floor")})
        found[load] = [
            load, unit, show(weft["floor"]) if "floor" in weft else "",
            *[show(medians[peer]) if peer in medians
              else "failed" if "failed" in lines.get(peer, {})
              else "not run" if run.has(load, peer) else "-" for peer in names],
            ", ".join(show(value) for value in reached),
            wanted.target(unit) if wanted else "", {None: "", True: "yes", False: "no"}[met]]
    kept = {load: row for load, row in had.items() if load not in found and len(row) == len(heads)}
    order = {load: at for at, load in enumerate(dict.fromkeys([*run.order, *found, *kept]))}
    return table(heads, sorted({**kept, **found}.values(), key=lambda row: order[row[0]]))


def counts(run, old):
    had = cells_of(old)
    now = {line["load"]: line["median"] for line in run.lines
           if line["load"].startswith("counts_") and line["median"]}
    rows = []
    for name in dict.fromkeys([*had, *now]):
        row = had.get(name, [name, "", "", ""])
        least = [float(text) for text in (row[1], row[2]) if re.fullmatch(r"[\d.]+", text)]
        count = now.get(name) or (float(row[1]) if least else None)
        if count:
            rows.append([name, show(count), show(min([*least, count])),
                         row[3] if len(row) > 3 else ""])
    return table(["operation", "instructions", "least ever", "what they are spent on"], rows)


TABLES = {"machine": machine, "floors": floors, "counts": counts,
          **{name: partial(peers, group=name) for name in GROUPS}}

# ---- the page ------------------------------------------------------------------------------------


class Run:
    """The lines that one or more runs have printed; of two about the same the later counts."""

    def __init__(self, paths, folder, has, order):
        found, self.has, self.order = {}, has, order
        for path in paths:
            for text in Path(path).read_text().splitlines():
                if text.startswith("{"):
                    line = json.loads(text)
                    found[line["load"], line["peer"]] = line
        self.lines, self.folder = list(found.values()), folder
        self.when = time.localtime(max(os.path.getmtime(path) for path in paths))


def rewrite(paths, folder, has, order):
    """has(row, peer): has the peer a program for this row?  order: all rows."""
    page = folder / "REPORT.md"
    text, run = page.read_text(), Run(paths, folder, has, order)
    for name, make in TABLES.items():
        between = re.compile(rf"(<!-- bench:{name} -->\n)(.*?)(<!-- bench:end -->)", re.S)
        found = between.search(text)
        if not found:
            print(f"bench: {page} has no <!-- bench:{name} -->", file=sys.stderr)
            return 2
        lines = "\n".join(make(run, found.group(2))) + "\n"
        text = text[:found.start(2)] + lines + text[found.end(2):]
    page.write_text(text)
    medians = {}
    for line in run.lines:
        medians.setdefault(line["load"], {})[line["peer"]] = line["median"]
    picture = plot.draw(medians)
    if picture:
        (folder / "grain.svg").write_text(picture)
    print(f"bench: {len(run.lines)} lines into {page}", file=sys.stderr)
    return 0


# ---- counts/recorded.txt -------------------------------------------------------------------------


def compiled_by():
    """What a count depends on, beside the source."""
    compiler = shlex.split(os.environ.get("CC") or "cc")
    version = version_of([*compiler, "--version"], r"(.*)\n") or "?"
    kind = "clang" if "clang" in version else "gcc"
    number = re.search(r"(\d+)\.\d+", version)
    return f"{kind}-{number.group(1) if number else '?'} {platform.machine()}"


def recorded():
    """What they are of, {name: instructions}"""
    words = [line.partition(" ") for line in RECORDED.read_text().splitlines() if line[:1] != "#"]
    of = next((rest for word, _, rest in words if word == "compiler"), "")
    return of, {word: float(rest) for word, _, rest in words if word != "compiler"}


def incomparable():
    """Why the recorded counts say nothing here; None when they do."""
    if not RECORDED.exists():
        return f"{RECORDED.name} is missing"
    of = recorded()[0]
    return None if of == compiled_by() else f"recorded for {of}, and this is {compiled_by()}"


def compare(counts):
    _, was = recorded()
    grown = [name for name in counts if counts[name] > was.get(name, 0) * GROWTH_MAX]
    for name, count in counts.items():
        told = f"{name}: {count:.1f} instructions, recorded {was.get(name, 'nothing')}"
        print(f"{told}: more by over a tenth" if name in grown else told)
    gone = sorted(set(was) - set(counts))
    if gone:
        print(f"recorded, but counted no more: {' '.join(gone)}")
    if grown or gone:
        print("If that is meant, `make counts` records the new figures, for the same commit.")
    return 1 if grown or gone else 0


def record(counts):
    lines = ["# recorded.txt - instructions of one operation, by callgrind.",
             "# Written by `make counts`; tests/counts.sh compares, where the compiler and the",
             "# machine are these.",
             f"compiler {compiled_by()}"]
    lines += [f"{name} {count:.1f}" for name, count in counts.items()]
    RECORDED.write_text("\n".join(lines) + "\n")
