"""Adjusted scores of a dynamic panel with unit effects, as functions of (tau, eta, rho, lam).

The scores of the dummy-variable likelihood have known means (`_lag_traces`). Without them they are
unbiased estimating equations for any number of periods. Coefficients of X and sigma2 are
concentrated out, so that an evaluation costs a few sums over the spectrum of W, and nothing of the
order of the data.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nqp_spatial.regression._model_data import ModelData
from nqp_spatial.regression.estimators._lag_traces import LagFunctions, Spectrum
from nqp_spatial.regression.spec import RegressionSpec

__all__ = ["AdjustedScore", "SeriesProducts", "lag_positions"]

NAMES = ("tau", "eta", "rho", "lam")


def lag_positions(spec: RegressionSpec) -> list[int]:
    """Return which of (tau, eta, rho, lam) a model has."""
    present = (spec.time_lag, spec.space_time_lag, spec.has_rho, spec.has_lam)
    return [position for position, has in enumerate(present) if has]


class SeriesProducts:
    """Cross products of (y, y_(t-1), W y_(t-1), W y_t) after effects and X are taken out.

    With spatial errors they are functions of lam: series s is filtered, ``s - lam W_u s``.

    Parameters
    ----------
    data : ModelData
        Of a dynamic model.
    """

    def __init__(self, data: ModelData) -> None:
        p, spec = data.projection, data.spec
        k, n_lags = p.z.shape[1], len(spec.dynamics)
        self.n_x = k - n_lags
        x, self.unscale = slice(0, self.n_x), p.unscale[: self.n_x, : self.n_x]
        parts = [p.z[:, x] @ self.unscale, p.y[:, None], p.z[:, self.n_x :]]
        lagged = None if p.by_u is None else [
            p.by_u[0][:, x] @ self.unscale, p.by_u[1][:, None], p.by_u[0][:, self.n_x :]
        ]  # fmt: skip
        if spec.has_rho:
            parts.append(p.lag_y)
            if lagged is not None and p.by_u is not None:
                lagged.append(p.by_u[2])
        columns = np.concatenate(parts, axis=1)
        if lagged is None:
            # q'q = I: the products of the residuals on q are accurate where differences of
            # products would not be.
            q, series = columns[:, x], columns[:, self.n_x :]
            self._along = q.T @ series
            rest = series - q @ self._along
            self._grams = [rest.T @ rest]
        else:
            shifted = np.concatenate(lagged, axis=1)
            cross = columns.T @ shifted
            self._grams = [columns.T @ columns, -(cross + cross.T), shifted.T @ shifted]

    def at(self, lam: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return R, its first two derivatives by lam, and the coefficients of X on the series."""
        if len(self._grams) == 1:
            zero = np.zeros_like(self._grams[0])
            return self._grams[0], zero, zero, self.unscale @ self._along
        k = self.n_x
        base, linear, square = self._grams
        gram = base + lam * linear + lam**2 * square
        first, second = linear + 2 * lam * square, 2 * square
        along = np.linalg.solve(gram[:k, :k], gram[:k, k:])
        turn = np.concatenate([-along, np.eye(gram.shape[0] - k)])
        moved = first[:k] @ turn
        bend = turn.T @ second @ turn - 2 * moved.T @ np.linalg.solve(gram[:k, :k], moved)
        return (
            gram[k:, k:] - gram[k:, :k] @ along,
            turn.T @ first @ turn,
            bend,
            self.unscale @ along,
        )


@dataclass(frozen=True, eq=False)
class AdjustedScore:
    """The adjusted scores with coefficients of X and sigma2 concentrated out.

    Attributes
    ----------
    products : SeriesProducts
    positions : list of int
        Which of (tau, eta, rho, lam) the model has.
    spectrum : Spectrum
        Of the W of y.
    errors : Spectrum or None
        Of the W of the errors.
    n_periods : int
        T, without the first period.
    """

    products: SeriesProducts
    positions: list[int]
    spectrum: Spectrum
    errors: Spectrum | None
    n_periods: int

    @property
    def observations(self) -> int:
        """Divisor of the sum of squares in sigma2: those left after the effects."""
        return self.spectrum.size * (self.n_periods - 1)

    @cached_property
    def _lags(self) -> list[int]:
        return [position for position in self.positions if position < 3]

    def full(self, point: np.ndarray) -> np.ndarray:
        """Return (tau, eta, rho, lam), with zeros where the model has none.

        Parameters
        ----------
        point : ndarray
            The parameters that the model has.
        """
        values = np.zeros(4)
        values[self.positions] = point
        return values

    def functions(self, point: np.ndarray) -> LagFunctions:
        """Return the functions of w at a point."""
        tau, eta, rho, _ = self.full(point)
        return LagFunctions(self.spectrum.points, self.n_periods, tau, eta, rho)

    def error_traces(self, lam: float) -> tuple[float, float]:
        """Return tr H and tr H^2, ``H = W_u (I - lam W_u)^-1``."""
        if self.errors is None:
            return 0.0, 0.0
        h = self.errors.points / (1 - lam * self.errors.points)
        return float(self.errors.trace(h)), float(self.errors.trace(h**2))

    def adjustment(self, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return minus the means of the scores, and their derivatives.

        Parameters
        ----------
        point : ndarray

        Returns
        -------
        ndarray, ndarray
            Shapes (4,) and (4, 4), in (tau, eta, rho, lam).
        """
        functions = self.functions(point)
        means, slopes = np.zeros(4), np.zeros((4, 4))
        means[:3] = self.spectrum.trace(functions.means())
        slopes[:3, :3] = self.spectrum.trace(functions.slopes())
        first, second = self.error_traces(self.full(point)[3])
        means[3] = -(self.n_periods - 1) * first
        slopes[3, 3] = -(self.n_periods - 1) * second
        return means, slopes

    def at(self, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the scores and their derivatives in the parameters that the model has.

        Parameters
        ----------
        point : ndarray
        """
        r, first, second, _ = self.products.at(self.full(point)[3])
        q = np.concatenate([[1.0], -point[: len(self._lags)]])
        sigma2 = float(q @ r @ q) / self.observations
        score, slope = np.zeros(len(point)), np.zeros((len(point), len(point)))
        lags = len(self._lags)
        products = (r @ q)[1:]
        score[:lags] = products / sigma2
        slope[:lags, :lags] = -r[1:, 1:] / sigma2
        half = np.empty(len(point))  # minus half the derivatives of the sum of squares
        half[:lags] = products
        if lags < len(point):
            along = (first @ q)[1:]
            score[-1] = half[-1] = -float(q @ first @ q) / 2
            score[-1] /= sigma2
            slope[:lags, -1] = slope[-1, :lags] = along / sigma2
            slope[-1, -1] = -float(q @ second @ q) / (2 * sigma2)
        slope += 2 * np.outer(score, half) / (self.observations * sigma2)
        means, slopes = self.adjustment(point)
        kept = self.positions
        return score + means[kept], slope + slopes[np.ix_(kept, kept)]

    def solution(self, point: np.ndarray) -> tuple[np.ndarray, float]:
        """Return the coefficients of z and sigma2 that belong to a point.

        Parameters
        ----------
        point : ndarray
        """
        r, _, _, along = self.products.at(self.full(point)[3])
        q = np.concatenate([[1.0], -point[: len(self._lags)]])
        dynamic = [value for value, at in zip(point, self.positions, strict=True) if at < 2]
        return np.concatenate([along @ q, dynamic]), float(q @ r @ q) / self.observations
