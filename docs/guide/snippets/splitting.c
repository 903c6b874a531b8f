/* splitting.c - the code of the chapter "How do I split work?"
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft.h>

enum { WIDTH = 16, HEIGHT = 12, NUMBERS = 300 };

struct picture { unsigned char at[HEIGHT][WIDTH]; };

/* [brighten] */
static int brighten(int64_t from, int64_t to, void *arg) /* rows from <= y < to */
{
    struct picture *p = arg;

    for (int64_t y = from; y < to; y++) {
        for (int x = 0; x < WIDTH; x++)
            p->at[y][x] = (unsigned char)(p->at[y][x] / 2 + 128);
    }
    return 0; /* a negative code would end the loop */
}
/* [/brighten] */

static int loop(void)
{
    struct picture picture = {.at[3][5] = 100}, *p = &picture;
    /* [for] */
    int rc = weft_for(0, HEIGHT, brighten, p);
    /* [/for] */

    printf("%d %d\n", p->at[0][0], p->at[3][5]);
    return rc;
}

/* ---- many become one ---- */

/* [light] */
struct light { int64_t sum; int most; };

static int measure(int64_t from, int64_t to, void *acc, void *arg)
{
    const struct picture *p = arg;
    struct light *l = acc; /* mine alone */

    for (int64_t y = from; y < to; y++) {
        for (int x = 0; x < WIDTH; x++) {
            l->sum += p->at[y][x];
            l->most = p->at[y][x] > l->most ? p->at[y][x] : l->most;
        }
    }
    return 0;
}

static void add_light(void *acc, const void *other, void *arg)
{
    struct light *l = acc;
    const struct light *right = other;

    (void)arg;
    l->sum += right->sum;
    l->most = right->most > l->most ? right->most : l->most;
}

static const struct light dark;
static const weft_reduce_ops light_of = {
    .size = sizeof dark, .identity = &dark, .body = measure, .combine = add_light};
/* [/light] */

static int reduce(void)
{
    struct picture picture = {.at = {[0][0] = 7, [3][5] = 100, [9][9] = 20}}, *p = &picture;
    struct light light;
    /* [reduce] */
    int rc = weft_reduce(0, HEIGHT, &light_of, &light, p);
    /* [/reduce] */

    if (rc == 0)
        printf("%d in all, %d at the most\n", (int)light.sum, light.most);
    return rc;
}

static int add_range(int64_t from, int64_t to, void *acc, void *arg)
{
    const double *numbers = arg;
    double *sum = acc;

    for (int64_t i = from; i < to; i++)
        *sum += numbers[i];
    return 0;
}

static void add_sum(void *acc, const void *other, void *arg)
{
    (void)arg;
    *(double *)acc += *(const double *)other;
}

static int repeatable(void)
{
    static const double zero = 0;
    /* [repeatable] */
    static const weft_reduce_ops sum_of = {.size = sizeof zero, .identity = &zero,
                                           .body = add_range, .combine = add_sum,
                                           .repeatable = true};
    /* [/repeatable] */
    double numbers[NUMBERS], sum = 0, again = 0;

    for (int i = 0; i < NUMBERS; i++)
        numbers[i] = 1.0 / (i + 1);
    int rc = weft_reduce(0, NUMBERS, &sum_of, &sum, numbers);
    if (rc == 0)
        rc = weft_reduce(0, NUMBERS, &sum_of, &again, numbers);
    printf("%.3f, and again%s\n", sum, memcmp(&sum, &again, sizeof sum) ? " not" : "");
    return rc;
}

/* ---- arrays ---- */

struct row { int id; int value; };

static int run_total(int64_t from, int64_t to, void *acc, bool writes, void *arg)
{
    struct row *rows = arg;
    int *total = acc;

    for (int64_t i = from; i < to; i++) {
        *total += rows[i].id;
        if (writes)
            rows[i].value = *total;
    }
    return 0;
}

static void add_int(void *acc, const void *other, void *arg)
{
    (void)arg;
    *(int *)acc += *(const int *)other;
}

static int halve(const void *in, void *out, void *arg)
{
    const struct row *row = in;

    (void)arg;
    *(double *)out = row->value / 2.0;
    return 0;
}

static int is_even(const void *element, void *arg)
{
    const struct row *row = element;

    (void)arg;
    return row->value % 2 == 0;
}

static int by_last_digit(const void *a, const void *b, void *arg)
{
    const struct row *left = a, *right = b;

    (void)arg;
    return left->value % 10 - right->value % 10;
}

static int arrays(void)
{
    static const int zero = 0;
    static const weft_scan_ops totals = {.size = sizeof zero, .identity = &zero,
                                         .body = run_total, .combine = add_int};
    enum { N = 50 };
    struct row rows[N], even[N];
    double halves[N];
    size_t n_even = 0;

    for (int i = 0; i < N; i++)
        rows[i] = (struct row){.id = i + 1};
    int rc = weft_scan(0, N, &totals, NULL, rows);
    if (rc == 0)
        rc = weft_map(rows, sizeof *rows, halves, sizeof *halves, N, halve, NULL);
    if (rc == 0)
        rc = weft_filter(rows, even, N, sizeof *rows, is_even, NULL, &n_even);
    if (rc == 0)
        rc = weft_sort(even, n_even, sizeof *even, by_last_digit, NULL);
    if (rc == 0)
        printf("%d, %.1f; %d even, the first %d\n", rows[N - 1].value, halves[N - 1], (int)n_even,
               even[0].value);
    if (rc == 0)
        rc = weft_sort_by(even, n_even, sizeof *even, WEFT_KEY_INT32, offsetof(struct row, id));
    if (rc == 0)
        printf("by its id the first is %d\n", even[0].value);
    return rc;
}

/* ---- a tree ---- */

/* [tree] */
struct folder { int files; struct folder *left, *right; };

static int count(void *arg) /* how many files, or a negative code */
{
    const struct folder *f = arg;
    weft_piece left;

    if (f == NULL)
        return 0;
    weft_fork(&left, count, f->left);
    int n_right = count(f->right);
    int n_left = weft_join(&left);
    return n_left < 0 ? n_left : n_right < 0 ? n_right : f->files + n_left + n_right;
}
/* [/tree] */

/* [piece] */
WEFT_PIECE(long, ways, int, stairs) /* to climb them by ones and twos */
{
    if (stairs < 2)
        return 1;
    WEFT_FORK(by_one, ways, stairs - 1);
    long by_two = WEFT_CALL(ways, stairs - 2);
    return WEFT_JOIN(by_one) + by_two;
}
/* [/piece] */

static int tree(void)
{
    struct folder music = {12, NULL, NULL}, pictures = {30, NULL, &music};
    struct folder mail = {8, NULL, NULL}, home = {1, &pictures, &mail};
    int files = count(&home);

    printf("%d files, %ld ways\n", files, ways(8));
    return files < 0 ? files : 0;
}

/* ---- failures and deadlines ---- */

/* [check] */
static int check(int64_t from, int64_t to, void *arg)
{
    const struct row *rows = arg;

    for (int64_t i = from; i < to; i++) {
        if (rows[i].value < 0)
            return -EDOM;
    }
    return 0;
}
/* [/check] */

static int failing(void)
{
    struct row rows[NUMBERS] = {[200] = {.value = -1}};
    int rc = weft_for(0, NUMBERS, check, rows);

    printf("%s\n", weft_strerror(rc));
    return rc == -EDOM ? 0 : -EPROTO;
}

struct position { int moves, rating[NUMBERS]; };

static int rate(int64_t from, int64_t to, void *arg)
{
    struct position *p = arg;

    for (int64_t i = from; i < to; i++)
        p->rating[i] = (int)(i * 37 % 101);
    return 0;
}

/* [deadline] */
static int rate_moves(struct position *p, int64_t time_ns)
{
    weft_scope scope;

    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(time_ns));
    int rc = weft_for(0, p->moves, rate, p);
    int closed = weft_scope_close(&scope); /* -WEFT_ETIMEDOUT; what is rated is rated */
    return closed < 0 ? closed : rc;
}
/* [/deadline] */

static int deadline(void)
{
    struct position position = {.moves = NUMBERS};
    int rc = rate_moves(&position, 2 * WEFT_SECOND);

    printf("in two seconds: %s\n", rc == 0 ? "all of them" : weft_strerror(rc));
    printf("in no time: %s\n", weft_strerror(rate_moves(&position, 0)));
    return rc;
}

/* ---- schedules ---- */

/* [dynamic] */
static int brighten_by_turns(struct picture *p)
{
    return weft_for_with(0, HEIGHT, brighten, p,
                         &(weft_for_options){.schedule = WEFT_FOR_DYNAMIC, .grain = 2});
}
/* [/dynamic] */

static int schedules(void)
{
    struct picture picture = {.at[3][5] = 100}, *p = &picture;
    int rc = brighten_by_turns(p);

    if (rc == 0)
        rc = weft_for_with(0, HEIGHT, brighten, p,
                           &(weft_for_options){.schedule = WEFT_FOR_STATIC});
    printf("%d %d\n", p->at[0][0], p->at[3][5]);
    return rc;
}

/* ---- a pipeline ---- */

/* [stages] */
static int next_word(void **item, void *arg) /* makes the items */
{
    const char *const **at = arg;

    if (**at == NULL)
        return 0; /* no more */
    *item = strdup(*(*at)++);
    return *item != NULL ? 1 : -WEFT_ENOMEM;
}

static int shout(void **item, void *arg) /* for several words at the same time */
{
    (void)arg;
    for (char *c = *item; *c != '\0'; c++)
        *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
    return 0;
}

static int say(void **item, void *arg) /* one after the other, in the old order */
{
    (void)arg;
    printf("%s\n", (char *)*item);
    free(*item);
    return 0;
}
/* [/stages] */

static void drop(void *item, void *arg)
{
    (void)arg;
    free(item);
}

static int pipeline(void)
{
    static const char *const words[] = {"one", "two", "three", NULL};
    const char *const *at = words;
    /* [pipeline] */
    weft_stage stages[] = {
        {.fn = next_word, .arg = &at}, {.fn = shout}, {.fn = say, .serial = true}};
    int rc = weft_pipeline(stages, 3, &(weft_pipeline_options){.drop = drop});
    /* [/pipeline] */

    return rc;
}

static int app(void *arg)
{
    static const struct { const char *name; int (*run)(void); } parts[] = {
        {"loop", loop}, {"reduce", reduce}, {"repeatable", repeatable}, {"arrays", arrays},
        {"tree", tree}, {"failing", failing}, {"deadline", deadline}, {"schedules", schedules},
        {"pipeline", pipeline}};
    int rc = 0;

    (void)arg;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && rc == 0; i++) {
        printf("-- %s\n", parts[i].name);
        rc = parts[i].run();
    }
    return rc;
}

int main(void)
{
    return weft_run_with(app, NULL, &(weft_options){.virtual_clock = true}) < 0;
}
