"""Run the Monte Carlo of models, covariances, spillovers and dynamics and write their tables.

With ``--dask tcp://HOST:8786`` the workers of a Dask cluster compute them. Each panel has a seed of
its own, so that the tables are the same for any number of workers, here or elsewhere. The cluster
needs this package and its extra ``cluster``; the code of this folder is sent to it.
"""

from __future__ import annotations

import argparse
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
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
from nqp_spatial.core.cluster import on_cluster

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


@contextmanager
def workers(address: str | None) -> Iterator[None]:
    """Compute on a Dask cluster, which gets the code of this folder; here without an address."""
    with on_cluster(address) as client, tempfile.TemporaryDirectory() as folder:
        if client is not None:
            archive = Path(folder) / "benchmarks_code.zip"
            with zipfile.ZipFile(archive, "w") as code:
                for path in sorted(Path(__file__).parent.glob("*.py")):
                    code.write(path, f"benchmarks/{path.name}")
            client.upload_file(str(archive))
        yield


def main() -> None:
    """Run all tables, or those of one part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=2000)
    parser.add_argument("--part", choices=["all", "models", *PARTS, "spillovers"], default="all")
    parser.add_argument("--jobs", type=int, default=-1)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    parser.add_argument("--dask", metavar="ADDRESS", help="of a Dask scheduler: tcp://HOST:8786")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    with workers(arguments.dask):
        tables(arguments)


def tables(arguments: argparse.Namespace) -> None:
    """Write the tables that were asked for."""
    options = {"replications": arguments.replications, "n_jobs": arguments.jobs}
    folder = arguments.output
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
