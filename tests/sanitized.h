/* Whether a sanitizer or valgrind watches this build: it looks at what is touched, and takes many times as long. */
#ifndef TESTS_SANITIZED_H
#define TESTS_SANITIZED_H

#include <stdbool.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(UNDER_VALGRIND)
enum { IS_SANITIZED = true };
#else
enum { IS_SANITIZED = false };
#endif

#endif
