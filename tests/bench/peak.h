/* The most multiply-adds in float that one core can do: what the convolutions are measured against. */
#ifndef TESTS_BENCH_PEAK_H
#define TESTS_BENCH_PEAK_H

/* GFLOP/s (a multiply-add counts 2) over about `seconds` of independent fused multiply-adds in registers, in the widest
 * vectors that the CPU has. */
double peak_gflops(double seconds);

/* "avx512f", "avx2" or "scalar": what peak_gflops uses here. */
const char *peak_instructions(void);

/* Seconds of a clock that does not jump, and of processor time of this process. */
double bench_wall(void);
double bench_cpu(void);

#endif
