"""`geary` and `local_geary`: association by squared differences between neighbours."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.core.display import Spec
from nqp_spatial.core.options import Jobs, Level, Permutations, Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import Message, t
from nqp_spatial.errors import OptionError
from nqp_spatial.esda._association import (
    Alternative,
    deviations,
    island_notes,
    require_links,
)
from nqp_spatial.esda._global import Form, GlobalResult, Relocated, add_moments, link_sums
from nqp_spatial.esda._local import (
    LocalResult,
    Permuted,
    add_clusters,
    common_fields,
    quadrants_of,
    section_of,
)
from nqp_spatial.weights.spatial_weights import WeightsLike, as_weights

__all__ = ["SIMILARITY", "GearyResult", "LocalGearyResult", "geary", "local_geary"]

SIMILARITY = ("High-High", "Low-Low", "Other similar", "Dissimilar")


@dataclass(frozen=True, repr=False, eq=False, kw_only=True)
class GearyResult(GlobalResult):
    """Geary's c by period.

    Attributes
    ----------
    frame : DataFrame
        One row per period: ``geary_c``, ``expected`` (one), ``p_value`` (of the permutations, or of
        the randomisation z-value without them), and variance, z-value and two-sided p-value under
        normality (``variance_norm, z_norm, p_norm``) and under randomisation (``variance_rand,
        z_rand, p_rand``). A z-value is positive where neighbours are similar (c below one).
    variable, label : str
    spec : Spec
        ``variable, weights, permutations, seed, alternative``.
    notes : tuple of str

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> nq.esda.geary(panel, "income", nq.weights.contiguity(panel), permutations=99).frame.shape
    (81, 9)
    """

    column: ClassVar[str] = "geary_c"

    @property
    def name(self) -> Message:
        """Name of the statistic."""
        return t("Geary's c")


@dataclass(frozen=True, repr=False, eq=False, kw_only=True)
class LocalGearyResult(LocalResult):
    """Local Geary statistics of one period.

    Attributes
    ----------
    frame : DataFrame
        One row per unit: ``value``; ``lag``, the weighted sum of neighbours' values; ``local_c``;
        ``expected``, its mean over all choices of neighbours; ``p_value``; ``cluster``:
        ``High-High`` and ``Low-Low`` where a significant unit is similar to its neighbours and all
        are above or below the mean, ``Other similar`` where they lie around it, ``Dissimilar``
        where local_c is above its expectation. With `fdr` also ``q_value``. Missing for a unit
        without neighbours, except the value.
    variable, label : str
    period : hashable
    alpha : float
    fdr : bool
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
    >>> local = nq.esda.local_geary(panel, "income", nq.weights.contiguity(panel), period=2009)
    >>> local.frame.columns.tolist()
    ['value', 'lag', 'local_c', 'expected', 'p_value', 'cluster']
    """

    kinds: ClassVar[tuple[str, ...]] = SIMILARITY

    @property
    def name(self) -> Message:
        """Name of the statistic."""
        return t("Local Geary")


@checked
def geary(
    panel: SpatialPanel,
    variable: str,
    weights: WeightsLike,
    *,
    permutations: Permutations = 999,
    seed: Seed = 0,
    alternative: Alternative = "directed",
    n_jobs: Jobs = 1,
    progress: bool = False,
) -> GearyResult:
    """Compute Geary's c of each period, with its moments and a permutation test.

    ``c = (n - 1) / (2 S0) sum_ij w_ij (x_i - x_j)^2 / sum_i (x_i - mean)^2``, S0 the sum of W.

    Parameters
    ----------
    panel : SpatialPanel
        Balanced and complete in the variable; n units.
    variable : str
        A numeric column.
    weights : SpatialWeights, Graph or W
        Used as they are, never re-standardised or changed.
    permutations : int
        Random relocations of units, the same for all periods; 0 for none.
    seed : int, optional
        Seed of the permutations; the same for any `n_jobs`.
    alternative : {"directed", "two-sided", "greater"}
        As in `moran`; ``greater`` is the tail of clustering, of small c.
    n_jobs : int
        Parallel workers, through joblib.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    GearyResult

    Raises
    ------
    MissingValuesError, UnbalancedPanelError, DomainError
        If values are missing, infinite or constant in a period.
    UnmatchedIdsError
        If ids of panel and weights differ.
    WeightsError
        If there are no links, or the weights sum to zero.
    OptionError, PanelError
        If an option is out of range, or there are fewer than four units.

    Notes
    -----
    Source: Cliff and Ord (1981), Spatial Processes, pp. 17 and 21, for the moments.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> result = nq.esda.geary(panel, "relative_income", nq.weights.contiguity(panel), seed=0)
    >>> result.frame.loc[[1929, 2009], "geary_c"].round(3).tolist()
    [0.368, 0.591]
    """
    w = as_weights(weights)
    matrix = w.aligned(panel.units)
    require_links(matrix)
    _, z = deviations(panel, variable)
    ends = np.asarray(matrix.sum(axis=0)) + np.asarray(matrix.sum(axis=1))
    scale = (len(z) - 1) / (2 * matrix.sum()) / (z**2).sum(axis=0)
    observed = scale * (ends @ z**2 - 2 * (z * (matrix @ z)).sum(axis=0))
    frame = pd.DataFrame({"geary_c": observed, "expected": 1.0}, index=panel.periods)
    add_moments(frame, frame["expected"] - frame["geary_c"], _variances(matrix, z))
    if permutations:
        relocated = Relocated(permutations, seed, alternative, n_jobs, progress)
        form = Form(scale, matrix=-2 * matrix, squares=ends)
        frame["p_value"] = relocated.p_values(form, z, observed, opposite=True)
    return GearyResult(
        frame=frame,
        variable=variable,
        label=panel.label(variable),
        spec=Spec(
            variable=variable, weights=w, permutations=permutations, seed=seed,
            alternative=alternative,
        ),
        notes=island_notes(w),
    )  # fmt: skip


def _variances(matrix: sparse.csr_array, z: np.ndarray) -> dict[str, np.ndarray]:
    """Return the variance of c under normality and under randomisation, shapes (periods,)."""
    n = len(z)
    s0, s1, s2 = link_sums(matrix)
    kurtosis = n * (z**4).sum(axis=0) / (z**2).sum(axis=0) ** 2
    normal = ((2 * s1 + s2) * (n - 1) - 4 * s0**2) / (2 * (n + 1) * s0**2)
    random = (n - 1) * s1 * (n**2 - 3 * n + 3 - (n - 1) * kurtosis)
    random = random - (n - 1) * s2 / 4 * (n**2 + 3 * n - 6 - (n**2 - n + 2) * kurtosis)
    random = random + s0**2 * (n**2 - 3 - (n - 1) ** 2 * kurtosis)
    random = random / (n * (n - 2) * (n - 3) * s0**2)
    # If all units are neighbours of each other, c is the same for all arrangements of the values.
    variances = {"norm": np.full(z.shape[1], normal), "rand": random}
    return {name: np.where(v > 1e-10 / n**2, v, 0.0) for name, v in variances.items()}


@checked
def local_geary(
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
) -> LocalGearyResult:
    """Compute local Geary statistics of one period, with conditional permutations.

    ``c_i = sum_j w_ij (z_i - z_j)^2``, with z in standard deviations (of n) from the mean.

    Parameters
    ----------
    panel : SpatialPanel
        Complete in the variable in this period; n units.
    variable : str
        A numeric column.
    weights : SpatialWeights, Graph or W
        Used as they are, never re-standardised or changed.
    period, permutations, seed, alpha, fdr, n_jobs, progress
        As in `lisa`.
    alternative : {"directed", "two-sided", "greater"}
        As in `lisa`; ``greater`` is the tail of similar neighbours, of small c.

    Returns
    -------
    LocalGearyResult

    Raises
    ------
    MissingValuesError, UnbalancedPanelError, DomainError
        If values are missing, infinite or constant.
    UnmatchedIdsError, WeightsError, OptionError, PanelError
        As in `lisa`.

    Notes
    -----
    A unit is similar to its neighbours if c_i is below its mean over all possible neighbours,
    ``W_i sum_{j != i} (z_i - z_j)^2 / (n - 1)``. Source: Anselin (1995), Geographical Analysis
    27(2), 93-115; Anselin (2019), Geographical Analysis 51(2), 133-150, for the classes.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> w = nq.weights.contiguity(panel)
    >>> local = nq.esda.local_geary(panel, "relative_income", w, period=1929, seed=0)
    >>> local.frame.loc["MS", "cluster"]
    'Low-Low'
    """
    if permutations < 1:
        raise OptionError("local_geary finds clusters by permutations: ask for 99 or more")
    section, period = section_of(panel, period)
    w = as_weights(weights).reordered(section.units)
    require_links(w.sparse)
    values, z = (array[:, 0] for array in deviations(section, variable))
    z, n, matrix = z / z.std(), len(z), w.sparse
    sums, lags = np.asarray(matrix.sum(axis=1)), matrix @ z
    observed = sums * z**2 - 2 * z * lags + matrix @ z**2
    # Means of zero and squares that add to n: sum_j (z_i - z_j)^2 = n (z_i^2 + 1).
    expected = sums * n * (z**2 + 1) / (n - 1)
    permuted = Permuted(permutations, seed, alternative, n_jobs, progress)
    p_values = permuted.geary_p(matrix, z, observed)
    islands = w.units.isin(w.islands)
    frame = pd.DataFrame({"value": values, "lag": matrix @ values}, index=section.units)
    frame["local_c"], frame["expected"], frame["p_value"] = observed, expected, p_values
    frame.loc[islands, ["lag", "local_c", "expected", "p_value"]] = np.nan
    # High-High and Low-Low are the first of QUADRANTS and of SIMILARITY; then the others.
    classes = np.where(observed > expected, 3, np.minimum(quadrants_of(z, lags), 2))
    add_clusters(frame, p_values, classes, islands, SIMILARITY, alpha=alpha, fdr=fdr)
    return LocalGearyResult(
        frame=frame,
        period=period,
        **common_fields(panel, variable, w, permuted, alpha=alpha, fdr=fdr, period=period),
    )
