"""Division, distance, density, diversity: four measures of a unit's place in space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.core.groups import Groups
from nqp_spatial.core.options import Positive, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.errors import BoundaryError, DomainError, GeometryError, OptionError, sample
from nqp_spatial.structure.centre_path import projection_of
from nqp_spatial.weights._spectrum import spectral_radius
from nqp_spatial.weights.distance import inverse_distance
from nqp_spatial.weights.spatial_weights import WeightsLike, as_weights

if TYPE_CHECKING:
    pass

__all__ = ["density", "diversity", "division", "market_potential"]


@checked
def division(
    panel: SpatialPanel,
    weights: WeightsLike,
    zone: str | pd.Series,
    *,
    rho: float = 0.0,
    beta: float = 0.0,
    theta: float = 1.0,
) -> pd.Series:
    """Return the share of each unit's links, or of the effects on it, that cross a border.

    Of links: ``sum_j w_ij [zone_i != zone_j] / sum_j w_ij``. Of effects, with the coefficients of a
    Durbin model, the same with ``S = (I - rho W)^-1 (beta I + theta W)`` in the place of W.

    Parameters
    ----------
    panel : SpatialPanel
    weights : SpatialWeights, Graph or W
    zone : str or Series
        A column that does not change over periods, or zones by unit.
    rho, beta, theta : float
        By default W itself.

    Returns
    -------
    Series
        By (unit, period), the same in all periods; missing where there is nothing to share. Shares
        of effects lie outside [0, 1] where effects of both signs meet.

    Raises
    ------
    PanelError, UnmatchedIdsError
        If a unit has no zone, or units differ.
    BoundaryError
        If no model with this rho is stable.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> w = nq.weights.knn(cities, k=8)
    >>> links = nq.structure.division(cities, w, "province")
    >>> effects = nq.structure.division(cities, w, "province", rho=0.5, beta=1, theta=0.3)
    >>> bool(effects.mean() < links.mean())  # one's own effect is at home
    True
    """
    w = as_weights(weights).reordered(panel.units).sparse
    groups = Groups.by_unit(panel, zone)
    codes, names = groups.codes, groups.names
    n = panel.n_units
    member = np.zeros((n, len(names)))
    member[np.arange(n), codes] = 1.0
    # One column a zone instead of one a unit: what each unit gets from each zone.
    got = beta * member + theta * (w @ member)
    if rho:
        largest = spectral_radius(w)
        if abs(rho) * largest >= 1:
            raise BoundaryError(
                f"rho={rho:g} times the largest eigenvalue of the weights, {largest:g}, must be "
                "below 1: no model with it is stable"
            )
        system = sparse.csc_array(sparse.eye_array(n) - rho * w)
        got = sparse.linalg.splu(system).solve(got)
    total = got.sum(axis=1)
    across = total - got[np.arange(n), codes]
    share = np.divide(across, total, out=np.full(n, np.nan), where=total != 0)
    return _every_period(panel, share, "division")


@checked
def market_potential(
    panel: SpatialPanel,
    variable: str,
    *,
    power: Positive = 1.0,
    cutoff_km: Positive | None = None,
    own: bool = True,
) -> pd.Series:
    """Return the market potential of each unit (Harris 1954).

    ``M_i = sum_{j != i} m_j d_ij^-power + m_i d_ii^-power``, with ``d_ii = (2 / 3) sqrt(area_i /
    pi)``, the mean distance of a disc's points to its centre.

    Parameters
    ----------
    panel : SpatialPanel
        With polygons where `own` is asked for.
    variable : str
        The size of markets, non-negative.
    power : float
        Positive.
    cutoff_km : float, optional
        Beyond it nothing counts.
    own : bool
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
        If own markets are asked for and a unit has no area.

    Notes
    -----
    Source: Harris, C. (1954), Annals of the Association of American Geographers 44, 315-348; the
    internal distance: Head, K. and Mayer, T. (2000), Weltwirtschaftliches Archiv 136, 284-314.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> found = nq.structure.market_potential(cities, "population", cutoff_km=1000)
    >>> bool((found > 0).all())
    True
    """
    m = panel.values(variable)
    if (m < 0).any():
        raise DomainError(
            f"markets cannot be negative; {variable!r} is for "
            f"{sample(panel.units[(m < 0).any(axis=1)])}"
        )
    w = inverse_distance(
        panel, power=power, cutoff_km=cutoff_km, islands="keep", standardize="none"
    )
    found = w.sparse @ m
    if own:
        internal = 2 / 3 * np.sqrt(_areas(panel) / np.pi)
        found = found + m * internal[:, None] ** -power
    return pd.Series(found.ravel(), panel.frame.index, name="market_potential")


@checked
def density(panel: SpatialPanel, variable: str) -> pd.Series:
    """Return a variable per square kilometre of the unit's polygon.

    Parameters
    ----------
    panel : SpatialPanel
        With polygons; areas are taken in an equal-area projection, or in that of the geometry.
    variable : str

    Returns
    -------
    Series
        By (unit, period).

    Raises
    ------
    GeometryError
        If there is no geometry, or a unit has no area.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> len(nq.structure.density(cities, "population"))
    3360
    """
    found = panel.values(variable) / _areas(panel)[:, None]
    return pd.Series(found.ravel(), panel.frame.index, name="density")


@checked
def diversity(panel: SpatialPanel, columns: Sequence[str]) -> pd.DataFrame:
    """Return how evenly each unit's total is spread over its parts, and how related they are.

    With shares s_k of the columns: ``shannon = -sum s ln s``, ``simpson = 1 - sum s^2``, and
    ``relatedness = sum_{k != l} s_k s_l phi_kl / (1 - sum s^2)``, phi the cosine of the columns'
    shares over units in the period: near one where a unit is in activities that go together.

    Parameters
    ----------
    panel : SpatialPanel
    columns : list of str
        Parts of one total, such as employment by industry; non-negative.

    Returns
    -------
    DataFrame
        By (unit, period); relatedness is missing where all is in one part.

    Raises
    ------
    OptionError
        If there are fewer than two columns.
    DomainError
        If a part is negative, or all of a unit are zero.

    Notes
    -----
    Sources: Shannon (1948); Simpson, E. (1949), Nature 163, 688; relatedness after Hidalgo, C. et
    al. (2007), Science 317, 482-487, with cosines for proximities.

    Examples
    --------
    >>> import pandas as pd
    >>> import nqp_spatial as nq
    >>> frame = pd.DataFrame({"id": [1, 2], "a": [1, 4], "b": [1, 0]})
    >>> found = nq.structure.diversity(nq.SpatialPanel(frame, unit="id"), ["a", "b"])
    >>> found["simpson"].tolist()
    [0.5, 0.0]
    """
    names = list(columns)
    if len(names) < 2:
        raise OptionError(f"diversity needs two or more parts, got {names}")
    x = np.stack([panel.values(name) for name in names], axis=2)
    if low := [name for at, name in enumerate(names) if (x[:, :, at] < 0).any()]:
        raise DomainError(f"parts cannot be negative; these are: {sample(low)}")
    total = x.sum(axis=2, keepdims=True)
    if (total == 0).any():
        empty = panel.units[(total[:, :, 0] == 0).any(axis=1)]
        raise DomainError(f"units whose parts are all zero have no shares: {sample(empty)}")
    s = x / total
    simpson = 1 - (s**2).sum(axis=2)
    length = np.sqrt((s**2).sum(axis=0))
    unit = np.divide(s, length, out=np.zeros_like(s), where=length > 0)
    phi = np.einsum("itk,itl->tkl", unit, unit)
    crossed = np.einsum("itk,tkl,itl->it", s, phi, s) - np.einsum("itk,tkk->it", s**2, phi)
    related = np.divide(crossed, simpson, out=np.full_like(simpson, np.nan), where=simpson > 1e-12)
    return pd.DataFrame(
        {
            "shannon": -(s * np.log(np.where(s > 0, s, 1.0))).sum(axis=2).ravel() + 0.0,
            "simpson": simpson.ravel(),
            "relatedness": related.ravel(),
        },
        index=panel.frame.index,
    )


def _areas(panel: SpatialPanel) -> np.ndarray:
    """Return the areas of the units in square kilometres."""
    shapes = panel.require_geometry()
    to = projection_of(shapes)
    km = float(to.axis_info[0].unit_conversion_factor) / 1000
    areas = shapes.geometry.to_crs(to).area.to_numpy() * km**2
    if (areas <= 0).any():
        raise GeometryError(
            f"units have no area: {sample(panel.units[areas <= 0])}; polygons are needed"
        )
    return np.asarray(areas)


def _every_period(panel: SpatialPanel, values: np.ndarray, name: str) -> pd.Series:
    return pd.Series(np.repeat(values, panel.n_periods), panel.frame.index, name=name)
