"""The reach of spillovers: effects by distance band, and by the links included in W."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from scipy import optimize, sparse, stats

from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.inference import (
    HypothesisTest,
    NotApplicable,
    TestSet,
    chi2_test,
    critical_value,
    two_sided_p,
)
from nqp_spatial.core.options import Edge, Level, Nonnegative, PassedTo, Positive, Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import t
from nqp_spatial.errors import BoundaryError, CollinearityError, ConvergenceError, OptionError
from nqp_spatial.regression import fit as fit_model
from nqp_spatial.regression._design import INTERCEPT
from nqp_spatial.regression._formulas import Functions
from nqp_spatial.regression._term_weights import TermWeights
from nqp_spatial.regression.fit import fit_parts, parts_data
from nqp_spatial.regression.results import RegressionResult
from nqp_spatial.regression.spec import Covariance, Kernel
from nqp_spatial.spillovers._blocks import ALL
from nqp_spatial.spillovers._link_effects import LinkEffects
from nqp_spatial.spillovers.partition import FixedEffects
from nqp_spatial.weights.distance import bands, distance_band, inverse_distance

__all__ = [
    "DistanceDecay",
    "ReachResult",
    "distance_decay",
    "reach",
    "reach_links_beyond",
    "reach_links_within",
]

_SUP_DRAWS = 50_000


@dataclass(frozen=True, repr=False, eq=False)
class ReachResult(Displayed):
    """Indirect effects by distance.

    Attributes
    ----------
    frame : DataFrame
        Columns ``variable, low_km, high_km, estimate, std_error, p_value, conf_low, conf_high,
        simultaneous_low, simultaneous_high``: the effect on the average unit of a unit increase in
        x in every unit between these distances (`reach`), or in all others under weights with these
        links (the two re-estimations, which have no simultaneous intervals).
    reach_km : Series
        By variable, the upper edge of the last band, counted from the nearest, up to which all
        simultaneous intervals exclude zero; 0 if the interval of the first band contains zero.
        Missing for re-estimations.
    spec : Spec
        Design in words, formula, level, seed.
    model : RegressionResult or None
        The model of the bands: parameters by (block, variable, part), predictions, criteria,
        tables. None for the re-estimations, which have one model per cutoff.
    notes : tuple of str
    tests : TestSet
        Empty.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> found = nq.spillovers.reach("lgsp ~ lpc", panel, edges_km=[0, 600, 1200], effects="unit")
    >>> found.frame["high_km"].tolist()
    [600.0, 1200.0, inf]
    """

    frame: pd.DataFrame
    reach_km: pd.Series
    spec: Spec
    model: RegressionResult | None = None
    notes: tuple[str, ...] = ()
    tests: TestSet = field(default_factory=TestSet)

    _figure = "reach"

    @property
    def level(self) -> float:
        """Confidence level of the intervals."""
        return float(self.spec["level"])

    @property
    def _estimated(self) -> RegressionResult:
        if self.model is None:
            raise OptionError(
                "a re-estimation has a model for each cutoff; fit one with nqp_spatial.fit"
            )
        return self.model

    @property
    def params(self) -> pd.Series:
        """Estimates of the model of the bands, by (block, variable, part)."""
        return self._estimated.params

    @property
    def cov(self) -> pd.DataFrame:
        """Their covariance."""
        return self._estimated.cov

    @property
    def std_errors(self) -> pd.Series:
        """Their standard errors."""
        return self._estimated.std_errors

    @property
    def statistics(self) -> pd.Series:
        """Estimates over standard errors."""
        return self._estimated.statistics

    @property
    def pvalues(self) -> pd.Series:
        """Two-sided p-values."""
        return self._estimated.pvalues

    @checked
    def conf_int(self, level: Level = 0.95) -> pd.DataFrame:
        """Return confidence intervals of the parameters; those of effects are in `frame`."""
        return self._estimated.conf_int(level)

    def _blocks(self) -> list[Block]:
        ends = "; ".join(f"{name}: {km:g} km" for name, km in self.reach_km.items() if km == km)
        reaches: list[Block] = [t("Reach: {ends}", ends=ends)] if ends else []
        table = self.frame.reset_index(drop=True)
        return [self.spec["design"], table, *reaches, *notes_of(self.notes)]


@checked
def reach(
    formula: str,
    panel: SpatialPanel,
    *,
    edges_km: Sequence[Edge],
    effects: FixedEffects = "two-way",
    outcome_lags: Literal["one", "bands"] = "one",
    power: Nonnegative = 0.0,
    durbin: str | Iterable[str] | None = None,
    level: Level = 0.95,
    covariance: Covariance = "observed",
    cluster: str | Iterable[str] | None = None,
    cutoff_km: float | None = None,
    kernel: Kernel = "bartlett",
    lags: int | None = None,
    functions: Functions | None = None,
    seed: Seed = 0,
) -> ReachResult:
    """Estimate effects by distance band, and the distance at which they end.

    ``y = rho W y + X beta + sum_b W_b X theta_b + effects + e``, W_b the ring b of the disc W; or
    with a rho_b for each ring. The effect of band b is ``(1/n) sum_i sum_(j in b of i) (S^-1
    M)_ij``, including the feedback through neighbours; the last row is for effects beyond the disc.

    Parameters
    ----------
    formula : str
        As in `fit`.
    panel : SpatialPanel
        A panel with geometry.
    edges_km : sequence of float
        Ascending edges of the bands, such as ``[0, 100, 200, 400]``.
    effects : {"none", "unit", "period", "two-way"}
    outcome_lags : {"one", "bands"}
        One rho for the whole disc, or one for each ring.
    power : float
        Weights decline as ``d ** -power`` inside the disc, with common row sums.
    durbin : str or list of str, optional
        The regressors to lag, if not all.
    level : float
        Confidence level of the intervals.
    covariance, cluster, cutoff_km, kernel, lags : optional
        As in `fit`, by likelihood: "robust" is not offered.
    functions : mapping, optional
        Functions of your own that the formula may call, as in `fit`.
    seed : int, optional
        Seed of the draws for the simultaneous intervals.

    Returns
    -------
    ReachResult

    Raises
    ------
    OptionError
        If an option is unknown or edges are not ascending.
    IslandError
        If a unit has no other unit in its disc.
    GeometryError, PanelError, CollinearityError, BoundaryError
        As in `partitioned`.

    Notes
    -----
    Simultaneous intervals cover all bands of a variable jointly: their factor is the quantile of
    the largest of the correlated t statistics (Montiel Olea and Plagborg-Moller 2019, Journal of
    Applied Econometrics 34, 1-17). A reach derived from pointwise intervals is too long, because
    one of many bands appears significant by chance. Derivatives: docs/spillovers.md. Above 4 000
    units sums over bands are estimated from 400 random probes by sparse solves, whose noise
    decreases with the square root of the number of units.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> found = nq.spillovers.reach("lgsp ~ lpc", panel, edges_km=[0, 600, 1200], effects="unit")
    >>> found.reach_km.index.tolist()
    ['lpc']
    """
    panel.require_balanced()
    rings = bands(panel, edges_km=edges_km, power=power)
    named = {f"{low:g}-{high:g} km": w.reordered(panel.units) for (low, high), w in rings.items()}
    x_parts = {name: w.sparse for name, w in named.items()}
    disc = sparse.csr_array(sum(x_parts.values()))
    words = t(
        "bands of distance between {edges} km", edges=", ".join(f"{edge:g}" for edge in edges_km)
    )
    terms = TermWeights.in_parts(
        x_parts if outcome_lags == "bands" else {ALL: disc}, x_parts, words
    )
    data = parts_data(
        formula, panel, terms, effects=effects, durbin=durbin, covariance=covariance,
        cluster=cluster, cutoff_km=cutoff_km, kernel=kernel, lags=lags, functions=functions,
    )  # fmt: skip
    model = fit_parts(panel, data)
    regressors = [name for name in model.spec.regressors if name != INTERCEPT]
    if not regressors:
        raise OptionError(f"{formula!r} has no regressor whose effects could have a reach")
    masks = []
    for part in x_parts.values():
        mask = part.copy()
        mask.data = np.ones_like(mask.data)
        masks.append(mask)
    bounds = [(float(low), float(high)) for low, high in rings]
    # Where the bands contain all pairs, there is no row "beyond".
    beyond = sum(mask.nnz for mask in masks) < panel.n_units * (panel.n_units - 1)
    if beyond:
        bounds.append((bounds[-1][1], np.inf))
    rng = np.random.default_rng(seed)
    tables, ends = [], {}
    for variable in regressors:
        values, slopes = LinkEffects(model, variable).by_bands(masks)
        if not beyond:
            values, slopes = values[:-1], slopes[:, :-1]
        table, end = _table(
            variable, bounds, values, slopes, model.cov.to_numpy(), level, rng, len(masks)
        )
        tables.append(table)
        ends[variable] = end
    return ReachResult(
        frame=pd.concat(tables, ignore_index=True),
        reach_km=pd.Series(ends, name="reach_km"),
        spec=Spec(
            design=t("Indirect effects by band of distance, from one model"), formula=formula,
            weights=words, effects=effects, outcome_lags=outcome_lags, power=power, level=level,
            seed=seed, covariance=covariance,
        ),
        model=model,
        notes=(*model.notes, *data.plain.notes_on_terms),
    )  # fmt: skip


def _table(
    variable: str,
    bounds: list[tuple[float, float]],
    values: np.ndarray,
    slopes: np.ndarray,
    cov: np.ndarray,
    level: float,
    rng: np.random.Generator,
    bands_within: int,
) -> tuple[pd.DataFrame, float]:
    """Return the rows of a variable, and the band at which its effect ends."""
    variance = slopes.T @ cov @ slopes
    errors = np.sqrt(np.diag(variance))
    met = errors > 0  # where bands contain all pairs, the effect beyond is exactly zero
    correlation = variance[np.ix_(met, met)] / np.outer(errors[met], errors[met])
    draws = rng.multivariate_normal(
        np.zeros(len(correlation)), correlation, size=_SUP_DRAWS, method="svd"
    )
    factor = float(np.quantile(np.abs(draws).max(axis=1), level))
    reach = critical_value(level) * errors
    ratio = np.divide(values, errors, out=np.full(len(values), np.nan), where=met)
    frame = pd.DataFrame(
        {
            "variable": variable,
            "low_km": [low for low, _ in bounds],
            "high_km": [high for _, high in bounds],
            "estimate": values,
            "std_error": errors,
            "p_value": two_sided_p(ratio),
            "conf_low": values - reach,
            "conf_high": values + reach,
            "simultaneous_low": values - factor * errors,
            "simultaneous_high": values + factor * errors,
        }
    )
    end = 0.0
    for (_, high), value, error in zip(bounds[:bands_within], values, errors, strict=False):
        if abs(value) <= factor * error:
            break
        end = high
    return frame, end


@checked
def reach_links_within(
    formula: str,
    panel: SpatialPanel,
    *,
    cutoffs_km: Sequence[Nonnegative],
    **options: Annotated[Any, PassedTo("fit_model", without=("weights",))],
) -> ReachResult:
    """Re-estimate a Durbin model with links up to each distance: a growing circle.

    ``w_ij = 1`` if ``0 < d_ij <= cutoff``, row-standardised.

    Parameters
    ----------
    formula : str
    panel : SpatialPanel
        With geometry.
    cutoffs_km : sequence of float
    **options
        Passed on to `fit`, such as ``effects``.

    Returns
    -------
    ReachResult
        One row per variable and cutoff: the indirect effect under these weights.

    Raises
    ------
    IslandError
        If a unit has no other unit within a cutoff. Errors of `fit` are passed on.

    See Also
    --------
    reach_links_beyond : The opposite design; the two are easily confused.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> found = nq.spillovers.reach_links_within("lgsp ~ lpc", panel, cutoffs_km=[800, 1200])
    >>> found.frame["low_km"].tolist()
    [0.0, 0.0]
    """
    rows = []
    for cutoff in cutoffs_km:
        w = distance_band(panel, cutoff_km=cutoff)
        rows.append(_indirect(formula, panel, w, 0.0, float(cutoff), options))
    return _refitted(rows, t("Links within the cutoff: one model for each"), formula, options)


@checked
def reach_links_beyond(
    formula: str,
    panel: SpatialPanel,
    *,
    cutoffs_km: Sequence[Nonnegative],
    outer_km: Positive,
    **options: Annotated[Any, PassedTo("fit_model", without=("weights",))],
) -> ReachResult:
    """Re-estimate a Durbin model with links beyond each distance: a disc with a growing hole.

    ``w_ij = 1`` if ``cutoff < d_ij <= outer``, row-standardised. The distance at which the indirect
    effect vanishes is the reach of spillovers (Yuan et al. 2020).

    Parameters
    ----------
    formula : str
    panel : SpatialPanel
        With geometry.
    cutoffs_km : sequence of float
        Radii of the hole.
    outer_km : float
        Radius of the disc.
    **options
        Passed on to `fit`, such as ``effects``.

    Returns
    -------
    ReachResult
        One row per variable and cutoff: the indirect effect under these weights.

    Raises
    ------
    OptionError
        If a cutoff is not inside the disc.
    IslandError
        If a unit has no other unit between a cutoff and the edge of the disc.

    See Also
    --------
    reach_links_within : The opposite design; the two are easily confused.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> found = nq.spillovers.reach_links_beyond(
    ...     "lgsp ~ lpc", panel, cutoffs_km=[0, 600], outer_km=2000, effects="unit")
    >>> found.frame["high_km"].tolist()
    [2000.0, 2000.0]
    """
    wrong = [cutoff for cutoff in cutoffs_km if not 0 <= cutoff < outer_km]
    if wrong:
        raise OptionError(f"cutoffs must lie between 0 and outer_km = {outer_km:g}; got {wrong}")
    rows = []
    for cutoff in cutoffs_km:
        ring = bands(panel, edges_km=[cutoff, outer_km])[cutoff, outer_km]
        rows.append(_indirect(formula, panel, ring, float(cutoff), float(outer_km), options))
    return _refitted(rows, t("Links beyond the cutoff: one model for each"), formula, options)


def _indirect(
    formula: str, panel: SpatialPanel, w: Any, low: float, high: float, options: dict[str, Any]
) -> pd.DataFrame:
    frame = fit_model(formula, panel, w, **options).effects(method="delta").frame
    frame = frame[frame["effect"] == "indirect"].copy()
    frame["low_km"], frame["high_km"] = low, high
    columns = ["variable", "low_km", "high_km", "estimate", "std_error", "p_value"]
    return frame[[*columns, "conf_low", "conf_high"]]


def _refitted(
    rows: list[pd.DataFrame], design: str, formula: str, options: dict[str, Any]
) -> ReachResult:
    frame = pd.concat(rows, ignore_index=True)
    names = frame["variable"].unique()
    missing = pd.Series(np.nan, names, name="reach_km")
    return ReachResult(frame, missing, Spec(design=design, formula=formula, **options, level=0.95))


@dataclass(frozen=True, repr=False)
class DistanceDecay(Displayed):
    """The exponent of ``w_ij = d_ij ** -power``, by profile likelihood.

    Attributes
    ----------
    power, conf_low, conf_high : float
        Infinite or zero limits where the data do not bound it within the search range.
    model : RegressionResult
        The model with this power.
    tests : TestSet
        ``LR: power = 0``, that all links within the cutoff have equal weight.
    profile : Series
        Log-likelihood by power.
    spec : Spec
        Formula, cutoff, level and the options of `fit`.
    notes : tuple of str
    """

    power: float
    conf_low: float
    conf_high: float
    model: RegressionResult
    tests: TestSet
    profile: pd.Series
    spec: Spec
    notes: tuple[str, ...] = ()

    _figure = "estimates"

    @property
    def loglik(self) -> float:
        """Log-likelihood, maximised also over the power."""
        return self.model.loglik

    @property
    def frame(self) -> pd.DataFrame:
        """The power with its interval."""
        row = {"estimate": self.power, "conf_low": self.conf_low, "conf_high": self.conf_high}
        return pd.DataFrame(row, index=["power"])

    def _blocks(self) -> list[Block]:
        return [
            t("Distance decay, w = d ** -power; log-likelihood {loglik:.4f}", loglik=self.loglik),
            self.frame,
            *(repr(test) for test in self.tests.values()),
        ]


@checked
def distance_decay(
    formula: str,
    panel: SpatialPanel,
    *,
    cutoff_km: Positive,
    largest: Positive = 6.0,
    level: Level = 0.95,
    **options: Annotated[Any, PassedTo("fit_model", without=("weights",))],
) -> DistanceDecay:
    """Estimate the exponent of distance decay by profile likelihood.

    Parameters
    ----------
    formula : str
    panel : SpatialPanel
        With geometry.
    cutoff_km : float
        Maximum distance of links.
    largest : float
        Largest power searched.
    level : float
        Level of the interval, from the chi-square distribution of twice the decrease in the
        log-likelihood.
    **options
        Passed on to `fit`, such as ``model`` and ``effects``.

    Returns
    -------
    DistanceDecay

    Raises
    ------
    OptionError, IslandError
        Errors of `inverse_distance` and `fit` are passed on.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> found = nq.spillovers.distance_decay("lgsp ~ lpc", panel, cutoff_km=1500, effects="unit")
    >>> found.conf_low <= found.power <= found.conf_high
    True
    """

    def model_at(power: float) -> RegressionResult:
        w = (
            inverse_distance(panel, power=float(power), cutoff_km=cutoff_km)
            if power > 0
            else distance_band(panel, cutoff_km=cutoff_km)
        )
        return fit_model(formula, panel, w, **options)

    def height(power: float) -> float:
        try:
            return model_at(power).loglik
        except (BoundaryError, CollinearityError, ConvergenceError):
            return -np.inf  # no model at this power: no maximum inside the region

    grid = np.linspace(0, largest, 13)
    heights = np.array([height(power) for power in grid])
    if not np.isfinite(heights).any():
        raise ConvergenceError(
            f"the model has no maximum at any power from 0 to {largest:g}; try a smaller "
            "cutoff_km, or fewer effects"
        )
    top = int(heights.argmax())
    low, high = grid[max(top - 1, 0)], grid[min(top + 1, len(grid) - 1)]
    search = optimize.minimize_scalar(
        lambda power: -height(power), bounds=(low, high), method="bounded",
        options={"xatol": 1e-4},
    )  # fmt: skip
    best, power = -float(search.fun), float(search.x)
    if heights[top] > best:
        best, power = float(heights[top]), float(grid[top])
    cut = best - float(stats.chi2.ppf(level, 1)) / 2

    def edge(stop: float, outside: float) -> float:
        if power == stop or height(stop) > cut:
            return outside
        return float(optimize.brentq(lambda x: height(x) - cut, *sorted((power, stop)), xtol=1e-3))

    name, null = t("LR: power = 0"), t("links do not weaken with distance")
    test: HypothesisTest | NotApplicable = NotApplicable(
        name, null, t("with power 0 the likelihood rises up to the edge of rho")
    )
    if np.isfinite(heights[0]):
        test = chi2_test(name, null, 2 * (best - heights[0]), 1)
    return DistanceDecay(
        power=power,
        conf_low=edge(0.0, 0.0),
        conf_high=edge(largest, np.inf),
        model=model_at(power),
        tests=TestSet([test]),
        profile=pd.Series(heights, pd.Index(grid, name="power"), name="loglik"),
        spec=Spec(formula=formula, cutoff_km=cutoff_km, largest=largest, level=level, **options),
    )
