"""Global Moran's I of every period at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from scipy import sparse, stats

from nqp_spatial.core.display import Block, Displayed, notes_of
from nqp_spatial.core.options import Jobs, Permutations, Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.errors import DomainError, OptionError, PanelError, WeightsError, sample
from nqp_spatial.weights.spatial_weights import WeightsLike, as_weights

if TYPE_CHECKING:
    pass

__all__ = [
    "BATCH_CELLS",
    "Alternative",
    "MoranResult",
    "check_permutations",
    "deviations",
    "moran",
    "pseudo_p_values",
    "require_links",
    "z_values",
]

Alternative = Literal["directed", "two-sided", "greater"]
# Cells of one batch of relocated data: some 32 MB.
BATCH_CELLS = 4_000_000


@dataclass(frozen=True, repr=False, eq=False)
class MoranResult(Displayed):
    """Moran's I by period.

    Attributes
    ----------
    frame : DataFrame
        One row a period: ``moran_i``, ``expected`` (under no association), ``p_value`` (of the
        permutations, or of the randomisation z-value without them), and variance, z-value and
        two-sided p-value under normality (``variance_norm, z_norm, p_norm``) and under
        randomisation (``variance_rand, z_rand, p_rand``).
    values, lag : DataFrame
        The variable and its spatial lag, units by periods.
    variable : str
    label : str
        Display label of the variable.
    permutations : int
    seed : int or None
    alternative : str
    weights_spec : str
    notes : tuple of str

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> result = nq.esda.moran(panel, "income", nq.weights.contiguity(panel), permutations=99)
    >>> result.frame.shape
    (81, 9)
    """

    frame: pd.DataFrame
    values: pd.DataFrame
    lag: pd.DataFrame
    variable: str
    label: str
    permutations: int
    seed: int | None
    alternative: str
    weights_spec: str
    notes: tuple[str, ...]

    def _blocks(self) -> list[Block]:
        how = (
            f"{self.permutations} permutations, seed {self.seed}, {self.alternative}"
            if self.permutations
            else "normal approximation under randomisation, two-sided"
        )
        return [
            f"Moran's I of {self.variable}; {self.weights_spec}",
            self.frame.iloc[:, :3],
            f"p_value: {how}",
            *notes_of(self.notes),
        ]


@checked
def moran(
    panel: SpatialPanel,
    variable: str,
    weights: WeightsLike,
    *,
    permutations: Permutations = 999,
    seed: Seed = None,
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
        permutations)``, as in GeoDa and esda: its level is 0.1 if 0.05 is read off. ``two-sided``
        doubles it; ``greater`` is the upper tail, for clustering.
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
        If there are no links, or weights add up to zero.
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
    check_permutations(permutations, alternative)
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
        frame[f"p_{name}"] = 2 * stats.norm.sf(frame[f"z_{name}"].abs())
    if permutations:
        drawn = scale * _relocated(matrix, z, permutations, seed, n_jobs, progress)
        tie = 1e-12 * np.maximum(np.abs(observed), 1e-3)
        frame["p_value"] = pseudo_p_values(
            (drawn >= observed - tie).sum(axis=0),
            (drawn <= observed + tie).sum(axis=0),
            permutations,
            alternative,
        )
    else:
        frame["p_value"] = frame["p_rand"]
    notes = []
    if len(w.islands):
        notes.append(f"{len(w.islands)} units without neighbours add nothing: {sample(w.islands)}")
    return MoranResult(
        frame=frame,
        values=pd.DataFrame(values, panel.units, panel.periods),
        lag=pd.DataFrame(lag, panel.units, panel.periods),
        variable=variable,
        label=panel.label(variable),
        permutations=permutations,
        seed=seed,
        alternative=alternative,
        weights_spec=w.spec.describe(),
        notes=tuple(notes),
    )


def check_permutations(permutations: int, alternative: str) -> None:
    """Raise `OptionError` unless both are in range."""
    if alternative not in ("directed", "two-sided", "greater"):
        raise OptionError(
            f"alternative must be 'directed', 'two-sided' or 'greater', got {alternative!r}"
        )


def require_links(matrix: sparse.csr_array) -> None:
    """Raise `WeightsError` if there are no links, or weights add up to zero."""
    if not matrix.nnz or matrix.sum() == 0:
        raise WeightsError(
            "no unit has a neighbour; build other weights"
            if not matrix.nnz
            else "the weights add up to zero, so association has no scale; use other weights"
        )


def z_values(difference: pd.Series, std_dev: np.ndarray | pd.Series) -> np.ndarray:
    """Return differences over their standard deviation; zero where they cannot vary."""
    over = np.divide(difference, std_dev, out=np.zeros(len(difference)), where=std_dev > 0)
    return np.asarray(over)


def deviations(panel: SpatialPanel, variable: str) -> tuple[np.ndarray, np.ndarray]:
    """Return values and deviations from the period's mean, units by periods, or raise."""
    values = panel.values(variable)
    if len(values) < 4:
        raise PanelError(
            f"spatial association needs four units or more, the panel has {len(values)}"
        )
    z = values - values.mean(axis=0)
    # A constant leaves deviations of rounding only.
    flat = np.abs(z).max(axis=0) <= 1e-12 * np.abs(values).max(axis=0)
    if flat.any():
        raise DomainError(
            f"{variable!r} is constant in period {sample(panel.periods[flat])}, so nothing can "
            "be associated there; select other periods"
        )
    return values, z


def pseudo_p_values(
    above: np.ndarray, below: np.ndarray, permutations: int, alternative: str
) -> np.ndarray:
    """Return permutation p-values from counts of draws at least and at most as large.

    Examples
    --------
    >>> pseudo_p_values(np.array([4]), np.array([95]), 99, "two-sided").tolist()
    [0.1]
    """
    counts = above if alternative == "greater" else np.minimum(above, below)
    p = (1 + counts) / (1 + permutations)
    return np.minimum(1.0, 2 * p) if alternative == "two-sided" else p


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
    # Where every unit is every other's neighbour alike, I is the same wherever values lie.
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
    size = max(1, min(permutations, BATCH_CELLS // z.size))
    starts = range(0, permutations, size)
    seeds = np.random.SeedSequence(seed).spawn(len(starts))

    def batch(start: int, own_seed: np.random.SeedSequence) -> np.ndarray:
        count = min(size, permutations - start)
        rng = np.random.default_rng(own_seed)
        order = rng.permuted(np.broadcast_to(np.arange(n), (count, n)), axis=1).T
        moved = z[order]  # (n, count, periods)
        lagged = (matrix @ moved.reshape(n, -1)).reshape(moved.shape)
        return np.asarray(np.einsum("nbt,nbt->bt", moved, lagged))

    jobs = (delayed(batch)(*pair) for pair in zip(starts, seeds, strict=True))
    results = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")(jobs)
    bar = tqdm(results, total=len(starts), desc="permutations", disable=not progress)
    return np.concatenate(list(bar))
