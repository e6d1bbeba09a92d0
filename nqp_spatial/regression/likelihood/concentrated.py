"""The likelihood of rho, lam and phi, all other parameters concentrated out.

Rho has one value, or one for each of R matrices W_k. With ``B = I - lam W_u``, e0 the residuals of
y and E those of the W_k y on the regressors, ``S(rho, lam, phi) = min |Q B (e0 - E rho - z d)|^2``
over d, and

    l = m [L_y(rho) + L_u(lam) - k ln(1 - rho) - k ln(1 - lam)] + n ln phi - (N/2) ln S + constant,

N observations, m log-determinants, k = 1 where periods were transformed away (`LikelihoodCounts`).
Q weights the unit means of a series by phi and is the identity without random effects, where there
is no term in phi. S is computed from cross products that are formed once: one evaluation costs one
evaluation of each L and a solve of K by K, whatever the size of the data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nqp_spatial.regression._demeaning import LikelihoodCounts, Projection, unit_means
from nqp_spatial.regression.likelihood.log_determinant import LogDet
from nqp_spatial.regression.likelihood.several_lags import (
    LagMatrices,
    derivatives_of,
    value_of,
)

__all__ = ["ConcentratedLikelihood", "CrossProducts"]


class CrossProducts:
    """``S(rho, lam, phi) = v'K(lam, phi) v`` with ``v = (1, -rho)``, and its derivatives.

    K is the residual cross product of the filtered e0 and e1 on the filtered regressors. Regressors
    are made orthonormal before filtering, so that no precision is lost.

    Parameters
    ----------
    projection : Projection
    random : bool
        Whether unit effects are random, so that there is a phi.
    """

    def __init__(self, projection: Projection, *, random: bool = False) -> None:
        p = projection
        residuals = np.column_stack([p.left_y, p.left_lag])
        self.plain = residuals.T @ residuals
        self.n_rho = int(p.left_lag.shape[1])
        self.filtered, self._random = p.by_u is not None or random, random
        if not self.filtered:
            return
        self._dummies, self._on_dummies = p.filtered_periods, np.empty(0)
        series = np.column_stack([residuals, p.z @ p.unscale])
        lagged = np.zeros_like(series)
        if p.by_u is not None:
            z_u, y_u, lag_y_u = p.by_u
            lagged = np.column_stack(
                [y_u - z_u @ p.coef_y, lag_y_u - z_u @ p.coef_lag, z_u @ p.unscale]
            )
        everything = _grams(series, lagged)
        between = np.zeros_like(everything)
        if random:
            between = _grams(unit_means(series, p.periods), unit_means(lagged, p.periods))
        # Powers of lam, within and between units.
        self._within, self._between = everything - between, between
        if self._dummies is not None:
            self._on_dummies = self._dummies.polynomials(series, lagged)

    def value(self, at: np.ndarray) -> float:
        """Return S at (rho, lam, phi)."""
        v = np.concatenate([[1.0], -at[: self.n_rho]])
        k = self.plain
        if self.filtered:
            full = self._gram(float(at[self.n_rho]), float(at[self.n_rho + 1]))
            out = self._out(full)
            k = out.T @ full @ out
        return float(v @ k @ v)

    def _gram(self, lam: float, phi: float) -> np.ndarray:
        """Return the cross products of the filtered series."""
        order = np.array([[1, -lam, lam**2]])
        full = _mixed(order, self._within)[0]
        if self._dummies is not None:
            full = full - self._dummies.explained(self._on_dummies, lam)[0]
        if self._random:
            full = full + phi**2 * _mixed(order, self._between)[0]
        return np.asarray(full)

    def _out(self, full: np.ndarray) -> np.ndarray:
        """Return e minus its regression on the filtered q, as weights of the filtered series."""
        r = self.n_rho + 1
        return np.vstack([np.eye(r), -np.linalg.solve(full[r:, r:], full[r:, :r])])

    def parts(
        self, lam: float, phi: float
    ) -> tuple[np.ndarray, list[np.ndarray], list[list[np.ndarray]], np.ndarray]:
        """Return K (R + 1, R + 1), its derivatives by (lam, phi), coefficients of q (K, R + 1)."""
        r = self.n_rho + 1
        if not self.filtered:
            zero = np.zeros((r, r))
            return self.plain, [zero, zero], [[zero, zero], [zero, zero]], np.zeros((0, r))
        orders = [np.array([1, -lam, lam**2]), np.array([0, -1, 2 * lam]), np.array([0, 0, 2.0])]
        within = [np.tensordot(order, self._within, axes=1) for order in orders]
        between = [np.tensordot(order, self._between, axes=1) for order in orders]
        if self._dummies is not None:
            explained = self._dummies.explained(self._on_dummies, lam)
            within = [total - part for total, part in zip(within, explained, strict=True)]
        full = within[0] + phi**2 * between[0]
        first = [within[1] + phi**2 * between[1], 2 * phi * between[0]]
        second = [
            [within[2] + phi**2 * between[2], 2 * phi * between[1]],
            [2 * phi * between[1], 2 * between[0]],
        ]
        out = self._out(full)
        turned = [slope @ out for slope in first]
        solved = [np.linalg.solve(full[r:, r:], part[r:]) for part in turned]
        bends = [
            [
                out.T @ second[i][j] @ out
                - turned[i][r:].T @ solved[j]
                - turned[j][r:].T @ solved[i]
                for j in (0, 1)
            ]
            for i in (0, 1)
        ]
        return out.T @ full @ out, [out.T @ part for part in turned], bends, -out[r:]

    def by_lam(self, lam: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return S and ``ln|z'B'B z| - ln|z'z|`` at several lam, where rho is 0 and phi is 1.

        Filtered period dummies are removed from both.
        """
        r = self.n_rho + 1
        orders = np.column_stack([np.ones_like(lam), -lam, lam**2])
        full = _mixed(orders, self._within + self._between)
        if self._dummies is not None:
            full = full - [self._dummies.explained(self._on_dummies, x)[0] for x in lam]
        own, beside, others = full[:, :1, :1], full[:, r:, :1], full[:, r:, r:]
        explained = np.swapaxes(beside, 1, 2) @ np.linalg.solve(others, beside)
        return (own - explained)[:, 0, 0], np.linalg.slogdet(others)[1]

    def derivatives(self, at: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Return S, its gradient (R + 2,) and its Hessian at (rho, lam, phi)."""
        r = self.n_rho
        k, first, second, _ = self.parts(float(at[r]), float(at[r + 1]))
        v = np.concatenate([[1.0], -at[:r]])
        slopes = [v @ first[0] @ v, v @ first[1] @ v]
        gradient = np.concatenate([-2 * (v @ k)[1:], slopes])
        hessian = np.empty((r + 2, r + 2))
        hessian[:r, :r] = 2 * k[1:, 1:]
        for i in (0, 1):
            hessian[:r, r + i] = hessian[r + i, :r] = -2 * (v @ first[i])[1:]
            for j in (0, 1):
                hessian[r + i, r + j] = v @ second[i][j] @ v
        return float(v @ k @ v), gradient, hessian


def _mixed(orders: np.ndarray, powers: np.ndarray) -> np.ndarray:
    """Return sums of cross products by powers of lam, one for each row of coefficients."""
    sums = orders @ powers.reshape(len(powers), -1)
    return np.asarray(sums.reshape(len(orders), *powers.shape[1:]))


def _grams(series: np.ndarray, lagged: np.ndarray) -> np.ndarray:
    """Return the cross products of ``own - lam lagged`` by powers of -lam, by (R + 1 + K)."""
    cross = series.T @ lagged
    return np.stack([series.T @ series, cross + cross.T, lagged.T @ lagged])


@dataclass(frozen=True, eq=False)
class ConcentratedLikelihood:
    """The log-likelihood as a function of rho, lam and phi only.

    Attributes
    ----------
    counts : LikelihoodCounts
    products : CrossProducts
    logdets : tuple
        Log-determinants of the W or the W_k of the outcome, and of W_u; None for a parameter that
        the model does not have.
    """

    counts: LikelihoodCounts
    products: CrossProducts
    logdets: tuple[LogDet | LagMatrices | None, LogDet | None]

    @property
    def n_rho(self) -> int:
        """R; 1 if the model has no rho."""
        return self.products.n_rho

    @property
    def active(self) -> list[int]:
        """Which of (rho, lam, phi) the model has."""
        r = self.n_rho
        positions = [] if self.logdets[0] is None else list(range(r))
        positions += [] if self.logdets[1] is None else [r]
        return [*positions, r + 1] if self.counts.units else positions

    def value(self, at: np.ndarray) -> float:
        """Return the maximised log-likelihood at (rho, lam, phi)."""
        n, m, r = self.counts.observations, self.counts.n_logdets, self.n_rho
        s = self.products.value(at)
        total = -n / 2 * (np.log(2 * np.pi * s / n) + 1) + self.counts.units * np.log(at[r + 1])
        for x, logdet in zip((at[:r], at[r : r + 1]), self.logdets, strict=True):
            total += m * value_of(logdet, x, self.counts.drops_unit_root)
        return float(total)

    def derivatives(self, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return gradient and Hessian of `value` in the parameters that the model has."""
        n, m, r = self.counts.observations, self.counts.n_logdets, self.n_rho
        s, s1, s2 = self.products.derivatives(at)
        gradient = -n / 2 * s1 / s
        hessian = -n / 2 * (s2 / s - np.outer(s1, s1) / s**2)
        for term, logdet in zip((slice(0, r), slice(r, r + 1)), self.logdets, strict=True):
            if logdet is not None:
                first, second = derivatives_of(logdet, at[term], self.counts.drops_unit_root)
                gradient[term] += m * first
                hessian[term, term] += m * second
        gradient[r + 1] += self.counts.units / at[r + 1]
        hessian[r + 1, r + 1] -= self.counts.units / at[r + 1] ** 2
        keep = self.active
        return gradient[keep], hessian[np.ix_(keep, keep)]
