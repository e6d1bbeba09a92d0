"""Numbers of the geodetector, from strata codes."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse, stats

__all__ = [
    "KINDS",
    "adjusted_q",
    "crossed",
    "ecological",
    "interaction_kind",
    "noncentral_p",
    "q_values",
    "risk",
    "weighted_q",
]

#: Kinds of interaction, in the order of the literature.
KINDS = (
    "nonlinear weakening",
    "univariate weakening",
    "bivariate enhancement",
    "independence",
    "nonlinear enhancement",
)


def q_values(codes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return ``q = 1 - SSW / SST`` of each column of values, shape (N, draws)."""
    sizes = np.bincount(codes)
    members = sparse.csr_array(
        (np.ones(len(codes)), (codes, np.arange(len(codes)))), (len(sizes), len(codes))
    )
    centred = values - values.mean(axis=0)
    sums = members @ centred
    between = (sums**2 / sizes[:, None]).sum(axis=0)
    q: np.ndarray = between / (centred**2).sum(axis=0)
    return q


def weighted_q(codes: np.ndarray, values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return q of bootstrap samples, from how often each observation is drawn, (draws, N)."""
    strata = int(codes.max()) + 1
    members = sparse.csr_array(
        (np.ones(len(codes)), (np.arange(len(codes)), codes)), (len(codes), strata)
    )
    sizes, sums = counts @ members, (counts * values) @ members
    total, mean = counts.sum(axis=1), (counts @ values) / counts.sum(axis=1)
    squares = counts @ values**2 - total * mean**2
    between = np.divide(sums**2, sizes, out=np.zeros_like(sums), where=sizes > 0).sum(axis=1)
    q: np.ndarray = (between - total * mean**2) / squares
    return q


def adjusted_q(q: float, n: int, strata: int) -> float:
    """Return q less what as many strata explain of noise: ``1 - (1 - q)(N - 1)/(N - L)``."""
    return 1 - (1 - q) * (n - 1) / (n - strata) if n > strata else np.nan


def noncentral_p(codes: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """Return F and its upper tail under the noncentral F distribution of Wang et al. (2016)."""
    n, sizes = len(values), np.bincount(codes)
    strata = len(sizes)
    if n <= strata:
        return np.nan, np.nan
    q = float(q_values(codes, values[:, None])[0])
    statistic = (n - strata) / (strata - 1) * q / (1 - q) if q < 1 else np.inf
    means = np.bincount(codes, values) / sizes
    spread = (means**2).sum() - (np.sqrt(sizes) * means).sum() ** 2 / n
    noncentrality = max(spread / values.var(ddof=1), 0.0)
    tail = stats.ncf.sf(statistic, strata - 1, n - strata, noncentrality)
    return statistic, float(np.clip(tail, 0.0, 1.0))


def crossed(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the strata that both factors form together, numbered without gaps."""
    joint = first * (int(second.max()) + 1) + second
    codes: np.ndarray = np.unique(joint, return_inverse=True)[1]
    return codes.astype(np.int64)


def interaction_kind(first: float, second: float, joint: float) -> str:
    """Return one of the five kinds of Wang et al. (2010)."""
    low, high = min(first, second), max(first, second)
    weak, one, both, independent, strong = KINDS
    if np.isclose(joint, first + second, rtol=1e-9, atol=1e-12):
        return independent
    if joint > first + second:
        return strong
    if joint > high:
        return both
    return one if joint > low else weak


def risk(codes: np.ndarray, values: np.ndarray) -> pd.DataFrame:
    """Return Welch's test of equal means for each pair of strata."""
    groups = [values[codes == code] for code in range(int(codes.max()) + 1)]
    rows = []
    for i in range(len(groups)):
        for j in range(i):
            difference = groups[i].mean() - groups[j].mean()
            if min(len(groups[i]), len(groups[j])) < 2:
                rows.append((j, i, difference, np.nan, np.nan, np.nan))
                continue
            with np.errstate(all="ignore"):
                test = stats.ttest_ind(groups[i], groups[j], equal_var=False)
            rows.append((j, i, difference, test.statistic, test.df, test.pvalue))
    columns = ["first", "second", "difference", "statistic", "df", "p_value"]
    return pd.DataFrame(rows, columns=columns)


def ecological(first: np.ndarray, second: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """Return F, the ratio of both sums of squares within strata, and its two-sided p-value."""
    n = len(values)
    left = [1 - float(q_values(codes, values[:, None])[0]) for codes in (first, second)]
    if min(left) <= 0:
        return np.nan, np.nan
    statistic = left[0] / left[1]
    tail = stats.f.sf(max(statistic, 1 / statistic), n - 1, n - 1)
    return statistic, float(min(1.0, 2 * tail))
