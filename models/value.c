/* Flow text -> scalars (quotes decoded) -> typed items -> canonical text. */
#include "models/value.h"

#include <stdio.h>
#include <string.h>

#include "kernels/mem.h"
#include "kernels/near.h"
#include "models/number.h"
#include "models/text.h"

enum { SHOWN_MAX = 80 }; /* bytes of the user's text that a message repeats */

/* A growing position in a text and in the pool that takes the decoded scalars. */
typedef struct Scan {
    const char *at;
    char *pool;
} Scan;

typedef struct Scalar {
    const char *text;
    bool quoted;
} Scalar;

typedef struct Scalars {
    size_t n;
    Scalar *items;
    char *pool;
    bool list;
} Scalars;

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static void skip_space(Scan *scan) {
    while (is_space(*scan->at)) scan->at++;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static void put_utf8(char **to, unsigned code) {
    if (code < 0x80) {
        *(*to)++ = (char)code;
    } else if (code < 0x800) {
        *(*to)++ = (char)(0xC0 | code >> 6);
        *(*to)++ = (char)(0x80 | (code & 0x3F));
    } else {
        *(*to)++ = (char)(0xE0 | code >> 12);
        *(*to)++ = (char)(0x80 | (code >> 6 & 0x3F));
        *(*to)++ = (char)(0x80 | (code & 0x3F));
    }
}

/* After a backslash. */
static Err scan_escape(Scan *scan) {
    static const char names[] = "ntr\"\\/", codes[] = "\n\t\r\"\\/";
    char c = *scan->at++;
    const char *known = c == '\0' ? NULL : strchr(names, c);
    if (known != NULL) {
        *scan->pool++ = codes[known - names];
        return ERR_OK;
    }
    unsigned code = 0;
    int n = c == 'x' ? 2 : c == 'u' ? 4 : 0;
    for (int i = 0; i < n; i++) {
        int digit = hex_digit(*scan->at);
        if (digit < 0) return err_set(ERR_SPEC, "expected %d hex digits after '\\%c'", n, c);
        code = code << 4 | (unsigned)digit;
        scan->at++;
    }
    if (n == 0 || code == 0 || (code >= 0xD800 && code < 0xE000))
        return err_set(ERR_SPEC, "unknown escape in a quoted text: expected \\\" \\\\ \\n \\t \\r \\xHH or \\uHHHH");
    put_utf8(&scan->pool, code);
    return ERR_OK;
}

static Err scan_quoted(Scan *scan) {
    char quote = *scan->at++;
    for (;;) {
        char c = *scan->at;
        if (c == '\0') return err_set(ERR_SPEC, "expected a closing %c", quote);
        scan->at++;
        if (c == quote && quote == '\'' && *scan->at == '\'') {
            *scan->pool++ = *scan->at++;
        } else if (c == quote) {
            return ERR_OK;
        } else if (c == '\\' && quote == '"') {
            Err err = scan_escape(scan);
            if (err != ERR_OK) return err;
        } else {
            *scan->pool++ = c;
        }
    }
}

static Err scan_plain(Scan *scan, bool in_list) {
    char *start = scan->pool;
    for (; *scan->at != '\0'; scan->at++) {
        if (in_list && (*scan->at == ',' || *scan->at == ']')) break;
        if (in_list && strchr("[{}", *scan->at) != NULL)
            return err_set(ERR_SPEC, "a list holds plain values only, got '%c' inside", *scan->at);
        *scan->pool++ = *scan->at;
    }
    while (scan->pool > start && is_space(scan->pool[-1])) scan->pool--;
    return ERR_OK;
}

static Err scan_scalar(Scan *scan, bool in_list, Scalar *out) {
    skip_space(scan);
    out->text = scan->pool;
    out->quoted = *scan->at == '"' || *scan->at == '\'';
    Err err = out->quoted ? scan_quoted(scan) : scan_plain(scan, in_list);
    *scan->pool++ = '\0';
    skip_space(scan);
    return err;
}

static Err scan_list(Scan *scan, Scalars *out) {
    scan->at++; /* [ */
    for (;;) {
        skip_space(scan);
        if (*scan->at == ']') break;
        Err err = scan_scalar(scan, true, &out->items[out->n++]);
        if (err != ERR_OK) return err;
        if (*scan->at == ',')
            scan->at++;
        else if (*scan->at != ']')
            return err_set(ERR_SPEC, "expected ',' or ']' in the list");
    }
    scan->at++;
    skip_space(scan);
    return ERR_OK;
}

static void scalars_clear(Scalars *scalars) {
    mem_free(scalars->items);
    mem_free(scalars->pool);
}

static Err scan_text(Scalars *out, const char *text) {
    Err err = ERR_OK;
    size_t n_max = 1;
    for (const char *c = text; *c != '\0'; c++) n_max += *c == ',';
    TRY(mem_alloc(&out->items, n_max + 1, sizeof *out->items));
    TRY(mem_alloc(&out->pool, strlen(text) + n_max + 2, 1));
    Scan scan = {text, out->pool};
    skip_space(&scan);
    out->list = *scan.at == '[';
    if (out->list)
        TRY(scan_list(&scan, out));
    else
        TRY(scan_scalar(&scan, false, &out->items[out->n++]));
    FAIL_IF(*scan.at != '\0', ERR_SPEC, "unexpected text after the value: '%.*s'", SHOWN_MAX, scan.at);
done:
    return err;
}

/* ---- what is expected, in words ---- */

static bool is_list(OptType type) { return type == OPT_INTS || type == OPT_REALS || type == OPT_TEXTS; }

static OptType item_type(OptType type) {
    return type == OPT_INTS ? OPT_INT : type == OPT_REALS ? OPT_REAL : type == OPT_TEXTS ? OPT_TEXT : type;
}

static const char *type_words(OptType type) {
    switch (type) {
    case OPT_INT: return "an integer";
    case OPT_REAL: return "a number";
    case OPT_BOOL: return "true or false";
    case OPT_TEXT: return "a text";
    case OPT_CHOICE: return "one of ";
    case OPT_BYTES: return "a size such as 512MiB";
    case OPT_INTS: return "integers";
    case OPT_REALS: return "numbers";
    case OPT_TEXTS: return "texts";
    }
    return "a value";
}

static void show_bound(char buf[NUMBER_LEN], const Option *row, double bound) {
    if (row->type == OPT_BYTES && bound >= 0 && bound < 9e18)
        (void)number_show_bytes(buf, (int64_t)bound);
    else
        (void)number_show_real(buf, bound);
}

static void append(char *buf, size_t len, const char *text) {
    size_t used = strlen(buf);
    (void)snprintf(buf + used, len - used, "%s", text);
}

static void append_range(char *buf, size_t len, const Option *row) {
    if (row->min == 0 && row->max == 0) return;
    char low[NUMBER_LEN], high[NUMBER_LEN], words[2 * NUMBER_LEN + 16];
    show_bound(low, row, row->min);
    show_bound(high, row, row->max);
    bool open_above = row->max >= 9e18, open_below = row->min <= -9e18;
    if (open_above && open_below) return;
    if (open_above)
        (void)snprintf(words, sizeof words, " of at least %s", low);
    else if (open_below)
        (void)snprintf(words, sizeof words, " of at most %s", high);
    else
        (void)snprintf(words, sizeof words, " in %s..%s", low, high);
    append(buf, len, words);
}

static void append_length(char *buf, size_t len, const Option *row) {
    char words[64] = "a list of ";
    size_t used = strlen(words);
    if (row->n_min == row->n_max && row->n_max != 0)
        (void)snprintf(words + used, sizeof words - used, "%d ", row->n_min);
    else if (row->n_max != 0)
        (void)snprintf(words + used, sizeof words - used, "%d to %d ", row->n_min, row->n_max);
    append(buf, len, words);
}

char *value_expected(char buf[VALUE_EXPECTED_LEN], const Option *row) {
    buf[0] = '\0';
    if (is_list(row->type)) append_length(buf, VALUE_EXPECTED_LEN, row);
    append(buf, VALUE_EXPECTED_LEN, type_words(row->type));
    append_range(buf, VALUE_EXPECTED_LEN, row);
    if (row->choices == NULL) return buf;
    if (row->type != OPT_CHOICE) append(buf, VALUE_EXPECTED_LEN, " out of ");
    for (const char *c = row->choices; *c != '\0'; c++) {
        char letter[2] = {*c, '\0'};
        append(buf, VALUE_EXPECTED_LEN, *c == '|' ? ", " : letter);
    }
    return buf;
}

static Err unexpected(const Option *row, const Scalar *got) {
    char expected[VALUE_EXPECTED_LEN];
    (void)value_expected(expected, row);
    if (got->quoted)
        return err_set(ERR_SPEC, "expected %s, got the quoted text \"%.*s\"", expected, SHOWN_MAX, got->text);
    return err_set(ERR_SPEC, "expected %s, got '%.*s'", expected, SHOWN_MAX, got->text);
}

/* ---- scalars -> items ---- */

static bool one_of(const char *words, const char *text) {
    size_t len = strlen(text);
    for (const char *at = words; at != NULL; at = strchr(at, '|')) {
        at += *at == '|';
        if (strncmp(at, text, len) == 0 && (at[len] == '|' || at[len] == '\0')) return true;
    }
    return false;
}

static Err wrong_choice(const Option *row, const Scalar *got) {
    char words[VALUE_EXPECTED_LEN] = "", hint[VALUE_EXPECTED_LEN], below[2 * VALUE_EXPECTED_LEN];
    Near near = near_start(got->text);
    append(words, sizeof words, row->choices);
    for (char *word = words, *end; word != NULL; word = end) {
        end = strchr(word, '|');
        if (end != NULL) *end++ = '\0';
        near_offer(&near, word);
    }
    Err err = unexpected(row, got);
    (void)snprintf(below, sizeof below, "%s", err_message());
    return err_set(err, "%s%s", below, near_hint(&near, "", hint, (int)sizeof hint));
}

static bool read_bool(const char *text, int64_t *out) {
    *out = one_of("true|True|TRUE", text);
    return *out == 1 || one_of("false|False|FALSE", text);
}

static bool is_null(const Scalar *scalar) {
    return !scalar->quoted && (scalar->text[0] == '\0' || one_of("~|null|Null|NULL", scalar->text));
}

static bool read_item(OptType type, const Scalar *scalar, ValueItem *item) {
    bool ok = true, plain = !scalar->quoted;
    switch (type) {
    case OPT_INT:
        ok = plain && number_read_int(scalar->text, &item->integer);
        item->real = (double)item->integer;
        break;
    case OPT_REAL: ok = plain && number_read_real(scalar->text, &item->real); break;
    case OPT_BOOL: ok = plain && read_bool(scalar->text, &item->integer); break;
    case OPT_BYTES:
        ok = number_read_bytes(scalar->text, &item->integer);
        item->real = (double)item->integer;
        break;
    default: item->text = scalar->text; break;
    }
    return ok;
}

static Err parse_item(const Option *row, const Scalar *scalar, ValueItem *item) {
    OptType type = item_type(row->type);
    char expected[VALUE_EXPECTED_LEN];
    if (is_null(scalar)) return err_set(ERR_SPEC, "expected %s, got no value", value_expected(expected, row));
    if (!read_item(type, scalar, item)) return unexpected(row, scalar);
    bool number = type == OPT_INT || type == OPT_REAL || type == OPT_BYTES;
    bool ranged = row->min != 0 || row->max != 0;
    if (number && ranged && (item->real < row->min || item->real > row->max)) return unexpected(row, scalar);
    if (item->text == NULL) return ERR_OK;
    if (row->choices != NULL && !one_of(row->choices, item->text)) return wrong_choice(row, scalar);
    return row->check == NULL ? ERR_OK : row->check(item->text);
}

static Err check_length(const Option *row, const Scalars *scalars) {
    char expected[VALUE_EXPECTED_LEN];
    int n = (int)scalars->n;
    if (is_list(row->type) != scalars->list)
        return scalars->list
                   ? err_set(ERR_SPEC, "expected %s, got a list", value_expected(expected, row))
                   : err_set(ERR_SPEC, "expected %s in brackets, got a single value", value_expected(expected, row));
    if (!scalars->list || (row->n_min == 0 && row->n_max == 0)) return ERR_OK;
    if (n >= row->n_min && n <= row->n_max) return ERR_OK;
    return err_set(ERR_SPEC, "expected %s, got %d of them", value_expected(expected, row), n);
}

/* ---- items -> canonical text ---- */

static bool reads_back_plain(const char *text) {
    size_t len = strlen(text);
    if (len == 0 || one_of("~|null|Null|NULL", text)) return false;
    if (text[0] == ' ' || text[len - 1] == ' ' || text[len - 1] == ':') return false;
    if (strchr("?:#&*!|>'\"%@`", text[0]) != NULL) return false;
    if (text[0] == '-' && (text[1] == '\0' || text[1] == ' ' || text[1] == '-')) return false;
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7F || strchr(",[]{}", *c) != NULL) return false;
        if ((c[0] == ':' && c[1] == ' ') || (c[0] == ' ' && c[1] == '#')) return false;
    }
    return true;
}

Err value_quote(char **out, const char *text) {
    return reads_back_plain(text) ? mem_strdup(out, text) : value_quote_always(out, text);
}

Err value_quote_always(char **out, const char *text) {
    Err err = mem_alloc(out, 4 * strlen(text) + 3, 1);
    if (err != ERR_OK) return err;
    char *at = *out;
    *at++ = '"';
    for (const char *c = text; *c != '\0'; c++) {
        const char *named = strchr("\n\t\r\"\\", *c);
        if (named != NULL) {
            *at++ = '\\';
            *at++ = *c == '\n' ? 'n' : *c == '\t' ? 't' : *c == '\r' ? 'r' : *c;
        } else if ((unsigned char)*c < 0x20 || *c == 0x7F) {
            at += snprintf(at, 5, "\\x%02x", (unsigned char)*c);
        } else {
            *at++ = *c;
        }
    }
    *at = '"';
    return ERR_OK;
}

static Err show_item(char **out, OptType type, const ValueItem *item) {
    char number[NUMBER_LEN];
    switch (type) {
    case OPT_INT: return mem_strdup(out, number_show_int(number, item->integer));
    case OPT_REAL: return mem_strdup(out, number_show_real(number, item->real));
    case OPT_BYTES: return mem_strdup(out, number_show_bytes(number, item->integer));
    case OPT_BOOL: return mem_strdup(out, item->integer ? "true" : "false");
    default: return value_quote(out, item->text);
    }
}

static Err show_value(Value *value, const Option *row) {
    if (!is_list(row->type)) return show_item(&value->shown, row->type, &value->items[0]);
    Err err = ERR_OK;
    Text text = {0};
    char *item = NULL;
    for (size_t i = 0; i < value->n; i++) {
        TRY(show_item(&item, item_type(row->type), &value->items[i]));
        TRY(text_add(&text, "%s%s", i == 0 ? "[" : ", ", item));
        mem_free(item);
        item = NULL;
    }
    TRY(text_add(&text, "%s", value->n == 0 ? "[]" : "]"));
    TRY(text_take(&text, &value->shown));
done:
    mem_free(item);
    text_clear(&text);
    return err;
}

Err value_parse(Value *out, const Option *row, const char *text) {
    Err err = ERR_OK;
    Scalars scalars = {0};
    Value value = {0};
    *out = value;
    TRY(scan_text(&scalars, text));
    TRY(check_length(row, &scalars));
    value.n = scalars.n;
    TRY(mem_alloc(&value.items, value.n + 1, sizeof *value.items));
    for (size_t i = 0; i < value.n; i++) TRY(parse_item(row, &scalars.items[i], &value.items[i]));
    TRY(show_value(&value, row));
    value.pool = scalars.pool;
    scalars.pool = NULL;
    *out = value;
    value = (Value){0};
done:
    scalars_clear(&scalars);
    value_clear(&value);
    return err;
}

void value_clear(Value *value) {
    mem_free(value->items);
    mem_free(value->pool);
    mem_free(value->shown);
    *value = (Value){0};
}
