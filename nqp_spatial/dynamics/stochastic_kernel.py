"""`stochastic_kernel`: where units of each level go, and with which neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Displayed, notes_of
from nqp_spatial.core.options import Count, Positive, Range, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.periods import require_even_steps
from nqp_spatial.dynamics import _transitions as chains
from nqp_spatial.dynamics._kde import far_from_the_rest, gaussian_rows, robust_spread
from nqp_spatial.dynamics._states import values_of
from nqp_spatial.errors import DomainError, IslandError, OptionError, PanelError, sample
from nqp_spatial.weights.spatial_weights import WeightsLike, as_weights

if TYPE_CHECKING:
    pass

__all__ = ["KernelResult", "stochastic_kernel"]

_BINS = 512
_MOST_BANDWIDTHS = 2000  # four bins for each, squared: 512 MB
_ENOUGH = 0.005  # of the pairs, for a row to be shown


@dataclass(frozen=True, repr=False, eq=False)
class KernelResult(Displayed):
    """A stochastic kernel, the density of a value given another.

    Attributes
    ----------
    conditional : DataFrame
        ``f(y | x)``: rows x (where units are, or their neighbours), columns y; each row integrates
        to one, and is missing where no data are near.
    joint : DataFrame
        ``f(x, y)``.
    marginal : Series
        ``f(x)``.
    ergodic : Series
        The density that the kernel leaves as it is, over y; missing if conditional on neighbours,
        or not unique.
    given : {"own", "neighbours"}
    step : int
        Periods from x to y.
    bandwidths : tuple of float
        Of x and y.
    pairs : DataFrame
        The data, columns ``x, y``, by (unit, period of x).
    variable : str
    relative : bool
    notes : tuple of str
    label : str
        What figures call the variable.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> found = nq.dynamics.stochastic_kernel(nq.datasets.us_income(), "relative_income", step=5)
    >>> found.conditional.shape
    (101, 101)
    """

    conditional: pd.DataFrame
    joint: pd.DataFrame
    marginal: pd.Series
    ergodic: pd.Series
    given: Literal["own", "neighbours"]
    step: int
    bandwidths: tuple[float, float]
    pairs: pd.DataFrame
    variable: str
    relative: bool
    notes: tuple[str, ...]
    label: str

    @property
    def inside(self) -> np.ndarray:
        """Which rows rest on data: the stretch around the median of x with pairs enough.

        The kernel's weights at x must add up to a half percent of the pairs, ``2 sqrt(pi) h f(x) >=
        0.005``: beyond, the kernel shows single units.
        """
        x = self.conditional.index.to_numpy()
        weight = 2 * np.sqrt(np.pi) * self.bandwidths[0] * self.marginal.to_numpy()
        low, high = self.pairs["x"].min(), self.pairs["x"].max()
        enough = (weight >= _ENOUGH) & (x >= low) & (x <= high)
        stretch = np.cumsum(np.diff(enough, prepend=False))
        middle = int(np.searchsorted(x, self.pairs["x"].median()))
        return np.asarray(enough & (stretch == stretch[middle]))

    @property
    def expected(self) -> pd.Series:
        """``E(y | x)``, for rows that rest on data; on the 45-degree line where nothing moves."""
        y = self.conditional.columns.to_numpy()
        mean = np.nan_to_num(self.conditional.to_numpy()) @ y * (y[1] - y[0])
        return pd.Series(mean, self.conditional.index, name="expected")[self.inside]

    def _blocks(self) -> list[Block]:
        what = "its neighbours' mean" if self.given == "neighbours" else "its own value"
        peak = []  # given the neighbours there is no long run
        if self.ergodic.notna().all():
            peak = [f"The ergodic density is highest at {self.ergodic.idxmax():.4g}"]
        return [
            f"Stochastic kernel of {self.variable}{', relative to the mean' * self.relative} given "
            f"{what}, {self.step} periods later; {len(self.pairs)} pairs, bandwidths "
            f"{self.bandwidths[0]:.4g} and {self.bandwidths[1]:.4g}",
            *peak,
            *notes_of(self.notes),
        ]


@checked
def stochastic_kernel(
    panel: SpatialPanel,
    variable: str,
    *,
    step: Count = 1,
    w: WeightsLike | None = None,
    bandwidth: tuple[Positive, Positive] | None = None,
    points: Annotated[int, Range(20, 500)] = 101,
    relative: bool = False,
) -> KernelResult:
    """Estimate the density of the value `step` periods later, given the value now or around.

    ``f(y | x) = f(x, y) / f(x)``, with a normal product kernel. x is the unit's own value at t, or
    with weights the mean ``W y_t`` of its neighbours; y its value at t + step, all periods pooled.

    Parameters
    ----------
    panel : SpatialPanel
        Balanced and complete in the variable.
    variable : str
        A numeric column.
    step : int
        Periods between x and y; 0 only with weights.
    w : SpatialWeights, Graph or W, optional
        Neighbours, for the spatially conditioned kernel; rows should add to one.
    bandwidth : (float, float), optional
        Of x and y; by default ``s n^(-1/6)`` with s the smaller of the standard deviation and the
        interquartile range over 1.349 (Silverman 1986, equation 4.14).
    points : int
        Of each axis.
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
    Read a ridge along the 45-degree line as persistence (of own values), and a ridge parallel to
    the x axis as a distribution that does not depend on x. The ergodic density solves ``f(y) =
    integral f(y | x) f(x) dx`` on the grid.

    Source: Quah (1997), Journal of Economic Growth 2, 27-59.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> w = nq.weights.contiguity(panel)
    >>> nq.dynamics.stochastic_kernel(panel, "relative_income", step=0, w=w).given
    'neighbours'
    """
    panel.require_balanced()
    if step == 0 and w is None:
        raise OptionError("step must be a whole number from 1, got 0; with weights it may be 0")
    if panel.n_periods <= step:
        raise PanelError(
            f"a move over {step} periods needs at least {step + 1} periods, the panel has "
            f"{panel.n_periods}"
        )
    if step:
        require_even_steps(panel.periods, "a stochastic kernel")
    values = values_of(panel, variable, relative=relative)
    last = panel.n_periods - step
    around = values if w is None else _around(panel, values, w)
    x, y = around[:, :last].ravel(), values[:, step:].ravel()
    for name, of in (("x", x), ("y", y)):
        if np.ptp(of) == 0:
            raise DomainError(f"{variable!r} is constant as {name} of the kernel: {of[0]:g}")
    h = _bandwidths(x, y, bandwidth)
    low, high = min(x.min(), y.min()) - 3 * max(h), max(x.max(), y.max()) + 3 * max(h)
    if high - low > min(6 * points, _MOST_BANDWIDTHS) * min(h):
        # Between grid points so far apart a kernel vanishes.
        raise DomainError(
            far_from_the_rest(panel, variable, values, min(h))
            + f", or pass points= (up to 500, got {points})"
        )
    grid = np.linspace(low, high, int(points))
    joint, marginal = _smoothed(x, y, h, grid)
    # Rows so far from all data that nothing is left of the kernel are missing.
    mass = joint.sum(axis=1, keepdims=True) * (grid[1] - grid[0])
    none = np.full(joint.shape, np.nan)
    conditional = np.divide(joint, mass, out=none, where=mass > 1e-200)
    ergodic = np.full(len(grid), np.nan)
    notes: list[str] = []
    if w is None:
        ergodic, notes = _ergodic(conditional, grid, marginal)
    rows, columns = pd.Index(grid, name="x"), pd.Index(grid, name="y")
    pairs = pd.MultiIndex.from_product([panel.units, panel.periods[:last]])
    return KernelResult(
        conditional=pd.DataFrame(conditional, rows, columns),
        joint=pd.DataFrame(joint, rows, columns),
        marginal=pd.Series(marginal, rows, name="density"),
        ergodic=pd.Series(ergodic, columns, name="ergodic"),
        given="own" if w is None else "neighbours",
        step=int(step),
        bandwidths=h,
        pairs=pd.DataFrame({"x": x, "y": y}, pairs.set_names(["unit", "period"])),
        variable=variable,
        relative=relative,
        notes=tuple(notes),
        label=panel.label(variable),
    )


def _around(panel: SpatialPanel, values: np.ndarray, weights: WeightsLike) -> np.ndarray:
    w = as_weights(weights)
    matrix = w.aligned(panel.units)
    if len(w.islands):
        raise IslandError(
            f"{len(w.islands)} units have no neighbours: {sample(w.islands)}; attach them "
            "(islands='nearest') or leave them out of the panel"
        )
    return np.asarray(matrix @ values)


def _bandwidths(
    x: np.ndarray, y: np.ndarray, given: tuple[float, float] | None
) -> tuple[float, float]:
    if given is None:
        shrink = len(x) ** (-1 / 6)
        return robust_spread(x) * shrink, robust_spread(y) * shrink
    return float(given[0]), float(given[1])


def _smoothed(
    x: np.ndarray, y: np.ndarray, h: tuple[float, float], grid: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return joint and marginal densities on the grid: data are binned, then smoothed by sides."""
    fine = max(_BINS, int(np.ceil((grid[-1] - grid[0]) / min(h) * 4)) + 1)
    bins = np.linspace(grid[0], grid[-1], fine)
    step = bins[1] - bins[0]
    counts = _binned_pairs((x - bins[0]) / step, (y - bins[0]) / step, fine) / len(x)
    across, along = gaussian_rows(grid, bins, h[0]), gaussian_rows(grid, bins, h[1])
    return across @ counts @ along.T, across @ counts.sum(axis=1)


def _binned_pairs(x: np.ndarray, y: np.ndarray, size: int) -> np.ndarray:
    """Share pairs, in units of bins, between the four bins around them; x by rows."""
    i, j = (np.clip(np.floor(of).astype(np.int64), 0, size - 2) for of in (x, y))
    a, b = x - i, y - j
    total = np.zeros(size * size)
    for right, up, share in (
        (0, 0, (1 - a) * (1 - b)), (0, 1, (1 - a) * b), (1, 0, a * (1 - b)), (1, 1, a * b),
    ):  # fmt: skip
        total += np.bincount((i + right) * size + j + up, share, size * size)
    return total.reshape(size, size)


def _ergodic(
    conditional: np.ndarray, grid: np.ndarray, marginal: np.ndarray
) -> tuple[np.ndarray, list[str]]:
    """Return the density that the kernel leaves as it is."""
    step = grid[1] - grid[0]
    p = conditional * step
    # Where no data are near, the kernel says nothing: such points are left out.
    known = marginal > 1e-8 * marginal.max()
    p = p[np.ix_(known, known)]
    # Chances below a billionth would join what data keep apart.
    p[p < 1e-9] = 0.0
    # Between points far apart beside the bandwidth a row can lead to no known point.
    total = p.sum(axis=1, keepdims=True)
    p = np.divide(p, total, out=np.full_like(p, np.nan), where=total > 0)
    found, _, note = chains.ergodic(p)
    result = np.full(len(grid), np.nan)
    if note:
        return result, [f"ergodic density missing: {note}"]
    result[:] = 0.0
    result[known] = np.maximum(found, 0.0) / step
    return result, []
