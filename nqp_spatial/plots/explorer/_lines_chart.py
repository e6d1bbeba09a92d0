"""Lines over time of a page."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from nqp_spatial.core.text import t, translate
from nqp_spatial.plots._theme import INK, MUTED, ORANGE
from nqp_spatial.plots.explorer._chart_parts import (
    Spec,
    domain_of,
    finished,
    fixed_scale,
    signals,
)
from nqp_spatial.plots.explorer._content import Variable

__all__ = ["lines_chart"]

# Signals of the lines, arrays by period, by unit, or both.
_ARRAYS = ("places", "period_names", "means", "marked_means", "lines", "tints")
_PLACE = {"x": "places[datum.t]", "y": "lines[datum.i][datum.t]"}


def lines_chart(variable: Variable, periods: pd.Index, places: np.ndarray, count: int) -> Spec:
    """Return lines over time: all units, those that are marked, two means, the period shown."""
    import altair as alt

    assert variable.values is not None
    ends = [float(places[0]), float(places[-1])]
    scale = alt.Scale(domain=ends, nice=False, zero=False)
    x = alt.X("x:Q", axis=alt.Axis(**_axis(periods, places)), scale=scale)
    y = alt.Y("y:Q", title=variable.label, scale=fixed_scale(domain_of(variable.values)))
    layers = [*_units(x, y, count), *_means(x, y)]
    for cut in variable.cuts:
        rule = alt.Chart(alt.Data(values=[{"v": cut}])).mark_rule(
            color=MUTED, strokeDash=[3, 3], strokeWidth=0.7
        )
        layers.append(rule.encode(y=alt.Y("v:Q")))
    now = alt.Chart(alt.Data(values=[{}]), name="now").mark_rule(color=ORANGE, strokeWidth=1.2)
    layers += [now.transform_calculate(x="places[period]").encode(x=x), _nearest(x, y)]
    chart = alt.layer(*layers).add_params(
        *signals(),
        alt.param(name="ink", value=INK),
        alt.param(name="period", value=len(periods) - 1),
        *(alt.param(name=name, value=[]) for name in _ARRAYS),
    )
    heading = translate(t("Lines over time: {name}", name=variable.label))
    return finished(chart.properties(description=heading))


def _axis(periods: pd.Index, places: np.ndarray) -> dict[str, Any]:
    """Return the axis of time: numbers, or names of some periods."""
    axis: dict[str, Any] = {
        "title": None, "grid": False, "tickMinStep": 1, "tickCount": 6,
        "labelOverlap": "greedy", "labelSeparation": 8,
    }  # fmt: skip
    if pd.api.types.is_any_real_numeric_dtype(periods):
        return axis | {"format": "d" if np.equal(np.mod(places, 1), 0).all() else "~g"}
    step = max(-(-len(periods) // 8), 1)
    return axis | {
        "values": [float(place) for place in places[::step]],
        "labelExpr": "period_names[indexof(places, datum.value)] || ''",
    }


def _units(x: Any, y: Any, count: int) -> list[Any]:
    """Return the lines of all units, and over them those that are marked."""
    import altair as alt

    table = alt.NamedData("cells")
    lines = {"x": x, "y": y, "detail": alt.Detail("i:O")}
    gaps = "break-paths-filter-domains"
    faint = float(np.clip(30 / max(count, 1), 0.15, 0.6))
    return [
        alt.Chart(table, name="all")
        .mark_line(
            strokeWidth=0.7, opacity={"expr": f"any ? 0.12 : {faint}"}, invalid=gaps, tooltip=None
        )
        .transform_calculate(tint="tints[datum.i]", **_PLACE)
        .encode(color=alt.Color("tint:N", scale=None, legend=None), **lines),
        alt.Chart(table, name="marked")
        .mark_line(strokeWidth=1.6, invalid=gaps)
        .transform_filter("any && chosen[datum.i]")
        .transform_calculate(fill="fills[datum.i]", **_PLACE)
        .encode(color=alt.Color("fill:N", scale=None, legend=None), **lines),
    ]


def _means(x: Any, y: Any) -> list[Any]:
    """Return the mean of all units, dashed, and that of those that are marked."""
    import altair as alt

    styles: dict[str, dict[str, Any]] = {
        "means": {"color": {"expr": "ink"}, "strokeDash": [5, 3]},
        "marked_means": {"color": ORANGE},
    }
    return [
        alt.Chart(alt.NamedData("periods"), name=name)
        .mark_line(strokeWidth=2.2, **style)
        .transform_calculate(x="places[datum.t]", y=f"{name}[datum.t]")
        .transform_filter("isValid(datum.y)")
        .encode(x=x, y=y)
        for name, style in styles.items()
    ]


def _nearest(x: Any, y: Any) -> Any:
    """Return invisible points, the nearest of which answers the pointer."""
    import altair as alt

    return (
        alt.Chart(alt.NamedData("cells"), name="near")
        .mark_point(opacity=0, size=30)
        .transform_calculate(**_PLACE)
        .transform_filter("isValid(datum.y)")
        .encode(x=x, y=y, tooltip=alt.Tooltip("i:Q"))
        .add_params(
            alt.selection_point(name="hover", on="pointermove", nearest=True, fields=["i", "t"])
        )
    )
