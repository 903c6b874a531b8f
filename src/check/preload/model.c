/* model.c - the table of records that stand in for locks.
 *
 * A hash table with chains, in memory that is reserved in the server and first touched in a child:
 * few buckets at first, and these beside the first records, so that a small program touches one
 * page.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/preload/model.h"

#include "base/sys.h"
#include "check/table.h"

#define MODELS_MAX     (1u << 20)
#define MODEL_BUCKETS  256u        /* at first */
#define MODELS_SIZE                                                                                \
    (MODEL_BUCKETS * sizeof(uint32_t) + MODELS_MAX * (sizeof(struct weft__model) +                 \
                                                      2 * sizeof(uint32_t)))

/* In one reserved region: the first buckets, MODELS_MAX records, all further buckets, where each
 * doubling follows the last. */
static struct weft__model *models;
static uint32_t *model_buckets, *model_more_buckets;
static uint32_t model_n_buckets, models_made, model_free;

void weft__models_init(void)
{
    void *memory;

    int rc = weft__sys_map(MODELS_SIZE, &memory);
    WEFT_CHECK(rc == 0);
    model_buckets = memory;
    model_n_buckets = MODEL_BUCKETS;
    *(volatile uint32_t *)model_buckets = 0; /* else a child would fault twice */
    models = (struct weft__model *)((uintptr_t)memory + MODEL_BUCKETS * sizeof *model_buckets);
    model_more_buckets = (uint32_t *)(models + MODELS_MAX);
}

static uint32_t *model_bucket(enum weft__model_kind kind, uintptr_t address, uint16_t strand)
{
    uint64_t key = (uint64_t)address ^ (uint64_t)kind << 60 ^ (uint64_t)strand << 48;

    return &model_buckets[weft__mix(key) & (model_n_buckets - 1)];
}

static bool model_is(const struct weft__model *m, enum weft__model_kind kind, uintptr_t address,
                     uint16_t strand)
{
    return m->address == address && m->kind == kind && m->strand == strand;
}

struct weft__model *weft__model_find(enum weft__model_kind kind, const void *object,
                                     uint16_t strand)
{
    uintptr_t address = (uintptr_t)object;

    for (uint32_t i = *model_bucket(kind, address, strand); i != 0; i = models[i - 1].next) {
        if (model_is(&models[i - 1], kind, address, strand))
            return &models[i - 1];
    }
    return NULL;
}

static void model_link(uint32_t index)
{
    struct weft__model *m = &models[index];
    uint32_t *bucket = model_bucket((enum weft__model_kind)m->kind, m->address, m->strand);

    m->next = *bucket;
    *bucket = index + 1;
}

static void models_rehash(void)
{
    model_n_buckets *= 2;
    model_buckets = model_more_buckets;
    model_more_buckets += model_n_buckets;
    for (uint32_t i = 0; i < models_made; i++) {
        if (models[i].kind != 0)
            model_link(i);
    }
}

struct weft__model *weft__model_get(enum weft__model_kind kind, const void *object,
                                    uint16_t strand, bool *ret_is_new)
{
    struct weft__model *m = weft__model_find(kind, object, strand);

    *ret_is_new = m == NULL;
    if (m != NULL)
        return m;
    uint32_t index = model_free;
    if (index != 0) {
        model_free = models[--index].next;
    } else {
        WEFT_CHECK(models_made < MODELS_MAX);
        if (models_made == model_n_buckets * 2 && model_n_buckets < MODELS_MAX / 2)
            models_rehash();
        index = models_made++;
    }
    m = &models[index];
    *m = (struct weft__model){.address = (uintptr_t)object,
                              .kind = (uint8_t)kind,
                              .strand = strand,
                              .owner = WEFT__NOBODY,
                              .first = WEFT__NOBODY,
                              .last = WEFT__NOBODY};
    model_link(index);
    return m;
}

void weft__model_drop(struct weft__model *model)
{
    uint32_t index = (uint32_t)(model - models);
    uint32_t *at =
        model_bucket((enum weft__model_kind)model->kind, model->address, model->strand);

    while (*at != index + 1)
        at = &models[*at - 1].next;
    *at = model->next;
    model->kind = 0;
    model->next = model_free;
    model_free = index + 1;
}

void weft__models_each(enum weft__model_kind kind, void (*call)(struct weft__model *model))
{
    for (uint32_t i = 0; i < models_made; i++) {
        if (models[i].kind == kind)
            call(&models[i]);
    }
}
