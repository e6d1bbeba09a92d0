"""`getis_ord`: hot spots and cold spots by the local statistics of Getis and Ord."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.core.inference import two_sided_p
from nqp_spatial.core.options import Jobs, Level, Permutations, Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import Message, t
from nqp_spatial.errors import WeightsError
from nqp_spatial.esda._association import Alternative, deviations
from nqp_spatial.esda._local import (
    LocalResult,
    Permuted,
    add_clusters,
    common_fields,
    section_of,
)
from nqp_spatial.weights.spatial_weights import WeightsLike, as_weights

__all__ = ["HOT_AND_COLD", "GetisOrdResult", "getis_ord"]

HOT_AND_COLD = ("Hot spot", "Cold spot")


@dataclass(frozen=True, repr=False, eq=False, kw_only=True)
class GetisOrdResult(LocalResult):
    """Local statistics of Getis and Ord of one period.

    Attributes
    ----------
    frame : DataFrame
        One row per unit: ``value``; ``lag``, the weighted sum of the values of its neighbours, for
        Gi* also of its own; ``z``, the statistic in standard deviations from its expectation;
        ``p_value`` of the permutations (``p_normal`` without them); ``p_normal``, two-sided;
        ``cluster``, hot or cold spot if significant. With `fdr` also ``q_value``. Missing for a
        unit without neighbours, except the value.
    star : bool
        Whether the unit's own value is part of its neighbourhood (Gi*).
    variable, label : str
    period : hashable
    alpha : float
    fdr : bool
    permutations : int
    alternative : str
    spec : Spec
        ``variable, weights, period, star, permutations, seed, alpha, fdr, alternative``.
    notes : tuple of str
    tests : TestSet
        Empty: the p-values of all units are in `frame`.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> hot = nq.esda.getis_ord(panel, "income", nq.weights.contiguity(panel), period=2009)
    >>> hot.frame.columns.tolist()
    ['value', 'lag', 'z', 'p_value', 'p_normal', 'cluster']
    """

    kinds: ClassVar[tuple[str, ...]] = HOT_AND_COLD

    star: bool

    @property
    def name(self) -> Message:
        """Name of the statistic."""
        return t("Getis-Ord Gi*") if self.star else t("Getis-Ord Gi")


@checked
def getis_ord(
    panel: SpatialPanel,
    variable: str,
    weights: WeightsLike,
    *,
    period: Hashable | None = None,
    star: bool = True,
    permutations: Permutations = 999,
    seed: Seed = 0,
    alpha: Level = 0.05,
    fdr: bool = False,
    alternative: Alternative = "directed",
    n_jobs: Jobs = 1,
    progress: bool = False,
) -> GetisOrdResult:
    """Compute Gi or Gi* of one period, with its normal score and conditional permutations.

    ``z_i = (sum_j w_ij x_j - W_i m) / (s sqrt((N sum_j w_ij^2 - W_i^2) / (N - 1)))``, with W_i the
    sum of the weights of unit i. For Gi* the unit is one of its own neighbours, N = n and m, s are
    mean and standard deviation of all units; for Gi it is left out of all sums and N = n - 1.

    Parameters
    ----------
    panel : SpatialPanel
        Complete in the variable in this period; n units.
    variable : str
        A numeric column.
    weights : SpatialWeights, Graph or W
        Used as they are; the scale of a row does not matter. For Gi* the unit itself has the
        largest weight of its row.
    period : hashable, optional
        Which period; may be left out for a cross-section.
    star : bool
        Gi* (the default, as in ArcGIS), or Gi.
    permutations : int
        Conditional permutations: the unit's value stays, its neighbours draw those of other units;
        0 for none, p-values are then those of the normal distribution.
    seed : int, optional
        As in `lisa`.
    alpha : float
        Units with p (or q) below it are hot or cold spots.
    fdr : bool
        As in `lisa`.
    alternative : {"directed", "two-sided", "greater"}
        Of the permutation p-value, as in `moran`.
    n_jobs : int
        Parallel workers, through joblib.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    GetisOrdResult

    Raises
    ------
    MissingValuesError, UnbalancedPanelError, DomainError
        If values are missing, infinite or constant.
    UnmatchedIdsError
        If ids of panel and weights differ.
    WeightsError
        If there are no links.
    OptionError, PanelError
        If an option is out of range, or the panel has several periods and none is named.

    Notes
    -----
    High values among low ones are no hot spot of their own: Gi* compares the sum of a whole
    neighbourhood with the mean. Local Moran statistics show such outliers. Source: Getis and Ord
    (1992), Geographical Analysis 24(3), 189-206; Ord and Getis (1995), Geographical Analysis 27(4),
    286-306, equations 6 and 7.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> w = nq.weights.contiguity(panel)
    >>> hot = nq.esda.getis_ord(panel, "relative_income", w, period=1929, seed=0)
    >>> hot.frame.loc[["MS", "NY"], "cluster"].tolist()
    ['Cold spot', 'Hot spot']
    """
    section, period = section_of(panel, period)
    w = as_weights(weights).reordered(section.units)
    if not w.sparse.nnz:
        raise WeightsError("no unit has a neighbour; build other weights")
    values, x = (array[:, 0] for array in deviations(section, variable))
    matrix = _with_own(w.sparse) if star else w.sparse
    islands = w.units.isin(w.islands)
    lags = matrix @ x
    frame = pd.DataFrame({"value": values, "lag": matrix @ values}, index=section.units)
    frame["z"] = _scores(matrix, x, lags, star=star)
    normal = two_sided_p(frame["z"].to_numpy())
    p_values = normal
    permuted = Permuted(permutations, seed, alternative, n_jobs, progress)
    if permutations:
        # What the unit adds itself is the same in all draws.
        p_values = permuted.lag_p(w.sparse, np.ones(len(x)), x, w.sparse @ x)
    frame["p_value"], frame["p_normal"] = p_values, normal
    frame.loc[islands, ["lag", "z", "p_value", "p_normal"]] = np.nan
    classes = np.where(frame["z"] > 0, 0, 1)
    add_clusters(frame, p_values, classes, islands, HOT_AND_COLD, alpha=alpha, fdr=fdr)
    return GetisOrdResult(
        frame=frame,
        star=star,
        period=period,
        **common_fields(
            panel, variable, w, permuted, alpha=alpha, fdr=fdr, period=period, star=star
        ),
    )


def _with_own(matrix: sparse.csr_array) -> sparse.csr_array:
    """Return W with the largest weight of each row on its diagonal."""
    largest = matrix.max(axis=1).toarray().ravel()
    return sparse.csr_array(matrix + sparse.diags_array(largest))


def _scores(matrix: sparse.csr_array, x: np.ndarray, lags: np.ndarray, *, star: bool) -> np.ndarray:
    """Return standardised sums from deviations x, shape (n,); zero where they cannot vary."""
    n, sums = len(x), np.asarray(matrix.sum(axis=1))
    squares = np.asarray(matrix.power(2).sum(axis=1))
    size = n if star else n - 1
    mean = np.zeros(n) if star else -x / size
    variance = ((x**2).sum() - (0.0 if star else x**2)) / size - mean**2
    scale = (size * squares - sums**2) / (size - 1)
    # Rounding errors where all units are neighbours with equal weights.
    deviation = np.sqrt(np.where(scale > 1e-12 * sums**2, variance * scale, 0.0))
    scores: np.ndarray = np.divide(
        lags - sums * mean, deviation, out=np.zeros(n), where=deviation > 0
    )
    return scores
