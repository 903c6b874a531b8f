/* entry.c - where the library gets hold of the program, and lets go of it.
 *
 * __libc_start_main is ours, so main is called by us; the loader's last function (rtld_fini) is
 * wrapped, so that we come after all handlers and destructors.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/preload/calls.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/panic.h"
#include "check/preload/heap.h"
#include "check/preload/serve.h"
#include "check/preload/tasks.h"

#define START_RANGES_MAX 12

struct entry_range {
    uintptr_t low, high;
};

int weft__busy;

static struct entry_range entry_ranges[START_RANGES_MAX];
static unsigned entry_n_ranges;
static int (*entry_program_main)(int, char **, char **);
static void (*entry_rtld_fini)(void);
static int entry_status;
static bool entry_needs_fini;

/* ---- what belongs to libc, and what to us ---- */

/* Libraries whose calls are never points.  libstdc++ is not among them: its threads are the
 * program's. */
static bool entry_is_system(const char *path, uintptr_t low, uintptr_t high)
{
    static const char *const names[] = {"libc.so",     "libc-",   "ld-linux", "ld-",   "libpthread",
                                        "libgcc_s.so", "libdl",   "librt",    "libm.", "libm-",
                                        "linux-vdso",  "libresolv"};
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    uintptr_t here = (uintptr_t)&entry_is_system;

    if (here >= low && here < high)
        return true;
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(names); i++) {
        if (strncmp(name, names[i], strlen(names[i])) == 0)
            return true;
    }
    return false;
}

/* Does the object have destructors of its own?  One entry is what the compiler adds to each. */
static bool entry_has_destructors(const struct dl_phdr_info *info)
{
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type != PT_DYNAMIC)
            continue;
        const ElfW(Dyn) *dynamic =
            (const ElfW(Dyn) *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
        for (; dynamic->d_tag != DT_NULL; dynamic++) {
            if (dynamic->d_tag == DT_FINI_ARRAYSZ && dynamic->d_un.d_val > sizeof(void *))
                return true;
        }
    }
    return false;
}

static int entry_add_range(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct entry_range range = {UINTPTR_MAX, 0};

    (void)size;
    (void)arg;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type != PT_LOAD)
            continue;
        uintptr_t begin = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        range.low = weft__min(range.low, begin);
        range.high = weft__max(range.high, begin + info->dlpi_phdr[i].p_memsz);
    }
    if (!entry_is_system(info->dlpi_name, range.low, range.high))
        entry_needs_fini = entry_needs_fini || entry_has_destructors(info);
    else if (entry_n_ranges < START_RANGES_MAX)
        entry_ranges[entry_n_ranges++] = range;
    return 0;
}

bool weft__is_system(uintptr_t address)
{
    for (unsigned i = 0; i < entry_n_ranges; i++) {
        if (address - entry_ranges[i].low < entry_ranges[i].high - entry_ranges[i].low)
            return true;
    }
    return false;
}

bool weft__is_libc(uintptr_t pc)
{
    return weft__is_system(pc) || weft__tasks_are_inside();
}

void *weft__real(const char *name)
{
    weft__busy++;
    void *found = dlsym(RTLD_NEXT, name);
    weft__busy--;
    if (found == NULL)
        weft__panic("libc has no %s", name);
    return found;
}

static void entry_find_libc(void)
{
    entry_n_ranges = 0;
    (void)dl_iterate_phdr(entry_add_range, NULL);
}

__attribute__((constructor)) static void entry_init(void)
{
    entry_find_libc();
}

/* ---- the end of the program ---- */

void weft__program_end(int status)
{
    weft__busy++;
    weft__heap_end();
    weft__engine_finish(status);
    weft__child_exit();
}

/* Called by exit before anything else that counts; it tells the status. */
static void entry_note_status(int status, void *arg)
{
    (void)arg;
    entry_status = status;
}

/* Called by exit last of all.  The loader's own function looks at each object for destructors; that
 * there are none is known to us, and it would cost each child ten pages to find out. */
static void entry_fini(void)
{
    if (entry_rtld_fini != NULL && (entry_needs_fini || weft__engine == NULL))
        entry_rtld_fini();
    if (weft__engine == NULL)
        return;
    weft__busy++;
    (void)fflush(NULL);
    weft__busy--;
    weft__program_end(entry_status);
}

/* ---- the beginning ---- */

static int entry_main(int argc, char **argv, char **env)
{
    entry_find_libc(); /* libraries that constructors have loaded */
    (void)on_exit(entry_note_status, NULL);
    weft__server_arm();
    if (weft__engine == NULL)
        return entry_program_main(argc, argv, env);
    return weft__thread_run_main(entry_program_main, argc, argv, env);
}

typedef int entry_call(int (*)(int, char **, char **), int, char **, void (*)(void),
                       void (*)(void), void (*)(void), void *);

WEFT__EXPORT entry_call __libc_start_main;

WEFT__EXPORT int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv,
                                   void (*init)(void), void (*fini)(void),
                                   void (*rtld_fini)(void), void *stack_end)
{
    entry_call *real = (entry_call *)weft__real("__libc_start_main");

    entry_program_main = main;
    entry_rtld_fini = rtld_fini;
    return real(entry_main, argc, argv, init, fini, entry_fini, stack_end);
}
