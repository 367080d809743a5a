/* The tile of tile.c for one instruction set: TILE_ROWS x 2 TILE_LANES elements of C held in registers. Included once
 * for each set, with TILE(name), TILE_TARGET, TILE_LANES, TILE_ROWS, TILE_V and the operations TILE_LOAD, TILE_STORE,
 * TILE_FILL, TILE_ADD and TILE_FMA (a b + c) defined. No include guard: it is a template. */

/* rows is a constant after inlining, so that acc stays in registers. */
TILE_TARGET static inline __attribute__((always_inline)) void TILE(rows)(int rows, const Tile *t, float *c,
                                                                         int64_t ldc) {
    TILE_V acc[TILE_ROWS][2];
    const float *b = t->b;
    for (int r = 0; r < rows; r++) acc[r][0] = acc[r][1] = TILE_FILL(0.0f);
    for (int64_t s = 0; s < t->n_segments; s++) {
        const float *a = t->a + s * t->a_segment;
        for (int64_t p = 0; p < t->k; p++, a += t->a_col, b += t->b_row) {
            TILE_V b0 = TILE_LOAD(b), b1 = TILE_LOAD(b + TILE_LANES);
            for (int r = 0; r < rows; r++) {
                TILE_V element = TILE_FILL(a[r * t->a_row]);
                acc[r][0] = TILE_FMA(element, b0, acc[r][0]);
                acc[r][1] = TILE_FMA(element, b1, acc[r][1]);
            }
        }
    }
    if (t->add)
        for (int r = 0; r < rows; r++) {
            acc[r][0] = TILE_ADD(TILE_LOAD(c + r * ldc), acc[r][0]);
            acc[r][1] = TILE_ADD(TILE_LOAD(c + r * ldc + TILE_LANES), acc[r][1]);
        }
    for (int r = 0; r < rows; r++) {
        TILE_STORE(c + r * ldc, acc[r][0]);
        TILE_STORE(c + r * ldc + TILE_LANES, acc[r][1]);
    }
}

TILE_TARGET static void TILE(run)(int rows, const Tile *t, float *c, int64_t ldc) {
    switch (rows) {
    case 1: TILE(rows)(1, t, c, ldc); return;
    case 2: TILE(rows)(2, t, c, ldc); return;
    case 3: TILE(rows)(3, t, c, ldc); return;
    case 4: TILE(rows)(4, t, c, ldc); return;
    case 5: TILE(rows)(5, t, c, ldc); return;
    case 6: TILE(rows)(6, t, c, ldc); return;
#if TILE_ROWS == 12
    case 7: TILE(rows)(7, t, c, ldc); return;
    case 8: TILE(rows)(8, t, c, ldc); return;
    case 9: TILE(rows)(9, t, c, ldc); return;
    case 10: TILE(rows)(10, t, c, ldc); return;
    case 11: TILE(rows)(11, t, c, ldc); return;
    case 12: TILE(rows)(12, t, c, ldc); return;
#endif
    default: ASSERT(!"a tile has so many rows");
    }
}

/* m rows, in tiles of nearly equal height: a tile of one row would wait for its own sums. */
TILE_TARGET static void TILE(column)(int64_t m, const Tile *t, float *c, int64_t ldc) {
    const int64_t n_tiles = (m + TILE_ROWS - 1) / TILE_ROWS;
    Tile tile = *t;
    for (int64_t i = 0; i < n_tiles; i++) {
        const int rows = (int)(m / n_tiles + (i < m % n_tiles));
        TILE(run)(rows, &tile, c, ldc);
        tile.a += rows * tile.a_row;
        c += rows * ldc;
    }
}

#undef TILE
#undef TILE_TARGET
#undef TILE_LANES
#undef TILE_ROWS
#undef TILE_V
#undef TILE_LOAD
#undef TILE_STORE
#undef TILE_FILL
#undef TILE_ADD
#undef TILE_FMA
