/* walk.c - all that lies below a directory, one entry after the other.
 *
 * The walk keeps a stack of levels: an open directory each, and a buffer of names read from it.
 * One hop to the pool opens a directory and fills its buffer; most directories are read by that one
 * hop, and their entries cost no more than a copy of the name.
 *
 * A directory is opened and read before its own entry is handed out, so that the entry can say
 * whether that went well.  If reading fails later, half-way, a second entry of the same directory
 * says so.  Whatever can fail or be cancelled comes before the cursor moves: a call that returned a
 * code can be repeated, and nothing is lost.
 *
 * Below the root everything is opened by its name in the open directory above, and never through a
 * link: another process that moves things about meanwhile cannot lead the walk out of its tree.
 * What has vanished since its name was read is passed over.  The type of an entry is what the
 * directory says; those file systems that say nothing are asked by lstat, in the same hop.
 *
 * Rejected: fewer descriptors, by closing a directory while the walk is below it and coming back by
 * seeking to d_off, since the offsets of some file systems do not outlive the open file.
 *
 * SPDX-License-Identifier: MIT
 */
#include <dirent.h>
#include <limits.h>

#include "base/alloc.h"
#include "base/sys.h"
#include "core/offload.h"
#include "weft/err.h"
#include "weft/io.h"

#define WALK_BUFFER     (32 * 1024)
#define WALK_ENTRY_MAX  2048 /* the longest entry; no less room is offered to the kernel */
#define WALK_LEVELS_MAX (WEFT_WALK_DEPTH_MAX + 1) /* and the root */

enum { WALK_GONE = 0xff }; /* put over the type of an entry that has vanished */

struct walk_level {
    int fd;
    int error;        /* why it could not be read to its end */
    bool is_read;     /* nothing is left but what is in the buffer */
    size_t at, end;   /* of the buffer */
    size_t path_size; /* of its own path */
    _Alignas(8) char buffer[WALK_BUFFER];
};

struct weft_walk {
    struct walk_level *levels[WALK_LEVELS_MAX]; /* kept for the next directory as deep */
    size_t count;                               /* in use */
    int error;                                  /* the root could not be read to its end */
    char *path;
    size_t path_room;
};

/* What a hop is to do.  With a name: open it, in the directory `parent`, and read. */
struct walk_hop {
    struct walk_level *level;
    int parent;
    const char *name;
    const char *root; /* instead of a name: a path, through links if need be */
    int error;        /* of the opening */
    uint8_t type;     /* DT_DIR, or what has taken the directory's place */
};

static const struct weft__wait_kind walk_kind = {.what = "directory"};

/* ---- in the pool ---- */

/* What the directory `fd` holds under this name. */
static uint8_t walk_type(int fd, const char *name)
{
    struct stat st;
    int rc = weft__sys_lstat_at(fd, name, &st);
    if (rc < 0) {
        return rc == -ENOENT ? WALK_GONE : DT_UNKNOWN;
    }
    return (uint8_t)IFTODT(st.st_mode);
}

static void walk_learn_types(struct walk_level *level)
{
    for (size_t at = 0; at < level->end;) {
        struct weft__sys_dirent *entry = (void *)(level->buffer + at);
        if (entry->type == DT_UNKNOWN) {
            entry->type = walk_type(level->fd, entry->name);
        }
        at += entry->reclen;
    }
    WEFT_CHECK(level->end <= WALK_BUFFER);
}

/* Fills the buffer.  To read on until the kernel says 0 spares a hop that would find nothing. */
static void walk_read(struct walk_level *level)
{
    level->at = level->end = 0;
    while (!level->is_read && WALK_BUFFER - level->end >= WALK_ENTRY_MAX) {
        ssize_t n = weft__sys_getdents(level->fd, level->buffer + level->end,
                                       WALK_BUFFER - level->end);
        if (n > 0) {
            level->end += (size_t)n;
        } else {
            level->is_read = true;
            level->error = n == -ENOENT ? 0 : (int)n; /* removed: it holds nothing any more */
        }
    }
    walk_learn_types(level);
}

static int walk_open_dir(const struct walk_hop *hop)
{
    const int flags = O_RDONLY | O_DIRECTORY;
    return hop->root ? weft__sys_open(hop->root, flags, 0)
                     : weft__sys_open_at(hop->parent, hop->name, flags | O_NOFOLLOW);
}

static int walk_hop_open(void *arg)
{
    struct walk_hop *hop = arg;
    struct walk_level *level = hop->level;
    int fd = walk_open_dir(hop);
    if (fd < 0) {
        hop->error = fd;
        if (!hop->root && (fd == -ENOTDIR || fd == -ELOOP)) {
            hop->type = walk_type(hop->parent, hop->name);
        }
        return 0;
    }
    level->fd = fd;
    level->error = 0;
    level->is_read = false;
    walk_read(level);
    if (level->error < 0 && level->end == 0) { /* not even a beginning: as if not opened */
        hop->error = level->error;
        weft__sys_close(fd);
    }
    return 0;
}

static int walk_hop_read(void *arg)
{
    walk_read(arg);
    return 0;
}

/* ---- the path ---- */

static int walk_path_reserve(struct weft_walk *walk, size_t room)
{
    if (room <= walk->path_room) {
        return 0;
    }
    room = weft__max(2 * room, (size_t)256);
    char *path = weft__alloc(room);
    if (!path) {
        return -WEFT_ENOMEM;
    }
    if (walk->path) {
        memcpy(path, walk->path, walk->path_room);
    }
    weft__free(walk->path);
    walk->path = path;
    walk->path_room = room;
    return 0;
}

/* Puts "/name" behind the path of the level. */
static int walk_path_set(struct weft_walk *walk, const struct walk_level *level, const char *name)
{
    size_t name_size = strlen(name) + 1;
    int rc = walk_path_reserve(walk, level->path_size + 1 + name_size);
    if (rc < 0) {
        return rc;
    }
    walk->path[level->path_size] = '/';
    memcpy(walk->path + level->path_size + 1, name, name_size);
    return 0;
}

/* Without the slashes at its end: "/" becomes "", and its entries "/bin". */
static int walk_path_root(struct weft_walk *walk, const char *root, size_t *ret_size)
{
    size_t size = strlen(root);
    while (size > 0 && root[size - 1] == '/') {
        size--;
    }
    int rc = walk_path_reserve(walk, size + 1);
    if (rc < 0) {
        return rc;
    }
    memcpy(walk->path, root, size);
    *ret_size = size;
    return 0;
}

/* ---- the levels ---- */

/* The level that comes next, not in use yet.  NULL: no memory. */
static struct walk_level *walk_level_next(struct weft_walk *walk)
{
    WEFT_CHECK(walk->count < WALK_LEVELS_MAX);
    if (!walk->levels[walk->count]) {
        walk->levels[walk->count] = weft__alloc(sizeof(struct walk_level));
    }
    return walk->levels[walk->count];
}

static struct walk_level *walk_level_top(const struct weft_walk *walk)
{
    WEFT_CHECK(walk->count > 0);
    return walk->levels[walk->count - 1];
}

static void walk_level_push(struct weft_walk *walk, size_t path_size)
{
    walk->levels[walk->count]->path_size = path_size;
    walk->count++;
}

/* ---- entries; each returns 1 if there is one, 0 to go on, or a code ---- */

static enum weft_file_type walk_file_type(uint8_t type)
{
    switch (type) {
    case DT_REG:
        return WEFT_FILE_REGULAR;
    case DT_DIR:
        return WEFT_FILE_DIR;
    case DT_LNK:
        return WEFT_FILE_LINK;
    default:
        return WEFT_FILE_OTHER;
    }
}

/* `above` is the level that it lies in. */
static int walk_entry(const struct weft_walk *walk, const struct walk_level *above, size_t depth,
                      uint8_t type, int error, weft_walk_entry *ret_entry)
{
    *ret_entry = (weft_walk_entry){.path = walk->path,
                                   .name = walk->path + above->path_size + 1,
                                   .type = walk_file_type(type),
                                   .depth = depth,
                                   .error = error};
    return 1;
}

/* The entry under the cursor is a directory, its path is set.  Nobody could open a path of PATH_MAX
 * bytes, so there is no use in listing what lies below it.  0, *hop says how it went; or a code. */
static int walk_enter(struct weft_walk *walk, struct walk_hop *hop, const void *site)
{
    size_t path_size = strlen(walk->path);
    if (walk->count == WALK_LEVELS_MAX || path_size >= PATH_MAX) {
        hop->error = walk->count == WALK_LEVELS_MAX ? -ELOOP : -ENAMETOOLONG;
        return 0;
    }
    hop->level = walk_level_next(walk);
    if (!hop->level) {
        return -WEFT_ENOMEM;
    }
    int rc = weft__offload(walk_hop_open, hop, NULL, &walk_kind, site);
    if (rc == 0 && hop->error == 0) {
        walk_level_push(walk, path_size);
    }
    return rc;
}

static int walk_take(struct weft_walk *walk, weft_walk_entry *ret_entry, const void *site)
{
    struct walk_level *level = walk_level_top(walk);
    const struct weft__sys_dirent *entry = (const void *)(level->buffer + level->at);
    size_t depth = walk->count - 1;
    struct walk_hop hop = {.parent = level->fd, .name = entry->name, .type = entry->type};
    if (hop.type == WALK_GONE || strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0) {
        level->at += entry->reclen;
        return 0;
    }
    int rc = walk_path_set(walk, level, entry->name);
    if (rc == 0 && (hop.type == DT_DIR || hop.type == DT_UNKNOWN)) {
        hop.type = DT_DIR; /* what lstat could not tell the open will; no directory gets lost */
        rc = walk_enter(walk, &hop, site);
    }
    if (rc < 0) {
        return rc;
    }
    level->at += entry->reclen;
    WEFT_CHECK(level->at <= level->end);
    if (hop.type == WALK_GONE || hop.error == -ENOENT) {
        return 0;
    }
    return walk_entry(walk, level, depth, hop.type, hop.type == DT_DIR ? hop.error : 0, ret_entry);
}

/* The level on top has been read to its end, or to an error. */
static int walk_leave(struct weft_walk *walk, weft_walk_entry *ret_entry)
{
    struct walk_level *level = walk_level_top(walk);
    weft__sys_close(level->fd);
    walk->count--;
    if (walk->count == 0) {
        walk->error = level->error;
        return 0;
    }
    if (level->error == 0) {
        return 0;
    }
    walk->path[level->path_size] = '\0';
    return walk_entry(walk, walk_level_top(walk), walk->count - 1, DT_DIR, level->error, ret_entry);
}

/* ---- the calls ---- */

static int walk_start(struct weft_walk *walk, const char *root, const void *site)
{
    struct walk_hop hop = {.root = root};
    size_t path_size = 0;
    int rc = walk_path_root(walk, root, &path_size);
    if (rc < 0) {
        return rc;
    }
    hop.level = walk_level_next(walk);
    if (!hop.level) {
        return -WEFT_ENOMEM;
    }
    rc = weft__offload(walk_hop_open, &hop, NULL, &walk_kind, site);
    if (rc == 0 && hop.error == 0) {
        walk_level_push(walk, path_size);
    }
    return rc < 0 ? rc : hop.error;
}

int weft_walk_open(const char *root, weft_walk **ret_walk)
{
    struct weft_walk *walk = weft__alloc_zero(sizeof *walk);
    if (!walk) {
        return -WEFT_ENOMEM;
    }
    int rc = walk_start(walk, root, __builtin_return_address(0));
    if (rc < 0) {
        weft_walk_close(walk);
        return rc;
    }
    *ret_walk = walk;
    return 0;
}

int weft_walk_next(weft_walk *walk, weft_walk_entry *ret_entry)
{
    const void *site = __builtin_return_address(0);
    struct weft__thread *self = weft__op_begin(WEFT__DEED_IO, walk, site);
    int rc = 0;
    if (weft__op_cancelled(self)) {
        return weft__op_refuse(self);
    }
    weft__leave(self);
    while (rc == 0 && walk->count > 0) {
        struct walk_level *level = walk_level_top(walk);
        if (level->at < level->end) {
            rc = walk_take(walk, ret_entry, site);
        } else if (level->is_read) {
            rc = walk_leave(walk, ret_entry);
        } else {
            rc = weft__offload(walk_hop_read, level, NULL, &walk_kind, site);
        }
    }
    return rc != 0 ? rc : walk->error;
}

void weft_walk_close(weft_walk *walk)
{
    if (!walk) {
        return;
    }
    while (walk->count > 0) {
        weft__sys_close(walk_level_top(walk)->fd);
        walk->count--;
    }
    for (size_t i = 0; i < WALK_LEVELS_MAX; i++) {
        weft__free(walk->levels[i]);
    }
    weft__free(walk->path);
    weft__free(walk);
}
