"""Run every benchmark, or those named, and write one table; ``growth`` is a table of its own.

``earlier=FOLDER`` compares the same calls with an earlier version in a checkout.
"""

from __future__ import annotations

import platform
import sys
import time
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pandas as pd

from benchmarks import (
    averaging,
    clubs,
    durbin,
    dynamic_models,
    earlier,
    inequality,
    inference,
    large,
    local_statistics,
    panel_models,
    slow_functions,
    spatial_markov,
    spillovers,
    waits,
    weights_builders,
)

TABLES = {
    "waits": waits.rows,
    "clubs": clubs.rows,
    "durbin": durbin.rows,
    "inequality": inequality.rows,
    "inference": inference.rows,
    "panel_models": panel_models.rows,
    "spatial_markov": spatial_markov.rows,
    "spillovers": spillovers.rows,
    "weights_builders": weights_builders.rows,
    "averaging": averaging.rows,
    "large": large.rows,
    "local_statistics": local_statistics.rows,
    "dynamic_models": dynamic_models.rows,
    "slow_functions": slow_functions.rows,
}
PEERS = (
    "esda",
    "giddy",
    "libpysal",
    "spreg",
    "diff-diff",
    "geometrics",
    "numba",
    "scipy",
    "cvxopt",
)
OUTPUT, OUTPUT_EARLIER = (Path(__file__).with_name(f"{name}.md") for name in ("table", "earlier"))


def rounded(value: object) -> str:
    """Three significant digits of a float."""
    if not isinstance(value, float):
        return str(value)
    if value != value:
        return ""
    digits = f"{value:.3g}"
    return f"{value:.0f}" if "e+" in digits else digits


def markdown(table: pd.DataFrame) -> str:
    """Return a table of Markdown."""
    lines = [table.columns, ["---"] * table.shape[1], *table.map(rounded).to_numpy()]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def versions() -> str:
    """Return the versions of the peers that are here."""
    known = []
    for name in PEERS:
        try:
            known.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(known)


def main(names: list[str]) -> None:
    """Run the tables; what is done is written after each of them."""
    start, rows = time.perf_counter(), []
    words = " ".join(name.partition("=")[0] for name in names)
    output = OUTPUT_EARLIER if any("=" in name for name in names) else OUTPUT
    growth = []
    for name in names:
        kind, _, folder = name.partition("=")
        if kind == "growth":
            growth.append(markdown(panel_models.growth()))
        else:
            rows += earlier.rows(folder) if folder else TABLES[name]()
        minutes = (time.perf_counter() - start) / 60
        head = (
            f"One run of `python -m benchmarks {words}`, {date.today()}, {minutes:.0f} "
            f"minutes, Python {platform.python_version()}; {versions()}."
        )
        parts = [markdown(pd.DataFrame(rows))] if rows else []
        output.write_text("\n\n".join([head, *parts, *growth]) + "\n")
        print(f"{kind} is done, after {minutes:.1f} minutes", flush=True)
    print(output.read_text())


if __name__ == "__main__":
    main(sys.argv[1:] or [*TABLES, "growth"])
