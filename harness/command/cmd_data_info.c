/* refocus data info: what is in a dataset file. */
#include <jansson.h>
#include <stdio.h>

#include "harness/command/command.h"
#include "harness/data/dataset.h"
#include "harness/report/jsonio.h"

static const CommandOption options[] = {COMMAND_OPTION_JSON, COMMAND_OPTION_END};

static void print_text(const DatasetFacts *facts, const Dataset *dataset) {
    printf("%s: refocus data import %s of %s\n\n", dataset_path(dataset), dataset_importer(dataset),
           dataset_origin(dataset));
    printf("%-8s %10s %12s %10s %12s\n", "split", "images", "with boxes", "boxes", "photographs");
    for (int s = 0; s < SPLIT_COUNT; s++) {
        const SplitFacts *split = &facts->split[s];
        printf("%-8s %10lld %12lld %10lld %12lld\n", split_name((Split)s), (long long)split->n_images,
               (long long)split->n_boxed, (long long)split->n_boxes, (long long)split->n_photos);
    }
    printf("\nsize          %d to %d wide, %d to %d high\n", (int)facts->min_width, (int)facts->max_width,
           (int)facts->min_height, (int)facts->max_height);
    printf("longest text  %d characters\n", (int)dataset_longest(dataset));
    printf("characters    %s\n", dataset_characters(dataset));
    printf("sha256        %s (verified)\n", dataset_sha256(dataset));
}

static Err print_json(const DatasetFacts *facts, const Dataset *dataset) {
    json_t *splits = json_object();
    for (int s = 0; s < SPLIT_COUNT; s++) {
        const SplitFacts *split = &facts->split[s];
        json_object_set_new(splits, split_name((Split)s),
                            json_pack("{s:I,s:I,s:I,s:I}", "images", (json_int_t)split->n_images, "images_with_boxes",
                                      (json_int_t)split->n_boxed, "boxes", (json_int_t)split->n_boxes, "photographs",
                                      (json_int_t)split->n_photos));
    }
    json_t *root = json_pack("{s:s,s:s,s:s,s:o,s:[i,i],s:[i,i],s:i,s:s,s:s}", "file", dataset_path(dataset), "importer",
                             dataset_importer(dataset), "origin", dataset_origin(dataset), "splits", splits, "width",
                             (int)facts->min_width, (int)facts->max_width, "height", (int)facts->min_height,
                             (int)facts->max_height, "longest_text", (int)dataset_longest(dataset), "characters",
                             dataset_characters(dataset), "sha256", dataset_sha256(dataset));
    if (root == NULL) {
        json_decref(splits);
        return err_set(ERR_DATA, "dataset %s: its attributes are not UTF-8", dataset_path(dataset));
    }
    return jsonio_put(stdout, root);
}

static Err run(const CommandLine *line) {
    Err err = ERR_OK;
    Dataset *dataset = NULL;
    DatasetFacts facts;
    TRY(dataset_open(&dataset, command_operand(line, 0)));
    TRY(dataset_verify(dataset));
    TRY(dataset_facts(&facts, dataset));
    if (command_has(line, "json"))
        TRY(print_json(&facts, dataset));
    else
        print_text(&facts, dataset);

done:
    dataset_close(dataset);
    return err;
}

const Command cmd_data_info = {.name = "data info",
                               .summary = "show what is in a dataset file, and verify its digest",
                               .usage = "FILE.h5",
                               .example = "refocus data info iiit5k.h5",
                               .options = options,
                               .n_operands_min = 1,
                               .n_operands_max = 1,
                               .run = run};
