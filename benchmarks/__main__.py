"""Run every benchmark, or those named, and print one table; ``growth`` is a table of its own."""

import sys
import time

import pandas as pd

from benchmarks import (
    averaging,
    clubs,
    durbin,
    inequality,
    inference,
    large,
    panel_models,
    spatial_markov,
    spillovers,
    weights_builders,
)

TABLES = {
    "averaging": averaging.rows,
    "clubs": clubs.rows,
    "durbin": durbin.rows,
    "inequality": inequality.rows,
    "inference": inference.rows,
    "large": large.rows,
    "panel_models": panel_models.rows,
    "spatial_markov": spatial_markov.rows,
    "spillovers": spillovers.rows,
    "weights_builders": weights_builders.rows,
}

if __name__ == "__main__":
    start = time.perf_counter()
    wanted = sys.argv[1:] or [*TABLES, "growth"]
    pd.set_option("display.max_colwidth", None)
    found = [line for name in wanted if name != "growth" for line in TABLES[name]()]
    if found:
        print(pd.DataFrame(found).to_string(index=False))
    if "growth" in wanted:
        print(panel_models.growth().to_string(index=False))
    print(f"\n{time.perf_counter() - start:.0f} s in all; seconds are medians of single calls")
