"""The weights of each spatial term: W y, W X and W u may have matrices of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import join, t
from nqp_spatial.errors import OptionError, sample
from nqp_spatial.weights.spatial_weights import SpatialWeights, WeightsLike, as_weights

if TYPE_CHECKING:
    pass

__all__ = ["AnyWeights", "Terms", "terms_of"]

AnyWeights = "WeightsLike"


@dataclass(frozen=True, eq=False)
class Terms:
    """Weights in the order of the panel's units.

    Attributes
    ----------
    y, x, u : SpatialWeights or None
        Of W y (and W y_(t-1)), of W X, and of W u; None where the model has no such term.
    """

    y: SpatialWeights | None = None
    x: SpatialWeights | None = None
    u: SpatialWeights | None = None

    @property
    def given(self) -> list[SpatialWeights]:
        """Return the different matrices among them."""
        found: list[SpatialWeights] = []
        for weights in (self.y, self.x, self.u):
            if weights is not None and not any(weights is other for other in found):
                found.append(weights)
        return found

    @property
    def rows_add_to_one(self) -> bool:
        """Whether all rows of the matrices of W y and W u add to one."""
        return all(w.rows_add_to_one for w in (self.y, self.u) if w is not None)

    def describe(self) -> str:
        """Return the specifications in words; one, if all terms share it."""
        if len(self.given) <= 1:
            return next((w.spec.words for w in self.given), "")
        named = (("Wy", self.y), ("WX", self.x), ("Wu", self.u))
        return join(
            "; ",
            (
                t("{term}: {weights}", term=name, weights=w.spec.words)
                for name, w in named
                if w is not None
            ),
        )


def row_sum_advice(weights: SpatialWeights) -> str:
    """Return what to do so that rows of W add to one; islands are named."""
    sums = np.asarray(weights.sparse.sum(axis=1)).ravel()
    if len(weights.islands) and np.allclose(sums[sums != 0], 1.0, rtol=0, atol=1e-6):
        return (
            f"units {sample(weights.islands)} have no neighbours, so that their rows add to zero: "
            "give them neighbours when the weights are made (islands='nearest'), leave them out, "
            "or use effects='unit' or 'none'"
        )
    return "standardise them with weights.standardize('row')"


def terms_of(
    weights: WeightsLike | Mapping[str, WeightsLike] | None,
    panel: SpatialPanel,
    needed: Mapping[str, bool],
    model: str,
) -> Terms:
    """Return the weights that the model needs, matched with the panel's units.

    Parameters
    ----------
    weights : SpatialWeights, Graph, W, or mapping of these
        One for all terms, or by "y", "x", "u".
    panel : SpatialPanel
    needed : mapping
        Whether the model has W y, W X, W u, by the same keys.
    model : str
        For messages.

    Returns
    -------
    Terms

    Raises
    ------
    OptionError
        If weights are missing, or named for a term that the model does not have.
    UnmatchedIdsError
        If ids of panel and weights differ.
    """
    wanted = [key for key, yes in needed.items() if yes]
    if not wanted:
        return Terms()
    if weights is None:
        raise OptionError(
            f"model {model!r} needs weights; make them with nqp_spatial.weights, or use model='ols'"
        )
    if not isinstance(weights, Mapping):
        one = as_weights(weights).reordered(panel.units)
        return Terms(**dict.fromkeys(wanted, one))
    if set(weights) != set(wanted):
        raise OptionError(
            f"model {model!r} has weights of {', '.join(wanted)}; got them for "
            f"{', '.join(map(str, weights)) or 'none'}: name one matrix for each, as in "
            f"weights={{{', '.join(f'{key!r}: ...' for key in wanted)}}}"
        )
    matched: dict[int, SpatialWeights] = {}  # one object stays one, with what it caches
    for given in weights.values():
        if id(given) not in matched:
            matched[id(given)] = as_weights(given).reordered(panel.units)
    return Terms(**{key: matched[id(given)] for key, given in weights.items()})
