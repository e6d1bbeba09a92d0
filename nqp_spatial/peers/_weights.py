"""Weights, made again by libpysal."""

from __future__ import annotations

from typing import Any

from nqp_spatial.core.provenance import Call
from nqp_spatial.core.text import t
from nqp_spatial.peers._quantities import NoPeerError, Quantity, quantity

__all__ = ["contiguity"]


def contiguity(call: Call, result: Any) -> list[Quantity]:
    """Compare neighbours by common borders."""
    from libpysal.graph import Graph

    arguments = call.arguments
    if arguments["order"] != 1 or arguments["islands"] == "nearest":
        raise NoPeerError(
            t("libpysal's contiguity is compared for order=1, islands left as they are")
        )
    shapes = arguments["panel"].require_geometry().reset_index(drop=True)
    theirs = Graph.build_contiguity(shapes, rook=arguments["kind"] == "rook")
    reason = t("libpysal compares vertices, we compare borders within a tolerance")
    ours = (result.raw != 0).astype(float).toarray()
    return [
        quantity("links", float(ours.sum()), float(theirs.sparse.sum()), "libpysal", reason=reason),
        quantity("links by pair", ours, theirs.sparse.toarray(), "libpysal", reason=reason),
    ]
