"""Regressions with ``W_S = sum_k g_k W_k`` for many sets of shares g, from one compressed sample.

All spatial lags are linear in the shares. The outcome, the regressors and their lags by each
candidate are formed and demeaned once, and replaced by the triangular factor of their QR
decomposition, which has the same cross products: a further set of shares costs a small
decomposition, whatever the number of observations.

With ``v = (1, -rho)`` and the coefficients beta and sigma integrated out,

    p(y | rho) ~ |I - rho W|^m |F'F|^(-1/2) (1 + g)^(-k/2) (v'K v)^(-f),

F the regressors with a diffuse prior, k those with the prior N(0, g sigma2 (Z'Z)^-1), and K the
residual cross products of y and W y plus 1 / (1 + g) of the products that Z explains.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.linalg
from scipy import sparse
from scipy.special import gammaln

from nqp_spatial.errors import CollinearityError
from nqp_spatial.regression._demeaning import LikelihoodCounts, demean
from nqp_spatial.regression._design import INTERCEPT, Design
from nqp_spatial.regression._term_weights import lag
from nqp_spatial.regression.spec import RegressionSpec

__all__ = ["MixedRegressions", "Prior"]

Prior = Literal["g", "diffuse"]

# Diagonal of the triangular factor, relative to the length of its column.
_DEPENDENT = 1e-9
_AT_ONCE = 256


@dataclass(frozen=True, eq=False)
class MixedRegressions:
    """The compressed sample, by blocks of columns.

    Attributes
    ----------
    spec : RegressionSpec
    counts : LikelihoodCounts
    y, x : ndarray
        Outcome (rows,) and regressors (rows, K), the intercept first.
    lags_y : ndarray
        ``W_k y``, shape (rows, m).
    lags_x, twice_x : ndarray
        ``W_k X`` (rows, K, m) and the lags of ``W_j X_lagged``, ``W_k W_j X`` (rows, L, m, m); none
        where the model does not need them.
    lagged : ndarray of int
        Positions of the regressors whose lag enters, L of them.
    g : float
        Of the g-prior; infinite for the diffuse prior.
    has_intercept : bool
    """

    spec: RegressionSpec
    counts: LikelihoodCounts
    y: np.ndarray
    x: np.ndarray
    lags_y: np.ndarray
    lags_x: np.ndarray
    twice_x: np.ndarray
    lagged: np.ndarray
    g: float
    has_intercept: bool

    @classmethod
    def of(
        cls,
        design: Design,
        spec: RegressionSpec,
        counts: LikelihoodCounts,
        matrices: list[sparse.csr_array],
        prior: Prior,
    ) -> MixedRegressions:
        """Form all lags, remove the effects and compress."""
        m, k = len(matrices), len(design.names)
        columns = np.array([design.names.index(name) for name in spec.lagged], dtype=int)
        observed = design.y.size

        def flat(array: np.ndarray) -> np.ndarray:
            return demean(array, spec).reshape(observed, -1)

        blocks = [flat(design.y), flat(design.z)]
        blocks.append(np.hstack([flat(lag(w, design.y)) for w in matrices]))
        by_x = [lag(w, design.z) for w in matrices] if spec.has_lags or spec.has_lam else []
        twice = [lag(w, part[:, :, columns]) for part in by_x for w in matrices]
        twice = twice if spec.has_lags and spec.has_lam else []
        for part in (by_x, twice):
            blocks.append(np.hstack([flat(a) for a in part]) if part else np.empty((observed, 0)))
        widths = np.cumsum([block.shape[1] for block in blocks])[:-1]
        triangle = _triangle(np.hstack(blocks))
        y, x, lags_y, lags_x, twice_x = np.split(triangle, widths, axis=1)
        rows = len(triangle)
        regressors = k * (1 + spec.has_lags)
        return cls(
            spec,
            counts,
            y[:, 0],
            x,
            lags_y,
            np.moveaxis(lags_x.reshape(rows, m if by_x else 0, k), 1, 2),
            np.moveaxis(twice_x.reshape(rows, *((m, m) if twice else (0, 0)), len(columns)), 3, 1),
            columns,
            float(max(counts.observations, regressors**2)) if prior == "g" else np.inf,
            INTERCEPT in design.names,
        )

    @property
    def shrinkage(self) -> float:
        """Return ``g / (1 + g)``."""
        return 1.0 if np.isinf(self.g) else self.g / (1 + self.g)

    @property
    def n_regressors(self) -> int:
        """Return the number of columns of the regressors."""
        return int(self.x.shape[1]) + (len(self.lagged) if self.spec.has_lags else 0)

    @property
    def n_flat(self) -> int:
        """Return the number of coefficients with a diffuse prior, which are the first."""
        return self.n_regressors if np.isinf(self.g) else int(self.has_intercept)

    @property
    def freedom(self) -> float:
        """Return f, half the degrees of freedom."""
        return (self.counts.observations - self.n_flat) / 2

    @property
    def constant(self) -> float:
        """Return the part of the log marginal likelihood that all sums share."""
        f = self.freedom
        shrunk = self.n_regressors - self.n_flat
        common = float(gammaln(f) - f * np.log(np.pi))
        return common if not shrunk else common - shrunk / 2 * float(np.log1p(self.g))

    def columns(self, shares: np.ndarray) -> np.ndarray:
        """Return ``[z, y, W y]``, and ``[W z, W y, 0]`` where errors are spatial.

        Parameters
        ----------
        shares : ndarray
            Shape (sums, m).

        Returns
        -------
        ndarray
            Shape (1 or 2, sums, rows, columns).
        """
        s, spec = len(shares), self.spec

        def each(array: np.ndarray) -> np.ndarray:
            return np.broadcast_to(array, (s, *array.shape))

        lag_y = np.einsum("rm,sm->sr", self.lags_y, shares)[:, :, None]
        parts = [each(self.x)]
        if spec.has_lags or spec.has_lam:
            lag_x = np.einsum("rkm,sm->srk", self.lags_x, shares, optimize=True)
        if spec.has_lags:
            parts.append(lag_x[:, :, self.lagged])
        parts.append(each(self.y[:, None]))
        if spec.has_rho:
            parts.append(lag_y)
        own = np.concatenate(parts, axis=2)
        if not spec.has_lam:
            return own[None]
        further = [lag_x]
        if spec.has_lags:
            further.append(
                np.einsum("rkab,sa,sb->srk", self.twice_x, shares, shares, optimize=True)
            )
        return np.stack([own, np.concatenate([*further, lag_y], axis=2)])

    def triangles(self, shares: np.ndarray) -> np.ndarray:
        """Return the triangular factors of ``[z, y, W y]`` of models without lam."""
        factors = _triangle(self.columns(shares)[0])
        self._require_independent(factors)
        return np.asarray(factors)

    def grams(self, shares: np.ndarray) -> np.ndarray:
        """Return the cross products of ``[z, y] - lam W [z, y]``, by parts.

        Shape (3, sums, columns, columns), for (1 - lam)^2, lam (1 - lam) and lam^2: written as
        ``(1 - lam) v + lam (v - W v)``, a filtered intercept keeps its digits near lam = 1. Columns
        are made orthonormal at lam = 0.
        """
        own, lagged = self.columns(shares)
        factors = _triangle(own)
        self._require_independent(factors)
        k = self.n_regressors
        scale = np.zeros_like(factors)
        scale[:, range(k + 1), range(k + 1)] = 1.0
        scale[:, :k, :k] = np.linalg.inv(factors[:, :k, :k])
        own, gap = own @ scale, (own - lagged) @ scale
        cross = np.swapaxes(own, 1, 2) @ gap
        return np.stack(
            [
                np.swapaxes(own, 1, 2) @ own,
                cross + np.swapaxes(cross, 1, 2),
                np.swapaxes(gap, 1, 2) @ gap,
            ]
        )

    def log_volume(self, shares: np.ndarray) -> np.ndarray:
        """Return ``-ln|F'F| / 2`` of the columns with a diffuse prior, unfiltered."""
        own = self.columns(shares)[0]
        diagonal = np.diagonal(_triangle(own), axis1=1, axis2=2)
        return -np.asarray(np.log(np.abs(diagonal[:, : self.n_flat])).sum(axis=1))

    def _require_independent(self, factors: np.ndarray) -> None:
        k = self.n_regressors
        lengths = np.sqrt((factors[:, :, :k] ** 2).sum(axis=1))
        weak = np.abs(np.diagonal(factors, axis1=1, axis2=2)[:, :k]) < _DEPENDENT * lengths
        if weak.any():
            place = int(np.flatnonzero(weak.any(axis=0))[0])
            names = [*self.spec.regressors, *(f"W {name}" for name in self.spec.lagged)]
            raise CollinearityError(
                f"regressor {names[place]!r} is a linear combination of the others for a mean of "
                "candidate weights (once effects are taken out): do two candidates add up to a "
                "matrix with equal weights for all units? Leave one of them, or the regressor, out"
            )


def _triangle(columns: np.ndarray) -> np.ndarray:
    """Return the triangular factors of one or many matrices."""
    return np.asarray(np.linalg.qr(columns, mode="r"))


def in_batches(
    function: Callable[[np.ndarray], np.ndarray], shares: np.ndarray, axis: int = 0
) -> np.ndarray:
    """Apply a function to a few hundred sets of shares at a time, so that memory is small."""
    batches = [shares[start : start + _AT_ONCE] for start in range(0, len(shares), _AT_ONCE)]
    return np.concatenate([function(batch) for batch in batches], axis=axis)


class QuadraticTerms:
    """The part of the log density of rho that depends on the data, for models with W y or none.

    Parameters
    ----------
    data : MixedRegressions
    shares : ndarray
        Shape (sums, m).
    """

    def __init__(self, data: MixedRegressions, shares: np.ndarray) -> None:
        factors = in_batches(data.triangles, shares)
        k, flat = data.n_regressors, data.n_flat
        series = factors[:, :, k:]
        explained, residual = series[:, flat:k], series[:, k:]
        self.products = np.swapaxes(residual, 1, 2) @ residual
        self.products += (1 - data.shrinkage) * (np.swapaxes(explained, 1, 2) @ explained)
        self.freedom = data.freedom
        diagonal = np.abs(np.diagonal(factors, axis1=1, axis2=2)[:, :flat])
        self.constant = data.constant - np.log(diagonal).sum(axis=1)

    def value(self, sums: np.ndarray, rho: np.ndarray) -> np.ndarray:
        """Return the terms of each of the sums at rho, both shape (sums, points)."""
        k = self.products[sums]
        total = k[:, :1, 0] - 2 * rho * k[:, :1, 1] + rho**2 * k[:, 1:, 1]
        return np.asarray(self.constant[sums][:, None] - self.freedom * np.log(total))

    def without_rho(self) -> np.ndarray:
        """Return the terms of a model without spatial dependence, shape (sums,)."""
        return np.asarray(self.constant - self.freedom * np.log(self.products[:, 0, 0]))


class FilteredTerms:
    """The part of the log density of lam that depends on the data, for spatial errors.

    Parameters
    ----------
    data, shares
        As in `QuadraticTerms`.
    """

    def __init__(self, data: MixedRegressions, shares: np.ndarray) -> None:
        self.data = data
        self.grams = in_batches(data.grams, shares, axis=1)
        self.constant = data.constant + in_batches(data.log_volume, shares)

    def value(self, sums: np.ndarray, lam: np.ndarray) -> np.ndarray:
        """Return the terms of each of the sums at lam, both shape (sums, points)."""
        k, flat = self.data.n_regressors, self.data.n_flat
        lower = np.linalg.cholesky(self.filtered(sums, lam))
        line = lower[:, :, k]
        total = line[:, :, k] ** 2
        total = total + (1 - self.data.shrinkage) * (line[:, :, flat:k] ** 2).sum(axis=2)
        diagonal = np.diagonal(lower, axis1=2, axis2=3)[:, :, :flat]
        volume = np.log(diagonal).sum(axis=2)
        return np.asarray(self.constant[sums][:, None] - volume - self.data.freedom * np.log(total))

    def filtered(self, sums: np.ndarray, lam: np.ndarray) -> np.ndarray:
        """Return the cross products at lam, shape (sums, points, columns, columns)."""
        powers = np.stack([(1 - lam) ** 2, lam * (1 - lam), lam**2])
        return np.asarray(np.einsum("psg,psij->sgij", powers, self.grams[:, sums], optimize=True))


def coefficient_draws(
    data: MixedRegressions, shares: np.ndarray, x: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw sigma2 and the coefficients of z given rho or lam, for one set of shares.

    Parameters
    ----------
    data : MixedRegressions
    shares : ndarray
        Shape (m,).
    x : ndarray
        Draws of rho or lam, shape (draws,); zeros where the model has neither.
    rng : Generator

    Returns
    -------
    ndarray
        Coefficients, shape (draws, columns of z).
    ndarray
        sigma2, shape (draws,).
    """
    k, flat, s = data.n_regressors, data.n_flat, data.shrinkage
    own = data.columns(shares[None])[:, 0]
    draws = len(x)
    if data.spec.has_lam:
        system = own[0][None] - x[:, None, None] * own[1][None]
        factors = _triangle(system)
        series = factors[:, :, k]
    else:
        factor = _triangle(own[0])
        ahead = np.column_stack([np.ones(draws), -x])[:, : 1 + data.spec.has_rho]
        series = ahead @ factor[:, k:].T
        factors = np.broadcast_to(factor, (draws, *factor.shape))
    scales = np.ones(k)
    scales[flat:] = s
    total = (series[:, k:] ** 2).sum(axis=1) + (1 - s) * (series[:, flat:k] ** 2).sum(axis=1)
    sigma2 = total / (2 * rng.gamma(data.freedom, size=draws))
    turned = series[:, :k] * scales + rng.standard_normal((draws, k)) * np.sqrt(
        sigma2[:, None] * scales
    )
    if not k:
        return turned, sigma2
    if not data.spec.has_lam:
        return scipy.linalg.solve_triangular(factors[0][:k, :k], turned.T).T, sigma2
    return np.linalg.solve(factors[:, :k, :k], turned[:, :, None])[:, :, 0], sigma2
