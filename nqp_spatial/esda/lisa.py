"""`lisa`: local Moran statistics, spatial clusters and outliers, of one variable or two."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from nqp_spatial.core.options import Jobs, Level, Permutations, Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import Message, t
from nqp_spatial.errors import OptionError
from nqp_spatial.esda._association import (
    Alternative,
    centred,
    deviations,
    require_links,
)
from nqp_spatial.esda._local import (
    NO_NEIGHBOURS,
    NOT_SIGNIFICANT,
    QUADRANTS,
    LocalResult,
    Permuted,
    add_clusters,
    common_fields,
    quadrants_of,
    section_of,
)
from nqp_spatial.weights.spatial_weights import SpatialWeights, WeightsLike, as_weights

__all__ = [
    "CLUSTERS",
    "QUADRANTS",
    "LisaResult",
    "bivariate_lisa",
    "differential_lisa",
    "lisa",
]

CLUSTERS = (*QUADRANTS, NOT_SIGNIFICANT, NO_NEIGHBOURS)


@dataclass(frozen=True, repr=False, eq=False, kw_only=True)
class LisaResult(LocalResult):
    """Local Moran statistics of one period.

    Attributes
    ----------
    frame : DataFrame
        One row per unit: ``value``; ``other_value``, for bivariate statistics; ``lag``, the
        weighted sum of neighbours' values; ``local_i``; ``p_value``; ``quadrant``, by value and lag
        relative to their means; ``cluster``, the quadrant if significant. With `fdr` also
        ``q_value``. Lag, statistic, p-value and quadrant of a unit without neighbours are missing.
        Quadrants and clusters are read by ``label("cluster", name)``.
    moran_i : float
        Global Moran's I.
    standardized : DataFrame
        ``z``, the value in standard deviations from its mean, and ``lag_z``, its spatial lag: the
        axes of Moran's scatter plot. Where rows of W add to one the slope is Moran's I.
    variable, label : str
        Column and its display label.
    other : str, optional
        Column whose spatial lag is taken, for bivariate statistics.
    lag_label : str
        Display label of the variable whose lag is taken.
    differenced : bool
        Whether the statistics are those of a change between two periods.
    period : hashable
        For a change the text of both periods.
    alpha : float
        A unit belongs to a cluster if its p-value is below.
    fdr : bool
        Whether `alpha` bounds the false discovery rate (``q_value``) and not each p-value.
    permutations : int
    alternative : str
    spec : Spec
        ``variable, weights, period, permutations, seed, alpha, fdr, alternative``.
    notes : tuple of str
    tests : TestSet
        Empty: the p-values of all units are in `frame`.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> result = nq.esda.lisa(panel, "income", nq.weights.contiguity(panel), period=2009, seed=1)
    >>> result.frame.columns.tolist()
    ['value', 'lag', 'local_i', 'p_value', 'quadrant', 'cluster']
    """

    moran_i: float
    standardized: pd.DataFrame
    other: str | None = None
    lag_label: str = ""
    differenced: bool = False

    @property
    def name(self) -> Message:
        """Name of the statistic."""
        if self.differenced:
            return t("Differential local Moran")
        return t("Local Moran") if self.other is None else t("Bivariate local Moran")

    def _title(self) -> Message:
        values = {
            "variable": self.variable, "period": str(self.period), "weights": self.spec.weights,
        }  # fmt: skip
        if self.other is not None:
            return t(
                "Bivariate LISA of {variable} and neighbours' {other}, period {period}; {weights}",
                other=self.other, **values,
            )  # fmt: skip
        if self.differenced:
            return t("LISA of the change of {variable}, {period}; {weights}", **values)
        return t("LISA of {variable}, period {period}; {weights}", **values)

    def _rule(self) -> Message:
        return t(
            "Moran's I = {value:.4f}; {criterion}, seed {seed}",
            value=self.moran_i, criterion=self.criterion(), seed=self.spec.seed,
        )  # fmt: skip


@checked
def lisa(
    panel: SpatialPanel,
    variable: str,
    weights: WeightsLike,
    *,
    period: Hashable | None = None,
    permutations: Permutations = 999,
    seed: Seed = 0,
    alpha: Level = 0.05,
    fdr: bool = False,
    alternative: Alternative = "directed",
    n_jobs: Jobs = 1,
    progress: bool = False,
) -> LisaResult:
    """Compute local Moran statistics of one period, with conditional permutations.

    ``I_i = (n - 1) z_i sum_j w_ij z_j / sum_j z_j^2``, with z the deviations from the mean.

    Parameters
    ----------
    panel : SpatialPanel
        Complete in the variable in this period; n units.
    variable : str
        A numeric column.
    weights : SpatialWeights, Graph or W
        Used as they are, never re-standardised or changed.
    period : hashable, optional
        Which period; may be left out for a cross-section.
    permutations : int
        Conditional permutations: the unit's value stays, its neighbours draw those of other units.
    seed : int, optional
        Seed of the draws; the same for any `n_jobs`, and the same draws as `esda.Moran_Local`.
    alpha : float
        Units with p (or q) below it belong to a cluster.
    fdr : bool
        Whether to use the q-values of Benjamini and Hochberg, which control the share of false
        clusters, and not each p-value, of which about n alpha are small by chance.
    alternative : {"directed", "two-sided", "greater"}
        As in `moran`.
    n_jobs : int
        Parallel workers, through joblib.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    LisaResult

    Raises
    ------
    MissingValuesError, UnbalancedPanelError, DomainError
        If values are missing, infinite or constant.
    UnmatchedIdsError
        If ids of panel and weights differ.
    WeightsError
        If there are no links, or the weights sum to zero.
    OptionError, PanelError
        If an option is out of range, or the panel has several periods and none is named.

    Notes
    -----
    A draw that is equal to the observed statistic counts in both tails. If it counted in one only,
    as in some programs, ordinary values of a variable with many ties would get small p-values.
    Source: Anselin (1995), Geographical Analysis 27(2), 93-115; Benjamini and Hochberg (1995);
    Caldas de Castro and Singer (2006) for its use here.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> w = nq.weights.contiguity(panel)
    >>> result = nq.esda.lisa(panel, "relative_income", w, period=1929, seed=12345)
    >>> result.frame.loc["MS", "cluster"]
    'Low-Low'
    """
    _require_permutations(permutations)
    section, period = section_of(panel, period)
    w = _linked(section, weights)
    both = _column(section, variable)
    permuted = Permuted(permutations, seed, alternative, n_jobs, progress)
    return LisaResult(
        lag_label=panel.label(variable),
        period=period,
        **_statistics(panel.units, both, both, w, permuted, alpha=alpha, fdr=fdr),
        **common_fields(panel, variable, w, permuted, alpha=alpha, fdr=fdr, period=period),
    )


@checked
def bivariate_lisa(
    panel: SpatialPanel,
    variable: str,
    other: str,
    weights: WeightsLike,
    *,
    period: Hashable | None = None,
    permutations: Permutations = 999,
    seed: Seed = 0,
    alpha: Level = 0.05,
    fdr: bool = False,
    alternative: Alternative = "directed",
    n_jobs: Jobs = 1,
    progress: bool = False,
) -> LisaResult:
    """Compute local statistics of one variable and its neighbours' values of another.

    ``I_i = (n - 1) x_i sum_j w_ij z_j / sqrt(sum_j x_j^2 sum_j z_j^2)``, with x and z the
    deviations of `variable` and `other` from their means.

    Parameters
    ----------
    panel : SpatialPanel
        Complete in both variables in this period; n units.
    variable : str
        The column of the unit itself.
    other : str
        The column whose spatial lag is taken.
    weights : SpatialWeights, Graph or W
        Used as they are, never re-standardised or changed.
    period, permutations, seed, alpha, fdr, alternative, n_jobs, progress
        As in `lisa`; the neighbours' values of `other` are permuted.

    Returns
    -------
    LisaResult
        Quadrants are those of the unit's `variable` and its neighbours' `other`.

    Raises
    ------
    MissingValuesError, UnbalancedPanelError, DomainError
        If values are missing, infinite or constant.
    UnmatchedIdsError, WeightsError, OptionError, PanelError
        As in `lisa`.

    Notes
    -----
    The correlation of both variables within units is part of the statistic: a cluster says that
    the two go together in space, not that one spreads to the other. Source: Anselin, Syabri and
    Smirnov (2002), Visualizing Multivariate Spatial Correlation with Dynamically Linked Windows.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> w = nq.weights.contiguity(panel)
    >>> result = nq.esda.bivariate_lisa(panel, "lgsp", "unemp", w, period=1986, seed=0)
    >>> round(result.moran_i, 3)
    0.185
    """
    _require_permutations(permutations)
    if variable == other:
        raise OptionError(f"other must differ from variable, both are {variable!r}: use lisa")
    section, period = section_of(panel, period)
    w = _linked(section, weights)
    unit, neighbour = _column(section, variable), _column(section, other)
    permuted = Permuted(permutations, seed, alternative, n_jobs, progress)
    return LisaResult(
        other=other,
        lag_label=panel.label(other),
        period=period,
        **_statistics(panel.units, unit, neighbour, w, permuted, alpha=alpha, fdr=fdr),
        **common_fields(
            panel, variable, w, permuted, alpha=alpha, fdr=fdr, other=other, period=period
        ),
    )


@checked
def differential_lisa(
    panel: SpatialPanel,
    variable: str,
    weights: WeightsLike,
    *,
    periods: tuple[Hashable, Hashable],
    permutations: Permutations = 999,
    seed: Seed = 0,
    alpha: Level = 0.05,
    fdr: bool = False,
    alternative: Alternative = "directed",
    n_jobs: Jobs = 1,
    progress: bool = False,
) -> LisaResult:
    """Compute local Moran statistics of the change of a variable between two periods.

    ``I_i = (n - 1) d_i sum_j w_ij d_j / sum_j d_j^2``, with d the deviations of the changes
    x_(i,last) - x_(i,first) from their mean: effects of place that do not change drop out.

    Parameters
    ----------
    panel : SpatialPanel
        Complete in the variable in both periods; n units.
    variable : str
        A numeric column.
    weights : SpatialWeights, Graph or W
        Used as they are, never re-standardised or changed.
    periods : tuple
        First and last period.
    permutations, seed, alpha, fdr, alternative, n_jobs, progress
        As in `lisa`.

    Returns
    -------
    LisaResult
        High-High: a unit and its neighbours have gained more than the average.

    Raises
    ------
    MissingValuesError, UnbalancedPanelError, DomainError
        If values are missing or infinite, or changes are constant.
    UnmatchedIdsError, WeightsError, OptionError, PanelError
        As in `lisa`; if both periods are the same.

    Notes
    -----
    Source: Anselin (2019), Differential Moran's I, in the documentation of GeoDa.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> w = nq.weights.contiguity(panel)
    >>> result = nq.esda.differential_lisa(panel, "relative_income", w, periods=(1929, 2009))
    >>> result.period
    '1929 to 2009'
    """
    _require_permutations(permutations)
    first, last = (panel.period(period) for period in periods)
    if first == last:
        raise OptionError(f"periods must name two different periods, both are {first!r}")
    w = _linked(panel, weights)
    section = panel.select(periods=[first, last])
    order = section.periods.get_indexer(pd.Index([last, first]))
    change = section.values(variable)[:, order] @ [1.0, -1.0]
    name = f"the change of {variable!r}"
    both = change, centred(change[:, None], name, pd.Index([first]))[:, 0]
    permuted = Permuted(permutations, seed, alternative, n_jobs, progress)
    return LisaResult(
        lag_label=panel.label(variable),
        differenced=True,
        period=t("{first} to {last}", first=first, last=last),
        **_statistics(panel.units, both, both, w, permuted, alpha=alpha, fdr=fdr),
        **common_fields(panel, variable, w, permuted, alpha=alpha, fdr=fdr, periods=(first, last)),
    )


def _require_permutations(permutations: int) -> None:
    if permutations < 1:
        raise OptionError("lisa finds clusters by permutations: ask for 99 or more")


def _linked(panel: SpatialPanel, weights: WeightsLike) -> SpatialWeights:
    """Return weights in the panel's order that have links."""
    w = as_weights(weights).reordered(panel.units)
    require_links(w.sparse)
    return w


def _column(section: SpatialPanel, variable: str) -> tuple[np.ndarray, np.ndarray]:
    """Return values of one period and their deviations, shapes (n,)."""
    values, z = (array[:, 0] for array in deviations(section, variable))
    return values, z


def _statistics(
    units: pd.Index,
    unit: tuple[np.ndarray, np.ndarray],
    neighbour: tuple[np.ndarray, np.ndarray],
    w: SpatialWeights,
    permuted: Permuted,
    *,
    alpha: float,
    fdr: bool,
) -> dict[str, Any]:
    """Return the numbers of a result from (values, deviations) of units and of neighbours."""
    (values, x), (others, z) = unit, neighbour
    matrix, n = w.sparse, len(x)
    lags, scale = matrix @ z, float(np.sqrt((x @ x) * (z @ z)))
    islands = w.units.isin(w.islands)
    p_values = permuted.lag_p(matrix, x, z, lags)
    frame = pd.DataFrame({"value": values}, index=units)
    if others is not values:
        frame["other_value"] = others
    frame["lag"] = matrix @ others
    frame["local_i"] = (n - 1) * x * lags / scale
    frame["p_value"] = p_values
    frame.loc[islands, ["lag", "local_i", "p_value"]] = np.nan
    quadrant = quadrants_of(x, lags)
    frame["quadrant"] = pd.Categorical.from_codes(np.where(islands, -1, quadrant), QUADRANTS)
    add_clusters(frame, p_values, quadrant, islands, QUADRANTS, alpha=alpha, fdr=fdr)
    return {
        "frame": frame,
        "moran_i": float(n / matrix.sum() * (x @ lags) / scale),
        "standardized": pd.DataFrame({"z": x / x.std(), "lag_z": lags / z.std()}, index=units),
    }
