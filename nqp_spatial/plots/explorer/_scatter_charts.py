"""What stands beside the map: a scatter of units, numbers by class, or a matrix of transitions."""

from __future__ import annotations

from typing import Any

import numpy as np

from nqp_spatial.core.text import t, translate
from nqp_spatial.plots._theme import INK, MUTED
from nqp_spatial.plots.explorer._chart_parts import (
    MARKED,
    Spec,
    domain_of,
    finished,
    fixed_scale,
    rectangle,
    signals,
)
from nqp_spatial.plots.explorer._content import Cells, Points, Variable

__all__ = ["bars_chart", "cells_chart", "points_chart"]


def points_chart(points: Points) -> Spec:
    """Return the scatter, with axes that hold the points of all periods."""
    import altair as alt

    reverse = points.kind == "rank"
    x_domain, y_domain = domain_of(points.x), domain_of(points.y)
    if reverse:  # ranks begin with one
        y_domain = (0.5, float(max(np.nanmax(points.y), 1)) + 0.5)
    x = alt.X("h:Q", title=points.x_title, scale=fixed_scale(x_domain))
    y = alt.Y("v:Q", title=points.y_title, scale=fixed_scale(y_domain, reverse=reverse))
    layers = _references(points, x, y, x_domain, y_domain)
    layers.append(
        alt.Chart(alt.NamedData("units"), name="points")
        .mark_circle(size=34, strokeWidth=0.6, stroke=MUTED)
        .transform_calculate(h="xs[datum.i]", v="ys[datum.i]", fill="fills[datum.i]")
        .transform_filter("isValid(datum.h) && isValid(datum.v)")
        .encode(
            x=x,
            y=y,
            color=alt.Color("fill:N", scale=None, legend=None),
            opacity=alt.condition(MARKED, alt.value(0.95), alt.value(0.15)),
            tooltip=alt.Tooltip("i:Q"),
        )
        .add_params(rectangle())
    )
    places = [
        alt.param(name="xs", value=[]),
        alt.param(name="ys", value=[]),
        alt.param(name="slope", value=None),
    ]
    chart = alt.layer(*layers).add_params(*signals(), *places)
    return finished(chart.properties(description=points.heading))


def _references(
    points: Points,
    x: Any,
    y: Any,
    x_domain: tuple[float, float],
    y_domain: tuple[float, float],
) -> list[Any]:
    """Return the lines through zero and the line of the slope, or of no change."""
    import altair as alt

    layers = []
    if points.kind == "moran":
        for channel, domain in (("x", x_domain), ("y", y_domain)):
            zero = alt.Chart(alt.Data(values=[{"v": 0.0}])).mark_rule(
                color=MUTED, strokeDash=[4, 3], strokeWidth=0.8
            )
            if domain[0] < 0 < domain[1]:
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
    return layers


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
    return finished(chart)


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
                axis=alt.Axis(orient="top", labelAngle=0, labelLimit=125)),
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
        color=alt.condition("datum.p > 0.55", alt.value("white"), alt.value(INK)),
    )
    chart = (boxes + numbers).add_params(alt.param(name="cell", value=None))
    return finished(chart.properties(description=cells.heading))
