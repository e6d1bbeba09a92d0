"""Run the Monte Carlo of `benchmarks.calibration` and write its tables."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.calibration import designs, estimate, p_values, run, sizes, summarise


def main() -> None:
    """Run both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=-1)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    given = parser.parse_args()
    estimators, tests = designs()
    options = {"replications": given.replications, "n_jobs": given.jobs}
    given.output.mkdir(parents=True, exist_ok=True)
    run(p_values, sizes, tests, given.output / "calibration_tests.csv", **options)
    run(estimate, summarise, estimators, given.output / "calibration_estimates.csv", **options)


if __name__ == "__main__":
    main()
