#!/usr/bin/env python3
# man.py - makes the manual pages: one of section 3 for each public header, and weft(1).
#
#   scripts/man.py ROOT OUT          (the target `man` does it)
#
# The comments in include/weft/*.h are the contract; this only sets them in another type.  It knows
# the house's way of writing a header and no C beyond that: a comment belongs to the declarations
# that follow it without an empty line; a table is lines of `word   text`; what is indented by four
# is code; `---- word: text ----` opens a section.  weft(1) is docs/man/weft.1.in, with the usage
# texts of tools/cmd_*.c in the place of @COMMANDS@.
#
# For each function, call-like macro and type there is a page of one line that leads to its header's
# page.  Files in OUT that this run did not make are removed.
# SPDX-License-Identifier: MIT
import os
import re
import sys

# ---- roff: text to man(7) macros, in ASCII ------------------------------------------------------

ESCAPES = {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti",
           "…": "..."}
SOURCE_COLUMNS = 78  # of the lines of roff
SENTENCE_END = re.compile(r"(?<=[.?!:;]) {2,}(?=\S)|(?<=[.?!]\)) {2,}(?=\S)|(?<=[.?!])\n")


def code(text):
    """Text as it must be typed: no hyphen or quote may become a nicer one."""
    return "".join(ESCAPES.get(c) or (c if ord(c) < 128 else f"\\[u{ord(c):04X}]") for c in text)


def prose(text):
    return re.sub(r"(?<=\w)\\-(?=\w)", "-", code(text))


def whole(text):
    """Code without a hyphen put in; what is short stays on one line."""
    marked = ("\\%" if len(text) > 5 and re.fullmatch(r"-?\w+", text) else "") + code(text)
    return marked.replace(" ", "\\ ") if len(text) <= 40 else marked


def bold(text):
    return f"\\fB{whole(text)}\\fR"


def italic(text):
    return f"\\fI{whole(text)}\\fR"


def guarded(line):
    """A line that no macro is to be seen in."""
    return "\\&" + line if line[:1] in (".", "'") else line


def fill(marked):
    """Lines of running text, a sentence beginning on a line of its own, as roff likes it."""
    lines = []
    for sentence in SENTENCE_END.split(marked):
        line = ""
        for word in sentence.split():
            if line and len(line) + 1 + len(word) > SOURCE_COLUMNS:
                lines.append(guarded(line))
                line = word
            else:
                line = f"{line} {word}" if line else word
        lines.append(guarded(line))
    return lines


def example(lines):
    return [".PP", ".in +4n", ".EX"] + [guarded(code(line)) for line in lines] + [".EE", ".in"]


def page_of(lines):
    """The lines as a file, without the paragraphs that begin where something else does."""
    kept = []
    for line in lines:
        if line == ".PP" and re.match(r"\.(SH|SS|PP)", kept[-1]):
            continue
        kept.append(line)
    return "\n".join(kept) + "\n"


# ---- a header, taken apart ----------------------------------------------------------------------


class Problem(Exception):
    pass


TOKEN = re.compile(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|\n|.', re.S)
NOT_FOR_C = re.compile(r"#\s*(?:ifdef\s+__cplusplus|if\s+defined\s*\(?\s*__cplusplus)")


def without_cpp(text):
    """The header as a C compiler sees it; of other conditions the first branch."""
    kept, lines = [], []  # kept: for each open condition, is what stands here read?
    for line in text.split("\n"):
        word = re.match(r"#\s*(if\w*|elif|else|endif)\b", line)
        if not word:
            if all(kept):
                lines.append(line)
        elif word.group(1).startswith("if"):
            kept.append(not NOT_FOR_C.match(line))
        elif word.group(1) == "endif":
            kept.pop()
        else:
            kept[-1] = not kept[-1] and word.group(1) == "else"
    return "\n".join(lines)


class Item:
    """A comment, a #define or a declaration at the outermost level."""

    def __init__(self, kind, text, trailing=""):
        self.kind, self.text, self.trailing = kind, text, trailing


def items_of(text):
    """Yields the items in order, and None for each empty line between them."""
    tokens, items = TOKEN.findall(text), []
    at, line_is_empty = 0, True
    while at < len(tokens):
        token = tokens[at]
        if token == "\n":
            if line_is_empty:
                items.append(None)
            line_is_empty = True
            at += 1
        elif token.isspace():
            at += 1
        elif token.startswith("/*"):
            if line_is_empty:
                items.append(Item("comment", comment_text(token)))
            elif items[-1]:
                items[-1].trailing = comment_text(token)
            line_is_empty = False
            at += 1
        else:
            take = take_directive if token == "#" else take_declaration
            item, at = take(tokens, at)
            items.append(item)
            line_is_empty = False
    return [item for item in items if item is None or item.text]


def take_directive(tokens, at):
    line, trailing = "", ""
    while at < len(tokens) and tokens[at] != "\n":
        if tokens[at] == "\\" and tokens[at + 1:at + 2] == ["\n"]:
            line += " "
            at += 2
            continue
        if tokens[at].startswith("/*"):
            trailing = comment_text(tokens[at])
        else:
            line += tokens[at]
        at += 1
    found = re.match(r"#\s*define\s+(.*)", line)
    return Item("define", " ".join(found.group(1).split()) if found else "", trailing), at


def take_declaration(tokens, at):
    """Up to the semicolon, or the brace that ends a function's body."""
    text, depth = "", 0
    while at < len(tokens):
        token = tokens[at]
        text += token
        at += 1
        depth += token in ("{", "(") and 1 or token in ("}", ")") and -1 or 0
        if depth == 0 and (token == ";" or token == "}" and is_function(text)):
            break
        if text.strip() in ("WEFT_BEGIN_DECLS", "WEFT_END_DECLS"):
            return Item("mark", ""), at
    return Item("declaration", text.strip()), at


def is_function(text):
    return bool(re.match(r"[^{]*\)[^{;=()]*\{", strip_comments(text)))


def strip_comments(text):
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.S)


def comment_text(token):
    """Without the stars; the lines keep what they are indented by beyond the first column."""
    lines = token[2:-2].split("\n")
    lines = [lines[0].strip()] + [re.sub(r"^\s*\* ?", "", line).rstrip() for line in lines[1:]]
    return "\n".join(lines).strip("\n").rstrip()


# ---- what a declaration declares ----------------------------------------------------------------


class Thing:
    """A function, a macro that is called, a constant, a type or a variable."""

    def __init__(self, kind, name, text, trailing=""):
        self.kind, self.name, self.text, self.trailing = kind, name, text, trailing


def thing_of(item, attributes):
    """None for what is not for readers."""
    if item.kind == "define":
        name, args, value = re.match(r"(\w+)(\([^)]*\))?\s*(.*)", item.text).groups()
        if (name in attributes or name.endswith("_H") or not re.match(r"weft|WEFT", name)
                or value.startswith("__attribute__") and not args):
            return None
        return Thing("call" if args else "constant", name, name + args if args else value,
                     item.trailing)
    text = item.text
    for word in attributes:
        text = re.sub(rf"\b{word}\b(\s*\([^()]*\))?", "", text)
    text = re.sub(r"__attribute__\s*\(\(.*?\)\)", "", text).strip()
    text = re.sub(r"\s+;$", ";", text)
    bare = strip_comments(text)
    if re.match(r"(_Static_assert|static_assert)\b", bare):
        return None
    if is_function(text):
        if re.match(r"static\b", bare):
            return None  # what a macro is made of
        text = re.sub(r"^(static\s+|inline\s+)+", "", bare.split("{")[0].strip()) + ";"
        bare = text
    if re.match(r"typedef\b", bare):
        pointer = re.search(r"\(\s*\*\s*(\w+)\s*\)", bare.split("{")[0])
        name = pointer.group(1) if pointer else re.findall(r"\w+", re.sub(r"\[.*?\]", "", bare))[-1]
        return Thing("type", name, text)
    found = re.match(r"(struct|union|enum)\s+(\w+)\s*(\{)?", bare)
    if found and (found.group(3) or re.match(r"\w+\s+\w+\s*;", bare)):
        return Thing("type", found.group(2), text) if found.group(3) else None
    found = re.search(r"\b(weft\w*)\s*\(", bare)
    if found:
        return Thing("function", found.group(1), " ".join(bare.split()))
    found = re.search(r"\b(weft\w*)\s*(\[[^\]]*\])?\s*;$", bare)
    if found and bare.startswith("extern"):
        return Thing("variable", found.group(1), " ".join(bare.split()))
    raise Problem(f"cannot tell what this declares: {bare[:60]!r}")


class Entry:
    """A comment with the things that it is about; both may be absent."""

    def __init__(self, comment="", is_section=False):
        self.comment, self.is_section, self.things = comment, is_section, []


class Header:
    def __init__(self, path, include, attributes):
        with open(path, encoding="utf-8") as f:
            text = f.read()
        self.include = include  # as in #include <…>
        stem = re.sub(r"\W", "_", include.removeprefix("weft/")[:-2])
        self.page = stem if stem == "weft" else "weft_" + stem
        self.entries = []
        found = re.match(r"(/\* \S+ - .*?\*/)(.*)", text, re.S)
        if not found:
            raise Problem(f"{path}: should begin with /* NAME.h - what it is.")
        head, rest = comment_text(found.group(1)), found.group(2)
        head = head.replace("SPDX-License-Identifier: MIT", "")
        self.summary, _, self.head = head.partition("\n\n")
        self.summary = " ".join(self.summary.split(" - ", 1)[1].split())
        try:
            self.read_entries(items_of(without_cpp(rest)), attributes)
        except Problem as why:
            raise Problem(f"{path}: {why}") from None

    def read_entries(self, items, attributes):
        entry = None
        for item in items:
            if item is None:
                entry = None
            elif item.kind == "comment":
                dashes = re.match(r"-{3,} *(.*?) *-{3,}$", item.text, re.S)
                entry = Entry(dashes.group(1) if dashes else item.text, bool(dashes))
                self.entries.append(entry)
                if dashes:
                    entry = None
            else:
                thing = thing_of(item, attributes)
                if thing and not entry:
                    entry = Entry()
                    self.entries.append(entry)
                if thing:
                    entry.things.append(thing)

    def things(self):
        return [thing for entry in self.entries for thing in entry.things]


def attributes_of(api_path):
    """The words of api.h that decorate declarations, and are none themselves."""
    with open(api_path, encoding="utf-8") as f:
        found = re.findall(r"#define (WEFT_\w+)(?:\([^)]*\))?[ \t]*(.*)", f.read())
    return {name for name, value in found
            if value.startswith("__attribute__") or name.endswith("_DECLS")}


# ---- a page of section 3 ------------------------------------------------------------------------

INLINE = re.compile(r"""
    `(?P<tick>[^`]+)`
  | (?P<name>\bweft_\w*[a-z0-9]\b)(?P<call>\()?
  | (?P<code>(?<!\w)-?(?:WEFT_\w+|E[A-Z0-9]{3,})\b)
  | (?P<libc>\b[a-z]\w+)\((?P<section>[1-8])\)
  | (?P<file><[\w/.]+\.h>|\bweft(?:/\w+)+\.h\b)
  | (?P<star>(?<![\w*)])\*[a-z]\w*)
  | (?P<word>\b[a-z]\w*(?:->|\.)?\w*\b)
""", re.X)


class Page:
    def __init__(self, header, book):
        self.header, self.book = header, book
        self.lines, self.seen, self.environment = [], set(), []
        self.parameters = set()
        for thing in header.things():
            if thing.kind in ("function", "call"):
                self.parameters |= set(re.findall(r"\w+", thing.text)) - {thing.name}
        self.parameters = {word for word in self.parameters if "_" in word}

    # ---- running text ----

    def inline(self, text):
        """Text with its names marked."""
        out, at = "", 0
        for match in INLINE.finditer(text):
            out += prose(text[at:match.start()]) + self.mark(match)
            at = match.end()
        return out + prose(text[at:])

    def mark(self, match):
        kind = match.lastgroup
        if match["tick"]:
            is_name = re.fullmatch(r"[a-z]\w*", match["tick"])
            return italic(match["tick"]) if is_name else bold(match["tick"])
        if match["name"]:
            owner = self.book.owners.get(match["name"])
            if not owner:
                return bold(match["name"]) + ("(" if match["call"] else "")
            self.seen.add(owner[0])
            if match["call"] or owner[1] not in ("function", "call"):
                return bold(match["name"]) + ("(" if match["call"] else "")
            return bold(match["name"]) + ("()" if owner[0] == self.header.page else "(3)")
        if match["libc"]:
            return f"{bold(match['libc'])}({match['section']})"
        if match["file"]:
            stem = match["file"].strip("<>").removeprefix("weft/")[:-2]
            self.seen.add("weft_" + stem.replace("/", "_"))
            return bold(match["file"])
        if kind == "star":
            return italic(match["star"])
        if kind == "word" and match["word"] not in self.parameters:
            return prose(match["word"])
        return italic(match["word"]) if kind == "word" else bold(match["code"])

    def comment(self, text):
        """Paragraphs, tables, code and lists of a comment."""
        for block in re.split(r"\n(?:[ \t]*\n)+", text.strip("\n")):
            lines = block.split("\n")
            if all(line.startswith("    ") for line in lines):
                self.lines += example([line[4:] for line in lines])
            elif lines[0].startswith("Environment:"):
                self.environment += environment_of(lines)
            else:
                self.block(lines)

    def block(self, lines):
        """Lines without an empty one between them: each is prose, of a table or list, or code."""
        at = 0
        while at < len(lines):
            kind, start, at = line_kind(lines[at]), at, at + 1
            if kind in ("row", "item"):
                while at < len(lines) and (line_kind(lines[at]) in (kind, "code", "indented")):
                    at += 1
                self.rows(lines[start:at])
                continue
            while at < len(lines) and line_kind(lines[at]) in (kind, "indented"):
                at += 1
            if kind == "code":
                self.lines += example([line[4:] for line in lines[start:at]])
            else:
                self.lines.append(".PP")
                self.lines += fill(self.inline("\n".join(lines[start:at])))

    def rows(self, lines):
        """Rows of a table, `tag   text`, or items of a list; what is indented goes on."""
        rows = []
        for line in lines:
            if line.startswith("  "):
                rows[-1][1] += "\n" + line.strip()
            else:
                tag, text = table_row(line) or re.match(r"(-|\d+\.) (\S.*)", line).groups()
                rows.append([tag, text])
        width = min(max(len(tag) for tag, _ in rows) + 2, 20)  # short tags have texts beside them
        self.lines += [".PP", ".PD 0"]
        for tag, text in rows:
            marked = "\\(bu" if tag == "-" else prose(tag) if tag[-1] == "." else bold(tag)
            self.tagged(marked, self.inline(text), width)
        self.lines.append(".PD")

    def tagged(self, tag, body, indent=0):
        self.lines += [f".TP {indent}" if indent else ".TP", guarded(tag)]
        self.lines += fill(body) if body else ["\\&"]

    # ---- the page ----

    def make(self):
        header = self.header
        version = f'"Weft {self.book.version}"'
        self.lines = [f'.TH {header.page.upper()} 3 "" {version} "Weft Library"', ".ad l"]
        self.lines += [".SH NAME"]
        self.lines += fill(f"{header.page} \\- {prose(header.summary.rstrip('.'))}")
        self.synopsis()
        self.lines.append(".SH DESCRIPTION")
        self.comment(header.head or header.summary[0].upper() + header.summary[1:])
        for entry in header.entries:
            self.entry(entry)
        if header.page == "weft":
            self.lines += [".SH PAGES", ".PD 0"]
            for page, summary in self.book.pages.items():
                if page != header.page:
                    self.tagged(f"{bold(page)}(3)", prose(summary.rstrip(".")), 20)
            self.lines.append(".PD")
        self.constants("CONSTANTS", [t for t in header.things() if not is_limit(t)])
        self.constants("LIMITS", [t for t in header.things() if is_limit(t)])
        if self.environment:
            self.lines.append(".SH ENVIRONMENT")
            for name, text in self.environment:
                self.tagged(bold(name), self.inline(text))
        self.see_also()
        return page_of(self.lines)

    def synopsis(self):
        umbrella = self.header.include in self.book.umbrella
        self.lines += [".SH SYNOPSIS", ".nf"]
        if umbrella:
            self.lines.append(bold("#include <weft.h>") + f"  /* or <{self.header.include}> */")
        else:
            self.lines.append(bold(f"#include <{self.header.include}>"))
        last = ""
        for entry in self.header.entries:
            for thing in entry.things:
                if short(thing):
                    self.lines += ([".PP"] if last != thing.kind else []) + short(thing)
                    last = thing.kind
            last = "" if entry.is_section else last
        self.lines += [".PP", italic("Link with") + " " + bold("-lweft") + ", or "
                       + bold("pkg-config --cflags --libs weft") + ".", ".fi"]

    def entry(self, entry):
        if entry.is_section:
            heading, text = re.match(r"([^:;,.]*)[:;,.]?\s*(.*)", entry.comment, re.S).groups()
            heading = " ".join(heading.split()).upper()
            self.lines.append(f'.SH "{code(heading)}"')
            if text:
                self.comment(text[0].upper() + text[1:] + ("" if text[-1] in ".?!" else "."))
            return
        told = [t for t in entry.things if t.kind != "constant" or not is_limit(t)]
        described = [t for t in told if t.kind == "type" and fields_of(t.text)]
        if not entry.comment and not described or entry.things and not told:
            return
        told = told if entry.comment else described
        if told:
            names = [t.name + "()" * (t.kind in ("function", "call")) for t in told]
            self.lines.append('.SS "' + code(", ".join(dict.fromkeys(names))) + '"')
            declared = [line for t in told if t.kind not in ("type", "constant")
                        for line in short(t)]
            if declared:
                self.lines += [".nf"] + declared + [".fi"]
        self.comment(entry.comment)
        for thing in told:
            for declared, text in fields_of(thing.text) if thing.kind == "type" else []:
                self.tagged(bold(declared), self.inline(text))

    def constants(self, heading, things):
        things = [thing for thing in things if thing.kind == "constant"]
        if things:
            self.lines.append(".SH " + heading)
        about = {thing: entry.comment for entry in self.header.entries for thing in entry.things}
        for thing in things:
            text = thing.trailing or (about[thing] if is_limit(thing) else "")
            self.tagged(bold(thing.name), self.value(thing) + (";  " + self.inline(text) if text
                                                               else ""))

    def value(self, thing):
        made = thing.name.lower().removesuffix("_init")
        if thing.text.startswith("{") and made in self.book.owners:
            return "initialises a " + bold(made)
        bare = re.fullmatch(r"\(((?:[^()]|\([^()]*\))*)\)", thing.text)
        return bold(bare.group(1) if bare else thing.text)

    def see_also(self):
        pages = {page for page in self.seen if page in self.book.pages}
        pages = sorted(pages - {self.header.page, "weft"})
        others = [f"{bold(page)}(3)" for page in pages]
        others = [f"{bold('weft')}(1)"] + (
            [f"{bold('weft')}(3)"] if self.header.page != "weft" else []) + others
        self.lines += [".SH SEE ALSO"] + [f"{other}," for other in others[:-1]] + others[-1:]


def is_limit(thing):
    return thing.kind == "constant" and bool(re.search(r"_(MAX|MIN)$", thing.name))


def table_row(line):
    """(tag, text) of a line of a table; prose has two blanks, too, but only where a sentence
    ends."""
    found = re.match(r"(\S(?:[^.?!:;]|\.(?=\w))*?\S|\S) {2,}(\S.*)", line)
    if not found or len(found.group(1)) > 40 or found.group(1)[-1] in ".?!:;":
        return None
    return found.groups()


def line_kind(line):
    if line.startswith("    "):
        return "code"
    if line.startswith(" "):
        return "indented"
    if table_row(line):
        return "row"
    return "item" if re.match(r"(-|\d+\.) \S", line) else "prose"


def environment_of(lines):
    """[(NAME=value, text)] of `Environment: NAME=value text`, one in a line."""
    found = []
    for line in lines:
        line = re.sub(r"^Environment:", "", line).strip()
        match = re.match(r"([A-Z]\w*(?:=\S*)?) +(.*)", line)
        if match:
            found.append(match.groups())
        elif found:
            found[-1] = (found[-1][0], f"{found[-1][1]}\n{line}")
    return found


def short(thing):
    """Its declaration in the synopsis."""
    if thing.kind == "call":
        name, args = thing.text[:len(thing.name)], thing.text[len(thing.name):]
        args = re.sub(r"[\w.]+", lambda m: italic(m.group(0)), args)
        return [bold(name) + args]
    if thing.kind in ("function", "variable"):
        return declaration(thing)
    if thing.kind != "type":
        return []
    bare = strip_comments(thing.text)
    if "{" not in bare:
        return [bold(" ".join(bare.split()))]
    before = bare.split("{")[0].strip()
    after = bare[bare.rindex("}") + 1:].strip()
    return [bold(f"{before} {{ ... }}{'' if after == ';' else ' '}{after}")]


def declaration(thing):
    """A function with its parameters in italics, broken as a header would break it."""
    text, start = thing.text, thing.text.index("(") if "(" in thing.text else len(thing.text)
    if start == len(text):
        return [bold(text)]
    parts, depth, last = [], 0, start + 1
    for at in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        if depth == 1 and text[at] == "," or depth == 0:
            parts.append(text[last:at].strip())
            last = at + 1
            if depth == 0:
                break
    lines, line, plain = [], bold(text[:start + 1]), start + 1
    for number, part in enumerate(parts):
        tail = "," if number + 1 < len(parts) else text[last - 1:]
        if plain + len(part) + len(tail) > SOURCE_COLUMNS - 8 and number:
            lines.append(line)
            line, plain = " " * min(start + 1, 32), min(start + 1, 32)
        blank = " " if number and line.strip() else ""
        line += blank + parameter(part) + bold(tail)
        plain += len(blank) + len(part) + len(tail)
    return lines + [line]


def parameter(text):
    """`const void *value`, the name in italics; the name in (*fn)(void *arg) is fn."""
    found = re.search(r"\(\s*\*\s*(\w+)\s*\)", text) or re.search(r"(\w+)(?:\[[^\]]*\])?$", text)
    if not found or text in ("void", "...") or found.start(1) == 0:
        return bold(text)
    before, name, after = text[:found.start(1)], found.group(1), text[found.end(1):]
    return bold(before) + italic(name) + (bold(after) if after else "")


def fields_of(text):
    """[(declaration, comment)] of a struct's or an enum's members, without what is opaque."""
    bare = strip_comments(text)
    if "{" not in bare:
        return []
    body = text[text.index("{") + 1:text.rindex("}")]
    is_enum = bool(re.match(r"(typedef\s+)?enum\b", bare))
    fields, declared, before = [], "", ""
    tokens = re.findall(r"/\*.*?\*/|\n|[^\n/,;]+|.", body, re.S)
    depth, ended = 0, False
    for token in tokens:
        if token.startswith("/*"):
            words = comment_text(token)
            if fields and ended:
                fields[-1][1] = f"{fields[-1][1]}\n{words}".strip()
            elif not declared.strip():
                before = words
            else:
                before = f"{before}\n{words}".strip()
        elif token == "\n":
            ended = False
            declared += " "
        else:
            depth += sum({"(": 1, ")": -1, "{": 1, "}": -1}.get(c, 0) for c in token)
            if depth == 0 and token == ("," if is_enum else ";"):
                fields.append([" ".join(declared.split()), before])
                declared, before, ended = "", "", True
            else:
                declared += token
    if declared.strip():  # the last of an enum: its comment was taken for one before it
        fields.append([" ".join(declared.split()), before])
    return [(d, t) for d, t in fields if d and not re.search(r"\bopaque\w*(\[|$)", d)]


# ---- weft(1) ------------------------------------------------------------------------------------


class Command:
    """What tools/cmd_x.c says of itself; macros of texts are looked up in tools/*.h."""

    def __init__(self, path, macros):
        with open(path, encoding="utf-8") as f:
            text = f.read()
        body = re.search(r"^const struct command \w+ = \{\n(.*?)^\};", text, re.M | re.S)
        if not body:
            raise Problem(f"{path}: no struct command")
        self.path, self.macros = path, macros
        for field in ("name", "usage", "summary", "help"):
            value = re.search(rf'\.{field} = ((?:"(?:\\.|[^"\\])*"|[A-Z_0-9]+|\s)+),',
                              body.group(1))
            if not value:
                raise Problem(f"{path}: no .{field}")
            setattr(self, field, self.text_of(value.group(1)))

    def text_of(self, value):
        text = ""
        for quoted, word in re.findall(r'"((?:\\.|[^"\\])*)"|([A-Z_0-9]+)', value):
            if word and word not in self.macros:
                raise Problem(f"{self.path}: what is {word}?")
            text += self.text_of(self.macros[word]) if word else literal(quoted)
        return text


TEXT_MACRO = re.compile(r'#define ([A-Z_0-9]+)((?:[ \t]|\\\n|"(?:\\.|[^"\\\n])*")+)$', re.M)


def literal(quoted):
    return re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t"}.get(m.group(1), m.group(1)), quoted)


def commands_of(root):
    """In the order of the table in main.c."""
    tools, macros = os.path.join(root, "tools"), {}
    for name in sorted(os.listdir(tools)):
        if name.endswith((".h", ".c")):
            with open(os.path.join(tools, name), encoding="utf-8") as f:
                macros.update(TEXT_MACRO.findall(f.read()))
    with open(os.path.join(tools, "main.c"), encoding="utf-8") as f:
        table = re.search(r"main_commands\[\] = \{(.*?)\}", f.read(), re.S).group(1)
    return [Command(os.path.join(tools, name + ".c"), macros)
            for name in re.findall(r"&(cmd_\w+)", table)]


def command_inline(text):
    """`words` in bold, UPPER CASE placeholders in italics."""
    out, at = "", 0
    for match in re.finditer(r"`([^`]+)`|(?<![\w$/])(--?[a-zA-Z][\w-]*)|(\$[A-Z_]+)", text):
        out += prose(text[at:match.start()]) + bold(match.group(1) or match.group(0))
        at = match.end()
    return out + prose(text[at:])


def words_marked(text):
    """The words of a usage: what is typed in bold, what stands for something in italics."""
    return re.sub(r"--?[A-Za-z+][\w+-]*|[A-Z]+(?:\.c)?\b|[a-z]\w*|[^\w-]+|-+",
                  lambda m: italic(m.group(0)) if re.fullmatch(r"[A-Z]+(\.c)?", m.group(0))
                  else bold(m.group(0)) if re.match(r"[-\w]", m.group(0)) and len(m.group(0)) > 1
                  else code(m.group(0)), text)


def command_section(command):
    lines = [f'.SS "weft {command.name}"', bold(f"weft {command.name}") + " "
             + words_marked(command.usage), ".PP",
             command_inline(command.summary[0].upper() + command.summary[1:] + ".")]
    text, was_option = [], False
    for line in [*command.help.strip("\n").split("\n"), ""]:
        option = re.match(r"  (\S.*?) {2,}(\S.*)", line)
        if text and (option or not line):
            lines += fill(command_inline(" ".join(text)))
            text = []
        if option:
            lines += [".PD 0"] if was_option else []
            lines += [".TP 18", words_marked(option.group(1))]
            text.append(option.group(2))
        elif line:
            lines += [] if text or line.startswith("  ") else [".PD", ".PP"]
            text.append(line.strip())
        was_option = bool(option) or was_option and bool(line)
    return lines + [".PD"]


def command_page(root, version):
    commands = commands_of(root)
    with open(os.path.join(root, "docs/man/weft.1.in"), encoding="utf-8") as f:
        text = f.read()
    lines = [line for command in commands for line in command_section(command)]
    text = text.replace("@COMMANDS@", "\n".join(lines)).replace("@VERSION@", version)
    return page_of(text.rstrip("\n").split("\n")), commands


# ---- all of them --------------------------------------------------------------------------------


def headers_of(root):
    include = os.path.join(root, "include")
    attributes = attributes_of(os.path.join(include, "weft/api.h"))
    paths = ["weft.h"]
    for folder in ("weft", "weft/unstable"):
        if os.path.isdir(os.path.join(include, folder)):
            paths += sorted(f"{folder}/{name}" for name in os.listdir(os.path.join(include, folder))
                            if name.endswith(".h"))
    return [Header(os.path.join(include, path), path, attributes) for path in paths
            if os.path.getsize(os.path.join(include, path))]


def included(folder, header):
    """All that a header brings along."""
    with open(os.path.join(folder, header), encoding="utf-8") as f:
        found = set(re.findall(r'#include "(\S+)"', f.read()))
    return found.union(*(included(folder, name) for name in found))


class Book:
    """All headers, and for each name the page that it is on."""

    def __init__(self, root):
        self.headers = headers_of(root)
        self.pages = {header.page: header.summary for header in self.headers}
        self.umbrella = included(os.path.join(root, "include"), "weft.h")
        with open(os.path.join(root, "include/weft/api.h"), encoding="utf-8") as f:
            self.version = re.search(r'#define WEFT_VERSION\s+"(.*)"', f.read()).group(1)
        self.owners = {}  # name → (page, kind)
        declared = [(thing, header.page) for header in self.headers for thing in header.things()]
        # A type may be declared in many headers; the one where it is defined comes first.
        for thing, page in sorted(declared, key=lambda pair: "{" not in pair[0].text):
            self.add(thing, page)

    def add(self, thing, page):
        owner, kind = self.owners.setdefault(thing.name, (page, thing.kind))
        if owner != page and "type" not in (kind, thing.kind):
            raise Problem(f"{thing.name} is in {owner} and in {page}")
        if thing.name in self.pages and thing.name != page and thing.kind != "type":
            raise Problem(f"{thing.name}(3) would be two pages")


def pages_of(root):
    """{path below OUT: text}"""
    book = Book(root)
    pages = {f"man3/{header.page}.3": Page(header, book).make() for header in book.headers}
    for name, (page, kind) in book.owners.items():
        if kind != "constant":
            pages.setdefault(f"man3/{name}.3", f".so man3/{page}.3\n")
    pages["man1/weft.1"], commands = command_page(root, book.version)
    for command in commands:
        pages[f"man1/weft-{command.name}.1"] = ".so man1/weft.1\n"
    return pages


def main(argv):
    if len(argv) != 3:
        print("usage: man.py ROOT OUT", file=sys.stderr)
        return 2
    try:
        pages = pages_of(argv[1])
    except (Problem, OSError) as why:
        print(f"man.py: {why}", file=sys.stderr)
        return 1
    for folder in ("man1", "man3"):
        os.makedirs(os.path.join(argv[2], folder), exist_ok=True)
        for name in os.listdir(os.path.join(argv[2], folder)):
            if f"{folder}/{name}" not in pages:
                os.remove(os.path.join(argv[2], folder, name))
    for path, text in pages.items():
        with open(os.path.join(argv[2], path), "w", encoding="ascii") as f:
            f.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
