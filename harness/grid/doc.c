/* Events of libyaml -> nodes. Nodes and their strings live in the document's list and die with it. */
#include "harness/grid/doc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "harness/data/utf8.h"
#include "harness/grid/message.h"
#include "harness/grid/pool.h"
#include "kernels/mem.h"
#include "models/text.h"
#include "models/value.h"

typedef struct Anchor {
    const char *name;
    DocNode *node; /* NULL while what it names is being read */
} Anchor;

struct Doc {
    char *name, *source;
    size_t source_len;
    DocNode *root;
    Pool pool; /* nodes and what they point to */
};

typedef struct Reader {
    Doc *doc; /* borrowed */
    yaml_parser_t parser;
    yaml_event_t event; /* the current one, owned */
    bool has_event;
    Anchor *anchors;
    size_t n_anchors, anchors_capacity;
    int depth;
} Reader;

void doc_free(Doc *doc) {
    if (doc == NULL) return;
    pool_clear(&doc->pool);
    mem_free(doc->name);
    mem_free(doc->source);
    mem_free(doc);
}

/* ---- events ---- */

static DocPlace place_between(yaml_mark_t start, yaml_mark_t end) {
    DocPlace place = {(int)start.line + 1, (int)start.column + 1, 1};
    if (end.line == start.line && end.column > start.column) place.length = (int)(end.column - start.column);
    return place;
}

static DocPlace event_place(const Reader *reader) {
    return place_between(reader->event.start_mark, reader->event.end_mark);
}

static Err refuse(const Reader *reader, DocPlace place, const char *fmt, ...) PRINTF_LIKE(3, 4);
static Err refuse(const Reader *reader, DocPlace place, const char *fmt, ...) {
    char message[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    return problem_set(ERR_SPEC, reader->doc->name, reader->doc->source, place, message);
}

static void drop_event(Reader *reader) {
    if (reader->has_event) yaml_event_delete(&reader->event);
    reader->has_event = false;
}

static Err syntax_error(Reader *reader) {
    const yaml_parser_t *parser = &reader->parser;
    if (parser->error == YAML_MEMORY_ERROR) return err_set(ERR_NOMEM, "out of memory while reading YAML");
    const char *problem = parser->problem == NULL ? "not YAML" : parser->problem;
    yaml_mark_t mark = parser->problem_mark;
    if (parser->context == NULL) return refuse(reader, place_between(mark, mark), "%s", problem);
    return refuse(reader, place_between(mark, mark), "%s %s that begins at line %d", problem, parser->context,
                  (int)parser->context_mark.line + 1);
}

static Err next_event(Reader *reader) {
    drop_event(reader);
    if (!yaml_parser_parse(&reader->parser, &reader->event)) return syntax_error(reader);
    reader->has_event = true;
    return ERR_OK;
}

/* ---- anchors ---- */

static Err anchor_open(Reader *reader, const yaml_char_t *name, size_t *at) {
    Pool *pool = &reader->doc->pool;
    *at = SIZE_MAX;
    if (name == NULL) return ERR_OK;
    Err err = pool_grow(pool, &reader->anchors, reader->n_anchors, &reader->anchors_capacity, sizeof *reader->anchors);
    if (err == ERR_OK) err = pool_text(pool, &reader->anchors[reader->n_anchors].name, (const char *)name);
    if (err != ERR_OK) return err;
    reader->anchors[reader->n_anchors].node = NULL;
    *at = reader->n_anchors++;
    return ERR_OK;
}

static void anchor_close(Reader *reader, size_t at, DocNode *node) {
    if (at != SIZE_MAX) reader->anchors[at].node = node;
}

/* The latest anchor of that name wins: YAML allows a name to be used again. */
static Err read_alias(Reader *reader, DocNode **out) {
    const char *name = (const char *)reader->event.data.alias.anchor;
    DocPlace place = event_place(reader);
    for (size_t i = reader->n_anchors; i-- > 0;) {
        if (strcmp(reader->anchors[i].name, name) != 0) continue;
        *out = reader->anchors[i].node;
        return *out != NULL ? ERR_OK : refuse(reader, place, "alias '*%.60s' stands inside what it names", name);
    }
    return refuse(reader, place, "alias '*%.60s' has no anchor '&%.60s' before it", name, name);
}

/* ---- nodes ---- */

static Err read_node(Reader *reader, DocNode **out);

static Err node_new(Reader *reader, DocKind kind, DocNode **out) {
    Err err = pool_alloc(&reader->doc->pool, out, 1, sizeof **out);
    if (err != ERR_OK) return err;
    (*out)->kind = kind;
    (*out)->place = event_place(reader);
    (*out)->expanded = 1;
    return ERR_OK;
}

static Err check_tag(const Reader *reader, const yaml_char_t *tag) {
    const char *name = (const char *)tag;
    if (name == NULL || strcmp(name, "!") == 0 || strcmp(name, YAML_STR_TAG) == 0) return ERR_OK;
    return refuse(reader, event_place(reader), "tag '%.80s' is not supported: a value's type follows from its key",
                  name);
}

static Err read_scalar(Reader *reader, DocNode **out) {
    Err err = ERR_OK;
    char *text = NULL;
    const size_t len = reader->event.data.scalar.length;
    const char *value = (const char *)reader->event.data.scalar.value;
    TRY(check_tag(reader, reader->event.data.scalar.tag));
    TRY(node_new(reader, DOC_TEXT, out));
    if (memchr(value, '\0', len) != NULL) TRY(refuse(reader, event_place(reader), "a text with a zero byte in it"));
    if (!utf8_is_tame(value))
        TRY(refuse(reader, event_place(reader), "a text with a control character in it, or one that reorders others"));
    TRY(pool_alloc(&reader->doc->pool, &text, len + 1, 1));
    memcpy(text, value, len);
    (*out)->text = text;
    (*out)->quoted = reader->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE || reader->event.data.scalar.tag;
done:
    return err;
}

static Err check_key(const Reader *reader, const DocNode *key, DocNode *const *items, size_t n) {
    if (key->kind != DOC_TEXT)
        return refuse(reader, key->place, "expected a name as a key, got a %s", key->kind == DOC_LIST ? "list" : "map");
    if (!key->quoted && strcmp(key->text, "<<") == 0)
        return refuse(reader, key->place,
                      "merge keys ('<<') are not part of YAML 1.2: use 'extends', or an alias for a "
                      "whole value");
    for (size_t i = 0; i < n; i += 2) {
        if (strcmp(items[i]->text, key->text) != 0) continue;
        return refuse(reader, key->place, "key '%.100s' is given twice, first at line %d", key->text,
                      items[i]->place.line);
    }
    return ERR_OK;
}

/* The items up to the event that ends the collection; a map's keys are checked as they come. */
static Err read_items(Reader *reader, DocNode *node, yaml_event_type_t end) {
    Err err = ERR_OK;
    size_t capacity = 0;
    for (;;) {
        TRY(next_event(reader));
        if (reader->event.type == end) break;
        DocNode *item = NULL;
        TRY(read_node(reader, &item));
        if (node->kind == DOC_MAP && node->n % 2 == 0) TRY(check_key(reader, item, node->items, node->n));
        TRY(pool_grow(&reader->doc->pool, &node->items, node->n, &capacity, sizeof *node->items));
        node->items[node->n++] = item;
        node->expanded += item->expanded;
        if (node->expanded > DOC_EXPANDED_MAX)
            TRY(refuse(reader, node->place, "this stands for more than %d values", DOC_EXPANDED_MAX));
    }
    if (node->kind == DOC_MAP) node->n /= 2;
done:
    return err;
}

static Err read_collection(Reader *reader, DocKind kind, const yaml_char_t *tag, yaml_event_type_t end, DocNode **out) {
    Err err = ERR_OK;
    TRY(check_tag(reader, tag));
    TRY(node_new(reader, kind, out));
    if (++reader->depth > DOC_DEPTH_MAX)
        TRY(refuse(reader, (*out)->place, "nested deeper than %d levels", DOC_DEPTH_MAX));
    TRY(read_items(reader, *out, end));
    reader->depth--;
done:
    return err;
}

/* The node that begins with the current event. */
static Err read_node(Reader *reader, DocNode **out) {
    Err err = ERR_OK;
    size_t anchor = SIZE_MAX;
    const yaml_event_t *event = &reader->event;
    switch (event->type) {
    case YAML_ALIAS_EVENT: return read_alias(reader, out);
    case YAML_SCALAR_EVENT:
        TRY(anchor_open(reader, event->data.scalar.anchor, &anchor));
        TRY(read_scalar(reader, out));
        break;
    case YAML_SEQUENCE_START_EVENT:
        TRY(anchor_open(reader, event->data.sequence_start.anchor, &anchor));
        TRY(read_collection(reader, DOC_LIST, event->data.sequence_start.tag, YAML_SEQUENCE_END_EVENT, out));
        break;
    case YAML_MAPPING_START_EVENT:
        TRY(anchor_open(reader, event->data.mapping_start.anchor, &anchor));
        TRY(read_collection(reader, DOC_MAP, event->data.mapping_start.tag, YAML_MAPPING_END_EVENT, out));
        break;
    default: return refuse(reader, event_place(reader), "expected a value");
    }
    anchor_close(reader, anchor, *out);
done:
    return err;
}

static Err read_document(Reader *reader) {
    Err err = ERR_OK;
    TRY(next_event(reader)); /* stream start */
    TRY(next_event(reader));
    if (reader->event.type == YAML_STREAM_END_EVENT) goto done;
    const yaml_version_directive_t *version = reader->event.data.document_start.version_directive;
    if (version != NULL && (version->major != 1 || version->minor != 2))
        TRY(refuse(reader, event_place(reader), "this says YAML %d.%d; expected 1.2", version->major, version->minor));
    TRY(next_event(reader));
    TRY(read_node(reader, &reader->doc->root));
    TRY(next_event(reader)); /* document end */
    TRY(next_event(reader));
    if (reader->event.type != YAML_STREAM_END_EVENT)
        TRY(refuse(reader, event_place(reader), "a second document begins here; expected one"));
done:
    return err;
}

static Err parse(Doc *doc) {
    Reader reader = {.doc = doc};
    if (!yaml_parser_initialize(&reader.parser)) return err_set(ERR_NOMEM, "out of memory while reading YAML");
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    bool bom = strncmp(doc->source, "\xEF\xBB\xBF", 3) == 0;
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)doc->source + (bom ? 3 : 0),
                                 doc->source_len - (bom ? 3 : 0));
    Err err = read_document(&reader);
    drop_event(&reader);
    yaml_parser_delete(&reader.parser);
    return err;
}

/* ---- input ---- */

static Err check_encoding(const Doc *doc) {
    const unsigned char *text = (const unsigned char *)doc->source;
    DocPlace place = {1, 1, 1};
    uint32_t c = 0;
    if (doc->source_len >= 2 && ((text[0] == 0xFF && text[1] == 0xFE) || (text[0] == 0xFE && text[1] == 0xFF)))
        return err_set(ERR_SPEC, "%s: expected UTF-8 text, got UTF-16", doc->name);
    for (size_t i = 0, n; i < doc->source_len; i += n) {
        n = (size_t)utf8_decode(doc->source + i, doc->source_len - i, &c);
        bool control = n == 1 && text[i] < 0x20 && text[i] != '\n' && text[i] != '\r' && text[i] != '\t';
        if (n == 0 || control)
            return err_set(ERR_SPEC, "%s:%d:%d: expected UTF-8 text, got byte 0x%02x", doc->name, place.line,
                           place.column, text[i]);
        place.column = text[i] == '\n' ? 1 : place.column + 1;
        place.line += text[i] == '\n';
    }
    return ERR_OK;
}

Err doc_read_text(Doc **out, const char *name, const char *text, size_t len) {
    Err err = ERR_OK;
    Doc *doc = NULL;
    *out = NULL;
    FAIL_IF(len > DOC_BYTES_MAX, ERR_SPEC, "%s: %zu bytes are too many, expected at most %d", name, len, DOC_BYTES_MAX);
    TRY(mem_alloc(&doc, 1, sizeof *doc));
    TRY(mem_strdup(&doc->name, name));
    TRY(mem_strndup(&doc->source, text, len));
    doc->source_len = len;
    TRY(check_encoding(doc));
    TRY(parse(doc));
    *out = doc;
    doc = NULL;
done:
    doc_free(doc);
    return err;
}

Err doc_read_file(Doc **out, const char *path) {
    Err err = ERR_OK;
    Text text = {0};
    char chunk[4096];
    *out = NULL;
    FILE *file = fopen(path, "rb");
    FAIL_IF(file == NULL, ERR_MISSING, "cannot open '%s': %s", path, strerror(errno));
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, file)) > 0;) {
        TRY(text_add_bytes(&text, chunk, n));
        FAIL_IF(text.len > DOC_BYTES_MAX, ERR_SPEC, "%s: more than %d bytes", path, DOC_BYTES_MAX);
    }
    FAIL_IF(ferror(file), ERR_MISSING, "cannot read '%s': %s", path, strerror(errno));
    TRY(doc_read_text(out, path, text.data == NULL ? "" : text.data, text.len));
done:
    if (file != NULL) (void)fclose(file);
    text_clear(&text);
    return err;
}

/* ---- access ---- */

const DocNode *doc_root(const Doc *doc) { return doc->root; }

const char *doc_name(const Doc *doc) { return doc->name; }

const char *doc_source(const Doc *doc) { return doc->source; }

const DocNode *doc_get(const DocNode *map, const char *key) {
    for (size_t i = 0; map->kind == DOC_MAP && i < map->n; i++)
        if (strcmp(map->items[2 * i]->text, key) == 0) return map->items[2 * i + 1];
    return NULL;
}

bool doc_is_null(const DocNode *node) {
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    if (node->kind != DOC_TEXT || node->quoted) return false;
    for (size_t i = 0; i < sizeof nulls / sizeof nulls[0]; i++)
        if (strcmp(node->text, nulls[i]) == 0) return true;
    return false;
}

char *doc_words(char buf[DOC_WORDS_LEN], const DocNode *node) {
    if (doc_is_null(node))
        (void)snprintf(buf, DOC_WORDS_LEN, "no value");
    else if (node->kind == DOC_TEXT)
        (void)snprintf(buf, DOC_WORDS_LEN, "'%.60s'", node->text);
    else
        (void)snprintf(buf, DOC_WORDS_LEN, node->kind == DOC_LIST ? "a list" : "a map");
    return buf;
}

static Err flow_scalar(Text *text, const DocNode *node) {
    Err err = ERR_OK;
    char *quoted = NULL;
    TRY(node->quoted ? value_quote_always(&quoted, node->text) : mem_strdup(&quoted, node->text));
    TRY(text_add(text, "%s", quoted));
done:
    mem_free(quoted);
    return err;
}

Err doc_flow(char **out, const DocNode *node) {
    Err err = ERR_OK;
    Text text = {0};
    char words[DOC_WORDS_LEN];
    *out = NULL;
    FAIL_IF(node->kind == DOC_MAP, ERR_SPEC, "expected a value, got a map");
    if (node->kind == DOC_TEXT) {
        TRY(flow_scalar(&text, node));
    } else {
        TRY(text_add(&text, "["));
        for (size_t i = 0; i < node->n; i++) {
            const DocNode *item = node->items[i];
            FAIL_IF(item->kind != DOC_TEXT, ERR_SPEC, "a list holds plain values only, got %s inside",
                    doc_words(words, item));
            if (i > 0) TRY(text_add(&text, ", "));
            TRY(flow_scalar(&text, item));
        }
        TRY(text_add(&text, "]"));
    }
    TRY(text_take(&text, out));
done:
    text_clear(&text);
    return err;
}
