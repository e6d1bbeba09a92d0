"""Heat maps of small weights matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nqp_spatial.core.ids import check_same_ids
from nqp_spatial.core.options import Digits, Width, checked
from nqp_spatial.core.text import Lang, translate
from nqp_spatial.errors import OptionError
from nqp_spatial.plots._canvas import (
    capital,
    colour_bar,
    drawing,
    room,
    room_up,
    sized,
    wrapped,
)
from nqp_spatial.plots._theme import COLUMN, INK, SEQUENTIAL, ColourMap, Layer, layer
from nqp_spatial.weights.spatial_weights import WeightsLike, as_weights

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["weights_matrix"]

_MAX_UNITS = 60


@checked
def weights_matrix(
    weights: WeightsLike,
    *,
    group: pd.Series | None = None,
    digits: Digits = 2,
    label: str | None = None,
    title: str | None = None,
    cmap: ColourMap = SEQUENTIAL,
    cells_kw: Layer = None,
    text_kw: Layer = None,
    lang: Lang = "en",
    width: Width = COLUMN,
    ax: Axes | None = None,
) -> Axes:
    """Draw a small weights matrix, such as similarities, as a heat map.

    Parameters
    ----------
    weights : SpatialWeights, Graph or W
        At most 60 units; rows receive, columns send.
    group : Series, optional
        Group of each unit: units are ordered by group, and lines separate the groups.
    digits : int
        Decimal places of the numbers in the cells, which are written for up to 16 units.
    label : str, optional
        Of the colour bar; by default the specification of the weights.
    title : str, optional
    cmap : str
        A matplotlib colour map of one direction; the default is colour-blind safe.
    cells_kw, text_kw : mapping, optional
        Keyword arguments of matplotlib for the image and the numbers in it.
    lang : {"en", "zh"}
        Language of the words that are not yours.
    width, ax
        As in `nqp_spatial.plots.choropleth`.

    Returns
    -------
    Axes

    Raises
    ------
    OptionError
        If there are more than 60 units.
    UnmatchedIdsError
        If `group` is of other units.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> plans = nq.datasets.industry_plans()
    >>> w = nq.weights.similarity(plans.T, measure="jaccard", standardize="none")
    >>> ax = nq.plots.weights_matrix(w, label="Jaccard similarity")
    >>> len(ax.texts)
    110
    """
    matrix = as_weights(weights)
    n = matrix.n_units
    if n > _MAX_UNITS:
        raise OptionError(
            f"a heat map of {n} units cannot be read: {_MAX_UNITS} at most; see weights_map"
        )
    borders: list[int] = []
    if group is not None:
        check_same_ids(
            group.index,
            matrix.units,
            our_name="group",
            their_name="weights",
            advice="give one group for each unit",
        )
        # Groups in the order in which they first come.
        codes = pd.Series(pd.factorize(group)[0], index=group.index)[matrix.units].to_numpy()
        order = np.argsort(codes, kind="stable")
        matrix = matrix.reordered(matrix.units[order])
        borders = (np.flatnonzero(np.diff(codes[order])) + 1).tolist()
    values = matrix.sparse.toarray()
    width = room(ax, width)
    np.fill_diagonal(values, np.nan)
    with drawing(ax, (width, 0.95 * width), lang=lang, title=title) as axes:
        image = axes.imshow(values, **layer(cells_kw, cmap=cmap, vmin=min(0.0, np.nanmin(values))))
        names = [str(unit) for unit in matrix.units]
        is_short = n <= 16 and max(map(len, names)) <= 3
        axes.set_xticks(range(n), names, rotation=0 if is_short else 90)
        axes.set_yticks(range(n), names)
        if n > 30:
            axes.tick_params(labelsize=sized(5))
        axes.tick_params(length=0)
        axes.grid(False)
        for spine in axes.spines.values():
            spine.set_visible(False)
        for border in borders:
            axes.axhline(border - 0.5, color=INK, lw=0.9)
            axes.axvline(border - 0.5, color=INK, lw=0.9)
        if n <= 16:
            middle = (image.norm.vmin or 0.0) + 0.62 * np.ptp([image.norm.vmin, image.norm.vmax])
            for i, j in zip(*np.nonzero(~np.isnan(values)), strict=True):
                style = layer(
                    text_kw, ha="center", va="center",
                    fontsize=sized(float(np.clip(62 * width / COLUMN / n, 4, 7))),
                    color="white" if values[i, j] > middle else INK,
                )  # fmt: skip
                axes.text(j, i, f"{values[i, j]:.{digits}f}", **style)
        words = label if label is not None else capital(translate(matrix.spec.describe()))
        colour_bar(image, axes, wrapped(words, room_up(ax, width)), shrink=0.72, pad=0.02)
    return axes
