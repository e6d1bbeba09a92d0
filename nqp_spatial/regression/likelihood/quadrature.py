"""Stochastic quadrature of the spectrum of W from a few dozen random probes.

For a probe z with entries +-1, ``E z' f(W) z = tr f(W)``. A Krylov space of z gives points theta_j
and weights c_j with ``z' f(W) z = sum_j c_j f(theta_j)``, exactly for polynomials of a degree that
grows with the number of sparse products (twice as fast where W is similar to a symmetric matrix).
Two devices reduce the noise: the known eigenvalue one of a row-standardised W is projected out and
added exactly; and the probes are reweighted so that tr W, ..., tr W^4 are matched exactly (control
variates by regression, which for quantities linear in the probes is one fixed set of weights).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from nqp_spatial.weights._spectrum import is_dense

__all__ = ["ProbeQuadrature", "exact_moments", "probe_quadrature", "vector_quadrature"]

PROBES = 50
STEPS = 40  # exact up to degree 80: below 1e-4 of the largest term even at rho = 0.99
# The cost of orthogonal bases grows with the square of their length; (rho / (1 + sqrt(1 -
# rho^2)))^36 is below 1e-5 up to rho = 0.95, far below the noise of the probes.
ARNOLDI_STEPS = 36
_ORDERED_FROM = 20_000
_BASIS_ENTRIES = 2e7  # numbers stored in Krylov bases at once (160 MB)


@dataclass(frozen=True)
class ProbeQuadrature:
    """Points and weights for ``tr f(W)``.

    Attributes
    ----------
    nodes, node_weights : ndarray
        Shape (probes, steps), real or complex.
    probe_weights : ndarray
        Weights of the probes that match the exact moments, shape (probes,), adding to one.
    residual_maker : ndarray
        Projection orthogonal to the moments, shape (probes, probes).
    known_ones : int
        Eigenvalues of one that are not in the nodes.
    """

    nodes: np.ndarray
    node_weights: np.ndarray
    probe_weights: np.ndarray
    residual_maker: np.ndarray
    known_ones: int


def probe_quadrature(
    matrix: sparse.csr_array,
    scale: np.ndarray | None,
    *,
    deflate: bool,
    seed: int | None,
    probes: int = PROBES,
    steps: int = STEPS,
    calibrate: bool = True,
) -> ProbeQuadrature:
    """Return the quadrature.

    Parameters
    ----------
    matrix : csr_array
        W, shape (n, n).
    scale : ndarray or None
        d such that ``diag(d) W diag(1/d)`` is symmetric, if there is one.
    deflate : bool
        Whether rows add to one, so that the eigenvalue one is known with its eigenvector.
    seed : int or None
        Seed of the probes.
    probes, steps : int
        Number of probes, and of sparse products for each.
    calibrate : bool
        Whether the exact traces of W to W^4 are matched; otherwise all probes count the same.

    Returns
    -------
    ProbeQuadrature
    """
    n = matrix.shape[0]
    steps = min(steps, n - 1)
    if n > _ORDERED_FROM and calibrate:
        # With neighbours adjacent in memory, products are several times faster.
        order = csgraph.reverse_cuthill_mckee(sparse.csr_array(matrix + matrix.T), True)
        matrix = sparse.csr_array(matrix[order][:, order])
        scale = None if scale is None else scale[order]
    rng = np.random.default_rng(seed)
    start = rng.choice(np.array([-1.0, 1.0]), size=(n, probes))
    if scale is not None:
        nodes, node_weights = _lanczos(matrix, scale, start, steps, deflate)
    else:
        nodes, node_weights = _arnoldi(matrix, start, min(steps, ARNOLDI_STEPS), deflate)
    ones = int(deflate)
    if not calibrate:
        centred = np.eye(probes) - 1 / probes
        return ProbeQuadrature(nodes, node_weights, np.full(probes, 1 / probes), centred, ones)
    probe_weights, residual_maker = _calibrate(
        nodes, node_weights, exact_moments(matrix) - ones, n - ones
    )
    return ProbeQuadrature(nodes, node_weights, probe_weights, residual_maker, ones)


def vector_quadrature(
    matrix: sparse.csr_array, vector: np.ndarray, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return points and weights with ``v'f(W) v = sum_j c_j f(w_j)``, from a Krylov space of v.

    Parameters
    ----------
    matrix : csr_array
        W, shape (n, n).
    vector : ndarray
        v, shape (n,).
    steps : int
        Number of sparse products; exact for polynomials up to this degree.

    Returns
    -------
    nodes, node_weights : ndarray

    Examples
    --------
    >>> swap = sparse.csr_array(np.array([[0.0, 1.0], [1.0, 0.0]]))
    >>> nodes, weights = vector_quadrature(swap, np.ones(2), 2)
    >>> bool(abs((weights * nodes**3).sum() - 2) < 1e-12)
    True
    """
    steps = min(steps, matrix.shape[0])
    nodes, weights = _arnoldi(matrix, vector[:, None].astype(float), steps, False)
    return nodes[0], weights[0]


def exact_moments(matrix: sparse.csr_array) -> np.ndarray:
    """Return tr W, tr W^2, tr W^3, tr W^4 by products of sparse matrices, or of dense ones.

    Examples
    --------
    >>> exact_moments(sparse.csr_array(np.array([[0.0, 1.0], [1.0, 0.0]]))).tolist()
    [0.0, 2.0, 0.0, 2.0]
    """
    if is_dense(matrix):
        dense = matrix.toarray()
        square = dense @ dense
        return np.array(
            [
                np.trace(dense),
                np.einsum("ij,ji->", dense, dense),
                np.einsum("ij,ji->", square, dense),
                np.einsum("ij,ji->", square, square),
            ]
        )
    transposed = sparse.csr_array(matrix.T)
    square = sparse.csr_array(matrix @ matrix)
    return np.array(
        [
            matrix.diagonal().sum(),
            matrix.multiply(transposed).sum(),
            square.multiply(transposed).sum(),
            square.multiply(sparse.csr_array(square.T)).sum(),
        ]
    )


def _lanczos(
    matrix: sparse.csr_array, scale: np.ndarray, start: np.ndarray, steps: int, deflate: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Three-term recurrences for all probes at once; Gauss quadrature from the tridiagonals."""
    inverse = 1 / scale
    symmetric = sparse.csr_array(matrix.multiply(scale[:, None]).multiply(inverse[None, :]))
    leading = scale / np.linalg.norm(scale)  # eigenvector of the eigenvalue one
    current = start - np.outer(leading, leading @ start) if deflate else start.copy()
    lengths = np.linalg.norm(current, axis=0)
    current /= lengths
    previous, buffer = np.zeros_like(current), np.empty_like(current)
    diagonal = np.empty((steps, start.shape[1]))
    beside = np.zeros((steps, start.shape[1]))
    for step in range(steps):
        # All operations are in place: for a million units, allocating new large arrays is slow.
        fresh = symmetric @ current
        if step:
            previous *= beside[step - 1]
            fresh -= previous
        diagonal[step] = np.einsum("ij,ij->j", fresh, current)
        fresh -= np.multiply(current, diagonal[step], out=buffer)
        if deflate and step % 4 == 3:  # rounding slowly reintroduces the eigenvector
            fresh -= np.multiply(leading[:, None], leading @ fresh, out=buffer)
        beside[step] = np.sqrt(np.einsum("ij,ij->j", fresh, fresh))
        if (beside[step] < 1e-10).any():
            # A Krylov space is exhausted: the quadrature is exact from here on.
            steps = step + 1
            break
        fresh /= beside[step]
        previous, current = current, fresh
    tridiagonal = np.zeros((start.shape[1], steps, steps))
    position = np.arange(steps)
    tridiagonal[:, position, position] = diagonal[:steps].T
    tridiagonal[:, position[1:], position[:-1]] = beside[: steps - 1].T
    nodes, vectors = np.linalg.eigh(tridiagonal)  # reads the lower triangle
    return nodes, vectors[:, 0, :] ** 2 * lengths[:, None] ** 2


def _arnoldi(
    matrix: sparse.csr_array, start: np.ndarray, steps: int, deflate: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Orthogonal Krylov bases, for W that cannot be made symmetric by scaling.

    With rows adding to one and J the projection orthogonal to the constant, J W^k = (J W)^k, so
    that iterating with J W from J z removes the eigenvalue one.
    """
    n, probes = start.shape
    nodes = np.zeros((probes, steps), dtype=complex)
    node_weights = np.zeros((probes, steps), dtype=complex)
    at_once = max(1, int(_BASIS_ENTRIES / (n * (steps + 1))))
    for first in range(0, probes, at_once):
        block = slice(first, min(first + at_once, probes))
        nodes[block], node_weights[block] = _arnoldi_block(
            matrix, start[:, block].T.copy(), steps, deflate
        )
    return nodes, node_weights


def _arnoldi_block(
    matrix: sparse.csr_array, vectors: np.ndarray, steps: int, deflate: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Iterate several probes at once; `vectors` has shape (probes, n)."""
    probes, n = vectors.shape
    if deflate:
        vectors -= vectors.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(vectors, axis=1)
    basis = np.empty((probes, steps + 1, n))
    basis[:, 0] = vectors / lengths[:, None]
    hessenberg = np.zeros((probes, steps + 1, steps))
    for step in range(steps):
        fresh = np.ascontiguousarray((matrix @ basis[:, step].T).T)
        if deflate:
            fresh -= fresh.mean(axis=1, keepdims=True)
        known = basis[:, : step + 1]
        norms = np.linalg.norm(fresh, axis=1)
        for _ in range(2):
            before = norms
            along = np.matmul(known, fresh[:, :, None])
            fresh -= np.matmul(along.transpose(0, 2, 1), known)[:, 0]
            hessenberg[:, : step + 1, step] += along[:, :, 0]
            norms = np.linalg.norm(fresh, axis=1)
            # Repeated where cancellation may have destroyed orthogonality (Daniel et al. 1976).
            if (norms > 0.5 * before).all():
                break
        if (norms < 1e-10).any():
            # A Krylov space is used up: the quadrature is exact from here on.
            steps = step + 1
            break
        hessenberg[:, step + 1, step] = norms
        basis[:, step + 1] = fresh / norms[:, None]
    nodes, eigenvectors = np.linalg.eig(hessenberg[:, :steps, :steps])
    first = np.zeros((probes, steps, 1))
    first[:, 0, 0] = lengths**2
    node_weights = eigenvectors[:, 0, :] * np.linalg.solve(eigenvectors, first)[:, :, 0]
    missing = hessenberg.shape[2] - steps
    return np.pad(nodes, ((0, 0), (0, missing))), np.pad(node_weights, ((0, 0), (0, missing)))


def _calibrate(
    nodes: np.ndarray, node_weights: np.ndarray, moments: np.ndarray, size: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return probe weights that match the known moments, and the residual projection."""
    probes = len(nodes)
    powers = np.stack([nodes**k for k in range(5)], axis=-1)
    known = (node_weights[..., None] * powers).sum(axis=1).real  # (probes, 5), first z'z
    target = np.concatenate([[size], moments])
    varied = known[:, known.std(axis=0) > 1e-9 * max(size, 1.0)]
    aims = target[known.std(axis=0) > 1e-9 * max(size, 1.0)]
    centred = varied - varied.mean(axis=0)
    inverse = np.linalg.pinv(centred)
    weights = 1 / probes - (varied.mean(axis=0) - aims) @ inverse
    residual_maker = np.eye(probes) - 1 / probes - centred @ inverse
    return weights, residual_maker
