/* dwarfline.c - the line tables of DWARF 4 and 5: which file and line does an address come from?
 *
 * Called by symbol.c.  The layout is section 6.2 of the DWARF 5 standard (dwarfstd.org), and of
 * version 4 for the older header.
 *
 * A unit is a header and a program; running the program gives rows (address, file, line) in
 * sequences of rising addresses.  A row holds up to the next one, so the answer is the row before
 * the first that lies behind the address.  Rows are looked at as they come and none is stored;
 * the tables of files are read only for the one unit that answered.
 *
 * Invariants of the cursor: at <= end; once bad, it stays bad and every read gives 0.  Every loop
 * over a count reads at least one byte a turn, so that a bad cursor ends it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/dwarfline.h"

enum { /* the standard's names, less the DW_ */
    DWARF_LNS_COPY = 1,
    DWARF_LNS_ADVANCE_PC = 2,
    DWARF_LNS_ADVANCE_LINE = 3,
    DWARF_LNS_SET_FILE = 4,
    DWARF_LNS_CONST_ADD_PC = 8,
    DWARF_LNS_FIXED_ADVANCE_PC = 9,
    DWARF_LNE_END_SEQUENCE = 1,
    DWARF_LNE_SET_ADDRESS = 2,
    DWARF_LNCT_PATH = 1,
    DWARF_LNCT_DIRECTORY = 2,
    DWARF_FORM_DATA2 = 0x05,
    DWARF_FORM_DATA4 = 0x06,
    DWARF_FORM_DATA8 = 0x07,
    DWARF_FORM_STRING = 0x08,
    DWARF_FORM_BLOCK = 0x09,
    DWARF_FORM_DATA1 = 0x0b,
    DWARF_FORM_STRP = 0x0e,
    DWARF_FORM_UDATA = 0x0f,
    DWARF_FORM_DATA16 = 0x1e,
    DWARF_FORM_LINE_STRP = 0x1f,
};

struct dwarf_cursor {
    const uint8_t *at, *end;
    bool bad;
};

struct dwarf_unit {
    bool is_64; /* the 64-bit format: offsets have 8 bytes */
    uint8_t version;
    uint8_t min_instruction, line_range, opcode_base;
    int8_t line_base;
    const uint8_t *operand_counts; /* of the opcodes 1 .. opcode_base - 1 */
    struct dwarf_cursor tables;    /* directories and files */
    struct dwarf_cursor program;
};

struct dwarf_row {
    uint64_t addr, file, line;
};

/* ---- reading ---- */

static bool dwarf_has(struct dwarf_cursor *c, uint64_t n)
{
    if (n > (uint64_t)(c->end - c->at))
        c->bad = true;
    if (c->bad)
        c->at = c->end;
    return !c->bad;
}

static void dwarf_skip(struct dwarf_cursor *c, uint64_t n)
{
    if (dwarf_has(c, n))
        c->at += n;
}

/* Little-endian, as both our machines are. */
static uint64_t dwarf_uint(struct dwarf_cursor *c, unsigned n)
{
    uint64_t value = 0;

    if (!dwarf_has(c, n))
        return 0;
    for (unsigned i = 0; i < n; i++)
        value |= (uint64_t)c->at[i] << (8 * i);
    c->at += n;
    return value;
}

/* Bits beyond 64 are dropped. */
static uint64_t dwarf_leb(struct dwarf_cursor *c, bool is_signed)
{
    uint64_t value = 0, byte;
    unsigned shift = 0;

    do {
        byte = dwarf_uint(c, 1);
        if (shift < 64)
            value |= (byte & 0x7f) << shift;
        shift = shift < 64 ? shift + 7 : shift;
    } while ((byte & 0x80) != 0 && !c->bad);
    if (is_signed && (byte & 0x40) != 0 && shift < 64)
        value |= ~UINT64_C(0) << shift;
    return value;
}

/* Never NULL; "" from a bad cursor. */
static const char *dwarf_string(struct dwarf_cursor *c)
{
    const char *text = (const char *)c->at;
    const uint8_t *zero = c->bad || c->at == c->end
                              ? NULL
                              : memchr(c->at, 0, (size_t)(c->end - c->at));

    if (zero == NULL) {
        c->bad = true;
        c->at = c->end;
        return "";
    }
    c->at = zero + 1;
    return text;
}

static const char *dwarf_string_at(struct weft__dwarfline_bytes bytes, uint64_t offset)
{
    struct dwarf_cursor c;

    if (offset >= bytes.size)
        return "";
    c = (struct dwarf_cursor){bytes.at + offset, bytes.at + bytes.size, false};
    return dwarf_string(&c);
}

/* ---- the header ---- */

/* Takes one unit off the section.  False at its end, or when the next length leads out of it. */
static bool dwarf_next_unit(struct dwarf_cursor *section, struct dwarf_cursor *ret_unit,
                            bool *ret_is_64)
{
    uint64_t size = dwarf_uint(section, 4);

    *ret_is_64 = size == UINT32_MAX;
    if (*ret_is_64)
        size = dwarf_uint(section, 8);
    if (section->bad || !dwarf_has(section, size))
        return false;
    *ret_unit = (struct dwarf_cursor){section->at, section->at + size, false};
    section->at += size;
    return true;
}

static bool dwarf_read_header(struct dwarf_cursor *c, bool is_64, struct dwarf_unit *ret)
{
    uint64_t version = dwarf_uint(c, 2), header_size;

    if (version < 4 || version > 5)
        return false;
    if (version == 5)
        dwarf_skip(c, 2); /* sizes of address and segment selector */
    header_size = dwarf_uint(c, is_64 ? 8 : 4);
    if (!dwarf_has(c, header_size))
        return false;
    ret->is_64 = is_64;
    ret->version = (uint8_t)version;
    ret->program = (struct dwarf_cursor){c->at + header_size, c->end, false};
    c->end = c->at + header_size;
    ret->min_instruction = (uint8_t)dwarf_uint(c, 1);
    dwarf_skip(c, 2); /* operations per instruction, which is 1 here; is_stmt */
    ret->line_base = (int8_t)dwarf_uint(c, 1);
    ret->line_range = (uint8_t)dwarf_uint(c, 1);
    ret->opcode_base = (uint8_t)dwarf_uint(c, 1);
    ret->operand_counts = c->at;
    if (c->bad || ret->line_range == 0 || ret->opcode_base == 0)
        return false;
    dwarf_skip(c, ret->opcode_base - 1u);
    ret->tables = *c;
    return !c->bad;
}

/* ---- the program ---- */

struct dwarf_run {
    uint64_t wanted;
    struct dwarf_row row;    /* the machine's registers */
    struct dwarf_row before; /* the row that was given last */
    bool has_before;
    bool is_dead; /* the linker threw this code away and set its address to 0 or -1 */
};

static void dwarf_reset(struct dwarf_run *run)
{
    run->row = (struct dwarf_row){0, 1, 1};
    run->has_before = false;
    run->is_dead = false;
}

/* One row is complete.  True when the one before it covers the address. */
static bool dwarf_give_row(struct dwarf_run *run)
{
    if (run->is_dead)
        return false;
    if (run->has_before && run->before.addr <= run->wanted && run->wanted < run->row.addr)
        return true;
    run->before = run->row;
    run->has_before = true;
    return false;
}

/* The opcodes from 0 on: a length, then the real opcode. */
static bool dwarf_extended(struct dwarf_cursor *c, struct dwarf_run *run)
{
    uint64_t size = dwarf_leb(c, false);
    struct dwarf_cursor inside;
    bool found = false;

    if (!dwarf_has(c, size))
        return false;
    inside = (struct dwarf_cursor){c->at, c->at + size, false};
    c->at += size;
    switch (dwarf_uint(&inside, 1)) {
    case DWARF_LNE_END_SEQUENCE:
        found = dwarf_give_row(run);
        if (!found)
            dwarf_reset(run);
        break;
    case DWARF_LNE_SET_ADDRESS:
        run->row.addr = dwarf_uint(&inside, size == 5 ? 4 : 8);
        run->is_dead = inside.bad || run->row.addr == 0 || run->row.addr >= UINT64_MAX - 1;
        break;
    default: /* define_file, set_discriminator, and what vendors add */
        break;
    }
    return found;
}

static bool dwarf_standard(struct dwarf_cursor *c, const struct dwarf_unit *unit, uint8_t opcode,
                           struct dwarf_run *run)
{
    switch (opcode) {
    case DWARF_LNS_COPY:
        return dwarf_give_row(run);
    case DWARF_LNS_ADVANCE_PC:
        run->row.addr += dwarf_leb(c, false) * unit->min_instruction;
        break;
    case DWARF_LNS_ADVANCE_LINE:
        run->row.line += dwarf_leb(c, true);
        break;
    case DWARF_LNS_SET_FILE:
        run->row.file = dwarf_leb(c, false);
        break;
    case DWARF_LNS_CONST_ADD_PC:
        run->row.addr += (uint64_t)((255 - unit->opcode_base) / unit->line_range) *
                         unit->min_instruction;
        break;
    case DWARF_LNS_FIXED_ADVANCE_PC:
        run->row.addr += dwarf_uint(c, 2);
        break;
    default: /* columns, flags, and opcodes of later versions: the header tells how much to skip */
        for (unsigned i = unit->operand_counts[opcode - 1]; i > 0; i--)
            dwarf_leb(c, false);
        break;
    }
    return false;
}

static bool dwarf_run_program(const struct dwarf_unit *unit, uint64_t wanted,
                              struct dwarf_row *ret)
{
    struct dwarf_cursor c = unit->program;
    struct dwarf_run run = {.wanted = wanted};
    bool found = false;

    dwarf_reset(&run);
    while (!found && c.at < c.end) {
        uint8_t opcode = (uint8_t)dwarf_uint(&c, 1);
        if (opcode >= unit->opcode_base) {
            uint8_t step = (uint8_t)(opcode - unit->opcode_base);
            run.row.addr += (uint64_t)(step / unit->line_range) * unit->min_instruction;
            run.row.line += (uint64_t)(int64_t)(unit->line_base + step % unit->line_range);
            found = dwarf_give_row(&run);
        } else if (opcode == 0) {
            found = dwarf_extended(&c, &run);
        } else {
            found = dwarf_standard(&c, unit, opcode, &run);
        }
    }
    if (found)
        *ret = run.before;
    return found;
}

/* ---- the tables of files ---- */

/* Reads one value and returns its text, or "" if it is none; a small number goes to *ret_number. */
static const char *dwarf_form(struct dwarf_cursor *c, const struct dwarf_unit *unit,
                              const struct weft__dwarfline_sections *s, uint64_t form,
                              uint64_t *ret_number)
{
    switch (form) {
    case DWARF_FORM_STRING:
        return dwarf_string(c);
    case DWARF_FORM_LINE_STRP:
        return dwarf_string_at(s->line_str, dwarf_uint(c, unit->is_64 ? 8 : 4));
    case DWARF_FORM_STRP:
        return dwarf_string_at(s->str, dwarf_uint(c, unit->is_64 ? 8 : 4));
    case DWARF_FORM_UDATA:
        *ret_number = dwarf_leb(c, false);
        return "";
    case DWARF_FORM_BLOCK:
        dwarf_skip(c, dwarf_leb(c, false));
        return "";
    case DWARF_FORM_DATA1:
        *ret_number = dwarf_uint(c, 1);
        return "";
    case DWARF_FORM_DATA2:
        *ret_number = dwarf_uint(c, 2);
        return "";
    case DWARF_FORM_DATA4:
    case DWARF_FORM_DATA8:
    case DWARF_FORM_DATA16:
        dwarf_skip(c, form == DWARF_FORM_DATA4 ? 4 : form == DWARF_FORM_DATA8 ? 8 : 16);
        return "";
    default: /* of a size nobody told us */
        c->bad = true;
        return "";
    }
}

struct dwarf_entry {
    const char *path;
    uint64_t directory;
};

/* One table of version 5: what an entry is made of, how many there are, the entries.  False when
 * there is no number `wanted`. */
static bool dwarf_table5(struct dwarf_cursor *c, const struct dwarf_unit *unit,
                         const struct weft__dwarfline_sections *s, uint64_t wanted,
                         struct dwarf_entry *ret)
{
    uint64_t parts = dwarf_uint(c, 1), count;
    struct dwarf_cursor format = *c;
    bool found = false;

    for (uint64_t i = 0; i < 2 * parts; i++)
        dwarf_leb(c, false);
    count = dwarf_leb(c, false);
    if (parts == 0)
        return false;
    for (uint64_t i = 0; i < count && !c->bad; i++) {
        struct dwarf_cursor part = format;
        struct dwarf_entry entry = {"", 0};
        for (uint64_t k = 0; k < parts; k++) {
            uint64_t content = dwarf_leb(&part, false), form = dwarf_leb(&part, false), number = 0;
            const char *text = dwarf_form(c, unit, s, form, &number);
            if (content == DWARF_LNCT_PATH)
                entry.path = text;
            else if (content == DWARF_LNCT_DIRECTORY)
                entry.directory = number;
        }
        if (i == wanted) {
            *ret = entry;
            found = true;
        }
    }
    return found && !c->bad;
}

/* One list of version 4, from number 1 and ended by an empty name: of directories, or of files. */
static bool dwarf_table4(struct dwarf_cursor *c, bool is_files, uint64_t wanted,
                         struct dwarf_entry *ret)
{
    bool found = false;

    for (uint64_t i = 1; !c->bad; i++) {
        struct dwarf_entry entry = {dwarf_string(c), 0};
        if (*entry.path == '\0')
            break;
        if (is_files) {
            entry.directory = dwarf_leb(c, false);
            dwarf_leb(c, false); /* time */
            dwarf_leb(c, false); /* size */
        }
        if (i == wanted) {
            *ret = entry;
            found = true;
        }
    }
    return found;
}

/* Version 5 has the directory of the compilation as number 0; version 4 says it elsewhere. */
static bool dwarf_file(const struct dwarf_unit *unit, const struct weft__dwarfline_sections *s,
                       uint64_t number, struct weft__dwarfline *ret)
{
    struct dwarf_cursor directories = unit->tables, files = unit->tables;
    struct dwarf_entry file, dir = {"", 0}, root = {"", 0}, ignored;
    const char *slash;

    if (unit->version == 5) {
        dwarf_table5(&files, unit, s, UINT64_MAX, &ignored); /* the directories */
        if (files.bad || !dwarf_table5(&files, unit, s, number, &file))
            return false;
        dwarf_table5(&directories, unit, s, 0, &root);
        directories = unit->tables;
        if (file.directory != 0)
            dwarf_table5(&directories, unit, s, file.directory, &dir);
    } else {
        dwarf_table4(&files, false, UINT64_MAX, &ignored);
        if (!dwarf_table4(&files, true, number, &file))
            return false;
        dwarf_table4(&directories, false, file.directory, &dir);
    }
    slash = strrchr(file.path, '/');
    ret->file = slash != NULL ? slash + 1 : file.path;
    ret->name = file.path;
    ret->dir = dir.path;
    ret->root = root.path;
    return *ret->file != '\0';
}

/* ---- the search ---- */

bool weft__dwarfline_find(const struct weft__dwarfline_sections *sections, uint64_t addr,
                          struct weft__dwarfline *ret)
{
    struct dwarf_cursor section = {sections->line.at, NULL, false}, header;
    struct dwarf_unit unit;
    struct dwarf_row row;
    struct weft__dwarfline found;
    bool is_64;

    if (sections->line.size == 0)
        return false;
    section.end = section.at + sections->line.size;
    while (dwarf_next_unit(&section, &header, &is_64)) {
        if (!dwarf_read_header(&header, is_64, &unit) || !dwarf_run_program(&unit, addr, &row))
            continue;
        /* line 0 is code that no line asked for */
        if (!dwarf_file(&unit, sections, row.file, &found) || row.line == 0 ||
            row.line > UINT32_MAX)
            return false;
        found.line = (unsigned)row.line;
        *ret = found;
        return true;
    }
    return false;
}
