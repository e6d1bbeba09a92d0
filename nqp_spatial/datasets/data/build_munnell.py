"""Write ``munnell.csv``: the columns of linearmodels' table that `us_public_capital` reads.

Run by hand where linearmodels is installed; cells are copied as text, so that no digit changes::

    python nqp_spatial/datasets/data/build_munnell.py
"""

from __future__ import annotations

import bz2
import csv
from pathlib import Path

HEADER = """\
# Output, capital and labour of the 48 contiguous United States, 1970-1986: Munnell, A. (1990),
# "Why has productivity growth declined? Productivity and public investment", New England Economic
# Review, 3-22. Taken by build_munnell.py from linearmodels (datasets/munnell), whose licence is in
# LICENSE-linearmodels.txt. State, year, public capital, private capital, gross state product,
# employment, unemployment rate (%).
"""
COLUMNS = ["ST_ABB", "YR", "P_CAP", "PC", "GSP", "EMP", "UNEMP"]


def main() -> None:
    """Copy the columns, cell by cell."""
    import linearmodels.datasets.munnell as source

    folder = Path(source.__file__).parent
    with (
        bz2.open(folder / "munnell.csv.bz2", "rt", encoding="utf-8") as table,
        (Path(__file__).parent / "munnell.csv").open("w", encoding="utf-8", newline="") as copy,
    ):
        copy.write(HEADER)
        writer = csv.DictWriter(copy, COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(csv.DictReader(table))


if __name__ == "__main__":
    main()
