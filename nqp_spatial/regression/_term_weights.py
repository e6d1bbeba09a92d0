"""The weights of each spatial term: W y, W X and W u may each have their own matrix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import join, t
from nqp_spatial.errors import OptionError, sample
from nqp_spatial.weights.spatial_weights import SpatialWeights, WeightsLike, as_weights

__all__ = [
    "NamedMatrix",
    "TermWeights",
    "lag",
    "match_term_weights",
    "matrices_by_name",
    "row_sum_advice",
]


@dataclass(frozen=True, eq=False)
class NamedMatrix:
    """One of the matrices of a spatial term.

    Attributes
    ----------
    name : str
        Name of its coefficient, such as ``"south <- rest"``; empty where the term has one W.
    matrix : csr_array
        n x n in the order of the panel's units; or, where links change over time, (n T) x (n T)
        with a block for each period, rows ordered by unit and period.
    weights : SpatialWeights or None
        The spatial weights of the matrix, with their cached results, if any.
    """

    name: str
    matrix: sparse.csr_array
    weights: SpatialWeights | None = None


@dataclass(frozen=True, eq=False)
class TermWeights:
    """The matrices of each spatial term: ``sum_k rho_k W_k y``, ``sum_l W_l X theta_l``, ``W u``.

    Attributes
    ----------
    y, x, u : tuple of NamedMatrix
        Matrices of W y (and W y_(t-1)), of W X, and of W u; empty where the model has no such term.
    words : str
        The weights of which they are parts, in words; empty where each term has one W.
    """

    y: tuple[NamedMatrix, ...] = ()
    x: tuple[NamedMatrix, ...] = ()
    u: tuple[NamedMatrix, ...] = ()
    words: str = ""

    @classmethod
    def of(
        cls,
        y: SpatialWeights | None = None,
        x: SpatialWeights | None = None,
        u: SpatialWeights | None = None,
    ) -> TermWeights:
        """Return the terms of the model with one W each."""
        # Terms with the same weights have the same matrix, by which their common W is recognised.
        matrices = {id(weights): weights.sparse for weights in (y, x, u) if weights is not None}

        def unnamed(weights: SpatialWeights | None) -> tuple[NamedMatrix, ...]:
            return () if weights is None else (NamedMatrix("", matrices[id(weights)], weights),)

        return cls(unnamed(y), unnamed(x), unnamed(u))

    @classmethod
    def in_parts(
        cls,
        y: Mapping[str, sparse.csr_array],
        x: Mapping[str, sparse.csr_array],
        words: str = "",
    ) -> TermWeights:
        """Return terms with several named matrices each."""
        return cls(
            tuple(NamedMatrix(name, matrix) for name, matrix in y.items()),
            tuple(NamedMatrix(name, matrix) for name, matrix in x.items()),
            (),
            words,
        )

    @property
    def has_parts(self) -> bool:
        """Whether the matrices, and hence their coefficients, have names."""
        return any(part.name for part in (*self.y, *self.x))

    @property
    def weights_y(self) -> SpatialWeights | None:
        """The weights of W y, where it has one W."""
        return _only(self.y)

    @property
    def weights_x(self) -> SpatialWeights | None:
        """The weights of W X, where it has one W."""
        return _only(self.x)

    @property
    def weights_u(self) -> SpatialWeights | None:
        """The weights of W u, where it has one W."""
        return _only(self.u)

    @property
    def names_y(self) -> list[str]:
        """Names of the parts of W y."""
        return [part.name for part in self.y]

    @property
    def matrices_y(self) -> list[sparse.csr_array]:
        """W_k of the outcome."""
        return [part.matrix for part in self.y]

    @property
    def matrix_u(self) -> sparse.csr_array | None:
        """W of the errors, if there is one."""
        return self.u[0].matrix if self.u else None

    @property
    def given(self) -> list[SpatialWeights]:
        """Return the different matrices among them."""
        different: list[SpatialWeights] = []
        for weights in (self.weights_y, self.weights_x, self.weights_u):
            if weights is not None and not any(weights is other for other in different):
                different.append(weights)
        return different

    @property
    def rows_add_to_one(self) -> bool:
        """Whether all rows of the matrices of W y and W u add to one."""
        return all(w.rows_add_to_one for w in (self.weights_y, self.weights_u) if w is not None)

    def describe(self) -> str:
        """Return the specifications in words; one, if all terms share it."""
        if self.has_parts:
            return self.words
        if len(self.given) <= 1:
            return next((w.spec.words for w in self.given), "")
        named = (("Wy", self.weights_y), ("WX", self.weights_x), ("Wu", self.weights_u))
        return join(
            "; ",
            (
                t("{term}: {weights}", term=name, weights=w.spec.words)
                for name, w in named
                if w is not None
            ),
        )


def _only(parts: tuple[NamedMatrix, ...]) -> SpatialWeights | None:
    return parts[0].weights if len(parts) == 1 else None


def matrices_by_name(parts: tuple[NamedMatrix, ...]) -> dict[str, sparse.csr_array]:
    """Return the matrices of a term by the names of their coefficients."""
    return {part.name: part.matrix for part in parts}


def lag(matrix: sparse.csr_array, array: np.ndarray) -> np.ndarray:
    """Return W times an array of units by periods (by columns).

    W is one matrix for all periods, or has one block for each.
    """
    n = array.shape[0]
    if matrix.shape[0] == n:
        return np.asarray(matrix @ array.reshape(n, -1)).reshape(array.shape)
    return np.asarray(matrix @ array.reshape(matrix.shape[0], -1)).reshape(array.shape)


def row_sum_advice(weights: SpatialWeights) -> str:
    """Return advice on how to make rows of W add to one; islands are named."""
    sums = np.asarray(weights.sparse.sum(axis=1)).ravel()
    if len(weights.islands) and np.allclose(sums[sums != 0], 1.0, rtol=0, atol=1e-6):
        return (
            f"units {sample(weights.islands)} have no neighbours, so that their rows add to zero: "
            "give them neighbours when the weights are made (islands='nearest'), leave them out, "
            "or use effects='unit' or 'none'"
        )
    return "standardise them with weights.standardize('row')"


def match_term_weights(
    weights: WeightsLike | Mapping[str, WeightsLike] | None,
    panel: SpatialPanel,
    needed: Mapping[str, bool],
    model: str,
) -> TermWeights:
    """Return the weights that the model needs, matched with the panel's units.

    Parameters
    ----------
    weights : SpatialWeights, Graph, W, or mapping of these
        One for all terms, or by "y", "x", "u".
    panel : SpatialPanel
    needed : mapping
        Whether the model has W y, W X, W u, by the same keys.
    model : str
        Name of the model for messages.

    Returns
    -------
    TermWeights

    Raises
    ------
    OptionError
        If weights are missing, or named for a term that the model does not have.
    UnmatchedIdsError
        If ids of panel and weights differ.
    """
    wanted = [key for key, yes in needed.items() if yes]
    if not wanted:
        return TermWeights()
    if weights is None:
        raise OptionError(
            f"model {model!r} needs weights; make them with nqp_spatial.weights, or use model='ols'"
        )
    if not isinstance(weights, Mapping):
        common = as_weights(weights).reordered(panel.units)
        return TermWeights.of(**dict.fromkeys(wanted, common))
    if set(weights) != set(wanted):
        raise OptionError(
            f"model {model!r} has weights of {', '.join(wanted)}; got them for "
            f"{', '.join(map(str, weights)) or 'none'}: name one matrix for each, as in "
            f"weights={{{', '.join(f'{key!r}: ...' for key in wanted)}}}"
        )
    matched: dict[int, SpatialWeights] = {}  # the same object is matched once and keeps its cache
    for w in weights.values():
        if id(w) not in matched:
            matched[id(w)] = as_weights(w).reordered(panel.units)
    return TermWeights.of(**{key: matched[id(w)] for key, w in weights.items()})
