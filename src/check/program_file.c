/* program_file.c - which file is meant by a program's name, and can it be put under control?
 *
 * What can be seen in the file is said before anything is started, since the loader says nothing:
 * it ignores LD_PRELOAD for programs with other rights and knows nothing of static ones.
 *
 * SPDX-License-Identifier: MIT
 */
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>

#include "base/child.h"
#include "base/sys.h"
#include "base/text.h"
#include "check/program.h"
#include "weft/err.h"

#define PROGRAM_LIBRARY     "libweft-check.so"
#define PROGRAM_HEADERS_MAX 128

/* ---- finding ---- */

/* One member of PATH; an empty one means the current directory. */
static bool program_try(const char *dir, size_t length, const char *name,
                        char ret_path[WEFT__PATH_MAX])
{
    struct weft__text text;
    weft__text_init(&text, ret_path, WEFT__PATH_MAX);
    if (length)
        weft__text_add_bytes(&text, dir, length);
    else
        weft__text_add(&text, ".");
    weft__text_add(&text, "/%s", name);
    return !text.cut && weft__child_may_run(ret_path);
}

int weft__program_find(const char *name, char ret_path[WEFT__PATH_MAX])
{
    struct stat st;
    if (strchr(name, '/')) {
        struct weft__text text;
        weft__text_init(&text, ret_path, WEFT__PATH_MAX);
        weft__text_add(&text, "%s", name);
        int rc = weft__sys_stat(name, &st);
        if (rc < 0 || text.cut)
            return rc < 0 ? rc : -ENAMETOOLONG;
        return weft__child_may_run(name) ? 0 : -EACCES;
    }
    const char *at = getenv("PATH");
    if (!at)
        at = "/usr/local/bin:/usr/bin:/bin";
    while (*name && at) {
        const char *colon = strchr(at, ':');
        size_t length = colon ? (size_t)(colon - at) : strlen(at);
        if (program_try(at, length, name, ret_path))
            return 0;
        at = colon ? colon + 1 : NULL;
    }
    return -ENOENT;
}

/* ---- looking ---- */

/* The class and the machine of this very program are what the preloaded library has, too. */
static int program_ours(ElfW(Ehdr) *ret)
{
    int fd = weft__sys_open("/proc/self/exe", O_RDONLY, 0);
    if (fd < 0)
        return fd;
    ssize_t n = weft__sys_pread(fd, ret, sizeof *ret, 0);
    weft__sys_close(fd);
    return n == (ssize_t)sizeof *ret ? 0 : -ENOEXEC;
}

static int program_look_headers(int fd, const ElfW(Ehdr) *elf)
{
    ElfW(Phdr) headers[PROGRAM_HEADERS_MAX];
    size_t n = elf->e_phnum;
    if (elf->e_phentsize != sizeof headers[0] || n > PROGRAM_HEADERS_MAX)
        return -ENOEXEC;
    ssize_t size = (ssize_t)(n * sizeof headers[0]);
    if (weft__sys_pread(fd, headers, (size_t)size, (int64_t)elf->e_phoff) != size)
        return -ENOEXEC;
    for (size_t i = 0; i < n; i++) {
        if (headers[i].p_type == PT_INTERP)
            return 0;
    }
    return -ENOTSUP;
}

int weft__program_look(const char *path)
{
    ElfW(Ehdr) elf, ours;
    if (weft__child_has_other_rights(path))
        return -EPERM;
    int fd = weft__sys_open(path, O_RDONLY, 0);
    if (fd < 0)
        return fd;
    int rc = program_ours(&ours);
    ssize_t n = weft__sys_pread(fd, &elf, sizeof elf, 0);
    bool same = n == (ssize_t)sizeof elf && memcmp(elf.e_ident, ELFMAG, SELFMAG) == 0 &&
                elf.e_ident[EI_CLASS] == ours.e_ident[EI_CLASS] &&
                elf.e_machine == ours.e_machine &&
                (elf.e_type == ET_EXEC || elf.e_type == ET_DYN);
    if (rc == 0)
        rc = same ? program_look_headers(fd, &elf) : -ENOEXEC;
    weft__sys_close(fd);
    return rc;
}

/* ---- the library ---- */

struct program_object {
    uintptr_t inside;
    char *path;
};

static int program_find_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct program_object *object = arg;
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        uintptr_t low = info->dlpi_addr + header->p_vaddr;
        if (header->p_type != PT_LOAD || object->inside - low >= header->p_memsz)
            continue;
        struct weft__text text;
        weft__text_init(&text, object->path, WEFT__PATH_MAX);
        weft__text_add(&text, "%s", info->dlpi_name);
        return 1;
    }
    return 0;
}

/* The directory of a file, itself without links: an installed tree may be linked to. */
static bool program_beside(const char *file, const char *way, char ret_path[WEFT__PATH_MAX])
{
    char real[PATH_MAX];
    struct stat st;
    struct weft__text text;
    if (!realpath(file, real))
        return false;
    *strrchr(real, '/') = 0;
    weft__text_init(&text, ret_path, WEFT__PATH_MAX);
    weft__text_add(&text, "%s/%s%s", real, way, PROGRAM_LIBRARY);
    return !text.cut && weft__sys_stat(ret_path, &st) == 0 && S_ISREG(st.st_mode);
}

int weft__program_library(const char *given, char ret_path[WEFT__PATH_MAX])
{
    static const char *const ways[] = {"", "../lib/", "../lib64/", "../lib/x86_64-linux-gnu/",
                                       "../lib/aarch64-linux-gnu/"};
    char file[WEFT__PATH_MAX] = "", program[WEFT__PATH_MAX] = "";
    struct program_object object = {(uintptr_t)&weft__program_library, file};
    if (given) {
        bool there = realpath(given, file) != NULL;
        memcpy(ret_path, file, sizeof file);
        return there ? 0 : -ELIBACC;
    }
    dl_iterate_phdr(program_find_object, &object);
    if (file[0] && program_beside(file, "", ret_path))
        return 0;
    weft__sys_program_path(program, sizeof program);
    for (size_t i = 0; program[0] && i < WEFT_ARRAY_SIZE(ways); i++) {
        if (program_beside(program, ways[i], ret_path))
            return 0;
    }
    return -ELIBACC;
}
