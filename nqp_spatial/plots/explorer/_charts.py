"""The views of a page as Vega-Lite charts, made by Altair.

A chart has fixed fields (``i``, the number of the unit, ``t``, that of the period), so that no name
of the caller's is ever parsed. What changes with the period or with what is marked are signals,
arrays by unit, which the page fills in: ``fills`` (colour of the class), ``chosen`` (whether a unit
is marked), ``any`` (whether one is), ``xs`` and ``ys`` (places in the scatter). So are the data.
Fields of a rectangle are ``h`` and ``v``: ``x`` and ``y`` would share names with its pixels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from nqp_spatial.core.text import t, translate
from nqp_spatial.plots._theme import EDGE, LAND, MUTED, ORANGE
from nqp_spatial.plots.explorer._content import Cells, Points, Variable
from nqp_spatial.plots.explorer._geometry import Shapes

__all__ = ["bars_chart", "cells_chart", "lines_chart", "map_chart", "points_chart"]

Spec = dict[str, Any]

# Signals of the lines, arrays by period.
_BY_PERIOD = ("places", "period_names", "means", "marked_means")
_MARKED = "!any || chosen[datum.i]"


def map_chart(shapes: Shapes, description: str) -> Spec:
    """Return the map: outlines on the grid, a rectangle to select by points inside the units."""
    import altair as alt

    wide, tall = shapes.size
    # Projection and scales agree, so that a rectangle on the map has coordinates of the grid.
    step = f"min(width / {wide:.1f}, height / {tall:.1f})"
    projection = {
        "type": "identity",
        "reflectY": True,
        "scale": {"expr": step},
        "translate": {
            "expr": f"[(width - {wide:.1f} * {step}) / 2, (height + {tall:.1f} * {step}) / 2]"
        },
    }

    def domain(size: float, side: str) -> list[dict[str, str]]:
        half = f"{side} / ({step}) / 2"
        return [{"expr": f"{size / 2:.1f} - {half}"}, {"expr": f"{size / 2:.1f} + {half}"}]

    def scale(size: float, side: str) -> Any:
        return alt.Scale(domain=domain(size, side), nice=False, zero=False)

    layers = []
    if any(is_area for _, is_area in shapes.layers):
        layers.append(
            alt.Chart(alt.NamedData("ground"))
            .mark_geoshape(fill=LAND, stroke=None, tooltip=None)
            .project(**projection)
        )
    points = shapes.units[0]["type"].endswith("Point")
    outline: dict[str, Any] = {"strokeWidth": 0.6 if points else 0.4, "stroke": "white"}
    layers.append(
        alt.Chart(alt.NamedData("shapes"), name="units")
        .mark_geoshape(**outline)
        .transform_calculate(fill="fills[datum.i]")
        .encode(
            color=alt.Color("fill:N", scale=None, legend=None),
            opacity=alt.condition(_MARKED, alt.value(1), alt.value(0.22)),
            tooltip=alt.Tooltip("i:Q"),
        )
        .project(**projection)
    )
    layers.append(
        alt.Chart(alt.NamedData("shapes"), name="marked")
        .mark_geoshape(fill=None, stroke=ORANGE, strokeWidth=1.4)
        .transform_filter("any && chosen[datum.i]")
        .encode(tooltip=alt.Tooltip("i:Q"))
        .project(**projection)
    )
    if shapes.layers:
        layers.append(
            alt.Chart(alt.NamedData("borders"))
            .mark_geoshape(filled=False, stroke=EDGE, strokeWidth=0.7)
            .project(**projection)
        )
    layers.append(
        alt.Chart(alt.NamedData("middle"), name="middle")
        .mark_point(opacity=0, size=0)
        .encode(
            x=alt.X("h:Q", axis=None, scale=scale(wide, "width")),
            y=alt.Y("v:Q", axis=None, scale=scale(tall, "height")),
        )
        .add_params(_rectangle())
    )
    chart = alt.layer(*layers).properties(description=description).add_params(*_signals())
    return _spec(chart.resolve_scale(color="independent"))


def points_chart(points: Points) -> Spec:
    """Return the scatter, with axes that hold the points of all periods."""
    import altair as alt

    reverse = points.kind == "rank"
    x_domain, y_domain = _domain(points.x), _domain(points.y)
    x = alt.X("h:Q", title=points.x_title, scale=_fixed(x_domain))
    y = alt.Y("v:Q", title=points.y_title, scale=_fixed(y_domain, reverse=reverse))
    layers = []
    if points.kind == "moran":
        for channel, ends in (("x", x_domain), ("y", y_domain)):
            zero = alt.Chart(alt.Data(values=[{"v": 0.0}])).mark_rule(
                color=MUTED, strokeDash=[4, 3], strokeWidth=0.8
            )
            if ends[0] < 0 < ends[1]:
                layers.append(zero.encode(**{channel: alt.datum(0.0)}))
    if points.kind in ("moran", "change"):
        slope = "slope" if points.kind == "moran" else "1"
        ends = [{"end": float(value)} for value in x_domain]
        layers.append(
            alt.Chart(alt.Data(values=ends), name="line")
            .mark_line(strokeWidth=1, clip=True, color=MUTED)
            .transform_calculate(h="datum.end", v=f"datum.end * {slope}")
            .transform_filter("isValid(datum.v) && isFinite(datum.v)")
            .encode(x=x, y=y)
        )
    layers.append(
        alt.Chart(alt.NamedData("units"), name="points")
        .mark_circle(size=34, strokeWidth=0.6, stroke=MUTED)
        .transform_calculate(h="xs[datum.i]", v="ys[datum.i]", fill="fills[datum.i]")
        .transform_filter("isValid(datum.h) && isValid(datum.v)")
        .encode(
            x=x,
            y=y,
            color=alt.Color("fill:N", scale=None, legend=None),
            opacity=alt.condition(_MARKED, alt.value(0.95), alt.value(0.15)),
            tooltip=alt.Tooltip("i:Q"),
        )
        .add_params(_rectangle())
    )
    signals = [
        alt.param(name="xs", value=[]),
        alt.param(name="ys", value=[]),
        alt.param(name="slope", value=None),
    ]
    chart = alt.layer(*layers).add_params(*_signals(), *signals)
    return _spec(chart.properties(description=points.heading))


def lines_chart(variable: Variable, periods: pd.Index, places: np.ndarray, count: int) -> Spec:
    """Return lines over time: all units, those that are marked, two means, the period shown."""
    import altair as alt

    numeric = bool(pd.api.types.is_any_real_numeric_dtype(periods))
    names = [str(period) for period in periods]
    axis: dict[str, Any] = {"title": None, "grid": False, "tickMinStep": 1, "tickCount": 6}
    axis |= {"labelOverlap": "greedy", "labelSeparation": 8}
    if numeric:
        axis["format"] = "d" if np.equal(np.mod(places, 1), 0).all() else "~g"
    else:
        step = max(-(-len(names) // 8), 1)
        axis["values"] = [float(place) for place in places[::step]]
        axis["labelExpr"] = "period_names[indexof(places, datum.value)] || ''"
    assert variable.values is not None
    ends = [float(places[0]), float(places[-1])]
    x = alt.X("x:Q", axis=alt.Axis(**axis), scale=alt.Scale(domain=ends, nice=False, zero=False))
    y = alt.Y("y:Q", title=variable.label, scale=_fixed(_domain(variable.values)))
    detail = alt.Detail("i:O")
    long = alt.NamedData("cells")
    at = {"x": "places[datum.t]", "y": "lines[datum.i][datum.t]"}
    layers = [
        alt.Chart(long, name="all")
        .mark_line(
            strokeWidth=0.7, color=MUTED, opacity={"expr": f"any ? 0.12 : {_faint(count)}"},
            interpolate="linear", invalid="break-paths-filter-domains", tooltip=None,
        )
        .transform_calculate(**at)
        .encode(x=x, y=y, detail=detail),
        alt.Chart(long, name="marked")
        .mark_line(strokeWidth=1.6, invalid="break-paths-filter-domains")
        .transform_filter("any && chosen[datum.i]")
        .transform_calculate(fill="fills[datum.i]", **at)
        .encode(x=x, y=y, detail=detail, color=alt.Color("fill:N", scale=None, legend=None)),
    ]  # fmt: skip
    for name, colour, dash in (("means", "ink", [5, 3]), ("marked_means", ORANGE, [1, 0])):
        style: dict[str, Any] = {"strokeWidth": 2.2, "strokeDash": dash}
        style["color"] = {"expr": "ink"} if colour == "ink" else colour
        layers.append(
            alt.Chart(alt.NamedData("periods"), name=name)
            .mark_line(**style)
            .transform_calculate(x="places[datum.t]", y=f"{name}[datum.t]")
            .transform_filter("isValid(datum.y)")
            .encode(x=x, y=y)
        )
    for cut in variable.cuts:
        rule = alt.Chart(alt.Data(values=[{"v": cut}])).mark_rule(
            color=MUTED, strokeDash=[3, 3], strokeWidth=0.7
        )
        layers.append(rule.encode(y=alt.Y("v:Q")))
    layers.append(
        alt.Chart(alt.Data(values=[{}]), name="now")
        .mark_rule(color=ORANGE, strokeWidth=1.2)
        .transform_calculate(x="places[period]")
        .encode(x=x)
    )
    layers.append(
        alt.Chart(long, name="near")
        .mark_point(opacity=0, size=30)
        .transform_calculate(**at)
        .transform_filter("isValid(datum.y)")
        .encode(x=x, y=y, tooltip=alt.Tooltip("i:Q"))
        .add_params(
            alt.selection_point(name="hover", on="pointermove", nearest=True, fields=["i", "t"])
        )
    )
    signals = [
        alt.param(name="ink", value="#222222"),
        alt.param(name="period", value=len(periods) - 1),
        *(alt.param(name=name, value=[]) for name in (*_BY_PERIOD, "lines")),
    ]
    chart = alt.layer(*layers).add_params(*_signals(), *signals)
    heading = translate(t("Lines over time: {name}", name=variable.label))
    return _spec(chart.properties(description=heading))


def bars_chart(variable: Variable) -> Spec:
    """Return the number of units in each class."""
    import altair as alt

    names = [name for name, _ in variable.classes]
    rows = [{"k": k, "name": name} for k, name in enumerate(names)]
    chart = (
        alt.Chart(alt.Data(values=rows), name="bars")
        .mark_bar()
        .transform_calculate(count="counts[datum.k]")
        .encode(
            y=alt.Y("name:N", sort=None, title=None, axis=alt.Axis(labelLimit=170)),
            x=alt.X("count:Q", title=translate(t("Regions"))),
            color=alt.Color(
                "k:O", legend=None,
                scale=alt.Scale(domain=list(range(len(names))),
                                range=[colour for _, colour in variable.classes]),
            ),
        )
        .add_params(alt.param(name="counts", value=[]))
        .properties(description=variable.label)
    )  # fmt: skip
    return _spec(chart)


def cells_chart(cells: Cells) -> Spec:
    """Return the matrix of transition probabilities."""
    import altair as alt

    rows = [
        {
            "row": row,
            "column": column,
            "from": f"{number + 1}",
            "p": None if np.isnan(p := cells.probabilities[number, place]) else round(float(p), 4),
            "n": int(cells.counts[number, place]),
            "own": name,
            "next": ahead,
        }
        for number, (row, name) in enumerate(zip(range(len(cells.rows)), cells.rows, strict=True))
        for place, (column, ahead) in enumerate(
            zip(range(len(cells.columns)), cells.columns, strict=True)
        )
    ]
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("next:N", sort=None, title=cells.column_title,
                axis=alt.Axis(orient="top", labelAngle=0, labelLimit=90)),
        y=alt.Y("own:N", sort=None, title=cells.row_title, axis=alt.Axis(labelLimit=150)),
    )  # fmt: skip
    boxes = (
        base.properties(name="cells")
        .mark_rect(stroke="white", cursor="pointer")
        .encode(
            color=alt.Color(
                "p:Q", legend=None, scale=alt.Scale(domain=[0, 1], scheme="blues")
            ),
            strokeWidth=alt.condition(
                "cell && cell[0] === datum.row && cell[1] === datum.column",
                alt.value(3), alt.value(1),
            ),
        )
    )  # fmt: skip
    numbers = base.mark_text(fontSize=11).encode(
        text=alt.Text("p:Q", format=".2f"),
        color=alt.condition("datum.p > 0.55", alt.value("white"), alt.value("#222222")),
    )
    chart = (boxes + numbers).add_params(alt.param(name="cell", value=None))
    return _spec(chart.properties(description=cells.heading))


# -- parts -----------------------------------------------------------------------------------------


def _signals() -> list[Any]:
    import altair as alt

    return [
        alt.param(name="fills", value=[]),
        alt.param(name="chosen", value=[]),
        alt.param(name="any", value=False),
    ]


def _rectangle() -> Any:
    import altair as alt

    return alt.selection_interval(
        name="brush",
        encodings=["x", "y"],
        zoom=False,
        mark=alt.BrushConfig(fill=ORANGE, fillOpacity=0.1, stroke=ORANGE, strokeWidth=1),
    )


def _spec(chart: Any) -> Spec:
    """Return the chart with the size of its box on the page."""
    spec: Spec = chart.properties(width="container", height="container").to_dict()
    spec.pop("config", None)
    spec["autosize"] = {"type": "fit", "contains": "padding"}
    return spec


def _fixed(domain: tuple[float, float], *, reverse: bool = False) -> Any:
    import altair as alt

    return alt.Scale(domain=list(domain), nice=False, zero=False, reverse=reverse)


def _domain(values: np.ndarray) -> tuple[float, float]:
    """Return the range of values with a margin."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    margin = 0.04 * (high - low) or max(abs(high), 1.0) * 0.05
    return low - margin, high + margin


def _faint(count: int) -> float:
    """Return the opacity of one of many lines."""
    return float(np.clip(30 / max(count, 1), 0.15, 0.6))
