"""Run the Monte Carlo of models, spillovers and dynamics and write their tables."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks import dynamics_calibration, short_panel_calibration, spillover_calibration
from benchmarks.calibration import designs, estimate, p_values, run, sizes, summarise


def main() -> None:
    """Run all tables, or those of one part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=2000)
    parser.add_argument(
        "--part",
        choices=["all", "models", "short-panels", "spillovers", "dynamics"],
        default="all",
    )
    parser.add_argument("--jobs", type=int, default=-1)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    given = parser.parse_args()
    options = {"replications": given.replications, "n_jobs": given.jobs}
    given.output.mkdir(parents=True, exist_ok=True)
    if given.part in ("all", "models"):
        estimators, tests = designs()
        run(p_values, sizes, tests, given.output / "calibration_tests.csv", **options)
        run(estimate, summarise, estimators, given.output / "calibration_estimates.csv", **options)
    if given.part in ("all", "short-panels"):
        short_panel_calibration.run(given.output, **options)
    if given.part in ("all", "dynamics"):
        dynamics_calibration.run(given.output, **options)
    if given.part in ("all", "spillovers"):
        # Four times fewer: each takes a second.
        options["replications"] = max(given.replications // 4, 1)
        spillover_calibration.run(given.output, **options)


if __name__ == "__main__":
    main()
