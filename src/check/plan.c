/* plan.c - the classes of findings, and the modules that sites count from.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/plan.h"

#include <link.h>

#include "base/sys.h"
#include "base/text.h"

#define PLAN_WORD(name, word, title, failure)    [WEFT__CLASS_##name] = (word),
#define PLAN_TITLE(name, word, title, failure)   [WEFT__CLASS_##name] = (title),
#define PLAN_FAILURE(name, word, title, failure) [WEFT__CLASS_##name] = (failure),

static const char *const plan_words[] = {WEFT__CLASSES(PLAN_WORD)};
static const char *const plan_titles[] = {WEFT__CLASSES(PLAN_TITLE)};
static const bool plan_failures[] = {WEFT__CLASSES(PLAN_FAILURE)};

const char *weft__class_word(enum weft__class class)
{
    WEFT_CHECK(class < WEFT__CLASS_COUNT);
    return plan_words[class];
}

const char *weft__class_title(enum weft__class class)
{
    WEFT_CHECK(class < WEFT__CLASS_COUNT);
    return plan_titles[class];
}

bool weft__class_is_failure(enum weft__class class)
{
    WEFT_CHECK(class < WEFT__CLASS_COUNT);
    return plan_failures[class];
}

void weft__hot_add(weft__site hot[WEFT__HOT_MAX], uint32_t *n, weft__site site)
{
    uint32_t at = 0;

    while (at < *n && hot[at] < site)
        at++;
    if (site == 0 || (at < *n && hot[at] == site) || *n == WEFT__HOT_MAX)
        return;
    memmove(&hot[at + 1], &hot[at], (*n - at) * sizeof hot[0]);
    hot[at] = site;
    (*n)++;
}

static int plan_add_module(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct weft__modules *modules = arg;
    struct weft__module *module = &modules->module[modules->n];
    uint64_t low = UINT64_MAX, high = 0;

    (void)size;
    if (modules->n == WEFT__MODULES_MAX)
        return 1;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type != PT_LOAD)
            continue;
        low = weft__min(low, (uint64_t)(info->dlpi_addr + header->p_vaddr));
        high = weft__max(high, (uint64_t)(info->dlpi_addr + header->p_vaddr + header->p_memsz));
    }
    if (high == 0)
        return 0;
    *module = (struct weft__module){.base = info->dlpi_addr, .low = low, .high = high};
    struct weft__text text;
    weft__text_init(&text, module->path, sizeof module->path);
    if (modules->n == 0)
        weft__sys_program_path(module->path, sizeof module->path);
    else
        weft__text_add(&text, "%s", info->dlpi_name);
    modules->n++;
    return 0;
}

void weft__modules_fill(struct weft__modules *modules)
{
    modules->n = 0;
    dl_iterate_phdr(plan_add_module, modules);
}
