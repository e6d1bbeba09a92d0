"""Weights from a variable of the units: economic distance, its direction, gravity."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Literal

import numpy as np
from scipy import sparse

from nqp_spatial.core.options import Positive, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import label, t
from nqp_spatial.errors import DomainError, WeightsError, sample
from nqp_spatial.weights._complete import complete_weights
from nqp_spatial.weights._coordinates import SMALLER, Metric, coordinates_of, require_links
from nqp_spatial.weights.distance import links_of, require_apart, symmetric
from nqp_spatial.weights.spatial_weights import (
    Islands,
    SpatialWeights,
    Standardization,
    WeightsLike,
    WeightsSpec,
    as_weights,
    build,
)

__all__ = ["directed_economic", "economic", "gravity"]


@checked
def economic(
    panel: SpatialPanel,
    variable: str,
    *,
    periods: Iterable[Hashable] | None = None,
    mask: WeightsLike | None = None,
    floor: Positive | None = None,
    standardize: Standardization = "row",
) -> SpatialWeights:
    """Weights that fall with economic distance: ``w_ij = 1 / |m_i - m_j|``.

    Parameters
    ----------
    panel : SpatialPanel
        Complete in the variable over the periods; no geometry is needed.
    variable : str
        A column such as income per head; m is its mean over the periods.
    periods : iterable, optional
        Periods of the mean, all by default. Periods before the sample keep W exogenous.
    mask : SpatialWeights, Graph or W, optional
        Only its links get a weight; without it every pair does, and the matrix is dense.
    floor : float, optional
        Smallest difference that counts, for units with equal values; ties are an error without.
    standardize : {"row", "spectral", "minmax", "none"}
        As in `SpatialWeights.standardize`.

    Returns
    -------
    SpatialWeights

    Raises
    ------
    WeightsError
        If two units have the same mean and there is no floor; they are named.
    PanelError, UnmatchedIdsError, OptionError
        If values are missing, ids differ, or the floor is not positive.

    Notes
    -----
    A matrix made from the regressors or the outcome of a model is not exogenous to it.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> w = nq.weights.economic(panel, "income", periods=range(1929, 1939), floor=1)
    >>> w.spec.words
    'economic distance (variable = income, periods = 1929 to 1938, floor = 1), row-standardised'
    """
    mass, span = _means(panel, variable, periods)
    rows, columns, mask_kind = _pairs(panel, mask)
    gap = np.abs(mass[rows] - mass[columns])
    if floor is not None:
        gap = np.maximum(gap, floor)
    tied = gap <= 1e-14 * np.abs(mass).max()  # means of the same numbers differ by rounding only
    if tied.any():
        tied &= (rows < columns) | ~tied[rows < columns].any()
        pairs = list(zip(panel.units[rows[tied]], panel.units[columns[tied]], strict=True))
        raise WeightsError(
            f"units have the same mean of {variable!r}, so that their weight is infinite: "
            f"{sample(pairs)}; "
            "pass floor=, the smallest difference that counts"
        )
    parameters = {"variable": variable, "periods": span, "floor": floor, "mask": mask_kind}
    matrix = _matrix(rows, columns, 1 / gap, panel.n_units)
    spec = WeightsSpec(t("economic distance"), parameters)
    islands: Islands = "error" if mask is None else "keep"
    return build(matrix, panel.units, spec, standardize=standardize, islands=islands)


@checked
def directed_economic(
    panel: SpatialPanel,
    variable: str,
    *,
    base: WeightsLike,
    relative_to: Literal["receiver", "mean"] = "receiver",
    periods: Iterable[Hashable] | None = None,
    standardize: Standardization = "row",
) -> SpatialWeights:
    """Weights of influence from rich to poor: ``w_ij = b_ij m_j / m_i`` or ``b_ij m_j / mean(m)``.

    Parameters
    ----------
    panel : SpatialPanel
        Complete in the variable over the periods.
    variable : str
        A positive variable; m is its mean over the periods.
    base : SpatialWeights, Graph or W
        b, the weights by distance or contiguity; those before standardisation are used.
    relative_to : {"receiver", "mean"}
        What the sender's m is divided by. Row-standardisation cancels either.
    periods, standardize
        As in `economic`.

    Returns
    -------
    SpatialWeights
        Asymmetric.

    Raises
    ------
    DomainError
        If a mean is not positive; the units are named.
    PanelError, UnmatchedIdsError, OptionError
        If values are missing, ids differ, or an option is unknown.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> w = nq.weights.directed_economic(panel, "income", base=nq.weights.contiguity(panel))
    >>> w.rows_add_to_one
    True
    """
    mass, span = _means(panel, variable, periods, positive=True)
    base_weights = as_weights(base).reordered(panel.units)
    rows, columns = links_of(base_weights.raw)
    matrix = base_weights.raw.copy()
    divisor = mass[rows] if relative_to == "receiver" else mass.mean()
    matrix.data = matrix.data * mass[columns] / divisor
    parameters = {
        "variable": variable, "relative_to": label("weights", relative_to), "periods": span,
        "base": base_weights.spec.kind,
    }  # fmt: skip
    spec = WeightsSpec(t("directed economic"), parameters)
    return build(matrix, panel.units, spec, standardize=standardize, islands="keep")


@checked
def gravity(
    panel: SpatialPanel,
    variable: str,
    *,
    power: Positive = 2.0,
    cutoff_km: Positive | None = None,
    periods: Iterable[Hashable] | None = None,
    metric: Metric = "haversine",
    islands: Islands = "error",
    standardize: Standardization = "row",
    progress: bool = False,
) -> SpatialWeights:
    """Weights of the gravity model: ``w_ij = m_i m_j / d_ij ** power``.

    Parameters
    ----------
    panel : SpatialPanel
        With geometries; complete in the variable over the periods.
    variable : str
        A positive mass, such as gross product; m is its mean over the periods.
    power : float
        The decay exponent.
    cutoff_km : float, optional
        Pairs farther apart have no weight; by default none is cut.
    periods : iterable, optional
        Periods of the mean, all by default.
    metric : {"haversine", "geodesic"}
        As in `knn`.
    islands : {"error", "keep"}
        Units without any other unit within the cutoff.
    standardize : {"row", "spectral", "minmax", "none"}
        As in `SpatialWeights.standardize`; by rows the receiver's mass cancels.
    progress : bool
        As in `inverse_distance`.

    Returns
    -------
    SpatialWeights

    Raises
    ------
    DomainError
        If a mean is not positive; the units are named.
    GeometryError, CrsError, IslandError, PanelError, OptionError
        As in `inverse_distance`, and if values are missing.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> nq.weights.gravity(nq.datasets.us_income(), "income", cutoff_km=1000).n_units
    48
    """
    mass, span = _means(panel, variable, periods, positive=True)
    coordinates = coordinates_of(panel, metric)

    def weigh(km: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        return np.asarray(mass[rows] * mass[columns] / km**power)

    def apart(pairs: np.ndarray, km: np.ndarray) -> None:
        require_apart(panel.units, pairs, km)

    if cutoff_km is None:
        raw = complete_weights(
            coordinates, weigh, require_apart=apart, advice=SMALLER, progress=progress
        )
    else:
        pairs, km = coordinates.pairs(cutoff_km)
        apart(pairs, km)
        raw = symmetric(pairs, weigh(km, *pairs.T), panel.n_units)
    parameters = {
        "variable": variable, "power": float(power), "cutoff_km": cutoff_km, "periods": span,
        **coordinates.parameters,
    }  # fmt: skip
    spec = WeightsSpec(t("gravity"), parameters)
    return build(raw, panel.units, spec, standardize=standardize, islands=islands)


def _means(
    panel: SpatialPanel,
    variable: str,
    periods: Iterable[Hashable] | None,
    *,
    positive: bool = False,
) -> tuple[np.ndarray, str | None]:
    """Return the mean of a variable over the periods, and the periods in words."""
    wanted = None if periods is None else list(periods)
    selection = panel if wanted is None else panel.select(periods=wanted)
    mass = selection.values(variable).mean(axis=1)
    low = mass <= 0
    if positive and low.any():
        raise DomainError(
            f"the mean of {variable!r} must be positive; it is not for units "
            f"{sample(panel.units[low])}"
        )
    if wanted is None:
        return mass, None
    periods_used = selection.periods.tolist()
    first, last = str(periods_used[0]), str(periods_used[-1])
    if selection.n_periods == 1:
        return mass, first
    return mass, t("{first} to {last}", first=first, last=last)


def _pairs(
    panel: SpatialPanel, mask: WeightsLike | None
) -> tuple[np.ndarray, np.ndarray, str | None]:
    """Return receiver and sender of each link of the mask, or of all pairs; the mask in words."""
    if mask is None:
        n = panel.n_units
        require_links(
            n * (n - 1),
            f"economic weights of all pairs of {n} units",
            "pass mask=, such as weights.knn(panel), so that only its links get a weight",
        )
        rows, columns = np.divmod(np.arange(n * n), n)
        apart = rows != columns
        return rows[apart], columns[apart], None
    masked = as_weights(mask).reordered(panel.units)
    return *links_of(masked.raw), masked.spec.kind


def _matrix(rows: np.ndarray, columns: np.ndarray, values: np.ndarray, n: int) -> sparse.csr_array:
    return sparse.csr_array((values, (rows, columns)), shape=(n, n))
