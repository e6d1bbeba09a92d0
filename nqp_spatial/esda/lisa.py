"""`lisa`: local Moran statistics, spatial clusters and outliers."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy import sparse, stats

from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.inference import TestSet
from nqp_spatial.core.options import Jobs, Level, Permutations, Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.resampling import batches, permutation_p
from nqp_spatial.core.sizes import require_memory
from nqp_spatial.core.text import Message, label, t
from nqp_spatial.errors import OptionError
from nqp_spatial.esda._association import (
    Alternative,
    chosen_period,
    deviations,
    island_notes,
    require_links,
)
from nqp_spatial.weights.spatial_weights import SpatialWeights, WeightsLike, as_weights

__all__ = ["CLUSTERS", "QUADRANTS", "LisaResult", "lisa"]

QUADRANTS = ("High-High", "Low-Low", "High-Low", "Low-High")
CLUSTERS = (*QUADRANTS, "Not significant", "No neighbours")


@dataclass(frozen=True, repr=False, eq=False)
class LisaResult(Displayed):
    """Local Moran statistics of one period.

    Attributes
    ----------
    frame : DataFrame
        One row per unit: ``value``; ``lag``, the weighted sum of neighbours' values; ``local_i``;
        ``p_value``; ``quadrant``, by value and lag relative to their means; ``cluster``, the
        quadrant if significant. With `fdr` also ``q_value``. Lag, statistic, p-value and quadrant
        of a unit without neighbours are missing. Quadrants and clusters are read by
        ``label("cluster", name)``.
    moran_i : float
        Global Moran's I.
    standardized : DataFrame
        ``z``, the value in standard deviations from its mean, and ``lag_z``, its spatial lag: the
        axes of Moran's scatter plot. Where rows of W add to one the slope is Moran's I.
    variable, label : str
        Column and its display label.
    period : hashable
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

    _figure: ClassVar[str] = "lisa_map"

    frame: pd.DataFrame
    moran_i: float
    standardized: pd.DataFrame
    variable: str
    label: str
    period: Hashable
    alpha: float
    fdr: bool
    permutations: int
    alternative: str
    spec: Spec
    notes: tuple[str, ...] = ()
    tests: TestSet = field(default_factory=TestSet)

    @property
    def counts(self) -> pd.Series:
        """Number of units in each class of `cluster`."""
        return self.frame["cluster"].value_counts(sort=False).rename("units")

    def criterion(self) -> Message:
        """Return the criterion of significance in words.

        Examples
        --------
        >>> import nqp_spatial as nq
        >>> panel = nq.datasets.us_income()
        >>> w = nq.weights.contiguity(panel)
        >>> nq.esda.lisa(panel, "income", w, period=2009, seed=1, fdr=True).criterion()
        'false discovery rate < 0.05, 999 permutations'
        """
        values = {
            "measure": t("false discovery rate") if self.fdr else "p",
            "alpha": self.alpha,
            "permutations": self.permutations,
        }
        if self.alternative == "directed":
            return t("{measure} < {alpha:g}, {permutations} permutations", **values)
        return t(
            "{measure} < {alpha:g} ({alternative}), {permutations} permutations",
            alternative=label("alternative", self.alternative), **values,
        )  # fmt: skip

    def _blocks(self) -> list[Block]:
        return [
            t(
                "LISA of {variable}, period {period}; {weights}",
                variable=self.variable, period=str(self.period), weights=self.spec.weights,
            ),
            t(
                "Moran's I = {value:.4f}; {criterion}, seed {seed}",
                value=self.moran_i, criterion=self.criterion(), seed=self.spec.seed,
            ),
            self.counts,
            *notes_of(self.notes),
        ]  # fmt: skip


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
    if permutations < 1:
        raise OptionError("lisa finds clusters by permutations: ask for 99 or more")
    period = chosen_period(panel, period)
    section = panel if panel.n_periods == 1 else panel.select(periods=[period])
    w = as_weights(weights).reordered(section.units)
    require_links(w.sparse)
    values, z = (array[:, 0] for array in deviations(section, variable))
    lags, squares = w.sparse @ z, float(z @ z)
    p_values = _p_values(w.sparse, z, lags, permutations, seed, alternative, n_jobs, progress)
    islands = w.units.isin(w.islands)
    frame = pd.DataFrame({"value": values, "lag": w.sparse @ values}, index=section.units)
    frame["local_i"] = (len(z) - 1) * z * lags / squares
    frame["p_value"] = p_values
    frame.loc[islands, ["lag", "local_i", "p_value"]] = np.nan
    criterion = frame["p_value"]
    if fdr:
        criterion = pd.Series(np.nan, index=frame.index)
        criterion[~islands] = stats.false_discovery_control(p_values[~islands])
    quadrant = np.array(
        [["Low-Low", "Low-High"], ["High-Low", "High-High"]], dtype=object
    )[(z > 0).astype(int), (lags > 0).astype(int)]  # fmt: skip
    cluster = np.where(criterion < alpha, quadrant, "Not significant")
    cluster[islands] = "No neighbours"
    frame["quadrant"] = pd.Categorical(np.where(islands, None, quadrant), categories=QUADRANTS)
    frame["cluster"] = pd.Categorical(
        cluster, categories=CLUSTERS if islands.any() else CLUSTERS[:-1]
    )
    if fdr:
        frame["q_value"] = criterion
    return LisaResult(
        frame=frame,
        moran_i=float(len(z) / w.sparse.sum() * (z @ lags) / squares),
        standardized=pd.DataFrame({"z": z, "lag_z": lags}, index=section.units) / z.std(),
        variable=variable,
        label=panel.label(variable),
        period=period,
        alpha=alpha,
        fdr=fdr,
        permutations=permutations,
        alternative=alternative,
        spec=Spec(
            variable=variable, weights=w, period=period, permutations=permutations, seed=seed,
            alpha=alpha, fdr=fdr, alternative=alternative,
        ),
        notes=(*island_notes(w), *_resolution_notes(w, alpha, fdr, permutations)),
    )  # fmt: skip


def _resolution_notes(
    w: SpatialWeights, alpha: float, fdr: bool, permutations: int
) -> tuple[str, ...]:
    """Return a note if p-values cannot be small enough for one cluster."""
    smallest, needed = 1 / (permutations + 1), alpha / w.n_units
    if not fdr or smallest <= needed:
        return ()
    return (
        t(
            "with {permutations} permutations no p-value is below {smallest:.2g}, so fewer than "
            "{clusters} clusters cannot be detected: use {enough} permutations or more",
            permutations=permutations, smallest=smallest,
            clusters=int(np.ceil(smallest / needed)), enough=int(np.ceil(1 / needed)),
        ),
    )  # fmt: skip


def _p_values(
    matrix: sparse.csr_array,
    z: np.ndarray,
    lags: np.ndarray,
    permutations: int,
    seed: int | None,
    alternative: Alternative,
    n_jobs: int,
    progress: bool,
) -> np.ndarray:
    """Return the permutation p-value of each unit."""
    from joblib import Parallel, delayed
    from tqdm import tqdm

    from nqp_spatial.esda._numba import conditional_draws, tail_counts

    n = len(z)
    largest = int(np.diff(matrix.indptr).max())
    require_memory(
        16.0 * permutations * largest,
        f"{permutations} permutations of up to {largest} neighbours",
        "take fewer permutations, or weights with fewer neighbours",
    )
    if seed is None:
        seed = int(np.random.default_rng().integers(2**31))
    draws = conditional_draws(largest, n, permutations, seed)
    # The draws are common to all units, so the split between workers does not matter.
    parts = list(batches(n, max(500, n // 100)))
    jobs = (
        delayed(tail_counts)(matrix.indptr, matrix.data, z, lags, draws, part.start, part.stop)
        for part in parts
    )
    results = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")(jobs)
    bar = tqdm(results, total=len(parts), desc="units", disable=not progress)
    above, below = np.concatenate(list(bar)).T
    return np.asarray(permutation_p(above, permutations, alternative, below))
