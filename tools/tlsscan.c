/* tlsscan.c - reads what objdump prints, and finds out which functions may park.
 *
 * objdump is asked for instructions, relocations and source lines.  Its text is kept, cut into
 * strings in place.  Relocations name what is called and which thread-local is meant in files that
 * are not linked yet; in those that are, objdump names the targets itself.
 *
 * Which functions of Weft may park, the table in tlssleep.c says; its insides are not looked into.
 * Of all others it is found out through the calls.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tlsscan.h"

#include <ctype.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "disk.h"
#include "out.h"
#include "spawn.h"
#include "words.h"

#define TLSSCAN_CHUNK ((size_t)1 << 20)

static const struct tlsscan_arch *const tlsscan_archs[] = {&tlsx86_arch, &tlsarm_arch};

/* ---- which processor ---- */

static const struct tlsscan_arch *tlsscan_arch_of(const char *head, size_t size)
{
    const Elf64_Ehdr *elf = (const Elf64_Ehdr *)(const void *)head;
    if (size < sizeof *elf || memcmp(head, ELFMAG, SELFMAG) != 0 ||
        elf->e_ident[EI_CLASS] != ELFCLASS64)
        return NULL;
    for (size_t i = 0; i < sizeof tlsscan_archs / sizeof tlsscan_archs[0]; i++) {
        if (tlsscan_archs[i]->machine == elf->e_machine)
            return tlsscan_archs[i];
    }
    return NULL;
}

/* An archive's first member that is an ELF file speaks for all. */
static size_t tlsscan_archive_member(const char *data, size_t size)
{
    size_t at = 8;
    while (at + 60 <= size) {
        size_t length = (size_t)strtoull(words_print("%.10s", data + at + 48), NULL, 10);
        if (at + 64 <= size && memcmp(data + at + 60, ELFMAG, SELFMAG) == 0)
            return at + 60;
        at += 60 + length + length % 2;
    }
    return size;
}

static int tlsscan_look(const char *path, struct tlsscan_program *ret)
{
    char *data;
    size_t size, at = 0;
    int rc = disk_read(path, &data, &size);
    if (rc < 0)
        return out_error("%s: %s", path, disk_reason(rc));
    if (size > 8 && memcmp(data, "!<arch>\n", 8) == 0)
        at = tlsscan_archive_member(data, size);
    /* Aligned, as a member need not be. */
    Elf64_Ehdr head = {0};
    memcpy(&head, data + at, size - at < sizeof head ? size - at : sizeof head);
    ret->arch = tlsscan_arch_of((const char *)&head, size - at);
    if (!ret->arch)
        return out_error("%s: is no program, object or archive for x86-64 or aarch64", path);
    ret->is_linked = at == 0 && head.e_type != ET_REL;
    return 0;
}

/* ---- objdump ---- */

static const char *tlsscan_find_objdump(const struct tlsscan_arch *arch, const char *wish)
{
#if defined(__x86_64__)
    const struct tlsscan_arch *native = &tlsx86_arch;
#else
    const struct tlsscan_arch *native = &tlsarm_arch;
#endif
    if (wish)
        return spawn_find(wish);
    const char *path = arch == native ? spawn_find("objdump") : NULL;
    return path ? path : spawn_find(arch->objdump);
}

static char *tlsscan_slurp(FILE *from)
{
    size_t size = 0, room = TLSSCAN_CHUNK, n;
    char *text = words_alloc(room);
    while ((n = fread(text + size, 1, room - size - 1, from)) > 0) {
        size += n;
        if (size + 1 == room) {
            char *larger = words_alloc(2 * room);
            memcpy(larger, text, size);
            text = larger;
            room *= 2;
        }
    }
    text[size] = '\0';
    return text;
}

static int tlsscan_run(const char *path, const char *wish, const struct tlsscan_arch *arch,
                       char **ret_text)
{
    const char *objdump = tlsscan_find_objdump(arch, wish);
    if (!objdump)
        return out_error("%s: not found; it comes with the compiler: apt install binutils%s",
                         wish ? wish : arch->objdump,
                         wish ? "" : strcmp(arch->name, "aarch64") ? "" : "-aarch64-linux-gnu");
    const char *order = words_print("LC_ALL=C %s -d -r -l --no-show-raw-insn -- %s",
                                    words_quote(objdump), words_quote(path));
    FILE *from = popen(order, "r");
    if (!from)
        return out_error("%s: could not be started", objdump);
    *ret_text = tlsscan_slurp(from);
    if (pclose(from) != 0)
        return out_error("%s: %s failed", path, objdump);
    return 0;
}

/* ---- its text ---- */

static struct tlsscan_function *tlsscan_add_function(struct tlsscan_program *p)
{
    if (p->function_count == p->function_room) {
        size_t room = p->function_room ? 2 * p->function_room : 256;
        struct tlsscan_function *larger = words_alloc(room * sizeof *larger);
        if (p->function_count)
            memcpy(larger, p->functions, p->function_count * sizeof *larger);
        p->functions = larger;
        p->function_room = room;
    }
    return &p->functions[p->function_count++];
}

static struct tlsscan_insn *tlsscan_add_insn(struct tlsscan_program *p)
{
    if (p->insn_count == p->insn_room) {
        size_t room = p->insn_room ? 2 * p->insn_room : 4096;
        struct tlsscan_insn *larger = words_alloc(room * sizeof *larger);
        if (p->insn_count)
            memcpy(larger, p->insns, p->insn_count * sizeof *larger);
        p->insns = larger;
        p->insn_room = room;
    }
    return &p->insns[p->insn_count++];
}

static bool tlsscan_is_hex(const char *s, char **ret_end, uint64_t *ret)
{
    *ret = strtoull(s, ret_end, 16);
    return *ret_end != s;
}

/* "0000000000001139 <main>:" */
static bool tlsscan_take_function(struct tlsscan_program *p, char *line, size_t member,
                                  size_t section)
{
    char *end;
    uint64_t address;
    size_t length = strlen(line);
    if (!isxdigit((unsigned char)line[0]) || !tlsscan_is_hex(line, &end, &address) ||
        end[0] != ' ' || end[1] != '<' || line[length - 1] != ':' || line[length - 2] != '>')
        return false;
    line[length - 2] = '\0';
    char *version = strchr(end, '@');
    if (version && strcmp(version, "@plt") != 0)
        *version = '\0';
    struct tlsscan_function *function = tlsscan_add_function(p);
    *function = (struct tlsscan_function){.name = end + 2,
                                          .member = member,
                                          .section = section,
                                          .address = address,
                                          .first = p->insn_count};
    function->is_ours = strncmp(function->name, "weft_", 5) == 0;
    return true;
}

static bool tlsscan_is_prefix(const char *word, size_t length)
{
    static const char *const prefixes[] = {"notrack", "bnd",      "data16",   "rex.W", "lock",
                                           "rep",     "repz",     "repnz",    "cs",    "ds",
                                           "es",      "ss",       "addr32",   "xacquire",
                                           "xrelease"};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        if (strlen(prefixes[i]) == length && memcmp(prefixes[i], word, length) == 0)
            return true;
    }
    return false;
}

/* "    1139:\tpush   %rbp"; what stands behind # is objdump's remark. */
static bool tlsscan_take_insn(struct tlsscan_program *p, char *line, const char *place)
{
    char *end, *text, *remark;
    uint64_t address;
    if (!isspace((unsigned char)line[0]) || !tlsscan_is_hex(line, &end, &address) ||
        end[0] != ':' || end[1] != '\t')
        return false;
    text = end + 2;
    if ((remark = strstr(text, " # ")) || (remark = strstr(text, "\t//")) ||
        (remark = strstr(text, " //")))
        *remark = '\0';
    size_t length;
    while (tlsscan_is_prefix(text, length = strcspn(text, " \t")) && text[length])
        text += length + strspn(text + length, " \t");
    char *operands = text + length;
    if (*operands) {
        *operands++ = '\0';
        operands += strspn(operands, " \t");
        for (size_t n = strlen(operands); n && isspace((unsigned char)operands[n - 1]); n--)
            operands[n - 1] = '\0';
    }
    *tlsscan_add_insn(p) = (struct tlsscan_insn){.address = address,
                                                 .name = text,
                                                 .operands = operands,
                                                 .reloc = "",
                                                 .symbol = "",
                                                 .place = place};
    return true;
}

/* "\t\t\t19: R_X86_64_PLT32\tread-0x4".  The last one of an instruction that says something. */
static bool tlsscan_take_reloc(struct tlsscan_program *p, char *line)
{
    char *end, *reloc = line + strspn(line, "\t ");
    uint64_t address;
    if (line[0] != '\t' || !tlsscan_is_hex(reloc, &end, &address) || strncmp(end, ": R_", 4) != 0 ||
        !p->insn_count)
        return false;
    reloc = end + 2;
    char *symbol = reloc + strcspn(reloc, "\t ");
    if (*symbol)
        *symbol++ = '\0';
    symbol += strspn(symbol, "\t ");
    struct tlsscan_insn *insn = &p->insns[p->insn_count - 1];
    char *addend = symbol;
    for (char *c = symbol; *c; c++) {
        if ((*c == '+' || *c == '-') && strncmp(c + 1, "0x", 2) == 0)
            addend = c;
    }
    if (addend != symbol) {
        insn->addend = (int64_t)strtoull(addend + 1, NULL, 16) * (*addend == '-' ? -1 : 1);
        *addend = '\0';
    }
    insn->reloc = reloc;
    insn->symbol = symbol;
    return true;
}

/* "/path/file.c:7 (discriminator 2)", or NULL. */
static const char *tlsscan_take_place(char *line)
{
    char *discriminator = strstr(line, " (discriminator");
    if (discriminator)
        *discriminator = '\0';
    char *colon = strrchr(line, ':');
    if (!colon || !isdigit((unsigned char)colon[1]) || isspace((unsigned char)line[0]))
        return NULL;
    return line;
}

static void tlsscan_parse(struct tlsscan_program *p, char *text)
{
    size_t member = 0, section = 0;
    const char *place = "";
    for (char *line = text, *next; *line; line = next) {
        size_t length = strcspn(line, "\n");
        next = line + length + (line[length] != '\0');
        line[length] = '\0';
        if (!length)
            continue;
        if (tlsscan_take_insn(p, line, place) || tlsscan_take_reloc(p, line))
            continue;
        if (strstr(line, ":     file format ")) {
            member++;
        } else if (strncmp(line, "Disassembly of section ", 23) == 0) {
            section++;
        } else if (tlsscan_take_function(p, line, member, section)) {
            place = "";
        } else {
            const char *found = tlsscan_take_place(line);
            place = found ? found : place;
        }
    }
    for (size_t i = 0; i < p->function_count; i++) {
        size_t end = i + 1 < p->function_count ? p->functions[i + 1].first : p->insn_count;
        p->functions[i].count = end - p->functions[i].first;
    }
}

/* ---- finding functions ---- */

static const struct tlsscan_program *tlsscan_sorted; /* whose functions are being put in order */

static int tlsscan_compare_places(const struct tlsscan_function *a,
                                  const struct tlsscan_function *b)
{
    if (a->member != b->member)
        return a->member < b->member ? -1 : 1;
    if (!tlsscan_sorted->is_linked && a->section != b->section)
        return a->section < b->section ? -1 : 1;
    return a->address < b->address ? -1 : a->address > b->address;
}

static int tlsscan_by_place(const void *a, const void *b)
{
    return tlsscan_compare_places(&tlsscan_sorted->functions[*(const size_t *)a],
                                  &tlsscan_sorted->functions[*(const size_t *)b]);
}

static int tlsscan_by_name(const void *a, const void *b)
{
    return strcmp(tlsscan_sorted->functions[*(const size_t *)a].name,
                  tlsscan_sorted->functions[*(const size_t *)b].name);
}

static void tlsscan_sort(struct tlsscan_program *p)
{
    p->by_place = words_alloc((p->function_count + 1) * sizeof *p->by_place);
    p->by_name = words_alloc((p->function_count + 1) * sizeof *p->by_name);
    for (size_t i = 0; i < p->function_count; i++)
        p->by_place[i] = p->by_name[i] = i;
    tlsscan_sorted = p;
    qsort(p->by_place, p->function_count, sizeof *p->by_place, tlsscan_by_place);
    qsort(p->by_name, p->function_count, sizeof *p->by_name, tlsscan_by_name);
}

static const struct tlsscan_function *tlsscan_at(const struct tlsscan_program *p,
                                                 const struct tlsscan_function *like,
                                                 uint64_t address)
{
    struct tlsscan_function key = *like;
    size_t low = 0, high = p->function_count;
    key.address = address;
    tlsscan_sorted = p;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = tlsscan_compare_places(&p->functions[p->by_place[middle]], &key);
        if (order == 0)
            return &p->functions[p->by_place[middle]];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* Of its own file if there is one, because static functions of one name may be many. */
static const struct tlsscan_function *tlsscan_named(const struct tlsscan_program *p,
                                                    const struct tlsscan_function *from,
                                                    const char *name)
{
    size_t low = 0, high = p->function_count;
    const struct tlsscan_function *found = NULL;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(p->functions[p->by_name[middle]].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < p->function_count; low++) {
        const struct tlsscan_function *one = &p->functions[p->by_name[low]];
        if (strcmp(one->name, name) != 0)
            break;
        if (one->member == from->member)
            return one;
        found = one;
    }
    return found;
}

/* The name in "1139 <main+0x4>", without what tells a stub or a version; "" where none is. */
static const char *tlsscan_name_in(const char *operands)
{
    const char *open = strrchr(operands, '<');
    if (!open)
        return "";
    size_t length = strcspn(open + 1, ">");
    const char *at = memchr(open + 1, '@', length);
    const char *plus = strstr(open + 1, "+0x");
    if (at)
        length = (size_t)(at - open - 1);
    else if (plus && plus < open + 1 + length)
        return "";
    return words_print("%.*s", (int)length, open + 1);
}

/* Behind the last comma, as in "x0, 50 <f+0x40>". */
static uint64_t tlsscan_address_in(const char *operands)
{
    const char *comma = strrchr(operands, ',');
    const char *at = comma ? comma + 1 : operands;
    return strtoull(at, NULL, 16);
}

static struct tlsscan_target tlsscan_find_target(const struct tlsscan_program *p,
                                                 const struct tlsscan_function *from,
                                                 const struct tlsscan_insn *insn)
{
    struct tlsscan_target target = {.name = "", .address = tlsscan_address_in(insn->operands)};
    if (insn->symbol[0] && insn->symbol[0] != '.') {
        target.name = words_print("%.*s", (int)strcspn(insn->symbol, "@"), insn->symbol);
        target.function = tlsscan_named(p, from, target.name);
        target.address = UINT64_MAX;
        return target;
    }
    if (!insn->symbol[0]) {
        target.name = tlsscan_name_in(insn->operands);
        if (!strstr(insn->operands, "@plt>")) /* a stub may lead back into the program */
            target.function = tlsscan_at(p, from, target.address);
        if (!target.function && target.name[0])
            target.function = tlsscan_named(p, from, target.name);
        if (target.function && !target.name[0])
            target.name = target.function->name;
    }
    return target;
}

/* ---- who parks ---- */

/* Weft's insides are not looked into.  A public function may be an inline one of a header. */
static bool tlsscan_is_inside(const char *name)
{
    return strncmp(name, "weft__", 6) == 0;
}

enum tlsscan_parks tlsscan_target_parks(const struct tlsscan_target *target)
{
    if (tlssleep_has(target->name))
        return TLSSCAN_MAY;
    if (!target->function || tlsscan_is_inside(target->name))
        return TLSSCAN_NEVER;
    enum tlsscan_parks parks = target->function->parks;
    return target->function->is_ours && parks == TLSSCAN_PERHAPS ? TLSSCAN_NEVER : parks;
}

const char *tlsscan_target_gives(const struct tlsscan_target *target)
{
    static const char *const known[][2] = {
        {"__errno_location", "errno"},   {"weft_errno_location", "errno"},
        {"__h_errno_location", "h_errno"}, {"__res_state", "_res"},
        {"__tls_get_addr", ""},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(target->name, known[i][0]) == 0)
            return known[i][1];
    }
    return target->function && target->function->gives_local ? "" : NULL;
}

bool tlsscan_target_ends(const struct tlsscan_target *target)
{
    static const char *const known[] = {
        "abort",         "exit",         "_exit",       "_Exit",         "__assert_fail",
        "quick_exit",    "weft_panic",   "longjmp",     "siglongjmp",    "__longjmp_chk",
        "__cxa_throw",   "__cxa_rethrow", "_Unwind_Resume", "__stack_chk_fail",
        "pthread_exit",  "thrd_exit",    "__chk_fail",  "_ZSt9terminatev", "err",
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(target->name, known[i]) == 0)
            return true;
    }
    return false;
}

/* By a call through a pointer, which may lead anywhere. */
static enum tlsscan_parks tlsscan_insn_parks(const struct tlsscan_program *p, size_t i)
{
    const struct tlsscan_insn *insn = &p->insns[i];
    if (insn->target)
        return tlsscan_target_parks(insn->target);
    if (p->arch->flow(insn) == TLSSCAN_CALL_INDIRECT && !p->arch->is_descriptor_call(p, i))
        return TLSSCAN_PERHAPS;
    return TLSSCAN_NEVER;
}

static void tlsscan_find_targets(struct tlsscan_program *p)
{
    for (size_t f = 0; f < p->function_count; f++) {
        const struct tlsscan_function *function = &p->functions[f];
        for (size_t i = function->first; i < function->first + function->count; i++) {
            enum tlsscan_flow flow = p->arch->flow(&p->insns[i]);
            if (flow != TLSSCAN_CALL && flow != TLSSCAN_JUMP && flow != TLSSCAN_BRANCH)
                continue;
            struct tlsscan_target *target = words_alloc(sizeof *target);
            *target = tlsscan_find_target(p, function, &p->insns[i]);
            p->insns[i].target = target;
        }
    }
}

/* Through the calls, until nothing changes. */
static void tlsscan_find_parks(struct tlsscan_program *p)
{
    bool changes = true;
    while (changes) {
        changes = false;
        for (size_t f = 0; f < p->function_count; f++) {
            struct tlsscan_function *function = &p->functions[f];
            enum tlsscan_parks parks = function->parks;
            size_t end = tlsscan_is_inside(function->name) ? 0 : function->first + function->count;
            for (size_t i = function->first; i < end && parks != TLSSCAN_MAY; i++) {
                enum tlsscan_parks one = tlsscan_insn_parks(p, i);
                parks = one > parks ? one : parks;
            }
            changes |= parks != function->parks;
            function->parks = parks;
        }
    }
}

int tlsscan_read(const char *path, const char *objdump, struct tlsscan_program *ret)
{
    char *text = NULL;
    *ret = (struct tlsscan_program){.path = path};
    int status = tlsscan_look(path, ret);
    if (status == 0)
        status = tlsscan_run(path, objdump, ret->arch, &text);
    if (status != 0)
        return status;
    tlsscan_parse(ret, text);
    tlsscan_sort(ret);
    tlsscan_find_targets(ret);
    tlsscan_find_parks(ret);
    return 0;
}
