#!/usr/bin/env python3
# tidy.py - the house rules that a machine can check.
#
#   scripts/tidy.py [ROOT]
#
# Prints file:line: rule: message for each finding; exit status 1 if there was one.  The tables come
# first, each rule is a function below them.  tests/tidy_test.py breaks every rule once and looks
# for its name in the output.
# SPDX-License-Identifier: MIT
import os
import re
import sys

# ---- tables ------------------------------------------------------------------------------------

# The floors: a room may include itself and what stands here.  Sisters are not in each other's row.
CELLAR = {"base", "lockfree", "arch"}
FIRST = CELLAR | {"core"}
SECOND = FIRST | {"sync", "chan", "scope"}
FLOORS = {
    "base": set(),
    "lockfree": {"base"},
    "arch": {"base"},
    "core": CELLAR,
    "sync": FIRST,
    "chan": FIRST,
    "scope": FIRST,
    "io": SECOND,
    "proc": SECOND | {"io"},
    "actor": SECOND,
    "par": SECOND,
    "job": SECOND | {"io", "proc"},
    "diag": SECOND | {"io", "proc", "actor", "par", "job"},
    "check": SECOND | {"io", "proc", "actor", "par", "job", "diag"},
}
# Libraries of their own: they see the public headers, themselves, and what has nothing to link;
# their tests see all.
COMPANIONS = {"tls", "http"}
HEADERS_ALONE = {"base/base.h", "base/atomic.h"}
# What the rooms below core may see of include/weft.
LOW_PUBLIC = {"weft/api.h", "weft/err.h", "weft/time.h"}
# Users of the public headers only.
GUESTS = {"tools", "examples", "demo", "bench"}

# What lies between a program and libc says all that libc says; it is no part of libweft.
BETWEEN = "src/check/preload/"
# The doors: a word, and the only files of src/ and include/ that may say it, or with a slash at the
# end the folders.  Tests may say all.
DOORS = [
    (r"stdatomic\.h", {"src/base/atomic.h"}),
    (r"__(atomic|sync)_\w+", {"src/base/atomic.h", BETWEEN}),
    (r"(malloc|calloc|realloc|free|aligned_alloc|posix_memalign|strdup|strndup|asprintf)\s*\(",
     {"src/base/alloc.c", "src/tls/tls_alloc.c", "src/http/arena.c", BETWEEN}),
    (r"errno(\.h)?", {"src/base/sys.c", "src/base/syscpu.c", "src/base/sysnet.c",
                      "src/base/sysring.c", "src/base/sysfile.c", "src/base/sysproc.c",
                      "src/base/child.c",
                      "src/http/respond_path.c", "include/weft/err.h", BETWEEN}),
    (r"(clock_gettime|gettimeofday|clock_nanosleep|nanosleep|usleep)\s*\(",
     {"src/base/time.c", BETWEEN}),
    (r"(_Thread_local|__thread|thread_local)", {"src/core/self.c", BETWEEN}),
    (r"abort\s*\(", {"src/base/panic.c", BETWEEN}),
    (r"mmap\s*\(", {"src/base/sys.c", "src/base/sysring.c", "src/base/child.c", BETWEEN}),
    (r"(syscall|munmap|mprotect|madvise|mremap|pthread_create|pthread_join|tgkill|futex)\s*\(",
     {"src/base/sys.c", "src/base/syscpu.c", "src/base/sysnet.c", "src/base/sysring.c",
      "src/base/sysproc.c", "src/http/respond_path.c", BETWEEN}),
    (r"(waitpid|posix_spawnp?|memfd_create|kill)\s*\(",
     {"src/base/child.c", "src/base/sysproc.c", BETWEEN}),
    (r"(socket|socketpair|accept4?|connect|bind|listen|recv|recvmsg|send|sendmsg)\s*\(",
     {"src/base/sysnet.c", "src/base/child.c", BETWEEN}),
    (r"(epoll_create1?|epoll_ctl|epoll_p?wait2?|p?poll)\s*\(",
     {"src/base/sysnet.c", "src/base/child.c", BETWEEN}),
]

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 1000
HEADER_LINES_MAX = 300
CARD_LINES_MAX = 40
COLUMNS_MAX = 100

C_FILES = (".c", ".h")
SCRIPTS = (".py", ".sh", ".cmake")
OTHER_SOURCES = (".cpp", ".cc", ".go", ".erl")
SKIPPED_DIRS = {".git", "build", "__pycache__", ".cache"}
# Files built in another's place, so that both may use the same names.
STAND_IN = re.compile(r"ctx_\w+\.c$|atomic_check\.h$")
NEIGHBOURS = re.compile(r"_(test|model|fuzz|bench)\.c$|_probe\.h$")  # a probe: what tests share

# ---- files -------------------------------------------------------------------------------------


def blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


class File:
    """A file's text, and two views of it with the same lines and columns: without comments, and
    without comments and the insides of strings."""

    TOKENS = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)

    def __init__(self, root, path):
        self.path = path
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as f:
            self.text = f.read()
        self.lines = self.text.split("\n")
        if self.lines[-1] == "":
            self.lines.pop()
        self.name = os.path.basename(path)
        parts = path.split("/")
        self.top = parts[0] if len(parts) > 1 else ""
        self.room = parts[1] if self.top == "src" and len(parts) > 2 else None
        self.is_c = path.endswith(C_FILES)
        self.is_neighbour = bool(NEIGHBOURS.search(path))
        if self.is_c:
            self.uncommented = self.TOKENS.sub(
                lambda m: blank(m) if m.group(0)[0] == "/" else m.group(0), self.text)
            self.code = self.TOKENS.sub(blank, self.text)

    def is_script(self):
        return self.path.endswith(SCRIPTS) or self.name in ("CMakeLists.txt", "Makefile") or (
            "." not in self.name and self.text.startswith("#!"))

    def line_of(self, offset):
        return self.text.count("\n", 0, offset) + 1

    def functions(self):
        """Yields (first line, last line) of each body: a brace alone in column 0, and its end."""
        start = None
        for number, line in enumerate(self.code.split("\n"), 1):
            if line.rstrip() == "{":
                start = number
            elif line.startswith("}") and start is not None:
                yield start, number
                start = None


def files_of(root):
    for folder, dirs, names in os.walk(root):
        dirs[:] = sorted(d for d in dirs if d not in SKIPPED_DIRS)
        for name in sorted(names):
            path = os.path.relpath(os.path.join(folder, name), root)
            if os.path.isfile(os.path.join(root, path)):
                yield path


# ---- rules: each yields (line, message) for one file -------------------------------------------


INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">\n]+)[">]', re.M)


def rule_include(f):
    if not f.is_c:
        return
    for match in INCLUDE.finditer(f.uncommented):
        target, line = match.group(2), f.line_of(match.start())
        room = target.split("/")[0] if "/" in target else None
        public = target == "weft.h" or room == "weft"
        if f.top in GUESTS or f.top == "include":
            if room in FLOORS:
                yield line, f"{f.top}/ sees only the public headers, not {target}"
        elif f.room in COMPANIONS and not f.is_neighbour:
            if target in HEADERS_ALONE:
                continue
            if room in FLOORS or (room in COMPANIONS and room != f.room) or room == "tests":
                yield line, f"{f.room}/ is a library of its own and may not look into {target}"
        elif f.room in FLOORS:
            yield from include_of_room(f, line, target, room, public, match.group(1))


def include_of_room(f, line, target, room, public, quote):
    if f.is_neighbour and (public or room in ("tests", "scope")):
        return
    if public and f.room in CELLAR and target not in LOW_PUBLIC:
        yield line, f"{f.room}/ is below what {target} speaks of"
    elif room in FLOORS and room != f.room and room not in FLOORS[f.room]:
        yield line, f"{f.room}/ may not look into {room}/ ({target})"
    elif room == "tests":
        yield line, f"only tests and models include {target}"
    elif quote == '"' and room is None and not public:
        yield line, f'say the room: "{f.room}/{target}"'


def rule_door(f):
    if not f.is_c or f.top not in ("src", "include") or f.is_neighbour:
        return
    for word, allowed in DOORS:
        if f.path in allowed or os.path.dirname(f.path) + "/" in allowed:
            continue
        for match in re.finditer(r"(?<![\w.>])" + word + r"(?:(?<=\()|(?!\w))", f.code):
            said = match.group(0).rstrip(" (")
            yield f.line_of(match.start()), f"{said} is for {', '.join(sorted(allowed))} alone"


def rule_function_size(f):
    if f.is_c:
        for first, last in f.functions():
            if last - first + 1 > FUNCTION_LINES_MAX:
                yield first, f"{last - first + 1} lines, {FUNCTION_LINES_MAX} are allowed"


def rule_file_size(f):
    limit = HEADER_LINES_MAX if f.path.endswith(".h") else FILE_LINES_MAX
    if (f.is_c or f.is_script()) and len(f.lines) > limit:
        yield limit, f"{len(f.lines)} lines, {limit} are allowed"


def rule_line_size(f):
    if f.is_c or f.is_script():
        for number, line in enumerate(f.lines, 1):
            if len(line.expandtabs(8)) > COLUMNS_MAX:
                yield number, f"{len(line.expandtabs(8))} columns, {COLUMNS_MAX} are allowed"


def rule_first_line(f):
    name = re.escape(f.name)
    if f.is_c:
        if not re.match(rf"/\* (\S+/)?{name} - \S", f.lines[0] if f.lines else ""):
            yield 1, f"should begin with: /* {f.name} - what it is."
    elif f.is_script():
        at = 1 if f.text.startswith("#!") else 0
        if not re.match(rf"# (\S+/)?{name} - \S", f.lines[at] if len(f.lines) > at else ""):
            yield at + 1, f"should begin with: # {f.name} - what it is."


def rule_spdx(f):
    want = "SPDX-License-Identifier: MIT"
    if f.is_c:
        head = re.match(r"/\*.*?\*/", f.text, re.S)
        if not head or not re.search(rf"^ \* {want}\n? ?\*/\Z", head.group(0), re.M):
            yield 1, f"the head comment should end with: * {want}"
    elif (f.is_script() or f.path.endswith(OTHER_SOURCES)) and want not in f.text:
        yield 1, f"lacks: {want}"


def rule_comment(f):
    if not f.is_c:
        return
    for match in File.TOKENS.finditer(f.text):
        if match.group(0).startswith("//"):
            yield f.line_of(match.start()), "comments are /* */"


def rule_debt(f):
    if f.is_c or f.is_script() or f.path.endswith(OTHER_SOURCES):
        for match in re.finditer(r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b(?! ?\(?#\d)", f.text):
            yield f.line_of(match.start()), f"{match.group(0)} without the number of an issue"


def rule_condition(f):
    if f.room is None or not f.is_c or f.room in ("base", "arch") or f.is_neighbour:
        return
    lines = f.code.split("\n")
    for first, last in f.functions():
        for number in range(first, last):
            if re.match(r"\s*#\s*if", lines[number - 1]):
                yield number, "a platform is a file, not an #if in a function"


# ---- rules over all files: each yields (path, line, message) -----------------------------------


def rule_unique_name(files):
    seen = {}
    for f in files:
        if f.room and f.name != "README.md":
            if seen.setdefault(f.name, f.path) != f.path:
                yield f.path, 1, f"{seen[f.name]} has the same name"


STATIC = re.compile(r"^static\s[^;={}()]*?\b(\w+)\s*\([^;{}]*\)[^;{}]*\{", re.M)
ATTRIBUTE = re.compile(
    r"__attribute__\s*\(\(.*?\)\)\s*|\b(WEFT_[A-Z_]+|ATOMIC)\([^()\n]*\)\s*")


def rule_static_name(files):
    seen = {}
    for f in files:
        if not f.room or not f.is_c or f.is_neighbour or STAND_IN.match(f.name):
            continue
        for match in STATIC.finditer(ATTRIBUTE.sub(blank, f.code)):
            name = match.group(1)
            line = f.line_of(match.start(1))
            if seen.setdefault(name, f.path) != f.path:
                yield f.path, line, f"{name} is also in {seen[name]}"


def rule_card(files):
    paths = {f.path: f for f in files}
    for room in sorted({f.room for f in files if f.room}):
        card = paths.get(f"src/{room}/README.md")
        if card is None:
            yield f"src/{room}/README.md", 1, "each room has a card"
        elif len(card.lines) > CARD_LINES_MAX:
            yield card.path, CARD_LINES_MAX, f"more than {CARD_LINES_MAX} lines"
        if room not in FLOORS and room not in COMPANIONS:
            yield f"src/{room}/README.md", 1, f"{room}/ is in no floor of scripts/tidy.py"


FILE_RULES = [rule_include, rule_door, rule_function_size, rule_file_size, rule_line_size,
              rule_first_line, rule_spdx, rule_comment, rule_debt, rule_condition]
TREE_RULES = [rule_unique_name, rule_static_name, rule_card]


def rule_name(rule):
    return rule.__name__.replace("rule_", "").replace("_", "-")


def check(root):
    """All findings in the tree below root, as lines of text."""
    files = [File(root, path) for path in files_of(root)]
    found = []
    for rule in FILE_RULES:
        for f in files:
            found += [(f.path, line, rule_name(rule), message) for line, message in rule(f)]
    for rule in TREE_RULES:
        found += [(path, line, rule_name(rule), message) for path, line, message in rule(files)]
    return [f"{path}:{line}: {rule}: {message}" for path, line, rule, message in sorted(set(found))]


def main(argv):
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    found = check(argv[1] if len(argv) > 1 else here)
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
