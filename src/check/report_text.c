/* report_text.c - the story for a terminal: one column for each strand that matters, as far as
 * there is room.
 *
 * Called by report.c.  Widths are counted in columns of the terminal, not bytes: source lines may
 * hold any UTF-8.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/report.h"
#include "check/story.h"

#define TEXT_WIDTH_DEFAULT 80
#define TEXT_WIDTH_MIN     20
#define TEXT_ONE_COLUMN    60 /* narrower: strands one under the other */
#define TEXT_LANE_MIN      26
#define TEXT_LANE_GOOD     38
#define TEXT_LANE_MAX      64
#define TEXT_EFFECT_END    44 /* wide cells: effects end here, not at the far side */
#define TEXT_GUTTER        6  /* mark, line number, spaces */

enum text_style { TEXT_PLAIN, TEXT_TITLE, TEXT_GOOD, TEXT_BOLD, TEXT_DIM, TEXT_EFFECT, TEXT_SWITCH,
                  TEXT_FAULT };

struct text_out {
    FILE *file;
    unsigned width;
    bool colour;
    struct weft__story *story;
    unsigned lane_width; /* 0: one column, the strand's name before each row */
    int columns[WEFT__LANES_MAX]; /* of each lane; -1: it has few rows, and no column */
    unsigned n_columns;
    const char *lane_files[WEFT__LANES_MAX];
    uint16_t last_strand;
};

/* ---- columns ---- */

static uint32_t text_code_point(const char *s, size_t size)
{
    static const uint8_t masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t code = (unsigned char)*s & masks[size];

    for (size_t i = 1; i < size; i++)
        code = code << 6 | ((unsigned char)s[i] & 0x3f);
    return code;
}

/* Two for the scripts of East Asia and for pictures, none for what combines. */
static unsigned text_columns_of(uint32_t code)
{
    if ((code >= 0x300 && code < 0x370) || (code >= 0x200b && code <= 0x200d) || code == 0xfe0f)
        return 0;
    if ((code >= 0x1100 && code < 0x1160) || (code >= 0x2e80 && code < 0xa4d0) ||
        (code >= 0xac00 && code < 0xd7a4) || (code >= 0xf900 && code < 0xfb00) ||
        (code >= 0xfe30 && code < 0xfe70) || (code >= 0xff00 && code < 0xff61) ||
        (code >= 0x1f300 && code < 0x1fb00) || (code >= 0x20000 && code < 0x40000))
        return 2;
    return 1;
}

/* Bytes of the longest beginning that has at most `columns` of them. */
static size_t text_fit(const char *s, size_t n, unsigned columns, unsigned *ret_columns)
{
    const char *at = s, *end = s + n;

    *ret_columns = 0;
    while (at < end) {
        size_t size = weft__utf8_size(at, end);
        unsigned wide = size == 0 ? 1 : text_columns_of(text_code_point(at, size));
        if (*ret_columns + wide > columns)
            break;
        *ret_columns += wide;
        at += size == 0 ? 1 : size;
    }
    return (size_t)(at - s);
}

static unsigned text_columns(const char *s)
{
    unsigned columns;

    text_fit(s, strlen(s), UINT32_MAX / 2, &columns);
    return columns;
}

/* ---- output ---- */

static void text_pad(struct text_out *out, unsigned columns)
{
    fprintf(out->file, "%*s", (int)columns, "");
}

static void text_put(struct text_out *out, enum text_style style, const char *s, size_t n)
{
    static const char *const codes[] = {
        [TEXT_PLAIN] = "",      [TEXT_TITLE] = "\033[1;31m", [TEXT_GOOD] = "\033[1;32m",
        [TEXT_BOLD] = "\033[1m", [TEXT_DIM] = "\033[2m",      [TEXT_EFFECT] = "\033[36m",
        [TEXT_SWITCH] = "\033[1;35m", [TEXT_FAULT] = "\033[31m",
    };

    if (out->colour && style != TEXT_PLAIN)
        fprintf(out->file, "%s%.*s\033[0m", codes[style], (int)n, s);
    else
        fprintf(out->file, "%.*s", (int)n, s);
}

static void text_say(struct text_out *out, enum text_style style, const char *s)
{
    text_put(out, style, s, strlen(s));
}

/* As many words as fit, at least one; what is longer than a line is cut anywhere. */
static size_t text_line_break(const char *s, unsigned columns)
{
    unsigned used;
    size_t n = text_fit(s, strlen(s), columns, &used), at = n;

    if (s[n] == '\0' || s[n] == ' ')
        return n;
    while (at > 0 && s[at - 1] != ' ')
        at--;
    return at > 0 ? at : n > 0 ? n : 1;
}

/* Goes on at column `at`; later lines begin at `indent`.  Ends the line. */
static void text_wrap(struct text_out *out, enum text_style style, unsigned at, unsigned indent,
                      unsigned right, const char *s)
{
    unsigned room = right > at ? right - at : 1;

    if (text_columns(s) > room && at > indent && right > indent) {
        /* not one word fits behind what stands there already */
        const char *space = strchr(s, ' ');
        unsigned first;
        text_fit(s, space != NULL ? (size_t)(space - s) : strlen(s), UINT32_MAX / 2, &first);
        if (first > room) {
            fputc('\n', out->file);
            text_pad(out, indent);
            room = right - indent;
        }
    }
    for (;;) {
        size_t n = text_line_break(s, room), end = n;
        while (end > 0 && s[end - 1] == ' ')
            end--;
        text_put(out, style, s, end);
        fputc('\n', out->file);
        s += n;
        while (*s == ' ')
            s++;
        if (*s == '\0')
            return;
        text_pad(out, indent);
        room = right > indent ? right - indent : 1;
    }
}

/* ---- the timeline ---- */

static bool text_has_column(const struct text_out *out, int lane)
{
    return out->lane_width != 0 && lane >= 0 && out->columns[lane] >= 0;
}

/* Where the lane's cells begin and end. */
static unsigned text_left(const struct text_out *out, int lane)
{
    return text_has_column(out, lane) ? (unsigned)out->columns[lane] * out->lane_width : 0;
}

static unsigned text_right(const struct text_out *out, int lane)
{
    if (!text_has_column(out, lane))
        return weft__min(out->width, out->lane_width != 0 ? (unsigned)TEXT_LANE_MAX : out->width);
    return weft__min(out->width, ((unsigned)out->columns[lane] + 1) * out->lane_width - 1);
}

/* In one column, the name of whoever acts stands before a row when it changes. */
static unsigned text_begin(struct text_out *out, int lane, uint16_t strand, bool has_strand)
{
    char name[16];
    unsigned n;

    if (out->lane_width != 0) {
        text_pad(out, text_left(out, lane));
        return text_left(out, lane);
    }
    name[0] = '\0';
    if (has_strand && strand != out->last_strand)
        snprintf(name, sizeof name, "T%u", strand);
    if (has_strand)
        out->last_strand = strand;
    text_say(out, TEXT_BOLD, name);
    n = (unsigned)strlen(name);
    text_pad(out, n < 5 ? 5 - n : 0);
    return 5;
}

/* The source line without a comment at its end. */
static size_t text_without_comment(const char *source)
{
    const char *comment = strstr(source, "/*"), *slashes = strstr(source, "//");
    size_t n;

    if (comment == NULL || (slashes != NULL && slashes < comment))
        comment = slashes;
    if (comment == NULL || comment == source)
        return strlen(source);
    n = (size_t)(comment - source);
    while (n > 0 && source[n - 1] == ' ')
        n--;
    return n;
}

static void text_file_line(struct text_out *out, const struct weft__row *row)
{
    int lane = out->lane_width != 0 ? row->lane : 0;

    if (*out->story->one_file != '\0' || *row->place.file == '\0' || lane < 0 ||
        (out->lane_files[lane] != NULL && strcmp(out->lane_files[lane], row->place.file) == 0))
        return;
    out->lane_files[lane] = row->place.file;
    text_pad(out, text_left(out, row->lane) + (out->lane_width == 0 ? 5 : 0) + 2);
    text_say(out, TEXT_DIM, row->place.file);
    fputc('\n', out->file);
}

/* Source line and effect side by side if they fit, else one under the other. */
static void text_cell(struct text_out *out, const struct weft__row *row, unsigned left,
                      unsigned right)
{
    enum text_style style = row->kind == WEFT__ROW_END ? TEXT_FAULT : TEXT_EFFECT;
    const char *source = row->place.source;
    unsigned content = left + TEXT_GUTTER, room = right > content ? right - content : 1, used;
    unsigned effect = text_columns(row->effect);
    size_t n = text_without_comment(source), whole = strlen(source);

    if (*source == '\0') {
        text_wrap(out, style, content, content, right, row->effect);
        return;
    }
    text_fit(source, whole, UINT32_MAX / 2, &used);
    if (used + 2 + effect <= room || used <= room - weft__min(room, room / 3))
        n = whole;
    n = text_fit(source, n, room, &used);
    if (source[n] != '\0' && n < text_without_comment(source)) { /* cut inside the code */
        n = text_fit(source, n, room - 1, &used);
        text_put(out, TEXT_PLAIN, source, n);
        text_say(out, TEXT_PLAIN, "…");
        used++;
    } else {
        text_put(out, TEXT_PLAIN, source, n);
    }
    if (*row->effect == '\0') {
        fputc('\n', out->file);
    } else if (used + 2 + effect <= room) {
        unsigned end = weft__max(weft__min(room, (unsigned)TEXT_EFFECT_END), used + 2 + effect);
        text_pad(out, end - used - effect);
        text_say(out, style, row->effect);
        fputc('\n', out->file);
    } else {
        fputc('\n', out->file);
        text_pad(out, content + 2);
        text_wrap(out, style, content + 2, content + 2, right, row->effect);
    }
}

/* Who it is, if that is not plain from the column. */
static void text_guest(struct text_out *out, const struct weft__row *row)
{
    if (out->lane_width == 0 || text_has_column(out, row->lane)) {
        out->last_strand = out->lane_width == 0 ? out->last_strand : UINT16_MAX;
        return;
    }
    if (out->last_strand != row->strand) {
        text_pad(out, TEXT_GUTTER);
        text_say(out, TEXT_BOLD, weft__story_strand_long(out->story, row->strand));
        fputc('\n', out->file);
    }
    out->last_strand = row->strand;
}

static void text_step(struct text_out *out, const struct weft__row *row)
{
    unsigned left, right = text_right(out, row->lane);
    char mark[2] = {row->mark, '\0'}, number[16] = "";

    text_guest(out, row);
    text_file_line(out, row);
    left = text_begin(out, row->lane, row->strand, true);
    if (row->mark != 0)
        text_say(out, TEXT_SWITCH, mark);
    else
        text_say(out, row->fault ? TEXT_FAULT : TEXT_PLAIN, row->fault ? "✗" : " ");
    if (row->place.line != 0)
        snprintf(number, sizeof number, "%u", row->place.line);
    text_pad(out, strlen(number) < 4 ? 4 - (unsigned)strlen(number) : 0);
    text_say(out, TEXT_DIM, number);
    text_pad(out, 1);
    text_cell(out, row, left, right);
    if (*row->remark != '\0') {
        text_pad(out, left + TEXT_GUTTER);
        text_say(out, TEXT_FAULT, "← ");
        text_wrap(out, TEXT_FAULT, left + TEXT_GUTTER + 2, left + TEXT_GUTTER + 2, right,
                  row->remark);
    }
}

static void text_row(struct text_out *out, const struct weft__row *row)
{
    unsigned left;
    const char *said;
    struct weft__story *story = out->story;

    switch (row->kind) {
    case WEFT__ROW_STEP:
    case WEFT__ROW_END:
        text_step(out, row);
        return;
    case WEFT__ROW_RUN:
        left = text_begin(out, row->lane, row->strand, false) + TEXT_GUTTER;
        text_pad(out, TEXT_GUTTER);
        said = weft__pool_say(&story->pool, "… %s …", row->effect);
        text_wrap(out, TEXT_DIM, left, left, text_right(out, row->lane), said);
        return;
    default:
        left = text_begin(out, row->lane, row->strand, true) + TEXT_GUTTER;
        text_pad(out, TEXT_GUTTER);
        said = out->n_columns > 2 || out->lane_width == 0 || !text_has_column(out, row->lane)
                   ? weft__pool_say(&story->pool, "⇄ preempted here by T%u", row->to)
                   : "⇄ preempted here";
        text_wrap(out, TEXT_SWITCH, left, left, text_right(out, row->lane), said);
        return;
    }
}

static void text_lanes(struct text_out *out)
{
    struct weft__story *story = out->story;
    unsigned at = 0;

    for (int i = 0; i < story->n_lanes; i++) {
        unsigned left = text_left(out, i) + TEXT_GUTTER, used;
        const char *name = weft__story_strand_long(story, story->lanes[i].strand);
        size_t n = text_fit(name, strlen(name), text_right(out, i) - left, &used);
        if (!text_has_column(out, i))
            continue;
        text_pad(out, left - at);
        text_put(out, TEXT_BOLD, name, n);
        at = left + used;
    }
    fputc('\n', out->file);
}

/* Are the lane's rows the first ones of all, or the last? */
static bool text_is_apart(const struct weft__story *story, int lane)
{
    uint32_t turns = 0;

    for (uint32_t i = 0; i < story->n_rows; i++) {
        bool is_lane = story->rows[i].lane == lane;
        turns += i > 0 && is_lane != (story->rows[i - 1].lane == lane);
    }
    return turns <= 1;
}

/* Columns are for those who take turns: when they would become narrow, whoever comes before or
 * after all the others (main, which joins and then checks) gets none. */
static void text_share_width(struct text_out *out)
{
    const struct weft__story *story = out->story;
    unsigned n = (unsigned)story->n_lanes, taken = 0;

    out->n_columns = n;
    for (unsigned i = 0; i < n; i++) {
        if (out->n_columns > 2 && out->width / out->n_columns < TEXT_LANE_GOOD &&
            text_is_apart(story, (int)i)) {
            out->columns[i] = -1;
            out->n_columns--;
        }
    }
    for (unsigned i = 0; i < n; i++)
        out->columns[i] = out->columns[i] < 0 ? -1 : (int)taken++;
    out->lane_width = 0;
    if (n > 0 && out->width >= TEXT_ONE_COLUMN && out->width / out->n_columns >= TEXT_LANE_MIN)
        out->lane_width = weft__min(out->width / out->n_columns, (unsigned)TEXT_LANE_MAX);
}

static void text_timeline(struct text_out *out)
{
    const struct weft__story *story = out->story;

    if (story->n_rows == 0)
        return;
    text_share_width(out);
    out->last_strand = UINT16_MAX;
    fputc('\n', out->file);
    if (*story->one_file != '\0') {
        text_say(out, TEXT_DIM, story->one_file);
        fputc('\n', out->file);
    }
    if (out->lane_width != 0)
        text_lanes(out);
    for (uint32_t i = 0; i < story->n_rows; i++)
        text_row(out, &story->rows[i]);
}

/* ---- the paragraphs ---- */

static void text_lines(struct text_out *out, const struct weft__line *line, unsigned indent)
{
    unsigned frame = 0;
    char number[16];

    for (; line != NULL; line = line->next) {
        switch (line->kind) {
        case WEFT__LINE_HEAD:
            frame = 0;
            text_pad(out, indent);
            text_wrap(out, TEXT_PLAIN, indent, indent + 4, out->width, line->text);
            break;
        case WEFT__LINE_FRAME:
            snprintf(number, sizeof number, "#%u ", frame++);
            text_pad(out, indent + 2);
            text_say(out, TEXT_DIM, number);
            text_wrap(out, TEXT_PLAIN, indent + 5, indent + 5, out->width, line->text);
            break;
        default:
            text_pad(out, indent + 2);
            text_wrap(out, TEXT_PLAIN, indent + 2, indent + 4, out->width, line->text);
            break;
        }
    }
}

static void text_section(struct text_out *out, const struct weft__section *section)
{
    fputc('\n', out->file);
    text_wrap(out, TEXT_BOLD, 0, 4, out->width, section->heading);
    text_lines(out, section->lines, 2);
}

static void text_aside(struct text_out *out, const struct weft__aside *aside)
{
    struct weft__pool *pool = &out->story->pool;
    const char *head = weft__pool_say(pool, "%s (%s)", aside->title, aside->state);

    fputc('\n', out->file);
    text_wrap(out, TEXT_BOLD, 0, 4, out->width, head);
    if (*aside->section.heading != '\0') {
        text_pad(out, 2);
        text_wrap(out, TEXT_PLAIN, 2, 4, out->width, aside->section.heading);
    }
    text_lines(out, aside->section.lines, 2);
}

static void text_labelled(struct text_out *out, const char *label, const char *said)
{
    unsigned at = (unsigned)strlen(label) + 1;

    text_say(out, TEXT_BOLD, label);
    fputc(' ', out->file);
    text_wrap(out, TEXT_PLAIN, at, at, out->width, said);
}

static void text_verdict(struct text_out *out)
{
    const struct weft__story *story = out->story;
    unsigned at = text_columns(story->title);

    if (!story->result.found) {
        text_say(out, TEXT_GOOD, "nothing found");
        text_pad(out, 2);
        text_wrap(out, TEXT_PLAIN, 15, 4, out->width, story->found);
        return;
    }
    text_say(out, TEXT_TITLE, story->title);
    if (*story->summary == '\0') {
        fputc('\n', out->file);
    } else if (at + 2 + text_columns(story->summary) <= out->width) {
        text_pad(out, 2);
        text_say(out, TEXT_PLAIN, story->summary);
        fputc('\n', out->file);
    } else {
        fputc('\n', out->file);
        text_pad(out, 2);
        text_wrap(out, TEXT_PLAIN, 2, 2, out->width, story->summary);
    }
    text_labelled(out, "found:", story->found);
    if (*story->confirmed != '\0')
        text_labelled(out, "confirmed:", story->confirmed);
}

static void text_replay(struct text_out *out)
{
    const struct weft__story *story = out->story;

    if (*story->result.replay == '\0')
        return;
    fputc('\n', out->file);
    text_say(out, TEXT_BOLD, "replay:");
    if (story->report->command == NULL)
        fprintf(out->file, " .replay = \"%s\"\n", story->result.replay);
    else
        fprintf(out->file, " weft replay %s\n", story->result.replay);
}

void weft__report_text(struct weft__story *story, FILE *file, unsigned width, bool colour)
{
    struct text_out out = {.file = file, .colour = colour, .story = story};

    out.width = width == 0 ? TEXT_WIDTH_DEFAULT : weft__max(width, (unsigned)TEXT_WIDTH_MIN);
    text_verdict(&out);
    text_timeline(&out);
    if (*story->why != '\0') {
        fputc('\n', file);
        text_labelled(&out, "why:", story->why);
    }
    for (uint32_t i = 0; i < story->n_sections; i++)
        text_section(&out, &story->sections[i]);
    for (uint32_t i = 0; i < story->n_asides; i++)
        text_aside(&out, &story->asides[i]);
    if (*story->limits != '\0') {
        fputc('\n', file);
        text_labelled(&out, "not controlled:", story->limits);
    }
    text_replay(&out);
}
