/* model_main.c - runs the models of one program, shows what failed, and doubts each order.
 *
 * A model that holds proves little if it would hold of anything.  So, after all models held, each
 * order stronger than relaxed that a header names is made one step weaker, alone, and some model
 * that passes there must fail.  An order that no model needs is an error, unless the program lists
 * it with the reason why it stands (model_spared).
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>

#include "tests/model_inside.h"

#define W model_world

static const char *const mode_names[MODEL_MODES] = {"sc", "tso", "weak"};
static const char *const op_names[] = {"load",        "store",      "xchg",       "add",
                                       "sub",         "or",         "and",        "cas",
                                       "cas_weak",    "fence",      "block_while", "futex_wait",
                                       "futex_wake",  "woken by time", "woken",   "(drain)",
                                       "done"};
static const char *const order_names[] = {"relaxed", "acquire", "release", "acq_rel", "seq_cst"};

static bool verbose;

/* ---- printing an interleaving: one column for each thread ---- */

static const char *value_text(char *text, size_t size, uint64_t value)
{
    if (value < 1 << 20 || value > UINT64_MAX - 4096)
        snprintf(text, size, "%lld", (long long)value);
    else
        snprintf(text, size, "%#llx", (unsigned long long)value);
    return text;
}

static void event_print(int number, const struct event *e)
{
    const struct op *op = &e->op;
    bool stores = op->kind >= WEFT__ATOMIC_STORE && op->kind <= WEFT__ATOMIC_CAS_WEAK;
    bool returns = op->kind != WEFT__ATOMIC_STORE && op->kind != WEFT__ATOMIC_FENCE;
    char value[32];

    printf("  %4d  %*s%s", number, e->thread * 34, "", op_names[op->kind]);
    if (op->site != NULL)
        printf(" %s", op->site->text);
    if (op->kind == OP_DRAIN || stores)
        printf(" <- %s", value_text(value, sizeof value, op->operand));
    if (op->kind != OP_DRAIN && returns)
        printf(" = %s", value_text(value, sizeof value, e->result));
    if (op->kind <= WEFT__ATOMIC_FENCE)
        printf(" %s", order_names[op->order]);
    if (e->note != NULL)
        printf(", %s", e->note);
    if (op->site != NULL)
        printf("  (%s:%d)", op->site->function, op->site->line);
    printf("\n");
}

static void failure_print(void)
{
    printf("  %s\n        ", W.failure);
    for (int i = 0; i < W.threads_count; i++)
        printf("thread %-27d", i);
    printf("\n");
    for (int i = 0; i < W.events_count; i++)
        event_print(i, &W.events[i]);
}

/* ---- models ---- */

static void model_print(const struct model *m)
{
    printf("%s: %s: %llu executions, %zu states, ", m->name, mode_names[W.mode],
           (unsigned long long)W.executions, W.states);
}

/* One that must hold, in all modes. */
static int model_run(const struct model *m)
{
    for (int mode = MODEL_SC; mode < MODEL_MODES; mode++) {
        bool failed = model_explore(m, (enum model_mode)mode);

        model_print(m);
        printf("%s\n", failed ? "FAILED" : "all explored");
        fflush(stdout);
        if (failed) {
            failure_print();
            return 1;
        }
    }
    return 0;
}

/* One that must fail, in some mode; the milder the mode the clearer the fault. */
static int model_run_broken(const struct model *m)
{
    for (int mode = MODEL_SC; mode < MODEL_MODES; mode++) {
        if (!model_explore(m, (enum model_mode)mode))
            continue;
        model_print(m);
        printf("found: %s\n", m->broken);
        if (verbose)
            failure_print();
        return 0;
    }
    printf("%s: NOT FOUND in any mode: %s\n", m->name, m->broken);
    return 1;
}

/* ---- mutation: is each order there for a reason? ---- */

/* The orders one step weaker that this kind of operation may have; returns how many. */
static int order_weaken(enum weft__atomic_kind kind, enum weft__atomic_order order,
                        enum weft__atomic_order ret_weaker[2])
{
    switch (order) {
    case WEFT__ATOMIC_relaxed: return 0;
    case WEFT__ATOMIC_acquire:
    case WEFT__ATOMIC_release: ret_weaker[0] = WEFT__ATOMIC_relaxed; return 1;
    case WEFT__ATOMIC_acq_rel:
        ret_weaker[0] = WEFT__ATOMIC_acquire;
        ret_weaker[1] = WEFT__ATOMIC_release;
        return 2;
    default:
        ret_weaker[0] = WEFT__ATOMIC_acq_rel;
        if (kind == WEFT__ATOMIC_LOAD)
            ret_weaker[0] = WEFT__ATOMIC_acquire;
        if (kind == WEFT__ATOMIC_STORE)
            ret_weaker[0] = WEFT__ATOMIC_release;
        return 1;
    }
}

/* The model that fails with the mutant; NULL if all hold.  The weakest mode finds most. */
static const struct model *mutant_hunt(const struct model *models, size_t count, uint64_t who)
{
    for (size_t i = 0; i < count; i++) {
        if ((who & 1ull << i) == 0 || models[i].night)
            continue;
        for (int mode = MODEL_WEAK; mode > MODEL_SC; mode--) {
            if (model_explore(&models[i], (enum model_mode)mode))
                return &models[i];
        }
    }
    return NULL;
}

static const struct model_spared *spared_find(const struct model_spared *spared, size_t count,
                                              const struct weft__atomic_site *site,
                                              const char *change)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(spared[i].function, site->function) == 0 &&
            strcmp(spared[i].text, site->text) == 0 && strcmp(spared[i].change, change) == 0)
            return &spared[i];
    }
    return NULL;
}

/* A mutant that is found although it is spared is an error too: the list must not grow stale.  That
 * nothing finds it takes every interleaving of every model to see, so that is for the night. */
static int mutant_run(const struct model_site *s, const char *change, const struct model *models,
                      size_t count, const struct model_spared *known)
{
    const struct model *finder;

    if (known != NULL && !W.night) {
        printf("mutant: %s:%d %s %s %s: spared: %s\n", s->site->function, s->site->line,
               op_names[s->site->kind], s->site->text, change, known->why);
        return 0;
    }
    model_mutant.site = s->site;
    finder = mutant_hunt(models, count, s->models);
    model_mutant.site = NULL;
    printf("mutant: %s:%d %s %s %s: ", s->site->function, s->site->line, op_names[s->site->kind],
           s->site->text, change);
    if (finder != NULL)
        printf("found by %s: %s: %llu executions%s\n", finder->name, mode_names[W.mode],
               (unsigned long long)W.executions, known != NULL ? ", BUT IS LISTED AS SPARED" : "");
    else
        printf("not found: %s\n", known != NULL ? known->why : "NO MODEL NEEDS THIS ORDER");
    fflush(stdout);
    if (finder != NULL && verbose)
        failure_print();
    return (finder == NULL) == (known == NULL);
}

static int mutants_of_site(const struct model_site *s, const struct model *models, size_t count,
                           const struct model_spared *spared, size_t spared_count)
{
    enum weft__atomic_order weaker[2];
    char change[64];
    int failed = 0;
    int n = order_weaken(s->site->kind, s->site->order, weaker);

    for (int i = 0; i < n; i++) {
        snprintf(change, sizeof change, "%s -> %s", order_names[s->site->order],
                 order_names[weaker[i]]);
        model_mutant.order = weaker[i];
        model_mutant.failure = s->site->failure;
        failed |= mutant_run(s, change, models, count,
                             spared_find(spared, spared_count, s->site, change));
    }
    n = order_weaken(WEFT__ATOMIC_LOAD, s->site->failure, weaker);
    for (int i = 0; i < n; i++) {
        snprintf(change, sizeof change, "failure %s -> %s", order_names[s->site->failure],
                 order_names[weaker[i]]);
        model_mutant.order = s->site->order;
        model_mutant.failure = weaker[i];
        failed |= mutant_run(s, change, models, count,
                             spared_find(spared, spared_count, s->site, change));
    }
    return failed;
}

static int mutants_run(const struct model *models, size_t count, const struct model_spared *spared,
                       size_t spared_count)
{
    int failed = 0;

    for (int i = 0; i < model_sites_count; i++) {
        const struct model_site *s = &model_sites[i];

        /* the orders that a model itself names are its own affair */
        if (s->models != 0 && strstr(s->site->file, "_model.c") == NULL)
            failed |= mutants_of_site(s, models, count, spared, spared_count);
    }
    return failed;
}

int model_main(int argc, char **argv, const struct model *models, size_t models_count,
               const struct model_spared *spared, size_t spared_count)
{
    int failed = 0;

    for (int i = 1; i < argc; i++) {
        W.night |= strcmp(argv[i], "--night") == 0;
        verbose |= strcmp(argv[i], "--verbose") == 0;
    }
    for (size_t i = 0; i < models_count; i++) {
        if (models[i].night && !W.night)
            continue;
        model_bit = models[i].broken != NULL ? 0 : 1ull << i;
        failed |= models[i].broken != NULL ? model_run_broken(&models[i]) : model_run(&models[i]);
    }
    model_bit = 0;
    if (!failed)
        failed = mutants_run(models, models_count, spared, spared_count);
    printf("%s\n", failed ? "FAILED" : "all models hold, all mutants are found or accounted for");
    return failed;
}
