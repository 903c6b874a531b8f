/* model_checked.c - the main() of a model that runs under the engine of weft check.
 *
 * The second filling of base/atomic_check.h, beside model.c: the same x_model.c, but who goes on is
 * the choice of src/check, and its strategies search.  So the models test the engine, and the
 * engine finds what they are broken for, without a line of theirs changed.  Memory is sequentially
 * consistent here: no stale values, no store buffers, no mutants of orders; those are model.c's.
 *
 * A model must hold under the portfolio, and under all schedules with up to two preemptions as far
 * as the bound on their number reaches.  A broken one must fail, and again when it is played again;
 * those that only a weaker memory breaks are listed, and must not; so are two that lie deep.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/sys.h"
#include "tests/model.h"
#include "tests/model_engine.h"

#define SAMPLED_DAY      1000
#define SAMPLED_NIGHT    20000
#define EXHAUSTIVE_DAY   1000
#define EXHAUSTIVE_NIGHT 50000

_Static_assert(MODEL_THREADS == MODEL_ENGINE_THREADS, "all have a strand");

static bool is_night, is_verbose;

/* Broken, but not where each operation takes effect at once. */
static const char *const weak_only[] = {
    "sb_release", "sb_half_fence", "mp_no_release", "mp_no_acquire", "mp_no_fence",
    "rs_store",   "2+2w",          "iriw",          "idle_without_fence",
    "watch_without_barrier", "watch_borrow_blindly", "solo_without_barrier",
    "homelock_without_barrier", "scope_without_barrier",
};

/* Broken deep down, behind more preemptions than the bound: sampling may miss them. */
static const char *const deep[] = {"idle_phantom", "mutex_frees_early"};

bool model_night(void)
{
    return is_night;
}

/* ---- failing ---- */

void model_fail(const char *format, ...)
{
    va_list list;
    char text[256];

    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    model_engine_fail(text);
}

/* What WEFT_CHECK calls in the rooms that the model includes. */
void weft__check_failed(const char *file, int line, const char *text)
{
    model_fail("%s:%d: check failed: %s", file, line, text);
}

/* ---- what the model's operations call ---- */

static int checked_order(enum weft__atomic_order order)
{
    static const int orders[] = {__ATOMIC_RELAXED, __ATOMIC_ACQUIRE, __ATOMIC_RELEASE,
                                 __ATOMIC_ACQ_REL, __ATOMIC_SEQ_CST};
    return orders[order];
}

static uint64_t checked_cut(size_t size, uint64_t value)
{
    return size < 8 ? value & ((UINT64_C(1) << (8 * size)) - 1) : value;
}

/* The machines of ours are little endian, so a word's low bytes come first. */
static uint64_t checked_read(const void *at, size_t size)
{
    uint64_t value = 0;

    memcpy(&value, at, size);
    return value;
}

static void checked_write(void *at, size_t size, uint64_t value)
{
    memcpy(at, &value, size);
    model_engine_changed(at);
}

static uint64_t checked_modify(enum weft__atomic_kind kind, uint64_t old, uint64_t operand)
{
    switch (kind) {
    case WEFT__ATOMIC_ADD: return old + operand;
    case WEFT__ATOMIC_SUB: return old - operand;
    case WEFT__ATOMIC_OR: return old | operand;
    case WEFT__ATOMIC_AND: return old & operand;
    default: return operand;
    }
}

static uint64_t checked_swap(const struct weft__atomic_site *site, void *at, size_t size,
                             uint64_t operand, uint64_t *expected)
{
    uint64_t wanted = checked_cut(size, *expected);

    model_engine_swap(at, size, wanted, checked_order(site->order), checked_order(site->failure),
                      site);
    *expected = checked_read(at, size);
    if (*expected != wanted)
        return 0;
    if (site->kind == WEFT__ATOMIC_CAS_WEAK && model_engine_fails(site))
        return 0;
    checked_write(at, size, operand);
    return 1;
}

static uint64_t checked_operate(const struct weft__atomic_site *site, void *at, size_t size,
                                uint64_t operand, uint64_t *expected)
{
    enum weft__op op = WEFT__OP_ATOMIC_RMW;
    uint64_t old;

    switch (site->kind) {
    case WEFT__ATOMIC_FENCE: model_engine_fence(site); return 0;
    case WEFT__ATOMIC_CAS:
    case WEFT__ATOMIC_CAS_WEAK: return checked_swap(site, at, size, operand, expected);
    case WEFT__ATOMIC_LOAD: op = WEFT__OP_ATOMIC_LOAD; break;
    case WEFT__ATOMIC_STORE: op = WEFT__OP_ATOMIC_STORE; break;
    default: break;
    }
    model_engine_access(op, at, size, checked_order(site->order), site);
    old = checked_read(at, size);
    if (op != WEFT__OP_ATOMIC_LOAD)
        checked_write(at, size, checked_modify(site->kind, old, operand));
    return old;
}

/* A waiting loop has no bound; models say model_block_while(). */
static void checked_relax(void)
{
}

static const struct weft__atomic_check checked_table = {checked_operate, checked_relax};
const struct weft__atomic_check *weft__atomic_check = &checked_table;

uint64_t model_block(const struct weft__atomic_site *site, void *at, size_t size, uint64_t value)
{
    model_engine_block(at, size, checked_cut(size, value), site);
    return checked_read(at, size);
}

/* The kernel compares and goes to sleep in one step. */
int weft__sys_futex_wait(ATOMIC(uint32_t) *word, uint32_t expected, int64_t timeout_ns)
{
    const void *site = __builtin_return_address(0);

    model_engine_compare(word, site);
    if (*word != expected)
        return -EAGAIN;
    return model_engine_sleep(word, timeout_ns >= 0, site) ? 0 : -ETIMEDOUT;
}

int weft__sys_futex_wake(ATOMIC(uint32_t) *word, int n)
{
    return model_engine_wake(word, n, __builtin_return_address(0));
}

/* ---- models ---- */

static void event_tell(unsigned thread, const char *words, const void *at, uint64_t value)
{
    const struct weft__atomic_site *site = at;

    printf("  %*sthread %u: %s", (int)thread * 4, "", thread, words);
    if (site != NULL)
        printf(" %s: %#llx  (%s:%d)", site->text, (unsigned long long)value, site->function,
               site->line);
    printf("\n");
}

static bool is_listed(const struct model *m, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], m->name) == 0)
            return true;
    }
    return false;
}

static bool is_weak_only(const struct model *m)
{
    return is_listed(m, weak_only, WEFT_ARRAY_SIZE(weak_only));
}

/* Returns whether it went as it should. */
static bool strategy_run(const struct model *m, const char *strategy, uint64_t schedules,
                         bool *ret_found)
{
    struct model_engine_program program = {.reset = m->reset, .finally = m->finally};
    struct model_engine_result result = {.found = false};
    bool expected = m->broken != NULL && !is_weak_only(m);

    memcpy(program.thread, m->thread, sizeof program.thread);
    int rc = model_engine_search(&program, strategy, schedules,
                                 is_verbose || !expected ? event_tell : NULL, &result);
    printf("%s: %s: %llu schedules, %llu behaviours, ", m->name, strategy,
           (unsigned long long)result.schedules, (unsigned long long)result.behaviours);
    if (rc < 0)
        printf("code %d\n", rc);
    else if (result.found)
        printf("found with %d preemptions: %s%s\n", result.preemptions, result.text,
               result.same ? "" : ", NOT THE SAME WHEN PLAYED AGAIN");
    else
        printf("%s\n", result.complete ? "all within the bound" : "nothing found");
    fflush(stdout);
    *ret_found = result.found;
    return rc == 0 && (!result.found || (result.same && expected));
}

static int checked_run(const struct model *m)
{
    bool found;
    bool ok = strategy_run(m, "portfolio", is_night ? SAMPLED_NIGHT : SAMPLED_DAY, &found);

    if (ok && !found)
        ok = strategy_run(m, "exhaustive", is_night ? EXHAUSTIVE_NIGHT : EXHAUSTIVE_DAY, &found);
    if (!ok)
        printf("%s: FAILED\n", m->name);
    else if (m->broken != NULL && !found && !is_weak_only(m) &&
             !is_listed(m, deep, WEFT_ARRAY_SIZE(deep)))
        printf("%s: NOT FOUND: %s\n", m->name, m->broken);
    else
        return 0;
    return 1;
}

int model_main(int argc, char **argv, const struct model *models, size_t models_count,
               const struct model_spared *spared, size_t spared_count)
{
    int failed = 0;

    (void)spared, (void)spared_count; /* no mutants here */
    for (int i = 1; i < argc; i++) {
        is_night |= strcmp(argv[i], "--night") == 0;
        is_verbose |= strcmp(argv[i], "--verbose") == 0;
    }
    for (size_t i = 0; i < models_count; i++) {
        if (!models[i].night || is_night)
            failed |= checked_run(&models[i]);
    }
    printf("%s\n", failed ? "FAILED" : "all models hold under the engine, the broken ones do not");
    return failed;
}
