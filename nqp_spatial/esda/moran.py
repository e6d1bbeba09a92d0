"""`moran`: global Moran's I of all periods at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.core.display import Spec
from nqp_spatial.core.options import Jobs, Permutations, Seed, checked
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
from nqp_spatial.weights.spatial_weights import WeightsLike, as_weights

__all__ = ["MoranResult", "moran"]


@dataclass(frozen=True, repr=False, eq=False, kw_only=True)
class MoranResult(GlobalResult):
    """Moran's I by period.

    Attributes
    ----------
    frame : DataFrame
        One row per period: ``moran_i``, ``expected`` (without spatial autocorrelation),
        ``p_value`` (of the permutations, or of the randomisation z-value without them), and
        variance, z-value and two-sided p-value under normality (``variance_norm, z_norm, p_norm``)
        and under randomisation (``variance_rand, z_rand, p_rand``).
    values, lag : DataFrame
        The variable, and the spatial lag of it or of the other one, units by periods.
    variable : str
    other : str, optional
        Column whose spatial lag is taken, for bivariate statistics.
    label : str
        Display label of the variable.
    spec : Spec
        ``variable, weights, permutations, seed, alternative``.
    notes : tuple of str

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> result = nq.esda.moran(panel, "income", nq.weights.contiguity(panel), permutations=99)
    >>> result.frame.shape
    (81, 9)
    """

    column: ClassVar[str] = "moran_i"

    values: pd.DataFrame
    lag: pd.DataFrame
    other: str | None = None

    @property
    def name(self) -> Message:
        """Name of the statistic."""
        return t("Moran's I") if self.other is None else t("Bivariate Moran's I")

    def _title(self) -> Message:
        if self.other is None:
            return super()._title()
        return t(
            "Bivariate Moran's I of {variable} and neighbours' {other}; {weights}",
            variable=self.variable, other=self.other, weights=self.spec.weights,
        )  # fmt: skip


@checked
def moran(
    panel: SpatialPanel,
    variable: str,
    weights: WeightsLike,
    *,
    permutations: Permutations = 999,
    seed: Seed = 0,
    alternative: Alternative = "directed",
    n_jobs: Jobs = 1,
    progress: bool = False,
) -> MoranResult:
    """Compute Moran's I of each period, with its moments and a permutation test.

    ``I = (n / S0) z'Wz / z'z``, with z the deviations from the period's mean and S0 the sum of W.

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
        Of the permutation p-value. ``directed`` is the smaller tail, ``(1 + count) / (1 +
        permutations)``, as in GeoDa and esda: a test at 0.05 has size 0.1. ``two-sided``
        doubles it; ``greater`` is the upper tail, against clustering.
    n_jobs : int
        Parallel workers, through joblib.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    MoranResult

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
    Ties count on both sides. Source: Cliff and Ord (1981), Spatial Processes, pp. 17-21 and 42-46,
    for the moments.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> w = nq.weights.contiguity(panel)
    >>> result = nq.esda.moran(panel, "relative_income", w, seed=0)
    >>> result.frame.loc[[1929, 2009], "moran_i"].round(3).tolist()
    [0.627, 0.429]
    """
    w = as_weights(weights)
    matrix = w.aligned(panel.units)
    require_links(matrix)
    values, z = deviations(panel, variable)
    lag = np.asarray(matrix @ values)
    squares = (z**2).sum(axis=0)
    scale = len(z) / matrix.sum() / squares
    observed = scale * (z * (matrix @ z)).sum(axis=0)
    frame = pd.DataFrame({"moran_i": observed}, index=panel.periods)
    frame["expected"] = -1 / (len(z) - 1)
    add_moments(frame, frame["moran_i"] - frame["expected"], _variances(matrix, z))
    if permutations:
        relocated = Relocated(permutations, seed, alternative, n_jobs, progress)
        frame["p_value"] = relocated.p_values(Form(scale, matrix=matrix), z, observed)
    return MoranResult(
        frame=frame,
        values=pd.DataFrame(values, panel.units, panel.periods),
        lag=pd.DataFrame(lag, panel.units, panel.periods),
        variable=variable,
        label=panel.label(variable),
        spec=Spec(
            variable=variable, weights=w, permutations=permutations, seed=seed,
            alternative=alternative,
        ),
        notes=island_notes(w),
    )  # fmt: skip


def _variances(matrix: sparse.csr_array, z: np.ndarray) -> dict[str, np.ndarray]:
    """Return the variance of I under normality and under randomisation, shapes (periods,)."""
    n = len(z)
    s0, s1, s2 = link_sums(matrix)
    kurtosis = n * (z**4).sum(axis=0) / (z**2).sum(axis=0) ** 2
    expected_square = 1 / (n - 1) ** 2
    normal = (n**2 * s1 - n * s2 + 3 * s0**2) / ((n**2 - 1) * s0**2)
    random = n * ((n**2 - 3 * n + 3) * s1 - n * s2 + 3 * s0**2)
    random = random - kurtosis * ((n**2 - n) * s1 - 2 * n * s2 + 6 * s0**2)
    random = random / ((n - 1) * (n - 2) * (n - 3) * s0**2)
    # If all units are neighbours of each other, I is the same for all arrangements of the values.
    floor = 1e-10 * expected_square
    variances = {
        "norm": np.full(z.shape[1], normal - expected_square),
        "rand": random - expected_square,
    }
    return {name: np.where(v > floor, v, 0.0) for name, v in variances.items()}


@checked
def bivariate_moran(
    panel: SpatialPanel,
    variable: str,
    other: str,
    weights: WeightsLike,
    *,
    permutations: Permutations = 999,
    seed: Seed = 0,
    alternative: Alternative = "directed",
    n_jobs: Jobs = 1,
    progress: bool = False,
) -> MoranResult:
    """Compute Moran's I between a variable and its neighbours' values of another, by period.

    ``I = (n / S0) x'Wz / sqrt(x'x z'z)``, with x and z the deviations of `variable` and `other`
    from the period's means and S0 the sum of W.

    Parameters
    ----------
    panel : SpatialPanel
        Balanced and complete in both variables; n units.
    variable : str
        The column of the unit itself.
    other : str
        The column whose spatial lag is taken.
    weights : SpatialWeights, Graph or W
        Used as they are, never re-standardised or changed.
    permutations : int
        Random relocations of the values of `other`, the same for all periods; 0 for none.
    seed, alternative, n_jobs, progress
        As in `moran`.

    Returns
    -------
    MoranResult
        Its moments are those of random relocations of z: expectation zero and variance
        ``(n / S0)^2 sum_j (a_j - mean(a))^2 / ((n - 1) x'x)``, with a = W'x.

    Raises
    ------
    MissingValuesError, UnbalancedPanelError, DomainError, UnmatchedIdsError, WeightsError
        As in `moran`.
    OptionError, PanelError
        If both variables are the same, an option is out of range, or there are fewer than four
        units.

    Notes
    -----
    Relocation of one variable also removes its correlation with the other within units, so the
    test is one of no relation at all. Source: Wartenberg (1985), Geographical Analysis 17(4),
    263-283; Anselin, Syabri and Smirnov (2002).

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> w = nq.weights.contiguity(panel)
    >>> result = nq.esda.bivariate_moran(panel, "lgsp", "unemp", w, seed=0)
    >>> round(float(result.frame.loc[1986, "moran_i"]), 3)
    0.185
    """
    if variable == other:
        raise OptionError(f"other must differ from variable, both are {variable!r}: use moran")
    w = as_weights(weights)
    matrix = w.aligned(panel.units)
    require_links(matrix)
    values, x = deviations(panel, variable)
    others, z = deviations(panel, other)
    n = len(x)
    scale = n / matrix.sum() / np.sqrt((x**2).sum(axis=0) * (z**2).sum(axis=0))
    reach = matrix.T @ x
    observed = scale * (reach * z).sum(axis=0)
    frame = pd.DataFrame({"moran_i": observed, "expected": 0.0}, index=panel.periods)
    variance = reach.var(axis=0) * n / (n - 1) * (z**2).sum(axis=0) * scale**2
    variance = np.where(variance > 1e-12 / (n - 1) ** 2, variance, 0.0)
    add_moments(frame, frame["moran_i"] - frame["expected"], {"rand": variance})
    if permutations:
        relocated = Relocated(permutations, seed, alternative, n_jobs, progress)
        frame["p_value"] = relocated.p_values(Form(scale, products=reach), z, observed)
    return MoranResult(
        frame=frame,
        values=pd.DataFrame(values, panel.units, panel.periods),
        lag=pd.DataFrame(np.asarray(matrix @ others), panel.units, panel.periods),
        variable=variable,
        other=other,
        label=panel.label(variable),
        spec=Spec(
            variable=variable, other=other, weights=w, permutations=permutations, seed=seed,
            alternative=alternative,
        ),
        notes=island_notes(w),
    )  # fmt: skip
