"""`coupling`: coupling coordination degree of systems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.inference import TestSet
from nqp_spatial.core.options import Share, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.errors import DomainError, OptionError, sample

__all__ = ["CouplingResult", "coupling"]

GRADES = (
    "extreme disorder",
    "severe disorder",
    "moderate disorder",
    "mild disorder",
    "verge of disorder",
    "bare coordination",
    "primary coordination",
    "intermediate coordination",
    "good coordination",
    "superior coordination",
)


@dataclass(frozen=True, repr=False, eq=False)
class CouplingResult(Displayed):
    """Coupling coordination of systems.

    Attributes
    ----------
    frame : DataFrame
        By (unit, period): ``coupling`` C, ``development`` T, ``coordination`` D, ``grade`` (ordered
        categories), ``lagging`` (the system that lags; none where systems are balanced).
    spec : Spec
        Systems, form and options.
    notes : tuple of str

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> result = nq.composite.coupling(cities, ["nqp", "relations"])
    >>> result.frame.columns.tolist()
    ['coupling', 'development', 'coordination', 'grade', 'lagging']
    """

    frame: pd.DataFrame
    spec: Spec
    notes: tuple[str, ...] = ()

    _figure = "over_periods"

    @property
    def tests(self) -> TestSet:
        """No tests."""
        return TestSet()

    def _blocks(self) -> list[Block]:
        kind = "corrected" if self.spec.corrected else "classical"
        counts = self.frame["grade"].value_counts(sort=False)
        return [
            f"Coupling coordination ({kind}) of {', '.join(self.spec.systems)}",
            self.frame.iloc[:, :3].describe(),
            counts,
            *notes_of(self.notes),
        ]


@checked
def coupling(
    panel: SpatialPanel,
    systems: Sequence[str],
    *,
    corrected: bool = True,
    system_weights: Sequence[float] | None = None,
    cuts: Sequence[float] | None = None,
    grades: Sequence[str] | None = None,
    tolerance: Share = 0.1,
) -> CouplingResult:
    """Measure the coupling coordination of two or more systems.

    Classical: ``C = n (prod U)^(1/n) / sum U``. Corrected::

        C = sqrt{ [1 - sum_{i>j} |U_i - U_j| / (n (n - 1) / 2)] (prod_i U_i / max U)^(1/(n - 1)) }

    ``T = sum a_i U_i``, ``D = sqrt(C T)``.

    Parameters
    ----------
    panel : SpatialPanel
    systems : list of str
        Columns with values in [0, 1], such as scores of `index`.
    corrected : bool
        The classical C is near one for almost all data: it is one at any U_1 = U_2, and at a ratio
        of 2 still 0.94. The corrected one uses the range [0, 1].
    system_weights : list of float, optional
        a; equal by default, rescaled to add up to one.
    cuts : list of float, optional
        Bounds of the grades of D between 0 and 1, ascending; tenths by default. A grade includes
        its lower bound.
    grades : list of str, optional
        One name more than cuts; by default the usual ten.
    tolerance : float
        Systems that differ by at most this share of the largest are balanced: none lags.

    Returns
    -------
    CouplingResult

    Raises
    ------
    OptionError
        If there are fewer than two systems, or weights, cuts or grades do not fit.
    DomainError
        If values lie outside [0, 1].

    Notes
    -----
    Source of the correction: Wang Shujia, Kong Wei, Ren Liang, Zhi Danyang and Dai Binting (2021),
    Journal of Natural Resources 36, 793-810. With two systems it is ``sqrt{(1 - |U_1 - U_2|) min U
    / max U}``. It needs values in [0, 1], grows with the lagging system, and falls as the leading
    one moves away. Where all systems are zero C is zero.

    Examples
    --------
    >>> import pandas as pd
    >>> import nqp_spatial as nq
    >>> frame = pd.DataFrame({"id": [1, 2], "a": [0.5, 0.8], "b": [0.5, 0.4]})
    >>> panel = nq.SpatialPanel(frame, unit="id")
    >>> nq.composite.coupling(panel, ["a", "b"]).frame["coupling"].round(4).tolist()
    [1.0, 0.5477]
    """
    names = list(systems)
    if len(names) < 2 or len(set(names)) < len(names):
        raise OptionError(f"systems must be two or more different columns, got {names}")
    u = np.stack([panel.values(name) for name in names], axis=2).reshape(-1, len(names))
    outside = (u < -1e-12) | (u > 1 + 1e-12)  # rounding may exceed the bounds slightly
    if outside.any():
        which = [
            name for name, bad in zip(names, np.atleast_1d(outside.any(axis=0)), strict=True) if bad
        ]
        raise DomainError(
            f"systems must lie in [0, 1]; not so: {sample(which)}. Scale them first, such as with "
            "composite.index"
        )
    u = np.clip(u, 0.0, 1.0)
    a = np.ones(len(names)) if system_weights is None else np.asarray(system_weights, dtype=float)
    if len(a) != len(names) or (a < 0).any() or not a.sum() > 0:
        raise OptionError(
            f"system_weights must be {len(names)} numbers, not negative nor all zero; "
            f"got {a.tolist()}"
        )
    bounds = np.arange(1, 10) / 10 if cuts is None else np.asarray(cuts, dtype=float)
    words = list(GRADES) if grades is None else list(grades)
    if (np.diff(bounds) <= 0).any() or len(words) != len(bounds) + 1:
        raise OptionError(
            f"cuts must ascend and grades be one more: got {len(bounds)} cuts, {len(words)} grades"
        )
    if len(set(words)) < len(words):
        raise OptionError(f"grades must be different names, got {words}")
    c = _corrected(u) if corrected else _classical(u)
    t = u @ (a / a.sum())
    d = np.sqrt(c * t)
    frame = pd.DataFrame(
        {
            "coupling": c,
            "development": t,
            "coordination": d,
            "grade": pd.Categorical.from_codes(
                np.searchsorted(bounds, d, side="right"), words, ordered=True
            ),
            "lagging": _lagging(u, names, tolerance),
        },
        index=panel.frame.index,
    )
    spec = Spec(
        systems=tuple(names), corrected=corrected, system_weights=system_weights,
        cuts=tuple(bounds.tolist()), grades=tuple(words), tolerance=tolerance,
    )  # fmt: skip
    return CouplingResult(frame, spec)


def _classical(u: np.ndarray) -> np.ndarray:
    n, total = u.shape[1], u.sum(axis=1)
    product = u.prod(axis=1) ** (1 / n)
    ratio = np.divide(n * product, total, out=np.zeros_like(total), where=total > 0)
    # Rounding may exceed one slightly.
    return np.asarray(np.minimum(ratio, 1.0))


def _corrected(u: np.ndarray) -> np.ndarray:
    n, top = u.shape[1], u.max(axis=1)
    ordered = np.sort(u, axis=1)
    # The sum over pairs of |U_i - U_j|: in ascending order the k-th counts 2 k + 1 - n times.
    apart = ordered @ (2.0 * np.arange(n) + 1 - n)
    share = np.divide(u, top[:, None], out=np.zeros_like(u), where=top[:, None] > 0)
    nearness = np.maximum(1 - apart / (n * (n - 1) / 2), 0)
    return np.asarray(np.sqrt(nearness * share.prod(axis=1) ** (1 / (n - 1))))


def _lagging(u: np.ndarray, names: list[str], tolerance: float) -> np.ndarray:
    """Return the name of the smallest system, nothing where systems are balanced."""
    smallest = np.array(names, dtype=object)[u.argmin(axis=1)]
    balanced = u.max(axis=1) - u.min(axis=1) <= tolerance * u.max(axis=1)
    return np.asarray(np.where(balanced, None, smallest))
