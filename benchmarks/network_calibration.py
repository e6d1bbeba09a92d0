"""Monte Carlo of QAP: size of 5 % tests when senders and receivers have effects, and power.

``net = beta a + 0.5 b + s_i + r_j + e_ij``; a and b have effects of senders and receivers too, and
b goes along with a. Written by ``python -m benchmarks.calibrate --part networks``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, fields
from pathlib import Path
from zlib import crc32

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy import stats

from nqp_spatial.structure._dyadic_regression import (
    dyadic_fit,
    outcome_draws,
    regressor_draws,
    standardised,
)
from nqp_spatial.structure._dyads import dyads_of, terms_of
from nqp_spatial.structure._qap_permutations import Permuted, tails

PERMUTATIONS = 499
BETA_B = 0.5
FORMULA = "net ~ a + b"
TESTS = ("double semi-partialling", "permuted outcome", "classical", "QAP correlation, b absent")


@dataclass(frozen=True)
class Cell:
    """One cell of the table; effects are the variance of a sender's and of a receiver's effect."""

    units: int
    effects: float
    along: float = 0.6
    outcome: str = "normal"
    beta: float = 0.0


def cells() -> list[Cell]:
    """Return the cells of the table."""
    plain = [Cell(units, effects) for units in (15, 30, 60) for effects in (0.0, 1.0)]
    shaped = [Cell(30, 1.0, outcome=outcome) for outcome in ("skewed", "binary", "symmetric")]
    return [*plain, Cell(30, 1.0, along=2.0), *shaped, Cell(30, 1.0, beta=0.1)]


def simulate(cell: Cell, replication: int) -> dict[str, np.ndarray]:
    """Draw the networks; that alone does not depend on b."""
    rng = np.random.default_rng([crc32(repr(cell).encode()), replication])
    a, b, errors = (_field(rng, cell.units, cell.effects) for _ in range(3))
    b = b + cell.along * a
    if cell.outcome == "skewed":
        errors = np.exp(errors / np.sqrt(1 + 2 * cell.effects))
    alone = cell.beta * a + errors
    values = {"net": alone + BETA_B * b, "alone": alone, "a": a, "b": b}
    if cell.outcome == "binary":
        for name in ("net", "alone"):
            values[name] = (values[name] > np.quantile(values[name], 0.75)).astype(float)
    if cell.outcome == "symmetric":
        values = {name: value + value.T for name, value in values.items()}
    return values


def _field(rng: np.random.Generator, n: int, variance: float) -> np.ndarray:
    sender, receiver = np.sqrt(variance) * rng.normal(size=(2, n))
    return np.asarray(sender[:, None] + receiver[None, :] + rng.normal(size=(n, n)))


def p_values(cell: Cell, replication: int, permutations: int = PERMUTATIONS) -> dict[str, float]:
    """Return the p-value of each test that a has no effect."""
    # The steps of `mrqap` and `qap_correlation`, without their tables, which take longer.
    dyads = dyads_of(simulate(cell, replication))
    permuted = Permuted(permutations, replication)
    fit = dyadic_fit(dyads, terms_of(FORMULA, list(dyads.values)))
    partial = fit.partial[1:]
    first, second = (standardised(dyads.values[name], name) for name in ("alone", "a"))
    r = np.array([np.sum(first * second)])
    p = (
        tails(partial, regressor_draws(fit, permuted)).two_sided[0],
        tails(partial, outcome_draws(fit, permuted)[0]).two_sided[0],
        2 * stats.t.sf(abs(fit.statistics(partial)[0]), fit.df_resid),
        tails(r, permuted.products([(first, second[None])])[0]).two_sided[0],
    )
    return dict(zip(TESTS, map(float, p), strict=True))


def rejections(
    cell: Cell, replications: int, *, permutations: int = PERMUTATIONS, n_jobs: int = 1
) -> pd.Series:
    """Return the share of networks in which each 5 % test rejects."""
    tasks = (delayed(p_values)(cell, r, permutations) for r in range(replications))
    return (pd.DataFrame(Parallel(n_jobs=n_jobs)(tasks)) <= 0.05 + 1e-12).mean()


def run(folder: Path, replications: int = 2000, n_jobs: int = -1) -> None:
    """Write the table."""
    rows = []
    for cell in cells():
        start = time.perf_counter()
        shares = rejections(cell, replications, n_jobs=n_jobs)
        names = {field.name: getattr(cell, field.name) for field in fields(cell)}
        rows += [
            {**names, "test": test, "rejects": round(float(share), 4), "replications": replications}
            for test, share in shares.items()
        ]
        print(f"{cell}: {time.perf_counter() - start:.0f} s\n{shares}", flush=True)
        pd.DataFrame(rows).to_csv(folder / "calibration_networks.csv", index=False)
