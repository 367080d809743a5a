/* Drawing. A frame is composed in one text and written at once, so that nothing flickers. */
#include "harness/run/progress.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "harness/data/utf8.h"
#include "harness/run/size_text.h"
#include "harness/terminal.h"
#include "kernels/mem.h"

enum { LINE = 512, SAID = 4096, NAME_MAX_WIDTH = 36, BAR_MIN = 8, BAR_MAX = 24 };

static const char *const doing_words[] = {[PROGRESS_TRAINS] = "training",
                                          [PROGRESS_PLANS] = "planning",
                                          [PROGRESS_CHECKS] = "checking",
                                          [PROGRESS_VERIFIES] = "verifying"};

static const double frame_seconds = 0.1, plain_seconds = 30;

typedef struct Slot {
    ProgressCell cell; /* name NULL: empty */
    TrainerNews news;
    double said;         /* when */
    double step_seconds; /* smoothed */
} Slot;

struct Progress {
    ProgressSpec spec;
    bool live, colour, unicode;
    Slot *slots;
    size_t n_done, n_failed;
    int64_t steps_done;
    double began, drawn;
    int n_lines; /* on the screen */
    char *frame;
    size_t frame_room;
};

static double now_seconds(void) {
    struct timespec t;
    return clock_gettime(CLOCK_MONOTONIC, &t) == 0 ? (double)t.tv_sec + 1e-9 * (double)t.tv_nsec : 0;
}

static bool speaks_utf8(void) {
    const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && value[0] != '\0') return strstr(value, "UTF-8") != NULL || strstr(value, "utf8") != NULL;
    }
    return false;
}

Err progress_new(Progress **out, const ProgressSpec *spec) {
    Err err = ERR_OK;
    Progress *p = NULL;
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
    *out = NULL;
    TRY(mem_alloc(&p, 1, sizeof *p));
    p->spec = *spec;
    p->live = isatty(fileno(spec->to)) && term != NULL && strcmp(term, "dumb") != 0;
    p->colour = p->live && (no_color == NULL || no_color[0] == '\0');
    p->unicode = speaks_utf8();
    p->began = now_seconds();
    TRY(mem_alloc(&p->slots, (size_t)spec->n_slots, sizeof *p->slots));
    p->frame_room = (size_t)(spec->n_slots + 2) * LINE * 2;
    TRY(mem_alloc(&p->frame, p->frame_room, 1));
    *out = p;
    p = NULL;
done:
    progress_free(p);
    return err;
}

bool progress_is_live(const Progress *p) { return p->live; }

/* ---- pieces of a line ---- */

typedef struct LineText {
    char text[LINE];
    size_t len;
    int width, limit; /* columns used and there */
} LineText;

static int columns_of(const char *text) {
    int n = 0;
    for (; *text != '\0'; text++) n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

/* Appends a piece if all of it fits. */
static bool add(LineText *line, const char *fmt, ...) PRINTF_LIKE(2, 3);
static bool add(LineText *line, const char *fmt, ...) {
    char piece[LINE];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(piece, sizeof piece, fmt, args);
    va_end(args);
    int width = columns_of(piece);
    if (len < 0 || (size_t)len >= sizeof piece || line->width + width > line->limit) return false;
    if (line->len + (size_t)len >= sizeof line->text) return false;
    memcpy(line->text + line->len, piece, (size_t)len + 1);
    line->len += (size_t)len;
    line->width += width;
    return true;
}

static void add_name(LineText *line, const char *name, int width) {
    int shown = 0;
    for (const char *c = name; *c != '\0' && shown < width;) {
        size_t n = 1;
        while (((unsigned char)c[n] & 0xc0) == 0x80) n++;
        bool cut = shown == width - 1 && c[n] != '\0';
        if (!add(line, "%.*s", cut ? 1 : (int)n, cut ? "~" : c)) return;
        shown++;
        c += n;
    }
    (void)add(line, "%*s", width - shown, "");
}

static void add_bar(LineText *line, const Progress *p, double share, int width) {
    int full = (int)(share * width + 0.5);
    for (int i = 0; i < width; i++)
        (void)add(line, "%s", p->unicode ? (i < full ? "\xe2\x94\x81" : "\xe2\x94\x88") : (i < full ? "=" : "."));
}

static int bar_width(int columns) {
    int width = (columns - 40) / 5; /* what is narrow gives up its bar before its figures */
    return width < BAR_MIN ? BAR_MIN : width > BAR_MAX ? BAR_MAX : width;
}

static double share_of(const TrainerNews *news) {
    return news->n_steps > 0 ? (double)news->step / (double)news->n_steps : 0;
}

static void add_numbers(LineText *line, const Slot *slot) {
    char eta[SIZE_TEXT];
    const TrainerNews *news = &slot->news;
    if (!isnan(news->loss)) (void)add(line, "  loss %.3f", news->loss);
    if (!isnan(news->metric)) (void)add(line, "  %s %.3f", slot->cell.metric, news->metric);
    if (slot->step_seconds > 0 && news->phase != TRAINER_EVALUATING) {
        (void)add(line, "  ETA %s", time_text(slot->step_seconds * (double)(news->n_steps - news->step), eta));
        (void)add(line, "  %.0f ms/step", slot->step_seconds * 1e3);
    }
}

static void slot_line(const Progress *p, const Slot *slot, int name_width, LineText *line) {
    const ProgressDoing doing = slot->cell.doing;
    add_name(line, slot->cell.name, name_width);
    (void)add(line, "  ");
    add_bar(line, p, share_of(&slot->news), bar_width(line->limit));
    if (slot->news.phase == TRAINER_PREPARING) {
        (void)add(line, "  %s", doing == PROGRESS_TRAINS ? "preparing" : doing_words[doing]);
        return;
    }
    (void)add(line, "  %*" PRId64 "/%" PRId64, snprintf(NULL, 0, "%" PRId64, slot->news.n_steps), slot->news.step,
              slot->news.n_steps);
    add_numbers(line, slot);
    if (slot->news.phase == TRAINER_EVALUATING) (void)add(line, "  evaluating");
}

/* Steps of a cell that count in the total: what a check runs is none of it, its cell is finished. */
static int64_t steps_of(const Slot *slot) {
    const int64_t n = slot->news.step - slot->cell.first_step;
    return slot->cell.name != NULL && slot->cell.doing != PROGRESS_CHECKS && n > 0 ? n : 0;
}

/* Steps that running cells have made, besides those of finished cells. */
static int64_t steps_now(const Progress *p) {
    int64_t n = p->steps_done;
    for (int i = 0; i < p->spec.n_slots; i++) n += steps_of(&p->slots[i]);
    return n;
}

static double eta_of(const Progress *p) {
    int64_t done = steps_now(p), left = p->spec.total_steps - done;
    double elapsed = now_seconds() - p->began;
    if (left <= 0) return 0;
    return done < 10 ? (double)NAN : elapsed / (double)done * (double)left;
}

static void total_line(const Progress *p, int name_width, LineText *line) {
    char eta[SIZE_TEXT], head[96];
    double share = p->spec.total_steps > 0 ? (double)steps_now(p) / (double)p->spec.total_steps : 1;
    if (share > 1) share = 1;
    (void)snprintf(head, sizeof head, "%zu of %zu cells", p->n_done, p->spec.n_cells);
    add_name(line, head, name_width > (int)strlen(head) ? name_width : (int)strlen(head));
    (void)add(line, "  ");
    add_bar(line, p, share, bar_width(line->limit));
    (void)add(line, "  %3.0f %%", 100 * share);
    if (p->n_failed > 0) (void)add(line, "  %zu failed", p->n_failed);
    (void)add(line, "  %s", time_text(now_seconds() - p->began, eta));
    double left = eta_of(p);
    if (!isnan(left)) (void)add(line, "  ETA %s", time_text(left, eta));
}

/* ---- frames ---- */

static void frame_add(Progress *p, size_t *len, const char *text) {
    size_t n = strlen(text);
    if (*len + n + 1 > p->frame_room) return;
    memcpy(p->frame + *len, text, n + 1);
    *len += n;
}

/* A full line would wrap on some terminals. */
static int usable_columns(const Progress *p) {
    int columns = terminal_columns(p->spec.to);
    return (columns > 0 ? columns : 80) - 1;
}

static int terminal_rows(const Progress *p) {
    struct winsize size;
    return ioctl(fileno(p->spec.to), TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row : 24;
}

/* The escape sequence that goes to the top of the live lines and clears them. */
static void frame_start(Progress *p, size_t *len) {
    char up[32];
    *len = 0;
    p->frame[0] = '\0';
    if (p->n_lines > 0) {
        (void)snprintf(up, sizeof up, "\r\x1b[%dA\x1b[J", p->n_lines);
        frame_add(p, len, up);
    }
    p->n_lines = 0;
}

static int widest_name(const Progress *p) {
    int width = snprintf(NULL, 0, "%zu of %zu cells", p->spec.n_cells, p->spec.n_cells);
    for (int i = 0; i < p->spec.n_slots; i++) {
        int w = p->slots[i].cell.name != NULL ? columns_of(p->slots[i].cell.name) : 0;
        if (w > width) width = w;
    }
    return width > NAME_MAX_WIDTH ? NAME_MAX_WIDTH : width;
}

static void frame_line(Progress *p, size_t *len, const LineText *line) {
    frame_add(p, len, line->text);
    frame_add(p, len, "\n");
    p->n_lines++;
}

static void frame_body(Progress *p, size_t *len) {
    int columns = usable_columns(p), rows = terminal_rows(p) - 2, name_width = widest_name(p);
    if (name_width > columns / 3) name_width = columns / 3;
    for (int i = 0; i < p->spec.n_slots && p->n_lines < rows; i++) {
        if (p->slots[i].cell.name == NULL) continue;
        LineText line = {.limit = columns};
        slot_line(p, &p->slots[i], name_width, &line);
        frame_line(p, len, &line);
    }
    LineText line = {.limit = columns};
    total_line(p, name_width, &line);
    frame_line(p, len, &line);
}

static void draw(Progress *p) {
    size_t len = 0;
    frame_start(p, &len);
    frame_body(p, &len);
    (void)fwrite(p->frame, 1, len, p->spec.to);
    (void)fflush(p->spec.to);
    p->drawn = now_seconds();
}

static void erase(Progress *p) {
    size_t len = 0;
    if (!p->live || p->n_lines == 0) return;
    frame_start(p, &len);
    (void)fwrite(p->frame, 1, len, p->spec.to);
    (void)fflush(p->spec.to);
}

void progress_tick(Progress *p) {
    if (p->live && now_seconds() - p->drawn >= frame_seconds) draw(p);
}

void progress_free(Progress *p) {
    if (p == NULL) return;
    if (p->frame != NULL) erase(p);
    mem_free(p->slots);
    mem_free(p->frame);
    mem_free(p);
}

void progress_say(Progress *p, ProgressTone tone, const char *fmt, ...) {
    static const char *const codes[] = {"", "\x1b[32m", "\x1b[31m", "\x1b[33m"};
    va_list args;
    erase(p);
    if (p->colour) fputs(codes[tone], p->spec.to);
    va_start(args, fmt);
    char said[SAID], shown[3 * SAID]; /* it may quote files and logs */
    (void)vsnprintf(said, sizeof said, fmt, args);
    (void)fputs(utf8_tame(shown, sizeof shown, said), p->spec.to);
    va_end(args);
    if (p->colour && tone != TONE_PLAIN) fputs("\x1b[0m", p->spec.to);
    fputc('\n', p->spec.to);
    (void)fflush(p->spec.to);
    if (p->live) draw(p);
}

/* ---- events ---- */

void progress_begin(Progress *p, int slot, const ProgressCell *cell) {
    Slot *s = &p->slots[slot];
    *s = (Slot){.cell = *cell, .said = now_seconds()};
    s->news = (TrainerNews){.phase = TRAINER_PREPARING, .loss = NAN, .metric = NAN, .step = cell->first_step};
    if (!p->live)
        progress_say(p, TONE_PLAIN, "%s  %s%s", cell->name, doing_words[cell->doing],
                     cell->first_step > 0 ? ", resumed" : "");
}

static void say_plain(Progress *p, const Slot *slot) {
    LineText line = {.limit = LINE - 1};
    (void)add(&line, "%s  step %" PRId64 "/%" PRId64, slot->cell.name, slot->news.step, slot->news.n_steps);
    add_numbers(&line, slot);
    progress_say(p, TONE_PLAIN, "%s", line.text);
}

void progress_news(Progress *p, int slot, const TrainerNews *news) {
    Slot *s = &p->slots[slot];
    double now = now_seconds();
    s->news = *news;
    if (s->cell.last_step > 0) s->news.n_steps = s->cell.last_step;
    if (news->phase == TRAINER_STEP) {
        double x = news->seconds_per_step;
        s->step_seconds = s->step_seconds > 0 ? 0.95 * s->step_seconds + 0.05 * x : x;
    }
    bool worth = news->phase == TRAINER_EVALUATED || (news->phase == TRAINER_STEP && now - s->said >= plain_seconds);
    if (p->live || s->cell.doing == PROGRESS_CHECKS || !worth) return;
    say_plain(p, s);
    s->said = now;
}

void progress_end(Progress *p, int slot, int64_t n_steps_left_out) {
    Slot *s = &p->slots[slot];
    p->steps_done += steps_of(s);
    p->spec.total_steps -= n_steps_left_out;
    p->n_done++;
    s->cell.name = NULL;
}

void progress_failed(Progress *p) { p->n_failed++; }

void progress_again(Progress *p, int64_t n_steps) {
    p->spec.total_steps += n_steps;
    p->n_done--;
}

void progress_more(Progress *p, int64_t n_steps) { p->spec.total_steps += n_steps; }

void progress_found(Progress *p) { p->n_done++; }
