"""`spatial_gini`: how much of inequality is between neighbours, and how much between others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nqp_spatial.core.options import Permutations, Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.weighted_sample import measured
from nqp_spatial.inequality.indices import gini_of
from nqp_spatial.weights.spatial_weights import WeightsLike, as_weights

if TYPE_CHECKING:
    pass

__all__ = ["spatial_gini"]


@checked
def spatial_gini(
    panel: SpatialPanel,
    variable: str,
    weights: WeightsLike,
    *,
    permutations: Permutations = 999,
    seed: Seed = 0,
) -> pd.DataFrame:
    """Split the Gini coefficient of each period into pairs of neighbours and all other pairs.

    ``G = sum_ij b_ij |y_i - y_j| / (2 n^2 m) + sum_ij (1 - b_ij) |y_i - y_j| / (2 n^2 m)``,
    b_ij = 1 where j is a neighbour of i.

    Parameters
    ----------
    panel : SpatialPanel
    variable : str
        Non-negative.
    weights : SpatialWeights, Graph or W
        Whether there is a link counts, not its weight.
    permutations : int
        Relocations of the values for the p-value; 0 for none.
    seed : int, optional

    Returns
    -------
    DataFrame
        By period: ``gini, neighbours, others, others_share``; ``expected_others`` (the mean of
        others over the relocations) and ``p_value``: how often values at random places have a share
        of others at least as large. A small one says that neighbours are more alike than chance.

    Raises
    ------
    OptionError
        If permutations are negative.
    DomainError, UnmatchedIdsError
        If values are negative, or the units differ.

    Notes
    -----
    Source: Rey, S. and Smith, R. (2013), A spatial decomposition of the Gini coefficient, Letters
    in Spatial and Resource Sciences 6, 55-70. Only differences of linked pairs are formed: cost and
    memory go with the links, not with all pairs.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> w = nq.weights.contiguity(panel)
    >>> found = nq.inequality.spatial_gini(panel, "income", w, permutations=99)
    >>> found.loc[1929].round(4).tolist()
    [0.201, 0.0115, 0.1895, 0.9427, 0.1821, 0.01]
    """
    data = measured(panel, variable, None, "non-negative", "the Gini coefficient")
    links = as_weights(weights).reordered(panel.units).sparse.tocoo()
    rows, columns = links.coords
    n = panel.n_units
    scale = 2 * n**2 * data.values.mean(axis=1)
    gini = gini_of(data.values, data.weights)
    near = np.abs(data.values[:, rows] - data.values[:, columns]).sum(axis=1) / scale
    table = pd.DataFrame(
        {
            "gini": gini,
            "neighbours": near,
            "others": gini - near,
            "others_share": np.divide(gini - near, gini, out=np.zeros_like(gini), where=gini > 0),
        },
        index=data.periods,
    )
    if permutations == 0:
        return table
    rng, above, total = np.random.default_rng(seed), np.zeros(len(table)), np.zeros(len(table))
    # As many relocations at once as a few million differences hold.
    step = max(1, 4_000_000 // max(data.values.shape[0] * len(rows), 1))
    for start in range(0, permutations, step):
        size = min(step, permutations - start)
        # One relocation of the units for all periods, as their values hang together.
        at = rng.permuted(np.tile(np.arange(n), (size, 1)), axis=1)
        apart = np.abs(data.values[:, at[:, rows]] - data.values[:, at[:, columns]])
        drawn = apart.sum(axis=2) / scale[:, None]
        above += (drawn <= near[:, None] * (1 + 1e-12)).sum(axis=1)
        total += (gini[:, None] - drawn).sum(axis=1)
    table["expected_others"] = total / permutations
    table["p_value"] = (1 + above) / (1 + permutations)
    return table
