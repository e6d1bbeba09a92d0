"""Direct, indirect and total effects with their intervals."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nqp_spatial.core.options import Width, checked
from nqp_spatial.core.text import Lang, label, t, translate
from nqp_spatial.errors import OptionError
from nqp_spatial.plots._canvas import (
    capital,
    figure_of,
    figure_room,
    horizontal_label,
    panels,
    percent,
    row_axis,
    sized,
    wrapped,
)
from nqp_spatial.plots._theme import COLUMN, MUTED, PAGE, PALETTE, Layer, layer
from nqp_spatial.plots.charts.estimates import finite_ends
from nqp_spatial.regression import EffectsResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["at_one_horizon", "effects"]

_MOST_HORIZONS = 4

_STYLES = {
    "direct": (PALETTE[0], "o"),
    "indirect": (PALETTE[1], "s"),
    "total": (PALETTE[7], "D"),
}


@checked
def effects(
    result: EffectsResult,
    *,
    variables: list[str] | None = None,
    horizon: str | int | Sequence[str | int] | None = None,
    share_scale: bool | None = None,
    title: str | None = None,
    points_kw: Layer = None,
    line_kw: Layer = None,
    lang: Lang = "en",
    width: Width | None = None,
    fig: Figure | SubFigure | None = None,
) -> Figure:
    """Draw direct, indirect and total effects with confidence intervals.

    Parameters
    ----------
    result : EffectsResult
        From ``fit(...).effects(...)``.
    variables : list of str, optional
        Which, and in which order; all if not given.
    horizon : str, int or sequence, optional
        Of a dynamic model: ``"short-run"``, ``"long-run"`` or a number of periods, in panels side
        by side. By default all, or the named ones where there are more than four.
    share_scale : bool, optional
        Whether variables share one axis. By default they do unless their sizes differ by more than
        a factor of ten; then each has its own axis.
    title : str, optional
    points_kw, line_kw : mapping, optional
        Keyword arguments of matplotlib for the estimates and their intervals.
    lang : {"en", "zh"}
        Language of the words that are not yours.
    width : float, optional
        Inches; by default a column of a journal, and a page for several horizons.
    fig : Figure or SubFigure, optional
        Where to draw; a new figure if not given. `estimates` draws effects into axes.

    Returns
    -------
    Figure
        That of `fig` if it is given.

    Raises
    ------
    OptionError
        If a variable or a horizon has no effects here, there are more than four horizons, or the
        effects are at stated values of moderators.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> res = nq.fit("lgsp ~ lpc + lemp", panel, nq.weights.contiguity(panel))
    >>> figure = nq.plots.effects(res.effects(seed=0))
    """
    if result.moderators:
        raise OptionError(
            f"the effects are at stated values of {', '.join(result.moderators)}: draw them with "
            "plots.effects_at"
        )
    if result.frame.empty:
        raise OptionError("there are no effects to draw: the model has no regressors")
    horizons = _horizons(result, horizon)
    frame = result.frame[result.frame["horizon"].isin(horizons)]
    names = _variables(frame, variables)
    frame = frame[frame["variable"].isin(names)]
    if share_scale is None:
        share_scale = _alike(frame, "variable")
    rows = [names] if share_scale else [[name] for name in names]
    height = 0.42 * len(names) + 0.85 if share_scale else 0.72 * len(names) + 0.75
    if len(horizons) > 1:
        height += 0.2
    width = (COLUMN if len(horizons) == 1 else PAGE) if width is None else width
    width = figure_room(fig, width)
    shape = len(rows), len(horizons)
    with panels(fig, (width, height), shape, lang=lang) as (figure, axes):
        for line, row in zip(axes, rows, strict=True):
            members = frame[frame["variable"].isin(row)]
            for ax, period in zip(line, horizons, strict=True):
                _draw_panel(ax, members[members["horizon"] == period], row, points_kw, line_kw)
            labels = [result.labels.get(name, name) for name in row]
            rows_high = height - 0.8 if share_scale else 0.4
            row_axis(line[0], range(len(row)), labels, min(0.45 * width, 2.2), rows_high)
            for ax in line[1:]:
                ax.set_yticks([])
            if _alike(members, "horizon"):
                _share_widths(line)
        level = percent(result.level)
        words = translate(t("Effect, with {level} confidence interval", level=level))
        handles, entries = axes[0, 0].get_legend_handles_labels()
        style = {"loc": "outside lower center", "ncols": 3, "handlelength": 1}
        if len(horizons) > 1:  # a label of the whole figure would lie on the legend
            style |= {"title": wrapped(words, width), "title_fontsize": sized(8)}
        else:
            horizontal_label(axes[-1, 0], words, width)
        figure.legend(handles[:3], entries[:3], **style)
        if len(horizons) > 1:
            for ax, period in zip(axes[0], horizons, strict=True):
                ax.set_title(horizon_words(period))
            if title:
                figure.suptitle(wrapped(title, width), x=0.01, ha="left", fontsize=sized(9))
        elif title:
            axes[0, 0].set_title(wrapped(title, 0.75 * width))
    return figure_of(figure)


def horizon_words(period: object) -> str:
    """Return what a horizon is called, above its panel."""
    if isinstance(period, int | np.integer):
        return translate(t("Period {count}", count=period))
    return capital(translate(label("horizon", str(period))))


def _horizons(
    result: EffectsResult, wanted: str | int | Sequence[str | int] | None
) -> list[Hashable]:
    """Return the horizons to draw."""
    known = list(dict.fromkeys(result.frame["horizon"]))
    if wanted is None:
        named = [period for period in known if isinstance(period, str)]
        chosen: list[Any] = known if len(known) <= _MOST_HORIZONS else named or known
    else:
        chosen = [wanted] if isinstance(wanted, str | int) else list(wanted)
    unknown = [period for period in chosen if period not in known]
    if unknown or (known and not chosen):
        raise OptionError(
            f"horizon must be among {', '.join(map(repr, known))}; got "
            f"{', '.join(map(repr, unknown)) or 'none'}"
        )
    if len(chosen) > _MOST_HORIZONS:
        raise OptionError(
            f"the effects are at {len(chosen)} horizons, {_MOST_HORIZONS} at most stand side by "
            f"side: choose some, as in horizon={chosen[:2]!r}"
        )
    return chosen


def _variables(frame: pd.DataFrame, wanted: list[str] | None) -> list[str]:
    """Return the variables to draw."""
    known = list(dict.fromkeys(frame["variable"]))
    names = known if wanted is None else list(wanted)
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise OptionError(
            f"no effects of {', '.join(map(str, unknown)) or 'no variable'}; there are effects "
            f"of {', '.join(known)}"
        )
    return names


def _alike(frame: pd.DataFrame, by: str) -> bool:
    """Whether the effects of groups of rows differ in size by no more than a factor of ten."""
    columns = ["estimate", "conf_low", "conf_high"]
    reach = [_reach(rows[columns]) for _, rows in frame.groupby(by, sort=False)]
    return bool(max(reach) <= 10 * min(reach))


def _draw_panel(
    ax: Axes, frame: pd.DataFrame, names: list[str], points_kw: Layer, line_kw: Layer
) -> None:
    """Draw the effects of some variables at one horizon."""
    is_open = bool(np.isinf(frame[["conf_low", "conf_high"]].to_numpy(dtype=float)).any())
    ends = finite_ends(frame) if is_open else (-np.inf, np.inf)
    for place, name in enumerate(names):
        _draw_effects(ax, frame, name, place, points_kw, line_kw, ends)
    if is_open:
        ax.set_xlim(*ends)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.axvline(0, color=MUTED, lw=0.6, zorder=1)
    ax.spines["left"].set_visible(False)
    ax.margins(x=0.06)
    ax.locator_params(axis="x", nbins=6)


def _share_widths(axes: np.ndarray) -> None:
    """Give panels side by side one horizontal axis."""
    limits = np.array([ax.get_xlim() for ax in axes])
    for ax in axes:
        ax.set_xlim(limits[:, 0].min(), limits[:, 1].max())


def at_one_horizon(result: EffectsResult) -> pd.DataFrame:
    """Return the frame of effects, which must be at one horizon."""
    horizons = list(dict.fromkeys(result.frame["horizon"]))
    if len(horizons) > 1:
        raise OptionError(
            f"the effects are at {len(horizons)} horizons ({', '.join(map(str, horizons[:4]))}): "
            f"draw one, as in result.at({horizons[0]!r})"
        )
    return result.frame


def _reach(numbers: pd.DataFrame) -> float:
    """Return the largest finite size."""
    sizes = numbers.abs().to_numpy(dtype=float)
    return float(sizes[np.isfinite(sizes)].max(initial=0.0))


def _draw_effects(
    ax: Axes,
    frame: pd.DataFrame,
    variable: str,
    place: int,
    points_kw: Layer,
    line_kw: Layer,
    ends: tuple[float, float],
) -> None:
    """Draw the three effects of one variable; unbounded intervals end in arrows."""
    rows = frame[frame["variable"] == variable].set_index("effect")
    for step, (effect, (colour, marker)) in enumerate(_STYLES.items()):
        row = rows.loc[effect]
        y = place + 0.24 * (step - 1)
        low, high = max(float(row["conf_low"]), ends[0]), min(float(row["conf_high"]), ends[1])
        style = layer(line_kw, color=colour, lw=1.2, solid_capstyle="butt", zorder=2)
        ax.plot([low, high], [y, y], **style)
        for bound, end, arrow in ((row["conf_low"], low, "<"), (row["conf_high"], high, ">")):
            if np.isinf(bound):
                ax.plot(end, y, arrow, color=colour, ms=4)
        style = layer(
            points_kw, marker=marker, color=colour, ms=4, mec="white", mew=0.4, zorder=3, ls="",
            label=capital(translate(label("effect", effect))),
        )  # fmt: skip
        ax.plot(row["estimate"], y, **style)
