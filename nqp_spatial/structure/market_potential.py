"""`market_potential`: the size of the markets that a unit can reach."""

from __future__ import annotations

import numpy as np
import pandas as pd

from nqp_spatial.core.options import Positive, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.errors import DomainError, sample
from nqp_spatial.structure.areal_density import areas_km2
from nqp_spatial.weights.distance import inverse_distance

__all__ = ["market_potential"]


@checked
def market_potential(
    panel: SpatialPanel,
    variable: str,
    *,
    power: Positive = 1.0,
    cutoff_km: Positive | None = None,
    own_market: bool = True,
) -> pd.Series:
    """Return the market potential of each unit (Harris 1954).

    ``M_i = sum_{j != i} m_j d_ij^-power + m_i d_ii^-power``, with ``d_ii = (2 / 3) sqrt(area_i /
    pi)``, the mean distance from the points of a disc to its centre.

    Parameters
    ----------
    panel : SpatialPanel
        With polygons where `own_market` is true.
    variable : str
        The size of markets, non-negative.
    power : float
        Positive.
    cutoff_km : float, optional
        Markets farther away do not count.
    own_market : bool
        Whether a unit's own market counts.

    Returns
    -------
    Series
        By (unit, period), in units of the variable per km^power.

    Raises
    ------
    DomainError
        If a value is negative.
    GeometryError
        If own markets count and a unit has no area.

    Notes
    -----
    Source: Harris, C. (1954), Annals of the Association of American Geographers 44, 315-348; the
    internal distance: Head, K. and Mayer, T. (2000), Weltwirtschaftliches Archiv 136, 284-314.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> potential = nq.structure.market_potential(cities, "population", cutoff_km=1000)
    >>> bool((potential > 0).all())
    True
    """
    size = panel.values(variable)
    if (size < 0).any():
        raise DomainError(
            f"markets cannot be negative; {variable!r} is for "
            f"{sample(panel.units[(size < 0).any(axis=1)])}"
        )
    w = inverse_distance(
        panel, power=power, cutoff_km=cutoff_km, islands="keep", standardize="none"
    )
    potential = w.sparse @ size
    if own_market:
        internal = 2 / 3 * np.sqrt(areas_km2(panel) / np.pi)
        potential = potential + size * internal[:, None] ** -power
    return pd.Series(potential.ravel(), panel.frame.index, name="market_potential")
