"""Direct, indirect and total effects: what a change in x does here, elsewhere and in all.

``S_k = (I - rho W)^-1 (beta_k I + theta_k W)`` is the matrix of derivatives of y with respect to
the k-th regressor (LeSage and Pace 2009, section 2.7). With ``g = tr G / n`` and ``s`` the mean row
sum of G, for any W:

    direct = mean diagonal of S_k = beta + (rho beta + theta) g(rho)
    total  = mean row sum of S_k  = beta + (rho beta + theta) s(rho)

and indirect is the rest. Both g and s are smooth functions of rho alone, ``g = -L'/n`` and, where
rows add to one, ``s = 1/(1 - rho)``: no draw ever inverts a matrix. Long-run effects of a dynamic
model are the same functions at ``r = (rho + eta) / (1 - tau)``, divided by 1 - tau (Debarsy, Ertur
and LeSage 2012). Where W X has a matrix of its own, theta has functions of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import sparse, stats

from nqp_spatial.core.display import Block, Displayed, notes_of
from nqp_spatial.core.options import checked
from nqp_spatial.errors import OptionError, StabilityWarning
from nqp_spatial.regression._term_weights import TermWeights
from nqp_spatial.regression.likelihood.factorization import factorize
from nqp_spatial.regression.likelihood.log_determinant import Curve, LogDet, log_determinant
from nqp_spatial.regression.likelihood.sizes import CROSS_PROBES, DENSE_CROSS_UP_TO, probe_signs
from nqp_spatial.weights.spatial_weights import SpatialWeights

__all__ = ["EffectsResult", "Kernels", "Slopes", "effects_of", "simulate", "unit_effects"]

KINDS = ("direct", "indirect", "total")


@dataclass(frozen=True, repr=False)
class EffectsResult(Displayed):
    """Effects with inference.

    Attributes
    ----------
    frame : DataFrame
        One row for each variable, horizon and effect: ``variable, horizon, effect, estimate,
        std_error, statistic, p_value, conf_low, conf_high``. Units: those of y per unit of x.
        ``horizon`` is "static", or "short-run" and "long-run" (of a lasting change of x), or a
        number of periods h (of a change of x for one period, on y h periods later).
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
    notes : tuple of str
        Variables that enter in several terms, so that no row is the effect of the variable.

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
    notes: tuple[str, ...] = ()

    def _blocks(self) -> list[Block]:
        how = f"{self.draws} draws, seed {self.seed}" if self.draws else "delta method"
        lost = f", {self.discarded} unstable draws left out" if self.discarded else ""
        shown = self.frame
        if set(shown["horizon"]) == {"static"}:
            shown = shown.drop(columns="horizon")
        return [
            f"Effects. {self.title}",
            shown.reset_index(drop=True),
            f"Inference: {how}{lost}; level {self.level:g}",
            *notes_of(self.notes),
        ]

    @checked
    def at(self, horizon: str | int) -> EffectsResult:
        """Return the effects at one horizon.

        Parameters
        ----------
        horizon : str or int
            As in the column of `frame`.

        Raises
        ------
        OptionError
            If there is no such horizon.
        """
        chosen = self.frame[self.frame["horizon"] == horizon]
        if chosen.empty:
            there = ", ".join(map(str, dict.fromkeys(self.frame["horizon"])))
            raise OptionError(f"there are no effects at horizon {horizon!r}; there are {there}")
        return replace(self, frame=chosen.reset_index(drop=True), title=f"{self.title}; {horizon}")

    def table(self) -> pd.DataFrame:
        """Return estimates with one row a variable (and horizon) and one column an effect.

        Examples
        --------
        >>> import nqp_spatial as nq
        >>> panel = nq.datasets.us_public_capital()
        >>> res = nq.fit("lgsp ~ lpc + lemp", panel, nq.weights.contiguity(panel))
        >>> res.effects(method="delta").table().columns.tolist()
        ['direct', 'indirect', 'total']
        """
        order = list(dict.fromkeys(self.frame["variable"]))
        horizons = list(dict.fromkeys(self.frame["horizon"]))
        keys = ["variable", "horizon"] if len(horizons) > 1 else ["variable"]
        wide = self.frame.set_index([*keys, "effect"])["estimate"].unstack()
        rows = pd.MultiIndex.from_product([order, horizons], names=keys) if keys[1:] else order
        return wide.loc[rows, list(KINDS)]


@dataclass(frozen=True, eq=False)
class Slopes:
    """The parameters that effects are made of, and where they are.

    Attributes
    ----------
    names : list of str
        Regressors without the intercept, K of them.
    lagged : ndarray of int
        For each theta, which regressor it is of.
    dynamics : tuple of str
        "tau" and "eta", as far as the model has them.
    has_rho : bool
    coefs, cov : ndarray
        (beta, theta, tau, eta, rho) and their covariance.
    """

    names: list[str]
    lagged: np.ndarray
    dynamics: tuple[str, ...]
    has_rho: bool
    coefs: np.ndarray
    cov: np.ndarray

    def spread(self, coefs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return beta and theta of equal length, theta zero where a regressor is not lagged."""
        k = len(self.names)
        beta = coefs[..., :k]
        theta = np.zeros_like(beta)
        theta[..., self.lagged] = coefs[..., k : k + len(self.lagged)]
        return beta, theta

    def place(self, name: str) -> int | None:
        """Return the position of "tau", "eta" or "rho"; None if the model has none."""
        if name == "rho":
            return len(self.coefs) - 1 if self.has_rho else None
        if name not in self.dynamics:
            return None
        return len(self.names) + len(self.lagged) + self.dynamics.index(name)

    def value(self, coefs: np.ndarray, name: str) -> np.ndarray:
        """Return "tau", "eta" or "rho" of one or many sets of parameters; zero if there is none."""
        at = self.place(name)
        return np.zeros(coefs.shape[:-1]) if at is None else np.asarray(coefs[..., at])

    def reach(self, coefs: np.ndarray, horizon: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the argument of the kernels and the divisor: (rho, 1) or (r, 1 - tau)."""
        rho = self.value(coefs, "rho")
        if horizon != "long-run":
            return rho, np.ones_like(rho)
        left = 1 - self.value(coefs, "tau")
        return (rho + self.value(coefs, "eta")) / left, left


class Kernels:
    """Functions of x: ``P = (I - x W_y)^-1``; mean diagonals and row sums of P W_y and P W_x.

    Parameters
    ----------
    terms : TermWeights
    logdet : LogDet or None
        Of W_y.
    """

    def __init__(self, terms: TermWeights, logdet: LogDet | None) -> None:
        self.terms = terms
        self.logdet = logdet
        self.same = (
            terms.weights_x is None or terms.weights_y is None or terms.weights_x is terms.weights_y
        )

    @property
    def interval(self) -> tuple[float, float]:
        """Where x may lie."""
        return (-np.inf, np.inf) if self.logdet is None else self.logdet.interval

    def values(self, points: np.ndarray) -> np.ndarray:
        """Return g, s of P W_y and g, s of P W_x at each point, shape (4, points)."""
        return self._all(points)[0]

    def slopes(self, x: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the four values at x and their derivatives, each shape (4,)."""
        values, slopes = self._all(np.array([x]), slopes=True)
        assert slopes is not None
        return values[:, 0], slopes[:, 0]

    def _all(
        self, points: np.ndarray, *, slopes: bool = False
    ) -> tuple[np.ndarray, np.ndarray | None]:
        zero = np.zeros_like(points)
        if self.terms.weights_y is None or self.logdet is None:
            own = np.array([zero, zero])
            mean = (
                0.0
                if self.terms.weights_x is None
                else self.terms.weights_x.sparse.sum() / self.terms.weights_x.n_units
            )
            values = np.array([zero, zero, zero, mean + zero])
            return values, np.zeros_like(values) if slopes else None
        w = self.terms.weights_y
        low, high = float(points.min()), float(points.max())
        sums = None if w.rows_add_to_one else _row_sum_curve(w, w, low, high)
        own = np.array(
            [
                -self.logdet.derivative(points) / w.n_units,
                1 / (1 - points) if sums is None else sums.value(points),
            ]
        )
        bends = np.zeros_like(own)
        if slopes:
            bends = np.array(
                [
                    -self.logdet.second_derivative(points) / w.n_units,
                    1 / (1 - points) ** 2 if sums is None else sums.derivative(points),
                ]
            )
        if self.same:
            return np.vstack([own, own]), np.vstack([bends, bends])
        assert self.terms.weights_x is not None
        curves = (
            _cross_curve(w, self.terms.weights_x, low, high),
            _row_sum_curve(w, self.terms.weights_x, low, high),
        )
        other = np.array([curve.value(points) for curve in curves])
        other_bends = np.array([curve.derivative(points) for curve in curves])
        return np.vstack([own, other]), np.vstack([bends, other_bends])


def _row_sum_curve(w: SpatialWeights, inner: SpatialWeights, low: float, high: float) -> Curve:
    """Return the mean row sum of ``(I - x W)^-1 V`` on a window."""
    start = np.asarray(inner.sparse.sum(axis=1)).ravel()

    def mean_row_sum(points: np.ndarray) -> np.ndarray:
        # 1'(I - x W)^-1 V 1 / n, one factorisation a node
        return np.array(
            [factorize(w.sparse, float(x)).solve(start).mean() for x in points.ravel()]
        ).reshape(points.shape)

    return Curve(mean_row_sum, low, high, radius=_radius(w), strip=np.pi / 4)


def _cross_curve(w: SpatialWeights, inner: SpatialWeights, low: float, high: float) -> Curve:
    """Return the mean diagonal of ``(I - x W)^-1 V``, V another matrix, on a window.

    Exact up to some size; beyond, from probes that are the same for all x.
    """
    n = w.n_units
    exact = n <= DENSE_CROSS_UP_TO
    left = np.eye(n)
    if not exact:
        left = probe_signs(n, CROSS_PROBES)
    right = np.asarray(inner.sparse @ left, order="F")
    size = n if exact else n * CROSS_PROBES

    def mean_diagonal(points: np.ndarray) -> np.ndarray:
        return np.array(
            [
                float((left * factorize(w.sparse, float(x)).solve(right)).sum()) / size
                for x in points.ravel()
            ]
        ).reshape(points.shape)

    return Curve(mean_diagonal, low, high, radius=_radius(w), strip=np.pi / 4)


def _radius(w: SpatialWeights) -> float:
    from nqp_spatial.weights._spectrum import spectral_radius

    if w.rows_add_to_one:
        return 1.0
    found = spectral_radius(w.sparse)
    return found if found else max(float(abs(w.sparse).sum(axis=1).max()), 1e-12)


def effects_of(
    x: np.ndarray, divisor: np.ndarray, beta: np.ndarray, theta: np.ndarray, kernel: np.ndarray
) -> np.ndarray:
    """Return direct, indirect and total effects.

    Parameters
    ----------
    x, divisor : ndarray
        From `Slopes.reach`, shape () or (draws,).
    beta, theta : ndarray
        Shape (K,) or (draws, K).
    kernel : ndarray
        From `Kernels` at x, shape (4,) or (4, draws).

    Returns
    -------
    ndarray
        Shape (..., K, 3).
    """
    x, divisor = np.asarray(x)[..., None], np.asarray(divisor)[..., None]
    g, s, g_x, s_x = (np.asarray(part)[..., None] for part in kernel)
    direct = (beta * (1 + x * g) + theta * g_x) / divisor
    total = (beta * (1 + x * s) + theta * s_x) / divisor
    return np.stack([direct, total - direct, total], axis=-1)


def delta_gradient(slopes: Slopes, horizon: str, kernels: Kernels) -> np.ndarray:
    """Return derivatives of the effects by the parameters, shape (K, 3, parameters)."""
    beta, theta = slopes.spread(slopes.coefs)
    x, divisor = (float(part) for part in slopes.reach(slopes.coefs, horizon))
    values, bends = kernels.slopes(x)
    k, lags = len(slopes.names), len(slopes.lagged)
    gradient = np.zeros((k, 3, len(slopes.coefs)))
    for place, (own, cross) in {0: (0, 2), 2: (1, 3)}.items():
        at = np.arange(k)
        gradient[at, place, at] = (1 + x * values[own]) / divisor
        gradient[slopes.lagged, place, k + np.arange(lags)] = values[cross] / divisor
        effect = (beta * (1 + x * values[own]) + theta * values[cross]) / divisor
        by_x = (beta * (values[own] + x * bends[own]) + theta * bends[cross]) / divisor
        if (rho := slopes.place("rho")) is not None:
            gradient[:, place, rho] = by_x / divisor
        if horizon == "long-run":
            if (eta := slopes.place("eta")) is not None:
                gradient[:, place, eta] = by_x / divisor
            if (tau := slopes.place("tau")) is not None:
                gradient[:, place, tau] = (effect + by_x * x) / divisor
    gradient[:, 1] = gradient[:, 2] - gradient[:, 0]
    return gradient


def draw_parameters(slopes: Slopes, draws: int, seed: int | None) -> np.ndarray:
    """Draw parameters from their asymptotic distribution, shape (draws, parameters)."""
    rng = np.random.default_rng(seed)
    # Scaled before the decomposition: the units of the regressors must not matter.
    scale = np.sqrt(np.diag(slopes.cov))
    try:
        lower = np.linalg.cholesky(slopes.cov / np.outer(scale, scale))
    except np.linalg.LinAlgError:
        raise OptionError(
            "the covariance of the estimates is singular, so that nothing can be drawn from it "
            "(few units or periods make it so); use method='delta'"
        ) from None
    return slopes.coefs + (rng.standard_normal((draws, len(scale))) @ lower.T) * scale


def simulate(
    slopes: Slopes, horizons: list[str], kernels: Kernels, *, draws: int, seed: int | None
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Draw parameters from their asymptotic distribution and return the effects of each draw.

    Parameters
    ----------
    slopes : Slopes
    horizons : list of str
        "static", "short-run", "long-run".
    kernels : Kernels
    draws, seed
        How many, and from which seed.

    Returns
    -------
    dict of ndarray
        For each horizon, shape (stable draws, K, 3).
    ndarray
        The stable draws: those with arguments inside the admissible interval at every horizon.
    """
    sample = draw_parameters(slopes, draws, seed)
    low, high = kernels.interval
    stable = np.ones(draws, dtype=bool)
    for horizon in horizons:
        x, divisor = slopes.reach(sample, horizon)
        stable &= (x > low) & (x < high) & (divisor > 0)
    sample = sample[stable]
    if not len(sample):
        raise OptionError(
            "no draw of the parameters lies in the stable region: the model is at the edge of "
            "stability and its effects have no distribution; see method='delta'"
        )
    beta, theta = slopes.spread(sample)
    found = {}
    for horizon in horizons:
        x, divisor = slopes.reach(sample, horizon)
        found[horizon] = effects_of(x, divisor, beta, theta, kernels.values(x))
    return found, sample


class Spectrum:
    """Nodes and weights with ``tr f(W) = sum_j c_j f(w_j)``, for functions that L does not give.

    Parameters
    ----------
    weights : SpatialWeights
        Rows add to one, so that row sums of f(W) are f(1).
    """

    def __init__(self, weights: SpatialWeights) -> None:
        small = weights.n_units <= 2000
        logdet = log_determinant(weights, "exact" if small else "lanczos")
        nodes = np.asarray(logdet.nodes)  # type: ignore[attr-defined]
        shares = logdet.node_weights * logdet.probe_weights[:, None]  # type: ignore[attr-defined]
        ones = logdet.known_ones  # type: ignore[attr-defined]
        self.nodes = np.concatenate([nodes.ravel(), np.ones(min(ones, 1))])
        self.shares = np.concatenate([shares.ravel(), np.full(min(ones, 1), float(ones))])
        self.n = weights.n_units

    def paths(
        self, slopes: Slopes, coefs: np.ndarray, horizons: list[int]
    ) -> dict[int, np.ndarray]:
        """Return effects on y h periods after x changed for one period.

        ``f_h(w) = ((tau + eta w) / (1 - rho w))^h (beta + theta w) / (1 - rho w)``.

        Parameters
        ----------
        slopes : Slopes
        coefs : ndarray
            Shape (draws, parameters).
        horizons : list of int

        Returns
        -------
        dict of ndarray
            For each horizon, shape (draws, K, 3).
        """
        rho, tau, eta = (slopes.value(coefs, name)[:, None] for name in ("rho", "tau", "eta"))
        beta, theta = slopes.spread(coefs)
        found = {h: np.empty((len(coefs), beta.shape[1], 3)) for h in horizons}
        batch = max(1, 2_000_000 // len(self.nodes))
        for start in range(0, len(coefs), batch):
            part = slice(start, start + batch)
            w = np.concatenate([self.nodes, [1.0]])[None, :]
            inverse = 1 / (1 - rho[part] * w)
            ratio = (tau[part] + eta[part] * w) * inverse
            for h in horizons:
                one = ratio**h * inverse
                mean = (one[:, :-1] @ self.shares).real / self.n
                mean_w = (one[:, :-1] @ (self.shares * self.nodes)).real / self.n
                sums = one[:, -1].real
                direct = beta[part] * mean[:, None] + theta[part] * mean_w[:, None]
                total = (beta[part] + theta[part]) * sums[:, None]
                found[h][part] = np.stack([direct, total - direct, total], axis=-1)
        return found


def effects_frame(
    names: list[str],
    horizon: str | int,
    point: np.ndarray,
    std_errors: np.ndarray,
    intervals: tuple[np.ndarray, np.ndarray],
) -> pd.DataFrame:
    """Return the tidy frame of effects at a horizon; all arrays of shape (K, 3)."""
    statistic = np.divide(point, std_errors, out=np.full_like(point, np.nan), where=std_errors > 0)
    count = len(names)
    return pd.DataFrame(
        {
            "variable": np.repeat(np.array(names, dtype=object), 3),
            "horizon": np.repeat(np.array([horizon], dtype=object), 3 * count),
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
            f"{discarded} of {draws} draws lie outside the stable region and were left out; "
            "intervals describe the rest. The estimate is close to the edge: see method='delta'",
            StabilityWarning,
            stacklevel=3,
        )


def unit_effects(
    terms: TermWeights, x: float, divisor: float, beta: float, theta: float, units: pd.Index
) -> pd.DataFrame:
    """Return, for each unit, what a change of x does: at home, sent out, received.

    Parameters
    ----------
    terms : TermWeights
    x, divisor : float
        From `Slopes.reach`.
    beta, theta : float
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
    n = len(units)
    impulse = sparse.csr_array(beta / divisor * sparse.eye_array(n))
    if terms.weights_x is not None:
        impulse = sparse.csr_array(impulse + theta / divisor * terms.weights_x.sparse)
    if terms.weights_y is None or x == 0:
        rows = np.asarray(impulse.sum(axis=1)).ravel()
        columns = np.asarray(impulse.sum(axis=0)).ravel()
        own = impulse.diagonal()
        return pd.DataFrame({"own": own, "received": rows - own, "sent": columns - own}, units)
    factor = factorize(terms.weights_y.sparse, x)
    rows = factor.solve(np.asarray(impulse @ np.ones(n)))
    columns = impulse.T @ factor.solve(np.ones(n), trans="T")
    own = np.empty(n)
    for start in range(0, n, 500):  # blocks of columns, so that memory stays linear in n
        stop = min(start + 500, n)
        block = factor.solve(impulse[:, start:stop].toarray())
        own[start:stop] = block[np.arange(start, stop), np.arange(stop - start)]
    return pd.DataFrame({"own": own, "received": rows - own, "sent": columns - own}, index=units)
