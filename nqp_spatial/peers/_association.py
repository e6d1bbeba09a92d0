"""Spatial association, computed again by esda."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np

from nqp_spatial.core.provenance import Call
from nqp_spatial.core.text import t
from nqp_spatial.peers._quantities import NoPeerError, Quantity, quantity
from nqp_spatial.weights import SpatialWeights
from nqp_spatial.weights.spatial_weights import as_weights

__all__ = ["bivariate", "geary", "getis_ord", "lisa", "local_geary", "moran"]

#: Tests of esda that need draws are not compared: draws differ.
_MOMENTS = ("variance_norm", "z_norm", "variance_rand", "z_rand")


def _weights_of(call: Call) -> SpatialWeights:
    panel, weights = call.arguments["panel"], call.arguments["weights"]
    return as_weights(weights).reordered(panel.units)


def _sections(call: Call, periods: Any, variable: str) -> Iterator[tuple[Hashable, np.ndarray]]:
    panel = call.arguments["panel"]
    values = panel.values(variable)
    places = {period: place for place, period in enumerate(panel.periods)}
    for period in periods:
        yield period, values[:, places[period]]


def moran(call: Call, result: Any) -> list[Quantity]:
    """Compare Moran's I and its moments, period by period."""
    import esda

    graph = _weights_of(call).to_W()
    theirs = [
        esda.Moran(values, graph, transformation="O", permutations=0)
        for _, values in _sections(call, result.frame.index, result.variable)
    ]
    frame = result.frame
    pairs = [("moran_i", "I"), ("expected", "EI")]
    pairs += [(name, _ATTRIBUTES[name]) for name in _MOMENTS]
    return [
        quantity(ours, frame[ours], [getattr(one, name) for one in theirs], "esda")
        for ours, name in pairs
    ]


_ATTRIBUTES = {
    "variance_norm": "VI_norm",
    "z_norm": "z_norm",
    "variance_rand": "VI_rand",
    "z_rand": "z_rand",
}


def geary(call: Call, result: Any) -> list[Quantity]:
    """Compare Geary's c and its moments, period by period."""
    import esda

    graph = _weights_of(call).to_W()
    theirs = [
        esda.Geary(values, graph, transformation="O", permutations=0)
        for _, values in _sections(call, result.frame.index, result.variable)
    ]
    frame = result.frame
    rows = [quantity("geary_c", frame["geary_c"], [one.C for one in theirs], "esda")]
    for kind in ("norm", "rand"):
        variances = [getattr(one, f"VC_{kind}") for one in theirs]
        rows.append(quantity(f"variance_{kind}", frame[f"variance_{kind}"], variances, "esda"))
        # Positive association is a positive score of ours, a negative one of esda's.
        scores = [-getattr(one, f"z_{kind}") for one in theirs]
        rows.append(quantity(f"z_{kind}", frame[f"z_{kind}"], scores, "esda"))
    return rows


def lisa(call: Call, result: Any) -> list[Quantity]:
    """Compare local Moran statistics and quadrants."""
    import esda

    section = next(_sections(call, [result.period], result.variable))[1]
    theirs = esda.Moran_Local(section, _weights_of(call).to_W(), transformation="O", permutations=0)
    n = len(section)
    names = {1: "High-High", 2: "Low-High", 3: "Low-Low", 4: "High-Low"}
    same = [names[q] == ours for q, ours in zip(theirs.q, result.frame["quadrant"], strict=True)]
    return [
        quantity("local_i", result.frame["local_i"], theirs.Is, "esda"),
        quantity("units in the same quadrant", float(np.sum(same)), float(n), "esda"),
    ]


def getis_ord(call: Call, result: Any) -> list[Quantity]:
    """Compare the scores of Gi or Gi*."""
    import esda

    weights, star = _weights_of(call), call.arguments["star"]
    if not _is_binary(weights):
        raise NoPeerError(
            t(
                "esda's scores of Gi take the variance of equal weights, whatever the weights are; "
                "those of equal weights for all neighbours of a unit can be compared"
            )
        )
    section = next(_sections(call, [result.period], result.variable))[1]
    binary = weights.standardize("none") if weights.spec.standardization != "none" else weights
    theirs = esda.G_Local(section, binary.to_W(), transform="B", star=star, permutations=0)
    return [quantity("z", result.frame["z"], theirs.Zs, "esda")]


def _is_binary(weights: SpatialWeights) -> bool:
    matrix = weights.sparse
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    largest = np.zeros(matrix.shape[0])
    np.maximum.at(largest, rows, matrix.data)
    return bool(np.allclose(matrix.data, largest[rows]))


def local_geary(call: Call, result: Any) -> list[Quantity]:
    """Compare local Geary statistics."""
    import esda

    section = next(_sections(call, [result.period], result.variable))[1]
    weights = _weights_of(call)
    theirs = esda.Geary_Local(weights.to_W(), permutations=0).fit(section)
    # esda standardises the rows of W, whatever the weights are.
    sums = np.asarray(weights.sparse.sum(axis=1)).ravel()
    return [quantity("local_c", result.frame["local_c"] / sums, theirs.localG, "esda")]


def bivariate(call: Call, result: Any) -> list[Quantity]:
    """Compare bivariate Moran statistics, of all units together."""
    import esda

    panel, arguments = call.arguments["panel"], call.arguments
    graph = _weights_of(call).to_W()
    other = panel.values(arguments["other"])
    places = {period: place for place, period in enumerate(panel.periods)}
    theirs = [
        esda.Moran_BV(values, other[:, places[period]], graph, transformation="O", permutations=0).I
        for period, values in _sections(call, result.frame.index, result.variable)
    ]
    return [quantity("moran_i", result.frame["moran_i"], theirs, "esda")]
