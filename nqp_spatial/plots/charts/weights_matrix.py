"""Heat maps of small weights matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nqp_spatial.core.ids import check_same_ids
from nqp_spatial.core.options import Digits, Width, checked
from nqp_spatial.errors import OptionError
from nqp_spatial.plots._theme import (
    COLUMN,
    INK,
    SEQUENTIAL,
    ColourMap,
    Layer,
    check_fonts,
    layer,
    new_figure,
    themed,
    wrapped,
)
from nqp_spatial.plots.said import said
from nqp_spatial.plots.words import Lang
from nqp_spatial.weights.spatial_weights import WeightsLike, as_weights

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["weights_matrix"]

_MOST = 60


@checked
def weights_matrix(
    w: WeightsLike,
    *,
    groups: pd.Series | None = None,
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
    w : SpatialWeights, Graph or W
        At most 60 units; rows receive, columns send.
    groups : Series, optional
        Group of each unit: units are ordered by group, and lines part the groups.
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
        If groups are of other units.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> plans = nq.datasets.industry_plans()
    >>> w = nq.weights.similarity(plans.T, measure="jaccard", standardize="none")
    >>> ax = nq.plots.weights_matrix(w, label="Jaccard similarity")
    >>> len(ax.texts)
    110
    """
    weights = as_weights(w)
    n = weights.n_units
    if n > _MOST:
        raise OptionError(
            f"a heat map of {n} units cannot be read: {_MOST} at most; see weights_map"
        )
    parts: list[int] = []
    if groups is not None:
        check_same_ids(
            groups.index,
            weights.units,
            our_name="groups",
            their_name="weights",
            advice="give one group for each unit",
        )
        # Groups in the order in which they first come.
        codes = pd.Series(pd.factorize(groups)[0], index=groups.index)[weights.units]
        order = np.argsort(codes.to_numpy(), kind="stable")
        weights = weights.reordered(weights.units[order])
        parts = (np.flatnonzero(np.diff(codes.to_numpy()[order])) + 1).tolist()
    values = weights.sparse.toarray()
    np.fill_diagonal(values, np.nan)
    with themed(lang):
        if ax is None:
            ax = new_figure(width, 0.95 * width)[1][0, 0]
        image = ax.imshow(values, **layer(cells_kw, cmap=cmap, vmin=min(0.0, np.nanmin(values))))
        names = [str(unit) for unit in weights.units]
        ax.set_xticks(range(n), names, rotation=90)
        ax.set_yticks(range(n), names)
        if n > 30:
            ax.tick_params(labelsize=5)
        ax.tick_params(length=0)
        for spine in ax.spines.values():
            spine.set_visible(False)
        for part in parts:
            ax.axhline(part - 0.5, color=INK, lw=0.9)
            ax.axvline(part - 0.5, color=INK, lw=0.9)
        if n <= 16:
            middle = (image.norm.vmin or 0.0) + 0.62 * np.ptp([image.norm.vmin, image.norm.vmax])
            for i, j in zip(*np.nonzero(~np.isnan(values)), strict=True):
                look = layer(
                    text_kw, ha="center", va="center",
                    fontsize=float(np.clip(62 * width / COLUMN / n, 4, 7)),
                    color="white" if values[i, j] > middle else INK,
                )  # fmt: skip
                ax.text(j, i, f"{values[i, j]:.{digits}f}", **look)
        bar = ax.figure.colorbar(image, ax=ax, shrink=0.72, pad=0.02)
        bar.outline.set_visible(False)
        bar.set_label(wrapped(label if label is not None else said(weights.spec.describe()), width))
        if title:
            ax.set_title(wrapped(title, width))
    check_fonts(ax)
    return ax
