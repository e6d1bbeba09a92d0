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

    _shifted: np.ndarray | None

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
            self._columns, self._shifted = rest, None
        else:
            shifted = np.concatenate(lagged, axis=1)
            cross = columns.T @ shifted
            self._grams = [columns.T @ columns, -(cross + cross.T), shifted.T @ shifted]
            self._columns, self._shifted = columns, shifted

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

    def errors(self, lam: float, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the residuals at (lam, q) and their derivatives by the parameters.

        Parameters
        ----------
        lam : float
        q : ndarray
            (1, -tau, -eta, -rho), as far as the model has them.

        Returns
        -------
        ndarray, ndarray
            Shapes (N,) and (N, parameters).
        """
        if self._shifted is None:
            return self._columns @ q, -self._columns[:, 1:]
        k = self.n_x
        base, linear, square = self._grams
        gram = base + lam * linear + lam**2 * square
        along = np.linalg.solve(gram[:k, :k], gram[:k, k:])
        turn = np.concatenate([-along, np.eye(gram.shape[0] - k)])
        filtered = self._columns - lam * self._shifted
        rest = filtered @ turn
        moved = np.linalg.solve(gram[:k, :k], (linear + 2 * lam * square)[:k] @ turn)
        by_lam = -self._shifted @ (turn @ q) - filtered[:, :k] @ (moved @ q)
        return rest @ q, np.column_stack([-rest[:, 1:], by_lam])


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

    def information(self, point: np.ndarray) -> np.ndarray:
        """Return the rough information in the parameters: that of least squares.

        Parameters
        ----------
        point : ndarray
        """
        lam, size = self.full(point)[3], len(self._lags)
        sigma2 = self.raw(point)[3]
        information = np.zeros((len(point), len(point)))
        information[:size, :size] = self.products.at(lam)[0][1:, 1:] / sigma2
        if size < len(point):
            h = (self.n_periods - 1) * self.error_traces(lam)[1]
            information[-1, -1] = max(2 * h, 0.1 * self.observations)
        return information

    def unit(self, point: np.ndarray) -> float:
        """Return what the scores of `at` are multiplied by, relative to those of a likelihood."""
        return 1.0

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

    def raw(self, point: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """Return the products of errors and series, before adjustment, and their derivatives.

        Parameters
        ----------
        point : ndarray

        Returns
        -------
        products, slopes : ndarray
            Times sigma2, in the parameters that the model has.
        q : ndarray
        sigma2 : float
        """
        r, first, second, _ = self.products.at(self.full(point)[3])
        lags = len(self._lags)
        q = np.concatenate([[1.0], -point[:lags]])
        products, slopes = np.empty(len(point)), np.empty((len(point), len(point)))
        products[:lags], slopes[:lags, :lags] = (r @ q)[1:], -r[1:, 1:]
        if lags < len(point):
            products[-1] = -float(q @ first @ q) / 2
            slopes[:lags, -1] = slopes[-1, :lags] = (first @ q)[1:]
            slopes[-1, -1] = -float(q @ second @ q) / 2
        return products, slopes, q, float(q @ r @ q) / self.observations

    def at(self, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the scores and their derivatives in the parameters that the model has.

        Parameters
        ----------
        point : ndarray
        """
        products, slopes, _, sigma2 = self.raw(point)
        # The sum of squares falls by twice the products where a parameter rises.
        slopes = slopes + 2 * np.outer(products, products) / (self.observations * sigma2)
        means, mean_slopes = self.adjustment(point)
        kept = self.positions
        return products / sigma2 + means[kept], slopes / sigma2 + mean_slopes[np.ix_(kept, kept)]

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
