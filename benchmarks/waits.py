"""What users wait for: import, first call, study, maps, policy, Moran, the specification path.

Import and first call run in a Python of their own with compiled kernels on disk. Their peers are
the import of the packages that the same lines need, and the same lines written with these.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

import nqp_spatial as nq
from benchmarks.calls import described, drawn, panel_of, path, studied
from benchmarks.calls import fit as fitted
from benchmarks.measure import measure, row

RINGS_KM = (60, 120)
IMPORT = "import nqp_spatial"
IMPORT_OF_OTHERS = "import geopandas, libpysal, esda, spreg, matplotlib.pyplot"
TEN_LINES = """
import nqp_spatial as nq
panel = nq.datasets.us_public_capital()
w = nq.weights.contiguity(panel)
res = nq.fit("lgsp ~ lpcap + lpc + lemp + unemp", panel, w, model="sdm", effects="two-way")
print(res.summary)
effects = res.effects(draws=1000, seed=0)
nq.report.effects_table(effects, "effects.docx")
lisa = nq.esda.lisa(panel, "lgsp", w, period=1986, seed=0)
nq.plots.save(nq.plots.lisa_map(lisa, panel), "lisa")
"""
LINES_OF_OTHERS = """
import esda, geopandas, matplotlib, numpy, pandas, spreg
from libpysal.weights import Queen
matplotlib.use("agg")
frame, states = pandas.read_csv("panel.csv"), geopandas.read_file("states.gpkg")
w = Queen.from_dataframe(states, use_index=False)
w.transform = "r"
long = frame.sort_values(["period", "unit"])
x = long[["lpcap", "lpc", "lemp", "unemp"]].to_numpy()
res = spreg.ML_LagFE(long[["lgsp"]].to_numpy(), x, w, slx_lags=1)
print(res.summary)
local = esda.Moran_Local(long["lgsp"].to_numpy()[-48:], w, permutations=999)
states["q"] = numpy.where(local.p_sim < 0.05, local.q, 0)
axes = states.plot("q", categorical=True, legend=True)
axes.figure.savefig("lisa.png", dpi=300)
axes.figure.savefig("lisa.pdf")
"""


def program(lines: str):
    """Lines in a Python of their own, in a folder with the panel and its map."""
    folder = Path(tempfile.mkdtemp())
    panel = nq.datasets.us_public_capital()
    panel.frame.reset_index().to_csv(folder / "panel.csv", index=False)
    panel.geometry.reset_index()[["unit", "geometry"]].to_file(folder / "states.gpkg")

    def call() -> dict:
        subprocess.run(
            [sys.executable, "-c", lines], cwd=folder, check=True, stdout=subprocess.DEVNULL
        )
        return {}

    return call


def study():
    """Return a study of 48 states over 41 years."""
    call = studied()
    return lambda: {"value": call()}


def map_of_clusters():
    """Save a map of 48 states with its legend as PNG and PDF."""
    call = drawn()
    return lambda: {"value": call()}


def plain_map():
    """Save the same map by geopandas, without base map, scale bar and text that can be edited."""
    import matplotlib.pyplot as plt

    panel = nq.datasets.us_public_capital()
    lisa = nq.esda.lisa(panel, "lgsp", nq.weights.contiguity(panel), period=1986, seed=0)
    states = panel.geometry.assign(cluster=lisa.frame["cluster"].to_numpy())
    folder = Path(tempfile.mkdtemp())

    def call() -> dict:
        axes = states.plot("cluster", categorical=True, legend=True)
        for ending in ("png", "pdf"):
            axes.figure.savefig(folder / f"lisa.{ending}", dpi=300)
        plt.close(axes.figure)
        return {}

    return call


def moran(n: int):
    """Moran's I of one period with 999 permutations."""
    call = described(n, 1, "esda.moran", given=("y",), with_weights=True, seed=0)
    return lambda: {"value": call()}


def moran_of_esda(n: int):
    """Compute the same statistic by esda."""
    from esda import Moran

    panel, w = panel_of(n, 1)
    values, old = panel.wide("y").to_numpy().ravel(), w.to_W()

    def call() -> dict:
        return {"value": Moran(values, old, permutations=999).I}

    return call


def specification(n: int, periods: int):
    """Return the specification path: ten models and their tests."""
    call = path(n, periods)
    return lambda: {"value": call()}


def durbin(n: int, periods: int):
    """One spatial Durbin model with effects."""
    call = fitted(n, periods, model="sdm", effects="unit")
    return lambda: {"value": call()}


def policy_panel(n: int, periods: int) -> nq.SpatialPanel:
    """Half of the zones adopt at three dates."""
    panel, _ = panel_of(n, periods)
    date = np.random.default_rng(4).choice([8.0, 10.0, 12.0, np.nan], n, p=[0.1, 0.1, 0.1, 0.7])
    units = panel.frame.index.get_level_values("unit").to_numpy()
    times = panel.frame.index.get_level_values("period").to_numpy(dtype=float)
    return panel.assign(pilot=(times >= date[units]).astype(int))


def policy(n: int, periods: int):
    """Own effect and effects within two rings, clustered by unit; nothing else."""
    panel = policy_panel(n, periods)
    options = {"rings_km": [0, *RINGS_KM], "on_treated": "included", "horizon": 0}
    without = {"leads": 0, "placebo": 0}

    def call() -> dict:
        result = nq.spillovers.policy(panel, "y", treatment="pilot", **options, **without)
        return {"own": float(result.frame["estimate"].iloc[0])}

    return call


def policy_of_others(n: int, periods: int):
    """Estimate the same by diff-diff."""
    import diff_diff

    from nqp_spatial.weights._coordinates import coordinates_of

    panel = policy_panel(n, periods)
    frame = panel.frame[["y", "pilot"]].reset_index()
    frame["lon"], frame["lat"] = np.repeat(coordinates_of(panel).degrees, periods, axis=0).T

    def call() -> dict:
        estimator = diff_diff.SpilloverDiD(
            rings=[0, *RINGS_KM], conley_coords=("lat", "lon"), cluster="unit"
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = estimator.fit(
                frame, outcome="y", unit="unit", time="period", treatment="pilot"
            )
        return {"own": float(result.att)}

    return call


def rows() -> list[dict]:
    """Run all cases."""
    here, table = "benchmarks.waits", []
    for words, lines, others in (
        ("import", IMPORT, IMPORT_OF_OTHERS),
        ("first call: the ten lines of the README", TEN_LINES, LINES_OF_OTHERS),
    ):
        a = measure(f"{here}:program", lines, repeats=3)
        b = measure(f"{here}:program", others, repeats=3)
        table.append(row(words, a, "geopandas, libpysal, esda, spreg, matplotlib", b))
    a, b = measure(f"{here}:map_of_clusters", repeats=3), measure(f"{here}:plain_map", repeats=3)
    table.append(row("map of local clusters, 48 states, PNG and PDF", a, "geopandas", b))
    a, b = measure(f"{here}:study", repeats=1), measure(f"{here}:map_of_clusters", repeats=3)
    table.append(row("study, 48 states, T = 41", a, "one map", b))
    for n in (3_000, 100_000):
        a = measure(f"{here}:moran", n, repeats=3)
        b = measure(f"{here}:moran_of_esda", n, repeats=1, warm=False)
        table.append(row(f"Moran's I, 999 permutations, n = {n}", a, "esda Moran", b))
    for n, periods in ((332, 9), (3_000, 10)):
        a = measure(f"{here}:specification", n, periods, repeats=3)
        b = measure(f"{here}:durbin", n, periods, repeats=5)
        table.append(row(f"specification path, n = {n}, T = {periods}", a, "one SDM, effects", b))
    a = measure(f"{here}:policy", 332, 20, repeats=3)
    b = measure(f"{here}:policy_of_others", 332, 20, repeats=1, warm=False)
    assert abs(a.facts["own"] / b.facts["own"] - 1) < 1e-8, "the two estimate different effects"
    table.append(row("policy, two rings, n = 332, T = 20", a, "diff-diff SpilloverDiD", b))
    return table
