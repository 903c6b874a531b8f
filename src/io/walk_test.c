/* walk_test.c - walks of trees made here, compared with the list of what was made.
 *
 * The list of a walk is one line per entry, "path type depth error", sorted, since the order within
 * a directory is the file system's.
 *
 * SPDX-License-Identifier: MIT
 */
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fault.h"
#include "tests/tree.h"
#include "weft/err.h"
#include "weft/io.h"
#include "weft/run.h"
#include "weft/scope.h"
#include "weft/task.h"

/* ---- a directory for the test ---- */

static char walk_dir[TREE_PATH_MAX];

static void walk_dir_make(void)
{
    tree_make(walk_dir, "walk");
}

static void walk_dir_remove(void)
{
    tree_remove(walk_dir);
}

/* Valid until the second next call. */
__attribute__((format(printf, 1, 2)))
static const char *walk_path(const char *format, ...)
{
    static char paths[2][5000];
    static int turn;
    char *path = paths[turn++ % 2];
    int n = snprintf(path, sizeof paths[0], "%s/", walk_dir);
    va_list args;

    va_start(args, format);
    vsnprintf(path + n, sizeof paths[0] - (size_t)n, format, args);
    va_end(args);
    return path;
}

static void walk_make_dir(const char *path)
{
    EXPECT_EQ(mkdir(path, 0755), 0);
}

static void walk_make_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

    EXPECT(fd >= 0);
    close(fd);
}

/* ---- the list of a walk ---- */

struct walk_list {
    char **lines;
    size_t count, room;
};

static void walk_list_add(struct walk_list *list, const weft_walk_entry *entry)
{
    static const char letters[] = "?fdlo";
    char *line;

    if (list->count == list->room) {
        list->room = 2 * list->room + 16;
        list->lines = realloc(list->lines, list->room * sizeof *list->lines);
        EXPECT(list->lines != NULL);
    }
    EXPECT(entry->type >= 1 && entry->type <= 4);
    EXPECT_STR(entry->name, strrchr(entry->path, '/') + 1);
    EXPECT(strstr(entry->path, "//") == NULL);
    EXPECT(asprintf(&line, "%s %c %zu %d", entry->path, letters[entry->type], entry->depth,
                    entry->error) > 0);
    list->lines[list->count++] = line;
}

static int walk_line_order(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What the walk ended with. */
static int walk_list_fill(struct walk_list *list, const char *root)
{
    weft_walk *walk = NULL;
    weft_walk_entry entry;
    int rc = weft_walk_open(root, &walk);

    if (rc < 0) {
        EXPECT(walk == NULL);
        return rc;
    }
    while ((rc = weft_walk_next(walk, &entry)) == 1)
        walk_list_add(list, &entry);
    if (rc == 0)
        EXPECT_EQ(weft_walk_next(walk, &entry), 0);
    weft_walk_close(walk);
    if (list->count > 0)
        qsort(list->lines, list->count, sizeof *list->lines, walk_line_order);
    return rc;
}

static void walk_list_free(struct walk_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->lines[i]);
    free(list->lines);
    *list = (struct walk_list){0};
}

/* The walk of `root` must give these lines, each without `prefix`, which it begins with. */
static void walk_expect(const char *root, const char *prefix, const char *const *lines)
{
    struct walk_list list = {0};
    size_t i = 0;

    EXPECT_EQ(walk_list_fill(&list, root), 0);
    for (; lines[i]; i++) {
        EXPECT(i < list.count);
        EXPECT(strncmp(list.lines[i], prefix, strlen(prefix)) == 0);
        EXPECT_STR(list.lines[i] + strlen(prefix), lines[i]);
    }
    EXPECT_EQ(list.count, i);
    walk_list_free(&list);
}

/* ---- a small tree with everything in it ---- */

static const char *const walk_small[] = {
    "/a d 0 0",
    "/a/b d 1 0",
    "/a/b/deep f 2 0",
    "/a/file f 1 0",
    "/a/loop l 1 0",
    "/empty d 0 0",
    "/fifo o 0 0",
    "/file f 0 0",
    "/line\nfeed d 0 0",
    "/line\nfeed/\n f 1 0",
    "/nowhere l 0 0",
    "/of spaces and \xff f 0 0",
    "/to the root l 0 0",
    NULL,
};

static void walk_small_make(void)
{
    walk_make_dir(walk_path("a"));
    walk_make_dir(walk_path("a/b"));
    walk_make_dir(walk_path("empty"));
    walk_make_dir(walk_path("line\nfeed"));
    walk_make_file(walk_path("file"));
    walk_make_file(walk_path("a/file"));
    walk_make_file(walk_path("a/b/deep"));
    walk_make_file(walk_path("line\nfeed/\n"));
    walk_make_file(walk_path("of spaces and \xff"));
    EXPECT_EQ(mkfifo(walk_path("fifo"), 0600), 0);
    EXPECT_EQ(symlink("..", walk_path("a/loop")), 0);
    EXPECT_EQ(symlink("none", walk_path("nowhere")), 0);
    EXPECT_EQ(symlink("/", walk_path("to the root")), 0);
}

static void walk_check_small(void)
{
    char root[sizeof walk_dir + 8], here[PATH_MAX];

    walk_expect(walk_dir, walk_dir, walk_small);
    snprintf(root, sizeof root, "%s/", walk_dir);
    walk_expect(root, walk_dir, walk_small);
    snprintf(root, sizeof root, "%s///", walk_dir);
    walk_expect(root, walk_dir, walk_small);
    walk_expect(walk_path("a/loop"), walk_path("a/loop"), walk_small); /* the root is followed */
    walk_expect(walk_path("empty"), "", (const char *const[]){NULL});
    EXPECT(getcwd(here, sizeof here) != NULL);
    EXPECT_EQ(chdir(walk_dir), 0);
    walk_expect(".", ".", walk_small);
    walk_expect("a/b", "a/b", (const char *const[]){"/deep f 0 0", NULL});
    EXPECT_EQ(chdir(here), 0);
}

static void walk_check_roots(void)
{
    weft_walk *walk = NULL;
    weft_walk_entry entry;

    EXPECT_EQ(weft_walk_open(walk_path("none"), &walk), -ENOENT);
    EXPECT_EQ(weft_walk_open(walk_path("nowhere"), &walk), -ENOENT);
    EXPECT_EQ(weft_walk_open(walk_path("file"), &walk), -ENOTDIR);
    EXPECT_EQ(weft_walk_open(walk_path("fifo"), &walk), -ENOTDIR);
    EXPECT_EQ(weft_walk_open("", &walk), -ENOENT);
    EXPECT(walk == NULL);
    weft_walk_close(NULL);
    EXPECT_EQ(weft_walk_open("/", &walk), 0);
    EXPECT_EQ(weft_walk_next(walk, &entry), 1);
    EXPECT_EQ(entry.path[0], '/');
    EXPECT_STR(entry.path + 1, entry.name);
    EXPECT_EQ(entry.depth, 0);
    weft_walk_close(walk);
}

/* Closing at any place leaves nothing behind: the runner counts descriptors and blocks. */
static void walk_check_early_close(void)
{
    for (size_t n = 0; n < 14; n++) {
        weft_walk *walk;
        weft_walk_entry entry;
        EXPECT_EQ(weft_walk_open(walk_dir, &walk), 0);
        for (size_t i = 0; i < n; i++)
            EXPECT_EQ(weft_walk_next(walk, &entry), i < 13);
        weft_walk_close(walk);
    }
}

static int walk_check_all(void *arg)
{
    (void)arg;
    walk_check_small();
    walk_check_roots();
    walk_check_early_close();
    return 0;
}

TASK_TEST(walk_of_a_small_tree)
{
    walk_dir_make();
    walk_small_make();
    walk_check_all(NULL);
    walk_dir_remove();
}

TASK_TEST(walk_of_a_task_on_a_thread)
{
    weft_scope scope;

    walk_dir_make();
    walk_small_make();
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go_with(&scope, walk_check_all, NULL, 0,
                           &(weft_task_options){.on = WEFT_THREAD}), 0);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    walk_dir_remove();
}

static void *walk_check_thread(void *arg)
{
    walk_check_all(arg);
    return NULL;
}

TEST(walk_of_a_plain_thread)
{
    pthread_t thread;

    walk_dir_make();
    walk_small_make();
    walk_check_all(NULL);
    EXPECT_EQ(pthread_create(&thread, NULL, walk_check_thread, NULL), 0);
    EXPECT_EQ(pthread_join(thread, NULL), 0);
    walk_dir_remove();
}

/* A directory comes before what lies in it, and that comes before its next sister. */
TASK_TEST(walk_is_depth_first)
{
    char inside[200] = "";
    weft_walk *walk;
    weft_walk_entry entry;

    walk_dir_make();
    walk_small_make();
    EXPECT_EQ(weft_walk_open(walk_dir, &walk), 0);
    while (weft_walk_next(walk, &entry) == 1) {
        char above[200];
        snprintf(above, sizeof above, "%.*s", (int)(entry.name - 1 - entry.path), entry.path);
        if (entry.depth > 0)
            EXPECT(strncmp(inside, above, strlen(above)) == 0);
        snprintf(inside, sizeof inside, "%s", entry.type == WEFT_FILE_DIR ? entry.path : above);
    }
    weft_walk_close(walk);
    walk_dir_remove();
}

/* ---- directories that cannot be read ---- */

static int walk_unreadable_app(void *arg)
{
    static const char *const lines[] = {
        "/closed d 0 -13", "/no search d 0 0", "/no search/file f 1 0", "/open d 0 0",
        "/open/file f 1 0", NULL,
    };
    weft_walk *walk;

    (void)arg;
    walk_expect(walk_dir, walk_dir, lines);
    EXPECT_EQ(weft_walk_open(walk_path("closed"), &walk), -EACCES);
    return 0;
}

/* Root may read everything, so it becomes nobody, before there are threads. */
TEST(walk_of_an_unreadable_directory)
{
    bool is_root = geteuid() == 0;

    walk_dir_make();
    for (int i = 0; i < 3; i++) {
        static const char *const names[] = {"closed", "no search", "open"};
        walk_make_dir(walk_path("%s", names[i]));
        walk_make_file(walk_path("%s/file", names[i]));
    }
    EXPECT_EQ(chmod(walk_path("closed"), 0), 0);
    EXPECT_EQ(chmod(walk_path("no search"), 0444), 0);
    if (is_root) {
        EXPECT_EQ(seteuid(65534), 0);
        EXPECT_EQ(prctl(PR_SET_DUMPABLE, 1), 0); /* or the runner could not count our fds */
    }
    EXPECT_EQ(walk_unreadable_app(NULL), 0);
    EXPECT_EQ(weft_run(walk_unreadable_app, NULL), 0);
    if (is_root) {
        EXPECT_EQ(seteuid(0), 0);
        EXPECT_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
    }
    EXPECT_EQ(chmod(walk_path("closed"), 0700), 0);
    EXPECT_EQ(chmod(walk_path("no search"), 0700), 0);
    walk_dir_remove();
}

/* ---- many, deep, long ---- */

TASK_TEST_FREE(walk_of_ten_thousand_files)
{
    enum { DIRS = 10, FILES = 900 };
    static unsigned char seen[DIRS + 1][1000];
    struct walk_list list = {0};
    size_t dirs = 0;

    walk_dir_make();
    for (int i = 0; i < DIRS; i++) {
        walk_make_dir(walk_path("d%d", i));
        for (int k = 0; k < FILES; k++)
            walk_make_file(walk_path("d%d/a file with a name of some length %d", i, k));
    }
    for (int k = 0; k < 1000; k++)
        walk_make_file(walk_path("f%d", k));
    EXPECT_EQ(walk_list_fill(&list, walk_dir), 0);
    EXPECT_EQ(list.count, DIRS + DIRS * FILES + 1000);
    for (size_t i = 0; i < list.count; i++) {
        const char *line = list.lines[i] + strlen(walk_dir);
        int d = DIRS, k = -1, end = 0;
        if (sscanf(line, "/d%d/a file with a name of some length %d f 1 0%n", &d, &k, &end) == 2 ||
            (d = DIRS, sscanf(line, "/f%d f 0 0%n", &k, &end)) == 1)
            EXPECT_EQ(seen[d][k]++, 0);
        else
            dirs += sscanf(line, "/d%d d 0 0%n", &d, &end) == 1;
        EXPECT_EQ((size_t)end, strlen(line));
    }
    EXPECT_EQ(dirs, DIRS);
    walk_list_free(&list);
    walk_dir_remove();
}

/* A directory of depth WEFT_WALK_DEPTH_MAX - 1 is the last that is read, as in demo/plain.c. */
TASK_TEST_FREE(walk_of_a_deep_tree)
{
    enum { LEVELS = WEFT_WALK_DEPTH_MAX + 3 };
    char path[5000];
    size_t n, deepest = 0, files = 0;
    weft_walk *walk;
    weft_walk_entry entry;
    int rc;

    walk_dir_make();
    n = (size_t)snprintf(path, sizeof path, "%s", walk_dir);
    for (int i = 0; i < LEVELS; i++) {
        n += (size_t)snprintf(path + n, sizeof path - n, "/%d", i);
        walk_make_dir(path);
        snprintf(path + n, sizeof path - n, "/f");
        walk_make_file(path);
        path[n] = '\0';
    }
    EXPECT_EQ(weft_walk_open(walk_dir, &walk), 0);
    while ((rc = weft_walk_next(walk, &entry)) == 1) {
        deepest = entry.depth > deepest ? entry.depth : deepest;
        files += entry.type == WEFT_FILE_REGULAR;
        if (entry.type == WEFT_FILE_DIR)
            EXPECT_EQ(entry.error, entry.depth < WEFT_WALK_DEPTH_MAX ? 0 : -ELOOP);
        else
            EXPECT_EQ(entry.error, 0);
    }
    EXPECT_EQ(rc, 0);
    EXPECT_EQ(deepest, WEFT_WALK_DEPTH_MAX);
    EXPECT_EQ(files, WEFT_WALK_DEPTH_MAX);
    weft_walk_close(walk);
    walk_dir_remove();
}

/* Made and unmade by steps, since no call takes such a path. */
static void walk_long_steps(int levels, const char *name, bool make)
{
    char here[PATH_MAX];

    EXPECT(getcwd(here, sizeof here) != NULL);
    EXPECT_EQ(chdir(walk_dir), 0);
    for (int i = 0; i < levels; i++) {
        if (make)
            EXPECT_EQ(mkdir(name, 0755), 0);
        EXPECT_EQ(chdir(name), 0);
    }
    for (int i = 0; i < levels && !make; i++) {
        EXPECT_EQ(chdir(".."), 0);
        EXPECT_EQ(rmdir(name), 0);
    }
    EXPECT_EQ(chdir(here), 0);
}

TASK_TEST(walk_of_paths_too_long_goes_on)
{
    enum { LEVELS = 20 };
    char name[NAME_MAX + 1];
    size_t dirs = 0, errors = 0;
    weft_walk *walk;
    weft_walk_entry entry;
    int rc;

    memset(name, 'n', NAME_MAX);
    name[NAME_MAX] = '\0';
    walk_dir_make();
    walk_make_file(walk_path("a"));
    walk_make_file(walk_path("z"));
    walk_long_steps(LEVELS, name, true);
    EXPECT_EQ(weft_walk_open(walk_dir, &walk), 0);
    while ((rc = weft_walk_next(walk, &entry)) == 1) {
        dirs += entry.type == WEFT_FILE_DIR;
        errors += entry.error != 0;
        EXPECT_EQ(entry.error, strlen(entry.path) < PATH_MAX ? 0 : -ENAMETOOLONG);
    }
    EXPECT_EQ(rc, 0);
    EXPECT_EQ(errors, 1);
    EXPECT_EQ(dirs, (PATH_MAX - strlen(walk_dir)) / (NAME_MAX + 1) + 1);
    weft_walk_close(walk);
    walk_long_steps(LEVELS, name, false);
    walk_dir_remove();
}

/* ---- the tree changes meanwhile ---- */

TASK_TEST(walk_passes_over_what_has_vanished)
{
    struct walk_list list = {0};
    weft_walk *walk;
    weft_walk_entry entry;
    int rc;

    walk_dir_make();
    for (int i = 0; i < 9; i++)
        walk_make_dir(walk_path("d%d", i));
    EXPECT_EQ(weft_walk_open(walk_dir, &walk), 0);
    EXPECT_EQ(weft_walk_next(walk, &entry), 1);
    walk_list_add(&list, &entry);
    for (int i = 0; i < 9; i++) {
        if (strcmp(walk_path("d%d", i), entry.path) == 0)
            continue;
        EXPECT_EQ(rmdir(walk_path("d%d", i)), 0);
        if (i % 3 == 1) /* some come back as something else */
            EXPECT_EQ(symlink("/", walk_path("d%d", i)), 0);
        else if (i % 3 == 2)
            walk_make_file(walk_path("d%d", i));
    }
    while ((rc = weft_walk_next(walk, &entry)) == 1) {
        EXPECT_EQ(entry.error, 0);
        EXPECT(entry.type == WEFT_FILE_LINK || entry.type == WEFT_FILE_REGULAR);
        EXPECT_EQ(entry.depth, 0);
        walk_list_add(&list, &entry);
    }
    EXPECT_EQ(rc, 0);
    EXPECT(list.count == 6 || list.count == 7); /* by which one was first */
    walk_list_free(&list);
    weft_walk_close(walk);
    walk_dir_remove();
}

TASK_TEST_FREE(walk_of_a_tree_that_is_removed)
{
    weft_walk *walk;
    weft_walk_entry entry;
    int rc;

    walk_dir_make();
    for (int i = 0; i < 2000; i++)
        walk_make_file(walk_path("a file with a name of some length %d", i));
    EXPECT_EQ(weft_walk_open(walk_dir, &walk), 0);
    EXPECT_EQ(weft_walk_next(walk, &entry), 1);
    walk_dir_remove();
    while ((rc = weft_walk_next(walk, &entry)) == 1)
        EXPECT_EQ(entry.type, WEFT_FILE_REGULAR); /* names that it had read already */
    EXPECT_EQ(rc, 0);
    weft_walk_close(walk);
}

/* ---- cancel ---- */

/* Every call is first made in a cancelled scope; the walk misses nothing by it. */
TASK_TEST(walk_goes_on_after_a_cancelled_call)
{
    struct walk_list list = {0};
    weft_walk *walk = NULL;
    weft_walk_entry entry;
    weft_scope scope;
    int rc;

    walk_dir_make();
    walk_small_make();
    weft_scope_open(&scope);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_walk_open(walk_dir, &walk), -WEFT_ECANCELED);
    EXPECT(walk == NULL);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(weft_walk_open(walk_dir, &walk), 0);
    do {
        weft_scope_open(&scope);
        weft_scope_cancel(&scope);
        EXPECT_EQ(weft_walk_next(walk, &entry), -WEFT_ECANCELED);
        EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
        rc = weft_walk_next(walk, &entry);
        if (rc == 1)
            walk_list_add(&list, &entry);
    } while (rc == 1);
    EXPECT_EQ(rc, 0);
    weft_walk_close(walk);
    qsort(list.lines, list.count, sizeof *list.lines, walk_line_order);
    EXPECT_EQ(list.count, WEFT_ARRAY_SIZE(walk_small) - 1);
    for (size_t i = 0; i < list.count; i++)
        EXPECT_STR(list.lines[i] + strlen(walk_dir), walk_small[i]);
    walk_list_free(&list);
    walk_dir_remove();
}

struct walk_canceller {
    weft_scope *scope;
    int turns;
};

static int walk_cancel_after(void *arg)
{
    struct walk_canceller *canceller = arg;

    for (int i = 0; i < canceller->turns; i++)
        if (weft_yield() < 0)
            return 0;
    weft_scope_cancel(canceller->scope);
    return 0;
}

/* Cancelled by another task, wherever it happens to be: in the queue, in the pool, on its way. */
TASK_TEST(walk_goes_on_after_a_cancel_at_any_time)
{
    walk_dir_make();
    walk_small_make();
    for (int turns = 0; turns < 60; turns++) {
        size_t count = 0;
        weft_walk *walk;
        weft_walk_entry entry;
        weft_scope scope;
        int rc = 1;
        EXPECT_EQ(weft_walk_open(walk_dir, &walk), 0);
        weft_scope_open(&scope);
        EXPECT_EQ(weft_go(&scope, walk_cancel_after, &(struct walk_canceller){&scope, turns}), 0);
        while (rc == 1) {
            rc = weft_walk_next(walk, &entry);
            count += rc == 1;
        }
        EXPECT(rc == 0 || rc == -WEFT_ECANCELED);
        EXPECT_EQ(weft_scope_close(&scope), rc); /* waits for the canceller, too */
        while ((rc = weft_walk_next(walk, &entry)) == 1)
            count++;
        EXPECT_EQ(rc, 0);
        EXPECT_EQ(count, WEFT_ARRAY_SIZE(walk_small) - 1);
        weft_walk_close(walk);
    }
    walk_dir_remove();
}

/* ---- faults ---- */

struct walk_faulty {
    uint32_t kinds;
    uint64_t n, counted;
};

/* A walk that got a code goes on and still finds everything that no entry reports. */
static void walk_faulty_work(uint32_t kinds)
{
    weft_walk *walk = NULL;
    weft_walk_entry entry;
    size_t count = 0, errors = 0;
    int rc = weft_walk_open(walk_dir, &walk);

    if (rc < 0) {
        EXPECT(walk == NULL);
        EXPECT(rc == -EIO || rc == -EMFILE || rc == -WEFT_ENOMEM || rc == -WEFT_EAGAIN);
        return;
    }
    for (int codes = 0; (rc = weft_walk_next(walk, &entry)) != 0;) {
        if (rc == 1) {
            count++;
            errors += entry.error != 0;
            EXPECT(entry.error == 0 || entry.error == -EIO || entry.error == -EMFILE);
        } else if (++codes == 2) {
            EXPECT_EQ(rc, -EIO); /* of the root, which says so again */
            break;
        }
    }
    if (kinds != WEFT_FAULT_MASK(WEFT_FAULT_SYS))
        EXPECT_EQ(errors, 0);
    if (errors == 0 && rc == 0)
        EXPECT_EQ(count, WEFT_ARRAY_SIZE(walk_small) - 1);
    weft_walk_close(walk);
}

static int walk_faulty_app(void *arg)
{
    struct walk_faulty *faulty = arg;

    weft__fault_arm(faulty->kinds, faulty->n);
    walk_faulty_work(faulty->kinds);
    faulty->counted = weft__fault_disarm();
    return 0;
}

static void walk_faulty_loop(uint32_t kinds, size_t workers)
{
    struct walk_faulty faulty = {.kinds = kinds};

    do {
        size_t live = weft__alloc_live();
        faulty.n++;
        if (workers > 0)
            EXPECT_EQ(weft_run_with(walk_faulty_app, &faulty, &(weft_options){.workers = workers}),
                      0);
        else
            walk_faulty_app(&faulty);
        EXPECT_EQ(weft__alloc_live(), live);
        EXPECT(faulty.n < 1000);
    } while (faulty.counted >= faulty.n);
}

TEST(walk_each_fault_is_a_code)
{
    static const uint32_t kinds[] = {WEFT_FAULT_MASK(WEFT_FAULT_SYS),
                                     WEFT_FAULT_MASK(WEFT_FAULT_ALLOC),
                                     WEFT_FAULT_MASK(WEFT_FAULT_THREAD)};

    walk_dir_make();
    walk_small_make();
    for (size_t workers = 0; workers <= 4; workers = 4 * workers + (workers == 0))
        for (size_t i = 0; i < WEFT_ARRAY_SIZE(kinds); i++)
            walk_faulty_loop(kinds[i], workers);
    walk_dir_remove();
}

/* Too few descriptors: the directories that could not be opened say so, the others are walked. */
TASK_TEST(walk_without_descriptors)
{
    struct walk_list list = {0};
    struct rlimit limit, few;
    size_t errors = 0;
    int fd;

    walk_dir_make();
    walk_small_make();
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    fd = dup(0);
    EXPECT(fd >= 0);
    close(fd);
    few = limit;
    few.rlim_cur = (rlim_t)fd + 1; /* one for the root */
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
    EXPECT_EQ(walk_list_fill(&list, walk_dir), 0);
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    for (size_t i = 0; i < list.count; i++)
        errors += strstr(list.lines[i], " d 0 -24") != NULL;
    EXPECT_EQ(errors, 3);
    EXPECT_EQ(list.count, 8);
    walk_list_free(&list);
    walk_dir_remove();
}
