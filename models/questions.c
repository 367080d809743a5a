/* A sorted list of keys. settings_watch is in settings.c. */
#include "models/questions.h"

#include <string.h>

#include "kernels/mem.h"
#include "models/text.h"

struct Questions {
    char **keys; /* [n] sorted, without repeats */
    size_t n, room;
    bool short_of_memory;
};

Err questions_new(Questions **out) { return mem_alloc(out, 1, sizeof **out); }

void questions_free(Questions *questions) {
    if (questions == NULL) return;
    for (size_t i = 0; i < questions->n; i++) mem_free(questions->keys[i]);
    mem_free(questions->keys);
    mem_free(questions);
}

static Err insert(Questions *q, size_t at, const char *key) {
    Err err = ERR_OK;
    char *copy = NULL;
    if (q->n == q->room) {
        size_t room = q->room == 0 ? 64 : 2 * q->room;
        TRY(mem_grow(&q->keys, q->n, room, sizeof *q->keys));
        q->room = room;
    }
    TRY(mem_strdup(&copy, key));
    memmove(&q->keys[at + 1], &q->keys[at], (q->n - at) * sizeof *q->keys);
    q->keys[at] = copy;
    q->n++;
done:
    return err;
}

void questions_ask(Questions *q, const char *key) {
    size_t low = 0, high = q->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(q->keys[middle], key);
        if (order == 0) return;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (insert(q, low, key) != ERR_OK) q->short_of_memory = true;
}

bool questions_equal(const Questions *a, const Questions *b) {
    if (a->n != b->n) return false;
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->keys[i], b->keys[i]) != 0) return false;
    return true;
}

static Err add_keys(Text *text, const Settings *settings, const char *prefix, size_t len) {
    Err err = ERR_OK;
    for (size_t i = 0; i < settings_count(settings); i++) {
        const char *key = settings_key_at(settings, i);
        if (strncmp(key, prefix, len) == 0) TRY(text_add(text, "%s\n", key));
    }
done:
    return err;
}

static Err add_answer(Text *text, const Settings *settings, const char *key) {
    Err err = ERR_OK;
    size_t len = strlen(key);
    if (len > 0 && key[len - 1] == '*') return add_keys(text, settings, key, len - 1);
    TRY(text_add_bytes(text, key, len));
    if (settings_has(settings, key)) {
        const char *value = settings_show(settings, key);
        TRY(text_add_bytes(text, "=", 1));
        TRY(text_add_bytes(text, value, strlen(value)));
    }
    TRY(text_add_bytes(text, "\n", 1));
done:
    return err;
}

Err questions_answers(char **out, const Questions *q, const Settings *settings) {
    Err err = ERR_OK;
    Text text = {0};
    *out = NULL;
    FAIL_IF(q->short_of_memory, ERR_NOMEM, "out of memory while keys were noted");
    for (size_t i = 0; i < q->n; i++) TRY(add_answer(&text, settings, q->keys[i]));
    TRY(text_take(&text, out));
done:
    text_clear(&text);
    return err;
}
