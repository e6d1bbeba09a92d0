"""Instrumental variables without common factors: instruments and equation defactored.

``y_it = c_it' d + h_t' l_i + e_it`` with unobserved factors h_t that affect every unit with its own
loading l_i, and regressors c that contain spatial and temporal lags of y. Exogenous regressors may
depend on factors too; these are estimated by principal components and projected out of them over
time, and what is left, with its spatial and temporal lags, are the instruments. The residuals of a
first step give the factors of the errors, which are projected out of the equation in the second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg

from nqp_spatial.core.inference import HypothesisTest, NotApplicable, chi2_test
from nqp_spatial.core.text import t
from nqp_spatial.regression.estimators.gs2sls import orthonormal_basis

__all__ = [
    "Factors",
    "InstrumentedEstimate",
    "basis_of",
    "defactored",
    "instrumented",
    "overidentification",
    "principal_factors",
]


@dataclass(frozen=True, eq=False)
class Factors:
    """Common factors of variables.

    Attributes
    ----------
    basis : ndarray
        Orthonormal, shape (periods, factors).
    eigenvalues : ndarray
        Of the variables' products over time, the largest first, as shares of their sum.
    ratios : ndarray
        Eigenvalue ratios for 0, 1, ... factors; the number of factors has the largest.
    """

    basis: np.ndarray
    eigenvalues: np.ndarray
    ratios: np.ndarray

    @property
    def count(self) -> int:
        """Number of factors."""
        return int(self.basis.shape[1])


def principal_factors(columns: np.ndarray, largest: int, number: int | None = None) -> Factors:
    """Estimate common factors by principal components, and how many there are.

    The number maximises ``mu_k / mu_(k+1)``, k = 0, ..., largest, with mu_k the eigenvalues of the
    products over time, in descending order, and ``mu_0 = sum_k mu_k / ln m``, m the number of
    eigenvalues that are not zero (Ahn and Horenstein 2013, equation 8 and section 3.2).

    Parameters
    ----------
    columns : ndarray
        Variables without their unit means, shape (units, periods, columns). Each is scaled to
        variance one, so that units of measurement do not matter.
    largest : int
        Largest number that is considered.
    number : int, optional
        The number, if it is known.

    Returns
    -------
    Factors
    """
    n, periods, count = columns.shape
    scale = np.sqrt((columns**2).mean(axis=(0, 1)))
    scaled = columns[:, :, scale > 0] / scale[scale > 0]
    products = np.einsum("ntk,nsk->ts", scaled, scaled, optimize=True)
    values, vectors = np.linalg.eigh(products)
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    shares = values / values.sum()
    positive = min(periods - 1, n * max(count, 1))
    mock = 1 / np.log(max(positive, 3))
    ladder = np.concatenate([[mock], shares[: largest + 1]])
    ratios = ladder[:-1] / np.maximum(ladder[1:], 1e-12)
    chosen = int(np.argmax(ratios)) if number is None else number
    return Factors(vectors[:, :chosen], shares, ratios)


def defactored(array: np.ndarray, factors: Factors) -> np.ndarray:
    """Return an array, units by periods (by columns), less its projection on factors over time."""
    basis = factors.basis
    return np.asarray(array - np.einsum("ts,ns...->nt...", basis @ basis.T, array, optimize=True))


@dataclass(frozen=True, eq=False)
class InstrumentedEstimate:
    """Two-stage least squares of arrays of units by periods.

    Attributes
    ----------
    coefs : ndarray
        Shape (K,).
    cov : ndarray
        Valid if errors differ in variance or are correlated over time within a unit.
    residuals : ndarray
        Shape (units, periods).
    fitted : ndarray
        Projection of the regressors on the instruments, shape (units, periods, K).
    """

    coefs: np.ndarray
    cov: np.ndarray
    residuals: np.ndarray
    fitted: np.ndarray


def instrumented(
    y: np.ndarray, c: np.ndarray, instruments: np.ndarray, *, efficient: bool = False
) -> InstrumentedEstimate:
    """Estimate by two-stage least squares or two-step GMM, with a covariance clustered by unit.

    ``d = (C'Z A Z'C)^-1 C'Z A Z'y``, with ``A = (Z'Z)^-1``, or A the inverse of the variance of the
    moments at that estimate, which is a sum of squares of moments by unit.

    Parameters
    ----------
    y : ndarray
        Shape (units, periods).
    c : ndarray
        Regressors, shape (units, periods, K).
    instruments : ndarray
        Orthonormal as columns, shape (units, periods, L).
    efficient : bool
        Whether to take the second of these weights.

    Returns
    -------
    InstrumentedEstimate
    """
    columns, h = c.reshape(y.size, -1), instruments.reshape(y.size, -1)
    fitted = h @ (h.T @ columns)
    if efficient:
        first = instrumented(y, c, instruments)
        meat = _by_unit(instruments, first.residuals)
        fitted = h @ np.linalg.solve(meat, h.T @ columns)
    bread = np.linalg.inv(fitted.T @ columns)
    coefs = bread @ (fitted.T @ y.ravel())
    residuals = y - c @ coefs
    meat = _by_unit(fitted.reshape(c.shape), residuals)
    cov = bread if efficient else bread @ meat @ bread.T
    return InstrumentedEstimate(coefs, cov, residuals, fitted.reshape(c.shape))


def _by_unit(columns: np.ndarray, residuals: np.ndarray) -> np.ndarray:
    """Return the variance of ``sum_i columns_i'e_i``, errors independent between units."""
    scores = np.einsum("ntk,nt->nk", columns, residuals, optimize=True)
    n = len(scores)
    return np.asarray(scores.T @ scores) * n / (n - 1)


def overidentification(
    estimate: InstrumentedEstimate, instruments: np.ndarray
) -> HypothesisTest | NotApplicable:
    """Test the overidentifying restrictions, errors independent between units.

    Of the moments, those combinations that the estimate does not set to zero, with the variance of
    sums by unit.

    Parameters
    ----------
    estimate : InstrumentedEstimate
    instruments : ndarray
        As in `instrumented`.
    """
    h = instruments.reshape(-1, instruments.shape[2])
    fitted = estimate.fitted.reshape(len(h), -1)
    spare = h @ scipy.linalg.null_space(fitted.T @ h)
    null = t("instruments are uncorrelated with the errors")
    count = spare.shape[1]
    if not count:
        return NotApplicable(t("J"), null, t("there are as many instruments as coefficients"))
    columns = spare.reshape(*estimate.residuals.shape, count)
    score = spare.T @ estimate.residuals.ravel()
    meat = _by_unit(columns, estimate.residuals)
    sizes = np.sqrt(np.diag(meat))
    if not (sizes > 0).all() or np.linalg.cond(meat / np.outer(sizes, sizes)) > 1e12:
        reason = t("the variance of the instruments' moments is singular: there are too many")
        return NotApplicable(t("J"), null, reason)
    statistic = float(score @ np.linalg.solve(meat, score))
    return chi2_test(t("J"), null, statistic, count, t("instruments less coefficients"))


def basis_of(blocks: list[np.ndarray]) -> np.ndarray:
    """Return an orthonormal basis of instruments, shape (units, periods, L)."""
    columns = np.concatenate(blocks, axis=2)
    n, periods, count = columns.shape
    return orthonormal_basis(columns.reshape(n * periods, count)).reshape(n, periods, -1)
