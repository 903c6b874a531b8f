#!/usr/bin/env python3
# snippets.py - the code in the guide is code of compiled, tested programs, word for word.
#
#   scripts/snippets.py --check [ROOT]   tells each block that differs; status 1 if there is one
#   scripts/snippets.py --update [ROOT]  writes the blocks anew
#
# In a chapter (docs/guide/*.md) a line above a fenced block says where the block comes from:
#
#   <!-- from FILE.c: snippet LABEL -->    what stands between /* [LABEL] */ and /* [/LABEL] */
#   <!-- from FILE.c: function NAME -->    that function, with the comment above it
#   <!-- output of FILE.c -->              what the program prints, recorded in FILE.out beside it
#   <!-- output of FILE.c: NAME -->        of that, only what follows its line "-- NAME"
#
# and a line above a table that the code in the last column of each row stands somewhere in a file:
#
#   <!-- lines from FILE.c -->
#
# FILE is a path from the root, or a name in docs/guide/snippets.  A block of C without such a line
# must stand, word for word, in a program there or in the museum (examples/bugs).  In the text,
# words that begin with weft_ or WEFT_ must stand in a public header.  That the recorded output is
# the true one is for tests/guide.sh to see to.
# SPDX-License-Identifier: MIT
import glob
import os
import re
import sys
import textwrap

SNIPPETS = "docs/guide/snippets"
FROM = re.compile(r"<!-- from (\S+): (snippet|function) (\w+) -->$")
OUTPUT = re.compile(r"<!-- output of (\S+?)(?:: (\w+))? -->$")
LINES = re.compile(r"<!-- lines from (\S+) -->$")
SAID = re.compile(r"<!-- (from|output|lines)\b")
NAME = re.compile(r"\b(?:weft|WEFT)_\w*[A-Za-z0-9]\b(?!_)")
MARK = re.compile(r"\s*/\* \[/?\w+\] \*/$")


class Wrong(Exception):
    """What is wrong with a line of a chapter."""


def read(root, name):
    path = os.path.join(root, name if "/" in name else f"{SNIPPETS}/{name}")
    if not os.path.isfile(path):
        raise Wrong(f"there is no {os.path.relpath(path, root)}")
    with open(path, encoding="utf-8") as f:
        return f.read()


def texts(root, *patterns):
    paths = [path for pattern in patterns for path in glob.glob(os.path.join(root, pattern))]
    return "\n".join(read(root, os.path.relpath(path, root)) for path in sorted(paths))


def dedent(lines):
    return textwrap.dedent("\n".join(lines)).strip("\n").split("\n")


def snippet(text, name, label):
    lines = text.split("\n")
    marks = [line.strip() for line in lines]
    try:
        first = marks.index(f"/* [{label}] */")
        last = marks.index(f"/* [/{label}] */", first)
    except ValueError:
        raise Wrong(f"{name} has no snippet {label}") from None
    return dedent([line for line in lines[first + 1:last] if not MARK.match(line)])


def function(text, name, noun):
    """From the comment above the function, if any, to the brace that ends it."""
    lines = text.split("\n")
    head = re.compile(rf"\w[\w \*]*\b{noun}\(")
    for at, line in enumerate(lines):
        one_line = line.rstrip().endswith("}")
        if not head.match(line) or line.rstrip().endswith(";"):
            continue
        end = at if one_line else next(i for i in range(at, len(lines)) if lines[i] == "}")
        if lines[at - 1].endswith("*/") and not MARK.match(lines[at - 1]):
            while not lines[at - 1].lstrip().startswith("/*"):
                at -= 1
            at -= 1
        return [line for line in lines[at:end + 1] if not MARK.match(line)]
    raise Wrong(f"{name} has no function {noun}")


def output(root, name, section):
    path = name if "/" in name else f"{SNIPPETS}/{name}"
    text = read(root, re.sub(r"\.c$", ".out", path)).rstrip("\n")
    if section is None:
        return [f"$ weft run {path}"] + text.split("\n")
    for part in re.split(r"^-- ", text, flags=re.M)[1:]:
        title, _, body = part.partition("\n")
        if title == section:
            return body.rstrip("\n").split("\n")
    raise Wrong(f"{name} prints no section {section}")


def source(root, line):
    """The lines that belong below such a heading line, or None if it is none for a block."""
    match = FROM.match(line)
    if match:
        cut = snippet if match.group(2) == "snippet" else function
        return cut(read(root, match.group(1)), match.group(1), match.group(3))
    match = OUTPUT.match(line)
    return output(root, match.group(1), match.group(2)) if match else None


def squeeze(code):
    return re.sub(r"\s+", " ", code).strip()


def table(root, name, rows):
    """Yields the code that stands in a last column and not in the file."""
    text = squeeze(read(root, name))
    for row in rows[2:]:
        cells = re.split(r"(?<!\\)\|", row.strip().strip("|"))
        spans = re.findall(r"`([^`]+)`", cells[-1].replace("\\|", "|"))
        if not spans:
            yield f"no code in the last column of: {row}"
        for code in spans:
            if squeeze(code) not in text:
                yield f"{name} does not say: {code}"


class Chapter:
    """Goes through a chapter once; afterwards: what is wrong, and the text as it should be."""

    def __init__(self, root, path, programs, names):
        self.root, self.path, self.programs, self.names = root, path, programs, names
        with open(os.path.join(root, path), encoding="utf-8") as f:
            self.lines = f.read().split("\n")
        self.wrong = []
        self.right = []
        at = 0
        while at < len(self.lines):
            try:
                at = self.step(at)
            except Wrong as wrong:
                self.complain(at, str(wrong))
                self.right.append(self.lines[at])
                at += 1

    def complain(self, at, what):
        self.wrong.append(f"{self.path}:{at + 1}: {what}")

    def step(self, at):
        """Takes over a line, or a block with its heading line; returns where to go on."""
        line = self.lines[at]
        wanted = source(self.root, line)
        if wanted is not None:
            return self.block(at, wanted)
        if LINES.match(line):
            return self.table(at)
        if SAID.match(line):
            raise Wrong(f"cannot be understood: {line}")
        end = at
        for name in NAME.findall(line):
            if name not in self.names:
                self.complain(at, f"no public header says {name}")
        if line.startswith("```"):
            end = self.fence(at)
            body = "\n".join(self.lines[at + 1:end])
            if line == "```c" and squeeze(body) not in self.programs:
                self.complain(at, "a block of C that says not where it comes from")
        self.right += self.lines[at:end + 1]
        return end + 1

    def fence(self, at):
        for end in range(at + 1, len(self.lines)):
            if self.lines[end] == "```":
                return end
        raise Wrong("a fence without an end")

    def block(self, at, wanted):
        if at + 1 >= len(self.lines) or not self.lines[at + 1].startswith("```"):
            raise Wrong("there is no fenced block below")
        end = self.fence(at + 1)
        if self.lines[at + 2:end] != wanted:
            self.complain(at + 1, f"differs from what line {at + 1} says")
        self.right += self.lines[at:at + 2] + wanted + ["```"]
        return end + 1

    def table(self, at):
        end = at + 1
        while end < len(self.lines) and self.lines[end].startswith("|"):
            end += 1
        if end < at + 4:
            raise Wrong("there is no table below")
        for what in table(self.root, LINES.match(self.lines[at]).group(1), self.lines[at + 1:end]):
            self.complain(at, what)
        self.right += self.lines[at:end]
        return end


def main(argv):
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if len(argv) not in (2, 3) or argv[1] not in ("--check", "--update"):
        print("usage: snippets.py --check|--update [ROOT]", file=sys.stderr)
        return 2
    root = argv[2] if len(argv) == 3 else here
    programs = squeeze(texts(root, "examples/bugs/*/*.c", f"{SNIPPETS}/*.c"))
    names = set(NAME.findall(texts(root, "include/*.h", "include/weft/*.h")))
    status = 0
    for path in sorted(glob.glob(os.path.join(root, "docs/guide/*.md"))):
        chapter = Chapter(root, os.path.relpath(path, root), programs, names)
        if argv[1] == "--update" and chapter.right != chapter.lines:
            with open(path, "w", encoding="utf-8") as f:
                f.write("\n".join(chapter.right))
            chapter = Chapter(root, os.path.relpath(path, root), programs, names)
        for line in chapter.wrong:
            print(line)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv))
