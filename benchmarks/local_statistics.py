"""Local and global statistics with 999 permutations, beside esda, in processor time."""

from __future__ import annotations

import warnings
from functools import lru_cache

import esda
import numpy as np
import pandas as pd
from libpysal.weights import W as PysalWeights

import nqp_spatial as nq
from benchmarks.cases import lattice
from benchmarks.measure import measure, row

SIDES = {300: (15, 20), 3_000: (50, 60), 100_000: (250, 400), 1_000_000: (1_000, 1_000)}
PERMUTATIONS = 999
OURS = {
    "local Moran": lambda panel, w: nq.esda.lisa(panel, "x", w),
    "local Geary": lambda panel, w: nq.esda.local_geary(panel, "x", w),
    "Getis-Ord Gi": lambda panel, w: nq.esda.getis_ord(panel, "x", w, star=False),
    "bivariate local Moran": lambda panel, w: nq.esda.bivariate_lisa(panel, "x", "z", w),
    "Moran's I": lambda panel, w: nq.esda.moran(panel, "x", w),
    "Geary's c": lambda panel, w: nq.esda.geary(panel, "x", w),
    "bivariate Moran's I": lambda panel, w: nq.esda.bivariate_moran(panel, "x", "z", w),
    "join counts": lambda panel, w: nq.esda.join_counts(panel, "kind", w),
}
THEIRS = {
    "local Moran": lambda x, z, w: esda.Moran_Local(x, w, permutations=PERMUTATIONS, seed=0),
    "local Geary": lambda x, z, w: esda.Geary_Local(
        w, permutations=PERMUTATIONS, n_jobs=1, seed=0
    ).fit(x),
    "Getis-Ord Gi": lambda x, z, w: esda.G_Local(x, w, permutations=PERMUTATIONS, seed=0),
    "bivariate local Moran": lambda x, z, w: esda.Moran_Local_BV(
        x, z, w, permutations=PERMUTATIONS, seed=0
    ),
    "Moran's I": lambda x, z, w: esda.Moran(x, w, permutations=PERMUTATIONS),
    "Geary's c": lambda x, z, w: esda.Geary(x, w, permutations=PERMUTATIONS),
    "bivariate Moran's I": lambda x, z, w: esda.Moran_BV(x, z, w, permutations=PERMUTATIONS),
    "join counts": lambda x, z, w: esda.Join_Counts(
        (x > np.median(x)).astype(int), w, permutations=PERMUTATIONS
    ),
}
# Those of which esda takes minutes with more units.
SMALL_ONLY = ("join counts",)


@lru_cache
def data(n: int) -> tuple[nq.SpatialPanel, nq.weights.SpatialWeights]:
    """Return a moderately smooth variable, noise and two categories on a lattice (queen)."""
    w, rng = lattice(*SIDES[n]), np.random.default_rng(0)
    x = rng.normal(size=n)
    x = x + 0.5 * (w.sparse @ x)
    frame = pd.DataFrame({"id": w.units, "x": x, "z": rng.normal(size=n)})
    frame["kind"] = np.where(x > np.median(x), "high", "low")
    return nq.SpatialPanel(frame, unit="id"), w


def pysal_weights(n: int) -> PysalWeights:
    """Return the lattice as row-standardised weights of libpysal."""
    w = data(n)[1].standardize("none").to_W()
    w.transform = "r"
    return w


def ours(name: str, n: int):
    """Compute a statistic of this package, compiled before it is timed."""
    OURS[name](*data(300))
    panel, w = data(n)

    def call() -> dict:
        OURS[name](panel, w)
        return {}

    return call


def theirs(name: str, n: int):
    """Compute the statistic of esda, compiled before it is timed."""
    warnings.simplefilter("ignore")

    def arguments(units: int) -> tuple:
        panel = data(units)[0]
        return panel.values("x")[:, 0], panel.values("z")[:, 0], pysal_weights(units)

    THEIRS[name](*arguments(300))
    prepared = arguments(n)

    def call() -> dict:
        THEIRS[name](*prepared)
        return {}

    return call


def rows(sizes: tuple[int, ...] = tuple(SIDES)[1:]) -> list[dict]:
    """Run all cases; with a million units those of this package alone."""
    table = []
    for n in sizes:
        repeats = 3 if n < 1_000_000 else 1
        for name in OURS:
            case = f"{name}, n = {n}, {PERMUTATIONS} permutations"
            a = measure("benchmarks.local_statistics:ours", name, n, repeats=repeats, warm=False)
            if n == 1_000_000 or (n > 3_000 and name in SMALL_ONLY):
                table.append(row(case, a))
                continue
            b = measure("benchmarks.local_statistics:theirs", name, n, repeats=1, warm=False)
            table.append(row(case, a, "esda", b))
    return table
