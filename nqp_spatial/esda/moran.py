"""`moran`: global Moran's I of all periods at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.inference import HypothesisTest, TestSet, two_sided_p
from nqp_spatial.core.options import Jobs, Permutations, Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.resampling import batches, permutation_p, spawned_seeds
from nqp_spatial.core.text import Message, t
from nqp_spatial.esda._association import (
    BATCH_CELLS,
    Alternative,
    deviations,
    island_notes,
    permutations_rule,
    require_links,
    z_values,
)
from nqp_spatial.weights.spatial_weights import WeightsLike, as_weights

__all__ = ["MoranResult", "moran"]


@dataclass(frozen=True, repr=False, eq=False)
class MoranResult(Displayed):
    """Moran's I by period.

    Attributes
    ----------
    frame : DataFrame
        One row per period: ``moran_i``, ``expected`` (without spatial autocorrelation),
        ``p_value`` (of the permutations, or of the randomisation z-value without them), and
        variance, z-value and two-sided p-value under normality (``variance_norm, z_norm, p_norm``)
        and under randomisation (``variance_rand, z_rand, p_rand``).
    values, lag : DataFrame
        The variable and its spatial lag, units by periods.
    variable : str
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

    _figure: ClassVar[str] = "over_periods"

    frame: pd.DataFrame
    values: pd.DataFrame
    lag: pd.DataFrame
    variable: str
    label: str
    spec: Spec
    notes: tuple[str, ...] = ()

    @property
    def tests(self) -> TestSet:
        """The test of each period, by the period as text."""
        permuted = bool(self.spec.permutations)
        column = "moran_i" if permuted else "z_rand"
        distribution = "permutation" if permuted else "normal"
        null = t("no spatial autocorrelation")
        return TestSet(
            {
                str(period): HypothesisTest(
                    t("Moran's I, {period}", period=str(period)), null,
                    float(row[column]), distribution, None, float(row["p_value"]), self._rule(),
                )
                for period, row in self.frame.iterrows()
            }
        )  # fmt: skip

    def _rule(self) -> Message:
        if self.spec.permutations:
            return permutations_rule(self.spec)
        return t("normal approximation under randomisation, two-sided")

    def _blocks(self) -> list[Block]:
        return [
            t("Moran's I of {variable}; {weights}",
              variable=self.variable, weights=self.spec.weights),
            self.frame.iloc[:, :3],
            t("p_value: {rule}", rule=self._rule()),
            *notes_of(self.notes),
        ]  # fmt: skip


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
    frame["p_value"] = np.nan
    for name, variance in _variances(matrix, z).items():
        frame[f"variance_{name}"] = variance
        frame[f"z_{name}"] = z_values(frame["moran_i"] - frame["expected"], np.sqrt(variance))
        frame[f"p_{name}"] = two_sided_p(frame[f"z_{name}"])
    if permutations:
        draws = scale * _relocated(matrix, z, permutations, seed, n_jobs, progress)
        tie = 1e-12 * np.maximum(np.abs(observed), 1e-3)
        above = (draws >= observed - tie).sum(axis=0)
        below = (draws <= observed + tie).sum(axis=0)
        frame["p_value"] = permutation_p(above, permutations, alternative, below)
    else:
        frame["p_value"] = frame["p_rand"]
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
    s0 = matrix.sum()
    s1 = ((matrix + matrix.T).power(2)).sum() / 2
    s2 = ((matrix.sum(axis=0) + matrix.sum(axis=1)) ** 2).sum()
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


def _relocated(
    matrix: sparse.csr_array,
    z: np.ndarray,
    permutations: int,
    seed: int | None,
    n_jobs: int,
    progress: bool,
) -> np.ndarray:
    """Return z'Wz of each relocation of units, shape (permutations, periods)."""
    from joblib import Parallel, delayed
    from tqdm import tqdm

    n = len(z)
    # Batches and their seeds do not depend on n_jobs, so neither do the results.
    parts = list(batches(permutations, max(1, min(permutations, BATCH_CELLS // z.size))))

    def moments(batch: slice, batch_seed: np.random.SeedSequence) -> np.ndarray:
        count = batch.stop - batch.start
        rng = np.random.default_rng(batch_seed)
        order = rng.permuted(np.broadcast_to(np.arange(n), (count, n)), axis=1).T
        moved = z[order]  # (n, count, periods)
        lagged = (matrix @ moved.reshape(n, -1)).reshape(moved.shape)
        return np.asarray(np.einsum("nbt,nbt->bt", moved, lagged))

    seeds = spawned_seeds(seed, len(parts))
    jobs = (delayed(moments)(*job) for job in zip(parts, seeds, strict=True))
    results = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")(jobs)
    bar = tqdm(results, total=len(parts), desc="permutations", disable=not progress)
    return np.concatenate(list(bar))
