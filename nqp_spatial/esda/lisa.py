"""Local Moran statistics: who is in a cluster of high or low values, and who stands out."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse, stats

from nqp_spatial.core.display import Block, Displayed, notes_of
from nqp_spatial.core.options import Jobs, Permutations, Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.sizes import require_memory
from nqp_spatial.errors import OptionError, PanelError, sample
from nqp_spatial.esda.moran import (
    Alternative,
    check_permutations,
    deviations,
    pseudo_p_values,
    require_links,
)
from nqp_spatial.weights.spatial_weights import SpatialWeights, WeightsLike, as_weights

if TYPE_CHECKING:
    pass

__all__ = ["CLUSTERS", "QUADRANTS", "LisaResult", "lisa"]

QUADRANTS = ("High-High", "Low-Low", "High-Low", "Low-High")
CLUSTERS = (*QUADRANTS, "Not significant", "No neighbours")


@dataclass(frozen=True, repr=False, eq=False)
class LisaResult(Displayed):
    """Local Moran statistics of one period.

    Attributes
    ----------
    frame : DataFrame
        One row a unit: ``value``; ``lag``, the weighted sum of neighbours' values; ``local_i``;
        ``p_value``; ``quadrant``, own value and lag against their means; ``cluster``, the quadrant
        where significant. With `fdr` also ``q_value``. A unit without neighbours has missing lag,
        statistic, p-value and quadrant.
    moran_i : float
        Global Moran's I.
    standardized : DataFrame
        ``z``, the value in standard deviations from its mean, and ``lag_z``, its spatial lag: the
        axes of Moran's scatter plot. Where rows of W add to one the slope is Moran's I.
    variable, label : str
        Column and its display label.
    period : hashable
    alpha : float
        Level below which a unit is in a cluster.
    fdr : bool
        Whether `alpha` bounds the false discovery rate (``q_value``) and not each p-value.
    permutations : int
    seed : int or None
    alternative : str
    weights_spec : str
    notes : tuple of str

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> result = nq.esda.lisa(panel, "income", nq.weights.contiguity(panel), period=2009, seed=1)
    >>> result.frame.columns.tolist()
    ['value', 'lag', 'local_i', 'p_value', 'quadrant', 'cluster']
    """

    frame: pd.DataFrame
    moran_i: float
    standardized: pd.DataFrame
    variable: str
    label: str
    period: Hashable
    alpha: float
    fdr: bool
    permutations: int
    seed: int | None
    alternative: str
    weights_spec: str
    notes: tuple[str, ...]

    @property
    def counts(self) -> pd.Series:
        """Number of units in each class of `cluster`."""
        return self.frame["cluster"].value_counts(sort=False).rename("units")

    def criterion(self) -> str:
        """Return in words what makes a unit significant.

        Examples
        --------
        >>> import nqp_spatial as nq
        >>> panel = nq.datasets.us_income()
        >>> w = nq.weights.contiguity(panel)
        >>> nq.esda.lisa(panel, "income", w, period=2009, seed=1, fdr=True).criterion()
        'false discovery rate < 0.05, 999 permutations'
        """
        what = "false discovery rate" if self.fdr else "p"
        tail = "" if self.alternative == "directed" else f" ({self.alternative})"
        return f"{what} < {self.alpha:g}{tail}, {self.permutations} permutations"

    def _blocks(self) -> list[Block]:
        return [
            f"LISA of {self.variable}, period {self.period}; {self.weights_spec}",
            f"Moran's I = {self.moran_i:.4f}; {self.criterion()}, seed {self.seed}",
            self.counts,
            *notes_of(self.notes),
        ]


@checked
def lisa(
    panel: SpatialPanel,
    variable: str,
    weights: WeightsLike,
    *,
    period: Hashable | None = None,
    permutations: Permutations = 999,
    seed: Seed = None,
    alpha: float = 0.05,
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
        Draws of other units' values for the neighbours of each unit, its own value held.
    seed : int, optional
        Seed of the draws; the same for any `n_jobs`, and the same draws as `esda.Moran_Local`.
    alpha : float
        Units with p (or q) below it are in a cluster.
    fdr : bool
        Whether to judge by Benjamini and Hochberg's q-values, which hold the share of false
        clusters down, and not by each p-value, of which some n alpha are small by chance.
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
        If there are no links, or weights add up to zero.
    OptionError, PanelError
        If an option is out of range, or the panel has several periods and none is named.

    Notes
    -----
    A draw that ties with the observed statistic counts in both tails. Counted in one, as some
    programs do, the most ordinary value of a variable with many ties gets a small p-value.
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
    check_permutations(permutations, alternative)
    if permutations < 1:
        raise OptionError("lisa finds clusters by permutations: ask for 99 or more")
    if not 0 < alpha < 1:
        raise OptionError(f"alpha must lie between 0 and 1, got {alpha!r}")
    if period is None:
        if panel.n_periods > 1:
            raise PanelError(
                f"the panel has {panel.n_periods} periods: name one, as in "
                f"period={panel.periods.tolist()[-1]!r}"
            )
        period = panel.periods[0]
    period = panel.period(period)
    one = panel if panel.n_periods == 1 else panel.select(periods=[period])
    w = as_weights(weights).reordered(one.units)
    require_links(w.sparse)
    values, z = (a[:, 0] for a in deviations(one, variable))
    lags, squares = w.sparse @ z, float(z @ z)
    p_values = _p_values(w.sparse, z, lags, permutations, seed, alternative, n_jobs, progress)
    alone = w.units.isin(w.islands)
    frame = pd.DataFrame({"value": values, "lag": w.sparse @ values}, index=one.units)
    frame["local_i"] = (len(z) - 1) * z * lags / squares
    frame["p_value"] = p_values
    frame.loc[alone, ["lag", "local_i", "p_value"]] = np.nan
    judged = frame["p_value"]
    if fdr:
        judged = pd.Series(np.nan, index=frame.index)
        judged[~alone] = stats.false_discovery_control(p_values[~alone])
    quadrant = np.array(
        [["Low-Low", "Low-High"], ["High-Low", "High-High"]], dtype=object
    )[(z > 0).astype(int), (lags > 0).astype(int)]  # fmt: skip
    cluster = np.where(judged < alpha, quadrant, "Not significant")
    cluster[alone] = "No neighbours"
    frame["quadrant"] = pd.Categorical(np.where(alone, None, quadrant), categories=QUADRANTS)
    frame["cluster"] = pd.Categorical(
        cluster, categories=CLUSTERS if alone.any() else CLUSTERS[:-1]
    )
    if fdr:
        frame["q_value"] = judged
    return LisaResult(
        frame=frame,
        moran_i=float(len(z) / w.sparse.sum() * (z @ lags) / squares),
        standardized=pd.DataFrame({"z": z, "lag_z": lags}, index=one.units) / z.std(),
        variable=variable,
        label=panel.label(variable),
        period=period,
        alpha=alpha,
        fdr=fdr,
        permutations=permutations,
        seed=seed,
        alternative=alternative,
        weights_spec=w.spec.describe(),
        notes=_notes(w, alpha, fdr, permutations),
    )


def _notes(w: SpatialWeights, alpha: float, fdr: bool, permutations: int) -> tuple[str, ...]:
    notes = []
    if len(w.islands):
        notes.append(f"{len(w.islands)} units have no neighbours: {sample(w.islands)}")
    smallest, needed = 1 / (permutations + 1), alpha / w.n_units
    if fdr and smallest > needed:
        notes.append(
            f"with {permutations} permutations no p-value is below {smallest:.2g}, so fewer than "
            f"{int(np.ceil(smallest / needed))} clusters cannot be told: take "
            f"{int(np.ceil(1 / needed))} permutations or more"
        )
    return tuple(notes)


def _p_values(
    matrix: sparse.csr_array,
    z: np.ndarray,
    lags: np.ndarray,
    permutations: int,
    seed: int | None,
    alternative: str,
    n_jobs: int,
    progress: bool,
) -> np.ndarray:
    """Return the permutation p-value of each unit."""
    from joblib import Parallel, delayed
    from tqdm import tqdm

    from nqp_spatial.esda._numba import conditional_draws, tail_counts

    n = len(z)
    most = int(np.diff(matrix.indptr).max())
    require_memory(
        16.0 * permutations * most,
        f"{permutations} permutations of up to {most} neighbours",
        "take fewer permutations, or weights with fewer neighbours",
    )
    if seed is None:
        seed = int(np.random.default_rng().integers(2**31))
    drawn = conditional_draws(most, n, permutations, seed)
    # The draws are common to all units, so the split over workers does not matter.
    step = max(500, n // 100)
    jobs = (
        delayed(tail_counts)(
            matrix.indptr, matrix.data, z, lags, drawn, start, min(start + step, n)
        )
        for start in range(0, n, step)
    )
    results = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")(jobs)
    total = -(-n // step)
    bar = tqdm(results, total=total, desc="units", disable=not progress)
    above, below = np.concatenate(list(bar)).T
    return pseudo_p_values(above, below, permutations, alternative)
