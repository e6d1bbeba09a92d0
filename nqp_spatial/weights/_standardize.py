"""Scaling of weights matrices, and views and permutations of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.errors import WeightsError, sample
from nqp_spatial.weights._spec import Standardization

__all__ = [
    "distance_from_one",
    "has_symmetric_links",
    "permuted",
    "shared_view",
    "standardized",
]


def standardized(raw: sparse.csr_array, units: pd.Index, how: Standardization) -> sparse.csr_array:
    """Return raw weights scaled; see `SpatialWeights.standardize`.

    Raises
    ------
    WeightsError
        If a row with links adds to zero, or the divisor is zero.
    """
    if how == "none":
        return raw
    if how == "row":
        return _row_standardized(raw, units)
    if how == "spectral":
        from nqp_spatial.weights._spectrum import spectral_radius

        return _divided(raw, spectral_radius(raw), "the spectral radius")
    sums = abs(raw)
    divisor = min(sums.sum(axis=1).max(initial=0), sums.sum(axis=0).max(initial=0))
    return _divided(raw, float(divisor), "the largest row or column sum")


def _divided(raw: sparse.csr_array, divisor: float, name: str) -> sparse.csr_array:
    if not divisor > 0:
        raise WeightsError(
            f"{name} is zero (there are no links, or none that lead back to where they come from), "
            "so weights cannot be divided by it; use standardize='row' or 'none'"
        )
    return sparse.csr_array(raw / divisor)


def _row_standardized(raw: sparse.csr_array, units: pd.Index) -> sparse.csr_array:
    sums = np.asarray(raw.sum(axis=1)).ravel()
    counts = np.diff(raw.indptr)
    zero = (counts > 0) & (sums == 0)
    if zero.any():
        raise WeightsError(
            f"rows with links add to zero, so they cannot be row-standardised: units "
            f"{sample(units[zero])}; use another standardisation or correct the weights"
        )
    divisors = np.repeat(np.where(counts > 0, sums, 1.0), counts)
    return sparse.csr_array((raw.data / divisors, raw.indices, raw.indptr), shape=raw.shape)


def shared_view(matrix: sparse.csr_array) -> sparse.csr_array:
    """Return a matrix on the same arrays, so that replacing one of its arrays changes only it."""
    view = sparse.csr_array((matrix.data, matrix.indices, matrix.indptr), shape=matrix.shape)
    view.has_sorted_indices = matrix.has_sorted_indices
    return view


def distance_from_one(sums: np.ndarray) -> float:
    """Return the largest distance of a row sum from one."""
    return float(np.abs(np.asarray(sums) - 1.0).max(initial=0.0))


def permuted(matrix: sparse.csr_array, order: np.ndarray) -> sparse.csr_array:
    """Return rows and columns at the positions in `order`."""
    result = sparse.csr_array(matrix[order][:, order])
    result.sort_indices()
    return result


def has_symmetric_links(matrix: sparse.csr_array) -> bool:
    """Whether j is linked with i wherever i is linked with j."""
    pattern = sparse.csr_array(
        (np.ones_like(matrix.data), matrix.indices, matrix.indptr), shape=matrix.shape
    )
    return bool(abs(pattern - pattern.T).nnz == 0)
