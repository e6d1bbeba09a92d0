"""Direct, indirect and total effects: what a change in x does here, elsewhere and in all.

``S_k = (I - rho W)^-1 (beta_k I + theta_k W)`` is the matrix of derivatives of y with respect to
the k-th regressor (LeSage and Pace 2009, section 2.7). With ``g = tr G / n`` and ``s`` the mean row
sum of G, for any W:

    direct = mean diagonal of S_k = beta + (rho beta + theta) g(rho)
    total  = mean row sum of S_k  = beta + (rho beta + theta) s(rho)

and indirect is the rest. Both g and s are smooth functions of rho alone, ``g = -L'/n`` and, where
rows add to one, ``s = 1/(1 - rho)``: no draw ever inverts a matrix.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse, stats

from nqp_spatial.errors import StabilityWarning
from nqp_spatial.regression.factors import factorize
from nqp_spatial.regression.logdet import Curve, LogDet
from nqp_spatial.weights.spatial_weights import SpatialWeights

__all__ = ["EffectsResult", "effect_kernel", "row_sum_curve", "simulate", "unit_effects"]

KINDS = ("direct", "indirect", "total")


@dataclass(frozen=True, repr=False)
class EffectsResult:
    """Effects with inference.

    Attributes
    ----------
    frame : DataFrame
        One row for each variable and effect: ``variable, horizon, effect, estimate, std_error,
        statistic, p_value, conf_low, conf_high``. Units: those of y per unit of x.
    method : {"draws", "delta"}
    draws : int
        Draws used; 0 for the delta method.
    discarded : int
        Draws that were outside the stable region and not used.
    seed : int or None
    level : float
        Confidence level of the interval.
    labels : dict
        Display labels of variables.
    title : str
        The model, in words.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> res = nq.fit("lgsp ~ lpc + lemp", panel, nq.weights.contiguity(panel))
    >>> res.effects(method="delta").frame.shape
    (6, 9)
    """

    frame: pd.DataFrame
    method: str
    draws: int
    discarded: int
    seed: int | None
    level: float
    labels: dict[str, str]
    title: str

    def __repr__(self) -> str:
        how = f"{self.draws} draws, seed {self.seed}" if self.draws else "delta method"
        lost = f", {self.discarded} unstable draws left out" if self.discarded else ""
        table = self.frame.drop(columns="horizon").to_string(
            index=False, float_format=lambda x: f"{x:.4g}"
        )
        return f"Effects. {self.title}\n{table}\nInference: {how}{lost}; level {self.level:g}"

    def _repr_html_(self) -> str:
        table = self.frame.to_html(index=False, float_format=lambda x: f"{x:.4g}")
        return f"<p><b>Effects.</b> {self.title}</p>{table}"

    def table(self) -> pd.DataFrame:
        """Return estimates with one row a variable and one column an effect.

        Examples
        --------
        >>> import nqp_spatial as nq
        >>> panel = nq.datasets.us_public_capital()
        >>> res = nq.fit("lgsp ~ lpc + lemp", panel, nq.weights.contiguity(panel))
        >>> res.effects(method="delta").table().columns.tolist()
        ['direct', 'indirect', 'total']
        """
        order = list(dict.fromkeys(self.frame["variable"]))
        wide = self.frame.pivot_table(index="variable", columns="effect", values="estimate")
        return wide.loc[order, list(KINDS)]


def effect_kernel(
    rho: float | np.ndarray,
    beta: np.ndarray,
    theta: np.ndarray,
    g: float | np.ndarray,
    s: float | np.ndarray,
) -> np.ndarray:
    """Return direct, indirect and total effects.

    Parameters
    ----------
    rho : float or ndarray
        Shape () or (draws,).
    beta, theta : ndarray
        Shape (K,) or (draws, K).
    g, s : ndarray
        Mean diagonal and mean row sum of G at rho, of the shape of rho.

    Returns
    -------
    ndarray
        Shape (..., K, 3).
    """
    rho, g, s = (np.asarray(a)[..., None] for a in (rho, g, s))
    spilled = rho * beta + theta
    direct = beta + spilled * g
    total = beta + spilled * s
    return np.stack([direct, total - direct, total], axis=-1)


def row_sum_curve(weights: SpatialWeights, low: float, high: float) -> Curve | None:
    """Return s(rho), the mean row sum of G, on a window; None where rows add to one."""
    if weights.rows_add_to_one:
        return None
    from nqp_spatial.weights.spectrum import spectral_radius

    matrix, n = weights.sparse, weights.n_units
    row_sums = np.asarray(matrix.sum(axis=1)).ravel()

    def mean_row_sum(points: np.ndarray) -> np.ndarray:
        # 1'W (I - rho W)^-1 1 / n, one factorisation a node
        columns = np.asarray(matrix.sum(axis=0)).ravel()
        return np.array(
            [columns @ factorize(matrix, float(x)).solve(np.ones(n)) / n for x in points.ravel()]
        ).reshape(points.shape)

    radius = spectral_radius(matrix)
    if radius == 0:
        radius = max(float(row_sums.max()), 1e-12)
    return Curve(mean_row_sum, low, high, radius=radius, strip=np.pi / 4)


def kernel_functions(
    weights: SpatialWeights, logdet: LogDet, rho: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return g and s at each rho."""
    g = -logdet.derivative(rho) / weights.n_units
    curve = row_sum_curve(weights, float(rho.min()), float(rho.max()))
    return g, 1 / (1 - rho) if curve is None else curve.value(rho)


def kernel_slopes(
    weights: SpatialWeights, logdet: LogDet, rho: float
) -> tuple[float, float, float, float]:
    """Return g, s and their derivatives at one rho."""
    g = float(-logdet.derivative(rho) / weights.n_units)
    g1 = float(-logdet.second_derivative(rho) / weights.n_units)
    curve = row_sum_curve(weights, rho, rho)
    if curve is None:
        return g, 1 / (1 - rho), g1, 1 / (1 - rho) ** 2
    return g, float(curve.value(rho)), g1, float(curve.derivative(rho))


def simulate(
    mean: np.ndarray,
    cov: np.ndarray,
    split: tuple[int, int],
    weights: SpatialWeights,
    logdet: LogDet,
    *,
    draws: int,
    seed: int | None,
    positions: np.ndarray,
) -> tuple[np.ndarray, int]:
    """Draw parameters from their asymptotic distribution and return the effects of each draw.

    Parameters
    ----------
    mean, cov : ndarray
        Estimates (beta, theta, rho) and their covariance.
    split : tuple
        Numbers of beta and of theta.
    weights, logdet
        W and its log-determinant.
    draws, seed
        How many, and from which seed.
    positions : ndarray
        For each theta, which beta is of the same variable.

    Returns
    -------
    ndarray
        Shape (stable draws, K, 3).
    int
        Number of draws outside the admissible interval of rho.
    """
    rng = np.random.default_rng(seed)
    # Scaled before the decomposition: the units of the regressors must not matter.
    scale = np.sqrt(np.diag(cov))
    lower = np.linalg.cholesky(cov / np.outer(scale, scale))
    sample = mean + (rng.standard_normal((draws, len(mean))) @ lower.T) * scale
    rho = sample[:, -1]
    stable = (rho > logdet.interval[0]) & (rho < logdet.interval[1])
    sample, rho = sample[stable], rho[stable]
    if not len(rho):
        raise ValueError("no draw of rho lies in the admissible interval")
    beta, theta = spread(sample[:, :-1], split, positions)
    g, s = kernel_functions(weights, logdet, rho)
    return effect_kernel(rho, beta, theta, g, s), int(draws - stable.sum())


def spread(
    coefs: np.ndarray, split: tuple[int, int], positions: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return beta and theta of equal length, theta zero where a regressor is not lagged."""
    k, lags = split
    beta = coefs[..., :k]
    theta = np.zeros_like(beta)
    theta[..., positions] = coefs[..., k : k + lags]
    return beta, theta


def delta_gradient(
    beta: np.ndarray,
    theta: np.ndarray,
    rho: float,
    kernel: tuple[float, float, float, float],
    split: tuple[int, int],
    positions: np.ndarray,
    *,
    has_rho: bool,
) -> np.ndarray:
    """Return derivatives of the effects by the parameters, shape (K, 3, parameters)."""
    g, s, g1, s1 = kernel
    k, lags = split
    gradient = np.zeros((k, 3, k + lags + has_rho))
    at = np.arange(k)
    gradient[at, 0, at], gradient[at, 2, at] = 1 + rho * g, 1 + rho * s
    own = np.arange(lags)
    gradient[positions, 0, k + own], gradient[positions, 2, k + own] = g, s
    if has_rho:
        gradient[:, 0, -1] = beta * g + (rho * beta + theta) * g1
        gradient[:, 2, -1] = beta * s + (rho * beta + theta) * s1
    gradient[:, 1] = gradient[:, 2] - gradient[:, 0]
    return gradient


def effects_frame(
    names: list[str],
    point: np.ndarray,
    std_errors: np.ndarray,
    intervals: tuple[np.ndarray, np.ndarray],
) -> pd.DataFrame:
    """Return the tidy frame of effects; all arrays of shape (K, 3)."""
    statistic = np.divide(point, std_errors, out=np.full_like(point, np.nan), where=std_errors > 0)
    count = len(names)
    return pd.DataFrame(
        {
            "variable": np.repeat(np.array(names, dtype=object), 3),
            "horizon": "static",
            "effect": list(KINDS) * count,
            "estimate": point.ravel(),
            "std_error": std_errors.ravel(),
            "statistic": statistic.ravel(),
            "p_value": 2 * stats.norm.sf(np.abs(statistic)).ravel(),
            "conf_low": intervals[0].ravel(),
            "conf_high": intervals[1].ravel(),
        }
    )


def warn_discarded(discarded: int, draws: int) -> None:
    """Warn where many draws were unstable: the intervals then describe a truncated distribution."""
    if discarded > 0.01 * draws:
        import warnings

        warnings.warn(
            f"{discarded} of {draws} draws of rho lie outside the stable region and were left out; "
            "intervals describe the rest. The estimate is close to the edge: see method='delta'",
            StabilityWarning,
            stacklevel=3,
        )


def unit_effects(
    matrix: sparse.csr_array, rho: float, beta: float, theta: float, units: pd.Index
) -> pd.DataFrame:
    """Return, for each unit, what a change of x does: at home, sent out, received.

    Parameters
    ----------
    matrix : csr_array
        W, shape (n, n).
    rho, beta, theta : float
        Parameters of one regressor.
    units : Index
        Ids.

    Returns
    -------
    DataFrame
        ``own``: effect of x at home on y at home, ``S_ii``; ``received``: effect on y at home of
        one more x everywhere else, ``sum_j S_ij``; ``sent``: summed effect on everyone else's y of
        one more x at home, ``sum_j S_ji``. Means of ``own`` and of ``received`` (or ``sent``) are
        the direct and the indirect effect.
    """
    n = matrix.shape[0]
    factor = factorize(matrix, rho)
    impulse = sparse.csr_array(beta * sparse.eye_array(n) + theta * matrix)
    rows = factor.solve(np.asarray(impulse @ np.ones(n)))
    columns = impulse.T @ factor.solve(np.ones(n), trans="T")
    own = np.empty(n)
    for start in range(0, n, 500):  # blocks of columns, so that memory stays linear in n
        stop = min(start + 500, n)
        block = factor.solve(impulse[:, start:stop].toarray())
        own[start:stop] = block[np.arange(start, stop), np.arange(stop - start)]
    return pd.DataFrame({"own": own, "received": rows - own, "sent": columns - own}, index=units)
