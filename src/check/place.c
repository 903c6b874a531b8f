/* place.c - from a site to function, file, line and the source line's words.
 *
 * Called by story.c.  Everything is asked once and kept: a report speaks of the same few sites over
 * and over, and each question maps an ELF file and runs its line tables.
 *
 * A program's strings (names, source lines) end on somebody's terminal, so all of them are cleaned
 * here: no escape sequence gets through.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/place.h"

#include "base/alloc.h"
#include "base/symbol.h"
#include "base/sys.h"

#define POOL_CHUNK_SIZE 16384
#define POOL_TEXT_MAX   2000
#define PLACE_SLOTS     1024 /* a power of two */
#define PLACE_FILES_MAX 32

/* ---- the pool ---- */

struct weft__pool_chunk {
    struct weft__pool_chunk *next;
    size_t size, used;
    unsigned char bytes[];
};

void weft__pool_free(struct weft__pool *pool)
{
    while (pool->chunks != NULL) {
        struct weft__pool_chunk *chunk = pool->chunks;
        pool->chunks = chunk->next;
        weft__free(chunk);
    }
}

void *weft__pool_take(struct weft__pool *pool, size_t size)
{
    struct weft__pool_chunk *chunk = pool->chunks;
    size_t rounded = (size + 15) & ~(size_t)15, room;
    void *taken;

    if (chunk == NULL || chunk->size - chunk->used < rounded) {
        room = weft__max(rounded, (size_t)POOL_CHUNK_SIZE);
        chunk = weft__alloc_zero(sizeof *chunk + room);
        if (chunk == NULL) {
            pool->is_short = true;
            return NULL;
        }
        chunk->size = room;
        chunk->next = pool->chunks;
        pool->chunks = chunk;
    }
    taken = chunk->bytes + chunk->used;
    chunk->used += rounded;
    return taken;
}

/* Overlong forms and surrogates are let through: no terminal is hurt by them. */
size_t weft__utf8_size(const char *s, const char *end)
{
    static const uint8_t limits[] = {0x80, 0xc2, 0xe0, 0xf0, 0xf5}; /* the first byte is below */
    static const uint8_t sizes[] = {1, 0, 2, 3, 4};
    size_t size = 0;

    if (s == end)
        return 0;
    for (size_t i = 0; i < sizeof limits; i++) {
        if ((unsigned char)*s < limits[i]) {
            size = sizes[i];
            break;
        }
    }
    if (size > (size_t)(end - s))
        return 0;
    for (size_t i = 1; i < size; i++) {
        if (((unsigned char)s[i] & 0xc0) != 0x80)
            return 0;
    }
    return size;
}

const char *weft__pool_clean(struct weft__pool *pool, const char *bytes, size_t n)
{
    const char *end = bytes + n;
    char *start = weft__pool_take(pool, 3 * n + 1), *to = start;

    if (start == NULL)
        return "";
    while (bytes < end) {
        size_t size = weft__utf8_size(bytes, end);
        bool is_control = size == 1 && ((unsigned char)*bytes < 0x20 || *bytes == 0x7f);
        /* the C1 controls, which some terminals obey, are c2 80 to c2 9f */
        if (size == 2 && (unsigned char)bytes[0] == 0xc2 && (unsigned char)bytes[1] < 0xa0)
            is_control = true;
        if (*bytes == '\t') {
            *to++ = ' ';
        } else if (size == 0 || is_control) {
            memcpy(to, "\xef\xbf\xbd", 3);
            to += 3;
        } else {
            memcpy(to, bytes, size);
            to += size;
        }
        bytes += size != 0 ? size : 1;
    }
    return start;
}

const char *weft__pool_say(struct weft__pool *pool, const char *format, ...)
{
    char buffer[POOL_TEXT_MAX];
    struct weft__text text;
    va_list ap;

    weft__text_init(&text, buffer, sizeof buffer);
    va_start(ap, format);
    weft__text_add_va(&text, format, ap);
    va_end(ap);
    return weft__pool_clean(pool, buffer, weft__text_len(&text));
}

/* ---- the sources ---- */

struct place_file {
    const char *wanted; /* as the line tables say it */
    const char *path;   /* where it was found; "": nowhere */
    const char *bytes;
    size_t size;
};

struct place_slot {
    uint64_t key; /* site, and one bit for is_return; 0: free */
    bool known;
    struct weft__place place;
};

struct place_names {
    struct weft__names names;
    const struct weft__modules *modules;
    struct weft__pool pool;
    struct place_slot slots[PLACE_SLOTS];
    size_t n_slots;
    struct place_file files[PLACE_FILES_MAX];
    size_t n_files;
    char *root; /* where Weft's sources lay when this was compiled; "": unknown */
};

static bool place_map(struct place_names *names, const char *path, struct place_file *file)
{
    void *bytes;

    if (*path == '\0' || weft__sys_map_file(path, &bytes, &file->size) != 0)
        return false;
    file->bytes = bytes;
    file->path = weft__pool_clean(&names->pool, path, strlen(path));
    return true;
}

/* Where it was compiled, else by its last name here, else beside the program. */
static const struct place_file *place_open(struct place_names *names, const char *path,
                                           const char *module)
{
    const char *last = strrchr(path, '/'), *slash = strrchr(module, '/');
    char beside[600];
    struct weft__text text;
    struct place_file *file;

    for (size_t i = 0; i < names->n_files; i++) {
        if (strcmp(names->files[i].wanted, path) == 0)
            return &names->files[i];
    }
    if (names->n_files == PLACE_FILES_MAX)
        return NULL;
    file = &names->files[names->n_files++];
    *file = (struct place_file){.wanted = weft__pool_clean(&names->pool, path, strlen(path)),
                                .path = ""};
    last = last != NULL ? last + 1 : path;
    weft__text_init(&text, beside, sizeof beside);
    weft__text_add(&text, "%.*s%s", slash != NULL ? (int)(slash - module + 1) : 0, module, last);
    if (!place_map(names, path, file) && !place_map(names, last, file))
        place_map(names, beside, file);
    return file;
}

static const char *place_source(struct place_names *names, const struct place_file *file,
                                unsigned line)
{
    const char *at = file->bytes, *end = at + file->size, *stop;

    if (at == NULL)
        return "";
    for (unsigned i = 1; i < line && at != NULL; i++) {
        at = memchr(at, '\n', (size_t)(end - at));
        at = at != NULL ? at + 1 : NULL;
    }
    if (at == NULL || at == end)
        return "";
    stop = memchr(at, '\n', (size_t)(end - at));
    stop = stop != NULL ? stop : end;
    while (at < stop && (*at == ' ' || *at == '\t'))
        at++;
    while (at < stop && (stop[-1] == ' ' || stop[-1] == '\t' || stop[-1] == '\r'))
        stop--;
    return weft__pool_clean(&names->pool, at, weft__min((size_t)(stop - at), (size_t)300));
}

/* ---- the questions ---- */

static const struct weft__module *place_module(const struct place_names *names, weft__site site)
{
    uint32_t index = site >> WEFT__SITE_MODULE_SHIFT;

    return site != 0 && index < names->modules->n ? &names->modules->module[index] : NULL;
}

/* "…/src/" as it is in this program's own line tables; a program that is linked with libweft.a has
 * the same paths. */
static void place_find_root(struct place_names *names)
{
    struct weft__modules *modules = weft__alloc_zero(sizeof *modules);
    uint64_t here = (uintptr_t)&place_find_root;
    struct weft__symbol_place found;

    names->root = weft__pool_take(&names->pool, sizeof found.path);
    if (modules != NULL && names->root != NULL) {
        weft__modules_fill(modules);
        for (uint32_t i = 0; i < modules->n; i++) {
            const struct weft__module *m = &modules->module[i];
            if (here - m->low >= m->high - m->low ||
                !weft__symbol_place_in_file(m->path, here - m->base, false, &found))
                continue;
            char *end = strstr(found.path, "/src/check/place.c");
            if (end != NULL)
                memcpy(names->root, found.path, (size_t)(end - found.path) + strlen("/src/"));
        }
    }
    weft__free(modules);
}

/* Its tests are programs like others. */
static bool place_is_weft(struct place_names *names, const struct weft__module *module,
                          const struct weft__symbol_place *found)
{
    const char *slash = strrchr(module->path, '/');

    if (strncmp(found->function, "weft_", 5) == 0 ||
        strncmp(slash != NULL ? slash + 1 : module->path, "libweft.so", 10) == 0)
        return true;
    if (names->root == NULL)
        place_find_root(names);
    return names->root != NULL && *names->root != '\0' &&
           strncmp(found->path, names->root, strlen(names->root)) == 0 &&
           strstr(found->file, "_test.c") == NULL;
}

static bool place_find(struct place_names *names, weft__site site, bool is_return,
                       struct weft__place *ret)
{
    const struct weft__module *module = place_module(names, site);
    struct weft__symbol_place found;
    const struct place_file *file = NULL;

    if (module == NULL || !weft__symbol_place_in_file(module->path, site & WEFT__SITE_OFFSET_MASK,
                                                      is_return, &found))
        return false;
    if (found.line != 0)
        file = place_open(names, found.path, module->path);
    *ret = (struct weft__place){
        .function = weft__pool_clean(&names->pool, found.function, strlen(found.function)),
        .file = weft__pool_clean(&names->pool, found.file, strlen(found.file)),
        .path = file != NULL ? file->path : "",
        .source = file != NULL ? place_source(names, file, found.line) : "",
        .line = found.line,
        .is_weft = place_is_weft(names, module, &found),
    };
    return true;
}

static struct place_slot *place_slot_of(struct place_names *names, uint64_t key)
{
    size_t i = (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 40) % PLACE_SLOTS;

    while (names->slots[i].key != 0 && names->slots[i].key != key)
        i = (i + 1) % PLACE_SLOTS;
    return &names->slots[i];
}

static bool place_ask(struct weft__names *base, weft__site site, bool is_return,
                      struct weft__place *ret)
{
    struct place_names *names = container_of(base, struct place_names, names);
    uint64_t key = (uint64_t)site << 2 | (is_return ? 3 : 1);
    struct place_slot *slot = place_slot_of(names, key);

    if (slot->key == 0) {
        if (names->n_slots == PLACE_SLOTS - 1) /* one stays free, to end the search */
            return place_find(names, site, is_return, ret);
        names->n_slots++;
        slot->key = key;
        slot->known = place_find(names, site, is_return, &slot->place);
    }
    if (slot->known)
        *ret = slot->place;
    return slot->known;
}

static const char *place_variable(struct weft__names *base, weft__site site, uint64_t *ret_offset)
{
    struct place_names *names = container_of(base, struct place_names, names);
    const struct weft__module *module = place_module(names, site);
    char name[96];
    uint64_t size;

    if (module == NULL || !weft__symbol_data_in_file(module->path, site & WEFT__SITE_OFFSET_MASK,
                                                     name, sizeof name, ret_offset, &size))
        return NULL;
    return weft__pool_clean(&names->pool, name, strlen(name));
}

struct weft__names *weft__names_new(const struct weft__modules *modules)
{
    struct place_names *names = weft__alloc_zero(sizeof *names);

    if (names == NULL)
        return NULL;
    WEFT_CHECK(modules->n <= WEFT__MODULES_MAX);
    names->modules = modules;
    names->names = (struct weft__names){place_ask, place_variable};
    return &names->names;
}

void weft__names_free(struct weft__names *base)
{
    struct place_names *names;

    if (base == NULL)
        return;
    names = container_of(base, struct place_names, names);
    for (size_t i = 0; i < names->n_files; i++) {
        if (names->files[i].bytes != NULL)
            weft__sys_unmap((void *)(uintptr_t)names->files[i].bytes, names->files[i].size);
    }
    weft__pool_free(&names->pool);
    weft__free(names);
}
