"""`density`: the distribution of a variable over time; `modality`: its number of modes."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Displayed, Spec
from nqp_spatial.core.inference import HypothesisTest, TestSet
from nqp_spatial.core.options import Positive, Range, Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.resampling import batches, permutation_p
from nqp_spatial.core.text import Message, t
from nqp_spatial.dynamics._kde import BANDWIDTHS, binned, densities, modes, outlier_message
from nqp_spatial.dynamics._states import values_of
from nqp_spatial.errors import DomainError, OptionError, PanelError, sample

__all__ = ["Bandwidth", "DensityResult", "ModalityResult", "density", "modality"]

# Maximum size of the fine grid on which sums are computed, over all periods: 128 MB.
_MOST_CELLS = 2**24
Bandwidth = (
    Literal["silverman", "sheather-jones", "silverman-by-period", "sheather-jones-by-period"]
    | Positive
)
_BY_PERIOD = "-by-period"
# Rules of single periods that differ by more: one bandwidth is too wide for some, too narrow for
# others.
_APART = 3.0


@dataclass(frozen=True, repr=False, eq=False)
class DensityResult(Displayed):
    """Kernel densities by period on one grid.

    Attributes
    ----------
    frame : DataFrame
        Density, grid points (rows) by periods.
    bandwidths : Series
        Bandwidth by period.
    modes : Series
        Number of local maxima of each density.
    values : DataFrame
        The data, units by periods.
    variable, label : str
        The column, and its label in figures.
    spec : Spec
        Options: ``periods, bandwidth, points, bounds, relative``.
    tests : TestSet
        Empty: see `modality`.
    notes : tuple of str

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> result = nq.dynamics.density(nq.datasets.us_income(), "relative_income")
    >>> result.frame.shape
    (512, 81)
    """

    frame: pd.DataFrame
    bandwidths: pd.Series
    modes: pd.Series
    values: pd.DataFrame
    variable: str
    label: str
    spec: Spec
    tests: TestSet = field(default_factory=TestSet)
    notes: tuple[str, ...] = ()

    _figure = "density_ridges"

    def _blocks(self) -> list[Block]:
        table = pd.DataFrame(
            {
                "bandwidth": self.bandwidths,
                "modes": self.modes,
                "highest_at": self.frame.idxmax(),
                "mean": self.values.mean(),
                "sd": self.values.std(),
            }
        )
        return [
            f"Densities of {self.variable}{', relative to the mean' * self.spec.relative}; "
            f"bandwidth: {self.spec.bandwidth}",
            table,
        ]


@checked
def density(
    panel: SpatialPanel,
    variable: str,
    *,
    periods: Sequence[Hashable] | None = None,
    bandwidth: Bandwidth = "silverman",
    points: Annotated[int, Range(32, 100_000)] = 512,
    bounds: tuple[float | None, float | None] = (None, None),
    relative: bool = False,
) -> DensityResult:
    """Estimate the density of a variable in each period, on one grid.

    ``f(x) = 1/(n h) sum_i phi((x - x_i) / h)``, phi the normal density.

    Parameters
    ----------
    panel : SpatialPanel
        Balanced and complete in the variable.
    variable : str
        A numeric column.
    periods : sequence, optional
        All by default.
    bandwidth : {"silverman", "sheather-jones", ...} or float
        One h for all periods: the geometric mean of what the rule gives for each period, or a
        number in units of the variable. With ``silverman-by-period`` and
        ``sheather-jones-by-period`` each period has the h of the rule; differences between periods
        may then be those of the bandwidth.
    points : int
        Number of grid points.
    bounds : (float or None, float or None)
        Bounds of the possible values, such as ``(0, None)``: density beyond the bounds is
        reflected, so that the density integrates to one inside.
    relative : bool
        Whether to divide by the period's mean over units first.

    Returns
    -------
    DensityResult

    Raises
    ------
    DomainError
        If a period's values are all equal, or some lie outside the bounds.
    OptionError, PanelError
        If an option is out of range, a period unknown, or there are fewer than three units.

    Notes
    -----
    Computed by Fourier transform of binned values: the cost hardly depends on the number of units.
    Source: Silverman (1982; 1986, section 3.5); Sheather and Jones (1991), JRSS B 53, 683-690.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> result = nq.dynamics.density(panel, "relative_income", periods=[1929, 2009])
    >>> result.bandwidths.round(3).tolist()
    [0.095, 0.095]
    >>> nq.dynamics.density(
    ...     panel, "relative_income", periods=[1929, 2009], bandwidth="silverman-by-period"
    ... ).bandwidths.round(3).tolist()
    [0.149, 0.06]
    """
    values, chosen = _values(panel, variable, periods, relative)
    h, notes = _bandwidths(values, bandwidth, chosen)
    low, high = _checked_bounds(values, bounds)
    # Three bandwidths contain all but a thousandth of the outermost kernel.
    start = values.min() - 3 * h.max() if low is None else low
    end = values.max() + 3 * h.max() if high is None else high
    if 8 * (end - start) / h.min() * len(h) > _MOST_CELLS:
        raise DomainError(outlier_message(panel, variable, values.T, h.min(), chosen))
    grid = np.linspace(start, end, int(points))
    estimates = _on_grid(values, h, grid, low, high)
    return DensityResult(
        frame=pd.DataFrame(estimates, pd.Index(grid, name=variable), chosen),
        bandwidths=pd.Series(h, chosen, name="bandwidth"),
        modes=pd.Series(modes(estimates.T), chosen, name="modes"),
        values=pd.DataFrame(values.T, panel.units, chosen),
        variable=variable,
        label=panel.label(variable),
        spec=Spec(
            periods=periods, bandwidth=bandwidth, points=points, bounds=bounds, relative=relative
        ),
        notes=notes,
    )


def _values(
    panel: SpatialPanel, variable: str, periods: Sequence[Hashable] | None, relative: bool
) -> tuple[np.ndarray, pd.Index]:
    """Return values, one row per period, and the periods."""
    values = values_of(panel, variable, relative=relative)
    if len(values) < 3:
        raise PanelError(f"a density needs at least 3 units, the panel has {len(values)}")
    chosen = panel.periods
    if periods is not None:
        if not len(periods):
            raise OptionError("periods must name at least one period, got none")
        chosen = chosen[chosen.isin(panel.require_periods(periods))]
    rows = values[:, panel.periods.get_indexer(chosen)].T
    constant = np.ptp(rows, axis=1) == 0
    if constant.any():
        raise DomainError(
            f"{variable!r} is constant in {sample(chosen[constant])}: it has no density"
        )
    return np.ascontiguousarray(rows), chosen


def _bandwidths(
    values: np.ndarray, bandwidth: Bandwidth, periods: pd.Index
) -> tuple[np.ndarray, tuple[Message, ...]]:
    """Return the bandwidth of each period, and a note where one for all suits some badly."""
    if not isinstance(bandwidth, str):
        return np.full(len(periods), float(bandwidth)), ()
    rule = BANDWIDTHS[bandwidth.removesuffix(_BY_PERIOD)]
    each = np.array([rule(row) for row in values])
    if bandwidth.endswith(_BY_PERIOD):
        return each, ()
    low, high = each.min(), each.max()
    notes: tuple[Message, ...] = ()
    if high > _APART * low:
        words = t(
            "all periods have one bandwidth, {h:.3g}; the rule gives {low:.3g} to {high:.3g} for "
            "single periods. If the scale of the variable changes over time, see relative= and "
            "bandwidth='silverman-by-period'",
            h=float(np.exp(np.log(each).mean())), low=float(low), high=float(high),
        )  # fmt: skip
        notes = (words,)
    return np.full(len(periods), np.exp(np.log(each).mean())), notes


def _checked_bounds(
    values: np.ndarray, bounds: tuple[float | None, float | None]
) -> tuple[float | None, float | None]:
    low, high = bounds
    if (low is not None and values.min() < low) or (high is not None and values.max() > high):
        raise DomainError(
            f"values run from {values.min():g} to {values.max():g}, beyond the bounds {bounds!r}"
        )
    return low, high


def _on_grid(
    values: np.ndarray, h: np.ndarray, grid: np.ndarray, low: float | None, high: float | None
) -> np.ndarray:
    """Return densities, grid points by periods."""
    # A finer grid for the sums, wide enough for the part outside the bounds, then values at the
    # grid.
    step = (grid[-1] - grid[0]) / (len(grid) - 1)
    finer = max(1, int(np.ceil(8 * step / h.min())))
    step /= finer
    beyond = int(np.ceil(6 * h.max() / step))
    counts = binned(values, grid[0], step, (len(grid) - 1) * finer + 1)
    padded = densities(np.pad(counts, ((0, 0), (beyond, beyond))), step, h)
    bounded = padded[:, beyond:-beyond].copy()
    size = bounded.shape[1] - 1
    if low is not None:
        bounded[:, 1 : beyond + 1] += padded[:, beyond - 1 :: -1][:, :size]
        bounded[:, 0] += padded[:, beyond]
    if high is not None:
        folded = padded[:, len(padded[0]) - beyond :][:, :size]
        bounded[:, size - folded.shape[1] : -1] += folded[:, ::-1]
        bounded[:, -1] += padded[:, -beyond - 1]
    return np.asarray(bounded[:, ::finer].T)


@dataclass(frozen=True, repr=False, eq=False)
class ModalityResult(Displayed):
    """Silverman's test of the number of modes.

    Attributes
    ----------
    frame : DataFrame
        By (period, modes): ``critical_bandwidth``, ``p_value`` of the null of at most this number
        of modes.
    modes : Series
        By period: the smallest number that is not rejected at 5 %; missing if all are rejected.
    variable : str
    spec : Spec
        Options, replications, seed.
    tests : TestSet
        ``"{period}: {modes}"``: the tests of the frame.
    notes : tuple of str

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income().select(periods=[1929])
    >>> result = nq.dynamics.modality(panel, "relative_income", replications=199, seed=0)
    >>> result.frame["critical_bandwidth"].round(3).tolist()
    [0.117, 0.1, 0.075]
    """

    _figure = "modality"

    frame: pd.DataFrame
    modes: pd.Series
    variable: str
    spec: Spec
    notes: tuple[str, ...] = ()

    @property
    def tests(self) -> TestSet:
        """Silverman's test of at most a given number of modes, by period and number."""
        rule = t("{replications} bootstrap samples", replications=self.spec.replications)
        return TestSet(
            {
                f"{period}: {count}": HypothesisTest(
                    t("Silverman's test"), t("at most {count} modes", count=count),
                    float(row["critical_bandwidth"]), "bootstrap", None, float(row["p_value"]),
                    rule,
                )
                for (period, count), row in self.frame.iterrows()
            }
        )  # fmt: skip

    def _blocks(self) -> list[Block]:
        return [
            f"Silverman's test of modes of {self.variable}, {self.spec.replications} bootstrap "
            "samples",
            self.frame,
        ]


@checked
def modality(
    panel: SpatialPanel,
    variable: str,
    *,
    periods: Sequence[Hashable] | None = None,
    max_modes: Annotated[int, Range(1, 20)] = 3,
    replications: Annotated[int, Range(1, 99_999)] = 999,
    relative: bool = False,
    seed: Seed = 0,
) -> ModalityResult:
    """Test how many modes the distribution of each period has.

    The critical bandwidth ``h_k`` is the smallest for which the density has at most k modes.
    Smoothed bootstrap samples ``mean + (x_j - mean + h_k e) / sqrt(1 + h_k^2 / s^2)`` have more
    than k modes at ``h_k`` in a share p of samples.

    Parameters
    ----------
    panel : SpatialPanel
        Balanced and complete in the variable.
    variable : str
        A numeric column.
    periods : sequence, optional
        All by default.
    max_modes : int
        Nulls of at most one mode, at most two, up to this number are tested.
    replications : int
        Bootstrap samples.
    relative : bool
        Whether to divide by the period's mean over units first.
    seed : int, optional

    Returns
    -------
    ModalityResult

    Raises
    ------
    DomainError, OptionError, PanelError
        As in `density`.

    Notes
    -----
    The test is conservative for one mode: at the 5 % level it rejects for about 1 % of normal
    samples (Hall and York 2001). Source: Silverman (1981), JRSS B 43, 97-99.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income().select(periods=[1929])
    >>> result = nq.dynamics.modality(panel, "relative_income", replications=199, seed=0)
    >>> int(result.modes[1929])
    1
    """
    values, chosen = _values(panel, variable, periods, relative)
    rng = np.random.default_rng(seed)
    rows = {}
    for period, x in zip(chosen, values, strict=True):
        for k in range(1, max_modes + 1):
            h = critical_bandwidth(x, k)
            extreme = (_resampled_modes(x, h, replications, rng) > k).sum()
            rows[period, k] = h, permutation_p(extreme, replications)
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=["critical_bandwidth", "p_value"])
    frame.index = pd.MultiIndex.from_tuples(list(rows), names=["period", "modes"])
    accepted = frame["p_value"].unstack("modes") >= 0.05
    least = accepted.idxmax(axis=1).where(accepted.any(axis=1))
    spec = Spec(
        periods=periods, max_modes=max_modes, replications=replications, relative=relative,
        seed=seed,
    )  # fmt: skip
    return ModalityResult(frame, least.astype("Int64"), variable, spec)


_GRID = 1024


def _modes_of(x: np.ndarray, h: float) -> np.ndarray:
    """Count the modes of each row's density with bandwidth h."""
    low, high = x.min() - 3 * h, x.max() + 3 * h
    points = max(_GRID, int(np.ceil((high - low) / h * 8)))
    step = (high - low) / (points - 1)
    return modes(densities(binned(x, low, step, points), step, np.full(len(x), h)))


def critical_bandwidth(x: np.ndarray, max_modes: int) -> float:
    """Return the smallest bandwidth with at most this number of modes, to a ten-thousandth.

    With a normal kernel the number of modes does not increase with h (Silverman 1981).
    """
    high = float(np.ptp(x))
    low = high / 1000
    if _modes_of(x[None], low)[0] <= max_modes:
        return low
    while high / low > 1 + 1e-4:
        middle = float(np.sqrt(low * high))
        if _modes_of(x[None], middle)[0] <= max_modes:
            high = middle
        else:
            low = middle
    return high


def _resampled_modes(
    x: np.ndarray, h: float, replications: int, rng: np.random.Generator
) -> np.ndarray:
    n, counts = len(x), []
    for batch in batches(replications, max(1, 2_000_000 // max(n, _GRID))):
        size = batch.stop - batch.start
        draws = x[rng.integers(0, n, (size, n))] + h * rng.normal(size=(size, n))
        shrunk = x.mean() + (draws - x.mean()) / np.sqrt(1 + h**2 / x.var())
        counts.append(_modes_of(shrunk, h))
    return np.concatenate(counts)
