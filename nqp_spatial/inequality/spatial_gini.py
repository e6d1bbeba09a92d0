"""`spatial_gini`: inequality between neighbours, and between all other pairs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from nqp_spatial.core.options import Permutations, Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.resampling import batches, permutation_p
from nqp_spatial.core.weighted_sample import weighted_sample
from nqp_spatial.inequality.indices import gini_of
from nqp_spatial.weights.spatial_weights import WeightsLike, as_weights

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
        Random relocations of the values for the p-value; 0 for none.
    seed : int, optional

    Returns
    -------
    DataFrame
        By period: ``gini, neighbours, others, others_share``; with permutations
        ``expected_others`` (the mean of others under relocation) and ``p_value``: how often
        relocated values have a share of others at least as large. A small p-value means that
        neighbours are more alike than expected under spatial randomness. A plain frame.

    Raises
    ------
    OptionError
        If an option is out of range.
    DomainError, UnmatchedIdsError
        If values are negative, or the units differ.

    Notes
    -----
    Source: Rey, S. and Smith, R. (2013), A spatial decomposition of the Gini coefficient, Letters
    in Spatial and Resource Sciences 6, 55-70. Only differences between linked pairs are
    computed: time and memory grow with the links, not with all pairs.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> w = nq.weights.contiguity(panel)
    >>> table = nq.inequality.spatial_gini(panel, "income", w, permutations=99)
    >>> table.loc[1929].round(4).tolist()
    [0.201, 0.0115, 0.1895, 0.9427, 0.1821, 0.01]
    """
    data = weighted_sample(panel, variable, None, "non-negative", "the Gini coefficient")
    rows, columns = as_weights(weights).reordered(panel.units).sparse.tocoo().coords
    n, periods = panel.n_units, len(data.periods)
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
    rng, extreme, total = np.random.default_rng(seed), np.zeros(periods), np.zeros(periods)
    # As many relocations at once as a few million differences hold.
    for batch in batches(permutations, max(1, 4_000_000 // max(periods * len(rows), 1))):
        # One relocation of the units for all periods, as their values belong together.
        order = rng.permuted(np.tile(np.arange(n), (batch.stop - batch.start, 1)), axis=1)
        differences = np.abs(data.values[:, order[:, rows]] - data.values[:, order[:, columns]])
        relocated = differences.sum(axis=2) / scale[:, None]
        extreme += (relocated <= near[:, None] * (1 + 1e-12)).sum(axis=1)
        total += (gini[:, None] - relocated).sum(axis=1)
    table["expected_others"] = total / permutations
    table["p_value"] = permutation_p(extreme, permutations)
    return table
