"""``tr G'G`` and the diagonal of G where a model has one W: without n solves, or by few probes.

With rho and lam, ``tr G(rho)'G(lam)`` is a sum of entries too, and ``G(rho) G(lam)`` is ``(G(rho) -
G(lam)) / (rho - lam)``.

Of random signs z, ``|G z|^2`` has the mean ``tr G'G``. What varies is mostly known: ``|W z|^2``,
``(W z)'W^2 z``, ``|W^2 z|^2`` have means that are sums over links. Regressed on these, 16 probes
are more exact than 200 without. Of strong dependence among not so many units ``z'G G z``, with the
mean ``tr G G = -L''(rho)``, explains more, for as many solves again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from nqp_spatial.regression.likelihood.cholesky import has_cheap_square
from nqp_spatial.regression.likelihood.selected_inverse import spill_diagonals, square_trace
from nqp_spatial.regression.likelihood.sizes import (
    BLOCK,
    DENSE_UP_TO,
    SQUARE_PROBES,
    probe_signs,
)

__all__ = ["Spill", "SquareTrace", "regressed_mean", "squares_of_one", "squares_of_two"]

_APART = 1e-3  # distance of rho and lam from which a difference over it keeps its digits
_PRECISE = 1e-3  # relative standard error of a trace that needs no more solves


@dataclass(frozen=True, eq=False)
class Spill:
    """One W, its coefficient, and products with ``G = W (I - rho W)^-1``.

    Attributes
    ----------
    matrix : csr_array
        W, shape (n, n).
    rho : float
    times : callable
        ``times(x, transposed=False)`` returns G x or G'x.
    known : float or None
        ``tr G G``, if it is exact.
    """

    matrix: sparse.csr_array
    rho: float
    times: Callable[..., np.ndarray]
    known: float | None


@dataclass(frozen=True, eq=False)
class SquareTrace:
    """The trace, and what else was asked.

    Attributes
    ----------
    value : float
        ``tr G'G``.
    diagonal : ndarray or None
        That of G, shape (n,), if it was asked.
    error : float
        Relative standard error of the value; zero if it is exact.
    """

    value: float
    diagonal: np.ndarray | None
    error: float


def squares_of_one(spill: Spill, seed: int | None, *, diagonal: bool) -> SquareTrace | None:
    """Return ``tr G'G``, and the diagonal of G if it is asked; None where columns are to be solved.

    Parameters
    ----------
    spill : Spill
    seed : int, optional
        Of the probes.
    diagonal : bool
    """
    n = spill.matrix.shape[0]
    if n <= BLOCK:
        return None
    entries = None
    if diagonal:
        entries = spill_diagonals(spill.matrix, spill.rho)
        if entries is None:
            return None
    value = square_trace(spill.matrix, spill.rho) if n <= DENSE_UP_TO else None
    if value is not None:
        return SquareTrace(value, entries, 0.0)
    return None if n <= DENSE_UP_TO else SquareTrace(*_by_probes(spill, entries, seed))


def squares_of_two(
    matrix: sparse.csr_array, rho: float, lam: float
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return traces of products of F = G(rho) and H = G(lam); None where columns are to be solved.

    Parameters
    ----------
    matrix : csr_array
        W, shape (n, n).
    rho, lam : float

    Returns
    -------
    ndarray
        ``[[tr F'F, tr F'H + tr F H], [0, tr H'H]]``.
    ndarray
        Diagonals of F and H, shape (n, 2).
    """
    if not BLOCK < matrix.shape[0] <= DENSE_UP_TO or abs(rho - lam) < _APART:
        return None
    pairs = ((rho, rho), (rho, lam), (lam, lam))
    squares = [square_trace(matrix, *pair) for pair in pairs]
    diagonals = [spill_diagonals(matrix, point) for point in (rho, lam)]
    if any(part is None for part in (*squares, *diagonals)):
        return None
    columns = np.column_stack([part for part in diagonals if part is not None])
    first, mixed, last = np.array(squares, dtype=float)
    traces = columns.sum(axis=0)
    mixed += (traces[0] - traces[1]) / (rho - lam)
    return np.array([[first, mixed], [0.0, last]]), columns


def _by_probes(
    spill: Spill, entries: np.ndarray | None, seed: int | None
) -> tuple[float, np.ndarray | None, float]:
    """Return the trace by probes, less what their known means explain of their deviations."""
    z = probe_signs(spill.matrix.shape[0], SQUARE_PROBES, seed)
    image = np.asarray(spill.times(z))
    squares = (image**2).sum(axis=0)
    gaps = _gaps(spill.matrix, z)
    value, error = regressed_mean(squares, gaps)
    if spill.known is not None and error > _PRECISE * value:
        gaps.append((spill.times(z, transposed=True) * image).sum(axis=0) - spill.known)
        value, error = regressed_mean(squares, gaps)
    return value, entries, error / max(abs(value), 1e-300)


def regressed_mean(values: np.ndarray, gaps: Sequence[np.ndarray]) -> tuple[float, float]:
    """Return a mean over probes, less what deviations of known mean zero explain, and its error.

    Parameters
    ----------
    values : ndarray
        By probe.
    gaps : sequence of ndarray
        Of other sums from their known means, by probe.
    """
    count = len(values)
    design = np.column_stack([np.ones(count), *gaps])
    design = design / np.maximum(np.abs(design).max(axis=0), 1e-300)
    inverse = np.linalg.pinv(design, rcond=1e-8)
    coefs = inverse @ values
    residuals = values - design @ coefs
    freedom = max(count - np.linalg.matrix_rank(design, tol=1e-8), 1)
    # What the gaps explain is estimated too, hence the first row of the inverse, not 1 / count.
    return float(coefs[0]), float(
        np.sqrt(residuals @ residuals / freedom) * np.linalg.norm(inverse[0])
    )


def _gaps(matrix: sparse.csr_array, z: np.ndarray) -> list[np.ndarray]:
    """Return squares and products of W z and W^2 z, minus their means."""
    once = np.asarray(matrix @ z)
    gaps = [(once**2).sum(axis=0) - float(matrix.power(2).sum())]
    if has_cheap_square(matrix):
        square = sparse.csr_array(matrix @ matrix)
        twice = np.asarray(matrix @ once)
        gaps.append((once * twice).sum(axis=0) - float(matrix.multiply(square).sum()))
        gaps.append((twice**2).sum(axis=0) - float(square.power(2).sum()))
    return gaps
