/* dwarfline.h - the line tables of DWARF 4 and 5: which file and line does an address come from?
 *
 * Reads what any file may contain, so it believes nothing: every read is bounded, every count is
 * bounded by the bytes that remain, and a damaged unit ends the search in that unit.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_BASE_DWARFLINE_H
#define WEFT_BASE_DWARFLINE_H

#include "base/base.h"

struct weft__dwarfline_bytes {
    const uint8_t *at;
    size_t size;
};

/* Sections of one object.  Those that are missing are empty. */
struct weft__dwarfline_sections {
    struct weft__dwarfline_bytes line;     /* .debug_line */
    struct weft__dwarfline_bytes line_str; /* .debug_line_str */
    struct weft__dwarfline_bytes str;      /* .debug_str */
};

struct weft__dwarfline {
    const char *file; /* as the compiler was given it, without its directory; in the sections */
    unsigned line;
    /* The file as a path: root/dir/file, where what comes later counts alone if it begins with '/'.
     * `name` is file with whatever directory it was given with.  "" is unknown. */
    const char *root, *dir, *name;
};

/* Never sleeps.  `addr` is an address as the object file counts them.  False when unknown. */
bool weft__dwarfline_find(const struct weft__dwarfline_sections *sections, uint64_t addr,
                          struct weft__dwarfline *ret);

#endif
