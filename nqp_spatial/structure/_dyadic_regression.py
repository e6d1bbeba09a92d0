"""Least squares on pairs of units, and its statistics when matrices are permuted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nqp_spatial.errors import CollinearityError, DomainError, sample
from nqp_spatial.structure._dyads import Dyads, Terms
from nqp_spatial.structure._qap_permutations import Permuted

__all__ = ["DyadicFit", "dyadic_fit", "outcome_draws", "regressor_draws", "standardised"]


@dataclass(frozen=True, eq=False)
class DyadicFit:
    """A regression on pairs; matrices have zeros on the diagonal.

    Attributes
    ----------
    names : list of str
        Of the regressors, without the intercept.
    y : ndarray
        Shape (n, n).
    x : ndarray
        Shape (1 + k, n, n), the first of ones off the diagonal.
    params, partial : ndarray
        Shape (1 + k,): coefficients, and the partial correlations of y with each regressor.
    r2 : float
    df_resid : int
        Observations less coefficients.
    """

    names: list[str]
    y: np.ndarray
    x: np.ndarray
    params: np.ndarray
    partial: np.ndarray
    r2: float
    df_resid: int

    def statistics(self, partial: np.ndarray) -> np.ndarray:
        """Return the t statistics of partial correlations."""
        with np.errstate(divide="ignore"):
            return np.asarray(partial * np.sqrt(self.df_resid / (1 - np.minimum(partial**2, 1))))


def standardised(values: np.ndarray, name: str) -> np.ndarray:
    """Return a matrix with mean zero and norm one off the diagonal, which stays zero."""
    n = len(values)
    pairs = ~np.eye(n, dtype=bool)
    centred = np.where(pairs, values - values[pairs].mean(), 0.0)
    norm = float(np.linalg.norm(centred))
    if norm <= 1e-12 * max(float(np.linalg.norm(values)), 1e-300):
        raise DomainError(f"matrix {name!r} is constant off the diagonal: leave it out")
    return np.asarray(centred / norm)


def dyadic_fit(dyads: Dyads, terms: Terms) -> DyadicFit:
    """Return the regression of one matrix on others.

    Raises
    ------
    DomainError
        If a matrix is constant, or there are too few pairs.
    CollinearityError
        If a regressor is a combination of those before it; it is named.
    """
    n = len(dyads.units)
    y = dyads.values[terms.outcome]
    standardised(y, terms.outcome)
    columns = [1.0 - np.eye(n)]
    for label, names in terms.regressors.items():
        product = np.prod([dyads.values[name] for name in names], axis=0)
        standardised(product, label)
        columns.append(product)
    x = np.stack(columns)
    df_resid = dyads.count - len(x)
    if df_resid < 1:
        raise DomainError(f"{dyads.count} pairs of units are too few for {len(x)} coefficients")
    flat = x.reshape(len(x), -1).T
    scale = np.linalg.norm(flat, axis=0)
    q, r = np.linalg.qr(flat / scale)
    weak = np.abs(np.diag(r)) < 1e-9
    if weak.any():
        labels = ["Intercept", *terms.regressors]
        raise CollinearityError(
            f"regressors {sample([labels[k] for k in np.flatnonzero(weak)])} are combinations of "
            "those before them: leave them out"
        )
    inverse = np.linalg.inv(r)
    scores = q.T @ y.ravel()
    params = inverse @ scores
    residual = float(y.ravel() @ y.ravel() - scores @ scores)
    centred = np.where(np.eye(n, dtype=bool), 0.0, y - y.sum() / (n * (n - 1)))
    total = float(np.sum(centred**2))
    residual = max(residual, 0.0)
    return DyadicFit(
        names=list(terms.regressors),
        y=y,
        x=x,
        params=params / scale,
        partial=_partial(params, inverse, residual),
        r2=1 - residual / total,
        df_resid=df_resid,
    )


def _partial(params: np.ndarray, inverse: np.ndarray, residual: np.ndarray | float) -> np.ndarray:
    """Return partial correlations from coefficients, shape (..., k), of orthonormal factors."""
    gain = params**2 / np.einsum("ij,ij->i", inverse, inverse)
    total = gain + np.asarray(residual)[..., None]
    share = np.divide(gain, total, out=np.full(gain.shape, np.nan), where=total > 0)
    return np.asarray(np.sign(params) * np.sqrt(share))


def regressor_draws(fit: DyadicFit, permuted: Permuted) -> np.ndarray:
    """Return partial correlations by double semi-partialling, shape (permutations, k).

    Each regressor's residual from the others is permuted, and the outcome is regressed on it and
    the others (Dekker, Krackhardt and Snijders 2007).
    """
    tasks, norms = [], []
    n = len(fit.y)
    for place in range(1, len(fit.x)):
        others = np.delete(fit.x, place, axis=0).reshape(len(fit.x) - 1, -1).T
        q, _ = np.linalg.qr(others)
        moved = fit.x[place].ravel()
        moved = moved - q @ (q.T @ moved)
        outcome = fit.y.ravel() - q @ (q.T @ fit.y.ravel())
        # The sum of a permuted matrix stays, so that the first column of q needs no product.
        fixed = np.vstack([outcome, q[:, 1:].T]).reshape(-1, n, n)
        tasks.append((moved.reshape(n, n), np.ascontiguousarray(fixed)))
        norms.append((float(moved @ moved), float(outcome @ outcome)))
    draws = []
    for products, (size, total) in zip(permuted.products(tasks), norms, strict=True):
        left = size - (products[:, 1:] ** 2).sum(axis=1)
        known = left > 1e-12 * size
        scale = np.sqrt(np.where(known, left, 1.0) * total)
        ratio = products[:, 0] / scale if total > 0 else np.full(len(products), np.nan)
        draws.append(np.where(known, np.clip(ratio, -1, 1), np.nan))
    return np.column_stack(draws)


def outcome_draws(fit: DyadicFit, permuted: Permuted) -> tuple[np.ndarray, np.ndarray]:
    """Return partial correlations and R2 when the outcome is permuted.

    Returns
    -------
    tuple of ndarray
        Shapes (permutations, k) and (permutations,).
    """
    n = len(fit.y)
    flat = fit.x.reshape(len(fit.x), -1).T
    q, r = np.linalg.qr(flat)
    fixed = np.ascontiguousarray(q[:, 1:].T).reshape(-1, n, n)
    products = permuted.products([(fit.y, fixed)])[0]
    constant = float(q[:, 0] @ fit.y.ravel())
    scores = np.column_stack([np.full(len(products), constant), products])
    inverse = np.linalg.inv(r)
    residual = np.maximum(float(np.sum(fit.y**2)) - (scores**2).sum(axis=1), 0.0)
    total = float(np.sum(fit.y**2)) - constant**2
    partial = _partial(scores @ inverse.T, inverse, residual)
    return partial[:, 1:], 1 - residual / total
