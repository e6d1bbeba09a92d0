"""`indices`: measures of inequality and polarisation, by period."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Literal

import numpy as np
import pandas as pd

from nqp_spatial.core.groups import Groups
from nqp_spatial.core.options import Level, Range, Replications, Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.weighted_sample import bootstrapped, percentile_intervals, weighted_sample
from nqp_spatial.errors import OptionError, sample
from nqp_spatial.inequality._numba import group_gaps

__all__ = ["esteban_ray", "indices"]

ZERO_ALLOWED = ("gini", "theil_t", "ge2", "cv", "wolfson")
Measure = Callable[[np.ndarray, np.ndarray], np.ndarray]


@checked
def indices(
    panel: SpatialPanel,
    variable: str,
    *,
    which: Sequence[str] | None = None,
    population: str | None = None,
    replications: Replications = 0,
    level: Level = 0.95,
    seed: Seed = 0,
) -> pd.DataFrame:
    """Measure the inequality of each period.

    With shares w of the population, m the mean, r = y/m:

    ``gini``: ``sum w_i w_j |y_i - y_j| / (2 m)``; ``theil_t``: sum w r ln r; ``theil_l``: -sum w
    ln r; ``ge2``: sum w (r^2 - 1) / 2; ``atkinson_0.5``, ``atkinson_1``, ``atkinson_2``:
    1 - (sum w r^(1-e))^(1/(1-e)), the geometric mean at e = 1; ``cv``: standard deviation over m;
    ``log_variance``: variance of ln y; ``wolfson``: 4 (m / median) (1/2 - L(1/2) - gini / 2), L the
    Lorenz curve; missing where the median is zero.

    Parameters
    ----------
    panel : SpatialPanel
    variable : str
        Positive; zero is allowed for gini, theil_t, ge2, cv and wolfson.
    which : list of str, optional
        Names of measures; all by default, or those that allow zeros where there are some.
    population : str, optional
        Column of the units' population; each unit has the same weight without it.
    replications : int
        Bootstrap samples for intervals; units are drawn with all their periods.
    level : float
    seed : int, optional

    Returns
    -------
    DataFrame
        Periods by measures; with replications columns (measure, "estimate" | "low" | "high"). A
        plain frame, whose columns can be compared with other series by period.

    Raises
    ------
    OptionError
        If a measure is unknown.
    DomainError
        If a value is negative, or zero where logarithms are taken.

    Notes
    -----
    Sources: Cowell, F. (2011), Measuring Inequality; Atkinson, A. (1970), Journal of Economic
    Theory 2, 244-263; Wolfson, M. (1994), American Economic Review 84, 353-358. ``wolfson``
    measures polarisation: it grows where the middle class shrinks, and need not fall with a
    transfer to the poor.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> table = nq.inequality.indices(panel, "income", which=["gini", "theil_t"])
    >>> table.loc[[1929, 2009]].round(3).to_numpy().tolist()
    [[0.201, 0.063], [0.079, 0.01]]
    """
    if which is None:
        zeros = (panel.values(variable) == 0).any()
        which = [name for name in _MEASURES if not zeros or name in ZERO_ALLOWED]
    unknown = [name for name in which if name not in _MEASURES]
    if unknown or not len(which):
        raise OptionError(
            f"which must name measures of {', '.join(_MEASURES)}; got {sample(unknown) or 'none'}"
        )
    logs = [name for name in which if name not in ZERO_ALLOWED]
    sign: Literal["positive", "non-negative"] = "positive" if logs else "non-negative"
    measure = logs[0] if logs else "a measure of inequality"
    data = weighted_sample(panel, variable, population, sign, measure)

    def measures(y: np.ndarray, w: np.ndarray) -> np.ndarray:
        w = w / w.sum(axis=1, keepdims=True)
        return np.array([_MEASURES[name](y, w) for name in which])

    table = pd.DataFrame(measures(data.values, data.weights).T, data.periods, list(which))
    if not replications:
        return table
    draws = bootstrapped(data, measures, replications, seed)
    intervals = percentile_intervals(draws, level, data.periods, list(which))
    named = {
        name: pd.concat([table[name].rename("estimate"), intervals[name]], axis=1) for name in which
    }
    return pd.concat(named, axis=1)


@checked
def esteban_ray(
    panel: SpatialPanel,
    variable: str,
    *,
    group: str | pd.Series,
    alpha: Annotated[float, Range(0, 1.6)] = 1.3,
    population: str | None = None,
) -> pd.Series:
    """Measure the polarisation of groups in each period.

    ``ER = sum_jh p_j^(1 + alpha) p_h |m_j - m_h| / m``, p the groups' shares of the population and
    m_j their means.

    Parameters
    ----------
    panel : SpatialPanel
    variable : str
        Non-negative.
    group : str or Series
        A column that does not change over periods, or groups by unit.
    alpha : float
        Weight of identification with the own group, from 0 (a Gini coefficient between groups,
        doubled) to 1.6.
    population : str, optional
        Column of the units' population; each unit has the same weight without it.

    Returns
    -------
    Series
        By period; a plain Series.

    Raises
    ------
    OptionError
        If alpha is out of range or there is one group.
    DomainError
        If a value is negative.

    Notes
    -----
    Source: Esteban, J. and Ray, D. (1994), On the measurement of polarization, Econometrica 62,
    819-851, equation 3, of values relative to their mean.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> len(nq.inequality.esteban_ray(cities, "nqp", group="region4"))
    10
    """
    data = weighted_sample(panel, variable, population, "non-negative", "polarisation")
    member = Groups.by_unit(panel, group).indicators()
    p = data.weights @ member
    means = (data.weights * data.values) @ member / p
    differences = np.abs(means[:, :, None] - means[:, None, :])
    total = np.einsum("tj,th,tjh->t", p ** (1 + alpha), p, differences)
    return pd.Series(total / (p * means).sum(axis=1), data.periods, name="esteban_ray")


def gini_of(y: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return the Gini coefficient of each row, by sorting."""
    order = np.argsort(y, axis=1, kind="stable")
    n = y.shape[1]
    gaps, means, _ = group_gaps(y, order, np.zeros(n, dtype=np.int64), w, np.ones((1, n)), 1)
    return np.asarray(gaps[0, :, 0, 0] / (2 * means[0, :, 0]))


def _relative(y: np.ndarray, w: np.ndarray) -> np.ndarray:
    return np.asarray(y / (w * y).sum(axis=1, keepdims=True))


def _theil_t(y: np.ndarray, w: np.ndarray) -> np.ndarray:
    r = _relative(y, w)
    return np.asarray((w * r * np.log(np.where(r > 0, r, 1.0))).sum(axis=1))


def _theil_l(y: np.ndarray, w: np.ndarray) -> np.ndarray:
    return np.asarray(-(w * np.log(_relative(y, w))).sum(axis=1))


def _ge2(y: np.ndarray, w: np.ndarray) -> np.ndarray:
    return np.asarray((w * (_relative(y, w) ** 2 - 1)).sum(axis=1) / 2)


def _atkinson(aversion: float) -> Measure:
    def measure(y: np.ndarray, w: np.ndarray) -> np.ndarray:
        r = _relative(y, w)
        if aversion == 1:
            return np.asarray(1 - np.exp((w * np.log(r)).sum(axis=1)))
        power = 1 - aversion
        return np.asarray(1 - (w * r**power).sum(axis=1) ** (1 / power))

    return measure


def _cv(y: np.ndarray, w: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt(2 * np.maximum(_ge2(y, w), 0)))


def _log_variance(y: np.ndarray, w: np.ndarray) -> np.ndarray:
    log = np.log(y)
    mean = (w * log).sum(axis=1, keepdims=True)
    return np.asarray((w * (log - mean) ** 2).sum(axis=1))


def _wolfson(y: np.ndarray, w: np.ndarray) -> np.ndarray:
    results = []
    for values, weights, gini in zip(y, w, gini_of(y, w), strict=True):
        order = np.argsort(values, kind="stable")
        x, share = values[order], weights[order]
        x, share = x[share > 0], share[share > 0]
        population = np.append(0.0, np.cumsum(share))
        lorenz = np.append(0.0, np.cumsum(share * x)) / (share @ x)
        half = np.interp(0.5, population, lorenz)
        # Between two units the median is their mean, so that copies of all units change nothing.
        low = x[np.searchsorted(population[1:], 0.5 - 1e-12)]
        high = x[min(np.searchsorted(population[1:], 0.5 + 1e-12), len(x) - 1)]
        median = (low + high) / 2
        polarisation = 4 * (share @ x) / median * (0.5 - half - gini / 2) if median else np.nan
        results.append(polarisation)
    return np.array(results)


_MEASURES: dict[str, Measure] = {
    "gini": gini_of,
    "theil_t": _theil_t,
    "theil_l": _theil_l,
    "ge2": _ge2,
    "atkinson_0.5": _atkinson(0.5),
    "atkinson_1": _atkinson(1.0),
    "atkinson_2": _atkinson(2.0),
    "cv": _cv,
    "log_variance": _log_variance,
    "wolfson": _wolfson,
}
