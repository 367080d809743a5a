/* The program's own table of sources: it is what the files are, and it leads to what must count. Run from the root of
 * the repository. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "harness/grid/source_table.h"
#include "harness/grid/sources.h"
#include "kernels/mem.h"
#include "kernels/op.h"
#include "models/text.h"

static char *contents(const char *path) {
    Text text = {0};
    char chunk[4096], *out = NULL;
    FILE *file = fopen(path, "rb");
    if (file == NULL) fail_msg("cannot open %s", path);
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, file)) > 0;)
        assert_int_equal(text_add_bytes(&text, chunk, n), ERR_OK);
    (void)fclose(file);
    assert_int_equal(text_take(&text, &out), ERR_OK);
    return out;
}

static void digests_are_those_of_the_files(void **state) {
    (void)state;
    int n = 0;
    for (const SourceFile *source = source_table; source->path != NULL; source++, n++) {
        char digest[GRID_ID_LEN], include[300];
        char *text = contents(source->path);
        grid_sha256(digest, text, strlen(text));
        if (strcmp(digest, source->sha256) != 0) fail_msg("%s is not what was built", source->path);
        for (const char *at = source->includes; *at != '\0'; at += strcspn(at, " ") + 1) {
            (void)snprintf(include, sizeof include, "#include \"%.*s\"", (int)strcspn(at, " "), at);
            if (strstr(text, include) == NULL) fail_msg("%s has no %s", source->path, include);
        }
        mem_free(text);
        if (n > 0) assert_true(strcmp(source[-1].path, source->path) < 0);
    }
    assert_true(n > 100);
}

/* Below the folder that runs cells, every include must be in the table, else a change in it would go unseen. */
static void no_include_is_missing(void **state) {
    (void)state;
    for (const SourceFile *source = source_table; source->path != NULL; source++) {
        if (strncmp(source->path, "harness/run/", 12) == 0) continue;
        for (const char *at = source->includes; *at != '\0'; at += strcspn(at, " ") + 1) {
            size_t len = strcspn(at, " ");
            const SourceFile *found = source_table;
            if (strncmp(at, "gen/", 4) == 0) continue;
            while (found->path != NULL && (strlen(found->path) != len || strncmp(found->path, at, len) != 0)) found++;
            if (found->path == NULL)
                fail_msg("%s includes %.*s, which is not in the table", source->path, (int)len, at);
        }
    }
}

/* A cell of every op: all kernels of its device must be reached, but those that only serve messages and memory, and
 * the opening of a device. */
static void every_kernel_is_reached(void **state) {
    const char *device = *state;
    int n = 0;
    const Op *const *ops = op_table(&n);
    const char *names[256];
    char *listing = NULL;
    Settings *settings = NULL;
    assert_true(n <= 256);
    for (int i = 0; i < n; i++) names[i] = ops[i]->name;
    assert_int_equal(settings_new(&settings), ERR_OK);
    if (sources_listing(&listing, settings, device, names, (size_t)n) != ERR_OK) fail_msg("%s", err_message());
    static const char *const idle[] = {"kernels/err.",       "kernels/mem.",        "kernels/near.",
                                       "kernels/machine.",   "kernels/libmem.",     "kernels/cuda_driver.",
                                       "kernels/cuda_open.", "kernels/cuda_plugin."};
    for (const SourceFile *source = source_table; source->path != NULL; source++) {
        bool expected = strncmp(source->path, "kernels/", 8) == 0;
        if (strcmp(device, "cpu") == 0) expected = expected && strstr(source->path, ".cu") == NULL;
        for (size_t i = 0; i < sizeof idle / sizeof idle[0]; i++)
            expected = expected && strncmp(source->path, idle[i], strlen(idle[i])) != 0;
        if (expected && strstr(listing, source->path) == NULL) fail_msg("%s is not reached", source->path);
    }
    assert_non_null(strstr(listing, "  models/plan.c\n"));
    assert_non_null(strstr(listing, "  models/plan_verify.c\n"));
    assert_non_null(strstr(listing, "  harness/data/data_options.c\n")); /* defaults decide, too */
    assert_non_null(strstr(listing, "  harness/data/synth.c\n"));
    assert_null(strstr(listing, "models/focus/"));
    assert_null(strstr(listing, "harness/data/import"));
    mem_free(listing);
    settings_free(settings);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_are_those_of_the_files),
        cmocka_unit_test(no_include_is_missing),
        {"every kernel is reached on cpu", every_kernel_is_reached, NULL, NULL, (void *)(uintptr_t) "cpu"},
        {"every kernel is reached on cuda", every_kernel_is_reached, NULL, NULL, (void *)(uintptr_t) "cuda"},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
