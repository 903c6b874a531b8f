/* symbol.h - from an address in the code to "function (file.c:123)".
 *
 * For messages to people: backtraces, spawn sites, the two sites of a panic.  Reads the ELF file
 * that the address was loaded from (.symtab or .dynsym, .debug_line of DWARF 4 and 5) through a
 * private mapping that is gone when the call returns.  Slow (milliseconds), allocates nothing,
 * needs about 2 KiB of stack.  May block on the file and on the loader's lock; not for signal
 * handlers.
 *
 * Rejected: dladdr (knows no static function and no line), libdwarf or libbacktrace (libweft
 * needs libc only), calling addr2line (a fork in the middle of a panic).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_BASE_SYMBOL_H
#define WEFT_BASE_SYMBOL_H

#include "base/base.h"
#include "base/text.h"

/* Appends the name of what lies at `addr`, as the file counts, in any ELF file, loaded or not.
 * False, and nothing appended, when it cannot tell or the file is damaged. */
bool weft__symbol_in_file(const char *path, uint64_t addr, struct weft__text *text);

/* The same in pieces.  What is unknown is "" or 0; `path` is where the source lay when it was
 * compiled, and may be relative to a directory that nobody noted. */
struct weft__symbol_place {
    char function[96];
    char file[96]; /* without its directory */
    char path[512];
    unsigned line;
};

/* addr as above; is_return: a return address, whose call is meant.  False when nothing is known. */
bool weft__symbol_place_in_file(const char *path, uint64_t addr, bool is_return,
                                struct weft__symbol_place *ret);

/* The variable (static ones too) that holds the address `addr` of the file's data, and how far
 * inside.  False when there is none, or when the file cannot be read. */
bool weft__symbol_data_in_file(const char *path, uint64_t addr, char *name, size_t size,
                               uint64_t *ret_offset, uint64_t *ret_size);

/* Writes the name of the code at pc: "function (file.c:123)", or "function (object)" without
 * line information, or "object+0x1234" without symbols, or "0x7f..." for no object.  pc is the
 * address of an instruction, such as a function's own address. */
void weft__symbol_name(const void *pc, char *buf, size_t size);

/* The same for a return address, which belongs to the call before it. */
void weft__symbol_site(const void *return_address, char *buf, size_t size);

/* One line per frame, "  #0  name\n".  pcs[0] may be the pc itself or a return address, the others
 * are return addresses, as weft__symbol_walk gives them. */
void weft__symbol_backtrace(void *const *pcs, size_t n, struct weft__text *text);

/* One such line. */
void weft__symbol_frame(struct weft__text *text, size_t index, const void *pc,
                        bool is_return_address);

/* Never sleeps.  Follows the chain of frame pointers from `fp`, reading only within [lo, hi);
 * stops where the chain leaves it or does not ascend.  ret[0] is `pc` unless that is NULL.
 * Returns how many were written, at most max. */
size_t weft__symbol_walk(const void *fp, const void *pc, const void *lo, const void *hi, void **ret,
                         size_t max);

#endif
