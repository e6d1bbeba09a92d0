"""Period dummies of a model with spatial errors whose W has rows of different sums.

``B = I - lam W`` turns the dummy of a period into ``p = B 1``. Where rows of W add to one, p is a
multiple of ones, and the filtered dummies are removed by demeaning. Otherwise series are projected
in each period on p, which depends on lam: ``J(lam) = I - p p' / p'p``. Since ``J(lam) B 1 = 0``,
the series may be demeaned first in either case.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["FilteredPeriods"]


@dataclass(frozen=True, eq=False)
class FilteredPeriods:
    """The filtered period dummies, as functions of lam.

    Attributes
    ----------
    sums : ndarray
        Row sums ``s = W 1``, shape (n_units,).
    periods : int
    """

    sums: np.ndarray
    periods: int

    def direction(self, lam: float) -> np.ndarray:
        """Return ``p = 1 - lam s``, shape (n_units,)."""
        return np.asarray(1.0 - lam * self.sums)

    def square(self, lam: float) -> tuple[float, float, float]:
        """Return ``p'p`` and its two derivatives by lam."""
        n, first, second = len(self.sums), float(self.sums.sum()), float(self.sums @ self.sums)
        return n - 2 * lam * first + lam**2 * second, 2 * (lam * second - first), 2 * second

    def on_dummies(self, series: np.ndarray, lam: float) -> np.ndarray:
        """Return the coefficients ``p's_t / p'p`` of a filtered series, shape (periods, ...)."""
        shaped = series.reshape(len(self.sums), self.periods, *series.shape[1:])
        return np.tensordot(self.direction(lam), shaped, axes=1) / self.square(lam)[0]

    def swept(self, series: np.ndarray, lam: float) -> np.ndarray:
        """Return ``J(lam) s`` of a filtered series, rows by unit and period."""
        on_dummies = self.on_dummies(series, lam)
        removed = np.multiply.outer(self.direction(lam), on_dummies)
        return np.asarray(series - removed.reshape(series.shape))

    def slope_of_diagonal(self, lam: float) -> np.ndarray:
        """Return the derivative of the diagonal of J by lam, shape (n_units,)."""
        p, (d, slope, _) = self.direction(lam), self.square(lam)
        return np.asarray(2 * self.sums * p / d + p**2 * slope / d**2)

    def polynomials(self, series: np.ndarray, lagged: np.ndarray) -> np.ndarray:
        """Return the coefficients of ``sum_t (p'B s_t)(p'B s_t)'`` by powers of lam.

        Parameters
        ----------
        series, lagged : ndarray
            Demeaned series and their lags ``W s``, shape (N, K).

        Returns
        -------
        ndarray
            Shape (5, K, K).
        """
        shape = (len(self.sums), self.periods, series.shape[1])
        series, lagged = series.reshape(shape), lagged.reshape(shape)
        weighted = np.tensordot(self.sums, lagged, axes=1)
        once = np.tensordot(self.sums, series, axes=1) + lagged.sum(axis=0)
        powers = [series.sum(axis=0), -once, weighted]
        total = np.zeros((5, shape[2], shape[2]))
        for i, left in enumerate(powers):
            for j, right in enumerate(powers):
                total[i + j] += left.T @ right
        return total

    def explained(self, polynomials: np.ndarray, lam: float) -> list[np.ndarray]:
        """Return the cross products explained by the dummies, and their two derivatives by lam."""
        series = np.polynomial.Polynomial([1.0])
        values = []
        for order in range(3):
            powers = np.array(
                [series.basis(power).deriv(order)(lam) for power in range(len(polynomials))]
            )
            values.append(np.tensordot(powers, polynomials, axes=1))
        d, d1, d2 = self.square(lam)
        ratio = values[0] / d
        slope = (values[1] - ratio * d1) / d
        return [ratio, slope, (values[2] - 2 * slope * d1 - ratio * d2) / d]
