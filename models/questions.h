/* The keys that somebody asked settings for. What was computed from settings by asking these need not be computed again
 * for others that answer the same: a learning rate that nobody asks for does not change a memory plan. */
#ifndef MODELS_QUESTIONS_H
#define MODELS_QUESTIONS_H

#include "models/option.h"

typedef struct Questions Questions;

Err questions_new(Questions **out) MUST_CHECK;
void questions_free(Questions *questions); /* accepts NULL */

/* Notes a key, or with a '*' behind it every key that begins so. Memory that is short is told by questions_answers. */
void questions_ask(Questions *questions, const char *key);

bool questions_equal(const Questions *a, const Questions *b);

/* *out = what the settings answer, one line per question: "key=value", "key" where it is not set, and the keys that
 * begin with what stands before a '*'. The caller owns it. */
Err questions_answers(char **out, const Questions *questions, const Settings *settings) MUST_CHECK;

/* From now on every key that is asked of the settings is noted; NULL = no longer. Borrowed. */
void settings_watch(Settings *settings, Questions *questions);

#endif
