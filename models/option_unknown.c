/* What to say of a key that no row stands for: the nearest key, the members of a section, or the keys beside it. */
#include <stdio.h>
#include <string.h>

#include "kernels/near.h"
#include "models/option_match.h"

#define CHOSEN "<name>" /* shown for '*' */

enum { LISTED_MAX = 360 }; /* bytes of keys that a message lists */

static size_t n_segments(const char *key) {
    size_t n = 1;
    for (; *key != '\0'; key++) n += *key == '.';
    return n;
}

/* Segment i of key as a name. */
static OptionName segment(const char *key, size_t i) {
    for (; i > 0; i--) key = strchr(key, '.') + 1;
    return (OptionName){key, strcspn(key, ".")};
}

/* Row's key with the user's own name for '*', so that "data.train.lines.cuont" is near "data.train.lines.count". */
static bool candidate(char out[KEY_LEN], const Option *row, const char *key) {
    if (n_segments(row->key) != n_segments(key)) return false;
    OptionName name = {0};
    for (size_t i = 0; i < n_segments(key); i++) {
        OptionName own = segment(row->key, i);
        if (own.len == 1 && own.at[0] == '*') name = segment(key, i);
    }
    return option_expand(out, row->key, &name);
}

/* A nearest key with another number of segments: "lr" for "train.lr", "train.model.blstm" for "model.blstm". */
static bool same_last_segment(const Option *row, const char *key) {
    const char *own = strrchr(row->key, '.'), *asked = strrchr(key, '.');
    return strcmp(own == NULL ? row->key : own + 1, asked == NULL ? key : asked + 1) == 0;
}

static bool nearest(char out[KEY_LEN], const char *key) {
    int n = 0;
    const Option *const *table = option_table(&n);
    char offered[KEY_LEN];
    int best = NEAR_MAX;
    for (int i = 0; i < n; i++) {
        if (!candidate(offered, table[i], key)) continue;
        Near near = near_start(key);
        near_offer(&near, offered);
        if (near.best == NULL || near.distance >= best) continue;
        best = near.distance;
        (void)snprintf(out, KEY_LEN, "%s", offered);
    }
    bool found = best < NEAR_MAX;
    for (int i = 0; i < n && !found; i++) {
        found = same_last_segment(table[i], key);
        if (found) (void)snprintf(out, KEY_LEN, "%s", table[i]->key);
    }
    return found;
}

/* "batch, clip, lr": what stands directly below prefix (len bytes, "" for the top), without repeats; the table is
 * sorted. Returns false when nothing does. */
static bool list_members(char out[LISTED_MAX], const char *prefix, size_t len) {
    int n = 0;
    const Option *const *table = option_table(&n);
    size_t used = 0;
    OptionName last = {0}, name;
    char section[KEY_LEN];
    (void)snprintf(section, sizeof section, "%.*s", (int)len, prefix);
    out[0] = '\0';
    for (int i = 0; i < n; i++) {
        const char *key = table[i]->key;
        size_t depth = len == 0 ? 0 : n_segments(section);
        if (n_segments(key) <= depth) continue;
        OptionName member = segment(key, depth);
        char head[KEY_LEN];
        (void)snprintf(head, sizeof head, "%.*s", depth == 0 ? 0 : (int)(member.at - key) - 1, key);
        if (depth != 0 && !option_matches(head, section, &name)) continue;
        if (last.at != NULL && last.len == member.len && strncmp(last.at, member.at, member.len) == 0) continue;
        last = member;
        if (used + member.len + 16 >= LISTED_MAX) break;
        bool star = member.len == 1 && *member.at == '*';
        used += (size_t)snprintf(out + used, LISTED_MAX - used, "%s%.*s", used == 0 ? "" : ", ",
                                 star ? (int)strlen(CHOSEN) : (int)member.len, star ? CHOSEN : member.at);
    }
    return used > 0;
}

Err option_unknown(const char *key) {
    char near[KEY_LEN], members[LISTED_MAX];
    if (list_members(members, key, strlen(key)))
        return err_set(ERR_SPEC, "'%.100s' is a section and has no value itself; it holds %s", key, members);
    if (nearest(near, key)) return err_set(ERR_SPEC, "unknown key '%.100s'; did you mean '%s'?", key, near);
    for (size_t len = strlen(key); len > 0; len--) {
        if (key[len] != '.' || !list_members(members, key, len)) continue;
        return err_set(ERR_SPEC, "unknown key '%.100s'; '%.*s' holds %s", key, (int)len, key, members);
    }
    if (list_members(members, "", 0))
        return err_set(ERR_SPEC, "unknown key '%.100s'; the sections are %s", key, members);
    return err_set(ERR_SPEC, "unknown key '%.100s'", key);
}
