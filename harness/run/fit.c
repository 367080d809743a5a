/* Searching by planning. */
#include "harness/run/fit.h"

#include <inttypes.h>
#include <stdio.h>

#include "harness/run/rig.h"

enum { MOST_BATCH = 65536 }; /* as the option's row has it */

typedef struct Search {
    Settings *settings; /* a copy, whose train.batch changes */
    Device device;
    uint64_t budget;
    Fit best; /* the largest that fits, so far */
} Search;

static Err peak_with(uint64_t *out, Search *s, int64_t batch) {
    Err err = ERR_OK;
    Rig rig = {0};
    char text[32];
    (void)snprintf(text, sizeof text, "%" PRId64, batch);
    TRY(settings_set(s->settings, "train.batch", text));
    TRY(rig_plan(&rig, &(RigSpec){.settings = s->settings, .parts = MODEL_TRAIN_AND_EVAL, .device = s->device}));
    *out = rig.plan.peak_bytes;
done:
    rig_close(&rig);
    return err;
}

static Err try_batch(Search *s, int64_t batch, bool *fits) {
    uint64_t peak = 0;
    const uint64_t reserve = (uint64_t)settings_int(s->settings, "memory.reserve");
    Err err = peak_with(&peak, s, batch);
    if (err != ERR_OK) return err;
    *fits = peak + reserve <= s->budget;
    if (*fits || batch == 1) s->best = (Fit){*fits ? batch : 0, peak};
    return ERR_OK;
}

Err fit_batch(Fit *out, const Settings *settings, Device device, uint64_t budget) {
    Err err = ERR_OK;
    Search s = {.device = device, .budget = budget};
    int64_t low = 0, high = 0, batch = settings_int(settings, "train.batch"); /* low fits, or is 0; high does not */
    bool fits = false;
    TRY(settings_copy(&s.settings, settings));
    TRY(try_batch(&s, batch, &fits));
    while (fits && batch < MOST_BATCH) {
        low = batch;
        batch = 2 * batch < MOST_BATCH ? 2 * batch : MOST_BATCH;
        TRY(try_batch(&s, batch, &fits));
    }
    while (!fits && low == 0 && batch > 1) {
        high = batch;
        batch /= 2;
        TRY(try_batch(&s, batch, &fits));
        if (fits) low = batch;
    }
    if (high == 0) high = fits ? batch + 1 : batch;
    while (low > 0 && high - low > 1) {
        batch = low + (high - low) / 2;
        TRY(try_batch(&s, batch, &fits));
        *(fits ? &low : &high) = batch;
    }
    *out = s.best;
done:
    settings_free(s.settings);
    return err;
}
