/* crawler.c - follows the links of a small web that lies on the disk, no faster than is polite.
 *
 *   weft run examples/crawler.c DIR        begins with DIR/index.html
 *
 * A page is a task: it waits for its turn, reads its file, and starts a task for each page that it
 * links to and nobody has seen before.  Two things hold the crowd back: a rate (100 pages a second,
 * 5 at once after a rest) and a limiter (4 files open at the same time).  Nobody knows beforehand
 * how many pages there are: the scope is closed when the last page has found nothing new.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft.h>

enum { PAGES_MAX = 1000, BURST = 5, PER_SECOND = 100 };

struct page { char name[100]; int result; }; /* its size, or a negative code */

static struct page pages[PAGES_MAX]; /* all that were seen; each is filled by its own task */
static int count;                    /* under the lock */
static weft_mutex lock;
static weft_scope crawl;
static const char *dir;
static weft_rate rate = WEFT_RATE_INIT(PER_SECOND, WEFT_SECOND, BURST);
static weft_limiter files = WEFT_LIMITER_INIT(4);

static int visit(void *arg);

/* Starts a visit, unless somebody has done so before. */
static int follow(const char *name, size_t length)
{
    struct page *page = pages;
    int rc = weft_mutex_lock(&lock);

    if (rc < 0)
        return rc;
    while (page < pages + count && (strncmp(page->name, name, length) || page->name[length]))
        page++;
    bool is_new = page == pages + count && count < PAGES_MAX && length < sizeof page->name;
    if (is_new) {
        memcpy(page->name, name, length);
        count++;
    }
    weft_mutex_unlock(&lock);
    return is_new ? weft_go(&crawl, visit, &page) : 0;
}

static int visit(void *arg)
{
    struct page *page = *(struct page **)arg;
    char path[4096];
    void *text = NULL;
    size_t size = 0;
    int rc = weft_rate_wait(&rate, 1);

    if (rc < 0 || (rc = weft_limiter_take(&files)) < 0)
        return rc;
    snprintf(path, sizeof path, "%s/%s", dir, page->name);
    rc = weft_read_file(path, 1 << 20, &text, &size);
    weft_limiter_give(&files);
    page->result = rc < 0 ? rc : (int)size; /* a broken link is a result, not our failure */
    for (char *at = text; rc == 0 && (at = strstr(at, "href=\"")) != NULL;) {
        at += strlen("href=\"");
        rc = follow(at, strcspn(at, "\""));
    }
    weft_file_free(text);
    return page->result < 0 ? 0 : rc;
}

static int app(void *arg)
{
    int64_t started = weft_now();

    (void)arg;
    weft_scope_open(&crawl);
    int failed = follow("index.html", strlen("index.html")), rc = weft_scope_close(&crawl);
    int64_t least = (count - BURST) * WEFT_SECOND / PER_SECOND;
    printf("%d pages, politely: %s\n", count, weft_now() - started >= least ? "yes" : "no");
    return failed < 0 ? failed : rc;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct page *)a)->name, ((const struct page *)b)->name);
}

int main(int argc, char **argv)
{
    dir = argc > 1 ? argv[1] : ".";
    int rc = weft_run(app, NULL);

    qsort(pages, (size_t)count, sizeof pages[0], by_name);
    for (struct page *page = pages; page < pages + count; page++)
        printf("%s: %d %s\n", page->name, page->result,
               page->result < 0 ? weft_strerror(page->result) : "bytes");
    return rc == 0 ? 0 : 1;
}
