"""Monte Carlo of estimators and tests: bias, coverage of 95 % intervals, size of 5 % tests.

``python -m benchmarks.calibrate`` writes benchmarks/calibration_estimates.csv and
benchmarks/calibration_tests.csv. Panels are drawn from the model that is fitted, with normal errors
and unit effects that are correlated with the regressors unless they are random. Replication r of a
design has a seed of its own, so that any number of workers gives the same tables.
"""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from zlib import crc32

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

import nqp_spatial as nq
from benchmarks.cases import lattice
from nqp_spatial.regression._model_data import build_model_data
from nqp_spatial.regression._term_weights import TermWeights
from nqp_spatial.regression.diagnostics._lm_tests import lm_tests
from nqp_spatial.regression.diagnostics._model_tests import simplification_tests
from nqp_spatial.regression.diagnostics._random_effects_tests import random_effects_tests
from nqp_spatial.regression.diagnostics._residual_tests import pesaran_cd
from nqp_spatial.regression.spec import RegressionSpec

SHAPES = {(100, 5): (10, 10), (300, 10): (15, 20), (48, 30): (6, 8)}
BETA, THETA = np.array([1.0, -0.5]), np.array([0.3, 0.2])
FORMULA = "y ~ x1 + x2"
BURN_IN = 40


@dataclass(frozen=True)
class Design:
    """One cell of the tables."""

    model: str
    effects: str
    units: int
    periods: int
    tau: float = 0.0

    @property
    def rho(self) -> float:
        """Of W y."""
        if self.model not in ("sar", "sdm", "sac"):
            return 0.0
        return 0.3 if self.tau else 0.4

    @property
    def eta(self) -> float:
        """Of the lagged W y: what is left of a shock after a year has spread as far as it."""
        return -self.tau * self.rho

    @property
    def lam(self) -> float:
        """Of W u."""
        return {"sem": 0.4, "sdem": 0.4, "sac": 0.3}.get(self.model, 0.0)

    @property
    def theta(self) -> np.ndarray:
        """Of W X."""
        return THETA if self.model in ("slx", "sdm", "sdem") else np.zeros(2)

    @property
    def weights(self) -> nq.weights.SpatialWeights:
        """Queen contiguity on a lattice."""
        return _lattice(self.units, self.periods)

    def rng(self, replication: int) -> np.random.Generator:
        """Return the generator of one replication."""
        name = repr(tuple(getattr(self, f.name) for f in fields(self)))
        return np.random.default_rng([crc32(name.encode()), replication])


@lru_cache
def _lattice(units: int, periods: int) -> nq.weights.SpatialWeights:
    return lattice(*SHAPES[units, periods])


@lru_cache
def _inverse(units: int, periods: int, at: float) -> np.ndarray:
    """Return (I - at W)^-1; the lattices are small."""
    w = _lattice(units, periods).sparse.toarray()
    return np.linalg.inv(np.eye(len(w)) - at * w)


def simulate(design: Design, replication: int) -> nq.SpatialPanel:
    """Draw a panel from the model of a design."""
    rng, n, t = design.rng(replication), design.units, design.periods
    long = t + 1 + BURN_IN if design.tau else t
    w = design.weights.sparse
    mu = rng.normal(size=(n, 1))
    x = rng.normal(size=(2, n, long))
    e = rng.normal(size=(n, long))
    if design.effects in ("unit", "two-way"):
        x += 0.5 * mu
    if design.effects == "correlated-random":
        x += rng.normal(size=(2, n, 1))
    if "random" in design.effects:
        # What is random in the effects is lagged with the errors (Kapoor, Kelejian and Prucha).
        right = _inverse(n, t, design.lam) @ (mu + e)
        if design.effects == "correlated-random":
            # The rest depends on the means of x, as the model has them.
            means = x.mean(axis=2, keepdims=True)
            right = right + 0.5 * means[0] - 0.3 * means[1]
            if design.model == "sdm":
                right = right + 0.4 * (w @ means[0])
    else:
        right = _inverse(n, t, design.lam) @ e
        if design.effects in ("unit", "two-way"):
            right = right + mu
    if design.effects in ("period", "two-way"):
        right = right + rng.normal(size=(1, long))
    right = right + np.tensordot(BETA, x, axes=1)
    right = right + w @ np.tensordot(design.theta, x, axes=1)
    spread = _inverse(n, t, design.rho)
    if design.tau:
        y = np.zeros((n, long))
        y[:, 0] = spread @ right[:, 0] / (1 - design.tau)
        for now in range(1, long):
            past = design.tau * y[:, now - 1] + design.eta * (w @ y[:, now - 1])
            y[:, now] = spread @ (right[:, now] + past)
        y, x = y[:, BURN_IN:], x[:, :, BURN_IN:]
    else:
        y = spread @ right
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(n), y.shape[1]),
            "t": np.tile(np.arange(y.shape[1]), n),
            "y": y.ravel(),
            "x1": x[0].ravel(),
            "x2": x[1].ravel(),
        }
    )
    return nq.SpatialPanel(frame, unit="id", period="t")


@lru_cache
def truth(design: Design) -> pd.Series:
    """Return the true parameters and effects of x1, by name."""
    found: dict[str, float] = {"beta": float(BETA[0])}
    if design.theta.any():
        found["theta"] = float(design.theta[0])
    for name in ("rho", "lam", "tau"):
        if getattr(design, name):
            found[name] = getattr(design, name)
    if design.tau:
        found["eta"] = design.eta
    w = design.weights.sparse.toarray()
    matrix = BETA[0] * np.eye(len(w)) + design.theta[0] * w
    horizons = {"": _inverse(design.units, design.periods, design.rho)}
    if design.tau:
        away = (1 - design.tau) * np.eye(len(w)) - (design.rho + design.eta) * w
        horizons["long-run "] = np.linalg.inv(away)
    for words, inverse in horizons.items():
        s = inverse @ matrix
        found[f"{words}direct"] = np.trace(s) / len(w)
        if design.rho or design.theta.any():
            found[f"{words}indirect"] = (s.sum() - np.trace(s)) / len(w)
        found[f"{words}total"] = s.sum() / len(w)
    return pd.Series(found)


def estimate(design: Design, replication: int) -> pd.DataFrame | str:
    """Fit one panel: estimate, standard error and whether each interval holds the truth."""
    warnings.simplefilter("ignore", nq.errors.NqpWarning)
    panel = simulate(design, replication)
    options = {"time_lag": True, "space_time_lag": True, "estimator": "ml"} if design.tau else {}
    try:
        res = nq.fit(
            FORMULA, panel, design.weights, model=design.model, effects=design.effects, **options
        )
        effects = res.effects(1000, seed=replication).frame
    except nq.errors.NqpError as error:
        return type(error).__name__
    keys = {
        ("x", "x1"): "beta",
        ("wx", "x1"): "theta",
        ("spatial", "rho"): "rho",
        ("spatial", "lam"): "lam",
        ("dynamic", "tau"): "tau",
        ("dynamic", "eta"): "eta",
    }
    table = res.frame
    rows = {name: table.loc[key] for key, name in keys.items() if key in table.index}
    for row in effects[effects["variable"] == "x1"].itertuples():
        words = "long-run " if row.horizon == "long-run" else ""
        rows[f"{words}{row.effect}"] = pd.Series(
            {
                name: getattr(row, name)
                for name in ("estimate", "std_error", "conf_low", "conf_high")
            }
        )
    true = truth(design)
    found = pd.DataFrame(rows).T.loc[true.index]
    found["covered"] = (found["conf_low"] <= true) & (true <= found["conf_high"])
    return found[["estimate", "std_error", "covered"]].astype(float)


def summarise(design: Design, found: list[pd.DataFrame | str]) -> pd.DataFrame:
    """Return bias in standard deviations, ratio of standard errors and coverage."""
    good = [one for one in found if not isinstance(one, str)]
    stacked = np.stack([one.to_numpy() for one in good])
    true = truth(design)
    spread = stacked[:, :, 0].std(axis=0, ddof=1)
    table = pd.DataFrame(
        {
            "parameter": true.index,
            "truth": true.round(4).to_numpy(),
            "bias_in_sd": (stacked[:, :, 0].mean(axis=0) - true.to_numpy()) / spread,
            "se_over_sd": stacked[:, :, 1].mean(axis=0) / spread,
            "coverage": stacked[:, :, 2].mean(axis=0),
            "replications": len(good),
            "failed": len(found) - len(good),
        }
    ).round(4)
    for at, field in enumerate(fields(Design)):
        table.insert(at, field.name, getattr(design, field.name))
    return table


def p_values(design: Design, replication: int) -> dict[str, float]:
    """Return the p-values of the tests whose null the design's model fulfils."""
    panel, w = simulate(design, replication), design.weights
    try:
        if design.effects == "random":
            tests = random_effects_tests(FORMULA, panel, w, "unit")
            return {name: test.p_value for name, test in tests.items() if "SDM" in name}
        models = {
            name: nq.fit(FORMULA, panel, w, model=name, effects=design.effects)
            for name in ("ols", "slx", "sar", "sem", "sdm", "sdem")
        }
        found = {name: test.p_value for name, test in simplification_tests(models).items()}
        nested = {"ols": ("SAR", "SEM", "SLX"), "sar": ("SAR",), "sem": ("SEM",)}[design.model]
        found = {
            name: p for name, p in found.items() if name.endswith(tuple(f" {m}" for m in nested))
        }
        if design.model != "ols":
            return found
        correction = models["ols"].spec.correction
        draft = RegressionSpec(FORMULA, "", (), (), "ols", design.effects, correction)
        found |= {
            name: test.p_value
            for name, test in lm_tests(build_model_data(panel, draft, TermWeights()), w).items()
        }
        if design.effects in ("period", "two-way"):
            return found
        residuals = models["ols"].resid.to_numpy().reshape(design.units, design.periods)
        return found | {"Pesaran CD": pesaran_cd(residuals).p_value}
    except nq.errors.NqpError:
        return {}


def sizes(design: Design, found: list[dict[str, float]]) -> pd.DataFrame:
    """Return how often each test rejects at 5 %."""
    stacked = pd.DataFrame([one for one in found if one])
    table = pd.DataFrame(
        {
            "test": stacked.columns,
            "rejects": (stacked < 0.05).sum().div(stacked.notna().sum()).round(4).to_numpy(),
            "replications": stacked.notna().sum().to_numpy(),
            "failed": len(found) - stacked.notna().sum().to_numpy(),
        }
    )
    for at, field in enumerate(fields(Design)):
        table.insert(at, field.name, getattr(design, field.name))
    return table.rename(columns={"model": "truth"}).drop(columns="tau")


def designs() -> tuple[list[Design], list[Design]]:
    """Return the designs of estimators and of tests."""
    fixed = ("none", "unit", "period", "two-way")
    estimators = [
        Design(model, effects, *shape)
        for shape in SHAPES
        for model in ("slx", "sar", "sem", "sdm", "sdem", "sac")
        for effects in fixed
    ]
    estimators += [
        Design(model, effects, *shape)
        for shape in SHAPES
        for model in ("sar", "sem", "sdm")
        for effects in ("random", "correlated-random")
    ]
    estimators += [
        Design(model, effects, *shape, tau)
        for shape in SHAPES
        for model in ("sar", "sdm")
        for effects in ("unit", "two-way")
        for tau in (0.3, 0.7)
    ]
    tests = [
        Design(model, effects, *shape)
        for shape in SHAPES
        for effects in fixed
        for model in ("ols", "sar", "sem")
    ]
    return estimators, [*tests, *(Design("sdm", "random", *shape) for shape in SHAPES)]


def _batch(task, design: Design, replications: range) -> list:
    return [task(design, replication) for replication in replications]


def run(task, summary, cells: list[Design], target: Path, *, replications: int, n_jobs: int):
    """Run all cells and write their table; lines are there as soon as a cell is done."""
    step = 50
    parts = []
    start = time.perf_counter()
    for number, design in enumerate(cells, start=1):
        batches = Parallel(n_jobs=n_jobs)(
            delayed(_batch)(task, design, range(at, min(at + step, replications)))
            for at in range(0, replications, step)
        )
        parts.append(summary(design, [one for batch in batches for one in batch]))
        pd.concat(parts).to_csv(target, index=False)
        print(f"{number}/{len(cells)} {design}, {time.perf_counter() - start:.0f} s", flush=True)
