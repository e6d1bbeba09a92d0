"""Centralities of networks, computed again by networkx."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nqp_spatial.core.provenance import Call
from nqp_spatial.core.text import t
from nqp_spatial.peers._quantities import NoPeerError, Quantity, quantity

__all__ = ["network"]

_MOST_UNITS = 600  # beyond, networkx takes minutes for each period


def network(call: Call, result: Any) -> list[Quantity]:
    """Compare density, reciprocity and centralities, all periods together."""
    import networkx as nx

    units = len(call.arguments["panel"].units)
    if units > _MOST_UNITS:
        raise NoPeerError(
            t(
                "networkx takes minutes for {units} units; more than {most} are not tried",
                units=units, most=_MOST_UNITS,
            )
        )  # fmt: skip
    measures: dict[str, Callable[[Any], dict[Any, float]]] = {
        "degree": nx.degree_centrality,
        "closeness_in": nx.closeness_centrality,
        "closeness_out": lambda graph: nx.closeness_centrality(graph.reverse()),
        "betweenness": nx.betweenness_centrality,
    }
    graphs = {period: result.graph(period=period) for period in result.frame.index}
    rows = [
        quantity(name, result.frame[name], [function(graph) for graph in graphs.values()],
                 "networkx")
        for name, function in (("density", nx.density), ("reciprocity", nx.reciprocity))
    ]  # fmt: skip
    for name, function in measures.items():
        theirs = {
            (period, unit): value
            for period, graph in graphs.items()
            for unit, value in function(graph).items()
        }
        ours = result.nodes[name]
        rows.append(quantity(name, ours, [theirs[key] for key in ours.index], "networkx"))
    return rows
