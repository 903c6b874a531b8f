# files.py - the files that the load `files` reads: written once, and put out of the page cache for
# a cold case.
# SPDX-License-Identifier: MIT
import os

KB = 1024
SIZES = {"warm4k": 4 * KB, "warm64k": 64 * KB, "cold64k": 64 * KB, "cold16k": 16 * KB}


def prepare(case, n, folder):
    """Returns the folder in which files 00000 to n - 1 are, for this case."""
    size = SIZES[case.name]
    here = folder / f"{size // KB}k"
    here.mkdir(parents=True, exist_ok=True)
    for i in range(n):
        path = here / f"{i:05}"
        if not path.exists() or path.stat().st_size != size:
            path.write_bytes(os.urandom(size))
        with path.open("rb") as file:
            if case.name.startswith("cold"):
                os.fdatasync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            else:
                file.read()
    return here
