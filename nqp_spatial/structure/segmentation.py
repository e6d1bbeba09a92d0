"""`segmentation`: how far prices of several goods differ between neighbouring markets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from nqp_spatial.core.options import checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.periods import require_even_steps
from nqp_spatial.errors import DomainError, IslandError, OptionError, sample
from nqp_spatial.weights.spatial_weights import WeightsLike, as_weights

__all__ = ["segmentation"]


@checked
def segmentation(
    panel: SpatialPanel,
    goods: Sequence[str],
    weights: WeightsLike,
    *,
    prices: Literal["chain", "level"] = "chain",
) -> pd.Series:
    """Measure the segmentation of markets from relative prices of several goods.

    For a pair of neighbours i, j and good k, ``d_ijk = |change of ln(P_ik / P_jk)|``; less its mean
    over all pairs (specific to the good, not to the markets), its variance over goods is the
    segmentation of the pair, and a unit's is the mean over its neighbours.

    Parameters
    ----------
    panel : SpatialPanel
    goods : list of str
        Columns of price indices, positive; three or more.
    weights : SpatialWeights, Graph or W
        The pairs; whether there is a link counts, not its weight.
    prices : {"chain", "level"}
        ``chain``: the period before is 100, so that ln(P_i / P_j) is the change itself; ``level``:
        levels or indices with a fixed base, for which the first period is lost.

    Returns
    -------
    Series
        By (unit, period); missing in the first period of levels.

    Raises
    ------
    OptionError
        If there are fewer than three goods or an option is unknown.
    DomainError
        If a price is not positive.
    IslandError
        If a unit has no neighbours.

    Notes
    -----
    Source: Parsley, D. and Wei, S.-J. (2001), Explaining the border effect, Journal of
    International Economics 55, 87-105, in the form used for Chinese provinces since Gui et al.
    (2006).

    Examples
    --------
    >>> import numpy as np
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> rng = np.random.default_rng(0)
    >>> panel = panel.assign(**{g: np.exp(rng.normal(size=48 * 81) / 20) for g in "abcd"})
    >>> nq.structure.segmentation(panel, list("abcd"), nq.weights.contiguity(panel)).shape
    (3888,)
    """
    names = list(goods)
    if len(names) < 3:
        raise OptionError(f"a variance over goods needs three or more, got {names}")
    price = np.stack([panel.values(name) for name in names], axis=2)
    if wrong := [name for k, name in enumerate(names) if (price[:, :, k] <= 0).any()]:
        raise DomainError(f"prices must be positive; not so: {sample(wrong)}")
    rows, columns = as_weights(weights).reordered(panel.units).sparse.tocoo().coords
    count = np.bincount(rows, minlength=panel.n_units)
    if (count == 0).any():
        raise IslandError(
            f"units without neighbours have no pairs: {sample(panel.units[count == 0])}"
        )
    change = np.log(price)
    if prices == "level":
        require_even_steps(panel.periods, "the change of prices")
        change = np.diff(change, axis=1)
    result = np.full((panel.n_units, panel.n_periods), np.nan)
    # A pair has the same number in both directions: each enters the mean over pairs once.
    pairs = np.unique(np.sort(np.column_stack([rows, columns]), axis=1), axis=0)
    first = panel.n_periods - change.shape[1]
    for t in range(change.shape[1]):
        x = change[:, t]
        mean = np.abs(x[pairs[:, 0]] - x[pairs[:, 1]]).mean(axis=0)
        variance = (np.abs(x[rows] - x[columns]) - mean).var(axis=1)
        result[:, first + t] = np.bincount(rows, variance, minlength=panel.n_units) / count
    return pd.Series(result.ravel(), panel.frame.index, name="segmentation")
