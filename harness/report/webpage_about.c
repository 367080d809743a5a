/* How to repeat the study: commands, the grid, and where it ran. */
#include <stdbool.h>
#include <string.h>

#include "harness/report/markup.h"
#include "harness/report/webpage_parts.h"

enum { MAX_VALUES = 8 }; /* of one line of the environment */

static const char *find(const RecordPairs *pairs, const char *key) {
    for (size_t i = 0; i < pairs->n; i++)
        if (strcmp(pairs->item[i].key, key) == 0) return pairs->item[i].value;
    return NULL;
}

/* Different values of a key over the file and its cells, in that order; *more counts those that did not fit. */
static size_t find_values(const Web *web, const char *key, const char *value[MAX_VALUES], size_t *more) {
    size_t n = 0;
    *more = 0;
    for (size_t i = 0; i <= web->n_cells; i++) {
        if (i < web->n_cells && web->cell[i] == NULL) continue;
        const char *found = find(i < web->n_cells ? &web->cell[i]->provenance : &web->info->provenance, key);
        bool known = found == NULL;
        for (size_t k = 0; k < n && !known; k++) known = strcmp(value[k], found) == 0;
        if (known) continue;
        if (n < MAX_VALUES)
            value[n++] = found;
        else
            ++*more;
    }
    return n;
}

/* ---- commands ---- */

static bool is_plain(const char *word) {
    return word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+=/@:,%")] == '\0';
}

/* A word of a shell's command line. */
static void put_word(FILE *to, const char *word) {
    char one[2] = "";
    if (word[0] != '\0' && word[0] != '-' && is_plain(word)) {
        markup_html(to, word);
        return;
    }
    markup_html(to, "'");
    for (; *word != '\0'; word++) {
        if (*word != '\'' && (unsigned char)*word < 0x80) {
            one[0] = *word;
            markup_html(to, one);
        } else if (*word == '\'') {
            markup_html(to, "'\\''");
        } else { /* of UTF-8 a whole character at a time */
            size_t len = 1;
            char character[8] = {*word};
            while (len < 4 && ((unsigned char)word[len] & 0xc0U) == 0x80) {
                character[len] = word[len];
                len++;
            }
            markup_html(to, character);
            word += len - 1;
        }
    }
    markup_html(to, "'");
}

static void put_commands(const Web *web) {
    FILE *to = web->to;
    const char *value[MAX_VALUES];
    size_t more = 0;
    const size_t n = find_values(web, "command", value, &more);
    (void)fputs("<h3>Commands</h3>\n", to);
    if (n > 0) {
        (void)fputs("<p>The cells were trained by</p>\n<pre class=\"commands\"><code>", to);
        for (size_t i = 0; i < n; i++) {
            markup_html(to, value[i]);
            (void)fputc('\n', to);
        }
        if (more > 0) (void)fprintf(to, "# and %zu more\n", more);
        (void)fputs("</code></pre>\n", to);
    }
    (void)fputs("<p>The same build gives the same bits. With the grid below saved as <code>grid.yaml</code>, and the "
                "KEY=VALUE of the commands above where they have any, this repeats the cells elsewhere and compares "
                "them</p>\n<pre class=\"commands\"><code>refocus run grid.yaml --results again\nrefocus diff ",
                to);
    put_word(to, web->info->path);
    (void)fputs(" again/", to);
    put_word(to, web->info->experiment[0] != '\0' ? web->info->experiment : "results");
    (void)fputs(".h5\nrefocus table ", to);
    put_word(to, web->info->path);
    (void)fputs("</code></pre>\n", to);
}

/* ---- environment ---- */

static void put_value_list(const Web *web, const char *key) {
    FILE *to = web->to;
    const char *value[MAX_VALUES];
    size_t more = 0;
    const size_t n = find_values(web, key, value, &more);
    (void)fputs("<dt>", to);
    markup_html(to, key);
    (void)fputs("</dt><dd>", to);
    for (size_t i = 0; i < n; i++) {
        const bool is_list = strchr(value[i], '\n') != NULL; /* digests of inputs, of sources */
        if (is_list)
            (void)fputs("<details><summary>list</summary><pre tabindex=\"0\"><code>", to);
        else if (i > 0)
            (void)fputs("<br>", to);
        markup_html(to, value[i]);
        if (is_list) (void)fputs("</code></pre></details>", to);
    }
    if (more > 0) (void)fprintf(to, "<br>and %zu more", more);
    (void)fputs("</dd>\n", to);
}

static bool is_known(const Web *web, size_t cell, size_t i, const char *key) {
    for (size_t c = 0; c <= cell; c++) {
        const RecordPairs *pairs = web->cell[c] != NULL ? &web->cell[c]->provenance : NULL;
        for (size_t k = 0; pairs != NULL && k < (c < cell ? pairs->n : i); k++)
            if (strcmp(pairs->item[k].key, key) == 0) return true;
    }
    return false;
}

/* Keys in the order of their first appearance in the cells: what trained, not what packed. */
static void put_environment(const Web *web) {
    FILE *to = web->to;
    (void)fputs("<h3>Environment</h3>\n<dl class=\"facts\">\n", to);
    for (size_t c = 0; c < web->n_cells; c++) {
        const RecordPairs *pairs = web->cell[c] != NULL ? &web->cell[c]->provenance : NULL;
        for (size_t i = 0; pairs != NULL && i < pairs->n; i++)
            if (strcmp(pairs->item[i].key, "command") != 0 && !is_known(web, c, i, pairs->item[i].key))
                put_value_list(web, pairs->item[i].key);
    }
    (void)fputs("</dl>\n", to);
}

static void put_text(FILE *to, const char *title, const char *text) {
    if (text == NULL || text[0] == '\0') return;
    (void)fprintf(to, "<details><summary>%s</summary>\n<pre tabindex=\"0\"><code>", title);
    markup_html(to, text);
    (void)fputs("</code></pre></details>\n", to);
}

void web_about(const Web *web) {
    (void)fputs("<section id=\"repeat\" aria-labelledby=\"repeat-title\">\n<h2 id=\"repeat-title\">To repeat it</h2>\n",
                web->to);
    put_commands(web);
    put_text(web->to, "The grid", web->info->grid);
    put_text(web->to, "All settings, resolved", web->info->settings);
    put_environment(web);
    (void)fputs("</section>\n", web->to);
}
