"""Links that share a coefficient: blocks of W by the groups of receiver and sender."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Literal, get_args

import numpy as np
from scipy import sparse

from nqp_spatial.core.groups import Groups
from nqp_spatial.errors import OptionError, WeightsError
from nqp_spatial.regression._model_data import ALL
from nqp_spatial.weights.spatial_weights import SpatialWeights

__all__ = ["ALL", "TiePattern", "block_name", "split_matrices"]

TiePattern = Literal["both", "receiver", "sender", "within-across", "none"]


def block_name(receiver: Hashable, sender: Hashable) -> str:
    """Return the name of a block."""
    return f"{receiver} <- {sender}"


def split_matrices(
    weights: SpatialWeights,
    groups: Groups,
    split: TiePattern | Mapping[tuple[str, str], str],
    term: str,
) -> dict[str, sparse.csr_array]:
    """Return the matrices of links that share a coefficient, by name; they sum to W.

    Parameters
    ----------
    weights : SpatialWeights
    groups : Groups
    split : {"both", "receiver", "sender", "within-across", "none"}, or mapping
        How coefficients differ; or the name of the coefficient of each (receiver, sender).
    term : str
        Name of the term for messages.

    Raises
    ------
    OptionError
        If the split is unknown or a mapping does not name every pair.
    WeightsError
        If a part has no links.
    """
    names = groups.names
    pairs = [(a, b) for a in names for b in names]
    if isinstance(split, Mapping):
        absent = [pair for pair in pairs if pair not in split]
        if absent or len(split) != len(pairs):
            raise OptionError(
                f"{term} must name the coefficient of every (receiver, sender) of {pairs}; "
                f"absent: {absent or 'none, but there are others'}"
            )
        label = {pair: str(split[pair]) for pair in pairs}
    elif split in get_args(TiePattern):
        label = {pair: _label(split, *pair) for pair in pairs}
    else:
        raise OptionError(
            f"{term} must be one of {', '.join(get_args(TiePattern))}, or a mapping; got {split!r}"
        )
    wanted = list(dict.fromkeys(label.values()))
    number = np.array([[wanted.index(label[a, b]) for b in names] for a in names])
    links = weights.sparse.tocoo()
    part = number[groups.codes[links.row], groups.codes[links.col]]
    matrices = {}
    for position, name in enumerate(wanted):
        chosen = part == position
        if not chosen.any():
            raise WeightsError(
                f"no links {name}: its coefficient of {term} is not identified; tie it to another, "
                "or use weights that link the groups"
            )
        matrices[name] = sparse.csr_array(
            (links.data[chosen], (links.row[chosen], links.col[chosen])), shape=links.shape
        )
    return matrices


def _label(split: str, receiver: str, sender: str) -> str:
    """Return the name of the coefficient of a link under a split."""
    if split == "within-across":
        return "within" if receiver == sender else "across"
    if split == "none":
        return ALL
    return block_name(
        ALL if split == "sender" else receiver, ALL if split == "receiver" else sender
    )
