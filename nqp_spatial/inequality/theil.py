"""`theil`: Theil's two indices, split over nested levels of groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Displayed, Spec
from nqp_spatial.core.groups import Groups
from nqp_spatial.core.inference import TestSet
from nqp_spatial.core.options import Level, Replications, Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import t
from nqp_spatial.core.weighted_sample import (
    WeightedSample,
    bootstrapped,
    percentile_intervals,
    weighted_sample,
)
from nqp_spatial.errors import OptionError, PanelError, sample

__all__ = ["TheilResult", "theil"]

Index = Literal["T", "L"]


@dataclass(frozen=True, repr=False, eq=False)
class TheilResult(Displayed):
    """Theil's index by period, and its parts.

    Attributes
    ----------
    frame : DataFrame
        One row per period: ``theil``; ``between_<level>`` for each level, from the coarsest, each
        within the one before; ``within_<finest level>``; and their shares,
        ``between_<level>_share`` and so on. Parts add up to the index.
    groups : DataFrame
        Of the coarsest level, columns (``share`` | ``theil``, group): the group's share in the
        total (T) or population (L), and the index within it.
    intervals : DataFrame or None
        By period: bounds of each column of `frame`, columns (name, "low" | "high").
    variable : str
    index : {"T", "L"}
    levels : tuple of str
    label : str
        Display label of the variable.
    level : float
        Of the intervals.
    spec : Spec
        ``variable, levels, index, population, replications, level, seed``.
    notes : tuple of str
    tests : TestSet
        Empty.
    level_labels : tuple of str
        Display labels of the levels.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> result = nq.inequality.theil(cities, "nqp", levels=["region4", "province"])
    >>> result.frame.columns[:4].tolist()
    ['theil', 'between_region4', 'between_province', 'within_province']
    """

    _figure: ClassVar[str] = "theil"

    frame: pd.DataFrame
    groups: pd.DataFrame
    intervals: pd.DataFrame | None
    variable: str
    index: Index
    levels: tuple[str, ...]
    label: str
    level: float
    spec: Spec
    notes: tuple[str, ...] = ()
    tests: TestSet = field(default_factory=TestSet)
    level_labels: tuple[str, ...] = ()

    def _blocks(self) -> list[Block]:
        title = t("Theil {index} of {variable}", index=self.index, variable=self.variable)
        return [title, self.frame]


@checked
def theil(
    panel: SpatialPanel,
    variable: str,
    *,
    levels: str | Sequence[str],
    index: Index = "T",
    population: str | None = None,
    replications: Replications = 0,
    level: Level = 0.95,
    seed: Seed = 0,
) -> TheilResult:
    """Split Theil's index of each period over nested levels of groups.

    With w the units' shares of the population and m means, ``T = sum w (y/m) ln(y/m)`` and
    ``L = sum w ln(m/y)``; groups g within their parent h add ``sum w_g (m_g/m) ln(m_g/m_h)`` to T
    and ``sum w_g ln(m_h/m_g)`` to L, and units within the finest groups the remainder.

    Parameters
    ----------
    panel : SpatialPanel
        Balanced, complete in the variable.
    variable : str
        Non-negative for T (0 ln 0 = 0), positive for L.
    levels : str or list of str
        Columns, from the coarsest to the finest; each group lies in one of the level before.
        Within groups of one unit there is no inequality.
    index : {"T", "L"}
    population : str, optional
        Column of the units' population. With a variable per head the index is that of people who
        all have their unit's mean.
    replications : int
        Bootstrap samples for intervals; units are drawn with all their periods.
    level : float
        Of the percentile intervals.
    seed : int, optional

    Returns
    -------
    TheilResult

    Raises
    ------
    PanelError
        If levels are not nested, or a unit has no group.
    DomainError
        If a value is negative, or zero for L.
    OptionError
        If an option is unknown.

    Notes
    -----
    Sources: Theil, H. (1967), Economics and Information Theory, ch. 4; Shorrocks, A. (1980), The
    class of additively decomposable inequality measures, Econometrica 48, 613-625; nested levels:
    Akita, T. (2003), Annals of Regional Science 37, 55-77. In a bootstrap sample a group of
    which no unit was drawn adds nothing.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> table = nq.inequality.theil(cities, "nqp", levels="region4", index="L").frame
    >>> parts = table["between_region4"] + table["within_region4"]
    >>> bool((table["theil"] - parts).abs().max() < 1e-12)
    True
    """
    names = [levels] if isinstance(levels, str) else list(levels)
    if not names:
        raise OptionError("levels must name at least one column")
    sign: Literal["positive", "non-negative"] = "non-negative" if index == "T" else "positive"
    data = weighted_sample(panel, variable, population, sign, f"Theil {index}")
    groups = [Groups.by_unit(panel, name) for name in names]
    codes = [group.codes for group in groups]
    _require_nested(panel, names, codes)
    parts = [*(f"between_{name}" for name in names), f"within_{names[-1]}"]
    columns = ["theil", *parts, *(f"{part}_share" for part in parts)]

    def measure(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return _with_shares(_split(values, weights, codes, index))

    intervals = None
    if replications:
        draws = bootstrapped(data, measure, replications, seed)
        intervals = percentile_intervals(draws, level, data.periods, columns)
    return TheilResult(
        frame=pd.DataFrame(measure(data.values, data.weights).T, data.periods, columns),
        groups=_by_group(groups[0], data, index),
        intervals=intervals,
        variable=variable,
        index=index,
        levels=tuple(names),
        label=panel.label(variable),
        level=level,
        spec=Spec(
            variable=variable, levels=tuple(names), index=index, population=population,
            replications=replications, level=level, seed=seed,
        ),
        level_labels=tuple(group.title for group in groups),
    )  # fmt: skip


def _split(
    values: np.ndarray, weights: np.ndarray, codes: list[np.ndarray], index: Index
) -> np.ndarray:
    """Return the parts from the coarsest level to the units, shape (levels + 1, periods)."""
    total = weights.sum(axis=1, keepdims=True)
    parent = np.broadcast_to((weights * values).sum(axis=1, keepdims=True) / total, values.shape)
    mean = parent[:, :1]
    share = weights / total
    parts = []
    for code in [*codes, None]:
        level = values if code is None else _group_means(values, weights, code)
        with np.errstate(divide="ignore", invalid="ignore"):
            # A group that is not in a bootstrap sample has no mean, and no weight.
            log = np.where((level > 0) & (parent > 0), np.log(level / parent), 0.0)
        parts.append((share * level / mean * log if index == "T" else -share * log).sum(axis=1))
        parent = level
    return np.array(parts)


def _group_means(values: np.ndarray, weights: np.ndarray, code: np.ndarray) -> np.ndarray:
    """Return the weighted mean of each unit's group, shape (periods, units)."""
    member = np.zeros((len(code), code.max() + 1))
    member[np.arange(len(code)), code] = 1.0
    total = weights @ member
    sums = (weights * values) @ member
    means = np.divide(sums, total, out=np.zeros_like(sums), where=total > 0)
    return np.asarray(means[:, code])


def _with_shares(parts: np.ndarray) -> np.ndarray:
    total = parts.sum(axis=0)
    share = np.divide(parts, total, out=np.zeros_like(parts), where=total > 0)
    return np.vstack([total, parts, share])


def _by_group(groups: Groups, data: WeightedSample, index: Index) -> pd.DataFrame:
    """Return the share of each group and the index within it."""
    shares, indices = {}, {}
    total = (data.weights * data.values).sum(axis=1)
    for code, name in enumerate(groups.names):
        member = groups.codes == code
        x, w = data.values[:, member], data.weights[:, member]
        income_share = (w * x).sum(axis=1) / total
        shares[name] = income_share if index == "T" else w.sum(axis=1) / data.weights.sum(axis=1)
        indices[name] = _split(x, w, [], index).sum(axis=0)
    return pd.concat(
        {
            "share": pd.DataFrame(shares, data.periods),
            "theil": pd.DataFrame(indices, data.periods),
        },
        axis=1,
    )


def _require_nested(panel: SpatialPanel, names: list[str], codes: list[np.ndarray]) -> None:
    for k in range(1, len(names)):
        outer, inner = codes[k - 1], pd.Series(codes[k])
        several = pd.Series(outer).groupby(inner).agg(np.ptp) > 0
        if several.any():
            units = panel.units[inner.isin(several.index[several])]
            raise PanelError(
                f"levels must be nested: groups of {names[k]!r} lie in several of "
                f"{names[k - 1]!r}, such as those of {sample(units)}"
            )
