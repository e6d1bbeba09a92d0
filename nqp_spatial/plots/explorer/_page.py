"""The page: charts, data and the script that links them, in one file that asks nobody for more."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from nqp_spatial.core.periods import places_on_axis
from nqp_spatial.core.text import Message, current_language, t, translate
from nqp_spatial.plots._theme import LIGHT
from nqp_spatial.plots.explorer._content import Cells, Content, Points, Variable
from nqp_spatial.plots.explorer._geometry import Shapes
from nqp_spatial.plots.explorer._lines_chart import lines_chart
from nqp_spatial.plots.explorer._map_chart import map_chart
from nqp_spatial.plots.explorer._scatter_charts import bars_chart, cells_chart, points_chart

__all__ = ["page_data", "page_of"]

HERE = Path(__file__).parent
# What the script needs of the bundle; the rest of its names stay inside.
_SNIPPET = "window.vegaEmbed = vegaEmbed;"
_PUNCTUATION = {
    "en": {"comma": ", ", "separator": ", ", "colon": ": ", "bracket": "{name} ({value})"},
    "zh": {"comma": "，", "separator": "、", "colon": "：", "bracket": "{name}（{value}）"},
}


def page_data(content: Content, shapes: Shapes | None, lang: str) -> dict[str, Any]:
    """Return what the script of the page reads: charts and numbers, without missing as NaN."""
    places = places_on_axis(content.periods)
    series = _series_names(content)
    return {
        "lang": lang,
        "title": content.title,
        "words": _words(),
        "missing": LIGHT,
        "units": list(content.units),
        "periods": [str(period) for period in content.periods],
        "places": [float(place) for place in places],
        "variables": [
            _variable(variable, content, series, places) for variable in content.variables.values()
        ],
        "names": list(content.variables),
        "start": content.start % len(content.periods),
        "map": None if shapes is None else map_chart(shapes, content.title),
        "ratio": 1.0 if shapes is None else shapes.size[1] / shapes.size[0],
        "shapes": None if shapes is None else shapes.units,
        "points": None if shapes is None else shapes.points.tolist(),
        "ground": [] if shapes is None else shapes.ground,
        "borders": [] if shapes is None else shapes.borders,
    }


def page_of(content: Content, shapes: Shapes | None, lang: str) -> str:
    """Return the page as HTML."""
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(loader=FileSystemLoader(HERE), autoescape=True)
    data = json.dumps(page_data(content, shapes, lang), ensure_ascii=False, allow_nan=False)
    scripts = [_bundle(), (HERE / "page.js").read_text(encoding="utf-8")]
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    return environment.get_template("page.html.j2").render(
        content=content,
        lang="zh-CN" if lang == "zh" else "en",
        has_map=shapes is not None,
        has_blanks=shapes is not None and shapes.has_blanks,
        has_periods=len(content.periods) > 1,
        has_classes=any(variable.each for variable in content.variables.values()),
        # The three signs that could end or open a script.
        data=data.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"),
        bundle=scripts[0],
        script=scripts[1],
        style=(HERE / "page.css").read_text(encoding="utf-8"),
        hashes=hashes,
        t=lambda text: translate(Message(text)),
    )


@cache
def _bundle() -> str:
    """Return Vega-Embed with all it needs, as one script."""
    import altair as alt
    import vl_convert

    version = "_".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
    script = str(vl_convert.javascript_bundle(_SNIPPET, version))
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--").strip()


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _series_names(content: Content) -> dict[str, str | None]:
    """Return by variable the name of the one whose lines are drawn; None where there is none."""
    numeric = [
        name
        for name, variable in content.variables.items()
        if variable.values is not None and variable.values.shape[1] == len(content.periods) > 1
    ]
    names: dict[str, str | None] = {}
    for name, variable in content.variables.items():
        wanted = variable.series or name
        names[name] = wanted if wanted in numeric else next(iter(numeric), None)
    return names


def _variable(
    variable: Variable, content: Content, series: dict[str, str | None], places: np.ndarray
) -> dict[str, Any]:
    count = len(content.units)
    name = next(key for key, value in content.variables.items() if value is variable)
    lines = series[name]
    source = None if lines is None else content.variables[lines]
    chart = None
    if source is not None:
        cuts = variable.cuts if source is not variable else source.cuts
        shown = Variable(source.label, source.codes, source.classes, source.values, cuts=cuts)
        chart = lines_chart(shown, content.periods, places, count)
    made: dict[str, Any] = {
        "label": variable.label,
        "classes": _classes(variable),
        "codes": variable.codes.tolist(),
        "each": [
            {"classes": _classes(section), "codes": section.codes[:, 0].tolist()}
            for section in variable.each
        ],
        "values": _numbers(variable.values),
        "series": None if lines is None else list(content.variables).index(lines),
        "lines": chart,
        "lines_heading": ""
        if source is None
        else translate(t("Over time: {name}", name=source.label)),
    }
    return made | _view(variable)


def _view(variable: Variable) -> dict[str, Any]:
    view = variable.view
    if isinstance(view, Points):
        slopes = None if view.slopes is None else _numbers(view.slopes[None])
        return {
            "kind": "points", "heading": view.heading, "chart": points_chart(view),
            "x": _numbers(view.x), "y": _numbers(view.y),
            "slopes": slopes and slopes[0], "remarks": list(view.notes),
        }  # fmt: skip
    if isinstance(view, Cells):
        return {
            "kind": "cells", "heading": view.heading, "chart": cells_chart(view),
            "rows": view.codes.tolist(), "step": view.step, "remarks": [_hint(view)],
        }  # fmt: skip
    heading = translate(t("Regions by class"))
    return {"kind": "bars", "heading": heading, "chart": bars_chart(variable), "remarks": []}


def _classes(variable: Variable) -> list[dict[str, str]]:
    return [{"name": name, "colour": colour} for name, colour in variable.classes]


def _hint(cells: Cells) -> str:
    """Return what a click on a cell does."""
    if (cells.codes < 0).all():
        return translate(t("Pass weights= to select regions by a cell."))
    return translate(
        t(
            "Click a cell to select the regions that made this transition from the period shown "
            "(step: {step})",
            step=cells.step,
        )
    )


def _numbers(values: np.ndarray | None) -> list[list[float | None]] | None:
    """Return rows of numbers with five significant digits; missing ones are None."""
    if values is None:
        return None
    rows: list[list[float | None]] = [
        [float(f"{value:.5g}") if np.isfinite(value) else None for value in row] for row in values
    ]
    return [[int(v) if v is not None and v == int(v) else v for v in row] for row in rows]


def _words() -> dict[str, str]:
    """Return what the script says, in the reader's language; names in braces are filled in."""
    words = {
        "no_data": t("No data"),
        "none_marked": t("No region is selected."),
        "marked": t("Selected: {count}"),
        "mean_all": t("mean of all regions"),
        "mean_marked": t("mean of the selected regions"),
        "period": t("Period"),
        "class_": t("Class"),
        "play": t("Play"),
        "pause": t("Pause"),
        "more": t("and {count} more"),
        "select_class": t("Select the regions of this class"),
        **_PUNCTUATION[current_language()],
    }
    return {name: translate(word) for name, word in words.items()}
