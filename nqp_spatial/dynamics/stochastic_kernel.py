"""`stochastic_kernel`: transitions of units by their level, or by that of their neighbours."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.inference import TestSet
from nqp_spatial.core.options import Count, Positive, Range, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.periods import require_even_steps
from nqp_spatial.core.text import Message, t
from nqp_spatial.dynamics import _transitions as transitions
from nqp_spatial.dynamics._kde import gaussian_rows, outlier_message, robust_scale
from nqp_spatial.dynamics._states import matrix_without_islands, values_of
from nqp_spatial.errors import DomainError, OptionError, PanelError
from nqp_spatial.weights.spatial_weights import WeightsLike, as_weights

__all__ = ["KernelResult", "stochastic_kernel"]

_BINS = 512
_MOST_BANDWIDTHS = 2000  # four bins per bandwidth, squared: 512 MB
_ENOUGH = 0.005  # minimum share of the pairs for a row to be shown


@dataclass(frozen=True, repr=False, eq=False)
class KernelResult(Displayed):
    """A stochastic kernel, the density of a value given another.

    Attributes
    ----------
    frame : DataFrame
        By (x, y): ``conditional, joint``.
    conditional : DataFrame
        ``f(y | x)``: rows x (own value, or that of the neighbours), columns y; each row integrates
        to one, and is missing where there are no data nearby.
    joint : DataFrame
        ``f(x, y)``.
    marginal : Series
        ``f(x)``.
    ergodic : Series
        The stationary density of the kernel, over y; missing if conditional on neighbours,
        or not unique.
    bandwidths : Series
        Bandwidths of ``x`` and ``y``.
    pairs : DataFrame
        The data, columns ``x, y``, by (unit, period of x).
    variable, label : str
        The column, and its label in figures.
    spec : Spec
        Options: ``condition`` ("own" or "neighbours"), ``step`` (periods from x to y), weights,
        ``bandwidth, points, relative``.
    notes : tuple of str
    tests : TestSet
        Empty.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> kernel = nq.dynamics.stochastic_kernel(panel, "relative_income", step=5)
    >>> kernel.conditional.shape
    (101, 101)
    """

    conditional: pd.DataFrame
    joint: pd.DataFrame
    marginal: pd.Series
    ergodic: pd.Series
    bandwidths: pd.Series
    pairs: pd.DataFrame
    variable: str
    label: str
    spec: Spec
    notes: tuple[str, ...]
    tests: TestSet = field(default_factory=TestSet)

    _figure = "kernel_surface"

    @property
    def frame(self) -> pd.DataFrame:
        """Conditional and joint densities, one row per pair of grid points."""
        return pd.DataFrame(
            {
                "conditional": self.conditional.stack(future_stack=True),
                "joint": self.joint.stack(future_stack=True),
            }
        )

    @property
    def supported(self) -> pd.Series:
        """Which x have enough data: the interval around the median of x, by x.

        The kernel's weights at x must sum to half a percent of the pairs, ``2 sqrt(pi) h f(x) >=
        0.005``: elsewhere the kernel rests on few units.
        """
        x = self.conditional.index.to_numpy()
        weight = 2 * np.sqrt(np.pi) * self.bandwidths["x"] * self.marginal.to_numpy()
        low, high = self.pairs["x"].min(), self.pairs["x"].max()
        enough = (weight >= _ENOUGH) & (x >= low) & (x <= high)
        stretch = np.cumsum(np.diff(enough, prepend=False))
        middle = int(np.searchsorted(x, self.pairs["x"].median()))
        supported = enough & (stretch == stretch[middle])
        return pd.Series(supported, self.conditional.index, name="supported")

    @property
    def expected(self) -> pd.Series:
        """``E(y | x)``, where x has enough data; on the 45-degree line if no unit moves."""
        y = self.conditional.columns.to_numpy()
        mean = np.nan_to_num(self.conditional.to_numpy()) @ y * (y[1] - y[0])
        return pd.Series(mean, self.conditional.index, name="expected")[self.supported]

    def _blocks(self) -> list[Block]:
        neighbours = self.spec.condition == "neighbours"
        condition = "its neighbours' mean" if neighbours else "its own value"
        peak = []  # conditional on neighbours there is no long run
        if self.ergodic.notna().all():
            peak = [f"The ergodic density is highest at {self.ergodic.idxmax():.4g}"]
        return [
            f"Stochastic kernel of {self.variable}"
            f"{', relative to the mean' * self.spec.relative} given {condition}, "
            f"{self.spec.step} periods later; {len(self.pairs)} pairs, bandwidths "
            f"{self.bandwidths['x']:.4g} and {self.bandwidths['y']:.4g}",
            *peak,
            *notes_of(self.notes),
        ]


@checked
def stochastic_kernel(
    panel: SpatialPanel,
    variable: str,
    weights: WeightsLike | None = None,
    *,
    step: Count = 1,
    bandwidth: tuple[Positive, Positive] | None = None,
    points: Annotated[int, Range(20, 500)] = 101,
    relative: bool = False,
) -> KernelResult:
    """Estimate the density of the value `step` periods later, given the current value or its lag.

    ``f(y | x) = f(x, y) / f(x)``, with a normal product kernel. x is the unit's own value at t, or
    with weights the mean ``W y_t`` of its neighbours; y its value at t + step, all periods pooled.

    Parameters
    ----------
    panel : SpatialPanel
        Balanced and complete in the variable.
    variable : str
        A numeric column.
    weights : SpatialWeights, Graph or W, optional
        Neighbours, for the spatially conditioned kernel; rows should add to one.
    step : int
        Periods between x and y; 0 only with weights.
    bandwidth : (float, float), optional
        Bandwidths of x and y; by default ``s n^(-1/6)`` with s the smaller of the standard
        deviation and the interquartile range over 1.349 (Silverman 1986, equation 4.14).
    points : int
        Number of grid points on each axis.
    relative : bool
        Whether to divide by the period's mean over units first.

    Returns
    -------
    KernelResult

    Raises
    ------
    DomainError
        If values are constant.
    IslandError
        If units have no neighbours.
    PanelError, OptionError, UnmatchedIdsError
        If periods are too few, an option is out of range, or ids differ.

    Notes
    -----
    A ridge along the 45-degree line indicates persistence (of own values), and a ridge parallel to
    the x axis a distribution that does not depend on x. The ergodic density solves ``f(y) =
    integral f(y | x) f(x) dx`` on the grid.

    Source: Quah (1997), Journal of Economic Growth 2, 27-59.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> w = nq.weights.contiguity(panel)
    >>> nq.dynamics.stochastic_kernel(panel, "relative_income", w, step=0).spec.condition
    'neighbours'
    """
    panel.require_balanced()
    if step == 0 and weights is None:
        raise OptionError("step must be a whole number from 1, got 0; with weights it may be 0")
    if panel.n_periods <= step:
        raise PanelError(
            f"a move over {step} periods needs at least {step + 1} periods, the panel has "
            f"{panel.n_periods}"
        )
    if step:
        require_even_steps(panel.periods, "a stochastic kernel")
    values = values_of(panel, variable, relative=relative)
    w = None if weights is None else as_weights(weights)
    before = values if w is None else np.asarray(matrix_without_islands(w, panel.units) @ values)
    starts = panel.periods[: panel.n_periods - step]
    x, y = before[:, : len(starts)].ravel(), values[:, step:].ravel()
    for name, axis in (("x", x), ("y", y)):
        if np.ptp(axis) == 0:
            raise DomainError(f"{variable!r} is constant as {name} of the kernel: {axis[0]:g}")
    h = _bandwidths(x, y, bandwidth)
    grid = _grid(panel, variable, values, x, y, h, int(points))
    joint, marginal = _smoothed(x, y, h, grid)
    # Rows are missing where the kernel vanishes because they are far from all data.
    mass = joint.sum(axis=1, keepdims=True) * (grid[1] - grid[0])
    none = np.full(joint.shape, np.nan)
    conditional = np.divide(joint, mass, out=none, where=mass > 1e-200)
    ergodic, reason = np.full(len(grid), np.nan), None
    if w is None:
        ergodic, reason = _ergodic(conditional, grid, marginal)
    rows, columns = pd.Index(grid, name="x"), pd.Index(grid, name="y")
    index = pd.MultiIndex.from_product([panel.units, starts], names=["unit", "period"])
    return KernelResult(
        conditional=pd.DataFrame(conditional, rows, columns),
        joint=pd.DataFrame(joint, rows, columns),
        marginal=pd.Series(marginal, rows, name="density"),
        ergodic=pd.Series(ergodic, columns, name="ergodic"),
        bandwidths=pd.Series({"x": h[0], "y": h[1]}, name="bandwidth"),
        pairs=pd.DataFrame({"x": x, "y": y}, index),
        variable=variable,
        label=panel.label(variable),
        spec=Spec(
            condition="own" if w is None else "neighbours", weights=w, step=int(step),
            bandwidth=bandwidth, points=points, relative=relative,
        ),
        notes=(t("ergodic density missing: {reason}", reason=reason),) if reason else (),
    )  # fmt: skip


def _bandwidths(
    x: np.ndarray, y: np.ndarray, bandwidth: tuple[float, float] | None
) -> tuple[float, float]:
    if bandwidth is None:
        shrink = len(x) ** (-1 / 6)
        return robust_scale(x) * shrink, robust_scale(y) * shrink
    return float(bandwidth[0]), float(bandwidth[1])


def _grid(
    panel: SpatialPanel,
    variable: str,
    values: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    h: tuple[float, float],
    points: int,
) -> np.ndarray:
    """Return the points of both axes, or raise where a kernel would vanish between them."""
    low, high = min(x.min(), y.min()) - 3 * max(h), max(x.max(), y.max()) + 3 * max(h)
    if high - low > min(6 * points, _MOST_BANDWIDTHS) * min(h):
        raise DomainError(
            outlier_message(panel, variable, values, min(h))
            + f", or pass points= (up to 500, got {points})"
        )
    return np.linspace(low, high, points)


def _smoothed(
    x: np.ndarray, y: np.ndarray, h: tuple[float, float], grid: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return joint and marginal densities on the grid: data are binned, then smoothed by axis."""
    fine = max(_BINS, int(np.ceil((grid[-1] - grid[0]) / min(h) * 4)) + 1)
    bins = np.linspace(grid[0], grid[-1], fine)
    step = bins[1] - bins[0]
    counts = _binned_pairs((x - bins[0]) / step, (y - bins[0]) / step, fine) / len(x)
    across, along = gaussian_rows(grid, bins, h[0]), gaussian_rows(grid, bins, h[1])
    return across @ counts @ along.T, across @ counts.sum(axis=1)


def _binned_pairs(x: np.ndarray, y: np.ndarray, size: int) -> np.ndarray:
    """Distribute pairs, in units of bins, over the four surrounding bins; x in rows."""
    i, j = (np.clip(np.floor(axis).astype(np.int64), 0, size - 2) for axis in (x, y))
    a, b = x - i, y - j
    total = np.zeros(size * size)
    for right, up, share in (
        (0, 0, (1 - a) * (1 - b)), (0, 1, (1 - a) * b), (1, 0, a * (1 - b)), (1, 1, a * b),
    ):  # fmt: skip
        total += np.bincount((i + right) * size + j + up, share, size * size)
    return total.reshape(size, size)


def _ergodic(
    conditional: np.ndarray, grid: np.ndarray, marginal: np.ndarray
) -> tuple[np.ndarray, Message | None]:
    """Return the stationary density of the kernel, or the reason why there is none."""
    step = grid[1] - grid[0]
    p = conditional * step
    # Points without data nearby are excluded.
    known = marginal > 1e-8 * marginal.max()
    p = p[np.ix_(known, known)]
    # Probabilities below a billionth would connect classes that are separate in the data.
    p[p < 1e-9] = 0.0
    # Where grid points are far apart relative to the bandwidth, a row may lead to no known point.
    total = p.sum(axis=1, keepdims=True)
    p = np.divide(p, total, out=np.full_like(p, np.nan), where=total > 0)
    distribution, _, reason = transitions.ergodic(p)
    density = np.full(len(grid), np.nan)
    if reason:
        return density, reason
    density[:] = 0.0
    density[known] = np.maximum(distribution, 0.0) / step
    return density, None
