"""A whole study in one call: from a table and a shapefile to a report.

The input files are written first; a user would already have them. The report is
`output/08_study/report/index.html`. The corresponding commands are `nqp-spatial init`, `check` and
`study`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import nqp_spatial as nq

OUTPUT = Path("output") / "08_study"
SOUTH = {"TX", "OK", "AR", "LA", "MS", "AL", "GA", "FL", "TN", "SC", "NC", "VA", "WV", "KY"}


def files() -> None:
    """Write a table of state incomes since 1969 and a shapefile of the states."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    panel = nq.datasets.us_income().select(periods=list(range(1969, 2010)))
    table = panel.frame.reset_index()
    table["south"] = np.where(table["unit"].isin(SOUTH), "South", "rest")
    table.to_csv(OUTPUT / "incomes.csv", index=False)
    shapes = panel.geometry.reset_index()[["unit", "geometry"]]
    shapes.to_file(OUTPUT / "states.shp")


SETTINGS = {
    "study": {"title": "Incomes of American states, 1969-2009", "replications": 199},
    "data": {
        "panel": str(OUTPUT / "incomes.csv"),
        "geometry": str(OUTPUT / "states.shp"),
        "unit": "unit",
        "period": "period",
        "labels": {"income": "Income per head"},
    },
    "outcome": {"variable": "income", "logs": True},
    "groups": {"region": "south", "centre": "south"},
    "dynamics": {"states": 3, "lag_states": 3},
}


def main() -> None:
    """Check the settings, run the study and print the path of the report."""
    files()
    for finding in nq.report.check(SETTINGS):
        print(finding)
    print(nq.report.study(SETTINGS, OUTPUT / "report", progress=False))


if __name__ == "__main__":
    main()
