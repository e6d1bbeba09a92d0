"""Exposure of places to the treatment of others: by weights, or by rings of distance."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from scipy import sparse

from nqp_spatial.core.groups import Groups
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import t
from nqp_spatial.errors import OptionError
from nqp_spatial.weights._coordinates import coordinates_of
from nqp_spatial.weights.spatial_weights import WeightsLike, as_weights

__all__ = ["Exposure", "Links", "exposure_by_rings", "exposure_by_weights", "no_exposure"]

Links = Literal["all", "within", "across"]


@dataclass(frozen=True, eq=False)
class Exposure:
    """How the treatment of senders reaches receivers.

    Attributes
    ----------
    matrices : tuple of csr_array
        One matrix of weights, or one of zeros and ones for each ring, shape (n, n).
    names : tuple of str
        Of each kind of exposure, for tables.
    words : str
        Description of the exposure.
    rings : bool
        Whether exposure is by the ring of the nearest treated sender.
    edges_km : tuple of float
    """

    matrices: tuple[sparse.csr_array, ...]
    names: tuple[str, ...]
    words: str
    rings: bool = False
    edges_km: tuple[float, ...] = ()

    def of(self, treated: np.ndarray) -> np.ndarray:
        """Return exposure to treated units.

        Parameters
        ----------
        treated : ndarray
            Zeros and ones, shape (..., n_units, n_periods).

        Returns
        -------
        ndarray
            Shape (..., n_units, n_periods, R): weighted sums, or indicators of the ring.
        """
        *sets, n, periods = treated.shape
        columns = np.moveaxis(treated.reshape(-1, n, periods), 1, 0).reshape(n, -1)
        layers = []
        nearer = np.zeros(columns.shape, dtype=bool)
        for matrix in self.matrices:
            sums = np.asarray(matrix @ columns)
            if self.rings:
                present = sums > 0
                sums = (present & ~nearer).astype(float)
                nearer |= present
            layers.append(np.moveaxis(sums.reshape(n, -1, periods), 0, 1))
        shape = (*sets, n, periods)
        if not layers:
            return np.zeros((*shape, 0))
        return np.stack([layer.reshape(shape) for layer in layers], axis=-1)


def no_exposure() -> Exposure:
    """Return the exposure of a model without spillovers."""
    return Exposure((), (), t("none"))


def exposure_by_weights(
    panel: SpatialPanel,
    weights: WeightsLike,
    groups: Groups | None,
    senders: Hashable | None,
    links: Links,
) -> Exposure:
    """Return ``S_it = sum_j w_ij D_jt``; weights are taken as they are.

    Raises
    ------
    OptionError
        If a weight is negative, so that an exposed place could count as clean.
    UnmatchedIdsError
        If ids of panel and weights differ.
    """
    w = as_weights(weights).reordered(panel.units)
    matrix = sparse.csr_array(w.sparse)
    if matrix.nnz and matrix.data.min() < 0:
        raise OptionError(
            "exposure needs weights that are not negative: with others a place next to treated "
            "ones could have an exposure of zero"
        )
    chosen = _chosen(matrix, groups, senders, links)
    return Exposure((chosen,), ("exposure",), _words(w.spec.words, groups, senders, links))


def exposure_by_rings(
    panel: SpatialPanel,
    edges_km: Sequence[float],
    groups: Groups | None,
    senders: Hashable | None,
    links: Links,
) -> Exposure:
    """Return indicators of the ring in which the nearest treated sender is.

    Raises
    ------
    OptionError
        If edges are not ascending.
    GeometryError, CrsError
        If distances cannot be computed.
    """
    edges = [float(edge) for edge in edges_km]
    ascending = all(low < high for low, high in pairwise(edges))
    if len(edges) < 2 or edges[0] != 0 or not ascending or not np.isfinite(edges).all():
        raise OptionError(
            "rings_km must be two or more ascending finite numbers, the first of them 0 (nearer "
            f"places would belong to no ring), got {edges}"
        )
    n = panel.n_units
    pairs, km = coordinates_of(panel).pairs(edges[-1])
    receivers = np.concatenate([pairs[:, 0], pairs[:, 1]])
    origins = np.concatenate([pairs[:, 1], pairs[:, 0]])
    km = np.concatenate([km, km])
    matrices = []
    for low, high in pairwise(edges):
        # Intervals as in weights.bands; places at the same point are in the first ring.
        belongs = (km > low) & (km <= high) | ((low == 0) & (km == 0))
        links_of_ring = (np.ones(belongs.sum()), (receivers[belongs], origins[belongs]))
        ring = sparse.csr_array(links_of_ring, shape=(n, n))
        matrices.append(_chosen(ring, groups, senders, links))
    names = tuple(f"{low:g}-{high:g} km" for low, high in pairwise(edges))
    words = t("distance to the nearest treated unit, rings {rings}", rings=", ".join(names))
    return Exposure(
        tuple(matrices), names, _words(words, groups, senders, links), True, tuple(edges)
    )


def _chosen(
    matrix: sparse.csr_array, groups: Groups | None, senders: Hashable | None, links: Links
) -> sparse.csr_array:
    """Return the links from senders of a group, within or across groups."""
    if groups is None:
        if senders is not None or links != "all":
            raise OptionError("senders= and links= need the groups: pass group=")
        return matrix
    if senders is None and links == "all":
        raise OptionError(
            "group= says which links count: pass senders= (a group whose treated units count) or "
            "links='within' or 'across'"
        )
    entries = matrix.tocoo()
    receiver, sender = entries.coords
    counts = np.ones(len(entries.data), dtype=bool)
    if senders is not None:
        counts &= groups.codes[sender] == groups.code_of(senders)
    same = groups.codes[receiver] == groups.codes[sender]
    if links != "all":
        counts &= same if links == "within" else ~same
    values = (entries.data[counts], (receiver[counts], sender[counts]))
    return sparse.csr_array(values, shape=matrix.shape)


def _words(words: str, groups: Groups | None, senders: Hashable | None, links: Links) -> str:
    if senders is not None:
        words = t("{exposure}; senders: {group}", exposure=words, group=str(senders))
    if groups is not None and links == "within":
        words = t("{exposure}; within groups of {name}", exposure=words, name=groups.title)
    if groups is not None and links == "across":
        words = t("{exposure}; across groups of {name}", exposure=words, name=groups.title)
    return words
