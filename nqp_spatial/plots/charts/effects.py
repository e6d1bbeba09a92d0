"""Direct, indirect and total effects with their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nqp_spatial.core.options import Width, checked
from nqp_spatial.core.text import Lang, label, t, translate
from nqp_spatial.errors import OptionError
from nqp_spatial.plots._canvas import capital, figure_of, panels, percent, wrapped
from nqp_spatial.plots._theme import COLUMN, MUTED, PALETTE, Layer, layer
from nqp_spatial.plots.charts.estimates import finite_ends
from nqp_spatial.regression import EffectsResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["at_one_horizon", "effects"]

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
    share_scale: bool | None = None,
    title: str | None = None,
    points_kw: Layer = None,
    line_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    fig: Figure | SubFigure | None = None,
) -> Figure:
    """Draw direct, indirect and total effects with confidence intervals.

    Parameters
    ----------
    result : EffectsResult
        From ``fit(...).effects(...)``.
    variables : list of str, optional
        Which, and in which order; all if not given.
    share_scale : bool, optional
        Whether variables share one axis. By default they do unless their sizes differ by more than
        a factor of ten; then each has its own axis.
    title : str, optional
    points_kw, line_kw : mapping, optional
        Keyword arguments of matplotlib for the estimates and their intervals.
    lang : {"en", "zh"}
        Language of the words that are not yours.
    width : float
        Inches.
    fig : Figure or SubFigure, optional
        Where to draw; a new figure if not given. `estimates` draws effects into axes.

    Returns
    -------
    Figure
        That of `fig` if it is given.

    Raises
    ------
    OptionError
        If a variable has no effects here, or the result has several horizons or stated values
        of moderators.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> res = nq.fit("lgsp ~ lpc + lemp", panel, nq.weights.contiguity(panel))
    >>> figure = nq.plots.effects(res.effects(seed=0))
    """
    frame = at_one_horizon(result)
    if result.moderators:
        raise OptionError(
            f"the effects are at stated values of {', '.join(result.moderators)}: draw them with "
            "plots.effects_at"
        )
    if frame.empty:
        raise OptionError("there are no effects to draw: the model has no regressors")
    names = list(dict.fromkeys(frame["variable"])) if variables is None else list(variables)
    unknown = [name for name in names if name not in set(frame["variable"])]
    if unknown or not names:
        raise OptionError(
            f"no effects of {', '.join(map(str, unknown)) or 'no variable'}; there are effects "
            f"of {', '.join(dict.fromkeys(frame['variable']))}"
        )
    if share_scale is None:
        reach = [
            _reach(frame.loc[frame["variable"] == name, ["estimate", "conf_low", "conf_high"]])
            for name in names
        ]
        share_scale = bool(max(reach) <= 10 * min(reach))
    rows = [names] if share_scale else [[name] for name in names]
    height = 0.42 * len(names) + 0.85 if share_scale else 0.72 * len(names) + 0.75
    with panels(fig, (width, height), (len(rows), 1), lang=lang) as (figure, axes):
        for ax, row in zip(axes[:, 0], rows, strict=True):
            members = frame[frame["variable"].isin(row)]
            is_open = bool(np.isinf(members[["conf_low", "conf_high"]].to_numpy(dtype=float)).any())
            ends = finite_ends(members) if is_open else (-np.inf, np.inf)
            for place, name in enumerate(row):
                _draw_effects(ax, result, name, place, points_kw, line_kw, ends)
            if is_open:
                ax.set_xlim(*ends)
            ax.set_yticks(range(len(row)), [result.labels.get(name, name) for name in row])
            ax.set_ylim(len(row) - 0.5, -0.5)
            ax.axvline(0, color=MUTED, lw=0.6, zorder=1)
            ax.tick_params(axis="y", length=0)
            ax.spines["left"].set_visible(False)
            ax.margins(x=0.06)
            ax.locator_params(axis="x", nbins=6)
        words = t("Effect, with {level} confidence interval", level=percent(result.level))
        axes[-1, 0].set_xlabel(translate(words))
        handles, entries = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles[:3], entries[:3], loc="outside upper right", ncols=3, handlelength=1)
        if title:
            axes[0, 0].set_title(wrapped(title, 0.9 * width))
    return figure_of(figure)


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
    result: EffectsResult,
    variable: str,
    place: int,
    points_kw: Layer,
    line_kw: Layer,
    ends: tuple[float, float],
) -> None:
    """Draw the three effects of one variable; unbounded intervals end in arrows."""
    rows = result.frame[result.frame["variable"] == variable].set_index("effect")
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
