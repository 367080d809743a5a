/* Names and bodies of macros. */
#include "harness/report/macros.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "harness/data/utf8.h"
#include "harness/report/latex.h"
#include "models/text.h"

typedef struct Macros {
    FILE *to;
    const Table *table;
    Pool pool;
    size_t n_slots;    /* a power of two, more than twice the names */
    const char **slot; /* [n_slots] the names written so far, each at its hash or behind it; NULL = free */
} Macros;

static const char *const digits[] = {"Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine"};

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/* A character beyond ASCII by its number, so that 原 and 型 give different names. */
static Err spell_code_point(Text *name, uint32_t c) {
    Err err = ERR_OK;
    char hex[12];
    TRY(text_add(name, "U"));
    (void)snprintf(hex, sizeof hex, "%" PRIX32, c);
    for (const char *at = hex; *at != '\0'; at++)
        TRY(is_digit(*at) ? text_add(name, "%s", digits[*at - '0']) : text_add(name, "%c", *at));
done:
    return err;
}

/* A minus begins a number or its exponent: in "=-1" and "1e-3", not in "resnet-32". */
static bool is_sign(const char *text, size_t at) {
    if (at == 0 || (!is_letter(text[at - 1]) && !is_digit(text[at - 1]))) return true;
    return at >= 2 && (text[at - 1] == 'e' || text[at - 1] == 'E') && is_digit(text[at - 2]);
}

/* "focus.lambda=1e-3" as "FocusLambdaOneEMinusThree", "0.5" as "ZeroPointFive": words begin with a capital, digits are
 * words, a point within a number and a minus before one are, other marks only part words. */
static Err spell(Text *name, const char *text) {
    Err err = ERR_OK;
    const size_t n = strlen(text);
    bool begins = true;
    for (size_t at = 0; at < n; at++) {
        const char c = text[at], before = at > 0 ? text[at - 1] : ' ', after = text[at + 1];
        uint32_t code_point = 0;
        int bytes = 1;
        if (is_letter(c))
            TRY(text_add(name, "%c", begins ? toupper((unsigned char)c) : c));
        else if (is_digit(c))
            TRY(text_add(name, "%s", digits[c - '0']));
        else if (c == '.' && is_digit(after) && (is_digit(before) || !is_letter(before)))
            TRY(text_add(name, "Point"));
        else if (c == '-' && is_digit(after) && is_sign(text, at))
            TRY(text_add(name, "Minus"));
        else if ((unsigned char)c >= 0x80 && (bytes = utf8_decode(text + at, n - at, &code_point)) > 0)
            TRY(spell_code_point(name, code_point));
        begins = !is_letter(c);
        at += bytes > 1 ? (size_t)bytes - 1 : 0;
    }
done:
    return err;
}

/* Its place in the table of names: where it stands, or would (FNV-1a, then the next free slot). */
static const char **slot_of(const Macros *macros, const char *name) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (const char *c = name; *c != '\0'; c++) hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
    size_t at = (size_t)hash & (macros->n_slots - 1);
    while (macros->slot[at] != NULL && strcmp(macros->slot[at], name) != 0) at = (at + 1) & (macros->n_slots - 1);
    return &macros->slot[at];
}

static Err make_slots(Macros *macros) {
    const Table *table = macros->table;
    const size_t most = table->n_rows * (1 + table->n_columns * 6); /* each figure has up to five parts */
    for (macros->n_slots = 64; macros->n_slots < 2 * most;) macros->n_slots *= 2;
    return pool_alloc(&macros->pool, &macros->slot, macros->n_slots, sizeof *macros->slot);
}

/* The name, or, where another row or figure has it, the name and "Two". */
static Err take_name(Macros *macros, const char **out, const char *wanted) {
    Err err = ERR_OK;
    Text count = {0};
    char number[24];
    TRY(pool_text(&macros->pool, out, wanted));
    for (int again = 2; *slot_of(macros, *out) != NULL; again++) {
        text_clear(&count);
        (void)snprintf(number, sizeof number, "%d", again);
        TRY(spell(&count, number));
        TRY(pool_printf(&macros->pool, out, "%s%s", wanted, count.data));
    }
    *slot_of(macros, *out) = *out;
done:
    text_clear(&count);
    return err;
}

/* \newcommand{\<stem><part>}{...}: stem and part are words already. */
static Err put(Macros *macros, const char *stem, const char *part, const char *body, bool is_number) {
    Err err = ERR_OK;
    const char *wanted = NULL, *name = NULL;
    TRY(pool_printf(&macros->pool, &wanted, "%s%s", stem, part));
    TRY(take_name(macros, &name, wanted));
    (void)fprintf(macros->to, "\\newcommand{\\%s}{", name);
    latex_macro_text(macros->to, body, is_number);
    (void)fputs("}\n", macros->to);
done:
    return err;
}

static Err put_parts(Macros *macros, const char *stem, const TableColumn *column, const TableValue *value) {
    Err err = ERR_OK;
    char buf[VALUE_LEN];
    const struct {
        const char *name;
        double number;
        bool is_there;
    } part[] = {{"Mean", value->mean, true},
                {"Std", value->std, column->kind == VALUE_SPREAD},
                {"Low", value->low, true},
                {"High", value->high, true}};
    const bool known = value->kind == VALUE_SPREAD || value->kind == VALUE_INTERVAL;
    if (column->kind != VALUE_SPREAD && column->kind != VALUE_INTERVAL) return ERR_OK;
    for (size_t i = 0; i < sizeof part / sizeof *part; i++)
        if (part[i].is_there)
            TRY(put(macros, stem, part[i].name,
                    table_number_text(buf, column, value,
                                      known || (i == 0 && value->kind == VALUE_NUMBER) ? part[i].number : NAN),
                    true));
    (void)snprintf(buf, sizeof buf, "%zu", value->n);
    TRY(put(macros, stem, "N", buf, true));
done:
    return err;
}

/* Where figures are read, if not where the grid declared it: "OnValid", "AtStepFiveZeroZero". */
static Err spell_place(Text *stem, const Table *table, const TableRow *row) {
    Err err = ERR_OK;
    if (!table->file[row->file].is_elsewhere) return ERR_OK;
    TRY(text_add(stem, "On"));
    TRY(spell(stem, table->set));
    TRY(text_add(stem, is_digit(table->at[0]) ? "AtStep" : "At"));
    TRY(spell(stem, table->at));
done:
    return err;
}

/* `begin`: the row's name in words. */
static Err put_value(Macros *macros, const char *begin, const TableRow *row, size_t i) {
    Err err = ERR_OK;
    const Table *table = macros->table;
    const TableColumn *column = &table->column[i];
    const TableValue *value = &row->value[i];
    Text stem = {0};
    char buf[VALUE_LEN];
    TRY(text_add(&stem, "%s", begin));
    if (column->metric != NULL) TRY(spell_place(&stem, table, row));
    TRY(spell(&stem, column->key));
    TRY(put(macros, stem.data, "", table_value_text(buf, column, value), value->kind != VALUE_TEXT));
    TRY(put_parts(macros, stem.data, column, value));
done:
    text_clear(&stem);
    return err;
}

static Err put_row(Macros *macros, const TableRow *row) {
    Err err = ERR_OK;
    const Table *table = macros->table;
    const char *begin = NULL;
    Text name = {0};
    TRY(spell(&name, table->file[row->file].label));
    TRY(spell(&name, row->is_chance ? "uniform attention" : row->name));
    if (name.len == 0) TRY(text_add(&name, "Row")); /* names without a letter or digit */
    TRY(take_name(macros, &begin, name.data));
    for (size_t c = 0; c < table->n_columns; c++)
        if (!table->column[c].is_repeat) TRY(put_value(macros, begin, row, c));
done:
    text_clear(&name);
    return err;
}

Err macros_write(FILE *to, const Table *table) {
    Err err = ERR_OK;
    Macros macros = {.to = to, .table = table};
    TRY(make_slots(&macros));
    (void)fputs("% refocus table --macros: one macro per figure\n", to);
    for (size_t i = 0; i < table->n_rows; i++) TRY(put_row(&macros, &table->row[i]));
done:
    pool_clear(&macros.pool);
    return err;
}
