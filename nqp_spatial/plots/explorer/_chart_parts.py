"""What the views of a page, Vega-Lite charts made by Altair, have in common.

A chart has fixed fields (``i``, the number of the unit, ``t``, that of the period), so that no name
of the caller's is ever parsed. What changes with the period or with what is marked are signals,
arrays by unit, which the page fills in: ``fills`` (colour of the class), ``chosen`` (whether a unit
is marked), ``any`` (whether one is), ``xs`` and ``ys`` (places in the scatter). So are the data.
Fields of a rectangle are ``h`` and ``v``: ``x`` and ``y`` would share names with its pixels.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nqp_spatial.plots._theme import ORANGE

__all__ = ["MARKED", "Spec", "domain_of", "finished", "fixed_scale", "rectangle", "signals"]

Spec = dict[str, Any]

#: Whether a unit is shown in full: it is marked, or none is.
MARKED = "!any || chosen[datum.i]"


def signals() -> list[Any]:
    """Return the signals that all views of units have."""
    import altair as alt

    return [
        alt.param(name="fills", value=[]),
        alt.param(name="chosen", value=[]),
        alt.param(name="any", value=False),
    ]


def rectangle() -> Any:
    """Return a selection by a rectangle."""
    import altair as alt

    return alt.selection_interval(
        name="brush",
        encodings=["x", "y"],
        zoom=False,
        mark=alt.BrushConfig(fill=ORANGE, fillOpacity=0.1, stroke=ORANGE, strokeWidth=1),
    )


def finished(chart: Any) -> Spec:
    """Return the chart with the size of its box on the page."""
    spec: Spec = chart.properties(width="container", height="container").to_dict()
    spec.pop("config", None)
    spec["autosize"] = {"type": "fit", "contains": "padding"}
    return spec


def fixed_scale(domain: tuple[float, float], *, reverse: bool = False) -> Any:
    """Return a scale that does not change with the data shown."""
    import altair as alt

    return alt.Scale(domain=list(domain), nice=False, zero=False, reverse=reverse)


def domain_of(values: np.ndarray) -> tuple[float, float]:
    """Return the range of values with a margin."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    margin = 0.04 * (high - low) or max(abs(high), 1.0) * 0.05
    return low - margin, high + margin
