/* story_rows.c - the timeline: which of many thousand events are shown, and as what.
 *
 * Called by story.c.  Each event gets a weight: those that the finding names and those on both
 * sides of a preemption must be seen; then operations on the same objects; then on any object
 * that strands share; starting and ending are noise.  From the top, a weight is shown as a whole
 * while there is room, then those of its events that are nearest to what is shown already.
 *
 * Invariant: rows are in the order of the events, and no event is in two.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/story.h"

#define ROWS_BUDGET  28 /* steps that a reader follows */
#define ROWS_FEW     4  /* too few to tell anything: the rest is shown, too */
#define ROWS_ROUNDS  12 /* events of a livelock's beginning, or of one that has no round */
#define ROWS_ROUND   64 /* events of the longest round of a livelock that is looked for */
#define ROWS_OBJECTS 48
#define ROWS_MERGED  6  /* events in one row */
#define ROWS_NONE    UINT32_MAX

enum { /* weights */
    ROWS_NEVER = 5, /* shown only inside a run */
    ROWS_NOISE = 10,
    ROWS_ALONE = 15,   /* before there was anybody else */
    ROWS_PRIVATE = 20,
    ROWS_SHARED = 40,
    ROWS_SAME_OBJECT = 60,
    ROWS_MUST = 90
};

struct rows_event {
    uint8_t weight;
    bool shown;
    bool is_weft;       /* inside Weft's own code: no news */
    bool is_preempted;  /* after it */
    uint16_t preempter;
};

struct rows_share {
    uint64_t object;
    uint32_t strand; /* plus one */
    bool is_shared, is_written;
};

struct rows_work {
    struct weft__story *story;
    const struct weft__finding *finding;
    uint32_t n;
    struct rows_event *events;
    uint64_t objects[ROWS_OBJECTS];
    uint32_t n_objects;
    struct rows_share *shares; /* a hash table */
    uint32_t n_shares;         /* its slots, a power of two */
    uint32_t round_first, round; /* a livelock's: from this event on, each so many do the same */
};

static const struct weft__event *rows_at(const struct rows_work *work, uint32_t i)
{
    return weft__story_event(work->story->report, i);
}

/* ---- weights ---- */

static bool rows_is_noise(enum weft__op op)
{
    switch (op) {
    case WEFT__OP_NONE:
    case WEFT__OP_BEGIN:
    case WEFT__OP_END:
    case WEFT__OP_SPAWN:
    case WEFT__OP_JOIN:
    case WEFT__OP_PIECE_FORK:
    case WEFT__OP_PIECE_JOIN:
    case WEFT__OP_DETACH:
    case WEFT__OP_YIELD:
    case WEFT__OP_FENCE:
    case WEFT__OP_ALLOC:
    case WEFT__OP_STREAM:
    case WEFT__OP_SYSTEM:
    case WEFT__OP_OBJECT_INIT:
    case WEFT__OP_SCOPE_OPEN:
        return true;
    default:
        return false;
    }
}

static void rows_key(struct rows_work *work, uint64_t object)
{
    for (uint32_t i = 0; i < work->n_objects; i++) {
        if (work->objects[i] == object)
            return;
    }
    if (object != 0 && work->n_objects < ROWS_OBJECTS)
        work->objects[work->n_objects++] = object;
}

static bool rows_is_key(const struct rows_work *work, uint64_t object)
{
    for (uint32_t i = 0; i < work->n_objects; i++) {
        if (work->objects[i] == object)
            return true;
    }
    return false;
}

static void rows_must(struct rows_work *work, uint32_t i)
{
    if (work->events[i].is_weft)
        return;
    work->events[i].weight = ROWS_MUST;
    if (!rows_is_noise(weft__story_op(rows_at(work, i)->op)))
        rows_key(work, rows_at(work, i)->object);
}

/* A preemption is noted where the strand goes on again: finds where it stood. */
static void rows_find_preemptions(struct rows_work *work)
{
    uint32_t *next = weft__pool_take(&work->story->pool, WEFT__STRANDS_MAX * sizeof *next);

    if (next == NULL)
        return;
    for (uint32_t i = work->n; i-- > 0;) {
        const struct weft__event *event = rows_at(work, i);
        uint32_t *after = &next[event->strand % WEFT__STRANDS_MAX]; /* index plus one */
        if (*after != 0 && (rows_at(work, *after - 1)->flags & WEFT__EVENT_PREEMPTED) &&
            rows_at(work, i + 1)->strand != event->strand) {
            work->events[i].is_preempted = true;
            work->events[i].preempter = rows_at(work, i + 1)->strand;
            rows_must(work, i);
            rows_must(work, *after - 1);
        }
        *after = i + 1;
    }
}

/* Could the strand have done what it stands before, after event `last`?  Only said when it is sure:
 * of what cannot wait, and of locks that were free. */
static bool rows_could_go_on(const struct rows_work *work, const struct weft__strand_note *note,
                             uint32_t last)
{
    unsigned does = weft__op_does(weft__story_op(note->op));
    bool is_taken = false;

    if ((does & WEFT__OP_SLEEPS) == 0)
        return true;
    if (note->op != WEFT__OP_MUTEX_LOCK && note->op != WEFT__OP_RWLOCK_READ &&
        note->op != WEFT__OP_RWLOCK_WRITE)
        return false;
    for (uint32_t i = 0; i <= last; i++) {
        const struct weft__event *event = rows_at(work, i);
        unsigned did = weft__op_does(weft__story_op(event->op));
        if (event->op == WEFT__OP_COND_WAIT && event->value == note->object)
            is_taken = false;
        if (event->object != note->object || (event->flags & WEFT__EVENT_FAILED))
            continue;
        if (did & WEFT__OP_TAKES)
            is_taken = true;
        else if (did & WEFT__OP_GIVES)
            is_taken = false;
    }
    return !is_taken;
}

/* Those who were preempted and never came back: the schedule deviated at a point of theirs that the
 * trace does not have, after their last event. */
static void rows_find_abandoned(struct rows_work *work)
{
    const struct weft__outcome *outcome = &work->story->report->failing->outcome;
    uint32_t n = weft__min(outcome->n_deviations, (uint32_t)WEFT__DEVIATIONS_MAX);

    for (uint32_t d = 0; d < n; d++) {
        const struct weft__deviation *deviation = &outcome->deviations[d];
        const struct weft__strand_note *note =
            weft__story_strand_note(work->story->report, deviation->strand);
        uint32_t last = ROWS_NONE;
        bool passed = false;
        if (deviation->kind != WEFT__CHOICE_STRAND || deviation->pick == deviation->strand ||
            note == NULL)
            continue;
        for (uint32_t i = 0; i < work->n; i++) {
            const struct weft__event *event = rows_at(work, i);
            if (event->strand != deviation->strand)
                continue;
            last = i;
            passed = passed || (event->site == deviation->site && event->nth == deviation->nth);
        }
        if (passed || last == ROWS_NONE || last + 1 == work->n ||
            rows_at(work, last)->op == WEFT__OP_END || !rows_could_go_on(work, note, last))
            continue;
        work->events[last].is_preempted = true;
        work->events[last].preempter = rows_at(work, last + 1)->strand;
        rows_must(work, last);
    }
}

static struct rows_share *rows_share_of(const struct rows_work *work, uint64_t object)
{
    uint32_t i = (uint32_t)(object * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (work->n_shares - 1);

    while (work->shares[i].object != 0 && work->shares[i].object != object)
        i = (i + 1) & (work->n_shares - 1);
    return &work->shares[i];
}

static bool rows_find_shares(struct rows_work *work)
{
    work->n_shares = 16;
    while (work->n_shares < 2 * work->n + 2)
        work->n_shares *= 2;
    work->shares = weft__pool_take(&work->story->pool, work->n_shares * sizeof *work->shares);
    if (work->shares == NULL)
        return false;
    for (uint32_t i = 0; i < work->n; i++) {
        const struct weft__event *event = rows_at(work, i);
        struct rows_share *share = rows_share_of(work, event->object);
        if (event->object == 0)
            continue;
        share->object = event->object;
        share->is_shared = share->is_shared ||
                           (share->strand != 0 && share->strand != event->strand + 1u);
        share->strand = event->strand + 1u;
        share->is_written = share->is_written ||
                            (weft__op_does(weft__story_op(event->op)) & WEFT__OP_WRITES) != 0;
    }
    return true;
}

/* Before the second strand does anything, there is nothing to see. */
static uint32_t rows_first_company(const struct rows_work *work)
{
    for (uint32_t i = 1; i < work->n; i++) {
        if (rows_at(work, i)->strand != rows_at(work, 0)->strand)
            return i;
    }
    return 0;
}

static void rows_weigh(struct rows_work *work)
{
    uint32_t company = rows_first_company(work);

    for (uint32_t i = 0; i < work->n; i++) {
        const struct weft__event *event = rows_at(work, i);
        const struct rows_share *share = rows_share_of(work, event->object);
        uint8_t weight = ROWS_PRIVATE;
        if (work->events[i].is_weft || event->op == WEFT__OP_BEGIN || event->op == WEFT__OP_END)
            weight = ROWS_NEVER;
        else if (rows_is_noise(weft__story_op(event->op)))
            weight = ROWS_NOISE;
        else if (i < company)
            weight = ROWS_ALONE;
        else if (event->object != 0 && rows_is_key(work, event->object))
            weight = ROWS_SAME_OBJECT;
        else if (event->object != 0 && share->is_shared && share->is_written)
            weight = ROWS_SHARED;
        work->events[i].weight = weft__max(work->events[i].weight, weight);
    }
}

/* What a finding itself names, and the two events that decide. */
static void rows_find_named(struct rows_work *work, const struct weft__finding *finding)
{
    const struct weft__critical *critical = &work->story->report->critical;

    rows_key(work, finding->object);
    for (uint32_t p = 0; p < finding->n_parties; p++) {
        rows_key(work, finding->parties[p].object);
        for (uint32_t h = 0; h < finding->parties[p].n_held && h < WEFT__HELD_MAX; h++)
            rows_key(work, finding->parties[p].held[h]);
    }
    for (uint32_t i = 0; i < work->n; i++) {
        const struct weft__event *event = rows_at(work, i);
        bool named = critical->known && (event->step == critical->first_step ||
                                         event->step == critical->second_step);
        for (uint32_t p = 0; p < finding->n_parties; p++)
            named = named || (event->site == finding->parties[p].site &&
                              event->step == finding->parties[p].step);
        if (named)
            rows_must(work, i);
    }
}

/* ---- which are shown ---- */

static uint32_t rows_show(struct rows_work *work, uint8_t weight, uint32_t distance,
                          const uint32_t *distances)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < work->n; i++) {
        struct rows_event *event = &work->events[i];
        if (!event->shown && event->weight == weight &&
            (distances == NULL || distances[i] <= distance)) {
            event->shown = true;
            n++;
        }
    }
    return n;
}

static uint32_t rows_count(const struct rows_work *work, uint8_t weight)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < work->n; i++)
        n += work->events[i].weight == weight;
    return n;
}

/* How many events each one is away from the nearest that is shown; the end counts as shown. */
static uint32_t *rows_distances(struct rows_work *work)
{
    uint32_t *distances = weft__pool_take(&work->story->pool, work->n * sizeof *distances);
    uint32_t far = ROWS_NONE / 2;

    if (distances == NULL)
        return NULL;
    for (uint32_t i = 0; i < work->n; i++)
        distances[i] = far = work->events[i].shown ? 0 : far + 1;
    far = 0;
    for (uint32_t i = work->n; i-- > 0;) {
        far = work->events[i].shown ? 0 : far + 1;
        distances[i] = weft__min(distances[i], far);
    }
    return distances;
}

/* The largest distance within which no more than `room` events of the weight are. */
static uint32_t rows_reach(const struct rows_work *work, uint8_t weight, uint32_t room,
                           const uint32_t *distances)
{
    uint32_t counts[256] = {0}, n = 0;

    for (uint32_t i = 0; i < work->n; i++) {
        if (work->events[i].weight == weight && !work->events[i].shown && distances[i] < 256)
            counts[distances[i]]++;
    }
    for (uint32_t d = 0; d < 256; d++) {
        n += counts[d];
        if (n > room)
            return d > 0 ? d - 1 : 0;
    }
    return 255;
}

static bool rows_alike(const struct weft__event *a, const struct weft__event *b)
{
    return a->strand == b->strand && a->op == b->op && a->site == b->site &&
           a->object == b->object;
}

/* The shortest round that is gone through at the end, three times at least, and where it began. */
static void rows_find_round(struct rows_work *work)
{
    for (uint32_t round = 1; round <= ROWS_ROUND && 3 * round <= work->n; round++) {
        uint32_t first = work->n - round;
        while (first > 0 && rows_alike(rows_at(work, first - 1), rows_at(work, first - 1 + round)))
            first--;
        if (work->n - first >= 3 * round) {
            work->round_first = first;
            work->round = round;
            return;
        }
    }
    work->round = weft__min(work->n, (uint32_t)ROWS_ROUNDS);
    work->round_first = work->n - work->round;
}

/* One round, and how it came to it. */
static void rows_choose_round(struct rows_work *work)
{
    uint32_t left = ROWS_ROUNDS;

    rows_find_round(work);
    for (uint32_t i = work->round_first; i < work->round_first + work->round; i++)
        work->events[i].shown = !work->events[i].is_weft;
    for (uint32_t i = work->round_first; i-- > 0 && left > 0;) {
        if (work->events[i].weight < ROWS_PRIVATE)
            continue;
        work->events[i].shown = true;
        left--;
    }
}

static void rows_choose(struct rows_work *work)
{
    static const uint8_t weights[] = {ROWS_MUST, ROWS_SAME_OBJECT, ROWS_SHARED,
                                      ROWS_PRIVATE, ROWS_ALONE, ROWS_NOISE};
    uint32_t shown = 0;

    if (work->finding->class == WEFT__CLASS_LIVELOCK) {
        rows_choose_round(work);
        return;
    }
    for (size_t w = 0; w < WEFT_ARRAY_SIZE(weights) && shown < ROWS_BUDGET; w++) {
        const uint32_t *distances = NULL;
        uint32_t reach = 0;
        if (weights[w] <= ROWS_PRIVATE && shown + work->finding->n_parties >= ROWS_FEW)
            break;
        if (shown + rows_count(work, weights[w]) > ROWS_BUDGET) {
            distances = rows_distances(work);
            if (distances == NULL)
                return;
            reach = rows_reach(work, weights[w], ROWS_BUDGET - shown, distances);
        }
        shown += rows_show(work, weights[w], reach, distances);
        if (distances != NULL)
            break;
    }
}

/* ---- lanes ---- */

static int rows_lane(const struct weft__story *story, uint16_t strand)
{
    for (int i = 0; i < story->n_lanes; i++) {
        if (story->lanes[i].strand == strand)
            return i;
    }
    return WEFT__NO_LANE;
}

static void rows_add_lane(struct weft__story *story, uint16_t strand)
{
    int at = story->n_lanes;

    if (rows_lane(story, strand) != WEFT__NO_LANE || story->n_lanes == WEFT__LANES_MAX)
        return;
    while (at > 0 && story->lanes[at - 1].strand > strand) {
        story->lanes[at] = story->lanes[at - 1];
        at--;
    }
    story->n_lanes++;
    story->lanes[at].strand = strand;
    story->lanes[at].id = weft__story_strand(story, strand);
    story->lanes[at].title =
        weft__story_strand_long(story, strand) + strlen(story->lanes[at].id);
    while (*story->lanes[at].title == ' ')
        story->lanes[at].title++;
}

/* The finding that says where strands stand when all is over; NULL: none. */
static const struct weft__finding *rows_ending(const struct rows_work *work)
{
    if (work->finding->class != WEFT__CLASS_RACE &&
        weft__class_is_failure((enum weft__class)work->finding->class))
        return work->finding;
    return work->story->consequence;
}

static void rows_find_lanes(struct rows_work *work)
{
    const struct weft__finding *ending = work->story->consequence;

    for (uint32_t p = 0; p < work->finding->n_parties; p++)
        rows_add_lane(work->story, work->finding->parties[p].strand);
    for (uint32_t p = 0; ending != NULL && p < ending->n_parties; p++)
        rows_add_lane(work->story, ending->parties[p].strand);
    for (uint32_t i = 0; i < work->n; i++) {
        if (work->events[i].shown && work->events[i].weight >= ROWS_MUST)
            rows_add_lane(work->story, rows_at(work, i)->strand);
    }
    for (uint32_t i = 0; i < work->n; i++) {
        if (work->events[i].shown)
            rows_add_lane(work->story, rows_at(work, i)->strand);
    }
}

/* ---- rows ---- */

static struct weft__row *rows_push(struct weft__story *story, enum weft__row_kind kind,
                                   uint16_t strand)
{
    struct weft__row *row;

    if (story->n_rows == WEFT__ROWS_MAX)
        return NULL;
    row = &story->rows[story->n_rows++];
    *row = (struct weft__row){.kind = (uint8_t)kind,
                              .strand = strand,
                              .lane = rows_lane(story, strand),
                              .place = {"", "", "", "", 0, false},
                              .effect = "",
                              .remark = ""};
    return row;
}

static bool rows_same_line(const struct weft__place *a, const struct weft__place *b)
{
    return a->line != 0 && a->line == b->line && strcmp(a->file, b->file) == 0;
}

static const char *rows_remark(struct weft__story *story, uint32_t i)
{
    const struct weft__event *event = weft__story_event(story->report, i);
    const char *names;

    if (event->op != WEFT__OP_COND_SIGNAL && event->op != WEFT__OP_COND_BROADCAST)
        return "";
    if (weft__story_waiting(story, i, &names) == 0)
        return "nobody was waiting: it is lost";
    return "";
}

/* What the shown events of a row did, in one line: "reads 0, writes 1". */
static const char *rows_effect(struct rows_work *work, uint32_t first, uint32_t n)
{
    struct weft__story *story = work->story;
    const char *said = "", *before = "";
    bool named = false;
    unsigned times = 1;

    for (uint32_t i = first; i < first + n; i++) {
        if (work->events[i].shown && rows_at(work, i)->object != rows_at(work, first)->object)
            named = true;
    }
    for (uint32_t i = first; i < first + n; i++) {
        const char *effect;
        if (!work->events[i].shown)
            continue;
        effect = weft__story_effect(story, rows_at(work, i), named);
        if (strcmp(effect, before) == 0) {
            times++;
            continue;
        }
        if (times > 1)
            said = weft__pool_say(&story->pool, "%s (%u times)", said, times);
        said = weft__pool_say(&story->pool, "%s%s%s", said, *said != '\0' ? ", " : "", effect);
        before = effect;
        times = 1;
    }
    if (times > 1)
        said = weft__pool_say(&story->pool, "%s (%u times)", said, times);
    return said;
}

static char rows_mark(const struct weft__story *story, uint32_t step)
{
    const struct weft__critical *critical = &story->report->critical;

    if (!critical->known || step == 0)
        return 0;
    return step == critical->first_step ? 'A' : step == critical->second_step ? 'B' : 0;
}

/* Both sides of a race are faults, and neither is the end. */
static bool rows_is_racing(const struct rows_work *work, const struct weft__party *party)
{
    return work->finding != rows_ending(work) && party->site != 0;
}

static bool rows_is_fault(const struct rows_work *work, const struct weft__event *event)
{
    const struct weft__finding *finding = work->finding;

    for (uint32_t p = 0; p < finding->n_parties; p++) {
        const struct weft__party *party = &finding->parties[p];
        if (rows_is_racing(work, party) && party->step == event->step &&
            party->site == event->site && party->strand == event->strand)
            return true;
    }
    return false;
}

/* A side of the finding that is no event itself (an access or a free that was no point, so it has
 * the step of the strand's event before it): is it due after event i?  NULL: none is. */
static const struct weft__party *rows_due_after(const struct rows_work *work, uint32_t i)
{
    const struct weft__finding *finding = work->finding;
    const struct weft__event *event = rows_at(work, i);

    for (uint32_t p = 0; p < finding->n_parties; p++) {
        const struct weft__party *party = &finding->parties[p];
        if (party->step == event->step && party->step != 0 && party->site != event->site &&
            (rows_is_racing(work, party) || party->op == WEFT__OP_FREE))
            return party;
    }
    return NULL;
}

/* One more event: on the row before it, if that is of the same strand and line. */
static void rows_step(struct rows_work *work, uint32_t i, bool joins)
{
    struct weft__story *story = work->story;
    const struct weft__event *event = rows_at(work, i);
    struct weft__place place = weft__story_place_of_event(story, event);
    struct weft__row *row = story->n_rows > 0 ? &story->rows[story->n_rows - 1] : NULL;
    char mark = rows_mark(story, event->step);
    const char *remark = rows_remark(story, i);

    joins = joins && row != NULL && row->kind == WEFT__ROW_STEP && row->strand == event->strand &&
            rows_same_line(&row->place, &place) && i - row->first < ROWS_MERGED &&
            (mark == 0 || row->mark == 0) && (*remark == '\0' || *row->remark == '\0');
    if (!joins) {
        row = rows_push(story, WEFT__ROW_STEP, event->strand);
        if (row == NULL)
            return;
        row->first = i;
        row->step = event->step;
        row->place = place;
    }
    row->n = i - row->first + 1;
    row->mark = mark != 0 ? mark : row->mark;
    row->fault = row->fault || rows_is_fault(work, event);
    row->effect = rows_effect(work, row->first, row->n);
    if (*remark != '\0')
        row->remark = remark;
}

/* The names of those who did the events, at most four. */
static const char *rows_doers(struct rows_work *work, uint32_t first, uint32_t end)
{
    struct weft__story *story = work->story;
    uint16_t strands[4];
    uint32_t n = 0;
    const char *said = "";

    for (uint32_t i = first; i < end; i++) {
        uint16_t strand = rows_at(work, i)->strand;
        bool known = false;
        for (uint32_t k = 0; k < n; k++)
            known = known || strands[k] == strand;
        if (known)
            continue;
        if (n == WEFT_ARRAY_SIZE(strands))
            return weft__pool_say(&story->pool, "%s and others", said);
        strands[n++] = strand;
        said = weft__pool_say(&story->pool, "%s%sT%u", said, n > 1 ? ", " : "", strand);
    }
    return said;
}

static void rows_run(struct rows_work *work, uint32_t first, uint32_t end)
{
    struct weft__story *story = work->story;
    uint16_t strand = rows_at(work, first)->strand;
    struct weft__row *row;
    bool is_one = true, matters = false;

    for (uint32_t i = first; i < end; i++) {
        is_one = is_one && rows_at(work, i)->strand == strand;
        matters = matters || work->events[i].weight > ROWS_ALONE;
    }
    if (!matters)
        return;
    row = rows_push(story, WEFT__ROW_RUN, strand);
    if (row == NULL)
        return;
    if (!is_one)
        row->lane = WEFT__NO_LANE;
    row->first = first;
    row->n = end - first;
    row->step = rows_at(work, first)->step;
    row->effect = weft__pool_say(&story->pool, "%s%u event%s of %s",
                                 work->round > 0 && first >= work->round_first + work->round
                                     ? "and so on, for "
                                     : "",
                                 row->n, row->n == 1 ? "" : "s", rows_doers(work, first, end));
}

static void rows_party(struct rows_work *work, const struct weft__party *party)
{
    struct weft__event event = {
        .op = party->op, .size = party->size, .strand = party->strand, .object = party->object};
    struct weft__row *row = rows_push(work->story, WEFT__ROW_STEP, party->strand);

    if (row == NULL)
        return;
    row->place = weft__story_place_of(work->story, party->site);
    row->effect = weft__story_effect(work->story, &event, true);
    row->fault = rows_is_racing(work, party);
}

static void rows_preempt(struct rows_work *work, uint32_t i)
{
    struct weft__row *row =
        rows_push(work->story, WEFT__ROW_PREEMPT, rows_at(work, i)->strand);

    if (row != NULL) {
        row->to = work->events[i].preempter;
        row->step = rows_at(work, i)->step;
    }
}

static void rows_tell_events(struct rows_work *work)
{
    uint32_t gap = 0, n_rows = 0;

    for (uint32_t i = 0; i < work->n; i++) {
        const struct weft__party *due = rows_due_after(work, i);
        if (work->events[i].shown) {
            if (gap < i)
                rows_run(work, gap, i);
            rows_step(work, i, n_rows == work->story->n_rows); /* no row came between */
            n_rows = work->story->n_rows;
            gap = i + 1;
        }
        if (due != NULL) {
            if (gap <= i)
                rows_run(work, gap, i + 1);
            rows_party(work, due);
            gap = i + 1;
        }
        if (work->events[i].is_preempted && (work->round == 0 || i < work->round_first))
            rows_preempt(work, i); /* in a round everybody is, again and again */
    }
    if (gap < work->n)
        rows_run(work, gap, work->n);
}

/* Gaps of one or two events are shown instead: the words for them would be no shorter. */
static void rows_fill_gaps(struct rows_work *work)
{
    uint32_t gap = 0;

    for (uint32_t i = 0; i <= work->n; i++) {
        uint32_t matter = 0; /* how many are worth a line */
        if (i < work->n && !work->events[i].shown)
            continue;
        for (uint32_t k = gap; k < i; k++)
            matter += work->events[k].weight > ROWS_ALONE ? 1 : 0;
        for (uint32_t k = gap; k < i && matter <= 2 && gap > 0; k++) {
            if (work->events[k].weight > ROWS_ALONE &&
                rows_lane(work->story, rows_at(work, k)->strand) != WEFT__NO_LANE)
                work->events[k].shown = true;
        }
        gap = i + 1;
    }
}

/* ---- how it ends ---- */

static const char *rows_end_remark(struct weft__story *story, const struct weft__finding *finding,
                                   const struct weft__party *party)
{
    switch (finding->class) {
    case WEFT__CLASS_ASSERT:
        return "the assertion fails";
    case WEFT__CLASS_CRASH:
        return "crashes here";
    case WEFT__CLASS_USE_AFTER_FREE:
        return "this memory has been freed";
    case WEFT__CLASS_DOUBLE_FREE:
        return "it has been freed before";
    case WEFT__CLASS_MISUSE:
        return "wrong use";
    case WEFT__CLASS_EXIT_STATUS:
        return "";
    case WEFT__CLASS_LOST_WAKEUP:
        return "nobody will wake it any more";
    case WEFT__CLASS_LIVELOCK:
        return "round and round, without progress";
    case WEFT__CLASS_STARVATION:
        return "never gets its turn";
    case WEFT__CLASS_LEAKED_STRAND:
        return "still here when the program ends";
    default:
        if (weft__op_is_join(party->op))
            return "for ever";
        if (party->op == WEFT__OP_COND_WAKE)
            return "nobody will wake it any more";
        if (party->holder == UINT16_MAX)
            return "for ever";
        return weft__pool_say(&story->pool, "%s: for ever", weft__story_holder(story, party));
    }
}

/* Does the party stand before an operation, or did it fail in one that is in the trace? */
static bool rows_is_blocked_class(enum weft__class class)
{
    return class == WEFT__CLASS_DEADLOCK || class == WEFT__CLASS_LOST_WAKEUP ||
           class == WEFT__CLASS_STARVATION || class == WEFT__CLASS_LEAKED_STRAND;
}

static void rows_tell_end(struct rows_work *work, const struct weft__finding *finding,
                          const struct weft__party *party)
{
    struct weft__story *story = work->story;
    struct weft__place place = weft__story_place_of(story, party->site);
    struct weft__row *row = story->n_rows > 0 ? &story->rows[story->n_rows - 1] : NULL;
    bool waits = rows_is_blocked_class((enum weft__class)finding->class);
    const char *effect = !waits ? ""
                                : weft__pool_say(&story->pool, "waits to %s",
                                                 weft__story_intent(
                                                     story, weft__story_op(party->op),
                                                     party->object));

    if (row == NULL || row->kind != WEFT__ROW_STEP || row->strand != party->strand ||
        !rows_same_line(&row->place, &place) || *row->remark != '\0') {
        row = rows_push(story, WEFT__ROW_END, party->strand);
        if (row == NULL)
            return;
        row->place = place;
        row->effect = effect;
    } else if (waits && row->n > 0 &&
               rows_at(work, row->first + row->n - 1)->op == party->op) {
        row->effect = effect; /* it came to the point, but never got what it wanted */
    }
    row->fault = true;
    row->remark = rows_end_remark(story, finding, party);
}

/* Of a use after free only the first party is where it ends; the others are who freed, who made. */
static void rows_tell_ends(struct rows_work *work)
{
    const struct weft__finding *finding = rows_ending(work);
    bool all;

    if (finding == NULL)
        return;
    all = rows_is_blocked_class((enum weft__class)finding->class) ||
          finding->class == WEFT__CLASS_LIVELOCK;
    for (uint32_t p = 0; p < finding->n_parties && (p == 0 || all); p++)
        rows_tell_end(work, finding, &finding->parties[p]);
}

static const char *rows_one_file(const struct weft__story *story)
{
    const char *file = "";

    for (uint32_t i = 0; i < story->n_rows; i++) {
        const char *of_row = story->rows[i].place.file;
        if (*of_row == '\0')
            continue;
        if (*file != '\0' && strcmp(file, of_row) != 0)
            return "";
        file = of_row;
    }
    return file;
}

void weft__story_event_row(struct weft__story *story, uint32_t i, struct weft__row *ret)
{
    const struct weft__event *event = weft__story_event(story->report, i);

    *ret = (struct weft__row){.kind = WEFT__ROW_STEP,
                              .lane = rows_lane(story, event->strand),
                              .strand = event->strand,
                              .first = i,
                              .n = 1,
                              .step = event->step,
                              .place = weft__story_place_of_event(story, event),
                              .effect = weft__story_effect(story, event, true),
                              .remark = ""};
}

void weft__story_tell_rows(struct weft__story *story)
{
    struct rows_work work = {.story = story, .finding = &story->finding};

    work.n = weft__story_events(story->report);
    if (work.n == 0 && work.finding->n_parties == 0)
        return;
    work.events = weft__pool_take(&story->pool, (work.n + 1) * sizeof *work.events);
    story->rows = weft__pool_take(&story->pool, WEFT__ROWS_MAX * sizeof *story->rows);
    if (work.events == NULL || story->rows == NULL || !rows_find_shares(&work))
        return;
    for (uint32_t i = 0; i < work.n; i++)
        work.events[i].is_weft = weft__story_place_of_event(story, rows_at(&work, i)).is_weft;
    rows_find_named(&work, work.finding);
    if (story->consequence != NULL)
        rows_find_named(&work, story->consequence);
    rows_find_preemptions(&work);
    if (story->report->failing != NULL)
        rows_find_abandoned(&work);
    rows_weigh(&work);
    rows_choose(&work);
    rows_find_lanes(&work);
    rows_fill_gaps(&work);
    rows_tell_events(&work);
    rows_tell_ends(&work);
    story->one_file = rows_one_file(story);
}
