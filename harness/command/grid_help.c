/* Option rows as text or as a markdown table. */
#include "harness/command/grid_help.h"

#include <string.h>

#include "harness/run/metric.h"
#include "models/encoder.h"
#include "models/focus.h"
#include "models/option.h"

enum { RANGE_LEN = 160 };

static const char *const top_keys[][2] = {
    {"experiment", "name of the study, and of its results file"},
    {"question", "what it asks, in a sentence"},
    {"extends", "a grid file whose base and variants this one starts from"},
    {"tuning", "the grid by which these settings were chosen, on valid and with other seeds: tables print the trials"},
    {"seeds", "a list, or a count: 7 means 0 to 6"},
    {"baseline", "the variant that the others are compared with"},
    {"primary", "the declared comparison: {variant, metric, set, at, margin}"},
    {"base", "settings of every cell, by section: data, model, focus, train, eval, record, memory"},
    {"variants", "name -> settings by dotted key; `grid` inside a variant adds axes to it alone"},
    {"grid", "dotted key -> list of values: all combinations"},
    {"zip", "dotted key -> list of values: all lists advance together"},
    {"include", "single cells more: each names a variant and a value for every axis"},
    {"exclude", "combinations left out; one that matches nothing is an error"},
    {"plan_only", "true for a grid that is planned and never trained"},
};
enum { N_TOP_KEYS = sizeof top_keys / sizeof top_keys[0] };

static const char *type_text(const Option *o) {
    switch (o->type) {
    case OPT_INT: return "whole number";
    case OPT_REAL: return "number";
    case OPT_BOOL: return "true or false";
    case OPT_TEXT: return "text";
    case OPT_CHOICE: return "one of";
    case OPT_BYTES: return "size, such as 512MiB";
    case OPT_INTS: return "list of whole numbers";
    case OPT_REALS: return "list of numbers";
    case OPT_TEXTS: return "list of texts";
    }
    return "";
}

/* "number, 0 to 0.999"; "one of sum|mean"; "list of whole numbers, 2 of them, from 1". */
static const char *values_text(const Option *o, char out[RANGE_LEN]) {
    size_t n = (size_t)snprintf(out, RANGE_LEN, "%s%s%s", type_text(o), o->choices != NULL ? " " : "",
                                o->choices != NULL ? o->choices : "");
    if (n >= RANGE_LEN) return out;
    if (o->n_min == o->n_max && o->n_min > 0)
        n += (size_t)snprintf(out + n, RANGE_LEN - n, ", %d of them", o->n_min);
    else if (o->n_min > 0)
        n += (size_t)snprintf(out + n, RANGE_LEN - n, ", at least %d", o->n_min);
    bool low = o->min > -OPTION_ANY, high = o->max < OPTION_ANY, any = o->min == o->max && o->min >= 0 && o->max <= 0;
    if (any || n >= RANGE_LEN || (!low && !high)) return out;
    if (low && high)
        (void)snprintf(out + n, RANGE_LEN - n, ", %g to %g", o->min, o->max);
    else
        (void)snprintf(out + n, RANGE_LEN - n, low ? ", from %g" : ", up to %g", low ? o->min : o->max);
    return out;
}

/* True if row key, whose '*' stand for any segment, is topic or lies below it. */
static bool is_below(const char *key, const char *topic) {
    while (*topic != '\0') {
        size_t n_key = strcspn(key, "."), n_topic = strcspn(topic, ".");
        bool any = (n_key == 1 && key[0] == '*') || (n_topic == 1 && topic[0] == '*');
        if (!any && (n_key != n_topic || strncmp(key, topic, n_key) != 0)) return false;
        key += n_key;
        topic += n_topic;
        if (*topic == '.') {
            if (*key != '.') return false;
            key++;
            topic++;
        }
    }
    return true;
}

static const char *default_text(const Option *o) {
    if (o->def == NULL) return "required";
    return o->def[0] != '\0' ? o->def : "empty";
}

bool grid_help_value(GridHelpValue *out, const char *key, int i) {
    int n = 0;
    *out = (GridHelpValue){NULL, NULL};
    if (strcmp(key, "focus.kind") == 0) {
        const Focus *const *table = focus_table(&n);
        if (i < n) *out = (GridHelpValue){table[i]->kind, table[i]->about};
    } else if (strcmp(key, "model.encoder") == 0) {
        const Encoder *const *table = encoder_table(&n);
        if (i < n) *out = (GridHelpValue){table[i]->name, table[i]->about};
    } else if (strcmp(key, "eval.best") == 0 && i < metric_n_columns()) {
        *out = (GridHelpValue){metric_column(i).name, metric_column(i).long_name};
    }
    return out->name != NULL;
}

/* n rows of one key that differ in their default and in when they apply. */
static void print_text(FILE *to, const Option *const *rows, int n) {
    char values[RANGE_LEN];
    const Option *o = rows[0];
    fprintf(to, "  %s: %s\n      %s\n", o->key, values_text(o, values), o->help);
    GridHelpValue value;
    for (int i = 0; grid_help_value(&value, o->key, i); i++)
        fprintf(to, "        %-24s  %s\n", value.name, value.about);
    for (int i = 0; i < n; i++) {
        bool required = rows[i]->def == NULL, always = rows[i]->when == NULL;
        fprintf(to, "      %s%s%s%s\n", required ? "" : "default ", default_text(rows[i]), always ? "" : " with ",
                always ? "" : rows[i]->when);
    }
    if (o->observes) fputs("      changing it retrains nothing\n", to);
}

/* A '|' inside a cell would end it. */
static void print_cell(FILE *to, const char *text) {
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '|') fputc('\\', to);
        fputc(*p, to);
    }
}

static void print_markdown(FILE *to, const Option *const *rows, int n) {
    char values[RANGE_LEN];
    const Option *o = rows[0];
    fprintf(to, "| `%s` | ", o->key);
    print_cell(to, values_text(o, values));
    fputs(" | ", to);
    for (int i = 0; i < n; i++) {
        if (i > 0) fputs("<br>", to);
        print_cell(to, default_text(rows[i]));
        if (rows[i]->when == NULL) continue;
        fputs(" with `", to);
        print_cell(to, rows[i]->when);
        fputc('`', to);
    }
    fputs(" | ", to);
    print_cell(to, o->help);
    fputs(" |\n", to);
}

/* data.valid and data.test have the settings of data.train: told once. */
static bool is_told_as_training(const Option *o) {
    static const char *const sets[] = {"data.valid.", "data.test."};
    for (int i = 0; i < 2; i++) {
        char key[KEY_LEN];
        size_t len = strlen(sets[i]);
        if (strncmp(o->key, sets[i], len) != 0) continue;
        (void)snprintf(key, sizeof key, "data.train.%s", o->key + len);
        return option_find(key) != NULL;
    }
    return false;
}

static void print_top(FILE *to, GridHelpFormat format) {
    if (format == GRID_HELP_TEXT) fputs("Top keys:\n", to);
    if (format == GRID_HELP_MARKDOWN) fputs("| top key | meaning |\n| --- | --- |\n", to);
    for (int i = 0; i < N_TOP_KEYS; i++)
        fprintf(to, format == GRID_HELP_TEXT ? "  %-12s %s\n" : "| `%s` | %s |\n", top_keys[i][0], top_keys[i][1]);
    if (format == GRID_HELP_TEXT)
        fputs("\nSettings; '*' stands for a name that you choose. valid and test have the settings of train; their "
              "count\n"
              "of drawn lines is 1000 and their split of a dataset the one of that name, unless the grid says "
              "otherwise:\n",
              to);
    if (format == GRID_HELP_MARKDOWN)
        fputs("\n`*` stands for a name that you choose; `data.valid` and `data.test` have the settings of "
              "`data.train`; their `count` of drawn lines is 1000 and their `split` of a dataset the one of that name, "
              "unless the grid says otherwise.\n\n",
              to);
}

static bool differ_in_default(const Option *a, const Option *b) {
    char values_a[RANGE_LEN], values_b[RANGE_LEN];
    return strcmp(a->key, b->key) == 0 && strcmp(a->help, b->help) == 0 &&
           strcmp(values_text(a, values_a), values_text(b, values_b)) == 0;
}

bool grid_help_print(FILE *to, const char *topic, GridHelpFormat format) {
    int n = 0, n_printed = 0;
    const Option *const *rows = option_table(&n);
    if (topic == NULL) print_top(to, format);
    for (int i = 0, n_same = 1; i < n; i += n_same, n_same = 1) {
        while (i + n_same < n && differ_in_default(rows[i], rows[i + n_same])) n_same++;
        if (topic != NULL ? !is_below(rows[i]->key, topic) : is_told_as_training(rows[i])) continue;
        if (n_printed++ == 0 && format == GRID_HELP_MARKDOWN)
            fputs("| setting | values | default | meaning |\n| --- | --- | --- | --- |\n", to);
        (format == GRID_HELP_TEXT ? print_text : print_markdown)(to, rows + i, n_same);
    }
    return topic == NULL || n_printed > 0;
}
