"""Write geometrics.json: log t tests and convergence clubs by the package geometrics.

Run it as ``python -m tests.reference.make_geometrics``; geometrics 0.1.3 made the numbers in the
file. Its critical value of the sieve rises until a club converges.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

import nqp_spatial as nq

#: Units of panels whose incomes wander: many clubs.
SIZES = (50, 150)
PERIODS = 20


def wandering(n: int) -> np.ndarray:
    """Return logs of incomes of n units over 20 periods."""
    rng = np.random.default_rng(n)
    steps = 0.03 * rng.normal(size=(n, PERIODS))
    return 9 + 0.6 * rng.normal(size=(n, 1)) + np.cumsum(steps + 0.02, axis=1)


def panel_of(values: np.ndarray) -> nq.SpatialPanel:
    """Return a panel of one variable, y."""
    n, periods = values.shape
    units, times = np.repeat(np.arange(n), periods), np.tile(np.arange(periods), n)
    frame = pd.DataFrame({"id": units, "t": times, "y": values.ravel()})
    return nq.SpatialPanel(frame, unit="id", period="t")


def main() -> None:
    """Write the file."""
    from importlib.metadata import version

    from geometrics.clubs import analyze_convergence_clubs

    warnings.simplefilter("ignore")
    panels = {str(n): panel_of(wandering(n)) for n in SIZES}
    panels["us_income"] = nq.datasets.us_income().assign(y=lambda d: np.log(d["income"]))
    numbers: dict[str, object] = {"version": version("geometrics")}
    for name, panel in panels.items():
        frame = panel.frame[["y"]].reset_index()
        result = analyze_convergence_clubs(
            frame, "y", entity="unit", time="period", hp_filter=False, trim=1 / 3, merge="none"
        )
        members = result.membership.set_index("entity")["club"]
        numbers[name] = {
            "b": result.global_beta,
            "t": result.global_tstat,
            "clubs": [int(members[str(unit) if unit not in members.index else unit])
                      for unit in panel.units],
        }  # fmt: skip
    text = json.dumps(numbers, indent=None)
    Path(__file__).with_name("geometrics.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
