"""`gaps`: differences between groups over time, and catching up."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Displayed, Spec
from nqp_spatial.core.groups import Groups
from nqp_spatial.core.inference import TestSet
from nqp_spatial.core.options import Nonnegative, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import t
from nqp_spatial.errors import DomainError, MissingValuesError, OptionError, sample

__all__ = ["GapsResult", "gaps", "intransitive"]


@dataclass(frozen=True, repr=False, eq=False)
class GapsResult(Displayed):
    """Levels of groups and gaps between them.

    Attributes
    ----------
    levels : DataFrame
        Periods by groups.
    frame : DataFrame
        By (ahead, behind, period), ahead the group with the higher level in the first period:
        ``difference``, ``ratio`` (missing where the levels are not both positive), ``change`` (of
        the difference since the first period), ``change_percent`` (missing where the first
        difference is not positive, which has no percentage), ``sign_switch`` (the difference has
        another sign than in the first period), ``catch_up`` (growth of the group behind less that
        of the group ahead since the period before, log points per period).
    variable, group : str
    label : str
        Display label of the variable.
    spec : Spec
        ``variable, group, how, population``.
    notes : tuple of str
    tests : TestSet
        Empty.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> nq.inequality.gaps(cities, "gdp_pc", group="east").frame.loc["centre", "periphery"].shape
    (10, 6)
    """

    _figure: ClassVar[str] = "over_periods"

    levels: pd.DataFrame
    frame: pd.DataFrame
    variable: str
    group: str
    label: str
    spec: Spec
    notes: tuple[str, ...] = ()
    tests: TestSet = field(default_factory=TestSet)

    def _blocks(self) -> list[Block]:
        title = t(
            "Gaps of {variable} between groups of {group}",
            variable=self.variable, group=self.group,
        )  # fmt: skip
        return [title, self.frame]


@checked
def gaps(
    panel: SpatialPanel,
    variable: str,
    *,
    group: str | pd.Series,
    how: Literal["mean", "sum"] = "mean",
    population: str | None = None,
) -> GapsResult:
    """Compare the levels of groups over time, pair by pair.

    Parameters
    ----------
    panel : SpatialPanel
    variable : str
        Of any sign; ratios and growth are given where levels are positive.
    group : str or Series
        A column that does not change over periods, or groups by unit.
    how : {"mean", "sum"}
        The level of a group.
    population : str, optional
        Column that weights the mean, such as population for a variable per head.

    Returns
    -------
    GapsResult

    Raises
    ------
    OptionError
        If an option is unknown, or a population is passed for a sum.
    PanelError
        If a unit has no group.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> nq.inequality.gaps(cities, "nqp", group="region4").levels.columns.tolist()
    ['Central', 'East', 'Northeast', 'West']
    """
    if how == "sum" and population is not None:
        raise OptionError("population weights a mean; leave it out for a sum")
    x = panel.values(variable).T
    w = np.ones_like(x) if population is None else panel.values(population).T
    groups = Groups.by_unit(panel, group)
    member = groups.indicators()
    level = (w * x) @ member
    if how == "mean":
        level = level / (w @ member)
    levels = pd.DataFrame(level, panel.periods, pd.Index(groups.names, name="group"))
    order = levels.iloc[0].sort_values(ascending=False, kind="stable").index
    frame = pd.concat(
        {(a, b): _pair(levels[a], levels[b]) for a, b in itertools.combinations(order, 2)},
        names=["ahead", "behind"],
    )
    return GapsResult(
        levels=levels,
        frame=frame,
        variable=variable,
        group=groups.name,
        label=panel.label(variable),
        spec=Spec(variable=variable, group=groups.name, how=how, population=population),
    )


@checked
def intransitive(differences: pd.Series, *, tolerance: Nonnegative = 0.0) -> pd.DataFrame:
    """Find triples of published differences that contradict each other.

    The differences of a, b and c must obey ``d(a, c) = d(a, b) + d(b, c)``.

    Parameters
    ----------
    differences : Series
        By (first, second): the level of the first less that of the second, in either order.
    tolerance : float
        How much a sum may differ, such as by rounding.

    Returns
    -------
    DataFrame
        One row per triple that does not add up: ``a, b, c, stated`` (d(a, c)), ``implied``
        (by the other two) and ``off``, their difference. A plain frame.

    Raises
    ------
    OptionError
        If the index does not name pairs.

    Examples
    --------
    >>> import pandas as pd
    >>> pairs = [("East", "West"), ("East", "Central"), ("Central", "West")]
    >>> published = pd.Series([25_003, 15_000, 10_103], pd.MultiIndex.from_tuples(pairs))
    >>> intransitive(published)[["implied", "off"]].to_numpy().tolist()
    [[25103.0, -100.0]]
    """
    if differences.index.nlevels != 2:
        raise OptionError("differences must be indexed by (first, second)")
    if not pd.api.types.is_numeric_dtype(differences) or differences.dtype.kind == "c":
        raise DomainError(f"differences must be numbers, they are of type {differences.dtype}")
    absent = ~np.isfinite(differences.to_numpy(dtype=float, na_value=np.nan))
    if absent.any():
        raise MissingValuesError(
            f"differences are missing or infinite for {sample(differences.index[absent])}; "
            "leave these pairs out"
        )
    gap: dict[tuple[object, object], float] = {}
    for (a, b), value in differences.items():
        gap[a, b], gap[b, a] = float(value), -float(value)
    names = list(dict.fromkeys(itertools.chain.from_iterable(differences.index)))
    rows = []
    for a, b, c in itertools.combinations(names, 3):
        if (a, b) in gap and (b, c) in gap and (a, c) in gap:
            # From the highest to the lowest: the widest gap is compared with the sum of the others.
            a, b, c = max(
                itertools.permutations((a, b, c)), key=lambda names: gap[names[0], names[2]]
            )
            implied = gap[a, b] + gap[b, c]
            if abs(gap[a, c] - implied) > tolerance:
                rows.append((a, b, c, gap[a, c], implied, gap[a, c] - implied))
    return pd.DataFrame(rows, columns=["a", "b", "c", "stated", "implied", "off"])


def _pair(ahead: pd.Series, behind: pd.Series) -> pd.DataFrame:
    difference = ahead - behind
    positive = (ahead > 0) & (behind > 0)
    first = difference.iloc[0]
    change = difference - first
    with np.errstate(divide="ignore", invalid="ignore"):
        growth = np.log(behind.where(positive)).diff() - np.log(ahead.where(positive)).diff()
    return pd.DataFrame(
        {
            "difference": difference,
            "ratio": (ahead / behind).where(positive),
            "change": change,
            "change_percent": 100 * change / first if first > 0 else np.nan,
            "sign_switch": np.sign(difference) * np.sign(first) < 0,
            "catch_up": growth,
        }
    )
