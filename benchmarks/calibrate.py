"""Run the Monte Carlo of models, covariances, spillovers and dynamics and write their tables."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks import (
    covariance_calibration,
    dynamics_calibration,
    forecast_calibration,
    mediation_calibration,
    network_calibration,
    policy_calibration,
    short_panel_calibration,
    spillover_calibration,
    weights_calibration,
)
from benchmarks.calibration import designs, estimate, p_values, run, sizes, summarise

PARTS = {
    "covariances": covariance_calibration.run,
    "dynamics": dynamics_calibration.run,
    "forecast": forecast_calibration.run,
    "mediation": mediation_calibration.run,
    "policy": policy_calibration.run,
    "networks": network_calibration.run,
    "short-panels": short_panel_calibration.run,
    "weights": weights_calibration.run,
}


def main() -> None:
    """Run all tables, or those of one part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=2000)
    parser.add_argument("--part", choices=["all", "models", *PARTS, "spillovers"], default="all")
    parser.add_argument("--jobs", type=int, default=-1)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    arguments = parser.parse_args()
    options = {"replications": arguments.replications, "n_jobs": arguments.jobs}
    folder = arguments.output
    folder.mkdir(parents=True, exist_ok=True)
    if arguments.part in ("all", "models"):
        estimators, tests = designs()
        run(p_values, sizes, tests, folder / "calibration_tests.csv", **options)
        run(
            estimate,
            summarise,
            estimators,
            folder / "calibration_estimates.csv",
            **options,
        )
    for part, run_part in PARTS.items():
        if arguments.part in ("all", part):
            run_part(folder, **options)
    if arguments.part in ("all", "spillovers"):
        # Four times fewer: each takes a second.
        options["replications"] = max(arguments.replications // 4, 1)
        spillover_calibration.run(folder, **options)


if __name__ == "__main__":
    main()
