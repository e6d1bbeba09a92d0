"""The map of a page."""

from __future__ import annotations

from typing import Any

from nqp_spatial.plots._theme import EDGE, LAND, ORANGE
from nqp_spatial.plots.explorer._chart_parts import MARKED, Spec, finished, rectangle, signals
from nqp_spatial.plots.explorer._geometry import Shapes

__all__ = ["map_chart"]


def map_chart(shapes: Shapes, description: str) -> Spec:
    """Return the map: outlines on the grid, a rectangle to select by points inside the units."""
    import altair as alt

    chart = (
        alt.layer(*_outlines(shapes), _middles(shapes))
        .properties(description=description)
        .add_params(*signals(), alt.param(name="ground", value=LAND))
    )
    return finished(chart.resolve_scale(color="independent"))


def _step(shapes: Shapes) -> str:
    """Return the pixels of a step of the grid, as an expression."""
    wide, tall = shapes.size
    return f"min(width / {wide:.1f}, height / {tall:.1f})"


def _projection(shapes: Shapes) -> dict[str, Any]:
    """Return the projection of the grid to the middle of the view."""
    (wide, tall), step = shapes.size, _step(shapes)
    return {
        "type": "identity",
        "reflectY": True,
        "scale": {"expr": step},
        "translate": {
            "expr": f"[(width - {wide:.1f} * {step}) / 2, (height + {tall:.1f} * {step}) / 2]"
        },
    }


def _outlines(shapes: Shapes) -> list[Any]:
    """Return areas of the base map, units, marks around those that are marked, and borders."""
    import altair as alt

    projection = _projection(shapes)
    points = shapes.units[0]["type"].endswith("Point")
    units = (
        alt.Chart(alt.NamedData("shapes"), name="units")
        .mark_geoshape(strokeWidth=0.6 if points else 0.4, stroke="white")
        .transform_calculate(fill="fills[datum.i]")
        .encode(
            color=alt.Color("fill:N", scale=None, legend=None),
            opacity=alt.condition(MARKED, alt.value(1), alt.value(0.22)),
            tooltip=alt.Tooltip("i:Q"),
        )
    )
    marked = (
        alt.Chart(alt.NamedData("shapes"), name="marked")
        .mark_geoshape(fill=None, stroke=ORANGE, strokeWidth=1.4)
        .transform_filter("any && chosen[datum.i]")
        .encode(tooltip=alt.Tooltip("i:Q"))
    )
    layers = [units, marked]
    if shapes.ground:
        ground = alt.Chart(alt.NamedData("ground")).mark_geoshape(
            fill={"expr": "ground"}, stroke=None, tooltip=None
        )
        layers.insert(0, ground)
    if shapes.layers:
        layers.append(
            alt.Chart(alt.NamedData("borders")).mark_geoshape(
                filled=False, stroke=EDGE, strokeWidth=0.7
            )
        )
    return [layer.project(**projection) for layer in layers]


def _middles(shapes: Shapes) -> Any:
    """Return an invisible scatter of the units, whose scales agree with the projection.

    So a rectangle on the map has coordinates of the grid.
    """
    import altair as alt

    step = _step(shapes)

    def scale(size: float, side: str) -> Any:
        half = f"{side} / ({step}) / 2"
        ends = [{"expr": f"{size / 2:.1f} {sign} {half}"} for sign in "-+"]
        return alt.Scale(domain=ends, nice=False, zero=False)

    wide, tall = shapes.size
    return (
        alt.Chart(alt.NamedData("middle"), name="middle")
        .mark_point(opacity=0, size=0)
        .encode(
            x=alt.X("h:Q", axis=None, scale=scale(wide, "width")),
            y=alt.Y("v:Q", axis=None, scale=scale(tall, "height")),
        )
        .add_params(rectangle())
    )
