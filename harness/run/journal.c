/* Frames of a journal: {magic, kind, length, payload, checksum}. */
#include "harness/run/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "harness/run/folder.h"
#include "kernels/fault.h"
#include "kernels/mem.h"

enum { FRAME_MAGIC = 0x4a666572 /* "refJ" */ };

/* Of a row: what a head may claim before anybody makes room for it. */
enum { MAX_COLUMNS = 4096, MAX_MAPS = 1 << 28 /* bytes */ };

typedef enum FrameKind { FRAME_SHAPE = 1, FRAME_STEP, FRAME_EVALUATION, FRAME_MAP } FrameKind;

typedef struct FrameHead {
    uint32_t magic, kind;
    uint64_t length; /* of the payload */
} FrameHead;

/* Begins an evaluation's and a map's payload. */
typedef struct RowHead {
    int64_t step;
    int64_t i_set;
} RowHead;

typedef struct ShapePayload {
    char id[JOURNAL_ID_LEN + 7];
    HistoryShape shape;
} ShapePayload;

enum { SYNC_SECONDS = 10 };

struct Journal {
    int fd;
    time_t synced; /* when, by a clock that never jumps */
    JournalEnd end;
    HistoryShape shape;
    char *frame; /* room for the longest */
};

/* FNV-1a, 64 bits: finds torn and flipped bytes; nobody forges a journal. */
static uint64_t checksum(const char *bytes, size_t n) {
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++) h = (h ^ (uint64_t)(unsigned char)bytes[i]) * 0x100000001b3u;
    return h;
}

/* A row, by its own sum, and all before it. */
static void end_after(JournalEnd *end, size_t n, uint64_t row_sum) {
    const uint64_t both[] = {end->sum, row_sum};
    end->bytes += (int64_t)n;
    end->sum = checksum((const char *)both, sizeof both);
}

static size_t map_length(const HistoryShape *s) {
    return sizeof(RowHead) + history_maps_bytes(s) + history_centres_bytes(s) + history_predicted_bytes(s);
}
static size_t evaluation_length(const HistoryShape *s) {
    return sizeof(RowHead) + (size_t)s->n_columns * sizeof(double);
}

static size_t longest_frame(const HistoryShape *s) {
    size_t length = sizeof(ShapePayload);
    if (map_length(s) > length) length = map_length(s);
    if (evaluation_length(s) > length) length = evaluation_length(s);
    return sizeof(FrameHead) + length + sizeof(uint64_t);
}

/* ---- writing ---- */

static time_t seconds_now(void) {
    struct timespec now;
    return clock_gettime(CLOCK_MONOTONIC, &now) == 0 ? now.tv_sec : 0;
}

static Err write_frame(Journal *j, FrameKind kind, size_t length) {
    FrameHead head = {FRAME_MAGIC, kind, length};
    size_t n = sizeof head + length, done = 0;
    memcpy(j->frame, &head, sizeof head);
    uint64_t sum = checksum(j->frame, n);
    memcpy(j->frame + n, &sum, sizeof sum);
    n += sizeof sum;
    fault_point("journal");
    while (done < n) {
        ssize_t wrote = write(j->fd, j->frame + done, n - done);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return err_set(ERR_IO, "cannot write the journal: %s", strerror(errno));
        done += (size_t)wrote;
    }
    end_after(&j->end, n, sum);
    return seconds_now() - j->synced < SYNC_SECONDS ? ERR_OK : journal_sync(j);
}

/* Copies n bytes to the payload of the frame at `at`; returns where the next begin. */
static size_t put(Journal *j, size_t at, const void *bytes, size_t n) {
    memcpy(j->frame + sizeof(FrameHead) + at, bytes, n);
    return at + n;
}

Err journal_step(Journal *j, const HistoryStep *step) {
    return write_frame(j, FRAME_STEP, put(j, 0, step, sizeof *step));
}

Err journal_evaluation(Journal *j, int32_t i_set, int64_t step, const double *values) {
    RowHead head = {step, i_set};
    size_t n = put(j, 0, &head, sizeof head);
    return write_frame(j, FRAME_EVALUATION, put(j, n, values, (size_t)j->shape.n_columns * sizeof *values));
}

Err journal_map(Journal *j, int64_t step, const float *maps, const float *centres, const char *predicted) {
    RowHead head = {step, 0};
    size_t n = put(j, 0, &head, sizeof head);
    n = put(j, n, maps, history_maps_bytes(&j->shape));
    n = put(j, n, centres, history_centres_bytes(&j->shape));
    return write_frame(j, FRAME_MAP, put(j, n, predicted, history_predicted_bytes(&j->shape)));
}

Err journal_sync(Journal *j) {
    j->synced = seconds_now();
    return fdatasync(j->fd) == 0 ? ERR_OK : err_set(ERR_IO, "cannot write the journal: %s", strerror(errno));
}

JournalEnd journal_end(const Journal *j) { return j->end; }

/* ---- opening ---- */

void journal_close(Journal *j) {
    if (j == NULL) return;
    if (j->fd >= 0) (void)close(j->fd);
    mem_free(j->frame);
    mem_free(j);
}

static Err journal_open(Journal **out, const char *folder, int flags, const HistoryShape *shape) {
    Err err = ERR_OK;
    Journal *j = NULL;
    char *path = NULL;
    *out = NULL;
    TRY(mem_alloc(&j, 1, sizeof *j));
    j->fd = -1;
    j->synced = seconds_now();
    j->shape = *shape;
    TRY(mem_alloc(&j->frame, longest_frame(shape), 1));
    TRY(folder_path(&path, folder, FOLDER_JOURNAL));
    j->fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | flags, 0666);
    FAIL_IF(j->fd < 0, ERR_CREATE, "cannot open %s: %s", path, strerror(errno));
    *out = j;
    j = NULL;
done:
    mem_free(path);
    journal_close(j);
    return err;
}

Err journal_create(Journal **out, const char *folder, const char *id, const HistoryShape *shape) {
    Err err = ERR_OK;
    Journal *j = NULL;
    ShapePayload payload;
    *out = NULL;
    memset(&payload, 0, sizeof payload);
    memcpy(payload.id, id, strnlen(id, JOURNAL_ID_LEN - 1));
    payload.shape = *shape;
    TRY(journal_open(&j, folder, O_CREAT | O_TRUNC, shape));
    TRY(write_frame(j, FRAME_SHAPE, put(j, 0, &payload, sizeof payload)));
    *out = j;
    j = NULL;
done:
    journal_close(j);
    return err;
}

/* ---- reading ---- */

typedef struct Reader {
    const char *bytes;
    size_t n, at;
    JournalEnd end; /* of the rows that were read */
} Reader;

/* The next whole frame; NULL at the end or at the first bad byte. */
static const char *next_frame(Reader *r, FrameHead *head) {
    size_t left = r->n - r->at;
    if (left < sizeof *head + sizeof(uint64_t)) return NULL;
    memcpy(head, r->bytes + r->at, sizeof *head);
    if (head->magic != FRAME_MAGIC || head->length > left - sizeof *head - sizeof(uint64_t)) return NULL;
    const char *frame = r->bytes + r->at;
    uint64_t sum;
    memcpy(&sum, frame + sizeof *head + head->length, sizeof sum);
    if (sum != checksum(frame, sizeof *head + head->length)) return NULL;
    size_t whole = sizeof *head + head->length + sizeof sum;
    r->at += whole;
    end_after(&r->end, whole, sum);
    return frame + sizeof *head;
}

static bool shape_is_sane(const HistoryShape *s) {
    const int32_t size[] = {s->n_columns, s->n_samples, s->n_t, s->n_l, s->text_len};
    for (size_t i = 0; i < sizeof size / sizeof size[0]; i++)
        if (size[i] < 0 || size[i] > 1 << 16) return false;
    if (s->n_columns > MAX_COLUMNS || history_maps_bytes(s) > MAX_MAPS || history_centres_bytes(s) > MAX_MAPS ||
        history_predicted_bytes(s) > MAX_MAPS)
        return false;
    return s->n_sets >= 0 && s->n_sets <= HISTORY_MAX_SETS && memchr(s->set[HISTORY_MAX_SETS - 1], 0, HISTORY_SET_LEN);
}

static Err read_head(Reader *r, const char *id, History **out) {
    FrameHead head;
    ShapePayload payload;
    const char *from = next_frame(r, &head);
    if (from == NULL || head.kind != FRAME_SHAPE || head.length != sizeof payload)
        return err_set(ERR_DATA, "the journal has no head");
    memcpy(&payload, from, sizeof payload);
    if (strncmp(payload.id, id, JOURNAL_ID_LEN) != 0) return err_set(ERR_DATA, "the journal belongs to another cell");
    if (!shape_is_sane(&payload.shape)) return err_set(ERR_DATA, "the journal's head makes no sense");
    return history_new(out, &payload.shape);
}

static Err read_row(const FrameHead *head, const char *from, History *h) {
    HistoryStep step;
    RowHead row;
    memcpy(&row, from, head->length < sizeof row ? head->length : sizeof row);
    const char *rest = from + sizeof row;
    if (head->kind == FRAME_STEP && head->length == sizeof step) {
        memcpy(&step, from, sizeof step);
        return history_step(h, &step);
    }
    if (head->kind == FRAME_EVALUATION && head->length == evaluation_length(&h->shape) && row.i_set >= 0 &&
        row.i_set < h->shape.n_sets)
        return history_evaluation(h, (int32_t)row.i_set, row.step, (const double *)(const void *)rest);
    if (head->kind == FRAME_MAP && head->length == map_length(&h->shape)) {
        const char *centres = rest + history_maps_bytes(&h->shape);
        return history_map(h, row.step, (const float *)(const void *)rest, (const float *)(const void *)centres,
                           centres + history_centres_bytes(&h->shape));
    }
    return err_set(ERR_DATA, "a row of the journal makes no sense");
}

/* Rows up to `limit` bytes (-1 = all). *end = where the last whole one ended. */
static Err read_rows(History **out, const char *folder, const char *id, int64_t limit, JournalEnd *end) {
    Err err = ERR_OK;
    char *bytes = NULL, *aligned = NULL;
    size_t n = 0;
    History *h = NULL;
    FrameHead head;
    *out = NULL;
    TRY(folder_read(&bytes, &n, folder, FOLDER_JOURNAL));
    if (limit >= 0 && (size_t)limit < n) n = (size_t)limit;
    Reader r = {.bytes = bytes, .n = n};
    TRY(read_head(&r, id, &h));
    TRY(mem_alloc(&aligned, n < longest_frame(&h->shape) ? n : longest_frame(&h->shape), 1));
    for (const char *from = next_frame(&r, &head); from != NULL; from = next_frame(&r, &head)) {
        FAIL_IF(head.length > longest_frame(&h->shape), ERR_DATA, "a row of the journal is too long");
        memcpy(aligned, from, head.length);
        TRY(read_row(&head, aligned, h));
    }
    *end = r.end;
    *out = h;
    h = NULL;
done:
    history_free(h);
    mem_free(aligned);
    mem_free(bytes);
    return err;
}

Err journal_read(History **out, const char *folder, const char *id) {
    JournalEnd end;
    return read_rows(out, folder, id, -1, &end);
}

Err journal_last_step(int64_t *out, const char *folder, const char *id) {
    History *history = NULL;
    *out = 0;
    Err err = journal_read(&history, folder, id);
    if (err == ERR_OK) *out = history_last_step(history);
    history_free(history);
    if (err == ERR_NOMEM) return err;
    err_clear();
    return ERR_OK;
}

/* The rows up to `end`, whole and the same as then. */
static Err read_upto(History **out, const char *folder, const char *id, const JournalEnd *end) {
    Err err = ERR_OK;
    JournalEnd now;
    TRY(read_rows(out, folder, id, end->bytes, &now));
    FAIL_IF(now.bytes != end->bytes, ERR_DATA,
            "the journal has %" PRId64 " whole bytes where the checkpoint saw %" PRId64, now.bytes, end->bytes);
    FAIL_IF(now.sum != end->sum, ERR_DATA, "the journal is not the one that the checkpoint saw");
done:
    if (err != ERR_OK) {
        history_free(*out);
        *out = NULL;
    }
    return err;
}

Err journal_check(const char *folder, const char *id, const JournalEnd *end) {
    History *history = NULL;
    Err err = read_upto(&history, folder, id, end);
    history_free(history);
    return err;
}

Err journal_resume(Journal **out, History **history, const char *folder, const char *id, const JournalEnd *end) {
    Err err = ERR_OK;
    Journal *j = NULL;
    History *h = NULL;
    *out = NULL;
    *history = NULL;
    TRY(read_upto(&h, folder, id, end));
    TRY(journal_open(&j, folder, 0, &h->shape));
    FAIL_IF(ftruncate(j->fd, end->bytes) != 0, ERR_IO, "cannot cut the journal: %s", strerror(errno));
    j->end = *end;
    *out = j;
    *history = h;
    j = NULL;
    h = NULL;
done:
    journal_close(j);
    history_free(h);
    return err;
}
