"""Weights of units with similar profiles, and of flows between units."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.core.options import Share, checked
from nqp_spatial.core.text import t
from nqp_spatial.errors import MissingValuesError, WeightsError, sample
from nqp_spatial.weights._coordinates import require_links
from nqp_spatial.weights.from_data import from_edges, unique_ids
from nqp_spatial.weights.spatial_weights import (
    Islands,
    SpatialWeights,
    Standardization,
    WeightsSpec,
    build,
)

__all__ = ["flows", "similarity"]

_KINDS = {"cosine": t("cosine similarity"), "jaccard": t("Jaccard similarity")}


@checked
def similarity(
    profiles: pd.DataFrame,
    *,
    measure: Literal["cosine", "jaccard"] = "cosine",
    least: Share = 0.0,
    islands: Islands = "error",
    standardize: Standardization = "row",
) -> SpatialWeights:
    """Weights of units with similar profiles, such as the industries that they have.

    ``cosine``: ``w_ij = x_i'x_j / (|x_i| |x_j|)``; ``jaccard``: of the features that i or j has,
    the share that both have.

    Parameters
    ----------
    profiles : DataFrame
        Units by features; amounts (not negative) for cosine, true or false (or 0 and 1) for
        Jaccard.
    measure : {"cosine", "jaccard"}
        The similarity.
    least : float
        Similarities below it get no weight.
    islands : {"error", "keep"}
        Units that resemble no other unit.
    standardize : {"row", "spectral", "minmax", "none"}
        As in `SpatialWeights.standardize`.

    Returns
    -------
    SpatialWeights

    Raises
    ------
    MissingValuesError, WeightsError
        If cells are missing, negative or (for Jaccard) not 0 or 1; if a unit has no feature at
        all; if ids repeat.
    OptionError
        If the measure is unknown.

    Examples
    --------
    >>> import nqp_spatial as nq, pandas as pd
    >>> ticks = pd.DataFrame({"steel": [1, 1, 0], "chips": [0, 1, 1]}, index=["a", "b", "c"])
    >>> w = nq.weights.similarity(ticks, measure="jaccard", standardize="none")
    >>> w.sparse.toarray().tolist()
    [[0.0, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.5, 0.0]]
    """
    units = unique_ids(profiles.index, "profiles")
    if profiles.isna().to_numpy().any():
        raise MissingValuesError(
            f"profiles are missing for units {sample(profiles.index[profiles.isna().any(axis=1)])}"
        )
    values = _numbers(profiles)
    wrong = (values < 0) if measure == "cosine" else ~np.isin(values, (0.0, 1.0))
    if wrong.any():
        words = "not negative" if measure == "cosine" else "0 or 1, or false or true"
        raise WeightsError(
            f"profiles for {measure} must be {words}; they are not for units "
            f"{sample(profiles.index[wrong.any(axis=1)])}"
        )
    empty = ~values.any(axis=1)
    if empty.any():
        raise WeightsError(
            "units have no feature, so they resemble no other unit: "
            f"{sample(profiles.index[empty])}; leave them out"
        )
    x = sparse.csr_array(values)
    # Each feature links all units that have it.
    links = int(min(len(units) ** 2, (np.bincount(x.indices).astype(float) ** 2).sum()))
    require_links(
        links,
        f"similarities of {len(units)} units",
        "take fewer units, or features that fewer of them have",
    )
    shared = sparse.coo_array(x @ x.T)
    i, j = shared.coords
    if measure == "cosine":
        size = np.sqrt(np.asarray(x.power(2).sum(axis=1)).ravel())
        similarities = shared.data / (size[i] * size[j])
    else:
        size = np.asarray(x.sum(axis=1)).ravel()
        similarities = shared.data / (size[i] + size[j] - shared.data)
    similarities = np.where(similarities >= least, similarities, 0.0)
    matrix = sparse.csr_array((similarities, (i, j)), shape=shared.shape)
    parameters = {"features": profiles.shape[1], "least": least or None}
    spec = WeightsSpec(_KINDS[measure], parameters)
    return build(matrix, units, spec, standardize=standardize, islands=islands)


def _numbers(profiles: pd.DataFrame) -> np.ndarray:
    """Return finite profiles as floats, or raise `WeightsError`."""
    if not profiles.shape[1]:
        raise WeightsError("profiles have no column; pass one for each feature")
    kinds = zip(profiles.columns, profiles.dtypes, strict=True)
    wrong = [name for name, kind in kinds if kind.kind in "cmM"]
    try:
        if wrong:
            raise TypeError(f"columns {sample(wrong)} are not")
        values = profiles.to_numpy(dtype=float)
    except (TypeError, ValueError) as error:
        raise WeightsError(f"profiles must be real numbers: {error}") from None
    infinite = ~np.isfinite(values).all(axis=1)
    if infinite.any():
        raise WeightsError(f"profiles are infinite for units {sample(profiles.index[infinite])}")
    return np.asarray(values)


@checked
def flows(
    frame: pd.DataFrame,
    *,
    origin: str = "origin",
    destination: str = "destination",
    flow: str | None = None,
    units: Iterable[Hashable] | None = None,
    islands: Islands = "error",
    standardize: Standardization = "row",
) -> SpatialWeights:
    """Weights from flows, or from a list of directed pairs: the destination receives.

    ``w_ij`` is the flow from j to i.

    Parameters
    ----------
    frame : DataFrame
        One row per directed pair, such as trips, investment, or an agreement of one city with
        another.
    origin, destination : str
        Columns of ids.
    flow : str, optional
        Column of amounts; one for each pair if not given.
    units : iterable, optional
        All ids, where some have no flow; otherwise those that occur, sorted.
    islands : {"error", "keep"}
        Units that receive nothing.
    standardize : {"row", "spectral", "minmax", "none"}
        As in `SpatialWeights.standardize`; by rows each unit's receipts add to one.

    Returns
    -------
    SpatialWeights

    Raises
    ------
    UnknownColumnError, WeightsError, UnmatchedIdsError
        As in `from_edges`.
    IslandError
        If units receive nothing and are not to be kept.

    Examples
    --------
    >>> import nqp_spatial as nq, pandas as pd
    >>> pairs = pd.DataFrame({"origin": ["Shenzhen"], "destination": ["Shanwei"]})
    >>> w = nq.weights.flows(pairs, islands="keep")
    >>> w.lag(pd.Series({"Shanwei": 1.0, "Shenzhen": 9.0})).to_dict()
    {'Shanwei': 9.0, 'Shenzhen': 0.0}
    """
    weights = from_edges(
        frame, focal=destination, neighbor=origin, weight=flow, units=units, islands=islands
    )
    parameters = {"origin": origin, "destination": destination, "flow": flow}
    spec = replace(weights.spec, kind=t("flows"), parameters=parameters)
    return replace(weights, spec=spec, cache={}).standardize(standardize)
