/* See lock_fixture.h. */
#include "tests/lock_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/device.h"
#include "tests/record_fixture.h"

void lock_fixture_plan(Lock *out, Device device, const char *const *overrides, size_t n) {
    Grid *grid = NULL;
    Surveys surveys = {0};
    *out = (Lock){0};
    assert_ok(grid_load(&grid, LOCK_FIXTURE_GRID, overrides, n, device_name(device)));
    assert_ok(survey_grid(&surveys, grid, NULL, false));
    assert_ok(lock_of_surveys(out, grid, &surveys, device_class(device)));
    surveys_clear(&surveys);
    grid_free(grid);
}

void small_make(Small *s) {
    *s = (Small){.seeds = {{0, 1, 2, 5}, {0, 1}, {7}}};
    s->cells[0] = (LockCells){"base", 4, 4, s->seeds[0]};
    s->cells[1] = (LockCells){"rev,lambda=0.5", 2, 2, s->seeds[1]};
    s->cells[2] = (LockCells){"base", 1, 1, s->seeds[2]};
    RecordBytes tensors[] = {{"dec.t00.h", 100},         {"dec.t01.h", 100}, {"dec.t02.h", 100},
                             {"dec.t00.h.scratch", 640}, {"enc.y", 9000},    {"tiny", 4}};
    for (int i = 0; i < 2; i++) {
        memcpy(s->tensors[i], tensors, sizeof tensors);
        s->modules[i][0] = (RecordBytes){"all", 9944};
        s->modules[i][1] = (RecordBytes){"gaps", 56};
        s->plan[i] = (LockPlan){.peak_bytes = 10000, .peak_node = "enc.relu'", .n_modules = 2, .n_tensors = 6};
        s->plan[i].modules = s->modules[i];
        s->plan[i].tensors = s->tensors[i];
    }
    s->plan[0].device = "cpu-x";
    s->plan[0].cells = (LockCellList){2, 2, s->cells};
    s->plan[1].device = "cuda";
    s->plan[1].cells = (LockCellList){1, 1, &s->cells[2]};
    s->lock = (Lock){.experiment = "small", .n_plans = 2, .room = 2, .plan = s->plan};
}
