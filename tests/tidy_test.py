# tidy_test.py - breaks each rule of scripts/tidy.py once and expects exactly that rule to speak.
# SPDX-License-Identifier: MIT
import os
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "scripts"))
import tidy  # noqa: E402

SPDX = "SPDX-License-Identifier: MIT"


def c(name, code):
    return f"/* {name} - a file.\n *\n * {SPDX}\n */\n{code}"


def script(name, code):
    return f"# {name} - a script.\n# {SPDX}\n{code}"


LONG = "int f(void)\n{\n" + "    f();\n" * 80 + "}\n"
STATIC = "static int chan_sum(int a,\n                    int b)\n{\n    return a + b;\n}\n"

# A tree that keeps every rule; each case below changes one file of it.
GOOD = {
    "src/base/README.md": "card\n",
    "src/base/alloc.c": c("alloc.c", "void *f(void) { return malloc(1); }\n"),
    "src/base/log.c": c("log.c", "#if A\n#endif\nint f(void)\n{\n#if A\n#endif\n}\n"),
    "src/check/README.md": "card\n",
    "src/check/preload/heap.c": c("heap.c", "void *malloc(size_t n) { return errno ? g() : 0; }\n"),
    "src/chan/README.md": "card\n",
    "src/chan/chan.c": c("chan.c", '#include "core/core.h"\n#include "weft/chan.h"\n'
                         "/* malloc( errno // */\nconst char *s = \"abort()\";\n" + STATIC),
    "src/chan/chan_test.c": c("chan_test.c", '#include "tests/test.h"\n#include "scope/scope.h"\n'
                              "int g(void) { return errno + free(0); }\n"),
    "src/core/README.md": "card\n",
    "src/core/core.h": c("core.h", "struct a { void (*free)(void); };\nint weft__free(void);\n"
                         "static void core_b(struct a *x)\n{\n    x->free();\n}\n"),
    "src/tls/README.md": "card\n",
    "src/tls/tls.c": c("tls.c", '#include "tls/tls.h"\n#include "weft/stream.h"\n'),
    "tools/main.c": c("main.c", '#include "weft.h"\n#include "args.h"\nint x; /* errno */\n'),
    "scripts/a.sh": "#!/bin/sh\n" + script("a.sh", "true\n"),
    "CMakeLists.txt": script("CMakeLists.txt", ""),
}

# rule, file, its new text
CASES = [
    ("include", "src/base/log.c", c("log.c", '#include "core/core.h"\n')),
    ("include", "src/base/log.c", c("log.c", '#include "weft/chan.h"\n')),
    ("include", "src/chan/chan.c", c("chan.c", '#include "sync/mutex.h"\n')),
    ("include", "src/chan/chan.c", c("chan.c", '#include "scope/scope.h"\n')),
    ("include", "src/chan/chan.c", c("chan.c", '#include "chan.h"\n')),
    ("include", "src/chan/chan.c", c("chan.c", '#include "tests/test.h"\n')),
    ("include", "src/chan/chan_test.c", c("chan_test.c", '#include "io/fd.h"\n')),
    ("include", "tools/main.c", c("main.c", '#include "base/base.h"\n')),
    ("include", "src/tls/tls.c", c("tls.c", '#include "core/core.h"\n')),
    ("include", "src/tls/tls.c", c("tls.c", '#include "http/http.h"\n')),
    ("include", "include/weft.h", c("weft.h", '#include "base/base.h"\n')),
    ("door", "src/chan/chan.c", c("chan.c", "#include <stdatomic.h>\n")),
    ("door", "src/chan/chan.c", c("chan.c", "int f(int *p) { return __atomic_load_n(p, 0); }\n")),
    ("door", "src/chan/chan.c", c("chan.c", "void *f(void) { return malloc(1); }\n")),
    ("door", "src/chan/chan.c", c("chan.c", "void f(void *p) { free (p); }\n")),
    ("door", "src/chan/chan.c", c("chan.c", "int f(void) { return errno; }\n")),
    ("door", "src/chan/chan.c", c("chan.c", "#include <errno.h>\n")),
    ("door", "src/chan/chan.c", c("chan.c", "int f(void) { return clock_gettime(0, 0); }\n")),
    ("door", "src/chan/chan.c", c("chan.c", "static _Thread_local int x;\n")),
    ("door", "src/chan/chan.c", c("chan.c", "static __thread int x;\n")),
    ("door", "src/chan/chan.c", c("chan.c", "void f(void) { abort(); }\n")),
    ("door", "src/chan/chan.c", c("chan.c", "void f(void) { syscall(1); }\n")),
    ("door", "src/chan/chan.c", c("chan.c", "void f(void) { pthread_create(0, 0, 0, 0); }\n")),
    ("door", "src/chan/chan.c", c("chan.c", "void *f(void) { return mmap(0, 1, 0, 0, 0, 0); }\n")),
    ("door", "src/chan/chan.c", c("chan.c", "int f(void) { return waitpid(1, 0, 0); }\n")),
    ("door", "src/check/preload/a.c", c("a.c", "#include <stdatomic.h>\n")),
    ("door", "src/check/a.c", c("a.c", "void *f(void) { return malloc(1); }\n")),
    ("function-size", "src/chan/chan.c", c("chan.c", LONG)),
    ("file-size", "src/chan/chan.c", c("chan.c", "int f(void);\n" * 1000)),
    ("file-size", "src/core/core.h", c("core.h", "int f(void);\n" * 300)),
    ("line-size", "src/chan/chan.c", c("chan.c", "int " + "x" * 100 + ";\n")),
    ("line-size", "scripts/a.sh", "#!/bin/sh\n" + script("a.sh", "true " + "x" * 100 + "\n")),
    ("first-line", "src/chan/chan.c", c("other.c", "")),
    ("first-line", "src/chan/chan.c", f"/* chan.c: a file.\n * {SPDX}\n */\n"),
    ("first-line", "scripts/a.sh", "#!/bin/sh\n# Does things\n# " + SPDX + "\n"),
    ("spdx", "src/chan/chan.c", "/* chan.c - a file. */\n"),
    ("spdx", "src/chan/chan.c", f"/* chan.c - a file.\n * {SPDX}\n * and more\n */\n"),
    ("spdx", "scripts/a.sh", "# a.sh - a script.\n"),
    ("comment", "src/chan/chan.c", c("chan.c", "int x; // no\n")),
    ("debt", "src/chan/chan.c", c("chan.c", "/* TO" "DO: better */\n")),
    ("condition", "src/chan/chan.c", c("chan.c", "int f(void)\n{\n#ifdef A\n#endif\n}\n")),
    ("unique-name", "src/core/chan.c", c("chan.c", "")),
    ("static-name", "src/core/other.c", c("other.c", STATIC)),
    ("static-name", "src/core/other.c",
     c("other.c", "__attribute__((noinline))\n"
       "static __attribute__((cold)) void chan_sum(void)\n{\n}\n")),
    ("card", "src/scope/scope.c", c("scope.c", "")),
    ("card", "src/chan/README.md", "line\n" * 41),
    ("card", "src/attic/README.md", "a room on no floor\n"),
]


def findings(tree):
    with tempfile.TemporaryDirectory() as root:
        for path, text in tree.items():
            os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as f:
                f.write(text)
        return tidy.check(root)


def main():
    bad = [f"the good tree: {line}" for line in findings(GOOD)]
    for rule, path, text in CASES:
        found = findings({**GOOD, path: text})
        rules = {line.split(": ")[1] for line in found}
        if rules != {rule}:
            bad.append(f"{rule} in {path} {text[-60:]!r}: got {found}")
    rules = {tidy.rule_name(rule) for rule in tidy.FILE_RULES + tidy.TREE_RULES}
    bad += [f"no case for the rule {rule}" for rule in sorted(rules - {r for r, _, _ in CASES})]
    print("\n".join(bad) or f"{len(CASES)} cases, each found by its rule")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
