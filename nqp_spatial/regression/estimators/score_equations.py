"""Adjusted scores: rho and lam that are consistent whatever the variances of the errors.

With the demeaned and filtered ``r = M B (A y - Z b)``, ``L = M B W_y y``, ``q = M W_u (A y - Z b)``
and ``Z_f = M B Z``, the scores of the likelihood contain the quadratic forms ``r'L`` and ``r'q``,
whose means are ``sum_i F_ii s_i`` and ``sum_i H_ii s_i``, with s_i the sum over periods of the
variances of unit i, and F and H as in `filter_diagonals`. The likelihood subtracts ``tr F`` and
``tr H`` times one variance, which is right only if the variances are equal or unrelated to the
diagonals. The adjusted scores subtract the diagonal parts themselves:

    beta   Z_f'r
    rho    r'L - sum_i f_i sum_t r_it^2
    lam    r'q - sum_i h_i sum_t r_it^2

with weights f and h such that the means are zero for any variances. Demeaning over time leaves the
sum of squares of each unit with a mean proportional to s_i; demeaning over units mixes the units in
a known way, which is inverted. The degrees of freedom that the coefficients cost enter the weights
as a leverage by unit, which makes the means exactly zero under equal variances, and zero up to the
order K / n under unequal ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nqp_spatial.regression._demeaning import demean
from nqp_spatial.regression._model_data import ModelData
from nqp_spatial.regression.covariance.information import Estimate, FilterPair
from nqp_spatial.regression.covariance.unit_pairs import (
    error_variances,
    pair_variance,
    sampled_pair_variance,
)
from nqp_spatial.regression.estimators.filter_diagonals import (
    Diagonals,
    DiagonalSource,
    filter_pair,
)
from nqp_spatial.regression.estimators.gs2sls import score_variance

__all__ = ["AdjustedScores", "Score"]


@dataclass(frozen=True, eq=False)
class Score:
    """The scores at one (rho, lam), the coefficients concentrated out.

    Attributes
    ----------
    point : ndarray
        (rho, lam).
    coefs : ndarray
        Coefficients of the orthonormal regressors, shape (K,).
    values : ndarray
        The scores of rho and lam that the model has.
    jacobian : ndarray
        Minus the derivative of all scores by (coefs, rho, lam); those of coefs are zero here.
    residuals : ndarray
        r, shape (n_units, n_periods).
    pair : FilterPair
    diagonals : Diagonals
    freedom : ndarray
        Sum over periods of ``1 - leverage``, by unit, shape (n_units,).
    weights : ndarray
        f and h, shape (n_units, 2).
    """

    point: np.ndarray
    coefs: np.ndarray
    values: np.ndarray
    jacobian: np.ndarray
    residuals: np.ndarray
    pair: FilterPair
    diagonals: Diagonals
    freedom: np.ndarray
    weights: np.ndarray

    @property
    def concentrated(self) -> np.ndarray:
        """Minus the derivative of ``values`` with the coefficients concentrated out."""
        k = len(self.coefs)
        j = self.jacobian
        return np.asarray(j[k:, k:] - j[k:, :k] @ np.linalg.solve(j[:k, :k], j[:k, k:]))

    def slope(self, omega: np.ndarray) -> float:
        """Return the largest score, in standard deviations."""
        sizes = np.sqrt(np.diag(omega)[len(self.coefs) :])
        return float(np.abs(self.values / sizes).max())


class AdjustedScores:
    """The adjusted scores of a model.

    Parameters
    ----------
    data : ModelData
    source : DiagonalSource
    """

    def __init__(self, data: ModelData, source: DiagonalSource) -> None:
        p, self.shape, self.spec = data.projection, data.shape, data.spec
        self.data, self.source = data, source
        n, t = self.shape
        self.active = [0] * self.spec.has_rho + [1] * self.spec.has_lam
        self.periods = t - 1 if self.spec.sweeps_units else t
        self.y, self.lag_y = p.y.reshape(n, t), p.lag_y[:, 0].reshape(n, t)
        self.q = (p.z @ p.unscale).reshape(n, t, -1)
        self.q_u, self.y_u, self.lag_y_u = (np.zeros_like(x) for x in (self.q, self.y, self.y))
        if p.by_u is not None:
            z_u, y_u, lag_u = p.by_u
            self.q_u = (z_u @ p.unscale).reshape(n, t, -1)
            self.y_u, self.lag_y_u = y_u.reshape(n, t), lag_u[:, 0].reshape(n, t)

    def at(self, point: np.ndarray) -> Score:
        """Return the scores at (rho, lam)."""
        rho, lam = point
        q = self.q - lam * self.q_u
        lag_y = self.lag_y - lam * self.lag_y_u
        gram_inverse = np.linalg.inv(_inner(q, q))
        coefs = gram_inverse @ _inner(q, self.y - lam * self.y_u - rho * lag_y)
        u_lagged = self.y_u - rho * self.lag_y_u - self.q_u @ coefs
        r = self.y - rho * self.lag_y - self.q @ coefs - lam * u_lagged
        pair = filter_pair(self.data.terms, point, self.spec)
        diagonals = self.source.at(pair, point)
        weights, by_rho, by_lam, freedom = self._weights(pair, diagonals, q, gram_inverse)
        squares = (r**2).sum(axis=1)
        k = len(coefs)
        values = np.array([_sum(r, lag_y), _sum(r, u_lagged)]) - squares @ weights
        # r falls by q, lag_y and u_lagged as coefs, rho and lam rise.
        fall = np.concatenate([q, lag_y[:, :, None], u_lagged[:, :, None]], axis=2)
        jacobian = _inner(fall, fall)
        jacobian[k:] -= 2 * _inner(weights[:, None, :] * r[:, :, None], fall)
        jacobian[k, k:] += squares @ np.column_stack([by_rho[:, 0], by_lam[:, 0]])
        jacobian[k + 1, k:] += squares @ np.column_stack([by_rho[:, 1], by_lam[:, 1]])
        # And the filter of q and lag_y falls by q_u and lag_y_u as lam rises; u_lagged as coefs
        # and rho rise.
        turn = np.append(_inner(self.q_u, r), _sum(self.lag_y_u, r))
        jacobian[: k + 1, k + 1] += turn
        jacobian[k + 1, : k + 1] += turn
        rows = [*range(k), *(k + which for which in self.active)]
        return Score(
            point, coefs, values[self.active], jacobian[np.ix_(rows, rows)], r, pair, diagonals,
            freedom, weights,
        )  # fmt: skip

    def _weights(
        self, pair: FilterPair, diagonals: Diagonals, q: np.ndarray, gram_inverse: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return (f, h), their derivatives by rho and lam, and the freedom of each unit.

        With ``P = M - Z_f (Z_f'Z_f)^-1 Z_f'`` the mean of ``r'L`` is ``sum_it (P F)_it,it`` times
        the variance of it, and a unit's sum of squares has ``sum_t P_it,it`` times its variance.
        """
        n, t, k = q.shape

        def back(which: int, columns: np.ndarray) -> np.ndarray:
            if not k:
                return columns
            flat = pair.times(which, columns.reshape(n, t * k), transposed=True)
            return flat.reshape(n, t, k)

        images = [back(which, q) for which in (0, 1)]
        scaled = _times(q, gram_inverse)
        share = 1 - 1 / n if self.spec.sweeps_periods else 1.0
        freedom = share * self.periods - _by_unit(scaled, q)
        traces, by_rho, by_lam = (
            self.periods * x for x in (diagonals.values, diagonals.by_rho, diagonals.by_lam)
        )
        traces -= np.column_stack([_by_unit(scaled, image) for image in images])
        by_rho[:, 0] -= _by_unit(scaled, back(0, images[0]))
        freedom_by_lam = np.zeros(n)
        if self.spec.has_lam:
            slope = gram_inverse @ (x := _inner(self.q_u, q)) @ gram_inverse
            turn = slope + gram_inverse @ x.T @ gram_inverse  # of the inverse, by lam
            turned, scaled_u = _times(q, turn), _times(self.q_u, gram_inverse)
            freedom_by_lam = 2 * _by_unit(scaled_u, q) - _by_unit(turned, q)
            for which, image in enumerate(images):
                through = back(1, image) - back(which, self.q_u)
                if which == 0:
                    through = through - back(0, images[1])
                by_lam[:, which] -= (
                    _by_unit(scaled, through) + _by_unit(turned, image) - _by_unit(scaled_u, image)
                )
        scale = np.divide(share, freedom, out=np.zeros(n), where=freedom > 1e-10)[:, None]
        traces, by_rho, by_lam = (self._unmixed(x) for x in (traces, by_rho, by_lam))
        weights = traces * scale
        by_lam = by_lam * scale - weights * (freedom_by_lam[:, None] * scale / share)
        return weights, by_rho * scale, by_lam, freedom

    def _unmixed(self, values: np.ndarray) -> np.ndarray:
        """Return x with ``(J * J) x = values``, the squares being those of the elements of J."""
        if not self.spec.sweeps_periods:
            return values
        n = len(values)
        return np.asarray((values - values.sum(axis=0) / (n * (n - 1))) / (1 - 2 / n))

    def estimate(self, score: Score) -> Estimate:
        """Return the parameters, with the mean of the variances as sigma2."""
        data, (rho, lam) = self.data, score.point
        sigma2 = float((score.residuals**2).sum()) / data.counts.observations
        return Estimate(
            data.projection.unscale @ score.coefs, np.array([rho]), float(lam), sigma2,
            data.projection, data.counts, tuple(self.active),
        )  # fmt: skip

    def variance(self, score: Score, seed: int | None = 0) -> np.ndarray:
        """Return Omega, the variance of the scores under unknown heteroskedasticity."""
        n, t = self.shape
        r = score.residuals * np.sqrt(self._inflation(score))[:, None]
        k = len(score.coefs)
        linear = np.zeros((n, t, k + 2))
        linear[:, :, :k] = self.q - score.point[1] * self.q_u
        structural = self.data.design.y - score.point[0] * self.data.design.lag_y[:, :, 0]
        structural = structural - self.estimate(score).disturbances.reshape(n, t)
        linear[:, :, k] = demean(score.pair.filtered_spill(structural)[0], self.spec)
        columns = linear.reshape(n * t, -1)
        omega = score_variance(columns, r.ravel(), 0.0, self.spec, self.shape, self.data.dependence)
        if self.spec.covariance == "cluster":
            omega *= n / (n - 1)
        variances = None
        if self.spec.covariance == "robust":
            variances = error_variances(r, demeaned=self.spec.sweeps_units)
        if self.source.exact:
            omega[k:, k:] += pair_variance(self._forms(score), r, variances)
        else:
            forms = [k + which for which in self.active]
            omega[np.ix_(forms, forms)] += sampled_pair_variance(
                score.pair, self.active, score.diagonals.values[:, self.active], r, variances, seed
            )[0]
            omega[k:, k:] += self.probe_variance(score)
        rows = [*range(k), *(k + which for which in self.active)]
        return np.asarray(omega[np.ix_(rows, rows)])

    def _inflation(self, score: Score) -> np.ndarray:
        """Return ``1 / (1 - leverage)`` by unit, shape (n_units,); zero where nothing is left."""
        usable = score.freedom > 1e-10
        blank = np.zeros(len(usable))
        return np.asarray(np.divide(self.periods, score.freedom, out=blank, where=usable))

    def probe_variance(self, score: Score) -> np.ndarray:
        """Return the variance that random probes add to the scores of rho and lam, (2, 2)."""
        probes = score.diagonals.probes
        if probes is None:
            return np.zeros((2, 2))
        squares = (score.residuals**2).sum(axis=1) * self._inflation(score)
        sums = np.einsum("pik,i->pk", probes, squares)
        return np.asarray(np.cov(sums.T) / len(probes))

    def _forms(self, score: Score) -> list[np.ndarray]:
        """Return the dense matrices of the quadratic forms, up to their diagonals."""
        matrices = [score.pair.times(which, np.eye(self.shape[0])) for which in (0, 1)]
        if not self.spec.sweeps_periods:
            return matrices
        forms = []
        for matrix, diagonal in zip(matrices, score.diagonals.values.T, strict=True):
            weights = np.diag(self._unmixed(diagonal[:, None])[:, 0])
            centred = weights - weights.mean(axis=0)
            centred = centred - centred.mean(axis=1, keepdims=True)
            forms.append(matrix - matrix.mean(axis=0) - centred)
        return forms


def _inner(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the cross product over units and periods."""
    return np.asarray(np.tensordot(left, right, axes=((0, 1), (0, 1))))


def _sum(left: np.ndarray, right: np.ndarray) -> float:
    return float((left * right).sum())


def _times(columns: np.ndarray, square: np.ndarray) -> np.ndarray:
    """Return linear combinations of columns, shape (n_units, n_periods, K)."""
    return np.asarray((columns.reshape(-1, len(square)) @ square).reshape(columns.shape))


def _by_unit(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return ``sum_t left_it'right_it``, shape (n_units,)."""
    n = len(left)
    return np.asarray(np.einsum("ij,ij->i", left.reshape(n, -1), right.reshape(n, -1)))
