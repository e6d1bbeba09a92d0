"""Estimates by group of units: separate models and slopes of the pooled model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nqp_spatial.core.options import Width, checked
from nqp_spatial.core.text import Lang, label, t, translate
from nqp_spatial.errors import OptionError, UnknownColumnError, sample
from nqp_spatial.plots._canvas import capital, figure_of, figure_room, panels, wrapped
from nqp_spatial.plots._theme import BLUE, LIGHT, MUTED, ORANGE, PAGE, Layer, layer
from nqp_spatial.regression import GroupComparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["group_estimates"]

_FORMS = {"separate": (-0.16, BLUE, "o"), "pooled": (0.16, ORANGE, "s")}


@checked
def group_estimates(
    result: GroupComparison,
    *,
    variables: Sequence[str] | None = None,
    terms: Sequence[str] | None = None,
    title: str | None = None,
    points_kw: Layer = None,
    line_kw: Layer = None,
    lang: Lang = "en",
    width: Width = PAGE,
    fig: Figure | SubFigure | None = None,
) -> Figure:
    """Draw the coefficients of each group with their intervals, one panel per regressor.

    Parameters
    ----------
    result : GroupComparison
        From `nqp_spatial.compare_groups`.
    variables : sequence of str, optional
        Which regressors; all by default.
    terms : sequence of str, optional
        "x" and "wx", coefficients of a regressor and of its spatial lag, both by default; "direct",
        "indirect", "total" are effects of separate models.
    title : str, optional
    points_kw, line_kw : mapping, optional
        Keyword arguments of matplotlib for the estimates and their intervals.
    lang : {"en", "zh"}
        Language of the words that are not yours.
    width : float
        Inches.
    fig : Figure or SubFigure, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Figure
        Regressors in columns, terms in rows; circles are separate models, squares the pooled one.

    Raises
    ------
    UnknownColumnError, OptionError
        If there is no such variable or term.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> w = nq.weights.knn(cities, k=6)
    >>> result = nq.compare_groups("nqp ~ relations", cities, w, group="region4")
    >>> len(nq.plots.group_estimates(result).axes)
    2
    """
    names, rows = _chosen(result, variables, terms)
    groups = list(result.groups.index)
    tall = 0.26 * len(groups) + 0.55
    shape = (len(rows), len(names))
    size = width, tall * len(rows) + 0.3
    with panels(fig, size, shape, lang=lang, title=title) as (_, axes):
        space = figure_room(fig, width)
        for row, term in enumerate(rows):
            for column, name in enumerate(names):
                ax = axes[row, column]
                _draw(ax, result, name, term, groups, points_kw, line_kw)
                words = [wrapped(group, 0.3 * space) for group in groups]
                ax.set_yticks(range(len(groups)), words if column == 0 else [])
                heading = _heading(result, name, term)
                ax.set_title(wrapped(heading, 0.8 * space / len(names)), fontsize="medium")
        _legend(axes[0, 0], {*result.frame["form"]} if rows[0] in ("x", "wx") else {"separate"})
    return figure_of(axes[0, 0])


def _chosen(
    result: GroupComparison, variables: Sequence[str] | None, terms: Sequence[str] | None
) -> tuple[list[str], list[str]]:
    frame = result.frame[result.frame["group"] != "all"]
    known = list(dict.fromkeys(frame["term"]))
    rows = [term for term in ("x", "wx") if term in known] if terms is None else list(terms)
    if unknown := [term for term in rows if term not in known]:
        raise OptionError(f"terms must be among {sample(known)}, got {unknown[0]!r}")
    of_terms = frame[frame["term"].isin(rows) & (frame["variable"] != "Intercept")]
    names = list(dict.fromkeys(of_terms["variable"]))
    chosen = names if variables is None else list(variables)
    if absent := [name for name in chosen if name not in names]:
        raise UnknownColumnError(
            f"the models have no variable {absent[0]!r}; they have {sample(names, 20)}"
        )
    if not rows or not chosen:
        raise OptionError("name at least one term and one variable")
    return chosen, rows


def _draw(
    ax: Axes,
    result: GroupComparison,
    name: str,
    term: str,
    groups: list[str],
    points_kw: Layer,
    line_kw: Layer,
) -> None:
    frame = result.frame
    rows = frame[(frame["variable"] == name) & (frame["term"] == term)]
    for place in range(0, len(groups), 2):
        ax.axhspan(place - 0.5, place + 0.5, color=LIGHT, lw=0, alpha=0.6, zorder=0)
    for form, (offset, colour, marker) in _FORMS.items():
        part = rows[rows["form"] == form].drop_duplicates("group").set_index("group")
        part = part.reindex(groups).dropna(subset="estimate")
        if part.empty:
            continue
        places = np.array([groups.index(group) for group in part.index], dtype=float)
        places += 0 if term not in ("x", "wx") else offset
        _draw_form(ax, part, places, colour, marker, points_kw, line_kw)
    ax.axvline(0, color=MUTED, lw=0.6, zorder=1)
    ax.set_ylim(len(groups) - 0.5, -0.5)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.locator_params(axis="x", nbins=4)


def _draw_form(
    ax: Axes,
    part: pd.DataFrame,
    places: np.ndarray,
    colour: str,
    marker: str,
    points_kw: Layer,
    line_kw: Layer,
) -> None:
    ax.hlines(
        places, part["conf_low"], part["conf_high"],
        **{"color": colour, **layer(line_kw, lw=1.1, zorder=2)},
    )  # fmt: skip
    style = layer(points_kw, ls="", ms=4.2, mec="white", mew=0.5, zorder=3)
    ax.plot(part["estimate"], places, **{"color": colour, "marker": marker, **style})


def _heading(result: GroupComparison, name: str, term: str) -> str:
    words = result.labels.get(name, name)
    if term == "x":
        return words
    if term == "wx":
        return f"W {words}"
    effect = translate(label("effect", term))
    return capital(translate(t("{effect} of {variable}", effect=effect, variable=words)))


def _legend(ax: Axes, forms: set[str]) -> None:
    from matplotlib.lines import Line2D

    words = {"separate": t("Each group on its own"), "pooled": t("Slopes by group in one model")}
    entries = [
        Line2D([], [], ls="-", lw=1.1, marker=marker, color=colour, ms=4.2, mec="white", mew=0.5)
        for form, (_, colour, marker) in _FORMS.items()
        if form in forms
    ]
    names = [translate(words[form]) for form in _FORMS if form in forms]
    figure = ax.figure
    figure.legend(entries, names, loc="outside lower left", ncols=2, handlelength=1.6)
