/* The settings of one cell: an array sorted by key, each entry bound to the row that read it. */
#include <stdio.h>
#include <string.h>

#include "kernels/mem.h"
#include "models/option.h"
#include "models/option_match.h"
#include "models/questions.h"
#include "models/text.h"
#include "models/value.h"

typedef struct Setting {
    char *key;
    const Option *row;
    Value value;
} Setting;

struct Settings {
    Setting *items;
    size_t n, capacity;
    Questions *watch; /* borrowed; NULL = nobody wants to know what is asked */
};

enum { WHEN_DEPTH_MAX = 8 }; /* conditions of conditions; deeper is a cycle in the rows */

/* ---- storage ---- */

Err settings_new(Settings **out) { return mem_alloc(out, 1, sizeof **out); }

static void setting_clear(Setting *setting) {
    mem_free(setting->key);
    value_clear(&setting->value);
}

void settings_free(Settings *settings) {
    if (settings == NULL) return;
    for (size_t i = 0; i < settings->n; i++) setting_clear(&settings->items[i]);
    mem_free(settings->items);
    mem_free(settings);
}

/* Where key is, or belongs. */
static size_t position(const Settings *settings, const char *key) {
    size_t low = 0, high = settings->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(settings->items[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void settings_watch(Settings *settings, Questions *questions) { settings->watch = questions; }

static void ask(const Settings *settings, const char *key) {
    if (settings->watch != NULL) questions_ask(settings->watch, key);
}

static const Setting *find(const Settings *settings, const char *key) {
    ask(settings, key);
    size_t at = position(settings, key);
    return at < settings->n && strcmp(settings->items[at].key, key) == 0 ? &settings->items[at] : NULL;
}

static Err reserve(Settings *settings) {
    if (settings->n < settings->capacity) return ERR_OK;
    size_t capacity = settings->capacity == 0 ? 64 : 2 * settings->capacity;
    Err err = mem_grow(&settings->items, settings->n, capacity, sizeof *settings->items);
    if (err == ERR_OK) settings->capacity = capacity;
    return err;
}

/* Takes key and value; there is room for one more. */
static void put(Settings *settings, Setting taken) {
    size_t at = position(settings, taken.key);
    if (at < settings->n && strcmp(settings->items[at].key, taken.key) == 0) {
        setting_clear(&settings->items[at]);
    } else {
        memmove(&settings->items[at + 1], &settings->items[at], (settings->n - at) * sizeof *settings->items);
        settings->n++;
    }
    settings->items[at] = taken;
}

static Err put_text(Settings *settings, const char *key, const Option *row, const char *text) {
    Err err = ERR_OK;
    Setting setting = {.row = row};
    TRY(value_parse(&setting.value, row, text));
    TRY(mem_strdup(&setting.key, key));
    TRY(reserve(settings));
    put(settings, setting);
    setting = (Setting){0};
done:
    setting_clear(&setting);
    return err;
}

Err settings_copy(Settings **out, const Settings *from) {
    Err err = ERR_OK;
    Settings *copy = NULL;
    *out = NULL;
    TRY(settings_new(&copy));
    for (size_t i = 0; i < from->n; i++) {
        const Setting *setting = &from->items[i];
        TRY(put_text(copy, setting->key, setting->row, setting->value.shown));
    }
    *out = copy;
    copy = NULL;
done:
    settings_free(copy);
    return err;
}

static Err check_key(const char *key) {
    if (strlen(key) >= KEY_LEN)
        return err_set(ERR_SPEC, "a key of %zu bytes is too long, expected less than %d", strlen(key), KEY_LEN);
    for (const char *c = key; *c != '\0'; c++) {
        bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');
        if (!letter && strchr("._-", *c) == NULL)
            return err_set(ERR_SPEC, "key '%.100s' has a '%c'; expected letters, digits, '.', '_' and '-'", key, *c);
    }
    if (key[0] == '\0' || key[0] == '.' || key[strlen(key) - 1] == '.' || strstr(key, "..") != NULL)
        return err_set(ERR_SPEC, "key '%.100s' has an empty segment", key);
    return ERR_OK;
}

Err settings_set(Settings *settings, const char *key, const char *text) {
    Err err = check_key(key);
    if (err != ERR_OK) return err;
    int at = 0;
    const Option *row = option_next(key, &at);
    if (row == NULL) return option_unknown(key);
    err = put_text(settings, key, row, text);
    /* Rows of one key differ in range or choices; which one applies is known when all is set (settings_resolve). */
    while (err == ERR_SPEC && (row = option_next(key, &at)) != NULL) err = put_text(settings, key, row, text);
    return err == ERR_SPEC ? err_context(err, "%s", key) : err;
}

/* ---- which rows apply ---- */

static const Option *row_in_force(const Settings *settings, const char *key, int depth);

/* The text that a condition compares with. */
static const char *plain_text(const Setting *setting) {
    OptType type = setting->row->type;
    return type == OPT_TEXT || type == OPT_CHOICE ? setting->value.items[0].text : setting->value.shown;
}

static bool among(const char *values, size_t len, const char *text) {
    size_t own = strlen(text);
    for (size_t at = 0; at <= len;) {
        size_t n = 0;
        while (at + n < len && values[at + n] != '|') n++;
        if (n == own && strncmp(values + at, text, n) == 0) return true;
        at += n + 1;
    }
    return false;
}

/* One "key=value|value" or "key!=value|value" of len bytes. Neither holds where key is not set or has no effect. */
static bool condition_holds(const Settings *settings, const char *condition, size_t len, const OptionName *name,
                            int depth) {
    char pattern[KEY_LEN], key[KEY_LEN];
    const char *equals = memchr(condition, '=', len);
    ASSERT(equals != NULL && equals > condition && equals - condition < KEY_LEN);
    bool negated = equals[-1] == '!';
    size_t pattern_len = (size_t)(equals - condition) - negated;
    memcpy(pattern, condition, pattern_len);
    pattern[pattern_len] = '\0';
    if (!option_expand(key, pattern, name)) return false;
    const Setting *setting = find(settings, key);
    if (setting == NULL || row_in_force(settings, key, depth + 1) == NULL) return false;
    return among(equals + 1, len - (size_t)(equals + 1 - condition), plain_text(setting)) != negated;
}

static bool when_holds(const Settings *settings, const Option *row, const OptionName *name, int depth) {
    ASSERT(depth < WHEN_DEPTH_MAX);
    for (const char *at = row->when; at != NULL && *at != '\0';) {
        size_t len = strcspn(at, "&");
        if (!condition_holds(settings, at, len, name, depth)) return false;
        at += len + (at[len] == '&');
    }
    return true;
}

static const Option *row_in_force(const Settings *settings, const char *key, int depth) {
    int at = 0;
    OptionName name;
    for (const Option *row = option_next(key, &at); row != NULL; row = option_next(key, &at)) {
        (void)option_matches(row->key, key, &name);
        if (when_holds(settings, row, &name, depth)) return row;
    }
    return NULL;
}

bool settings_applies(const Settings *settings, const char *key) { return row_in_force(settings, key, 0) != NULL; }

/* ---- names at a '*' ---- */

/* The name that setting i has behind prefix (len bytes, with its last dot); at = NULL if it has none. */
static OptionName name_behind(const Settings *settings, size_t i, const char *prefix, size_t len) {
    const char *key = settings->items[i].key;
    OptionName name = {0};
    if (strncmp(key, prefix, len) != 0) return name;
    name.at = key + len;
    name.len = strcspn(name.at, ".");
    return name;
}

Err settings_names(const Settings *settings, const char *prefix, char ***out, size_t *n) {
    Err err = ERR_OK;
    char **names = NULL;
    char dotted[KEY_LEN], pattern[KEY_LEN + 1];
    size_t len = strcspn(prefix, "*"), pool_bytes = 0, used = 0;
    *out = NULL;
    *n = 0;
    (void)snprintf(dotted, sizeof dotted, "%.*s%s", (int)len, prefix, len > 0 && prefix[len - 1] != '.' ? "." : "");
    len = strlen(dotted);
    (void)snprintf(pattern, sizeof pattern, "%s*", dotted);
    ask(settings, pattern);
    for (size_t i = 0; i < settings->n; i++) pool_bytes += name_behind(settings, i, dotted, len).len + 1;
    TRY(mem_alloc(&names, 1, (settings->n + 1) * sizeof *names + pool_bytes));
    char *pool = (char *)(names + settings->n + 1);
    for (size_t i = 0; i < settings->n; i++) {
        OptionName name = name_behind(settings, i, dotted, len);
        if (name.at == NULL) continue;
        /* keys are sorted, so equal names are neighbours */
        if (*n > 0 && strlen(names[*n - 1]) == name.len && strncmp(names[*n - 1], name.at, name.len) == 0) continue;
        names[(*n)++] = memcpy(pool + used, name.at, name.len);
        used += name.len + 1;
    }
    *out = names;
done:
    return err;
}

/* ---- defaults ---- */

static Err fill(Settings *settings, const Option *row, const OptionName *name, bool *changed) {
    char key[KEY_LEN];
    if (row->def == NULL || !option_expand(key, row->key, name) || find(settings, key) != NULL) return ERR_OK;
    if (!when_holds(settings, row, name, 0)) return ERR_OK;
    *changed = true;
    Err err = put_text(settings, key, row, row->def);
    return err == ERR_SPEC ? err_context(err, "default of %s", key) : err;
}

static Err require(Settings *settings, const Option *row, const OptionName *name, bool *changed) {
    char key[KEY_LEN], expected[VALUE_EXPECTED_LEN];
    (void)changed;
    if (row->def != NULL || !option_expand(key, row->key, name) || find(settings, key) != NULL) return ERR_OK;
    if (!when_holds(settings, row, name, 0)) return ERR_OK;
    return err_set(ERR_SPEC, "'%s' is missing (%s): expected %s", key, row->help == NULL ? "" : row->help,
                   value_expected(expected, row));
}

typedef Err (*RowFn)(Settings *settings, const Option *row, const OptionName *name, bool *changed);

/* The user's names at one '*', kept from row to row: rows are sorted, so those of one section follow each other. */
typedef struct Names {
    char section[KEY_LEN];
    char **names;
    size_t n;
} Names;

static Err find_names(const Settings *settings, const char *key, Names *names) {
    size_t len = strcspn(key, "*");
    if (names->names != NULL && strlen(names->section) == len && strncmp(names->section, key, len) == 0) return ERR_OK;
    mem_free(names->names);
    *names = (Names){0};
    (void)snprintf(names->section, sizeof names->section, "%.*s", (int)len, key);
    return settings_names(settings, key, &names->names, &names->n);
}

/* Calls fn for every row without '*', and for the others once for every name at the '*'. No fn brings a new name. */
static Err for_rows(Settings *settings, RowFn fn, bool *changed) {
    int n = 0;
    const Option *const *table = option_table(&n);
    Err err = ERR_OK;
    Names names = {0};
    for (int i = 0; i < n; i++) {
        OptionName name = {0};
        if (strchr(table[i]->key, '*') == NULL) {
            TRY(fn(settings, table[i], &name, changed));
            continue;
        }
        TRY(find_names(settings, table[i]->key, &names));
        for (size_t k = 0; k < names.n; k++) {
            name = (OptionName){names.names[k], strlen(names.names[k])};
            TRY(fn(settings, table[i], &name, changed));
        }
    }
done:
    mem_free(names.names);
    return err;
}

/* Reads every setting again by the row that turned out to apply to it. */
static Err rebind(Settings *settings) {
    Err err = ERR_OK;
    for (size_t i = 0; i < settings->n; i++) {
        Setting *setting = &settings->items[i];
        const Option *row = row_in_force(settings, setting->key, 0);
        if (row == NULL || row == setting->row) continue;
        Value value;
        err = value_parse(&value, row, setting->value.shown);
        if (err != ERR_OK) return err == ERR_SPEC ? err_context(err, "%s", setting->key) : err;
        value_clear(&setting->value);
        setting->value = value;
        setting->row = row;
    }
    return err;
}

Err settings_resolve(Settings *settings) {
    Err err = ERR_OK;
    /* A default can make another row apply; none can make one cease to: values never change here. */
    for (bool changed = true; changed;) {
        changed = false;
        TRY(for_rows(settings, fill, &changed));
    }
    TRY(rebind(settings));
    TRY(for_rows(settings, require, NULL));
done:
    return err;
}

/* ---- access ---- */

bool settings_has(const Settings *settings, const char *key) { return find(settings, key) != NULL; }

static const ValueItem *item_at(const Settings *settings, const char *key, size_t i) {
    const Setting *setting = find(settings, key);
    if (setting == NULL || i >= setting->value.n) fprintf(stderr, "refocus: no setting %s[%zu]\n", key, i);
    ASSERT(setting != NULL && i < setting->value.n);
    return &setting->value.items[i];
}

static OptType type_of(const Settings *settings, const char *key) {
    const Setting *setting = find(settings, key);
    if (setting == NULL) fprintf(stderr, "refocus: no setting %s\n", key);
    ASSERT(setting != NULL);
    return setting->row->type;
}

int64_t settings_int_at(const Settings *settings, const char *key, size_t i) {
    OptType type = type_of(settings, key);
    ASSERT(type == OPT_INT || type == OPT_BYTES || type == OPT_INTS);
    return item_at(settings, key, i)->integer;
}

double settings_real_at(const Settings *settings, const char *key, size_t i) {
    OptType type = type_of(settings, key);
    ASSERT(type == OPT_REAL || type == OPT_INT || type == OPT_REALS || type == OPT_INTS);
    return item_at(settings, key, i)->real;
}

const char *settings_text_at(const Settings *settings, const char *key, size_t i) {
    OptType type = type_of(settings, key);
    ASSERT(type == OPT_TEXT || type == OPT_CHOICE || type == OPT_TEXTS);
    return item_at(settings, key, i)->text;
}

int64_t settings_int(const Settings *settings, const char *key) { return settings_int_at(settings, key, 0); }

double settings_real(const Settings *settings, const char *key) { return settings_real_at(settings, key, 0); }

const char *settings_text(const Settings *settings, const char *key) { return settings_text_at(settings, key, 0); }

bool settings_bool(const Settings *settings, const char *key) {
    ASSERT(type_of(settings, key) == OPT_BOOL);
    return item_at(settings, key, 0)->integer != 0;
}

bool settings_is(const Settings *settings, const char *key, const char *text) {
    return strcmp(settings_text(settings, key), text) == 0;
}

size_t settings_len(const Settings *settings, const char *key) {
    (void)type_of(settings, key);
    return find(settings, key)->value.n;
}

const char *settings_show(const Settings *settings, const char *key) {
    (void)type_of(settings, key);
    return find(settings, key)->value.shown;
}

size_t settings_count(const Settings *settings) {
    ask(settings, "*");
    return settings->n;
}

const char *settings_key_at(const Settings *settings, size_t i) {
    ASSERT(i < settings->n);
    return settings->items[i].key;
}

/* ---- identity and dump ---- */

/* For what looks at every setting and its value. */
static void ask_all(const Settings *settings) {
    ask(settings, "*");
    for (size_t i = 0; i < settings->n; i++) ask(settings, settings->items[i].key);
}

static Err is_default(const Option *row, const Value *value, bool *out) {
    *out = false;
    if (row->def == NULL) return ERR_OK;
    Value def;
    Err err = value_parse(&def, row, row->def);
    if (err != ERR_OK) return err;
    *out = strcmp(def.shown, value->shown) == 0;
    value_clear(&def);
    return ERR_OK;
}

Err settings_identity(const Settings *settings, char **out) {
    Err err = ERR_OK;
    Text text = {0};
    *out = NULL;
    ask_all(settings);
    for (size_t i = 0; i < settings->n; i++) {
        const Setting *setting = &settings->items[i];
        const Option *row = row_in_force(settings, setting->key, 0);
        bool same = false;
        if (row == NULL || row->observes) continue;
        TRY(is_default(row, &setting->value, &same));
        if (!same) TRY(text_add(&text, "%s=%s\n", setting->key, setting->value.shown));
    }
    TRY(text_take(&text, out));
done:
    text_clear(&text);
    return err;
}

/* The lines that open the sections of key that previous is not in, then its last segment's indentation and name. */
static Err open_sections(Text *text, const char *previous, const char *key) {
    Err err = ERR_OK;
    size_t shared = 0; /* bytes of common sections, last dot included */
    for (size_t i = 0; key[i] != '\0' && key[i] == previous[i]; i++)
        if (key[i] == '.') shared = i + 1;
    int depth = 0;
    for (size_t i = 0; i < shared; i++) depth += key[i] == '.';
    for (const char *at = key + shared, *dot; (dot = strchr(at, '.')) != NULL; at = dot + 1)
        TRY(text_add(text, "%*s%.*s:\n", 2 * depth++, "", (int)(dot - at), at));
    const char *last = strrchr(key, '.');
    TRY(text_add(text, "%*s%s: ", 2 * depth, "", last == NULL ? key : last + 1));
done:
    return err;
}

Err settings_dump(const Settings *settings, char **out) {
    Err err = ERR_OK;
    Text text = {0};
    const char *previous = "";
    *out = NULL;
    ask_all(settings);
    for (size_t i = 0; i < settings->n; i++) {
        const Setting *setting = &settings->items[i];
        TRY(open_sections(&text, previous, setting->key));
        TRY(text_add(&text, "%s\n", setting->value.shown));
        previous = setting->key;
    }
    TRY(text_take(&text, out));
done:
    text_clear(&text);
    return err;
}
