"""Own and spilled effects of a policy by event time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nqp_spatial.core.options import Width, checked
from nqp_spatial.core.text import Lang, Message, t, translate
from nqp_spatial.plots._canvas import figure_of, figure_room, panels, percent, sized, wrapped
from nqp_spatial.plots._theme import COLUMN, MARKERS, MUTED, PAGE, PALETTE, Layer, layer
from nqp_spatial.spillovers import PolicyResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["event_study"]

_SPREAD = 0.22  # between rings of one event time


@checked
def event_study(
    result: PolicyResult,
    *,
    on_treated: bool = False,
    title: str | None = None,
    points_kw: Layer = None,
    line_kw: Layer = None,
    lang: Lang = "en",
    width: Width | None = None,
    fig: Figure | SubFigure | None = None,
) -> Figure:
    """Draw own and spilled effects by event time, with confidence intervals.

    Parameters
    ----------
    result : PolicyResult
        From `nqp_spatial.spillovers.policy`.
    on_treated : bool
        Whether to add the spilled effects on treated units, in a panel of their own.
    title : str, optional
    points_kw, line_kw : mapping, optional
        Keyword arguments of matplotlib for the estimates and their intervals.
    lang : {"en", "zh"}
        Language of the words that are not yours.
    width : float, optional
        Inches; by default a page, and a column of a journal for own effects alone.
    fig : Figure or SubFigure, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Figure
        Leads are hollow, left of the broken line; rings have a colour and a mark each.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> panel = panel.assign(
    ...     pilot=lambda d: (d.index.get_level_values(0).isin(["CA", "ME", "NY"])
    ...     & (d.index.get_level_values(1) >= 1980)).astype(int))
    >>> res = nq.spillovers.policy(panel, "lgsp", treatment="pilot",
    ...     exposure=nq.weights.contiguity(panel), placebo=0)
    >>> [ax.get_title(loc="left") for ax in nq.plots.event_study(res).axes]
    ['Own effect', 'Spilled effect']
    """
    parts = _parts(result, on_treated)
    width = (PAGE if len(parts) > 1 else COLUMN) if width is None else width
    width = figure_room(fig, width)
    rings = [name for name in dict.fromkeys(result.frame["exposure"]) if name]
    height = min(0.62 * width / len(parts), 2.2) + 0.75 + 0.2 * (len(rings) > 1)
    with panels(fig, (width, height), (1, len(parts)), lang=lang) as (figure, axes):
        for ax, (words, rows, clock) in zip(axes[0], parts, strict=True):
            _draw(ax, rows, rings, points_kw, line_kw)
            ax.set_title(wrapped(translate(words), width / len(parts) - 0.5))
            ax.set_xlabel(wrapped(translate(clock), width / len(parts) - 0.4))
        level = percent(result.level)
        axes[0, 0].set_ylabel(
            wrapped(translate(t("Estimate, {level} interval", level=level)), height - 0.8)
        )
        if len(rings) > 1:
            handles, entries = axes[0, 1].get_legend_handles_labels()
            figure.legend(handles, entries, loc="outside lower center", ncols=len(rings))
        if title:
            figure.suptitle(wrapped(title, width), x=0.01, ha="left", fontsize=sized(9))
    return figure_of(figure)


def _parts(result: PolicyResult, on_treated: bool) -> list[tuple[Message, pd.DataFrame, Message]]:
    """Return title, rows and axis of each panel."""
    frame = result.frame
    since = t("Periods since adoption"), t("Periods since first exposure")
    spilled = frame["kind"] == "spilled"
    parts = [(t("Own effect"), frame[frame["kind"] == "own"], since[0])]
    untreated = frame[spilled & (frame["on"] == "untreated")]
    treated = frame[spilled & (frame["on"] == "treated")]
    if len(untreated):
        parts.append((t("Spilled effect"), untreated, since[1]))
    if len(treated) and on_treated:
        parts[1] = (t("Spilled effect on untreated units"), untreated, since[1])
        parts.append((t("Spilled effect on treated units"), treated, since[1]))
    return parts


def _draw(ax: Axes, rows: pd.DataFrame, rings: list[str], points_kw: Layer, line_kw: Layer) -> None:
    """Draw the estimates of a panel; leads are hollow."""
    ax.axhline(0, color=MUTED, lw=0.6, zorder=1)
    ax.axvline(-0.5, color=MUTED, lw=0.8, ls=(0, (3, 2)), zorder=1)
    names = [name for name in dict.fromkeys(rows["exposure"]) if name]
    for name in names or [""]:
        members = rows[rows["exposure"] == name]
        # Rings have the colours that follow that of own effects.
        place = 1 + rings.index(name) if name else 0
        colour = PALETTE[place % len(PALETTE)]
        offset = _SPREAD * (names.index(name) - (len(names) - 1) / 2) if name else 0.0
        x = members["event_time"].to_numpy(dtype=float) + offset
        style = layer(line_kw, color=colour, lw=1.1, zorder=2)
        ax.vlines(x, members["conf_low"], members["conf_high"], **style)
        leads = (members["event_time"] < 0).to_numpy()
        common: dict[str, Any] = {
            "marker": MARKERS[place % len(MARKERS)], "color": colour, "ms": 4.2, "ls": "",
            "mew": 0.9, "zorder": 3,
        }  # fmt: skip
        estimates = members["estimate"].to_numpy(dtype=float)
        ax.plot(
            x[~leads], estimates[~leads], **layer(points_kw, label=name.replace("-", "–"), **common)
        )
        hollow = layer(points_kw, **common)
        ax.plot(x[leads], estimates[leads], **{**hollow, "mfc": "white"})
    times = np.sort(rows["event_time"].unique()).astype(int)
    step = max(1, -(-len(times) // 12))
    ax.set_xticks([time for time in times if time % step == 0])
    ax.set_xlim(times.min() - 0.6, times.max() + 0.6)
