/* symbol.c - from an address in the code to "function (file.c:123)".
 *
 * Called by panic.c and by whoever reports a task.  Finds the loaded object by dl_iterate_phdr,
 * maps its file, looks in its symbols and asks dwarfline.c for the line.
 *
 * The file is whatever lies under that name now: it may have been replaced since, or be no ELF
 * file at all.  So every offset in it is checked against its size before it is followed, and
 * structures are copied out, since nothing in a file need be aligned.
 *
 * Invariant: no pointer into the mapping is used after symbol_close_file.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/symbol.h"

#include <elf.h>
#include <link.h>
#include <sys/auxv.h>

#include "base/dwarfline.h"
#include "base/sys.h"

struct symbol_object {
    uintptr_t pc;     /* what is asked */
    uintptr_t offset; /* the answer: pc as the file counts */
    const char *path; /* where the loader found it; "" is the program itself */
    bool found;
};

struct symbol_elf {
    const uint8_t *at;
    size_t size;
    uint64_t sections_at;
    size_t sections;
    struct weft__dwarfline_bytes names; /* of the sections */
};

struct symbol_function {
    const char *name; /* NULL: none */
    uint64_t start, size;
};

/* ---- the object ---- */

static int symbol_look_at_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct symbol_object *object = arg;

    (void)size;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uintptr_t offset = object->pc - info->dlpi_addr;
        if (part->p_type == PT_LOAD && offset - part->p_vaddr < part->p_memsz) {
            object->offset = offset;
            object->path = info->dlpi_name != NULL ? info->dlpi_name : "";
            object->found = true;
            return 1;
        }
    }
    return 0;
}

static const char *symbol_object_name(const struct symbol_object *object)
{
    const char *path = object->path;
    const char *slash;

    if (*path == '\0')
        path = (const char *)getauxval(AT_EXECFN);
    if (path == NULL)
        return "program";
    slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* ---- the file ---- */

static bool symbol_elf_copy(const struct symbol_elf *elf, uint64_t offset, void *ret, size_t size)
{
    if (offset > elf->size || size > elf->size - offset)
        return false;
    memcpy(ret, elf->at + offset, size);
    return true;
}

static bool symbol_elf_section(const struct symbol_elf *elf, size_t i, Elf64_Shdr *ret)
{
    return i < elf->sections &&
           symbol_elf_copy(elf, elf->sections_at + i * sizeof *ret, ret, sizeof *ret);
}

/* Empty when it lies outside the file, takes no room in it, or is compressed. */
static struct weft__dwarfline_bytes symbol_elf_bytes(const struct symbol_elf *elf,
                                                     const Elf64_Shdr *section)
{
    struct weft__dwarfline_bytes none = {NULL, 0};

    if (section->sh_type == SHT_NOBITS || (section->sh_flags & SHF_COMPRESSED) != 0 ||
        section->sh_offset > elf->size || section->sh_size > elf->size - section->sh_offset)
        return none;
    return (struct weft__dwarfline_bytes){elf->at + section->sh_offset, section->sh_size};
}

/* Never NULL; "" when the offset leads out or nothing ends the string. */
static const char *symbol_string(struct weft__dwarfline_bytes table, uint64_t offset)
{
    if (offset >= table.size || memchr(table.at + offset, 0, table.size - offset) == NULL)
        return "";
    return (const char *)table.at + offset;
}

/* Numbers too large for the header's 16 bits stand in section 0. */
static bool symbol_elf_open(struct symbol_elf *elf)
{
    Elf64_Ehdr head;
    Elf64_Shdr first, names;
    size_t names_index;

    if (!symbol_elf_copy(elf, 0, &head, sizeof head) ||
        memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64 ||
        head.e_ident[EI_DATA] != ELFDATA2LSB || head.e_shentsize != sizeof(Elf64_Shdr) ||
        head.e_shoff > elf->size)
        return false;
    elf->sections_at = head.e_shoff;
    elf->sections = 1;
    if (!symbol_elf_section(elf, 0, &first))
        return false;
    elf->sections = head.e_shnum != 0 ? head.e_shnum : first.sh_size;
    if (elf->sections > (elf->size - elf->sections_at) / sizeof(Elf64_Shdr))
        return false;
    names_index = head.e_shstrndx != SHN_XINDEX ? head.e_shstrndx : first.sh_link;
    if (!symbol_elf_section(elf, names_index, &names))
        return false;
    elf->names = symbol_elf_bytes(elf, &names);
    return true;
}

/* ---- the function ---- */

/* A function without a size (assembly) counts as holding all that follows it in its section. */
static bool symbol_holds(const struct symbol_elf *elf, const Elf64_Sym *s, uint64_t addr,
                         bool is_data)
{
    unsigned type = ELF64_ST_TYPE(s->st_info);
    Elf64_Shdr section;

    if (s->st_shndx == SHN_UNDEF || s->st_value > addr ||
        (is_data ? type != STT_OBJECT : type != STT_FUNC && type != STT_GNU_IFUNC))
        return false;
    if (s->st_size != 0 || is_data)
        return addr - s->st_value < s->st_size;
    return symbol_elf_section(elf, s->st_shndx, &section) && addr >= section.sh_addr &&
           addr - section.sh_addr < section.sh_size;
}

/* Among those that hold the address, the one that starts last; those that have a size go first. */
static void symbol_search_table(const struct symbol_elf *elf, const Elf64_Shdr *section,
                                uint64_t addr, bool is_data, struct symbol_function *ret)
{
    struct weft__dwarfline_bytes symbols = symbol_elf_bytes(elf, section), names;
    Elf64_Shdr names_section;
    uint64_t best_name = 0, best_start = 0, best_size = 0;
    bool has_best = false, best_has_size = false;

    if (!symbol_elf_section(elf, section->sh_link, &names_section))
        return;
    names = symbol_elf_bytes(elf, &names_section);
    for (size_t i = 0; i < symbols.size / sizeof(Elf64_Sym); i++) {
        Elf64_Sym s;
        bool has_size;
        memcpy(&s, symbols.at + i * sizeof s, sizeof s);
        if (!symbol_holds(elf, &s, addr, is_data))
            continue;
        has_size = s.st_size != 0;
        if (has_best && (best_has_size != has_size ? best_has_size : best_start >= s.st_value))
            continue;
        has_best = true;
        best_has_size = has_size;
        best_name = s.st_name;
        best_start = s.st_value;
        best_size = s.st_size;
    }
    if (has_best && *symbol_string(names, best_name) != '\0')
        *ret = (struct symbol_function){symbol_string(names, best_name), best_start, best_size};
}

/* .symtab knows the static functions too, but a stripped object has only .dynsym. */
static struct symbol_function symbol_find(const struct symbol_elf *elf, uint64_t addr,
                                          bool is_data)
{
    static const uint32_t kinds[] = {SHT_SYMTAB, SHT_DYNSYM};
    struct symbol_function found = {NULL, 0, 0};
    Elf64_Shdr section;

    for (size_t k = 0; k < WEFT_ARRAY_SIZE(kinds); k++) {
        for (size_t i = 0; i < elf->sections && found.name == NULL; i++) {
            if (symbol_elf_section(elf, i, &section) && section.sh_type == kinds[k])
                symbol_search_table(elf, &section, addr, is_data, &found);
        }
    }
    return found;
}

static struct symbol_function symbol_find_function(const struct symbol_elf *elf, uint64_t addr)
{
    return symbol_find(elf, addr, false);
}

static bool symbol_find_line(const struct symbol_elf *elf, uint64_t addr,
                             struct weft__dwarfline *ret)
{
    struct weft__dwarfline_sections lines = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
    Elf64_Shdr section;

    for (size_t i = 0; i < elf->sections; i++) {
        const char *name;
        if (!symbol_elf_section(elf, i, &section))
            continue;
        name = symbol_string(elf->names, section.sh_name);
        if (strcmp(name, ".debug_line") == 0)
            lines.line = symbol_elf_bytes(elf, &section);
        else if (strcmp(name, ".debug_line_str") == 0)
            lines.line_str = symbol_elf_bytes(elf, &section);
        else if (strcmp(name, ".debug_str") == 0)
            lines.str = symbol_elf_bytes(elf, &section);
    }
    return weft__dwarfline_find(&lines, addr, ret);
}

/* ---- the words ---- */

/* Which instruction does an address stand for? */
enum symbol_kind {
    SYMBOL_EXACT,
    SYMBOL_RETURN, /* the call before it */
    SYMBOL_EITHER, /* the same, unless a function starts just there */
};

/* "name.constprop.0" is said as "name": the rest is the compiler's business. */
static int symbol_name_length(const char *name)
{
    return (int)(1 + strcspn(name + 1, "."));
}

static bool symbol_describe_elf(const struct symbol_elf *elf, const char *object, uint64_t addr,
                                enum symbol_kind kind, struct weft__text *text)
{
    struct symbol_function function = {NULL, 0, 0};
    struct weft__dwarfline line;

    if (kind == SYMBOL_EITHER)
        function = symbol_find_function(elf, addr);
    if (kind == SYMBOL_RETURN || (kind == SYMBOL_EITHER && function.start != addr))
        addr--;
    function = symbol_find_function(elf, addr);
    if (function.name == NULL)
        return false;
    weft__text_add(text, "%.*s (", symbol_name_length(function.name), function.name);
    if (symbol_find_line(elf, addr, &line))
        weft__text_add(text, "%s:%u)", line.file, line.line);
    else
        weft__text_add(text, "%s)", object);
    return true;
}

/* Maps the file; what it returned true for must be closed. */
static bool symbol_open_file(const char *path, struct symbol_elf *elf)
{
    void *mapping;

    *elf = (struct symbol_elf){.at = NULL};
    if (weft__sys_map_file(path, &mapping, &elf->size) != 0)
        return false;
    elf->at = mapping;
    if (symbol_elf_open(elf))
        return true;
    weft__sys_unmap(mapping, elf->size);
    return false;
}

static void symbol_close_file(struct symbol_elf *elf)
{
    weft__sys_unmap((void *)(uintptr_t)elf->at, elf->size);
}

static bool symbol_describe_file(const char *path, const char *object, uint64_t addr,
                                 enum symbol_kind kind, struct weft__text *text)
{
    struct symbol_elf elf;
    bool named;

    if (!symbol_open_file(path, &elf))
        return false;
    named = symbol_describe_elf(&elf, object, addr, kind, text);
    symbol_close_file(&elf);
    return named;
}

static void symbol_describe(const void *pc, enum symbol_kind kind, struct weft__text *text)
{
    struct symbol_object object = {.pc = (uintptr_t)pc};
    const char *path, *name;

    dl_iterate_phdr(symbol_look_at_object, &object);
    if (!object.found) {
        weft__text_add(text, "0x%llx", (unsigned long long)object.pc);
        return;
    }
    name = symbol_object_name(&object);
    path = *object.path != '\0' ? object.path : "/proc/self/exe";
    if (!symbol_describe_file(path, name, object.offset, kind, text))
        weft__text_add(text, "%s+0x%llx", name, (unsigned long long)object.offset);
}

bool weft__symbol_in_file(const char *path, uint64_t addr, struct weft__text *text)
{
    return symbol_describe_file(path, path, addr, SYMBOL_EXACT, text);
}

/* Of the three parts of a path, the last that begins with '/' and those after it. */
static void symbol_join(const struct weft__dwarfline *line, struct weft__text *text)
{
    const char *parts[] = {line->root, line->dir, line->name};

    for (size_t i = 0; i < WEFT_ARRAY_SIZE(parts); i++) {
        if (*parts[i] == '/')
            weft__text_init(text, text->start, (size_t)(text->end - text->start));
        else if (weft__text_len(text) > 0 && *parts[i] != '\0')
            weft__text_add(text, "/");
        weft__text_add(text, "%s", parts[i]);
    }
}

static bool symbol_place_elf(const struct symbol_elf *elf, uint64_t addr,
                             struct weft__symbol_place *ret)
{
    struct symbol_function function = symbol_find_function(elf, addr);
    struct weft__dwarfline line;
    struct weft__text text;

    if (function.name != NULL) {
        weft__text_init(&text, ret->function, sizeof ret->function);
        weft__text_add(&text, "%.*s", symbol_name_length(function.name), function.name);
    }
    if (symbol_find_line(elf, addr, &line)) {
        weft__text_init(&text, ret->file, sizeof ret->file);
        weft__text_add(&text, "%s", line.file);
        weft__text_init(&text, ret->path, sizeof ret->path);
        symbol_join(&line, &text);
        ret->line = line.line;
    }
    return function.name != NULL || ret->line != 0;
}

bool weft__symbol_place_in_file(const char *path, uint64_t addr, bool is_return,
                                struct weft__symbol_place *ret)
{
    struct symbol_elf elf;
    bool found;

    *ret = (struct weft__symbol_place){.line = 0};
    if (!symbol_open_file(path, &elf))
        return false;
    found = symbol_place_elf(&elf, is_return ? addr - 1 : addr, ret);
    symbol_close_file(&elf);
    return found;
}

bool weft__symbol_data_in_file(const char *path, uint64_t addr, char *name, size_t size,
                               uint64_t *ret_offset, uint64_t *ret_size)
{
    struct symbol_elf elf;
    struct symbol_function variable;
    struct weft__text text;

    if (!symbol_open_file(path, &elf))
        return false;
    variable = symbol_find(&elf, addr, true);
    if (variable.name != NULL) {
        weft__text_init(&text, name, size);
        weft__text_add(&text, "%.*s", symbol_name_length(variable.name), variable.name);
        *ret_offset = addr - variable.start;
        *ret_size = variable.size;
    }
    symbol_close_file(&elf);
    return variable.name != NULL;
}

void weft__symbol_name(const void *pc, char *buf, size_t size)
{
    struct weft__text text;

    weft__text_init(&text, buf, size);
    symbol_describe(pc, SYMBOL_EXACT, &text);
}

void weft__symbol_site(const void *return_address, char *buf, size_t size)
{
    struct weft__text text;

    weft__text_init(&text, buf, size);
    symbol_describe(return_address, SYMBOL_RETURN, &text);
}

static void symbol_frame_line(struct weft__text *text, size_t index, const void *pc,
                              enum symbol_kind kind)
{
    weft__text_add(text, "  #%-2zu ", index);
    symbol_describe(pc, kind, text);
    weft__text_add(text, "\n");
}

void weft__symbol_backtrace(void *const *pcs, size_t n, struct weft__text *text)
{
    for (size_t i = 0; i < n; i++)
        symbol_frame_line(text, i, pcs[i], i == 0 ? SYMBOL_EITHER : SYMBOL_RETURN);
}

void weft__symbol_frame(struct weft__text *text, size_t index, const void *pc,
                        bool is_return_address)
{
    symbol_frame_line(text, index, pc, is_return_address ? SYMBOL_RETURN : SYMBOL_EXACT);
}

/* ---- the walk ---- */

/* Where return addresses are signed (pointer authentication), the signature is taken off. */
#if defined(__aarch64__)
static uintptr_t symbol_plain(uintptr_t address)
{
    register uintptr_t x30 __asm__("x30") = address;

    __asm__("hint #7" : "+r"(x30)); /* xpaclri; nothing on older machines */
    return x30;
}
#else
static uintptr_t symbol_plain(uintptr_t address)
{
    return address;
}
#endif

/* A frame is two words on both our machines: the caller's frame, and where it goes on.  The
 * stack may be another thread's and running, so the words are read once and only believed as far
 * as the bounds allow. */
WEFT_NO_SANITIZE size_t weft__symbol_walk(const void *fp, const void *pc, const void *lo,
                                          const void *hi, void **ret, size_t max)
{
    uintptr_t frame = (uintptr_t)fp, low = (uintptr_t)lo, high = (uintptr_t)hi;
    size_t n = 0;

    if (pc != NULL && n < max)
        ret[n++] = (void *)(uintptr_t)pc;
    while (n < max && frame >= low && frame < high && high - frame >= 2 * sizeof(uintptr_t) &&
           frame % sizeof(uintptr_t) == 0) {
        const volatile uintptr_t *words = (const volatile uintptr_t *)frame;
        uintptr_t up = words[0], back = symbol_plain(words[1]);
        if (back == 0)
            break;
        ret[n++] = (void *)back;
        if (up <= frame)
            break;
        frame = up;
    }
    return n;
}
