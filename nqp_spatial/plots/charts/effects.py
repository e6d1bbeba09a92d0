"""Direct, indirect and total effects with their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nqp_spatial.core.options import Width, checked
from nqp_spatial.errors import OptionError
from nqp_spatial.plots._theme import (
    COLUMN,
    MUTED,
    PALETTE,
    Layer,
    check_fonts,
    figure_of,
    layer,
    new_figure,
    themed,
)
from nqp_spatial.plots.words import Lang, say
from nqp_spatial.regression import EffectsResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["effects"]

_LOOKS = {
    "direct": (PALETTE[0], "o", "Direct"),
    "indirect": (PALETTE[1], "s", "Indirect"),
    "total": (PALETTE[7], "D", "Total"),
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
    ax: Axes | None = None,
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
        a factor of ten; then each has an axis of its own.
    title : str, optional
    points_kw, line_kw : mapping, optional
        Keyword arguments of matplotlib for the estimates and their intervals.
    lang : {"en", "zh"}
        Language of the words that are not yours.
    width : float
        Inches.
    ax : Axes, optional
        Where to draw, all variables on one axis; a new figure if not given.

    Returns
    -------
    Figure
        That of `ax` if it is given.

    Raises
    ------
    OptionError
        If a variable has no effects here, the result has several horizons, or variables shall not
        share the axis that is given.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> res = nq.fit("lgsp ~ lpc + lemp", panel, nq.weights.contiguity(panel))
    >>> figure = nq.plots.effects(res.effects(seed=0))
    """
    frame = result.frame
    horizons = list(dict.fromkeys(frame["horizon"]))
    if len(horizons) > 1:
        raise OptionError(
            f"the effects are at {len(horizons)} horizons ({', '.join(map(str, horizons[:4]))}): "
            f"draw one, as in result.at({horizons[0]!r})"
        )
    names = list(dict.fromkeys(frame["variable"])) if variables is None else list(variables)
    unknown = [name for name in names if name not in set(frame["variable"])]
    if unknown or not names:
        raise OptionError(
            f"no effects of {', '.join(map(str, unknown)) or 'no variable'}; there are effects "
            f"of {', '.join(dict.fromkeys(frame['variable']))}"
        )
    if ax is not None and share_scale is False:
        raise OptionError("axes of their own need a figure of their own: leave out ax")
    if ax is not None:
        share_scale = True
    if share_scale is None:
        reach = [
            frame.loc[frame["variable"] == name, ["conf_low", "conf_high"]].abs().to_numpy().max()
            for name in names
        ]
        share_scale = bool(max(reach) <= 10 * min(reach))
    with themed(lang):
        count = len(names)
        if ax is None:
            figure, axes = new_figure(
                width,
                0.42 * count + 0.85 if share_scale else 0.72 * count + 0.75,
                1 if share_scale else count,
            )
        else:
            figure, axes = figure_of(ax), np.array([[ax]])
        for place, name in enumerate(names):
            one = axes[0 if share_scale else place, 0]
            at = place if share_scale else 0
            _intervals(one, result, name, at, points_kw, line_kw)
        for row, one in enumerate(axes[:, 0]):
            shown = names if share_scale else [names[row]]
            one.set_yticks(range(len(shown)), [result.labels.get(name, name) for name in shown])
            one.set_ylim(len(shown) - 0.5, -0.5)
            one.axvline(0, color=MUTED, lw=0.6, zorder=1)
            one.tick_params(axis="y", length=0)
            one.spines["left"].set_visible(False)
            one.margins(x=0.06)
            one.locator_params(axis="x", nbins=6)
        level = f"{100 * result.level:g} %"
        axes[-1, 0].set_xlabel(say("Effect, with {level} interval", level=level))
        handles, texts = axes[0, 0].get_legend_handles_labels()
        look: dict[str, Any] = {"ncols": 3, "handlelength": 1}
        if ax is None:
            figure.legend(handles[:3], texts[:3], loc="outside upper right", **look)
        else:
            above: dict[str, Any] = {
                "loc": "lower right",
                "bbox_to_anchor": (1, 1),
                "borderaxespad": 0.2,
            }
            ax.legend(handles[:3], texts[:3], **above, **look)
        if title:
            axes[0, 0].set_title(title)
    check_fonts(figure)
    return figure


def _intervals(
    ax: Axes, result: EffectsResult, name: str, at: int, points_kw: Layer, line_kw: Layer
) -> None:
    """Draw the three effects of one variable, one above the other."""
    rows = result.frame[result.frame["variable"] == name].set_index("effect")
    for step, (kind, (colour, marker, text)) in enumerate(_LOOKS.items()):
        row = rows.loc[kind]
        ends = np.array([row["conf_low"], row["conf_high"]], dtype=float)
        y = at + 0.24 * (step - 1)
        look = layer(line_kw, color=colour, lw=1.2, solid_capstyle="butt", zorder=2)
        ax.plot(ends, [y, y], **look)
        look = layer(
            points_kw, marker=marker, color=colour, ms=4, mec="white", mew=0.4, zorder=3, ls="",
            label=say(text),
        )  # fmt: skip
        ax.plot(row["estimate"], y, **look)
