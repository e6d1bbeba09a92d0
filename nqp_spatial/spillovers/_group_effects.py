"""Effects from group to group, with derivatives; see docs/spillovers.md."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse import linalg as sla

from nqp_spatial.core.groups import Groups
from nqp_spatial.spillovers._estimation import SeveralLags

__all__ = ["GroupEffects", "group_effects"]

DENSE_UP_TO = 4000
PROBES = 400


@dataclass(frozen=True, eq=False)
class GroupEffects:
    """Effects of one regressor and their derivatives in the parameters.

    Attributes
    ----------
    total : ndarray
        By receiver and sender, shape (G, G).
    direct : ndarray
        Shape (G,).
    total_slopes, direct_slopes : ndarray
        Shapes (P, G, G) and (P, G).
    noise : float
        Largest standard error of the direct effects from random probes; 0 if they are exact.
    """

    total: np.ndarray
    direct: np.ndarray
    total_slopes: np.ndarray
    direct_slopes: np.ndarray
    noise: float


def group_effects(
    fit: SeveralLags, variable: str, groups: Groups, members: dict[str, np.ndarray]
) -> GroupEffects:
    """Return the effects of one regressor.

    Parameters
    ----------
    fit : SeveralLags
    variable : str
    groups : Groups
        Of receivers and senders.
    members : dict of ndarray
        Units by the coefficient on X that they have.
    """
    params, n = fit.params, fit.n_units
    keys = list(params.index)
    rho = fit.rho
    system = sparse.csc_matrix(sparse.eye_array(n))
    for at, matrix in zip(rho, fit.y_parts.values(), strict=True):
        system = system - at * matrix
    factor = sla.splu(sparse.csc_matrix(system))
    # Pieces of M: dM/dparameter is one of these matrices.
    pieces: dict[int, sparse.csr_array] = {}
    for at, (block, name, part) in enumerate(keys):
        if name == variable and block == "x":
            pieces[at] = sparse.csr_array(sparse.diags_array(members[part].astype(float)))
        if name == variable and block == "wx":
            pieces[at] = fit.x_parts[part]
    m = sparse.csr_array((n, n))
    for at, piece in pieces.items():
        m = m + float(params.iloc[at]) * piece
    ones = groups.indicators()
    left = factor.solve(ones, trans="T") / groups.sizes  # columns S'^-1 1_a / n_a
    reached = factor.solve(np.asarray(m @ ones))  # columns S^-1 M 1_b
    total = left.T @ (m @ ones)
    total_slopes = np.zeros((len(keys), *total.shape))
    for at, piece in pieces.items():
        total_slopes[at] = left.T @ (piece @ ones)
    first = [key[0] for key in keys].index("spatial")
    for at, matrix in enumerate(fit.y_parts.values(), start=first):
        total_slopes[at] = left.T @ (matrix @ reached)
    if n <= DENSE_UP_TO:
        direct, slopes = _direct_exactly(factor, m, pieces, fit, ones, len(keys), first)
        noise = 0.0
    else:
        direct, slopes, noise = _direct_by_probes(factor, m, pieces, fit, ones, len(keys), first)
    return GroupEffects(total, direct / groups.sizes, total_slopes, slopes / groups.sizes, noise)


def _direct_exactly(
    factor: sla.SuperLU,
    m: sparse.csr_array,
    pieces: dict[int, sparse.csr_array],
    fit: SeveralLags,
    ones: np.ndarray,
    count: int,
    first: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return sums over each group of diag(S^-1 M) and of its derivatives, from S^-1."""
    inverse = factor.solve(np.eye(fit.n_units))

    def diagonal(piece: sparse.csr_array) -> np.ndarray:
        # diag(S^-1 Q): only the cells of Q count.
        links = piece.tocoo()
        cells = inverse[links.col, links.row] * links.data
        return np.bincount(links.col, cells, minlength=fit.n_units)

    slopes = np.zeros((count, ones.shape[1]))
    for at, piece in pieces.items():
        slopes[at] = diagonal(piece) @ ones
    reached = inverse @ m  # S^-1 M
    for at, matrix in enumerate(fit.y_parts.values(), start=first):
        spread = matrix @ reached  # W_k S^-1 M
        slopes[at] = np.einsum("ij,ji->i", inverse, spread) @ ones
    return diagonal(m) @ ones, slopes


def _direct_by_probes(
    factor: sla.SuperLU,
    m: sparse.csr_array,
    pieces: dict[int, sparse.csr_array],
    fit: SeveralLags,
    ones: np.ndarray,
    count: int,
    first: int,
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the same from random probes: ``E z o S^-1 Q z = diag(S^-1 Q)``."""
    z = np.random.default_rng(0).choice(np.array([-1.0, 1.0]), size=(fit.n_units, PROBES))

    def diagonals(right: np.ndarray) -> np.ndarray:
        return np.asarray(ones.T @ (z * factor.solve(right)))

    slopes = np.zeros((count, ones.shape[1]))
    for at, piece in pieces.items():
        slopes[at] = diagonals(np.asarray(piece @ z)).mean(axis=1)
    reached = factor.solve(np.asarray(m @ z))
    each = ones.T @ (z * reached)
    for at, matrix in enumerate(fit.y_parts.values(), start=first):
        slopes[at] = diagonals(np.asarray(matrix @ reached)).mean(axis=1)
    noise = each.std(axis=1, ddof=1) / np.sqrt(PROBES) / ones.sum(axis=0)
    return each.mean(axis=1), slopes, float(noise.max())
