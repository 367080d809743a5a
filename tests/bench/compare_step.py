"""Interleaved timing of one training step: refocus against PyTorch, in one run, on one core.

    compare_step.py BENCH_STEP_PROGRAM LINES_FILE [--rounds N] [--steps N] [--json FILE]

Each side is a process that waits; in every round each runs a few steps, one side after the other, so that whatever slows
the machine slows both. PyTorch runs in both memory layouts and is compared in its faster one. A side whose loss does
not fall is an error: a fast step that learns nothing is no step.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


class Side:
    def __init__(self, name, command):
        env = dict(os.environ, OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
        core = max(os.sched_getaffinity(0))
        self.name = name
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env,
                                        preexec_fn=lambda: os.sched_setaffinity(0, {core}))
        self.wall, self.cpu, self.loss = [], [], []
        self.ready = self.process.stdout.readline().strip()
        if not self.ready.startswith("ready"):
            sys.exit("%s did not start" % name)

    def run(self, n, keep):
        self.process.stdin.write("%d\n" % n)
        self.process.stdin.flush()
        numbers = [float(x) for x in self.process.stdout.readline().split()]
        if len(numbers) != 3 * n:
            sys.exit("%s stopped" % self.name)
        self.loss += numbers[2::3]
        if keep:
            self.wall += numbers[0::3]
            self.cpu += numbers[1::3]

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    def summary(self):
        quartiles = statistics.quantiles(self.wall, n=4)
        return {"ms_median": quartiles[1], "ms_q1": quartiles[0], "ms_q3": quartiles[2],
                "cpu_ms_median": statistics.median(self.cpu), "steps": len(self.wall), "loss_first": self.loss[0],
                "loss_last": statistics.mean(self.loss[-8:])}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("lines")
    parser.add_argument("--rounds", type=int, default=24)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--json")
    options = parser.parse_args()
    torch_step = [sys.executable, os.path.join(HERE, "torch_step.py"), options.lines]
    sides = [Side("refocus", [options.program, "serve", options.lines]),
             Side("PyTorch, NCHW", torch_step + ["nchw"]),
             Side("PyTorch, channels last", torch_step + ["channels_last"])]
    if "reference BLAS" in sides[1].ready:
        sys.exit("PyTorch runs on the reference BLAS here, which is no fair opponent: apt-get install libopenblas0-pthread")
    warm = 4
    for i in range(warm + options.rounds):
        for side in sides if i % 2 == 0 else sides[::-1]:
            side.run(options.steps, keep=i >= warm)
    results = {side.name: side.summary() for side in sides}
    for side in sides:
        side.close()
    print("%-24s %10s %19s %12s" % ("training step, batch 32", "median ms", "quartiles", "processor ms"))
    for name, r in results.items():
        print("%-24s %10.1f %9.1f %9.1f %12.1f   loss %.3f -> %.3f" % (
            name, r["ms_median"], r["ms_q1"], r["ms_q3"], r["cpu_ms_median"], r["loss_first"], r["loss_last"]))
        if not r["loss_last"] < r["loss_first"]:
            sys.exit("%s does not learn" % name)
    fastest = min((n for n in results if n != "refocus"), key=lambda n: results[n]["ms_median"])
    ratio = results[fastest]["ms_median"] / results["refocus"]["ms_median"]
    print("refocus does %.2f steps in the time of one of %s (%s)" % (ratio, fastest, sides[1].ready[6:]))
    if options.json:
        with open(options.json, "w") as file:
            json.dump(dict(results, speed_ratio=ratio, against=fastest), file, indent=2)


if __name__ == "__main__":
    main()
