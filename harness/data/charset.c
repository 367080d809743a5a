/* The Japanese sets are rows of JIS X 0208 taken through the C library's EUC-JP table: the code point of row r, cell c
 * is EUC-JP (0xA0 + r, 0xA0 + c). */
#include "harness/data/charset.h"

#include <iconv.h>
#include <stdlib.h>
#include <string.h>

#include "harness/data/digest.h"
#include "harness/data/textfile.h"
#include "harness/data/utf8.h"
#include "kernels/mem.h"

enum { MAX_SIZE = 1000000, CELLS_IN_ROW = 94 };
static const char NAMES[] = "digits, latin36, latin62, kana, jis1, jis12, size:K, or the path of a file";

typedef struct Entry {
    uint32_t code_point;
    int32_t index;
} Entry;

struct Charset {
    char *name;
    int32_t size, room;
    uint32_t *code_points; /* [size], NULL for size:K */
    Entry *sorted;         /* [size] by code point */
    bool folds_case;
    char digest[DIGEST_HEX];
};

static Err append(Charset *set, uint32_t code_point) {
    if (set->size == set->room) {
        int32_t room = set->room == 0 ? 64 : 2 * set->room;
        Err err = mem_grow(&set->code_points, (size_t)set->room, (size_t)room, sizeof *set->code_points);
        if (err != ERR_OK) return err;
        set->room = room;
    }
    set->code_points[set->size++] = code_point;
    return ERR_OK;
}

static Err append_ascii(Charset *set, const char *text) {
    Err err = ERR_OK;
    for (const char *p = text; *p != '\0' && err == ERR_OK; p++) err = append(set, (uint32_t)*p);
    return err;
}

/* Rows first..last of JIS X 0208; cells without a character are passed over. */
static Err append_jis_rows(Charset *set, int first, int last) {
    Err err = ERR_OK;
    iconv_t convert = iconv_open("UTF-32LE", "EUC-JP");
    if (convert == (iconv_t)-1)
        return err_set(ERR_MISSING, "charset %s needs the C library's EUC-JP table, which is not installed", set->name);
    for (int i = first * CELLS_IN_ROW; i < (last + 1) * CELLS_IN_ROW; i++) {
        char euc[2] = {(char)(unsigned char)(0xa0 + i / CELLS_IN_ROW), (char)(unsigned char)(0xa1 + i % CELLS_IN_ROW)};
        unsigned char wide[4];
        char *in = euc, *out = (char *)wide;
        size_t n_in = sizeof euc, n_out = sizeof wide;
        iconv(convert, NULL, NULL, NULL, NULL);
        if (iconv(convert, &in, &n_in, &out, &n_out) == (size_t)-1 || n_out != 0) continue;
        uint32_t c = wide[0] | (uint32_t)wide[1] << 8 | (uint32_t)wide[2] << 16 | (uint32_t)wide[3] << 24;
        TRY(append(set, c));
    }

done:
    iconv_close(convert);
    return err;
}

static Err append_kana(Charset *set) {
    enum { PROLONGED_SOUND_MARK = 0x30fc };
    Err err = append_jis_rows(set, 4, 5);
    return err == ERR_OK ? append(set, PROLONGED_SOUND_MARK) : err;
}

static Err append_file(Charset *set, const char *path) {
    Err err = ERR_OK;
    TextFile file = {0};
    char shown[UTF8_SHOW];
    TRY(textfile_read(&file, path, "charset"));
    for (int64_t i = 0; i < file.n_lines; i++) {
        const char *line = file.line[i];
        size_t len = strlen(line);
        uint32_t c = 0;
        FAIL_IF(len == 0, ERR_DATA, "%s:%lld: the line is empty, expected one character", path, (long long)i + 1);
        int used = utf8_decode(line, len, &c);
        FAIL_IF((size_t)used != len, ERR_DATA, "%s:%lld: more than one character in the line, expected one", path,
                (long long)i + 1);
        FAIL_IF(c < 0x20 || c == 0x7f, ERR_DATA, "%s:%lld: %s cannot be a character of a charset", path,
                (long long)i + 1, utf8_show(c, shown));
        FAIL_IF(set->size == MAX_SIZE, ERR_DATA, "%s has more than %d characters", path, MAX_SIZE);
        TRY(append(set, c));
    }
    FAIL_IF(set->size == 0, ERR_DATA, "the charset %s is empty, expected one character a line", path);

done:
    textfile_clear(&file);
    return err;
}

static int by_code_point(const void *a, const void *b) {
    const Entry *x = a, *y = b;
    if (x->code_point != y->code_point) return x->code_point < y->code_point ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static Err sort_entries(Charset *set) {
    Err err = mem_alloc(&set->sorted, (size_t)set->size, sizeof *set->sorted);
    if (err != ERR_OK) return err;
    int n_upper = 0, n_lower = 0;
    for (int32_t i = 0; i < set->size; i++) {
        int upper = 0;
        uint32_t c = set->code_points[i];
        set->sorted[i] = (Entry){c, i};
        bool cased = utf8_other_case(c, &upper) != c;
        n_upper += cased && upper;
        n_lower += cased && !upper;
    }
    set->folds_case = (n_upper == 0) != (n_lower == 0);
    qsort(set->sorted, (size_t)set->size, sizeof *set->sorted, by_code_point);
    char shown[UTF8_SHOW];
    for (int32_t i = 1; i < set->size; i++) {
        const Entry *a = &set->sorted[i - 1], *b = &set->sorted[i];
        if (a->code_point == b->code_point)
            return err_set(ERR_DATA, "%s:%d: %s is already in line %d", set->name, (int)b->index + 1,
                           utf8_show(b->code_point, shown), (int)a->index + 1);
    }
    return ERR_OK;
}

static bool is_path(const char *name) { return strchr(name, '/') != NULL || strchr(name, '.') != NULL; }

/* K of "size:K", or -1. */
static int32_t plan_size(const char *name) {
    if (strncmp(name, "size:", 5) != 0) return -1;
    char *end = NULL;
    long value = strtol(name + 5, &end, 10);
    bool good = name[5] >= '1' && name[5] <= '9' && *end == '\0' && value <= MAX_SIZE;
    return good ? (int32_t)value : -1;
}

static bool is_known(const char *name) {
    static const char *const known[] = {"digits", "latin36", "latin62", "kana", "jis1", "jis12"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i]) == 0) return true;
    return false;
}

Err charset_check(const char *name) {
    if (is_known(name) || plan_size(name) > 0 || is_path(name)) return ERR_OK;
    return err_set(ERR_SPEC, "unknown charset '%s', expected %s", name, NAMES);
}

static Err append_named(Charset *set, const char *name) {
    static const char lower36[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    static const char latin62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    if (strcmp(name, "digits") == 0) return append_ascii(set, "0123456789");
    if (strcmp(name, "latin36") == 0) return append_ascii(set, lower36);
    if (strcmp(name, "latin62") == 0) return append_ascii(set, latin62);
    if (strcmp(name, "kana") == 0) return append_kana(set);
    if (strcmp(name, "jis1") == 0) return append_jis_rows(set, 16, 47);
    if (strcmp(name, "jis12") == 0) return append_jis_rows(set, 16, 84);
    return append_file(set, name);
}

static void compute_digest(Charset *set) {
    Digest digest;
    digest_start(&digest);
    digest_number(&digest, set->size);
    for (int32_t i = 0; i < set->size && set->code_points != NULL; i++) digest_number(&digest, set->code_points[i]);
    digest_hex(&digest, set->digest);
}

Err charset_open(Charset **out, const char *name) {
    Err err = ERR_OK;
    Charset *set = NULL;
    *out = NULL;
    TRY(charset_check(name));
    TRY(mem_alloc(&set, 1, sizeof *set));
    TRY(mem_strdup(&set->name, name));
    if (plan_size(name) > 0) {
        set->size = plan_size(name);
    } else {
        TRY(append_named(set, name));
        TRY(sort_entries(set));
    }
    compute_digest(set);
    *out = set;
    set = NULL;

done:
    charset_free(set);
    return err;
}

void charset_free(Charset *charset) {
    if (charset == NULL) return;
    mem_free(charset->sorted);
    mem_free(charset->code_points);
    mem_free(charset->name);
    mem_free(charset);
}

const char *charset_name(const Charset *charset) { return charset->name; }
int32_t charset_size(const Charset *charset) { return charset->size; }
bool charset_has_characters(const Charset *charset) { return charset->code_points != NULL; }
bool charset_folds_case(const Charset *charset) { return charset->folds_case; }
const char *charset_digest(const Charset *charset) { return charset->digest; }

uint32_t charset_code_point(const Charset *charset, int32_t i) {
    ASSERT(i >= 0 && i < charset->size);
    return charset->code_points != NULL ? charset->code_points[i] : 0xfffdu;
}

static int32_t find_exact(const Charset *charset, uint32_t code_point) {
    if (charset->sorted == NULL) return -1;
    int32_t lo = 0, hi = charset->size;
    while (lo < hi) {
        int32_t mid = lo + (hi - lo) / 2;
        if (charset->sorted[mid].code_point < code_point)
            lo = mid + 1;
        else
            hi = mid;
    }
    bool found = lo < charset->size && charset->sorted[lo].code_point == code_point;
    return found ? charset->sorted[lo].index : -1;
}

int32_t charset_find(const Charset *charset, uint32_t code_point) {
    int32_t i = find_exact(charset, code_point);
    if (i >= 0 || !charset->folds_case) return i;
    int is_upper = 0;
    return find_exact(charset, utf8_other_case(code_point, &is_upper));
}

int64_t charset_encode(const Charset *charset, const char *text, int32_t *label, int32_t max, int32_t *n,
                       uint32_t *foreign) {
    int64_t n_lost = 0;
    bool seen_foreign = false;
    size_t len = strlen(text);
    *n = 0;
    for (size_t at = 0; at < len;) {
        uint32_t c = 0;
        int used = utf8_decode(text + at, len - at, &c);
        if (used == 0) return -1;
        at += (size_t)used;
        int32_t class = charset_find(charset, c);
        if (class < 0 && !seen_foreign && foreign != NULL) *foreign = c;
        seen_foreign = seen_foreign || class < 0;
        if (class < 0 || *n == max)
            n_lost++;
        else
            label[(*n)++] = class;
    }
    return n_lost;
}

char *charset_decode(const Charset *charset, const int32_t *label, int32_t n, char *buf, size_t len) {
    size_t at = 0;
    for (int32_t i = 0; i < n && label[i] >= 0 && label[i] < charset->size; i++) {
        char bytes[UTF8_MAX];
        size_t used = (size_t)utf8_encode(charset_code_point(charset, label[i]), bytes);
        if (at + used + 1 > len) break;
        memcpy(buf + at, bytes, used);
        at += used;
    }
    if (len > 0) buf[at] = '\0';
    return buf;
}
