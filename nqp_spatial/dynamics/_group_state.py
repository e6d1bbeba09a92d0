"""The level of a named group, such as the centre, from the viewpoint of each unit."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.core.groups import Groups
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.errors import IslandError, OptionError, sample
from nqp_spatial.weights.spatial_weights import WeightsLike, as_weights

__all__ = ["mean_of_members"]


def mean_of_members(
    panel: SpatialPanel,
    values: np.ndarray,
    group: str | pd.Series,
    member: Hashable,
    weights: WeightsLike | None,
) -> np.ndarray:
    """Return the mean of a group's members for each unit and period, excluding the unit itself.

    Parameters
    ----------
    panel : SpatialPanel
    values : ndarray
        Shape (units, periods).
    group : str or Series
        A column or a Series by unit that identifies the members.
    member : hashable
        The value that marks members.
    weights : SpatialWeights, Graph or W, optional
        Rows, restricted to members, are standardised to add to one; without weights, all members
        have equal weight.

    Returns
    -------
    ndarray
        Shape (units, periods).

    Raises
    ------
    OptionError
        If there are fewer than two members.
    IslandError
        If units have no link to a member.
    """
    groups = Groups.by_unit(panel, group)
    is_member = groups.codes == groups.code_of(member)
    if is_member.sum() < 2:
        raise OptionError(
            f"the group has {is_member.sum()} member(s); it needs two, because a unit is not its "
            "own centre"
        )
    if weights is None:
        total = values[is_member].sum(axis=0) - np.where(is_member[:, None], values, 0.0)
        return np.asarray(total / (is_member.sum() - is_member)[:, None])
    matrix = as_weights(weights).aligned(panel.units) @ sparse.diags_array(is_member.astype(float))
    sums = np.asarray(matrix.sum(axis=1)).ravel()
    unlinked = panel.units[sums == 0]
    if len(unlinked):
        raise IslandError(
            f"{len(unlinked)} units have no link to a member of the group: {sample(unlinked)}; "
            "pass group_weights that reach one, such as inverse distances, or none for the mean "
            "of all"
        )
    return np.asarray(matrix @ values / sums[:, None])
