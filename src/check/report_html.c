/* report_html.c - the story as one page that needs nothing else: for a browser, a ticket, a
 * printer.
 *
 * Called by report.c.  The timeline is a grid with a column for each strand; on a narrow screen it
 * is one column and each step says whose it is.  Runs of events that do not matter unfold;
 * pointing at a step lights up those on the same object.  Follows the reader's light or dark
 * setting.
 *
 * Rejected: anything loaded from elsewhere (reports are read offline, and tell of code that is
 * nobody's business), a drawn picture (text can be searched and copied).
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/report.h"
#include "check/story.h"
#include "weft/api.h"

#define HTML_RUN_EVENTS_MAX 200  /* unfolded from one run */
#define HTML_EVENTS_MAX     2000 /* from all of them */
#define HTML_HUES           6

struct html_out {
    FILE *file;
    struct weft__story *story;
    uint32_t events; /* unfolded so far */
};

/* ---- the page's own words ---- */

static const char html_style[] =
    ":root{color-scheme:light dark;--bg:#fbfbfa;--card:#fff;--ink:#1c1d1f;--dim:#686c73;"
    "--line:#dfe0e3;--soft:#f1f1f0;--bad:#c62f2f;--bad-bg:#fdeeee;--good:#1f7a3d;--cut:#8a3ec2;"
    "--cut-bg:#f7effc;--fx:#0b6279;--h0:#5b6470;--h1:#2867c9;--h2:#b3641b;--h3:#1f7f55;"
    "--h4:#9b3a86;--h5:#8a7212;--mono:ui-monospace,SFMono-Regular,Menlo,Consolas,"
    "'DejaVu Sans Mono',monospace}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#15171a;--card:#1d2024;--ink:#e6e7e9;"
    "--dim:#989da6;"
    "--line:#33373d;--soft:#23272c;--bad:#ff7b72;--bad-bg:#3a2022;--good:#63c884;--cut:#cf9bf5;"
    "--cut-bg:#2d2338;--fx:#6cc5dc;--h0:#9aa3af;--h1:#7fb0ff;--h2:#f0a765;--h3:#66cf9e;"
    "--h4:#e391d0;"
    "--h5:#dcc35c}}\n"
    "*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);"
    "font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}"
    "main{max-width:1180px;margin:0 auto;padding:28px 24px 48px}"
    "code,.fr,.cmd{font-family:var(--mono);font-size:.88em}code{white-space:pre-wrap;"
    "overflow-wrap:anywhere}\n"
    "h1{font-size:1.5rem;line-height:1.25;margin:0 0 4px;color:var(--bad);letter-spacing:.01em}"
    "h1.ok{color:var(--good)}.sum{font-size:1.08rem;margin:0 0 14px;overflow-wrap:anywhere}"
    "h2{font-size:.8rem;text-transform:uppercase;letter-spacing:.08em;color:var(--dim);"
    "margin:34px 0 10px;font-weight:600}"
    "h2 code{text-transform:none;letter-spacing:0}"
    "h3{font-size:1rem;margin:0 0 4px;overflow-wrap:anywhere}\n"
    ".facts{display:flex;flex-wrap:wrap;gap:6px;margin:0;padding:0;list-style:none}"
    ".facts li{background:var(--soft);border:1px solid var(--line);border-radius:99px;"
    "padding:1px 11px;font-size:.86rem}"
    ".why{border-left:4px solid var(--cut);background:var(--cut-bg);border-radius:0 8px 8px 0;"
    "padding:10px 14px;margin:22px 0 0}\n"
    ".scroll{overflow-x:auto;margin:0 -6px;padding:0 6px 4px}"
    ".tl{display:grid;gap:5px 16px;align-items:start}"
    ".tl>i{width:2px;background:var(--hue);opacity:.25;margin-left:17px;align-self:stretch}"
    ".head{font-weight:600;color:var(--hue);padding:2px 0 4px 10px;overflow-wrap:anywhere}"
    ".head small{font-weight:400;color:var(--dim)}\n"
    ".s{position:relative;display:flex;flex-wrap:wrap;align-items:baseline;gap:0 10px;"
    "background:var(--card);border:1px solid var(--line);border-left:3px solid var(--hue);"
    "border-radius:6px;padding:4px 10px;min-width:0}"
    ".s:hover{border-color:var(--hue)}.s.same{box-shadow:0 0 0 2px var(--fx)}"
    ".s code{flex:1 1 auto;max-width:calc(100% - 3.4em)}"
    ".ln{color:var(--dim);font:.78em var(--mono)}"
    ".fx{color:var(--fx);font-size:.88em;margin-left:auto;text-align:right}"
    ".only{margin-left:0;text-align:left}"
    ".rm{flex-basis:100%;margin:0;font-size:.88em;color:var(--bad)}"
    ".fault{background:var(--bad-bg);border-color:var(--bad);border-left-color:var(--hue)}"
    ".mk{font:600 .78rem/1.45 var(--mono);background:var(--cut);color:var(--card);"
    "border-radius:4px;padding:0 6px}.who{display:none;color:var(--hue);font-size:.85em}\n"
    ".cut{grid-column:1/-1;display:flex;align-items:center;gap:10px;color:var(--cut);"
    "font-size:.88em;font-weight:600;margin:3px 0}"
    ".cut:before,.cut:after{content:'';border-top:2px dashed var(--cut);opacity:.5}"
    ".cut:before{width:var(--in,12px)}.cut:after{flex:1}\n"
    ".run{font-size:.86em;color:var(--dim);padding-left:10px}.run summary{cursor:pointer;"
    "list-style:none}.run summary::-webkit-details-marker{display:none}"
    ".run summary:before{content:'▸ '}.run[open] summary:before{content:'▾ '}"
    ".run ol{list-style:none;margin:4px 0;padding:6px 8px;background:var(--soft);border-radius:6px;"
    "max-height:22em;overflow:auto}.run li{display:flex;gap:8px;flex-wrap:wrap}"
    ".run li code{flex:1 1 8em}.run b{color:var(--hue)}\n"
    ".cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));"
    "gap:12px}"
    ".card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:12px 16px;"
    "min-width:0}.card p{margin:2px 0;overflow-wrap:anywhere}.card p.hd{font-weight:600;"
    "margin-top:10px}.card p.hd:first-of-type{margin-top:0}"
    ".fr{margin:3px 0;padding-left:2.2em;text-indent:-2.2em;overflow-wrap:anywhere}"
    ".fr .n{color:var(--dim)}.fr .at{color:var(--dim)}"
    ".fr .src{display:block;text-indent:0;color:var(--fx)}"
    ".tag{font-weight:400;font-size:.82rem;color:var(--dim)}\n"
    ".cmd{display:flex;gap:10px;align-items:flex-start;background:var(--soft);"
    "border:1px solid var(--line);border-radius:8px;padding:9px 12px}.cmd span{flex:1;"
    "overflow-wrap:anywhere}"
    "button{font:.85rem system-ui,sans-serif;color:var(--ink);background:var(--card);"
    "border:1px solid var(--line);border-radius:6px;padding:0 10px;cursor:pointer}"
    "footer{margin-top:36px;color:var(--dim);font-size:.82rem}\n"
    "@media(max-width:720px){main{padding:18px 14px 36px}.tl{display:block}.tl>i,.tl>.head{display:"
    "none}.s,.run{margin:5px 0}.who{display:inline}.fx{margin-left:0;text-align:left;"
    "flex-basis:100%}.cut:before{width:12px}}\n"
    "@media print{:root{color-scheme:light}body{background:#fff;font-size:11pt}main{max-width:none;"
    "padding:0}button{display:none}.s,.card{break-inside:avoid}.scroll{overflow:visible}}\n";

static const char html_script[] =
    "document.addEventListener('mouseover',function(e){"
    "var s=e.target.closest('.s[data-o]'),o=s&&s.dataset.o;"
    "document.querySelectorAll('.s[data-o]').forEach(function(x){"
    "x.classList.toggle('same',!!o&&x!==s&&x.dataset.o===o)})});"
    "var b=document.getElementById('copy');if(b&&navigator.clipboard){b.onclick=function(){"
    "navigator.clipboard.writeText(document.getElementById('cmd').textContent)"
    ".then(function(){b.textContent='copied'})}}else if(b){b.remove()}";

static void html_say(struct html_out *out, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '<':
            fputs("&lt;", out->file);
            break;
        case '>':
            fputs("&gt;", out->file);
            break;
        case '&':
            fputs("&amp;", out->file);
            break;
        case '"':
            fputs("&quot;", out->file);
            break;
        default:
            fputc(*text, out->file);
            break;
        }
    }
}

static void html_element(struct html_out *out, const char *open, const char *text,
                         const char *close)
{
    fputs(open, out->file);
    html_say(out, text);
    fputs(close, out->file);
}

static int html_hue(const struct weft__story *story, uint16_t strand)
{
    for (int i = 0; i < story->n_lanes; i++) {
        if (story->lanes[i].strand == strand)
            return strand == 0 ? 0 : 1 + (i - (story->lanes[0].strand == 0)) % (HTML_HUES - 1);
    }
    return 0;
}

/* ---- the head ---- */

/* "a, b; c" becomes a list. */
static void html_facts(struct html_out *out)
{
    const char *at = out->story->found;

    fputs("<ul class=\"facts\">", out->file);
    while (*at != '\0') {
        size_t n = strcspn(at, ",;");
        const char *fact = weft__pool_clean(&out->story->pool, at, n);
        html_element(out, "<li>", fact, "</li>");
        at += n;
        while (*at == ',' || *at == ';' || *at == ' ')
            at++;
    }
    fputs("</ul>\n", out->file);
}

static void html_head(struct html_out *out)
{
    const struct weft__story *story = out->story;
    const char *title = story->result.found ? story->title : "nothing found";

    fputs("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">",
          out->file);
    html_element(out, "<title>", title, " – weft check</title>\n");
    fprintf(out->file, "<style>\n%s</style></head>\n<body><main>\n", html_style);
    html_element(out, story->result.found ? "<h1>" : "<h1 class=\"ok\">", title, "</h1>\n");
    if (story->result.found && *story->summary != '\0')
        html_element(out, "<p class=\"sum\">", story->summary, "</p>\n");
    if (*story->confirmed != '\0')
        html_element(out, "<p>Confirmed: ", story->confirmed, "</p>\n");
    html_facts(out);
    if (*story->why != '\0')
        html_element(out, "<p class=\"why\">", story->why, "</p>\n");
}

/* ---- the timeline ---- */

static const char *html_row_object(struct html_out *out, const struct weft__row *row)
{
    const struct weft__event *event;

    if (row->n == 0 || row->kind != WEFT__ROW_STEP)
        return "";
    event = weft__story_event(out->story->report, row->first);
    return event->object != 0 ? weft__story_object(out->story, event->object) : "";
}

static void html_cell(struct html_out *out, const struct weft__row *row, const char *class,
                      uint32_t grid_row)
{
    fprintf(out->file, "class=\"%s\" style=\"--hue:var(--h%d);grid-row:%u;grid-column:", class,
            row->lane == WEFT__NO_LANE ? 0 : html_hue(out->story, row->strand), grid_row);
    if (row->lane == WEFT__NO_LANE)
        fputs("1/-1\"", out->file);
    else
        fprintf(out->file, "%d\"", row->lane + 1);
}

static void html_line_number(struct html_out *out, const struct weft__place *place)
{
    if (place->line == 0)
        return;
    fputs("<span class=\"ln\">", out->file);
    if (*out->story->one_file == '\0')
        html_element(out, "", place->file, ":");
    fprintf(out->file, "%u</span>", place->line);
}

static void html_step(struct html_out *out, const struct weft__row *row, uint32_t grid_row)
{
    bool has_source = *row->place.source != '\0';

    fputs("<div ", out->file);
    html_cell(out, row, row->fault ? "s fault" : "s", grid_row);
    html_element(out, " data-o=\"", html_row_object(out, row), "\" title=\"");
    html_say(out, weft__story_place(out->story, &row->place));
    if (row->step != 0)
        fprintf(out->file, ", step %u", row->step);
    fputs("\">", out->file);
    html_element(out, "<b class=\"who\">", weft__story_strand(out->story, row->strand), "</b>");
    if (row->mark != 0)
        fprintf(out->file, "<span class=\"mk\">%c</span>", row->mark);
    html_line_number(out, &row->place);
    if (has_source)
        html_element(out, "<code>", row->place.source, "</code>");
    if (*row->effect != '\0')
        html_element(out, has_source ? "<span class=\"fx\">" : "<span class=\"fx only\">",
                     row->effect, "</span>");
    if (*row->remark != '\0')
        html_element(out, "<p class=\"rm\">← ", row->remark, "</p>");
    fputs("</div>\n", out->file);
}

static void html_run(struct html_out *out, const struct weft__row *row, uint32_t grid_row)
{
    uint32_t n = weft__min(row->n, (uint32_t)HTML_RUN_EVENTS_MAX);

    n = weft__min(n, HTML_EVENTS_MAX - out->events);
    out->events += n;
    fputs("<details ", out->file);
    html_cell(out, row, "run", grid_row);
    html_element(out, "><summary>", row->effect, "</summary><ol>");
    for (uint32_t i = 0; i < n; i++) {
        struct weft__row one;
        weft__story_event_row(out->story, row->first + i, &one);
        fprintf(out->file, "<li style=\"--hue:var(--h%d)\"><b>T%u</b>",
                html_hue(out->story, one.strand), one.strand);
        html_line_number(out, &one.place);
        html_element(out, "<code>", one.place.source, "</code>");
        html_element(out, "<span>", one.effect, "</span></li>");
    }
    if (n < row->n)
        fprintf(out->file, "<li>… and %u more</li>", row->n - n);
    fputs("</ol></details>\n", out->file);
}

static void html_row(struct html_out *out, const struct weft__row *row, uint32_t grid_row)
{
    const struct weft__story *story = out->story;

    switch (row->kind) {
    case WEFT__ROW_PREEMPT:
        fprintf(out->file,
                "<div class=\"cut\" style=\"grid-row:%u;--in:calc(%d * 100%% / %d + 12px)\">"
                "⇄ T%u is preempted here, T%u goes on</div>\n",
                grid_row, weft__max(row->lane, 0), story->n_lanes, row->strand, row->to);
        return;
    case WEFT__ROW_RUN:
        html_run(out, row, grid_row);
        return;
    default:
        html_step(out, row, grid_row);
        return;
    }
}

static void html_timeline(struct html_out *out)
{
    const struct weft__story *story = out->story;

    if (story->n_rows == 0)
        return;
    fputs("<h2>What happened", out->file);
    if (*story->one_file != '\0')
        html_element(out, ", in <code>", story->one_file, "</code>");
    fprintf(out->file, "</h2>\n<div class=\"scroll\"><div class=\"tl\" "
                       "style=\"grid-template-columns:repeat(%d,minmax(210px,1fr))\">\n",
            story->n_lanes);
    for (int i = 0; i < story->n_lanes; i++) {
        const struct weft__lane *lane = &story->lanes[i];
        int hue = html_hue(story, lane->strand);
        fprintf(out->file, "<i style=\"--hue:var(--h%d);grid-column:%d;grid-row:2/%u\"></i>", hue,
                i + 1, story->n_rows + 2);
        fprintf(out->file, "<div class=\"head\" style=\"--hue:var(--h%d);grid-column:%d;"
                           "grid-row:1\">%s ",
                hue, i + 1, lane->id);
        html_element(out, "<small>", lane->title, "</small></div>\n");
    }
    for (uint32_t i = 0; i < story->n_rows; i++)
        html_row(out, &story->rows[i], i + 2);
    fputs("</div></div>\n", out->file);
}

/* ---- the paragraphs ---- */

static void html_frame(struct html_out *out, const struct weft__line *line, unsigned number)
{
    fprintf(out->file, "<div class=\"fr\"><span class=\"n\">#%u</span> ", number);
    if (line->place.line == 0 || *line->place.function == '\0') {
        html_element(out, "", line->text, "</div>\n");
        return;
    }
    html_say(out, line->place.function);
    html_element(out, " <span class=\"at\">", line->place.file, "");
    fprintf(out->file, ":%u</span>", line->place.line);
    if (*line->place.source != '\0')
        html_element(out, "<span class=\"src\">", line->place.source, "</span>");
    fputs("</div>\n", out->file);
}

static void html_lines(struct html_out *out, const struct weft__line *line)
{
    unsigned frame = 0;

    for (; line != NULL; line = line->next) {
        if (line->kind == WEFT__LINE_FRAME) {
            html_frame(out, line, frame++);
        } else if (line->kind == WEFT__LINE_HEAD) {
            frame = 0;
            html_element(out, "<p class=\"hd\">", line->text, "</p>\n");
        } else {
            html_element(out, "<p>", line->text, "</p>\n");
        }
    }
}

static void html_sections(struct html_out *out)
{
    const struct weft__story *story = out->story;

    if (story->n_sections == 0)
        return;
    fputs("<h2>Who and where</h2>\n<div class=\"cards\">\n", out->file);
    for (uint32_t i = 0; i < story->n_sections; i++) {
        html_element(out, "<div class=\"card\"><h3>", story->sections[i].heading, "</h3>\n");
        html_lines(out, story->sections[i].lines);
        fputs("</div>\n", out->file);
    }
    fputs("</div>\n", out->file);
}

static void html_asides(struct html_out *out)
{
    const struct weft__story *story = out->story;

    if (story->n_asides == 0)
        return;
    fputs("<h2>Also</h2>\n<div class=\"cards\">\n", out->file);
    for (uint32_t i = 0; i < story->n_asides; i++) {
        const struct weft__aside *aside = &story->asides[i];
        html_element(out, "<div class=\"card\"><h3>", aside->title, " ");
        html_element(out, "<span class=\"tag\">", aside->state, "</span></h3>\n");
        html_element(out, "<p>", aside->section.heading, "</p>\n");
        html_lines(out, aside->section.lines);
        fputs("</div>\n", out->file);
    }
    fputs("</div>\n", out->file);
}

void weft__report_html(struct weft__story *story, FILE *file)
{
    struct html_out out = {.file = file, .story = story};
    bool is_explored = story->report->command == NULL;

    html_head(&out);
    html_timeline(&out);
    html_sections(&out);
    html_asides(&out);
    if (*story->limits != '\0')
        html_element(&out, "<h2>Not controlled</h2>\n<p>", story->limits, "</p>\n");
    if (*story->result.replay != '\0') {
        html_element(&out, "<h2>Run it again</h2>\n<div class=\"cmd\"><span id=\"cmd\">",
                     is_explored ? ".replay = \"" : "weft replay ", "");
        html_element(&out, "", story->result.replay, is_explored ? "&quot;" : "");
        fputs("</span><button id=\"copy\">copy</button></div>\n", file);
    }
    if (!is_explored)
        html_element(&out, "<footer>of <code>", story->report->command, "</code>, ");
    else
        fputs("<footer>", file);
    fprintf(file, "by weft check %s</footer>\n</main><script>%s</script></body></html>\n",
            WEFT_VERSION, html_script);
}
