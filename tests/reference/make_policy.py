"""Write policy.json: rings of a policy on US states by the package diff-diff.

Run it as ``python -m tests.reference.make_policy``; diff-diff 3.13.0 made the numbers in the file.
Standard errors are given as the program prints them, and with the full set of dummies in the first
step: its own leaves out a unit, a period and the constant.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
from scipy import sparse

import nqp_spatial as nq
from nqp_spatial.weights._coordinates import coordinates_of

DATES = {"WA": 1975, "ME": 1975, "FL": 1978, "NM": 1978, "MI": 1980, "VA": 1980, "LA": 1980}
RINGS = [0, 400, 700]


def policy_panel() -> nq.SpatialPanel:
    """Return the US states with dates of a policy that did not happen."""
    panel = nq.datasets.us_public_capital()
    start = panel.frame.index.get_level_values("unit").map(DATES).to_numpy(dtype=float)
    periods = panel.frame.index.get_level_values("period").to_numpy(dtype=float)
    return panel.assign(pilot=(periods >= start).astype(int))


def full_design(units, periods, mask):
    """Return dummies of all units and all periods but one, of all and of clean cells."""
    size = len(units)
    places = np.arange(size)
    by_unit = sparse.csr_matrix((np.ones(size), (places, units)))
    by_period = sparse.csr_matrix((np.ones(size), (places, periods)))[:, 1:]
    design = sparse.hstack([by_unit, by_period]).tocsr()
    return design, sparse.diags(mask.astype(float)) @ design


def main() -> None:
    """Write the file."""
    import diff_diff
    import diff_diff.spillover as program

    warnings.simplefilter("ignore")
    panel = policy_panel()
    frame = panel.frame[["lgsp", "pilot"]].reset_index()
    degrees = coordinates_of(panel).degrees
    frame["lon"], frame["lat"] = np.repeat(degrees, panel.n_periods, axis=0).T
    shipped = program._build_butts_fe_design_csr
    numbers: dict[str, object] = {"version": diff_diff.__version__}
    for name, design in [("printed", shipped), ("full_dummies", full_design)]:
        program._build_butts_fe_design_csr = design
        result = diff_diff.SpilloverDiD(
            rings=RINGS, conley_coords=("lat", "lon"), cluster="unit"
        ).fit(frame, outcome="lgsp", unit="unit", time="period", treatment="pilot")
        numbers["estimates"] = [result.att, *result.spillover_effects["coef"]]
        numbers[name] = [result.se, *result.spillover_effects["se"]]
    text = json.dumps(numbers, indent=1)
    Path(__file__).with_name("policy.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
