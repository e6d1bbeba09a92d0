"""Run every benchmark and print one table."""

import time

import pandas as pd

from benchmarks import durbin, spatial_markov, weights_builders

if __name__ == "__main__":
    start = time.perf_counter()
    found = pd.DataFrame([*durbin.rows(), *spatial_markov.rows(), *weights_builders.rows()])
    print(found.to_string(index=False))
    print(f"\n{time.perf_counter() - start:.0f} s in all; seconds are medians of single calls")
