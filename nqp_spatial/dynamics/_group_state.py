"""The level of a named group, such as the centre, as each unit sees it."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.core.groups import Groups
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.errors import IslandError, OptionError, sample
from nqp_spatial.weights.spatial_weights import WeightsLike, as_weights

if TYPE_CHECKING:
    pass

__all__ = ["near_members"]


def near_members(
    panel: SpatialPanel,
    values: np.ndarray,
    group: str | pd.Series,
    member: Hashable,
    weights: WeightsLike | None,
) -> np.ndarray:
    """Return the mean of a group's members for each unit and period, the unit itself left out.

    Parameters
    ----------
    panel : SpatialPanel
    values : ndarray
        Shape (units, periods).
    group : str or Series
        What tells members.
    member : hashable
        The value that members have.
    weights : SpatialWeights, Graph or W, optional
        Rows, restricted to members, are made to add to one; without, all members count alike.

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
    codes, names = groups.codes, groups.names
    if str(member) not in names:
        raise OptionError(f"no unit has {member!r} in the group; member= is one of {names}")
    inside = codes == names.index(str(member))
    if inside.sum() < 2:
        raise OptionError(
            f"the group has {inside.sum()} member(s); it needs two, for a unit is not its own "
            "centre"
        )
    if weights is None:
        total = values[inside].sum(axis=0) - np.where(inside[:, None], values, 0.0)
        return np.asarray(total / (inside.sum() - inside)[:, None])
    matrix = as_weights(weights).aligned(panel.units) @ sparse.diags_array(inside.astype(float))
    sums = np.asarray(matrix.sum(axis=1)).ravel()
    alone = panel.units[sums == 0]
    if len(alone):
        raise IslandError(
            f"{len(alone)} units have no link to a member of the group: {sample(alone)}; pass "
            "group_weights that reach one, such as inverse distances, or none for the mean of all"
        )
    return np.asarray(matrix @ values / sums[:, None])
