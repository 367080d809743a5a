/* What a cell costs beside memory: disk from what will be recorded, time from what was. */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "harness/record/results.h"
#include "harness/report/plan_parts.h"
#include "harness/run/probe.h"
#include "harness/run/publish.h"
#include "kernels/device.h"
#include "kernels/mem.h"

/* ---- disk ---- */

/* Bytes beside the numbers: of a parameter's dataset and its axes, of a tensor and a node in the lists of memory/, of
 * all else. Measured on sealed cells. */
enum { PARAM_BYTES = 1500, TENSOR_BYTES = 60, NODE_BYTES = 60, FILE_BYTES = 112 << 10 };

static int64_t role_bytes(const RecordMemory *memory, const char *role) {
    for (size_t i = 0; i < memory->n_roles; i++)
        if (strcmp(memory->by_role[i].name, role) == 0) return memory->by_role[i].bytes;
    return 0;
}

/* How often something happens that is due every `every` steps, and after the last. */
static int64_t n_times(int64_t steps, int64_t every) { return every <= 0 ? 1 : (steps + every - 1) / every; }

/* Maps and centres of the recorded samples, images and boxes. */
static int64_t attention_bytes(const Survey *survey, int64_t steps) {
    const Settings *s = survey->settings;
    const DataFacts *facts = &survey->facts;
    const int64_t samples = settings_int(s, "record.attention_samples"), t = facts->n_steps_eval;
    const int64_t maps = n_times(steps, settings_int(s, "record.attention_every")) * samples * t;
    return maps * (survey->n_positions + 2) * (int64_t)sizeof(float) +
           samples * ((int64_t)facts->height * facts->width * 3 + t * 4 * (int64_t)sizeof(float));
}

int64_t plan_disk_bytes(const Survey *survey) {
    const RecordMemory *memory = &survey->record->memory;
    const int64_t steps = settings_int(survey->settings, "train.steps");
    const bool has_valid = data_has_set(survey->settings, "valid");
    const int64_t kept = role_bytes(memory, "param");
    int64_t n_params = 0;
    for (size_t i = 0; i < memory->n_tensors; i++) n_params += strcmp(memory->tensors[i].role, "param") == 0;
    const int64_t sets = has_valid ? 2 : 1; /* the last, and the best on valid */
    const int64_t curves = steps * (int64_t)(sizeof(int64_t) + (CURVE_COUNT + 1) * sizeof(float));
    const int64_t lists = (int64_t)memory->n_tensors * TENSOR_BYTES + (int64_t)memory->n_nodes * NODE_BYTES;
    const int64_t sealed = sets * (kept + n_params * PARAM_BYTES) + curves + lists + FILE_BYTES;
    return sealed + (has_valid ? attention_bytes(survey, steps) : 0);
}

/* ---- time ---- */

/* *sum, *n: wall time of finished cells of these settings, of any seed. */
static Err add_times(const Results *results, const char *identity, const char *device, double *sum, int *n) {
    Err err = ERR_OK;
    CellRecord *record = NULL;
    for (size_t i = 0; i < results_count(results); i++) {
        const CellRecord *head = results_cell(results, i);
        if (head->status != CELL_DONE || head->identity == NULL || strcmp(head->identity, identity) != 0) continue;
        TRY(results_read(results, i, PART_VOLATILE | PART_PROVENANCE, &record));
        const char *on = record_provenance_find(record, "device");
        if (on != NULL && strcmp(on, device) == 0 && record->times.wall_seconds > 0) {
            *sum += record->times.wall_seconds;
            ++*n;
        }
        record_free(record);
        record = NULL;
    }
done:
    record_free(record);
    return err;
}

static Err time_rows(PlanTable *table, const Results *results, const char *path) {
    Err err = ERR_OK;
    char *identity = NULL;
    for (size_t i = 0; i < table->n_rows; i++) {
        double sum = 0;
        int n = 0;
        TRY(settings_identity(table->row[i].survey->settings, &identity));
        TRY(add_times(results, identity, device_name(table->surveys->device), &sum, &n));
        mem_free(identity);
        identity = NULL;
        if (n == 0) continue;
        table->row[i].seconds = sum / n;
        if (table->timed_by == NULL)
            TRY(pool_printf(&table->pool, &table->timed_by, "of finished cells of the same settings, in %s", path));
    }
done:
    mem_free(identity);
    return err;
}

static Err times_of_results(PlanTable *table, const char *folder) {
    Err err = ERR_OK;
    char *path = NULL;
    Results *results = NULL;
    TRY(publish_file(&path, folder, table->grid));
    if (access(path, R_OK) == 0 && results_open_tried(&results, path, NULL, PART_VOLATILE) == ERR_OK) {
        err = time_rows(table, results, path);
        if (err == ERR_DATA) err = ERR_OK; /* damaged: `table` and `pack` say so; a plan does not need it */
    }
done:
    results_close(results);
    mem_free(path);
    return err;
}

/* Cells over budget are never trained. */
static Err times_of_steps(PlanTable *table, const char *device, int n_threads) {
    Err err = ERR_OK;
    for (size_t i = 0; i < table->n_rows; i++) {
        PlanRow *row = &table->row[i];
        const Cell *cell = &table->grid->cells[row->first];
        double step = NAN;
        if (row->over) continue;
        err = probe_step(&step, cell->settings, cell->seed, device, n_threads);
        if (err == ERR_NOMEM) continue;
        if (err != ERR_OK) return grid_blame(err, table->grid, cell);
        row->seconds = step * (double)settings_int(cell->settings, "train.steps");
    }
    return pool_printf(&table->pool, &table->timed_by,
                       "train.steps times the median of %d steps on %d thread%s here, without evaluations",
                       (int)PROBE_STEPS, n_threads, n_threads == 1 ? "" : "s");
}

Err plan_times(PlanTable *table, const PlanOptions *options) {
    if (options->probe_threads > 0) return times_of_steps(table, options->probe_device, options->probe_threads);
    return times_of_results(table, options->results);
}
