"""Figures of networks: degrees, blocks, and tests by quadratic assignment."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nqp_spatial.core.options import Size, Width, checked
from nqp_spatial.core.periods import period_like
from nqp_spatial.core.text import Lang, label, language, t, translate
from nqp_spatial.errors import OptionError, sample
from nqp_spatial.plots._canvas import drawing
from nqp_spatial.plots._cells import room, room_rows
from nqp_spatial.plots._legends import legend_below
from nqp_spatial.plots._theme import BLUE, COLUMN, INK, LIGHT, MUTED, RED, Layer, layer
from nqp_spatial.plots._words import height_of_rows, horizontal_label, row_axis
from nqp_spatial.structure import MrqapResult, NetworkResult, QapCorrelationResult, QapResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["block_densities", "network_degrees", "qap"]


@checked
def network_degrees(
    result: NetworkResult,
    *,
    period: Hashable | None = None,
    largest: Size = 15,
    title: str | None = None,
    bars_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw the links that units send and receive as bars to both sides.

    Parameters
    ----------
    result : NetworkResult
        From `nqp_spatial.structure.network`.
    period : hashable, optional
        Which of several periods; by default the last.
    largest : int
        How many units, those with most links.
    title : str, optional
    bars_kw : mapping, optional
        Keyword arguments of matplotlib for the bars.
    lang : {"en", "zh"}
        Language of the words that are not yours.
    width : float
        Inches.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes

    Raises
    ------
    OptionError
        If the result has no such period.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> result = nq.structure.network(nq.datasets.us_income(), "income", period=2009)
    >>> len(nq.plots.network_degrees(result, largest=10).patches)
    20
    """
    nodes = result.nodes.xs(_period(result, period), level="period")
    order = (nodes["in_degree"] + nodes["out_degree"]).sort_values(ascending=False, kind="stable")
    rows = nodes.loc[order.index[:largest]]
    places = np.arange(len(rows))
    names = [str(name) for name in rows.index]
    height = height_of_rows(names, 0.4 * width, 0.2) + 1.0
    width = room(ax, width)
    with drawing(ax, (width, height), lang=lang, title=title) as axes:
        style = layer(bars_kw, height=0.68)
        sides = ((-1, "in_degree", RED, t("Received")), (1, "out_degree", BLUE, t("Sent")))
        for sign, column, colour, words in sides:
            axes.barh(
                places, sign * rows[column],
                **{"color": colour, "label": translate(words), **style},
            )  # fmt: skip
        row_axis(axes, places, names, 0.4 * width, room_rows(ax, height - 1.0))
        axes.set_ylim(len(rows) - 0.5, -0.5)
        reach = 1.05 * float(rows[["in_degree", "out_degree"]].to_numpy().max())
        axes.set_xlim(-max(reach, 1), max(reach, 1))
        axes.xaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
        axes.axvline(0, color=INK, lw=0.8)
        axes.tick_params(axis="y", length=0)
        axes.grid(False, axis="y")
        words = t("Links ({count} of {units} units)", count=len(rows), units=len(nodes))
        horizontal_label(axes, translate(words), width)
        legend_below(axes, None, width, columns=2)
    return axes


@checked
def block_densities(
    result: NetworkResult,
    *,
    period: Hashable | None = None,
    title: str | None = None,
    cells_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw the density of links from block to block; frames are the image matrix.

    Parameters
    ----------
    result : NetworkResult
        From `nqp_spatial.structure.network`, with blocks.
    period, title, lang, width, ax
        As in `network_degrees`.
    cells_kw : mapping, optional
        Keyword arguments of matplotlib for the cells (`imshow`).

    Returns
    -------
    Axes
        Rows send, columns receive. A framed cell is denser than the network.

    Raises
    ------
    OptionError
        If the result has no such period, or no blocks.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> result = nq.structure.network(nq.datasets.us_income(), "income", period=2009)
    >>> nq.plots.block_densities(result).get_ylabel()
    'Sender'
    """
    from matplotlib.patches import Rectangle

    chosen = _period(result, period)
    if chosen not in result.blocks.index.get_level_values("period"):
        raise OptionError("the result has no blocks; ask for splits=, 1 or more")
    blocks = result.blocks.xs(chosen, level="period")
    cells = result.block_links.xs(chosen, level="period")
    density = cells["density"].unstack("receiver").to_numpy(dtype=float)
    image = cells["image"].unstack("receiver").to_numpy(dtype=bool)
    count = len(blocks)
    width = room(ax, width)
    height = min(0.42 * count + 1.15, width)
    overall = float(result.frame.loc[chosen, "density"])
    frame: dict[str, Any] = {"fill": False, "edgecolor": INK, "linewidth": 1.2}
    with drawing(ax, (width, height), lang=lang, title=title) as axes:
        axes.imshow(density, **layer(cells_kw, cmap="YlGnBu", vmin=0, vmax=1, aspect="auto"))
        for row, column in np.ndindex(density.shape):
            value = density[row, column]
            text = "–" if np.isnan(value) else f"{value:.2f}"
            axes.text(
                column, row, text, ha="center", va="center", fontsize=7,
                color="white" if value > 0.6 else INK,
            )  # fmt: skip
            if image[row, column]:
                axes.add_patch(Rectangle((column - 0.46, row - 0.46), 0.92, 0.92, **frame))
        names = [
            translate(
                t("{block}: {role} ({count})", block=number, role=label("role", row["role"]),
                  count=int(row["units"]))
            )
            for number, row in blocks.iterrows()
        ]  # fmt: skip
        axes.set_xticks(range(count), [str(number) for number in blocks.index])
        row_axis(axes, range(count), names, 0.42 * width, room_rows(ax, 0.42 * count))
        axes.set_ylabel(translate(t("Sender")))
        words = t("Receiver (framed: density above {density:.3f})", density=overall)
        horizontal_label(axes, translate(words), width)
        axes.tick_params(length=0)
        axes.grid(False)
        axes.spines[:].set_visible(False)
    return axes


@checked
def qap(
    result: MrqapResult | QapCorrelationResult | QapResult,
    *,
    title: str | None = None,
    points_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw statistics of networks beside what permutations of units give.

    Parameters
    ----------
    result : MrqapResult, QapCorrelationResult or QapResult
        With permutations. Of a correlation r is drawn, of a regression t.
    title, lang, width, ax
        As in `network_degrees`.
    points_kw : mapping, optional
        Keyword arguments of matplotlib for the points.

    Returns
    -------
    Axes
        Bars hold 95 % of the permuted statistics; points are the observed ones, filled where the
        two-sided p-value is below 0.05.

    Raises
    ------
    OptionError
        If there were no permutations.

    Examples
    --------
    >>> import numpy as np
    >>> import nqp_spatial as nq
    >>> a, b = np.random.default_rng(0).normal(size=(2, 10, 10))
    >>> ax = nq.plots.qap(nq.structure.mrqap("b ~ a", {"a": a, "b": b}, permutations=99))
    >>> [text.get_text() for text in ax.get_yticklabels()]
    ['a']
    """
    if not result.spec.permutations:
        raise OptionError("there is nothing to compare with: ask for permutations")
    with language(lang):
        names, values, words = _statistics(result)
    places = np.arange(len(values))
    height = height_of_rows(names, 0.4 * width, 0.28) + 1.0
    width = room(ax, width)
    with drawing(ax, (width, height), lang=lang, title=title) as axes:
        bars = axes.barh(
            places, values["null_high"] - values["null_low"], left=values["null_low"],
            height=0.5, color=LIGHT, edgecolor=MUTED, lw=0.5,
            label=translate(t("95% of permutations")),
        )  # fmt: skip
        axes.axvline(0, color=MUTED, lw=0.6, zorder=1)
        style = layer(points_kw, marker="o", ls="", ms=4.8, mec=BLUE, mew=1.0)
        for is_filled, entry in ((True, t("p < 0.05")), (False, t("p ≥ 0.05"))):
            chosen = (values["p_value"] < 0.05).to_numpy() == is_filled
            if chosen.any():
                face = {"mfc": BLUE if is_filled else "white", "label": translate(entry)}
                axes.plot(values["statistic"][chosen], places[chosen], **{**face, **style})
        row_axis(axes, places, names, 0.4 * width, room_rows(ax, height - 1.0))
        axes.set_ylim(len(values) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.grid(False, axis="y")
        horizontal_label(axes, translate(words), width)
        handles, labels = axes.get_legend_handles_labels()
        order = sorted(range(len(labels)), key=lambda k: labels[k] == bars.get_label())
        ordered = [handles[k] for k in order], [labels[k] for k in order]
        legend_below(axes, None, width, *ordered)
    return axes


def _statistics(
    result: MrqapResult | QapCorrelationResult | QapResult,
) -> tuple[list[str], pd.DataFrame, str]:
    """Return names of the rows, their statistics, and what they are."""
    if isinstance(result, QapCorrelationResult):
        frame = result.frame.rename(columns={"correlation": "statistic"})
        names = [
            translate(t("{first}, {second}", first=first, second=second))
            for first, second in frame.index
        ]
        return names, frame.reset_index(drop=True), t("Correlation of networks")
    model = result.regression if isinstance(result, QapResult) else result
    frame = model.frame.drop(index="Intercept")
    words = t("t statistic, explaining {outcome}", outcome=model.outcome)
    return [str(name) for name in frame.index], frame.reset_index(drop=True), words


def _period(result: NetworkResult, period: Hashable | None) -> Hashable:
    known = result.periods
    chosen: Hashable = known.tolist()[-1] if period is None else period_like(period, known)
    if known.get_indexer(pd.Index([chosen]))[0] < 0:
        raise OptionError(f"the network has no period {period!r}; it has {sample(known, 8)}")
    return chosen
