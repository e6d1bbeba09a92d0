"""`border_exposure`: the share of a unit's links, or of the effects on it, that cross a border."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.core.groups import Groups
from nqp_spatial.core.options import checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.errors import BoundaryError
from nqp_spatial.weights._spectrum import spectral_radius
from nqp_spatial.weights.spatial_weights import WeightsLike, as_weights

__all__ = ["border_exposure"]


@checked
def border_exposure(
    panel: SpatialPanel,
    weights: WeightsLike,
    *,
    group: str | pd.Series,
    rho: float = 0.0,
    beta: float = 0.0,
    theta: float = 1.0,
) -> pd.Series:
    """Return the share of each unit's links, or of the effects on it, that cross a border.

    Of links: ``sum_j w_ij [g_i != g_j] / sum_j w_ij``, g the groups that borders separate. Of
    effects, with the coefficients of a Durbin model, the same with
    ``S = (I - rho W)^-1 (beta I + theta W)`` in place of W.

    Parameters
    ----------
    panel : SpatialPanel
    weights : SpatialWeights, Graph or W
    group : str or Series
        A column that does not change over periods, or groups by unit.
    rho, beta, theta : float
        By default W itself.

    Returns
    -------
    Series
        By (unit, period), the same in all periods; missing where a unit has no links. Shares of
        effects lie outside [0, 1] where effects have different signs.

    Raises
    ------
    PanelError, UnmatchedIdsError
        If a unit has no group, or units differ.
    BoundaryError
        If no model with this rho is stable.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> w = nq.weights.knn(cities, k=8)
    >>> links = nq.structure.border_exposure(cities, w, group="province")
    >>> effects = nq.structure.border_exposure(
    ...     cities, w, group="province", rho=0.5, beta=1, theta=0.3)
    >>> bool(effects.mean() < links.mean())  # a unit's effect on itself crosses no border
    True
    """
    matrix = as_weights(weights).reordered(panel.units).sparse
    groups = Groups.by_unit(panel, group)
    member = groups.indicators()
    n = panel.n_units
    # One column per group instead of one per unit: what each unit receives from each group.
    received = beta * member + theta * (matrix @ member)
    if rho:
        largest = spectral_radius(matrix)
        if abs(rho) * largest >= 1:
            raise BoundaryError(
                f"rho={rho:g} times the largest eigenvalue of the weights, {largest:g}, must be "
                "below 1: no model with it is stable"
            )
        system = sparse.csc_array(sparse.eye_array(n) - rho * matrix)
        received = sparse.linalg.splu(system).solve(received)
    total = received.sum(axis=1)
    across = total - received[np.arange(n), groups.codes]
    share = np.divide(across, total, out=np.full(n, np.nan), where=total != 0)
    return pd.Series(np.repeat(share, panel.n_periods), panel.frame.index, name="border_exposure")
